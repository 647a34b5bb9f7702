"""How far a prediction is from the ground truth: metrics of arrays and tensors, and a suite of them under a protocol.

Every metric takes single images or batches, numpy arrays (channels last) or torch tensors (channels first), uint8,
uint16 or floats over 0..1, and gives one number an image. Metrics that torchmetrics has go by its names too, such as
`peak_signal_noise_ratio`, with one number an image as its `reduction="none"`. Names load on first use.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sshbench.metrics.arrays import MetricError as MetricError
    from sshbench.metrics.colour import ciede2000 as ciede2000
    from sshbench.metrics.colour import fciede2000 as fciede2000
    from sshbench.metrics.pair import score as score
    from sshbench.metrics.perceptual import LpipsError as LpipsError
    from sshbench.metrics.perceptual import lpips as lpips
    from sshbench.metrics.pixel import boundary_mse as boundary_mse
    from sshbench.metrics.pixel import fmse as fmse
    from sshbench.metrics.pixel import fmse_scaled as fmse_scaled
    from sshbench.metrics.pixel import fmse_weighted as fmse_weighted
    from sshbench.metrics.pixel import fpsnr as fpsnr
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
    "boundary_mse": "pixel",
    "ciede2000": "colour",
    "fciede2000": "colour",
    "fmse": "pixel",
    "fmse_scaled": "pixel",
    "fmse_weighted": "pixel",
    "fpsnr": "pixel",
    "fssim": "structural",
    "lpips": "perceptual",
    "mae": "pixel",
    "mse": "pixel",
    "psnr": "pixel",
    "score": "pair",
    "ssim": "structural",
}
_ALIASES = {
    "learned_perceptual_image_patch_similarity": "lpips",
    "mean_absolute_error": "mae",
    "mean_squared_error": "mse",
    "peak_signal_noise_ratio": "psnr",
    "structural_similarity_index_measure": "ssim",
}
"""Names of torchmetrics."""

__all__ = sorted({*_HOMES, *_ALIASES})


def __getattr__(name: str) -> Any:
    ours = _ALIASES.get(name, name)
    if ours in _HOMES:
        return getattr(import_module(f"sshbench.metrics.{_HOMES[ours]}"), ours)
    raise AttributeError(f"module 'sshbench.metrics' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
