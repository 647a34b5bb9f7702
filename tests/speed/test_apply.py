"""Applying a 3D LUT to 1920 x 1080 pixels beside other tools, one thread each, in one run.

pytest tests/speed/test_apply.py --benchmark-only

The photograph is scikit-image's `astronaut` enlarged; noise is the worst case for the caches. pillow-simd cannot live
beside Pillow: SSHBENCH_PILLOW_SIMD names the Python of an environment that holds it and numpy.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from pytest_benchmark.fixture import BenchmarkFixture

from sshbench import Lut, LutBank, apply_lut
from sshbench.lut.kernels import cpu
from sshbench.lut.table import identity_table

HEIGHT, WIDTH = 1080, 1920
SIZES = (17, 33, 64)
Image = NDArray[Any]


def look(size: int, seed: int = 0) -> Lut:
    """A strong look: a curve, a mixture of channels, a little noise."""
    noise = np.random.default_rng(seed).normal(0, 0.005, (size, size, size, 3))
    mixed = identity_table(size) ** 1.3 @ np.array([[0.8, 0.1, 0.0], [0.1, 0.85, 0.1], [0.1, 0.05, 0.9]])
    return Lut(values=np.clip(mixed + noise, 0, 1).astype(np.float32))


@pytest.fixture(scope="module")
def images() -> dict[str, Image]:
    from PIL import Image as Pillow
    from skimage import data

    photo = Pillow.fromarray(data.astronaut()).resize((WIDTH, WIDTH), Pillow.Resampling.BICUBIC)
    noise = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)
    return {"photo": np.ascontiguousarray(np.asarray(photo)[200 : 200 + HEIGHT]), "noise": noise}


# Each returns a function without arguments that applies the LUT once to an image prepared in the tool's own format.
def sshbench(image: Image, lut: Lut) -> Callable[[], Any]:
    if image.dtype == np.float32:
        image = np.ascontiguousarray(image.transpose(2, 0, 1))
    out = np.empty_like(image)
    return lambda: apply_lut(image, lut, out=out)


def sshbench_tetrahedral(image: Image, lut: Lut) -> Callable[[], Any]:
    out = np.empty_like(image)
    return lambda: apply_lut(image, lut, interpolation="tetrahedral", out=out)


def memory_copy(image: Image, lut: Lut) -> Callable[[], Any]:
    out = np.empty_like(image)
    return lambda: np.copyto(out, image)


def pillow(image: Image, lut: Lut) -> Callable[[], Any]:
    from PIL import Image as Pillow
    from PIL import ImageFilter

    picture = Pillow.fromarray(image)
    filter_ = ImageFilter.Color3DLUT(lut.size, lut.values.ravel().tolist())
    return lambda: picture.filter(filter_)


def _opencolorio(image: Image, lut: Lut, interpolation: str) -> Callable[[], Any]:
    import PyOpenColorIO as ocio

    transform = ocio.Lut3DTransform(gridSize=lut.size)
    transform.setInterpolation(getattr(ocio, interpolation))
    transform.setData(np.ascontiguousarray(lut.values.transpose(2, 1, 0, 3)).ravel())  # blue fastest
    depth = ocio.BIT_DEPTH_UINT8 if image.dtype == np.uint8 else ocio.BIT_DEPTH_F32
    processor = ocio.Config.CreateRaw().getProcessor(transform)
    cpu = processor.getOptimizedCPUProcessor(depth, depth, ocio.OPTIMIZATION_DEFAULT)
    source, target = image.copy(), np.empty_like(image)
    step = image.itemsize
    layout = (WIDTH, HEIGHT, ocio.CHANNEL_ORDERING_RGB, depth, step, 3 * step, 3 * step * WIDTH)
    descriptions = ocio.PackedImageDesc(source, *layout), ocio.PackedImageDesc(target, *layout)
    return lambda: cpu.apply(*descriptions)


def opencolorio(image: Image, lut: Lut) -> Callable[[], Any]:
    return _opencolorio(image, lut, "INTERP_LINEAR")


def opencolorio_tetrahedral(image: Image, lut: Lut) -> Callable[[], Any]:
    return _opencolorio(image, lut, "INTERP_TETRAHEDRAL")


def grid_sample(image: Image, lut: Lut) -> Callable[[], Any]:
    table = lut.table.permute(3, 0, 1, 2)[None]
    values = torch.from_numpy(image)
    if image.dtype == np.uint8:

        def run() -> torch.Tensor:
            grid = values.float().mul_(2 / 255).sub_(1)[None, None]
            out = torch.nn.functional.grid_sample(table, grid, align_corners=True)
            return out.mul_(255).add_(0.5).clamp_(0, 255).byte()

        return run
    grid = (values * 2 - 1)[None, None]
    return lambda: torch.nn.functional.grid_sample(table, grid, align_corners=True)


def colour_science(image: Image, lut: Lut) -> Callable[[], Any]:
    import colour

    table = colour.LUT3D(lut.values.transpose(2, 1, 0, 3))
    if image.dtype == np.uint8:
        return lambda: (table.apply(image / 255) * 255 + 0.5).clip(0, 255).astype(np.uint8)
    return lambda: table.apply(image)


SIMD = """
import sys
import numpy as np
from PIL import Image, ImageFilter
image = Image.fromarray(np.load(sys.argv[1]))
filter_ = ImageFilter.Color3DLUT(int(sys.argv[3]), np.load(sys.argv[2]).ravel().tolist())
for _ in sys.stdin:
    image.filter(filter_)
    print(flush=True)
"""


@contextmanager
def pillow_simd(image: Image, lut: Lut, folder: Path) -> Iterator[Callable[[], Any]]:
    """A second interpreter filters when it reads a line, and answers with one."""
    np.save(folder / "image.npy", image)
    np.save(folder / "lut.npy", lut.values)
    command = [os.environ["SSHBENCH_PILLOW_SIMD"], "-c", SIMD, folder / "image.npy", folder / "lut.npy", str(lut.size)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1) as other:
        assert other.stdin is not None
        assert other.stdout is not None

        def ask() -> None:
            print(file=other.stdin, flush=True)
            assert other.stdout.readline()

        yield ask
        other.stdin.close()


BYTES = [sshbench, memory_copy, sshbench_tetrahedral, pillow, opencolorio, opencolorio_tetrahedral, grid_sample]
FLOATS = [sshbench, memory_copy, opencolorio, opencolorio_tetrahedral, grid_sample]
SLOW = 4


def run(benchmark: BenchmarkFixture, group: str, function: Callable[[], Any], rounds: int) -> None:
    benchmark.group = group
    benchmark.extra_info["megapixels"] = HEIGHT * WIDTH / 1e6
    benchmark.pedantic(function, rounds=rounds, warmup_rounds=1)


@pytest.mark.parametrize("who", BYTES, ids=lambda f: f.__name__)
@pytest.mark.parametrize("content", ["photo", "noise"])
@pytest.mark.parametrize("size", SIZES)
def test_bytes(benchmark: BenchmarkFixture, images: dict[str, Image], size: int, content: str, who: Any) -> None:
    run(benchmark, f"uint8 {size}^3 {content}", who(images[content], look(size)), 15)


@pytest.mark.parametrize("who", FLOATS, ids=lambda f: f.__name__)
@pytest.mark.parametrize("content", ["photo", "noise"])
@pytest.mark.parametrize("size", SIZES)
def test_floats(benchmark: BenchmarkFixture, images: dict[str, Image], size: int, content: str, who: Any) -> None:
    values = (images[content] / 255).astype(np.float32)
    run(benchmark, f"float32 {size}^3 {content}", who(values, look(size)), 15)


@pytest.mark.parametrize("who", [sshbench, colour_science], ids=lambda f: f.__name__)
def test_beside_colour_science(benchmark: BenchmarkFixture, images: dict[str, Image], who: Any) -> None:
    run(benchmark, "uint8 33^3 photo, colour-science", who(images["photo"], look(33)), SLOW)


@pytest.mark.skipif("SSHBENCH_PILLOW_SIMD" not in os.environ, reason="SSHBENCH_PILLOW_SIMD names no Python")
@pytest.mark.parametrize("who", ["sshbench", "pillow-simd"])
def test_beside_pillow_simd(benchmark: BenchmarkFixture, images: dict[str, Image], tmp_path: Path, who: str) -> None:
    group = "uint8 33^3 photo, pillow-simd"
    if who == "sshbench":
        return run(benchmark, group, sshbench(images["photo"], look(33)), 30)
    with pillow_simd(images["photo"], look(33), tmp_path) as ask:
        return run(benchmark, group, ask, 30)


@pytest.mark.parametrize("who", ["sshbench", "sshbench, two threads"])
@pytest.mark.parametrize("dtype", ["uint8", "float32"])
def test_threads(benchmark: BenchmarkFixture, images: dict[str, Image], dtype: str, who: str) -> None:
    image = images["photo"] if dtype == "uint8" else (images["photo"] / 255).astype(np.float32)
    torch.set_num_threads(2 if "two" in who else 1)
    run(benchmark, f"{dtype} 33^3 photo, threads", sshbench(image, look(33)), 30)


@pytest.mark.parametrize("who", [f"sshbench, {kernel}" for kernel in cpu.kernels()])
@pytest.mark.parametrize("dtype", ["uint8", "float32"])
def test_kernels(benchmark: BenchmarkFixture, images: dict[str, Image], dtype: str, who: str) -> None:
    """Each kernel that this processor can run, the one in use first."""
    image = images["photo"] if dtype == "uint8" else (images["photo"] / 255).astype(np.float32)
    cpu._cpu.choose(who.removeprefix("sshbench, "))
    run(benchmark, f"{dtype} 33^3 photo, sshbench's kernels", sshbench(image, look(33)), 15)
    cpu._cpu.choose(cpu.kernels()[0])


@pytest.mark.parametrize("who", ["sshbench", "sshbench, packed before", "pillow"])
def test_batch_of_distinct_luts(benchmark: BenchmarkFixture, images: dict[str, Image], who: str) -> None:
    """64 images of 256 x 256, each with a LUT of its own; packing the tables is part of the work."""
    batch = np.stack([images["photo"][i : i + 256, 4 * i : 4 * i + 256] for i in range(64)])
    luts = [look(33, seed) for seed in range(64)]
    values, names = np.stack([lut.values for lut in luts]), tuple(map(str, range(64)))
    bank = LutBank(values, names, (0.0,) * 64)
    out, index = np.empty_like(batch), np.arange(64)
    if who == "pillow":
        from PIL import Image as Pillow
        from PIL import ImageFilter

        pictures = [Pillow.fromarray(image) for image in batch]

        def function() -> None:
            for picture, lut in zip(pictures, luts, strict=True):
                picture.filter(ImageFilter.Color3DLUT(33, lut.values.ravel()))
    else:

        def function() -> None:
            if "before" not in who:
                bank.__dict__.pop("packed", None)
            apply_lut(batch, bank, index, out=out)

    benchmark.group = "64 LUTs 33^3 on 64 images 256 x 256"
    benchmark.extra_info["megapixels"] = 64 * 256 * 256 / 1e6
    benchmark.pedantic(function, rounds=10 if who != "pillow" else 3, warmup_rounds=1)
