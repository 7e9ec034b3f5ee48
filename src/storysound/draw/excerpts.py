"""Short stretches of a film's sound for its page: the original, what was added and the result, equally loud."""

import base64
import io
import math
from dataclasses import dataclass, replace

import av
import numpy as np

from storysound.media.audio import Waveform
from storysound.media.loudness import integrated_lufs

_BIT_RATE = 80_000
_PEAK = 10 ** (-1.5 / 20)  # of the loudest sample; coding adds some
_MOST_RAISED_DB = 30.0  # what is fainter is as good as silent


@dataclass(frozen=True)
class Excerpt:
    """A moment of a film in its parts, stereo, all of one rate and length; None for what is silent there."""

    start_s: float
    label: str
    original: Waveform | None
    added: Waveform | None
    result: Waveform


def level_matched(excerpt: Excerpt) -> Excerpt:
    """The same with its parts as loud as the result, or all of them softer where a peak would be clipped.

    A part that is more than 30 dB softer than the result counts as silent.
    """
    aim = integrated_lufs(excerpt.result)
    if not math.isfinite(aim):
        return replace(excerpt, original=None, added=None)
    original, added = (_as_loud(wave, aim) for wave in (excerpt.original, excerpt.added))
    peak = max(float(np.abs(wave.samples).max()) for wave in (original, added, excerpt.result) if wave)
    gain = min(1.0, _PEAK / peak)
    return replace(
        excerpt,
        original=_times(original, gain) if original else None,
        added=_times(added, gain) if added else None,
        result=_times(excerpt.result, gain),
    )


def _as_loud(wave: Waveform | None, aim_lufs: float) -> Waveform | None:
    raised_db = aim_lufs - integrated_lufs(wave) if wave else math.inf
    return _times(wave, 10 ** (raised_db / 20)) if wave and raised_db <= _MOST_RAISED_DB else None


def _times(wave: Waveform, gain: float) -> Waveform:
    return replace(wave, samples=wave.samples * np.float32(gain))


def sound_uri(wave: Waveform) -> str:
    """A stereo sound as data URI: AAC in MP4, some ten kilobytes a second."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4") as out:
        stream = out.add_stream("aac", rate=wave.rate_hz, layout="stereo", options={"aac_coder": "fast"})
        stream.bit_rate = _BIT_RATE
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(wave.samples), format="fltp", layout="stereo")
        frame.sample_rate, frame.pts = wave.rate_hz, 0
        out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return f"data:audio/mp4;base64,{base64.b64encode(buffer.getvalue()).decode('ascii')}"
