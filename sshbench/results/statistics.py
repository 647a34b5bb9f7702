"""Estimate the uncertainty of means and of their differences: bootstrap intervals, paired tests and their correction.

The images are the sample. An interval covers the mean over other images of the same kind.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

RESAMPLES = 5000
_DRAWN = 10_000_000  # limit of the images drawn over all resamples; large benchmarks use fewer resamples
LEVEL = 0.95
CAPPED = 100.0  # dB that replace an infinite PSNR in means; at 256 x 256, an error of 1 in one value gives 101 dB


@dataclass(frozen=True)
class Estimate:
    """A mean over `n` images and its interval; NaN if there are too few images."""

    mean: float
    low: float
    high: float
    n: int


@dataclass(frozen=True)
class Versus:
    """The mean of paired differences to another method, its interval, and the p of Wilcoxon's signed-rank test."""

    difference: float
    low: float
    high: float
    p: float
    n: int


def capped(values: ArrayLike) -> Floats:
    """Return values for means. Infinity, the PSNR of identical images, becomes 100 dB (`CAPPED`)."""
    numbers = np.asarray(values, np.float64)
    return np.where(np.isposinf(numbers), CAPPED, numbers)


def estimate(values: ArrayLike, *, level: float = LEVEL, resamples: int = RESAMPLES, seed: int = 0) -> Estimate:
    """Return the mean of values `[n]` and its bootstrap interval.

    The interval is the expanded percentile interval of Hesterberg, "What teachers should know about the bootstrap", The
    American Statistician 69 (4), 2015, section 4.3. For few values, the interval is about as wide as Student's t
    interval, and it follows the skewness of the values. Equal arguments give equal intervals.
    """
    numbers = capped(values)
    n = len(numbers)
    if n == 0:
        return Estimate(np.nan, np.nan, np.nan, 0)
    mean = math.fsum(numbers) / n
    if n == 1:
        return Estimate(mean, np.nan, np.nan, 1)
    # Resampling deviations from the mean gives equal values a width of exactly zero. Infinite values have no interval.
    with np.errstate(invalid="ignore"):
        means = mean + _weights(n, max(min(resamples, _DRAWN // n), 200), seed) @ (numbers - mean)
        low, high = np.quantile(means, tails(n, level))
    return Estimate(mean, float(low), float(high), n)


def weighted_estimate(
    parts: Sequence[ArrayLike], shares: Sequence[float], *, level: float = LEVEL, seed: int = 0
) -> Estimate:
    """Return the mean of the means of parts, weighted by their shares, and its bootstrap interval.

    The bootstrap draws images within each part, as deviations from the part's mean that are scaled to an unbiased
    variance. A part of one image has no deviation and uses the deviations of all other parts ("collapsed strata",
    Cochran, "Sampling techniques", 1977, section 5A.12). The interval is expanded as in `estimate`, by Student's t with
    the degrees of freedom of Satterthwaite (Biometrics Bulletin 2 (6), 1946).

    Parameters
    ----------
    parts
        The values `[n]` of each part.
    shares
        The shares of the parts, with the sum 1. A part with the share 0 does not count.

    Returns
    -------
    Estimate
        The estimate. All its values are NaN if a part with a share has no value; the interval is NaN if no part has two
        values.
    """
    from scipy.special import ndtr, stdtrit

    counted = [(capped(values), share) for values, share in zip(parts, shares, strict=True) if share]
    n = sum(len(values) for values, _ in counted)
    if not all(len(values) for values, _ in counted):
        return Estimate(np.nan, np.nan, np.nan, n)
    mean = math.fsum(share * math.fsum(values) / len(values) for values, share in counted)
    own = [(v - v.mean()) * np.sqrt(len(v) / (len(v) - 1)) if len(v) > 1 else np.empty(0) for v, _ in counted]
    pooled = np.concatenate(own)
    if not len(pooled):
        return Estimate(mean, np.nan, np.nan, n)
    drawn = np.random.Generator(np.random.PCG64(seed))
    means = np.full(max(min(RESAMPLES, _DRAWN // n), 200), mean)
    variances, degrees = [], []
    for (values, share), deviations in zip(counted, own, strict=True):
        pool = deviations if len(values) > 1 else pooled
        means += share * pool[drawn.integers(0, len(pool), (len(means), len(values)))].mean(axis=1)
        variances.append(share**2 * float(np.mean(pool**2)) / len(values))
        degrees.append(len(pool) - 1)
    spread = sum(variances)
    freedom = spread**2 / sum(v**2 / d for v, d in zip(variances, degrees, strict=True)) if spread else np.inf
    tail = float(ndtr(stdtrit(freedom, (1 - level) / 2))) if spread else (1 - level) / 2
    low, high = np.quantile(means, (tail, 1 - tail))
    return Estimate(mean, float(low), float(high), n)


def versus(values: ArrayLike, best: ArrayLike, *, level: float = LEVEL, seed: int = 0) -> Versus:
    """Return the differences values - best of two methods on the same images; both are `[n]`.

    The p value is that of the two-sided Wilcoxon signed-rank test. Images without a difference do not count. If no
    image has a difference, p is 1.
    """
    from scipy.stats import wilcoxon

    differences = capped(values) - capped(best)
    found = estimate(differences, level=level, seed=seed)
    p = float(wilcoxon(differences).pvalue) if np.any(differences) else 1.0
    return Versus(found.mean, found.low, found.high, p if found.n else np.nan, found.n)


def holm(p_values: Sequence[float]) -> list[float]:
    """Return the p values of a family of tests, corrected by Holm's step-down method (Scand. J. Statistics 6, 1979)."""
    p = np.asarray(p_values, np.float64)
    order = np.argsort(p, kind="stable")
    stepped = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    corrected = np.empty_like(p)
    corrected[order] = np.minimum(stepped, 1.0)
    return [float(p) for p in corrected]


@lru_cache(maxsize=8)
def _weights(n: int, resamples: int, seed: int) -> NDArray[np.float64]:
    """Return the weights `[resamples, n]`: how often each image is drawn, divided by n, equal for all methods."""
    drawn = np.random.Generator(np.random.PCG64(seed)).integers(0, n, (resamples, n))
    rows = np.arange(resamples)[:, None] * n
    return np.bincount((drawn + rows).ravel(), minlength=resamples * n).reshape(resamples, n) / n


def tails(n: int, level: float) -> Floats:
    """Return the lower and the upper quantile of an expanded percentile interval over `n` units; see `estimate`."""
    from scipy.special import ndtr, stdtrit

    tail = float(ndtr(np.sqrt(n / (n - 1)) * stdtrit(n - 1, (1 - level) / 2)))
    return np.array([tail, 1 - tail])
