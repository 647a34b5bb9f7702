"""Make the two images that a protocol compares from a prediction and a composite."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sshbench.benchmarks.composite import Composite
from sshbench.benchmarks.prediction import Pixels, PredictionError, as_prediction
from sshbench.benchmarks.protocol import Protocol
from sshbench.images.jpeg import through_jpeg
from sshbench.images.resize import Samples, black_and_white, resized

Prediction = NDArray[np.uint8] | NDArray[np.floating]


@dataclass(frozen=True, eq=False)
class Prepared:
    """The images that a protocol compares.

    Parameters
    ----------
    prediction, target
        uint8 or float32 `[H, W, 3]`, 0..255, of one size.
    mask
        float32 `[H, W]`, 0..1, of that size.
    """

    prediction: Samples
    target: Samples
    mask: NDArray[np.float32]


def prepare(prediction: Prediction, composite: Composite, protocol: Protocol) -> Prepared:
    """Return the prediction and the target, resized, rounded and composited as the protocol demands.

    Parameters
    ----------
    prediction
        `[H, W, 3]` of the size of the composite or of the protocol: uint8, or floats over 0..1.

    Raises
    ------
    PredictionError
        The prediction has another size or type, or holds NaN; or the composite has no ground truth.
    """
    pixels = check_prediction(prediction, composite, protocol)
    if composite.target is None:
        raise PredictionError(f"{composite.id}: there is no ground truth to score against")
    values: Samples = pixels
    if pixels.dtype != np.uint8:
        values = np.float32(255) * pixels
        if protocol.quantise == "round":
            values = np.clip(np.rint(values), 0, 255).astype(np.uint8)
    if protocol.quantise == "jpeg-75":
        values = through_jpeg(_truncated(values), 75)
    if protocol.background == "composite":
        mask = _mask(composite, protocol, values.shape[1::-1])
        values = values.copy()
        given = _fitted(composite.composite, protocol, values.shape)
        np.copyto(values, given, where=(mask == 0)[..., None])

    values, target = _resized(values, protocol), _resized(composite.target, protocol)
    mask = _mask(composite, protocol, target.shape[1::-1])
    if protocol.background == "composite-blend":
        given = _resized(composite.composite, protocol)
        values = _unit(given) * (1 - mask[..., None]) + _unit(values) * mask[..., None]
        values = values * np.float32(255)
    if protocol.quantise == "tensor2im":
        values, target = _signed(values), _signed(target)
    if protocol.background == "target":
        blend = values * mask[..., None] + target * (1 - mask[..., None])
        values = np.asarray(np.rint(blend) if protocol.quantise == "round" else blend, values.dtype)
    if protocol.quantise == "tensor2im":
        values, target = _from_signed(values), _from_signed(target)
    elif protocol.quantise == "truncate":
        values = _truncated(values)
    elif protocol.quantise == "clip":
        values = np.clip(values, 0, 255)
    return Prepared(values, target, mask)


def check_prediction(prediction: Prediction, composite: Composite, protocol: Protocol) -> Pixels:
    """Return a prediction as an array that can be scored.

    Raises
    ------
    PredictionError
        As for `prepare`.
    """
    name = composite.id
    try:
        pixels = as_prediction(prediction)
    except PredictionError as error:
        raise PredictionError(f"{name}: {error}") from error
    size = pixels.shape[1::-1]
    if size not in (composite.composite.shape[1::-1], protocol.size):
        also = f" or {protocol.size[0]} x {protocol.size[1]}" if protocol.size else ""
        height, width = composite.composite.shape[:2]
        raise PredictionError(
            f"{name}: the prediction is {size[0]} x {size[1]}; it has to have the composite's size, "
            f"{width} x {height}{also}"
        )
    return pixels


def _resized(image: Samples, protocol: Protocol) -> Samples:
    if protocol.resize is None or protocol.size is None:
        return image
    return resized(image, protocol.resize, protocol.size)


def _fitted(image: Samples, protocol: Protocol, shape: tuple[int, ...]) -> Samples:
    """Return the image at the size of a prediction, which is the image's own size or the protocol's size."""
    return image if image.shape == shape else _resized(image, protocol)


def _mask(composite: Composite, protocol: Protocol, size: tuple[int, ...]) -> NDArray[np.float32]:
    own = composite.mask.shape[::-1] == size
    if protocol.mask == "mode-1":
        return black_and_white(composite.mask, None if own else protocol.size)
    if own:
        return composite.mask
    if protocol.resize in ("pil-bicubic", "pil-bilinear"):  # these protocols resize the mask as bytes (Pillow's mode L)
        return _unit(_resized(np.rint(composite.mask * 255).astype(np.uint8), protocol))
    return np.asarray(_resized(composite.mask, protocol), np.float32)


def _unit(values: Samples) -> NDArray[np.float32]:
    return np.asarray(values, np.float32) / np.float32(255)


def _signed(values: Samples) -> NDArray[np.float32]:
    """Return values over 0..255 as float32 over -1..1, computed as by ToTensor and Normalize(0.5, 0.5)."""
    return (_unit(values) - np.float32(0.5)) / np.float32(0.5)


def _from_signed(values: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Return values over -1..1 as bytes, rounded towards zero; values outside the range wrap around, as published."""
    return ((values + np.float32(1)) / np.float32(2) * np.float32(255)).astype(np.int64).astype(np.uint8)


def _truncated(values: Samples) -> NDArray[np.uint8]:
    return np.clip(values, 0, 255).astype(np.uint8)
