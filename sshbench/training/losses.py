"""The losses of SSH (paper section 3.2, equations 2 to 7), as functions of images and features.

The weights are the paper's; it is the mean over all elements of the batch that is taken here, so that a loss does not
depend on the sizes of crop, batch and network.
"""

from __future__ import annotations

from torch import Tensor


def distance(a: Tensor, b: Tensor) -> Tensor:
    """Mean absolute difference, computed in float32 whatever the precision of the arguments."""
    return (a.float() - b.float()).abs().mean()


def harmonization(result: Tensor, content_beta: Tensor) -> Tensor:
    """L_harm: the content under alpha, translated by the reference under beta, is the content under beta.

    Both are `[N, 3, H, W]`, -1..1.
    """
    return distance(result, content_beta)


def reconstruction(result: Tensor, content_alpha: Tensor) -> Tensor:
    """L_recon: translated by the reference under its own appearance, alpha, the content stays as it is."""
    return distance(result, content_alpha)


def content_disentanglement(content_alpha: Tensor, content_beta: Tensor) -> Tensor:
    """First term of L_dis: the features of the content `[N, c, h, w]` do not depend on its appearance."""
    return distance(content_alpha, content_beta)


def reference_disentanglement(content_style: Tensor, reference_style: Tensor) -> Tensor:
    """Second term of L_dis: the appearance `[N, c, 1, 1]` of two crops under one look, alpha, is the same."""
    return distance(content_style, reference_style)


def disentanglement(
    content_alpha: Tensor, content_beta: Tensor, content_style: Tensor, reference_style: Tensor
) -> Tensor:
    """L_dis: the sum of both terms."""
    return content_disentanglement(content_alpha, content_beta) + reference_disentanglement(
        content_style, reference_style
    )
