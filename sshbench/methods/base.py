"""The interface of a method: its name, the inputs that it needs or sees, and a function from composites to images."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

from numpy.typing import NDArray

from sshbench.benchmarks.composite import Composite
from sshbench.errors import SshbenchError


class MethodError(SshbenchError):
    """A method is not known, cannot be loaded, or does not keep to the interface."""


class MethodBroken(MethodError):
    """A method exists but cannot be imported, made or used; a run continues with the others."""


class MethodFailed(MethodError):
    """A method returned no usable image.

    Attributes
    ----------
    traceback
        The traceback from the first line of the method's own code; empty if the method returned something other than
        images.
    """

    def __init__(self, why: str, traceback: str = "") -> None:
        super().__init__(why)
        self.traceback = traceback


class WeightsError(MethodError):
    """Weights are missing, damaged or belong to another network; the message says what to do."""


class MissingWeights(WeightsError):
    """A method has no weights here; a run continues with the others."""


_LONGEST = 200
NAME = re.compile(rf"[A-Za-z0-9][A-Za-z0-9._+-]{{0,{_LONGEST - 1}}}")
"""The pattern of a method's name, which is a part of file names."""


def valid_name(name: Any, where: str) -> str:
    """Return the name of a method, which is a part of the names of files and folders.

    Raises
    ------
    MethodBroken
        The name is not text, is too long, has a character that a name may not have, or is `composite`.
    """
    if not isinstance(name, str):
        raise MethodBroken(f"{where}: its name is {name!r}, not a text")
    if not NAME.fullmatch(name):
        raise MethodBroken(f"{where}: the name {name!r} is not of up to {_LONGEST} letters, digits and . _ + -")
    if name == "composite":
        raise MethodBroken(f"{where}: the name 'composite' stands for the untouched picture; choose another name")
    return str(name)


def as_name(text: str, otherwise: str = "method") -> str:
    """Return a valid name of a method, made from any text.

    A long text is shortened, and a hash of the whole text is added to keep the name unique. If the text has no ASCII
    letter or digit, the name is `otherwise`.
    """
    name = re.sub(r"[^A-Za-z0-9._+-]+", "-", text).strip("._+-") or otherwise
    if len(name) <= _LONGEST:
        return name
    return f"{name[: _LONGEST - 9]}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"


@runtime_checkable
class Method(Protocol):
    """A way to harmonize composites.

    A class of your own needs only `harmonize`. `get_method` adds the attributes that the class does not have: the
    class's name, and the values of `sshbench.methods.base.ATTRIBUTES`. A method may also have a function
    `key(composite)` that returns a text about further dependencies of a prediction, such as the contents of a
    file.

    Attributes
    ----------
    name
        The name in tables, files and `--method`: letters, digits and `.`, `_`, `+`, `-`.
    needs_background
        Whether the method looks at the unoccluded `background`, not only at the composite.
    needs_mask
        Whether the method cannot work without the mask.
    sees_target
        Whether the method looks at the ground truth, which makes it a ceiling; every table marks it.
    input_size
        Side of the square that a network works at, in pixels; None for any size.
    weights_hash
        A hash of the weights, so that stored predictions of other weights are made again; None without weights. If
        the hash is None, everything that the method object holds is compared instead.
    trained_by
        The origin of the weights, which every table states: `authors`, `sshbench` or `user`; None without weights.

    Examples
    --------
    >>> import sshbench
    >>> class Brighter:
    ...     needs_background = False
    ...     def harmonize(self, batch):
    ...         return [composite.composite / 255 * 1.1 for composite in batch]
    >>> method = sshbench.get_method(Brighter)
    >>> method.name, method.needs_mask, isinstance(method, sshbench.Method)
    ('brighter', True, True)
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

        Parameters
        ----------
        batch
            Composites, which may differ in size.

        Returns
        -------
        sequence of images
            One image for each composite, at the composite's full size, sRGB-encoded, with the background already pasted
            back. An image is a numpy array `[H, W, 3]` or a torch tensor `[3, H, W]`, of uint8 over 0..255 or of floats
            over 0..1. Floats are not rounded.
        """
        ...


class WithoutWeights:
    """Takes the place of a method whose weights are missing, and says so for every composite."""

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


class Broken(WithoutWeights):
    """Takes the place of a method that cannot be used, and says why for every composite."""

    trained_by: str | None = None

    def __init__(self, name: str, why: str, traceback: str = "") -> None:
        super().__init__(name, why)
        self.traceback = traceback

    def harmonize(self, batch: Sequence[Composite]) -> Sequence[NDArray[Any]]:
        """Raise a `MethodFailed` that says why."""
        raise MethodFailed(self.why, self.traceback)


ATTRIBUTES: Mapping[str, Any] = {
    "needs_background": False,
    "needs_mask": True,
    "sees_target": False,
    "input_size": None,
    "weights_hash": None,
    "trained_by": None,
}
