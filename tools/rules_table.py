"""Make `docs/cube-rules.md`: every rule of `.cube`, our answer, and the behaviour of other readers on the same file.

python -m tools.rules_table > docs/cube-rules.md
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path

import numpy as np

from sshbench.lut.cube import MAX_BYTES, CubeFormatError, read_cube
from sshbench.lut.cube_header import MAX_KEYWORDS
from sshbench.lut.cube_rows import MAX_LINE
from tests.lut.peers import PeerRefusal, Points, at_grid, grid, with_colour, with_opencolorio
from tests.lut.rules_files import Rule, load_rules

INTRODUCTION = """# Rules of `.cube`, and who keeps them

Each rule has one small file in `tests/lut/rules/`, which sshbench, colour-science {colour} and OpenColorIO {ocio}
read. For a valid file, *same* means that the reader's result at every grid point of the table is within 1e-5 of the
definition; otherwise the table shows the worst point. For a file that sshbench refuses, the table shows what another
reader makes of mid-grey (0.5 in each channel).

Sources: *Adobe* is the Cube LUT Specification 1.0 (Adobe Systems, 2013) with its section; *Resolve* is the `.cube`
format as DaVinci Resolve's developer documentation describes it; *Ours* is a rule that neither states.

`python -m tools.rules_table > docs/cube-rules.md` makes this page.

| File | Rule | Source | sshbench | colour-science | OpenColorIO |
|---|---|---|---|---|---|
"""

BESIDE = f"""
sshbench also refuses a folder, a pipe or a device; a file of more than {MAX_BYTES // 2**20} MiB (`max_bytes`), without
reading it; a line of more than {MAX_LINE} bytes; and more than {MAX_KEYWORDS} keyword lines.

## Choices where the texts say nothing

- **`LUT_1D_INPUT_RANGE` in a file with only a 3D table** (or the reverse) is read with a warning if the range is 0 to
  1 and the table has the same range, since the table that was meant then does not matter. Any other range is refused.
  Resolve's text gives the keyword to the 1D table. colour-science and OpenColorIO (if the file has no title) ignore
  the keyword and read the table over 0..1. A sample file of colour-science, `eotf_sRGB_3D.cube`, has the keyword with
  a table that was clearly computed over the stated range. Either reading gives wrong colours to someone, so the file
  must say `LUT_3D_INPUT_RANGE`.
- **`LUT_IN_VIDEO_RANGE` and `LUT_OUT_VIDEO_RANGE`** (Resolve) say that the table expects, or returns, values with
  black at 16/255 and white at 235/255. sshbench honours both when it reads the file: it converts the domain of the
  first table, and the values of the last table, to full range, x to (255 x - 16) / 219, so the LUT applies to
  photographs as any other LUT does. `write_cube` writes the table in full range, with the resulting domain.
- **A 1D and a 3D size** make Resolve's layout: the rows of the 1D table, then those of the 3D table. Adobe's
  specification forbids this pair. `DOMAIN_MIN` and `DOMAIN_MAX` would not say which table they belong to, so they are
  refused there, unless all domains in the file are 0 to 1.
- **Domain and input range together** are accepted if they agree.
- **Adobe's limits for writers** (lines of at most 250 bytes, only LF, a point in every number, at most 1e37) are not
  enforced: a file that breaks them is still unambiguous.
- **A comment** may follow a row or a keyword. Inside a title's quotes, and in the text of an unknown keyword, `#` is
  text. `1.#INF` is not the number 1 with a comment.
- **Unknown keywords** are kept in `Lut.metadata`, with one warning for each file. A title without quotes is also kept,
  with a warning.
"""


def rows(*, peers: bool = True) -> Iterator[tuple[str, str]]:
    """Return the table's line for each rule: our part, and the part of the other readers (empty without `peers`)."""
    for rule in load_rules():
        ours = f"| `{rule.path.stem}` | {rule.text} | {rule.source} | {_our_answer(rule)} |"
        others = [_peer_answer(rule, reader) for reader in (with_colour, with_opencolorio)] if peers else []
        yield ours, "".join(f" {answer} |" for answer in others)


def _our_answer(rule: Rule) -> str:
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        try:
            read_cube(rule.path)
        except CubeFormatError as error:
            return f"line {error.line}: {error.reason}".replace("|", "\\|")
    return "reads it and warns" if warned else "reads it"


def _peer_answer(rule: Rule, reader: Callable[[Path, Points], Points]) -> str:
    points = np.full((1, 3), 0.5) if rule.lut is None else grid(rule.lut)
    try:
        found = reader(rule.path, points)
    except PeerRefusal:
        return "refuses"
    if rule.lut is None:
        return f"**reads it**, grey → {_colour(found[0])}"
    expected = at_grid(rule.lut)
    error = np.abs(found - expected) / np.maximum(1, np.abs(expected))
    if error.max() <= 1e-5:
        return "same"
    worst = int(np.argmax(np.nan_to_num(error, nan=np.inf).max(axis=1)))
    return f"**wrong**: {_colour(points[worst])} → {_colour(found[worst])}, not {_colour(expected[worst])}"


def _colour(values: Points) -> str:
    return "(" + ", ".join(f"{value:.4g}" for value in values) + ")"


def main() -> None:
    print(INTRODUCTION.format(colour=version("colour-science"), ocio=version("opencolorio")), end="")
    for ours, peers in rows():
        print(ours + peers)
    print(BESIDE, end="")


if __name__ == "__main__":
    main()
