"""Makes a track exactly as long as it is wanted: by jumps from bar to bar where that can be, else looped or cut."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np

from storysound.cue.fit import Fit, Track, analyse, fit
from storysound.cue.playback import CuePlayer
from storysound.cue.remix.path import NoWayError
from storysound.cue.remix.remix import Remix, Remixer
from storysound.cue.score import Jump
from storysound.encode.beats.trackers import tracker
from storysound.encode.pool import Models
from storysound.errors import InputError, OutputError, UsageError
from storysound.jobs.fit.request import FitHit, FitJump, FitPart, FitRequest, FitResult
from storysound.media import rhythm
from storysound.media.arrays import Samples
from storysound.media.audio import Waveform, read_audio
from storysound.media.files import check_readable, check_target
from storysound.media.film.enclosed import Enclosed, enclosed_in, unheld
from storysound.media.film.sound_files import SOUND_SUFFIXES, SOUNDS, write_sound
from storysound.media.layouts import usual_layout
from storysound.media.recording import BLOCK_S, Recording, recorded
from storysound.progress import Watch

_COSTS = {"read": 2.0, "listen": 4.0, "jump": 2.0, "write": 2.0}
_UNKNOWN = Jump(0.0, 0.0, 0.0, 0.0, 0.0)  # of a loop
_NO_FADE_S = 0.1  # of a fade: one as short only keeps the end from clicking
_CEILING_DBTP = 0.0  # two stretches over each other may be louder than either


def run(request: FitRequest, models: Models, watch: Watch) -> FitResult:
    """Writes the track at its own rate, `length_s` long to the sample, with its tags and covers.

    Raises MediaError for a track without usable sound, InputError for a silent one, UsageError, OutputError.
    """
    out = request.out
    if out.suffix.lower() not in SOUND_SUFFIXES:
        do = f"name it {', '.join(SOUND_SUFFIXES)}"
        raise OutputError(out, f"can't be written as {out.suffix or 'a file without suffix'}", do)
    check_readable(request.source)
    check_target(out, request.source)
    watch.plan(_COSTS)
    watch.step("read")
    wave = read_audio(request.source)
    if round(request.length_s * wave.rate_hz) < 1:
        raise UsageError(f"{request.length_s:g} s is less than a sample", field="length_s")
    if request.start_s is not None and request.start_s >= wave.duration_s:
        raise UsageError(f"lies beyond the track's end, {wave.duration_s:.1f} s", field="start_s")
    if not wave.samples.any():
        raise InputError(request.source, "is silent throughout", "give a track that sounds")
    made = _made(wave, request, tracker(request.beats, models), watch)
    watch.step("write")
    kept, lost = _enclosed(request.source, wave.duration_s, out)
    for line in (*((made.why,) if made.why else ()), *lost):
        watch.say(line)
    write_sound(_sound(wave, made.fit, request.length_s), out, kept, ceiling_dbtp=_CEILING_DBTP)
    return _result(request, wave, made, lost)


@dataclass(frozen=True)
class _Made:
    """How the track is fitted; `remix`, and what it is made with, where jumps could do it, else why not."""

    fit: Fit
    remix: Remix | None
    remixer: Remixer
    why: str


def _made(wave: Waveform, request: FitRequest, counts: rhythm.Tracker, watch: Watch) -> _Made:
    watch.step("listen")
    track = analyse(wave, np.empty(0))
    remixer = Remixer(wave, track, tracker=counts)
    try:
        remixer.prepare()
        watch.step("jump")
        remix = remixer.remix(request.length_s, hits_s=request.hits_s, hint_s=request.start_s)
    except NoWayError as error:
        return _Made(_looped(wave, track, request, counts), None, remixer, f"looped or cut, for the track {error}")
    return _Made(remix.fit, remix, remixer, "")


def _looped(wave: Waveform, track: Track, request: FitRequest, counts: rhythm.Tracker) -> Fit:
    spectrogram = rhythm.analyse(wave)
    bars = counts(spectrogram)
    beats_s = np.empty(0) if bars is None else bars.beats_s
    points = np.concatenate([beats_s, rhythm.quiet_points_s(spectrogram)])
    known = replace(track, points_s=np.unique(points[(points >= 0) & (points < track.duration_s)]))
    return fit(known, request.length_s, hint_s=request.start_s or 0.0)


def _sound(wave: Waveform, fitted: Fit, length_s: float) -> Recording:
    """What is played, and silence up to the length."""
    player = CuePlayer(wave, fitted.pieces, fade_in_s=fitted.fade_in_s, fade_out_s=fitted.fade_out_s)
    length, block = round(length_s * wave.rate_hz), round(BLOCK_S * wave.rate_hz)

    def blocks() -> Iterator[Samples]:
        for start in range(0, length, block):
            yield player.read(start, min(start + block, length))

    return recorded(blocks(), wave.rate_hz, wave.layout or usual_layout(wave.channels))


def _enclosed(source: Path, end_s: float, out: Path) -> tuple[Enclosed, tuple[str, ...]]:
    """Tags and covers of the track; chapters stand elsewhere now, and go. What else doesn't fit the file."""
    there = enclosed_in(source, end_s)
    kept = replace(there, chapters=())
    gone = ("its chapters: they would stand in the wrong place",) if there.chapters else ()
    return kept, (*gone, *unheld(kept, out.suffix.lower(), SOUNDS))


def _result(request: FitRequest, wave: Waveform, made: _Made, lost: tuple[str, ...]) -> FitResult:
    remix = made.remix
    return FitResult(
        str(request.out),
        round(request.length_s * wave.rate_hz) / wave.rate_hz,
        wave.duration_s,
        "jumps" if remix else "loop",
        made.why,
        _jumps(made.fit),
        tuple(FitPart(round(s.start_s, 3), round(s.end_s, 3), s.part) for s in made.remixer.structure.sections)
        if remix
        else (),
        tuple(FitHit(hit.hit_s, _to_ms(hit.at_s), _to_ms(hit.turn_s), hit.begins) for hit in remix.landings)
        if remix
        else (),
        round(made.fit.pieces[0].at_s, 3),
        round(remix.cut_s, 3) if remix else 0.0,
        round(remix.silence_s, 3) if remix else 0.0,
        round(made.fit.fade_out_s, 3) if made.fit.fade_out_s > _NO_FADE_S else 0.0,
        lost,
    )


def _jumps(fitted: Fit) -> tuple[FitJump, ...]:
    """Where pieces meet, in the middles of their crossfades."""
    found = []
    for before, after in pairwise(fitted.pieces):
        half = (before.end_s - after.at_s) / 2
        at_s, leave_s, reach_s = (round(t, 3) for t in (after.at_s + half, before.out_s - half, after.in_s + half))
        jump = after.jump or _UNKNOWN
        parts = jump.total, jump.timbre, jump.harmony, jump.seam, jump.level
        found.append(FitJump(at_s, leave_s, reach_s, *parts))
    return tuple(found)


def _to_ms(time_s: float | None) -> float | None:
    return None if time_s is None else round(time_s, 3)
