"""Weights of networks, with a card that states their origin: sshbench, a user, or the files of a method's authors."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from sshbench.errors import printable
from sshbench.folders import data_folder, user_folder
from sshbench.methods import tensor_files
from sshbench.methods.base import MissingWeights, WeightsError
from sshbench.methods.cards import CardError, Checkpoint, Range, networks, read_card
from sshbench.methods.hub_download import HUB, download
from sshbench.methods.run_folder import weights_in
from sshbench.regular_file import file_hash

if TYPE_CHECKING:
    from torch import Tensor, nn

SHARD_BYTES = 16 * 2**20
LARGEST_INPUT = 2048
"""The largest input size, in pixels, that weights may ask for; published weights work at up to 512."""
AUTHORS, SSHBENCH = "authors", "sshbench"

TrainedBy = Literal["authors", "sshbench", "user"]
Dtype = Literal["float16", "bfloat16", "float32"]

Network = TypeVar("Network", bound="nn.Module")

_CARD = "sshbench.card"
_LARGEST_CARD = 2**22  # characters


class Preprocessing(BaseModel):
    """The input that a network was trained for.

    Parameters
    ----------
    input_size
        The side of its square input, in pixels; None for any size.
    range, channel_order, resize
        As in `sshbench.methods.cards.Input`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    input_size: int | None = Field(default=None, ge=1, le=LARGEST_INPUT)
    range: Range = "-1..1"
    channel_order: Literal["RGB", "BGR"] = "RGB"
    resize: str = "bilinear, antialiased"


class WeightsCard(BaseModel):
    """The card of weights, which describes their network and their origin.

    Parameters
    ----------
    architecture
        The arguments of the network's class.
    trained_by
        The origin of the weights: the method's authors, sshbench, or a user.
    recipe, data, metrics, machine
        The recipe, the training data, the held-out scores, and the machine of the training.
    git_revision
        The revision of sshbench.
    samples_seen, seconds
        The number of samples and the seconds of the training.
    begun_with
        The weights that the training began with, if any: their `hash`, and the facts of their own training.
    licence
        The licence of the weights.
    file
        The name of the authors' file from which the weights were read, and its SHA-256.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    method: str
    architecture: dict[str, Any] = Field(default_factory=dict)
    trained_by: TrainedBy = "user"
    preprocessing: Preprocessing = Preprocessing()
    recipe: dict[str, Any] = Field(default_factory=dict)
    data: dict[str, Any] = Field(default_factory=dict)
    git_revision: str = ""
    samples_seen: int = 0
    seconds: float = 0.0
    begun_with: dict[str, Any] = Field(default_factory=dict)
    machine: str = ""
    metrics: dict[str, float] = Field(default_factory=dict)
    licence: str = ""
    file: str = ""

    @property
    def trained_on_composites(self) -> bool:
        """Whether training hid the pixels outside the masks, so that a method must hide them too."""
        data = self.recipe.get("data", {})
        return isinstance(data, dict) and any(isinstance(data.get(n), float) and data[n] > 0 for n in ("own", "cross"))


@dataclass(frozen=True, eq=False)
class Weights:
    """Weights in memory.

    Parameters
    ----------
    arrays
        The arrays by name: floats as float32, integers in their own type.
    hash
        The hash of names, shapes and values.
    source
        The place from which the weights were read.
    """

    arrays: dict[str, NDArray[Any]]
    card: WeightsCard
    hash: str
    source: str

    @cached_property
    def state(self) -> dict[str, Tensor]:
        """The arrays as tensors on the CPU, which share their memory."""
        import torch

        return {name: torch.from_numpy(value) for name, value in self.arrays.items()}


def save_weights(
    folder: str | os.PathLike[str],
    state: Mapping[str, Tensor],
    card: WeightsCard,
    *,
    dtype: Dtype = "float16",
    shard_bytes: int = SHARD_BYTES,
) -> list[Path]:
    """Write weights as safetensors with their card; each file appears whole or not at all.

    Parameters
    ----------
    dtype
        The type of kernels and matrices in the files; readers convert them to float32. Biases and norms stay float32:
        they are small, and their variances may exceed the range of float16.
    shard_bytes
        The largest size of a file, in bytes.

    Returns
    -------
    list of Path
        The files: either one file, or the shards and then their index.

    Raises
    ------
    WeightsError
        A value is not finite, or is not finite as `dtype`.
    """
    import torch

    kind = {"float16": torch.float16, "bfloat16": torch.bfloat16, "float32": torch.float32}[dtype]
    stored = {name: value.detach().cpu() for name, value in state.items()}
    halved = {name: value.to(kind) for name, value in stored.items() if value.is_floating_point() and value.ndim > 1}
    stored |= halved
    _check_finite(stored, f"as {dtype}")
    return tensor_files.write_tensors(Path(folder), stored, {_CARD: card.model_dump_json()}, shard_bytes)


def load_weights(method: str, weights: str | os.PathLike[str] | None = None) -> Weights:
    """Read the weights of a method.

    Parameters
    ----------
    weights
        A folder or `.safetensors` file that `save_weights` wrote, the folder of a training (its best weights),
        `hf://user/repo` for a repository of the Hugging Face Hub, or a file of the method's authors in its own format.
        `authors` stands for the weights that `sshbench weights import` stored, and `sshbench` for the weights that
        ship. None takes the authors' weights if they were imported, or else the weights that ship.

    Raises
    ------
    MissingWeights
        `weights` is None, `authors` or `sshbench`, and there are no such weights.
    WeightsError
        A file is missing or damaged, or belongs to another method.
    """
    if weights is None or weights in (AUTHORS, SSHBENCH):
        return _own(method, weights)
    if str(weights).startswith(HUB):
        return _ours(method, download(str(weights).removeprefix(HUB)), str(weights))
    path = Path(weights).expanduser()
    if not path.exists():
        raise WeightsError(f"{path}: there are no such weights; give a file, a folder, or {HUB}user/repo")
    path = weights_in(path)
    return _ours(method, path, str(path)) if tensor_files.is_tensor_file(path) else read_authors(method, path)


def load_network(
    method: str, weights: str | os.PathLike[str] | None, make: Callable[..., Network]
) -> tuple[Network, Weights]:
    """Return the network that `make` builds from the arguments on the card, with the weights loaded, and the weights.

    `make` must also work on the device `meta`, as the modules of `torch.nn` do. `method` and `weights` are those of
    `load_weights`.

    Raises
    ------
    MissingWeights, WeightsError
        As for `load_weights` and `network_of`.
    """
    found = load_weights(method, weights)
    return network_of(found, make), found


def network_of(found: Weights, make: Callable[..., Network]) -> Network:
    """Return the network that `make` builds from the arguments on the card, with the weights loaded strictly.

    Raises
    ------
    WeightsError
        The card describes a network that does not exist, or the names or shapes of the weights do not fit the network.
    """
    import torch

    from sshbench.methods.checkpoints import fitting, strict_load

    try:
        with torch.device("meta"):  # first without memory, because the card can ask for a network of any size
            shapes = make(**found.card.architecture)
    except Exception as error:  # the card can hold any arguments
        why = f"{type(error).__name__}: {error}"
        raise WeightsError(
            f"{found.source}: its card describes a network that {found.card.method} does not have ({why}); get the "
            "weights again from where they come from"
        ) from error
    fitting(shapes, found.state, found.source)
    network = make(**found.card.architecture)
    strict_load(network, found.state, found.source)
    return network


def read_authors(method: str, path: Path, trained_by: TrainedBy = "authors") -> Weights:
    """Read a file (or folder of files) in the container of a method's authors.

    Parameters
    ----------
    trained_by
        The origin of the weights, which the file does not state.

    Raises
    ------
    WeightsError
        The file cannot be read, is not in the method's format, or the method has no such format.
    """
    from sshbench.methods.checkpoints import read_checkpoint

    state, architecture = read_checkpoint(method, path)
    state = {name: tensor_files.plain(value) for name, value in state.items()}
    _check_finite(state, f"in {path}")
    card = WeightsCard(
        method=method,
        architecture=architecture,
        trained_by=trained_by,
        preprocessing=_published_preprocessing(method),
        licence=_published_licence(method, architecture),
        file=printable(f"{path.name}, SHA-256 {file_hash(path)}" if path.is_file() else path.name),
    )
    arrays = {name: value.numpy() for name, value in state.items()}
    return Weights(arrays, card, tensor_files.arrays_hash(arrays), str(path))


def cache_folder(method: str) -> Path:
    """Return the folder of a method's imported weights: `weights/<method>` in `$SSHBENCH_HOME` or the user's caches."""
    return user_folder("SSHBENCH_HOME") / "weights" / method


def downloads_folder(method: str) -> Path:
    """Return the folder into which the authors' files are downloaded: `downloads/<method>` beside `weights`."""
    return user_folder("SSHBENCH_HOME") / "downloads" / method


def shipped_folder(method: str) -> Path:
    """Return the folder of the weights for a method that ship with sshbench; the folder may have none."""
    return data_folder("baselines") / method


def way_to_weights(method: str, which: str | None = None) -> str:
    """Return instructions to get missing weights, as the rest of a sentence."""
    train = f"train weights with sshbench train {method} and give them with --weights"
    try:
        card = read_card(method)
    except CardError:
        return train
    release = card.checkpoint[0]
    if which == SSHBENCH or not release.released:
        return train if release.released else f"its authors' are {release.where}; {train}"
    fetch = by_hand(method, release)
    if release.has_addresses:
        fetch = f"run sshbench weights get {method}, or {fetch}"
    if card.terms:
        fetch = f"{fetch} ({card.terms})"
    return fetch if which == AUTHORS else f"{fetch}, or {train}"


def by_hand(method: str, release: Checkpoint) -> str:
    """Return instructions to get a release's weights without `sshbench weights get`, as a part of a sentence."""
    return (
        f"get {' and '.join(release.files)} of the authors from {release.where} and run sshbench weights import "
        f"{release.files[0]} --method {method}"
    )


def why_missing(method: str) -> str | None:
    """Return a sentence that says how to get the missing weights of a method; None if no weights are missing.

    The function reads no file of weights.
    """
    if method not in networks() or _own_folder(method, None):
        return None
    return f"{method} has no weights here; {way_to_weights(method, AUTHORS)}"


def _own_folder(method: str, which: str | os.PathLike[str] | None) -> Path | None:
    for name, folder in ((AUTHORS, cache_folder(method)), (SSHBENCH, shipped_folder(method))):
        if which in (None, name) and tensor_files.is_tensor_file(folder):
            return folder
    return None


def _own(method: str, which: str | os.PathLike[str] | None) -> Weights:
    folder = _own_folder(method, which)
    if folder is not None:
        return _ours(method, folder, str(folder))
    raise MissingWeights(
        f"{method} has no weights{f' of {which}' if which else ''} here; "
        f"{way_to_weights(method, None if which is None else str(which))}"
    )


def read_weights(path: Path, source: str) -> Weights:
    """Read a folder or file that `save_weights` wrote for any method; errors call the file `source`.

    Raises
    ------
    WeightsError
        A file is missing or damaged, or this version of sshbench cannot read the card.
    """
    arrays, metadata, found = tensor_files.read_arrays(path)
    if len(metadata.get(_CARD, "")) > _LARGEST_CARD:
        raise WeightsError(f"{source}: its card is larger than {_LARGEST_CARD >> 20} MB, the limit of sshbench")
    try:
        card = WeightsCard.model_validate_json(metadata.get(_CARD, ""))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the card"
        raise WeightsError(
            f"{source}: its card cannot be read ({where}: {first['msg']}); a newer sshbench may have written it"
        ) from error
    return Weights(arrays, card, found, source)


def _ours(method: str, path: Path, source: str) -> Weights:
    weights = read_weights(path, source)
    if weights.card.method != method:
        raise WeightsError(f"{source} holds weights of {weights.card.method}, not of {method}")
    return weights


def _check_finite(state: Mapping[str, Tensor], where: str) -> None:
    bad = next((n for n, v in state.items() if v.is_floating_point() and not bool(v.isfinite().all())), None)
    if bad:
        raise WeightsError(f"{bad} contains NaN or infinity {where}, so the network would return no valid image")


def git_blob(path: Path) -> str:
    """Return the hexadecimal id that Git gives a file: the SHA-1 of its size and its bytes."""
    digest = hashlib.sha1(f"blob {path.stat().st_size}\0".encode(), usedforsecurity=False)
    with open(path, "rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


def _published_licence(method: str, architecture: Mapping[str, Any]) -> str:
    """Return the licence of the release that has this architecture, or else of the first release."""
    try:
        releases = read_card(method).checkpoint
    except CardError:
        return "as their authors say"
    alike = [one for one in releases if one.architecture.items() <= architecture.items()]
    return (alike or list(releases))[0].licence


def _published_preprocessing(method: str) -> Preprocessing:
    try:
        given = read_card(method).input
    except CardError:
        return Preprocessing()
    return Preprocessing(
        input_size=given.size, range=given.range, channel_order=given.channel_order, resize=given.resize
    )
