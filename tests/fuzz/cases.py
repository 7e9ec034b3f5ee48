"""A case: something mutated goes through a job, and what came of it is judged."""

import logging
import math
import re
import shutil
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
from numpy.random import Generator

import ingest_fakes
from fuzz import names, tables, words
from fuzz.mutations import ENDINGS_OF, OF_FILMS, OF_SOUNDS, Made, pick
from fuzz.seeds import Seeds
from jobs import index_fakes, score_fakes
from storysound.errors import StorysoundError
from storysound.ingest.captions import read_captions
from storysound.library.dataset import Dataset
from storysound.library.file_names import file_names
from storysound.library.store import Library
from storysound.match.names import whole_words
from storysound.media.clock import HELD_S, clock_of, looked_at, packets_of
from storysound.media.files import opened
from storysound.media.probe import probe
from storysound.story import Mood, Sound, Source

SEED = 12
# What each case does, in turn.
TURNS = ("index", "captions", "ingest", "index", "captions", "score", "index", "ingest", "index", "tables", "score",
         "index", "ingest", "index", "captions", "index", "ingest", "index", "names", "score")  # fmt: skip
TOLERANCE_S = 0.1
NEVER = ("fault of Storysound", "please report", "needs more memory")
PLACE = re.compile(
    r"line \d+|\d+ (?:lines|rows|files|videos)|is used, not|only in|no (?:captions|subtitle|text|words|rating)"
)
LENGTH_S, PICTURES = re.compile(r"(\d+\.\d+) s\b"), re.compile(r"(\d+) pictures|edit list shows")


@dataclass(frozen=True)
class Verdict:
    """What came of a case; `find`: what is wrong with that."""

    kind: str
    outcome: str  # accepted, told (a warning or an error of ours), or find
    find: str = ""


class Heard(logging.Handler):
    """Warnings, kept."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.told: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.told.append(record.getMessage())


@contextmanager
def heard() -> Iterator[list[str]]:
    """What is warned of inside the block."""
    handler, logger = Heard(), logging.getLogger("storysound")
    logger.addHandler(handler)
    try:
        yield handler.told
    finally:
        logger.removeHandler(handler)


def job_of(number: int) -> str:
    """What a case does."""
    return TURNS[number % len(TURNS)]


class Cases:
    """Cases by number: the same number is the same case, whatever ran before."""

    def __init__(self, seeds: Seeds, folder: Path, *, keep: bool = False) -> None:
        """`keep`: what a case made is left in the folder of its number."""
        self.seeds, self.folder, self.keep = seeds, folder, keep
        self.models = score_fakes.make_models()

    def run(self, number: int) -> Verdict:
        """Makes the input anew, and judges what a job does with it."""
        rng = np.random.default_rng([SEED, number])
        job = job_of(number)
        place = self.folder / f"{number}"
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir(parents=True)
        try:
            if job == "captions":
                return self._captions(words.written(place, rng), place, whole=rng.random() < 0.2)
            if job == "tables":
                return _table(tables.written(place, rng))
            if job == "names":
                return _names(names.written(place, rng), place)
            made, kind = self._mutated(job, place, rng)
            kind = f"{job}: {kind}"
            return _judged(kind, made, lambda told: getattr(self, f"_{job}")(made, place, told))
        finally:
            if not self.keep:
                shutil.rmtree(place, ignore_errors=True)

    def _mutated(self, job: str, place: Path, rng: Generator) -> tuple[Made, str]:
        films = job != "index" or rng.random() < 0.25
        kinds = OF_FILMS if films else OF_SOUNDS
        kind = pick(rng, tuple(kinds))
        fitting = [
            seed for seed in (self.seeds.films if films else self.seeds.sounds)
            if seed.suffix in ENDINGS_OF.get(kind, (seed.suffix,))
        ]  # fmt: skip
        seed = pick(rng, fitting)
        made = kinds[kind](seed, place / seed.name, rng)
        return Made(made.path, f"{seed.name}: {made.what}", made.lasts_s), kind

    def _index(self, made: Made, place: Path, told: list[str]) -> str:
        with _refusal_of(made.path, told):
            probe(made.path)
        library = place / "library"
        result = index_fakes.index([made.path], library)
        told += [f"{path}: {reason}" for path, reason in result.skipped]
        if not result.added:
            return "" if _named(told, made.path) or result.ignored else "neither indexed nor told"
        (sound,) = Library.open(library).sounds()
        return _length_fault(sound.duration_s, *_sound_s(made), _named(told, made.path))

    def _ingest(self, made: Made, place: Path, told: list[str]) -> str:
        result = ingest_fakes.ingest([made.path], place / "data")
        told += [*(f"{path}: {reason}" for path, reason in result.skipped), *result.notes]
        if not result.added:
            return "" if _named(told, made.path) or result.ignored else "neither ingested nor told"
        (row,) = Dataset.open(place / "data").rows(("duration_s", "faults"))
        told += row["faults"]
        return _length_fault(row["duration_s"], *_film_s(made.path), _named(told, made.path))

    def _score(self, made: Made, place: Path, told: list[str]) -> str:
        shelf = score_fakes.Shelf(
            [Sound(path.name, str(path.parent), seconds, kind, tags=("red",), mood=Mood(0.5, 0.5),
                   source=Source(path.name, "", "CC BY", "Ada"))
             for path, seconds, kind in zip(self.seeds.shelf, (4.0, 0.4), ("music", "sfx"), strict=True)],
            ("red",),
        )  # fmt: skip
        ending = made.path.suffix if made.path.suffix in (".mp4", ".mov", ".webm") else ".mkv"
        out = place / f"out{ending}"
        try:
            result = score_fakes.score(shelf, self.models, made.path, out)
        except StorysoundError:
            left = [path.name for path in place.iterdir() if path != made.path]
            if left:
                return f"refused, but left {left}"
            raise
        told += result.notes
        with opened(out) as film:
            count = sum(packet.size > 0 for packet in film.demux(film.streams.video[0]))
            if not film.streams.audio:
                return "a film without sound"
        given, named = _pictures(made.path), _named(told, made.path)
        if count != given and not any(PICTURES.search(line) for line in named):
            return f"{count} pictures of {given} without a word of it"
        least_s, most_s = _film_s(made.path)
        return _length_fault(looked_at(out).end_s, least_s, most_s + 1.0, named)  # the last picture may stand

    def _captions(self, written: words.Written, place: Path, *, whole: bool) -> Verdict:
        def work(told: list[str]) -> str:
            if whole:
                film = shutil.copy(self.seeds.films[0], place / words.VIDEO)
                result = ingest_fakes.ingest([Path(film)], place / "data", captions=written.path)
                told += result.notes
                rows = Dataset.open(place / "data").rows(("text",))
                found = " ".join(row["text"] for row in rows)
            else:
                captions = read_captions(written.path)
                found = " ".join(caption.text for caption in captions.of(place / words.VIDEO, alone=True))
                told += captions.left_out()
            lost = sorted(written.words - set(words.WORD.findall(found)))
            return f"words lost without a word: {lost}" if lost and not _placed(told, written.path) else ""

        return _judged(f"captions: {written.path.suffix[1:]}", Made(written.path, written.what), work)


def _table(table: tables.Table) -> Verdict:
    file = table.file

    def work(told: list[str]) -> str:
        try:
            found = table.read()
        except StorysoundError as error:
            told.append(str(error))
            if file.is_whole and table.right is not None:
                return f"refused: {error}"
            is_at = not file.is_whole or re.search(rf"line {table.odd}\b", str(error))
            return "" if is_at else f"line {table.odd} is wrong, but told: {error}"
        if file.is_whole and found != table.right:
            return f"read as {found}, right is {table.right}"
        lost = sorted(file.words - set(words.WORD.findall(str(found))))
        return f"words lost without a word: {lost}" if lost and not _placed(told, file.path) else ""

    return _judged(f"tables: {table.kind}", Made(file.path, file.what), work)


def _names(named: names.Named, place: Path) -> Verdict:
    def work(told: list[str]) -> str:
        captions = read_captions(named.captions)
        captions.meet(named.texts)
        found = {video: " ".join(caption.text for caption in captions.of(video)) for video in named.texts}
        told += captions.left_out()
        if found != named.texts:
            return f"said of {[(video.name, text, named.texts[video]) for video, text in found.items()]}"
        ids = [f"{'a folder/' * number**2}{video.stem}" for number, video in enumerate(named.texts)]
        written = file_names(dict.fromkeys([*ids, *(each.swapcase() for each in ids)]))
        for name in written.values():
            (place / "out" / name).mkdir(parents=True)
        folded = {unicodedata.normalize("NFC", name.casefold()) for name in written.values()}
        if len(folded) < len(written) or any(re.search(r'[<>:"/\\|?*.\x00-\x1f]', name) for name in folded):
            return f"exported as {list(written.values())}"
        letters = "".join(char for char in unicodedata.normalize("NFC", str(named.texts)) if char.isalpha())
        spoken = "".join(char for char in "".join(whole_words(str(named.texts))) if char.isalpha())
        return "" if spoken == letters else f"words {spoken} of {letters}"

    return _judged("names", Made(named.captions, named.what), work)


def _named(told: list[str], path: Path) -> list[str]:
    """What is told of this file."""
    return [line for line in told if path.name in line]


def _placed(told: list[str], path: Path) -> bool:
    """Whether what is told names the file or whose captions they are, and the place, number or kind of what is lost."""
    return any((path.name in line or line.startswith("captions of")) and PLACE.search(line) for line in told)


@contextmanager
def _refusal_of(path: Path, told: list[str]) -> Iterator[None]:
    """An error of ours is told."""
    try:
        yield
    except StorysoundError as error:
        told.append(str(error))


def _judged(kind: str, made: Made, work: Callable[[list[str]], str]) -> Verdict:
    """Runs `work`, which is given a list for what is told, and says what is wrong with what came of it."""
    with heard() as told:
        try:
            find = work(told)
        except StorysoundError as error:
            told.append(str(error))
            find = "" if _named([str(error)], made.path) else f"an error that names no file: {error}"
        except Exception as error:
            find = f"{type(error).__name__}: {error}"[:300]
    find = find or next((f"told {word!r}: {line}" for line in told for word in NEVER if word in line), "")
    return Verdict(kind, "find" if find else "told" if told else "accepted", f"{made.what}: {find}" if find else "")


def _length_fault(found_s: float, least_s: float, most_s: float, told: list[str]) -> str:
    if not math.isfinite(found_s) or found_s < 0:
        return f"{found_s} s"
    if least_s - TOLERANCE_S <= found_s <= most_s + TOLERANCE_S:
        return ""
    stated_s = [float(seconds) for line in told for seconds in LENGTH_S.findall(line)]
    is_told = any(abs(seconds - found_s) <= TOLERANCE_S for seconds in stated_s) or any(map(PICTURES.search, told))
    return "" if is_told else f"{found_s:.3f} s of {most_s:.3f} s without a word of it; told: {told}"


def _sound_s(made: Made) -> tuple[float, float]:
    """How long the sound of a file must be found to be, at least and at most: its last packet may last less."""
    if made.lasts_s is not None:
        return made.lasts_s, made.lasts_s
    clock = looked_at(made.path)
    with opened(made.path) as container:
        stream = container.streams.audio[0]
        end_s, before_s = clock.ends_s.get(stream.index, 0.0), 0.0
        if not container.streams.video:
            before_s = float((stream.start_time or 0) * (stream.time_base or 0)) - clock.origin_s
        lasts_s = [(packet.duration or 0) * float(packet.time_base) for packet in packets_of(container, [stream], "")]
    end_s -= before_s
    return end_s - min(end_s, lasts_s[-1] if lasts_s else 0.0), end_s


def _film_s(path: Path) -> tuple[float, float]:
    """How long a film must be found to be, at least (a little more sound ends with the pictures) and at most."""
    clock = looked_at(path)
    with opened(path) as film:
        # Stamps that fall back in a format of one clock are broken, and what is stated counts.
        ends_s = (clock_of(film, path) if clock.restarts else clock).ends_s
        pictures_s = ends_s.get(film.streams.video[0].index, 0.0)
        end_s = max([pictures_s, *(ends_s.get(sound.index, 0.0) for sound in film.streams.audio[:1])])
    return (pictures_s if end_s <= pictures_s + HELD_S else end_s), max(end_s, probe(path).duration_s)


def _pictures(path: Path) -> int:
    """Packets of pictures that a file gives."""
    with opened(path) as film:
        count = 0
        try:
            for packet in film.demux(film.streams.video[0]):
                count += packet.size > 0
        except av.FFmpegError:
            pass
        return count
