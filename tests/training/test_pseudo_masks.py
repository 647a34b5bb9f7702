"""`tools.pseudo_masks`: edges follow the photograph, and only photographs of the training get new masks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sshbench.triplets.held_out import is_held_out
from tools import pseudo_masks


def test_edges_follow_the_photograph() -> None:
    rows, columns = np.indices((120, 160))
    disc = np.hypot(rows - 60, columns - 80) < 35
    rng = np.random.default_rng(0)
    photo = np.where(disc[..., None], (200, 60, 50), (40, 120, 60)) + rng.integers(-9, 10, (120, 160, 3))
    likely = 1 / (1 + np.exp((np.hypot(rows - 63, columns - 76) - 33) / 6))  # blurred, and beside the disc
    found = pseudo_masks.refined(photo.astype(np.uint8), likely.astype(np.float32))
    rough = likely > 0.5
    assert (rough & disc).sum() / (rough | disc).sum() < 0.88
    assert (found & disc).sum() / (found | disc).sum() > 0.99


@pytest.mark.parametrize("level", [0.0, 1.0])
def test_nothing_and_everything_stay(level: float) -> None:
    photo = np.zeros((20, 30, 3), np.uint8)
    assert (pseudo_masks.refined(photo, np.full((20, 30), level, np.float32)) == (level > 0.5)).all()


def test_given_masks_are_copied_and_held_out_photographs_get_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    photos, masks, out = (tmp_path / name for name in ("photos", "masks", "out"))
    photos.mkdir()
    masks.mkdir()
    names = [f"photo-{k}" for k in range(40)]
    train = [name for name in names if not is_held_out(name)]
    held_out = next(name for name in names if is_held_out(name))
    rng = np.random.default_rng(0)
    for name in (*train[:3], held_out):
        Image.fromarray(rng.integers(0, 256, (48, 64, 3), np.uint8)).save(photos / f"{name}.jpg")
    mask = Image.fromarray(np.pad(np.full((24, 32), 255, np.uint8), ((12, 12), (16, 16))))
    mask.save(masks / f"{train[0]}.png")
    monkeypatch.setattr(pseudo_masks, "EPOCHS", 1)
    monkeypatch.setattr(pseudo_masks, "SURE", 0.0)
    monkeypatch.setattr(pseudo_masks, "AREA", (1e-3, 1.0))
    words = ["pseudo_masks", "--photos", str(photos), "--masks", str(masks), "--out", str(out)]
    monkeypatch.setattr("sys.argv", words)
    pseudo_masks.main()
    assert "1 given masks, and new ones of" in capsys.readouterr().out
    made = {path.stem for path in out.iterdir()}
    assert train[0] in made
    assert made <= set(train[:3])
    assert (out / f"{train[0]}.png").read_bytes() == (masks / f"{train[0]}.png").read_bytes()
