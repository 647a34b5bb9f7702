"""`sshbench import-records`: import scores that others measured, image by image, as records."""

from __future__ import annotations

from pathlib import Path

import click

from sshbench.cli.names import PROTOCOL
from sshbench.cli.options import OutFolder


@click.command(name="import-records")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--method", "-m", metavar="NAME", help="The name of the method.  [default: from the file's name, +published]"
)
@click.option(
    "--protocol",
    type=PROTOCOL,
    default="pct-fullres",
    show_default=True,
    metavar="NAME",
    help="The protocol by which the file was scored.",
)
@click.option(
    "--out", "-o", type=OutFolder(path_type=Path), default=Path("results/iharmony4"), show_default=True,
    help="The folder of results to add the records to.",
)  # fmt: skip
@click.option("--overwrite", is_flag=True, help="Replace existing records.")
def import_records(files: tuple[Path, ...], method: str | None, protocol: str, out: Path, overwrite: bool) -> None:
    """Import results on iHarmony4's test set that others measured: CSV FILES with one row for each image.

    The command reads the original files of PCT-Net's authors (github.com/rakutentech/PCT-Net-Image-Harmonization,
    evaluation/). Their numbers follow the protocol pct-fullres, except those in evaluation_harmonizer.csv, which follow
    harmonizer.

    \b
      sshbench import-records evaluation_PCTNet_ViT.csv
      sshbench import-records evaluation_harmonizer.csv --protocol harmonizer
      sshbench evaluate -m pct-net -s iharmony4 --root iHarmony4/ --protocol pct-fullres
      sshbench leaderboard results/iharmony4 --protocol pct-fullres       measured and published, image by image
    """
    from sshbench.benchmarks.protocol import get_protocol
    from sshbench.errors import SshbenchError, counted
    from sshbench.methods.base import valid_name
    from sshbench.methods.cards import terms_of
    from sshbench.results.folder import records_file
    from sshbench.results.imported import BENCHMARK, method_of, read_foreign
    from sshbench.results.records import write_records
    from sshbench.results.run_file import refuse_another

    if method is not None and len(files) > 1:
        raise SshbenchError("--method names one method, but several files are given; import them one by one")
    if method is not None:
        valid_name(method, "--method")
    scored_by = get_protocol(protocol)
    refuse_another(out, BENCHMARK)
    read = []
    for file in files:
        name = method or method_of(file)
        place = records_file(out, name, scored_by.name)
        if place.exists() and not overwrite:
            raise SshbenchError(f"{place} exists; add --overwrite, or give another name with --method")
        read.append((place, read_foreign(file, name, scored_by)))
    for place, records in read:
        place.parent.mkdir(parents=True, exist_ok=True)
        write_records(place, records)
        click.echo(f"{records[0].method}: {counted(len(records), 'image')}, {scored_by.name}, in {place}")
        terms = terms_of(records[0].method, "authors")
        if terms:
            click.echo(f"{terms}.")
