"""Find the source files that a piece of code depends on by reading their imports, without running them.

The dependencies are the files of the same package, the files beside a user's file or at other places that the file
imports from, and the sources and libraries of compiled modules. Other installed packages count by their version.
"""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import os
import site
import sys
import sysconfig
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.machinery import EXTENSION_SUFFIXES
from importlib.metadata import PackageNotFoundError, version
from importlib.util import resolve_name
from pathlib import Path
from typing import Any

_PACKAGE = Path(__file__).resolve().parents[1]
_NATIVE = (".h", ".hpp", ".c", ".cc", ".cpp", ".cu", *EXTENSION_SUFFIXES)
_COMPUTES = {"numpy", "scipy", "torch", "torchvision", "PIL", "lpips"}  # imports of sshbench that affect numbers
_NAMES = {"PIL": "pillow", "cv2": "opencv-python-headless", "skimage": "scikit-image", "sklearn": "scikit-learn"}
_INSTALLED = tuple(
    {
        os.path.realpath(path) + os.sep
        for path in (
            *(sysconfig.get_paths()[name] for name in ("stdlib", "platstdlib", "purelib", "platlib")),
            *site.getsitepackages(),
        )
    }
)


@dataclass(frozen=True)
class _Place:
    """A folder in which absolute imports are looked up; only the name `only`, if other packages lie there too."""

    folder: Path
    only: str | None = None


@dataclass(frozen=True)
class _Module:
    """A source file, the dotted name by which it is imported from `place`, and whether it is a package."""

    file: Path
    name: str
    place: _Place

    @property
    def package(self) -> str:
        """The package that its relative imports refer to."""
        return self.name if self.file.stem == "__init__" else self.name.rpartition(".")[0]


@dataclass(frozen=True)
class Sources:
    """The dependencies of code: source files by their import names, and other packages by their versions."""

    files: Mapping[str, Path]
    versions: Mapping[str, str]

    def digest(self) -> str:
        """Return the SHA-256, in hexadecimal, of the names and contents of the files and of the versions."""
        digest = hashlib.sha256()
        for name, file in sorted(self.files.items()):
            digest.update(f"{name}\0{_content(file, *_stamp(file))}\0".encode())
        digest.update(repr(sorted(self.versions.items())).encode())
        return digest.hexdigest()


def sources_of(first: Any, *others: Any) -> Sources:
    """Return the dependencies of classes, functions and modules: their own files, and all files that these import.

    For code of installed packages, only the files of the first object's package count; other packages count by version.
    """
    files: dict[str, Path] = {}
    versions: dict[str, str] = {}
    own = {_PACKAGE.name, str(getattr(first, "__module__", "")).partition(".")[0]}
    for module in dict.fromkeys(filter(None, map(_module_of, (first, *others)))):
        top = module.name.partition(".")[0]
        if _is_installed(module.file) and top not in own:
            versions[top] = _version(top)
            continue
        found = sources_in(module)
        for name, file in found.files.items():
            while files.get(name, file) != file:
                name += "+"  # two different files have this name
            files[name] = file
        versions |= found.versions
    return Sources(files, versions)


def sources_in(module: _Module) -> Sources:
    """Return the dependencies of one module. The module's own name does not count, since users may rename a file."""
    seen: dict[_Module, None] = {}
    outside: set[str] = set()
    waiting = [module]
    while waiting:
        one = waiting.pop()
        if one in seen:
            continue
        seen[one] = None
        within, others = _imports(one, *_stamp(one.file))
        waiting += within
        outside |= others
    files = {"" if one == module else one.name: one.file for one in seen}
    for folder in {one.file.parent for one in seen if one.place.folder == _PACKAGE.parent}:
        files |= {f"{folder.name}/{f.name}": f for f in folder.iterdir() if f.name.endswith(_NATIVE)}
    return Sources(files, {name: said for name in outside if (said := _version(name))})


def user_module(path: Path) -> _Module:
    """Return a user's file as a module that can import the modules beside it."""
    full = path.resolve()
    return _Module(full, full.stem, _Place(full.parent))


def beside(path: Path) -> dict[str, Path]:
    """Return the modules beside a user's file that the file imports, directly or indirectly, by name."""
    start = user_module(path)
    found = sources_in(start).files
    return {name: file for name, file in found.items() if name and file.is_relative_to(start.place.folder)}


def file_of(part: Any) -> Path | None:
    """Return the source file of a class, function or module; None for built-in or interactive code.

    Unlike `inspect.getsourcefile`, this does not search the list of all modules.
    """
    code = getattr(part, "__code__", None)
    module = sys.modules.get(str(getattr(part, "__module__", ""))) if code is None else None
    name = getattr(code, "co_filename", None) or getattr(part, "__file__", None) or getattr(module, "__file__", None)
    if not isinstance(name, str) or not os.path.isfile(name):
        return None
    return Path(name).resolve()


def is_users(file: Path | None) -> bool:
    """Return whether a file is neither part of sshbench nor of an installed package."""
    return file is not None and not (file.is_relative_to(_PACKAGE) or _is_installed(file))


def _module_of(part: Any) -> _Module | None:
    """Return the module that defines an object; None for built-in code."""
    file = file_of(part)
    if file is None:
        return None
    name = str(getattr(part, "__module__", None) or getattr(part, "__name__", ""))
    up = name.count(".") + (file.stem == "__init__")
    if up < len(file.parents):
        root, top = file.parents[up], name.partition(".")[0]
        if (root / top).is_dir() and _find(name, _Place(root)) == file:
            return _Module(file, name, _Place(root, top if _is_installed(root) or root == _PACKAGE.parent else None))
    if _is_installed(file):
        return _Module(file, file.stem, _Place(file.parent, file.stem))
    return user_module(file)


@cache
def _imports(module: _Module, *_: object) -> tuple[list[_Module], set[str]]:
    """Return the imported modules whose files count, and the names of other packages; `_` is the file's stamp."""
    within: dict[_Module, None] = {}
    outside: set[str] = set()
    for name in [*_parents(module.name), *_imported(module)]:
        found = list(_located(name, module.place))
        within |= dict.fromkeys(found)
        if not found:
            outside.add(name.partition(".")[0])
    return list(within), outside & _COMPUTES if module.place.folder == _PACKAGE.parent else outside


def _imported(module: _Module) -> Iterator[str]:
    """Yield the dotted names that may be imported: for `from a import b`, both `a` and `a.b`."""
    if module.file.suffix != ".py":
        return
    text = module.file.read_bytes()
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError):
        return
    for node in _statements(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name
                yield from _lazily(alias.name).values()
                if alias.name == _PACKAGE.name:
                    for folder in _PACKAGE.iterdir():
                        yield from _lazily(f"{_PACKAGE.name}.{folder.name}").values()
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parts = module.package.split(".")
                base = ".".join([*parts[: len(parts) - node.level + 1], *filter(None, [node.module])])
            if base:
                yield base
            for alias in node.names:
                yield f"{base}.{alias.name}" if base else alias.name
                if alias.name in (homes := _lazily(base)):
                    yield homes[alias.name]
                yield from _lazily(f"{base}.{alias.name}").values()
    if b"import_module" in text or b"__import__" in text:
        yield from filter(None, map(_named_in_call, ast.walk(tree)))


def _statements(tree: ast.Module) -> Iterator[ast.stmt]:
    """Yield all statements except those below `if TYPE_CHECKING:`, which never run."""
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.stmt):
            yield node
        for part in ("body", "orelse", "finalbody", "handlers", "cases"):
            if part == "body" and isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
                continue
            inner = getattr(node, part, None)
            if isinstance(inner, list):
                waiting += inner


def _named_in_call(node: ast.AST) -> str:
    """Return the name in `import_module("a.b")`; empty for anything else."""
    if not (isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant)):
        return ""
    name = node.args[0].value
    called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    return name if called in ("import_module", "__import__") and isinstance(name, str) and name[:1] != "." else ""


def _lazily(package: str) -> dict[str, str]:
    """Return the names that a package of sshbench loads on first use, with their modules (`sshbench.lazy.exports`)."""
    file = _find(package, _Place(_PACKAGE.parent)) if package.partition(".")[0] == _PACKAGE.name else None
    if file is None or file.name != "__init__.py":
        return {}
    return {
        name: resolve_name(home if home[0] == "." else f".{home}", package)
        for name, home in _homes(file, *_stamp(file)).items()
    }


@cache
def _homes(file: Path, *_: object) -> dict[str, str]:
    """Return the dictionary `_HOMES` of a module, without attribute names; empty if it has none."""
    for node in ast.parse(file.read_bytes()).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "_HOMES":
            return {name: home.partition(":")[0] for name, home in ast.literal_eval(node.value).items()}
    return {}


def _located(name: str, place: _Place) -> Iterator[_Module]:
    """Yield the files of a dotted name and of its parent packages, if they exist and count."""
    top = name.partition(".")[0]
    if not top:
        return
    here = place if place.only in (None, top) and top != _PACKAGE.name else None
    if here is None or not ((here.folder / top).is_dir() or _find(top, here)):
        here = _elsewhere(top)
    if here is None:
        return
    for prefix in (*_parents(name), name):
        if file := _find(prefix, here):
            yield _Module(file, prefix, here)


def _parents(name: str) -> list[str]:
    parts = name.split(".")
    return [".".join(parts[:count]) for count in range(1, len(parts))]


def _find(name: str, place: _Place) -> Path | None:
    """Return the file of a module or package in a folder."""
    path = place.folder.joinpath(*name.split("."))
    if (path / "__init__.py").is_file():
        return path / "__init__.py"
    for end in (".py", *EXTENSION_SUFFIXES):
        if (found := path.with_name(path.name + end)).is_file():
            return found
    return None


@cache
def _elsewhere(top: str) -> _Place | None:
    """Return the folder that a name is imported from; None for modules of Python and of other installed packages."""
    if top == "sshbench":
        return _Place(_PACKAGE.parent, top)
    if top in sys.stdlib_module_names or top in sys.builtin_module_names:
        return None
    try:
        spec = importlib.util.find_spec(top)
    except (ImportError, ValueError):
        return None
    if spec is None:
        return None
    folders = list(spec.submodule_search_locations or ())
    start = Path(folders[0]) if folders else Path(spec.origin) if spec.origin and spec.has_location else None
    if start is None or _is_installed(start):
        return None
    return _Place(start.resolve().parent, top if folders else None)


def _is_installed(path: Path) -> bool:
    return f"{os.path.realpath(path)}{os.sep}".startswith(_INSTALLED)


@cache
def _version(top: str) -> str:
    """Return the version of the package that a name is imported from; empty for Python's own modules."""
    if top in sys.stdlib_module_names:
        return ""
    try:
        return version(_NAMES.get(top, top))
    except (PackageNotFoundError, ValueError):
        return str(getattr(sys.modules.get(top), "__version__", ""))


def _stamp(file: Path) -> tuple[int, int]:
    """Return values that change with a file, so that a long-running process notices a change."""
    about = file.stat()
    return about.st_mtime_ns, about.st_size


@cache
def _content(file: Path, *_: object) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def digest_of(parts: Iterable[str]) -> str:
    """Return the hash of texts in their order, 16 hexadecimal digits, as records store it."""
    return hashlib.sha256("\0".join(parts).encode(errors="surrogateescape")).hexdigest()[:16]
