"""Check a prediction. Predictions of methods and of files pass through the same check."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sshbench.errors import SshbenchError, printable

Pixels = NDArray[np.uint8] | NDArray[np.float32]

FAR_OUT = 8.0
"""An image over 0..1 never exceeds this value, and nearly every image over 0..255 does."""
_SIGNED = 1.1  # the largest absolute value of a network's output over -1..1, with some overshoot
_DARK, _MANY = -0.25, 1 / 64  # an image over -1..1 has at least 1/64 of its values below -0.25; overshoot rarely has


class PredictionError(SshbenchError):
    """A prediction cannot be scored; the message gives the reason."""


def as_prediction(value: Any) -> Pixels:
    """Return a prediction as an array.

    Parameters
    ----------
    value
        Anything that numpy accepts as an array `[H, W, 3]`, or a torch tensor `[3, H, W]` or `[H, W, 3]` on any device:
        uint8, or floats over 0..1. A tensor whose first axis has length 3 counts as `[3, H, W]`.

    Returns
    -------
    array
        uint8 or float32 `[H, W, 3]`. Floats may lie slightly outside 0..1.

    Raises
    ------
    PredictionError
        The value is no such array or is empty, its numbers are not finite or lie far outside 0..1, or its numbers look
        like floats over -1..1, or like floats over 0..1 that were truncated to integers.
    """
    array = _array(value)
    if array.ndim != 3 or array.shape[2] != 3:
        raise PredictionError(f"the prediction has the shape {list(array.shape)}; give [height, width, 3]")
    if not array.size:
        raise PredictionError(f"the prediction has the shape {list(array.shape)} and is empty")
    if array.dtype == np.uint8:
        if array.max() == 1:
            raise PredictionError(
                "the prediction is uint8 and its largest value is 1; if it was made of floats over 0..1, return these"
            )
        return array
    if not np.issubdtype(array.dtype, np.floating):
        raise PredictionError(f"the prediction is {array.dtype}; give uint8, or floats of the range 0..1")
    low, high = float(array.min()), float(array.max())
    if not (np.isfinite(low) and np.isfinite(high)):
        bad = array.size - np.count_nonzero(np.isfinite(array))
        raise PredictionError(f"the prediction is not finite: it holds NaN or infinity ({bad} of {array.size} values)")
    if max(-low, high) > FAR_OUT:
        raise PredictionError(
            f"the prediction has floats from {low:.4g} to {high:.4g}, far outside of 0..1; if white is 255 in them, "
            "divide it by 255"
        )
    if -_SIGNED <= low < 2 * _DARK and high <= _SIGNED and np.count_nonzero(array < _DARK) >= _MANY * array.size:
        raise PredictionError(
            f"the prediction has floats from {low:.4g} to {high:.4g}, which look like -1..1; give (x + 1) / 2, or clip "
            "to 0..1 what is meant to lie below black"
        )
    return array.astype(np.float32, copy=False)


def _array(value: Any) -> NDArray[Any]:
    try:
        if isinstance(value, np.ma.MaskedArray) and np.ma.is_masked(value):
            raise PredictionError("the prediction is a masked array with values left out; fill them")
        mode = getattr(value, "mode", None)  # an attribute of Pillow images
        if isinstance(mode, str) and mode != "RGB":
            raise PredictionError(f"the prediction is a Pillow image of mode {mode}; give one of mode RGB")
        if hasattr(value, "detach"):  # a torch tensor, recognised without importing torch
            value = value.detach().cpu()
            value = value.float() if value.is_floating_point() and value.element_size() == 2 else value
            if value.ndim == 3 and value.shape[0] == 3:
                value = value.permute(1, 2, 0)
        return np.asarray(value)
    except PredictionError:
        raise
    except Exception as error:  # the value's own conversion to an array may raise any error
        why = printable(f"{type(error).__name__}: {error}")
        raise PredictionError(f"the prediction is {type(value).__name__} and no array of numbers ({why})") from error
