"""Files appear whole or not at all, whatever goes wrong; and what is no file is written to and never replaced."""

from __future__ import annotations

import errno
import os
import resource
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import pytest

from sshbench import whole_file as module
from sshbench.benchmarks.composite import BenchmarkError
from sshbench.benchmarks.ids import check_files
from sshbench.errors import SshbenchError, sentence
from sshbench.outputs import one_file_of_two, would_replace
from sshbench.whole_file import (
    append_whole,
    folder_for_a_while,
    hold,
    is_stream,
    remove_unfinished,
    whole_file,
    whole_folder,
)


def left(folder: Path) -> list[str]:
    return [path.name for path in folder.rglob(".*")]


def python(code: str, *words: str, **options: object) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-c", code, *words], text=True, **options)  # type: ignore[call-overload]


class TestFiles:
    def test_the_temporary_file_ends_as_the_file_and_leaves_nothing(self, tmp_path: Path) -> None:
        with whole_file(tmp_path / "a.tar.gz") as temporary:
            assert temporary.parent == tmp_path
            assert temporary.suffix == ".gz"
            temporary.write_text("new")
            assert not (tmp_path / "a.tar.gz").exists()
        assert os.listdir(tmp_path) == ["a.tar.gz"]

    def test_an_error_leaves_what_was_there(self, tmp_path: Path) -> None:
        (tmp_path / "a").write_text("old")
        with pytest.raises(AttributeError), whole_file(tmp_path / "a") as temporary:
            temporary.write_text("new").nothing  # type: ignore[attr-defined]  # noqa: B018
        assert (tmp_path / "a").read_text() == "old"
        assert os.listdir(tmp_path) == ["a"]

    def test_permissions_and_links_stay(self, tmp_path: Path) -> None:
        (tmp_path / "a").write_text("old")
        (tmp_path / "a").chmod(0o640)
        (tmp_path / "link").symlink_to("a")
        with whole_file(tmp_path / "link") as temporary:
            temporary.write_text("new")
        assert (tmp_path / "link").is_symlink()
        assert (tmp_path / "a").read_text() == "new"
        assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o640

    def test_bytes_are_on_the_disk_before_they_have_their_name(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        done = []
        fsync, replace = os.fsync, os.replace
        monkeypatch.setattr(os, "fsync", lambda file: done.append((os.fstat(file).st_size, fsync(file))))
        monkeypatch.setattr(os, "replace", lambda *names: done.append(("name", replace(*names))))
        with whole_file(tmp_path / "a") as temporary:
            temporary.write_text("twelve bytes")
        assert [what for what, _ in done] == [12, "name"]

    @pytest.mark.parametrize("place", ["missing/a.txt", "file/a.txt", "folder"])
    def test_errors_name_the_file_that_the_user_knows(self, tmp_path: Path, place: str) -> None:
        (tmp_path / "file").touch()
        (tmp_path / "folder").mkdir()
        with pytest.raises(OSError, match=r"file|directory") as caught, whole_file(tmp_path / place) as temporary:
            temporary.write_text("")
        assert sentence(caught.value).startswith(f"{tmp_path / place}: ")
        assert not left(tmp_path)


@contextmanager
def no_file_above(size: int) -> Iterator[None]:
    """Let writing fail beyond so many bytes, as on a disk that is full, but with the number of another error."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def _torch(path: Path) -> None:
    import torch

    torch.save({"a": torch.zeros(100_000)}, path)


def _safetensors(path: Path) -> None:
    import torch
    from safetensors.torch import save_file

    save_file({"a": torch.zeros(100_000)}, path)


def _numpy(path: Path) -> None:
    np.save(path, np.zeros(100_000))


def _pillow(path: Path) -> None:
    from PIL import Image

    Image.fromarray(np.random.default_rng(0).integers(0, 256, (300, 300, 3), np.uint8)).save(path)


def _parquet(path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table({"a": np.random.default_rng(0).random(100_000)}), path)


def _text(path: Path) -> None:
    path.write_text("a" * 400_000)


class TestFullDisk:
    @pytest.mark.parametrize(
        ("name", "write"),
        [
            ("a.pt", _torch), ("a.safetensors", _safetensors), ("a.npy", _numpy), ("a.png", _pillow),
            ("a.parquet", _parquet), ("a.txt", _text),
        ],
    )  # fmt: skip
    def test_whatever_a_library_says_it_is_one_sentence_with_the_file(
        self, tmp_path: Path, name: str, write: Callable[[Path], None]
    ) -> None:
        path = tmp_path / name
        path.write_text("old")
        write(tmp_path / f"warm{path.suffix}")  # libraries that load late may write files of their own
        with no_file_above(50_000), pytest.raises(OSError, match="large") as caught, whole_file(path) as temporary:
            write(temporary)
        assert caught.value.errno == errno.EFBIG
        assert sentence(caught.value) == (
            f"{path}: no space to write it (File too large); make room and run the same command again"
        )
        assert path.read_text() == "old"
        assert not left(tmp_path)

    def test_other_errors_stay_what_they_are(self, tmp_path: Path) -> None:
        with pytest.raises(ValueError, match=r"^mine$"), whole_file(tmp_path / "a"):
            raise ValueError("mine")
        with pytest.raises(OSError, match="other") as caught, whole_file(tmp_path / "a"):
            (tmp_path / "other").read_bytes()
        assert caught.value.filename == str(tmp_path / "other")

    def test_standard_output_that_is_full_is_one_sentence(self) -> None:
        if not os.path.exists("/dev/full"):
            pytest.skip("this system has no /dev/full")
        with open("/dev/full", "w") as full:
            made = subprocess.run(
                [sys.executable, "-m", "sshbench", "protocols"], stdout=full, stderr=subprocess.PIPE, text=True
            )
        assert (made.returncode, made.stderr.count("\n")) == (2, 1)
        assert "there is no space to write (No space left on device)" in made.stderr


class TestAppending:
    def test_all_of_it_or_none(self, tmp_path: Path) -> None:
        path = tmp_path / "a.jsonl"
        append_whole(path, b"one\n")
        append_whole(path, b"two\n")
        with no_file_above(10), pytest.raises(OSError, match="large") as caught:
            append_whole(path, b"three\n")
        assert sentence(caught.value).startswith(f"{path}: no space to write it")
        assert path.read_bytes() == b"one\ntwo\n"


class TestFolders:
    def test_it_appears_with_all_its_files(self, tmp_path: Path) -> None:
        with whole_folder(tmp_path / "above" / "a") as temporary:
            (temporary / "below").mkdir()
            (temporary / "below" / "b.txt").write_text("whole")
            assert not (tmp_path / "above" / "a").exists()
        assert (tmp_path / "above" / "a" / "below" / "b.txt").read_text() == "whole"
        assert not left(tmp_path)
        assert stat.S_IMODE((tmp_path / "above" / "a").stat().st_mode) == stat.S_IMODE(
            (tmp_path / "above").stat().st_mode
        )

    def test_an_error_leaves_nothing(self, tmp_path: Path) -> None:
        with pytest.raises(AttributeError), whole_folder(tmp_path / "a") as temporary:
            (temporary / "b.txt").write_text("half").nothing  # type: ignore[attr-defined]  # noqa: B018
        assert not list(tmp_path.iterdir())

    def test_what_is_there_is_not_replaced(self, tmp_path: Path) -> None:
        (tmp_path / "a").mkdir()
        (tmp_path / "a" / "mine").touch()
        with pytest.raises(OSError, match="not empty") as caught, whole_folder(tmp_path / "a") as temporary:
            (temporary / "b.txt").touch()
        assert sentence(caught.value) == f"{tmp_path / 'a'}: Directory not empty"
        assert os.listdir(tmp_path / "a") == ["mine"]
        assert not left(tmp_path)

    @pytest.mark.parametrize("inner", [False, True], ids=["written", "written whole"])
    def test_a_full_disk_names_the_file_that_the_user_knows(self, tmp_path: Path, inner: bool) -> None:
        def write(path: Path) -> None:
            with whole_file(path) if inner else nullcontext(path) as place:
                _text(place)

        with (
            no_file_above(50_000),
            pytest.raises(OSError, match="large") as caught,
            whole_folder(tmp_path / "a") as made,
        ):
            write(made / "b.txt")
        named = tmp_path / "a" / "b.txt" if inner else tmp_path / "a"  # the system does not say which file it was
        assert sentence(caught.value).startswith(f"{named}: no space to write it (File too large)")
        assert not list(tmp_path.iterdir())

    def test_a_folder_for_a_while_is_its_users_alone_and_goes(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
        with folder_for_a_while() as folder:
            assert folder.parent == tmp_path
            assert stat.S_IMODE(folder.stat().st_mode) == 0o700
            (folder / "b.txt").touch()
        assert not list(tmp_path.iterdir())


HANG_IN_FOLDERS = """
import sys, tempfile, time
from sshbench.whole_file import folder_for_a_while, whole_folder
tempfile.tempdir = sys.argv[1]
with whole_folder(sys.argv[2]) as one, folder_for_a_while() as other:
    for folder in (one, other):
        (folder / "half.txt").write_text("half")
    print("begun", flush=True)
    time.sleep(600)
"""

HANG = """
import sys, time
from sshbench.whole_file import whole_file
with whole_file(sys.argv[1]) as temporary:
    temporary.write_text("half")
    print("begun", flush=True)
    time.sleep(600)
"""


def stopped_at_line(number: int, work: Callable[[], object]) -> bool:
    """Do the work, and raise KeyboardInterrupt at a line of `whole_file.py`; return whether there was such a line."""
    seen = 0

    def trace(frame: FrameType, event: str, _: object) -> Any:
        nonlocal seen
        if frame.f_code.co_filename != module.__file__:
            return None
        seen += event == "line"
        if seen == number and event == "line":
            raise KeyboardInterrupt
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        work()
    except KeyboardInterrupt:
        pass
    finally:
        sys.settrace(before)
    return seen >= number


@pytest.mark.parametrize("kind", ["file", "folder", "for a while"])
def test_a_stop_at_any_line_leaves_nothing_unfinished(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    def work() -> None:
        if kind == "file":
            with whole_file(tmp_path / "a.txt") as temporary:
                temporary.write_text("new")
        else:
            with whole_folder(tmp_path / "a") if kind == "folder" else folder_for_a_while() as folder:
                (folder / "b.txt").write_text("new")

    lines = 1
    while stopped_at_line(lines, work):
        remove_unfinished()  # as at the end of a process
        assert left(tmp_path) == []
        for path in tmp_path.rglob("*.txt"):
            assert path.read_text() == "new"
        shutil.rmtree(tmp_path / "a", ignore_errors=True)
        lines += 1
    assert lines > 20


@pytest.mark.parametrize("ends", ["sys.exit()", "signal.raise_signal(signal.SIGINT)"])
def test_what_is_unfinished_goes_when_the_interpreter_exits(tmp_path: Path, ends: str) -> None:
    code = (
        "import signal, sys; from sshbench.whole_file import whole_file; block = whole_file(sys.argv[1])\n"
        f"block.__enter__().write_text('half'); block.__exit__ = None; {ends}"
    )
    python(code, str(tmp_path / "a.txt"), stderr=subprocess.DEVNULL).wait()
    assert os.listdir(tmp_path) == []


class TestKilled:
    def test_what_a_killed_process_leaves_the_next_one_removes(self, tmp_path: Path) -> None:
        processes = [python(HANG, str(tmp_path / name), stdout=subprocess.PIPE) for name in ("a.txt", "b.txt")]
        for process in processes:
            assert process.stdout is not None
            assert process.stdout.readline() == "begun\n"
        killed, alive = processes
        try:
            killed.kill()
            killed.wait()
            assert len(left(tmp_path)) == 2
            mine = [".sshbench-notes.txt", ".0123456789abcdef.txt", ".hidden"]  # the user's own
            for name in mine:
                (tmp_path / name).touch()
            with whole_file(tmp_path / "c.txt") as temporary:
                temporary.write_text("whole")
            kept = set(left(tmp_path)) - set(mine)
            assert len(kept) == 1
            assert set(mine) <= set(left(tmp_path))
        finally:
            alive.kill()
            alive.wait()
        module._cleared.clear()  # as in another process
        with whole_file(tmp_path / "c.txt") as temporary:
            temporary.write_text("whole")
        assert set(left(tmp_path)) == set(mine)

    def test_folders_of_a_killed_process_go_and_those_of_a_living_one_stay(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
        words = [(str(tmp_path), str(tmp_path / name)) for name in "ab"]
        processes = [python(HANG_IN_FOLDERS, *two, stdout=subprocess.PIPE) for two in words]
        for process in processes:
            assert process.stdout is not None
            assert process.stdout.readline() == "begun\n"
        assert len(left(tmp_path)) == 4
        for folder in tmp_path.iterdir():
            os.utime(folder, (0, 0))  # a folder may be in use for days
        killed, alive = processes
        try:
            killed.kill()
            killed.wait()
            with folder_for_a_while():
                assert len(left(tmp_path)) == 3
        finally:
            alive.kill()
            alive.wait()
        module._cleared.clear()  # as in another process
        with whole_folder(tmp_path / "a"):
            assert len(left(tmp_path)) == 1
        assert os.listdir(tmp_path) == ["a"]

    def test_a_pipe_among_temporary_files_is_not_waited_for(self, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / ".sshbench-0123456789abcdef")
        with whole_file(tmp_path / "a.txt") as temporary:
            temporary.write_text("whole")
        assert (tmp_path / "a.txt").read_text() == "whole"

    def test_a_lock_holds_until_it_is_closed(self, tmp_path: Path) -> None:
        lock = hold(tmp_path / "a")
        assert not module.is_abandoned(tmp_path / "a")
        os.utime(tmp_path / "a", (0, 0))
        assert module.is_abandoned(tmp_path / "a")  # where there are no locks, age has to do
        os.utime(tmp_path / "a")
        os.close(lock)
        assert module.is_abandoned(tmp_path / "a")

    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
    def test_a_command_that_is_stopped_leaves_nothing_and_says_so(self, tmp_path: Path, number: int) -> None:
        if signal.getsignal(number) == signal.SIG_IGN:
            pytest.skip("these tests run under nohup, which commands obey")
        code = (
            "import sys, time, click, sshbench.cli.main as m\n"
            "from sshbench.cli.stopping import go_on\n"
            "from sshbench.whole_file import whole_file\n"
            "def wait():\n"
            "    go_on('do it again')\n"
            "    with whole_file(sys.argv[1]):\n"
            "        print('begun', flush=True)\n"
            "        time.sleep(600)\n"
            "m.cli.lazy = {'wait': ('__main__:command', '')}\n"
            "command = click.Command('wait', callback=wait)\n"
            "m.main(['wait'])\n"
        )
        process = python(code, str(tmp_path / "a.txt"), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        assert process.stdout is not None
        assert process.stdout.readline() == "begun\n"
        process.send_signal(number)
        _, errors = process.communicate(timeout=60)
        assert process.returncode == 128 + number
        name = {signal.SIGINT: "interrupted", signal.SIGTERM: "ended by SIGTERM", signal.SIGHUP: "ended by SIGHUP"}
        assert errors.strip() == f"sshbench: {name[signal.Signals(number)]}; do it again"
        assert not list(tmp_path.iterdir())

    def test_nohup_is_obeyed(self, tmp_path: Path) -> None:
        code = (
            "import os, signal, click, sshbench.cli.main as m\n"
            "signal.signal(signal.SIGHUP, signal.SIG_IGN)\n"
            "m.cli.lazy = {'hang-up': ('__main__:command', '')}\n"
            "command = click.Command('hang-up', callback=lambda: os.kill(os.getpid(), signal.SIGHUP))\n"
            "m.main(['hang-up'])\n"
        )
        assert python(code).wait(60) == 0


class TestStreams:
    def test_a_pipe_gets_the_bytes_and_stays_a_pipe(self, tmp_path: Path) -> None:
        pipe, read = tmp_path / "pipe.csv", []
        os.mkfifo(pipe)
        reader = threading.Thread(target=lambda: read.append(pipe.read_bytes()))
        reader.start()
        with whole_file(pipe) as temporary:
            assert temporary.suffix == ".csv"
            temporary.write_bytes(bytes(300_000))
        reader.join(30)
        assert read == [bytes(300_000)]
        assert pipe.is_fifo()
        assert not left(tmp_path)
        assert not temporary.exists()

    def test_a_pipe_that_nobody_reads_is_not_waited_for_for_ever(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        os.mkfifo(tmp_path / "pipe")
        monkeypatch.setattr(module, "_READER_COMES_WITHIN", 0.1)
        with pytest.raises(OSError, match="nobody reads from this pipe") as caught, whole_file(tmp_path / "pipe"):
            pass
        assert caught.value.filename == str(tmp_path / "pipe")

    def test_a_reader_that_goes_is_told(self, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "pipe")

        def read_some() -> None:
            with open(tmp_path / "pipe", "rb") as pipe:
                pipe.read(1)

        reader = threading.Thread(target=read_some)
        reader.start()
        with (
            pytest.raises(SshbenchError, match="its reader closed the pipe"),
            whole_file(tmp_path / "pipe") as temporary,
        ):
            temporary.write_bytes(bytes(3_000_000))
        reader.join()

    def test_a_device_stays_a_device(self, tmp_path: Path) -> None:
        device = tmp_path / "null.csv"
        try:
            os.mknod(device, stat.S_IFCHR | 0o666, os.makedev(1, 3))
        except OSError:
            pytest.skip("only root makes devices")
        (tmp_path / "link.csv").symlink_to(device)
        for path in (device, tmp_path / "link.csv"):
            with whole_file(path) as temporary:
                temporary.write_text("away")
            assert is_stream(path)
            assert not would_replace(path)
        assert device.is_char_device()
        assert not device.is_symlink()

    def test_standard_output_by_its_name(self, tmp_path: Path) -> None:
        code = (
            "import sys; from sshbench.whole_file import whole_file\n"
            "print('before')\n"
            "with whole_file('/dev/stdout') as temporary: temporary.write_text('between\\n')\n"
            "print('after')\n"
        )
        said = "before\nbetween\nafter\n"
        assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == said
        with open(tmp_path / "out.txt", "w") as file:
            subprocess.run([sys.executable, "-c", code], stdout=file, check=True)
        assert (tmp_path / "out.txt").read_text() == said

    def test_files_and_folders_are_no_streams(self, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        assert not any(map(is_stream, (tmp_path, tmp_path / "file", tmp_path / "missing")))
        assert would_replace(tmp_path / "file")
        assert not would_replace(tmp_path / "missing")


def test_ten_thousand_files_in_the_folder_cost_nothing(tmp_path: Path) -> None:
    for number in range(10_000):
        (tmp_path / f"{number}.txt").touch()
    with whole_file(tmp_path / "first.txt"):
        pass
    begun = time.perf_counter()
    for number in range(20):
        with whole_file(tmp_path / f"new{number}.txt"):
            pass
    assert (time.perf_counter() - begun) / 20 < 0.5


class TestCapitalLetters:
    def test_a_disk_that_tells_them_apart_takes_both(self, tmp_path: Path) -> None:
        (tmp_path / "a").touch()
        if (tmp_path / "A").exists():
            pytest.skip("the disk of these tests does not")
        assert one_file_of_two(tmp_path / "new" / "below", ["x/a", "x/A", "b"]) is None
        assert [path.name for path in tmp_path.iterdir()] == ["a"]

    def test_a_disk_that_does_not_is_found_out(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def lexists(path: str | os.PathLike[str]) -> bool:
            place = Path(path)
            return place.name.lower() in [name.lower() for name in os.listdir(place.parent)]

        monkeypatch.setattr("os.path.lexists", lexists)
        assert one_file_of_two(tmp_path / "new", ["b", "x/a", "X/A"]) == ("x/a", "X/A")
        assert one_file_of_two(tmp_path, ["caf\u00e9", "CAFE\u0301"]) == ("caf\u00e9", "CAFE\u0301")
        assert one_file_of_two(tmp_path, ["a", "b", "a"]) is None
        assert not list(tmp_path.iterdir())
        with pytest.raises(BenchmarkError, match=r"'a' and 'A' would be one file in .*capital letters"):
            check_files("mine", ["a", "./A"], tmp_path)
        for ids in (["x/a", "X/A.png/b"], ["x/a", "x/a.PNG/b/c"], ["caf\u00e9", "cafe\u0301.npy/b"]):
            with pytest.raises(BenchmarkError, match=f"{ids[0]!r} and {ids[1]!r} would be one file"):
                check_files("mine", ids, tmp_path)
        check_files("mine", ["A.png/b", "a.png/c", "a.jpg", "b"], tmp_path)
