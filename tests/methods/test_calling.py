"""A method that fails does so alone, and says where; what it changes of the process is changed back."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from sshbench.methods.base import MethodError, MethodFailed
from sshbench.methods.calling import harmonize
from tests.results.standin import composite


class Calls:
    """A method that calls a function on each composite."""

    name = "calls"

    def __init__(self, function: Callable[[Any], Any]) -> None:
        self.function = function

    def harmonize(self, batch: Any) -> Any:
        return (self.function(one) for one in batch)


def throw(error: BaseException) -> Any:
    raise error


class Unsayable(Exception):
    def __str__(self) -> str:
        raise RuntimeError


def test_images_come_back() -> None:
    one = composite(0)
    (found,) = harmonize(Calls(lambda c: c.composite), [one])
    assert np.array_equal(found, one.composite)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ZeroDivisionError("a\nb"), "ZeroDivisionError: a b"),
        (MethodError("a sentence"), "a sentence"),
        (SystemExit(0), "it asks to end the process: SystemExit(0)"),
        (SystemExit("bye"), "it asks to end the process: SystemExit('bye')"),
        (GeneratorExit(), "GeneratorExit"),
        (BaseException("x"), "BaseException: x"),
        (Unsayable(), "Unsayable"),
        (RecursionError(), "RecursionError"),
    ],
)
def test_whatever_it_raises_is_said(error: BaseException, said: str) -> None:
    with pytest.raises(MethodFailed) as caught:
        harmonize(Calls(lambda c: throw(error)), [composite(0)])
    assert str(caught.value) == said


def test_the_traceback_begins_in_its_own_code() -> None:
    with pytest.raises(MethodFailed) as caught:
        harmonize(Calls(lambda c: throw(ValueError("here"))), [composite(0)])
    lines = caught.value.traceback.splitlines()
    assert lines[0] == "Traceback (most recent call last):"
    assert "test_calling.py" in lines[1]
    assert lines[-1] == "ValueError: here"
    assert 'calling.py"' not in caught.value.traceback.replace('test_calling.py"', "")


def test_ctrl_c_is_the_users_where_it_is_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    interrupted = Calls(lambda c: throw(KeyboardInterrupt()))
    with pytest.raises(KeyboardInterrupt):
        harmonize(interrupted, [composite(0)])
    monkeypatch.setattr(signal, "getsignal", lambda number: signal.SIG_IGN)
    with pytest.raises(MethodFailed, match="KeyboardInterrupt"):
        harmonize(interrupted, [composite(0)])


@pytest.mark.parametrize(("value", "said"), [([], "0 images for 1"), ([1, 2], "2 images for 1"), (5, "not iterable")])
def test_the_wrong_number_of_images(value: Any, said: str) -> None:
    method = Calls(lambda c: c)
    method.harmonize = lambda batch: value  # type: ignore[method-assign]
    with pytest.raises(MethodFailed, match=said):
        harmonize(method, [composite(0)])


def test_what_it_changes_is_changed_back(tmp_path: Path) -> None:
    before = os.getcwd(), torch.get_default_dtype(), torch.get_num_threads(), np.geterr()

    def disturb(one: Any) -> Any:
        os.chdir(tmp_path)
        torch.set_default_dtype(torch.float64)
        torch.set_num_threads(before[2] + 1)
        np.seterr(all="raise")
        return one.composite

    harmonize(Calls(disturb), [composite(0)])
    assert (os.getcwd(), torch.get_default_dtype(), torch.get_num_threads(), np.geterr()) == before
    with pytest.raises(MethodFailed):
        harmonize(Calls(lambda one: (disturb(one), 1 / 0)), [composite(0)])
    assert (os.getcwd(), torch.get_default_dtype(), torch.get_num_threads(), np.geterr()) == before


def test_recursion_without_end_is_one_failure() -> None:
    def deeper(one: Any) -> Any:
        return deeper(one)

    with pytest.raises(MethodFailed, match="RecursionError") as caught:
        harmonize(Calls(deeper), [composite(0)])
    assert len(caught.value.traceback) < 20_000
    assert sys.getrecursionlimit() >= 1000
