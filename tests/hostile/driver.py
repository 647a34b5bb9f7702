"""A small fuzz driver for readers of foreign bytes: valid inputs, damaged by a seed, each read in a process apart.

A reader may succeed, or raise an `SshbenchError` whose text is one printable sentence. All else is a fault: another
exception, a crash, more processor time or memory than the target allows, a file opened, written or deleted outside of
the folder of the input, a program or code from that folder run, a connection made. The inputs of faults are kept.

To add a reader, write `tests/hostile/test_<reader>.py`:

    def _make(random: Random) -> Files:
        return {"x.npz": a_valid_file(random)}

    def _read(folder: Path) -> object:
        return read_npz(folder / "x.npz")

    TARGET = Target(_make, _read)   # functions of the module, so that another process can import them

    def test_the_reader_of_npz(tmp_path: Path) -> None:
        fuzz(TARGET, tmp_path)

`Target.damage` stands for `damaged` where bytes alone do not reach deep enough, say inside of a compressed container;
`odd_json` damages a value of JSON, and `ODD_NAMES` and `ODD_NUMBERS` are what to put in fields.
"""

from __future__ import annotations

import builtins
import faulthandler
import importlib.util
import json
import multiprocessing
import os
import resource
import shutil
import signal
import struct
import sys
import sysconfig
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from sshbench.errors import LONGEST, SshbenchError

Files = Mapping[str, bytes]
"""One input: the name of each file, relative to the folder that the reader is given, and its bytes."""

SECONDS = float(os.environ.get("SSHBENCH_FUZZ_SECONDS", "2"))
SEED = os.environ.get("SSHBENCH_FUZZ_SEED", "0")

_LEAST = 10  # inputs, however slow the machine is
_START = 600  # seconds until a process has imported all it needs

ODD_NUMBERS = (0, 1, -1, 2**31 - 1, 2**31, 2**32, 2**40, 2**63 - 1, 2**63, 2**64 - 1, 2**70, 0.5, 1e308, -1e-320)
ODD_NAMES = (
    "", ".", "..", "/", "a/", "../x", "../../../../tmp/x", "/etc/passwd", "/dev/zero", "a\0b", "a\nb", "\x1b[31m",
    "x" * 300, "x" * 100_000, "é", "e\u0301", "\ud800", "C:\\x", "a\\b", "-rf", "~", "~/x", "$HOME", "%s", "{0}",
    "a.py", "a.py:Class", "os:system", "a:b=c", "file:///etc/passwd", "http://localhost/x", "hf://a/b", "NaN", "con",
)  # fmt: skip


def damaged(random: Random, files: Files) -> Files:
    """The input with one of its files damaged, now and then two, or one missing."""
    files = dict(files)
    for _ in range(random.choice((1, 1, 1, 2))):
        name = random.choice(sorted(files))
        files[name] = damaged_bytes(random, files[name])
    if len(files) > 1 and random.random() < 0.03:
        del files[random.choice(sorted(files))]
    return files


def damaged_bytes(random: Random, data: bytes) -> bytes:
    """The bytes with a few changes: bits, lengths, numbers, pieces that are gone, doubled or moved, or an early end."""
    changed = bytearray(data)
    for _ in range(random.choice((1, 1, 1, 2, 3, 6, 20))):
        place = random.randrange(len(changed) + 1)
        count = random.choice((1, 2, 4, 8, 60))
        match random.randrange(10):
            case 0 | 1 if place < len(changed):
                changed[place] ^= 1 << random.randrange(8)
            case 2 | 3 if place < len(changed):
                changed[place] = random.choice((0, 1, 0x7F, 0x80, 0xFF, 0x0A, 0x20, 0x22, 0x2F, random.randrange(256)))
            case 4:
                number = random.choice((0, 1, len(changed), 2**31, 2**32 - 1, 2**40, 2**63 - 1, 2**63, 2**64 - 1))
                kind = random.choice(("<H", "<I", "<Q", ">H", ">I", ">Q"))
                packed = struct.pack(kind, number % 256 ** struct.calcsize(kind))
                changed[place : place + len(packed)] = packed
            case 5:
                del changed[place : place + random.choice((1, 2, 8, 100))]
            case 6:
                changed[place:place] = changed[place : place + count]
            case 7:
                changed[place:place] = random.randbytes(count)
            case 8:
                other = random.randrange(len(changed) + 1)
                changed[place : place + count] = changed[other : other + count]
            case 9 if random.random() < 0.3:
                del changed[place:]
            case _:
                changed[place:place] = str(random.choice(ODD_NUMBERS)).encode()
    return bytes(changed)


def odd_json(random: Random, value: Any) -> Any:
    """A value of JSON with one to three of its parts replaced by odd ones, doubled, renamed or gone."""
    value = json.loads(json.dumps(value))
    holder = [value]
    for _ in range(random.choice((1, 1, 1, 2, 3))):
        places = list(_places(holder))
        inside, key = random.choice(places)
        match random.randrange(6):
            case 0 if inside is not holder:
                del inside[key]
            case 1 if isinstance(inside, dict):
                inside[random.choice(ODD_NAMES)] = inside.pop(key)
            case 2 if isinstance(inside, list) and inside is not holder:
                inside.insert(key, inside[key])
            case 3:
                other, place = random.choice(places)
                inside[key] = json.loads(json.dumps(other[place]))
            case _:
                inside[key] = _odd_value(random)
    return holder[0]


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every place in a value of JSON: what holds it, and its key or index there."""
    for key, inner in list(value.items() if isinstance(value, dict) else enumerate(value)):
        yield value, key
        if isinstance(inner, (dict, list)):
            yield from _places(inner)


def _odd_value(random: Random) -> Any:
    deep: Any = []
    for _ in range(random.choice((2, 50, 200))):
        deep = [deep] if random.random() < 0.5 else {"a": deep}
    odd = (None, True, False, [], {}, [[]], deep, float("nan"), float("inf"), [0] * 1000, {"x" * 100: "y"})
    return random.choice((random.choice(ODD_NUMBERS), random.choice(ODD_NAMES), random.choice(odd)))


@dataclass(frozen=True)
class Target:
    """One reader under test.

    Parameters
    ----------
    make
        Makes a valid input; `read` has to succeed on it.
    read
        Reads the input that lies in a folder.
    damage
        Changes an input; the driver does it to nine inputs of ten.
    memory
        Bytes that reading one input may add to the process.
    seconds
        Processor seconds that one input may take; also, twenty times as many on the clock.
    """

    make: Callable[[Random], Files]
    read: Callable[[Path], object]
    damage: Callable[[Random, Files], Files] = damaged
    memory: int = 512 * 2**20
    seconds: float = 5.0


@dataclass(frozen=True)
class Outcome:
    """What became of the inputs of a run: how many, how many were read or refused, and each kind of fault once."""

    inputs: int
    read: int
    refused: int
    faults: Mapping[str, str]


OUTCOMES: dict[str, Outcome] = {}
"""Of this session's targets, for the summary at its end."""


def fuzz(target: Target, folder: Path, seconds: float = SECONDS, seed: str = SEED) -> Outcome:
    """Read inputs for `seconds` and fail where one is a fault, with where the input was kept.

    Parameters
    ----------
    folder
        An empty folder; inputs are read in `folder/work`, and those of faults kept in `folder/faults`.
    """
    outcome = run(target, folder, seconds, seed)
    OUTCOMES[f"{target.make.__module__.rpartition('.')[2]} {target.read.__name__}"] = outcome
    assert not outcome.faults, "\n".join(f"{fault}\n    input: {kept}" for fault, kept in outcome.faults.items())
    assert outcome.read, "no input was read: the target makes no valid one"
    assert outcome.refused, "no input was refused: the target damages none"
    return outcome


def run(target: Target, folder: Path, seconds: float, seed: str) -> Outcome:
    """Run a target in a process apart and say what became of its inputs; after a crash or hang, another one goes on."""
    context = multiprocessing.get_context("spawn")
    tally = {"inputs": 0, "read": 0, "refused": 0}
    faults: dict[str, str] = {}
    (folder / "faults").mkdir(parents=True, exist_ok=True)
    while seconds > 0 and len(faults) < 20:
        ours, theirs = context.Pipe(duplex=False)
        process = context.Process(target=_work, args=(target, folder, seconds, seed, tally, theirs))
        process.start()
        theirs.close()
        began = None
        last: tuple[Any, ...] = ("begun",)
        try:
            while ours.poll(_START if began is None else 40 * target.seconds):
                last = ours.recv()
                began = began or time.monotonic()
                if last[0] == "fault":
                    faults.setdefault(last[1], last[2])
                else:
                    tally |= last[1]
                    if last[0] == "done":
                        break
        except EOFError:
            pass
        if last[0] != "done":
            _end(process)
            code = process.exitcode or 0
            crash = (
                "ends early" if code >= 0 else signal.Signals(-code).name if code != -signal.SIGKILL else "is killed"
            )
            kept = _keep(folder, f"{crash}-{tally['inputs']}") if began else "none: it was not reached"
            faults.setdefault(f"the process {crash} (see its standard error)", kept)
            tally["inputs"] += 1
        process.join()
        if began is None:
            break
        seconds -= time.monotonic() - began
        if last[0] == "done":
            break
    return Outcome(**tally, faults=faults)


def _end(process: Any) -> None:
    process.join(5)
    if process.is_alive():
        process.kill()
        process.join()


def _work(target: Target, folder: Path, seconds: float, seed: str, tally: dict[str, int], parent: Any) -> None:
    """Read inputs of this seed, from the next number on, and tell the parent before and after each of them."""
    faulthandler.enable()
    work = folder / "work"
    work.mkdir(parents=True, exist_ok=True)  # a target may make its inputs with temporary files
    tempfile.tempdir = str(work)
    # torch makes its folder for compiled code when it first looks for that, and a parent may have named one.
    os.environ["TORCHINDUCTOR_CACHE_DIR"] = os.environ["TRITON_CACHE_DIR"] = str(work)
    _write(work, target.make(Random(seed)))
    target.read(work)  # imports what it needs, and shows that the target is sound
    _watch(work)
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    resource.setrlimit(resource.RLIMIT_AS, (_used("VmSize") + 4 * target.memory + 2**30, hard))
    signal.signal(signal.SIGALRM, _too_long)
    end = time.monotonic() + seconds
    while time.monotonic() < end or tally["inputs"] < _LEAST:
        random = Random(f"{seed} {tally['inputs']}")
        files = target.make(random)
        sound = tally["inputs"] % 10 == 0
        if not sound:
            files = target.damage(random, files)
        _write(work, files)
        parent.send(("next", tally))
        fault = _read(target, work, tally, sound)
        tally["inputs"] += 1
        if fault:
            parent.send(("fault", fault, _keep(folder, f"{tally['inputs'] - 1}")))
    parent.send(("done", tally))


def _read(target: Target, work: Path, tally: dict[str, int], sound: bool) -> str | None:
    """Read one input; return what is wrong with how that went."""
    _forget_peak()
    before, began = _used("VmRSS"), time.process_time()
    fault = None
    try:
        signal.setitimer(signal.ITIMER_REAL, 20 * target.seconds)
        with _watched():
            target.read(work)
        tally["read"] += 1
    except SshbenchError as error:
        tally["refused"] += 1
        said = str(error)
        if not said or not said.isprintable() or len(said) > LONGEST:
            fault = f"{type(error).__name__} is no printable sentence: {said[:200]!r}"
        elif sound:
            fault = f"a valid input is refused: {said[:200]!r}"
    except BaseException as error:
        fault = _where(error)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    took, grown = time.process_time() - began, _used("VmHWM") - before
    if fault is None and took > target.seconds:
        fault = f"took {took:.0f} s of processor time"
    if fault is None and grown > target.memory:
        fault = f"took more than {target.memory >> 20} MB of memory"
    return fault


def _where(error: BaseException) -> str:
    """The kind of an exception and the line that raised it: what makes two faults the same one."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if f"{os.sep}sshbench{os.sep}" in frame.filename] or frames
    return f"{type(error).__name__} at {Path(ours[-1].filename).name}:{ours[-1].lineno}: {str(error)[:200]!r}"


class TooLong(BaseException):
    """An input that is still being read after twenty times its seconds."""


class Escape(BaseException):
    """A reader does what no input may make it do."""


def _too_long(*_: Any) -> None:
    raise TooLong


_WATCHED = False
_EVENTS = {
    "os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.fork", "subprocess.Popen", "os.startfile", "pty.spawn",
    "socket.connect", "socket.bind", "socket.getaddrinfo", "urllib.Request", "os.kill",
}  # fmt: skip
_CHANGES = {
    "os.remove", "os.rmdir", "os.mkdir", "os.rename", "os.link", "os.symlink", "os.truncate", "os.chmod", "os.chown",
    "shutil.rmtree", "shutil.move", "shutil.copyfile",
}  # fmt: skip


@contextmanager
def _watched() -> Iterator[None]:
    global _WATCHED
    _WATCHED = True
    try:
        yield
    finally:
        _WATCHED = False


def _watch(work: Path) -> None:
    """Raise `Escape` where what is read reaches beyond its folder; Python tells before it does such a thing."""
    inside = str(work.resolve())
    package = importlib.util.find_spec("sshbench")
    assert package is not None
    assert package.origin is not None
    prefixes = {sys.prefix, sys.base_prefix, sysconfig.get_paths()["stdlib"], os.path.dirname(package.origin)}
    prefixes |= {os.path.realpath(prefix) for prefix in prefixes}
    prefixes |= {str(Path(package.origin).resolve().parents[1] / name) for name in ("luts", "realhm", "baselines")}
    readable = (*(prefix + os.sep for prefix in prefixes), "/proc/", "/sys/", "/etc/ld.so", "/dev/null", "/dev/urandom")

    def within(path: Any) -> bool:
        path = os.path.realpath(os.fsdecode(path))
        return path == inside or path.startswith(inside + os.sep)

    def hook(event: str, args: tuple[Any, ...]) -> None:
        if not _WATCHED:
            return
        if event == "open" and isinstance(args[0], (str, bytes, os.PathLike)):
            flags = args[2] if isinstance(args[2], int) else 0
            writes = flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC) or set(str(args[1])) & set("wax+")
            path = os.path.abspath(os.fsdecode(args[0]))
            known = path == os.devnull or (not writes and path.startswith(readable)) or "__pycache__" in path
            if not known and not within(path):
                raise Escape(f"open({path!r}, {args[1]!r})")
        elif event in _EVENTS:
            raise Escape(f"{event}{args!r}")
        elif event in _CHANGES:
            paths = [one for one in args[:2] if isinstance(one, (str, bytes, os.PathLike))]
            if event in ("os.remove", "os.rmdir") and args[1] >= 0:  # `shutil.rmtree` names the folder by a descriptor
                paths = [os.path.join(os.readlink(f"/proc/self/fd/{args[1]}"), os.fsdecode(args[0]))]
            if not all(within(one) for one in paths):
                raise Escape(f"{event}{args!r}")
        elif event == "exec" and within(getattr(args[0], "co_filename", "")):
            raise Escape(f"code of {args[0].co_filename} runs")
        elif event == "ctypes.dlopen" and args[0] and within(args[0]):
            raise Escape(f"{event}{args!r}")

    sys.addaudithook(hook)


def _used(field: str) -> int:
    """Bytes of memory of this process, as Linux counts them; elsewhere the most it ever had."""
    try:
        status = Path("/proc/self/status").read_text()
    except FileNotFoundError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return int(status.partition(f"{field}:")[2].split(maxsplit=1)[0]) << 10


def _forget_peak() -> None:
    """Let Linux count the peak of memory anew."""
    try:
        with builtins.open("/proc/self/clear_refs", "w") as file:
            file.write("5")
    except OSError:
        pass


def _write(work: Path, files: Files) -> None:
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    for name, data in files.items():
        (work / name).parent.mkdir(parents=True, exist_ok=True)
        (work / name).write_bytes(data)


def _keep(folder: Path, name: str) -> str:
    kept = folder / "faults" / name
    shutil.copytree(folder / "work", kept, symlinks=True, dirs_exist_ok=True)
    return str(kept)
