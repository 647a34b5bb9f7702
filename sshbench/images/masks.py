"""Reading a mask from any kind of source: one rule for each kind, or a refusal that names the kind.

White, the top of the type, is foreground. The rules, which docs/images.md lists:

- Grey of 8 or 16 bits is read unchanged. If all values are 0 and 1, 1 means white.
- If alpha is below 0.5 somewhere, alpha is the mask; if the colours are black and white, the product of alpha and grey.
- In a palette or colours of black and one other colour, that colour is foreground.
- Floats are 0..1.
- Refused are several labels or colours; label maps, which are grey images that never reach half of white, or have few
  values and none near white, or only numbers up to 40 beside white; floats outside 0..1; and integers of other types
  outside 0..255.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sshbench.images.exif import orientation, turned_upright
from sshbench.images.files import ImageFile, to_8_bit
from sshbench.images.opening import MAX_PIXELS, ImageFileError, opened
from sshbench.images.reading import (
    Source,
    check_depth,
    check_filled,
    check_single,
    decoded,
    encoded_of,
    image_of_array,
    open_image,
    sixteen_bit_samples,
)

MaskArray: TypeAlias = NDArray[Any]
"""`[H, W]` of uint8 or uint16 over their range, or of float32 over 0..1."""

_WAY_OUT = "make the foreground white (255) and the rest black (0)"
_GREY = 32  # largest difference, in codes of 255, between the channels of a grey JPEG
_DARK = 16
_BEYOND = 0.25  # how far filters may exceed the range 0..1 of floats; such values are clipped
_FAINT = 1 / 128  # below this largest value, the floats of a mask were divided by 255 twice
_FEW = 32  # largest number of values in a label map; a soft mask has more
_NEAR_WHITE = 0.9
_LABELS = 40  # largest label of VOC and Cityscapes, in which white marks unlabelled pixels
_SINGLE = ("1", "L", "P", "I", "F", "I;16", "I;16B", "I;16L", "I;16N")


@dataclass(frozen=True)
class Beside:
    """The photograph that a mask belongs to.

    Parameters
    ----------
    height, width
        The height and the width of the upright photograph, in pixels.
    orientation
        The EXIF orientation of the stored pixels, 1 to 8.
    name
        The name of the photograph in messages.
    scaled
        Whether a mask may be smaller or larger than the photograph, with the same aspect ratio.
    """

    height: int
    width: int
    orientation: int = 1
    name: str = "its photograph"
    scaled: bool = False


def read_mask(source: Source, name: str, beside: Beside | None = None, *, max_pixels: int = MAX_PIXELS) -> MaskArray:
    """Read a mask as `[H, W]`, upright.

    Parameters
    ----------
    source
        A file, the bytes of a file, a Pillow image, or an array: `[H, W]` of booleans, integers or floats, or
        `[H, W, 3 or 4]` of uint8 or uint16.
    name
        The name of the mask in messages if it is not a file.
    beside
        The photograph of the mask. A mask that has no orientation and the size of the stored photograph is turned
        upright with the photograph.

    Returns
    -------
    uint8 or uint16 over their range, or float32 over 0..1.

    Raises
    ------
    ImageFileError
        The mask cannot be read, is of a refused kind, or has another size than the photograph.
    """
    turn = 1
    if isinstance(source, np.ndarray):
        check_filled(source, name)
        if source.ndim == 3 and source.shape[2] == 1:
            source = source[..., 0]
        mask = _of_values(source, name) if source.ndim == 2 else _of_image(image_of_array(source, name), name)
    elif isinstance(source, Image.Image):
        mask, turn = _of_pillow(source, name)
    else:
        encoded = encoded_of(source, name)
        name = encoded.name
        with opened(encoded, max_pixels) as image:
            check_single(image, name)
            single = _of_single_channel(image, name)
            if single is not None:
                mask, turn = single
            else:
                held = decoded(encoded, image)
                mask, turn = _of_image(held, name), held.orientation
    mask = np.ascontiguousarray(turned_upright(mask, turn))
    return mask if beside is None else _fitted(mask, name, beside, turned=turn != 1)


def as_8_bit(mask: MaskArray) -> NDArray[np.uint8]:
    """Return the mask as uint8 over 0..255, rounded to the nearest."""
    return np.rint(mask * np.float32(255)).astype(np.uint8) if mask.dtype == np.float32 else to_8_bit(mask)


def as_share(mask: MaskArray) -> NDArray[np.float32]:
    """Return the mask as float32 of the same shape over 0..1."""
    if mask.dtype == np.float32:
        return mask
    return np.asarray(mask, np.float32) / np.float32(np.iinfo(mask.dtype).max)


def _fitted(mask: MaskArray, name: str, beside: Beside, *, turned: bool) -> MaskArray:
    height, width = beside.height, beside.width
    fits = _same_shape(mask.shape, (height, width), beside.scaled)
    if not fits and beside.orientation > 4 and not turned and _same_shape(mask.shape, (width, height), beside.scaled):
        return np.ascontiguousarray(turned_upright(mask, beside.orientation))
    if not fits:
        wanted, way = ("the shape", "crop") if beside.scaled else ("the size", "scale")
        raise ImageFileError(
            name,
            f"is {mask.shape[1]} x {mask.shape[0]} and {beside.name} {width} x {height}; a mask has {wanted} of its "
            f"photograph, so {way} the mask",
        )
    return mask


def _same_shape(one: tuple[int, ...], other: tuple[int, int], scaled: bool) -> bool:
    """Return whether two sizes are equal or, if `scaled`, differ only by a factor and rounding."""
    if not scaled:
        return one == other
    return abs(one[0] * other[1] - one[1] * other[0]) <= max(sum(one), sum(other))


def _of_pillow(image: Image.Image, name: str) -> tuple[MaskArray, int]:
    try:
        single = _of_single_channel(image, name)
    except (ImageFileError, MemoryError):
        raise
    except Exception as error:  # Pillow decodes only now
        raise ImageFileError(name, f"cannot be decoded ({' '.join(str(error).split())})") from error
    if single is not None:
        return single
    held = open_image(image, name)
    return _of_image(held, name), held.orientation


def _of_single_channel(image: Any, name: str) -> tuple[MaskArray, int] | None:
    """Return the mask and the orientation of an image of labels or one channel; None for other images."""
    if image.has_transparency_data or image.mode not in _SINGLE:
        return None
    if image.mode == "P":
        return _of_palette(image, name), orientation(image)
    values = sixteen_bit_samples(image, name, None)
    if values is None:
        values = np.asarray(image.convert("L") if image.mode == "1" else image)
    return _of_values(values, name), orientation(image)


def _of_palette(image: Any, name: str) -> MaskArray:
    labels = np.asarray(image)
    used = np.flatnonzero(np.bincount(labels.ravel(), minlength=256))
    table = np.zeros((256, 3), np.uint8)
    given = np.array(image.getpalette("RGB") or np.repeat(np.arange(256), 3), np.uint8).reshape(-1, 3)
    table[: len(given)] = given[:256]
    colours = table[used].astype(int)
    dark = colours.max(axis=1) <= _DARK
    if len(used) - dark.sum() <= 1 and dark.sum() <= 1:
        inside = used[~dark]
        return np.isin(labels, inside).astype(np.uint8) * np.uint8(255)
    if (colours.max(axis=1) - colours.min(axis=1) <= _GREY).all():
        return _of_values(table[labels][..., 0], name)
    said = ", ".join(str(label) for label in used[:6]) + (" and more" if len(used) > 6 else "")
    raise ImageFileError(name, f"is a palette mask of {len(used)} labels ({said}), not of one object; {_WAY_OUT}")


def _of_image(image: ImageFile, name: str) -> MaskArray:
    """Return the mask that an image of three channels, and perhaps alpha, represents."""
    top = np.iinfo(image.pixels.dtype).max
    alpha = image.alpha
    if alpha is not None and 2 * int(alpha.min()) < top:
        seen = image.pixels[alpha > 0]
        grey = seen[:, 0]
        is_grey = bool(seen.size) and _spread(seen, top) <= _GREY
        black, white = (grey <= top // 32), (grey >= top - top // 32)
        if is_grey and black.any() and white.any() and (black | white).mean() >= _NEAR_WHITE:
            return _times(image.pixels[..., 0], alpha)
        return alpha
    if _spread(image.pixels.reshape(-1, 3), top) > _GREY:
        return _of_colours(to_8_bit(image.pixels), name)
    return _of_values(image.pixels[..., 0], name)


def _spread(colours: NDArray[Any], top: int) -> int:
    """Return the largest difference between the channels of a pixel, in codes of 255."""
    largest = 0
    for start in range(0, len(colours), 1 << 20):
        red, green, blue = colours[start : start + (1 << 20)].T
        most, least = np.maximum(np.maximum(red, green), blue), np.minimum(np.minimum(red, green), blue)
        largest = max(largest, int((most - least).max()))
    return largest * 255 // top


def _of_colours(pixels: NDArray[np.uint8], name: str) -> MaskArray:
    codes = pixels[..., 0].astype(np.uint32) << 16 | pixels[..., 1].astype(np.uint32) << 8 | pixels[..., 2]
    found = np.unique(codes)
    if len(found) == 2 and found[0] == 0:
        return (codes > 0).astype(np.uint8) * np.uint8(255)
    kind = f"shows {len(found)} colours: a picture, or a mask of several labels" if len(found) > 2 else "is one colour"
    raise ImageFileError(name, f"{kind}; {_WAY_OUT}")


def _times(mask: MaskArray, alpha: NDArray[Any]) -> MaskArray:
    out = np.empty_like(alpha)
    top = np.uint64(np.iinfo(alpha.dtype).max)
    for start in range(0, len(mask), 256):
        rows = slice(start, start + 256)
        out[rows] = (mask[rows].astype(np.uint64) * alpha[rows] + top // np.uint64(2)) // top
    return out


def _of_values(values: NDArray[Any], name: str) -> MaskArray:
    """Return the mask that an array of numbers `[H, W]` represents."""
    if not values.size:
        raise ImageFileError(name, f"is empty: {list(values.shape)}")
    values = values.astype(values.dtype.newbyteorder("="), copy=False)
    if values.dtype.kind == "b":
        return values.astype(np.uint8) * np.uint8(255)
    if values.dtype.kind == "f":
        return _of_floats(values, name)
    if values.dtype.kind not in "iu":
        raise ImageFileError(name, f"holds {values.dtype}; a mask is of booleans, uint8, uint16 or floats over 0..1")
    low, peak = int(values.min()), int(values.max())
    if values.dtype not in (np.uint8, np.uint16):
        if low < 0 or peak > 255:
            raise ImageFileError(name, f"holds {values.dtype} from {low} to {peak}; give it as uint8, 0 to 255")
        values = values.astype(np.uint8)
    top = np.iinfo(values.dtype).max
    if peak == 1:
        return np.asarray(values * values.dtype.type(top))
    check_depth(values, name)
    if 0 < peak < _NEAR_WHITE * top:
        count = np.count_nonzero(np.bincount(values.ravel()))
        if 2 * peak < top or count <= _FEW:
            kind = "a label mask" if count <= _FEW else "a faint mask"
            raise ImageFileError(name, f"looks like {kind}, as its largest value is {peak} of {top}; {_WAY_OUT}")
    if peak == top and 0 < int(np.max(values, initial=0, where=values < top)) <= _LABELS:
        between = [label for label in range(1, _LABELS + 1) if (values == label).any()]
        said = ", ".join(map(str, between[:6])) + (" and more" if len(between) > 6 else "")
        raise ImageFileError(name, f"looks like a label mask, as its values are {said} and white ({top}); {_WAY_OUT}")
    return values


def _of_floats(values: NDArray[Any], name: str) -> MaskArray:
    low, high = float(values.min()), float(values.max())  # both are NaN if any value is
    if not (np.isfinite(low) and np.isfinite(high)):
        raise ImageFileError(name, "holds NaN or infinity; floats of a mask are 0 to 1")
    if low < -_BEYOND or high > 1 + _BEYOND:
        way_out = "divide it by 255" if low >= 0 and 2 < high <= 255 else _WAY_OUT
        raise ImageFileError(name, f"holds floats from {low:g} to {high:g}, not 0 to 1; {way_out}")
    if 0 < high < _FAINT:
        raise ImageFileError(name, f"holds floats up to {high:g} alone, where 1 is white; was it divided by 255 twice?")
    return np.asarray(np.clip(values, 0, 1), np.float32)
