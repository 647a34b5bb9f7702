"""`sshbench harmonize --jobs`: tables as people write them, what of them is made, and the page."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import numpy as np
import pytest
from PIL import Image

import sshbench
from sshbench.cli.composites.jobs import BESIDE, SOURCES
from sshbench.cli.composites.origins import NAME
from sshbench.cli.main import main
from sshbench.images.files import ImageFile, write_image
from sshbench.images.reading import read_image
from tests.cli.test_harmonize import STANDIN
from tests.compositing.standin import Known, ellipse, photo

F, B, M = photo("coffee"), photo("rocket", (320, 240)), ellipse(200, 300)
HEAD = "foreground,background,mask,output,at,anchor,scale,fit,rotate,flip,strength\n"
ROW = "f.png,b.png,m.png,{},0\n"


@pytest.fixture(autouse=True)
def _files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("known.py").write_text(STANDIN)
    Path("in").mkdir()
    write_image("in/f.png", ImageFile(pixels=F))
    write_image("in/b.png", ImageFile(pixels=B))
    write_image("in/m.png", ImageFile(pixels=np.dstack([M] * 3)))


def run(table: str | bytes, *words: str) -> int:
    Path("in/jobs.csv").write_bytes(table.encode() if isinstance(table, str) else table)
    with pytest.raises(SystemExit) as stopped:
        main(["harmonize", "--jobs", "in/jobs.csv", "--method", "known.py", *words])
    return int(stopped.value.code or 0)


def test_a_row_is_a_call_of_python(capsys: pytest.CaptureFixture[str]) -> None:
    table = HEAD + (
        'f.png,b.png,m.png,one.png,"50%,95%",bottom,,height=40%,-8,horizontal,0.5\n'
        'f.png,b.png,m.png,deep/two.png,"20,30",,0.5,,,,\n'
    )
    assert run(table, "-o", "out", "--strength", "0.25") == 0
    one = sshbench.harmonize(
        "in/f.png", "in/b.png", "in/m.png", method=Known(), at="50%,95%", anchor="bottom", fit="height=40%",
        rotate=-8, flip="horizontal", strength=0.5,
    )  # fmt: skip
    two = sshbench.harmonize("in/f.png", "in/b.png", "in/m.png", method=Known(), at=(20, 30), scale=0.5, strength=0.25)
    assert np.array_equal(read_image("out/one.png").pixels, one.pixels)
    assert np.array_equal(read_image("out/deep/two.png").pixels, two.pixels)
    last = capsys.readouterr().out.splitlines()[-1]
    assert last == "2 pictures in out; before and after: out/jobs.html"


def test_outputs_go_beside_the_table_and_cells_may_name_all_files() -> None:
    table = "Foreground;background;MASK;output;layer;export_lut;center\nf.png;b.png;m.png;o.png;l/o.tif;o.cube;yes\n"
    assert run(table) == 0
    assert {path.name for path in Path("in").rglob("o.*")} == {"o.png", "o.tif", "o.cube"}
    centred = sshbench.harmonize("in/f.png", "in/b.png", "in/m.png", method=Known(), center=True)
    assert np.array_equal(read_image("in/o.png").pixels, centred.pixels)
    assert Path("in/jobs.html").is_file()


def test_what_the_command_line_says_holds_where_a_cell_is_empty() -> None:
    words = ["--background", "in/b.png", "--mask", "in/m.png", "--center", "--layer", "layers", "-o", "out"]
    assert run("foreground,output\nf.png,1.png\nf.png,2.jpg\n", *words) == 0
    assert {path.as_posix() for path in Path("layers").iterdir()} == {"layers/1.png", "layers/2.png"}


def test_a_mask_may_be_found_instead_of_given() -> None:
    pytest.importorskip("cv2")
    table = 'foreground,background,output,mask,center\nf.png,b.png,o.png,"grabcut:75,45,150,110",1\n'
    assert run(table, "-o", "out") == 0
    by_hand = sshbench.harmonize("in/f.png", "in/b.png", "grabcut:75,45,150,110", method=Known(), center=True)
    assert np.array_equal(read_image("out/o.png").pixels, by_hand.pixels)


def test_a_composite_is_a_row_too() -> None:
    assert run("composite,mask,output,lightness\nf.png,m.png,o.png,0.5\n", "-o", "out") == 0
    by_hand = sshbench.harmonize("in/f.png", None, "in/m.png", method=Known(), lightness=0.5)
    assert np.array_equal(read_image("out/o.png").pixels, by_hand.pixels)


QUOTED = '"ä ö ""ü"" & <b>.png"'
SHORT = "foreground,background,mask,output,at\n"


@pytest.mark.parametrize(
    "table",
    [
        f'\ufeff{SHORT}f.png,b.png,m.png,{QUOTED},"1,2"\n',
        f'{SHORT}\n,,,,\n f.png, b.png ,m.png,{QUOTED}, "1,2"'.replace("\n", "\r\n"),
        f"{SHORT}f.png,b.png,m.png,{QUOTED},1;2\n".replace(",", "\t").replace(";", ","),
        f"{SHORT}f.png,b.png,m.png,{QUOTED},1:2\n".replace(",", ";").replace(":", ","),
    ],
    ids=["byte order mark", "Windows, with blank lines and spaces", "tabs", "semicolons"],
)
def test_tables_as_programs_write_them(table: str) -> None:
    assert run(table, "-o", "out") == 0
    assert Path("out", 'ä ö "ü" & <b>.png').is_file()
    text = Path("out/jobs.html").read_text(encoding="utf-8")
    assert "<b>" not in text
    assert "ä ö &quot;ü&quot; &amp; &lt;b&gt;.png" in text


BAD_TABLES = {
    "": "in/jobs.csv: is empty",
    "\n\n": "in/jobs.csv: is empty",
    HEAD: "in/jobs.csv: has no rows below the header",
    "foreground,backgruond,output\n": "line 1: unknown column 'backgruond'; did you mean 'background'?",
    "\noutput,device\n": "in/jobs.csv, line 2: unknown column 'device'",
    "output,scale,SCALE\n": "the column 'scale' appears twice",
    "foreground,background\n": "the column 'output' is missing",
    "foreground,background,mask,output,at\nf.png,b.png,m.png,o.png,1,2\n": "line 2: has 6 cells, but the header has 5",
    'foreground,output\nf.png,"o.png\n': "in/jobs.csv, line 2: is not CSV (unexpected end of data)",
    "output\na\0b\n": "contains null characters",
    HEAD + ROW.format("o.png,,,,,,") + ROW.format("./o.png,,,,,,"): (
        "in/jobs.csv, line 3: out/o.png would be written twice; in/jobs.csv, line 2 writes it, too"
    ),
}


@pytest.mark.parametrize("table", BAD_TABLES, ids=range(len(BAD_TABLES)))
def test_tables_that_are_refused(table: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("out").mkdir()
    assert run(table, "-o", "out") == 2
    said = capsys.readouterr().err
    assert BAD_TABLES[table] in said
    assert said.count("\n") == 1
    assert not list(Path("out").iterdir())


def test_an_output_that_is_an_input_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    before = Path("in/f.png").read_bytes()
    assert run(HEAD + ROW.format("f.png,,,,,,"), "-o", "in") == 2
    assert "line 2: in/f.png would overwrite the input in/f.png" in capsys.readouterr().err
    assert Path("in/f.png").read_bytes() == before


@pytest.mark.parametrize("place", ["../out.png", "a/../../out.png", "{}/out.png", "C:\\out.png", "file:///out.png"])
def test_outputs_stay_below_their_folder(place: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place = place.format(tmp_path)
    before = {path.name for path in tmp_path.iterdir()}
    for column in ("output", "preview", "export-lut", "layer", "psd"):
        table = f"foreground,background,mask,at,output{'' if column == 'output' else f',{column}'}\n"
        row = 'f.png,b.png,m.png,"1,2",' + (place if column == "output" else f"o.png,{place}")
        assert run(f"{table}{row}\n", "-o", "out", "--overwrite") == 2
        assert f"line 2: {column}: {place!r} leads out of out" in capsys.readouterr().err
        assert [path.name for path in Path("out").iterdir()] == ["jobs.html"]
    assert {path.name for path in tmp_path.iterdir()} == before | {"out"}


def test_a_cell_names_no_code_but_the_commands_own(capsys: pytest.CaptureFixture[str]) -> None:
    Path("evil.py").write_text("from pathlib import Path\nPath('ran').touch()\n" + STANDIN)
    head = "foreground,background,mask,output,at,method\n"
    for cell in ("evil.py", "evil.py:Known", "./known.py", '"evil.py:Known,x=1"'):
        assert run(f'{head}f.png,b.png,m.png,o.png,"1,2",{cell}\n', "-o", "out", "--overwrite") == 2
        assert "is code, which a table cannot name" in capsys.readouterr().err
    assert not Path("ran").exists()
    assert run(f'{head}f.png,b.png,m.png,o.png,"1,2",known.py\n', "-o", "out", "--overwrite") == 0


def test_a_table_in_another_encoding(capsys: pytest.CaptureFixture[str]) -> None:
    assert run((HEAD + ROW.format("ü.png,,,,,,")).encode("latin-1")) == 2
    assert "is not UTF-8; save the table as CSV in UTF-8" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["harmonize", "--jobs", "nothing.csv"])
    assert "nothing.csv: No such file" in capsys.readouterr().err


def test_rows_that_fail_are_named_and_the_others_are_made(capsys: pytest.CaptureFixture[str]) -> None:
    (Path("in") / "text.png").write_text("no picture")
    Image.new("L", (90, 60), 255).save("in/small.png")
    Image.new("L", (300, 200)).save("in/black.png")
    rows = {
        'gone.png,b.png,m.png,1.png,"1,2",,,,,,': "line 2: foreground: in/gone.png: there is no such file",
        ',b.png,m.png,2.png,"1,2",,,,,,': "line 3: --foreground is missing",
        'f.png,b.png,m.png,3.png,"1",,,,,,': "line 4: at: '1' is not x,y in pixels or per cent",
        'f.png,b.png,m.png,4.png,"1,2",,,,,sideways,': "line 5: flip: 'sideways' is not one of",
        'f.png,b.png,m.png,5.png,"1,2",,,,,,9': "line 6: strength: 9.0 is not in the range 0<=x<=2",
        'f.png,b.png,m.png,,"1,2",,,,,,': "line 7: output is empty",
        'f.png,b.png,m.png,6.bmp,"1,2",,,,,,': "line 8: out/6.bmp: has the suffix '.bmp'",
        'text.png,b.png,m.png,7.png,"1,2",,,,,,': "line 9: foreground: in/text.png",
        'f.png,b.png,m.png,8.png,"1,-999",,,,,,': "line 10: the foreground lands outside",
        'f.png,../in,m.png,9.png,"1,2",,,,,,': "line 11: background: in/../in: is a folder, but a row",
        'f.png,b.png,small.png,13.png,"1,2",,,,,,': "line 12: mask: in/small.png: is 90 x 60 and in/f.png 300 x 200",
        'f.png,b.png,black.png,10.png,"1,2",,,,,,': "line 13: mask: the mask of in/f.png is empty",
        'f.png,text.png,m.png,11.png,"1,2",,,,,,': "line 14: background: in/text.png",
        'f.png,b.png,"grabcut:0,0,9,999",12.png,"1,2",,,,,,': "line 15: mask: the box",
        'f.png,b.png,m.png,good.png,"1,2",,,,,,': "",
    }
    table = HEAD + "".join(f"{row}\n" for row in rows)
    assert run(table, "-o", "out") == 2
    said = capsys.readouterr()
    for line, expected in zip(said.err.splitlines(), filter(None, rows.values()), strict=True):
        assert line.startswith(f"sshbench: in/jobs.csv, {expected}")
    assert said.out.splitlines()[-1] == (
        "1 picture in out (14 failed); before and after: out/jobs.html; correct the failed rows and run the "
        "same command with --skip-existing"
    )
    assert {path.name for path in Path("out").iterdir()} == {"good.png", "jobs.html", NAME}
    text = Path("out/jobs.html").read_text()
    assert "14 rows failed" in text
    assert text.count("<li>") == 14
    assert "at: &#x27;1&#x27; is not x,y" in text


def test_what_is_there_is_kept_and_on_the_page(capsys: pytest.CaptureFixture[str]) -> None:
    table = HEAD + "".join(ROW.format(f'{n}.png,"{n}0%,50%",centre,,,,') for n in (2, 5))
    assert run(table, "-o", "out") == 0
    first = Path("out/2.png").stat().st_mtime_ns
    Path("out/5.png").unlink()
    assert run(table, "-o", "out") == 2
    assert "out/2.png already exists; add --overwrite or --skip-existing" in capsys.readouterr().err
    assert run(table, "-o", "out", "--skip-existing") == 0
    assert Path("out/2.png").stat().st_mtime_ns == first
    assert capsys.readouterr().out.splitlines()[-1].startswith("1 picture in out (1 already there); before and after")
    assert Path("out/jobs.html").read_text().count('<article class="card">') == 2


def centred(strengths: dict[int, str]) -> str:
    return HEAD + "".join(
        f'f.png,b.png,m.png,{n}.png,"{n}0%,50%",centre,,,,,{strength}\n' for n, strength in strengths.items()
    )


def test_a_picture_is_kept_only_if_its_row_its_files_and_its_options_are_the_same(
    capsys: pytest.CaptureFixture[str],
) -> None:
    changed = "is made again, since its row, a file that it is made from, or an option has changed"

    def kept(table: str, *words: str) -> tuple[set[str], str]:
        """Run with `--skip-existing` and return the names of the pictures that stayed, and what was said."""
        before = {path: path.stat().st_mtime_ns for path in Path("out").glob("*.png")}
        capsys.readouterr()
        assert run(table, "-o", "out", "--skip-existing", *words) == 0
        said = capsys.readouterr().out
        return {path.name for path, time in before.items() if path.stat().st_mtime_ns == time}, said

    table = centred({2: "", 5: "", 8: ""})
    assert run(table, "-o", "out") == 0
    assert kept(table)[0] == {"2.png", "5.png", "8.png"}
    names, said = kept(centred({2: "", 5: "0.5", 8: ""}))
    assert names == {"2.png", "8.png"}
    assert f"out/5.png: {changed}\n" in said
    assert said.count("is made again") == 1
    by_hand = sshbench.harmonize(
        "in/f.png", "in/b.png", "in/m.png", method=Known(), at="50%,50%", anchor="centre", strength=0.5
    )
    assert np.array_equal(read_image("out/5.png").pixels, by_hand.pixels)
    # A file of the same name with other pixels, and one with the same bytes.
    write_image("in/b2.png", ImageFile(pixels=B))
    assert kept(centred({2: "", 5: "0.5", 8: ""}).replace("b.png", "b2.png"))[0] == {"2.png", "5.png", "8.png"}
    write_image("in/m.png", ImageFile(pixels=np.dstack([np.roll(M, 9, axis=1)] * 3)))
    names, said = kept(centred({2: "", 5: "0.5", 8: ""}))
    assert names == set()
    assert said.count(changed) == 3
    # Options of the command line, the method and its code.
    table = centred({2: "", 5: "0.5", 8: ""})
    assert kept(table, "--exposure", "0.5")[1].count(changed) == 3
    assert kept(table, "--exposure", "0.5")[0] == {"2.png", "5.png", "8.png"}
    assert kept(table, "--exposure", "0.5", "--method", "reinhard")[1].count(changed) == 3
    assert kept(table)[1].count(changed) == 3
    Path("known.py").write_text(STANDIN.replace("golden-hour", "moonlight"))
    assert kept(table)[1].count(changed) == 3
    # The record has no line for the picture, or only a damaged line.
    Path("out", NAME).write_text(Path("out", NAME).read_text().splitlines()[-1] + "\n[1\n3\n")
    names, said = kept(table)
    assert names == {"8.png"}
    assert said.count("is made again, since nothing says from which row and files it was made") == 2


def test_all_source_that_makes_a_picture_counts(capsys: pytest.CaptureFixture[str]) -> None:
    Path("beside_known.py").write_text("LOOK = 'golden-hour'\n")
    Path("known.py").write_text(f"import beside_known\n{STANDIN}")
    table = centred({2: ""})
    assert run(table, "-o", "out") == 0
    assert run(table, "-o", "out", "--skip-existing") == 0
    assert "is made again" not in capsys.readouterr().out
    Path("beside_known.py").write_text("LOOK = 'moonlight'\n")
    assert run(table, "-o", "out", "--skip-existing") == 0
    assert "is made again" in capsys.readouterr().out


@pytest.mark.parametrize("existing", ["--skip-existing", "--overwrite"])
def test_files_of_a_killed_run_do_not_count_as_made_from_the_row_before(
    existing: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["-o", "out", "--layer", "layers"]
    assert run(centred({5: ""}), *words) == 0
    files = Path("out/5.png"), Path("layers/5.png")
    before = [path.read_bytes() for path in files]

    class Killed(BaseException):
        """After the layer was written, and before the picture is."""

    def killed(*_: object, **__: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr("sshbench.compositing.harmonize.Harmonized.save", killed)
        with pytest.raises(Killed):
            run(centred({5: "0.5"}), *words, existing)
    assert files[1].read_bytes() != before[1]
    capsys.readouterr()
    assert run(centred({5: ""}), *words, "--skip-existing") == 0
    assert "is made again" in capsys.readouterr().out
    assert [path.read_bytes() for path in files] == before


def test_what_lies_beside_a_picture_is_made_again_with_it() -> None:
    words = ["-o", "out", "--skip-existing", "--layer", "layers"]
    assert run(centred({5: ""}), *words) == 0
    first = Path("layers/5.png").read_bytes()
    assert run(centred({5: "0.5"}), *words) == 0
    assert Path("layers/5.png").read_bytes() != first
    time = Path("out/5.png").stat().st_mtime_ns
    Path("layers/5.png").unlink()
    assert run(centred({5: "0.5"}), *words) == 0
    assert Path("layers/5.png").is_file()
    assert Path("out/5.png").stat().st_mtime_ns == time


def test_a_page_of_somebody_else_is_not_replaced(capsys: pytest.CaptureFixture[str]) -> None:
    Path("in/jobs.html").write_text("mine")
    assert run(HEAD + ROW.format('1.png,"1,2",,,,,')) == 2
    assert "in/jobs.html: exists and is not a page of sshbench" in capsys.readouterr().err
    assert Path("in/jobs.html").read_text() == "mine"
    assert not Path("in/1.png").exists()


class Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.sources: list[str] = []
        self.links: list[str] = []
        self.labels: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        values = dict(attributes)
        self.sources += [value for name in ("src", "srcset", "data") if (value := values.get(name))]
        if tag == "a":
            self.links.append(values["href"] or "")
        if tag == "input":
            self.labels.append(values.get("aria-label") or values.get("id") or "")
        if tag == "link":
            raise AssertionError("the page loads something")


def test_the_page_loads_nothing_and_its_links_lead_to_the_files() -> None:
    table = "foreground,background,mask,output,layer,center\nf.png,b.png,m.png,a b#?%.png,deep/ü.png,1\n"
    assert run(table, "-o", "out") == 0
    text = Path("out/jobs.html").read_text()
    page = Page()
    page.feed(text)
    assert len(page.sources) == 2
    assert all(source.startswith("data:image/jpeg;base64,") for source in page.sources)
    assert not re.search(r"https?://|url\(|@import|javascript:", text)
    assert [(Path("out") / unquote(link)).is_file() for link in page.links] == [True, True]
    assert all(not set(link) & set(" #?") for link in page.links)
    assert page.labels == ["all", "a b#?%.png: position of the line between before and after"]
    assert 'step="any" value="50.0"' in text


def test_the_line_between_before_and_after_starts_at_the_object() -> None:
    assert run('output,at,anchor\no.png,"25%,50%",centre\n', "--foreground", "in/f.png", "--mask", "in/m.png",
               "--background", "in/b.png", "-o", "out") == 0  # fmt: skip
    (middle,) = re.findall(r'step="any" value="([\d.]+)" aria-label="o.png', Path("out/jobs.html").read_text())
    assert float(middle) == pytest.approx(25, abs=1)


def test_the_table_of_the_docs_is_one() -> None:
    from sshbench.cli.composites.table import read_rows
    from sshbench.cli.harmonize import harmonize

    table = Path(__file__).parents[2] / "docs/harmonize/jobs.csv"
    defaults = harmonize.make_context("harmonize", [], resilient_parsing=True).params
    rows = read_rows(table, harmonize, defaults, Path("out"))
    assert len(rows) == 12
    assert [row.error for row in rows if row.error] == []


def test_the_docs_name_the_columns_of_files() -> None:
    """The page names each column that is a file; all other columns are options of the same names."""
    text = " ".join((Path(__file__).parents[2] / "docs/harmonize.md").read_text().split())
    said = text.partition("Its columns have the names of the options: ")[2].partition(", and the options of")[0]
    beside = {name.replace("_", "-") for name in BESIDE}
    assert set(re.findall(r"`([a-z-]+)`", said)) == {*SOURCES, "output", *beside}
