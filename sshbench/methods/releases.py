"""Releases of the authors: find one on the card of a method, and download its files from the addresses on the card."""

from __future__ import annotations

from pathlib import Path

from sshbench.methods.base import WeightsError
from sshbench.methods.cards import Card, Checkpoint, read_card
from sshbench.methods.fetch import Expected, FetchError, Progress, fetch
from sshbench.methods.weights_folders import by_hand, downloads_folder

_BYTES_A_VALUE = 16  # a checkpoint may hold an optimizer's moments beside the weights
_MORE = 1 << 24


def release_of(method: str, name: str | None = None) -> tuple[Card, Checkpoint]:
    """Return a method's card and one of its releases, by default the first.

    Raises
    ------
    CardError
        The method has no card.
    WeightsError
        There is no such release.
    """
    card = read_card(method)
    found = [one for one in card.checkpoint if name in (None, one.name)]
    if not found:
        there = ", ".join(one.name for one in card.checkpoint)
        raise WeightsError(f"{method} has no release {name!r}; there are {there}")
    return card, found[0]


def get_release(
    card: Card, release: Checkpoint, address: str | None = None, progress: Progress | None = None
) -> list[Path]:
    """Download the files of a release.

    Parameters
    ----------
    address
        An address in place of the one on the card, for a release of one file.

    Returns
    -------
    list of Path
        The files, in the folder of downloads.

    Raises
    ------
    WeightsError
        The release has no direct address, or a file cannot be downloaded or is not the authors'; each message describes
        the manual steps.
    """
    hand = (
        by_hand(card.method, release)
        if release.released
        else f"the weights are {release.where}; train your own with sshbench train {card.method}"
    )
    if address is None and not release.has_addresses:
        raise WeightsError(f"the weights of {card.method} ({release.name}) have no direct address; {hand}")
    if address is not None and len(release.files) > 1:
        raise WeightsError(f"--from is the address of one file, and {release.name} has {len(release.files)}; {hand}")
    folder, files = downloads_folder(card.method), []
    for name in release.files:
        known = release.download.get(name)
        expected = Expected(
            size=known.size if known else None,
            sha256=release.sha256.get(name),
            git_blob=known.git_blob if known else None,
            most=_BYTES_A_VALUE * release.parameters + _MORE,
        )
        url = address or release.download[name].url
        try:
            files.append(fetch(url, folder / name, expected, progress))
        except FetchError as error:
            raise WeightsError(_with_way(str(error), hand)) from error
    return files


def _with_way(sentence: str, hand: str) -> str:
    return sentence if "run the same command again" in sentence else f"{sentence}; {hand}"
