"""The LUT that `harmonize` writes gives other programs the same foreground, within one code, wherever it is opaque."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

import sshbench
from sshbench.compositing.spaces import space_of
from sshbench.images.files import ImageFile, write_image
from tests.compositing.standin import ellipse, photo
from tests.images.made_profiles import profile
from tests.lut.peers import with_opencolorio

Pixels = NDArray[np.uint8]


def with_pillow(cube: Path, image: Pixels) -> Pixels:
    pillow_lut = pytest.importorskip("pillow_lut", reason="install pillow-lut to compare with it")
    return np.asarray(Image.fromarray(image).filter(pillow_lut.load_cube_file(str(cube))))


def with_ffmpeg(cube: Path, image: Pixels) -> Pixels:
    program = shutil.which("ffmpeg")
    if program is None:
        pytest.skip("ffmpeg is not installed")
    before, after = cube.with_name("before.png"), cube.with_name("after.png")
    Image.fromarray(image).save(before)
    table = f"format=gbrp,lut3d=file={cube.name}:interp=trilinear,format=rgb24"
    command = [program, "-v", "error", "-y", "-i", before.name, "-vf", table, "-frames:v", "1", after.name]
    subprocess.run(command, check=True, cwd=cube.parent)
    return np.asarray(Image.open(after).convert("RGB"))


def with_ocio(cube: Path, image: Pixels) -> Pixels:
    pytest.importorskip("PyOpenColorIO", reason="install opencolorio to compare with it")
    values = with_opencolorio(cube, image.reshape(-1, 3) / 255)
    return np.floor(np.clip(255 * values, 0, 255) + 0.5).astype(np.uint8).reshape(image.shape)


@pytest.mark.parametrize("program", [with_pillow, with_ffmpeg, with_ocio])
@pytest.mark.parametrize("kind", ["lut", "polynomial"])
def test_other_programs_give_the_same_picture(
    program: Callable[[Path, Pixels], Pixels], kind: str, tmp_path: Path
) -> None:
    foreground, background, mask = photo("motorcycle"), photo("life"), ellipse(200, 300)
    result = sshbench.harmonize(foreground, background, mask, method="reinhard", map=kind, strength=0.8)  # type: ignore[arg-type]
    result.export_lut(tmp_path / "look.cube")
    inside = mask == 255
    other = program(tmp_path / "look.cube", foreground)
    assert np.abs(other[inside].astype(int) - result.pixels[inside]).max() <= 1
    assert np.abs(foreground[inside].astype(int) - result.pixels[inside]).mean() > 5  # the map does something


@pytest.mark.parametrize("program", [with_pillow, with_ffmpeg, with_ocio])
@pytest.mark.parametrize("name", ["Display P3", "ProPhoto RGB"])
def test_in_the_working_space_too(program: Callable[[Path, Pixels], Pixels], name: str, tmp_path: Path) -> None:
    mask, space = ellipse(200, 300), space_of(profile(name))
    for role in ("motorcycle", "life"):
        pixels = np.rint(255 * space.from_srgb(photo(role) / 255)).astype(np.uint8)
        write_image(tmp_path / f"{role}.png", ImageFile(pixels, icc=space.icc))
    foreground = np.asarray(Image.open(tmp_path / "motorcycle.png"))
    result = sshbench.harmonize(tmp_path / "motorcycle.png", tmp_path / "life.png", mask, method="gain")
    result.export_lut(tmp_path / "look.cube")
    assert name in (tmp_path / "look.cube").read_text().splitlines()[0]
    inside = mask == 255
    other = program(tmp_path / "look.cube", foreground)
    assert np.abs(other[inside].astype(int) - result.pixels[inside]).max() <= 1
    assert np.abs(foreground[inside].astype(int) - result.pixels[inside]).mean() > 5
