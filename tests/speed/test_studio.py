"""The studio end to end in Chromium, from a person's change to the picture on the screen, beside plain ways in Python.

A slider follows and grades the LUT on the server, and the page draws with it; a new place runs SSH-LUT as well. Beside
the first, Pillow applies a LUT of the same size to a picture of the screen's size, pastes and encodes it, as a page
would need whose server draws; beside the second, scikit-image first matches the histogram of the background. Both peers
are spared the browser.

pytest tests/speed/test_studio.py --benchmark-only -s
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
import psutil
import pytest
from PIL import Image, ImageFilter
from pytest_benchmark.fixture import BenchmarkFixture

pytest.importorskip("playwright")
pytest.importorskip("starlette")
pytest.importorskip("uvicorn")

from sshbench.lut.table import identity_table
from sshbench.studio.examples import EXAMPLES
from tools.studio_pictures import begin, served
from tools.study_pages import browser, installed_browser, open_page

pytestmark = pytest.mark.skipif(
    installed_browser() is None, reason="no Chromium or Chrome is installed, which this benchmark opens the page in"
)
ROUNDS = 25
_CHANGED = """async ([selector, value]) => {
    const field = document.querySelector(selector), canvas = studio.stage.canvas;
    field.value = value;
    field.dispatchEvent(new Event("input", { bubbles: true }));
    while (!studio.settled()) await new Promise((next) => requestAnimationFrame(next));
    studio.stage.renderer.read?.();  // WebGL draws later than it is told to
    return [canvas.width, canvas.height];
}"""


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with served(tmp_path_factory.mktemp("studio")) as (address, _), browser() as one:
        page, errors = open_page(one, "desktop")
        begin(page, address)
        yield page
        assert errors == []


def change(page: Any, selector: str, values: Iterator[float]) -> list[int]:
    return list(page.evaluate(_CHANGED, [selector, next(values)]))


def plain(size: list[int], *, match: bool) -> Callable[[], int]:
    """The same picture by Pillow, and before that, where `match` says so, by scikit-image."""
    foreground, mask, background = (Image.open(path) for path in EXAMPLES["astronaut"].files())
    front, behind = (one.convert("RGB").resize(size) for one in (foreground, background))
    cut = mask.convert("L").resize(size)
    lut = ImageFilter.Color3DLUT(33, identity_table(33).reshape(-1, 3) ** 1.1)

    def made() -> int:
        image = front
        if match:
            from skimage.exposure import match_histograms

            found = match_histograms(np.asarray(front), np.asarray(behind), channel_axis=-1)
            image = Image.fromarray(np.asarray(found, np.uint8))
        file = io.BytesIO()
        Image.composite(image.filter(lut), behind, cut).save(file, "PNG", compress_level=1)
        return file.tell()

    return made


def processor_seconds() -> float:
    """The processor time of this process, whose thread serves the studio, and of the browser's processes."""
    me = psutil.Process()
    times = [one.cpu_times() for one in (me, *me.children(recursive=True))]
    return float(sum(one.user + one.system for one in times))


def measure(benchmark: BenchmarkFixture, who: str, work: Callable[[], Any]) -> None:
    """Time some rounds, and print the best and the processor time of all, which other processes disturb less."""
    work()
    before = processor_seconds()
    assert benchmark.pedantic(work, rounds=ROUNDS)
    spent = 1000 * (processor_seconds() - before) / ROUNDS
    print(f"\n{who}: {1000 * benchmark.stats['min']:.0f} ms at best, {spent:.0f} ms of processor time on average")


@pytest.mark.parametrize("who", ["sshbench, to the screen", "Pillow, without a browser"])
def test_a_slider(benchmark: BenchmarkFixture, page: Any, who: str) -> None:
    benchmark.group = "studio: a slider"
    values = (0.5 + i / 100 for i in range(1000))
    size = change(page, "[data-range=lightness]", values)
    ours = partial(change, page, "[data-range=lightness]", values)
    measure(benchmark, who, plain(size, match=False) if "Pillow" in who else ours)


@pytest.mark.parametrize("who", ["sshbench, to the screen", "scikit-image and Pillow, without a browser"])
def test_a_new_place(benchmark: BenchmarkFixture, page: Any, who: str) -> None:
    benchmark.group = "studio: a new place, with SSH-LUT"
    values = (50.0 + i for i in range(1000))
    size = change(page, "[data-place=x]", values)
    ours = partial(change, page, "[data-place=x]", values)
    measure(benchmark, who, plain(size, match=True) if "Pillow" in who else ours)
