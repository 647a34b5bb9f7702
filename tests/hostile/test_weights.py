"""Safetensors files, their cards and their index: what a folder of weights holds, and what is made of it."""

from __future__ import annotations

import json
import os
import struct
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import pytest
import torch
from safetensors.torch import save

from sshbench.cli.main import main
from sshbench.methods import tensor_files
from sshbench.methods.base import MethodError, WeightsError
from sshbench.methods.check import check_weights
from sshbench.methods.hub import from_pretrained
from sshbench.methods.weights import WeightsCard, load_network, read_weights, save_weights
from sshbench.networks.dovenet import DoveNetGenerator
from sshbench.networks.s2am import S2AM
from sshbench.networks.ssh import SSH
from sshbench.networks.ssh_lut import SshLut
from sshbench.networks.wct2 import WCT2
from tests.hostile.driver import ODD_NAMES, ODD_NUMBERS, Files, Target, damaged, fuzz, odd_json

NETWORKS: dict[str, tuple[Any, dict[str, Any]]] = {
    "ssh": (SSH, {"width": 4}),
    "ssh-lut": (SshLut, {"width": 4, "channels": 8, "mixtures": 2, "size": 5, "hidden": 8, "quantiles": 3}),
    "dovenet": (DoveNetGenerator, {"norm": "batch", "width": 2, "depth": 5}),
    "s2am": (S2AM, {"width": 2, "depth": 5}),
    "wct2": (WCT2, {"width": 2}),
}
KINDS = ("float16", "bfloat16", "float32", "float64", "int64", "uint8", "bool")


@cache
def _network(method: str) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    make, architecture = NETWORKS[method]
    return make(**architecture).state_dict(), architecture


def _file(state: Mapping[str, torch.Tensor], card: str, digest: str | None = None) -> bytes:
    found = tensor_files.tensors_hash(state) if digest is None else digest
    return save(
        {name: value.contiguous() for name, value in state.items()}, {"sshbench.card": card, "sshbench.hash": found}
    )


def _card(method: str, **more: Any) -> str:
    return WeightsCard(method=method, **more).model_dump_json()


def _make_file(random: Random) -> Files:
    """Small tensors of many types, whole and in parts, in one file or two."""
    state = {}
    for name in random.sample("abcdefg", random.randint(1, 4)):
        kind = getattr(torch, random.choice(KINDS))
        shape = random.choices(range(1, 4), k=random.randint(1, 3))
        state[name] = torch.randint(0, 2, shape).to(kind)
    digest = tensor_files.tensors_hash(state)
    parts = {}
    for name, value in state.items():
        cut = random.randrange(len(value) + 1)
        whole = cut in (0, len(value))
        parts |= (
            {name: value} if whole else {f"{name}[0:{cut}]": value[:cut], f"{name}[{cut}:{len(value)}]": value[cut:]}
        )
    card = _card("ssh")
    names = list(parts)
    cut = random.randrange(len(names) + 1)
    shards = [part for part in (names[:cut], names[cut:]) if part]
    if len(shards) == 1:
        return {tensor_files.FILE: _file(parts, card, digest)}
    files = [f"model-0000{i}-of-00002.safetensors" for i in (1, 2)]
    places = {name: file for file, shard in zip(files, shards, strict=True) for name in shard}
    index = json.dumps({"metadata": {"total_size": 1}, "weight_map": places}).encode()
    made = {file: _file({n: parts[n] for n in shard}, card, digest) for file, shard in zip(files, shards, strict=True)}
    return {tensor_files.INDEX: index, **made}


def _damaged_file(random: Random, files: Files) -> Files:
    """Bytes; or the index, or the header of a file, as other JSON; or parts under other names."""
    files = dict(files)
    if random.random() < 0.4:
        return damaged(random, files)
    if tensor_files.INDEX in files and random.random() < 0.5:
        return files | {
            tensor_files.INDEX: json.dumps(odd_json(random, json.loads(files[tensor_files.INDEX]))).encode()
        }
    name = random.choice([name for name in files if name.endswith(".safetensors")])
    (length,) = struct.unpack("<Q", files[name][:8])
    header, values = json.loads(files[name][8 : 8 + length]), files[name][8 + length :]
    if random.random() < 0.5:
        header = odd_json(random, header)
    else:
        names = [
            "a",
            "a[0:1]",
            "a[1:2]",
            "a[x]",
            "a[",
            "[0:1]",
            "a[0:1",
            "a]",
            f"a[{10**30}:1]",
            "a[2:4]",
            "a[0:1][0:1]",
        ]
        tensors = [key for key in header if key != "__metadata__"]
        for key in random.sample(tensors, min(2, len(tensors))):
            header[random.choice([*names, *ODD_NAMES])] = header.pop(key)
    text = json.dumps(header).encode()
    return files | {name: struct.pack("<Q", len(text)) + text + values}


def _read_file(folder: Path) -> object:
    return read_weights(folder, "x")


def test_damaged_files(tmp_path: Path) -> None:
    fuzz(Target(_make_file, _read_file, _damaged_file, memory=2**27), tmp_path)


def _make_card(random: Random) -> Files:
    method = random.choice(list(NETWORKS))
    state, architecture = _network(method)
    card = _card(method, architecture=architecture, preprocessing={"input_size": 64})
    return {"model.safetensors": _file(state, card), "method": method.encode()}


def _damaged_card(random: Random, files: Files) -> Files:
    """Other values in the card, of the architecture above all, and with them perhaps another network."""
    method = files["method"].decode()
    state, architecture = _network(method)
    card = json.loads(_card(method, architecture=architecture))
    if random.random() < 0.3:
        card = odd_json(random, card)
    else:
        for key in random.choices([*architecture, "depth", "size", "attention", "dropout", "evil", "norm"], k=2):
            odd = (*ODD_NUMBERS, *ODD_NAMES, None, True, [], {}, [1] * 1000, 3, 11, 65, 66, 4097)
            card["architecture"][key] = random.choice(odd)
    card = json.dumps(card) if random.random() < 0.9 else random.choice(("", "{", "[" * 10_000, "null", "NaN"))
    return files | {"model.safetensors": _file(state, card)}


def _read_card(folder: Path) -> object:
    method = (folder / "method").read_text()
    return load_network(method, folder / "model.safetensors", NETWORKS[method][0]), check_weights(
        folder / "model.safetensors"
    )


def test_damaged_cards(tmp_path: Path) -> None:
    fuzz(Target(_make_card, _read_card, _damaged_card, memory=2**30, seconds=20), tmp_path)


CODE = """
import pathlib
pathlib.Path(__file__).with_name("ran").touch()
class M:
    def __init__(self, weights=None): pass
    def harmonize(self, batch): return [one.composite for one in batch]
"""


class TestAFolderOfWeightsRunsNoCode:
    @pytest.fixture(
        params=["run.py:M", "run.py", "./run.py:M", "{folder}/run.py:M", "run:M", "ssh:x=run.py", "ssh-lut "]
    )
    def folder(self, request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        monkeypatch.chdir(tmp_path)
        (tmp_path / "run.py").write_text(CODE)
        name = request.param.format(folder=tmp_path)
        save_weights(tmp_path, {"a": torch.rand(2, 2)}, WeightsCard(method=name))
        return tmp_path

    def test_when_it_is_checked(self, folder: Path) -> None:
        with pytest.raises(WeightsError, match="and there is no such method here or in an installed package"):
            check_weights(folder)
        assert not (folder / "ran").exists()

    def test_when_a_method_is_made_of_it(self, folder: Path) -> None:
        with pytest.raises(MethodError, match="and there is no such method here"):
            from_pretrained(folder)
        assert not (folder / "ran").exists()

    @pytest.mark.parametrize(
        "command",
        [
            "weights check {0}",
            "evaluate -m ssh --weights {0} --limit 1 -q",
            "harmonize {0}/x.png {0}/x.png --mask {0}/x.png -m ssh --weights {0} -o {0}/y.png",
            "train ssh --init-from {0} --source sample -o {0}/run -q",
            "weights export ssh --weights {0} -o {0}/out",
        ],
    )
    def test_by_any_command(self, folder: Path, command: str, capsys: pytest.CaptureFixture[str]) -> None:
        with pytest.raises(SystemExit) as ended:
            main(command.format(folder).split())
        assert ended.value.code == 2
        assert len(capsys.readouterr().err.splitlines()) >= 1
        assert not (folder / "ran").exists()


class TestCards:
    @pytest.mark.parametrize(
        ("method", "change"),
        [
            ("ssh", {"width": 10**12}), ("ssh", {"width": -1}), ("ssh", {"width": "4"}), ("ssh", {"width": True}),
            ("ssh", {"code": 1}), ("ssh-lut", {"size": 10**6}), ("ssh-lut", {"size": 66}), ("ssh-lut", {"size": 1}),
            ("ssh-lut", {"attention": 10**9}), ("ssh-lut", {"quantiles": 10**9}), ("dovenet", {"depth": 10**9}),
            ("dovenet", {"depth": 2.5}), ("s2am", {"depth": 33}), ("s2am", {"depth": 0}),
            ("wct2", {"width": 10**9}), ("wct2", {"width": None}),
        ],
    )  # fmt: skip
    def test_a_network_that_there_is_not(self, method: str, change: dict[str, Any], tmp_path: Path) -> None:
        state, architecture = _network(method)
        save_weights(tmp_path, state, WeightsCard(method=method, architecture=architecture | change))
        with pytest.raises(WeightsError, match=f"its card describes a network that {method} does not have"):
            load_network(method, tmp_path, NETWORKS[method][0])

    def test_a_large_network_costs_nothing_where_the_file_is_of_a_small_one(self, tmp_path: Path) -> None:
        state, _ = _network("ssh")
        save_weights(tmp_path, state, WeightsCard(method="ssh", architecture={"width": 4096}))
        with pytest.raises(WeightsError, match="does not fit SSH: it has of another shape"):  # 140 TB otherwise
            load_network("ssh", tmp_path, SSH)

    @pytest.mark.parametrize("size", [0, -1, 2049, 10**9, "x"])
    def test_an_input_that_no_network_has(self, size: Any, tmp_path: Path) -> None:
        card = json.loads(_card("ssh")) | {"preprocessing": {"input_size": size}}
        (tmp_path / "model.safetensors").write_bytes(_file({"a": torch.rand(2)}, json.dumps(card)))
        with pytest.raises(WeightsError, match=r"its card cannot be read \(preprocessing\.input_size"):
            read_weights(tmp_path, "x")

    def test_a_card_of_many_megabytes(self, tmp_path: Path) -> None:
        card = json.dumps(json.loads(_card("ssh")) | {"data": {"x": "y" * 2**22}})
        (tmp_path / "model.safetensors").write_bytes(_file({"a": torch.rand(2)}, card))
        with pytest.raises(WeightsError, match="its card is larger than 4 MB"):
            read_weights(tmp_path, "x")

    def test_what_a_card_says_is_printed_as_text(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        state, architecture = _network("ssh")
        card = WeightsCard(method="ssh", architecture=architecture, file="\x1b[2J\x1b]0;x\7\nhash: another")
        save_weights(tmp_path, state, card)
        with pytest.raises(SystemExit):
            main(["weights", "check", str(tmp_path)])
        said = capsys.readouterr().out
        assert r"\x1b[2J\x1b]0;x\x07 hash: another" in said
        assert "\x1b" not in said


def _header(**tensors: Any) -> bytes:
    text = json.dumps(
        {name: dict(zip(("dtype", "shape", "data_offsets"), one, strict=True)) for name, one in tensors.items()}
    )
    return struct.pack("<Q", len(text)) + text.encode()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"version https://git-lfs.github.com/spec/v1\n",
        struct.pack("<Q", 2**63) + b"{}",
        struct.pack("<Q", 9 << 20) + b"{" + b" " * (9 << 20) + b"}",
        struct.pack("<Q", 600_001) + b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
        _header(a=("F32", [2**62, 4], [0, 0])),
        _header(a=("F32", [-1], [0, 4])) + bytes(4),
        _header(a=("F32", [1], [0, 4]), b=("F32", [1], [0, 4])) + bytes(4),
        _header(a=("F4", [2], [0, 1])) + b"0",
        _header(a=("C64", [1], [0, 8])) + bytes(8),
        _header(**{f"t{i}": ("F32", [0], [0, 0]) for i in range(20_001)}),
    ],
    ids=["empty", "lfs", "length", "spaces", "deep", "shape", "negative", "overlap", "F4", "complex", "many"],
)
def test_files_that_are_none(data: bytes, tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(data)
    with pytest.raises(WeightsError, match="is damaged or no safetensors file"):
        read_weights(tmp_path, "x")


@pytest.mark.parametrize(
    "parts",
    [
        {"a[0:1]": 1, "a[2:3]": 1},
        {"a[1:2]": 1},
        {"a[0:2]": 1},
        {"a[0:1]": 1, "a": 1},
        {"a[0:1]": 1, "a[0:2]": 2},
    ],
)
def test_parts_that_do_not_follow_one_another(parts: dict[str, int], tmp_path: Path) -> None:
    state = {name: torch.zeros(count, 2) for name, count in parts.items()}
    (tmp_path / "model.safetensors").write_bytes(_file(state, _card("ssh"), ""))
    with pytest.raises(WeightsError, match="the parts of a do not follow one another"):
        read_weights(tmp_path, "x")


def test_parts_of_other_shapes(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(
        _file({"a[0:1]": torch.zeros(1, 2), "a[1:2]": torch.zeros(1, 3)}, _card("ssh"), "")
    )
    with pytest.raises(WeightsError, match="the parts of a are of different shapes or types"):
        read_weights(tmp_path, "x")


@pytest.mark.parametrize(
    "index",
    [
        "[" * 100_000,
        '{"weight_map": {"a": 1}}',
        '{"weight_map": {"a": ["x"]}}',
        '{"weight_map": []}',
        "1",
        "",
        "\xff",
    ],
)
def test_an_index_that_is_none(index: str, tmp_path: Path) -> None:
    (tmp_path / tensor_files.INDEX).write_text(index, encoding="latin-1")
    with pytest.raises(WeightsError, match=r"index\.json is damaged; copy it again"):
        read_weights(tmp_path, "x")


@pytest.mark.parametrize(
    "name", ["../x.safetensors", "/etc/passwd", "", "..", ".", "a\0.safetensors", "x.py", "a/b.safetensors"]
)
def test_an_index_names_files_beside_it(name: str, tmp_path: Path) -> None:
    (tmp_path / tensor_files.INDEX).write_text(json.dumps({"weight_map": {"a": name}}))
    with pytest.raises(WeightsError, match="a file outside of its folder; do not use it"):
        read_weights(tmp_path, "x")


@pytest.mark.parametrize("name", [tensor_files.FILE, tensor_files.INDEX])
def test_a_pipe_is_not_waited_for(name: str, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / name)
    with pytest.raises(WeightsError, match=r"is missing|is damaged"):
        read_weights(tmp_path / name, "x")
