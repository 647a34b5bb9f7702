"""Which number is white: which floats are taken for 0..255, and the way to 0..1 and back."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch

from sshbench import Domain, Lut
from sshbench.lut.ranges import _largest, check_floats, check_white, from_unit, to_unit, unit_colours
from sshbench.lut.table import LutError

PLAIN = Lut.identity(3)
WIDE = Lut(PLAIN.values, domain=Domain((-1.0, 0.0, 0.0), (4.0, 2.0, 3.0)))


def kinds(values: list[float]) -> list[Any]:
    tensor = torch.tensor(values)
    return [np.array(values, np.float32), np.array(values, np.float16), np.array(values), tensor, tensor.half(),
            tensor.bfloat16(), tensor.double()]  # fmt: skip


@pytest.mark.parametrize(
    ("lut", "values", "refused"),
    [
        (PLAIN, [0.5, 2.0, 2.0, 2.0], False),  # as much as twice white is a highlight
        (PLAIN, [0.5, 2.25, 2.25], True),
        (PLAIN, [0.5, 0.25, 2.25, 300.0], False),  # as many inside
        (PLAIN, [1.0, 2.25], False),  # white is inside
        (PLAIN, [0.0, 0.0, 2.25], True),  # black may be a canvas
        (PLAIN, [1.5, 1.5, 2.25], True),  # between, and counted by neither side
        (PLAIN, [-3.0, -300.0, 0.5], False),
        (PLAIN, [math.inf, math.inf, 0.5], False),
        (PLAIN, [math.nan, 3.0, 3.0, 0.5], True),  # NaN counts for neither side
        (PLAIN, [math.nan, 3.0, 0.5], False),
        (WIDE, [9.0, 9.0, 0.5], False),  # the domain is 5 wide and ends at 4
        (WIDE, [9.5, 9.5, 0.5], True),
        (WIDE, [9.5, 0.0], False),  # 0 is inside a domain from -1
        (torch.zeros(2, 2, 2, 3), [0.5, 2.25, 2.25], True),
    ],
)
def test_floats_far_above_the_domain_are_refused(lut: Any, values: list[float], refused: bool) -> None:
    for images in kinds(values):
        if refused:
            with pytest.raises(LutError, match="far above the LUT's domain"):
                check_floats(images, lut)
        else:
            check_floats(images, lut)


@pytest.mark.parametrize("upper", [1.0, 0.1])
def test_the_limit_is_twice_white_for_domains_up_to_white(upper: float) -> None:
    lut = Lut(PLAIN.values, domain=Domain(upper=(upper,) * 3))
    check_floats(np.float32([2.0, 2.0, 0.5]), lut)
    with pytest.raises(LutError, match="far above"):
        check_floats(np.float32([2.001, 2.001, 0.5]), lut)


def test_the_domain_is_that_of_the_stage_that_colours_enter() -> None:
    curve = np.zeros((3, 3))
    check_floats(np.float32([9.0, 9.0]), Lut(PLAIN.values, curve, shaper_domain=WIDE.domain))
    with pytest.raises(LutError, match=r"up to 9, far above the LUT's domain 0 to 1: in floats, 1 is white"):
        check_floats(np.float32([8.0, 9.0]), Lut(PLAIN.values, curve, domain=WIDE.domain))


def test_the_largest_value_is_found() -> None:
    for images in kinds([-0.5, 0.25, 0.125]):
        halves = str(images.dtype).endswith("float16")
        assert _largest(images) == (0.5 if halves else 0.25)  # of halves the magnitude
    for empty in (np.zeros(0, np.float32), torch.zeros(0), torch.zeros(0).half()):
        assert _largest(empty) == -math.inf


def test_colours_are_brought_to_1_as_white() -> None:
    assert unit_colours(np.array([0, 51, 255], np.uint8)).tolist() == [0, 0.2, 1]
    assert unit_colours(np.array([0, 13107, 65535], np.uint16)).tolist() == [0, 0.2, 1]
    assert unit_colours(np.array([0, 1, 1])).tolist() == [0, 1, 1]
    assert unit_colours([0.25, 1.5]).tolist() == [0.25, 1.5]
    assert unit_colours(np.zeros((0, 3), int)).dtype == np.float64
    for odd in (np.array([0, 2]), np.array([-1, 1]), np.array([3], np.uint32), np.array([True]), np.array(["a"])):
        with pytest.raises(
            LutError, match=r"colours are (uint8, uint16 or floats in which 1 is white|an array of real numbers)"
        ):
            unit_colours(odd)
    with pytest.raises(LutError, match="up to 200; in floats, 1 is white: divide them by 255"):
        unit_colours(np.array([100.0, 200.0, 0.5]))


def test_white_is_a_finite_number_above_0() -> None:
    assert [check_white(white) for white in (255, 0.5, np.float32(4))] == [255.0, 0.5, 4.0]
    for odd in (0, -1, math.nan, math.inf, True, "255", None):
        with pytest.raises(LutError, match="data_range is"):
            check_white(odd)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", ["uint8", "uint16"])
def test_integers_are_rounded_half_up_and_clamped(kind: str) -> None:
    top = np.iinfo(kind).max
    like = np.zeros(1, kind)
    values = np.array([-1.0, 0.5, 1.49, 1.5, 2.5, 99.5, 100.0, 100.4, 300.0]) / 100
    assert from_unit(values, 100.0, like).tolist() == [0, 1, 1, 2, 3, 100, 100, 100, 100]
    assert from_unit(np.array([2.0]), float(top), like).tolist() == [top]
    assert from_unit(np.array([1.0]), 1e9, like).tolist() == [top]
    if kind == "uint8":
        found = from_unit(torch.from_numpy(values), 100.0, torch.zeros(1, dtype=torch.uint8))
        assert found.tolist() == [0, 1, 1, 2, 3, 100, 100, 100, 100]
        assert from_unit(torch.tensor([1.0]), 1e9, torch.zeros(1, dtype=torch.uint8)).tolist() == [255]


def test_floats_keep_their_type_and_are_not_clamped() -> None:
    for images in kinds([-25.5, 510.0]):
        unit = to_unit(images, 255.0)
        wide = images.dtype in (np.float64, torch.float64)
        assert str(unit.dtype).endswith("float64" if wide else "float32")
        assert np.asarray(unit).tolist() == pytest.approx([-0.1, 2.0])
        back = from_unit(unit, 255.0, images)
        assert back.dtype == images.dtype
        assert [float(value) for value in back] == pytest.approx([-25.5, 510.0])
