"""The hundred looks: varied, smooth, within 0..1, and the committed files are what `bake` writes."""

from __future__ import annotations

import numpy as np
import pytest

from sshbench.folders import data_folder
from sshbench.lut.cube import read_cube
from sshbench.lut.looks import LOOKS, bake
from sshbench.lut.looks.look import DECIMALS, SIZE
from tests.lut.measure import appearances, ciede2000, distances, embeddable_photographs, sample, to_lab, transformed

GRID = np.arange(SIZE)


@pytest.fixture(scope="module")
def luts():
    return [look.lut() for look in LOOKS]


@pytest.fixture(scope="module")
def pixels():
    return sample(list(embeddable_photographs().values()), 200)


@pytest.fixture(scope="module")
def seen(luts, pixels):
    return appearances(luts, pixels)


def names_where(bad):
    return [look.name for look, is_bad in zip(LOOKS, bad, strict=True) if is_bad]


def test_there_are_one_hundred_with_names_and_titles_of_their_own():
    assert len(LOOKS) == len({look.name for look in LOOKS}) == len({look.title for look in LOOKS}) == 100


def test_every_value_is_within_0_and_1_also_between_the_points_of_the_table():
    colours = np.random.default_rng(0).random((500, 3))
    colours[:200] = colours[:200].round()  # the corners of the cube
    for look in LOOKS:
        values = look(colours)
        assert values.min() >= 0, look.name
        assert values.max() <= 1, look.name


def test_every_look_is_seen(pixels, seen):
    strength = ciede2000(np.broadcast_to(to_lab(pixels), seen.shape), seen).mean(axis=1)
    assert names_where(strength < 4) == []


def test_no_two_looks_are_nearer_than_mean_ciede2000_of_2(seen):
    assert names_where((distances(seen) < 2).any(axis=1)) == []


@pytest.mark.parametrize(("colours", "slack"), [("greys", 0), ("all hues", 0.05)])
def test_luminance_rises_from_black_to_full_colour(luts, colours, slack):
    full = np.ones((1, 3)) if colours == "greys" else np.random.default_rng(0).random((40, 3))
    ramps = np.linspace(0, 1, 128)[:, None, None] * (full / full.max(axis=1, keepdims=True))
    lightness = np.stack([to_lab(transformed(lut.values, ramps.reshape(-1, 3)))[:, 0] for lut in luts])
    assert names_where(np.diff(lightness.reshape(len(luts), 128, -1), axis=1).min(axis=(1, 2)) < -slack) == []


@pytest.mark.parametrize(("where", "bound"), [("greys", 0.12), ("anywhere", 0.25)])
def test_no_banding(luts, where, bound):
    tables = np.stack([lut.values for lut in luts])
    if where == "greys":
        bends = np.abs(np.diff(tables[:, GRID, GRID, GRID], 2, axis=1)).max(axis=(1, 2))
    else:
        bends = np.max([np.abs(np.diff(tables, 2, axis=a)).max(axis=(1, 2, 3, 4)) for a in (1, 2, 3)], axis=0)
    assert names_where(bends > bound) == []


def test_tables_agree_with_the_looks_between_their_points(luts, pixels):
    error = np.stack([transformed(lut.values, pixels) - look(pixels) for look, lut in zip(LOOKS, luts, strict=True)])
    assert names_where(np.abs(error).mean(axis=(1, 2)) > 1 / 255) == []


def test_committed_files_are_what_bake_writes(tmp_path):
    baked = bake(tmp_path / "luts")
    committed = data_folder("luts")
    assert [path.name for path in baked] == [f"{look.name}.cube" for look in LOOKS]
    assert sorted(path.name for path in committed.glob("*.cube")) == sorted(path.name for path in baked)
    assert [path.name for path in baked if path.read_bytes() != (committed / path.name).read_bytes()] == []


def test_files_read_back_as_the_looks(luts):
    for look, lut in zip(LOOKS, luts, strict=True):
        read = read_cube(data_folder("luts") / f"{look.name}.cube")
        assert read.title == look.title
        np.testing.assert_array_equal(read.values, lut.values)


def test_no_value_is_so_near_a_rounding_boundary_that_another_machine_could_round_it_elsewhere():
    axis = GRID / (SIZE - 1)
    blue, green, red = np.meshgrid(axis, axis, axis, indexing="ij")
    for look in LOOKS:
        scaled = look(np.stack([red, green, blue], axis=-1)) * 10**DECIMALS
        assert np.abs(scaled % 1 - 0.5).min() > 1e-7, look.name


def test_the_card_lists_every_look_with_its_parameters():
    card = (data_folder("luts") / "README.md").read_text(encoding="utf-8")
    rows = [line.split(" | ") for line in card.splitlines() if line.startswith("| [")]
    assert [(row[0], row[1], row[3]) for row in rows] == [
        (f"| [{look.name}]({look.name}.cube)", look.family, f"{look.parameters} |") for look in LOOKS
    ]
