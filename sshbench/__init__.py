"""Data, benchmark and reference models for image harmonization.

Names load on first use, so that `import sshbench` and `sshbench --help` answer at once.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sshbench import lut as lut
    from sshbench import metrics as metrics
    from sshbench import triplets as triplets
    from sshbench.benchmarks.composite import Composite as Composite
    from sshbench.benchmarks.open import load_benchmark as load_benchmark
    from sshbench.benchmarks.protocol import Protocol as Protocol
    from sshbench.compositing.harmonize import harmonize as harmonize
    from sshbench.lut.apply import apply_lut as apply_lut
    from sshbench.lut.bank import LutBank as LutBank
    from sshbench.lut.cube import read_cube as read_cube
    from sshbench.lut.cube import write_cube as write_cube
    from sshbench.lut.table import Domain as Domain
    from sshbench.lut.table import Lut as Lut
    from sshbench.methods.base import Method as Method
    from sshbench.methods.registry import get_method as get_method
    from sshbench.metrics.pair import score as score
    from sshbench.results.evaluation import Evaluation as Evaluation
    from sshbench.results.evaluation import evaluate as evaluate
    from sshbench.triplets.dataset import TripletDataset as TripletDataset
    from sshbench.triplets.loader import TripletLoader as TripletLoader
    from sshbench.triplets.stored import load_triplets as load_triplets
    from sshbench.triplets.stream import TripletStream as TripletStream

    __version__: str

_HOMES = {
    "Composite": "sshbench.benchmarks.composite",
    "Domain": "sshbench.lut.table",
    "Evaluation": "sshbench.results.evaluation",
    "Lut": "sshbench.lut.table",
    "LutBank": "sshbench.lut.bank",
    "Method": "sshbench.methods.base",
    "Protocol": "sshbench.benchmarks.protocol",
    "TripletDataset": "sshbench.triplets.dataset",
    "TripletLoader": "sshbench.triplets.loader",
    "TripletStream": "sshbench.triplets.stream",
    "apply_lut": "sshbench.lut.apply",
    "evaluate": "sshbench.results.evaluation",
    "get_method": "sshbench.methods.registry",
    "harmonize": "sshbench.compositing.harmonize",
    "load_benchmark": "sshbench.benchmarks.open",
    "load_triplets": "sshbench.triplets.stored",
    "read_cube": "sshbench.lut.cube",
    "score": "sshbench.metrics.pair",
    "write_cube": "sshbench.lut.cube",
}
_PACKAGES = ("lut", "metrics", "triplets")
__all__ = sorted([*_HOMES, *_PACKAGES, "__version__"])


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import PackageNotFoundError, version

        try:
            return version("sshbench")
        except PackageNotFoundError:
            return "0+unknown"
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    if name in _PACKAGES:
        return import_module(f"sshbench.{name}")
    raise AttributeError(f"module 'sshbench' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
