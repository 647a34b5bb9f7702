"""`Settings`: all values that determine the output of a run, except the photographs and the LUT tables.

The defaults are those of Jiang et al., "SSH: A Self-Supervised Framework for Image Harmonization", ICCV 2021,
sections 3.1, 3.2, 3.3.1 and 4.1.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Annotated, Literal, get_args

from pydantic import Field, TypeAdapter
from pydantic.dataclasses import dataclass

from sshbench.options import (
    CONFIG,
    Bounds,
    ListAsTuple,
    Options,
    SettingsError,
    Sides,
    check_bounds,
    finite,
    shown,
)

__all__ = [
    "APPEARANCES", "BANKED", "COMPUTED", "PHOTOGRAPHED", "TRANSFERS", "Appearance", "Background", "Crops", "Kind",
    "Settings", "SettingsError", "Transfer", "TripletOptions",
]  # fmt: skip

Kind = Literal["triplets", "composites"]
Crops = Literal["multi", "single"]
Appearance = Literal["lut", "grades", "ladders", "color-transfer", "saturation"]
APPEARANCES: tuple[Appearance, ...] = get_args(Appearance)
BANKED: tuple[Appearance, ...] = ("lut", "grades", "ladders")
"""The appearances whose looks are LUTs of a bank."""
COMPUTED: tuple[Appearance, ...] = ("grades", "ladders")
"""The appearances whose bank is computed (`sshbench.triplets.families`), and not read from files."""
Background = Literal["photographed", "look"]
PHOTOGRAPHED = "as photographed"
"""The name of the appearance that leaves an image unchanged."""
Transfer = Literal["reinhard", "xiao", "histogram", "distribution"]
TRANSFERS: tuple[Transfer, ...] = get_args(Transfer)


@dataclass(frozen=True, config=CONFIG)
class TripletOptions(Options):
    """The options that stores of triplets and trainings share: the samples to make from each photograph."""

    kind: Kind = "triplets"
    """What to make: triplets are [foreground, background, ground truth] by dual augmentation; composites are
    [composite, mask, real], where the foreground in a mask takes the look alpha."""
    draws: int = Field(default=1, le=2**31 - 1)
    """The number of triplets or composites for each photograph."""
    crop: int = 224
    """The side of the images in pixels."""
    scale: Sides = (256, 320)
    """Bounds of the short side, in pixels, to which a photograph is resized before a crop is cut. Each crop draws its
        own: the lower bound gives the most global crop, the upper one the most local.
    """
    crops: Crops = "multi"
    """Two crops of the photograph, or a single crop that is content and reference (the paper's Table 3)."""
    appearance: Appearance = "lut"
    """The source of the two looks: LUTs; computed grades, or known errors of exposure and white balance (ladders);
    the colours of other photographs; two saturations. The paper's Table 4 compares lut, color-transfer and
    saturation."""
    background: Background = "photographed"
    """For composites: keep the background as photographed, or give it its own look."""
    overlap: Bounds = (0.3, 1.0)
    """Bounds of the area that the two crops share, as a fraction of the smaller crop. The paper gives no number; at its
        scales, the default excludes nothing.
    """
    strength: Bounds = (1.0, 1.0)
    """Bounds of the strength of a LUT or a colour transfer, 0 to 1."""
    saturation: Bounds = (0.4, 1.6)
    """With the appearance saturation: bounds of the factor; 0 is grey and 1 changes nothing."""
    transfers: Annotated[tuple[Transfer, ...], ListAsTuple] = TRANSFERS
    """With the appearance color-transfer: a colour transfer to draw from. By default all four."""
    mask_area: Bounds = (0.05, 0.5)
    """For composites: bounds of the fraction of the crop that a generated mask covers."""
    min_mask: float = 0.01
    """For composites: the smallest fraction of the crop that a given mask must cover, and must leave free."""

    def check(self) -> None:
        """Refuse values that no recipe can follow."""
        if self.background == "look" and self.kind != "composites":
            raise ValueError(
                "the background of a triplet always has its own look; the setting background is only for composites"
            )
        if self.draws < 1:
            raise ValueError(f"draws is 1 or more, not {self.draws}")
        if not 8 <= self.crop <= 4096:
            raise ValueError(f"the crop is 8 to 4096 pixels, not {self.crop}")
        if not self.crop <= self.scale[0] <= self.scale[1] <= 65535:
            raise ValueError(
                f"the scale goes from one short side to a larger one, both of the crop's {self.crop} to 65535 pixels, "
                f"not {shown(self.scale)}; {round(self.crop / 224 * 256)} to {round(self.crop / 224 * 320)} would keep "
                "the paper's proportions"
            )
        for name, most in (("overlap", 1.0), ("strength", 1.0), ("saturation", 10.0), ("mask_area", 0.9)):
            check_bounds(self, name, 0, most)
        if not 0 <= self.min_mask < 0.5:
            raise ValueError(f"min_mask is 0 or more and below 0.5, not {self.min_mask}")
        if self.mask_area[0] <= 0:
            raise ValueError("mask_area starts above 0")
        if not self.transfers:
            raise ValueError(f"transfers are among {', '.join(TRANSFERS)}, not none")
        super().check()


@dataclass(frozen=True, config=CONFIG)
class Settings(TripletOptions):
    """The samples to make from each photograph, and the seed and the weights of all random choices.

    The fields are documented where they are declared, in this module; `sshbench generate-triplets --help` shows the
    same texts.

    Raises
    ------
    SettingsError
        The settings contradict each other, or a number lies outside its bounds.

    Examples
    --------
    >>> from sshbench.triplets import Settings
    >>> settings = Settings(kind="composites", crop=256, draws=4)
    >>> Settings.from_json(settings.to_json()) == settings
    True
    """

    seed: int = 0
    """Another seed gives other triplets; 0 to 2^64 - 1."""
    weights: Annotated[tuple[float, ...], ListAsTuple] | None = None
    """How often each LUT of the bank is drawn, relative to the others; None draws all equally often."""

    def check(self) -> None:
        """Refuse values that no recipe can follow."""
        if not 0 <= self.seed < 2**64:
            raise ValueError(f"the seed is a whole number from 0 to 2^64 - 1, not {self.seed}")
        if self.weights is not None:
            if not finite(self.weights):
                raise ValueError("weights are numbers of 0 or more")
            if sum(weight > 0 for weight in self.weights) < 2:
                raise ValueError("at least two LUTs need a weight above 0, as alpha and beta differ")
        super().check()

    @property
    def has_bank(self) -> bool:
        """Whether the looks are LUTs of a bank."""
        return self.appearance in BANKED

    @property
    def short_side(self) -> int:
        """The short side, in pixels, that a decoded photograph needs so that no crop loses detail."""
        return self.scale[1]

    def to_json(self) -> str:
        """Return the settings as one line of JSON. The order of the fields is the same in all versions of stores."""
        values = asdict(self)
        names = [name for name in values if name not in ("seed", "weights")]
        names.insert(names.index("strength") + 1, "weights")
        return json.dumps({name: values[name] for name in ("seed", *names)})

    @classmethod
    def from_json(cls, text: str) -> Settings:
        """Return the settings that `to_json` wrote.

        Raises
        ------
        SettingsError
            The text is not JSON of settings, or the settings contradict each other.
        """
        try:
            return _READER.validate_json(text, strict=True)
        except (SettingsError, ValueError) as error:
            raise SettingsError(f"these are not settings of this version of sshbench ({error})") from error


_READER = TypeAdapter(Settings)
