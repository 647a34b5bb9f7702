"""Rank correlations, with intervals, between each metric of `evaluate` and the answers of people."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sshbench.results.statistics import Estimate, capped
from sshbench.results.summary import higher_is_better
from sshbench.study.opinion import draw, interval
from sshbench.study.responses import Responses

Floats = NDArray[np.float64]
RESAMPLES = 1000
_CHUNK = 50


@dataclass(frozen=True)
class Agreement:
    """Correlations of one metric under one protocol with people; 1 if both give the same order.

    `kendall` and `spearman` are over all pictures together; None if people only compared versions of the same image.
    `kendall_within` and `spearman_within` are means over images of the correlation over methods.
    """

    protocol: str
    metric: str
    kendall: Estimate | None
    spearman: Estimate | None
    kendall_within: Estimate
    spearman_within: Estimate


def agreements(
    found: Responses, metrics: Sequence[tuple[str, str, str, str, float]], *, seed: int = 0, resamples: int = RESAMPLES
) -> list[Agreement]:
    """Correlate metrics, given as rows of image, method, protocol, metric and value, with scores.

    The intervals resample subjects and images. If a metric lacks a picture, it is correlated over the others.
    """
    places = {name: place for place, name in enumerate(found.images)}, {m: k for k, m in enumerate(found.methods)}
    tables: dict[tuple[str, str], Floats] = {}
    for image, method, protocol, metric, value in metrics:
        if image in places[0] and method in places[1]:
            table = tables.setdefault((protocol, metric), np.full((len(found.images), len(found.methods)), np.nan))
            table[places[0][image], places[1][method]] = float(capped(value)) * (1 if higher_is_better(metric) else -1)
    subjects, images = found.scores.shape[:2]
    draws = draw(subjects, images, resamples, seed)
    there = np.isfinite(found.scores)
    shape = (subjects, -1)
    with np.errstate(invalid="ignore", divide="ignore"):
        said = np.where(there, found.scores, 0).sum(0) / there.sum(0)
        totals = draws.subjects @ np.where(there, found.scores, 0).reshape(shape)
        resampled = (totals / (draws.subjects @ there.reshape(shape).astype(np.float64))).reshape(-1, *said.shape)
    n = min(subjects, images)
    across = found.design == "acr"
    return [
        Agreement(protocol, metric, *_one(said, table, resampled, draws.images, n, across))
        for (protocol, metric), table in tables.items()
    ]


def _one(
    said: Floats, table: Floats, resampled: Floats, images: Floats, n: int, across: bool
) -> tuple[Estimate | None, Estimate | None, Estimate, Estimate]:
    overall: list[Estimate | None] = [None, None]
    if across:
        x, y = table.ravel(), said.ravel()
        good = np.isfinite(x) & np.isfinite(y)
        drawn: list[list[Floats]] = [[], []]
        for start in range(0, len(resampled), _CHUNK):
            part = slice(start, start + _CHUNK)
            weights = np.repeat(images[part], table.shape[1], axis=1)[:, good]
            ys = resampled[part].reshape(len(weights), -1)[:, good]
            drawn[0].append(kendall(x[good], ys, weights))
            drawn[1].append(spearman(x[good], ys, weights))
        one = np.ones((1, int(good.sum())))
        overall = [
            interval(float(kendall(x[good], y[good][None], one)[0]), np.concatenate(drawn[0]), n),
            interval(float(spearman(x[good], y[good][None], one)[0]), np.concatenate(drawn[1]), n),
        ]
    within = []
    for function in (kendall, spearman):
        values, parts = [], []
        for i in range(len(table)):
            good = np.isfinite(table[i]) & np.isfinite(said[i])
            one = np.ones((1, int(good.sum())))
            values.append(function(table[i, good], said[i, good][None], one)[0])
            ys = resampled[:, i, good]
            parts.append(function(table[i, good], ys, np.ones_like(ys)))
        of_images = np.stack(parts, axis=1)  # [B, I]
        defined = np.isfinite(of_images)
        with np.errstate(invalid="ignore", divide="ignore"):
            drawn_means = (images * np.where(defined, of_images, 0)).sum(1) / (images * defined).sum(1)
        value = float(np.nanmean(values)) if np.isfinite(values).any() else np.nan
        within.append(interval(value, drawn_means, n))
    return overall[0], overall[1], within[0], within[1]


def kendall(x: Floats, ys: Floats, weights: Floats) -> Floats:
    """Kendall's tau-b of `x` `[K]` with each row of `ys` `[B, K]`, with `weights` as the multiplicity of each position.

    NaN if all values of one side are equal.
    """
    a, b = np.triu_indices(len(x), 1)
    dx = np.sign(x[a] - x[b])
    dy = np.sign(ys[:, a] - ys[:, b])
    both = weights[:, a] * weights[:, b]
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray((both * dx * dy).sum(1) / np.sqrt((both * dx**2).sum(1) * (both * dy**2).sum(1)))


def spearman(x: Floats, ys: Floats, weights: Floats) -> Floats:
    """Spearman's rho of `x` `[K]` with each row of `ys` `[B, K]`, with `weights` as multiplicities."""
    rx = _ranks(np.broadcast_to(x, ys.shape), weights)
    ry = _ranks(ys, weights)
    total = weights.sum(1, keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        rx = rx - (weights * rx).sum(1, keepdims=True) / total
        ry = ry - (weights * ry).sum(1, keepdims=True) / total
        top = (weights * rx * ry).sum(1)
        return np.asarray(top / np.sqrt((weights * rx**2).sum(1) * (weights * ry**2).sum(1)))


def _ranks(values: Floats, weights: Floats) -> Floats:
    """Return the mean ranks of each row, with `weights` as the multiplicity of each value."""
    below = (weights[:, None, :] * (values[:, None, :] < values[:, :, None])).sum(-1)
    equal = (weights[:, None, :] * (values[:, None, :] == values[:, :, None])).sum(-1)
    return np.asarray(below + (equal + 1) / 2)
