"""`Options`: immutable settings that are checked as a whole, and whose errors are one sentence.

Each field has a description, from which `sshbench.cli.options` makes the help of the command line. The recipe of a
training reads the same fields from TOML.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import fields
from typing import Annotated, Any, ClassVar, Literal, Self, get_args, get_origin

from pydantic import BeforeValidator, ConfigDict, Field, ModelWrapValidatorHandler, ValidationError, model_validator
from pydantic.dataclasses import dataclass
from pydantic.fields import FieldInfo

from sshbench.errors import SshbenchError

CONFIG = ConfigDict(extra="forbid", use_attribute_docstrings=True)


class SettingsError(SshbenchError):
    """Settings contradict each other, or a number lies outside its bounds."""


def _as_tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value  # JSON and TOML have lists and no tuples


Bounds = Annotated[tuple[float, float], BeforeValidator(_as_tuple)]
"""A smaller and a larger number."""
Sides = Annotated[tuple[int, int], BeforeValidator(_as_tuple)]
"""A smaller and a larger number of pixels."""
ListAsTuple = BeforeValidator(_as_tuple)
Share = Annotated[float, Field(ge=0, le=1)]
"""A fraction, 0 to 1."""


@dataclass(frozen=True, config=CONFIG)
class Options:
    """The base class of settings. A subclass is a frozen pydantic dataclass; its `check` tests the fields together.

    Raises
    ------
    SettingsError
        A value is of another type, is not among the choices of its field, or `check` refuses it.
    """

    in_recipe: ClassVar[bool] = False
    """Whether a larger model contains these options, and reports their errors with the position in a file."""

    @model_validator(mode="wrap")
    @classmethod
    def _in_one_sentence(cls, values: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        try:
            made = handler(values)
            made.check()
        except ValueError as error:
            if cls.in_recipe:
                raise
            raise SettingsError(reason_of(error, cls) if isinstance(error, ValidationError) else str(error)) from error
        return made

    def check(self) -> None:
        """Raise ValueError with a sentence if the values contradict each other."""

    def differences(self, other: Self) -> list[str]:
        """Return the differences to `other`, each as `name: this value, not that one`; empty if there are none."""
        return differences(*({f.name: getattr(one, f.name) for f in fields(self)} for one in (self, other)))


def check_bounds(options: Options, name: str, least: float, most: float) -> None:
    """Raise ValueError if a pair of numbers is not ascending, or lies outside `least` to `most`."""
    low, high = getattr(options, name)
    if not least <= low <= high <= most:
        raise ValueError(f"{name} must be an ascending pair within {least:g} to {most:g}, not {low:g} to {high:g}")


def differences(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> list[str]:
    """Return the differences of two mappings, each as `key: our value, not theirs`; nested keys are `outer.inner`."""
    one, other = flat(ours), flat(theirs)
    return [
        f"{key}: {shown(one.get(key))}, not {shown(other.get(key))}"
        for key in dict.fromkeys([*one, *other])
        if one.get(key) != other.get(key)
    ]


def flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return nested mappings as one mapping, whose keys are joined by dots."""
    found: dict[str, Any] = {}
    for key, value in values.items():
        found |= flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {f"{prefix}{key}": value}
    return found


def shown(value: Any) -> str:
    """Return the text of a value for a sentence, such as `1 to 2` for a pair of numbers."""
    if isinstance(value, list | tuple) and len(value) == 2 and not any(isinstance(part, str) for part in value):
        return " to ".join(map(str, value))
    return str(value)


def choices(annotation: Any) -> tuple[Any, ...]:
    """Return the choices of a field's type: of a `Literal`, or of a tuple or an alias of it; empty for others."""
    if get_origin(annotation) is Literal:
        return get_args(annotation)
    return next((found for part in get_args(annotation) if (found := choices(part))), ())


def reason_of(error: ValidationError, model: Any, whole: str = "the settings") -> str:
    """Return the first error of a validation as `place: reason`, without pydantic's hints for programmers.

    Parameters
    ----------
    model
        The class that was validated.
    whole
        The place to state for an error that belongs to no single field.
    """
    first = error.errors()[0]
    place, kind = ".".join(map(str, first["loc"])), first["type"]
    if kind in ("extra_forbidden", "unexpected_keyword_argument"):
        *sections, key = first["loc"]
        return f"{place}: there is no {key!r}; there are {', '.join(_names(model, sections))}"
    if kind == "literal_error" and issubclass(model, Options):
        name, *inside = first["loc"]
        known = choices(fields_of(model)[str(name)].annotation)
        said = f"{name} are among {', '.join(known)}" if inside else f"{name} is {' or '.join(known)}"
        return f"{said}, not {first['input']!r}"
    message = str(first["msg"]).removeprefix("Value error, ")
    message = message[:1].lower() + message[1:]
    if kind in ("less_than", "less_than_equal", "greater_than", "greater_than_equal"):
        message = f"{message}, not {first['input']}"
    return message if kind == "value_error" and not place else f"{place or whole}: {message}"


def fields_of(model: Any) -> Mapping[str, FieldInfo]:
    """Return the fields of a pydantic model or dataclass, with their types, defaults and descriptions."""
    found: Mapping[str, FieldInfo] = getattr(model, "__pydantic_fields__", {})
    return found


def described(model: type[Options], name: str) -> str:
    """Return the description of a field, from the class that declares it."""
    found = (fields_of(base)[name].description for base in model.__mro__ if name in fields_of(base))
    return " ".join(next((said for said in found if said), "").split())


def _names(model: Any, sections: Iterable[Any]) -> Iterable[str]:
    for section in sections:
        model = fields_of(model)[section].annotation
    return fields_of(model)


def finite(numbers: Iterable[float]) -> bool:
    """Return whether all numbers are finite and none is below 0."""
    return all(math.isfinite(number) and number >= 0 for number in numbers)
