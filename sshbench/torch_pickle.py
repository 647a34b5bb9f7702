"""Read the pickle in a file of `torch.save` as data, with a table of fourteen functions and only a few opcodes.

All of these functions are in this module. CPython's Lib/pickletools.py documents the opcodes.
"""

from __future__ import annotations

import pickle
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from torch import Tensor, dtype

MOST_PICKLED = 4 * 2**20
"""The largest number of bytes of a pickle without the values of tensors: names, shapes and numbers. The largest network
of sshbench takes 0.8 MB with its averages and its optimizer. A pickle of this size that consists only of brackets takes
0.4 GB of memory and 4 s.
"""
MOST_TIMES = 8
"""The tensors may take this multiple of the file's size (plus 1 MB), since tensors can be views of the same values."""

_SIZED = (str, bytes, tuple, list, dict)
_LARGEST_KEY = 2**60  # larger integers can have equal hashes, with which a dict takes quadratic time


class NotData(Exception):
    """An object cannot be made without running code; the text names the class or function."""


class _Limited:
    """The part of a file that a pickle may be read from."""

    def __init__(self, file: Any) -> None:
        self._file = file
        self._left = MOST_PICKLED

    def read(self, count: int) -> bytes:
        return self._taken(self._file.read(min(count, self._left + 1)))

    def readline(self) -> bytes:
        return self._taken(self._file.readline(self._left + 1))

    def readinto(self, buffer: Any) -> int:
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def _taken(self, data: bytes) -> bytes:
        self._left -= len(data)
        if self._left < 0:
            raise ValueError("a pickle of too many bytes")
        return data


@dataclass(frozen=True)
class _Function:
    """A function that a name in a pickle stands for, and that the pickle may call."""

    call: Callable[..., Any]


@dataclass(frozen=True)
class _Storage:
    """The values of which tensors are views; None while the values are not known."""

    values: Tensor | None


@dataclass
class _NumpyType:
    name: str
    order: str = "<"


_OPCODES = (
    "PROTO FRAME STOP MARK NONE NEWTRUE NEWFALSE BININT BININT1 BININT2 LONG1 BINFLOAT BINUNICODE SHORT_BINUNICODE "
    "BINUNICODE8 BINSTRING SHORT_BINSTRING BINBYTES SHORT_BINBYTES BINBYTES8 EMPTY_TUPLE TUPLE TUPLE1 TUPLE2 TUPLE3 "
    "EMPTY_LIST EMPTY_DICT BINGET LONG_BINGET BINPUT LONG_BINPUT MEMOIZE GLOBAL STACK_GLOBAL BINPERSID"
)
_TYPES = {
    "Double": "float64", "Float": "float32", "Half": "float16", "BFloat16": "bfloat16", "Long": "int64", "Int": "int32",
    "Short": "int16", "Char": "int8", "Byte": "uint8", "Bool": "bool",
}  # fmt: skip
_TYPE_NAMES = (*_TYPES.values(), "uint16", "uint32", "uint64", "float8_e4m3fn", "float8_e5m2")


class Unpickler(pickle._Unpickler):
    """Python's own unpickler, limited to a few opcodes and to calls of this module's functions, without classes.

    Parameters
    ----------
    limit
        The size of the file, which bounds the memory of its tensors.
    values
        A function from the key of a storage to its bytes. It returns None while the bytes are not known; the tensors of
        the storage are then None, too.
    """

    stack: list[Any]  # Python defines these two attributes, but its type stubs lack them
    pop_mark: Callable[[], list[Any]]
    dispatch: ClassVar[dict[int, Callable[[Any], None]]] = {
        getattr(pickle, name)[0]: pickle._Unpickler.dispatch[getattr(pickle, name)[0]] for name in _OPCODES.split()
    }

    def __init__(self, file: Any, limit: int, values: Callable[[str], bytearray] | None) -> None:
        super().__init__(_Limited(file), encoding="latin-1")
        self._left = MOST_TIMES * limit + 2**20
        self._copied = MOST_PICKLED
        self._values = values
        self._storages: dict[str, _Storage] = {}
        self.item_sizes: dict[str, int] = {}

    def find_class(self, module: str, name: str) -> Any:
        found = self._meaning(f"{module}.{name}")
        if found is None:
            raise NotData(f"{module}.{name}")
        return found

    def _meaning(self, name: str) -> Any:
        """Return the object or function that a name stands for; None if it cannot be made without running code."""
        import torch

        kind = re.fullmatch(r"torch\.(?:cuda\.|storage\.)?(\w+)Storage", name)
        if kind and kind.group(1) in _TYPES:
            return getattr(torch, _TYPES[kind.group(1)])
        if name == "torch.storage.UntypedStorage":
            return torch.uint8
        if name.removeprefix("torch.") in _TYPE_NAMES:
            return getattr(torch, name.removeprefix("torch."))
        functions: dict[str, Callable[..., Any]] = {
            "torch._utils._rebuild_tensor": self._tensor,
            "torch._utils._rebuild_tensor_v2": self._tensor,
            "torch._utils._rebuild_tensor_v3": self._tensor_of_type,
            "torch._utils._rebuild_parameter": lambda data, *_: data,
            "torch._utils._rebuild_parameter_with_state": lambda data, *_: data,
            "torch._tensor._rebuild_from_type_v2": lambda function, kind, args, state: function.call(*args),
            "torch.Size": tuple,
            "torch.device": lambda name, number=None: _text(name) if number is None else f"{_text(name)}:{number:d}",
            "collections.OrderedDict": _dict,
            "collections.Counter": _dict,
            "_codecs.encode": _encoded,
            "numpy.dtype": lambda name, *_: _NumpyType(_text(name)),
            "numpy.core.multiarray.scalar": _number,
            "numpy._core.multiarray.scalar": _number,
        }
        kinds = ("torch.Tensor", "torch.nn.parameter.Parameter")  # these names are used as arguments and never called
        return _Function(functions[name]) if name in functions else name if name in kinds else None

    def persistent_load(self, pid: Any) -> _Storage:
        """Return the storage that a pickle refers to: ("storage", type, key, device, count), perhaps with a part."""
        import torch

        if type(pid) is not tuple or len(pid) not in (5, 6):
            raise ValueError("a reference to something else than a storage")
        what, kind, key, _, count, *part = pid
        if what != "storage" or not isinstance(kind, torch.dtype) or not isinstance(key, str):
            raise ValueError("a reference to something else than a storage")
        if key not in self._storages:
            self.item_sizes[key] = kind.itemsize
            self._storages[key] = _Storage(None if self._values is None else _as_type(self._values(key), kind))
        whole = self._storages[key].values
        if whole is None:
            return self._storages[key]
        if whole.dtype != kind or not 0 <= count <= len(whole):
            raise ValueError("a storage with fewer values than the file says")
        if not part or part[0] is None:
            return self._storages[key]
        _, start, length = part[0]
        if not 0 <= start <= start + length <= len(whole):
            raise ValueError("a part beyond the end of a storage")
        return _Storage(whole[start : start + length])

    def _tensor_of_type(
        self, storage: _Storage, offset: int, size: Any, stride: Any, requires_grad: Any, hooks: Any, kind: dtype,
        metadata: Any = None,
    ) -> Tensor | None:  # fmt: skip
        if storage.values is not None:
            storage = _Storage(storage.values.view(kind))
        return self._tensor(storage, offset, size, stride, requires_grad, hooks, metadata)

    def _tensor(
        self, storage: _Storage, offset: int, size: Any, stride: Any, requires_grad: Any = False, hooks: Any = None,
        metadata: Any = None,
    ) -> Tensor | None:  # fmt: skip
        """Return a tensor that is a view of a storage, and lies completely within the storage."""
        values = storage.values
        if values is None:
            return None
        numbers = (offset, *size, *stride)
        if not all(type(number) is int and 0 <= number < 2**40 for number in numbers):
            raise ValueError("a tensor of an impossible shape")
        if len(size) != len(stride) or len(size) > 16 or metadata:
            raise ValueError("a tensor of a kind that weights are not")
        count = 1
        for length in size:
            count *= length
        last = offset + sum((length - 1) * step for length, step in zip(size, stride, strict=True))
        if count and last >= len(values):
            raise ValueError("a tensor beyond the end of its storage")
        self._left -= count * max(4, values.itemsize)  # weights become float32
        if self._left < 0:
            raise ValueError("more values than the file holds")
        return values.as_strided(size, stride, offset) if count else values.new_empty(size)

    def _load_reduce(self) -> None:
        arguments = self.stack.pop()
        function = self.stack[-1]
        if not isinstance(function, _Function):
            raise NotData(str(function) if isinstance(function, str) else type(function).__name__)
        # Functions read or copy their arguments, and each call can have the same large list as its argument.
        self._copied -= sum(len(one) for one in (arguments, *arguments) if isinstance(one, _SIZED))
        if self._copied < 0:
            raise ValueError("calls with more arguments than the pickle has bytes")
        self.stack[-1] = function.call(*arguments)

    def _load_build(self) -> None:
        """Set the byte order of a numpy type. Other states of objects, such as hooks, are left out."""
        state = self.stack.pop()
        made = self.stack[-1]
        if isinstance(made, _NumpyType):
            made.order = {">": ">"}.get(_text(state[1]), "<")

    def _load_appends(self) -> None:
        items = self.pop_mark()
        _checked(self.stack[-1], list).extend(items)

    def _load_append(self) -> None:
        item = self.stack.pop()
        _checked(self.stack[-1], list).append(item)

    def _load_setitems(self) -> None:
        items = self.pop_mark()
        self._set(dict(zip(map(_key, items[::2]), items[1::2], strict=True)))

    def _load_setitem(self) -> None:
        value, key = self.stack.pop(), self.stack.pop()
        self._set({_key(key): value})

    def _set(self, items: Mapping[Any, Any]) -> None:
        _checked(self.stack[-1], dict).update(items)

    for _name, _load in (
        ("REDUCE", _load_reduce), ("BUILD", _load_build), ("APPEND", _load_append), ("APPENDS", _load_appends),
        ("SETITEM", _load_setitem), ("SETITEMS", _load_setitems),
    ):  # fmt: skip
        dispatch[getattr(pickle, _name)[0]] = _load
    del _name, _load


def _checked(value: Any, kind: type) -> Any:
    if type(value) is not kind:
        raise ValueError(f"a {kind.__name__} was expected")
    return value


def _key(value: Any) -> Any:
    """Return a key of a dict, which must be text or an integer that equals its own hash."""
    if type(value) is str:
        value.encode()  # fails for unpaired surrogates, which other files cannot hold
    elif type(value) is not int or abs(value) >= _LARGEST_KEY:
        raise ValueError("a key that is neither text nor a number")
    return value


def _dict(items: Any = ()) -> dict[Any, Any]:
    return {_key(key): value for key, value in (items.items() if isinstance(items, dict) else items)}


def _text(value: Any) -> str:
    return value.decode("ascii") if isinstance(value, bytes) else str(_checked(value, str))


def _encoded(text: str, coding: str = "latin1") -> bytes:
    """Return the bytes of a text, because older pickles write bytes as text."""
    if coding not in ("latin1", "latin-1"):
        raise ValueError("another coding than Latin-1")
    return text.encode("latin-1")


def _number(kind: _NumpyType, data: bytes | str) -> Any:
    """Return a numpy scalar as a Python number."""
    import numpy as np

    if not re.fullmatch(r"[fiu][1248]|b1|bool", kind.name):
        raise ValueError("a scalar that is no number")
    data = data.encode("latin-1") if isinstance(data, str) else data
    (number,) = np.frombuffer(data, kind.order + kind.name.replace("bool", "b1")).tolist()
    return number


def _as_type(data: bytearray, kind: dtype) -> Tensor:
    import torch

    return torch.frombuffer(data, dtype=kind) if data else torch.empty(0, dtype=kind)
