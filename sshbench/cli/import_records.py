"""`sshbench import-records`: what others measured, image by image, as records beside one's own."""

from __future__ import annotations

from pathlib import Path

import click

from sshbench.cli.names import PROTOCOL


@click.command(name="import-records")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--method", "-m", metavar="NAME", help="What to call the method.  [default: by the file's name, +published]"
)
@click.option(
    "--protocol",
    type=PROTOCOL,
    default="pct-fullres",
    show_default=True,
    metavar="NAME",
    help="How the file was scored.",
)
@click.option(
    "--out", "-o", type=click.Path(path_type=Path), default=Path("results/iharmony4"), show_default=True,
    help="Folder of results to add to.",
)  # fmt: skip
@click.option("--overwrite", is_flag=True, help="Replace records that are there.")
def import_records(files: tuple[Path, ...], method: str | None, protocol: str, out: Path, overwrite: bool) -> None:
    """Import results of iHarmony4's test that others made, as records: FILES of CSV, a row an image.

    The files of PCT-Net's authors (github.com/rakutentech/PCT-Net-Image-Harmonization, evaluation/) are read as they
    are. Their numbers are by pct-fullres, but those in evaluation_harmonizer.csv by harmonizer.

    \b
      sshbench import-records evaluation_PCTNet_ViT.csv
      sshbench import-records evaluation_harmonizer.csv --protocol harmonizer
      sshbench evaluate -m pct-net -s iharmony4 --root iHarmony4/ --protocol pct-fullres
      sshbench leaderboard results/iharmony4 --protocol pct-fullres       image by image, measured and published
    """
    from sshbench.benchmarks.protocol import get_protocol
    from sshbench.errors import SshbenchError, counted
    from sshbench.methods.base import valid_name
    from sshbench.methods.cards import terms_of
    from sshbench.results.evaluate import refuse_another
    from sshbench.results.imported import BENCHMARK, method_of, read_foreign
    from sshbench.results.records import records_file, write_records

    if method is not None and len(files) > 1:
        raise SshbenchError("--method names one method, and there are several files; import them one by one")
    if method is not None:
        valid_name(method, "--method")
    scored_by = get_protocol(protocol)
    refuse_another(out, BENCHMARK)
    read = []
    for file in files:
        name = method or method_of(file)
        place = records_file(out, name, scored_by.name)
        if place.exists() and not overwrite:
            raise SshbenchError(f"{place} is there; add --overwrite, or another name with --method")
        read.append((place, read_foreign(file, name, scored_by)))
    for place, records in read:
        place.parent.mkdir(parents=True, exist_ok=True)
        write_records(place, records)
        click.echo(f"{records[0].method}: {counted(len(records), 'image')}, {scored_by.name}, in {place}")
        terms = terms_of(records[0].method, "authors")
        if terms:
            click.echo(f"{terms}.")
