"""Pictures of a slideshow change with the music: on its bars and beats, near the times at which they were to change.

Dynamic programming over beats: how long each picture stays is as near to what was wished as can be, within a beat, and
of what is as near a bar is taken. A film among the pictures plays whole; what follows it waits for a beat.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from storysound.cue.exits import NOTHING, story_beats_s
from storysound.cue.playback import Sounds
from storysound.cue.rendered import Pulse
from storysound.cue.score import Cue, Scene
from storysound.ingest.footage import Footage
from storysound.jobs.plan.scenes import Breakdown
from storysound.media import rhythm
from storysound.media.arrays import Doubles
from storysound.story import Span

LEAST_S = 1.0  # that a picture is shown, where it was to be shown as long
NEAR_S = 3.0  # from where it was to change a picture changes no farther than this
TURN_S = 0.5  # of a change of music from that of its scene
ON_S = 0.02  # of a beat, and a change is on it
_BEAT, _OFF = 0.02, 4.0  # costs of a beat that begins no bar, and of no beat
_LENGTH, _BEYOND, _DRIFT = 1.0, 30.0, 0.02  # of the square of what a length misses, of it beyond a beat, of the place
_TOO_SHORT = 1000.0  # per second


@dataclass(frozen=True)
class Beats:
    """Beats [n] and bar lines [b] of all the music, ascending seconds of the story, and where it changes [c]."""

    beats_s: Doubles
    bars_s: Doubles
    turns_s: Doubles


@dataclass(frozen=True)
class Shown:
    """How long a picture is to be shown. A film is shown no shorter."""

    length_s: float
    is_film: bool = False

    @property
    def least_s(self) -> float:
        """It is shown for as long, at least."""
        return self.length_s if self.is_film else min(self.length_s, max(LEAST_S, self.length_s / 2))


def changes_on_beats(shown: Sequence[Shown], beats: Beats) -> Doubles:
    """When each picture [p] begins, and the last one is over: [p + 1].

    The end stays as it was, as do changes that no beat is near.

    >>> beats = np.arange(0.25, 20, 0.5)
    >>> changes_on_beats([Shown(4.0), Shown(4.1), Shown(3.9)], Beats(beats, beats[::4], np.empty(0))).tolist()
    [0.0, 4.25, 8.25, 12.0]
    """
    wished = np.concatenate([[0.0], np.cumsum([one.length_s for one in shown])])
    offers = [(np.array([at]), np.zeros(1)) for at in wished]
    offers[1:-1] = [_offers(at, beats) for at in wished[1:-1]]
    beat_s = float(np.median(np.diff(beats.beats_s))) if len(beats.beats_s) > 1 else 0.0
    total, parents = np.zeros(1), []
    for (before, _), (at, own), one, was in zip(offers, offers[1:], shown, wished[1:], strict=False):
        lengths = at[None] - before[:, None]
        off = np.abs(lengths - one.length_s)
        beyond = np.maximum(off - beat_s - ON_S, 0.0)
        short = np.maximum(one.least_s - lengths - 1e-6, 0.0)
        step = (_LENGTH * off**2 + _BEYOND * beyond**2) / one.length_s**2 + _TOO_SHORT * (short + (lengths <= 0))
        ways = total[:, None] + step + own + _DRIFT * (at - was) ** 2
        parents.append(ways.argmin(axis=0))
        total = ways.min(axis=0)
    found, place = [float(wished[-1])], 0
    for parent, (before, _) in zip(reversed(parents), reversed(offers[:-1]), strict=True):
        place = int(parent[place])
        found.append(float(before[place]))
    return np.array(found[::-1])


def _offers(wished_s: float, beats: Beats) -> tuple[Doubles, Doubles]:
    """Where a picture may change that was to change at a time, and what that costs: [k], [k].

    Where the music changes with it, it changes with the music.
    """
    turns = beats.turns_s[np.abs(beats.turns_s - wished_s) <= TURN_S]
    if len(turns):
        return turns[np.abs(turns - wished_s).argmin()][None], np.zeros(1)
    near = beats.beats_s[np.abs(beats.beats_s - wished_s) <= NEAR_S]
    is_bar = _distances(near, beats.bars_s) <= ON_S
    return np.append(near, wished_s), np.append(np.where(is_bar, 0.0, _BEAT), _OFF)


def _distances(times_s: Doubles, others_s: Doubles) -> Doubles:
    """From each time [n] to the nearest of others [m]: [n]; infinite where there is none."""
    if not len(others_s):
        return np.full(len(times_s), np.inf)
    at = np.clip(np.searchsorted(others_s, times_s), 1, max(1, len(others_s) - 1))
    below, above = others_s[at - 1], others_s[np.minimum(at, len(others_s) - 1)]
    return np.asarray(np.minimum(np.abs(times_s - below), np.abs(times_s - above)))


def beats_of(pulses: Sequence[Pulse]) -> Beats:
    """The beats of all cues of music together."""
    beats = np.unique(np.concatenate([NOTHING, *(pulse.beats_s for pulse in pulses)]))
    bars = np.unique(np.concatenate([NOTHING, *(pulse.bars_s for pulse in pulses)]))
    return Beats(beats, bars, np.array([pulse.turn_s for pulse in pulses if pulse.turn_s is not None]))


def locked_pulses(cues: Sequence[Cue], sounds: Sounds) -> Iterator[Pulse]:
    """Of cues that are laid already. Raises MediaError for a sound that can't be read."""
    for cue in cues:
        if cue.layer != "music" or cue.muted:
            continue
        recording, from_s = sounds.of(cue)
        bars = sounds.bars(rhythm.analyse(recording.cut()))
        if bars is not None:
            beats_s, bars_s = (story_beats_s(cue.pieces, each + from_s) for each in (bars.beats_s, bars.downbeats_s))
            yield Pulse(beats_s, bars_s)


def spans_on_beats(footage: Footage, beats: Beats) -> tuple[tuple[Span, ...], str]:
    """When each page of footage is shown, and what to know where pictures change beside the beat."""
    shown = [Shown(page.span.duration_s, page.is_film) for page in footage.pages]
    starts = changes_on_beats(shown, beats)
    beside = int((_distances(starts[1:-1], beats.beats_s) > ON_S).sum())
    if beside == len(shown) - 1 and beside:
        return tuple(page.span for page in footage.pages), "the music has no beat: pictures change as without `to_beat`"
    note = f"{beside} of {len(shown) - 1} pictures change beside the beat: the music has none there" if beside else ""
    return tuple(Span(a, b) for a, b in pairwise(starts.tolist())), note


def moved_scenes(scenes: Sequence[Scene], before: Sequence[Span], after: Sequence[Span]) -> tuple[Scene, ...]:
    """Scenes of pages that were shown `before` and are shown `after`; inside a page time goes on evenly."""
    old, new = ([spans[0].start_s, *(span.end_s for span in spans)] for spans in (before, after))

    def moved(span: Span) -> Span:
        start_s, end_s = np.interp([span.start_s, span.end_s], old, new).tolist()
        return Span(start_s, end_s)

    return tuple(
        replace(
            scene,
            start_s=(whole := moved(Span(scene.start_s, scene.end_s))).start_s,
            end_s=whole.end_s,
            shots=tuple(moved(shot) for shot in scene.shots),
        )
        for scene in scenes
    )


def as_shown(breakdown: Breakdown, before: Footage, after: Footage) -> Breakdown:
    """The breakdown of a story whose pages are shown at other times."""
    spans = [[page.span for page in footage.pages] for footage in (before, after)]
    old, new = ([each[0].start_s, *(span.end_s for span in each)] for each in spans)
    mood = tuple((float(np.interp(time_s, old, new)), valence, arousal) for time_s, valence, arousal in breakdown.mood)
    return replace(breakdown, scenes=moved_scenes(breakdown.scenes, *spans), mood=mood)
