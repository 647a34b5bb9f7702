"""Resize a LUT to another number of points, and measure how far two LUTs are apart."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from sshbench.lut.arrays import through
from sshbench.lut.table import MAX_SIZE_1D, MAX_SIZE_3D, MIN_SIZE, Domain, Lut, LutError, identity_table

_PROBES = 1 << 15


def input_domain(lut: Lut) -> Domain:
    """Return the domain of the LUT's first stage: of the shaper, if there is one, or else of the table."""
    return lut.domain if lut.shaper_values is None else lut.shaper_domain


def resized(lut: Lut, size: int) -> Lut:
    """Return the LUT with `size` points on each axis over the same domain.

    If the LUT is a shaper with a table, only the table changes.

    Raises
    ------
    LutError
        No LUT of this kind has this size.
    """
    largest = MAX_SIZE_1D if lut.values is None else MAX_SIZE_3D
    if not MIN_SIZE <= size <= largest:
        raise LutError(f"a {lut.kind} LUT has {MIN_SIZE} to {largest} points per axis, not {size}")
    if size == lut.size:
        return lut
    if lut.values is not None:
        table = Lut(values=lut.values, domain=lut.domain)
        return replace(lut, values=through(table, identity_table(size, lut.domain)))
    assert lut.shaper_values is not None
    old, new = np.linspace(0, 1, lut.size), np.linspace(0, 1, size)
    curves = [np.interp(new, old, lut.shaper_values[:, channel]) for channel in range(3)]
    return replace(lut, shaper_values=np.stack(curves, axis=1).astype(np.float32))


def largest_difference(lut: Lut, other: Lut) -> float:
    """Return the largest difference of a channel between two LUTs, over the colours that lie in both domains.

    The search covers the points of both tables, where differences peak, and 2^15 random colours.
    """
    domains = input_domain(lut), input_domain(other)
    lower = np.max([domain.lower for domain in domains], axis=0).astype(np.float32)
    upper = np.min([domain.upper for domain in domains], axis=0).astype(np.float32)
    probes = [lower + (upper - lower) * np.random.default_rng(0).random((_PROBES, 3), np.float32)]
    for which, domain in zip((lut, other), domains, strict=True):
        if which.shaper_values is not None:
            probes.append(np.linspace(domain.lower, domain.upper, len(which.shaper_values), dtype=np.float32))
        if which.values is not None:
            probes.append(identity_table(which.size, domain).reshape(-1, 3))
    colours = np.clip(np.concatenate(probes), lower, upper)
    return float(np.abs(through(lut, colours) - through(other, colours)).max())
