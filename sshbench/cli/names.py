"""Option types for names that the shell completes: methods, protocols, splits. Any other text is accepted as well."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import click
from click.shell_completion import CompletionItem


class Name(click.ParamType[str]):
    """The name of something, or a file if `files` allows it.

    Parameters
    ----------
    known
        A function that returns the names. It is called only for completion, so that help needs no imports.
    files
        Whether a file may stand in place of a name.
    """

    name = "text"

    def __init__(self, known: Callable[[], Iterable[str]], *, files: bool = False) -> None:
        self.known, self.files = known, files

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Complete the last name of a list that is separated by commas."""
        before, comma, last = incomplete.rpartition(",")
        names = [CompletionItem(f"{before}{comma}{one}") for one in sorted(self.known()) if one.startswith(last)]
        return [CompletionItem(incomplete, type="file"), *names] if self.files and not comma else names


def _methods() -> Iterable[str]:
    from sshbench.methods.registry import METHODS, installed_methods

    return {*METHODS, *installed_methods()}


def _networks() -> Iterable[str]:
    from sshbench.methods.cards import networks

    return networks()


def _protocols() -> Iterable[str]:
    from sshbench.benchmarks.protocol import PROTOCOLS

    return PROTOCOLS


def _splits() -> Iterable[str]:
    from sshbench.benchmarks.open import SPLITS

    return SPLITS


def _metrics() -> Iterable[str]:
    from sshbench.metrics.suite import METRICS

    return METRICS


METHOD = Name(_methods, files=True)
NETWORK = Name(_networks, files=True)
"""A method that has weights and can be trained."""
PROTOCOL = Name(_protocols)
SPLIT = Name(_splits)
METRICS = Name(_metrics)
