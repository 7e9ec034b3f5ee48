"""Edits change what they name and nothing else, and every one can be undone."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from storysound.cue import edit
from storysound.cue.score import Cue, Piece, Score, Verdict
from storysound.errors import UsageError
from storysound.story import Sound

LOOP = (Piece(1.0, 21.0, 2.0), Piece(5.0, 17.0, 21.8))  # film 2 .. 33.8


@pytest.fixture
def score() -> Score:
    def cue(cue_id: str, layer: str, sound: str, *pieces: Piece) -> Cue:
        made = Sound(sound, "/library", 30.0, "music")
        return Cue(cue_id, layer, pieces[0].at_s, pieces[-1].end_s, made, pieces, -3.0, 0.5, 2.0, 0.7)  # type: ignore[arg-type]

    return Score("clip", 60.0, 25.0, (), (cue("m1", "music", "a", *LOOP), cue("s1", "spot", "b", Piece(0, 1, 40.0))))


EDITS: list[tuple[Callable[[Score], Score], str]] = [
    (lambda s: edit.gain(s, "m1", -3), "gain m1 -3"),
    (lambda s: edit.move(s, "m1", 1.5), "move m1 +1.5"),
    (lambda s: edit.trim(s, "m1", 4.0, 20.0), "trim m1 4 20"),
    (lambda s: edit.fade(s, "m1", 1.0, None), "fade m1 1 2"),
    (lambda s: edit.mute(s, "m1"), "mute m1"),
    (lambda s: edit.lock(s, "m1"), "lock m1"),
    (lambda s: edit.ban(s, "a"), "ban a"),
    (lambda s: edit.remove(s, "m1"), "remove m1"),
    (lambda s: edit.put(s, "add x", replace(s.cues[1], id=edit.new_id(s, "spot"), start_s=1.0)), "add x"),
]


def test_what_was_measured_of_a_cue_goes_when_it_changes(score: Score) -> None:
    measured = replace(score, verdicts=(Verdict("m1", 3.0), Verdict("s1", 4.0)))
    edited = edit.gain(measured, "m1", -3)
    assert edited.verdicts == (Verdict("s1", 4.0),)
    assert edit.undo(edited).verdicts == (Verdict("s1", 4.0),)
    assert edit.ban(measured, "a").verdicts == measured.verdicts


@pytest.mark.parametrize(("change", "command"), EDITS)
def test_an_edit_is_undone_and_done_again(score: Score, change: Callable[[Score], Score], command: str) -> None:
    edited = change(score)
    assert (edited.cues, edited.bans) != (score.cues, score.bans)
    assert [cue for cue in edited.cues if cue.id == "s1"] == [score.cues[1]]
    assert [done.command for done in edited.edits] == [command]
    back = edit.undo(edited)
    assert replace(back, undone=()) == score
    assert edit.redo(back) == edited
    with pytest.raises(UsageError, match="nothing to redo"):
        edit.redo(edited)


def test_edits_pile_up_and_an_edit_forgets_what_was_undone(score: Score) -> None:
    many = score
    for change, _ in EDITS[:6]:
        many = change(many)
    states = [many]
    for _ in range(6):
        states.append(edit.undo(states[-1]))
    assert replace(states[-1], undone=()) == score
    assert edit.gain(states[3], "s1", 1).undone == ()
    with pytest.raises(UsageError, match="no edit to undo"):
        edit.undo(score)


def test_a_move_takes_everything_along_and_stays_in_the_film(score: Score) -> None:
    moved = edit.cue_of(edit.move(score, "m1", 1.5), "m1")
    assert (moved.start_s, moved.end_s) == (3.5, pytest.approx(35.3))
    assert [piece.at_s for piece in moved.pieces] == [3.5, pytest.approx(23.3)]
    with pytest.raises(UsageError, match=r"m1 can move from -2 to \+26.2 s"):
        edit.move(score, "m1", -3)


@pytest.mark.parametrize(
    ("start_s", "end_s", "pieces"),
    [
        (4.0, None, ((3.0, 21.0, 4.0), (5.0, 17.0, 21.8))),
        (None, 10.0, ((1.0, 9.0, 2.0),)),
        (25.0, 30.0, ((8.2, 13.2, 25.0),)),
        (1.5, 40.0, ((0.5, 21.0, 1.5), (5.0, 23.2, 21.8))),  # outwards
    ],
)
def test_a_trim_leaves_what_sounds_where_it_is(
    score: Score, start_s: float | None, end_s: float | None, pieces: tuple[tuple[float, float, float], ...]
) -> None:
    trimmed = edit.cue_of(edit.trim(score, "m1", start_s, end_s), "m1")
    assert [(p.in_s, p.out_s, p.at_s) for p in trimmed.pieces] == [pytest.approx(p) for p in pieces]
    assert trimmed.fade_in_s + trimmed.fade_out_s <= trimmed.duration_s


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (lambda s: edit.gain(s, "m9", 1), "there is no 'm9'; the cues are m1, s1"),
        (lambda s: edit.gain(s, "m1", 900), r"must|lies in \[-120, 60\]"),
        (lambda s: edit.trim(s, "m1", 0.5, None), "earliest start is 1 s"),
        (lambda s: edit.trim(s, "m1", None, 50.0), "latest end is 46.8 s"),
        (lambda s: edit.trim(s, "m1", 9.0, 3.0), "is no stretch"),
        (lambda s: edit.trim(s, "m1", None, None), "needs a new `start_s`"),
        (lambda s: edit.fade(s, "s1", 3.0, None), r"in_s: must lie in \[0, 1\]"),
        (lambda s: edit.ban(edit.ban(s, "a"), "a"), "banned already"),
        (lambda s: edit.allow(s, "a"), "is not banned; banned are: none"),
    ],
)
def test_what_can_not_be_is_refused(score: Score, change: Callable[[Score], Score], fault: str) -> None:
    with pytest.raises(UsageError, match=fault):
        change(score)


def test_ids_are_not_used_again(score: Score) -> None:
    assert edit.new_id(score, "music") == "music-1"
    added = edit.put(score, "add", replace(score.cues[0], id="music-1"))
    assert edit.new_id(edit.remove(added, "music-1"), "music") == "music-2"
