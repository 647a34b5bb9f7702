"""Many LUTs as one: resampling, names, drawing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from scipy import stats

from sshbench import Domain, Lut, LutBank
from sshbench.lut.bank import resample
from sshbench.lut.cube import write_cube
from sshbench.lut.table import LutError, identity_table

from .reference import apply_reference

RNG = np.random.default_rng(11)


def curve(size: int, power: float) -> Lut:
    return Lut(values=identity_table(size) ** np.float32(power), title=f"power {power}")


def bank_of(count: int) -> LutBank:
    return LutBank.from_luts([curve(5, 1 + i / 10) for i in range(count)], size=5)


def test_a_lut_of_the_banks_size_is_copied() -> None:
    lut = curve(17, 1.7)
    bank = LutBank.from_luts([lut], size=17)
    np.testing.assert_array_equal(bank.values[0], lut.values)
    assert bank.errors == (0.0,)


@pytest.mark.parametrize(
    "lut",
    [
        curve(9, 2.2),
        Lut(shaper_values=np.sort(RNG.random((50, 3)), axis=0).astype(np.float32)),
        Lut(RNG.random((5, 5, 5, 3), np.float32), np.sort(RNG.random((9, 3)), axis=0).astype(np.float32)),
        Lut(RNG.random((4, 4, 4, 3), np.float32), domain=Domain((-0.5, 0, 0.1), (1.5, 2, 0.9))),
    ],
    ids=["larger grid", "1d", "shaper and table", "other domain"],
)
def test_every_kind_is_resampled_and_the_largest_error_reported(lut: Lut) -> None:
    values, error = resample(lut, 17)
    np.testing.assert_allclose(values, apply_reference(identity_table(17), lut), atol=2e-6)
    colours = RNG.random((20000, 3))
    seen = np.abs(apply_reference(colours, Lut(values)) - apply_reference(colours, lut)).max()
    assert 0.5 * seen <= error, "the reported error is close to the largest there is"
    assert error <= 2 * seen + 1e-6


def test_resampling_to_a_multiple_of_the_grid_loses_nothing() -> None:
    lut = Lut(RNG.random((5, 5, 5, 3), np.float32))
    assert resample(lut, 17)[1] < 1e-6


def test_names_come_from_titles_then_files_and_differ() -> None:
    luts = [curve(3, 1.5), curve(3, 1.5), Lut(curve(3, 2).values, source="some/film.cube"), Lut(curve(3, 3).values)]
    assert LutBank.from_luts(luts, size=3).names == ("power 1.5", "power 1.5 (2)", "film", "lut 3")


def test_repeated_names_are_counted_and_leave_names_that_are_taken() -> None:
    luts = [Lut(curve(3, 2).values, title=title) for title in ("a", "a (2)", "a", "a")]
    assert LutBank.from_luts(luts, size=3).names == ("a", "a (2)", "a (3)", "a (4)")


def test_a_bank_says_how_many_and_which() -> None:
    assert repr(bank_of(3)) == "<LutBank of 3 LUTs, 5^3 points: 'power 1.0', 'power 1.1', 'power 1.2'>"
    assert repr(bank_of(4)) == "<LutBank of 4 LUTs, 5^3 points: 'power 1.0', 'power 1.1', 'power 1.2', ...>"
    assert (LutBank.of_looks().size, LutBank.from_luts([curve(5, 2)]).size) == (17, 33)


def test_the_points_of_the_lut_itself_count_for_the_error() -> None:
    """A single node that the new grid misses, in a table so fine that random points hardly come near it."""
    values = identity_table(65).copy()
    values[33, 33, 33] = 0
    assert resample(Lut(values), 33)[1] == pytest.approx(33 / 64, abs=1e-6)
    outside = identity_table(5, Domain((-1,) * 3, (3,) * 3)).copy()  # nodes at -1, 0, 1, 2 and 3
    outside[[0, 3, 4]] = 9
    assert resample(Lut(outside, domain=Domain((-1,) * 3, (3,) * 3)), 5)[1] < 1e-5


def test_without_weights_single_luts_are_drawn_evenly() -> None:
    drawn = bank_of(5).draw(np.random.default_rng(0), 50_000)
    assert (drawn.shape, drawn.dtype) == ((50_000,), np.int32)
    assert stats.chisquare(np.bincount(drawn, minlength=5)).pvalue > 1e-3
    three = bank_of(3).draw(np.random.default_rng(0), 7, distinct=3)
    assert three.shape == (7, 3)
    assert (np.sort(three, axis=1) == [0, 1, 2]).all()


def test_a_folder_becomes_a_bank(tmp_path: Path) -> None:
    (tmp_path / "warm").mkdir()
    write_cube(curve(5, 1.5), tmp_path / "warm" / "one.cube")
    write_cube(curve(9, 2.0), tmp_path / "two.cube")
    bank = LutBank.from_folder(tmp_path, size=9)
    assert set(bank.names) == {"two", "warm/one"}
    np.testing.assert_array_equal(bank["two"].values, curve(9, 2.0).values)
    (tmp_path / "empty").mkdir()
    with pytest.raises(LutError, match=r"no \.cube file"):
        LutBank.from_folder(tmp_path / "empty")


def test_luts_are_found_by_name_and_position() -> None:
    bank = bank_of(3)
    assert bank.position("power 1.1") == 1
    np.testing.assert_array_equal(bank["power 1.2"].values, bank.values[2])
    picked = bank.select(["power 1.2", 0])
    assert picked.names == ("power 1.2", "power 1.0")
    np.testing.assert_array_equal(picked.values, bank.values[[2, 0]])
    with pytest.raises(LutError, match=r"did you mean 'power 1\.2'"):
        bank["powr 1.2"]
    assert len(list(bank)) == 3
    assert bank[-1].title == "power 1.2"
    assert bank.select([-1]).names == ("power 1.2",)
    for missing in (3, -4):
        with pytest.raises(IndexError):
            bank[missing]


def test_pairs_are_drawn_evenly_and_differ() -> None:
    pairs = bank_of(6).draw(np.random.default_rng(0), 60_000, distinct=2)
    assert (pairs[:, 0] != pairs[:, 1]).all()
    counts = np.bincount(pairs[:, 0] * 6 + pairs[:, 1], minlength=36).reshape(6, 6)
    assert stats.chisquare(counts[~np.eye(6, dtype=bool)]).pvalue > 1e-3


def test_weights_set_how_often_a_lut_is_drawn() -> None:
    bank, weights = bank_of(4), [1, 2, 0, 5]
    drawn = bank.draw(np.random.default_rng(0), 80_000, weights=weights)
    counts = np.bincount(drawn, minlength=4)
    assert counts[2] == 0
    assert stats.chisquare(counts[[0, 1, 3]], 80_000 * np.array([1, 2, 5]) / 8).pvalue > 1e-3
    first = bank.draw(np.random.default_rng(1), 80_000, weights=weights, distinct=2)[:, 0]
    counts = np.bincount(first, minlength=4)
    assert stats.chisquare(counts[[0, 1, 3]], 80_000 * np.array([1, 2, 5]) / 8).pvalue > 1e-3


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda b: b.draw(np.random.default_rng(0), 1, distinct=4), "bank of 3"),
        (lambda b: b.draw(np.random.default_rng(0), 1, weights=[1, 2]), "one number"),
        (lambda b: b.draw(np.random.default_rng(0), 1, weights=[1, -1, 2]), "one number"),
        (lambda b: b.draw(np.random.default_rng(0), 1, weights=[1, np.nan, 2]), "one number"),
        (lambda b: b.draw(np.random.default_rng(0), 1, weights=[1, np.inf, 2]), "one number"),
        (lambda b: b.draw(np.random.default_rng(0), 1, weights=[0, 0, 0]), "weights above 0"),
        (lambda b: b.draw(np.random.default_rng(0), 1, weights=[1, 0, 0], distinct=2), "weights above 0"),
        (lambda b: LutBank(b.values, ("a", "b"), (0.0,) * 3), "one name and one error"),
        (lambda b: LutBank(b.values, ("a", "b", "c"), (0.0,) * 2), "one name and one error"),
        (lambda b: LutBank(b.values[..., :2], ("a", "b", "c"), (0.0,) * 3), "shape"),
        (lambda b: LutBank(b.values[0], ("a", "b", "c"), (0.0,) * 3), "shape"),
        (lambda b: LutBank(b.values, ("a", "a", "b"), (0.0,) * 3), "repeated: a$"),
        (lambda b: LutBank(b.values[:, :2], ("a", "b", "c"), (0.0,) * 3), "shape"),
        (lambda b: LutBank.from_luts([]), "at least one"),
        (lambda b: LutBank.from_luts([Lut.identity(3)], size=1), "2 to 256"),
    ],
)
def test_what_does_not_fit_is_refused(call, says: str) -> None:
    with pytest.raises(LutError, match=says):
        call(bank_of(3))


def test_tensors_are_kept_and_cannot_change_the_bank() -> None:
    bank = bank_of(2)
    tensor = bank.tensor()
    assert bank.to("cpu").tensor() is tensor
    torch.testing.assert_close(tensor, torch.from_numpy(bank.values.copy()))
    tensor.zero_()
    assert bank.values.any()
    with pytest.raises(ValueError, match="read-only"):
        bank.values[0] = 0
