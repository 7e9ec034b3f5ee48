"""Every kind of story through the whole job, with stand-ins for the models: texts, sounds, mixed folders, languages."""

import json
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any
from unittest.mock import patch

import av
import numpy as np
import opentimelineio as otio
import pytest
from PIL import Image

from jobs import score_fakes
from jobs.score_fakes import Louder, Shelf, make_models, score, tone, video, voice
from media.media_making import HEIC, add_sounds
from storysound.cue.sheet import read_json, write_json
from storysound.errors import InputError, OutputError, UsageError
from storysound.jobs.plan import plan as planning
from storysound.jobs.plan.request import PlanOptions, ReplanRequest
from storysound.jobs.render import render as rendering
from storysound.jobs.render.deliver import check_targets
from storysound.jobs.render.request import RenderOptions, RenderRequest
from storysound.jobs.score.batch import fitting, is_done, outputs
from storysound.jobs.score.request import ScoreRequest, ScoreResult
from storysound.media.arrays import RATE_HZ
from storysound.media.audio import Waveform, read_audio, write_wav
from storysound.media.film.enclosed import Cover, Enclosed, enclosed_in
from storysound.media.film.sound_files import write_sound
from storysound.media.image import to_jpeg
from storysound.media.loudness import integrated_lufs, true_peak_dbtp
from storysound.media.probe import probe
from storysound.media.recording import of_wave
from storysound.media.video import iter_frames
from storysound.progress import Watch
from storysound.story import Sound, Span

sounds = score_fakes.sounds  # fixture


def render(result: ScoreResult, out: Path, **asked: Any) -> None:
    rendering.run(RenderRequest(result.files["json"], out, **asked), make_models(), Watch())


@pytest.fixture
def text(tmp_path: Path) -> Path:
    story = tmp_path / "story.txt"
    story.write_text("# The red hill\n\n" + "All is red. " * 5 + "\n\n" + "There is a knock. " * 5, "utf-8")
    return story


# --- texts


@pytest.mark.parametrize("suffix", [".wav", ".flac", ".mp3", ".m4a", ".ogg"])
def test_a_text_alone_becomes_sound(suffix: str, text: Path, sounds: list[Sound], tmp_path: Path) -> None:
    shelf = Shelf(sounds)
    models = make_models()
    models.get("efficientnet_lite2", lambda _: None)
    result = score(shelf, models, text, tmp_path / f"out{suffix}")
    # Three words of a heading, at least four seconds; fifteen words and twenty at two and a half a second.
    assert result.story.units == (Span(0, 4), Span(4, 10), Span(10, 18))
    assert result.score.duration_s == 18.0
    sound = read_audio(result.files["sound"])
    assert sound.duration_s == pytest.approx(18.0, abs=0.03)
    assert integrated_lufs(sound) == pytest.approx(-16, abs=0.5)
    assert true_peak_dbtp(sound) <= -1
    assert any("All is red." in query.text for query, kind in shelf.asked if kind == "music")
    assert not any(query.images for query, _ in shelf.asked)
    assert "<title>" in result.files["report"].read_text("utf-8")
    before = sound.samples
    render(result, tmp_path / f"again{suffix}")
    again = read_audio(tmp_path / f"again{suffix}").samples
    assert ((again - before) ** 2).sum() < 1e-4 * (before**2).sum()


def test_a_film_of_a_text_is_refused_before_any_work(text: Path, sounds: list[Sound], tmp_path: Path) -> None:
    shelf, before = Shelf(sounds), sorted(tmp_path.iterdir())
    with pytest.raises(OutputError, match=r"a text has no pictures \(name it \.wav"):
        score(shelf, make_models(), text, tmp_path / "out.mp4")
    assert not shelf.asked
    assert sorted(tmp_path.iterdir()) == before
    (tmp_path / "empty.md").write_text("  \n\n# \n", "utf-8")
    with pytest.raises(InputError, match="says nothing"):
        score(shelf, make_models(), tmp_path / "empty.md", tmp_path / "out.wav")


# --- sounds


@pytest.mark.parametrize("suffix", [".mp3", ".m4b"])
def test_a_podcast_gets_music_and_ambience_under_its_voice(
    suffix: str, sounds: list[Sound], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    spoken = (Span(1.0, 11.0), Span(12.0, 23.0))
    tags = {"title": "Of hills", "artist": "Ada", "album": "Walks", "date": "2021"}
    mark = {"id": 1, "start": 0, "end": 15, "time_base": Fraction(1), "metadata": {"title": "One"}}
    jpeg = to_jpeg(np.zeros((16, 16, 3), np.uint8))
    book = Enclosed(tags, (mark, {**mark, "id": 2, "start": 15, "end": 24}), (Cover("mjpeg", jpeg, 16, 16),))
    story = tmp_path / f"talk{suffix}"
    write_sound(of_wave(voice(24.0, spoken)), story, book)
    result = score(
        Shelf(sounds, ("red",)), make_models(speech=spoken), story, tmp_path / f"out{suffix}", text="green hills"
    )
    assert {cue.layer for cue in result.score.cues} == {"music", "ambience"}
    (scene,) = result.score.scenes
    assert scene.text == "green hills"
    # Parts end where nobody speaks.
    assert [unit.start_s for unit in result.story.units[1:]] == [pytest.approx(11.5, abs=0.5)]
    own, mixed = read_audio(story, rate_hz=RATE_HZ).samples[0], read_audio(result.files["sound"], rate_hz=RATE_HZ)
    part = slice(3 * RATE_HZ, 10 * RATE_HZ)
    a, b = own[part], mixed.samples[0][part]
    assert float(a @ b / np.sqrt((a @ a) * (b @ b))) > 0.95
    assert result.score.loudness["ducking_db"] >= 9
    timeline = otio.adapters.read_from_file(str(result.files["otio"]))
    assert [clip.name for clip in timeline.tracks[0]] == [story.name]
    kept = probe(result.files["sound"]).tags
    assert {name: kept[name] for name in ("title", "artist", "album", "year")} == {
        "title": "Of hills", "artist": "Ada", "album": "Walks", "year": "2021",
    }  # fmt: skip
    enclosed = enclosed_in(result.files["sound"], 24.0)
    assert [float(chapter["start"] * chapter["time_base"]) for chapter in enclosed.chapters] == [0.0, 15.0]
    assert [cover.data for cover in enclosed.covers] == [jpeg]
    assert not any("left out" in note for note in result.notes)
    with pytest.raises(OutputError, match="a sound has no pictures"):
        render(result, tmp_path / "out.mov")
    assert "left out" not in caplog.text
    check_targets(story, tmp_path / "out.wav", RenderOptions())
    assert "will be left out: 2 chapters: .wav can't hold them (.flac does)" in caplog.text


def test_a_voice_without_a_word_about_it_is_neutral(sounds: list[Sound], tmp_path: Path) -> None:
    spoken = (Span(0.0, 9.0),)
    write_wav(tmp_path / "talk.wav", voice(9.0, spoken))
    result = score(Shelf(sounds), make_models(speech=spoken), tmp_path / "talk.wav", tmp_path / "out.wav")
    (scene,) = result.score.scenes
    assert (scene.mood.valence, scene.mood.arousal) == (0.5, 0.5)
    assert [cue.layer for cue in result.score.cues] == ["music"]
    # The same with nobody in it feels like what it sounds like.
    heard = score(Shelf(sounds), make_models(), tmp_path / "talk.wav", tmp_path / "o.wav").score.scenes
    assert (heard[0].mood.valence, heard[0].mood.arousal) != (0.5, 0.5)


def test_a_video_becomes_sound_alone(sounds: list[Sound], tmp_path: Path) -> None:
    story = video(tmp_path / "in.mp4", [0], 6.0, voice(6.0, (Span(2.5, 5.0),)))
    result = score(Shelf(sounds), make_models(speech=(Span(2.5, 5.0),)), story, tmp_path / "o.flac")
    assert read_audio(result.files["sound"]).duration_s == pytest.approx(6.0, abs=1 / RATE_HZ)
    assert not probe(result.files["sound"]).video


# --- pictures and films


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A red picture, a blue film of three seconds that speaks, a picture of a telephone, and what is no story."""
    folder = tmp_path / "trip"
    folder.mkdir()
    Image.new("RGB", (160, 90), (220, 10, 10)).save(folder / "1.jpg")
    video(folder / "2.mp4", [2], 3.0, voice(3.0, (Span(0.0, 3.0),)))
    (folder / "3.heic").write_bytes(HEIC)
    (folder / "notes.docx").write_bytes(b"PK")
    (folder / "raw").mkdir()
    (folder / "story.txt").write_text("A red hill.\n\nThe sea.\n\nThe end.", "utf-8")
    return folder


def test_films_play_among_pictures_with_their_sound(folder: Path, sounds: list[Sound], tmp_path: Path) -> None:
    models = make_models(detector=Louder())
    result = score(Shelf(sounds), models, folder, tmp_path / "out.mp4", size=(320, 180), transition=0.0)
    stills = result.score.slideshow.stills  # type: ignore[union-attr]
    assert [(Path(s.path).name, s.start_s, s.end_s, s.is_film) for s in stills] == [
        ("1.jpg", 0.0, 4.0, False), ("2.mp4", 4.0, 7.0, True), ("3.heic", 7.0, 11.0, False),
    ]  # fmt: skip
    assert any("notes.docx, raw" in note for note in result.notes)
    frames = list(iter_frames(result.files["video"]))
    assert len(frames) == 275
    assert frames[0].rgb.shape == (180, 320, 3)
    assert frames[50].rgb[90, 160].argmax() == 0
    assert frames[150].rgb[160, 160].argmax() == 2
    assert frames[200].rgb[50, 160, 0] > 150  # the upper half of the HEIC is red
    assert frames[200].rgb[130, 160, 2] > 150
    # Somebody speaks in the film; nothing of the story's own is heard beside the pictures.
    assert result.score.speech == (Span(4.0, 5.0), Span(5.0, 6.0), Span(6.0, 7.0))
    own = read_audio(result.score.original.path).samples  # type: ignore[union-attr]
    assert float(np.abs(own[:, : 4 * RATE_HZ]).max()) == 0.0
    assert float(np.abs(own[:, 5 * RATE_HZ : 6 * RATE_HZ]).max()) > 0.05
    # Planned anew, the sheet's times stay.
    sheet = read_json(result.files["json"])
    assert sheet.slideshow == result.score.slideshow
    with patch.object(planning, "finder_of", lambda *_: (Shelf(sounds), None)):
        again = planning.run_again(ReplanRequest(result.files["json"], seed=1), models, Watch()).score
    assert (again.slideshow, again.original, again.speech) == (sheet.slideshow, sheet.original, sheet.speech)


def test_a_narration_is_spread_over_the_pictures(folder: Path, sounds: list[Sound], tmp_path: Path) -> None:
    write_wav(tmp_path / "told.wav", voice(12.0, (Span(1.0, 11.0),)))
    (folder / "2.mp4").unlink()
    asked = {"narration": tmp_path / "told.wav", "fps": 30.0, "text": "red", "size": (320, 180)}
    result = score(Shelf(sounds), make_models(detector=Louder()), folder, tmp_path / "out.mp4", **asked)
    assert result.score.duration_s == pytest.approx(12.0)
    assert [s.start_s for s in result.score.slideshow.stills] == pytest.approx([0.0, 6.0])  # type: ignore[union-attr]
    assert Path(result.score.original.path) == tmp_path / "told.wav"  # type: ignore[union-attr]
    timeline = otio.adapters.read_from_file(str(result.files["otio"]))
    assert [track[0].name for track in timeline.tracks][:2] == ["out.mp4", "told.wav"]
    assert result.score.loudness["ducking_db"] >= 9
    assert probe(result.files["video"]).video.fps == pytest.approx(30)  # type: ignore[union-attr]
    request = ScoreRequest(folder, Path("library"), tmp_path / "out.mp4", **asked)  # type: ignore[arg-type]
    assert is_done(request)
    assert not is_done(replace(request, fps=25.0))
    render(result, tmp_path / "again.mp4")
    one, two = (read_audio(tmp_path / name).samples for name in ("out.mp4", "again.mp4"))
    assert ((one - two) ** 2).sum() < 1e-4 * (one**2).sum()


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"size": (321, 180)}, "size: takes even numbers"),
        ({"size": (8, 8)}, "size: takes even numbers"),
        ({"fps": 0.0}, r"fps: must lie in \[1, 120\]"),
        ({"seconds": -1.0}, "seconds: must lie in"),
        ({"transition": float("nan")}, "transition: must lie in"),
        ({"seconds": 3.0, "narration": Path("a.wav")}, "seconds: a `narration` says"),
        ({"narration": Path("a.wav"), "keep_original": False}, "narration: is the original"),
        ({"every_track": True, "replace": True}, "every_track: keeps the sound"),
    ],
)
def test_wishes_that_make_no_sense_are_told(asked: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        PlanOptions(**asked)


def test_wishes_of_another_kind_of_story_are_told(text: Path, sounds: list[Sound], tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="seconds: is for folders of pictures"):
        score(Shelf(sounds), make_models(), text, tmp_path / "o.wav", seconds=3.0)
    with pytest.raises(UsageError, match="every_track: is for films"):
        score(Shelf(sounds), make_models(), text, tmp_path / "o.wav", every_track=True)
    options = {"size": (640, 360), "every_track": True, "text": "sea"}
    assert fitting(text, options) == {"text": "sea"}
    assert fitting(tmp_path, options) == {"size": (640, 360), "text": "sea"}
    assert fitting(tmp_path / "film.mp4", options) == {"every_track": True, "text": "sea"}


def test_stories_of_each_kind_become_what_they_can_be(text: Path, folder: Path, tmp_path: Path) -> None:
    write_wav(tmp_path / "a.aif", voice(1.0, ()))
    write_wav(tmp_path / "talk.flac", voice(1.0, ()))
    video(tmp_path / "b.mkv", [0], 1.0, None)
    stories = [text, folder, tmp_path / "a.aif", tmp_path / "talk.flac", tmp_path / "b.mkv", folder / "2.mp4"]
    names = [out.name for _, out in outputs(stories, Path("to"))]
    assert names == ["story.m4a", "trip.mp4", "a.m4a", "talk.flac", "b.mkv", "2.mp4"]


# --- tracks


@pytest.fixture
def languages(tmp_path: Path) -> Path:
    """A film of twelve seconds: English speaks from 1 to 4, German, softer, from 7 to 11."""
    pictures = video(tmp_path / "pictures.mp4", [0], 12.0, None)
    english = voice(12.0, (Span(1.0, 4.0),))
    german = Waveform(0.5 * voice(12.0, (Span(7.0, 11.0),)).samples, RATE_HZ)
    return add_sounds(pictures, tmp_path / "film.mkv", {"eng": english, "deu": german})


def test_each_language_is_scored_under_its_own_speech(languages: Path, sounds: list[Sound], tmp_path: Path) -> None:
    models = make_models(detector=Louder())
    out, stems = tmp_path / "out.mkv", tmp_path / "stems"
    result = score(Shelf(sounds, ("red",)), models, languages, out, every_track=True, stems=stems, effects=False)
    (german,) = result.score.tracks
    assert (german.number, german.language) == (1, "deu")
    assert result.score.speech == (Span(1, 2), Span(2, 3), Span(3, 4))
    assert german.speech == (Span(7, 8), Span(8, 9), Span(9, 10), Span(10, 11))
    assert german.bed_db == pytest.approx(-6.02, abs=0.3)  # as much softer as its voice
    assert [stream.language for stream in probe(out).sounds] == ["eng", "deu"]
    assert read_json(result.files["json"]).tracks == result.score.tracks
    assert [one.cue for one in german.verdicts] == [cue.id for cue in result.score.audible]
    assert [(one.audible_db > -10, abs(one.offset_s or 0.0) <= 0.01) for one in german.verdicts] == [(True, True)]
    beds = []
    for number, speech in enumerate(([(1, 4)], [(7, 11)])):
        mix = read_audio(out, track=number, rate_hz=RATE_HZ, channels=2)
        assert integrated_lufs(mix) == pytest.approx(-16, abs=0.3)
        assert true_peak_dbtp(mix) <= -1
        own = read_audio(languages, track=number, rate_hz=RATE_HZ, channels=2).samples[0]
        (a, b), got = speech[0], mix.samples[0][: len(own)]
        said = slice(round((a + 0.2) * RATE_HZ), round((b - 0.2) * RATE_HZ))
        gain = float(own[said] @ got[said] / (own[said] @ own[said]))
        bed = got - gain * own[: len(got)]
        level = [float(np.sqrt(np.mean(bed[round(s * RATE_HZ) : round((s + 1) * RATE_HZ)] ** 2))) for s in (2, 8.5)]
        beds.append(20 * np.log10(level[number] / level[1 - number]))
    assert max(beds) < -7  # softer where its own voice speaks than where the other one does
    # Rendered from the sheet it is the same; at another loudness each track has that.
    render(result, tmp_path / "soft.mkv", loudness="-23")
    for number in (0, 1):
        assert integrated_lufs(read_audio(tmp_path / "soft.mkv", track=number)) == pytest.approx(-23, abs=0.3)
    # Planned anew, the speech of its sheet stays, also where it was changed.
    sheet = read_json(result.files["json"])
    write_json(replace(sheet, tracks=(replace(german, speech=(Span(0, 1),)),)), result.files["json"])
    with patch.object(planning, "finder_of", lambda *_: (Shelf(sounds), None)):
        again = planning.run_again(ReplanRequest(result.files["json"]), models, Watch()).score
    assert again.tracks[0].speech == (Span(0, 1),)
    assert [cue.id for cue in again.cues] == [cue.id for cue in sheet.cues]


def test_the_own_track_is_the_default_one_then_the_one_that_speaks(sounds: list[Sound], tmp_path: Path) -> None:
    pictures = video(tmp_path / "pictures.mp4", [0], 6.0, None)
    hum, talk = Waveform(0.005 * tone(6.0, 100.0), RATE_HZ), voice(6.0, (Span(1.0, 5.0),))
    speaks = add_sounds(pictures, tmp_path / "speaks.mkv", {"und": hum, "eng": talk}, default=())
    flagged = add_sounds(pictures, tmp_path / "flagged.mkv", {"und": hum, "eng": talk}, default=(0,))
    models = make_models(detector=Louder())
    for story, asked, track in ((speaks, None, 1), (flagged, None, 0), (flagged, 1, 1)):
        result = score(Shelf(sounds), models, story, tmp_path / "out.mkv", track=asked)
        assert result.score.track == track
    sheet = json.loads(result.files["json"].read_text("utf-8"))
    assert sheet["tracks"] == []
    with av.open(str(result.files["video"])) as container:
        assert len(container.streams.audio) == 2
