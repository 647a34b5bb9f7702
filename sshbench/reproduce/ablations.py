"""Tables 3 to 5 of the paper: variants, all trained and measured in the same way, beside the published numbers."""

from __future__ import annotations

from collections.abc import Iterator

from sshbench.benchmarks.open import open_benchmark
from sshbench.benchmarks.protocol import get_protocol
from sshbench.errors import SshbenchError
from sshbench.reproduce.beside import Line, beside
from sshbench.reproduce.judged import held_out_composites, judge
from sshbench.reproduce.trained import TrainingPlan, train_variants
from sshbench.reproduce.variants import ABLATIONS
from sshbench.results.run import Progress
from sshbench.results.tables import Table
from sshbench.training.data import form_of


def reproduce(
    table: str,
    plan: TrainingPlan,
    *,
    protocol: str,
    realhm: str | None = None,
    masks: str | None = None,
    images: int = 128,
    time_limit: float | None = None,
    device: str = "cpu",
    progress: Progress | None = None,
) -> Iterator[Table]:
    """Train the untrained variants of a table, and yield one table of measurements for each benchmark.

    The tables hold the variants whose training is finished.

    Parameters
    ----------
    table
        One of `ABLATIONS`.
    plan
        The plan by which variants are trained. Tables with the same `plan.out` share variants and their runs.
    protocol
        The protocol that scores all variants.
    realhm
        The root folder of RealHM, to measure on RealHM. By default, the benchmarks are composites of held-out
        photographs, and the embedded sample.
    masks, images
        The masks and the number of the held-out composites, as for `held_out_composites`.
    time_limit
        The limit of the training in this call, in seconds.
    device
        The device on which variants are measured.
    progress
        As for `evaluate`, for each benchmark.

    Raises
    ------
    SshbenchError
        As for `train_variants`, or a benchmark cannot be opened or made.
    """
    ablation, scored_by = ABLATIONS[table], get_protocol(protocol)
    if form_of(plan.source) != "photographs":
        raise SshbenchError(
            f"{plan.source}: the variants render photographs differently; give a folder or dataset of photographs"
        )
    results = plan.out / "results"
    if realhm is not None:
        benchmarks = [(open_benchmark("realhm", realhm), "RealHM")]
    else:
        place = plan.out / "held-out"
        benchmarks = [
            held_out_composites(plan.source, plan.luts, masks, images, place),
            (open_benchmark("sample"), "the embedded sample"),
        ]
    trained = train_variants(plan, ablation.variants, time_limit)
    lines = [Line("dc", "composites as they are", "nothing")]
    lines += [Line(one.variant.name, one.variant.says, one.says) for one in trained]
    for benchmark, said in benchmarks:
        summary = judge(trained, benchmark, scored_by, results / benchmark.name, device, progress)
        yield beside(f"{ablation.title}, on {said}", lines, summary, said)
