"""How well tempo, beats, bars and key of music are found: on made music, whose truth is known, and on the starter's 28
tracks, whose makers say which tempo and key they asked for.

Run: OMP_NUM_THREADS=1 python -m benchmarks.quality.beats_and_keys [--seeds 5000 5200] [--tracker beatnet]

By default the made pieces to choose on, counted by our own tracker; others are BeatNet and librosa's, which knows no
bars. A tempo is right within 4 %; "octaves" also take half, double, a third and three times of it. Beats and bar lines
are judged until the final chord, within 70 ms. Keys: `metrics.music.keys`. Made music ends on its tonic, so its keys
are found once more without the last quarter. A metre is audible where a note or more begins inside a bar, on average.
"""

import argparse
import json
import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.quality import made_music
from storysound.config import load_profile
from storysound.encode.beats.trackers import tracker
from storysound.encode.pool import Models
from storysound.media import rhythm, tonality
from storysound.media.arrays import Doubles
from storysound.media.audio import Waveform, read_audio
from storysound.metrics.bootstrap import interval
from storysound.metrics.music import beats, keys
from storysound.weights.resolver import Resolver

TRACKERS = ("own", "beatnet", "librosa")
TOGETHER_S = 0.05
_ROW = re.compile(r"^\s+(\w+\.opus)\s+(\d+) bpm\s+(\S+ \S+)", re.MULTILINE)  # of the starter's licence file


@dataclass(frozen=True)
class Found:
    """What was found in a sound, beside the truth; of the starter's tracks beats and bars aren't known."""

    name: str
    bpm: float
    key: str
    found_bpm: float | None
    found_key: str
    key_without_end: str
    metre: tuple[int, int] | None = None  # that is there, and that was found
    beats_f: float | None = None
    bars_f: float | None = None
    inside: float | None = None  # see `onsets_inside`


def librosas(sound: rhythm.Spectrogram) -> rhythm.Bars | None:
    """Beats by librosa (Ellis 2007); it knows no bars, so each is one."""
    import librosa

    _, times_s = librosa.beat.beat_track(y=sound.samples, sr=rhythm.RATE_HZ, units="time")
    if len(times_s) < 2:
        return None
    return rhythm.Bars(60 / float(np.diff(times_s).mean()), 1, times_s, times_s)  # its own tempi are 4 % apart


@cache
def tracker_of(name: str) -> rhythm.Tracker:
    """Who has that name, of TRACKERS."""
    if name == "librosa":
        return librosas
    return tracker("beatnet" if name == "beatnet" else "own", Models(load_profile("embedded"), Resolver(offline=True)))


def of_made(seed: int, folder: Path, by: str) -> Found:
    """A piece of made music."""
    piece = made_music.piece(seed)
    wave = made_music.heard(piece, folder)
    bars, keyed = tracker_of(by)(rhythm.analyse(wave)), _keys(wave)
    until = piece.music.ends_s + beats.NEAR_S
    none = np.empty(0)
    times, lines = (bars.beats_s, bars.downbeats_s) if bars else (none, none)
    return Found(
        f"{piece.ensemble} {seed}",
        piece.bpm,
        piece.key,
        bars.bpm if bars else None,
        *keyed,
        (piece.metre, bars.metre if bars else 0),
        beats.f_measure(times[times <= until], piece.beats_s),
        beats.f_measure(lines[lines <= until], piece.downbeats_s),
        onsets_inside(piece),
    )


def onsets_inside(piece: made_music.Piece) -> float:
    """Moments at which notes begin inside a bar, by the notes, mean over the bars before the final chord.

    Inside is farther than beats.NEAR_S from any bar line; notes within TOGETHER_S of each other begin at one moment.
    """
    lines, count, last_s = piece.downbeats_s, 0, -math.inf
    for start_s in sorted(note.start_s for part in piece.music.parts for note in part.notes):
        inside = start_s < piece.music.ends_s and float(np.abs(lines - start_s).min()) > beats.NEAR_S
        if inside and start_s - last_s > TOGETHER_S:
            count, last_s = count + 1, start_s
    return count / max(len(lines) - 1, 1)


def of_starter(weights: Resolver, by: str) -> Iterator[Found]:
    """The starter's tracks."""
    for name, wave, bpm, key in starter_tracks(weights):
        bars = tracker_of(by)(rhythm.analyse(wave))
        yield Found(name, bpm, key, bars.bpm if bars else None, *_keys(wave))


def starter_tracks(weights: Resolver) -> Iterator[tuple[str, Waveform, float, str]]:
    """Their names, sound, tempi and keys."""
    for name, bpm, key in _ROW.findall(weights.path("starter/LICENSE-MUSIC").read_text()):
        wave = read_audio(weights.path(f"starter/{name.split('_')[0]}/{name}"), channels=1, rate_hz=made_music.RATE_HZ)
        yield name, wave, float(bpm), key


def _keys(wave: Waveform) -> tuple[str, str]:
    """Of all of it, and without the last quarter."""
    peaks = tonality.analyse(wave)
    until = round(0.75 * peaks.count)
    early = peaks.frames < until
    without = tonality.Peaks(until, peaks.frames[early], peaks.pitches[early], peaks.weights[early])
    return tonality.key(peaks)[0], tonality.key(without)[0]


def report(rows: Sequence[Found]) -> dict[str, Any]:
    """Shares with their 95 % bootstrap intervals over sounds, and what was taken for what."""
    ratios = [beats.tempo_ratio(row.found_bpm, row.bpm) for row in rows]
    relations = [keys.relation(row.found_key, row.key) for row in rows]
    found: dict[str, Any] = {
        "n": len(rows),
        "tempo": _share(ratio == 1 for ratio in ratios),
        "tempo_with_octaves": _share(ratio is not None for ratio in ratios),
        "tempo_ratios": _counted(f"{ratio:.2g}" if ratio else "other" for ratio in ratios),
        "tempo_not_found": sum(row.found_bpm is None for row in rows),
        "key": _share(relation == "same" for relation in relations),
        "key_score": _share(keys.SCORES[relation] for relation in relations),
        "key_relations": _counted(relations),
        "key_without_end": _share(keys.relation(row.key_without_end, row.key) == "same" for row in rows),
    }
    if all(row.metre for row in rows):
        found |= {
            "metre": _share(row.metre is not None and row.metre[0] == row.metre[1] for row in rows),
            "metres": _counted(f"{row.metre[0]} as {row.metre[1]}" for row in rows if row.metre),
            "beats_f": _share(row.beats_f for row in rows),
            "bars_f": _share(row.bars_f for row in rows),
        }
        # A bar inside which nothing begins has no metre that could be heard.
        able = [ratio is not None for ratio, row in zip(ratios, rows, strict=True) if (row.inside or 0) >= 1]
        found |= {"audible": len(able), "audible_tempo_with_octaves": _share(able)}
    return found


def _share(values: Iterable[Any]) -> list[float]:
    """Mean, and its interval."""
    array: Doubles = np.array(list(values), float)
    low, high = interval(lambda chosen: float(array[chosen].mean()), len(array), draws=2000, seed=0)
    return [round(float(array.mean()), 3), round(low, 3), round(high, 3)]


def _counted(values: Iterable[str]) -> dict[str, int]:
    return dict(Counter(values).most_common())


def main() -> None:
    """Measure and print: a line of JSON for each set, before them what went wrong."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs=2, help="from, to (without it); by default those to choose on")
    parser.add_argument("--folder", type=Path, default=made_music.FOLDER)
    parser.add_argument("--tracker", choices=TRACKERS, default="own")
    parser.add_argument("--processes", type=int, default=1)
    asked = parser.parse_args()
    seeds = made_music.seeds(asked.seeds, made_music.CHOOSING)
    with ProcessPoolExecutor(asked.processes) as pool:
        made = list(pool.map(partial(of_made, folder=asked.folder, by=asked.tracker), seeds))
    sets = {
        "made": made,
        "starter": list(of_starter(Resolver(offline=True), asked.tracker)),
    }
    for rows in sets.values():
        for row in rows:
            if beats.tempo_ratio(row.found_bpm, row.bpm) != 1 or row.found_key != row.key:
                print(f"{row.name}: {row.bpm:.1f} as {row.found_bpm or 0:.1f}, {row.key} as {row.found_key}")
    for name, rows in sets.items():
        print(json.dumps({"set": name, **report(rows)}))


if __name__ == "__main__":
    main()
