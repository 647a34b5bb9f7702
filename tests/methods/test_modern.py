"""iDIH, iSSAM, PCT-Net, Harmonizer and HDNet as methods: their authors' predictors, at any size, and maps as LUTs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from PIL import Image as Pillow

from sshbench.benchmarks.composite import Composite, paste
from sshbench.benchmarks.protocol import PROTOCOLS
from sshbench.cli.harmonize import harmonize as harmonize_command
from sshbench.lut.apply import apply_lut
from sshbench.lut.cube import read_cube
from sshbench.methods.base import MethodError
from sshbench.methods.harmonizer import chain_of
from sshbench.methods.registry import get_method
from sshbench.metrics.prepare import prepare
from sshbench.networks.harmonizer_filters import restored
from tests.golden.golden_helper import compare, image_u8, mask_hard, mask_soft, style_u8
from tests.golden.rule import GAINS, fill, keys_of, plane, rolled, stored, unit
from tests.methods.checkpoints import SYNTHETIC


def file_of(name: str, folder: Path) -> Path:
    """A published state dict with the values of the rule, in the authors' container."""
    from sshbench.networks.harmonizer import Harmonizer
    from sshbench.networks.idih import IDIH
    from sshbench.networks.issam import ISSAM
    from sshbench.networks.pct_net import PCTNetCNN, PCTNetViT

    network = {
        "idih256": IDIH,
        "issam256": ISSAM,
        "pctnet_cnn": PCTNetCNN,
        "pctnet_vit": PCTNetViT,
        "harmonizer": Harmonizer,
    }[name]()
    assert [key for key, _ in keys_of(name)] == list(network.state_dict())
    path = folder / f"{name}.pth"
    torch.save(fill(network, GAINS[name]).state_dict(), path)
    return path


def alone(image: np.ndarray, mask: np.ndarray) -> Composite:
    """A composite that is all that is known."""
    return Composite("golden", image, image, image, mask.astype(np.float32))


def composite_of(seed: int, height: int = 120, width: int = 170) -> Composite:
    foreground, background, mask = (
        image_u8(seed, height, width),
        style_u8(seed, height, width),
        mask_soft(height, width),
    )
    return Composite(f"{seed}", paste(foreground, background, mask), foreground, background, mask, target=background)


def assert_stored(vector: str, name: str, image: np.ndarray, atol: float) -> None:
    """An image `[H, W, 3]` is the stored one, in the units of the image."""
    found = compare(stored(vector), name, image.transpose(2, 0, 1)[None])
    assert isinstance(found, dict), found
    assert max(found.values()) <= atol, found


def as_bytes(mask: np.ndarray) -> np.ndarray:
    """A mask as the authors' PCT-Net reads it, whose codes are cut off."""
    return (mask * 255).astype(np.uint8) / 255


class TestAuthorsPredictors:
    @pytest.mark.parametrize("variant", ["cnn", "vit"])
    def test_pct_net(self, variant: str, tmp_path: Path) -> None:
        path = file_of(f"pctnet_{variant}", tmp_path)
        composite = alone(image_u8(6, 384, 512), as_bytes(mask_soft(384, 512)))
        for name, output in (("pct-net", "predicted_fullres"), ("pct-net:size=256", "predicted_image")):
            (image,) = get_method(name, weights=path).harmonize([composite])
            assert_stored(f"pctnet_{variant}_predict_384x512", output, 255 * image, 5e-2)

    @pytest.mark.parametrize(("name", "atol"), [("idih", 2e-3), ("issam", 1e-2)])
    def test_idih_and_issam_with_black_around(self, name: str, atol: float, tmp_path: Path) -> None:
        method = get_method(f"{name}:size=full", weights=file_of(f"{name}256", tmp_path))
        (image,) = method.harmonize([alone(image_u8(7, 203, 309), mask_soft(203, 309))])
        assert_stored(f"{name}256_predict_203x309", "predicted_image", 255 * image, atol)

    def test_harmonizer(self, tmp_path: Path) -> None:
        method = get_method("harmonizer", weights=file_of("harmonizer", tmp_path))
        composites = [
            alone(style_u8(2, 203, 309), mask_hard(203, 309)),
            alone(image_u8(0, 256, 256), mask_hard(256, 256)),
        ]
        found = method.arguments(composites)
        for i, vector in enumerate(("harmonizer_203x309", "harmonizer_256")):
            np.testing.assert_allclose(found[i].numpy(), stored(vector)["arguments.full"][0], atol=2e-5, rtol=0)
            assert_stored(vector, "stage_shadow", method.harmonize(composites)[i], 1e-4)


@pytest.mark.parametrize("name", ["idih", "issam", "pct-net, CNN", "pct-net, ViT", "harmonizer", "hdnet"])
class TestEach:
    def test_it_harmonizes_any_size_in_any_batch(self, name: str, tmp_path: Path) -> None:
        container = SYNTHETIC[name]
        path = container.write(tmp_path)
        composites = [composite_of(1), composite_of(2), composite_of(3, 90, 64)]
        method = get_method(f"{container.method}:size=full", weights=path)
        together = method.harmonize(composites)
        for composite, image in zip(composites, together, strict=True):
            assert image.dtype == np.float32
            assert image.shape == composite.composite.shape
            assert image.min() >= 0
            assert image.max() <= 1
            np.testing.assert_array_equal(image, method.harmonize([composite])[0])
        small = get_method(f"{container.method}:size=256", weights=path).harmonize(composites)
        assert [image.shape for image in small] == [(256, 256, 3)] * 3

    def test_it_says_whose_weights_it_has(self, name: str, tmp_path: Path) -> None:
        container = SYNTHETIC[name]
        method = get_method(container.method, weights=container.write(tmp_path))
        assert method.trained_by == "authors"
        assert method.needs_mask
        assert not method.sees_target
        assert not method.needs_background


class TestHarmonizerFilters:
    arguments = torch.tensor([0.3, -0.2, 0.4, 0.5, -0.3, 0.2])

    def test_a_chain_on_bytes_is_the_filters_on_floats(self) -> None:
        image, mask = style_u8(3, 130, 170), rolled(mask_soft(130, 170))
        expected = restored(unit(image), plane(mask), self.arguments[None])[-1][0].permute(1, 2, 0)
        found = chain_of(image, self.arguments)(image, mask)
        np.testing.assert_allclose(found, expected.numpy(), atol=2e-5)

    def test_arguments_beyond_one_are_clamped(self) -> None:
        image, mask = style_u8(3, 30, 40), np.ones((30, 40), np.float32)
        far, near = (chain_of(image, torch.full((6,), x))(image, mask) for x in (3.0, 1.0))
        np.testing.assert_array_equal(far, near)

    def test_outside_of_the_mask_nothing_changes(self) -> None:
        image, mask = style_u8(3, 60, 80), mask_hard(60, 80).astype(np.float32)
        found = chain_of(image, self.arguments)(image, mask)
        np.testing.assert_allclose(found[mask == 0], image[mask == 0] / 255, atol=1e-7)

    def test_the_lut_is_the_filters_but_for_their_kinks(self) -> None:
        image = np.random.default_rng(0).integers(0, 256, (200, 300, 3), np.uint8)
        chain = chain_of(image, self.arguments)
        exact = 255 * chain(image, np.ones((200, 300), np.float32))
        found = chain.colour_map()(image).astype(np.float32)
        assert np.abs(found - exact).mean() < 0.3  # rounding alone gives 0.25
        assert np.quantile(np.abs(found - exact), 0.99) < 2
        assert np.abs(found - exact).max() < 10

    def test_the_mask_is_in_black_and_white_unless_it_is_to_be_soft(self, tmp_path: Path) -> None:
        path = file_of("harmonizer", tmp_path)
        composite = composite_of(4, 90, 130)
        hard = np.asarray(Pillow.fromarray(np.rint(composite.mask * 255).astype(np.uint8)).convert("1"), np.float32)
        assert not np.array_equal(hard, composite.mask)
        as_hard = Composite("4", composite.composite, composite.foreground, composite.background, hard)
        method, soft = (get_method(name, weights=path) for name in ("harmonizer", "harmonizer:soft=true"))
        np.testing.assert_array_equal(method.harmonize([composite])[0], method.harmonize([as_hard])[0])
        assert np.abs(soft.harmonize([composite])[0] - method.harmonize([composite])[0]).max() > 0.01

    def test_harmonize_exports_them(self, tmp_path: Path) -> None:
        composite = composite_of(4, 150, 200)
        Pillow.fromarray(composite.composite).save(tmp_path / "composite.png")
        Pillow.fromarray((composite.mask * 255).astype(np.uint8)).save(tmp_path / "mask.png")
        weights = file_of("harmonizer", tmp_path)
        words = ["--composite", "composite.png", "--mask", "mask.png", "-o", "out.png", "--export-lut", "look.cube"]
        words = [str(tmp_path / word) if "." in word else word for word in words]
        result = CliRunner().invoke(
            harmonize_command, [*words, "--method", "harmonizer", "--weights", str(weights)], catch_exceptions=False
        )
        assert result.exit_code == 0, result.output
        assert "harmonizer, filters map" in result.output
        assert "non-commercial use alone" in result.output
        lut = read_cube(tmp_path / "look.cube")
        assert lut.size == 65
        made = np.asarray(Pillow.open(tmp_path / "out.png")).astype(int)
        inside = composite.mask == 1
        again = np.asarray(Pillow.open(tmp_path / "composite.png"))
        assert np.abs(apply_lut(again, lut, layout="HWC")[inside].astype(int) - made[inside]).max() <= 1
        assert np.abs(again[inside].astype(int) - made[inside]).mean() > 3


class TestHdnet:
    @pytest.fixture
    def path(self, tmp_path: Path) -> Path:
        return SYNTHETIC["hdnet"].write(tmp_path)

    def test_by_default_it_sees_the_composite_alone(self, path: Path) -> None:
        composite = composite_of(5, 256, 256)
        method = get_method("hdnet", weights=path)
        without = Composite("5", composite.composite, composite.foreground, composite.background, composite.mask)
        np.testing.assert_array_equal(*(method.harmonize([one])[0] for one in (composite, without)))

    def test_with_the_target_s_background_it_is_marked_and_needs_one(self, path: Path) -> None:
        composite = composite_of(5, 256, 256)
        method = get_method("hdnet:background=target", weights=path)
        assert method.sees_target
        assert composite.target is not None
        (image,) = method.harmonize([composite])
        hard = np.asarray(Pillow.fromarray(np.rint(composite.mask * 255).astype(np.uint8)).convert("1"))
        np.testing.assert_allclose(image[~hard], composite.target[~hard] / 255, atol=1e-6)
        with pytest.raises(MethodError, match="needs the ground truth, but 5 has none"):
            method.harmonize([Composite("5", *(composite.composite,) * 3, composite.mask)])

    def test_the_authors_protocol_leaves_no_error_of_the_background(self, path: Path) -> None:
        composite = composite_of(5, 300, 280)
        prepared = prepare(
            get_method("hdnet", weights=path).harmonize([composite])[0], composite, PROTOCOLS["hdnet-gtbg"]
        )
        assert np.array_equal(prepared.prediction[prepared.mask == 0], prepared.target[prepared.mask == 0])


def test_pct_net_is_the_same_by_any_number_of_threads(tmp_path: Path) -> None:
    method = get_method("pct-net", weights=SYNTHETIC["pct-net, CNN"].write(tmp_path))
    composite = composite_of(6, 200, 600)
    before = torch.get_num_threads()
    found = []
    try:
        for threads in (1, 3):
            torch.set_num_threads(threads)
            found.append(method.harmonize([composite])[0])
    finally:
        torch.set_num_threads(before)
    np.testing.assert_allclose(found[0], found[1], atol=1e-5)
