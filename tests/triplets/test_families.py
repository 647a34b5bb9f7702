"""Computed looks: grades, ladders of exposure and white balance, and transfers as LUTs, against other code."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import colour
import numpy as np
import pytest
import skimage
from click.testing import CliRunner
from numpy.typing import NDArray
from PIL import Image

from sshbench.benchmarks.open import open_benchmark
from sshbench.cli.main import cli
from sshbench.colour.transfer import TRANSFER_FUNCTIONS
from sshbench.errors import SshbenchError
from sshbench.lut.apply import apply_lut
from sshbench.lut.table import Lut, LutError, identity_table
from sshbench.training.store_rows import rows_of
from sshbench.triplets import families
from sshbench.triplets.dataset import TripletDataset
from sshbench.triplets.families import (
    KELVINS,
    STOPS,
    exposure_step,
    grade,
    grade_bank,
    ladder,
    ladder_bank,
    shouldered,
    transfer_table,
    white_balance_step,
    white_gains,
)
from sshbench.triplets.held_out import is_held_out
from sshbench.triplets.luts import bank_of, open_bank
from sshbench.triplets.manifest import read_manifest
from sshbench.triplets.settings import TRANSFERS, Settings
from sshbench.triplets.store import load_triplets

Floats = NDArray[Any]
LUMA = np.array([0.2126, 0.7152, 0.0722])
POINTS = np.arange(17)


def greys(table: Floats) -> Floats:
    """What becomes of the greys: the diagonal `[17, 3]` of a table."""
    return np.asarray(table[POINTS, POINTS, POINTS], np.float64)


def decoded(values: Floats) -> Floats:
    return np.asarray(colour.models.eotf_sRGB(values))


def encoded(light: Floats) -> Floats:
    return np.asarray(colour.models.eotf_inverse_sRGB(light))


class TestGrades:
    def test_they_are_looks_over_0_to_1_each_from_its_own_seed(self) -> None:
        bank = grade_bank()
        assert bank.values.shape == (1000, 17, 17, 17, 3)
        assert bank.values.min() >= 0
        assert bank.values.max() <= 1
        assert bank.names[:2] == ("grade 0", "grade 1")
        for k in (0, 17, 999):
            again = grade(np.random.default_rng((0, k)))
            assert np.abs(again - bank.values[k]).max() <= 0.5 / 65535 + 1e-7
        assert np.array_equal(grade_bank(20).values, bank.values[:20])
        assert not np.array_equal(grade_bank(20, seed=1).values, bank.values[:20])

    def test_the_bank_is_that_of_16_bits_so_that_the_last_bits_of_powers_do_not_count(self) -> None:
        for bank in (grade_bank(), ladder_bank()):
            codes = bank.values.astype(np.float64) * 65535
            assert np.abs(codes - np.rint(codes)).max() < 0.01

    def test_some_are_strong_and_hardly_any_changes_nothing(self) -> None:
        moved = np.abs(grade_bank().values - identity_table(17)).mean((1, 2, 3, 4)) * 255
        assert np.quantile(moved, 0.02) > 2
        assert 15 < np.median(moved) < 35
        assert np.quantile(moved, 0.95) > 45

    def test_brighter_greys_stay_brighter_but_for_a_few_curves(self) -> None:
        falls = np.array([min(np.diff(greys(table) @ LUMA).min(), 0.0) for table in grade_bank().values])
        assert np.mean(falls < -1e-4) <= 0.02
        assert falls.min() > -0.03

    def test_exposure_moves_over_stops(self) -> None:
        """Of the middle grey: a deviation of one stop in two thirds of them, and what curves and black points add."""
        middle = np.array([decoded(greys(table)[8]) @ LUMA for table in grade_bank().values])
        stops = np.log2(middle / decoded(np.array(0.5)))
        assert 0.8 < np.std(stops) < 1.3
        assert np.quantile(stops, 0.03) < -1.5
        assert np.quantile(stops, 0.97) > 1.2

    def test_a_tenth_is_held_out_by_name(self) -> None:
        train, held = (bank_of("grades", part=part) for part in ("train", "held-out"))
        assert train is not None
        assert held is not None
        assert set(train.names) | set(held.names) == set(grade_bank().names)
        assert list(held.names) == [name for name in grade_bank().names if is_held_out(name)]
        assert 70 <= len(held) <= 130
        assert np.array_equal(held.values[3], grade_bank().values[grade_bank().position(held.names[3])])


def test_the_shoulder_is_smooth_rises_and_stays_below_white() -> None:
    light = np.linspace(0, 16, 4001)
    bent = shouldered(light)
    assert np.array_equal(bent[light <= 0.8], light[light <= 0.8])
    assert (np.diff(bent) >= 0).all()
    assert bent.max() <= 1
    slopes = np.diff(bent) / np.diff(light)
    assert np.abs(np.diff(slopes)).max() < 0.03  # no corner where it begins


def test_grades_and_steps_are_what_they_were_when_this_was_written() -> None:
    """Means of all values in thousandths; a change here gives everyone other looks under the same seed."""
    assert grade_bank(24).values.mean((1, 2, 3, 4), np.float64) * 1000 == pytest.approx(
        [
            584.6, 420.9, 345.6, 484.8, 488.5, 524.5, 683.6, 551.5, 544.8, 503.9, 599.3, 694.6,
            556.1, 405.6, 633.8, 440.0, 376.8, 509.1, 542.9, 330.6, 516.0, 497.8, 591.9, 459.5,
        ],
        abs=0.06,
    )  # fmt: skip
    rng = np.random.default_rng(0)
    assert [ladder(rng).mean(dtype=np.float64) * 1000 for _ in range(24)] == pytest.approx(
        [
            495.6, 247.1, 468.2, 473.7, 450.0, 644.5, 691.3, 454.1, 464.6, 486.8, 435.0, 464.3,
            486.3, 627.2, 490.2, 488.8, 388.2, 429.0, 513.6, 497.9, 507.7, 302.2, 498.6, 444.7,
        ],
        abs=0.06,
    )  # fmt: skip


class TestLadders:
    def test_rungs_are_known_and_all_in_every_part(self) -> None:
        names = ("-2 EV", "-1 EV", "+1 EV", "+2 EV", "2800 K", "3500 K", "4500 K", "5500 K", "8000 K", "10000 K")
        for part in ("train", "held-out", "all"):
            bank = bank_of("ladders", part=part)  # type: ignore[arg-type]
            assert bank is not None
            assert bank.names == names

    @pytest.mark.parametrize("stops", STOPS)
    def test_exposure_is_a_gain_of_linear_light(self, stops: float) -> None:
        expected = encoded(np.clip(decoded(identity_table(17).astype(np.float64)) * 2.0**stops, 0, 1))
        np.testing.assert_allclose(exposure_step(stops), expected, atol=1e-6)
        named = ladder_bank().values[ladder_bank().position(f"{stops:+g} EV")]
        np.testing.assert_allclose(named, expected, atol=1e-5)

    @pytest.mark.parametrize("stops", STOPS)
    def test_pixels_get_that_exposure(self, stops: float) -> None:
        """Within the LUT's 17 points: a corner such as that at white lies between two of them."""
        photo = skimage.data.astronaut()
        expected = np.rint(255 * encoded(np.clip(decoded(photo / 255) * 2.0**stops, 0, 1)))
        found = apply_lut(photo, Lut(values=exposure_step(stops)), layout="HWC")
        assert np.abs(found - expected).mean() < 0.6
        assert np.abs(found - expected).max() <= 8

    @pytest.mark.parametrize("kelvin", KELVINS)
    def test_white_balance_has_the_white_of_a_black_body(self, kelvin: int) -> None:
        """Kang et al. 2002 and sRGB's primaries, of colour-science; the luminance of white stays."""

        def white(temperature: float) -> Floats:
            xyz = colour.xy_to_XYZ(colour.temperature.CCT_to_xy_Kang2002(temperature))
            return np.asarray(np.linalg.inv(colour.RGB_COLOURSPACES["sRGB"].matrix_RGB_to_XYZ) @ xyz)

        gains = white(kelvin) / white(6500)
        gains /= gains @ LUMA
        np.testing.assert_allclose(white_gains(kelvin), gains, atol=1e-4)
        expected = encoded(np.clip(decoded(identity_table(17).astype(np.float64)) * gains, 0, 1))
        np.testing.assert_allclose(white_balance_step(kelvin), expected, atol=1e-3)
        assert white_gains(kelvin) @ LUMA == pytest.approx(1)

    def test_low_temperatures_are_warm_and_6500_changes_nothing(self) -> None:
        ratios = [white_gains(kelvin)[0] / white_gains(kelvin)[2] for kelvin in (2000, *KELVINS, 12000)]
        assert (np.diff(ratios) < 0).all()
        np.testing.assert_allclose(white_gains(6500), 1, atol=1e-12)
        np.testing.assert_allclose(white_balance_step(6500), identity_table(17), atol=1e-6)

    def test_greys_rise_on_every_rung(self) -> None:
        for table in ladder_bank().values:
            assert (np.diff(greys(table), axis=0) >= 0).all()

    def test_steps_for_training_lie_anywhere_on_the_ladders(self) -> None:
        rng = np.random.default_rng(0)
        tables = [ladder(rng) for _ in range(300)]
        dark = np.array([decoded(greys(table)[4]) / decoded(np.array(0.25)) for table in tables])  # below all clipping
        stops = np.log2(dark @ LUMA)
        casts = np.log2(dark[:, 0] / dark[:, 2])
        assert np.abs(stops).max() < 2.21
        assert stops.min() < -2
        assert stops.max() > 2
        exposed, cast = np.abs(stops) > 0.01, np.abs(casts) > 0.01
        assert 0.5 < exposed.mean() < 0.7
        assert (exposed | cast).all()
        assert (exposed & cast).any()
        warmest = np.log2(white_gains(2700)[0] / white_gains(2700)[2])
        assert casts.max() <= warmest + 0.01
        assert min(table.min() for table in tables) >= 0
        assert max(table.max() for table in tables) <= 1


PAIRS = [("astronaut", "coffee"), ("coffee", "chelsea"), ("chelsea", "astronaut")]


def photographs(one: str, other: str) -> list[NDArray[np.uint8]]:
    return [getattr(skimage.data, name)()[::4, ::4] for name in (one, other)]


@pytest.mark.parametrize(("one", "other"), PAIRS)
@pytest.mark.parametrize("method", ["reinhard", "xiao"])
def test_statistics_move_the_pixels_they_were_taken_from_as_the_transfers_do(method: str, one: str, other: str) -> None:
    source, target = photographs(one, other)
    colours, others = (image.reshape(-1, 3) / 255 for image in (source, target))
    found = families._STATISTICS[method](colours, others, colours)
    expected = TRANSFER_FUNCTIONS[method](source, target).reshape(-1, 3)
    differences = np.abs(255 * np.clip(found, 0, 1) - expected)
    assert differences.mean() < 0.3
    assert np.quantile(differences, 0.999) < 0.6  # rounding


@pytest.mark.parametrize(("one", "other"), PAIRS)
@pytest.mark.parametrize(
    ("method", "mean"), [("reinhard", 1.6), ("xiao", 0.6), ("histogram", 4.0), ("distribution", 7.0)]
)
def test_transfers_as_luts_are_about_the_transfers(method: str, mean: float, one: str, other: str) -> None:
    """A LUT has 17 points, and takes 65 quantiles and six turns: of the movement, which is 27 to 43, a seventh."""
    source, target = photographs(one, other)
    table = transfer_table(method, source.reshape(-1, 3) / 255, target.reshape(-1, 3) / 255)  # type: ignore[arg-type]
    assert table.shape == (17, 17, 17, 3)
    assert 0 <= table.min() <= table.max() <= 1
    found = apply_lut(source, Lut(values=table), layout="HWC").astype(int)
    expected = TRANSFER_FUNCTIONS[method](source, target).astype(int)
    assert np.abs(found - expected).mean() < mean
    assert np.abs(found - expected).mean() < 0.15 * np.abs(source - expected).mean()


@pytest.mark.parametrize("method", TRANSFERS)
def test_one_plain_colour_gives_a_finite_table(method: str) -> None:
    plain, noise = np.full((50, 3), 0.4), np.random.default_rng(0).random((50, 3))
    for source, target in ((plain, noise), (noise, plain), (plain, plain)):
        table = transfer_table(method, source, target)  # type: ignore[arg-type]
        assert np.isfinite(table).all()


def test_transfers_know_what_settings_name() -> None:
    assert set(families._STATISTICS) == set(TRANSFERS)


def test_appearances_that_read_no_luts_refuse_some() -> None:
    for appearance in ("grades", "ladders", "saturation"):
        with pytest.raises(LutError, match=f"come from {appearance} and not from files of LUTs"):
            bank_of(appearance, "luts")  # type: ignore[arg-type]
        with pytest.raises(LutError, match="leave --luts out"):
            TripletDataset(luts="luts", settings=Settings(appearance=appearance))  # type: ignore[arg-type]
    assert bank_of("saturation") is None
    looks = bank_of("lut")
    assert looks is not None
    assert looks.names == open_bank().names


def test_a_dataset_draws_from_the_bank_of_its_appearance() -> None:
    dataset = TripletDataset(settings=Settings(appearance="ladders"))
    assert dataset.bank.names == ladder_bank().names
    assert dataset.delivering("crops")[0]["content"].shape == (224, 224, 3)
    sample = dataset[0]
    crop = dataset.delivering("crops")[0]["content"]
    assert np.array_equal(sample["content_alpha"], apply_lut(crop, ladder_bank(), sample["alpha"], layout="HWC"))


# --- the command ------------------------------------------------------------------------------------------------------

SMALL = ("--crop", "32", "--scale", "32", "48")


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Forty photographs, some of them held out."""
    folder = tmp_path_factory.mktemp("photos")
    for i in range(40):
        coarse = np.random.default_rng(i).integers(0, 256, (6, 8, 3), np.uint8)
        Image.fromarray(coarse).resize((96, 72)).save(folder / f"{i:02}.png")
    return folder


def make(photos: Path, output: Path, *words: str) -> str:
    asked = ["generate-triplets", "--quiet", "--source", str(photos), "-o", str(output), *SMALL, *words]
    ended = CliRunner().invoke(cli, asked)
    return ended.output + str(ended.exception or "")


@pytest.mark.parametrize("kind", ["triplets", "composites"])
@pytest.mark.parametrize("appearance", ["grades", "ladders", "color-transfer"])
def test_stores_of_pixels_and_of_recipes_hold_the_same(
    photos: Path, tmp_path: Path, appearance: str, kind: str
) -> None:
    words = ["--appearance", appearance, "--kind", kind, "--limit", "6", "--strength", "0.5", "1"]
    words += ["--background", "look"] if kind == "composites" else []
    said = make(photos, tmp_path / "pixels", *words)
    make(photos, tmp_path / "recipes", *words, "--store", "recipes")
    pixels, recipes = load_triplets(tmp_path / "pixels"), load_triplets(tmp_path / "recipes")
    assert len(pixels) == len(recipes) == 6, said
    for i in range(6):
        one, other = pixels[i], recipes[i]
        for name in ("composite", "mask", "real") if kind == "composites" else ("foreground", "background"):
            assert np.array_equal(one[name], other[name])
        for name in ("alpha", "beta", "alpha_strength", "beta_strength"):
            assert one[name] == other[name]
        assert 0.5 <= one["alpha_strength"] < 1
    bank = bank_of(appearance)  # type: ignore[arg-type]
    if bank is not None:
        assert {pixels[i]["alpha"] for i in range(6)} <= set(bank.names)


def test_workers_change_no_byte(photos: Path, tmp_path: Path) -> None:
    words = ["--appearance", "grades", "--kind", "composites", "--background", "look", "--rows-per-shard", "10"]
    for workers in ("1", "2"):
        make(photos, tmp_path / workers, *words, "--workers", workers)
    files = [
        {p.relative_to(tmp_path / w): p.read_bytes() for p in (tmp_path / w).rglob("*") if p.is_file()}
        for w in ("1", "2")
    ]
    assert len(files[0]) == 6
    assert files[0] == files[1]


def test_parts_of_grades_go_by_name_and_rungs_are_in_all(photos: Path, tmp_path: Path) -> None:
    words = ["--part", "held-out", "--kind", "composites", "--background", "look", "--draws", "3"]
    make(photos, tmp_path / "grades", *words, "--appearance", "grades")
    run = read_manifest(str(tmp_path / "grades")).run
    assert run.lut_part == "held-out"
    assert run.luts_from == ()
    assert all(is_held_out(name) for name, _ in run.luts)
    card = (tmp_path / "grades" / "README.md").read_text()
    assert f"{len(run.luts)} grades that `sshbench.triplets.families` computes (held-out looks alone)" in card
    assert "the photograph under the appearance beta: what a network should return" in card
    make(photos, tmp_path / "ladders", *words, "--appearance", "ladders")
    run = read_manifest(str(tmp_path / "ladders")).run
    assert (run.lut_part, len(run.luts)) == ("all", 10)
    stored = load_triplets(tmp_path / "ladders")
    assert rows_of(stored, "held-out") == list(range(len(stored)))
    said = make(photos, tmp_path / "no", *words, "--appearance", "ladders", "--lut-part", "train")
    assert "--lut-part needs --appearance lut or grades" in said


def test_rows_of_a_part_have_both_looks_in_it(photos: Path, tmp_path: Path) -> None:
    words = ["--kind", "composites", "--appearance", "grades", "--draws", "40"]
    for background in ("photographed", "look"):
        make(photos, tmp_path / background, *words, "--background", background)
        stored = load_triplets(tmp_path / background)
        columns = ["row", "alpha", "beta"] if background == "look" else ["row", "alpha"]
        table = zip(*(stored.column(name) for name in columns), strict=True)
        names = [[value.removesuffix(".png") for value in row] for row in table]
        expected = [i for i, row in enumerate(names) if all(map(is_held_out, row))]
        assert expected
        assert rows_of(stored, "held-out") == expected


def test_weights_choose_among_rungs(photos: Path, tmp_path: Path) -> None:
    make(photos, tmp_path / "ev", "--appearance", "ladders", "--weight", "* K=0")
    assert set(load_triplets(tmp_path / "ev").column("alpha")) == {"-2 EV", "-1 EV", "+1 EV", "+2 EV"}


def test_a_store_under_looks_is_a_benchmark(photos: Path, tmp_path: Path) -> None:
    make(photos, tmp_path / "out", "--kind", "composites", "--appearance", "ladders", "--background", "look")
    benchmark = open_benchmark("composites", tmp_path / "out")
    assert len(benchmark) == 40
    sample = benchmark[0]
    stored = load_triplets(tmp_path / "out")[0]
    assert np.array_equal(sample.target, stored["real"])
    assert (sample.attributes["alpha"], sample.attributes["beta"]) == (stored["alpha"], stored["beta"])
    outside = sample.mask == 0
    assert np.array_equal(sample.composite[outside], sample.target[outside])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--background", "look"], "the setting background is only for composites"),
        (["--appearance", "grades", "--luts", "luts"], "--luts needs --appearance lut"),
        (["--appearance", "color-transfer", "--lut-part", "train"], "--lut-part needs --appearance lut or grades"),
        (["--appearance", "saturation", "--weight", "a=1"], "--weight needs --appearance lut, grades or ladders"),
        (["--appearance", "ladders", "--weight", "3 EV=1"], "there are -2 EV, -1 EV, +1 EV"),
    ],
)
def test_options_that_have_no_use_are_refused(photos: Path, tmp_path: Path, words: list[str], said: str) -> None:
    assert said in make(photos, tmp_path / "out", *words)
    assert not (tmp_path / "out").exists()


def test_recipes_whose_grades_are_computed_otherwise_are_refused(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(photos, tmp_path / "out", "--appearance", "grades", "--store", "recipes", "--limit", "3")
    with pytest.raises(SshbenchError, match="come from grades and not from files of LUTs"):
        load_triplets(tmp_path / "out", luts="luts")
    monkeypatch.setattr(families, "grade_bank", lambda: grade_bank(1000, 1))
    with pytest.raises(SshbenchError, match="has another table for 'grade 0'"):
        load_triplets(tmp_path / "out")
    assert len(load_triplets(tmp_path / "out", luts=grade_bank())) == 3
