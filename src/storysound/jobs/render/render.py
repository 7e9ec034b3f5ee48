"""`render`: a cue sheet becomes sound, film, stems and hand-off. No model is loaded and nothing is analysed again."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from storysound.cue.judge.probes import Probes
from storysound.cue.master import level, level_track
from storysound.cue.mix import stems
from storysound.cue.playback import Sounds
from storysound.cue.references import relinked
from storysound.cue.rendered import Attention
from storysound.cue.score import Edit, Score
from storysound.cue.sheet import as_read, read_json, write_json
from storysound.encode.pool import Models
from storysound.errors import InputError
from storysound.ingest.footage import Footage
from storysound.jobs.render.deliver import STEMS, Film, OtherMix, Page, check_targets, deliver, sheets_of
from storysound.jobs.render.moments import Excerpts
from storysound.jobs.render.request import RenderOptions, RenderRequest, RenderResult
from storysound.media.arrays import RATE_HZ
from storysound.media.layouts import STEREO
from storysound.media.levels import Peaks
from storysound.media.recording import Recorder, Recording, record_audio, recorded
from storysound.progress import Watch

__all__ = ["SHARES", "Extras", "RenderOptions", "Rendered", "check_targets", "render", "run", "sheets_of"]

# What share of the time each step takes of the demo's film.
SHARES = {"mix": 3, "deliver": 28}


@dataclass(frozen=True)
class Extras:
    """What planning has at hand, and rendering needn't make again."""

    footage: Footage
    original: Recording | None
    sounds: Sounds  # that are decoded
    maps: Mapping[str, Attention] = field(default_factory=dict)  # by cue id, why each sound was chosen


@dataclass(frozen=True)
class Rendered:
    """A score with what was measured, what the user should know, and how long each step took."""

    score: Score
    notes: tuple[str, ...]
    seconds: Mapping[str, float]


def run(request: RenderRequest, models: Models, watch: Watch) -> RenderResult:
    """Renders a sheet; with `otio` what was edited there comes into the sheet first.

    Raises InputError for a sheet that can't be read, a story or sound that is gone or has changed, and somebody else's
    timeline; MediaError, OutputError, UsageError. Whatever happens, all files are there in the end or none is.
    """
    watch.plan(SHARES)
    score = read_json(request.sheet)
    notes: list[str] = []
    if request.otio is not None:
        score, notes = _returned(score, request)
    score, moved = relinked(score, request.sheet, request.relink)
    story = Path(score.story.path) if score.story else None
    files = check_targets(story, request.out, request, (score.track, *(track.number for track in score.tracks)))
    original, sounds = original_of(score), Sounds()
    asked = request.loudness or request.relevel or request.voice_peaks_db is not None
    if asked or score.levels.master_db is None:
        levels = score.levels.aimed(request.loudness) if request.loudness else score.levels
        if request.voice_peaks_db is not None:
            levels = replace(levels, voice_peaks_db=request.voice_peaks_db)
        score, lines = _levelled(replace(score, levels=levels), original, sounds)
        notes += lines
    if request.otio is not None:
        write_json(score, request.sheet)
    rendered = render(score, files, watch, original=original, sounds=sounds)
    return RenderResult(rendered.score, files, (*notes, *moved, *rendered.notes), rendered.seconds)


def _levelled(score: Score, original: Recording | None, sounds: Sounds) -> tuple[Score, tuple[str, ...]]:
    """The score with a new gain of its mix, and of that on each other track, and what to know of it."""
    mastered = level(score, original, sounds=sounds)
    score = replace(score, levels=mastered.levels, ducking=mastered.ducking)
    levelled = [level_track(score, track, original_of(score.on(track)), sounds=sounds) for track in score.tracks]
    lines = (*mastered.notes(), *(line for _, notes in levelled for line in notes))
    return as_read(replace(score, tracks=tuple(track for track, _ in levelled))), lines


def _returned(score: Score, request: RenderRequest) -> tuple[Score, list[str]]:
    """The score with what was edited in a timeline, and what of that was and wasn't understood."""
    from storysound.cue.handoff.returned import read_edited

    assert request.otio is not None
    back = read_edited(request.otio, score)
    lines = [
        *back.understood,
        *(f"not understood in the timeline, and left as it was: {line}" for line in back.not_understood),
    ]
    if not back.understood:
        return score, [*lines, "nothing was changed in the timeline"]
    ids = {cue.id for cue in score.cues} | {cue.id for cue in back.score.cues}
    before, after = ({cue.id: cue for cue in each.cues} for each in (score, back.score))
    changed = [cue_id for cue_id in sorted(ids) if before.get(cue_id) != after.get(cue_id)]
    edit = Edit(
        f"render otio {request.otio.name}",
        tuple(before[i] for i in changed if i in before),
        tuple(after[i] for i in changed if i in after),
    )
    return replace(back.score, edits=(*score.edits, edit), undone=()), lines


def original_of(score: Score) -> Recording | None:
    """The sound under the cues.

    Raises MediaError, and InputError where its loudspeakers are others than the sheet's.
    """
    if score.original is None:
        return None
    own = score.story is None or score.original.path == score.story.path
    original = record_audio(score.original.path, rate_hz=RATE_HZ, track=score.track if own else 0)
    if original.layout != score.layout and score.layout != STEREO:
        fault = f"has sound for {' '.join(original.layout)}, the sheet mixes {' '.join(score.layout)}"
        raise InputError(score.original.path, fault, "plan it anew")
    return original


def render(
    score: Score,
    files: Mapping[str, Path],
    watch: Watch,
    extras: Extras | None = None,
    *,
    original: Recording | None = None,
    sounds: Sounds | None = None,
) -> Rendered:
    """Makes everything of a score whose mix was levelled. Raises as `run`.

    `original`: what `original_of` gives; `sounds`: those that are decoded; both are in `extras` where there are some.
    """
    seconds = {}
    started_s = time.perf_counter()
    watch.step("mix")
    original, sounds = (extras.original, extras.sounds) if extras else (original, sounds or Sounds())
    film = mixed(score, original, watch, sounds, with_stems=STEMS[0] in files)
    if "video" in files:
        film = replace(film, others={track.number: _mixed_on(score.on(track), watch, sounds) for track in score.tracks})
    seconds["mix"], started_s = time.perf_counter() - started_s, time.perf_counter()
    watch.step("deliver")
    page = Page(film, extras.footage if extras else None, extras.maps if extras else {})
    score, notes = deliver(score, page, files, watch)
    seconds["deliver"] = time.perf_counter() - started_s
    return Rendered(score, notes, seconds)


def _mixed_on(score: Score, watch: Watch, sounds: Sounds) -> OtherMix:
    """The mix of a score on another of the film's tracks."""
    watch.at(score.duration_s, score.duration_s, f"track {score.track + 1}")
    probes = Probes(score.speech, score.layout)
    parts = stems(score, original_of(score), probes, sounds)
    return OtherMix(recorded((block.sum for block in parts), RATE_HZ, score.layout), probes)


def mixed(score: Score, original: Recording | None, watch: Watch, sounds: Sounds, *, with_stems: bool) -> Film:
    """The mix of a score, what it looks like, and the stems where they are wanted."""
    mix, peaks = Recorder(RATE_HZ, score.layout), {name: Peaks(RATE_HZ) for name in ("original", "added", "mix")}
    parts = {name: Recorder(RATE_HZ, score.layout) for name in STEMS if with_stems}
    probes, excerpts = Probes(score.speech, score.layout), Excerpts(score)
    for block in stems(score, original, probes, sounds):
        watch.at(block.start / RATE_HZ, score.duration_s, "mix")
        whole = block.sum
        mix.append(whole)
        for name, recorder in parts.items():
            recorder.append(getattr(block, name))
        excerpts.add(block)
        shown = (block.dialogue, block.added, whole)
        for own, samples in zip(peaks.values(), shown, strict=True):
            own.add(samples)
    shapes = {name: own.values() for name, own in peaks.items() if original is not None or name != "original"}
    done = {name: recorder.finish() for name, recorder in parts.items()}
    return Film(mix.finish(), probes, excerpts.finish(), shapes, done)
