"""What DIH is trained for: the published loss, in the published range and channel order."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from sshbench.training.objectives import make_objective
from sshbench.training.recipe import RecipeError, read_recipe

NARROW = [
    "network.widths=[4, 4, 8]",
    "network.bottleneck=8",
    "network.classes=5",
    "data.crop=32",
    "data.scale=[36, 44]",
]
WITH = ["network.semantics=true", "loss.labels=1e-4"]


def objective(*changes, recipe="small"):
    torch.manual_seed(0)
    return make_objective("dih", read_recipe(recipe, [*NARROW, *changes], method="dih"))


@pytest.fixture
def batch():
    generator = torch.Generator().manual_seed(1)
    images = {name: torch.rand(2, 3, 32, 32, generator=generator) * 2 - 1 for name in ("composite", "real")}
    labels = torch.randint(0, 5, (2, 32, 32), generator=generator)
    return {**images, "mask": (torch.rand(2, 1, 32, 32, generator=generator) > 0.5).float(), "labels": labels}


def by_hand(made, batch):
    """Output and scores for blue, green, red and the mask, all in -1..1."""
    blue_first = batch["composite"][:, [2, 1, 0]]
    return made.network(torch.cat([blue_first, 2 * batch["mask"] - 1], 1))


def test_the_loss_is_that_of_the_clipped_output_in_the_channels_order(batch):
    made = objective()
    made.network.output.weight.data *= 1000  # so that much is clipped
    made.modules.eval()
    image, _ = by_hand(made, batch)
    assert (image.abs() > 1).any()
    expected = (image.clamp(-1, 1) - batch["real"][:, [2, 1, 0]]).square().mean()
    terms = made.terms(batch)
    assert terms.keys() == {"mse"}
    torch.testing.assert_close(terms["mse"], expected)


def test_a_prediction_is_the_whole_output_in_red_green_blue(batch):
    made = objective()
    made.modules.eval()
    expected = by_hand(made, batch)[0].clamp(-1, 1)[:, [2, 1, 0]] / 2 + 0.5
    torch.testing.assert_close(made.predict(batch), expected)


def test_label_maps_train_the_parsing_decoder_where_there_are_some(batch):
    made = objective(*WITH)
    made.modules.eval()
    batch["labels"][0, :16] = 255  # counts for nothing
    scores = by_hand(made, batch)[1]
    known = batch["labels"] != 255
    expected = F.cross_entropy(scores.permute(0, 2, 3, 1)[known], batch["labels"][known])
    torch.testing.assert_close(made.terms(batch)["labels"], expected)
    del batch["labels"]
    with pytest.raises(RecipeError, match="no label maps"):
        made.terms(batch)


def test_without_label_maps_both_decoders_are_trained_by_the_image(batch):
    made = objective("network.semantics=true")
    made.terms(batch)["mse"].backward()
    without = {name for name, value in made.network.named_parameters() if value.grad is None}
    # what leads to the scores alone
    assert {name.removeprefix("parse.").split(".")[0] for name in without} == {"0", "parse_output", "classify"}


def test_the_published_recipe_keeps_the_statistics_of_norms_and_the_small_ones_learn_them(batch):
    for recipe, changed in (("paper", False), ("small", True)):
        made = objective(recipe=recipe)
        made.modules.train()
        norms = [module for module in made.network.modules() if isinstance(module, nn.BatchNorm2d)]
        made.terms(batch)
        assert all((norm.running_mean.abs().max() > 0) == changed for norm in norms)


def test_weights_are_drawn_as_published():
    network = objective("network.widths=[64, 64, 128]", "network.bottleneck=512").network
    assert network.encoder[1].conv.weight.std().item() == pytest.approx(0.01, rel=0.02)
    assert network.fc7.weight.std().item() == pytest.approx(0.005, rel=0.02)


def test_what_is_shipped_constructs_the_network_again(batch):
    from sshbench.methods.checkpoints.dih import FORMS

    made = objective("network.semantics=true")
    state, architecture = made.weights()
    FORMS[architecture.pop("form")](**architecture).load_state_dict(state)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ('data.kind="triplets"', "set data.kind"),
        ("data.crop=36", "multiple of 8 from 32 on"),
        ("data.crop=24", "multiple of 8 from 32 on"),
        ("loss.labels=1", "without semantics tells no classes"),
        ("network.depth=3", "DIH does not take"),
    ],
)
def test_recipes_that_cannot_be_are_refused(change, said):
    with pytest.raises(RecipeError, match=said):
        objective(change)
