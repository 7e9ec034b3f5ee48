"""What of a sound is encoded again where its decoder goes over the ceiling: short stretches about each such place.

From 3 frames into a piece on FFmpeg's AAC encoder chooses the windows that it chooses in the whole, but never quantises
alike again, as its rate control forgets nothing: peaks differ by half a decibel or more. So packets of the piece take
the place of those of the whole: where the two meet the windows fit, and what is decoded is as near to the sound as
elsewhere. A packet is decoded by itself and the one before it, as no noise is substituted.

MP3 and Opus lean on packets long before: all of them are encoded once more, when their pieces are right. Those decode
to what the whole does, MP3 to the bit, Opus 15 dB nearer to it than to the sound.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from av.audio.codeccontext import AudioCodecContext

from storysound.media.arrays import Samples
from storysound.media.film.form import Form
from storysound.media.film.gain import CELL, REACH
from storysound.media.film.overs import Overs
from storysound.media.film.packets import Decoder, Packets, PacketStore

AAC_LEAD, OTHERS_LEAD = 16, 64  # frames encoded before a stretch
_AROUND = 2  # packets to both sides whose windows may change as the encoder looks ahead and back
_TAIL = 3  # frames encoded after a stretch, likewise
_JOINED = 0.5  # seconds apart places are encoded together


@dataclass(frozen=True)
class Stretch:
    """A stretch of sound that is encoded again, in frames of the encoder: packet k holds frames k - 1 and k."""

    cells: Mapping[int, float]  # those that are too loud, with their peaks in dBTP
    first: int  # frame whose sound changes
    last: int

    def packets(self, count: int) -> range:
        """Numbers of the packets that change, of so many."""
        return range(max(0, self.first - _AROUND), min(count, self.last + 2 + _AROUND))

    def frames(self, lead: int) -> range:
        """Frames to be encoded so that those packets come out."""
        return range(max(0, self.first - _AROUND - lead), self.last + 2 + _AROUND + _TAIL)


def stretches(cells: Mapping[int, float], above_dbtp: float, frame: int, rate_hz: int) -> Iterator[Stretch]:
    """What has to be encoded again for the cells (peaks in dBTP by their number) to be lowered, in order.

    `frame`: samples of a frame of the encoder. Cells near each other are encoded together, but not where all lie at or
    under `above_dbtp`.
    """
    for group in _groups(sorted(cells), round(_JOINED * rate_hz / CELL) + 2 * REACH):
        own = {cell: cells[cell] for cell in group}
        if max(own.values()) > above_dbtp:
            first, last = max(0, group[0] - REACH) * CELL, (group[-1] + REACH + 1) * CELL - 1
            yield Stretch(own, first // frame, last // frame)


@dataclass(frozen=True)
class Remade:
    """What became of a stretch: new packets by their number, which only AAC has, and cells that are too loud now."""

    packets: dict[int, bytes]
    cells: dict[int, float]


def encoded_again(
    place: Stretch,
    form: Form,
    encode: Callable[[AudioCodecContext, int, int], Packets],
    store: PacketStore,
    near_dbtp: float,
) -> Remade:
    """Encodes a stretch anew and measures what it decodes to, among the packets of `store` around it.

    `encode` gives an encoder's packets of samples [start, end), as if the sound began there. Raises what it raises.
    """
    encoder = form.context()
    frame, numbers = encoder.frame_size, place.packets(len(store))
    frames = place.frames(AAC_LEAD if form.encoder == "aac" else OTHERS_LEAD)
    packets = list(encode(encoder, frames.start * frame, frames.stop * frame))
    first, skip, made = frames.start, None, {}
    if form.encoder == "aac":
        own = packets[numbers.start - frames.start : numbers.stop - frames.start]
        made = {number: bytes(packet) for number, packet in zip(numbers, own, strict=True)}
        first = max(0, numbers.start - 2)
        after = range(numbers.stop, min(len(store), numbers.stop + 2))
        packets = [*map(store.packet, range(first, numbers.start)), *own, *map(store.packet, after)]
        skip = frame if first else None  # the first packet lacks the one before it
    peaks = _Peaks(form.channels, near_dbtp, first * frame)
    decoder = Decoder(form, encoder, peaks, skip)
    decoder.take(packets)
    decoder.take([None])
    return Remade(made, peaks.of(range((numbers.start - 1) * frame // CELL, numbers.stop * frame // CELL + 1)))


class _Peaks:
    """The cells that are too loud in a stretch of decoded sound, which begins at sample `start`."""

    def __init__(self, channels: int, near_dbtp: float, start: int) -> None:
        self._overs, self._start = Overs(channels, near_dbtp), start
        self._skip = -start % CELL  # up to where a cell begins
        self._before = 0.0  # as in all of the sound, of which players don't leave out all

    def add(self, samples: Samples) -> None:
        """The next samples [c n]."""
        drop = min(self._skip, samples.shape[1])
        self._skip -= drop
        self._overs.add(samples[:, drop:])

    def add_before(self, samples: Samples) -> None:
        """Samples [c n] before the first."""
        self._before = max(self._before, float(np.abs(samples).max(initial=0.0)))

    def of(self, cells: range) -> dict[int, float]:
        """Those among `cells`, with their peaks in dBTP. No more comes."""
        self._overs.finish()
        if not self._start and self._before:
            self._overs.mark(0, 20 * math.log10(self._before))
        first = -(-self._start // CELL)
        return {first + cell: peak for cell, peak in self._overs.cells.items() if first + cell in cells}


def _groups(cells: Iterable[int], apart: int) -> Iterator[list[int]]:
    group: list[int] = []
    for cell in cells:
        if group and cell - group[-1] > apart:
            yield group
            group = []
        group.append(cell)
    if group:
        yield group
