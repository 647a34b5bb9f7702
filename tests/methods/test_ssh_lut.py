"""SSH-LUT as a method: interfaces, what it looks at, and that its LUTs do no harm and are the picture."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import colour
import numpy as np
import pytest
import torch
from PIL import Image, ImageFilter

from sshbench.benchmarks.composite import Composite, paste
from sshbench.colour.strength import Amount
from sshbench.lut.apply import apply_lut
from sshbench.lut.table import Lut, identity_table
from sshbench.methods import Method, get_method
from sshbench.methods.full_resolution import PredictsMap, View
from sshbench.methods.ssh_lut import SshLutMethod, _darkened, _safe, network_input, placed_view
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
        assert np.array_equal(method.harmonize([sample])[0], picture)
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


def on_a_canvas(background: np.ndarray, foreground: np.ndarray, mask: np.ndarray) -> Composite:
    return Composite("x", paste(foreground, background, mask), foreground, background, mask)


def square() -> np.ndarray:
    mask = np.zeros((96, 96), np.float32)
    mask[40:60, 10:30] = 1
    return mask


def test_it_sees_all_of_the_background_and_what_is_near_the_foreground_apart() -> None:
    foreground, near = np.random.default_rng(0).integers(0, 256, (2, 96, 96, 3), np.uint8)
    far, here = near.copy(), near.copy()
    far[:, 60:], here[:, 30:38] = 0, 0
    given = [network_input([placed_view(on_a_canvas(b, foreground, square()))]) for b in (near, far, here)]  # type: ignore[list-item]
    names = ("content", "reference", "content mask", "reference mask", "placed", "placed mask", "near mask")
    for other, changed in ((1, {"reference"}), (2, {"reference", "placed"})):
        pairs = zip(names, given[0], given[other], strict=True)
        assert {name for name, one, two in pairs if not np.array_equal(one, two)} == changed
    shapes = [tuple(one.shape) for one in given[0]]
    assert shapes == [(1, 64, 64, 3)] * 2 + [(1, 64, 64, 1)] * 2 + [(1, 64, 64, 3)] + [(1, 64, 64, 1)] * 2


def test_the_place_is_twice_as_wide_and_high_as_the_foreground_and_shows_both() -> None:
    foreground, background = np.full((96, 96, 3), 200, np.uint8), np.full((96, 96, 3), 50, np.uint8)
    view = placed_view(on_a_canvas(background, foreground, square()))
    assert view is not None
    assert view.placed is not None
    assert view.placed_mask is not None
    assert view.placed.shape == (40, 40, 3)
    assert view.placed_mask.sum() == view.placed_mask[10:30, 10:30].sum() == 400
    assert (view.placed[view.placed_mask == 1] == 200).all()
    assert (view.placed[view.placed_mask == 0] == 50).all()
    *_, placed, shown, near = network_input([view])
    assert ((near > 0) == (shown <= 5.5 / 255)).all()
    assert near.mean() == pytest.approx(0.75, abs=0.06)
    assert placed[near[..., 0] > 0].mean() == pytest.approx(50 / 255, abs=0.005)


def disc(side: int = 96) -> np.ndarray:
    y, x = np.mgrid[:side, :side]
    return (np.hypot(y - side / 2, x - side / 2) < side / 5).astype(np.float32)


def test_what_lies_outside_of_the_mask_in_the_foreground_does_not_matter(method: SshLutMethod) -> None:
    """But for small pixels on its edge, in which both are."""
    rng = np.random.default_rng(0)
    smooth = np.asarray(Image.fromarray(rng.integers(60, 200, (6, 6, 3), np.uint8)).resize((96, 96)))
    foreground, background, mask = smooth, smooth[::-1].copy(), disc()
    maps = []
    for outside in (foreground, 255 - foreground, np.zeros_like(foreground)):
        other = np.where(mask[..., None] > 0, foreground, outside)
        view = placed_view(on_a_canvas(background, other, mask))
        assert view is not None
        maps.append(method.colour_maps([view])[0](foreground).astype(int)[mask == 1])
    assert np.abs(maps[1] - maps[0]).max() <= 6
    assert np.abs(maps[2] - maps[0]).max() <= 6
    inside = np.where(mask[..., None] > 0, 255 - foreground, foreground)
    view = placed_view(on_a_canvas(background, inside, mask))
    assert view is not None
    assert np.abs(method.colour_maps([view])[0](foreground).astype(int)[mask == 1] - maps[0]).max() > 12


@pytest.mark.parametrize("beside", [0, 1, 6])
def test_a_foreground_without_known_surroundings_has_no_place(method: SshLutMethod, beside: int) -> None:
    """Of a composite whose background is hidden, with so many columns of the 96 beside the foreground."""
    given = composite(0, size=(96, 96))
    mask = np.ones((96, 96), np.float32)
    mask[:, 96 - beside :] = 0
    hidden = Composite("x", given.composite, given.composite, given.composite, mask)
    view = placed_view(hidden)
    assert view is not None
    placed, shown, near = network_input([view])[4:]
    assert placed.any() == shown.any() == near.any() == (beside == 6)  # at least 2% have to be known
    (found,) = method.colour_maps([view])
    (without,) = method.colour_maps([replace(view, placed=None, placed_mask=None)])
    assert np.array_equal(found.lut.values, without.lut.values) == (beside < 6)
    assert np.isfinite(found.lut.values).all()  # type: ignore[arg-type]


def test_views_with_a_place_and_without_one_may_be_in_one_batch(method: SshLutMethod) -> None:
    view = placed_view(composite(0))
    assert view is not None
    views = [view, replace(view, placed=None, placed_mask=None)]
    together = [one.lut.values for one in method.colour_maps(views)]
    alone = [method.colour_maps([one])[0].lut.values for one in views]
    for one, other in zip(together, alone, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-4)
    assert np.abs(together[0] - together[1]).max() > 1e-3


def test_the_lut_gives_the_same_pixels_in_pillow(method: SshLutMethod) -> None:
    sample = composite(0)
    (found,) = method.colour_maps([View(sample.foreground, sample.background, sample.mask)])
    lut = found.to_lut()
    assert lut.values is not None
    table = ImageFilter.Color3DLUT(lut.size, lut.values.reshape(-1).tolist())
    theirs = np.asarray(Image.fromarray(sample.foreground).filter(table))
    assert np.abs(theirs.astype(int) - found(sample.foreground)).max() <= 1


@pytest.mark.parametrize(("clipped", "stops"), [(0.0, -1.0), (0.02, -1.0), (0.06, -1.2), (0.1, -1.4), (0.5, -1.4)])
def test_an_overexposed_foreground_is_darkened_further(clipped: float, stops: float) -> None:
    """By the share of pixels at white, against colour-science: a LUT of -1 stop becomes one of -1.4 stops at most."""
    grid = identity_table(33)
    table = colour.cctf_encoding(colour.cctf_decoding(grid) / 2).astype(np.float32)
    colours = np.random.default_rng(0).uniform(0.2, 0.9, (1000, 3)).astype(np.float32)
    colours[: round(1000 * clipped), 0] = 1  # one channel at white is enough
    after = apply_lut(colours[None], Lut(values=_darkened(table, colours)), layout="HWC")[0]
    light = [colour.sRGB_to_XYZ(c.astype(float))[..., 1].mean() for c in (colours, after)]
    assert np.log2(light[1] / light[0]) == pytest.approx(stops, abs=0.02)


def test_only_what_is_darkened_is_darkened_further() -> None:
    colours = np.ones((10, 3), np.float32)
    brighter = np.clip(1.2 * identity_table(17), 0, 1).astype(np.float32)
    assert np.array_equal(_darkened(brighter, colours), brighter)
    assert np.array_equal(_darkened(brighter, colours[:0]), brighter)  # no pixel is foreground


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
