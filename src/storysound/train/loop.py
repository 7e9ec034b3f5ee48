"""The training loop of all models, on Lightning Fabric: one or many devices, mixed precision, resume.

What is particular to a model is handed in: a network, a function from network and batch to losses, a function from
step to batch, and a function that evaluates. Batches are a pure function of the step, so a run that was interrupted
goes on with exactly the batches it would have seen.

With several devices the same command runs once more for each of the others (DDP): every process learns from batches of
its own, the first one alone evaluates, writes and speaks. The gradient of every weight that can learn must reach it in
each step on each device.
"""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

import torch
from lightning_fabric import Fabric
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from storysound.errors import InputError

CHECKPOINT = "last.ckpt"  # of a run: everything needed to go on

Batch = TypeVar("Batch")
Tell = Callable[[str], None]  # shows a line to the user
Losses = Mapping[str, Tensor]  # "loss" is minimised, the others are shown


@dataclass(frozen=True)
class Plan:
    """How long and how hard to train."""

    steps: int
    rate: float = 1e-3  # AdamW's learning rate at its highest
    warmup: int = 200  # steps to get there
    decay_share: float = 0.3  # of the steps: the last ones, in which the rate falls to zero as a cosine
    weight_decay: float = 0.01  # of weights with two or more axes
    clip: float = 5.0  # largest norm of the gradient
    ema: float = 0.999  # of the averaged weights, which are what is evaluated and kept
    show_every: int = 50  # steps
    evaluate_every: int = 2000
    save_every_s: float = 120.0

    def __post_init__(self) -> None:
        if self.steps < 1 or self.rate <= 0 or not 0 <= self.decay_share <= 1 or not 0 <= self.ema < 1:
            raise ValueError(f"needs steps >= 1, rate > 0, decay_share in [0, 1] and ema in [0, 1), got {self}")

    def rate_at(self, step: int) -> float:
        """Learning rate of a step: warm-up, stable, decay (Hu et al. 2024, MiniCPM, section 4).

        >>> [round(Plan(100, 1.0, warmup=10, decay_share=0.5).rate_at(s), 2) for s in (0, 9, 40, 75, 99)]
        [0.1, 1.0, 1.0, 0.5, 0.0]
        """
        left = (self.steps - step) / max(self.decay_share * self.steps, 1)
        fall = 0.5 - 0.5 * float(torch.cos(torch.tensor(torch.pi * min(left, 1.0))))
        return self.rate * min(1.0, (step + 1) / max(self.warmup, 1)) * fall


@dataclass(frozen=True)
class Task(Generic[Batch]):
    """What is particular to a model."""

    network: nn.Module
    losses: Callable[[nn.Module, Batch], Losses]
    batch_at: Callable[[int, int, int], Batch]  # step, rank, number of ranks; a pure function
    evaluate: Callable[[nn.Module], Mapping[str, float]]
    best_by: str  # which of the evaluation's figures says what is best; more is better
    settings: Mapping[str, Any]  # what a resumed run must agree on


@dataclass
class _State:
    network: nn.Module
    average: AveragedModel
    optimiser: torch.optim.Optimizer
    step: int = 0
    best: float = float("-inf")


def fabric_for(run: Path, *, precision: Any = "auto", devices: int | str = "auto") -> Fabric:
    """Fabric that logs to TensorBoard in the run's folder, on all `devices`: what follows runs once for each.

    Precision "auto": bfloat16 where the hardware computes in it. Devices "auto": all GPUs, or the processor.
    """
    from lightning_fabric.loggers.tensorboard import TensorBoardLogger

    if precision == "auto":
        precision = "bf16-mixed" if _computes_in_bfloat16() else "32-true"
    logger = TensorBoardLogger(root_dir=run, name=None, version="curves")
    several = int(devices) if isinstance(devices, str) and devices.isdigit() else devices
    fabric = Fabric(accelerator="auto", devices=several, precision=precision, loggers=logger)
    fabric.launch()
    return fabric


def speaker(fabric: Fabric, tell: Tell) -> Tell:
    """`tell` in the process that speaks for all; nothing is said by the others."""
    return tell if fabric.is_global_zero else lambda _: None


def _computes_in_bfloat16() -> bool:
    if torch.cuda.is_available():
        return bool(torch.cuda.is_bf16_supported())
    return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())


def fit(task: Task[Batch], plan: Plan, run: Path, fabric: Fabric, tell: Tell) -> float:
    """Trains, or goes on with what stands in the folder `run`; the best figure of `best_by`. `tell` hears how it goes.

    Writes `last.ckpt` (everything needed to go on), `best.safetensors` (averaged weights), `progress.jsonl` and
    TensorBoard's `curves`. Ctrl-C saves before it ends. Raises InputError where `run` holds a run of other settings.
    """
    run.mkdir(parents=True, exist_ok=True)
    tell = speaker(fabric, tell)
    network, optimiser = fabric.setup(task.network, _optimiser(task.network, plan))
    average = AveragedModel(task.network, avg_fn=_average(plan.ema), use_buffers=True)
    state = _State(network, average, optimiser)
    settings = json.loads(json.dumps({**task.settings, "plan": _lasting(plan)}, default=str))
    _resume(state, settings, run, fabric, tell)
    saved = time.monotonic()
    try:
        while state.step < plan.steps:
            losses = _step(state, task, plan, fabric)
            if state.step % plan.show_every == 0 or state.step == plan.steps:
                tell(_show(fabric, run, state.step, plan.steps, {k: float(v.detach()) for k, v in losses.items()}))
            if state.step % plan.evaluate_every == 0 or state.step == plan.steps:
                tell(_evaluate(state, task, plan, run, fabric))
            if fabric.is_global_zero and time.monotonic() - saved > plan.save_every_s:
                _save(state, settings, run, fabric)
                saved = time.monotonic()
    finally:
        _save(state, settings, run, fabric)
    return state.best


def last_weights(run: Path) -> dict[str, Tensor]:
    """The averaged weights at the end of a run, which no evaluation has chosen, unlike `best.safetensors`."""
    kept: dict[str, Any] = torch.load(run / "last.ckpt", map_location="cpu", weights_only=True)
    return {key.removeprefix("module."): value for key, value in kept["average"].items() if key != "n_averaged"}


def _lasting(plan: Plan) -> dict[str, Any]:
    """What of the plan a resumed run must keep: length and end of the schedule may change, its course not."""
    free = {"steps", "decay_share", "show_every", "evaluate_every", "save_every_s"}
    return {key: value for key, value in asdict(plan).items() if key not in free}


def _optimiser(network: nn.Module, plan: Plan) -> torch.optim.Optimizer:
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


def _step(state: _State, task: Task[Batch], plan: Plan, fabric: Fabric) -> Losses:
    state.network.train()
    for group in state.optimiser.param_groups:
        group["lr"] = plan.rate_at(state.step)
    losses = task.losses(state.network, task.batch_at(state.step, fabric.global_rank, fabric.world_size))
    state.optimiser.zero_grad(set_to_none=True)
    fabric.backward(losses["loss"])
    fabric.clip_gradients(state.network, state.optimiser, max_norm=plan.clip, error_if_nonfinite=False)
    state.optimiser.step()
    state.average.update_parameters(task.network)
    state.step += 1
    return losses


def _evaluate(state: _State, task: Task[Batch], plan: Plan, run: Path, fabric: Fabric) -> str:
    if not fabric.is_global_zero:
        fabric.barrier()
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
    fabric.barrier()
    return line


def _show(fabric: Fabric, run: Path, step: int, steps: int, values: Mapping[str, float]) -> str:
    if not fabric.is_global_zero:
        return ""
    fabric.log_dict(dict(values), step)
    with (run / "progress.jsonl").open("a") as handle:
        handle.write(json.dumps({"step": step, "time": round(time.time(), 1), **values}) + "\n")
    return f"step {step} of {steps}: " + ", ".join(f"{key} {value:.4g}" for key, value in values.items())


def _save(state: _State, settings: Mapping[str, Any], run: Path, fabric: Fabric) -> None:
    """By the first process alone, which waits for no other: any of them may have ended."""
    if not fabric.is_global_zero:
        return
    partial = run / "last.part"
    parts: dict[str, Any] = {"network": state.network, "optimiser": state.optimiser, "average": state.average}
    kept = {name: part.state_dict() for name, part in parts.items()}
    torch.save({**kept, "step": state.step, "best": state.best, "settings": dict(settings)}, partial)
    partial.replace(run / CHECKPOINT)


def _resume(state: _State, settings: Mapping[str, Any], run: Path, fabric: Fabric, tell: Tell) -> None:
    """Reads weights only: no pickled code is executed."""
    checkpoint = run / CHECKPOINT
    if not checkpoint.exists():
        return
    kept: dict[str, Any] = torch.load(checkpoint, map_location="cpu", weights_only=True)
    differing = sorted(k for k in {*kept["settings"], *settings} if kept["settings"].get(k) != settings.get(k))
    if differing:
        fault = f"holds a run with other settings: {', '.join(differing)}"
        raise InputError(run, fault, "give the same ones, or another folder with out=")
    state.network.load_state_dict(kept["network"])
    state.optimiser.load_state_dict(kept["optimiser"])
    state.average.load_state_dict(kept["average"])
    state.step, state.best = kept["step"], kept["best"]
    tell(f"{run}: going on at step {state.step}")
