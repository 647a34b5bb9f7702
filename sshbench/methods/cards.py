"""`baselines/<method>/card.toml`: a published method, the place of its weights, and the known facts about them.

A card has facts and no numbers: printed scores are in `sshbench/results/published.csv`, measured scores in records.
"""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from sshbench.folders import data_folder
from sshbench.methods.base import MethodError
from sshbench.regular_file import read_regular_text

_MOST_BYTES = 1 << 22  # largest card that is read

Text = Annotated[str, StringConstraints(min_length=1, strip_whitespace=True)]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
GitBlob = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{40}$")]
Address = Annotated[str, StringConstraints(pattern=r"^https://\S+$")]
Range = Literal["-1..1", "0..1", "0..255", "mean-subtracted"]


class CardError(MethodError):
    """A card is missing or does not follow the schema."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Paper(_Strict):
    """The publication of the method."""

    title: Text
    authors: Text
    venue: Text
    year: int
    url: Text


class Code(_Strict):
    """The authors' code, which is read for facts and never copied.

    Parameters
    ----------
    commit
        The commit at which the facts were read.
    licence
        The licence of the code, as its repository states it; `none stated` if it states none.
    """

    url: Text
    commit: Text
    licence: Text


class Input(_Strict):
    """The input of the network.

    Parameters
    ----------
    size
        The side of the square that the published evaluation works at.
    multiple
        The sides must be multiples of this number; None allows any size, or only `size` if `fixed`.
    range
        The range of the values of an image.
    channel_order, resize
        As in the authors' evaluation; `resize` in the words of their library, such as `PIL bilinear`.
    mask
        The form of the mask: `none`, or in words, such as `fourth channel, 0 or 1, nearest`.
    """

    size: int
    multiple: int | None = None
    fixed: bool = False
    range: Range
    channel_order: Literal["RGB", "BGR"]
    resize: Text
    mask: Text


class Download(_Strict):
    """A direct address of a file, from which `sshbench weights get` downloads it.

    Parameters
    ----------
    size
        The size in bytes, if it is known.
    git_blob
        The id that Git gives a file of these bytes (a SHA-1), if the file lies in a repository.
    """

    url: Address
    size: int | None = None
    git_blob: GitBlob | None = None


class Checkpoint(_Strict):
    """One release of the authors, of one file or of several files that belong together.

    Parameters
    ----------
    name
        The name in the tables of `sshbench weights list`, such as `batch norm`.
    files
        The names that the authors gave, or that their loader expects.
    where
        Where the authors keep the files, as their README prints it.
    container
        The format of the file, in words.
    keys, parameters
        The number of entries and the number of values of the network.
    architecture
        The arguments of the network's class.
    licence
        The licence of the weights; `none stated` if none is stated.
    sha256
        The hash of each file, if it is known.
    download
        The direct address of each file, if it has one.
    released
        Whether the authors released it; otherwise `where` says why not, and the file is the output of their training.
    published_as
        The name under which this release was published, if it differs from that of the card.
    confirmed
        Whether a real file was read with this code. Otherwise, the form of the file is taken from the authors' loader.
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
        """Whether each of the files has a direct address."""
        return set(self.files) == set(self.download)


class Card(_Strict):
    """The content of `card.toml`.

    Parameters
    ----------
    published_as
        The name of the method in `sshbench/results/published.csv`.
    protocol
        The protocol that the authors score by; None if sshbench does not have it.
    terms
        The start of a sentence that must be shown at every use of the authors' weights; None if there is none.
    verified, unverified
        Sentences about the parts that were shown to equal the published network, and the parts that could not be shown.
    traps
        Sentences about unexpected behaviour of the published code.
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
    """Return the card of a method that ships.

    Raises
    ------
    CardError
        The method has no card, or the card does not follow the schema.
    """
    path = data_folder("baselines") / method / "card.toml"
    if not path.is_file():
        raise CardError(f"{method} has no card; there are cards of {', '.join(carded()) or 'no method'}")
    return parse_card(path)


def terms_of(method: str, trained_by: str | None) -> str | None:
    """Return the text that must be shown at every use of the authors' weights; `method` may have options."""
    if trained_by != "authors":
        return None
    try:
        return read_card(method.partition("+")[0]).terms
    except CardError:
        return None


def carded() -> list[str]:
    """Return the methods that have a card."""
    return sorted(path.parent.name for path in data_folder("baselines").glob("*/card.toml"))


def networks() -> set[str]:
    """Return the methods that need weights: all with a card, and `ssh-lut`, which is from no paper and has no card."""
    return {*carded(), "ssh-lut"}


def parse_card(path: Path) -> Card:
    """Read one card.

    Raises
    ------
    CardError
        The file is not TOML of this schema, or names another method than its folder.
    """
    try:
        card = Card.model_validate(tomllib.loads(read_regular_text(path, _MOST_BYTES)))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise CardError(f"{path}: {where or 'the file'}: {first['msg']}") from error
    except (ValueError, RecursionError) as error:  # no TOML, or no UTF-8
        raise CardError(f"{path}: {error}") from error
    if card.method != path.parent.name:
        raise CardError(f"{path}: method is {card.method!r}, and the folder {path.parent.name!r}")
    return card
