"""The card inside a file of weights: the network, its input, and the origin of the weights."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from sshbench.methods.cards import CardError, Range, read_card

LARGEST_INPUT = 2048
"""The largest input size, in pixels, that weights may ask for; published weights work at up to 512."""

TrainedBy = Literal["authors", "sshbench", "user"]


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

    @field_validator("metrics", mode="before")
    @classmethod
    def _finite(cls, metrics: Any) -> Any:
        """Leave out NaN and infinity, such as the interval of one image, since JSON would hold null in their place."""
        if not isinstance(metrics, Mapping):
            return metrics
        return {
            name: value
            for name, value in metrics.items()
            if not (value is None or (isinstance(value, float) and not math.isfinite(value)))
        }

    @property
    def trained_on_composites(self) -> bool:
        """Whether training hid the pixels outside the masks, so that a method must hide them too."""
        data = self.recipe.get("data", {})
        return isinstance(data, dict) and any(isinstance(data.get(n), float) and data[n] > 0 for n in ("own", "cross"))


def published_licence(method: str, architecture: Mapping[str, Any]) -> str:
    """Return the licence of the release that has this architecture, or else of the first release."""
    try:
        releases = read_card(method).checkpoint
    except CardError:
        return "as their authors say"
    alike = [one for one in releases if one.architecture.items() <= architecture.items()]
    return (alike or list(releases))[0].licence


def published_preprocessing(method: str) -> Preprocessing:
    """Return the input of a method's published network; the default input if the method has no card."""
    try:
        given = read_card(method).input
    except CardError:
        return Preprocessing()
    return Preprocessing(
        input_size=given.size, range=given.range, channel_order=given.channel_order, resize=given.resize
    )
