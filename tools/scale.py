"""Measure the processor time and the bytes that a photograph costs, and extrapolate them, for docs/scale.md.

python -m tools.scale

Times are the processor time (user and system) of one process with one thread. Each time is the best of several rounds
on 250 photographs of 640 x 480 pixels and 61 KB (photos.py), after one round to warm up. The times are therefore valid
for a core that no other process uses.
"""

from __future__ import annotations

import os
import pickle
import tempfile
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path

from sshbench.lut.bank import LutBank
from sshbench.threads import keep_to_one_thread
from sshbench.triplets.codecs import Codec
from sshbench.triplets.engine import plan
from sshbench.triplets.luts import open_bank
from sshbench.triplets.manifest import Manifest, ShardRecord
from sshbench.triplets.recipe import make_recipes
from sshbench.triplets.settings import Settings
from sshbench.triplets.source import Source
from sshbench.triplets.source_files import Found, ImageSource
from sshbench.triplets.sources import open_source
from sshbench.triplets.storage import Storage
from sshbench.triplets.store import StoredTriplets
from sshbench.triplets.writer import ShardJob, make_shard
from tests.speed.conftest import machine
from tests.speed.photos import write_photos

PHOTOS, RECIPES, ROUNDS = 250, 100_000, 8
MANY = {"81,917": 81_917, "100 million": 100_000_000}


def processor_time(work: Callable[[], object], rounds: int = ROUNDS) -> float:
    """Return the best processor time of `work` in seconds."""
    times = []
    for _ in range(rounds + 1):
        start = time.process_time()
        work()
        times.append(time.process_time() - start)
    return min(times[1:])


def pixels(source: Source, bank: LutBank, codec: Codec, out: Path) -> tuple[float, float]:
    """Return the seconds and bytes of a triplet in a store of pixels."""
    run = plan(Settings(), source, bank, codec=codec, rows_per_shard=PHOTOS)
    job = ShardJob(run, source, bank, Storage(str(out)))
    records: list[ShardRecord] = []
    seconds = processor_time(lambda: records.append(make_shard(job, 0, None, lambda *_: None)[0]))
    assert records[0].rows == PHOTOS
    return seconds / PHOTOS, records[0].bytes / PHOTOS


def recipes(bank: LutBank, out: Path) -> tuple[float, float]:
    """Return the seconds and bytes of a triplet in a store of recipes; file names are as long as those of COCO."""
    source = of_names(RECIPES)
    run = plan(Settings(), source, bank, store="recipes", rows_per_shard=RECIPES)
    job = ShardJob(run, source, bank, Storage(str(out)))
    records: list[ShardRecord] = []
    seconds = processor_time(lambda: records.append(make_shard(job, 0, None, lambda *_: None)[0]), 3)
    return seconds / RECIPES, records[0].bytes / RECIPES


def rendered(source: Source, bank: LutBank) -> float:
    """Return the seconds to render a triplet from its recipe, with reading and decoding, but without encoding."""
    run = plan(Settings(), source, bank, store="recipes")
    stored = StoredTriplets("", run, [], source, bank)
    drawn = make_recipes(run.settings, [source.row_id(i) for i in range(PHOTOS)], [0] * PHOTOS, len(bank))

    def work() -> None:
        for recipe in drawn:
            stored.render(recipe)

    return processor_time(work) / PHOTOS


def of_names(count: int) -> ImageSource:
    """Return a source whose list has `count` photographs, without the files themselves."""
    names = {f"train2017/{i:012d}.jpg": 61_000 for i in range(count)}
    return ImageSource("photos", Found("photos", names, "images"), masks=None, min_side=224, max_pixels=10**8)


def listing(folder: Path) -> tuple[float, float, float]:
    """Return the cost of a listed photograph: seconds, bytes of memory, and bytes that each new worker receives."""
    seconds = processor_time(lambda: open_source(str(folder))) / PHOTOS
    tracemalloc.start()
    source = of_names(RECIPES)
    memory = tracemalloc.get_traced_memory()[0] / RECIPES
    tracemalloc.stop()
    return seconds, memory, len(pickle.dumps(source)) / RECIPES


def manifest_bytes(source: Source, bank: LutBank) -> float:
    """Return the bytes that each shard adds to `manifest.json`."""
    run = plan(Settings(), source, bank)

    def size(shards: int) -> int:
        records = {i: ShardRecord(i, 500, 500, 140_000_000, "0" * 64) for i in range(shards)}
        return len(Manifest(run, records, True).to_json())

    return (size(2000) - size(1000)) / 1000


def amount(count: float, units: tuple[str, ...] = ("B", "kB", "MB", "GB", "TB", "PB")) -> str:
    for unit in units:
        if count < 1000 or unit == units[-1]:
            return f"{count:.3g} {unit}"
        count /= 1000
    raise AssertionError


def duration(seconds: float) -> str:
    """Return a duration on one core as text."""
    for unit, length in (("core-hours", 3600.0), ("core-minutes", 60.0), ("core-seconds", 1.0)):
        if seconds >= length:
            return f"{seconds / length:,.0f} {unit}" if seconds >= 100 * length else f"{seconds / length:.1f} {unit}"
    return f"{seconds:.2f} core-seconds"


def main() -> None:
    keep_to_one_thread()
    with tempfile.TemporaryDirectory() as temporary:
        here = Path(temporary)
        files = write_photos(here / "few", 40)
        (here / "photos").mkdir()
        for i in range(PHOTOS):
            os.link(files[i % len(files)], here / "photos" / f"{i:05d}.jpg")
        source, bank = open_source(str(here / "photos")), open_bank()
        lines: dict[str, tuple[float, float | None]] = {
            f"pixels, {codec}": pixels(source, bank, codec, here / codec.format)
            for codec in (Codec.choose("png"), Codec.choose("jpeg"), Codec.choose("webp"))
        }
        lines["recipes"] = recipes(bank, here / "recipes")
        lines["rendered from recipes, not encoded"] = rendered(source, bank), None
        listed = listing(here / "photos")
        record = manifest_bytes(source, bank)
    print(f"{machine()}; one thread, processor time; photographs of 640 x 480 pixels, 61 KB; one triplet each.\n")
    print("| store | ms a triplet | triplets/s a core | bytes per triplet |", *(f" {name} |" for name in MANY), sep="")
    print("|---|---:|---:|---:|", "---:|" * len(MANY), sep="")
    for name, (seconds, size) in lines.items():
        cells = [f"{1000 * seconds:.3f}", f"{1 / seconds:,.0f}", "" if size is None else f"{size:,.0f}"]
        cells += [
            duration(seconds * count) + ("" if size is None else f", {amount(size * count)}") for count in MANY.values()
        ]
        print(f"| {name} |", *(f" {cell} |" for cell in cells), sep="")
    print(
        f"\nA folder's list, a photograph: {1e6 * listed[0]:.1f} µs, {listed[1]:.0f} bytes of memory, {listed[2]:.0f} "
        f"bytes sent to each worker. `manifest.json`: {record:.0f} bytes a shard."
    )


if __name__ == "__main__":
    main()
