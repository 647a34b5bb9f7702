"""Matching the grain and the blur of a foreground to its background.

Grain is measured in the flattest blocks of an image: the covariance between channels, and the size from the correlation
of neighbouring pixels. Blur is measured at the strongest edges, from the drop of their gradient under further blurring
(Zhuo, Sim: "Defocus map estimation from a single image", Pattern Recognition 2011).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sshbench.colour.srgb import decode, encode
from sshbench.compositing.pasting import Paint
from sshbench.compositing.photo import as_floats
from sshbench.compositing.placement import Box, Layer, whole
from sshbench.compositing.scene import Scene

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

SEED = 0
_PART = 1024  # largest side in pixels of the measured area
_BLOCKS = (16, 8)  # sides in pixels; small blocks are used if there are few large ones, as in a small foreground
_ENOUGH = 64
_FEWEST = 8  # smallest number of blocks or edges for a measurement
_CLIPPED = 4  # codes from black and white within which noise is clipped
_LEAST_GRAIN = 0.3  # codes; less is invisible
_MOST_GRAIN = 12.0  # codes; more is the texture of a background without flat blocks
_CALM = 0.1  # fraction of the blocks, those with the least structure
_LEAST_BLUR = 0.3  # pixels of standard deviation
_MOST_BLUR = 30.0
_SCALES = (1.0, 1.5)  # standard deviations of the two gradients, in pixels
_OPAQUE = 0.99
_ROWS = 64  # rows that share a seed
_BANDS = 64

Levels = tuple[float, float, float]
Unknown = Literal["unknown"]
Read = Callable[[slice], NDArray[Any]]


@dataclass(frozen=True, eq=False)
class Grain:
    """The noise of a picture.

    Parameters
    ----------
    covariance
        `[3, 3]`, of red, green and blue, in squared codes of 255.
    size
        The standard deviation, in pixels, of the Gaussian that turns white noise into this grain: 0 (white noise) to 2.
    fine
        The variance of mixed second differences `[3]`, divided by that of white noise with variance 1.
    """

    covariance: Floats
    size: float
    fine: Floats

    @property
    def levels(self) -> Floats:
        """Return the standard deviation of each channel, `[3]`, in codes of 255."""
        return np.asarray(np.sqrt(np.diag(self.covariance)))


@dataclass(frozen=True)
class Matched:
    """The grain and the blur that were applied to the foreground.

    Parameters
    ----------
    grain
        The grain added to each channel, in codes of 255; `"unknown"` if it could not be measured; None if not
        requested.
    blur
        The standard deviation of the blur in pixels, `"unknown"` or None, in the same way.
    no_grain, no_blur
        The reason why no grain was added, or why the foreground was not blurred; otherwise empty.
    """

    grain: Levels | Unknown | None = None
    blur: float | Unknown | None = None
    no_grain: str = ""
    no_blur: str = ""

    def __str__(self) -> str:
        said = []
        if self.no_grain:
            said.append(f"no grain added, since {self.no_grain}")
        elif self.grain is not None and self.grain != "unknown":
            levels = ", ".join(f"{level:.1f}" for level in self.grain)
            said.append(f"grain of {levels} codes added")
        if self.no_blur:
            said.append(f"not blurred, since {self.no_blur}")
        elif self.blur is not None and self.blur != "unknown":
            said.append(f"blurred by {self.blur:.1f} pixels")
        return "; ".join(said)


AS_IT_WAS = Matched()
"""The result if neither grain nor blur is requested."""


# --- measuring --------------------------------------------------------------------------------------------------------


def measure_grain(codes: NDArray[Any], valid: Mask | None = None) -> Grain | None:
    """Measure the grain of an image.

    Parameters
    ----------
    codes
        `[H, W, 3]`, 0..255.
    valid
        The pixels that count, `[H, W]`.

    Returns
    -------
    The grain, or None if there are too few blocks of 8 x 8 pixels that are valid and not clipped.
    """
    for block in _BLOCKS:
        flat = _flat_blocks(codes, valid, block)
        if len(flat) >= (_ENOUGH if block == max(_BLOCKS) else _FEWEST):
            covariance, alike, fine = _of_blocks(flat)
            if alike <= 0.02:
                return Grain(covariance, 0.0, fine)
            known = _calibration(block)
            if alike > known.likenesses[-1]:  # neither noise nor grain but shading, which small blocks partly contain
                return Grain(covariance, float(known.sizes[-1]), fine)
            size = float(np.interp(alike, known.likenesses, known.sizes))
            return Grain(covariance / np.interp(size, known.sizes, known.variances), size, fine)
    return None


def _flat_blocks(codes: NDArray[Any], valid: Mask | None, block: int) -> Floats:
    """Return the blocks `[N, block, block, 3]` of valid, unclipped pixels, minus their mean and slope."""
    height, width = (side // block for side in codes.shape[:2])
    squares, inside = _blocks(codes, block), np.ones(height * width, np.bool_)
    if valid is not None:
        inside &= _blocks(valid, block).all(axis=(1, 2))
    inside &= (squares > _CLIPPED).all(axis=(1, 2, 3)) & (squares < 255 - _CLIPPED).all(axis=(1, 2, 3))
    return _without_slope(np.asarray(squares[inside], np.float64))


def _blocks(image: NDArray[Any], block: int) -> NDArray[Any]:
    height, width = (side // block for side in image.shape[:2])
    parts = image[: height * block, : width * block].reshape(height, block, width, block, *image.shape[2:])
    return parts.swapaxes(1, 2).reshape(height * width, block, block, *image.shape[2:])


def _of_blocks(flat: Floats) -> tuple[Floats, float, Floats]:
    """Return the channel covariance of the flattest blocks, the correlation of neighbours (-1..1), and `fine`."""
    block = flat.shape[1]
    coarse = flat.reshape(len(flat), 4, block // 4, 4, block // 4, 3).mean(
        axis=(2, 4)
    )  # structure has more energy at this scale than noise
    calm = flat[np.argsort(coarse.var(axis=(1, 2)).sum(axis=-1))[: max(_FEWEST, round(_CALM * len(flat)))]]
    rest = calm[np.argsort(calm.var(axis=(1, 2)).sum(axis=-1))[: max(_FEWEST, len(calm) // 2)]]
    covariance = np.einsum("nyxc,nyxd->cd", rest, rest) / (len(rest) * (block**2 - 3))
    energy = (rest**2).mean()
    second = np.diff(np.diff(rest, 2, axis=1), 2, axis=2)
    fine = np.asarray((second**2).mean(axis=(0, 1, 2)) / 36)
    if energy <= 0:
        return covariance, 0.0, fine
    down, across = (rest[:, 1:] * rest[:, :-1]).mean(), (rest[:, :, 1:] * rest[:, :, :-1]).mean()
    return covariance, float((down + across) / 2 / energy), fine


class Known(NamedTuple):
    """Measurements `[N]` of grain of known sizes and variance 1."""

    sizes: Floats
    likenesses: Floats
    variances: Floats
    fine: Floats


@cache
def _calibration(block: int) -> Known:
    """Measure known grain, because the flattest small blocks underestimate coarse grain."""
    sizes = np.array([0, 0.4, 0.6, 0.8, 1, 1.25, 1.5, 1.75, 2])
    found = []
    for size in sizes:
        grain = np.asarray(grain_rows(slice(0, 24 * block), 24 * block, float(size)), np.float64)
        covariance, alike, fine = _of_blocks(_without_slope(_blocks(grain, block)))
        found.append((alike, float(np.trace(covariance)) / 3, float(fine.mean())))
    likenesses, variances, fines = np.array(found).T
    return Known(sizes, np.maximum.accumulate(likenesses), variances, fines)


def _without_slope(blocks: Floats) -> Floats:
    """Return blocks `[N, B, B, C]` minus their mean and slope."""
    block = blocks.shape[1]
    ramp = np.arange(block) - (block - 1) / 2
    ramp /= np.sqrt((ramp**2).mean())
    out = blocks - blocks.mean(axis=(1, 2), keepdims=True)
    for along in (ramp[:, None], ramp[None, :]):
        weight = np.broadcast_to(along, (block, block))[..., None]
        out = out - weight * (out * weight).mean(axis=(1, 2), keepdims=True)
    return np.asarray(out)


def measure_blur(codes: NDArray[Any], valid: Mask | None = None) -> float | None:
    """Measure the blur of an image's strongest edges.

    Parameters
    ----------
    codes
        `[H, W, 3]`, 0..255.
    valid
        The pixels that count, `[H, W]`.

    Returns
    -------
    The standard deviation, in pixels, of the Gaussian that turns a step into such an edge; None if there are too few
    edges.
    """
    from scipy.ndimage import binary_erosion, gaussian_gradient_magnitude, maximum_filter

    grey = np.asarray(codes @ np.array([0.299, 0.587, 0.114]), np.float64)
    inside: Mask = np.ones(grey.shape, np.bool_) if valid is None else valid
    found = None
    for level in range(4):
        if min(grey.shape) < 32:
            break
        near, far = (gaussian_gradient_magnitude(grey, scale) for scale in _SCALES)
        kept = binary_erosion(inside, iterations=6, border_value=0)
        if not kept.any():
            break
        strong = max(0.6 * float(np.percentile(near[kept], 99.5)), 2.0)
        edge = kept & (near >= strong) & (near == maximum_filter(near, 9))
        if edge.sum() < _FEWEST:
            break
        ratio = np.clip((near[edge] / far[edge]) ** 2, 1.001, None)
        widths = np.sqrt(np.maximum((_SCALES[1] ** 2 - ratio * _SCALES[0] ** 2) / (ratio - 1), 0))
        found = float(np.percentile(widths, 70)) * 2**level
        if found < 2 * 2**level:
            break
        height, width = (side // 2 * 2 for side in grey.shape)
        grey = grey[:height, :width].reshape(height // 2, 2, width // 2, 2).mean(axis=(1, 3))
        inside = np.asarray(inside[:height, :width].reshape(height // 2, 2, width // 2, 2).all(axis=(1, 3)), np.bool_)
    return found


# --- matching ---------------------------------------------------------------------------------------------------------


def match_blur(scene: Scene, reference: Box) -> tuple[Scene, float | Unknown, str]:
    """Return a scene whose foreground is no sharper than the background around it.

    Returns
    -------
    The scene; the blur in pixels, 0 if none is needed and `"unknown"` if there are too few edges; and, unless the
    foreground was blurred, the reason, as the end of a sentence after "since".
    """
    part = _middle(reference)
    valid = scene.mask[part.slices] == 0 if scene.is_composite else None
    aim = measure_blur(_codes(scene.background.image.pixels[part.slices]), valid)
    part = _middle(whole(scene.layer.mask))
    own = measure_blur(_codes(scene.layer.pixels[part.slices]), as_floats(scene.layer.mask[part.slices]) >= _OPAQUE)
    if aim is None or own is None:
        where = "the reference" if aim is None else "the foreground"
        return scene, "unknown", f"{where} has too few sharp edges to measure its blur"
    by = min(math.sqrt(max(aim**2 - own**2, 0)), _MOST_BLUR)
    if by < _LEAST_BLUR:
        compared = f"blur of {aim:.1f} pixels against {own:.1f}"
        return scene, 0.0, f"the background is as sharp as the foreground, or sharper ({compared})"
    return replace(scene, layer=blurred(scene.layer, by, scene.canvas)), by, ""


def blurred(layer: Layer, by: float, canvas: Box) -> Layer:
    """Return a layer whose linear light and mask are blurred together; the layer may grow within the background."""
    from scipy.ndimage import gaussian_filter

    box = layer.box.grown(math.ceil(3 * by)).within(canvas)
    sides = (
        (layer.box.top - box.top, box.bottom - layer.box.bottom),
        (layer.box.left - box.left, box.right - layer.box.right),
    )  # fmt: skip
    mask = np.pad(as_floats(layer.mask), sides)
    soft = gaussian_filter(mask, by, mode="nearest")
    most = np.iinfo(layer.pixels.dtype).max
    pixels = np.empty((*mask.shape, 3), layer.pixels.dtype)
    for channel in range(3):
        light = np.pad(decode(layer.pixels[..., channel] / most).astype(np.float32), sides, mode="edge")
        spread = gaussian_filter(light * mask, by, mode="nearest") / np.maximum(soft, 1e-4)
        spread = np.where(soft > 1e-4, spread, light)
        pixels[..., channel] = np.rint(encode(np.clip(spread, 0, 1)) * most)
    return Layer(pixels, soft, box)


def match_grain(scene: Scene, paint: Paint, seed: int = SEED) -> tuple[Paint, Levels | Unknown, str]:
    """Return paint that adds the missing grain to the foreground.

    The grain is measured over the whole background, because it is a property of the camera. The added noise depends
    only on the seed and the position in the layer.

    Returns
    -------
    The paint; the added grain in codes of 255 per channel, 0 if the foreground already has as much and `"unknown"` if
    too few blocks are flat; and, if no grain is added, the reason, as the end of a sentence after "since".
    """
    layer, behind = scene.layer, scene.background.image.pixels
    aim = measure_grain(*_sampled(lambda rows: behind[rows], scene.mask if scene.is_composite else None, behind.shape))
    opaque = np.where(as_floats(layer.mask) < _OPAQUE, np.uint8(255), np.uint8(0))
    own = measure_grain(
        *_sampled(lambda rows: paint(rows, np.ascontiguousarray(layer.pixels[rows])), opaque, layer.pixels.shape)
    )
    if aim is None or own is None:
        where = "background" if aim is None else "foreground"
        return paint, "unknown", f"too little of the {where} is flat enough to measure its grain"
    known = _calibration(max(_BLOCKS))
    rounding = 1 / 12 if layer.pixels.dtype == np.uint8 else 0.0
    fine = np.maximum(own.fine - rounding, 0) / np.interp(aim.size, known.sizes, known.fine)
    own_level = np.minimum(own.levels, np.sqrt(fine))  # only the first includes the shading of a small foreground
    missing = np.sqrt(np.maximum(np.minimum(aim.levels, _MOST_GRAIN) ** 2 - own_level**2, 0))
    missing[missing < _LEAST_GRAIN] = 0
    red, green, blue = (float(level) for level in missing)
    if not missing.any():
        behind_has, front_has = (float(np.sqrt((levels**2).mean())) for levels in (aim.levels, own_level))
        own_said = f"{front_has:.1f}" if front_has <= _MOST_GRAIN else f"more than {_MOST_GRAIN:g}"  # it is texture
        compared = f"grain of {behind_has:.1f} codes against {own_said}"
        why = f"the background is as smooth as the foreground, or smoother ({compared})"
        return paint, (red, green, blue), why
    alike = aim.covariance / np.maximum(np.outer(aim.levels, aim.levels), 1e-12)
    mixing = np.asarray(_root(alike) * missing[:, None], np.float32)
    width = layer.mask.shape[1]

    def grained(rows: slice, pixels: NDArray[Any]) -> NDArray[Any]:
        most = np.iinfo(pixels.dtype).max
        noise = grain_rows(rows, width, aim.size, seed) @ mixing.T
        noisy = np.rint(np.clip(paint(rows, pixels) + noise * np.float32(most / 255), 0, most))
        return np.asarray(noisy.astype(pixels.dtype))

    return grained, (red, green, blue), ""


def _sampled(read: Read, hidden: NDArray[Any] | None, shape: tuple[int, ...]) -> tuple[Floats, Mask | None]:
    """Return at most 64 bands of an image as codes, each one block high, and the mask of the pixels that count."""
    high = max(_BLOCKS)
    count = max(1, shape[0] // high)
    bands = [slice(i * high, min((i + 1) * high, shape[0])) for i in range(0, count, -(-count // _BANDS))]
    codes = np.concatenate([_codes(read(rows)) for rows in bands])
    return codes, None if hidden is None else np.concatenate([hidden[rows] == 0 for rows in bands])


def grain_rows(rows: slice, width: int, size: float, seed: int = SEED) -> NDArray[np.float32]:
    """Return rows `[h, width, 3]` of an endless strip of grain with mean 0 and variance 1."""
    from scipy.ndimage import gaussian_filter1d

    reach = math.ceil(4 * size)
    start, stop = rows.start - reach, rows.stop + reach
    groups = range(start // _ROWS, -(-stop // _ROWS))
    white = np.concatenate([_white(group, width + 2 * reach, seed) for group in groups])
    noise = white[start - groups.start * _ROWS : stop - groups.start * _ROWS]
    if size:
        for axis in (0, 1):
            noise = gaussian_filter1d(noise, size, axis=axis, radius=reach)
        noise = noise[reach : len(noise) - reach, reach : reach + width]
        kernel = gaussian_filter1d(np.eye(1, 2 * reach + 1, reach), size, axis=1, radius=reach)
        noise = noise / np.float32((kernel**2).sum())  # for both axes
    return np.asarray(noise, np.float32)


def _white(group: int, width: int, seed: int) -> NDArray[np.float32]:
    random = np.random.default_rng([seed, group + (1 << 20)])
    return random.standard_normal((_ROWS, width, 3), np.float32)


def _root(correlation: Floats) -> Floats:
    values, vectors = np.linalg.eigh(correlation)
    return np.asarray(vectors * np.sqrt(np.maximum(values, 0)))


def _middle(box: Box) -> Box:
    """Return the central part of a box, no larger than the measured area."""
    width, height = min(box.width, _PART), min(box.height, _PART)
    left, top = box.left + (box.width - width) // 2, box.top + (box.height - height) // 2
    return Box(left, top, left + width, top + height)


def _codes(pixels: NDArray[Any]) -> Floats:
    return np.asarray(pixels * (255 / np.iinfo(pixels.dtype).max), np.float64)
