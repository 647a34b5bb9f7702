"""Every command that reads images takes another limit on their pixels, and says so where one is too large."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from sshbench.cli.main import cli

COMMANDS = {
    "lut apply": "lut apply in.png golden-hour -o out.png",
    "lut preview": "lut preview golden-hour --photo in.png -o out.png",
    "harmonize": "harmonize --composite in.png --mask mask/in.png --method reinhard -o out.png",
    "generate-triplets": "generate-triplets --source photos -q -o out --crop 32 --scale 64 64",
    "preview-triplets": "preview-triplets --source photos -o out.png",
    "evaluate": "evaluate -m dc -s folder --root . -w 1 --strict -o out --metrics psnr",
}


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 256, (30, 40, 3), np.uint8)).resize((400, 300))
    inside = np.zeros((300, 400), np.uint8)
    inside[50:200, 100:300] = 255
    for name in ("in.png", "photos/in.png", "composite/in.png", "target/in.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        picture.save(tmp_path / name)
    (tmp_path / "mask").mkdir()
    Image.fromarray(inside).save(tmp_path / "mask" / "in.png")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("command", COMMANDS)
def test_the_option_is_read(command: str, here: Path) -> None:
    words = COMMANDS[command].split()
    refused = CliRunner().invoke(cli, [*words, "--max-megapixels", "0.11"])
    said = refused.output + str(refused.exception or "")
    assert refused.exit_code != 0
    assert "claims 400 x 300 pixels and at most 110000 are decoded" in said
    assert "--max-megapixels 1" in said
    again = [word.replace("out", "again") for word in words]
    assert CliRunner().invoke(cli, [*again, "--max-megapixels", "0.12"]).exit_code == 0
