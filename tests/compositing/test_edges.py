"""Foreground colours under soft mattes whose truth is known."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

import sshbench
from sshbench import Lut
from sshbench.compositing import CompositingError, Finish, edges
from sshbench.compositing.edges import decontaminated
from tests.compositing.mattes import Matte, matte
from tests.compositing.standin import Known, photo
from tools.edge_errors import rows

CASES = [(kind, behind) for kind in ("hair", "defocus") for behind in ("green", "sky")]


def cut(one: Matte) -> np.ndarray:
    """The foreground as a cut-out, black where it is transparent."""
    return np.where(one.alpha[..., None] > 0, one.photo, 0).astype(np.uint8)


@pytest.mark.parametrize(("kind", "behind"), CASES)
def test_the_error_in_the_band_is_at_least_halved(kind: str, behind: str) -> None:
    pytest.importorskip("pymatting")
    one = matte(kind, behind)
    assert one.band.mean() > 0.03
    before, after = one.visible_error(one.photo), one.visible_error(decontaminated(one.photo, one.alpha))
    assert before > 5
    assert after < before / 2


@pytest.mark.parametrize(("kind", "behind"), CASES)
def test_of_a_cut_out_too_whose_background_is_not_known(kind: str, behind: str) -> None:
    one = matte(kind, behind)
    image = cut(one)
    assert one.visible_error(decontaminated(image, one.alpha, hidden=True)) < one.visible_error(image) / 2


def test_the_table_of_the_docs_is_what_its_command_prints() -> None:
    pytest.importorskip("pymatting")
    text = (Path(__file__).parents[2] / "docs/finishing.md").read_text()
    found = rows()
    assert len(found) == len(CASES)
    for matte_name, behind, *errors in found:
        (line,) = (line for line in text.splitlines() if line.startswith(f"| {matte_name} | {behind} |"))
        said = [float(cell.split()[0]) for cell in line.strip("|").split("|")[2:]]
        assert said == pytest.approx(errors, abs=0.16), line  # rounded; other processors differ in the last digit


@pytest.mark.parametrize("hidden", [False, True])
def test_what_is_opaque_or_far_from_the_edge_stays(hidden: bool) -> None:
    if not hidden:
        pytest.importorskip("pymatting")
    one = matte("defocus", "green")
    kept = one.photo.copy()
    out = decontaminated(one.photo, one.alpha, hidden=hidden)
    assert np.array_equal(one.photo, kept)
    assert np.array_equal(out[one.alpha == 255], one.photo[one.alpha == 255])
    assert np.array_equal(out[:20], one.photo[:20])
    hard = np.where(one.alpha > 127, 255, 0).astype(np.uint8)
    assert decontaminated(one.photo, hard, hidden=hidden) is one.photo


def test_16_bits_as_8() -> None:
    pytest.importorskip("pymatting")
    one = matte("hair", "green")
    narrow = decontaminated(one.photo, one.alpha).astype(int)
    wide = decontaminated(one.photo * np.uint16(257), one.alpha / np.float32(255))
    assert wide.dtype == np.uint16
    assert np.abs(wide / 257 - narrow).max() < 1


@pytest.mark.parametrize("hidden", [False, True])
def test_tiles_join_without_seams(hidden: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if not hidden:
        pytest.importorskip("pymatting")
    one = matte("hair", "green")
    whole = decontaminated(one.photo, one.alpha, hidden=hidden)
    monkeypatch.setattr(edges, "_TILE", 100)
    monkeypatch.setattr(edges, "_CONTEXT", 32)
    tiled = decontaminated(one.photo, one.alpha, hidden=hidden)
    assert one.visible_error(tiled) < 1.15 * one.visible_error(whole)
    weight = one.alpha[..., None] / 255
    assert (weight * np.abs(tiled.astype(int) - whole)).mean() < 0.2


def test_a_composite_shows_no_fringe_and_by_default_keeps_its_bytes() -> None:
    pytest.importorskip("pymatting")
    one = matte("hair", "green")
    behind = np.full_like(one.photo, (30, 40, 60))
    method = Known(Lut.identity(2))
    plain, kept, clean = (
        sshbench.harmonize(one.photo, behind, one.alpha, method=method, finish=finish).pixels
        for finish in (Finish(), Finish(edges="keep"), Finish(edges="decontaminate"))
    )
    share = one.alpha[..., None] / 255
    truth = share * one.foreground + (1 - share) * behind
    assert np.array_equal(plain, kept)
    assert np.abs(clean - truth)[one.band].mean() < np.abs(plain - truth)[one.band].mean() / 2
    green = (plain[..., 1].astype(int) - np.maximum(plain[..., 0], plain[..., 2]))[one.band]
    left = (clean[..., 1].astype(int) - np.maximum(clean[..., 0], clean[..., 2]))[one.band]
    assert (green > 8).mean() > 0.2
    assert (left > 8).mean() < 0.02


def test_a_composite_of_one_picture_is_refused() -> None:
    picture = photo()
    mask = np.zeros(picture.shape[:2], np.uint8)
    mask[50:100, 50:100] = 255
    with pytest.raises(CompositingError, match="give --foreground and --background"):
        sshbench.harmonize(picture, mask=mask, method=Known(), finish=Finish(edges="decontaminate"))


def test_without_pymatting_the_way_out_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pymatting.foreground.estimate_foreground_ml", None)
    monkeypatch.setitem(sys.modules, "pymatting", None)
    one = matte("defocus", "sky")
    with pytest.raises(CompositingError, match=r"pip install 'sshbench\[edges\]'"):
        decontaminated(one.photo, one.alpha)
