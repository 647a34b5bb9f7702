"""Print the peak memory of `sshbench harmonize`: `python -m tools.peak_memory_harmonize [MEGAPIXELS [OPTIONS ...]]`."""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

from tests.compositing.standin import ellipse, photo

METHOD = """
from sshbench.lut.table import Lut
from sshbench.methods.full_resolution import ColourMap

class Known:
    def colour_maps(self, views, kind):
        return [ColourMap("lut", Lut.identity()) for _ in views]

    def harmonize(self, batch):
        raise AssertionError
"""


def main() -> None:
    side = round((float(sys.argv[1] if len(sys.argv) > 1 else 100) * 1e6) ** 0.5)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for role, source in (("f", "motorcycle"), ("b", "friends")):
            Image.fromarray(photo(source)).resize((side, side)).save(folder / f"{role}.jpg", quality=92)
        Image.fromarray(ellipse(1000, 1000)).resize((side, side)).save(folder / "m.png")
        (folder / "known.py").write_text(METHOD)
        words = "harmonize --foreground f.jpg --background b.jpg --mask m.png --method known.py -o out.jpg"
        start = time.perf_counter()
        subprocess.run([sys.executable, "-m", "sshbench", *words.split(), *sys.argv[2:]], cwd=folder, check=True)
        wall = time.perf_counter() - start
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        peak, busy = used.ru_maxrss / 1024, used.ru_utime + used.ru_stime
        with Image.open(folder / "out.jpg") as out:
            assert out.size == (side, side)
            assert np.asarray(out.crop((0, 0, 8, 8))).any()
        print(f"{side} x {side}: {peak:.0f} MiB at most, {busy:.1f} s of processor time, {wall:.1f} s")


if __name__ == "__main__":
    main()
