"""WCT2 as a method: it stylizes the foreground by the background, and the result is pasted by the mask.

WCT2 transfers a style between two photographs. It takes label maps instead of masks. The pixels of the foreground get
the label of the background in the style image, so that only the foreground takes the statistics of the background.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from sshbench.benchmarks.composite import FOREGROUND, Composite, Image
from sshbench.images.resize import resized
from sshbench.methods import composite_networks as common
from sshbench.methods.base import MethodError, WeightsError
from sshbench.methods.full_resolution import MapKind
from sshbench.networks.wct2 import WCT2, Unpool
from sshbench.networks.whitening import LabelMaps

SHORT_SIDE = 512
MULTIPLE = 16


class Wct2(common.LoadedNetwork):
    """Harmonize by WCT2 (Yoo et al., ICCV 2019).

    As in the published script, composite and background are resized to a short side of 512 (bilinear), and the
    background is cropped to multiples of 16 around its centre. The composite must not lose its border, so it is padded
    to multiples by reflection instead; the padding has no label.

    Parameters
    ----------
    device, weights
        As for `get_method`.
    transfer
        Where statistics are transferred: any of `e` (encoder), `s` (skips) and `d` (decoder).
    alpha
        The strength of each transfer, 0..1.
    labels
        `"mask"`: only the foreground takes the statistics of the background. `"none"`: the whole composite does.
    unpool
        Refuse weights of the other kind; None accepts both.
    short_side
        The length of the short side after resizing.
    output
        `"network"` returns the result resized to the composite's size. `"map"` returns the foreground at its own size,
        mapped as the network changed its colours, by a map of the kind `map`.
    """

    name = "wct2"
    needs_background = True
    input_size = None
    memory_format = torch.contiguous_format

    def __init__(
        self,
        *,
        device: str | None = None,
        weights: str | Path | None = None,
        transfer: str = "esd",
        alpha: float = 1.0,
        labels: Literal["mask", "none"] = "mask",
        unpool: Unpool | None = None,
        short_side: int = SHORT_SIDE,
        output: common.Output = "network",
        map: MapKind = "lut",
    ) -> None:
        if not transfer or set(transfer) - set("esd"):
            raise MethodError(f"{self.name}: transfer is any of the letters e, s and d, such as esd, not {transfer!r}")
        if not 0 <= alpha <= 1:
            raise MethodError(f"{self.name}: alpha is from 0 to 1, not {alpha}")
        if short_side < 2 * MULTIPLE:
            raise MethodError(f"{self.name}: short_side is {2 * MULTIPLE} or more, not {short_side}")
        super().__init__(WCT2, device, weights)
        if unpool and self.card.architecture.get("unpool", "cat5") != unpool:
            raise WeightsError(f"{self.source} is not of unpool={unpool}; give weights that are")
        self.transfer, self.alpha, self.labels, self.short_side = transfer, alpha, labels, short_side
        self.map = map if output == "map" else None

    def harmonize(self, batch: Sequence[Composite]) -> list[common.Floats | Image]:
        """Return images `[H, W, 3]` of the composites' sizes: float32 over 0..1, or uint8 for `output="map"`."""
        return [self._harmonize(composite) for composite in batch]

    def _harmonize(self, composite: Composite) -> common.Floats | Image:
        given = self._planes(composite.composite, composite.mask)
        made = self.stylize(given, self._style(composite))
        if self.map is not None:
            return common.mapped(composite, given, made, self.map)
        mask = composite.mask[..., None]
        image = np.clip(resized(common.pixels(made), "pil-bicubic", composite.mask.shape[::-1]), 0, 1)
        background = np.asarray(composite.background / 255, np.float32)
        return image * mask + background * (1 - mask)

    def stylize(self, content: Tensor, style: Tensor) -> Tensor:
        """Return the content in the style of another image.

        Parameters
        ----------
        content, style
            `[4, H, W]` and `[4, h, w]` over 0..1: RGB, and the share of each pixel that is foreground (in the content)
            or background (in the style).

        Returns
        -------
        `[3, H, W]`, 0..1.
        """
        height, width = content.shape[1:]
        padding = (0, -width % MULTIPLE, 0, -height % MULTIPLE)
        top, left = (round(side % MULTIPLE / 2) for side in style.shape[1:])
        style = style[:, top : top + _whole(style.shape[1]), left : left + _whole(style.shape[2])]
        maps = LabelMaps(
            F.pad(content[3:] >= FOREGROUND, padding).to(self.device), (style[3:] >= FOREGROUND).to(self.device)
        )
        # Pixels of the content outside the mask have the label 0, which no pixel of the style may have.
        maps = LabelMaps(maps.content.long(), 2 - maps.style.long())
        with torch.inference_mode():
            image: Tensor = self.network(
                F.pad(content[None, :3], padding, mode="reflect").to(self.device),
                style[None, :3].to(self.device),
                transfer=self.transfer,
                alpha=self.alpha,
                labels=maps if self.labels == "mask" else None,
            )
        return image[0, :, :height, :width].clamp(0, 1).cpu()

    def _style(self, composite: Composite) -> Tensor:
        around = np.ones_like(composite.mask) if composite.has_background else 1 - composite.mask
        return self._planes(composite.background, around)

    def _planes(self, image: Image, mask: NDArray[np.float32]) -> Tensor:
        """Return `[4, h, w]` over 0..1; the short side is `short_side`, the long side in proportion, rounded down."""
        height, width = mask.shape
        short = min(height, width)
        size = (self.short_side * width // short, self.short_side * height // short)
        return common.planes(*(resized(one, "pil-bilinear", size) for one in (image, mask)))


def _whole(side: int) -> int:
    return side - side % MULTIPLE
