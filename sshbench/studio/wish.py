"""`Wish`: the settings that a page requests, and the command line that makes the same picture."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field
from pydantic.dataclasses import dataclass

from sshbench.colour.grade import Grade
from sshbench.colour.strength import MOST
from sshbench.compositing.finishing import Finish
from sshbench.compositing.place import Flip
from sshbench.errors import SshbenchError
from sshbench.methods.registry import METHODS
from sshbench.options import CONFIG, ListAsTuple, choices, described, fields_of

FARTHEST = 1_000_000  # pixels from the background's corner
Strength = Annotated[float, Field(ge=0, le=MOST, allow_inf_nan=False)]
Pixel = Annotated[int, Field(ge=-FARTHEST, le=FARTHEST)]


class StudioError(SshbenchError):
    """An error: a request cannot be fulfilled in the present state; the message names the remedy."""


def offered() -> list[str]:
    """Return the methods that a page may ask for, our own first: no files of code, and none that sees the truth."""
    known = [name for name in METHODS if not name.startswith("ceiling-")]
    first = ["ssh-lut", "ssh", "reinhard"]
    return sorted(known, key=lambda name: (name not in first, first.index(name) if name in first else 0))


@dataclass(frozen=True, config=CONFIG)
class Wish(Finish):
    """The state of the sliders of a page, each as the option of `sshbench harmonize` of the same name."""

    method: str = "ssh-lut"
    """A name of `offered`."""
    at: Annotated[tuple[Pixel, Pixel], ListAsTuple] = (0, 0)
    """Where the foreground's left top corner goes, x and y in pixels of the background."""
    scale: Annotated[float, Field(gt=0, le=100, allow_inf_nan=False)] = 1.0
    """Pixels of the background for each pixel of the foreground."""
    rotate: Annotated[float, Field(ge=-360, le=360, allow_inf_nan=False)] = 0.0
    """Degrees to turn the object, clockwise, about its centre."""
    flip: Flip = "none"
    """How to mirror the foreground before it is turned."""
    reference: Annotated[str, Field(max_length=60)] = "auto"
    """`auto`, `full`, or left, top, width and height in pixels of the background, `x,y,w,h`."""
    strength: Strength = 1.0
    """How far the map is followed, 0 to 2."""
    lightness: Strength = 1.0
    """How far the change of luminance is followed; times the strength."""
    colour: Strength = 1.0
    """How far the change of chromaticity is followed; times the strength."""

    def check(self) -> None:
        """Refuse a name that is no method on offer, since other names may be files of code."""
        super().check()
        if self.method not in offered():
            raise ValueError(f"the studio has no method {self.method!r}; there are {', '.join(offered())}")

    def finish(self) -> Finish:
        """Return the part that `sshbench.harmonize` takes as its `finish`."""
        return Finish(**{name: getattr(self, name) for name in fields_of(Finish)})

    def arguments(self) -> dict[str, Any]:
        """Return the arguments of `sshbench.harmonize` but for the files."""
        names = ("at", "scale", "rotate", "flip", "reference", "strength", "lightness", "colour")
        return {"method": self.method, "finish": self.finish(), **{name: getattr(self, name) for name in names}}

    def words(self) -> list[str]:
        """Return the options of `sshbench harmonize` that say the same, without those at their defaults."""
        words = ["--method", self.method, "--at", f"{self.at[0]},{self.at[1]}"]
        for name, field in fields_of(Wish).items():
            value = getattr(self, name)
            if name in ("method", "at") or value == field.default:
                continue
            option = f"--{name.replace('_', '-')}"
            words += [option] if value is True else [option, value if isinstance(value, str) else repr(value)]
        return words


def controls() -> list[dict[str, Any]]:
    """Describe the fields of `Finish` beyond the colour sliders, which a page builds its controls from.

    These do not act on colours alone, so that the page sees them in a picture that the server makes.
    """
    found: list[dict[str, Any]] = []
    for name, field in fields_of(Finish).items():
        if name in fields_of(Grade):
            continue
        said = {"name": name, "label": name.replace("_", " ").capitalize(), "default": field.default}
        said["help"] = described(Finish, name)
        if known := choices(field.annotation):
            found.append({**said, "kind": "choice", "choices": known})
        elif isinstance(field.default, bool):
            found.append({**said, "kind": "switch"})
        else:
            bounds = {key: getattr(one, key) for one in field.metadata for key in ("ge", "le") if hasattr(one, key)}
            kind = "range" if len(bounds) == 2 else "number"
            found.append({**said, "kind": kind, "least": bounds.get("ge"), "most": bounds.get("le")})
    return found


def command(wish: Wish, foreground: str, background: str, mask: str | None, outputs: Mapping[str, str | None]) -> str:
    """Return the command line that makes the picture of a wish.

    Parameters
    ----------
    foreground, background, mask
        Names of files.
    outputs
        Option -> name of a file, or None for a switch, such as `{"-o": "picture.png", "--overwrite": None}`.
    """
    words = ["sshbench", "harmonize", "--foreground", foreground, "--background", background]
    words += [] if mask is None else ["--mask", mask]
    words += wish.words()
    for option, name in outputs.items():
        words += [option] if name is None else [option, name]
    return shlex.join(_as_option_value(word) for word in words)


def _as_option_value(word: str) -> str:
    return f"./{word}" if word.startswith("-") and word[1:2].isalpha() and "." in word else word
