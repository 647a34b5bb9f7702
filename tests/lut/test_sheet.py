"""A contact sheet shows each LUT on the photographs, the original first, with titles that can be read."""

from __future__ import annotations

import numpy as np
import pytest

from sshbench.errors import SshbenchError
from sshbench.lut.sheet import contact_sheet
from sshbench.lut.table import Lut

GREY = np.full((60, 90, 3), 100, np.uint8)
INVERSE = Lut(values=1 - Lut.identity(2).values, title="Inverse")
TILE = (64, 48)


def tiles(sheet, columns, rows):
    """The colour in the middle of each tile."""
    pixels = np.asarray(sheet)
    step_x, step_y = pixels.shape[1] / columns, pixels.shape[0] / rows
    return [
        [pixels[int((r + 0.4) * step_y), int((c + 0.5) * step_x)].tolist() for c in range(columns)] for r in range(rows)
    ]


def test_the_original_comes_first_and_each_lut_after_it_in_order():
    shown = tiles(contact_sheet([INVERSE, Lut.identity(2), INVERSE], [GREY], columns=2, tile=TILE), 2, 2)
    assert shown == [[[100] * 3, [155] * 3], [[100] * 3, [155] * 3]]


def test_photographs_share_a_tile_side_by_side():
    white = np.full((20, 500, 3), 255, np.uint8)
    pixels = np.asarray(contact_sheet([], [GREY, white], tile=TILE))
    assert pixels[20, 10].tolist() == [100] * 3
    assert pixels[20, 60].tolist() == [255] * 3


def test_photographs_keep_their_proportions_and_their_middle():
    photo = np.zeros((40, 300, 3), np.uint8)
    photo[:, 140:160] = 200  # a bar half as wide as the photograph is high
    line = np.asarray(contact_sheet([], [photo], tile=TILE))[25, 4:68, 0] > 100
    assert line.sum() == pytest.approx(TILE[1] / 2, abs=1)
    assert line.nonzero()[0].mean() == pytest.approx(TILE[0] / 2 - 0.5, abs=1)


def test_titles_are_drawn_below_and_long_ones_stay_within_their_tile():
    def ink(title):
        pixels = np.asarray(contact_sheet([Lut(values=INVERSE.values, title=title)], [GREY], tile=TILE))
        return (pixels[-15:] < 128).all(axis=2).any(axis=0).nonzero()[0]

    assert ink("Inverse").max() > 4 + 64 + 4
    long = ink("A title that is much longer than any tile")
    assert 4 + 64 + 40 < long.max() < 4 + 64 + 4 + 64


def test_a_lut_without_a_title_goes_by_its_file():
    sheets = [
        contact_sheet([lut], [GREY], tile=TILE)
        for lut in (Lut(values=INVERSE.values, source="looks/Inverse.cube"), INVERSE, Lut(values=INVERSE.values))
    ]
    assert sheets[0] == sheets[1] != sheets[2]


@pytest.mark.parametrize(("photos", "options"), [([], {}), ([GREY], {"columns": 0}), ([GREY] * 5, {"tile": (64, 48)})])
def test_what_cannot_be_drawn_is_refused(photos, options):
    with pytest.raises(SshbenchError, match="contact sheet needs"):
        contact_sheet([INVERSE], photos, **options)


@pytest.mark.parametrize("photo", [GREY / np.float32(255), GREY / 255, GREY * np.uint16(257)])
def test_photographs_of_other_types_and_one_lut_alone_give_the_same_sheet(photo):
    expected = contact_sheet([INVERSE], [GREY], tile=TILE)
    assert np.array_equal(np.asarray(contact_sheet(INVERSE, photo, tile=TILE)), np.asarray(expected))


@pytest.mark.parametrize(
    ("luts", "photo", "says"),
    [
        (["golden-hour"], GREY, "shows Luts, not str"),
        ([INVERSE], GREY.astype(np.float32), "divide them by 255"),
        ([INVERSE], GREY[..., 0], r"\[H, W, 3\], not \[60, 90\]"),
        ([INVERSE], np.zeros((0, 5, 3), np.uint8), r"\[H, W, 3\], not \[0, 5, 3\]"),
        ([INVERSE], np.full((5, 5, 3), np.nan), "not finite"),
        ([INVERSE], "photo.jpg", "an array of real numbers"),
    ],
)
def test_what_cannot_be_shown_is_a_sentence(luts, photo, says):
    with pytest.raises(SshbenchError, match=says):
        contact_sheet(luts, [photo], tile=TILE)
