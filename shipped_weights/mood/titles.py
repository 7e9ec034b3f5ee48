"""The mood of music: cues of the signal, weighed as the literature has it and as titles teach.

There is no set of rated music here. What there is: music in packages of games (the corpus of `shipped_weights/ears`),
some of whose file names say what it is for: "battle", "peace", "victory". Their classes, bright or dark and wild or
calm, only move the weights of the cues away from what studies of music and emotion agree on (`PRIOR`), as far as ridge
regression lets them. Nothing of the starter library or of Wesnoth is learned from: the head is judged by them.
"""

import csv
import io
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from shipped_weights.ears import archives
from storysound.annotate.sound import SoundJudge
from storysound.encode import mood
from storysound.encode.encoder import Encoder
from storysound.encode.mood import LinearHead, MoodScale
from storysound.media.arrays import Floats, Ints
from storysound.media.audio import Waveform
from storysound.media.expression import CUES, FROM_S, STRETCH_S, expression, stretch

# (valence, arousal) of a deviation of each cue, in proportion. Signs and order after Gabrielsson and Lindström 2010,
# Gomez and Danuser 2007, and Eerola, Friberg and Bresin 2013: mode and tempo first; the sizes are ours.
PRIOR = {
    "tempo": (0.2, 0.25), "pulse": (0.0, 0.1), "onsets": (0.0, 0.25), "flux": (0.0, 0.25),
    "dynamics": (0.1, -0.1), "brightness": (0.1, 0.2), "breadth": (0.0, 0.05), "noise": (0.0, 0.1),
    "bass": (-0.1, 0.05), "density": (-0.05, 0.15), "register": (0.15, 0.0), "roughness": (-0.15, 0.2),
    "clarity": (0.2, -0.05), "majorness": (0.4, 0.0),
}  # fmt: skip
MASTERED = ("dynamics", "breadth", "noise", "bass")  # what mastering changes most: no part of valence
RIDGES = (3.0, 10.0, 30.0, 100.0, 300.0)  # how firmly the prior holds
FOLDS = 5
FIRM = 0.6  # deviation of what the prior says, beside classes at -1 and 1
MOST = 30  # titles of both classes together that count one each
FILE = Path(__file__).with_name("titles.tsv")  # what was listened to
RATE_HZ = 22_050
LEAST_S, LEAST_BYTES, MOST_PIECES = 15.0, 60_000, 24  # of a piece; pieces of a package
_FORMS = frozenset(["wav", "ogg", "oga", "opus", "mp3", "flac", "m4a", "mp2"])
_NOISES = re.compile(r"rain|wind|engine|bird|crowd|thunder|river|waterfall|ocean|clock|wave|traffic|fire")
# Words of file names that say nothing of how music feels.
_EMPTY = frozenset(
    "ogg mp3 wav mod xm s3m it music track song bgm level lvl theme loop menu main game ingame stage area map data "
    "sounds sound usr share games looping background bg amb mid midi title demo the of in and audio snd soundtrack ost "
    "final new old version part mix remix opus flac mono bit stereo common ensemble sprite biniax psymong bmx comix "
    "rybky stg mus".split()
)
# Beginnings of words, or parts, that tell a class; a title that tells both of a pair tells none.
_BRIGHT = re.compile(
    "happy|sun|cheer|fun|joy|party|victor|win|won|dance|danc|light|spring|bright|hero|glory|triumph|summer|jolly|smile|"
    "paradise|carnival|festiv|heaven|celebr|love|angel|flower|rainbow|bonus|village|invincib|home|merry|kitten|balloon"
)
_DARK = re.compile(
    "dark|death|dead|hell|chaos|demon|necro|cave|dungeon|doom|haunt|shadow|fear|terror|evil|boss|lost|sad|tomb|grave|"
    "enemy|murder|dystop|horror|gloom|curse|devil|blood|ghost|defeat|fail|gameover|over|cry|tears|danger|threat|"
    "misanthrop|nightmare|crypt|abyss|alien|battle|war|attack|mad|under|prison|aberrat|fog|requiem|tragic|suspense|"
    "spooky|undead|sorrow|mourn"
)
_WILD = re.compile(
    "battle|fight|boss|war|attack|combat|frantic|rush|fast|race|action|assault|mayhem|fury|rage|invincib|chase|run|"
    "hell|speed|power|last|rock|metal|alert|danger"
)
_CALM = re.compile(
    "calm|peace|ambien|dream|sleep|quiet|slow|soft|rest|lullab|relax|gentle|meditat|silent|lonely|sad|menu|forest|"
    "lake|water|night|snow|home|love|garden"
)


def title(path: str) -> str:
    """What a file name says, in words; empty where it says nothing.

    >>> title("data/music/03-SunnyDay_loop.ogg")
    'sunny day'
    """
    name = re.sub(r"(\.\w{2,4})+$", "", path.rsplit("/", 1)[-1])
    parted = re.sub(r"[^A-Za-z']+", " ", re.sub(r"([a-z])([A-Z])", r"\1 \2", name)).lower()
    return " ".join(word for word in parted.split() if word not in _EMPTY and len(word) > 2)


def classes(titles: tuple[str, ...]) -> Ints:
    """Of each title whether it is bright (1) or dark (-1), and wild (1) or calm (-1); 0 where it doesn't tell: [n 2].

    >>> classes(("sunny day", "the last battle", "track")).tolist()
    [[1, 0], [-1, 1], [0, 0]]
    """
    pairs = ((_BRIGHT, _DARK), (_WILD, _CALM))
    told = [[bool(high.search(t)) - bool(low.search(t)) for high, low in pairs] for t in titles]
    return np.array(told, np.int64).reshape(len(titles), 2)


@dataclass(frozen=True)
class Pieces:
    """Music with names: `packages` and `titles` of n pieces, and their `cues` [n f]."""

    packages: tuple[str, ...]
    titles: tuple[str, ...]
    cues: Floats

    def write(self, file: Path = FILE) -> None:
        """Keeps them as a table: listening takes long."""
        with file.open("w", newline="") as handle:
            rows = csv.writer(handle, delimiter="\t", lineterminator="\n")
            rows.writerow(["package", "title", *CUES])
            for package, name, cues in zip(self.packages, self.titles, self.cues, strict=True):
                rows.writerow([package, name, *(f"{value:.5g}" for value in cues)])

    @classmethod
    def read(cls, file: Path = FILE) -> "Pieces":
        """As they were kept."""
        rows = list(csv.DictReader(file.open(newline=""), delimiter="\t"))
        cues = np.array([[float(row[name]) for name in CUES] for row in rows], np.float32)
        return cls(tuple(row["package"] for row in rows), tuple(row["title"] for row in rows), cues)


def listen(packages: list[Path], ears: Encoder[Waveform]) -> Pieces:
    """The cues of all named music in package files, as a library would judge it."""
    judge = SoundJudge({"ears": ears})
    found = [
        (package.name.partition("_")[0], name, expression(wave).vector())
        for package in packages
        for name, wave in named(package)
        if judge.kind(wave.duration_s, {"ears": ears.encode([wave])[0]}) == "music"
    ]
    names, titles, cues = zip(*found, strict=True)
    return Pieces(names, titles, np.array(cues, np.float32))


def named(package: Path, wanted: Callable[[str], bool] = bool) -> Iterator[tuple[str, Waveform]]:
    """Title and stretch of everything in a package that is long enough and has a title that is `wanted`, once each."""
    known: set[str] = set()
    for path, data in archives.members(package, _FORMS):
        name = path.rsplit("/", 1)[-1].lower()
        if archives.suffix(path) not in _FORMS or len(data) < LEAST_BYTES or len(known) == MOST_PIECES:
            continue
        if name in known or not wanted(title(path)) or _NOISES.search(name):
            continue
        try:
            wave = _decoded(data)
        except (av.FFmpegError, ValueError):
            continue
        if wave.duration_s >= LEAST_S:
            known.add(name)
            yield title(path), stretch(wave)


def _decoded(data: bytes) -> Waveform:
    """The beginning of a file, mono, as far as a stretch of it reaches."""
    most = round((FROM_S + STRETCH_S + 1) * RATE_HZ)
    parts: list[Floats] = [np.zeros(0, np.float32)]
    with av.open(io.BytesIO(data)) as container:
        resampler = av.AudioResampler(format="flt", layout="mono", rate=RATE_HZ)
        for frame in container.decode(audio=0):
            parts += [piece.to_ndarray()[0] for piece in resampler.resample(frame)]
            if sum(map(len, parts)) > most:
                break
    return Waveform(np.concatenate(parts)[None], RATE_HZ)


def fit(pieces: Pieces, ridges: tuple[float, float], chosen: NDArray[np.intp] | None = None) -> LinearHead:
    """Ridge regression of the classes of titles on cues around the prior; the scale is that of all pieces.

    `ridges`: of valence and of arousal; `chosen`: which pieces are learned from.
    """
    at = np.arange(len(pieces.titles)) if chosen is None else chosen
    centre, spread = np.median(pieces.cues, axis=0), pieces.cues.std(axis=0)
    usual = np.clip((pieces.cues - centre) / spread, -mood.BEYOND, mood.BEYOND).astype(np.float64)
    told = classes(pieces.titles)
    own = ([name not in MASTERED for name in CUES], [True] * len(CUES))
    weights = np.zeros((len(CUES), 2))
    for axis, (ridge, used) in enumerate(zip(ridges, own, strict=True)):
        rows = at[told[at, axis] != 0]
        prior = np.array([PRIOR[name][axis] for name in CUES])[used]
        prior *= FIRM / (usual[:, used] @ prior).std()
        weights[used, axis] = _learned(usual[np.ix_(rows, np.flatnonzero(used))], told[rows, axis], prior, ridge)
    head = LinearHead(*(np.asarray(part, np.float32) for part in (centre, spread, weights)), MoodScale.plain())
    return LinearHead(head.centre, head.spread, head.weights, MoodScale.of(head.says(pieces.cues)))


def _learned(x: NDArray[np.float64], y: Ints, prior: NDArray[np.float64], ridge: float) -> NDArray[np.float64]:
    """Weights [f] for usual cues [n f] of pieces of class 1 or -1 [n]; each class counts as much as the other."""
    share = np.where(y > 0, 0.5 / (y > 0).sum(), 0.5 / (y < 0).sum())
    x = x - share @ x
    share = share[:, None] * min(len(y), MOST)
    gram = (share * x).T @ x + ridge * np.eye(len(prior))
    result: NDArray[np.float64] = prior + np.linalg.solve(gram, (share * x).T @ (y - x @ prior))
    return result


def cross_validated(pieces: Pieces, ridge: float, seed: int = 0) -> tuple[float, float]:
    """AUC of bright above dark and of wild above calm titles, of packages that were not learned from."""
    packages = np.array(pieces.packages)
    order = np.random.default_rng(seed).permutation(np.unique(packages))
    said = np.zeros((len(packages), 2), np.float32)
    for k in range(FOLDS):
        held = np.isin(packages, order[k::FOLDS])
        said[held] = fit(pieces, (ridge, ridge), np.flatnonzero(~held)).says(pieces.cues[held])
    told = classes(pieces.titles)
    valence, arousal = (auc(said[told[:, a] > 0, a], said[told[:, a] < 0, a]) for a in (0, 1))
    return valence, arousal


def auc(high: Floats, low: Floats) -> float:
    """Share of pairs in which one of `high` [n] lies above one of `low` [m]; ties count half."""
    above = high[:, None] - low
    return float(((above > 0) + 0.5 * (above == 0)).mean())


def firmest(tried: dict[float, tuple[float, float]]) -> tuple[float, float]:
    """The ridge of valence and that of arousal with the best AUC; of equals the firmer one."""
    valence, arousal = (max(tried, key=lambda ridge: (round(tried[ridge][a], 3), ridge)) for a in (0, 1))
    return valence, arousal
