"""Two methods that may give other images are told apart; one and the same is known again in another process."""

from __future__ import annotations

import functools
import os
import subprocess
import sys
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from sshbench.methods import get_method
from sshbench.methods.base import MethodBroken
from sshbench.methods.identity import identity


@dataclass
class Holds:
    value: Any = None
    name: str = "holds"
    weights_hash: str | None = None

    def harmonize(self, batch: Any) -> Any:
        return []


def code(value: Any, **more: Any) -> str:
    return identity(get_method(Holds(value, **more))).code


def run(text: str) -> str:
    """What a script prints that is typed in."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    return subprocess.run(
        [sys.executable, "-"], input=text, capture_output=True, text=True, check=True, env=environment
    ).stdout


def adder(amount: int) -> Callable[[int], int]:
    return lambda x: x + amount


def network(seed: int) -> torch.nn.Module:
    torch.manual_seed(seed)
    return torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4))


class Thing:
    def __init__(self, value: Any) -> None:
        self.value = value


class Chosen(Thing):
    """Says itself what counts of it."""

    def __getstate__(self) -> Any:
        return {"value": self.value["counts"]}


def circle(value: int) -> list[Any]:
    around: list[Any] = [value]
    around.append(around)
    return around


@pytest.mark.parametrize(
    ("one", "same", "other"),
    [
        (1, 1, 2),
        (1, 1, 1.0),
        (1, 1, True),
        ("a", "a", "b"),
        (None, None, 0),
        ([1, [2]], [1, [2]], [1, [3]]),
        ((1, 2), (1, 2), [1, 2]),
        ({"a": 1}, {"a": 1}, {"a": 2}),
        ({"a", "b", "c"}, {"c", "b", "a"}, {"a", "b"}),
        (np.arange(6.0), np.arange(6.0), np.arange(6.0).reshape(2, 3)),
        (np.arange(6), np.arange(12)[::2] // 2, np.arange(6, dtype=np.int32)),
        (np.float32(0.5), np.float32(0.5), np.float32(0.25)),
        (torch.arange(4.0), torch.arange(4.0), torch.arange(4.0).half()),
        (torch.zeros(2, 3).t(), torch.zeros(3, 2), torch.zeros(2, 3)),
        (network(0), network(0), network(1)),
        (Path("a"), Path("a"), Path("b")),
        (Thing([1]), Thing([1]), Thing([2])),
        (Chosen({"counts": 1, "not": 2}), Chosen({"counts": 1, "not": 3}), Chosen({"counts": 2})),
        (adder(1), adder(1), adder(2)),
        (functools.partial(adder, 1), functools.partial(adder, 1), functools.partial(adder, 2)),
        (Thing(1).__init__, Thing(1).__init__, Thing(2).__init__),
        (OrderedDict(a=1), OrderedDict(a=1), OrderedDict(a=2)),
        (np.asarray, np.asarray, np.array),
        (int, int, float),
        (circle(1), circle(1), circle(2)),
        (threading.Lock(), threading.Lock(), threading.Event()),
    ],
)  # fmt: skip
def test_what_a_method_holds_tells_it_from_others(one: Any, same: Any, other: Any) -> None:
    assert code(one) == code(same)
    assert code(one) != code(other)


def test_it_is_the_same_in_another_process() -> None:
    text = (
        "from tests.methods.test_identity import *\n"
        "print(code([{'a', 'b', 'c', 'd'}, network(0), adder(1), Path('x'), np.arange(3), {1: Thing({'x'})}]))"
    )
    runs = [run(text) for _ in range(2)]
    assert runs[0] == runs[1] != ""


def test_a_method_that_states_its_weights_vouches_for_what_it_holds() -> None:
    assert code([1], weights_hash="w") == code([2], weights_hash="w")
    assert code(1, weights_hash="w") != code(2, weights_hash="w")
    assert code(network(0), weights_hash="w") == code(network(1), weights_hash="w")
    scaled = network(0)
    scaled.scale = 0.5  # type: ignore[assignment]
    assert code(network(0), weights_hash="w") != code(scaled, weights_hash="w")
    assert identity(get_method(Holds(weights_hash="w"))).weights_hash == "w"


def test_so_does_one_with_a_key() -> None:
    @dataclass
    class Keyed(Holds):
        seen: list[int] = field(default_factory=list)

        def key(self, composite: Any) -> str:
            return "k"

    assert identity(get_method(Keyed(seen=[1]))).code == identity(get_method(Keyed(seen=[2]))).code


def test_options_count_and_of_files_what_is_in_them(tmp_path: Path) -> None:
    method = get_method(Holds())
    weights, folder = tmp_path / "w.bin", tmp_path / "folder"
    folder.mkdir()
    weights.write_bytes(b"1")
    (folder / "a").write_bytes(b"1")
    given = [{}, {"a": "1"}, {"a": "2"}, {"b": "1"}, {"a": str(weights)}, {"a": str(folder)}]
    codes = [identity(method, options).code for options in given]
    assert len(set(codes)) == len(given)
    weights.write_bytes(b"2")
    (folder / "b").write_bytes(b"1")
    assert identity(method, given[4]).code != codes[4]
    assert identity(method, given[5]).code != codes[5]


def test_another_class_of_the_same_name_and_state_is_another_method(tmp_path: Path) -> None:
    text = "class Mine:\n  def harmonize(self, batch): return [c.composite // {} for c in batch]\n"
    found = set()
    for number in (1, 2):
        (tmp_path / str(number)).mkdir()
        (tmp_path / str(number) / "mine.py").write_text(text.format(number))
        found.add(identity(get_method(f"{tmp_path}/{number}/mine.py")).code)
    assert len(found) == 2


def test_what_was_typed_in_counts_by_its_code() -> None:
    text = (
        "from tests.methods.test_identity import identity, get_method\n"
        "FACTOR = {}\n"
        "class Mine:\n    name = 'mine'\n    def harmonize(self, batch): return [self.one(c) for c in batch]\n"
        "    def one(self, c): return c.composite * FACTOR + {}\n"
        "print(identity(get_method(Mine())).code)"
    )
    runs = [run(text.format(*numbers)) for numbers in ((1, 1), (1, 1), (2, 1), (1, 2))]
    assert runs[0] == runs[1]
    assert len(set(runs)) == 3


SCRIPT = """
import enum, functools, os, sys
from pathlib import Path
from tests.methods.test_identity import adder, identity, get_method, network, np
import package.settings, settings
FACTOR = int(sys.argv[1])
settings.FACTOR = package.settings.FACTOR = FACTOR
os.environ["FACTOR_OF_TEST"] = sys.argv[1]
Path("factor.npy").write_text(sys.argv[1])
NET, TABLE = network(FACTOR), {"gain": np.array([FACTOR])}
def helper(x): return x * FACTOR
@functools.lru_cache
def cached(x): return x * FACTOR
class Options: gain = [FACTOR]
class Mode(enum.Enum): A = FACTOR
class Meta(type): gain = FACTOR
class Base:
    gain = np.array([FACTOR])
    def go(self, x): return x * self.gain
def around(function): return functools.wraps(function)(lambda c: function(c))
class Inherits(Base):
    def harmonize(self, batch): return [self.go(c.composite) for c in batch]
class Uses:
    def harmonize(self, batch): return [c.composite * FACTOR for c in batch]
class Static(Uses):
    @staticmethod
    def gain(factor=FACTOR): return factor
class Property(Uses):
    @property
    def gain(self): return TABLE
class WithMeta(metaclass=Meta):
    def harmonize(self, batch): return [c.composite * type(self).gain for c in batch]
def uses_value(c): return c.composite * FACTOR
def uses_helper(c): return helper(c.composite)
def uses_cached(c): return cached(1)
def uses_network(c): return NET(c.composite)
def uses_array(c): return TABLE["gain"] * c.composite
def uses_class(c): return Options.gain * c.composite
def uses_enum(c): return Mode.A.value * c.composite
def uses_module(c): return settings.FACTOR * c.composite
def uses_package(c): return package.settings.FACTOR * c.composite
def uses_getattr(c): return getattr(settings, "FACTOR") * c.composite
def uses_globals(c): return globals()["FACTOR"] * c.composite
def uses_environment(c): return int(os.environ["FACTOR_OF_TEST"]) * c.composite
def uses_file(c): return int(open("factor.npy").read()) * c.composite
def imports(c):
    import settings as mine
    return mine.FACTOR * c.composite
def imports_from(c):
    from package.settings import FACTOR as mine
    return mine * c.composite
class Names:
    def __init__(self): self.path = "factor.npy"
    def harmonize(self, batch): return [int(open(self.path).read()) * c.composite for c in batch]
def uses_inner(c): return [FACTOR for _ in range(1)]
@around
def is_wrapped(c): return c.composite * FACTOR
one_of_two = (lambda c: c.composite * 1) if FACTOR == 1 else (lambda c: c.composite * 2)
methods = [Inherits, Uses(), Static, Property(), WithMeta, uses_value, uses_helper, uses_cached, uses_network,
           uses_array, uses_class, uses_enum, uses_module, uses_package, uses_getattr, uses_globals, uses_environment,
           uses_file, imports, imports_from, Names(), uses_inner, is_wrapped, one_of_two]
for method in methods: print(getattr(method, "__name__", method.__class__), identity(get_method(method)).code)
"""


@pytest.mark.parametrize("typed_in", [False, True])
def test_what_a_script_sets_and_a_method_uses_counts(tmp_path: Path, typed_in: bool) -> None:
    (tmp_path / "script.py").write_text(SCRIPT)
    (tmp_path / "package").mkdir()
    for name in ("settings.py", "package/settings.py"):
        (tmp_path / name).write_text("FACTOR = 0\n")
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, [str(tmp_path), *sys.path]))}

    def codes(factor: str) -> list[str]:
        command = [sys.executable, "-" if typed_in else str(tmp_path / "script.py"), factor]
        ran = subprocess.run(
            command,
            input=SCRIPT if typed_in else None,
            capture_output=True,
            text=True,
            check=True,
            env=environment,
            cwd=tmp_path,
        )
        return ran.stdout.splitlines()

    one, again, other = codes("1"), codes("1"), codes("2")
    assert one == again
    assert len(one) == 24
    assert not set(one) & set(other)


def test_a_name_that_changes_is_taken_once_and_checked() -> None:
    class Fickle(Holds):
        asked = 0

        @property
        def name(self) -> str:  # type: ignore[override]
            Fickle.asked += 1
            return "good" if Fickle.asked < 4 else "../../bad"

        @name.setter
        def name(self, value: str) -> None:
            pass

    method = get_method(Fickle())
    Fickle.asked = 9
    with pytest.raises(MethodBroken, match=r"the name '\.\./\.\./bad' is not of up to"):
        identity(method)
