"""Kill `sshbench generate-triplets` at random instants until it has died often enough, then let it finish.

Over a large folder, comparing worker counts and kills by the hashes of the shards:

    python -m tests.triplets.kills --source FOLDER --output EMPTY_FOLDER
"""

from __future__ import annotations

import argparse
import hashlib
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path


def command(*words: str | Path) -> list[str]:
    """The command line, run by this Python."""
    return [sys.executable, "-m", "sshbench", "generate-triplets", *map(str, words)]


def kill_at_random(words: list[str], output: Path, whole: Path, *, times: int, longest: float, seed: int = 0) -> int:
    """Run `words`, which write `output`, and kill them `times` times; return how many shards were seen in between.

    Every second time the parent alone is killed and its workers must see to their end themselves; else all are. After
    each kill, every shard that has its name must be the one of `whole`.
    """
    chance, seen, kills = random.Random(seed), 0, 0
    while kills < times:
        process = subprocess.Popen(words, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        begun = time.monotonic()
        if kills:  # from when work has begun; the first time at any instant
            while process.poll() is None and not any((output / ".unfinished").glob("data*")):
                time.sleep(0.01)
                assert time.monotonic() < begun + 120, "the run does not get to work"
        time.sleep(chance.uniform(0.0, longest))
        if process.poll() is not None:  # it was faster; over again
            shutil.rmtree(output)
            continue
        if kills % 2:
            process.kill()
        else:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        kills += 1
        for shard in (output / "data").glob("*"):
            seen += 1
            assert shard.read_bytes() == (whole / "data" / shard.name).read_bytes(), f"{shard} is not whole"
    return seen


def contents(folder: str | Path) -> dict[str, bytes]:
    """Every file below a folder, hidden ones too."""
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(Path(folder).rglob("*")) if p.is_file()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--source", required=True)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument(
        "--longest", type=float, help="seconds a run works at most; by default a quarter of a whole run"
    )
    parser.add_argument("--rows-per-shard", default="250")
    arguments = parser.parse_args()
    shared = ("--source", arguments.source, "--rows-per-shard", arguments.rows_per_shard, "--quiet")
    digests = {}
    for workers in (1, 3, 2):
        begun = time.monotonic()
        output = arguments.output / f"workers-{workers}"
        subprocess.run(command(*shared, "-o", output, "-w", str(workers)), check=True, stdout=subprocess.DEVNULL)
        digests[f"{workers} workers"] = {k: hashlib.sha256(v).hexdigest() for k, v in contents(output).items()}
    output = arguments.output / "killed"
    words = command(*shared, "-o", output, "-w", "2")
    whole = arguments.output / "workers-2"
    longest = arguments.longest or (time.monotonic() - begun) / 4
    seen = kill_at_random(words, output, whole, times=arguments.kills, longest=longest)
    print(f"killed {arguments.kills} times; the {seen} shards seen in between were whole", flush=True)
    subprocess.run(words, check=True)
    digests[f"killed {arguments.kills} times"] = {k: hashlib.sha256(v).hexdigest() for k, v in contents(output).items()}
    first = next(iter(digests.values()))
    for name, found in digests.items():
        print(f"{name}: {len(found)} files, {'the same hashes' if found == first else 'OTHER HASHES'}")
    for name, digest in first.items():
        print(digest[:16], name)
    sys.exit(any(found != first for found in digests.values()))


if __name__ == "__main__":
    main()
