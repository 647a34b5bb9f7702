"""Colour differences, against colour-science, for arrays and tensors."""

from __future__ import annotations

import numpy as np
import torch

from sshbench.colour.difference import ciede2000, lab_of_srgb


def test_ciede2000_is_that_of_colour_science() -> None:
    import colour

    rng = np.random.default_rng(0)
    one, other = rng.uniform([0, -120, -120], [100, 120, 120], (2, 50_000, 3))
    one[:200, 1:] = 0  # hue is undefined on greys
    other[100:300, 1:] = 0
    np.testing.assert_allclose(ciede2000(one, other), colour.delta_E(one, other, method="CIE 2000"), atol=1e-9)


def test_lab_is_that_of_colour_science() -> None:
    import colour

    rgb = np.random.default_rng(0).random((1000, 3))
    white = colour.CCS_ILLUMINANTS["CIE 1931 2 Degree Standard Observer"]["D65"]
    np.testing.assert_allclose(lab_of_srgb(rgb), colour.XYZ_to_Lab(colour.sRGB_to_XYZ(rgb), white), atol=1e-9)
    greys = np.linspace(0, 1, 11)[:, None].repeat(3, 1)
    np.testing.assert_allclose(lab_of_srgb(greys)[:, 1:], 0, atol=0.01)


def test_tensors_give_what_arrays_give() -> None:
    one, other = np.random.default_rng(0).random((2, 1000, 3))
    expected = ciede2000(lab_of_srgb(one), lab_of_srgb(other))
    for dtype, tolerance in ((torch.float64, 1e-10), (torch.float32, 1e-2)):
        labs = [lab_of_srgb(torch.from_numpy(colours).to(dtype)) for colours in (one, other)]
        np.testing.assert_allclose(ciede2000(*labs).numpy(), expected, atol=tolerance)
