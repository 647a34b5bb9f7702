"""The soft shadow below an object: where it is dark, and what it does to a photograph."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import sshbench
from sshbench import Lut
from sshbench.colour.srgb import decode, encode
from sshbench.compositing import Finish
from sshbench.compositing.placement import Box, Layer
from sshbench.compositing.shadow import Shadow, contact_shadow, darken
from tests.compositing.standin import Known, ellipse, photo

CANVAS = Box(0, 0, 400, 300)


def pillar(at: tuple[int, int] = (150, 60), size: tuple[int, int] = (40, 160)) -> Layer:
    """An object that stands upright, its foot at row 220."""
    (left, top), (width, height) = at, size
    return Layer(
        np.zeros((height, width, 3), np.uint8), np.full((height, width), 255, np.uint8),
        Box(left, top, left + width, top + height),
    )  # fmt: skip


def on_canvas(shadow: Shadow | None) -> NDArray[np.float32]:
    assert shadow is not None
    out = np.zeros((300, 400), np.float32)
    out[shadow.box.slices] = shadow.alpha
    return out


def test_without_strength_there_is_none_and_the_bytes_stay() -> None:
    assert contact_shadow(pillar(), CANVAS, strength=0) is None
    front, behind, mask = photo("coffee"), photo("rocket"), ellipse(200, 300)
    plain = sshbench.harmonize(front, behind, mask, method=Known()).pixels
    off = sshbench.harmonize(front, behind, mask, method=Known(), finish=Finish(shadow=0, shadow_length=1)).pixels
    assert np.array_equal(plain, off)


@pytest.mark.parametrize("strength", [0.3, 1.0])
def test_it_is_darkest_where_the_object_touches_the_ground(strength: float) -> None:
    alpha = on_canvas(contact_shadow(pillar(), CANVAS, strength=strength))
    y, x = np.unravel_index(alpha.argmax(), alpha.shape)
    assert abs(int(y) - 217) <= 6
    assert 150 <= x < 190
    assert alpha.max() == pytest.approx(strength, rel=0.1)
    assert alpha[:60].max() < 0.05 * strength
    beside = alpha[217, 190:]
    assert (np.diff(beside) < 1e-3).all()
    assert beside[-1] < 0.01


@pytest.mark.parametrize(("direction", "right", "down"), [(20, 1, 1), (160, -1, 1), (200, -1, -1), (340, 1, -1)])
def test_the_cast_shadow_falls_where_it_is_said(direction: float, right: int, down: int) -> None:
    with_cast = on_canvas(contact_shadow(pillar(), CANVAS, strength=0.8, direction=direction, length=0.9))
    alone = on_canvas(contact_shadow(pillar(), CANVAS, strength=0.8, length=0))
    cast = with_cast - alone
    y, x = np.mgrid[0:300, 0:400]
    assert right * ((x * cast).sum() / cast.sum() - 170) > 15
    assert down * ((y * cast).sum() / cast.sum() - 220) > 5


def test_a_softer_shadow_is_wider_and_steps_are_small() -> None:
    hard, soft = (on_canvas(contact_shadow(pillar(), CANVAS, strength=0.8, softness=s, length=0)) for s in (0, 1))
    assert (soft > 0.02).sum() > 2 * (hard > 0.02).sum()
    assert np.abs(np.diff(soft, axis=1)).max() < 0.06


def test_feet_cast_one_each_and_what_hangs_in_the_air_none() -> None:
    mask = np.zeros((160, 120), np.uint8)
    mask[:100] = 255  # a table
    mask[:, 5:15] = mask[:, 105:115] = 255  # and its legs
    layer = Layer(np.zeros((160, 120, 3), np.uint8), mask, Box(100, 60, 220, 220))
    alpha = on_canvas(contact_shadow(layer, CANVAS, strength=1, softness=0.2, length=0))
    assert alpha[217, 110] > 0.7
    assert alpha[217, 210] > 0.7
    assert alpha[217, 160] < 0.2


@pytest.mark.parametrize("direction", [20, 90, 160])
def test_the_cast_shadow_of_each_foot_begins_at_that_foot(direction: float) -> None:
    """A walker, whose left foot stands 12 pixels further up in the picture than the right one."""
    mask = np.zeros((160, 60), np.uint8)
    mask[:100] = 255
    mask[:148, 5:15] = mask[:, 45:55] = 255
    layer = Layer(np.zeros((160, 60, 3), np.uint8), mask, Box(170, 20, 230, 180))
    arguments: dict[str, Any] = {"strength": 0.8, "softness": 0.1}
    alone = on_canvas(contact_shadow(layer, CANVAS, **arguments, length=0))
    cast = on_canvas(contact_shadow(layer, CANVAS, **arguments, direction=direction, length=0.5)) - alone
    whole = on_canvas(contact_shadow(layer, CANVAS, **arguments, direction=direction, length=0.5))
    steps = np.arange(2, 16)
    across, down = np.cos(np.radians(direction)), np.sin(np.radians(direction))
    for x, foot in ((180, 168), (220, 180)):
        along = whole[np.rint(foot + down * steps).astype(int), np.rint(x + across * steps).astype(int)]
        assert along.min() > 0.6 * 0.8 * 0.7, (x, along)  # no gap between the foot and its shadow
    assert cast.max() > 0.3


def test_an_object_that_goes_on_below_the_picture_has_none() -> None:
    assert contact_shadow(pillar(at=(150, 140)), CANVAS, strength=0.5) is None
    assert contact_shadow(pillar(at=(150, 130)), CANVAS, strength=0.5) is not None


def test_a_large_object_has_the_same_shadow_as_a_small_one() -> None:
    small = on_canvas(contact_shadow(pillar(), CANVAS, strength=0.8))
    mask = np.full((1600, 400), 255, np.uint8)
    layer = Layer(np.zeros((1600, 400, 3), np.uint8), mask, Box(1500, 600, 1900, 2200))
    large = contact_shadow(layer, Box(0, 0, 4000, 3000), strength=0.8)
    assert large is not None
    full = np.zeros((3000, 4000), np.float32)
    full[large.box.slices] = large.alpha
    reduced = full.reshape(300, 10, 400, 10).mean(axis=(1, 3))
    assert np.abs(reduced - small).max() < 0.08


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_it_takes_its_part_of_the_light(dtype: Any) -> None:
    most = np.iinfo(dtype).max
    pixels = np.full((10, 10, 3), most // 2, dtype)
    shadow = Shadow(np.full((4, 4), 0.5, np.float32), Box(2, 2, 6, 6))
    darken(pixels, shadow)
    assert (pixels[0] == most // 2).all()
    expected = encode(decode(np.array(most // 2 / most)) * 0.5) * most
    assert np.abs(pixels[3, 3] - expected).max() <= 0.51
    layered = most // 2 * (1 - shadow.black_layer()[0, 0])
    assert abs(layered - expected) < 0.02 * most


def test_it_lies_below_the_object_and_on_the_background() -> None:
    front, behind, mask = photo("coffee"), photo("rocket"), ellipse(200, 300)
    method = Known(Lut.identity(2))
    plain = sshbench.harmonize(front, behind, mask, method=method).pixels.astype(int)
    shaded = sshbench.harmonize(front, behind, mask, method=method, finish=Finish(shadow=0.7)).pixels.astype(int)
    assert np.array_equal(plain[mask == 255], shaded[mask == 255])
    assert (shaded <= plain).all()
    assert np.percentile(plain - shaded, 99) > 10


def test_a_composite_s_object_stays_as_it_is() -> None:
    picture, mask = photo("coffee"), ellipse(200, 300)
    plain = sshbench.harmonize(picture, mask=mask, method=Known()).pixels
    shaded = sshbench.harmonize(picture, mask=mask, method=Known(), finish=Finish(shadow=0.7)).pixels
    assert np.array_equal(plain[mask == 255], shaded[mask == 255])
    assert (plain.astype(int) - shaded).max() > 20
