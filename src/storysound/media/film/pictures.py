"""When the pictures of a film are shown and decoded, packet by packet, on the clock of its file."""

import math
from bisect import bisect_right, insort
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np
from av.container import InputContainer

from storysound.errors import MediaError
from storysound.media.clock import USUAL_STEP_S, clock_of, packets_of

TICK_S = 1e-5  # of pictures that are hidden, at the most: no screen shows one so short


@dataclass(frozen=True)
class PictureTimes:
    """When packets of a picture stream are shown and decoded, in the order of the file, in ticks of `base` seconds.

    Of those that are needed: `dropped` holds the numbers of the others, from 0 on. `shown` and `decoded`: on the file's
    clock; `decoded` rises and is never after `shown`, and both are as stamped but for the start where stamps are
    sound. `end`: of the last picture, as long as it stands by itself. `passing`: how many pictures that an edit list
    hides are needed to decode others, and shown for a tick.
    """

    base: Fraction
    shown: tuple[int, ...]
    decoded: tuple[int, ...]
    end: int
    dropped: frozenset[int] = frozenset()
    passing: int = 0

    @property
    def end_s(self) -> float:
        """When the last picture ends, in seconds."""
        return float(self.end * self.base)


class _Packet(NamedTuple):
    pts: int | None
    dts: int | None
    lasts: int
    is_hidden: bool


def picture_times(
    container: InputContainer, stream: av.VideoStream, path: str | Path, *, hides: bool = True
) -> PictureTimes:
    """Of a freshly opened file, by a look at all packets of the stream.

    `hides`: whether what is due before second 0 is not shown where these times go. Raises MediaError where there are no
    packets, none has a time, or an edit list shows none.
    """
    clock = clock_of(container, path)
    stamps, base = clock.reader(), Fraction(stream.time_base or 1)
    raw = [_Packet(p.pts, p.dts, p.duration or 0, p.is_discard) for p in packets_of(container, [stream], path)]
    if not any(packet.pts is not None for packet in raw):
        if not any(packet.dts is not None for packet in raw):
            raise MediaError(path, "not one picture of it has a time, or is shown", "convert it to mp4 first")
        raw = [packet._replace(pts=packet.dts) for packet in raw]  # formats without B-frames stamp once
    dropped = _unneeded(raw)
    raw = [packet for number, packet in enumerate(raw) if number not in dropped]
    shifts = []
    for number, packet in enumerate(raw):
        stamp = packet.pts if packet.pts is not None else packet.dts
        time_s = stamps.at(None if stamp is None else float(stamp * base))
        shifts.append(None if time_s is None or stamp is None else round(time_s / base) - stamp)
        if time_s is None:  # its stamp is broken, and hides it
            raw[number] = packet._replace(is_hidden=False)
    if all(packet.is_hidden for packet in raw):
        raise MediaError(path, "its edit list shows none of its pictures", "export it again")
    shown = _distinct(
        filled_times(
            [None if p.pts is None or shift is None else p.pts + shift for p, shift in zip(raw, shifts, strict=True)]
        )
    )
    stamped = [p.dts + shift for p, shift in zip(raw, shifts, strict=True) if p.dts is not None and shift is not None]
    visible = {time: packet.lasts for time, packet in zip(shown, raw, strict=True) if not packet.is_hidden}
    known = sorted(visible)
    last = visible[known[-1]]
    if not last:
        rate = stream.average_rate
        last = known[-1] - known[-2] if len(known) > 1 else round((1 / float(rate) if rate else USUAL_STEP_S) / base)
    end, passing = known[-1] + last, 0
    if any(packet.is_hidden for packet in raw):
        finer = math.ceil(base / Fraction(TICK_S))
        aside = [time * finer for time in shown]
        if passing := _put_aside(aside, raw, end * finer, hides=hides):
            base, shown, stamped, end = base / finer, aside, [time * finer for time in stamped], end * finer
    decoded = stamped if _in_time(stamped, shown) else decoding_times(shown)
    return PictureTimes(base, tuple(shown), tuple(decoded), end, frozenset(dropped), passing)


# --- edit lists


def _runs(packets: Sequence[_Packet]) -> list[range]:
    """Stretches of packets, each shown by another entry of an edit list: their times of decoding fall back between."""
    starts = [0]
    before: int | None = None
    for number, packet in enumerate(packets):
        if before is not None and packet.dts is not None and packet.dts <= before:
            starts.append(number)
        before = packet.dts
    return [range(start, end) for start, end in pairwise([*starts, len(packets)])]


def _unneeded(packets: Sequence[_Packet]) -> set[int]:
    """Numbers of hidden packets after the last one of their run that is shown."""
    if not any(packet.is_hidden for packet in packets):
        return set()
    found: set[int] = set()
    for run in _runs(packets):
        last = max((number for number in run if not packets[number].is_hidden), default=run.start - 1)
        found.update(range(last + 1, run.stop))
    return found


def _put_aside(shown: list[int], packets: Sequence[_Packet], end: int, *, hides: bool) -> int:
    """Lets hidden pictures be shown for a tick each, right before what is shown next; how many there are.

    Before second 0 they stay where they are, as far as nothing is shown there.
    """
    count = 0
    waiting: list[int] = []  # numbers of packets, in order of time
    for run in _runs(packets):
        visible = {shown[number]: number for number in run if not packets[number].is_hidden}
        hidden = sorted((number for number in run if packets[number].is_hidden), key=lambda number: shown[number])
        first = min(visible)
        later = [number for number in hidden if shown[number] > first]
        waiting += [number for number in hidden if shown[number] < first]
        if hides and first <= 0:
            waiting = []
        count += len(waiting)
        at = max(0, first - len(waiting))
        for number in waiting:
            shown[number], at = at, at + 1
        if waiting:
            shown[visible[first]] = at  # which is later than it was where nothing can be shown before second 0
        waiting = later
    for place, number in enumerate(waiting):
        shown[number] = end - len(waiting) + place
    return count + len(waiting)


# --- stamps


def filled_times(times: Sequence[int | None]) -> list[int]:
    """The times; a picture that has none is shown where the next one is missing after that which comes before it.

    >>> filled_times([0, None, 1, 2, 6, 4, 5, None])
    [0, 3, 1, 2, 6, 4, 5, 7]
    """
    known = sorted(time for time in times if time is not None)
    step = max(1, round(float(np.median(np.diff(known))))) if len(known) > 1 else 1
    found, before = [], known[0] - step
    for time in times:
        if time is None:
            time, place = before + step, bisect_right(known, before + step // 2)
            while place < len(known) and known[place] < time + (step + 1) // 2:
                time, place = known[place] + step, place + 1
            insort(known, time)
        found.append(time)
        before = time
    return found


def _distinct(times: Sequence[int]) -> list[int]:
    """The times, equal ones a tick apart in the order in which they come."""
    order = sorted((time, place) for place, time in enumerate(times))
    found = list(times)
    last = -(1 << 62)
    for time, place in order:
        last = max(time, last + 1)
        found[place] = last
    return found


def _in_time(decoded: Sequence[int], shown: Sequence[int]) -> bool:
    """Whether all pictures are decoded one after the other, none after it is shown."""
    is_early = len(decoded) == len(shown) and all(due <= time for due, time in zip(decoded, shown, strict=True))
    return is_early and all(one < other for one, other in pairwise(decoded))


def decoding_times(shown: Sequence[int]) -> list[int]:
    """Times to decode pictures that are shown then: rising, none after its picture is shown.

    The i-th packet is decoded when the i-th picture in order of time is shown, and all of that earlier by as much as
    keeps every picture in time.
    """
    due = sorted(shown)
    lead = max((late - time for late, time in zip(due, shown, strict=True)), default=0)
    return [time - lead for time in due]
