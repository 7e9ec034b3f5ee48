"""How much of the probability that music fits a mood holds where the mood is read from a story.

    OMP_NUM_THREADS=1 python -m shipped_weights.music_fit.stories --data ../shared/data [--library FOLDER]

Pairs: each scenario of Wesnoth that has narration and music, its mood read by the text head, beside all 39 tracks; its
author's fit. As many weigh for as against, each scenario the same. Fitted: slope and intercept of the log-odds
(Platt 1999), written to `music_story.toml`; after `fit.py`, whose numbers they go by. Reported: whole campaigns left
out in turn; 95 % by drawing campaigns anew 1,000 times (seed 0).
"""

import argparse
import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from shipped_weights.music_fit import fit
from storysound.config import load_profile
from storysound.encode import mood, music_fit
from storysound.encode.encoder import load
from storysound.encode.pool import Models
from storysound.encode.wording import sentences
from storysound.jobs.index.index import run as index
from storysound.jobs.index.request import IndexRequest
from storysound.library.store import Library
from storysound.media.arrays import Doubles
from storysound.metrics.classification import TENTHS, calibration_error
from storysound.progress import Watch
from storysound.weights.resolver import Resolver

SILENCE = "silence"
DRAWS = 1_000


@dataclass(frozen=True)
class StoryPairs:
    """Log-odds by the mood alone, whether it is the author's, weights, and the campaigns: [n] each."""

    odds: Doubles
    fits: Doubles
    weights: Doubles
    campaigns: np.ndarray


def pairs(data: Path, tracks: Mapping[str, tuple[float, float]]) -> StoryPairs:
    """All pairs of a scenario and one of `tracks`, whose valence and arousal are given by name."""
    reader, rows = load(mood.READER, Resolver(offline=True)), list[tuple[float, bool, float, str]]()
    heard = np.array(list(tracks.values()))
    for line in (data / "wesnoth" / "stories.jsonl").read_text("utf-8").splitlines():
        story = json.loads(line)
        text, music = " ".join(story["texts"]).strip(), {Path(name).stem for name in story["music"] or ()}
        own = np.array([name in music for name in tracks])
        if not text or not own.any():
            continue
        wanted = mood.of_texts(reader.encode(sentences(text))).mean(axis=0)
        features = fit.FEATURES[fit.SHIPPED](np.broadcast_to(wanted, heard.shape), heard)
        odds = np.column_stack([features, np.ones(len(heard))]) @ music_fit.numbers()["track"]
        weights = np.where(own, 0.5 / own.sum(), 0.5 / (~own).sum())
        rows += zip(odds.tolist(), own.tolist(), weights.tolist(), [story["campaign"]] * len(own), strict=True)
    odds, fits, weights = (np.array([row[k] for row in rows], float) for k in range(3))
    return StoryPairs(odds, fits, weights, np.array([row[3] for row in rows]))


def left_out(given: StoryPairs) -> Doubles:
    """Probabilities [n], each by what the other campaigns teach."""
    found = np.zeros(len(given.odds))
    for campaign in np.unique(given.campaigns):
        own = given.campaigns == campaign
        beta = fit.logistic(given.odds[~own, None], given.fits[~own], given.weights[~own])
        found[own] = fit.probabilities(given.odds[own, None], beta)
    return found


def _row(name: str, p: Doubles, given: StoryPairs) -> str:
    places = [np.flatnonzero(given.campaigns == campaign) for campaign in np.unique(given.campaigns)]
    rng, drawn = np.random.default_rng(0), []
    for _ in range(DRAWS):
        at = np.concatenate([places[k] for k in rng.integers(0, len(places), len(places))])
        drawn.append(calibration_error(p[at], given.fits[at], given.weights[at]))
    low, high = np.quantile(drawn, [0.025, 0.975])
    error = calibration_error(p, given.fits, given.weights)
    area, loss = (measure(p, given.fits, given.weights) for measure in (fit.auc, fit.log_loss))
    return f"| {name} | {len(p)} | {error:.3f} ({low:.3f} to {high:.3f}) | {area:.3f} | {loss:.3f} |"


def write(data: Path, tracks: Mapping[str, tuple[float, float]]) -> None:
    """Fits, prints what was found, and puts the numbers into the file of the others."""
    given = pairs(data, tracks)
    mean = left_out(given)
    slope, intercept = fit.logistic(given.odds[:, None], given.fits, given.weights).tolist()
    print("| | pairs | calibration error | AUC | log loss |\n|---|---|---|---|---|")
    print(_row("by the mood alone", 1 / (1 + np.exp(-given.odds)), given))
    print(_row("campaigns left out", mean, given))
    print("\n| said | weight | mean | fit |\n|---|---|---|---|")
    for low in np.arange(TENTHS) / TENTHS:
        own = (mean >= low) & (mean < low + 1 / TENTHS)
        if own.any():
            w = given.weights[own]
            print(f"| {low:.1f} | {w.sum() / given.weights.sum():.3f} | {np.average(mean[own], weights=w):.2f} | "
                  f"{np.average(given.fits[own], weights=w):.2f} |")  # fmt: skip
    numbers = f"[log_odds]  # of those by the mood alone, and 1\nweights = [{slope:.4f}, {intercept:.4f}]\n"
    (fit.OUT / "music_story.toml").write_text(numbers, "utf-8")


def main() -> None:
    """Reads Wesnoth's music and stories, and writes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--library", type=Path, help="of Wesnoth's music, made where it isn't there")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        library = asked.library or Path(folder) / "wesnoth"
        if not library.exists():
            models = Models(load_profile("embedded"), Resolver(offline=True))
            index(IndexRequest((asked.data / "wesnoth" / "music",), library), models, Watch())
        music = [sound for sound in Library.open(library).sounds() if sound.kind == "music"]
    write(asked.data, {Path(m.path).stem: (m.mood.valence, m.mood.arousal) for m in music if SILENCE not in m.path})


if __name__ == "__main__":
    main()
