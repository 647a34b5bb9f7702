"""Making one picture of `sshbench harmonize` with its further output files."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sshbench.cli.composites.jobs import Job, Look
from sshbench.cli.options import limits
from sshbench.whole_file import whole_file

if TYPE_CHECKING:
    from sshbench.compositing.scene import Scene
    from sshbench.compositing.summary import Pair
    from sshbench.methods.base import Method


class Methods:
    """The methods of a command, each opened once; the first use prints the choice and the licence."""

    def __init__(self, device: str | None, *, quiet: bool) -> None:
        self._device, self._quiet = device, quiet
        self._opened: dict[tuple[str | None, str | None], Method] = {}

    def of(self, look: Look) -> Method:
        """Return the method of a picture.

        Raises
        ------
        SshbenchError
            There is no method of this name, or its weights are missing.
        """
        from sshbench.compositing.harmonize import open_method
        from sshbench.methods.cards import terms_of

        key = look.method, look.weights
        if key not in self._opened:
            self._opened[key] = method = open_method(look.method, weights=look.weights, device=self._device)
            if look.method is None and not self._quiet:
                click.echo(_why(method.name))
            terms = terms_of(method.name, method.trained_by)
            if terms:
                click.echo(f"{terms}.", err=True)
        return self._opened[key]


def _why(chosen: str) -> str:
    from sshbench.compositing.harmonize import PREFERRED

    before = PREFERRED[: PREFERRED.index(chosen)] if chosen in PREFERRED else ()
    missing = f", because the weights of {' and '.join(before)} are not installed" if before else ""
    return f"Method: {chosen}{missing}."


@dataclass(frozen=True)
class Made:
    """A finished picture: the line that describes it and, if requested, its small copies."""

    said: str
    pair: Pair | None = None


def make(job: Job, kept: Container[Path], method: Method, max_pixels: int | None, side: int | None = None) -> Made:
    """Make the missing files of one picture, and write the picture itself last.

    Parameters
    ----------
    kept
        Existing files that stay unchanged.
    side
        Longest side in pixels of the small copies, before and after, to return; None for none.

    Raises
    ------
    SshbenchError, OSError
        The picture cannot be made or written.
    """
    from sshbench.compositing.harmonize import harmonize_scene, plain_composite
    from sshbench.compositing.preview import side_by_side
    from sshbench.compositing.summary import Pair, thumbnail
    from sshbench.images.files import BITS, format_of

    look, beside = job.look, job.beside
    scene = _opened(job, max_pixels)
    missing = [path for path in job.files if path not in kept]
    before = {"before": plain_composite(scene)} if side or beside.get("preview") in missing else {}
    result = harmonize_scene(
        scene, method, map=look.kind, reference=look.reference, amount=look.amount, finish=look.finish, in_place=True,
        keep=beside.get("psd") in missing,
    )  # fmt: skip
    for path in missing:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path == beside.get("export_lut"):
            result.export_lut(path, space=look.lut_space)
        elif path == beside.get("layer"):
            result.save_layer(path)
        elif path == beside.get("psd"):
            result.save_psd(path)
        elif path == beside.get("preview"):
            with whole_file(path) as temporary:
                side_by_side({**before, "after": result.pixels}, space=scene.space).save(temporary, "PNG")
        else:
            result.save(path, quality=look.quality)
    box, image = result.reference, result.photo.image
    if result.colour_map is None:
        how = "the method's output, enlarged"
    else:
        how = "its own map" if result.has_own_map else f"{result.colour_map.kind} map"
    format = format_of(job.output)
    rounded = "" if image.bits in BITS[format] else f", rounded to the 8 bits per channel of {format}"
    around = f"{box.width} x {box.height} pixels at {box.left},{box.top}"
    also = f"; also {', '.join(str(path) for path in missing[:-1])}" if missing[1:] else ""
    pair = None
    if side:
        (old, _), (new, size) = (thumbnail(one, side, image.icc) for one in (before["before"], result.pixels))
        pair = Pair(old, new, size, _middle(scene))
    matched = f"; {result.matched}" if str(result.matched) else ""
    return Made(f"{missing[-1]}: {result.method}, {how}, reference of {around}{rounded}{matched}{also}", pair)


def small_copies(job: Job, max_pixels: int | None, side: int) -> Pair:
    """Return small copies, before and after, of an existing picture.

    Raises
    ------
    SshbenchError, OSError
        A file is missing or cannot be read.
    """
    from sshbench.compositing.harmonize import plain_composite
    from sshbench.compositing.summary import Pair, thumbnail
    from sshbench.images.reading import read_image

    scene, after = _opened(job, max_pixels), read_image(job.output, **limits(max_pixels))
    old, _ = thumbnail(plain_composite(scene), side, scene.background.image.icc)
    new, size = thumbnail(after.upright().pixels, side, after.icc)
    return Pair(old, new, size, _middle(scene))


def _middle(scene: Scene) -> float:
    """Return the horizontal centre of the foreground, in per cent of the background's width."""
    return 50 * (scene.landing.left + scene.landing.right) / scene.canvas.width


def _opened(job: Job, max_pixels: int | None) -> Scene:
    from sshbench.compositing.scene import open_scene

    place, edges = job.look.place, job.look.finish.edges
    return open_scene(job.foreground, job.background, job.mask, place=place, edges=edges, **limits(max_pixels))
