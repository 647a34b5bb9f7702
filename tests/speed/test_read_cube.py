"""Reading a `.cube` file beside other readers: 33^3 (0.97 MB) and 65^3 (7.4 MB), six decimals.

pytest tests/speed/test_read_cube.py --benchmark-only
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from sshbench.lut.cube import read_cube, write_cube
from sshbench.lut.table import Lut

SIZES = (33, 65)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Path]:
    folder = tmp_path_factory.mktemp("cubes")
    for size in SIZES:
        rows = np.random.default_rng(size).random((size**3, 3))
        header = f'TITLE "Speed"\nLUT_3D_SIZE {size}'
        np.savetxt(folder / f"{size}.cube", rows, fmt="%.6f", header=header, comments="")
    return {size: folder / f"{size}.cube" for size in SIZES}


def ours(path: Path) -> np.ndarray:
    values = read_cube(path).values
    assert values is not None
    return values


def colour_science(path: Path) -> np.ndarray:
    import colour

    return np.asarray(colour.read_LUT(str(path)).table.transpose(2, 1, 0, 3))


def opencolorio(path: Path) -> np.ndarray:
    import PyOpenColorIO as ocio

    ocio.ClearAllCaches()  # otherwise, the file is read only once
    config = ocio.Config.CreateRaw()
    config.setProcessorCacheFlags(ocio.PROCESSOR_CACHE_OFF)
    group = config.getProcessor(ocio.FileTransform(src=str(path))).createGroupTransform()
    data = next(part for part in group if isinstance(part, ocio.Lut3DTransform)).getData()
    size = round((data.size / 3) ** (1 / 3))
    return np.asarray(data).reshape(size, size, size, 3).transpose(2, 1, 0, 3)  # blue fastest


def pillow_lut(path: Path) -> np.ndarray:
    from pillow_lut import load_cube_file

    filter_ = load_cube_file(str(path))
    size = filter_.size[0]
    return np.array(filter_.table, np.float32).reshape(size, size, size, 3)


def loadtxt(path: Path) -> np.ndarray:
    values = np.loadtxt(path, np.float32, skiprows=2)
    size = round(len(values) ** (1 / 3))
    return values.reshape(size, size, size, 3)


READERS: list[Callable[[Path], np.ndarray]] = [ours, loadtxt, opencolorio, pillow_lut, colour_science]


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.__name__)
@pytest.mark.parametrize("size", SIZES)
def test_read(benchmark: BenchmarkFixture, files: dict[int, Path], size: int, reader: Callable[[Path], Any]) -> None:
    benchmark.group = f"read {size}^3"
    rounds = 30 if size == 33 or reader is ours else 5
    values = benchmark.pedantic(reader, args=(files[size],), rounds=rounds, warmup_rounds=1)
    np.testing.assert_allclose(values, ours(files[size]), atol=1e-6)


@pytest.mark.parametrize("size", SIZES)
def test_write(benchmark: BenchmarkFixture, files: dict[int, Path], tmp_path: Path, size: int) -> None:
    benchmark.group = f"write {size}^3"
    lut: Lut = read_cube(files[size])
    benchmark.pedantic(write_cube, args=(lut, tmp_path / "out.cube"), rounds=10, warmup_rounds=1)
    assert np.array_equal(ours(tmp_path / "out.cube"), np.asarray(lut.values))
