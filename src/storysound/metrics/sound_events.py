"""How well events are found in sounds: F1 by events and by segments (Mesaros et al. 2016, sections 3.1 and 3.2).

Own code: the usual package, sed_eval, brings dcase_util and with it a dozen packages. Definitions and defaults are
its: an event is right if its class is, its onset within `ONSET_S`, and its offset within the larger of `ONSET_S` and a
share of the reference's length; each reference is matched with one event at most, as many as can be.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil, floor

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import maximum_bipartite_matching

from storysound.story import Event

ONSET_S = 0.2
OFFSET_SHARE = 0.2
SEGMENT_S = 1.0


@dataclass(frozen=True)
class EventReport:
    """F1 in [0, 1]: mean over classes (`macro`) and over all events (`micro`); by class that of events; `n` files."""

    event_macro: float
    event_micro: float
    segment_macro: float
    segment_micro: float
    by_class: Mapping[str, float]
    n: int
    protocol: str


def evaluate(
    found: Mapping[str, Sequence[Event]], truth: Mapping[str, Sequence[Event]], duration_s: Mapping[str, float]
) -> EventReport:
    """Events found against those that are there, by file; classes that are never there count only in `micro`.

    Raises ValueError where the files differ, or nothing is there.
    """
    if not found.keys() == truth.keys() == duration_s.keys():
        raise ValueError("events, truth and durations must be of the same files")
    classes = sorted({event.label for events in truth.values() for event in events})
    if not classes:
        raise ValueError("there is no event to be found")
    every = sorted({*classes, *(event.label for events in found.values() for event in events)})
    by_event, by_segment = ({name: np.zeros(3, int) for name in every} for _ in range(2))  # right, told, there
    for file in truth:
        for name in every:
            told, there = ([e for e in events[file] if e.label == name] for events in (found, truth))
            by_event[name] += (matched(told, there), len(told), len(there))
            active, real = (segments(events, duration_s[file]) for events in (told, there))
            by_segment[name] += ((active & real).sum(), active.sum(), real.sum())
    each = {name: _f1(by_event[name]) for name in classes}
    return EventReport(
        float(np.mean(list(each.values()))),
        _f1(np.sum(list(by_event.values()), axis=0)),
        float(np.mean([_f1(by_segment[name]) for name in classes])),
        _f1(np.sum(list(by_segment.values()), axis=0)),
        each,
        len(truth),
        f"onset within {ONSET_S} s, offset within {ONSET_S} s or {OFFSET_SHARE:.0%} of the length; "
        f"segments of {SEGMENT_S:g} s; macro over {len(classes)} classes",
    )


def matched(found: Sequence[Event], truth: Sequence[Event]) -> int:
    """How many events of one class can be matched one to one."""
    fits = np.array([[fit(event, real) for real in truth] for event in found])
    if not fits.size:
        return 0
    return int((maximum_bipartite_matching(csr_matrix(fits), perm_type="column") >= 0).sum())


def fit(event: Event, real: Event) -> bool:
    """Whether onset and offset lie within the collars.

    >>> fit(Event(1.1, 3.3, "Dog", 1), Event(1.0, 3.0, "Dog", 1)), fit(Event(1.1, 3.5, "Dog", 1), Event(1, 3, "Dog", 1))
    (True, False)
    """
    late_s = max(ONSET_S, OFFSET_SHARE * (real.end_s - real.start_s))
    return abs(event.start_s - real.start_s) <= ONSET_S + 1e-9 and abs(event.end_s - real.end_s) <= late_s + 1e-9


def segments(events: Sequence[Event], duration_s: float) -> NDArray[np.bool_]:
    """In which of the segments of a file an event is active, however briefly."""
    active = np.zeros(ceil(duration_s / SEGMENT_S), dtype=bool)
    for event in events:
        active[floor(event.start_s / SEGMENT_S + 1e-9) : ceil(event.end_s / SEGMENT_S - 1e-9)] = True
    return active


def _f1(counts: NDArray[np.int_]) -> float:
    """Of counts [3]: how many are right, told, and there."""
    right, told, there = counts.tolist()
    return 2 * right / (told + there) if told + there else 0.0
