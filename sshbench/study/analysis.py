"""The results of a study as tables: scores, preferences, agreement, screened-out subjects, and power."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from sshbench.metrics.suite import METRICS
from sshbench.results.statistics import Estimate
from sshbench.results.tables import Table
from sshbench.study.agreement import Agreement, agreements
from sshbench.study.designs import StudyError
from sshbench.study.opinion import RESAMPLES, Difference, opinion, score_differences
from sshbench.study.plan import Plan
from sshbench.study.power import Components, Need, components, subjects_for
from sshbench.study.preference import Preference, preference, win_matrix
from sshbench.study.reliability import CATCH_SHARE, SPEED, Screening, alpha, screen, steadiness
from sshbench.study.responses import Responses, responses
from sshbench.study.storage import Row

SIMULATED = "SIMULATED"
DIFFERENCES = {"acr": (0.1, 0.2, 0.3, 0.5), "pairs": (0.05, 0.1, 0.2), "rank": (0.25, 0.5, 1.0)}
SCORE = {
    "acr": "mean opinion score, 0 to 4",
    "pairs": "share of votes won",
    "rank": "methods placed below, on average",
}
SIGNIFICANT = 0.05


@dataclass(frozen=True, eq=False)
class Side:
    """The analysis of all subjects, or of those who stay after screening."""

    found: Responses
    scores: tuple[Estimate, ...]
    score_differences: tuple[Difference, ...]
    preference: Preference | None
    alpha: Estimate


@dataclass(frozen=True, eq=False)
class Analysis:
    """The analysis of a study; `model` describes the model of simulated answers, or is None."""

    plan: Plan
    everyone: Side
    screened: Side
    screening: Screening
    agreements: tuple[Agreement, ...]
    components: Components
    needs: tuple[Need, ...]
    model: str | None


def analyse(
    plan: Plan,
    rows: Sequence[Row],
    metrics: Sequence[tuple[str, str, str, str, float]] = (),
    *,
    model: str | None = None,
    catch_share: float = CATCH_SHARE,
    speed: float = SPEED,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Analysis:
    """Analyse answers with and without the screened-out subjects.

    Parameters
    ----------
    metrics
        Rows of image, method, protocol, metric and value, for the comparison with people's answers.
    model
        The description of the model of simulated answers; None for answers of people.

    Raises
    ------
    StudyError
        Nobody has answered a question that counts.
    """
    found = responses(plan, rows)
    if not found.subjects:
        raise StudyError("nobody has answered a question that counts yet, so there is nothing to analyse")
    screening = screen(found, catch_share, speed)
    kept = found.only(screening.keep)
    everyone = _side(found, resamples, seed)
    screened = everyone if len(kept.subjects) == len(found.subjects) else _side(kept, resamples, seed)
    parts = components(kept.scores)
    return Analysis(
        plan,
        everyone,
        screened,
        screening,
        tuple(agreements(kept, metrics, seed=seed)) if len(kept.subjects) else (),
        parts,
        tuple(subjects_for(one, len(plan.images), parts) for one in DIFFERENCES[plan.design]),
        model,
    )


def _side(found: Responses, resamples: int, seed: int) -> Side:
    if not found.subjects:
        nothing = tuple(Estimate(math.nan, math.nan, math.nan, 0) for _ in found.methods)
        return Side(found, nothing, (), None, nothing[0])
    options = {"resamples": resamples, "seed": seed}
    preferred = None
    if found.design != "acr":
        preferred = preference(found.votes, found.pairs, len(found.methods), **options)
    scores = tuple(opinion(found.scores, **options))
    between = tuple(score_differences(found.scores, **options))
    return Side(found, scores, between, preferred, alpha(found, seed=seed))


def tables(a: Analysis) -> list[Table]:
    """Return all tables of an analysis; tables of simulated answers say so in their title and notes."""
    made = [
        _overview(a),
        _scores(a),
        *([_preferences(a)] if a.screened.preference else []),
        *([_wins(a)] if a.plan.design != "acr" else []),
        _significance(a),
        _screening(a),
        *([_agreements(a)] if a.agreements else []),
        _power(a),
    ]
    if a.model is None:
        return made
    note = f"{SIMULATED}: nobody was asked."
    marked = [replace(one, title=f"{SIMULATED}: {one.title}", notes=(note, *one.notes)) for one in made]
    return [replace(marked[0], notes=(f"{note} {a.model}", *made[0].notes)), *marked[1:]]


def _overview(a: Analysis) -> Table:
    rows = []
    for name, side in (("all subjects", a.everyone), ("after screening", a.screened)):
        found = side.found
        times = np.concatenate(found.seconds) if found.seconds else np.empty(0)
        same, change, count = steadiness(found)
        rows.append(
            (
                name,
                str(len(found.subjects)),
                str(sum(x == y for x, y in zip(found.answered, found.asked, strict=True))),
                f"{len(times):,}",
                _number(float(np.median(times)) if len(times) else math.nan, 1),
                _with_interval(side.alpha, 2),
                f"{same:.0%} of {count} (mean change {change:.2f})" if count else "",
            )
        )
    head = ("", "subjects", "finished", "answers", "median seconds", "Krippendorff's alpha", "repeats answered alike")
    p = a.plan
    title = f"{p.title} {len(p.images)} images of {p.benchmark}, {len(p.methods)} methods, design {p.design}"
    measurement = {"acr": "interval", "pairs": "ordinal", "rank": "ordinal"}[p.design]
    votes = a.everyone.found.votes.sum((0, 1, 3))
    notes = ["The answers are those to the main questions, without practice and repeated questions."]
    notes += [f"Alpha takes the answers as an {measurement} scale; its interval is a bootstrap over images."]
    if p.design == "pairs":
        notes.append(f"Each pair of methods has {votes.min():.0f} to {votes.max():.0f} votes.")
    return Table(title, head, tuple(rows), notes=tuple(notes))


def _order(a: Analysis) -> list[int]:
    values = [one.mean for one in (a.screened if a.screened.found.subjects else a.everyone).scores]
    return sorted(range(len(values)), key=lambda m: -values[m] if math.isfinite(values[m]) else math.inf)


def _scores(a: Analysis) -> Table:
    order = _order(a)
    rows = tuple(
        (a.plan.methods[m], _with_interval(a.screened.scores[m], 3), _with_interval(a.everyone.scores[m], 3))
        for m in order
    )
    notes = (
        "95% intervals take subjects and images as random: a two-way bootstrap that draws both, with expanded "
        "percentiles.",
    )
    head = ("method", "after screening", "all subjects")
    title = SCORE[a.plan.design]
    return Table(title[0].upper() + title[1:], head, rows, frozenset({(0, 1)}), notes=notes)


def _preferences(a: Analysis) -> Table:
    kept, everyone = a.screened.preference, a.everyone.preference
    assert kept is not None
    assert everyone is not None
    order = sorted(range(len(a.plan.methods)), key=lambda m: -kept.scores[m].mean)
    rows = tuple(
        (a.plan.methods[m], _with_interval(kept.scores[m], 2), _with_interval(everyone.scores[m], 2)) for m in order
    )
    ties = f" Ties are a difference within {kept.threshold:.2f} (Rao and Kupper's model)." if kept.threshold > 0 else ""
    ranks = " Rankings count as the pairs they imply." if a.plan.design == "rank" else ""
    note = (
        f"Scores in logits, whose mean is 0: one logit is odds of 2.7 to 1.{ties}{ranks} Intervals as for the scores."
    )
    head = ("method", "after screening", "all subjects")
    return Table("Bradley-Terry scores", head, rows, frozenset({(0, 1)}), notes=(note,))


def _wins(a: Analysis) -> Table:
    found = a.screened.found
    wins, ties = win_matrix(found.votes, found.pairs, len(found.methods))
    order = _order(a)
    rows = tuple(
        (
            a.plan.methods[m],
            *(
                "" if m == other else f"{wins[m, other]:.0f} / {ties[m, other]:.0f} / {wins[other, m]:.0f}"
                for other in order
            ),
        )
        for m in order
    )
    head = ("method", *(a.plan.methods[m] for m in order))
    return Table("Won / tied / lost, row against column, after screening", head, rows)


def _significance(a: Analysis) -> Table:
    kept = a.screened.preference
    between = kept.differences if kept else a.screened.score_differences
    what = "Bradley-Terry scores" if kept else "mean opinion scores"
    rows = []
    for d in sorted(between, key=lambda one: -abs(one.value)):
        sign = 1 if d.value >= 0 else -1
        first, second = (d.a, d.b) if sign > 0 else (d.b, d.a)
        low, high = sorted((sign * d.low, sign * d.high))
        rows.append(
            (
                f"{a.plan.methods[first]} over {a.plan.methods[second]}",
                _number(abs(d.value), 3),
                "" if math.isnan(low) else f"[{low:.3f}, {high:.3f}]",
                _p(d.p),
                _p(d.corrected),
                "yes" if d.corrected < SIGNIFICANT else "no",
            )
        )
    head = ("pair", "difference", "95% interval", "p", "p after Holm", "significant")
    note = (
        "p: a t test on the two-way bootstrap's standard error, with one degree of freedom less than there are images "
        "or subjects, whichever are fewer. Holm's correction is over all pairs."
    )
    return Table(f"Differences of {what}, after screening", head, tuple(rows), notes=(note,))


def _screening(a: Analysis) -> Table:
    found = a.everyone.found
    rows = tuple(
        (f"subject {subject}", "; ".join(why), str(found.answered[s]))
        for s, (subject, why) in enumerate(zip(found.subjects, a.screening.reasons, strict=True))
        if why
    )
    bt500 = "BT.500: ITU-R BT.500-15, annex 1, section 2.3.1. " if a.plan.design == "acr" else ""
    notes = (
        f"{len(rows)} of {len(found.subjects)} subjects are left out. {bt500}"
        f"Catch trials: fewer than {a.screening.catch_share:.0%} of them passed. "
        f"Time: a median below {a.screening.speed:.0%} of the median over subjects.",
    )
    return Table("Subjects who were screened out", ("subject", "reason", "answers"), rows, notes=notes)


def _agreements(a: Analysis) -> Table:
    across = a.plan.design == "acr"
    head = (
        "metric",
        "protocol",
        *(("Kendall, all pictures", "Spearman, all pictures") if across else ()),
        "Kendall, within images",
        "Spearman, within images",
    )
    rows = []
    for one in sorted(a.agreements, key=lambda one: (one.protocol, -_or_last(one.kendall_within.mean))):
        overall = [_with_interval(e, 2) for e in (one.kendall, one.spearman) if e is not None]
        title = METRICS[one.metric].title if one.metric in METRICS else one.metric
        within = (_with_interval(one.kendall_within, 2), _with_interval(one.spearman_within, 2))
        rows.append((title, one.protocol, *overall, *within))
    note = (
        "1: the metric orders pictures as people do; 0: it says nothing. For metrics of which less is better, the sign "
        "is reversed. Within images: correlation over the methods of an image, mean over images. Intervals as for the "
        "scores."
    )
    return Table("Agreement of the metrics with people, after screening", head, tuple(rows), notes=(note,))


def _power(a: Analysis) -> Table:
    rows = tuple(
        (f"{need.difference:g}", _count(need.same_images), _count(need.other_images, "no number is enough"))
        for need in a.needs
    )
    c = a.components
    unit = {"acr": "points", "pairs": "share of votes", "rank": "places"}[a.plan.design]
    notes = (
        f"Subjects needed for 80% power in a two-sided t test at 5% for one pair of methods, on {len(a.plan.images)} "
        "images. On the same images, the result holds for these images; with other images, it holds for images of "
        "their kind, and more images may be needed rather than more subjects.",
        f"Variances of a difference of two methods: {_number(c.subject, 4)} of subjects, {_number(c.image, 4)} of "
        f"images, {_number(c.rest, 4)} of the rest.",
    )
    head = (f"difference, {unit}", "subjects, same images", "subjects, other images")
    return Table("Power for next time", head, rows, notes=notes)


def _number(value: float, digits: int) -> str:
    return "" if math.isnan(value) else f"{value:.{digits}f}"


def _with_interval(one: Estimate, digits: int) -> str:
    if math.isnan(one.mean):
        return ""
    return f"{one.mean:.{digits}f}" + ("" if math.isnan(one.low) else f" [{one.low:.{digits}f}, {one.high:.{digits}f}]")


def _p(value: float) -> str:
    return "" if math.isnan(value) else "< 0.0001" if value < 0.0001 else f"{value:.4f}"


def _count(value: int | None, otherwise: str = "more than 100,000") -> str:
    return otherwise if value is None else f"{value:,}"


def _or_last(value: float) -> float:
    return value if math.isfinite(value) else -math.inf
