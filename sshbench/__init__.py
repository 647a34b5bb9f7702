"""Data, benchmark and reference models for image harmonization.

Names load on first use, so that `import sshbench` and `sshbench --help` answer at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sshbench.lazy import exports

if TYPE_CHECKING:
    from sshbench import benchmarks as benchmarks
    from sshbench import compositing as compositing
    from sshbench import lut as lut
    from sshbench import methods as methods
    from sshbench import metrics as metrics
    from sshbench import results as results
    from sshbench import training as training
    from sshbench import triplets as triplets
    from sshbench.benchmarks.composite import Composite as Composite
    from sshbench.benchmarks.open import load_benchmark as load_benchmark
    from sshbench.benchmarks.protocol import Protocol as Protocol
    from sshbench.compositing.harmonize import harmonize as harmonize
    from sshbench.errors import SshbenchError as SshbenchError
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
    from sshbench.training.train_method import train as train
    from sshbench.triplets.dataset import TripletDataset as TripletDataset
    from sshbench.triplets.generation import generate_triplets as generate_triplets
    from sshbench.triplets.loader import TripletLoader as TripletLoader
    from sshbench.triplets.store import load_triplets as load_triplets
    from sshbench.triplets.stream import TripletStream as TripletStream

    __version__: str

_HOMES = {
    "Composite": "benchmarks.composite",
    "Domain": "lut.table",
    "Evaluation": "results.evaluation",
    "Lut": "lut.table",
    "LutBank": "lut.bank",
    "Method": "methods.base",
    "Protocol": "benchmarks.protocol",
    "SshbenchError": "errors",
    "TripletDataset": "triplets.dataset",
    "TripletLoader": "triplets.loader",
    "TripletStream": "triplets.stream",
    "apply_lut": "lut.apply",
    "evaluate": "results.evaluation",
    "generate_triplets": "triplets.generation",
    "get_method": "methods.registry",
    "harmonize": "compositing.harmonize",
    "load_benchmark": "benchmarks.open",
    "load_triplets": "triplets.store",
    "read_cube": "lut.cube",
    "score": "metrics.pair",
    "train": "training.train_method",
    "write_cube": "lut.cube",
}
_PACKAGES = ("benchmarks", "compositing", "lut", "methods", "metrics", "results", "training", "triplets")
_find, __dir__, __all__ = exports(__name__, _HOMES, _PACKAGES, ["__version__"])


def __getattr__(name: str) -> Any:
    if name != "__version__":
        return _find(name)
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("sshbench")
    except PackageNotFoundError:
        return "0+unknown"
