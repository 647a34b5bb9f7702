"""How long `harmonize` takes on a foreground of 12 megapixels, on two threads, and each part of it.

pytest tests/speed/test_harmonize.py --benchmark-only
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from pytest_benchmark.fixture import BenchmarkFixture

from sshbench.compositing.harmonize import harmonize_scene
from sshbench.compositing.painting import Painting, find_painting
from sshbench.compositing.pasting import by_map, paste_layer
from sshbench.compositing.placement import reference_box
from sshbench.compositing.scene import Scene, open_scene
from sshbench.folders import data_folder
from sshbench.methods import Method, get_method
from sshbench.methods.full_resolution import ColourMap
from sshbench.methods.ssh import SshMethod
from sshbench.methods.weights import WeightsCard, save_weights
from sshbench.networks.ssh import SSH
from tests.compositing.standin import Known, ellipse, look

SIZE = (4000, 3000)


@pytest.fixture(autouse=True)
def _two_threads(_one_thread: None) -> None:
    torch.set_num_threads(2)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`f.jpg`, `b.jpg` and `m.png` of 12 megapixels; the mask is an ellipse half as wide and high."""
    folder = tmp_path_factory.mktemp("photographs")
    for name, source in (("f", "motorcycle"), ("b", "friends")):
        with Image.open(data_folder("sample") / f"{source}.jpg") as picture:
            large = picture.convert("RGB").resize(SIZE, Image.Resampling.BICUBIC)
        large.save(folder / f"{name}.jpg", quality=92, subsampling="4:2:0")
    Image.fromarray(ellipse(SIZE[1], SIZE[0])).save(folder / "m.png")
    return folder


@pytest.fixture(scope="module")
def methods(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Method]:
    """SSH as published, with random weights, which takes as long as with others; SSH-LUT; a map that is known."""
    folder = tmp_path_factory.mktemp("weights")
    save_weights(folder, SSH().state_dict(), WeightsCard(method="ssh"))
    return {"ssh": SshMethod(weights=str(folder)), "ssh-lut": get_method("ssh-lut"), "a map that is known": Known()}


def opened(files: Path) -> Scene:
    return open_scene(files / "f.jpg", files / "b.jpg", files / "m.png")


def whole(files: Path, method: Method, out: Path) -> None:
    result = harmonize_scene(opened(files), method, map="lut", reference="auto", in_place=True)
    result.save(out)


@pytest.mark.parametrize("who", ["ssh", "ssh-lut", "a map that is known"])
def test_everything(benchmark: BenchmarkFixture, files: Path, methods: dict[str, Method], who: str) -> None:
    benchmark.group = "12 megapixels, from three files to one"
    benchmark.pedantic(whole, (files, methods[who], files / "out.jpg"), rounds=5, warmup_rounds=1)


def _find(scene: Scene, method: Method) -> Painting:
    return find_painting(scene, method, "lut", reference_box("auto", scene.landing, scene.canvas))


def _paste(scene: Scene) -> None:
    paste_layer(np.array(scene.background.image.pixels), None, scene.layer, by_map(ColourMap("lut", look())))


PARTS: dict[str, Callable[[Path, Scene, dict[str, Method]], Any]] = {
    "read three files": lambda files, scene, methods: opened(files),
    "small copies, ssh, fit": lambda files, scene, methods: _find(scene, methods["ssh"]),
    "small copies alone": lambda files, scene, methods: _find(scene, methods["a map that is known"]),
    "map and paste": lambda files, scene, methods: _paste(scene),
    "write a JPEG": lambda files, scene, methods: _write(files, scene),
}


def _write(files: Path, scene: Scene) -> None:
    from sshbench.images.files import write_image

    write_image(files / "out.jpg", scene.background.image)


@pytest.mark.parametrize("part", PARTS)
def test_parts(benchmark: BenchmarkFixture, files: Path, methods: dict[str, Method], part: str) -> None:
    benchmark.group = "parts"
    scene = opened(files)
    benchmark.pedantic(PARTS[part], (files, scene, methods), rounds=5, warmup_rounds=1)
    print(f"\n{part}: {1000 * benchmark.stats['min']:.0f} ms")
