"""SSH-LUT as a method: one LUT for the foreground, found from small views and applied at the picture's own size."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sshbench.benchmarks.composite import FOREGROUND, Composite, box_around, paste, surroundings
from sshbench.lut.apply import apply_lut
from sshbench.lut.fit_smooth import limited
from sshbench.lut.strength import Amount
from sshbench.lut.table import Lut, identity_table, rising
from sshbench.methods.full_resolution import ColourMap, MapKind, View
from sshbench.methods.weights import load_network
from sshbench.metrics.resize import resized

if TYPE_CHECKING:
    from torch import Tensor

Pixels = NDArray[np.uint8]
Mask = NDArray[np.float32]

_FAINT = 6 / 255  # of a pixel of the small background that is foreground; with more of it it is not looked at


class SshLutMethod:
    """Give the foreground the appearance of the background by a LUT.

    The network sees the rectangle around the mask, and the background around that (`surroundings`), both at 64 x 64;
    where no background is known beneath the foreground, it looks at what is outside of the mask.

    Parameters
    ----------
    weights, device
        As for `load_weights`, and where the network runs.
    strength, lightness, colour
        As for `Amount.of`: how far the LUT is followed.

    Raises
    ------
    MissingWeights, WeightsError
        There are no weights, or they are not SSH-LUT's.
    """

    name = "ssh-lut"
    needs_background = True
    needs_mask = True
    sees_target = False
    input_size: int | None = None

    def __init__(
        self,
        *,
        weights: str | None = None,
        device: str | None = None,
        strength: float = 1.0,
        lightness: float = 1.0,
        colour: float = 1.0,
    ) -> None:
        from sshbench.networks.ssh_lut import SshLut

        self.network, found = load_network("ssh-lut", weights, SshLut)
        self.network.eval().requires_grad_(False).to(device or "cpu")
        self.card = found.card
        self.weights_hash: str | None = found.hash
        self.trained_by: str | None = found.card.trained_by
        self.amount = Amount.of(strength, lightness, colour)

    def harmonize(self, batch: Sequence[Composite]) -> list[Pixels]:
        """Return the composites with a changed foreground, uint8 `[H, W, 3]` each."""
        views = [view_of(composite) for composite in batch]
        maps = iter(self.colour_maps([view for view in views if view is not None]))
        return [
            composite.composite
            if view is None
            else paste(next(maps)(composite.foreground), composite.background, composite.mask)
            for composite, view in zip(batch, views, strict=True)
        ]

    def colour_maps(self, views: Sequence[View], kind: MapKind = "lut") -> list[ColourMap]:
        """The LUTs of the foregrounds, which the network gives as they are, whatever kind is asked for."""
        import torch

        if not views:
            return []
        device = next(self.network.parameters()).device
        content, reference = (
            _tensor([getattr(view, name) for view in views]).to(device) for name in ("foreground", "reference")
        )
        masks = [_masks([getattr(view, name) for view in views]).to(device) for name in ("mask", "reference_mask")]
        masks[1] = (masks[1] >= 1 - _FAINT).float()
        with torch.inference_mode():
            tables = self.network(content, reference, *masks).table.cpu().numpy()
        inside = masks[0][:, 0].cpu().numpy() >= FOREGROUND
        pixels = content.permute(0, 2, 3, 1).cpu().numpy()
        return [
            ColourMap("ssh-lut", Lut(values=_safe(table, image[seen]), title="ssh-lut")).followed(self.amount)
            for table, image, seen in zip(tables, pixels, inside, strict=True)
        ]


def _safe(table: NDArray[np.float32], colours: NDArray[np.float32]) -> NDArray[np.float32]:
    """The table `[B, G, R, 3]`, over 0..1, without harm to colours that the foreground does not have.

    No channel falls where it should rise itself, and no colour moves more than 0.05 further than `colours` `[N, 3]`.
    """
    if len(colours):
        grid = identity_table(len(table))
        moved = apply_lut(colours[None], Lut(values=table), layout="HWC")[0].astype(np.float64) - colours
        table = np.asarray(grid + limited(np.asarray(table - grid, np.float64), moved), np.float32)
    return rising(np.clip(table, 0, 1))


def view_of(composite: Composite) -> View | None:
    """The rectangle around the mask, and the background around it; None where there is no foreground."""
    inside = composite.mask >= FOREGROUND
    if not inside.any():
        return None
    box = box_around(inside)
    around = surroundings(box, composite.mask.shape)
    outside = None if composite.has_background else (1 - composite.mask)[around]
    return View(composite.foreground[box], composite.background[around], composite.mask[box], outside)


def _small(image: NDArray[Any]) -> NDArray[Any]:
    from sshbench.networks.ssh_lut import SIDE

    return resized(image, "pil-bilinear", (SIDE, SIDE))


def _tensor(images: Sequence[Pixels]) -> Tensor:
    """uint8 `[H, W, 3]` each to `[N, 3, 64, 64]` over 0..1."""
    import torch

    return torch.from_numpy(np.stack([_small(image) for image in images])).permute(0, 3, 1, 2).float() / 255


def _masks(masks: Sequence[Mask | None]) -> Tensor:
    """`[H, W]` each, or None where all counts, to `[N, 1, 64, 64]`."""
    import torch

    from sshbench.networks.ssh_lut import SIDE

    one = np.ones((SIDE, SIDE), np.float32)
    return torch.from_numpy(np.stack([one if mask is None else _small(mask) for mask in masks]))[:, None]
