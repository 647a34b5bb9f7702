"""`sshbench weights`: the authors' files come in, ours go out, and what is missing is said."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner, Result

from sshbench.cli.evaluate import _names, weights_by_method
from sshbench.cli.weights import weights
from sshbench.errors import SshbenchError
from sshbench.methods.base import WeightsError
from sshbench.methods.cards import carded, read_card
from sshbench.methods.fetch import Expected, fetch
from sshbench.methods.releases import release_of
from sshbench.methods.weights import WeightsCard, load_weights, save_weights
from sshbench.networks.ssh import SSH
from tests.methods.checkpoints import SYNTHETIC
from tests.methods.server import Served, serving


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SSHBENCH_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "home"


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    """A narrow SSH in the authors' container."""
    torch.manual_seed(0)
    path = tmp_path / "downloads" / "checkpoint"
    path.parent.mkdir()
    torch.save({"epoch": 3, "model_state_dict": SSH(width=2).state_dict(), "optimizer": {"lr": 0.1}}, path)
    return path


def run(*words: str | Path) -> Result:
    return CliRunner().invoke(weights, [str(word) for word in words], catch_exceptions=False)


class TestList:
    def test_every_method_with_a_card_says_where_its_weights_are(self) -> None:
        result = run("list")
        assert result.exit_code == 0
        lines = {line.split()[0]: line for line in result.output.splitlines()[2:-2]}
        assert lines.keys() == {*carded(), "ssh-lut"}
        assert "shipped with sshbench" in lines["ssh-lut"]
        assert lines["ssh-lut"].endswith("nothing")
        assert "CC BY-NC-SA 4.0: non-commercial use alone" in lines["harmonizer"]
        assert lines["harmonizer"].endswith("sshbench weights get harmonizer")
        assert lines["hdnet"].endswith("sshbench train hdnet")
        assert lines["ssh"].endswith("by hand: sshbench weights list ssh")

    def test_of_one_that_is_named_all_is_said(self) -> None:
        result = run("list", "ssh")
        assert result.output.startswith("ssh: ")
        assert "not here; checkpoint from https://drive.google.com" in result.output
        assert "then: sshbench weights import checkpoint --method ssh" in result.output
        assert "dovenet" not in result.output
        assert "images seen in training" in run("list", "ssh-lut").output

    def test_what_is_neither_a_folder_nor_a_method_is_told(self) -> None:
        with pytest.raises(SshbenchError, match="neither a folder nor a method with weights; did you mean 'pct-net'"):
            run("list", "pct-nett")

    def test_files_that_lie_about_are_found(self, checkpoint: Path, tmp_path: Path) -> None:
        assert f"found as {checkpoint}" in run("list", "ssh", tmp_path).output
        assert f"sshbench weights import {checkpoint} --method ssh" in run("list", tmp_path).output

    def test_those_that_were_imported_are_named(self, checkpoint: Path) -> None:
        run("import", checkpoint, "-m", "ssh")
        assert f"hash {load_weights('ssh').hash}; weights of authors" in run("list", "ssh").output
        assert re.search(r"^ssh +imported .* nothing$", run("list").output, re.M)


class TestGet:
    @pytest.fixture
    def served(self, tmp_path: Path) -> Iterator[Served]:
        """A narrow iSSAM in its authors' container, of whose release no hash is known."""
        with serving(SYNTHETIC["issam"].write(tmp_path).read_bytes()) as there:
            yield there

    def test_the_file_is_fetched_checked_and_kept(self, served: Served, home: Path) -> None:
        result = run("get", "issam", "--from", served.url)
        assert "Licence: none stated for the weights; the repository is MPL 2.0." in result.output
        assert "names and shapes are the network's, none are missing" in result.output
        assert load_weights("issam").card.trained_by == "authors"
        assert not list((home / "downloads").rglob("*.*"))

    def test_what_broke_off_goes_on_when_it_is_run_again(self, served: Served) -> None:
        served.cut = 3000
        with pytest.raises(WeightsError, match=r"broke off after 3,000 of .*; run the same command again"):
            run("get", "issam", "--from", served.url)
        served.cut = None
        assert "Kept in" in run("get", "issam", "--from", served.url).output
        assert served.asked[-1] == "bytes=3000-"

    def test_a_page_that_asks_to_log_in_says_what_to_do_by_hand(self, served: Served, home: Path) -> None:
        served.page = "login"
        with pytest.raises(
            WeightsError, match=r"it may require a login; get issam256\.pth of the authors from https://"
        ):
            run("get", "issam", "--from", served.url)
        assert not (home / "weights").exists()

    def test_another_file_than_the_released_one_is_not_even_read(self, served: Served, home: Path) -> None:
        with pytest.raises(WeightsError, match=r"another file than its authors released: Git's id .*; get PCTNet_ViT"):
            run("get", "pct-net", "--from", served.url)
        assert not (home / "weights").exists()
        assert not list((home / "downloads").rglob("*.*"))

    def test_the_address_is_the_card_s(self, served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
        asked = []

        def fetched(url: str, path: Path, expected: Expected, progress: object) -> Path:
            asked.append((url, expected))
            return fetch(served.url, path, replace(expected, git_blob=None))

        monkeypatch.setattr("sshbench.methods.releases.fetch", fetched)
        run("get", "issam")
        ((url, expected),) = asked
        assert url == "https://github.com/saic-vul/image_harmonization/releases/download/v1.0/issam256.pth"
        assert expected == Expected(most=16 * 2185340 + 2**24)

    def test_a_release_is_chosen_by_its_name(self) -> None:
        _, release = release_of("pct-net", "CNN")
        assert release.download["PCTNet_CNN.pth"].git_blob == "fb02dd3048483fef8bcb16caeb9b18224e2ccc2b"
        with pytest.raises(WeightsError, match=r"pct-net has no release 'RNN'; there are ViT, CNN"):
            run("get", "pct-net", "--release", "RNN")

    def test_terms_are_said(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        result = run("import", SYNTHETIC["harmonizer"].write(tmp_path), "-m", "harmonizer")
        assert "for non-commercial use alone" in result.output
        assert load_weights("harmonizer").card.licence == "CC BY-NC-SA 4.0: non-commercial use alone"

    def test_a_release_is_known_by_the_id_that_git_gives_it(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        file, card = SYNTHETIC["pct-net, ViT"].write(tmp_path), read_card("pct-net")
        assert "is not of a release on the card" in run("check", file).output
        release = card.checkpoint[0]
        blob = subprocess.run(["git", "hash-object", file], capture_output=True, text=True, check=True).stdout.strip()
        download = {name: one.model_copy(update={"git_blob": blob}) for name, one in release.download.items()}
        known = card.model_copy(update={"checkpoint": (release.model_copy(update={"download": download}),)})
        monkeypatch.setattr("sshbench.methods.check.read_card", lambda method: known)
        assert f"the authors' release, by the id {blob} that Git gives it" in run("check", file).output

    @pytest.mark.parametrize(
        ("method", "sentence"),
        [
            ("dovenet", r"have no direct address; get latest_net_G\.pth of the authors from https://pan\.baidu\.com"),
            ("hdnet", "the weights are not released: they decline .*; train your own with sshbench train hdnet"),
            ("ssh-lut", "ssh-lut has no card"),
        ],
    )
    def test_without_an_address_it_says_what_to_do(self, method: str, sentence: str) -> None:
        with pytest.raises(SshbenchError, match=sentence):
            run("get", method)

    def test_without_a_network_it_says_what_to_do(self, monkeypatch: pytest.MonkeyPatch) -> None:
        with pytest.raises(WeightsError, match=r"cannot be reached .*; get issam256\.pth of the authors from"):
            run("get", "issam", "--from", "http://127.0.0.1:9/issam256.pth")


class TestImport:
    def test_it_is_checked_and_kept_and_used(self, checkpoint: Path, home: Path) -> None:
        result = run("import", checkpoint)
        assert "method:   ssh (width 2)" in result.output
        assert "names and shapes are the network's, none are missing" in result.output
        assert "cannot be compared with a release" in result.output
        found = load_weights("ssh")
        assert found.card.trained_by == "authors"
        assert Path(found.source).is_relative_to(home)
        state = torch.load(checkpoint, weights_only=True)["model_state_dict"]
        assert all(torch.equal(found.state[name], value) for name, value in state.items())

    def test_weights_of_a_user_s_own_training_stay_so(self, checkpoint: Path) -> None:
        run("import", checkpoint, "--trained-by", "user")
        assert load_weights("ssh").card.trained_by == "user"

    def test_a_damaged_file_is_not_kept(self, checkpoint: Path, home: Path) -> None:
        held = torch.load(checkpoint, weights_only=True)
        del held["model_state_dict"]["conv10.bias"]
        torch.save(held, checkpoint)
        with pytest.raises(WeightsError, match=r"does not fit SSH: it lacks conv10\.bias"):
            run("import", checkpoint)
        assert not home.exists()

    def test_weights_that_give_nothing_are_not_kept(self, checkpoint: Path, home: Path) -> None:
        held = torch.load(checkpoint, weights_only=True)
        for name in ("conv9_2.weight", "conv10.weight"):
            held["model_state_dict"][name].fill_(1e30)
        torch.save(held, checkpoint)
        with pytest.raises(WeightsError, match="gives no image of a known composite"):
            run("import", checkpoint)
        assert not home.exists()

    def test_ours_need_none(self, tmp_path: Path) -> None:
        save_weights(tmp_path / "w", SSH(width=2).state_dict(), WeightsCard(method="ssh", architecture={"width": 2}))
        with pytest.raises(SshbenchError, match="use it in its place, with --weights"):
            run("import", tmp_path / "w")


class TestCheck:
    def test_ours_say_whose_they_are(self, tmp_path: Path) -> None:
        card = WeightsCard(method="ssh", architecture={"width": 2}, trained_by="sshbench")
        save_weights(tmp_path / "w", SSH(width=2).state_dict(), card)
        result = run("check", tmp_path / "w")
        assert "origin:   weights of sshbench, as the file says" in result.output
        assert f"hash:     {load_weights('ssh', tmp_path / 'w').hash}" in result.output

    @pytest.mark.parametrize(
        ("held", "sentence"),
        [(b"<!doctype html>", "is a web page"), (b"", "is empty"), (None, "there are no such weights")],
    )
    def test_what_is_no_file_of_weights(self, tmp_path: Path, held: bytes | None, sentence: str) -> None:
        if held is not None:
            (tmp_path / "c").write_bytes(held)
        with pytest.raises(WeightsError, match=sentence):
            run("check", tmp_path / "c", "-m", "ssh")

    def test_of_no_method(self, tmp_path: Path) -> None:
        torch.save({"layer": torch.zeros(2)}, tmp_path / "c")
        with pytest.raises(WeightsError, match=r"is not in the container of .*ssh"):
            run("check", tmp_path / "c")


class TestExport:
    def test_safetensors(self, checkpoint: Path, tmp_path: Path) -> None:
        assert "Wrote 1 file to" in run("export", "ssh", "--weights", checkpoint, "-o", tmp_path / "out").output
        assert load_weights("ssh", tmp_path / "out").card.trained_by == "authors"

    def test_onnx_gives_the_same_at_other_sizes(self, checkpoint: Path, tmp_path: Path) -> None:
        onnxruntime = pytest.importorskip("onnxruntime", reason="the extra onnx is not installed")
        pytest.importorskip("onnxscript", reason="the extra onnx is not installed")
        assert (
            "onnxruntime gives the same results within"
            in run("export", "ssh", "--weights", checkpoint, "-o", "a.onnx").output
        )
        session = onnxruntime.InferenceSession("a.onnx", providers=["CPUExecutionProvider"])
        content, reference = torch.rand(3, 3, 32, 80) * 2 - 1, torch.rand(3, 3, 33, 21) * 2 - 1
        (image,) = session.run(["image"], {"content": content.numpy(), "reference": reference.numpy()})
        network = SSH(width=2).eval()
        network.load_state_dict(load_weights("ssh", checkpoint).state)
        with torch.inference_mode():
            wanted = network(content, reference).image
        assert torch.allclose(torch.from_numpy(image), wanted, atol=1e-4)

    def test_other_methods_have_no_onnx(self, tmp_path: Path) -> None:
        save_weights(tmp_path / "w", {"a": torch.zeros(1)}, WeightsCard(method="other"))
        with pytest.raises(SshbenchError, match="only ssh is exported as ONNX, not other"):
            run("export", "other", "--weights", tmp_path / "w", "-o", "a.onnx")


class TestEvaluateWords:
    def test_names_come_apart_and_options_stay_together(self) -> None:
        given = ("dc,reinhard", "ssh:map=lut,weights=a.pth,dc", "my.py:A:x=1,y=2", "wct2")
        assert _names(given) == ["dc", "reinhard", "ssh:map=lut,weights=a.pth", "my.py:A:x=1,y=2", "wct2"]

    def test_weights_go_to_the_method_they_name(self) -> None:
        names = ["dc", "ssh", "ssh:map=polynomial"]
        assert weights_by_method(("ssh=a=b.pth",), names) == {"ssh": "a=b.pth", "ssh:map=polynomial": "a=b.pth"}
        assert weights_by_method(("ssh:map=polynomial=a",), names) == {"ssh:map=polynomial": "a"}

    def test_weights_without_a_name_go_to_the_only_one_that_takes_some(self) -> None:
        assert weights_by_method(("a.pth",), ["dc", "ssh"]) == {"ssh": "a.pth"}
        with pytest.raises(SshbenchError, match=r"none of the methods takes weights; give METHOD=a\.pth"):
            weights_by_method(("a.pth",), ["dc"])
        with pytest.raises(SshbenchError, match="ssh and ssh:map=polynomial take weights"):
            weights_by_method(("a.pth",), ["ssh", "ssh:map=polynomial"])
