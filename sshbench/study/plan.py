"""`Plan`: all decisions of a study before the first subject, in one readable file, `plan.toml`.

The plan names methods and images, so subjects never get it; they see pictures under random names.
"""

from __future__ import annotations

import hashlib
import json
import re
import tomllib
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from sshbench.regular_file import read_regular_text
from sshbench.study.designs import (
    StudyError,
    balanced_turns,
    main_order,
    shown_sets,
    williams_square,
    with_extras,
)
from sshbench.whole_file import whole_file

FORMAT = 1
FILE = "plan.toml"
MOST_BYTES = 64 * 2**20  # largest size of a plan's file
TARGET, COMPOSITE, BACKGROUND = ":target", ":composite", ":background"
"""Pictures that belong to no method; the name of a method has no colon."""

Kind = Literal["training", "main", "catch", "repeat"]
CODE = re.compile(r"[0-9a-f]{16}")

SCALE = ("bad", "poor", "fair", "good", "excellent")  # 0 to 4; the words of ITU-T P.910
QUESTIONS = {
    "acr": "How good does the picture look? Think of colours, light and texture.",
    "pairs": "In which picture does the foreground suit its surroundings better?",
    "rank": "Order the pictures from the best to the worst.",
}
INSTRUCTIONS = {
    "acr": (
        "You will see photographs into which an object was pasted. Score each picture from 0 (bad) to 4 (excellent). "
        "Please consider three things: whether the colours or the saturation of the object clash with its "
        "surroundings, whether the object and the background are lit differently, and whether textures are distorted."
    ),
    "pairs": (
        "You will see two versions of a photograph into which an object was pasted. Choose the version in which the "
        "object suits its surroundings better: in colour, in light, and without damage to its texture. Say that they "
        "are equal if you see no difference that matters."
    ),
    "rank": (
        "You will see several versions of a photograph into which an object was pasted. Tap them in order, from the "
        "version in which the object suits its surroundings best to the version in which it suits them worst: in "
        "colour, in light, and without damage to its texture."
    ),
}
CONSENT = "\n\n".join(
    (
        "You are invited to take part in a study of how natural edited photographs look.",
        "What you do: you look at pictures and judge them. This is not a test of you.",
        "What is stored: your answers, how long each answer took, and the size and colour depth of your screen. Your "
        "name, your address and your device's identity are not stored.",
        "You take part by your own choice. You may stop at any time and continue later with the same link. You may "
        "withdraw at any time; everything that was stored about you is then deleted.",
        "The answers may be published with the results of the study, without anything that identifies you.",
    )
)

Text = Annotated[str, Field(max_length=20_000)]
Name = Annotated[str, Field(min_length=1, max_length=300)]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Consent(_Model):
    """The text that subjects agree to; a changed text needs a new version, and subjects are then asked again."""

    version: Annotated[str, Field(min_length=1, max_length=100)] = "1"
    text: Text = CONSENT


class Screen(_Model):
    """The requirements of a subject's screen: the width of the window in CSS pixels, and bits per pixel."""

    min_width: Annotated[int, Field(ge=0, le=10_000)] = 320
    min_colour_depth: Annotated[int, Field(ge=0, le=64)] = 24


class Item(_Model):
    """The content of a trial: one image in the versions of `shown`, which are methods, `:target` or `:composite`."""

    kind: Literal["training", "main", "catch"]
    image: Name
    shown: Annotated[list[Name], Field(min_length=1, max_length=16)]


class Subject(_Model):
    """The numbers of a subject's items in order, and the row of the square that arranges the pictures of each."""

    order: Annotated[list[Annotated[int, Field(ge=0)]], Field(min_length=1, max_length=10_000)]
    turns: list[Annotated[int, Field(ge=0)]]


class Trial(_Model):
    """One question to one subject.

    `shown` lists the versions in the order on the screen. A repeat is a main item that the subject has answered before.
    """

    number: int
    item: int
    kind: Kind
    image: str
    shown: tuple[str, ...]


class Plan(_Model):
    """The plan of a study. Every field is in the file; see docs/study.md."""

    format: Literal[1] = 1
    id: Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")]
    title: Annotated[str, Field(min_length=1, max_length=200)]
    benchmark: Name
    design: Literal["acr", "pairs", "rank"]
    reference: Literal["target", "background", "none"]
    seed: Annotated[int, Field(ge=0)]
    min_seconds: Annotated[float, Field(ge=0, le=60)] = 1.0
    until: date | None = None
    question: Text
    instructions: Text
    scale: Annotated[list[Annotated[str, Field(max_length=40)]], Field(min_length=5, max_length=5)] = list(SCALE)
    methods: Annotated[list[Name], Field(min_length=1, max_length=16)]
    images: Annotated[list[Name], Field(min_length=1, max_length=10_000)]
    consent: Consent = Consent()
    screen: Screen = Screen()
    pictures: dict[Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")], list[str]]
    items: list[Item]
    subjects: list[Subject]

    @model_validator(mode="after")
    def _fits_together(self) -> Plan:
        for place, item in enumerate(self.items):
            for version in (*item.shown, *self._reference()):
                if (item.image, version) not in self.codes:
                    raise ValueError(f"item {place} shows {version} of {item.image}, which has no picture")
            if item.kind == "main" and not set(item.shown) <= set(self.methods):
                raise ValueError(f"item {place} is a main item and shows something other than a method of the study")
            if item.kind == "main" and item.image not in self.images:
                raise ValueError(f"item {place} is a main item of {item.image}, which is not an image of the study")
        for number, subject in enumerate(self.subjects):
            if max(subject.order) >= len(self.items) or len(subject.turns) != len(subject.order):
                raise ValueError(f"subject {number} has an order that does not fit the items")
        return self

    @cached_property
    def codes(self) -> dict[tuple[str, str], str]:
        """Return the random name of each picture, by (image, version)."""
        return {(image, version): code for code, (image, version) in self.pictures.items()}

    def _reference(self) -> tuple[str, ...]:
        return () if self.reference == "none" else (f":{self.reference}",)

    def reference_code(self, image: str) -> str | None:
        """Return the picture that is shown beside an image's versions, or None."""
        return next((self.codes[image, version] for version in self._reference()), None)

    def trials(self, subject: int) -> tuple[Trial, ...]:
        """Return all trials of a subject, in order."""
        return self._all_trials[subject]

    @cached_property
    def _all_trials(self) -> tuple[tuple[Trial, ...], ...]:
        squares = {count: williams_square(count) for count in {len(item.shown) for item in self.items}}
        found = []
        for subject in self.subjects:
            seen: set[int] = set()
            trials = []
            for number, (place, turn) in enumerate(zip(subject.order, subject.turns, strict=True)):
                item = self.items[place]
                square = squares[len(item.shown)]
                shown = tuple(item.shown[k] for k in square[turn % len(square)])
                kind: Kind = "repeat" if place in seen else item.kind
                trials.append(
                    Trial.model_construct(number=number, item=place, kind=kind, image=item.image, shown=shown)
                )
                seen.add(place)
            found.append(tuple(trials))
        return tuple(found)

    @cached_property
    def fingerprint(self) -> str:
        """Return a hash of everything that answers depend on: items, pictures and their order, but not the texts."""
        kept = {"id", "design", "reference", "methods", "images", "pictures", "items", "subjects"}
        text = json.dumps(self.model_dump(mode="json", include=kept), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:32]


def make_items(
    design: str, methods: list[str], images: list[str], training: list[Item], catch_images: list[str]
) -> list[Item]:
    """Return the items of a study: training, then main, then catch trials (ground truth against composite).

    With `acr` a catch trial is two items, the ground truth and the composite of one image, each scored alone.
    """
    main = [
        Item(kind="main", image=image, shown=list(shown)) for image in images for shown in shown_sets(design, methods)
    ]
    versions = [[TARGET], [COMPOSITE]] if design == "acr" else [[TARGET, COMPOSITE]]
    catch = [Item(kind="catch", image=image, shown=shown) for image in catch_images for shown in versions]
    return [*training, *main, *catch]


def make_subjects(
    design: str,
    methods: list[str],
    images: list[str],
    items: list[Item],
    count: int,
    rounds: int,
    repeats: int,
    seed: int,
) -> list[Subject]:
    """Return the order of each subject: training first, then main items with catch trials and repeats in between."""
    kinds = [item.kind for item in items]
    training = [place for place, kind in enumerate(kinds) if kind == "training"]
    catches = [place for place, kind in enumerate(kinds) if kind == "catch"]
    start, sets = kinds.index("main"), len(shown_sets(design, methods))
    image_of = [item.image for item in items]
    found = []
    for subject in range(count):
        random = np.random.Generator(np.random.PCG64([seed, subject]))
        main = main_order(design, len(images), len(methods), rounds, subject)
        order = [start + image * sets + number for image, number in main]
        order = [*training, *with_extras(order, image_of, catches, repeats, random)]
        found.append(Subject(order=order, turns=balanced_turns([len(items[place].shown) for place in order], random)))
    return found


def write_plan(folder: Path, plan: Plan) -> None:
    """Write `plan.toml`, with one line for each item and subject."""
    with whole_file(folder / FILE) as temporary:
        temporary.write_text(plan_text(plan), encoding="utf-8")


def read_plan(folder: Path) -> Plan:
    """Read `plan.toml`.

    Raises
    ------
    StudyError
        The file is missing or damaged, or does not contain a plan.
    """
    path = folder / FILE
    if not path.is_file():
        raise StudyError(
            f"{folder} is not a study, because it has no {FILE}; make a study with sshbench study new RESULTS -o DIR"
        )
    try:
        return Plan.model_validate(tomllib.loads(read_regular_text(path, MOST_BYTES)))
    except OSError as error:
        raise StudyError(f"{path} {error.strerror}; restore it, or make the study again") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the plan"
        raise StudyError(
            f"{path}: {where}: {first['msg'].removeprefix('Value error, ')}; correct it, or make the study again"
        ) from error
    except (ValueError, RecursionError) as error:
        raise StudyError(f"{path} is not valid TOML ({error}); correct it, or make the study again") from error


def plan_text(plan: Plan) -> str:
    """Return the plan as TOML with comments."""
    p = plan
    plain = ("format", "id", "title", "benchmark", "design", "reference", "seed", "min_seconds")
    lines = [
        "# The plan of a human study of image harmonization. It names methods and images: do not show it to subjects.",
        "# Texts may be edited before the study begins. After that, a changed consent text needs a new version, and",
        "# images, items and orders must stay as they are.",
        "",
        *(f"{name} = {_toml(getattr(p, name))}" for name in plain),
        *([f"until = {p.until.isoformat()}  # the last day on which answers are accepted"] if p.until else []),
        f"question = {_toml(p.question)}",
        f"instructions = {_toml(p.instructions)}",
        f"scale = {_toml(p.scale)}  # the words for the scores 0 to 4",
        f"methods = {_toml(p.methods)}",
        f"images = {_rows(map(_toml, p.images))}",
        "",
        "# The content of the trials. Main items count; training items come first; catch trials compare the ground "
        "truth",
        "# with the composite.",
        f"items = {_rows(_inline(item.model_dump()) for item in p.items)}",
        "",
        "# The numbers of each subject's items in order (a second occurrence is a repeat), and for each item the row "
        "of",
        "# the Latin square that arranges its pictures on the screen.",
        f"subjects = {_rows(_inline(one.model_dump()) for one in p.subjects)}",
        "",
        "[consent]",
        f"version = {_toml(p.consent.version)}",
        f"text = {_long(p.consent.text)}",
        "",
        "[screen]  # the least width of the window in CSS pixels, and the least bits per pixel",
        f"min_width = {p.screen.min_width}",
        f"min_colour_depth = {p.screen.min_colour_depth}",
        "",
        "[pictures]  # the random name of each picture: image, and method or other version",
        *(f"{_toml(code)} = {_toml(of)}" for code, of in p.pictures.items()),
    ]
    return "\n".join(lines) + "\n"


def _toml(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_toml, value))}]"
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _inline(values: dict[str, Any]) -> str:
    return f"{{ {', '.join(f'{key} = {_toml(value)}' for key, value in values.items())} }}"


def _rows(lines: Any) -> str:
    return "[\n" + "".join(f"  {line},\n" for line in lines) + "]"


def _long(text: str) -> str:
    """Return a text as TOML, with several lines if possible."""
    plain = text.replace("\\", "").replace('"', "").replace("\n", "")
    return f'"""\n{text}"""' if plain.isprintable() and plain == text.replace("\n", "") else _toml(text)
