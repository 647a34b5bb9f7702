"""A recipe is a pure function of (seed, row, draw), and its parts are distributed as `Settings` specifies."""

from __future__ import annotations

import hashlib
import struct
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats

from sshbench.triplets.recipe import Crop, Recipe, boxes, make_recipe, make_recipes, overlap
from sshbench.triplets.settings import Settings, SettingsError

COUNT = 10_000
LEAST = 1e-3  # of p; the draws are fixed, so a test passes always or never


def recipes(settings: Settings, luts: int = 100, count: int = COUNT) -> list[Recipe]:
    rows = [f"photos/{i:05d}.jpg" for i in range(count)]
    return make_recipes(settings, rows, [0] * count, luts)


@pytest.fixture(scope="module")
def drawn() -> list[Recipe]:
    return recipes(Settings())


def test_a_recipe_is_what_it_was_when_this_was_written() -> None:
    """A change here gives everyone other data under the same seed."""
    assert make_recipe(Settings(), "photos/00000.jpg", 0, 100) == Recipe(
        row="photos/00000.jpg",
        draw=0,
        content=Crop(scale=264, x=8, y=6),
        reference=Crop(scale=262, x=6, y=15),
        window=51486,
        alpha=13,
        beta=87,
        alpha_strength=1.0,
        beta_strength=1.0,
        seed=6907478781210637978,
    )


def test_a_recipe_is_drawn_from_a_published_hash() -> None:
    """Again from the definition, with nothing of ours: BLAKE2b, 32-bit words, whole-number scaling."""
    settings = Settings(seed=12345, strength=(0.5, 1.0))
    recipe = make_recipe(settings, "å/b.jpg", 7, 50)
    digest = hashlib.blake2b(
        "å/b.jpg".encode(), digest_size=64, salt=struct.pack("<QQ", 7, 0), person=(12345).to_bytes(8, "little")
    ).digest()
    words = struct.unpack("<16I", digest)
    scale, other = 256 + (words[8] * 65 >> 32), 256 + (words[9] * 65 >> 32)
    assert recipe.content == (scale, words[10] * (scale - 223) >> 32, words[11] * (scale - 223) >> 32)
    assert recipe.reference == (other, words[12] * (other - 223) >> 32, words[13] * (other - 223) >> 32)
    assert recipe.alpha == words[0] * 50 // 2**32
    remaining = [lut for lut in range(50) if lut != recipe.alpha]
    assert recipe.beta == remaining[words[1] * 49 // 2**32]
    assert recipe.alpha_strength == pytest.approx(0.5 + 0.5 * words[2] / 2**32)
    assert recipe.beta_strength == pytest.approx(0.5 + 0.5 * words[3] / 2**32)
    assert recipe.window == words[4] // 65536
    assert recipe.seed == (words[5] + words[6] * 2**32) // 2


VARIETY = [
    Settings(),
    Settings(seed=2**64 - 1, overlap=(0.5, 0.7)),
    Settings(crops="single"),
    Settings(kind="composites", weights=tuple(float(i) for i in range(100))),
    Settings(appearance="saturation", crop=100, scale=(100, 1000), overlap=(0.0, 1.0)),
    Settings(appearance="color-transfer", transfers=("xiao", "reinhard")),
    Settings(appearance="color-transfer", kind="composites", background="look"),
    Settings(appearance="grades", kind="composites", background="look"),
    Settings(strength=(0.2, 0.4), scale=(224, 224)),
]


@pytest.mark.parametrize("settings", VARIETY)
@given(
    rows=st.lists(st.tuples(st.text(max_size=40), st.integers(0, 2**63)), max_size=5),
    luts=st.just(100),
)
def test_many_at_once_are_the_same_as_one_by_one(settings: Settings, rows: list[tuple[str, int]], luts: int) -> None:
    together = make_recipes(settings, [row for row, _ in rows], [draw for _, draw in rows], luts)
    assert together == [make_recipe(settings, row, draw, luts) for row, draw in rows]


@pytest.mark.parametrize("settings", VARIETY)
def test_order_and_company_change_nothing(settings: Settings) -> None:
    rows = [f"{i}.jpg" for i in range(500)]
    forward = make_recipes(settings, rows, [3] * 500, 100)
    backward = make_recipes(settings, rows[::-1], [3] * 500, 100)[::-1]
    assert forward == backward
    assert make_recipes(settings, rows[100:200], [3] * 100, 100) == forward[100:200]
    assert [make_recipe(settings, row, 3, 100) for row in rows[:150]] == forward[:150]  # enough for whole vectors


def test_another_process_draws_the_same() -> None:
    code = (
        "from sshbench.triplets.recipe import make_recipe; from sshbench.triplets.settings import Settings\n"
        "import sys; print(make_recipe(Settings(overlap=(0.5, 0.7)), 'a.jpg', 2, 9)); assert 'torch' not in sys.modules"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == str(make_recipe(Settings(overlap=(0.5, 0.7)), "a.jpg", 2, 9))


@pytest.mark.parametrize("settings", VARIETY)
def test_rows_of_a_table_hold_everything(settings: Settings) -> None:
    for recipe in recipes(settings, count=50):
        row = recipe.to_row()
        assert all(isinstance(value, str | int | float) for value in row.values())
        assert -(2**63) <= row["seed"] < 2**63
        assert Recipe.from_row(row | {"foreground": b""}) == recipe


@pytest.mark.parametrize("settings", VARIETY)
def test_recipes_fit_the_settings_that_they_were_drawn_from(settings: Settings) -> None:
    luts = 100 if settings.has_bank else 0
    assert all(recipe.fits(settings, luts) for recipe in recipes(settings, luts, count=200))


PLAIN = Recipe("a.jpg", 0, Crop(256, 0, 32), Crop(320, 96, 0), 65535, 0, 4, 0.0, 10.0, 0)


@pytest.mark.parametrize(
    "change",
    [
        {"row": 3}, {"draw": 0.0}, {"draw": True}, {"seed": "1"}, {"window": 65536}, {"window": -1},
        {"content": Crop(255, 0, 0)}, {"reference": Crop(321, 0, 0)}, {"content": Crop(256, 33, 0)},
        {"content": Crop(256, 0, 33)}, {"content": Crop(256, -1, 0)}, {"reference": Crop(320, 0, 97)},
        {"reference": Crop(320, 0, -1)}, {"content": Crop(256, 0.0, 0)}, {"alpha": 5}, {"alpha": -1}, {"beta": 5},
        {"beta": -1}, {"alpha_strength": 1}, {"alpha_strength": -0.1}, {"beta_strength": 10.1},
    ],
)  # fmt: skip
def test_a_recipe_that_the_settings_cannot_give_does_not_fit(change: dict[str, Any]) -> None:
    assert PLAIN.fits(Settings(), 5)
    assert not replace(PLAIN, **change).fits(Settings(), 5)


def test_without_luts_the_appearances_that_a_recipe_may_name_are_others() -> None:
    transfers = Settings(appearance="color-transfer", transfers=("xiao", "reinhard"))
    for settings, least, looks in ((Settings(appearance="saturation"), -1, 0), (transfers, -1, 2)):
        fitting = [look for look in range(-3, 5) if replace(PLAIN, alpha=look, beta=-1).fits(settings, 0)]
        assert fitting == list(range(least, looks))


def test_everything_differs_by_seed_row_and_draw() -> None:
    base = make_recipe(Settings(), "a.jpg", 0, 100)
    others = [
        make_recipe(Settings(seed=1), "a.jpg", 0, 100),
        make_recipe(Settings(), "b.jpg", 0, 100),
        make_recipe(Settings(), "a.jpg", 1, 100),
    ]
    assert len({(r.content, r.reference, r.window, r.alpha, r.beta, r.seed) for r in [base, *others]}) == 4


def test_scales_of_both_crops_are_uniform_and_independent(drawn: list[Recipe]) -> None:
    content, reference = (np.array([getattr(r, name).scale for r in drawn]) for name in ("content", "reference"))
    for scales in (content, reference):
        counts = np.bincount(scales - 256, minlength=65)
        assert len(counts) == 65
        assert stats.chisquare(counts).pvalue > LEAST
    together = np.histogram2d(content, reference, bins=5)[0]
    assert stats.chi2_contingency(together).pvalue > LEAST


@pytest.mark.parametrize("name", ["content", "reference"])
@pytest.mark.parametrize("axis", ["x", "y"])
def test_places_of_crops_are_uniform_where_they_fit(drawn: list[Recipe], name: str, axis: str) -> None:
    crops = [getattr(r, name) for r in drawn]
    free = np.array([c.scale - 224 for c in crops])
    places = np.array([getattr(c, axis) for c in crops])
    assert (places >= 0).all()
    assert (places <= free).all()
    # A whole number from 0 to free, spread over its cell, is uniform in 0..1.
    spread = (places + np.random.default_rng(0).random(COUNT)) / (free + 1)
    assert stats.kstest(spread, "uniform").pvalue > LEAST


def test_windows_are_uniform(drawn: list[Recipe]) -> None:
    assert stats.kstest(np.array([r.window for r in drawn]) / 65535, "uniform").pvalue > LEAST


def monte_carlo(settings: Settings, count: int) -> NDArray[np.float64]:
    """Overlaps of pairs of squares drawn by the words of the specification, in floating point, without our code."""
    rng = np.random.default_rng(1)
    kept: list[NDArray[np.float64]] = []
    while sum(map(len, kept)) < count:
        scale = rng.integers(settings.scale[0], settings.scale[1] + 1, (2, 100_000))
        start = np.floor(rng.random((2, 2, 100_000)) * (scale[:, None] - settings.crop + 1)) / scale[:, None]
        stop = start + settings.crop / scale[:, None]
        sides = np.clip(np.minimum(stop[0], stop[1]) - np.maximum(start[0], start[1]), 0, None)
        shared = (sides.prod(axis=0) / (settings.crop / scale.max(axis=0)) ** 2).round(9)
        kept.append(shared[(shared >= settings.overlap[0]) & (shared <= settings.overlap[1])])
    return np.concatenate(kept)[:count]


@pytest.mark.parametrize(
    "settings",
    [
        Settings(),
        Settings(overlap=(0.5, 0.7)),
        Settings(scale=(256, 1024), overlap=(0.0, 1.0)),
        Settings(scale=(256, 1024), overlap=(0.1, 0.5)),
    ],
    ids=["paper", "bounded", "wide", "wide and bounded"],
)
def test_overlaps_are_distributed_as_those_of_random_squares(settings: Settings) -> None:
    ours = np.array([overlap(r.content, r.reference, settings.crop) for r in recipes(settings, count=4000)]).round(9)
    assert ours.min() >= settings.overlap[0]
    assert ours.max() <= settings.overlap[1]
    assert stats.ks_2samp(ours, monte_carlo(settings, 100_000)).pvalue > LEAST


def test_crops_of_the_paper_always_overlap() -> None:
    """The farthest apart that two crops of 0.7 of a square can be: opposite corners share 0.4 x 0.4 of 0.7 x 0.7."""
    corners = overlap(Crop(320, 0, 0), Crop(320, 96, 96), 224)
    assert corners == pytest.approx((0.4 / 0.7) ** 2)
    assert corners > Settings().overlap[0]


@given(st.integers(224, 400), st.integers(224, 400), st.data())
def test_overlap_is_that_of_the_boxes(first: int, second: int, data: st.DataObject) -> None:
    place = st.floats(0, 1)
    a, b = (
        Crop(scale, int(data.draw(place) * (scale - 224)), int(data.draw(place) * (scale - 224)))
        for scale in (first, second)
    )
    recipe = Recipe("", 0, a, b, data.draw(st.integers(0, 65535)), 0, 1, 1.0, 1.0, 0)
    width, height = data.draw(st.tuples(st.integers(224, 5000), st.integers(224, 5000)))
    one, other = boxes(recipe, 224, width, height)
    for left, top, right, bottom in (one, other):
        assert 0 <= left < right <= width
        assert 0 <= top < bottom <= height
        assert right - left == pytest.approx(bottom - top)
    sides = [max(min(one[i + 2], other[i + 2]) - max(one[i], other[i]), 0) for i in (0, 1)]
    smaller = min((box[2] - box[0]) * (box[3] - box[1]) for box in (one, other))
    assert overlap(a, b, 224) == pytest.approx(sides[0] * sides[1] / smaller, abs=1e-9)
    assert overlap(a, b, 224) == overlap(b, a, 224)


def test_boxes_span_the_jittered_short_side() -> None:
    recipe = Recipe("", 0, Crop(320, 96, 48), Crop(256, 0, 32), 65535, 0, 1, 1.0, 1.0, 0)
    content, reference = boxes(recipe, 224, 640, 480)
    assert content == pytest.approx((160 + 96 * 1.5, 48 * 1.5, 640, 48 * 1.5 + 336))
    assert reference == pytest.approx((160, 32 * 1.875, 160 + 420, 480))
    upright, _ = boxes(recipe, 224, 480, 640)
    assert upright == pytest.approx((96 * 1.5, 160 + 48 * 1.5, 480, 160 + 48 * 1.5 + 336))


def test_a_single_crop_serves_as_both() -> None:
    single, multi = (recipes(Settings(crops=crops), count=200) for crops in ("single", "multi"))
    assert all(r.content == r.reference for r in single)
    assert [r.content for r in single] == [r.content for r in multi]
    assert [(r.alpha, r.beta) for r in single] == [(r.alpha, r.beta) for r in multi]


def test_pairs_of_different_luts_are_all_alike() -> None:
    counts = Counter((r.alpha, r.beta) for r in recipes(Settings(), luts=8))
    assert all(a != b for a, b in counts)
    assert len(counts) == 8 * 7
    assert stats.chisquare(list(counts.values())).pvalue > LEAST


def test_of_a_hundred_luts_each_is_drawn_alike(drawn: list[Recipe]) -> None:
    for name in ("alpha", "beta"):
        counts = np.bincount([getattr(r, name) for r in drawn], minlength=100)
        assert stats.chisquare(counts).pvalue > LEAST
    assert all(r.alpha != r.beta for r in drawn)


def test_weighted_pairs_come_as_often_as_drawing_without_putting_back_gives() -> None:
    weights = np.array([5.0, 1.0, 0.0, 3.0, 2.0, 0.5])
    counts = Counter((r.alpha, r.beta) for r in recipes(Settings(weights=tuple(weights)), luts=6))
    part = weights / weights.sum()
    expected = {
        (a, b): COUNT * part[a] * part[b] / (1 - part[a])
        for a in range(6)
        for b in range(6)
        if a != b and part[a] * part[b] > 0
    }
    assert set(counts) <= set(expected)
    assert stats.chisquare([counts[pair] for pair in expected], list(expected.values())).pvalue > LEAST


def test_strengths_are_uniform_and_exact_where_fixed() -> None:
    several = recipes(Settings(strength=(0.25, 0.75)))
    for name in ("alpha_strength", "beta_strength"):
        values = np.array([getattr(r, name) for r in several])
        assert stats.kstest(values, stats.uniform(0.25, 0.5).cdf).pvalue > LEAST
    assert {r.alpha_strength for r in recipes(Settings(), count=100)} == {1.0}


def test_other_appearances_draw_factors_and_transfers() -> None:
    saturated = recipes(Settings(appearance="saturation"), luts=0)
    assert {(r.alpha, r.beta) for r in saturated} == {(-1, -1)}
    assert stats.kstest([r.alpha_strength for r in saturated], stats.uniform(0.4, 1.2).cdf).pvalue > LEAST
    transferred = recipes(Settings(appearance="color-transfer"), luts=0)
    assert {r.beta for r in transferred} == {-1}
    assert stats.chisquare(list(Counter(r.alpha for r in transferred).values())).pvalue > LEAST
    looked = recipes(Settings(appearance="color-transfer", kind="composites", background="look"), luts=0)
    assert [r.alpha for r in looked] == [r.alpha for r in transferred]
    counts = Counter((r.alpha, r.beta) for r in looked)
    assert len(counts) == 16  # what both sides draw is independent
    assert stats.chisquare(list(counts.values())).pvalue > LEAST


def test_a_background_under_a_look_changes_no_other_part_of_a_recipe() -> None:
    for appearance in ("lut", "grades", "ladders", "saturation"):
        plain, looked = (
            recipes(Settings(kind="composites", appearance=appearance, background=background), count=200)  # type: ignore[arg-type]
            for background in ("photographed", "look")
        )
        assert plain == looked


def test_grades_and_ladders_are_drawn_as_luts_are() -> None:
    for appearance in ("grades", "ladders"):
        assert recipes(Settings(appearance=appearance), count=200) == recipes(Settings(), count=200)  # type: ignore[arg-type]


@pytest.mark.parametrize("luts", [0, 1])
def test_fewer_than_two_luts_are_refused(luts: int) -> None:
    with pytest.raises(SettingsError, match=f"the bank holds {luts}"):
        make_recipe(Settings(), "a", 0, luts)


def test_weights_for_another_bank_are_refused() -> None:
    with pytest.raises(SettingsError, match="3 weights for 5 LUTs"):
        make_recipe(Settings(weights=(1.0, 1.0, 1.0)), "a", 0, 5)


def test_an_overlap_that_crops_cannot_have_is_refused_with_what_they_can() -> None:
    with pytest.raises(SettingsError, match=r"share 0\.\d\d to 1\.00 of their area, and rarely or never 0 to 0\.2"):
        make_recipe(Settings(overlap=(0.0, 0.2)), "a", 0, 5)


def test_a_recipe_is_about_a_hundred_bytes() -> None:
    row = make_recipe(Settings(), "train/n01440764/n01440764_10026.JPEG", 0, 100).to_row()
    assert sum(len(v) if isinstance(v, str) else 8 if isinstance(v, float) else 4 for v in row.values()) <= 120
