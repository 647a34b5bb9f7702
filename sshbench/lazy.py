"""Names of a package that load on first use, so that importing the package costs nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from importlib import import_module
from typing import Any


def exports(
    package: str, homes: Mapping[str, str], subpackages: Iterable[str] = (), others: Iterable[str] = ()
) -> tuple[Callable[[str], Any], Callable[[], list[str]], list[str]]:
    """Make the `__getattr__`, `__dir__` and `__all__` of a package.

    Parameters
    ----------
    package
        The package's `__name__`.
    homes
        Where each name is defined: `"module"`, or `"module:attribute"` if the attribute has another name there.
        Modules are relative to the package; `"..other.module"` is in a package beside it.
    subpackages
        Packages in this one that are public, too.
    others
        Names that the package defines itself.
    """
    inside = frozenset(subpackages)

    def find(name: str) -> Any:
        if name in homes:
            module, _, attribute = homes[name].partition(":")
            return getattr(import_module(module if module[0] == "." else f".{module}", package), attribute or name)
        if name in inside:
            return import_module(f"{package}.{name}")
        raise AttributeError(f"module {package!r} has no attribute {name!r}")

    names = sorted({*homes, *inside, *others})
    return find, lambda: names, names
