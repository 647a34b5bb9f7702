"""What `sshbench.harmonize` does with a method whose answer is known, and with methods that see composites."""

from __future__ import annotations

import io
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageCms

import sshbench
from sshbench import apply_lut
from sshbench.benchmarks.composite import Composite, paste
from sshbench.colour.difference import luminance
from sshbench.colour.srgb import decode
from sshbench.compositing.harmonize import PREFERRED, open_method
from sshbench.compositing.photo import CompositingError
from sshbench.compositing.placement import whole, widened
from sshbench.errors import SshbenchError
from sshbench.images.files import ImageFile, write_image
from sshbench.images.reading import read_image
from sshbench.methods import get_method
from tests.compositing.standin import Known, Painter, ellipse, look, pasted, photo

F, B, M = photo("coffee"), photo("rocket"), ellipse(200, 300)


def mapped(image: NDArray[Any]) -> NDArray[Any]:
    return apply_lut(image, look(), layout="HWC")


def wide(image: NDArray[np.uint8]) -> NDArray[np.uint16]:
    """The image in 16 bits, with something in the low ones."""
    noise = np.random.default_rng(0).integers(0, 257, image.shape)
    return np.minimum(image.astype(np.int64) * 256 + noise, 65535).astype(np.uint16)


# --- the foreground goes through the map and is pasted ----------------------------------------------------------------


def test_the_foreground_goes_through_the_map_and_is_pasted() -> None:
    result = sshbench.harmonize(F, B, M, method=Known())
    assert np.array_equal(result.pixels, pasted(mapped(F), B, M))
    assert result.method == "known"


def test_16_bits() -> None:
    result = sshbench.harmonize(wide(F), wide(B), ellipse(200, 300, 65535), method=Known())
    assert result.pixels.dtype == np.uint16
    expected = pasted(mapped(wide(F)), wide(B), ellipse(200, 300, 65535))
    assert np.abs(result.pixels.astype(int) - expected).max() <= 1


@pytest.mark.parametrize("bits", [8, 16])
def test_the_background_says_how_many_bits(bits: int) -> None:
    front, behind = (F, wide(B)) if bits == 16 else (wide(F), B)
    result = sshbench.harmonize(front, behind, M, method=Known()).pixels
    assert result.dtype == behind.dtype
    rounded = ImageFile(pixels=front).to_8_bit().pixels
    expected = pasted(mapped(rounded), B, M).astype(int)
    assert np.abs((result // 256 if bits == 16 else result) - expected).max() <= 1


def test_a_composite_is_harmonized_in_place() -> None:
    composite = paste(F, B, (M / 255).astype(np.float32))
    result = sshbench.harmonize(composite, mask=M, method=Known())
    assert np.array_equal(result.pixels, pasted(mapped(composite), composite, M))


def test_transparency_is_the_mask_and_joins_a_mask_that_is_given() -> None:
    cut_out = np.dstack([F, M])
    assert np.array_equal(sshbench.harmonize(cut_out, B, method=Known()).pixels, pasted(mapped(F), B, M))
    left = np.zeros((200, 300), np.uint8)
    left[:, :150] = 255
    both = np.where(left, M, 0).astype(np.uint8)
    assert np.array_equal(sshbench.harmonize(cut_out, B, left, method=Known()).pixels, pasted(mapped(F), B, both))


def test_masks_of_any_type() -> None:
    expected = pasted(mapped(F), B, M)
    for mask in (M.astype(np.uint16) * 257, M / 255, Image.fromarray(M), np.dstack([M] * 3)):
        assert np.abs(sshbench.harmonize(F, B, mask, method=Known()).pixels.astype(int) - expected).max() <= 1
    hard = M > 127
    assert np.array_equal(
        sshbench.harmonize(F, B, hard, method=Known()).pixels, np.where(hard[..., None], mapped(F), B)
    )


def test_nothing_that_is_given_is_changed() -> None:
    arrays = F.copy(), B.copy(), M.copy()
    sshbench.harmonize(*arrays, method=Known())
    for array, before in zip(arrays, (F, B, M), strict=True):
        assert np.array_equal(array, before)


def test_strength_goes_part_of_the_way() -> None:
    assert np.array_equal(sshbench.harmonize(F, B, M, method=Known(), strength=0).pixels, pasted(F, B, M))
    half = sshbench.harmonize(F, B, M, method=Known(), strength=0.5)
    expected = pasted(apply_lut(F, look(), strength=0.5, layout="HWC"), B, M)
    assert np.abs(half.pixels.astype(int) - expected).max() <= 1
    assert np.abs(half.lut().values - 0.5 * (look().values + sshbench.Lut.identity(17).values)).max() < 1e-6


def test_the_whole_strength_is_the_methods_own_map() -> None:
    known = Known()
    result = sshbench.harmonize(F, B, M, method=known, strength=1, lightness=1, colour=1)
    assert result.colour_map is not None
    assert result.colour_map.lut is known.lut
    assert np.array_equal(result.pixels, pasted(mapped(F), B, M))


def test_beyond_1_the_map_is_applied_again() -> None:
    twice = sshbench.harmonize(F, B, M, method=Known(), strength=2)
    expected = pasted(apply_lut(apply_lut(F / 255, look(), layout="HWC"), look(), layout="HWC") * 255, B, M)
    inside = M == 255
    assert np.abs(twice.pixels.astype(float) - expected)[inside].mean() < 0.5  # of a table of 17 points
    assert np.abs(twice.pixels.astype(int) - mapped(F))[inside].mean() > 3


def test_lightness_and_colour_go_their_own_ways() -> None:
    def light(**amount: float) -> NDArray[np.float64]:
        pixels = sshbench.harmonize(F, B, M, method=Known(look("moonlight")), **amount).pixels  # type: ignore[arg-type]
        return np.asarray(luminance(decode(pixels[M == 255] / 255)))

    nothing, whole = light(strength=0), light()
    assert np.abs(whole - nothing).mean() > 0.05
    assert np.abs(light(lightness=0) - nothing).mean() < 0.01
    assert np.abs(light(colour=0) - whole).mean() < 0.01
    both = sshbench.harmonize(F, B, M, method=Known(), lightness=0.5, colour=0.5).pixels
    assert np.array_equal(both, sshbench.harmonize(F, B, M, method=Known(), strength=0.5).pixels)
    halved = sshbench.harmonize(F, B, M, method=Known(), strength=0.5, lightness=2, colour=0).pixels
    assert np.array_equal(halved, sshbench.harmonize(F, B, M, method=Known(), lightness=1, colour=0).pixels)


@pytest.mark.parametrize("amount", [{"strength": 2}, {"lightness": 0}, {"lightness": 1.5, "colour": 0.3}])
def test_the_exported_lut_has_the_strength_in_it(amount: dict[str, float], tmp_path: Path) -> None:
    result = sshbench.harmonize(F, B, M, method=Known(), **amount)
    result.export_lut(tmp_path / "look.cube")
    other = apply_lut(F, sshbench.read_cube(tmp_path / "look.cube"), layout="HWC")
    assert np.abs(other.astype(int) - result.pixels)[M == 255].max() <= 1
    assert np.abs(other.astype(int) - mapped(F))[M == 255].max() > 3


def test_the_title_of_the_lut_names_the_method_once() -> None:
    assert sshbench.harmonize(F, B, M).lut().title == "ssh-lut, sRGB"
    assert sshbench.harmonize(F, B, M, method=Known()).lut().title == "known lut, sRGB"


def test_a_picture_has_lightness_and_colour_too() -> None:
    whole, plain, grey = (
        sshbench.harmonize(F, B, M, method=Painter(), map="none", **amount).pixels[M == 255].astype(float)
        for amount in ({}, {"strength": 0}, {"colour": 0})
    )
    assert np.array_equal(plain, F[M == 255])
    assert np.abs(luminance(decode(grey / 255)) - luminance(decode(whole / 255))).mean() < 0.02
    assert np.abs(grey - whole).mean() > 20  # the red is gone


def test_a_transparent_background_becomes_as_opaque_as_the_foreground_on_it() -> None:
    alpha = np.zeros((200, 300), np.uint8)
    alpha[:, 150:] = 128
    result = sshbench.harmonize(F, np.dstack([B, alpha]), M, method=Known())
    assert result.alpha is not None
    over = M / 255 + (1 - M / 255) * (alpha / 255)
    assert np.abs(result.alpha - 255 * over).max() <= 0.5
    clear = (alpha == 0) & (M > 0)
    assert np.array_equal(result.pixels[clear], mapped(F)[clear])


# --- placement --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("at", [(0, 0), (40, 25), (-60, -35), (200, 120), (-75, 90)])
def test_the_foreground_may_stick_out(at: tuple[int, int]) -> None:
    behind = photo("rocket", (320, 240))
    result = sshbench.harmonize(F, behind, M, method=Known(), at=at)
    canvas, mask, new = behind.copy(), np.zeros((240, 320), np.uint8), mapped(F)
    for y in range(max(0, at[1]), min(240, at[1] + 200)):
        for x in range(max(0, at[0]), min(320, at[0] + 300)):
            canvas[y, x], mask[y, x] = new[y - at[1], x - at[0]], M[y - at[1], x - at[0]]
    assert np.array_equal(result.pixels, pasted(canvas, behind, mask))


@pytest.mark.parametrize("scale", [0.5, 0.37, 2.0])
def test_a_scaled_foreground_is_where_it_should_be(scale: float) -> None:
    behind = photo("rocket", (320, 240))
    at = (20, -15)
    result = sshbench.harmonize(F, behind, M, method=Known(), at=at, scale=scale)
    size = round(300 * scale), round(200 * scale)

    def resized(plane: NDArray[Any]) -> NDArray[Any]:  # as floats, for Pillow rounds bytes after each axis
        return np.asarray(Image.fromarray(plane.astype(np.float32)).resize(size, Image.Resampling.BICUBIC))

    def rounded(values: NDArray[Any]) -> NDArray[np.uint8]:
        return np.rint(np.clip(values, 0, 255)).astype(np.uint8)

    part = M / 255  # the mask weights the pixels
    shown = np.maximum(resized(part), 1e-6)
    front = rounded(np.stack([resized(F[..., channel] * part) / shown for channel in range(3)], axis=2))
    soft = rounded(resized(M))
    canvas, mask = behind.copy(), np.zeros((240, 320), np.uint8)
    high, broad = min(240, at[1] + size[1]), min(320, at[0] + size[0])
    canvas[:high, at[0] : broad] = mapped(front)[-at[1] :][:high, : broad - at[0]]
    mask[:high, at[0] : broad] = soft[-at[1] :][:high, : broad - at[0]]
    assert np.abs(result.pixels.astype(int) - pasted(canvas, behind, mask)).max() <= 1


def test_colours_behind_transparency_do_not_bleed_into_a_scaled_foreground() -> None:
    """White cut out of black: at half its size the edge is white still, only thinner."""
    white = np.where(M[..., None] > 0, 255, 0).astype(np.uint8).repeat(3, axis=2)
    dark = np.zeros((100, 150, 3), np.uint8)
    result = sshbench.harmonize(
        np.dstack([white, M]),
        np.dstack([dark, dark[..., 0]]),
        method=Known(sshbench.Lut.identity()),
        at=(0, 0),
        scale=0.5,
    )
    assert result.alpha is not None
    assert (result.pixels[result.alpha > 8] >= 254).all()


# --- what the method is shown -----------------------------------------------------------------------------------------


def test_the_method_sees_the_foreground_and_what_surrounds_its_place() -> None:
    method = Known()
    behind = photo("rocket", (1200, 800))
    result = sshbench.harmonize(F, behind, M, method=method, at=(600, 300))
    landing, around = result.landing, result.reference
    assert (landing.left, landing.top) == pytest.approx((673, 348), abs=4)
    assert around.width == pytest.approx(1.5 * landing.width, abs=1)
    assert around.left + around.right == pytest.approx(landing.left + landing.right, abs=1)
    (view,) = method.seen
    assert np.array_equal(view.reference, behind[around.slices])
    assert view.mask is not None
    assert view.mask.shape == view.foreground.shape[:2]
    assert view.mask.max() == 1
    assert view.foreground.shape[1] == pytest.approx(1.2 * landing.width, abs=2)


def test_the_whole_background_or_any_part_may_be_the_reference() -> None:
    method = Known()
    sshbench.harmonize(F, B, M, method=method, reference="full")
    sshbench.harmonize(F, B, M, method=method, reference=(10, 20, 30, 40))
    sshbench.harmonize(F, B, M, method=method, reference="10,20,30,40")
    assert np.array_equal(method.seen[0].reference, B)
    assert np.array_equal(method.seen[1].reference, B[20:60, 10:40])
    assert np.array_equal(method.seen[2].reference, B[20:60, 10:40])


def test_auto_stays_on_the_background_at_its_edge() -> None:
    result = sshbench.harmonize(F, B, M, method=Known(), at=(-100, -80))
    around = result.reference
    assert (around.left, around.top) == (0, 0)
    assert around.right > result.landing.right


def test_of_a_composite_its_parts_are_shown_as_they_are() -> None:
    method = Known()
    result = sshbench.harmonize(F, mask=M, method=method)
    (view,) = method.seen
    assert np.array_equal(view.reference, F[result.reference.slices])
    place = widened(result.landing, 0.1, whole(F))
    inside = M[place.slices] > 128
    assert np.array_equal(view.foreground[inside], F[place.slices][inside])
    assert view.mask is not None
    assert np.abs(view.mask - M[place.slices] / 255).max() < 1e-6


def test_hidden_colours_of_a_cut_out_are_not_shown() -> None:
    """Yellow with white behind what is transparent, on black: all that the method sees of it is yellow."""
    yellow = np.full((200, 300, 4), 255, np.uint8)
    yellow[..., 3] = M
    yellow[M > 0, :3] = 230, 200, 40
    method = Known()
    sshbench.harmonize(yellow, np.zeros_like(B), method=method)
    assert np.abs(method.seen[0].foreground.astype(int) - [230, 200, 40]).max() <= 1


def test_the_kind_of_map_is_asked_for() -> None:
    method = Known()
    sshbench.harmonize(F, B, M, method=method, map="polynomial")
    assert method.kinds == ["polynomial"]


# --- methods that see composites --------------------------------------------------------------------------------------


def test_a_method_that_changes_nothing_changes_nothing() -> None:
    result = sshbench.harmonize(F, B, M, method="dc")
    assert np.abs(result.pixels.astype(int) - pasted(F, B, M)).max() <= 1


@pytest.mark.parametrize("name", ["reinhard", "xiao", "monge-kantorovich"])
def test_a_transfer_of_statistics_is_found_again_by_the_map(name: str) -> None:
    front, behind, mask = photo("coffee", (900, 600)), photo("chelsea", (900, 600)), ellipse(600, 900)
    result = sshbench.harmonize(front, behind, mask, method=name, reference="full")
    soft = (mask / 255).astype(np.float32)
    composite = Composite("x", paste(front, behind, soft), front, behind, soft)
    (direct,) = get_method(name).harmonize([composite])
    error = np.abs(result.pixels.astype(int) - direct)[mask == 255]
    assert error.mean() < 3
    assert np.array_equal(result.pixels[mask == 0], behind[mask == 0])


class Small:
    """A network's way: floats at 256 x 256, whatever it is given; half as bright."""

    name = "small"
    needs_background = needs_mask = sees_target = False
    input_size = 256
    weights_hash = None

    def harmonize(self, batch: Any) -> list[NDArray[np.float32]]:
        return [np.asarray(Image.fromarray(one.composite).resize((256, 256)), np.float32) / 510 for one in batch]


def test_the_map_is_fitted_where_the_mask_is_98_percent_or_more() -> None:
    """The lower mask has 250 of 255 parts at the left and 249 at the right, where the method's red is ignored."""
    mask = np.zeros((200, 300), np.uint8)
    mask[40:160, 60:150], mask[40:160, 150:240] = 250, 249

    class Halves(Small):
        def harmonize(self, batch: Any) -> list[NDArray[np.float32]]:
            pictures = super().harmonize(batch)
            for picture, one in zip(pictures, batch, strict=True):
                soft = np.asarray(Image.fromarray(one.mask).resize((256, 256)))
                picture[soft < 249.5 / 255] = 1, 0, 0
            return pictures

    found, wanted = (sshbench.harmonize(F, B, mask, method=method()) for method in (Halves, Small))
    assert found.colour_map is not None
    left = np.s_[50:150, 70:140]
    assert np.abs(found.pixels[left].astype(int) - wanted.pixels[left]).mean() < 1


def test_a_network_that_returns_its_own_size() -> None:
    result = sshbench.harmonize(F, B, M, method=Small())
    inside = M == 255
    assert np.abs(result.pixels[inside] - F[inside] / 2).mean() < 2
    assert np.array_equal(result.pixels[M == 0], B[M == 0])


def test_its_own_picture_enlarged() -> None:
    result = sshbench.harmonize(F, B, M, method=Small(), map="none")
    assert result.colour_map is None
    inside = M == 255
    assert np.abs(result.pixels[inside] - F[inside] / 2).mean() < 6
    assert np.array_equal(result.pixels[M == 0], B[M == 0])


def test_a_picture_of_the_foreground_lies_where_the_foreground_does() -> None:
    """A ramp over the foreground's surroundings, enlarged without a seam between groups of rows."""
    method = Painter()
    front, mask, behind = photo("coffee", (1800, 1200)), ellipse(1200, 1800), photo("rocket", (1900, 1300))
    result = sshbench.harmonize(front, behind, mask, method=method, map="none", at=(50, 60))
    landing = result.landing
    columns = np.arange(landing.left, landing.right)
    margin = round(0.1 * landing.width)
    ramp = 255 * (columns - landing.left + margin + 0.5) / (landing.width + 2 * margin)
    middle = result.pixels[660, landing.left + 60 : landing.right - 60, 0]
    assert np.abs(middle - ramp[60:-60]).max() <= 1
    assert np.ptp(result.pixels[400:900, 950, 0]) <= 1


# --- files ------------------------------------------------------------------------------------------------------------


@cache  # it holds the time at which it was made
def icc() -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def exif(orientation: int) -> bytes:
    tags = Image.Exif()
    tags[0x0112] = orientation
    tags[0x010F] = "Maker"
    return tags.tobytes().removeprefix(b"Exif\0\0")


def test_metadata_of_the_background_is_kept(tmp_path: Path) -> None:
    write_image(tmp_path / "b.png", ImageFile(pixels=wide(B), icc=icc(), exif=exif(1), dpi=(300.0, 300.0)))
    write_image(tmp_path / "f.png", ImageFile(pixels=F, icc=icc()))
    write_image(tmp_path / "m.png", ImageFile(pixels=np.dstack([M] * 3)))
    result = sshbench.harmonize(tmp_path / "f.png", str(tmp_path / "b.png"), tmp_path / "m.png", method=Known())
    result.save(tmp_path / "out.png")
    out = read_image(tmp_path / "out.png")
    assert (out.bits, out.icc, out.exif) == (16, icc(), exif(1))
    assert out.dpi == pytest.approx((300, 300), abs=0.01)
    assert np.array_equal(out.pixels, result.pixels)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_photographs_that_lie_on_their_side(tmp_path: Path, orientation: int) -> None:
    """Both as they are seen; the result is stored as the background was, and is seen the same way up."""

    def laid(image: NDArray[Any], path: Path) -> None:
        """Store an image so that viewers show it upright."""
        undo = {1: None, 2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180,
                4: Image.Transpose.FLIP_TOP_BOTTOM, 5: Image.Transpose.TRANSPOSE, 6: Image.Transpose.ROTATE_90,
                7: Image.Transpose.TRANSVERSE, 8: Image.Transpose.ROTATE_270}[orientation]  # fmt: skip
        picture = Image.fromarray(image)
        turned = np.asarray(picture if undo is None else picture.transpose(undo))
        write_image(path, ImageFile(pixels=turned, exif=exif(orientation)))

    laid(B, tmp_path / "b.png")
    laid(F, tmp_path / "f.png")
    result = sshbench.harmonize(tmp_path / "f.png", tmp_path / "b.png", M, method=Known())
    assert np.array_equal(result.pixels, pasted(mapped(F), B, M))
    result.save(tmp_path / "out.png")
    assert read_image(tmp_path / "out.png").exif == exif(orientation)
    with Image.open(tmp_path / "out.png") as seen:
        from PIL import ImageOps

        assert np.array_equal(np.asarray(ImageOps.exif_transpose(seen)), result.pixels)
    if orientation > 4:  # a mask made of the stored pixels lies on its side too
        with Image.open(tmp_path / "f.png") as stored:
            sideways = np.asarray(Image.fromarray(M).transpose(
                {5: Image.Transpose.TRANSPOSE, 6: Image.Transpose.ROTATE_90, 7: Image.Transpose.TRANSVERSE,
                 8: Image.Transpose.ROTATE_270}[orientation]))  # fmt: skip
            assert stored.size == sideways.shape[::-1]
        again = sshbench.harmonize(tmp_path / "f.png", tmp_path / "b.png", sideways, method=Known())
        assert np.array_equal(again.pixels, result.pixels)


def test_a_foreground_of_another_colour_space_comes_into_the_background_s(tmp_path: Path) -> None:
    srgb = icc()
    other = narrower(srgb)
    write_image(tmp_path / "f.png", ImageFile(pixels=F, icc=other))
    write_image(tmp_path / "b.png", ImageFile(pixels=B, icc=srgb))
    result = sshbench.harmonize(tmp_path / "f.png", tmp_path / "b.png", M, method=Known(sshbench.Lut.identity()))
    profiles = [ImageCms.ImageCmsProfile(io.BytesIO(one)) for one in (other, srgb)]
    front = ImageCms.profileToProfile(
        Image.fromarray(F), *profiles, renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC
    )
    assert np.abs(result.pixels.astype(int) - pasted(np.asarray(front), B, M)).max() <= 2
    assert np.abs(np.asarray(front).astype(int) - F).mean() > 5


def narrower(profile: bytes) -> bytes:
    """The profile with its red and green primaries nearer to each other."""
    data = bytearray(profile)
    count = int.from_bytes(data[128:132], "big")
    places = {}
    for i in range(count):
        entry = 132 + 12 * i
        places[bytes(data[entry : entry + 4])] = int.from_bytes(data[entry + 4 : entry + 8], "big")
    red, green = (np.frombuffer(bytes(data[places[t] + 8 : places[t] + 20]), ">i4") for t in (b"rXYZ", b"gXYZ"))
    moved = (0.85 * red + 0.15 * green).astype(">i4"), (0.15 * red + 0.85 * green).astype(">i4")
    for tag, values in zip((b"rXYZ", b"gXYZ"), moved, strict=True):
        data[places[tag] + 8 : places[tag] + 20] = values.tobytes()
    return bytes(data)


# --- the default, and errors ------------------------------------------------------------------------------------------


def test_by_default_the_first_method_of_ours_that_is_there() -> None:
    assert open_method().name.split("+")[0] in PREFERRED
    assert PREFERRED[:2] == ("ssh-lut", "ssh")


BAD: dict[str, tuple[dict[str, Any], str]] = {
    "mask of another size": ({"mask": M[:100]}, "the mask: is 300 x 100 and the foreground 300 x 200"),
    "empty mask": ({"mask": M * 0}, "is empty; paint the foreground white"),
    "no mask": ({"mask": None}, "the foreground has no transparency"),
    "composite without mask": ({"background": None, "mask": None}, "a composite needs a mask"),
    "composite placed": ({"background": None, "at": (0, 0)}, "a composite already contains its foreground"),
    "two sizes": ({"background": photo("rocket", (320, 240))}, "give the position with --at x,y"),
    "outside": ({"at": (4000, 0)}, "lands outside the background of 300 x 200"),
    "scale": ({"at": (0, 0), "scale": 0.0}, "the scale must be a number above 0, not 0"),
    "tiny scale": ({"at": (0, 0), "scale": 0.001}, "leaves no pixel of a foreground"),
    "no such method": ({"method": "reinhart"}, "no method 'reinhart'; did you mean 'reinhard'"),
    "ceiling": ({"method": "ceiling-lut"}, "needs the ground truth"),
    "no such map": ({"map": "linear"}, "unknown map 'linear'; choose lut, polynomial or none"),
    "strength": ({"strength": 2.5}, "the strength is 0 to 2, not 2.5"),
    "lightness": ({"lightness": -1}, "the lightness is 0 to 2, not -1"),
    "beyond a picture": ({"map": "none", "strength": 0.8, "colour": 1.5}, "cannot be extrapolated"),
    "reference": ({"reference": "here"}, "'here' is not auto, full or x,y,w,h"),
    "reference outside": ({"reference": "200,100,150,10"}, "reaches outside the background of 300 x 200"),
    "no picture": ({"map": "none"}, "known predicts a colour map and no picture"),
    "no file": ({"foreground": "/nowhere/f.png"}, "/nowhere/f.png"),
    "array": ({"foreground": F.astype(np.float32)}, "uint8 or uint16, not float32"),
    "weights": ({"method": "dc", "weights": "x.safetensors"}, "dc takes no weights"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_does_not_go_together(case: str) -> None:
    change, said = BAD[case]
    with pytest.raises(SshbenchError) as caught:
        sshbench.harmonize(**{"foreground": F, "background": B, "mask": M, "method": Known(), **change})
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_picture_has_no_lut() -> None:
    with pytest.raises(CompositingError, match="there is no LUT"):
        sshbench.harmonize(F, B, M, method=Painter(), map="none").lut()


@pytest.mark.parametrize(
    ("mask", "said"),
    [
        (M.astype(np.float32), "the mask: holds floats from 0 to 255, not 0 to 1; divide it by 255"),
        (np.where(M > 9, np.nan, 0.0), "NaN or infinity"),
        (M // 255 * 20, "looks like a label mask, as its largest value is 20 of 255"),
        (Image.fromarray(M // 255 * 20), "looks like a label mask"),
    ],
    ids=["floats of 255", "not a number", "labels", "labels of Pillow"],
)
def test_masks_that_mean_something_else_are_refused(mask: Any, said: str) -> None:
    with pytest.raises(SshbenchError, match=said):
        sshbench.harmonize(F, B, mask, method=Known())


def test_photographs_of_pillow_keep_16_bits() -> None:
    grey = Image.fromarray(B[..., 0].astype(np.uint16) * 200)
    result = sshbench.harmonize(grey, mask=M, method=Known(), strength=0)
    assert result.pixels.dtype == np.uint16
    assert np.array_equal(result.pixels[..., 0][M == 0], np.asarray(grey)[M == 0])
