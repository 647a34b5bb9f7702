"""Harmonizer's six filters (Ke et al. 2022, section 3.2). Each has one argument, -1..1; 0 changes nothing.

Each filter takes and returns images `[B, 3, H, W]` (R, G, B, 0..1) and takes one argument for each image, `[B]`.
`temperature` and `contrast` depend on the means of the whole image; once these are fixed, every filter maps colours.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

_TINY = 1e-6


def temperature(image: Tensor, x: Tensor, means: Tensor | None = None) -> Tensor:
    """Shift the balance of the channels, to blue below 0 and to yellow above.

    Parameters
    ----------
    means
        `[B, 3]`: the channels' means; by default those of the image.
    """
    means = image.mean((2, 3)) if means is None else means
    return (image * temperature_factors(means, x)[:, :, None, None]).clamp(0, 1)


def temperature_factors(means: Tensor, x: Tensor) -> Tensor:
    """Return the factors of the channels, `[B, 3]`, for their means `[B, 3]`."""
    shift = torch.stack([(-x).clamp_min(0), 0.5 * x.abs(), x.clamp_min(0)], 1)
    shifted = means + shift
    grey, shifted_grey = means.mean(1, keepdim=True), shifted.mean(1, keepdim=True)
    return shifted_grey / (shifted + _TINY) + 1 - grey / (means + _TINY)


def brightness(image: Tensor, x: Tensor) -> Tensor:
    """Multiply the value of HSV, which multiplies all channels by the same factor."""
    return (image * brightness_factor(x)[:, None, None, None]).clamp(0, 1)


def brightness_factor(x: Tensor) -> Tensor:
    """Return the factor of all channels, `[B]`, which is up to a million."""
    return torch.where(x >= 0, 1 / (1 - x + _TINY), 1 + x)


def contrast(image: Tensor, x: Tensor, mean: Tensor | None = None) -> Tensor:
    """Move all values away from their mean, or towards it.

    Parameters
    ----------
    mean
        `[B]`: the mean over pixels and channels; by default that of the image.
    """
    mean = image.mean((1, 2, 3)) if mean is None else mean
    middle = mean[:, None, None, None]
    return (image + (image - middle) * contrast_factor(x)[:, None, None, None]).clamp(0, 1)


def contrast_factor(x: Tensor) -> Tensor:
    """Return the factor of the distances to the mean, `[B]`.

    Arguments above 0 are truncated to 255 steps. This has no gradient, so the gradient of the argument is used.
    """
    steps = 255 * x
    steps = steps + (steps.floor() - steps).detach()
    return torch.where(x > 0, 255 / (256 - steps.clamp_max(255)) - 1, x)


def saturation(image: Tensor, x: Tensor) -> Tensor:
    """Move colours away from the grey of the same HSL lightness, less saturated colours further."""
    low, high = image.amin(1), image.amax(1)
    lightness, span = (low + high) / 2, high - low
    saturated = span / torch.where(lightness < 0.5, low + high + _TINY, 2 - high - low + _TINY)
    x = x[:, None, None]
    least = torch.where(x + saturated > 1, saturated, 1 - x)
    more = torch.where(x >= 0, 1 / (least + _TINY) - 1, x)
    grey = lightness[:, None]
    return (image + (image - grey) * more[:, None]).clamp(0, 1)


def highlight(image: Tensor, x: Tensor) -> Tensor:
    """Raise the inverted values to a power, which changes light values most."""
    return 1 - (1 - image + 1e-9).pow(1 + x[:, None, None, None]).clamp(0, 1)


def shadow(image: Tensor, x: Tensor) -> Tensor:
    """Raise values to a power, which changes dark values most."""
    return (image + 1e-9).pow(1 - x[:, None, None, None]).clamp(0, 1)


FILTERS: Mapping[str, Callable[[Tensor, Tensor], Tensor]] = {
    "temperature": temperature,
    "brightness": brightness,
    "contrast": contrast,
    "saturation": saturation,
    "highlight": highlight,
    "shadow": shadow,
}
"""In the order in which they are applied."""

RANGES = (0.3, 0.5, 0.5, 0.6, 0.4, 0.4)
"""The largest absolute arguments of the disturbances that make composites in the published training."""


def restored(image: Tensor, mask: Tensor, arguments: Tensor) -> list[Tensor]:
    """Apply the filters one after the other to the whole image, and blend each result into the composite.

    Parameters
    ----------
    image, mask
        `[B, 3, H, W]` over 0..1, and `[B, 1, H, W]`.
    arguments
        `[B, 6]`; they are clamped to -1..1.

    Returns
    -------
    The composite after each filter; the last one is the result. The input of a filter is not blended, so that the means
    that filters depend on include the background.
    """
    found, filtered = [], image
    for x, apply in zip(arguments.clamp(-1, 1).unbind(1), FILTERS.values(), strict=True):
        filtered = apply(filtered, x)
        found.append(filtered * mask + image * (1 - mask))
    return found


def disturbed(image: Tensor, mask: Tensor, arguments: Tensor) -> list[Tensor]:
    """Make composites of real images: apply the filters in the reverse order, the last one first.

    Parameters
    ----------
    image, mask, arguments
        As for `restored`; the published training draws the arguments within `RANGES`.

    Returns
    -------
    For each of `FILTERS` the image after that filter; the first element is the composite. Filter i should therefore
    restore element i + 1, and the last filter the real image.
    """
    found, filtered = [], image
    for x, apply in zip(reversed(arguments.clamp(-1, 1).unbind(1)), reversed([*FILTERS.values()]), strict=True):
        filtered = apply(filtered, x)
        found.append(filtered * mask + image * (1 - mask))
    return found[::-1]
