"""The benchmarks of trained variants: RealHM if it is available, or otherwise held-out composites and the sample."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from sshbench.benchmarks.composite import Benchmark
from sshbench.benchmarks.open import open_benchmark
from sshbench.benchmarks.protocol import Protocol
from sshbench.methods.base import Method
from sshbench.methods.registry import get_method
from sshbench.reproduce.trained import Trained
from sshbench.results.records import Record
from sshbench.results.run import Progress, evaluate
from sshbench.results.summary import MethodsSummary, summarise
from sshbench.triplets.engine import generate, plan
from sshbench.triplets.held_out import held_out_or_all
from sshbench.triplets.luts import open_bank
from sshbench.triplets.settings import Settings
from sshbench.triplets.sources import open_source

METRICS = ("psnr", "mse", "ssim", "lpips")  # the columns of the paper's tables
_SIDE = 256  # side of the images in the paper's evaluation, in pixels
_SEED = 0x5E1D


def held_out_composites(
    source: str, luts: Sequence[str], masks: str | None, images: int, folder: Path
) -> tuple[Benchmark, str]:
    """Return a benchmark of composites of held-out photographs and looks, which is made at the first call.

    Parameters
    ----------
    masks
        As for `open_source`; photographs without a mask get a generated shape.
    images
        The largest number of photographs; some of the photographs may be too small.

    Returns
    -------
    The benchmark, and a description of its source.
    """
    photographs, said = held_out_or_all(
        lambda part: open_source(source, part=part, masks=masks, limit=images), "photographs"
    )
    bank, looks = held_out_or_all(lambda part: open_bank(luts, part), "looks")
    settings = Settings(seed=_SEED, kind="composites", crop=_SIDE, scale=(_SIDE, round(_SIDE * 1.25)))
    run = plan(settings, photographs, bank, luts_from=tuple(luts))
    generate(run, photographs, bank, folder, verify="size")
    return open_benchmark("composites", folder), f"composites of {said} and {looks}"


def judge(
    trained: Sequence[Trained],
    benchmark: Benchmark,
    protocol: Protocol,
    out: Path,
    device: str,
    progress: Progress | None = None,
) -> MethodsSummary:
    """Return the evaluation of finished variants and of untouched composites; `progress` as for `evaluate`."""
    methods: list[str | Method] = ["dc"]
    methods += [_method(one, protocol, device) for one in trained if one.weights]
    metrics = [name for name in METRICS if name in protocol.metrics]
    records: list[Record] = evaluate(
        benchmark, methods, [protocol], out, metrics=metrics, device=device, progress=progress
    )
    return summarise(records)


def _method(one: Trained, protocol: Protocol, device: str) -> Method:
    name = "ssh:notebook=true" if protocol.name == "ssh-iccv21" else "ssh"
    method = get_method(name, device=device, weights=one.weights)
    method.name = one.variant.name
    return method
