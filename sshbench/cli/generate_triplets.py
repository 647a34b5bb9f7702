"""`sshbench generate-triplets`: photographs to training data."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable
from dataclasses import fields
from fnmatch import fnmatchcase
from typing import Any

import click

from sshbench.cli.finite import Number, Within
from sshbench.cli.image_limit import limits, max_megapixels
from sshbench.cli.stopping import go_on
from sshbench.errors import SshbenchError, counted
from sshbench.triplets.settings import APPEARANCES, TRANSFERS, Settings

DEFAULTS = Settings()
PARTS = ("train", "held-out", "all")
_Decorator = Callable[[Callable[..., None]], Callable[..., None]]


def _pair(kind: Any, name: str, text: str) -> _Decorator:
    default = getattr(DEFAULTS, name.removeprefix("--").replace("-", "_"))
    return click.option(
        name,
        nargs=2,
        type=kind,
        metavar="LOW HIGH",
        default=default,
        help=f"{text}  [default: {default[0]} {default[1]}]",
    )


@click.command("generate-triplets", epilog="All of this in Python: sshbench.triplets.engine.plan and generate.")
@click.option(
    "--source",
    default="sample",
    show_default=True,
    metavar="WHAT",
    help="sample, a folder, Parquet/Arrow/WebDataset files, or a Hugging Face dataset id.",
)
@click.option("--config", help="Configuration of a Hugging Face dataset.")
@click.option("--split", help="Split of a dataset, or all.  [default: train, or the only one]")
@click.option("--column", help="Image column of a dataset; of WebDataset files a suffix, or several: 'jpg;png'.")
@click.option("--revision", help="Revision of a Hugging Face dataset.")
@click.option(
    "--streaming", is_flag=True, help="Read a Hugging Face dataset as it arrives, without a copy on this disk."
)
@click.option(
    "--masks",
    metavar="WHAT",
    help="For composites: a folder of masks named as the photographs, or a column.  [default: generated shapes]",
)
@click.option(
    "--output",
    "-o",
    default="triplets",
    show_default=True,
    metavar="WHERE",
    help="A folder, or an fsspec URL (s3://bucket/folder).",
)
@click.option(
    "--kind",
    type=click.Choice(["triplets", "composites"]),
    default="triplets",
    show_default=True,
    help="[foreground, background, ground truth], or [composite, mask, real].",
)
@click.option("--seed", type=int, default=DEFAULTS.seed, show_default=True, help="Another seed, other triplets.")
@click.option("--draws", type=int, default=DEFAULTS.draws, show_default=True, help="Triplets a photograph.")
@click.option("--crop", type=int, default=DEFAULTS.crop, show_default=True, help="Sides of the images in pixels.")
@_pair(int, "--scale", "Short side to which a photograph is brought before a crop.")
@click.option(
    "--crops",
    type=click.Choice(["multi", "single"]),
    default="multi",
    show_default=True,
    help="Two crops, or one for content and reference alike (the paper's Table 3).",
)
@_pair(Number(), "--overlap", "What the two crops share, as a part of the smaller one.")
@click.option(
    "--appearance",
    type=click.Choice(APPEARANCES),
    default="lut",
    show_default=True,
    help="Where the two appearances come from: LUTs; computed grades, or known errors of exposure and white balance; "
    "colours of other photographs; two saturations. lut and the last two are the paper's Table 4.",
)
@click.option(
    "--background",
    type=click.Choice(["photographed", "look"]),
    default="photographed",
    show_default=True,
    help="Of composites: leave all but the foreground as photographed, or give it an appearance of its own.",
)
@click.option(
    "--luts",
    multiple=True,
    metavar="PLACE",
    help="Folder of .cube files or Hald images, .npz of tables, or luts for the 100 looks of sshbench. May be "
    "repeated.  [default: luts]",
)
@click.option(
    "--part",
    type=click.Choice(PARTS),
    default="all",
    show_default=True,
    help="Leave the tenth of the photographs and LUTs out on which trained networks are measured, or take it alone.",
)
@click.option("--masked", is_flag=True, help="Leave photographs out that have no mask in --masks.")
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="Take N of the photographs, spread over them.")
@max_megapixels
@click.option("--lut-part", type=click.Choice(PARTS), help="The same for LUTs and grades.  [default: as --part]")
@click.option(
    "--weight",
    "weights",
    multiple=True,
    metavar="LOOK=WEIGHT",
    help="How often a LUT, grade or rung is drawn (others: 1); LOOK may hold * and ?. May be repeated; the last that "
    "fits counts.",
)
@_pair(Number(), "--strength", "How far a LUT or a colour transfer is followed, 0 to 1.")
@_pair(Number(), "--saturation", "Factor of saturation, with --appearance saturation.")
@click.option(
    "--transfer",
    "transfers",
    type=click.Choice(TRANSFERS),
    multiple=True,
    help="Colour transfer to draw from, with --appearance color-transfer; may be repeated.  [default: all]",
)
@_pair(Number(), "--mask-area", "Part of a composite that a generated mask covers.")
@click.option(
    "--min-mask",
    type=Number(),
    default=DEFAULTS.min_mask,
    show_default=True,
    help="Part of a composite that a given mask has to cover, and to leave.",
)
@click.option(
    "--store",
    type=click.Choice(["pixels", "recipes"]),
    default="pixels",
    show_default=True,
    help="Encoded images, or about a hundred bytes a triplet, rendered when read.",
)
@click.option(
    "--format",
    "image_format",
    type=click.Choice(["png", "jpeg", "webp"]),
    default="png",
    show_default=True,
    help="PNG is lossless.",
)
@click.option("--quality", type=int, help="1 to 100, of JPEG and WebP.  [default: 95]")
@click.option(
    "--views",
    type=click.Choice(["3", "4"]),
    default="3",
    show_default=True,
    help="4 adds reference_alpha, for the reconstruction loss.",
)
@click.option("--rows-per-shard", type=int, help="Triplets a file.  [default: 500 with pixels, 200000 without]")
@click.option("--license", metavar="NAME", help="Licence of the photographs, for the dataset card.")
@click.option("--workers", "-w", type=int, default=1, show_default=True, help="Processes on this machine.")
@click.option(
    "--engine",
    type=click.Choice(["local", "ray"]),
    default="local",
    show_default=True,
    help="Processes on this machine, or tasks of a Ray cluster.",
)
@click.option(
    "--address",
    metavar="HOST:PORT",
    help="With --engine ray: a running cluster (auto: the one of this machine).  [default: start one]",
)
@click.option(
    "--shard",
    metavar="I/N",
    help="Make only part I of N, from 0, as in a job array; the parts may run at once, anywhere.",
)
@click.option(
    "--verify",
    type=click.Choice(["hash", "size"]),
    default="hash",
    show_default=True,
    help="How files of an earlier run are checked.",
)
@click.option(
    "--retry-skipped", is_flag=True, help="Make files again in which photographs were skipped, once the cause is gone."
)
@click.option(
    "--max-failures",
    type=Within(0, 1),
    default=0.05,
    show_default=True,
    metavar="SHARE",
    help="End with exit code 1 if more could not be used.",
)
@click.option("--dry-run", is_flag=True, help="Say what would be made and how large, and write nothing.")
@click.option("--quiet", "-q", is_flag=True, help="No progress.")
@click.pass_context
def generate_triplets(ctx: click.Context, /, **options: Any) -> None:
    """Make training data for image harmonization from photographs.

    From each photograph two crops and two looks are drawn: the content under look alpha (foreground), another crop
    under look beta (background), and the content under beta (ground truth). The result is a folder of Parquet files
    that datasets.load_dataset opens.

    \b
      sshbench generate-triplets                                  a few, from photographs that come along
      sshbench generate-triplets --source ~/photos -w 8           a folder, eight processes
      sshbench generate-triplets --source ~/photos --dry-run      how many and how large?
      sshbench generate-triplets --source food101 --split train --draws 4 -o s3://bucket/food
      sshbench generate-triplets --source ~/photos --shard $SLURM_ARRAY_TASK_ID/$SLURM_ARRAY_TASK_COUNT

    Run the same command again after anything went wrong: it checks what is there and makes what is missing. The
    output depends on the photographs, the LUTs and the options above --workers alone; who makes it, in how many
    pieces and with what interruptions changes no byte.
    """
    from sshbench.triplets.worker_start import prepare_workers

    o = options
    if o["workers"] > 1 and o["engine"] == "local" and not o["dry_run"]:
        prepare_workers()
    from sshbench.triplets.codecs import Codec
    from sshbench.triplets.engine import generate, plan
    from sshbench.triplets.luts import bank_of
    from sshbench.triplets.sources import open_source

    # No warning about every attempt to reach the hub: what came of them is said in one sentence.
    os.environ.setdefault("HF_HUB_VERBOSITY", "error")
    part = _part(o["shard"])
    codec = Codec.choose(o["image_format"], o["quality"])
    has_parts = o["appearance"] in ("lut", "grades")
    if o["luts"] and o["appearance"] != "lut":
        raise SshbenchError("--luts is for --appearance lut; leave --luts out")
    if o["lut_part"] and not has_parts:
        raise SshbenchError("--lut-part is for --appearance lut and grades; leave --lut-part out")
    if o["masked"] and not o["masks"]:
        raise SshbenchError("--masked is for --masks, which says where the masks are")
    lut_part: Any = (o["lut_part"] or o["part"]) if has_parts else "all"
    bank = bank_of(o["appearance"], o["luts"], lut_part)
    named = {field.name for field in fields(Settings)} - {"weights", "transfers"}
    settings = Settings(
        weights=_weights(o["weights"], bank),
        transfers=o["transfers"] or TRANSFERS,
        **{name: o[name] for name in named},
    )
    asked = {
        name: o[name] for name in ("config", "split", "column", "revision", "masks", "part", "masked", "limit")
    } | {"streaming": o["streaming"], **limits(o["max_pixels"])}
    source = open_source(o["source"], **asked)
    run = plan(
        settings,
        source,
        bank,
        store=o["store"],
        codec=codec,
        views=int(o["views"]),
        rows_per_shard=o["rows_per_shard"],
        asked={"spec": o["source"], **asked},
        luts_from=o["luts"],
        lut_part=lut_part,
        license=o["license"],
    )
    if o["dry_run"]:
        _say_estimate(run, source, bank, o)
        return
    go_on("what is finished is kept, and the same command goes on with the rest")
    summary = generate(
        run,
        source,
        bank,
        o["output"],
        engine=o["engine"],
        workers=o["workers"],
        address=o["address"],
        shard=part,
        verify=o["verify"],
        retry_skipped=o["retry_skipped"],
        progress=not o["quiet"],
    )
    _say_skipped(summary)
    _say_result(summary, part)
    if summary.lost_share > o["max_failures"]:
        click.echo(
            f"sshbench: {summary.lost_share:.1%} could not be made and --max-failures allows {o['max_failures']:.1%}; "
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


def _weights(asked: tuple[str, ...], bank: Any) -> tuple[float, ...] | None:
    if not asked:
        return None
    if bank is None:
        raise SshbenchError("--weight is for --appearance lut, grades and ladders; leave --weight out")
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
            bank.position(pattern)  # says which names are close
        weights.update(dict.fromkeys(fitting, weight))
    return tuple(weights.values())


def _say_estimate(run: Any, source: Any, bank: Any, o: dict[str, Any]) -> None:
    from sshbench.triplets.estimate import estimate
    from sshbench.triplets.manifest import find

    found = find(o["output"], run)
    guess = estimate(run, source, bank)
    size = (
        f"about {_size(guess.row_bytes)} each" if guess.rows is None else f"about {_size(guess.row_bytes * guess.rows)}"
    )
    total = "an unknown number of" if guess.rows is None else f"{guess.rows:,}"
    of = "a stream" if guess.photos is None else counted(guess.photos, "photograph")
    shards = "" if guess.shards is None else f" in {_count(guess.shards, 'shard')}"
    click.echo(f"Would make {total} {run.settings.kind} from {of}{shards} at {o['output']}, {size}.")
    if guess.photos is not None:
        minutes = guess.photos * guess.photo_seconds / o["workers"] / 60
        time = f"{minutes:.0f} minutes" if minutes >= 2 else f"{max(1, minutes * 60):.0f} seconds"
        click.echo(
            f"It would take about {time} with {_count(o['workers'], 'worker')} like this machine's "
            f"(tried on {counted(guess.samples, 'photograph')})."
        )
    if found is not None and found.shards:
        there = f"{_count(len(found.shards), 'shard')} with {found.rows:,} {run.settings.kind}"
        click.echo(f"Of these there are {there}, to be checked and kept.")
    click.echo("Nothing was written; run it without --dry-run.")


def _say_skipped(summary: Any) -> None:
    skipped = summary.skipped
    if not skipped:
        return
    click.echo(f"{len(skipped):,} could not be used:", err=True)
    for one in skipped[:5]:
        click.echo(f"  {one.row}: {one.reason}", err=True)
    if len(skipped) > 5:
        click.echo(f"  and {len(skipped) - 5:,} more, in manifest.json", err=True)


def _say_result(summary: Any, part: tuple[int, int] | None) -> None:
    from sshbench.triplets.codecs import codec_versions

    manifest, where = summary.manifest, summary.output
    kind = manifest.run.settings.kind
    if summary.photos and summary.seconds:
        rate = summary.photos / summary.seconds
        click.echo(f"{counted(summary.photos, 'photograph')} in {summary.seconds:,.1f} s, {rate:,.0f} a second.")
    if summary.kept and summary.made and manifest.run.versions != codec_versions():
        click.echo("sshbench: an earlier run used other versions of libraries, so bytes may differ from it", err=True)
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


def _other_parts(manifest: Any, part: tuple[int, int] | None) -> str:
    i, n = part or (0, 1)
    if (count := manifest.run.shards) is None:
        return f"the other parts of --shard {i}/{n}, if they have not ended"
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
