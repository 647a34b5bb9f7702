"""`sshbench.evaluate`: score methods on a benchmark in one call, with tables as pandas frames."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from sshbench.benchmarks.composite import Benchmark
from sshbench.benchmarks.open import open_benchmark
from sshbench.benchmarks.protocol import DEFAULT, Protocol, get_protocol
from sshbench.devices import device_name
from sshbench.errors import SshbenchError, counted
from sshbench.methods.registry import AnyMethod
from sshbench.outputs import check_folder
from sshbench.results import run as stages
from sshbench.results.records import Record
from sshbench.whole_file import folder_for_a_while

if TYPE_CHECKING:
    import pandas


@dataclass(frozen=True, eq=False)
class Evaluation:
    """The result of `sshbench.evaluate`. `print` shows the table; `.table()` and `.records()` return pandas frames.

    Parameters
    ----------
    rows
        One record for each image, method and protocol.
    out
        The folder of results, which holds the predictions; None if no folder was given.

    Examples
    --------
    >>> import sshbench
    >>> found = sshbench.evaluate("sample", "dc", metrics=["psnr"], limit=2, workers=1)
    >>> found
    <Evaluation of dc on 2 images; see .table() and .records()>
    >>> found.table()[["n", "psnr"]].round(2).loc["dc"].tolist()
    [2.0, 20.6]
    """

    rows: Sequence[Record] = field(repr=False)
    out: Path | None = None

    def table(
        self,
        *,
        protocol: str | None = None,
        metrics: Sequence[str] | None = None,
        sort: str | None = None,
        by: str | None = None,
    ) -> pandas.DataFrame:
        """Return one row for each method, best first, like `sshbench.results.leaderboard`.

        Parameters
        ----------
        protocol
            The protocol to show. It is required if the evaluation used several protocols.
        metrics, sort
            The metrics to show, and the metric to sort by. By default, all metrics are shown, and the first one sorts.
        by
            `"subset"` or `"foreground"` adds a row for each part of the images.

        Returns
        -------
        pandas.DataFrame
            A frame indexed by the method. For a metric M, the columns are `M` (mean), `M_low` and `M_high` (95%
            bootstrap interval), and `M_diff`, `M_diff_low`, `M_diff_high` and `M_p` (comparison with the best method).
            The other columns are `n`, `failed`, `sees_target`, `ms` and `trained_by`.

        Raises
        ------
        RecordsError
            There are several protocols and `protocol` is None, or a metric was not computed.
        """
        from sshbench.results.frame import frame
        from sshbench.results.summary import one_of, summarise

        return frame(summarise(one_of(self.rows, protocol=protocol), metrics=metrics, sort=sort), by=by)

    def records(self) -> pandas.DataFrame:
        """Return one row for each image, method and protocol: scores, attributes, seconds, hashes, and failures.

        Each metric and attribute has a column of its own name. If another column has the name of an attribute, the
        attribute's column has the prefix `attribute_`.

        Returns
        -------
        pandas.DataFrame
            The records. Columns that are empty in all rows are left out.
        """
        from sshbench.results.frame import records_frame

        return records_frame(self.rows)

    def __str__(self) -> str:
        """Return the text of the tables that `sshbench evaluate` prints, one for each protocol."""
        from sshbench.results.formats import plain_text
        from sshbench.results.summary import one_of, summarise

        protocols = dict.fromkeys(record.protocol for record in self.rows)
        each = (summarise(one_of(self.rows, protocol=protocol)) for protocol in protocols)
        return "\n".join(plain_text(summary, published=False) for summary in each).rstrip()

    def __repr__(self) -> str:
        methods = list(dict.fromkeys(record.method for record in self.rows))
        images = len({record.id for record in self.rows})
        failed = sum(record.failed is not None for record in self.rows)
        missed = f", {counted(failed, 'record')} failed" if failed else ""
        return (
            f"<Evaluation of {', '.join(methods)} on {counted(images, 'image')}{missed}; see .table() and .records()>"
        )


def evaluate(
    benchmark: str | Benchmark,
    methods: AnyMethod | Iterable[AnyMethod],
    protocol: str | Protocol | Iterable[str | Protocol] = DEFAULT,
    *,
    root: str | os.PathLike[str] | None = None,
    metrics: Sequence[str] | None = None,
    out: str | os.PathLike[str] | None = None,
    weights: Mapping[str, str | Path] | None = None,
    device: str = "auto",
    workers: int | None = None,
    batch_size: int = 1,
    limit: int | None = None,
    time_limit: float | None = None,
    overwrite: bool = False,
    progress: bool = False,
) -> Evaluation:
    """Score methods on a benchmark, image by image.

    Parameters
    ----------
    benchmark
        A split, such as `"sample"`, `"realhm"` or `"iharmony4"`, or a benchmark that `sshbench.load_benchmark` opened.
    methods
        One or several methods: names as on the command line (`"ssh-lut"`, `"ssh:map=polynomial"`, `"mine.py:Mine"`),
        objects with `harmonize(batch)`, classes of such objects, and functions `f(composite)` that return an image. The
        classes may come from a script or a notebook, and no `if __name__ == "__main__":` is needed.
    protocol
        One or several protocols, as names or objects. Each protocol has its own records.
    root
        The folder of a benchmark that is given by name; see `sshbench.load_benchmark`.
    metrics
        The names of the metrics to compute; by default those of each protocol.
    out
        The folder of results, which keeps predictions and records. Valid results of earlier runs in this folder are
        used again. Without a folder, no results are kept.
    weights
        The weights of methods that accept weights, by the name of the method in `methods`.
    device
        `"auto"`, `"cpu"`, `"cuda"` or `"cuda:1"`.
    workers
        The number of processes; by default one with a GPU, or else the number of processors, up to 4. With 1, methods
        that are objects run in this process, so that a crash of a method ends this process.
    batch_size
        The number of images that a method receives at a time.
    limit
        The number of images to evaluate, counted from the first.
    time_limit
        The time limit of a method on an image in seconds. A method that exceeds the limit fails on the image.
    overwrite
        Whether to predict and score again, even if `out` holds valid results.
    progress
        Whether to show a progress bar.

    Returns
    -------
    Evaluation
        The scores. If a method failed, crashed or took too long on an image, the record of the image has the reason.

    Raises
    ------
    SshbenchError
        A benchmark, method, protocol or metric does not exist or cannot be used, or `out` cannot be written.

    Examples
    --------
    >>> import sshbench
    >>> def half(composite):
    ...     return composite.composite // 2
    >>> found = sshbench.evaluate("sample", [half, "dc"], metrics=["psnr"], limit=2, workers=1)
    >>> found.table().index.tolist()
    ['dc', 'half']
    >>> found.records().shape[0]
    4
    """
    if out is not None:
        check_folder(out)
    chosen = [protocol] if isinstance(protocol, str | Protocol) else list(protocol)
    rules = [get_protocol(one) if isinstance(one, str) else one for one in chosen]
    given = _listed(methods)
    if not given:
        raise SshbenchError("there is no method to evaluate; name one, such as 'dc'")
    opened = open_benchmark(benchmark, root) if isinstance(benchmark, str) else benchmark
    with ExitStack() as stack:
        folder = Path(out) if out is not None else stack.enter_context(folder_for_a_while())
        report = stack.enter_context(_Bar(opened.name)) if progress else None
        rows = stages.evaluate(
            opened,
            given,
            rules,
            folder,
            metrics=metrics,
            device=device_name(device),
            workers=workers,
            batch_size=batch_size,
            limit=limit,
            overwrite=overwrite,
            weights=weights,
            time_limit=time_limit,
            progress=report,
        )
    return Evaluation(tuple(rows), folder if out is not None else None)


def _listed(methods: AnyMethod | Iterable[AnyMethod]) -> list[AnyMethod]:
    if isinstance(methods, str) or callable(methods) or hasattr(methods, "harmonize"):
        return [cast(AnyMethod, methods)]
    return list(methods)


class _Bar:
    """A progress bar over images."""

    def __init__(self, what: str) -> None:
        from tqdm.auto import tqdm

        self.bar: Any = tqdm(desc=what, unit="image")

    def __enter__(self) -> Callable[[int, int], None]:
        return self.show

    def show(self, done: int, total: int) -> None:
        self.bar.total = total
        self.bar.update(done - self.bar.n)

    def __exit__(self, *_: object) -> None:
        self.bar.close()
