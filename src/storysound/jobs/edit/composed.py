"""Edits of composed cues: who plays, with what notes and in what mood; each is composed and played anew alone."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from storysound.cue import edit
from storysound.cue.score import Cue, MusicBrief, MusicHit, MusicPiece, Piece, RunnerUp, Score
from storysound.encode.beats.trackers import tracker
from storysound.encode.pool import Models
from storysound.errors import UsageError
from storysound.jobs.edit.request import BRIEF, EditRequest
from storysound.match.query import Hit
from storysound.progress import Watch
from storysound.story import Mood, Sound, Span

if TYPE_CHECKING:
    from storysound.jobs.plan.plan import Place


def set_brief(score: Score, request: EditRequest, models: Models, watch: Watch) -> Score:
    """A cue of music composed anew with what is asked for; one of the library gives way to a piece of its own.

    A track of the library that is only to mark other moments is cut anew instead, to what of it may begin there.


    Another ensemble is as loud as the one before; all else leaves the gain. Where the cue was moved or trimmed it stays
    so. Raises UsageError for a cue that is no music, an unknown ensemble or style; MissingModelError without the font.
    """
    from storysound.jobs.plan.plan import Composer, times_of

    cue = edit.cue_of(score, request.cue)
    if cue.layer != "music":
        raise UsageError(f"{cue.id} is {cue.layer}: music alone can be composed", field="cue")
    changes = {name: value for name in BRIEF if (value := getattr(request, name)) is not None}
    if cue.composed is None and set(changes) == {"hits"}:
        return _with_hits(score, cue, request.hits or (), models)
    brief = replace(cue.composed or _own_piece(score, cue), **changes)
    _check_hits(brief, brief.hits)
    commercial = score.wishes.licence_policy == "commercial"
    composer = Composer(request.sheet, models, commercial=commercial)
    new = composer.cue(cue.id, brief, times_of(score), watch)
    louder_db = cue.level_lufs - new.level_lufs if brief.ensemble != _ensemble(cue) else 0.0
    gain_db = cue.gain_db + (louder_db if math.isfinite(louder_db) else 0.0)
    new = replace(new, gain_db=gain_db, muted=cue.muted, locked=cue.locked)
    if cue.composed is None:
        new = replace(new, runners_up=runners_up(cue, new.sound))
    else:
        new = replace(_placed(new, cue, score.duration_s), runners_up=cue.runners_up)
    said = " ".join(f"{name}={_said(value)}" for name, value in changes.items())
    return edit.put(score, f"set {cue.id} {said}", new)


def _with_hits(score: Score, cue: Cue, hits: tuple[MusicHit, ...], models: Models) -> Score:
    """A cue of the library's cut anew to its place, so that something of its track begins at the hits."""
    from storysound.jobs.plan.plan import Place, fitted_cue

    _check_hits(cue, hits)
    place = Place(cue.id, cue.layer, cue.start_s, cue.end_s, hits_s=tuple(hit.at_s for hit in hits))
    why = tuple(reason for reason in cue.why if not reason.startswith("hit at "))
    hit = Hit(cue.sound, cue.pieces[0].in_s, cue.pieces[-1].out_s, cue.score, why)
    new = fitted_cue(place, hit, cue.level_lufs + cue.gain_db, tracker(score.wishes.beats, models))
    new = replace(new, fade_in_s=cue.fade_in_s, fade_out_s=max(cue.fade_out_s, new.fade_out_s))
    new = replace(new, runners_up=cue.runners_up, muted=cue.muted, locked=cue.locked)
    return edit.put(score, f"set {cue.id} hits={_said(hits)}", new)


def _check_hits(own: Cue | MusicBrief, hits: tuple[MusicHit, ...]) -> None:
    """Raises UsageError for hits outside the music."""
    for hit in hits:
        if not own.start_s <= hit.at_s < own.end_s:
            fault = f"lie from {own.start_s:.2f} to {own.end_s:.2f} s in this cue, got {hit.at_s:g}"
            raise UsageError(fault, field="hits")


def _said(value: str | int | Mood | tuple[MusicHit, ...]) -> str:
    if isinstance(value, tuple):
        return ",".join(f"{hit.at_s:g}" + (f":{hit.mark}" if hit.mark != "accent" else "") for hit in value)
    return f"{value.valence:g},{value.arousal:g}" if isinstance(value, Mood) else str(value)


def _ensemble(cue: Cue) -> str:
    return cue.composed.ensemble if cue.composed else ""


def _own_piece(score: Score, cue: Cue) -> MusicBrief:
    """A piece for the place of a cue that was none, in the mood of the scene under most of it."""
    own = Span(cue.start_s, cue.end_s)
    scene = max(score.scenes, key=lambda s: Span(s.start_s, s.end_s).overlap_s(own), default=None)
    mood = score.wishes.mood or (scene.mood if scene else cue.sound.mood)
    piece = MusicPiece(cue.start_s, cue.end_s, 1, score.wishes.seed)
    return MusicBrief(piece, 0, cue.start_s, cue.end_s, mood, ensemble=score.wishes.ensemble)


def _placed(new: Cue, old: Cue, duration_s: float) -> Cue:
    """A new take as the one before was moved, trimmed and cut; at an end that wasn't trimmed it rings out by itself."""
    *inner, last = old.pieces
    length_s = new.sound.duration_s
    whole = last.out_s >= min(old.sound.duration_s, last.in_s + duration_s - last.at_s) - edit.SHORTEST_S
    if last.in_s > length_s - edit.SHORTEST_S or any(piece.out_s > length_s for piece in inner):  # it is not so long
        inner, last = [], Piece(0.0, length_s, old.start_s)
    out_s = length_s if whole else min(last.out_s, length_s)
    last = Piece(last.in_s, min(out_s, last.in_s + duration_s - last.at_s), last.at_s)
    half_s = (last.end_s - old.start_s) / 2
    new = replace(new, start_s=old.start_s, end_s=last.end_s, pieces=(*inner, last))
    return replace(new, fade_in_s=min(old.fade_in_s, half_s), fade_out_s=min(old.fade_out_s, half_s))


def taken_up(score: Score, cue: Cue, sound: Sound) -> Cue | None:
    """The composed cue that a sound was, in place of `cue` and as loud; None of a sound that wasn't composed."""
    known = [other for other in score.known_cues if other.composed and other.sound.path == sound.path]
    if not known:
        return None
    found = next((other for other in known if other.id == cue.id), known[0])
    gain_db = cue.level_lufs + cue.gain_db - found.level_lufs
    gain_db = gain_db if math.isfinite(gain_db) else found.gain_db
    found = replace(found, id=cue.id, gain_db=gain_db, runners_up=runners_up(cue, sound))
    return replace(found, muted=cue.muted, locked=cue.locked)


def runners_up(cue: Cue, sound: Sound) -> tuple[RunnerUp, ...]:
    """Those of a cue that gets this sound: the one that it had is the last of them."""
    others = tuple(runner for runner in cue.runners_up if runner.path != sound.path)
    return (*others, RunnerUp(cue.sound.path, cue.score, cue.pieces[0].in_s, cue.pieces[0].out_s, cue.why))


def place_of(score: Score, cue: Cue) -> "Place":
    """Where a sound of the library plays instead of a composed scene: it crosses with what is around.

    An edge that was trimmed or moved inwards stays.
    """
    from storysound.jobs.plan.plan import CROSS_S, Place

    brief = cue.composed
    assert brief is not None
    before, after = (
        CROSS_S if is_inner else 0.0 for is_inner in (brief.number > 0, brief.number + 1 < brief.piece.scenes)
    )
    start_s = brief.start_s - before / 2 if cue.start_s <= brief.start_s else cue.start_s
    end_s = brief.end_s + after / 2 if cue.end_s >= brief.end_s - edit.SHORTEST_S else cue.end_s
    return Place(cue.id, cue.layer, max(0.0, start_s), min(end_s, score.duration_s), before, after)


@contextmanager
def whole(request: EditRequest) -> Iterator[None]:
    """Removes what an edit composed where it fails in the end."""
    if request.action != "set":
        yield
        return
    from storysound.jobs.plan.plan import voices_beside

    with voices_beside(request.sheet):
        yield
