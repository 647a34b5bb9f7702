"""Lists that come with data sets: iHarmony4's, a table of attributes, and what `save_to_disk` leaves."""

from __future__ import annotations

import io
import json
from pathlib import Path
from random import Random

import pyarrow as pa

from sshbench.benchmarks.open import open_benchmark
from sshbench.errors import SshbenchError
from sshbench.triplets.sources import open_source
from tests.hostile.driver import ODD_NAMES, Files, Target, damaged, fuzz, odd_json
from tests.hostile.pictures import photo

_NAMES = {"HAdobe5k/composite_images/a1_1_2.jpg": "", "HAdobe5k/masks/a1_1.png": "", "HAdobe5k/real_images/a1.jpg": ""}


def _make(random: Random) -> Files:
    file = io.BytesIO()
    table = pa.table({"image": [photo(random)]})
    with pa.ipc.new_stream(file, table.schema) as writer:
        writer.write_table(table)
    image = photo(random)
    return {
        **dict.fromkeys(_NAMES, image),
        "IHD_test.txt": f"{next(iter(_NAMES))}\n".encode(),
        "folder/composite/a.png": image,
        "folder/mask/a.png": image,
        "folder/attributes.csv": b"id,light,size\na,warm,3.5\n",
        "saved/data-00000-of-00001.arrow": file.getvalue(),
        "saved/cache-1.arrow": file.getvalue(),
        "saved/state.json": json.dumps({"_data_files": [{"filename": "data-00000-of-00001.arrow"}]}).encode(),
    }


def _damage(random: Random, files: Files) -> Files:
    lists = ("IHD_test.txt", "folder/attributes.csv", "saved/state.json")
    which = random.choice(lists)
    if random.random() < 0.5:
        return files | damaged(random, {which: files[which]})
    if which == "saved/state.json":
        return files | {which: json.dumps(odd_json(random, json.loads(files[which]))).encode("utf-8", "replace")}
    lines = [random.choice((*ODD_NAMES, next(iter(_NAMES)), "id,light", "a,b,c")) for _ in range(random.randrange(4))]
    return files | {which: "\n".join(lines).encode("utf-8", "surrogatepass")}


def _read(folder: Path) -> None:
    errors: list[SshbenchError] = []
    for read in (
        lambda: open_benchmark("iharmony4", folder, allow_incomplete=True),
        lambda: open_benchmark("folder", folder / "folder").ids(),
        lambda: len(open_source(str(folder / "saved"))),
    ):
        try:
            read()
        except SshbenchError as error:
            errors.append(error)
    if errors:
        raise errors[0]


TARGET = Target(_make, _read, _damage)


def test_the_readers_of_lists(tmp_path: Path) -> None:
    fuzz(TARGET, tmp_path)
