"""Layered files: what other readers find in them. Pillow reads 8 bits, psd-tools both."""

from __future__ import annotations

import io
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageCms

from sshbench.images.files import ImageFile
from sshbench.images.opening import ImageFileError
from sshbench.images.psd import PsdLayer, write_psd

psd_tools = pytest.importorskip("psd_tools", reason="psd-tools, the extra psd, is not installed")

RANDOM = np.random.default_rng(16)
ICC = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def noise(*shape: int, bits: int) -> NDArray[Any]:
    return RANDOM.integers(0, 2**bits, shape).astype(np.uint8 if bits == 8 else np.uint16)


def written(path: Path, bits: int, *, alpha: bool = False) -> tuple[list[PsdLayer], ImageFile]:
    below = PsdLayer("background", noise(31, 45, 3, bits=bits), noise(31, 45, bits=bits) if alpha else None)
    above = PsdLayer("on top", noise(9, 14, 3, bits=bits), noise(9, 14, bits=bits), left=5, top=-3)
    hidden = PsdLayer("hidden", noise(4, 3, 3, bits=bits), noise(4, 3, bits=bits), left=40, top=2, visible=False)
    merged = ImageFile(
        pixels=noise(31, 45, 3, bits=bits), alpha=noise(31, 45, bits=bits) if alpha else None, icc=ICC, dpi=(300, 240)
    )
    write_psd(path, [below, hidden, above], merged)
    return [below, hidden, above], merged


@pytest.mark.parametrize("suffix", [".psd", ".psb"])
@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("alpha", [False, True])
def test_psd_tools_finds_what_was_written(tmp_path: Path, suffix: str, bits: int, alpha: bool) -> None:
    path = tmp_path / f"a{suffix}"
    layers, merged = written(path, bits, alpha=alpha)
    found = psd_tools.PSDImage.open(path)
    assert (found.size, found.depth, found.channels) == ((45, 31), bits, 3 + alpha)
    assert found.image_resources.get_data(psd_tools.constants.Resource.ICC_PROFILE) == ICC
    most = 2**bits - 1
    assert [(one.name, one.left, one.top, one.visible) for one in found] == [
        (one.name, one.left, one.top, one.visible) for one in layers
    ]
    for one, layer in zip(found, layers, strict=True):
        values = np.rint(one.numpy() * most)
        assert np.array_equal(values[..., :3], layer.pixels)
        assert (values[..., 3] == (most if layer.alpha is None else layer.alpha)).all()
    whole = np.rint(found.numpy() * most)
    if merged.alpha is None:
        assert np.array_equal(whole, merged.pixels)
        return
    assert np.array_equal(whole[..., 3], merged.alpha)
    solid = merged.alpha > most / 2  # colours of others are rounded when they are stored over white
    assert np.abs(whole[..., :3] - merged.pixels)[solid].max() <= 1


def test_pillow_finds_the_picture_its_profile_and_the_layers(tmp_path: Path) -> None:
    _, merged = written(tmp_path / "a.psd", 8)
    with Image.open(tmp_path / "a.psd") as found:
        assert np.array_equal(np.asarray(found), merged.pixels)
        assert found.info["icc_profile"] == ICC
        assert [one[0] for one in found.layers] == ["background", "hidden", "on top"]
        assert [one[2] for one in found.layers] == [(0, 0, 45, 31), (40, 2, 43, 6), (5, -3, 19, 6)]


def test_16_bits_stand_where_the_specification_has_them(tmp_path: Path) -> None:
    _, merged = written(tmp_path / "a.psd", 16)
    data = (tmp_path / "a.psd").read_bytes()
    signature, version, channels, height, width, depth, mode = struct.unpack(">4sH6xHIIHH", data[:26])
    assert (signature, version, channels, height, width, depth, mode) == (b"8BPS", 1, 3, 31, 45, 16, 3)
    assert b"8BIMLr16" in data
    planes = np.frombuffer(data[-3 * 31 * 45 * 2 :], ">u2").reshape(3, 31, 45)
    assert np.array_equal(np.moveaxis(planes, 0, 2), merged.pixels)


def test_psdtags_finds_the_layers_of_16_bits(tmp_path: Path) -> None:
    psdtags = pytest.importorskip("psdtags")
    layers, _ = written(tmp_path / "a.psd", 16)
    data = (tmp_path / "a.psd").read_bytes()
    start = data.index(b"8BIMLr16")
    (length,) = struct.unpack(">I", data[start + 8 : start + 12])
    block = io.BytesIO(data[start + 12 : start + 12 + length])
    found = psdtags.PsdLayers.read(block, psdtags.PsdFormat.BE32BIT, psdtags.PsdKey.LAYER_16, length=length)
    for one, layer in zip(found.layers, layers, strict=True):
        assert (one.name, one.rectangle.left, one.rectangle.top) == (layer.name, layer.left, layer.top)
        assert np.array_equal(one.asarray()[..., :3], layer.pixels)


def test_what_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ImageFileError, match=r"is a file of layers; name it \.psd"):
        written(tmp_path / "a.tif", 8)
    wide = ImageFile(pixels=np.zeros((1, 30001, 3), np.uint8))
    with pytest.raises(ImageFileError, match=r"30001 x 1 pixels are more than a PSD holds; name it \.psb"):
        write_psd(tmp_path / "a.psd", [PsdLayer("background", wide.pixels)], wide)
    with pytest.raises(ImageFileError, match="cannot be written"):
        written(tmp_path / "nothing" / "a.psd", 8)
    monkeypatch.setattr("sshbench.images.psd.find_spec", lambda name: None)
    with pytest.raises(ImageFileError, match=r"pip install 'sshbench\[psd\]'"):
        written(tmp_path / "a.psd", 8)
    assert not list(tmp_path.iterdir())
