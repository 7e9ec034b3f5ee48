"""How well moods are told, on real data: the rows of `make bench-quality` about mood.

Words and pictures: heads that learned from four fifths of the ratings foretell the fifth, as in training
(`shipped_weights/mood`). Music: the shipped head, which learned from titles of music in packages of games, neither from
the starter library nor from Wesnoth.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from shipped_weights.mood import pictures, texts
from shipped_weights.mood.fit import correlations

from storysound.encode import mood
from storysound.encode.encoder import load
from storysound.metrics.classification import average_precision
from storysound.story import Mood
from storysound.weights.resolver import Resolver

MOODS = ("calm", "energetic", "happy", "nostalgic", "tender")  # folders of the starter library
# Tracks of Wesnoth by what their titles say.
BATTLE = "battle battle-epic breaking_the_chains frantic frantic-old siege_of_laurelmor the_dangerous_symphony vengeful"
CALM = (
    "elf-land elvish-theme journeys_end knolls love_theme nunc_dimittis sad silvan_sanctuary transience "
    "traveling_minstrels wanderer"
)
BRIGHT = (
    "elf-land elvish-theme heroes_rite love_theme return_to_wesnoth silvan_sanctuary traveling_minstrels victory "
    "victory2"
)
DARK = (
    "casualties_of_war defeat defeat2 into_the_shadows sad suspense the_city_falls the_deep_path the_king_is_dead "
    "underground vengeful weight_of_revenge"
)


def of_words(shared: Path, weights: Resolver) -> dict[str, float]:
    """Pearson's r with people's ratings of words, five folds (Warriner)."""
    data = texts.read(shared / "warriner" / "Ratings_Warriner_et_al.csv", load(mood.READER, weights))
    valence, arousal = correlations(texts.cross_validated(data), data.ratings)
    return {"n": len(data.words), "chance": 0.0, "valence_r": valence, "arousal_r": arousal}


def of_pictures(shared: Path, weights: Resolver) -> dict[str, float]:
    """Pearson's r with people's ratings of photographs, five folds (OASIS)."""
    data = pictures.read(shared / "oasis" / "norms.csv", load(mood.EYES, weights))
    valence, arousal = correlations(pictures.cross_validated(data), data.ratings)
    return {"n": len(data.ratings), "chance": 0.0, "valence_r": valence, "arousal_r": arousal}


def of_music(starter: Mapping[str, Mood], wesnoth: Mapping[str, Mood], weights: Resolver) -> dict[str, float]:
    """Moods of tracks by file name: does one kind lie above another (AUC), does a mood's name find its tracks (mAP)?"""
    folders = {name: [m for path, m in starter.items() if path.startswith(name)] for name in MOODS}
    titled = {kind: [wesnoth[t] for t in titles.split() if t in wesnoth] for kind, titles in _TITLED.items()}
    own = np.array([path.split("_")[0] for path in starter])
    names = [mood.as_mood(said[None]) for said in mood.of_texts(load(mood.READER, weights).encode(MOODS))]
    far = np.array([[name.distance(track) for track in starter.values()] for name in names])
    return {
        "n": len(starter),
        "chance_auc": 0.5,
        # energetic against calm
        "arousal_auc": auc("arousal", folders["energetic"], folders["calm"]),
        # happy and energetic against tender and nostalgic; against calm as well
        "valence_auc": auc("valence", *(_all(folders, k) for k in (("happy", "energetic"), ("tender", "nostalgic")))),
        "valence_auc_with_calm": auc(
            "valence", *(_all(folders, k) for k in (("happy", "energetic"), ("tender", "nostalgic", "calm")))
        ),
        "five_moods_mAP": precision(far, own),
        "chance_mAP": float(np.mean([precision(noise, own) for noise in _noise(far.shape)])),
        "wesnoth_n": len({title for titles in _TITLED.values() for title in titles.split()} & wesnoth.keys()),
        "wesnoth_battle_above_calm_arousal": auc("arousal", titled["battle"], titled["calm"]),
        "wesnoth_bright_above_dark_valence": auc("valence", titled["bright"], titled["dark"]),
    }


_TITLED = {"battle": BATTLE, "calm": CALM, "bright": BRIGHT, "dark": DARK}


def auc(axis: str, high: Iterable[Mood], low: Iterable[Mood]) -> float:
    """Share of pairs in which one of `high` lies above one of `low`; ties count half."""
    above, below = ([getattr(one, axis) for one in side] for side in (high, low))
    return float(np.mean([(a > b) + 0.5 * (a == b) for a in above for b in below]))


def precision(far: NDArray[np.float64], own: NDArray[np.str_]) -> float:
    """Mean over the moods of the average precision of tracks by their distance [moods tracks]."""
    ranked = [own[np.argsort(row, kind="stable")] == name for name, row in zip(MOODS, far, strict=True)]
    return float(np.mean([average_precision(hits) for hits in ranked]))


def _all(folders: Mapping[str, Sequence[Mood]], names: Iterable[str]) -> list[Mood]:
    return [one for name in names for one in folders[name]]


def _noise(shape: tuple[int, ...], times: int = 1000) -> Iterable[NDArray[np.float64]]:
    rng = np.random.default_rng(0)
    return (rng.random(shape) for _ in range(times))
