"""How far LUTs move photographs: shared by the tests of the looks, their card and the comparison with film."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import skimage.data
from numpy.typing import NDArray
from PIL import Image
from scipy.interpolate import RegularGridInterpolator

from sshbench.lut.looks import spaces  # imports colour without its warnings
from sshbench.lut.table import Lut

Array = NDArray[np.float64]
PHOTOGRAPHS = ("astronaut", "chelsea", "coffee", "motorcycle", "rocket", "aitzgorri")
_D65 = spaces.colour.CCS_ILLUMINANTS["CIE 1931 2 Degree Standard Observer"]["D65"]


def embeddable_photographs() -> dict[str, NDArray[np.uint8]]:
    """The colour photographs inside scikit-image and one beside this file, all free to pass on, uint8 `[H, W, 3]`."""
    folders = Path(skimage.data.__file__).parent, Path(__file__).parent / "photos"
    files = {name: next(path for f in folders for path in f.glob(f"{name}*.*g")) for name in PHOTOGRAPHS}
    return {name: np.asarray(Image.open(path).convert("RGB")) for name, path in files.items()}


def sample(photos: Sequence[NDArray[np.uint8]], each: int, seed: int = 0) -> Array:
    """`each` pixels of every photograph, drawn at random: encoded sRGB `[P, 3]`, 0..1."""
    rng = np.random.default_rng(seed)
    return np.concatenate([photo.reshape(-1, 3)[rng.integers(0, photo[..., 0].size, each)] for photo in photos]) / 255


def transformed(table: NDArray[np.float32] | Array, pixels: Array) -> Array:
    """Trilinear lookup of `pixels` `[P, 3]` in a table `[B, G, R, 3]` over 0..1, by SciPy."""
    axis = np.linspace(0, 1, table.shape[0])
    return np.asarray(RegularGridInterpolator((axis,) * 3, table.astype(np.float64))(pixels[:, ::-1]))


def to_lab(pixels: Array) -> Array:
    """CIE Lab (D65) of encoded sRGB."""
    linear = spaces.colour.models.eotf_sRGB(np.clip(pixels, 0, 1))
    return np.asarray(spaces.colour.XYZ_to_Lab(linear @ spaces.TO_XYZ.T, _D65), np.float64)


def ciede2000(a: Array, b: Array) -> Array:
    """CIEDE2000 between Lab colours of the same shape `[..., 3]`."""
    shape = a.shape[:-1]
    return np.asarray(spaces.colour.difference.delta_E_CIE2000(a.reshape(-1, 3), b.reshape(-1, 3))).reshape(shape)


def appearances(luts: Sequence[Lut], pixels: Array) -> Array:
    """Lab of `pixels` under every LUT, `[K, P, 3]`."""
    return np.stack([to_lab(transformed(lut.values, pixels)) for lut in luts])


def distances(looks: Array) -> Array:
    """Mean CIEDE2000 between every two of `looks` `[K, P, 3]`, `[K, K]`, infinite on the diagonal."""
    out = np.full((len(looks), len(looks)), np.inf)
    for i in range(len(looks) - 1):
        rest = looks[i + 1 :]
        out[i, i + 1 :] = out[i + 1 :, i] = ciede2000(np.broadcast_to(looks[i], rest.shape), rest).mean(axis=1)
    return out
