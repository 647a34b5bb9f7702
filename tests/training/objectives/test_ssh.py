"""What SSH is trained for: equations 2 to 7 on the whole network, and terms that cost nothing when off."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from sshbench.training.objectives import make_objective
from sshbench.training.objectives.ssh import SshObjective
from sshbench.training.recipe import Recipe, RecipeError, read_recipe

VIEWS = ("content_alpha", "content_beta", "reference_alpha", "reference_beta")


def recipe(*changes: str) -> Recipe:
    return read_recipe(
        "small",
        ["network.width=2", "network.start=random", "data.crop=32", "data.scale=[36,44]", *changes],
        method="ssh",
    )


@pytest.fixture
def batch() -> dict[str, Tensor]:
    random = torch.Generator().manual_seed(1)
    return {name: torch.rand(3, 3, 32, 32, generator=random) * 2 - 1 for name in VIEWS}


def objective(*changes: str) -> SshObjective:
    torch.manual_seed(0)
    made = make_objective("ssh", recipe(*changes))
    assert isinstance(made, SshObjective)
    return made


DISTANCES = {"squared": lambda a, b: (a - b).square().mean(), "absolute": lambda a, b: (a - b).abs().mean()}


@pytest.mark.parametrize("distance", [None, "squared", "absolute"])
def test_terms_are_those_of_the_paper_on_two_plain_passes(batch, distance):
    ssh = objective(*([f"loss.distance={distance}"] if distance else []))
    between = DISTANCES[distance or "squared"]
    ssh.modules.eval()  # so that what goes through together does not share the statistics of batch norm
    to_beta = ssh.network(batch["content_alpha"], batch["reference_beta"])
    to_alpha = ssh.network(batch["content_alpha"], batch["reference_alpha"])
    of_beta = ssh.network(batch["content_beta"])
    expected = {
        "harm": between(to_beta.image, batch["content_beta"]),
        "recon": between(to_alpha.image, batch["content_alpha"]),
        "dis": between(to_beta.content, of_beta.content) + between(to_beta.content_style, to_alpha.reference_style),
    }
    terms = ssh.terms(batch)
    assert {name: term.item() for name, term in terms.items()} == pytest.approx(
        {name: term.item() for name, term in expected.items()}, rel=1e-5
    )


@pytest.mark.parametrize(
    ("on", "encoded", "appearances", "fused"),
    [
        (("harm", "recon", "dis"), 6, 9, 6),
        (("harm", "recon"), 3, 6, 6),  # without disentanglement
        (("harm", "dis"), 6, 9, 3),  # without reconstruction
        (("harm",), 3, 3, 3),
        (("recon",), 3, 3, 3),
    ],
)
def test_a_term_that_is_off_is_not_computed(batch, monkeypatch, on, encoded, appearances, fused):
    ssh = objective(*(f"loss.{name}=0" for name in ("harm", "recon", "dis") if name not in on))
    images: dict[str, int] = {}
    for name in ("encode_content", "encode_style", "fuse"):
        method = getattr(ssh.network, name)

        def counted(*args, name=name, method=method):
            images[name] = images.get(name, 0) + len(args[0])
            return method(*args)

        monkeypatch.setattr(ssh.network, name, counted)
    assert set(ssh.terms(batch)) == set(on)
    assert images == {"encode_content": encoded, "encode_style": appearances, "fuse": fused}


def test_the_other_terms_do_not_change_when_one_is_off(batch):
    whole, part = objective(), objective("loss.dis=0")
    for one in (whole, part):
        one.modules.eval()
    assert part.terms(batch)["harm"].item() == pytest.approx(whole.terms(batch)["harm"].item(), rel=1e-6)


def test_predictions_are_the_harmonized_content_in_0_to_1(batch):
    ssh = objective()
    ssh.modules.eval()
    with torch.no_grad():
        image = ssh.network(batch["content_alpha"], batch["reference_beta"]).image
        predicted = ssh.predict(batch)
    assert predicted.shape == (3, 3, 32, 32)
    assert torch.equal(predicted, (image / 2 + 0.5).clamp(0, 1))


def test_weights_are_the_networks_own_tensors():
    ssh = objective()
    state, architecture = ssh.weights()
    assert architecture == {"width": 2}
    state["conv10.weight"].zero_()
    assert not ssh.network.conv10.weight.any()


def test_recipes_that_do_not_fit_are_told():
    with pytest.raises(RecipeError, match=r"multiple of 16.*could be 96"):
        objective("data.crop=100", "data.scale=[114,140]")
    with pytest.raises(RecipeError, match=r"a network.width of 3 or more"):
        objective("network.start=identity")
    with pytest.raises(RecipeError, match=r"section network .*depth"):
        objective("network.depth=3")
