"""Files of methods' authors, from the file to an image: damaged ones, and sound ones of networks that are not there."""

from __future__ import annotations

import io
from functools import cache
from pathlib import Path
from random import Random

import torch

from sshbench.methods.check import _run
from sshbench.methods.registry import get_method
from sshbench.methods.weights import load_weights
from tests.hostile.driver import ODD_NAMES, Files, Target, damaged, fuzz
from tests.methods.checkpoints import SYNTHETIC, Container

_SMALL = [name for name in SYNTHETIC if name != "ssh"]  # whose published width the file does not make smaller
_KINDS = (torch.float16, torch.float64, torch.int8, torch.bool, torch.uint16, torch.complex64, torch.float8_e5m2)


@cache
def _state(name: str) -> dict[str, torch.Tensor]:
    return SYNTHETIC[name].state()


def _files(name: str, state: dict[str, torch.Tensor]) -> Files:
    container: Container = SYNTHETIC[name]
    file = io.BytesIO()
    torch.save(container.wrap(state), file)
    return {"container": name.encode(), container.file: file.getvalue()}


def _make(random: Random) -> Files:
    name = random.choice(_SMALL)
    return _files(name, _state(name))


def _damage(random: Random, files: Files) -> Files:
    """Bytes of the file; or tensors of other shapes and types, and under other names."""
    name = files["container"].decode()
    file = SYNTHETIC[name].file
    if random.random() < 0.3:
        return {**files, **damaged(random, {file: files[file]})}
    state = dict(_state(name))
    for key in random.sample(list(state), random.choice((1, 1, 2, 5))):
        value = state[key]
        match random.randrange(9):
            case 0:
                state[key] = value.to(random.choice(_KINDS))
            case 1:
                state[key] = value.new_zeros([random.choice((0, 1, 3, 64, size)) for size in value.shape])
            case 2:
                state[key] = value.new_zeros(()).expand(value.shape)
            case 3:
                state[key] = value.reshape(-1) if random.random() < 0.5 else value.new_zeros(())
            case 4 | 5:
                odd = random.choice((0, 1e30, -1, 1e-40, torch.nan, torch.inf))
                state[key] = torch.full(value.shape, odd)
            case 6:
                del state[key]
            case 7:
                state[random.choice((*ODD_NAMES, f"module.{key}", f"_orig_mod.{key}", key.replace("0", "999999")))] = (
                    value
                )
            case _:
                state[key] = state[random.choice(list(state))]
    if random.random() < 0.2:
        prefix = random.choice(("module.", "_orig_mod.", "model.", "a" * 500))
        state = {f"{prefix}{key}": value for key, value in state.items()}
    return _files(name, state)


def _read(folder: Path) -> object:
    container = SYNTHETIC[(folder / "container").read_text()]
    path = folder / container.file
    return load_weights(container.method, path), _run(get_method(container.method, weights=path), path)


def test_the_readers_of_authors_files(tmp_path: Path) -> None:
    fuzz(Target(_make, _read, _damage, memory=2**30, seconds=30), tmp_path)
