"""Small trees of files in the layouts of the benchmarks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

VENDORS = ("vendor_testing_1", "vendor_testing_2", "vendor_testing_3")


def image(seed: int, size: tuple[int, int] = (48, 32)) -> Image.Image:
    """A smooth picture of its own for each seed; size is (width, height)."""
    corners = np.random.default_rng(seed).integers(0, 256, (3, 4, 3), dtype=np.uint8)
    return Image.fromarray(corners).resize(size, Image.Resampling.BICUBIC)


def mask(size: tuple[int, int] = (48, 32)) -> Image.Image:
    picture = Image.new("L", size, 0)
    picture.paste(255, (size[0] // 4, size[1] // 4, size[0] // 2, size[1]))
    return picture.resize((size[0] // 2, size[1] // 2)).resize(size, Image.Resampling.BILINEAR)


def realhm_tuple(stem: Path, seed: int, size: tuple[int, int] = (48, 32)) -> None:
    stem.parent.mkdir(parents=True, exist_ok=True)
    for k, end in enumerate(("", "_fore", "_gt")):
        image(10 * seed + k, size).save(f"{stem}{end}.jpg", quality=95)
    image(10 * seed + 7, (30, 40)).save(f"{stem}_small.jpg")
    mask(size).save(f"{stem}_mask.jpg")


def realhm(root: Path, count: int = 6) -> Path:
    """Tuples spread over the three folders, some of them deeper, with the same names in each."""
    for i in range(count):
        deeper = "set a/inner" if i % 2 else ""
        realhm_tuple(root / VENDORS[i % 3] / deeper / f"photo{i // 3}", i)
    return root


def iharmony4(root: Path, names: tuple[str, ...] = ("HAdobe5k/a1_1_2", "HFlickr/f_9_1_1")) -> Path:
    for i, name in enumerate(names):
        subset, _, stem = name.partition("/")
        bare, part, _ = stem.rsplit("_", 2)
        for folder in ("composite_images", "masks", "real_images"):
            (root / subset / folder).mkdir(parents=True, exist_ok=True)
        image(2 * i).save(root / subset / "composite_images" / f"{stem}.jpg")
        image(2 * i + 1).save(root / subset / "real_images" / f"{bare}.jpg")
        mask().save(root / subset / "masks" / f"{bare}_{part}.png")
    lines = [f"{name.partition('/')[0]}/composite_images/{name.partition('/')[2]}.jpg\n" for name in names]
    (root / "IHD_test.txt").write_text("".join(lines))
    return root
