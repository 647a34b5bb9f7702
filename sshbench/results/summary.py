"""Summarise records for tables: means with intervals, differences to the best method, strata, failures, and costs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from statistics import median

import numpy as np

from sshbench.benchmarks.iharmony4 import SUBSETS
from sshbench.errors import suggestion
from sshbench.metrics.suite import METRICS
from sshbench.results import weighting
from sshbench.results.records import Record, RecordsError
from sshbench.results.statistics import Estimate, Versus, estimate, holm, versus, weighted_estimate
from sshbench.results.weighting import Shares

_FIELD = {name: i for i, name in enumerate(SUBSETS)}
RATIOS = ((0.0, 0.05, "0-5%"), (0.05, 0.15, "5-15%"), (0.15, 1.01, "15-100%"))  # DoveNet (CVPR 2020), table 3


@dataclass(frozen=True)
class MethodRow:
    """The summary of one method, with estimates and comparisons by metric.

    `n` of `images` images were scored. `versus` has no entry for the best method and for ceilings, which do not
    compete. `title` is the name of the method in tables, or empty for the method's own name.
    """

    method: str
    sees_target: bool
    n: int
    images: int
    milliseconds: float | None
    trained_by: str
    estimates: Mapping[str, Estimate]
    versus: Mapping[str, Versus]
    strata: Mapping[tuple[str, str], Mapping[str, Estimate]]
    failures: Mapping[str, str]
    weighted: Mapping[str, Estimate] = field(default_factory=dict)
    """The mean weighted to another set of images, by metric; empty without such a set."""
    title: str = ""

    @property
    def called(self) -> str:
        """The name of the method in tables."""
        return self.title or self.method


@dataclass(frozen=True)
class Weighting:
    """The set of images to which means are weighted, and the number of present images in each of its parts."""

    shares: Shares
    images: tuple[int, ...]


@dataclass(frozen=True)
class MethodsSummary:
    """The summary of all methods on one benchmark under one protocol.

    Parameters
    ----------
    metrics
        The metrics in the order of columns. The first metric sorts the rows.
    best
        The best method by metric. Ceilings do not count, and neither do methods without a score on an image that
        another method or a ceiling was evaluated on. A metric without any other method has no entry.
    strata
        The parts of each division with their numbers of images.
    weighting
        The set of images for which the rows' `weighted` means are estimates; None without such means.
    """

    benchmark: str
    protocol: str
    protocol_version: str
    images: int
    metrics: tuple[str, ...]
    rows: tuple[MethodRow, ...]
    best: Mapping[str, str]
    strata: Mapping[str, Mapping[str, int]]
    weighting: Weighting | None = None

    def leads(self, metric: str) -> str | None:
        """Return the best method if its lead is significant: no interval of a difference to it contains zero.

        Return None if there is no best method, if the best method has no rival, or if its lead is not significant.
        """
        against = [v for row in self.rows if (v := row.versus.get(metric))]
        return self.best.get(metric) if against and all(v.low > 0 or v.high < 0 for v in against) else None

    @property
    def resolution(self) -> float | None:
        """The median over methods of half the interval of a paired difference in the first metric."""
        if not self.metrics:
            return None
        halves = [(v.high - v.low) / 2 for row in self.rows if (v := row.versus.get(self.metrics[0]))]
        halves = [half for half in halves if np.isfinite(half)]
        return median(halves) if halves else None


def higher_is_better(metric: str) -> bool:
    """Return whether a larger value of a metric is better. For unknown metrics, a smaller value is better."""
    return metric in METRICS and METRICS[metric].higher_is_better


def one_of(records: Sequence[Record], *, benchmark: str | None = None, protocol: str | None = None) -> list[Record]:
    """Return the records of one benchmark under one version of one protocol.

    Raises
    ------
    RecordsError
        No records are left, or the records are of several benchmarks, protocols or versions.
    """
    chosen = list(records)
    for what, option, name, wanted in (
        ("benchmark", "--split", "benchmark", benchmark),
        ("protocol", "--protocol", "protocol", protocol),
    ):
        there = list(dict.fromkeys(getattr(record, name) for record in chosen))
        if wanted is not None and wanted not in there:
            raise RecordsError(f"there are no records of the {what} {wanted!r}, only of {', '.join(there) or 'none'}")
        if wanted is None and len(there) > 1:
            raise RecordsError(
                f"these records are of {len(there)} {what}s ({', '.join(there)}), which no table may mix; choose one "
                f"with {option}"
            )
        chosen = [record for record in chosen if wanted is None or getattr(record, name) == wanted]
    if not chosen:
        raise RecordsError("there are no records")
    versions = sorted({record.protocol_version for record in chosen})
    if len(versions) > 1:
        raise RecordsError(
            f"these records are of versions {' and '.join(versions)} of {chosen[0].protocol}, which cannot be "
            "compared; run evaluate again on the older ones"
        )
    return chosen


def summarise(
    records: Sequence[Record],
    *,
    metrics: Sequence[str] | None = None,
    sort: str | None = None,
    weight_to: Shares | None = None,
    methods: Mapping[str, str] | None = None,
    ceilings: bool = True,
) -> MethodsSummary:
    """Return the summary of records of one benchmark under one protocol.

    Parameters
    ----------
    metrics
        The metrics, in the order of columns; by default all metrics of the records.
    sort
        The metric that orders methods and is shown for strata; by default the first metric.
    weight_to
        Another set of images, for which weighted means are added.
    methods
        The methods to show, each with its title (empty for the method's own name). They keep their order unless `sort`
        is given. By default, all methods are shown, best first. Other methods are also left out of comparisons.
    ceilings
        Whether to show the methods that see the ground truth.

    Raises
    ------
    RecordsError
        The records are of several benchmarks or protocols, no record has one of the metrics, the records cannot be
        weighted by `strata`, or they differ in the pixels of an image or in the LPIPS weights.
    """
    records = chosen(one_of(records), methods, ceilings=ceilings)
    there = list(dict.fromkeys(name for record in records for name in record.metrics))
    names = [name for name in METRICS if name in there] + [name for name in there if name not in METRICS]
    for name in [*(metrics or ()), *([sort] if sort else ())]:
        if there and name not in there:
            raise RecordsError(f"there is no metric {name!r} in these records, only {', '.join(names)}")
    names = list(metrics) if metrics else names
    if sort:
        names = [sort, *(name for name in names if name != sort)]
    _check_comparable(records, names)

    groups: dict[str, list[Record]] = {}
    for record in records:
        groups.setdefault(record.method, []).append(record)
    strata = strata_of(records)
    parts = weighting.strata(records, weight_to) if weight_to else []
    ids = {record.id for record in records}
    values = {method: _values(group, names) for method, group in groups.items()}
    best = {name: leader for name in names if (leader := _leader(name, groups, values, ids))}
    compared = _compared(groups, values, best)
    rows = [
        replace(
            _row(method, group, names, values[method], compared[method], strata, len(ids)),
            weighted=_weighted(values[method], parts, weight_to) if weight_to else {},
        )
        for method, group in groups.items()
    ]
    rows = [replace(row, title=(methods or {}).get(row.method, "")) for row in rows]
    first = records[0]
    return MethodsSummary(
        benchmark=first.benchmark,
        protocol=first.protocol,
        protocol_version=first.protocol_version,
        images=len(ids),
        metrics=tuple(names),
        rows=tuple(_in_order(rows, methods) if methods and not sort else _sorted(rows, names[0] if names else None)),
        best=best,
        strata={name: {part: len(set(members)) for part, members in parts.items()} for name, parts in strata.items()},
        weighting=Weighting(weight_to, tuple(map(len, parts))) if weight_to else None,
    )


def _check_comparable(records: Sequence[Record], metrics: Sequence[str]) -> None:
    """Raise RecordsError if records of one id are of different images, or if their LPIPS weights differ."""
    images: dict[str, Record] = {}
    nets: dict[str, tuple[str, str]] = {}
    for record in records:
        first = images.setdefault(record.id, record) if record.input_hash else record
        if first.input_hash != record.input_hash:
            raise RecordsError(
                f"{record.id} has other pixels in the records of {record.method} than in those of {first.method}, so "
                "they cannot be compared; run evaluate again on one copy of the benchmark, or leave one of them out"
            )
        for name, _, weights in (part.partition("=") for part in record.lpips_hash.split()):
            known, method = nets.setdefault(name, (weights, record.method))
            if known != weights and name in metrics:
                raise RecordsError(
                    f"{name} of {record.method} and {method} was computed with different weights, so that they do not "
                    "compare; run evaluate again, or choose other --metrics"
                )


def chosen(records: Sequence[Record], methods: Iterable[str] | None, *, ceilings: bool = True) -> list[Record]:
    """Return the records of some methods.

    Raises
    ------
    RecordsError
        A named method has no records, or only ceilings are left and `ceilings` is False.
    """
    there = list(dict.fromkeys(record.method for record in records))
    for name in methods or ():
        if name not in there:
            raise RecordsError(f"these records have no method {name!r}{suggestion(name, there)}")
    wanted = set(methods or there)
    found = [record for record in records if record.method in wanted and (ceilings or not record.sees_target)]
    if records and not found:
        raise RecordsError("these records contain only ceilings, which --no-ceilings excludes")
    return found


Values = dict[str, dict[str, float]]  # metric -> id -> value


def _values(group: Iterable[Record], names: Iterable[str]) -> Values:
    return {
        name: {
            record.id: value
            for record in group
            if (value := record.metrics.get(name)) is not None and not np.isnan(value)
        }
        for name in names
    }


def _leader(name: str, groups: Mapping[str, list[Record]], values: Mapping[str, Values], ids: set[str]) -> str | None:
    """Return the method with the best mean among the methods scored on all images; None if there is no such method.

    An image on which no method has the metric does not count. A foreground metric, for example, is undefined if the
    mask is empty at the protocol's size.
    """
    defined = {id for found in values.values() for id in found[name]}
    whole = [
        method
        for method, group in groups.items()
        if not group[0].sees_target
        and {record.id for record in group if record.failed is None} == ids
        and defined
        and values[method][name].keys() == defined
    ]
    if not whole:
        return None
    means = {method: estimate(list(values[method][name].values()), resamples=1).mean for method in whole}
    return (max if higher_is_better(name) else min)(means, key=lambda method: means[method])


def _compared(
    groups: Mapping[str, list[Record]], values: Mapping[str, Values], best: Mapping[str, str]
) -> dict[str, dict[str, Versus]]:
    """Return the comparison of each method with the best, by metric, on the images of both.

    The p values are corrected over the compared methods.
    """
    found: dict[str, dict[str, Versus]] = {method: {} for method in groups}
    for name, leader in best.items():
        family = {}
        for method, group in groups.items():
            both = [id for id in values[method][name] if id in values[leader][name]]
            if method != leader and not group[0].sees_target and both:
                mine, theirs = ([values[m][name][id] for id in both] for m in (method, leader))
                family[method] = versus(mine, theirs)
        for (method, one), p in zip(family.items(), holm([v.p for v in family.values()]), strict=True):
            found[method][name] = Versus(one.difference, one.low, one.high, p, one.n)
    return found


Strata = dict[str, dict[str, list[str]]]  # division -> part -> ids


def strata_of(records: Iterable[Record]) -> Strata:
    """Return the ids of each subset (in the order of papers) and of each range of foreground ratios.

    Divisions with only one part are left out.
    """
    subsets: dict[str, list[str]] = {}
    ratios: dict[str, list[str]] = {label: [] for *_, label in RATIOS}
    for id, attributes in {record.id: record.attributes for record in records if record.attributes}.items():
        if "subset" in attributes:
            subsets.setdefault(str(attributes["subset"]), []).append(id)
        ratio = attributes.get("foreground_ratio")
        if isinstance(ratio, int | float) and 0 <= ratio <= 1:
            ratios[next(label for low, high, label in RATIOS if ratio < high)].append(id)
    divisions = {
        "subset": dict(sorted(subsets.items(), key=lambda item: (_FIELD.get(item[0], len(_FIELD)), item[0]))),
        "foreground": {label: ids for label, ids in ratios.items() if ids},
    }
    return {name: parts for name, parts in divisions.items() if len(parts) > 1}


def _row(
    method: str,
    group: Sequence[Record],
    names: Sequence[str],
    values: Values,
    compared: Mapping[str, Versus],
    strata: Strata,
    images: int,
) -> MethodRow:
    seconds = [record.seconds for record in group if record.seconds is not None]
    return MethodRow(
        method=method,
        sees_target=group[0].sees_target,
        n=sum(record.failed is None and bool(record.metrics) for record in group),
        images=images,
        milliseconds=1000 * median(seconds) if seconds else None,
        trained_by=" and ".join(dict.fromkeys(record.trained_by for record in group if record.trained_by)),
        estimates={name: estimate(list(values[name].values())) for name in names},
        versus=compared,
        strata={
            (division, part): {name: estimate([values[name][i] for i in ids if i in values[name]]) for name in names}
            for division, parts in strata.items()
            for part, ids in parts.items()
        },
        failures={record.id: record.failed for record in group if record.failed is not None},
    )


def _weighted(values: Values, parts: Sequence[Sequence[str]], shares: Shares) -> dict[str, Estimate]:
    """Return the estimate for the set of `shares` by metric, over the images of its parts with a value."""
    return {
        name: weighted_estimate([[found[id] for id in ids if id in found] for ids in parts], shares.shares)
        for name, found in values.items()
    }


def _in_order(rows: list[MethodRow], names: Iterable[str]) -> list[MethodRow]:
    """Return the rows in the order of `names`, ceilings after the others."""
    place = {name: i for i, name in enumerate(names)}
    return sorted(rows, key=lambda row: (row.sees_target, place[row.method]))


def _sorted(rows: list[MethodRow], metric: str | None) -> list[MethodRow]:
    """Return the rows sorted by a metric, best first and rows without a value last, ceilings after the others."""
    if metric is None:
        return rows
    sign = -1 if higher_is_better(metric) else 1

    def rank(row: MethodRow) -> tuple[bool, float]:
        mean = row.estimates[metric].mean
        return row.sees_target, np.inf if np.isnan(mean) else sign * mean

    ordered: Callable[[MethodRow], tuple[bool, float]] = rank
    return sorted(rows, key=ordered)
