"""`harmonize` and `lut apply` of folders, killed at random: no file is ever half there, and the rest is made later."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.kills import contents, finish, kill_at_random, names, visible

COUNT = 8
COMMANDS = {
    "harmonize": "harmonize --foreground f --mask m --background b --at 20,20 --method reinhard -o out/o "
    "--export-lut out/l --preview out/p",
    "lut apply": "lut apply b golden-hour -o out --jobs 2",
}


def make_photographs(folder: Path, count: int = COUNT, times: int = 1) -> None:
    """Foregrounds, masks and backgrounds of noise, as PNG and JPEG, the last so many times as wide and high."""
    random = np.random.default_rng(0)
    for name in "fmb":
        (folder / name).mkdir(parents=True)
    mask = np.zeros((120, 160), np.uint8)
    mask[30:90, 40:120] = 255
    for number in range(count):
        Image.fromarray(random.integers(0, 256, (120, 160, 3), np.uint8)).save(folder / "f" / f"{number}.png")
        Image.fromarray(mask).save(folder / "m" / f"{number}.png")
        suffix = "jpg" if number % 2 else "png"
        background = random.integers(0, 256, (300 * times, 400 * times, 3), np.uint8)
        Image.fromarray(background).save(folder / "b" / f"{number}.{suffix}")


@pytest.mark.parametrize("name", COMMANDS)
def test_killed_at_random_it_goes_on_to_what_a_whole_run_makes(tmp_path: Path, name: str) -> None:
    words = COMMANDS[name].split()
    make_photographs(tmp_path / "whole", times=4 if name == "lut apply" else 1)  # which else ends before it is killed
    shutil.copytree(tmp_path / "whole", tmp_path / "killed")
    finish(words, tmp_path / "whole")
    whole, out = contents(tmp_path / "whole" / "out"), tmp_path / "killed" / "out"
    assert len(whole) == COUNT * (3 if name == "harmonize" else 1)

    def check() -> None:
        assert visible(out).items() <= whole.items()

    again = [*words, "--skip-existing"]
    kills = kill_at_random(again, tmp_path / "killed", lambda: len(names(out)), most=len(whole), times=5, check=check)
    assert kills >= 2
    finish(again, tmp_path / "killed")
    assert contents(out) == whole
