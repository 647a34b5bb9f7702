"""Ways to harmonize a composite, behind one interface: `get_method(name)` and `Method.harmonize(batch)`."""

from __future__ import annotations

from sshbench.methods.base import Method, MethodError
from sshbench.methods.registry import METHODS, get_method

__all__ = ["METHODS", "Method", "MethodError", "get_method"]
