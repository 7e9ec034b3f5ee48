"""The loop on a problem that least squares solves: a line."""

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from recipe_fakes import listening
from rounding import assert_alike
from storysound.errors import InputError
from storysound.progress import Cancelled, Progress, Stop, Watch
from storysound.train.loop import CHECKPOINT, Task, check_agrees, fabric_for, fit
from storysound.train.plan import TrainingPlan

SLOPE = torch.tensor([[2.0, -1.0, 0.5]])


def batch_at(step: int, rank: int, ranks: int) -> tuple[Tensor, Tensor]:
    x = torch.randn(16, 3, generator=torch.Generator().manual_seed(step * ranks + rank))
    return x, x @ SLOPE.T


def losses(network: nn.Module, batch: tuple[Tensor, Tensor]) -> Mapping[str, Tensor]:
    return {"loss": (network(batch[0]) - batch[1]).square().mean()}


def evaluate(network: nn.Module) -> Mapping[str, float]:
    return {"closeness": -float(losses(network, batch_at(10**6, 0, 1))["loss"])}


def task(**settings: Any) -> Task[tuple[Tensor, Tensor]]:
    torch.manual_seed(0)
    return Task(nn.Linear(3, 1), losses, batch_at, evaluate, "closeness", settings)


def run(folder: Path, plan: TrainingPlan, **settings: Any) -> tuple[float, list[str]]:
    told: list[str] = []
    return fit(task(**settings), plan, folder, fabric_for(folder, precision="32-true"), listening(told)), told


PLAN = TrainingPlan(300, 0.05, warmup=10, weight_decay=0.0, ema=0.9, show_every=50, evaluate_every=100)


def test_it_learns_the_line_and_keeps_the_best_weights(tmp_path: Path) -> None:
    best, told = run(tmp_path, PLAN)
    assert best > -1e-3
    assert torch.allclose(load_file(tmp_path / "best.safetensors")["weight"], SLOPE, atol=0.05)
    rows = [json.loads(line) for line in (tmp_path / "progress.jsonl").open()]
    assert [row["step"] for row in rows if "loss" in row] == [50, 100, 150, 200, 250, 300]
    assert len(told) == len(rows)
    assert list((tmp_path / "curves").glob("events.*"))


def test_gradients_of_several_batches_are_those_of_one_as_large(tmp_path: Path) -> None:
    """And a run that was interrupted goes on with the batch that comes next."""
    parts = 4
    plan = replace(PLAN, steps=6, evaluate_every=6, accumulation=parts)
    asked: list[int] = []

    def part_at(number: int, rank: int, ranks: int) -> tuple[Tensor, Tensor]:
        asked.append(number)
        return batch_at(number, rank, ranks)

    def whole_at(step: int, rank: int, ranks: int) -> tuple[Tensor, Tensor]:
        x = torch.cat([batch_at(step * parts + part, rank, ranks)[0] for part in range(parts)])
        return x, x @ SLOPE.T

    one, other = (Task(task().network, losses, at, evaluate, "closeness", {}) for at in (part_at, whole_at))
    half = tmp_path / "parts"
    fit(one, replace(plan, steps=3, decay_share=0.0), half, fabric_for(half, precision="32-true"), Watch())
    whole = replace(plan, accumulation=1, decay_share=0.0)
    with pytest.raises(InputError, match="other settings: plan"):
        fit(other, whole, half, fabric_for(half, precision="32-true"), Watch())
    fit(one, replace(plan, decay_share=0.0), half, fabric_for(half, precision="32-true"), Watch())
    assert asked == list(range(6 * parts))
    fit(other, whole, tmp_path / "whole", fabric_for(tmp_path / "whole", precision="32-true"), Watch())
    parted, at_once = (load_file(tmp_path / name / "best.safetensors") for name in ("parts", "whole"))
    for key, weights in at_once.items():
        assert_alike(parted[key], weights)


class StoppedError(Exception):
    """In place of Ctrl-C."""


def test_a_run_that_was_interrupted_ends_where_the_other_ends(tmp_path: Path) -> None:
    """So soon that all still moves: what is forgotten shows."""
    plan = replace(PLAN, steps=40, evaluate_every=20)
    run(tmp_path / "whole", plan)

    def until_35(step: int, rank: int, ranks: int) -> tuple[Tensor, Tensor]:
        if step == 35:
            raise StoppedError
        return batch_at(step, rank, ranks)

    broken = Task(task().network, losses, until_35, evaluate, "closeness", {})
    folder = tmp_path / "broken"
    with pytest.raises(StoppedError):
        fit(broken, plan, folder, fabric_for(folder, precision="32-true"), Watch())
    _, told = run(folder, plan)
    assert told[0].endswith("going on at step 35")
    whole, again = (load_file(tmp_path / name / "best.safetensors") for name in ("whole", "broken"))
    assert whole.keys() == again.keys()
    for key, weights in whole.items():
        assert_alike(again[key], weights)


@pytest.mark.parametrize("at", [0, 7, 20, 33, 40])  # before the first step, between looks, at a look, at the end
def test_a_run_that_is_told_to_stop_keeps_the_step_and_goes_on_to_the_same_end(tmp_path: Path, at: int) -> None:
    plan = replace(PLAN, steps=40, evaluate_every=20)
    whole, _ = run(tmp_path / "whole", plan)
    folder, stop = tmp_path / "stopped", Stop()

    def report(now: Progress) -> None:
        if now.step == "training" and now.done >= at:
            stop.set()

    with Watch(report, stop) as watch, suppress(Cancelled):  # told at the end, it has nothing left to stop
        fit(task(), plan, folder, fabric_for(folder, precision="32-true"), watch)
    assert stop.is_set()
    assert torch.load(folder / CHECKPOINT, weights_only=True)["step"] in (at, at + 1)
    assert not list(folder.glob("*.part"))
    best, _ = run(folder, plan)
    assert best == pytest.approx(whole, rel=1e-5)
    rows = [json.loads(line) for line in (folder / "progress.jsonl").open()]
    assert {row["step"] for row in rows if "evaluation/closeness" in row} == {
        20,
        40,
    }  # one that was cut short is made up


def test_a_look_that_is_told_to_stop_is_taken_again(tmp_path: Path) -> None:
    stop = Stop()

    def impatient(network: nn.Module) -> Mapping[str, float]:
        stop.set()
        watch.check()
        return evaluate(network)

    plan = replace(PLAN, steps=20, evaluate_every=20)
    looking = Task(task().network, losses, batch_at, impatient, "closeness", {})
    with pytest.raises(Cancelled), Watch(stop=stop) as watch:
        fit(looking, plan, tmp_path, fabric_for(tmp_path, precision="32-true"), watch)
    assert not (tmp_path / "best.safetensors").exists()
    best, _ = run(tmp_path, plan)
    assert best > float("-inf")
    assert (tmp_path / "best.safetensors").exists()


def test_a_run_says_how_far_it_is(tmp_path: Path) -> None:
    seen: list[Progress] = []
    fit(task(), replace(PLAN, steps=40), tmp_path, fabric_for(tmp_path, precision="32-true"), Watch(seen.append))
    shares = [now.share for now in seen]
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    assert seen[-1].left_s == 0.0
    assert len({now.done for now in seen}) >= 40


def test_other_settings_are_refused_before_there_is_a_network(tmp_path: Path) -> None:
    check_agrees(tmp_path, PLAN, batch=16)  # nothing there yet
    run(tmp_path, replace(PLAN, steps=1), batch=16)
    check_agrees(tmp_path, PLAN, batch=16)
    with pytest.raises(InputError, match="other settings: batch"):
        check_agrees(tmp_path, PLAN, batch=8)
    with pytest.raises(InputError, match="other settings: plan"):
        check_agrees(tmp_path, replace(PLAN, rate=0.1), batch=16)


def test_a_longer_schedule_goes_on_but_other_settings_are_refused(tmp_path: Path) -> None:
    run(tmp_path, PLAN, batch=16)
    longer = TrainingPlan(320, 0.05, warmup=10, weight_decay=0.0, ema=0.9, show_every=50, evaluate_every=100)
    _, told = run(tmp_path, longer, batch=16)
    assert "step 320 of 320" in told[-1]
    with pytest.raises(InputError, match="other settings: batch"):
        run(tmp_path, PLAN, batch=8)


@pytest.mark.parametrize("wrong", [{"steps": 0}, {"rate": 0.0}, {"ema": 1.0}, {"accumulation": 0}])
def test_nonsense_plans_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="needs steps"):
        TrainingPlan(**{"steps": 1, **wrong})
