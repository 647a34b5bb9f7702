"""`sshbench check`: what is wrong with a method is said in a sentence, and nothing is said of good ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from sshbench.cli.check import check
from sshbench.cli.main import cli
from sshbench.methods.registry import get_method
from sshbench.methods.try_out import images, try_method

BODIES = [
    ("return c.composite[:, :256]", "the prediction is 256 x 131 pixels"),
    ("return (c.composite / 255).astype('uint8')", "is uint8 and its largest value is 1; if it was"),
    ("return c.composite.astype(float)", "if white is 255 in them, divide it by 255"),
    ("c.composite[:] //= 2; return c.composite", "changes its input (composite"),
    ("return c.composite[np.where(c.mask > 0.5)[0].min():]", "zero-size array"),
    ("assert c.mask.shape[1] % 2 == 0; return c.composite", "AssertionError"),
    ("return np.random.default_rng().integers(0, 256, c.composite.shape, 'uint8')", "another prediction the second"),
    ("return np.full(c.composite.shape, np.nan)", "not finite"),
]
BATCHES = [
    ("return list(np.stack([c.composite for c in batch]))", "fails on three images of three sizes at once"),
    ("return [c.composite // len(batch) for c in batch]", "get another prediction in a batch than alone"),
]
BAD = {f"def f(c):\n    {body}": said for body, said in BODIES} | {
    f"class F:\n    def harmonize(self, batch):\n        {body}": said for body, said in BATCHES
}


def test_the_three_images_are_hard() -> None:
    shapes = [one.mask.shape for _, one in images()]
    assert len(set(shapes)) == 3
    assert any(height % 2 and width % 2 for height, width in shapes)
    assert any(not one.mask.any() for _, one in images())


@pytest.mark.parametrize("name", ["dc", "gain", "monge-kantorovich", "ssh-lut"])
def test_nothing_is_wrong_with_what_ships(name: str) -> None:
    for trial in try_method(get_method(name)):
        assert trial.problems == trial.remarks == (), trial


@pytest.mark.parametrize("code", BAD, ids=range(len(BAD)))
def test_what_is_wrong_is_said(code: str, tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text(f"import numpy as np\n{code}\n")
    done = CliRunner().invoke(check, [f"{file}:{'F' if 'class F' in code else 'f'}"])
    assert done.exit_code == 1
    assert BAD[code] in done.output
    assert "is not ready" in done.output


def test_a_background_that_changes_is_a_remark(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("def f(c):\n    return 255 - c.composite\n")
    done = CliRunner().invoke(check, [f"{tmp_path}/mine.py:f"])
    assert done.exit_code == 0, done.output
    assert "remark: outside of the mask" in done.output
    assert "Next: sshbench evaluate -m dc -m" in done.output


def test_debug_shows_the_traceback_in_the_method(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("def inner(c):\n    raise KeyError('weird')\n\ndef f(c):\n    return inner(c)\n")
    done = CliRunner().invoke(cli, ["--debug", "check", f"{tmp_path}/mine.py:f"])
    assert "in inner" in done.output
    assert "mine.py" in done.output
    assert "Traceback" not in CliRunner().invoke(cli, ["check", f"{tmp_path}/mine.py:f"]).output


def test_a_tensor_with_its_channels_first_is_good(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(
        "import torch\ndef f(c):\n    return torch.from_numpy(c.composite).permute(2, 0, 1).float() / 255\n"
    )
    done = CliRunner().invoke(check, [f"{tmp_path}/mine.py:f"])
    assert done.exit_code == 0, done.output
    assert np.all(["good" in line for line in done.output.splitlines()[1:4]])
