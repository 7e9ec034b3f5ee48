"""From an encoder's scores of a whole sound to the events heard in it, the same for a file and for a library."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from storysound.annotate.events import EventConfig, events_of, relative, told_once
from storysound.annotate.families import audioset
from storysound.encode.encoder import Encoder, Encoding
from storysound.media.arrays import Floats
from storysound.media.audio import Waveform
from storysound.media.loudness import peaks_db
from storysound.media.recording import Recording
from storysound.progress import unless_stopped
from storysound.story import Event

USUAL = 0.1  # of every class, for encoders that don't say what is usual
LEVEL_S = 0.1  # from one level to the next, of those that `audible` is told
SILENT_DB, FAINT_DB = -70.0, -60.0  # levels below this, absolute or beside the loudest, are silence
# What is heard at a time, and around it; whole steps of our own ears, so that a piece is heard as part of the whole.
PIECE_S, CONTEXT_S = 120.0, 4.8
BESIDE_DB = -30.0  # beside the loudest of an event, levels below this are before or after it


@dataclass(frozen=True)
class Ear:
    """An encoder that tells what is heard when, in the classes of one of its label spaces."""

    name: str
    encoder: Encoder[Any]
    space: str

    @property
    def labels(self) -> tuple[str, ...]:
        """The names of the classes."""
        return self.encoder.labels[self.space]

    @property
    def usual(self) -> Floats:
        """The score of a class that one in a hundred sounds without it reaches: [c]."""
        levels = self.encoder.traits.head(self.space).usual
        return np.full(len(self.labels), USUAL, np.float32) if levels is None else np.asarray(levels, np.float32)

    @property
    def patch_s(self) -> float:
        """How much sound a row is about, where that is more than a step."""
        return self.encoder.traits.patch_s

    def scores(self, heard: Encoding) -> Floats:
        """How clearly each class is heard in each step, 0.5 being the usual: [t c] in [0, 1)."""
        return relative(cells(heard.scores[self.space], heard.step_s, self.patch_s), self.usual)


def ear_among(encoders: Mapping[str, Encoder[Any]]) -> Ear | None:
    """The first encoder that tells what is heard when; those that know what is usual for their classes go first."""
    ears = [
        (encoder.traits.head(space), Ear(name, encoder, space))
        for name, encoder in encoders.items()
        for space in encoder.labels
    ]
    able = [(head, ear) for head, ear in ears if head.moments and not head.logits]
    return next((ear for head, ear in able if head.usual is not None), able[0][1] if able else None)


def cells(scores: Floats, step_s: float, patch_s: float) -> Floats:
    """Scores of overlapping patches as scores of the steps: geometric means of all patches that hold a step.

    A sound that is there is heard in each of them, a slip of the ear mostly in one. [t c] -> [t + n - 1, c], where a
    patch lasts n steps.

    >>> cells(np.array([[1], [0.25], [0.25]], np.float32), 0.5, 1.0)[:, 0].tolist()
    [1.0, 0.5, 0.25, 0.25]
    """
    overlap = max(1, round(patch_s / step_s)) if step_s else 1
    if overlap == 1 or not len(scores):
        return scores
    logs = np.log(np.maximum(scores, 1e-9))
    total = np.zeros((len(scores) + overlap - 1, scores.shape[1]), np.float32)
    count = np.zeros((len(total), 1), np.float32)
    for late in range(overlap):
        total[late : late + len(scores)] += logs
        count[late : late + len(scores)] += 1
    result: Floats = np.exp(total / count)
    return result


def audible(levels_db: NDArray[np.floating], step_s: float, count: int) -> NDArray[np.bool_]:
    """Which of `count` steps aren't silent, by the levels [n] of each tenth of a second: [count].

    Encoders that don't mind the level hear noise everywhere.
    """
    if not levels_db.size:
        return np.zeros(count, bool)
    edges = np.minimum((np.arange(count + 1) * step_s / LEVEL_S + 1e-6).astype(int), levels_db.size)
    loudest = np.maximum.reduceat(np.append(levels_db, -np.inf)[: edges[-1] + 1], edges)[:-1]
    return np.asarray(loudest > max(SILENT_DB, FAINT_DB + float(levels_db.max())))


def tightened(events: Sequence[Event], levels_db: NDArray[np.floating], reach_s: float) -> tuple[Event, ...]:
    """Events without what is silent beside them in the first and the last `reach_s`: to a tenth of a second.

    `levels_db` [n]: of each tenth of a second. A sound is heard in every patch that holds a bit of it, so it seems to
    begin up to a patch early.

    >>> tightened([Event(0.0, 1.0, "Bark", 0.9)], np.array([-60.0] * 4 + [-9.0] * 5 + [-60.0]), 0.5)
    (Event(start_s=0.4, end_s=0.9, label='Bark', score=0.9),)
    """
    reach = math.ceil(reach_s / LEVEL_S - 1e-6)
    out = []
    for event in events:
        first = int(event.start_s / LEVEL_S + 1e-6)
        own = levels_db[first : math.ceil(event.end_s / LEVEL_S - 1e-6)]
        loud = np.flatnonzero(own > own.max(initial=-np.inf) + BESIDE_DB)
        if not loud.size:
            out.append(event)
            continue
        start_s = max(event.start_s, (first + min(int(loud[0]), reach)) * LEVEL_S)
        end_s = min(event.end_s, (first + max(int(loud[-1]) + 1, len(own) - reach)) * LEVEL_S)
        out.append(replace(event, start_s=round(start_s, 3), end_s=round(end_s, 3)) if start_s < end_s else event)
    return tuple(out)


@dataclass(frozen=True)
class Piece:
    """A stretch [start_s, end_s) of a sound in one channel, with what is around it: `wave` begins at `from_s`."""

    wave: Waveform
    from_s: float
    start_s: float
    end_s: float
    is_last: bool

    def steps(self, scores: Floats, step_s: float) -> Floats:
        """Of the scores [t c] of `wave`, one each `step_s`, those of the steps of the sound that begin in the piece."""
        begins, ends = (math.ceil(time_s / step_s - 1e-6) - round(self.from_s / step_s) for time_s in self.span)
        return scores[begins : None if self.is_last else ends]

    @property
    def span(self) -> tuple[float, float]:
        """From when to when."""
        return self.start_s, self.end_s


def pieces(sound: Recording, at: Callable[[float], None] | None = None) -> Iterator[Piece]:
    """A sound piece by piece, each with enough around it to be heard as if it were one.

    `at` is given how many seconds are done, after each.
    """
    count = max(1, math.ceil(sound.duration_s / PIECE_S - 0.5))  # the last is longer, or at least half as long
    for number in unless_stopped(range(count)):
        start_s, is_last = number * PIECE_S, number == count - 1
        from_s, end_s = max(0.0, start_s - CONTEXT_S), sound.duration_s if is_last else start_s + PIECE_S
        yield Piece(sound.cut(from_s, end_s + CONTEXT_S).mono(), from_s, start_s, end_s, is_last)
        if at is not None:
            at(end_s)


def heard_in(sound: Recording, ear: Ear, at: Callable[[float], None] | None = None) -> tuple[Event, ...]:
    """What is heard when in a sound at hand; `at` as in `pieces`."""
    rows, levels, step_s = [], [], 0.0
    for piece in pieces(sound, at):
        heard = ear.encoder.encode([piece.wave])[0]
        step_s = heard.step_s
        rows.append(piece.steps(ear.scores(heard), step_s))
        levels.append(peaks_db(piece.wave.cut(piece.start_s - piece.from_s, piece.end_s - piece.from_s), LEVEL_S))
    return _events(np.concatenate(rows), step_s, ear, np.concatenate(levels), sound.duration_s)


def events_in(
    heard: Encoding, ear: Ear, levels_db: NDArray[np.floating], duration_s: float, config: EventConfig | None = None
) -> tuple[Event, ...]:
    """What is heard when in a sound, of which `levels_db` [n] are the levels of each tenth of a second."""
    return _events(ear.scores(heard), heard.step_s, ear, levels_db, duration_s, config)


def _events(
    scores: Floats,
    step_s: float,
    ear: Ear,
    levels_db: NDArray[np.floating],
    duration_s: float,
    config: EventConfig | None = None,
) -> tuple[Event, ...]:
    """What is heard when by scores [t c]."""
    config = config or EventConfig()
    scores[~audible(levels_db, step_s, len(scores))] = 0.0
    found = events_of(scores, ear.labels, step_s, duration_s=duration_s, config=config)
    return told_once(tightened(found, levels_db, max(ear.patch_s, step_s)), audioset(), config)
