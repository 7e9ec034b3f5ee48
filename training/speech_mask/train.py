"""Trains `encode/voice_mask`: `python training/speech_mask/train.py MIXES... --check MIXES --minutes 15`.

The loss is the signal-to-distortion ratio of the background's spectrum in decibels, |mask · mixture - background|²
over |background|², so that every mix counts alike however loud. Two seconds at a time, eight mixes a step, AdamW with a
cosine that ends when the time is up. The mean of the last weights (decay .99) is what ships, in half precision.
"""

import argparse
import logging
import math
import time
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from storysound.encode.voice_mask import Config, VoiceMask, spread

log = logging.getLogger("train")
TARGET = Path(__file__).parents[2] / "src" / "storysound" / "encode" / "weights" / "voice_mask.safetensors"
FRAMES, BATCH, RATE, WARM_UP = 192, 8, 2e-3, 50
Mixes = tuple[Tensor, Tensor, Tensor]  # mixture [n t 384 2], background [n t 384 2], speech gain [n t 257], half


def read(paths: list[Path]) -> Mixes:
    """All mixes of the files that corpus.py wrote."""
    parts = [load_file(path) for path in paths]
    mixture, background, gain = (torch.cat([p[key] for p in parts]) for key in ("mixture", "background", "gain"))
    return mixture, background, gain


def error_db(network: VoiceMask, mixes: Mixes) -> Tensor:
    """Distortion of each mix in dB: [n], the lower the better."""
    mixture, background = (torch.view_as_complex(part.float()) for part in mixes[:2])
    mask = network(mixture.abs() ** 2, spread(mixes[2].float()))
    error = (mask * mixture - background).abs().pow(2).sum((1, 2))
    return 10 * torch.log10(error / background.abs().pow(2).sum((1, 2)) + 1e-4)


def train(network: VoiceMask, mixes: Mixes, check: Mixes, minutes: float) -> dict[str, Tensor]:
    """The mean weights after `minutes`."""
    optimiser = torch.optim.AdamW(network.parameters(), RATE, weight_decay=1e-2)
    mean = {name: value.clone() for name, value in network.state_dict().items()}
    begun, step, smooth = time.monotonic(), 0, 0.0
    while (done := (time.monotonic() - begun) / 60 / minutes) < 1:
        step += 1
        for group in optimiser.param_groups:
            group["lr"] = RATE * min(1.0, step / WARM_UP) * 0.5 * (1 + math.cos(math.pi * done))
        chosen = torch.randint(len(mixes[0]), (BATCH,))
        first = int(torch.randint(mixes[0].shape[1] - FRAMES, (1,)))
        network.train()
        mixture, background, gain = (part[chosen, first : first + FRAMES] for part in mixes)
        loss = error_db(network, (mixture, background, gain)).mean()
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        for name, value in network.state_dict().items():
            mean[name] = torch.lerp(mean[name], value, 0.01) if value.is_floating_point() else value.clone()
        smooth += (loss.item() - smooth) / min(step, 50)
        if step % 200 == 0:
            log.info("step %d, %.0f %%: %.2f dB, check %.2f dB", step, 100 * done, -smooth, -judge(mean, check))
    return mean


@torch.inference_mode()
def judge(weights: dict[str, Tensor], check: Mixes) -> float:
    """Mean distortion in dB of the mixes kept back."""
    network = VoiceMask(Config())
    network.load_state_dict(weights)
    return float(error_db(network.eval(), check).mean())


def main() -> None:
    """Reads, trains, writes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("mixes", nargs="+", type=Path)
    parser.add_argument("--check", nargs="+", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=15)
    parser.add_argument("--start", type=Path, help="go on from these weights")
    parser.add_argument("--out", type=Path, default=TARGET)
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    torch.manual_seed(0)
    network = VoiceMask(Config())
    if options.start:
        network.load_state_dict({name: value.float() for name, value in load_file(options.start).items()})
    check = read(options.check)
    mean = train(network, read(options.mixes), check, options.minutes)
    log.info("in the end %.2f dB", -judge(mean, check))
    save_file({name: v.half() if v.is_floating_point() else v for name, v in mean.items()}, options.out)


if __name__ == "__main__":
    main()
