"""Compare the hundred looks with real film looks on photographs, and write `docs/looks.md` with its figures.

`python -m tools.compare_looks --photos DIR --film FILE` needs matplotlib. DIR holds photographs (JPEG or PNG). FILE is
an `.npz` file with `luts` `[K, N, N, N, 3]` (uint16, indexed B, G, R) and `names`, whose folders name the makers.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.optimize import nnls

from sshbench.folders import data_folder
from sshbench.lut.looks import LOOKS
from tests.lut.measure import Array, ciede2000, distances, sample, to_lab, transformed

PHOTOS, EACH = 400, 30
OURS, FILM = "looks of luts/", "film looks"
COLOURS = {OURS: "#c2562d", FILM: "#2d6f8e", "film looks of other makers": "#8a8a8a"}


@dataclass(frozen=True)
class Collection:
    """The effect of looks on the sampled pixels: their Lab values `[K, P, 3]` under each look, and the originals."""

    seen: Array
    original: Array

    @property
    def moved(self) -> Array:
        """The displacements of the pixels in Lab, `[K, P * 3]`."""
        return (self.seen - self.original).reshape(len(self.seen), -1)

    def strength(self) -> dict[str, Array]:
        """Return the mean CIEDE2000 and the mean CIE76 displacement of each look."""
        de00 = ciede2000(np.broadcast_to(self.original, self.seen.shape), self.seen).mean(axis=1)
        return {"CIEDE2000": de00, "CIE76": np.linalg.norm(self.seen - self.original, axis=-1).mean(axis=1)}

    def nearest(self) -> Array:
        """Return the mean CIEDE2000 from each look to the nearest other look, over every tenth pixel."""
        return distances(self.seen[:, ::10]).min(axis=1)

    def variance(self) -> Array:
        """Return the cumulative share of the displacements' sum of squares in their first principal directions."""
        squares = np.linalg.svd(self.moved, compute_uv=False) ** 2
        return np.asarray(np.cumsum(squares) / squares.sum())


def explained(target: Array, basis: Array, fit: NDArray[np.bool_], *, convex: bool) -> Array:
    """Return the share of each row of `target` `[K, D]` that the closest mixture of rows of `basis` `[M, D]` explains.

    The weights of the mixture are fitted on the columns where `fit` is True, and the share is measured on the others.
    The weights are real numbers (with a ridge of 1e-5 of the mean square). With `convex`, they are at least 0 and sum
    to at most 1; the untouched picture has the remaining weight. The share is 1 - residual / displacement, where both
    are sums of squares.
    """
    known, held = basis[:, fit], basis[:, ~fit]
    gram = known @ known.T
    if convex:
        # These are the same least squares, with as many rows as looks and a heavy row that makes the weights sum to 1.
        root = np.linalg.cholesky(gram + 1e-9 * np.trace(gram) * np.eye(len(basis))).T
        right = np.linalg.solve(root.T, known @ target[:, fit].T)
        heavy = 100 * np.abs(root).max()
        system = np.vstack([np.c_[root, np.zeros(len(basis))], np.full(len(basis) + 1, heavy)])
        weights = np.stack([nnls(system, np.r_[column, heavy])[0][:-1] for column in right.T])
    else:
        ridge = 1e-5 * np.trace(gram) / len(basis)
        weights = np.linalg.solve(gram + ridge * np.eye(len(basis)), known @ target[:, fit].T).T
    left = target[:, ~fit] - weights @ held
    return np.asarray(1 - (left**2).sum(axis=1) / (target[:, ~fit] ** 2).sum(axis=1))


def bends(tables: Array) -> dict[str, Array]:
    """Return the largest second difference of each table in `[K, N, N, N, 3]`, along the greys and along any axis."""
    grid = np.arange(tables.shape[1])
    along = [np.abs(np.diff(tables, 2, axis=a)).max(axis=(1, 2, 3, 4)) for a in (1, 2, 3)]
    return {
        "greys": np.abs(np.diff(tables[:, grid, grid, grid], 2, axis=1)).max(axis=(1, 2)),
        "any axis": np.max(along, axis=0),
    }


def read_pixels(folder: Path) -> Array:
    """Return `EACH` random pixels of each of `PHOTOS` photographs that are drawn at random from `folder`."""
    paths = sorted(path for path in folder.iterdir() if path.suffix.lower() in {".jpg", ".jpeg", ".png"})
    chosen = np.random.default_rng(0).choice(len(paths), min(PHOTOS, len(paths)), replace=False)
    return sample([np.asarray(Image.open(paths[i]).convert("RGB")) for i in chosen], EACH)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--photos", type=Path, required=True)
    parser.add_argument("--film", type=Path, required=True)
    args = parser.parse_args()
    pixels = read_pixels(args.photos)
    original = to_lab(pixels)
    with np.load(args.film) as archive:
        tables, names = archive["luts"].astype(np.float64) / 65535, [str(name) for name in archive["names"]]
    film = Collection(np.stack([to_lab(transformed(table, pixels)) for table in tables]), original)
    our_tables = np.stack([look.lut().values for look in LOOKS])
    ours = Collection(np.stack([to_lab(transformed(table, pixels)) for table in our_tables]), original)

    # Weights are fitted on every second photograph and measured on the others.
    fit = np.repeat(np.arange(len(pixels)) // EACH % 2 == 0, 3)
    makers = np.array([Path(name).parent.name for name in names])
    free, convex = (explained(film.moved, ours.moved, fit, convex=c) for c in (False, True))
    others = {c: np.empty(len(names)) for c in (False, True)}
    for maker in np.unique(makers):
        theirs = makers == maker
        for c in others:
            others[c][theirs] = explained(film.moved[theirs], film.moved[~theirs], fit, convex=c)
    back = explained(ours.moved, film.moved, fit, convex=False)

    docs = data_folder("luts").parent / "docs"
    strengths = {OURS: ours.strength(), FILM: film.strength()}
    near = {OURS: ours.nearest(), FILM: film.nearest()}
    variance = {OURS: ours.variance(), FILM: film.variance()}
    shares = {
        "film by ours, any weights": free,
        "film by ours, weights from 0, sum at most 1": convex,
        "film by film of other makers, any weights": others[False],
        "film by film of other makers, weights from 0, sum at most 1": others[True],
        "ours by film, any weights": back,
    }
    draw(docs / "looks" / "comparison.png", strengths, near, variance, shares)
    smooth = {OURS: bends(our_tables), FILM: bends(tables)}
    text = report(len(pixels), names, strengths, near, variance, shares, smooth)
    (docs / "looks.md").write_text(text, encoding="utf-8")


def report(count, names, strengths, near, variance, shares, smooth) -> str:
    """Return the text of `docs/looks.md`."""

    def row(label, values, quantiles, digits):
        return f"| {label} | " + " | ".join(f"{v:.{digits}f}" for v in np.percentile(values, quantiles)) + " |"

    def table(title, rows, quantiles, digits):
        head = [f"| {title} | " + " | ".join(f"{q}%" if q not in (0, 50, 100) else EDGE[q] for q in quantiles) + " |"]
        head.append("|---|" + "---:|" * len(quantiles))
        return "\n".join(head + [row(label, values, quantiles, digits) for label, values in rows])

    spread = (0, 10, 25, 50, 75, 90, 100)
    strength = table(
        "mean displacement",
        [
            (f"{c}, {name}", values)
            for c in ("CIEDE2000", "CIE76")
            for name, values in ((k, v[c]) for k, v in strengths.items())
        ],
        spread,
        1,
    )
    smoothness = table(
        "largest second difference",
        [(f"{where}, {name}", v[where]) for where in ("greys", "any axis") for name, v in smooth.items()],
        spread,
        3,
    )
    directions = (1, 2, 3, 4, 6, 8, 12, 16)
    shown = "\n".join(
        [
            "| share of the sum of squares in the first | " + " | ".join(map(str, directions)) + " |",
            "|---|" + "---:|" * len(directions),
            *(
                f"| {name} | " + " | ".join(f"{v[d - 1]:.3f}" for d in directions) + " |"
                for name, v in variance.items()
            ),
        ]
    )
    blends = [values for label, values in shares.items() if "at most 1" in label]
    return TEXT.format(
        film=len(names),
        count=count,
        photos=PHOTOS,
        each=EACH,
        strength=strength,
        near=table("distance to the nearest other look", list(near.items()), spread, 1),
        same=int((near[FILM] < 2).sum()),
        closest=near[OURS].min(),
        variance=shown,
        smoothness=smoothness,
        blend=np.median(blends[0]),
        blend_low=np.percentile(blends[0], 5),
        film_blend=np.median(blends[1]),
        film_blend_low=np.percentile(blends[1], 5),
        shares=table("share explained", list(shares.items()), (0, 5, 10, 25, 50, 75), 3),
    )


EDGE = {0: "least", 50: "median", 100: "most"}
TEXT = """# The hundred looks beside film

`luts/` holds one hundred parametric looks of our own. This page compares them with {film} real film looks, the
RawTherapee Film Simulation collection (Pat David, Pavlov Dmitry, Michael Ezra; CC BY-SA 4.0, measured here and not
copied), as 17^3 tables, on {count} pixels: {each} from each of {photos} photographs drawn from a mixed set (COCO,
ECSSD, CCP, BSDS and ImageNet).

![Every look on the same photographs, the untouched ones first](looks/contact_sheet.png)

Numbers and figure: `python -m tools.compare_looks --photos DIR --film FILE`; the contact sheet and the strengths in
`luts/README.md`: `python -m tools.look_card`.

![Strength, nearest neighbours, principal directions and share of film explained](looks/comparison.png)

## Strength

Mean difference between a photograph with and without the look. A set of 100 LUTs collected from the web and used in
this field has a tenth percentile, median and ninetieth percentile of mean CIE76 of 16, 23 and 37; film stocks are
gentler, ours lie between the two and nearer the former.

{strength}

## Distance between looks

Mean CIEDE2000 on the photographs from each look to the nearest other one of its collection. Film stocks come in pushed,
pulled and aged variants, so that {same} of the {film} have another one nearer than 2. No two of ours are nearer than
{closest:.1f}.

{near}

## Directions

Displacements of all sampled pixels, stacked (Lab, three numbers a pixel), one row a look; the share of their sum of
squares that lies in the first principal directions. The smaller, the more varied.

{variance}

## Smoothness

Second differences of the tables (17 points per axis, values 0..1): where they are large a gradient shows an edge.

{smoothness}

## How much of a film look ours explain

Each film look's displacement as a mixture of ours, by least squares: weights fitted on half of the photographs, the
share explained (1 - residual / displacement, sums of squares) on the other half. With any weights the mixture is a
linear model; with weights from 0 that sum to at most 1 it is a blend that an editor could make of layers. The yardstick
is the same with the film looks of all other makers instead of ours. Blended, ours explain {blend:.2f} of the median
film look and {blend_low:.2f} at the fifth percentile, film of other makers {film_blend:.2f} and {film_blend_low:.2f}.

{shares}

## The same bytes everywhere

Baked with numpy's vector code and OpenBLAS held to SSE, to AVX2 and not held (x86-64, numpy 2.4, colour-science 0.4.7),
the values differ by at most 1.5e-14, the nearest of them is 2.9e-12 from where rounding to five decimals would change,
and the files are equal (as they are with numpy 1.26, SciPy 1.11 and colour-science 0.4.6 without the native kernels):

```
export OPENBLAS_CORETYPE=Nehalem
export NPY_DISABLE_CPU_FEATURES=AVX512F,AVX512CD,AVX512_SKX,AVX512_CLX,AVX512_CNL,AVX512_ICL,AVX2,FMA3
sshbench lut bake -o baked && diff -r --exclude=README.md baked luts
```
"""


def draw(path, strengths, near, variance, shares) -> None:
    """Draw the comparison as one figure of four panels."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, grid = plt.subplots(2, 2, figsize=(11, 7), dpi=110, layout="constrained")
    axes = grid.ravel()
    for name in (OURS, FILM):
        for axis, values in ((axes[0], strengths[name]["CIEDE2000"]), (axes[1], near[name])):
            axis.hist(
                values,
                np.linspace(0, 32 if axis is axes[0] else 16, 33),
                density=True,
                alpha=0.6,
                color=COLOURS[name],
                label=name,
            )
        axes[2].plot(np.arange(1, 21), variance[name][:20], "o-", ms=3, color=COLOURS[name], label=name)
    axes[0].set(title="Strength", xlabel="mean CIEDE2000 to the original", ylabel="density")
    axes[1].set(title="Nearest other look", xlabel="mean CIEDE2000")
    axes[2].set(title="Principal directions", xlabel="number", ylabel="share of the sum of squares", ylim=(0, 1.02))
    styles = {"film by ours": COLOURS[OURS], "film by film": COLOURS["film looks of other makers"]}
    for label, values in shares.items():
        if colour := styles.get(label[:12]):
            line = "-" if "any" in label else "--"
            axes[3].plot(np.sort(values), np.linspace(0, 1, len(values)), line, color=colour, label=label)
    axes[3].set(
        title="Film looks explained by a mixture", xlabel="share explained", ylabel="film looks below", xlim=(0, 1)
    )
    for axis in axes:
        axis.legend(fontsize=8, frameon=False)
        axis.spines[["top", "right"]].set_visible(False)
    figure.savefig(path)


if __name__ == "__main__":
    main()
