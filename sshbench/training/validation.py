"""Measure a network on photographs and looks that training never sees, and compare it with the untouched inputs.

The set contains every look of the held-out part (if it has as many images), and every pair of looks and crops is a
function of the seed, so that numbers of different runs and steps compare.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Protocol

import torch
from torch import Tensor

from sshbench.errors import SshbenchError, counted
from sshbench.metrics.perceptual import LpipsError, lpips
from sshbench.metrics.pixel import psnr
from sshbench.results.statistics import capped, estimate
from sshbench.training.data import form_of
from sshbench.training.options import PairSettings
from sshbench.training.pairs import Pairs
from sshbench.training.store_rows import open_rows
from sshbench.triplets.dataset import Sample, TripletDataset, collate
from sshbench.triplets.held_out import held_out_or_all
from sshbench.triplets.loader import is_image, normalized
from sshbench.triplets.luts import Places, open_bank
from sshbench.triplets.settings import Settings
from sshbench.triplets.source import SkippedImage
from sshbench.triplets.sources import open_source
from sshbench.triplets.store import load_triplets

Batch = dict[str, Any]
_SEED = 0x5E1D  # does not depend on the seed of the training, so that runs compare


class Predicts(Protocol):
    """The part of an objective that `validate` needs."""

    def predict(self, batch: Batch) -> Tensor | None:
        """Return the predicted images `[B, 3, c, c]` over 0..1; None if the objective predicts no image."""
        ...


@dataclass(frozen=True, eq=False)
class HeldOut:
    """A fixed set of samples, as uint8 images on the CPU.

    Parameters
    ----------
    images
        uint8 `[N, c, c, 3]`, and `mask` `[N, c, c]`, under the names of batches.
    kind
        `"triplets"` or `"composites"`.
    description
        A text about the photographs and looks that also says whether training saw them.
    """

    images: dict[str, Tensor]
    kind: str
    description: str

    def __len__(self) -> int:
        return len(next(iter(self.images.values())))

    def batches(self, size: int, device: torch.device | str = "cpu") -> Iterator[Batch]:
        """Yield batches in the form of `TripletLoader`, in order."""
        for first in range(0, len(self), size):
            yield {k: normalized(v[first : first + size].to(device)) for k, v in self.images.items()}


def open_held_out(
    source: str = "sample",
    luts: Places | None = None,
    settings: Settings | None = None,
    *,
    images: int = 128,
    crop: int | None = None,
    **asked: Any,
) -> HeldOut:
    """Render the held-out set of the data that `open_training` opens with the same arguments.

    Parameters
    ----------
    images
        The number of images. The set has fewer if the store or the list of composites has fewer.
    crop
        The side of the images; by default that of `settings`. The scale changes with it.

    Notes
    -----
    If a source (or bank) is so small that none of its photographs (or looks) is held out, those of training are used
    instead, and the same holds for a store of training rows; `description` says so.

    Raises
    ------
    SshbenchError
        As for `open_training`.
    """
    settings = settings or Settings()
    form = form_of(source)
    if form == "photographs":
        return _rendered(source, luts, _scaled(settings, crop), images, asked)
    dataset: Any
    if form == "iharmony4":
        wanted = PairSettings(crop=crop or settings.crop)
        dataset, said = held_out_or_all(lambda part: Pairs(source, wanted, part), "composites")
    else:
        stored = load_triplets(source, luts=luts)
        if stored.settings.kind != settings.kind:
            raise SshbenchError(f"{source} holds {stored.settings.kind}, and the recipe trains {settings.kind}")
        if crop not in (None, stored.settings.crop):
            raise SshbenchError(f"{source} has one crop, {stored.settings.crop}; leave validation.crop out")
        dataset, said = held_out_or_all(lambda part: open_rows(stored, part), "rows")
    step = max(1, len(dataset) // images)
    samples = [dataset[i] for i in range(0, len(dataset), step)][:images]
    return _held(samples, settings.kind, f"{len(samples)} of {len(dataset)} {said} of {source}")


def validate(
    objective: Predicts,
    held_out: HeldOut,
    *,
    batch_size: int = 16,
    device: torch.device | str = "cpu",
    with_lpips: bool = False,
) -> dict[str, float]:
    """Return the measurement of an objective on a held-out set; its modules must be in evaluation mode.

    Returns
    -------
    dict
        `psnr` of the predictions (rounded to 8 bits) to the targets, and `dc_psnr` of the inputs, in dB, as means over
        images; `gain`, the mean of their paired differences; each with its 95% interval, `_low` and `_high`; and
        `images`. With `with_lpips`, if its weights are available, also `lpips` and `dc_lpips`. Empty if the objective
        predicts nothing.
    """
    given, target = ("content_alpha", "content_beta") if held_out.kind == "triplets" else ("composite", "real")
    scores: dict[str, list[float]] = {}
    with torch.inference_mode():
        for batch in held_out.batches(batch_size, device):
            predicted = objective.predict(batch)
            if predicted is None:
                return {}
            wanted = _codes(batch[target] / 2 + 0.5)
            for prefix, image in (("", predicted), ("dc_", batch[given] / 2 + 0.5)):
                codes = _codes(image)
                scores.setdefault(f"{prefix}psnr", []).extend(psnr.of_batches(codes, wanted).tolist())
                if with_lpips:
                    try:
                        scores.setdefault(f"{prefix}lpips", []).extend(lpips.of_batches(codes, wanted).tolist())
                    except LpipsError:
                        scores.pop(f"{prefix}lpips")
                        with_lpips = False
    scores["gain"] = list(capped(scores["psnr"]) - capped(scores["dc_psnr"]))
    measured: dict[str, float] = {"images": len(held_out)}
    for name, values in scores.items():
        found = estimate(values)
        measured |= {name: found.mean, f"{name}_low": found.low, f"{name}_high": found.high}
    return measured


@contextmanager
def evaluating(modules: torch.nn.Module) -> Iterator[None]:
    """Switch modules to evaluation mode for the time of a block, and restore their own modes afterwards."""
    modes = [(module, module.training) for module in modules.modules()]
    modules.eval()
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training


def _codes(image: Tensor) -> Tensor:
    """Return values over 0..1, of any shape, as whole numbers 0..255."""
    return (image.float().clamp(0, 1) * 255).round()


def _scaled(settings: Settings, crop: int | None) -> Settings:
    """Return settings with one recipe for each photograph and another crop of the same part of the photograph."""
    crop = crop or settings.crop
    low, high = (round(side * crop / settings.crop) for side in settings.scale)
    return replace(settings, seed=_SEED, draws=1, crop=crop, scale=(low, high), strength=(1.0, 1.0), weights=None)


def _rendered(source: str, luts: Places | None, settings: Settings, images: int, asked: dict[str, Any]) -> HeldOut:
    photographs, said = held_out_or_all(lambda part: open_source(source, part=part, **asked), "photographs")
    bank = None
    if settings.has_bank:
        bank, looks = held_out_or_all(lambda part: open_bank(luts, part, settings.appearance), "looks")
        if settings.appearance == "ladders":
            looks = "rungs of the ladders, which training sees too"
        said += f", {len(bank)} {looks}"
    dataset = TripletDataset(photographs, bank, settings)
    samples: list[Sample] = []
    for k in range(images + len(photographs)):  # some photographs may be unusable
        if len(samples) == images:
            break
        recipe = dataset.recipe(k % len(photographs), epoch=k // len(photographs))
        if bank is not None:  # each look occurs in turn, with a different partner each time
            turn, alpha = divmod(k, len(bank))
            recipe = replace(recipe, alpha=alpha, beta=(alpha + 1 + turn % (len(bank) - 1)) % len(bank))
        try:
            samples.append(dataset.render(recipe))
        except SkippedImage:
            continue
    if not samples:
        raise SshbenchError(f"{source}: no held-out photograph can be used, so there is nothing to validate on")
    return _held(samples, settings.kind, f"{counted(len(samples), 'image')} of {len(photographs)} {said}")


def _held(samples: list[Sample], kind: str, description: str) -> HeldOut:
    images = {name: value for name, value in collate(samples).items() if is_image(value)}
    return HeldOut(images, kind, description)
