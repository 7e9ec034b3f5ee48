"""How the learning benchmarks train: the recipe's schedule, in memory, without checkpoints or averaged weights."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from storysound.progress import Progress, Watch
from storysound.train.plan import TrainingPlan


def taught(network: nn.Module, plan: TrainingPlan, loss_at: Callable[[int], Tensor]) -> None:
    """Trains a network for all steps of a plan by the loss of each step, and leaves it ready to judge."""
    weights = [p for p in network.parameters() if p.ndim > 1]
    rest = [p for p in network.parameters() if p.ndim <= 1]
    groups = [{"params": weights, "weight_decay": plan.weight_decay}, {"params": rest, "weight_decay": 0.0}]
    optimiser = torch.optim.AdamW(groups, plan.rate, fused=True)
    network.train()
    for step in range(plan.steps):
        for group in optimiser.param_groups:
            group["lr"] = plan.rate_at(step)
        loss = loss_at(step)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(network.parameters(), plan.clip)
        optimiser.step()
    network.eval()


def said() -> Watch:
    """Prints what there is to say."""

    def report(now: Progress) -> None:
        if now.line:
            print(now.line, flush=True)

    return Watch(report)
