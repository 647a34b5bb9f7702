"""`Wish`: the settings of a page, and the command line that makes the same picture."""

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
    """A request cannot be fulfilled in the present state; the message says what to do."""


def offered() -> list[str]:
    """Return the methods that a page may request, those of sshbench first; files of code and ceilings are excluded."""
    known = [name for name in METHODS if not name.startswith("ceiling-")]
    first = ["ssh-lut", "ssh", "reinhard"]
    return sorted(known, key=lambda name: (name not in first, first.index(name) if name in first else 0))


@dataclass(frozen=True, config=CONFIG)
class Wish(Finish):
    """The settings of a page; each field is the option of `sshbench harmonize` with the same name."""

    method: str = "ssh-lut"
    """A name of `offered`."""
    at: Annotated[tuple[Pixel, Pixel], ListAsTuple] = (0, 0)
    """The position of the foreground's top left corner, x and y in pixels of the background."""
    scale: Annotated[float, Field(gt=0, le=100, allow_inf_nan=False)] = 1.0
    """Pixels of the background for each pixel of the foreground."""
    rotate: Annotated[float, Field(ge=-360, le=360, allow_inf_nan=False)] = 0.0
    """The rotation of the object in degrees, clockwise, about its centre."""
    flip: Flip = "none"
    """The mirroring of the foreground before the rotation."""
    reference: Annotated[str, Field(max_length=60)] = "auto"
    """`auto`, `full`, or left, top, width and height in pixels of the background, `x,y,w,h`."""
    strength: Strength = 1.0
    """The strength of the map, 0 to 2."""
    lightness: Strength = 1.0
    """The strength of the change of luminance, multiplied by `strength`."""
    colour: Strength = 1.0
    """The strength of the change of chromaticity, multiplied by `strength`."""

    def check(self) -> None:
        """Refuse a method that is not offered, since other names may be files of code."""
        super().check()
        if self.method not in offered():
            raise ValueError(f"the studio has no method {self.method!r}; choose one of {', '.join(offered())}")

    def finish(self) -> Finish:
        """Return the `finish` argument of `sshbench.harmonize`."""
        return Finish(**{name: getattr(self, name) for name in fields_of(Finish)})

    def arguments(self) -> dict[str, Any]:
        """Return the arguments of `sshbench.harmonize`, except for the files."""
        names = ("at", "scale", "rotate", "flip", "reference", "strength", "lightness", "colour")
        return {"method": self.method, "finish": self.finish(), **{name: getattr(self, name) for name in names}}

    def words(self) -> list[str]:
        """Return the equivalent options of `sshbench harmonize`, without those at their defaults."""
        words = ["--method", self.method, "--at", f"{self.at[0]},{self.at[1]}"]
        for name, field in fields_of(Wish).items():
            value = getattr(self, name)
            if name in ("method", "at") or value == field.default:
                continue
            option = f"--{name.replace('_', '-')}"
            words += [option] if value is True else [option, value if isinstance(value, str) else repr(value)]
        return words


def controls() -> list[dict[str, Any]]:
    """Describe the fields of `Finish` beyond the colour sliders, from which the page builds its controls.

    These fields act on more than colours, so the page shows them in a picture that the server makes.
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
        The file name of each option, or None for a switch, such as `{"-o": "picture.png", "--overwrite": None}`.
    """
    words = ["sshbench", "harmonize", "--foreground", foreground, "--background", background]
    words += [] if mask is None else ["--mask", mask]
    words += wish.words()
    for option, name in outputs.items():
        words += [option] if name is None else [option, name]
    return shlex.join(_as_option_value(word) for word in words)


def _as_option_value(word: str) -> str:
    return f"./{word}" if word.startswith("-") and word[1:2].isalpha() and "." in word else word
