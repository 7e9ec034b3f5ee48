"""Sounds made for what a library hasn't: only where nothing else is, only if heard as asked; swapped, kept, removed."""

from collections.abc import Set
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from test_choice import Shelf, asked, hit, sound, story

from storysound.cue.score import Cue, Layer
from storysound.encode.pool import Models
from storysound.errors import UsageError
from storysound.generate.maker import Condition, Conditions
from storysound.jobs.edit.edit import run as edit
from storysound.jobs.edit.request import EditRequest
from storysound.jobs.plan import filling
from storysound.jobs.plan.filling import SoundsMade, check_fill, fill_notes, filled, gaps
from storysound.jobs.plan.lasting import Lasting
from storysound.jobs.plan.plan import made_beside, run, run_again, voices_beside
from storysound.jobs.plan.request import PlanOptions, PlanRequest, ReplanRequest
from storysound.jobs.starter import starter_library
from storysound.library.store import Library
from storysound.media.audio import Waveform
from storysound.progress import Watch
from storysound.story import Sound

RATE_HZ = 22_050


class Hisses:
    """A maker whose takes are noise: the first of each text is faint, the second is loud."""

    takes: Set[Condition] = frozenset({"text"})
    longest_s = 60.0

    def __init__(self) -> None:
        self.asked: list[str] = []

    def nearest(self, text: str) -> tuple[str, float]:
        return ("a frog croaks", 0.9) if "frog" in text else ("rain", 0.2)

    def make(self, conditions: Conditions) -> Waveform:
        self.asked.append(conditions.text)
        level = 0.3 if self.asked.count(conditions.text) > 1 else 0.01
        noise = np.random.default_rng(conditions.seed).uniform(-1, 1, (1, round(conditions.seconds * RATE_HZ)))
        return Waveform((level * noise).astype(np.float32), RATE_HZ)


class Listens:
    """Agrees with what is loud."""

    def agreement(self, text: str, sight: object, unit: int, wave: Waveform) -> float:
        return 10 * float(np.abs(wave.samples).max())


@pytest.fixture
def hisses(monkeypatch: pytest.MonkeyPatch) -> Hisses:
    maker = Hisses()
    monkeypatch.setattr(filling, "maker_of", lambda choice, makers, models: (maker, choice, "CC BY-NC 4.0"))
    return maker


def sounds_made(folder: Path) -> SoundsMade:
    return SoundsMade("make", folder, None, Listens, 0)  # type: ignore[arg-type]


def cue(layer: Layer, start_s: float, end_s: float, of: Sound) -> Cue:
    return Cue(f"{layer}-1", layer, start_s, end_s, of, (), 0.0, 0.0, 0.0, 0.5)


def test_a_take_that_is_not_heard_as_asked_gives_way_to_another(hisses: Hisses, tmp_path: Path) -> None:
    made = sounds_made(tmp_path / "made")
    one = made.sound(("The frog sings.", "the frog"), Watch())
    assert one is not None
    assert hisses.asked == ["a frog croaks"] * 2
    assert made.sound(("a frog",), Watch()) == one  # the same words, nothing made anew
    assert len(hisses.asked) == 2
    assert (one.title, one.kind, one.duration_s) == ("a frog croaks", "sfx", 5.0)
    assert one.source.licence == "CC BY-NC 4.0"
    assert -25 < one.loudness_lufs < -5
    assert (Path(one.root) / one.path).stat().st_size > 10_000


def test_what_the_model_never_learned_of_is_not_made_and_told(hisses: Hisses, tmp_path: Path) -> None:
    made = sounds_made(tmp_path / "made")
    assert made.sound(("an office",), Watch()) is None
    assert made.sound(('He says "come here".',), Watch()) is None
    assert not hisses.asked
    assert not (tmp_path / "made").exists()
    (note,) = fill_notes((), made)
    assert "sosgen could make nothing that is heard as 'an office', 'He says \"come here\".'" in note


def test_gaps_are_clear_silent_and_without_an_effect() -> None:
    footage, understood = story(4, 4, 4, 4)
    told = replace(footage.story, texts=("a frog", "", "rain", "wind"))
    footage = replace(footage, story=told)
    there = [cue("spot", 1.0, 2.0, sound("knock")), cue("music", 0.0, 16.0, sound("song"))]
    audible = [False, False, True, False]
    found = gaps(footage, replace(understood, sight=None), there, audible, lambda unit: ())
    assert found == {3: ("wind",)}  # 0 has an effect, 1 says nothing, 2 is heard
    assert gaps(footage, understood, there, audible, lambda unit: ("a",)) == {1: ("a",), 3: ("wind", "a")}


def test_a_made_sound_ends_with_what_it_was_made_for_and_the_librarys_follow(hisses: Hisses, tmp_path: Path) -> None:
    footage, understood = story(4, 4)
    knock = hit(sound("knock", "sfx", 0.5), 1.0)
    wanted = {0: ("a frog",)}
    (draft,) = filled(wanted, sounds_made(tmp_path), footage, understood, Shelf([knock]), asked(), Watch(), Lasting())
    assert (draft.layer, draft.unit, draft.end_s) == ("ambience", 0, 4.0)
    assert [each.sound.title for each in draft.hits] == ["a frog croaks"]  # a knock doesn't last as that does
    clicks = Waveform(np.zeros((1, 5 * RATE_HZ), np.float32), RATE_HZ)
    clicks.samples[0, ::RATE_HZ] = 0.9
    hisses.make = lambda conditions: clicks  # type: ignore[method-assign]
    (draft,) = filled(wanted, sounds_made(tmp_path), footage, understood, Shelf([knock]), asked(), Watch(), Lasting())
    assert (draft.layer, draft.end_s) == ("spot", 4.0)
    assert [each.sound.path for each in draft.hits[1:]] == ["knock"]


def test_what_may_not_be_sold_is_refused_before_any_work(hisses: Hisses) -> None:
    check_fill("hub", PlanOptions(), None)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="fill: sounds made by stable-audio may not be sold"):
        check_fill("hub", PlanOptions(licence_policy="commercial"), None)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="fill: is make, hub or none"):
        PlanOptions(fill="all")  # type: ignore[arg-type]


def test_sounds_that_no_cue_plays_are_removed(hisses: Hisses, tmp_path: Path) -> None:
    made = sounds_made(tmp_path / "made")
    one = made.sound(("a frog",), Watch())
    assert one is not None
    made.let_go([cue("spot", 0.0, 1.0, one)])
    assert (tmp_path / "made" / one.path).exists()
    made.let_go([])
    assert not (tmp_path / "made").exists()


def fail(sheet: Path) -> None:
    """Makes a sound for the sheet, and doesn't get further."""
    with voices_beside(sheet):
        made_beside(sheet).mkdir(parents=True, exist_ok=True)
        (made_beside(sheet) / "b.flac").touch()
        raise KeyboardInterrupt


def test_a_plan_that_fails_leaves_none(tmp_path: Path) -> None:
    sheet = tmp_path / "new" / "cues.json"
    old = tmp_path / "old" / "cues.json"
    made_beside(old).mkdir(parents=True)
    (made_beside(old) / "a.flac").touch()
    for each in (sheet, old):
        with pytest.raises(KeyboardInterrupt):
            fail(each)
    assert not sheet.parent.exists()
    assert [file.name for file in made_beside(old).iterdir()] == ["a.flac"]


@pytest.fixture(scope="module")
def yard(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A picture and its words, of which the starter sounds have nothing."""
    folder = tmp_path_factory.mktemp("yard")
    for name, colour in (("1.png", (30, 80, 60)), ("2.png", (90, 90, 90))):
        Image.fromarray(np.full((120, 160, 3), colour, np.uint8)).save(folder / name)
    (folder / "story.txt").write_text("A dog barks in the yard.\nA clock ticks on the wall.\n")
    return folder


@pytest.mark.models
def test_pictures_without_a_library_get_what_is_made(models: Models, yard: Path, tmp_path: Path) -> None:
    sheet = tmp_path / "cues.json"
    result = run(PlanRequest(yard, None, sheet), models, Watch())
    assert result.score.wishes.fill == "make"
    made = [each for each in result.score.cues if each.sound.root == str(made_beside(sheet))]
    assert made
    assert all(each.sound.source.licence == "CC0-1.0" and "made by sosgen" in each.why[0] for each in made)
    assert any("the library has nothing near enough" in note for note in result.notes)
    first = made[0]
    assert first.runners_up
    swapped = edit(EditRequest(sheet, "swap", first.id), models, Watch()).score
    (now,) = [each for each in swapped.cues if each.id == first.id]
    assert now.sound.path == first.runners_up[0].path
    back = edit(EditRequest(sheet, "swap", first.id, sound=first.sound.path), models, Watch()).score
    assert next(each for each in back.cues if each.id == first.id).sound == first.sound
    again = run_again(ReplanRequest(sheet), models, Watch())
    assert {each.sound for each in again.score.cues if each.layer != "music"} == {each.sound for each in made}


@pytest.mark.models
def test_nothing_is_made_unless_asked_where_there_is_a_library(models: Models, yard: Path, tmp_path: Path) -> None:
    library = starter_library(models, Watch())
    assert Library.open(library).sounds()
    result = run(PlanRequest(yard, library, tmp_path / "cues.json"), models, Watch())
    assert result.score.wishes.fill == "none"
    assert all(each.layer == "music" for each in result.score.cues)
    assert not made_beside(tmp_path / "cues.json").exists()
