"""How fast and how small each way to store a rendered image is; docs/triplets-run.md has the figures.

pytest tests/speed/test_codecs.py --benchmark-only -s
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from pytest_benchmark.fixture import BenchmarkFixture

from sshbench.triplets.codecs import Codec
from tests.speed.photos import write_photos

Images = list[NDArray[np.uint8]]


@pytest.fixture(scope="module")
def crops(tmp_path_factory: pytest.TempPathFactory) -> Images:
    """Thirty crops of 224 x 224 pixels, the photographs brought to a short side of 288 pixels before."""
    paths = write_photos(tmp_path_factory.mktemp("photos"), 30)
    images = [Image.open(path).resize((384, 288), Image.Resampling.BICUBIC) for path in paths]
    return [np.ascontiguousarray(np.asarray(image)[30:254, 80:304]) for image in images]


def opencv(crops: Images) -> Callable[[NDArray[np.uint8]], bytes]:
    cv2 = pytest.importorskip("cv2", reason="install opencv-python-headless to measure it")
    options = [cv2.IMWRITE_PNG_COMPRESSION, 1, cv2.IMWRITE_PNG_STRATEGY, cv2.IMWRITE_PNG_STRATEGY_RLE]
    return lambda pixels: bytes(cv2.imencode(".png", pixels[..., ::-1], options)[1])


CODECS = {
    "png by fpng": lambda crops: Codec("png", None, "fpng").encode,
    "png by pillow, level 1": lambda crops: Codec("png", None, "pillow").encode,
    "png by opencv, level 1, RLE": opencv,
    "jpeg 95, 4:4:4": lambda crops: Codec.choose("jpeg", 95).encode,
    "webp 95": lambda crops: Codec.choose("webp", 95).encode,
}


@pytest.mark.parametrize("name", CODECS)
def test_encode(benchmark: BenchmarkFixture, crops: Images, name: str) -> None:
    encode = CODECS[name](crops)
    benchmark.group = "encode an image of 224 x 224"
    files = benchmark.pedantic(lambda: [encode(image) for image in crops], rounds=10, warmup_rounds=1)
    kib = sum(map(len, files)) / len(files) / 1024
    print(f"\n{name}: {benchmark.stats['min'] / len(crops) * 1e3:.2f} ms, {kib:.1f} KiB")
