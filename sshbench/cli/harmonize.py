"""`sshbench harmonize`."""

from __future__ import annotations

import os
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sshbench.cli.fields import options_of, settings_from
from sshbench.cli.finite import Within
from sshbench.cli.image_limit import limits, max_megapixels
from sshbench.cli.lut.arguments import images_below
from sshbench.cli.names import METHOD
from sshbench.cli.progress import Progress
from sshbench.cli.stopping import go_on
from sshbench.compositing.finishing import Finish
from sshbench.compositing.place import Place
from sshbench.errors import SshbenchError, sentence
from sshbench.whole_file import whole_file, would_replace

if TYPE_CHECKING:
    from sshbench.colour.strength import Amount
    from sshbench.compositing.harmonize import MapChoice
    from sshbench.methods.base import Method


@dataclass(frozen=True)
class Job:
    """One picture to make, from these files to those."""

    foreground: Path
    background: Path | None
    mask: Path | None
    output: Path
    lut: Path | None
    preview: Path | None

    @property
    def files(self) -> list[Path]:
        """What is to be written."""
        return [path for path in (self.lut, self.preview, self.output) if path is not None]


@click.command()
@click.option("--foreground", metavar="F", help="Photograph of what is to be pasted: a file, or a folder of them.")
@click.option("--background", metavar="B", help="Where it goes: a file, or a folder with files of the same names.")
@click.option("--composite", metavar="C", help="Instead of both: a picture that it was pasted into already.")
@click.option("--mask", metavar="M", help="White where the foreground is. Without it the foreground's transparency.")
@click.option("-o", "--output", required=True, metavar="OUT", help="PNG, TIFF, JPEG or WebP; a folder for folders.")
@options_of(Place)
@click.option(
    "--method", type=METHOD, metavar="NAME", help="See below; by default the first of ours whose weights are here."
)
@click.option("--weights", metavar="FILE", help="Of the method, as for evaluate.")
@click.option(
    "--map", "kind", type=click.Choice(["lut", "polynomial", "none"]), default="lut", show_default=True,
    help="Colour map from the network's size to the photograph's; none pastes the network's own picture, enlarged.",
)  # fmt: skip
@click.option(
    "--reference", metavar="auto|full|x,y,w,h", default="auto", show_default=True,
    help="Part of the background whose light and colours count; auto is what surrounds the foreground.",
)  # fmt: skip
@click.option(
    "--strength", type=Within(0, 2), default=1.0, show_default=True,
    help="0 only pastes; beyond 1 the map is applied again.",
)  # fmt: skip
@click.option(
    "--lightness", type=Within(0, 2), default=1.0, show_default=True,
    help="The strength of the change of luminance; times --strength.",
)  # fmt: skip
@click.option(
    "--colour", type=Within(0, 2), default=1.0, show_default=True,
    help="The strength of the change of chromaticity; times --strength.",
)  # fmt: skip
@options_of(Finish)
@click.option("--export-lut", metavar="CUBE", help="Write the colour map as a .cube file; a folder for folders.")
@click.option("--preview", metavar="PNG", help="Write before and after side by side; a folder for folders.")
@click.option("--quality", type=click.IntRange(1, 100), help="Of JPEG and WebP; by default as sshbench lut apply.")
@click.option("--device", metavar="DEVICE", help="Such as cpu or cuda:0, for methods that run on one.")
@max_megapixels
@click.option("--overwrite", "existing", flag_value="overwrite", help="Replace files that exist.")
@click.option(
    "--skip-existing", "existing", flag_value="skip",
    help="Leave files that exist and make those that are missing: goes on after a break.",
)  # fmt: skip
@click.option("--quiet", "-q", is_flag=True, help="Nothing but errors and warnings.")
@click.pass_context
def harmonize(
    ctx: click.Context,
    /,
    foreground: str | None,
    background: str | None,
    composite: str | None,
    mask: str | None,
    output: str,
    method: str | None,
    weights: str | None,
    kind: MapChoice,
    reference: str,
    strength: float,
    lightness: float,
    colour: float,
    export_lut: str | None,
    preview: str | None,
    quality: int | None,
    device: str | None,
    max_pixels: int | None,
    existing: str | None,
    quiet: bool,
    **values: Any,
) -> None:
    """Paste a foreground onto a background in the background's light and colours.

    A method looks at small copies; a map from the foreground's old colours to its new ones is fitted to what it makes,
    and the foreground goes through it at full size, 8 or 16 bits. The result has the background's size, bits, ICC
    profile and metadata. METHOD is any that `sshbench evaluate` knows, but for the ceilings.

    \b
    sshbench harmonize --foreground dog.png --background beach.jpg --at 800,1200 --scale 0.5 -o out.jpg
    sshbench harmonize --foreground me.png --background alps.jpg --fit height=60% --anchor bottom --at 30%,95% -o o.jpg
    sshbench harmonize --foreground cup.jpg --mask cup_mask.png --background desk.jpg -o out.png --preview both.png
    sshbench harmonize --composite pasted.jpg --mask mask.png -o out.jpg --export-lut look.cube
    sshbench harmonize --composite pasted.jpg --mask mask.png -o out.jpg --lightness 1.5 --colour 0.5
    sshbench harmonize --foreground cut/ --background rooms/ -o out/ --method reinhard --skip-existing
    """
    from sshbench.colour.strength import Amount
    from sshbench.compositing.harmonize import open_method
    from sshbench.compositing.painting import check_amount
    from sshbench.methods.cards import terms_of

    place, finish = settings_from(Place, values), settings_from(Finish, values)
    jobs = plan(foreground, background, composite, mask, output, export_lut, preview)
    amount = Amount.of(strength, lightness, colour)
    check_amount(kind, amount)
    if export_lut and kind == "none":
        raise SshbenchError("--map none pastes a picture, so there is no LUT to export; choose lut or polynomial")
    there = {path for job in jobs for path in job.files if would_replace(path)}
    if there and existing is None:
        others = f" and {len(there) - 1} more" if len(there) > 1 else ""
        raise SshbenchError(f"{min(there)}{others} already there; add --overwrite or --skip-existing")
    kept = there if existing == "skip" else set()
    todo = [job for job in jobs if not kept.issuperset(job.files)]

    chosen = open_method(method, weights=weights, device=device)
    if method is None and not quiet:
        click.echo(_why(chosen.name))
    terms = terms_of(chosen.name, chosen.trained_by)
    if terms:
        click.echo(f"{terms}.", err=True)
    failed = 0
    if len(jobs) > 1:
        go_on("pictures that are finished are kept; the same command with --skip-existing goes on")
    with Progress("picture", len(todo), quiet=quiet) as progress:
        for job in todo:
            try:
                line = _make(job, kept, chosen, place, kind, reference, amount, finish, quality, max_pixels)
            except (SshbenchError, OSError) as error:
                if len(jobs) == 1 or ctx.find_root().params.get("debug"):
                    raise
                failed += 1
                progress.say(f"sshbench: {sentence(error)}", err=True)
            else:
                if not quiet:
                    progress.say(line)
            progress.step()
    if len(jobs) > 1 and not quiet:
        notes = [f"{n} {what}" for n, what in ((len(jobs) - len(todo), "already there"), (failed, "failed")) if n]
        made = len(todo) - failed
        click.echo(
            f"{made} picture{'' if made == 1 else 's'} in {output}" + (f" ({', '.join(notes)})" if notes else "")
        )
    if failed:
        ctx.exit(2)


def _why(chosen: str) -> str:
    from sshbench.compositing.harmonize import PREFERRED

    before = PREFERRED[: PREFERRED.index(chosen)] if chosen in PREFERRED else ()
    missing = f", as there are no weights of {' and '.join(before)} here" if before else ""
    return f"Method: {chosen}{missing}."


def _make(
    job: Job,
    kept: Container[Path],
    method: Method,
    place: Place,
    kind: MapChoice,
    reference: str,
    amount: Amount,
    finish: Finish,
    quality: int | None,
    max_pixels: int | None,
) -> str:
    """Make what is missing of one picture, itself last; return a line on it."""
    from sshbench.compositing.harmonize import harmonize_scene, plain_composite
    from sshbench.compositing.preview import side_by_side
    from sshbench.compositing.scene import open_scene
    from sshbench.images.files import BITS, format_of

    scene = open_scene(job.foreground, job.background, job.mask, place=place, edges=finish.edges, **limits(max_pixels))
    missing = [path for path in job.files if path not in kept]
    before = {"before": plain_composite(scene)} if job.preview in missing else {}
    result = harmonize_scene(scene, method, map=kind, reference=reference, amount=amount, finish=finish, in_place=True)
    for path in missing:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path == job.lut:
            result.export_lut(path)
        elif path == job.preview:
            with whole_file(path) as temporary:
                side_by_side({**before, "after": result.pixels}).save(temporary, "PNG")
        else:
            result.save(path, quality=quality)
    box, image = result.reference, result.photo.image
    how = "its own picture, enlarged" if result.colour_map is None else f"{result.colour_map.kind} map"
    format = format_of(job.output)
    rounded = "" if image.bits in BITS[format] else f", rounded to 8 bits a channel, which {format} holds"
    around = f"{box.left},{box.top},{box.width},{box.height}"
    return f"{missing[-1]}: {result.method}, {how}, reference {around}{rounded}"


def plan(
    foreground: str | None,
    background: str | None,
    composite: str | None,
    mask: str | None,
    output: str,
    lut: str | None = None,
    preview: str | None = None,
) -> list[Job]:
    """Which files become which.

    Raises
    ------
    SshbenchError
        The options do not go together, a folder has no image, or a file has no partner of its name.
    """
    from sshbench.images.files import format_of

    if composite is not None and (foreground is not None or background is not None):
        raise SshbenchError("give --composite, or --foreground and --background, not both")
    if composite is None and (foreground is None or background is None):
        lacking = "--foreground" if foreground is None else "--background"
        raise SshbenchError(f"{lacking} is missing; give --foreground and --background, or --composite with --mask")
    if composite is not None and mask is None:
        raise SshbenchError("--composite needs --mask, white where the foreground is")
    first = composite if composite is not None else foreground
    assert first is not None
    given = {"--background": background, "--mask": mask}
    if not Path(first).is_dir():
        for option, text in given.items():
            if text is not None and Path(text).is_dir():
                raise SshbenchError(
                    f"{option} {text} is a folder and {first} one file; give a file, or folders for both"
                )
        format_of(output)
        if preview is not None and format_of(preview) != "PNG":
            raise SshbenchError(f"--preview {preview} is a PNG; name it .png")
        if lut is not None and Path(lut).suffix.lower() != ".cube":
            raise SshbenchError(f"--export-lut {lut} is a .cube file; name it so")
        ways = [None if text is None else Path(text) for text in (background, mask)]
        jobs = [
            Job(Path(first), ways[0], ways[1], Path(output), *(None if t is None else Path(t) for t in (lut, preview)))
        ]
    else:
        jobs = _pairs(Path(first), given, output, lut, preview)
    _check_inputs_survive(jobs)
    return jobs


def _pairs(
    first: Path, given: Mapping[str, str | None], output: str, lut: str | None, preview: str | None
) -> list[Job]:
    """The jobs of a folder: what has the same name below each folder, but for the suffix, belongs together."""
    sources = _by_name(first, output)
    partners: dict[str, Mapping[str, Path] | Path | None] = {}
    for option, text in given.items():
        if text is None or not Path(text).is_dir():
            partners[option] = None if text is None else Path(text)
            continue
        partners[option] = found = _by_name(Path(text), output)
        missing = sorted(set(sources) - set(found))
        if missing:
            more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
            raise SshbenchError(f"{text} has no image named {missing[0]}{more}, which {first} has")
    jobs = []
    for name, source in sources.items():
        background, mask = (p.get(name) if isinstance(p, Mapping) else p for p in partners.values())
        suffix = (background or source).suffix
        jobs.append(
            Job(
                source, background, mask, Path(output) / f"{name}{suffix}",
                None if lut is None else Path(lut) / f"{name}.cube",
                None if preview is None else Path(preview) / f"{name}.png",
            )
        )  # fmt: skip
    return jobs


def _by_name(folder: Path, output: str) -> dict[str, Path]:
    from sshbench.file_names import same_name
    from sshbench.images.files import SUFFIXES

    found: dict[str, Path] = {}
    for path in images_below(folder, [*SUFFIXES], without=Path(output)):
        name = same_name(path.relative_to(folder).with_suffix("").as_posix())
        if name in found:
            raise SshbenchError(f"{found[name]} and {path} have one name; keep one of them in the folder")
        found[name] = path
    if not found:
        raise SshbenchError(f"{folder}: no PNG, TIFF, JPEG or WebP image there")
    return found


def _check_inputs_survive(jobs: Sequence[Job]) -> None:
    inputs = {
        os.path.realpath(path): path for job in jobs for path in (job.foreground, job.background, job.mask) if path
    }
    targets: set[str] = set()
    for job in jobs:
        for target in job.files:
            place = os.path.realpath(target)
            if place in inputs:
                raise SshbenchError(f"{target} would overwrite the input {inputs[place]}")
            if place in targets:
                raise SshbenchError(f"{target} would be written twice; give --output and --preview different places")
            targets.add(place)
