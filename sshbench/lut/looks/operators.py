"""The steps of looks: small pure functions from encoded sRGB to encoded sRGB, with readable parameters.

A step is a frozen dataclass; calling it maps colours `[..., 3]`, float64, nominally 0..1. Results may leave 0..1.
Hues are Oklab angles in degrees: red 29, skin 55, yellow 110, green 142, cyan 195, sky 240, blue 264, magenta 328.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from scipy.interpolate import PchipInterpolator

from sshbench.lut.looks.spaces import (
    FROM_AP1,
    TO_AP1,
    Array,
    decode,
    encode,
    from_oklab,
    illuminant,
    luminance,
    relight,
    to_oklab,
)

Triple = tuple[float, float, float]
Points = tuple[tuple[float, float], ...]


class Step(Protocol):
    """A step of a look: a function of colours."""

    def __call__(self, rgb: Array) -> Array:
        """Map encoded sRGB colours `[..., 3]`."""
        ...


@dataclass(frozen=True)
class Exposure:
    """Open or close the lens by `stops` in linear light, with a shoulder that keeps black and white."""

    stops: float

    def __call__(self, rgb: Array) -> Array:
        gain = 2.0**self.stops
        return encode(_straight_outside(lambda x: gain * x / (1 + (gain - 1) * x), decode(rgb)))


@dataclass(frozen=True)
class Contrast:
    """Apply a sigmoid around `pivot` to each encoded channel; a negative `amount` applies the inverse sigmoid."""

    amount: float
    pivot: float = 0.5

    def __call__(self, rgb: Array) -> Array:
        low, high = (_logistic(abs(self.amount) * (end - self.pivot)) for end in (0.0, 1.0))

        def steeper(x: Array) -> Array:
            return (_logistic(abs(self.amount) * (x - self.pivot)) - low) / (high - low)

        def flatter(x: Array) -> Array:
            inside = low + x * (high - low)
            return self.pivot + np.log(inside / (1 - inside)) / abs(self.amount)

        return _straight_outside(steeper if self.amount > 0 else flatter, rgb)


@dataclass(frozen=True)
class Curves:
    """Apply monotone cubics through points (input, output) to encoded channels: `all`, then one for each channel."""

    all: Points = ()
    red: Points = ()
    green: Points = ()
    blue: Points = ()

    def __call__(self, rgb: Array) -> Array:
        if self.all:
            rgb = _straight_outside(_spline(self.all), rgb)
        channels = [
            _straight_outside(_spline(points), rgb[..., i]) if points else rgb[..., i]
            for i, points in enumerate((self.red, self.green, self.blue))
        ]
        return np.stack(channels, axis=-1)


@dataclass(frozen=True)
class Levels:
    """Map black, white and 0.5 of each encoded channel; `mid` is the position of 0.5 between black and white, 0..1."""

    black: float | Triple = 0.0
    mid: float | Triple = 0.5
    white: float | Triple = 1.0

    def __call__(self, rgb: Array) -> Array:
        black, mid, white = (np.asarray(v, np.float64) for v in (self.black, self.mid, self.white))
        gain = mid / (1 - mid)
        return black + (white - black) * _straight_outside(lambda x: gain * x / (1 + (gain - 1) * x), rgb)


@dataclass(frozen=True)
class Lightness:
    """Apply a curve through points to Oklab lightness; chroma changes by the power `chroma` of the ratio (0: not)."""

    points: Points
    chroma: float = 1.0

    def __call__(self, rgb: Array) -> Array:
        lab = to_oklab(rgb)
        before = lab[..., :1]
        after = _straight_outside(_spline(self.points), before)
        # Both floors keep the ratio smooth where lightness goes to zero.
        ratio = (np.abs(after) + 0.02) / (np.abs(before) + 0.02)
        return from_oklab(np.concatenate([after, lab[..., 1:] * ratio**self.chroma], axis=-1))


@dataclass(frozen=True)
class Print:
    """Simulate a film print in ACES AP1: printer lights in stops per channel, then a Hill curve of slope `contrast`.

    At zero stops, middle grey (0.18), black and white stay unchanged.
    """

    contrast: float | Triple = 1.4
    stops: Triple = (0, 0, 0)

    def __call__(self, rgb: Array) -> Array:
        slope = np.broadcast_to(np.asarray(self.contrast, np.float64), 3)
        grey = 0.18**slope
        half = grey * (1 - 0.18) / (0.18 - grey)
        exposed = np.maximum(decode(rgb) @ TO_AP1.T, 0) * 2.0 ** np.asarray(self.stops, np.float64)
        power = exposed**slope
        return encode((1 + half) * power / (power + half) @ FROM_AP1.T)


@dataclass(frozen=True)
class Light:
    """Relight the scene by a CIE illuminant, or by kelvin on the daylight or Planckian locus, moved off it by `duv`."""

    source: float | str
    duv: float = 0.0
    amount: float = 1.0

    def __call__(self, rgb: Array) -> Array:
        matrix = relight(illuminant(self.source, self.duv))
        return encode(decode(rgb) @ (np.eye(3) + self.amount * (matrix - np.eye(3))).T)


@dataclass(frozen=True)
class Filter:
    """Put a gel before the lens: multiply linear light by its transmission (encoded colour) to the power `density`."""

    colour: str
    density: float = 1.0

    def __call__(self, rgb: Array) -> Array:
        return encode(decode(rgb) * decode(_hex(self.colour)) ** self.density)


@dataclass(frozen=True)
class Veil:
    """Add haze, flare or fog: replace the fraction `amount` of the linear light by that of `colour`."""

    colour: str
    amount: float

    def __call__(self, rgb: Array) -> Array:
        return encode(decode(rgb) * (1 - self.amount) + decode(_hex(self.colour)) * self.amount)


@dataclass(frozen=True)
class Mix:
    """Mix channels in linear light: each output channel is a weighted sum of red, green and blue."""

    red: Triple
    green: Triple
    blue: Triple

    def __call__(self, rgb: Array) -> Array:
        return encode(decode(rgb) @ np.array([self.red, self.green, self.blue], np.float64).T)


@dataclass(frozen=True)
class Mono:
    """Simulate black and white film with a colour filter: sum linear channels by `weights`, and blend by `amount`."""

    weights: Triple = (0.2126, 0.7152, 0.0722)
    amount: float = 1.0

    def __call__(self, rgb: Array) -> Array:
        linear = decode(rgb)
        grey = (linear @ np.asarray(self.weights, np.float64))[..., None]
        return encode(linear * (1 - self.amount) + grey * self.amount)


@dataclass(frozen=True)
class Bleach:
    """Simulate a bleach bypass, which keeps the silver image over the dyes: blend grey over colour by soft light."""

    amount: float = 1.0

    def __call__(self, rgb: Array) -> Array:
        silver = encode(luminance(decode(rgb)))
        over = (1 - 2 * silver) * rgb**2 + 2 * silver * rgb
        over = 0.5 * (over + (1 - 2 * silver) * silver**2 + 2 * silver**2)
        return rgb + self.amount * (over - rgb)


@dataclass(frozen=True)
class Saturate:
    """Multiply Oklab chroma by `amount`; `vibrance` raises dull colours, `shadows` and `highlights` act at the ends."""

    amount: float = 1.0
    vibrance: float = 0.0
    shadows: float = 1.0
    highlights: float = 1.0

    def __call__(self, rgb: Array) -> Array:
        lab = to_oklab(rgb)
        lightness, chroma = lab[..., :1], np.linalg.norm(lab[..., 1:], axis=-1, keepdims=True)
        dark, light = _dark_and_light(lightness)
        scale = self.amount * (1 + self.vibrance * np.exp(-((chroma / 0.12) ** 2)))
        scale = scale * (1 + (self.shadows - 1) * dark) * (1 + (self.highlights - 1) * light)
        return from_oklab(np.concatenate([lightness, lab[..., 1:] * scale], axis=-1))


@dataclass(frozen=True)
class SplitTone:
    """Tint shadows, middle tones and highlights, each by (hue, Oklab chroma), at constant lightness."""

    shadows: tuple[float, float] = (0, 0)
    highlights: tuple[float, float] = (0, 0)
    mids: tuple[float, float] = (0, 0)
    balance: float = 0.0

    def __call__(self, rgb: Array) -> Array:
        lab = to_oklab(rgb)
        dark, light = _dark_and_light(lab[..., :1] + self.balance)
        dark = dark * lab[..., :1] / (lab[..., :1] + 0.1)  # black cannot be tinted
        tint = dark * _ab(self.shadows) + light * _ab(self.highlights) + (1 - dark - light) * _ab(self.mids)
        return from_oklab(np.concatenate([lab[..., :1], lab[..., 1:] + tint], axis=-1))


@dataclass(frozen=True)
class Hue:
    """Rotate colours within `width` of `hue` by `turn` degrees, scale their chroma, and add `lift` to lightness."""

    hue: float
    turn: float = 0.0
    chroma: float = 1.0
    lift: float = 0.0
    width: float = 40.0

    def __call__(self, rgb: Array) -> Array:
        lab = to_oklab(rgb)
        chroma = np.linalg.norm(lab[..., 1:], axis=-1, keepdims=True)
        angle = np.arctan2(lab[..., 2:], lab[..., 1:2])
        near = np.exp((np.cos(angle - np.deg2rad(self.hue)) - 1) / (1 - np.cos(np.deg2rad(self.width))))
        near = near * chroma**2 / (chroma**2 + 0.04**2)  # greys have no hue
        turned = _rotate(lab[..., 1:], near * np.deg2rad(self.turn)) * self.chroma**near
        light = lab[..., :1] * (1 + self.lift * near * (1 - lab[..., :1]))
        return from_oklab(np.concatenate([light, turned], axis=-1))


@dataclass(frozen=True)
class Axis:
    """Move colours towards `hue` and its complement: scale Oklab a, b by `along` on their line and by `across` off."""

    hue: float
    along: float = 1.0
    across: float = 0.3

    def __call__(self, rgb: Array) -> Array:
        lab = to_oklab(rgb)
        axis = _ab((self.hue, 1.0))
        matrix = self.across * np.eye(2) + (self.along - self.across) * np.outer(axis, axis)
        return from_oklab(np.concatenate([lab[..., :1], lab[..., 1:] @ matrix.T], axis=-1))


@dataclass(frozen=True)
class Turn:
    """Rotate every hue by `degrees` in Oklab."""

    degrees: float

    def __call__(self, rgb: Array) -> Array:
        lab = to_oklab(rgb)
        turned = _rotate(lab[..., 1:], np.deg2rad(np.full_like(lab[..., :1], self.degrees)))
        return from_oklab(np.concatenate([lab[..., :1], turned], axis=-1))


@dataclass(frozen=True)
class Gradient:
    """Map encoded luminance to a gradient of `colours` from black to white, and blend by `amount`."""

    colours: tuple[str, ...]
    amount: float = 1.0

    def __call__(self, rgb: Array) -> Array:
        stops = np.stack([_hex(colour) for colour in self.colours])
        ramp = PchipInterpolator(np.linspace(0, 1, len(stops)), stops)
        toned = np.asarray(ramp(np.clip(encode(luminance(decode(rgb)))[..., 0], 0, 1)), np.float64)
        return rgb + self.amount * (toned - rgb)


@dataclass(frozen=True)
class Night:
    """Simulate night vision: below `threshold` (linear) colours become rod vision, tinted by (hue, chroma)."""

    threshold: float = 0.2
    tint: tuple[float, float] = (255, 0.03)
    amount: float = 1.0

    def __call__(self, rgb: Array) -> Array:
        linear = decode(rgb)
        rods = (np.maximum(linear, 0) @ np.array([0.03, 0.52, 0.45]))[..., None]  # near V' in linear sRGB, sum 1
        lab = to_oklab(encode(np.repeat(rods, 3, axis=-1)))
        seen = from_oklab(np.concatenate([lab[..., :1], lab[..., 1:] + _ab(self.tint) * lab[..., :1]], axis=-1))
        y = np.maximum(luminance(linear), 0)
        share = self.amount * self.threshold / (self.threshold + y)
        return encode(linear * (1 - share) + decode(seen) * share)


def _straight_outside(curve: Callable[[Array], Array], x: Array) -> Array:
    """Apply `curve` on 0..1, extended by its end slopes, so that consecutive steps do not clip."""
    h = 1e-4
    zero, after_zero, before_one, one = (curve(np.full_like(x, end)) for end in (0.0, h, 1 - h, 1.0))
    below, above = np.minimum(x, 0), np.maximum(x - 1, 0)
    return curve(np.clip(x, 0, 1)) + (after_zero - zero) / h * below + (one - before_one) / h * above


def _logistic(x: Array | float) -> Array:
    return np.asarray(1 / (1 + np.exp(-np.asarray(x, np.float64))))


def _spline(points: Points) -> Callable[[Array], Array]:
    x, y = np.array(points, np.float64).T
    curve = PchipInterpolator(x, y)
    return lambda values: np.asarray(curve(values), np.float64)


def _hex(colour: str) -> Array:
    return np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)], np.float64) / 255


def _ab(tone: tuple[float, float]) -> Array:
    """Return Oklab a, b of (hue in degrees, chroma)."""
    return tone[1] * np.array([np.cos(np.deg2rad(tone[0])), np.sin(np.deg2rad(tone[0]))])


def _rotate(ab: Array, angle: Array) -> Array:
    a, b, cos, sin = ab[..., :1], ab[..., 1:], np.cos(angle), np.sin(angle)
    return np.concatenate([a * cos - b * sin, a * sin + b * cos], axis=-1)


def _dark_and_light(lightness: Array) -> tuple[Array, Array]:
    """Return smooth weights of shadows and highlights (sum at most 1) by Oklab lightness."""
    x = np.clip(lightness, 0, 1)
    return (1 - x) ** 2 * (1 + 2 * x) * (1 - x), x**2 * (3 - 2 * x) * x
