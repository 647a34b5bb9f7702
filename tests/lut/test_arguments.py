"""What `apply_lut` makes of its arguments before anything is computed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from sshbench import Domain, Lut, LutBank
from sshbench.lut import arguments
from sshbench.lut.table import LutError

CPU = torch.device("cpu")
BANK = LutBank.from_luts([Lut.identity(3)] * 3, 3, ["a", "b", "c"])


@pytest.mark.parametrize(
    ("shape", "layout", "prefer_last", "last"),
    [
        ((5, 6, 3), "auto", False, True), ((3, 5, 6), "auto", True, False), ((2, 5, 6, 3), "auto", False, True),
        ((2, 3, 5, 6), "auto", True, False), ((3, 5, 3), "auto", True, True), ((3, 5, 3), "auto", False, False),
        ((3, 5, 3), "HWC", False, True), ((3, 5, 3), "CHW", True, False), ((3, 2, 5, 3), "auto", False, True),
    ],
)  # fmt: skip
def test_where_the_channels_are(shape: tuple[int, ...], layout: Any, prefer_last: bool, last: bool) -> None:
    assert arguments.channels_last(shape, layout, prefer_last=prefer_last) is last
    batch = shape if len(shape) == 4 else (1, *shape)
    height, width = (batch[1], batch[2]) if last else (batch[2], batch[3])
    assert arguments.extent(batch, last) == (batch[0], height, width)


@pytest.mark.parametrize(
    ("shape", "layout", "why"),
    [
        ((5, 6, 3), "CHW", "with layout CHW does not"), ((3, 5, 6), "HWC", "with layout HWC does not"),
        ((5, 6, 4), "auto", "three channels"), ((5, 3), "auto", r"not \[5, 3\]"),
        ((1, 1, 5, 6, 3), "auto", r"not \[1, 1, 5, 6, 3\]"), ((5, 6, 3), "hwc", "not 'hwc'"),
    ],
)  # fmt: skip
def test_shapes_that_are_no_images(shape: tuple[int, ...], layout: Any, why: str) -> None:
    with pytest.raises(LutError, match=why):
        arguments.channels_last(shape, layout, prefer_last=True)


@pytest.mark.parametrize("kind", ["numpy", "torch"])
def test_images_are_copied_only_where_out_would_overwrite_them(kind: str) -> None:
    memory: Any = np.arange(60, dtype=np.float32) if kind == "numpy" else torch.arange(60, dtype=torch.float32)

    def part(start: int) -> Any:
        return memory[start : start + 24].reshape(2, 4, 3)

    images = part(24)
    for start, is_copied in ((24, False), (0, False), (23, True), (25, True), (36, True)):
        found = arguments.separate(images, part(start))
        assert (found is not images) is is_copied, start
        assert (found == images).all()
    beside = memory[48:60].reshape(1, 4, 3)  # begins where the images end
    assert arguments.separate(images, beside) is images
    assert arguments.separate(beside, images) is beside
    turned = images.transpose(1, 0, 2) if kind == "numpy" else images.transpose(0, 1)
    copy = arguments.separate(turned, memory[24:48].reshape(4, 2, 3))  # the same start, and another order
    assert copy is not turned
    assert (copy == turned).all()
    if kind == "torch":
        empty = memory[:0].reshape(0, 4, 3)
        assert arguments.separate(empty, empty.clone()) is empty
        every_other = memory[0:48:2].reshape(2, 4, 3)
        assert arguments.separate(every_other, memory[46:58].reshape(1, 4, 3)) is not every_other  # shares one number
        assert arguments.separate(every_other, memory[47:59].reshape(1, 4, 3)) is every_other


def test_an_index_is_one_number_for_all_or_one_for_each() -> None:
    assert arguments.index_array(None, 1, 4) is None
    for index, found in ((None, [0, 1, 2]), (2, [2, 2, 2]), ([2, 0, 1], [2, 0, 1]), (np.uint8(1), [1, 1, 1])):
        array = arguments.index_array(index, 3, 3)
        assert array is not None
        assert (array.dtype, array.tolist()) == (np.int32, found)
        tensor = arguments.index_tensor(index, 3, 3, CPU)
        assert tensor is not None
        assert (tensor.dtype, tensor.tolist()) == (torch.int32, found)
    assert arguments.index_tensor(None, 1, 4, CPU) is None
    assert arguments.index_array([], 3, 0).tolist() == []  # type: ignore[union-attr]
    assert arguments.index_tensor(torch.tensor([2, 0]), 3, 2, CPU).tolist() == [2, 0]  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("index", "why"),
    [
        (None, "3 LUTs for 2 images need an index"), (3, r"LUT index 3 is outside 0\.\.2"),
        ([0, -1], r"LUT index -1 is outside 0\.\.2"), ([0, 1, 2], r"int64 of shape \[3\]"), (0.0, "float64 of shape"),
        ([[0, 1]], r"shape \[1, 2\]"),
    ],
)  # fmt: skip
def test_an_index_that_does_not_fit(index: Any, why: str) -> None:
    for call in (
        lambda: arguments.index_array(index, 3, 2),
        lambda: arguments.index_tensor(index, 3, 2, CPU),
    ):
        with pytest.raises(LutError, match=why):
            call()
    if index is not None:
        with pytest.raises(LutError):
            arguments.index_tensor(torch.tensor(index), 3, 2, CPU)


def test_a_strength_is_one_number_for_all_or_one_for_each() -> None:
    for whole in (1, 1.0, [1, 1], np.ones(2), torch.ones(2)):
        assert arguments.strength_array(whole, 2) is None
    for strength, found in ((0.5, [0.5, 0.5]), ([0, 1], [0, 1]), (torch.tensor([0.25, 1.0]), [0.25, 1.0]), (0, [0, 0])):
        array = arguments.strength_array(strength, 2)
        assert array is not None
        assert (array.dtype, array.tolist()) == (np.float32, found)
        tensor = arguments.strength_tensor(strength, 2, CPU, torch.float64)
        assert tensor is not None
        assert (tensor.dtype, tensor.tolist()) == (torch.float64, found)
    assert arguments.strength_tensor(1, 2, CPU, torch.float32) is None
    learned = torch.tensor([2.0], requires_grad=True)  # is not checked
    assert arguments.strength_tensor(learned, 1, CPU, torch.float32) is not None


@pytest.mark.parametrize("strength", [-0.01, 1.01, [0.5, np.nan], [0.5, 1.5]])
def test_a_strength_outside_0_to_1(strength: Any) -> None:
    for call in (
        lambda: arguments.strength_array(strength, 2),
        lambda: arguments.strength_tensor(strength, 2, CPU, torch.float32),
        lambda: arguments.strength_tensor(torch.tensor(strength), 2, CPU, torch.float32),
    ):
        with pytest.raises(LutError, match="a number from 0 to 1"):
            call()


@pytest.mark.parametrize("strength", [[0.5], [0.5, 0.5, 0.5], [[0.5, 0.5]]])
def test_strengths_for_another_number_of_images(strength: Any) -> None:
    for call in (
        lambda: arguments.strength_array(strength, 2),
        lambda: arguments.strength_tensor(strength, 2, CPU, torch.float32),
    ):
        with pytest.raises(LutError, match="one for each image"):
            call()


@pytest.mark.parametrize(
    "table",
    [
        torch.zeros(2, 2, 2, 3, dtype=torch.uint8), torch.zeros(1, 1, 1, 3), torch.zeros(2, 2, 3, 3),
        torch.zeros(2, 3, 2, 3), torch.zeros(3, 2, 2, 3), torch.zeros(2, 2, 2, 4), torch.zeros(2, 2, 3),
        torch.zeros(1, 1, 2, 2, 2, 3), torch.zeros(1).expand(257, 257, 257, 3), np.zeros((2, 2, 2, 3)), "a", None,
    ],
    ids=range(12),
)  # fmt: skip
def test_tensors_that_are_no_tables(table: Any) -> None:
    with pytest.raises(LutError, match=r"table|LUTs are"):
        arguments.stages(table, CPU, torch.float32)


def test_tables_become_stages_on_the_images_device_in_its_precision() -> None:
    shaped = Lut(Lut.identity(4).values, np.zeros((5, 3)), Domain(upper=(2.0, 3.0, 4.0)), Domain(lower=(-1.0,) * 3))
    found = arguments.stages(shaped, CPU, torch.float64)
    assert (found.table.shape, found.shaper.shape, found.count) == ((1, 4, 4, 4, 3), (1, 5, 3), 1)
    assert found.table.dtype == found.shaper.dtype == torch.float64
    assert found.domain == [0, 0, 0, 2, 3, 4]
    assert found.shaper_domain == [-1, -1, -1, 1, 1, 1]
    curves = arguments.stages(Lut(shaper_values=np.zeros((5, 3))), CPU, torch.float32)
    assert (curves.table, curves.shaper.shape, curves.count) == (None, (1, 5, 3), 1)
    assert arguments.stages(BANK, CPU, torch.float32).table.shape == (3, 3, 3, 3, 3)
    for shape, count in (((2, 2, 2, 3), 1), ((5, 2, 2, 2, 3), 5)):
        tensor = arguments.stages(torch.zeros(shape), CPU, torch.float32)
        assert (tensor.table.shape, tensor.shaper, tensor.count) == ((count, 2, 2, 2, 3), None, count)
    with pytest.raises(LutError, match="the table is on meta and the images are on cpu"):
        arguments.stages(torch.zeros(2, 2, 2, 3, device="meta"), CPU, torch.float32)


def test_domains_that_the_kernels_cannot_resolve_are_told() -> None:
    narrow = Domain(upper=(1e-40,) * 3)
    values, curve = Lut.identity(3).values, np.zeros((3, 3))
    assert arguments.fit_kernels(Lut.identity(3))
    assert arguments.fit_kernels(BANK)
    assert not arguments.fit_kernels(Lut(values, domain=narrow))
    assert not arguments.fit_kernels(Lut(values, curve, shaper_domain=narrow))


def test_names_become_numbers_and_other_choices_stay() -> None:
    assert arguments.named(BANK, "b") == (BANK, 1)
    assert arguments.named(BANK, ["c", "a"]) == (BANK, [2, 0])
    assert arguments.named(BANK, ["c", 1]) == (BANK, [2, 1])  # type: ignore[list-item]
    for index in (None, 2, [0, 1], np.array([1])):
        assert arguments.named(BANK, index)[1] is index
    with pytest.raises(LutError, match="a name, 'a', chooses one of a LutBank's LUTs"):
        arguments.named(Lut.identity(3), ["a"])
    read, _ = arguments.named("golden-hour", None)
    assert isinstance(read, Lut)
