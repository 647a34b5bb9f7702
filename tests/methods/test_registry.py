"""Methods by name, from files and from other packages; what is wrong with one is said in a sentence."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sshbench.benchmarks.composite import Composite
from sshbench.methods import Method, MethodError, get_method
from sshbench.methods.base import MethodBroken
from sshbench.methods.registry import DEFAULTS, check_name
from sshbench.methods.source_code import sources_of
from tests.results.standin import composite

TEN_LINES = """
import numpy as np


class Brighter:
    def harmonize(self, batch):
        return [np.minimum(c.composite * 1.1, 255).astype(np.uint8) for c in batch]
"""


@pytest.mark.parametrize("name", DEFAULTS)
def test_every_method_keeps_to_the_interface(name: str) -> None:
    method = get_method(name)
    assert isinstance(method, Method)
    assert method.name == name
    assert method.sees_target == name.startswith("ceiling")
    batch = [composite(number, size) for number, size in enumerate([(40, 50), (64, 48)])]
    images = method.harmonize(batch)
    assert [image.shape for image in images] == [(40, 50, 3), (64, 48, 3)]
    assert all(image.dtype == np.uint8 for image in images)


@pytest.mark.parametrize("name", DEFAULTS)
def test_a_composite_counts_for_itself_whatever_the_batch(name: str) -> None:
    one, two = composite(1), composite(2)
    alone = get_method(name).harmonize([two])[0]
    assert np.array_equal(get_method(name).harmonize([one, two])[1], alone)


@pytest.mark.parametrize(
    ("asked", "meant"), [("reinhart", "reinhard"), ("monge", "monge-kantorovich"), ("Pitie", "pitie")]
)
def test_a_misspelt_name_is_understood(asked: str, meant: str) -> None:
    with pytest.raises(MethodError, match=f"no method '{asked}'; did you mean .*{meant}"):
        get_method(asked)


def test_a_strange_name_lists_all() -> None:
    with pytest.raises(MethodError, match=r"there are ceiling-linear.* and path\.py:Class"):
        get_method("zzz")


class TestFiles:
    @pytest.mark.parametrize("end", [":Brighter", ""])
    def test_a_class_of_ones_own(self, tmp_path: Path, end: str) -> None:
        file = tmp_path / "mine.py"
        file.write_text(TEN_LINES)
        method = get_method(f"{file}{end}")
        assert isinstance(method, Method)
        assert method.name == "brighter"
        assert not method.sees_target
        assert method.input_size is None
        given = composite(0)
        assert method.harmonize([given])[0].mean() > given.composite.mean()

    def test_a_dataclass_with_postponed_annotations(self, tmp_path: Path) -> None:
        (tmp_path / "mine.py").write_text(
            "from __future__ import annotations\nfrom dataclasses import dataclass, field\n"
            "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from nowhere import Thing\n"
            "@dataclass\nclass Mine:\n    factor: float = 1\n    size: int | None = None\n    fast: bool = False\n"
            "    thing: Thing | None = None\n    seen: list[str] = field(default_factory=list)\n"
            "    def harmonize(self, batch):\n        return [c.composite for c in batch]\n"
        )
        assert get_method(f"{tmp_path}/mine.py").name == "mine"
        made = get_method(f"{tmp_path}/mine.py:Mine:factor=0.5,fast=true")
        assert (made.factor, made.fast) == (0.5, True)  # type: ignore[attr-defined]

    def test_what_lies_beside_it_can_be_imported(self, tmp_path: Path) -> None:
        (tmp_path / "beside_it.py").write_text("FACTOR = 1")
        (tmp_path / "mine.py").write_text("import beside_it\n" + TEN_LINES)
        assert get_method(f"{tmp_path}/mine.py:Brighter").name == "brighter"

    def test_what_lies_beside_it_can_be_imported_within_its_functions_too(self, tmp_path: Path) -> None:
        (tmp_path / "beside_late.py").write_text("FACTOR = 2")
        text = "class A:\n  def harmonize(self, batch):\n    import beside_late\n    return [beside_late.FACTOR]\n"
        (tmp_path / "mine.py").write_text(text)
        assert get_method(f"{tmp_path}/mine.py").harmonize([composite(0)]) == [2]

    def test_two_files_with_two_modules_of_one_name_are_not_mixed_up(self, tmp_path: Path) -> None:
        for name, factor in (("a", 1), ("b", 2)):
            (tmp_path / name).mkdir()
            (tmp_path / name / "beside_twice.py").write_text(f"FACTOR = {factor}")
            (tmp_path / name / "mine.py").write_text("import beside_twice\n" + TEN_LINES)
        assert get_method(f"{tmp_path}/a/mine.py").name == "brighter"
        with pytest.raises(
            MethodError, match=r"b/mine\.py imports beside_twice, for which Python takes .*a/beside_twice"
        ):
            get_method(f"{tmp_path}/b/mine.py")

    @pytest.mark.parametrize(
        "text", ["import sys; sys.exit()", "raise SystemExit('bye')", "raise GeneratorExit", "1 +"]
    )
    def test_a_file_that_ends_when_imported_ends_nothing_else(self, tmp_path: Path, text: str) -> None:
        (tmp_path / "mine.py").write_text(text)
        with pytest.raises(
            MethodBroken, match=r"mine\.py cannot be imported \((it asks to end|GeneratorExit|SyntaxError)"
        ):
            get_method(f"{tmp_path}/mine.py:A")

    def test_the_device_goes_to_those_that_take_one(self, tmp_path: Path) -> None:
        file = tmp_path / "mine.py"
        file.write_text(
            "class A:\n  def __init__(self, device='cpu'): self.on = device\n  def harmonize(self, b): ...\n"
        )
        assert get_method(f"{file}:A", device="cuda:7").on == "cuda:7"  # type: ignore[attr-defined]

    def test_another_text_is_another_method(self, tmp_path: Path) -> None:
        hashes = set()
        for number, text in enumerate([TEN_LINES, TEN_LINES.replace("1.1", "1.2"), TEN_LINES]):
            file = tmp_path / f"mine{number}.py"
            file.write_text(text)
            hashes.add(sources_of(type(get_method(f"{file}:Brighter"))).digest())
        assert len(hashes) == 2

    @pytest.mark.parametrize(
        ("text", "end", "sentence"),
        [
            (TEN_LINES, ":Brightr", "has no 'Brightr'; did you mean 'Brighter'"),
            ("x = 1", "", r"has no class with harmonize\(batch\) and no function of one composite"),
            ("def a(c): ...\ndef b(c): ...", "", "has a, b; name one as .*mine.py:a"),
            ("def main(): raise SystemExit", "", "no function of one composite"),
            (TEN_LINES + TEN_LINES.replace("Brighter", "Other"), "", "has Brighter, Other; name one as"),
            ("import nothing_of_this_name", ":A", "cannot be imported .ModuleNotFoundError"),
            ("class A:\n  pass", ":A", "A has no harmonize"),
            ("class A:\n  def __init__(self): raise OSError('no weights')\n  def harmonize(self, b): ...", ":A",
             "cannot be made .OSError: no weights"),
            ("class A:\n  name = 'a/b'\n  def harmonize(self, b): ...", ":A", "the name 'a/b' is not of up to"),
            ("class A:\n  name = 'a\\n'\n  def harmonize(self, b): ...", ":A", r"the name 'a.n' is not of up to"),
            ("class A:\n  name = 'a' * 201\n  def harmonize(self, b): ...", ":A", "is not of up to 200"),
            ("class A:\n  name = 3\n  def harmonize(self, b): ...", ":A", "its name is 3, not a text"),
            ("class A:\n  sees_target = 'no'\n  def harmonize(self, b): ...", ":A", "its sees_target is 'no'"),
            ("class A:\n  weights_hash = 3\n  def harmonize(self, b): ...", ":A", "its weights_hash is 3"),
            ("class A:\n  @property\n  def name(self): 1 / 0\n  def harmonize(self, b): ...", ":A", "cannot be read"),
            ("class A:\n  __slots__ = ()\n  def harmonize(self, b): ...", ":A", "cannot be given the attribute name"),
            ("class A:\n  def __init__(self): raise SystemExit(3)\n  def harmonize(self, b): ...", ":A",
             "cannot be made .it asks to end the process: SystemExit.3."),
            ("class A:\n  harmonize = 3", ":A", "A has no harmonize"),
        ],
    )  # fmt: skip
    def test_what_is_wrong_is_said(self, tmp_path: Path, text: str, end: str, sentence: str) -> None:
        file = tmp_path / "mine.py"
        file.write_text(text)
        with pytest.raises(MethodError, match=sentence):
            get_method(f"{file}{end}")

    def test_a_missing_file(self) -> None:
        with pytest.raises(MethodError, match=r"nowhere\.py: there is no such file"):
            get_method("nowhere.py:A")


class TestPython:
    """What is there in Python already is taken where a name is."""

    class Mine:
        def __init__(self, device: str = "cpu") -> None:
            self.on = device

        def harmonize(self, batch):  # type: ignore[no-untyped-def]
            return [255 - one.composite for one in batch]

    def test_an_object(self) -> None:
        mine = self.Mine()
        assert get_method(mine) is mine
        assert isinstance(mine, Method)
        assert mine.name == "mine"

    def test_a_class(self) -> None:
        method = get_method(self.Mine, device="cuda:7")
        assert method.name == "mine"
        assert method.on == "cuda:7"  # type: ignore[attr-defined]

    def test_a_function_of_one_composite(self) -> None:
        def brighter(one: Composite) -> np.ndarray:
            return np.minimum(one.composite * 1.1, 255).astype(np.uint8)

        method = get_method(brighter)
        assert isinstance(method, Method)
        assert method.name == "brighter"
        given = composite(0)
        assert np.array_equal(method.harmonize([given])[0], brighter(given))
        assert get_method(lambda one: one.composite).name == "lambda"

    def test_a_function_that_makes_a_method(self) -> None:
        assert get_method(lambda: self.Mine()).name == "mine"

    def test_a_frozen_object(self) -> None:
        @dataclass(frozen=True)
        class Frozen:
            strength: float = 1

            def harmonize(self, batch):  # type: ignore[no-untyped-def]
                return []

        assert get_method(Frozen()).name == "frozen"

    def test_a_function_in_a_file(self, tmp_path: Path) -> None:
        (tmp_path / "mine.py").write_text(
            "def darker(c):\n    return c.composite // 2\n"
            "class A:\n  def __init__(self, factor): self.factor = factor\n  def harmonize(self, batch): return []\n"
            "def make(factor: int): return A(factor)\n"
        )
        method = get_method(f"{tmp_path}/mine.py:darker")
        assert method.name == "darker"
        assert np.array_equal(method.harmonize([composite(0)])[0], composite(0).composite // 2)
        assert get_method(f"{tmp_path}/mine.py:make:factor=3").factor == 3  # type: ignore[attr-defined]

    def test_a_function_of_one_composite_has_options(self, tmp_path: Path) -> None:
        (tmp_path / "mine.py").write_text("def darker(c, by=2, fast: bool = True):\n    return c.composite // by\n")
        method = get_method(f"{tmp_path}/mine.py:by=4")
        assert method.name == "darker+by-4"
        assert np.array_equal(method.harmonize([composite(0)])[0], composite(0).composite // 4)
        with pytest.raises(MethodError, match="has no option 'nonsense'"):
            get_method(f"{tmp_path}/mine.py:darker:nonsense=3")
        with pytest.raises(MethodError, match="did you mean 'darker'"):
            get_method(f"{tmp_path}/mine.py:darkr")

    def test_a_function_gives_its_method_a_name(self) -> None:
        def halved(c: Composite) -> Any:
            return c.composite // 2

        halved.name = "half"  # type: ignore[attr-defined]
        assert get_method(halved).name == "half"
        halved.name = "composite"  # type: ignore[attr-defined]
        with pytest.raises(MethodError, match="'composite' stands for the untouched picture"):
            get_method(halved)

    def test_the_only_function_of_a_file_needs_no_name(self, tmp_path: Path) -> None:
        (tmp_path / "mine.py").write_text(
            "from os.path import join\n_HALF = 2\n\n\ndef darker(c):\n    return _part(c.composite)\n\n\n"
            "def _part(pixels):\n    return pixels // _HALF\n"
        )
        method = get_method(f"{tmp_path}/mine.py")
        assert np.array_equal(method.harmonize([composite(0)])[0], composite(0).composite // 2)

    @pytest.mark.parametrize("odd", [3, None, object(), [1], np.zeros(3), int])
    def test_what_is_none_of_these_is_refused(self, odd: object) -> None:
        with pytest.raises(MethodError, match=r"has no harmonize\(batch\)|cannot be made"):
            get_method(odd)  # type: ignore[arg-type]

    def test_a_name_is_checked_without_an_import(self, tmp_path: Path) -> None:
        (tmp_path / "mine.py").write_text("1 / 0")
        check_name(f"{tmp_path}/mine.py:A")
        check_name("ssh:map=lut")
        with pytest.raises(MethodError, match="did you mean 'reinhard'"):
            check_name("reinhart")
        with pytest.raises(MethodError, match="there is no such file"):
            check_name("nowhere.py:A")


class TestPackages:
    @pytest.fixture
    def package(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        (tmp_path / "their_methods.py").write_text(TEN_LINES)
        info = tmp_path / "their_methods-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: their-methods\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(
            "[sshbench.methods]\nbright = their_methods:Brighter\nbroken = their_methods:Nothing\n"
        )
        monkeypatch.syspath_prepend(tmp_path)
        yield tmp_path
        sys.modules.pop("their_methods", None)

    def test_an_entry_point_names_a_method(self, package: Path) -> None:
        method = get_method("bright")
        assert method.name == "bright"
        assert isinstance(method, Method)

    def test_its_name_is_suggested(self, package: Path) -> None:
        with pytest.raises(MethodError, match="did you mean 'bright'"):
            get_method("brigth")

    def test_a_damaged_package_beside_it_is_passed_over(self, package: Path) -> None:
        info = package / "damaged-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: damaged\nVersion: 1.0\n")
        (info / "entry_points.txt").write_bytes(b"[sshbench.methods]\nx = \xff\n")
        with pytest.warns(RuntimeWarning, match=r"damaged-1\.0\.dist-info: .*damaged entry_points\.txt"):
            assert get_method("bright").name == "bright"

    def test_one_that_is_not_there(self, package: Path) -> None:
        with pytest.raises(MethodError, match="broken: their_methods:Nothing cannot be imported"):
            get_method("broken")


OPTIONS = """
from typing import Literal

import numpy as np


class Tuned:
    def __init__(self, *, device: str = "cpu", weights: str | None = None, mode: Literal["a", "b"] = "a",
                 factor: float = 1, fast: bool = False, size: int | None = None):
        self.given = device, weights, mode, factor, fast, size

    def harmonize(self, batch):
        return [c.composite for c in batch]
"""


PLAIN = """
from __future__ import annotations
from pathlib import Path
from typing import TYPE_CHECKING, Any
import numpy as np
if TYPE_CHECKING:
    from nowhere import Thing

class Plain:
    def __init__(self, fast=True, many=1, part=0.5, word="a", weights=None, none=None, thing: Thing | None = None,
                 part32: np.float32 = 0.5, lost: float | None = None, mixed: float | bool = 1, bare: Any = None,
                 at: Path | None = None):
        self.given = dict(locals())

    def harmonize(self, batch):
        return [c.composite for c in batch]
"""


class TestOptions:
    @pytest.fixture
    def name(self, tmp_path: Path) -> str:
        (tmp_path / "tuned.py").write_text(OPTIONS)
        return f"{tmp_path}/tuned.py:Tuned"

    def test_they_become_arguments_of_their_types(self, name: str) -> None:
        method = get_method(f"{name}:mode=b,factor=0.5, fast=True,size=64", device="cuda:7", weights="w.pth")
        assert method.given == ("cuda:7", "w.pth", "b", 0.5, True, 64)  # type: ignore[attr-defined]

    def test_a_method_with_options_has_a_name_of_its_own(self, name: str) -> None:
        names = [get_method(name + end).name for end in ("", ":mode=b", ":mode=b,factor=0.5", ":weights=runs/a b.pth")]
        assert names == ["tuned", "tuned+mode-b", "tuned+mode-b+factor-0.5", "tuned+a-b.pth"]

    @pytest.mark.parametrize(
        ("options", "sentence"),
        [
            ("mod=b", "has no option 'mod'; there are device, factor, fast, mode, size, weights"),
            ("mode=c", "mode is a or b, not 'c'"),
            ("factor=much", "factor is a number, not 'much'"),
            ("size=1.5", "size is a whole number, not '1.5'"),
            ("fast=1", "fast is true or false, not '1'"),
            ("mode=b,fast", "an option is key=value, not 'fast'"),
            ("mode=", "an option is key=value, not 'mode='"),
            ("mode=b:factor=2", "commas separate options; write .*:mode=b,factor=2"),
        ],
    )
    def test_what_is_wrong_with_one_is_said(self, name: str, options: str, sentence: str) -> None:
        with pytest.raises(MethodError, match=sentence):
            get_method(f"{name}:{options}")

    @pytest.mark.parametrize(
        ("text", "value"), [("fast=false", False), ("fast=true", True), ("many=3", 3), ("many=2.5", 2.5),
                            ("part=1", 1.0), ("word=7", "7"), ("weights=7", "7"),
                            ("part32=0.25", 0.25), ("lost=0.5", 0.5), ("mixed=2.5", 2.5), ("mixed=true", True),
                            ("at=a/b", Path("a/b"))],
    )  # fmt: skip
    def test_without_annotations_the_defaults_tell_the_type(self, tmp_path: Path, text: str, value: object) -> None:
        (tmp_path / "plain.py").write_text(PLAIN)
        given = get_method(f"{tmp_path}/plain.py:Plain:{text}").given[text.partition("=")[0]]  # type: ignore[attr-defined]
        assert (given, type(given)) == (value, type(value))

    @pytest.mark.parametrize(
        ("text", "sentence"),
        [
            ("mixed=x", "mixed is a number or true or false, not 'x'"),
            ("bare=3", "the option bare could be a number or a text"),
            ("none=3", "the option none could be a number or a text; annotate it in the code, as in none: float"),
            ("fast=1", "fast is true or false, not '1'"),
            ("many=few", "many is a number, not 'few'"),
        ],
    )
    def test_text_is_no_number_without_annotations_either(self, tmp_path: Path, text: str, sentence: str) -> None:
        (tmp_path / "plain.py").write_text(PLAIN)
        with pytest.raises(MethodError, match=sentence):
            get_method(f"{tmp_path}/plain.py:Plain:{text}")

    def test_a_method_that_takes_none(self) -> None:
        with pytest.raises(MethodError, match="dc has no option 'mode'; it takes no options"):
            get_method("dc:mode=b")
        with pytest.raises(MethodError, match="dc takes no weights"):
            get_method("dc", weights="w.pth")
