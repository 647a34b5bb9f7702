"""The training variants of SSH's Tables 3 to 5, as changes of one recipe.

Jiang et al., "SSH: A Self-Supervised Framework for Image Harmonization", ICCV 2021, section 4.3.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Variant:
    """One way to train SSH.

    Parameters
    ----------
    name
        The name in `published.csv`, which is also the name of the run's folder and of the row in tables.
    says
        The difference from the other variants, in a few words.
    changes
        The changes of the recipe, as for `sshbench train --set`.
    """

    name: str
    says: str
    changes: tuple[str, ...]

    @property
    def uses_luts(self) -> bool:
        """Whether the appearances come from LUTs."""
        return "data.appearance=lut" in self.changes


@dataclass(frozen=True)
class Ablation:
    """A table of the paper: the title, and the variants in the paper's order."""

    title: str
    variants: tuple[Variant, ...]


_FULL = ("data.crops=multi", "data.appearance=lut")
FULL = Variant("ssh", "multi-crop, LUTs, all losses", _FULL)
SINGLE_CROP = Variant("ssh-single-crop", "one crop for both", ("data.crops=single", "data.appearance=lut"))
COLOR_TRANSFER = Variant(
    "ssh-color-transfer", "colour transfer for LUTs", ("data.crops=multi", "data.appearance=color-transfer")
)
SATURATION = Variant("ssh-saturation", "saturation for LUTs", ("data.crops=multi", "data.appearance=saturation"))
NO_RECON = Variant("ssh-no-recon-loss", "no reconstruction loss", (*_FULL, "loss.recon=0"))
NO_DISENTANGLE = Variant("ssh-no-disentangle-loss", "no disentanglement loss", (*_FULL, "loss.dis=0"))

ABLATIONS: dict[str, Ablation] = {
    "table3": Ablation("Table 3: single and multi crop", (SINGLE_CROP, FULL)),
    "table4": Ablation("Table 4: where appearances come from", (COLOR_TRANSFER, SATURATION, FULL)),
    "table5": Ablation("Table 5: losses", (NO_RECON, NO_DISENTANGLE, FULL)),
}
