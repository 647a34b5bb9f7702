"""The first stage of evaluation: make each prediction once, and keep it as a lossless image.

The PNG of a prediction contains a key, made of the method's name, code and weights and of the pixels of its input. The
prediction is used again only if its key is unchanged. A float prediction is stored without rounding in a `.npy` file
beside its image.
"""

from __future__ import annotations

import hashlib
import json
import struct
import sys
import time
import zlib
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from sshbench.benchmarks.composite import Composite
from sshbench.benchmarks.prediction import Pixels, PredictionError
from sshbench.images.png import png_bytes
from sshbench.methods.base import Method
from sshbench.methods.calling import harmonize
from sshbench.methods.identity import Identity
from sshbench.whole_file import whole_file

_TEXT = "sshbench"
_HEADER_END = 33  # the length of the signature and the IHDR chunk of a PNG


@dataclass(frozen=True)
class Costs:
    """The cost of a prediction: wall time in seconds and peak memory in bytes; None if it was not measured."""

    seconds: float | None = None
    peak_memory: int | None = None


@dataclass(frozen=True)
class Stored:
    """A prediction on disk: its file, the hash of its pixels, and its cost."""

    path: Path
    hash: str
    costs: Costs

    def pixels(self) -> Pixels:
        """Return the prediction, uint8 `[H, W, 3]` or floats over 0..1.

        Raises
        ------
        PredictionError
            The file has changed since it was stored. The file is removed.
        """
        array = self.path.with_suffix(".npy")
        try:
            values: Pixels
            if array.exists():
                # Memory mapping keeps a damaged header from allocating more than the size of the file.
                values = np.array(np.load(array, mmap_mode="r", allow_pickle=False))
            else:
                with Image.open(self.path, formats=["PNG"]) as image:
                    values = np.asarray(image.convert("RGB"))
            if pixels_hash(values) == self.hash:
                return values
        except Exception:  # numpy and Pillow raise many classes of errors
            pass
        self.path.unlink(missing_ok=True)
        array.unlink(missing_ok=True)
        raise PredictionError(
            f"{self.path} was damaged and has been removed; run the same command again to make it again"
        )


def pixels_hash(*arrays: NDArray[Any] | None) -> str:
    """Return a hash of the types, shapes and values of arrays; None counts as an array of its own."""
    digest = hashlib.sha256()
    for array in arrays:
        if array is None:
            digest.update(b"none")
        else:
            digest.update(f"{array.dtype.str}{array.shape}".encode())
            digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()[:32]


def input_hash(composite: Composite) -> str:
    """Return a hash of all inputs of a method, except the ground truth."""
    c = composite
    same_foreground, same_background = c.foreground is c.composite, c.background is c.composite
    return pixels_hash(
        c.composite,
        None if same_foreground else c.foreground,
        None if same_background else c.background,
        c.mask,
        c.foreground_photo,
    )


def prediction_key(method: Method, own: Identity, composite: Composite, inputs: str, target: str) -> str:
    """Return the key of a prediction: the method's name, code, state and weights, and the hashes of its input.

    If a prediction depends on further data, such as a file, the method's function `key` returns a hash of these data.
    """
    parts = [own.name, own.code, own.weights_hash, inputs, target if own.sees_target else ""]
    if hasattr(method, "key"):
        parts.append(str(method.key(composite)))
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]


def stored(path: Path, key: str) -> Stored | None:
    """Return the prediction at `path` if it exists and has this key; None otherwise."""
    try:
        with Image.open(path, formats=["PNG"]) as image:
            said = json.loads(image.info[_TEXT])
            if said["key"] != key or said["float"] != path.with_suffix(".npy").exists():
                return None
            seconds, memory = said["seconds"], said["peak_memory"]
            costs = Costs(None if seconds is None else float(seconds), None if memory is None else int(memory))
            return Stored(path, str(said["hash"]), costs)
    except (OSError, UnidentifiedImageError, SyntaxError, KeyError, ValueError, TypeError, RecursionError):
        return None
    except Image.DecompressionBombError:
        return None


def store(path: Path, pixels: Pixels, key: str, costs: Costs) -> Stored:
    """Store a prediction. The image is written last, so that an existing image proves a complete prediction."""
    path.parent.mkdir(parents=True, exist_ok=True)
    found = pixels_hash(pixels)
    array = path.with_suffix(".npy")
    is_float = pixels.dtype != np.uint8
    if is_float:
        path.unlink(missing_ok=True)
        with whole_file(array) as temporary:
            np.save(temporary, pixels)
        pixels = np.rint(np.clip(pixels, 0, 1) * 255)
    else:
        array.unlink(missing_ok=True)
    said = {"key": key, "hash": found, "float": is_float, **costs.__dict__}
    with whole_file(path) as temporary:
        temporary.write_bytes(_with_text(png_bytes(pixels.astype(np.uint8, copy=False)), _TEXT, json.dumps(said)))
    return Stored(path, found, costs)


def predict(method: Method, batch: Sequence[Composite]) -> tuple[list[Pixels], Costs]:
    """Run a method on a batch of composites.

    Returns
    -------
    images
        One prediction for each composite, uint8 `[H, W, 3]` or floats over 0..1.
    costs
        The cost of one prediction: an equal share of the time of the batch, and the peak memory of the batch.

    Raises
    ------
    MethodFailed
        The method failed or returned unusable images; see `sshbench.methods.calling.harmonize`.
    """
    with _Meter() as meter:
        pixels = harmonize(method, batch)
    timed = getattr(method, "timed", True)
    return pixels, Costs(meter.seconds / len(batch), meter.peak_memory) if timed else Costs()


def _with_text(png: bytes, keyword: str, text: str) -> bytes:
    """Return the PNG with a tEXt chunk after its header."""
    body = b"tEXt" + keyword.encode("latin-1") + b"\0" + text.encode("latin-1")
    chunk = struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
    return png[:_HEADER_END] + chunk + png[_HEADER_END:]


class _Meter:
    """A meter of the wall time and the peak memory of a block, on the CUDA device if it is in use, or in this process.

    On Linux, the peak refers to the block; on other systems, it refers to the whole process so far.
    """

    seconds = 0.0
    peak_memory: int | None = None

    def __enter__(self) -> _Meter:
        self._cuda = self._device()
        if self._cuda:
            self._cuda.synchronize()
            self._cuda.reset_peak_memory_stats()
        else:
            with suppress(OSError):
                Path("/proc/self/clear_refs").write_text("5")  # resets VmHWM to the present memory
        self._start = time.perf_counter()
        return self

    def __exit__(self, *_: object) -> None:
        cuda = self._device()  # the block may have started to use CUDA
        if cuda:
            cuda.synchronize()
        self.seconds = time.perf_counter() - self._start
        self.peak_memory = int(cuda.max_memory_allocated()) if cuda else _process_peak()

    @staticmethod
    def _device() -> Any:
        torch = sys.modules.get("torch")
        return torch.cuda if torch is not None and torch.cuda.is_initialized() else None


def _process_peak() -> int | None:
    try:
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return 1024 * int(line.split()[1])
    except OSError:
        pass
    try:
        import resource
    except ImportError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return int(peak if sys.platform == "darwin" else peak * 1024)
