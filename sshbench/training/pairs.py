"""`Pairs`: iHarmony4's training list, or any list in its layout, as composite, real image and mask.

As DoveNet's authors do, the whole image, or a random part of it, is resized to the square crop. The random choices are
a function of (seed, id, epoch), so a run resumes exactly, and the number of workers changes nothing.
"""

from __future__ import annotations

from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sshbench.benchmarks.iharmony4 import SUBSETS, IHarmony4
from sshbench.errors import SshbenchError
from sshbench.images.decode import decode_photo, shape_of
from sshbench.images.masks import as_8_bit, read_mask
from sshbench.images.opening import MAX_BYTES
from sshbench.regular_file import read_regular
from sshbench.training.options import PairSettings
from sshbench.triplets.dataset import Sample, first_usable
from sshbench.triplets.held_out import Part, in_part
from sshbench.triplets.resize_box import resize_box
from sshbench.triplets.source import SourceError, skipping

Pixels = NDArray[np.uint8]


class Pairs:
    """Samples of iHarmony4's training list.

    A sample has uint8 `composite` and `real` `[crop, crop, 3]`, `mask` `[crop, crop]`, and `row`.

    Parameters
    ----------
    root
        iHarmony4's folder.
    part
        The part of the real images, chosen by the names of their files.

    Raises
    ------
    SshbenchError
        The folder is not iHarmony4's, files are missing, or the list holds nothing of the part.
    """

    def __init__(self, root: str, settings: PairSettings, part: Part = "train") -> None:
        listed = IHarmony4(root, part="train")
        self.settings = settings
        files = listed.files.items()
        self.files = {id: roles for id, roles in files if in_part(roles["target"].name, part)}
        self.ids = list(self.files)
        if not self.ids:
            raise SourceError(f"{root}: none of its {len(listed)} composites is in the part {part!r}; take all")
        self.description = {"source": {"kind": "iharmony4", "spec": root, "part": part}}

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, key: int | tuple[int, int]) -> Sample:
        epoch, i = key if isinstance(key, tuple) else (0, key)
        return first_usable(lambda k: self._sample(self.ids[k], epoch), i, 1, len(self))

    def _sample(self, id: str, epoch: int) -> Sample:
        crop, seed, (low, high) = self.settings.crop, self.settings.seed, self.settings.window
        digest = blake2b(id.encode(), digest_size=16, salt=_number(epoch), person=_number(seed)).digest()
        part, x, y, mirror = np.frombuffer(digest, "<u4") * 2.0**-32
        side = low + (high - low) * float(part)
        place = float(x) * (1 - side), float(y) * (1 - side)
        roles, needed = self.files[id], round(crop / side)
        sample: dict[str, Any] = {}
        files = {role: _read(path) for role, path in roles.items()}
        for name, role in (("composite", "composite"), ("real", "target")):
            with skipping(id, f"the {role} "):
                photo = decode_photo(files[role], id, short_side=needed, min_side=1)
            sample[name] = _cut(photo, place, side, crop)
        with skipping(id, "its mask "):
            mask = as_8_bit(read_mask(files["mask"], id, shape_of(files["composite"], id)))
        sample["mask"] = _cut(np.repeat(mask[..., None], 3, axis=2), place, side, crop)[..., 0]
        if self.settings.flip and mirror < 0.5:
            sample = {name: image[:, ::-1] for name, image in sample.items()}
        return {name: np.ascontiguousarray(image) for name, image in sample.items()} | {"row": id}


def holds_iharmony4(place: str) -> bool:
    """Return whether a folder contains a list or a subset of iHarmony4."""
    root = Path(place)
    return any((root / f"IHD_{part}.txt").is_file() for part in ("train", "test")) or any(
        (root / name / "composite_images").is_dir() for name in SUBSETS
    )


def _number(value: int) -> bytes:
    return value.to_bytes(16, "little")


def _read(path: Path) -> bytes:
    try:
        return read_regular(path, MAX_BYTES)
    except OSError as error:
        raise SshbenchError(f"{path}: cannot be read ({error.strerror})") from error


def _cut(image: Pixels, place: tuple[float, float], side: float, crop: int) -> Pixels:
    height, width = image.shape[:2]
    left, top = place[0] * width, place[1] * height
    return resize_box(image, (left, top, min(left + side * width, width), min(top + side * height, height)), crop)
