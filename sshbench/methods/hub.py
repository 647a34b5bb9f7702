"""Weights on the Hugging Face Hub: a repository holds the files of a folder of weights, and a model card."""

from __future__ import annotations

import os
from pathlib import Path

from sshbench.methods.base import Method, WeightsError
from sshbench.methods.hub_download import HUB, download, reason_of
from sshbench.methods.run_folder import weights_in
from sshbench.methods.weights import Dtype, Weights, WeightsCard, read_weights, save_weights
from sshbench.whole_file import folder_for_a_while


def push_to_hub(weights: Weights, repo: str, *, private: bool = False, dtype: Dtype = "float16") -> str:
    """Upload weights, with a model card made from the card of the weights.

    Parameters
    ----------
    repo
        `user/name`; the repository is created if it does not exist. The Hub's own login identifies you (`hf auth
        login`).

    Returns
    -------
    str
        The address of the repository.

    Raises
    ------
    WeightsError
        The Hub refused, or cannot be reached.
    """
    import huggingface_hub

    api = huggingface_hub.HfApi()
    with folder_for_a_while() as folder:
        save_weights(folder, weights.state, weights.card, dtype=dtype)
        (folder / "README.md").write_text(model_card(weights.card), encoding="utf-8")
        try:
            url = api.create_repo(repo, private=private, exist_ok=True)
            api.upload_folder(repo_id=repo, folder_path=folder, commit_message=f"Weights of {weights.card.method}")
        except Exception as error:  # errors of the Hub's client, its HTTP library and sockets share no base class
            raise WeightsError(f"{repo} cannot be written to on the Hugging Face Hub ({reason_of(error)})") from error
    return str(url)


def from_pretrained(where: str | os.PathLike[str], *, device: str | None = None) -> Method:
    """Return the method whose weights are in a repository `user/name` of the Hub, or in a folder.

    The method must belong to sshbench or to an installed package, because no code that comes with weights is imported.

    Raises
    ------
    WeightsError
        The weights cannot be downloaded or read.
    MethodError
        The weights belong to a method that is not installed.
    """
    from sshbench.methods.registry import check_listed, get_method

    folder = weights_in(Path(where)) if os.path.isdir(where) else download(str(where).removeprefix(HUB))
    name = check_listed(read_weights(folder, str(where)).card.method, str(where))
    return get_method(name, weights=folder, device=device)


def model_card(card: WeightsCard) -> str:
    """Return the README of a repository, in Markdown with the Hub's header."""
    lines = ["---", "library_name: sshbench", "pipeline_tag: image-to-image", "tags: [image-harmonization]", "---"]
    lines += ["", f"# {card.method}, weights of {_WHOSE[card.trained_by]}", ""]
    lines += ["```", f"sshbench evaluate --method {card.method} --weights {HUB}USER/REPO", "```", ""]
    sections = {
        "Trained on": card.data,
        "Recipe": card.recipe,
        "Scores on held-out data": card.metrics,
        "Input": card.preprocessing.model_dump(),
        "Network": card.architecture,
    }
    for title, values in sections.items():
        if values:
            lines += [f"## {title}", "", *(f"- {name}: {value}" for name, value in values.items()), ""]
    facts = {
        "samples seen": card.samples_seen,
        "seconds": card.seconds,
        "machine": card.machine,
        "git revision": card.git_revision,
        "licence": card.licence,
        "file": card.file,
    }
    return "\n".join([*lines, *(f"- {name}: {value}" for name, value in facts.items() if value)]) + "\n"


_WHOSE = {"authors": "the method's authors", "sshbench": "sshbench", "user": "a user"}
