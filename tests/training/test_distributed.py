"""Two processes with half of each batch compute what one does with all of it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from sshbench.errors import SshbenchError
from sshbench.training import checkpoint
from sshbench.training.distributed import world
from sshbench.training.logs import read_rows
from tests.training.test_run import command


def test_one_process_alone_needs_no_group():
    with world("cpu") as alone:
        assert (alone.rank, alone.size, alone.first) == (0, 1, True)
        assert alone.largest(1.5, 2.0) == [1.5, 2.0]
        weight = nn.Parameter(torch.ones(2))
        weight.grad = torch.tensor([1.0, 2.0])
        alone.average_gradients([weight])
        assert weight.grad.tolist() == [1.0, 2.0]


@pytest.mark.parametrize("name", ["tpu-of-mine", "cuda:99"])
def test_a_device_that_is_not_there_is_told(name):
    with pytest.raises(SshbenchError, match=name), world(name):
        pass


def test_two_processes_equal_one_with_the_doubled_batch(toy_recipe: Path, photographs: Path, tmp_path: Path):
    """Networks with batch norm, in double precision, so that only another order of sums is left."""
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    one = command(toy_recipe, photographs, tmp_path / "one", "--set=loop.ema=0.9", "--quiet")
    subprocess.run(one, check=True, capture_output=True, env=environment)
    two = command(toy_recipe, photographs, tmp_path / "two", "--set=loop.ema=0.9", "--quiet")
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", *two[1:]]
    done = subprocess.run(launcher, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("6 steps, 24 samples") == 1
    states = [checkpoint.load(tmp_path / name / "checkpoints" / "step-000000006.pt") for name in ("one", "two")]
    for part in ("modules", "average"):
        for name, value in states[0][part].items():
            torch.testing.assert_close(states[1][part][name], value, rtol=1e-7, atol=1e-9, msg=f"{part} {name}")
    rows = [read_rows(tmp_path / name / "log.csv") for name in ("one", "two")]
    for first, second in zip(*rows, strict=True):
        losses = [name for name in first if name.startswith(("loss", "gradient"))]
        assert [second[name] for name in losses] == pytest.approx([first[name] for name in losses], rel=1e-4)
    states[0].pop("seconds")
    assert states[0]["batches"] == states[1]["batches"]
