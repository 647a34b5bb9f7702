"""Reading and writing `.cube` files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sshbench.lut import cube_rows
from sshbench.lut.cube import CubeFormatError, read_cube


@pytest.fixture(params=["native", "python"])
def path_taken(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Run a test with the native rows reader and again without."""
    if request.param == "python":
        monkeypatch.setattr(cube_rows, "_cube", None)
    elif cube_rows._cube is None:
        pytest.skip("the native module was not built")
    return str(request.param)


@pytest.mark.usefixtures("path_taken")
def test_red_varies_fastest(tmp_path: Path) -> None:
    file = tmp_path / "a.cube"
    file.write_text("LUT_3D_SIZE 2\n" + "".join(f"{i} .5 -1e-3 # row\n" for i in range(8)))
    assert read_cube(file).values[1, 0, 1].tolist() == [5.0, 0.5, np.float32(-1e-3)]  # type: ignore[index]


@pytest.mark.usefixtures("path_taken")
def test_a_bad_row_is_named_by_its_line(tmp_path: Path) -> None:
    file = tmp_path / "a.cube"
    file.write_text("LUT_3D_SIZE 2\n\n0 0 0\n0,5 0,5 0,5\n")
    with pytest.raises(CubeFormatError, match=r"a\.cube, line 4: '0,5' has a comma"):
        read_cube(file)
