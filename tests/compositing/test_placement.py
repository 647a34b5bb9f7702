"""Boxes as sets of pixels; where a foreground lands, what of it is seen, and which part of the background counts."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from sshbench.compositing.photo import CompositingError
from sshbench.compositing.placement import Box, extent, place, placed, reference_box, whole, whole_scale, widened

boxes = st.builds(
    lambda x, y, w, h: Box(x, y, x + w, y + h),
    st.integers(-6, 6), st.integers(-6, 6), st.integers(1, 8), st.integers(1, 8),
)  # fmt: skip


def pixels_of(box: Box) -> set[tuple[int, int]]:
    return {(x, y) for x in range(box.left, box.right) for y in range(box.top, box.bottom)}


@settings(deadline=None)
@given(boxes, boxes)
def test_boxes_are_sets_of_pixels(one: Box, other: Box) -> None:
    both = one.within(other)
    assert pixels_of(both) == pixels_of(one) & pixels_of(other)
    assert both.width >= 0 <= both.height
    assert len(pixels_of(one)) == one.width * one.height
    x, y = zip(*(pixels_of(one) | pixels_of(other)), strict=True)
    assert one.around(other) == Box(min(x), min(y), max(x) + 1, max(y) + 1)
    assert pixels_of(one.moved(3, -2)) == {(x + 3, y - 2) for x, y in pixels_of(one)}
    assert pixels_of(one.grown(1)) == {
        (x + i, y + j) for x, y in pixels_of(one) for i in (-1, 0, 1) for j in (-1, 0, 1)
    }


def test_a_box_cuts_its_pixels_out_of_an_image() -> None:
    image = np.arange(60).reshape(6, 10)
    assert image[Box(2, 1, 5, 4).slices].tolist() == [[12, 13, 14], [22, 23, 24], [32, 33, 34]]
    assert whole(image) == Box(0, 0, 10, 6)


@pytest.mark.parametrize("kind", ["uint8", "uint16", "float32"])
def test_the_extent_is_that_of_the_pixels_above_the_limit(kind: str) -> None:
    top = {"uint8": 255, "uint16": 65535, "float32": 1}[kind]
    mask = np.zeros((700, 40), kind)  # more rows than are looked at at once
    mask[3, 7] = mask[690, 30] = top
    assert extent(mask, "it") == Box(7, 3, 31, 691)
    mask[0, 0] = mask[699, 39] = top // 5 if top > 1 else 0.2
    assert extent(mask, "it", 0.2) == Box(7, 3, 31, 691)  # as much as the limit is not above it
    assert extent(mask, "it", 0.19) == Box(0, 0, 40, 700)
    with pytest.raises(CompositingError, match="it is empty"):
        extent(np.zeros((5, 5), kind), "it")


def test_scales_give_whole_pixels_and_at_least_one() -> None:
    assert whole_scale(np.zeros((30, 50)), 0.33) == (16 / 50, 10 / 30)
    assert whole_scale(np.zeros((1, 50)), 0.6) == (30 / 50, 1.0)
    for shape in ((1, 50), (50, 1)):
        with pytest.raises(CompositingError, match=r"a scale of 0\.4 leaves no pixel"):
            whole_scale(np.zeros(shape), 0.4)


def test_a_scaled_box_covers_all_that_it_touches() -> None:
    assert placed(Box(1, 2, 4, 6), (10, -20), (0.5, 0.25)) == Box(10, -20, 12, -18)
    assert placed(Box(2, 4, 4, 8), (10, -20), (0.5, 0.25)) == Box(11, -19, 12, -18)
    assert placed(Box(1, 2, 4, 6), (10, -20), (1.0, 1.0)) == Box(11, -18, 14, -14)


RNG = np.random.default_rng(0)
FRONT = RNG.integers(0, 256, (40, 60, 3), np.uint8)


def test_a_layer_of_the_same_scale_is_cut_at_the_backgrounds_edge() -> None:
    mask = RNG.integers(0, 256, (40, 60), np.uint8)
    layer = place(FRONT, mask, Box(10, 5, 50, 35), Box(0, 0, 30, 25), (-15, 2), (1.0, 1.0), hidden=True)
    assert layer.box == Box(0, 7, 30, 25)
    assert np.array_equal(layer.pixels, FRONT[5:23, 15:45])
    assert np.array_equal(layer.mask, mask[5:23, 15:45])


@pytest.mark.parametrize("kind", ["uint8", "uint16"])
def test_a_scaled_layer_is_a_part_of_the_scaled_foreground(kind: str) -> None:
    front = FRONT.astype(kind) * (1 if kind == "uint8" else 257)
    mask = np.full((40, 60), np.iinfo(kind).max, kind)
    layer = place(front, mask, whole(front), Box(0, 0, 70, 25), (-10, 4), (1.5, 0.75), hidden=False)
    assert layer.box == Box(0, 4, 70, 25)
    assert layer.pixels.dtype == front.dtype
    scaled = [np.asarray(Image.fromarray(front[..., c].astype(np.float32)).resize((90, 30), Image.Resampling.BICUBIC))
              for c in range(3)]  # fmt: skip
    expected = np.clip(np.stack(scaled, axis=2), 0, np.iinfo(kind).max)[:21, 10:80]
    assert np.abs(layer.pixels - expected).max() <= 0.51 * (1 if kind == "uint8" else 2)
    assert np.abs(layer.mask - 1).max() < 1e-6


def test_pixels_that_the_mask_leaves_out_do_not_bleed_in() -> None:
    front, mask = np.full((40, 60, 3), 255, np.uint8), np.zeros((40, 60), np.uint8)
    front[10:30, 20:40], mask[10:30, 20:40] = 90, 255
    shown, bled = (place(front, mask, whole(front), Box(0, 0, 99, 99), (0, 0), (0.6, 0.6), hidden=hidden)
                   for hidden in (True, False))  # fmt: skip
    inside = shown.mask > 0.02
    assert 140 < inside.sum() < 200
    assert shown.mask.min() == 0
    assert shown.mask.max() == 1  # though a bicubic resize goes beyond
    assert np.abs(shown.pixels[inside].astype(int) - 90).max() <= 1
    assert np.abs(bled.pixels[inside].astype(int) - 90).max() > 30


def test_the_reference_is_all_of_the_background_or_some_of_it() -> None:
    canvas = Box(0, 0, 300, 200)
    assert reference_box("full", Box(5, 5, 9, 9), canvas) == canvas
    assert reference_box("auto", Box(100, 80, 180, 140), canvas) == Box(80, 65, 200, 155)  # 1.5 times each side
    assert reference_box("auto", Box(100, 80, 120, 90), canvas) == Box(85, 60, 135, 110)  # a quarter of the height
    corner = reference_box("auto", Box(0, 190, 20, 200), canvas)
    assert Box(0, 190, 20, 200).within(corner) == Box(0, 190, 20, 200)
    assert corner == Box(0, 150, 50, 200)
    asked: list[Any] = ["10,20,290,180", (10, 20, 290, 180), "0,0,1,1", "299,199,1,1"]
    found = [reference_box(one, canvas, canvas) for one in asked]
    assert found == [Box(10, 20, 300, 200)] * 2 + [Box(0, 0, 1, 1), Box(299, 199, 300, 200)]


@pytest.mark.parametrize("reference", ["10,20,291,180", "10,20,290,181", "-1,0,5,5", "0,-1,5,5", "0,0,0,5", "0,0,5,0"])
def test_a_reference_beyond_the_background_is_refused(reference: str) -> None:
    with pytest.raises(
        CompositingError, match=f"the reference {reference} reaches outside the background of 300 x 200"
    ):
        reference_box(reference, Box(0, 0, 1, 1), Box(0, 0, 300, 200))


@pytest.mark.parametrize("reference", ["some", "1,2,3", "1,2,3,4,5", "1,2,3,x"])
def test_another_reference_is_refused(reference: str) -> None:
    with pytest.raises(CompositingError, match="is not auto, full or x,y,w,h in whole pixels"):
        reference_box(reference, Box(0, 0, 1, 1), Box(0, 0, 300, 200))


def test_margins_are_shares_of_the_sides_and_end_at_the_limit() -> None:
    limit = Box(0, 0, 100, 100)
    assert widened(Box(40, 50, 60, 90), 0.1, limit) == Box(38, 46, 62, 94)
    assert widened(Box(1, 50, 99, 98), 0.5, limit) == Box(0, 26, 100, 100)
