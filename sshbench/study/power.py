"""Power: the number of subjects that a difference of a given size needs, from the variances of this study."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from sshbench.study.designs import StudyError

Floats = NDArray[np.float64]
MOST = 100_000


@dataclass(frozen=True)
class Need:
    """The number of subjects needed to find a difference, on the same and on other images; None if none is enough."""

    difference: float
    same_images: int | None
    other_images: int | None


@dataclass(frozen=True)
class Components:
    """Variances of the difference of two methods' scores, averaged over pairs: of subjects, images, and the rest."""

    subject: float
    image: float
    rest: float


def components(scores: Floats) -> Components:
    """Estimate the variances from scores `[S, I, M]` by the mean squares of a two-way layout.

    Subjects who lack a score of a pair of methods on an image are excluded from that pair.
    """
    found = []
    for a, b in combinations(range(scores.shape[2]), 2):
        d = scores[..., a] - scores[..., b]
        d = d[np.isfinite(d).all(1)]
        s, i = d.shape
        if s < 2 or i < 2:
            continue
        mean = d.mean()
        by_subject, by_image = d.mean(1) - mean, d.mean(0) - mean
        rest = float(((d - mean - by_subject[:, None] - by_image) ** 2).sum() / ((s - 1) * (i - 1)))
        subject = float((by_subject**2).sum() / (s - 1)) - rest / i
        image = float((by_image**2).sum() / (i - 1)) - rest / s
        found.append((max(subject, 0.0), max(image, 0.0), rest))
    if not found:
        return Components(np.nan, np.nan, np.nan)
    return Components(*(float(v) for v in np.mean(found, axis=0)))


def subjects_for(difference: float, images: int, parts: Components, *, level: float = 0.05, power: float = 0.8) -> Need:
    """Return the number of subjects that find a difference with the given power, by a two-sided t test at `level`.

    On the same images, a subject's mean difference over the images is one observation (statsmodels' TTestPower). With
    other images, the variance of the images does not fall with more subjects, so that no number may be enough.
    """
    if not np.isfinite(parts.rest):
        return Need(difference, None, None)
    try:
        from statsmodels.stats.power import TTestPower
    except ImportError as error:
        raise StudyError("analysing a study needs statsmodels; run pip install 'sshbench[study]'") from error
    spread = np.sqrt(parts.subject + parts.rest / images)
    test = TTestPower()

    def on_these(subjects: int) -> float:
        return 1.0 if spread == 0 else float(test.power(difference / spread, subjects, level))

    def on_others(subjects: int) -> float:
        return _power(difference, subjects, images, parts, level)

    return Need(difference, _fewest(on_these, power), _fewest(on_others, power))


def _fewest(power_of: Callable[[int], float], power: float) -> int | None:
    """Return the smallest number of subjects that reaches the power; None if no number does."""
    low = high = 2
    while not power_of(high) >= power:  # doubles, because the noncentral t distribution fails far beyond the answer
        if high >= MOST:
            return None
        low, high = high, min(2 * high, MOST)
    while low < high:
        middle = (low + high) // 2
        if power_of(middle) >= power:
            high = middle
        else:
            low = middle + 1
    return low


def _power(difference: float, subjects: int, images: int, parts: Components, level: float) -> float:
    from scipy.stats import nct
    from scipy.stats import t as student

    variance = parts.subject / subjects + parts.image / images + parts.rest / (subjects * images)
    if variance == 0:
        return 1.0
    freedom = min(subjects, images) - 1
    edge = student.ppf(1 - level / 2, freedom)
    shift = difference / np.sqrt(variance)
    return float(nct.sf(edge, freedom, shift) + nct.cdf(-edge, freedom, shift))
