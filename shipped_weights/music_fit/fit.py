"""Fits how probable it is that music fits the mood that is wanted, and writes the numbers with their card.

    OMP_NUM_THREADS=1 python -m shipped_weights.music_fit.fit --data ../shared/data [--heard heard.json]

Pairs of a wanted mood and a track, that fit or don't. To choose: the starter library's tracks beside the five moods
that name its folders (the text head's), and composed pieces of seed 0 beside the moods that they were composed to and
those of others (fits: within .15; doesn't: .45 and more apart). To report: Wesnoth's tracks by their titles (battle or
calm, bright or dark), and composed pieces of seed 1000, looked at once. Pairs weigh so that as many fit as don't, and
each source as much as another. What was heard is kept in `--heard`, as that takes minutes.
"""

import argparse
import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from benchmarks.quality.composed_moods import moods as composed_moods
from benchmarks.quality.mood import BATTLE, BRIGHT, CALM, DARK, MOODS
from scipy.optimize import minimize

from storysound.config import load_profile
from storysound.encode import mood
from storysound.encode.encoder import load
from storysound.encode.pool import Models
from storysound.jobs.index.index import run as index
from storysound.jobs.index.request import IndexRequest
from storysound.jobs.starter import starter_library
from storysound.library.store import Library
from storysound.media.arrays import Doubles
from storysound.progress import Watch
from storysound.weights.resolver import Resolver

OUT = Path(__file__).parents[2] / "src" / "storysound" / "encode" / "weights"
CHOOSE, REPORT = (0, 68), (1000, 65)  # seed and count of composed pieces
NEAR, FAR = 0.15, 0.45
RIDGE, FOLDS, BINS, DRAWS = 1e-3, 10, 8, 1000


@dataclass(frozen=True)
class Pairs:
    """Wanted and heard moods [n 2], whether they fit [n], what each weighs [n], its source and its track [n]."""

    wanted: Doubles
    heard: Doubles
    fits: Doubles
    weights: Doubles
    sources: np.ndarray
    tracks: np.ndarray


def heard_moods(data: Path) -> dict[str, Any]:
    """Moods by what was heard: of the starter library and Wesnoth by name, of composed pieces with those meant."""
    models = Models(load_profile("embedded"), Resolver(offline=True))
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        wesnoth = Path(folder) / "wesnoth"
        index(IndexRequest((data / "wesnoth" / "music",), wesnoth), models, Watch())
        for name, library in (("starter", starter_library(models, Watch())), ("wesnoth", wesnoth)):
            tracks = (sound for sound in Library.open(library).sounds() if sound.kind == "music")
            found[name] = {Path(t.path).stem: [t.mood.valence, t.mood.arousal] for t in tracks}
    for seed, count in (CHOOSE, REPORT):
        rows = composed_moods(count, seed)
        found[f"composed-{seed}"] = [
            {"meant": [meant.valence, meant.arousal], "heard": [heard.valence, heard.arousal]}
            for meant, heard, _ in rows
        ]
    return found


def pairs(heard: Mapping[str, Any], *, report: bool) -> Pairs:
    """Those to choose on, or those to report."""
    rows = _of_wesnoth(heard["wesnoth"]) if report else _of_starter(heard["starter"])
    rows += _of_composed(heard[f"composed-{(REPORT if report else CHOOSE)[0]}"])
    wanted, music, fits = (np.array([row[k] for row in rows], float) for k in (2, 3, 4))
    sources, tracks = (np.array([row[k] for row in rows]) for k in (0, 1))
    weights = np.zeros(len(rows))
    for source in np.unique(sources):
        for kind in (0.0, 1.0):
            own = (sources == source) & (fits == kind)
            weights[own] = 0.5 / len(np.unique(sources)) / own.sum()
    return Pairs(wanted, music, fits, weights * len(rows), sources, tracks)


def _words(words: Sequence[str]) -> dict[str, list[float]]:
    reader = load(mood.READER, Resolver(offline=True))
    return {word: mood.of_texts(reader.encode([word]))[0].tolist() for word in words}


def _of_starter(tracks: Mapping[str, list[float]]) -> list[tuple[Any, ...]]:
    said = _words(MOODS)
    return [("starter", t, said[w], m, t.split("_")[0] == w) for t, m in sorted(tracks.items()) for w in MOODS]


def _of_wesnoth(tracks: Mapping[str, list[float]]) -> list[tuple[Any, ...]]:
    titled = {"battle": BATTLE.split(), "calm": CALM.split(), "bright": BRIGHT.split(), "dark": DARK.split()}
    said, rows = _words(tuple(titled)), list[tuple[Any, ...]]()
    for one, other in (("battle", "calm"), ("bright", "dark")):
        for track in sorted({*titled[one], *titled[other]} & tracks.keys()):
            if (track in titled[one]) != (track in titled[other]):
                rows += [("wesnoth", track, said[w], tracks[track], track in titled[w]) for w in (one, other)]
    return rows


def _of_composed(pieces: Sequence[Mapping[str, list[float]]]) -> list[tuple[Any, ...]]:
    rows = []
    for wanted in pieces:
        for number, piece in enumerate(pieces):
            apart = float(np.hypot(*(np.array(wanted["meant"]) - piece["meant"])))
            if apart <= NEAR or apart >= FAR:
                rows.append(("composed", f"{number}", wanted["meant"], piece["heard"], apart <= NEAR))
    return rows


# What p may go by: of wanted and heard moods [n 2] features [n f].
FEATURES = {
    "distance": lambda wanted, heard: np.hypot(*(wanted - heard).T)[:, None],
    "each axis": lambda wanted, heard: np.abs(wanted - heard),
    "each axis, squared": lambda wanted, heard: (wanted - heard) ** 2,
    "each axis, and arousal's sign": lambda wanted, heard: np.column_stack(
        [np.abs(wanted - heard), (heard - wanted)[:, 1]]
    ),
}
SHIPPED = "each axis, and arousal's sign"


def logistic(features: Doubles, fits: Doubles, weights: Doubles) -> Doubles:
    """Coefficients [f + 1], the last the constant, of logistic regression with a small ridge."""
    rows = np.column_stack([features, np.ones(len(features))])

    def loss(beta: Doubles) -> float:
        odds = rows @ beta
        return float(
            (weights * (np.logaddexp(0, odds) - fits * odds)).sum() / weights.sum() + RIDGE * (beta[:-1] ** 2).sum()
        )

    return np.asarray(minimize(loss, np.zeros(rows.shape[1]), method="BFGS").x)


def probabilities(features: Doubles, beta: Doubles) -> Doubles:
    """Of each row of features [n f]: [n]."""
    return np.asarray(1 / (1 + np.exp(-(np.column_stack([features, np.ones(len(features))]) @ beta))))


def cross_validated(data: Pairs, name: str) -> Doubles:
    """Probabilities [n], each by pairs of other tracks and, of composed pieces, other wishes."""
    features = FEATURES[name](data.wanted, data.heard)
    names = np.array([f"{s} {t}" for s, t in zip(data.sources, data.tracks, strict=True)])
    folds = dict(
        zip(np.unique(names), np.random.default_rng(0).permutation(len(np.unique(names))) % FOLDS, strict=True)
    )
    fold = np.array([folds[n] for n in names])
    found = np.zeros(len(names))
    for k in range(FOLDS):
        own = fold == k
        found[own] = probabilities(features[own], logistic(features[~own], data.fits[~own], data.weights[~own]))
    return found


def log_loss(p: Doubles, fits: Doubles, weights: Doubles) -> float:
    """Mean, weighted, in nats; .693 of a coin. Of [n] each."""
    return float(-(weights * np.log(np.where(fits > 0, p, 1 - p))).sum() / weights.sum())


def ece(p: Doubles, fits: Doubles, weights: Doubles) -> float:
    """Expected calibration error over bins of as many pairs each: [n] each."""
    order = np.argsort(p, kind="stable")
    total = 0.0
    for part in np.array_split(order, BINS):
        w = weights[part]
        if w.sum() > 0:
            total += w.sum() * abs(float((w * (p[part] - fits[part])).sum() / w.sum()))
    return total / float(weights.sum())


def auc(p: Doubles, fits: Doubles, weights: Doubles) -> float:
    """How often what fits has more, by weight, ties half: [n] each."""
    order = np.argsort(p, kind="stable")
    p, fits, weights = p[order], fits[order], weights[order]
    below = np.cumsum(weights * (1 - fits))
    first, last = np.searchsorted(p, p, "left"), np.searchsorted(p, p, "right")
    padded = np.concatenate([[0.0], below])
    wins = padded[first] + (padded[last] - padded[first]) / 2
    own = weights * fits
    return float((own * wins).sum() / own.sum() / below[-1])


def figures(data: Pairs, p: Doubles) -> dict[str, Any]:
    """Log loss, AUC and calibration error, with 95 % by drawing tracks."""
    names = np.array([f"{s} {t}" for s, t in zip(data.sources, data.tracks, strict=True)])
    own = [np.flatnonzero(names == name) for name in np.unique(names)]
    rng = np.random.default_rng(0)
    measures = {"log loss": log_loss, "auc": auc, "ece": ece}
    drawn: dict[str, list[float]] = {name: [] for name in measures}
    for _ in range(200):
        at = np.concatenate([own[k] for k in rng.integers(0, len(own), len(own))])
        for name, measure in measures.items():
            drawn[name].append(measure(p[at], data.fits[at], data.weights[at]))
    found: dict[str, Any] = {"pairs": len(p), "tracks": len(own)}
    for name, measure in measures.items():
        found[name] = [
            round(v, 3) for v in (measure(p, data.fits, data.weights), *np.quantile(drawn[name], [0.025, 0.975]))
        ]
    return found


def composed_rows(meant: Doubles) -> Doubles:
    """What the probability of composed music goes by: moods [n 2] -> [n 6]."""
    v, a = meant.T
    return np.column_stack([np.ones(len(meant)), v, a, v * v, a * a, v * a])


def left_out(rows: Doubles, p: Doubles) -> float:
    """Root mean square of what linear regression on all other rows [n k] misses of each of [n]."""
    off = [
        p[k] - rows[k] @ np.linalg.lstsq(np.delete(rows, k, 0), np.delete(p, k), rcond=None)[0] for k in range(len(p))
    ]
    return float(np.sqrt(np.mean(np.square(off))))


def main() -> None:
    """Prints what was found, and writes numbers and card."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--heard", type=Path, default=Path(tempfile.gettempdir(), "music-fit-heard.json"))
    asked = parser.parse_args()
    if not asked.heard.exists():
        asked.heard.write_text(json.dumps(heard_moods(asked.data)), "utf-8")
    heard = json.loads(asked.heard.read_text("utf-8"))
    chosen, reported = pairs(heard, report=False), pairs(heard, report=True)
    table = [_row(f"{name}, cross-validated", figures(chosen, cross_validated(chosen, name))) for name in FEATURES]
    features = FEATURES[SHIPPED]
    beta = logistic(features(chosen.wanted, chosen.heard), chosen.fits, chosen.weights)
    p = probabilities(features(reported.wanted, reported.heard), beta)
    table.append(_row(f"**held out** ({SHIPPED})", figures(reported, p)))
    for source in ("wesnoth", "composed"):
        own = reported.sources == source
        part = Pairs(*(getattr(reported, f)[own] for f in ("wanted", "heard", "fits", "weights", "sources", "tracks")))
        table.append(_row(f"of it {source}", figures(part, p[own])))
    pieces = heard[f"composed-{CHOOSE[0]}"]
    meant, music = (np.array([piece[k] for piece in pieces]) for k in ("meant", "heard"))
    own_p, rows = probabilities(features(meant, music), beta), composed_rows(meant)
    composed = np.linalg.lstsq(rows, own_p, rcond=None)[0]
    others = {"one number": rows[:, :1], "a plane": rows[:, :3], "with squares": rows}
    missed = ", ".join(f"{name} {left_out(columns, own_p):.3f}" for name, columns in others.items())
    held = np.array([[piece[k] for k in ("meant", "heard")] for piece in heard[f"composed-{REPORT[0]}"]])
    off = probabilities(features(held[:, 0], held[:, 1]), beta) - composed_rows(held[:, 0]) @ composed
    numbers = "".join(
        f"[{name}]  # {what}\nweights = {[round(float(v), 4) for v in values]}\n"
        for name, values, what in (
            ("track", beta, "of |valence off|, |arousal off|, arousal off, and 1"),
            ("composed", composed, "of 1, v, a, v v, a a, v a of the mood that is wanted"),
        )
    )
    (OUT / "music_fit.toml").write_text(numbers, "utf-8")
    means = f"{own_p.mean():.2f} (quartiles {', '.join(f'{q:.2f}' for q in np.quantile(own_p, [0.25, 0.75]))})"
    card = CARD.format(table="\n".join(table), composed=len(pieces), held=len(held), missed=missed, means=means,
                       off=f"{off.mean():+.3f}", rms=f"{np.sqrt((off**2).mean()):.3f}")  # fmt: skip
    (OUT / "music_fit.md").write_text(card, "utf-8")
    print(card)


def _row(name: str, found: Mapping[str, Any]) -> str:
    cells = (f"{v[0]:.3f} ({v[1]:.3f} to {v[2]:.3f})" for v in (found[k] for k in ("log loss", "auc", "ece")))
    return f"| {name} | {found['pairs']}; {found['tracks']} | {' | '.join(cells)} |"


CARD = """# How probable it is that music fits a mood

Code: `storysound/encode/music_fit.py`; numbers: `music_fit.toml`. Made by
`python -m shipped_weights.music_fit.fit --data ../shared/data` (seed 0), whose head says what pairs were chosen on and
reported. Moods heard are those of the head of music (`mood.md`); a name's mood is the text head's.

| | pairs; tracks | log loss (a coin: .693) | AUC | calibration error |
|---|---|---|---|---|
{table}

95 % in brackets, by drawing tracks. Calibration: 8 bins of as many pairs. The features were chosen by log loss,
cross-validated over tracks.

Composed music, judged beside the mood that it was composed to, has {means} on the {composed} pieces of seed 0; what is
expected of it before it is composed is a quadratic of the mood (left-out r.m.s.: {missed}), and on {held} pieces of
seed 1000 it is off by {off} on average, {rms} r.m.s.

- At even odds: of pairs half fit. In a library most tracks don't fit most moods; the number compares, it doesn't count.
- These figures are of moods that are named. Where the mood is read from a story that says less: the product then brings
  the log-odds to what holds there (`music_story.toml`, made by `python -m shipped_weights.music_fit.stories`; 83
  scenarios of Wesnoth beside 39 tracks, campaigns left out: calibration error .025 instead of .106, AUC .58).
- It goes by mood alone, as the head hears it: not by style, nor by words of the scene, which choose among tracks.
- Does badly where the head does: valence of music above all. Tender, nostalgic and calm lie near to each other.
- "Fits" of composed music means that it was composed to that mood, or one within .15: no person has said so.
"""


if __name__ == "__main__":
    main()
