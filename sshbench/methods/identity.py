"""The identity of a method: its code, options, weights and state. A prediction depends on these and on the image."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sshbench.methods.base import Method, MethodError, valid_name
from sshbench.methods.source_code import digest_of, sources_of
from sshbench.methods.value_digest import PLAIN, ValueDigest, is_of_users, state_of, users_module
from sshbench.regular_file import file_hash


@dataclass(frozen=True)
class Identity:
    """The facts about a method that records and tables state, taken once at the start of a run.

    Parameters
    ----------
    name, sees_target, weights_hash, trained_by
        The attributes of the method; `weights_hash` and `trained_by` are empty if it states none.
    code
        The hash of its code, options and state. A prediction with another hash is made again.
    broken
        Why the method cannot be used; empty if it can.
    """

    name: str
    sees_target: bool
    code: str
    weights_hash: str = ""
    trained_by: str = ""
    broken: str = ""


def identity(method: Method, options: Mapping[str, str] | None = None, sources: str | None = None) -> Identity:
    """Return a method's identity.

    The code is all source that `sources_of` finds for the method's class and for the functions and objects that the
    method holds. The state is everything that pickle would store, weights included; for a user's code, the state also
    includes the global values, the values of other modules of the user, and the environment variables that the code
    uses. If the state or a user's code names a data file, the file's content counts. If a method states the hash of its
    weights, or has a function `key`, the hash covers only the numbers and texts of its state and of its networks.

    Parameters
    ----------
    options
        The options of the method, as text; if an option names a file, its contents count.
    sources
        The hash of the source files, if `sources_hash` took it where the method was written.
    """
    own = [f"{name}={_option(value)}" for name, value in sorted((options or {}).items())]
    vouched = method.weights_hash is not None or hasattr(method, "key")
    digest = ValueDigest(files=not vouched)
    digest.feed(type(method))
    try:
        digest.feed(list(_plain_parts(method)) if vouched else state_of(method))
    except RecursionError as error:
        raise MethodError(
            f"{method.name}: its state is nested too deeply to distinguish it from other methods"
        ) from error
    return Identity(
        name=valid_name(method.name, type(method).__qualname__),
        sees_target=bool(method.sees_target),
        code=digest_of([sources or sources_of(*digest.code).digest(), *own, digest.hexdigest()]),
        weights_hash=str(method.weights_hash or ""),
        trained_by=str(getattr(method, "trained_by", None) or ""),
    )


@dataclass(frozen=True)
class Origin:
    """The facts about an object that only the process of the user's script knows for sure.

    Parameters
    ----------
    sources
        The hash of the source files; None if they cannot be found. An object that cloudpickle brought from another
        process does not know its file.
    values
        The hash of the object's state and code, and of the values that a user's code uses.
    modules
        The names of the user's modules whose values the code uses.
    """

    sources: str | None
    values: str
    modules: tuple[str, ...]


def origin_of(value: Any) -> Origin | None:
    """Return the origin of a class, function or object; None if it cannot be hashed."""
    digest, sources = ValueDigest(), None
    try:
        digest.feed(value)
        with suppress(Exception):
            sources = sources_of(*digest.code).digest()
        return Origin(sources, digest.hexdigest(), tuple(digest.modules))
    except Exception:  # an object's own `__reduce__` may raise any error
        return None


def has_arrived(value: Any, origin: Origin) -> bool:
    """Return whether an object from another process would do the same here.

    It would not if the other process changed a value of a module, which this process imports from its file.
    """
    for name in origin.modules:
        users_module(name)
    here = origin_of(value)
    return here is not None and here.values == origin.values


def is_of_user(value: Any) -> bool:
    """Return whether a user wrote the class of an object."""
    return is_of_users(type(value))


def _option(value: str) -> str:
    """Return the text of an option, or the content of the file or folder that it names."""
    path = Path(value).expanduser()
    try:
        if path.is_file():
            return file_hash(path)
        if path.is_dir():
            files = sorted(file for file in path.rglob("*") if file.is_file())
            about = [(file.relative_to(path).as_posix(), file.stat()) for file in files]
            return digest_of(f"{name} {stat.st_size} {stat.st_mtime_ns}" for name, stat in about)
    except (OSError, ValueError):
        pass
    return value


def _plain_parts(value: Any) -> Iterator[Any]:
    """Yield the numbers and texts that an object holds itself, and those of the modules of its networks."""
    for name, part in sorted(getattr(value, "__dict__", {}).items()):
        if isinstance(part, PLAIN) and name != "weights_hash":
            yield name, part
        elif hasattr(part, "named_modules"):
            for where, module in part.named_modules():
                plain = {n: v for n, v in sorted(vars(module).items()) if isinstance(v, PLAIN)}
                yield name, where, type(module), plain
        elif inspect.isroutine(part):
            yield name, part
