"""iSSAM as a method: iDIH's with another network, which its authors evaluate alike."""

from __future__ import annotations

from sshbench.methods.idih import ImprovedDih
from sshbench.networks.issam import ISSAM


class ImprovedSsam(ImprovedDih):
    """Harmonize by iSSAM (Sofiiuk et al., WACV 2021), which tables elsewhere also call iS2AM; else as `ImprovedDih`."""

    name = "issam"
    make = ISSAM
