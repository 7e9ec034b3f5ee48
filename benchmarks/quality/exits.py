"""Do music cues end on a beat, and does the next one take over on a beat of the one before?

Run: python -m benchmarks.quality.exits [--library LIBRARY] [--cues N] [--tracks N] [--seed S] [--plain]

A long film has turns of chance (8 to 30 s apart) with tracks of chance under them, cut as `plan` cuts them; beside it
as it was before, without edges. Made tracks (chords struck at 60 to 180 beats a minute, 40 to 60 s) have beats that
are known; of the music of a library only our own tracker says where they are, on the whole track.
An exit is on a beat where it lies within .05 of a beat from one; a cue that ends with its track's own ending is
counted apart: nothing is struck after it. The pulse goes on where, at a turn that the old music still plays over, the
beat of the new music nearest to the turn lies within .05 of a beat from one of the old.
"""

import argparse
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import pairwise
from pathlib import Path
from unittest.mock import patch

import numpy as np

from storysound.cue.exits import story_beats_s
from storysound.cue.levels import Levels
from storysound.cue.score import Cue
from storysound.jobs.plan import cuts
from storysound.jobs.plan.choice import CROSS_S, Draft
from storysound.library.search import Index
from storysound.match.query import Hit
from storysound.media import rhythm
from storysound.media.arrays import RATE_HZ, Doubles
from storysound.media.audio import Waveform, read_audio, write_wav
from storysound.story import Sound

NEAR = 0.05  # of a beat
CUE_S = (8.0, 30.0)
OWN_ENDING_S = 0.051


@dataclass(frozen=True)
class Track:
    """A track and its beats, in seconds of it [n]."""

    sound: Sound
    beats_s: Doubles


def made_tracks(folder: Path, count: int, seed: int) -> list[Track]:
    """Chords struck on each beat, the first of four louder, with off-beats between; it begins and ends by itself."""
    tracks = []
    for number in range(count):
        rng = np.random.default_rng([seed, number])
        period_s, length_s = 60 / rng.uniform(60, 180), float(rng.uniform(40, 60))
        beats = np.arange(rng.uniform(0.0, 0.5), length_s - 2.0, period_s)
        wave = np.zeros(round(length_s * RATE_HZ), np.float32)
        for at, beat in enumerate(beats):
            _strike(wave, beat, 1.0 if at % 4 == 0 else 0.6, rng)
            if rng.random() < 0.3:
                _strike(wave, beat + period_s / 2, 0.3, rng)
        write_wav(folder / f"{number}.wav", Waveform(np.stack([wave, wave]), RATE_HZ))
        tracks.append(Track(Sound(f"{number}.wav", str(folder), length_s, "music"), beats))
    return tracks


def _strike(wave: np.ndarray, at_s: float, level: float, rng: np.random.Generator) -> None:
    """Adds a chord of three tones that dies away to the wave [n]."""
    first = round(at_s * RATE_HZ)
    tones = np.sum([_tone(int(step)) for step in rng.choice([0, 2, 4, 5, 7, 9, 11, 12, 16], 3)], axis=0)
    struck = (0.05 * level * tones).astype("f4")[: len(wave) - first]
    wave[first : first + len(struck)] += struck


@cache
def _tone(step: int) -> Doubles:
    """A second of a tone so many semitones above 110 Hz, struck and dying away."""
    t = np.arange(RATE_HZ) / RATE_HZ
    partials = [np.sin(2 * np.pi * 110 * 2 ** (step / 12) * k * t) / k for k in range(1, 7)]
    return np.asarray(np.sum(partials, axis=0) * np.exp(-t / 0.3) * np.minimum(t / 0.005, 1))


def tracks_of(library: Path, most: int) -> list[Track]:
    """Music of a library that pulses, evenly picked, with its beats as our tracker has them."""
    found: list[Track] = []
    sounds = [sound for sound in Index.load(library).sounds if sound.kind == "music"]
    for sound in sounds[:: max(1, len(sounds) // most)]:
        if sound.duration_s >= CUE_S[1]:
            beats = rhythm.beat_times_s(read_audio(Path(sound.root) / sound.path, rate_hz=RATE_HZ))
            if len(beats) > 8:
                found.append(Track(sound, beats))
    return found


def film(tracks: Sequence[Track], cues: int, rng: np.random.Generator) -> list[Draft]:
    """A bed that changes at turns of chance, as `music_drafts` gives it."""
    edges = np.concatenate([[0.0], np.cumsum(rng.uniform(*CUE_S, cues))]).tolist()
    drafts: list[Draft] = []
    chosen = -1
    for start_s, end_s in pairwise(edges):
        chosen = int(rng.choice([n for n in range(len(tracks)) if n != chosen]))
        sound = tracks[chosen].sound
        at_s = float(rng.uniform(0, sound.duration_s - 10))
        into, out = CROSS_S * (start_s > 0), CROSS_S * (end_s < edges[-1])
        hits = (Hit(sound, at_s, at_s + 10, 0.9, ()),)
        turn_s = start_s if into else None
        drafts.append(Draft("music", start_s - into / 2, end_s + out / 2, hits, 0.5, False, None, into, out, turn_s))
    return drafts


def on_beats_cut(drafts: Sequence[Draft]) -> list[Cue]:
    """As `plan` cuts them."""
    return [one.cue for one in cuts.cut(drafts, -23.0, Levels())]


def cut_before(drafts: Sequence[Draft]) -> list[Cue]:
    """As they were cut before music had edges."""
    same = lambda fitted, *_: fitted  # noqa: E731
    with patch.object(cuts, "on_beats", same), patch.object(cuts, "opened", same):
        return on_beats_cut([replace(draft, turn_s=None) for draft in drafts])


def measures(drafts: Sequence[Draft], cues: Sequence[Cue], beats: Mapping[str, Doubles]) -> dict[str, list[float]]:
    """Of one film: how far exits are from a beat, and beats of new music from the old, in beats; turns in seconds."""
    found: dict[str, list[float]] = {"exits": [], "own endings": [], "pulse": [], "moved": []}
    for cue in cues:
        own = beats[cue.sound.path]
        off = float(np.abs(own - cue.pieces[-1].out_s).min() / np.median(np.diff(own)))
        ends = cue.fade_out_s <= OWN_ENDING_S or not (own > cue.pieces[-1].out_s).any()
        found["own endings" if ends else "exits"].append(off)
    for draft, old, new in zip(drafts[1:], cues, cues[1:], strict=False):
        turn_s = draft.start_s + CROSS_S / 2
        left, comes = (story_beats_s(cue.pieces, beats[cue.sound.path]) for cue in (old, new))
        if not len(comes):
            continue
        first = comes[int(np.argmin(np.abs(comes - turn_s)))]
        found["moved"].append(abs(float(first) - turn_s))
        period_s = float(np.median(np.diff(beats[old.sound.path])))
        if len(left) and left[-1] > first - 0.75 * period_s:  # else it has ended before
            found["pulse"].append(float(np.abs(left - first).min()) / period_s)
    return found


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--library", type=Path, help="made by `storysound index`; without it made tracks alone")
    parser.add_argument("--cues", type=int, default=80)
    parser.add_argument("--tracks", type=int, default=12)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--plain", action="store_true", help="without what stands beside it")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        sets = {"made": made_tracks(Path(folder), given.tracks, given.seed)}
        if given.library:
            sets["library"] = tracks_of(given.library, given.tracks)
        for name, tracks in sets.items():
            beats = {track.sound.path: track.beats_s for track in tracks}
            drafts = film(tracks, given.cues, np.random.default_rng(given.seed))
            show(name, "on beats", measures(drafts, on_beats_cut(drafts), beats))
            if not given.plain:
                show(name, "as before", measures(drafts, cut_before(drafts), beats))


def show(name: str, way: str, found: Mapping[str, Sequence[float]]) -> None:
    """A line of figures."""
    near = {of: float((np.array(found[of]) <= NEAR).mean()) if found[of] else np.nan for of in ("exits", "pulse")}
    print(
        f"{name} tracks, {way}: {len(found['exits'])} exits, on a beat {near['exits']:.2f}; "
        f"{len(found['own endings'])} own endings; {len(found['pulse'])} turns, the pulse goes on {near['pulse']:.2f}; "
        f"a beat lies off the picture's turn by {np.median(found['moved']):.2f} s (median), "
        f"{np.quantile(found['moved'], 0.95):.2f} s (95 %)",
        flush=True,
    )


if __name__ == "__main__":
    main()
