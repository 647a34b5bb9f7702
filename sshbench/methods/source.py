"""Which source files a piece of code depends on, found by reading their imports and running none of them.

What is in the same package counts, and so does what lies beside a file of the user's own or where else it is imported
from, with the sources and libraries of compiled modules. Of what is installed as a package of its own, the version
counts.
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
_COMPUTES = {"numpy", "scipy", "torch", "torchvision", "PIL", "lpips"}  # of what sshbench imports; decide about numbers
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
    """A folder that absolute imports are looked up in; of `only` this name, where others there are other packages."""

    folder: Path
    only: str | None = None


@dataclass(frozen=True)
class _Module:
    """A source file, the dotted name it is imported by from `place`, and whether that is a package."""

    file: Path
    name: str
    place: _Place

    @property
    def package(self) -> str:
        """What its relative imports are relative to."""
        return self.name if self.file.stem == "__init__" else self.name.rpartition(".")[0]


@dataclass(frozen=True)
class Sources:
    """What code depends on: source files by the name they are imported by, and other packages by their version."""

    files: Mapping[str, Path]
    versions: Mapping[str, str]

    def digest(self) -> str:
        """Hash of the names and contents of the files, and of the versions."""
        digest = hashlib.sha256()
        for name, file in sorted(self.files.items()):
            digest.update(f"{name}\0{_content(file, *_stamp(file))}\0".encode())
        digest.update(repr(sorted(self.versions.items())).encode())
        return digest.hexdigest()


def sources_of(first: Any, *others: Any) -> Sources:
    """Find what classes, functions and modules depend on: the files they are written in, and all that these import.

    Of installed packages, the files of the one that the first is of count.
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
                name += "+"  # another file of this name
            files[name] = file
        versions |= found.versions
    return Sources(files, versions)


def sources_in(module: _Module) -> Sources:
    """The same of one module. Its own name does not count, as a user may call a file anything."""
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
    """A file of the user's own, which imports what lies beside it."""
    full = path.resolve()
    return _Module(full, full.stem, _Place(full.parent))


def beside(path: Path) -> dict[str, Path]:
    """The modules in the folder of a user's file that it imports, also those that these import, by name."""
    start = user_module(path)
    found = sources_in(start).files
    return {name: file for name, file in found.items() if name and file.is_relative_to(start.place.folder)}


def file_of(part: Any) -> Path | None:
    """The source file of a class, function or module; None for what is built in or was typed in.

    Unlike `inspect.getsourcefile`, this looks through no list of all modules.
    """
    code = getattr(part, "__code__", None)
    module = sys.modules.get(str(getattr(part, "__module__", ""))) if code is None else None
    name = getattr(code, "co_filename", None) or getattr(part, "__file__", None) or getattr(module, "__file__", None)
    if not isinstance(name, str) or not os.path.isfile(name):
        return None
    return Path(name).resolve()


def _module_of(part: Any) -> _Module | None:
    """The module that something is written in; None for what is built in."""
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
    """Modules that one imports and whose files count, and the names of other packages; `_` is the file's stamp."""
    within: dict[_Module, None] = {}
    outside: set[str] = set()
    for name in [*_parents(module.name), *_imported(module)]:
        found = list(_located(name, module.place))
        within |= dict.fromkeys(found)
        if not found:
            outside.add(name.partition(".")[0])
    return list(within), outside & _COMPUTES if module.place.folder == _PACKAGE.parent else outside


def _imported(module: _Module) -> Iterator[str]:
    """Dotted names of what may be imported: of `from a import b` both `a` and `a.b`."""
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
    """All statements but those below `if TYPE_CHECKING:`, which never run."""
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
    """The name in `import_module("a.b")`; empty for all else."""
    if not (isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant)):
        return ""
    name = node.args[0].value
    called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    return name if called in ("import_module", "__import__") and isinstance(name, str) and name[:1] != "." else ""


def _lazily(package: str) -> dict[str, str]:
    """The names that a package of sshbench's loads on first use, with their modules (`sshbench.lazy.exports`)."""
    file = _find(package, _Place(_PACKAGE.parent)) if package.partition(".")[0] == _PACKAGE.name else None
    if file is None or file.name != "__init__.py":
        return {}
    return {
        name: resolve_name(home if home[0] == "." else f".{home}", package)
        for name, home in _homes(file, *_stamp(file)).items()
    }


@cache
def _homes(file: Path, *_: object) -> dict[str, str]:
    """The dictionary `_HOMES` of a module, without the names that attributes have there; empty where it has none."""
    for node in ast.parse(file.read_bytes()).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "_HOMES":
            return {name: home.partition(":")[0] for name, home in ast.literal_eval(node.value).items()}
    return {}


def _located(name: str, place: _Place) -> Iterator[_Module]:
    """The files of a dotted name and of the packages it lies in, as far as they are there and count."""
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
    """The file of a module or package in a folder."""
    path = place.folder.joinpath(*name.split("."))
    if (path / "__init__.py").is_file():
        return path / "__init__.py"
    for end in (".py", *EXTENSION_SUFFIXES):
        if (found := path.with_name(path.name + end)).is_file():
            return found
    return None


@cache
def _elsewhere(top: str) -> _Place | None:
    """Where a name is imported from, if that is no part of Python and no installed package, but for this one."""
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
    """The version of what is installed under a name that is imported; empty for what belongs to Python."""
    if top in sys.stdlib_module_names:
        return ""
    try:
        return version(_NAMES.get(top, top))
    except (PackageNotFoundError, ValueError):
        return str(getattr(sys.modules.get(top), "__version__", ""))


def _stamp(file: Path) -> tuple[int, int]:
    """What changes with a file, so that a process that goes on sees it."""
    about = file.stat()
    return about.st_mtime_ns, about.st_size


@cache
def _content(file: Path, *_: object) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def digest_of(parts: Iterable[str]) -> str:
    """Hash of some texts in order, as records keep it."""
    return hashlib.sha256("\0".join(parts).encode(errors="surrogateescape")).hexdigest()[:16]
