"""Music that goes along with the arc of a scene, against music that begins at its beginning: correlation of what the
scene asks over time with what is heard of the stretch that is laid.

Run: OMP_NUM_THREADS=1 python -m benchmarks.quality.arcs {made,starter,wesnoth} [--seeds 9000 9013]

Scenes are made: calm, then battle; the reverse; and calm, battle, calm; each as long as four fifths of the track, and
1.3 times. What is heard is told by two that the choice doesn't go by: the head of music's mood on stretches of 8 s at
one loudness, and what ears hear of exciting and angry against tender and sad music. `made`: pieces of four scenes of 14
s composed to known arousal, of which also the meant one is told; on them the worth of an arc was chosen. Of the
starter library and Wesnoth those tracks have a range whose arousal, by the head, deviates by .05 or more over time.
Intervals: 95 % bootstrap over tracks.
"""

import argparse
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.quality.composed_sound import arousal_heard
from benchmarks.quality.made_music import Piece, heard
from benchmarks.quality.quality import data_folder
from storysound.compose.compose import Means, compose
from storysound.compose.ensembles import ensembles
from storysound.compose.spotting import Scene, Spotting
from storysound.cue.fit import analyse
from storysound.cue.remix.arc import Arc
from storysound.cue.remix.remix import Remixer
from storysound.cue.score import Piece as Stretch
from storysound.encode import mood
from storysound.jobs.plan.remixing import remixed
from storysound.media.arrays import Doubles
from storysound.media.audio import Waveform, read_audio
from storysound.media.expression import expression
from storysound.metrics import bootstrap
from storysound.story import Mood
from storysound.weights.resolver import Resolver

ARCS = {"calm to battle": (0.2, 0.8), "battle to calm": (0.8, 0.2), "calm, battle, calm": (0.2, 0.8, 0.2)}
TIMES = (0.8, 1.3)  # of a track's length
WINDOW_S, EVERY_S = 8.0, 2.0
LEAST_RANGE = 0.05
RATE_HZ = 32_000


@dataclass(frozen=True)
class Curve:
    """How aroused a track is over time, as somebody tells it: [n], [n]."""

    times_s: Doubles
    values: Doubles

    def r(self, arc: Arc, pieces: tuple[Stretch, ...]) -> float:
        """Correlation of what is asked with it, each half second of what is played."""
        spans = [np.arange(piece.in_s, piece.out_s, 0.5) for piece in pieces]
        story_s = np.concatenate([span - piece.in_s + piece.at_s for span, piece in zip(spans, pieces, strict=True)])
        told = np.interp(np.concatenate(spans), self.times_s, self.values)
        return float(np.corrcoef(arc.asked(story_s), told)[0, 1]) if told.std() > 1e-9 else 0.0


def made(seed: int) -> Piece:
    """Four scenes, of one valence and of any arousal."""
    rng, names = np.random.default_rng(seed), sorted(ensembles())
    valence, name = float(rng.random()), names[seed % len(names)]
    scenes = tuple(Scene(14.0 * i, 14.0 * (i + 1), Mood(valence, float(rng.random()))) for i in range(4))
    return Piece(seed, name, Spotting(scenes), compose(Spotting(scenes), seed, Means(name)))


def tracks(of: str, seeds: range) -> Iterator[tuple[str, Waveform, dict[str, Curve]]]:
    """Name, sound, and what is told of it."""
    if of == "made":
        for seed in seeds:
            piece = made(seed)
            scenes = piece.spotting.scenes
            times_s = np.arange(0.0, scenes[-1].end_s, 0.5)
            meant = np.array([scenes[int(time_s // 14.0)].mood.arousal for time_s in times_s])
            yield str(seed), heard(piece), {"meant": Curve(times_s, meant)}
        return
    weights = Resolver(offline=True)
    files = [weights.path(name) for name in sorted(weights.entries) if name.startswith("starter/") and "opus" in name]
    if of == "wesnoth":
        files = [f for f in sorted((data_folder() / "wesnoth" / "music").glob("*.opus")) if f.stem != "silence"]
    for file in files:
        yield file.stem, read_audio(file, channels=1, rate_hz=RATE_HZ), {}


def curves(wave: Waveform) -> dict[str, Curve]:
    """As the head and as ears tell it."""
    starts_s = np.arange(0.0, max(wave.duration_s - WINDOW_S, 0.0) + 1e-6, EVERY_S)
    parts = [wave.cut(start_s, start_s + WINDOW_S) for start_s in starts_s]
    middles_s = starts_s + WINDOW_S / 2
    head = np.array([mood.of_music(expression(part)).arousal for part in parts])
    ears = np.array([arousal_heard(part) for part in parts])
    return {"head": Curve(middles_s, head), "ears": Curve(middles_s, ears)}


def main() -> None:
    """Prints a JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("of", choices=("made", "starter", "wesnoth"))
    parser.add_argument("--seeds", type=int, nargs=2, default=(9000, 9013))
    asked = parser.parse_args()
    rows: list[dict[str, Any]] = []
    left_out = 0
    for name, wave, told in tracks(asked.of, range(*asked.seeds)):
        told |= curves(wave)
        if asked.of != "made" and told["head"].values.std() < LEAST_RANGE:
            left_out += 1
            continue
        rows += scenes(name, wave, told)
    print(json.dumps({"tracks": len({row["track"] for row in rows}), "without range": left_out, **summary(rows)}))


def scenes(name: str, wave: Waveform, told: Mapping[str, Curve]) -> Iterator[dict[str, Any]]:
    """A row for each scene that the track can be remixed to."""
    remixer = Remixer(wave, analyse(wave, np.empty(0)))
    for kind, levels in ARCS.items():
        for times in TIMES:
            length_s = times * wave.duration_s
            arc = Arc(tuple((np.arange(len(levels)) + 0.5) * length_s / len(levels)), levels)
            way = {
                "start": remixed(remixer, length_s, at_s=0.0, hint_s=0.0)[0],
                "arc": (along := remixed(remixer, length_s, at_s=0.0, hint_s=0.0, arc=arc))[0],
            }
            if way["start"] is None or way["arc"] is None:
                continue
            row: dict[str, Any] = {"track": name, "scene": kind, "changed": bool(along[1])}
            for each, fit in way.items():
                row[f"{each} jumps"] = sum(piece.jump is not None for piece in fit.pieces)
                row[f"{each} cost"] = sum(piece.jump.total for piece in fit.pieces if piece.jump)
                row[f"{each} off_s"] = abs(fit.pieces[-1].end_s - length_s)
                row |= {f"{each} {who}": curve.r(arc, fit.pieces) for who, curve in told.items()}
            yield row


def summary(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Means, and gains with their intervals."""
    groups = np.array([row["track"] for row in rows])
    shown: dict[str, Any] = {"scenes": len(rows), "changed": round(float(np.mean([r["changed"] for r in rows])), 2)}
    for who in ("meant", "head", "ears"):
        if f"arc {who}" not in rows[0]:
            continue
        start, arc = (np.array([row[f"{way} {who}"] for row in rows]) for way in ("start", "arc"))
        shown[who] = {"start": _mean(start, groups), "arc": _mean(arc, groups), "gain": _mean(arc - start, groups)}
    for what in ("jumps", "cost", "off_s"):
        shown[what] = [round(float(np.mean([row[f"{way} {what}"] for row in rows])), 3) for way in ("start", "arc")]
    for kind in ARCS:
        own = [row for row in rows if row["scene"] == kind]
        shown[kind] = [round(float(np.mean([row[f"{way} ears"] for row in own])), 2) for way in ("start", "arc")]
    return shown


def _mean(values: Doubles, groups: Any) -> list[float]:
    ends = bootstrap.interval(lambda at: float(values[at].mean()), len(values), groups, draws=2000, seed=0)
    return [round(each, 3) for each in (float(values.mean()), *ends)]


if __name__ == "__main__":
    main()
