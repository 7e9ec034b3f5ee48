"""How well composed music fits its picture and keeps its rules, over random films: python -m
benchmarks.quality.compose.

Films: lognormal shots (deviation .6) of a median length, scenes at cuts, moods uniform over the plane, an ensemble
drawn for each. The tunes of several seeds to one film say how much seeds share.
"""

import argparse
import json
import statistics
import time
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations, pairwise

import numpy as np

from storysound.compose.compose import Means, compose
from storysound.compose.ensembles import ensembles
from storysound.compose.notes import Composition, Note
from storysound.compose.spotting import Scene, Spotting
from storysound.metrics import counterpoint
from storysound.story import Mood

NEAR_S = 0.04
_EARLY_S = 0.09  # by which a player may begin before a bar line
_FRAME_S = 1 / 25


@dataclass(frozen=True)
class Film:
    """A random film and who plays."""

    spotting: Spotting
    ensemble: str


def film(rng: np.random.Generator, shot_s: float, apart_s: float, ensemble: str) -> Film:
    """60 to 90 s with three to five scenes at cuts that lie `apart_s` or more from each other and from the ends."""
    length_s = round(float(rng.uniform(60, 90)) / _FRAME_S) * _FRAME_S
    cuts, at_s = list[float](), 0.0
    while True:
        at_s += max(0.5, float(rng.lognormal(np.log(shot_s), 0.6)))
        if at_s > length_s - 1:
            break
        cuts.append(round(at_s / _FRAME_S) * _FRAME_S)
    turns = list[float]()
    wanted = int(rng.integers(2, 5))
    for i in rng.permutation(len(cuts)):
        if len(turns) < wanted and all(abs(cuts[i] - other) >= apart_s for other in (0.0, length_s - apart_s, *turns)):
            turns.append(cuts[i])
    bounds = [0.0, *sorted(turns), length_s]
    scenes = tuple(Scene(a, b, Mood(float(rng.random()), float(rng.random()))) for a, b in pairwise(bounds))
    return Film(Spotting(scenes, tuple(cuts)), ensemble)


def films(count: int, seed: int, shot_s: float, apart_s: float) -> Iterator[Film]:
    """So many, over all ensembles."""
    rng = np.random.default_rng(seed)
    names = sorted(ensembles())
    for i in range(count):
        yield film(rng, shot_s, apart_s, names[i % len(names)])


def lead(music: Composition) -> list[int]:
    """Pitches of the tune, in order of time."""
    notes = sorted((n.start_s, n.pitch) for part in music.parts if part.name in music.leads for n in part.notes)
    return [pitch for _, pitch in notes]


def downbeats(music: Composition) -> tuple[int, int]:
    """How many pitched notes that begin with a bar are foreign to its chord, and how many there are."""
    foreign = total = 0
    pitched = sorted((n for part in music.parts if not part.drums for n in part.notes), key=lambda n: n.start_s)
    lines = [bar.start_s for bar in music.bars]
    begins = [h.start_s - 0.002 for h in music.harmonies]
    for note in pitched:
        near = min(lines, key=lambda line: abs(note.start_s - line))
        chord = music.harmonies[max(0, bisect_right(begins, near) - 1)]
        sounds = note.start_s + note.length_s > near + 0.03
        if sounds and -_EARLY_S <= note.start_s - near <= 0.001:
            total += 1
            foreign += counterpoint.foreign([note.pitch], chord.tones)
    return foreign, total


def with_bass(music: Composition) -> tuple[int, int]:
    """Parallel fifths and octaves between the tune and the bass, from note to note of the tune, and how many steps."""
    tune = sorted((n.start_s, n.pitch) for part in music.parts if part.name in music.leads for n in part.notes)
    begins = [h.start_s - _EARLY_S for h in music.harmonies]
    pairs = [(music.harmonies[max(0, bisect_right(begins, at_s) - 1)].voices[0], pitch) for at_s, pitch in tune]
    return counterpoint.parallels(pairs), max(0, len(pairs) - 1)


def outside(music: Composition, ensemble: str) -> tuple[int, int]:
    """Notes that the part's player can't play, and all."""
    ranges = {player.name: (player.low, player.high) for player in ensembles()[ensemble].players}
    rows = [(n, ranges[part.name]) for part in music.parts if not part.drums for n in part.notes]
    return sum(not low <= n.pitch <= high for n, (low, high) in rows), len(rows)


def clashes(notes: list[Note]) -> float:
    """Share of the time of sounding pairs that lie a semitone or a minor ninth apart."""
    near = both = 0.0
    notes = sorted(notes, key=lambda n: n.start_s)
    for i, one in enumerate(notes):
        for other in notes[i + 1 :]:
            if other.start_s >= one.start_s + one.length_s:
                break
            overlap = min(one.start_s + one.length_s, other.start_s + other.length_s) - other.start_s
            both += overlap
            near += overlap * (abs(one.pitch - other.pitch) in (1, 13))
    return near / both if both else 0.0


def measured(sample: Film, seed: int) -> dict[str, list[float]]:
    """Everything about one film's music, as lists that are joined over films."""
    began = time.process_time()
    music = compose(sample.spotting, seed, Means(sample.ensemble))
    took = time.process_time() - began
    beats, lines = music.beats_s(), [*(bar.start_s for bar in music.bars), music.ends_s]
    turns = [scene.start_s for scene in sample.spotting.scenes[1:]]
    cuts = [cut for cut in sample.spotting.cuts_s if cut <= music.ends_s]
    halves = sorted([*beats, *((a + b) / 2 for a, b in pairwise(beats))])
    foreign, starting = downbeats(music)
    strange, notes = outside(music, sample.ensemble)
    pitched = [n for part in music.parts if not part.drums for n in part.notes]
    tune = lead(music)
    return {
        "turn_to_bar_s": [counterpoint.distance(t, lines) for t in turns],
        "cut_to_beat_s": [counterpoint.distance(t, beats) for t in cuts],
        "cut_to_half_s": [counterpoint.distance(t, halves) for t in cuts],
        "odd_bar": [float(bar.beats not in (3, 4)) for bar in music.bars],
        "parallels": [float(counterpoint.parallels([h.voices for h in music.harmonies]))],
        "with_bass": [float(with_bass(music)[0])], "tune_moves": [float(with_bass(music)[1])],
        "foreign": [float(foreign)], "starting": [float(starting)], "strange": [float(strange)],
        "notes": [float(notes)], "clash": [clashes(pitched)], "repeated": [counterpoint.repeated_grams(tune)],
        "leap": [float(abs(b - a) > 12) for a, b in pairwise(tune)],
        "step": [float(abs(b - a) in (1, 2)) for a, b in pairwise(tune)],
        "rings_s": [music.length_s - max(n.start_s + n.length_s for n in pitched)],
        "took_per_s": [took / music.length_s],
    }  # fmt: skip


def tempi(sample: Film, seed: int) -> tuple[list[float], list[float]]:
    """How far tempi are from the wished one, and from one to the next inside a scene; as ratios of 1 or more.

    Without the beats that broaden at the end.
    """
    from storysound.compose import compose as room
    from storysound.compose import ending, form

    length_s = sample.spotting.length_s
    last = sample.spotting.scenes[-1]
    ends_s = length_s - ending.hold_s(length_s, last.mood, last.end_s - last.start_s)
    sections = form.sections(sample.spotting.scenes, ends_s, seed)
    off, steps = list[float](), list[float]()
    for section in sections:
        time_map = room.tempo_map(section, sample.spotting, seed, Means(sample.ensemble))
        found = time_map.tempi()
        off += [max(bpm / time_map.wished_bpm, time_map.wished_bpm / bpm) for bpm in found]
        turns = {sample.spotting.scenes[i].start_s for i in section.scenes[1:]}
        borders = [at_s for at_s, _ in time_map.anchors[1:-1]]
        pairs = zip(borders, pairwise(found), strict=True)
        steps += [max(a / b, b / a) for at_s, (a, b) in pairs if at_s not in turns]
    return off, steps


def shared(count: int, seeds: int, seed: int) -> list[float]:
    """What the tunes of different seeds to the same film share, over pairs."""
    found = list[float]()
    for sample in films(count, seed, 4.0, 5.0):
        tunes = [lead(compose(sample.spotting, s, Means(sample.ensemble))) for s in range(seeds)]
        found += [counterpoint.shared_grams(a, b) for a, b in combinations(tunes, 2)]
    return found


def report(count: int, seed: int, shot_s: float, apart_s: float) -> dict[str, float]:
    """Figures over so many films."""
    rows: dict[str, list[float]] = {}
    off, steps = list[float](), list[float]()
    for i, sample in enumerate(films(count, seed, shot_s, apart_s)):
        for name, values in measured(sample, i).items():
            rows.setdefault(name, []).extend(values)
        more = tempi(sample, i)
        off += more[0]
        steps += more[1]

    def near(name: str) -> float:
        return float(np.mean(np.array(rows[name]) <= NEAR_S))

    return {
        "films": count, "seed": seed, "median_shot_s": shot_s, "scenes_apart_s": apart_s,
        "scene_changes": len(rows["turn_to_bar_s"]), "on_bar_line": near("turn_to_bar_s"),
        "cuts": len(rows["cut_to_beat_s"]), "on_beat": near("cut_to_beat_s"), "on_half_beat": near("cut_to_half_s"),
        "tempo_off_mean": statistics.mean(off) - 1, "tempo_off_most": max(off) - 1,
        "step_mean": statistics.mean(steps) - 1, "step_most": max(steps) - 1,
        "odd_bars": statistics.mean(rows["odd_bar"]), "parallels": sum(rows["parallels"]),
        "tune_bass_parallels": sum(rows["with_bass"]) / sum(rows["tune_moves"]),
        "foreign_downbeats": sum(rows["foreign"]) / sum(rows["starting"]), "notes": sum(rows["notes"]),
        "out_of_range": sum(rows["strange"]), "clash_share": statistics.mean(rows["clash"]),
        "leaps_over_octave": statistics.mean(rows["leap"]), "tune_steps": statistics.mean(rows["step"]),
        "repeated_4_grams": statistics.mean(rows["repeated"]), "rings_least_s": min(rows["rings_s"]),
        "times_realtime": 1 / statistics.mean(rows["took_per_s"]),
    }  # fmt: skip


def main() -> None:
    """Prints a JSON object per kind of film, and one of what seeds share."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--films", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    for shot_s, apart_s in ((4.0, 5.0), (2.0, 5.0), (8.0, 5.0), (4.0, 0.5)):
        print(json.dumps(report(asked.films, asked.seed, shot_s, apart_s)))
    pairs = shared(max(1, asked.films // 10), 8, asked.seed)
    print(json.dumps({"pairs_of_seeds": len(pairs), "shared_4_grams": statistics.mean(pairs), "most": max(pairs)}))


if __name__ == "__main__":
    main()
