"""Simulated subjects, drawn from a stated model, for trying a study and its analysis before people answer.

The quality of a picture, from 0 to 4, is a normal variable: the sum of the method's true quality, the effects of the
image on all methods and on this one, the subject's bias and liking, and noise. With `acr` it is rounded to 0..4. With
`pairs` the higher of two qualities wins unless their difference is below a threshold; with `rank` they are sorted.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sshbench.study.answering import Answer
from sshbench.study.designs import StudyError
from sshbench.study.plan import COMPOSITE, TARGET, Plan
from sshbench.study.preference import fit
from sshbench.study.storage import Row, simulated_answers

Floats = NDArray[np.float64]

PAPER = {"wct2": 0.821, "dih": 1.201, "s2am": 1.744, "dovenet": 1.256, "ssh": 2.295}
_ENDS = 1.0, 2.6  # true qualities of other methods, evenly spaced


@dataclass(frozen=True)
class Model:
    """The model of simulated subjects; standard deviations are in points.

    Parameters
    ----------
    truth
        The true quality of each method.
    subject, image, picture, liking, noise
        The standard deviations of a subject's bias, of an image, of a method on an image, of a subject's liking of a
        method, and of the noise.
    tie
        The difference below which two qualities count as equal.
    careless
        The fraction of subjects who answer at once and at random.
    """

    truth: Mapping[str, float] = field(default_factory=dict)
    subject: float = 0.4
    image: float = 0.4
    picture: float = 0.3
    liking: float = 0.2
    noise: float = 0.6
    tie: float = 0.35
    careless: float = 0.0

    def said(self) -> str:
        """Return the model in one sentence."""
        truths = ", ".join(f"{name} {value:.3f}" for name, value in self.truth.items())
        return (
            f"Simulated subjects: true quality {truths}; standard deviations {self.subject} (subject), {self.image} "
            f"(image), {self.picture} (method on an image), {self.liking} (subject's liking of a method), {self.noise} "
            f"(noise); ties within {self.tie}; {self.careless:.0%} careless."
        )


def default_truth(methods: Sequence[str], given: Mapping[str, float] | None = None) -> dict[str, float]:
    """Return the true quality of each method: the given value, or the paper's mean score, or evenly spaced values.

    Raises
    ------
    StudyError
        A given method is not part of the study.
    """
    for name in given or {}:
        if name not in methods:
            raise StudyError(f"the study does not compare {name!r}; its methods are {', '.join(methods)}")
    spread = np.linspace(*_ENDS, len(methods))
    found = {name: float(value) for name, value in zip(methods, spread, strict=True)}
    found.update({name: PAPER[name] for name in methods if name in PAPER})
    return {**found, **(given or {})}


def simulate(plan: Plan, model: Model, subjects: int | None = None, seed: int = 0) -> list[Row]:
    """Draw the answers of the first `subjects` subjects of a plan, by default of all.

    The ground truth has the quality 3.8 and the composite 0.6, so that careful subjects pass catch trials.
    """
    random = np.random.Generator(np.random.PCG64([seed, 7]))
    count = len(plan.subjects) if subjects is None else min(subjects, len(plan.subjects))
    versions = [*plan.methods, TARGET, COMPOSITE]
    truth = np.array([*(model.truth[name] for name in plan.methods), 3.8, 0.6])
    place_of = {name: place for place, name in enumerate(versions)}
    images = list(dict.fromkeys([*plan.images, *(item.image for item in plan.items)]))
    image_of = {image: place for place, image in enumerate(images)}
    picture = (
        truth
        + random.normal(0, model.image, (len(images), 1))
        + random.normal(0, model.picture, (len(images), len(versions)))
    )
    rows = []
    for subject in range(count):
        careless = random.random() < model.careless
        own = random.normal(0, model.subject) + random.normal(0, model.liking, len(versions))
        pace = random.lognormal(np.log(4.0), 0.3)
        trials = plan.trials(subject)
        most = max(len(trial.shown) for trial in trials)
        noise = random.normal(0, model.noise, (len(trials), most)).tolist()
        guesses = random.uniform(-0.5, 4.5, (len(trials), most)).tolist()
        waits = random.exponential(0.1, len(trials)) if careless else pace * random.lognormal(0, 0.5, len(trials))
        milliseconds = np.rint(1000 * (plan.min_seconds + waits)).astype(int).tolist()
        liked = (picture + own).tolist()
        for trial in trials:
            if careless:
                quality = guesses[trial.number]
            else:
                base = liked[image_of[trial.image]]
                quality = [base[place_of[n]] + e for n, e in zip(trial.shown, noise[trial.number], strict=False)]
            answer = _answer(plan.design, quality[: len(trial.shown)], model.tie)
            rows.append(Row(subject, trial.number, answer, milliseconds[trial.number]))
    return rows


def _answer(design: str, quality: Sequence[float], tie: float) -> Answer:
    if design == "acr":
        return min(max(round(quality[0]), 0), 4)
    if design == "pairs":
        apart = quality[0] - quality[1]
        return "tie" if abs(apart) < tie else "first" if apart > 0 else "second"
    return sorted(range(len(quality)), key=lambda place: -quality[place])


def true_opinions(model: Model, methods: Sequence[str]) -> Floats:
    """Return the expected mean score `[M]` over infinitely many subjects and images."""
    from scipy.special import ndtr

    spread = np.sqrt(model.subject**2 + model.image**2 + model.picture**2 + model.liking**2 + model.noise**2)
    truth = np.array([model.truth[name] for name in methods])
    edges = np.array([0.5, 1.5, 2.5, 3.5])
    return np.asarray(ndtr((truth[:, None] - edges) / spread).sum(1))  # sum of P(score > k)


def true_preferences(model: Model, methods: Sequence[str], *, ties: bool = True) -> tuple[Floats, float]:
    """Return the scores `[M]` and the threshold of the Bradley-Terry model for infinitely many votes."""
    from scipy.special import ndtr

    spread = np.sqrt(2 * (model.picture**2 + model.liking**2 + model.noise**2))
    pairs = list(combinations(range(len(methods)), 2))
    truth = np.array([model.truth[name] for name in methods])
    tie = model.tie if ties else 0.0
    counts = np.zeros((1, len(pairs), 3))
    for place, (a, b) in enumerate(pairs):
        apart = truth[a] - truth[b]
        won, lost = ndtr((apart - tie) / spread), ndtr((-apart - tie) / spread)
        counts[0, place] = won, 1 - won - lost, lost
    if not ties:
        counts[..., 1] = 0
    scores, threshold = fit(counts * 1e6, pairs, len(methods))
    return scores[0], float(threshold[0])


def store(folder: Path, plan: Plan, rows: Sequence[Row], model: Model) -> None:
    """Write simulated answers to `simulated.sqlite`, replacing an earlier simulation.

    Answers of people are in another file and stay unchanged.
    """
    now = time.time()
    people = sorted({row.subject for row in rows})
    screen = json.dumps({"simulated": 1})
    with simulated_answers(folder, plan) as db:
        db.execute("INSERT INTO meta VALUES ('model', ?)", (model.said(),))
        db.executemany(
            "INSERT INTO subjects (subject, consent, consented, screen, finished) VALUES (?, ?, ?, ?, ?)",
            [(subject, plan.consent.version, now, screen, now) for subject in people],
        )
        db.executemany(
            "INSERT INTO answers VALUES (?, ?, ?, ?, ?)",
            [(row.subject, row.trial, json.dumps(row.answer), row.milliseconds, now) for row in rows],
        )
