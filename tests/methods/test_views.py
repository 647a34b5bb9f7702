"""What a network is shown: the foreground in natural surroundings, and the background."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from PIL import Image as Pillow

from sshbench.methods.views import SIDE, at_side, canvas_view, filled, view_of
from tests.results.standin import composite


def test_a_known_background_is_the_reference_as_it_is() -> None:
    c = composite(1)
    pillow = np.asarray(Pillow.fromarray(c.background).resize((SIDE, SIDE), Pillow.Resampling.BILINEAR))
    assert np.array_equal(view_of(c).reference, pillow)


def test_the_photograph_of_the_foreground_is_taken_whole() -> None:
    photo = np.random.default_rng(0).integers(0, 256, (300, 200, 3), np.uint8)
    view = view_of(replace(composite(1), foreground_photo=photo))
    assert view.mask is None
    assert np.array_equal(view.foreground, at_side(photo))


def test_without_a_photograph_it_is_the_rectangle_of_the_mask_in_the_composite() -> None:
    c = composite(1)
    rows, columns = (np.flatnonzero((c.mask >= 0.5).any(axis)) for axis in (1, 0))
    box = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    view = view_of(c)
    assert np.array_equal(view.foreground, at_side(c.composite[box]))
    assert np.array_equal(view.mask, at_side(c.mask[box]))


def test_the_canvas_is_seen_whole() -> None:
    c = composite(1)
    view = canvas_view(c)
    assert np.array_equal(view.foreground, at_side(c.composite))
    assert np.array_equal(view.mask, at_side(c.mask))


def test_nothing_to_harmonize() -> None:
    c = composite(1)
    assert view_of(replace(c, mask=np.full_like(c.mask, 0.4))) is None


class TestFilled:
    def test_one_colour_fills_everything(self) -> None:
        mask = np.zeros((50, 70), np.float32)
        mask[20:30, 5:40] = 1
        image = np.where(mask[..., None] > 0, (200, 90, 10), (0, 255, 0)).astype(np.uint8)
        assert np.abs(filled(image, mask, 64).astype(int) - (200, 90, 10)).max() <= 1

    def test_two_colours_go_on_on_their_sides(self) -> None:
        mask = np.zeros((64, 64), np.float32)
        mask[24:40, 24:40] = 1
        image = np.zeros((64, 64, 3), np.uint8)
        image[:, :32], image[:, 32:] = (200, 0, 0), (0, 0, 200)
        out = filled(image, mask, 64).astype(int)
        assert (out[:, :16, 0] > out[:, :16, 2]).all()
        assert (out[:, 48:, 2] > out[:, 48:, 0]).all()

    def test_what_is_inside_stays(self) -> None:
        rng = np.random.default_rng(0)
        image, mask = rng.integers(0, 256, (64, 64, 3), np.uint8), np.zeros((64, 64), np.float32)
        mask[10:50, 20:60] = 1
        assert np.array_equal(filled(image, mask, 64)[mask == 1], image[mask == 1])

    def test_an_empty_mask_leaves_the_image(self) -> None:
        image = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
        assert np.array_equal(filled(image, np.zeros((64, 64), np.float32), 64), image)
