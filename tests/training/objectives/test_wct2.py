"""What WCT2 is trained for: to give images back, with the statistics of its own features."""

from __future__ import annotations

import pytest
import torch

from sshbench.networks.wct2 import WCT2
from sshbench.networks.whitening import LabelMaps
from sshbench.training.objectives import make_objective
from sshbench.training.objectives.wct2 import gram
from sshbench.training.recipe import RecipeError, read_recipe


def objective(*changes):
    torch.manual_seed(0)
    changes = ["network.width=4", "data.crop=32", "data.scale=[36, 44]", *changes]
    return make_objective("wct2", read_recipe("small", changes, method="wct2"))


@pytest.fixture
def batch():
    generator = torch.Generator().manual_seed(1)
    names = ("composite", "real", "content_alpha", "reference_beta")
    images = {name: torch.rand(2, 3, 32, 32, generator=generator) * 2 - 1 for name in names}
    mask = torch.zeros(2, 1, 32, 32)
    mask[:, :, 8:20, 4:24] = 1
    return {**images, "mask": mask}


def test_terms_compare_images_with_what_comes_back_of_them(batch):
    made = objective()
    terms = made.terms(batch)
    images = torch.cat([batch["composite"], batch["real"]]) / 2 + 0.5
    back = made.network(images)
    torch.testing.assert_close(terms["recon"], (back - images).square().mean())
    before, after = (made.network.encoder(image)[0] for image in (images, back))
    expected = sum((gram(before[level]) - gram(after[level])).square().mean() for level in (1, 2, 3, 4))
    torch.testing.assert_close(terms["gram"], expected)


def test_a_gram_matrix_is_of_mean_products():
    features = torch.arange(12.0).view(1, 2, 2, 3)
    flat = features.view(2, 6)
    expected = [[float((a * b).mean()) for b in flat] for a in flat]
    torch.testing.assert_close(gram(features), torch.tensor([expected]))


def test_terms_without_weight_are_left_out(batch):
    assert objective("loss.gram=0").terms(batch).keys() == {"recon"}
    assert objective("loss.recon=0").terms(batch).keys() == {"gram"}


def test_wavelets_get_no_gradient_and_all_else_does(batch):
    made = objective()
    sum(made.terms(batch).values()).backward()
    for name, parameter in made.network.named_parameters():
        is_wavelet = name.split(".")[-2] in ("LL", "LH", "HL", "HH")
        assert (parameter.grad is None) == is_wavelet, name
        assert any(parameter is one for one in made.phases[0].parameters) != is_wavelet, name


def test_a_few_steps_give_images_back_better(batch):
    made = objective()
    optimizer = torch.optim.Adam(made.phases[0].parameters, 3e-3)
    losses = []
    for _ in range(40):
        optimizer.zero_grad()
        terms = made.terms(batch)
        sum(terms.values()).backward()
        optimizer.step()
        losses.append(terms["recon"].item())
    assert losses[-1] < 0.7 * losses[0]


def test_a_prediction_pastes_the_foreground_in_the_style_of_the_background(batch):
    made = objective()
    image, inside = batch["composite"] / 2 + 0.5, batch["mask"][:, 0].long()
    with torch.no_grad():
        predicted = made.predict(batch)
        # label 1: the content's foreground and the style's background; 0 and 2 have no partner
        stylized = made.network(image, image, labels=LabelMaps(inside, 1 + inside)).clamp(0, 1)
    inside = batch["mask"].expand_as(image) == 1
    torch.testing.assert_close(predicted[inside], stylized[inside])
    torch.testing.assert_close(predicted[~inside], image[~inside])


def test_a_prediction_of_triplets_takes_the_style_of_the_reference(batch):
    made = objective('data.kind="triplets"')
    del batch["mask"]
    with torch.no_grad():
        expected = made.network(batch["content_alpha"] / 2 + 0.5, batch["reference_beta"] / 2 + 0.5).clamp(0, 1)
        torch.testing.assert_close(made.predict(batch), expected)


def test_what_is_shipped_constructs_the_network_again():
    state, architecture = objective().weights()
    assert architecture == {"unpool": "sum", "width": 4}
    WCT2(**architecture).load_state_dict(state)


@pytest.mark.parametrize(("change", "said"), [("data.crop=36", "multiple of 8"), ("network.depth=3", "does not take")])
def test_recipes_that_cannot_be_are_refused(change, said):
    with pytest.raises(RecipeError, match=said):
        objective(change)
