"""Lays cues under the original sound: levels, ducking under speech, loudness of the whole.

The original is never processed: it reaches the output times one constant gain. What is added is set relative to it,
ducked under speech, and the sum is brought to the target loudness (ITU-R BS.1770-4). Only where the clip's own
peaks leave no headroom for that does a limiter work, and how much is reported.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from storysound.cue.levels import Levels
from storysound.cue.score import Layer
from storysound.media.arrays import RATE_HZ, Samples
from storysound.media.audio import Waveform
from storysound.media.levels import SILENCE_LUFS, bridged, loudest_db, raised_cosine
from storysound.media.loudness import integrated_lufs, limit, true_peak_dbtp
from storysound.progress import check
from storysound.story import Span

log = logging.getLogger(__name__)


def duck_gain(speech: Sequence[Span], length: int, levels: Levels, rate_hz: int = RATE_HZ) -> Samples:
    """Gain [length] for the added layers: 1 away from speech, `duck_db` down during it, smooth in between.

    >>> gain = duck_gain([Span(1, 2)], 4000, Levels(), 1000)
    >>> round(float(gain[1500]), 3), float(gain[3500])
    (0.2, 1.0)
    """
    if not speech:
        return np.ones(length, np.float32)
    times: list[float] = []
    for span in bridged(speech, levels.bridge_s + 2 * levels.lead_s):
        start, end = span.start_s - levels.lead_s, span.end_s + levels.lead_s + levels.hold_s
        times += [start - levels.attack_s, start, end, end + levels.release_s]
    amount = [0.0, 1.0, 1.0, 0.0] * (len(times) // 4)
    # In blocks: hours of interpolation in float64 would cost more memory than the sound itself.
    gain = np.empty(length, np.float32)
    for low in range(0, length, 1 << 20):
        check()
        at = np.arange(low, min(low + (1 << 20), length)) / rate_hz
        smooth = 0.5 - 0.5 * np.cos(np.pi * np.interp(at, times, amount))
        gain[low : low + len(at)] = 10.0 ** (-levels.duck_db / 20 * smooth)
    return gain


def bed_lufs(original: Waveform | None, speech: Sequence[Span], levels: Levels) -> float:
    """Loudness for the music bed where nobody speaks, on the scale of the original before the final gain."""
    if original is None:
        return levels.target_lufs
    voices = [original.cut(s.start_s, s.end_s).samples for s in speech]
    if voices:
        voice = integrated_lufs(Waveform(np.concatenate(voices, axis=1), original.rate_hz))
        if voice > SILENCE_LUFS:
            return voice - levels.bed_under_speech_lu
    return max(integrated_lufs(original), levels.faint_lufs) - levels.bed_under_sound_lu


def cue_gain_db(samples: Samples, layer: Layer, bed: float, levels: Levels, *, arousal: float, soft: bool) -> float:
    """Gain that brings a rendered cue [2 n] to its place below or on the bed's loudness `bed` (LUFS).

    Music follows the story by ±2 LU with the scene's `arousal` in [0, 1]. `soft` marks cues that play where the
    clip's own sound is heard. At most 20 dB up: what is fainter than that in a library is noise.
    """
    if layer == "music":
        wanted, level = bed + 4.0 * (arousal - 0.5) + levels.music_db, integrated_lufs(Waveform(samples, RATE_HZ))
    elif layer == "ambience":
        wanted, level = bed + levels.ambience_lu + levels.effects_db, integrated_lufs(Waveform(samples, RATE_HZ))
    else:
        wanted, level = bed + (levels.soft_spot_lu if soft else levels.spot_lu) + levels.effects_db, -np.inf
    if not np.isfinite(level):  # too short to be gated, or a single event
        level = loudest_db(samples, RATE_HZ)
    return float(min(wanted - level, 20.0)) if np.isfinite(level) else 0.0


def lay(rendered: Sequence[tuple[float, Samples, float]], length: int) -> Samples:
    """Sum [2 length] of cues given as (start_s, samples [2 n], gain_db); a tail beyond the end is cut smoothly."""
    out = np.zeros((2, length), np.float32)
    for start_s, samples, gain_db in rendered:
        check()
        at = round(start_s * RATE_HZ)
        part = samples[:, : max(0, length - at)] * np.float32(10 ** (gain_db / 20))
        if part.shape[1] < samples.shape[1]:
            edge = min(round(0.02 * RATE_HZ), part.shape[1])
            part[:, part.shape[1] - edge :] *= raised_cosine(edge)[::-1]
        out[:, at : at + part.shape[1]] += part
    return out


@dataclass(frozen=True)
class Mix:
    """The finished sound and what was done to get it."""

    wave: Waveform  # stereo, RATE_HZ
    added: Waveform  # what was laid under the original, ducked, at its final gain
    gain_db: float  # the one gain of the original
    ducking_db: float  # how far the added layers sit lower during speech than they would without ducking
    limited_db: float  # the limiter's deepest reduction; 0 when it was not needed


def mix(original: Waveform | None, added: Samples, speech: Sequence[Span], levels: Levels) -> Mix:
    """Original (stereo, RATE_HZ, or None) plus the ducked `added` [2 n], brought to target loudness and ceiling.

    The result has the length of `added`; the original is cut or padded with silence to it.
    """
    length = added.shape[1]
    gain = duck_gain(speech, length, levels)
    ducked = added * gain
    total = ducked.copy()
    if original is not None:
        part = original.samples[:, :length]
        total[:, : part.shape[1]] += part
    wave, gain_db, limited_db = _master(total, levels)
    scaled = Waveform(ducked * np.float32(10 ** (gain_db / 20)), RATE_HZ)
    return Mix(wave, scaled, gain_db, ducking_db(added, ducked, speech), limited_db)


def ducking_db(added: Samples, ducked: Samples, speech: Sequence[Span]) -> float:
    """Drop of the added layers' level [2 n] during speech; 0 where nobody speaks or nothing was added there."""
    pairs = [(round(s.start_s * RATE_HZ), round(s.end_s * RATE_HZ)) for s in speech]
    before = sum(float(np.square(added[:, a:b], dtype=np.float64).sum()) for a, b in pairs)
    after = sum(float(np.square(ducked[:, a:b], dtype=np.float64).sum()) for a, b in pairs)
    return 10 * float(np.log10(before / after)) if after > 0 else 0.0


def _master(total: Samples, levels: Levels) -> tuple[Waveform, float, float]:
    """Of a sum [2 n]: (wave at target loudness and under the ceiling, gain in dB, deepest limiting in dB)."""
    wave = Waveform(total, RATE_HZ)
    lufs, peak_dbtp = integrated_lufs(wave), true_peak_dbtp(wave)
    if not np.isfinite(lufs):  # silence, or too short to be measured: only the ceiling counts
        gain_db = min(0.0, levels.ceiling_dbtp - peak_dbtp) if np.isfinite(peak_dbtp) else 0.0
        return _scaled(total, gain_db), gain_db, 0.0
    gain_db = levels.target_lufs - lufs
    over_db = peak_dbtp + gain_db - levels.ceiling_dbtp
    if over_db <= levels.slack_lu:
        gain_db -= max(0.0, over_db)
        return _scaled(total, gain_db), gain_db, 0.0
    gain_db -= levels.slack_lu
    limited = limit(_scaled(total, gain_db), levels.ceiling_dbtp)
    for _ in range(4):  # limiting takes loudness away; give back what is missing
        missing = levels.target_lufs - levels.slack_lu - integrated_lufs(limited)
        if missing < 0.1:
            break
        gain_db += missing
        limited = limit(_scaled(total, gain_db), levels.ceiling_dbtp)
    deepest = _deepest_db(total * np.float32(10 ** (gain_db / 20)), limited.samples)
    log.info("limiter: peaks lowered by up to %.1f dB to reach %.1f LUFS", deepest, levels.target_lufs)
    return limited, gain_db, deepest


def _scaled(total: Samples, gain_db: float) -> Waveform:
    """A sound [2 n], louder by so much."""
    return Waveform(total * np.float32(10 ** (gain_db / 20)), RATE_HZ)


def _deepest_db(before: Samples, after: Samples) -> float:
    """Largest reduction of sound [2 n], judged on samples above -20 dBFS, where a ratio means something."""
    loud = np.abs(before) > 0.1
    if not loud.any():
        return 0.0
    ratio = np.abs(after[loud]) / np.abs(before[loud])
    return max(0.0, -20 * float(np.log10(max(float(ratio.min()), 1e-6))))
