"""The terms of the loss have the values that follow by hand."""

import pytest
import torch

from sshbench.training import losses


def images(*values: float) -> torch.Tensor:
    """One image of 1 x n pixels, grey."""
    return torch.tensor(values).view(1, 1, 1, -1).expand(1, 3, 1, len(values))


@pytest.mark.parametrize("loss", [losses.harmonization, losses.reconstruction])
def test_images_are_compared_by_their_mean_squared_difference_as_the_paper_prints(loss):
    assert loss(images(0.5, -1.0), images(0.25, 1.0)).item() == pytest.approx((0.25**2 + 2.0**2) / 2)
    assert loss(images(0.5, -1.0), images(0.25, 1.0), "absolute").item() == pytest.approx((0.25 + 2.0) / 2)


def test_under_masks_each_image_counts_alike_whatever_its_mask_covers():
    one = torch.cat([images(0.0, 0.0, 0.0, 0.0), images(0.0, 0.0, 0.0, 0.0)])
    other = torch.cat([images(2.0, 9.0, 9.0, 9.0), images(1.0, 1.0, 1.0, 1.0)])
    mask = torch.tensor([[1.0, 0.0, 0.0, 0.0], [1.0, 1.0, 1.0, 1.0]]).view(2, 1, 1, 4)
    assert losses.harmonization(one, other, "squared", mask).item() == pytest.approx((2.0**2 + 1.0) / 2)


def test_a_loss_does_not_depend_on_the_number_of_equal_samples():
    one, other = images(0.1, 0.2), images(0.3, -0.4)
    many = losses.harmonization(one.repeat(5, 1, 1, 1), other.repeat(5, 1, 1, 1))
    assert many.item() == pytest.approx(losses.harmonization(one, other).item())


def test_disentanglement_is_the_sum_of_the_difference_of_contents_and_of_appearances():
    contents = torch.tensor([1.0, 2.0, 3.0, 4.0]).view(1, 1, 2, 2), torch.tensor([1.0, 0.0, 3.0, 8.0]).view(1, 1, 2, 2)
    styles = torch.tensor([0.5, 0.0]).view(1, 2, 1, 1), torch.tensor([0.0, 0.25]).view(1, 2, 1, 1)
    assert losses.content_disentanglement(*contents).item() == pytest.approx((4 + 16) / 4)
    assert losses.reference_disentanglement(*styles).item() == pytest.approx((0.25 + 0.0625) / 2)
    assert losses.disentanglement(*contents, *styles).item() == pytest.approx(5 + 0.15625)
    assert losses.disentanglement(*contents, *styles, "absolute").item() == pytest.approx(1.5 + 0.375)


def test_low_precision_is_compared_in_float32():
    small = losses.distance(torch.full((4,), 1.0, dtype=torch.bfloat16), torch.full((4,), 0.998046875))
    assert small.dtype == torch.float32
    assert small.item() == pytest.approx(0.001953125**2)
