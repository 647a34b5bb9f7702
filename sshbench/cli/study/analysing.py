"""`sshbench study analyse`, `simulate` and `export`: tables, simulated answers and exported answers of a study."""

from __future__ import annotations

from pathlib import Path

import click

from sshbench.cli.options import Within
from sshbench.cli.stopping import go_on
from sshbench.cli.study.options import OUT, PLACE, SIMULATED, STUDY


@click.command()
@STUDY
@click.option("--out", "-o", type=OUT, metavar="DIR",
              help="The folder of the output.  [default: STUDY/analysis or STUDY/analysis-simulated]")  # fmt: skip
@SIMULATED
@click.option("--results", "results", multiple=True, type=PLACE, metavar="DIR",
              help="Read the metrics from this folder of results. May be repeated.  [default: the results from which "
              "the study was made]")  # fmt: skip
@click.option("--catch-share", type=Within(0, 1), default=2 / 3, show_default="2/3",
              help="Leave out subjects who pass a smaller fraction of the catch trials.")  # fmt: skip
@click.option("--speed", type=Within(0, 1), default=0.4, show_default=True,
              help="Leave out subjects whose median time is below this fraction of the overall median.")  # fmt: skip
@click.option("--resamples", type=click.IntRange(200, 100_000), default=2000, show_default=True,
              help="The number of bootstrap resamples.")  # fmt: skip
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="The seed of the resamples.")
@click.option("--quiet", "-q", is_flag=True, help="Print no tables.")
def analyse(
    study_folder: Path,
    out: Path | None,
    simulated: bool,
    results: tuple[Path, ...],
    catch_share: float,
    speed: float,
    resamples: int,
    seed: int,
    quiet: bool,
) -> None:
    """Print and write the tables of a study.

    The command analyses the answers of STUDY, prints tables, and writes them as a page and as Markdown. It reports
    scores with intervals over subjects and images, Bradley-Terry scores with ties, wins, Krippendorff's alpha, the
    subjects who were screened out and why, significance with Holm's correction, the agreement between the metrics of
    evaluate and people, and the number of subjects that the next study needs. The server may run at the same time.
    """
    import shutil

    from sshbench.results.formats import markdown_table, plain_table
    from sshbench.results.records import read_records
    from sshbench.study.analysis import analyse as run
    from sshbench.study.analysis import tables
    from sshbench.study.analysis_page import write_page
    from sshbench.study.making import metric_rows, read_metrics
    from sshbench.study.plan import read_plan
    from sshbench.study.storage import read_answers, read_model
    from sshbench.whole_file import whole_file

    plan = read_plan(study_folder)
    rows = read_answers(study_folder, plan, simulated=simulated)
    model = read_model(study_folder, plan) if simulated else None
    metrics = metric_rows(read_records(results)) if results else read_metrics(study_folder)
    go_on("nothing was written")
    found = run(plan, rows, metrics, model=model, catch_share=catch_share, speed=speed, resamples=resamples, seed=seed)
    made = tables(found)
    width = max(shutil.get_terminal_size((120, 24)).columns, 80)
    if not quiet:
        click.echo("\n\n".join(plain_table(table, width) for table in made))
    out = out or study_folder / ("analysis-simulated" if simulated else "analysis")
    out.mkdir(parents=True, exist_ok=True)
    write_page(out / "analysis.html", found)
    with whole_file(out / "analysis.md") as temporary:
        temporary.write_text("\n\n".join(map(markdown_table, made)) + "\n", encoding="utf-8")
    click.echo(f"Wrote {out / 'analysis.html'} and {out / 'analysis.md'}.", err=True)


@click.command()
@STUDY
@click.option("--subjects", type=click.IntRange(1), metavar="N", help="The number of subjects who answer.  "
              "[default: all of the plan]")  # fmt: skip
@click.option("--truth", "truths", multiple=True, metavar="METHOD=QUALITY",
              help="The true quality of a method, 0 to 4. May be repeated.  [default: the paper's mean scores, other "
              "methods evenly from 1 to 2.6]")  # fmt: skip
@click.option("--careless", type=Within(0, 1), default=0.0, show_default=True, metavar="PART",
              help="The fraction of subjects who answer at once and at random.")  # fmt: skip
@click.option("--noise", type=Within(0), default=0.6, show_default=True,
              help="The standard deviation of a single answer, in points.")  # fmt: skip
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="The seed of the answers.")
def simulate(
    study_folder: Path, subjects: int | None, truths: tuple[str, ...], careless: float, noise: float, seed: int
) -> None:
    """Answer a study with simulated subjects.

    Use it to try the analysis of STUDY before you ask people. The answers go to STUDY/simulated.sqlite, apart from
    those of people, and everything that is made from them says that it is simulated. Next: sshbench study analyse STUDY
    --simulated
    """
    from sshbench.study.plan import read_plan
    from sshbench.study.simulate import Model, default_truth, store
    from sshbench.study.simulate import simulate as run

    given = {}
    for text in truths:
        name, sign, value = text.rpartition("=")
        try:
            given[name] = float(value)
        except ValueError:
            sign = ""
        if not sign or not 0 <= given.get(name, -1) <= 4:
            raise click.BadParameter(f"{text!r} is not METHOD=QUALITY with a quality from 0 to 4", param_hint="--truth")
    plan = read_plan(study_folder)
    model = Model(truth=default_truth(plan.methods, given), careless=careless, noise=noise)
    rows = run(plan, model, subjects, seed)
    store(study_folder, plan, rows, model)
    count = len({row.subject for row in rows})
    click.echo(model.said())
    click.echo(
        f"Wrote {len(rows):,} simulated answers of {count} simulated subjects; "
        f"next: sshbench study analyse {study_folder} --simulated",
        err=True,
    )


@click.command()
@STUDY
@click.option("--out", "-o", type=OUT, required=True, metavar="DIR", help="The folder of the files.")
@SIMULATED
def export(study_folder: Path, out: Path, simulated: bool) -> None:
    """Export answers without personal data.

    The command writes the answers of STUDY as answers.csv and, for the design acr, as sureal.json, a data set for
    Netflix's sureal. Subjects get new numbers in random order; the files contain no tokens, times of day or screens.
    """
    from sshbench.study.export import new_names, write_csv, write_sureal
    from sshbench.study.plan import read_plan
    from sshbench.study.storage import read_answers

    plan = read_plan(study_folder)
    rows = read_answers(study_folder, plan, simulated=simulated)
    names = new_names(rows)
    out.mkdir(parents=True, exist_ok=True)
    mark = "simulated-" if simulated else ""
    written = [out / f"{mark}answers.csv"]
    write_csv(written[0], plan, rows, names, simulated=simulated)
    if plan.design == "acr":
        written.append(out / f"{mark}sureal.json")
        write_sureal(written[1], plan, rows, names, simulated=simulated)
    click.echo(f"Wrote {' and '.join(map(str, written))}: {len(rows):,} answers of {len(names)} subjects.", err=True)
