"""What is heard of composed music once it sounds: its scene changes, and its moods.

Run: OMP_NUM_THREADS=1 python -m benchmarks.quality.composed_sound {turns,moods} [--seeds 5000 5104]

`turns`: films of two scenes of 6 to 9 s, moods uniform over the plane, the ensembles in turn. A change is heard where
an onset (a peak of `media.rhythm.onset_envelope`, one deviation or more) lies within 40 ms of it; chance: of the same
film's moments drawn at random from the inside of its scenes. `strongest`: the strongest onset within 120 ms lies there.

`moods`: the made music of `benchmarks.quality.made_music`, brought to one loudness (-18 LUFS). The mood that was meant
is correlated with what our head says of the sound (arousal, valence), which goes by the very cues that the composer
sets; and with the six moods of music among AudioSet's classes as our ears hear them, to which nothing was fitted:
arousal by exciting and angry against tender and sad; valence by happy and tender (1.5 each) against sad, angry and
scary, with the ensemble and the arousal that was meant held. Intervals: 95 % bootstrap over pieces.
"""

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.quality import made_music
from benchmarks.quality.made_music import Piece
from storysound.compose.compose import Means, compose
from storysound.compose.ensembles import ensembles
from storysound.compose.spotting import Scene, Spotting
from storysound.encode import mood as moods
from storysound.encode.ears import class_names
from storysound.encode.encoder import Encoder, load
from storysound.media import rhythm
from storysound.media.arrays import Doubles
from storysound.media.audio import Waveform
from storysound.media.expression import expression
from storysound.media.loudness import integrated_lufs
from storysound.metrics.bootstrap import interval
from storysound.story import Mood
from storysound.weights.resolver import Resolver

CHOOSING, REPORTING = range(1000, 1052), range(5000, 5104)  # films; moods are judged on made_music's own
NEAR_S, AROUND_S = 0.04, 0.12
LUFS = -18.0
_ONSET, _APART_S = 1.0, 0.05  # deviations of the envelope from which a peak is an onset, and seconds between two
_RANDOM = 20  # moments of each film
_MOODS = ("Happy", "Tender", "Sad", "Angry", "Scary", "Exciting")  # " music", among AudioSet's classes
_AROUSAL, _VALENCE = (0.0, -1.0, -1.0, 1.0, 0.0, 1.0), (1.5, 1.5, -1.0, -1.0, -1.0, 0.0)


# --- scene changes


def film(seed: int) -> Piece:
    """Two scenes, the second from a frame of 25 a second on."""
    rng = np.random.default_rng(seed)
    names = sorted(ensembles())
    turn_s, length_s = (round(25 * float(rng.uniform(6, 9))) / 25 for _ in range(2))
    spans = ((0.0, turn_s), (turn_s, turn_s + length_s))
    scenes = tuple(Scene(a, b, Mood(float(rng.random()), float(rng.random()))) for a, b in spans)
    ensemble = names[seed % len(names)]
    return Piece(seed, ensemble, Spotting(scenes), compose(Spotting(scenes), seed, Means(ensemble)))


def onsets(wave: Waveform) -> tuple[Doubles, Doubles]:
    """When each begins, in seconds, and how strong it is: two of [n]."""
    envelope = rhythm.onset_envelope(wave)
    peaks = rhythm.find_peaks(envelope, apart=round(_APART_S * rhythm.FRAMES_PER_S), height=_ONSET)
    return peaks / rhythm.FRAMES_PER_S, envelope[peaks]


def turns(seeds: range, folder: Path) -> dict[str, Any]:
    """Of the scene changes of films."""
    heard, strongest, chance, by_ensemble = list[bool](), list[bool](), list[bool](), dict[str, list[bool]]()
    for seed in seeds:
        piece = film(seed)
        times_s, heights = onsets(made_music.heard(piece, folder))
        turn_s = piece.spotting.scenes[1].start_s
        heard.append(_near(times_s, turn_s))
        around = np.flatnonzero(np.abs(times_s - turn_s) <= AROUND_S)
        best = around[heights[around].argmax()] if len(around) else None
        strongest.append(best is not None and abs(times_s[best] - turn_s) <= NEAR_S)
        rng = np.random.default_rng(seed)
        chance += [_near(times_s, turn_s + side * float(rng.uniform(0.5, 5.5))) for side in (-1, 1) * (_RANDOM // 2)]
        by_ensemble.setdefault(piece.ensemble, []).append(heard[-1])
    return {
        "n": len(heard),
        "within_40_ms": _mean(heard),
        "strongest": _mean(strongest),
        "chance": round(float(np.mean(chance)), 3),
        "missed": {name: f"{len(row) - sum(row)} of {len(row)}" for name, row in by_ensemble.items() if not all(row)},
    }


def _near(times_s: Doubles, at_s: float) -> bool:
    return bool((np.abs(times_s - at_s) <= NEAR_S).any())


# --- moods


def mood_rows(seeds: range, folder: Path) -> Iterator[tuple[str, Mood, Doubles, Doubles]]:
    """Of each piece: who plays, the mood that was meant, what the head says [2], how far each mood is heard [6]."""
    ears: Encoder[Waveform] = load("ears", Resolver(offline=True))
    columns = [class_names().index(f"{name} music") for name in _MOODS]
    for seed in seeds:
        piece = made_music.piece(seed)
        wave = made_music.heard(piece, folder)
        level = Waveform(wave.samples * np.float32(10 ** ((LUFS - integrated_lufs(wave)) / 20)), wave.rate_hz)
        head = moods.of_music(expression(level))
        said = ears.encode([level])[0].scores["audioset"][:, columns].clip(1e-6, 1 - 1e-6)
        yield piece.ensemble, piece.mood, np.array([head.valence, head.arousal]), np.log(said / (1 - said)).mean(axis=0)


def heard_moods(seeds: range, folder: Path) -> dict[str, Any]:
    """Correlations of what was meant with what is heard."""
    names, meant, head, ears = zip(*mood_rows(seeds, folder), strict=True)
    players = np.array(names)[:, None] == np.array(sorted(set(names)))
    valence, arousal = np.array([[mood.valence, mood.arousal] for mood in meant]).T
    said, felt = np.array(head), np.array(ears)
    held = np.column_stack([players.astype(float), arousal])
    rows = {
        "head_arousal_r": (arousal, said[:, 1], None),
        "head_valence_r": (valence, said[:, 0], None),
        "ears_arousal_r": (arousal, felt @ np.array(_AROUSAL), None),
        "ears_valence_r": (valence, felt @ np.array(_VALENCE), None),
        "ears_valence_r_held": (valence, felt @ np.array(_VALENCE), held),
    }
    return {"n": len(names)} | {name: _correlated(*row) for name, row in rows.items()}


def _correlated(one: Doubles, other: Doubles, held: Doubles | None) -> list[float]:
    """Pearson's r of two rows [n] and its interval, what `held` [n d] foretells of each taken away first."""

    def figure(chosen: Any) -> float:
        a, b = (row[chosen] if held is None else _rest(row[chosen], held[chosen]) for row in (one, other))
        return float(np.corrcoef(a, b)[0, 1])

    low, high = interval(figure, len(one), draws=2000, seed=0)
    return [round(each, 3) for each in (figure(np.arange(len(one))), low, high)]


def _rest(row: Doubles, held: Doubles) -> Doubles:
    """What a linear regression on `held` [n d] leaves of a row [n]."""
    return np.asarray(row - held @ np.linalg.lstsq(held, row, rcond=None)[0])


def _mean(values: list[bool]) -> list[float]:
    """Share and its interval."""
    array = np.array(values, float)
    low, high = interval(lambda chosen: float(array[chosen].mean()), len(array), draws=2000, seed=0)
    return [round(each, 3) for each in (float(array.mean()), low, high)]


def main() -> None:
    """Print a line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("turns", "moods"))
    parser.add_argument("--seeds", type=int, nargs=2, help="from, to (without it); by default those to choose on")
    parser.add_argument("--folder", type=Path, default=made_music.FOLDER)
    asked = parser.parse_args()
    if asked.what == "turns":
        print(json.dumps(turns(made_music.seeds(asked.seeds, CHOOSING), asked.folder)))
    else:
        print(json.dumps(heard_moods(made_music.seeds(asked.seeds, made_music.CHOOSING), asked.folder)))


if __name__ == "__main__":
    main()
