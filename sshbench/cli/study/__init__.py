"""`sshbench study`: a human study from a folder of results to tables and a page."""

from __future__ import annotations

import click

from sshbench.cli.groups import LazyGroup

COMMANDS = {
    "analyse": ("sshbench.cli.study.analysing:analyse", "Print and write the tables of a study."),
    "export": ("sshbench.cli.study.analysing:export", "Export answers without personal data."),
    "export-html": ("sshbench.cli.study.collecting:export_html", "Write pages that need no server."),
    "import": ("sshbench.cli.study.collecting:import_", "Import answers from pages without a server."),
    "links": ("sshbench.cli.study.collecting:links", "Print the links of the subjects as CSV."),
    "new": ("sshbench.cli.study.new:new", "Make a study from results."),
    "serve": ("sshbench.cli.study.collecting:serve", "Serve a study until you press Ctrl-C."),
    "simulate": ("sshbench.cli.study.analysing:simulate", "Answer a study with simulated subjects."),
    "withdraw": ("sshbench.cli.study.collecting:withdraw", "Delete all data of a subject."),
}


@click.group(cls=LazyGroup, lazy=COMMANDS, context_settings={"help_option_names": ["-h", "--help"]})
def study() -> None:
    """Ask people which method they prefer, and analyse the answers.

    \b
      sshbench study new results/sample -o my-study      choose images and make the plan
      sshbench study simulate my-study                   try everything with simulated subjects
      sshbench study serve my-study                      collect answers
      sshbench study analyse my-study                    tables and a page
    """
