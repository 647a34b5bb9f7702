"""`Settings`: everything that fixes the output of a run except the photographs and the LUT tables.

The defaults are those of Jiang et al., "SSH: A Self-Supervised Framework for Image Harmonization", ICCV 2021,
sections 3.1, 3.2, 3.3.1 and 4.1.
"""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, get_args

from sshbench.errors import SshbenchError

Kind = Literal["triplets", "composites"]
Crops = Literal["multi", "single"]
Appearance = Literal["lut", "grades", "ladders", "color-transfer", "saturation"]
APPEARANCES: tuple[Appearance, ...] = get_args(Appearance)
BANKED: tuple[Appearance, ...] = ("lut", "grades", "ladders")
"""The appearances that are LUTs of a bank."""
COMPUTED: tuple[Appearance, ...] = ("grades", "ladders")
"""Those whose bank is computed (`sshbench.triplets.families`) and not read."""
Background = Literal["photographed", "look"]
PHOTOGRAPHED = "as photographed"
"""The name of an appearance that changes nothing."""
Transfer = Literal["reinhard", "xiao", "histogram", "distribution"]
TRANSFERS: tuple[Transfer, ...] = get_args(Transfer)


class SettingsError(SshbenchError):
    """Settings that no recipe can follow."""


@dataclass(frozen=True)
class Settings:
    """What to make of each photograph.

    Parameters
    ----------
    seed
        0 or more; another seed, other recipes.
    kind
        `"triplets"`: [foreground, background, ground truth] by dual augmentation. `"composites"`: [composite, mask,
        real], where the foreground inside a mask takes the appearance alpha and the rest is as `background` says.
    draws
        Recipes a photograph.
    crop
        Sides of what is rendered, in pixels.
    scale
        Bounds of the short side, in pixels, to which the photograph is brought before a crop is cut; each crop has its
        own, every whole number in the bounds alike. A crop spans `crop / scale` of the short side, so the lower bound
        gives the most global crop (0.875 at 256) and the upper one the most local (0.7 at 320).
    crops
        `"multi"`: content and reference are crops of their own. `"single"`: one crop serves as both (the paper's
        Table 3).
    appearance
        Where the appearances alpha and beta come from (the paper's Table 4): `"lut"`, two different LUTs of the bank;
        `"grades"` and `"ladders"`, the same of the banks that `sshbench.triplets.families` computes;
        `"color-transfer"`, alpha is the photograph with the colour statistics of another one, beta as photographed;
        `"saturation"`, two random factors of saturation.
    background
        Of composites: `"photographed"`, their background and the real image are as photographed; `"look"`, both are
        under an appearance beta of their own, of the same kind as alpha (of colour transfers, from a third photograph).
    overlap
        Bounds of what content and reference share, as a part of the smaller one's area. The paper asks for "some
        overlap" and gives no number; at its scales no pair shares less than 0.327, so that the default bounds nothing.
    strength
        Bounds of how far a LUT or a colour transfer is followed, 0 to 1, drawn for each.
    weights
        How often each LUT of the bank is drawn, relative to the others; None is all alike.
    saturation
        Bounds of the factor of saturation; 0 is grey and 1 changes nothing.
    transfers
        The colour transfers to draw from.
    mask_area
        Bounds of the part of the crop that a generated mask covers.
    min_mask
        The least part of the crop that a mask from a folder or column must cover for a composite to be made.
    """

    seed: int = 0
    kind: Kind = "triplets"
    draws: int = 1
    crop: int = 224
    scale: tuple[int, int] = (256, 320)
    crops: Crops = "multi"
    appearance: Appearance = "lut"
    background: Background = "photographed"
    overlap: tuple[float, float] = (0.3, 1.0)
    strength: tuple[float, float] = (1.0, 1.0)
    weights: tuple[float, ...] | None = None
    saturation: tuple[float, float] = (0.4, 1.6)
    transfers: tuple[Transfer, ...] = TRANSFERS
    mask_area: tuple[float, float] = (0.05, 0.5)
    min_mask: float = 0.01

    def __post_init__(self) -> None:
        for name in ("scale", "overlap", "strength", "weights", "saturation", "transfers", "mask_area"):
            value = getattr(self, name)
            if isinstance(value, list):
                object.__setattr__(self, name, tuple(value))
        _check(self)

    @property
    def has_bank(self) -> bool:
        """Whether the appearances are LUTs of a bank."""
        return self.appearance in BANKED

    @property
    def short_side(self) -> int:
        """The short side, in pixels, that a decoded photograph needs for no crop to lose detail."""
        return self.scale[1]

    def to_json(self) -> str:
        """One line of JSON, the fields in the order of this class."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Settings:
        """The settings that `to_json` wrote.

        Raises
        ------
        SettingsError
            The text is not such JSON.
        """
        try:
            values = json.loads(text)
            return cls(**values)
        except (TypeError, ValueError) as error:
            raise SettingsError(f"these are not settings of this version of sshbench ({error})") from error

    def differences(self, other: Settings) -> list[str]:
        """Where `other` differs, each as `name: this value, not that one`; empty where nothing does."""
        return [
            f"{f.name}: {_shown(getattr(self, f.name))}, not {_shown(getattr(other, f.name))}"
            for f in fields(self)
            if getattr(self, f.name) != getattr(other, f.name)
        ]


def _shown(value: Any) -> str:
    return " to ".join(map(str, value)) if isinstance(value, tuple) and len(value) == 2 else str(value)


def _check(settings: Settings) -> None:
    named = (("kind", Kind), ("crops", Crops), ("appearance", Appearance), ("background", Background))
    for name, choices in named:
        value = getattr(settings, name)
        if value not in get_args(choices):
            raise SettingsError(f"{name} is {' or '.join(get_args(choices))}, not {value!r}")
    if settings.background == "look" and settings.kind != "composites":
        raise SettingsError("a background has a look of its own in every triplet; background is for composites alone")
    if not 0 <= settings.seed < 2**64:
        raise SettingsError(f"the seed is a whole number from 0 to 2^64 - 1, not {settings.seed}")
    if settings.draws < 1:
        raise SettingsError(f"draws is 1 or more, not {settings.draws}")
    if not 8 <= settings.crop <= 4096:
        raise SettingsError(f"the crop is 8 to 4096 pixels, not {settings.crop}")
    if not settings.crop <= settings.scale[0] <= settings.scale[1] <= 65535:
        raise SettingsError(
            f"the scale goes from one short side to a larger one, both of the crop's {settings.crop} to 65535 pixels, "
            f"not {_shown(settings.scale)}; {round(settings.crop / 224 * 256)} to {round(settings.crop / 224 * 320)} "
            "would keep the paper's proportions"
        )
    for name, top in (("overlap", 1.0), ("strength", 1.0), ("saturation", 10.0), ("mask_area", 0.9)):
        low, high = getattr(settings, name)
        if not 0 <= low <= high <= top:
            raise SettingsError(f"{name} goes from one number to a larger one within 0 to {top:g}, not {low} to {high}")
    if not 0 <= settings.min_mask < 0.5:
        raise SettingsError(f"min_mask is 0 or more and below 0.5, not {settings.min_mask}")
    if settings.mask_area[0] <= 0:
        raise SettingsError("mask_area starts above 0")
    if not settings.transfers or not set(settings.transfers) <= set(TRANSFERS):
        raise SettingsError(
            f"transfers are among {', '.join(TRANSFERS)}, not {', '.join(settings.transfers) or 'none'}"
        )
    if settings.weights is not None:
        if not all(math.isfinite(w) and w >= 0 for w in settings.weights):
            raise SettingsError("weights are numbers of 0 or more")
        if sum(w > 0 for w in settings.weights) < 2:
            raise SettingsError("at least two LUTs need a weight above 0, as alpha and beta differ")
