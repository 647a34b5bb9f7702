"""`train`, killed at random: it goes on, bit for bit, to what a whole run makes."""

from __future__ import annotations

import math
from pathlib import Path

from sshbench.methods.weights import load_weights
from sshbench.training import checkpoint
from sshbench.training.logs import read_rows
from tests.kills import contents, finish, kill_at_random, names
from tests.training.test_run import TOY, assert_equal

STEPS = 6


def command(recipe: Path, photographs: Path) -> list[str]:
    words = ["train", TOY, "--recipe", str(recipe), "--source", str(photographs), "--device", "cpu", "--quiet"]
    return [*words, "--set", "loop.checkpoint=1", "--set", "validation.every=1", "--resume", "--out", "run"]


def test_killed_at_random_it_goes_on_to_what_a_whole_run_makes(toy_recipe, photographs, tmp_path):
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    for folder in (whole, killed):
        folder.mkdir()
    words, run = command(toy_recipe, photographs), killed / "run"
    finish(words, whole)

    def check() -> None:
        kept = checkpoint.load_last(run / "checkpoints")
        if kept is not None and kept["best"] > -math.inf:
            assert load_weights(TOY, run).card.metrics["psnr"] >= kept["best"]
        if names(run / "last"):  # a kill may come between a folder and its first file
            load_weights(TOY, run / "last")

    kills = kill_at_random(words, killed, lambda: len(read_rows(run / "log.csv")), most=STEPS, times=4, check=check)
    assert kills >= 2
    finish(words, killed)
    assert_equal(whole / "run", run)
    one, other = (load_weights(TOY, folder / "run") for folder in (whole, killed))
    assert (one.hash, one.card.metrics, one.card.samples_seen) == (
        other.hash,
        other.card.metrics,
        other.card.samples_seen,
    )
    rows = [
        [{k: v for k, v in row.items() if k.startswith(("step", "loss", "psnr"))} for row in read_rows(path)]
        for folder in (whole, killed)
        for path in [folder / "run" / "log.csv"]
    ]
    assert rows[0] == rows[1]
    left = [name for name in contents(run) if Path(name).name.startswith(".")]
    assert not left
