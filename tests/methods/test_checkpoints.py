"""The authors' files load by their own keys, strictly; damaged and malicious ones are refused with a sentence."""

from __future__ import annotations

import pickle
import re
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from sshbench.methods import get_method
from sshbench.methods.base import WeightsError
from sshbench.methods.check import method_of
from sshbench.methods.checkpoints import read_checkpoint, read_pickle, read_state, strict_load
from sshbench.methods.weights import load_weights, read_authors
from sshbench.networks.idih import IDIH
from tests.methods.checkpoints import SYNTHETIC, Container


@pytest.fixture(params=SYNTHETIC)
def container(request: pytest.FixtureRequest) -> Container:
    return SYNTHETIC[request.param]


class TestContainers:
    def test_a_sound_file_gives_the_network_and_its_weights(self, container: Container, tmp_path: Path) -> None:
        weights = load_weights(container.method, container.write(tmp_path))
        assert weights.card.architecture == container.architecture
        assert weights.card.trained_by == "authors"
        state = container.state()
        assert set(weights.state) == set(state)
        assert all(torch.equal(weights.state[name], value) for name, value in state.items())

    def test_names_that_training_leaves(self, container: Container, tmp_path: Path) -> None:
        state = {f"module._orig_mod.module.{name}": value for name, value in container.state().items()}
        found = load_weights(container.method, container.write(tmp_path, state)).state
        assert set(found) == set(container.state())

    def test_half_precision_is_read_as_float32(self, container: Container, tmp_path: Path) -> None:
        state = {n: v.half() if v.is_floating_point() else v for n, v in container.state().items()}
        found = load_weights(container.method, container.write(tmp_path, state)).state
        assert not any(value.dtype == torch.float16 for value in found.values())

    @pytest.mark.parametrize("damage", ["missing", "shape", "extra"])
    def test_a_network_that_does_not_fit_is_refused_by_name(
        self, container: Container, tmp_path: Path, damage: str
    ) -> None:
        state = container.state()
        name = list(state)[-1]
        if damage == "missing":
            del state[name]
        elif damage == "shape":
            state[name] = torch.zeros(7, 7)
        else:
            name = "another.weight"
            state[name] = torch.zeros(3)
        what = {"missing": "lacks", "shape": "has of another shape", "extra": "has an unknown"}[damage]
        path = container.write(tmp_path, state)
        with pytest.raises(WeightsError, match=f"{path} does not fit .*: it {what} {re.escape(name)}"):
            get_method(container.method, weights=path)

    def test_a_file_with_code_in_it_is_refused_and_not_run(self, container: Container, tmp_path: Path) -> None:
        trap = tmp_path / "trap"
        torch.save({"args": Opens(trap), **container.wrap(container.state())}, tmp_path / container.file)
        with pytest.raises(WeightsError, match="can only be read by running code"):
            get_method(container.method, weights=tmp_path / container.file)
        assert not trap.exists()

    def test_a_value_that_is_not_finite(self, container: Container, tmp_path: Path) -> None:
        state = container.state()
        name = next(name for name, value in state.items() if value.is_floating_point())
        state[name].view(-1)[0] = torch.nan
        with pytest.raises(WeightsError, match=f"{name} contains NaN"):
            load_weights(container.method, container.write(tmp_path, state))


class TestTellingApart:
    @pytest.mark.parametrize("name", SYNTHETIC)
    def test_each_file_is_of_one_method(self, name: str, tmp_path: Path) -> None:
        container = SYNTHETIC[name]
        assert method_of(container.write(tmp_path)) == container.method

    @pytest.mark.parametrize(("backbone", "width"), [("hrnet18s", 18), ("hrnet18", 18), ("hrnet32", 32)])
    def test_the_backbone_of_idih_is_found_out(self, backbone: str, width: int, tmp_path: Path) -> None:
        with torch.device("meta"):
            network = IDIH(backbone, width=4)  # type: ignore[arg-type]
        shapes = {name: value.shape for name, value in network.state_dict().items()}
        # bytes, so that the file stays small
        torch.save({name: torch.zeros(shape, dtype=torch.int8) for name, shape in shapes.items()}, tmp_path / "f.pth")
        _, architecture = read_checkpoint("idih", tmp_path / "f.pth")
        assert architecture == {"backbone": backbone, "width": 4, "depth": 7}

    def test_a_backbone_that_is_not_here_is_named(self, tmp_path: Path) -> None:
        torch.save({"backbone.deeplab.conv.weight": torch.zeros(1, 1, 1, 1)}, tmp_path / "f.pth")
        with pytest.raises(WeightsError, match="iDIH with an unknown backbone; sshbench has hrnet18s"):
            read_checkpoint("idih", tmp_path / "f.pth")

    def test_what_harmonizer_s_training_leaves_is_read(self, tmp_path: Path) -> None:
        state = SYNTHETIC["harmonizer"].state()
        held = {"epoch": 3, "model": {f"module.model.{name}": value for name, value in state.items()}, "optimizer": {}}
        torch.save(held, tmp_path / "f.pth")
        found, architecture = read_checkpoint("harmonizer", tmp_path / "f.pth")
        assert architecture == {"width": 0.25}
        assert found.keys() == state.keys()

    def test_enhancer_is_not_harmonizer(self, tmp_path: Path) -> None:
        torch.save({f"regressor.headers.{i}.0.weight": torch.zeros(2, 2) for i in range(5)}, tmp_path / "f.pth")
        with pytest.raises(WeightsError, match="predicts 5 arguments and sees no mask, like Enhancer"):
            read_checkpoint("harmonizer", tmp_path / "f.pth")

    def test_pct_net_is_not_issam(self, tmp_path: Path) -> None:
        with pytest.raises(WeightsError, match="is of PCT-Net, which has iSSAM's encoder"):
            read_checkpoint("issam", SYNTHETIC["pct-net, CNN"].write(tmp_path))


class TestNames:
    """Of state dicts that were saved from what wraps a network."""

    def names(self, tmp_path: Path, *names: str) -> list[str]:
        torch.save({name: torch.zeros(1) for name in names}, tmp_path / "f.pth")
        return list(read_state(tmp_path / "f.pth"))

    @pytest.mark.parametrize(
        "prefix",
        ["module.", "module.module.", "_orig_mod.", "_orig_mod.module.", "module._orig_mod.", "_fsdp_wrapped_module."],
    )
    def test_what_all_have_in_front_is_taken_off(self, prefix: str, tmp_path: Path) -> None:
        assert self.names(tmp_path, f"{prefix}a.weight", f"{prefix}b.bias") == ["a.weight", "b.bias"]

    def test_a_part_that_was_compiled(self, tmp_path: Path) -> None:
        found = self.names(tmp_path, "a.weight", "b._orig_mod.weight", "b._orig_mod.c._checkpoint_wrapped_module.bias")
        assert found == ["a.weight", "b.weight", "b.c.bias"]

    def test_module_is_taken_off_where_all_have_it(self, tmp_path: Path) -> None:
        assert self.names(tmp_path, "module.a", "module.module.b") == ["a", "module.b"]
        assert self.names(tmp_path, "module.a", "b") == ["module.a", "b"]
        assert self.names(tmp_path, "modules.a", "modules.b") == ["modules.a", "modules.b"]

    def test_an_averaged_model(self, tmp_path: Path) -> None:
        average = torch.optim.swa_utils.AveragedModel(torch.nn.Linear(2, 2))
        torch.save(average.state_dict(), tmp_path / "f.pth")
        assert list(read_state(tmp_path / "f.pth")) == ["weight", "bias"]

    def test_two_of_one_name(self, tmp_path: Path) -> None:
        with pytest.raises(WeightsError, match="has a twice, with and without _orig_mod"):
            self.names(tmp_path, "a", "_orig_mod.a")

    def test_another_prefix_is_named(self, tmp_path: Path) -> None:
        state = {f"netG.{name}": value for name, value in SYNTHETIC["dovenet"].state().items()}
        with pytest.raises(WeightsError, match=r"save it again without 'netG\.' in its names"):
            read_authors("dovenet", SYNTHETIC["dovenet"].write(tmp_path, state))


class TestStrictness:
    @pytest.fixture
    def module(self) -> torch.nn.Module:
        return torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4))

    def test_the_network_s_own_weights_load(self, module: torch.nn.Module) -> None:
        state = {name: torch.full_like(value, 3) for name, value in module.state_dict().items()}
        strict_load(module, state, "f")
        assert all((value == 3).all() for value in module.state_dict().values())

    @pytest.mark.parametrize(
        ("change", "sentence"),
        [
            ({"0.bias": None}, r"f does not fit Sequential: it lacks 0\.bias$"),
            ({"1.num_batches_tracked": None, "0.bias": None}, r"it lacks 0\.bias$"),
            ({"2.weight": torch.zeros(1)}, r"it has an unknown 2\.weight$"),
            ({"0.weight": torch.zeros(4, 3, 5, 5)}, r"another shape 0\.weight .4 x 3 x 5 x 5, not 4 x 3 x 3 x 3."),
            ({"0.bias": None, "x": torch.zeros(1)}, r"it lacks 0\.bias; it has an unknown x$"),
            ({f"x{i}": torch.zeros(1) for i in range(9)}, r"an unknown x0, x1, x2 and 6 more$"),
        ],
    )
    def test_what_does_not_fit_is_named(self, module: torch.nn.Module, change: dict[str, Any], sentence: str) -> None:
        before = {name: value.clone() for name, value in module.state_dict().items()}
        state = {name: value for name, value in (module.state_dict() | change).items() if value is not None}
        with pytest.raises(WeightsError, match=sentence):
            strict_load(module, state, "f")
        assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())

    def test_counters_may_be_missing_as_a_whole(self, module: torch.nn.Module) -> None:
        state = {name: value + 1 for name, value in module.state_dict().items() if "num_batches" not in name}
        strict_load(module, state, "f")
        assert module.state_dict()["1.running_mean"].tolist() == [1, 1, 1, 1]


class Opens:
    """A pickle of this makes a file when it is read as code."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return open, (str(self.path), "w")


class TestStrangeFiles:
    @pytest.mark.parametrize("zipped", [True, False])
    def test_a_malicious_pickle_is_refused_and_not_run(self, tmp_path: Path, zipped: bool) -> None:
        path, trap = tmp_path / "checkpoint", tmp_path / "trap"
        held = {"model_state_dict": {"a": torch.zeros(2)}, "args": Opens(trap)}
        torch.save(held, path, _use_new_zipfile_serialization=zipped)
        with pytest.raises(WeightsError, match=r"checkpoint can only be read by running code that it names .*open"):
            read_authors("ssh", path)
        assert not trap.exists()

    def test_a_plain_pickle_is_refused_and_not_run(self, tmp_path: Path) -> None:
        path, trap = tmp_path / "checkpoint", tmp_path / "trap"
        path.write_bytes(pickle.dumps(Opens(trap)))
        with pytest.raises(WeightsError, match="checkpoint can only be read by running code"):
            read_pickle(path)
        assert not trap.exists()

    def test_a_whole_module_needs_code(self, tmp_path: Path) -> None:
        torch.save(torch.nn.Linear(2, 2), tmp_path / "net.pth")
        with pytest.raises(WeightsError, match=r"running code that it names .*Linear"):
            read_pickle(tmp_path / "net.pth")

    def test_numbers_of_numpy_are_data(self, tmp_path: Path) -> None:
        torch.save({"best_acc": np.float64(0.5), "epoch": np.int64(3)}, tmp_path / "a.pth.tar")
        assert read_pickle(tmp_path / "a.pth.tar") == {"best_acc": 0.5, "epoch": 3}

    @pytest.mark.parametrize(
        ("content", "sentence"),
        [
            (b"", "is empty; download it again"),
            (b"<!DOCTYPE html><html>Google Drive - Virus scan warning", "is a web page, not a checkpoint"),
            (b"version https://git-lfs.github.com/spec/v1\noid sha256:1", "only points to a file of Git LFS"),
            (b"PK\x03\x04" + b"\0" * 60, "is damaged or not a file that torch.save wrote"),
            (b"hello, this is text", "is damaged or not a file that torch.save wrote"),
            (bytes(range(256)), "is damaged or not a file that torch.save wrote"),
        ],
    )
    def test_what_is_no_checkpoint(self, tmp_path: Path, content: bytes, sentence: str) -> None:
        (tmp_path / "c").write_bytes(content)
        with pytest.raises(WeightsError, match=sentence):
            read_pickle(tmp_path / "c")

    @pytest.mark.parametrize("zipped", [True, False])
    @pytest.mark.parametrize("part", [0.1, 0.5, 0.99])
    def test_a_file_that_is_cut_short(self, tmp_path: Path, part: float, zipped: bool) -> None:
        torch.save({"a": torch.randn(1000)}, tmp_path / "c", _use_new_zipfile_serialization=zipped)
        data = (tmp_path / "c").read_bytes()
        (tmp_path / "c").write_bytes(data[: int(part * len(data))])
        with pytest.raises(WeightsError, match="is damaged or not a file that"):
            read_pickle(tmp_path / "c")

    def test_a_zip_of_something_else(self, tmp_path: Path) -> None:
        with zipfile.ZipFile(tmp_path / "c", "w") as file:
            file.writestr("readme.txt", "hello")
        with pytest.raises(WeightsError, match="is damaged or not a file that"):
            read_pickle(tmp_path / "c")

    def test_missing(self, tmp_path: Path) -> None:
        with pytest.raises(WeightsError, match="c cannot be read: No such file"):
            read_pickle(tmp_path / "c")

    @pytest.mark.parametrize(
        ("held", "sentence"),
        [
            ([1, 2], "holds list, not a dict of tensors"),
            ({"epoch": 3, "loss": 0.1}, "holds no tensors at its top, nor under weights; it has epoch, loss"),
            ({"weights": {}}, "holds no tensors at its top"),
        ],
    )
    def test_a_checkpoint_without_weights(self, tmp_path: Path, held: Any, sentence: str) -> None:
        torch.save(held, tmp_path / "c")
        with pytest.raises(WeightsError, match=sentence):
            read_state(tmp_path / "c", "weights")

    def test_a_bare_state_dict_is_taken_too_and_what_is_no_tensor_is_left(self, tmp_path: Path) -> None:
        torch.save({"a": torch.zeros(2), "optimizer": {"lr": 0.1}}, tmp_path / "c")
        assert list(read_state(tmp_path / "c", "model_state_dict")) == ["a"]

    def test_of_another_network(self, tmp_path: Path) -> None:
        torch.save({"model_state_dict": {"layer.weight": torch.zeros(2)}}, tmp_path / "c")
        with pytest.raises(
            WeightsError, match=r"c lacks conv1_1\.weight; it has layer\.weight, so it belongs to another"
        ):
            read_authors("ssh", tmp_path / "c")

    def test_a_method_without_a_container(self, tmp_path: Path) -> None:
        torch.save({}, tmp_path / "c")
        with pytest.raises(WeightsError, match="dc reads no files of its authors"):
            load_weights("dc", tmp_path / "c")
