"""`Place`: the position, size, rotation and mirroring of a foreground on a background, and its geometry."""

from __future__ import annotations

import math
from dataclasses import dataclass as plain_dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field
from pydantic.dataclasses import dataclass

from sshbench.options import CONFIG, Options

if TYPE_CHECKING:
    from sshbench.compositing.placement import Box

Anchor = Literal[
    "corner", "top-left", "top", "top-right", "left", "centre", "center", "right", "bottom-left", "bottom",
    "bottom-right"
]  # fmt: skip
Flip = Literal["none", "horizontal", "vertical", "both"]


@plain_dataclass(frozen=True)
class Length:
    """A number of pixels, or a percentage of the background's width or height."""

    number: float
    percent: bool = False

    def pixels(self, side: int) -> float:
        """Return the length in pixels on a background whose side has `side` pixels."""
        return self.number * side / 100 if self.percent else self.number

    def __str__(self) -> str:
        return f"{self.number:g}{'%' if self.percent else ''}"


@plain_dataclass(frozen=True)
class Fit:
    """The width or the height of the object on the background."""

    side: Literal["width", "height"]
    length: Length

    def __str__(self) -> str:
        return f"{self.side}={self.length}"


def _length(value: Any) -> Length:
    """Read `640`, `-20.5` or `40%`; raise ValueError for anything else."""
    text = str(value).strip()
    number = float(text.removesuffix("%"))
    if not math.isfinite(number):
        raise ValueError
    return Length(number, text.endswith("%"))


def _point(value: Any) -> Any:
    try:
        x, y = value.split(",") if isinstance(value, str) else value
        return tuple(one if isinstance(one, Length) else _length(one) for one in (x, y))
    except (TypeError, ValueError):
        said = value if isinstance(value, str) else repr(value)
        raise ValueError(f"{said!r} is not x,y in pixels or per cent, such as 640,-20 or 50%,100%") from None


def _fit(value: Any) -> Any:
    if isinstance(value, Fit):
        return value
    side, _, length = str(value).partition("=")
    try:
        if side.strip() not in ("width", "height"):
            raise ValueError
        return Fit(side.strip(), _length(length))  # type: ignore[arg-type]
    except ValueError:
        raise ValueError(f"{value!r} is not a width or a height, such as height=40% or width=300") from None


def _optional(read: Any) -> BeforeValidator:
    return BeforeValidator(lambda value: None if value is None else read(value))


Point = Annotated[tuple[Length, Length] | None, _optional(_point)]


@dataclass(frozen=True, config=CONFIG)
class Place(Options):
    """The placement of the foreground on the background.

    The object is the part of the foreground's photograph that the mask selects; its box is the bounding box of the
    mask. The fields are documented where they are declared, in this module; `sshbench harmonize --help` shows the same
    texts.

    Raises
    ------
    SettingsError
        The values contradict each other, or a number lies outside its bounds.

    Examples
    --------
    >>> from sshbench.compositing import Place
    >>> place = Place(anchor="bottom", at="50%,95%", fit="height=40%", rotate=-3, flip="horizontal")
    >>> str(place.at[0]), str(place.fit)
    ('50%', 'height=40%')
    """

    at: Point = Field(default=None, json_schema_extra={"metavar": "X,Y"})
    """The position of the anchor on the background, from its top left corner, in pixels or, with a %, in per cent:
    640,-20 or 50%,95%."""
    anchor: Annotated[Anchor, AfterValidator(lambda anchor: "centre" if anchor == "center" else anchor)] = "corner"
    """The point that --at positions: a point of the object's box, or the top left corner of its photograph (corner)."""
    center: bool = False
    """Place the centre of the object on the centre of the background."""
    scale: float = 1.0
    """Pixels of the background for each pixel of the foreground."""
    fit: Annotated[Fit | None, _optional(_fit)] = Field(default=None, json_schema_extra={"metavar": "SIDE=LENGTH"})
    """In place of --scale: the width or height of the object, in pixels or, with a %, in per cent of the background:
    height=40% or width=300."""
    rotate: float = 0.0
    """The rotation in degrees, clockwise, about the anchor; with the anchor corner, about the object's centre."""
    flip: Flip = "none"
    """Mirror the foreground before the rotation: horizontal swaps left and right."""

    def check(self) -> None:
        """Refuse values that contradict each other."""
        if not (math.isfinite(self.scale) and self.scale > 0):
            raise ValueError(f"the scale must be a number above 0, not {self.scale:g}")
        if not math.isfinite(self.rotate):
            raise ValueError(f"rotate must be a number of degrees, not {self.rotate:g}")
        if self.fit is not None and self.scale != 1:
            raise ValueError("give the size of the object by --fit or by --scale, not by both")
        if self.fit is not None and self.fit.length.number <= 0:
            raise ValueError(f"the object's {self.fit.side} must be above 0, not {self.fit.length}")
        if self.center and (self.at is not None or self.anchor != "corner"):
            raise ValueError("--center already sets the position; leave out --at and --anchor")
        if self.anchor != "corner" and self.at is None:
            raise ValueError(f"--anchor {self.anchor} needs --at; give --at x,y, too")

    @property
    def is_default(self) -> bool:
        """Whether the foreground stays unchanged, in the top left corner."""
        return self == Place()

    def scale_for(self, box: Box, canvas: Box) -> float:
        """Return the scale that gives the object in `box` the requested size on the background `canvas`."""
        if self.fit is None:
            return self.scale
        of = {"width": (canvas.width, box.width), "height": (canvas.height, box.height)}[self.fit.side]
        return self.fit.length.pixels(of[0]) / of[1]

    def lay(self, box: Box, scale: tuple[float, float], canvas: Box) -> tuple[tuple[int, int], tuple[float, float]]:
        """Return the top left corner of the placed photograph and the centre of its rotation, as (x, y) in pixels.

        Parameters
        ----------
        box
            The object's box in the photograph.
        scale
            Pixels of the background for each pixel of the photograph, horizontally and vertically.
        canvas
            The background's box.
        """
        across, down = (0.5, 0.5) if self.center else _POINTS[self.anchor]
        x = (box.left + across * box.width) * scale[0]
        y = (box.top + down * box.height) * scale[1]
        if self.center:
            goal = canvas.width / 2, canvas.height / 2
        else:
            at = self.at or (Length(0), Length(0))
            goal = at[0].pixels(canvas.width), at[1].pixels(canvas.height)
        if self.anchor == "corner" and not self.center:
            corner = round(goal[0]), round(goal[1])
        else:
            corner = round(goal[0] - x), round(goal[1] - y)
        return corner, (corner[0] + x, corner[1] + y)

    def missed(self, canvas: Box) -> str:
        """Return the error message for an object that lies entirely outside the background."""
        place = "--center" if self.center else f"--at {','.join(map(str, self.at or (0, 0)))}"
        point = "its top left corner" if self.anchor == "corner" else f"its anchor, {self.anchor}"
        or_less = "" if self.fit or self.scale <= 1 else f", or a scale below {self.scale:g}"
        return (
            f"the foreground lands outside the background of {canvas.width} x {canvas.height} pixels with {place}; "
            f"give a position on the background for {point}{or_less}"
        )


_POINTS: dict[str, tuple[float, float]] = {
    "corner": (0.5, 0.5),  # the centre of rotation of a foreground that is placed by its photograph's corner
    "top-left": (0, 0), "top": (0.5, 0), "top-right": (1, 0),
    "left": (0, 0.5), "centre": (0.5, 0.5), "right": (1, 0.5),
    "bottom-left": (0, 1), "bottom": (0.5, 1), "bottom-right": (1, 1),
}  # fmt: skip
"""Fractions of the width and height of an object's box."""
