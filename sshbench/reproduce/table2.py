"""Table 2 of the paper: the published mean opinion scores of five methods beside the scores of the user's study."""

from __future__ import annotations

from pathlib import Path

from sshbench.results.published import published_on
from sshbench.results.tables import Table
from sshbench.study.analysis import SIMULATED, analyse
from sshbench.study.designs import StudyError
from sshbench.study.plan import read_plan
from sshbench.study.storage import read_answers, read_model

PAPER = "15 pairs of RealHM, 50 subjects, scores 0 to 4, ground truth shown (Jiang et al., ICCV 2021, section 4.2.3)"
COMMANDS = (
    "sshbench evaluate -s realhm --root RealHM/ -m wct2 -m dih -m s2am -m dovenet -m ssh -o results/realhm",
    "sshbench study new results/realhm --root RealHM/ --images 15 --subjects 50 -o my-study",
    "sshbench study serve my-study",
)
_HEAD = ("method", "mean opinion score (0 to 4)", "95% interval", "printed, RealHM")


def reproduce(study: Path | None = None, *, simulated: bool = False) -> Table:
    """Return Table 2 with the published scores and those of a study.

    Parameters
    ----------
    study
        The folder of a study with the design `acr`. Without a study, the table has the published scores and says what
        is missing.
    simulated
        Whether to take the study's simulated answers; the table then says so.

    Raises
    ------
    StudyError
        The study has another design or no answers.
    """
    printed = {one.method: one.value for one in published_on("realhm", "study15") if one.metric == "human_score"}
    if study is None:
        rows = tuple((method, "missing", "", value) for method, value in printed.items())
        notes = (
            f"Printed: {PAPER}.",
            "The column of a study is missing, because it needs answers of people. These commands collect the answers:",
            *(f"    {line}" for line in COMMANDS),
            "Then: sshbench reproduce table2 --study my-study. To try it first: sshbench study simulate my-study, and "
            "--simulated.",
        )
        return Table("Table 2, human subjects: printed", _HEAD, rows, notes=notes)
    plan = read_plan(study)
    if plan.design != "acr":
        raise StudyError(
            f"{study} has the design {plan.design}, and Table 2 has scores from 0 to 4; make one with --design acr"
        )
    answers = read_answers(study, plan, simulated=simulated)
    model = read_model(study, plan) if simulated else None
    found = analyse(plan, answers, model=model)
    scores = dict(zip(plan.methods, found.screened.scores, strict=True))
    rows = tuple(
        (
            method,
            f"{scores[method].mean:.3f}" if method in scores else "",
            f"[{scores[method].low:.3f}, {scores[method].high:.3f}]" if method in scores else "",
            printed.get(method, ""),
        )
        for method in (*printed, *(name for name in plan.methods if name not in printed))
    )
    everyone, kept = len(found.everyone.found.subjects), len(found.screened.found.subjects)
    mark = f"{SIMULATED}: " if simulated else ""
    notes = (
        *((f"{SIMULATED}: nobody was asked. {model}",) if simulated else ()),
        f"Printed: {PAPER}.",
        f"Measured: {len(plan.images)} images of {plan.benchmark}, {kept} subjects ({everyone} before screening), "
        f"reference {plan.reference}. Intervals take subjects and images as random. The paper says nothing of "
        "screening and prints no intervals.",
        *(
            ("The images are not those of RealHM, so the two columns are not comparable.",)
            if plan.benchmark != "realhm"
            else ()
        ),
    )
    return Table(f"{mark}Table 2, human subjects: {plan.title}", _HEAD, rows, notes=notes)
