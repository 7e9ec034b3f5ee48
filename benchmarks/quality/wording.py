"""How a query's words should meet AudioSet's classes: `python -m benchmarks.quality.wording`.

One choice is changed at a time; the default is what the product does. Class word -> clip on ESC-50 (top-1, mAP),
caption -> a video's own sound (R@1, R@5), on the scores of the profile's tagger alone, names ignored. Negation: mixes
of two ESC-50 clips of different classes beside the clips themselves; asked for the first class without the second,
how often does the clip alone stand above the mix? Data as in benchmarks/quality/quality.py.
"""

import argparse
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.quality.quality import Bench, data_folder, labelled, read_rows, score_matrix
from storysound.config import load_profile
from storysound.encode.encoder import Encoder, load
from storysound.encode.labels import TEMPERATURE, softmax, text_vectors
from storysound.encode.wording import synonyms
from storysound.jobs.find.finder import Finder
from storysound.match.first_stage import SMALL
from storysound.match.names import STOP_WORDS
from storysound.match.query import Query
from storysound.media.arrays import Floats
from storysound.media.audio import Waveform, read_audio, write_wav
from storysound.metrics import retrieval
from storysound.metrics.classification import average_precision
from storysound.weights.resolver import Resolver

SPACE = "audioset"
Words = Callable[[str], str]


def _bare(label: str) -> list[str]:
    return list(synonyms(label))


@dataclass(frozen=True)
class Choice:
    """One way for words to meet classes."""

    name: str
    query: Words = str
    classes: Callable[[str], list[str]] = _bare
    temperature: float = TEMPERATURE
    idf: float = 1.0  # exponent of a class's mean in the library, by which its scores are divided


def without_stop_words(text: str) -> str:
    """Content words only."""
    return " ".join(word for word in text.split() if word.lower().strip(".,") not in STOP_WORDS) or text


def plural(text: str) -> str:
    """A crude plural of the last word."""
    return text if text.endswith("s") else text + "s"


def choices() -> Iterator[Choice]:
    """The default first."""
    default = Choice("default")
    yield default
    for prompt in ("the sound of {}", "{} sound", "a recording of {}"):
        yield replace(default, name=f"query as “{prompt}”", query=prompt.format)
    yield replace(default, name="classes as “the sound of …”", classes=lambda label: [f"the sound of {label.lower()}"])
    both = replace(default, name="classes as mean of bare and “the sound of …”")
    yield replace(both, classes=lambda label: [label.lower(), f"the sound of {label.lower()}"])
    yield replace(default, name="classes as their whole labels", classes=lambda label: [label.lower()])
    yield replace(default, name="query without stop words", query=without_stop_words)
    yield replace(default, name="query in the plural", query=plural)
    for temperature in (0.02, 0.03, 0.08, 0.12):
        yield replace(default, name=f"temperature {temperature:g}", temperature=temperature)
    for idf in (0.0, 0.25, 0.5, 0.75):
        yield replace(default, name=f"idf exponent {idf:g}", idf=idf)


@dataclass(frozen=True)
class LibraryHearing:
    """A library: `mean` and `peak` [n c] of its segments, of sounds that are one segment each; names of the classes."""

    paths: list[str]
    mean: Floats
    peak: Floats
    labels: tuple[str, ...]


def heard(finder: Finder) -> LibraryHearing:
    """Each sound by its segments' mean and peak."""
    column = next(name for name in finder.index if name.endswith(f".{SPACE}"))
    first = np.flatnonzero(np.diff(finder.index.sound_of, prepend=-1))
    mean = np.add.reduceat(finder.index.matrix(column), first, axis=0)
    mean /= np.diff(first, append=len(finder.index.sound_of))[:, None]
    peak = np.maximum.reduceat(finder.index.matrix(f"{column}^max"), first, axis=0)
    return LibraryHearing([sound.path for sound in finder.index.sounds], mean, peak, finder.index.labels[column])


def ratings(queries: list[str], library: LibraryHearing, text: Encoder[str], choice: Choice) -> Floats:
    """[q n]."""
    asking = text_vectors(text, [choice.query(query) for query in queries])
    meaning = [text_vectors(text, choice.classes(label)).mean(axis=0) for label in library.labels]
    classes = np.stack([vector / np.linalg.norm(vector) for vector in meaning])
    score = np.sqrt(library.mean * library.peak)
    score = score / (score.mean(axis=0) + SMALL) ** choice.idf
    result: Floats = softmax(asking @ classes.T / choice.temperature) @ score.T
    return result


def figures(
    choice: Choice, esc: LibraryHearing, videos: LibraryHearing, shared: Path, text: Encoder[str]
) -> dict[str, float]:
    """Top-1, mAP, R@1, R@5."""
    category = {Path(row["file"]).name: row["category"] for row in labelled(shared)}
    classes = sorted(set(category.values()))
    own = np.array([classes.index(category[path]) for path in esc.paths])
    scores = ratings([name.replace("_", " ") for name in classes], esc, text, choice)
    hits = [average_precision((own == c)[np.argsort(-scores[c], kind="stable")]) for c in range(len(classes))]
    caption = {Path(row["path"]).name: row["caption"] for row in read_rows(shared / "videos" / "captions.jsonl")}
    match = ratings([caption[path] for path in videos.paths], videos, text, choice)
    report = retrieval.evaluate((match - match.mean(0)) / (match.std(0) + 1e-9))
    top1 = float((scores.argmax(axis=0) == own).mean())
    return {"top-1": top1, "mAP": float(np.mean(hits)), "R@1": report.r1, "R@5": report.r5}


def negation(bench: Bench, text: Encoder[str], pairs: int = 60) -> dict[str, float]:
    """Share of pairs in which the clip stands above its mix: asked plainly, as a phrase, and as the product does."""
    rng, rows, folder = np.random.default_rng(0), labelled(bench.shared), bench.scratch / "negation"
    folder.mkdir()
    asking: list[tuple[str, str]] = []
    while len(asking) < pairs:
        one, other = (rows[i] for i in rng.choice(len(rows), 2, replace=False))
        if one["category"] == other["category"]:
            continue
        both = [
            read_audio(bench.shared / "esc50" / row["file"], rate_hz=16000, channels=1).samples for row in (one, other)
        ]
        if min(float(np.abs(samples).max()) for samples in both) < 1e-3:
            continue
        length = min(samples.shape[1] for samples in both)
        level = [samples[:, :length] / np.sqrt(np.mean(samples**2)) * 0.05 for samples in both]
        write_wav(folder / f"{len(asking):03d}-alone.wav", Waveform(level[0], 16000))
        write_wav(folder / f"{len(asking):03d}-mixed.wav", Waveform(level[0] + level[1], 16000))
        asking.append((one["category"].replace("_", " "), other["category"].replace("_", " ")))
    finder = bench.library_of(folder)
    library, plain = heard(finder), next(choices())
    place = {path: number for number, path in enumerate(library.paths)}
    alone, mixed = (np.array([place[f"{n:03d}-{kind}.wav"] for n in range(pairs)]) for kind in ("alone", "mixed"))
    each = np.arange(pairs)
    result: dict[str, float] = {"n": pairs}
    for name, phrase in (("first word alone", "{0}"), ("“without” left to the text encoder", "{0} without {1}")):
        found = ratings([phrase.format(*words) for words in asking], library, text, plain)
        result[name] = float((found[each, alone] > found[each, mixed]).mean())
    queries = [Query(text=f"{wanted} without {unwanted}") for wanted, unwanted in asking]
    scores = score_matrix(finder, queries, library.paths)
    return result | {"the product": float((scores[each, alone] > scores[each, mixed]).mean())}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--profile", default="embedded", help="a profile by name, or a .toml file")
    args = parser.parse_args()
    shared, weights = data_folder(), Resolver(offline=True)
    text = load("minilm", weights)
    table = Table(box=None)
    with tempfile.TemporaryDirectory() as scratch:
        bench = Bench(shared, Path(scratch), weights, load_profile(args.profile))
        esc = heard(bench.library_of(shared / "esc50" / "audio"))
        videos = heard(bench.library_of(shared / "videos" / "clips"))
        for choice in choices():
            found = figures(choice, esc, videos, shared, text)
            if not table.columns:
                for heading in ("choice", *found):
                    table.add_column(heading)
            table.add_row(choice.name, *(f"{value:.3f}" for value in found.values()))
        sys.stdout.write(f"n = {len(esc.paths)} clips, {len(videos.paths)} videos\n")
        Console(width=110).print(table)
        Console().print(negation(bench, text))


if __name__ == "__main__":
    main()
