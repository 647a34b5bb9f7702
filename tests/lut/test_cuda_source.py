"""The CUDA kernels without a GPU: NVRTC compiles them, and a shim of the CUDA built-ins runs them on the CPU."""

from __future__ import annotations

import contextlib
import ctypes
import shutil
import subprocess
import sys
from collections.abc import Callable
from itertools import permutations
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from sshbench.lut.kernels import cuda, nvrtc

UNIT = (0.0, 0.0, 0.0, 1.0, 1.0, 1.0)
WIDE = (-0.5, 0.0, -1.0, 1.5, 2.0, 1.0)
FLOATS = (torch.float16, torch.bfloat16, torch.float32, torch.float64)
STEP = {torch.float16: 1e-3, torch.bfloat16: 8e-3, torch.float32: 1e-6, torch.float64: 1e-12}
ARCHITECTURES = ("sm_75", "sm_80", "sm_86", "sm_89", "sm_90", "sm_100", "sm_120")


# ---- an independent reference: float64, by definition --------------------------------------------------------------


def reference(pixels, table, shaper, domain, shaper_domain, strength=1.0, interpolation="trilinear"):
    """One LUT on pixels [..., 3], each corner with its weight."""
    x = np.asarray(pixels, np.float64)
    y = x
    if shaper is not None:
        lower, upper = np.float64(shaper_domain[:3]), np.float64(shaper_domain[3:])
        grid = [np.linspace(lower[c], upper[c], len(shaper)) for c in range(3)]
        y = np.stack([np.interp(y[..., c], grid[c], np.float64(shaper[:, c])) for c in range(3)], axis=-1)
    if table is not None:
        table = np.float64(table)
        lower, upper = np.float64(domain[:3]), np.float64(domain[3:])
        sizes = np.array(table.shape[2::-1])
        position = (np.clip(y, lower, upper) - lower) / (upper - lower) * (sizes - 1)
        cell = np.clip(np.nan_to_num(position), 0, sizes - 2).astype(int)
        weights = (trilinear_weights if interpolation == "trilinear" else tetrahedral_weights)(position - cell)
        y = sum(
            w[..., None] * table[cell[..., 2] + b, cell[..., 1] + g, cell[..., 0] + r]
            for (r, g, b), w in weights.items()
        )
    return y if strength == 1 else x + strength * (y - x)


def trilinear_weights(fraction):
    return {
        corner: np.prod([fraction[..., c] if corner[c] else 1 - fraction[..., c] for c in range(3)], axis=0)
        for corner in np.ndindex(2, 2, 2)
    }


def tetrahedral_weights(fraction):
    """In each of the six orders of the fractions the path from black to white takes the largest first."""
    weights = {corner: np.zeros(fraction.shape[:-1]) for corner in np.ndindex(2, 2, 2)}
    taken = np.zeros(fraction.shape[:-1], bool)
    for order in permutations(range(3)):
        sorted_ = [fraction[..., c] for c in order]
        here = ~taken & ~(sorted_[0] < sorted_[1]) & ~(sorted_[1] < sorted_[2])
        taken |= here
        corner = [0, 0, 0]
        for before, after, c in zip([1.0, *sorted_], [*sorted_, 0.0], [*order, None], strict=True):
            weights[tuple(corner)] += np.where(here, before - after, 0)
            if c is not None:
                corner[c] = 1
    return weights


# ---- the source on the CPU -----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    compiler = shutil.which("g++") or shutil.which("clang++")
    if compiler is None or sys.platform != "linux":
        pytest.skip("the CUDA source is built for the CPU only on Linux and with a C++ compiler")
    lines = ['#include "cuda_shim.h"', '#include "cuda.cu"', "using namespace sshbench;"]
    lines += [
        'extern "C" int run(const char* name, unsigned x, unsigned y, unsigned threads, size_t shared, void* job) {'
    ]
    for name in cuda.kernel_expressions():
        kind = "PackJob" if "pack" in name else "Job<double>" if "double" in name else "Job<float>"
        call = f"[=] {{ {name}(*static_cast<const {kind}*>(job)); }}"
        lines += [f'if (!std::strcmp(name, "{name}")) return run_grid({{x, y, 1}}, threads, shared, {call}), 0;']
    folder = tmp_path_factory.mktemp("shim")
    (folder / "shim.cpp").write_text("\n".join([*lines, "return 1;", "}"]))
    include = [f"-I{Path(__file__).parent}", f"-I{Path(nvrtc.__file__).parent}"]
    flags = ["-std=c++17", "-O1", "-fno-strict-aliasing", "-Wno-unknown-pragmas", "-fPIC", "-shared"]
    subprocess.run([compiler, *flags, *include, "shim.cpp", "-o", "shim.so"], cwd=folder, check=True)
    return ctypes.CDLL(str(folder / "shim.so"))


@pytest.fixture
def room() -> int:
    """Shared memory of a block: none, so that the table stays in global memory."""
    return 0


# With these a table of 5 points per axis goes to global memory, whole to shared memory, and as codes to shared memory.
ROOMS = pytest.mark.parametrize("room", [0, 227 << 10, 1000])


@pytest.fixture
def on_cpu(library: ctypes.CDLL, monkeypatch: pytest.MonkeyPatch, room: int) -> list[str]:
    """Launches run in the shim; the list records their kernels."""
    launches: list[str] = []

    def launch(expression, grid, threads, shared, job, device):
        launches.append(expression)
        arguments = (*grid, threads, ctypes.c_size_t(shared), ctypes.byref(job))
        assert library.run(expression.encode(), *arguments) == 0, expression

    monkeypatch.setattr(nvrtc, "launch", launch)
    monkeypatch.setattr(nvrtc, "multiprocessors", lambda device: 2)
    monkeypatch.setattr(nvrtc, "shared_memory", lambda device: room)
    monkeypatch.setattr(nvrtc, "stream", lambda device: (0, False))
    monkeypatch.setattr(cuda, "_index", lambda device: 0)
    return launches


def table_of(size, count=1, seed=0, dtype=torch.float32):
    """Tables like the identity with large random deviations."""
    axis = torch.linspace(0, 1, size, dtype=torch.float64)
    blue, green, red = torch.meshgrid(axis, axis, axis, indexing="ij")
    noise = torch.rand(count, size, size, size, 3, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return (torch.stack([red, green, blue], -1) + 0.5 * (noise - 0.5)).to(dtype)


def shaper_of(size, count=1, dtype=torch.float32):
    curve = torch.linspace(0, 1, size, dtype=torch.float64)[:, None] ** torch.tensor([0.5, 1.5, 2.2])
    return torch.stack([curve * (1 - 0.1 * k) for k in range(count)]).to(dtype)


def image_of(shape, dtype, seed=1):
    values = torch.rand(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return (values * 255).round().to(dtype) if dtype == torch.uint8 else (values * 1.6 - 0.3).to(dtype)


def interleaved(images, layout):
    return images.permute(0, 2, 3, 1) if layout == "NCHW" else images


def expected(images, table, shaper, index, strength, domain, shaper_domain, layout, interpolation):
    """The reference on a batch, as float64 [N, H, W, 3]."""
    pixels = interleaved(images, layout).double().numpy() / (255 if images.dtype == torch.uint8 else 1)
    out = np.empty(pixels.shape)
    for n in range(len(pixels)):
        k = 0 if index is None else int(index[n])
        stages = [None if stage is None else stage[k].numpy() for stage in (table, shaper)]
        s = 1.0 if strength is None else float(strength[n])
        out[n] = reference(pixels[n], *stages, domain, shaper_domain, s, interpolation)
    return out


def apply(images, table, shaper=None, index=None, strength=None, domain=UNIT, shaper_domain=UNIT, **options):
    """Run the kernel and give its result beside the reference, both [N, H, W, 3]."""
    options = {"layout": "NCHW", "interpolation": "trilinear", **options}
    out = torch.empty_like(images)
    cuda.forward(images, table, shaper, index, strength, domain, shaper_domain, **options, out=out)
    want = expected(images, table, shaper, index, strength, domain, shaper_domain, *options.values())
    return interleaved(out, options["layout"]), want


def assert_near(got, want, dtype):
    if dtype == torch.uint8:
        assert np.abs(got.numpy() - np.clip(want * 255, 0, 255)).max() <= 0.505
    else:
        np.testing.assert_allclose(got.double().numpy(), want, rtol=STEP[dtype], atol=STEP[dtype])


@ROOMS
@pytest.mark.parametrize("interpolation", ["trilinear", "tetrahedral"])
@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
@pytest.mark.parametrize("dtype", [torch.uint8, *FLOATS])
def test_every_pixel_format_follows_the_definition(on_cpu, dtype, layout, interpolation):
    """Kinds of LUT, domains and sizes: with and without whole 16-byte tiles, one pixel, width 1."""
    real = torch.float64 if dtype == torch.float64 else torch.float32
    table, shaper = table_of(5, dtype=real), shaper_of(9, dtype=real)
    for stages in [(table, None), (None, shaper), (table, shaper)]:
        for height, width in [(8, 32), (7, 13), (1, 1), (9, 1)]:
            shape = (2, 3, height, width) if layout == "NCHW" else (2, height, width, 3)
            got, want = apply(
                image_of(shape, dtype),
                *stages,
                domain=WIDE,
                shaper_domain=WIDE,
                layout=layout,
                interpolation=interpolation,
            )
            assert_near(got, want, dtype)


@ROOMS
@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
@pytest.mark.parametrize("dtype", [torch.uint8, torch.float16, torch.float32])
def test_a_batch_with_distinct_luts_and_strengths_is_one_launch(on_cpu, dtype, layout):
    table, shaper = table_of(5, count=3), shaper_of(6, count=3)
    index = torch.tensor([2, 0, 1, 2, 1], dtype=torch.int32)
    strength = torch.tensor([1.0, 0.0, 0.25, 0.5, 1.5])
    shape = (5, 3, 6, 16) if layout == "NCHW" else (5, 6, 16, 3)
    got, want = apply(image_of(shape, dtype), table, shaper, index, strength, layout=layout)
    assert_near(got, want, dtype)
    assert len([name for name in on_cpu if "forward" in name]) == 1


def test_more_images_than_a_grid_has_rows(on_cpu):
    images, table = image_of((65537, 3, 1, 1), torch.float32), table_of(2, count=2)
    index, out = (torch.arange(65537) % 2).int(), torch.empty_like(images)
    cuda.forward(images, table, None, index, None, UNIT, UNIT, layout="NCHW", interpolation="trilinear", out=out)
    for k in range(2):
        want = reference(images[k::2, :, 0, 0].numpy(), table[k].numpy(), None, UNIT, UNIT)
        assert_near(out[k::2, :, 0, 0], want, torch.float32)


def test_an_index_outside_the_bank_reads_inside_it(on_cpu):
    images, table = image_of((2, 3, 4, 4), torch.float32), table_of(3, count=2)
    out = torch.empty_like(images)
    index = torch.tensor([-7, 2], dtype=torch.int32)
    cuda.forward(images, table, None, index, None, UNIT, UNIT, layout="NCHW", interpolation="trilinear", out=out)
    nearest = expected(images, table, None, torch.tensor([0, 1]), None, UNIT, UNIT, "NCHW", "trilinear")
    assert_near(interleaved(out, "NCHW"), nearest, torch.float32)


@pytest.mark.parametrize("interpolation", ["trilinear", "tetrahedral"])
@pytest.mark.parametrize("size", [2, 17])
@pytest.mark.parametrize("room", [0, 227 << 10])
def test_nan_stays_and_infinities_clamp(on_cpu, size, interpolation):
    special = torch.tensor([0.25, float("nan"), float("inf"), -float("inf"), 3e38, -3e38, 1e-45])
    pixels = torch.cartesian_prod(special, special, special)
    got, want = apply(pixels.T.reshape(1, 3, -1, 1).contiguous(), table_of(size), interpolation=interpolation)
    has_nan = pixels.isnan().any(1).numpy()
    got, want = got.reshape(-1, 3).numpy(), want.reshape(-1, 3)
    assert np.isnan(got[has_nan]).all()
    np.testing.assert_allclose(got[~has_nan], want[~has_nan], atol=1e-6)


def test_strength_one_leaves_no_trace_of_an_infinite_input(on_cpu):
    images = torch.full((1, 3, 1, 4), float("inf"))
    got, _ = apply(images, table_of(3), strength=torch.ones(1))
    assert_near(got[0, 0, 0], table_of(3)[0, -1, -1, -1].double().numpy(), torch.float32)


@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
@pytest.mark.parametrize("size", [2, 17, 33, 64])
@pytest.mark.parametrize("room", [0, 227 << 10])
def test_the_identity_changes_no_byte(on_cpu, size, layout):
    axis = torch.linspace(0, 1, size)
    blue, green, red = torch.meshgrid(axis, axis, axis, indexing="ij")
    noise = torch.randint(0, 256, (72 * 256 * 3 - 768,), generator=torch.Generator().manual_seed(0))
    images = torch.cat([torch.arange(256).repeat(3), noise]).to(torch.uint8)
    images = images.reshape((1, 3, 72, 256) if layout == "NCHW" else (1, 72, 256, 3))
    got, _ = apply(images, torch.stack([red, green, blue], -1)[None], layout=layout)
    assert torch.equal(got, interleaved(images, layout))


STORES = [(0, "GLOBAL"), (227 << 10, "CODES"), (1 << 20, "SHARED")]


@pytest.mark.parametrize(("room", "store"), STORES[:2])
@pytest.mark.parametrize("span", [0.6, 1.0, 1.89])
def test_bytes_follow_the_float64_result(on_cpu, store, span):
    """Tables of 0..1 and narrower ones, and the widest that codes are made for."""
    table = table_of(33)
    table = ((table - table.min()) / (table.max() - table.min()) - 0.5) * span + 0.5
    got, want = apply(image_of((1, 3, 384, 384), torch.uint8), table)
    want = np.clip(want * 255, 0, 255)
    assert store in on_cpu[-1]
    assert np.abs(got.numpy() - want).max() <= 0.505
    assert (got.numpy() != np.floor(want + 0.5)).mean() < 1e-3


@pytest.mark.parametrize("room", [1000])
@pytest.mark.parametrize("point", [0, 2, 62, 124])
def test_codes_span_the_table_whichever_point_is_extreme(on_cpu, point):
    table = torch.full((1, 125, 3), 0.5)
    table[0, point] = torch.tensor([0.0, 1.0, 0.25])
    got, want = apply(image_of((1, 3, 16, 16), torch.uint8), table.reshape(1, 5, 5, 5, 3))
    assert "CODES" in on_cpu[-1]
    assert_near(got, want, torch.uint8)


@pytest.mark.parametrize("room", [1000])
@pytest.mark.parametrize("values", ["wide", "NaN", "flat"])
def test_codes_are_left_where_they_are_too_coarse(on_cpu, values):
    """Of two tables in one launch the second has no codes, and is read from global memory."""
    table = table_of(5, count=2)
    table[1] = {"wide": table[1] * 3 - 1, "NaN": table[1], "flat": torch.full_like(table[1], 0.3)}[values]
    images = image_of((4, 3, 16, 16), torch.uint8)
    if values == "NaN":
        table[1, 4, 4, 4] = float("nan")
        images = images.clamp(0, 180)  # the last cell is not reached
    got, want = apply(images, table, index=torch.tensor([1, 0, 1, 1], dtype=torch.int32))
    assert "CODES" in on_cpu[-1]
    assert_near(got, want, torch.uint8)


@pytest.mark.parametrize(("room", "store"), STORES)
def test_the_table_goes_where_it_fits_and_pays(on_cpu, room, store):
    apply(image_of((1, 3, 160, 160), torch.uint8), table_of(33))
    assert store in on_cpu[-1]
    apply(image_of((1, 3, 16, 16), torch.uint8), table_of(33))
    assert "GLOBAL" in on_cpu[-1]


def test_a_table_is_packed_again_when_it_has_changed(on_cpu):
    images, table = image_of((1, 3, 4, 4), torch.float32), table_of(3)

    def packed():
        got, want = apply(images, table)
        assert_near(got, want.detach() if torch.is_tensor(want) else want, torch.float32)
        return on_cpu.count("sshbench::pack")

    assert packed() == 1
    assert packed() == 1
    table.mul_(0.5)
    assert packed() == 2
    address, table = table.data_ptr(), None
    tables = [table_of(3, seed=seed) for seed in range(9)]  # one of them may get the memory of the one before
    table = next((t for t in tables if t.data_ptr() == address), tables[0])
    assert packed() == 3


def test_a_table_in_training_is_packed_at_each_call(on_cpu):
    images, table = image_of((1, 3, 4, 4), torch.float32), table_of(3).requires_grad_()
    for _ in range(2):
        out = torch.empty_like(images)
        options = {"layout": "NCHW", "interpolation": "trilinear", "out": out}
        cuda.forward(images, table, None, None, None, UNIT, UNIT, **options)
        want = expected(images, table.detach(), None, None, None, UNIT, UNIT, "NCHW", "trilinear")
        assert_near(interleaved(out, "NCHW"), want, torch.float32)
        table.data.mul_(0.5)
    assert on_cpu.count("sshbench::pack") == 2


@pytest.mark.parametrize("places", [132, 792])
@pytest.mark.parametrize("rows", [1, 7, 64, 100, 131, 133, 256, 1000, 65535])
def test_few_places_idle_in_the_last_round(rows, places):
    blocks = rows * cuda._columns(rows, places)
    assert blocks / (-(-blocks // places) * places) > 0.85


def test_golden_vectors_of_the_published_kernel(on_cpu, shared):
    """Image-Adaptive-3DLUT's own outputs; its bin is wider than ours by one millionth."""
    vectors = np.load(shared / "facts/golden/vectors/lut_trilinear.npz")
    rng = np.random.RandomState(0)
    base = np.repeat(np.repeat(rng.randint(24, 232, size=(4, 6, 3)), 16, 0), 16, 1)
    image = np.clip(base + rng.randint(-24, 25, size=(64, 96, 3)), 0, 255).astype(np.float32) / np.float32(255)
    image[0, :3] = [(1, 1, 1), (0, 0, 0), (1, 0, 0.5)]
    for size in (17, 33):
        axis = np.linspace(0, 1, size)
        blue, green, red = np.meshgrid(axis, axis, axis, indexing="ij")
        noise = np.random.RandomState(7).standard_normal((3, size, size, size)).astype(np.float32)
        table = torch.from_numpy((np.stack([red, green, blue]) + 0.2 * noise).astype(np.float32)).permute(1, 2, 3, 0)
        images = torch.from_numpy(image).permute(2, 0, 1)[None].contiguous()
        got, _ = apply(images, table[None].contiguous())
        golden = vectors[f"rand{size}_1p000001"].transpose(1, 2, 0)
        np.testing.assert_allclose(got[0].numpy(), golden, atol=6e-5)


@ROOMS
@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_normalize_is_the_lut_clamped_and_standardised(on_cpu, dtype, layout):
    mean, std = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
    table, index = table_of(5, count=2), torch.tensor([1, 0, 1], dtype=torch.int32)
    for height, width in [(8, 16), (5, 7)]:
        images = image_of((3, 3, height, width) if layout == "NCHW" else (3, height, width, 3), torch.uint8)
        out = torch.empty(3, 3, height, width, dtype=dtype)
        options = {"layout": layout, "interpolation": "trilinear", "out": out}
        cuda.normalize(images, table, None, index, None, UNIT, UNIT, mean, std, **options)
        want = expected(images, table, None, index, None, UNIT, UNIT, layout, "trilinear")
        want = (np.clip(want, 0, 1) - mean) / std
        np.testing.assert_allclose(
            out.permute(0, 2, 3, 1).double().numpy(), want, rtol=STEP[dtype], atol=3 * STEP[dtype]
        )


@pytest.mark.parametrize("shape", [(0, 3, 4, 4), (2, 3, 0, 4)])
def test_nothing_is_launched_for_no_pixels(on_cpu, shape):
    images = torch.empty(shape)
    apply(images, table_of(2))
    grads = cuda.backward(
        images,
        images,
        table_of(2),
        None,
        None,
        None,
        UNIT,
        UNIT,
        interpolation="trilinear",
        needs=(True, True, False, False),
    )
    assert not [name for name in on_cpu if "pack" not in name]
    assert grads[0].shape == shape
    assert not grads[1].any()


def test_the_result_may_replace_the_image(on_cpu):
    images = image_of((2, 3, 8, 9), torch.float32)
    want, _ = apply(images, table_of(4))
    cuda.forward(
        images, table_of(4), None, None, None, UNIT, UNIT, layout="NCHW", interpolation="trilinear", out=images
    )
    assert torch.equal(images.permute(0, 2, 3, 1), want)


# ---- gradients -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("interpolation", ["trilinear", "tetrahedral"])
@pytest.mark.parametrize("stages", ["table", "shaper", "shaper and table"])
def test_gradients_are_the_differences_of_the_reference(on_cpu, stages, interpolation):
    generator = torch.Generator().manual_seed(3)
    images = torch.rand(2, 3, 2, 3, dtype=torch.float64, generator=generator) * 1.2 - 0.1
    table = table_of(3, count=2, dtype=torch.float64) if "table" in stages else None
    # Inside the table's domain: at its edge there is no derivative to compare with.
    shaper = 0.05 + 0.9 * shaper_of(5, count=2, dtype=torch.float64) if "shaper" in stages else None
    index, strength = torch.tensor([1, 0], dtype=torch.int32), torch.tensor([0.75, 1.0], dtype=torch.float64)
    grad_out = torch.rand(images.shape, dtype=torch.float64, generator=generator)
    options = {"interpolation": interpolation, "needs": (True,) * 4}
    got = cuda.backward(grad_out, images, table, shaper, index, strength, UNIT, UNIT, **options)

    def loss(*inputs):
        images, table, shaper, strength = inputs
        out = expected(images, table, shaper, index, strength, UNIT, UNIT, "NCHW", interpolation)
        return float((out * grad_out.permute(0, 2, 3, 1).numpy()).sum())

    inputs = (images, table, shaper, strength)
    for position, tensor in enumerate(inputs):
        if tensor is None:
            assert got[position] is None
            continue
        want = differences(lambda value, p=position: loss(*inputs[:p], value, *inputs[p + 1 :]), tensor)
        torch.testing.assert_close(got[position], want, rtol=1e-6, atol=1e-7)


def differences(function: Callable[[torch.Tensor], float], at: torch.Tensor, step: float = 1e-6) -> torch.Tensor:
    gradient = torch.empty_like(at)
    for i in range(at.numel()):
        moved = [at.clone(), at.clone()]
        for value, sign in zip(moved, (1, -1), strict=True):
            value.view(-1)[i] += sign * step
        gradient.view(-1)[i] = (function(moved[0]) - function(moved[1])) / (2 * step)
    return gradient


@pytest.mark.parametrize("interpolation", ["trilinear", "tetrahedral"])
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_gradients_of_narrower_images_agree_with_float64(on_cpu, dtype, interpolation):
    images, grad_out = image_of((2, 3, 5, 7), dtype), image_of((2, 3, 5, 7), dtype, seed=5)
    table, shaper, strength = table_of(4), shaper_of(6), torch.tensor([0.5, 1.0])
    options = {"interpolation": interpolation, "needs": (True,) * 4}
    got = cuda.backward(grad_out, images, table, shaper, None, strength, UNIT, UNIT, **options)
    wide = [tensor.double() for tensor in (grad_out, images, table, shaper)]
    want = cuda.backward(*wide, None, strength.double(), UNIT, UNIT, **options)
    assert [grad.dtype for grad in got] == [dtype, torch.float32, torch.float32, torch.float32]
    for a, b, tolerance in zip(got, want, (4 * STEP[dtype], 1e-4, 1e-4, 1e-4), strict=True):
        torch.testing.assert_close(a.double(), b, rtol=tolerance, atol=tolerance)


def test_only_the_gradients_that_are_needed_are_made(on_cpu):
    images, table = image_of((1, 3, 2, 2), torch.float32), table_of(2)
    options = {"interpolation": "trilinear", "needs": (False, True, True, False)}
    grads = cuda.backward(images, images, table, None, None, None, UNIT, UNIT, **options)
    assert [grad is None for grad in grads] == [True, False, True, True]


# ---- NVRTC ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def compiler() -> None:
    try:
        nvrtc.nvrtc_version()
    except nvrtc.CudaKernelError as error:
        pytest.skip(f"NVRTC cannot be used: {error}")


@pytest.mark.usefixtures("compiler")
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_every_kernel_compiles_and_keeps_its_values_in_registers(architecture):
    if int(architecture.removeprefix("sm_")) not in nvrtc.known_architectures():
        pytest.skip(f"NVRTC {nvrtc.nvrtc_version()} does not know {architecture}")
    names = cuda.kernel_expressions()
    binary = nvrtc.compile_kernels(names, architecture)
    assert binary.code.startswith(b"\x7fELF")
    assert nvrtc.spills(binary.log) == {binary.names[name]: 0 for name in names}


@pytest.mark.usefixtures("compiler")
def test_spills_are_seen_in_the_log(monkeypatch):
    """A kernel with an array that is indexed at run time has local memory, so the test above can fail."""
    text = """extern "C" __global__ void k(float* x, int n) {
        float a[40], sum = 0;
        for (int i = 0; i < 40; ++i) a[i] = x[i * n];
        for (int i = 0; i < n; ++i) sum += a[(i * 7) % 40];
        x[0] = sum;
    }"""
    monkeypatch.setattr(nvrtc, "source", lambda: {"cuda.cu": text, "trilinear.h": ""})
    binary = nvrtc.compile_kernels(("k",), "sm_90")
    assert nvrtc.spills(binary.log)["k"] >= 160


@pytest.fixture
def compilations(compiler, tmp_path, monkeypatch) -> list[str]:
    """An empty cache folder; the list records each true compilation's architecture."""
    done: list[str] = []

    def compile_kernels(expressions, architecture, compile_truly=nvrtc.compile_kernels):
        done.append(architecture)
        return compile_truly(expressions, architecture)

    monkeypatch.setattr(nvrtc, "compile_kernels", compile_kernels)
    monkeypatch.setenv("SSHBENCH_CACHE", str(tmp_path / "cache"))
    return done


KERNEL = (cuda.kernel_expressions()[3],)


def test_a_kernel_is_compiled_once_for_each_source_and_architecture(compilations, monkeypatch):
    first = nvrtc.cached_kernels(KERNEL, "sm_90")
    again = nvrtc.cached_kernels(KERNEL, "sm_90")
    assert (again.code, again.names) == (first.code, first.names)
    nvrtc.cached_kernels(KERNEL, "sm_80")
    assert compilations == ["sm_90", "sm_80"]
    changed = {**nvrtc.source(), "cuda.cu": nvrtc.source()["cuda.cu"] + "\n"}
    monkeypatch.setattr(nvrtc, "source", lambda: changed)
    nvrtc.cached_kernels(KERNEL, "sm_90")
    monkeypatch.setattr(nvrtc, "nvrtc_version", lambda: (99, 0))
    nvrtc.cached_kernels(KERNEL, "sm_90")
    assert compilations == ["sm_90", "sm_80", "sm_90", "sm_90"]


@pytest.mark.parametrize("damage", [b"", b"no json\n", b"{}\nxx", None])
def test_a_damaged_cache_entry_is_compiled_again(compilations, damage):
    nvrtc.cached_kernels(KERNEL, "sm_90")
    (path,) = nvrtc.cache_folder().iterdir()
    content = path.read_bytes()
    path.write_bytes(content[:-100] + b"\0" * 100 if damage is None else damage)
    again = [nvrtc.cached_kernels(KERNEL, "sm_90").code for _ in range(2)]
    assert len(compilations) == 2
    assert again[0] == again[1]
    assert again[0].startswith(b"\x7fELF")


def test_a_cache_folder_that_cannot_be_written_is_no_error(compilations, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("SSHBENCH_CACHE", str(tmp_path / "file"))
    assert nvrtc.cached_kernels(KERNEL, "sm_90").code


@pytest.mark.usefixtures("compiler")
def test_a_chip_newer_than_nvrtc_gets_code_that_its_driver_translates():
    assert nvrtc.architecture_for((9, 0)) == "sm_90"
    newer = nvrtc.architecture_for((99, 0))
    assert newer.startswith("compute_")
    assert b".target sm_" in nvrtc.compile_kernels(KERNEL, newer).code
    with pytest.raises(nvrtc.CudaKernelError, match=r"compute capability 1\.0"):
        nvrtc.architecture_for((1, 0))


@pytest.mark.usefixtures("compiler")
def test_errors_are_one_sentence(monkeypatch):
    with pytest.raises(nvrtc.CudaKernelError, match="sm_11"):
        nvrtc.compile_kernels(KERNEL, "sm_11")


# ---- the driver ----------------------------------------------------------------------------------------------------

DRIVER = r"""
extern "C" {
static void* context = nullptr;
static unsigned long long seen[16];
unsigned long long fake_seen(int i) { return seen[i]; }
int cuCtxGetCurrent(void** out) { *out = context; return 0; }
int cuDevicePrimaryCtxRetain(void** out, int device) { *out = (void*)(long)(device + 100); return 0; }
int cuCtxSetCurrent(void* value) { context = value; seen[0] = (unsigned long long)value; return 0; }
int cuDeviceGetAttribute(int* out, int attribute, int device) { *out = attribute == 97 ? 232448 : 132; return 0; }
int cuModuleLoadData(void** out, const char* image) { seen[1]++; *out = (void*)7; return image[1] != 'E'; }
int cuModuleGetFunction(void** out, void* module, const char* name) { *out = (void*)9; return name[0] != '_'; }
int cuFuncSetAttribute(void* function, int attribute, int value) { seen[2] = attribute; seen[3] = value; return 0; }
int cuGetErrorString(int status, const char** out) { *out = "a fault of the fake"; return 0; }
int cuLaunchKernel(void* function, unsigned x, unsigned y, unsigned z, unsigned threads, unsigned ty, unsigned tz,
                   unsigned shared, void* stream, void** arguments, void** extra) {
    unsigned long long values[] = {(unsigned long long)function, x, y, z, threads, ty, tz, shared,
                                   (unsigned long long)stream, *(unsigned long long*)arguments[0], extra != nullptr};
    for (int i = 0; i < 11; ++i) seen[4 + i] = values[i];
    return x == 13 ? 719 : 0;
}
}
"""


@pytest.mark.usefixtures("compiler")
def test_a_launch_reaches_the_driver_as_it_was_asked_for(tmp_path, monkeypatch):
    """In place of the CUDA driver a library that notes what it is called with."""
    if shutil.which("g++") is None:
        pytest.skip("no C++ compiler is here to build a driver that notes its calls")
    (tmp_path / "driver.cpp").write_text(DRIVER)
    subprocess.run(["g++", "-shared", "-fPIC", "driver.cpp", "-o", "driver.so"], cwd=tmp_path, check=True)
    driver = ctypes.CDLL(str(tmp_path / "driver.so"))
    driver.fake_seen.restype = ctypes.c_ulonglong
    monkeypatch.setattr(nvrtc, "_driver", lambda: driver)
    monkeypatch.setenv("SSHBENCH_CACHE", str(tmp_path))
    monkeypatch.setattr(torch.cuda, "device", lambda device: contextlib.nullcontext())
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 3)
    monkeypatch.setattr(torch.cuda, "current_stream", lambda: SimpleNamespace(cuda_stream=1 << 40))
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (9, 0))
    caches = (nvrtc._function, nvrtc.multiprocessors, nvrtc.shared_memory)
    for cached in caches:
        cached.cache_clear()
    job = (ctypes.c_ulonglong * 4)(1234567890123)
    try:
        for _ in range(2):
            nvrtc.launch(KERNEL[0], (5, 6), 768, 215632, job, torch.device("cuda", 3))
        assert [driver.fake_seen(i) for i in (5, 6, 8, 11)] == [5, 6, 768, 215632]
        assert nvrtc.multiprocessors(3) == 132
        with pytest.raises(nvrtc.CudaKernelError, match=r"could not launch a LUT kernel: a fault of the fake \(719\)"):
            nvrtc.launch(KERNEL[0], (13, 6), 768, 0, job, torch.device("cuda", 3))
    finally:
        for cached in caches:
            cached.cache_clear()
    context, loads, attribute, size, *launched = (driver.fake_seen(i) for i in range(15))
    assert (context, loads, attribute, size) == (103, 2, 8, 232448)
    assert launched == [9, 13, 6, 1, 768, 1, 1, 0, 1 << 40, 1234567890123, 0]
