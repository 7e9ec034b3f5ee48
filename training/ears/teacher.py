"""The teacher: a 521-class AudioSet tagger in TensorFlow Lite form, with its front end.

Its file is named on the command line; it is in no package registry and is not part of Storysound. Runs with the package
`ai-edge-litert` (Apache-2.0), which only these scripts need.
"""

from pathlib import Path

import numpy as np
import scipy.fft
from numpy.typing import NDArray

RATE_HZ = 16_000
WINDOW, HOP, FFT = 400, 160, 512  # 25 ms, 10 ms
BANDS, FRAMES = 64, 96
PATCH = WINDOW + (FRAMES - 1) * HOP  # samples of one patch: 0.975 s
CLASSES, EMBEDDING = 521, 1024
LOWEST, STEP = -7.0, 0.05  # log-mel value of 0 and step of its coarse form; ln 0.001 = -6.9
HIDDEN_STEP = 0.023313090205192566  # of the teacher's int8 hidden layer, pooled
LOGIT_STEP, LOGIT_ZERO = 0.3081279695034027, 100  # of the teacher's int8 logits
Scores = NDArray[np.uint8]  # 255 times the sigmoid score: the teacher is int8 inside and has no finer steps


def mel_weights() -> NDArray[np.float32]:
    """[257 64]: HTK mel triangles from 125 to 7,500 Hz, slopes linear in mel, as the teacher was trained with."""

    def mel(hz: NDArray[np.float64]) -> NDArray[np.float64]:
        return 1127.0 * np.log1p(hz / 700.0)

    bins = mel(np.linspace(0, RATE_HZ / 2, FFT // 2 + 1))[:, None]
    edges = np.linspace(*mel(np.array([125.0, 7500.0])), BANDS + 2)
    low, centre, high = edges[:-2], edges[1:-1], edges[2:]
    weights = np.maximum(0, np.minimum((bins - low) / (centre - low), (high - bins) / (high - centre)))
    weights[0] = 0
    return weights.astype(np.float32)


class Teacher:
    """Scores patches of 16-kHz mono audio."""

    def __init__(self, model: Path) -> None:
        from ai_edge_litert.interpreter import Interpreter  # type: ignore[import-not-found]

        self._net = Interpreter(str(model), num_threads=1, experimental_preserve_all_tensors=True)
        self._net.allocate_tensors()
        self._in = self._net.get_input_details()[0]["index"]
        self._out = self._net.get_output_details()[0]["index"]
        by_shape = {(tuple(t["shape"]), t["dtype"]): t["index"] for t in self._net.get_tensor_details()[:-2]}
        self._logits = by_shape[(1, CLASSES), np.int8]
        self._embedding = by_shape[(1, 1, 1, EMBEDDING), np.int8]
        self._mel = mel_weights()
        self._hann = (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(WINDOW) / WINDOW)).astype(np.float32)

    def log_mel(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        """[frames 64] of float samples in [-1, 1]."""
        frames = np.lib.stride_tricks.sliding_window_view(samples, WINDOW)[::HOP] * self._hann
        return np.log(np.abs(scipy.fft.rfft(frames, FFT)) @ self._mel + np.float32(0.001)).astype(np.float32)

    def answer(self, patch: NDArray[np.float32]) -> tuple[NDArray[np.int8], NDArray[np.uint8]]:
        """(logits int8 [521], embedding uint8 [1024]) of a patch [96 64] as they stand in the int8 network."""
        self._net.set_tensor(self._in, patch[None])
        self._net.invoke()
        embedding = self._net.get_tensor(self._embedding).reshape(-1).astype(np.int16) + 128
        return self._net.get_tensor(self._logits)[0], embedding.astype(np.uint8)

    def probabilities(self, patch: NDArray[np.float32]) -> NDArray[np.float32]:
        """float32 [521] in [0, 1] of a patch [96 64]."""
        self._net.set_tensor(self._in, patch[None])
        self._net.invoke()
        return self._net.get_tensor(self._out)[0].copy()

    def scores(self, samples: NDArray[np.float32], starts: NDArray[np.int64]) -> Scores:
        """[len(starts) 521] uint8 for the patches that begin at these samples; audio is zero-padded at its end."""
        need = int(starts.max()) + PATCH
        if len(samples) < need:
            samples = np.pad(samples, (0, need - len(samples)))
        mel = self.log_mel(samples)
        rows = np.empty((len(starts), CLASSES), np.uint8)
        for row, start in zip(rows, np.round(starts / HOP).astype(int), strict=True):
            self._net.set_tensor(self._in, mel[None, start : start + FRAMES])
            self._net.invoke()
            row[:] = np.round(self._net.get_tensor(self._out)[0] * 255)
        return rows


def coarse(log_mel: NDArray[np.float32]) -> NDArray[np.uint8]:
    """In steps of 0.05, about what the teacher's own int8 input keeps."""
    return np.clip(np.round((log_mel - LOWEST) / STEP), 0, 255).astype(np.uint8)


def patch_starts(n_samples: int, hop_s: float) -> NDArray[np.int64]:
    """Starts of the patches of a clip, the last one still inside it; one where it is shorter than a patch."""
    hop = int(hop_s * RATE_HZ)
    return np.arange(0, max(n_samples - PATCH, 0) + 1, hop, dtype=np.int64)
