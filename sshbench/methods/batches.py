"""The batches in which networks see composites."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, TypeVar

from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import Tensor

One = TypeVar("One", "Tensor", NDArray[Any])


def batches(*inputs: One) -> Iterator[tuple[One, ...]]:
    """Split inputs `[N, ...]` of a network into the batches on which the network runs.

    The CPU runs on one composite at a time. The libraries behind the layers choose the order of their sums by the size
    of a batch, so the result for a composite would depend on the composites beside it. A GPU runs on all at once,
    because small batches would leave most of it idle.
    """
    if str(getattr(inputs[0], "device", "cpu")) != "cpu":
        yield inputs
        return
    for k in range(len(inputs[0])):
        yield tuple(one[k : k + 1] for one in inputs)
