"""Import a user's Python file; like a script, the file can import the modules beside it."""

from __future__ import annotations

import hashlib
import importlib.util
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

from sshbench.errors import SshbenchError
from sshbench.methods.calling import by_user, reason, undisturbed
from sshbench.methods.source_code import beside

PREFIX = "sshbench_user_"
"""The prefix of the names of users' files in `sys.modules`."""


class UserFileError(SshbenchError):
    """A user's file cannot be imported; the message says why, and `__cause__` is the error of the file."""


def import_file(path: Path) -> ModuleType:
    """Return the module of a file, which is imported once in a process.

    The file can import the modules beside it, at once and later.

    Raises
    ------
    UserFileError
        There is no such file, it raises an error or ends the process, or a module beside it has the name of another
        module that Python would import instead.
    """
    if not path.is_file():
        raise UserFileError(f"{path}: there is no such file")
    full = path.resolve()
    name = f"{PREFIX}{path.stem}_{hashlib.sha256(str(full).encode(errors='surrogateescape')).hexdigest()[:8]}"
    if name in sys.modules:
        return sys.modules[name]
    spec = spec_from_file_location(name, full)
    if spec is None or spec.loader is None:
        raise UserFileError(f"{path} is not a Python file; its name must end in .py")
    module, folder = module_from_spec(spec), str(full.parent)
    sys.modules[name] = module  # dataclasses and pickles of the file's classes look it up
    sys.path.insert(0, folder)
    try:
        with undisturbed():
            spec.loader.exec_module(module)
    except BaseException as error:  # SystemExit too: scripts raise it
        del sys.modules[name]
        if by_user(error):
            raise
        raise UserFileError(f"{path} cannot be imported ({reason(error)})") from error
    finally:
        sys.path.remove(folder)
        if folder not in sys.path:
            sys.path.append(folder)  # for imports inside the file's functions
    try:
        _refuse_mistaken(path)
    except UserFileError:
        del sys.modules[name]
        raise
    return module


def _refuse_mistaken(path: Path) -> None:
    """Refuse a file if Python would import a module of the same name in place of a module beside the file.

    Such a module may be installed, or lie beside another user's file.
    """
    for name, file in beside(path).items():
        found = sys.modules.get(name)
        where = getattr(found, "__file__", None)
        if found is None:
            try:
                spec = importlib.util.find_spec(name) if "." not in name else None
            except (ImportError, ValueError):
                continue
            where = spec.origin if spec else None
        if where and Path(where).resolve() != file.resolve():
            raise UserFileError(
                f"{path} imports {name}, for which Python takes {where} and not {file}; give the latter another name"
            )
