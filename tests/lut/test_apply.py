"""What `apply_lut` computes, for every type, layout and kernel."""

from __future__ import annotations

import shutil
import subprocess
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch

from sshbench import Domain, Lut, LutBank, apply_lut
from sshbench.lut.apply import apply_lut_normalized
from sshbench.lut.kernels import cpu
from sshbench.lut.table import LutError, identity_table

from .reference import apply_reference

RNG = np.random.default_rng(7)
WIDE = Domain((-0.1, 0.0, 0.2), (1.5, 1.0, 0.8))


def smooth(size: int) -> Lut:
    """A look as photographers make them: a curve and a matrix, plus a little noise."""
    noise = RNG.normal(0, 0.01, (size, size, size, 3))
    mixed = identity_table(size) ** 1.4 @ np.array([[0.8, 0.1, 0.0], [0.1, 0.9, 0.1], [0.1, 0.0, 0.9]])
    return Lut(values=np.clip(mixed + noise, 0, 1).astype(np.float32))


def noise(size: int, domain: Domain = Domain(), low: float = 0.0, high: float = 1.0) -> Lut:
    return Lut(values=RNG.uniform(low, high, (size, size, size, 3)).astype(np.float32), domain=domain)


def curves(count: int, domain: Domain = Domain()) -> np.ndarray:
    return np.sort(RNG.random((count, 3)), axis=0).astype(np.float32)


LUTS = {
    "smooth 2": smooth(2),
    "smooth 17": smooth(17),
    "smooth 33": smooth(33),
    "smooth 65": smooth(65),
    "noise 17": noise(17),
    "noise 33": noise(33),
    "noise 33 beyond 0..1": noise(33, low=-0.4, high=1.4),
    "noise 17 far beyond 0..1": noise(17, low=-3, high=5),
    "noise 17, domain not 0..1": noise(17, WIDE),
    "shaper and table": Lut(values=smooth(17).values, shaper_values=curves(20)),
    "shaper with a wide domain": Lut(
        values=noise(9, WIDE).values, domain=WIDE, shaper_values=2 * curves(64), shaper_domain=WIDE
    ),
    "1d": Lut(shaper_values=curves(5)),
    "1d of 65536 points": Lut(shaper_values=curves(65536)),
}


@pytest.fixture(params=cpu.kernels() or ["torch"])
def kernel(request: pytest.FixtureRequest):
    """Every kernel this processor can run, one after the other."""
    if request.param == "torch":
        yield "torch"
        return
    before = cpu._cpu.chosen()
    cpu._cpu.choose(request.param)
    yield request.param
    cpu._cpu.choose(before)


@pytest.fixture(scope="module")
def photo() -> np.ndarray:
    from skimage import data

    return np.ascontiguousarray(data.astronaut()[:131, :157])


@pytest.mark.parametrize("name", LUTS)
def test_bytes_are_the_rounded_trilinear_value(name: str, kernel: str, photo: np.ndarray) -> None:
    colours = np.concatenate([photo, RNG.integers(0, 256, photo.shape, np.uint8)])
    exact = np.clip(255 * apply_reference(colours / 255, LUTS[name]), 0, 255)
    result = apply_lut(colours, LUTS[name])
    assert np.abs(result - exact).max() <= 0.505
    assert (result != np.floor(exact + 0.5)).mean() < 0.001


@pytest.mark.parametrize("name", LUTS)
def test_floats_equal_the_float64_reference(name: str, kernel: str) -> None:
    x = RNG.uniform(-0.5, 1.5, (3, 40, 41)).astype(np.float32)
    exact = apply_reference(x.transpose(1, 2, 0), LUTS[name]).transpose(2, 0, 1)
    stage = LUTS[name].values if LUTS[name].values is not None else LUTS[name].shaper_values
    scale = max(1.0, float(np.abs(stage).max()))
    # A table over another range than 0..1 multiplies the rounding of its input by its steepness.
    steep = 4.0 if not LUTS[name].domain.is_unit else 1.0
    assert np.abs(apply_lut(x, LUTS[name], layout="CHW") - exact).max() <= 1e-6 * scale * steep
    np.testing.assert_allclose(
        apply_lut(x.astype(np.float64), LUTS[name], layout="CHW"), exact, atol=1e-12 * scale * 10
    )


@pytest.mark.parametrize("strength", [0.0, 0.3, 0.999, 1.0])
@pytest.mark.parametrize("name", ["smooth 33", "noise 33 beyond 0..1", "shaper and table", "1d"])
def test_strength_blends_with_the_input(name: str, strength: float, kernel: str, photo: np.ndarray) -> None:
    exact = (1 - strength) * photo + strength * 255 * apply_reference(photo / 255, LUTS[name])
    assert np.abs(apply_lut(photo, LUTS[name], strength=strength) - np.clip(exact, 0, 255)).max() <= 0.505
    floats = (photo / 255).astype(np.float32)
    exact = (1 - strength) * floats.astype(np.float64) + strength * apply_reference(floats, LUTS[name])
    assert np.abs(apply_lut(floats, LUTS[name], strength=strength) - exact).max() <= 1e-6


@pytest.mark.parametrize("size", [2, 3, 16, 17, 32, 33, 64, 65, 129])
def test_identity_changes_no_byte(size: int, kernel: str) -> None:
    codes = np.arange(256, dtype=np.uint8)
    ramps = np.stack(np.meshgrid(codes, codes[::5], codes[::15], indexing="ij"), axis=-1).reshape(256, -1, 3)
    np.testing.assert_array_equal(apply_lut(ramps, Lut.identity(size)), ramps)
    np.testing.assert_array_equal(apply_lut(ramps, Lut.identity(size), strength=0.4), ramps)


@pytest.mark.skipif(len(cpu.kernels()) < 2, reason="this processor can run one kernel only")
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float16", "float32"])
@pytest.mark.parametrize("interpolation", ["trilinear", "tetrahedral"])
@pytest.mark.parametrize("strength", [1.0, 0.37])
@pytest.mark.parametrize("name", LUTS)
def test_all_kernels_give_the_same_bytes(name: str, strength: float, interpolation: str, dtype: str) -> None:
    """Smooth tables go through integers; noise, tetrahedral interpolation and other types through fused floats."""
    scale = {"uint8": 255, "uint16": 65535}.get(dtype, 1)
    last = (RNG.uniform(0, scale, (203, 77, 3))).astype(dtype)
    first = np.ascontiguousarray(last.transpose(2, 0, 1))
    results = []
    for kernel in cpu.kernels():
        cpu._cpu.choose(kernel)
        for image, layout in ((last, "HWC"), (first, "CHW")):
            done = apply_lut(image, LUTS[name], strength=strength, interpolation=interpolation, layout=layout)
            results.append(done if layout == "HWC" else done.transpose(1, 2, 0))
    cpu._cpu.choose(cpu.kernels()[0])
    for other in results[1:]:
        np.testing.assert_array_equal(results[0], other)


@pytest.mark.skipif(shutil.which("c++") is None, reason="no C++ compiler is installed")
def test_a_processor_without_fused_operations_rounds_as_if_it_had_them(tmp_path: Path) -> None:
    """`multiply_add` of trilinear.h against the C library's fma, where two roundings would show."""
    here = Path(__file__).parent
    kernels = here.parents[1] / "sshbench/lut/kernels"
    options = ["-std=c++17", "-O2", "-ffp-contract=off", "-I", str(kernels)]
    subprocess.run(["c++", *options, str(here / "multiply_add.cpp"), "-o", str(tmp_path / "run")], check=True)
    run = subprocess.run([tmp_path / "run"], capture_output=True, text=True)
    assert run.returncode == 0, run.stdout


@pytest.mark.skipif(not cpu.kernels(), reason="there are no native kernels to compare with")
@pytest.mark.parametrize("layout", ["HWC", "CHW"])
@pytest.mark.parametrize("name", ["smooth 17", "smooth 33", "smooth 65", "shaper and table", "slightly beyond 0..1"])
def test_without_native_kernels_bytes_are_the_same(name: str, layout: str, monkeypatch: pytest.MonkeyPatch) -> None:
    beyond = Lut(values=smooth(17).values * np.float32(1.3) - np.float32(0.2))
    bank = LutBank.from_luts([smooth(9), smooth(9)], size=9, names=["a", "b"])
    lut = beyond if name.startswith("slightly") else LUTS[name]
    images = RNG.integers(0, 256, (2, 50, 37, 3), np.uint8)
    if layout == "CHW":
        images = np.ascontiguousarray(images.transpose(0, 3, 1, 2))
    calls = [
        lambda: apply_lut(images, lut, layout=layout),
        lambda: apply_lut(images, lut, strength=[0.37, 1.0], layout=layout),
        lambda: apply_lut(torch.from_numpy(images), bank, [1, 0], layout=layout).numpy(),
    ]
    native = [call() for call in calls]
    monkeypatch.setattr(cpu, "_cpu", None)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for call, expected in zip(calls, native, strict=True):
            np.testing.assert_array_equal(call(), expected)


@pytest.mark.parametrize("pixels", [*range(1, 70), 127, 128, 129, 200])
def test_every_pixel_count_is_done_and_nothing_beside_it(pixels: int, kernel: str) -> None:
    guarded = RNG.integers(0, 256, (pixels + 8) * 3, np.uint8)
    image = RNG.integers(0, 256, (1, pixels, 3), np.uint8)
    before = guarded.copy()
    out = guarded[12 : 12 + 3 * pixels].reshape(1, pixels, 3)
    apply_lut(image, LUTS["smooth 17"], out=out)
    np.testing.assert_array_equal(guarded[:12], before[:12])
    np.testing.assert_array_equal(guarded[12 + 3 * pixels :], before[12 + 3 * pixels :])
    exact = np.clip(255 * apply_reference(image / 255, LUTS["smooth 17"]), 0, 255)
    assert np.abs(out - exact).max() <= 0.505


@pytest.mark.parametrize("dtype", ["uint8", "float16", "bfloat16", "float32", "float64"])
def test_layouts_and_memory_formats_agree(dtype: str, kernel: str) -> None:
    if dtype == "uint8":
        hwc = torch.from_numpy(RNG.integers(0, 256, (2, 11, 13, 3), np.uint8))
    else:
        hwc = torch.from_numpy(RNG.random((2, 11, 13, 3))).to(getattr(torch, dtype))
    bank = LutBank.from_luts([smooth(9), smooth(9)], size=9, names=["a", "b"])
    index = [1, 0]
    expected = apply_lut(hwc, bank, index, layout="HWC")
    assert expected.dtype == hwc.dtype
    chw = hwc.permute(0, 3, 1, 2)
    for image in (chw, chw.contiguous(), chw.to(memory_format=torch.channels_last)):
        result = apply_lut(image, bank, index, layout="CHW")
        torch.testing.assert_close(result, expected.permute(0, 3, 1, 2), rtol=0, atol=0)
    one = apply_lut(hwc[0], bank, 1)
    torch.testing.assert_close(one, expected[0], rtol=0, atol=0)
    sliced = torch.zeros(2, 22, 26, 3, dtype=hwc.dtype)
    sliced[:, ::2, ::2] = hwc
    torch.testing.assert_close(apply_lut(sliced[:, ::2, ::2], bank, index), expected, rtol=0, atol=0)
    exact = apply_reference(hwc[0].double().numpy() / (255 if dtype == "uint8" else 1), bank[1])
    tolerance = {"uint8": 0.505 / 255, "float16": 6e-4, "bfloat16": 5e-3, "float32": 1e-6, "float64": 1e-12}[dtype]
    got = expected[0].double().numpy() / (255 if dtype == "uint8" else 1)
    assert np.abs(got - np.clip(exact, 0, 1)).max() <= tolerance


def test_half_results_are_the_nearest_half() -> None:
    every_half = torch.arange(65536, dtype=torch.int32).to(torch.int16).view(torch.float16)
    image = every_half[None, None].expand(3, 1, -1)
    result = apply_lut(image, Lut(shaper_values=np.float32([[0, 0, 0], [1, 1, 1]])))
    torch.testing.assert_close(result, image.float().clamp(0, 1).half(), rtol=0, atol=0, equal_nan=True)
    tiny = Lut(shaper_values=np.float32([[0, 0, 0], [1e-6, 6e-8, 70000]]))
    weights, tops = torch.linspace(0, 1, 4097), torch.tensor([1e-6, 6e-8, 70000.0])[:, None]
    result = apply_lut(weights.half()[None, None].expand(3, 1, -1), tiny)
    exact = weights.half().float()[None] * tops
    torch.testing.assert_close(result[:, 0], exact.half(), rtol=2e-3, atol=6e-8)
    wide = apply_lut(weights.bfloat16()[None, None].expand(3, 1, -1), tiny)
    torch.testing.assert_close(wide[:, 0], (weights.bfloat16().float()[None] * tops).bfloat16())


def test_sixteen_bit_images_keep_their_depth() -> None:
    image = RNG.integers(0, 65536, (30, 31, 3), np.uint16)
    exact = 65535 * apply_reference(image / 65535, LUTS["smooth 33"])
    assert np.abs(apply_lut(image, LUTS["smooth 33"]).astype(float) - exact).max() <= 0.53


@pytest.mark.parametrize("interpolation", ["trilinear", "tetrahedral"])
@pytest.mark.parametrize("name", ["noise 17", "noise 17, domain not 0..1", "shaper and table"])
def test_nan_stays_and_infinities_clamp(name: str, interpolation: str, kernel: str) -> None:
    x = torch.full((1, 3, 3, 3), 0.25)
    x[0, 1, 0, 0] = float("nan")
    x[0, :, 1, 1] = float("inf")
    x[0, :, 2, 2] = -float("inf")
    x[0, 0, 2, 0], x[0, 1, 2, 0] = 3e38, -3e38
    lut = LUTS[name]
    result = apply_lut(x, lut, interpolation=interpolation)
    if lut.values is not None:
        assert result[0, :, 0, 0].isnan().all()
    assert result.isnan().sum() == result[0, :, 0, 0].isnan().sum()
    clamped = apply_lut(x.nan_to_num(0.25, 1e6, -1e6), lut, interpolation=interpolation)
    torch.testing.assert_close(result[0, :, 1:], clamped[0, :, 1:], rtol=0, atol=0)


def test_tetrahedral_equals_opencolorio(kernel: str) -> None:
    ocio = pytest.importorskip("PyOpenColorIO")
    lut = noise(9)
    transform = ocio.Lut3DTransform(gridSize=9)
    transform.setInterpolation(ocio.INTERP_TETRAHEDRAL)
    # OpenColorIO's array has blue fastest.
    transform.setData(np.ascontiguousarray(lut.values.transpose(2, 1, 0, 3)).ravel())
    processor = ocio.Config.CreateRaw().getProcessor(transform).getDefaultCPUProcessor()
    image = RNG.random((50, 51, 3), np.float32)
    expected = image.copy()
    processor.applyRGB(expected)
    assert np.abs(apply_lut(image, lut, interpolation="tetrahedral") - expected).max() <= 2e-6
    assert np.abs(apply_lut(image, lut) - expected).max() > 0.1, "trilinear is another function on such a table"


@pytest.mark.parametrize("eps", ["1p0001", "1p000001"])
@pytest.mark.parametrize("size", [17, 33])
def test_published_trilinear_kernel_is_reproduced(size: int, eps: str, shared: Path, kernel: str) -> None:
    """The C kernel of Zeng et al. 2020, whose cells are eps / (size - 1) wide: a domain of 0..eps."""
    golden = np.load(shared / "facts/golden/vectors/lut_trilinear.npz")
    rng = np.random.RandomState(0)
    blocks = rng.randint(24, 232, (4, 6, 3)).repeat(16, 0).repeat(16, 1)
    codes = np.clip(blocks + rng.randint(-24, 25, (64, 96, 3)), 0, 255)
    image = codes.transpose(2, 0, 1).astype(np.float32) / np.float32(255)
    image[:, 0, 0], image[:, 0, 1], image[:, 0, 2] = 1, 0, (1, 0, 0.5)
    domain = Domain((0, 0, 0), (float(eps.replace("p", ".")),) * 3)
    identity = identity_table(size)
    shift = 0.2 * np.random.RandomState(7).standard_normal((3, size, size, size)).astype(np.float32)
    for name, values in (("ident", identity), ("rand", identity + shift.transpose(1, 2, 3, 0))):
        result = apply_lut(image, Lut(values=values, domain=domain))
        assert np.abs(result - golden[f"{name}{size}_{eps}"]).max() <= 5e-6, name


@pytest.mark.parametrize("lut", [smooth(9), Lut(shaper_values=curves(9))])
def test_bank_gives_each_image_its_own_lut(lut: Lut) -> None:
    images = RNG.integers(0, 256, (4, 20, 21, 3), np.uint8)
    bank = LutBank.from_luts([smooth(9), noise(5), lut], size=17, names=["a", "b", "c"])
    index, strength = [2, 0, 1, 2], [1.0, 0.5, 0.25, 0.0]
    together = apply_lut(images, bank, index, strength=strength)
    for i in range(4):
        alone = apply_lut(images[i], bank[index[i]], strength=strength[i])
        np.testing.assert_array_equal(together[i], alone)


def test_as_many_luts_as_images_need_no_index() -> None:
    images = torch.rand(3, 3, 8, 8)
    tables = torch.rand(3, 5, 5, 5, 3)
    result = apply_lut(images, tables)
    for i in range(3):
        torch.testing.assert_close(result[i], apply_lut(images[i], tables[i]))


def test_out_is_written_and_returned_and_may_be_the_input(photo: np.ndarray) -> None:
    expected = apply_lut(photo, LUTS["smooth 33"])
    out = np.empty_like(photo)
    assert apply_lut(photo, LUTS["smooth 33"], out=out) is out
    np.testing.assert_array_equal(out, expected)
    image = photo.copy()
    apply_lut(image, LUTS["smooth 33"], out=image)
    np.testing.assert_array_equal(image, expected)
    tensor = torch.from_numpy(photo.copy())
    assert apply_lut(tensor, LUTS["smooth 33"], out=tensor) is tensor
    np.testing.assert_array_equal(tensor.numpy(), expected)


@pytest.mark.parametrize("shape", [(0, 4, 4, 3), (2, 0, 4, 3), (2, 4, 0, 3), (1, 1, 1, 3), (1, 50, 1, 3)])
def test_empty_batches_and_thin_images(shape: tuple[int, ...]) -> None:
    image = np.zeros(shape, np.uint8)
    assert apply_lut(image, LUTS["smooth 33"]).shape == shape
    tensor = torch.zeros(shape).permute(0, 3, 1, 2).requires_grad_()
    result = apply_lut(tensor, torch.rand(5, 5, 5, 3).requires_grad_(), layout="CHW")
    assert result.shape == tensor.shape
    result.sum().backward()


def test_threads_change_nothing() -> None:
    image = RNG.integers(0, 256, (4, 300, 301, 3), np.uint8)
    floats = (image / 255).astype(np.float32)
    before = torch.get_num_threads()
    results = []
    for threads in (1, 2, 5):
        torch.set_num_threads(threads)
        results.append((apply_lut(image, LUTS["smooth 33"]), apply_lut(floats, LUTS["smooth 33"])))
    torch.set_num_threads(before)
    for bytes_, floats_ in results[1:]:
        np.testing.assert_array_equal(bytes_, results[0][0])
        np.testing.assert_array_equal(floats_, results[0][1])


def test_normalised_output_is_one_pass_of_the_same_values() -> None:
    images = RNG.integers(0, 256, (3, 24, 25, 3), np.uint8)
    bank = LutBank.from_luts([smooth(9), noise(9, low=-0.5, high=1.5)], size=9, names=["a", "b"])
    index, mean, std = [1, 0, 1], (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
    exact = np.stack([apply_reference(images[i] / 255, bank[index[i]]) for i in range(3)]).clip(0, 1)
    exact = ((exact - mean) / std).transpose(0, 3, 1, 2)
    result = apply_lut_normalized(images, bank, index, mean=mean, std=std)
    assert result.dtype == np.float32
    assert np.abs(result - exact).max() <= 1e-5
    tensor = apply_lut_normalized(torch.from_numpy(images).permute(0, 3, 1, 2), bank, index, mean=mean, std=std)
    torch.testing.assert_close(tensor, torch.from_numpy(result), rtol=0, atol=1e-6)
    half = apply_lut_normalized(torch.from_numpy(images), bank, index, mean=mean, std=std, dtype="bfloat16")
    assert half.dtype == torch.bfloat16
    torch.testing.assert_close(half, tensor.bfloat16(), rtol=0, atol=0.02)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"images": np.zeros((4, 4, 3), np.int32)}, "type"),
        ({"images": np.zeros((4, 4, 4), np.uint8)}, "three channels"),
        ({"images": np.zeros((4, 3), np.uint8)}, "shape"),
        ({"images": [[1, 2, 3]]}, "numpy array or a torch tensor"),
        ({"index": 1}, "outside 0..0"),
        ({"index": -1}, "outside 0..0"),
        ({"index": [0, 0]}, "one for each image"),
        ({"index": 0.5}, "integer"),
        ({"strength": 1.5}, "0 to 1"),
        ({"strength": float("nan")}, "0 to 1"),
        ({"strength": [0.1, 0.2, 0.3]}, "one for each image"),
        ({"interpolation": "cubic"}, "interpolation"),
        ({"layout": "NCHW"}, "layout"),
        ({"out": np.zeros((4, 4, 3), np.float32)}, "out"),
        ({"out": np.zeros((8, 4, 3), np.uint8)[::2]}, "contiguous"),
        ({"luts": np.zeros((2, 2, 2, 3))}, "LUT"),
        ({"luts": torch.zeros(2, 2, 3, 3)}, "table"),
    ],
)
@pytest.mark.parametrize("kind", ["numpy", "torch"])
def test_what_does_not_fit_is_refused_in_one_sentence(change: dict, says: str, kind: str) -> None:
    call = {"images": np.zeros((4, 4, 3), np.uint8), "luts": LUTS["smooth 17"], **change}
    if kind == "torch":
        call = {k: torch.from_numpy(v) if isinstance(v, np.ndarray) and k != "luts" else v for k, v in call.items()}
    with pytest.raises(LutError, match=says) as error:
        apply_lut(**call)
    assert "\n" not in str(error.value)
