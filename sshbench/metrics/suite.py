"""Compute all metrics of a protocol: from a prediction and a composite to a dict of numbers."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sshbench.benchmarks.composite import FOREGROUND, Composite
from sshbench.benchmarks.prediction import PredictionError
from sshbench.benchmarks.protocol import EXTRA, Protocol, ProtocolError
from sshbench.errors import suggestion
from sshbench.metrics import colour, foreground, perceptual, pixel, structural
from sshbench.metrics.arrays import MetricError, planes
from sshbench.metrics.prepare import Prediction, Prepared, prepare

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["METRICS", "Metric", "MetricError", "MetricWarning", "PredictionError", "chosen", "score"]


class MetricWarning(UserWarning):
    """A metric cannot be computed here, so its column stays empty."""


@dataclass(frozen=True)
class Metric:
    """The facts about a metric that tables show, such as its title and unit. `METRICS` holds all metrics by name.

    Parameters
    ----------
    name, title
        The name in records and options, and the title in tables.
    higher_is_better
        Whether a larger value is better.
    unit
        The unit of the values, such as `"dB"`; empty for none.
    description
        One sentence on what the metric measures.
    foreground
        Whether only the pixels of the foreground count.
    digits
        The number of decimals in tables.

    Examples
    --------
    >>> from sshbench.metrics import METRICS
    >>> METRICS["psnr"].title, METRICS["psnr"].unit, METRICS["psnr"].higher_is_better
    ('PSNR', 'dB', True)
    """

    name: str
    title: str
    higher_is_better: bool
    unit: str
    description: str
    foreground: bool = False
    digits: int = 2


METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric("psnr", "PSNR", True, "dB", "Peak signal-to-noise ratio; infinite for identical images."),
        Metric("mse", "MSE", False, "", "Mean squared error of values of 0 to 255."),
        Metric("ssim", "SSIM", True, "", "Structural similarity (Wang et al. 2004).", digits=4),
        Metric("lpips", "LPIPS", False, "", "Perceptual distance v0.1, AlexNet (Zhang et al. 2018).", digits=4),
        Metric("lpips_squeeze", "LPIPS-squeeze", False, "", "Perceptual distance v0.1, SqueezeNet.", digits=4),
        Metric("lpips_vgg", "LPIPS-vgg", False, "", "Perceptual distance v0.1, VGG-16.", digits=4),
        Metric("mae", "MAE", False, "", "Mean absolute error of values of 0 to 255."),
        Metric("ciede2000", "ΔE00", False, "", "Mean CIEDE2000 under D65; about 1 is just visible."),
        Metric("fmse", "fMSE", False, "", "Mean squared error of the foreground.", True),
        Metric("fpsnr", "fPSNR", True, "dB", "Peak signal-to-noise ratio of the foreground.", True),
        Metric("fssim", "fSSIM", True, "", "Structural similarity, mean over the foreground.", True, 4),
        Metric("fciede2000", "fΔE00", False, "", "Mean CIEDE2000 of the foreground.", True),
        Metric("boundary_mse", "bMSE", False, "", "Mean squared error in a band around the foreground's edge."),
    )
}


@dataclass(frozen=True, eq=False)
class _Pair:
    """The prepared images as batches of one, on a device."""

    prepared: Prepared
    protocol: Protocol
    device: str

    def _planes(self, image: NDArray[Any]) -> Tensor:
        return planes(image[None] if image.ndim == 2 else np.moveaxis(image, -1, 0))[None].to(self.device)

    @cached_property
    def prediction(self) -> Tensor:
        return self._planes(self.prepared.prediction)

    @cached_property
    def target(self) -> Tensor:
        return self._planes(self.prepared.target)

    @cached_property
    def mask(self) -> Tensor:
        return self._planes(self.prepared.mask)

    @cached_property
    def foreground(self) -> Tensor:
        return self._planes((self.prepared.mask >= FOREGROUND).astype(np.uint8))

    @cached_property
    def has_foreground(self) -> bool:
        return bool((self.prepared.mask >= FOREGROUND).any())

    @cached_property
    def peak(self) -> Tensor | float:
        return self._span(self.protocol.peak)

    def _span(self, peak: str | float) -> Tensor | float:
        if peak == "prediction-range":
            return (self.prediction.amax() - self.prediction.amin()).double()
        if peak == "target-max":
            return self.target.amax().double()
        return float(peak)


Values = dict[str, "Tensor | None"]


def _errors(pair: _Pair) -> Values:
    if pair.protocol.region == "mask-weighted":
        mse = foreground.mse_weighted_by_mask.of_batches(pair.prediction, pair.target, pair.mask)
    else:
        mse = pixel.mse.of_batches(pair.prediction, pair.target)
    return {"mse": mse, "psnr": pixel.psnr_of(mse, pair.peak, pair.protocol.epsilon)}


def _absolute(pair: _Pair) -> Values:
    return {"mae": pixel.mae.of_batches(pair.prediction, pair.target)}


def _foreground_errors(pair: _Pair) -> Values:
    how = pair.protocol.fmse
    if not pair.has_foreground:
        return {}
    if how == "scaled":
        fmse = foreground.fmse_scaled.of_batches(pair.prediction, pair.target, pair.mask)
    elif how == "weighted":
        fmse = foreground.fmse_weighted.of_batches(
            pair.prediction, pair.target, pair.mask, epsilon=pair.protocol.epsilon
        )
    else:
        fmse = foreground.fmse_weighted.of_batches(pair.prediction, pair.target, pair.foreground)
    return {"fmse": fmse, "fpsnr": pixel.psnr_of(fmse, pair.peak)}


def _similarity(pair: _Pair) -> Values:
    how = pair.protocol.ssim
    assert how is not None
    prediction, target = pair.prediction, pair.target
    if how.background == "target":
        prediction = prediction * pair.mask + target * (1 - pair.mask)
    inside = pair.foreground if pair.has_foreground and "fssim" in pair.protocol.metrics else None
    means = structural.ssim_means(prediction, target, inside, peak=pair._span(how.peak), window=how.window)
    return dict(zip(("ssim", "fssim"), means, strict=True))


def _visible(pair: _Pair) -> Values:
    means = colour.ciede2000_means(pair.prediction, pair.target, pair.foreground if pair.has_foreground else None)
    return dict(zip(("ciede2000", "fciede2000"), means, strict=True))


def _boundary(pair: _Pair) -> Values:
    band = foreground.boundary_band(pair.prepared.mask >= FOREGROUND)
    if not band.any():
        return {}
    return {
        "boundary_mse": foreground.fmse_weighted.of_batches(
            pair.prediction, pair.target, pair._planes(band.astype(np.uint8))
        )
    }


def _perceptual(name: str, net: perceptual.Net) -> Callable[[_Pair], Values]:
    def distance(pair: _Pair) -> Values:
        try:
            return {name: perceptual.lpips.of_batches(pair.prediction, pair.target, net=net)}
        except perceptual.LpipsError as error:
            warnings.warn(f"{error}; its column stays empty", MetricWarning, stacklevel=2)
            return {}

    return distance


_GROUPS: tuple[tuple[tuple[str, ...], Callable[[_Pair], Values]], ...] = (
    (("mse", "psnr"), _errors),
    (("mae",), _absolute),
    (("fmse", "fpsnr"), _foreground_errors),
    (("ssim", "fssim"), _similarity),
    (("ciede2000", "fciede2000"), _visible),
    (("boundary_mse",), _boundary),
    (("lpips",), _perceptual("lpips", "alex")),
    (("lpips_squeeze",), _perceptual("lpips_squeeze", "squeeze")),
    (("lpips_vgg",), _perceptual("lpips_vgg", "vgg")),
)


def chosen(protocol: Protocol, metrics: Sequence[str] | None = None) -> tuple[str, ...]:
    """Return the metrics to compute: the given ones that the protocol defines, or all of the protocol.

    Without given metrics, the slow extra metrics (`EXTRA`) are left out.

    Raises
    ------
    MetricError
        There is no metric of a given name, or the names are one text.
    ProtocolError
        The protocol defines none of the given metrics.
    """
    if metrics is None:
        return tuple(name for name in protocol.metrics if name not in EXTRA)
    if isinstance(metrics, str):
        raise MetricError(f"metrics is a list of names, such as [{metrics!r}], not a text")
    for name in metrics:
        if name not in METRICS:
            raise MetricError(f"there is no metric {name!r}{suggestion(name, METRICS)}")
    names = tuple(name for name in protocol.metrics if name in metrics)
    if not names:
        raise ProtocolError(
            f"{protocol.name} defines none of {', '.join(metrics)}; it has {', '.join(protocol.metrics)}"
        )
    return names


def score(
    prediction: Prediction,
    composite: Composite,
    protocol: Protocol,
    metrics: Sequence[str] | None = None,
    device: str = "cpu",
) -> dict[str, float]:
    """Score one prediction.

    Parameters
    ----------
    prediction
        `[H, W, 3]` of the size of the composite or of the protocol: uint8, or floats over 0..1; sRGB-encoded.
    metrics
        Names of `METRICS`; by default all that the protocol defines, without `lpips_squeeze` and `lpips_vgg`.
    device
        The device that computes the metrics, as torch names it.

    Returns
    -------
    dict
        The values, in the order of the protocol's metrics. Metrics that the protocol does not define are left out. The
        metrics of the foreground are left out if the mask has no foreground at the protocol's size, and LPIPS is left
        out, with a MetricWarning, if its weights are missing.

    Raises
    ------
    PredictionError
        The prediction has another size or type, or holds NaN; or the composite has no ground truth.
    MetricError, ProtocolError
        As for `chosen`, or the image is smaller than the window of a metric.
    """
    names = chosen(protocol, metrics)
    pair = _Pair(prepare(prediction, composite, protocol), protocol, device)
    values: Values = {}
    for members, compute in _GROUPS:
        if any(name in names for name in members):
            values.update(compute(pair))
    return {name: float(value) for name in names if (value := values.get(name)) is not None}
