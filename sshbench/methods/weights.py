"""Read and write the weights of networks: files of sshbench with a card, and files of a method's authors.

`weights_card` defines the card, and `weights_folders` the folders in which weights are looked for.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from numpy.typing import NDArray
from pydantic import ValidationError

from sshbench.errors import printable
from sshbench.methods import tensor_files
from sshbench.methods.base import MissingWeights, WeightsError
from sshbench.methods.hub_download import HUB, download
from sshbench.methods.run_folder import weights_in
from sshbench.methods.weights_card import LARGEST_INPUT as LARGEST_INPUT
from sshbench.methods.weights_card import Preprocessing as Preprocessing
from sshbench.methods.weights_card import TrainedBy as TrainedBy
from sshbench.methods.weights_card import WeightsCard as WeightsCard
from sshbench.methods.weights_card import published_licence, published_preprocessing
from sshbench.methods.weights_folders import AUTHORS as AUTHORS
from sshbench.methods.weights_folders import SSHBENCH as SSHBENCH
from sshbench.methods.weights_folders import cache_folder as cache_folder
from sshbench.methods.weights_folders import own_folder, way_to_weights
from sshbench.methods.weights_folders import shipped_folder as shipped_folder
from sshbench.regular_file import file_hash

if TYPE_CHECKING:
    from torch import Tensor, nn

SHARD_BYTES = 16 * 2**20
Dtype = Literal["float16", "bfloat16", "float32"]

Network = TypeVar("Network", bound="nn.Module")

_CARD = "sshbench.card"
_LARGEST_CARD = 2**22  # characters


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
        preprocessing=published_preprocessing(method),
        licence=published_licence(method, architecture),
        file=printable(f"{path.name}, SHA-256 {file_hash(path)}" if path.is_file() else path.name),
    )
    arrays = {name: value.numpy() for name, value in state.items()}
    return Weights(arrays, card, tensor_files.arrays_hash(arrays), str(path))


def _own(method: str, which: str | os.PathLike[str] | None) -> Weights:
    folder = own_folder(method, which)
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
