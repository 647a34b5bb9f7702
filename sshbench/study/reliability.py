"""Agreement of subjects, and screening by rules that are fixed before the first answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from sshbench.results.statistics import LEVEL, Estimate
from sshbench.study.designs import StudyError
from sshbench.study.opinion import interval
from sshbench.study.responses import Responses

Floats = NDArray[np.float64]

CATCH_SHARE = 2 / 3
SPEED = 0.4
_RESAMPLES = 500


@dataclass(frozen=True)
class Screening:
    """The reasons for excluding each subject, empty for those who stay, and the limits of the screening."""

    reasons: tuple[tuple[str, ...], ...]
    catch_share: float
    speed: float

    @property
    def keep(self) -> NDArray[np.bool_]:
        """Return which subjects stay, `[S]`."""
        return np.array([not own for own in self.reasons], np.bool_)


def screen(found: Responses, catch_share: float = CATCH_SHARE, speed: float = SPEED) -> Screening:
    """Screen subjects by Recommendation ITU-R BT.500 (only for scores), by catch trials, and by times.

    Parameters
    ----------
    catch_share
        The fraction of catch trials that a subject must pass.
    speed
        Subjects whose median time is below this fraction of the median over all subjects are excluded.
    """
    rejected = bt500(found.scores) if found.design == "acr" else np.zeros(len(found.subjects), np.bool_)
    medians = np.array([np.median(own) if len(own) else np.nan for own in found.seconds])
    limit = speed * np.nanmedian(medians) if len(medians) else np.nan
    reasons = []
    for s in range(len(found.subjects)):
        own = []
        passed, of = found.caught[s]
        if rejected[s]:
            own.append("BT.500")
        if of and passed < catch_share * of - 1e-9:
            own.append(f"catch trials ({passed} of {of})")
        if medians[s] < limit:
            own.append(f"time (median {medians[s]:.1f} s)")
        reasons.append(tuple(own))
    return Screening(tuple(reasons), catch_share, speed)


def bt500(scores: Floats) -> NDArray[np.bool_]:
    """Return which observers, `[S]`, Recommendation ITU-R BT.500-15, annex 1, section 2.3.1 rejects.

    For each picture, the kurtosis of the scores decides whether the limit is 2 or the root of 20 standard deviations
    from the mean. An observer is rejected if more than 5% of the scores are outside, about as often above as below: a
    constant shift is no reason. Pictures with scores of fewer than two subjects do not count.

    Parameters
    ----------
    scores
        `[S, I, M]`, NaN for questions that were not asked.
    """
    flat = scores.reshape(len(scores), -1)
    there = np.isfinite(flat)
    n = there.sum(0)
    filled = np.where(there, flat, 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = filled.sum(0) / n
        off = np.where(there, flat - mean, 0)
        second, fourth = (off**2).sum(0) / n, (off**4).sum(0) / n
        kurtosis = fourth / second**2
        spread = np.sqrt((off**2).sum(0) / (n - 1))
    far = np.where((kurtosis >= 2) & (kurtosis <= 4), 2.0, np.sqrt(20)) * spread
    counts = there & (n > 1) & (spread > 0)
    above, below = ((off >= far) & counts).sum(1), ((off <= -far) & counts).sum(1)
    judged = np.maximum(there.sum(1), 1)
    both = above + below
    one_sided = np.abs(above - below) / np.maximum(both, 1)
    return np.asarray((both / judged > 0.05) & (one_sided < 0.3))


def alpha(found: Responses, *, level: float = LEVEL, seed: int = 0) -> Estimate:
    """Return Krippendorff's alpha over all judgements, with an interval from a bootstrap over images.

    Scores are an interval scale; outcomes of pairs (lost, tied, won) and ranks are ordinal. 1 is perfect agreement, 0
    the agreement by chance.

    Raises
    ------
    StudyError
        The package krippendorff is not installed.
    """
    try:
        from krippendorff import alpha as krippendorff_alpha
    except ImportError as error:
        raise StudyError("analysing a study needs krippendorff; run pip install 'sshbench[study]'") from error
    if found.design == "pairs":
        voted = found.votes.sum(-1) > 0
        values = np.where(voted, found.votes[..., 0] - found.votes[..., 2], np.nan)
    else:
        values = found.scores
    measurement: Literal["interval", "ordinal"] = "interval" if found.design == "acr" else "ordinal"
    domain = np.unique(values[np.isfinite(values)])
    counts = np.stack([(values == one).sum(0) for one in domain], axis=-1) if len(domain) else np.zeros((0, 0, 0))
    if len(domain) < 2 or not (counts.sum(-1) > 1).any():
        return Estimate(np.nan, np.nan, np.nan, len(found.images))

    def of(images: NDArray[np.intp]) -> float:
        table = counts[images].reshape(-1, len(domain))
        table = table[table.sum(-1) > 1]  # a unit with one judgement has no information on agreement
        there = table.sum(0) > 0
        if there.sum() < 2:
            return np.nan
        return float(
            krippendorff_alpha(
                value_counts=table[:, there], value_domain=domain[there], level_of_measurement=measurement
            )
        )

    images = np.arange(len(found.images))
    random = np.random.Generator(np.random.PCG64(seed))
    drawn = np.array([of(random.integers(0, len(images), len(images))) for _ in range(_RESAMPLES)])
    return interval(of(images), drawn, len(images), level)


def steadiness(found: Responses) -> tuple[float, float, int]:
    """Return the fraction of repeated questions with the same answer, the mean absolute change, and their number."""
    pairs = np.array([pair for own in found.repeats for pair in own]).reshape(-1, 2)
    if not len(pairs):
        return np.nan, np.nan, 0
    change = np.abs(pairs[:, 0] - pairs[:, 1])
    return float(np.mean(change == 0)), float(np.mean(change)), len(pairs)
