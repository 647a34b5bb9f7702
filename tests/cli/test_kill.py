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
    "harmonize --jobs": "harmonize --jobs jobs.csv --at 20,20 --method reinhard -o out --layer out/y --psd out/d "
    "--export-lut out/l --preview out/p",
    "lut apply": "lut apply b golden-hour -o out --jobs 2",
}
OF_A_RUN = ("jobs.html", ".sshbench-made.jsonl")  # tell what this run made, and in which order


def made(folder: Path) -> dict[str, bytes]:
    """All files of a folder, hidden ones too, that depend on the inputs alone."""
    return {name: data for name, data in contents(folder).items() if name not in OF_A_RUN}


def make_photographs(folder: Path, count: int = COUNT, times: int = 1) -> None:
    """Foregrounds, masks and backgrounds of noise, as PNG and JPEG, the last so many times as wide and high."""
    random = np.random.default_rng(0)
    for name in "fmb":
        (folder / name).mkdir(parents=True)
    rows = ["foreground,mask,background,output\n"]
    mask = np.zeros((120, 160), np.uint8)
    mask[30:90, 40:120] = 255
    for number in range(count):
        Image.fromarray(random.integers(0, 256, (120, 160, 3), np.uint8)).save(folder / "f" / f"{number}.png")
        Image.fromarray(mask).save(folder / "m" / f"{number}.png")
        suffix = "jpg" if number % 2 else "png"
        background = random.integers(0, 256, (300 * times, 400 * times, 3), np.uint8)
        Image.fromarray(background).save(folder / "b" / f"{number}.{suffix}")
        rows.append(f"f/{number}.png,m/{number}.png,b/{number}.{suffix},{number}.png\n")
    (folder / "jobs.csv").write_text("".join(rows))


@pytest.mark.parametrize("name", COMMANDS)
def test_killed_at_random_it_goes_on_to_what_a_whole_run_makes(tmp_path: Path, name: str) -> None:
    if "--psd" in COMMANDS[name]:
        pytest.importorskip("psd_tools")
    words = COMMANDS[name].split()
    make_photographs(tmp_path / "whole", times=4 if name == "lut apply" else 1)  # it must not end before the kill
    shutil.copytree(tmp_path / "whole", tmp_path / "killed")
    finish(words, tmp_path / "whole")
    whole, out = made(tmp_path / "whole" / "out"), tmp_path / "killed" / "out"
    assert len(whole) == COUNT * {"harmonize": 3, "harmonize --jobs": 5, "lut apply": 1}[name]

    def check() -> None:
        assert {file: data for file, data in visible(out).items() if file not in OF_A_RUN}.items() <= whole.items()

    again = [*words, "--skip-existing"]
    kills = kill_at_random(again, tmp_path / "killed", lambda: len(names(out)), most=len(whole), times=5, check=check)
    assert kills >= 2
    finish(again, tmp_path / "killed")
    assert made(out) == whole
