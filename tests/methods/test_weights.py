"""Weights come back as they were saved and say whose they are; those that are not whole are refused in a sentence."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from sshbench.methods import hub
from sshbench.methods.base import MissingWeights, WeightsError
from sshbench.methods.tensor_files import FILE, INDEX, tensors_hash
from sshbench.methods.weights import WeightsCard, cache_folder, load_weights, save_weights

CARD = WeightsCard(
    method="ssh",
    architecture={"width": 4},
    trained_by="sshbench",
    recipe={"optimizer": {"lr": 2e-4}},
    data={"photographs": 12},
    git_revision="abc",
    metrics={"psnr": 30.5},
)


def a_state() -> dict[str, Tensor]:
    torch.manual_seed(0)
    return {
        "a.weight": torch.randn(300, 40),
        "a.bias": torch.randn(300),
        "norm.num_batches_tracked": torch.tensor(7),
        "empty": torch.zeros(0, 3),
    }


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SSHBENCH_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


class TestRoundTrip:
    def test_float32_is_exact(self, tmp_path: Path) -> None:
        files = save_weights(tmp_path, a_state(), CARD, dtype="float32")
        assert [file.name for file in files] == [FILE]
        found = load_weights("ssh", tmp_path)
        assert found.card == CARD
        assert found.hash == tensors_hash(a_state())
        assert list(found.state) == sorted(a_state(), key=list(found.state).index)
        assert all(torch.equal(found.state[name], value) for name, value in a_state().items())
        assert found.state["norm.num_batches_tracked"].dtype == torch.int64

    def test_scores_without_an_interval(self, tmp_path: Path) -> None:
        """One held-out image has no interval, and equal images have infinite PSNR; older files hold null for both."""
        card = WeightsCard(method="ssh", metrics={"psnr": 20.5, "psnr_low": math.nan, "dc_psnr": math.inf})
        path = save_weights(tmp_path, a_state(), card)[0]
        assert load_weights("ssh", tmp_path).card.metrics == {"psnr": 20.5}
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata()
        metadata["sshbench.card"] = metadata["sshbench.card"].replace('"psnr":20.5', '"psnr":20.5,"psnr_low":null')
        save_file(load_file(path), path, metadata)
        assert load_weights("ssh", tmp_path).card.metrics == {"psnr": 20.5}
        for wrong in ('"20x"', "[1]", "{}", str(10**400)):
            changed = metadata | {"sshbench.card": metadata["sshbench.card"].replace('low":null', f'low":{wrong}')}
            save_file(load_file(path), path, changed)
            with pytest.raises(WeightsError, match=r"metrics\.psnr_low: "):
                load_weights("ssh", tmp_path)

    @pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
    def test_half_precision_is_the_nearest(self, tmp_path: Path, dtype: Any) -> None:
        save_weights(tmp_path, a_state(), CARD, dtype=dtype)
        nearest = a_state()["a.weight"].to(getattr(torch, dtype)).float()
        found = load_weights("ssh", tmp_path / FILE).state["a.weight"]
        assert found.dtype == torch.float32
        assert torch.equal(found, nearest)

    def test_shards_hold_to_their_size_and_to_each_other(self, tmp_path: Path) -> None:
        state = a_state() | {"big": torch.randn(37, 9000)}
        files = save_weights(tmp_path, state, CARD, shard_bytes=2**19)
        assert files[-1].name == INDEX
        shards = files[:-1]
        assert len(shards) > 2
        assert all(shard.stat().st_size <= 2**19 for shard in shards)
        found = load_weights("ssh", tmp_path)
        assert torch.equal(found.state["big"], state["big"].half().float())
        assert set(found.state) == set(state)
        places = json.loads(files[-1].read_text())["weight_map"]
        assert all(name in load_file(tmp_path / place) for name, place in places.items())

    def test_every_file_holds_the_card(self, tmp_path: Path) -> None:
        for shard in save_weights(tmp_path, a_state(), CARD, shard_bytes=2**13)[:-1]:
            with safe_open(shard, framework="pt") as file:
                assert WeightsCard.model_validate_json(file.metadata()["sshbench.card"]) == CARD

    def test_what_lay_there_before_goes(self, tmp_path: Path) -> None:
        save_weights(tmp_path, a_state(), CARD, shard_bytes=2**13)
        (tmp_path / "README.md").touch()
        save_weights(tmp_path, a_state(), CARD)
        assert sorted(path.name for path in tmp_path.iterdir()) == ["README.md", FILE]

    def test_the_hash_is_of_names_shapes_and_values(self) -> None:
        state = a_state()
        known = tensors_hash(state)
        assert known == tensors_hash(dict(reversed(state.items())))
        others = [
            state | {"a.bias": state["a.bias"] + 1e-6},
            state | {"a.weight": state["a.weight"].reshape(40, 300)},
            {("b.bias" if name == "a.bias" else name): value for name, value in state.items()},
        ]
        assert len({known, *map(tensors_hash, others)}) == 4


class TestDamage:
    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        save_weights(tmp_path / "w", a_state(), CARD, shard_bytes=2**13)
        return tmp_path / "w"

    def refused(self, path: Path, sentence: str, method: str = "ssh") -> None:
        with pytest.raises(WeightsError, match=sentence):
            load_weights(method, path)

    def test_nowhere(self, tmp_path: Path) -> None:
        self.refused(tmp_path / "nowhere", r"nowhere: there are no such weights; give a file")

    def test_of_another_method(self, folder: Path) -> None:
        self.refused(folder, "holds weights of ssh, not of dovenet", "dovenet")

    def test_a_shard_is_missing(self, folder: Path) -> None:
        next(folder.glob("model-00002*")).unlink()
        self.refused(folder, r"model-00002-of-\d+\.safetensors is missing")

    def test_a_shard_is_cut_short(self, folder: Path) -> None:
        shard = next(folder.glob("model-00002*"))
        shard.write_bytes(shard.read_bytes()[:-100])
        self.refused(folder, r"model-00002-of-\d+\.safetensors is damaged")

    def test_a_shard_of_other_weights(self, folder: Path, tmp_path: Path) -> None:
        other = {name: value + 1 for name, value in a_state().items()}
        save_weights(tmp_path / "other", other, CARD, shard_bytes=2**13)
        shard = next(folder.glob("model-00002*"))
        shard.write_bytes((tmp_path / "other" / shard.name).read_bytes())
        self.refused(folder, "contains other tensors than were saved")

    def test_a_bit_has_flipped(self, folder: Path) -> None:
        shard = next(folder.glob("model-00002*"))
        data = bytearray(shard.read_bytes())
        data[-1] ^= 1
        shard.write_bytes(data)
        self.refused(folder, "contains other tensors than were saved")

    @pytest.mark.parametrize("text", ["", "{}", '{"weight_map": 3}'])
    def test_the_index_is_damaged(self, folder: Path, text: str) -> None:
        (folder / INDEX).write_text(text)
        self.refused(folder, f"{INDEX} is damaged")

    def test_the_index_leads_out(self, folder: Path) -> None:
        (folder / INDEX).write_text('{"weight_map": {"a": "../secret.safetensors"}}')
        self.refused(folder, "a file outside of its folder")

    def test_safetensors_of_others(self, tmp_path: Path) -> None:
        save_file({"a": torch.zeros(3)}, tmp_path / "other.safetensors")
        self.refused(tmp_path / "other.safetensors", "was not written by sshbench")

    def test_a_newer_card(self, tmp_path: Path) -> None:
        path = save_weights(tmp_path, a_state(), CARD)[0]
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata()
        metadata["sshbench.card"] = metadata["sshbench.card"].replace('"git_revision"', '"revision"')
        save_file(load_file(path), path, metadata)
        self.refused(path, "revision: Extra inputs are not permitted.; a newer sshbench")

    def test_values_that_are_not_finite_are_not_saved(self, tmp_path: Path) -> None:
        large = {"a.weight": torch.full((2, 2), 1e6)}
        with pytest.raises(WeightsError, match=r"a\.weight contains NaN or infinity as float16"):
            save_weights(tmp_path, a_state() | large, CARD)
        save_weights(tmp_path, a_state() | large, CARD, dtype="float32")

    def test_variances_beyond_float16_are_kept(self, tmp_path: Path) -> None:
        path = save_weights(tmp_path, a_state() | {"a.running_var": torch.tensor([2e5])}, CARD)[0]
        assert load_weights("ssh", path).state["a.running_var"].item() == 2e5


class TestOwn:
    def test_imported_ones_come_before_those_that_ship(self, home: Path) -> None:
        save_weights(cache_folder("ssh"), a_state(), CARD.model_copy(update={"trained_by": "authors"}))
        assert cache_folder("ssh").is_relative_to(home)
        assert load_weights("ssh").card.trained_by == "authors"
        assert load_weights("ssh", "authors").source == str(cache_folder("ssh"))

    def test_missing_ones_say_where_to_get_them(self) -> None:
        with pytest.raises(
            MissingWeights,
            match=r"ssh has no weights of authors here; get checkpoint of the authors from https.* import",
        ):
            load_weights("ssh", "authors")
        with pytest.raises(
            MissingWeights, match="nothing has no weights here; train weights with sshbench train nothing"
        ):
            load_weights("nothing")


class TestHub:
    """A stand-in keeps each repository as a folder, in the layout of the Hub."""

    @pytest.fixture
    def repos(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        import shutil

        import huggingface_hub

        root = tmp_path / "repos"

        class Api:
            def create_repo(self, repo: str, *, private: bool, exist_ok: bool) -> str:
                (root / repo).mkdir(parents=True)
                return f"https://huggingface.co/{repo}"

            def upload_folder(self, *, repo_id: str, folder_path: str, commit_message: str) -> None:
                shutil.copytree(folder_path, root / repo_id, dirs_exist_ok=True)

        def snapshot_download(repo: str, *, revision: str | None, allow_patterns: list[str]) -> str:
            if not (root / repo).is_dir() or revision not in (None, "main"):
                raise OSError("404: Repository Not Found")
            return str(root / repo)

        monkeypatch.setattr(huggingface_hub, "HfApi", Api)
        monkeypatch.setattr(huggingface_hub, "snapshot_download", snapshot_download)
        return root

    def test_there_and_back(self, repos: Path, tmp_path: Path) -> None:
        save_weights(tmp_path / "w", a_state(), CARD)
        weights = load_weights("ssh", tmp_path / "w")
        assert hub.push_to_hub(weights, "me/ours") == "https://huggingface.co/me/ours"
        for where in ("hf://me/ours", "hf://me/ours@main", repos / "me" / "ours"):
            found = load_weights("ssh", where)
            assert found.hash == weights.hash
            assert found.card == CARD
        readme = (repos / "me" / "ours" / "README.md").read_text()
        assert "- psnr: 30.5" in readme
        assert readme.startswith("---\nlibrary_name: sshbench")

    def test_what_cannot_be_fetched_or_written(self, repos: Path, tmp_path: Path) -> None:
        with pytest.raises(WeightsError, match=r"me/none cannot be fetched from the .*Hub .OSError: 404"):
            load_weights("ssh", "hf://me/none")
        (repos / "me" / "there").mkdir(parents=True)
        save_weights(tmp_path / "w", a_state(), CARD)
        with pytest.raises(WeightsError, match=r"me/there cannot be written to .*FileExistsError"):
            hub.push_to_hub(load_weights("ssh", tmp_path / "w"), "me/there")
