"""Limits of a network's sizes. The sizes come from recipes and files of weights, which anybody may have made."""

from __future__ import annotations

from collections.abc import Iterable

WIDEST = 4096
"""The largest number of channels; the published networks have up to 1024."""
DEEPEST = 10
"""The largest number of times that an image is halved, so that its sides are multiples of at most 1024.

Published: up to 8.
"""


def check_size(name: str, value: int, least: int = 1, most: int = WIDEST) -> None:
    """Refuse a size that a network cannot have.

    Raises
    ------
    ValueError
        The value is not a whole number from `least` to `most`.
    """
    if type(value) is not int or not least <= value <= most:
        raise ValueError(f"{name} is a whole number from {least} to {most}, not {value!r:.100}")


def check_widths(widths: Iterable[int]) -> None:
    """Refuse a list of numbers of channels that has too many levels, or a number that a network cannot have.

    Raises
    ------
    ValueError
        There are too many levels, or a number is not a whole number from 1 to `WIDEST`.
    """
    widths = list(widths)
    check_size("the number of widths", len(widths), most=DEEPEST)
    for width in widths:
        check_size("a width", width)
