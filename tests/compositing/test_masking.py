"""Masks that are found: people, and what a box holds; and what is refused."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import sshbench
from sshbench.compositing import masking
from sshbench.compositing.masking import MaskError, find_mask, request_of
from sshbench.folders import data_folder
from tests.compositing.standin import Known

ASTRONAUT = np.asarray(Image.open(data_folder("sample").parent / "photos" / "astronaut.jpg").convert("RGB"))


def disk() -> tuple[np.ndarray, np.ndarray]:
    """A photograph of an orange disk before grey noise, and its mask."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[0:240, 0:320]
    inside = np.hypot(x - 160, y - 120) < 60
    picture = np.where(inside[..., None], (230, 140, 40), (90, 95, 100)) + rng.normal(0, 8, (240, 320, 3))
    return np.clip(picture, 0, 255).astype(np.uint8), inside


def overlap(one: np.ndarray, other: np.ndarray) -> float:
    return float((one & other).sum() / (one | other).sum())


def test_a_person_is_found() -> None:
    """Eileen Collins: her face and suit are person, the flag and the corners are not."""
    pytest.importorskip("ai_edge_litert")
    found = find_mask("auto:person", ASTRONAUT)
    assert found.shape == ASTRONAUT.shape[:2]
    assert found.dtype == np.float32
    assert found[60:150, 180:240].min() > 0.95
    assert found[250:320, 100:200].min() > 0.95
    assert found[:40, :60].max() < 0.1
    assert 0.25 < (found > 0.5).mean() < 0.75
    assert ((found > 0.02) & (found < 0.98)).mean() > 0.005
    wide = find_mask("auto:person", ASTRONAUT * np.uint16(257))
    assert np.abs(wide - found).max() < 0.05


def test_where_nobody_is_the_way_out_is_said() -> None:
    pytest.importorskip("ai_edge_litert")
    with pytest.raises(MaskError, match=r"leaf.jpg: no person was found .* --mask grabcut:x,y,w,h"):
        find_mask("auto:person", np.full((100, 100, 3), 90, np.uint8), "leaf.jpg")


@pytest.mark.parametrize("times", [1, 4])
def test_a_box_finds_what_it_holds(times: int) -> None:
    pytest.importorskip("cv2")
    picture, inside = (np.repeat(np.repeat(a, times, 0), times, 1) for a in disk())
    request = "grabcut:" + ",".join(str(times * side) for side in (90, 50, 140, 140))
    found = find_mask(request, picture)
    assert overlap(found > 0.5, inside) > 0.97
    assert np.array_equal(found, find_mask(request, picture))


@pytest.mark.parametrize(
    ("request_", "said"),
    [
        ("auto:dog", "give auto:person, grabcut:x,y,w,h or a file"),
        ("grabcut:1,2,3", "is not grabcut:x,y,w,h in whole pixels"),
        ("grabcut:100,100,400,20", "is not inside the photograph of 320 x 240 pixels"),
        ("grabcut:0,0,320,240", "learns the background from outside the box"),
    ],
)
def test_what_is_refused(request_: str, said: str) -> None:
    with pytest.raises(MaskError, match=said):
        find_mask(request_, disk()[0])


@pytest.mark.parametrize(
    ("package", "request_"), [("ai_edge_litert.interpreter", "auto:person"), ("cv2", "grabcut:90,50,140,140")]
)
def test_without_the_extra_the_way_out_is_said(package: str, request_: str, monkeypatch: pytest.MonkeyPatch) -> None:
    masking._interpreter.cache_clear()
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MaskError, match=r"pip install 'sshbench\[masks\]'"):
        find_mask(request_, disk()[0])


def test_a_file_of_that_name_is_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    sources: list[Any] = ["auto:person", Path("auto:person"), Path("somewhere") / "grabcut:1,2,3,4"]
    assert [request_of(source) for source in sources] == ["auto:person", "auto:person", "grabcut:1,2,3,4"]
    assert [request_of(source) for source in ("mask.png", b"auto:person", disk()[1])] == [None] * 3
    Path("auto:person").touch()
    assert request_of("auto:person") is None


def test_it_is_used_in_place_of_a_mask() -> None:
    pytest.importorskip("cv2")
    picture, inside = disk()
    behind = np.full_like(picture, 20)
    result = sshbench.harmonize(picture, behind, "grabcut:90,50,140,140", method=Known())
    assert overlap((result.pixels != behind).any(axis=2), inside) > 0.9


def test_the_model_is_the_one_that_its_card_describes() -> None:
    folder = data_folder("selfie_segmentation")
    found = hashlib.sha256((folder / "selfie_segmentation.tflite").read_bytes()).hexdigest()
    assert found in (folder / "README.md").read_text()
    assert "Apache License" in (folder / "LICENSE").read_text()
