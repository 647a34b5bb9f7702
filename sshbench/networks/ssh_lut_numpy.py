"""The forward pass of SSH-LUT in numpy, for commands that should not wait for torch to load.

`tests/networks/test_ssh_lut_numpy.py` checks that it equals `SshLut`. The functions have the names of their
counterparts in `sshbench.networks.ssh_lut` and `sshbench.networks.closed_form`, where the steps are explained.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Mapping
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sshbench.networks import efficientnet_lite_numpy as lite

Array = NDArray[np.float32]

# These constants are shared with the network in torch.
SIDE = 64
TOKENS = SIDE // 16  # along each side of a view
VIEWS, HEADS = 3, 4
CLOSED_FORMS = 6  # four maps to the background, and the first two of them to the surroundings
GAINS = 4  # towards the background and towards the surroundings, for each channel and for luminance alone
FAINT = 1e-4  # weight of a token outside a mask
STOPS = 4.0  # largest gain, in either direction
LEVELS = 256  # bins of the histograms from which quantiles are read
KNOWN = sum(lite.STAGES[stage].channels for stage in lite.FEATURES)  # features of EfficientNet-Lite0 for each token
LUMA = (0.2126, 0.7152, 0.0722)
DARK = 1e-3  # replaces darker light, which would give extreme gains
NOISE = 4e-4  # added to each variance: 2% of the range, so that plain areas are not stretched to texture


_SEEN = "things.seen."
_IN_TRAINING = ("dropout", "things_dropout")  # arguments of `SshLut` that change nothing in a trained network
_LUMA = np.array(LUMA, np.float32)
_UPPER = np.triu_indices(3)


def input_side(architecture: Mapping[str, Any]) -> int:
    """Return the side of the images and masks that the network of an architecture, the arguments of `SshLut`, takes."""
    return 2 * SIDE if architecture.get("things") else SIDE


def fitting_arrays(state: Mapping[str, NDArray[Any]], architecture: Mapping[str, Any]) -> SshLutArrays | None:
    """Return the network with its weights; None if the weights do not fit the arguments of `SshLut`."""
    defaults = inspect.signature(_shapes).parameters
    sizes = {name: value for name, value in architecture.items() if name not in _IN_TRAINING}
    if any(name not in defaults or type(value) is not int or not 0 <= value < 4096 for name, value in sizes.items()):
        return None
    expected = _shapes(**sizes)
    if {name: value.shape for name, value in state.items()} != expected:
        return None
    if any(value.dtype != np.float32 for value in state.values()):
        return None
    if sizes.get("things") and not sizes.get("attention", defaults["attention"].default):
        return None
    outputs = [expected[f"encoder.{k}.norm.bias"][0] for k in range(4)]
    if any(out % _groups(out) for out in outputs) or outputs[-1] % HEADS:
        return None
    size, quantiles = (sizes.get(name, defaults[name].default) for name in ("size", "quantiles"))
    return SshLutArrays(state, size, quantiles) if 2 <= size <= 65 and quantiles >= 2 else None


def _shapes(
    width: int = 24,
    channels: int = 128,
    attention: int = 2,
    mixtures: int = 64,
    size: int = 17,
    mixture_size: int = 9,
    hidden: int = 256,
    quantiles: int = 17,
    things: int = 0,
) -> dict[str, tuple[int, ...]]:
    """Return the shapes of all weights, by name."""
    linear: dict[str, tuple[int, int]] = {}
    numbers = 3 * (9 + 4 * quantiles) + 18
    widths = (5, width, 2 * width, 4 * width, channels)
    shapes: dict[str, tuple[int, ...]] = {"maps": (mixtures, 3, *(mixture_size,) * 3)}
    for k, (one, other) in enumerate(pairwise(widths)):
        shapes[f"encoder.{k}.convolution.weight"] = (other, one, 3, 3)
        shapes |= dict.fromkeys((f"encoder.{k}.convolution.bias", f"encoder.{k}.norm.weight"), (other,))
        shapes[f"encoder.{k}.norm.bias"] = (other,)
    if attention:
        shapes["places"] = (VIEWS, TOKENS**2, channels)
        linear["numbers"] = channels, numbers
    for k in range(attention):
        name = f"layers.{k}"
        for norm in ("first_norm", "second_norm"):
            shapes |= dict.fromkeys((f"{name}.{norm}.weight", f"{name}.{norm}.bias"), (channels,))
        linear[f"{name}.questions"], linear[f"{name}.answer"] = (3 * channels, channels), (channels, channels)
        linear[f"{name}.think.0"], linear[f"{name}.think.2"] = (3 * channels, channels), (channels, 3 * channels)
    linear["weigh.0"], linear["weigh.2"] = (hidden, VIEWS * channels + numbers), (hidden, hidden)
    linear["gains"], linear["closed"], linear["mixed"] = (GAINS + 3, hidden), (CLOSED_FORMS, hidden), (mixtures, hidden)
    if things:
        shapes |= {f"things.seen.{name}": shape for name, shape in lite.shapes().items()}
        shapes |= dict.fromkeys(("things.norm.weight", "things.norm.bias"), (KNOWN,))
        linear["things.understand.0"], linear["things.understand.2"] = (things, KNOWN), (channels, things)
    for name, shape in linear.items():
        shapes[f"{name}.weight"], shapes[f"{name}.bias"] = shape, shape[:1]
    return shapes


class SshLutArrays:
    """The network with its weights.

    Parameters
    ----------
    state
        The weights by their names in `SshLut`, float32.
    size
        The number of points on each axis of the LUTs.
    quantiles
        As for `SshLut`.
    """

    def __init__(self, state: Mapping[str, Array], size: int = 17, quantiles: int = 17) -> None:
        self.state, self.size, self.quantiles = dict(state), size, quantiles
        self.layers = len({name.split(".")[1] for name in state if name.startswith("layers.")})
        kernels = (state[f"encoder.{k}.convolution.weight"] for k in range(4))
        # [out, in, 3, 3] as a matrix for rows, columns and channels of a patch, in that order
        self.kernels = [np.ascontiguousarray(k.transpose(2, 3, 1, 0).reshape(-1, len(k))) for k in kernels]
        seen = {name.removeprefix(_SEEN): value for name, value in state.items() if name.startswith(_SEEN)}
        self.lite = lite.EfficientNetLiteArrays(seen) if seen else None
        points = np.linspace(0, 1, self.state["maps"].shape[-1], dtype=np.float32)
        self.points = np.linspace(0, 1, size, dtype=np.float32)
        self.enlarge = np.stack([np.interp(self.points, points, one) for one in np.eye(len(points))], 1)
        self.enlarge = self.enlarge.astype(np.float32)

    def tables(
        self,
        content: Array,
        reference: Array,
        content_mask: Array,
        reference_mask: Array,
        placed: Array,
        placed_mask: Array,
        near_mask: Array,
    ) -> Array:
        """Return the LUTs `[B, N, N, N, 3]` in the order of `.cube`, over 0..1 and not clipped.

        The images are `[B, side, side, 3]` over 0..1, sRGB-encoded, and the masks `[B, side, side, 1]`; they are those
        of `SshLut.forward`.
        """
        count = len(content)
        things = self._things(content, reference, content_mask, reference_mask)
        if content.shape[1] == 2 * SIDE:
            content, reference, placed, content_mask, placed_mask = (
                _cells(one, SIDE).mean((2, 4)) for one in (content, reference, placed, content_mask, placed_mask)
            )
            reference_mask, near_mask = (_cells(one, SIDE).min((2, 4)) for one in (reference_mask, near_mask))
        is_placed = (near_mask.mean((1, 2, 3), keepdims=True) > 0.01).astype(np.float32)
        near = placed * is_placed + reference * (1 - is_placed)
        near_seen = near_mask * is_placed + reference_mask * (1 - is_placed)
        pairs = ((content, content_mask), (reference, reference_mask), (near, near_seen))
        of_content, of_reference, of_near = (statistics(image, mask, self.quantiles) for image, mask in pairs)
        known, matrix = closed_form_maps(self.points, of_content, of_reference)
        known = np.concatenate([known, closed_form_maps(self.points, of_content, of_near)[0][:, :2]], 1)
        ratios = [light_ratio(of_content, other) for other in (of_reference, of_near)]
        turn = (matrix - np.eye(3, dtype=np.float32)).reshape(count, 9)
        of_channels = np.concatenate([ratio[:, :3] for ratio in ratios], 1)
        relation = np.concatenate([turn, of_reference.mean - of_content.mean, of_channels / 2], 1).clip(-3, 3)
        numbers = np.concatenate([*(s.flat() for s in (of_content, of_reference, of_near)), relation], 1)

        images = np.concatenate([content, reference, placed])
        foreground = np.concatenate([content_mask, np.zeros_like(content_mask), placed_mask * is_placed])
        seen = np.concatenate([content_mask, reference_mask, np.maximum(near_mask, placed_mask) * is_placed])
        features = np.concatenate([(images * 2 - 1) * seen, foreground * 2 - 1, seen * 2 - 1], 3)
        for k in range(4):
            features = self._convolved(features, k)
        tokens = features.reshape(VIEWS, count, TOKENS**2, -1)
        shares = _cells(seen, TOKENS).mean((2, 4)).reshape(VIEWS, count, -1)
        views = [_pooled(one, share) for one, share in zip(tokens, shares, strict=True)]
        if self.layers:
            here = tokens + self.state["places"][:, None]
            if things is not None:
                here[:2] += things
            sequence = np.concatenate([self._linear("numbers", numbers)[:, None], *here], 1)
            open_to = np.concatenate([np.ones((count, 1), np.float32), *shares], 1)
            bias = np.log(open_to + np.float32(FAINT))[:, None, None]
            for k in range(self.layers):
                sequence = self._attended(sequence, bias, f"layers.{k}")
            parts = np.split(sequence[:, 1:], VIEWS, 1)
            views = [_pooled(one, share) for one, share in zip(parts, shares, strict=True)]
            views[1] = views[1] + sequence[:, 0]
        hidden = _gelu(self._linear("weigh.0", np.concatenate([*views, numbers], 1)))
        hidden = _gelu(self._linear("weigh.2", hidden))

        weights = self._linear("gains", hidden)
        of_luminance = [np.repeat(ratio[:, 3:], 3, 1) for ratio in ratios]
        towards = np.stack([*(ratio[:, :3] for ratio in ratios), *of_luminance], 1)
        gain = np.einsum("bk,bkc->bc", weights[:, :GAINS], towards) + weights[:, GAINS:]
        light = np.exp2(gain.clip(-STOPS, STOPS))[:, None] * decoded(self.points)[:, None]
        moved = np.einsum("bk,bkipc->bipc", self._linear("closed", hidden), known) + of_own_channels(encoded(light))
        maps = self.state["maps"]
        learned = (self._linear("mixed", hidden) @ maps.reshape(len(maps), -1)).reshape(count, *maps.shape[1:])
        for _ in range(3):  # each round treats the last axis and moves it to the front, so the order is the same again
            learned = np.moveaxis(learned @ self.enlarge.T, -1, 2)
        return on_grid(moved) + learned.transpose(0, 2, 3, 4, 1)

    def _things(self, content: Array, reference: Array, content_mask: Array, reference_mask: Array) -> Array | None:
        """Return the additions to the tokens of content and reference, `[2, B, 16, channels]`."""
        if self.lite is None:
            return None
        masks = np.concatenate([content_mask, reference_mask])
        shown = np.concatenate([content, reference]) * masks + np.float32(0.5) * (1 - masks)
        pooled = np.concatenate([_adapted(one, TOKENS) for one in self.lite.features(_three_quarters(shown))], 3)
        known = self._normed(pooled.reshape(len(shown), TOKENS**2, -1), "things.norm")
        added = self._linear("things.understand.2", _gelu(self._linear("things.understand.0", known)))
        return added.reshape(2, len(content), TOKENS**2, -1)

    def _linear(self, name: str, x: Array) -> Array:
        found: Array = x @ self.state[f"{name}.weight"].T + self.state[f"{name}.bias"]
        return found

    def _convolved(self, x: Array, k: int) -> Array:
        """Return the result of `_Convolution`, `[N, H / 2, W / 2, out]`, for `[N, H, W, C]`."""
        count, height, width, channels = x.shape
        padded = np.zeros((count, height + 1, width + 1, channels), np.float32)
        padded[:, 1:, 1:] = x
        patches = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), (1, 2))[:, ::2, ::2]
        rows = patches.transpose(0, 1, 2, 4, 5, 3).reshape(-1, 9 * channels)
        out = rows @ self.kernels[k] + self.state[f"encoder.{k}.convolution.bias"]
        groups = _groups(out.shape[1])
        grouped = out.reshape(count, -1, groups, out.shape[1] // groups)
        grouped = grouped - grouped.mean((1, 3), keepdims=True)
        grouped /= np.sqrt(np.square(grouped).mean((1, 3), keepdims=True) + np.float32(1e-5))
        normed = grouped.reshape(count, height // 2, width // 2, -1)
        return _gelu(normed * self.state[f"encoder.{k}.norm.weight"] + self.state[f"encoder.{k}.norm.bias"])

    def _attended(self, x: Array, bias: Array, name: str) -> Array:
        """Return the result of `_Attention` for tokens `[B, T, channels]`, of the same shape."""
        count, tokens, channels = x.shape
        asked = self._linear(f"{name}.questions", self._normed(x, f"{name}.first_norm"))
        query, key, value = asked.reshape(count, tokens, 3, HEADS, -1).transpose(2, 0, 3, 1, 4)
        scores = query @ key.transpose(0, 1, 3, 2) / np.float32(math.sqrt(channels // HEADS)) + bias
        scores = np.exp(scores - scores.max(-1, keepdims=True))
        found = (scores / scores.sum(-1, keepdims=True)) @ value
        x = x + self._linear(f"{name}.answer", found.transpose(0, 2, 1, 3).reshape(count, tokens, channels))
        thought = _gelu(self._linear(f"{name}.think.0", self._normed(x, f"{name}.second_norm")))
        return x + self._linear(f"{name}.think.2", thought)

    def _normed(self, x: Array, name: str) -> Array:
        centred = x - x.mean(-1, keepdims=True)
        centred /= np.sqrt(np.square(centred).mean(-1, keepdims=True) + np.float32(1e-5))
        found: Array = centred * self.state[f"{name}.weight"] + self.state[f"{name}.bias"]
        return found


class Statistics(NamedTuple):
    """The counterpart of `sshbench.networks.closed_form.Statistics`."""

    mean: Array
    covariance: Array
    quantiles: Array
    light: Array

    def flat(self) -> Array:
        """Return all statistics as `[B, 9 + 4 Q]`, with numbers of about -1..1."""
        upper = self.covariance[:, _UPPER[0], _UPPER[1]] * 10
        return np.concatenate([self.mean * 2 - 1, upper, self.quantiles.reshape(len(self.mean), -1) * 2 - 1], 1)


def statistics(images: Array, masks: Array, count: int) -> Statistics:
    """Return the statistics of images `[B, H, W, 3]` under masks `[B, H, W, 1]`; an empty mask counts as full."""
    weights = masks.reshape(len(masks), -1, 1)
    weights = weights + (weights.sum((1, 2), keepdims=True) < 0.5)
    pixels = images.reshape(len(images), -1, 3)
    total = weights.sum(1, keepdims=True)
    mean = (pixels * weights).sum(1, keepdims=True) / total
    centred = (pixels - mean) * np.sqrt(weights)
    covariance = centred.transpose(0, 2, 1) @ centred / total
    with_luma = np.concatenate([pixels, pixels @ _LUMA[:, None]], 2)
    levels = (with_luma * np.float32(LEVELS - 1) + np.float32(0.5)).astype(np.int64).clip(0, LEVELS - 1)
    light = (decoded(pixels) * weights).sum(1) / total[:, 0]
    shares = ((np.arange(count, dtype=np.float32) + np.float32(0.5)) / np.float32(count)).astype(np.float32)
    shares[0], shares[-1] = 0.002, 0.998
    quantiles = np.empty((len(images), 4, count), np.float32)
    for image in range(len(images)):
        for channel in range(4):
            found = np.bincount(levels[image, :, channel], weights[image, :, 0], LEVELS)
            reached = (np.cumsum(found) / total[image, 0, 0]).astype(np.float32)
            quantiles[image, channel] = _quantiles(reached, shares)
    return Statistics(
        mean[:, 0], covariance, quantiles, np.concatenate([light, light @ _LUMA[:, None]], 1).astype(np.float32)
    )


def _quantiles(reached: Array, shares: Array) -> Array:
    level = np.searchsorted(reached, shares).clip(max=LEVELS - 1)
    before = np.where(level > 0, reached[level - 1], 0)
    within = (shares - before) / np.maximum(reached[level] - before, 1e-6)
    found: Array = ((level - 0.5 + within) / (LEVELS - 1)).clip(0, 1).astype(np.float32)
    return found


def light_ratio(source: Statistics, target: Statistics) -> Array:
    """Return the stops `[B, 4]` from the light of `source` to that of `target`."""
    found: Array = np.log2(np.maximum(target.light, DARK) / np.maximum(source.light, DARK)).clip(-6, 6)
    return found


def closed_form_maps(points: Array, source: Statistics, target: Statistics) -> tuple[Array, Array]:
    """Return the maps `[B, 4, 3, P, 3]` and the matrix `[B, 3, 3]`."""
    means, others, at = source.mean[:, None], target.mean[:, None], points[:, None]
    variances, aims = (
        np.diagonal(s.covariance, axis1=1, axis2=2)[:, None] + np.float32(NOISE) for s in (source, target)
    )
    matrix = _optimal_matrix(source.covariance, target.covariance)
    curves = [
        np.broadcast_to(others - means, (len(means), len(points), 3)),
        (at - means) * np.sqrt(aims / variances) + others - at,
        others - at,
        np.stack([_matched(points, *pair) for pair in zip(source.quantiles, target.quantiles, strict=True)]) - at,
    ]
    maps = of_own_channels(np.stack(curves, 1))
    maps[:, 2] += (at - means).transpose(0, 2, 1)[..., None] * matrix.transpose(0, 2, 1)[:, :, None]
    return maps, matrix


def of_own_channels(curves: Array) -> Array:
    """Return curves `[..., P, 3]` as `[..., 3, P, 3]`: input, value, output."""
    found: Array = np.eye(3, dtype=np.float32)[:, None] * curves[..., None, :, :]
    return found


def on_grid(maps: Array) -> Array:
    """Return the sums `[..., B, G, R, 3]` of maps `[..., 3, P, 3]` at a grid."""
    red, green, blue = np.moveaxis(maps, -3, 0)
    found: Array = red[..., None, None, :, :] + green[..., None, :, None, :] + blue[..., :, None, None, :]
    return found


def _optimal_matrix(source: Array, target: Array) -> Array:
    noise = np.eye(3) * NOISE
    variances, axes = np.linalg.eigh(source + noise)
    roots, turned = np.sqrt(variances)[:, None], axes.transpose(0, 2, 1)
    root, inverse = (axes * roots) @ turned, (axes / roots) @ turned
    inner, turns = np.linalg.eigh(root @ (target + noise) @ root)
    between = (turns * np.sqrt(inner.clip(min=0))[:, None]) @ turns.transpose(0, 2, 1)
    found: Array = (inverse @ between @ inverse).astype(np.float32)
    return found


def _matched(points: Array, source: Array, target: Array) -> Array:
    """Return the curves `[P, 3]` through the quantiles `[4, Q]`; the last quantiles, of luma, are not used."""
    rising = np.arange(source.shape[1], dtype=np.float32) * np.float32(1e-5)
    curves = []
    for x, y in zip(source[:3], target[:3], strict=True):
        low, high = min(x[0] - 0.02, -0.001), max(x[-1] + 0.02, 1.001)
        curves.append(np.interp(points, np.concatenate([[low], x + rising, [high]]), np.concatenate([[0], y, [1]])))
    return np.stack(curves, 1).astype(np.float32)


def decoded(values: Array) -> Array:
    """Return the linear light of sRGB-encoded values over 0..1."""
    return np.where(values <= 0.04045, values / 12.92, ((np.maximum(values, 0.04045) + 0.055) / 1.055) ** 2.4).astype(
        np.float32
    )


def encoded(light: Array) -> Array:
    """Return the sRGB-encoded values of linear light of at least 0."""
    return np.where(
        light <= 0.0031308, light * 12.92, 1.055 * np.maximum(light, 0.0031308) ** (1 / 2.4) - 0.055
    ).astype(np.float32)


def _cells(images: Array, count: int) -> Array:
    """Return images `[B, S, S, C]` as `count` x `count` square cells, `[B, count, side, count, side, C]`."""
    side = images.shape[1] // count
    return images.reshape(len(images), count, side, count, side, -1)


def _three_quarters(images: Array) -> Array:
    """Return images `[B, S, S, C]`, whose side is a multiple of 4, at three quarters of the size."""
    for axis in (1, 2):
        four = np.moveaxis(images, axis, 0)
        four = four.reshape(len(four) // 4, 4, *four.shape[1:])
        pairs = (four[:, :3] + four[:, 1:]) * np.float32(0.5)
        images = np.moveaxis(pairs.reshape(-1, *pairs.shape[2:]), 0, axis)
    return images


def _adapted(images: Array, count: int) -> Array:
    """Return the means `[B, count, count, C]` of images `[B, S, S, C]`, as adaptive average pooling cuts them."""
    side = images.shape[1]
    parts = [slice(k * side // count, -(-(k + 1) * side // count)) for k in range(count)]
    rows = np.stack([images[:, part].mean(1) for part in parts], 1)
    return np.stack([rows[:, :, part].mean(2) for part in parts], 2)


def _groups(channels: int) -> int:
    return max(1, channels // 16)


def _gelu(x: Array) -> Array:
    """Return GELU: x times the normal distribution's share below x.

    The error function is Abramowitz and Stegun's approximation 7.1.26, which is within 1.5e-7.
    """
    z = np.abs(x) * np.float32(math.sqrt(0.5))
    t = 1 / (1 + np.float32(0.3275911) * z)
    series = t * np.float32(1.061405429) - np.float32(1.453152027)
    for coefficient in (1.421413741, -0.284496736, 0.254829592):
        series = series * t + np.float32(coefficient)
    tail = series * t * np.exp(-z * z) * np.float32(0.5)  # the share beyond |x|
    found: Array = x * np.where(x > 0, 1 - tail, tail)
    return found


def _pooled(tokens: Array, shares: Array) -> Array:
    """Return the mean `[B, channels]` of tokens `[B, T, channels]` by their shares `[B, T]` of a mask."""
    shares = shares + np.float32(FAINT)
    found: Array = (tokens * shares[..., None]).sum(1) / shares.sum(1, keepdims=True)
    return found
