"""Benchmarks: composites with their ground truth, and the protocols that define how predictions are scored.

Each name is imported on its first use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sshbench.lazy import exports

if TYPE_CHECKING:
    from sshbench.benchmarks.composite import Benchmark as Benchmark
    from sshbench.benchmarks.composite import BenchmarkError as BenchmarkError
    from sshbench.benchmarks.composite import Composite as Composite
    from sshbench.benchmarks.composite import paste as paste
    from sshbench.benchmarks.open import SPLITS as SPLITS
    from sshbench.benchmarks.open import load_benchmark as load_benchmark
    from sshbench.benchmarks.protocol import PROTOCOLS as PROTOCOLS
    from sshbench.benchmarks.protocol import Protocol as Protocol
    from sshbench.benchmarks.protocol import ProtocolError as ProtocolError
    from sshbench.benchmarks.protocol import Ssim as Ssim
    from sshbench.benchmarks.protocol import get_protocol as get_protocol

_HOMES = {
    "PROTOCOLS": "protocol",
    "SPLITS": "open",
    "Benchmark": "composite",
    "BenchmarkError": "composite",
    "Composite": "composite",
    "Protocol": "protocol",
    "ProtocolError": "protocol",
    "Ssim": "protocol",
    "get_protocol": "protocol",
    "load_benchmark": "open",
    "paste": "composite",
}
__getattr__, __dir__, __all__ = exports(__name__, _HOMES)
