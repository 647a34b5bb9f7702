"""What the sizes of a network may be: they come from recipes and from files of weights, which anybody can have made."""

from __future__ import annotations

from collections.abc import Iterable

WIDEST = 4096
"""Channels; the published networks have up to 1024."""
DEEPEST = 10
"""Times that an image is halved, so that its sides are multiples of 1024 at most; published up to 8."""


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
    """Refuse channels of the levels of a network that are too many, too few or no whole numbers, likewise."""
    widths = list(widths)
    check_size("the number of widths", len(widths), most=DEEPEST)
    for width in widths:
        check_size("a width", width)
