"""`ValueDigest`: a hash of values of any kind, of the code among them, and of the data that this code uses."""

from __future__ import annotations

import dis
import hashlib
import importlib.util
import os
import pickle
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import is_dataclass
from enum import Enum
from importlib import import_module
from pathlib import Path
from stat import S_ISREG
from types import (
    BuiltinFunctionType,
    CodeType,
    FunctionType,
    GetSetDescriptorType,
    MemberDescriptorType,
    MethodType,
    ModuleType,
)
from typing import Any

import numpy as np

from sshbench.methods.calling import by_user, undisturbed
from sshbench.methods.source_code import file_of, is_users
from sshbench.methods.user_file import PREFIX
from sshbench.regular_file import file_hash

PLAIN = (bool, int, float, complex, str, bytes, type(None))
_DATA = (
    *(".bin", ".cfg", ".ckpt", ".csv", ".cube", ".dat", ".engine", ".h5", ".ini", ".joblib", ".jpg", ".json", ".mat"),
    *(".npy", ".npz", ".onnx", ".pickle", ".pkl", ".png", ".pt", ".pth", ".safetensors", ".tflite", ".tif", ".tiff"),
    *(".toml", ".tsv", ".yaml", ".yml"),
)
"""The suffixes of data files that a user's method may read. Logs, which change in every run, have other suffixes."""
_READ = 256 << 20  # for a larger data file, its size and the time of its last change count


def state_of(value: Any) -> Any:
    """Return the state that pickle stores for an object."""
    try:
        return value.__getstate__()
    except Exception:
        return getattr(value, "__dict__", None)


def _empty() -> hashlib.blake2b:
    return hashlib.blake2b(digest_size=16)


class ValueDigest:
    """A hash of values of any kind that is the same in every process.

    Parameters
    ----------
    files
        Whether the contents of data files count that texts among the values name.

    Attributes
    ----------
    code
        The classes and functions among the values.
    modules
        The names of the user's modules whose values the code uses.
    """

    def __init__(self, *, files: bool = False) -> None:
        self._hash = _empty()
        self._seen: dict[int, tuple[Any, str]] = {}  # holds the objects, so that no other object gets the same id
        self._folders = dict.fromkeys([Path()]) if files else {}
        self.code: list[Any] = []
        self.modules: dict[str, None] = {}

    def hexdigest(self) -> str:
        """Return the hash of all values that were added, in hexadecimal."""
        return self._hash.hexdigest()

    def feed(self, value: Any) -> None:
        """Add a value, and all values that it holds."""
        if isinstance(value, PLAIN):
            self._say(type(value).__name__, repr(value))
            if isinstance(value, str):
                self._data_file(value)
            return
        if value is os.environ:  # the variables that code uses are added with the code
            return
        if id(value) not in self._seen:
            self._seen[id(value)] = (value, "again")  # until it is known: a value may hold itself
            outer, self._hash = self._hash, _empty()
            try:
                self._add(value)
            finally:
                inner, self._hash = self._hash, outer
            self._seen[id(value)] = (value, inner.hexdigest())
        self._say(self._seen[id(value)][1])  # not "again": in another process, equal values may be one object or two

    def _add(self, value: Any) -> None:
        for kind, add in self._KINDS:
            if isinstance(value, kind):
                add(self, value)
                return
        if hasattr(value, "detach") and hasattr(value, "dtype"):
            self._tensor(value)
        else:
            self._object(value)

    def _say(self, *words: str) -> None:
        self._hash.update("\0".join(words).encode(errors="surrogatepass") + b"\1")

    def _sequence(self, values: Any) -> None:
        self._say(type(values).__name__, str(len(values)))
        for value in values:
            self.feed(value)

    def _set(self, values: Any) -> None:
        self._say(type(values).__name__, *sorted(_alone(value) for value in values))

    def _mapping(self, values: Mapping[Any, Any]) -> None:
        self._say(type(values).__name__, str(len(values)))
        for key, value in values.items():
            self.feed(key)
            self.feed(value)

    def _array(self, array: np.ndarray[Any, Any]) -> None:
        self._say("array", array.dtype.str, str(array.shape))
        if array.dtype.hasobject:
            self._sequence(array.ravel().tolist())
        else:
            self._hash.update(np.ascontiguousarray(array).tobytes())

    def _tensor(self, tensor: Any) -> None:
        import torch

        self._say("tensor", str(tensor.dtype), str(tuple(tensor.shape)), str(tensor.layout))
        try:
            dense = tensor.detach().to_dense() if tensor.layout != torch.strided else tensor.detach()
            flat = dense.resolve_conj().resolve_neg().cpu().contiguous().reshape(-1)
            self._hash.update(flat.view(torch.uint8).numpy().data)
        except Exception:  # some kinds of tensors have no plain numbers
            self._say(repr(tensor))

    def _function(self, function: FunctionType) -> None:
        self._say("function", _module(function), function.__qualname__)
        if file_of(function):
            self.code.append(function)
        if is_of_users(function):
            self._code(function.__code__, function.__globals__)
        self.feed(function.__defaults__)
        self.feed(function.__kwdefaults__)
        for cell in function.__closure__ or ():
            try:
                self.feed(cell.cell_contents)
            except ValueError:  # the cell has no value yet
                self._say("empty")

    def _bound(self, method: MethodType) -> None:
        self.feed(method.__func__)
        self.feed(method.__self__)

    def _code(self, code: CodeType, known: Mapping[str, Any]) -> None:
        """Add a user's code, with the global functions and values that it uses.

        The file of the code is not enough: a script sets global values from its arguments or from files, and several
        functions of a file can have the same name, as all its lambdas have.
        """
        self._say("code", code.co_code.hex(), repr(code.co_names))
        self._folders |= dict.fromkeys([Path(code.co_filename).parent]) if self._folders else {}
        texts = {constant for constant in code.co_consts if isinstance(constant, str)}
        for constant in code.co_consts:
            if isinstance(constant, CodeType):
                self._code(constant, known)
            else:
                self.feed(constant)
        instructions = [(one.opname, one.argval) for one in dis.get_instructions(code)]
        loaded = {name for kind, name in instructions if kind in ("LOAD_GLOBAL", "LOAD_NAME")}
        if "globals" in loaded:
            loaded |= texts
        used = texts.union(code.co_names)
        for name in sorted(loaded & known.keys()):
            self.feed(known[name])
            if isinstance(known[name], ModuleType):
                self._values_of(known[name], used)
        packages = _with_parents(str(known.get("__package__") or ""))
        for name in sorted({str(name) for kind, name in instructions if kind == "IMPORT_NAME"}):
            for full in (name, *(f"{folder}.{name}".rstrip(".") for folder in packages)):
                if (module := users_module(full)) is not None:
                    self._values_of(module, used)
        if used & {"environ", "environb", "getenv"}:
            for name in sorted(texts & os.environ.keys()):
                self._say("environment", name, os.environ[name])

    def _values_of(self, module: ModuleType, names: set[str], above: tuple[ModuleType, ...] = ()) -> None:
        """Add the values of a user's module, and of the modules in it, that have one of these names."""
        if module in above or not is_of_users(module):
            return
        if module.__name__ != "__main__" and not module.__name__.startswith(PREFIX):
            self.modules[module.__name__] = None
        for name in sorted(names & vars(module).keys()):
            self._say(name)
            value = vars(module)[name]
            self.feed(value)
            if isinstance(value, ModuleType):
                self._values_of(value, names, (*above, module))

    def _data_file(self, text: str) -> None:
        """Add the content of the data file that a text names, in the working directory or beside a user's code."""
        if not text.lower().endswith(_DATA):
            return
        for folder in self._folders:
            with suppress(OSError, ValueError):
                path = folder / text
                about = path.stat()
                if S_ISREG(about.st_mode):
                    small = about.st_size <= _READ
                    self._say("file", file_hash(path) if small else f"{about.st_size} {about.st_mtime_ns}")
                    return

    def _named(self, value: Any) -> None:
        self._say(type(value).__name__, _module(value), getattr(value, "__name__", ""))
        self.code.append(value)
        if isinstance(value, type) and is_of_users(value):
            for base in (type(value), *value.__bases__):
                self.feed(base)
            for name, part in sorted(vars(value).items()):
                if isinstance(part, MemberDescriptorType | GetSetDescriptorType):
                    continue  # a class with slots that cloudpickle brought has none
                if isinstance(part, FunctionType) or not (name.startswith("__") and name.endswith("__")):
                    self._say(name)
                    self.feed(part)

    def _descriptor(self, part: Any) -> None:
        self._say(type(part).__name__)
        for name in ("__func__", "fget", "fset", "fdel"):
            self.feed(getattr(part, name, None))

    def _path(self, path: os.PathLike[str]) -> None:
        self._say("path", os.fspath(path))
        self._data_file(os.fsdecode(path))

    def _object(self, value: Any) -> None:
        """Add the state that pickle would store, or only the class if the object cannot be pickled."""
        self._named(type(value))
        if isinstance(wrapped := getattr(value, "__wrapped__", None), FunctionType):
            self.feed(wrapped)
        if is_dataclass(value) or isinstance(value, Enum) or not hasattr(value, "__reduce_ex__"):
            self.feed(state_of(value))
            return
        try:
            reduced = value.__reduce_ex__(pickle.HIGHEST_PROTOCOL)
        except Exception:
            return
        if isinstance(reduced, str):
            self._say(reduced)
            return
        for part in reduced:
            if isinstance(part, Iterator):
                self._sequence(list(part))
            else:
                self.feed(part)

    _KINDS: tuple[tuple[Any, Callable[..., None]], ...] = (
        ((list, tuple), _sequence),
        ((set, frozenset), _set),
        (dict, _mapping),
        (np.ndarray, _array),
        (FunctionType, _function),
        (MethodType, _bound),
        ((staticmethod, classmethod, property), _descriptor),
        ((type, ModuleType, BuiltinFunctionType), _named),
        (os.PathLike, _path),
    )


def is_of_users(part: Any) -> bool:
    """Return whether a function, class or module is a user's, and neither sshbench's nor an installed package's."""
    module = part.__name__ if isinstance(part, ModuleType) else str(getattr(part, "__module__", None))
    if module == "__main__" or module.startswith(PREFIX) or is_users(file_of(part)):
        return True
    folders = getattr(part, "__path__", ()) if isinstance(part, ModuleType) and file_of(part) is None else ()
    return any(is_users(Path(folder).resolve()) for folder in folders)  # of a package without `__init__.py`


def users_module(name: str) -> ModuleType | None:
    """Return a module of the user, which is imported if it is not yet; None for other modules and broken ones."""
    if name not in sys.modules:
        top = name.partition(".")[0]
        try:
            spec = importlib.util.find_spec(top) if top else None
            folders = (spec and spec.submodule_search_locations) or [spec.origin if spec and spec.origin else ""]
            if not any(place and is_users(Path(place).resolve()) for place in folders):
                return None
            with undisturbed():
                import_module(name)
        except BaseException as error:  # SystemExit too: scripts raise it
            if by_user(error):
                raise
            return None
    module = sys.modules.get(name)
    return module if isinstance(module, ModuleType) and is_of_users(module) else None


def _with_parents(package: str) -> list[str]:
    """Return the dotted name of a package and those of its parents."""
    parts = package.split(".") if package else []
    return [".".join(parts[:count]) for count in range(len(parts), 0, -1)]


def _module(value: Any) -> str:
    """Return the name of the module of a class or function; for a user's file, a name without the file's path."""
    name = getattr(value, "__module__", None) or ""
    return PREFIX if name.startswith(PREFIX) else name


def _alone(value: Any) -> str:
    digest = ValueDigest()
    digest.feed(value)
    return digest.hexdigest()
