"""Score one pair of arrays under a protocol, without a benchmark."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sshbench.benchmarks.composite import Composite
from sshbench.benchmarks.protocol import Protocol, ProtocolError, get_protocol
from sshbench.metrics import arrays
from sshbench.metrics.arrays import Images, Layout, Masks, MetricError
from sshbench.metrics.suite import METRICS, chosen
from sshbench.metrics.suite import score as score_composite

if TYPE_CHECKING:
    from torch import Tensor

_NEED_MASK = frozenset(name for name, metric in METRICS.items() if metric.foreground) | {"boundary_mse"}


def score(
    prediction: Images,
    target: Images,
    mask: Masks | None = None,
    protocol: str | Protocol = "sshbench-v1",
    *,
    composite: Images | None = None,
    metrics: Sequence[str] | None = None,
    data_range: float | None = None,
    layout: Layout = "auto",
    device: str = "cpu",
) -> dict[str, float]:
    """Score one prediction against its ground truth under a protocol.

    Parameters
    ----------
    prediction, target
        `[H, W, 3]` of numpy or `[3, H, W]` of torch; uint8, uint16, or floats over 0..1; sRGB-encoded. The target is
        rounded to uint8, as images of a benchmark are. The prediction may have the protocol's size instead.
    mask
        `[H, W]`: booleans, uint8 or uint16 over their range or of 0 and 1, or floats over 0..1. Without one, the
        metrics of the foreground are left out.
    protocol
        A name of `sshbench protocols`, or a protocol.
    composite
        The composite that was harmonized, in the form of `target`. Protocols such as `sshbench-v1` paste the foreground
        of the prediction onto the background of the composite; without a composite, the prediction is scored unchanged.
    metrics
        Names of `sshbench.metrics.METRICS`; by default all that the protocol defines, without `lpips_squeeze` and
        `lpips_vgg`.
    data_range
        The value of white in the images, if it is not that of the type (255 of uint8, 65535 of uint16, 1 of floats).
    layout
        `"HWC"` or `"CHW"`, if it is not that of numpy (HWC) or torch (CHW).
    device
        The device that computes the metrics, as torch names it.

    Returns
    -------
    dict
        The value of each metric, in the order of the protocol's metrics. LPIPS is left out, with a `MetricWarning`, if
        its weights are missing. The metrics of the foreground are left out if the mask has no foreground at the
        protocol's size.

    Raises
    ------
    MetricError
        The shapes differ, values are not finite or lie far outside the range, or there is no such metric.
    ProtocolError
        There is no such protocol, it defines none of the metrics, or it needs a mask.
    ImageFileError
        The mask is not accepted, for example because it has several labels.

    Examples
    --------
    >>> import numpy as np, sshbench
    >>> target = np.full((64, 64, 3), 100, np.uint8)
    >>> sshbench.score(target + np.uint8(5), target, metrics=["psnr", "mse"])
    {'psnr': 34.15..., 'mse': 25.0}
    """
    rules = get_protocol(protocol) if isinstance(protocol, str) else protocol
    names = chosen(rules, metrics)
    if mask is None:
        names = _without_mask(rules, names, asked=metrics is not None)
    if composite is None and rules.background in ("composite", "composite-blend"):
        rules = replace(rules, background="prediction")
    predicted = _image(prediction, "prediction", layout, data_range)
    truth = _image(target, "target", layout, data_range)
    size = (predicted.shape[-1], predicted.shape[-2])
    if size not in ((truth.shape[-1], truth.shape[-2]), rules.size):
        also = f" or of {rules.size[0]} x {rules.size[1]}, the protocol's size" if rules.size else ""
        raise MetricError(
            f"the prediction is {size[0]} x {size[1]}; give it of the target's size, {truth.shape[-1]} x "
            f"{truth.shape[-2]}{also}"
        )
    known = _bytes(truth)
    given = known if composite is None else _bytes(_image(composite, "composite", layout, data_range))
    shares = np.ones(known.shape[:2], np.float32) if mask is None else arrays.masks(mask, truth).numpy()[0, 0]
    sample = Composite("the image", composite=given, foreground=given, background=given, mask=shares, target=known)
    pixels = _rows(predicted).numpy()
    if pixels.dtype != np.uint8:
        pixels = (pixels / 255).astype(np.float32)
    return score_composite(pixels, sample, rules, names, device)


def _without_mask(protocol: Protocol, names: Sequence[str], *, asked: bool) -> tuple[str, ...]:
    missing = [name for name in names if name in _NEED_MASK]
    if missing and asked:
        raise MetricError(f"{', '.join(missing)} needs a mask of the foreground")
    if (
        protocol.region != "whole"
        or protocol.background == "target"
        or (protocol.ssim and protocol.ssim.background == "target")
    ):
        raise ProtocolError(f"{protocol.name} weighs pixels by the mask; give one, or another protocol")
    names = tuple(name for name in names if name not in _NEED_MASK)
    if not names:
        raise ProtocolError(f"{protocol.name} defines nothing that can be computed without a mask; give one")
    return names


def _image(value: Images, name: str, layout: Layout, data_range: float | None) -> Tensor:
    """Return one image as `[1, 3, H, W]` over 0..255 on the CPU."""
    if getattr(value, "ndim", 3) != 3:
        raise MetricError(
            f"the {name} has the shape {list(value.shape)}; score takes one image, [H, W, 3] or [3, H, W]"
        )
    image = arrays.images(value, name, layout, data_range).detach().cpu()
    return image.expand(-1, 3, -1, -1)


def _rows(image: Tensor) -> Tensor:
    return image[0].permute(1, 2, 0).contiguous()


def _bytes(image: Tensor) -> NDArray[Any]:
    rows: NDArray[Any] = _rows(image).numpy()
    return rows if rows.dtype == np.uint8 else np.clip(np.rint(rows), 0, 255).astype(np.uint8)
