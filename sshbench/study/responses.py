"""Answers as arrays of subjects by images by methods, the input of all analyses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sshbench.study.answering import Answer
from sshbench.study.plan import TARGET, Plan, Trial
from sshbench.study.storage import Row

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Responses:
    """The answers of `S` subjects on `I` images and `M` methods, without practice.

    Parameters
    ----------
    subjects
        The numbers of the subjects in the plan; subjects without an answer that counts are excluded.
    scores
        `[S, I, M]`, NaN for questions that were not asked: with `acr` scores from 0 to 4; with `rank` the number of
        methods placed below; with `pairs` the share of votes won, where a tie is half a vote.
    votes
        `[S, I, P, 3]`: for each pair of methods (in the order of `itertools.combinations`) how often the first one
        won, how often there was a tie, and how often the second one won. Zero with `acr`.
    seconds
        By subject, the time of each main answer in seconds.
    caught
        By subject, the numbers of passed and of answered catch trials.
    repeats
        By subject, pairs of answers to the same question, as numbers: the score, the winner (-1, 0, 1), or the ranks.
    answered, asked
        By subject, the number of answered trials of any kind, and the number in the plan.
    """

    design: str
    methods: tuple[str, ...]
    images: tuple[str, ...]
    subjects: tuple[int, ...]
    scores: Floats
    votes: Floats
    seconds: tuple[Floats, ...]
    caught: tuple[tuple[int, int], ...]
    repeats: tuple[tuple[tuple[float, float], ...], ...]
    answered: tuple[int, ...]
    asked: tuple[int, ...]
    pairs: tuple[tuple[int, int], ...] = field(default=())

    def only(self, keep: Sequence[bool] | NDArray[np.bool_]) -> Responses:
        """Return the responses of some of the subjects."""
        chosen = [place for place, one in enumerate(keep) if one]
        picked: dict[str, Any] = {
            name: tuple(getattr(self, name)[place] for place in chosen)
            for name in ("subjects", "seconds", "caught", "repeats", "answered", "asked")
        }
        rest: dict[str, Any] = {name: getattr(self, name) for name in ("design", "methods", "images", "pairs")}
        return Responses(scores=self.scores[chosen], votes=self.votes[chosen], **picked, **rest)


def responses(plan: Plan, rows: Sequence[Row]) -> Responses:
    """Arrange answers as arrays. The first answer to a question counts; repeats are kept separately."""
    pairs = tuple(combinations(range(len(plan.methods)), 2))
    image_of = {image: place for place, image in enumerate(plan.images)}
    method_of = {method: place for place, method in enumerate(plan.methods)}
    pair_of = {pair: place for place, pair in enumerate(pairs)}
    by_subject: dict[int, list[Row]] = {}
    for row in rows:
        by_subject.setdefault(row.subject, []).append(row)
    counting = [
        subject
        for subject, own in sorted(by_subject.items())
        if any(plan.trials(subject)[row.trial].kind == "main" for row in own)
    ]
    shape = len(counting), len(plan.images), len(plan.methods)
    scores = np.full(shape, np.nan)
    votes = np.zeros((*shape[:2], len(pairs), 3))
    seconds, caught, repeats = [], [], []
    for s, subject in enumerate(counting):
        times: list[float] = []
        catches: dict[str, list[tuple[Trial, Answer]]] = {}
        first: dict[int, tuple[Trial, Answer]] = {}
        again: list[tuple[float, float]] = []
        for row in by_subject[subject]:
            trial = plan.trials(subject)[row.trial]
            if trial.kind == "catch":
                catches.setdefault(trial.image, []).append((trial, row.answer))
            elif trial.kind == "repeat" and trial.item in first:
                again += zip(*(as_numbers(plan, *one) for one in (first[trial.item], (trial, row.answer))), strict=True)
            elif trial.kind == "main":
                first[trial.item] = trial, row.answer
                times.append(row.milliseconds / 1000)
                i, shown = image_of[trial.image], [method_of[name] for name in plan.items[trial.item].shown]
                values = as_numbers(plan, trial, row.answer)
                if plan.design == "acr":
                    scores[s, i, shown[0]] = values[0]
                elif plan.design == "pairs":
                    votes[s, i, pair_of[shown[0], shown[1]], int(1 - values[0])] += 1
                else:
                    scores[s, i, shown] = [len(shown) - 1 - rank for rank in values]
                    for (a, x), (b, y) in combinations(zip(shown, values, strict=True), 2):
                        votes[s, i, pair_of[a, b], 0 if x < y else 2] += 1
        seconds.append(np.array(times))
        results = [_passed(plan.design, own) for own in catches.values()]
        caught.append((sum(one for one in results if one is not None), sum(one is not None for one in results)))
        repeats.append(tuple(again))
    if plan.design == "pairs":
        scores = _win_shares(votes, pairs, len(plan.methods))
    return Responses(
        plan.design, tuple(plan.methods), tuple(plan.images), tuple(counting), scores, votes, tuple(seconds),
        tuple(caught), tuple(repeats), tuple(len(by_subject[one]) for one in counting),
        tuple(len(plan.trials(one)) for one in counting), pairs,
    )  # fmt: skip


def as_numbers(plan: Plan, trial: Trial, answer: Answer) -> list[float]:
    """Return an answer as numbers that do not depend on the arrangement of the pictures.

    The numbers are the score; or 1, 0 or -1 if the first method of the pair, in the plan's order, won, tied or lost; or
    the ranks of the methods in the plan's order, 0 for the best.
    """
    if isinstance(answer, int):
        return [float(answer)]
    item = plan.items[trial.item].shown
    if isinstance(answer, list):
        return [float(answer.index(trial.shown.index(name))) for name in item]
    if answer == "tie":
        return [0.0]
    winner = trial.shown[0 if answer == "first" else 1]
    return [1.0 if winner == item[0] else -1.0]


def _passed(design: str, answers: Sequence[tuple[Trial, Answer]]) -> bool | None:
    """Return whether the ground truth was preferred to the composite; None if only half of the trial was answered."""
    if design == "acr":
        if len(answers) < 2:
            return None
        score = {trial.shown[0]: answer for trial, answer in answers if isinstance(answer, int)}
        target = score.pop(TARGET)
        composite = next(iter(score.values()))
        return target > composite
    ((trial, answer),) = answers[:1]
    place = trial.shown.index(TARGET)
    if isinstance(answer, list):
        return answer[0] == place
    return answer == ("first", "second")[place]


def _win_shares(votes: Floats, pairs: Sequence[tuple[int, int]], methods: int) -> Floats:
    """Return the share of votes that each method won, `[S, I, M]`, where a tie counts half."""
    won, shown = np.zeros((*votes.shape[:2], methods)), np.zeros((*votes.shape[:2], methods))
    for place, (a, b) in enumerate(pairs):
        first, tie, second = np.moveaxis(votes[:, :, place], -1, 0)
        won[..., a] += first + tie / 2
        won[..., b] += second + tie / 2
        shown[..., a] += first + tie + second
        shown[..., b] += first + tie + second
    return np.divide(won, shown, out=np.full_like(won, np.nan), where=shown > 0)
