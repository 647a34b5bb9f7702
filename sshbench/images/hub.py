"""Files that the rows of a Hugging Face dataset name, if its builder allows them."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import Any

from sshbench.file_names import as_on_disk, inside
from sshbench.images.cells import OutsideFile
from sshbench.images.opening import MAX_BYTES
from sshbench.regular_file import IrregularFile, read_regular

_ARCHIVED = re.compile(r"(?:(?:zip|tar|gzip)://[^:]*::)*")


@dataclass(frozen=True)
class HubFiles:
    """Reads files that the rows of a dataset name.

    Parameters
    ----------
    roots
        The folders that paths may lead into.
    dataset
        The dataset on the hub that URLs may name; None if URLs are refused.
    """

    roots: tuple[str, ...]
    dataset: str | None = None

    def __call__(self, name: str) -> bytes:
        if "://" not in name:
            for root in self.roots:
                path = inside(root, as_on_disk(os.path.join(root, name)))
                if path is not None and path.exists():
                    return read_regular(path, MAX_BYTES)
            raise OutsideFile(name)
        prefix = _ARCHIVED.match(name)
        url = name[prefix.end() if prefix else 0 :]
        ours = self.dataset and re.fullmatch(rf"hf://datasets/{re.escape(self.dataset)}(@[\w.%-]+)?/[^:]*", url)
        if not ours or ".." in url.split("/"):
            raise OutsideFile(name)
        import fsspec

        try:
            with fsspec.open(name, "rb") as file:
                data = bytes(file.read(MAX_BYTES + 1))
        except Exception as error:  # every storage library raises its own errors
            raise IrregularFile(0, f"cannot be read ({' '.join(str(error).split())[:200]})", name) from error
        if len(data) > MAX_BYTES:
            raise IrregularFile(0, f"is a file of more than {MAX_BYTES >> 20} MiB", name)
        return data


def hub_files(name: str, builder_name: str | None) -> HubFiles:
    """Return the reader of the files that rows of the dataset `name` refer to.

    In a dataset of image files, the builder wrote the paths, so they may lead to the dataset's folder, the caches of
    `datasets`, or the dataset on the hub. In a table, the paths are untrusted and must stay in the table's folder.
    """
    folder = (os.path.abspath(name),) if os.path.isdir(name) else ()
    if builder_name != "imagefolder":
        return HubFiles(folder)
    return HubFiles((*folder, *_caches()), name)


def _caches() -> tuple[str, ...]:
    import datasets
    from huggingface_hub import constants

    places: tuple[Any, ...] = (
        datasets.config.HF_DATASETS_CACHE,
        datasets.config.DOWNLOADED_DATASETS_PATH,
        constants.HF_HUB_CACHE,
    )
    return tuple(os.path.abspath(os.fspath(place)) for place in places)
