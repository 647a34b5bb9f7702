"""The comparison grid: pictures and words are where they should be, in PNG and in PDF."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pypdf
import pytest
from click.testing import CliRunner
from PIL import Image

from sshbench.cli.report import figure
from sshbench.errors import SshbenchError
from sshbench.results.figure import grid, png, write_figure
from sshbench.results.pdf import pdf_page
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


def test_the_pdf_holds_words_as_text_and_pictures_without_loss(tmp_path: Path) -> None:
    captions = {"wide": {"one": "29.67 dB", "composite": "20.00 dB"}}
    write_figure(tmp_path / "figure.pdf", grid(ROWS, ["one", "two (2)"], captions, {"one": "Ours ‡ (β)"}), 100)
    page = pypdf.PdfReader(tmp_path / "figure.pdf", strict=True).pages[0]
    text = page.extract_text()
    for word in ("composite", "Ours ‡ (?)", "two (2)", "ground truth", "29.67 dB", "20.00 dB"):
        assert word in text
    expected = [
        i for row in ROWS for i in (row.composite, row.predictions["one"], row.predictions["two (2)"], row.target)
    ]
    found = [np.asarray(image.image.convert("RGB")) for image in page.images]
    assert len(found) == len(expected)
    assert all(np.array_equal(a, b) for a, b in zip(found, expected, strict=True))
    assert float(page.mediabox.width) == 496


def test_a_line_of_the_pdf_is_centred_and_long_ones_shrink() -> None:
    file = pdf_page(200, 100, [], [("iiii", 100, 50, False), ("W" * 40, 100, 80, True)], size=10, room=150)
    places = []
    page = pypdf.PdfReader(io.BytesIO(file)).pages[0]
    page.extract_text(visitor_text=lambda text, cm, tm, font, size: places.append((text.strip(), tm[4], tm[5], size)))
    found = {text: rest for text, *rest in places if text}
    assert found["iiii"] == pytest.approx([100 - 4 * 2.22 / 2, 50, 10], abs=1e-3)
    assert found["W" * 40] == pytest.approx([25, 20, 150 / (40 * 0.944)], abs=1e-3)


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


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["-m", "gray"], "no method 'gray'; did you mean 'grey'?"),
        (["--image", "vendor_testing_1/astronaut-x"], "did you mean 'vendor_testing_1/astronaut'?"),
        (["-o", "figure.svg"], "choose a name that ends so"),
        (["--sort", "beauty"], "no metric 'beauty'"),
    ],
)
def test_what_is_misspelt_is_named(results: tuple[Path, list[Record]], arguments: list[str], sentence: str) -> None:
    done = CliRunner().invoke(figure, [str(results[0]), *arguments])
    assert sentence in str(done.exception)
