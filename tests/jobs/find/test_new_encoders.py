"""Encoders that nobody has heard of before are useful at once: what they say of themselves is all that is asked."""

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from storysound.config import Profile
from storysound.encode.encoder import Encoding, Head, Modality, Traits
from storysound.encode.pool import Models
from storysound.errors import LibraryError, UsageError
from storysound.jobs.find.finder import Finder
from storysound.jobs.index import index
from storysound.jobs.index.request import IndexRequest
from storysound.jobs.score import score
from storysound.jobs.score.request import ScoreRequest
from storysound.match.query import Query
from storysound.media.audio import Waveform, write_wav
from storysound.progress import Watch

RATE_HZ = 16_000
THINGS = ("spaceship", "teapot")
PITCHES_HZ = (200.0, 3000.0)  # how each of them sounds
COLOURS = ((200, 20, 20), (20, 20, 200))  # and looks


class Fake:
    """An encoder whose points are those of `THINGS`: axis i is thing i; the last axis is anything else."""

    revision = "1"
    dim = len(THINGS) + 1
    labels: dict[str, tuple[str, ...]] = {}  # noqa: RUF012
    traits = Traits()

    def __init__(self, name: str, modality: Modality) -> None:
        self.name, self.modality = name, modality

    def encode(self, items: Sequence[Any]) -> list[Encoding]:
        return [self.one(item) for item in items]

    def one(self, item: Any) -> Encoding:
        raise NotImplementedError

    def point(self, shares: Sequence[float]) -> np.ndarray:
        row = np.array([*shares, 0.1], np.float32)
        return row[None] / np.linalg.norm(row)


class Words(Fake):
    """Reads the names of things, and what is near to them in meaning."""

    near = ("jet engine", "boiling")

    def one(self, item: str) -> Encoding:
        return Encoding(
            self.point([float(thing in item or near in item) for thing, near in zip(THINGS, self.near, strict=True)])
        )


class Looks(Fake):
    """Sees what colour things have, names nothing, and speaks the space of `Words`."""

    traits = Traits(space="words")

    def one(self, item: np.ndarray) -> Encoding:
        mean = item.reshape(-1, 3).mean(axis=0)
        return Encoding(self.point([float(mean[0] > 100), float(mean[2] > 100)]))


class Pitch(Fake):
    """Hears how much of a sound is as high as each thing."""

    def shares(self, wave: Waveform) -> list[float]:
        power = np.square(np.abs(np.fft.rfft(wave.samples[0])))
        hz = np.arange(len(power)) / wave.duration_s
        return [float(power[np.abs(hz - pitch_hz) < 0.2 * pitch_hz].sum() / power.sum()) for pitch_hz in PITCHES_HZ]

    def rows(self, wave: Waveform) -> np.ndarray:
        return np.repeat(self.point(self.shares(wave)), max(1, round(wave.duration_s)), axis=0)


class Names(Pitch):
    """Names what it hears, in a label space of its own."""

    labels = {"machines": THINGS}  # noqa: RUF012

    def one(self, item: Waveform) -> Encoding:
        scores = np.array([self.shares(item)], np.float32)
        rows = self.rows(item)[:, ::-1]  # its points are nobody else's
        return Encoding(np.ascontiguousarray(rows), {"machines": np.repeat(scores, len(rows), axis=0)}, 1.0)


class Speaks(Pitch):
    """Names nothing, and speaks the space of `Words`."""

    traits = Traits(space="words")

    def one(self, item: Waveform) -> Encoding:
        return Encoding(self.rows(item), {}, 1.0)


class Onlooker(Names):
    """Is asked for what is seen, not for what is said."""

    traits = Traits(heads={"machines": Head(said=0.0)})


class Speaker(Names):
    """Names what it hears, and its points lie where words lie."""

    traits = Traits(space="words")

    def one(self, item: Waveform) -> Encoding:
        return Encoding(self.rows(item), super().one(item).scores, 1.0)


class Deaf(Names):
    """Hears the same in everything."""

    def shares(self, wave: Waveform) -> list[float]:
        return [0.5, 0.5]


FAKES = {
    "words": Words("words", "text"),
    "looks": Looks("looks", "image"),
    "names": Names("names", "audio"),
    "speaks": Speaks("speaks", "audio"),
    "onlooker": Onlooker("onlooker", "audio"),
    "speaker": Speaker("speaker", "audio"),
    "deaf": Deaf("deaf", "audio"),
}


def pool(*ears: str, **real: Any) -> Models:
    """A pool of the fakes, for a profile with these ears; no weights are to be had."""
    weights: Any = SimpleNamespace(cache=None, entries={})
    models = Models(Profile("new", "words", "looks", ears), weights)
    for name, fake in (FAKES | real).items():
        models.get(name, lambda _, fake=fake: fake)  # type: ignore[misc]
    return models


def sound(pitch_hz: float, seconds: float = 3.0) -> Waveform:
    time_s = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    beat = np.exp(-(time_s % 0.5) / 0.2)
    return Waveform((0.4 * beat * np.sin(2 * np.pi * pitch_hz * time_s)).astype(np.float32)[None], RATE_HZ)


def library_of(models: Models, folder: Path, others: int = 0) -> Path:
    """Sounds of all things, and of others that nobody knows, under names that say nothing."""
    (folder / "sounds").mkdir()
    for number, pitch_hz in enumerate([*PITCHES_HZ, *(5000.0 + 100 * i for i in range(others))]):
        write_wav(folder / "sounds" / f"{number}.wav", sound(pitch_hz))
    with Watch() as watch:
        index.run(IndexRequest((folder / "sounds",), folder / "library"), models, watch)
    return folder / "library"


def picture(thing: int) -> np.ndarray:
    return np.full((24, 32, 3), COLOURS[thing], np.uint8)


@pytest.mark.parametrize("ears", [("names",), ("speaks",), ("names", "speaks"), ("deaf", "names"), ("names", "deaf")])
@pytest.mark.parametrize("thing", [0, 1])
def test_they_find_by_words_pictures_and_sounds(tmp_path: Path, ears: tuple[str, ...], thing: int) -> None:
    models = pool(*ears)
    finder = Finder(library_of(models, tmp_path), models)
    for query in (
        Query(text=f"a {THINGS[thing]} passes"),
        Query(images=(picture(thing),)),
        Query(audio=sound(PITCHES_HZ[thing] * 1.1, 2.0)),
    ):
        hits = finder.search(query, ignore_names=True)
        assert [hit.sound.path for hit in hits] == [f"{thing}.wav", f"{1 - thing}.wav"]
        assert hits[0].why, query
        assert hits[0].score > 0.6 > 0.5 > hits[1].score


def sources(ears: tuple[str, ...], query: Query, folder: Path) -> list[str]:
    """Which evidence a query gets, and from how many."""
    models = pool(*ears)
    finder = Finder(library_of(models, folder), models)
    return sorted(one.source for one in finder._evidence(query, True, for_music=False))


def test_ears_that_are_not_asked_for_words_answer_where_no_other_can(tmp_path: Path) -> None:
    query = Query(text="teapot")
    for ears, said in (
        (("onlooker",), ["said"]),
        (("onlooker", "names"), ["said"]),
        (("onlooker", "speaks"), ["near"]),
    ):
        folder = tmp_path / "-".join(ears)
        folder.mkdir()
        assert sources(ears, query, folder) == said


def test_what_is_seen_is_asked_of_classes_and_of_points(tmp_path: Path) -> None:
    assert sources(("speaker",), Query(images=(picture(0),)), tmp_path) == ["near", "seen"]


def test_ears_that_share_a_label_space_both_count(tmp_path: Path) -> None:
    models = pool("names", "deaf")
    finder = Finder(library_of(models, tmp_path), models)
    found = {(column.ear, column.hearing.space.name) for column in finder.columns}
    assert found == {("names", "machines"), ("deaf", "machines")}


def test_what_they_hear_is_told_by_the_moment(tmp_path: Path) -> None:
    models = pool("names")
    (hit, _) = Finder(library_of(models, tmp_path), models).search(Query(text="teapot"), ignore_names=True)
    assert [event.label for event in hit.events] == ["teapot"]
    assert hit.why[0].startswith("heard: teapot 0:00")


@pytest.mark.models
@pytest.mark.parametrize("ear", ["names", "speaks"])
def test_they_score_a_story_told_in_pictures(tmp_path: Path, models: Models, ear: str) -> None:
    """Moods are told by the embedded encoders, whatever the profile; everything else by what is new."""
    fakes = pool(ear, **{name: models.encoder(name) for name in ("minilm", "efficientnet_lite2")})
    library = library_of(fakes, tmp_path, others=12)
    story = tmp_path / "story"
    story.mkdir()
    for number, thing in enumerate((0, 1)):
        Image.fromarray(np.tile(picture(thing), (10, 10, 1))).save(story / f"{number}.png")
    request = ScoreRequest(story, library, tmp_path / "out.mp4", music=False, ignore_names=True, size=(320, 240))
    with Watch() as watch:
        result = score.run(request, fakes, watch)
    half_s = result.score.duration_s / 2
    cues = sorted(result.score.cues, key=lambda cue: cue.start_s)
    assert [(cue.sound.path, cue.start_s >= half_s - 0.1) for cue in cues] == [("0.wav", False), ("1.wav", True)]


def test_eyes_that_share_nothing_with_words_are_told(tmp_path: Path) -> None:
    mute = Looks("mute", "image")
    mute.traits = Traits()
    models = pool("names", looks=mute)
    finder = Finder(library_of(models, tmp_path), models)
    with pytest.raises(UsageError, match="mute neither names anything nor speaks the space of a text encoder"):
        finder.search(Query(images=(picture(0),)))


def test_a_space_whose_words_cannot_be_had_is_told_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    far = Speaks("far", "audio")
    far.traits = Traits(space="nowhere")
    models = pool("names", "far", far=far)
    finder = Finder(library_of(models, tmp_path), models)
    for _ in range(2):
        assert finder.search(Query(text="teapot"), ignore_names=True)[0].sound.path == "1.wav"
    assert caplog.text.count("nothing can be asked in the space of nowhere") == 1


def test_a_library_of_other_ears_still_answers_to_words(tmp_path: Path) -> None:
    library = library_of(pool("names"), tmp_path)
    finder = Finder(library, pool("speaks"))
    assert finder.search(Query(text="teapot"), ignore_names=True)[0].sound.path == "1.wav"
    with pytest.raises(LibraryError, match="wasn't heard by speaks"):
        finder.search(Query(audio=sound(200.0)))
