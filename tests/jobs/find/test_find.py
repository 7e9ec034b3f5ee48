"""Searching a small library of synthetic sounds with the real encoders."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from rounding import ROUNDING
from storysound.app.cli.commands import app
from storysound.encode.pool import Models
from storysound.errors import LibraryError, MediaError, UsageError
from storysound.jobs.find.finder import Finder
from storysound.jobs.index import index
from storysound.jobs.index.request import IndexRequest
from storysound.match.query import Query
from storysound.media.audio import Waveform, write_wav
from storysound.progress import Watch
from storysound.story import Mood

pytestmark = [pytest.mark.models, pytest.mark.usefixtures("shared_models")]
RATE_HZ = 44_100


def sounds() -> dict[str, np.ndarray]:
    """Four sounds that nobody confuses, under names that say nothing or lie."""
    t = np.arange(6 * RATE_HZ) / RATE_HZ
    noise = np.random.default_rng(0).standard_normal(len(t)) * 0.1
    wail = 0.3 * np.sin(2 * np.pi * (900 * t - 400 / np.pi / 2 * np.cos(np.pi * t)))
    ticks = np.where((t % 0.5) < 0.004, 0.6, 0) * np.sin(2 * np.pi * 3000 * t)
    chord = sum(np.sin(2 * np.pi * f * t) * (0.5 + 0.5 * np.sin(2 * np.pi * 2 * t) ** 8) for f in (262, 330, 392)) / 8
    return {"a.wav": noise, "b.wav": wail, "c.wav": ticks, "gun shot.wav": chord}


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory, models: Models) -> Path:
    folder = tmp_path_factory.mktemp("find")
    (folder / "sounds").mkdir()
    for name, samples in sounds().items():
        write_wav(folder / "sounds" / name, Waveform(samples.astype(np.float32)[None], RATE_HZ))
    index.run(IndexRequest((folder / "sounds",), folder / "library"), models, Watch())
    return folder / "library"


@pytest.fixture(scope="module")
def finder(library: Path, models: Models) -> Finder:
    return Finder(library, models)


@pytest.mark.parametrize(("text", "want"), [("clock ticking", "c.wav"), ("police siren", "b.wav")])
def test_words_find_what_is_heard(finder: Finder, text: str, want: str) -> None:
    hits = finder.search(Query(text=text), ignore_names=True)
    assert hits[0].sound.path == want
    assert [h.score for h in hits] == sorted((h.score for h in hits), reverse=True)
    assert all(0 < h.score < 1 for h in hits)
    assert any("heard" in reason for reason in hits[0].why), hits[0].why


def test_names_count_unless_ignored(finder: Finder) -> None:
    named = finder.search(Query(text="gun shot"))
    assert named[0].sound.path == "gun shot.wav"
    assert any(reason.startswith("named gun, shot") for reason in named[0].why)
    assert finder.search(Query(text="gun shot"), ignore_names=True)[0].sound.path != "gun shot.wav"


def test_a_sound_is_most_like_itself(finder: Finder, library: Path) -> None:
    for name, samples in sounds().items():
        by_file = finder.search(Query(audio=library.parent / "sounds" / name))
        by_array = finder.search(Query(audio=Waveform(samples.astype(np.float32)[None], RATE_HZ)))
        assert by_file[0].sound.path == by_array[0].sound.path == name


def test_mood_orders_by_distance(finder: Finder) -> None:
    wanted = Mood(0.2, 0.9)
    distances = [hit.sound.mood.distance(wanted) for hit in finder.search(Query(mood=wanted))]
    assert distances == sorted(distances)


def test_pictures_and_text_mix(finder: Finder) -> None:
    picture = np.random.default_rng(1).integers(0, 255, (64, 64, 3), dtype=np.uint8)
    alone = finder.search(Query(images=(picture,)))
    mixed = finder.search(Query(images=(picture,), text="clock ticking"), ignore_names=True)
    assert len(alone) == len(mixed) == 4
    assert mixed[0].sound.path == "c.wav"


def test_k_and_kind(finder: Finder) -> None:
    assert len(finder.search(Query(text="x"), 2)) == 2
    kinds = {sound.kind for sound in finder.index.sounds}
    found = {kind: finder.search(Query(text="x"), kind=kind) for kind in ("music", "sfx")}
    assert {kind for kind, hits in found.items() if hits} == kinds
    assert all(hit.sound.kind == kind for kind, hits in found.items() for hit in hits)


def test_the_chance_that_a_hit_fits_is_told_of_words_and_pictures(finder: Finder) -> None:
    hits = finder.search(Query(text="gun shot"))
    assert [hit.chance is None for hit in hits] == [hit.sound.kind == "music" for hit in hits]
    named, unnamed = hits[0], finder.search(Query(text="gun shot"), ignore_names=True)[0]
    assert named.chance is not None
    assert named.chance > 0.5 > (unnamed.chance or 0.0)
    assert all(hit.chance is None for hit in finder.search(Query(text="gun shot", mood=Mood(0.2, 0.9))))


def test_of_music_the_chance_is_told_of_words_that_look_for_music_alone(library: Path, models: Models) -> None:
    finder = Finder(library, models)
    finder.index.sounds = tuple(replace(sound, kind="music") for sound in finder.index.sounds)
    likely = [hit.chance or 0.0 for hit in finder.search(Query(text="a calm evening"), kind="music", ignore_names=True)]
    assert all(0 < one < 1 for one in likely)
    assert likely == sorted(likely, reverse=True), "what fits better is likelier to fit"
    story = finder.search(Query(text="a calm evening " * 50), kind="music", ignore_names=True)[0].chance
    assert 0 < (story or 0.0) < likely[0], "of a story each track says less"
    dark = np.zeros((60, 80, 3), np.uint8)
    for query in (Query(images=(dark,)), Query(text="calm", images=(dark,)), Query(text="calm", mood=Mood(0.5, 0.1))):
        assert all(hit.chance is None for hit in finder.search(query, kind="music"))
    assert all(hit.chance is None for hit in finder.search(Query(text="calm"))), "asked for sounds of any kind"


def test_an_empty_query_is_an_error() -> None:
    with pytest.raises(UsageError, match="a query needs `text`, `images`, `video`, `audio` or `mood`"):
        Query(text="  ")


def test_unreadable_query_media(finder: Finder, tmp_path: Path) -> None:
    fake = tmp_path / "fake.mp4"
    fake.write_text("no video")
    for query in (Query(video=fake), Query(audio=fake), Query(images=(fake,))):
        with pytest.raises(MediaError):
            finder.search(query)


def test_no_library(tmp_path: Path, models: Models) -> None:
    with pytest.raises(LibraryError, match="does not exist"):
        Finder(tmp_path / "none", models)


def test_the_command_prints_a_row_a_hit(library: Path, tmp_path: Path) -> None:
    file = tmp_path / "q.jsonl"
    file.write_text('{"id": "one", "text": "clock ticking"}\n{"text": "police siren"}\n')
    arguments = ["find", "-l", str(library), "--ignore-names", "-k", "2", "--json"]
    many = CliRunner().invoke(app, [*arguments, "--queries", str(file)])
    rows = [json.loads(line) for line in many.stdout.splitlines()]
    assert [(row["id"], row["rank"]) for row in rows] == [("one", 1), ("one", 2), ("2", 1), ("2", 2)]
    assert set(rows[0]) == {"id", "rank", "sound", "score", "chance", "start_s", "end_s", "why"}
    single = CliRunner().invoke(app, [*arguments, "--text", "clock ticking"])
    scores = [json.loads(line)["score"] for line in single.stdout.splitlines()]
    assert scores == pytest.approx([row["score"] for row in rows[:2]], abs=ROUNDING)


def test_several_pictures_after_one_option(library: Path, tmp_path: Path) -> None:
    for name in "ab":
        Image.fromarray(np.full((32, 32, 3), 99, np.uint8)).save(tmp_path / f"{name}.png")
    a, b = str(tmp_path / "a.png"), str(tmp_path / "b.png")
    arguments = ["find", "-l", str(library), "--json"]
    results = [
        CliRunner().invoke(app, [*arguments, *given]) for given in (["--image", a, b], ["--image", a, "--image", b])
    ]
    assert results[0].exit_code == 0
    assert results[0].stdout == results[1].stdout
    stray = CliRunner().invoke(app, [*arguments, "rain"])
    assert isinstance(stray.exception, UsageError)
    assert "--text" in str(stray.exception)


def test_the_command_prints_a_table(library: Path) -> None:
    result = CliRunner().invoke(app, ["find", "-l", str(library), "--text", "clock ticking", "--ignore-names"])
    assert result.exit_code == 0
    assert "c.wav" in result.stdout
