"""Finite numbers as values of options; click's own ranges accept NaN."""

from __future__ import annotations

import math
from typing import Any

import click
from click.types import FloatParamType


class Number(FloatParamType):
    """A finite number."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return the number; fail where it is NaN or infinite."""
        return _finite(self, super().convert(value, param, ctx), param, ctx)


class Within(click.FloatRange):
    """A finite number within a range."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return the number; fail where it is NaN, infinite or beyond the range."""
        return _finite(self, super().convert(value, param, ctx), param, ctx)


def _finite(kind: Any, number: float, param: click.Parameter | None, ctx: click.Context | None) -> float:
    if not math.isfinite(number):
        kind.fail(f"{number} is not a finite number.", param, ctx)
    return number
