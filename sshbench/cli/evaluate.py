"""`sshbench evaluate`: score methods on benchmarks under protocols."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sshbench.cli.names import METHOD, METRICS, PROTOCOL, SPLIT
from sshbench.cli.options import OutFolder, Within, limits, max_megapixels
from sshbench.cli.progress import Progress
from sshbench.cli.stopping import go_on
from sshbench.errors import SshbenchError, printable

if TYPE_CHECKING:
    from sshbench.benchmarks.composite import Benchmark
    from sshbench.benchmarks.protocol import Protocol
    from sshbench.methods.base import Method
    from sshbench.results.records import Record
    from sshbench.results.weighting import Shares


@click.command(epilog="All of this in Python: sshbench.evaluate.")
@click.option(
    "--method",
    "-m",
    "methods",
    type=METHOD,
    multiple=True,
    metavar="NAME",
    help="A method by name, or path.py:Class for your own method. May be repeated.  [default: dc, gain, shift, "
    "reinhard, xiao, fecker, pitie, monge-kantorovich, ceiling-linear, ceiling-polynomial, ceiling-lut, ssh, ssh-lut]",
)
@click.option(
    "--predictions",
    "-p",
    multiple=True,
    metavar="[NAME=]DIR",
    help="Score images that were made elsewhere: a folder with one image for each id. May be repeated.",
)
@click.option(
    "--split",
    "-s",
    "splits",
    type=SPLIT,
    multiple=True,
    metavar="NAME",
    help="sample, realhm, iharmony4, iharmony4-HAdobe5k, triplets, composites, folder, parquet, hf. May be repeated.  "
    "[default: sample]",
)
@click.option(
    "--root",
    "roots",
    multiple=True,
    metavar="[SPLIT=]DIR",
    help="The folder of the benchmark. May be repeated, once for each split.",
)
@click.option(
    "--column",
    "columns",
    multiple=True,
    metavar="ROLE=NAME",
    help="For --split parquet and hf, the column of a role (composite, foreground, background, mask, target, ...); for "
    "folder, the pattern of the role, such as 'mask=masks/*'. May be repeated.",
)
@click.option("--allow-incomplete", is_flag=True, help="Accept a benchmark with missing samples.")
@click.option(
    "--protocol",
    "protocols",
    type=PROTOCOL,
    multiple=True,
    metavar="NAME",
    help="The protocol to score by, or all (see 'sshbench protocols'). May be repeated.  [default: sshbench-v1]",
)
@click.option(
    "--metrics",
    type=METRICS,
    multiple=True,
    metavar="NAMES",
    help="The metrics to compute, such as psnr,ssim,lpips.  [default: those of the protocol]",
)
@click.option(
    "--weight-to",
    metavar="NAME|CSV",
    help="Also estimate the means of another set of images from the shares of its composites in each range of "
    "untouched fMSE: iharmony4, or a file (docs/evaluate.md). Adds dc and fmse.",
)
@click.option(
    "--weights",
    multiple=True,
    metavar="[METHOD=]FILE",
    help="Weights of a method: a folder or file that sshbench wrote, a file of the authors, hf://user/repo, authors "
    "for the imported weights of the method's authors, or sshbench for the weights that ship. May be repeated.",
)
@click.option("--device", metavar="NAME", default="auto", show_default=True, help="auto, cpu, cuda or cuda:1.")
@click.option("--out", "-o", type=OutFolder(), metavar="DIR", help="The folder of results.  [default: results/SPLIT]")
@max_megapixels
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="Evaluate only the first N images.")
@click.option(
    "--workers",
    "-w",
    type=click.IntRange(min=1),
    metavar="N",
    help="The number of processes.  [default: one for each processor, up to 4; one with a GPU]",
)
@click.option(
    "--time-limit",
    type=Within(min=0, min_open=True),
    metavar="SECONDS",
    help="Stop waiting for a method on an image after this time.  [default: wait for ever]",
)
@click.option(
    "--batch-size",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="Images that a method receives at a time.",
)
@click.option(
    "--resume/--overwrite",
    "resume",
    default=True,
    help="Reuse the valid predictions and scores of earlier runs, or make all of them again.  [default: resume]",
)
@click.option("--strict", is_flag=True, help="End with exit code 1 if any method lacks an image or a metric.")
@click.option("--quiet", "-q", is_flag=True, help="Show no progress and no tables.")
@click.argument("more", nargs=-1, type=METHOD, metavar="[METHOD]...")
@click.pass_context
def evaluate(
    ctx: click.Context,
    /,
    methods: tuple[str, ...],
    more: tuple[str, ...],
    predictions: tuple[str, ...],
    splits: tuple[str, ...],
    roots: tuple[str, ...],
    columns: tuple[str, ...],
    allow_incomplete: bool,
    protocols: tuple[str, ...],
    metrics: tuple[str, ...],
    weight_to: str | None,
    weights: tuple[str, ...],
    device: str,
    out: str | None,
    max_pixels: int | None,
    limit: int | None,
    workers: int | None,
    time_limit: float | None,
    batch_size: int,
    resume: bool,
    strict: bool,
    quiet: bool,
) -> None:
    """Score methods on a benchmark, image by image, and print tables with intervals.

    \b
      sshbench evaluate                                        the methods that ship, on the images that ship
      sshbench evaluate -m reinhard -m mine.py:Mine -s realhm --root ~/RealHM
      sshbench evaluate -p ~/my_results -s realhm --root ~/RealHM -m dc
      sshbench evaluate --protocol dovenet --metrics psnr,mse  scores again, without predicting again

    Methods with options are NAME:KEY=VALUE,KEY=VALUE, such as ssh:map=polynomial. Several names may follow --method.

    A file of your own needs one class with harmonize(batch), which receives composites and returns images, or a
    function of one composite. If the method fails, crashes or takes longer than --time-limit, the failure is recorded
    and the run continues; --debug shows the traceback.

    If the command was interrupted, run it again: it continues where it stopped. A method predicts an image again only
    if the method or the image has changed. An image is scored again only if the prediction or the protocol has changed.
    """
    from sshbench.benchmarks.open import open_benchmark
    from sshbench.benchmarks.protocol import DEFAULT, PROTOCOLS, get_protocol
    from sshbench.devices import device_name
    from sshbench.metrics.suite import chosen
    from sshbench.results.run import evaluate as run
    from sshbench.results.weighting import METRIC

    asked = parted(protocols) or [DEFAULT]
    rules = list(PROTOCOLS.values()) if asked == ["all"] else [get_protocol(name) for name in asked]
    wanted = parted(metrics) or None
    if wanted and asked == ["all"]:
        rules = [protocol for protocol in rules if set(wanted) & set(protocol.metrics)] or rules
    for protocol in rules:
        chosen(protocol, wanted)  # reports a misspelt metric before anything runs
    names = parted(splits) or ["sample"]
    places = _roots(roots, names)
    roles = dict(_pair("--column", text) for text in columns) or None
    benchmarks = [
        open_benchmark(name, places.get(name), allow_incomplete=allow_incomplete, columns=roles, **limits(max_pixels))
        for name in names
    ]
    shares = _shares(weight_to, rules)
    where = device_name(device)
    called = _names((*methods, *more))
    given = weights_by_method(weights, called)
    failures: list[str] = []
    for split, benchmark in zip(names, benchmarks, strict=True):
        folder = _out(out, split, len(names))
        go_on("the same command continues where it stopped")
        with Progress("image", quiet=quiet, what=split) as progress:
            records = run(
                benchmark,
                _methods(called, predictions, benchmark, limit, untouched=shares is not None),
                rules,
                folder,
                metrics=list(dict.fromkeys([*wanted, METRIC])) if wanted and shares else wanted,
                weight_to=shares,
                device=where,
                workers=workers,
                batch_size=batch_size,
                limit=limit,
                overwrite=not resume,
                weights=given,
                time_limit=time_limit,
                progress=progress,
            )
        if ctx.find_root().params.get("debug"):
            _tracebacks(records)
        failures += _failures(records, {protocol.name: chosen(protocol, wanted) for protocol in rules}, strict)
        failures += _print(records, wanted, shares, quiet)
        click.echo(f"Records and predictions: {folder}; next: sshbench report {shlex.quote(str(folder))}", err=True)
    if failures:
        for text in dict.fromkeys(failures):
            click.echo(f"sshbench: {text}", err=True)
        ctx.exit(1)


def _tracebacks(records: list[Record]) -> None:
    """Print the failures of methods: the first image and the traceback, once for each kind of failure."""
    seen = set()
    for record in records:
        if record.traceback and (record.method, record.traceback) not in seen:
            seen.add((record.method, record.traceback))
            click.echo(f"sshbench: {record.method} on {record.id}:\n{record.traceback.rstrip()}", err=True)


def _failures(records: list[Record], asked: dict[str, tuple[str, ...]], strict: bool) -> list[str]:
    """Return the sentences that make the exit code 1: a method without scores, or, if strict, any missing score."""
    from sshbench.results.tables import MISSING

    groups: dict[str, list[Record]] = {}
    for record in records:
        groups.setdefault(record.method, []).append(record)
    if not any(record.metrics for record in records):
        if all(record.failed is None for record in records):
            names = list(dict.fromkeys(name for record in records for name in asked[record.protocol]))
            return [f"{' and '.join(names)} could not be computed; the warning above says why and what to do"]
        return ["nothing could be scored; the tables say why"]
    found = [
        f"{method} was scored on no image; the tables say why"
        for method, group in groups.items()
        if not any(record.metrics for record in group) and group[0].trained_by != MISSING
    ]
    if strict:
        for method, group in groups.items():
            failed = {record.id for record in group if record.failed is not None}
            lacking = {name for r in group if r.failed is None for name in asked[r.protocol]} - {
                n for r in group for n in r.metrics
            }
            if failed:
                found.append(f"--strict: {method} failed on {len(failed)} of {len({r.id for r in group})} images")
            elif lacking:
                found.append(f"--strict: {method} has no {', '.join(sorted(lacking))}")
    return found


def parted(values: tuple[str, ...]) -> list[str]:
    """Return the names that were given separately or joined by commas, without repetitions."""
    return list(dict.fromkeys(part.strip() for value in values for part in value.split(",") if part.strip()))


def _pair(option: str, text: str) -> tuple[str, str]:
    role, sign, name = text.partition("=")
    if not (role and sign and name):
        raise SshbenchError(f"{option} is ROLE=NAME, such as {option} mask=masks/*, not {text!r}")
    return role, name


def _roots(given: tuple[str, ...], splits: list[str]) -> dict[str, str]:
    roots = {}
    for text in given:
        split, sign, folder = text.partition("=")
        if sign and split in splits:
            roots[split] = folder
        elif len(splits) == 1:
            roots[splits[0]] = text
        else:
            raise SshbenchError(f"--root {text} does not name its split; give {splits[0]}={text}, or another split")
    return roots


def _out(out: str | None, split: str, splits: int) -> Path:
    if out is None:
        return Path("results") / split
    return Path(out) / split if splits > 1 else Path(out)


def _names(given: tuple[str, ...]) -> list[str]:
    """Return the names of methods, given separately or joined by commas; the options of a name also have commas."""
    names: list[str] = []
    for text in given:
        if ".py" in text:
            names.append(text)
            continue
        for part in text.split(","):
            if "=" in part and ":" not in part.partition("=")[0] and names:
                names[-1] += f",{part.strip()}"
            elif part.strip():
                names.append(part.strip())
    return list(dict.fromkeys(names))


def weights_by_method(given: tuple[str, ...], names: list[str]) -> dict[str, str]:
    """Return the weights of each method; weights without a name belong to the only method that takes weights."""
    from sshbench.methods.named_options import split_options
    from sshbench.methods.registry import takes_weights

    plain = {name: split_options(name)[0] for name in names}
    found: dict[str, str] = {}
    for text in given:
        head = max((n for n in (*names, *plain.values()) if text.startswith(f"{n}=")), key=len, default=None)
        if head is not None:
            file, meant = text[len(head) + 1 :], [name for name in names if head in (name, plain[name])]
        else:
            file, meant = text, [name for name in names if takes_weights(name)]
            if len(meant) != 1:
                take = f"{' and '.join(meant)} take weights" if meant else "none of the methods takes weights"
                raise SshbenchError(f"--weights {text} does not name its method, and {take}; give METHOD={text}")
        found.update((name, file) for name in meant)
    return found


def _shares(where: str | None, protocols: list[Protocol]) -> Shares | None:
    """Return the shares to weight means by; every protocol must define the metric that the shares refer to."""
    from sshbench.results.weighting import METRIC, read_shares

    for protocol in protocols if where is not None else ():
        if METRIC not in protocol.metrics:
            raise SshbenchError(
                f"--weight-to needs {METRIC}, which {protocol.name} does not define; leave one of the two out"
            )
    return None if where is None else read_shares(where)


def _methods(
    names: list[str], predictions: tuple[str, ...], benchmark: Benchmark, limit: int | None, *, untouched: bool
) -> list[str | Method]:
    from sshbench.methods.predictions import FolderPredictions
    from sshbench.methods.registry import DEFAULTS
    from sshbench.results.weighting import UNTOUCHED

    methods: list[str | Method] = [*(names or ([] if predictions else DEFAULTS))]
    if untouched and UNTOUCHED not in methods:
        methods.insert(0, UNTOUCHED)
    for text in predictions:
        name, sign, folder = text.partition("=")
        if not sign or Path(text).is_dir():
            name, folder = "", text
        one = FolderPredictions(Path(folder).expanduser(), benchmark.ids()[:limit], name or None)
        for what, which in (("lacks", one.missing), ("has images that fit no id:", one.extra)):
            if which and not (limit and which is one.extra):
                _warn(one.folder, what, [str(item) for item in which])
        methods.append(one)
    return methods


def _warn(folder: Path, what: str, which: list[str]) -> None:
    rest = f" and {len(which) - 3} more" if len(which) > 3 else ""
    text = printable(f"{folder} {what} {', '.join(which[:3])}{rest}")
    click.echo(f"sshbench: warning: {text}", err=True)


def _print(records: list[Record], metrics: list[str] | None, shares: Shares | None, quiet: bool) -> list[str]:
    """Print the tables of each protocol, unless quiet; return a sentence for each estimate that cannot be made."""
    from sshbench.cli.tables import echo_tables
    from sshbench.results.records import RecordsError
    from sshbench.results.summary import summarise
    from sshbench.results.weighting import strata

    failures = []
    protocols = list(dict.fromkeys(record.protocol for record in records))
    for protocol in protocols:
        some = [record for record in records if record.protocol == protocol]
        there = {name for record in some for name in record.metrics}
        shown = [name for name in metrics if name in there] if metrics else None
        weight_to = shares
        try:
            if shares:
                strata(some, shares)
        except RecordsError as error:  # the plain means do not depend on the shares
            failures.append(f"{protocol}: {error}")
            weight_to = None
        if not quiet:
            echo_tables(summarise(some, metrics=shown, weight_to=weight_to), published=protocol == protocols[-1])
            click.echo()
    return failures
