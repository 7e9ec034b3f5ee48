"""Composed music as cues: they add up to the piece, each is made anew alone, and undone; and where they are laid."""

import json
import re
import shutil
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from jobs import score_fakes
from jobs.score_fakes import Shelf, make_models, plan, score, video
from media.soundfont.font_making import Recording, simple_font, sine
from storysound.compose.compose import Means, compose
from storysound.compose.sounding import FONT, Players
from storysound.compose.spotting import Scene, Spotting
from storysound.cue.mix import stems
from storysound.cue.playback import CuePlayer
from storysound.cue.score import SILENT, Cue, MusicBrief, MusicHit, MusicPiece, Piece, Score
from storysound.cue.sheet import read_json, write_json
from storysound.encode import music_fit
from storysound.encode.pool import Models
from storysound.errors import InputError, MissingModelError, OutputError, UsageError
from storysound.jobs.compose import compose as composing
from storysound.jobs.compose.request import ComposeRequest
from storysound.jobs.edit import edit as editing
from storysound.jobs.edit.request import EditRequest, EditResult
from storysound.jobs.plan import beds
from storysound.jobs.plan import plan as planning
from storysound.jobs.plan.composing import Composer, FilmTimes
from storysound.jobs.plan.request import PlanOptions, ReplanRequest
from storysound.jobs.plan.spotting import spotted_sheet as composing_of
from storysound.media.arrays import RATE_HZ, Samples
from storysound.media.audio import read_audio
from storysound.progress import Watch
from storysound.story import Mood, Sound, Span

sounds, talking = score_fakes.sounds, score_fakes.talking  # fixtures


@pytest.fixture(scope="module")
def font(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return simple_font(tmp_path_factory.mktemp("font") / "sine.sf2", Recording(sine(220.0, height=0.1)))


def composing_models(font: Path | None, **how: Any) -> Models:
    """Stand-ins that have a font, or haven't."""
    models = make_models(**how)

    def path(name: str) -> Path:
        if font is None:
            raise MissingModelError(f"{name} is not here: storysound models pull soundfonts")
        return font

    entry = SimpleNamespace(licence="MIT", credit="Ada")
    models.weights = SimpleNamespace(  # type: ignore[assignment]
        cache=None, path=path, revision=lambda _: "1", entries={FONT: entry}
    )
    return models


FILM = FilmTimes(40.0, (5.0, 12.0, 17.2, 22.4, 33.0), (Span(2.0, 6.0),))
BOUNDS = (0.0, 12.0, 25.5, 40.0)


def brief(number: int, **more: Any) -> MusicBrief:
    mood = Mood(*((0.8, 0.3), (0.2, 0.8), (0.6, 0.5))[number])
    piece = MusicPiece(0.0, 40.0, 3, 5)
    return MusicBrief(piece, number, BOUNDS[number], BOUNDS[number + 1], mood, **{"ensemble": "piano", **more})


def player(cue: Cue) -> CuePlayer:
    sound = read_audio(Path(cue.sound.root) / cue.sound.path)
    return CuePlayer(sound, cue.pieces, fade_in_s=cue.fade_in_s, fade_out_s=cue.fade_out_s, length=40 * RATE_HZ)


def test_cues_of_a_piece_add_up_to_it(font: Path, tmp_path: Path) -> None:
    composer = Composer(tmp_path / "cues.json", composing_models(font))
    cues = [composer.cue(f"music-{n}", brief(n), FILM, Watch()) for n in range(3)]
    scenes = tuple(Scene(b.start_s, b.end_s, b.mood) for b in map(brief, range(3)))
    music = compose(Spotting(scenes, FILM.cuts_s, FILM.speech), 5, Means("piano"))
    whole = Players(font).played(music, music.parts, Watch()).cut().samples
    total = sum((player(cue).read(0, 40 * RATE_HZ) for cue in cues), np.zeros_like(whole))
    assert np.abs(whole).max() > 0.02
    assert np.abs(total - whole).max() < 3e-4  # tails end 80 dB below full scale; files have 24 bits
    assert [cue.sound.path.split("/")[0] for cue in cues] == ["cues.made"] * 3
    assert cues[-1].end_s == 40.0
    for cue, turn_s in zip(cues, BOUNDS[:-1], strict=False):
        assert turn_s - 0.11 <= cue.start_s <= turn_s


def test_a_brief_gets_its_file_again_and_another_one_another(font: Path, tmp_path: Path) -> None:
    models = composing_models(font)
    first = Composer(tmp_path / "cues.json", models).cue("music-1", brief(1), FILM, Watch())
    file = Path(first.sound.root) / first.sound.path
    before = file.stat().st_mtime_ns
    again = Composer(tmp_path / "cues.json", models).cue("music-1", brief(1), FILM, Watch())
    assert (again, file.stat().st_mtime_ns) == (first, before)
    changes: list[dict[str, Any]] = [{"seed": 4}, {"ensemble": "strings"}, {"theme": "Anna"}, {"style": "march"}]
    others = [
        Composer(tmp_path / "cues.json", models).cue("music-1", brief(1, **change), FILM, Watch()) for change in changes
    ]
    assert len({cue.sound.path for cue in (first, *others)}) == 5
    avoiding = Composer(tmp_path / "cues.json", models).cue("music-1", brief(1), FILM, Watch(), {first.sound.path})
    assert avoiding.composed is not None
    assert (avoiding.composed.seed, avoiding.sound.path) != (0, first.sound.path)


def test_without_a_font_all_of_the_music_can_not_be_composed(
    talking: Path, sounds: list[Sound], tmp_path: Path
) -> None:
    with pytest.raises(MissingModelError, match="models pull soundfonts"):
        plan(Shelf(sounds), composing_models(None), talking, tmp_path / "cues.json", compose="always")
    assert not list(tmp_path.iterdir())
    with pytest.raises(UsageError, match="ensemble: plays what is composed"):
        plan(Shelf(sounds), composing_models(None), talking, tmp_path / "cues.json", ensemble="piano")
    result = plan(Shelf(sounds), composing_models(None), talking, tmp_path / "cues.json", compose="missing")
    assert any("SoundFont" in note for note in result.notes)
    assert [cue.composed for cue in result.score.cues] == [None] * len(result.score.cues)


# --- in a sheet


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return video(tmp_path_factory.mktemp("v") / "three.mp4", [0, 2, 0], 10.5, None)


@pytest.fixture(scope="module")
def planned(film: Path, sounds: list[Sound], font: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sheet with composed music and its sounds beside it, of a film of three scenes of which the first returns."""
    folder = tmp_path_factory.mktemp("planned")
    asked: dict[str, Any] = {"compose": "always", "ensemble": "piano", "effects": False, "seed": 3}
    plan(Shelf(sounds), composing_models(font), film, folder / "cues.json", **asked)
    return folder / "cues.json"


@pytest.fixture
def sheet(planned: Path, tmp_path: Path) -> Path:
    """A copy that may be edited."""
    shutil.copytree(planned.parent, tmp_path / "copy")
    text = (tmp_path / "copy" / "cues.json").read_text()
    (tmp_path / "copy" / "cues.json").write_text(text.replace(str(planned.parent), str(tmp_path / "copy")))
    return tmp_path / "copy" / "cues.json"


def edited(sheet: Path, font: Path | None, action: Any, **asked: Any) -> EditResult:
    result = editing.run(EditRequest(sheet, action, **asked), composing_models(font), Watch())
    assert read_json(sheet) == result.score
    return result


def music_of(score: Score) -> Samples:
    parts = [block.music for block in stems(replace(score, levels=replace(score.levels, master_db=0.0)), None)]
    return np.concatenate(parts, axis=1)


def test_a_film_gets_one_piece_with_a_cue_for_each_scene(planned: Path) -> None:
    score = read_json(planned)
    assert [cue.id for cue in score.cues] == ["music-1", "music-2", "music-3"]
    found = [cue.composed for cue in score.cues if cue.composed]
    assert {each.piece for each in found} == {MusicPiece(0.0, score.duration_s, 3, 3)}
    assert [each.start_s for each in found] == [scene.start_s for scene in score.scenes]
    assert [each.end_s for each in found] == [scene.end_s for scene in score.scenes]
    assert [each.theme for each in found] == ["theme A", "", "theme A"]
    assert len({cue.gain_db for cue in score.cues}) == 1
    assert {cue.sound.source.licence for cue in score.cues} == {"MIT"}
    assert "Ada" in score.cues[0].sound.source.credit
    assert all(cue.runners_up for cue in score.cues)
    assert (score.wishes.compose, score.wishes.ensemble) == ("always", "piano")
    assert score.cues[-1].end_s == pytest.approx(score.duration_s, abs=1e-6)
    assert [(cue.meant.start_s, cue.meant.end_s) for cue in score.cues] == [(s.start_s, s.end_s) for s in score.scenes]


def test_one_scene_composed_anew_leaves_all_others_as_they_sound(sheet: Path, font: Path) -> None:
    before = read_json(sheet)
    old, sounded = before.cues[1], music_of(before)
    result = edited(sheet, font, "set", cue="music-2", ensemble="strings", seed=4, mood=Mood(0.1, 0.9))
    assert result.changed == ("music-2",)
    new = result.score.cues[1]
    assert new.composed == replace(old.composed, ensemble="strings", seed=4, mood=Mood(0.1, 0.9))  # type: ignore[type-var]
    assert new.level_lufs + new.gain_db == pytest.approx(old.level_lufs + old.gain_db, abs=0.02)
    assert result.score.edits[-1].command == "set music-2 ensemble=strings mood=0.1,0.9 seed=4"
    sounds_now = music_of(result.score)
    until = round(max(old.end_s, new.end_s) * RATE_HZ) + 1
    outside = np.r_[0 : round(old.start_s * RATE_HZ), until : sounded.shape[1]]
    assert (sounds_now[:, outside] == sounded[:, outside]).all()
    assert (sounds_now != sounded).any()
    back = edited(sheet, None, "undo").score  # the font needn't be there
    assert back.cues == before.cues
    assert (music_of(back) == sounded).all()
    again = edited(sheet, None, "redo").score
    assert (music_of(again) == sounds_now).all()


def test_a_gain_a_move_and_a_trim_stay_when_notes_change(sheet: Path, font: Path) -> None:
    edited(sheet, font, "gain", cue="music-2", change_db=-3.0)
    edited(sheet, font, "trim", cue="music-2", start_s=12.0, end_s=17.0)
    old = edited(sheet, font, "move", cue="music-2", change_s=0.5).score.cues[1]
    new = edited(sheet, font, "set", cue="music-2", seed=9).score.cues[1]
    assert (new.start_s, new.end_s, new.pieces, new.gain_db) == (old.start_s, old.end_s, old.pieces, old.gain_db)
    assert new.sound.path != old.sound.path


def test_a_cut_that_was_made_in_a_composed_cue_stays(sheet: Path, font: Path) -> None:
    score = read_json(sheet)
    cue = score.cues[1]
    pieces = (Piece(0.0, 4.0, cue.start_s), Piece(6.0, 9.0, cue.start_s + 4.0))
    write_json(
        replace(score, cues=(score.cues[0], replace(cue, pieces=pieces, end_s=pieces[1].end_s), score.cues[2])), sheet
    )
    new = edited(sheet, font, "set", cue="music-2", theme="Anna").score.cues[1]
    assert [(p.in_s, p.out_s) for p in new.pieces] == [(0.0, 4.0), (6.0, 9.0)]
    assert new.composed is not None
    assert new.composed.theme == "Anna"


def test_hits_are_marked_in_their_scene_alone(
    planned: Path, sheet: Path, film: Path, font: Path, sounds: list[Sound], tmp_path: Path
) -> None:
    asked: dict[str, Any] = {"compose": "always", "ensemble": "piano", "effects": False, "seed": 3}
    hits = (MusicHit(14.2), MusicHit(31.2, "breath"))
    result = plan(Shelf(sounds), composing_models(font), film, tmp_path / "hit.json", hits=hits, **asked)
    plain, marked = read_json(planned).cues, result.score.cues
    assert [cue.composed.hits for cue in marked if cue.composed] == [(), (hits[0],), (hits[1],)]
    assert marked[0].sound.path.split("/")[1] == plain[0].sound.path.split("/")[1]
    assert marked[1].sound.path != plain[1].sound.path
    assert "hit at 14.20 s: accent" in marked[1].why
    assert "hit at 31.20 s: under the final chord, nothing marks it" in marked[2].why
    assert result.score.wishes.hits == hits
    # The music of that scene has a stroke there that it didn't have.
    spotting, seed = composing_of(tmp_path / "hit.json")
    struck = [n for n in compose(spotting, seed, Means("piano")).notes() if abs(n.start_s - 14.2) < 0.06]
    others = [
        n for n in compose(replace(spotting, hits=()), seed, Means("piano")).notes() if abs(n.start_s - 14.2) < 0.06
    ]
    assert len(struck) > len(others)
    # Marked afterwards, it is the same cue; without any, that of before.
    new = edited(sheet, font, "set", cue="music-2", hits=(hits[0],)).score
    assert new.cues[1].sound.source.sha256 == marked[1].sound.source.sha256
    assert [new.cues[k].sound.source.sha256 for k in (0, 2)] == [plain[k].sound.source.sha256 for k in (0, 2)]
    assert new.edits[-1].command == "set music-2 hits=14.2"
    gone = edited(sheet, font, "set", cue="music-2", hits=()).score.cues[1]
    assert gone.sound.source.sha256 == plain[1].sound.source.sha256
    with pytest.raises(UsageError, match=r"hits: lie from 10\.50 to 21\.00 s in this cue, got 30"):
        edited(sheet, font, "set", cue="music-2", hits=(MusicHit(30.0),))


def test_a_composed_take_and_the_library_change_places(
    sheet: Path, font: Path, sounds: list[Sound], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = read_json(sheet)
    others = {(cue.sound.root, cue.sound.path): cue.sound for cue in before.cues}
    monkeypatch.setattr(editing, "_sounds", lambda score: [*sounds, *others.values()])
    taken = edited(sheet, font, "swap", cue="music-2").score.cues
    cue = next(each for each in taken if each.id == "music-2")
    assert cue.composed is None
    assert cue.sound.path in {sound.path for sound in sounds}
    assert (cue.start_s, cue.end_s) == pytest.approx((10.5 - 0.8, 21.0 + 0.8), abs=0.02)
    assert cue.runners_up[-1].path == before.cues[1].sound.path
    back = edited(sheet, font, "swap", cue="music-2", sound=before.cues[1].sound.path).score.cues[1]
    assert replace(back, runners_up=(), gain_db=0.0) == replace(before.cues[1], runners_up=(), gain_db=0.0)
    assert back.runners_up[-1].path == cue.sound.path


def test_music_of_the_library_gives_way_to_a_piece_of_its_own(sheet: Path, font: Path, sounds: list[Sound]) -> None:
    plan(Shelf(sounds), composing_models(font), Path(read_json(sheet).story.path), sheet, effects=False)  # type: ignore[union-attr]
    old = read_json(sheet).cues[0]
    assert old.composed is None
    new = edited(sheet, font, "set", cue=old.id, ensemble="guitar").score.cues[0]
    assert new.composed is not None
    assert new.composed.piece == MusicPiece(old.start_s, old.end_s, 1, 0)
    assert (new.start_s, new.end_s) == pytest.approx((old.start_s, old.end_s), abs=1e-5)
    assert new.runners_up[-1].path == old.sound.path


def test_what_can_not_be_set_leaves_the_sheet_and_no_sound(sheet: Path, font: Path) -> None:
    text, files = sheet.read_text(), sorted(sheet.parent.rglob("*"))
    with pytest.raises(UsageError, match="ensemble: must be one of"):
        edited(sheet, font, "set", cue="music-2", ensemble="kazoo")
    with pytest.raises(MissingModelError, match="models pull soundfonts"):
        edited(sheet, None, "set", cue="music-2", seed=8)
    with pytest.raises(UsageError, match="set needs what to change"):
        EditRequest(sheet, "set", cue="music-2")
    with pytest.raises(UsageError, match="seed"):
        EditRequest(sheet, "set", cue="music-2", seed=-1)
    assert (sheet.read_text(), sorted(sheet.parent.rglob("*"))) == (text, files)


def test_a_new_plan_keeps_locked_scenes_and_composes_around_them(
    sheet: Path, font: Path, sounds: list[Sound], monkeypatch: pytest.MonkeyPatch
) -> None:

    edited(sheet, font, "set", cue="music-1", seed=5)
    old = edited(sheet, font, "lock", cue="music-1").score
    banned = old.cues[2].sound.path
    edited(sheet, font, "ban", sound=banned)
    monkeypatch.setattr(planning, "finder_of", lambda *_: (Shelf(sounds), None))
    score = planning.run_again(ReplanRequest(sheet), composing_models(font), Watch()).score
    kept = next(cue for cue in score.cues if cue.id == "music-1")
    assert kept == old.cues[0]
    others = [cue for cue in score.cues if cue.id != "music-1"]
    assert others
    assert all(cue.composed and cue.sound.path != banned for cue in others)
    assert min(cue.composed.start_s for cue in others if cue.composed) >= kept.composed.end_s - 0.9  # type: ignore[union-attr]


def test_music_that_misses_the_mood_is_composed_instead(
    film: Path, sounds: list[Sound], font: Path, tmp_path: Path
) -> None:
    """The reader and eyes of this film feel about neutral."""
    moods = {"red.wav": Mood(0.5, 0.5), "blue.wav": Mood(0.0, 1.0)}
    shelf = Shelf([replace(s, mood=moods.get(s.path, s.mood)) for s in sounds], ("red", "blue", "red"))
    asked: dict[str, Any] = {"compose": "missing", "effects": False, "mood": Mood(0.5, 0.5), "themes": 2}
    score = plan(shelf, composing_models(font), film, tmp_path / "cues.json", **asked).score
    composed = [cue for cue in score.cues if cue.composed]
    taken = [cue for cue in score.cues if not cue.composed]
    assert {cue.sound.path for cue in taken} == {"red.wav"}
    assert [(cue.composed.start_s, cue.composed.end_s) for cue in composed if cue.composed] == [(10.5, 21.0)]
    (why,) = (line for line in composed[0].why if line.startswith("no track of the library is as near to neutral"))
    fits = re.match(r".*blue.wav fits with ([\d.]+), composed music as a rule with ([\d.]+)", why)
    assert fits is not None
    assert float(fits[1]) < float(fits[2])
    assert all(0 < cue.score < 1 for cue in score.cues)  # of all on one scale
    assert taken[0].score == round(music_fit.probability(Mood(0.5, 0.5), Mood(0.5, 0.5)), 3)
    assert any(line.startswith("fits neutral with ") for line in composed[0].why)
    assert composed[0].runners_up[0].path == "blue.wav"


def test_a_library_without_music_and_pictures_without_a_library() -> None:

    draft = beds.Draft("music", 0.0, 20.0, (), 0.5)
    made, rest = beds.composed_beds([], [draft], _breakdown(), PlanOptions(), always=False)
    assert ([(bed.start_s, bed.end_s) for bed in made], rest) == ([(0.0, 20.0)], [])
    assert "no music" in made[0].why
    for kind, library, wanted in (
        ("pictures", None, "always"), ("film", None, "missing"), ("film", Path("l"), "never"),
        ("pictures", Path("l"), "never"),
    ):  # fmt: skip
        assert PlanOptions().composing(kind, library) == wanted  # type: ignore[arg-type]
    assert PlanOptions(music=False).composing("pictures", None) == "never"
    with pytest.raises(UsageError, match="compose"):
        PlanOptions(music=False, compose="always")


def _breakdown(*bounds: float, themes: tuple[int, ...] | None = None) -> Any:
    found = list(pairwise(bounds or (0.0, 20.0)))
    scenes = tuple(
        SimpleNamespace(start_s=a, end_s=b, mood=Mood(0.1 * n, 0.5), theme=theme)
        for n, ((a, b), theme) in enumerate(zip(found, themes or range(1, len(found) + 1), strict=True))
    )
    return SimpleNamespace(scenes=scenes)


def test_scenes_too_short_to_be_composed_are_joined() -> None:
    breakdown = _breakdown(0.0, 1.0, 10.0, 11.0, 30.0, 34.0)
    found = beds.briefs(beds.Bed(0.0, 34.0, ""), breakdown, PlanOptions())
    assert [(each.start_s, each.end_s) for each in found] == [(0.0, 10.0), (10.0, 34.0)]
    assert found[0].mood == Mood(0.09, 0.5)
    assert [each.number for each in found] == [0, 1]
    inner = beds.briefs(beds.Bed(4.0, 12.0, ""), breakdown, PlanOptions(mood=Mood(1.0, 0.0)))
    assert [(each.start_s, each.end_s, each.mood) for each in inner] == [(4.0, 12.0, Mood(1.0, 0.0))]


def test_a_last_scene_of_five_seconds_has_a_bar_and_an_ending_of_its_own() -> None:
    found = beds.briefs(beds.Bed(0.0, 21.6, ""), _breakdown(0.0, 8.0, 16.4, 21.6), PlanOptions())
    assert [(each.start_s, each.end_s) for each in found] == [(0.0, 8.0), (8.0, 16.4), (16.4, 21.6)]
    scenes = tuple(Scene(each.start_s, each.end_s, each.mood) for each in found)
    music = compose(Spotting(scenes), 0, Means("piano"))
    assert [key.start_s for key in music.keys] == [0.0, 8.0, 16.4]
    assert 2.0 <= 21.6 - music.ends_s < 3.0


def test_scenes_that_return_have_a_theme_of_their_own() -> None:
    breakdown = _breakdown(*range(0, 90, 10), themes=(1, 2, 3, 3, 1, 2, SILENT, 1))
    assert beds.returning(breakdown.scenes) == ["theme A", "theme B", "", "", "theme A", "theme B", "", "theme A"]


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"colour": "red"}, "colour"),
        ({"number": 3}, "number: 3, but its piece has 3 scenes"),
        ({"mood": {"valence": 2, "arousal": 0.5}}, "valence"),
        ({"end_s": 99.0}, "lies beyond"),
    ],
)
def test_what_is_wrong_with_a_brief_is_told(sheet: Path, change: dict[str, Any], fault: str) -> None:
    form = json.loads(sheet.read_text())
    form["cues"][1]["composed"] |= change
    sheet.write_text(json.dumps(form))
    with pytest.raises(InputError, match=fault):
        read_json(sheet)


def test_a_scored_film_has_its_composed_cues_on_the_page(
    film: Path, sounds: list[Sound], font: Path, tmp_path: Path
) -> None:
    asked: dict[str, Any] = {"compose": "always", "ensemble": "piano", "effects": False}
    result = score(Shelf(sounds), composing_models(font), film, tmp_path / "out.mp4", **asked)
    page = result.files["report"].read_text()
    assert "composed for scene 1 of 3" in page
    assert "set music-1 ensemble=" in page
    assert "Ada" in result.files["rights"].read_text()
    assert len(list((tmp_path / "out.cues.made").iterdir())) == 3
    assert not result.score.faults


def test_what_was_composed_goes_where_the_sheet_is_not_written(
    film: Path, sounds: list[Sound], font: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:

    monkeypatch.setattr(planning, "write_json", lambda *_: (_ for _ in ()).throw(OutputError(tmp_path, "is full", "")))
    with pytest.raises(OutputError):
        plan(Shelf(sounds), composing_models(font), film, tmp_path / "cues.json", compose="always", effects=False)
    assert not list(tmp_path.iterdir())


def test_the_notes_of_a_sheet_are_written_as_they_sound(
    sheet: Path, font: Path, sounds: list[Sound], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    edited(sheet, font, "set", cue="music-2", ensemble="strings", style="march", seed=4, theme="Anna")
    sounded = music_of(read_json(sheet))
    request = ComposeRequest(story=sheet, out=tmp_path / "a.wav", font=font, write_scenes=tmp_path / "s.json")
    result = composing.run(request, make_models(), Watch())
    assert [scene.theme for scene in result.scenes] == ["theme A", "Anna", "theme A"]
    whole = read_audio(tmp_path / "a.wav").samples
    gain = 10 ** (read_json(sheet).cues[0].gain_db / 20)
    first = slice(0, round(10.3 * RATE_HZ))  # the piece of one gain, before the scene that was brought to another
    np.testing.assert_allclose(sounded[:, first], whole[:, first] * gain, atol=1e-3)
    monkeypatch.setattr(editing, "_sounds", lambda score: sounds)
    edited(sheet, font, "swap", cue="music-2")
    with pytest.raises(InputError, match="holds 2 composed cues of 1 pieces, one whole piece is wanted"):
        composing.run(request, make_models(), Watch())
    with pytest.raises(UsageError, match="seed: stands in the sheet"):
        ComposeRequest(story=sheet, midi=tmp_path / "a.mid", seed=3)
