"""The files in `rules/`, one a rule of the `.cube` format, and what must come of each."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sshbench.lut.table import Domain, Lut

FOLDER = Path(__file__).parent / "rules"


@dataclass(frozen=True)
class Rule:
    """One file: the LUT that must be read from it, or the line and the reason it is refused for."""

    path: Path
    text: str
    source: str
    lut: Lut | None = None
    warns: str | None = None
    line: int | None = None
    reason: str = ""


def load_rules() -> list[Rule]:
    content = tomllib.loads((FOLDER / "rules.toml").read_text(encoding="utf-8"))
    return [_rule(entry, content["tables"]) for entry in content["rule"]]


def _rule(entry: dict[str, Any], tables: dict[str, Any]) -> Rule:
    rule = {"path": FOLDER / entry["file"], "text": entry["rule"], "source": entry["source"]}
    if "kind" not in entry:
        return Rule(**rule, line=entry["line"], reason=entry["reason"])
    kind = entry["kind"]
    lut = Lut(
        values=np.float32(entry.get("rows", tables["3d"])).reshape(2, 2, 2, 3) if "3d" in kind else None,
        shaper_values=np.float32(tables["1d"]) if kind != "3d" else None,
        domain=_domain(entry, "domain"),
        shaper_domain=_domain(entry, "shaper_domain"),
        title=entry.get("title", ""),
        metadata=entry.get("metadata", {}),
    )
    return Rule(**rule, lut=lut, warns=entry.get("warns"))


def _domain(entry: dict[str, Any], name: str) -> Domain:
    return Domain(*(tuple(bound) for bound in entry[name])) if name in entry else Domain()
