"""Ambience without end, made of a recording of it: of a file, or of what a library has for some words."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from storysound.cue.playback import CuePlayer
from storysound.cue.texture import analyse, flaw
from storysound.cue.walk import walk
from storysound.encode.pool import Models
from storysound.errors import InputError, MediaError
from storysound.jobs.find.find import finder_of
from storysound.jobs.generate.request import GenerateAmbienceRequest, GenerateAmbienceResult
from storysound.match.query import Hit, Query
from storysound.media.arrays import RATE_HZ, Samples
from storysound.media.audio import Waveform, read_audio
from storysound.media.files import check_readable, check_target
from storysound.media.film.enclosed import Enclosed
from storysound.media.film.sound_files import write_sound
from storysound.media.layouts import usual_layout
from storysound.media.recording import BLOCK_S, recorded
from storysound.progress import Watch
from storysound.story import Source

MOST_READ_S = 600.0  # of a recording: more of it makes no difference that can be heard
AROUND_S = 60.0  # read before and after the moment of a long sound that was found
CANDIDATES = 8  # sounds for some words
CEILING_DB = -1.0
_SUM_DB = 3.02  # by which the sum of two sounds of one strength at constant power may go beyond either
_WANTED = "give a recording of rain, wind, waves, crickets, a crowd or an engine"
_COSTS = {"find": 2.0, "make": 4.0, "write": 2.0}


def run(request: GenerateAmbienceRequest, models: Models, watch: Watch) -> GenerateAmbienceResult:
    """Makes ambience of exactly the wanted length that may be repeated without a seam.

    It is as loud as its source, or so much softer that no peak can go above CEILING_DB of full scale. Raises MediaError
    for a sound that can't be read, InputError for one that is no texture and for a library that has none for the words,
    LibraryError, OutputError as `media.film.sound_files.write_sound`.
    """
    if request.like is not None:
        check_readable(request.like)
    check_target(request.out, request.like)
    watch.plan(_COSTS)
    watch.step("find")
    source, wave, why = _of_file(request.like) if request.like else _found(request, models, watch)
    watch.step("make")
    blocks = _blocks(wave, request, watch)
    layout = usual_layout(2 if request.width is not None else wave.channels)
    sound = recorded(blocks, RATE_HZ, layout)
    watch.step("write")
    said = f"ambience made by Storysound of {source.uri}, seed {request.seed}"
    rights = {"copyright": source.licence} if source.licence else {}
    artist = {"artist": source.credit} if source.credit else {}
    write_sound(sound, request.out, Enclosed({"comment": said, **rights, **artist}))
    return GenerateAmbienceResult(
        str(request.out), source.uri, sound.duration_s, request.seed, source.licence, source.credit, why
    )


def _of_file(path: Path) -> tuple[Source, Waveform, tuple[str, ...]]:
    wave = read_audio(path, rate_hz=RATE_HZ, end_s=MOST_READ_S)
    why = flaw(analyse(wave))
    if why:
        raise InputError(path, why, _WANTED)
    return Source(str(path)), wave, ()


def _found(request: GenerateAmbienceRequest, models: Models, watch: Watch) -> tuple[Source, Waveform, tuple[str, ...]]:
    """The best sound for the words that is a texture; of those before it is said why they aren't."""
    assert request.library is not None
    finder, _ = finder_of(request.library, models)
    for hit in finder.search(Query(text=request.text), CANDIDATES, kind="sfx"):
        watch.check()
        try:
            wave = _read(hit)
        except MediaError as error:
            watch.say(f"skipped: {error}")
            continue
        why = flaw(analyse(wave))
        if not why:
            watch.say(f"made of {hit.sound.path}")
            own = hit.sound.source
            return Source(hit.sound.path, own.sha256, own.licence, own.credit), wave, hit.why
        watch.say(f"skipped: {hit.sound.path} {why}")
    fault = f"none of the best {CANDIDATES} sounds for {request.text[:80]!r} goes on without end"
    raise InputError(request.library, fault, "use other words, or name a recording as `like`")


def _read(hit: Hit) -> Waveform:
    start_s, end_s = 0.0, None
    if hit.sound.duration_s > 2 * AROUND_S:
        start_s, end_s = max(0.0, hit.start_s - AROUND_S), hit.end_s + AROUND_S
    return read_audio(Path(hit.sound.root) / hit.sound.path, rate_hz=RATE_HZ, start_s=start_s, end_s=end_s)


def _blocks(wave: Waveform, request: GenerateAmbienceRequest, watch: Watch) -> Iterator[Samples]:
    """What is played, block by block [c n]."""
    if wave.channels > 2:
        wave = wave.stereo()
    total, step = round(request.seconds * RATE_HZ), round(BLOCK_S * RATE_HZ)
    width = request.width
    wave = wave if width is None else wave.mono()
    peak_db = 20 * float(np.log10(np.abs(wave.samples).max()))
    gain_db = min(0.0, CEILING_DB - peak_db - (2 * _SUM_DB if width else _SUM_DB))
    one = _player(wave, request.seconds, request.seed, total, gain_db)
    other = _player(wave, request.seconds, request.seed + 1, total, gain_db) if width else None
    for start in range(0, total, step):
        watch.at(start, total)
        block = one.read(start, min(total, start + step))
        if width is not None:
            block = widened(block[0], other.read(start, min(total, start + step))[0] if other else block[0], width)
        yield block


def _player(wave: Waveform, seconds: float, seed: int, total: int, gain_db: float) -> CuePlayer:
    pieces = walk(analyse(wave), seconds, seed=seed, endless=True)
    return CuePlayer(wave, pieces, fade_in_s=0.0, fade_out_s=0.0, gain_db=gain_db, length=total)


def widened(left: Samples, other: Samples, width: float) -> Samples:
    """Left and right [2 n] that correlate by 1 - width, of two signals [n] of one strength that have nothing in common.

    >>> widened(np.float32([1, 0]), np.float32([0, 1]), 1.0).tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """
    alike = np.float32(1.0 - width)
    return np.stack([left, alike * left + np.sqrt(1 - alike**2) * other])
