"""The panel: held-out composites of every family of looks, by which weights are chosen.

In each family, half of the composites keep their background as photographed, and half have a background under a look.
Photographs, masks and looks are those that training never sees, and everything random follows from one seed, so that
numbers of different runs compare. Weights are better if the mean gain over the families is larger, provided that no
family is below untouched composites.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from sshbench.errors import SshbenchError
from sshbench.metrics.pixel import psnr_of
from sshbench.results.statistics import estimate
from sshbench.training.options import Shares
from sshbench.training.scenes import Scenes
from sshbench.training.validation import HeldOut, Predicts
from sshbench.triplets.dataset import Sample, TripletDataset, collate
from sshbench.triplets.families import grade_bank, ladder_bank
from sshbench.triplets.held_out import bank_part, held_out_or_all
from sshbench.triplets.loader import is_image
from sshbench.triplets.luts import Places, open_bank
from sshbench.triplets.settings import Settings
from sshbench.triplets.source import SkippedImage
from sshbench.triplets.sources import open_source

FAMILIES = ("looks", "grades", "transfers", "ladders")

_SEED = 0  # does not depend on the seed of the training, so that runs compare
_EPOCH = 1_000_000  # no training reaches the draws of this epoch
_BELOW = 100.0  # penalty in decibels for a family below untouched composites; such weights are never the best
_CEILING = 60.0  # decibels of a foreground without any error, whose PSNR is infinite


@dataclass(frozen=True, eq=False)
class Panel:
    """The held-out composites of each family, and a description of their source in words."""

    families: dict[str, HeldOut]
    description: str


def open_panel(source: str, luts: Places | None, settings: Settings, *, images: int = 128, **asked: Any) -> Panel:
    """Render the panel of a source and looks, with `images` composites for each family.

    Parameters
    ----------
    source, luts, asked
        As for `sshbench.training.data.open_training`, of photographs.
    settings
        The size of the crop, its scale and how it is cut. Seed, draws, strength and weights of a training are ignored,
        so that the panel of every training is the same.

    Raises
    ------
    SshbenchError
        The source or the looks cannot be opened, or too few of the photographs can be used.
    """
    settings = replace(settings, seed=_SEED, draws=1, strength=(1.0, 1.0), weights=None)
    photographs, said = held_out_or_all(lambda part: open_source(source, part=part, **asked), "photographs")
    looks, which = held_out_or_all(lambda part: open_bank(luts, part), "looks")
    banks = {
        "looks": looks,
        "grades": bank_part(grade_bank(), "held-out"),
        "transfers": looks,
        "ladders": ladder_bank(),
    }
    families = {}
    for family in FAMILIES:
        shares = {"own": 1.0, "objects": 1.0, "placed": 1.0, "transferred": float(family == "transfers")}
        halves = [(natural, images // 2 + images % 2 * natural) for natural in (0, 1)]
        dataset = TripletDataset(photographs, banks[family], settings)
        samples = [s for natural, n in halves for s in _drawn(dataset, Shares(**shares, natural=natural), n)]
        if len(samples) < images:
            raise SshbenchError(
                f"{source}: {len(samples)} of {images} composites for the panel can be made of {len(photographs)} "
                f"{said}; give larger photographs, or set validation.images to what there is"
            )
        found = {name: value for name, value in collate(samples).items() if is_image(value)}
        families[family] = HeldOut(found, "scenes", family)
    described = f"{images} composites of each of {', '.join(FAMILIES)}, of {len(photographs)} {said}"
    return Panel(families, f"{described}; looks: {len(looks)} {which}")


def validate_panel(
    objective: Predicts, panel: Panel, *, batch_size: int = 32, device: torch.device | str = "cpu"
) -> dict[str, float]:
    """Return the measurement of an objective on the panel; its modules must be in evaluation mode.

    Returns
    -------
    dict
        `psnr`, the PSNR of the predicted foregrounds in dB; `dc_psnr`, the PSNR of the untouched foregrounds in dB; and
        `gain`, the difference of the two for each image. All three are means over the images of all families, with 95%
        intervals (`_low`, `_high`). Also `gain_FAMILY` for each family; `worst`, the smallest gain of a family; and
        `images`, the number of images.
    """
    gains: dict[str, list[float]] = {}
    scores: dict[str, list[float]] = {"psnr": [], "dc_psnr": [], "gain": []}
    with torch.inference_mode():
        for family, held_out in panel.families.items():
            gains[family] = []
            for batch in held_out.batches(batch_size, device):
                predicted = objective.predict(batch)
                if predicted is None:
                    return {}
                target, mask = batch["content_beta"] / 2 + 0.5, batch["content_mask"]
                ours = foreground_psnr(predicted, target, mask)
                before = foreground_psnr(batch["content_alpha"] / 2 + 0.5, target, mask)
                for name, values in (("psnr", ours), ("dc_psnr", before), ("gain", ours - before)):
                    scores[name] += values.tolist()
                gains[family] += (ours - before).tolist()
    measured: dict[str, float] = {"images": len(scores["psnr"])}
    for name, found_values in scores.items():
        found = estimate(found_values)
        measured |= {name: found.mean, f"{name}_low": found.low, f"{name}_high": found.high}
    means = {family: sum(values) / len(values) for family, values in gains.items()}
    return measured | {f"gain_{family}": mean for family, mean in means.items()} | {"worst": min(means.values())}


def standing(scores: dict[str, float]) -> float:
    """Return the number that decides which weights are the best: the mean gain in dB.

    If a family is below untouched composites, the number is very low.
    """
    return scores["gain"] - (_BELOW if scores["worst"] < 0 else 0.0)


def foreground_psnr(image: Tensor, target: Tensor, mask: Tensor) -> Tensor:
    """Return the PSNR `[B]` in decibels, at most 60, of the pixels whose mask is at least 0.5.

    Parameters
    ----------
    image, target
        `[B, 3, H, W]`, 0..1; both are rounded to 8 bits.
    mask
        `[B, 1, H, W]`, 0..1.
    """
    inside = (mask >= 0.5).double()
    squares = ((_rounded(image) - _rounded(target)).square() * inside).sum((1, 2, 3))
    errors = squares / (3 * inside.sum((1, 2, 3))).clamp(min=1)
    return psnr_of(errors, peak=1.0).clamp(max=_CEILING)


def _rounded(image: Tensor) -> Tensor:
    return (image.double().clamp(0, 1) * 255).round() / 255


def _drawn(dataset: TripletDataset, shares: Shares, count: int) -> list[Sample]:
    """Return the first `count` composites that have a foreground and a place."""
    scenes = Scenes(dataset, shares)
    samples: list[Sample] = []
    for k in range(20 * count + len(scenes)):
        if len(samples) == count:
            break
        epoch, i = divmod(k, len(scenes))
        try:
            sample = scenes.render(dataset.recipe(i, _EPOCH + epoch))
        except SkippedImage:
            continue
        if sample["near_mask"].any():
            samples.append(sample)
    return samples


def said(scores: dict[str, float]) -> str:
    """Return the measurement of the panel in words."""
    families = ", ".join(f"{family} {scores[f'gain_{family}']:+.2f}" for family in FAMILIES)
    return (
        f"{scores['gain']:+.2f} dB ({scores['gain_low']:+.2f} to {scores['gain_high']:+.2f}) of foregrounds' PSNR over "
        f"{scores['dc_psnr']:.2f} dB untouched, on {scores['images']:.0f} held-out composites: {families}"
    )
