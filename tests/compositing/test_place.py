"""Where the foreground lands: anchors, per cent, sizes, mirrors and turns, against what is computed another way."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

import sshbench
from sshbench import Lut
from sshbench.compositing import turning
from sshbench.compositing.place import Place
from sshbench.compositing.placement import Box, Layer
from sshbench.compositing.turning import Turn, turned_layer
from sshbench.errors import SshbenchError
from tests.compositing.standin import Known, Painter, ellipse, photo

F, B, M = photo("coffee"), photo("rocket", (320, 240)), ellipse(200, 300)
SAME = Known(Lut.identity())
RECTANGLE = np.zeros((200, 300), np.uint8)
RECTANGLE[60:140, 100:150] = 255  # 50 wide and 80 high


def landed(mask: NDArray[Any] = RECTANGLE, **place: Any) -> Box:
    return sshbench.harmonize(F, B, mask, method=SAME, **place).landing


@pytest.mark.parametrize("scale", [1.0, 0.6, 1.5])
@pytest.mark.parametrize(
    ("anchor", "across", "down"),
    [
        ("top-left", 0, 0), ("top", 0.5, 0), ("top-right", 1, 0), ("left", 0, 0.5), ("centre", 0.5, 0.5),
        ("right", 1, 0.5), ("bottom-left", 0, 1), ("bottom", 0.5, 1), ("bottom-right", 1, 1),
    ],
)  # fmt: skip
def test_an_anchor_is_a_point_of_the_object_s_box(anchor: str, across: float, down: float, scale: float) -> None:
    box = landed(at=(160, 120), anchor=anchor, scale=scale)
    assert box.width == pytest.approx(50 * scale, abs=1)
    assert box.left + across * box.width == pytest.approx(160, abs=1)
    assert box.top + down * box.height == pytest.approx(120, abs=1)


def test_the_corner_is_that_of_the_photograph() -> None:
    assert landed(at=(20, 30)) == landed(at="20,30") == landed(at=("20", 30)) == Box(120, 90, 170, 170)
    assert landed(at="25%,-12.5%") == Box(180, 30, 230, 110)


def test_the_centre_of_the_background() -> None:
    assert landed(center=True) == Box(135, 80, 185, 160)
    assert landed(center=True) == landed(at="50%,50%", anchor="centre")
    assert Place(at="50%,50%", anchor="center") == Place(at="50%,50%", anchor="centre")


@pytest.mark.parametrize(
    ("fit", "size"),
    [("height=40%", (60, 96)), ("width=25%", (80, 128)), ("height=120", (75, 120)), ("width=30", (30, 48))],
)
def test_the_object_s_own_width_or_height_is_what_fits(fit: str, size: tuple[int, int]) -> None:
    box = landed(fit=fit, center=True)
    assert (box.width, box.height) == pytest.approx(size, abs=1)


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize(("flip", "change"), [("horizontal", np.fliplr), ("vertical", np.flipud)])
def test_a_mirrored_foreground_is_the_mirrored_photograph(flip: str, change: Any, bits: int) -> None:
    front, behind = (F, B) if bits == 8 else (F * np.uint16(257), B * np.uint16(257))
    mine = sshbench.harmonize(front, behind, M, method=Known(), at=(31, 12), scale=0.7, flip=flip)
    other = sshbench.harmonize(change(front), behind, change(M), method=Known(), at=(31, 12), scale=0.7)
    assert np.array_equal(mine.pixels, other.pixels)


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("degrees", [90, 180, 270, -90, 450])
def test_quarter_turns_lose_nothing(degrees: int, bits: int) -> None:
    front, behind = (F, B) if bits == 8 else (F * np.uint16(257), B * np.uint16(257))
    mask = np.roll(RECTANGLE, 20, axis=1)
    place: dict[str, Any] = {"at": "50%,50%", "anchor": "centre"}
    mine = sshbench.harmonize(front, behind, mask, method=Known(), rotate=degrees, **place)
    other = sshbench.harmonize(*(np.rot90(one, -degrees // 90) if one is not behind else one
                                 for one in (front, behind, mask)), method=Known(), **place)  # fmt: skip
    assert mine.landing == other.landing
    assert np.array_equal(mine.pixels, other.pixels)


def reference(layer: Layer, turn: Turn, canvas: Box) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The layer turned by cubic splines of scipy: colours by the mask, and the mask."""
    weight = layer.mask / 255
    angle = np.radians(turn.angle)
    matrix = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])  # of y, x
    goal, pivot = np.array([canvas.top + 0.5, canvas.left + 0.5]), np.array([turn.y, turn.x])
    offset = pivot + matrix @ (goal - pivot) - [layer.box.top + 0.5, layer.box.left + 0.5]

    def turned(plane: NDArray[Any]) -> NDArray[np.float64]:
        return np.asarray(ndimage.affine_transform(plane, matrix, offset, (canvas.height, canvas.width), order=3))

    colours = np.stack([turned(layer.pixels[..., c] * weight) for c in range(3)], axis=2)
    return colours / np.maximum(turned(weight), 1e-6)[..., None], turned(weight)


def _middle(mask: NDArray[Any], box: Box) -> tuple[float, float]:
    """The centre of mass, x and y on the background."""
    y, x = ndimage.center_of_mass(mask)
    return float(x) + 0.5 + box.left, float(y) + 0.5 + box.top


@pytest.mark.parametrize("angle", [3.0, 33.0, -45.0, 91.0])
def test_a_turn_is_that_of_another_library(angle: float) -> None:
    smooth = ndimage.gaussian_filter(photo("coffee"), (3, 3, 0))
    layer, canvas = Layer(smooth, M, Box(-10, 20, 290, 220)), Box(0, 0, 320, 240)
    turn = Turn(angle, 140.3, 121.7)
    mine = turned_layer(layer, turn, canvas, hidden=True)
    colours, mask = (one[mine.box.slices] for one in reference(layer, turn, canvas))
    assert np.abs(mine.mask - mask).max() < 0.03
    inside = mask > 0.5
    assert inside.sum() > 5000
    error = np.abs(mine.pixels.astype(float) - np.clip(colours, 0, 255))[inside]
    assert error.mean() < 0.5
    assert np.percentile(error, 99.9) < 4
    middle = turn.forward(*_middle(layer.mask, layer.box))
    assert _middle(mine.mask, mine.box) == pytest.approx(middle, abs=0.01)


def test_16_bits_turn_as_8_do() -> None:
    turn, canvas = Turn(20, 150, 100), Box(0, 0, 300, 200)
    narrow, wide = (
        turned_layer(Layer(pixels, M, canvas), turn, canvas, hidden=True).pixels.astype(float)
        for pixels in (F, F * np.uint16(257))
    )
    assert np.abs(wide / 257 - narrow).max() <= 0.51
    assert np.ptp(wide / 257 - np.rint(wide / 257)) > 0.9  # what lies between the codes of 8 bits is kept


def test_tiles_leave_no_seams(monkeypatch: pytest.MonkeyPatch) -> None:
    layer, turn, canvas = Layer(F, M, Box(0, 0, 300, 200)), Turn(-27, 150, 100), Box(0, 0, 310, 230)
    whole = turned_layer(layer, turn, canvas, hidden=False)
    monkeypatch.setattr(turning, "_TILE", 37)
    tiled = turned_layer(layer, turn, canvas, hidden=False)
    assert tiled.box == whole.box
    assert np.abs(tiled.mask - whole.mask).max() < 1e-5
    seen = whole.mask > 0.01
    assert np.abs(tiled.pixels.astype(int) - whole.pixels)[seen].max() <= 1


@pytest.mark.parametrize("degrees", [0.0, 20.0, -70.0, 90.0, 200.0])
def test_the_anchor_stays_where_it_is_however_the_object_turns(degrees: float) -> None:
    result = sshbench.harmonize(
        np.full_like(F, 255), np.zeros_like(B), RECTANGLE, method=SAME, anchor="bottom", at=(160, 130), rotate=degrees
    )
    turn = Turn(degrees, 160, 130)
    for x, y, is_object in ((160, 122, 1), (160, 138, 0), (140, 124, 1), (130, 124, 0), (160, 56, 1), (160, 44, 0)):
        at_x, at_y = turn.forward(x, y)  # as the rectangle stands when it is not turned
        assert result.pixels[int(at_y), int(at_x), 0] == 255 * is_object, (x, y)


def test_by_its_corner_an_object_turns_about_its_own_centre() -> None:
    straight, turned = landed(at=(0, 0)), landed(at=(0, 0), rotate=30.0)
    assert turned.left + turned.right == pytest.approx(straight.left + straight.right, abs=2)
    assert turned.top + turned.bottom == pytest.approx(straight.top + straight.bottom, abs=2)
    assert turned.width == pytest.approx(50 * np.cos(np.pi / 6) + 80 * np.sin(np.pi / 6), abs=2)


def test_colours_behind_transparency_do_not_bleed_into_a_turned_foreground() -> None:
    white = np.where(M[..., None] > 0, 255, 0).astype(np.uint8).repeat(3, axis=2)
    result = sshbench.harmonize(
        np.dstack([white, M]), np.zeros((240, 320, 4), np.uint8), method=SAME, center=True, scale=0.8, rotate=33.0
    )
    assert result.alpha is not None
    assert (result.alpha > 8).sum() > 7000
    assert (result.pixels[result.alpha > 8] >= 254).all()


def test_where_the_photograph_ends_a_turned_object_has_a_soft_edge() -> None:
    white = np.full((200, 300, 3), 255, np.uint8)
    result = sshbench.harmonize(
        white, np.zeros_like(B), white[..., 0], method=SAME, center=True, scale=0.5, rotate=10.0
    )
    grey = (result.pixels[..., 0] > 5) & (result.pixels[..., 0] < 250)
    assert 300 < grey.sum() < 1500  # of an outline of 500 pixels
    assert result.pixels[120, 160].tolist() == [255, 255, 255]


def test_a_picture_of_the_foreground_turns_with_it() -> None:
    """The ramp of red goes along the object, from its left to its right."""
    mask = np.zeros((200, 300), np.uint8)
    mask[80:120, 75:225] = 255
    place: dict[str, Any] = {"method": Painter(), "map": "none", "center": True}
    straight, turned = (sshbench.harmonize(F, B, mask, rotate=r, **place).pixels for r in (0.0, 50.0))
    turn = Turn(50, 160, 120)
    for x in range(90, 232, 10):
        at_x, at_y = turn.forward(x, 120)
        assert int(turned[int(at_y), int(at_x), 0]) == pytest.approx(int(straight[120, x, 0]), abs=3)


def test_nothing_is_changed_that_was_given() -> None:
    for image in (F, B, M):
        image.setflags(write=False)
    sshbench.harmonize(F, B, M, method=Known(), center=True, rotate=12.0, flip="both")
    sshbench.harmonize(F, B, M, method=Known(), center=True, rotate=90.0, flip="both")


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ({"at": "3"}, "at: '3' is not x,y in pixels or per cent, such as 640,-20 or 50%,100%"),
        ({"at": (1, 2, 3)}, "is not x,y"),
        ({"at": "nan,2"}, "is not x,y"),
        ({"at": "1,2", "anchor": "feet"}, "anchor is corner or top-left"),
        ({"anchor": "top"}, "--anchor top needs --at"),
        ({"center": True, "at": (1, 2)}, "--center already sets"),
        ({"center": True, "fit": "40%"}, "fit: '40%' is not a width or a height, such as height=40%"),
        ({"center": True, "fit": "height=-3"}, "the object's height must be above 0, not -3"),
        ({"center": True, "fit": "width=9", "scale": 2.0}, "by --fit or by --scale, not by both"),
        ({"center": True, "rotate": float("inf")}, "rotate must be a number of degrees, not inf"),
        ({"fit": "height=40%"}, "give the position with --at x,y or --center"),
        (
            {"anchor": "bottom", "at": "50%,-1%"},
            "--at 50%,-1%; give a position on the background for its anchor, bottom",
        ),
        ({"anchor": "right", "at": "-40,0", "rotate": 30.0}, "lands outside the background of 320 x 240"),
        ({"center": True, "fit": "height=0.1"}, "leaves no pixel of a foreground"),
    ],
)
def test_what_does_not_go_together(place: dict[str, Any], said: str) -> None:
    with pytest.raises(SshbenchError) as caught:
        sshbench.harmonize(F, B, RECTANGLE, method=SAME, **place)
    assert said in str(caught.value)


def test_a_composite_is_placed_already() -> None:
    with pytest.raises(SshbenchError, match="a composite already contains its foreground"):
        sshbench.harmonize(F, None, M, method=SAME, rotate=10.0)


def test_equal_places_are_equal() -> None:
    assert Place(at="3,4", fit="width=5") == Place(at=(3, 4), fit="width=5.0")
    assert Place().is_default
