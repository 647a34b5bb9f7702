"""`baselines/<method>/card.toml`: what a published method is, where its weights are, and what is known of them.

A card says facts and no numbers: printed scores stand in `sshbench/results/published.csv`, measured ones in records.
"""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from sshbench.folders import data_folder
from sshbench.methods.base import MethodError

Text = Annotated[str, StringConstraints(min_length=1, strip_whitespace=True)]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
GitBlob = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{40}$")]
Address = Annotated[str, StringConstraints(pattern=r"^https://\S+$")]
Range = Literal["-1..1", "0..1", "0..255", "mean-subtracted"]


class CardError(MethodError):
    """A card that is missing or does not keep to the schema."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Paper(_Strict):
    """Where the method was published."""

    title: Text
    authors: Text
    venue: Text
    year: int
    url: Text


class Code(_Strict):
    """The authors' code: read for facts, never copied.

    Parameters
    ----------
    commit
        That the facts were read at.
    licence
        Of the code, as its repository says; `none stated` where it says nothing.
    """

    url: Text
    commit: Text
    licence: Text


class Input(_Strict):
    """What the network is given.

    Parameters
    ----------
    size
        Side of the square that the published evaluation works at.
    multiple
        Sides have to be multiples of this; None: of any size, or of `size` alone if `fixed`.
    range
        Of the values of an image.
    channel_order, resize
        As the authors' evaluation has them; `resize` in their library's words, such as `PIL bilinear`.
    mask
        How it comes in: `none`, or in words, such as `fourth channel, 0 or 1, nearest`.
    """

    size: int
    multiple: int | None = None
    fixed: bool = False
    range: Range
    channel_order: Literal["RGB", "BGR"]
    resize: Text
    mask: Text


class Download(_Strict):
    """A direct address of a file, which `sshbench weights get` fetches.

    Parameters
    ----------
    size
        In bytes, where it is known.
    git_blob
        The id that Git gives a file of these bytes (SHA-1 of them and their number), where it lies in a repository.
    """

    url: Address
    size: int | None = None
    git_blob: GitBlob | None = None


class Checkpoint(_Strict):
    """One release of the authors, of one or several files that belong together.

    Parameters
    ----------
    name
        What tables of `sshbench weights list` call it, such as `batch norm`.
    files
        Names that the authors gave, or that their loader expects.
    where
        Where they keep it, as printed in their README.
    container
        What the file is, in words.
    keys, parameters
        How many entries and how many values the network has.
    architecture
        Arguments of the network's class.
    licence
        Of the weights; `none stated` where nothing is said.
    sha256
        By file, where it is known.
    download
        By file, where it has a direct address.
    released
        Whether the authors released it; else `where` says why not, and the file is what their training leaves.
    published_as
        In place of the card's, of a release that is published under a name of its own.
    confirmed
        Whether a real file was read here; else its form is what the authors' loader expects.
    """

    name: Text
    files: tuple[Text, ...] = Field(min_length=1)
    where: Text
    container: Text
    keys: int
    parameters: int
    architecture: dict[str, Any] = Field(default_factory=dict)
    licence: Text
    sha256: dict[str, Sha256] = Field(default_factory=dict)
    download: dict[str, Download] = Field(default_factory=dict)
    released: bool = True
    published_as: Text | None = None
    confirmed: bool = False

    @model_validator(mode="after")
    def _of_its_files(self) -> Checkpoint:
        for name in (*self.sha256, *self.download):
            if name not in self.files:
                raise ValueError(f"{name} is not one of its files")
        return self

    @property
    def has_addresses(self) -> bool:
        """Whether each of its files has a direct address."""
        return set(self.files) == set(self.download)


class Card(_Strict):
    """All of `card.toml`.

    Parameters
    ----------
    published_as
        The name of the method in `sshbench/results/published.csv`.
    protocol
        The protocol that its authors score by; None where none of sshbench's is theirs.
    terms
        What has to be said at every use of the authors' weights, the start of a sentence; None where nothing has.
    verified, unverified
        Sentences: what was shown to be equal with the published network, and what could not be.
    traps
        Sentences: what the published code does that one would not expect.
    """

    method: Text
    title: Text
    paper: Paper
    code: Code
    input: Input
    checkpoint: tuple[Checkpoint, ...] = Field(min_length=1)
    published_as: Text
    protocol: Text | None = None
    terms: Text | None = None
    verified: tuple[Text, ...]
    unverified: tuple[Text, ...]
    traps: tuple[Text, ...] = ()


@cache
def read_card(method: str) -> Card:
    """The card of a method that ships.

    Raises
    ------
    CardError
        It has none, or one that is not TOML of this schema.
    """
    path = data_folder("baselines") / method / "card.toml"
    if not path.is_file():
        raise CardError(f"{method} has no card; there are cards of {', '.join(carded()) or 'no method'}")
    return parse_card(path)


def terms_of(method: str, trained_by: str | None) -> str | None:
    """What has to be said wherever the authors' weights of a method are used, of which its name may have options."""
    if trained_by != "authors":
        return None
    try:
        return read_card(method.partition("+")[0]).terms
    except CardError:
        return None


def carded() -> list[str]:
    """The methods that have a card."""
    return sorted(path.parent.name for path in data_folder("baselines").glob("*/card.toml"))


def parse_card(path: Path) -> Card:
    """Read one file.

    Raises
    ------
    CardError
        It is not TOML of this schema, or names another method than its folder.
    """
    try:
        card = Card.model_validate(tomllib.loads(path.read_text("utf-8")))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise CardError(f"{path}: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise CardError(f"{path}: {where or 'the file'}: {first['msg']}") from error
    if card.method != path.parent.name:
        raise CardError(f"{path}: method is {card.method!r}, and the folder {path.parent.name!r}")
    return card
