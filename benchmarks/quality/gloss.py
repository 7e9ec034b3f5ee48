"""What `find` should be asked: words as they are, their rule gloss, or a learned one.

Run: python -m benchmarks.quality.gloss

Names ignored. Class word -> clip on ESC-50, caption -> a video's own sound, dialogue of a game -> its author's effect.
Texts are glossed sentence by sentence. Differences are shown with 95 % bootstrap intervals over the queries. Data as in
benchmarks/quality/quality.py. `--learned FILE`: a model of `storysound train langue2gloss`.
"""

import argparse
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from benchmarks.quality.quality import Bench, data_folder, labelled, read_rows, score_matrix
from storysound.config import load_profile
from storysound.encode.pool import Models
from storysound.encode.wording import sentences
from storysound.jobs.gloss.gloss import of_text
from storysound.match.query import Query
from storysound.media.arrays import Doubles
from storysound.metrics.bootstrap import interval
from storysound.metrics.ptb import tokens
from storysound.trained.langue2gloss import load_trained
from storysound.weights.resolver import Resolver

Words = Callable[[str], str]


def ranks(scores: Doubles, right: NDArray[np.bool_]) -> Doubles:
    """Of the best right sound of each query [q]; equal ones share the mean."""
    best = np.where(right, scores, -np.inf).max(axis=1, keepdims=True)
    return 1 + (scores > best).sum(axis=1) + ((scores == best) & ~right).sum(axis=1) / 2


def tasks(bench: Bench, ways: dict[str, Words]) -> Iterator[tuple[str, dict[str, Doubles]]]:
    """Each task with the ranks of its queries, by the way the query is worded."""
    rows = labelled(bench.shared)
    classes = sorted({row["category"] for row in rows})
    finder = bench.library_of(bench.shared / "esc50" / "audio")
    paths, own = [Path(row["file"]).name for row in rows], np.array([classes.index(row["category"]) for row in rows])
    found: dict[str, Doubles] = {}
    for way, words in ways.items():
        scores = score_matrix(finder, [Query(text=words(name.replace("_", " "))) for name in classes], paths)
        found[way] = ranks(scores.T, np.arange(len(classes)) == own[:, None])
    yield "ESC-50 by class word", found
    finder = bench.library_of(bench.shared / "videos" / "clips")
    known = {sound.path for sound in finder.index.sounds}
    videos = [row for row in read_rows(bench.shared / "videos" / "captions.jsonl") if Path(row["path"]).name in known]
    paths = [Path(row["path"]).name for row in videos]
    yield (
        "caption → a video's own sound",
        {
            way: ranks(
                score_matrix(finder, [Query(text=words(row["caption"])) for row in videos], paths),
                np.eye(len(paths), dtype=bool),
            )
            for way, words in ways.items()
        },
    )
    finder = bench.library_of(bench.shared / "wesnoth" / "sounds")
    paths = [sound.path for sound in finder.index.sounds]
    cues = []
    for row in read_rows(bench.shared / "wesnoth" / "sound_cues.jsonl"):
        right = {Path(sound).name for sound in row["sounds"]} & set(paths)
        text = " ".join([*row["text_before"][-2:], *row["text_after"][:1]]).strip()
        if right and tokens(text):
            cues.append((text, [path in right for path in paths]))
    right = np.array([fits for _, fits in cues])
    yield (
        "dialogue → effect",
        {
            way: ranks(score_matrix(finder, [Query(text=words(text)) for text, _ in cues], paths), right)
            for way, words in ways.items()
        },
    )


def by_sentence(models: Models, learned: Path | None = None) -> Words:
    """A text whose sentences are glosses; what would leave nothing stays as it is."""
    trained = load_trained(learned, models.weights, "gloss") if learned else None

    def words(text: str) -> str:
        parts = [part for part in sentences(text)[1:] or [text] if tokens(part)]
        told = [" ".join(of_text(part, part, models, trained).words) for part in parts]
        return ". ".join(part for part in told if part) or text

    return words


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--learned", type=Path, help="best.safetensors of a run of storysound train langue2gloss")
    parser.add_argument("--profile", default="embedded", help="a profile by name, or a .toml file")
    args = parser.parse_args()
    models = Models(load_profile(args.profile), Resolver(offline=True))
    ways: dict[str, Words] = {"as it is": str, "rule gloss": by_sentence(models)}
    if args.learned:
        ways["learned gloss"] = by_sentence(models, args.learned)
    table = Table(box=None)
    for heading in ("task", "query", "n", "R@1", "R@5", "MRR", "MRR − as it is"):
        table.add_column(heading)
    with tempfile.TemporaryDirectory() as scratch:
        for task, found in tasks(Bench(data_folder(), Path(scratch), models.weights, models.profile), ways):
            for way, rank in found.items():
                gain = 1 / rank - 1 / found["as it is"]
                low, high = interval(lambda some, gain=gain: float(gain[some].mean()), len(gain), draws=2000, seed=0)
                shown = f"{gain.mean():+.3f} [{low:+.3f}, {high:+.3f}]" if way != "as it is" else ""
                figures = (f"{value:.3f}" for value in ((rank <= 1).mean(), (rank <= 5).mean(), (1 / rank).mean()))
                table.add_row(task, way, str(len(rank)), *figures, shown)
    Console(width=130).print(table)


if __name__ == "__main__":
    main()
