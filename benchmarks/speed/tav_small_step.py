"""Where a training step of the small TAVDiffusion spends its time, and how much of it is arithmetic that pays.

Steps are taken as `storysound train tav-small` takes them, on noise in place of latents; torch's profiler counts each
operator's own time. Products of matrices, convolutions and attention are what a step is for, all else is overhead.

Run: python -m benchmarks.speed.tav_small_step [--network streams] [--batch 16] [--threads 2] [--bfloat16]
"""

import argparse
import platform
import time

import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor
from torch.profiler import ProfilerActivity, profile

from storysound.generate.lexicon import Lexicon
from storysound.generate.video.small import SmallTavConfig, noise_of, untaught
from storysound.research.tavg.small.settings import SmallTavTraining
from storysound.research.tavg.small.train import config_of, loss_of
from storysound.research.tavg.world.sentences import WORDS

PAYING = ("convolution", "mm", "bmm", "addmm", "linear", "attention")
STEPS = 4


def batch_of(config: SmallTavConfig, size: int) -> tuple[Tensor, Tensor, Tensor, int]:
    """Noise in place of clips, and words."""
    audio, video = (torch.stack(part) for part in zip(*(noise_of(config, seed) for seed in range(size)), strict=True))
    return audio, video, torch.randint(0, len(WORDS), (size, config.words.longest)), 0


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--network", choices=("unets", "streams"), default="unets")
    parser.add_argument("--batch", type=int, default=SmallTavTraining.batch)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--bfloat16", action="store_true", help="by autocast, as on processors that compute in it")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    recipe = SmallTavTraining(out=None, network=options.network)  # type: ignore[arg-type] # nothing is written
    config = config_of(recipe)
    network = untaught(config, Lexicon(WORDS)).worded
    optimiser = torch.optim.AdamW(network.parameters(), recipe.rate, fused=True)
    batch = batch_of(config, options.batch)

    def step() -> None:
        with torch.autocast("cpu", torch.bfloat16, enabled=options.bfloat16):
            loss = loss_of(network, batch, recipe, network)["loss"]
        loss.backward()
        optimiser.step()
        optimiser.zero_grad()

    step()
    start, busy = time.perf_counter(), time.process_time()
    for _ in range(STEPS):
        step()
    step_s, busy_s = (time.perf_counter() - start) / STEPS, (time.process_time() - busy) / STEPS
    with profile(activities=[ProfilerActivity.CPU]) as found:
        step()
    own = {event.key: event.self_cpu_time_total for event in found.key_averages()}
    paying = sum(value for key, value in own.items() if any(part in key for part in PAYING))
    table = Table(title=f"a step of {options.batch} clips, {options.threads} threads, {platform.processor() or 'CPU'}")
    table.add_column("operator")
    table.add_column("share of its time", justify="right")
    for key, value in sorted(own.items(), key=lambda item: -item[1])[:8]:
        table.add_row(key, f"{value / sum(own.values()):.3f}")
    table.add_row("products, convolutions, attention", f"{paying / sum(own.values()):.3f}", style="bold")
    console = Console()
    console.print(table)
    numbers = sum(weight.numel() for weight in network.parameters())
    console.print(f"{step_s:.2f} s a step, {busy_s:.2f} s of processor, {numbers / 1e6:.2f} M numbers learn")


if __name__ == "__main__":
    main()
