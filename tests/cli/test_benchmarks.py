"""`sshbench realhm` and `sshbench protocols`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sshbench.benchmarks.protocol import PROTOCOLS
from sshbench.cli.main import main
from tests.benchmarks.trees import iharmony4, realhm


def run(*words: object, capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as stop:
        main([str(word) for word in words])
    out, err = capsys.readouterr()
    return int(stop.value.code or 0), out, err


def test_protocols(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run("protocols", capsys=capsys)
    assert code == 0
    assert [line.split()[0] for line in out.splitlines()] == list(PROTOCOLS)
    code, out, _ = run("protocols", "dovenet", capsys=capsys)
    assert "pil-bilinear to 256 x 256" in out
    code, out, _ = run("protocols", "--json", capsys=capsys)
    assert json.loads(out)[0]["ssim"]["window"] == "gaussian"
    code, _, err = run("protocols", "dovnet", capsys=capsys)
    assert code == 2
    assert "did you mean 'dovenet'" in err


def test_check(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = realhm(tmp_path)
    code, out, _ = run("realhm", "check", root, "--expect", 6, "--quiet", capsys=capsys)
    assert code == 0
    assert out == (
        f"{root}: 6 sound tuples (vendor_testing_1: 2, vendor_testing_2: 2, vendor_testing_3: 2); nothing is wrong\n"
    )
    (root / "vendor_testing_2/photo1_mask.jpg").unlink()
    code, out, _ = run("realhm", "check", root, "--allow-incomplete", "--quiet", capsys=capsys)
    assert code == 2
    assert "vendor_testing_2/photo1: lacks photo1_mask.jpg\n" in out
    assert "5 sound tuples" in out
    code, _, err = run("realhm", "check", iharmony4(tmp_path / "h"), capsys=capsys)
    assert code == 2
    assert "is an iHarmony4 root, not RealHM" in err


def test_pack(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = realhm(tmp_path / "RealHM")
    code, _, err = run("realhm", "pack", root, "-o", tmp_path / "x.parquet", "--quiet", capsys=capsys)
    assert code == 2
    assert "6 complete tuples of 216" in err
    code, out, _ = run("realhm", "pack", root, "-o", tmp_path / "x.parquet", "--expect", 6, "--quiet", capsys=capsys)
    assert code == 0
    assert out.startswith(f"{tmp_path / 'x.parquet'}: 6 tuples, ")
