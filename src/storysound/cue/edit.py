"""Edits of a score: each gives a new score that holds what it changed, so that it can be undone.

Nothing here looks into a sound: what fits a new one to its place is `jobs.edit`. Every edit raises UsageError for a cue
that isn't there and for what can't be.
"""

from collections.abc import Callable
from dataclasses import replace

from storysound.cue.score import Cue, Edit, Layer, Piece, Score, Verdict
from storysound.errors import UsageError

SHORTEST_S = 0.05  # of a cue
LOUDEST_DB, SOFTEST_DB = 60.0, -120.0


def cue_of(score: Score, cue_id: str) -> Cue:
    """The cue of this id."""
    for cue in score.cues:
        if cue.id == cue_id:
            return cue
    there = ", ".join(cue.id for cue in score.cues[:12]) + (", …" if len(score.cues) > 12 else "")
    raise UsageError(f"there is no {cue_id!r}; the cues are {there or 'none'}", field="cue")


def gain(score: Score, cue_id: str, change_db: float) -> Score:
    """Makes a cue louder or softer by so much."""
    cue = cue_of(score, cue_id)
    wanted = cue.gain_db + change_db
    if not SOFTEST_DB <= wanted <= LOUDEST_DB:
        fault = f"{change_db:+g} dB would make it {wanted:g} dB; a gain lies in [{SOFTEST_DB:g}, {LOUDEST_DB:g}]"
        raise UsageError(fault, field="change_db")
    return put(score, f"gain {cue_id} {change_db:+g}", replace(cue, gain_db=wanted))


def move(score: Score, cue_id: str, change_s: float) -> Score:
    """Shifts a cue in time, later or (negative) earlier."""
    cue = cue_of(score, cue_id)
    start_s, end_s = cue.start_s + change_s, cue.end_s + change_s
    if start_s < 0 or end_s > score.duration_s:
        room = f"from {-cue.start_s:g} to {max(0.0, score.duration_s - cue.end_s):+g} s"
        raise UsageError(f"{change_s:+g} s leads out of the film: {cue_id} can move {room}", field="change_s")
    pieces = tuple(replace(piece, at_s=max(0.0, piece.at_s + change_s)) for piece in cue.pieces)
    return put(score, f"move {cue_id} {change_s:+g}", replace(cue, start_s=start_s, end_s=end_s, pieces=pieces))


def trim(score: Score, cue_id: str, start_s: float | None, end_s: float | None) -> Score:
    """Moves the edges of a cue to these times of the film; what sounds in between stays where it is.

    An edge moved outwards uncovers more of the sound, as far as it goes.
    """
    cue = cue_of(score, cue_id)
    if start_s is None and end_s is None:
        raise UsageError("needs a new `start_s`, a new `end_s`, or both")
    start_s, end_s = cue.start_s if start_s is None else start_s, cue.end_s if end_s is None else end_s
    if not 0 <= start_s < end_s - SHORTEST_S or end_s > score.duration_s + SHORTEST_S:
        fault = f"[{start_s:g}, {end_s:g}) is no stretch of a film of {score.duration_s:g} s"
        raise UsageError(fault, field="start_s" if start_s < 0 or start_s >= end_s - SHORTEST_S else "end_s")
    trimmed = replace(cue, start_s=start_s, end_s=end_s, pieces=_between(cue, start_s, end_s))
    return put(score, f"trim {cue_id} {start_s:g} {end_s:g}", _with_fades(trimmed, cue.fade_in_s, cue.fade_out_s))


def _between(cue: Cue, start_s: float, end_s: float) -> tuple[Piece, ...]:
    pieces = [piece for piece in cue.pieces if piece.end_s > start_s and piece.at_s < end_s] or [
        cue.pieces[0] if end_s <= cue.start_s else cue.pieces[-1]
    ]
    first = pieces[0]
    in_s = first.in_s + start_s - first.at_s
    if in_s < -1e-6:
        earliest = first.at_s - first.in_s
        raise UsageError(f"its sound begins with it: the earliest start is {earliest:g} s", field="start_s")
    pieces[0] = Piece(max(0.0, in_s), first.out_s, start_s)
    last = pieces[-1]
    out_s = last.in_s + end_s - last.at_s
    if out_s > cue.sound.duration_s + 1e-3:
        latest = last.at_s + cue.sound.duration_s - last.in_s
        raise UsageError(f"its sound is over then: the latest end is {latest:g} s", field="end_s")
    pieces[-1] = replace(last, out_s=out_s)
    return tuple(pieces)


def fade(score: Score, cue_id: str, in_s: float | None, out_s: float | None) -> Score:
    """Sets how long a cue takes to come and to go."""
    cue = cue_of(score, cue_id)
    if in_s is None and out_s is None:
        raise UsageError("needs `in_s`, `out_s`, or both")
    in_s, out_s = cue.fade_in_s if in_s is None else in_s, cue.fade_out_s if out_s is None else out_s
    for name, value in (("in_s", in_s), ("out_s", out_s)):
        if not 0 <= value <= cue.duration_s:
            raise UsageError(f"must lie in [0, {cue.duration_s:g}], as the cue lasts, got {value:g}", field=name)
    return put(score, f"fade {cue_id} {in_s:g} {out_s:g}", replace(cue, fade_in_s=in_s, fade_out_s=out_s))


def _with_fades(cue: Cue, in_s: float, out_s: float) -> Cue:
    return replace(cue, fade_in_s=min(in_s, cue.duration_s / 2), fade_out_s=min(out_s, cue.duration_s / 2))


def mute(score: Score, cue_id: str, *, muted: bool = True) -> Score:
    """Silences a cue, which stays in the sheet, or lets it sound again."""
    return put(score, f"{'mute' if muted else 'unmute'} {cue_id}", replace(cue_of(score, cue_id), muted=muted))


def lock(score: Score, cue_id: str, *, locked: bool = True) -> Score:
    """Has `plan` leave a cue as it is, or lets it change it again."""
    return put(score, f"{'lock' if locked else 'unlock'} {cue_id}", replace(cue_of(score, cue_id), locked=locked))


def remove(score: Score, cue_id: str) -> Score:
    """Takes a cue out."""
    return _done(score, Edit(f"remove {cue_id}", before=(cue_of(score, cue_id),)))


def ban(score: Score, sound: str) -> Score:
    """Has `plan` never use a sound, by its path in the library; cues that have it stay until then."""
    if sound in score.bans:
        raise UsageError(f"{sound!r} is banned already", field="sound")
    return _done(score, Edit(f"ban {sound}", banned=(sound,)))


def allow(score: Score, sound: str) -> Score:
    """Lifts the ban of a sound."""
    if sound not in score.bans:
        there = ", ".join(score.bans) or "none"
        raise UsageError(f"{sound!r} is not banned; banned are: {there}", field="sound")
    return _done(score, Edit(f"allow {sound}", allowed=(sound,)))


def put(score: Score, command: str, cue: Cue) -> Score:
    """Puts a cue in the place of the one of its id, or adds it where there is none."""
    before = tuple(other for other in score.cues if other.id == cue.id)
    return _done(score, Edit(command, before, (cue,)))


def undo(score: Score) -> Score:
    """Takes the last edit back. Raises UsageError where there is none."""
    if not score.edits:
        raise UsageError("there is no edit to undo")
    edit = score.edits[-1]
    back = _applied(score, Edit(edit.command, edit.after, edit.before, edit.allowed, edit.banned))
    return replace(back, edits=score.edits[:-1], undone=(edit, *score.undone))


def redo(score: Score) -> Score:
    """Does again what was undone last. Raises UsageError where there is nothing."""
    if not score.undone:
        raise UsageError("there is nothing to redo")
    edit = score.undone[0]
    return replace(_applied(score, edit), edits=(*score.edits, edit), undone=score.undone[1:])


def _done(score: Score, edit: Edit) -> Score:
    return replace(_applied(score, edit), edits=(*score.edits, edit), undone=())


def _applied(score: Score, edit: Edit) -> Score:
    gone = {cue.id for cue in (*edit.before, *edit.after)}
    cues = in_order((*(cue for cue in score.cues if cue.id not in gone), *edit.after))
    bans = tuple(path for path in score.bans if path not in edit.allowed)
    bans = (*bans, *(path for path in edit.banned if path not in bans))

    def known(verdicts: tuple[Verdict, ...]) -> tuple[Verdict, ...]:
        """Of cues that were changed nothing is known yet."""
        return tuple(verdict for verdict in verdicts if verdict.cue not in gone)

    tracks = tuple(replace(track, verdicts=known(track.verdicts)) for track in score.tracks)
    return replace(score, cues=cues, bans=bans, verdicts=known(score.verdicts), tracks=tracks)


_ORDER: Callable[[Cue], tuple[float, str, float, str]] = lambda cue: (cue.start_s, cue.layer, cue.end_s, cue.id)  # noqa: E731


def in_order(cues: tuple[Cue, ...]) -> tuple[Cue, ...]:
    """Cues by the time they start."""
    return tuple(sorted(cues, key=_ORDER))


def new_id(score: Score, layer: Layer) -> str:
    """An id that no cue has or had.

    Ids of cues that were removed are not used again: an undo brings them back.
    """
    known = {cue.id for cue in score.cues}
    known |= {cue.id for edit in (*score.edits, *score.undone) for cue in (*edit.before, *edit.after)}
    number = 1
    while f"{layer}-{number}" in known:
        number += 1
    return f"{layer}-{number}"
