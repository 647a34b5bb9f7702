r"""Measure weighted means of two weights of SSH-LUT on the panel, and write one of the means.

    python -m tools.mix_weights OLD NEW --shares 1 0.8 0.7 0.6 --source PHOTOS --masks MASKS --luts LUTS \
        --write 0.7 OUT

A share is the weight of NEW in the mean. OLD are the weights that the training of NEW began with. If OLD lacks the part
`things` of the network, this part of OLD is taken from NEW, with a last layer of 0, as the training of NEW began.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from sshbench.methods.weights import Weights, load_weights, save_weights
from sshbench.training.objectives.ssh_lut import SshLutObjective
from sshbench.training.panel import Panel, open_panel, said, validate_panel
from sshbench.training.recipe import read_recipe
from sshbench.training.validation import evaluating

LAST = "things.understand.2."  # the layer of `things` that is 0 before training


def main() -> None:
    """Measure the mean of each share, and write one mean."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("old")
    parser.add_argument("new")
    parser.add_argument("--shares", type=float, nargs="+", default=[1.0, 0.9, 0.8, 0.7, 0.6])
    parser.add_argument("--source", required=True)
    parser.add_argument("--masks", required=True)
    parser.add_argument("--luts", action="append", required=True)
    parser.add_argument("--recipe", default="paper")
    parser.add_argument("--write", nargs=2, metavar=("SHARE", "OUT"))
    given = parser.parse_args()
    recipe = read_recipe(given.recipe, method="ssh-lut")
    objective = SshLutObjective(recipe)
    images = recipe.validation.images
    panel = open_panel(given.source, given.luts, recipe.data.settings(0), images=images, masks=given.masks)
    old, new = (load_weights("ssh-lut", where) for where in (given.old, given.new))
    for share in given.shares:
        print(f"{share:.2f} of the new weights: {said(measured(objective, panel, mixed(old, new, share)))}", flush=True)
    if given.write:
        share, out = float(given.write[0]), Path(given.write[1])
        state = mixed(old, new, share)
        begun = new.card.begun_with | {"share_in_the_mean": round(1 - share, 6)}
        card = new.card.model_copy(
            update={"begun_with": begun, "metrics": measured(objective, panel, state), "licence": old.card.licence}
        )
        save_weights(out, state, card)
        print(f"wrote {out}")


def mixed(old: Weights, new: Weights, share: float) -> dict[str, Tensor]:
    """Return `share * new + (1 - share) * old` for each tensor of `new`, as float32."""
    before = {name: torch.zeros_like(value) if name.startswith(LAST) else value for name, value in new.state.items()}
    before |= old.state
    return {name: share * value.float() + (1 - share) * before[name].float() for name, value in new.state.items()}


def measured(objective: SshLutObjective, panel: Panel, state: Mapping[str, Tensor]) -> dict[str, float]:
    """Return the measurement of a network state on the panel, as `validate_panel` does."""
    objective.network.load_state_dict(dict(state))
    with evaluating(objective.modules):
        return validate_panel(objective, panel, batch_size=64, device="cpu")


if __name__ == "__main__":
    main()
