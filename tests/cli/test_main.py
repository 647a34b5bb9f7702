"""The command as a user's shell runs it: exit codes, one sentence an error, completion, speed of --help."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path

import pytest
from click.testing import CliRunner

from sshbench.cli.lut import COMMANDS as LUT_COMMANDS
from sshbench.cli.main import COMMANDS, cli
from sshbench.cli.options import OutFolder, OutPlace
from sshbench.outputs import why_no_file, why_no_folder

COMMAND = [sys.executable, "-m", "sshbench"]
NO_LUT = "no LUT file or look of this name"


def run(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *words], capture_output=True, text=True, check=False, env={**os.environ, **environment}
    )


class TestErrors:
    @pytest.mark.parametrize(
        ("words", "sentence"),
        [
            (["lutt"], "No such command 'lutt'. Did you mean 'lut'?"),
            (["lut", "infoo"], "No such command 'infoo'. Did you mean 'info'?"),
            (["lut", "info", "--jsn", "x"], "No such option '--jsn'. Did you mean '--json'?"),
            (["lut", "info"], "Missing argument 'FILE...'"),
            (["lut", "info", "no-such-lut"], NO_LUT),
            (["lut", "apply", "a.jpg", "b.cube", "-o", "c.jpg", "--strength", "2"], "2.0 is not in the range 0<=x<=1"),
        ],
    )
    def test_bad_input_is_one_sentence_and_exit_code_2(self, words: list[str], sentence: str) -> None:
        result = run(*words)
        assert result.returncode == 2
        assert sentence in result.stderr
        assert len(result.stderr.splitlines()) == 1
        assert result.stderr.startswith("sshbench")
        assert result.stdout == ""

    @pytest.mark.parametrize("words", ["--debug lut info none", "lut --debug info none", "lut info none --debug"])
    def test_debug_shows_the_traceback_wherever_it_stands(self, words: str) -> None:
        result = run(*words.split())
        assert result.returncode != 0
        assert "Traceback" in result.stderr
        assert NO_LUT in result.stderr

    def test_debug_after_a_double_dash_is_an_argument(self) -> None:
        result = run("lut", "info", "--", "--debug")
        assert NO_LUT in result.stderr
        assert "Traceback" not in result.stderr

    def test_no_words_print_help(self) -> None:
        result = run()
        assert result.returncode == 2
        assert "Commands:" in result.stderr

    def test_a_reader_that_leaves_early_is_no_error(self, tmp_path: Path) -> None:
        for words in ("lut info looks", "lut info --table looks", "--help"):
            script = f"'{sys.executable}' -m sshbench {words} 2>err.txt | true"
            subprocess.run(["bash", "-c", script], check=True, cwd=tmp_path, env=os.environ | {"PYTHONUNBUFFERED": ""})
            assert (tmp_path / "err.txt").read_text() == ""

    def test_letters_that_the_terminal_lacks_are_escaped(self, tmp_path: Path) -> None:
        (tmp_path / "a.cube").write_text('TITLE "日本"\nLUT_1D_SIZE 2\n0 0 0\n1 1 1\n', encoding="utf-8")
        result = run("lut", "info", str(tmp_path / "a.cube"), PYTHONIOENCODING="latin-1")
        assert result.returncode == 0
        assert "\\u65e5\\u672c" in result.stdout

    def test_interrupt_says_so_and_exits_130(self) -> None:
        code = (
            "import os, signal, sshbench.cli.main as m, click\n"
            "m.cli.lazy = {'wait': ('__main__:wait', '')}\n"
            "wait = click.Command('wait', callback=lambda: os.kill(os.getpid(), signal.SIGINT))\n"
            "m.main(['wait'])"
        )
        result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
        assert result.returncode == 130
        assert result.stderr.strip() == "sshbench: interrupted"


class TestHelp:
    def test_version_is_that_of_the_package(self) -> None:
        result = run("--version")
        assert (result.returncode, result.stdout.split()[-1]) == (0, version("sshbench"))

    @pytest.mark.parametrize("words", [[], *([name] for name in COMMANDS), *(["lut", name] for name in LUT_COMMANDS)])
    def test_every_command_explains_itself(self, words: list[str]) -> None:
        result = run(*words, "-h")
        assert result.returncode == 0
        assert result.stdout.startswith(" ".join(["Usage: sshbench", *words]))
        assert result.stdout == run(*words, "--help").stdout

    @pytest.mark.parametrize(
        "words",
        [
            "evaluate", "generate-triplets", "harmonize", "lut apply", "realhm check", "realhm pack", "report",
            "reproduce table1", "reproduce table3", "reproduce iharmony4", "train",
            "weights get",
        ],
    )  # fmt: skip
    def test_every_long_command_can_be_quiet(self, words: str) -> None:
        shown = CliRunner().invoke(cli, [*words.split(), "--help"])
        assert re.search(r"-q, --quiet|--quiet, -q|-q\b", shown.output), shown.output

    def test_help_takes_less_than_half_the_time_of_importing_torch(self) -> None:
        def seconds(*command: str) -> float:
            start = time.perf_counter()
            subprocess.run([sys.executable, *command], check=True, capture_output=True)
            return time.perf_counter() - start

        shown = min(seconds("-m", "sshbench", "--help") for _ in range(4))
        imported = min(seconds("-c", "import torch") for _ in range(2))
        assert shown < imported / 2


class TestCompletion:
    @pytest.mark.parametrize(
        ("words", "expected"),
        [
            (["sshbench", "lu"], {"lut"}),
            (["sshbench", "lut", ""], set(LUT_COMMANDS)),
            (["sshbench", "lut", "ap"], {"apply"}),
            (["sshbench", "lut", "info", "--"], {"--json", "--table", "--help"}),
            (["sshbench", "lut", "apply", "--interpolation", "te"], {"tetrahedral"}),
            (["sshbench", "lut", "info", "golden-ho"], {"golden-ho", "golden-hour"}),
            (["sshbench", "lut", "apply", "a.jpg", "golden-ho"], {"golden-ho", "golden-hour"}),
        ],
    )
    def test_words_as_bash_asks_for_them(self, words: list[str], expected: set[str]) -> None:
        result = run(_SSHBENCH_COMPLETE="bash_complete", COMP_WORDS=" ".join(words), COMP_CWORD=str(len(words) - 1))
        assert {line.split(",")[1] for line in result.stdout.splitlines()} == expected

    def test_the_script_completes_in_bash(self, tmp_path: Path) -> None:
        (tmp_path / "sshbench").write_text(f"#!/bin/sh\nexec '{sys.executable}' -m sshbench \"$@\"\n")
        (tmp_path / "sshbench").chmod(0o755)
        script = (
            'eval "$(sshbench completion bash)"; COMP_WORDS=(sshbench lut con); COMP_CWORD=2; '
            '$(complete -p sshbench | sed "s/.*-F \\([^ ]*\\) .*/\\1/") sshbench; echo "${COMPREPLY[@]}"'
        )
        path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
        result = subprocess.run(
            ["bash", "-c", script], capture_output=True, text=True, check=True, env=os.environ | {"PATH": path}
        )
        assert result.stdout.split() == ["convert"]

    @pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
    def test_every_shell_has_a_script(self, shell: str) -> None:
        result = run("completion", shell)
        assert result.returncode == 0
        assert "_SSHBENCH_COMPLETE" in result.stdout


@pytest.mark.parametrize(
    "words",
    [
        "report -o missing/r.html", "figure -o missing/f.png", "leaderboard none -o missing/t.md",
        "lut preview looks -o missing/l.png", "lut convert golden-hour missing/g.cube",
        "preview-triplets -o missing/p.png", "realhm pack none -o missing/r.parquet", "report -o .",
        "evaluate -o file", "evaluate -o file/below", "train ssh -o file", "generate-triplets -o file/below",
        "import-records none -o file", "lut bake -o file", "study new none -o file", "study export none -o file",
        "study analyse none -o file", "study export-html none -o file/below", "weights export ssh -o file/s.onnx",
        "harmonize --composite none --mask none -o file/h.png", "lut apply none golden-hour -o file/a.png",
        "harmonize --composite none --mask none -o h.png --preview file/p.png",
        "harmonize --composite none --mask none -o h.png --export-lut file/p.cube",
        "harmonize --composite none --mask none -o h.png --psd file/p.psd",
        "harmonize --composite none --mask none -o h.png --layer file/p.png",
        "reproduce table1 -o file", "reproduce table2 -o file", "reproduce figure5 -o file/f.png",
    ],
)  # fmt: skip
def test_what_cannot_be_written_is_told_before_anything_else(
    words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").touch()
    result = CliRunner().invoke(cli, words.split())
    assert result.exit_code == 2
    assert re.search("folder that does not exist|is no folder|is a folder", result.output)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_what_can_be_written_is_not_refused(tmp_path: Path) -> None:
    new = tmp_path / "new" / "below"
    assert why_no_folder(new) is None
    assert why_no_file(new) is not None
    assert why_no_file(tmp_path / "file") is None
    assert why_no_file("/dev/null") is None
    (tmp_path / "link").symlink_to(tmp_path)
    assert why_no_folder(tmp_path / "link" / "below") is None
    for url in ("s3://bucket/triplets", "memory://triplets"):
        assert OutFolder().convert(url, None, None) == url
    assert OutPlace().convert(str(new / "a.png"), None, None) == str(new / "a.png")
    assert OutPlace().convert("/dev/stdout", None, None) == "/dev/stdout"
