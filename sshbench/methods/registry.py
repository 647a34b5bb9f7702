"""Finds methods by name, in other installed packages, or in a file: `get_method("pitie")`, `"path.py:Class"`.

A name may carry options, `"ssh:map=polynomial,weights=mine.safetensors"`: keyword arguments of the method's class or
function, turned from text into the type that each is annotated with.
"""

from __future__ import annotations

import difflib
import hashlib
import inspect
import re
import sys
from collections.abc import Mapping
from importlib import import_module, metadata
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType, NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from sshbench.errors import SshbenchError
from sshbench.methods.base import ATTRIBUTES, Method, MethodError, WeightsError

ENTRY_POINTS = "sshbench.methods"

# Name -> "module:attribute", a class or a function that makes the method; imported when asked for.
METHODS: dict[str, str] = {
    "dc": "sshbench.methods.dc:DirectComposition",
    "gain": "sshbench.methods.gains:gain",
    "shift": "sshbench.methods.gains:shift",
    "reinhard": "sshbench.methods.transfers:reinhard",
    "xiao": "sshbench.methods.transfers:xiao",
    "fecker": "sshbench.methods.transfers:fecker",
    "pitie": "sshbench.methods.transfers:pitie",
    "monge-kantorovich": "sshbench.methods.transfers:monge_kantorovich",
    "ceiling-linear": "sshbench.methods.ceilings:linear",
    "ceiling-polynomial": "sshbench.methods.ceilings:polynomial",
    "ceiling-lut": "sshbench.methods.ceilings:lut",
    "ssh": "sshbench.methods.ssh:SshMethod",
    "ssh-lut": "sshbench.methods.ssh_lut:SshLutMethod",
    "dovenet": "sshbench.methods.dovenet:DoveNet",
    "s2am": "sshbench.methods.s2am:SpatialSeparatedAttention",
    "dih": "sshbench.methods.dih:DeepImageHarmonization",
    "wct2": "sshbench.methods.wct2:Wct2",
    "idih": "sshbench.methods.idih:ImprovedDih",
    "issam": "sshbench.methods.issam:ImprovedSsam",
    "pct-net": "sshbench.methods.pct_net:PctNet",
    "harmonizer": "sshbench.methods.harmonizer:Harmonizer",
    "hdnet": "sshbench.methods.hdnet:HdNet",
}

UNSHIPPED: tuple[str, ...] = ("dovenet", "s2am", "dih", "wct2", "idih", "issam", "pct-net", "harmonizer", "hdnet")
"""Those of them that need weights which do not come along."""

DEFAULTS = tuple(name for name in METHODS if name not in UNSHIPPED)
"""What `sshbench evaluate` runs where no method is named: all that need nothing else."""

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,199}")
"""What a method may be called, which is a part of the names of files."""

_GIVEN = ("device", "weights")  # options that have arguments of their own and do not make another method


def installed_methods() -> dict[str, metadata.EntryPoint]:
    """Methods of other packages, which name them under the entry point group `sshbench.methods`."""
    return {point.name: point for point in metadata.entry_points(group=ENTRY_POINTS)}


def get_method(name: str, *, device: str | None = None, weights: str | Path | None = None) -> Method:
    """Make the method called `name`.

    Parameters
    ----------
    name
        One of `METHODS`, the name of an entry point in the group `sshbench.methods`, `path.py:Class` for a file of
        one's own, or `path.py` where it has one class with `harmonize`. Options follow after a colon,
        `name:key=value,key=value`; the method's own name is then `name+key-value`, so that both stand in one table.
    device
        Handed to methods whose class or function takes a `device`, such as `"cpu"` or `"cuda:0"`.
    weights
        Handed to methods that take `weights`, as for `sshbench.methods.weights.load_weights`.

    Raises
    ------
    MethodError
        Nothing has this name, it cannot be imported or made, it does not take an option or its value, or it has no
        `harmonize(batch)`.
    MissingWeights
        It needs weights, none were given, and there are none here.
    """
    plain, options = split_options(name)
    factory, listed_as = _factory(plain)
    if not (inspect.isclass(factory) or inspect.isroutine(factory)):
        if options or weights is not None:
            raise MethodError(f"{plain} is a method that was made already and takes no options")
        return _complete(factory, plain, listed_as)
    arguments = _arguments(factory, plain, options)
    if weights is not None:
        if "weights" not in _parameters(factory):
            raise MethodError(f"{plain} takes no weights")
        arguments.setdefault("weights", str(weights))
    if device and "device" in _parameters(factory):
        arguments.setdefault("device", device)
    method = _complete(_make(factory, plain, arguments), plain, listed_as)
    if options:
        method.name += _suffix(options)
    return method


def check_listed(name: str, where: str | Path) -> str:
    """Return a method's name that a file says, which is not to be imported if it names a file.

    Raises
    ------
    WeightsError
        It is neither one of `METHODS` nor of an installed package.
    """
    if name in METHODS or name in installed_methods():
        return name
    raise WeightsError(
        f"{where} says that it holds weights of {name!r}, and there is no such method here or in an installed package; "
        "of a method in a file of your own, give the weights to the method"
    )


def split_options(name: str) -> tuple[str, dict[str, str]]:
    """The name of a method and its options, `"ssh:map=lut"` -> `"ssh", {"map": "lut"}`.

    Raises
    ------
    MethodError
        What follows the colon is not `key=value`.
    """
    plain, colon, text = name.rpartition(":")
    if not colon or "=" not in text:
        return name, {}
    options = {}
    for part in text.split(","):
        key, sign, value = part.partition("=")
        if not (key.strip() and sign and value.strip()):
            raise MethodError(f"{name}: an option is key=value, not {part!r}")
        options[key.strip()] = value.strip()
    return plain, options


def listed_name(name: str) -> str:
    """What tables call the method of a name with options, `"ssh:map=lut"` -> `"ssh+map-lut"`."""
    plain, options = split_options(name)
    return plain + _suffix(options)


def takes_weights(name: str) -> bool:
    """Whether the method of this name can be given weights."""
    factory, _ = _factory(split_options(name)[0])
    return (inspect.isclass(factory) or inspect.isroutine(factory)) and "weights" in _parameters(factory)


def _factory(name: str) -> tuple[Any, str | None]:
    """What makes a method, and the name that its package lists it under."""
    path, _, attribute = name.partition(".py:") if ".py:" in name else (name.removesuffix(".py"), "", "")
    if name.endswith(".py") or ".py:" in name:
        return _from_file(Path(path + ".py"), attribute), None
    if name in METHODS:
        module, attribute = METHODS[name].split(":")
        return getattr(import_module(module), attribute), None
    others = installed_methods()
    if name in others:
        try:
            return others[name].load(), name
        except Exception as error:
            raise MethodError(f"{name}: {others[name].value} cannot be imported ({_say(error)})") from error
    raise MethodError(f"there is no method {name!r}{_suggestion(name, [*METHODS, *others])}")


def _parameters(factory: Any) -> Mapping[str, inspect.Parameter]:
    return inspect.signature(factory).parameters


def _arguments(factory: Any, name: str, options: Mapping[str, str]) -> dict[str, Any]:
    """Options as keyword arguments of the types that the factory declares."""
    if not options:
        return {}
    known = [
        key for key, one in _parameters(factory).items() if one.kind in (one.POSITIONAL_OR_KEYWORD, one.KEYWORD_ONLY)
    ]
    hints = get_type_hints(factory.__init__ if inspect.isclass(factory) else factory)
    arguments = {}
    for key, text in options.items():
        if key not in known:
            there = f"there are {', '.join(sorted(known))}" if known else "it has none"
            raise MethodError(f"{name} has no option {key!r}; {there}")
        try:
            arguments[key] = _value(text, hints.get(key, str))
        except ValueError as error:
            raise MethodError(f"{name}: {key} is {error}, not {text!r}") from error
    return arguments


def _value(text: str, hint: Any) -> Any:
    """Text as a value of an annotated type; a ValueError says what it should be."""
    if get_origin(hint) is Literal:
        values = [str(value) for value in get_args(hint)]
        if text not in values:
            raise ValueError(" or ".join(values))
        return get_args(hint)[values.index(text)]
    if get_origin(hint) in (Union, UnionType):
        kinds = [kind for kind in get_args(hint) if kind is not NoneType]
        return _value(text, kinds[0])
    if hint is bool:
        if text.lower() not in ("true", "false"):
            raise ValueError("true or false")
        return text.lower() == "true"
    if hint in (int, float):
        try:
            return hint(text)
        except ValueError as error:
            raise ValueError("a whole number" if hint is int else "a number") from error
    return text


def _suffix(options: Mapping[str, str]) -> str:
    """What options add to a method's name; of weights the name of their file."""
    parts = []
    for key, value in options.items():
        if key == "weights":
            parts.append(Path(value).name.removesuffix(".safetensors"))
        elif key not in _GIVEN:
            parts.append(f"{key}-{value}")
    return "".join(f"+{re.sub(r'[^A-Za-z0-9._-]+', '-', part)}" for part in parts)


def _suggestion(name: str, known: list[str]) -> str:
    close = [one for one in known if name and name.lower() in one]
    close = close or difflib.get_close_matches(name.lower(), known, n=3, cutoff=0.5)
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


def _make(factory: Any, name: str, arguments: Mapping[str, Any]) -> Any:
    try:
        return factory(**arguments)
    except SshbenchError:
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
    if not NAME.fullmatch(str(method.name)):
        raise MethodError(f"{asked}: the name {method.name!r} is not of up to 200 letters, digits and . _ + -")
    complete: Method = method
    return complete


def _say(error: BaseException) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())
