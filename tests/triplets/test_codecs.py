"""Encoded images are the images, as other programs read them."""

from __future__ import annotations

import io
from importlib.metadata import PackageNotFoundError

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from skimage import data
from skimage.metrics import peak_signal_noise_ratio

from sshbench.errors import SshbenchError
from sshbench.triplets.codecs import FORMATS, Codec, codec_versions, encode_mask


@pytest.fixture(scope="module")
def photo() -> NDArray[np.uint8]:
    return np.ascontiguousarray(data.chelsea()[40:264, 100:324])


def decoded(file: bytes) -> NDArray[np.uint8]:
    return np.asarray(Image.open(io.BytesIO(file)))


@pytest.mark.parametrize("encoder", ["fpng", "pillow"])
@pytest.mark.parametrize("shape", [(224, 224), (1, 1), (3, 500), (500, 3)])
def test_png_is_lossless(photo: NDArray[np.uint8], encoder: str, shape: tuple[int, int]) -> None:
    if encoder == "fpng":
        pytest.importorskip("fpng", reason="install fpng to test it")
    pixels = np.resize(photo, (*shape, 3))
    assert np.array_equal(decoded(Codec("png", None, encoder).encode(pixels)), pixels)


def test_views_of_arrays_are_encoded_as_they_look(photo: NDArray[np.uint8]) -> None:
    turned = photo[::-1, ::2]
    for format in FORMATS:
        assert decoded(Codec.choose(format).encode(turned)).shape == turned.shape
    assert np.array_equal(decoded(Codec.choose().encode(turned)), turned)


def test_without_fpng_pillow_writes_png(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sshbench.triplets.codecs.find_spec", lambda name: None)
    assert Codec.choose() == Codec("png", None, "pillow")


@pytest.mark.parametrize(("format", "least"), [("jpeg", 38), ("webp", 36)])
def test_lossy_formats_keep_their_quality(photo: NDArray[np.uint8], format: str, least: float) -> None:
    file = Codec.choose(format, 95).encode(photo)
    assert peak_signal_noise_ratio(photo, decoded(file)) > least
    assert len(file) < len(Codec.choose().encode(photo)) / 2
    assert len(Codec.choose(format, 50).encode(photo)) < len(file)


def test_jpeg_keeps_full_chroma_resolution(photo: NDArray[np.uint8]) -> None:
    image = Image.open(io.BytesIO(Codec.choose("jpeg").encode(photo)))
    assert [layer[1:3] for layer in image.layer] == [(1, 1)] * 3  # type: ignore[attr-defined]


@pytest.mark.parametrize("format", ["jpeg", "webp"])
def test_qualities_go_from_1_to_100(format: str) -> None:
    assert [Codec.choose(format, quality).quality for quality in (1, 100, None)] == [1, 100, 95]


def test_versions_leave_out_what_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    def installed(name: str) -> str:
        if name == "fpng":
            raise PackageNotFoundError(name)
        return f"1.0 of {name}"

    monkeypatch.setattr("sshbench.triplets.codecs.version", installed)
    names = ("sshbench", "numpy", "pillow", "opencv-python-headless", "simplejpeg", "pyarrow")
    assert codec_versions() == {name: f"1.0 of {name}" for name in names}


def test_masks_are_grey_png() -> None:
    mask = np.arange(256, dtype=np.uint8).reshape(16, 16)
    image = Image.open(io.BytesIO(encode_mask(mask)))
    assert (image.format, image.mode) == ("PNG", "L")
    assert np.array_equal(np.asarray(image), mask)


@pytest.mark.parametrize(("format", "quality"), [("png", 90), ("jpeg", 0), ("webp", 101), ("bmp", None)])
def test_what_cannot_be_is_refused(format: str, quality: int | None) -> None:
    with pytest.raises(SshbenchError):
        Codec.choose(format, quality)
