"""SSIM, against scikit-image and official values."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from skimage.metrics import structural_similarity

from sshbench.metrics import pixel
from sshbench.metrics.arrays import MetricError
from sshbench.metrics.structural import fssim, ssim, ssim_means
from tests.metrics.test_protocols import made, predicted


@pytest.mark.parametrize("kind", [np.uint8, np.float64])
def test_both_windows_are_those_of_scikit_image(kind: type) -> None:
    sample = made(size=(91, 77))
    assert sample.target is not None
    one, other = predicted(sample).astype(kind), sample.target.astype(kind)
    wang, full = structural_similarity(
        *(one, other),
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        data_range=255,
        channel_axis=-1,
        full=True,
    )
    uniform = structural_similarity(one, other, data_range=255, channel_axis=-1)
    tolerance = 1e-5 if kind is np.uint8 else 1e-12
    assert ssim(one, other, data_range=255) == pytest.approx(wang, abs=tolerance)
    assert ssim(one, other, window="uniform", data_range=255) == pytest.approx(uniform, abs=tolerance)
    inside = sample.mask >= 0.5
    assert fssim(one, other, inside.astype(np.float32), data_range=255) == pytest.approx(
        full[inside].mean(), abs=tolerance
    )


def test_a_small_range_is_exact_with_bytes_too() -> None:
    sample = made(size=(91, 77))
    one, other = predicted(sample), sample.target
    assert other is not None
    expected = structural_similarity(one.astype(float), other.astype(float), data_range=2, channel_axis=-1)
    batches = (torch.from_numpy(image.copy()).permute(2, 0, 1)[None] for image in (one, other))
    assert float(ssim_means(*batches, window="uniform", peak=2.0)[0]) == pytest.approx(expected, abs=1e-9)


def test_identical_images_and_images_smaller_than_the_window() -> None:
    image = np.random.default_rng(0).integers(0, 256, (11, 30, 3), dtype=np.uint8)
    assert ssim(image, image) == pytest.approx(1, abs=1e-6)
    with pytest.raises(MetricError, match="at least 11 x 11 pixels, not 30 x 10"):
        ssim(image[:10], image[:10])


@pytest.mark.shared
def test_official_psnr_and_ssim(shared: Path) -> None:
    """PSNR on R, G and B; SSIM on grey rounded to bytes, as the authors' code has it."""
    folder = shared / "data/lpips/pyiqa"
    lines = (folder / "results_official.csv").read_text().splitlines()
    rows = {row["Method"]: row for row in csv.DictReader(lines)}
    for name in ("I03", "I04", "I06", "I08", "I19"):
        pair = [Image.open(folder / side / f"{name}.bmp").convert("RGB") for side in ("dist_dir", "ref_dir")]
        greys = [np.rint(np.asarray(image) @ [0.299, 0.587, 0.114]).astype(np.uint8) for image in pair]
        assert pixel.psnr(*map(np.asarray, pair)) == pytest.approx(float(rows["psnr"][f"{name}.bmp"]), abs=0.005)
        one, other = (grey[..., None].repeat(3, axis=2) for grey in greys)
        assert ssim(one, other) == pytest.approx(float(rows["ssim"][f"{name}.bmp"]), abs=6e-5)
