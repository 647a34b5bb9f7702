"""SSH as a method: the network runs at its own small size, and a colour map brings the result to full size.

Jiang et al., "SSH: A Self-Supervised Framework for Image Harmonization", ICCV 2021, section 4.1.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from sshbench.benchmarks.composite import Composite, paste
from sshbench.colour.strength import Amount
from sshbench.images.jpeg import through_jpeg
from sshbench.methods.base import MethodError
from sshbench.methods.batches import batches
from sshbench.methods.full_resolution import ColourMap, MapKind, View, fit_map, fit_published, through_linear
from sshbench.methods.views import SIDE, at_side, canvas_view, filled, masked_canvas, masked_view, view_of
from sshbench.methods.weights import load_network

if TYPE_CHECKING:
    from torch import Tensor

Pixels = NDArray[np.uint8]
Floats = NDArray[np.float32]

_ROWS = 64  # rows of a picture that are mapped at once; more would take much memory in float64


class SshMethod:
    """Give the foreground the appearance of the background.

    Parameters
    ----------
    weights, device
        The weights, as for `load_weights`, and the device of the network.
    output
        `map` returns the picture at its own size, with the foreground mapped by the colour map between the network's
        input and output. `network` returns the network's picture of the foreground on the canvas, at 256 x 256.
    map
        The kind of map.
    notebook
        Follow the authors' notebook for their Table 1: the published map, JPEG of quality 75 before and after the
        network, and truncated codes.
    precision
        The precision of the network's arithmetic.
    strength, lightness, colour
        As for `Amount.of`: how far the map is applied. These options require `output="map"`.

    Raises
    ------
    MissingWeights, WeightsError
        There are no weights, or they are not SSH's.
    """

    name = "ssh"
    needs_background = True
    needs_mask = True
    sees_target = False
    input_size: int | None

    def __init__(
        self,
        *,
        weights: str | None = None,
        device: str | None = None,
        output: Literal["map", "network"] = "map",
        map: MapKind = "lut",
        notebook: bool = False,
        precision: Literal["float32", "bfloat16"] = "float32",
        strength: float = 1.0,
        lightness: float = 1.0,
        colour: float = 1.0,
    ) -> None:
        import torch

        from sshbench.networks.ssh import SSH

        self.amount = Amount.of(strength, lightness, colour)
        if (notebook or output == "network") and not self.amount.is_whole:
            what = "notebook=true" if notebook else "output=network"
            raise MethodError(f"ssh: {what} has no strength, lightness or colour; leave one of them out")

        self.network, found = load_network("ssh", weights, SSH)
        self.network.eval().requires_grad_(False).to(device or "cpu").to(memory_format=torch.channels_last)
        self.card = found.card
        self.weights_hash: str | None = found.hash
        self.trained_by: str | None = found.card.trained_by
        self.input_size = self._side = found.card.preprocessing.input_size or SIDE
        self._hides = found.card.trained_on_composites
        self.output, self.map, self.notebook, self.precision = output, map, notebook, precision

    def harmonize(self, batch: Sequence[Composite]) -> list[Any]:
        """Return the composites with a changed foreground.

        The images are uint8 `[H, W, 3]`, or float32 `[256, 256, 3]` over 0..1 for `output="network"`.
        """
        if self.notebook:
            return self._each(batch, view_of, self._notebook)
        see = masked_view if self._hides else view_of
        if self.output == "network":
            return self._each(batch, masked_canvas if self._hides else canvas_view, self._pasted)
        return self._each(batch, see, self._mapped)

    def colour_maps(self, views: Sequence[View], kind: MapKind | None = None) -> list[ColourMap]:
        """Return one colour map for each foreground; the default `kind` is the method's `map`."""
        results = self.results([self.shown(view) for view in views])
        return [self._map(view, result, kind) for view, result in zip(views, results, strict=True)]

    def pictures(self, views: Sequence[View]) -> list[Floats]:
        """Return the network's own pictures of the foregrounds, float32 `[256, 256, 3]`, 0..1."""
        return [np.clip(result, 0, 1) for result in self.results([self.shown(view) for view in views])]

    def shown(self, view: View) -> tuple[Pixels, Pixels]:
        """Return the foreground and the reference of a view as the network sees them.

        Weights that were trained on composites see only the pixels inside the masks, continued outside by smooth
        colours, so the rest of the photograph does not matter. The published weights see the whole rectangles.
        """
        images = (view.foreground, view.mask), (view.reference, view.reference_mask)
        one, other = (
            image if mask is None or not self._hides else filled(image, mask, self._side) for image, mask in images
        )
        return one, other

    def results(self, pairs: Sequence[tuple[Pixels, Pixels]]) -> list[Floats]:
        """Run the network on foregrounds and references, uint8 `[h, w, 3]` of any size.

        Returns
        -------
        list of array
            The foregrounds with the appearance of their references, float32 `[s, s, 3]`, not clipped to 0..1. s is the
            size that the weights were trained for, 256 for the published weights.

        Raises
        ------
        MethodError
            The results are not finite.
        """
        import torch

        if not pairs:
            return []
        device = next(self.network.parameters()).device
        content, reference = (_tensor([at_side(pair[i], self._side) for pair in pairs]).to(device) for i in (0, 1))
        with torch.inference_mode(), torch.autocast(device.type, torch.bfloat16, self.precision == "bfloat16"):
            images = torch.cat([self._image(*part) for part in batches(content, reference)])
        if not bool(images.isfinite().all()):
            raise MethodError("ssh: the network gives NaN or infinity; its weights are damaged, or were trained badly")
        return list(((images.float() + 1) / 2).permute(0, 2, 3, 1).cpu().numpy())

    def _image(self, content: Tensor, reference: Tensor) -> Tensor:
        """Return the network's images without the result's appearance, which is a fifth of the work of `forward`."""
        features, skips = self.network.encode_content(content)
        image: Tensor = self.network.fuse(features, skips, self.network.encode_style(reference))
        return image

    def _each(self, batch: Sequence[Composite], see: Any, finish: Any) -> list[Any]:
        """Return the results of a batch; composites without a foreground stay unchanged."""
        views = [see(composite) for composite in batch]
        results = iter(self.results([self.shown(view) for view in views if view]))
        return [
            finish(composite, view, next(results)) if view else composite.composite
            for composite, view in zip(batch, views, strict=True)
        ]

    def _map(self, view: View, result: Floats, kind: MapKind | None = None) -> ColourMap:
        side = self._side
        mask = None if view.mask is None else at_side(view.mask, side)
        before = at_side(self.shown(view)[0], side) / 255
        found = fit_map(kind or self.map, before, np.clip(result, 0, 1), mask=mask)
        return found.followed(self.amount)

    def _mapped(self, composite: Composite, view: View, result: Floats) -> Pixels:
        mapped = self._map(view, result)(composite.foreground)
        return paste(mapped, composite.background, composite.mask)

    def _pasted(self, composite: Composite, view: View, result: Floats) -> Floats:
        mask = at_side(composite.mask)[..., None]
        background = at_side(composite.background).astype(np.float32) / 255
        pasted: Floats = np.clip(at_side(result), 0, 1) * mask + background * (1 - mask)
        return pasted

    def _notebook(self, composite: Composite, view: View, result: Floats) -> Pixels:
        source, saved = through_jpeg(at_side(view.foreground, self._side)), through_jpeg(cut_off(result))
        return published_composite(source, saved, composite.foreground, composite.background, composite.mask)


def published_composite(source: Pixels, result: Pixels, foreground: Pixels, background: Pixels, mask: Floats) -> Pixels:
    """Return the composite at full size, made as in the authors' notebook.

    Parameters
    ----------
    source, result
        The input and the output of the network, uint8 `[256, 256, 3]`, as the notebook saved them.
    foreground, background, mask
        The images of the composite, uint8 `[H, W, 3]`, and its mask, `[H, W]` over 0..1.

    Returns
    -------
    array
        uint8 `[H, W, 3]`: the foreground, mapped by 17 terms in linear light, over the background with the soft mask;
        codes are truncated.
    """
    polynomial = fit_published(source / 255, result / 255)
    picture = np.empty_like(background)
    for start in range(0, len(mask), _ROWS):
        rows = slice(start, start + _ROWS)
        soft = mask[rows, :, None].astype(np.float64)
        mapped = through_linear(polynomial, foreground[rows] / 255)
        picture[rows] = cut_off(mapped * soft + background[rows] / 255 * (1 - soft))
    return picture


def cut_off(image: NDArray[np.floating[Any]]) -> Pixels:
    """Return floats over 0..1 as bytes, truncated towards zero as in the authors' `tensor2im`."""
    codes: Pixels = (np.clip(image, 0, 1) * 255).astype(np.uint8)
    return codes


def _tensor(images: Sequence[Pixels]) -> Tensor:
    """Return images uint8 `[H, W, 3]` as `[N, 3, H, W]` over -1..1, channels last in memory, which convolves faster."""
    import torch

    stacked = torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2)
    return stacked.float() / 255 * 2 - 1
