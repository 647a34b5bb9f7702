"""`sshbench study new`: a study's folder from a folder of results.

The folder holds `plan.toml`, `pictures/<random name>.png`, `links.csv` with the subjects' secret tokens, and
`metrics.csv` with the scores of `evaluate` for the images of the study. Answers are stored in `answers.sqlite`.
"""

from __future__ import annotations

import csv
import io
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import numpy as np
from PIL import Image

from sshbench.benchmarks.composite import Benchmark
from sshbench.outputs import check_folder
from sshbench.results.pictures import Pictures, Pixels, load_pictures
from sshbench.results.records import Record
from sshbench.study.designs import DESIGNS, StudyError, choose_by_strata, default_rounds, shown_sets
from sshbench.study.plan import (
    BACKGROUND,
    COMPOSITE,
    INSTRUCTIONS,
    QUESTIONS,
    TARGET,
    Consent,
    Item,
    Plan,
    make_items,
    make_subjects,
    write_plan,
)
from sshbench.whole_file import whole_file, whole_folder

PICTURES, LINKS, METRICS = "pictures", "links.csv", "metrics.csv"
REFERENCES = {"acr": "target", "pairs": "background", "rank": "target"}
MOST_METHODS = 12


@dataclass(frozen=True)
class Choices:
    """The decisions of a researcher, which are the options of `study new` on the command line."""

    design: str = "acr"
    reference: str | None = None
    images: int = 15
    subjects: int = 50
    rounds: int | None = None
    training: int = 3
    catch: int = 3
    repeats: int = 3
    min_seconds: float = 1.0
    side: int = 1024
    seed: int = 0
    title: str = "How natural do these pictures look?"
    until: date | None = None
    consent: Consent = field(default_factory=Consent)


def new_study(
    folder: Path,
    records: Sequence[Record],
    benchmark: Benchmark,
    results: Sequence[Path],
    choices: Choices,
    methods: Sequence[str] = (),
    progress: Callable[[int, int], None] | None = None,
) -> Plan:
    """Make a study's folder.

    Parameters
    ----------
    folder
        The folder to make, which must not exist; it appears whole or not at all.
    records, benchmark, results
        Records of one benchmark, the benchmark, and the folders of results with the predictions.
    methods
        The methods to compare; by default all with predictions, except ceilings.
    progress
        Called with the number of finished images and the total number.

    Raises
    ------
    StudyError
        The folder exists, or there are too few images, methods or predictions.
    """
    check_folder(folder)
    if folder.exists():
        raise StudyError(f"{folder} exists; choose another folder for the new study, or remove it")
    names = _methods(records, methods, choices.design)
    ratios = _whole_images(records, names)
    random = np.random.Generator(np.random.PCG64([choices.seed, 0, 1]))
    ids = list(ratios)
    chosen = [ids[place] for place in choose_by_strata(list(ratios.values()), choices.images, random)]
    spare = [id for id in ids if id not in chosen]
    practice = [str(id) for id in random.permutation(spare or chosen)[: max(choices.training, 0)]]
    catch = _most_wrong(records, chosen)[: choices.catch]
    reference = choices.reference or REFERENCES[choices.design]
    items = make_items(choices.design, names, chosen, _training(choices, names, practice), catch)
    rounds = choices.rounds or default_rounds(choices.design, len(chosen), len(names))
    rounds = min(rounds, len(shown_sets(choices.design, names)))
    subjects = make_subjects(
        choices.design, names, chosen, items, choices.subjects, rounds, choices.repeats, choices.seed
    )
    with whole_folder(folder) as temporary:
        (temporary / PICTURES).mkdir()
        needed = _versions(items, reference)
        shown = load_pictures(benchmark, records, results, list(needed), choices.side)
        codes: dict[str, list[str]] = {}
        for done, one in enumerate(shown, 1):
            for version in needed[one.id]:
                codes[code := secrets.token_hex(8)] = [one.id, version]
                pixels = _pixels(one, version, benchmark, results)
                (temporary / PICTURES / f"{code}.png").write_bytes(_png(pixels))
            if progress:
                progress(done, len(needed))
        plan = Plan(
            id=secrets.token_hex(8),
            title=choices.title,
            benchmark=benchmark.name,
            design=choices.design,  # type: ignore[arg-type]
            reference=reference,  # type: ignore[arg-type]
            seed=choices.seed,
            min_seconds=float(choices.min_seconds),
            until=choices.until,
            question=QUESTIONS[choices.design],
            instructions=INSTRUCTIONS[choices.design],
            methods=names,
            images=chosen,
            consent=choices.consent,
            pictures=dict(sorted(codes.items())),  # sorted by random names, so that the order reveals nothing
            items=items,
            subjects=subjects,
        )
        write_plan(temporary, plan)
        _write_links(temporary / LINKS, choices.subjects)
        _write_metrics(temporary / METRICS, records, names, chosen)
    return plan


def _png(pixels: Pixels) -> bytes:
    file = io.BytesIO()  # with a file on a full disk, Pillow's error would hide the reason
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def _methods(records: Sequence[Record], asked: Sequence[str], design: str) -> list[str]:
    if design not in DESIGNS:
        raise StudyError(f"there is no design {design!r}; choose one of {', '.join(DESIGNS)}")
    there = list(dict.fromkeys(record.method for record in records if record.prediction))
    ceilings = {record.method for record in records if record.sees_target}
    for name in asked:
        if name not in there:
            raise StudyError(
                f"the results have no predictions of {name!r}; they have predictions of {', '.join(there)}"
            )
    names = list(dict.fromkeys(asked)) or [name for name in there if name not in ceilings]
    if len(names) < 2 or len(names) > MOST_METHODS:
        raise StudyError(
            f"the study would compare {len(names)} methods ({', '.join(names) or 'none'}); "
            f"choose from 2 to {MOST_METHODS} with -m NAME"
        )
    return names


def _whole_images(records: Sequence[Record], methods: Sequence[str]) -> dict[str, float]:
    """Return the foreground ratio, by id, of the images for which all methods have predictions."""
    having: dict[str, set[str]] = {}
    ratios: dict[str, float] = {}
    for record in records:
        if record.prediction:
            having.setdefault(record.id, set()).add(record.method)
        ratio = record.attributes.get("foreground_ratio")
        if isinstance(ratio, float | int):
            ratios[record.id] = float(ratio)
    return {id: ratios.get(id, 0.0) for id, found in sorted(having.items()) if set(methods) <= found}


def _most_wrong(records: Sequence[Record], ids: Sequence[str]) -> list[str]:
    """Order images by the difference between composite and ground truth, the largest first, if it is known."""
    errors: dict[str, float] = {}
    for metric in ("fmse", "mse"):
        for record in records:
            if record.method == "dc" and metric in record.metrics:
                errors.setdefault(record.id, record.metrics[metric])
    return sorted(ids, key=lambda id: -errors.get(id, 0.0))


def _training(choices: Choices, methods: Sequence[str], images: Sequence[str]) -> list[Item]:
    """Return practice items; with `acr` the best, the worst and one between, so that subjects see the whole scale."""
    found = []
    for place in range(choices.training if images else 0):
        if choices.design == "acr":
            shown = [[TARGET], [COMPOSITE], [methods[place % len(methods)]]][place % 3]
        elif choices.design == "pairs":
            a, b = shown_sets("pairs", methods)[place % len(shown_sets("pairs", methods))]
            shown = [TARGET, COMPOSITE] if place % 3 == 0 else [a, b]
        else:
            shown = list(methods)
        found.append(Item(kind="training", image=images[place % len(images)], shown=shown))
    return found


def _versions(items: Sequence[Item], reference: str) -> dict[str, list[str]]:
    """Return the needed versions of each image."""
    needed: dict[str, dict[str, None]] = {}
    for item in items:
        own = needed.setdefault(item.image, {} if reference == "none" else {f":{reference}": None})
        own.update(dict.fromkeys(item.shown))
    return {image: list(own) for image, own in needed.items()}


def _pixels(one: Pictures, version: str, benchmark: Benchmark, results: Sequence[Path]) -> Pixels:
    height, width = one.composite.shape[:2]
    if version == COMPOSITE:
        return one.composite
    if version == TARGET:
        if one.target is None:
            raise StudyError(
                f"{one.id} has no ground truth, which the design shows; give --reference background --catch 0 "
                "--training 0, or another benchmark"
            )
        return one.target
    if version == BACKGROUND:
        sample = benchmark[one.id]
        if not sample.has_background:
            raise StudyError(f"{one.id} has no background of its own; give --reference target or none")
        image = Image.fromarray(sample.background)
        return np.asarray(image.resize((width, height), Image.Resampling.BICUBIC, reducing_gap=3))
    if version not in one.predictions:
        raise StudyError(
            f"the prediction of {version} for {one.id} is not in {', '.join(map(str, results))}; run evaluate again"
        )
    return one.predictions[version]


def _write_links(path: Path, subjects: int) -> None:
    """Write the secret token of each subject; only the owner may read the file."""
    with whole_file(path) as temporary:
        temporary.chmod(0o600)
        lines = [f"{subject},{secrets.token_urlsafe(16)}\n" for subject in range(subjects)]
        temporary.write_text("subject,token\n" + "".join(lines))


def read_tokens(folder: Path) -> dict[str, int]:
    """Return the subject of each token.

    Raises
    ------
    StudyError
        The file is missing or damaged.
    """
    path = folder / LINKS
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            found = {row["token"]: int(row["subject"]) for row in csv.DictReader(file)}
    except (OSError, ValueError, KeyError, TypeError, csv.Error) as error:
        raise StudyError(
            f"{path} is missing or damaged, and the links of the subjects depend on it; restore it, or make a new study"
        ) from error
    if not found or len(set(found.values())) != len(found) or min(len(token or "") for token in found) < 16:
        raise StudyError(f"{path} is damaged: each subject needs one token of at least 16 characters")
    return found


def metric_rows(records: Sequence[Record]) -> list[tuple[str, str, str, str, float]]:
    """Return records as rows of image, method, protocol, metric and value."""
    return [
        (record.id, record.method, record.protocol, metric, float(value))
        for record in records
        for metric, value in record.metrics.items()
    ]


def _write_metrics(path: Path, records: Sequence[Record], methods: Sequence[str], images: Sequence[str]) -> None:
    with whole_file(path) as temporary, open(temporary, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("image", "method", "protocol", "metric", "value"))
        chosen = [record for record in records if record.method in methods and record.id in images]
        writer.writerows((*row[:4], repr(row[4])) for row in metric_rows(chosen))


def read_metrics(folder: Path) -> list[tuple[str, str, str, str, float]]:
    """Return rows of image, method, protocol, metric and value; none if the file is missing."""
    path = folder / METRICS
    if not path.is_file():
        return []
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            rows = csv.DictReader(file)
            return [(r["image"], r["method"], r["protocol"], r["metric"], float(r["value"])) for r in rows]
    except (ValueError, KeyError, TypeError, csv.Error) as error:
        raise StudyError(f"{path} is damaged ({error}); remove it, and the metrics are left out") from error
