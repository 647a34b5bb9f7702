"""`sshbench study`: a human study from a folder of results to tables and a page."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sshbench.cli.options import OutFolder, Within
from sshbench.cli.progress import Progress
from sshbench.cli.stopping import go_on

if TYPE_CHECKING:
    from sshbench.study.plan import Plan

_PLACE = click.Path(path_type=Path)
_OUT = OutFolder(path_type=Path)
_STUDY = click.argument("study_folder", metavar="STUDY", type=_PLACE)
_QUIET = click.option("--quiet", "-q", is_flag=True, help="Show no progress.")


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def study() -> None:
    """Ask people which method they prefer, and analyse the answers.

    \b
      sshbench study new results/sample -o my-study      choose images and make the plan
      sshbench study simulate my-study                   try everything with simulated subjects
      sshbench study serve my-study                      collect answers
      sshbench study analyse my-study                    tables and a page
    """


@study.command()
@click.argument("results", nargs=-1, type=_PLACE)
@click.option("--out", "-o", "folder", required=True, type=_OUT, help="The folder of the new study.")
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
@_QUIET
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


@study.command()
@_STUDY
@click.option(
    "--host", default="127.0.0.1", show_default=True, help="The address of the server; 0.0.0.0 for all interfaces."
)
@click.option("--port", type=click.IntRange(1, 65535), default=8080, show_default=True, help="The port of the server.")
@click.option("--base-url", metavar="URL", help="The address at which subjects reach the server, such as "
              "https://lab.example/study; needed behind a proxy.")  # fmt: skip
def serve(study_folder: Path, host: str, port: int, base_url: str | None) -> None:
    """Serve a study until you press Ctrl-C.

    Without --host, the server listens on this machine only. For subjects elsewhere, put a proxy with HTTPS in front of
    the server, and give its address as --base-url. Each answer is written to STUDY/answers.sqlite before the next
    question is shown; after a kill, start the server again and it continues.
    """
    from sshbench.study.server import serve as run

    go_on("all answers are stored; the same command continues")
    click.echo(f"Serving {study_folder} at http://{host}:{port}; links: sshbench study links {study_folder}", err=True)
    run(study_folder, host, port, base_url)


@study.command()
@_STUDY
@click.option("--base-url", default="http://127.0.0.1:8080", show_default=True, metavar="URL",
              help="The address at which subjects reach the server.")  # fmt: skip
def links(study_folder: Path, base_url: str) -> None:
    """Print the links of the subjects as CSV.

    Each line has a subject of STUDY with the secret link and the number of answers so far.
    """
    from sshbench.study.making import read_tokens
    from sshbench.study.plan import read_plan
    from sshbench.study.storage import open_answers, state_of

    plan, tokens = read_plan(study_folder), read_tokens(study_folder)
    db = open_answers(study_folder, plan)
    click.echo("subject,link,stage,answered,of")
    for token, subject in sorted(tokens.items(), key=lambda one: one[1]):
        state = state_of(db, plan, subject)
        link = f"{base_url.rstrip('/')}/s/{token}/"
        click.echo(f"{subject},{link},{state.stage},{state.done},{len(plan.trials(subject))}")
    db.close()


@study.command()
@_STUDY
@click.argument("subject", type=click.IntRange(0))
@click.confirmation_option(prompt="Delete all answers of this subject for ever?")
def withdraw(study_folder: Path, subject: int) -> None:
    """Delete all data of a subject.

    SUBJECT is a number that `study links` prints. Everything that STUDY holds about the subject is deleted.
    """
    from sshbench.study.storage import delete_subject

    delete_subject(study_folder, _plan_with(study_folder, subject), subject)
    click.echo(f"Deleted everything about subject {subject}.", err=True)


def _plan_with(folder: Path, subject: int) -> Plan:
    from sshbench.study.designs import StudyError
    from sshbench.study.plan import read_plan

    plan = read_plan(folder)
    if subject >= len(plan.subjects):
        raise StudyError(f"the study has the subjects 0 to {len(plan.subjects) - 1}, and no subject {subject}")
    return plan


_SIMULATED = click.option("--simulated", is_flag=True, help="Use the answers of `study simulate`, not those of people.")


@study.command()
@_STUDY
@click.option("--out", "-o", type=_OUT, metavar="DIR",
              help="The folder of the output.  [default: STUDY/analysis or STUDY/analysis-simulated]")  # fmt: skip
@_SIMULATED
@click.option("--results", "results", multiple=True, type=_PLACE, metavar="DIR",
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


@study.command()
@_STUDY
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


@study.command()
@_STUDY
@click.option("--out", "-o", type=_OUT, required=True, metavar="DIR", help="The folder of the files.")
@_SIMULATED
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


@study.command("export-html")
@_STUDY
@click.option(
    "--out", "-o", type=_OUT, required=True, metavar="DIR", help="The folder of the pages, which must not exist."
)
@click.option("--embed/--beside", default=True, show_default=True,
              help="Put the pictures into each page, or into one folder beside the pages.")  # fmt: skip
@_QUIET
def export_html(study_folder: Path, out: Path, embed: bool, quiet: bool) -> None:
    """Write pages that need no server.

    The command writes one page for each subject of STUDY. A page works as a file or on any web server. At its end the
    subject saves a file and sends it to you, and `sshbench study import` reads it.
    """
    from sshbench.study.static_pages import export_pages

    go_on("nothing was written")
    with Progress("page", quiet=quiet) as progress:
        count = export_pages(study_folder, out, embed=embed, progress=progress)
    click.echo(f"Wrote {count} pages to {out}; send each to one subject.", err=True)


@study.command("import")
@_STUDY
@click.argument("files", nargs=-1, required=True, type=_PLACE)
@click.pass_context
def import_(ctx: click.Context, study_folder: Path, files: tuple[Path, ...]) -> None:
    """Import answers from pages without a server.

    FILES are the files that subjects of STUDY saved on their pages. Each file is imported whole or not at all. If a
    file is refused, the others are imported, and the exit code is 2.
    """
    from sshbench.errors import sentence
    from sshbench.study.designs import StudyError
    from sshbench.study.static_pages import import_answers

    failed = False
    for path in files:
        try:
            subject, new, withdrawn = import_answers(study_folder, path)
        except (StudyError, OSError) as error:
            click.echo(f"sshbench: {sentence(error)}", err=True)
            failed = True
            continue
        what = "has withdrawn; everything is deleted" if withdrawn else f"{new} new answers"
        click.echo(f"{path}: subject {subject}, {what}")
    if failed:
        ctx.exit(2)
