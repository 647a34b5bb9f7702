"""The manifest of a run: the definition of the run and its finished shards, each with a small record of its own.

The record of a shard is written after the shard, and later calls count a shard as finished only if its record exists.
When all shards are finished, `manifest.json` takes over the records. Its bytes do not depend on how the shards were
made.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Annotated, Any, Literal, TypeVar

import numpy as np
from pydantic import Field, TypeAdapter, ValidationError

from sshbench.errors import SshbenchError, counted
from sshbench.lut.bank import LutBank
from sshbench.options import reason_of
from sshbench.triplets.codecs import Codec, codec_versions
from sshbench.triplets.held_out import Part
from sshbench.triplets.settings import Settings, SettingsError
from sshbench.triplets.shard_file import shard_name
from sshbench.triplets.storage import Storage

StoreKind = Literal["pixels", "recipes"]
_Dataclass = TypeVar("_Dataclass")

MANIFEST = "manifest.json"
RECORDS = ".shards"
FORMAT = "sshbench triplets 1"
_UNSAID = {"part": "all", "masked": False}


class ManifestError(SshbenchError):
    """An output folder belongs to another run or holds other files, or its manifest cannot be read."""


_MOST = 2**40  # the upper limit of every count in a manifest
Count = Annotated[int, Field(ge=0, le=_MOST)]


@dataclass(frozen=True)
class Skipped:
    """A photograph that was skipped, for all of its draws or for one draw, with the reason."""

    row: str
    reason: str
    draw: Count | None = None


@dataclass(frozen=True)
class ShardRecord:
    """One finished shard: the number of its photographs and of its rows, and the size and hash of its file."""

    number: Count
    photos: Count
    rows: Count
    bytes: Count
    sha256: Annotated[str, Field(pattern=r"^([0-9a-f]{64})?$")]
    skipped: tuple[Skipped, ...] = ()

    @property
    def file(self) -> str:
        """The name of the shard below the output folder."""
        return shard_name(self.number)

    @property
    def name(self) -> str:
        """The name of the record's own file."""
        return f"{self.number:05d}.json"

    def to_dict(self) -> dict[str, Any]:
        """Return the record as JSON values."""
        skipped = [{k: v for k, v in asdict(s).items() if v is not None} for s in self.skipped]
        return {"file": self.file, **asdict(self), "skipped": skipped}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> ShardRecord:
        """Read a record that `to_dict` wrote.

        Raises
        ------
        ValueError
            The values are not those of a record.
        """
        return _checked(cls, {name: value for name, value in dict(values).items() if name != "file"})


@dataclass(frozen=True)
class Run:
    """The definition of a run: all values that determine its output.

    Parameters
    ----------
    luts
        The name and the SHA-256 of each LUT of the bank, in order. The hash is of the float32 table, resampled to
        `lut_size` points.
    luts_from
        The places from which the bank was read: folders or files, and `"luts"` for the looks that ship with sshbench.
        Empty if the bank is computed.
    lut_part
        The part of the looks in the bank. The part of the photographs is in `source`.
    source
        The arguments of `open_source`, which open the source again.
    found
        The description that the source gives of itself; not compared between runs.
    photos
        The number of photographs in the source; None while a stream has not ended.
    versions
        The versions of the libraries that the bytes depend on; not compared between runs.
    """

    settings: Settings
    store: StoreKind
    codec: Codec
    views: Annotated[int, Field(ge=3, le=4)]
    rows_per_shard: Annotated[int, Field(ge=1, le=_MOST)]
    luts: tuple[tuple[str, str], ...]
    lut_size: Annotated[int, Field(ge=0, le=256)]
    luts_from: tuple[str, ...]
    source: dict[str, Any]
    fingerprint: str
    found: dict[str, Any] = field(default_factory=dict)
    photos: Count | None = None
    versions: dict[str, str] = field(default_factory=codec_versions)
    license: str | None = None
    lut_part: Part = "all"

    @property
    def photos_per_shard(self) -> int:
        """The number of photographs in one shard, with all their draws."""
        return max(1, self.rows_per_shard // self.settings.draws)

    @property
    def shards(self) -> int | None:
        """The number of shards of the run; None for a stream."""
        return None if self.photos is None else -(-self.photos // self.photos_per_shard)

    def differences(self, other: Run) -> list[str]:
        """Return the differences that change the output, each as `name: value of this run, not value of other`."""
        found = self.settings.differences(other.settings)
        for name, mine, its in (
            ("store", self.store, other.store),
            ("image format", str(self.codec), str(other.codec)),
            ("views", self.views, other.views),
            ("rows per shard", self.rows_per_shard, other.rows_per_shard),
            ("LUT size", self.lut_size, other.lut_size),
        ):
            if mine != its and not (name in ("image format", "views") and "recipes" in (self.store, other.store)):
                found.append(f"{name}: {mine}, not {its}")
        if self.luts != other.luts:
            found.append(f"LUTs: {_luts_differ(self.luts, other.luts)}")
        if self.fingerprint != other.fingerprint:
            mine, its = (_described(run) for run in (self, other))
            found.append(f"source: {mine}, not {its}" if mine != its else "source: its photographs have changed")
        if self.lut_part != other.lut_part:
            found.append(f"part of the LUTs: {self.lut_part}, not {other.lut_part}")
        for name in ("masks", "min_side", "max_pixels", "part", "masked", "limit"):
            said = [run.source.get(name) or _UNSAID.get(name) for run in (self, other)]
            if said[0] != said[1]:
                found.append(f"{name.replace('_', ' ')}: {said[0]}, not {said[1]}")
        return found

    def to_dict(self) -> dict[str, Any]:
        """Return the run as JSON values."""
        values = {k: v for k, v in self.__dict__.items() if k not in ("settings", "codec", "luts")}
        return {
            "settings": json.loads(self.settings.to_json()),
            "image": asdict(self.codec),
            **values,
            "luts": [{"name": name, "sha256": digest} for name, digest in self.luts],
        }

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Run:
        """Read a run that `to_dict` wrote.

        Raises
        ------
        ValueError
            The values are not those of a run.
        SettingsError
            The settings of the run contradict each other.
        """
        values = dict(values)
        places = values["luts_from"]  # older manifests have one string
        values["luts_from"] = [places] if isinstance(places, str) else places
        values["luts"] = [[lut["name"], lut["sha256"]] for lut in values["luts"]]
        values["codec"] = values.pop("image")
        return _checked(cls, values)


def _checked(kind: type[_Dataclass], values: dict[str, Any]) -> _Dataclass:
    """Return an instance of a dataclass from JSON values of its declared types; raise ValueError for other values."""
    if unknown := values.keys() - {field.name for field in fields(kind)}:  # type: ignore[arg-type]
        raise ValueError(f"there is no {min(unknown)!r} in it")
    try:
        return TypeAdapter(kind).validate_json(json.dumps(values), strict=True)
    except ValidationError as error:
        raise ValueError(reason_of(error, kind, "all of it")) from error


def _described(run: Run) -> str:
    photos = "" if run.photos is None else f" ({counted(run.photos, 'photograph')})"
    return f"{run.source.get('spec', '?')}{photos}"


def _luts_differ(mine: tuple[tuple[str, str], ...], its: tuple[tuple[str, str], ...]) -> str:
    if [name for name, _ in mine] != [name for name, _ in its]:
        first, second = (f"{len(luts)} ({', '.join(n for n, _ in luts[:2])} ...)" for luts in (mine, its))
        return f"{first}, not {second}"
    changed = [name for (name, a), (_, b) in zip(mine, its, strict=True) if a != b]
    return f"other tables under the names {', '.join(changed[:3])}{' ...' if len(changed) > 3 else ''}"


def lut_hashes(bank: LutBank | None) -> tuple[tuple[str, str], ...]:
    """Return the name of each LUT in a bank and the SHA-256 of its table; empty without a bank."""
    if bank is None:
        return ()
    tables = np.ascontiguousarray(bank.values, np.dtype("<f4"))
    return tuple((n, hashlib.sha256(t.tobytes()).hexdigest()) for n, t in zip(bank.names, tables, strict=True))


@dataclass(frozen=True)
class Manifest:
    """A run and its finished shards, by number."""

    run: Run
    shards: dict[int, ShardRecord]
    complete: bool = False

    @property
    def rows(self) -> int:
        """The number of triplets (or composites) in the finished shards."""
        return sum(record.rows for record in self.shards.values())

    @property
    def size(self) -> int:
        """The size of the finished shards in bytes."""
        return sum(record.bytes for record in self.shards.values())

    @property
    def skipped(self) -> list[Skipped]:
        """The photographs that could not be used, in the order of the source."""
        return [skipped for _, record in sorted(self.shards.items()) for skipped in record.skipped]

    def to_json(self) -> bytes:
        """Return the text of `manifest.json`."""
        totals = {
            "photos": sum(r.photos for r in self.shards.values()),
            "rows": self.rows,
            "bytes": self.size,
            "skipped": len(self.skipped),
        }
        values = {
            "format": FORMAT,
            "complete": self.complete,
            "run": self.run.to_dict(),
            "totals": totals if self.complete else None,
            "shards": [record.to_dict() for _, record in sorted(self.shards.items())],
        }
        return (json.dumps(values, indent=1, ensure_ascii=False) + "\n").encode()


def read_manifest(output: str | Storage) -> Manifest:
    """Read the manifest of a folder of triplets, finished or not.

    Raises
    ------
    ManifestError
        The folder has no manifest, or the manifest is damaged or of another version.
    """
    storage = Storage(output) if isinstance(output, str) else output
    text = storage.read(MANIFEST)
    if text is None:
        raise ManifestError(f"{storage.url}: no {MANIFEST} here, so this is no output of sshbench generate-triplets")
    try:
        values = json.loads(text)
        if values["format"] != FORMAT:
            raise ManifestError(
                f"{storage.url}/{MANIFEST}: {values['format']!r} was written by another version of sshbench"
            )
        run = Run.from_dict(values["run"])
        shards = {r["number"]: ShardRecord.from_dict(r) for r in values["shards"]}
        complete = bool(values["complete"])
    except (ValueError, KeyError, TypeError, RecursionError, SettingsError) as error:
        raise ManifestError(f"{storage.url}/{MANIFEST}: not a manifest of sshbench ({_why(error)})") from error
    if not complete:
        shards |= {r.number: r for r in _records(storage)}
    return Manifest(run, shards, complete)


def _records(storage: Storage) -> Iterator[ShardRecord]:
    for name in storage.names(RECORDS):
        if name.endswith(".json") and (text := storage.read(f"{RECORDS}/{name}")) is not None:
            try:
                record = ShardRecord.from_dict(json.loads(text))
                if name != record.name:
                    raise ValueError(f"it is the record of shard {record.number}")
            except (ValueError, TypeError, RecursionError) as error:
                raise ManifestError(
                    f"{storage.url}/{RECORDS}/{name}: not the record of a shard ({_why(error)}); delete it, and the "
                    "shard is made again"
                ) from error
            yield record


def _why(error: Exception) -> str:
    return f"it lacks {error}" if isinstance(error, KeyError) else f"{str(error)[:200]}"


def find(output: str | Storage, run: Run) -> Manifest | None:
    """Return the manifest of an earlier call of this run in a folder; None if the folder is empty.

    Raises
    ------
    ManifestError
        The folder belongs to a run with other settings, or holds other files.
    """
    storage = Storage(output) if isinstance(output, str) else output
    # The names are listed before the manifest is read, since another part of the run may start at the same moment.
    others = [name for name in storage.names() if not name.startswith(".")]
    if storage.read(MANIFEST) is None:
        if others:
            listed = f"{', '.join(others[:3])}{' ...' if len(others) > 3 else ''}"
            raise ManifestError(
                f"{storage.url} holds other files ({listed}); give an empty folder or a new name with --output"
            )
        return None
    found = read_manifest(storage)
    if different := found.run.differences(run):
        raise ManifestError(
            f"{storage.url} was made with other settings ({'; '.join(different)}); nothing was changed: give another "
            "--output, or the same settings to continue"
        )
    # The continued run keeps the versions and the source's place of the first call, so that its files are the same.
    return replace(found, run=replace(found.run, license=run.license or found.run.license))


def begin(storage: Storage, run: Run) -> Manifest:
    """Start a run in a folder, or return the manifest of an earlier call; raise the errors of `find`."""
    found = find(storage, run)
    while found is None:
        manifest = Manifest(run, {})
        if storage.create(MANIFEST, manifest.to_json()):
            return manifest
        found = find(storage, run)  # another part of the run has just started
    return found


def finish(storage: Storage, manifest: Manifest, card: bytes) -> None:
    """Write the complete manifest and the card `README.md`, and remove the records of single shards."""
    for name, data in (("README.md", card), (MANIFEST, manifest.to_json())):
        if storage.read(name) != data:
            storage.write(name, data)
    storage.remove(RECORDS)
