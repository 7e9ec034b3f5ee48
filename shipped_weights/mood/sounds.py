"""The mood of music: cues of the signal, weighed as the literature has it and as titles teach; and of other sounds.

There is no set of rated music here. What there is: music in packages of games and other free software (the corpus of
`shipped_weights/ears`), whose file names say what it is for: "battle", "peace", "sunny day". The mood of those names,
foretold by the text head, stands for ratings: weak labels, but many. They only move the weights of the cues away from
what studies of music and emotion agree on (`PRIOR`), as far as ridge regression lets them.
"""

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from shipped_weights.ears.corpus import RATE_HZ, clips_of
from shipped_weights.ears.sources import held_out
from storysound.annotate.sound import SoundJudge
from storysound.encode import mood
from storysound.encode.encoder import Encoder
from storysound.encode.mood import LinearHead, MoodScale, NetworkHead
from storysound.media.arrays import Floats
from storysound.media.audio import Waveform
from storysound.media.expression import CUES, expression

# (valence, arousal) of a deviation of each cue, in proportion. Signs and order after Gabrielsson and Lindström 2010,
# Gomez and Danuser 2007, and Eerola, Friberg and Bresin 2013: mode and tempo first; the sizes are ours.
PRIOR = {
    "tempo": (0.2, 0.25), "pulse": (0.0, 0.1), "onsets": (0.0, 0.25), "flux": (0.0, 0.25), "loudness": (-0.05, 0.3),
    "dynamics": (0.1, -0.1), "brightness": (0.1, 0.2), "breadth": (0.0, 0.05), "noise": (0.0, 0.1),
    "bass": (-0.1, 0.05), "density": (-0.05, 0.15), "register": (0.15, 0.0), "roughness": (-0.15, 0.2),
    "clarity": (0.2, -0.05), "majorness": (0.4, 0.0),
}  # fmt: skip
RIDGE = 100.0  # how firmly the prior holds; see the card
FOLDS = 5
LEAST_S, MOST_S = 8.0, 20.0  # of a piece that is listened to
# Never trained on: the starter library and Wesnoth are what the head is judged by.
KEPT_BACK = ("immich", "wesnoth")
# Prompts, voices, single notes and test signals, and noises that stand in for a place.
_NOT_MUSIC = re.compile(r"asterisk|voices|render-gm|tonejs|audio-samples|solo|signals|nootka|bve|octave|linphone|jami"
                        r"|ubuntu-touch|lomiri|snd-lib")  # fmt: skip
_NOISES = re.compile(r"rain|wind|engine|bird|crowd|thunder|river|waterfall|ocean|clock|wave|traffic|fire")
# Words of file names that say nothing of how music feels.
_EMPTY = frozenset(
    "ogg mp3 wav mod xm s3m it music track song bgm level lvl theme loop menu main game ingame stage area map data "
    "sounds sound usr share games looping background bg amb mid midi title demo the of in and audio snd soundtrack ost "
    "final new old version part mix remix opus flac mono bit stereo common ensemble sprite biniax psymong bmx comix "
    "rybky stg mus".split()
)


def title(path: str) -> str:
    """What a file name says, in words; empty where it says nothing.

    >>> title("data/music/03-SunnyDay_loop.ogg")
    'sunny day'
    """
    name = re.sub(r"(\.\w{2,4})+$", "", path.rsplit("/", 1)[-1])
    parted = re.sub(r"[^A-Za-z']+", " ", re.sub(r"([a-z])([A-Z])", r"\1 \2", name)).lower()
    return " ".join(word for word in parted.split() if word not in _EMPTY and len(word) > 2)


@dataclass(frozen=True)
class Pieces:
    """Music with names: `packages` and `titles` of n pieces, and their `cues` [n f]."""

    packages: tuple[str, ...]
    titles: tuple[str, ...]
    cues: Floats

    def save(self, file: Path) -> None:
        """Keeps them: listening takes minutes."""
        np.savez(file, packages=np.array(self.packages), titles=np.array(self.titles), cues=self.cues)

    @classmethod
    def load(cls, file: Path) -> "Pieces":
        """As they were kept."""
        kept = np.load(file)
        return cls(tuple(kept["packages"].tolist()), tuple(kept["titles"].tolist()), kept["cues"])


def listen(corpus: Path, ears: Encoder[Waveform]) -> Pieces:
    """The cues of all named music in a corpus of `shipped_weights/ears`."""
    judge = SoundJudge({"ears": ears})
    found = [
        (package, title(path), expression(wave).vector())
        for package, path, wave in _named(corpus)
        if judge.kind(wave.duration_s, {"ears": ears.encode([wave])[0]}) == "music"
    ]
    packages, titles, cues = zip(*found, strict=True)
    return Pieces(packages, titles, np.array(cues, np.float32))


def _named(corpus: Path) -> Iterator[tuple[str, str, Waveform]]:
    """Package, path and sound of everything that is long enough and has a name, once each."""
    barred = held_out()
    for index in sorted((corpus / "audio").glob("*.tsv")):
        package = index.stem
        if package in barred or _NOT_MUSIC.search(package) or any(name in package for name in KEPT_BACK):
            continue
        samples = np.load(index.with_suffix(".npy"), mmap_mode="r")
        known = set()
        for path, start, length, _ in csv.reader(index.open(newline=""), delimiter="\t"):
            name = path.rsplit("/", 1)[-1].lower()
            if path in known or int(length) < LEAST_S * RATE_HZ or not title(path) or _NOISES.search(name):
                continue
            known.add(path)
            part = samples[int(start) : int(start) + min(int(length), round(MOST_S * RATE_HZ))]
            yield package, path, Waveform((np.asarray(part, np.float32) / 32768)[None], RATE_HZ)


def named_moods(pieces: Pieces, reader: Encoder[str], head: NetworkHead) -> Floats:
    """How people would rate the names of the pieces: [n 2]."""
    names = sorted(set(pieces.titles))
    rated = dict(zip(names, head.ratings(mood.reading(reader.encode(names))), strict=True))
    return np.stack([rated[name] for name in pieces.titles])


def fit(pieces: Pieces, ratings: Floats, ridge: float = RIDGE, chosen: NDArray[np.intp] | None = None) -> LinearHead:
    """Ridge regression of ratings on cues around the prior, of which only the size is fitted."""
    at = np.arange(len(pieces.titles)) if chosen is None else chosen
    cues, y = pieces.cues[at].astype(np.float64), (ratings[at] - ratings[at].mean(axis=0)) / ratings[at].std(axis=0)
    centre, spread = np.median(cues, axis=0), cues.std(axis=0)
    # A package's pieces are alike: together they count as the root of their number.
    names, which = np.unique(np.array(pieces.packages)[at], return_inverse=True)
    share = (1 / np.sqrt(np.bincount(which, minlength=len(names))))[which][:, None]
    x = share * np.clip((cues - centre) / spread, -mood.BEYOND, mood.BEYOND)
    y = share * y
    prior = np.array([PRIOR[name] for name in CUES])
    foretold = x @ prior
    prior = prior * (foretold * y).sum(axis=0) / (foretold**2).sum(axis=0)
    weights = prior + np.linalg.solve(x.T @ x + ridge * np.eye(len(CUES)), x.T @ (y - x @ prior))
    parts = (np.asarray(part, np.float32) for part in (centre, spread, weights))
    head = LinearHead(*parts, MoodScale.plain())
    return replace(head, scale=MoodScale.of(head.says(pieces.cues[at])))


def cross_validated(pieces: Pieces, ratings: Floats, ridge: float = RIDGE, seed: int = 0) -> Floats:
    """What is foretold of each piece by a head that learned from other packages: [n 2]."""
    packages = np.array(pieces.packages)
    order = np.random.default_rng(seed).permutation(np.unique(packages))
    foretold = np.zeros_like(ratings)
    for k in range(FOLDS):
        held = np.isin(packages, order[k::FOLDS])
        foretold[held] = fit(pieces, ratings, ridge, np.flatnonzero(~held)).says(pieces.cues[held])
    return foretold


def meanings(corpus: Path, ears: Encoder[Waveform], moods: Floats, count: int = 800, seed: int = 0) -> Floats:
    """What the classes heard mean in `count` short sounds of the corpus, drawn by chance: [count 2].

    `moods` [521 2]: of the words that name the classes.
    """
    barred = held_out()
    clips = [clip for clip in clips_of(corpus) if clip.source not in barred and clip.length < LEAST_S * RATE_HZ]
    said = []
    for at in np.random.default_rng(seed).permutation(len(clips))[:count]:
        clip = clips[at]
        samples = np.load(corpus / "audio" / f"{clip.source}.npy", mmap_mode="r")[clip.start : clip.start + clip.length]
        wave = Waveform((np.asarray(samples, np.float32) / 32768)[None], RATE_HZ)
        heard = ears.encode([wave])[0].scores["audioset"].mean(axis=0)
        said.append(mood.effect_meaning(heard, moods))
    return np.stack(said)
