"""Check a file of weights: its names and shapes, its method's network, and a run of both."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sshbench.methods import golden, tensor_files
from sshbench.methods.base import Method, WeightsError
from sshbench.methods.cards import CardError, read_card
from sshbench.methods.checkpoints import CONTAINERS, read_checkpoint
from sshbench.methods.registry import check_listed, get_method
from sshbench.methods.run_folder import weights_in
from sshbench.methods.weights import Weights, load_weights, read_weights
from sshbench.regular_file import file_hash, git_blob


@dataclass(frozen=True)
class Checked:
    """The findings of `check_weights`.

    Parameters
    ----------
    findings
        A dict from the name of each check to its result, in the order of the checks.
    """

    weights: Weights
    method: Method
    findings: dict[str, str]


def check_weights(path: Path, method: str | None = None) -> Checked:
    """Read weights, load them into their network strictly, and run it on a known composite.

    Parameters
    ----------
    path
        A file or folder that sshbench wrote, or a file of the authors, as for `load_weights`.
    method
        The method of the weights; None recognises it from the file.

    Raises
    ------
    WeightsError
        The file cannot be read, does not fit the network in every name and shape, or gives no image.
    """
    path = weights_in(path)
    name = method or method_of(path)
    weights = load_weights(name, path)
    made = get_method(name, weights=path)
    values = sum(value.numel() for value in weights.state.values())
    arguments = ", ".join(f"{key} {value}" for key, value in weights.card.architecture.items()) or "as published"
    findings = {
        "method": f"{name} ({arguments})",
        "tensors": f"{len(weights.state)} with {values:,} values; names and shapes are the network's, none are missing",
        "hash": weights.hash,
        "run": _run(made, path),
        "network": _against_published(name, weights),
        "origin": _origin(name, path, weights),
    }
    return Checked(weights, made, findings)


def method_of(path: Path) -> str:
    """Return the method of a file of weights: that of its card, or the one whose authors use this container.

    Raises
    ------
    WeightsError
        The file belongs to no method, or could belong to several.
    """
    if not path.exists():
        raise WeightsError(f"{path}: there are no such weights")
    if tensor_files.is_tensor_file(path):
        return check_listed(read_weights(path, str(path)).card.method, path)
    fits, errors = [], {}
    for method in CONTAINERS:
        try:
            read_checkpoint(method, path)
            fits.append(method)
        except WeightsError as error:
            errors[method] = str(error)
    if len(fits) == 1:
        return fits[0]
    if fits:
        raise WeightsError(f"{path} could be of {' or '.join(fits)}; choose one with --method")
    if len(set(errors.values())) == 1:
        raise WeightsError(next(iter(errors.values())))
    raise WeightsError(
        f"{path} is not in the container of {', '.join(errors)}; name its method with --method to see why"
    )


def _run(method: Method, path: Path) -> str:
    try:
        image = np.asarray(method.harmonize([golden.composite()])[0])
    except Exception as error:  # a network of unusual sizes may raise an error of any type
        raise WeightsError(f"{path} gives no image of a known composite ({error}); the weights are damaged") from error
    if not np.isfinite(image).all():
        raise WeightsError(f"{path} gives no image of a known composite, only NaN or infinity; the weights are damaged")
    codes = image if image.dtype == np.uint8 else 255 * image
    return f"a known composite gives {image.shape[1]} x {image.shape[0]}, mean {codes.mean():.2f} of 255"


def _against_published(method: str, weights: Weights) -> str:
    found = golden.difference(method, weights.card.architecture)
    if found is None:
        return "not the published architecture, or no published outputs to compare it with"
    if found > golden.TOLERANCE:
        raise WeightsError(
            f"the network of {method} differs from the published one by {found:.1e} on this machine, for the same "
            "weights; this build of PyTorch computes other values"
        )
    return f"equals the published one on known weights: largest difference {found:.1e}"


def _origin(method: str, path: Path, weights: Weights) -> str:
    card = weights.card
    if tensor_files.is_tensor_file(path):
        return f"weights of {card.trained_by}{f' ({card.file})' if card.file else ''}, as the file says"
    try:
        releases = read_card(method).checkpoint
    except CardError:
        releases = ()
    if not path.is_file():
        return "not known: a folder has no hash"
    mine, known = file_hash(path), {value for release in releases for value in release.sha256.values()}
    if mine in known:
        return f"the authors' release, by its SHA-256 {mine}"
    blobs = {one.git_blob for release in releases for one in release.download.values() if one.git_blob}
    if blobs and (blob := git_blob(path)) in blobs:
        return f"the authors' release, by the id {blob} that Git gives it"
    what = "is not of a release on the card" if known | blobs else "cannot be compared with a release: no hash is known"
    return f"SHA-256 {mine} {what}, so the origin of the weights depends on where you got them"
