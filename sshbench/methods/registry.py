"""Find methods by name, in other installed packages, or in a file: `get_method("pitie")`, `"path.py:Class"`.

In Python, objects that are methods, and functions from one composite to its image, are accepted, too.

A name may have options, `"ssh:map=polynomial,weights=mine.safetensors"`. They are keyword arguments of the method's
class or function, and are converted from text to the annotated types or the types of the defaults.
"""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module, metadata
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from sshbench.benchmarks.composite import Composite
from sshbench.errors import SshbenchError, suggestion
from sshbench.methods.base import ATTRIBUTES, Method, MethodBroken, MethodError, WeightsError, as_name, valid_name
from sshbench.methods.calling import by_user, reason, undisturbed
from sshbench.methods.named_options import GIVEN, arguments_of, parameters, split_options, suffix
from sshbench.methods.user_file import UserFileError, import_file

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
"""The methods whose weights do not ship."""

DEFAULTS = tuple(name for name in METHODS if name not in UNSHIPPED)
"""The methods that `sshbench evaluate` runs by default: all methods that work without a download of weights."""

AnyMethod = str | Method | type | Callable[[Composite], Any]
"""The values that are accepted as a method: a name, an object, its class, or a function from composite to image."""


def installed_methods() -> dict[str, metadata.EntryPoint]:
    """Return the methods that other packages list in the entry point group `sshbench.methods`, by name."""
    return entry_points(ENTRY_POINTS)


def entry_points(group: str) -> dict[str, metadata.EntryPoint]:
    """Return the entry points of a group by name; a package whose files are damaged is passed over with a warning."""
    try:
        return {point.name: point for point in metadata.entry_points(group=group)}
    except Exception:  # of one package, for which the standard library gives up all
        found: dict[str, metadata.EntryPoint] = {}
        for package in metadata.distributions():
            try:
                found = {point.name: point for point in package.entry_points if point.group == group} | found
            except Exception as error:
                text = f"an installed package has a damaged entry_points.txt ({reason(error)}) and is passed over"
                warnings.warn(f"{getattr(package, '_path', 'somewhere')}: {text}", RuntimeWarning, stacklevel=2)
        return found


def get_method(
    name: AnyMethod,
    *,
    device: str | None = None,
    weights: str | Path | None = None,
) -> Method:
    """Make a method from its name, its class, a function, or an object.

    Parameters
    ----------
    name
        One of `sshbench.methods.METHODS`, the name of an entry point in the group `sshbench.methods`, `path.py:Class`
        for a file of your own, or `path.py` if the file has one class with `harmonize`, or else one function of a
        composite. Options follow after a colon, `name:key=value,key=value`; the method is then called `name+key-value`,
        so that both stand in one table.

        In Python also an object with `harmonize(batch)`, its class, or a function `f(composite)` that returns an image.
        `path.py:function` may be such a function, too.
    device
        Handed to methods whose class or function takes a `device`, such as `"cpu"` or `"cuda:0"`.
    weights
        Handed to methods that take `weights`: a folder or file that sshbench wrote, `hf://user/repo`, a file of the
        authors, `"authors"` or `"sshbench"`.

    Returns
    -------
    Method
        An object with `harmonize(batch)` and the attributes of `Method`.

    Raises
    ------
    MethodError
        Nothing has this name, or the method does not take an option or its value.
    MethodBroken
        The method exists, but it cannot be imported or made, or does not keep to the interface.
    MissingWeights
        The method needs weights, but none were given and none are stored on this machine.

    Examples
    --------
    >>> import sshbench
    >>> composite = sshbench.load_benchmark("sample")[0]
    >>> method = sshbench.get_method("reinhard")
    >>> method.harmonize([composite])[0].shape
    (512, 512, 3)
    >>> sshbench.get_method(lambda composite: composite.composite // 2).name
    'lambda'
    """
    plain, options = split_options(name) if isinstance(name, str) else (_called(name), {})
    factory, listed_as = _factory(plain) if isinstance(name, str) else (name, None)
    if not (inspect.isclass(factory) or inspect.isroutine(factory)):
        if options or weights is not None:
            raise MethodError(f"{plain} is a method that was made already and takes no options")
        return _complete(factory, plain, listed_as)
    if inspect.isroutine(factory) and _harmonizes_one(factory, options):
        if weights is not None:
            raise MethodError(f"{plain} takes no weights")
        of_function = OfFunction(factory, listed_as, arguments_of(factory, plain, options))
        return _with_options(_complete(of_function, plain, listed_as), options, plain)
    arguments = arguments_of(factory, plain, options)
    if weights is not None:
        if "weights" not in parameters(factory):
            raise MethodError(f"{plain} takes no weights")
        arguments.setdefault("weights", str(weights))
    if device and "device" in parameters(factory):
        arguments.setdefault("device", device)
    return _with_options(_complete(_make(factory, plain, arguments), plain, listed_as), options, plain)


def _with_options(method: Method, options: Mapping[str, str], asked: str) -> Method:
    if options:
        _set(method, "name", as_name(method.name + suffix(options)), asked)
    return method


class OfFunction:
    """A method that calls a function for each composite, with options; it has the function's name."""

    def __init__(
        self, function: Callable[..., Any], name: str | None = None, options: Mapping[str, Any] | None = None
    ) -> None:
        self.function, self.options = function, dict(options or {})
        own = getattr(function, "name", None) or getattr(function, "__name__", "function")
        self.name = name or as_name(str(own))

    def harmonize(self, batch: Sequence[Composite]) -> list[Any]:
        """Return the function's results, one for each composite."""
        return [self.function(composite, **self.options) for composite in batch]


def check_listed(name: str, where: str | Path) -> str:
    """Return the method's name that a file of weights states. Names of Python files are refused: they run code.

    Raises
    ------
    WeightsError
        The name is neither one of `METHODS` nor that of an installed package's method.
    """
    if name in METHODS or name in installed_methods():
        return name
    raise WeightsError(
        f"{where} says that it holds weights of {name!r}, and there is no such method here or in an installed package; "
        "if the method is in a file of your own, pass the weights to that method"
    )


def check_name(name: str) -> None:
    """Refuse an unknown name, without importing anything.

    Raises
    ------
    MethodError
        As for `get_method`.
    """
    plain, _ = split_options(name)
    if (file := _file_of(plain)) is not None:
        if not file[0].is_file():
            raise MethodError(f"{file[0]}: there is no such file to take a method from")
    elif plain not in METHODS and plain not in installed_methods():
        raise MethodError(f"there is no method {plain!r}{_suggestion(plain, [*METHODS, *installed_methods()])}")


def is_foreign(name: str) -> bool:
    """Return whether a method's code is outside this package."""
    return split_options(name)[0] not in METHODS


def listed_name(name: str) -> str:
    """Return the name that tables show for a method with options: `"ssh:map=lut"` gives `"ssh+map-lut"`."""
    plain, options = split_options(name)
    file = _file_of(plain)
    return as_name((plain if file is None else file[1].lower() or file[0].stem) + suffix(options))


def takes_weights(name: str) -> bool:
    """Return whether the method of this name can be given weights."""
    factory, _ = _factory(split_options(name)[0])
    return (inspect.isclass(factory) or inspect.isroutine(factory)) and "weights" in parameters(factory)


def _file_of(name: str) -> tuple[Path, str] | None:
    """Return the file and the name in it for `path.py:Class` or `path.py`; None for other names."""
    if not (name.endswith(".py") or ".py:" in name):
        return None
    path, _, attribute = name.partition(".py:") if ".py:" in name else (name.removesuffix(".py"), "", "")
    return Path(path + ".py").expanduser(), attribute


def _factory(name: str) -> tuple[Any, str | None]:
    """Return the class or function that makes a method, and the name under which its package lists it."""
    file = _file_of(name)
    if file is not None:
        return _from_file(*file), None
    if name in METHODS:
        module, attribute = METHODS[name].split(":")
        return getattr(import_module(module), attribute), None
    others = installed_methods()
    if name in others:
        try:
            with undisturbed():
                return others[name].load(), name
        except BaseException as error:
            if by_user(error):
                raise
            raise MethodBroken(f"{name}: {others[name].value} cannot be imported ({reason(error)})") from error
    raise MethodError(f"there is no method {name!r}{_suggestion(name, [*METHODS, *others])}")


def _harmonizes_one(function: Callable[..., Any], options: Mapping[str, str]) -> bool:
    """Return whether a function takes one composite; a function that makes a method needs only options, or nothing."""
    needed = [
        name
        for name, one in parameters(function).items()
        if one.default is one.empty and one.kind in (one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD)
    ]
    return len(needed) == 1 and needed[0] not in {*options, *GIVEN}


def _called(method: Any) -> str:
    """Return the name, for messages, of an object that a caller gave in place of a name."""
    return str(getattr(method, "__qualname__", None) or type(method).__qualname__)


def _suggestion(name: str, known: list[str]) -> str:
    every = f"there are {', '.join(sorted(known))}, and path.py:Class for your own method"
    return suggestion(name, known, most=3, otherwise=every)


def _from_file(path: Path, attribute: str) -> Any:
    if not path.is_file():
        raise MethodError(f"{path}: there is no such file to take a method from")
    try:
        module = import_file(path)
    except UserFileError as error:
        raise MethodBroken(str(error)) from (error.__cause__ or error)
    if attribute:
        if not hasattr(module, attribute):
            close = suggestion(attribute, [*_classes(module), *_functions(module)])
            raise MethodError(f"{path} has no {attribute!r}{close}")
        return getattr(module, attribute)
    found = _classes(module) or [name for name in _functions(module) if _harmonizes_one(getattr(module, name), {})]
    if not found:
        raise MethodError(f"{path} has no class with harmonize(batch) and no function of one composite")
    if len(found) > 1:
        raise MethodError(f"{path} has {', '.join(found)}; name one as {path}:{found[0]}")
    return getattr(module, found[0])


def _classes(module: ModuleType) -> list[str]:
    return [
        name
        for name, value in vars(module).items()
        if inspect.isclass(value) and value.__module__ == module.__name__ and hasattr(value, "harmonize")
    ]


def _functions(module: ModuleType) -> list[str]:
    return [
        name
        for name, value in vars(module).items()
        if inspect.isfunction(value) and value.__module__ == module.__name__ and not name.startswith("_")
    ]


def _make(factory: Any, name: str, arguments: Mapping[str, Any]) -> Any:
    try:
        with undisturbed():
            return factory(**arguments)
    except SshbenchError:
        raise
    except BaseException as error:  # SystemExit too
        if by_user(error):
            raise
        raise MethodBroken(f"{name}: the method cannot be made ({reason(error)})") from error


_KINDS: Mapping[str, tuple[type | tuple[type, ...], str]] = {
    "needs_background": ((bool, np.bool_), "True or False"),
    "needs_mask": ((bool, np.bool_), "True or False"),
    "sees_target": ((bool, np.bool_), "True or False"),
    "weights_hash": ((str, type(None)), "a text or None"),
    "trained_by": ((str, type(None)), "a text or None"),
}


def _complete(method: Any, asked: str, listed_as: str | None = None) -> Method:
    try:
        harmonize = getattr(method, "harmonize", None)
    except Exception as error:
        raise MethodBroken(f"{asked}: its harmonize cannot be read ({reason(error)})") from error
    if not callable(harmonize) or inspect.isclass(method):
        raise MethodBroken(
            f"{asked}: {type(method).__name__} has no harmonize(batch), which takes composites and returns images"
        )
    own = {"name": listed_as or as_name(type(method).__name__.lower()), **ATTRIBUTES}
    for attribute, value in own.items():
        try:
            has = hasattr(method, attribute)
        except Exception as error:
            raise MethodBroken(f"{asked}: its {attribute} cannot be read ({reason(error)})") from error
        if not has:
            _set(method, attribute, value, asked)
    for attribute, (kind, said) in _KINDS.items():
        if not isinstance(found := getattr(method, attribute), kind):
            raise MethodBroken(f"{asked}: its {attribute} is {found!r}, not {said}")
    valid_name(method.name, asked)
    complete: Method = method
    return complete


def _set(method: Any, attribute: str, value: Any, asked: str) -> None:
    """Set an attribute of a method, even if its class is frozen."""
    for assign in (setattr, object.__setattr__):
        try:
            assign(method, attribute, value)
            return
        except Exception as error:
            why = reason(error)
    raise MethodBroken(f"{asked}: it cannot be given the attribute {attribute} ({why}); define it in the class")
