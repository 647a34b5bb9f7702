"""Strength of a colour map, from 0 to 2, separately for lightness and colour.

A map is split in linear light. The lightness part is the gain by which the map multiplies the luminance of a colour.
The colour part is the change of chromaticity, which is the light divided by its luminance.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sshbench.colour.difference import luminance
from sshbench.colour.srgb import decode, encode
from sshbench.errors import SshbenchError

Floats = NDArray[np.float64]
ColourFunction = Callable[[Floats], Floats]

MOST = 2.0
_FLARE = 1e-3  # light added to luminances before their ratio is taken, so that the gain of black is finite
_LIMIT = 4.0  # largest gain of differences from grey


class AmountError(SshbenchError, ValueError):
    """A strength is outside 0 to 2."""


@dataclass(frozen=True)
class Amount:
    """The strength of a map: 0 changes nothing, 1 is the map itself, and above 1 the map is applied again.

    Parameters
    ----------
    lightness
        The exponent of the gain of luminance.
    colour
        The fraction of the change of chromaticity.
    """

    lightness: float = 1.0
    colour: float = 1.0

    @classmethod
    def of(cls, strength: float = 1.0, lightness: float = 1.0, colour: float = 1.0) -> Amount:
        """Return the amount; the strength of the whole map multiplies the strengths of both parts.

        Raises
        ------
        AmountError
            One of them is not from 0 to 2.
        """
        for name, value in (("strength", strength), ("lightness", lightness), ("colour", colour)):
            if not isinstance(value, int | float | np.number) or not 0 <= value <= MOST:
                raise AmountError(f"the {name} is 0 to {MOST:g}, not {value!r}")
        return cls(strength * lightness, strength * colour)

    @property
    def is_whole(self) -> bool:
        """Whether the map is applied unchanged."""
        return self.lightness == self.colour == 1


WHOLE = Amount()
"""The map itself."""


def followed(function: ColourFunction, amount: Amount) -> ColourFunction:
    """Return the map that applies `function` with the strength `amount`.

    Beyond 1, the map is applied again to its own result, so a gain of one stop becomes a gain of two. If the map is
    monotonic, so is its second application.

    Parameters
    ----------
    function
        A map from colours `[..., 3]` to colours of the same shape, sRGB-encoded, 0..1.
    """
    if amount.is_whole:
        return function

    def follow(colours: Floats) -> Floats:
        first = Amount(min(amount.lightness, 1.0), min(amount.colour, 1.0))
        here = between(colours, function(colours), first)
        lightness, colour = amount.lightness - 1, amount.colour - 1
        while lightness > 0 or colour > 0:
            step = Amount(min(max(lightness, 0.0), 1.0), min(max(colour, 0.0), 1.0))
            here = moved(here, function(here), step)
            lightness, colour = lightness - 1, colour - 1
        return here

    return follow


def between(before: Floats, after: Floats, amount: Amount) -> Floats:
    """Interpolate between the colours `before` and `after`, `[..., 3]` each, sRGB-encoded, 0..1.

    If both parts have the same amount, the interpolation is linear in encoded values. If one of them is 0, the result
    is that of `moved`. In between, the result is a mixture of the two.

    Parameters
    ----------
    amount
        Both parts are 0..1.
    """
    most, least = max(amount.lightness, amount.colour), min(amount.lightness, amount.colour)
    if least == 1:
        return after
    straight = before + most * (after - before)
    if most == least:
        return straight
    alone = Amount(most, 0.0) if amount.lightness > amount.colour else Amount(0.0, most)
    share = least / most
    return np.asarray(share * straight + (1 - share) * moved(before, after, alone))


def moved(before: Floats, after: Floats, amount: Amount) -> Floats:
    """Return colours whose luminance and chromaticity lie between `before` and `after`, each at its own amount.

    In linear light, the luminance is multiplied by a power of the map's gain. The differences of both colours from the
    grey of their luminance are scaled like the luminance and interpolated. This scale is limited: where black becomes
    grey, it would be infinite and turn the noise of shadows into colours.

    Parameters
    ----------
    before, after
        `[..., 3]`, sRGB-encoded, 0..1.
    amount
        Both parts are 0..1.

    Returns
    -------
    Colours `[..., 3]`, clipped to 0..1.
    """
    one, other = decode(before), decode(after)
    from_light, to_light = (np.asarray(luminance(values))[..., None] for values in (one, other))
    gain = (to_light + _FLARE) / (from_light + _FLARE)
    light = np.maximum((from_light + _FLARE) * gain**amount.lightness - _FLARE, 0.0)
    own, new = (_scaled(values, was, light) for values, was in ((one, from_light), (other, to_light)))
    return encode(np.clip(light + own + amount.colour * (new - own), 0.0, 1.0))


def _scaled(linear: Floats, light: Floats, wanted: Floats) -> Floats:
    """Return the difference of colours `[..., 3]` from grey after their luminance changes from `light` to `wanted`."""
    gain = np.divide(wanted, light, out=np.full_like(light, _LIMIT), where=light * _LIMIT > wanted)
    return (linear - light) * gain
