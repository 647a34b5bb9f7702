"""SSH-LUT as a method: interfaces, what it looks at, and that its LUTs do no harm and are the picture."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageFilter

from sshbench.benchmarks.composite import Composite, paste
from sshbench.lut.strength import Amount
from sshbench.lut.table import identity_table
from sshbench.methods import Method, get_method
from sshbench.methods.full_resolution import PredictsMap, View
from sshbench.methods.ssh_lut import SshLutMethod, _safe
from sshbench.methods.weights import WeightsCard, save_weights
from sshbench.networks.ssh_lut import SshLut
from tests.results.standin import composite

SMALL = {"width": 4, "channels": 16, "mixtures": 8, "hidden": 32}


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights of a small network that was not trained, so that it mixes the closed-form maps."""
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("weights")
    save_weights(folder, SshLut(**SMALL).state_dict(), WeightsCard(method="ssh-lut", architecture=SMALL))
    return folder


@pytest.fixture
def method(weights: Path) -> SshLutMethod:
    return SshLutMethod(weights=str(weights))


def test_it_keeps_to_the_interfaces(weights: Path) -> None:
    method = get_method("ssh-lut", weights=weights)
    assert isinstance(method, Method)
    assert isinstance(method, PredictsMap)
    assert (method.name, method.trained_by, method.input_size) == ("ssh-lut", "user", None)
    assert len(method.weights_hash or "") == 32


def test_the_background_stays_and_the_foreground_goes_through_one_lut(method: SshLutMethod) -> None:
    sample = composite(0)
    (picture,) = method.harmonize([sample])
    assert np.array_equal(picture[sample.mask == 0], sample.background[sample.mask == 0])
    assert not np.array_equal(picture, sample.composite)
    foreground, inside = sample.foreground[sample.mask == 1], picture[sample.mask == 1]
    first = {tuple(colour): tuple(mapped) for colour, mapped in zip(foreground, inside, strict=True)}
    assert all(first[tuple(colour)] == tuple(mapped) for colour, mapped in zip(foreground, inside, strict=True))


def test_a_batch_is_its_samples_and_none_without_a_foreground(method: SshLutMethod) -> None:
    samples = [composite(0), composite(1), replace(composite(2), mask=np.zeros_like(composite(2).mask))]
    together = method.harmonize(samples)
    for sample, picture in zip(samples, together, strict=True):
        assert np.abs(method.harmonize([sample])[0].astype(int) - picture).max() <= 1
    assert together[2] is samples[2].composite


def test_strength_goes_from_nothing_to_all(weights: Path) -> None:
    sample = composite(0)
    nothing, half, whole = (
        get_method(f"ssh-lut:strength={s}", weights=weights).harmonize([sample])[0].astype(int) for s in (0, 0.5, 1)
    )
    assert np.array_equal(nothing, paste(sample.foreground, sample.background, sample.mask))
    assert np.abs(half - (nothing + whole) / 2).max() <= 1.5


def test_its_maps_follow_its_options(weights: Path) -> None:
    view = View(composite(1).foreground, composite(1).background)
    whole, plain = (
        get_method(name, weights=weights).colour_maps([view], "lut")[0]  # type: ignore[attr-defined]
        for name in ("ssh-lut", "ssh-lut:strength=0.5,colour=0")
    )
    assert np.array_equal(plain.lut.values, whole.followed(Amount(0.5, 0)).lut.values)
    assert not np.array_equal(plain.lut.values, whole.lut.values)


def test_without_a_background_it_looks_at_what_is_outside_of_the_mask(method: SshLutMethod) -> None:
    given = composite(0)
    hidden = Composite("x", given.composite, given.composite, given.composite, given.mask)
    assert not hidden.has_background
    # The outside of the same picture as a background that is known: what lies inside must not matter.
    foreground = np.where(given.mask[..., None] > 0, 255 - given.composite, given.composite)
    other = Composite("y", foreground, given.composite, foreground, given.mask)
    seen = [method.colour_maps([View(given.composite, c.background, given.mask, 1 - given.mask)])[0].lut.values
            for c in (hidden, other)]  # fmt: skip
    assert np.abs(seen[0] - seen[1]).max() < 0.02
    whole = method.colour_maps([View(given.composite, other.background, given.mask)])[0].lut.values
    assert np.abs(seen[0] - whole).max() > 0.02


def test_what_is_far_from_the_foreground_does_not_matter(method: SshLutMethod) -> None:
    mask = np.zeros((96, 96), np.float32)
    mask[40:60, 10:30] = 1
    random = np.random.default_rng(0)
    foreground, near = random.integers(0, 256, (2, 96, 96, 3), np.uint8)
    far, here = near.copy(), near.copy()
    far[:, 60:], here[:, 30:40] = 0, 0
    results = [
        method.harmonize([Composite("x", foreground, foreground, background, mask)])[0][mask == 1]
        for background in (near, far, here)
    ]
    assert np.array_equal(results[0], results[1])
    assert not np.array_equal(results[0], results[2])


def test_the_lut_gives_the_same_pixels_in_pillow(method: SshLutMethod) -> None:
    sample = composite(0)
    (found,) = method.colour_maps([View(sample.foreground, sample.background, sample.mask)])
    lut = found.to_lut()
    assert lut.values is not None
    table = ImageFilter.Color3DLUT(lut.size, lut.values.reshape(-1).tolist())
    theirs = np.asarray(Image.fromarray(sample.foreground).filter(table))
    assert np.abs(theirs.astype(int) - found(sample.foreground)).max() <= 1


def test_a_safe_table_rises_and_moves_no_colour_far() -> None:
    rng = np.random.default_rng(0)
    grid = identity_table(9)
    wild = (grid + rng.normal(size=grid.shape) * 0.2).astype(np.float32)
    colours = rng.random((50, 3)).astype(np.float32) * 0.2 + 0.4
    table = _safe(wild.copy(), colours)
    for axis, channel in ((0, 2), (1, 1), (2, 0)):
        assert np.diff(table[..., channel], axis=axis).min() >= 0
    assert 0 <= table.min() <= table.max() <= 1
    calm = (grid + np.float32([0.1, 0.0, -0.05])).astype(np.float32)
    far = calm.copy()
    far[0, 0, 8] += np.float32([0, 0.5, 0.5])  # pure red, which is not among the colours
    kept = _safe(far.copy(), colours)
    assert np.abs(kept[4, 4, 4] - calm[4, 4, 4]).max() < 1e-6
    assert np.abs(kept[0, 0, 8, 1:] - np.clip(calm, 0, 1)[0, 0, 8, 1:]).max() <= 0.051


def test_a_table_that_is_safe_stays() -> None:
    table = identity_table(17) ** np.float32(1.2)
    colours = np.random.default_rng(0).random((4096, 3)).astype(np.float32)
    assert np.abs(_safe(table.copy(), colours) - table).max() < 2e-3
