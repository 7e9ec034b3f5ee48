"""Video summary by arousal (MMVA, "Video summarization"): the most exciting shots of a video, as a shorter video.

Frames get an importance, the arousal of what is seen in them or heard around them; change points part the video into
shots; a knapsack takes those that hold most importance within a share of the video's length.

A known deviation: a shot is worth the mean importance of its frames times its length, where the scripts of the
literature leave the length out, so that the shortest shots win whatever they show.
"""

import logging
import math
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from storysound.annotate.feeling import MoodReader
from storysound.annotate.picture_claims import Things, things
from storysound.annotate.picture_words import class_words
from storysound.annotate.sound import SHORTEST_MUSIC_S
from storysound.cue.fit import EDGE_S
from storysound.cue.playback import CuePlayer
from storysound.cue.score import Piece
from storysound.encode import mood as moods
from storysound.encode.beats.trackers import tracker
from storysound.encode.encoder import Encoder, Encoding
from storysound.encode.pool import Models
from storysound.errors import MediaError
from storysound.ingest import look as looking
from storysound.ingest.change_points import ChangeConfig, change_points
from storysound.ingest.footage import SIDE_PX, split_long
from storysound.ingest.look import SHOT_STEP_S, Part
from storysound.jobs.plan.plan import voice_of
from storysound.jobs.summarize.music import Music, composed_music, given_music, mixed
from storysound.jobs.summarize.request import SummarizeRequest, SummarizeResult, SummaryShot
from storysound.jobs.summarize.to_beat import Importance, nodes_of, stretches, takes_of
from storysound.media.arrays import RATE_HZ, Floats, Pixels
from storysound.media.audio import Waveform, read_audio
from storysound.media.excerpts import render_excerpts
from storysound.media.files import check_readable, check_target
from storysound.media.film.containers import container_for
from storysound.media.film.mux import picture_end_s
from storysound.media.image import from_jpeg
from storysound.media.probe import MediaInfo, VideoInfo, probe
from storysound.media.recording import record_audio
from storysound.metrics.summary import knapsack
from storysound.progress import Watch
from storysound.story import Mood, Span

log = logging.getLogger(__name__)


LOOK_S = 0.5  # frames are this far apart, as in the literature; farther where there would be more than MOST_LOOKS
MOST_LOOKS = 3600  # the search for change points takes time with their square
BATCH = 16  # frames seen at once
SHORTEST_SHOT_S = 2.0  # TVSum's
LONGEST_SHOT_S = 5.0  # longer ones are parted: a take without a change may have its dull stretches
SHORTEST_S = 1.0  # of a summary
FLASH_S = 0.25  # what is shown for less between two cuts is a flash: six pictures of film
CLIP_S, HOP_S = SHORTEST_MUSIC_S, 2.0  # of sound that is judged at once, and from one such clip to the next
FAINT = 1e-3  # a clip whose loudest sample is below is silent
UNIT_S = 0.01  # the knapsack weighs in these
SHOWN = 3  # names of what is recognised in a shot
NEAR_BEAT_S = 0.04  # of a beat, and a picture changes on it
_MOST_ROUNDS = 4  # of music made as long as what can be shown between its beats


_COSTS = {"look": 10.0, "listen": 2.0, "cut": 5.0}


@dataclass(frozen=True)
class Shot:
    """A shot of the video. `importance`: mean arousal of its frames, in [0, 1]."""

    start_s: float
    end_s: float
    importance: float
    shows: tuple[str, ...] = ()  # what is recognised in it


@dataclass(frozen=True)
class FrameSeries:
    """Frames of a video, and what is important about them."""

    times_s: NDArray[np.float64]  # [n]
    embeddings: Floats  # [n d]
    scores: Floats  # what is recognised in each [n c]
    things: Things  # what those classes are
    arousal: NDArray[np.float64]  # [n]
    valence: NDArray[np.float64]  # [n]
    cuts_s: tuple[float, ...]  # where the camera cuts


def run(request: SummarizeRequest, models: Models, watch: Watch) -> SummarizeResult:
    """Writes a summary of a video: its most exciting shots in their order, with their own sound.

    Raises MediaError for a video without pictures, too short for a summary, or, by music, without sound; OutputError
    for a target that can't be written, before any work is done; UsageError where ruptures isn't installed;
    MissingModelError without weights.
    """
    video, out = request.video, request.out
    info, duration_s = _checked(request)
    budget_s = request.share * duration_s
    feeling = MoodReader(models)
    listens = request.by == "music" or (request.has_music and info.audio is not None)
    watch.plan({step: cost for step, cost in _COSTS.items() if step != "listen" or listens})
    watch.step("look")
    looked = sample_frames(video, duration_s, feeling.eyes, watch)
    if listens:
        watch.step("listen")
    if request.by == "music":
        looked = replace(looked, arousal=_excitement_heard(video, looked.times_s, feeling, watch))
    speech = _speech(video, models) if request.has_music and info.audio else ()
    shots = _shots(looked, duration_s, min(LONGEST_SHOT_S, math.floor(budget_s / UNIT_S) * UNIT_S))
    with tempfile.TemporaryDirectory() as folder:
        music_for = _musician(request, looked, Path(folder), models)
        way = _to_beat(request, looked, shots, speech, (info.video, duration_s), music_for)
        if not way.spans:
            spans = joined(choose(shots, budget_s), looked.cuts_s, duration_s)
            spans = on_frames(without_flashes(spans, looked.cuts_s), info.video)
            way = replace(way, spans=spans, music=music_for(_length_s(spans)) if request.has_music else None)
        watch.step("cut")
        spans, usual = way.spans, float(looked.arousal.mean())
        sound = _sound(video, spans) if info.audio else None
        if way.music is not None:
            sound = mixed(sound, way.music, _as_shown(speech, spans), _length_s(spans), usual)
        for note in way.notes:
            watch.say(note)
        render_excerpts(video, spans, sound, out)
    return SummarizeResult(
        str(video),
        str(out),
        request.by,
        duration_s,
        _length_s(spans),
        placed(shots, spans),
        len(shots),
        usual,
        way.on_beats,
        way.notes,
    )


@dataclass(frozen=True)
class _Way:
    """What is shown of a video, none where that is still to be chosen; and the music under it."""

    spans: list[Span]
    music: Music | None = None
    on_beats: float | None = None  # share of the picture changes
    notes: tuple[str, ...] = ()


def _musician(request: SummarizeRequest, looked: FrameSeries, folder: Path, models: Models) -> Callable[[float], Music]:
    """Who gives music of a length: the track that was given, or a composer."""
    if request.music is not None:
        track, counts = request.music, tracker(request.beats, models)
        return lambda length_s: given_music(track, length_s, counts)
    mood = Mood(*(float(values.mean().clip(0, 1)) for values in (looked.valence, looked.arousal)))
    return lambda length_s: composed_music(folder, length_s, mood, models, Watch())


def _to_beat(
    request: SummarizeRequest,
    looked: FrameSeries,
    shots: Sequence[Shot],
    speech: Sequence[Span],
    video: tuple[VideoInfo | None, float],
    music_for: Callable[[float], Music],
) -> _Way:
    """Stretches of a video that change on the beats of music; none where that isn't asked, or there are no beats.

    `video`: its pictures, and how long they last.
    """
    pictures, duration_s = video
    length_s = math.floor(request.share * duration_s / UNIT_S) * UNIT_S
    if not request.to_beat:
        return _Way([])
    frame_s = 1 / pictures.fps if pictures and pictures.fps else 0.0
    edges = [shots[0].start_s, *(shot.end_s for shot in shots)]
    takes = takes_of(edges, looked.cuts_s, speech, SHOT_STEP_S + 2 * frame_s)
    importance = Importance(looked.times_s, looked.arousal)
    for _ in range(_MOST_ROUNDS):
        music = music_for(length_s)
        if music.pulse is None or len(music.pulse.beats_s) < 2:
            return _Way([], music, None, ("no beat is found in the music: shots are cut as without `to_beat`",))
        nodes_s, is_bar = nodes_of(music.pulse.beats_s, music.pulse.bars_s, length_s)
        found, reached = stretches(takes, nodes_s, is_bar, importance, speech)
        if reached == len(nodes_s) - 1:
            ends = [at for _, at in found]
            spans = framed([span for span, _ in found], nodes_s[ends], pictures)
            return _Way(spans, music, share_on_beats(spans, looked.cuts_s, music.pulse.beats_s))
        length_s = float(nodes_s[reached])
        if length_s < SHORTEST_S:
            break
    return _Way([], None, None, ("no shots fit between the beats of the music: they are cut as without `to_beat`",))


def framed(spans: Sequence[Span], ends_s: NDArray[np.float64], pictures: VideoInfo | None) -> list[Span]:
    """Spans that are shown one after the other until `ends_s` [n], from where a picture begins to where one ends.

    What is shown changes with the picture nearest to when it should. Of unevenly paced videos they stay as they are.
    """
    if pictures is None or pictures.variable_rate or not pictures.fps:
        return list(spans)
    found: list[Span] = []
    shown, free = 0, 0
    for span, end_s in zip(spans, ends_s, strict=True):
        first = max(free, math.ceil((span.start_s - pictures.start_s) * pictures.fps - 0.01))
        count = round(float(end_s) * pictures.fps) - shown
        free, shown = first + count, shown + count
        found.append(Span(*(pictures.start_s + number / pictures.fps for number in (first, free))))
    return found


def share_on_beats(
    spans: Sequence[Span], cuts_s: Sequence[float], beats_s: NDArray[np.float64], near_s: float = NEAR_BEAT_S
) -> float:
    """Share of the changes of what spans show, and of cuts of the camera in them, so near to a beat [b]."""
    changes, from_s, until_s = list[float](), 0.0, 0.0
    for span in spans:
        changes += [from_s + cut_s - span.start_s for cut_s in cuts_s if span.start_s < cut_s < span.end_s]
        changes += [from_s] if from_s > 0 and until_s < span.start_s else []
        from_s, until_s = from_s + span.duration_s, span.end_s
    off = [float(np.abs(beats_s - change).min()) for change in changes]
    return float(np.mean(np.array(off) <= near_s)) if off else 1.0


def _length_s(spans: Sequence[Span]) -> float:
    return sum(span.duration_s for span in spans)


def _speech(video: Path, models: Models) -> tuple[Span, ...]:
    """Where somebody speaks in a video; nowhere in sound that can't be decoded, with a warning."""
    try:
        return voice_of(models).speech_spans(record_audio(video, rate_hz=RATE_HZ), lambda done_s: None)
    except MediaError as error:
        log.warning("its own sound is left out: %s", error)
        return ()


def _as_shown(speech: Sequence[Span], spans: Sequence[Span]) -> list[Span]:
    """Where somebody speaks in what spans make one after the other."""
    found, from_s = [], 0.0
    for span in spans:
        for said in speech:
            if (shared_s := said.overlap_s(span)) > 0:
                start_s = from_s + max(0.0, said.start_s - span.start_s)
                found.append(Span(start_s, start_s + shared_s))
        from_s += span.duration_s
    return found


def _checked(request: SummarizeRequest) -> tuple[MediaInfo, float]:
    """What is in the video, and how long its pictures last; tells of all that can be known before any work is done."""
    video, out = request.video, request.out
    check_readable(video)
    check_target(out, video)
    if request.music is not None:
        check_readable(request.music)
    container_for(out, "h264")
    info = probe(video)
    if info.is_still:
        raise MediaError(video, "is a picture, a video is wanted", "give a video")
    duration_s = picture_end_s(video)
    if request.share * duration_s < SHORTEST_S:
        fault = f"is too short: {request.share:.0%} of its {duration_s:.1f} s are less than {SHORTEST_S:g} s"
        raise MediaError(video, fault, "give a longer video or a greater share")
    if request.by == "music" and info.audio is None:
        raise MediaError(video, "has no audio stream", _BY_IMAGE)
    return info, duration_s


_BY_IMAGE = "judge it by what is seen: `by` image"


def choose(shots: Sequence[Shot], budget_s: float) -> list[Shot]:
    """The shots that hold most importance together, mean times length, and last no longer than the budget."""
    lengths = np.array([shot.end_s - shot.start_s for shot in shots])
    worth = np.array([shot.importance for shot in shots]) * lengths
    units = np.ceil(lengths / UNIT_S - 1e-6).astype(np.int64)
    return [shots[i] for i in knapsack(worth, units, budget_s / UNIT_S + 1e-6)]


def joined(shots: Sequence[Shot], cuts_s: Sequence[float], duration_s: float) -> list[Span]:
    """What is shown of shots in order: neighbours as one stretch, none with the first pictures of what isn't kept.

    A cut of the camera is known a look late, so a stretch that ends at one ends a look earlier.
    """
    spans: list[Span] = []
    for shot in shots:
        if spans and shot.start_s - spans[-1].end_s < UNIT_S:
            spans[-1] = Span(spans[-1].start_s, shot.end_s)
        else:
            spans.append(Span(shot.start_s, shot.end_s))
    late = {span.end_s for span in spans} & set(cuts_s) - {duration_s}
    return [Span(span.start_s, span.end_s - SHOT_STEP_S * (span.end_s in late)) for span in spans]


def without_flashes(spans: Sequence[Span], cuts_s: Sequence[float]) -> list[Span]:
    """The same, without what a cut of the camera parts from the rest of a span for less than `FLASH_S` at either end.

    Cuts of the camera [c] are known a look late.
    """
    found = []
    for span in spans:
        starts = [cut_s for cut_s in cuts_s if span.start_s < cut_s < span.start_s + FLASH_S]
        ends = [cut_s for cut_s in cuts_s if span.end_s - FLASH_S < cut_s < span.end_s]
        start_s, end_s = max(starts, default=span.start_s), min(ends) - SHOT_STEP_S if ends else span.end_s
        found.append(Span(start_s, end_s) if end_s - start_s >= FLASH_S else span)
    return found


def on_frames(spans: Sequence[Span], pictures: VideoInfo | None) -> list[Span]:
    """The same, each from where a picture begins to where one ends, so that what is evenly paced stays so.

    Never longer than before; unevenly paced videos, and spans shorter than a picture, stay as they are.
    """
    if pictures is None or pictures.variable_rate or not pictures.fps:
        return list(spans)
    found = []
    for span in spans:
        first, last = ((time_s - pictures.start_s) * pictures.fps for time_s in (span.start_s, span.end_s))
        steps = max(0, math.ceil(first - 0.01)), math.floor(last + 0.01)
        start_s, end_s = (pictures.start_s + step / pictures.fps for step in steps)
        found.append(Span(start_s, end_s) if steps[0] < steps[1] else span)
    return found


def placed(shots: Sequence[Shot], spans: Sequence[Span]) -> tuple[SummaryShot, ...]:
    """Where each shot is shown, in what its spans make one after the other.

    Edges of shots move with beats and pictures: what is shown of one for less than `FLASH_S` is its neighbour's.
    """
    found, from_s = [], 0.0
    for span in spans:
        own = [(max(shot.start_s, span.start_s), min(shot.end_s, span.end_s), shot) for shot in shots]
        there = [part for part in own if part[0] < part[1]]
        whole = [part for part in there if part[1] - part[0] >= FLASH_S]
        parts = whole or [max(there, key=lambda part: part[1] - part[0])] if there else []
        edges = [there[0][0], *(start_s for start_s, _, _ in parts[1:]), there[-1][1]] if parts else []
        for (start_s, end_s), (_, _, shot) in zip(pairwise(edges), parts, strict=True):
            found.append(SummaryShot(start_s, end_s, shot.importance, shot.shows, from_s + start_s - span.start_s))
        from_s += span.duration_s
    return tuple(found)


def _every_s(duration_s: float) -> float:
    """How far apart frames are looked at."""
    return max(LOOK_S, duration_s / MOST_LOOKS)


def sample_frames(video: Path, duration_s: float, eyes: Encoder[Pixels], watch: Watch) -> FrameSeries:
    """Sees frames of the video, and how exciting they are."""
    shots, kept = looking.watch(Part(str(video)), duration_s, _every_s(duration_s), SIDE_PX)
    seen: list[Encoding] = []
    for start in range(0, len(kept), BATCH):
        watch.at(start, len(kept), video.name)
        seen += eyes.encode([from_jpeg(jpeg) for _, jpeg in kept[start : start + BATCH]])
    space, labels = next(iter(eyes.labels.items()))
    feelings = moods.of_pictures(seen).astype(np.float64)
    return FrameSeries(
        np.array([time_s for time_s, _ in kept]),
        np.concatenate([one.embedding for one in seen]),
        np.concatenate([one.scores[space] for one in seen]),
        things(space, labels),
        feelings[:, 1],
        feelings[:, 0],
        tuple(shot.start_s for shot in shots[1:]),
    )


def _excitement_heard(
    video: Path, times_s: NDArray[np.float64], feeling: MoodReader, watch: Watch
) -> NDArray[np.float64]:
    """Arousal [n] of the sound around each time [n]: that of the clip whose middle is nearest, 0 where it is silent.

    Raises MediaError where nothing can be decoded, or all is silent.
    """
    found: list[float] = []
    end_s = math.inf  # of the sound
    while math.isinf(end_s) and len(found) * HOP_S <= times_s[-1]:
        start_s = len(found) * HOP_S
        watch.at(start_s, float(times_s[-1]), video.name)
        try:
            wave = read_audio(video, rate_hz=RATE_HZ, channels=1, start_s=start_s, end_s=start_s + CLIP_S)
        except MediaError:
            if not found:
                raise
            end_s = start_s
            break
        if wave.duration_s < CLIP_S - UNIT_S:
            end_s = start_s + wave.duration_s
            if found:  # what is left is too short to be judged alike
                break
        found.append(feeling.stretch(wave).arousal if np.abs(wave.samples).max() >= FAINT else 0.0)
    if not any(found):
        raise MediaError(video, "is silent", _BY_IMAGE)
    nearest = np.clip(np.rint((times_s - CLIP_S / 2) / HOP_S).astype(int), 0, len(found) - 1)
    return np.array([found[k] for k in nearest]) * (times_s < end_s)


def _shots(looked: FrameSeries, duration_s: float, longest_s: float) -> list[Shot]:
    """Shots between change points, none longer than `longest_s`, that tile [0, duration_s).

    A change point lies between two looks; where the camera cuts there, the shot begins at the cut.
    """
    times = looked.times_s
    edges = [0.0]
    for row in change_points(looked.embeddings, ChangeConfig(shortest=round(SHORTEST_SHOT_S / LOOK_S))):
        between = [cut_s for cut_s in looked.cuts_s if times[row - 1] < cut_s <= times[row]]
        edges.append(between[-1] if between else float(times[row]))
    shots = []
    for span in split_long(tuple(Span(a, b) for a, b in pairwise([*edges, duration_s])), longest_s):
        own = (times >= span.start_s) & (times < span.end_s)
        if not own.any():  # a still picture stands from before
            own = np.arange(len(times)) == max(0, int(np.searchsorted(times, span.start_s)) - 1)
        shows = class_words(looked.scores[own], looked.things, SHOWN)
        shots.append(Shot(span.start_s, span.end_s, float(looked.arousal[own].mean()), shows))
    return shots


def _sound(video: Path, spans: Sequence[Span]) -> Waveform:
    """The sound of the spans, cross-faded where they meet; silence where the sound is over before the pictures.

    Each reaches half a cross-fade beyond where it is cut, so that nothing moves against the pictures.
    """
    stretches, cut, at_s, read_s = [], [], 0.0, 0.0
    for number, span in enumerate(spans):
        lead_s = EDGE_S / 2 if number else 0.0
        tail_s = EDGE_S / 2 if number + 1 < len(spans) else 0.0
        length_s = lead_s + span.duration_s + tail_s
        stretches.append(_stretch(video, span.start_s - lead_s, round(length_s * RATE_HZ)))
        cut.append(Piece(read_s, read_s + length_s, at_s - lead_s))
        at_s, read_s = at_s + span.duration_s, read_s + stretches[-1].shape[1] / RATE_HZ
    whole = Waveform(np.concatenate(stretches, axis=1), RATE_HZ)
    return Waveform(CuePlayer(whole, cut, fade_in_s=EDGE_S, fade_out_s=EDGE_S).whole(), RATE_HZ)


def _stretch(video: Path, start_s: float, samples: int) -> Floats:
    """So many samples of the video's sound [2 n]; silence where there are none."""
    try:
        wave = read_audio(video, rate_hz=RATE_HZ, channels=2, start_s=start_s, end_s=start_s + samples / RATE_HZ)
    except MediaError as error:
        log.warning("silence from %.1f s on: %s", start_s, error)
        return np.zeros((2, samples), np.float32)
    there = wave.samples[:, :samples]
    return np.pad(there, ((0, 0), (0, samples - there.shape[1])))
