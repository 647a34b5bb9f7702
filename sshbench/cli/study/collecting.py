"""`sshbench study serve`, `links`, `withdraw`, `export-html` and `import`: collect the answers of subjects."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from sshbench.cli.progress import Progress
from sshbench.cli.stopping import go_on
from sshbench.cli.study.options import OUT, PLACE, QUIET, STUDY

if TYPE_CHECKING:
    from sshbench.study.plan import Plan


@click.command()
@STUDY
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


@click.command()
@STUDY
@click.option("--base-url", default="http://127.0.0.1:8080", show_default=True, metavar="URL",
              help="The address at which subjects reach the server.")  # fmt: skip
def links(study_folder: Path, base_url: str) -> None:
    """Print the links of the subjects as CSV.

    Each line has a subject of STUDY with the secret link and the number of answers so far.
    """
    from sshbench.study.answering import state_of
    from sshbench.study.making import read_tokens
    from sshbench.study.plan import read_plan
    from sshbench.study.storage import open_answers

    plan, tokens = read_plan(study_folder), read_tokens(study_folder)
    db = open_answers(study_folder, plan)
    click.echo("subject,link,stage,answered,of")
    for token, subject in sorted(tokens.items(), key=lambda one: one[1]):
        state = state_of(db, plan, subject)
        link = f"{base_url.rstrip('/')}/s/{token}/"
        click.echo(f"{subject},{link},{state.stage},{state.done},{len(plan.trials(subject))}")
    db.close()


@click.command()
@STUDY
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


@click.command("export-html")
@STUDY
@click.option(
    "--out", "-o", type=OUT, required=True, metavar="DIR", help="The folder of the pages, which must not exist."
)
@click.option("--embed/--beside", default=True, show_default=True,
              help="Put the pictures into each page, or into one folder beside the pages.")  # fmt: skip
@QUIET
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


@click.command("import")
@STUDY
@click.argument("files", nargs=-1, required=True, type=PLACE)
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
