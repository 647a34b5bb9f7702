"""`Recipe`: everything that fixes a training run except the photographs and looks; a TOML file with seven sections."""

from __future__ import annotations

import math
import re
import tomllib
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator
from pydantic.dataclasses import dataclass

from sshbench.errors import SshbenchError
from sshbench.folders import data_folder
from sshbench.methods.weights_card import LARGEST_INPUT
from sshbench.options import CONFIG, Options, Share, differences, reason_of
from sshbench.regular_file import read_regular_text
from sshbench.training.options import PairOptions, Shares
from sshbench.triplets.settings import Settings, TripletOptions


class RecipeError(SshbenchError):
    """A recipe cannot be read or followed."""


_DURATION = re.compile(r"(?:(\d+(?:\.\d+)?)h)?(?:(\d+(?:\.\d+)?)m)?(?:(\d+(?:\.\d+)?)s)?")


def seconds(text: str | float) -> float:
    """Return the seconds of a duration such as `"9m"`, `"1h30m"`, `"90s"`, or a number of seconds.

    Raises
    ------
    RecipeError
        The text is not a duration, or is not above 0.
    """
    found = _DURATION.fullmatch(str(text).strip())
    try:
        if found and any(found.groups()):
            total = sum(float(part or 0) * unit for part, unit in zip(found.groups(), (3600, 60, 1), strict=True))
        else:
            total = float(text)
    except ValueError:
        total = 0.0
    if not 0 < total < float("inf"):
        raise RecipeError(f"a duration is like 9m, 90s or 1h30m, not {text!r}")
    return total


def _duration(value: Any) -> Any:
    if isinstance(value, str):
        try:
            return seconds(value)
        except RecipeError as error:
            raise ValueError(str(error)) from error
    return value


def _steps_or_duration(value: Any) -> Any:
    text = str(value).strip()
    if text.isdigit() and not isinstance(value, bool):
        if not 1 <= int(text) <= _MOST:
            raise ValueError(f"an interval is of 1 to {_MOST} steps, or a duration such as 2m, not {value}")
    elif isinstance(value, str):
        _duration(value)
    else:
        raise ValueError(f"an interval is a number of steps, or a duration such as 2m, not {value}")
    return value


_MOST_BYTES = 1 << 20  # largest file of a recipe that is read
_MOST = 2**31 - 1  # upper limit of all counts; a larger number is a typing error

Count = Annotated[int, Field(ge=1, le=_MOST)]


def _finite(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{value} is no finite number")
    return value


Beta = Annotated[float, Field(ge=0, lt=1)]
Seconds = Annotated[float, BeforeValidator(_duration), Field(gt=0)]
Distance = Literal["squared", "absolute"]
Interval = Annotated[int | str, BeforeValidator(_steps_or_duration)]
"""A number of steps (a whole number), or a duration such as "2m"."""


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


@dataclass(frozen=True, config=CONFIG)
class Data(Shares, PairOptions, TripletOptions):
    """The samples of a step: the options of triplets, of iHarmony4's pairs and of scenes."""

    in_recipe: ClassVar[bool] = True

    batch: Count = 64
    """The number of samples in a step, over all processes and accumulated parts."""
    crop: int = Field(default=224, le=LARGEST_INPUT)
    """The side of the images, in pixels."""
    cache_mb: int = Field(default=0, ge=0, le=_MOST)
    """Memory for decoded photographs, in MB, in each process."""

    def settings(self, seed: int) -> Settings:
        """Return the settings that the triplet engine renders by."""
        return Settings(seed=seed, **_options(self, TripletOptions))

    def shares(self) -> Shares:
        """Return the shares of scenes."""
        return Shares(**_options(self, Shares))


def _options(data: Data, kind: type[Options]) -> dict[str, Any]:
    return {field.name: getattr(data, field.name) for field in fields(kind)}


class Optimizer(_Section):
    """Adam, with decoupled weight decay if `weight_decay` is not 0; each phase of the objective has its own Adam."""

    lr: float = Field(default=2e-4, gt=0)
    betas: tuple[Beta, Beta] = (0.9, 0.999)
    weight_decay: float = Field(default=0.0, ge=0)
    clip: float = Field(default=0.0, ge=0, description="largest norm of a phase's gradient; 0 does not clip")


class Schedule(_Section):
    """The length of a run, in one of three units, and the course of the learning rate.

    The rate rises from 0 over the first `warmup` of the run, and falls linearly to 0 over its last `decay`. At each of
    `drops`, the rate is divided by ten. `warmup`, `decay` and `drops` are parts of the run, 0..1.
    """

    epochs: float | None = Field(default=None, gt=0)
    steps: Count | None = None
    budget: Seconds | None = None
    decay: Share = 0.3
    warmup: Share = 0.0
    drops: tuple[Share, ...] = ()

    @model_validator(mode="after")
    def _one_unit(self) -> Schedule:
        if sum(value is not None for value in (self.epochs, self.steps, self.budget)) != 1:
            raise ValueError("a run's length is one of epochs, steps and budget")
        if self.warmup + self.decay > 1:
            raise ValueError("warmup and decay are shares of the run that together are 1 at most")
        return self

    def factor(self, progress: float) -> float:
        """Return the factor of the learning rate, 0..1, after the part `progress` (0..1) of the run."""
        rising = progress / self.warmup if self.warmup else 1.0
        falling = (1 - progress) / self.decay if self.decay else 1.0
        dropped: float = 0.1 ** sum(progress >= drop for drop in self.drops)
        return max(0.0, min(1.0, rising, falling)) * dropped


class Loop(_Section):
    """The computation of the steps; only seed, precision, accumulate and ema change the resulting weights."""

    seed: int = Field(default=0, ge=0, lt=2**64)
    precision: Literal["float32", "bfloat16"] = "float32"
    channels_last: bool = True
    accumulate: Count = Field(default=1, description="parts in which a step's samples are computed one after the other")
    ema: float = Field(
        default=0.0, ge=0, lt=1, description="decay of the averaged weights at each step; 0 keeps no average"
    )
    compile: bool = False
    log: Count = Field(default=20, description="steps between lines of the log")
    checkpoint: Interval = "2m"
    explode: float = Field(
        default=100.0,
        gt=1,
        allow_inf_nan=True,
        description="the run ends if a loss exceeds the first logged loss by this factor; inf never ends it",
    )


class Validation(_Section):
    """The measurement on held-out photographs and looks during training; `images` 0 measures nothing.

    `on` is `"triplets"`, or `"panel"` (`sshbench.training.panel`: `images` composites of each family, with the
    training's crop), by which the best weights are chosen.
    """

    on: Literal["triplets", "panel"] = "triplets"

    every: Interval = "3m"
    images: int = Field(default=128, ge=0, le=100_000, description="they are kept in memory; 0 measures nothing")
    crop: int | None = Field(
        default=None,
        ge=8,
        le=LARGEST_INPUT,
        description="sides of the held-out images; by default those of the training",
    )
    batch: Count = 16

    @model_validator(mode="after")
    def _crop_of_the_panel(self) -> Self:
        if self.on == "panel" and self.crop is not None:
            raise ValueError("crop is for triplets, and the panel has the crop of the training; leave crop out")
        return self


class Recipe(_Section):
    """All settings of a training run, except the photographs and the looks.

    `loss` gives each term of the objective its weight; 0 switches a term off. The same section of a file may contain
    `distance`, the distance of SSH's terms: `"squared"`, as in the paper, or `"absolute"`.

    Examples
    --------
    >>> from sshbench.training import read_recipe
    >>> recipe = read_recipe("small", ["schedule.budget=10m", "data.batch=8"], method="ssh-lut")
    >>> recipe.schedule.budget, recipe.data.batch, sorted(recipe.loss)[:1]
    (600.0, 8, ['dis'])
    """

    method: str
    network: dict[str, Annotated[Any, AfterValidator(_finite)]] = {}
    data: Data = Data()
    optimizer: Optimizer = Optimizer()
    schedule: Schedule
    loss: dict[str, Annotated[float, Field(ge=0)]]
    distance: Distance = "squared"
    loop: Loop = Loop()
    validation: Validation = Validation()

    @model_validator(mode="before")
    @classmethod
    def _distance_apart(cls, values: Any) -> Any:
        """Move `distance` out of the section `loss`, whose other keys are terms."""
        if isinstance(values, dict) and isinstance(values.get("loss"), dict) and "distance" in values["loss"]:
            terms = dict(values["loss"])
            return values | {"distance": terms.pop("distance"), "loss": terms}
        return values

    def weight(self, term: str) -> float:
        """Return the weight of a term of the loss; 0 if the recipe does not name it."""
        return self.loss.get(term, 0.0)

    @property
    def input_size(self) -> int:
        """The side of the network's input in pixels, for which the weights are made; other sizes work less well.

        It is the side of the images that the network is measured on, unless the section `network` has a `side` to which
        these are resized.
        """
        return int(self.network.get("side") or self.validation.crop or self.data.crop)

    def differences(self, other: Recipe) -> list[str]:
        """Return the differences to `other`, each as `section.key: this value, not that one`."""
        return differences(self.model_dump(), other.model_dump())

    def to_toml(self) -> str:
        """Return the recipe as a file, with every value written out."""
        values = self.model_dump(exclude_none=True)
        values["loss"] |= {"distance": values.pop("distance")}
        lines = [f"method = {as_toml(values.pop('method'))}"]
        for section, entries in values.items():
            lines += ["", f"[{section}]", *(f"{key} = {as_toml(value)}" for key, value in entries.items())]
        return "\n".join(lines) + "\n"


def read_recipe(where: str | Path, changes: Sequence[str] = (), *, method: str | None = None) -> Recipe:
    """Read a recipe.

    Parameters
    ----------
    where
        A TOML file; or, with `method`, the name of a recipe in `baselines/<method>/`: `paper` stands for `recipe.toml`,
        and any other name, such as `small`, for `recipe-small.toml`.
    changes
        Texts `section.key=value`, with the value as in TOML or as a bare word: `loss.recon=0`, `schedule.budget=30m`.
    method
        The method of the recipe.

    Returns
    -------
    Recipe
        The recipe with the changes.

    Raises
    ------
    RecipeError
        There is no such file, the file is not TOML, it has names or values that a recipe cannot have, or it names a
        file of code other than `method`.

    Examples
    --------
    >>> from sshbench.training import read_recipe
    >>> read_recipe("paper", method="ssh").data.crop
    224
    """
    path = _find(Path(where).expanduser(), method)
    try:
        values = tomllib.loads(read_regular_text(path, _MOST_BYTES))
    except OSError as error:
        raise RecipeError(f"{path}: the recipe cannot be read ({error.strerror})") from error
    except (ValueError, RecursionError) as error:
        raise RecipeError(f"{path} is no TOML file ({error})") from error
    for change in changes:
        _apply(values, change)
    if method is not None and values.setdefault("method", method) != method:
        raise RecipeError(f"{path} is a recipe for {values['method']}, not for {method}")
    if method is None and ".py" in str(values.get("method")):
        raise RecipeError(f"{path} names code, {values['method']!r}, as its method; name the method yourself to run it")
    try:
        return Recipe.model_validate(values)
    except ValidationError as error:
        raise RecipeError(f"{path}: {reason_of(error, Recipe, 'the recipe')}") from error


def _find(path: Path, method: str | None) -> Path:
    if path.suffix == ".toml" or path.exists() or method is None:
        return path
    folder = data_folder("baselines") / method
    files = sorted(folder.glob("recipe*.toml")) if folder.is_dir() else []
    named = {file.stem.removeprefix("recipe").removeprefix("-") or "paper": file for file in files}
    if str(path) not in named:
        there = f"a recipe of {method} is {' or '.join(named)}" if named else f"there is no recipe of {method}"
        raise RecipeError(f"{path} is no recipe; {there}, or give a .toml file")
    return named[str(path)]


def _apply(values: dict[str, Any], change: str) -> None:
    name, sign, text = change.partition("=")
    section, dot, key = name.strip().partition(".")
    if not (sign and dot and key and section in Recipe.model_fields):
        sections = ", ".join(name for name in Recipe.model_fields if name != "method")
        raise RecipeError(f"--set takes section.key=value with a section of {sections}, not {change!r}")
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except (ValueError, RecursionError):
        value = text.strip()
    if section == "schedule" and key in ("epochs", "steps", "budget"):
        values[section] = {k: v for k, v in values.get(section, {}).items() if k not in ("epochs", "steps", "budget")}
    values.setdefault(section, {})[key] = value


def as_toml(value: Any) -> str:
    """Return a value as TOML text."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    if isinstance(value, list | tuple):
        return f"[{', '.join(as_toml(one) for one in value)}]"
    if isinstance(value, dict):
        return f"{{ {', '.join(f'{key} = {as_toml(one)}' for key, one in value.items())} }}"
    return repr(value)
