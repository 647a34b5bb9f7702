"""Named and versioned protocols for scoring predictions: our own, and those of published code.

A protocol is data. `metrics.prepare` makes the two images to compare from a prediction, a composite and a protocol;
`metrics.suite` compares them. docs/protocols.md shows the effect of each protocol on the same predictions.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from sshbench.errors import SshbenchError, suggestion

if TYPE_CHECKING:
    from sshbench.images.resize import Resize

MaskKind = Literal["soft", "mode-1"]
Quantise = Literal["round", "float", "clip", "truncate", "tensor2im", "jpeg-75"]
Background = Literal["prediction", "composite", "composite-blend", "target"]
Peak = Literal["255", "prediction-range", "target-max"]
Region = Literal["whole", "mask-weighted"]
ForegroundMse = Literal["threshold", "weighted", "scaled"]


class ProtocolError(SshbenchError):
    """A protocol does not exist, or cannot score the given images."""


@dataclass(frozen=True)
class Ssim:
    """The definition of structural similarity (SSIM) in a protocol.

    Parameters
    ----------
    window
        `"gaussian"` for 11 x 11 pixels with sigma 1.5 as in Wang et al. 2004, or `"uniform"` for 7 x 7 pixels with the
        sample covariance, the default of scikit-image.
    peak
        The dynamic range L of the constants (0.01 L)^2 and (0.03 L)^2, or `"prediction-range"`.
    background
        `"target"` replaces the background of the prediction by that of the ground truth, for SSIM only.

    Examples
    --------
    >>> from sshbench.benchmarks import Ssim, get_protocol
    >>> get_protocol("sshbench-v1").ssim == Ssim(window="gaussian", peak=255.0)
    True
    """

    window: Literal["gaussian", "uniform"] = "gaussian"
    peak: float | Literal["prediction-range"] = 255.0
    background: Literal["prediction", "target"] = "prediction"


@dataclass(frozen=True)
class Protocol:
    """The definition of a protocol: resizing, mask, rounding, peak, and metrics.

    Parameters
    ----------
    name, version
        The identity of the protocol. Only scores of the same name and version are comparable.
    resize, size
        The filter that resizes composite, ground truth, prediction and mask to `size` (width, height) in pixels, or
        None. A prediction that already has this size is not resized.
    mask
        `"soft"` keeps the values 0..1 and resizes the mask like the images. `"mode-1"` makes the mask black and white
        by Pillow's `convert("1")`, which dithers greys, and resizes it by nearest-neighbour interpolation.
    quantise
        The rounding of the prediction. Before resizing, `"round"` rounds to uint8 and clips, and `"jpeg-75"` truncates
        to uint8 and saves as JPEG of quality 75. After resizing, `"float"` changes nothing, `"clip"` clips to 0..255
        and keeps fractions, `"truncate"` clips and truncates to uint8, and `"tensor2im"` converts to float32 -1..1 and
        truncates back to uint8 without clipping. `"tensor2im"` decreases 63 of the 256 levels by 1, also in the ground
        truth.
    background
        The replacement of the prediction outside the mask: none (`"prediction"`), the composite where the mask is zero
        (`"composite"`), the composite blended by the mask (`"composite-blend"`), or the ground truth (`"target"`).
    peak
        The peak P of PSNR = 10 log10(P^2 / (MSE + epsilon)): 255, the largest minus the smallest value of the scored
        image, or the largest value of the ground truth.
    region
        The squared errors for MSE and PSNR are averaged over the whole image, or weighted by the mask, summed over all
        pixels, and divided by the number of pixels.
    fmse
        The definition of foreground MSE: the mean over pixels whose mask is at least 0.5 (`"threshold"`), the mean
        weighted by the mask (`"weighted"`), or the MSE of images multiplied by the mask, scaled by the number of pixels
        divided by the sum of the mask (`"scaled"`).
    ssim
        The definition of SSIM, or None.
    metrics
        The metrics that the protocol defines, in the order of the columns of tables.
    description, source
        One sentence about the protocol, and its source.
    gives_away
        The information about the ground truth that the protocol passes to a result: a sentence that every table
        repeats, or "" if there is none.

    Raises
    ------
    ValueError
        Only one of `resize` and `size` is given, or the metrics contain SSIM and `ssim` is None.

    Examples
    --------
    >>> from dataclasses import replace
    >>> from sshbench.benchmarks import get_protocol
    >>> small = replace(get_protocol("sshbench-v1"), name="mine", size=(128, 128))
    >>> small.name, small.size, small.metrics[:2]
    ('mine', (128, 128), ('psnr', 'mse'))
    """

    name: str
    description: str
    source: str
    metrics: tuple[str, ...]
    version: int = 1
    resize: Resize | None = None
    size: tuple[int, int] | None = None
    mask: MaskKind = "soft"
    quantise: Quantise = "round"
    background: Background = "prediction"
    peak: Peak = "255"
    epsilon: float = 0.0
    region: Region = "whole"
    fmse: ForegroundMse = "threshold"
    ssim: Ssim | None = None
    gives_away: str = ""
    notes: tuple[str, ...] = field(default=())

    def __post_init__(self) -> None:
        if (self.resize is None) != (self.size is None):
            raise ValueError("resize and size must be given together")
        if ("ssim" in self.metrics or "fssim" in self.metrics) and self.ssim is None:
            raise ValueError(f"{self.name} lists SSIM without saying how it is computed")


OURS = (
    *("psnr", "mse", "ssim", "lpips", "mae", "ciede2000", "fmse", "fpsnr", "fssim", "fciede2000", "boundary_mse"),
    *("lpips_squeeze", "lpips_vgg"),
)
EXTRA = ("lpips_squeeze", "lpips_vgg")
"""Metrics that are computed only on request."""

_ALL = (
    Protocol(
        name="sshbench-v1",
        description="Ours: 256 x 256, rounded to uint8, background from the composite, peak 255, everything stated.",
        source="docs/protocols.md",
        metrics=OURS,
        resize="pil-bicubic",
        size=(256, 256),
        quantise="round",
        background="composite",
        ssim=Ssim(),
    ),
    Protocol(
        name="sshbench-v1-fullres",
        description="Ours at full resolution: as sshbench-v1 without a resize.",
        source="docs/protocols.md",
        metrics=OURS,
        quantise="round",
        background="composite",
        ssim=Ssim(),
    ),
    Protocol(
        name="ssh-iccv21",
        description="The demo notebook of SSH: the full-size result saved as JPEG, then OpenCV's area resize.",
        source="github.com/VITA-Group/SSHarmonization, demo.ipynb (commit 0bb4ce8)",
        metrics=("psnr", "mse"),
        resize="opencv-area",
        size=(256, 256),
        quantise="jpeg-75",
        peak="prediction-range",
        notes=("SSIM is imported there and never computed.",),
    ),
    Protocol(
        name="dovenet",
        description="DoveNet's test script: truncated to uint8 without clipping, the ground truth too.",
        source="github.com/bcmi/Image-Harmonization-Dataset-iHarmony4, DoveNet/test.py (commit 0bdb51d)",
        metrics=("psnr", "mse"),
        resize="pil-bilinear",
        size=(256, 256),
        mask="mode-1",
        quantise="tensor2im",
        peak="prediction-range",
    ),
    Protocol(
        name="iharmony4-evaluation",
        description="The evaluation script of iHarmony4: bicubic, floats, foreground MSE scaled by the area.",
        source="github.com/bcmi/Image-Harmonization-Dataset-iHarmony4, evaluation.py (commit 0bdb51d)",
        metrics=("psnr", "mse", "fmse"),
        resize="pil-bicubic",
        size=(256, 256),
        mask="mode-1",
        quantise="float",
        peak="prediction-range",
        fmse="scaled",
        notes=("The script scores the composite; whatever image is scored here gives its range as peak.",),
    ),
    Protocol(
        name="dih-tf",
        description="The test script of DIH in TensorFlow: bicubic, clipped floats, SSIM with a 7 x 7 window.",
        source="github.com/bcmi/Image-Harmonization-Dataset-iHarmony4, dih/ (commit 0bdb51d)",
        metrics=("psnr", "mse", "ssim"),
        resize="pil-bicubic",
        size=(256, 256),
        quantise="clip",
        peak="prediction-range",
        ssim=Ssim("uniform", "prediction-range"),
    ),
    Protocol(
        name="s2am",
        description="The notebook of S2AM: the input's background is blended back, then truncated to uint8.",
        source="github.com/vinthony/s2am, eval_s2am_iharmony4.ipynb (commit f96446e)",
        metrics=("psnr", "mse"),
        resize="pil-bilinear",
        size=(256, 256),
        quantise="truncate",
        background="composite-blend",
        peak="prediction-range",
    ),
    Protocol(
        name="issam",
        description="iSSAM and iDIH: OpenCV's linear resize, floats, the ground truth's largest value as peak.",
        source="github.com/saic-vul/image_harmonization, iharm/inference/metrics.py (commit 7f71cc1)",
        metrics=("psnr", "mse", "fmse"),
        resize="opencv-linear",
        size=(256, 256),
        quantise="clip",
        peak="target-max",
        epsilon=1e-6,
        fmse="weighted",
    ),
    Protocol(
        name="pct-fullres",
        description="PCT-Net at full resolution: errors weighted by the mask, SSIM with the ground truth's background.",
        source="github.com/rakutentech/PCT-Net-Image-Harmonization, iharm/inference/metrics.py",
        metrics=("psnr", "mse", "fmse", "ssim"),
        quantise="clip",
        epsilon=1e-6,
        region="mask-weighted",
        fmse="weighted",
        ssim=Ssim("gaussian", 255.0, background="target"),
        gives_away="SSIM is of the ground truth's background, and the other errors are multiplied by the mask",
    ),
    Protocol(
        name="dccf",
        description="DCCF at full resolution: as pct-fullres with the ground truth's largest value as peak.",
        source="github.com/rockeyben/DCCF, iharm/inference/metrics.py",
        metrics=("psnr", "mse", "fmse", "ssim"),
        quantise="clip",
        peak="target-max",
        epsilon=1e-6,
        region="mask-weighted",
        fmse="weighted",
        ssim=Ssim("gaussian", 255.0, background="target"),
        gives_away="SSIM is of the ground truth's background, and the other errors are multiplied by the mask",
    ),
    Protocol(
        name="harmonizer",
        description="Harmonizer at full resolution: clipped floats, SSIM with the constants of a range of 2.",
        source="github.com/ZHKKKe/Harmonizer, src/val_harmonizer.py",
        metrics=("psnr", "mse", "fmse", "ssim"),
        mask="mode-1",
        quantise="clip",
        peak="prediction-range",
        fmse="scaled",
        ssim=Ssim("uniform", 2.0),
        notes=("No data range is given there, so scikit-image takes that of floats, -1..1, for values of 0..255.",),
    ),
    Protocol(
        name="hdnet-gtbg",
        description="RainNet and HDNet: the background is rebuilt from the ground truth, then truncated to uint8.",
        source="github.com/junleen/RainNet and github.com/chenhaoxing/HDNet, evaluate.py",
        metrics=("psnr", "mse", "fmse", "ssim"),
        resize="pil-bilinear",
        size=(256, 256),
        mask="mode-1",
        quantise="tensor2im",
        background="target",
        fmse="scaled",
        ssim=Ssim("uniform", 255.0),
        gives_away="The ground truth's background stands behind every result, so that no error of it counts",
    ),
)

PROTOCOLS: dict[str, Protocol] = {protocol.name: protocol for protocol in _ALL}

DEFAULT = "sshbench-v1"


def get_protocol(name: str) -> Protocol:
    """Return the protocol with a name.

    Parameters
    ----------
    name
        A name in `sshbench.benchmarks.PROTOCOLS`. `sshbench protocols` lists the names.

    Returns
    -------
    Protocol
        The protocol, which is immutable.

    Raises
    ------
    ProtocolError
        No protocol has this name. The message suggests the most similar name.

    Examples
    --------
    >>> from sshbench.benchmarks import get_protocol
    >>> get_protocol("dovenet").metrics
    ('psnr', 'mse')
    """
    if name in PROTOCOLS:
        return PROTOCOLS[name]
    raise ProtocolError(f"there is no protocol {name!r}{suggestion(name, PROTOCOLS)}")
