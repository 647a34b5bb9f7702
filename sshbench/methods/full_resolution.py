"""Bring a network's small result to the photograph's size by a colour map from the network's input to its output.

Jiang et al. 2021, section 4.1: the network works at 256 x 256. A colour map is fitted from its input to its output, and
is applied to the foreground at full size.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, Protocol, get_args, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from sshbench.benchmarks.composite import Composite
from sshbench.colour.polynomial import PolynomialMap, fit_polynomial
from sshbench.colour.srgb import decode, encode
from sshbench.colour.strength import WHOLE, Amount, followed
from sshbench.lut.apply import apply_lut
from sshbench.lut.fit_smooth import fit_smooth_lut
from sshbench.lut.measure import is_monotone
from sshbench.lut.resampling import resized
from sshbench.lut.table import Lut, identity_table, rising
from sshbench.methods.base import MethodError

if TYPE_CHECKING:
    from sshbench.colour.grade import Grade

Floats = NDArray[np.float64]
MapKind = Literal["lut", "polynomial"]
MAP_KINDS: tuple[MapKind, ...] = get_args(MapKind)

_SIDE = {"lut": 128, "polynomial": 64}  # both images are reduced to about this side before the fit
_SIZE = {"lut": 33, "polynomial": 65}  # points per axis; a polynomial in linear light bends most near black


@dataclass(frozen=True, eq=False)
class View:
    """The images of a composite that a method sees.

    Parameters
    ----------
    foreground
        uint8 `[h, w, 3]`, sRGB: the foreground's surroundings in the photograph that it comes from.
    reference
        uint8 `[h', w', 3]`, sRGB: the part of the background whose appearance the foreground should take.
    mask
        float32 `[h, w]`, 0..1: the share of foreground in each pixel; None if all is foreground.
    reference_mask
        float32 `[h', w']`, 0..1: the share of background in each pixel of the reference; None if all is background.
    placed, placed_mask
        uint8 `[h", w", 3]` and float32 `[h", w"]`: the foreground in its place on the background with its surroundings,
        and the share of foreground in each pixel; None if the foreground has no place.
    """

    foreground: NDArray[np.uint8]
    reference: NDArray[np.uint8]
    mask: NDArray[np.float32] | None = None
    reference_mask: NDArray[np.float32] | None = None
    placed: NDArray[np.uint8] | None = None
    placed_mask: NDArray[np.float32] | None = None


@dataclass(frozen=True, eq=False)
class ColourMap:
    """A map of sRGB colours, which can be applied at any size and written as a `.cube` file.

    Parameters
    ----------
    kind
        The method that found the map, such as `"lut"` or `"polynomial"`.
    lut
        The map, over 0..1.
    """

    kind: str
    lut: Lut

    def __call__(self, image: NDArray[Any]) -> NDArray[Any]:
        """Map `[H, W, 3]`: uint8 and uint16 over their range, floats over 0..1; the result has the same type."""
        mapped: NDArray[Any] = apply_lut(image, self.lut, layout="HWC")
        return mapped

    def followed(self, amount: Amount) -> ColourMap:
        """Return this map, applied to the extent of `amount`.

        An amount of 0 changes nothing, 1 returns this map, and an amount above 1 extrapolates. If no channel of this
        map falls as its own input rises, the same holds for the result.
        """
        if amount.is_whole:
            return self
        assert self.lut.values is not None
        grid = identity_table(self.lut.size)
        if amount.lightness == amount.colour < 1:
            values = (1 - amount.colour) * grid + amount.colour * self.lut.values
        else:
            follow = followed(lambda colours: self(colours.astype(np.float32)).astype(np.float64), amount)
            values = np.asarray(follow(grid.astype(np.float64)), np.float32)
            if is_monotone(self.lut):
                values = rising(values)
        return replace(self, lut=replace(self.lut, values=values))

    def finished(self, amount: Amount = WHOLE, grade: Grade | None = None) -> ColourMap:
        """Return this map, applied to the extent of `amount` and then graded.

        The function is pure and takes about ten milliseconds at 33 points per axis, so a page can call it for each move
        of a slider. With the whole amount and no grade, the result is this object. If no channel of this map falls as
        its own input rises, the same holds for the result.
        """
        followed = self.followed(amount)
        if grade is None or grade.is_plain:
            return followed
        from sshbench.colour.grade import graded

        assert followed.lut.values is not None
        values = np.asarray(graded(followed.lut.values, grade), np.float32)
        if is_monotone(followed.lut):
            values = rising(values)
        return replace(followed, lut=replace(followed.lut, values=values))

    def to_lut(self, size: int | None = None) -> Lut:
        """Return the map as a LUT of `size` points on each axis; by default, the LUT that `__call__` applies."""
        return self.lut if size is None else resized(self.lut, size)


@runtime_checkable
class PredictsMap(Protocol):
    """A method that predicts a map of the foreground's colours, and so works at any size."""

    def colour_maps(self, views: Sequence[View], kind: MapKind) -> list[ColourMap]:
        """Return a map for each view, of the given kind if the method offers several kinds."""
        ...


@runtime_checkable
class MapsComposites(Protocol):
    """A method that sees a composite, and whose result is a map of all of its colours."""

    def composite_maps(self, batch: Sequence[Composite]) -> list[ColourMap]:
        """Return a map for each composite, which can be applied to its foreground at any size."""
        ...


@runtime_checkable
class PredictsPicture(Protocol):
    """A method whose network makes a picture of the foreground at its own size."""

    def pictures(self, views: Sequence[View]) -> list[NDArray[np.float32]]:
        """Return a picture of the whole foreground of each view, float32 `[h, w, 3]`, 0..1, sRGB."""
        ...


def fit_map(
    kind: str, source: NDArray[Any], target: NDArray[Any], *, mask: NDArray[np.float32] | None = None
) -> ColourMap:
    """Fit the colour map from a network's input to its output.

    Parameters
    ----------
    kind
        `"lut"`, the smooth LUT of `sshbench.lut.fit_smooth`, or `"polynomial"`, the published map.
    source, target
        `[H, W, 3]`, floats, 0..1, sRGB-encoded.
    mask
        `[H, W]`, 0..1: the weight of each pixel.

    Raises
    ------
    MethodError
        There is no such kind, the shapes differ, an image has values that are not finite, or the mask is empty.
    """
    if kind not in MAP_KINDS:
        raise MethodError(f"unknown colour map {kind!r}; choose {' or '.join(MAP_KINDS)}")
    if source.ndim != 3 or source.shape != target.shape or (mask is not None and mask.shape != source.shape[:2]):
        sizes = ", ".join(str(array.shape) for array in (source, target, mask) if array is not None)
        raise MethodError(f"a colour map is fitted to two images [H, W, 3] of one size and their mask, not {sizes}")
    if not (np.isfinite(source).all() and np.isfinite(target).all()):
        raise MethodError("a colour map cannot be fitted: the network's images hold NaN or infinities")
    if mask is not None and not mask.any():
        raise MethodError("a colour map cannot be fitted where the mask is empty; white marks the foreground")
    if kind == "polynomial":
        polynomial = fit_published(source, target, mask=mask)
        values = through_linear(polynomial, identity_table(_SIZE[kind]))
        return ColourMap(kind, Lut(values=values.astype(np.float32), title="polynomial map"))
    weights = np.ones(source.shape[:2]) if mask is None else mask.astype(np.float64)
    total = _shrunk(weights[..., None])
    colours, others = (_shrunk(weights[..., None] * image) / np.maximum(total, 1e-9) for image in (source, target))
    lut = fit_smooth_lut(colours, np.clip(others, 0, 1), size=_SIZE[kind], weights=total[:, 0])
    return ColourMap(kind, lut)


def fit_published(
    source: NDArray[Any], target: NDArray[Any], *, mask: NDArray[np.float32] | None = None
) -> PolynomialMap:
    """Fit the published map: 17 terms (Cheung et al. 2004) in linear light, to both images at 64 x 64.

    The fit follows the authors' notebook, except that it always maps from the input to the output. The direction in the
    notebook depends on the order of files in a folder.

    Parameters
    ----------
    source, target, mask
        As for `fit_map`.

    Returns
    -------
    PolynomialMap
        A map of linear light; `through_linear` applies it to encoded colours.
    """
    weights = None if mask is None else _sampled(mask.astype(np.float64)[..., None])[:, 0]
    if weights is not None and not weights.any():  # no sample lies inside a tiny foreground
        return fit_published(source, target)
    return fit_polynomial(_sampled(decode(source)), _sampled(decode(target)), weights=weights)


def through_linear(polynomial: PolynomialMap, colours: NDArray[Any]) -> Floats:
    """Apply a map of linear light to sRGB-encoded colours `[..., 3]`, 0..1; the result is within 0..1."""
    return encode(np.clip(polynomial(decode(colours)), 0, 1))


def _shrunk(image: Floats) -> Floats:
    """Return the means `[N, C]` of square blocks, about 128 blocks on the short side, of at least one pixel each."""
    height, width, channels = image.shape
    block = max(1, min(height, width) // _SIDE["lut"])
    rows, columns = height // block, width // block
    whole = image[: rows * block, : columns * block].reshape(rows, block, columns, block, channels)
    return np.asarray(whole.mean(axis=(1, 3)).reshape(-1, channels))


def _sampled(image: Floats) -> Floats:
    """Return 64 x 64 samples `[4096, C]`, interpolated bilinearly without a filter, as OpenCV's INTER_LINEAR does."""
    for axis in (0, 1):
        count = image.shape[axis]
        place = np.clip((np.arange(_SIDE["polynomial"]) + 0.5) * count / _SIDE["polynomial"] - 0.5, 0, count - 1)
        low = np.minimum(place.astype(np.int64), max(count - 2, 0))
        part = (place - low)[(..., *[None] * (2 - axis))]
        image = image.take(low, axis) * (1 - part) + image.take(np.minimum(low + 1, count - 1), axis) * part
    return image.reshape(-1, image.shape[2])
