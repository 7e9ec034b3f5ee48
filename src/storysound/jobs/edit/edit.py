"""`cue`: one edit of a cue sheet, written with its history. Only a swap by words loads a model.

What an edit of levels, times and locks doesn't need is imported where it is used: those are done in half a second.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from storysound.cue import edit
from storysound.cue.score import Cue, Layer, Score
from storysound.cue.sheet import as_read, read_json, write_json
from storysound.encode.beats.trackers import tracker
from storysound.encode.pool import Models
from storysound.errors import InputError, UsageError
from storysound.jobs.edit import composed
from storysound.jobs.edit.request import EditRequest, EditResult
from storysound.match.query import Hit, Query
from storysound.media.content import sha256_of
from storysound.media.probe import probe
from storysound.progress import Watch
from storysound.story import Kind, Sound, Source

CANDIDATES = 32  # looked at for a swap by words


def run(request: EditRequest, models: Models, watch: Watch) -> EditResult:
    """Edits a sheet in its place, whole or not at all.

    Raises InputError for a sheet that can't be read, UsageError for a cue or a sound that isn't there and for what
    can't be, LibraryError, MediaError for a sound that can't be read, OutputError.
    """
    watch.step(request.action)
    before = read_json(request.sheet)
    with composed.whole(request):
        if request.action == "set":
            after = as_read(composed.set_brief(before, request, models, watch))
        else:
            after = as_read(_ACTIONS[request.action](before, request, models))
        write_json(after, request.sheet)
    were = {cue.id: cue for cue in before.cues}
    changed = [cue.id for cue in after.cues if were.get(cue.id) != cue]
    gone = [cue_id for cue_id in were if cue_id not in {cue.id for cue in after.cues}]
    return EditResult(after, (*changed, *gone))


def _jump(score: Score, request: EditRequest, models: Models) -> Score:
    from storysound.jobs.edit.jumping import jump_moved

    counts = tracker(score.wishes.beats, models)
    return jump_moved(score, request.cue, request.number or 0, request.change_s or 0.0, counts)


def _swap(score: Score, request: EditRequest, models: Models) -> Score:
    from storysound.jobs.plan.plan import Place, fitted_cue

    cue = edit.cue_of(score, request.cue)
    if request.text:
        hit = _found(score, cue, request.text, models)
    elif request.sound:
        sound = _sound(score, request.sound, cue.layer)
        hit = Hit(sound, 0.0, sound.duration_s, cue.score, ("chosen by hand",))
    else:
        hit = _next(score, cue)
    if (hit.sound.root, hit.sound.path) == (cue.sound.root, cue.sound.path):
        raise UsageError(f"{cue.id} has {hit.sound.path!r} already", field="sound")
    command = f"swap {cue.id} {hit.sound.path}"
    if (again := composed.taken_up(score, cue, hit.sound)) is not None:
        return edit.put(score, command, again)
    cross_in_s, cross_out_s = _crossings(score, cue)
    place = Place(cue.id, cue.layer, cue.start_s, _end_s(score, cue, hit), cross_in_s, cross_out_s)
    if cue.composed is not None:
        place = composed.place_of(score, cue)
    new = fitted_cue(place, hit, cue.level_lufs + cue.gain_db, tracker(score.wishes.beats, models))
    new = replace(new, runners_up=composed.runners_up(cue, hit.sound), muted=cue.muted, locked=cue.locked)
    return edit.put(score, command, new)


def _next(score: Score, cue: Cue) -> Hit:
    runners = [runner for runner in cue.runners_up if runner.path not in score.bans]
    sounds = _sounds(score) if runners else []
    for runner in runners:
        sound = _among(sounds, runner.path)
        if sound is not None:
            return Hit(sound, runner.start_s, runner.end_s or sound.duration_s, runner.score, runner.why)
    raise UsageError(f"{cue.id} has no runner-up that may be used: name a sound, or words for one", field="sound")


def _found(score: Score, cue: Cue, text: str, models: Models) -> Hit:
    """The sound that fits the words best, and isn't banned or there already."""
    from storysound.jobs.find.find import finder_of

    finder, _ = finder_of(Path(score.library), models, score.wishes.rerank, score.wishes.taste)
    kind: Kind = "music" if cue.layer == "music" else "sfx"
    for hit in finder.search(Query(text=text), CANDIDATES, kind=kind, ignore_names=score.wishes.ignore_names):
        if hit.sound.path not in (*score.bans, cue.sound.path):
            return hit
    raise UsageError(f"nothing else in {score.library} is found by {text!r}", field="text")


def _crossings(score: Score, cue: Cue) -> tuple[float, float]:
    """How long a cue overlaps the one of its layer before it, and the one after."""
    others = [other for other in score.cues if other.layer == cue.layer and other.id != cue.id]
    into = max((o.end_s - cue.start_s for o in others if o.start_s <= cue.start_s < o.end_s <= cue.end_s), default=0.0)
    out = max((cue.end_s - o.start_s for o in others if cue.start_s <= o.start_s < cue.end_s <= o.end_s), default=0.0)
    return into, out


def _end_s(score: Score, cue: Cue, hit: Hit) -> float:
    """A spot plays as long as its sound, everything else as long as what it replaces."""
    return min(score.duration_s, cue.start_s + hit.sound.duration_s) if cue.layer == "spot" else cue.end_s


def _add(score: Score, request: EditRequest, models: Models) -> Score:
    from storysound.jobs.plan.plan import Lasting, Place, fitted_cue

    sound = _sound(score, request.sound, request.layer or "music")
    layer: Layer = request.layer or ("music" if sound.kind == "music" else "ambience" if Lasting()(sound) else "spot")
    start_s = request.start_s or 0.0
    end_s = min(score.duration_s, start_s + sound.duration_s) if request.end_s is None else request.end_s
    if not 0 <= start_s < end_s - edit.SHORTEST_S or end_s > score.duration_s + edit.SHORTEST_S:
        fault = f"[{start_s:g}, {end_s:g}) is no stretch of a film of {score.duration_s:g} s"
        raise UsageError(fault, field="start_s" if start_s < 0 or start_s >= score.duration_s else "end_s")
    place = Place(edit.new_id(score, layer), layer, start_s, end_s)
    hit = Hit(sound, 0.0, sound.duration_s, 0.5, ("chosen by hand",))
    counts = tracker(score.wishes.beats, models)
    return edit.put(score, f"add {sound.path}", fitted_cue(place, hit, _usual_loudness(score, layer), counts))


def _usual_loudness(score: Score, layer: Layer) -> float:
    """How loud the cues of a layer are here; where there are none, as `plan` would lay one."""
    from storysound.cue.mix import bed_lufs, wanted_lufs
    from storysound.media.arrays import RATE_HZ
    from storysound.media.recording import record_audio

    there = sorted(cue.level_lufs + cue.gain_db for cue in score.cues if cue.layer == layer and not cue.muted)
    if there:
        return there[len(there) // 2]
    original = record_audio(score.original.path, rate_hz=RATE_HZ, track=score.track) if score.original else None
    bed = bed_lufs(original, score.speech, score.levels, score.layout)
    return wanted_lufs(layer, bed, score.levels, arousal=0.5, soft=original is not None)


def _sound(score: Score, name: str, layer: Layer) -> Sound:
    """A sound of the library by its path or the end of it, or a file. Raises UsageError where it is none of them."""
    sounds = _sounds(score)
    found = _among(sounds, name)
    if found is not None:
        return found
    file = Path(name).expanduser()
    if file.is_file():
        info = probe(file)
        if info.audio is None:
            raise InputError(file, "has no sound", "give a sound")
        source = Source(file.absolute().as_uri(), sha256_of(file))
        return Sound(
            file.name,
            str(file.absolute().parent),
            info.duration_s,
            "music" if layer == "music" else "sfx",
            source=source,
        )
    near = [sound.path for sound in sounds if sound.path.endswith(name)]
    if len(near) > 1:
        raise UsageError(f"{name!r} may be {', '.join(near[:4])}{', …' if len(near) > 4 else ''}", field="sound")
    raise UsageError(f"{name!r} is no sound of {score.library or 'a library'}, and no file", field="sound")


def _among(sounds: Sequence[Sound], name: str) -> Sound | None:
    """The sound of that path; else the only one whose path ends so, or whose name it is without its ending."""
    whole = next((sound for sound in sounds if sound.path == name), None)
    near = [sound for sound in sounds if sound.path.endswith(f"/{name}") or Path(sound.path).stem == name]
    return whole or (near[0] if len(near) == 1 else None)


def _sounds(score: Score) -> list[Sound]:
    """All sounds of the score's library, read from disk, and those from elsewhere that its cues have or had."""
    from storysound.library.store import Library

    found = Library.open(score.library).sounds() if score.library else []
    known = {(sound.root, sound.path) for sound in found}
    others = {(cue.sound.root, cue.sound.path): cue.sound for cue in score.known_cues}
    return found + [sound for key, sound in others.items() if key not in known]


_ACTIONS: dict[str, Callable[[Score, EditRequest, Models], Score]] = {
    "swap": _swap,
    "add": _add,
    "move": lambda score, asked, _: edit.move(score, asked.cue, asked.change_s or 0.0),
    "jump": _jump,
    "trim": lambda score, asked, _: edit.trim(score, asked.cue, asked.start_s, asked.end_s),
    "gain": lambda score, asked, _: edit.gain(score, asked.cue, asked.change_db or 0.0),
    "fade": lambda score, asked, _: edit.fade(score, asked.cue, asked.in_s, asked.out_s),
    "mute": lambda score, asked, _: edit.mute(score, asked.cue),
    "unmute": lambda score, asked, _: edit.mute(score, asked.cue, muted=False),
    "lock": lambda score, asked, _: edit.lock(score, asked.cue),
    "unlock": lambda score, asked, _: edit.lock(score, asked.cue, locked=False),
    "ban": lambda score, asked, _: edit.ban(score, asked.sound),
    "allow": lambda score, asked, _: edit.allow(score, asked.sound),
    "remove": lambda score, asked, _: edit.remove(score, asked.cue),
    "undo": lambda score, asked, _: edit.undo(score),
    "redo": lambda score, asked, _: edit.redo(score),
}
