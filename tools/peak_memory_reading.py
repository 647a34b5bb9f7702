"""Print the time and the peak memory of decoding a large photograph for training.

python -m tools.peak_memory_reading jpeg 12000 9000 --short-side 320
python -m tools.peak_memory_reading png16 11000 9000
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from PIL import Image

from sshbench.images.decode import decode_photo
from sshbench.images.files import ImageFile, write_image


def make(path: Path, kind: str, width: int, height: int) -> None:
    """Write a picture of this size that resembles a photograph."""
    coarse = np.random.default_rng(0).integers(0, 256, (height // 100, width // 100, 3), np.uint8)
    picture = np.asarray(Image.fromarray(coarse).resize((width, height)))
    if kind == "jpeg":
        Image.fromarray(picture).save(path, "JPEG", quality=85)
    else:
        write_image(path, ImageFile(picture if kind == "png" else picture.astype(np.uint16) * 257))


def _peak() -> int:
    """Return the peak memory of this process in MiB. Linux's `ru_maxrss` would include the peak of the parent."""
    if sys.platform == "linux":
        status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
        return int(status["VmHWM"].split()[0]) >> 10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kind", choices=("jpeg", "png", "png16", "decode"))
    parser.add_argument("size", nargs="+")
    parser.add_argument("--short-side", type=int)
    asked = parser.parse_args()
    if asked.kind == "decode":
        data, started = Path(asked.size[0]).read_bytes(), time.monotonic()
        shape = decode_photo(data, "it", short_side=asked.short_side).shape
        print(f"{shape[1]} x {shape[0]} pixels in {time.monotonic() - started:.1f} s, at most {_peak()} MiB")
        return
    with TemporaryDirectory() as folder:
        path = Path(folder) / ("a.jpg" if asked.kind == "jpeg" else "a.png")
        make(path, asked.kind, *map(int, asked.size))
        words = [] if asked.short_side is None else ["--short-side", str(asked.short_side)]
        subprocess.run([sys.executable, "-m", "tools.peak_memory_reading", "decode", str(path), *words], check=True)


if __name__ == "__main__":
    main()
