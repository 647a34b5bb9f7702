"""Reading `.cube` files: every rule of the format, natively and in Python."""

from __future__ import annotations

import gzip
import os
import tracemalloc
import warnings
from pathlib import Path
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sshbench.errors import SshbenchError
from sshbench.lut import cube_rows
from sshbench.lut.apply import apply_lut
from sshbench.lut.cube import CubeFormatError, CubeWarning, read_cube, write_cube
from sshbench.lut.table import Lut
from tests.lut import strict_reader
from tests.lut.cube_grammar import mutate, number, valid_file
from tests.lut.fuzz_cube import check
from tests.lut.peers import PeerRefusal, at_grid, grid, with_colour, with_opencolorio
from tests.lut.rules_files import FOLDER, Rule, load_rules
from tools.rules_table import rows as table_rows

RULES = load_rules()
SEEDS = st.integers(0, 2**63).map(Random)
ROWS = "".join(f"{r} {g} {b}\n" for b in (0, 1) for g in (0, 1) for r in (0, 1))


@pytest.fixture(params=["native", "python"], autouse=True)
def rows_reader(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run every test with the native reader of rows and again with the one in Python."""
    if request.param == "python":
        monkeypatch.setattr(cube_rows, "_cube", None)
    elif cube_rows._cube is None:
        pytest.skip("the native module was not built")


def bits(values: np.ndarray | None) -> list[int] | None:
    return None if values is None else values.reshape(-1).view(np.uint32).tolist()


@pytest.mark.parametrize("rule", [rule for rule in RULES if rule.lut], ids=lambda rule: rule.path.stem)
def test_a_valid_file_is_read_to_the_bit(rule: Rule) -> None:
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        lut = read_cube(rule.path)
    assert rule.lut is not None
    assert (bits(lut.values), bits(lut.shaper_values)) == (bits(rule.lut.values), bits(rule.lut.shaper_values))
    assert (lut.kind, lut.domain, lut.shaper_domain) == (rule.lut.kind, rule.lut.domain, rule.lut.shaper_domain)
    assert (lut.title, lut.metadata, lut.source) == (rule.lut.title, rule.lut.metadata, str(rule.path))
    if rule.warns is None:
        assert not warned
    else:
        (warning,) = warned  # once a file, however many keywords are unknown
        assert warning.category is CubeWarning
        assert rule.warns in str(warning.message)
        assert warning.filename == __file__


@pytest.mark.parametrize("rule", [rule for rule in RULES if not rule.lut], ids=lambda rule: rule.path.stem)
def test_an_invalid_file_is_refused_with_line_and_reason(rule: Rule) -> None:
    with pytest.raises(CubeFormatError) as caught:
        read_cube(rule.path)
    error = caught.value
    assert (error.path, error.line) == (str(rule.path), rule.line)
    assert rule.reason in error.reason
    assert str(error) == f"{rule.path}, line {rule.line}: {error.reason}"
    assert str(error).isprintable()


def test_every_rule_file_has_an_entry() -> None:
    assert sorted(FOLDER.glob("*.cube")) == sorted(rule.path for rule in RULES)


def test_the_table_in_docs_is_current() -> None:
    docs = Path(__file__).parents[2] / "docs" / "cube-rules.md"
    committed = [line for line in docs.read_text(encoding="utf-8").splitlines() if line.startswith("| `")]
    assert len(committed) == len(RULES)
    for line, (ours, _) in zip(committed, table_rows(peers=False), strict=True):
        assert line.startswith(ours), "run: python -m tools.rules_table > docs/cube-rules.md"


@pytest.mark.parametrize(
    "rule", [r for r in RULES if r.lut and r.source.startswith(("Adobe", "Resolve"))], ids=lambda r: r.path.stem
)
def test_a_file_within_the_specification_is_read_as_opencolorio_or_colour_science_does(rule: Rule) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        lut = read_cube(rule.path)
    agree = []
    for reader in (with_opencolorio, with_colour):
        try:
            found = reader(rule.path, grid(lut))
        except PeerRefusal:
            continue
        agree.append(np.allclose(found, at_grid(lut), rtol=1e-5, atol=1e-5))
    # A LUT for video range is honoured by neither: one refuses the keyword, the other ignores it.
    assert any(agree) != ("no other reader" in rule.source)


def corpus_files() -> list[str]:
    """Names of the real files of other tools' test suites."""
    folder = Path(os.environ.get("SSHBENCH_SHARED", Path(__file__).parents[3] / "shared")) / "data/luts/parser_corpus"
    return sorted(path.name for path in folder.glob("*.cube")) or ["none"]


@pytest.mark.shared
@pytest.mark.parametrize("name", corpus_files())
def test_a_real_file_is_read_as_opencolorio_or_colour_science_does(shared: Path, name: str) -> None:
    path = shared / "data/luts/parser_corpus" / name
    if name == "colour_resolve__eotf_sRGB_3D.cube":
        # Resolve's text gives LUT_1D_INPUT_RANGE to the 1D table, and this file has none; see docs/cube-rules.md.
        with pytest.raises(CubeFormatError, match="line 5: LUT_1D_INPUT_RANGE without LUT_1D_SIZE"):
            read_cube(path)
        return
    lut = read_cube(path)
    agree = []
    for reader in (with_opencolorio, with_colour):
        try:
            agree.append(np.allclose(reader(path, grid(lut)), at_grid(lut), rtol=1e-6, atol=2e-6))
        except PeerRefusal:
            continue
    assert agree
    assert all(agree)


def test_numbers_are_the_nearest_float32(tmp_path: Path) -> None:
    random = Random(5)
    words = [number(random) for _ in range(3 * 8**3)]
    file = tmp_path / "numbers.cube"
    text = "".join(" ".join(words[i : i + 3]) + "\n" for i in range(0, len(words), 3))
    file.write_text("LUT_3D_SIZE 8\n" + text)
    assert bits(read_cube(file).values) == [int(strict_reader._number(word, 1).view(np.uint32)) for word in words]


@pytest.mark.parametrize("decimals", range(18))
def test_numbers_of_any_length_are_the_nearest_float32(tmp_path: Path, decimals: int) -> None:
    values = np.random.default_rng(decimals).uniform(-1.5, 9.5, (8**3, 3))
    words = [f"{value:.{decimals}f}" for value in values.reshape(-1)]
    file = tmp_path / "numbers.cube"
    np.savetxt(file, values, fmt=f"%.{decimals}f", header="LUT_3D_SIZE 8", comments="")
    assert bits(read_cube(file).values) == [int(strict_reader._number(word, 1).view(np.uint32)) for word in words]


@pytest.mark.parametrize("cut", range(1, 40))
def test_the_last_row_may_end_anywhere(tmp_path: Path, cut: int) -> None:
    """The native reader takes long steps where enough characters are left, and must not read past the end."""
    file = tmp_path / "end.cube"
    data = f"LUT_1D_SIZE 2\n0 0 0\n0.{'1' * cut} 0.25 0.{'3' * (40 - cut)}".encode()
    file.write_bytes(data)
    assert check(data, file) == "read"


@settings(max_examples=150, deadline=None)
@given(SEEDS)
def test_a_valid_file_in_any_decoration_is_read(tmp_path_factory: pytest.TempPathFactory, random: Random) -> None:
    assert check(valid_file(random), tmp_path_factory.getbasetemp() / "valid.cube") == "read"


@settings(max_examples=300, deadline=None)
@given(SEEDS)
def test_a_damaged_file_is_refused_or_read_as_it_stands(
    tmp_path_factory: pytest.TempPathFactory, random: Random
) -> None:
    seed = random.choice(RULES).path.read_bytes() if random.random() < 0.3 else valid_file(random)
    check(mutate(random, seed), tmp_path_factory.getbasetemp() / "damaged.cube")


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_are_refused_or_read_as_they_stand(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    check(b"LUT_1D_SIZE 2\n" + data, tmp_path_factory.getbasetemp() / "bytes.cube")


def test_the_largest_1d_table_is_read(tmp_path: Path) -> None:
    file = tmp_path / "long.cube"
    ramp = np.arange(65536, dtype=np.float32) / 65535
    np.savetxt(file, np.stack([ramp] * 3, axis=1), fmt="%.9g", header="LUT_1D_SIZE 65536", comments="")
    lut = read_cube(file)
    assert lut.shaper_values is not None
    assert np.array_equal(lut.shaper_values, np.stack([ramp] * 3, axis=1))


def test_a_small_file_that_claims_the_largest_table_takes_no_memory(tmp_path: Path) -> None:
    file = tmp_path / "claim.cube"
    file.write_text("LUT_3D_SIZE 256\n" + ROWS)
    tracemalloc.start()
    with pytest.raises(CubeFormatError, match="line 9: the file ends after 8 of the 16777216 rows"):
        read_cube(file)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**20


def test_the_table_cannot_be_written_to(tmp_path: Path) -> None:
    file = tmp_path / "a.cube"
    file.write_text("LUT_3D_SIZE 2\n" + ROWS)
    values = read_cube(file).values
    assert values is not None
    with pytest.raises(ValueError, match="read-only"):
        values[0, 0, 0, 0] = 1


def test_a_missing_file_is_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_cube(tmp_path / "none.cube")


def test_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CubeFormatError, match="is a folder") as caught:
        read_cube(tmp_path)
    assert caught.value.line is None
    assert isinstance(caught.value, SshbenchError)
    assert isinstance(caught.value, ValueError)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes with names are a POSIX matter")
def test_a_pipe_without_a_writer_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.cube")
    with pytest.raises(CubeFormatError, match="not a regular file"):
        read_cube(tmp_path / "pipe.cube")


def test_a_file_over_the_limit_is_refused_unread(tmp_path: Path) -> None:
    file = tmp_path / "a.cube"
    file.write_text("LUT_3D_SIZE 2\n" + ROWS)
    size = file.stat().st_size
    assert read_cube(file, max_bytes=size).size == 2
    with pytest.raises(CubeFormatError, match=f"has {size} bytes, more than the limit of {size - 1}"):
        read_cube(file, max_bytes=size - 1)


def test_a_sparse_file_over_the_default_limit_is_refused_unread(tmp_path: Path) -> None:
    file = tmp_path / "huge.cube"
    file.touch()
    os.truncate(file, 2**40)
    with pytest.raises(CubeFormatError, match="more than the limit of 536870912"):
        read_cube(file)


def test_a_compressed_lut_is_refused_by_what_it_holds(tmp_path: Path) -> None:
    file = tmp_path / "a.cube"
    file.write_bytes(gzip.compress(("LUT_3D_SIZE 2\n" + ROWS).encode()))
    with pytest.raises(CubeFormatError, match=r"a\.cube, line 1: is gzip data"):
        read_cube(file)


def test_a_message_is_one_short_line_whatever_the_file_holds(tmp_path: Path) -> None:
    file = tmp_path / "a.cube"
    file.write_bytes(b"LUT_3D_SIZE 2\n" + b"\x1b[31m\xff" * 100_000)
    with pytest.raises(CubeFormatError) as caught:
        read_cube(file)
    assert len(caught.value.reason) < 200
    assert caught.value.reason.isprintable()


@pytest.mark.parametrize(
    "line", ["0." + "1" * 65536 + " 0 0", "# " + "-" * 65536, 'TITLE "' + "a" * 65536 + '"', "1 " * 40000]
)
@pytest.mark.parametrize("before", [0, 1, 5])
def test_a_line_has_at_most_65536_bytes(tmp_path: Path, line: str, before: int) -> None:
    file = tmp_path / "long.cube"
    lines = ["LUT_3D_SIZE 2", *ROWS.splitlines()]
    file.write_text("\n".join([*lines[:before], line, *lines[before:]]))
    with pytest.raises(CubeFormatError, match=rf"line {before + 1}: a line of {len(line)} bytes"):
        read_cube(file)
    assert check(file.read_bytes(), file) == "refused"


def test_a_line_of_65536_bytes_is_read(tmp_path: Path) -> None:
    file = tmp_path / "long.cube"
    lines = ["LUT_3D_SIZE 2", *ROWS.splitlines()]
    lines[3] = lines[3].rjust(65536)
    lines.insert(5, "#".ljust(65536))
    file.write_text("\n".join(lines))
    assert bits(read_cube(file).values) == bits(Lut.identity(2).values)


def test_a_file_of_words_is_refused_soon(tmp_path: Path) -> None:
    file = tmp_path / "words.cube"
    file.write_text("word\n" * 200_000)
    with pytest.raises(CubeFormatError, match="line 1001: more than 1000 keywords before the first row"):
        read_cube(file)


def test_many_unknown_keywords_make_one_short_warning(tmp_path: Path) -> None:
    file = tmp_path / "words.cube"
    file.write_text("".join(f"WORD_{i} {i}\n" for i in range(999)) + "LUT_3D_SIZE 2\n" + ROWS)
    expected = "unknown keyword WORD_0, WORD_1, WORD_2, WORD_3, WORD_4 and 994 more kept as metadata"
    with pytest.warns(CubeWarning, match=expected) as warned:
        assert len(read_cube(file).metadata) == 999
    assert len(warned) == 1


def test_both_readers_of_rows_write_into_the_array_they_are_given() -> None:
    rows = np.full((3, 3), 7, np.float32)
    assert cube_rows.read_rows(b"x\n1 2 3\n4 5 6\nend", 2, rows) == (2, 14, 2)
    assert rows[:2].tolist() == [[1, 2, 3], [4, 5, 6]]


def test_identity_is_read_as_identity(tmp_path: Path) -> None:
    file = tmp_path / "identity.cube"
    file.write_text("LUT_3D_SIZE 2\n" + ROWS)
    assert bits(read_cube(file).values) == bits(Lut.identity(2).values)


@pytest.mark.parametrize("kind", ["in", "out", "both"])
def test_a_table_for_video_range_takes_photographs_as_any_other(tmp_path: Path, kind: str) -> None:
    """The identity as it stands in such files: the table brings one range to the other, and so does the keyword."""
    size = 86  # a point at every third code, 0 to 255
    codes = np.arange(size) * 3.0
    if kind == "in":
        words, curve = ["LUT_IN_VIDEO_RANGE"], np.clip((codes - 16) / 219, 0, 1)
    elif kind == "out":
        words, curve = ["LUT_OUT_VIDEO_RANGE"], (16 + 219 * codes / 255) / 255
    else:
        words, curve = ["LUT_IN_VIDEO_RANGE", "lut_out_video_range # both"], codes / 255
    rows = [f"{r:.9f} {g:.9f} {b:.9f}" for b in curve[::17] for g in curve[::17] for r in curve[::17]]
    lines = {
        "1d": [f"LUT_1D_SIZE {size}", *(f"{v:.9f} {v:.9f} {v:.9f}" for v in curve)],
        "3d": ["LUT_3D_SIZE 6", *rows],
    }
    ramp = np.repeat(np.arange(256, dtype=np.uint8)[:, None, None], 3, axis=2)
    for name, text in lines.items():
        if name == "3d" and kind == "in":
            continue  # six points do not follow where the clipping bends
        path = tmp_path / f"{name}.cube"
        path.write_text("\n".join([*words, *text]))
        lut = read_cube(path)
        assert not lut.metadata
        assert np.abs(apply_lut(ramp, lut).astype(int) - ramp).max() <= 1
        write_cube(lut, tmp_path / "again.cube")
        again = read_cube(tmp_path / "again.cube")
        assert (again.domain, again.shaper_domain) == (lut.domain, lut.shaper_domain)
        np.testing.assert_array_equal(apply_lut(ramp, again), apply_lut(ramp, lut))


@pytest.mark.parametrize("word", ["LUT_IN_VIDEO_RANGE", "LUT_OUT_VIDEO_RANGE"])
def test_full_range_that_no_float_holds_is_refused(tmp_path: Path, word: str) -> None:
    path = tmp_path / "x.cube"
    path.write_text(f"LUT_1D_SIZE 2\nDOMAIN_MAX 3.3e38 3.3e38 3.3e38\n{word}\n0 0 0\n3.3e38 1 1\n")
    with pytest.raises(CubeFormatError, match="line 3"):
        read_cube(path)


def test_a_jpeg_is_named(tmp_path: Path) -> None:
    (tmp_path / "x.cube").write_bytes(b"\xff\xd8\xff\xe0\0\x10JFIF")
    with pytest.raises(CubeFormatError, match="is JPEG data, not text"):
        read_cube(tmp_path / "x.cube")
