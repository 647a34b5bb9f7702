"""Five colour sliders, computed in linear light: exposure, temperature, tint, contrast and saturation.

The sliders act one after another, in the order of `graded`. All of them are smooth, and each output channel rises with
the same input channel.
"""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from pydantic.dataclasses import dataclass

from sshbench.colour.difference import luminance
from sshbench.colour.srgb import decode, encode
from sshbench.options import CONFIG, Options

Floats = NDArray[np.float64]

MOST_STOPS = 3.0
MOST = 100.0
Slider = Annotated[float, Field(ge=-MOST, le=MOST, allow_inf_nan=False)]
"""A value from -100 to 100; 0 changes nothing."""

_KNEE = 0.5  # light above which highlights are compressed, so that a gain does not clip them
_PIVOT = 0.18  # light of middle grey, which the contrast does not change
_STEEPEST = 0.5  # slope at the pivot with a contrast of 100, in stops
_FLARE = 3e-3  # light added to both parts of the odds, so that every slope is finite


@dataclass(frozen=True, config=CONFIG)
class Grade(Options):
    """Changes of the foreground's colours after the method's map."""

    exposure: Annotated[float, Field(ge=-MOST_STOPS, le=MOST_STOPS, allow_inf_nan=False)] = 0.0
    """The exposure of the foreground in stops, -3 to 3."""
    contrast: Slider = 0.0
    """The contrast around middle grey, -100 to 100; at 100 the slope there is 1.4 times as steep, in linear light."""
    saturation: Slider = 0.0
    """The saturation, -100 (grey) to 100 (twice the distance from grey, less near the edge of the gamut)."""
    temperature: Slider = 0.0
    """The white balance from blue (-100) to yellow (100); the ends differ from 0 by one stop between red and blue."""
    tint: Slider = 0.0
    """The white balance from green (-100) to magenta (100); the ends differ from 0 by half a stop between green and the
    other channels."""

    @property
    def is_plain(self) -> bool:
        """Whether the sliders change nothing."""
        return not (self.exposure or self.contrast or self.saturation or self.temperature or self.tint)


def graded(colours: NDArray[Any], grade: Grade) -> Floats:
    """Return the colours after the sliders.

    With L the linear light of a channel and Y the luminance of a colour:

    1. Exposure and white balance: L is multiplied by ``2 ** (exposure + stops) / Y(2 ** stops)``, where the stops of
       red, green and blue are ``temperature / 200 + tint / 600``, ``-tint / 300`` and
       ``-temperature / 200 + tint / 600``. A grey keeps its luminance under the white balance. If a channel's gain g
       is above 1, light x above 0.5 becomes ``0.5 + 0.5 u / (1 + u (1 - 1 / v))`` with ``u = 2 x - 1`` and
       ``v = 2 g - 1``: a shoulder that begins with slope 1 and brings the brightest light to 1 exactly.
    2. Contrast: the odds ``L / (1 - L)`` of each channel are divided by those of middle grey (0.18) and raised to the
       power ``2 ** (contrast / 200)``. Light of 0.003 is added to both parts of the odds, and the curve is rescaled so
       that black and white stay unchanged; middle grey then moves by less than a code of 255.
    3. Saturation: a colour's difference from the grey of its luminance is multiplied by ``s = 1 + saturation / 100``
       up to s = 1, and above by ``s / (1 + (s - 1) r)``, where r (0 to 1) is the position of the colour between grey
       and the edge of the gamut. Colours stay in the gamut, and the luminance stays unchanged.

    Parameters
    ----------
    colours
        `[..., 3]`, sRGB-encoded; values are clipped to 0..1.

    Returns
    -------
    `[..., 3]`, sRGB-encoded, 0..1.
    """
    light = decode(np.clip(colours, 0, 1))
    if grade.exposure or grade.temperature or grade.tint:
        light = _exposed(light, gains(grade))
    if grade.contrast:
        light = _contrasted(light, 2 ** (_STEEPEST * grade.contrast / MOST))
    if grade.saturation:
        light = _saturated(light, 1 + grade.saturation / MOST)
    return encode(np.clip(light, 0, 1))


def gains(grade: Grade) -> Floats:
    """Return the gains `[3]` of red, green and blue in linear light for exposure and white balance."""
    warm, pink = grade.temperature / (2 * MOST), grade.tint / (6 * MOST)
    balance = 2.0 ** np.array([warm + pink, -2 * pink, -warm + pink])
    return np.asarray(2.0**grade.exposure * balance / luminance(balance))


def _exposed(light: Floats, gains: Floats) -> Floats:
    out = light * gains
    for channel, gain in enumerate(gains):
        if gain > 1:
            over = (out[..., channel] - _KNEE) / (1 - _KNEE)
            most = (gain - _KNEE) / (1 - _KNEE)
            shoulder = _KNEE + (1 - _KNEE) * over / (1 + np.maximum(over, 0) * (1 - 1 / most))
            out[..., channel] = np.where(over > 0, shoulder, out[..., channel])
    return out


def _contrasted(light: Floats, power: float) -> Floats:
    def curve(values: Any) -> Any:
        odds = (values + _FLARE) / (1 - values + _FLARE)
        steeper = odds**power * pivot ** (1 - power)
        return steeper / (1 + steeper)

    pivot = (_PIVOT + _FLARE) / (1 - _PIVOT + _FLARE)
    low, high = curve(0.0), curve(1.0)
    return np.asarray((curve(light) - low) / (high - low))


def _saturated(light: Floats, scale: float) -> Floats:
    grey = np.asarray(luminance(light))[..., None]
    away = light - grey
    if scale > 1:
        room = np.where(away > 0, 1 - grey, grey)
        reached = np.divide(np.abs(away), room, out=np.zeros_like(away), where=room > 1e-12).max(axis=-1, keepdims=True)
        return np.asarray(grey + away * scale / (1 + (scale - 1) * np.clip(reached, 0, 1)))
    return np.asarray(grey + scale * away)
