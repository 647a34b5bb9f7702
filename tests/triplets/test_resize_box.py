"""Resizing is Pillow's antialiased bicubic, to the bit, with and without the native kernel."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from sshbench.triplets import resize_box as module
from sshbench.triplets.recipe import Box
from sshbench.triplets.resize_box import resize_box

needs_kernel = pytest.mark.skipif(not module.available(), reason="the native kernel was not built")


def image(height: int, width: int, seed: int = 0) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def pillow(array: NDArray[np.uint8], box: Box, size: int) -> NDArray[np.uint8]:
    """Along the rows, then along the columns; Pillow 13 may choose the other order where one call does both."""
    left, top, right, bottom = box
    height = array.shape[0]
    narrow = Image.fromarray(array).resize((size, height), Image.Resampling.BICUBIC, box=(left, 0, right, height))
    return np.asarray(narrow.resize((size, size), Image.Resampling.BICUBIC, box=(0, top, size, bottom)))


@needs_kernel
@given(st.integers(1, 90), st.integers(1, 90), st.integers(1, 70), st.lists(st.floats(0, 1), min_size=4, max_size=4))
@example(1, 1, 1, [0.0, 0.0, 1.0, 1.0])
@example(90, 33, 64, [0.0, 0.0, 1.0, 1.0])
@example(64, 64, 64, [0.0, 0.0, 1.0, 1.0])
@example(17, 90, 16, [0.1, 0.4, 0.1, 0.4])
def test_the_native_kernel_gives_pillows_pixels(height: int, width: int, size: int, parts: list[float]) -> None:
    left, right = sorted((parts[0] * (width - 1), parts[2] * (width - 1) + 1))
    top, bottom = sorted((parts[1] * (height - 1), parts[3] * (height - 1) + 1))
    if right - left < 0.01 or bottom - top < 0.01:
        return
    array, box = image(height, width, size), (left, top, right, bottom)
    assert np.array_equal(resize_box(array, box, size), pillow(array, box, size))


@needs_kernel
def test_kernels_for_all_processors_give_the_same_pixels(monkeypatch: pytest.MonkeyPatch) -> None:
    array = image(301, 403)
    for size in (1, 15, 16, 17, 100, 224):
        box = (20.25, 31.5, 402.75, 290.125)
        for kernel in range(module._resize.kernels()):
            monkeypatch.setattr(module, "_kernel", kernel)
            assert np.array_equal(resize_box(array, box, size), pillow(array, box, size))


@needs_kernel
def test_the_fallback_gives_the_same_pixels(monkeypatch: pytest.MonkeyPatch) -> None:
    array, box = image(480, 640), (20.25, 31.5, 420.75, 432.0)
    native = resize_box(array, box, 224)
    monkeypatch.setattr(module, "_resize", None)
    assert np.array_equal(resize_box(array, box, 224), native)


def test_a_box_that_needs_no_scaling_is_copied() -> None:
    array = image(50, 60)
    assert np.array_equal(resize_box(array, (11.0, 7.0, 43.0, 39.0), 32), array[7:39, 11:43])


@pytest.mark.parametrize("turn", ["columns", "rows", "colours", "part", "transposed"])
def test_views_of_arrays_are_read_as_what_they_show(turn: str) -> None:
    array = image(70, 80)
    view = {
        "columns": array[:, ::-1],
        "rows": array[::-1],
        "colours": array[..., ::-1],
        "part": array[3:60, 5:77],
        "transposed": array.transpose(1, 0, 2),
    }[turn]
    box = (1.5, 2.25, 50.0, 48.0)
    assert np.array_equal(resize_box(view, box, 30), resize_box(view.copy(), box, 30))


def test_it_writes_where_it_is_told() -> None:
    out = np.zeros((2, 20, 20, 3), np.uint8)
    array, box = image(40, 40), (0.0, 0.0, 40.0, 40.0)
    resize_box(array, box, 20, out=out[1])
    assert not out[0].any()
    assert np.array_equal(out[1], resize_box(array, box, 20))


def test_it_is_antialiased() -> None:
    """Stripes finer than the output's pixels become even grey."""
    stripes = np.zeros((400, 400, 3), np.uint8)
    stripes[:, ::2] = 255
    assert np.abs(resize_box(stripes, (0.0, 0.0, 400.0, 400.0), 50)[5:-5, 5:-5].astype(int) - 128).max() <= 1


@pytest.mark.parametrize(
    "box", [(-1.0, 0.0, 5.0, 5.0), (0.0, 0.0, 41.0, 5.0), (5.0, 0.0, 5.0, 5.0), (0.0, 3.0, 9.0, float("nan"))]
)
def test_boxes_outside_are_refused(box: Box) -> None:
    with pytest.raises(ValueError, match="is not inside"):
        resize_box(image(40, 40), box, 8)


def test_other_arrays_are_refused() -> None:
    with pytest.raises(ValueError, match="uint8"):
        resize_box(np.zeros((5, 5, 3)), (0.0, 0.0, 5.0, 5.0), 5)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="out is"):
        resize_box(image(9, 9), (0.0, 0.0, 9.0, 9.0), 4, out=np.zeros((5, 5, 3), np.uint8))
