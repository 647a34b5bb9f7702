"""The layers for arrays give what torch gives, on every kernel and without any."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional

from sshbench.networks import layers

Array = layers.Array
needs_kernels = pytest.mark.skipif(not layers.available(), reason="the native kernels were not built")
KERNELS = [*range(layers._layers.kernels() if layers.available() else 0), None]


@pytest.fixture(params=KERNELS, ids=lambda kernel: "numpy" if kernel is None else f"kernel {kernel}")
def kernel(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each kernel that this processor can run, and numpy."""
    if request.param is None:
        monkeypatch.setattr(layers, "_layers", None)
    else:
        monkeypatch.setattr(layers, "_kernel", request.param)


def drawn(*shape: int, seed: int = 0) -> Array:
    return np.random.default_rng(seed).standard_normal(shape, np.float32)


def channels_first(x: Array) -> Tensor:
    return torch.from_numpy(np.moveaxis(x, -1, 1).copy())


def channels_last(x: Tensor) -> Array:
    return np.moveaxis(x.numpy(), 1, -1)


def padded(x: Tensor, side: int, stride: int) -> Tensor:
    """Images `[B, C, H, W]` padded as by TensorFlow's SAME."""
    around = []
    for extent in (x.shape[3], x.shape[2]):
        both = max((-(-extent // stride) - 1) * stride + side - extent, 0)
        around += [both // 2, both - both // 2]
    return functional.pad(x, around)


def convolved(x: Array, kernel: Array, bias: Array, stride: int) -> Array:
    """The depthwise convolution of torch in double precision, with ReLU6."""
    given = padded(channels_first(x).double(), len(kernel), stride)
    weight = torch.from_numpy(kernel.transpose(2, 0, 1)[:, None].copy()).double()
    found = functional.conv2d(given, weight, torch.from_numpy(bias).double(), stride, groups=len(bias))
    return channels_last(functional.relu6(found))


@pytest.mark.usefixtures("kernel")
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("side", [2, 3, 5])
@pytest.mark.parametrize("shape", [(2, 7, 9, 37), (3, 1, 1, 3), (1, 2, 5, 32), (2, 12, 6, 48)])
def test_a_depthwise_convolution_is_that_of_torch(shape: tuple[int, ...], side: int, stride: int) -> None:
    x, weights, bias = drawn(*shape), drawn(side, side, shape[3], seed=1), drawn(shape[3], seed=2)
    found = layers.depthwise(x, weights, bias, stride)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, convolved(x, weights, bias, stride), atol=1e-5)


@needs_kernels
@settings(max_examples=60, deadline=None)
@given(
    *(st.integers(1, 3), st.integers(1, 20), st.integers(1, 20), st.integers(1, 70)),
    *(st.integers(1, 9), st.integers(1, 12)),
)
def test_native_and_numpy_convolve_alike_at_any_size(
    count: int, height: int, width: int, channels: int, side: int, stride: int
) -> None:
    x, weights, bias = drawn(count, height, width, channels), drawn(side, side, channels), drawn(channels)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(layers, "_layers", None)
        expected = layers.depthwise(x, weights, bias, stride)
    np.testing.assert_allclose(layers.depthwise(x, weights, bias, stride), expected, atol=1e-4)


@pytest.mark.usefixtures("kernel")
def test_views_of_arrays_are_read_as_what_they_show() -> None:
    x, weights, bias = drawn(2, 18, 5, 24), drawn(24, 3, 3), drawn(24)
    view, turned, backwards = x[:, ::2, :, ::-1], weights.transpose(1, 2, 0), bias[::-1]
    expected = layers.depthwise(view.copy(), turned.copy(), backwards.copy(), 1)
    assert np.array_equal(layers.depthwise(view, turned, backwards, 1), expected)


@pytest.mark.parametrize(("height", "width"), [(8, 8), (7, 5), (1, 2)])
@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("before", [None, 0, 1, 2])
def test_a_product_with_patches_is_a_convolution(height: int, width: int, stride: int, before: int | None) -> None:
    x, weights = drawn(2, height, width, 3), drawn(4, 3, 3, 3, seed=1)
    found = layers.patches(x, 3, stride, before) @ weights.transpose(2, 3, 1, 0).reshape(27, 4)
    given = channels_first(x)
    given = padded(given, 3, stride) if before is None else functional.pad(given, (before, 9, before, 9))
    expected = functional.conv2d(given, torch.from_numpy(weights), stride=stride)
    expected = expected[..., : -(-height // stride), : -(-width // stride)]
    np.testing.assert_allclose(found, channels_last(expected), atol=1e-5)


@pytest.mark.usefixtures("kernel")
@pytest.mark.parametrize("channels", [1, 3, 8, 21, 64])
def test_a_bias_is_added_before_relu6(channels: int) -> None:
    x, bias = 5 * drawn(2, 3, 4, channels), drawn(channels)
    expected = (x + bias).clip(0, 6)
    assert layers.add_and_end(x, bias) is x
    np.testing.assert_allclose(x, expected, atol=1e-6)


@pytest.mark.usefixtures("kernel")
def test_gelu_is_that_of_torch() -> None:
    x = np.concatenate([np.linspace(-12, 12, 40001), [-100, 100, 0, -0.0, 1e-30]]).astype(np.float32).reshape(2, -1)
    expected = functional.gelu(torch.from_numpy(x).double()).numpy()
    assert layers.gelu(x) is x
    np.testing.assert_allclose(x, expected, atol=2e-6)


@pytest.mark.usefixtures("kernel")
@pytest.mark.parametrize(("pixels", "channels", "groups"), [(64, 48, 3), (1, 4, 1), (9, 21, 7), (1024, 16, 1)])
def test_a_group_norm_is_that_of_torch(pixels: int, channels: int, groups: int) -> None:
    x, weight, bias = 3 + drawn(3, pixels, channels), drawn(channels, seed=1), drawn(channels, seed=2)
    given = channels_first(x).double()
    norm = functional.group_norm(given, groups, torch.from_numpy(weight).double(), torch.from_numpy(bias).double())
    expected = channels_last(functional.gelu(norm))
    assert layers.norm_and_gelu(x, groups, weight, bias) is x
    np.testing.assert_allclose(x, expected, atol=1e-5)


@pytest.mark.usefixtures("kernel")
def test_what_is_no_number_stays_so() -> None:
    nan = np.full((1, 1, 1, 9), np.nan, np.float32)
    assert np.isnan(layers.depthwise(nan, drawn(1, 1, 9), drawn(9), 1)).all()
    assert np.isnan(layers.add_and_end(nan.copy(), drawn(9))).all()
    assert np.isnan(layers.gelu(nan.copy())).all()


@pytest.mark.usefixtures("kernel")
@pytest.mark.parametrize(
    ("x", "kernel_shape", "bias", "stride"),
    [
        ((3, 4, 5), (3, 3, 5), 5, 1),
        ((1, 3, 4, 5), (3, 3, 6), 5, 1),
        ((1, 3, 4, 5), (3, 3, 5), 6, 1),
        ((1, 3, 4, 5), (3, 1, 5), 5, 1),
        ((1, 3, 4, 5), (0, 0, 5), 5, 1),
        ((1, 0, 4, 5), (3, 3, 5), 5, 1),
        ((1, 3, 4, 0), (3, 3, 0), 0, 1),
        ((1, 3, 4, 5), (3, 3, 5), 5, 0),
        ((1, 3, 4, 5), (3, 3, 5), 5, -1),
    ],
)
def test_shapes_that_do_not_fit_are_refused(
    x: tuple[int, ...], kernel_shape: tuple[int, ...], bias: int, stride: int
) -> None:
    with pytest.raises(ValueError, match=r"\[|at least 1"):
        layers.depthwise(drawn(*x), drawn(*kernel_shape), drawn(bias), stride)


@pytest.mark.usefixtures("kernel")
def test_arrays_that_cannot_be_changed_in_place_are_refused() -> None:
    for x in (drawn(4, 6)[:, ::2], drawn(4, 3).astype(np.float64)):
        with pytest.raises(ValueError, match="contiguous float32"):
            layers.gelu(x)  # type: ignore[arg-type]
        with pytest.raises(ValueError, match="contiguous float32"):
            layers.add_and_end(x, drawn(3))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="do not fit"):
        layers.add_and_end(drawn(4, 3), drawn(4))
    with pytest.raises(ValueError, match="do not fit"):
        layers.norm_and_gelu(drawn(1, 4, 3), 1, drawn(3), drawn(1))
    with pytest.raises(ValueError, match="groups"):
        layers.norm_and_gelu(drawn(1, 4, 3), 2, drawn(3), drawn(3))


@needs_kernels
def test_the_native_module_checks_what_it_is_given() -> None:
    """It can be called without the checks of `layers.py`."""
    native, x, weights, bias = layers._layers, drawn(1, 3, 4, 5), drawn(3, 3, 5), drawn(5)
    assert native.depthwise(x, weights, bias, 1).shape == (1, 3, 4, 5)
    assert native.depthwise(x, weights, bias, 2**63 - 1).shape == (1, 1, 1, 5)
    for wrong in (
        (x, weights, bias, 0), (x, weights, bias, -1), (x, weights, bias, 1, 99),
        (x[:, :0], weights, bias, 1), (x, weights[:, :2].copy(), bias, 1), (x, drawn(3, 3, 4), bias, 1),
        (x, weights, drawn(4), 1), (x, weights[:0, :0], bias, 1),
        (drawn(1, 3, 4, 0), drawn(3, 3, 0), drawn(0), 1),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=r"."):
            native.depthwise(*wrong)
    for wrong in (
        (x[0], weights, bias, 1),
        (x[:, ::2], weights, bias, 1),
        (x.astype(np.float64), weights, bias, 1),
        (x, weights, bias, 2**63),
    ):
        with pytest.raises(TypeError):
            native.depthwise(*wrong)
    fixed = drawn(2, 3)
    fixed.flags.writeable = False
    for call in (lambda: native.add_and_end(fixed, drawn(3)), lambda: native.gelu(fixed[0])):
        with pytest.raises(TypeError):
            call()
    for groups, channels in ((0, 3), (2, 3), (4, 3), (1, 2), (2**63, 3)):
        with pytest.raises(ValueError, match=r"group|channels"):
            native.norm_and_gelu(drawn(1, 2, 3), groups, drawn(channels), drawn(channels))
    with pytest.raises(ValueError, match="channels"):
        native.add_and_end(drawn(2, 3), drawn(4))
