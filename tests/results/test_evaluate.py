"""Predict, then score: what is made once, what is made again and when, and what becomes of failures."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from sshbench.benchmarks.composite import Composite
from sshbench.benchmarks.protocol import PROTOCOLS, Protocol
from sshbench.errors import SshbenchError
from sshbench.metrics.suite import score
from sshbench.results.predict import stored
from sshbench.results.records import Record, read_records
from sshbench.results.run import GIVE_UP, evaluate
from tests.results.run import without_costs
from tests.results.standin import Standin

OURS, FULL, DOVENET = PROTOCOLS["sshbench-v1"], PROTOCOLS["sshbench-v1-fullres"], PROTOCOLS["dovenet"]
QUICK = ("psnr", "mse", "fmse")


@dataclass
class Counting:
    """Half of the composite's light; counts what it was asked for and fails where it is told to."""

    name: str = "counting"
    needs_background: bool = False
    needs_mask: bool = True
    sees_target: bool = False
    input_size: int | None = None
    weights_hash: str | None = "first"
    share: float = 0.5
    raises: tuple[str, ...] = ()
    broken: dict[str, Any] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def harmonize(self, batch: Sequence[Composite]) -> list[Any]:
        self.asked += [composite.id for composite in batch]
        for composite in batch:
            if composite.id in self.raises:
                raise RuntimeError(f"no idea what to do\nwith {composite.id}")
        return [self.broken.get(c.id, (c.composite * self.share).astype(np.uint8)) for c in batch]


def run(
    out: Path, *methods: Any, benchmark: Standin | None = None, protocols: Sequence[Protocol] = (OURS,), **more: Any
):
    more = {"metrics": QUICK, "workers": 1, **more}
    return evaluate(benchmark or Standin(), methods, protocols, out, **more)


def key(record: Record) -> tuple[str, str, str]:
    return record.key


def results(records: Sequence[Record]) -> list[Record]:
    return [without_costs(record) for record in records]


class TestRecords:
    def test_scores_are_those_of_the_suite(self, tmp_path: Path) -> None:
        benchmark = Standin()
        for record in run(tmp_path, "reinhard", Counting(), protocols=(OURS, FULL)):
            image = np.asarray(Image.open(tmp_path / record.prediction))
            oracle = score(image, benchmark[record.id], PROTOCOLS[record.protocol], QUICK)
            assert record.metrics == pytest.approx(oracle, rel=1e-12)

    def test_what_is_returned_is_what_is_read(self, tmp_path: Path) -> None:
        returned = run(tmp_path, "dc", "reinhard", protocols=(OURS, DOVENET))
        assert sorted(returned, key=key) == sorted(read_records([tmp_path]), key=key)

    def test_costs_are_measured(self, tmp_path: Path) -> None:
        for record in run(tmp_path, Counting()):
            assert record.seconds is not None
            assert record.seconds > 0
            assert record.peak_memory is not None
            assert record.peak_memory > 2**20

    def test_the_run_is_described(self, tmp_path: Path) -> None:
        run(tmp_path, Counting(), "ceiling-linear")
        said = json.loads((tmp_path / "run.json").read_text())
        assert said["benchmark"] == "standin"
        assert [(m["name"], m["sees_target"], m["weights_hash"]) for m in said["methods"]] == [
            ("counting", False, "first"),
            ("ceiling-linear", True, None),
        ]
        assert said["protocols"] == [{"name": "sshbench-v1", "version": 1}]
        assert {"numpy", "sshbench", "torch"} <= set(said["versions"])
        assert said["machine"]["processors"] >= 1
        assert said["finished"] >= said["started"]

    @pytest.mark.parametrize("more", [{"workers": 2}, {"batch_size": 4}])
    def test_workers_and_batches_change_no_record(self, tmp_path: Path, more: dict[str, int]) -> None:
        names = ("xiao", "ceiling-lut")
        assert results(run(tmp_path / "a", *names)) == results(run(tmp_path / "b", *names, **more))

    def test_batches_change_no_record_of_a_network(self, tmp_path: Path) -> None:
        assert results(run(tmp_path / "a", "ssh-lut")) == results(run(tmp_path / "b", "ssh-lut", batch_size=4))

    def test_workers_change_no_score_of_a_network_by_more_than_is_said(self, tmp_path: Path) -> None:
        one, other = (run(tmp_path / name, "ssh-lut", **how) for name, how in (("a", {}), ("b", {"workers": 2})))
        assert [record.id for record in one] == [record.id for record in other]
        for first, second in zip(one, other, strict=True):
            assert second.metrics["psnr"] == pytest.approx(first.metrics["psnr"], abs=1e-3)

    def test_a_float_prediction_is_kept_in_full(self, tmp_path: Path) -> None:
        benchmark = Standin(1)
        values = np.random.default_rng(0).random(benchmark[0].composite.shape).astype(np.float32)
        method = Counting(broken={"part_0/c0": values})
        first = run(tmp_path, method, benchmark=benchmark, protocols=(PROTOCOLS["issam"],))
        again = run(tmp_path, method, benchmark=benchmark, protocols=(PROTOCOLS["pct-fullres"],))
        assert len(method.asked) == 1
        for record in (*first, *again):
            oracle = score(values, benchmark[0], PROTOCOLS[record.protocol], QUICK)
            assert record.metrics == pytest.approx(oracle, rel=1e-12)


class TestCaches:
    def test_nothing_is_predicted_twice(self, tmp_path: Path) -> None:
        method = Counting()
        first = run(tmp_path, method)
        assert run(tmp_path, method) == first
        assert len(method.asked) == 6

    def test_another_protocol_is_scored_without_predicting(self, tmp_path: Path) -> None:
        method = Counting()
        run(tmp_path, method)
        new = run(tmp_path, method, protocols=(DOVENET,))
        assert len(method.asked) == 6
        assert [record.protocol for record in new] == ["dovenet"] * 6
        assert {record.protocol for record in read_records([tmp_path])} == {"sshbench-v1", "dovenet"}

    def test_another_metric_is_added_to_those_there(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        from sshbench.results import judge as module

        method, computed = Counting(), []
        run(tmp_path, method, metrics=["psnr"])

        def watched(*arguments: Any, **more: Any) -> dict[str, float]:
            computed.append(tuple(arguments[3]))
            return score(*arguments, **more)

        monkeypatch.setattr(module.suite, "score", watched)
        records = run(tmp_path, method, metrics=["psnr", "mae"])
        assert len(method.asked) == 6
        assert computed == [("mae",)] * 6
        assert all(set(record.metrics) == {"psnr", "mae"} for record in records)

    def test_another_version_of_a_protocol_scores_again(self, tmp_path: Path) -> None:
        method = Counting()
        run(tmp_path, method)
        newer = replace(OURS, version=2, peak="prediction-range")
        records = run(tmp_path, method, protocols=(newer,))
        assert len(method.asked) == 6
        assert {record.protocol_version for record in read_records([tmp_path])} == {"2"}
        assert results(records) == results(run(tmp_path / "fresh", Counting(), protocols=(newer,)))

    def test_other_weights_predict_again(self, tmp_path: Path) -> None:
        run(tmp_path, Counting())
        other = Counting(weights_hash="second", share=0.25)
        records = run(tmp_path, other)
        assert len(other.asked) == 6
        assert results(records) == results(run(tmp_path / "fresh", other))

    def test_another_input_predicts_again_and_another_ground_truth_only_scores(self, tmp_path: Path) -> None:
        class Changed(Standin):
            def __getitem__(self, key: int | str) -> Composite:
                one = super().__getitem__(key)
                if one.id == "part_1/c1":
                    return replace(one, composite=255 - one.composite)
                if one.id == "part_2/c2":
                    assert one.target is not None
                    return replace(one, target=255 - one.target)
                return one

        method = Counting()
        before = run(tmp_path, method)
        method.asked.clear()
        after = run(tmp_path, method, benchmark=Changed())
        assert method.asked == ["part_1/c1"]
        changed = {a.id for a, b in zip(after, before, strict=True) if a.metrics != b.metrics}
        assert changed == {"part_1/c1", "part_2/c2"}

    def test_a_ceiling_predicts_again_for_another_ground_truth(self, tmp_path: Path) -> None:
        class Changed(Standin):
            def __getitem__(self, key: int | str) -> Composite:
                one = super().__getitem__(key)
                assert one.target is not None
                return replace(one, target=255 - one.target)

        method = Counting(sees_target=True)
        run(tmp_path, method)
        run(tmp_path, method, benchmark=Changed())
        assert len(method.asked) == 12

    def test_overwrite_makes_all_again(self, tmp_path: Path) -> None:
        method = Counting()
        first = run(tmp_path, method)
        assert results(run(tmp_path, method, overwrite=True)) == results(first)
        assert len(method.asked) == 12

    def test_fewer_images_lose_no_records(self, tmp_path: Path) -> None:
        method = Counting()
        assert len(run(tmp_path, method, limit=2)) == 2
        assert len(run(tmp_path, method)) == 6
        assert len(run(tmp_path, method, limit=2)) == 2
        assert len(method.asked) == 6
        assert len(read_records([tmp_path])) == 6

    def test_records_of_another_method_of_that_name_do_not_stay_among_them(self, tmp_path: Path) -> None:
        run(tmp_path, Counting())
        run(tmp_path, Counting(weights_hash="second"), limit=2)
        assert {(r.id, r.weights_hash) for r in read_records([tmp_path])} == {
            ("part_0/c0", "second"),
            ("part_1/c1", "second"),
        }

    @pytest.mark.parametrize("damage", [b"", b"\x89PNG\r\n\x1a\n", b"not an image"])
    def test_a_damaged_prediction_is_made_again(self, tmp_path: Path, damage: bytes) -> None:
        method = Counting()
        first = run(tmp_path, method)
        (tmp_path / first[3].prediction).write_bytes(damage)
        assert results(run(tmp_path, method)) == results(first)
        assert method.asked[6:] == [first[3].id]

    def test_a_stranger_in_its_place_is_not_taken_for_it(self, tmp_path: Path) -> None:
        method = Counting()
        first = run(tmp_path, method)
        Image.new("RGB", (64, 48)).save(tmp_path / first[0].prediction)
        assert stored(tmp_path / first[0].prediction, "any") is None
        assert results(run(tmp_path, method)) == results(first)


class TestSources:
    """What a prediction or a score came from is compared with what is there now."""

    MINE = """
import json, pathlib
import helper

class Mine:
    def __init__(self, weights=None):
        self.share = json.loads(pathlib.Path(weights).read_text()) if weights else 1
        self.table = json.loads(pathlib.Path(__file__).with_name("table.json").read_text())

    def harmonize(self, batch):
        return [(c.composite * helper.FACTOR * self.share * self.table[0]).astype("uint8") for c in batch]
"""

    @pytest.mark.parametrize("changed", ["helper.py", "table.json", "weights.json", "deep/er.py", "mine.py"])
    def test_another_source_of_a_users_method_predicts_again(self, tmp_path: Path, changed: str) -> None:
        texts = {
            "mine.py": self.MINE,
            "helper.py": "from deep import er\nFACTOR = er.FACTOR",
            "deep/er.py": "FACTOR = 0.5",
            "table.json": "[0.5]",
            "weights.json": "0.5",
            "unused.py": "FACTOR = 0.5",
        }
        (tmp_path / "deep").mkdir()
        for name, text in texts.items():
            (tmp_path / name).write_text(text)
        name = f"{tmp_path}/mine.py:Mine"
        how = {"weights": {name: str(tmp_path / "weights.json")}, "benchmark": Standin(1), "metrics": ["mse"]}
        (first,) = run(tmp_path / "out", name, **how)
        time = (tmp_path / "out" / first.prediction).stat().st_mtime_ns
        (tmp_path / "unused.py").write_text("FACTOR = 0.25")
        assert run(tmp_path / "out", name, **how) == [first]
        assert (tmp_path / "out" / first.prediction).stat().st_mtime_ns == time
        new = texts[changed].replace("0.5", "0.25").replace("return [(", "return [(1 + ")
        if changed == "helper.py":
            new += " / 2"
        (tmp_path / changed).write_text(new)
        (second,) = run(tmp_path / "out", name, **how)
        assert second.metrics != first.metrics
        assert results([second]) == results(run(tmp_path / "fresh", name, **how))

    def test_other_metrics_score_again_without_predicting(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from sshbench.results import run as module

        method = Counting()
        first = run(tmp_path, method)
        monkeypatch.setattr(module, "_scorer_hash", lambda protocol: "other")
        monkeypatch.setattr("sshbench.results.judge.suite.score", lambda *a, **k: dict.fromkeys(QUICK, 1.0))
        second = run(tmp_path, method, limit=2)
        assert len(method.asked) == 6
        assert [record.metrics for record in second] == [dict.fromkeys(QUICK, 1.0)] * 2
        assert read_records([tmp_path]) == second  # none by the other metrics stays among them
        assert second != first[:2]

    def test_lpips_by_other_weights_is_computed_again_and_nothing_else(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from sshbench.results import run as module

        asked = []

        def score(
            prediction: Any, composite: Composite, protocol: Protocol, names: Any, device: str
        ) -> dict[str, float]:
            asked.append(tuple(names))
            return dict.fromkeys(names, 1.0)

        monkeypatch.setattr("sshbench.results.judge.suite.score", score)
        metrics = ["psnr", "lpips", "lpips_vgg"]
        for there in ({"lpips": "a", "lpips_vgg": "v"}, {"lpips": "b", "lpips_vgg": "v"}, {"lpips_vgg": "v"}, {}):
            monkeypatch.setattr(module, "_nets", lambda names, there=there: there)
            (record,) = run(tmp_path, "dc", benchmark=Standin(1), metrics=metrics)
        assert asked == [("psnr", "lpips", "lpips_vgg"), ("lpips",)]
        assert record.lpips_hash == "lpips=b lpips_vgg=v"
        assert set(record.metrics) == set(metrics)

    def test_a_prediction_that_is_not_what_was_stored_is_not_scored(self, tmp_path: Path) -> None:
        image = np.random.default_rng(0).random((48, 64, 3)).astype(np.float32)
        method = Counting(broken={"part_0/c0": image})
        (first,) = run(tmp_path, method, benchmark=Standin(1))
        np.save(tmp_path / first.prediction.replace(".png", ".npy"), image / 2)
        (second,) = run(tmp_path, method, benchmark=Standin(1), protocols=(DOVENET,))
        assert "was damaged and has been removed; run the same command again" in str(second.failed)
        (third,) = run(tmp_path, method, benchmark=Standin(1), protocols=(DOVENET,))
        assert third.failed is None
        assert len(method.asked) == 2


class TestFailures:
    def test_one_image_that_fails_is_recorded_and_ends_nothing(self, tmp_path: Path) -> None:
        records = run(tmp_path, Counting(raises=("part_1/c4",)), "dc", batch_size=3)
        failed = [record for record in records if record.failed]
        assert [(record.method, record.id) for record in failed] == [("counting", "part_1/c4")]
        assert failed[0].failed == "RuntimeError: no idea what to do with part_1/c4"
        assert failed[0].metrics == {}
        assert len(records) == 12
        assert read_records([tmp_path]) == records

    def test_it_is_tried_again_in_the_next_run(self, tmp_path: Path) -> None:
        run(tmp_path, Counting(raises=("part_1/c4",)))
        healed = Counting()
        assert not any(record.failed for record in run(tmp_path, healed))
        assert healed.asked == ["part_1/c4"]

    def test_what_fails_later_leaves_no_prediction_behind(self, tmp_path: Path) -> None:
        first = run(tmp_path, Counting())
        run(tmp_path, Counting(raises=("part_1/c4",), weights_hash="other"))
        assert not (tmp_path / first[4].prediction).exists()

    @pytest.mark.parametrize(
        ("image", "sentence"),
        [
            (np.full((48, 64, 3), np.nan, np.float32), "NaN or infinity (9216 of 9216 values)"),
            (np.zeros((48, 64), np.uint8), "the prediction has the shape [48, 64]"),
            (np.zeros((3, 48, 64), np.uint8), "the prediction has the shape [3, 48, 64]"),
            (np.zeros((48, 64, 3), np.int32), "the prediction is int32"),
            (np.full((48, 64, 3), 200.0, np.float32), "floats from 200 to 200, far outside of 0..1"),
            (np.zeros((40, 64, 3), np.uint8), "the prediction is 64 x 40"),
            ("an image", "the prediction has the shape []"),
        ],
    )
    def test_what_is_no_prediction_is_a_failure(self, tmp_path: Path, image: Any, sentence: str) -> None:
        records = run(tmp_path, Counting(broken={"part_2/c2": image}))
        assert [record.id for record in records if record.failed] == ["part_2/c2"]
        assert sentence in str(next(record.failed for record in records if record.failed))

    def test_a_method_that_loses_an_image(self, tmp_path: Path) -> None:
        class Loses(Counting):
            def harmonize(self, batch: Sequence[Composite]) -> list[Any]:
                return super().harmonize(batch)[:-1]

        records = run(tmp_path, Loses(), batch_size=2)
        assert {record.failed for record in records} == {"the method returned 0 images for 1"}

    def test_a_method_cannot_spoil_the_image_for_the_next(self, tmp_path: Path) -> None:
        class Writes(Counting):
            def harmonize(self, batch: Sequence[Composite]) -> list[Any]:
                batch[0].composite[:] = 0
                return super().harmonize(batch)

        records = run(tmp_path, Writes(), "dc")
        assert {record.failed for record in records if record.method == "counting"} == {
            "ValueError: assignment destination is read-only"
        }
        assert results(records[6:]) == results(run(tmp_path / "alone", "dc"))

    def test_an_image_that_cannot_be_read_fails_for_all(self, tmp_path: Path) -> None:
        records = run(tmp_path, "dc", "reinhard", benchmark=Standin(broken=("part_0/c0",)))
        failed = [(record.method, record.failed) for record in records if record.failed]
        assert failed == [(name, "OSError: part_0/c0: truncated") for name in ("dc", "reinhard")]

    def test_no_ground_truth(self, tmp_path: Path) -> None:
        class Blind(Standin):
            def __getitem__(self, key: int | str) -> Composite:
                return replace(super().__getitem__(key), target=None)

        records = run(tmp_path, "dc", "ceiling-lut", benchmark=Blind())
        assert all("no ground truth" in str(r.failed) or "needs the ground truth" in str(r.failed) for r in records)
        assert (tmp_path / "predictions/dc/part_0/c0.png").exists()


class TestRefusals:
    def test_two_methods_of_one_name(self, tmp_path: Path) -> None:
        with pytest.raises(
            SshbenchError, match="two methods are called 'dc'; give one of them another attribute `name`"
        ):
            run(tmp_path, "dc", "dc")

    def test_results_of_another_benchmark(self, tmp_path: Path) -> None:
        run(tmp_path, "dc")
        with pytest.raises(SshbenchError, match="holds results on standin; give results on other another --out"):
            run(tmp_path, "dc", benchmark=Standin(name="other"))

    def test_what_cannot_go_to_workers(self, tmp_path: Path) -> None:
        method = Counting(broken={"lock": threading.Lock()})
        with pytest.raises(SshbenchError, match=r"cannot be sent to worker processes .*use --workers 1"):
            run(tmp_path, method, workers=2)
        assert len(run(tmp_path, method, workers=None)) == 6  # where the number is not asked for, this process does it


BAD = """
import ctypes, os, sys, time

class Good:
    def harmonize(self, batch):
        return [self.one(c) if c.id == "part_1/c1" else c.composite for c in batch]
    def one(self, c):
        return c.composite

class Exits(Good):
    def one(self, c): sys.exit(0)

class Interrupts(Good):
    def one(self, c): raise KeyboardInterrupt

class Ragged(Good):
    def one(self, c): return [[1, 2], [3]]

class Ends(Good):
    def one(self, c): os._exit(3)

class Crashes(Good):
    def one(self, c): ctypes.string_at(0)

class Hangs(Good):
    def one(self, c): time.sleep(600)

class Moves(Good):
    def one(self, c): os.chdir("/"); return c.composite

class Closes(Good):
    def one(self, c): os.closerange(3, 200); return c.composite

class Number(Good):
    name = 3

class Elsewhere(Good):
    asked = 0
    @property
    def name(self):
        Elsewhere.asked += 1
        return "ok" if Elsewhere.asked < 3 else "../../../elsewhere"

class Dies(Good):
    def __init__(self): os._exit(7)

class Sleeps(Good):
    def __init__(self): time.sleep(600)

class Always(Good):
    def harmonize(self, batch): os._exit(1)
"""


class TestIsolation:
    """A method may do to its process what it wants: the run records it and goes on."""

    @pytest.mark.parametrize("workers", [1, 2])
    def test_whatever_a_method_does_the_others_go_on(self, tmp_path: Path, workers: int) -> None:
        (tmp_path / "bad.py").write_text(BAD)
        expected = {
            "exits": "it asks to end the process: SystemExit(0)",
            "interrupts": "KeyboardInterrupt",
            "ragged": "the prediction is list and no array of numbers",
            "ends": "it ended its process (exit code 3)",
            "crashes": "its process crashed (SIGSEGV)",
            "hangs": "it took longer than 8 s",
            "closes": "it closed the connection of its process",
        }
        unusable = {
            "number": "its name is 3, not a text",
            "elsewhere": "the name '../../../elsewhere' is not of up to",
            "dies": "it ended its process (exit code 7)",
        }
        whole = ["good", "moves", "dc"]
        names = [f"{tmp_path}/bad.py:{name.title()}" for name in (*expected, *unusable, "good", "moves")]
        with pytest.warns(UserWarning, match="the others continue"):
            records = run(tmp_path / "out", *names, "dc", benchmark=Standin(3), workers=workers, time_limit=8)
        failed = {(record.method, record.id): record.failed for record in records if record.failed}
        assert len(records) == 3 * len({*expected, *unusable, *whole})
        assert failed.keys() == {(name, "part_1/c1") for name in expected} | {
            (name, id) for name in unusable for id in Standin(3).ids()
        }
        for (method, _), why in failed.items():
            assert (expected | unusable)[method] in str(why)
        assert [path.name for path in tmp_path.iterdir() if path.suffix == ""] == ["out"]
        assert sorted(read_records([tmp_path / "out"]), key=key) == sorted(records, key=key)

    def test_the_record_keeps_where_it_failed(self, tmp_path: Path) -> None:
        (tmp_path / "bad.py").write_text(BAD)
        records = run(tmp_path / "out", f"{tmp_path}/bad.py:Exits", "dc", benchmark=Standin(2))
        (failed,) = (record for record in read_records([tmp_path / "out"]) if record.failed)
        assert failed in records
        assert failed.traceback.startswith("Traceback (most recent call last):\n")
        assert 'bad.py", line' in failed.traceback.splitlines()[1]
        assert "def one(self, c): sys.exit(0)" in failed.traceback
        assert "sshbench/results" not in failed.traceback

    def test_a_method_that_ends_its_process_each_time_is_given_up(self, tmp_path: Path) -> None:
        (tmp_path / "bad.py").write_text(BAD)
        count = GIVE_UP + 2
        records = run(tmp_path / "out", f"{tmp_path}/bad.py:Always", "dc", benchmark=Standin(count))
        said = Counter(record.failed for record in records if record.method == "always")
        assert said == {
            "it ended its process (exit code 1)": GIVE_UP,
            f"not tried, because it ended or blocked its process {GIVE_UP} times in a row": 2,
        }
        assert sum(record.failed is None for record in records) == count

    def test_in_a_batch_the_one_that_crashes_is_found(self, tmp_path: Path) -> None:
        (tmp_path / "bad.py").write_text(BAD)
        records = run(tmp_path / "out", f"{tmp_path}/bad.py:Ends", benchmark=Standin(3), batch_size=3)
        assert [record.id for record in records if record.failed] == ["part_1/c1"]

    def test_a_method_that_cannot_be_made_leaves_its_predictions(self, tmp_path: Path) -> None:
        (tmp_path / "mine.py").write_text("class Mine:\n  def harmonize(self, b): return [c.composite for c in b]\n")
        first = run(tmp_path / "out", f"{tmp_path}/mine.py:Mine", "dc", benchmark=Standin(2))
        (tmp_path / "mine2").mkdir()
        (tmp_path / "mine2/mine.py").write_text("class Mine:\n  def __init__(self): 1 / 0\n  harmonize = print\n")
        with pytest.warns(UserWarning, match="cannot be made"):
            run(tmp_path / "out", f"{tmp_path}/mine2/mine.py:Mine", "dc", benchmark=Standin(2))
        assert all((tmp_path / "out" / record.prediction).is_file() for record in first)


class TestPython:
    def test_objects_classes_and_functions_are_methods(self, tmp_path: Path) -> None:
        class Local:
            strength = 0.5

            def harmonize(self, batch: Sequence[Composite]) -> list[Any]:
                import torch

                return [torch.from_numpy(c.composite * self.strength).permute(2, 0, 1).float() / 255 for c in batch]

        def negative(one: Composite) -> np.ndarray:
            return 255 - one.composite

        for workers in (1, 2):
            records = run(tmp_path / str(workers), Local(), negative, "dc", benchmark=Standin(2), workers=workers)
            assert [record.method for record in records] == ["local", "local", "negative", "negative", "dc", "dc"]
            assert not any(record.failed for record in records)
