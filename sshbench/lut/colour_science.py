"""Convert LUTs from and to colour-science (`colour.LUT1D`, `LUT3x1D`, `LUT3D`, `LUTSequence`)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sshbench.colour.science import colour_science
from sshbench.lut.table import Domain, Lut, LutError

if TYPE_CHECKING:
    import colour


def from_colour(source: colour.LUT1D | colour.LUT3x1D | colour.LUT3D | colour.LUTSequence) -> Lut:
    """Return a LUT of the package colour-science as a `Lut`. The numbers are rounded from float64 to float32.

    Parameters
    ----------
    source
        A 1D, 3x1D or 3D LUT, or a sequence of at most one 1D or 3x1D LUT and then at most one 3D LUT.

    Returns
    -------
    Lut
        A 1D LUT, a 3D LUT, or a shaper with a table.

    Raises
    ------
    LutError
        The domain is a list of samples (explicit), the sequence has other parts or another order, or the numbers do not
        form a LUT.

    Examples
    --------
    >>> import colour
    >>> from sshbench.lut import from_colour
    >>> from_colour(colour.LUT3D(size=5, name="five"))
    <Lut 'five' 3d, 5^3 points>
    """
    science = colour_science()
    if isinstance(source, science.LUTSequence):
        return _from_sequence(source)
    if not isinstance(source, science.LUT1D | science.LUT3x1D | science.LUT3D):
        raise LutError(f"a {type(source).__name__} is not one of colour's LUT1D, LUT3x1D, LUT3D and LUTSequence")
    if source.is_domain_explicit():
        reason = "has a domain of unevenly spaced samples; convert it with colour's LUT conversion first"
        raise LutError(f"the {type(source).__name__} {source.name!r} {reason}")
    bounds = np.broadcast_to(np.asarray(source.domain).reshape(2, -1), (2, 3)).tolist()
    domain = Domain(tuple(bounds[0]), tuple(bounds[1]))
    table = _float32(source.table)
    if isinstance(source, science.LUT3D):
        return Lut(values=table.transpose(2, 1, 0, 3), domain=domain, title=source.name)  # colour has [R, G, B, 3]
    if table.ndim == 1:
        table = np.repeat(table[:, None], 3, axis=1)
    return Lut(shaper_values=table, shaper_domain=domain, title=source.name)


def to_colour(lut: Lut) -> colour.LUT3x1D | colour.LUT3D | colour.LUTSequence:
    """Return a LUT as an object of the package colour-science.

    Parameters
    ----------
    lut
        Any LUT.

    Returns
    -------
    LUT3x1D, LUT3D or LUTSequence
        A 1D LUT becomes a `LUT3x1D`, a 3D LUT a `LUT3D`, and a shaper with a table a `LUTSequence`.

    Examples
    --------
    >>> from sshbench.lut import Lut, to_colour
    >>> to_colour(Lut.identity(5)).size
    5
    """
    science = colour_science()
    stages: list[Any] = []
    if lut.shaper_values is not None:
        stages.append(science.LUT3x1D(lut.shaper_values.astype(np.float64), lut.title, _bounds(lut.shaper_domain)))
    if lut.values is not None:
        table = lut.values.transpose(2, 1, 0, 3).astype(np.float64)
        stages.append(science.LUT3D(table, lut.title, _bounds(lut.domain)))
    result: colour.LUT3x1D | colour.LUT3D | colour.LUTSequence
    result = stages[0] if len(stages) == 1 else science.LUTSequence(*stages)
    return result


def _from_sequence(source: Any) -> Lut:
    parts = [from_colour(part) for part in source]
    kinds = [part.kind for part in parts]
    if kinds in (["1d"], ["3d"]):
        return parts[0]
    if kinds != ["1d", "3d"]:
        names = ", ".join(type(part).__name__ for part in source) or "nothing"
        raise LutError(f"a LUTSequence of {names} is not a 1D LUT followed by a 3D LUT")
    shaper, cube = parts
    return Lut(
        values=cube.values,
        shaper_values=shaper.shaper_values,
        domain=cube.domain,
        shaper_domain=shaper.shaper_domain,
        title=cube.title,
    )


def _float32(table: Any) -> NDArray[np.float32]:
    with np.errstate(over="ignore"):  # `Lut` refuses infinities
        return np.asarray(table).astype(np.float32)


def _bounds(domain: Domain) -> NDArray[np.float64]:
    return np.array([domain.lower, domain.upper])
