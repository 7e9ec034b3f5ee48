"""How long a library of ten thousand segments takes to load and to search: the shape is that of the embedded profile.

Run: python -m benchmarks.speed.find_scale (one thread: OMP_NUM_THREADS=1)
"""

import json
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from itertools import cycle
from pathlib import Path

import numpy as np

from storysound.config import load_profile
from storysound.encode.encoder import load
from storysound.encode.pool import Models
from storysound.jobs.find.finder import Finder
from storysound.library import tastes
from storysound.library.analyse import shape_of
from storysound.library.search import Index, top_k
from storysound.library.store import Library, LibraryEntry, Segments, Shape
from storysound.library.tastes import Choice, KeptTaste
from storysound.match.query import Query
from storysound.match.taste import Judgement
from storysound.story import Sound, Source
from storysound.weights.resolver import Resolver

SOUNDS, PER_SOUND = 2_500, 4
SCENES = 200  # of a taste
CLASSES = 20  # a query's words name about this many
QUERIES = (
    "an old man walks through rain",
    "battle",
    "quiet forest in the morning",
    "engine",
    "children laugh far away",
)


def measure(repeats: int = 15) -> list[dict[str, object]]:
    """Median milliseconds of each step, warm, by the clock and of the processor; n is the number of segments."""
    with tempfile.TemporaryDirectory() as folder:
        library = Library.create(Path(folder) / "library")
        weights_of_models = Resolver(offline=True)
        encoders = {name: load(name, weights_of_models) for name in load_profile().audio}
        writing_ms = _fill(library, shape_of(encoders), {name: encoder.dim for name, encoder in encoders.items()})
        finder = Finder(library.folder, Models(load_profile(), weights_of_models))
        _teach(library.folder, finder, Models(load_profile(), weights_of_models))
        texts = cycle(QUERIES)
        plain = finder.untaught()
        picture = (np.random.default_rng(0).integers(0, 255, (260, 260, 3), dtype=np.uint8),)
        index = Index.load(library)
        rng = np.random.default_rng(0)
        classes, weights = np.arange(CLASSES) * 7, rng.random(CLASSES, np.float32)
        unit = rng.standard_normal(encoders["ears"].dim, np.float32)
        by_class = np.ascontiguousarray(index.matrix("soundnet.imagenet").T)
        points = np.ascontiguousarray(index.matrix("ears").T)  # as a search holds them
        scores = weights @ by_class[classes]
        steps: dict[str, Callable[[], object]] = {
            "load, all columns": lambda: Index.load(library),
            "load, two columns": lambda: Index.load(library, columns=["ears", "ears.audioset"]),
            "find by text, warm": lambda: finder.search(Query(text=next(texts)), 10, ignore_names=True),
            "find by text and names, warm": lambda: finder.search(Query(text=next(texts)), 10),
            "find music by text, warm": lambda: plain.search(Query(text=next(texts)), 10, kind="music"),
            "find music by text with a taste, warm": lambda: finder.search(Query(text=next(texts)), 10, kind="music"),
            "find by picture, warm": lambda: finder.search(Query(images=picture), 10, ignore_names=True),
            f"weighted sum of {CLASSES} classes": lambda: weights @ by_class[classes],
            "read a text": lambda: plain._models.text.encode([next(texts)]),
            "similarity to one embedding, the machine's limit": lambda: unit @ points,
            "best segment of each sound and top 10": lambda: top_k(index.best_segments(scores)[0], 10),
        }
        rows: list[dict[str, object]] = [{"what": "write, per sound", "ms": writing_ms, "n": len(index)}]
        rows += [{"what": what, **_median_ms(step, repeats), "n": len(index)} for what, step in steps.items()]
    return rows


def _teach(library: Path, finder: Finder, models: Models) -> None:
    """A taste of a choice for each of `SCENES` scenes."""
    rng = np.random.default_rng(2)
    sounds = [finder.index.sounds[i] for i in rng.integers(SOUNDS, size=SCENES)]
    choices = [
        Choice("/film", float(i), i + 1.0, "", 0.5, 0.5, sound.path, sound.source.sha256, "heard")
        for i, sound in enumerate(sounds)
    ]
    asked = rng.random((SCENES, models.text.dim + 2), np.float32)
    judged = Judgement(SCENES, 0.0, 1.0, True)
    tastes.write(library, KeptTaste(tuple(choices), asked, tastes.reader_of(models), judged))


def _fill(library: Library, shape: Shape, dims: dict[str, int]) -> float:
    """Writes the sounds in batches as indexing does; milliseconds per sound."""
    rng = np.random.default_rng(1)
    widths = dims | {name: len(classes) for name, classes in shape.labels.items()}
    start_s = np.arange(PER_SOUND) * 10.0
    entries, segments = [], {}
    for i in range(SOUNDS):
        sound = Sound(f"folder {i % 50}/sound {i}.ogg", "/sounds", 10.0 * PER_SOUND, "music", tags=("a", "b", "c"))
        sound = replace(sound, source=Source("", f"{i:064x}"))
        entries.append(LibraryEntry(f"{i:032x}", sound, 1, 1, "", f"{i:x}", PER_SOUND, "segments", "2026-01-01"))
        vectors = {
            name: rng.random((PER_SOUND, width), np.float32).astype(np.float16) for name, width in widths.items()
        }
        segments[f"{i:x}"] = Segments(start_s, start_s + 10, np.full(PER_SOUND, -20, np.float32), vectors)
    before = time.perf_counter()
    with library.writer(shape) as writer:
        for at in range(0, SOUNDS, 64):
            batch = entries[at : at + 64]
            writer.commit(batch, {entry.analysis: segments[entry.analysis] for entry in batch})
        writer.tidy()
    return round(1000 * (time.perf_counter() - before) / SOUNDS, 3)


def _median_ms(step: Callable[[], object], repeats: int) -> dict[str, float]:
    times = []
    for _ in range(repeats):
        before = time.perf_counter(), time.process_time()
        step()
        times.append((time.perf_counter() - before[0], time.process_time() - before[1]))
    wall, processor = 1000 * np.median(times, axis=0)
    return {"ms": round(float(wall), 3), "processor_ms": round(float(processor), 3)}


if __name__ == "__main__":
    for row in measure():
        print(json.dumps(row))
