"""What tables say: means over what was scored, the best, pairs, strata, and what must not be mixed."""

from __future__ import annotations

import csv
import io
import math
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas
import pytest
from scipy.stats import wilcoxon

from sshbench.results import leaderboard
from sshbench.results.folder import records_file
from sshbench.results.formats import FORMATS, latex_table, plain_table, plain_text
from sshbench.results.frame import frame, records_frame
from sshbench.results.published import published_on, read_published
from sshbench.results.records import Record, RecordsError, write_records
from sshbench.results.statistics import estimate, holm, versus
from sshbench.results.summary import MethodRow, MethodsSummary, one_of, strata_of, summarise
from sshbench.results.tables import Table, published_table, tables, whose


def records_of(method: str, psnr: list[float], *, ceiling: bool = False, benchmark: str = "standin") -> list[Record]:
    return [
        Record(
            id=f"{'ab'[i % 2]}/{i}",
            benchmark=benchmark,
            method=method,
            protocol="sshbench-v1",
            protocol_version="1",
            metrics={"psnr": value, "mse": 65025 / 10 ** (value / 10)},
            attributes={"subset": "ab"[i % 2], "foreground_ratio": (0.02, 0.05, 0.3)[i % 3]},
            seconds=0.002 * (i + 1),
            sees_target=ceiling,
        )
        if not math.isnan(value)
        else Record(
            f"{'ab'[i % 2]}/{i}", benchmark, method, "sshbench-v1", "1", failed="no memory", sees_target=ceiling
        )
        for i, value in enumerate(psnr)
    ]


RANDOM = np.random.default_rng(0)
BASE = RANDOM.normal(27, 3, 30)
GOOD, FAIR, POOR = (BASE + RANDOM.normal(shift, 1, 30) for shift in (1.0, 0.5, -4.0))
RECORDS = [
    *records_of("poor", POOR.tolist()),
    *records_of("good", GOOD.tolist()),
    *records_of("ceiling-x", (BASE + 20).tolist(), ceiling=True),
    *records_of("fair", FAIR.tolist()),
]


def row(summary: MethodsSummary, method: str) -> MethodRow:
    return next(row for row in summary.rows if row.method == method)


class TestSummary:
    def test_methods_are_sorted_and_ceilings_stand_apart(self) -> None:
        assert [row.method for row in summarise(RECORDS).rows] == ["good", "fair", "poor", "ceiling-x"]
        assert [row.method for row in summarise(RECORDS, sort="mse").rows] == ["good", "fair", "poor", "ceiling-x"]
        assert summarise(RECORDS, sort="mse").metrics == ("mse", "psnr")
        assert summarise(RECORDS, sort="psnr", metrics=["mse", "psnr"]).metrics == ("psnr", "mse")

    def test_a_ceiling_is_never_the_best_nor_compared(self) -> None:
        summary = summarise(RECORDS)
        assert summary.best == {"psnr": "good", "mse": "good"}
        assert row(summary, "ceiling-x").versus == {}
        assert row(summary, "good").versus == {}

    def test_means_pairs_and_p(self) -> None:
        summary = summarise(RECORDS)
        assert row(summary, "fair").estimates["psnr"] == estimate(FAIR)
        one = row(summary, "fair").versus["psnr"]
        oracle = versus(FAIR, GOOD)
        assert (one.difference, one.low, one.high) == (oracle.difference, oracle.low, oracle.high)
        raw = [wilcoxon(FAIR, GOOD).pvalue, wilcoxon(POOR, GOOD).pvalue]
        assert [row(summary, name).versus["psnr"].p for name in ("fair", "poor")] == pytest.approx(holm(raw))

    def test_joins_are_by_id_and_not_by_place(self) -> None:
        shuffled = [RECORDS[i] for i in np.random.default_rng(1).permutation(len(RECORDS))]
        ours, theirs = (row(summarise(r), "fair").versus["psnr"] for r in (RECORDS, shuffled))
        assert ours.difference == pytest.approx(theirs.difference)
        assert ours.p == theirs.p

    def test_strata(self) -> None:
        summary = summarise(RECORDS)
        assert summary.strata == {
            "subset": {"a": 15, "b": 15},
            "foreground": {"0-5%": 10, "5-15%": 10, "15-100%": 10},
        }
        assert row(summary, "good").strata["subset", "b"]["psnr"] == estimate(GOOD[1::2])
        assert row(summary, "good").strata["foreground", "5-15%"]["psnr"] == estimate(GOOD[1::3])

    def test_milliseconds_are_the_median(self) -> None:
        assert row(summarise(RECORDS), "good").milliseconds == pytest.approx(31.0)

    def test_parts_by_foreground_end_below_their_bounds_and_leave_odd_ratios_out(self) -> None:
        ratios = [0.0, 0.0499, 0.05, 0.1499, 0.15, 1, 1.0001, -0.01, math.nan, "half", 0.05]
        records = [
            replace(record, attributes={"foreground_ratio": ratio})
            for record, ratio in zip(records_of("x", BASE[:11].tolist()), ratios, strict=True)
        ]
        assert strata_of(records) == {
            "foreground": {"0-5%": ["a/0", "b/1"], "5-15%": ["a/2", "b/3", "a/10"], "15-100%": ["a/4", "b/5"]}
        }
        assert strata_of(records[:2]) == {}  # one part is no division

    def test_subsets_come_in_the_order_of_the_field_and_others_by_name(self) -> None:
        names = ["zoo", "Hday2night", "HCOCO", "ark", "HFlickr", "HAdobe5k"]
        records = [
            replace(record, attributes={"subset": name})
            for record, name in zip(records_of("x", BASE[:6].tolist()), names, strict=True)
        ]
        parts = strata_of(records)["subset"]
        assert list(parts) == ["HCOCO", "HAdobe5k", "HFlickr", "Hday2night", "ark", "zoo"]

    def test_what_a_benchmark_resolves_is_half_an_interval_the_median_over_methods(self) -> None:
        summary = summarise(RECORDS)
        fair, poor = (versus(values, GOOD) for values in (FAIR, POOR))
        half = (fair.high - fair.low + poor.high - poor.low) / 4
        assert summary.resolution == pytest.approx(half)
        assert f"With 30 images, a mean difference in PSNR is known to about ±{half:.2f} (half" in plain_text(summary)
        assert summarise(records_of("one", GOOD.tolist())).resolution is None

    def test_weights_of_several_origins_are_all_named(self) -> None:
        origins = ["", "sshbench", "authors", "sshbench"]
        records = [replace(r, trained_by=by) for r, by in zip(records_of("x", BASE[:4].tolist()), origins, strict=True)]
        assert row(summarise(records), "x").trained_by == "sshbench and authors"


class TestOtherImages:
    def of(self, method: str, **more: str) -> list[Record]:
        return [replace(record, **more) for record in records_of(method, GOOD.tolist())]

    def test_other_pixels_under_one_id_are_not_compared(self) -> None:
        mixed = [*self.of("old", input_hash="1"), *self.of("new", input_hash="2")]
        with pytest.raises(
            RecordsError, match=r"a/0 has other pixels in the records of new than in those of old, so they"
        ):
            summarise(mixed)
        assert summarise(mixed, methods={"new": ""}).images == len(GOOD)

    def test_records_that_state_no_pixels_compare_with_all(self) -> None:
        assert len(summarise([*self.of("theirs"), *self.of("ours", input_hash="1"), *self.of("other")]).rows) == 3

    def test_lpips_by_other_weights_is_not_compared(self) -> None:
        records = [
            replace(record, metrics={"psnr": 20.0, "lpips": 0.1})
            for method, weights in (("old", "1"), ("new", "2"))
            for record in self.of(method, lpips_hash=f"lpips={weights}")
        ]
        with pytest.raises(RecordsError, match="lpips of new and old was computed with different weights"):
            summarise(records)
        assert len(summarise(records, metrics=["psnr"]).rows) == 2


class TestCells:
    def test_the_leading_table(self) -> None:
        table = tables(summarise(RECORDS))[0]
        raw = [wilcoxon(FAIR, GOOD).pvalue, wilcoxon(POOR, GOOD).pvalue]
        corrected = min(1.0, max(raw[0], 2 * raw[1]))  # Holm's, of two
        assert raw[1] < 1e-5 < raw[0]

        def cells(values: np.ndarray) -> tuple[str, str]:
            one = estimate(values)
            return f"{values.mean():.2f}", f"[{one.low:.2f}, {one.high:.2f}]"

        def beside(values: np.ndarray) -> tuple[str, str]:
            one = versus(values, GOOD)
            return f"{(values - GOOD).mean():+.2f}", f"[{one.low:+.2f}, {one.high:+.2f}]"

        assert table.columns == (
            "method", "PSNR dB ↑", "95% interval", "to the best", "95% interval", "p", "n", "ms/image"
        )  # fmt: skip
        assert table.rows == (
            ("good", *cells(GOOD), "best", "", "", "30", "31"),
            ("fair", *cells(FAIR), *beside(FAIR), f"{corrected:.4f}", "30", "31"),
            ("poor", *cells(POOR), *beside(POOR), "< 0.0001", "30", "31"),
            ("ceiling-x ‡", *cells(BASE + 20), "", "", "", "30", "31"),
        )
        assert table.strong == {(0, 1)}
        assert table.breaks == {3}
        assert tables(summarise(RECORDS[:30]))[0].breaks == frozenset()

    def test_metrics_have_their_own_digits_and_unknown_ones_four(self) -> None:
        one = replace(RECORDS[0], metrics={"mse": 12.3456, "ssim": 0.98765, "own": 7.123456})
        (line,) = tables(summarise([one]))[1].rows
        assert line == (one.method, "12.35", "0.9877", "7.1235")

    def test_a_star_is_a_difference_beyond_chance(self) -> None:
        near = records_of("near", (GOOD + RANDOM.normal(-0.05, 1, 30)).tolist())
        summary = summarise([*RECORDS, *near])
        table = tables(summary)[1]
        starred = {line[0]: line[1].endswith("*") for line in table.rows}
        p = {one.method: one.versus["psnr"].p for one in summary.rows if "psnr" in one.versus}
        assert {name for name, star in starred.items() if star} == {name for name in p if p[name] < 0.05}
        assert starred["poor"]
        assert not all(starred[name] for name in p)
        assert table.notes == ("* differs from the best of its column: p < 0.05, Wilcoxon's signed-rank test, "
                               "Holm-corrected.",)  # fmt: skip
        assert tables(summarise(RECORDS[:30]))[1].notes == ()

    @pytest.mark.parametrize(
        ("seconds", "cell"),
        [(0.0004, "0.4"), (0.00994, "9.9"), (0.01, "10"), (0.0126, "13"), (1.5, "1500"), (None, "")],
    )
    def test_times_are_milliseconds_with_a_decimal_below_ten(self, seconds: float | None, cell: str) -> None:
        assert tables(summarise([replace(RECORDS[0], seconds=seconds)]))[0].rows[0][-1] == cell

    def test_tables_are_called_by_what_they_hold(self) -> None:
        by_interval = [
            [table.title for table in tables(summarise(RECORDS), intervals=intervals)] for intervals in (True, False)
        ]
        subject, rest = "standin, 30 images, sshbench-v1 (version 1)", [
            "PSNR dB ↑ by subset (images)", "PSNR dB ↑ by part of the image that is foreground (images)"
        ]  # fmt: skip
        assert by_interval[0] == [subject, "All metrics, mean and 95% interval", *rest]
        assert by_interval[1] == [subject, "All metrics, mean", *rest]

    def test_a_table_that_is_too_wide_goes_on_below_with_the_first_column_again(self) -> None:
        table = Table("t", ("method", "aaaa", "b"), (("x", "1", "2"), ("y", "30", "4")), breaks=frozenset({1}))
        assert plain_table(table, width=17).splitlines() == [
            "t", "", "method  aaaa  b", "x          1  2", "---------------", "y         30  4"
        ]  # fmt: skip
        for width in (14, 1):  # at least one column beside the first
            assert plain_table(table, width=width).splitlines() == [
                "t", "", "method  aaaa", "x          1", "------------", "y         30",
                "", "method  b", "x       2", "---------", "y       4",
            ]  # fmt: skip

    def test_heads_of_groups_stand_before_those_of_columns(self) -> None:
        assert Table("t", ("method", "a", "b"), (), groups=(("", 1), ("Part", 2))).heads == (
            "method",
            "Part a",
            "Part b",
        )
        assert Table("t", ("method", "a"), ()).heads == ("method", "a")
        assert Table("t", (), (), label="--HAdobe5k, 100%").label == "hadobe5k-100"


class TestFailures:
    LUCKY = (BASE + 9).tolist()
    LUCKY[3] = math.nan

    def test_a_method_that_failed_does_not_lead(self) -> None:
        summary = summarise([*RECORDS, *records_of("lucky", self.LUCKY)])
        assert summary.rows[0].method == "lucky"
        assert summary.best["psnr"] == "good"
        one = row(summary, "lucky")
        assert (one.n, one.images, one.failures) == (29, 30, {"b/3": "no memory"})

    def test_a_method_that_lacks_an_image_is_never_the_best(self) -> None:
        summary = summarise([*records_of("lucky", self.LUCKY), *records_of("ceiling-x", BASE.tolist(), ceiling=True)])
        assert summary.best == {}
        assert row(summary, "lucky").versus == {}
        assert r"\textbf" not in FORMATS["latex"](summary)
        assert "<b>" not in FORMATS["html"](summary)
        assert not any("best" in cell for table in tables(summary) for line in table.rows for cell in line)
        assert "No method is called the best, since none was scored on every image." in plain_text(summary)

    def test_nor_is_one_that_was_asked_for_fewer(self) -> None:
        fewer = records_of("fewer", (BASE[:29] + 9).tolist())
        assert summarise([*fewer, *records_of("poor", POOR.tolist())]).best["psnr"] == "poor"
        assert summarise([*fewer, *records_of("ceiling-x", BASE.tolist(), ceiling=True)]).best == {}

    def test_a_metric_that_an_image_does_not_have_counts_against_none(self) -> None:
        def without(records: list[Record]) -> list[Record]:
            return [replace(r, metrics={"psnr": r.metrics["psnr"]}) if r.id == "b/3" else r for r in records]

        summary = summarise(without([*records_of("good", GOOD.tolist()), *records_of("poor", POOR.tolist())]))
        assert summary.best == {"psnr": "good", "mse": "good"}

    def test_pairs_are_those_that_both_have(self) -> None:
        summary = summarise([*RECORDS, *records_of("lucky", self.LUCKY)])
        both = np.arange(30) != 3
        oracle = versus(np.array(self.LUCKY)[both], GOOD[both])
        one = row(summary, "lucky").versus["psnr"]
        assert (one.difference, one.n) == (oracle.difference, 29)

    def test_an_id_that_the_reason_begins_with_is_named_once(self) -> None:
        failed = [replace(r, metrics={}, failed=f"{r.id}: the mask is empty") for r in records_of("bad", [20.0])]
        text = plain_text(summarise([*RECORDS, *failed]))
        assert text.count("a/0: the mask is empty") == 1
        assert "a/0: a/0" not in text
        assert "failed on 1 image" in text

    def test_tables_count_and_mark_them(self) -> None:
        text = plain_text(summarise([*RECORDS, *records_of("lucky", self.LUCKY)]))
        assert "lucky †" in text
        assert "29 of 30" in text
        assert "† lucky failed on 1 image; its means are over the other 29. First: b/3: no memory" in text

    def test_where_all_failed_there_is_a_table_still(self) -> None:
        summary = summarise(records_of("none", [math.nan] * 3))
        for write in FORMATS.values():
            write(summary)
        assert "nothing was scored" in plain_text(summary)
        assert "none failed on 3 images. First: a/0: no memory" in plain_text(summary)

    def test_where_no_metric_could_be_computed_there_is_a_table_still(self) -> None:
        summary = summarise([replace(record, metrics={}) for record in RECORDS])
        for write in FORMATS.values():
            write(summary)
        assert "nothing was scored" in plain_text(summary)
        assert [row.n for row in summary.rows] == [0] * 4
        assert frame(summary).index.tolist() == ["poor", "good", "ceiling-x", "fair"]
        assert summary.resolution is None

    def test_a_method_that_saw_fewer_images_is_said_to(self) -> None:
        text = plain_text(summarise([*RECORDS, *records_of("short", BASE[:8].tolist())]))
        assert "Means are over different images" in text
        assert "8 of 30" in text


class TestMixtures:
    def test_protocols_are_not_mixed(self) -> None:
        mixed = [*RECORDS, *(replace(record, protocol="dovenet") for record in RECORDS)]
        with pytest.raises(RecordsError, match=r"2 protocols \(sshbench-v1, dovenet\).*choose one with --protocol"):
            summarise(mixed)
        assert len(one_of(mixed, protocol="dovenet")) == len(RECORDS)

    def test_benchmarks_are_not_mixed(self) -> None:
        with pytest.raises(RecordsError, match=r"2 benchmarks .*choose one with --split"):
            summarise([*RECORDS, *records_of("good", BASE.tolist(), benchmark="realhm")])

    def test_versions_are_not_mixed(self) -> None:
        with pytest.raises(RecordsError, match="versions 1 and 2 of sshbench-v1"):
            summarise([*RECORDS, replace(RECORDS[0], protocol_version="2", method="new")])

    def test_what_is_not_there_is_said(self) -> None:
        with pytest.raises(RecordsError, match="no records of the protocol 'dovenet', only of sshbench-v1"):
            one_of(RECORDS, protocol="dovenet")
        with pytest.raises(RecordsError, match="no metric 'lpips' in these records, only psnr, mse"):
            summarise(RECORDS, metrics=["lpips"])
        with pytest.raises(RecordsError, match="there are no records"):
            summarise([])


class TestFormats:
    def test_the_frame_and_the_csv_say_the_same(self) -> None:
        summary = summarise(RECORDS)
        found = frame(summary)
        assert found.index.tolist() == ["good", "fair", "poor", "ceiling-x"]
        assert found.loc["fair", "psnr"] == pytest.approx(FAIR.mean())
        assert found.loc["poor", "psnr_diff"] == pytest.approx((POOR - GOOD).mean())
        oracle = versus(POOR, GOOD)
        assert found.loc["poor", ["psnr_diff_low", "psnr_diff_high"]].tolist() == [oracle.low, oracle.high]
        assert found.loc["poor", ["psnr_low", "psnr_high"]].tolist() == [estimate(POOR).low, estimate(POOR).high]
        assert found["n"].tolist() == [30] * 4
        assert found["failed"].tolist() == [0] * 4
        assert found["sees_target"].tolist() == [False, False, False, True]
        assert found["ms"].tolist() == pytest.approx([31.0] * 4)
        assert math.isnan(found.loc["good", "psnr_p"])
        assert found.attrs["best"]["psnr"] == "good"
        lines = list(csv.DictReader(io.StringIO(FORMATS["csv"](summary))))
        assert [line["method"] for line in lines] == found.index.tolist()
        assert {(line["benchmark"], line["protocol"]) for line in lines} == {("standin", "sshbench-v1")}
        assert [float(line["mse_high"]) for line in lines] == pytest.approx(found["mse_high"].tolist())

    def test_a_frame_by_subset(self) -> None:
        found = frame(summarise(RECORDS), by="subset")
        assert len(found) == 8
        assert found[found["subset"] == "b"].loc["good", "psnr"] == pytest.approx(GOOD[1::2].mean())
        assert found["n"].tolist() == [15] * 8

    def test_a_frame_by_subset_of_methods_that_all_failed(self) -> None:
        found = frame(summarise([replace(record, metrics={}) for record in RECORDS[:30]]), by="subset")
        assert found["subset"].tolist() == ["a", "b"]
        assert found["n"].tolist() == [0, 0]

    def test_a_frame_of_records_leaves_out_what_none_of_them_has(self) -> None:
        odd = replace(RECORDS[1], metrics={"psnr": 20.0}, attributes={"id": "other"}, traceback="line 1")
        found = records_frame([RECORDS[0], odd])
        assert found.columns.tolist() == [
            "id", "benchmark", "method", "protocol", "protocol_version", "psnr", "mse", "subset", "foreground_ratio",
            "attribute_id", "seconds", "sees_target", "traceback",
        ]  # fmt: skip
        assert found["id"].tolist() == ["a/0", "b/1"]
        assert found["psnr"].tolist() == [RECORDS[0].metrics["psnr"], 20.0]
        assert math.isnan(found["mse"][1])
        assert found["attribute_id"].tolist()[1] == "other"

    def test_latex_has_booktabs_rules_and_the_best_in_bold(self) -> None:
        text = FORMATS["latex"](summarise(RECORDS))
        assert text.count(r"\toprule") == text.count(r"\bottomrule") == text.count(r"\begin{table") == 4
        assert rf"good & \textbf{{{GOOD.mean():.2f}}}" in text
        assert "↑" not in text
        assert r"0-5\% (10)" in text
        assert text.count("{") == text.count("}")

    def test_bold_is_a_lead_beyond_chance_alone(self) -> None:
        near = records_of("near", (GOOD + RANDOM.normal(-0.01, 1, 30)).tolist())
        alone, with_rival = summarise(RECORDS), summarise([*RECORDS, *near])
        assert alone.leads("psnr") == alone.best["psnr"] == "good"
        assert with_rival.best["psnr"] in ("good", "near")
        assert with_rival.leads("psnr") is None
        assert all(not table.strong for table in tables(with_rival))
        assert any("Bold: the best of its column, where its lead is beyond chance" in n for n in tables(alone)[0].notes)
        assert summarise(records_of("one", GOOD.tolist())).leads("psnr") is None  # there is no rival

    def test_each_latex_table_has_a_label_of_its_own(self) -> None:
        text = FORMATS["latex"](summarise(RECORDS))
        labels = re.findall(r"\\caption\{.+\.\}\n\\label\{(tab:[a-z0-9-]+)\}", text)
        assert labels == [
            "tab:standin-sshbench-v1-psnr",
            "tab:standin-sshbench-v1-means",
            "tab:standin-sshbench-v1-psnr-subset",
            "tab:standin-sshbench-v1-psnr-foreground",
        ]

    def test_latex_tables_of_more_than_six_columns_are_as_wide_as_the_page(self) -> None:
        narrow, wide = (latex_table(Table("t", tuple("abcdefg"[:n]), ())).splitlines() for n in (6, 7))
        assert narrow == [
            r"\begin{table}", r"\centering", r"\caption{t.}", r"\label{tab:sshbench}", r"\begin{tabular}{lrrrrr}",
            r"\toprule", r"a & b & c & d & e & f \\", r"\midrule", r"\bottomrule", r"\end{tabular}", r"\end{table}",
        ]  # fmt: skip
        assert (wide[0], wide[-1]) == (r"\begin{table*}", r"\end{table*}")
        assert wide[4:6] == [r"\small", r"\setlength{\tabcolsep}{3pt}"]

    def test_latex_writes_a_minus_and_no_hyphen_before_numbers(self) -> None:
        text = FORMATS["latex"](summarise(RECORDS))
        assert "$-$5." in text
        assert not re.search(r"[\[& ]-\d", text)
        assert "sshbench-v1" in text

    def test_without_intervals_no_bracket_is_left(self) -> None:
        for table in tables(summarise(RECORDS), intervals=False):
            assert not any("[" in cell for row in table.rows for cell in row)
            assert "95% interval" not in (*table.columns, table.title)
            assert len({len(row) for row in (table.columns, *table.rows)}) == 1

    def test_methods_are_chosen_named_and_ordered(self) -> None:
        found = summarise(RECORDS, methods={"poor": "Ours (50%)", "good": ""})
        assert [row.called for row in found.rows] == ["Ours (50%)", "good"]
        assert [row.method for row in summarise(RECORDS, methods={"poor": "", "good": ""}, sort="mse").rows] == [
            "good",
            "poor",
        ]
        assert r"Ours (50\%) & " in FORMATS["latex"](found)
        assert frame(found).index.tolist() == ["Ours (50%)", "good"]
        assert row(found, "poor").versus["psnr"].p == pytest.approx(versus(POOR, GOOD).p)  # corrected for one rival

    def test_ceilings_can_be_left_out(self) -> None:
        found = summarise(RECORDS, ceilings=False)
        assert [one.method for one in found.rows] == ["good", "fair", "poor"]
        assert "‡" not in plain_text(found)
        with pytest.raises(RecordsError, match="contain only ceilings"):
            summarise(records_of("c", GOOD.tolist(), ceiling=True), ceilings=False)

    def test_a_method_that_is_not_there_is_told(self) -> None:
        with pytest.raises(RecordsError, match="no method 'goood'; did you mean 'good'"):
            summarise(RECORDS, methods={"goood": ""})
        with pytest.raises(RecordsError, match="no method 'zzz'; there are poor, good"):
            summarise(RECORDS, methods={"zzz": ""})

    def test_markdown_rows_have_as_many_cells_as_their_head(self) -> None:
        for block in FORMATS["markdown"](summarise(RECORDS)).split("\n\n"):
            lines = [line for line in block.splitlines() if line.startswith("|")]
            assert len({line.replace(r"\|", "").count("|") for line in lines}) <= 1

    def test_html_escapes_what_methods_are_called_and_fail_with(self) -> None:
        odd = replace(RECORDS[0], metrics={}, failed="<script>alert(1)</script>")
        text = FORMATS["html"](summarise([odd, *RECORDS[1:]]))
        assert "<script" not in text
        assert "&lt;script&gt;" in text
        assert "http" not in text

    @pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t=", "\r=", "\n@"])
    def test_no_cell_of_a_csv_is_a_formula(self, start: str) -> None:
        odd = [replace(r, method=f"{start}cmd|' /C calc'!A0", trained_by=f"{start}1") for r in RECORDS[:30]]
        below = [replace(r, metrics={"psnr": -r.metrics["psnr"]}) for r in RECORDS[30:60]]
        lines = list(csv.reader(io.StringIO(FORMATS["csv"](summarise([*odd, *below])))))
        for line in lines:
            for cell in line:
                assert cell[:1] not in "=+-@\t\r\n" or cell[:1] == "" or re.fullmatch(r"-[0-9.e-]+", cell)
        assert any(cell.startswith("-2") for line in lines for cell in line)  # numbers are numbers still

    def test_what_names_hold_stays_in_its_cell(self) -> None:
        odd = "a\nb\r\n|c| \\| <img src=x> [x](http://y) `z` \x1b[31m \u202e $1$ \ud800"
        summary = summarise([replace(r, method=odd) if r.method == "good" else r for r in RECORDS])
        for name, write in FORMATS.items():
            text = write(summary)
            text.encode()
            assert "\x1b" not in text
            assert "\u202e" not in text
            if name != "text":
                assert len(text.splitlines()) == len(write(summarise(RECORDS)).splitlines())
        wide = [len(plain_text(one, width=1000).splitlines()) for one in (summary, summarise(RECORDS))]
        assert wide[0] == wide[1]
        text = FORMATS["markdown"](summary)
        assert "\\|c\\|" in text
        assert "\\<img" in text
        assert "[x\\](http" in text
        assert "\\`z\\`" in text
        for line in text.splitlines():
            if line.startswith("| a"):
                assert len(re.findall(r"(?<!\\)(?:\\\\)*\|", line)) in (9, 4, 5)  # of the kinds of table

    @pytest.mark.parametrize("start", ["[", "*"])
    def test_latex_takes_no_name_for_an_argument(self, start: str) -> None:
        renamed = [
            replace(r, method=f"{start}x]" if r.method == "good" else r.method, benchmark="iharmony4") for r in RECORDS
        ]
        text = FORMATS["latex"](summarise(renamed))
        assert f"{{}}{start}x]" in text
        assert "[1] " in text  # the sources of published numbers follow a line break
        assert not re.search(r"(\\\\|rule)\s*[\[*]", text)

    @pytest.mark.parametrize("width", [80, 120, 300])
    def test_text_keeps_to_the_width(self, width: int) -> None:
        for line in plain_text(summarise(RECORDS), width=width).splitlines():
            assert len(line) <= width or not line.startswith(("good", "fair", "poor", "method", "-"))


class TestStated:
    """What has to be said in every table, whichever of them is read alone."""

    def tables_of(self, protocol: str, method: str, trained_by: str) -> list[Table]:
        records = [
            replace(record, protocol=protocol, trained_by=trained_by) for record in records_of(method, BASE.tolist())
        ]
        found = tables(summarise(records))
        assert len(found) == 4  # the leading one, all metrics, and two divisions
        return found

    def test_what_a_protocol_gives_away(self) -> None:
        for table in self.tables_of("hdnet-gtbg", "x", ""):
            assert any("The ground truth's background stands behind every result" in note for note in table.notes)
        assert not any(
            "gives" in note or "ground truth" in note for t in self.tables_of("issam", "x", "") for note in t.notes
        )

    def test_terms_of_the_authors_weights(self) -> None:
        for table in self.tables_of("sshbench-v1", "harmonizer+size-256", "authors"):
            assert any("for non-commercial use alone" in note for note in table.notes)

    @pytest.mark.parametrize(("method", "trained_by"), [("harmonizer", "user"), ("issam", "authors"), ("x", "authors")])
    def test_no_terms_where_there_are_none(self, method: str, trained_by: str) -> None:
        for table in self.tables_of("sshbench-v1", method, trained_by):
            assert not any("non-commercial" in note for note in table.notes)

    def test_whose_weights_methods_have_where_no_column_says_it(self) -> None:
        by = {"good": "authors", "fair": "", "poor": "missing", "ceiling-x": "user"}
        summary = summarise([replace(r, trained_by=by[r.method]) for r in RECORDS])
        assert whose(summary) == ["Weights of good: authors, ceiling-x: user."]
        assert whose(summarise(RECORDS)) == []


class TestPublished:
    def test_each_number_has_a_source(self) -> None:
        assert len(read_published()) == 213
        assert all(one.source and float(one.value) >= 0 and one.n > 0 for one in read_published())

    def test_table_1_of_the_paper(self) -> None:
        ssh = {one.metric: one.value for one in published_on("realhm") if one.method == "ssh"}
        assert ssh == {"psnr": "27.91", "mse": "206.85", "ssim": "0.9479", "lpips": "0.039"}

    def test_a_row_whose_reference_was_the_ground_truth_says_so(self) -> None:
        table = published_table("iharmony4")
        assert table is not None
        source = next(row[-1] for row in table.rows if row[0] == "ssh")
        assert "ground truth served as the reference" in next(note for note in table.notes if note.startswith(source))

    def test_they_stand_apart_from_what_was_measured(self) -> None:
        summary = summarise(records_of("ssh", BASE.tolist(), benchmark="realhm"))
        measured, *_, printed = tables(summary)
        assert "not measured here" in printed.title
        assert "27.91" not in str(measured.rows)
        assert "SSH (ICCV 2021) Table 1" in " ".join(printed.notes)
        assert "27.91" not in FORMATS["csv"](summary)

    def test_nothing_is_printed_of_the_sample(self) -> None:
        assert published_table("sample") is None


def test_leaderboard_is_a_frame_of_folders(tmp_path: Path) -> None:
    for method in ("good", "poor"):
        path = records_file(tmp_path / method, method, "sshbench-v1")
        path.parent.mkdir(parents=True)
        write_records(path, [record for record in RECORDS if record.method == method])
    found = leaderboard(tmp_path)
    assert isinstance(found, pandas.DataFrame)
    assert found["psnr"].tolist() == pytest.approx([GOOD.mean(), POOR.mean()])
    both = leaderboard([tmp_path / "poor", tmp_path / "good"], metrics=["mse"])
    assert [name for name in both.columns if name.startswith("psnr")] == []
