"""Metrics that compare a prediction with the ground truth, for arrays and tensors, and a suite of them per protocol.

Every metric takes single images or batches, numpy arrays (channels last) or torch tensors (channels first), of uint8,
uint16 or floats over 0..1, and returns one number for each image. Metrics that torchmetrics has are also available
under its names, such as `peak_signal_noise_ratio`; they return one number for each image, as with
`reduction="none"`. Names load on first use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sshbench.lazy import exports

if TYPE_CHECKING:
    from sshbench.metrics.arrays import MetricError as MetricError
    from sshbench.metrics.colour import ciede2000 as ciede2000
    from sshbench.metrics.colour import fciede2000 as fciede2000
    from sshbench.metrics.foreground import boundary_mse as boundary_mse
    from sshbench.metrics.foreground import fmse as fmse
    from sshbench.metrics.foreground import fmse_scaled as fmse_scaled
    from sshbench.metrics.foreground import fmse_weighted as fmse_weighted
    from sshbench.metrics.foreground import fpsnr as fpsnr
    from sshbench.metrics.pair import score as score
    from sshbench.metrics.perceptual import LpipsError as LpipsError
    from sshbench.metrics.perceptual import lpips as lpips
    from sshbench.metrics.pixel import mae as mae
    from sshbench.metrics.pixel import mse as mse
    from sshbench.metrics.pixel import psnr as psnr
    from sshbench.metrics.structural import fssim as fssim
    from sshbench.metrics.structural import ssim as ssim
    from sshbench.metrics.suite import METRICS as METRICS
    from sshbench.metrics.suite import Metric as Metric
    from sshbench.metrics.suite import MetricWarning as MetricWarning

    learned_perceptual_image_patch_similarity = lpips
    mean_absolute_error, mean_squared_error = mae, mse
    peak_signal_noise_ratio, structural_similarity_index_measure = psnr, ssim

_HOMES = {
    "METRICS": "suite",
    "LpipsError": "perceptual",
    "Metric": "suite",
    "MetricError": "arrays",
    "MetricWarning": "suite",
    "boundary_mse": "foreground",
    "ciede2000": "colour",
    "fciede2000": "colour",
    "fmse": "foreground",
    "fmse_scaled": "foreground",
    "fmse_weighted": "foreground",
    "fpsnr": "foreground",
    "fssim": "structural",
    "lpips": "perceptual",
    "mae": "pixel",
    "mse": "pixel",
    "psnr": "pixel",
    "score": "pair",
    "ssim": "structural",
    # These are the names of torchmetrics.
    "learned_perceptual_image_patch_similarity": "perceptual:lpips",
    "mean_absolute_error": "pixel:mae",
    "mean_squared_error": "pixel:mse",
    "peak_signal_noise_ratio": "pixel:psnr",
    "structural_similarity_index_measure": "structural:ssim",
}
__getattr__, __dir__, __all__ = exports(__name__, _HOMES)
