"""The forward pass of SSH-LUT in numpy, for commands that should not wait for torch to load.

`tests/networks/test_ssh_lut_numpy.py` checks that it equals `SshLut`. The functions have the names of their
counterparts in `sshbench.networks.ssh_lut`, where the steps are explained.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sshbench.networks import efficientnet_lite_numpy as lite
from sshbench.networks.closed_form_numpy import (
    EXTREMES,
    Statistics,
    closed_form_maps,
    decoded,
    encoded,
    extremes,
    light_ratio,
    of_own_channels,
    on_grid,
    simple_maps,
    statistics,
)
from sshbench.networks.layers import Array, gelu, norm_and_gelu, patches

# These constants are shared with the network in torch.
SIDE = 64
TOKENS = SIDE // 16  # along each side of a view
VIEWS, HEADS = 3, 4
CLOSED_FORMS = 6  # four maps to the background, and the first two of them to the surroundings
GAINS = 4  # towards the background and towards the surroundings, for each channel and for luminance alone
FAINT = 1e-4  # weight of a token outside a mask
STOPS = 4.0  # largest gain, in either direction
KNOWN = sum(lite.STAGES[stage].channels for stage in lite.FEATURES)  # features of EfficientNet-Lite0 for each token


_SEEN = "things.seen."
_IN_TRAINING = ("dropout", "things_dropout")  # arguments of `SshLut` that change nothing in a trained network


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
    extremes: int = 0,
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
    if extremes:
        linear["extremes"] = hidden, VIEWS * EXTREMES
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
        # [out, in] as [in, out], with which products of few rows take half the time
        self.matrices = {
            name.removesuffix(".weight"): np.ascontiguousarray(value.T)
            for name, value in state.items()
            if name.endswith(".weight") and value.ndim == 2
        }
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
        ends = self._extremes((content, reference, placed), (content_mask, reference_mask, near_mask))
        if content.shape[1] == 2 * SIDE:
            content, reference, placed, content_mask, placed_mask = (
                _halved(one, np.add) * np.float32(0.25)
                for one in (content, reference, placed, content_mask, placed_mask)
            )
            reference_mask, near_mask = (_halved(one, np.minimum) for one in (reference_mask, near_mask))
        is_placed = (near_mask.mean((1, 2, 3), keepdims=True) > 0.01).astype(np.float32)
        near = placed * is_placed + reference * (1 - is_placed)
        near_seen = near_mask * is_placed + reference_mask * (1 - is_placed)
        pairs = np.concatenate([content, reference, near]), np.concatenate([content_mask, reference_mask, near_seen])
        all_statistics = statistics(*pairs, self.quantiles)
        of_content, of_reference, of_near = map(Statistics, *(_views(one) for one in all_statistics))
        known, matrix = closed_form_maps(self.points, of_content, of_reference)
        known = np.concatenate([known, simple_maps(self.points, of_content, of_near)], 1)
        ratios = [light_ratio(of_content, other) for other in (of_reference, of_near)]
        turn = (matrix - np.eye(3, dtype=np.float32)).reshape(count, 9)
        of_channels = np.concatenate([ratio[:, :3] for ratio in ratios], 1)
        relation = np.concatenate([turn, of_reference.mean - of_content.mean, of_channels / 2], 1).clip(-3, 3)
        numbers = np.concatenate([*(s.flat() for s in (of_content, of_reference, of_near)), relation], 1)

        images = np.concatenate([content, reference, placed])
        placed_mask = placed_mask * is_placed
        foreground = np.concatenate([content_mask, np.zeros_like(content_mask), placed_mask])
        seen = np.concatenate([content_mask, reference_mask, np.maximum(near_mask * is_placed, placed_mask)])
        features = np.concatenate([images, foreground, seen], 3)
        features *= 2
        features -= 1
        for channel in range(3):
            features[..., channel] *= seen[..., 0]
        for k in range(4):
            features = self._convolved(features, k)
        tokens = features.reshape(VIEWS, count, TOKENS**2, -1)
        shares = _adapted(seen, TOKENS).reshape(VIEWS, count, -1)
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
        hidden = gelu(self._linear("weigh.0", np.concatenate([*views, numbers], 1)) + ends)
        hidden = gelu(self._linear("weigh.2", hidden))

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
        masks = np.concatenate([content_mask, reference_mask])[..., 0]
        shown = np.concatenate([content, reference])
        grey = np.float32(0.5) * (1 - masks)
        for channel in range(3):  # numpy is slow where a mask is stretched along an axis of three
            shown[..., channel] *= masks
            shown[..., channel] += grey
        pooled = np.concatenate([_adapted(one, TOKENS) for one in self.lite.features(_three_quarters(shown))], 3)
        known = self._normed(pooled.reshape(len(shown), TOKENS**2, -1), "things.norm")
        added = self._linear("things.understand.2", gelu(self._linear("things.understand.0", known)))
        return added.reshape(2, len(content), TOKENS**2, -1)

    def _extremes(self, images: Sequence[Array], masks: Sequence[Array]) -> Array | float:
        """Return what the extremes of three views add to the hidden features, `[B, hidden]`."""
        if "extremes" not in self.matrices:
            return 0.0
        found = extremes(np.concatenate(images), np.concatenate(masks))
        return self._linear("extremes", np.concatenate(_views(found), 1))

    def _linear(self, name: str, x: Array) -> Array:
        found: Array = x.reshape(-1, x.shape[-1]) @ self.matrices[name]
        found += self.state[f"{name}.bias"]
        return found.reshape(*x.shape[:-1], -1)

    def _convolved(self, x: Array, k: int) -> Array:
        """Return the result of `_Convolution`, `[N, H / 2, W / 2, out]`, for `[N, H, W, C]`."""
        seen = patches(x, 3, 2, before=1)
        count, height, width, _ = seen.shape
        out = seen.reshape(count, height * width, -1) @ self.kernels[k]
        name = f"encoder.{k}"
        out += self.state[f"{name}.convolution.bias"]
        weights = self.state[f"{name}.norm.weight"], self.state[f"{name}.norm.bias"]
        return norm_and_gelu(out, _groups(out.shape[2]), *weights).reshape(count, height, width, -1)

    def _attended(self, x: Array, bias: Array, name: str) -> Array:
        """Return the result of `_Attention` for tokens `[B, T, channels]`, of the same shape."""
        count, tokens, channels = x.shape
        asked = self._linear(f"{name}.questions", self._normed(x, f"{name}.first_norm"))
        query, key, value = asked.reshape(count, tokens, 3, HEADS, -1).transpose(2, 0, 3, 1, 4)
        scores = query @ key.transpose(0, 1, 3, 2) / np.float32(math.sqrt(channels // HEADS)) + bias
        scores = np.exp(scores - scores.max(-1, keepdims=True))
        found = (scores / scores.sum(-1, keepdims=True)) @ value
        x = x + self._linear(f"{name}.answer", found.transpose(0, 2, 1, 3).reshape(count, tokens, channels))
        thought = gelu(self._linear(f"{name}.think.0", self._normed(x, f"{name}.second_norm")))
        return x + self._linear(f"{name}.think.2", thought)

    def _normed(self, x: Array, name: str) -> Array:
        centred = x - x.mean(-1, keepdims=True)
        centred /= np.sqrt(np.square(centred).mean(-1, keepdims=True) + np.float32(1e-5))
        found: Array = centred * self.state[f"{name}.weight"] + self.state[f"{name}.bias"]
        return found


def _views(images: Array) -> list[Array]:
    """Return what belongs to the content, to the reference and to the place, as views of an array `[3 B, ...]`."""
    return np.split(images, VIEWS)


def _halved(images: Array, both: np.ufunc) -> Array:
    """Return images `[B, S, S, C]` at half the size, each pixel made by `both` from four."""
    rows = both(images[:, ::2], images[:, 1::2])
    count, side, _, channels = rows.shape
    halved = np.empty((count, side, side, channels), np.float32)
    rows = rows.reshape(count, side, -1)
    for channel in range(channels):  # numpy is slow along an axis of three
        both(
            rows[..., channel :: 2 * channels], rows[..., channels + channel :: 2 * channels], out=halved[..., channel]
        )
    return halved


def _three_quarters(images: Array) -> Array:
    """Return images `[B, S, S, C]`, whose side is a multiple of 4, at three quarters of the size."""
    count, side, _, channels = images.shape
    four = images.reshape(count, side // 4, 4, -1)
    rows = four[:, :, :3] + four[:, :, 1:]
    four = rows.reshape(count, 3 * side // 4, side // 4, -1)
    pairs = four[..., : 3 * channels] + four[..., channels:]
    pairs *= np.float32(0.25)
    return pairs.reshape(count, 3 * side // 4, 3 * side // 4, channels)


def _adapted(images: Array, count: int) -> Array:
    """Return the means `[B, count, count, C]` of images `[B, S, S, C]`, as adaptive average pooling cuts them."""
    side = images.shape[1]
    means = np.zeros((count, side), np.float32)
    for k, row in enumerate(means):
        part = slice(k * side // count, -(-(k + 1) * side // count))
        row[part] = 1 / (part.stop - part.start)
    rows = (means @ images.reshape(len(images), side, -1)).reshape(len(images), count, side, -1)
    return means @ rows


def _groups(channels: int) -> int:
    return max(1, channels // 16)


def _pooled(tokens: Array, shares: Array) -> Array:
    """Return the mean `[B, channels]` of tokens `[B, T, channels]` by their shares `[B, T]` of a mask."""
    shares = shares + np.float32(FAINT)
    found: Array = (tokens * shares[..., None]).sum(1) / shares.sum(1, keepdims=True)
    return found
