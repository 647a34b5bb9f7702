"""What iDIH, iSSAM, PCT-Net, Harmonizer and HDNet are trained for: the published losses, and steps of the one loop."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from sshbench.benchmarks.composite import Composite
from sshbench.methods.registry import get_method
from sshbench.methods.weights import load_weights
from sshbench.networks import imagenet
from sshbench.networks.harmonizer_filters import RANGES
from sshbench.training.objectives import make_objective
from sshbench.training.objectives.contrast import StyleContrast, from_lab, recoloured, to_lab
from sshbench.training.objectives.harmonizer import foreground_error, in_turn
from sshbench.training.objectives.pct_net import slope
from sshbench.training.recipe import RecipeError, read_recipe
from sshbench.training.run import run

METHODS = ("idih", "issam", "pct-net", "harmonizer", "hdnet")
NARROW = {
    "idih": ["network.width=4", "network.depth=4"],
    "issam": ["network.width=4", "network.depth=3"],
    "pct-net": ["network.width=4", "network.depth=3"],
    "harmonizer": [],
    "hdnet": ["network.width=6"],
}


def objective(method: str, *changes: str, recipe: str = "small"):
    torch.manual_seed(0)
    made = make_objective(method, read_recipe(recipe, [*NARROW[method], *changes], method=method))
    made.modules.eval()
    return made


@pytest.fixture
def batch() -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    images = {name: torch.rand(4, 3, 64, 64, generator=generator) * 2 - 1 for name in ("composite", "real")}
    mask = torch.zeros(4, 1, 64, 64)
    mask[:, :, 10:40, 20:50] = torch.rand(4, 1, 30, 30, generator=generator)
    mask[0] = 0
    return images | {"mask": mask}


@pytest.mark.parametrize("method", METHODS)
def test_it_learns_by_all_of_its_weights(method: str, batch: dict[str, torch.Tensor]) -> None:
    made = objective(method)
    made.modules.train()
    sum(made.terms(batch).values()).backward()
    lacking = [name for name, p in made.network.named_parameters() if p.grad is None or not p.grad.isfinite().all()]
    assert all("conv_guide" in name or "to_rgb" in name for name in lacking)


@pytest.mark.parametrize("method", METHODS)
def test_a_prediction_is_an_image(method: str, batch: dict[str, torch.Tensor]) -> None:
    with torch.no_grad():
        made = objective(method).predict(batch)
    assert made.shape == (4, 3, 64, 64)
    assert made.min() >= 0
    assert made.max() <= 1


@pytest.mark.parametrize("method", METHODS)
def test_the_paper_s_recipe_can_be_followed(method: str) -> None:
    recipe = read_recipe("paper", ["loss.contrast=0"] if method == "pct-net" else [], method=method)
    made = make_objective(method, recipe)
    state, architecture = made.weights()
    assert state.keys() == made.network.state_dict().keys()
    assert not {"start", "least_area", "background", "side"} & architecture.keys()


class TestMaskNormalised:
    @pytest.mark.parametrize(("method", "least"), [("idih", 16.0), ("issam", 64.0)])
    def test_the_error_is_over_the_foreground_s_area(self, method: str, least: float, batch) -> None:
        made = objective(method)
        composite, real = (imagenet.normalised(batch[name] / 2 + 0.5) for name in ("composite", "real"))
        image = made.network(torch.cat([composite, batch["mask"]], 1)).image
        areas = [max(float(one.sum()), least) for one in batch["mask"]]
        expected = sum(((a - b) ** 2).sum() / (3 * n) for a, b, n in zip(image, real, areas, strict=True)) / 4
        torch.testing.assert_close(made.terms(batch)["mse"], expected)

    def test_both_may_start_near_the_composite(self, batch) -> None:
        for method in ("idih", "issam"):
            made = objective(method)
            composite = imagenet.normalised(batch["composite"] / 2 + 0.5)
            with torch.no_grad():
                found = made.network(torch.cat([composite, batch["mask"]], 1)).attention
            torch.testing.assert_close(found, torch.full_like(found, torch.sigmoid(torch.tensor(3.0)).item()))

    def test_pct_net_s_maps_may_start_with_giving_colours_back(self, batch) -> None:
        made = objective("pct-net")
        with torch.no_grad():
            assert F.mse_loss(made.predict(batch), batch["composite"] / 2 + 0.5) < 1e-3

    def test_crops_are_large_enough(self) -> None:
        with pytest.raises(RecipeError, match="idih of this depth trains on crops of at least 32 pixels"):
            objective("idih", "data.crop=16", "data.scale=[18,20]")


class TestHdnet:
    def test_the_target_s_background_is_shown_where_the_recipe_says_so(self, batch) -> None:
        errors = {}
        for background in ("target", "composite"):
            made = objective("hdnet", f"network.background={background}")
            mask = (batch["mask"] >= 0.5).float()
            behind = batch["real"] if background == "target" else batch["composite"]
            given = batch["composite"] * mask + behind * (1 - mask)
            image = made.network(torch.cat([given, mask], 1)).image
            areas = mask.sum((1, 2, 3)).clamp_min(16)
            expected = (((image - batch["real"]) ** 2).sum((1, 2, 3)) / (3 * areas)).mean()
            errors[background] = made.terms(batch)["mse"]
            torch.testing.assert_close(errors[background], expected)
        assert errors["target"] < errors["composite"]

    def test_both_small_recipes_say_which_they_are(self) -> None:
        assert read_recipe("small", method="hdnet").network["background"] == "composite"
        assert read_recipe("small-target", method="hdnet").network["background"] == "target"
        assert read_recipe("paper", method="hdnet").network["background"] == "target"

    def test_it_may_start_near_the_composite(self, batch) -> None:
        batch["real"] = batch["composite"]
        near = objective("hdnet").terms(batch)["mse"]
        assert near < objective("hdnet", "network.start=random").terms(batch)["mse"] / 10

    def test_another_background_is_refused(self) -> None:
        with pytest.raises(RecipeError, match="is target or composite, not 'real'"):
            objective("hdnet", "network.background=real")


class TestHarmonizer:
    def test_errors_by_hand(self) -> None:
        made, real = torch.full((1, 3, 2, 2), 0.75), torch.full((1, 3, 2, 2), 0.25)
        mask = torch.tensor([[[[1.0, 0.5], [0.0, 0.0]]]])
        assert foreground_error(made, real, mask).item() == pytest.approx(3 * (0.5 + 10 * 0.25), rel=1e-4)

    def test_a_filter_is_charged_for_what_it_adds(self) -> None:
        errors = [torch.tensor([value], requires_grad=True) for value in (2.0, 3.0, 1.0, 1.5, 1.5, 4.0)]
        total = in_turn(errors)
        whole = 2 + 1 + 0.5 + 2.5
        assert total.item() == pytest.approx(1.0)
        total.backward()
        assert [float(one.grad) for one in errors] == pytest.approx([1 / whole, 1 / whole, 0, 1 / whole, 0, 1 / whole])

    def test_half_of_a_batch_is_disturbed_and_half_are_composites(self, batch) -> None:
        made = objective("harmonizer")  # whose arguments begin with 0, so that it changes nothing
        torch.manual_seed(3)
        terms = made.terms(batch)
        real, composite, mask = batch["real"] / 2 + 0.5, batch["composite"] / 2 + 0.5, batch["mask"]
        expected = foreground_error(composite[2:], real[2:], mask[2:]).mean()
        torch.testing.assert_close(terms["coarse"], expected)
        assert terms["fine"].item() == pytest.approx(0.5, abs=0.01)  # one of two has no mask, and no error

    def test_one_term_takes_the_whole_batch(self, batch) -> None:
        coarse = objective("harmonizer", "loss.fine=0").terms(batch)
        assert coarse.keys() == {"coarse"}
        real, composite = batch["real"] / 2 + 0.5, batch["composite"] / 2 + 0.5
        torch.testing.assert_close(coarse["coarse"], foreground_error(composite, real, batch["mask"]).mean())
        assert objective("harmonizer", "loss.coarse=0").terms(batch).keys() == {"fine"}

    def test_it_starts_with_filters_that_change_nothing(self, batch) -> None:
        with torch.no_grad():
            made = objective("harmonizer").predict(batch)
        torch.testing.assert_close(made, batch["composite"] / 2 + 0.5, atol=2e-5, rtol=0)

    def test_arguments_of_disturbances_are_within_the_published_ranges(self) -> None:
        assert RANGES == (0.3, 0.5, 0.5, 0.6, 0.4, 0.4)


class TestPctNet:
    @pytest.mark.parametrize("variant", ["cnn", "vit"])
    def test_it_starts_with_the_composite(self, variant: str, batch) -> None:
        changes = ["network.variant=vit", "network.width=8"] if variant == "vit" else []
        recipe = read_recipe("small", NARROW["pct-net"] if variant == "cnn" else changes, method="pct-net")
        if variant == "vit":
            network = {"variant": "vit", "width": 8, "layers": 1, "hidden": 8, "start": "identity", "least_area": 64}
            recipe = recipe.model_copy(update={"network": network})
        torch.manual_seed(0)
        made = make_objective("pct-net", recipe)
        made.modules.eval()
        with torch.no_grad():
            found = made.predict(batch)
        assert (found - (batch["composite"] / 2 + 0.5)).abs().mean() < 0.15

    def test_maps_found_small_are_trained_on_the_crop(self, batch) -> None:
        made = objective("pct-net", "network.side=32")
        seen = []
        made.network.register_forward_hook(lambda module, inputs, output: seen.append((inputs[0].shape, output)))
        terms = made.terms(batch)
        ((shape, found),) = seen
        assert shape == (4, 4, 32, 32)
        assert found.parameters.shape == (4, 12, 32, 32)
        assert terms.keys() == {"mse", "smooth"}
        with pytest.raises(RecipeError, match=r"network\.side is a multiple of 4 up to the crop of 64, not 128"):
            objective("pct-net", "network.side=128")

    def test_weights_are_for_the_side_that_the_network_sees(self) -> None:
        assert read_recipe("paper", method="pct-net").input_size == 256
        assert read_recipe("small", method="pct-net").input_size == 64

    def test_a_slope_by_hand(self) -> None:
        ramp = torch.arange(8.0).expand(1, 1, 8, 8)
        inside = slope(torch.cat([ramp, ramp.transpose(2, 3)], 1))
        # across one of a unit step Sobel gives 1, at the repeated border a half
        assert inside.item() == pytest.approx((6 * 1 + 2 * 0.5) / 8, abs=1e-3)

    def test_without_vgg_the_contrast_says_what_to_do(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("SSHBENCH_LPIPS_WEIGHTS", str(tmp_path))
        with pytest.raises(RecipeError, match=r"loss\.contrast needs VGG-16 .*; set loss\.contrast=0"):
            objective("pct-net", "loss.contrast=0.01")


class TestContrast:
    @pytest.fixture
    def contrast(self) -> StyleContrast:
        torch.manual_seed(0)
        return StyleContrast(nn.Sequential(nn.Conv2d(3, 6, 3, 2), nn.ReLU()))

    def test_it_is_least_for_the_real_image(self, contrast: StyleContrast, batch) -> None:
        real, composite, mask = batch["real"] / 2 + 0.5, batch["composite"] / 2 + 0.5, batch["mask"].clone()
        mask[0] = mask[1]
        assert contrast(real, real, composite, mask).item() == pytest.approx(0, abs=1e-6)
        assert contrast(composite, real, composite, mask).item() > 0.2

    def test_gradients_flow_to_what_was_made(self, contrast: StyleContrast, batch) -> None:
        real, composite = batch["real"] / 2 + 0.5, batch["composite"] / 2 + 0.5
        made = composite.clone().requires_grad_()
        contrast(made, real, composite, batch["mask"]).backward()
        assert made.grad is not None
        assert made.grad.isfinite().all()
        assert made.grad.abs().sum() > 0

    def test_lab_is_that_of_scikit_image_and_back(self, batch) -> None:
        color = pytest.importorskip("skimage.color")
        image = batch["real"] / 2 + 0.5
        expected = color.rgb2lab(image.permute(0, 2, 3, 1).double().numpy())
        lab = to_lab(image.double())
        torch.testing.assert_close(lab.permute(0, 2, 3, 1), torch.from_numpy(expected), atol=2e-2, rtol=0)
        torch.testing.assert_close(from_lab(lab), image.double(), atol=1e-4, rtol=0)

    def test_others_colours_come_in_turn(self) -> None:
        flat = torch.tensor([0.2, 0.5, 0.8])[:, None, None, None] + 0.02 * torch.rand(3, 3, 16, 16)
        found = recoloured(flat, 4)
        assert len(found) == 2
        assert [round(float(one[0].mean()), 1) for one in found] == [0.5, 0.8]


@pytest.mark.parametrize("method", METHODS)
def test_some_steps_of_the_loop_leave_weights_that_the_method_runs_with(
    method: str, photographs: Path, tmp_path: Path
) -> None:
    changes = [*NARROW[method], "data.batch=4", "data.cache_mb=0", "schedule.steps=3", "validation.images=2"]
    recipe = read_recipe("small", [*changes, "data.crop=32", "data.scale=[36,45]"], method=method)
    outcome = run(recipe, str(photographs), None, tmp_path / "run", device="cpu", quiet=True)
    assert outcome.step == 3
    assert outcome.scores["images"] == 2
    found = load_weights(method, tmp_path / "run" / "last")
    assert found.card.trained_by != "authors"
    composite = F.interpolate(torch.rand(1, 3, 8, 8), size=(40, 56))[0].permute(1, 2, 0).mul(255).byte().numpy()
    mask = torch.zeros(40, 56)
    mask[10:30, 10:40] = 1
    one = Composite("x", composite, composite, composite, mask.numpy())
    (image,) = get_method(method, weights=tmp_path / "run" / "last").harmonize([one])
    assert image.shape[2] == 3
