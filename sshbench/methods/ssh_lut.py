"""SSH-LUT as a method: it predicts one LUT for the foreground from small views and applies it at full size."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sshbench.benchmarks.composite import FOREGROUND, Composite, paste
from sshbench.colour.difference import luminance
from sshbench.colour.srgb import decode, encode
from sshbench.colour.strength import Amount
from sshbench.images.boxes import box_around, surroundings
from sshbench.images.resize import resized
from sshbench.lut.apply import apply_lut
from sshbench.lut.fit_smooth import limited
from sshbench.lut.table import Lut, identity_table, rising
from sshbench.methods.batches import batches
from sshbench.methods.full_resolution import ColourMap, MapKind, View
from sshbench.methods.views import NEAR, masked_view
from sshbench.methods.weights import Weights, load_weights, network_of
from sshbench.networks.closed_form_numpy import DARK, WHITE
from sshbench.networks.layers import Array
from sshbench.networks.ssh_lut_numpy import SIDE, fitting_arrays, input_side

Pixels = NDArray[np.uint8]
Mask = NDArray[np.float32]

_FAINT = 5.5 / 255  # largest share of foreground in a pixel of the small background that still counts
_CLIPPED = (0.02, 0.1)  # shares of clipped pixels from which a foreground is somewhat and fully overexposed
_FURTHER = 0.4  # part of a darkening, in stops, that is added for an overexposed foreground
_LEAST_NEAR = 0.02  # smallest share of known background for a place to count


class SshLutMethod:
    """Give the foreground the appearance of the background by a LUT.

    The network sees the rectangle around the mask, the background, and the foreground in its place with its
    surroundings, all of them small. If no background is known beneath the foreground, only the pixels outside the mask
    count as background.

    Parameters
    ----------
    weights, device
        The weights, as for `load_weights`, and the device of the network.
    strength, lightness, colour
        As for `Amount.of`: how far the LUT is applied.

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
        found = load_weights("ssh-lut", weights)
        self._tables = _network_of(found, device or "cpu")
        self._side = input_side(found.card.architecture)
        self.card = found.card
        self.weights_hash: str | None = found.hash
        self.trained_by: str | None = found.card.trained_by
        self.amount = Amount.of(strength, lightness, colour)

    def harmonize(self, batch: Sequence[Composite]) -> list[Pixels]:
        """Return the composites with a changed foreground, uint8 `[H, W, 3]` each."""
        views = [placed_view(composite) for composite in batch]
        maps = iter(self.colour_maps([view for view in views if view is not None]))
        return [
            composite.composite
            if view is None
            else paste(next(maps)(composite.foreground), composite.background, composite.mask)
            for composite, view in zip(batch, views, strict=True)
        ]

    def colour_maps(self, views: Sequence[View], kind: MapKind = "lut") -> list[ColourMap]:
        """Return one LUT for each foreground. The network predicts LUTs directly, so `kind` has no effect."""
        if not views:
            return []
        given = network_input(views, self._side)
        inside = given[2][..., 0] >= FOREGROUND
        return [
            ColourMap("ssh-lut", Lut(values=finished(table, image[seen]), title="ssh-lut")).followed(self.amount)
            for table, image, seen in zip(self._tables(*given), given[0], inside, strict=True)
        ]


def _network_of(found: Weights, device: str) -> Callable[..., Array]:
    """Return a function from `network_input` to tables `[B, N, N, N, 3]`.

    The function uses numpy on the CPU, since loading torch would take longer than the network, and torch otherwise.
    """
    if device == "cpu":
        arrays = fitting_arrays(found.arrays, found.card.architecture)
        if arrays is not None:
            return lambda *given: np.concatenate([arrays.tables(*one) for one in batches(*given)])
    import torch

    from sshbench.networks.ssh_lut import SshLut

    network = network_of(found, SshLut).eval().requires_grad_(False).to(device)

    def tables(*given: Array) -> Array:
        with torch.inference_mode():
            tensors = [torch.from_numpy(one).to(device).permute(0, 3, 1, 2).contiguous() for one in given]
            found: Array = torch.cat([network(*one).table for one in batches(*tensors)]).cpu().numpy()
            return found

    return tables


def network_input(views: Sequence[View], side: int = SIDE) -> list[Array]:
    """Return the seven inputs of the network, in the order of `SshLut.forward`.

    They are the content, the reference, the masks of both, the foreground in its place, and the masks of the foreground
    and the background in this place. Images are `[B, side, side, 3]` and masks `[B, side, side, 1]`, float32 over 0..1.
    If a foreground has no place, or its surroundings are unknown, the masks of the place are empty.
    """
    content, reference = (
        _images([getattr(view, name) for view in views], side) for name in ("foreground", "reference")
    )
    content_mask, reference_mask = (
        _masks([getattr(view, name) for view in views], side) for name in ("mask", "reference_mask")
    )
    nothing = np.zeros((1, 1, 3), np.uint8)
    placed = _images([nothing if view.placed is None else view.placed for view in views], side)
    # Without a place, all pixels count as foreground, so that the network sees no surroundings.
    placed_mask = _masks([None if view.placed is None else view.placed_mask for view in views], side)
    near_mask = (placed_mask <= _FAINT).astype(np.float32)
    has_place = (near_mask.mean((1, 2, 3), keepdims=True) >= _LEAST_NEAR).astype(np.float32)
    seen = np.maximum(placed_mask, near_mask) > 0
    return [
        content, reference, content_mask, (reference_mask >= 1 - _FAINT).astype(np.float32),
        placed * seen * has_place, placed_mask * has_place, near_mask * has_place,
    ]  # fmt: skip


def finished(table: NDArray[np.float32], colours: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the table that the method applies for a table of the network.

    Parameters
    ----------
    table
        `[B, G, R, 3]` over 0..1.
    colours
        The colours of the foreground, `[N, 3]` over 0..1.
    """
    return _safe(_darkened(table, colours), colours)


def _darkened(table: NDArray[np.float32], colours: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return a table that darkens an overexposed foreground further than `table` does, in linear light.

    Pixels at white hide how overexposed a foreground is. The network, which is trained for the smallest error of
    colours, takes away half of an overexposure; to go further costs nothing on the panel (docs/ssh-lut.md).
    """
    clipped = float((colours >= WHITE).any(1).mean()) if len(colours) else 0.0
    overexposed = float(np.clip((clipped - _CLIPPED[0]) / (_CLIPPED[1] - _CLIPPED[0]), 0, 1))
    if not overexposed:
        return table
    after = apply_lut(colours[None], Lut(values=table), layout="HWC")[0]
    one, other = (float(luminance(decode(np.clip(c, 0, 1).astype(np.float64))).mean()) + DARK for c in (colours, after))
    if other >= one:
        return table
    gain = (other / one) ** (_FURTHER * overexposed)
    return np.asarray(encode(decode(np.clip(table, 0, 1).astype(np.float64)) * gain), np.float32)


def _safe(table: NDArray[np.float32], colours: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the table `[B, G, R, 3]` over 0..1, made safe for colours that the foreground does not have.

    In the result, no channel falls as its own input rises, and no colour moves more than 0.05 further than the
    foreground's `colours` `[N, 3]` move.
    """
    if len(colours):
        grid = identity_table(len(table))
        moved = apply_lut(colours[None], Lut(values=table), layout="HWC")[0].astype(np.float64) - colours
        table = np.asarray(grid + limited(np.asarray(table - grid, np.float64), moved), np.float32)
    return rising(np.clip(table, 0, 1))


def placed_view(composite: Composite) -> View | None:
    """Return the rectangle around the mask, the background, and the foreground in its place.

    Return None if the mask has no foreground.
    """
    view = masked_view(composite)
    if view is None:
        return None
    around = surroundings(box_around(composite.mask >= FOREGROUND), composite.mask.shape, NEAR)
    return replace(view, placed=composite.composite[around], placed_mask=composite.mask[around])


def _small(image: NDArray[Any], side: int) -> NDArray[Any]:
    return resized(image, "pil-bilinear", (side, side))


def _images(images: Sequence[Pixels], side: int) -> Array:
    return np.stack([_small(image, side) for image in images]).astype(np.float32) / np.float32(255)


def _masks(masks: Sequence[Mask | None], side: int) -> Array:
    """Return masks `[H, W]` as one array; None counts as all ones."""
    one = np.ones((side, side), np.float32)
    return np.stack([one if mask is None else _small(mask, side) for mask in masks])[..., None].astype(np.float32)
