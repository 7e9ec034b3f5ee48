"""Silero VAD: where somebody speaks.

The 16-kHz "sequence" form of the model: a frame is 32 ms, preceded by the last 4 ms of the one before, and the
recurrent state runs through the whole sound (https://github.com/snakers4/silero-vad).
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from storysound.media.layouts import folded, resampled
from storysound.media.recording import Recording
from storysound.progress import unless_stopped
from storysound.story import Span
from storysound.weights.resolver import Resolver

RATE_HZ = 16000
FRAME = 512  # samples
FRAME_S = FRAME / RATE_HZ
_CONTEXT = 64  # samples
_BLOCK_FRAMES = 512  # frames in one call: bounds the memory for hours of sound
_STATE = (1, 1, 128)

# The model's own recommended post-processing
_ON, _OFF = 0.5, 0.35  # speech starts above the first probability and goes on until below the second
_MIN_SPEECH_S, _MIN_SILENCE_S, _PAD_S = 0.25, 0.1, 0.03


class Silero:
    """Voice activity of one sound."""

    name = "silero"

    def __init__(self, model: Path, revision: str) -> None:
        """Loads the ONNX model."""
        self.revision = revision
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self._session: Any = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])

    def probabilities(self, sound: Recording, at: Callable[[float], None] | None = None) -> NDArray[np.float32]:
        """[t] in [0, 1], one for each 32 ms begun, of the mean of the channels.

        `at` is given how many seconds are done, now and then.
        """
        hidden, cell = np.zeros(_STATE, np.float32), np.zeros(_STATE, np.float32)
        before = np.zeros(_CONTEXT, np.float32)  # silence goes before the first frame
        parts = [np.zeros(0, np.float32)]
        for frames in unless_stopped(_framed(sound)):
            context = np.concatenate([before[None], frames[:-1, -_CONTEXT:]])
            before = frames[-1, -_CONTEXT:]
            feeds = {"input": np.concatenate([context, frames], axis=1), "h": hidden, "c": cell}
            speech, hidden, cell = self._session.run(["speech_probs", "hn", "cn"], feeds)
            parts.append(speech.reshape(-1))
            if at is not None:
                at(min(sound.duration_s, (len(parts) - 1) * _BLOCK_FRAMES * FRAME_S))
        return np.concatenate(parts)

    def speech_spans(self, sound: Recording, at: Callable[[float], None] | None = None) -> tuple[Span, ...]:
        """Stretches of speech of 0.25 s or more, in order, without overlap, inside the sound; `at` as below."""
        return spans_of(self.probabilities(sound, at), sound.duration_s)


def _framed(sound: Recording) -> Iterator[NDArray[np.float32]]:
    """The frames of a sound, folded down to one channel at 16 kHz, in blocks [t 512]; the last is filled up."""
    length = max(1, round(sound.length * RATE_HZ / sound.rate_hz))
    mono = (folded(block, sound.layout, 1) for _, block in sound.blocks())
    rest = np.zeros(0, np.float32)
    size = _BLOCK_FRAMES * FRAME
    for block in resampled(mono, sound.rate_hz, RATE_HZ, length):
        rest = np.concatenate([rest, block[0]])
        while len(rest) >= size:
            yield rest[:size].reshape(-1, FRAME)
            rest = rest[size:]
    if len(rest):
        yield np.pad(rest, (0, -len(rest) % FRAME)).reshape(-1, FRAME)


def spans_of(probabilities: NDArray[np.float32], duration_s: float) -> tuple[Span, ...]:
    """Speech spans of frame probabilities [t]: hysteresis, short gaps closed, short bursts dropped, edges padded.

    >>> spans_of(np.array([0.1] * 10 + [0.9] * 20 + [0.1] * 10, np.float32), 1.28)
    (Span(start_s=0.29, end_s=0.99),)
    """
    raw: list[list[float]] = []
    speaking = False
    for index, value in enumerate(probabilities):
        time_s = index * FRAME_S
        if not speaking and value >= _ON:
            speaking = True
            if raw and time_s - raw[-1][1] < _MIN_SILENCE_S:
                raw[-1][1] = duration_s  # the pause was too short to be one
            else:
                raw.append([time_s, duration_s])
        elif speaking and value < _OFF:
            speaking = False
            raw[-1][1] = time_s
    spans: list[Span] = []
    for start_s, end_s in raw:
        if end_s - start_s < _MIN_SPEECH_S:
            continue
        start_s = max(0.0, start_s - _PAD_S, spans[-1].end_s if spans else 0.0)
        spans.append(Span(round(start_s, 6), round(min(duration_s, end_s + _PAD_S), 6)))
    return tuple(spans)


def load(weights: Resolver) -> Silero:
    """The detector. Raises MissingModelError where its weights can't be had."""
    return Silero(weights.path("silero"), f"{weights.revision('silero')}-1")
