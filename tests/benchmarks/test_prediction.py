"""What is taken for a prediction, and what is refused in a sentence: one rule, whoever asks."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from sshbench.benchmarks.prediction import PredictionError, as_prediction
from sshbench.benchmarks.protocol import PROTOCOLS
from sshbench.compositing.painting import _checked
from sshbench.methods.base import MethodFailed
from sshbench.methods.calling import harmonize
from sshbench.metrics.suite import score
from tests.results.standin import composite

BYTES = np.random.default_rng(0).integers(0, 256, (48, 64, 3), dtype=np.uint8)
FLOATS = np.float32(BYTES / 255)


class NoArray:
    def __array__(self, *_: Any, **__: Any) -> Any:
        raise RuntimeError("no\narray")


class Returns:
    def __init__(self, value: Any) -> None:
        self.value = value
        self.name = "returns"

    def harmonize(self, batch: Any) -> Any:
        return [self.value]


@pytest.mark.parametrize(
    "value",
    [
        BYTES,
        BYTES.tolist() and Image.fromarray(BYTES),
        torch.from_numpy(BYTES),
        torch.from_numpy(BYTES).permute(2, 0, 1),
        torch.from_numpy(BYTES).permute(2, 0, 1).contiguous(),
        np.ma.array(BYTES),
        BYTES[::-1, ::-1][::-1, ::-1],
    ],
)
def test_bytes_stay_bytes(value: Any) -> None:
    found = as_prediction(value)
    assert found.dtype == np.uint8
    assert np.array_equal(found, BYTES)


@pytest.mark.parametrize(
    "value",
    [
        FLOATS.astype(np.float64),
        FLOATS.astype(np.longdouble),
        FLOATS.tolist(),
        torch.from_numpy(FLOATS).permute(2, 0, 1).requires_grad_(),
        torch.from_numpy(FLOATS).double(),
        torch.from_numpy(FLOATS).permute(2, 0, 1).neg().neg(),
    ],
)
def test_floats_become_float32(value: Any) -> None:
    found = as_prediction(value)
    assert found.dtype == np.float32
    assert np.array_equal(found, FLOATS)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_halves_are_floats(dtype: torch.dtype) -> None:
    found = as_prediction(torch.from_numpy(FLOATS).permute(2, 0, 1).to(dtype))
    assert found.dtype == np.float32
    assert np.abs(found - FLOATS).max() < 0.01


REFUSED = [
    (None, "the shape []"),
    ("an image", "the shape []"),
    ([[1, 2], [3]], "list and no array of numbers"),
    ([[[1, 2, 3]], [[1, 2]]], "list and no array of numbers"),
    (NoArray(), "NoArray and no array of numbers (RuntimeError: no array)"),
    (np.zeros((48, 64), np.uint8), "the shape [48, 64]"),
    (np.zeros((3, 48, 64), np.uint8), "the shape [3, 48, 64]"),
    (np.zeros((48, 64, 4), np.uint8), "the shape [48, 64, 4]"),
    (np.zeros((1, 48, 64, 3), np.uint8), "the shape [1, 48, 64, 3]"),
    (np.empty((0, 0, 3), np.uint8), "is empty"),
    (np.empty((5, 0, 3), np.float32), "is empty"),
    (np.zeros((48, 64, 3), np.int32), "is int32"),
    (np.zeros((48, 64, 3), np.uint16), "is uint16"),
    (np.zeros((48, 64, 3), bool), "is bool"),
    (np.zeros((48, 64, 3), complex), "is complex128"),
    (np.full((48, 64, 3), "x"), "is <U1"),
    (np.full((48, 64, 3), None), "is object"),
    (np.ma.masked_all((48, 64, 3), np.uint8), "masked array"),
    (np.full((48, 64, 3), np.nan), "NaN or infinity (9216 of 9216 values)"),
    (np.where(np.arange(9216).reshape(48, 64, 3) == 5, -np.inf, 0.5), "NaN or infinity (1 of 9216 values)"),
    (FLOATS * 255, "divide it by 255"),
    (np.full((48, 64, 3), -1e308), "far outside of 0..1"),
    (FLOATS * 2 - 1, "look like -1..1; give (x + 1) / 2"),
    (torch.from_numpy(FLOATS).permute(2, 0, 1).half() * 2 - 1, "look like -1..1; give (x + 1) / 2"),
    (FLOATS.round().astype(np.uint8), "is uint8 and its largest value is 1; if it was made of floats over 0..1"),
    (Image.fromarray(BYTES).convert("YCbCr"), "a Pillow image of mode YCbCr; give one of mode RGB"),
    (Image.fromarray(BYTES).convert("HSV"), "a Pillow image of mode HSV"),
    (Image.fromarray(BYTES).convert("RGBA"), "a Pillow image of mode RGBA"),
    (Image.fromarray(BYTES).convert("P"), "a Pillow image of mode P"),
    (torch.zeros(3, 48, 64, dtype=torch.int64), "is int64"),
    (torch.zeros(48, 64), "the shape [48, 64]"),
]


@pytest.mark.parametrize(("value", "said"), REFUSED)
def test_what_is_no_prediction_is_refused_alike_wherever_it_is_taken(value: Any, said: str) -> None:
    one = composite(0)
    for take in (
        lambda: as_prediction(value),
        lambda: score(value, one, PROTOCOLS["sshbench-v1"], ["psnr"]),
        lambda: harmonize(Returns(value), [one]),
        lambda: _checked(value, Returns(value)),
    ):
        with pytest.raises((PredictionError, MethodFailed, Exception)) as caught:
            take()
        assert said in str(caught.value)
        assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    "value",
    [
        np.zeros_like(BYTES),  # of a method that fails, and shall score so
        np.minimum(BYTES, 2),
        FLOATS * 3 - 1,  # over -1..2, which no network's last layer gives
        np.where(np.arange(FLOATS.size).reshape(FLOATS.shape) % 100 == 0, -1, FLOATS),
        np.clip(FLOATS - 0.2, -0.2, 1),
    ],
)
def test_what_is_only_dark_or_overshoots_counts_as_it_is(value: Any) -> None:
    np.testing.assert_array_equal(as_prediction(value), value.astype(value.dtype if value.dtype == "u1" else "f4"))


def test_a_method_may_return_tensors_and_any_iterable() -> None:
    class Torch(Returns):
        def harmonize(self, batch: Any) -> Any:
            return torch.stack([torch.from_numpy(one.composite).permute(2, 0, 1) for one in batch]).float() / 255

    pair = [composite(0), composite(1)]
    for found, one in zip(harmonize(Torch(None), pair), pair, strict=True):
        assert np.abs(found * 255 - one.composite).max() < 1e-3


@pytest.mark.parametrize("sign", [1, -1])
def test_floats_up_to_8_may_be_of_0_to_1_and_no_further(sign: int) -> None:
    values = np.zeros((4, 4, 3))
    values[1, 2, 0] = 8.0 * sign
    assert np.array_equal(as_prediction(values), values)
    values[1, 2, 0] = 8.001 * sign
    with pytest.raises(PredictionError, match=r"far outside of 0\.\.1"):
        as_prediction(values)
