"""What is done to a composite beyond the method's map."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import sshbench
from sshbench.colour.grade import Grade, graded
from sshbench.compositing import Finish
from sshbench.errors import SshbenchError
from sshbench.lut.files import read_lut
from tests.compositing.standin import Known, Painter, ellipse, pasted, photo

F, B, M = photo("coffee"), photo("rocket"), ellipse(200, 300)
SLIDERS = {"exposure": 0.7, "contrast": 30.0, "saturation": -20.0, "temperature": 40.0, "tint": 10.0}


# --- colour sliders ---------------------------------------------------------------------------------------------------


def test_the_default_finish_changes_nothing() -> None:
    plain = sshbench.harmonize(F, B, M, method=Known())
    finished = sshbench.harmonize(F, B, M, method=Known(), finish=Finish())
    assert np.array_equal(plain.pixels, finished.pixels)
    assert np.array_equal(plain.lut().values, finished.lut().values)


@pytest.mark.parametrize("finish", [{"exposure": 1}, None])
def test_another_thing_than_a_finish_is_refused(finish: object) -> None:
    with pytest.raises(SshbenchError, match=r"such as Finish\(exposure=0.5\), not (dict|NoneType)"):
        sshbench.harmonize(F, B, M, method=Known(), finish=finish)  # type: ignore[arg-type]


def test_sliders_come_after_the_map_and_its_strength() -> None:
    plain = sshbench.harmonize(F, B, M, method=Known(), strength=0.5)
    result = sshbench.harmonize(F, B, M, method=Known(), strength=0.5, finish=Finish(**SLIDERS))
    assert plain.colour_map is not None
    expected = pasted(np.rint(255 * graded(plain.colour_map(F) / 255, Grade(**SLIDERS))), B, M).astype(int)
    assert np.abs(result.pixels - expected).mean() < 0.2
    assert np.abs(result.pixels.astype(int) - plain.pixels).max() > 20


def test_the_exported_lut_has_the_sliders_in_it(tmp_path: Path) -> None:
    result = sshbench.harmonize(F, B, M, method=Known(), finish=Finish(**SLIDERS))
    result.export_lut(tmp_path / "look.cube")
    assert np.array_equal(result.pixels, pasted(result.colour_map(F), B, M))  # type: ignore[misc]
    written = read_lut(tmp_path / "look.cube").values
    assert written == pytest.approx(result.lut().values, abs=1e-6)


def test_a_networks_picture_is_graded_too() -> None:
    plain = sshbench.harmonize(F, B, M, method=Painter(), map="none").pixels
    result = sshbench.harmonize(F, B, M, method=Painter(), map="none", finish=Finish(exposure=-1)).pixels
    inside = M == 255
    expected = 255 * graded(plain[inside] / 255, Grade(exposure=-1))
    assert np.abs(result[inside] - expected).max() <= 1.01
    assert np.array_equal(result[M == 0], B[M == 0])


# --- what a finish can be ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "high"),
    [("shadow", 1.0), ("shadow_softness", 1.0), ("shadow_direction", 360.0), ("shadow_length", 2.0)],
)
def test_numbers_of_a_finish_have_bounds(name: str, high: float) -> None:
    for value in (0.0, high):
        assert getattr(Finish(**{name: value}), name) == value  # type: ignore[arg-type]
    for value in (-0.01, high + 0.01, float("nan"), float("inf")):
        with pytest.raises(SshbenchError, match=f"^{name}: "):
            Finish(**{name: value})  # type: ignore[arg-type]
