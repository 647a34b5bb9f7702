"""The comparison grid: pictures and words are where they should be, in PNG and in PDF."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pypdf
import pypdfium2
import pytest
from click.testing import CliRunner
from PIL import Image

from sshbench.cli.report import figure
from sshbench.errors import SshbenchError
from sshbench.results.figure import grid, png, write_figure
from sshbench.results.pdf import MOST, pdf_page
from sshbench.results.pictures import Pictures
from sshbench.results.records import Record


def pictures(name: str, height: int, width: int, seed: int) -> Pictures:
    make = np.random.default_rng(seed)
    images = [make.integers(0, 256, (height, width, 3), np.uint8) for _ in range(4)]
    return Pictures(name, images[0], images[1], {"one": images[2], "two (2)": images[3]})


ROWS = [pictures("wide", 60, 100, 0), pictures("tall", 100, 50, 1)]


def test_cells_of_the_png_are_the_pictures() -> None:
    canvas = np.asarray(png(grid(ROWS, ["one", "two (2)"]), 100))
    wide = ROWS[0]
    for column, image in enumerate([wide.composite, wide.predictions["one"], wide.predictions["two (2)"], wide.target]):
        x = round(column * 102)
        top = round(0.075 * 1.35 * 100)
        assert np.array_equal(canvas[top : top + 60, x : x + 100], image), column
    # A tall picture is as high as a cell is wide, in the middle of its cell.
    top = round((0.075 * 1.35 + 0.6 + 0.02) * 100)
    assert np.array_equal(canvas[top : top + 100, 25:75], ROWS[1].composite)
    assert (canvas[top : top + 100, :24] == 255).all()
    assert canvas.shape == (top + 100, 4 * 102 - 2, 3)


def test_what_is_missing_leaves_a_gap() -> None:
    row = Pictures("x", ROWS[0].composite, None, {})
    canvas = np.asarray(png(grid([row], ["one"]), 100))
    assert (canvas[20:, 102:] == 255).all()


def write_pdf(path: Path) -> None:
    captions = {"wide": {"one": "29.67 dB", "composite": "20.00 dB"}}
    rows = [smooth(row) for row in ROWS]
    write_figure(path, grid(rows, ["one", "two (2)"], captions, {"one": "Ours ‡ (β) $x$"}), 100)


@pytest.fixture(scope="module")
def pdf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("figure") / "f.pdf"
    write_pdf(path)
    return path


def smooth(row: Pictures) -> Pictures:
    """Pictures that JPEG keeps nearly as they are, and that differ when turned or mirrored."""
    height, width = row.composite.shape[:2]
    y, x = np.mgrid[:height, :width]
    image = np.stack([255 * y / height, 255 * x / width, np.full_like(x, 60)], axis=-1).astype(np.uint8)
    return Pictures(row.id, image, 255 - image, {"one": image[..., ::-1].copy(), "two (2)": image // 2})


def test_the_pdf_holds_words_as_text_and_pictures_as_jpeg(pdf: Path) -> None:
    page = pypdf.PdfReader(pdf, strict=True).pages[0]
    text = page.extract_text()
    for word in ("composite", "Ours ‡ (β) $x$", "two (2)", "ground truth", "29.67 dB", "20.00 dB"):
        assert word in text
    rows = [smooth(row) for row in ROWS]
    expected = [i for r in rows for i in (r.composite, r.predictions["one"], r.predictions["two (2)"], r.target)]
    found = list(page.images)
    assert len(found) == len(expected)
    for one, image in zip(found, expected, strict=True):
        assert one.indirect_reference.get_object()["/Filter"] == "/DCTDecode"
        assert np.abs(np.asarray(one.image).astype(int) - image).max() <= 6
    assert float(page.mediabox.width) == 496


def test_the_page_of_the_pdf_looks_as_the_png_does(pdf: Path) -> None:
    drawn = np.asarray(pypdfium2.PdfDocument(pdf)[0].render(scale=3).to_pil().convert("RGB")).astype(int)
    captions = {"wide": {"one": "29.67 dB", "composite": "20.00 dB"}}
    same = grid([smooth(row) for row in ROWS], ["one", "two (2)"], captions, {"one": "Ours"})
    shown = np.asarray(png(same, 300).resize(drawn.shape[1::-1])).astype(int)
    unit = drawn.shape[1] / same.width
    for _, (x, y, w, h) in same.cells:
        rows, columns = ((round((at + 0.05 * n) * unit), round((at + 0.95 * n) * unit)) for at, n in ((y, h), (x, w)))
        assert np.abs(drawn - shown)[slice(*rows), slice(*columns)].mean() < 4


def test_the_fonts_of_the_pdf_are_embedded_as_truetype(pdf: Path) -> None:
    fonts = pypdf.PdfReader(pdf).pages[0]["/Resources"]["/Font"]
    assert len(fonts) >= 2  # plain and bold
    for name in fonts:
        font = fonts[name]
        assert font["/Subtype"] == "/Type0"
        descendant = font["/DescendantFonts"][0].get_object()
        assert descendant["/Subtype"] == "/CIDFontType2"
        assert "/FontFile2" in descendant["/FontDescriptor"]
    data = pdf.read_bytes()
    assert b"/Type3" not in data
    assert b"Helvetica" not in data


def test_a_large_figure_stays_below_two_megabytes(tmp_path: Path) -> None:
    base = np.asarray(Image.effect_noise((384, 384), 60).convert("RGB"))
    rows = [Pictures(str(i), base, base, {f"m{k}": np.roll(base, k * 40 + i, 0) for k in range(5)}) for i in range(5)]
    write_figure(tmp_path / "f.pdf", grid(rows, [f"m{k}" for k in range(5)]), 384)
    assert (tmp_path / "f.pdf").stat().st_size < MOST


def test_a_figure_is_the_same_file_each_time(pdf: Path, tmp_path: Path) -> None:
    write_pdf(tmp_path / "same.pdf")
    assert (tmp_path / "same.pdf").read_bytes() == pdf.read_bytes()


def test_long_titles_of_the_png_shrink_into_their_cell_and_captions_are_not_bold() -> None:
    row = Pictures("x", np.full((50, 100, 3), 255, np.uint8), None, {})

    def ink(title: str, captions: dict[str, dict[str, str]]) -> tuple[np.ndarray, np.ndarray]:
        canvas = np.asarray(png(grid([row], [], captions, {"composite": title}), 200).convert("L"))
        return 255 - canvas[:20], 255 - canvas[-24:]

    long, _ = ink("W" * 40, {})
    across = np.flatnonzero((long > 127).any(axis=0))
    assert 150 < across[-1] - across[0] < 200
    rows = [Pictures("x", np.full((50, 100, 3), 255, np.uint8), None, {"one": np.full((50, 100, 3), 255, np.uint8)})]
    canvas = 255 - np.asarray(png(grid(rows, ["one"], {"x": {"one": "20.00"}}), 200).convert("L"))
    for half, words in ((canvas[:20, 204:], "title"), (canvas[-24:, 204:], "caption")):
        across = np.flatnonzero((half > 127).any(axis=0))
        assert (across[0] + across[-1]) / 2 == pytest.approx(100, abs=3), words
    assert not (canvas[-24:, :204] > 127).any()
    title, below = ink("29.67", {"x": {"composite": "29.67"}})
    assert 0.6 * title.sum() < below.sum() < 0.95 * title.sum()  # of the same size, and thinner


def test_long_titles_shrink_into_their_cell_and_stay_in_its_middle() -> None:
    file = pdf_page(200, 100, [], [("iiii", 100, 50, False), ("W" * 40, 100, 80, True)], size=10, room=150)
    image = pypdfium2.PdfDocument(file)[0].render(scale=10).to_pil().convert("L")
    ink = np.asarray(image) < 128
    below = np.flatnonzero(ink[600:].any(axis=0)) / 10
    assert 140 < below[-1] - below[0] <= 150
    assert (below[0] + below[-1]) / 2 == pytest.approx(100, abs=1)
    above = np.flatnonzero(ink[:600].any(axis=0)) / 10
    assert (above[0] + above[-1]) / 2 == pytest.approx(100, abs=1)


def test_without_matplotlib_the_way_out_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(SshbenchError, match=r"pip install 'sshbench\[figures\]', or write a \.png"):
        pdf_page(10, 10, [], [], size=1, room=1)


def test_other_formats_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SshbenchError, match=r"a figure is a \.png or a \.pdf"):
        write_figure(tmp_path / "figure.svg", grid(ROWS, []), 100)


def test_the_command_draws_what_is_asked_for(results: tuple[Path, list[Record]], tmp_path: Path) -> None:
    id = results[1][0].id
    path = tmp_path / "figure.png"
    done = CliRunner().invoke(
        figure, [str(results[0]), "-m", "dark=Darker", "-m", "grey", "--image", id, "--cell", "64", "-o", str(path)]
    )
    assert done.exit_code == 0, done.output
    with Image.open(path) as image:
        assert image.width == round((4 + 3 * 0.02) * 64)


def test_the_composite_is_one_column_that_may_have_a_title(
    results: tuple[Path, list[Record]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[tuple[object, ...]] = []
    monkeypatch.setattr("sshbench.results.figure.grid", lambda rows, *rest: drawn.append(rest) or grid(rows, *rest))
    words = ["-m", "dc=Pasted", "-m", "dark=Ours", "-m", "dark", "--rows", "1", "-o", str(tmp_path / "f.png")]
    done = CliRunner().invoke(figure, [str(results[0]), *words])
    assert done.exit_code == 0, done.output
    ((columns, captions, titles),) = drawn
    assert columns == ["dark"]
    assert titles == {"composite": "Pasted", "dark": "Ours"}
    assert all({"composite", "dark"} <= set(below) for below in captions.values())  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["-m", "gray"], "no method 'gray'; did you mean 'grey'?"),
        (["--image", "vendor_testing_1/astronaut-x"], "did you mean 'vendor_testing_1/astronaut'?"),
        (["-o", "figure.svg"], "choose a name with one of these suffixes"),
        (["--sort", "beauty"], "no metric 'beauty'"),
    ],
)
def test_what_is_misspelt_is_named(results: tuple[Path, list[Record]], arguments: list[str], sentence: str) -> None:
    done = CliRunner().invoke(figure, [str(results[0]), *arguments])
    assert sentence in str(done.exception)
