"""SSH as a method: from weights to pictures, by the map, by the network alone, and as the authors' notebook."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from sshbench.benchmarks.composite import paste
from sshbench.colour.strength import Amount
from sshbench.methods import Method, MethodError, get_method
from sshbench.methods.base import WeightsError
from sshbench.methods.full_resolution import PredictsMap, View
from sshbench.methods.ssh import SshMethod, published_composite
from sshbench.methods.views import at_side
from sshbench.methods.weights import Preprocessing, WeightsCard, save_weights
from sshbench.networks.ssh import SSH
from tests.golden.golden_helper import compare, image_u8, mask_soft, style_u8
from tests.methods.checkpoints import SYNTHETIC
from tests.results.standin import composite

VECTORS = Path(__file__).parents[1] / "golden" / "vectors"


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights of a network of width 2, whose output is its input by and large, and a little of all else."""
    torch.manual_seed(0)
    network = SSH(width=2)
    folder = tmp_path_factory.mktemp("small")
    save_weights(folder, network.state_dict(), WeightsCard(method="ssh", architecture={"width": 2}), dtype="float32")
    return folder


class Affine(nn.Module):
    """Stands in for the network: half the contrast, and the reference's mean instead of the content's grey."""

    def __init__(self) -> None:
        super().__init__()
        self.sizes: list[int] = []
        self.part = nn.Parameter(torch.tensor(0.5))

    def encode_content(self, image: Tensor) -> tuple[Tensor, list[Tensor]]:
        self.sizes.append(len(image))
        return image, []

    def encode_style(self, image: Tensor) -> Tensor:
        return image.mean((2, 3), keepdim=True)

    def fuse(self, features: Tensor, skips: list[Tensor], style: Tensor) -> Tensor:
        return self.part * features + self.part * style


@pytest.fixture
def affine(small: Path) -> SshMethod:
    method = SshMethod(weights=str(small))
    method.network = Affine()
    return method


def test_its_maps_follow_its_options(small: Path) -> None:
    given = composite(1)
    view = View(given.foreground, given.background)
    whole, part = (get_method(f"ssh{options}", weights=small) for options in ("", ":lightness=0.5,colour=2"))
    assert isinstance(whole, PredictsMap)
    assert isinstance(part, PredictsMap)
    found = part.colour_maps([view], "lut")[0].lut.values
    assert np.array_equal(found, whole.colour_maps([view], "lut")[0].followed(Amount(0.5, 2)).lut.values)
    assert not np.array_equal(part.harmonize([given])[0], whole.harmonize([given])[0])


@pytest.mark.parametrize("option", ["notebook=true", "output=network"])
def test_what_is_no_map_has_no_strength(small: Path, option: str) -> None:
    with pytest.raises(MethodError, match=f"ssh: {option} has no strength"):
        get_method(f"ssh:{option},strength=0.5", weights=small)


def test_it_keeps_to_the_interfaces(small: Path) -> None:
    method = get_method("ssh", weights=small)
    assert isinstance(method, Method)
    assert isinstance(method, PredictsMap)
    assert (method.name, method.trained_by, method.input_size) == ("ssh", "user", 256)
    assert len(method.weights_hash) == 32


def test_the_authors_checkpoint_gives_the_published_output(tmp_path: Path) -> None:
    method = SshMethod(weights=str(SYNTHETIC["ssh"].write(tmp_path)))
    assert method.trained_by == "authors"
    (result,) = method.results([(image_u8(0, 256, 256), image_u8(1, 256, 256))])
    output = (2 * result - 1).transpose(2, 0, 1)[None]
    assert max(compare(np.load(VECTORS / "ssh_ref_256.npz"), "output", output).values()) < 5e-5


def test_its_picture_is_what_the_network_makes_of_the_foreground(affine: SshMethod) -> None:
    view = View(image_u8(2, 90, 60), np.full((40, 40, 3), 51, np.uint8))
    (picture,) = affine.pictures([view])
    assert np.allclose(picture, at_side(view.foreground) / 510 + 0.1, atol=1e-5)


def test_the_notebook_s_full_size_step_gives_the_published_bytes() -> None:
    source = image_u8(10, 256, 256)
    result = np.clip((3 * source.astype(int) + style_u8(10, 256, 256)) // 4, 0, 255).astype(np.uint8)
    mask = (mask_soft(300, 400) * 255).astype(np.uint8).astype(np.float32) / 255
    picture = published_composite(source, result, image_u8(11, 300, 400), style_u8(12, 300, 400), mask)
    golden = np.load(VECTORS / "ssh_colour_transfer.npz")
    assert np.array_equal(picture[118:182, 168:232], golden["final_u8.crop"])
    assert [picture.mean(), picture.std()] == pytest.approx(golden["final_u8.stats"])


class TestPictures:
    """With a network whose result is known in closed form."""

    def expected(self, c) -> np.ndarray:
        return c.foreground / 510 + at_side(c.background).mean((0, 1)) / 510

    @pytest.mark.parametrize(("kind", "most", "mean"), [("lut", 16, 0.5), ("polynomial", 6, 0.1)])
    def test_the_map_is_applied_at_full_size(self, affine: SshMethod, kind: str, most: int, mean: float) -> None:
        c = composite(3, (300, 400))
        affine.map = kind
        (picture,) = affine.harmonize([c])
        mapped = np.rint(255 * self.expected(c)).astype(np.uint8)
        difference = picture.astype(int) - paste(mapped, c.background, c.mask)
        assert np.abs(difference).max() <= most  # of colours that hardly any pixel has
        assert np.abs(difference).mean() < mean
        assert np.array_equal(picture[c.mask == 0], c.background[c.mask == 0])

    def test_the_notebook_is_near_to_it(self, affine: SshMethod) -> None:
        c = composite(3, (300, 400))
        affine.notebook = True
        (picture,) = affine.harmonize([c])
        wanted = 255 * self.expected(c) * c.mask[..., None] + c.background * (1 - c.mask[..., None])
        difference = picture - wanted
        assert np.abs(difference).mean() < 1  # JPEG, and codes cut off
        assert (picture[c.mask == 0] == c.background[c.mask == 0]).mean() > 0.99

    def test_the_network_s_own_picture_is_a_small_one(self, affine: SshMethod) -> None:
        c = composite(3, (300, 400))
        affine.output = "network"
        (picture,) = affine.harmonize([c])
        assert picture.dtype == np.float32
        assert picture.shape == (256, 256, 3)
        sure = at_side(c.mask) == 1
        wanted = at_side(c.foreground) / 510 + at_side(c.background).mean((0, 1)) / 510
        assert np.abs(picture - wanted)[sure].max() < 0.51 / 255  # rounded once, not after each axis as Pillow does
        none = at_side(c.mask) == 0
        assert np.array_equal(picture[none], (at_side(c.background) / np.float32(255))[none])

    def test_maps_for_others(self, affine: SshMethod) -> None:
        rng = np.random.default_rng(0)
        views = [
            View(rng.integers(0, 256, (90, 60, 3), np.uint8), np.full((20, 30, 3), 51 * i, np.uint8)) for i in (1, 4)
        ]
        for view, one in zip(views, affine.colour_maps(views, "lut"), strict=True):
            grey = np.full((1, 1, 3), 128, np.uint8)
            assert np.abs(one(grey).astype(int) - (64 + int(view.reference[0, 0, 0]) // 2)).max() <= 1


@pytest.mark.parametrize("options", ["", ":output=network", ":notebook=true", ":map=polynomial"])
def test_a_composite_counts_for_itself_whatever_the_batch(small: Path, options: str) -> None:
    method = get_method(f"ssh{options}", weights=small)
    one, two = composite(1), composite(2)
    assert np.array_equal(method.harmonize([one, two])[1], method.harmonize([two])[0])


def test_a_batch_on_the_cpu_is_one_pass_for_each_foreground(affine: SshMethod) -> None:
    empty = composite(2)
    empty = replace(empty, mask=np.zeros_like(empty.mask))
    pictures: Sequence = affine.harmonize([composite(0), empty, composite(1)])
    assert affine.network.sizes == [1, 1]
    assert np.array_equal(pictures[1], empty.composite)


def test_bfloat16_is_near_to_float32(small: Path) -> None:
    pair = [(image_u8(0, 256, 256), image_u8(1, 256, 256))]
    exact, rough = (get_method(f"ssh:precision={p}", weights=small).results(pair)[0] for p in ("float32", "bfloat16"))
    assert 0 < np.abs(exact - rough).mean() < 0.01


def test_weights_that_do_not_fit_are_named(small: Path, tmp_path: Path) -> None:
    state = SSH(width=2).state_dict()
    del state["conv3_1.bias"]
    save_weights(tmp_path, state, WeightsCard(method="ssh", architecture={"width": 2}))
    with pytest.raises(WeightsError, match=r"does not fit SSH: it lacks conv3_1\.bias$"):
        SshMethod(weights=str(tmp_path))


@pytest.mark.parametrize("options", ["", ":output=network", ":notebook=true"])
def test_a_network_of_a_smaller_size_gives_pictures_of_the_same_size(tmp_path: Path, options: str) -> None:
    card = WeightsCard(method="ssh", architecture={"width": 2}, preprocessing=Preprocessing(input_size=64))
    save_weights(tmp_path, SSH(width=2).state_dict(), card)
    method = get_method(f"ssh{options}", weights=tmp_path)
    assert [result.shape for result in method.results([(image_u8(0, 90, 90), image_u8(1, 50, 60))])] == [(64, 64, 3)]
    (picture,) = method.harmonize([composite(1)])
    assert picture.shape == ((256, 256, 3) if "network" in options else composite(1).composite.shape)
