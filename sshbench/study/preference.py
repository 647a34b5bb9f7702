"""Bradley-Terry scores with ties, and the win matrix, from votes between pairs of methods.

The model is that of P. V. Rao and L. L. Kupper, "Ties in paired-comparison experiments", JASA 62, 1967: the difference
of two scores plus logistic noise is a win above a threshold, a loss below minus that threshold, and a tie between.
Without ties it is Bradley and Terry's model. choix does not support ties, and statsmodels' OrderedModel, which is the
same model, fits one set of votes at a time. The fit here processes all resamples of a bootstrap at once, and the tests
compare it with both.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sshbench.results.statistics import LEVEL, Estimate
from sshbench.study.opinion import RESAMPLES, Difference, differences, draw, interval, weighted

Floats = NDArray[np.float64]

PRIOR = 0.01  # strength of a normal prior, which keeps the score of a method that always wins finite
_STEPS, _TOLERANCE = 100, 1e-9


@dataclass(frozen=True)
class Preference:
    """Scores in logits, whose mean is 0, with intervals; the tie threshold; and the differences of all pairs."""

    scores: tuple[Estimate, ...]
    threshold: float
    differences: tuple[Difference, ...]


def win_matrix(votes: Floats, pairs: Sequence[tuple[int, int]], methods: int) -> tuple[Floats, Floats]:
    """Return wins `[M, M]` (row over column) and ties `[M, M]` (symmetric) of votes `[S, I, P, 3]`."""
    total = votes.sum((0, 1))
    wins, ties = np.zeros((methods, methods)), np.zeros((methods, methods))
    for place, (a, b) in enumerate(pairs):
        wins[a, b], wins[b, a] = total[place, 0], total[place, 2]
        ties[a, b] = ties[b, a] = total[place, 1]
    return wins, ties


def preference(
    votes: Floats, pairs: Sequence[tuple[int, int]], methods: int, *,
    level: float = LEVEL, resamples: int = RESAMPLES, seed: int = 0,
) -> Preference:  # fmt: skip
    """Fit the model to votes `[S, I, P, 3]`; intervals are those of the two-way bootstrap."""
    subjects, images = votes.shape[:2]
    n = min(subjects, images)
    scores, threshold = fit(votes.sum((0, 1))[None], pairs, methods)
    draws = draw(subjects, images, resamples, seed)
    counts = weighted(votes.reshape(subjects, images, -1), draws).reshape(-1, len(pairs), 3)
    drawn, _ = fit(counts, pairs, methods, start=(scores[0], float(threshold[0])))
    estimates = tuple(interval(float(scores[0, m]), drawn[:, m], n, level) for m in range(methods))
    return Preference(estimates, float(threshold[0]), tuple(differences(scores[0], drawn, n, level=level)))


def fit(
    counts: Floats, pairs: Sequence[tuple[int, int]], methods: int, start: tuple[Floats, float] | None = None
) -> tuple[Floats, Floats]:
    """Fit many sets of votes at once by Newton's method.

    Parameters
    ----------
    counts
        `[B, P, 3]`: wins of the first of a pair, ties, wins of the second.
    start
        The initial scores and threshold.

    Returns
    -------
    Scores `[B, M]`, each row with mean 0, and thresholds `[B]`, 0 without ties.
    """
    design = np.zeros((len(pairs), methods))
    for place, (a, b) in enumerate(pairs):
        design[place, a], design[place, b] = 1, -1
    size = len(counts)
    ties = counts[..., 1].sum(-1) > 0
    begin = (np.zeros(methods), 0.5) if start is None else start
    parameters = np.empty((size, methods + 1))
    parameters[:, :methods] = begin[0]
    parameters[:, methods] = np.where(ties, max(begin[1], 0.05), 0.0)
    value = _loss(parameters, counts, design)
    active = np.arange(size)
    for _ in range(_STEPS):
        gradient, hessian = _derivatives(parameters[active], counts[active], design, ties[active])
        step = np.linalg.solve(hessian, gradient[..., None])[..., 0]
        length = np.ones(len(active))
        for _ in range(40):  # halve the step if the loss would grow or the threshold become negative
            trial = parameters[active] - length[:, None] * step
            new = _loss(trial, counts[active], design)
            worse = ~(new <= value[active] + 1e-12)
            if not worse.any():
                break
            length[worse] /= 2
        parameters[active], value[active] = trial, new
        active = active[np.abs(length[:, None] * step).max(-1) > _TOLERANCE]
        if not len(active):
            break
    scores = parameters[:, :methods]
    return scores - scores.mean(-1, keepdims=True), parameters[:, methods]


def _parts(parameters: Floats, design: Floats) -> tuple[Floats, Floats, Floats]:
    edge = parameters[:, -1:]
    apart = parameters[:, :-1] @ design.T
    return (
        apart,
        edge - apart,
        -edge - apart,
    )  # the last two are the arguments of the logistic function at both edges of a tie


def _loss(parameters: Floats, counts: Floats, design: Floats) -> Floats:
    """Return the negative logarithm of likelihood and prior, `[B]`; infinite for a negative threshold."""
    _, upper, lower = _parts(parameters, design)
    with np.errstate(divide="ignore", invalid="ignore"):
        tie = np.log(_logistic(upper) - _logistic(lower))
        terms = counts[..., 0] * np.logaddexp(0, upper) + counts[..., 2] * np.logaddexp(0, -lower)
        terms = terms - np.where(counts[..., 1] > 0, counts[..., 1] * tie, 0)
    loss = terms.sum(-1) + PRIOR / 2 * (parameters[:, :-1] ** 2).sum(-1)
    return np.where((parameters[:, -1] < 0) | np.isnan(loss), np.inf, loss)


def _derivatives(parameters: Floats, counts: Floats, design: Floats, ties: NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """Return the gradient `[B, M + 1]` and the Hessian `[B, M + 1, M + 1]` of the loss."""
    _, upper, lower = _parts(parameters, design)
    first, tied, second = np.moveaxis(counts, -1, 0)
    u, v = _logistic(upper), _logistic(lower)
    fu, fv = u * (1 - u), v * (1 - v)
    gu, gv = fu * (1 - 2 * u), fv * (1 - 2 * v)
    middle = np.maximum(u - v, 1e-300)
    on = np.where(tied > 0, tied / middle, 0)
    # With the difference d of two scores and the threshold e: upper = e - d, lower = -e - d.
    by_d = -first * u + second * (1 - v) - on * (fv - fu)
    by_e = first * u + second * (1 - v) - on * (fu + fv)
    dd = first * fu + second * fv - on * ((gu - gv) - (fv - fu) ** 2 / middle)
    de = -first * fu + second * fv - on * (-(gu + gv) - (fv - fu) * (fu + fv) / middle)
    ee = first * fu + second * fv - on * ((gu - gv) - (fu + fv) ** 2 / middle)
    methods = design.shape[1]
    gradient = np.empty((len(parameters), methods + 1))
    gradient[:, :methods] = by_d @ design + PRIOR * parameters[:, :-1]
    gradient[:, methods] = np.where(ties, by_e.sum(-1), 0)
    hessian = np.zeros((len(parameters), methods + 1, methods + 1))
    hessian[:, :methods, :methods] = np.einsum("bp,pm,pn->bmn", dd, design, design) + PRIOR * np.eye(methods)
    cross = np.where(ties[:, None], de @ design, 0)
    hessian[:, :methods, methods] = hessian[:, methods, :methods] = cross
    hessian[:, methods, methods] = np.where(ties, ee.sum(-1), 1)
    return gradient, hessian


def _logistic(x: Floats) -> Floats:
    return np.asarray(0.5 * (1 + np.tanh(x / 2)))
