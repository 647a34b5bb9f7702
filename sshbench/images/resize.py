"""The resizes of published scoring code: those of Pillow, and OpenCV's linear and area resize without OpenCV.

OpenCV's resizes are written after its documentation and its published arithmetic, and are tested against it.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

Resize = Literal["pil-bicubic", "pil-bilinear", "opencv-area", "opencv-linear"]
Samples = NDArray[Any]
"""uint8 or float32."""

_BITS = 11  # of OpenCV's fixed-point weights for bytes


def resized(image: Samples, kind: Resize, size: tuple[int, int]) -> Samples:
    """Bring an image or a mask to `size` (width, height).

    Parameters
    ----------
    image
        `[H, W, 3]` or `[H, W]`; uint8, which is rounded to uint8, or float32, which is neither rounded nor clipped.
    """
    if (image.shape[1], image.shape[0]) == size:
        return image
    if kind in ("pil-bicubic", "pil-bilinear"):
        how = Pillow.Resampling.BICUBIC if kind == "pil-bicubic" else Pillow.Resampling.BILINEAR
        return _pillow(image, how, size)
    if kind == "opencv-area" or (image.shape[1], image.shape[0]) == (2 * size[0], 2 * size[1]):
        return _area(image, size)  # OpenCV's linear resize by exactly a half is its area resize
    return _linear(image, *(_linear_steps(n, m) for n, m in zip(image.shape[1::-1], size, strict=True)))


def sampled(image: Samples, size: tuple[int, int]) -> NDArray[np.float32]:
    """Resize an image of any type to `size` (width, height) as PyTorch's bilinear resize without a filter does.

    The result is float32, in the units of the image. Even in a large image, only the pixels that contribute are read.
    """
    return _linear_floats(image, *(_linear_steps(n, m) for n, m in zip(image.shape[1::-1], size, strict=True)))


def black_and_white(mask: NDArray[np.float32], size: tuple[int, int] | None) -> NDArray[np.float32]:
    """Convert a mask, 0..1, by Pillow's mode `1`: greys are dithered, and the resize takes the nearest pixel."""
    image = Pillow.fromarray(np.rint(mask * 255).astype(np.uint8)).convert("1")
    if size is not None:
        image = image.resize(size, Pillow.Resampling.NEAREST)
    return np.asarray(image, np.float32)


def _pillow(image: Samples, how: Pillow.Resampling, size: tuple[int, int]) -> Samples:
    if image.dtype == np.uint8:
        return np.asarray(Pillow.fromarray(image).resize(size, how))
    if image.ndim == 2:
        return np.asarray(Pillow.fromarray(image).resize(size, how))
    return np.stack([_pillow(np.ascontiguousarray(image[..., c]), how, size) for c in range(3)], axis=-1)


def _area(image: Samples, size: tuple[int, int]) -> Samples:
    """Return each pixel as the mean of the area that it covers, weighted by the covered part of each source pixel."""
    width, height = size
    if image.shape[1] < width or image.shape[0] < height:
        steps = [_enlarging_steps(n, m) for n, m in zip(image.shape[1::-1], size, strict=True)]
        return _linear(image, *steps)
    if image.dtype == np.uint8 and image.shape[1] % width == 0 and image.shape[0] % height == 0:
        blocks = image.reshape(height, image.shape[0] // height, width, image.shape[1] // width, *image.shape[2:])
        area = blocks.shape[1] * blocks.shape[3]
        mean = blocks.sum(axis=(1, 3), dtype=np.int32).astype(np.float32) * np.float32(1 / area)
        halving = blocks.shape[1] == blocks.shape[3] == 2  # rounds halves up there, to the even elsewhere
        return np.asarray(np.floor(mean + np.float32(0.5)) if halving else np.rint(mean), np.uint8)
    across, down = _area_weights(image.shape[1], width), _area_weights(image.shape[0], height)
    flat = image.reshape(image.shape[0], -1).astype(np.float32)
    rows = (down @ flat).reshape(height, image.shape[1], -1)
    mean = across @ rows.transpose(1, 0, 2).reshape(image.shape[1], -1)
    mean = mean.reshape(width, height, -1).transpose(1, 0, 2).reshape(height, width, *image.shape[2:])
    return np.asarray(np.rint(mean) if image.dtype == np.uint8 else mean, image.dtype)


def _area_weights(source: int, target: int) -> Any:
    """Return the weight of each source sample in each target sample, sparse `[target, source]`."""
    from scipy.sparse import csr_matrix

    scale = source / target
    rows, columns, weights = [], [], []
    for i in range(target):
        start, end = i * scale, i * scale + scale
        width = min(scale, source - start)
        last = min(int(np.floor(end)), source - 1)
        first = min(int(np.ceil(start)), last)
        parts = [(k, 1 / width) for k in range(first, last)]
        if first - start > 1e-3:
            parts.insert(0, (first - 1, (first - start) / width))
        if end - last > 1e-3:
            parts.append((last, min(end - last, 1.0, width) / width))
        rows += [i] * len(parts)
        columns += [column for column, _ in parts]
        weights += [weight for _, weight in parts]
    return csr_matrix((np.array(weights, np.float32), (rows, columns)), shape=(target, source))


Steps = tuple[NDArray[np.intp], NDArray[np.float32]]


def _linear_steps(source: int, target: int) -> Steps:
    """Return the left neighbour (-1 before the first) and the weight of the right one; pixel centres lie at halves."""
    position = ((np.arange(target) + 0.5) * (source / target) - 0.5).astype(np.float32)
    left = np.floor(position).astype(np.intp)
    return left, position - left.astype(np.float32)


def _enlarging_steps(source: int, target: int) -> Steps:
    """Return neighbours and weights for an enlarging area resize: only samples across an edge mix two pixels."""
    index = np.arange(target)
    left = np.floor(index * (source / target)).astype(np.intp)
    weight = ((index + 1) - (left + 1) * (target / source)).astype(np.float32)
    weight = np.where(weight <= 0, 0, weight - np.floor(weight)).astype(np.float32)
    return left, weight


def _linear_floats(image: Samples, across: Steps, down: Steps) -> NDArray[np.float32]:
    left, right, top, bottom = _neighbours(image, across, down)
    x, y = _weights(image, across, down)
    upper, lower = (row[:, left] * (1 - x) + row[:, right] * x for row in (image[top], image[bottom]))
    return np.asarray(upper * (1 - y) + lower * y, np.float32)


def _linear(image: Samples, across: Steps, down: Steps) -> Samples:
    if image.dtype != np.uint8:
        return _linear_floats(image, across, down)
    left, right, top, bottom = _neighbours(image, across, down)
    x, y = _weights(image, across, down)
    x = np.where((across[0] < 0) | (across[0] >= image.shape[1] - 1), 0, across[1]).reshape(x.shape)
    x0, x1, y0, y1 = (_fixed(weight) for weight in (1 - x, x, 1 - y, y))
    wide: NDArray[np.int32] = image.astype(np.int32)
    rows = wide[:, left] * x0 + wide[:, right] * x1 >> 4
    return np.asarray(((rows[top] * y0 >> 16) + (rows[bottom] * y1 >> 16) + 2) >> 2, np.uint8)


def _neighbours(image: Samples, across: Steps, down: Steps) -> list[NDArray[np.intp]]:
    """Return the columns to the left and right of each sample, and the rows above and below."""
    pairs = ((across[0], image.shape[1]), (down[0], image.shape[0]))
    return [np.clip(index + step, 0, edge - 1) for index, edge in pairs for step in (0, 1)]


def _weights(image: Samples, across: Steps, down: Steps) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the weights of the right and of the lower neighbour, in shapes that broadcast with the image."""
    return across[1].reshape(1, -1, *(1,) * (image.ndim - 2)), down[1].reshape(-1, *(1,) * (image.ndim - 1))


def _fixed(weight: NDArray[np.float32]) -> NDArray[np.int32]:
    return np.asarray(np.rint(weight * np.float32(1 << _BITS)), np.int32)
