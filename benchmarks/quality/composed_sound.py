"""What is heard of composed music once it sounds: its scene changes, and its moods.

Run: OMP_NUM_THREADS=1 python -m benchmarks.quality.composed_sound {turns,moods,real} [--seeds 5000 5104]

`turns`: films of two scenes of 6 to 9 s, moods uniform over the plane, the ensembles in turn. A change is heard where
an onset (a peak of `media.rhythm.onset_envelope`, one deviation or more) lies within 40 ms of it; chance: of the same
film's moments drawn at random from the inside of its scenes. `strongest`: the strongest onset within 120 ms lies there.

`moods`: the made music of `benchmarks.quality.made_music`, brought to one loudness (-18 LUFS). The mood that was meant
is correlated with what our head says of the sound (arousal, valence), which goes by the very cues that the composer
sets; and with the six moods of music among AudioSet's classes as our ears hear them, to which nothing was fitted:
arousal by exciting and angry against tender and sad; valence by happy and tender (1.5 each) against sad, angry and
scary, with the ensemble and the arousal that was meant held. Intervals: 95 % bootstrap over pieces. A mood counts by
how far it lies from what it is of real music, in deviations: of the starter library and Wesnoth's tracks scary spreads
3.8 times as far as exciting, and would else outweigh all others (`unscaled`: where it does).

`real`: what that reading says of those real tracks, whose folders and titles tell their moods
(`benchmarks.quality.mood`): the share of pairs in which one kind lies above another (AUC).
"""

import argparse
import json
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.quality import made_music
from benchmarks.quality import mood as titled
from benchmarks.quality.made_music import Piece
from benchmarks.quality.quality import data_folder
from storysound.compose.compose import Means, compose
from storysound.compose.ensembles import ensembles
from storysound.compose.spotting import Scene, Spotting
from storysound.encode import mood as moods
from storysound.encode.ears import class_names
from storysound.encode.encoder import Encoder, load
from storysound.media import rhythm
from storysound.media.arrays import Doubles
from storysound.media.audio import Waveform, read_audio
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
    for seed in seeds:
        piece = made_music.piece(seed)
        wave = _levelled(made_music.heard(piece, folder))
        head = moods.of_music(expression(wave))
        yield piece.ensemble, piece.mood, np.array([head.valence, head.arousal]), felt(wave)


def _levelled(wave: Waveform) -> Waveform:
    return Waveform(wave.samples * np.float32(10 ** ((LUFS - integrated_lufs(wave)) / 20)), wave.rate_hz)


def felt(wave: Waveform) -> Doubles:
    """How far each of `_MOODS` is heard in a sound, as log odds: [6]."""
    columns = [class_names().index(f"{name} music") for name in _MOODS]
    said = _ears().encode([wave])[0].scores["audioset"][:, columns].clip(1e-6, 1 - 1e-6)
    return np.asarray(np.log(said / (1 - said)).mean(axis=0), float)


def arousal_heard(wave: Waveform) -> float:
    """How aroused music is, by what is `felt` of it, in no unit."""
    return float(felt(wave) @ np.array(_AROUSAL))


@cache
def _ears() -> Encoder[Waveform]:
    return load("ears", Resolver(offline=True))


@cache
def real_tracks() -> Mapping[str, Doubles]:
    """What is felt of real music: [6] by "folder/title" of the starter library, by title of Wesnoth's tracks."""
    weights = Resolver(offline=True)
    files = {
        name.removeprefix("starter/"): weights.path(name)
        for name in weights.entries
        if name.startswith("starter/") and name.endswith(".opus")
    }
    files |= {
        file.stem: file for file in (data_folder() / "wesnoth" / "music").glob("*.opus") if file.stem != "silence"
    }
    return {
        name: felt(_levelled(read_audio(file, channels=1, rate_hz=made_music.RATE_HZ)))
        for name, file in sorted(files.items())
    }


def of_real(what: Doubles) -> Doubles:
    """How far moods [n 6] lie from what they are of real music, in deviations."""
    real = np.array(list(real_tracks().values()))
    return np.asarray((what - real.mean(axis=0)) / real.std(axis=0))


def real_moods() -> dict[str, Any]:
    """Whether the ears' reading tells the moods of real music apart, and what each mood is in it."""
    tracks, names = real_tracks(), list(real_tracks())
    both = {"": of_real(np.array(list(tracks.values()))), "unscaled ": np.array(list(tracks.values()))}
    found: dict[str, Any] = {"n": len(names), "mean": both["unscaled "].mean(axis=0).round(2).tolist()}
    found["deviation"] = both["unscaled "].std(axis=0).round(2).tolist()
    for kind, rows in both.items():
        axes = {"arousal": rows @ np.array(_AROUSAL), "valence": rows @ np.array(_VALENCE)}
        for axis, high, low in _REAL:
            above, below = (axes[axis][[_is(name, kinds) for name in names]] for kinds in (high, low))
            label = f"{kind}{axis}: {', '.join(high)} above {', '.join(low)}"
            found[label] = [round(float((above[:, None] > below).mean()), 3), len(above), len(below)]
    return found


_REAL = (
    ("arousal", ("energetic",), ("calm",)),
    ("arousal", ("BATTLE",), ("CALM",)),
    ("valence", ("happy", "energetic"), ("tender", "nostalgic")),
    ("valence", ("BRIGHT",), ("DARK",)),
)


def _is(name: str, kinds: tuple[str, ...]) -> bool:
    """Whether a track is of one of the kinds: a folder of the starter library, or titles of the benchmark of moods."""
    return any(name in getattr(titled, kind).split() if kind.isupper() else name.startswith(kind) for kind in kinds)


def heard_moods(seeds: range, folder: Path) -> dict[str, Any]:
    """Correlations of what was meant with what is heard."""
    names, meant, head, ears = zip(*mood_rows(seeds, folder), strict=True)
    players = np.array(names)[:, None] == np.array(sorted(set(names)))
    valence, arousal = np.array([[mood.valence, mood.arousal] for mood in meant]).T
    said, raw = np.array(head), np.array(ears)
    scaled = of_real(raw)
    held = np.column_stack([players.astype(float), arousal])
    rows = {
        "head_arousal_r": (arousal, said[:, 1], None),
        "head_valence_r": (valence, said[:, 0], None),
        "ears_arousal_r": (arousal, scaled @ np.array(_AROUSAL), None),
        "ears_valence_r": (valence, scaled @ np.array(_VALENCE), None),
        "ears_valence_r_held": (valence, scaled @ np.array(_VALENCE), held),
        "unscaled_arousal_r": (arousal, raw @ np.array(_AROUSAL), None),
        "unscaled_valence_r_held": (valence, raw @ np.array(_VALENCE), held),
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
    parser.add_argument("what", choices=("turns", "moods", "real"))
    parser.add_argument("--seeds", type=int, nargs=2, help="from, to (without it); by default those to choose on")
    parser.add_argument("--folder", type=Path, default=made_music.FOLDER)
    asked = parser.parse_args()
    if asked.what == "turns":
        print(json.dumps(turns(made_music.seeds(asked.seeds, CHOOSING), asked.folder)))
    elif asked.what == "real":
        print(json.dumps(real_moods()))
    else:
        print(json.dumps(heard_moods(made_music.seeds(asked.seeds, made_music.CHOOSING), asked.folder)))


if __name__ == "__main__":
    main()
