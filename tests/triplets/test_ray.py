"""Ray makes the same bytes as local processes, also when a node is lost."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from sshbench.errors import SshbenchError
from sshbench.triplets.engine import generate, plan
from sshbench.triplets.luts import open_bank
from sshbench.triplets.settings import Settings
from sshbench.triplets.sources import open_source
from sshbench.triplets.storage import StorageError
from tests.triplets.kills import contents
from tests.triplets.toy import ToySource, toy_bank, toy_run

ray = pytest.importorskip("ray", reason="install the extra ray to test the Ray engine: pip install 'sshbench[ray]'")
pytestmark = pytest.mark.slow

COUNT, SHARD = 60, 10


class SlowSource(ToySource):
    """Takes 0.1 s a photograph and notes which process read it."""

    def __init__(self, count: int, notes: str | None = None) -> None:
        super().__init__(count, broken=(4,))
        self.notes = notes

    def read(self, i: int, short_side: int | None = None) -> Any:
        if self.notes:
            time.sleep(0.1)
            with open(self.notes, "a") as file:
                file.write(f"{ray.get_runtime_context().get_node_id()} {os.getpid()}\n")
        return super().read(i, short_side)


@pytest.fixture
def cluster() -> Any:
    """Two nodes of one processor each, on this machine."""
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    cluster.lost = cluster.add_node(num_cpus=1)
    cluster.wait_for_nodes()
    yield cluster
    ray.shutdown()
    cluster.shutdown()


def expected(folder: Path) -> dict[str, bytes]:
    source = SlowSource(COUNT)
    generate(toy_run(source, rows_per_shard=SHARD), source, toy_bank(), folder)
    return contents(folder)


def test_a_node_lost_during_the_run_changes_no_byte(cluster: Any, tmp_path: Path) -> None:
    source = SlowSource(COUNT, str(tmp_path / "notes"))
    ray.init(address=cluster.address, log_to_driver=False)
    lost, notes = cluster.lost.node_id, tmp_path / "notes"

    def end_node() -> None:
        while not notes.exists() or notes.read_text().count(lost) < 12:
            time.sleep(0.02)
        workers = {int(line.split()[1]) for line in notes.read_text().splitlines() if line.startswith(lost)}
        cluster.remove_node(cluster.lost, allow_graceful=False)
        for worker in workers:
            with suppress(ProcessLookupError):
                os.kill(worker, signal.SIGKILL)

    thread = threading.Thread(target=end_node)
    thread.start()
    summary = generate(toy_run(source, rows_per_shard=SHARD), source, toy_bank(), tmp_path / "out", engine="ray")
    thread.join()
    assert summary.manifest.complete
    assert contents(tmp_path / "out") == expected(tmp_path / "whole")
    nodes = notes.read_text().splitlines()
    assert len({node.split()[0] for node in nodes}) == 2
    assert len(nodes) > COUNT  # what the lost node had begun was done again


@pytest.mark.shared
def test_the_shared_photographs_with_a_node_lost(cluster: Any, shared: Path, tmp_path: Path) -> None:
    bank, source = open_bank(), open_source(str(shared / "data" / "photos"))
    run = plan(Settings(), source, bank, rows_per_shard=150)
    generate(run, source, bank, tmp_path / "whole")
    ray.init(address=cluster.address, log_to_driver=False)
    records = tmp_path / "out" / ".shards"
    left = []

    def end_node() -> None:
        while not records.exists() or len(list(records.iterdir())) < 5:
            time.sleep(0.02)
        cluster.remove_node(cluster.lost, allow_graceful=False)
        left.append(26 - len(list(records.iterdir())))

    thread = threading.Thread(target=end_node)
    thread.start()
    summary = generate(run, source, bank, tmp_path / "out", engine="ray")
    thread.join()
    assert left[0] > 5
    assert summary.made == 26
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")


def test_ray_continues_what_local_workers_began(tmp_path: Path) -> None:
    source = SlowSource(COUNT)
    generate(toy_run(source, rows_per_shard=SHARD), source, toy_bank(), tmp_path / "out", shard=(0, 3))
    summary = generate(
        toy_run(source, rows_per_shard=SHARD), source, toy_bank(), tmp_path / "out", engine="ray", workers=2
    )
    assert not ray.is_initialized()
    assert summary.kept == 2
    assert contents(tmp_path / "out") == expected(tmp_path / "whole")


def test_an_error_in_a_task_is_the_error_of_the_run(tmp_path: Path) -> None:
    source = SlowSource(COUNT)
    run = toy_run(source, rows_per_shard=SHARD)
    generate(run, source, toy_bank(), tmp_path / "out", shard=(0, 6))
    (tmp_path / "out" / ".unfinished").write_text("in the way")
    with pytest.raises(StorageError, match=r"is a file") as error:
        generate(run, source, toy_bank(), tmp_path / "out", engine="ray", workers=1)
    assert "\n" not in str(error.value)


def test_no_cluster_at_the_address_is_one_sentence(tmp_path: Path) -> None:
    source = SlowSource(3)
    with pytest.raises(SshbenchError, match=r"no Ray cluster answers at 127\.0\.0\.1:1") as error:
        generate(
            toy_run(source, rows_per_shard=SHARD),
            source,
            toy_bank(),
            tmp_path / "out",
            engine="ray",
            address="127.0.0.1:1",
        )
    assert "\n" not in str(error.value)


def test_without_ray_the_command_says_how_to_install_it(tmp_path: Path) -> None:
    code = "import sys; sys.modules['ray'] = None; from sshbench.cli.main import main; main()"
    ended = subprocess.run(
        [sys.executable, "-c", code, "generate-triplets", "--engine", "ray", "-o", str(tmp_path / "out"), "--quiet"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 2
    assert "pip install 'sshbench[ray]'" in ended.stderr
