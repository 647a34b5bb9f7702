"""What sshbench holds networks against on a user's machine is what the published code gave."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sshbench.methods import golden, golden_rule
from tests.golden import golden_helper

VECTORS = Path(__file__).parents[1] / "golden" / "vectors"
OUTPUTS = {
    **dict.fromkeys(("ssh", "dovenet", "s2am", "wct2"), "output"),
    "dih": "pre_clip",
    **dict.fromkeys(("idih", "issam", "pct-net"), "images"),
    "harmonizer": "stage_shadow",
    "hdnet": "attentioned",
}
CASES = [(method, name) for method in OUTPUTS for name in golden.cases(method)]


@pytest.mark.parametrize(("method", "name"), CASES)
def test_the_samples_are_of_the_published_output(method: str, name: str) -> None:
    known = np.load(VECTORS / f"{name}.npz")
    output = OUTPUTS[method]
    each, uneven = divmod(golden.cases(method)[name].step, int(known[f"{output}.stride_step"][0]))
    assert not uneven
    assert golden.expected(name) == pytest.approx(known[f"{output}.stride"][0, :, ::each, ::each].ravel(), abs=1e-6)
    assert len(golden.expected(name)) == 48


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("a.running_mean", (5,)),
        ("a.running_var", (5,)),
        ("a.num_batches_tracked", ()),
        ("conv.weight", (4, 3, 3, 3)),
        ("norm.weight", (7,)),
        ("conv.bias", (7,)),
    ],
)
def test_values_are_those_of_the_rule(name: str, shape: tuple[int, ...]) -> None:
    assert np.array_equal(golden_rule.filled(name, shape), golden_helper.fill_value(name, shape))


def test_images_are_those_of_the_rule() -> None:
    assert np.array_equal(golden_rule.image(3, 50, 70), golden_helper.image_u8(3, 50, 70))
    assert np.array_equal(golden_rule.style(1, 48, 64), golden_helper.style_u8(1, 48, 64))
    assert np.array_equal(golden_rule.ellipse(60, 80), golden_helper.mask_hard(60, 80))
    assert np.array_equal(golden_rule.soft_ellipse(60, 80), golden_helper.mask_soft(60, 80))


def test_the_network_here_is_the_published_one() -> None:
    assert golden.difference("ssh", {"width": 32}) < 5e-5


@pytest.mark.parametrize("name", ["idih", "issam", "pct-net", "harmonizer", "hdnet"])
def test_the_later_networks_are_too(name: str) -> None:
    for case in golden.cases(name).values():
        assert golden.difference(name, case.architecture) < 5e-5


@pytest.mark.parametrize("semantics", [False, True])
def test_networks_filled_by_names_of_their_variables_are_too(semantics: bool) -> None:
    assert golden.difference("dih", {"form": "tensorflow", "semantics": semantics}) < 5e-5


def test_another_architecture_has_nothing_to_be_held_against() -> None:
    assert golden.difference("ssh", {"width": 16}) is None
    assert golden.difference("dc", {}) is None
