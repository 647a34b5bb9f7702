"""Mean opinion scores and differences, with intervals over random subjects and images.

The two-way bootstrap draws subjects and images independently (A. B. Owen, "The pigeonhole bootstrap", Annals of Applied
Statistics 1 (2), 2007). It never understates the variance, and is slightly too wide if answers are noisy.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from sshbench.results.statistics import LEVEL, Estimate, holm, tails

Floats = NDArray[np.float64]
RESAMPLES = 2000


@dataclass(frozen=True, eq=False)
class Draws:
    """How often each resample draws each subject, `[B, S]`, and each image, `[B, I]`."""

    subjects: Floats
    images: Floats


@dataclass(frozen=True)
class Difference:
    """The difference of methods `a` and `b`, with an interval, p, and p after Holm's correction."""

    a: int
    b: int
    value: float
    low: float
    high: float
    p: float
    corrected: float


def draw(subjects: int, images: int, resamples: int = RESAMPLES, seed: int = 0) -> Draws:
    """Draw subjects and images with replacement, independently; equal arguments give equal draws."""
    random = np.random.Generator(np.random.PCG64(seed))
    return Draws(_counts(subjects, resamples, random), _counts(images, resamples, random))


def _counts(n: int, resamples: int, random: np.random.Generator) -> Floats:
    return random.multinomial(n, np.full(n, 1 / n), size=resamples).astype(np.float64)


def means(scores: Floats) -> Floats:
    """Return the mean `[M]` of scores `[S, I, M]`; NaN for a method without scores."""
    there = np.isfinite(scores)
    total, count = np.where(there, scores, 0).sum((0, 1)), there.sum((0, 1))
    return np.asarray(np.divide(total, count, out=np.full(len(count), np.nan), where=count > 0))


def bootstrap_means(scores: Floats, draws: Draws) -> Floats:
    """Return the means `[B, M]` of each resample."""
    there = np.isfinite(scores)
    return weighted(np.where(there, scores, 0), draws) / weighted(there.astype(np.float64), draws)


def weighted(values: Floats, draws: Draws) -> Floats:
    """Return the sums `[B, K]` of values `[S, I, K]` over subjects and images, weighted by the draws."""
    subjects, images, count = values.shape
    by_image = (draws.subjects @ values.reshape(subjects, images * count)).reshape(-1, images, count)
    return np.asarray(np.einsum("bik,bi->bk", by_image, draws.images))


def interval(value: float, resampled: Floats, n: int, level: float = LEVEL) -> Estimate:
    """Return an expanded percentile interval; `n` is the smaller of the numbers of subjects and of images.

    Resamples without a value are ignored. With one subject or one image there is no interval.
    """
    found = resampled[np.isfinite(resampled)]
    if n < 2 or len(found) < 100 or not np.isfinite(value):
        return Estimate(value, np.nan, np.nan, n)
    low, high = np.quantile(found, tails(n, level))
    return Estimate(value, float(low), float(high), n)


def opinion(scores: Floats, *, level: float = LEVEL, resamples: int = RESAMPLES, seed: int = 0) -> list[Estimate]:
    """Return the mean opinion score of each method and its interval; `scores` is `[S, I, M]`."""
    n = min(scores.shape[:2])
    with np.errstate(invalid="ignore", divide="ignore"):
        drawn = bootstrap_means(scores, draw(scores.shape[0], scores.shape[1], resamples, seed))
    return [interval(float(v), drawn[:, m], n, level) for m, v in enumerate(means(scores))]


def differences(values: Floats, resampled: Floats, n: int, *, level: float = LEVEL) -> list[Difference]:
    """Compare all pairs of methods by their values `[M]` and resampled values `[B, M]`.

    p comes from a t test with n - 1 degrees of freedom on the standard deviation over resamples, which is multiplied by
    n / (n - 1), because the bootstrap of few units is too narrow. Holm's correction is over all pairs.
    """
    from scipy.stats import t as student

    found = []
    for a, b in combinations(range(len(values)), 2):
        if not np.isfinite(values[a] - values[b]):
            continue
        drawn = resampled[:, a] - resampled[:, b]
        one = interval(float(values[a] - values[b]), drawn, n, level)
        spread = float(np.nanstd(drawn)) * np.sqrt(n / max(n - 1, 1))
        p = np.nan if n < 2 else 1.0 if spread == 0 and one.mean == 0 else 0.0 if spread == 0 else float(
            2 * student.sf(abs(one.mean) / spread, n - 1)
        )  # fmt: skip
        found.append((a, b, one, p))
    corrected = holm([p for *_, p in found])
    return [
        Difference(a, b, one.mean, one.low, one.high, p, q) for (a, b, one, p), q in zip(found, corrected, strict=True)
    ]


def score_differences(
    scores: Floats, *, level: float = LEVEL, resamples: int = RESAMPLES, seed: int = 0
) -> list[Difference]:
    """Compare the mean opinion scores of all pairs of methods."""
    with np.errstate(invalid="ignore", divide="ignore"):
        drawn = bootstrap_means(scores, draw(scores.shape[0], scores.shape[1], resamples, seed))
    return differences(means(scores), drawn, min(scores.shape[:2]), level=level)
