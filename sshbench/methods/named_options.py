"""Options in the name of a method, `"ssh:map=polynomial"`: convert text to the arguments of its class or function."""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from sshbench.methods.base import MethodError

GIVEN = ("device", "weights")
"""Options that have arguments of their own and do not make another method."""


def split_options(name: str) -> tuple[str, dict[str, str]]:
    """Return the name of a method and its options: `"ssh:map=lut"` gives `"ssh", {"map": "lut"}`.

    Raises
    ------
    MethodError
        The text after the colon is not `key=value`, or a colon separates two options.
    """
    plain, colon, text = name.rpartition(":")
    if not colon or "=" not in text:
        return name, {}
    before, _, first = plain.rpartition(":")
    if re.fullmatch(r"\w+=[^/\\]*", first):
        raise MethodError(f"{name}: commas separate options; write {before}:{first},{text}")
    options = {}
    for part in text.split(","):
        key, sign, value = part.partition("=")
        if not (key.strip() and sign and value.strip()):
            raise MethodError(f"{name}: an option is key=value, not {part!r}")
        options[key.strip()] = value.strip()
    return plain, options


def parameters(factory: Any) -> Mapping[str, inspect.Parameter]:
    try:
        return inspect.signature(factory).parameters
    except (TypeError, ValueError):  # code that is not written in Python may have no signature
        return {}


def arguments_of(factory: Any, name: str, options: Mapping[str, str]) -> dict[str, Any]:
    """Return the options as keyword arguments of the types that the factory declares, or else of its defaults' types.

    Raises
    ------
    MethodError
        The factory has no such option, the text is not a value of the option's type, or the type is unknown.
    """
    if not options:
        return {}
    known = {
        key: one
        for key, one in parameters(factory).items()
        if one.kind in (one.POSITIONAL_OR_KEYWORD, one.KEYWORD_ONLY)
    }
    hints = _hints(factory.__init__ if inspect.isclass(factory) else factory)
    found = {}
    for key, text in options.items():
        if key not in known:
            there = f"there are {', '.join(sorted(known))}" if known else "it takes no options"
            raise MethodError(f"{name} has no option {key!r}; {there}")
        try:
            hint = hints.get(key)
            found[key] = _value(text, hint if _is_known(hint) else _type_of_default(known[key], name, text))
        except ValueError as error:
            raise MethodError(f"{name}: {key} is {error}, not {text!r}") from error
    return found


def _is_known(hint: Any) -> bool:
    """Return whether `_value` turns text into values of this type."""
    if get_origin(hint) in (Union, UnionType):
        return any(map(_is_known, get_args(hint)))
    return get_origin(hint) is Literal or hint in (bool, int, float, str, Path)


def _type_of_default(parameter: inspect.Parameter, name: str, text: str) -> type:
    """Return the type of a parameter whose annotation does not tell it. Text for a number could give wrong results.

    The default 1 may stand for any number, so `text` decides between `int` and `float`.
    """
    kind = type(parameter.default)
    if kind is int and not re.fullmatch(r"[+-]?\d+", text):
        return float
    if kind in (bool, int, float, str):
        return kind
    if parameter.name in GIVEN:
        return str
    raise MethodError(
        f"{name}: the option {parameter.name} could be a number or a text; annotate it in the code, as in "
        f"{parameter.name}: float"
    )


def _hints(function: Any) -> dict[str, Any]:
    """Return the types of a function's arguments, without types whose names do not exist at run time."""
    found: dict[str, Any] = {}
    function = inspect.unwrap(function)
    for name, one in getattr(function, "__annotations__", {}).items():
        with suppress(Exception):  # evaluation fails, for example on a name that is imported only for type checkers
            found |= get_type_hints(SimpleNamespace(__annotations__={name: one}), getattr(function, "__globals__", {}))
    return found


def _value(text: str, hint: Any) -> Any:
    """Return text as a value of an annotated type; a ValueError says what the text should be."""
    if get_origin(hint) is Literal:
        values = [str(value) for value in get_args(hint)]
        if text not in values:
            raise ValueError(" or ".join(values))
        return get_args(hint)[values.index(text)]
    if get_origin(hint) in (Union, UnionType):
        return _first_value(text, [kind for kind in get_args(hint) if _is_known(kind)])
    if hint is bool:
        if text.lower() not in ("true", "false"):
            raise ValueError("true or false")
        return text.lower() == "true"
    if hint in (int, float):
        try:
            return hint(text)
        except ValueError as error:
            raise ValueError("a whole number" if hint is int else "a number") from error
    return Path(text) if hint is Path else text


def _first_value(text: str, hints: Sequence[Any]) -> Any:
    """Return text as a value of the first of some types that it fits; a ValueError says what it should be."""
    wanted = []
    for hint in hints:
        try:
            return _value(text, hint)
        except ValueError as error:
            wanted.append(str(error))
    raise ValueError(" or ".join(wanted))


def suffix(options: Mapping[str, str]) -> str:
    """Return the text that options add to a method's name; the option `weights` adds the name of its file."""
    parts = []
    for key, value in options.items():
        if key == "weights":
            parts.append(Path(value).name.removesuffix(".safetensors"))
        elif key not in GIVEN:
            parts.append(f"{key}-{value}")
    return "".join(f"+{re.sub(r'[^A-Za-z0-9._-]+', '-', part)}" for part in parts)
