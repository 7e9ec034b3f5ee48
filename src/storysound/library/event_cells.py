"""Events as a column of the segments table: each segment holds those that begin in it."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from storysound.story import Event

EVENTS = pa.list_(
    pa.struct([("label", pa.string()), ("start_s", pa.float32()), ("end_s", pa.float32()), ("score", pa.float32())])
)


def event_cells(events: Sequence[Event], start_s: NDArray[np.float64]) -> pa.Array:
    """A sound's events, spread over its segments that begin at `start_s` [n]."""
    cells: list[list[dict[str, object]]] = [[] for _ in start_s]
    for event in events:
        cells[max(0, int(np.searchsorted(start_s, event.start_s, "right")) - 1)].append(vars(event))
    return pa.array(cells, EVENTS)


def events_of(cells: pa.Array) -> tuple[Event, ...]:
    """The events in successive cells, times to the millisecond."""
    rows = [row for cell in cells.to_pylist() for row in cell or ()]
    return tuple(
        Event(round(row["start_s"], 3), round(row["end_s"], 3), row["label"], round(row["score"], 4)) for row in rows
    )
