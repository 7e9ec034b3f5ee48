"""How well speech is taken out of real music.

Run: python benchmarks/quality/speech_removal.py [../shared/data] [ROWS.jsonl]

Forty mixes of 10 s at 0 dB: forty tracks of music, each from its own offset, under four people who speak (a man on a
stage, a child, a woman who reads, a voice recording; the last two come from packages, group "bench" of the weights).
The child's clip is noisy between the words: that is silenced, so that it isn't counted as speech. Mono, and again with
the music's two channels and the speech in the middle.

SI-SDR is that of Le Roux et al. 2019 (arXiv:1811.02508), of the background against the music alone. Speech left is
the share of the time in which silero hears speech in the clean voice and hears it still in the background.
No weight was fitted to these mixes or their sources (shipped_weights/speech_mask); an earlier run over them did show
that the training lacked high voices and orchestras.
"""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from storysound.encode import nsnet2, separator, silero
from storysound.encode.silero import FRAME_S, Silero
from storysound.media.arrays import Samples
from storysound.media.audio import Waveform, read_audio
from storysound.media.recording import of_wave
from storysound.weights.resolver import Resolver

RATE_HZ = 48000
SECONDS = 10
READ = ("bench/librivox-0870.wav", "bench/librivox-0890.wav", "bench/librivox-0920.wav", "bench/librivox-0930.wav")


def si_sdr_db(estimate: Samples, target: Samples) -> float:
    """Scale-invariant signal-to-distortion ratio of two arrays of one shape.

    >>> round(si_sdr_db(np.array([2.0, 0.2]), np.array([1.0, 0.0])), 6)
    20.0
    """
    scaled = target * float((estimate * target).sum() / (target**2).sum())
    return float(10 * np.log10((scaled**2).sum() / ((estimate - scaled) ** 2).sum()))


def heard(detector: Silero, samples: Samples) -> NDArray[np.bool_]:
    """Frames in which speech is heard: [t]."""
    wave = Waveform(samples, RATE_HZ)
    frames = np.zeros(-(-round(wave.duration_s * 1e6) // round(FRAME_S * 1e6)), bool)
    for span in detector.speech_spans(of_wave(wave)):
        frames[round(span.start_s / FRAME_S) : round(span.end_s / FRAME_S)] = True
    return frames


def speakers(shared: Path, detector: Silero, weights: Resolver) -> list[Samples]:
    """[1 n] voices of 10 s or so, as long as their recordings."""
    clips = shared / "videos" / "clips"
    man, child = (
        read_audio(clips / name, rate_hz=RATE_HZ, channels=1).samples
        for name in ("lrs3_talk.mp4", "mma_child_speech.mp4")
    )
    words = np.repeat(heard(detector, child), round(FRAME_S * RATE_HZ))[: child.shape[1]]
    fade = np.hanning(961)[1:-1] / np.hanning(961).sum()  # 20 ms: no click where a word is cut
    child = child * np.convolve(np.pad(words, (0, child.shape[1] - words.size)), fade, "same")[None]
    parts = [read_audio(weights.path(name), rate_hz=RATE_HZ, channels=1).samples for name in READ]
    woman = np.concatenate(parts, axis=1)
    voice = read_audio(weights.path("bench/silero-test.wav"), rate_hz=RATE_HZ, channels=1).samples
    return [man, child, woman, voice]


def mixes(shared: Path, detector: Silero, weights: Resolver) -> list[tuple[str, Samples, Samples]]:
    """(name, music [2 n], speech [1 n]) at 0 dB to each other."""
    tracks = sorted(p for p in (shared / "wesnoth" / "music").glob("*.opus") if p.stem != "silence")
    voices = speakers(shared, detector, weights)
    found = []
    for index, track in enumerate(tracks):
        start_s = 5.0 + (index * 7) % 40
        music = read_audio(track, rate_hz=RATE_HZ, channels=2).samples
        first = min(round(start_s * RATE_HZ), max(0, music.shape[1] - SECONDS * RATE_HZ))
        music = music[:, first : first + SECONDS * RATE_HZ]
        voice = np.roll(voices[index % len(voices)], -index * 3 * RATE_HZ, axis=1)  # other words every time
        voice = np.tile(voice, 2)[:, : music.shape[1]]
        level = np.sqrt((music.mean(axis=0) ** 2).mean() / (voice**2).mean())
        found.append((track.stem, music, (voice * level).astype(np.float32)))
    return found


def measure(shared: Path, dump: Path | None = None) -> dict[str, Any]:
    """Means over all mixes and their number `n`: decibels and shares. `dump` gets one JSON line a mix."""
    weights = Resolver()
    detector, splitter, plain = silero.load(weights), separator.load(weights), nsnet2.load(weights)
    rows: list[dict[str, Any]] = []
    for name, music, voice in mixes(shared, detector, weights):
        mono = music.mean(axis=0, keepdims=True)
        background, _ = splitter.split(Waveform(mono + voice, RATE_HZ))
        wide, _ = splitter.split(Waveform(music + voice, RATE_HZ))
        spoken = heard(detector, voice)
        left = heard(detector, background.samples)
        before = heard(detector, mono + voice)
        row = {
            "mix": name,
            "si_sdr_db": si_sdr_db(background.samples, mono),
            "stereo_si_sdr_db": si_sdr_db(wide.samples, music),
            "nsnet2_alone_si_sdr_db": si_sdr_db(plain.background(Waveform(mono + voice, RATE_HZ)).samples, mono),
            "mixture_si_sdr_db": si_sdr_db(mono + voice, mono),
            "speech_left": float((left & spoken).sum() / spoken.sum()),
            "speech_before": float((before & spoken).sum() / spoken.sum()),
        }
        rows.append(row)
    if dump is not None:
        dump.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    means = {key: float(np.mean([row[key] for row in rows])) for key in rows[0] if key != "mix"}
    return {"n": len(rows), **means, "protocol": "10-s mixes at 0 dB, SI-SDR of the background, silero's speech time"}


if __name__ == "__main__":
    data = Path(sys.argv[1] if len(sys.argv) > 1 else "../shared/data")
    print(json.dumps(measure(data, Path(sys.argv[2]) if len(sys.argv) > 2 else None), indent=2))
