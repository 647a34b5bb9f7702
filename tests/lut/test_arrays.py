"""Arrays as people have them: of another byte order, unaligned, overlapping, over 0..255; and LUTs by their names."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import torch

import sshbench
from sshbench import Domain, Lut, LutBank, apply_lut
from sshbench.colour.transfer import TRANSFER_FUNCTIONS
from sshbench.lut import LutError, apply_lut_normalized, fit_lut, fit_smooth_lut, read_lut, transfer_reinhard

RNG = np.random.default_rng(5)
ROUGH = Lut(values=RNG.random((9, 9, 9, 3), np.float32))
SMOOTH = Lut(values=Lut.identity(9).values ** np.float32(1.3))
TYPES = ("uint8", "uint16", "float16", "float32", "float64")


def image(dtype: str, *shape: int) -> np.ndarray:
    white = {"uint8": 255, "uint16": 65535}.get(dtype, 1)
    return (RNG.random(shape) * white).astype(dtype)


@pytest.mark.parametrize("lut", [ROUGH, SMOOTH])
@pytest.mark.parametrize("dtype", TYPES)
def test_the_byte_order_of_the_other_kind_of_machine(dtype: str, lut: Lut) -> None:
    """As `np.fromfile(..., ">u2")`, FITS files and some TIFF readers give it."""
    native = image(dtype, 2, 7, 9, 3)
    other = native.astype(native.dtype.newbyteorder())
    result = apply_lut(other, lut)
    assert result.dtype == other.dtype
    np.testing.assert_array_equal(result.astype(dtype), apply_lut(native, lut))
    out = np.empty_like(other)
    assert apply_lut(other, lut, out=out) is out
    np.testing.assert_array_equal(out.astype(dtype), apply_lut(native, lut))
    bank = LutBank.from_luts([lut, Lut.identity(9)], size=9, names=["a", "b"])
    index, strength = np.array([1, 0], ">i4"), np.array([0.5, 1.0], ">f8")
    chosen = apply_lut(other, bank, index, strength=strength).astype(dtype)
    np.testing.assert_array_equal(chosen, apply_lut(native, bank, [1, 0], strength=[0.5, 1.0]))


@pytest.mark.parametrize("dtype", ["uint16", "float16", "float32", "float64"])
def test_arrays_at_odd_addresses(dtype: str) -> None:
    plain = image(dtype, 5, 6, 3)
    odd, out = (np.ndarray(plain.shape, dtype, bytearray(plain.nbytes + 1), 1) for _ in range(2))
    odd[...] = plain
    np.testing.assert_array_equal(apply_lut(odd, ROUGH), apply_lut(plain, ROUGH))
    apply_lut(plain, ROUGH, out=out)
    np.testing.assert_array_equal(out, apply_lut(plain, ROUGH))


@pytest.mark.parametrize("rows", [-70, -3, -1, 0, 1, 2, 70])
@pytest.mark.parametrize("dtype", TYPES)
def test_out_may_overlap_the_images_by_any_shift(dtype: str, rows: int) -> None:
    base = image(dtype, 200, 31, 3)
    source, out = base[70:130], base[70 + rows : 130 + rows]
    wanted = apply_lut(source.copy(), ROUGH)
    np.testing.assert_array_equal(apply_lut(source, ROUGH, out=out), wanted)


@pytest.mark.parametrize("rows", [-3, 0, 1])
@pytest.mark.parametrize("dtype", ["uint8", "float16", "bfloat16", "float32", "float64"])
def test_out_may_overlap_the_tensor_by_any_shift(dtype: str, rows: int) -> None:
    base = torch.from_numpy(image("uint8", 80, 31, 3)).to(getattr(torch, dtype)) / (1 if dtype == "uint8" else 255)
    base = base.to(getattr(torch, dtype))
    source, out = base[10:70], base[10 + rows : 70 + rows]
    wanted = apply_lut(source.clone(), ROUGH)
    assert torch.equal(apply_lut(source, ROUGH, out=out), wanted)


def test_out_may_be_the_memory_of_transposed_images() -> None:
    square = image("uint8", 12, 12, 3)
    turned = square.transpose(1, 0, 2)
    wanted = apply_lut(turned.copy(), ROUGH)
    np.testing.assert_array_equal(apply_lut(turned, ROUGH, out=square), wanted)


def test_out_may_hold_the_indices() -> None:
    memory = np.zeros(2 * 4 * 4 * 3, np.uint8)
    out, index = memory.reshape(2, 4, 4, 3), memory[:8].view(np.int32)
    index[:] = 1, 0
    bank = LutBank.from_luts([ROUGH, SMOOTH], size=9, names=["a", "b"])
    images = image("uint8", 2, 4, 4, 3)
    np.testing.assert_array_equal(apply_lut(images, bank, index, out=out), apply_lut(images, bank, [1, 0]))


def test_negated_views_are_read_as_what_they_say() -> None:
    """The imaginary part of a conjugate, say, holds the numbers with the other sign."""
    below = Lut(values=ROUGH.values, domain=Domain((-1.0,) * 3, (0.0,) * 3))
    view = torch._neg_view(torch.rand(3, 4, 5))
    assert torch.equal(apply_lut(view, below), apply_lut(view.clone().resolve_neg(), below))
    table = torch._neg_view(-torch.rand(5, 5, 5, 3))
    pixels = torch.randint(0, 256, (3, 4, 5), dtype=torch.uint8)
    assert torch.equal(apply_lut(pixels, table), apply_lut(pixels, table.resolve_neg()))
    with pytest.raises(LutError, match="out is"):
        apply_lut(view, below, out=torch._neg_view(torch.zeros(3, 4, 5)))


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", ">f4"])
@pytest.mark.parametrize("kind", ["numpy", "torch"])
def test_floats_over_0_to_255_are_refused(dtype: str, kind: str) -> None:
    bytes_ = image("uint8", 24, 25, 3)
    bytes_[:, :15] = 0  # a foreground on a black canvas
    given = bytes_.astype(dtype)
    images = given if kind == "numpy" else torch.from_numpy(given.astype(given.dtype.newbyteorder("=")))
    with pytest.raises(LutError, match=r"far above the LUT's domain 0 to 1.*data_range=255"):
        apply_lut(images, SMOOTH)
    result = np.asarray(apply_lut(images, SMOOTH, data_range=255), np.float64)
    assert np.abs(result - apply_lut(bytes_, SMOOTH)).max() <= (0.6 if dtype != "float16" else 0.7)


def test_bfloat16_over_0_to_255_is_refused() -> None:
    images = torch.from_numpy(image("uint8", 3, 24, 25)).bfloat16()
    with pytest.raises(LutError, match="far above"):
        apply_lut(images, SMOOTH)
    assert apply_lut(images, SMOOTH, data_range=255).dtype == torch.bfloat16


def test_highlights_and_single_wild_values_are_clamped() -> None:
    images = RNG.random((20, 20, 3), np.float32)
    images[:5] *= 40
    images[5, 5] = 3e38, np.inf, -3e38
    np.testing.assert_array_equal(apply_lut(images, ROUGH), apply_lut(images.clip(0, 1), ROUGH))
    wide = Lut(values=ROUGH.values, domain=Domain((0.0,) * 3, (255.0,) * 3))
    over = RNG.random((20, 20, 3), np.float32)
    narrow = Lut(values=ROUGH.values, domain=Domain((0.0,) * 3, (0.1,) * 3))
    np.testing.assert_array_equal(apply_lut(over, narrow), apply_lut(over.clip(0, 0.1), narrow))
    np.testing.assert_allclose(apply_lut(over * 255, wide), apply_lut(over, ROUGH), atol=1e-5)


def test_the_data_range_says_what_white_is() -> None:
    twelve = RNG.integers(0, 4096, (9, 8, 3)).astype(np.uint16)
    exact = apply_lut(twelve / 4095.0, ROUGH) * 4095
    result = apply_lut(twelve, ROUGH, data_range=4095)
    assert result.dtype == np.uint16
    assert np.abs(result - exact).max() <= 0.51
    assert (apply_lut(twelve, Lut.identity(5), data_range=4095) == twelve).all()
    tensor = torch.from_numpy(image("float32", 3, 9, 8) * 255).requires_grad_()
    result = apply_lut(tensor, ROUGH, data_range=255)
    result.sum().backward()
    torch.testing.assert_close(result.detach() / 255, apply_lut(tensor.detach() / 255, ROUGH), rtol=0, atol=1e-6)
    slopes = tensor.grad
    unit = (tensor.detach() / 255).requires_grad_()
    apply_lut(unit, ROUGH).sum().backward()
    torch.testing.assert_close(slopes, unit.grad)
    pixels = torch.from_numpy(image("uint8", 9, 8, 3))
    out = torch.empty_like(pixels)
    assert apply_lut(pixels, SMOOTH, data_range=255, out=out) is out
    assert int((out.int() - apply_lut(pixels, SMOOTH).int()).abs().max()) <= 1
    for odd in (0, -1, float("nan"), float("inf"), "255", True):
        with pytest.raises(LutError, match="data_range"):
            apply_lut(twelve, ROUGH, data_range=odd)  # type: ignore[arg-type]


@pytest.mark.parametrize("dtype", ["float16", "float32", "uint8"])
@pytest.mark.parametrize("upper", [1e-45, 1e-40, 1e-35, 3e38])
def test_domains_too_narrow_or_too_wide_for_float32(upper: float, dtype: str) -> None:
    domain = Domain((-3e38 if upper > 1 else 0.0,) * 3, (upper,) * 3)
    ends = np.float32([domain.lower, domain.upper, (0.5, 0.5, 0.5)])[None]
    given = ends.astype(dtype) if dtype == "float32" else np.full((1, 3, 3), 128 if dtype == "uint8" else 0.5, dtype)
    for images in (given, torch.from_numpy(given)):
        result = np.asarray(apply_lut(images, Lut(values=Lut.identity(5).values, domain=domain), layout="HWC"))
        middle = 0.5 if upper > 1 else 1.0
        wanted = [0, 1, middle] if dtype == "float32" else [middle * (255 if dtype == "uint8" else 1)] * 3
        np.testing.assert_allclose(result[0, :, 0], np.floor(np.add(wanted, 0.5)) if dtype == "uint8" else wanted)


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_black_and_white_stay_themselves_where_the_kernels_cannot_resolve_the_domain(dtype: str) -> None:
    narrow = Lut(values=Lut.identity(5).values, domain=Domain(upper=(1e-40,) * 3))
    top = np.iinfo(dtype).max
    assert apply_lut(np.array([[[0, top, 1]]], dtype), narrow, layout="HWC").tolist() == [[[0, top, top]]]


def test_a_network_gets_minus_1_to_1_unless_it_is_told_otherwise() -> None:
    photo = np.array([[[0, 51, 255]]], np.uint8)
    assert apply_lut_normalized(photo, Lut.identity())[0, :, 0, 0] == pytest.approx([-1, -0.6, 1], abs=1e-6)
    other = apply_lut_normalized(photo, Lut.identity(), mean=(0.0, 0.1, 0.5), std=(1.0, 0.5, 0.25))
    assert other[0, :, 0, 0] == pytest.approx([0, 0.2, 2], abs=1e-6)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"images": torch.rand(3, 4, 4).to_sparse()}, "dense"),
        ({"luts": torch.full((2, 2, 2, 3), float("nan"))}, "NaN or infinity"),
        (
            {"images": np.zeros((4, 4, 3), np.uint8), "luts": torch.full((2, 2, 2, 3), float("inf"))},
            "NaN or infinity",
        ),
        ({"strength": "half"}, "number from 0 to 1"),
        ({"index": [[0], [0, 1]]}, "integer"),
        ({"index": 10**30}, "integer"),
        ({"index": "golden-hour"}, "LutBank"),
    ],
)
def test_what_does_not_fit_is_refused(change: dict, says: str) -> None:
    call = {"images": torch.zeros(4, 4, 3, dtype=torch.uint8), "luts": ROUGH, **change}
    with pytest.raises(LutError, match=says):
        apply_lut(**call)


@pytest.mark.parametrize("name", ["mean", "std"])
@pytest.mark.parametrize("value", [(1, 1), (1, 1, float("nan")), "abc", (0, 0, 0)])
def test_a_mean_or_deviation_that_is_none(name: str, value: object) -> None:
    if (name, value) == ("mean", (0, 0, 0)):
        return
    with pytest.raises(LutError, match="three finite numbers"):
        apply_lut_normalized(np.zeros((2, 2, 3), np.uint8), ROUGH, **{name: value})  # type: ignore[arg-type]


def test_a_lut_is_not_changed_through_the_array_it_was_made_of() -> None:
    base = np.zeros((2, 2, 2, 3), np.float32)
    view = base.view()
    view.flags.writeable = False
    memory = bytearray(base.tobytes())
    luts = [
        Lut(values=view),
        Lut(values=np.frombuffer(memoryview(memory).toreadonly(), np.float32).reshape(base.shape)),
    ]
    base[:] = 0.5
    memory[:] = b"\x3f" * len(memory)
    assert [float(lut.values.max()) for lut in luts] == [0, 0]
    with pytest.raises(LutError, match="numbers"):
        Lut(values=np.full((2, 2, 2, 3), b"x"))


def test_maps_are_fitted_to_bytes_and_floats_alike() -> None:
    source = RNG.integers(0, 256, (500, 3)).astype(np.uint8)
    target = apply_lut(source[None], SMOOTH)[0]
    for fit in (fit_lut, fit_smooth_lut):
        by_bytes, by_floats = fit(source, target, size=5), fit(source / 255, target / 255, size=5)
        np.testing.assert_array_equal(by_bytes.values, by_floats.values)
        with pytest.raises(LutError, match="1 is white"):
            fit(source.astype(np.float32), target.astype(np.float32), size=5)


@pytest.mark.parametrize("name", TRANSFER_FUNCTIONS)
def test_colours_are_transferred_between_bytes_alone(name: str) -> None:
    photo = image("uint8", 8, 8, 3)
    for odd in (photo / 255, photo.astype(np.float32), photo.astype(np.uint16), photo[..., 0], photo[:0]):
        with pytest.raises(LutError, match="uint8"):
            TRANSFER_FUNCTIONS[name](photo, odd)
    assert transfer_reinhard(photo, photo).shape == photo.shape


def test_luts_are_chosen_by_name() -> None:
    bank = LutBank.of_looks()
    photo = image("uint8", 9, 8, 3)
    wanted = apply_lut(photo, bank["golden-hour"])
    np.testing.assert_array_equal(apply_lut(photo, bank, "golden-hour"), wanted)
    np.testing.assert_array_equal(apply_lut(photo, "golden-hour"), wanted)
    np.testing.assert_array_equal(apply_lut(photo, read_lut("Golden Hour")), wanted)
    np.testing.assert_array_equal(apply_lut(torch.from_numpy(photo), bank, "golden-hour").numpy(), wanted)
    pair = np.stack([photo, photo])
    both = apply_lut(pair, bank, ["sepia" if "sepia" in bank.names else bank.names[0], "golden-hour"])
    np.testing.assert_array_equal(both[1], wanted)
    np.testing.assert_array_equal(apply_lut(pair, bank, np.array(["golden-hour"] * 2))[0], wanted)
    tables = torch.from_numpy(photo).permute(2, 0, 1) / 255
    learns = apply_lut(tables.clone().requires_grad_(), bank, "golden-hour")
    torch.testing.assert_close(learns.detach(), apply_lut(tables, "golden-hour"))
    normal = apply_lut_normalized(photo, bank, "golden-hour")
    np.testing.assert_array_equal(normal, apply_lut_normalized(photo, "golden-hour"))


def test_names_that_are_none_get_advice(tmp_path: Path) -> None:
    photo = image("uint8", 9, 8, 3)
    with pytest.raises(LutError, match="did you mean 'golden-hour'"):
        apply_lut(photo, LutBank.of_looks(), "goldn-hour")
    with pytest.raises(LutError, match="did you mean 'golden-hour'"):
        apply_lut(photo, "goldn-hour")
    with pytest.raises(LutError, match=r"nowhere\.cube: no such LUT file"):
        read_lut(str(tmp_path / "nowhere.cube"))
    with pytest.raises(OSError, match="nowhere"):
        read_lut(tmp_path / "nowhere.cube")


def test_a_file_goes_before_a_look_of_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sshbench.write_cube(Lut.identity(3), tmp_path / "golden-hour")
    monkeypatch.chdir(tmp_path)
    assert read_lut("golden-hour").size == 3
    sshbench.write_cube(Lut.identity(4), tmp_path / "golden-hour")
    assert read_lut("golden-hour").size == 4
    assert read_lut(Path("golden-hour")).size == 4


def test_each_is_shown_on_one_line() -> None:
    long = Lut(values=ROUGH.values, shaper_values=np.float32([[0] * 3, [1] * 3]), title="a\nlong " * 40)
    bank = LutBank.from_luts([long] * 40, size=5)
    for value in (ROUGH, long, Lut(shaper_values=long.shaper_values), bank, LutBank.of_looks()):
        assert len(repr(value)) < 120
        assert "\n" not in repr(value)
    assert repr(read_lut("golden-hour")) == "<Lut 'Golden hour' 3d, 17^3 points>"
    assert re.match(r"<LutBank of 40 LUTs, 5\^3 points: ", repr(bank))


def test_dir_lists_what_is_public() -> None:
    import sshbench.lut

    assert "apply_lut" in dir(sshbench.lut)
    for name in dir(sshbench.lut):
        assert getattr(sshbench.lut, name).__doc__, name
    with pytest.raises(AttributeError, match="nothing"):
        _ = sshbench.lut.nothing
