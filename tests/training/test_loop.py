"""Steps: which parameters a phase trains, at what rate, on which samples; and runs that are lost."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from sshbench.training.distributed import World
from sshbench.training.loop import Diverged, Due, Trainer, train
from sshbench.training.objectives import Phase
from sshbench.training.recipe import Recipe, RecipeError

ALONE = World(0, 1, torch.device("cpu"))
BASE: dict[str, Any] = {
    "method": "line",
    "data": {"batch": 4},
    "optimizer": {"lr": 0.1},
    "schedule": {"steps": 8, "decay": 0},
    "loss": {"near": 1.0},
    "loop": {"log": 1, "checkpoint": 1000},
    "validation": {"every": 1000},
}


def recipe(**changes: dict[str, Any]) -> Recipe:
    sections = {name: BASE.get(name, {}) | changes.get(name, {}) for name in {*BASE, *changes} - {"method"}}
    return Recipe.model_validate({"method": "line"} | sections)


@dataclass
class Batches:
    """Numbers x with y = 3 x, four a batch, five batches an epoch; or in halves."""

    size: int = 4
    sampler: Any = field(default_factory=lambda: SimpleNamespace(epoch=0, consumed=0, count=20, world_size=1))

    def __post_init__(self) -> None:
        self.sampler.batch_size = self.size

    def __iter__(self) -> Iterator[dict[str, Tensor]]:
        sampler = self.sampler
        while sampler.consumed < sampler.count:
            first = 20 * sampler.epoch + sampler.consumed
            sampler.consumed += self.size
            x = torch.arange(first, first + self.size).float()[:, None] % 7 - 3
            yield {"x": x, "y": 3 * x}
        sampler.epoch, sampler.consumed = sampler.epoch + 1, 0

    def state_dict(self) -> dict[str, int]:
        return {}


class Line:
    """y = a x, and something else that shares a."""

    def __init__(self, *names: str, factor: float = 1.0) -> None:
        torch.manual_seed(0)
        self.a, self.b = nn.Linear(1, 1, bias=False), nn.Linear(1, 1, bias=False)
        self.modules = nn.ModuleDict({"a": self.a, "b": self.b})
        self.factor = factor
        made = {
            "a": Phase("a", [self.a.weight], self.terms),
            "b": Phase("b", [self.b.weight], lambda batch: {"far": self.b(self.a(batch["x"])).square().mean()}),
        }
        self.phases = tuple(made[name] for name in names or ("a",))

    def terms(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        return {"near": self.factor * (self.a(batch["x"]) - batch["y"]).square().mean()}

    def predict(self, batch: dict[str, Tensor]) -> None:
        return None

    def weights(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        return self.a.state_dict(), {}


def trained(plan: Recipe, objective: Any, batches: Any = None, **hooks: Any) -> tuple[Trainer, list[dict[str, float]]]:
    trainer = Trainer(plan, objective, batches or Batches(plan.data.batch // plan.loop.accumulate), ALONE)
    rows: list[dict[str, float]] = []
    quiet = {"stop": lambda: None, "log": rows.append, "validate": lambda: None, "checkpoint": lambda best: None}
    train(trainer, **(quiet | hooks))
    return trainer, rows


def test_a_run_learns_and_logs_what_it_did():
    plan = recipe(schedule={"steps": 200, "decay": 0.5})
    trainer, rows = trained(plan, line := Line())
    assert line.a.weight.item() == pytest.approx(3, abs=1e-3)
    assert [row["step"] for row in rows] == list(range(1, 201))
    assert rows[-1]["samples"] == 800
    assert rows[-1]["epoch"] == trainer.epoch == 40
    assert rows[-1]["lr"] == 0
    assert rows[0]["loss/a"] == rows[0]["loss/a.near"]


def test_weights_are_those_of_plain_adam():
    line, other = Line(), Line()
    plan = recipe(schedule={"steps": 8, "decay": 1.0})
    trained(plan, line)
    adam = torch.optim.Adam(other.a.parameters(), lr=0.1)
    batches = Batches()
    for step, batch in enumerate([*batches, *batches][:8]):
        adam.param_groups[0]["lr"] = 0.1 * (1 - step / 8)
        adam.zero_grad()
        other.terms(batch)["near"].backward()
        adam.step()
    assert line.a.weight.item() == pytest.approx(other.a.weight.item(), rel=1e-5)


def test_a_phase_trains_its_own_parameters_alone():
    line = Line("b")
    before = line.a.weight.item()
    trained(recipe(loss={"far": 1.0}), line)
    assert line.a.weight.item() == before
    assert line.a.weight.grad is None
    assert line.b.weight.item() != Line().b.weight.item()


def test_phases_come_one_after_the_other():
    both, seen = Line("a", "b"), []
    terms = both.phases[1].terms
    both.phases[1].terms = lambda batch: seen.append(both.a.weight.item()) or terms(batch)
    alone, after = Line("a"), []
    trained(recipe(loss={"far": 1.0}), both)
    trained(recipe(), alone, log=lambda row: after.append(alone.a.weight.item()))
    assert seen == after  # b sees what a has become in the same step


def test_the_weighted_sum_is_the_loss():
    _, rows = trained(recipe(loss={"near": 0.25}), Line())
    assert all(row["loss/a"] == pytest.approx(0.25 * row["loss/a.near"]) for row in rows)


def test_accumulated_parts_are_one_batch():
    whole, parts = Line(), Line()
    trained(recipe(), whole)
    trained(recipe(loop={"accumulate": 2}), parts)
    assert parts.a.weight.item() == pytest.approx(whole.a.weight.item(), rel=1e-5)


def test_gradients_are_clipped_to_their_norm():
    plan = recipe(schedule={"steps": 1}, optimizer={"clip": 1e-3})
    _, rows = trained(plan, line := Line())
    assert rows[0]["gradient/a"] > 1
    assert abs(line.a.weight.grad.item()) == pytest.approx(1e-3, rel=1e-3)


def test_random_numbers_of_a_step_do_not_depend_on_what_was_drawn_before():
    def drawn(skip: int) -> list[float]:
        line, found = Line(), []
        terms = line.phases[0].terms
        line.phases[0].terms = lambda batch: found.append(torch.rand(()).item()) or terms(batch)
        trained(recipe(), line, stop=lambda: torch.rand(skip) and None)
        return found

    assert drawn(1) == drawn(1)
    assert len(set(drawn(1))) == 8


@pytest.mark.parametrize("unit", [{"steps": 10}, {"epochs": 2}])
def test_a_run_ends_where_its_schedule_does(unit):
    trainer, _ = trained(recipe(schedule={"steps": None} | unit), Line())
    assert trainer.step == 10
    assert trainer.epoch == 2


def test_a_budget_is_of_the_time_used():
    trainer = Trainer(recipe(schedule={"steps": None, "budget": 10, "decay": 0.5}), Line(), Batches(), ALONE)
    trainer.seconds = 7.5
    assert trainer.progress == 0.75
    assert trainer.recipe.schedule.factor(trainer.progress) == 0.5


@pytest.mark.parametrize("reason", ["time limit", "interrupted"])
def test_a_run_that_is_stopped_leaves_a_checkpoint(reason):
    kept = []
    line = Line()
    trainer = Trainer(recipe(), line, Batches(), ALONE)
    stop = lambda: reason if trainer.step == 3 else None  # noqa: E731
    ended = train(
        trainer,
        stop=stop,
        log=lambda row: None,
        validate=lambda: None,
        checkpoint=lambda best: kept.append(trainer.step),
    )
    assert (ended, kept) == (reason, [3])


def test_the_best_is_kept_when_validation_is_better_than_ever():
    scores, kept = iter([1.0, 3.0, 2.0, 4.0]), []
    plan = recipe(validation={"every": 2}, loop={"checkpoint": 3})
    trainer = Trainer(plan, Line(), Batches(), ALONE)
    train(
        trainer, stop=lambda: None, log=lambda row: None, validate=lambda: next(scores),
        checkpoint=lambda best: kept.append((trainer.step, best)),
    )  # fmt: skip
    assert kept == [(2, True), (3, False), (4, True), (6, False), (8, True)]


@pytest.mark.parametrize("factor", [math.nan, math.inf])
def test_a_loss_that_is_no_number_ends_the_run_before_a_checkpoint_is_written(factor):
    kept = []
    line = Line()
    terms = line.phases[0].terms
    trainer = Trainer(recipe(loop={"log": 2, "checkpoint": 1}), line, Batches(), ALONE)
    line.phases[0].terms = lambda batch: {"near": terms(batch)["near"] * (factor if trainer.step == 4 else 1)}
    with pytest.raises(Diverged, match=r"the loss of a is (nan|inf) at step 5"):
        train(
            trainer, stop=lambda: None, log=lambda row: None, validate=lambda: None,
            checkpoint=lambda best: kept.append(trainer.step),
        )  # fmt: skip
    assert kept == [1, 2, 3, 4]


def test_a_loss_that_explodes_ends_the_run():
    with pytest.raises(Diverged, match=r"has gone from .* to .* at step"):
        trained(recipe(optimizer={"lr": 1e4}, schedule={"steps": 50}), Line())


def test_terms_and_weights_that_do_not_fit_are_told():
    with pytest.raises(RecipeError, match="no weight for near"):
        trained(recipe(loss={"near": 1.0}).model_copy(update={"loss": {"other": 1.0}}), Line())
    line = Line()
    line.phases[0].terms = lambda batch: {}
    with pytest.raises(RecipeError, match="every term of the loss is off"):
        trained(recipe(), line)


def test_a_weight_of_no_term_is_told():
    with pytest.warns(UserWarning, match="the loss of line has no term fra$"):
        trained(recipe(loss={"fra": 1.0, "far": 0.0}), Line())


def test_intervals_are_of_steps_or_of_time():
    def due(every: Any, times: list[float]) -> list[int]:
        trainer = SimpleNamespace(step=0, seconds=0.0)
        clock, found = Due(every, trainer), []
        for trainer.step, trainer.seconds in enumerate(times, start=1):
            found += [trainer.step] * clock(trainer) + [trainer.step] * clock(trainer)
        return found

    assert due(2, [1.0] * 5) == [2, 4]
    assert due("2", [1.0] * 5) == [2, 4]
    assert due("10s", [4.0, 11.0, 19.0, 22.0, 40.0, 41.0]) == [2, 4, 5]
