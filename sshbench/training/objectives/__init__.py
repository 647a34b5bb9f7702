"""The objectives of trainings, one for each method: found by name, in other packages, or in a file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from torch import Tensor, nn

from sshbench.errors import SshbenchError, suggestion
from sshbench.methods.calling import by_user, reason, undisturbed
from sshbench.methods.registry import entry_points
from sshbench.methods.user_file import UserFileError, import_file
from sshbench.training.recipe import Recipe, RecipeError

ENTRY_POINTS = "sshbench.objectives"

# Name of the method -> "module:attribute", a function of the recipe; imported when asked for.
OBJECTIVES: dict[str, str] = {
    "dih": "sshbench.training.objectives.dih:make",
    "dovenet": "sshbench.training.objectives.dovenet:make",
    "harmonizer": "sshbench.training.objectives.harmonizer:make",
    "hdnet": "sshbench.training.objectives.hdnet:make",
    "idih": "sshbench.training.objectives.idih:make",
    "issam": "sshbench.training.objectives.idih:make_issam",
    "pct-net": "sshbench.training.objectives.pct_net:make",
    "s2am": "sshbench.training.objectives.s2am:make",
    "ssh": "sshbench.training.objectives.ssh:make",
    "ssh-lut": "sshbench.training.objectives.ssh_lut:make",
    "wct2": "sshbench.training.objectives.wct2:make",
}

Batch = dict[str, Any]


class ObjectiveError(SshbenchError):
    """No objective has this name, or it cannot be made."""


@dataclass
class Phase:
    """A part of a step with its own optimizer.

    Attributes
    ----------
    name
        The prefix of the phase's columns in the log.
    parameters
        The parameters that the phase trains. Only these parameters get gradients from its loss.
    terms
        A function from a batch to the terms of the loss, each a scalar and a mean over the samples. The loss is the sum
        of the terms, weighted by `recipe.loss`. The function should leave out a term of weight 0 to save its cost.

    Examples
    --------
    >>> import torch
    >>> from sshbench.training import Phase
    >>> gain = torch.nn.Parameter(torch.ones(3, 1, 1))
    >>> def terms(batch):
    ...     return {"l1": (batch["composite"] * gain - batch["real"]).abs().mean()}
    >>> Phase("net", [gain], terms).name
    'net'
    """

    name: str
    parameters: list[nn.Parameter]
    terms: Callable[[Batch], dict[str, Tensor]]


class Objective(Protocol):
    """The interface between the loop and the networks and losses of a method.

    A batch is a dict of tensors on the device. Triplets have `content_alpha`, `content_beta`, `reference_alpha` and
    `reference_beta` `[B, 3, c, c]`, -1..1. Composites have `composite` and `real` `[B, 3, c, c]`, -1..1, and `mask`
    `[B, 1, c, c]`, 0..1.

    Examples
    --------
    The whole file of an objective, as `sshbench train mine.py:make` takes it:

    >>> import torch
    >>> from sshbench.training import Phase
    >>> class Gain:
    ...     def __init__(self, recipe):
    ...         self.net = torch.nn.Conv2d(3, 3, 1)
    ...         self.modules = torch.nn.ModuleDict({"net": self.net})
    ...         self.phases = (Phase("net", list(self.net.parameters()), self.terms),)
    ...     def terms(self, batch):
    ...         return {"l1": (self.net(batch["composite"]) - batch["real"]).abs().mean()}
    ...     def predict(self, batch):
    ...         return ((self.net(batch["composite"]) + 1) / 2).clamp(0, 1)
    ...     def weights(self):
    ...         return self.net.state_dict(), {}
    >>> make = Gain  # a function of the recipe that returns an objective
    """

    modules: nn.ModuleDict
    """All modules with weights or buffers. The loop moves them, saves them in checkpoints and averages them."""
    phases: tuple[Phase, ...]
    """The phases of a step, in order."""

    def predict(self, batch: Batch) -> Tensor | None:
        """Return the harmonized content or composite for validation, `[B, 3, c, c]` over 0..1.

        None if the objective predicts no image.
        """
        ...

    def weights(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Return the weights to save: the network's state (its own tensors, not copies) and its arguments."""
        ...


@runtime_checkable
class ExtendsNetwork(Protocol):
    """An objective whose network has optional parts, so that its training may begin with weights without them.

    Only an objective with such parts needs this attribute.
    """

    begins_without: tuple[str, ...]
    """The prefixes of the parts' names in the network's state. An untrained part must not change the output."""


def untrained_parts(objective: Objective) -> tuple[str, ...]:
    """Return the prefixes of the names of the parts that the weights to begin with may lack; often none."""
    return objective.begins_without if isinstance(objective, ExtendsNetwork) else ()


def make_objective(name: str, recipe: Recipe, make: Callable[[Recipe], Objective] | None = None) -> Objective:
    """Make the objective of the method `name` by `make`, or by the function that `find_objective` finds.

    Raises
    ------
    SshbenchError
        There is no objective of this name, it cannot be imported, or the recipe does not fit.
    """
    factory = find_objective(name) if make is None else make
    try:
        objective: Objective = factory(recipe)
    except SshbenchError:
        raise
    except BaseException as error:  # also sys.exit in foreign code
        if by_user(error):
            raise
        raise ObjectiveError(
            f"{name} cannot make its objective of this recipe ({type(error).__name__}: {error}); --debug shows where"
        ) from error
    if recipe.distance != "squared" and not hasattr(objective, "distance"):
        raise RecipeError(f"loss.distance is for ssh; the terms of {name} have distances of their own, so leave it out")
    for attribute in ("modules", "phases", "predict", "weights"):
        if not hasattr(objective, attribute):
            raise ObjectiveError(f"the objective of {name} has no {attribute!r}; docs/training.md says what it needs")
    return objective


def find_objective(name: str) -> Callable[[Recipe], Objective]:
    """Find the function that makes the objective of a method.

    Parameters
    ----------
    name
        One of `OBJECTIVES`, the name of an entry point in the group `sshbench.objectives`, or `path.py:function`.

    Raises
    ------
    ObjectiveError
        There is no objective of this name, or it cannot be imported.
    """
    path, found, attribute = name.rpartition(".py:")
    if found:
        return _from_file(Path(path + ".py").expanduser(), attribute)
    if name in OBJECTIVES:
        module, attribute = OBJECTIVES[name].split(":")
        factory: Callable[[Recipe], Objective] = getattr(import_module(module), attribute)
        return factory
    others = entry_points(ENTRY_POINTS)
    if name in others:
        try:
            with undisturbed():
                factory = others[name].load()
        except BaseException as error:
            if by_user(error):
                raise
            raise ObjectiveError(f"{name}: {others[name].value} cannot be imported ({reason(error)})") from error
        if not callable(factory):
            raise ObjectiveError(f"{name}: {others[name].value} is no function that makes an objective of a recipe")
        return factory
    known = sorted({*OBJECTIVES, *others})
    every = f"there are {', '.join(known)}, and path.py:make for your own"
    raise ObjectiveError(f"there is no objective to train {name!r}{suggestion(name, known, otherwise=every)}")


def _from_file(path: Path, attribute: str) -> Callable[[Recipe], Objective]:
    try:
        module = import_file(path)
    except UserFileError as error:
        raise ObjectiveError(str(error)) from (error.__cause__ or error)
    if not callable(getattr(module, attribute, None)):
        raise ObjectiveError(f"{path} has no function {attribute!r} that makes an objective of a recipe")
    factory: Callable[[Recipe], Objective] = getattr(module, attribute)
    return factory
