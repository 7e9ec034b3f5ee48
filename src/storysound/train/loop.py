"""The training loop of all models, on Lightning Fabric: one or many devices, mixed precision, resume.

What is particular to a model is handed in: a network, a function from network and batch to losses, a function from
step to batch, and a function that evaluates. Batches are a pure function of the step, so a run that was interrupted
goes on with exactly the batches it would have seen.

With several devices the same command runs once more for each of the others (DDP): every process learns from batches of
its own, the first one alone evaluates, writes and speaks. The gradient of every weight that can learn must reach it in
each step on each device.
"""

import json
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from storysound.errors import InputError, UsageError
from storysound.progress import Watch
from storysound.train.plan import CHECKPOINT, TrainingPlan

if TYPE_CHECKING:  # who evaluates a model has no need of it
    from lightning_fabric import Fabric
    from lightning_fabric.wrappers import _FabricModule

Batch = TypeVar("Batch")
Losses = Mapping[str, Tensor]  # "loss" is minimised, the others are shown


@dataclass(frozen=True)
class Task(Generic[Batch]):
    """What is particular to a model."""

    network: nn.Module
    losses: Callable[[nn.Module, Batch], Losses]
    batch_at: Callable[[int, int, int], Batch]  # number of the batch, rank, number of ranks; a pure function
    evaluate: Callable[[nn.Module], Mapping[str, float]]
    best_by: str  # which of the evaluation's figures says what is best; more is better
    settings: Mapping[str, Any]  # what a resumed run must agree on


@dataclass
class _State:
    network: "_FabricModule"
    average: AveragedModel
    optimiser: torch.optim.Optimizer
    step: int = 0
    best: float = float("-inf")
    judged: int = 0  # step of the last evaluation: one that was cut short is made up for


def fabric_for(run: Path, *, precision: Any = "auto", devices: int | str = "auto") -> "Fabric":
    """Fabric that logs to TensorBoard in the run's folder, on all `devices`: what follows runs once for each.

    Precision "auto": bfloat16 where the hardware computes in it. Devices "auto": all GPUs, or the processor.
    """
    try:
        from lightning_fabric import Fabric
        from lightning_fabric.loggers.tensorboard import TensorBoardLogger
    except ModuleNotFoundError as error:
        raise UsageError(f"training needs {error.name}: pip install 'storysound[train]'") from None
    if precision == "auto":
        precision = "bf16-mixed" if _computes_in_bfloat16() else "32-true"
    logger = TensorBoardLogger(root_dir=run, name=None, version="curves")
    several = int(devices) if isinstance(devices, str) and devices.isdigit() else devices
    fabric = Fabric(accelerator="auto", devices=several, precision=precision, loggers=logger)
    fabric.launch()
    return fabric


def speaker(fabric: "Fabric", watch: Watch) -> Watch:
    """`watch` in the process that speaks for all; the others report to nobody."""
    return watch if fabric.is_global_zero else Watch()


def speaks() -> bool:
    """Whether this process speaks for all that train together; the others run the same command."""
    if "lightning_fabric" not in sys.modules:
        return True
    from lightning_fabric.utilities.rank_zero import rank_zero_only

    rank: int = getattr(rank_zero_only, "rank", 0)
    return rank == 0


def _computes_in_bfloat16() -> bool:
    if torch.cuda.is_available():
        return bool(torch.cuda.is_bf16_supported())
    return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())


def fit(task: Task[Batch], plan: TrainingPlan, run: Path, fabric: "Fabric", watch: Watch) -> float:
    """Trains, or goes on with what stands in the folder `run`; the best figure of `best_by`.

    Writes `last.ckpt` (everything needed to go on), `best.safetensors` (averaged weights), `progress.jsonl` and
    TensorBoard's `curves`. On any ending, Cancelled and Ctrl-C too, the step reached is saved first. Raises InputError
    where `run` holds a run of other settings.
    """
    run.mkdir(parents=True, exist_ok=True)
    watch = speaker(fabric, watch)
    network, optimiser = fabric.setup(task.network, _optimiser(task.network, plan))
    average = AveragedModel(task.network, avg_fn=_average(plan.ema), use_buffers=True)
    state = _State(network, average, optimiser)
    settings = json.loads(json.dumps({**task.settings, "plan": _lasting(plan)}, default=str))
    _resume(state, settings, run, fabric, watch)
    saved = time.monotonic()
    watch.step("training")
    try:
        while True:
            if state.judged != state.step and (state.step % plan.evaluate_every == 0 or state.step == plan.steps):
                watch.say(_evaluate(state, task, plan, run, fabric))
            watch.at(state.step, plan.steps)
            if state.step >= plan.steps:
                break
            losses = _step(state, task, plan, fabric)
            if state.step % plan.show_every == 0 or state.step == plan.steps:
                watch.say(_show(fabric, run, state.step, plan.steps, {k: float(v.detach()) for k, v in losses.items()}))
            if fabric.is_global_zero and time.monotonic() - saved > plan.save_every_s:
                _save(state, settings, run, fabric)
                saved = time.monotonic()
    finally:
        _save(state, settings, run, fabric)
    return state.best


def last_weights(run: Path) -> dict[str, Tensor]:
    """The averaged weights at the end of a run, which no evaluation has chosen, unlike `best.safetensors`."""
    kept: dict[str, Any] = torch.load(run / CHECKPOINT, map_location="cpu", weights_only=True)
    return {key.removeprefix("module."): value for key, value in kept["average"].items() if key != "n_averaged"}


def _lasting(plan: TrainingPlan) -> dict[str, Any]:
    """What of the plan a resumed run must keep: length and end of the schedule may change, its course not."""
    free = {"steps", "decay_share", "show_every", "evaluate_every", "save_every_s"}
    free |= {"accumulation"} if plan.accumulation == 1 else set()  # runs of old know nothing of it
    return {key: value for key, value in asdict(plan).items() if key not in free}


def _optimiser(network: nn.Module, plan: TrainingPlan) -> torch.optim.Optimizer:
    """AdamW; biases and norms don't decay."""
    weights = [p for p in network.parameters() if p.ndim > 1]
    rest = [p for p in network.parameters() if p.ndim <= 1]
    groups = [{"params": weights, "weight_decay": plan.weight_decay}, {"params": rest, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, plan.rate, fused=True)


def _average(decay: float) -> Callable[[Tensor, Tensor, Tensor | int], Tensor]:
    """An exponential average whose memory grows with the steps taken, so that the start is soon forgotten."""

    def blend(averaged: Tensor, current: Tensor, count: Tensor | int) -> Tensor:
        keep = min(decay, (1 + int(count)) / (10 + int(count)))
        return averaged.lerp(current, 1 - keep) if averaged.is_floating_point() else current.clone()

    return blend


def _step(state: _State, task: Task[Batch], plan: TrainingPlan, fabric: "Fabric") -> Losses:
    state.network.train()
    for group in state.optimiser.param_groups:
        group["lr"] = plan.rate_at(state.step)
    state.optimiser.zero_grad(set_to_none=True)
    found: dict[str, Tensor] = {}
    for part in range(plan.accumulation):
        batch = task.batch_at(state.step * plan.accumulation + part, fabric.global_rank, fabric.world_size)
        with fabric.no_backward_sync(state.network, enabled=part < plan.accumulation - 1):
            losses = task.losses(state.network, batch)
            fabric.backward(losses["loss"] / plan.accumulation)
        for name, value in losses.items():
            found[name] = found.get(name, torch.zeros_like(value)) + value.detach() / plan.accumulation
    fabric.clip_gradients(state.network, state.optimiser, max_norm=plan.clip, error_if_nonfinite=False)
    state.optimiser.step()
    state.average.update_parameters(task.network)
    state.step += 1
    return found


def _evaluate(state: _State, task: Task[Batch], plan: TrainingPlan, run: Path, fabric: "Fabric") -> str:
    if not fabric.is_global_zero:
        fabric.barrier()
        state.judged = state.step
        return ""
    module = state.average.module.eval()
    with torch.inference_mode():
        found = dict(task.evaluate(module))
    line = _show(fabric, run, state.step, plan.steps, {f"evaluation/{key}": value for key, value in found.items()})
    if found[task.best_by] > state.best:
        state.best = found[task.best_by]
        partial = run / "best.part"
        save_file({k: v.contiguous() for k, v in module.state_dict().items()}, partial)
        partial.replace(run / "best.safetensors")
    state.judged = state.step
    fabric.barrier()
    return line


def _show(fabric: "Fabric", run: Path, step: int, steps: int, values: Mapping[str, float]) -> str:
    if not fabric.is_global_zero:
        return ""
    fabric.log_dict(dict(values), step)
    with (run / "progress.jsonl").open("a") as handle:
        handle.write(json.dumps({"step": step, "time": round(time.time(), 1), **values}) + "\n")
    return f"step {step} of {steps}: " + ", ".join(f"{key} {value:.4g}" for key, value in values.items())


def _save(state: _State, settings: Mapping[str, Any], run: Path, fabric: "Fabric") -> None:
    """By the first process alone, which waits for no other: any of them may have ended."""
    if not fabric.is_global_zero:
        return
    partial = run / "last.part"
    parts: dict[str, Any] = {"network": state.network, "optimiser": state.optimiser, "average": state.average}
    kept = {name: part.state_dict() for name, part in parts.items()}
    numbers = {"step": state.step, "best": state.best, "judged": state.judged}
    torch.save({**kept, **numbers, "settings": dict(settings)}, partial)
    partial.replace(run / CHECKPOINT)


def _resume(state: _State, settings: Mapping[str, Any], run: Path, fabric: "Fabric", watch: Watch) -> None:
    kept = _kept(run)
    if kept is None:
        return
    _agree(kept["settings"], settings, run)
    state.network.load_state_dict(kept["network"])
    state.optimiser.load_state_dict(kept["optimiser"])
    state.average.load_state_dict(kept["average"])
    state.step, state.best = kept["step"], kept["best"]
    state.judged = kept.get("judged", state.step)  # checkpoints of old say nothing of it
    watch.say(f"{run}: going on at step {state.step}")


def check_agrees(run: Path, plan: TrainingPlan, **settings: Any) -> None:
    """Raises InputError where the folder holds a run that differs in what is given of `Task.settings`, or in its plan.

    Told before anything is read: what else a run must agree on is known later.
    """
    kept = _kept(run)
    if kept is not None:
        known: dict[str, Any] = json.loads(json.dumps({**settings, "plan": _lasting(plan)}, default=str))
        _agree({key: kept["settings"].get(key) for key in known}, known, run)


def _kept(run: Path) -> dict[str, Any] | None:
    """The checkpoint of a run; weights only: no pickled code is executed."""
    try:
        kept: dict[str, Any] = torch.load(run / CHECKPOINT, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        return None
    return kept


def _agree(kept: Mapping[str, Any], settings: Mapping[str, Any], run: Path) -> None:
    differing = sorted(key for key in {*kept, *settings} if kept.get(key) != settings.get(key))
    if differing:
        fault = f"holds a run with other settings: {', '.join(differing)}"
        raise InputError(run, fault, "give the same ones, or another folder with out=")
