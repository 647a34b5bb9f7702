"""Families of computed looks: grades, ladders, and transfers of colour statistics.

The foreground of a composite differs from its background in more ways than a collection of looks shows. Each family
models one of these ways. The looks of a family are LUTs over 0..1, like all other looks.
"""

from __future__ import annotations

from functools import cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from sshbench.colour.match import LMS_TO_LAB, RGB_TO_LMS, decorrelated, rotations
from sshbench.colour.srgb import decode, encode
from sshbench.lut.bank import LutBank
from sshbench.lut.table import identity_table

Floats = NDArray[np.float64]
Table = NDArray[np.float32]
Statistic = Literal["reinhard", "xiao", "histogram", "distribution"]

SIZE = 17
GRADES = 1000
STOPS = (-2.0, -1.0, 1.0, 2.0)
KELVINS = (2800, 3500, 4500, 5500, 8000, 10000)
NEUTRAL = 6500.0

_LUMA = np.array([0.2126, 0.7152, 0.0722])
_LEVELS = 65535
_TURNS = 6  # iterations of Pitie's method; iHarmony4's authors used more, but later iterations hardly change colours
_XYZ_TO_RGB = np.array([[3.2404542, -1.5371385, -0.4985314], [-0.969266, 1.8760108, 0.041556],
                        [0.0556434, -0.2040259, 1.0572252]])  # fmt: skip


# --- grades -----------------------------------------------------------------------------------------------------------


@cache
def grade_bank(count: int = GRADES, seed: int = 0) -> LutBank:
    """Return a bank of `count` grades drawn from a seed. Their names are `grade 0`, `grade 1` and so on."""
    return _bank({f"grade {k}": grade(np.random.default_rng((seed, k))) for k in range(count)})


def grade(rng: np.random.Generator) -> Table:
    """Return one random grade `[17, 17, 17, 3]`: a photographer's adjustments, each applied with some probability.

    Exposure (a standard deviation of one stop) and white balance act on linear light, and a shoulder compresses values
    close to white. Curves, contrast, saturation, black and white points, and a little crosstalk between channels
    follow on sRGB-encoded values.
    """
    c = _grid()
    if rng.random() < 0.8:
        c = relit(c, rng.normal() if rng.random() < 0.8 else 0.0, shoulder=bool(rng.random() < 0.7))
    if rng.random() < 0.6:
        kelvin = 1e6 / np.clip(1e6 / NEUTRAL + rng.normal() * 60, 1e6 / 12000, 1e6 / 2500)
        tint = np.exp2(np.array([0.0, 0.15 * rng.normal(), 0.0]))  # green against magenta, off the Planckian locus
        c = encode(shouldered(decode(np.clip(c, 0, 1)) * white_gains(kelvin) * tint))
    if rng.random() < 0.5:
        c = np.clip(c, 0, 1) ** np.exp2(rng.normal() * 0.35 + rng.normal(size=3) * 0.12)
    if rng.random() < 0.5:
        c = np.clip(c, 0, 1)
        c = c + 2 * rng.normal() * 0.25 * np.sin((c - rng.uniform(0.3, 0.6)) * np.pi) * c * (1 - c)
    if rng.random() < 0.5:
        grey = (c @ _LUMA)[:, None]
        c = grey + (c - grey) * np.exp2(rng.normal() * 0.5)
    if rng.random() < 0.4:
        black = rng.uniform(0, 0.12) + rng.normal(size=3) * 0.03
        c = black + c * (1 - np.abs(rng.normal(size=3)) * 0.07 - black)
    if rng.random() < 0.2:
        c = c @ (np.eye(3) + rng.normal(size=(3, 3)) * 0.06).T
    return _table(c)


# --- ladders ----------------------------------------------------------------------------------------------------------


@cache
def ladder_bank() -> LutBank:
    """Return a bank of known errors: exposure by -2, -1, 1 and 2 stops, and white balance from 2,800 to 10,000 K."""
    stops = {f"{stop:+g} EV": exposure_step(stop) for stop in STOPS}
    kelvins = {f"{kelvin} K": white_balance_step(kelvin) for kelvin in KELVINS}
    return _bank(stops | kelvins)


def exposure_step(stops: float) -> Table:
    """Return a table that multiplies linear light by `2 ** stops` and clips it at white, as a camera does."""
    return _table(relit(_grid(), stops, shoulder=False))


def white_balance_step(kelvin: float) -> Table:
    """Return a table that shows light of `kelvin` under a white balance for 6,500 K; white keeps its luminance."""
    return _table(encode(np.clip(decode(_grid()) * white_gains(kelvin), 0, 1)))


def ladder(rng: np.random.Generator) -> Table:
    """Return a table `[17, 17, 17, 3]` with a random error of exposure, of white balance, or of both, for training."""
    stops = rng.uniform(-2.2, 2.2) if rng.random() < 0.6 else 0.0
    light = decode(_grid()) * np.exp2(stops)
    if stops == 0 or rng.random() < 0.3:
        light = light * white_gains(1e6 / rng.uniform(1e6 / 10500, 1e6 / 2700))
    return _table(encode(np.clip(light, 0, 1)))


def exposure(rng: np.random.Generator) -> Table:
    """Return a table `[17, 17, 17, 3]` with a random exposure (a standard deviation of 1.3 stops), for training.

    A shoulder compresses values close to white in 70% of the tables, and the rest clips them.
    """
    return _table(relit(_grid(), 1.3 * rng.normal(), shoulder=bool(rng.random() < 0.7)))


def relit(colours: Floats, stops: float, *, shoulder: bool) -> Floats:
    """Return colours `[N, 3]`, sRGB-encoded over 0..1, with their exposure changed by `stops`.

    With `shoulder`, values close to white are compressed; otherwise they are clipped.
    """
    light = decode(np.clip(colours, 0, 1)) * np.exp2(stops)
    return encode(shouldered(light) if shoulder else np.clip(light, 0, 1))


def shouldered(light: Floats) -> Floats:
    """Return linear light compressed above 0.8, so that all values stay below white (1.0)."""
    return np.where(light > 0.8, 1 - 0.2 * np.exp(-np.maximum(light - 0.8, 0) / 0.2), light)


def white_gains(kelvin: float) -> Floats:
    """Return the gains `[3]` of linear R, G, B that map white at 6,500 K to the white of a black body at `kelvin`.

    The chromaticity follows Kang et al. 2002, "Design of advanced color temperature control system for HDTV
    applications", valid from 1,667 to 25,000 K. The gains keep the luminance of white.
    """
    gains = _white(kelvin) / _white(NEUTRAL)
    return np.asarray(gains / (gains @ _LUMA))


def _white(kelvin: float) -> Floats:
    t = 1e3 / kelvin
    if kelvin <= 4000:
        x = -0.2661239 * t**3 - 0.2343589 * t**2 + 0.8776956 * t + 0.179910
    else:
        x = -3.0258469 * t**3 + 2.1070379 * t**2 + 0.2226347 * t + 0.24039
    if kelvin <= 2222:
        y = -1.1063814 * x**3 - 1.34811020 * x**2 + 2.18555832 * x - 0.20219683
    elif kelvin <= 4000:
        y = -0.9549476 * x**3 - 1.37418593 * x**2 + 2.09137015 * x - 0.16748867
    else:
        y = 3.0817580 * x**3 - 5.87338670 * x**2 + 3.75112997 * x - 0.37001483
    return np.asarray(np.maximum(_XYZ_TO_RGB @ np.array([x / y, 1.0, (1 - x - y) / y]), 0.02))


# --- transfers --------------------------------------------------------------------------------------------------------


def transfer_table(method: Statistic, source: Floats, target: Floats) -> Table:
    """Return a LUT `[17, 17, 17, 3]` that gives the colours of `source` the statistics of `target`.

    Parameters
    ----------
    method
        The method of Reinhard et al. 2001, Xiao and Ma 2006, Fecker et al. 2008 or Pitie et al. 2007. These four
        methods made iHarmony4.
    source, target
        Colours `[N, 3]`, sRGB-encoded over 0..1. The LUT extrapolates to colours that `source` does not contain.
    """
    return _table(np.clip(_STATISTICS[method](source, target, _grid()), 0, 1))


def _reinhard(source: Floats, target: Floats, colours: Floats) -> Floats:
    one, other, lab = (decorrelated(decode(rgb)) for rgb in (source, target, colours))
    lab = (lab - one.mean(0)) * (other.std(0) / np.maximum(one.std(0), 1e-4)).clip(0.1, 10) + other.mean(0)
    light = 10.0 ** np.clip(lab @ np.linalg.inv(LMS_TO_LAB).T, -6, 2) @ np.linalg.inv(RGB_TO_LMS).T
    return encode(np.clip(light, 0, 1))


def _xiao(source: Floats, target: Floats, colours: Floats) -> Floats:
    variances, axes = np.linalg.eigh(np.cov(source, rowvar=False) + 1e-6 * np.eye(3))
    others, other_axes = np.linalg.eigh(np.cov(target, rowvar=False) + 1e-6 * np.eye(3))
    signs = np.sign(np.einsum("ij,ij->j", axes, other_axes))
    scale = np.sqrt(others / variances).clip(0.1, 10)
    matrix = (other_axes * np.where(signs == 0, 1.0, signs) * scale) @ axes.T
    return np.asarray((colours - source.mean(0)) @ matrix.T + target.mean(0))


def _histogram(source: Floats, target: Floats, colours: Floats) -> Floats:
    columns = zip(source.T, target.T, colours.T, strict=True)
    return np.stack([_through_quantiles(one, other, at) for one, other, at in columns], 1)


def _distribution(source: Floats, target: Floats, colours: Floats) -> Floats:
    source, colours = source.copy(), colours.copy()
    for turn in rotations(_TURNS):
        turned, others, at = source @ turn.T, target @ turn.T, colours @ turn.T
        both = np.concatenate([turned, at])
        moved = np.stack([_through_quantiles(a, b, c) for a, b, c in zip(turned.T, others.T, both.T, strict=True)], 1)
        source, colours = moved[: len(source)] @ turn, moved[len(source) :] @ turn
    return colours


def _through_quantiles(source: Floats, target: Floats, at: Floats) -> Floats:
    """Map `at` from the quantiles of `source` to those of `target`; shift values outside the range of `source`."""
    shares = np.linspace(0, 1, 65)
    x, y = np.quantile(source, shares), np.quantile(target, shares)
    x = x + np.arange(65) * 1e-7
    inside = np.interp(at, x, y)
    return np.asarray(inside + np.minimum(at - x[0], 0) + np.maximum(at - x[-1], 0))


_STATISTICS = {"reinhard": _reinhard, "xiao": _xiao, "histogram": _histogram, "distribution": _distribution}


def _bank(tables: dict[str, Table]) -> LutBank:
    """Return a bank of the tables, rounded to 16 bits: the last bits of powers differ between machines."""
    values = np.rint(np.stack(list(tables.values())).astype(np.float64) * _LEVELS) / _LEVELS
    return LutBank(values.astype(np.float32), tuple(tables), (0.0,) * len(tables))


@cache
def _grid() -> Floats:
    return identity_table(SIZE).reshape(-1, 3).astype(np.float64)


def _table(colours: Floats) -> Table:
    return np.asarray(np.clip(colours, 0, 1).reshape(SIZE, SIZE, SIZE, 3), np.float32)
