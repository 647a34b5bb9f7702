"""Writing `.cube` files: what is written reads back to the bit, here and elsewhere."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from sshbench.lut import cube_rows
from sshbench.lut.cube import CubeWarning, read_cube, write_cube
from sshbench.lut.table import Domain, Lut, LutError
from tests.lut.peers import at_grid, grid, with_colour, with_opencolorio

FLOATS = st.floats(width=32, allow_nan=False, allow_infinity=False)
TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["Cc"], exclude_characters='"'), max_size=20)
KEYS = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,9}", fullmatch=True).filter(
    lambda key: key.upper() not in ("TITLE", "NAN", "INF", "INFINITY")
)
VALUES = st.lists(TEXT.map(lambda text: text.strip(" \t")), min_size=1, max_size=3).map("\n".join)


@st.composite
def domains(draw: st.DrawFn, *, same: bool = False) -> Domain:
    pairs = []
    for _ in range(1 if same else 3):
        low, high = sorted(draw(st.tuples(FLOATS, FLOATS).filter(lambda pair: pair[0] != pair[1])))
        pairs.append((low, high))
    lower, upper = zip(*(pairs * 3)[:3], strict=True)
    return Domain(lower, upper)


@st.composite
def luts(draw: st.DrawFn) -> Lut:
    kind = draw(st.sampled_from(["1d", "3d", "shaper+3d"]))
    size, length = draw(st.integers(2, 3)), draw(st.integers(2, 5))
    same = kind == "shaper+3d"
    return Lut(
        values=draw(arrays(np.float32, (size, size, size, 3), elements=FLOATS)) if kind != "1d" else None,
        shaper_values=draw(arrays(np.float32, (length, 3), elements=FLOATS)) if kind != "3d" else None,
        domain=draw(domains(same=same)) if kind != "1d" else Domain(),
        shaper_domain=draw(domains(same=same)) if kind != "3d" else Domain(),
        title=draw(TEXT),
        metadata=draw(st.dictionaries(KEYS, VALUES, max_size=3)),
    )


def bits(values: np.ndarray | None) -> list[int] | None:
    return None if values is None else values.reshape(-1).view(np.uint32).tolist()


@settings(max_examples=100, deadline=None)
@given(luts())
def test_what_is_written_reads_back_the_same(tmp_path_factory: pytest.TempPathFactory, lut: Lut) -> None:
    file = tmp_path_factory.getbasetemp() / "written.cube"
    texts = []
    for native in {cube_rows._cube, None}:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(cube_rows, "_cube", native)
            write_cube(lut, file)
        texts.append(file.read_bytes())
    assert len(set(texts)) == 1  # the same bytes with and without the native module
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CubeWarning)
        back = read_cube(file)
    assert (bits(back.values), bits(back.shaper_values)) == (bits(lut.values), bits(lut.shaper_values))
    assert (back.domain, back.shaper_domain) == (lut.domain, lut.shaper_domain)
    assert (back.title, back.metadata, back.kind) == (lut.title, lut.metadata, lut.kind)


@settings(max_examples=1000, deadline=None)
@given(st.integers(0, 0x7F7FFFFF))
def test_a_number_takes_the_fewest_digits(pattern: int) -> None:
    value = np.uint32(pattern).view(np.float32)
    word = cube_rows.format_number(value)
    assert np.float32(word) == value
    assert len(word) <= 15
    # The nearest decimal with one digit less is another float32.
    digits = word.split("e")[0].replace(".", "").strip("0")
    shorter = f"{value:.{max(len(digits) - 2, 0)}e}"
    assert len(digits) <= 1 or np.float32(shorter) != value


def random_lut(kind: str, domain: Domain = Domain(), title: str = "") -> Lut:
    rng = np.random.default_rng(3)
    return Lut(
        values=rng.random((3, 3, 3, 3), np.float32) if kind != "1d" else None,
        shaper_values=rng.random((5, 3), np.float32) if kind != "3d" else None,
        domain=domain if kind == "3d" else Domain(),
        shaper_domain=domain if kind != "3d" else Domain(),
        title=title,
    )


@pytest.mark.parametrize("kind", ["1d", "3d", "shaper+3d"])
@pytest.mark.parametrize("domain", [Domain(), Domain((-1.0,) * 3, (2.0,) * 3)], ids=["unit", "wide"])
def test_other_readers_read_what_is_written(tmp_path: Path, kind: str, domain: Domain) -> None:
    lut = random_lut(kind, domain)
    write_cube(lut, tmp_path / "a.cube")
    for reader in (with_opencolorio, with_colour):
        found = reader(tmp_path / "a.cube", grid(lut))
        np.testing.assert_allclose(found, at_grid(lut), atol=2e-6)


def test_each_kind_takes_its_form(tmp_path: Path) -> None:
    domain = Domain((-1.0,) * 3, (2.0,) * 3)
    headers = {}
    for kind in ("1d", "3d", "shaper+3d"):
        write_cube(random_lut(kind, domain, "Look"), tmp_path / "a.cube")
        lines = (tmp_path / "a.cube").read_text().splitlines()
        headers[kind] = [line for line in lines if line[0].isalpha()]
    bounds = ["DOMAIN_MIN -1 -1 -1", "DOMAIN_MAX 2 2 2"]
    assert headers["1d"] == ['TITLE "Look"', "LUT_1D_SIZE 5", *bounds]
    assert headers["3d"] == ['TITLE "Look"', "LUT_3D_SIZE 3", *bounds]
    assert headers["shaper+3d"] == ['TITLE "Look"', "LUT_1D_SIZE 5", "LUT_1D_INPUT_RANGE -1 2", "LUT_3D_SIZE 3"]


def test_comments_come_after_the_title_and_are_passed_over(tmp_path: Path) -> None:
    lut = random_lut("3d", title="Look")
    write_cube(lut, tmp_path / "a.cube", comments=["made by hand", "", "LUT_3D_SIZE 9"])
    lines = (tmp_path / "a.cube").read_text().splitlines()
    assert lines[:5] == ['TITLE "Look"', "# made by hand", "# ", "# LUT_3D_SIZE 9", "LUT_3D_SIZE 3"]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert bits(read_cube(tmp_path / "a.cube").values) == bits(lut.values)
    for comment in ("two\nlines", "a\rb", "\0"):
        with pytest.raises(LutError, match=r"a comment of a \.cube file is one line"):
            write_cube(lut, tmp_path / "b.cube", comments=["one", comment])
    assert not (tmp_path / "b.cube").exists()


def test_a_domain_for_each_channel_does_not_fit_a_shaper_with_a_table(tmp_path: Path) -> None:
    lut = random_lut("shaper+3d", Domain((0.0, 0.0, 0.0), (1.0, 1.0, 2.0)))
    with pytest.raises(LutError, match=r"1D domain .* differs between channels: Resolve's \.cube"):
        write_cube(lut, tmp_path / "a.cube")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("title", ['a "quoted" word', "two\nlines", "a\rb", "bell\a", "zero\0", "\ud800"])
def test_a_title_that_no_file_can_hold_is_refused(tmp_path: Path, title: str) -> None:
    with pytest.raises(LutError, match="title"):
        write_cube(random_lut("3d", title=title), tmp_path / "a.cube")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("LUT_3D_SIZE", "5"),
        ("title", "a"),
        ("two words", "a"),
        ("", "a"),
        ("7UP", "a"),
        ("inf", "a"),
        ("clé", "a"),
        ("KEY", " a"),
        ("KEY", "a\t"),
        ("KEY", "a\rb"),
        ("KEY", "\0"),
    ],
)
def test_metadata_that_no_file_can_hold_is_refused(tmp_path: Path, key: str, value: str) -> None:
    lut = Lut(values=Lut.identity(2).values, metadata={key: value})
    with pytest.raises(LutError, match="metadata"):
        write_cube(lut, tmp_path / "a.cube")


@pytest.mark.parametrize(
    ("title", "metadata"),
    [
        ("a" * 65536, {}),
        ("", {"KEY": "é" * 40000}),
        ("", {"KEY": "\n" * 1000}),
        ("", {f"K{i}": "" for i in range(1000)}),
    ],
    ids=["title", "value", "lines", "keys"],
)
def test_more_than_a_file_is_read_with_is_refused(tmp_path: Path, title: str, metadata: dict[str, str]) -> None:
    lut = Lut(values=Lut.identity(2).values, title=title, metadata=metadata)
    with pytest.raises(LutError, match="at most 1000 keyword lines of 65536 bytes"):
        write_cube(lut, tmp_path / "a.cube")


def test_as_much_as_a_file_is_read_with_is_written(tmp_path: Path) -> None:
    metadata = {"KEY": "\n" * 996, "K": "é" * 32767}
    lut = Lut(values=Lut.identity(2).values, title="a" * (65536 - 8), metadata=metadata)
    write_cube(lut, tmp_path / "a.cube")
    with pytest.warns(CubeWarning):
        back = read_cube(tmp_path / "a.cube")
    assert (back.title, back.metadata) == (lut.title, metadata)


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    file = tmp_path / "a.cube"
    write_cube(Lut.identity(2), file)
    before = file.read_bytes()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("os.replace", lambda *_: (_ for _ in ()).throw(OSError("disk full")))
        with pytest.raises(OSError, match="disk full"):
            write_cube(Lut.identity(3), file)
    assert file.read_bytes() == before
    assert list(tmp_path.iterdir()) == [file]


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        write_cube(Lut.identity(2), tmp_path / "none" / "a.cube")
