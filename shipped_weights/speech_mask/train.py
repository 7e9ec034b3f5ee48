"""Trains `encode/voice_mask`: `python shipped_weights/speech_mask/train.py MIXES --check CHECK --minutes 30`.

MIXES and CHECK are folders that corpus.py fills; it may still be drawing, new shards are taken up as they come.

The loss is the signal-to-distortion ratio of the background's spectrum in decibels, |mask · mixture - background|²
over |background|², so that every mix counts alike however loud. Six stretches of 2.7 s a step in bfloat16, AdamW with
a cosine that ends when the time is up. The mean of the last weights (decay .995) is what ships, in half precision.

OUT.state holds all that is needed to go on after an interruption; the same command does.
"""

import argparse
import logging
import math
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor

from storysound.encode.voice_mask import Config, VoiceMask

log = logging.getLogger("train")
TARGET = Path(__file__).parents[2] / "src" / "storysound" / "encode" / "weights" / "voice_mask.safetensors"
FRAMES, BATCH, RATE, WARM_UP, DECAY = 128, 6, 2e-3, 50, 0.995
REPORT = 200  # steps
FLOOR = 1e-4  # of the distortion: 40 dB are enough
Mixes = tuple[Tensor, Tensor, Tensor, Tensor]  # magnitude, along [n t 768], power [n t], gain [n 2t+1 193]


@dataclass
class Shards:
    """Mixes of a folder that may still grow."""

    folder: Path
    parts: dict[str, Mixes] = field(default_factory=dict)

    def refresh(self) -> None:
        """Reads what is new."""
        for path in sorted(self.folder.glob("*.npz")):
            if path.name not in self.parts:
                with np.load(path) as data:
                    read = [torch.from_numpy(data[name]) for name in ("magnitude", "along", "power", "gain")]
                self.parts[path.name] = (read[0], read[1], read[2], read[3])

    def batch(self, rng: np.random.Generator) -> Mixes:
        """Stretches of some mixes."""
        chosen: list[list[Tensor]] = [[], [], [], []]
        shards = list(self.parts.values())
        for _ in range(BATCH):
            shard = shards[int(rng.integers(len(shards)))]
            row, first = int(rng.integers(len(shard[0]))), int(rng.integers(shard[0].shape[1] - FRAMES))
            for into, part in zip(chosen[:3], shard[:3], strict=True):
                into.append(part[row, first : first + FRAMES])
            chosen[3].append(shard[3][row, 2 * first : 2 * (first + FRAMES) + 1])
        stacked = [torch.stack(parts) for parts in chosen]
        return stacked[0], stacked[1], stacked[2], stacked[3]


def distortion_db(network: VoiceMask, mixes: Mixes) -> Tensor:
    """|mask · X - B|² against |B|² of each mix in dB: [n], the lower the better. corpus.shard says how it is kept."""
    magnitude, along, power = (part.float() for part in mixes[:3])
    mask = network(magnitude**2, mixes[3].float() / 255)
    error = ((mask * magnitude) ** 2 - 2 * mask * magnitude * along).sum((1, 2)) + power.sum(1)
    return 10 * torch.log10(error.clamp(min=0) / power.sum(1).clamp(min=1e-6) + FLOOR)


class Training:
    """The network on its way."""

    def __init__(self, state: Path) -> None:
        """Goes on from `state` where it is there."""
        self.state_path = state
        self.network = VoiceMask(Config())
        self.optimiser = torch.optim.AdamW(self.network.parameters(), RATE, weight_decay=1e-2)
        self.mean = {name: value.clone() for name, value in self.network.state_dict().items()}
        self.step, self.spent_s = 0, 0.0
        if state.exists():
            kept: dict[str, Any] = torch.load(state, weights_only=True)
            self.network.load_state_dict(kept["network"])
            self.optimiser.load_state_dict(kept["optimiser"])
            self.mean, self.step, self.spent_s = kept["mean"], kept["step"], kept["spent_s"]

    def save(self) -> None:
        """Writes the state beside and moves it into place."""
        part = self.state_path.with_suffix(".part")
        kept = {"network": self.network.state_dict(), "optimiser": self.optimiser.state_dict(), "mean": self.mean}
        torch.save({**kept, "step": self.step, "spent_s": self.spent_s}, part)
        part.replace(self.state_path)

    def one_step(self, batch: Mixes, done: float) -> float:
        """Distortion in dB of a batch, `done` of the way."""
        self.step += 1
        for group in self.optimiser.param_groups:
            group["lr"] = RATE * min(1.0, self.step / WARM_UP) * 0.5 * (1 + math.cos(math.pi * done))
        self.network.train()
        with torch.autocast("cpu", torch.bfloat16):
            loss = distortion_db(self.network, batch).mean()
        self.optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        self.optimiser.step()
        decay = min(DECAY, self.step / (self.step + 20))
        for name, value in self.network.state_dict().items():
            self.mean[name] = self.mean[name].lerp(value, 1 - decay) if value.is_floating_point() else value.clone()
        return loss.item()

    def run(self, shards: Shards, check: Shards, minutes: float) -> None:
        """Until the time is up."""
        rng = np.random.default_rng(self.step)
        begun, smooth, count = time.monotonic() - self.spent_s, 0.0, 0
        while (done := (time.monotonic() - begun) / 60 / minutes) < 1:
            if self.step % REPORT == 0:
                shards.refresh()
            smooth += (self.one_step(shards.batch(rng), done) - smooth) / min(count := count + 1, REPORT)
            self.spent_s = time.monotonic() - begun
            if self.step % REPORT == 0:
                held = judge(self.mean, check)
                log.info(
                    "step %d of %d shards, %.0f %%: %.2f dB, check %.2f dB",
                    *(self.step, len(shards.parts), 100 * done, -smooth, -held),
                )
                self.save()


@torch.inference_mode()
def judge(weights: dict[str, Tensor], check: Shards) -> float:
    """Mean distortion in dB of the mixes kept back."""
    network = VoiceMask(Config())
    network.load_state_dict(weights)
    return float(torch.cat([distortion_db(network.eval(), part) for part in check.parts.values()]).mean())


def main() -> None:
    """Reads, trains, writes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("mixes", type=Path)
    parser.add_argument("--check", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--out", type=Path, default=TARGET)
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    torch.manual_seed(0)
    torch.set_num_threads(1)
    shards, check = Shards(options.mixes), Shards(options.check)
    shards.refresh()
    check.refresh()
    if not shards.parts or not check.parts:
        raise SystemExit(f"{options.mixes} or {options.check} holds no mixes yet: corpus.py draws them")
    training = Training(options.out.with_suffix(".state"))
    training.run(shards, check, options.minutes)
    log.info("in the end %.2f dB", -judge(training.mean, check))
    whole = {name: v.half() if v.is_floating_point() else v for name, v in training.mean.items()}
    save_file({name: value.contiguous() for name, value in whole.items()}, options.out)


if __name__ == "__main__":
    main()
