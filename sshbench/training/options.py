"""Options of training data besides those of triplets: the options of iHarmony4's pairs, and the shares of scenes."""

from __future__ import annotations

import json
from dataclasses import asdict, fields

from pydantic.dataclasses import dataclass

from sshbench.options import CONFIG, Bounds, Options, SettingsError, Share, check_bounds


@dataclass(frozen=True, config=CONFIG)
class PairOptions(Options):
    """The random choices for each line of the list."""

    flip: bool = False
    """Whether half of the images are mirrored."""
    window: Bounds = (1.0, 1.0)
    """Bounds of the part of an image's sides that is kept, drawn for each image and epoch; 1 keeps the whole image."""

    def check(self) -> None:
        """Refuse windows that are empty or larger than an image."""
        check_bounds(self, "window", 0.1, 1)
        super().check()


@dataclass(frozen=True, config=CONFIG)
class PairSettings(PairOptions):
    """The settings that turn each line of the list into a sample."""

    crop: int = 256
    """The side of the images, in pixels."""
    seed: int = 0
    """Another seed gives other windows and mirrored images."""

    def check(self) -> None:
        """Refuse crops outside of 8 to 4096 pixels."""
        if not 8 <= self.crop <= 4096:
            raise ValueError(f"the crop is 8 to 4096 pixels, not {self.crop}")
        super().check()

    def to_json(self) -> str:
        """Return one line of JSON."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> PairSettings:
        """Return the settings that `to_json` wrote; raise SettingsError for other text."""
        try:
            return cls(**json.loads(text))
        except (TypeError, ValueError) as error:
            raise SettingsError(f"these are not settings for iHarmony4 ({error})") from error


@dataclass(frozen=True, config=CONFIG)
class Shares(Options):
    """The shares of samples of each kind, each 0 to 1."""

    own: Share = 0.0
    """The share of composites of a photograph with itself; the remaining samples are triplets."""
    cross: Share = 0.0
    """The share of composites of two photographs."""
    objects: Share = 0.0
    """Among composites, the share whose foreground comes from a photograph with a mask, if some have masks. Most
        photographs have no mask, and their foregrounds are generated shapes, which resemble their surroundings more
        than objects do.
    """
    cropped: Share = 0.0
    """Among composites, the share that shows a part of a photograph, whose edge may cut the foreground."""
    near: Share = 0.0
    """Among composites of a photograph with itself, the share whose background is only the surroundings of the
        foreground, a rectangle 1.2 to 3 times as wide and high.
    """
    natural: Share = 0.0
    """Among composites, the share whose background stays as photographed."""
    placed: Share = 0.0
    """Among composites, the share whose foreground is also shown in its place."""
    jitter: Share = 0.0
    """Among looks, the share that is applied in part."""
    exposed: Share = 0.0
    """Among looks, the share before which the exposure also changes, by a normal deviate of 1.3 stops."""
    blended: Share = 0.0
    """Among looks of the bank, the share that is a random mean of two of them."""
    graded: Share = 0.0
    """Among looks, the share of grades. Looks of no family come from the bank."""
    transferred: Share = 0.0
    """Among looks, the share of transfers of statistics."""
    stepped: Share = 0.0
    """Among looks, the share of steps on a ladder of exposure or white balance."""
    same: Share = 0.0
    """Among all samples, the share whose foreground and background have one look, so that nothing should change."""

    def check(self) -> None:
        """Refuse shares whose sum exceeds 1."""
        if self.own + self.cross > 1:
            raise ValueError("the shares of scenes are 0 to 1, and own and cross together no more than 1")
        if self.graded + self.transferred + self.stepped > 1:
            raise ValueError("the shares graded, transferred and stepped together are no more than 1")
        super().check()

    def any(self) -> bool:
        """Return whether any share is above 0; otherwise, all samples are triplets with two whole looks."""
        return any(getattr(self, field.name) for field in fields(Shares))
