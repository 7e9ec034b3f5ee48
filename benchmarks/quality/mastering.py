"""What mastering does to the mood of music that is the same: `python -m benchmarks.quality.mastering [--seed N]`.

Thirty tracks of the starter library and Wesnoth, drawn by chance. Each is changed in one thing at a time, and its mood
is told again as a library tells it.
"""

import argparse
import io
import json
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import scipy.signal
from numpy.typing import NDArray

from benchmarks.quality.quality import data_folder
from storysound.encode import mood
from storysound.media.audio import Waveform, read_audio, resample
from storysound.media.expression import expression, stretch
from storysound.weights.catalogue import catalogue
from storysound.weights.resolver import Resolver

RATE_HZ = 48_000
STARTER, WESNOTH = 12, 18  # tracks
Samples = NDArray[np.float32]


def shelf(sound: Samples, hertz: float, gain_db: float, *, high: bool) -> Samples:
    """A shelving filter (Bristow-Johnson, Audio EQ Cookbook, slope 1)."""
    a, w = 10 ** (gain_db / 40), 2 * np.pi * hertz / RATE_HZ
    cos, alpha, sign = np.cos(w), np.sin(w) / np.sqrt(2), -1 if high else 1
    root = 2 * np.sqrt(a) * alpha
    up = [a * ((a + 1) - sign * (a - 1) * cos + root), sign * 2 * a * ((a - 1) - sign * (a + 1) * cos)]
    down = [(a + 1) + sign * (a - 1) * cos + root, -sign * 2 * ((a - 1) + sign * (a + 1) * cos)]
    up.append(a * ((a + 1) - sign * (a - 1) * cos - root))
    down.append((a + 1) + sign * (a - 1) * cos - root)
    return np.asarray(scipy.signal.lfilter(up, down, sound), np.float32)


def below(sound: Samples, hertz: float) -> Samples:
    """What a codec leaves that cuts off at `hertz`."""
    sections = scipy.signal.butter(8, hertz, fs=RATE_HZ, output="sos")
    return np.asarray(scipy.signal.sosfiltfilt(sections, sound), np.float32)


def with_noise(sound: Samples, level_db: float, colour: float = 0.0) -> Samples:
    """With noise at `level_db` below the sound's mean level; `colour`: of a one-pole low pass."""
    noise = scipy.signal.lfilter([1], [1, -colour], np.random.default_rng(0).normal(size=len(sound)))
    scale = np.sqrt(np.mean(sound**2)) * 10 ** (level_db / 20) / noise.std()
    return np.asarray(sound + scale * noise, np.float32)


def limited(sound: Samples, gain_db: float) -> Samples:
    """Raised, and bent to a ceiling of three times the sound's mean level."""
    ceiling = 3 * float(np.sqrt(np.mean(sound**2)))
    return np.asarray(np.tanh(sound * 10 ** (gain_db / 20) / ceiling) * ceiling, np.float32)


def opus(sound: Samples, kbps: int) -> Samples:
    """As Opus leaves it at so many kilobits a second."""
    file = io.BytesIO()
    with av.open(file, "w", "ogg") as out:
        stream = out.add_stream("libopus", rate=RATE_HZ, layout="mono")
        stream.bit_rate = kbps * 1000
        whole = av.AudioFrame.from_ndarray(np.clip(sound, -1, 1)[None], "fltp", "mono")
        whole.sample_rate, whole.pts = RATE_HZ, 0
        fifo = av.AudioFifo()
        fifo.write(whole)
        while (frame := fifo.read(960, partial=True)) is not None:
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    file.seek(0)
    with av.open(file) as coded:
        return np.concatenate([frame.to_ndarray()[0] for frame in coded.decode(audio=0)]).astype(np.float32)


# Each changes what a mood is judged by, but the last three, which change the file.
CHANGES: dict[str, Callable[[Samples], Samples]] = {
    "20 dB softer": lambda x: x * np.float32(0.1),
    "10 dB louder": lambda x: x * np.float32(3.162),
    "white noise 60 dB below": lambda x: with_noise(x, -60),
    "white noise 50 dB below": lambda x: with_noise(x, -50),
    "hiss 45 dB below": lambda x: with_noise(x, -45, 0.7),
    "nothing above 16 kHz": lambda x: below(x, 16_000),
    "nothing above 11 kHz": lambda x: below(x, 11_000),
    "nothing above 8 kHz": lambda x: below(x, 8_000),
    "Opus, 24 kbit/s": lambda x: opus(x, 24),
    "limited by 6 dB": lambda x: limited(x, 6),
    "treble + 3 dB": lambda x: shelf(x, 4000, 3, high=True),
    "bass + 3 dB": lambda x: shelf(x, 150, 3, high=False),
}
LENGTHS: dict[str, Callable[[Samples], Samples]] = {
    "its first 45 s alone": lambda x: x[: 45 * RATE_HZ],
    "its first 30 s alone": lambda x: x[: 30 * RATE_HZ],
    "twice over": lambda x: np.concatenate([x, x]),
}


def main() -> None:
    """Measure and print: mean and largest change of valence and arousal."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, help="write all figures to this file")
    parser.add_argument("--seed", type=int, default=0, help="of the tracks that are drawn")
    args = parser.parse_args()
    rng, weights = np.random.default_rng(args.seed), Resolver(offline=True)
    starter = [weights.path(name) for name in catalogue() if name.startswith("starter/") and name.endswith(".opus")]
    own = sorted((data_folder() / "wesnoth" / "music").glob("*.opus"))
    own = [file for file in own if file.stem != "silence"]
    files = [
        tracks[i]
        for tracks, count in ((starter, STARTER), (own, WESNOTH))
        for i in sorted(rng.permutation(len(tracks))[:count])
    ]
    moved: dict[str, list[NDArray[np.float64]]] = {}
    for file in files:
        whole = resample(read_audio(file, channels=1), RATE_HZ).samples[0]
        part = stretch(Waveform(whole[None], RATE_HZ)).samples[0]
        before = _mood(part)
        for name, change in CHANGES.items():
            moved.setdefault(name, []).append(_mood(change(part)) - before)
        for name, change in LENGTHS.items():
            moved.setdefault(name, []).append(_mood(change(whole)) - before)
    figures = {}
    for name, values in moved.items():
        size = np.abs(values)
        figures[name] = {"n": len(size), "mean": size.mean(axis=0).tolist(), "most": size.max(axis=0).tolist()}
        (v, a), (v_most, a_most) = size.mean(axis=0), size.max(axis=0)
        print(f"{name:26s} valence {v:.3f} (most {v_most:.3f})  arousal {a:.3f} (most {a_most:.3f})", flush=True)
    if args.json:
        args.json.write_text(json.dumps(figures, indent=1), "utf-8")


def _mood(sound: Samples) -> NDArray[np.float64]:
    told = mood.of_music(expression(stretch(resample(Waveform(sound[None], RATE_HZ), 44_100))))
    return np.array([told.valence, told.arousal])


if __name__ == "__main__":
    main()
