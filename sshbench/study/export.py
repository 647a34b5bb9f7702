"""Export of answers without personal data: as CSV, and as a data set for Netflix's sureal.

Subjects get new numbers in random order, so that neither the links nor the order of the plan identify them. Times of
day, tokens and screens are not exported.
"""

from __future__ import annotations

import csv
import json
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sshbench.results.formats import csv_cell
from sshbench.study.designs import StudyError
from sshbench.study.plan import Plan
from sshbench.study.storage import Row
from sshbench.whole_file import whole_file


def new_names(rows: Sequence[Row]) -> dict[int, str]:
    """Give each subject a new name in random order."""
    subjects = sorted({row.subject for row in rows})
    secrets.SystemRandom().shuffle(subjects)
    return {subject: f"s{number:04d}" for number, subject in enumerate(subjects, 1)}


def write_csv(path: Path, plan: Plan, rows: Sequence[Row], names: dict[int, str], *, simulated: bool) -> None:
    """Write one row for each answer.

    The column `shown` lists the versions in the order on the screen; `answer` is the score, the winning version or
    `tie`, or the versions from best to worst.
    """
    head = ("subject", "position", "kind", "image", "shown", "answer", "seconds", "simulated")
    with whole_file(path) as temporary, open(temporary, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(head)
        for row in sorted(rows, key=lambda row: (names[row.subject], row.trial)):
            trial = plan.trials(row.subject)[row.trial]
            shown = [name.lstrip(":") for name in trial.shown]
            if isinstance(row.answer, list):
                answer = " ".join(shown[place] for place in row.answer)
            elif isinstance(row.answer, str):
                answer = {"first": shown[0], "tie": "tie", "second": shown[-1]}[row.answer]
            else:
                answer = str(row.answer)
            cells = (names[row.subject], row.trial, trial.kind, trial.image, " ".join(shown), answer)
            writer.writerow((*map(csv_cell, cells), f"{row.milliseconds / 1000:.3f}", "yes" if simulated else "no"))


def write_sureal(path: Path, plan: Plan, rows: Sequence[Row], names: dict[int, str], *, simulated: bool) -> None:
    """Write scores as a data set for sureal (https://github.com/Netflix/sureal).

    A picture is a `dis_video`, the ground truth of an image is its `ref_video`, and repeats are repetitions.

    Raises
    ------
    StudyError
        The study has no scores: its design is not `acr`.
    """
    if plan.design != "acr":
        raise StudyError(f"sureal reads scores, and this study has the design {plan.design}; use the CSV")
    said: dict[tuple[str, str], dict[str, list[int]]] = {}
    for row in rows:
        trial = plan.trials(row.subject)[row.trial]
        if trial.kind in ("main", "repeat") and isinstance(row.answer, int):
            said.setdefault((trial.image, trial.shown[0]), {}).setdefault(names[row.subject], []).append(row.answer)
    videos: list[dict[str, Any]] = []
    for content, image in enumerate(plan.images):
        for method in plan.methods:
            if own := said.get((image, method)):
                videos.append(
                    {
                        "content_id": content,
                        "asset_id": len(videos),
                        "os": {name: own[name] for name in sorted(own)},
                        "path": f"{image}|{method}",
                    }
                )
    dataset = {
        "dataset_name": f"{'SIMULATED ' if simulated else ''}sshbench {plan.benchmark} {plan.id}",
        "yuv_fmt": "yuv420p",
        "width": 0,
        "height": 0,
        "ref_score": 4.0,
        "ref_videos": [
            {"content_id": content, "content_name": image, "path": image} for content, image in enumerate(plan.images)
        ],
        "dis_videos": videos,
    }
    with whole_file(path) as temporary:
        temporary.write_text(json.dumps(dataset, indent=1) + "\n", encoding="utf-8")
