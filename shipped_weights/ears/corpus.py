"""Gather the corpus: download packages, read the audio out of them, keep it as 16-kHz mono int16 with an index.

    python shipped_weights/ears/corpus.py                 # everything in sources.toml that isn't there yet
    python shipped_weights/ears/corpus.py --only freecol  # one package
    python shipped_weights/ears/corpus.py --manifest      # write manifest.tsv from what is there

Resumable: a package is done when its `.tsv` stands. Audio stays in the cache folder, never in the repository.
"""

import argparse
import csv
import hashlib
import io
import logging
import os
import re
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

if __package__ in {None, ""}:
    import sys

    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from shipped_weights.ears import archives, render, sources
from shipped_weights.ears.sources import Source

log = logging.getLogger("ears.corpus")
RATE_HZ = 16_000  # what the teacher and its student hear
LONG_S = 45.0  # from here on a file is music or ambience: three excerpts stand for it
EXCERPT_S = 20.0
HERE = Path(__file__).resolve().parent


def cache_folder() -> Path:
    """$STORYSOUND_EARS_CORPUS, or ~/.cache/storysound/ears-corpus."""
    named = os.environ.get("STORYSOUND_EARS_CORPUS")
    return Path(named) if named else Path.home() / ".cache" / "storysound" / "ears-corpus"


@dataclass(frozen=True)
class Clip:
    """One stretch of audio of a source: samples [start, start + length) of its `.npy`."""

    source: str
    path: str
    start: int
    length: int
    sha: str


def decode(data: bytes, hint: str) -> NDArray[np.int16]:
    """Mono samples at 16 kHz. Raises av.FFmpegError or ValueError where the bytes hold no audio."""
    form = {"gsm": "gsm", "au": "au", "snd": "au"}.get(archives.suffix(hint))
    parts: list[NDArray[np.int16]] = []
    with av.open(io.BytesIO(data), format=form) as container:
        if not container.streams.audio:
            raise ValueError("no audio stream")
        resampler = av.AudioResampler(format="s16", layout="mono", rate=RATE_HZ)
        for frame in container.decode(container.streams.audio[0]):
            parts.extend(piece.to_ndarray()[0] for piece in resampler.resample(frame))
        parts.extend(piece.to_ndarray()[0] for piece in resampler.resample(None))
    if not parts:
        raise ValueError("no samples")
    return np.concatenate(parts)


def excerpts(samples: NDArray[np.int16]) -> Iterator[NDArray[np.int16]]:
    """The file itself, or three excerpts of a long one; silence and clicks below 0.05 s are dropped."""
    long = len(samples) > LONG_S * RATE_HZ
    size = int(EXCERPT_S * RATE_HZ)
    spots = [int(len(samples) * share) for share in (0.08, 0.42, 0.76)] if long else [0]
    for spot in spots:
        piece = samples[spot : spot + size] if long else samples
        if len(piece) > 0.05 * RATE_HZ and int(np.abs(piece.astype(np.int32)).max()) > 80:
            yield piece


def licence_of(texts: dict[str, str]) -> str:
    """Short licence names out of copyright files (Debian's machine-readable form, METADATA, package.json)."""
    names: set[str] = set()
    for text in texts.values():
        names.update(m.strip() for m in re.findall(r"^Licen[sc]e:[ \t]*(\S[^\n]{0,60})", text, re.M))
        names.update(re.findall(r'"license":\s*"([^"]{1,40})"', text))
        names.update(
            m.strip()[:60] for m in re.findall(r"^Classifier: License :: (?:OSI Approved :: )?(.+)$", text, re.M)
        )
    return "; ".join(sorted(names))[:300] or "see the package's copyright file"


def build(source: Source, cache: Path) -> str:
    """Fetch one source and write its `.npy`, `.tsv` and `.licence`; returns a line that says what came of it."""
    index = cache / "audio" / f"{source.key}.tsv"
    if index.exists():
        return f"{source.key}: there already"
    try:
        stream = render.members(source.name, cache) if source.registry == "render" else None
        package = None if stream is not None else sources.fetch(source, cache / "downloads")
        clips, audio, texts = _collect(source, stream if package is None else archives.members(package))
    except (FileNotFoundError, OSError, EOFError) as error:
        return f"{source.key}: {type(error).__name__} {error}"
    index.parent.mkdir(parents=True, exist_ok=True)
    np.save(index.with_suffix(".npy"), np.concatenate(audio) if audio else np.zeros(0, np.int16))
    version = package.name if package else "rendered here"
    licence = render.LICENCES.get(source.name, "") if package is None else licence_of(texts)
    index.with_suffix(".licence").write_text(f"{version}\t{licence}\n")
    unfinished = index.with_suffix(".part")
    with unfinished.open("w", newline="") as handle:
        csv.writer(handle, delimiter="\t").writerows((c.path, c.start, c.length, c.sha) for c in clips)
    unfinished.replace(index)
    return f"{source.key}: {len(clips)} clips, {sum(c.length for c in clips) / RATE_HZ / 60:.1f} min"


def _collect(
    source: Source, stream: Iterator[tuple[str, bytes]] | None
) -> tuple[list[Clip], list[NDArray[np.int16]], dict[str, str]]:
    found: list[tuple[str, NDArray[np.int16], str]] = []
    texts: dict[str, str] = {}
    seen: set[str] = set()
    for path, data in stream or ():
        if archives.is_licence(path):
            texts[path] = data.decode("utf8", "replace")
            continue
        try:
            samples = decode(data, path)
        except (av.FFmpegError, ValueError, IndexError, UnicodeError, MemoryError):
            continue
        for piece in excerpts(samples):
            sha = hashlib.sha1(piece.tobytes(), usedforsecurity=False).hexdigest()[:16]
            if sha not in seen:
                seen.add(sha)
                found.append((path, piece, sha))
    order = np.random.default_rng(0).permutation(len(found))  # a cap keeps a fair sample of all folders
    clips: list[Clip] = []
    audio: list[NDArray[np.int16]] = []
    at = 0
    for number in order:
        path, piece, sha = found[number]
        if at + len(piece) > source.cap_s * RATE_HZ:
            continue
        clips.append(Clip(source.key, path, at, len(piece), sha))
        audio.append(piece)
        at += len(piece)
    return clips, audio, texts


def clips_of(cache: Path) -> list[Clip]:
    """Every clip gathered so far, the same sound in two packages once."""
    seen: set[str] = set()
    found: list[Clip] = []
    for index in sorted((cache / "audio").glob("*.tsv")):
        with index.open(newline="") as handle:
            for path, start, length, sha in csv.reader(handle, delimiter="\t"):
                if sha not in seen:
                    seen.add(sha)
                    found.append(Clip(index.stem, path, int(start), int(length), sha))
    return found


def write_manifest(cache: Path, target: Path) -> None:
    """manifest.tsv: registry, package, file, licence, clips and hours (duplicates between packages counted once)."""
    per: dict[str, list[Clip]] = {}
    for clip in clips_of(cache):
        per.setdefault(clip.source, []).append(clip)
    with target.open("w", newline="") as handle:
        writer = csv.writer(handle, delimiter="\t", lineterminator="\n")
        writer.writerow(["registry", "package", "file", "clips", "hours", "licence"])
        for key, clips in sorted(per.items()):
            version, _, licence = (cache / "audio" / f"{key}.licence").read_text().strip("\n").partition("\t")
            hours = sum(c.length for c in clips) / RATE_HZ / 3600
            writer.writerow([*key.split("-", 1), version, len(clips), f"{hours:.4f}", licence])


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cache", type=Path, default=cache_folder())
    parser.add_argument("--only", nargs="*", default=[])
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--manifest", action="store_true")
    options = parser.parse_args()
    if options.manifest:
        write_manifest(options.cache, HERE / "manifest.tsv")
        return
    wanted = [
        source
        for source in sources.read()
        if (not options.only or source.name in options.only)
        and not (options.cache / "audio" / f"{source.key}.tsv").exists()
    ]
    with ThreadPoolExecutor(4) as threads:  # the network and the processors work at the same time, small packages first
        packages = list(threads.map(partial(_fetched, cache=options.cache), wanted))
    wanted = [source for _, source in sorted(zip(packages, wanted, strict=True), key=lambda pair: pair[0])]
    with ProcessPoolExecutor(options.jobs) as pool:
        for line in pool.map(build, wanted, [options.cache] * len(wanted)):
            print(line, flush=True)


def _fetched(source: Source, cache: Path) -> int:
    """Bytes of a source's package, fetched if needed; a rendered source comes last."""
    if source.registry == "render":
        return 1 << 40
    try:
        return sources.fetch(source, cache / "downloads").stat().st_size
    except (OSError, sources.requests.RequestException) as error:
        log.warning("%s: %s", source.key, error)
        return 0


if __name__ == "__main__":
    main()
