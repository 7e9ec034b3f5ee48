"""Pulse of a sound: onsets, tempo, beats, bars, and the quiet points where it is good to cut."""

from collections.abc import Callable

from storysound.media.rhythm.activations import Activations
from storysound.media.rhythm.metre import Bars, bars, beat_times_s, downbeats_s, tempo_bpm
from storysound.media.rhythm.onsets import (
    FRAMES_PER_S,
    HOP,
    RATE_HZ,
    STFT,
    Spectrogram,
    analyse,
    onset_envelope,
)
from storysound.media.rhythm.quiet import find_peaks, quiet_points_s
from storysound.media.rhythm.tempo import FASTEST_BPM, SLOWEST_BPM, felt_tempo, pulse

Tracker = Callable[[Spectrogram], Bars | None]  # who finds beats and bars; `bars` is one

__all__ = [
    "FASTEST_BPM",
    "FRAMES_PER_S",
    "HOP",
    "RATE_HZ",
    "SLOWEST_BPM",
    "STFT",
    "Activations",
    "Bars",
    "Spectrogram",
    "Tracker",
    "analyse",
    "bars",
    "beat_times_s",
    "downbeats_s",
    "felt_tempo",
    "find_peaks",
    "onset_envelope",
    "pulse",
    "quiet_points_s",
    "tempo_bpm",
]
