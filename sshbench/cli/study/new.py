"""`sshbench study new`: make a study from a folder of results."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import click

from sshbench.cli.options import Within
from sshbench.cli.progress import Progress
from sshbench.cli.stopping import go_on
from sshbench.cli.study.options import OUT, PLACE, QUIET


@click.command()
@click.argument("results", nargs=-1, type=PLACE)
@click.option("--out", "-o", "folder", required=True, type=OUT, help="The folder of the new study.")
@click.option(
    "--design", type=click.Choice(["acr", "pairs", "rank"]), default="acr", show_default=True,
    help="acr: score single pictures from 0 to 4, as in the paper. pairs: choose between two methods, ties allowed. "
    "rank: order all methods of an image.",
)  # fmt: skip
@click.option(
    "--reference", type=click.Choice(["target", "background", "none"]),
    help="The picture that is shown beside them.  [default: target for acr and rank, background for pairs]",
)  # fmt: skip
@click.option("--method", "-m", "methods", multiple=True, metavar="NAME", help="A method to compare. May be repeated.  "
              "[default: all methods with predictions, except ceilings]")  # fmt: skip
@click.option("--images", type=click.IntRange(2, 1000), default=15, show_default=True, metavar="N",
              help="The number of images, one from each stratum of foreground ratio.")  # fmt: skip
@click.option("--subjects", type=click.IntRange(1, 5000), default=50, show_default=True, metavar="N",
              help="The number of subjects, each with a link.")  # fmt: skip
@click.option("--rounds", type=click.IntRange(1), metavar="N", help="How often a subject sees each image.  "
              "[default: as often as all pictures need, within 100 trials]")  # fmt: skip
@click.option(
    "--training", type=click.IntRange(0, 20), default=3, show_default=True, help="The number of practice trials."
)
@click.option("--catch", type=click.IntRange(0, 20), default=3, show_default=True,
              help="The number of catch trials: the ground truth against the composite.")  # fmt: skip
@click.option("--repeats", type=click.IntRange(0, 50), default=3, show_default=True,
              help="The number of repeated trials, which measure how consistent a subject is.")  # fmt: skip
@click.option("--min-seconds", type=Within(0, 60), default=1.0, show_default=True,
              help="The shortest time before an answer is accepted.")  # fmt: skip
@click.option("--side", type=click.IntRange(64, 8192), default=1024, show_default=True, metavar="PIXELS",
              help="The longest side of the pictures.")  # fmt: skip
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="The seed of the images and orders.")
@click.option("--title", metavar="TEXT", help="The title that subjects see.")
@click.option("--until", type=click.DateTime(["%Y-%m-%d"]), help="The last day on which answers are accepted.")
@click.option("--consent", type=click.Path(path_type=Path, exists=True, dir_okay=False), metavar="FILE",
              help="A file with the consent text.  [default: a general text]")  # fmt: skip
@click.option(
    "--consent-version", default="1", show_default=True, metavar="TEXT", help="The version of the consent text."
)
@click.option("--root", metavar="DIR", help="The folder of the benchmark.")
@click.option("--split", metavar="NAME", help="The benchmark, if there are results of several.")
@QUIET
def new(
    results: tuple[Path, ...],
    folder: Path,
    design: str,
    reference: str | None,
    methods: tuple[str, ...],
    images: int,
    subjects: int,
    rounds: int | None,
    training: int,
    catch: int,
    repeats: int,
    min_seconds: float,
    side: int,
    seed: int,
    title: str | None,
    until: datetime | None,
    consent: Path | None,
    consent_version: str,
    root: str | None,
    split: str | None,
    quiet: bool,
) -> None:
    """Make a study from results.

    RESULTS are folders that evaluate wrote (results/sample if none is given).

    The new folder holds plan.toml, whose texts you can edit, the pictures under random names, and the secret links of
    the subjects.

    \b
      sshbench study new results/realhm --root ~/RealHM --images 15 --seed 1 -o my-study
      sshbench study new results/sample --design pairs -m dovenet -m ssh -m ssh-lut -o my-study
    """
    from sshbench.benchmarks.open import open_benchmark
    from sshbench.results.pictures import results_folders
    from sshbench.results.records import read_records
    from sshbench.study.designs import StudyError
    from sshbench.study.making import Choices, new_study
    from sshbench.study.plan import Consent

    results = results or (Path("results/sample"),)
    records = [one for one in read_records(results) if split is None or one.benchmark == split]
    benchmarks = list(dict.fromkeys(record.benchmark for record in records))
    if len(benchmarks) != 1:
        raise StudyError(
            f"the results belong to {', '.join(benchmarks) or 'no benchmark of this name'}; choose one with --split "
            f"NAME"
        )
    default = Choices()
    choices = Choices(
        design=design, reference=reference, images=images, subjects=subjects, rounds=rounds, training=training,
        catch=catch, repeats=repeats, min_seconds=min_seconds, side=side, seed=seed, title=title or default.title,
        until=until.date() if until else None,
        consent=Consent(
            version=consent_version, text=consent.read_text(encoding="utf-8-sig") if consent else default.consent.text
        ),
    )  # fmt: skip
    go_on("nothing was written")
    benchmark = open_benchmark(benchmarks[0], root, allow_incomplete=True)
    with Progress("image", quiet=quiet) as progress:
        plan = new_study(folder, records, benchmark, results_folders(results), choices, methods, progress)
    trials = [len(plan.trials(subject)) for subject in range(len(plan.subjects))]
    click.echo(
        f"Wrote {folder}: {len(plan.images)} images, {len(plan.methods)} methods, {len(plan.subjects)} subjects with "
        f"{max(trials)} trials each. Read {folder / 'plan.toml'}, then: sshbench study serve {folder}",
        err=True,
    )
