"""Applying 3D LUTs on a CUDA device beside `grid_sample` and a copy, in one run.

pytest tests/speed/test_cuda.py --benchmark-only

Eight images of 3840 x 2160: scikit-image's `astronaut` enlarged, or noise, which is the worst case for the caches.
A round ends when the device has finished, so the time of a launch is part of it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture

from sshbench.lut.kernels import cuda
from sshbench.lut.table import identity_table

pytestmark = [
    pytest.mark.cuda,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here"),
]

COUNT, HEIGHT, WIDTH = 8, 2160, 3840
UNIT = (0.0, 0.0, 0.0, 1.0, 1.0, 1.0)
DTYPES = {"uint8": torch.uint8, "float16": torch.float16, "float32": torch.float32}


def looks(size: int, count: int = 1) -> torch.Tensor:
    """Strong looks as `[count, size, size, size, 3]`: a curve, a mixture of channels, a little noise."""
    mixed = identity_table(size) ** 1.3 @ np.array([[0.8, 0.1, 0.0], [0.1, 0.85, 0.1], [0.1, 0.05, 0.9]])
    noise = np.random.default_rng(0).normal(0, 0.005, (count, size, size, size, 3))
    return torch.from_numpy(np.clip(mixed + noise, 0, 1).astype(np.float32)).cuda()


def batch(content: str, dtype: str, layout: str = "NCHW") -> torch.Tensor:
    if content == "noise":
        values = torch.randint(0, 256, (COUNT, 3, HEIGHT, WIDTH), dtype=torch.uint8, device="cuda")
    else:
        from PIL import Image
        from skimage import data

        photo = Image.fromarray(data.astronaut()).resize((WIDTH, WIDTH), Image.Resampling.BICUBIC)
        values = torch.from_numpy(np.asarray(photo)[400 : 400 + HEIGHT].copy()).cuda().permute(2, 0, 1)
        values = torch.stack([values.roll(97 * i, 2) for i in range(COUNT)])
    values = values if dtype == "uint8" else values.float().div_(255).to(DTYPES[dtype])
    return (values.permute(0, 2, 3, 1) if layout == "NHWC" else values).contiguous()


def sshbench(images: torch.Tensor, table: torch.Tensor, layout: str) -> Callable[[], Any]:
    out = torch.empty_like(images)
    options: Any = {"layout": layout, "interpolation": "trilinear", "out": out}
    return lambda: cuda.forward(images, table, None, None, None, UNIT, UNIT, **options)


def memory_copy(images: torch.Tensor, table: torch.Tensor, layout: str) -> Callable[[], Any]:
    out = torch.empty_like(images)
    return lambda: out.copy_(images)


def grid_sample(images: torch.Tensor, table: torch.Tensor, layout: str) -> Callable[[], Any]:
    """The table as a volume, the pixels as places in it; floats get their places before the clock starts."""
    volume = table[0].permute(3, 0, 1, 2)[None]

    def places(values: torch.Tensor) -> torch.Tensor:
        values = values if layout == "NHWC" else values.permute(0, 2, 3, 1)
        return values.float().mul_(2).sub_(1).reshape(1, 1, -1, values.shape[2], 3)

    def sample(grid: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.grid_sample(volume, grid, align_corners=True)

    if images.dtype == torch.uint8:
        return lambda: sample(places(images.float().div_(255))).mul_(255).add_(0.5).clamp_(0, 255).byte()
    grid = places(images)
    return lambda: sample(grid)


def run(benchmark: BenchmarkFixture, group: str, function: Callable[[], Any], pixels: int) -> None:
    def round_() -> None:
        function()
        torch.cuda.synchronize()

    benchmark.group = group
    benchmark.extra_info["megapixels"] = pixels / 1e6
    benchmark.extra_info["device"] = torch.cuda.get_device_name()
    benchmark.pedantic(round_, rounds=30, warmup_rounds=3)


@pytest.mark.parametrize("who", [sshbench, memory_copy, grid_sample], ids=lambda f: f.__name__)
@pytest.mark.parametrize("content", ["photo", "noise"])
@pytest.mark.parametrize("size", [17, 33, 64])
@pytest.mark.parametrize("dtype", ["uint8", "float32"])
def test_one_lut(benchmark: BenchmarkFixture, dtype: str, size: int, content: str, who: Any) -> None:
    function = who(batch(content, dtype), looks(size), "NCHW")
    run(benchmark, f"{dtype} {size}^3 {content}", function, COUNT * HEIGHT * WIDTH)


@pytest.mark.parametrize("who", [sshbench, memory_copy], ids=lambda f: f.__name__)
@pytest.mark.parametrize(("dtype", "layout"), [("uint8", "NHWC"), ("float32", "NHWC"), ("float16", "NCHW")])
def test_other_layouts(benchmark: BenchmarkFixture, dtype: str, layout: str, who: Any) -> None:
    function = who(batch("photo", dtype, layout), looks(33), layout)
    run(benchmark, f"{dtype} {layout} 33^3 photo", function, COUNT * HEIGHT * WIDTH)


@pytest.mark.parametrize("who", ["sshbench", "lut, then torch"])
@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_normalized(benchmark: BenchmarkFixture, dtype: str, who: str) -> None:
    """From NHWC bytes to a training tensor, beside the LUT and torch's own steps after it."""
    images, table = batch("photo", "uint8", "NHWC"), looks(33)
    mean, std = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
    options: Any = {"layout": "NHWC", "interpolation": "trilinear"}
    if who == "sshbench":
        out = torch.empty(COUNT, 3, HEIGHT, WIDTH, dtype=DTYPES[dtype], device="cuda")

        def function() -> None:
            cuda.normalize(images, table, None, None, None, UNIT, UNIT, mean, std, **options, out=out)
    else:
        between = torch.empty_like(images)
        shift, scale = torch.tensor(mean, device="cuda").view(3, 1, 1), torch.tensor(std, device="cuda").view(3, 1, 1)

        def function() -> None:
            cuda.forward(images, table, None, None, None, UNIT, UNIT, **options, out=between)
            between.permute(0, 3, 1, 2).float().div_(255).sub_(shift).div_(scale).to(DTYPES[dtype]).contiguous()

    run(benchmark, f"uint8 NHWC to {dtype} 33^3 photo", function, COUNT * HEIGHT * WIDTH)


@pytest.mark.parametrize("who", ["sshbench", "memory copy", "an image at a time"])
@pytest.mark.parametrize("dtype", ["uint8", "float32"])
@pytest.mark.parametrize("size", [17, 33])
def test_a_batch_with_distinct_luts(benchmark: BenchmarkFixture, size: int, dtype: str, who: str) -> None:
    """256 images of 256 x 256, each with a LUT of its own."""
    images = batch("photo", dtype)[:, :, : 8 * 256, : 4 * 256].unfold(2, 256, 256).unfold(3, 256, 256)
    images = images.permute(0, 2, 3, 1, 4, 5).reshape(256, 3, 256, 256).contiguous()
    tables, out = looks(size, 256), torch.empty_like(images)
    index = torch.arange(256, dtype=torch.int32, device="cuda")
    options: Any = {"layout": "NCHW", "interpolation": "trilinear"}

    def at_once() -> None:
        cuda.forward(images, tables, None, index, None, UNIT, UNIT, **options, out=out)

    def one_by_one() -> None:
        for n in range(256):
            here = slice(n, n + 1)
            cuda.forward(images[here], tables, None, index[here], None, UNIT, UNIT, **options, out=out[here])

    functions = {"sshbench": at_once, "memory copy": lambda: out.copy_(images), "an image at a time": one_by_one}
    run(benchmark, f"{dtype} 256 LUTs {size}^3, 256 images", functions[who], 256 * 256 * 256)


@pytest.mark.parametrize("who", ["sshbench", "grid_sample"])
@pytest.mark.parametrize("size", [17, 33])
def test_gradients(benchmark: BenchmarkFixture, size: int, who: str) -> None:
    """Gradients by image and table, float32, eight images of 1024 x 512."""
    images, table = batch("photo", "float32")[:, :, :512, :1024].contiguous(), looks(size)
    grad = torch.ones_like(images)
    if who == "sshbench":
        options: Any = {"interpolation": "trilinear", "needs": (True, True, False, False)}

        def function() -> None:
            cuda.backward(grad, images, table, None, None, None, UNIT, UNIT, **options)
    else:
        grid = images.mul(2).sub(1).permute(0, 2, 3, 1).reshape(1, 1, -1, 1024, 3).contiguous()
        volume, places = table[0].permute(3, 0, 1, 2)[None].contiguous().requires_grad_(), grid.requires_grad_()
        result = torch.nn.functional.grid_sample(volume, places, align_corners=True)
        weight = torch.ones_like(result)

        def function() -> None:
            torch.autograd.grad(result, (volume, places), weight, retain_graph=True)

    run(benchmark, f"gradients {size}^3", function, images.numel() // 3)
