"""What of a query is heard when in a found sound: the reason for a hit, and the moment it points to."""

from collections.abc import Sequence

import numpy as np

from storysound.annotate import families
from storysound.annotate.events import EventConfig, faint_sounds
from storysound.draw.shapes import times_of
from storysound.library.search import Index
from storysound.media.arrays import Floats
from storysound.story import Event, Span

MEANT = 0.1  # of the weight of what a query means most, from which a class is meant too
KIN = 0.5  # a bark speaks for a dog, and a dog for a bark, but each less than for itself
LABELS, TIMES = 3, 3  # kinds of sound in a reason, and moments of each


class Moments:
    """The events of a library's sounds, looked through for what is meant."""

    def __init__(self, index: Index) -> None:
        self._index = index
        self._families = families.audioset()
        self._faint = {
            label: faint.chances(index.matrix(faint.column), index.labels[faint.column])
            for label, faint in faint_sounds().items()
            if faint.column in index
        }

    def meant(self, wish: Floats, labels: Sequence[str], at: int) -> list[Event]:
        """Events heard in the segment `at` that speak for what is wished [c] of the classes `labels`, best first."""
        weight = {labels[i]: float(wish[i]) for i in np.flatnonzero(wish >= MEANT * wish.max(initial=1e-9)).tolist()}
        segment = Span(float(self._index.start_s[at]), float(self._index.end_s[at]))
        here = [e for e in self._index.events(int(self._index.sound_of[at])) if e.span.overlap_s(segment) > 0]
        for label, chances in self._faint.items():
            if chances[at] >= EventConfig.begins:
                here.append(Event(segment.start_s, segment.end_s, label, round(float(chances[at]), 4)))
        value = {event: event.score * self._kinship(event.label, weight) for event in here}
        found = [event for event in here if value[event] > 0]
        return sorted(found, key=lambda event: (-value[event], event.start_s))

    def _kinship(self, label: str, weight: dict[str, float]) -> float:
        """How much an event of this class speaks for classes of these weights."""
        kin = [share for meant, share in weight.items() if self._families.akin(label, meant)]
        return max(weight.get(label, 0.0), KIN * max(kin, default=0.0))


def told(events: Sequence[Event], seen: str = "") -> str:
    """Events as a reason, the best first; `seen`: for what they are heard, where that isn't said but seen.

    >>> told([Event(2, 5, "Bark", 0.8), Event(61.5, 62.25, "Bark", 0.7), Event(0, 9, "Dog", 0.6)])
    'heard: Bark 0:02–0:05, 1:01.5–1:02.2 (.80), Dog 0:00–0:09 (.60)'
    """
    by_label: dict[str, list[Event]] = {}
    for event in events:
        by_label.setdefault(event.label, []).append(event)
    parts = []
    for label, own in list(by_label.items())[:LABELS]:
        times = ", ".join(times_of(event.span) for event in sorted(own[:TIMES], key=lambda e: e.start_s))
        clearest = min(max(event.score for event in own), 0.99)
        parts.append(f"{label} {times}{' …' if len(own) > TIMES else ''} ({clearest:.2f})".replace("(0.", "(."))
    return f"{for_seen(seen)}heard: {', '.join(parts)}" if parts else ""


def for_seen(seen: str) -> str:
    """How a reason begins that speaks for what is seen."""
    return f"seen: {seen}; " if seen else ""


def pointed_at(event: Event | None, segment: Span) -> Span:
    """The moment a hit points to: the event where it is no longer than the segment, else its part of the segment.

    >>> pointed_at(Event(9, 12, "Bark", 0.8), Span(10, 20)), pointed_at(Event(0, 60, "Rain", 0.8), Span(10, 20))
    (Span(start_s=9, end_s=12), Span(start_s=10, end_s=20))
    """
    if event is None:
        return segment
    if event.span.duration_s <= segment.duration_s:
        return event.span
    return Span(max(event.start_s, segment.start_s), min(event.end_s, segment.end_s))
