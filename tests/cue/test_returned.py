"""What was done to a timeline in an editing program comes back into the score; nothing else does."""

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import opentimelineio as otio
import pytest

from cue.handoff_making import film, score
from storysound.cue import edit
from storysound.cue.handoff.returned import Returned, read_edited
from storysound.cue.handoff.timeline import Handoff
from storysound.cue.score import FileReference, Score
from storysound.cue.sheet import check
from storysound.errors import InputError

FPS = 25
RT, TR = otio.opentime.RationalTime, otio.opentime.TimeRange
Timeline = otio.schema.Timeline


@pytest.fixture
def made(tmp_path: Path) -> Score:
    film(tmp_path / "film.mov", Fraction(FPS), "01:00:00:00")
    return score(tmp_path)


def handed_over(made: Score, folder: Path, **more: Any) -> Timeline:
    handoff = Handoff(made, picture=folder / "film.mov", scored=folder / "out.mov")
    handoff.write_otio(folder / "t.otio", **more)
    return otio.adapters.read_from_file(str(folder / "t.otio"))


def brought_back(made: Score, folder: Path, do: Callable[[Timeline], object], **more: Any) -> Returned:
    timeline = handed_over(made, folder, **more)
    do(timeline)
    otio.adapters.write_to_file(timeline, str(folder / "edited.otio"))
    returned = read_edited(folder / "edited.otio", made)
    check(returned.score)
    return returned


def clips(timeline: Timeline, cue: str) -> list[otio.schema.Clip]:
    return [clip for clip in timeline.find_clips() if clip.metadata["storysound"].get("cue") == cue]


def moved(timeline: Timeline, cue: str, frames: int) -> None:
    """Moves a cue's clips by changing the gap before them."""
    first = clips(timeline, cue)[0]
    track = first.parent()
    gap = track[track.index(first) - 1]
    gap.source_range = TR(RT(0, FPS), gap.source_range.duration + RT(frames, FPS))


def trimmed(clip: otio.schema.Clip, head: int, tail: int) -> None:
    """Cuts frames off both ends, what is left staying where it is."""
    track = clip.parent()
    track.insert(track.index(clip), otio.schema.Gap(duration=RT(head, FPS)))
    played = clip.source_range
    clip.source_range = TR(played.start_time + RT(head, FPS), played.duration - RT(head + tail, FPS))


def of(returned: Returned, cue: str) -> Any:
    return edit.cue_of(returned.score, cue)


def test_a_timeline_that_nobody_touched_changes_nothing(made: Score, tmp_path: Path) -> None:
    returned = brought_back(made, tmp_path, lambda timeline: None)
    assert returned == Returned(made, (), ())


def test_moved(made: Score, tmp_path: Path) -> None:
    returned = brought_back(made, tmp_path, lambda timeline: moved(timeline, "m2", 10))
    cue, was = of(returned, "m2"), made.cues[1]
    assert (cue.start_s, cue.end_s) == (pytest.approx(was.start_s + 0.4), pytest.approx(was.end_s + 0.4))
    assert (cue.pieces[0].in_s, cue.pieces[0].at_s) == (was.pieces[0].in_s, pytest.approx(was.start_s + 0.4))
    assert returned.understood == ("m2 moved by +0.400 s",)
    assert returned.score.edits[-1].before == (was,)
    assert set(edit.undo(returned.score).cues) == set(made.cues)


def test_a_cue_of_pieces_moves_as_one(made: Score, tmp_path: Path) -> None:
    returned = brought_back(made, tmp_path, lambda timeline: moved(timeline, "m1", 5))
    assert [piece.at_s for piece in of(returned, "m1").pieces] == [pytest.approx(0.71), pytest.approx(15.51)]


def test_trimmed_at_both_ends(made: Score, tmp_path: Path) -> None:
    returned = brought_back(made, tmp_path, lambda timeline: trimmed(clips(timeline, "a1")[0], 25, 50))
    cue = of(returned, "a1")
    assert (cue.start_s, cue.end_s) == (pytest.approx(6.0), pytest.approx(33.0))
    assert (cue.pieces[0].in_s, cue.pieces[0].out_s) == (pytest.approx(1.5), pytest.approx(28.5))
    assert returned.understood == ("a1 trimmed to 00:00:06:00-00:00:33:00",)


def test_slipped(made: Score, tmp_path: Path) -> None:
    def slip(timeline: Timeline) -> None:
        clip = clips(timeline, "a1")[0]
        clip.source_range = TR(clip.source_range.start_time + RT(25, FPS), clip.source_range.duration)

    cue = of(brought_back(made, tmp_path, slip), "a1")
    assert (cue.start_s, cue.end_s, cue.pieces[0].in_s) == (5.0, 35.0, pytest.approx(1.5))


def test_muted_by_clip_or_track_and_unmuted(made: Score, tmp_path: Path) -> None:
    made = replace(made, cues=(*made.cues[:3], replace(made.cues[3], muted=True)))

    def switch(timeline: Timeline) -> None:
        clips(timeline, "a1")[0].enabled = False
        clips(timeline, "m2")[0].parent().enabled = False
        clips(timeline, "s1")[0].enabled = True

    returned = brought_back(made, tmp_path, switch)
    assert {cue.id for cue in returned.score.cues if cue.muted} == {"a1", "m2"}
    assert set(returned.understood) == {"a1 muted", "m2 muted", "s1 unmuted"}


def test_deleted(made: Score, tmp_path: Path) -> None:
    returned = brought_back(made, tmp_path, lambda timeline: timeline.tracks.pop(-1))
    assert {cue.id for cue in returned.score.cues} == {"m1", "m2", "a1"}
    assert returned.understood == ("s1 deleted",)


def test_a_cue_that_came_after_the_hand_over_stays(made: Score, tmp_path: Path) -> None:
    handed_over(made, tmp_path)
    later = edit.put(made, "add s2", replace(made.cues[3], id="s2"))
    returned = read_edited(tmp_path / "t.otio", later)
    assert returned.score == later


def test_what_the_sheet_was_given_since_is_kept(made: Score, tmp_path: Path) -> None:
    timeline = handed_over(made, tmp_path)
    moved(timeline, "m2", 10)
    otio.adapters.write_to_file(timeline, str(tmp_path / "edited.otio"))
    returned = read_edited(tmp_path / "edited.otio", edit.gain(made, "m2", -3.0))
    assert of(returned, "m2").gain_db == pytest.approx(1.5 - 3.0)
    assert of(returned, "m2").start_s == pytest.approx(20.42)


def test_a_clip_cut_in_two_is_still_one(made: Score, tmp_path: Path) -> None:
    def razor(timeline: Timeline) -> None:
        clip = clips(timeline, "a1")[0]
        rest = clip.deepcopy()
        played = clip.source_range
        clip.source_range = TR(played.start_time, RT(100, FPS))
        rest.source_range = TR(played.start_time + RT(100, FPS), played.duration - RT(100, FPS))
        clip.parent().insert(clip.parent().index(clip) + 1, rest)

    returned = brought_back(made, tmp_path, razor)
    assert returned.score == made


def test_the_last_piece_deleted_is_a_trim(made: Score, tmp_path: Path) -> None:
    def drop(timeline: Timeline) -> None:
        last = clips(timeline, "m1")[1]
        track = last.parent()
        at = track.index(last)
        del track[at - 1 : at + 1]  # with the dissolve before it

    returned = brought_back(made, tmp_path, drop)
    cue = of(returned, "m1")
    assert len(cue.pieces) == 1
    assert cue.end_s == pytest.approx(15.4, abs=0.021)
    assert returned.not_understood == ()


# --- levels


def volume(clip: otio.schema.Clip) -> Any:
    return next(e.metadata["Resolve_OTIO"] for e in clip.effects if "Resolve_OTIO" in e.metadata)["Parameters"][0]


def turned(clip: otio.schema.Clip, by_db: float) -> None:
    """As DaVinci Resolve writes a clip whose level was changed as a whole."""
    parameter = volume(clip)
    parameter["Parameter Value"] += by_db
    for key in parameter["Key Frames"].values():
        key["Value"] = max(-100.0, key["Value"] + by_db)


def test_turned_down_in_resolve(made: Score, tmp_path: Path) -> None:
    returned = brought_back(made, tmp_path, lambda t: [turned(clip, -6.0) for clip in clips(t, "m1")])
    assert of(returned, "m1").gain_db == pytest.approx(-9.0)
    assert returned.understood == ("m1 -6 dB",)


def test_turned_up_in_premiere(made: Score, tmp_path: Path) -> None:
    def up(timeline: Timeline) -> None:
        clip = clips(timeline, "m2")[0]
        clip.effects[:] = [effect for effect in clip.effects if "PremierePro_OTIO" in effect.metadata]
        level = clip.effects[0].metadata["PremierePro_OTIO"]["Parameters"][1]
        for key in level["Keyframes"]:
            key["Value"] = key["Value"] * 10 ** (3 / 20)

    assert of(brought_back(made, tmp_path, up), "m2").gain_db == pytest.approx(4.5)


def test_a_trimmed_clip_has_its_keys_from_its_new_start(made: Score, tmp_path: Path) -> None:
    def trim_and_turn(timeline: Timeline) -> None:
        clip = clips(timeline, "a1")[0]
        keys = dict(volume(clip)["Key Frames"].items())
        trimmed(clip, 100, 0)
        volume(clip)["Key Frames"] = {str(int(f) - 100): dict(key) for f, key in keys.items() if int(f) >= 100}
        turned(clip, 2.0)

    cue = of(brought_back(made, tmp_path, trim_and_turn), "a1")
    assert (cue.gain_db, cue.start_s) == (pytest.approx(-7.0), pytest.approx(9.0))


def test_a_program_without_levels_leaves_them(made: Score, tmp_path: Path) -> None:
    def bare(timeline: Timeline) -> None:
        for clip in timeline.find_clips():
            clip.effects.clear()

    assert brought_back(made, tmp_path, bare) == Returned(made, (), ())


def test_clips_without_our_words_are_known_by_their_file(made: Score, tmp_path: Path) -> None:
    def forget(timeline: Timeline) -> None:
        timeline.metadata.clear()
        moved(timeline, "m2", 10)
        for clip in timeline.find_clips():
            clip.metadata.clear()

    returned = brought_back(made, tmp_path, forget)
    assert of(returned, "m2").start_s == pytest.approx(20.42)
    assert {cue.id for cue in returned.score.cues} == {"m1", "m2", "a1", "s1"}
    assert of(returned, "m1") == made.cues[0]


def test_a_slate_before_the_film_moves_nothing(made: Score, tmp_path: Path) -> None:
    def slate(timeline: Timeline) -> None:
        for track in timeline.tracks:
            track.insert(0, otio.schema.Gap(duration=RT(125, FPS)))

    returned = brought_back(made, tmp_path, slate)
    assert returned.score == made
    assert returned.understood == ("the film begins at +5.000 s of the timeline; all is counted from there",)


# --- what can't be understood


def retime(timeline: Timeline) -> None:
    clips(timeline, "m2")[0].effects.append(otio.schema.LinearTimeWarp(time_scalar=0.5))


def nest(timeline: Timeline) -> None:
    clip = clips(timeline, "m2")[0]
    track = clip.parent()
    at = track.index(clip)
    del track[at]
    inner = otio.schema.Track(kind="Audio", children=[clip])
    track.insert(at, otio.schema.Stack(name="Compound", children=[inner]))


def redraw(timeline: Timeline) -> None:
    keys = volume(clips(timeline, "m2")[0])["Key Frames"]
    keys[sorted(keys, key=int)[-2]]["Value"] = 12.0


def tear(timeline: Timeline) -> None:
    clip = clips(timeline, "m1")[1]
    clip.parent().insert(clip.parent().index(clip), otio.schema.Gap(duration=RT(10, FPS)))


def copy(timeline: Timeline) -> None:
    clip = clips(timeline, "m2")[0]
    clip.parent().append(clip.deepcopy())


def fade(timeline: Timeline) -> None:
    clip = clips(timeline, "m2")[0]
    kind = otio.schema.TransitionTypes.SMPTE_Dissolve
    clip.parent().append(otio.schema.Transition("Cross Fade", kind, RT(10, FPS), RT(0, FPS)))


def strange(timeline: Timeline) -> None:
    media = otio.schema.ExternalReference("file:///other.wav", TR(RT(0, FPS), RT(100, FPS)))
    clip = otio.schema.Clip("other.wav", media, TR(RT(0, FPS), RT(100, FPS)))
    timeline.tracks.append(otio.schema.Track("A9", children=[clip], kind="Audio"))


def reverb(timeline: Timeline) -> None:
    clips(timeline, "m2")[0].effects.append(otio.schema.Effect("Big hall", "Reverb", {"Other": {}}))


@pytest.mark.parametrize(
    ("do", "words"),
    [
        (retime, "(m2) was retimed"),
        (nest, "'Compound' is nested, with m2"),
        (redraw, "(m2) has other level keyframes"),
        (tear, "m1 has pieces that were moved apart"),
        (copy, "m2 was cut up, or is there more than once"),
        (fade, "a transition on 'Music 2' at 00:00:20:00 is left out"),
        (strange, "'other.wav' on 'A9' at 00:00:00:00 is no clip of this score"),
        (reverb, "(m2) has an effect: Reverb"),
    ],
)
def test_what_cannot_be_understood_is_said_and_nothing_guessed(
    made: Score, tmp_path: Path, do: Callable[[Timeline], None], words: str
) -> None:
    returned = brought_back(made, tmp_path, do)
    assert returned.score == made
    assert returned.understood == ()
    assert any(words in line for line in returned.not_understood), returned.not_understood


def test_two_clips_of_one_file_without_our_words_are_not_taken_for_deleted(made: Score, tmp_path: Path) -> None:
    twin = replace(
        made.cues[3], id="s2", start_s=30.0, end_s=31.0, pieces=(replace(made.cues[3].pieces[0], at_s=30.0),)
    )
    made = edit.put(made, "add s2", twin)

    def forget(timeline: Timeline) -> None:
        for cue in ("s1", "s2"):
            (clip,) = clips(timeline, cue)
            trimmed(clip, 5, 5)
            clip.metadata.clear()
            clip.metadata["storysound"] = {}

    returned = brought_back(made, tmp_path, forget)
    assert returned.score == made
    assert len(returned.not_understood) == 2


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("not json", "is not JSON"),
        ("[1, 2]", "is no OpenTimelineIO file"),
        ('{"OTIO_SCHEMA": "Clip.2", "name": "a"}', "is an OpenTimelineIO Clip.2, a timeline is wanted"),
        ('{"OTIO_SCHEMA": "Timeline.1", "tracks": 5}', "can't be read as a timeline"),
        (otio.schema.Timeline("a").to_json_string(), "holds no clip of 'Ünder way'"),
        ("[" * 100_000, "is nested too deep"),
    ],
)
def test_what_is_no_timeline_of_this_film_is_refused(made: Score, tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "t.otio").write_text(text, "utf-8")
    with pytest.raises(InputError, match=r"t\.otio") as told:
        read_edited(tmp_path / "t.otio", made)
    assert words in str(told.value)


def test_the_timeline_of_another_film_is_refused(made: Score, tmp_path: Path) -> None:
    handed_over(made, tmp_path)
    other = replace(made, title="Other", story=FileReference("/other.mov", "ef" * 32, 2, 2))
    with pytest.raises(InputError, match="of another film: 'Ünder way', the sheet is of 'Other'"):
        read_edited(tmp_path / "t.otio", other)


def test_the_timeline_of_the_stems_is_refused(made: Score, tmp_path: Path) -> None:
    handed_over(made, tmp_path, stems={"music": tmp_path / "music.wav"})
    with pytest.raises(InputError, match="timeline of the stems"):
        read_edited(tmp_path / "t.otio", made)
