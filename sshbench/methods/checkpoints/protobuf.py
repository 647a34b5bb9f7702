"""The part of protobuf's wire format that files of weights need.

https://protobuf.dev/programming-guides/encoding/
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from math import prod

_MOST_AXES = 32  # numpy's limit, which no weights reach

Field = tuple[int, int | memoryview]
"""The number of a field, and its value: an integer, or the bytes of any other type."""


def fields(data: memoryview) -> Iterator[Field]:
    """Yield the fields of a message, in order.

    Raises
    ------
    ValueError, IndexError
        The data is truncated, or is not a message.
    """
    position = 0
    while position < len(data):
        key, position = varint(data, position)
        number, kind = key >> 3, key & 7
        if kind == 0:
            integer, position = varint(data, position)
            yield number, integer
            continue
        if kind == 2:
            length, position = varint(data, position)
        elif kind in (1, 5):
            length = 8 if kind == 1 else 4
        else:
            raise ValueError("a wire type that protobuf does not have, or no longer")
        if position + length > len(data):
            raise ValueError("cut off")
        yield number, data[position : position + length]
        position += length


def varint(data: memoryview, position: int) -> tuple[int, int]:
    """Return the integer at a position, with seven bits in each byte from the lowest on, and the next position."""
    value = shift = 0
    while True:
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
        shift += 7
        if shift > 63:
            raise ValueError("an integer of more than 64 bits")


def shape(sizes: Iterator[int], count: int) -> tuple[int, ...]:
    """Return the axes of an array that has `count` values.

    Raises
    ------
    ValueError
        The axes have another number of values, or there are more than 32.
    """
    axes = tuple(islice(sizes, _MOST_AXES + 1))
    if len(axes) > _MOST_AXES or any(axis > 2**40 for axis in axes) or prod(axes) != count:
        raise ValueError("more or fewer values than their shape")
    return axes


def integers(data: memoryview, number: int) -> Iterator[int]:
    """Yield the integers of a repeated field, packed or single."""
    for found, value in fields(data):
        if found != number:
            continue
        if isinstance(value, int):
            yield value
            continue
        position = 0
        while position < len(value):
            integer, position = varint(value, position)
            yield integer
