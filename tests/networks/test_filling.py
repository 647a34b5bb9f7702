"""Colours that go on from what is seen of an image."""

from __future__ import annotations

import pytest
import torch

from sshbench.networks.filling import filled


def noise(count: int = 1, side: int = 32, channels: int = 3) -> torch.Tensor:
    return torch.rand(count, channels, side, side, generator=torch.Generator().manual_seed(0))


def box(top: int, bottom: int, left: int, right: int, side: int = 32) -> torch.Tensor:
    mask = torch.zeros(1, 1, side, side)
    mask[..., top:bottom, left:right] = 1
    return mask


def test_what_is_seen_stays() -> None:
    images, mask = noise(), box(5, 20, 9, 31)
    found = filled(images, mask)
    assert torch.equal(found * mask, images * mask)


def test_what_is_not_seen_does_not_matter() -> None:
    images, mask = noise(), box(5, 20, 9, 31)
    other = images * mask + (1 - mask) * 7.0
    assert torch.equal(filled(images, mask), filled(other, mask))


def test_one_colour_goes_on_everywhere() -> None:
    colour = torch.tensor([0.9, 0.1, -0.4]).view(1, 3, 1, 1)
    mask = box(12, 14, 3, 5)
    images = colour * mask + (1 - mask) * noise()
    torch.testing.assert_close(filled(images, mask), colour.expand(1, 3, 32, 32), atol=1e-6, rtol=0)


def test_no_colour_goes_beyond_those_that_are_seen() -> None:
    images, mask = noise(), box(5, 20, 9, 31)
    found, seen = filled(images, mask), images.permute(0, 2, 3, 1)[mask[:, 0] > 0]
    for channel in range(3):
        assert found[0, channel].min() >= seen[:, channel].min() - 1e-6
        assert found[0, channel].max() <= seen[:, channel].max() + 1e-6


def test_a_colour_goes_on_on_its_own_side() -> None:
    mask = box(12, 20, 12, 20)
    images = torch.zeros(1, 1, 32, 32)
    images[..., 16:] = 1  # black on the left, white on the right
    found = filled(images, mask)[0, 0]
    assert (found[:, :8] < 0.5).all()
    assert (found[:, 24:] > 0.5).all()


def test_next_to_the_mask_is_the_mean_of_the_smallest_square_around() -> None:
    """Two pixels of a square of two by two are seen: the others are between their mean and what is farther off."""
    images, mask = torch.zeros(1, 1, 4, 4), torch.zeros(1, 1, 4, 4)
    images[..., 0, 0], images[..., 0, 1], images[..., 3, 3] = 0.2, 0.4, 1.0
    mask[..., 0, 0] = mask[..., 0, 1] = mask[..., 3, 3] = 1
    found = filled(images, mask)[0, 0]
    # By hand. Halves: 0.3 with half of its weight, and 1 with a quarter; a quarter of the whole: (0.6 + 1) / 3.
    whole = (0.2 + 0.4 + 1.0) / 3
    corners = torch.tensor([[0.3 * 0.5 + whole * 0.5, whole], [whole, 1.0 * 0.25 + whole * 0.75]])
    expected = torch.nn.functional.interpolate(corners[None, None], scale_factor=2, mode="bilinear")[0, 0]
    expected[0, 0], expected[0, 1], expected[3, 3] = 0.2, 0.4, 1.0
    torch.testing.assert_close(found, expected)


def test_a_pixel_that_is_hardly_seen_takes_the_colours_of_those_that_are() -> None:
    images, mask = torch.zeros(1, 1, 8, 8), box(0, 8, 0, 4, side=8)
    images[..., 4:] = 1.0
    mask[..., 4] = 0.02
    found = filled(images, mask)[0, 0]
    assert torch.equal(found[:, :4], torch.zeros(8, 4))
    assert (found[:, 4] < 0.1).all()


def test_an_image_of_which_nothing_is_seen_stays_and_others_of_its_batch_do_not_touch_it() -> None:
    images = noise(3)
    masks = torch.cat([box(5, 20, 9, 31), torch.zeros(1, 1, 32, 32), box(0, 32, 0, 32)])
    found = filled(images, masks)
    assert torch.equal(found[1], images[1])
    assert torch.equal(found[2], images[2])
    assert torch.equal(found[:1], filled(images[:1], masks[:1]))


@pytest.mark.parametrize("side", [1, 2, 64])
def test_sides_are_powers_of_two(side: int) -> None:
    images = noise(2, side)
    mask = torch.zeros(2, 1, side, side)
    mask[..., 0, 0] = 1
    found = filled(images, mask)
    assert found.shape == images.shape
    torch.testing.assert_close(found, images[..., :1, :1].expand_as(images), atol=1e-6, rtol=0)
