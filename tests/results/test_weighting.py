"""Means weighted to another set of images: the shares, the parts, and that every output calls them estimates."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from sshbench.results.formats import FORMATS, plain_text
from sshbench.results.frame import frame
from sshbench.results.records import Record, RecordsError
from sshbench.results.report import write_report
from sshbench.results.statistics import weighted_estimate
from sshbench.results.summary import summarise
from sshbench.results.tables import tables
from sshbench.results.weighting import Shares, SharesError, known_shares, read_shares, strata

FMSE = (100.0, 399.9, 400.0, 700.0, 899.0, 900.0, 1500.0, 2000.0, 3999.0, 4000.0, 9000.0)
PARTS = ((0, 1), (2, 3, 4), (5, 6), (7, 8), (9, 10))
GAIN = np.random.default_rng(0).normal(2, 1, len(FMSE))


def records_of(method: str, fmse: tuple[float, ...], psnr: list[float]) -> list[Record]:
    return [
        Record(
            id=f"a/{i}",
            benchmark="standin",
            method=method,
            protocol="sshbench-v1",
            protocol_version="1",
            metrics={"psnr": p, "fmse": f},
            attributes={},
            seconds=0.01,
        )
        for i, (f, p) in enumerate(zip(fmse, psnr, strict=True))
    ]


BASE = [40 - 10 * math.log10(f) for f in FMSE]
RECORDS = [
    *records_of("dc", FMSE, BASE),
    *records_of("mine", tuple(f / 2 for f in FMSE), (np.array(BASE) + GAIN).tolist()),
]


class TestShares:
    def test_those_of_iharmony4(self) -> None:
        shares = read_shares("iharmony4")
        assert shares.lower == (0, 400, 900, 1800, 4000)
        assert np.array(shares.shares) * 100 == pytest.approx([21.1, 28.8, 24.3, 19.1, 6.8], abs=0.05)
        assert sum(shares.shares) == pytest.approx(1)
        assert "PCT-Net" in shares.source
        assert shares.parts == ("under 400", "400 to 900", "900 to 1,800", "1,800 to 4,000", "4,000 and above")

    def test_all_that_come_along_can_be_read(self) -> None:
        assert [read_shares(name).name for name in known_shares()] == list(known_shares())

    def test_a_file_of_ones_own(self, tmp_path: Path) -> None:
        path = tmp_path / "mine.csv"
        for mark in ("", "\ufeff"):
            path.write_text(f"{mark}# measured by me\nfmse_from,fmse_to,share\n0,500,3\n500,,1\n", encoding="utf-8")
            assert read_shares(path) == Shares("mine", (0, 500), (0.75, 0.25), "measured by me")

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ("", "have the columns fmse_from,fmse_to,share in their first line"),
            ("from,to,share\n0,,1\n", "have the columns fmse_from"),
            ("fmse_from,fmse_to,share\n0,400,1\n500,,1\n", "line 3: the part begins at 500 and should begin at 400"),
            ("fmse_from,fmse_to,share\n10,,1\n", "line 2: the part begins at 10 and should begin at 0"),
            ("fmse_from,fmse_to,share\n0,0,1\n", "line 2: the part ends at 0, which is not above 0"),
            ("fmse_from,fmse_to,share\n0,,-1\n", "line 2: the share is -1, and should be 0 or more"),
            ("fmse_from,fmse_to,share\n0,,many\n", "line 2: share is a number, not 'many'"),
            ("fmse_from,fmse_to,share\n0,nan,1\n", "line 2: fmse_to is a number, not 'nan'"),
            ("fmse_from,fmse_to,share\n0,,1\n5,,1\n", "line 3: the part before has no end"),
            ("fmse_from,fmse_to,share\n0,5,1\n", "the last part has no end, so leave its fmse_to empty"),
            ("fmse_from,fmse_to,share\n0,,0\n", "the shares are all 0"),
            ("# why\n\nfmse_from,fmse_to,share\n0,1\n", "line 4: there are 2 cells instead of 3"),
        ],
    )
    def test_what_cannot_be_read(self, tmp_path: Path, text: str, said: str) -> None:
        path = tmp_path / "mine.csv"
        path.write_text(text)
        with pytest.raises(SharesError) as raised:
            read_shares(path)
        assert said in str(raised.value)
        assert str(path) in str(raised.value)

    def test_a_name_that_there_is_not(self, tmp_path: Path) -> None:
        with pytest.raises(SharesError, match=r"no shares called realhm; there are .*iharmony4.*or give a \.csv file"):
            read_shares("realhm")
        with pytest.raises(SharesError, match=r"none\.csv: the shares cannot be read"):
            read_shares(tmp_path / "none.csv")


class TestParts:
    def test_images_lie_where_their_untouched_composites_do(self) -> None:
        assert strata(RECORDS, read_shares("iharmony4")) == [[f"a/{i}" for i in part] for part in PARTS]

    def test_without_the_untouched_composites_there_are_none(self) -> None:
        with pytest.raises(RecordsError, match="evaluate dc with the metric fmse"):
            strata(RECORDS[len(FMSE) :], read_shares("iharmony4"))

    def test_a_part_without_an_image_is_refused(self) -> None:
        some = [record for record in RECORDS if record.id not in ("a/5", "a/6")]
        with pytest.raises(RecordsError, match=r"with a fMSE of 900 to 1,800, as 24.3% of its images have"):
            summarise(some, weight_to=read_shares("iharmony4"))
        assert strata(some, Shares("x", (0, 900, 1800), (0.5, 0.0, 0.5)))[1] == []


class TestTables:
    summary = summarise(RECORDS, weight_to=read_shares("iharmony4"))

    def test_means_are_those_of_the_parts_weighted(self) -> None:
        shares = read_shares("iharmony4").shares
        values = np.array(BASE) + GAIN
        expected = sum(s * values[list(part)].mean() for s, part in zip(shares, PARTS, strict=True))
        mine = next(row for row in self.summary.rows if row.method == "mine")
        assert mine.weighted["psnr"].mean == pytest.approx(expected)
        assert mine.weighted["psnr"] == weighted_estimate([values[list(part)] for part in PARTS], shares)
        assert mine.weighted["psnr"].mean != pytest.approx(mine.estimates["psnr"].mean, abs=0.1)

    def test_plain_means_stay_as_they_are(self) -> None:
        plain = summarise(RECORDS)
        assert [row.estimates for row in plain.rows] == [row.estimates for row in self.summary.rows]
        assert plain.weighting is None
        assert not any("weighted" in text for table in tables(plain) for text in (table.title, *table.columns))

    def test_each_table_with_them_calls_them_estimates(self) -> None:
        leading, _, weighted, *_ = tables(self.summary)
        assert leading.columns[3:5] == ("weighted to iharmony4 (estimate)", "95% interval")
        assert any("are estimates" in note for note in leading.notes)
        assert weighted.title == "All metrics weighted to the shares of iharmony4: estimates from 11 images"
        assert "under 400 21.1% (2 here), 400 to 900 28.8% (3 here)" in weighted.notes[0]
        assert any("PCT-Net" in note for note in weighted.notes)

    @pytest.mark.parametrize("format", sorted(FORMATS))
    def test_in_every_format(self, format: str) -> None:
        text = FORMATS[format](self.summary)
        assert "psnr_weighted" in text if format == "csv" else "estimate" in text

    def test_in_the_frame(self) -> None:
        found = frame(self.summary)
        mine = next(row for row in self.summary.rows if row.method == "mine").weighted["psnr"]
        assert tuple(found.loc["mine", [f"psnr_weighted{e}" for e in ("", "_low", "_high")]]) == (
            mine.mean,
            mine.low,
            mine.high,
        )
        assert found.attrs["weighted_to"] == "iharmony4"
        assert frame(summarise(RECORDS)).attrs["weighted_to"] is None

    def test_in_the_report(self, tmp_path: Path) -> None:
        write_report(tmp_path / "page.html", RECORDS, weight_to=read_shares("iharmony4"))
        assert "weighted to iharmony4 (estimate)" in (tmp_path / "page.html").read_text()

    def test_a_method_that_lacks_a_part_has_no_estimate(self) -> None:
        some = [record for record in RECORDS if record.method == "dc" or record.id not in ("a/9", "a/10")]
        summary = summarise(some, weight_to=read_shares("iharmony4"))
        mine = next(row for row in summary.rows if row.method == "mine")
        assert math.isnan(mine.weighted["psnr"].mean)
        assert "nan" not in plain_text(summary).lower().split()


def test_shares_of_a_cell_without_end_are_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "shares.csv"
    path.write_text("fmse_from,fmse_to,share\n0," + "9" * 200_000 + ",1\n")
    with pytest.raises(SharesError, match="is no CSV file"):
        read_shares(path)
