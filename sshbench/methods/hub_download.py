"""Download weights from a repository of the Hugging Face Hub."""

from __future__ import annotations

from pathlib import Path

from sshbench.methods.base import WeightsError

HUB = "hf://"
"""The prefix of a repository's name in place of weights."""
PATTERNS = ("model*.safetensors", "model.safetensors.index.json", "README.md")


def download(repo: str) -> Path:
    """Fetch a repository `user/name`, or `user/name@revision`, into the Hub's cache.

    Raises
    ------
    WeightsError
        There is no such repository, or the Hub cannot be reached.
    """
    import huggingface_hub

    name, _, revision = repo.partition("@")
    try:
        found = huggingface_hub.snapshot_download(name, revision=revision or None, allow_patterns=list(PATTERNS))
    except Exception as error:
        raise WeightsError(f"{repo} cannot be fetched from the Hugging Face Hub ({reason_of(error)})") from error
    return Path(found)


def reason_of(error: Exception) -> str:
    """Return the type and text of an error of the Hub's client, on one line of at most 300 characters."""
    return " ".join(f"{type(error).__name__}: {error}".split())[:300]
