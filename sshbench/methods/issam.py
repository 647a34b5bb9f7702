"""iSSAM as a method. Its authors evaluate it as they do iDIH, so that only the network differs."""

from __future__ import annotations

from sshbench.methods.idih import ImprovedDih
from sshbench.networks.issam import ISSAM


class ImprovedSsam(ImprovedDih):
    """Harmonize by iSSAM (Sofiiuk et al., WACV 2021), also called iS2AM in tables; otherwise as `ImprovedDih`."""

    name = "issam"
    make = ISSAM
