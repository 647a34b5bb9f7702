"""Measure the numbers and draw the figure of docs/triplets.md.

python -m tools.measure_triplets recipes docs/triplets/recipes.png
python -m tools.measure_triplets quality FOLDER
python -m tools.measure_triplets speed FOLDER
"""

from __future__ import annotations

import io
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps
from scipy import stats

from sshbench.folders import data_folder
from sshbench.images.decode import decode_photo
from sshbench.lut.bank import LutBank
from sshbench.triplets.recipe import boxes, make_recipe, make_recipes, overlap
from sshbench.triplets.render import render
from sshbench.triplets.resize_box import resize_box
from sshbench.triplets.settings import Settings
from sshbench.triplets.sources import open_source
from tests.triplets.test_recipe import monte_carlo

COUNT = 10_000


def recipes(path: str) -> None:
    """Draw the distributions of the values of 10,000 recipes beside the specified distributions."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    settings, ink, accent = Settings(), "#3b6ea5", "#c1440e"
    drawn = make_recipes(settings, [f"photos/{i:05d}.jpg" for i in range(COUNT)], [0] * COUNT, 100)
    figure, axes = plt.subplots(2, 3, figsize=(13, 7.4), layout="constrained")
    figure.suptitle(f"{COUNT:,} recipes of the default settings, 100 LUTs (orange: as specified)")

    def bars(axis: plt.Axes, values: NDArray[np.float64], bins: NDArray[np.float64], title: str, label: str) -> None:
        axis.hist(values, bins, color=ink, alpha=0.75)
        axis.set(title=title, xlabel=label, ylabel="recipes")

    for axis, name in zip(axes[0], ("content", "reference"), strict=False):
        scales = np.array([getattr(r, name).scale for r in drawn])
        p = stats.chisquare(np.bincount(scales - 256, minlength=65)).pvalue
        bars(
            axis,
            scales,
            np.arange(256, 322) - 0.5,
            f"{name}: scale, uniform (chi-square p = {p:.2f})",
            "short side, px",
        )
        axis.axhline(COUNT / 65, color=accent)
        above = axis.secondary_xaxis(
            -0.2, functions=(lambda s: 224 / np.maximum(s, 1), lambda f: 224 / np.maximum(f, 1e-3))
        )
        above.set_xlabel("crop / short side: global to local")

    shared = np.array([overlap(r.content, r.reference, 224) for r in drawn])
    oracle = monte_carlo(settings, 400_000)
    p = stats.ks_2samp(shared, oracle).pvalue
    bins = np.linspace(0.3, 1, 57)
    bars(axes[0, 2], shared, bins, f"overlap, as of random squares (KS p = {p:.2f})", "part of the smaller crop")
    expected = np.histogram(oracle, bins)[0] * COUNT / len(oracle)
    axes[0, 2].stairs(expected, bins, color=accent)

    centres = np.array(
        [[(c.x + 112) / c.scale, (c.y + 112) / c.scale] for r in drawn for c in (r.content, r.reference)]
    )
    axes[1, 0].hist2d(*centres.T, bins=60, cmap="Blues")
    axes[1, 0].set(
        title="centres of both crops in the window", aspect="equal", xlabel="x / short side", ylabel="y / short side"
    )
    axes[1, 0].invert_yaxis()

    pairs = np.array([[r.alpha, r.beta] for r in drawn])
    single = [stats.chisquare(np.bincount(pairs[:, i], minlength=100)).pvalue for i in (0, 1)]
    axes[1, 1].hist2d(*pairs.T, bins=100, range=[[-0.5, 99.5]] * 2, cmap="Blues")
    axes[1, 1].set(
        title=f"LUT pairs, never equal (p = {single[0]:.2f}, {single[1]:.2f})",
        aspect="equal",
        xlabel="alpha",
        ylabel="beta",
    )

    counts = np.zeros((100, 100), int)
    np.add.at(counts, tuple(pairs.T), 1)
    times = np.bincount(counts[~np.eye(100, dtype=bool)])
    axes[1, 2].bar(np.arange(len(times)), times, color=ink, alpha=0.75)
    axes[1, 2].plot(
        np.arange(len(times)), 9900 * stats.binom(COUNT, 1 / 9900).pmf(np.arange(len(times))), "o-", color=accent
    )
    axes[1, 2].set(title="how often each of the 9,900 pairs came", xlabel="times", ylabel="pairs")
    figure.savefig(path, dpi=100)


def psnr(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> float:
    return float(10 * np.log10(255**2 / max(np.mean((one.astype(float) - other) ** 2), 1e-3)))


def quality(folder: str) -> None:
    """Print the PSNR of crops against a Lanczos resize of the whole photograph, by the short side of the photograph."""
    names = sorted(p for p in Path(folder).rglob("*.jpg"))
    print("| short side | photographs | decoded at | PSNR, mean | PSNR, least | without the smaller decode, mean |")
    print("|---|---|---|---|---|---|")
    for short in (480, 1280, 1920, 2560):
        found, whole, part = [], [], 1.0
        for name in names:
            image = Image.open(name).convert("RGB")
            unit = short / min(image.size)
            if unit > 1:
                continue
            image = image.resize([round(side * unit) // 8 * 8 for side in image.size], Image.Resampling.LANCZOS)
            file = io.BytesIO()
            image.save(file, "JPEG", quality=90)
            full, smaller = (decode_photo(file.getvalue(), "", short_side=s) for s in (None, Settings().short_side))
            part = len(smaller) / len(full)
            for draw in range(4):
                recipe = make_recipe(Settings(), name.name, draw, 2)
                box, other = (boxes(recipe, 224, p.shape[1], p.shape[0])[0] for p in (full, smaller))
                oracle = np.asarray(Image.fromarray(full).resize((224, 224), Image.Resampling.LANCZOS, box=box))
                found.append(psnr(resize_box(smaller, other, 224), oracle))
                whole.append(psnr(resize_box(full, box, 224), oracle))
        if found:
            print(
                f"| {short} | {len(found) // 4} | {part:g} | {np.mean(found):.1f} dB | {min(found):.1f} dB | "
                f"{np.mean(whole):.1f} dB |"
            )


def speed() -> None:
    """Print the number of recipes, and of photographs of 640 x 480 pixels, that a core processes in a second."""
    from sshbench.lut.kernels import cpu

    cpu.default_threads = lambda: 1
    settings, bank = Settings(), LutBank.from_folder(data_folder("luts"))
    folder = tempfile.TemporaryDirectory()
    for photo in open_source("sample").photos():
        image = ImageOps.fit(Image.fromarray(photo.read()), (640, 480), Image.Resampling.LANCZOS)
        image.save(Path(folder.name) / photo.row, quality=88)
    source = open_source(folder.name)
    size = sum(p.stat().st_size for p in Path(folder.name).iterdir()) / len(source)
    print(f"{len(source)} JPEGs of 640 x 480 pixels, {size / 1000:.0f} kB on average")
    rows = [f"photos/{i:06d}.jpg" for i in range(20_000)]

    def fastest(call: Callable[[], object], count: int, times: int = 7) -> float:
        best = float("inf")
        for _ in range(times):
            begun = time.perf_counter()
            call()
            best = min(best, time.perf_counter() - begun)
        return count / best

    print(f"make_recipe: {fastest(lambda: [make_recipe(settings, row, 0, 100) for row in rows], len(rows)):,.0f}/s")
    print(f"make_recipes: {fastest(lambda: make_recipes(settings, rows, [0] * len(rows), 100), len(rows)):,.0f}/s")

    def one_by_one(views: int) -> None:
        for photo in source.photos():
            pixels = photo.read(settings.short_side)
            render(make_recipe(settings, photo.row, 0, len(bank)), settings, lambda _, p=pixels: p, bank, views=views)

    for views in (3, 4):
        rate = fastest(lambda v=views: one_by_one(v), len(source), 30)
        print(f"read and render, {views} views: {rate:,.0f} photographs/s")


if __name__ == "__main__":
    {"recipes": recipes, "quality": quality, "speed": speed}[sys.argv[1]](*sys.argv[2:])
