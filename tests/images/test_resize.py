"""OpenCV's resizes without OpenCV, against OpenCV."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from sshbench.images.resize import black_and_white, resized

SIZES = [(300, 400), (512, 512), (768, 1024), (257, 1000), (256, 512), (200, 300), (300, 200), (100, 120), (768, 512)]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(("kind", "flag"), [("opencv-area", cv2.INTER_AREA), ("opencv-linear", cv2.INTER_LINEAR)])
def test_opencv(size: tuple[int, int], kind: str, flag: int) -> None:
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (*size, 3), dtype=np.uint8)
    found = resized(image, kind, (256, 256)).astype(int)  # type: ignore[arg-type]
    difference = np.abs(found - cv2.resize(image, (256, 256), interpolation=flag))
    assert difference.max() <= 1
    assert np.mean(difference > 0) < 1e-5  # where a mean is a half to the last bit
    mask = rng.random(size).astype(np.float32)
    expected = cv2.resize(mask, (256, 256), interpolation=flag)
    np.testing.assert_allclose(resized(mask, kind, (256, 256)), expected, atol=1e-6)  # type: ignore[arg-type]


def test_floats_are_neither_rounded_nor_clipped() -> None:
    edge = np.zeros((300, 300, 3), np.float32)
    edge[:, 150:] = 255
    found = resized(edge, "pil-bicubic", (256, 256))
    assert found.min() < -0.5
    assert found.max() > 255.5
    np.testing.assert_allclose(
        np.clip(np.rint(found), 0, 255), resized(edge.astype(np.uint8), "pil-bicubic", (256, 256))
    )


def test_mode_1_dithers_greys() -> None:
    mask = black_and_white(np.full((64, 64), 0.25, np.float32), None)
    assert set(np.unique(mask)) == {0, 1}
    assert mask.mean() == pytest.approx(0.25, abs=0.01)
