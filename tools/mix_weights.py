r"""Measure weights of one method and their weighted mean on the panel, and write the mean.

    python -m tools.mix_weights METHOD WEIGHTS WEIGHTS ... --shares 1 1 ... --source PHOTOS --masks MASKS --luts LUTS \
        --recipe RECIPE --write OUT

Weights that begin with the same ones and are trained with other samples can have a mean that is better than each of
them (Wortsman et al., "Model soups", ICML 2022). The network is that of the first weights; the recipe says what the
panel is. Other weights may lack parts of the network that change nothing before they are trained. The card of the mean
is that of the last weights, which says what the others were.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from sshbench.methods.weights import load_weights, save_weights
from sshbench.training.objectives import Objective, make_objective, untrained_parts
from sshbench.training.panel import Panel, open_panel, said, validate_panel
from sshbench.training.recipe import read_recipe
from sshbench.training.validation import evaluating


def main() -> None:
    """Measure each of the weights and the mean, and write the mean."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("method")
    parser.add_argument("weights", nargs="+")
    parser.add_argument("--shares", type=float, nargs="+", help="one for each of the weights; equal if left out")
    parser.add_argument("--source", required=True)
    parser.add_argument("--masks", required=True)
    parser.add_argument("--luts", action="append", required=True)
    parser.add_argument("--recipe", default="paper")
    parser.add_argument("--write", metavar="OUT")
    given = parser.parse_args()
    shares = given.shares or [1.0] * len(given.weights)
    if len(shares) != len(given.weights) or min(shares) < 0 or not sum(shares):
        parser.error("give one share of 0 or more for each of the weights")
    all_weights = [load_weights(given.method, where) for where in given.weights]
    network = dict(all_weights[0].card.architecture)
    recipe = read_recipe(given.recipe, method=given.method).model_copy(update={"network": network})
    objective = make_objective(given.method, recipe)
    states = [completed(objective, weights.state) for weights in all_weights]
    images = recipe.validation.images
    panel = open_panel(given.source, given.luts, recipe.data.settings(0), images=images, masks=given.masks)
    for where, one in zip(given.weights, states, strict=True):
        print(f"{where}: {said(measured(objective, panel, one))}", flush=True)
    state = mean(states, shares)
    scores = measured(objective, panel, state)
    print(f"mean: {said(scores)}", flush=True)
    if given.write:
        parts = [
            {"hash": weights.hash, "share": round(share / sum(shares), 6), "samples_seen": weights.card.samples_seen}
            for weights, share in zip(all_weights, shares, strict=True)
        ]
        last = all_weights[-1].card
        changes = {"architecture": network, "begun_with": last.begun_with | {"mean_of": parts}, "metrics": scores}
        card = last.model_copy(update=changes)
        save_weights(given.write, state, card)
        print(f"wrote {given.write}")


def completed(objective: Objective, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return a network's state with the parts that it lacks, as they are before they are trained."""
    new, begun = untrained_parts(objective), objective.weights()[0]
    return {name: value.clone() for name, value in begun.items() if name.startswith(new)} | dict(state)


def mean(states: Sequence[Mapping[str, Tensor]], shares: Sequence[float]) -> dict[str, Tensor]:
    """Return the weighted mean of each tensor, as float32; tensors of integers (counts) are those of the last state."""
    whole = sum(shares)
    found = dict(states[-1])
    for name, value in found.items():
        if torch.is_floating_point(value):
            parts = (share / whole * state[name].float() for state, share in zip(states, shares, strict=True))
            found[name] = torch.stack(list(parts)).sum(0)
    return found


def measured(objective: Objective, panel: Panel, state: Mapping[str, Tensor]) -> dict[str, float]:
    """Return the measurement of a network's state on the panel, as `validate_panel` does."""
    network = objective.modules["network"]
    network.load_state_dict(dict(state))
    with evaluating(objective.modules):
        return validate_panel(objective, panel, batch_size=16, device="cpu")


if __name__ == "__main__":
    main()
