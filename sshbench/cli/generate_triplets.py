"""`sshbench generate-triplets`: make training data from photographs."""

from __future__ import annotations

import os
import shlex
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, Literal

import click

from sshbench.cli.options import OutFolder, Within, limits, max_megapixels_to_train, options_of, within_dataset
from sshbench.cli.stopping import go_on
from sshbench.errors import SshbenchError, counted
from sshbench.triplets.settings import TRANSFERS, Settings

if TYPE_CHECKING:
    from sshbench.lut.bank import LutBank
    from sshbench.triplets.engine import Engine, Summary
    from sshbench.triplets.held_out import Part
    from sshbench.triplets.manifest import Manifest, Run, StoreKind
    from sshbench.triplets.source import Source

PARTS = ("train", "held-out", "all")


@click.command("generate-triplets", epilog="All of this in Python: sshbench.generate_triplets.")
@click.option(
    "--source",
    default="sample",
    show_default=True,
    metavar="WHAT",
    help="The photographs: sample, a folder, Parquet/Arrow/WebDataset files, or a Hugging Face dataset id.",
)
@within_dataset
@click.option(
    "--streaming", is_flag=True, help="Read a Hugging Face dataset while it downloads, without a copy on this disk."
)
@click.option(
    "--masks",
    metavar="WHAT",
    help="For composites: a folder of masks with the names of the photographs, or a column.  "
    "[default: generated shapes]",
)
@click.option(
    "--output",
    "-o",
    type=OutFolder(),
    default="triplets",
    show_default=True,
    metavar="WHERE",
    help="The output: a folder, or an fsspec URL (s3://bucket/folder).",
)
@options_of(Settings, leave=("weights",), named={"transfers": "--transfer"})
@click.option(
    "--luts",
    multiple=True,
    metavar="PLACE",
    help="A folder of .cube files or Hald images, an .npz file of tables, or luts for the 100 looks of sshbench. May "
    "be repeated.  [default: luts]",
)
@click.option(
    "--part",
    type=click.Choice(PARTS),
    default="all",
    show_default=True,
    help="train leaves out the tenth of the photographs and LUTs that validates trained networks; held-out takes "
    "only this tenth.",
)
@click.option("--masked", is_flag=True, help="Leave out photographs that have no mask in --masks.")
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="Take N photographs, spread over the source.")
@max_megapixels_to_train
@click.option(
    "--lut-part", type=click.Choice(PARTS), help="The part of the LUTs and grades to take.  [default: as --part]"
)
@click.option(
    "--weight",
    "weights",
    multiple=True,
    metavar="LOOK=WEIGHT",
    help="How often a LUT, grade or rung is drawn; all others have the weight 1. LOOK may contain * and ?. May be "
    "repeated; the last match counts.",
)
@click.option(
    "--store",
    type=click.Choice(["pixels", "recipes"]),
    default="pixels",
    show_default=True,
    help="Store encoded images, or recipes of about a hundred bytes per triplet, which are rendered when read.",
)
@click.option(
    "--format",
    "image_format",
    type=click.Choice(["png", "jpeg", "webp"]),
    default="png",
    show_default=True,
    help="The encoding of the images; PNG is lossless.",
)
@click.option("--quality", type=int, help="The quality of JPEG and WebP, 1 to 100.  [default: 95]")
@click.option(
    "--views",
    type=click.Choice(["3", "4"]),
    default="3",
    show_default=True,
    help="4 adds reference_alpha, for the reconstruction loss.",
)
@click.option("--rows-per-shard", type=int, help="Triplets in a file.  [default: 500 with pixels, 200000 without]")
@click.option("--license", metavar="NAME", help="The licence of the photographs, for the dataset card.")
@click.option(
    "--workers", "-w", type=int, default=1, show_default=True, help="The number of processes on this machine."
)
@click.option(
    "--engine",
    type=click.Choice(["local", "ray"]),
    default="local",
    show_default=True,
    help="Work in processes of this machine, or in tasks of a Ray cluster.",
)
@click.option(
    "--address",
    metavar="HOST:PORT",
    help="With --engine ray: the address of a running cluster (auto: the cluster of this machine).  [default: start a "
    "cluster]",
)
@click.option(
    "--shard",
    metavar="I/N",
    help="Make only part I of N, counted from 0, as in a job array; the parts may run at the same time on any "
    "machines.",
)
@click.option(
    "--verify",
    type=click.Choice(["hash", "size"]),
    default="hash",
    show_default=True,
    help="Check the files of an earlier run by their hash, or only by their size.",
)
@click.option(
    "--retry-skipped", is_flag=True, help="Make files with skipped photographs again, once the cause is gone."
)
@click.option(
    "--max-failures",
    type=Within(0, 1),
    default=0.05,
    show_default=True,
    metavar="SHARE",
    help="End with exit code 1 if a larger share of the photographs could not be used.",
)
@click.option("--dry-run", is_flag=True, help="Print what the command would make and its size, and write nothing.")
@click.option("--quiet", "-q", is_flag=True, help="Show no progress.")
@click.pass_context
def generate_triplets(
    ctx: click.Context,
    /,
    source: str,
    config: str | None,
    split: str | None,
    column: str | None,
    revision: str | None,
    streaming: bool,
    masks: str | None,
    output: str,
    luts: tuple[str, ...],
    part: Part,
    masked: bool,
    limit: int | None,
    max_pixels: int | None,
    lut_part: Part | None,
    weights: tuple[str, ...],
    store: StoreKind,
    image_format: str,
    quality: int | None,
    views: str,
    rows_per_shard: int | None,
    license: str | None,
    workers: int,
    engine: Engine,
    address: str | None,
    shard: str | None,
    verify: Literal["hash", "size"],
    retry_skipped: bool,
    max_failures: float,
    dry_run: bool,
    quiet: bool,
    **values: Any,
) -> None:
    """Make training data for image harmonization from photographs.

    For each photograph, two crops and two looks are drawn. They make a triplet: the content under look alpha
    (foreground), another crop under look beta (background), and the content under beta (ground truth). The result is a
    folder of Parquet files that datasets.load_dataset opens.

    \b
      sshbench generate-triplets                                  a few, from the photographs that ship
      sshbench generate-triplets --source ~/photos -w 8           from a folder, with eight processes
      sshbench generate-triplets --source ~/photos --dry-run      the number and the size only
      sshbench generate-triplets --source food101 --split train --draws 4 -o s3://bucket/food
      sshbench generate-triplets --source ~/photos --shard $SLURM_ARRAY_TASK_ID/$SLURM_ARRAY_TASK_COUNT

    After an interruption, run the same command again: it checks the existing files and makes the missing ones. The
    output depends only on the photographs, the LUTs and the options above --workers; the number of processes, parts and
    interruptions changes no byte.
    """
    from sshbench.triplets.worker_start import prepare_workers

    if workers > 1 and engine == "local" and not dry_run:
        prepare_workers()
    from sshbench.triplets.codecs import Codec
    from sshbench.triplets.engine import generate
    from sshbench.triplets.generation import open_run
    from sshbench.triplets.luts import bank_of

    # No warning about every attempt to reach the hub: one sentence reports the outcome.
    os.environ.setdefault("HF_HUB_VERBOSITY", "error")
    shards = _part(shard)
    codec = Codec.choose(image_format, quality)
    settings = Settings(**values | {"transfers": values["transfers"] or TRANSFERS})
    has_parts = settings.appearance in ("lut", "grades")
    if lut_part and not has_parts:
        raise SshbenchError("--lut-part needs --appearance lut or grades; leave --lut-part out")
    if masked and not masks:
        raise SshbenchError("--masked needs --masks; give the folder or the column of the masks")
    looks: Part = (lut_part or part) if has_parts else "all"
    if weights:
        settings = replace(settings, weights=_weights(weights, bank_of(settings.appearance, luts, looks)))
    asked = {
        "config": config, "split": split, "column": column, "revision": revision, "masks": masks, "part": part,
        "masked": masked, "limit": limit, "streaming": streaming, **limits(max_pixels),
    }  # fmt: skip
    run, photos, bank = open_run(
        source, settings, asked, luts=luts, lut_part=looks, store=store, codec=codec, views=int(views),
        rows_per_shard=rows_per_shard, license=license,
    )  # fmt: skip
    if dry_run:
        _say_estimate(run, photos, bank, output, workers)
        return
    go_on("finished shards are kept, and the same command continues with the rest")
    summary = generate(
        run, photos, bank, output, engine=engine, workers=workers, address=address, shard=shards, verify=verify,
        retry_skipped=retry_skipped, progress=not quiet,
    )  # fmt: skip
    _say_skipped(summary)
    _say_result(summary, shards)
    if summary.lost_share > max_failures:
        click.echo(
            f"sshbench: {summary.lost_share:.1%} could not be used, and --max-failures allows {max_failures:.1%}; "
            "the output is kept",
            err=True,
        )
        ctx.exit(1)


def _part(text: str | None) -> tuple[int, int] | None:
    if text is None:
        return None
    first, slash, second = text.partition("/")
    if not (slash and first.isdigit() and second.isdigit()):
        raise SshbenchError(f"--shard is I/N with whole numbers, such as 0/4 for the first of four, not {text!r}")
    return int(first), int(second)


def _weights(asked: tuple[str, ...], bank: LutBank | None) -> tuple[float, ...]:
    if bank is None:
        raise SshbenchError("--weight needs --appearance lut, grades or ladders; leave --weight out")
    weights = dict.fromkeys(bank.names, 1.0)
    for text in asked:
        pattern, sign, value = text.rpartition("=")
        try:
            weight = float(value)
        except ValueError:
            sign, weight = "", 0.0
        if not sign:
            raise SshbenchError(f"--weight is LOOK=WEIGHT, such as --weight 'film*=2', not {text!r}")
        fitting = [name for name in bank.names if fnmatchcase(name, pattern)]
        if not fitting:
            bank.position(pattern)  # raises an error that suggests similar names
        weights.update(dict.fromkeys(fitting, weight))
    return tuple(weights.values())


def _say_estimate(run: Run, source: Source, bank: LutBank | None, output: str, workers: int) -> None:
    from sshbench.triplets.estimate import estimate
    from sshbench.triplets.manifest import find

    found = find(output, run)
    guess = estimate(run, source, bank)
    size = (
        f"about {_size(guess.row_bytes)} each" if guess.rows is None else f"about {_size(guess.row_bytes * guess.rows)}"
    )
    total = "an unknown number of" if guess.rows is None else f"{guess.rows:,}"
    of = "a stream" if guess.photos is None else counted(guess.photos, "photograph")
    shards = "" if guess.shards is None else f" in {_count(guess.shards, 'shard')}"
    click.echo(f"Would make {total} {run.settings.kind} from {of}{shards} at {output}, {size}.")
    if guess.photos is not None:
        minutes = guess.photos * guess.photo_seconds / workers / 60
        time = f"{minutes:.0f} minutes" if minutes >= 2 else f"{max(1, minutes * 60):.0f} seconds"
        click.echo(
            f"It would take about {time} with {_count(workers, 'worker')} like this machine's "
            f"(tried on {counted(guess.samples, 'photograph')})."
        )
    if found is not None and found.shards:
        there = f"{_count(len(found.shards), 'shard')} with {found.rows:,} {run.settings.kind}"
        click.echo(f"{there} already exist; they would be checked and kept.")
    click.echo("Nothing was written; run the command without --dry-run.")


def _say_skipped(summary: Summary) -> None:
    skipped = summary.skipped
    if not skipped:
        return
    click.echo(f"{len(skipped):,} could not be used:", err=True)
    for one in skipped[:5]:
        click.echo(f"  {one.row}: {one.reason}", err=True)
    if len(skipped) > 5:
        click.echo(f"  and {len(skipped) - 5:,} more, in manifest.json", err=True)


def _say_result(summary: Summary, part: tuple[int, int] | None) -> None:
    from sshbench.triplets.codecs import codec_versions

    manifest, where = summary.manifest, summary.output
    kind = manifest.run.settings.kind
    if summary.photos and summary.seconds:
        rate = summary.photos / summary.seconds
        click.echo(f"{counted(summary.photos, 'photograph')} in {summary.seconds:,.1f} s, {rate:,.0f} a second.")
    if summary.kept and summary.made and manifest.run.versions != codec_versions():
        click.echo(
            "sshbench: an earlier run used other versions of libraries, so the bytes of the shards may differ", err=True
        )
    if summary.kept:
        click.echo(f"{_count(summary.kept, 'shard')} of an earlier run checked and kept, {summary.made} made.")
    if not manifest.complete:
        click.echo(
            f"{manifest.rows:,} {kind} in {_count(len(manifest.shards), 'shard')} ({_size(manifest.size)}) at {where}; "
            f"next: {_other_parts(manifest, part)}"
        )
        return
    following = f"sshbench preview-triplets {shlex.quote(where)}"
    click.echo(
        f"{manifest.rows:,} {kind} in {_count(len(manifest.shards), 'shard')} ({_size(manifest.size)}) at {where}; "
        f"next: {following}"
    )


def _other_parts(manifest: Manifest, part: tuple[int, int] | None) -> str:
    i, n = part or (0, 1)
    if (count := manifest.run.shards) is None:
        return f"the other parts of --shard {i}/{n}, unless they have ended"
    missing = {number % n for number in range(count) if number not in manifest.shards}
    parts = [f"--shard {k}/{n}" for k in sorted(missing)]
    return f"the same command with {', '.join(parts[:3])}{' ...' if len(parts) > 3 else ''}"


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _size(count: float) -> str:
    for unit in ("bytes", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "bytes" or count >= 100 else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"
