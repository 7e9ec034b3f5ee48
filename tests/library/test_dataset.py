"""The data set on disk: atomic commits, lazy reading, and what stands in its way."""

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from storysound.errors import LibraryError
from storysound.library import tables
from storysound.library.dataset import MEDIA, PLAIN, SCHEMA, SCRATCH, Dataset, row_of, story_of
from storysound.media.audio import Waveform, write_flac
from storysound.story import Frame, Mood, Source, Span, Step, Story

SETTINGS = {"frames_per_s": "2", "speech_removal": "x"}


def story(name: str, text: str = "It rains.") -> Story:
    return Story(
        id=name,
        text=text,
        frames=(Frame(f"{name}#frames/0", 0.5), Frame(f"{name}#frames/1", 1.5)),
        shots=(Span(0.0, 1.0), Span(1.0, 2.0)),
        audio=f"{name}#audio",
        background=f"{name}#background",
        captions=(text,),
        mood=Mood(0.25, 0.75),
        source=Source("https://example.org", "ab", "CC0-1.0", "Jane"),
        steps=(Step("look", "1", "ff"),),
        duration_s=2.0,
        slices=(Span(0.0, 2.0),),
    )


def row(tmp_path: Path, name: str, text: str = "It rains.", value: float = 0.5) -> dict[str, Any]:
    wave = Waveform(np.linspace(-value, value, 2 * 8000, dtype=np.float32)[None], 8000)
    write_flac(tmp_path / "a.flac", wave)
    flac = (tmp_path / "a.flac").read_bytes()
    slices = [{"start_s": 0.0, "end_s": 2.0, "mean_hz": 99.0}]
    more = {"slices": slices, "rate_hz": 8000, "channels": 1, "parts": [], "faults": [], "plan_sha256": "p"}
    return row_of(story(name, text)) | more | {"frames": [b"1", b"2"], "audio": flac, "background": flac}


def test_stories_come_back_as_they_went_in(tmp_path: Path) -> None:
    data = Dataset.open_or_create(tmp_path / "data", SETTINGS)
    with data.writer() as writer:
        (writer.scratch / "x").mkdir()
        writer.commit((row(tmp_path, name) for name in ("b/1", "a")), ["b/1", "a"])
    again: Dataset = pickle.loads(pickle.dumps(data))  # noqa: S301
    assert again.stories() == [story("b/1"), story("a")]
    assert (len(again), again.settings, again.frames("a")) == (2, SETTINGS, [b"1", b"2"])
    assert not (data.folder / SCRATCH).exists()
    whole = again.audio("b/1")
    assert np.allclose(whole.samples[0], np.linspace(-0.5, 0.5, 16000), atol=2**-15)
    part = again.background("b/1", 0.5, 0.75)
    assert np.array_equal(part.samples, whole.samples[:, 4000:6000])
    assert again.background("b/1", 1.9, 9.0).duration_s == pytest.approx(0.1)
    assert set(PLAIN) | set(MEDIA) == set(SCHEMA.names)


def test_a_story_of_the_same_id_takes_the_place_of_the_old_one(tmp_path: Path) -> None:
    data = Dataset.open_or_create(tmp_path / "data", SETTINGS)
    with data.writer() as writer:
        writer.commit([row(tmp_path, "a"), row(tmp_path, "it's", value=0.25), row(tmp_path, "c")], ["a", "it's", "c"])
        writer.commit([row(tmp_path, "a", "It snows.", 0.125), row(tmp_path, "d")], ["a", "d"])
    assert sorted((each.id, each.text) for each in data.stories()) == [
        ("a", "It snows."), ("c", "It rains."), ("d", "It rains."), ("it's", "It rains."),
    ]  # fmt: skip
    peaks = [float(data.audio(name).samples.max()) for name in ("a", "it's", "c")]
    assert peaks == pytest.approx([0.125, 0.25, 0.5], abs=1e-4)


def test_a_commit_that_fails_leaves_nothing(tmp_path: Path) -> None:
    data = Dataset.open_or_create(tmp_path / "data", SETTINGS)

    def rows() -> Any:
        yield row(tmp_path, "a")
        raise OSError(28, "No space left on device")

    with pytest.raises(Exception, match=r"full|No space"), data.writer() as writer:
        writer.commit(rows(), ["a", "b"])
    assert data.stories() == []


def test_one_writer_at_a_time(tmp_path: Path) -> None:
    data = Dataset.open_or_create(tmp_path / "data", SETTINGS)
    with data.writer(), pytest.raises(LibraryError, match="is being written by process"), data.writer():
        pass


def test_other_settings_need_another_folder(tmp_path: Path) -> None:
    Dataset.open_or_create(tmp_path, SETTINGS)
    with pytest.raises(LibraryError, match=r"other settings: frames_per_s 2, now 10 \(ingest into a new folder\)"):
        Dataset.open_or_create(tmp_path, SETTINGS | {"frames_per_s": "10"})


def test_what_is_no_data_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("x")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.doc").write_text("x")
    for name, fault in (("gone", "does not exist"), ("file", "is a file"), ("full", "is not a Storysound data set")):
        with pytest.raises(LibraryError, match=fault):
            Dataset.open(tmp_path / name)
    with pytest.raises(LibraryError, match=r"holds other things \('thesis.doc'\)"):
        Dataset.open_or_create(tmp_path / "full", SETTINGS)
    with pytest.raises(LibraryError, match="a data set is a folder"):
        Dataset.open_or_create(tmp_path / "file", SETTINGS)
    data = Dataset.open_or_create(tmp_path / "new", SETTINGS)
    with pytest.raises(LibraryError, match="has no story 'x'"):
        data.audio("x")
    manifest = next((tmp_path / "new" / "stories.lance" / "_versions").glob("*.manifest"))
    manifest.write_bytes(b"no")
    with pytest.raises(LibraryError, match=r"is damaged.*ingest the videos into a new one"):
        Dataset.open(tmp_path / "new")
    monkeypatch.setattr("storysound.library.dataset.FORMAT", 9)
    Dataset.open_or_create(tmp_path / "later", SETTINGS)
    monkeypatch.undo()
    with pytest.raises(LibraryError, match="was made by storysound"):
        Dataset.open(tmp_path / "later")


def test_what_a_killed_maker_leaves_is_made_anew(tmp_path: Path) -> None:
    table = Path(tables.uri(tmp_path, "stories"))
    (table / "data").mkdir(parents=True)
    (table / "data" / "half.lance").write_bytes(b"x")
    assert Dataset.open_or_create(tmp_path, SETTINGS).stories() == []


def test_a_story_without_mood() -> None:
    plain = Story("a")
    more = {"slices": [], "frame_times_s": []}
    assert story_of(row_of(plain) | more) == Story("a", audio="a#audio", background="a#background")
