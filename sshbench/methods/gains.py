"""Two simple baselines, which move the foreground's light or mean colour part of the way to the background's."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sshbench.benchmarks.composite import FAINT
from sshbench.colour.difference import luminance as luminance_of
from sshbench.colour.match import ColourFunction, Floats, function_in_space
from sshbench.colour.strength import Amount
from sshbench.errors import SshbenchError
from sshbench.lut.table import Lut, identity_table
from sshbench.methods.full_resolution import ColourMap, MapKind, View
from sshbench.methods.transfers import Match, StatisticsTransfer, background_of

SIZE = 65  # points per axis of an exported map; gains of linear light bend most near black
_DARKEST = 1 / 255 / 12.92  # linear light of the code 1; it replaces darker means, which would give extreme gains


class MappedTransfer(StatisticsTransfer):
    """A transfer whose map is defined for all colours, so that it can be applied at any size and written as a LUT."""

    def colour_maps(self, views: Sequence[View], kind: MapKind = "lut") -> list[ColourMap]:
        """Return the exact maps of the foregrounds; `kind` has no effect."""
        return [self._map_of(view) for view in views]

    def _map_of(self, view: View) -> ColourMap:
        mask = np.ones(view.foreground.shape[:2], np.float32) if view.mask is None else view.mask
        around = np.ones(view.reference.shape[:2], np.float32) if view.reference_mask is None else view.reference_mask
        pixels = view.foreground[mask > FAINT].astype(np.float64)
        if not len(pixels):
            return ColourMap(self.name, Lut.identity(SIZE))
        function = function_in_space(self.space, self.match, pixels, background_of(view.reference, around))
        grid = identity_table(SIZE)
        values = function(grid.reshape(-1, 3).astype(np.float64) * 255).reshape(grid.shape) / 255
        whole = ColourMap(self.name, Lut(values=values.astype(np.float32), title=self.name))
        return whole.followed(self.amount)


def gain(
    *, power: float = 0.5, luminance: bool = False, strength: float = 1.0, lightness: float = 1.0, colour: float = 1.0
) -> MappedTransfer:
    """Multiply linear light by (mean of the background / mean of the foreground) ** power.

    Parameters
    ----------
    power
        0 changes nothing; 1 gives the foreground the mean of the background.
    luminance
        Whether all channels share the gain of the luminance.
    strength, lightness, colour
        As for `Amount.of`: how far the map is applied.

    Raises
    ------
    SshbenchError
        The power is not from 0 to 2.
    """
    _check("power", power)
    return MappedTransfer("gain", gain_match(power, luminance), "linear", Amount.of(strength, lightness, colour))


def shift(*, strength: float = 0.5, lightness: float = 1.0, colour: float = 1.0) -> MappedTransfer:
    """Add strength * (mean of the background - mean of the foreground), in encoded values.

    Parameters
    ----------
    strength
        0 changes nothing; 1 gives the foreground the mean of the background.
    lightness, colour
        As for `Amount.of`.

    Raises
    ------
    SshbenchError
        A value is not from 0 to 2.
    """
    _check("strength", strength)
    return MappedTransfer("shift", shift_match(strength), "srgb", Amount.of(1.0, lightness, colour))


def gain_match(power: float, by_luminance: bool) -> Match:
    """Return a function that finds the gain from the linear light of the foreground and of the background."""

    def mean_of(linear: Floats) -> Floats:
        values = luminance_of(linear)[:, None] if by_luminance else linear
        means: Floats = np.maximum(values.mean(axis=0), _DARKEST)
        return means

    def match(source: Floats, target: Floats) -> ColourFunction:
        gains = (mean_of(target) / mean_of(source)) ** power
        return lambda linear: linear * gains

    return match


def shift_match(strength: float) -> Match:
    """Return a function that finds the shift from the values of the foreground and of the background."""

    def match(source: Floats, target: Floats) -> ColourFunction:
        offset = strength * (target.mean(axis=0) - source.mean(axis=0))
        return lambda values: values + offset

    return match


def _check(name: str, value: float) -> None:
    if not 0 <= value <= 2:
        raise SshbenchError(f"the {name} is 0 to 2, not {value:g}")
