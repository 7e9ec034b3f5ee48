"""A score as a cue sheet: one JSON file that is written, read back, and may be edited by hand.

Seconds are given to the microsecond, less than a sample. What is wrong in a sheet is named by its place in it.
"""

import json
import math
import re
from collections.abc import Sequence
from dataclasses import asdict
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec

from storysound.cue.form import (
    CueForm,
    DuckingForm,
    EditForm,
    FileForm,
    LoudnessForm,
    MusicBriefForm,
    MusicHitForm,
    SceneForm,
    SheetForm,
    SlideshowForm,
    SoundForm,
    TrackForm,
    VerdictForm,
    WishesForm,
)
from storysound.cue.levels import Levels
from storysound.cue.score import (
    SILENT,
    VERSION,
    BandLevel,
    Cue,
    DuckingFacts,
    Edit,
    FileReference,
    Jump,
    Loudness,
    MusicBrief,
    MusicHit,
    MusicPiece,
    OtherTrack,
    Piece,
    RunnerUp,
    Scene,
    Score,
    Slideshow,
    Still,
    Verdict,
    Wishes,
)
from storysound.errors import InputError
from storysound.media.files import read_text, write_whole
from storysound.story import Mood, Sound, Source, Span

MOST_BYTES = 200 << 20
TOUCH_S = 1e-3  # pieces, cues and films that miss each other by less meet
_PLAN = "plan the story anew: `storysound score` or `storysound plan`"


def write_json(score: Score, path: Path) -> None:
    """Writes the score as JSON, whole or not at all. Raises OutputError."""
    write_whole(path, json.dumps(as_dict(score), ensure_ascii=False, indent=2) + "\n")


def read_json(path: Path) -> Score:
    """The score of a sheet.

    Raises InputError for what is no sheet, one of another version, and for whatever in it makes no sense, by its place:
    "cues[3].gain_db: …".
    """
    text = read_text(path)
    try:
        version = msgspec.json.decode(text, type=_Version).version
    except msgspec.ValidationError as error:
        raise InputError(path, "is no cue sheet: it has no `version`", "give the cues.json of a film") from error
    except msgspec.DecodeError as error:
        raise InputError(
            path, f"is not JSON: {_located(str(error), text)}", "mend it, or undo what was typed"
        ) from error
    if version != VERSION:
        newer = version > VERSION
        do = "upgrade storysound" if newer else _PLAN
        raise InputError(path, f"is a cue sheet of version {version}, this program reads {VERSION}", do)
    try:
        form = msgspec.json.decode(text, type=SheetForm)
        score = _score(form)
        check(score)
    except msgspec.ValidationError as error:
        raise InputError(path, _by_place(str(error)), "the schema: `storysound schema score`") from error
    except SheetError as error:
        raise InputError(path, str(error), "") from error
    return score


class _Version(msgspec.Struct):
    version: int


class SheetError(ValueError):
    """Something in a sheet makes no sense; the message begins with its place."""


def _located(message: str, text: str) -> str:
    """A fault at a byte of the text, said by its line and column."""
    found = re.search(r"\(byte (\d+)\)", message)
    if found is None:
        return message
    before = text.encode("utf-8")[: int(found[1])].decode("utf-8", "replace")
    line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
    return message.replace(found[0], f"in line {line}, column {column}").replace("JSON is malformed: ", "")


def _by_place(message: str) -> str:
    """A fault "what - at `$.place`" of msgspec as "place: what"."""
    what, _, place = message.partition(" - at `$.")
    return f"{place.rstrip('`')}: {what}" if place else what.partition(" - at `$`")[0]


def check(score: Score) -> None:
    """Raises SheetError for what each field alone can't show: spans, ids, holes, what lies outside the film."""
    for at, scene in enumerate(score.scenes):
        _check_span(f"scenes[{at}]", scene.start_s, scene.end_s, score.duration_s)
    for at, (before, after) in enumerate(pairwise(score.scenes)):
        if after.start_s < before.end_s - TOUCH_S:
            fault = (
                f"scenes[{at + 1}].start_s: {after.start_s:g} lies in the scene before, which ends at {before.end_s:g}"
            )
            raise SheetError(fault)
    ids: dict[str, int] = {}
    for at, cue in enumerate(score.cues):
        if cue.id in ids:
            raise SheetError(f"cues[{at}].id: {cue.id!r} is cues[{ids[cue.id]}] already")
        ids[cue.id] = at
        _check_cue(f"cues[{at}]", cue, score.duration_s)
    numbers = [score.track, *(track.number for track in score.tracks)]
    for at, track in enumerate(score.tracks):
        if track.number in numbers[: at + 1]:
            raise SheetError(f"tracks[{at}].number: {track.number} is scored already")
    for name, spans in (("speech", score.speech), ("own_music", score.own_music)):
        for at, span in enumerate(spans):
            _check_span(f"{name}[{at}]", span.start_s, span.end_s, math.inf)


def _check_cue(place: str, cue: Cue, duration_s: float) -> None:
    _check_span(place, cue.start_s, cue.end_s, duration_s)
    if abs(cue.pieces[0].at_s - cue.start_s) > TOUCH_S:
        raise SheetError(f"{place}.pieces[0].at_s: {cue.pieces[0].at_s:g}, but the cue starts at {cue.start_s:g}")
    for at, (before, after) in enumerate(pairwise(cue.pieces)):
        if not before.at_s < after.at_s <= before.end_s + TOUCH_S:
            raise SheetError(f"{place}.pieces[{at + 1}].at_s: {after.at_s:g} leaves a hole after {before.end_s:g}")
    if abs(cue.pieces[-1].end_s - cue.end_s) > TOUCH_S:
        raise SheetError(f"{place}.end_s: {cue.end_s:g}, but its pieces end at {cue.pieces[-1].end_s:g}")
    for at, piece in enumerate(cue.pieces):
        if piece.out_s > cue.sound.duration_s + 0.1:
            raise SheetError(f"{place}.pieces[{at}].out_s: {piece.out_s:g}, its sound lasts {cue.sound.duration_s:g} s")
    for name in ("fade_in_s", "fade_out_s"):
        if getattr(cue, name) > cue.duration_s + TOUCH_S:
            raise SheetError(f"{place}.{name}: {getattr(cue, name):g} is longer than the cue ({cue.duration_s:g} s)")


def _check_span(place: str, start_s: float, end_s: float, duration_s: float) -> None:
    if end_s <= start_s:
        raise SheetError(f"{place}.end_s: {end_s:g} must be after its start, {start_s:g}")
    if end_s > duration_s + 0.1:
        raise SheetError(f"{place}.end_s: {end_s:g} lies beyond the film's end, {duration_s:g}")


# --- to JSON


def as_dict(score: Score) -> dict[str, Any]:
    """The score in plain types; numbers that JSON can't hold (silence: -inf) become None."""
    return {
        "version": score.version,
        "title": score.title,
        "duration_s": _exact(score.duration_s),
        "fps": score.fps,
        "story": _file(score.story),
        "original": _file(score.original),
        "track": score.track,
        "layout": list(score.layout),
        "library": score.library,
        "slideshow": asdict(score.slideshow) if score.slideshow else None,
        "tracks": [_track(track) for track in score.tracks],
        "wishes": asdict(score.wishes) | {"hits": _hits(score.wishes.hits)},
        "bans": list(score.bans),
        "stepped_aside": score.stepped_aside,
        "loudness": {name: finite(value) for name, value in score.loudness.items()},  # type: ignore[arg-type]
        "levels": asdict(score.levels),
        "ducking": _ducking(score.ducking),
        "speech": [_span(span) for span in score.speech],
        "own_music": [_span(span) for span in score.own_music],
        "scenes": [
            {
                "start_s": _exact(scene.start_s),
                "end_s": _exact(scene.end_s),
                "valence": round(scene.mood.valence, 3),
                "arousal": round(scene.mood.arousal, 3),
                "gloss": scene.gloss,
                "look": scene.look,
                "text": scene.text,
                "shots": [_span(shot) for shot in scene.shots],
                "theme": scene.theme,
            }
            | ({"rests": scene.rests} if scene.rests else {})
            for scene in score.scenes
        ],
        "cues": [cue_dict(cue) for cue in score.cues],
        "verdicts": [_verdict(verdict) for verdict in score.verdicts],
        "edits": [_edit(edit) for edit in score.edits],
        "undone": [_edit(edit) for edit in score.undone],
    }


def cue_dict(cue: Cue) -> dict[str, Any]:
    """One cue in plain types."""
    return {
        "id": cue.id,
        "layer": cue.layer,
        "start_s": _exact(cue.start_s),
        "end_s": _exact(cue.end_s),
        "sound": _sound(cue.sound),
        "pieces": [_piece(piece) for piece in cue.pieces],
        "gain_db": round(cue.gain_db, 2),
        "fade_in_s": _exact(cue.fade_in_s),
        "fade_out_s": _exact(cue.fade_out_s),
        "score": round(cue.score, 4),
        "why": list(cue.why),
        "runners_up": [
            {
                "sound": r.path,
                "score": round(r.score, 4),
                "start_s": _exact(r.start_s),
                "end_s": _exact(r.end_s),
                "why": list(r.why),
            }
            for r in cue.runners_up
        ],
        "level_lufs": finite(cue.level_lufs),
        "muted": cue.muted,
        "locked": cue.locked,
    } | ({"composed": _brief(cue.composed)} if cue.composed else {})


def _brief(brief: MusicBrief) -> dict[str, Any]:
    times = {name: _exact(getattr(brief, name)) for name in ("start_s", "end_s")}
    piece = asdict(brief.piece) | {name: _exact(getattr(brief.piece, name)) for name in times}
    mood = {"valence": round(brief.mood.valence, 3), "arousal": round(brief.mood.arousal, 3)}
    return asdict(brief) | times | {"piece": piece, "mood": mood, "hits": _hits(brief.hits)}


def _hits(hits: Sequence[MusicHit]) -> list[dict[str, Any]]:
    return [{"at_s": _exact(hit.at_s), "mark": hit.mark} for hit in hits]


def _piece(piece: Piece) -> dict[str, Any]:
    placed: dict[str, Any] = {"in_s": _exact(piece.in_s), "out_s": _exact(piece.out_s), "at_s": _exact(piece.at_s)}
    return placed | {"jump": asdict(piece.jump)} if piece.jump else placed


def _sound(sound: Sound) -> dict[str, Any]:
    return {
        "path": sound.path,
        "root": sound.root,
        "title": sound.title,
        "kind": sound.kind,
        "duration_s": _exact(sound.duration_s),
        "tempo_bpm": sound.tempo_bpm,
        "key": sound.key,
        "loudness_lufs": finite(sound.loudness_lufs),
        "valence": round(sound.mood.valence, 3),
        "arousal": round(sound.mood.arousal, 3),
        "source": sound.source.uri,
        "sha256": sound.source.sha256,
        "licence": sound.source.licence,
        "credit": sound.source.credit,
    }


def _track(track: OtherTrack) -> dict[str, Any]:
    verdicts = [_verdict(verdict) for verdict in track.verdicts]
    return asdict(track) | {"speech": [_span(span) for span in track.speech], "verdicts": verdicts}


def _verdict(verdict: Verdict) -> dict[str, Any]:
    return {
        "cue": verdict.cue,
        "audible_db": round(verdict.audible_db, 1),
        "offset_s": None if verdict.offset_s is None else round(verdict.offset_s, 4),
        "seam": round(verdict.seam, 3),
        "repeat_s": None if verdict.repeat_s is None else round(verdict.repeat_s, 2),
        "faults": list(verdict.faults),
    }


def _edit(edit: Edit) -> dict[str, Any]:
    return {
        "command": edit.command,
        "before": [cue_dict(cue) for cue in edit.before],
        "after": [cue_dict(cue) for cue in edit.after],
        "banned": list(edit.banned),
        "allowed": list(edit.allowed),
    }


def _ducking(facts: DuckingFacts) -> dict[str, Any]:
    bands = [
        {"band": b.band, "before_db": round(b.before_db, 2), "after_db": round(b.after_db, 2)} for b in facts.bands
    ]
    return {name: round(value, 2) for name, value in asdict(facts).items() if name != "bands"} | {"bands": bands}


def _file(reference: FileReference | None) -> dict[str, Any] | None:
    return asdict(reference) if reference else None


def _span(span: Span) -> list[float]:
    return [_exact(span.start_s), _exact(span.end_s)]


def _exact(time_s: float) -> float:
    return round(float(time_s), 6)


def finite(value: float) -> float | None:
    """A level as JSON holds it: to a hundredth, None for silence."""
    return round(float(value), 2) if math.isfinite(value) else None


# --- from JSON


def as_read(score: Score) -> Score:
    """The score as it comes back from its sheet: what is rendered now and what is rendered from it are the same."""
    return _score(msgspec.convert(as_dict(score), SheetForm))


def _score(form: SheetForm) -> Score:
    return Score(
        title=form.title,
        duration_s=form.duration_s,
        fps=form.fps,
        scenes=tuple(_scene_of(f"scenes[{at}]", scene) for at, scene in enumerate(form.scenes)),
        cues=tuple(_cue_of(f"cues[{at}]", cue) for at, cue in enumerate(form.cues)),
        speech=_spans("speech", form.speech),
        own_music=_spans("own_music", form.own_music),
        stepped_aside=form.stepped_aside,
        levels=_levels_of(form.levels),
        ducking=_ducking_of(form.ducking),
        story=_file_of(form.story),
        original=_file_of(form.original),
        track=form.track,
        layout=form.layout,
        library=form.library,
        slideshow=_slideshow_of(form.slideshow),
        tracks=tuple(_track_of(f"tracks[{at}]", track) for at, track in enumerate(form.tracks)),
        bans=form.bans,
        wishes=_wishes_of(form.wishes),
        verdicts=_verdicts_of(form.verdicts),
        edits=_edits("edits", form.edits),
        undone=_edits("undone", form.undone),
        loudness=_loudness_of(form.loudness),
    )


def _loudness_of(form: LoudnessForm | None) -> Loudness:
    if form is None:
        return Loudness(lufs=-math.inf, dbtp=-math.inf, ducking_db=0.0)
    lufs, dbtp = (-math.inf if value is None else value for value in (form.lufs, form.dbtp))
    return Loudness(lufs=lufs, dbtp=dbtp, ducking_db=form.ducking_db or 0.0)


def _levels_of(form: Any) -> Levels:
    try:
        return Levels(**msgspec.structs.asdict(form))
    except ValueError as error:
        raise SheetError(f"levels: {error}") from error


def _ducking_of(form: DuckingForm) -> DuckingFacts:
    bands = tuple(BandLevel(band.band, band.before_db, band.after_db) for band in form.bands)
    return DuckingFacts(form.ducking_db, form.swings_per_min, form.rise_db_per_s, form.fall_db_per_s, bands)


def _scene_of(place: str, form: SceneForm) -> Scene:
    mood = Mood(form.valence, form.arousal)
    shots = _spans(f"{place}.shots", form.shots)
    rests = form.rests if form.theme == SILENT else ""
    return Scene(form.start_s, form.end_s, mood, form.gloss, shots, form.text, form.theme, rests, form.look)


def _cue_of(place: str, form: CueForm) -> Cue:
    pieces = []
    for at, piece in enumerate(form.pieces):
        if piece.out_s <= piece.in_s:
            raise SheetError(f"{place}.pieces[{at}].out_s: {piece.out_s:g} must be after in_s, {piece.in_s:g}")
        jump = Jump(**msgspec.structs.asdict(piece.jump)) if piece.jump else None
        pieces.append(Piece(piece.in_s, piece.out_s, piece.at_s, jump))
    return Cue(
        id=form.id,
        layer=form.layer,
        start_s=form.start_s,
        end_s=form.end_s,
        sound=_sound_of(form.sound),
        pieces=tuple(pieces),
        gain_db=form.gain_db,
        fade_in_s=form.fade_in_s,
        fade_out_s=form.fade_out_s,
        score=form.score,
        why=form.why,
        runners_up=tuple(RunnerUp(r.sound, r.score, r.start_s, r.end_s, r.why) for r in form.runners_up),
        level_lufs=-math.inf if form.level_lufs is None else form.level_lufs,
        muted=form.muted,
        locked=form.locked,
        composed=_brief_of(f"{place}.composed", form.composed) if form.composed else None,
    )


def _brief_of(place: str, form: MusicBriefForm) -> MusicBrief:
    piece = form.piece
    _check_span(f"{place}.piece", piece.start_s, piece.end_s, math.inf)
    _check_span(place, form.start_s, form.end_s, piece.end_s)
    if form.start_s < piece.start_s - TOUCH_S:
        raise SheetError(f"{place}.start_s: {form.start_s:g} lies before its piece, which begins at {piece.start_s:g}")
    if form.number >= piece.scenes:
        raise SheetError(f"{place}.number: {form.number}, but its piece has {piece.scenes} scenes, counted from 0")
    return MusicBrief(
        MusicPiece(piece.start_s, piece.end_s, piece.scenes, piece.seed),
        form.number,
        form.start_s,
        form.end_s,
        Mood(form.mood.valence, form.mood.arousal),
        form.theme,
        form.ensemble,
        form.style,
        form.seed,
        _hits_of(form.hits),
    )


def _hits_of(forms: Sequence[MusicHitForm]) -> tuple[MusicHit, ...]:
    return tuple(MusicHit(form.at_s, form.mark) for form in forms)


def _sound_of(form: SoundForm) -> Sound:
    return Sound(
        path=form.path,
        root=form.root,
        duration_s=form.duration_s,
        kind=form.kind,
        title=form.title,
        loudness_lufs=-math.inf if form.loudness_lufs is None else form.loudness_lufs,
        tempo_bpm=form.tempo_bpm,
        key=form.key,
        mood=Mood(form.valence, form.arousal),
        source=Source(form.source, form.sha256, form.licence, form.credit),
    )


def _edits(place: str, forms: Sequence[EditForm]) -> tuple[Edit, ...]:
    return tuple(
        Edit(
            form.command,
            tuple(_cue_of(f"{place}[{at}].before[{i}]", cue) for i, cue in enumerate(form.before)),
            tuple(_cue_of(f"{place}[{at}].after[{i}]", cue) for i, cue in enumerate(form.after)),
            form.banned,
            form.allowed,
        )
        for at, form in enumerate(forms)
    )


def _file_of(form: FileForm | None) -> FileReference | None:
    return FileReference(**msgspec.structs.asdict(form)) if form else None


def _slideshow_of(form: SlideshowForm | None) -> Slideshow | None:
    if form is None:
        return None
    for at, still in enumerate(form.stills):
        _check_span(f"slideshow.stills[{at}]", still.start_s, still.end_s, math.inf)
    stills = tuple(Still(still.path, still.start_s, still.end_s, still.is_film) for still in form.stills)
    return Slideshow(stills, form.width, form.height, form.transition_s)


def _track_of(place: str, form: TrackForm) -> OtherTrack:
    speech = _spans(f"{place}.speech", form.speech)
    verdicts = _verdicts_of(form.verdicts)
    return OtherTrack(form.number, form.language, form.layout, speech, form.bed_db, form.master_db, verdicts)


def _verdicts_of(forms: Sequence[VerdictForm]) -> tuple[Verdict, ...]:
    return tuple(Verdict(**msgspec.structs.asdict(form)) for form in forms)


def _wishes_of(form: WishesForm) -> Wishes:
    mood = Mood(form.mood.valence, form.mood.arousal) if form.mood else None
    return Wishes(**(msgspec.structs.asdict(form) | {"mood": mood, "hits": _hits_of(form.hits)}))


def _spans(place: str, forms: Sequence[tuple[float, float]]) -> tuple[Span, ...]:
    for at, (start_s, end_s) in enumerate(forms):
        if end_s < start_s:
            raise SheetError(f"{place}[{at}]: ends at {end_s:g}, before its start at {start_s:g}")
    return tuple(Span(start_s, end_s) for start_s, end_s in forms)
