"""`sshbench weights`: list the weights of networks, and import, check and export files of weights."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sshbench.cli.names import NETWORK
from sshbench.cli.options import OutPlace
from sshbench.cli.stopping import go_on
from sshbench.cli.tables import plain_rows
from sshbench.errors import SshbenchError, counted, printable

if TYPE_CHECKING:
    from sshbench.methods.cards import Card


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def weights() -> None:
    """List, fetch, check, import and export weights of networks.

    \b
    sshbench weights list
    sshbench weights get pct-net
    sshbench weights import ~/Downloads/checkpoint --method ssh
    sshbench weights check runs/ssh/best
    sshbench weights export ssh -o ssh.onnx
    """


_FILE = click.argument("file", type=click.Path(path_type=Path))
_METHOD = click.option(
    "--method",
    "-m",
    type=NETWORK,
    metavar="NAME",
    help="The method of the weights.  [default: recognised from the file]",
)
_WEIGHTS = click.option(
    "--weights",
    "given",
    metavar="FILE",
    help="The weights, as for evaluate.  [default: the imported weights, or those that ship]",
)


@weights.command(name="list")
@click.argument("places", nargs=-1, type=NETWORK, metavar="[METHOD|FOLDER]...")
def list_(places: tuple[str, ...]) -> None:
    """List the methods that have weights.

    The table says whether the weights are available, their licence, and what to do next.

    For each given METHOD, the command prints every release with its address, its licence and its commands. If a FOLDER
    contains the authors' files, under the names that the authors gave them, the command names the files.

    \b
      sshbench weights list
      sshbench weights list pct-net
      sshbench weights list ~/Downloads
    """
    from sshbench.errors import suggestion

    known = sorted(NETWORK.known())
    methods = [place for place in places if place in known]
    folders = tuple(Path(place).expanduser() for place in places if place not in known)
    for folder in folders:
        if not folder.is_dir():
            raise SshbenchError(
                f"{folder} is neither a folder nor a method with weights{suggestion(str(folder), known)}"
            )
    if methods:
        for method in methods:
            _say_all(method, folders)
        return
    click.echo(plain_rows(("method", "weights here", "licence of the authors'", "what to do"),
                          [_row(method, folders) for method in known]))  # fmt: skip
    click.echo("\nDetails of one method: sshbench weights list METHOD")


def _row(method: str, folders: tuple[Path, ...]) -> tuple[str, str, str, str]:
    from sshbench.methods.cards import CardError, read_card
    from sshbench.methods.tensor_files import is_tensor_file
    from sshbench.methods.weights_folders import cache_folder, shipped_folder

    imported, shipped = is_tensor_file(cache_folder(method)), is_tensor_file(shipped_folder(method))
    here = "imported" if imported else "shipped with sshbench" if shipped else "none"
    try:
        releases = read_card(method).checkpoint
    except CardError:
        return method, here, "there are no authors' weights", "nothing" if shipped else f"sshbench train {method}"
    found = next((path for one in releases for f in folders for path in f.rglob(one.files[0])), None)
    if imported:
        todo = "nothing"
    elif found:
        todo = f"sshbench weights import {_quoted(found)} --method {method}"
    elif releases[0].has_addresses:
        todo = f"sshbench weights get {method}"
    elif releases[0].released:
        todo = f"by hand: sshbench weights list {method}"
    else:
        todo = f"sshbench train {method}"
    return method, here, printable(releases[0].licence.partition(";")[0]), todo


def _say_all(method: str, folders: tuple[Path, ...]) -> None:
    from sshbench.methods.cards import CardError, read_card
    from sshbench.methods.tensor_files import is_tensor_file
    from sshbench.methods.weights import read_weights
    from sshbench.methods.weights_folders import cache_folder, shipped_folder

    try:
        card: Card | None = read_card(method)
    except CardError:
        card = None
    about = "of sshbench itself" if card is None else f"{card.title} ({card.paper.venue} {card.paper.year})"
    click.echo(f"{click.style(method, bold=True)}: {about}")
    cached, shipped = cache_folder(method), shipped_folder(method)
    if is_tensor_file(cached):
        found = read_weights(cached, str(cached))
        file, whose = printable(found.card.file), found.card.trained_by
        click.echo(f"  imported: {file}, hash {found.hash}; weights of {whose}")
    elif card is not None:
        _say_where(card, folders)
    if is_tensor_file(shipped):
        found = read_weights(shipped, str(shipped))
        click.echo(f"  sshbench: {counted(found.card.samples_seen, 'image')} seen in training, hash {found.hash}")
    else:
        click.echo(f"  sshbench: none ship; sshbench train {method}")


def _say_where(card: Card, folders: tuple[Path, ...]) -> None:
    """Print the authors' releases of a method that was not imported: the files in a folder, or where to get them."""
    for release in card.checkpoint:
        path = next((path for folder in folders for path in folder.rglob(release.files[0])), None)
        files = " and ".join(release.files)
        if path is None and not release.released:
            click.echo(f"  authors, {release.name}: {release.where}")
            continue
        if path is None:
            click.echo(f"  authors, {release.name}: not here; {files} from {release.where}")
            if release.has_addresses:
                click.echo(f"    fetch: sshbench weights get {card.method} --release {_quoted(Path(release.name))}")
        else:
            click.echo(f"  authors, {release.name}: found as {printable(str(path))}")
        click.echo(f"    licence: {release.licence}")
        command = f"sshbench weights import {_quoted(path or Path(release.files[0]))} --method {card.method}"
        click.echo(f"    then: {command}")


def _quoted(path: Path) -> str:
    import shlex

    return shlex.quote(str(path))


@weights.command()
@_FILE
@_METHOD
def check(file: Path, method: str | None) -> None:
    """Test a file of weights.

    The command loads FILE into its network, compares all names and shapes, and runs it on a known composite.
    """
    from sshbench.methods.check import check_weights

    for what, text in check_weights(file, method).findings.items():
        click.echo(f"{what + ':':9} {printable(text)}")


@weights.command(name="import")
@_FILE
@_METHOD
@click.option(
    "--trained-by",
    type=click.Choice(["authors", "user"]),
    default="authors",
    show_default=True,
    help="Who trained the weights; tables state it.",
)
def import_(file: Path, method: str | None, trained_by: str) -> None:
    """Check and keep a file of authors' weights.

    FILE comes from the authors of a method. It is kept as safetensors, and the method uses it from then on. A pickle is
    read as data; a pickle that needs to run code is refused.
    """
    from sshbench.methods.run_folder import weights_in
    from sshbench.methods.tensor_files import is_tensor_file

    if file.exists() and is_tensor_file(weights_in(file)):
        raise SshbenchError(f"{file} was written by sshbench; use it in its place, with --weights {_quoted(file)}")
    _keep(file, method, trained_by)


def _keep(file: Path, method: str | None, trained_by: str) -> None:
    """Check a file of the authors and keep it, so that its method uses it."""
    from sshbench.methods.cards import terms_of
    from sshbench.methods.check import check_weights
    from sshbench.methods.weights import save_weights
    from sshbench.methods.weights_folders import cache_folder

    checked = check_weights(file, method)
    for what, text in checked.findings.items():
        click.echo(f"{what + ':':9} {printable(text)}")
    card = checked.weights.card.model_copy(update={"trained_by": trained_by})
    folder = cache_folder(card.method)
    save_weights(folder, checked.weights.state, card, dtype="float32")
    click.echo(f"Kept in {folder}; --method {card.method} now uses it.")
    terms = terms_of(card.method, trained_by)
    if terms:
        click.echo(f"{terms}.")


@weights.command()
@click.argument("method", type=NETWORK)
@click.option(
    "--release",
    metavar="NAME",
    help="A release of the authors.  [default: the first that `weights list METHOD` prints]",
)
@click.option("--from", "address", metavar="URL", help="Another address of the same file, such as a mirror.")
@click.option("--quiet", "-q", is_flag=True, help="Show no progress.")
def get(method: str, release: str | None, address: str | None, quiet: bool) -> None:
    """Download and import authors' weights.

    The authors' weights of METHOD must have a direct address. Before the file is read, its size and hash are compared
    with those on the card of the method. An interrupted
    download continues when the command is run again.
    """
    from sshbench.methods.releases import get_release, release_of

    card, chosen = release_of(method, release)
    click.echo(f"{card.title}: {' and '.join(chosen.files)}, {chosen.name}. Licence: {chosen.licence}.")
    go_on("the same command continues where it stopped")
    with _bytes_bar(quiet) as show:
        files = get_release(card, chosen, address, show)
    _keep(files[0], method, "authors")
    for file in files:
        file.unlink()


@contextmanager
def _bytes_bar(quiet: bool) -> Iterator[Callable[[int, int | None], None]]:
    """Yield a function that shows the downloaded bytes on a terminal."""
    import sys

    from tqdm import tqdm

    with tqdm(
        unit="B", unit_scale=True, unit_divisor=1024, leave=False, disable=quiet or not sys.stderr.isatty()
    ) as bar:

        def show(here: int, whole: int | None) -> None:
            bar.total = whole
            bar.update(here - bar.n)

        yield show


@weights.command()
@click.argument("method", type=NETWORK)
@_WEIGHTS
@click.option(
    "--out", "-o", type=OutPlace(path_type=Path), required=True, help="A .onnx file, or a folder of safetensors."
)
@click.option(
    "--dtype",
    type=click.Choice(["float16", "bfloat16", "float32"]),
    default="float16",
    show_default=True,
    help="The type of the values in safetensors.",
)
def export(method: str, given: str | None, out: Path, dtype: str) -> None:
    """Write weights as ONNX or safetensors.

    The ONNX file of METHOD takes images of any size.
    """
    from sshbench.methods.weights import load_weights, save_weights

    found = load_weights(method, given)
    if out.suffix == ".onnx":
        from sshbench.methods.onnx import export_onnx

        out.parent.mkdir(parents=True, exist_ok=True)
        worst = export_onnx(found, out)
        click.echo(f"Wrote {out}; onnxruntime gives the same results within {worst:.1e}.", err=True)
    else:
        files = save_weights(out, found.state, found.card, dtype=dtype)  # type: ignore[arg-type]
        click.echo(f"Wrote {len(files)} file{'s' if len(files) > 1 else ''} to {out}.", err=True)


@weights.command()
@click.argument("method", type=NETWORK)
@click.argument("repo", metavar="USER/REPO")
@_WEIGHTS
@click.option("--private", is_flag=True, help="Make the repository private.")
def push(method: str, repo: str, given: str | None, private: bool) -> None:
    """Upload weights to the Hugging Face Hub.

    The weights of METHOD are uploaded to USER/REPO with a model card.
    """
    from sshbench.methods.hub import push_to_hub
    from sshbench.methods.weights import load_weights

    click.echo(push_to_hub(load_weights(method, given), repo, private=private))
