"""A sheet is planned, edited, rendered and planned anew: what isn't asked to change doesn't."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import opentimelineio as otio
import pytest
import soundfile

from jobs import score_fakes
from jobs.score_fakes import SPEECH, FakeEars, Shelf, make_models, packets, plan, score, video, voice
from storysound.cue import edit, references
from storysound.cue.score import Score
from storysound.cue.sheet import read_json, write_json
from storysound.encode.pool import Models
from storysound.errors import InputError, UsageError
from storysound.jobs.plan import plan as planning
from storysound.jobs.plan.request import PlanResult, ReplanRequest
from storysound.jobs.render import render as rendering
from storysound.jobs.render.request import RenderRequest, RenderResult
from storysound.media.arrays import RATE_HZ
from storysound.media.audio import read_audio
from storysound.media.content import sha256_of
from storysound.media.loudness import integrated_lufs
from storysound.progress import Watch
from storysound.story import Mood, Sound

sounds, talking = score_fakes.sounds, score_fakes.talking  # fixtures
STEMS = ("dialogue", "music", "ambience", "effects")


def planned(sounds: list[Sound], story: Path, sheet: Path, **asked: Any) -> PlanResult:
    return plan(Shelf(sounds), make_models(speech=SPEECH), story, sheet, **asked)


def replanned(sounds: list[Sound], sheet: Path, music: tuple[str, ...] = ("red", "blue"), **asked: Any) -> PlanResult:
    with patch.object(planning, "finder_of", lambda *_: (Shelf(sounds, music), None)):
        return planning.run_again(ReplanRequest(sheet, **asked), make_models(speech=SPEECH), Watch())


def rendered(sheet: Path, out: Path, **asked: Any) -> RenderResult:
    class NoModels(Models):
        def get(self, *_: Any) -> Any:
            raise AssertionError("a rendering needs no model")

    none: Any = object.__new__(NoModels)
    return rendering.run(RenderRequest(sheet=sheet, out=out, **asked), none, Watch())


def stem(folder: Path, name: str) -> Any:
    return soundfile.read(folder / f"{name}.wav", dtype="float64", always_2d=True)[0]


@pytest.fixture(scope="module")
def made(talking: Path, sounds: list[Sound], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a planned sheet, its sound and its stems."""
    folder = tmp_path_factory.mktemp("made")
    planned(sounds, talking, folder / "cues.json")
    rendered(folder / "cues.json", folder / "all.wav", stems=folder / "stems")
    return folder


@pytest.fixture
def sheet(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(made / "cues.json", tmp_path / "cues.json"))


def test_a_score_is_its_plan_rendered(made: Path, talking: Path, sounds: list[Sound], tmp_path: Path) -> None:
    whole = score(Shelf(sounds), make_models(speech=SPEECH), talking, tmp_path / "whole.wav")
    assert whole.score.cues == read_json(made / "cues.json").cues
    assert whole.score.levels == read_json(made / "cues.json").levels
    one, two = (soundfile.read(file, dtype="int32")[0] for file in (tmp_path / "whole.wav", made / "all.wav"))
    np.testing.assert_array_equal(one, two)


def test_stems_sum_to_the_mix(made: Path) -> None:
    total = np.sum([stem(made / "stems", name) for name in STEMS], axis=0)
    mix = soundfile.read(made / "all.wav", dtype="float64", always_2d=True)[0]
    assert np.abs(total - mix).max() < 3 * 2.0**-23  # each is rounded to 24 bits
    assert soundfile.info(made / "stems" / "music.wav").subtype == "PCM_24"
    placed = otio.adapters.read_from_file(str(made / "stems" / "stems.otio"))
    names = {Path(clip.media_reference.target_url).name for clip in placed.find_clips() if clip.media_reference}
    assert {f"{name}.wav" for name in STEMS} <= names


@pytest.mark.parametrize("change", ["gain", "move", "mute", "fade"])
def test_an_edit_changes_no_sample_outside_its_cue(made: Path, sheet: Path, tmp_path: Path, change: str) -> None:
    before = read_json(sheet)
    old = next(cue for cue in before.cues if cue.layer == "music" and cue.start_s > 1)
    edits = {
        "gain": lambda s: edit.gain(s, old.id, 9.0),
        "move": lambda s: edit.move(s, old.id, -0.5),
        "mute": lambda s: edit.mute(s, old.id),
        "fade": lambda s: edit.fade(s, old.id, 3.0, 3.0),
    }
    after = edits[change](before)
    write_json(after, sheet)
    rendered(sheet, tmp_path / "new.wav", stems=tmp_path / "stems")
    new = edit.cue_of(after, old.id)
    inside = slice(round(min(old.start_s, new.start_s) * RATE_HZ), round(max(old.end_s, new.end_s) * RATE_HZ))
    for name in STEMS:
        one, two = (stem(folder / "stems", name) for folder in (made, tmp_path))
        outside = np.ones(len(one), np.bool_)
        outside[inside] = False
        np.testing.assert_array_equal(one[outside], two[outside])
        assert np.array_equal(one, two) == (name != "music")


def test_a_film_keeps_its_pictures_and_its_level_until_it_is_levelled_anew(
    sheet: Path, talking: Path, tmp_path: Path
) -> None:
    result = rendered(sheet, tmp_path / "film.mp4")
    assert packets(result.files["video"]) == packets(talking)
    assert read_json(result.files["json"]).loudness["lufs"] == pytest.approx(-16, abs=0.5)
    loud = read_json(sheet)
    for cue in loud.cues:
        loud = edit.gain(loud, cue.id, 12.0)
    write_json(loud, sheet)
    assert rendered(sheet, tmp_path / "a.wav").score.levels == loud.levels
    again = rendered(sheet, tmp_path / "b.wav", loudness="ebu", relevel=True)
    assert integrated_lufs(read_audio(tmp_path / "b.wav")) == pytest.approx(-23, abs=0.3)
    assert again.score.levels.target_lufs == -23
    assert read_json(sheet).levels == loud.levels  # what is asked of one rendering stays in its own sheet


def test_locked_cues_bans_scenes_and_moods_stay_when_a_sheet_is_planned_anew(sheet: Path, sounds: list[Sound]) -> None:
    before = read_json(sheet)
    kept = next(cue for cue in before.cues if cue.layer == "music")
    moods = tuple(replace(scene, mood=Mood(0.9, 0.1), text="by hand") for scene in before.scenes)
    score = replace(edit.gain(edit.lock(before, kept.id), kept.id, -7.0), scenes=moods)
    write_json(edit.ban(score, "blue.wav"), sheet)
    after = replanned(sounds, sheet, ("green", "green")).score
    assert edit.cue_of(after, kept.id) == replace(kept, locked=True, gain_db=pytest.approx(kept.gain_db - 7.0))
    assert [scene.mood for scene in after.scenes] == [Mood(0.9, 0.1)] * len(before.scenes)
    assert {scene.text for scene in after.scenes} == {"by hand"}
    others = [cue for cue in after.cues if cue.layer == "music" and cue.id != kept.id]
    assert [cue.sound.path for cue in others] == ["green.wav"]
    assert after.bans == ("blue.wav",)
    assert after == replace(read_json(sheet), loudness=after.loudness, verdicts=after.verdicts)
    assert [done.command for done in after.edits][-1] == "plan"
    back = edit.undo(after)
    assert {cue.id: cue.sound.path for cue in back.cues} == {cue.id: cue.sound.path for cue in before.cues}


def test_a_sheet_planned_anew_with_nothing_changed_is_the_same(sheet: Path, sounds: list[Sound]) -> None:
    before = read_json(sheet)
    with patch.object(references, "sha256_of", wraps=sha256_of) as hashed:
        after = replanned(sounds, sheet).score
    assert hashed.call_count == 0  # size and time of the story say that it is what it was
    assert after.story == before.story
    assert [(c.id, c.sound.path, c.pieces, c.gain_db) for c in after.cues] == [
        (c.id, c.sound.path, c.pieces, c.gain_db) for c in before.cues
    ]
    assert after.levels == before.levels


def moved(sheet: Path, sounds: list[Sound], tmp_path: Path) -> tuple[Score, Path]:
    """The sheet with its sounds in a folder that was then renamed."""
    shutil.copytree(sounds[0].root, tmp_path / "here")
    score = read_json(sheet)
    cues = [replace(cue, sound=replace(cue.sound, root=str(tmp_path / "here"))) for cue in score.cues]
    write_json(replace(score, cues=tuple(cues)), sheet)
    (tmp_path / "here").rename(tmp_path / "there")
    return read_json(sheet), tmp_path / "there"


def test_sounds_that_moved_are_said_and_found_again(sheet: Path, sounds: list[Sound], tmp_path: Path) -> None:
    _, folder = moved(sheet, sounds, tmp_path)
    with pytest.raises(InputError, match=r"is gone \(the sound of \w+-1\) .*`relink`"):
        rendered(sheet, tmp_path / "a.wav")
    assert not (tmp_path / "a.wav").exists()
    result = rendered(sheet, tmp_path / "a.wav", relink=(folder,))
    assert {cue.sound.root for cue in result.score.cues} == {str(folder)}
    assert any(f"is at {folder}" in note for note in result.notes)


def test_a_story_that_changed_is_refused(sounds: list[Sound], tmp_path: Path) -> None:
    story = video(tmp_path / "in.mp4", [0], 6.0, voice(6.0, SPEECH[:1]))
    with patch.object(references, "sha256_of", wraps=sha256_of) as hashed:
        score = planned(sounds, story, tmp_path / "cues.json").score
    assert hashed.call_count == 1
    assert score.story == score.original == references.reference_to(story)
    video(story, [1], 6.0, None)
    with pytest.raises(InputError, match="has changed since the score was planned"):
        rendered(tmp_path / "cues.json", tmp_path / "a.mp4")
    story.unlink()
    with pytest.raises(InputError, match="is gone"):
        rendered(tmp_path / "cues.json", tmp_path / "a.mp4")


def test_what_was_edited_in_a_timeline_comes_back(sheet: Path, tmp_path: Path) -> None:
    made = rendered(sheet, tmp_path / "film.wav")
    timeline = otio.adapters.read_from_file(str(made.files["otio"]))
    bed = next(track for track in timeline.tracks if track.name.startswith("Music"))
    clip = next(iter(bed.find_clips()))
    clip.enabled = False
    otio.adapters.write_to_file(timeline, str(tmp_path / "edited.otio"))
    result = rendered(sheet, tmp_path / "film.wav", otio=tmp_path / "edited.otio")
    muted = [cue.id for cue in result.score.cues if cue.muted]
    assert len(muted) == 1
    assert muted[0] in " ".join(result.notes)
    assert [cue.id for cue in read_json(sheet).cues if cue.muted] == muted
    assert not any(cue.muted for cue in edit.undo(read_json(sheet)).cues)


def test_the_music_a_clip_had_lies_beside_the_sheet(sounds: list[Sound], tmp_path: Path) -> None:
    """What `replace` leaves of the clip's own sound is a file, so that rendering needs no model."""
    from jobs.score.test_score_layers import with_tone
    from storysound.story import Span

    story = video(tmp_path / "in.mp4", [0], 17.0, with_tone(voice(17.0, SPEECH), Span(0.0, 16.0)))
    plan(Shelf(sounds), make_models(FakeEars(tone="Music"), SPEECH), story, tmp_path / "cues.json", replace=True)
    original = json.loads((tmp_path / "cues.json").read_text("utf-8"))["original"]
    assert original is None or Path(original["path"]).name == "cues.voices.flac"
    rendered(tmp_path / "cues.json", tmp_path / "a.wav")


def test_a_track_that_is_not_there_is_said(talking: Path, sounds: list[Sound], tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no sound track 3"):
        planned(sounds, talking, tmp_path / "cues.json", track=2)
