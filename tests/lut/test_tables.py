"""`.npz` files of many LUTs, and banks of several places."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sshbench.lut.apply import apply_lut
from sshbench.lut.bank import LutBank
from sshbench.lut.table import Lut, LutError, identity_table
from sshbench.lut.tables import read_tables
from sshbench.triplets.luts import open_bank


def written(path: Path, **arrays: Any) -> Path:
    np.savez(path, **arrays)
    return path


def test_uint16_tables_are_over_0_to_1_in_the_order_b_g_r(tmp_path: Path) -> None:
    luts = np.zeros((2, 3, 3, 3, 3), np.uint16)
    luts[1, 2, 0, 0] = (1, 2, 65535)  # of the darkest red and green and the lightest blue
    bank = read_tables(written(tmp_path / "a.npz", luts=luts, names=["Film/One.png", "Two 5.5"]))
    assert bank.names == ("Film/One", "Two 5.5")
    assert bank.errors == (0.0, 0.0)  # nothing is resampled
    assert np.allclose(bank.values[1, 2, 0, 0], (1 / 65535, 2 / 65535, 1))
    blue = np.array([[[0, 0, 255]]], np.uint8)
    assert np.asarray(apply_lut(blue, bank[1], layout="HWC")).tolist() == [[[0, 0, 255]]]


@pytest.mark.parametrize(
    ("arrays", "why"),
    [
        ({"luts": np.zeros((1, 2, 2, 2, 3), np.uint16)}, "no array 'names'"),
        ({"luts": np.zeros((1, 2, 2, 3), np.uint16), "names": ["a"]}, r"luts has the shape \[1, 2, 2, 3\]"),
        ({"luts": np.zeros((2, 2, 2, 2, 3), np.uint16), "names": ["a"]}, "there are 1 names"),
        ({"luts": np.zeros((1, 2, 2, 2, 3), np.int32), "names": ["a"]}, "luts is int32"),
        ({"luts": np.full((1, 2, 2, 2, 3), np.nan), "names": ["a"]}, "finite floats"),
        ({"luts": np.array([object()]), "names": ["a"]}, "cannot be|is not an .npz"),
    ],
)
def test_other_arrays_are_refused(tmp_path: Path, arrays: dict[str, Any], why: str) -> None:
    with pytest.raises(LutError, match=why):
        read_tables(written(tmp_path / "a.npz", **arrays))


def test_another_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.npz").write_bytes(b"no zip")
    with pytest.raises(LutError, match=r"a.npz: is not an .npz file"):
        read_tables(tmp_path / "a.npz")
    with pytest.raises(LutError, match=r"takes a folder of .cube files or Hald images, or an .npz"):
        open_bank(str(tmp_path / "b.npz"))


def test_banks_join_at_the_largest_size_without_changing_a_map() -> None:
    one = LutBank.from_luts([Lut(values=identity_table(3) ** np.float32(2))], 3, ["a"])
    two = LutBank.from_luts([Lut(values=1 - identity_table(5))], 5, ["a"])
    assert LutBank.joined([one]) is one
    joined = LutBank.joined([one, two])
    assert (joined.names, joined.size) == (("a", "a (2)"), 5)
    image = np.random.default_rng(0).random((4, 4, 3), np.float32)
    for k, bank in enumerate((one, two)):
        wanted, found = (np.asarray(apply_lut(image, lut, layout="HWC")) for lut in (bank[0], joined[k]))
        assert np.allclose(wanted, found, atol=1e-6)  # 5 points hold all of 3


def test_places_are_joined(tmp_path: Path) -> None:
    file = written(tmp_path / "a.npz", luts=np.zeros((2, 17, 17, 17, 3), np.uint16), names=["x", "y"])
    bank = open_bank(["luts", str(file)])
    assert bank.names[-2:] == ("x", "y")
    assert (len(bank), bank.size) == (102, 17)
