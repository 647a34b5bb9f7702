"""Table 2 and Figures 5 to 7: what there is stands beside what is printed, and what is missing is said."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from sshbench.benchmarks.composite import Composite
from sshbench.cli.main import cli
from sshbench.reproduce import figures, table2
from sshbench.study.designs import StudyError
from sshbench.study.simulate import Model, simulate, store
from tests.results.standin import Standin
from tests.study.studies import make_study


def test_without_a_study_the_table_says_what_is_missing_and_three_commands() -> None:
    table = table2.reproduce()
    assert [(row[0], row[1], row[3]) for row in table.rows] == [
        ("wct2", "missing", "0.821"), ("dih", "missing", "1.201"), ("s2am", "missing", "1.744"),
        ("dovenet", "missing", "1.256"), ("ssh", "missing", "2.295"),
    ]  # fmt: skip
    commands = [note for note in table.notes if note.startswith("    sshbench")]
    assert [line.split()[1] for line in commands] == ["evaluate", "study", "study"]


def test_each_of_the_commands_is_one_that_there_is() -> None:
    for line in table2.COMMANDS:
        words = line.split()[1:]
        group = words[:2] if words[0] == "study" else words[:1]
        done = CliRunner().invoke(cli, [*group, "--help"])
        assert done.exit_code == 0
        for option in (word for word in words if word.startswith("--")):
            assert option in done.output


def test_a_study_stands_beside_the_printed_scores(tmp_path: Path) -> None:
    pytest.importorskip("krippendorff")
    pytest.importorskip("statsmodels")
    plan = make_study(tmp_path / "s", methods=("dc", "ssh", "mine"), subjects=20)
    model = Model(truth={"dc": 0.5, "ssh": 2.3, "mine": 3.0})
    store(tmp_path / "s", plan, simulate(plan, model), model)
    with pytest.raises(StudyError, match="no answers"):
        table2.reproduce(tmp_path / "s")
    table = table2.reproduce(tmp_path / "s", simulated=True)
    assert table.title.startswith("SIMULATED")
    assert table.notes[0].startswith("SIMULATED: nobody was asked")
    rows = {row[0]: row for row in table.rows}
    assert rows["ssh"][3] == "2.295"
    assert 1.5 < float(rows["ssh"][1]) < 3
    assert rows["wct2"][1:] == ("", "", "0.821")
    assert rows["mine"][3] == ""
    assert any("the two columns are not comparable" in note for note in table.notes)  # they are not of RealHM
    make_study(tmp_path / "p", "pairs")
    with pytest.raises(StudyError, match="design pairs"):
        table2.reproduce(tmp_path / "p", simulated=True)


def test_figure_5_leaves_out_what_has_no_weights_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSHBENCH_HOME", str(tmp_path))
    made = figures.figure5(Standin(7), ["dovenet", "gain", "shift"], rows=3)
    assert [text for text, *_ in made.grid.labels] == ["DC", "gain", "shift", "GT"]
    assert len(made.grid.cells) == 3 * 4
    assert any(note.startswith("Left out: dovenet has no weights here; get latest_net_G.pth") for note in made.notes)
    np.testing.assert_array_equal(made.grid.cells[0][0], Standin(7)["part_1/c1"].composite)


class Sees:
    """Makes the foreground as bright as the background it is given."""

    name, needs_background, needs_mask, sees_target = "sees", True, True, False
    input_size = weights_hash = None

    def harmonize(self, batch: list[Composite]) -> list[np.ndarray]:  # type: ignore[type-arg]
        return [np.full_like(one.composite, int(one.background.mean())) for one in batch]


def test_figure_6_shows_the_largest_foregrounds_with_and_without_the_background(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(figures, "get_method", lambda *_, **__: Sees())
    benchmark = Standin(9)
    made = figures.figure6(benchmark, ["sees"], rows=2)
    assert [text for text, *_ in made.grid.labels] == ["DC", "BG", "sees, sees DC", "sees, sees BG", "GT"]
    largest = sorted(benchmark.ids(), key=lambda id: -benchmark[id].foreground_ratio)[:2]
    assert all(id in made.notes[0] for id in largest)
    _, ground, blind, sees, _ = (image for image, _ in made.grid.cells[:5])
    sample = benchmark[largest[0]]
    np.testing.assert_array_equal(ground, sample.background)
    assert (blind[0, 0, 0], sees[0, 0, 0]) == (int(sample.composite.mean()), int(sample.background.mean()))


def test_figure_7_gives_the_foreground_the_colours_of_each_place() -> None:
    made = figures.figure7(Standin(3, size=(160, 240)), "reinhard", synthetic=True, id="part_0/c0")
    assert [text for text, *_ in made.grid.labels] == ["DC", "BG", "whole background", "crop at each place"]
    pasted, ground, whole, crops = (image.astype(float) for image, _ in made.grid.cells)
    changed = (pasted != ground).any(-1)
    left, right = changed.copy(), changed.copy()
    left[:, changed.shape[1] // 2 :] = right[:, : changed.shape[1] // 2] = False
    assert left.any()
    assert right.any()

    def warmth(image: np.ndarray, where: np.ndarray) -> float:  # type: ignore[type-arg]
        return float((image[where][:, 0] - image[where][:, 2]).mean())

    assert warmth(ground, left) > warmth(ground, right) + 10  # the two lights
    apart = {name: warmth(image, left) - warmth(image, right) for name, image in (("whole", whole), ("crops", crops))}
    assert apart["crops"] > apart["whole"] + 10


@pytest.mark.parametrize("number", [5, 6, 7])
def test_figures_are_drawn_of_the_embedded_sample(tmp_path: Path, number: int) -> None:
    out = tmp_path / "figure.png"
    words = ["-m", "gain"] if number == 7 else ["-m", "gain", "--image", "vendor_testing_1/dandelion"]
    done = CliRunner().invoke(
        cli, ["reproduce", f"figure{number}", "-o", str(out), "-q", *words], catch_exceptions=False
    )
    assert done.exit_code == 0, done.output
    with Image.open(out) as image:
        assert image.width > 3 * 384
