"""The public names: each is listed, documented with a runnable example, and has a `repr` of one line."""

from __future__ import annotations

import doctest
import importlib
import inspect
import os
import pkgutil
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch

import sshbench
from sshbench.triplets import Settings

PACKAGES = [
    "sshbench",
    *(f"sshbench.{name}" for name in dir(sshbench) if isinstance(getattr(sshbench, name), ModuleType)),
]
NEVER_RAISE = {"sshbench.lut.to_colour", "sshbench.triplets.saturate"}
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def public() -> Iterator[tuple[str, Any]]:
    """Names and what they stand for; a thing that has several names comes once, under the shortest."""
    found = sorted(
        ((f"{package}.{name}", getattr(importlib.import_module(package), name))
         for package in PACKAGES for name in importlib.import_module(package).__all__),
        key=lambda pair: (pair[0].count("."), len(pair[0])),
    )  # fmt: skip
    seen = set()
    for name, value in found:
        if isinstance(value, ModuleType) or name.endswith("__version__") or id(value) in seen:
            continue
        seen.add(id(value))
        yield name, value


PUBLIC = dict(public())
CALLABLE = {name: value for name, value in PUBLIC.items() if callable(value)}
EXAMPLES = {
    name: value
    for name, value in CALLABLE.items()
    if not (inspect.isclass(value) and issubclass(value, BaseException) and value is not sshbench.SshbenchError)
}


def sections(text: str) -> dict[str, str]:
    """The sections of a docstring as numpydoc lays them out."""
    parts = re.split(r"^(\w+)\n-+\n", inspect.cleandoc(text), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


@pytest.mark.parametrize("package", PACKAGES[1:])
def test_no_public_name_is_that_of_a_module_which_would_take_its_place(package: str) -> None:
    module = importlib.import_module(package)
    assert not {one.name for one in pkgutil.iter_modules(module.__path__)} & set(module.__all__)


def test_the_names_that_people_rely_on() -> None:
    names = (
        "Composite Method Protocol evaluate score load_benchmark get_method train generate_triplets metrics apply_lut"
    )
    assert set(names.split()) <= set(dir(sshbench))
    metrics = "psnr ssim lpips mse fmse ciede2000 peak_signal_noise_ratio structural_similarity_index_measure"
    assert set(metrics.split()) <= set(dir(sshbench.metrics))


@pytest.mark.parametrize("package", PACKAGES)
def test_dir_lists_what_there_is(package: str) -> None:
    module = importlib.import_module(package)
    assert dir(module) == sorted(module.__all__)
    for name in dir(module):
        assert getattr(module, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = module.nothing


@pytest.mark.parametrize("name", CALLABLE)
def test_every_public_name_is_documented(name: str) -> None:
    value = CALLABLE[name]
    text = value.__doc__ or ""
    assert text.strip(), "there is no docstring"
    if name not in EXAMPLES:
        return
    found = sections(text)
    assert ">>>" in found.get("Examples", ""), "there is no example"
    if inspect.isclass(value):
        for member, what in vars(value).items():
            if not member.startswith("_") and (inspect.isfunction(what) or isinstance(what, property)):
                assert inspect.getdoc(what), f"{member} has no docstring"
        return
    for parameter in inspect.signature(value).parameters.values():
        assert re.search(rf"^(?!\s).*\b{parameter.name}\b", found.get("Parameters", ""), re.MULTILINE), (
            f"{parameter.name} is not among the Parameters"
        )
    if inspect.signature(value).return_annotation not in (None, "None"):
        assert re.match(r"\S.{0,40}\n    \S", found.get("Returns", "")), "Returns is a type and an indented description"
    assert "Raises" in found or name in NEVER_RAISE


@pytest.mark.parametrize("name", EXAMPLES)
def test_examples_run(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    value = EXAMPLES[name]
    test = doctest.DocTestParser().get_doctest(inspect.cleandoc(value.__doc__), {}, name, None, None)
    assert test.examples
    lines: list[str] = []
    with np.printoptions(legacy=False):  # other tests import colour-science, which switches to an older way of printing
        doctest.DocTestRunner(optionflags=FLAGS, verbose=False).run(test, out=lines.append)
    assert not lines, "".join(lines)


@pytest.mark.parametrize(
    "make",
    [
        lambda: sshbench.load_benchmark("sample"),
        lambda: sshbench.load_benchmark("sample")[0],
        lambda: sshbench.LutBank.of_looks(),
        lambda: sshbench.LutBank.of_looks()[0],
        lambda: sshbench.TripletDataset(settings=Settings(crop=64)),
        lambda: sshbench.TripletLoader(sshbench.TripletDataset(settings=Settings(crop=64)), 2),
        lambda: sshbench.TripletStream(sshbench.TripletDataset(settings=Settings(crop=64))),
    ],
)
def test_reprs_fit_one_line(make: Any) -> None:
    assert re.fullmatch(r"<.{10,110}>", repr(make()))


def test_an_evaluation_prints_as_its_table() -> None:
    found = sshbench.evaluate("sample", ["dc", "reinhard"], metrics=["psnr"], limit=2, workers=1)
    lines = str(found).splitlines()
    assert "sshbench-v1" in lines[0]
    assert {line.split()[0] for line in lines if line.startswith(("dc", "reinhard"))} == {"dc", "reinhard"}


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32])
def test_a_method_may_return_tensors_with_channels_first(dtype: torch.dtype) -> None:
    def mine(composite: sshbench.Composite) -> torch.Tensor:
        image = torch.from_numpy(composite.composite.copy()).permute(2, 0, 1)
        return image if dtype == torch.uint8 else image.float() / 255

    found = sshbench.evaluate("sample", [mine, "dc"], metrics=["psnr"], limit=1, workers=1).records()
    assert found["psnr"].iloc[0] == pytest.approx(found["psnr"].iloc[1], abs=1e-6)


def test_looks_go_by_name_anywhere() -> None:
    images = np.random.default_rng(0).integers(0, 256, (2, 8, 8, 3), np.uint8)
    bank = sshbench.LutBank.of_looks()
    by_number = sshbench.apply_lut(images, bank, bank.position("golden-hour"))
    assert np.array_equal(sshbench.apply_lut(images, bank, "golden-hour"), by_number)
    assert np.array_equal(sshbench.apply_lut(images, "golden-hour"), by_number)
    assert np.array_equal(sshbench.apply_lut(images, bank["golden-hour"]), by_number)


SCRIPT = """
print("begins")
import sshbench
from sshbench.triplets import Settings

class Photographs:  # of the script, which workers do not import
    def __init__(self, source):
        self.source = source
    def __len__(self):
        return len(self.source)
    def __getattr__(self, name):
        if name.startswith("__") or name == "source":
            raise AttributeError(name)
        return getattr(self.source, name)

if {generate}:
    from sshbench.triplets import generate, open_source, plan
    from sshbench.triplets.luts import open_bank
    source, bank = Photographs(open_source("sample", limit=3)), open_bank()
    print(generate(plan(Settings(crop=64), source, bank), source, bank, "out", workers=2).photos)
else:
    dataset = sshbench.TripletDataset("sample", settings=Settings(crop=64))
    print(sum(len(batch["row"]) for batch in sshbench.TripletLoader(dataset, 7, workers=1, start_method="spawn")))
"""


@pytest.mark.parametrize(("generate", "count"), [(True, 3), (False, 12)])
def test_workers_need_no_guard_in_a_script(generate: bool, count: int, tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(SCRIPT.replace("{generate}", str(generate)))
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    words = [sys.executable, "script.py"]
    done = subprocess.run(words, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"begins\n{count}\n"


def test_a_recipe_of_ones_own_trains_an_objective_of_ones_own(tmp_path: Path) -> None:
    from sshbench.training import Phase, Recipe

    class Gain:
        def __init__(self, recipe: Recipe) -> None:
            self.net = torch.nn.Conv2d(3, 3, 1)
            self.modules = torch.nn.ModuleDict({"net": self.net})
            self.phases = (Phase("net", list(self.net.parameters()), self.terms),)

        def terms(self, batch: Any) -> Any:
            return {"l1": (self.net(batch["content_alpha"]) - batch["content_beta"]).abs().mean()}

        def predict(self, batch: Any) -> Any:
            return None

        def weights(self) -> Any:
            return self.net.state_dict(), {}

    recipe = Recipe.model_validate(
        {"method": "gain", "schedule": {"steps": 2}, "loss": {"l1": 1.0}, "data": {"batch": 2, "crop": 64},
         "validation": {"images": 0}}
    )  # fmt: skip
    outcome = sshbench.train(Gain, "sample", tmp_path / "run", recipe=recipe, device="cpu")
    assert (outcome.reason, outcome.step) == ("complete", 2)
    with pytest.raises(sshbench.SshbenchError, match="change the Recipe"):
        sshbench.train(Gain, recipe=recipe, changes={"data.batch": 1})
