"""Call a method, whoever wrote it: it returns one valid image for each composite, or an error says why not."""

from __future__ import annotations

import os
import signal
import sys
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType

import numpy as np

from sshbench.benchmarks.composite import Composite
from sshbench.benchmarks.prediction import Pixels, PredictionError, as_prediction
from sshbench.errors import SshbenchError, counted
from sshbench.methods.base import Method, MethodFailed

_OURS = str(Path(__file__).parents[1]) + os.sep


def harmonize(method: Method, batch: Sequence[Composite]) -> list[Pixels]:
    """Run a method on composites.

    Changes that the method makes to this process are undone: the working directory, numpy's handling of floating-point
    errors, and torch's default type and number of threads.

    Returns
    -------
    list of array
        For each composite, uint8 or float32 `[H, W, 3]`; floats have the range 0..1.

    Raises
    ------
    MethodFailed
        The method raised an error, tried to end the process, or did not return one image for each composite.
    KeyboardInterrupt
        The user interrupts a process that receives the signal. In other processes, the error counts as the method's.
    """
    try:
        with undisturbed():
            images = list(method.harmonize(batch))
    except BaseException as error:  # SystemExit too: a method may call code that ends a script; a run must continue
        if by_user(error):
            raise
        raise _failed(error) from error
    if len(images) != len(batch):
        raise MethodFailed(f"the method returned {counted(len(images), 'image')} for {len(batch)}")
    try:
        return [as_prediction(image) for image in images]
    except PredictionError as error:
        raise MethodFailed(str(error)) from error


def by_user(error: BaseException) -> bool:
    """Return whether the user raised this error by an interrupt.

    In a process that ignores the signal, only foreign code can have raised a `KeyboardInterrupt`.
    """
    return isinstance(error, KeyboardInterrupt) and signal.getsignal(signal.SIGINT) is not signal.SIG_IGN


def reason(error: BaseException) -> str:
    """Return one line about an error of foreign code: the sentence of an sshbench error, or the type and text of any
    other error.
    """
    if isinstance(error, SshbenchError):
        return str(error)
    if isinstance(error, SystemExit):
        return f"it asks to end the process: SystemExit({error.code!r})"
    return " ".join(f"{type(error).__name__}: {error}".split()).removesuffix(":")


def traceback_of(error: BaseException) -> str:
    """Return the traceback of an error as Python prints it, from the first frame of the foreign code on."""
    found: TracebackType | None = error.__traceback__
    inner = found
    while inner is not None and inner.tb_frame.f_code.co_filename.startswith((_OURS, "<frozen importlib")):
        inner = inner.tb_next
    return "".join(traceback.format_exception(type(error), error, inner or found, limit=-50))


def _failed(error: BaseException) -> MethodFailed:
    if isinstance(error, MethodFailed):
        return error
    try:
        return MethodFailed(reason(error), traceback_of(error))
    except Exception:  # the error's own `__str__` raises an error
        return MethodFailed(type(error).__name__)


@contextmanager
def undisturbed() -> Iterator[None]:
    """Undo the changes of foreign code to this process on which later numbers or files depend."""
    folder, torch = os.getcwd(), sys.modules.get("torch")
    before = (torch.get_default_dtype(), torch.get_num_threads()) if torch is not None else None
    try:
        with np.errstate():
            yield
    finally:
        with suppress(OSError):
            os.chdir(folder)
        if torch is not None and before is not None:
            if torch.get_default_dtype() != before[0]:
                torch.set_default_dtype(before[0])
            if torch.get_num_threads() != before[1]:
                torch.set_num_threads(before[1])
