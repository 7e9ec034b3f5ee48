"""Whether the music of a finished film is found in a library: `python -m benchmarks.quality.fingerprints`.

Each track of Wesnoth plays for fifteen seconds, from a moment drawn with seed 0, under a clip of ESC-50 over and over,
is coded at 64 kbit/s, and is looked for in a library of every second track. The others must not be found.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks.quality.mastering import RATE_HZ, opus
from benchmarks.quality.quality import data_folder, labelled
from storysound.cue.score import Scene
from storysound.jobs.learn.films import heard_in
from storysound.media.arrays import Floats
from storysound.media.audio import Waveform, read_audio, resample
from storysound.media.recording import of_wave
from storysound.progress import Watch
from storysound.story import Mood, Sound, Source

SCENE_S = 15.0
BELOW_DB = (0.0, 6.0, 12.0)  # of music, under the other sound


def main() -> None:
    """Measure and print."""
    shared, rng = data_folder(), np.random.default_rng(0)
    files = sorted(file for file in (shared / "wesnoth" / "music").glob("*.opus") if file.stem != "silence")
    others = [shared / "esc50" / row["file"] for row in labelled(shared)]
    tracks = {file.name: _sound(file) for file in files[::2]}
    scenes = tuple(Scene(SCENE_S * i, SCENE_S * (i + 1), Mood(0.5, 0.5), "", ()) for i in range(len(files)))
    parts, noises = [], []
    for file in files:
        music = _mono(file)
        size = round(SCENE_S * RATE_HZ)
        start = int(rng.integers(0, max(1, len(music) - size)))
        parts.append(_levelled(np.resize(music[start : start + size], size)))
        noises.append(_levelled(np.resize(_mono(others[int(rng.integers(len(others)))]), size)))
    for below_db in BELOW_DB:
        mixed = np.concatenate([0.05 * (10 ** (-below_db / 20) * m + n) for m, n in zip(parts, noises, strict=True)])
        film = of_wave(Waveform(opus(mixed.astype(np.float32), 64)[None], RATE_HZ))
        whole = tuple(replace(s, end_s=min(s.end_s, film.duration_s)) for s in scenes)
        found = heard_in(film, whole, None, tracks, None, Watch())  # type: ignore[arg-type]
        known = [number for number, file in enumerate(files) if file.name in tracks]
        right = sum(found.get(number) == files[number].name for number in known)
        wrong = sum(found[number] != files[number].name for number in found)
        print(f"{below_db:.0f} dB below: found {right} of {len(known)}; wrongly {wrong} of {len(files)}", flush=True)


def _mono(file: Path) -> Floats:
    return resample(read_audio(file, channels=1), RATE_HZ).samples[0]


def _levelled(sound: Floats) -> Floats:
    return np.asarray(sound / max(float(np.sqrt(np.mean(sound**2))), 1e-4), np.float32)


def _sound(file: Path) -> Sound:
    return Sound(file.name, str(file.parent), 60.0, "music", source=Source("", file.name))


if __name__ == "__main__":
    main()
