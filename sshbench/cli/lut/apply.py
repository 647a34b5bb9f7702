"""`sshbench lut apply`."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sshbench.cli.lut.arguments import LutName, fixed_part, images_below, is_pattern, matches
from sshbench.cli.options import OutPlace, Within, limits, max_megapixels
from sshbench.cli.progress import Progress
from sshbench.cli.stopping import go_on
from sshbench.devices import processors
from sshbench.errors import SshbenchError, sentence
from sshbench.outputs import one_file_of_two, would_replace

if TYPE_CHECKING:
    from sshbench.lut.arguments import Interpolation
    from sshbench.lut.table import Lut


@dataclass(frozen=True)
class ImageJob:
    """One image to read and the file to write."""

    source: Path
    target: Path


@click.command()
@click.argument("images", nargs=-1, required=True, type=LutName(), metavar="IMAGE...")  # the last word may be the LUT
@click.argument("lut", type=LutName(), metavar="LUT")
@click.option(
    "-o",
    "--output",
    required=True,
    type=OutPlace(),
    metavar="OUT",
    help="The output: a file for one image, or a folder.",
)
@click.option(
    "--strength",
    type=Within(0, 1),
    default=1.0,
    show_default=True,
    help="How far the LUT is applied: 0 keeps the input, 1 applies the whole LUT.",
)
@click.option(
    "--interpolation", type=click.Choice(["trilinear", "tetrahedral"]), default="trilinear", show_default=True,
    help="The interpolation between the points of a 3D table.",
)  # fmt: skip
@click.option(
    "--quality",
    type=click.IntRange(1, 100),
    help="The quality of JPEG and WebP. By default 95, or the quality of the source JPEG if it is higher; lossless "
    "WebP stays lossless.",
)
@max_megapixels
@click.option("--overwrite", "existing", flag_value="overwrite", help="Replace files that exist.")
@click.option(
    "--skip-existing",
    "existing",
    flag_value="skip",
    help="Keep the files that exist and make the missing ones, to continue after an interruption.",
)
@click.option(
    "--jobs",
    type=click.IntRange(1),
    default=min(4, processors()),
    show_default="number of processors, at most 4",
    help="The number of images to process at a time.",
)
@click.option("--quiet", "-q", is_flag=True, help="Print only errors and warnings.")
@click.pass_context
def apply(
    ctx: click.Context,
    images: tuple[str, ...],
    lut: str,
    output: str,
    strength: float,
    interpolation: Interpolation,
    quality: int | None,
    max_pixels: int | None,
    existing: str | None,
    jobs: int,
    quiet: bool,
) -> None:
    """Apply a LUT to images.

    IMAGE is a PNG, TIFF, JPEG or WebP file, a folder (including the folders below it), or a pattern in quotes. LUT is a
    .cube file, a Hald image or the name of a look. OUT is a file if it has the suffix of an image and there is one
    image; otherwise OUT is a folder that repeats the paths below a given folder.

    Images keep 8 or 16 bits, the ICC profile, EXIF, XMP, resolution and transparency. Grey images become RGB. An
    embedded thumbnail, which would show the old colours, is dropped. The LUT acts on the stored values; most
    LUTs are made for sRGB. An output appears whole or not at all, and no input is ever overwritten. If an image
    fails, the command names it, processes the others, and ends with exit code 2.

    \b
    sshbench lut apply holiday.jpg golden-hour -o warm.jpg
    sshbench lut apply scan.tif film.cube -o scan_film.tif --strength 0.6
    sshbench lut apply photos/ film.cube -o graded/ --skip-existing
    sshbench lut apply 'raw/**/*.png' hald.png -o graded/ --interpolation tetrahedral
    """
    from sshbench.lut.files import find_lut, read_lut

    lut_path = find_lut(lut)
    plan = plan_jobs(images, output)
    _check(plan, [lut_path])
    done = [job for job in plan if would_replace(job.target)]
    if done and existing is None:
        others = f" and {len(done) - 1} more" if len(done) > 1 else ""
        raise SshbenchError(
            f"{done[0].target}{others} already exist{'' if others else 's'}; add --overwrite or --skip-existing"
        )
    todo = plan if existing != "skip" else [job for job in plan if job not in set(done)]

    if len(plan) > 1:
        go_on("finished images are kept; the same command with --skip-existing continues")
    failures = _run(todo, read_lut(lut_path), strength, interpolation, quality, max_pixels, jobs, quiet)
    for job in todo:
        if job in failures:
            if ctx.find_root().params.get("debug"):
                raise failures[job]
            click.echo(f"sshbench: {sentence(failures[job])}", err=True)
    if not quiet:
        click.echo(_summary(len(todo) - len(failures), len(plan) - len(todo), len(failures), output))
    if failures:
        ctx.exit(2)


def plan_jobs(images: Sequence[str], output: str) -> list[ImageJob]:
    """Pair each image with its output file.

    Raises
    ------
    SshbenchError
        A folder or a pattern has no images, `output` is a file name but there are several images, or two images would
        become one file.
    """
    from sshbench.images.files import SUFFIXES, format_of

    sources: dict[Path, Path] = {}  # image -> its path below the output folder
    for text in images:
        path = Path(text)
        if path.is_dir():
            found = {image: image.relative_to(path) for image in images_below(path, [*SUFFIXES], without=Path(output))}
        elif is_pattern(text):
            hits = [p for p in matches(text) if p.is_file() and p.suffix.lower() in SUFFIXES]
            found = {image: image.relative_to(fixed_part(text)) for image in hits}
        else:
            found = {path: Path(path.name)}
        if not found:
            raise SshbenchError(f"{text}: contains no PNG, TIFF, JPEG or WebP image")
        for image, relative in found.items():
            sources.setdefault(image, relative)

    single = len(images) == 1 and len(sources) == 1 and not Path(images[0]).is_dir()
    named = Path(output).suffix and not os.path.isdir(output) and not output.endswith((os.sep, "/"))
    if named and (single or Path(output).suffix.lower() in SUFFIXES):
        if len(sources) > 1:
            raise SshbenchError(f"{output} is one file, but there are {len(sources)} images; give a folder as -o")
        format_of(output)
        return [ImageJob(source, Path(output)) for source in sources]
    return [ImageJob(source, Path(output) / relative) for source, relative in sources.items()]


def _check(plan: Sequence[ImageJob], others: Sequence[Path]) -> None:
    inputs = {os.path.realpath(path): path for path in [*(job.source for job in plan), *others]}
    taken: dict[str, ImageJob] = {}
    for job in plan:
        target = os.path.realpath(job.target)
        if target in inputs:
            raise SshbenchError(f"{job.target} would overwrite the input {inputs[target]}; choose another -o")
        if target in taken:
            both = f"{taken[target].source} and {job.source}"
            raise SshbenchError(f"{both} would both be written to {job.target}; give the folder that contains both")
        taken[target] = job
    if pair := one_file_of_two(os.path.commonpath(taken) if taken else ".", taken):
        raise SshbenchError(
            f"{pair[0]} and {pair[1]} would be one file, as their disk does not distinguish capital letters; rename one"
        )


def _run(
    todo: Sequence[ImageJob],
    table: Lut,
    strength: float,
    interpolation: Interpolation,
    quality: int | None,
    max_pixels: int | None,
    jobs: int,
    quiet: bool,
) -> dict[ImageJob, Exception]:
    failures: dict[ImageJob, Exception] = {}
    with ThreadPoolExecutor(max_workers=jobs) as pool:
        futures = {pool.submit(_apply, job, table, strength, interpolation, quality, max_pixels): job for job in todo}
        with Progress("image", len(todo), quiet=quiet) as progress:
            try:
                for future in as_completed(futures):
                    progress.step()
                    error = future.exception()
                    if isinstance(error, SshbenchError | OSError):
                        failures[futures[future]] = error
                    elif isinstance(error, MemoryError):
                        failures[futures[future]] = SshbenchError(f"{futures[future].source}: not enough memory")
                    elif error is not None:
                        raise error
                    elif (note := future.result()) and not quiet:
                        progress.say(note, err=True)
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise
    return failures


def _apply(
    job: ImageJob,
    table: Lut,
    strength: float,
    interpolation: Interpolation,
    quality: int | None,
    max_pixels: int | None,
) -> str:
    """Convert one image; return a note for the user, or an empty string."""
    from sshbench.images.exif import without_thumbnail
    from sshbench.images.files import BITS, format_of, write_image
    from sshbench.images.reading import read_image
    from sshbench.lut.apply import apply_lut

    image = read_image(job.source, **limits(max_pixels))
    kind = format_of(job.target)
    pixels = apply_lut(image.pixels, table, strength=strength, interpolation=interpolation, layout="HWC")
    exif = without_thumbnail(image.exif) if image.exif else None
    job.target.parent.mkdir(parents=True, exist_ok=True)
    write_image(job.target, replace(image, pixels=pixels, exif=exif), quality=quality)
    return "" if image.bits in BITS[kind] else f"{job.target}: rounded from 16 to the 8 bits per channel of {kind}"


def _summary(made: int, skipped: int, failed: int, output: str) -> str:
    notes = [f"{count} {what}" for count, what in ((skipped, "already there"), (failed, "failed")) if count]
    return f"{made} image{'' if made == 1 else 's'} written to {output}" + (f" ({', '.join(notes)})" if notes else "")
