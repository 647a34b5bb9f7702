"""The folders of a method's weights, and the instructions to get missing weights."""

from __future__ import annotations

import os
from pathlib import Path

from sshbench.folders import data_folder, user_folder
from sshbench.methods.cards import CardError, Checkpoint, networks, read_card
from sshbench.methods.tensor_files import is_tensor_file

AUTHORS, SSHBENCH = "authors", "sshbench"


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
    if method not in networks() or own_folder(method, None):
        return None
    return f"{method} has no weights here; {way_to_weights(method, AUTHORS)}"


def own_folder(method: str, which: str | os.PathLike[str] | None) -> Path | None:
    """Return the folder of the imported or the shipped weights of a method; None if there are none.

    `which` is `AUTHORS`, `SSHBENCH` or None, which prefers the imported weights.
    """
    for name, folder in ((AUTHORS, cache_folder(method)), (SSHBENCH, shipped_folder(method))):
        if which in (None, name) and is_tensor_file(folder):
            return folder
    return None
