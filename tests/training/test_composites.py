"""The objectives of DoveNet and S2AM: their terms by hand, who learns from which, and the recipes that ship."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from sshbench.networks.dovenet import DoveNetGenerator, Scores
from sshbench.networks.s2am import S2AM
from sshbench.training.objectives import make_objective
from sshbench.training.objectives.dovenet import deepest
from sshbench.training.recipe import RecipeError, Schedule, read_recipe

SMALL = ("network.width=8", "network.start=random", "data.crop=32")
DOVENET = (*SMALL, "network.discriminator={width=8}")


def objective_of(method, *changes, recipe="small"):
    torch.manual_seed(0)
    return make_objective(
        method, read_recipe(recipe, [*(DOVENET if method == "dovenet" else SMALL), *changes], method=method)
    )


def batch_of(count=2, side=32):
    generator = torch.Generator().manual_seed(0)
    real = nn.functional.interpolate(
        torch.rand(count, 3, 4, 4, generator=generator) * 2 - 1, (side, side), mode="bilinear"
    )
    mask = torch.zeros(count, 1, side, side)
    mask[..., 8:20, 4:20] = 1
    mask[..., 7, :] = 0.4  # soft, and outside of the binary mask
    return {"composite": real * (1 - mask) + mask * (real * 0.5 + 0.2), "real": real, "mask": mask}


class Linear(nn.Module):
    """Scores of which every gradient is known: the sum of the image's values, times one number each."""

    def __init__(self, whole, domains):
        super().__init__()
        self.whole, self.domains = (nn.Parameter(torch.tensor(value)) for value in (whole, domains))
        self.masks = []

    def forward(self, image, mask):
        self.masks.append(mask)
        total = image.sum((1, 2, 3))
        return Scores(self.whole * total, self.domains * total)


def judged_by(judge, *changes):
    objective = objective_of("dovenet", *changes)
    objective.discriminator = judge
    return objective


def test_the_hinge_losses_follow_from_the_scores():
    objective = judged_by(Linear(1e-3, -1e-3))
    batch = batch_of()
    batch["output"] = torch.full_like(batch["real"], 0.25)
    real, fake = 1e-3 * batch["real"].sum((1, 2, 3)), torch.tensor(1e-3 * 0.25 * 3 * 32 * 32)
    found = objective.discriminator_terms(batch)
    whole = (1 - real).clamp_min(0).mean() + (1 + fake).clamp_min(0)
    domains = (1 + real).clamp_min(0).mean() + (1 - fake).clamp_min(0)
    assert found["d_whole"].item() == pytest.approx(whole.item(), rel=1e-5)
    assert found["d_domains"].item() == pytest.approx(domains.item(), rel=1e-5)


def test_the_gradient_penalty_is_of_the_mean_of_both_scores():
    objective = judged_by(Linear(0.03, 0.01))
    norm = 0.02 * math.sqrt(3 * 32 * 32)
    assert objective.discriminator_terms(batch_of())["d_gradient"].item() == pytest.approx((norm - 1) ** 2, rel=1e-4)


def test_the_generator_is_pulled_to_the_real_image_and_to_high_scores():
    objective = judged_by(Linear(2.0, 3.0))
    batch = batch_of()
    batch["output"] = batch["real"] + 0.5
    total = batch["output"].sum((1, 2, 3)).mean().item()
    found = objective.generator_terms(batch)
    assert found["l1"].item() == pytest.approx(0.5, rel=1e-5)
    assert found["g_whole"].item() == pytest.approx(-2 * total, rel=1e-4)
    assert found["g_domains"].item() == pytest.approx(-3 * total, rel=1e-4)


def test_masks_are_made_binary_as_published():
    judge = Linear(1.0, 1.0)
    objective = judged_by(judge)
    seen = {}
    objective.generator.register_forward_pre_hook(lambda module, given: seen.update(mask=given[0][:, 3:]))
    objective.discriminator_terms(batch_of())
    for mask in (seen["mask"], *judge.masks):
        assert mask.unique().tolist() == [0.0, 1.0]


def test_each_phase_leads_to_its_own_parameters_and_both_see_one_output():
    objective = objective_of("dovenet")
    calls = []
    objective.generator.register_forward_hook(lambda *args: calls.append(1))
    batch = batch_of()
    discriminator, generator = objective.phases
    assert [phase.name for phase in objective.phases] == ["discriminator", "generator"]
    sum(discriminator.terms(batch).values()).backward()
    assert all(p.grad is None for p in objective.generator.parameters())
    assert all(p.grad is not None and p.grad.isfinite().all() for p in discriminator.parameters)
    sum(generator.terms(batch).values()).backward(inputs=generator.parameters)
    assert all(p.grad is not None and p.grad.isfinite().all() for p in generator.parameters)
    assert len(calls) == 1


def test_without_its_losses_there_is_no_discriminator():
    objective = objective_of("dovenet", "loss.g_whole=0", "loss.g_domains=0")
    assert [phase.name for phase in objective.phases] == ["generator"]
    assert set(objective.phases[0].terms(batch_of())) == {"l1"}
    only = objective_of("dovenet", "loss.g_domains=0", "loss.d_domains=0", "loss.d_gradient=0")
    assert [set(phase.terms(batch_of())) for phase in only.phases] == [{"d_whole"}, {"l1", "g_whole"}]


@pytest.mark.parametrize(("side", "depth"), [(256, 7), (255, 7), (254, 6), (96, 5), (64, 5), (62, 4)])
def test_the_discriminator_is_as_deep_as_the_crop_allows(side, depth):
    assert deepest(side) == depth


def test_s2am_compares_the_whole_output_over_0_to_1():
    objective = objective_of("s2am")
    objective.network.forward = lambda image: image[:, :3] * 0 + 0.5
    batch = batch_of()
    expected = (0.5 - (batch["real"] / 2 + 0.5)).square().mean()
    assert objective.terms(batch)["mse"].item() == pytest.approx(expected.item(), rel=1e-5)


@pytest.mark.parametrize("method", ["dovenet", "s2am"])
def test_a_prediction_keeps_the_background_of_the_composite(method):
    objective, batch = objective_of(method), batch_of()
    objective.modules.eval()
    with torch.no_grad():
        found = objective.predict(batch)
    outside = (batch["mask"] == 0).expand_as(found)
    torch.testing.assert_close(found[outside], (batch["composite"] / 2 + 0.5)[outside])
    assert 0 <= found.min() <= found.max() <= 1


@pytest.mark.parametrize("method", ["dovenet", "s2am"])
def test_a_few_steps_lower_the_loss(method):
    objective, batch = objective_of(method), batch_of()
    phase = objective.phases[-1]
    optimizer = torch.optim.Adam(phase.parameters, lr=2e-3)
    losses = []
    for _ in range(25):
        terms = phase.terms({name: value for name, value in batch.items() if name != "output"})
        term = terms["l1" if method == "dovenet" else "mse"]
        optimizer.zero_grad()
        term.backward(inputs=phase.parameters)
        optimizer.step()
        losses.append(term.item())
    assert losses[-1] < 0.6 * losses[0]


@pytest.mark.parametrize(("method", "network"), [("dovenet", DoveNetGenerator), ("s2am", S2AM)])
def test_the_weights_make_the_network_that_was_trained(method, network):
    objective = objective_of(method)
    state, architecture = objective.weights()
    network(**architecture).load_state_dict(state)
    assert "discriminator" not in architecture


@pytest.mark.parametrize(
    ("method", "recipe"),
    [("dovenet", "paper"), ("dovenet", "small"), ("s2am", "paper"), ("s2am", "first"), ("s2am", "small")],
)
def test_the_recipes_that_ship_make_an_objective(method, recipe):
    plan = read_recipe(recipe, method=method)
    with torch.device("meta"):
        objective = make_objective(method, plan)
    parameters = sum(p.numel() for p in objective.weights()[0].values())
    assert (parameters > 5e7) == (recipe != "small")
    plan.data.settings(0)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ("data.crop=40", "multiple of 32, so data.crop=40 could be 32"),
        ("data.kind=triplets", "trains on composites; set data.kind=composites"),
        ("network.heads=3", "the section network does not fit"),
        ("network.start=copy", "network.start is random or identity, not 'copy'"),
    ],
)
@pytest.mark.parametrize("method", ["dovenet", "s2am"])
def test_what_does_not_fit_is_said(method, change, sentence):
    with pytest.raises(RecipeError, match=sentence):
        objective_of(method, change)


def test_the_learning_rate_drops_to_a_tenth():
    schedule = Schedule(epochs=200, decay=0.0, drops=(0.75, 0.9))
    assert [schedule.factor(epoch / 200) for epoch in (0, 149, 150, 179, 180)] == pytest.approx([1, 1, 0.1, 0.1, 0.01])
