"""A network is shown the foreground and nothing of what lies around it, and the background without it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image as Pillow

from sshbench.benchmarks.composite import Composite
from sshbench.methods.views import SIDE, at_side, canvas_view, filled, view_of
from tests.results.standin import composite


def alone(number: int = 1) -> Composite:
    """As iHarmony4 has it: the composite is all there is of foreground and background."""
    c = composite(number)
    return replace(c, foreground=c.composite, background=c.composite)


@pytest.mark.parametrize("see", [view_of, canvas_view])
def test_what_lies_around_the_foreground_does_not_count(see) -> None:
    c = composite(1)
    noise = np.random.default_rng(0).integers(0, 256, c.foreground.shape, np.uint8)
    other = replace(c, foreground=np.where(c.mask[..., None] > 0, c.foreground, noise))
    assert np.array_equal(see(c).foreground, see(other).foreground)
    assert see(c).foreground.shape == (SIDE, SIDE, 3)


@pytest.mark.parametrize("see", [view_of, canvas_view])
def test_the_reference_holds_nothing_of_the_foreground(see) -> None:
    c = alone()
    black = np.where(c.mask[..., None] == 1, 0, c.composite).astype(np.uint8)
    other = replace(c, composite=black, foreground=black, background=black)
    assert np.array_equal(see(c).reference, see(other).reference)


def test_a_known_background_is_the_reference_as_it_is() -> None:
    c = composite(1)
    pillow = np.asarray(Pillow.fromarray(c.background).resize((SIDE, SIDE), Pillow.Resampling.BILINEAR))
    assert np.array_equal(view_of(c).reference, pillow)


def test_the_photograph_of_the_foreground_is_taken_whole() -> None:
    photo = np.random.default_rng(0).integers(0, 256, (300, 200, 3), np.uint8)
    view = view_of(replace(composite(1), foreground_photo=photo))
    assert view.mask is None
    assert np.array_equal(view.foreground, at_side(photo))


def test_without_a_photograph_it_is_the_rectangle_of_the_mask() -> None:
    c = composite(1)
    rows, columns = (np.flatnonzero((c.mask >= 0.5).any(axis)) for axis in (1, 0))
    box = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    view = view_of(c)
    assert view.mask.max() == pytest.approx(1)
    sure = at_side(c.mask[box]) == 1
    assert np.abs(view.foreground[sure].astype(int) - at_side(c.foreground[box])[sure]).max() <= 1


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
