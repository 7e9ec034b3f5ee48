"""How many seconds of sound each embedded audio encoder hears per second of one CPU core."""

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from storysound.encode.encoder import load
from storysound.media.audio import Waveform
from storysound.weights.resolver import Resolver

ENCODERS = ("ears", "aisfx", "soundnet", "musicnn")
SECONDS = 10.0  # a segment of a library
RATE_HZ = 48000  # what decoders mostly give, so that resampling is counted


def cpu_s(run: Callable[[], object], repeats: int) -> float:
    """CPU seconds of the fastest of several runs, after one that isn't counted."""
    run()
    times = []
    for _ in range(repeats):
        start = time.process_time()
        run()
        times.append(time.process_time() - start)
    return min(times)


def measure(repeats: int = 5) -> list[dict[str, Any]]:
    """One row per encoder and one for all together: milliseconds per segment and audio seconds per CPU second.

    Runs torch on one thread and gives it back its threads. Set OPENBLAS_NUM_THREADS=1 before Python starts: numpy's
    matrix products have threads of their own, whose waiting counts as CPU time.
    """
    noise = np.random.default_rng(0).normal(0, 0.1, (1, round(SECONDS * RATE_HZ))).astype(np.float32)
    segment = Waveform(noise, RATE_HZ)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        weights = Resolver(offline=True)
        times = {}
        for name in ENCODERS:
            encoder = load(name, weights)
            times[name] = cpu_s(lambda encoder=encoder: encoder.encode([segment]), repeats)  # type: ignore[misc]
    finally:
        torch.set_num_threads(threads)
    times["all"] = sum(times.values())
    return [
        {"encoder": name, "ms_per_10_s": 1000 * spent, "audio_s_per_cpu_s": SECONDS / spent}
        for name, spent in times.items()
    ]


if __name__ == "__main__":
    for row in measure():
        print(
            f"{row['encoder']:10} {row['ms_per_10_s']:7.1f} ms / 10 s {row['audio_s_per_cpu_s']:7.1f} audio s / CPU s"
        )
