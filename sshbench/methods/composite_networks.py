"""The common part of methods whose network sees the composite and its mask: sizes, batches, and final images."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from sshbench.benchmarks.composite import Composite, Image, paste
from sshbench.images.resize import Resize, resized
from sshbench.methods.batches import batches
from sshbench.methods.full_resolution import MapKind, fit_map
from sshbench.methods.weights import load_network

SIZE = 256

Size = Literal["256", "full"]
Output = Literal["network", "map"]
Around = Literal["repeat", "black"]
Floats = NDArray[np.float32]


class LoadedNetwork:
    """A method with the network of its weights, ready to run.

    Parameters
    ----------
    make
        The network's class, or a function that makes the network from the arguments on the card of the weights.
    device, weights
        As for `get_method`.
    """

    name: str
    needs_background = False
    needs_mask = True
    sees_target = False
    input_size: int | None = SIZE
    memory_format: ClassVar[torch.memory_format] = torch.channels_last

    def __init__(self, make: Callable[..., nn.Module], device: str | None, weights: str | Path | None) -> None:
        network, found = load_network(self.name, weights, make)
        self.network: Any = network
        self.device = torch.device(device or "cpu")
        self.network.to(self.device).to(memory_format=self.memory_format).eval()
        self.card, self.source = found.card, found.source
        self.weights_hash, self.trained_by = found.hash, found.card.trained_by


class CompositeNetwork(LoadedNetwork):
    """A method whose network makes an image from a composite and its mask, at the size of its input.

    A subclass defines the input of its network (`resize`, `around`, `mask_at`) and its output (`made_of`).

    Parameters
    ----------
    make, device, weights
        As for `LoadedNetwork`.
    size
        `"256"`, or `"full"` for the composite at its own size, padded to multiples that the network needs.
    output
        `"network"` returns the network's image at the size of its input. `"map"` returns the composite at its own size
        with the foreground mapped as the network changed its colours, by a map of the kind `map`.
    """

    resize: ClassVar[Resize] = "pil-bilinear"
    around: ClassVar[Around] = "repeat"

    def __init__(
        self,
        make: Callable[..., nn.Module],
        device: str | None,
        weights: str | Path | None,
        size: Size,
        output: Output,
        map: MapKind,
    ) -> None:
        super().__init__(make, device, weights)
        self.size, self.map = size, map if output == "map" else None
        self.input_size = SIZE if size == "256" else None

    @property
    def multiple(self) -> int:
        """The sides of an image are padded to multiples of this number."""
        return int(self.network.multiple)

    def harmonize(self, batch: Sequence[Composite]) -> list[Floats | Image]:
        """Return one image for each composite.

        The images are float32 over 0..1, `[256, 256, 3]` or of the composite's size; with `output="map"`, uint8 of that
        size.
        """
        given = [self.given(composite) for composite in batch]
        made = [image.cpu() for image in self.run(given, batch)]
        if self.map is not None:
            return [mapped(*one, self.map) for one in zip(batch, given, made, strict=True)]
        return [pixels(self.finished(*one)) for one in zip(made, given, strict=True)]

    def given(self, composite: Composite) -> Tensor:
        """Return the input of the network for a composite, `[4, h, w]` over 0..1: R, G, B and the mask."""
        side = side_of(self.size)
        return planes(self._at(composite.composite, side), self.mask_at(composite.mask, side))

    def image_of(self, image: Image) -> Tensor:
        """Return another image of the composite's size in the form of the network's input, `[3, h, w]` over 0..1."""
        return torch.from_numpy(self._at(image, side_of(self.size)).transpose(2, 0, 1) / np.float32(255))

    def _at(self, image: Image, side: tuple[int, int] | None) -> Image:
        return image if side is None else resized(image, self.resize, side)

    def mask_at(self, mask: Floats, side: tuple[int, int] | None) -> Floats:
        """Return the mask `[h, w]` over 0..1, resized to `side`, a (width, height); None keeps its size.

        By default, the mask stays soft and is resized in the same way as the image.
        """
        if side is None:
            return mask
        codes = np.rint(mask * 255).astype(np.uint8)
        return np.asarray(resized(codes, self.resize, side), np.float32) / np.float32(255)

    def run(self, given: Sequence[Tensor], batch: Sequence[Composite]) -> list[Tensor]:
        """Return the network's images `[3, h, w]` over 0..1 for inputs `[4, h, w]` over 0..1."""
        return run(self.made_of, given, self.multiple, self.device, self.around)

    def made_of(self, given: Tensor) -> Tensor:
        """Return the network's images `[N, 3, h, w]` over 0..1 for inputs `[N, 4, h, w]` over 0..1."""
        raise NotImplementedError

    def finished(self, made: Tensor, given: Tensor) -> Tensor:
        """Return the final image `[3, h, w]` for the network's image `[3, h, w]` and its input `[4, h, w]`.

        By default, the final image is the network's image, unchanged.
        """
        return made


def side_of(size: Size) -> tuple[int, int] | None:
    """Return the (width, height) to resize a composite to; None keeps its size."""
    return (SIZE, SIZE) if size == "256" else None


def planes(image: NDArray[np.uint8] | Floats, mask: Floats) -> Tensor:
    """Return `[4, H, W]` over 0..1 from an image `[H, W, 3]`, 0..255, and its mask `[H, W]`, 0..1."""
    return torch.from_numpy(np.concatenate([image / np.float32(255), mask[..., None]], 2).transpose(2, 0, 1).copy())


def pixels(image: Tensor) -> Floats:
    """Return an image `[3, H, W]` as a float32 array `[H, W, 3]` with the same values."""
    return np.ascontiguousarray(image.float().cpu().numpy().transpose(1, 2, 0))


def run(
    network: Callable[[Tensor], Tensor],
    given: Sequence[Tensor],
    multiple: int,
    device: torch.device,
    around: Around = "repeat",
) -> list[Tensor]:
    """Return the network's outputs `[C', H, W]` for inputs `[C, H, W]`; consecutive inputs of one size are stacked.

    The sides are padded to multiples of `multiple`. `"repeat"` repeats the last row and column as often as needed;
    `"black"` adds zeros on all sides, one more on the right and at the bottom if the number is odd. The output is
    cropped to the size of the input.
    """
    made: list[Tensor] = []
    with torch.inference_mode():
        for (_, height, width), alike in groupby(given, lambda one: one.shape):
            batch = torch.stack(list(alike)).to(device)
            down, across = -height % multiple, -width % multiple
            top, left = (down // 2, across // 2) if around == "black" else (0, 0)
            sides = (left, across - left, top, down - top)
            batch = F.pad(batch, sides, mode="constant" if around == "black" else "replicate")
            for (part,) in batches(batch):
                made += network(part)[..., top : top + height, left : left + width]
    return made


def mapped(composite: Composite, given: Tensor, made: Tensor, kind: MapKind) -> Image:
    """Return the composite at its own size, uint8 `[H, W, 3]`, with a colour map applied to its foreground.

    The colour map of the kind `kind` is fitted from the colours of `given` to those of `made`.

    Parameters
    ----------
    given
        The input of the network, `[4, h, w]` over 0..1; the last plane is the mask, which weights the pixels of the
        fit.
    made
        The output of the network, `[3, h, w]`; it is clamped to 0..1.
    """
    mask = given[3].numpy()
    weights = mask if mask.any() else None  # a tiny foreground may have vanished from the resized mask
    colours = fit_map(kind, pixels(given[:3]), pixels(made.clamp(0, 1)), mask=weights)
    return paste(colours(composite.foreground), composite.background, composite.mask)
