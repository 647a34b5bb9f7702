"""Many LUTs in one NumPy file: an `.npz` file with the arrays `luts` and `names`.

`luts` is `[K, N, N, N, 3]`, indexed B, G, R as `Lut.values`, over 0..1 in and out: uint8 (0..255), uint16 (0..65535) or
floats. `names` is K strings; the suffix of an image or LUT file at the end of a name is removed.
"""

from __future__ import annotations

import os
import zipfile
from pathlib import Path

import numpy as np

from sshbench.lut.bank import LutBank
from sshbench.lut.table import LutError

_MAX_BYTES = 1 << 30


def read_tables(path: str | os.PathLike[str]) -> LutBank:
    """Read the LUTs of an `.npz` file without resampling.

    Parameters
    ----------
    path
        A file with the arrays `luts` (`[K, B, G, R, 3]`: uint8, uint16, or floats over 0..1) and `names` (K texts).

    Returns
    -------
    LutBank
        The K LUTs.

    Raises
    ------
    LutError
        The file cannot be read, or its arrays are not those of this format.

    Examples
    --------
    >>> import numpy as np
    >>> from sshbench.lut import Lut, read_tables
    >>> np.savez("looks.npz", luts=Lut.identity(9).values[None], names=["plain"])
    >>> read_tables("looks.npz")
    <LutBank of 1 LUT, 9^3 points: 'plain'>
    """
    try:
        with zipfile.ZipFile(path) as archive:
            if sum(member.file_size for member in archive.infolist()) > _MAX_BYTES:
                raise LutError(
                    f"{path}: unpacks to more than {_MAX_BYTES >> 30} GiB, which is too much for a bank of LUTs"
                )
        with np.load(path, allow_pickle=False) as arrays:
            if missing := {"luts", "names"} - set(arrays.files):
                raise LutError(f"{path}: there is no array {' or '.join(sorted(missing))!r}; a bank has luts and names")
            luts, names = arrays["luts"], [str(name) for name in arrays["names"].ravel()]
    except (OSError, ValueError, EOFError, MemoryError, zipfile.BadZipFile) as error:
        raise LutError(f"{path}: is not an .npz file that can be read ({' '.join(str(error).split())})") from error
    if luts.ndim != 5 or luts.shape[0] != len(names) or luts.shape[4] != 3 or luts.shape[1] < 2 or not names:
        raise LutError(
            f"{path}: luts has the shape {list(luts.shape)} and there are {len(names)} names; it needs [K, N, N, N, 3] "
            "and K names"
        )
    if luts.dtype.kind == "u" and luts.dtype.itemsize <= 2:
        values = luts.astype(np.float32) / np.float32(np.iinfo(luts.dtype).max)
    elif np.issubdtype(luts.dtype, np.floating) and np.isfinite(luts).all():
        values = luts.astype(np.float32)
    else:
        raise LutError(f"{path}: luts is {luts.dtype}; give uint8, uint16 or finite floats")
    return LutBank(values, tuple(map(_bare, names)), (0.0,) * len(names))


def _bare(name: str) -> str:
    path = Path(name)
    return path.with_suffix("").as_posix() if path.suffix.lower() in (".png", ".tif", ".tiff", ".cube") else name
