"""The same bytes for any number of workers, slices and interruptions; nothing half made is ever visible."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import resource
import shutil
import signal
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from sshbench.errors import SshbenchError
from sshbench.triplets import engine, manifest
from sshbench.triplets.engine import Summary, generate
from sshbench.triplets.manifest import MANIFEST, Manifest, ManifestError, read_manifest
from sshbench.triplets.settings import Settings
from sshbench.triplets.storage import Storage, StorageError
from tests.triplets.kills import contents
from tests.triplets.toy import SMALL, ToySource, toy_bank, toy_run

SOURCE = ToySource(10, broken=(4,))


def make(output: str | Path, source: ToySource = SOURCE, run: Any = None, **options: Any) -> Summary:
    return generate(run or toy_run(source), source, toy_bank(), output, **options)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The output of an uninterrupted run."""
    output = tmp_path_factory.mktemp("whole") / "out"
    make(output)
    return output


def test_a_finished_output_is_a_card_a_manifest_and_the_shards(whole: Path) -> None:
    assert sorted(contents(whole)) == [
        "README.md",
        *(f"data/train-0000{k}.parquet" for k in range(4)),
        "manifest.json",
    ]


def test_the_manifest_holds_rows_and_hash_of_each_shard(whole: Path) -> None:
    manifest = read_manifest(str(whole))
    assert manifest.complete
    assert [manifest.shards[k].rows for k in range(4)] == [3, 2, 3, 1]
    for record in manifest.shards.values():
        data = (whole / record.file).read_bytes()
        assert (len(data), hashlib.sha256(data).hexdigest()) == (record.bytes, record.sha256)
        assert pq.read_metadata(whole / record.file).num_rows == record.rows


def test_what_could_not_be_used_is_listed_with_the_reason(whole: Path) -> None:
    assert [(s.row, s.reason, s.draw) for s in read_manifest(str(whole)).skipped] == [("4.png", "made to fail", None)]
    assert "4.png | made to fail" in (whole / "README.md").read_text()


@pytest.mark.parametrize("workers", [2, 3])
def test_any_number_of_workers_gives_the_same_bytes(whole: Path, tmp_path: Path, workers: int) -> None:
    make(tmp_path / "out", workers=workers)
    assert contents(tmp_path / "out") == contents(whole)


def test_slices_in_any_order_give_the_same_bytes(whole: Path, tmp_path: Path) -> None:
    summary = make(tmp_path / "out", shard=(1, 3))
    assert (summary.missing, summary.manifest.complete) == (3, False)
    assert make(tmp_path / "out", shard=(2, 3)).missing == 2
    assert make(tmp_path / "out", shard=(0, 3)).manifest.complete
    assert contents(tmp_path / "out") == contents(whole)


def test_slices_and_workers_continue_one_output(whole: Path, tmp_path: Path) -> None:
    make(tmp_path / "out", shard=(0, 2))
    assert make(tmp_path / "out", workers=2).kept == 2
    assert contents(tmp_path / "out") == contents(whole)


@pytest.mark.parametrize("shard", [(3, 3), (-1, 2)])
def test_a_slice_that_is_not_there_is_refused(tmp_path: Path, shard: tuple[int, int]) -> None:
    with pytest.raises(SshbenchError, match=r"the first is 0/\d and the last"):
        make(tmp_path / "out", shard=shard)


# Resume


def test_a_finished_run_is_checked_and_left_alone(whole: Path, tmp_path: Path) -> None:
    make(tmp_path / "out")
    times = {p: p.stat().st_mtime_ns for p in (tmp_path / "out").rglob("*")}
    summary = make(tmp_path / "out")
    assert (summary.kept, summary.made) == (4, 0)
    assert {p: p.stat().st_mtime_ns for p in (tmp_path / "out").rglob("*")} == times


@pytest.mark.parametrize("damage", ["missing", "short", "changed"])
def test_a_damaged_shard_is_made_again(whole: Path, tmp_path: Path, damage: str) -> None:
    make(tmp_path / "out")
    path = tmp_path / "out" / "data" / "train-00001.parquet"
    data = bytearray(path.read_bytes())
    if damage == "missing":
        path.unlink()
    elif damage == "short":
        path.write_bytes(data[:-1])
    else:
        data[len(data) // 2] ^= 1
        path.write_bytes(data)
    summary = make(tmp_path / "out")
    assert (summary.kept, summary.made) == (3, 1)
    assert contents(tmp_path / "out") == contents(whole)


def test_verify_size_does_not_read_the_shards(tmp_path: Path) -> None:
    make(tmp_path / "out")
    path = tmp_path / "out" / "data" / "train-00001.parquet"
    path.write_bytes(bytes(path.stat().st_size))
    assert make(tmp_path / "out", verify="size").made == 0


def test_retry_skipped_makes_what_failed_for_a_passing_reason(tmp_path: Path) -> None:
    make(tmp_path / "whole", ToySource(10))
    make(tmp_path / "out", SOURCE)
    assert make(tmp_path / "out", ToySource(10)).made == 0
    assert make(tmp_path / "out", ToySource(10), retry_skipped=True).made == 1
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")


def forked(work: Callable[[], object]) -> int:
    """Run `work` in a forked process and return how that ended, as `os.waitstatus_to_exitcode` has it."""
    pid = os.fork()
    if not pid:
        try:
            work()
        except BaseException:
            traceback.print_exc()
            os._exit(3)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


@pytest.mark.parametrize("moment", ["before", "after"])
def test_killed_before_or_after_any_file_gets_its_name(whole: Path, tmp_path: Path, moment: str) -> None:
    """Between two of these moments no name changes, so they stand for every instant at which kill -9 can come."""
    killed = 0
    for step in range(100):
        output = tmp_path / str(step)

        def work(output: Path = output, calls: list[int] = [step]) -> None:  # noqa: B006
            def dying(give: Callable[[Any, Any], None]) -> Callable[[Any, Any], None]:
                def name(a: Any, b: Any) -> None:
                    if calls[0] == 0 and moment == "before":
                        os.kill(os.getpid(), signal.SIGKILL)
                    give(a, b)
                    if calls[0] == 0:
                        os.kill(os.getpid(), signal.SIGKILL)
                    calls[0] -= 1

                return name

            os.replace, os.link = dying(os.replace), dying(os.link)
            make(output)

        code = forked(work)
        killed += code == -signal.SIGKILL
        for path in (output / "data").glob("*"):
            assert path.read_bytes() == (whole / "data" / path.name).read_bytes()
        make(output)
        assert contents(output) == contents(whole)
        if code == 0:
            break
    assert killed == 11  # the manifest, four shards and their records, the card, the manifest again


def test_a_full_disk_leaves_whole_shards_and_says_what_to_do(whole: Path, tmp_path: Path) -> None:
    limit = 1 + max(p.stat().st_size for p in (whole / "data").glob("train-0000[13]*"))

    def work() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
        make(tmp_path / "out", shard=(1, 2))
        with pytest.raises(StorageError, match=r"no space to write it.*run the same command again"):
            make(tmp_path / "out")

    assert forked(work) == 0
    assert sorted(p.name for p in (tmp_path / "out" / "data").iterdir()) == [
        "train-00001.parquet",
        "train-00003.parquet",
    ]
    assert not list((tmp_path / "out").rglob(".unfinished/*"))
    assert make(tmp_path / "out").kept == 2
    assert contents(tmp_path / "out") == contents(whole)


def test_no_permission_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "locked").mkdir(mode=0o500)
    make(tmp_path / "first")  # imports what another user may not read

    def work() -> None:
        if os.geteuid() == 0:
            os.setuid(65534)  # root may write everywhere
        with pytest.raises(
            StorageError, match=r"no permission to use this place \(Permission denied\); choose another"
        ):
            make(tmp_path / "locked" / "out")

    assert forked(work) == 0


def test_a_worker_that_is_killed_is_replaced(whole: Path, tmp_path: Path) -> None:
    source = SuicidalSource(10, broken=(4,), once=str(tmp_path / "once"))
    summary = generate(toy_run(source), source, toy_bank(), tmp_path / "out", workers=2)
    assert (tmp_path / "once").exists()
    assert summary.manifest.complete
    assert contents(tmp_path / "out") == contents(whole)


def test_workers_that_are_always_killed_end_the_run(tmp_path: Path) -> None:
    source = SuicidalSource(10, once=None)
    with pytest.raises(SshbenchError, match=r"keep being killed.*fewer --workers"):
        generate(toy_run(source), source, toy_bank(), tmp_path / "out", workers=2)


class SuicidalSource(ToySource):
    """Kills the process that reads photograph 5; with `once`, only the first one."""

    def __init__(self, count: int, broken: tuple[int, ...] = (), once: str | None = None) -> None:
        super().__init__(count, broken)
        self.once = once

    def read(self, i: int, short_side: int | None = None) -> Any:
        if i == 5 and not (self.once and os.path.exists(self.once)):
            if self.once:
                Path(self.once).touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return super().read(i, short_side)


# Another run's folder


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"settings": Settings(seed=7, crop=32, scale=(32, 40), overlap=(0.0, 1.0))}, "seed: 0, not 7"),
        ({"settings": Settings(draws=2, crop=32, scale=(32, 40), overlap=(0.0, 1.0))}, "draws: 1, not 2"),
        ({"views": 4}, "views: 3, not 4"),
        ({"store": "recipes"}, "store: pixels, not recipes"),
        ({"rows_per_shard": 5}, "rows per shard: 3, not 5"),
        ({"source": ToySource(11)}, r"source: .*\(10 photographs\), not .*\(11 photographs\)"),
        ({"bank": toy_bank(4)}, r"LUTs: 3 \(power 1.0, power 1.25 ...\), not 4"),
    ],
)
def test_another_runs_folder_is_refused_and_left_as_it_is(whole: Path, changed: dict[str, Any], said: str) -> None:
    before = contents(whole)
    source = changed.pop("source", SOURCE)
    bank = changed.pop("bank", toy_bank())
    run = toy_run(source, bank, **changed)
    with pytest.raises(ManifestError, match=f"other settings .*{said}"):
        generate(run, source, bank, whole)
    assert contents(whole) == before


@pytest.mark.parametrize("where", ["{}", "memory://begun-at-once/{}"])
def test_of_two_runs_that_begin_at_once_in_a_new_folder_one_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    output = Storage(where.format(tmp_path / "out"))
    runs = [toy_run(SOURCE, settings=replace(SMALL, seed=seed)) for seed in (1, 2)]
    look = manifest.find

    def slowly(storage: Any, run: Any) -> Any:
        """Look while the folder is new, and let the other run begin before this one does."""
        found = look(storage, run)
        if found is None and run is runs[0]:
            monkeypatch.setattr(manifest, "find", look)
            assert manifest.begin(output, runs[1]).run == runs[1]
        return found

    monkeypatch.setattr(manifest, "find", slowly)
    with pytest.raises(SshbenchError, match="seed: 2, not 1"):
        manifest.begin(output, runs[0])
    assert read_manifest(output).run == runs[1]


def test_two_parts_of_one_run_may_begin_at_once(tmp_path: Path) -> None:
    run = toy_run(SOURCE)
    with ThreadPoolExecutor(8) as pool:
        begun = list(pool.map(lambda _: manifest.begin(Storage(str(tmp_path / "out")), run), range(8)))
    assert [one.run for one in begun] == [run] * 8


def test_a_folder_that_has_become_another_runs_is_not_finished(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    output = tmp_path / "out"

    def conclude(job: Any, shards: Any, own: Any = engine._conclude) -> Any:
        other = toy_run(SOURCE, settings=replace(SMALL, seed=9))
        job.output.write(MANIFEST, Manifest(other, {}).to_json())
        return own(job, shards)

    monkeypatch.setattr(engine, "_conclude", conclude)
    with pytest.raises(SshbenchError, match="was taken over by another run meanwhile"):
        make(output)


def test_a_folder_with_other_files_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("mine")
    with pytest.raises(ManifestError, match=r"holds other files \(thesis.tex\)"):
        make(tmp_path)
    assert contents(tmp_path) == {"thesis.tex": b"mine"}


def test_a_manifest_of_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text('{"name": "my web app"}')
    with pytest.raises(ManifestError, match="not a manifest of sshbench"):
        make(tmp_path)


def spoiled(text: str, change: Callable[[Any], Any]) -> str:
    values = json.loads(text)
    return json.dumps(change(values) or values)


@pytest.mark.parametrize(
    "change",
    [
        lambda m: m["run"].update(views="3"),
        lambda m: m["run"].update(views=7),
        lambda m: m["run"].update(rows_per_shard=0),
        lambda m: m["run"].update(rows_per_shard=10**30),
        lambda m: m["run"].update(photos=-1),
        lambda m: m["run"].update(luts=[{"name": "a"}]),
        lambda m: m["run"].update(luts="abc"),
        lambda m: m["run"].update(image={"format": "exe"}),
        lambda m: m["run"].update(lut_part="half"),
        lambda m: m["run"].update(module="os:system"),
        lambda m: m["run"]["settings"].update(seed=-1),
        lambda m: m["run"]["settings"].update(draws=0),
        lambda m: m["run"]["settings"].update(crop="48"),
        lambda m: m["run"]["settings"].update(strength=[0.1]),
        lambda m: m["run"]["settings"].pop("kind") and m["run"].pop("settings") and None,
        lambda m: m.update(shards=[{"number": 0}]),
        lambda m: m["shards"][0].update(rows="many"),
        lambda m: m["shards"][0].update(rows=-5),
        lambda m: m["shards"][0].update(sha256="../../etc/passwd"),
        lambda m: m["shards"][0].update(skipped=[["a", "b"]]),
        lambda m: m["shards"][0].update(number=10**30),
        lambda m: m.update(shards=7),
        lambda m: m.update(run=[]),
        lambda m: [m],
    ],
)
def test_a_damaged_manifest_is_a_sentence(whole: Path, tmp_path: Path, change: Callable[[Any], Any]) -> None:
    shutil.copytree(whole, tmp_path / "out")
    manifest = tmp_path / "out" / "manifest.json"
    manifest.write_text(spoiled(manifest.read_text(), change))
    for read in (lambda: make(tmp_path / "out"), lambda: read_manifest(str(tmp_path / "out"))):
        with pytest.raises(ManifestError, match=r"manifest\.json: not a manifest of sshbench \(.+\)") as caught:
            read()
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "change",
    [
        lambda r: r.update(rows="many"),
        lambda r: r.update(rows=None),
        lambda r: r.update(bytes=-1),
        lambda r: r.update(number=7),
        lambda r: r.update(skipped=[{"row": 1, "reason": "a"}]),
        lambda r: r.pop("sha256") and None,
        lambda r: r.update(more=1),
        lambda r: [r],
        lambda r: "record",
    ],
)
def test_a_damaged_record_of_a_shard_is_a_sentence_and_can_be_deleted(
    whole: Path, tmp_path: Path, change: Callable[[Any], Any]
) -> None:
    make(tmp_path / "out", shard=(0, 2))
    record = tmp_path / "out" / ".shards" / "00002.json"
    record.write_text(spoiled(record.read_text(), change))
    with pytest.raises(ManifestError, match=r"00002\.json: not the record of a shard \(.+\); delete it") as caught:
        make(tmp_path / "out")
    assert "\n" not in str(caught.value)
    record.unlink()
    make(tmp_path / "out")
    assert contents(tmp_path / "out") == contents(whole)


def test_a_record_that_is_cut_short_is_a_sentence(tmp_path: Path) -> None:
    make(tmp_path / "out", shard=(0, 2))
    record = tmp_path / "out" / ".shards" / "00000.json"
    for text in (record.read_text()[:40], "", "[" * 100_000):
        record.write_text(text)
        with pytest.raises(ManifestError, match=r"00000\.json: not the record of a shard"):
            make(tmp_path / "out")


def test_a_file_in_the_way_is_refused(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("mine")
    with pytest.raises(StorageError, match=r"is a file|[Nn]ot a directory"):
        make(tmp_path / "out")


# Streams


@pytest.mark.parametrize("count", [0, 1, 3, 10, 12])
@pytest.mark.parametrize("workers", [1, 2])
def test_a_stream_gives_the_shards_of_the_same_photographs(tmp_path: Path, count: int, workers: int) -> None:
    make(tmp_path / "plain", ToySource(count))
    summary = make(tmp_path / "stream", ToySource(count, streaming=True), workers=workers)
    assert summary.manifest.complete
    assert summary.manifest.run.photos == count
    shards = [
        {k: v for k, v in contents(tmp_path / name).items() if k.startswith("data")} for name in ("plain", "stream")
    ]
    assert shards[0] == shards[1]


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
@pytest.mark.parametrize("count", [9, 10, 12])
def test_slices_of_a_stream_find_its_end(tmp_path: Path, count: int, order: tuple[int, int]) -> None:
    source = ToySource(count, streaming=True)
    make(tmp_path / "whole", source)
    for i in order:
        summary = make(tmp_path / "slices", source, shard=(i, 2))
    assert summary.manifest.complete
    assert contents(tmp_path / "slices") == contents(tmp_path / "whole")


# Odd sizes


def test_a_shard_of_which_nothing_could_be_made_is_an_empty_table(tmp_path: Path) -> None:
    summary = make(tmp_path / "out", ToySource(4, broken=(0, 1, 2)))
    assert summary.lost_share == 0.75
    assert pq.read_table(tmp_path / "out" / "data").num_rows == 1


def test_a_part_counts_its_losses_against_the_whole_run(tmp_path: Path) -> None:
    summary = make(tmp_path / "out", ToySource(8, broken=(0,)), shard=(0, 4))
    assert summary.missing
    assert summary.lost_share == 1 / 8


def test_draws_count_for_the_share_of_losses_and_for_shards(tmp_path: Path) -> None:
    settings = Settings(draws=5, crop=32, scale=(32, 40), overlap=(0.0, 1.0))
    source = ToySource(4, broken=(2,))
    summary = make(tmp_path / "out", source, toy_run(source, settings=settings))
    assert (summary.manifest.rows, len(summary.manifest.shards), summary.lost_share) == (15, 4, 0.25)
    draws = pq.read_table(tmp_path / "out" / "data", columns=["draw"])["draw"].to_numpy()
    assert np.array_equal(draws, [*range(5)] * 3)


# Anywhere


def test_memory_holds_the_same_files(whole: Path) -> None:
    import fsspec

    make("memory://toy/out")
    fs = fsspec.filesystem("memory")
    found = {path.removeprefix("/toy/out/"): fs.cat_file(path) for path in fs.find("/toy/out")}
    assert found == contents(whole)
    assert make("memory://toy/out").kept == 4


def test_memory_is_refused_to_workers_that_would_not_share_it() -> None:
    with pytest.raises(SshbenchError, match="exists in one process only"):
        make("memory://toy/other", workers=2)


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Any:
    """An S3 bucket on this machine, known to this process and its children."""
    pytest.importorskip("s3fs", reason="install s3fs to test s3:// outputs")
    moto = pytest.importorskip("moto.server", reason="install moto[s3,server] to test s3:// outputs")
    server = moto.ThreadedMotoServer(port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    for name, value in {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    import s3fs

    s3fs.S3FileSystem.clear_instance_cache()
    fs = s3fs.S3FileSystem()
    if not fs.exists("bucket"):
        fs.mkdir("bucket")
    yield fs
    fs.rm("bucket", recursive=True)
    server.stop()
    s3fs.S3FileSystem.clear_instance_cache()


@pytest.mark.parametrize("workers", [1, 2])
def test_s3_holds_the_same_files(whole: Path, bucket: Any, workers: int) -> None:
    make("s3://bucket/out", shard=(0, 2))
    make("s3://bucket/out", workers=workers)
    bucket.invalidate_cache()
    found = {path.removeprefix("bucket/out/"): bucket.cat_file(path) for path in bucket.find("bucket/out")}
    assert found == contents(whole)


def test_a_bucket_that_is_not_there_is_one_sentence(bucket: Any) -> None:
    with pytest.raises(StorageError, match=r"s3://nowhere/out") as error:
        make("s3://nowhere/out")
    assert "\n" not in str(error.value)


def test_an_unknown_protocol_is_one_sentence() -> None:
    with pytest.raises(StorageError, match="nosuch"):
        make("nosuch://somewhere/out")


def test_a_remote_store_that_fills_up_keeps_whole_files(whole: Path) -> None:
    import fsspec
    from fsspec.implementations.memory import MemoryFileSystem

    class Small(MemoryFileSystem):  # type: ignore[misc]
        protocol = "small"
        store: dict[str, Any] = {}  # noqa: RUF012
        pseudo_dirs: list[str] = [""]  # noqa: RUF012
        room = 3

        @classmethod
        def _strip_protocol(cls, path: str) -> str:
            return str(super()._strip_protocol(path.replace("small://", "memory://")))

        def put_file(self, *args: Any, **options: Any) -> None:
            Small.room -= 1
            if Small.room < 0:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            super().put_file(*args, **options)

    fsspec.register_implementation("small", Small, clobber=True)
    with pytest.raises(StorageError, match="no space to write it"):
        make("small://out")
    fs = fsspec.filesystem("small")
    assert [fs.cat_file(p) for p in fs.find("/out/data")] == [(whole / "data" / "train-00000.parquet").read_bytes()]
    Small.room = 100
    make("small://out")
    assert {p.removeprefix("/out/"): fs.cat_file(p) for p in fs.find("/out")} == contents(whole)
