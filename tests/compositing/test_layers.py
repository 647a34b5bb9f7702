"""The layer of a composite: laid over the background it gives the result, wherever and however the object lies."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

import sshbench
from sshbench.errors import SshbenchError
from sshbench.images.files import ImageFile, write_image
from sshbench.images.reading import read_image
from tests.compositing.standin import Known, Painter, ellipse, pasted, photo

F, B, M = photo("coffee"), photo("rocket", (320, 240)), ellipse(200, 300)

PLACES: list[dict[str, Any]] = [
    {"at": (10, 20)},
    {"at": (-90, 120)},
    {"center": True, "scale": 0.6},
    {"center": True, "rotate": 33.0, "scale": 0.8, "flip": "vertical"},
]


@pytest.mark.parametrize("place", PLACES, ids=str)
@pytest.mark.parametrize("bits", [8, 16])
def test_the_layer_over_the_background_is_the_result(place: dict[str, Any], bits: int) -> None:
    front, behind, mask = (one if bits == 8 else one * np.uint16(257) for one in (F, B, M))
    result = sshbench.harmonize(front, behind, mask, method=Known(), **place)
    layer = result.layer()
    assert (layer.shape, layer.dtype) == ((240, 320, 4), behind.dtype)
    over = pasted(layer[..., :3], behind, layer[..., 3])
    assert np.abs(over.astype(int) - result.pixels).max() <= 1
    soft = (layer[..., 3] > 0) & (layer[..., 3] < np.iinfo(layer.dtype).max)
    assert soft.sum() > 100
    assert (layer[layer[..., 3] == 0] == 0).all()


def test_of_a_picture_and_with_sliders() -> None:
    from sshbench.compositing import Finish

    for arguments in ({"map": "none"}, {"finish": Finish(exposure=0.7)}):
        result = sshbench.harmonize(F, B, M, method=Painter(), at=(5, 7), **arguments)  # type: ignore[arg-type]
        layer = result.layer()
        assert np.abs(pasted(layer[..., :3], B, layer[..., 3]).astype(int) - result.pixels).max() <= 1


@pytest.mark.parametrize("shadow", [0.0, 0.6])
def test_of_a_composite_that_becomes_the_result_in_place(tmp_path: Path, shadow: float) -> None:
    from sshbench.compositing import Finish

    whole = F * np.uint16(257)  # 16 bits are read into memory that can be written to
    write_image(tmp_path / "c.png", ImageFile(pixels=whole))
    result = sshbench.harmonize(tmp_path / "c.png", None, M, method=Known(), finish=Finish(shadow=shadow))
    by_hand = sshbench.harmonize(whole, None, M, method=Known(), finish=Finish(shadow=shadow))
    assert np.array_equal(result.pixels, by_hand.pixels)
    assert np.array_equal(result.layer(), by_hand.layer())
    solid = M == 255
    assert np.array_equal(result.layer()[solid][..., :3], result.pixels[solid])


def test_over_a_transparent_background_as_pillow_does() -> None:
    alpha = np.full((240, 320), 90, np.uint8)
    result = sshbench.harmonize(F, np.dstack([B, alpha]), M, method=Known(), at=(10, 20))
    behind = Image.fromarray(np.dstack([B, alpha]))
    over = np.asarray(Image.alpha_composite(behind, Image.fromarray(result.layer())))
    assert result.alpha is not None
    assert np.abs(over[..., 3].astype(int) - result.alpha).max() <= 1
    assert np.abs(over[..., :3].astype(int) - result.pixels).max() <= 2


def exif(orientation: int) -> bytes:
    tags = Image.Exif()
    tags[0x0112] = orientation
    return tags.tobytes().removeprefix(b"Exif\0\0")


@pytest.mark.parametrize("suffix", [".png", ".tif", ".webp"])
def test_a_layer_s_file_is_described_as_the_background_s(tmp_path: Path, suffix: str) -> None:
    sideways: NDArray[Any] = np.rot90(B)  # as a camera stores a photograph that needs a turn
    write_image(tmp_path / "b.png", ImageFile(pixels=np.ascontiguousarray(sideways), exif=exif(6)))
    result = sshbench.harmonize(F, tmp_path / "b.png", M, method=Known(), at=(10, 20))
    result.save_layer(tmp_path / f"layer{suffix}")
    found = read_image(tmp_path / f"layer{suffix}")
    assert found.orientation == 6
    assert found.alpha is not None
    upright = found.upright()
    assert np.array_equal(np.dstack([upright.pixels, upright.alpha]), result.layer())


def test_jpeg_holds_no_layer(tmp_path: Path) -> None:
    result = sshbench.harmonize(F, B, M, method=Known(), at=(10, 20))
    with pytest.raises(SshbenchError, match=r"JPEG cannot hold the transparency of a layer; use the suffix \.png"):
        result.save_layer(tmp_path / "layer.jpg")
    assert not list(tmp_path.iterdir())


# --- layered files ----------------------------------------------------------------------------------------------------


def _opened(path: Path) -> Any:
    return pytest.importorskip("psd_tools", reason="psd-tools, the extra psd, is not installed").PSDImage.open(path)


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("place", PLACES, ids=str)
def test_the_visible_layers_of_a_psd_are_the_result(tmp_path: Path, place: dict[str, Any], bits: int) -> None:
    front, behind, mask = (one if bits == 8 else one * np.uint16(257) for one in (F, B, M))
    write_image(tmp_path / "b.png", ImageFile(pixels=behind))  # which becomes the result in place
    result = sshbench.harmonize(front, tmp_path / "b.png", mask, method=Known(), **place)
    pytest.importorskip("psd_tools", reason="psd-tools, the extra psd, is not installed")
    result.save_psd(tmp_path / "a.psd")
    found = _opened(tmp_path / "a.psd")
    background, before, after = found
    assert [one.name for one in found] == ["background", "foreground as it was", "foreground graded"]
    assert [one.visible for one in found] == [True, False, True]
    most = np.iinfo(behind.dtype).max
    assert np.array_equal(np.rint(background.numpy()[..., :3] * most), behind)
    assert np.array_equal(np.rint(found.numpy()[..., :3] * most), result.pixels)
    old, new = (np.rint(one.numpy() * most).astype(behind.dtype) for one in (before, after))
    box = result.parts.layer.box
    assert np.array_equal(new, result.layer()[box.slices])
    assert np.array_equal(old[..., 3], new[..., 3])
    same = sshbench.harmonize(front, behind, mask, method=Known(), strength=0, **place)
    over = pasted(old[..., :3], behind[box.slices], old[..., 3])
    assert np.abs(over.astype(int) - same.pixels[box.slices]).max() <= 1


def test_psd_tools_composes_the_same_picture(tmp_path: Path) -> None:
    pytest.importorskip("psd_tools.composite", reason="psd-tools has not what it needs to compose layers")
    result = sshbench.harmonize(F, B, M, method=Known(), at=(10, 20))
    result.save_psd(tmp_path / "a.psd")
    found = np.asarray(_opened(tmp_path / "a.psd").composite(force=True).convert("RGB"))
    assert np.abs(found.astype(int) - result.pixels).max() <= 1


def test_a_shadow_is_a_layer_of_its_own(tmp_path: Path) -> None:
    from sshbench.compositing import Finish

    pytest.importorskip("psd_tools", reason="psd-tools, the extra psd, is not installed")
    result = sshbench.harmonize(F, B, M, method=Known(), center=True, scale=0.5, finish=Finish(shadow=0.8))
    result.save_psd(tmp_path / "a.psd")
    background, shadow, _, _ = found = _opened(tmp_path / "a.psd")
    assert found[1].name == "shadow"
    assert np.array_equal(np.rint(background.numpy()[..., :3] * 255), B)
    assert (shadow.numpy()[..., :3] == 0).all()
    assert shadow.numpy()[..., 3].max() > 0.3


def test_a_background_that_was_not_kept(tmp_path: Path) -> None:
    from sshbench.compositing.harmonize import harmonize_scene
    from sshbench.compositing.scene import open_scene

    pytest.importorskip("psd_tools", reason="psd-tools, the extra psd, is not installed")
    write_image(tmp_path / "b.png", ImageFile(pixels=photo("rocket") * np.uint16(257)))
    scene = open_scene(F, tmp_path / "b.png", M)
    result = harmonize_scene(scene, Known(), map="lut", reference="auto", in_place=True, keep=False)
    with pytest.raises(SshbenchError, match="overwritten by the result and not kept"):
        result.save_psd(tmp_path / "a.psd")
