"""The whole job with tiny stand-ins for the models: real media in, real files out."""

import csv
import io
import json
import math
from pathlib import Path
from typing import Any
from unittest.mock import patch

import av
import numpy as np
import opentimelineio as otio
import pytest

from jobs import score_fakes
from jobs.score_fakes import FPS, SPEECH, Shelf, ends, make_models, packets, score, tone, video
from storysound.cue.score import VERSION
from storysound.cue.sheet import read_json
from storysound.errors import InputError, LibraryError, MediaError, OutputError, UsageError
from storysound.jobs.render.deliver import together
from storysound.jobs.score import score as job
from storysound.jobs.score.request import ScoreRequest, ScoreResult
from storysound.media.arrays import RATE_HZ
from storysound.media.audio import Waveform, read_audio, write_wav
from storysound.media.loudness import integrated_lufs, true_peak_dbtp
from storysound.progress import Cancelled, Progress, Stop, Watch
from storysound.story import Sound

sounds, short, talking = score_fakes.sounds, score_fakes.short, score_fakes.talking  # fixtures


SHEETS = [
    "cues.csv", "cues.json", "music.csv", "report.html", "timeline.edl", "timeline.otio", "timeline.xml",
]  # fmt: skip


@pytest.fixture(scope="module")
def scored(talking: Path, sounds: list[Sound], tmp_path_factory: pytest.TempPathFactory) -> ScoreResult:
    out = tmp_path_factory.mktemp("out") / "scored.mp4"
    said: list[Progress] = []
    result = score(Shelf(sounds), make_models(speech=SPEECH), talking, out, Watch(said.append))
    assert list(dict.fromkeys(at.step for at in said)) == list(job.SHARES) == list(result.seconds)
    shares = [at.share for at in said]
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    return result


def test_pictures_are_copied_and_sound_ends_with_them(scored: ScoreResult, talking: Path) -> None:
    assert packets(scored.files["video"]) == packets(talking)
    picture, sound = ends(scored.files["video"])
    assert abs(picture - sound) <= 1 / FPS


def test_each_scene_has_its_music_and_it_changes_with_the_picture(scored: ScoreResult) -> None:
    beds = [cue for cue in scored.score.cues if cue.layer == "music"]
    assert [cue.sound.path for cue in beds] == ["red.wav", "blue.wav"]
    assert beds[0].start_s == 0
    assert 16.4 < beds[1].end_s <= 17.06  # on the last beat before the film's end
    assert beds[1].start_s == pytest.approx(8.5, abs=0.02)  # on a beat, where the picture changes
    assert beds[1].start_s < beds[0].end_s > 8.5
    assert [scene.gloss.split(",")[0] for scene in scored.score.scenes] == ["red", "blue"]
    assert beds[0].runners_up[0].path in {"green.wav", "blue.wav"}


def test_loudness_peak_and_ducking_hold_in_the_delivered_file(scored: ScoreResult, talking: Path) -> None:
    wave = read_audio(scored.files["video"])
    assert integrated_lufs(wave) == pytest.approx(-16, abs=1)
    assert true_peak_dbtp(wave) <= -1
    assert scored.score.loudness["ducking_db"] >= 9
    original = read_audio(talking, rate_hz=RATE_HZ, channels=2).samples[0]
    part = slice(round(2.7 * RATE_HZ), round(4.8 * RATE_HZ))
    a, b = original[part], wave.samples[0][part]
    assert float(a @ b / np.sqrt((a @ a) * (b @ b))) > 0.98
    rest = b - a * float(a @ b / (a @ a))
    assert 10 * math.log10(float((b @ b) / (rest @ rest))) > 12


def test_every_cue_is_judged_in_the_delivered_file(scored: ScoreResult) -> None:
    verdicts = scored.score.verdicts
    assert [verdict.cue for verdict in verdicts] == [cue.id for cue in scored.score.audible]
    for verdict in verdicts:
        assert verdict.audible_db > 0
        assert verdict.offset_s == pytest.approx(0.0, abs=0.001)
    assert read_json(scored.files["json"]).verdicts == verdicts
    assert "Place" in scored.files["report"].read_text("utf-8")


def test_the_sheets_hold_every_cue(scored: ScoreResult) -> None:
    data = json.loads(scored.files["json"].read_text("utf-8"))
    rows = list(csv.DictReader(io.StringIO(scored.files["csv"].read_text("utf-8"))))
    timeline = otio.adapters.read_from_file(str(scored.files["otio"]))
    ids = [cue.id for cue in scored.score.cues]
    assert [c["id"] for c in data["cues"]] == ids == [row["id"] for row in rows]
    assert data["loudness"]["lufs"] == pytest.approx(-16, abs=1)
    assert {"Video", "Original sound", "Music 1", "Music 2"} <= {track.name for track in timeline.tracks}
    page = scored.files["report"].read_text("utf-8")
    assert "red.wav" in page
    assert any("states no licence" in note and "blue.wav" in note for note in scored.notes)


def test_the_same_story_gives_the_same_sound(
    talking: Path, sounds: list[Sound], scored: ScoreResult, tmp_path: Path
) -> None:
    again = score(Shelf(sounds), make_models(speech=SPEECH), talking, tmp_path / "again.mp4")
    cues, same = (json.loads(s.files["json"].read_text("utf-8"))["cues"] for s in (scored, again))
    assert cues == same
    one, two = (read_audio(s.files["video"]).samples for s in (scored, again))
    # Of a last bit, should one be rounded otherwise, AAC makes what can't be heard but can be measured.
    assert ((one - two) ** 2).sum() < 0.01 * (one**2).sum()


@pytest.mark.parametrize("kind", ["no stream", "digital silence", "portrait", "uneven"])
def test_videos_without_sound_of_their_own(kind: str, sounds: list[Sound], tmp_path: Path) -> None:
    silent = Waveform(np.zeros((2, 8 * RATE_HZ), np.float32), RATE_HZ) if kind == "digital silence" else None
    size = (96, 160) if kind == "portrait" else (160, 96)
    story = video(tmp_path / "in.mp4", [1], 8.0, silent, jitter=kind == "uneven", size=size)
    scored = score(Shelf(sounds, ("green",)), make_models(), story, tmp_path / "out.mp4")
    wave = read_audio(scored.files["video"])
    assert integrated_lufs(wave) == pytest.approx(-16, abs=1)
    assert true_peak_dbtp(wave) <= -1
    assert packets(scored.files["video"]) == packets(story)
    picture, sound = ends(scored.files["video"])
    assert abs(picture - sound) <= 1 / FPS + 0.03
    assert {cue.layer for cue in scored.score.cues} == {"music", "ambience"}
    music = next(cue for cue in scored.score.cues if cue.layer == "music")
    assert music.sound.path == "green.wav"
    assert len(music.pieces) > 1  # five seconds of music under eight of picture


def test_requests_are_obeyed(short: Path, sounds: list[Sound], tmp_path: Path) -> None:
    shelf, models = Shelf(sounds), make_models(speech=SPEECH[:1])
    sheets = tmp_path / "sheets"
    scored = score(shelf, models, short, tmp_path / "o.mp4", music=False, keep_original=False, report=sheets)
    assert {kind for _, kind in shelf.asked} == {"sfx"}
    assert {cue.layer for cue in scored.score.cues} <= {"spot", "ambience"}
    assert not scored.score.speech
    assert scored.files["json"] == sheets / "cues.json"
    assert sorted(p.name for p in sheets.iterdir()) == SHEETS
    asked = {"licence_policy": "commercial", "effects": False, "music_gain_db": 6.0}
    second = score(Shelf(sounds), models, short, tmp_path / "p.mp4", **asked)
    assert [cue.layer for cue in second.score.cues] == ["music"]
    cue = second.score.cues[0]
    assert "blue.wav" not in {cue.sound.path, *(other.path for other in cue.runners_up)}


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"replace": True, "keep_original": False}, "replace"),
        ({"music_gain_db": 21.0}, "music_gain_db"),
        ({"effects_gain_db": float("nan")}, "effects_gain_db"),
        ({"licence_policy": "free"}, "licence_policy"),
    ],
)
def test_requests_that_make_no_sense_name_the_field(asked: dict[str, Any], field: str) -> None:
    with pytest.raises(UsageError, match=field):
        ScoreRequest(Path("a.mp4"), Path("l"), Path("o.mp4"), **asked)


def test_a_folder_of_pictures_becomes_a_video(sounds: list[Sound], tmp_path: Path) -> None:
    folder = tmp_path / "my story"
    folder.mkdir()
    for i, channel in enumerate((0, 0, 2)):
        rgb = np.full((90, 160, 3), 10, np.uint8)
        rgb[:, :, channel] = 220
        frame = av.VideoFrame.from_ndarray(rgb, format="rgb24")
        frame.to_image().save(folder / f"p{i + 9}.png")
    (folder / "story.txt").write_text("One " * 12 + "\n\n" + "Two " * 5 + "\n\n" + "Three " * 10, "utf-8")
    shelf = Shelf(sounds)
    scored = score(shelf, make_models(), folder, tmp_path / "story.mp4")
    assert scored.score.duration_s == pytest.approx(4.8 + 4 + 4)
    picture, sound = ends(scored.files["video"])
    assert picture == pytest.approx(12.8, abs=0.05)
    assert abs(picture - sound) <= 1 / 25
    assert integrated_lufs(read_audio(scored.files["video"])) == pytest.approx(-16, abs=1)
    assert any("Three" in query.text for query, kind in shelf.asked if kind == "music")
    assert scored.score.title == "my story"


@pytest.mark.parametrize(
    ("story", "out", "error", "words"),
    [
        ("missing.mp4", "o.mp4", MediaError, "does not exist"),
        ("missing.mp4", "sound.wav", MediaError, "missing.mp4"),
        ("text.mp4", "o.mp4", MediaError, "text.mp4"),
        ("sound.wav", "o.mp4", OutputError, "sound.wav is a sound: a sound has no pictures"),
        ("empty folder", "o.mp4", MediaError, "no pictures"),
        ("good.mp4", ".", OutputError, "folder"),
        ("good.mp4", "good.mp4", OutputError, "input itself"),
        ("good.mp4", "o.xyz", OutputError, "xyz"),
        ("good.mp4", "good.mp4/o.mp4", OutputError, "good.mp4"),
    ],
)
def test_bad_stories_and_places_are_told_and_leave_nothing(
    story: str, out: str, error: type[InputError], words: str, sounds: list[Sound], tmp_path: Path
) -> None:
    (tmp_path / "text.mp4").write_text("no video at all")
    write_wav(tmp_path / "sound.wav", Waveform(tone(1, 200), RATE_HZ))
    (tmp_path / "empty folder").mkdir()
    video(tmp_path / "good.mp4", [0], 1.0, None)
    before = {p.name: p.stat().st_size for p in tmp_path.iterdir()}
    with pytest.raises(error, match=words):
        score(Shelf(sounds), make_models(), tmp_path / story, tmp_path / out)
    assert {p.name: p.stat().st_size for p in tmp_path.iterdir()} == before


@pytest.mark.parametrize("name", list(job.SHARES))
def test_a_story_is_told_to_stop_in_each_step_and_leaves_nothing(
    name: str, short: Path, sounds: list[Sound], tmp_path: Path
) -> None:
    stop = Stop()

    def cancel(at: Progress) -> None:
        if at.step == name:
            stop.set()

    with Watch(cancel, stop) as watch, pytest.raises(Cancelled):
        score(Shelf(sounds), make_models(), short, tmp_path / "o.mp4", watch, report=tmp_path / "sheets")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("fault", [KeyboardInterrupt(), OSError(28, "No space left on device")])
def test_files_that_belong_together_are_all_there_or_none(fault: BaseException, tmp_path: Path) -> None:
    """The second file can't take its place after the first one has."""
    files = {"film": tmp_path / "film.mp4", "page": tmp_path / "new" / "page.html"}
    replaced = Path.replace

    def replace(part: Path, target: Path) -> Path:
        if target == files["film"]:  # the last one to be moved
            raise fault
        return replaced(part, target)

    def write() -> None:
        with together(files) as parts:
            for kind, part in parts.items():
                part.write_text(kind)

    with patch.object(Path, "replace", replace), pytest.raises((KeyboardInterrupt, OutputError)) as told:
        write()
    assert isinstance(told.value, KeyboardInterrupt) or str(files["film"]) in str(told.value)
    assert not list(tmp_path.iterdir())
    write()
    assert {path.name: path.read_text() for path in tmp_path.rglob("*") if path.is_file()} == {
        "film.mp4": "film",
        "page.html": "page",
    }


def test_a_fault_of_a_part_names_the_file_it_was_to_be(tmp_path: Path) -> None:
    with (
        pytest.raises(OutputError, match=r"/film\.mp4: the disk is full"),
        together({"a": tmp_path / "film.mp4"}) as part,
    ):
        raise OutputError(part["a"], "the disk is full")


def test_the_story_tells_what_was_found_and_how(scored: ScoreResult, talking: Path) -> None:
    story = scored.story
    assert (story.video, story.audio, story.speech) == (str(talking), str(talking), SPEECH)
    assert [step.tool for step in story.steps] == ["footage", "listening", "breakdown by eyes"]
    assert {name for name, curve in story.moods.items() if curve} == {"pictures"}
    assert scored.score.version == json.loads(scored.files["json"].read_text("utf-8"))["version"] == VERSION


def test_each_model_is_loaded_once_and_each_picture_seen_once(short: Path, sounds: list[Sound], tmp_path: Path) -> None:
    models = make_models(speech=SPEECH[:1])
    seen: list[int] = []
    eyes = models.picture
    encode = eyes.encode
    with patch.object(eyes, "encode", lambda items: seen.extend(map(id, items)) or encode(items)):
        score(Shelf(sounds), models, short, tmp_path / "o.mp4")
    assert len(seen) == len(set(seen)) > 0
    assert set(models.loads.values()) == {1}


def test_eyes_that_name_nothing_still_see_scenes(sounds: list[Sound], tmp_path: Path) -> None:
    """Effects need words then; music goes by mood and looks."""
    models = make_models()
    with patch.object(type(models.picture), "labels", {}):
        story = video(tmp_path / "in.mp4", [0, 2], 8.5, None)
        scored = score(Shelf(sounds), models, story, tmp_path / "o.mp4")
    assert [cue.layer for cue in scored.score.cues] == ["music", "music"]
    assert {scene.gloss for scene in scored.score.scenes} == {""}


def test_a_wrong_library_is_told_at_once(short: Path, tmp_path: Path) -> None:
    with pytest.raises(LibraryError):
        job.run(ScoreRequest(short, tmp_path / "nothing", tmp_path / "o.mp4"), make_models(), Watch())
