"""Names on the command line: LUTs by file or look, folders, patterns and images."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import click
from click.shell_completion import CompletionItem

from sshbench.errors import SshbenchError


class LutName(click.ParamType[str]):
    """A LUT file or the name of a look; completes both."""

    name = "lut"

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        from sshbench.lut.files import looks

        names = [name for name in sorted(looks()) if name.startswith(incomplete)]
        return [CompletionItem(incomplete, type="file"), *map(CompletionItem, names)]


def find_all_luts(texts: Sequence[str]) -> list[Path]:
    """Return the LUT files that `texts` name; a folder or a pattern means all LUTs in it.

    Raises
    ------
    SshbenchError
        A folder or pattern has no LUT, or a name is not a LUT.
    """
    from sshbench.lut.files import find_lut, find_luts, looks

    found: list[Path] = []
    for text in texts:
        if text == "looks" and not Path(text).exists():
            more = sorted(looks().values())
        elif Path(text).is_dir():
            more = find_luts(text)
        elif is_pattern(text):
            more = [path for path in matches(text) if path.is_file()]
        else:
            more = [find_lut(text)]
        if not more:
            raise SshbenchError(f"{text}: contains no .cube file or Hald image")
        found += more
    return list(dict.fromkeys(found))


def is_pattern(text: str) -> bool:
    """Return whether `text` is a glob pattern and not the name of an existing file."""
    return glob.has_magic(text) and not os.path.lexists(text)


def matches(pattern: str) -> list[Path]:
    """Return the visible files and folders that match a pattern, sorted; `**` stands for any depth."""
    return sorted(Path(name) for name in glob.glob(os.path.expanduser(pattern), recursive=True))


def fixed_part(pattern: str) -> Path:
    """Return the folder that contains all matches of `pattern`."""
    parts = Path(os.path.expanduser(pattern)).parts
    fixed = next(i for i, part in enumerate(parts) if glob.has_magic(part))
    return Path(*parts[:fixed])


def images_below(folder: Path, suffixes: Sequence[str], *, without: Path) -> Iterator[Path]:
    """Yield the visible images in `folder` and below it, in order, except those in the folder `without`."""
    for here, folders, files in os.walk(folder):
        folders[:] = sorted(
            name for name in folders if not name.startswith(".") and (Path(here) / name).resolve() != without.resolve()
        )
        for name in sorted(files):
            if not name.startswith(".") and Path(name).suffix.lower() in suffixes:
                yield Path(here) / name
