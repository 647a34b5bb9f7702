"""PCT-Net's contrastive term, after Hang et al., CVPR 2022, which pulls the foreground's style to the real style.

In two points the term follows the papers and not PCT-Net's code: gradients also flow from the distances to negatives,
and negatives are normalised like all other images. The negatives, from which the style should be far, are the composite
and recoloured copies of the real foreground. A copy gets the mean and deviation of another real image of the batch in
each channel of CIELAB (Reinhard et al. 2001).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from sshbench.metrics.perceptual import LpipsError, backbone_file
from sshbench.networks.imagenet import normalised
from sshbench.training.recipe import RecipeError

LAYERS = 23  # layers of VGG-16, up to the ReLU after the third convolution of its fourth block
NEGATIVES = 5  # the composite, and up to four recoloured copies

_TO_XYZ = ((0.412453, 0.357580, 0.180423), (0.212671, 0.715160, 0.072169), (0.019334, 0.119193, 0.950227))
_WHITE = (0.950456, 1.0, 1.088754)


class StyleContrast:
    """The contrastive term. VGG-16 is loaded at the first use and is not trained.

    Parameters
    ----------
    features
        A function in place of VGG-16, from images `[B, 3, c, c]`, normalised as for ImageNet, to features.
    """

    def __init__(self, features: nn.Module | None = None) -> None:
        self.features = _vgg16() if features is None else features

    def __call__(self, made: Tensor, real: Tensor, composite: Tensor, mask: Tensor) -> Tensor:
        """Return the sum of the self-style and the consistent-style contrast, a scalar and a mean over the batch.

        All images are `[B, 3, c, c]` over 0..1, and the mask is `[B, 1, c, c]` over 0..1.
        """
        self.features = self.features.to(made.device)
        negatives = [composite, *(real * (1 - mask) + one * mask for one in recoloured(real, NEGATIVES - 1))]
        style = self._style(made * mask)
        positive, around = self._style(real * mask), self._style(real * (1 - mask))
        others = [self._style(one * mask) for one in negatives]
        own = _contrast(style, positive, others)
        consistent = _contrast(gram(style, around), gram(positive, around), [gram(one, around) for one in others])
        return own + consistent

    def _style(self, image: Tensor) -> Tensor:
        found: Tensor = self.features(normalised(image))
        return found


def _contrast(one: Tensor, positive: Tensor, negatives: list[Tensor]) -> Tensor:
    near = (one - positive).abs().mean()
    far = torch.stack([(one - negative).abs().mean() for negative in negatives]).sum()
    return near / (near + far + 1e-8)


def gram(one: Tensor, other: Tensor) -> Tensor:
    """Return the products of the channels of two features `[B, C, h, w]` as means over places, `[B, C, C]`."""
    return one.flatten(2) @ other.flatten(2).transpose(1, 2) / one[0, 0].numel()


@torch.no_grad()
def recoloured(images: Tensor, most: int) -> list[Tensor]:
    """Return images `[B, 3, c, c]` over 0..1 with the mean and deviation, in CIELAB, of the next images of the batch.

    Returns
    -------
    list of tensor
        At most `most` batches, and at most B - 1.
    """
    lab = to_lab(images)
    mean, deviation = lab.mean((2, 3), keepdim=True), lab.std((2, 3), keepdim=True) + 1e-6
    plain = (lab - mean) / deviation
    return [
        from_lab(plain * deviation.roll(-k, 0) + mean.roll(-k, 0)) for k in range(1, min(most, len(images) - 1) + 1)
    ]


def to_lab(image: Tensor) -> Tensor:
    """Return the CIELAB values under D65, `[B, 3, h, w]`, of sRGB-encoded images `[B, 3, h, w]` over 0..1."""
    linear = torch.where(image <= 0.04045, image / 12.92, ((image.clamp_min(0) + 0.055) / 1.055) ** 2.4)
    xyz = torch.einsum("ij,bjhw->bihw", image.new_tensor(_TO_XYZ), linear) / image.new_tensor(_WHITE)[:, None, None]
    x, y, z = torch.where(xyz > 0.008856, xyz.clamp_min(1e-6) ** (1 / 3), 7.787 * xyz + 4 / 29).unbind(1)
    return torch.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], 1)


def from_lab(lab: Tensor) -> Tensor:
    """Return sRGB-encoded images `[B, 3, h, w]`, clamped to 0..1, of CIELAB values `[B, 3, h, w]`."""
    lightness, a, b = lab.unbind(1)
    y = (lightness + 16) / 116
    f = torch.stack([y + a / 500, y, y - b / 200], 1)
    xyz = torch.where(f > 0.206893, f**3, (f - 4 / 29) / 7.787) * lab.new_tensor(_WHITE)[:, None, None]
    back = torch.linalg.inv(torch.tensor(_TO_XYZ, dtype=torch.float64)).to(lab)
    linear = torch.einsum("ij,bjhw->bihw", back, xyz).clamp(0, 1)
    curved = torch.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear.clamp_min(1e-6) ** (1 / 2.4) - 0.055)
    return curved.clamp(0, 1)


def _vgg16() -> nn.Module:
    from torchvision.models import vgg16

    try:
        weights = backbone_file("vgg")
    except LpipsError as error:
        raise RecipeError(f"loss.contrast needs VGG-16 ({error}); set loss.contrast=0 to train without it") from error
    network: nn.Sequential = vgg16(weights=None).features[:LAYERS]
    prefix = "features."
    try:
        state = torch.load(weights, map_location="cpu", weights_only=True)
        own = {f"{prefix}{name}" for name in network.state_dict()}
        network.load_state_dict({name.removeprefix(prefix): value for name, value in state.items() if name in own})
    except (OSError, RuntimeError, ValueError, AttributeError) as error:
        raise RecipeError(f"{weights} does not hold torchvision's weights of VGG-16; set loss.contrast=0") from error
    return network.eval().requires_grad_(False)
