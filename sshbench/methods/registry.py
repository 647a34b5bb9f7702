"""Finds methods by name, in other installed packages, or in a file: `get_method("pitie")`, `"path.py:Class"`."""

from __future__ import annotations

import difflib
import hashlib
import inspect
import re
import sys
from importlib import import_module, metadata
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

from sshbench.methods.base import ATTRIBUTES, Method, MethodError

ENTRY_POINTS = "sshbench.methods"

# Name -> "module:attribute", a class or a function that makes the method; imported when asked for.
METHODS: dict[str, str] = {
    "dc": "sshbench.methods.dc:DirectComposition",
    "reinhard": "sshbench.methods.transfers:reinhard",
    "xiao": "sshbench.methods.transfers:xiao",
    "fecker": "sshbench.methods.transfers:fecker",
    "pitie": "sshbench.methods.transfers:pitie",
    "monge-kantorovich": "sshbench.methods.transfers:monge_kantorovich",
    "ceiling-linear": "sshbench.methods.ceilings:linear",
    "ceiling-polynomial": "sshbench.methods.ceilings:polynomial",
    "ceiling-lut": "sshbench.methods.ceilings:lut",
}

DEFAULTS = tuple(METHODS)
"""What `sshbench evaluate` runs where no method is named: all that need no weights."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]*")


def installed_methods() -> dict[str, metadata.EntryPoint]:
    """Methods of other packages, which name them under the entry point group `sshbench.methods`."""
    return {point.name: point for point in metadata.entry_points(group=ENTRY_POINTS)}


def get_method(name: str, *, device: str | None = None) -> Method:
    """Make the method called `name`.

    Parameters
    ----------
    name
        One of `METHODS`, the name of an entry point in the group `sshbench.methods`, `path.py:Class` for a file of
        one's own, or `path.py` where it has one class with `harmonize`.
    device
        Handed to methods whose class or function takes a `device`, such as `"cpu"` or `"cuda:0"`.

    Raises
    ------
    MethodError
        Nothing has this name, it cannot be imported or made, or it has no `harmonize(batch)`.
    """
    path, _, attribute = name.partition(".py:") if ".py:" in name else (name.removesuffix(".py"), "", "")
    if name.endswith(".py") or ".py:" in name:
        return _complete(_make(_from_file(Path(path + ".py"), attribute), name, device), name)
    if name in METHODS:
        module, attribute = METHODS[name].split(":")
        return _complete(_make(getattr(import_module(module), attribute), name, device), name)
    others = installed_methods()
    if name in others:
        try:
            factory = others[name].load()
        except Exception as error:
            raise MethodError(f"{name}: {others[name].value} cannot be imported ({_say(error)})") from error
        return _complete(_make(factory, name, device), name, listed_as=name)
    raise MethodError(f"there is no method {name!r}{_suggestion(name, [*METHODS, *others])}")


def _suggestion(name: str, known: list[str]) -> str:
    close = difflib.get_close_matches(name.lower(), known, n=3, cutoff=0.5)
    close = close or [one for one in known if name.lower() in one]
    if close:
        return f"; did you mean {' or '.join(close)}?"
    return f"; there are {', '.join(sorted(known))}, and path.py:Class for one of your own"


def _from_file(path: Path, attribute: str) -> Any:
    if not path.is_file():
        raise MethodError(f"{path}: there is no such file to take a method from")
    module = _import_file(path)
    if attribute:
        if not hasattr(module, attribute):
            close = _suggestion(attribute, _classes(module)) if _classes(module) else ""
            raise MethodError(f"{path} has no {attribute!r}{close}")
        return getattr(module, attribute)
    classes = _classes(module)
    if len(classes) != 1:
        found = f"has {', '.join(classes)}" if classes else "has no class with harmonize(batch)"
        raise MethodError(f"{path} {found}; name one as {path}:Class")
    return getattr(module, classes[0])


def _import_file(path: Path) -> ModuleType:
    full = path.resolve()
    name = f"sshbench_method_{path.stem}_{hashlib.sha256(str(full).encode()).hexdigest()[:8]}"
    if name in sys.modules:
        return sys.modules[name]
    spec = spec_from_file_location(name, full)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    sys.modules[name] = module  # dataclasses and pickles of the file's classes look it up
    sys.path.insert(0, str(full.parent))  # what stands beside the file can be imported, as from a script
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[name]
        raise MethodError(f"{path} cannot be imported ({_say(error)})") from error
    finally:
        sys.path.remove(str(full.parent))
    return module


def _classes(module: ModuleType) -> list[str]:
    return [
        name
        for name, value in vars(module).items()
        if inspect.isclass(value) and value.__module__ == module.__name__ and hasattr(value, "harmonize")
    ]


def _make(factory: Any, name: str, device: str | None) -> Any:
    if not (inspect.isclass(factory) or inspect.isroutine(factory)):
        return factory  # already a method
    options = {"device": device} if device and "device" in inspect.signature(factory).parameters else {}
    try:
        return factory(**options)
    except MethodError:
        raise
    except Exception as error:
        raise MethodError(f"{name}: the method cannot be made ({_say(error)})") from error


def _complete(method: Any, asked: str, listed_as: str | None = None) -> Method:
    if not callable(getattr(method, "harmonize", None)):
        raise MethodError(
            f"{asked}: {type(method).__name__} has no harmonize(batch), which takes composites and returns images"
        )
    own = {"name": listed_as or type(method).__name__.lower(), **ATTRIBUTES}
    for attribute, value in own.items():
        if not hasattr(method, attribute):
            setattr(method, attribute, value)
    if not _NAME.fullmatch(str(method.name)):
        raise MethodError(f"{asked}: the name {method.name!r} has more than letters, digits and . _ + -")
    complete: Method = method
    return complete


def _say(error: BaseException) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())
