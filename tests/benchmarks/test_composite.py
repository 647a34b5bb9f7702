"""What a composite holds and refuses."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from sshbench.benchmarks.composite import BenchmarkError, Composite, check_mask, paste


def test_pasting_follows_the_mask_and_rounds() -> None:
    foreground, background = np.full((1, 4, 3), 201, np.uint8), np.full((1, 4, 3), 100, np.uint8)
    mask = np.array([[0, 0.25, 0.5, 1]], np.float32)
    assert paste(foreground, background, mask)[0, :, 0].tolist() == [100, 125, 150, 201]


def sample(**changes: object) -> Composite:
    image = np.zeros((4, 6, 3), np.uint8)
    parts = {"composite": image, "foreground": image, "background": image, "mask": np.eye(4, 6, dtype=np.float32)}
    return Composite("a/b", **{**parts, **changes})  # type: ignore[arg-type]


def test_roles_of_another_size_are_named() -> None:
    with pytest.raises(BenchmarkError, match="a/b: the target is 5 x 4 and the composite 6 x 4"):
        sample(target=np.zeros((4, 5, 3), np.uint8))
    with pytest.raises(BenchmarkError, match="a/b: the mask is 5 x 4"):
        sample(mask=np.zeros((4, 5), np.float32))
    sample(foreground_photo=np.zeros((9, 9, 3), np.uint8))


def test_values_of_the_wrong_kind_are_an_error_of_the_caller() -> None:
    with pytest.raises(ValueError, match="composite is uint8"):
        sample(composite=np.zeros((4, 6, 3), np.float32))
    with pytest.raises(ValueError, match="mask is float32"):
        sample(mask=np.zeros((4, 6), bool))


def test_empty_and_full_masks_are_refused() -> None:
    with pytest.raises(BenchmarkError, match="x: the mask is empty"):
        check_mask("x", np.full((3, 3), 0.4, np.float32))
    with pytest.raises(BenchmarkError, match="x: the mask is full"):
        check_mask("x", np.full((3, 3), 0.6, np.float32))


def test_a_composite_survives_pickling_and_cannot_be_changed() -> None:
    made = sample(attributes={"subset": "one"})
    again = pickle.loads(pickle.dumps(made))
    assert again.attributes == {"subset": "one"}
    np.testing.assert_array_equal(again.mask, made.mask)
    assert made.foreground_ratio == pytest.approx(4 / 24)
    with pytest.raises(TypeError):
        made.attributes["subset"] = "two"  # type: ignore[index]


def test_a_composite_is_shown_by_its_size_its_foreground_and_whether_it_has_a_target() -> None:
    image = np.zeros((4, 6, 3), np.uint8)
    assert repr(sample()) == "<Composite 'a/b': 6 x 4, 17% foreground, without a target>"
    assert repr(sample(target=image)) == "<Composite 'a/b': 6 x 4, 17% foreground, with a target>"
    assert not sample().has_background
    assert sample(background=image).has_background
