"""Figures 5, 6 and 7 of the paper on RealHM or the embedded sample: Jiang et al., ICCV 2021, sections 4.2 to 4.4."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sshbench.benchmarks.composite import Benchmark, Composite
from sshbench.benchmarks.prediction import Pixels as Prediction
from sshbench.compositing.harmonize import harmonize as paste_and_harmonize
from sshbench.errors import SshbenchError
from sshbench.folders import data_folder
from sshbench.images.boxes import box_around
from sshbench.lut.apply import apply_lut
from sshbench.lut.files import read_lut
from sshbench.methods.base import Method, MissingWeights
from sshbench.methods.calling import harmonize
from sshbench.methods.registry import get_method
from sshbench.results.figure import Grid, grid
from sshbench.results.pictures import Pictures

Pixels = NDArray[np.uint8]
Progress = Callable[[int, int], None]

PAPERS = ("wct2", "dih", "s2am", "dovenet", "ssh")
"""The columns of Figure 5, in the paper's order."""
TITLES = {"composite": "DC", "ground truth": "GT", "background": "BG", "wct2": "WCT2", "dih": "DIH", "s2am": "S2AM",
          "dovenet": "DoveNet", "ssh": "SSH", "ssh-lut": "SSH-LUT"}  # fmt: skip
SIDE = 384
WARM, COLD = "candle-light", "moonlight"
ON_SAMPLE = "vendor_testing_3/bag-and-drum-at-sunset"  # Figure 7 needs a background that is an unedited photograph


@dataclass(frozen=True, eq=False)
class Figure:
    """A figure, and the notes that belong to it."""

    grid: Grid
    notes: tuple[str, ...]


def figure5(
    benchmark: Benchmark,
    methods: Sequence[str] = (*PAPERS, "ssh-lut"),
    *,
    weights: Mapping[str, str] | None = None,
    ids: Sequence[str] = (),
    rows: int = 5,
    device: str = "cpu",
    progress: Progress | None = None,
) -> Figure:
    """Return Figure 5, the comparison: composite, methods, ground truth.

    The paper does not name its images. Without `ids`, the images are spread evenly over the benchmark.
    """
    made, notes = _methods(methods, weights, device)
    chosen = list(ids) or _spread(benchmark.ids(), rows)
    shown = []
    for done, id in enumerate(chosen, 1):
        sample = _reduced(_sample(benchmark, id))
        shown.append(_pictures(sample, {name: _uint8(harmonize(one, [sample])[0]) for name, one in made.items()}))
        if progress:
            progress(done, len(chosen))
    said = f"{benchmark.name}: {', '.join(chosen)}. The paper does not name the images of its Figure 5."
    return Figure(grid(shown, list(made), titles=TITLES), (said, *notes))


def figure6(
    benchmark: Benchmark,
    methods: Sequence[str] = ("dovenet", "ssh"),
    *,
    weights: Mapping[str, str] | None = None,
    ids: Sequence[str] = (),
    rows: int = 3,
    device: str = "cpu",
    progress: Progress | None = None,
) -> Figure:
    """Return Figure 6, the occlusion: images whose foreground covers most of the background.

    The figure compares methods that see only the composite with methods that see the background. A method that can see
    the background has two columns: one with the background, and one with the composite in its place. The difference
    shows the cost of occlusion.
    """
    made, notes = _methods(methods, weights, device)
    chosen = list(ids) or _largest(benchmark, rows, progress)
    columns, titles = ["background"], dict(TITLES)
    for name, one in made.items():
        title = TITLES.get(name, name)
        for column, sees in [(f"{name} blind", "DC"), (name, "BG")] if one.needs_background else [(name, "DC")]:
            columns.append(column)
            titles[column] = f"{title}, sees {sees}"
    shown, ratios = [], []
    for id in chosen:
        sample = _reduced(_sample(benchmark, id))
        if not sample.has_background:
            raise SshbenchError(
                f"{id} has no background of its own, which Figure 6 is about; choose others with --image"
            )
        ratios.append(f"{id} ({sample.foreground_ratio:.0%})")
        found = {"background": sample.background}
        for name, one in made.items():
            found[name] = _uint8(harmonize(one, [sample])[0])
            if one.needs_background:
                found[f"{name} blind"] = _uint8(harmonize(one, [replace(sample, background=sample.composite)])[0])
        shown.append(_pictures(sample, found))
    said = f"{benchmark.name}, with the part of the image that is foreground: {', '.join(ratios)}."
    return Figure(grid(shown, columns, titles=titles), (said, *notes))


def figure7(
    benchmark: Benchmark,
    method: str = "ssh",
    *,
    weights: str | None = None,
    id: str | None = None,
    synthetic: bool = False,
    device: str = "cpu",
) -> Figure:
    """Return Figure 7, the locality: one foreground at two places of a background with two lights.

    The reference of the method is once the whole background, and once a crop around each place.

    Parameters
    ----------
    id
        The image that provides background and foreground. The default is the image whose two halves differ most in
        colour; for the embedded sample, `ON_SAMPLE`.
    synthetic
        Whether to light the background warmly on the left and coldly on the right, for benchmarks without such a
        photograph.
    """
    made = get_method(method, weights=weights, device=device)
    id = id or (ON_SAMPLE if benchmark.name == "sample" else None)
    sample = _sample(benchmark, id) if id else _most_divided(benchmark)
    sample = _reduced(sample, 2 * SIDE)
    background = two_lights(sample.background) if synthetic else sample.background
    rows, columns = box_around(sample.mask >= 0.5)
    cut = sample.foreground[rows, columns], sample.mask[rows, columns]
    height, width = background.shape[:2]
    scale = min(0.3 * width / cut[1].shape[1], 0.6 * height / cut[1].shape[0])
    low = max(0, round(0.95 * height - scale * cut[1].shape[0]))
    places = [(round(middle * width - scale * cut[1].shape[1] / 2), low) for middle in (0.22, 0.78)]

    def pasted(reference: str, strength: float) -> Pixels:
        picture = background
        for at in places:
            # The reference is the background without a foreground, so that one copy does not influence the other.
            one = paste_and_harmonize(
                *(cut[0], background, cut[1]), method=made, at=at, scale=scale, reference=reference, strength=strength
            ).pixels
            picture = np.where((one != background).any(axis=2, keepdims=True), one, picture)
        return np.asarray(picture, np.uint8)

    found = {"background": background, "whole": pasted("full", 1.0), "crops": pasted("auto", 1.0)}
    titles = {**TITLES, "whole": "whole background", "crops": "crop at each place"}
    shown = Pictures(sample.id, pasted("full", 0.0), None, found)
    light = "; its two lights are synthetic" if synthetic else ""
    said = f"{benchmark.name}: {sample.id}{light}. Method: {method}."
    return Figure(grid([shown], list(found), titles=titles), (said,))


def two_lights(photo: Pixels) -> Pixels:
    """Return the photograph, lit warmly on the left and coldly on the right, with a smooth transition."""
    warm, cold = (
        apply_lut(photo, read_lut(data_folder("luts") / f"{name}.cube"), layout="HWC") for name in (WARM, COLD)
    )
    right = (1 / (1 + np.exp(-np.linspace(-8, 8, photo.shape[1]))))[None, :, None]
    return np.asarray(np.rint(warm * (1 - right) + cold * right), np.uint8)


def _methods(
    names: Sequence[str], weights: Mapping[str, str] | None, device: str
) -> tuple[dict[str, Method], tuple[str, ...]]:
    """Return the methods whose weights are available, and for each other method a note on how to get its weights."""
    made, notes = {}, []
    for name in dict.fromkeys(names):
        try:
            made[name] = get_method(name, weights=(weights or {}).get(name), device=device)
        except MissingWeights as error:
            notes.append(f"Left out: {error}.")
    if not made:
        raise SshbenchError(f"none of the methods has weights here, so there is nothing to draw. {notes[0]}")
    return made, tuple(notes)


def _sample(benchmark: Benchmark, id: str) -> Composite:
    try:
        return benchmark[id]
    except KeyError as error:
        raise SshbenchError(f"{benchmark.name} has no image {id!r}; its first one is {benchmark.ids()[0]!r}") from error


def _spread(ids: Sequence[str], count: int) -> list[str]:
    places = np.linspace(0, len(ids) - 1, min(count, len(ids)) * 2 + 1)[1::2]
    return [ids[round(place)] for place in places]


def _largest(benchmark: Benchmark, count: int, progress: Progress | None) -> list[str]:
    """Return the ids of the images with the largest foregrounds that leave some background."""
    ratios = {}
    for done, id in enumerate(benchmark.ids(), 1):
        ratios[id] = benchmark[id].foreground_ratio
        if progress:
            progress(done, len(benchmark))
    return sorted(ratios, key=lambda id: -ratios[id])[:count]


def _most_divided(benchmark: Benchmark) -> Composite:
    """Return the image whose background differs most in mean colour between its left and right halves."""

    def divided(sample: Composite) -> float:
        small = np.asarray(Image.fromarray(sample.background).resize((32, 32), Image.Resampling.BOX), np.float64)
        return float(np.linalg.norm(small[:, :16].mean((0, 1)) - small[:, 16:].mean((0, 1))))

    best = max(benchmark.ids(), key=lambda id: divided(benchmark[id]))
    return benchmark[best]


def _reduced(sample: Composite, side: int = 2 * SIDE) -> Composite:
    """Return the sample with a long side of at most `side` pixels, since a figure shows no more."""
    height, width = sample.mask.shape
    scale = min(1.0, side / max(height, width))
    if scale == 1.0:
        return sample
    size = max(round(width * scale), 1), max(round(height * scale), 1)

    def resized(image: Pixels) -> Pixels:
        return np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BICUBIC, reducing_gap=3))

    same = sample.background is sample.composite
    composite = resized(sample.composite)
    mask = np.asarray(Image.fromarray(sample.mask).resize(size, Image.Resampling.BOX), np.float32)
    return replace(
        sample,
        composite=composite,
        foreground=resized(sample.foreground),
        background=composite if same else resized(sample.background),
        mask=np.clip(mask, 0, 1),
        target=None if sample.target is None else resized(sample.target),
    )


def _pictures(sample: Composite, found: Mapping[str, Pixels]) -> Pictures:
    return Pictures(sample.id, sample.composite, sample.target, found)


def _uint8(image: Prediction) -> Pixels:
    return np.asarray(image if image.dtype == np.uint8 else np.rint(image * 255.0), np.uint8)
