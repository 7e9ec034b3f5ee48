"""The whole job with tiny stand-ins for the models: real media in, real files out."""

import csv
import io
import json
import math
from pathlib import Path
from types import SimpleNamespace

import av
import numpy as np
import opentimelineio as otio
import pytest

from jobs import score_fakes
from jobs.score_fakes import FPS, SPEECH, Shelf, ends, make_tools, packets, tone, video
from storysound.cue.mix import RATE_HZ, Levels
from storysound.errors import InputError, LibraryError, MediaError, OutputError, UsageError
from storysound.jobs.score import score as job
from storysound.jobs.score.choice import Wish
from storysound.media.audio import Waveform, read_audio, write_wav
from storysound.media.loudness import integrated_lufs, true_peak_dbtp
from storysound.story import Sound

sounds, short, talking = score_fakes.sounds, score_fakes.short, score_fakes.talking  # fixtures


@pytest.fixture(scope="module")
def scored(talking: Path, sounds: list[Sound], tmp_path_factory: pytest.TempPathFactory) -> job.Scored:
    out = tmp_path_factory.mktemp("out") / "scored.mp4"
    said: list[str] = []
    result = job.score(talking, out, make_tools(Shelf(sounds), speech=SPEECH), progress=said.append)
    assert tuple(said) == ("look", "understand", "match", "cue", "mix", "deliver")
    return result


def test_pictures_are_copied_and_sound_ends_with_them(scored: job.Scored, talking: Path) -> None:
    assert packets(scored.files["video"]) == packets(talking)
    picture, sound = ends(scored.files["video"])
    assert abs(picture - sound) <= 1 / FPS


def test_each_scene_has_its_music_and_it_changes_with_the_picture(scored: job.Scored) -> None:
    beds = [cue for cue in scored.sheet.cues if cue.layer == "music"]
    assert [cue.sound.path for cue in beds] == ["red.wav", "blue.wav"]
    assert beds[0].start_s == 0
    assert beds[1].end_s == pytest.approx(17.0, abs=0.06)
    assert beds[1].start_s < 8.5 < beds[0].end_s
    assert [scene.gloss.split(",")[0] for scene in scored.sheet.scenes] == ["red", "blue"]
    assert beds[0].runners_up[0].path in {"green.wav", "blue.wav"}


def test_loudness_peak_and_ducking_hold_in_the_delivered_file(scored: job.Scored, talking: Path) -> None:
    wave = read_audio(scored.files["video"])
    assert integrated_lufs(wave) == pytest.approx(-16, abs=1)
    assert true_peak_dbtp(wave) <= -1
    assert scored.sheet.loudness["ducking_db"] >= 9
    original = read_audio(talking, rate_hz=RATE_HZ, channels=2).samples[0]
    part = slice(round(2.7 * RATE_HZ), round(4.8 * RATE_HZ))
    a, b = original[part], wave.samples[0][part]
    assert float(a @ b / np.sqrt((a @ a) * (b @ b))) > 0.98
    rest = b - a * float(a @ b / (a @ a))
    assert 10 * math.log10(float((b @ b) / (rest @ rest))) > 12


def test_the_papers_hold_every_cue(scored: job.Scored) -> None:
    data = json.loads(scored.files["json"].read_text("utf-8"))
    rows = list(csv.DictReader(io.StringIO(scored.files["csv"].read_text("utf-8"))))
    timeline = otio.adapters.read_from_file(str(scored.files["otio"]))
    ids = [cue.id for cue in scored.sheet.cues]
    assert [c["id"] for c in data["cues"]] == ids == [row["id"] for row in rows]
    assert data["loudness"]["lufs"] == pytest.approx(-16, abs=1)
    assert {"Video", "Original sound", "Music 1", "Music 2"} <= {track.name for track in timeline.tracks}
    page = scored.files["report"].read_text("utf-8")
    assert "red.wav" in page
    assert any("states no licence" in note and "blue.wav" in note for note in scored.notes)


def test_the_same_story_gives_the_same_sound(
    talking: Path, sounds: list[Sound], scored: job.Scored, tmp_path: Path
) -> None:
    again = job.score(talking, tmp_path / "again.mp4", make_tools(Shelf(sounds), speech=SPEECH))
    one, two = (read_audio(s.files["video"]).samples for s in (scored, again))
    np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize("kind", ["no stream", "digital silence", "portrait", "uneven"])
def test_videos_without_sound_of_their_own(kind: str, sounds: list[Sound], tmp_path: Path) -> None:
    silent = Waveform(np.zeros((2, 8 * RATE_HZ), np.float32), RATE_HZ) if kind == "digital silence" else None
    size = (96, 160) if kind == "portrait" else (160, 96)
    story = video(tmp_path / "in.mp4", [1], 8.0, silent, jitter=kind == "uneven", size=size)
    scored = job.score(story, tmp_path / "out.mp4", make_tools(Shelf(sounds, ("green",))))
    wave = read_audio(scored.files["video"])
    assert integrated_lufs(wave) == pytest.approx(-16, abs=1)
    assert true_peak_dbtp(wave) <= -1
    assert packets(scored.files["video"]) == packets(story)
    picture, sound = ends(scored.files["video"])
    assert abs(picture - sound) <= 1 / FPS + 0.03
    assert {cue.layer for cue in scored.sheet.cues} == {"music", "ambience"}
    music = next(cue for cue in scored.sheet.cues if cue.layer == "music")
    assert music.sound.path == "green.wav"
    assert len(music.pieces) > 1  # five seconds of music under eight of picture


def test_options_are_obeyed(short: Path, sounds: list[Sound], tmp_path: Path) -> None:
    shelf = Shelf(sounds)
    options = job.Options(music=False, keep_original=False, report=tmp_path / "papers")
    scored = job.score(short, tmp_path / "o.mp4", make_tools(shelf, speech=SPEECH[:1]), options)
    assert {kind for _, kind in shelf.asked} == {"sfx"}
    assert {cue.layer for cue in scored.sheet.cues} <= {"spot", "ambience"}
    assert not scored.sheet.speech
    assert scored.files["json"] == tmp_path / "papers" / "cues.json"
    assert sorted(p.name for p in (tmp_path / "papers").iterdir()) == sorted(
        ["cues.json", "cues.csv", "timeline.otio", "report.html"]
    )
    louder = job.Options(Wish(licence_policy="commercial"), effects=False, levels=Levels(music_db=6))
    second = job.score(short, tmp_path / "p.mp4", make_tools(Shelf(sounds), speech=SPEECH[:1]), louder)
    assert [cue.layer for cue in second.sheet.cues] == ["music"]
    cue = second.sheet.cues[0]
    assert "blue.wav" not in {cue.sound.path, *(other.path for other in cue.runners_up)}
    with pytest.raises(UsageError, match="--replace"):
        job.Options(replace=True, keep_original=False)


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
    scored = job.score(folder, tmp_path / "story.mp4", make_tools(shelf))
    assert scored.sheet.duration_s == pytest.approx(4.8 + 4 + 4)
    picture, sound = ends(scored.files["video"])
    assert picture == pytest.approx(12.8, abs=0.05)
    assert abs(picture - sound) <= 1 / 25
    assert integrated_lufs(read_audio(scored.files["video"])) == pytest.approx(-16, abs=1)
    assert any("Three" in query.text for query, kind in shelf.asked if kind == "music")
    assert scored.sheet.title == "my story"


@pytest.mark.parametrize(
    ("story", "out", "error", "words"),
    [
        ("missing.mp4", "o.mp4", MediaError, "does not exist"),
        ("text.mp4", "o.mp4", MediaError, "text.mp4"),
        ("sound.wav", "o.mp4", MediaError, "no video stream"),
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
        job.score(tmp_path / story, tmp_path / out, make_tools(Shelf(sounds)))
    assert {p.name: p.stat().st_size for p in tmp_path.iterdir()} == before


def test_an_interrupt_leaves_nothing_half_written(short: Path, sounds: list[Sound], tmp_path: Path) -> None:
    def stop(step: str) -> None:
        if step == "deliver":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        job.score(short, tmp_path / "o.mp4", make_tools(Shelf(sounds)), progress=stop)
    assert not list(tmp_path.iterdir())


def test_a_wrong_library_is_told_at_once(tmp_path: Path) -> None:
    profile = SimpleNamespace(picture="", text="", audio=())
    with pytest.raises(LibraryError):
        job.tools_of(tmp_path / "nothing", profile, None)  # type: ignore[arg-type]
