"""What is heard when: class probabilities over time to events.

A class is heard from where its score rises to one threshold until it falls below a lower one (hysteresis); short gaps
are bridged, short bursts dropped. Then, of a class and its special cases in one stretch, what says it best is kept.
"""

import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files

import numpy as np
import scipy.ndimage

from storysound.annotate.families import SETTING, Families
from storysound.media.arrays import Floats
from storysound.media.sketch import Sketch
from storysound.story import Event, Span

SPEECH = "Speech"
_LEAST = 1e-4  # of a probability whose log-odds count
MIXED = frozenset({"voice", "music"})  # families that are heard together with anything


@dataclass(frozen=True)
class FileEvents:
    """What is heard in a file; `sketch` is there if it was asked for."""

    path: str
    duration_s: float
    events: tuple[Event, ...]
    sketch: Sketch | None = None


@dataclass(frozen=True)
class EventConfig:
    """What counts as an event."""

    begins: float = 0.7  # score from which a class is heard
    ends: float = 0.4  # score below which it has ended
    shortest_s: float = 0.3
    bridged_s: float = 1.5  # gaps within a class of up to this are no gaps
    clear: float = 0.5  # a special case counts when it reaches this part of the general class's score
    explained: float = 0.5  # part of a general event that special cases have to fill to make it superfluous there
    rest_s: float = 3.0  # shorter parts that they leave are not told
    drowned: float = 4.0  # times the odds, from which a surer event makes one beside it a guess
    alike: int = 2  # events of one family at a time; more of them are names for one sound
    at_once: int = 4  # events at a time; nobody could tell more of them apart

    def __post_init__(self) -> None:
        if not 0 < self.ends <= self.begins <= 1:
            raise ValueError(f"needs 0 < ends <= begins <= 1, got {self.ends} and {self.begins}")

    @staticmethod
    def from_score(least: float) -> "EventConfig":
        """With `least` as the lowest score of an event."""
        return EventConfig(begins=least, ends=min(EventConfig.ends, least * EventConfig.ends / EventConfig.begins))


@dataclass(frozen=True)
class FaintSound:
    """What is heard too faintly for an event, by several classes on the whole of a segment (`faint_sounds.toml`)."""

    column: str  # of a library
    constant: float
    odds: Mapping[str, float]  # weight of the log-odds of a class
    shares: Mapping[str, float]  # weight of the probability itself

    def chances(self, heard: Floats, labels: Sequence[str]) -> Floats:
        """How likely it is heard in each segment [n], by the mean probabilities [n c] of all classes."""
        total = np.full(len(heard), self.constant, np.float32)
        for label, weight in self.odds.items():
            clear = np.clip(heard[:, labels.index(label)], _LEAST, 1 - _LEAST)
            total += weight * np.log(clear / (1 - clear))
        for label, weight in self.shares.items():
            total += weight * heard[:, labels.index(label)]
        result: Floats = (1 / (1 + np.exp(-total))).astype(np.float32)
        return result


@cache
def faint_sounds() -> Mapping[str, FaintSound]:
    """By the class of AudioSet that they are."""
    table = tomllib.loads((files("storysound.annotate") / "faint_sounds.toml").read_text("utf-8"))
    return {label: FaintSound(**own) for label, own in table.items()}


def relative(probabilities: Floats, usual: Floats) -> Floats:
    """Probabilities [t c] whose odds are measured by those usual for each class [c], in [0, 1]; 0.5 is just the usual.

    Without this, broad classes that are never quite silent (Music, Animal, Vehicle) outshout the special ones.

    >>> relative(np.array([[0.5, 0.3]], np.float32), np.array([0.5, 0.125], np.float32)).round(3).tolist()
    [[0.5, 0.75]]
    """
    here, there = (x / np.maximum(1 - x, 1e-6) for x in (probabilities, usual))
    result: Floats = (here / np.maximum(here + there, 1e-9)).astype(np.float32)
    return result


def events_of(
    scores: Floats, labels: Sequence[str], step_s: float, *, duration_s: float, config: EventConfig | None = None
) -> tuple[Event, ...]:
    """Every class's events of scores [t c], row i about the time from i · step_s on; by start, then label.

    Events of a class don't overlap, last no less than `shortest_s` and end at `duration_s` at the latest.

    >>> heard = np.repeat(np.array([[0], [0.9], [0]], np.float32), 10, axis=0)
    >>> events_of(heard, ["Dog"], 0.1, duration_s=3.0)
    (Event(start_s=1.0, end_s=2.0, label='Dog', score=0.9),)
    """
    config = config or EventConfig()
    if scores.ndim != 2 or scores.shape[1] != len(labels):
        raise ValueError(f"needs scores [t {len(labels)}], got {scores.shape}")
    found = []
    loudest = scores.max(axis=0, initial=0.0)
    for c in np.flatnonzero(loudest >= config.begins).tolist():
        for a, b in _runs(scores[:, c], config, int(config.bridged_s / step_s + 1e-6)):
            start_s, end_s = a * step_s, min(b * step_s, duration_s)
            if end_s - start_s >= config.shortest_s - 1e-9:
                score = float(scores[a:b, c].max())
                found.append(Event(round(start_s, 3), round(end_s, 3), labels[c], round(score, 4)))
    return in_order(found)


def in_order(events: Sequence[Event]) -> tuple[Event, ...]:
    """By start, the surest first."""
    return tuple(sorted(events, key=lambda event: (event.start_s, -event.score, event.label)))


def _runs(curve: Floats, config: EventConfig, gap: int) -> Iterator[tuple[int, int]]:
    """Runs of steps [a, b) in a curve [t]: each reaches `begins`, and stays at `ends` but for up to `gap` at a time."""
    runs, count = scipy.ndimage.label(curve >= config.ends)
    sure = np.zeros(count + 1, bool)
    sure[np.unique(runs[curve >= config.begins])] = True
    last: tuple[int, int] | None = None
    for number, (place,) in enumerate(scipy.ndimage.find_objects(runs), 1):
        if not sure[number]:
            continue
        if last and place.start - last[1] <= gap:
            last = last[0], place.stop
            continue
        if last:
            yield last
        last = place.start, place.stop
    if last:
        yield last


def told_once(events: Sequence[Event], families: Families, config: EventConfig | None = None) -> tuple[Event, ...]:
    """Of a class and its special cases, what says it best; places and rooms are no events.

    A special case that is heard much less clearly than the general class in its stretch is a guess and goes, as does
    what is heard much less clearly than something else there; of a general class whose stretch is mostly filled by
    special cases only the parts without them are told, unless they are short.
    """
    config = config or EventConfig()
    sounds = [event for event in events if families.family.get(event.label) != SETTING]
    guesses = {
        special
        for general in sounds
        for special in _special(general, sounds, families)
        if special.span.overlap_s(general.span) > special.span.duration_s / 2
        and special.score < config.clear * general.score
    }
    guesses |= {event for event in sounds if any(_drowns(other, event, families, config.drowned) for other in sounds)}
    sure = [event for event in sounds if event not in guesses]
    told = [part for event in sure for part in _unexplained(event, _special(event, sure, families), config)]
    by_family: dict[str, list[Event]] = {}
    for event in told:
        by_family.setdefault(families.family.get(event.label, event.label), []).append(event)
    few = [event for family in by_family.values() for event in _few(family, config.alike)]
    return in_order(_few(few, config.at_once))


def _drowns(sure: Event, guess: Event, families: Families, ratio: float) -> bool:
    """Whether half of an event lies beside one that is so much surer and of another kind that it is its echo.

    Voices and music, under which anything may be heard, drown nothing.
    """
    return (
        _odds(sure) >= ratio * _odds(guess)
        and families.family.get(sure.label) not in MIXED
        and sure.span.overlap_s(guess.span) >= guess.span.duration_s / 2
        and not families.akin(sure.label, guess.label)
    )


def _odds(event: Event) -> float:
    return event.score / max(1 - event.score, 1e-6)


def _few(events: Sequence[Event], most: int) -> list[Event]:
    """Without events of which half or more lies under each of `most` surer ones."""
    kept: list[Event] = []
    for event in sorted(events, key=lambda event: (-event.score, event.start_s, event.label)):
        if sum(other.span.overlap_s(event.span) >= event.span.duration_s / 2 for other in kept) < most:
            kept.append(event)
    return kept


def _special(general: Event, events: Sequence[Event], families: Families) -> list[Event]:
    below = families.below.get(general.label, frozenset())
    return [e for e in events if e.label in below and e.start_s < general.end_s and e.end_s > general.start_s]


def _unexplained(general: Event, special: Sequence[Event], config: EventConfig) -> Iterator[Event]:
    """What is left to say of an event where its special cases are told."""
    if _covered(general.span, special) <= config.explained:
        yield general
        return
    until_s = general.start_s
    for event in sorted(special, key=lambda event: event.start_s):
        if event.start_s - until_s >= config.rest_s:
            yield replace(general, start_s=until_s, end_s=event.start_s)
        until_s = max(until_s, event.end_s)
    if general.end_s - until_s >= config.rest_s:
        yield replace(general, start_s=until_s)


def _covered(span: Span, events: Sequence[Event]) -> float:
    """Part of a span in which one of the events is heard, in [0, 1]."""
    covered_s, until_s = 0.0, span.start_s
    for event in sorted(events, key=lambda event: event.start_s):
        start_s, end_s = max(event.start_s, until_s), min(event.end_s, span.end_s)
        covered_s += max(0.0, end_s - start_s)
        until_s = max(until_s, end_s)
    return covered_s / max(span.duration_s, 1e-9)


def surest(events: Sequence[Event], count: int) -> tuple[Event, ...]:
    """Only the events of the `count` classes that are heard most clearly, of equals for the longest, in their order."""
    best: dict[str, float] = {}
    total_s: dict[str, float] = {}
    for event in events:
        best[event.label] = max(round(event.score, 2), best.get(event.label, 0.0))
        total_s[event.label] = total_s.get(event.label, 0.0) + event.span.duration_s
    kept = set(sorted(best, key=lambda label: (-best[label], -total_s[label], label))[:count])
    return tuple(event for event in events if event.label in kept)


def with_speech(
    events: Sequence[Event], spoken: Sequence[Event], heard: Callable[[Span], float], families: Families, least: float
) -> tuple[Event, ...]:
    """Speech as the voice detector places it, in place of what the classes say of it.

    `spoken`: the detector's stretches; one counts where `heard`, the classes' own highest probability of speech in it,
    reaches `least`: dogs and trumpets excite the detector too. Kinds of speech stay where there is speech.
    """
    kinds = families.below.get(SPEECH, frozenset())
    speech = [event for event in spoken if heard(event.span) >= least]
    others = [event for event in events if event.label != SPEECH]
    kept = [e for e in others if e.label not in kinds or _covered(e.span, speech) > 0.5]
    return in_order([*kept, *speech])


def bridged(events: Sequence[Event], gap_s: float) -> tuple[Event, ...]:
    """Events of one class in order, those less than `gap_s` apart joined; scores are weighted by length.

    >>> bridged([Event(0, 1, "Speech", 1.0), Event(1.2, 2.2, "Speech", 0.5)], 0.5)
    (Event(start_s=0, end_s=2.2, label='Speech', score=0.75),)
    """
    joined: list[Event] = []
    for event in events:
        last = joined[-1] if joined else None
        if last and event.start_s - last.end_s < gap_s:
            weights = last.span.duration_s, event.span.duration_s
            score = float(np.average([last.score, event.score], weights=weights))
            joined[-1] = replace(last, end_s=event.end_s, score=round(score, 4))
        else:
            joined.append(event)
    return tuple(joined)
