"""The field's table: methods by subsets and metrics, in every format, from the command and in Python."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas
import pytest
from click.testing import CliRunner

from sshbench.cli.leaderboard import leaderboard
from sshbench.results import field_table
from sshbench.results.folder import records_file
from sshbench.results.formats import WRITERS
from sshbench.results.parts import parts_frame, parts_table, summarise_parts
from sshbench.results.records import Record, RecordsError, write_records
from sshbench.results.summary import summarise

SIZES = {"HAdobe5k": 40, "HCOCO": 60, "HFlickr": 20, "Hday2night": 5}
FIELD = ["HCOCO", "HAdobe5k", "HFlickr", "Hday2night", "all"]


def records() -> list[Record]:
    """`ours` is ahead of `dc` by far on HCOCO and HAdobe5k, and by chance elsewhere."""
    random = np.random.default_rng(1)
    found = []
    for subset, count in SIZES.items():
        gain = 4.0 if subset in ("HCOCO", "HAdobe5k") else 0.0
        for i in range(count):
            base = random.normal(30, 3)
            for method, more in (("dc", 0.0), ("ours", gain + random.normal(0.05, 0.4)), ("ceiling-lut", 15.0)):
                psnr = base + more
                found.append(
                    Record(
                        id=f"{subset}/{i}",
                        benchmark="iharmony4",
                        method=method,
                        protocol="pct-fullres",
                        protocol_version="1",
                        metrics={"psnr": psnr, "mse": 65025 / 10 ** (psnr / 10), "fmse": 650250 / 10 ** (psnr / 10)},
                        attributes={"subset": subset, "foreground_ratio": 0.1},
                        sees_target=method.startswith("ceiling"),
                    )
                )
    return found


RECORDS = records()


def mean(method: str, subset: str, metric: str) -> float:
    """Over the images of a subset, as any script would take it."""
    return float(
        np.mean(
            [r.metrics[metric] for r in RECORDS if r.method == method and subset in ("all", r.attributes["subset"])]
        )
    )


def test_parts_stand_in_the_field_s_order_and_the_whole_behind_them() -> None:
    parts = summarise_parts(RECORDS)
    assert list(parts) == FIELD
    assert {part: one.images for part, one in parts.items()} == {**SIZES, "all": 125}
    assert parts["all"].metrics == ("mse", "psnr", "fmse")


def test_every_cell_is_the_mean_over_the_images_of_its_part() -> None:
    table = parts_table(summarise_parts(RECORDS), intervals=False)
    assert table.heads[1:4] == ("HCOCO (60) MSE ↓", "HCOCO (60) PSNR dB ↑", "HCOCO (60) fMSE ↓")
    rows = {row[0]: row[1:] for row in table.rows}
    for method in ("dc", "ours"):
        expected = [f"{mean(method, part, metric):.2f}" for part in FIELD for metric in ("mse", "psnr", "fmse")]
        assert list(rows[method]) == expected
    assert list(rows) == ["ours", "dc", "ceiling-lut ‡"]


def test_a_method_without_an_image_in_a_part_leaves_its_cells_empty() -> None:
    short = [replace(r, method="short") for r in RECORDS if r.method == "dc" and r.attributes["subset"] == "HCOCO"]
    table = parts_table(summarise_parts([*RECORDS, *short], metrics=["psnr"]), intervals=False)
    mine = f"{mean('dc', 'HCOCO', 'psnr'):.2f}"
    assert next(row for row in table.rows if row[0] == "short") == ("short", mine, "", "", "", mine)


def test_bold_is_a_lead_beyond_chance_in_its_own_part() -> None:
    parts = summarise_parts(RECORDS)
    table = parts_table(parts)
    row = next(i for i, cells in enumerate(table.rows) if cells[0] == "ours")
    bold = {FIELD[(c - 1) // 3] for r, c in table.strong if r == row}
    assert bold == {"HCOCO", "HAdobe5k", "all"}
    assert not [r for r, _ in table.strong if r != row]


def test_the_latex_table_has_groups_rules_a_caption_and_a_label() -> None:
    text = WRITERS["latex"]([parts_table(summarise_parts(RECORDS, ceilings=False), intervals=False)])
    lines = text.splitlines()
    assert lines[0] == r"\begin{table*}"
    assert r"\label{tab:iharmony4-pct-fullres-subset}" in lines
    assert any(
        line.startswith(r"\caption{iharmony4, 125 images, pct-fullres (version 1): mean by subset") for line in lines
    )
    heads = next(line for line in lines if r"\multicolumn" in line)
    assert re.findall(r"\\multicolumn\{3\}\{c\}\{(\w+) \(\d+\)\}", heads) == FIELD
    assert re.findall(r"\\cmidrule\(lr\)\{(\d+-\d+)\}", text) == ["2-4", "5-7", "8-10", "11-13", "14-16"]
    assert rf"\begin{{tabular}}{{l{'r' * 15}}}" in lines
    for line in lines:
        if line.startswith(("method", "dc", "ours")):
            assert line.count("&") == 15
    assert text.count("{") == text.count("}")
    assert lines[-1] == r"\end{table*}"


@pytest.mark.parametrize("kind", ["text", "markdown", "html"])
def test_other_formats_name_the_part_of_every_column(kind: str) -> None:
    text = WRITERS[kind]([parts_table(summarise_parts(RECORDS))])
    for part in FIELD:
        assert f"{part} (" in text
    if kind == "html":
        assert text.count('colspan="3"') == 5
    if kind == "markdown":
        assert len({line.count("|") for line in text.splitlines() if line.startswith("|")}) == 1


def test_a_frame_has_a_column_for_each_part_and_metric(tmp_path: Path) -> None:
    file = records_file(tmp_path, "all", "pct-fullres")
    file.parent.mkdir(parents=True)
    write_records(file, RECORDS)
    found = field_table(tmp_path, methods={"ours": "Ours", "dc": ""}, intervals=False)
    assert found.index.tolist() == ["Ours", "dc"]
    assert list(found.columns.get_level_values("part").unique()) == FIELD
    assert found.loc["Ours", ("HFlickr", "psnr")] == pytest.approx(mean("ours", "HFlickr", "psnr"))
    assert found.attrs["leads"]["HCOCO", "psnr"] == "ours"
    assert ("HFlickr", "psnr") not in found.attrs["leads"]
    with_intervals = parts_frame(summarise_parts(RECORDS))
    low, high = (with_intervals.loc["ours", ("all", f"psnr_{end}")] for end in ("low", "high"))
    assert low < mean("ours", "all", "psnr") < high


def test_images_of_one_part_are_refused() -> None:
    with pytest.raises(RecordsError, match="at most one part by subset, so there is nothing to compare"):
        summarise_parts([r for r in RECORDS if r.attributes["subset"] == "HCOCO"])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("results")
    file = records_file(path, "all", "pct-fullres")
    file.parent.mkdir(parents=True)
    write_records(file, RECORDS)
    return path


class TestCommand:
    def run(self, folder: Path, *words: str) -> str:
        done = CliRunner().invoke(leaderboard, [str(folder), *words])
        assert done.exit_code == 0, done.output
        return done.output

    def test_titles_order_and_what_is_left_out(self, folder: Path) -> None:
        text = self.run(
            folder, "--table", "subset", "-m", "ours=Ours & co", "-m", "dc=Composite", "--metrics", "psnr",
            "--no-intervals", "--format", "latex",
        )  # fmt: skip
        rows = [line for line in text.splitlines() if line.startswith(("Ours", "Composite"))]
        assert [row.split(" & ")[0] for row in rows] == [r"Ours \& co", "Composite"]
        assert "ceiling" not in text
        assert "[" not in "".join(rows)
        assert text.count(r"PSNR dB $\uparrow$") == 5

    def test_ceilings_stand_below_unless_they_are_not_wanted(self, folder: Path) -> None:
        assert "ceiling-lut" in self.run(folder, "--table", "means")
        assert "ceiling-lut" not in self.run(folder, "--table", "means", "--no-ceilings")
        assert "ceiling-lut" not in self.run(folder, "--no-ceilings", "--format", "csv")

    def test_a_table_that_stands_alone_says_what_it_is_of(self, folder: Path) -> None:
        text = self.run(folder, "--table", "means", "--format", "markdown")
        assert "iharmony4, 125 images, pct-fullres (version 1)" in text
        assert text.count("**iharmony4") == 1
        assert "beyond chance" in text

    def test_published_numbers_can_be_left_out(self, folder: Path) -> None:
        assert "Published on iharmony4" in self.run(folder)
        assert "Published on iharmony4" not in self.run(folder, "--no-published")

    def test_csv_of_parts(self, folder: Path) -> None:
        lines = list(csv.DictReader(io.StringIO(self.run(folder, "--table", "subset", "--format", "csv"))))
        line = next(line for line in lines if line["method"] == "ours")
        assert float(line["HCOCO_psnr"]) == pytest.approx(mean("ours", "HCOCO", "psnr"))
        assert float(line["HCOCO_psnr_low"]) < float(line["HCOCO_psnr"]) < float(line["HCOCO_psnr_high"])
        assert line["protocol"] == "pct-fullres"
        short = self.run(folder, "--table", "subset", "--format", "csv", "--no-intervals")
        assert "_low" not in short

    def test_csv_without_intervals(self, folder: Path) -> None:
        found = pandas.read_csv(io.StringIO(self.run(folder, "--format", "csv", "--no-intervals")))
        assert not [name for name in found if name.endswith(("_low", "_high"))]
        assert "psnr_diff" in found

    def test_weights_of_images_and_parts_are_not_both_had(self, folder: Path) -> None:
        done = CliRunner().invoke(leaderboard, [str(folder), "--table", "subset", "--weight-to", "iharmony4"])
        assert "leave one of the two out" in str(done.exception)


def test_titles_name_rows_in_notes_too() -> None:
    failed = [
        replace(r, metrics={}, failed="no memory") if r.method == "ours" and r.id == "HCOCO/0" else r for r in RECORDS
    ]
    found = parts_table(summarise_parts(failed, methods={"ours": "Ours", "dc": ""}))
    assert any(note.startswith("† Ours failed on 1 image") for note in found.notes)
    assert summarise(failed, methods={"ours": "Ours", "dc": ""}).rows[0].called == "Ours"
