"""SSH-LUT: a LUT for each pair, whatever the masks, from nothing outside of them."""

from __future__ import annotations

import pytest
import torch

from sshbench.networks.closed_form import decoded, encoded, of_own_channels, on_grid
from sshbench.networks.ssh_lut import SshLut
from sshbench.networks.ssh_lut_numpy import SIDE


@pytest.fixture
def network() -> SshLut:
    torch.manual_seed(0)
    return SshLut(width=4, channels=16, mixtures=8, hidden=32, size=9, mixture_size=5)


def pair(count: int = 2) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    return torch.rand(count, 3, SIDE, SIDE, generator=generator) * 0.6, torch.rand(
        count, 3, SIDE, SIDE, generator=generator
    )


def place(count: int = 2) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """A foreground in its place, its mask, and the mask of what is near, with a border in neither."""
    generator = torch.Generator().manual_seed(2)
    shown, near = torch.zeros(2, count, 1, SIDE, SIDE)
    shown[..., 20:40, 20:44] = 1
    near[..., 8:56, 8:56] = 1
    return torch.rand(count, 3, SIDE, SIDE, generator=generator), shown, near * (1 - shown)


@pytest.mark.parametrize("attention", [0, 2])
def test_shapes(attention: int) -> None:
    network = SshLut(attention=attention)
    for out in (network(*pair()), network(*pair(), None, None, *place())):
        assert out.table.shape == (2, 17, 17, 17, 3)
        assert out.gain.shape == (2, 3)
        assert out.content_style.shape == out.reference_style.shape == (2, 128)


def plain(light: float) -> torch.Tensor:
    """A picture of one grey whose linear light is given."""
    return encoded(torch.tensor(light)).expand(1, 3, SIDE, SIDE).contiguous()


def untrained(network: SshLut) -> SshLut:
    """The network without its learned maps, which begin small and at random."""
    with torch.no_grad():
        network.maps.zero_()
    return network


def test_curves_are_those_of_srgb() -> None:
    from sshbench.colour.srgb import decode, encode

    values = torch.linspace(0, 1, 1001)
    torch.testing.assert_close(decoded(values).double(), torch.from_numpy(decode(values.numpy())), atol=1e-6, rtol=0)
    torch.testing.assert_close(
        encoded(values).double(), torch.from_numpy(encode(values.double().numpy())), atol=1e-6, rtol=0
    )
    torch.testing.assert_close(encoded(decoded(values)), values, atol=1e-6, rtol=0)


def test_before_it_has_learned_it_goes_half_the_stops_to_the_background(network: SshLut) -> None:
    """To the background and to what is near alike, by the quarter each; without a place the background is near."""
    network = untrained(network)
    out = network(plain(0.1), plain(0.4))
    torch.testing.assert_close(out.gain, torch.full((1, 3), 1.0), atol=1e-3, rtol=0)
    expected = on_grid(of_own_channels(encoded(2 * decoded(network.points))[:, None].expand(-1, 3)))
    torch.testing.assert_close(out.table[0], expected, atol=1e-3, rtol=0)
    _, shown, near = place(1)
    placed = plain(0.05) * near + plain(0.9) * (1 - near)
    out = network(plain(0.1), plain(0.4), None, None, placed, shown, near)
    torch.testing.assert_close(out.gain, torch.full((1, 3), 0.25 * 2 + 0.25 * -1), atol=1e-3, rtol=0)


def test_gains_of_channels_are_their_own(network: SshLut) -> None:
    levels = torch.tensor([0.1, 0.2, 0.4])
    reference = encoded(levels).view(1, 3, 1, 1).expand(1, 3, SIDE, SIDE).contiguous()
    out = untrained(network)(plain(0.2), reference)
    torch.testing.assert_close(out.gain, torch.tensor([[-0.5, 0.0, 0.5]]), atol=1e-3, rtol=0)
    white = out.table[0, -1, -1, -1].tolist()
    assert white[0] < 0.9
    assert white[1] == pytest.approx(1, abs=1e-3)
    assert white[2] > 1.1


def test_no_gain_exceeds_four_stops(network: SshLut) -> None:
    with torch.no_grad():
        network.gains.bias[:4] = 5.0
    for one, other, sign in ((0.01, 0.9, 1.0), (0.9, 0.01, -1.0)):
        assert network(plain(one), plain(other)).gain.tolist() == [[4.0 * sign] * 3]


def test_without_a_place_what_is_given_as_one_does_not_matter(network: SshLut) -> None:
    content, reference = pair()
    placed, shown, near = place()
    none = network(content, reference).table
    for given in ((placed, shown, near * 0), (placed, shown * 0, near * 0), (1 - placed, shown, near * 0)):
        assert torch.equal(network(content, reference, None, None, *given).table, none)


def test_in_a_batch_one_may_have_a_place_and_another_none(network: SshLut) -> None:
    content, reference = pair()
    placed, shown, near = place()
    near[1] = 0
    together = network(content, reference, None, None, placed, shown, near).table
    alone = network(content[1:], reference[1:]).table
    torch.testing.assert_close(together[1:], alone, atol=1e-5, rtol=0)
    placed_alone = network(content[:1], reference[:1], None, None, placed[:1], shown[:1], near[:1]).table
    torch.testing.assert_close(together[:1], placed_alone, atol=1e-5, rtol=0)


def test_in_a_place_only_what_is_seen_counts(network: SshLut) -> None:
    content, reference = pair()
    placed, shown, near = place()
    table = network(content, reference, None, None, placed, shown, near).table
    hidden = (shown + near == 0).float()
    assert hidden.any()
    other = network(content, reference, None, None, placed * (1 - hidden) + 0.7 * hidden, shown, near).table
    assert torch.equal(table, other)
    for seen, least in ((near, 1e-2), (shown, 1e-5)):  # the foreground there has no closed form, and nothing is learned
        changed = network(content, reference, None, None, placed * (1 - 0.6 * seen), shown, near).table
        assert (table - changed).abs().max() > least


def test_the_table_is_in_the_order_of_cube_files(network: SshLut) -> None:
    grid = on_grid(of_own_channels(network.points[:, None].expand(-1, 3)))
    assert grid[0, 0, -1].tolist() == [1, 0, 0]
    assert grid[-1, 0, 0].tolist() == [0, 0, 1]


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
    network(*pair(), None, None, *place()).table.square().mean().backward()
    still = [n for n, p in network.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
    assert still == []


def test_gradients_are_those_of_differences() -> None:
    torch.manual_seed(0)
    network = SshLut(width=4, channels=16, mixtures=4, hidden=8, size=3, mixture_size=2, attention=1)
    content, reference = pair(1)
    names = ["mixed.weight", "closed.bias", "gains.bias", "gains.weight", "encoder.0.convolution.bias"]
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
