"""SSH-LUT: a LUT for each pair, whatever the masks, from nothing outside of them."""

from __future__ import annotations

import pytest
import torch

from sshbench.networks.ssh_lut import SIDE, SshLut


@pytest.fixture
def network() -> SshLut:
    torch.manual_seed(0)
    return SshLut(width=4, channels=16, mixtures=8, hidden=32, size=9, mixture_size=5)


def pair(count: int = 2) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    return torch.rand(count, 3, SIDE, SIDE, generator=generator) * 0.6, torch.rand(
        count, 3, SIDE, SIDE, generator=generator
    )


@pytest.mark.parametrize("attention", [0, 2])
def test_shapes(attention: int) -> None:
    out = SshLut(attention=attention)(*pair())
    assert out.table.shape == (2, 17, 17, 17, 3)
    assert out.content_style.shape == out.reference_style.shape == (2, 128)


def test_the_table_is_in_the_order_of_cube_files(network: SshLut) -> None:
    assert network.grid[0, 0, -1].tolist() == [1, 0, 0]
    assert network.grid[-1, 0, 0].tolist() == [0, 0, 1]


def test_no_mask_is_a_mask_that_shows_all(network: SshLut) -> None:
    content, reference = pair()
    ones = torch.ones(2, 1, SIDE, SIDE)
    assert torch.equal(network(content, reference).table, network(content, reference, ones, ones).table)


def test_images_of_a_batch_do_not_touch_each_other(network: SshLut) -> None:
    content, reference = pair(3)
    together = network(content, reference).table
    torch.testing.assert_close(network(content[1:2], reference[1:2]).table[0], together[1], atol=1e-5, rtol=0)


def test_what_lies_outside_of_the_masks_changes_next_to_nothing(network: SshLut) -> None:
    content, reference = pair()
    mask = torch.zeros(2, 1, SIDE, SIDE)
    mask[:, :, 10:50, 20:60] = 1
    table = network(content, reference, mask, 1 - mask).table
    other = network(content + (1 - mask) * 0.3, reference * (1 - 0.5 * mask), mask, 1 - mask).table
    assert (table - other).abs().max() < 1e-3
    shifted = network(content + mask * 0.3, reference, mask, 1 - mask).table
    assert (table - shifted).abs().max() > 0.05


@pytest.mark.parametrize("shown", [0, 1])
def test_a_mask_with_one_pixel_or_none_gives_a_finite_table(network: SshLut, shown: int) -> None:
    content, reference = pair()
    mask = torch.zeros(2, 1, SIDE, SIDE)
    mask[:, :, 30, 30] = shown
    assert network(content, reference, mask, mask).table.isfinite().all()


def test_images_without_variation_give_a_finite_table_and_gradients(network: SshLut) -> None:
    plain = torch.full((1, 3, SIDE, SIDE), 0.5)
    table = network(plain, plain * 0).table
    table.square().mean().backward()
    assert table.isfinite().all()
    assert all(p.grad.isfinite().all() for p in network.parameters() if p.grad is not None)


def test_every_parameter_learns(network: SshLut) -> None:
    network(*pair()).table.square().mean().backward()
    still = [n for n, p in network.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
    assert still == []


def test_gradients_are_those_of_differences() -> None:
    torch.manual_seed(0)
    network = SshLut(width=4, channels=16, mixtures=4, hidden=8, size=3, mixture_size=2, attention=1)
    content, reference = pair(1)
    names = ["mixed.weight", "closed.bias", "encoder.0.convolution.bias"]
    parameters = dict(network.named_parameters())
    network(content, reference).table.square().sum().backward()
    for name in names:
        value = parameters[name]
        flat, step = value.data.flatten(), 1e-2
        ends = []
        for sign in (1, -1):
            flat[0] += sign * step
            with torch.no_grad():
                value.copy_(flat.view_as(value))
                ends.append(network(content, reference).table.square().sum().item())
            flat[0] -= sign * step
        with torch.no_grad():
            value.copy_(flat.view_as(value))
        assert value.grad is not None
        assert value.grad.flatten()[0].item() == pytest.approx((ends[0] - ends[1]) / (2 * step), rel=0.02, abs=0.01)
