"""Find the files of a folder, a file name or a pattern, and read a folder of image files as a source."""

from __future__ import annotations

import json
import os
import re
import stat
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from sshbench.file_names import relative_parts, same_name, same_names
from sshbench.images.cells import FolderFiles, OutsideFile, ReadFile
from sshbench.images.opening import MAX_BYTES, ImageFileError
from sshbench.regular_file import open_regular
from sshbench.triplets.source import SAMPLE, FileSource, SourceError, fingerprint_of

# The list includes formats that cannot be read, so that such files are reported with a reason and not ignored.
IMAGES = [
    f".{suffix}"
    for suffix in (
        *("jpg", "jpeg", "jpe", "jfif", "png", "webp", "tif", "tiff", "gif", "bmp", "dib", "ppm", "pgm", "pbm", "pnm"),
        *("jp2", "j2k", "avif", "qoi", "mpo", "heic", "heif", "jxl", "tga", "psd", "exr", "hdr"),
    )
]
KINDS = dict.fromkeys(IMAGES, "images") | {".parquet": "parquet", ".arrow": "arrow", ".tar": "webdataset"}
_PATTERN = re.compile(r"[*?\[]")
_CACHE = re.compile(r"cache-.*\.arrow")
_LARGEST_STATE = 1 << 24


@dataclass(frozen=True)
class Found:
    """The files of one kind below a root.

    Parameters
    ----------
    root
        The folder, or its URL.
    files
        The size in bytes of each file by its path relative to the root, with `/`, sorted by path.
    kind
        `"images"`, `"parquet"`, `"arrow"` or `"webdataset"`.
    """

    root: str
    files: dict[str, int]
    kind: str

    @property
    def remote(self) -> bool:
        return "://" in self.root

    @property
    def what(self) -> str:
        """The name of the kind in messages."""
        return "a folder of images" if self.kind == "images" else f"made of {self.kind} files"

    def open(self, name: str) -> Any:
        """Open one of the files in binary mode."""
        if self.remote:
            import fsspec

            return fsspec.open(f"{self.root}/{name}", "rb").open()
        return open_regular(os.path.join(self.root, name))

    def read(self, name: str) -> bytes:
        """Return the bytes of one of the files.

        Raises
        ------
        ImageFileError
            The file has more than `MAX_BYTES`.
        """
        size = self.files.get(name, 0)
        if size <= MAX_BYTES:
            with self.open(name) as file:
                data = bytes(file.read(MAX_BYTES + 1))
            size = len(data)
        if size > MAX_BYTES:
            raise ImageFileError(name, f"is a file of {size >> 20} MiB; at most {MAX_BYTES >> 20} are read")
        return data

    def beside(self, name: str) -> ReadFile:
        """Return a function that reads a file by its path in a cell of the table `name`, relative to the table.

        The function refuses files outside the root.
        """
        folder = str(PurePosixPath(name).parent)
        if not self.remote:
            return FolderFiles(os.path.abspath(self.root), os.path.join(os.path.abspath(self.root), folder))

        def read(path: str) -> bytes:
            parts = relative_parts(path)
            if parts is None:
                raise OutsideFile(path)
            return self.read(PurePosixPath(folder, *parts).as_posix())

        return read


def find(place: str) -> Found | None:
    """Return the files at a path, a pattern or a URL; None if no file or folder has this name.

    Raises
    ------
    SourceError
        The place exists, but holds neither images nor table files.
    """
    if "://" in place:
        root, listed = _find_remote(place)
    elif _PATTERN.search(place) and not os.path.exists(place):
        root = re.split(r"[^/]*[*?\[]", place, maxsplit=1)[0] or "."
        listed = {}
        for path in Path(root).glob(os.path.relpath(place, root)):
            if path.is_file():
                listed[path.relative_to(root).as_posix()] = path.stat().st_size
    elif os.path.isdir(place):
        root, listed = place, dict(_walk(place))
    elif os.path.isfile(place):
        root, listed = os.path.dirname(place) or ".", {os.path.basename(place): os.path.getsize(place)}
    else:
        return None
    if not os.path.isfile(place):
        listed = without_caches(Found(root, listed, "arrow"))
    kinds = Counter(kind for name in listed if (kind := KINDS.get(PurePosixPath(name).suffix.lower())))
    if not kinds:
        what = f"{len(listed)} files, but no" if listed else "no"
        raise SourceError(f"{place} holds {what} images, Parquet, Arrow or .tar files; give a folder with photographs")
    kind = kinds.most_common(1)[0][0]
    names = sorted(name for name in listed if KINDS.get(PurePosixPath(name).suffix.lower()) == kind)
    return Found(root, {name: listed[name] for name in names}, kind)


def without_caches(found: Found) -> dict[str, int]:
    """Return the listed files without the caches that `map` and `filter` of `datasets` write.

    Caches hold photographs a second time. In a folder that `save_to_disk` wrote, `state.json` names the data files, and
    all other Arrow files are caches. In other folders, caches are recognised by their names.

    Raises
    ------
    SourceError
        A `state.json` is damaged, or names a missing file.
    """
    by_folder: dict[PurePosixPath, set[str]] = {}
    for path in map(PurePosixPath, found.files):
        if path.suffix.lower() == ".arrow":
            by_folder.setdefault(path.parent, set()).add(path.name)
    caches = set()
    for folder, names in by_folder.items():
        data = _data_files(found, folder)
        extra = {name for name in names if _CACHE.fullmatch(name)} if data is None else names - data
        caches |= {(folder / name).as_posix() for name in extra}
    return {name: size for name, size in found.files.items() if name not in caches}


def _data_files(found: Found, folder: PurePosixPath) -> set[str] | None:
    """Return the names of the data files of a folder that `save_to_disk` wrote; None for any other folder."""
    state = (folder / "state.json").as_posix()
    if state not in found.files and (found.remote or not os.path.isfile(os.path.join(found.root, state))):
        return None
    where = f"{found.root}/{state}"
    try:
        with found.open(state) as file:
            said = json.loads(file.read(_LARGEST_STATE))
        names = {str(entry["filename"]) for entry in said["_data_files"]}
        picked = said.get("_indices_data_files") or said.get("_indices_files")
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise SourceError(f"{where} is damaged; save the dataset again with save_to_disk") from error
    if picked:
        raise SourceError(f"{where} picks some of the rows; save the dataset again with a newer version of datasets")
    for name in sorted(names):
        path = (folder / name).as_posix()
        if path not in found.files and (found.remote or not os.path.isfile(os.path.join(found.root, path))):
            raise SourceError(f"{where} names {name}, which is not there; save the dataset again with save_to_disk")
    return names


def _walk(root: str) -> Iterator[tuple[str, int]]:
    """Yield the path and size of each regular file below a folder, without hidden names; follow each link once."""
    seen = set()
    for folder, folders, names in os.walk(root, followlinks=True):
        identity = os.stat(folder)
        if (key := (identity.st_dev, identity.st_ino)) in seen:
            folders.clear()
            continue
        seen.add(key)
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            path = os.path.join(folder, name)
            try:
                found = os.stat(path)
            except OSError:  # a broken link
                continue
            if stat.S_ISREG(found.st_mode) and not name.startswith("."):
                yield os.path.relpath(path, root).replace(os.sep, "/"), found.st_size


def _find_remote(url: str) -> tuple[str, dict[str, int]]:
    import fsspec

    try:
        fs, path = fsspec.core.url_to_fs(url)
        if _PATTERN.search(path):
            root = re.split(r"[^/]*[*?\[]", path, maxsplit=1)[0].rstrip("/")
            found = fs.glob(path, detail=True)
        else:
            found = fs.find(path, detail=True)
            root = path.rstrip("/") if path not in found else path.rpartition("/")[0]
    except ImportError as error:
        raise SourceError(f"{url}: {error}") from error
    except Exception as error:  # every storage raises its own classes of errors
        raise SourceError(f"{url} cannot be listed ({' '.join(str(error).split())[:200]})") from error
    files = {name: entry for name, entry in found.items() if entry["type"] == "file"}
    if not files:
        raise SourceError(f"{url}: nothing is there")
    return fs.unstrip_protocol(root), {
        name[len(root) :].lstrip("/"): entry["size"] or 0 for name, entry in files.items()
    }


class ImageSource(FileSource):
    """A folder of image files as a source. A row id is the path relative to the folder."""

    def __init__(self, spec: str, found: Found, *, masks: str | None, min_side: int, max_pixels: int) -> None:
        super().__init__(min_side, max_pixels)
        self.found = found
        self.names = list(found.files)
        self.fingerprint = fingerprint_of([f"{name} {size}" for name, size in found.files.items()])
        self.description = {"kind": "folder", "spec": spec, "photographs": len(self.names)}
        if spec == SAMPLE:
            self.description["license"] = (
                "CC0, public domain and CC BY 4.0, by photograph: sshbench/data/sample/README.md"
            )
        self.ids = _ids(self.names)
        self._index: dict[str, int] | None = None
        self.masks = None if masks is None else _masks(masks, self.names)
        self.masks_found = None if masks is None else find(masks)
        if masks is not None:
            self.description["masks"] = masks

    def __len__(self) -> int:
        return len(self.names)

    def row_id(self, i: int) -> str:
        return self.ids[i]

    def index(self, row: str) -> int:
        if self._index is None:
            self._index = {name: i for i, name in enumerate(self.ids)}
        row = row if row in self._index else same_name(row)
        if row not in self._index:
            raise SourceError(f"{self.found.root} no longer holds {row}")
        return self._index[row]

    def encoded(self, i: int) -> bytes:
        return self.found.read(self.names[i])

    def encoded_mask(self, i: int) -> bytes | None:
        if self.masks is None or self.masks_found is None:
            return None
        name = self.masks.get(_bare(self.names[i]))
        return None if name is None else self.masks_found.read(name)


def _ids(names: list[str]) -> list[str]:
    """Return the ids of files: their names in one Unicode normal form on every system.

    File names may hold bytes that are not UTF-8, but tables store ids as UTF-8.
    """
    plain = [name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace") for name in names]
    same = same_names(plain)
    count = Counter(same)
    return [form if count[form] == 1 else name for form, name in zip(same, plain, strict=True)]


def _bare(name: str) -> str:
    return same_name(str(PurePosixPath(name).with_suffix("")))


def _masks(folder: str, names: list[str]) -> dict[str, str]:
    """Return the mask files of a folder by their names without suffix; at least one must match a photograph."""
    found = find(folder)
    if found is None or found.kind != "images":
        raise SourceError(f"{folder}: no such folder with masks")
    masks: dict[str, str] = {}
    for name in found.files:
        if (other := masks.setdefault(_bare(name), name)) != name:
            raise SourceError(f"{folder}: {other} and {name} are both the mask of {_bare(name)}; keep one of them")
    if not any(_bare(name) in masks for name in names):
        raise SourceError(f"{folder}: no mask has the name of a photograph (photographs: {names[0]}, ...)")
    return masks
