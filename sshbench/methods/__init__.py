"""Methods that harmonize composites, behind one interface: `get_method(name)` and `Method.harmonize(batch)`.

Names load on first use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sshbench.lazy import exports

if TYPE_CHECKING:
    from sshbench.methods.base import Method as Method
    from sshbench.methods.base import MethodError as MethodError
    from sshbench.methods.base import WeightsError as WeightsError
    from sshbench.methods.registry import METHODS as METHODS
    from sshbench.methods.registry import get_method as get_method

_HOMES = {
    "METHODS": "registry",
    "Method": "base",
    "MethodError": "base",
    "WeightsError": "base",
    "get_method": "registry",
}
__getattr__, __dir__, __all__ = exports(__name__, _HOMES)
