"""What a method is: a name, what it needs and sees, and one function from composites to images."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from numpy.typing import NDArray

from sshbench.benchmarks.composite import Composite
from sshbench.errors import SshbenchError


class MethodError(SshbenchError):
    """A method that is not known, cannot be loaded or does not keep to the interface."""


class WeightsError(MethodError):
    """Weights that are missing, damaged or of another network, and the way out."""


class MissingWeights(WeightsError):
    """A method that has no weights here; a run goes on with the others."""


@runtime_checkable
class Method(Protocol):
    """A way to harmonize composites.

    Of a class of one's own only `harmonize` is asked for; `get_method` gives the other attributes the values of
    `ATTRIBUTES` where the class does not have them, and the class's name.

    Attributes
    ----------
    name
        What tables, files and `--method` call it: letters, digits and `.`, `_`, `+`, `-`.
    needs_background
        It looks at the unoccluded `background`, not only at the composite.
    needs_mask
        It cannot work without the mask.
    sees_target
        It looks at the ground truth, so that it is a ceiling and no method; every table marks it.
    input_size
        Side of the square that a network works at, in pixels; None for any size.
    weights_hash
        Of the weights, so that predictions of others are not taken for its own; None without weights.
    trained_by
        Whose weights they are, which every table says: `authors`, `sshbench` or `user`; None without weights.
    """

    name: str
    needs_background: bool
    needs_mask: bool
    sees_target: bool
    input_size: int | None
    weights_hash: str | None
    trained_by: str | None

    def harmonize(self, batch: Sequence[Composite]) -> Sequence[NDArray[Any]]:
        """Harmonize composites.

        Returns
        -------
        One image a composite, `[H, W, 3]` of its full size, sRGB: uint8, or floats over 0..1 that are not rounded. The
        background is already pasted back.
        """
        ...


class WithoutWeights:
    """Stands in a table for a method whose weights are missing, and says so on every composite."""

    needs_background = False
    needs_mask = False
    sees_target = False
    input_size: int | None = None
    weights_hash: str | None = None
    trained_by: str | None = "missing"

    def __init__(self, name: str, why: str) -> None:
        self.name = name
        self.why = why

    def harmonize(self, batch: Sequence[Composite]) -> Sequence[NDArray[Any]]:
        """Raise a `MethodError` that says why."""
        raise MethodError(self.why)


ATTRIBUTES: Mapping[str, Any] = {
    "needs_background": False,
    "needs_mask": True,
    "sees_target": False,
    "input_size": None,
    "weights_hash": None,
    "trained_by": None,
}


def code_hash(method: Any) -> str:
    """Hash of the source files that a method's class, and functions it holds, are written in.

    Modules that these import are not looked at.
    """
    held = (value for value in getattr(method, "__dict__", {}).values() if inspect.isroutine(value))
    return _source_hash((*type(method).__mro__, *held))


@lru_cache(maxsize=64)
def _source_hash(parts: tuple[Any, ...]) -> str:
    files = set()
    for part in parts:
        try:
            files.add(inspect.getsourcefile(part) or "")
        except TypeError:  # built in, without a source
            continue
    digest = hashlib.sha256()
    for file in sorted(files):
        if Path(file).is_file():
            digest.update(Path(file).read_bytes())
    return digest.hexdigest()[:16]
