"""The losses of SSH (Jiang et al. 2021, section 3.2, equations 4 to 7), as functions of images and features.

The equations are squared distances. Here they are means over all elements, so that a loss does not depend on the sizes
of crop, batch and network, and the paper's weights hold for all of them.
"""

from __future__ import annotations

from torch import Tensor

from sshbench.training.recipe import Distance


def distance(a: Tensor, b: Tensor, kind: Distance = "squared", mask: Tensor | None = None) -> Tensor:
    """Return the mean squared or mean absolute difference, a scalar that is computed in float32 for any precision.

    Parameters
    ----------
    a, b
        `[N, C, H, W]`.
    mask
        `[N, 1, H, W]`, 0..1: the weight of each pixel. The result is then the mean over images of each image's own
        mean, so that a small foreground counts as much as a large one.
    """
    differences = a.float() - b.float()
    each = differences.square() if kind == "squared" else differences.abs()
    if mask is None:
        return each.mean()
    pixels = (each * mask).sum((1, 2, 3)) / (each.shape[1] * mask.sum((1, 2, 3))).clamp(min=1)
    return pixels.mean()


def harmonization(
    result: Tensor, content_beta: Tensor, kind: Distance = "squared", mask: Tensor | None = None
) -> Tensor:
    """Return L_harm (equation 4), a scalar: the distance of `result`, the content under alpha translated to beta, to
    the content under beta.

    The images are `[N, 3, H, W]`, -1..1; the mask is that of `distance`.
    """
    return distance(result, content_beta, kind, mask)


def reconstruction(
    result: Tensor, content_alpha: Tensor, kind: Distance = "squared", mask: Tensor | None = None
) -> Tensor:
    """Return L_recon (equation 5), a scalar: the distance of `result`, the content under alpha translated to its own
    appearance alpha, to the content under alpha.

    The images are `[N, 3, H, W]`, -1..1; the mask is that of `distance`.
    """
    return distance(result, content_alpha, kind, mask)


def content_disentanglement(content_alpha: Tensor, content_beta: Tensor, kind: Distance = "squared") -> Tensor:
    """Return the first term of L_dis (equation 6), a scalar: the distance of the content features `[N, c, h, w]` of one
    content under alpha and under beta.
    """
    return distance(content_alpha, content_beta, kind)


def reference_disentanglement(content_style: Tensor, reference_style: Tensor, kind: Distance = "squared") -> Tensor:
    """Return the second term of L_dis (equation 6), a scalar: the distance of the appearances `[N, c, 1, 1]` of two
    crops under alpha.
    """
    return distance(content_style, reference_style, kind)


def disentanglement(
    content_alpha: Tensor,
    content_beta: Tensor,
    content_style: Tensor,
    reference_style: Tensor,
    kind: Distance = "squared",
) -> Tensor:
    """Return L_dis (equation 6): the sum of both terms, a scalar."""
    contents = content_disentanglement(content_alpha, content_beta, kind)
    return contents + reference_disentanglement(content_style, reference_style, kind)
