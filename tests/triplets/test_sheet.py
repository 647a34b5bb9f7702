"""The contact sheet of triplets: boxes lie where the crops were cut, tiles are the images, names stand above them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image, ImageColor

from sshbench.cli.preview_triplets import preview_triplets
from sshbench.errors import SshbenchError
from sshbench.triplets.families import ladder_bank
from sshbench.triplets.preview import would_be, written
from sshbench.triplets.settings import Settings
from sshbench.triplets.sheet import CONTENT, REFERENCE, SheetRow, Tile, row_of, triplet_sheet


def colour(name: str) -> tuple[int, ...]:
    return ImageColor.getrgb(name)


def extent(sheet: np.ndarray, name: str, where: tuple[slice, slice]) -> tuple[int, int, int, int]:
    """Left, top, right, bottom (exclusive) of what has that colour in a part of the sheet."""
    rows, columns = np.nonzero((sheet[where] == colour(name)).all(axis=-1))
    return int(columns.min()), int(rows.min()), int(columns.max()) + 1, int(rows.max()) + 1


def test_boxes_lie_where_the_crops_are() -> None:
    """A photograph of 600 x 400 is drawn 300 x 200; a pixel of white surrounds each box."""
    photo = np.full((400, 600, 3), 90, np.uint8)
    boxes = [((0.1, 0.2, 0.6, 0.95), CONTENT, "content"), ((0.3, 0.05, 0.8, 0.8), REFERENCE, "reference")]
    sheet = np.asarray(triplet_sheet([SheetRow(photo, "a.jpg", boxes, [])], tile=200))
    top = int(np.nonzero((sheet == 90).all(axis=-1).any(axis=1))[0][0])
    place = (slice(top, top + 200), slice(10, 310))
    assert np.allclose(extent(sheet, CONTENT, place), (30, 40, 180, 190), atol=2)
    assert np.allclose(extent(sheet, REFERENCE, place), (90, 10, 240, 160), atol=2)


def test_tiles_are_the_images_in_frames() -> None:
    image = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    tiles = [Tile(image, "foreground", "content, one", CONTENT), Tile(255 - image, "background", "", REFERENCE)]
    sheet = np.asarray(triplet_sheet([SheetRow(None, "a.jpg", [], tiles)] * 2, tile=64))
    for shown in (image, 255 - image):
        inside = shown[3:-3, 3:-3]
        found = [
            (y, x)
            for y in range(sheet.shape[0] - 57)
            for x in np.flatnonzero((sheet[y, :-57] == inside[0, 0]).all(axis=-1))
            if np.array_equal(sheet[y : y + 58, x : x + 58], inside)
        ]
        assert len(found) == 2
        y, x = found[0]
        assert tuple(sheet[y - 1, x - 1]) == colour(CONTENT if shown is image else REFERENCE)


def test_what_the_lines_say_of_each_kind() -> None:
    lines = would_be(2, "sample", None, settings=Settings())
    assert [tile.name for tile in lines[0].tiles] == ["foreground", "background", "ground truth", "reference alpha"]
    foreground, background, truth, alpha = lines[0].tiles
    assert foreground.caption.split(", ")[1] == alpha.caption.split(", ")[1]
    assert background.caption.split(", ")[1] == truth.caption.split(", ")[1] != foreground.caption.split(", ")[1]
    assert [label for _, _, label in lines[0].boxes] == ["content", "reference"]
    composite = would_be(1, "sample", None, settings=Settings(kind="composites"))[0]
    assert [tile.name for tile in composite.tiles] == ["composite", "mask", "real"]
    assert composite.tiles[1].pixels.ndim == 2
    assert composite.tiles[2].caption == "as photographed"
    looked = would_be(1, "sample", None, settings=Settings(kind="composites", appearance="ladders", background="look"))
    assert looked[0].tiles[2].caption in ladder_bank().names
    assert looked[0].tiles[0].caption != f"inside the mask: {looked[0].tiles[2].caption}"


def test_strengths_and_saturation_are_written_out() -> None:
    image = np.zeros((8, 8, 3), np.uint8)
    images = dict.fromkeys(("foreground", "background", "ground_truth"), image)
    rest = {"row": "a", "content_box": (0, 0, 1, 1), "reference_box": (0, 0, 1, 1), "alpha_strength": 0.5}
    weak = row_of({**images, **rest, "alpha": "dusk", "beta": "dawn", "beta_strength": 1.0}, None)
    assert [tile.caption for tile in weak.tiles] == ["content, dusk at 50%", "reference, dawn", "content, dawn"]
    grey = row_of({**images, **rest, "alpha": "saturation", "beta": "saturation", "beta_strength": 1.0}, None)
    assert grey.tiles[0].caption == "content, saturation x 0.50"
    plain = row_of({**images, **rest, "alpha": "xiao", "beta": "as photographed", "beta_strength": 0.5}, None)
    assert [tile.caption for tile in plain.tiles][:2] == ["content, xiao at 50%", "reference, as photographed"]


def test_a_source_without_a_usable_photograph_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"no image")
    with pytest.raises(SshbenchError, match=r"no photograph of .* can be used"):
        would_be(2, str(tmp_path), None, settings=Settings())


class TestCommand:
    def run(self, *words: str) -> str:
        result = CliRunner().invoke(preview_triplets, words, catch_exceptions=False)
        assert result.exit_code == 0, result.output
        return result.output

    def test_without_words_it_shows_the_sample(self, tmp_path: Path) -> None:
        out = tmp_path / "sheet.png"
        assert self.run("-o", str(out), "-n", "3", "--tile", "100") == f"3 triplets on {out}\n"
        with Image.open(out) as sheet:
            assert sheet.size == (150 + 4 * 110 + 20, 30 + 3 * 130)

    def test_a_store_is_shown_with_its_photographs_where_they_are(self, tmp_path: Path) -> None:
        from sshbench.triplets.engine import generate, plan
        from sshbench.triplets.luts import open_bank
        from sshbench.triplets.sources import open_source

        photos = tmp_path / "photos"
        photos.mkdir()
        for i in range(3):
            noise = np.random.default_rng(i).integers(0, 256, (24, 32, 3), np.uint8)
            Image.fromarray(noise).resize((320, 240)).save(photos / f"{i}.jpg")
        source, bank = open_source(str(photos)), open_bank()
        store = str(tmp_path / "store")
        generate(plan(Settings(crop=64), source, bank), source, bank, store, progress=False)
        out = tmp_path / "sheet.png"
        assert self.run(store, "-o", str(out), "-n", "2") == f"2 of {store} on {out}\n"
        lines = written(9, store, None, None)
        assert [line.title for line in lines] == ["0.jpg", "1.jpg", "2.jpg"]
        assert all(line.photo is not None and line.photo.shape == (240, 320, 3) for line in lines)
        photos.rename(tmp_path / "moved")
        assert [line.photo for line in written(1, store, None, None)] == [None]
        assert written(1, store, str(tmp_path / "moved"), None)[0].photo is not None
        assert self.run(store, "-o", str(out)) == f"3 of {store} on {out}\n"
