"""Sound as a file carries it: encoded block by block, and again until what a listener decodes is what was mixed.

An encoder overshoots, and leaves out the highest frequencies: what it makes is brought back under the ceiling by short
dips, for which only what lies about them is encoded again, and to the loudness of the mix by one gain of the whole.
"""

import logging
import math
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial
from itertools import islice

import av
import numpy as np
from av.audio.codeccontext import AudioCodecContext
from av.audio.fifo import AudioFifo
from av.container import OutputContainer

from storysound.media.arrays import Samples
from storysound.media.audio import Waveform, resample
from storysound.media.film.containers import Container
from storysound.media.film.form import LOUDEST_PARTIAL, Form, form_for, layout_name, loudest_partial
from storysound.media.film.gain import CELL, Gain
from storysound.media.film.overs import Overs
from storysound.media.film.packets import Decoder, Packets, PacketStore
from storysound.media.film.stretches import OTHERS_LEAD, Stretch, encoded_again, stretches
from storysound.media.film.tracks import StreamInfo
from storysound.media.loudness import LoudnessMeter, TruePeak
from storysound.media.recording import Recording, of_wave
from storysound.progress import check

log = logging.getLogger(__name__)

_DIPS = 12  # rounds of short dips; what is still beyond then gets a constant gain
_FORESEEN = 3  # times the loudness of a round to come is reckoned before
_CLEAR_DB = 0.02  # under the ceiling, so that what is measured in another way is under it too
_MOST_ROUNDS = 20
NEAR_LU = 0.1  # of the loudness of the mix: near enough
SOFT_LU = 0.3  # softer than the mix by more is said
_NEAR_DB = 0.1  # what lies so near under the ceiling is lowered as well: the next encoding may lift it
# So many of all cells beyond the ceiling, or so much loudness left out, ask for a higher bit rate.
_MANY, _MUCH_LU = 0.002, 0.3
_READ = 512  # frames read at a time
_MEASURED = 1 << 17  # samples measured at a time
_PLAIN_FRAME = 4096  # samples of a packet of plain samples
_AT_ONCE = 2  # stretches encoded side by side


@dataclass(frozen=True)
class DeliveredSound:
    """Sound as it decodes from the file. `note`: what of its form wasn't kept."""

    codec: str
    layout: str
    bit_rate: int  # 0 where nothing was lost
    lufs: float
    dbtp: float
    rounds: int  # how often all of it was encoded
    stretches: int = 0  # how many short ones of it were, beside that
    dip_db: float = 0.0  # the deepest of the short dips that keep it under its ceiling
    gain_db: float = 0.0  # of the whole, for the loudness of the mix, and where dips weren't enough
    note: str = ""


class Soundtrack:
    """Encoded sound of exactly `length` samples; its packets lie in a scratch file, or are made as they are written.

    `delivered`: what was measured; of stems (`is_stem`), which nothing is lost of, nobody asks.
    """

    def __init__(
        self,
        sound: Recording,
        length: int,
        form: Form,
        ceiling_dbtp: float | None,
        note: str = "",
        *,
        is_stem: bool = False,
    ) -> None:
        self._sound, self._length, self._form = sound, length, form
        self._gain = Gain(length)
        self._store = PacketStore()
        self._rounds = self._stretches = 0
        self._ceiling = ceiling_dbtp
        self._next: Packets | None = None
        self._ahead: av.Packet[av.AudioStream] | None = None
        nothing = DeliveredSound(form.encoder, form.layout, 0, math.nan, math.nan, 0)
        self.delivered = nothing if is_stem else self._settled(note)

    def _settled(self, note: str) -> DeliveredSound:
        """Encodes until the decoded sound keeps to the ceiling and is as loud as the mix, and says what it then is."""
        ceiling = math.inf if self._ceiling is None else self._ceiling
        wanted = _loudness(self._sound, self._length) if self._ceiling is not None and self._form.bit_rate else math.nan
        if self._form.encoder == "aac" and self._has_loud_partial():
            self._form = replace(self._form, aac_coder="twoloop")
        heard = self._round(ceiling)
        for turn in range(1, _MOST_ROUNDS):
            over_db, missing_lu = heard.dbtp - ceiling, wanted - heard.lufs
            if not math.isfinite(missing_lu) or turn > _DIPS:
                missing_lu = 0.0
            if over_db <= 0 and abs(missing_lu) <= NEAR_LU:
                break
            if self._is_pressed(heard, missing_lu if turn == 1 else 0.0):
                self._form = replace(self._form, bit_rate=self._form.most_bit_rate)
                heard = self._round(ceiling)
            elif self._form.bit_rate and turn <= _DIPS and abs(missing_lu) <= NEAR_LU:
                heard = self._mended(heard.overs.cells, ceiling)
            else:
                self._adjust(heard, ceiling, turn, missing_lu)
                heard = self._round(ceiling)
        if heard.dbtp > ceiling:
            log.warning("the encoded sound stands %.1f dB over %.1f dBTP", heard.dbtp - ceiling, ceiling)
        soft_lu = wanted - heard.lufs
        if math.isfinite(soft_lu) and soft_lu > SOFT_LU:
            soft = f"it decodes {soft_lu:.1f} LU softer than the mix, to keep to {ceiling:g} dBTP"
            note = f"{note}, {soft}" if note else soft
        form = self._form
        return DeliveredSound(
            form.encoder.removeprefix("lib").removesuffix("lame"),
            form.layout,
            form.bit_rate,
            heard.lufs,
            heard.dbtp,
            self._rounds,
            self._stretches,
            self._gain.deepest_db,
            self._gain.constant_db,
            note,
        )

    def _is_pressed(self, heard: "_Heard", missing_lu: float) -> bool:
        """Whether so much is too loud, or left out, that a higher bit rate is to be tried."""
        is_crowded = len(heard.overs.cells) * CELL > _MANY * self._length
        return 0 < self._form.bit_rate < self._form.most_bit_rate and (is_crowded or missing_lu > _MUCH_LU)

    def _adjust(self, heard: "_Heard", ceiling: float, turn: int, missing_lu: float) -> None:
        """What the next round of all does about what was found."""
        if turn > _DIPS:
            self._gain.constant_db -= heard.dbtp - ceiling + 0.02 * 2 ** (turn - _DIPS)
            return
        cells, wanted = heard.overs.cells, heard.lufs + missing_lu
        left_out_lu = self._gained_lufs() - heard.lufs if cells and missing_lu else 0.0
        self._cut(cells, ceiling, turn)
        for _ in range(_FORESEEN):
            self._gain.constant_db += missing_lu
            if not cells or abs(missing_lu) <= NEAR_LU / 2:
                break
            for cell in cells:
                self._gain.cut(cell, max(0.0, missing_lu))
            missing_lu = wanted + left_out_lu - self._gained_lufs()  # the dips take some of it as well

    def _gained_lufs(self) -> float:
        """Loudness of what goes into the encoder."""
        meter = _meter_of(self._form)
        for _, block in self._blocks(_MEASURED):
            meter.add(block)
        return meter.integrated_lufs()

    def _cut(self, cells: Mapping[int, float], ceiling: float, turn: int) -> None:
        """Lowers cells with their peaks in dBTP under the ceiling, the further the more turns it takes."""
        for cell, peak in cells.items():
            self._gain.cut(cell, max(0.0, peak - ceiling) + _NEAR_DB * (1 + turn / 4))

    # --- a round of all

    def _round(self, ceiling: float) -> "_Heard":
        """Encodes all, and measures what comes out of the decoder; plain sound only as it will be rounded."""
        self._rounds += 1
        heard = _Heard(self._form, ceiling - _NEAR_DB)
        if not self._form.bit_rate:
            for _, block in self._blocks(_READ * _PLAIN_FRAME):
                heard.add(self._form.decoded(block))
            heard.finish()
            return heard
        self._store = PacketStore()
        encoder = self._form.context()
        decoder = Decoder(self._form, encoder, heard)
        with ThreadPoolExecutor(1) as pool:  # what was encoded is decoded on another core
            decoding: Future[None] | None = None
            packets = self._encoded(encoder)
            while some := list(islice(packets, _READ)):
                for packet in some:
                    self._store.append(packet)
                if decoding is not None:
                    decoding.result()
                decoding = pool.submit(decoder.take, some)
        if decoding is not None:
            decoding.result()
        decoder.take([None])
        heard.finish()
        return heard

    # --- a round of what is too loud

    def _mended(self, cells: Mapping[int, float], ceiling: float) -> "_Heard":
        """Encodes again what lies about cells that are too loud until none is, and measures all that then decodes."""
        frame, is_spliced = self._form.context().frame_size, self._form.encoder == "aac"
        for turn in range(1, _DIPS + 1):
            places = list(stretches(cells, ceiling - _CLEAR_DB, frame, self._form.rate_hz))
            if not places:
                break
            for place in places:
                self._cut(place.cells, ceiling, turn)
            if not is_spliced and 2 * frame * sum(len(place.frames(OTHERS_LEAD)) for place in places) > self._length:
                break  # all of it costs less
            cells = self._remade(places, ceiling - _NEAR_DB)
        return self._decoded(ceiling) if is_spliced else self._round(ceiling)

    def _remade(self, places: Sequence[Stretch], near_dbtp: float) -> dict[int, float]:
        """Encodes stretches again, whose packets then lie in the place of others; gives the cells too loud now."""
        cells: dict[int, float] = {}
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            again = partial(
                encoded_again, form=self._form, encode=self._encoded, store=self._store, near_dbtp=near_dbtp
            )
            coming = [pool.submit(copy_context().run, again, place) for place in places]
            try:
                for one in coming:
                    made = one.result()
                    cells |= made.cells
                    for number, data in made.packets.items():
                        self._store.replace(number, data)
            finally:
                pool.shutdown(cancel_futures=True)
        self._stretches += len(places)
        return cells

    def _decoded(self, ceiling: float) -> "_Heard":
        """Measures what the packets decode to."""
        heard = _Heard(self._form, ceiling - _NEAR_DB)
        decoder, stored = Decoder(self._form, self._form.context(), heard), iter(self._store)
        while some := list(islice(stored, _READ)):
            check()
            decoder.take(some)
        decoder.take([None])
        heard.finish()
        return heard

    # --- what is encoded

    def _has_loud_partial(self) -> bool:
        """Whether there is a sine in it that FFmpeg's fast AAC coder would clip."""
        blocks = (block for _, block in self._blocks(_READ * _PLAIN_FRAME))
        return any(loudest_partial(block) > LOUDEST_PARTIAL for block in blocks)

    def _blocks(self, size: int, start: int = 0, end: int | None = None) -> Iterator[tuple[int, Samples]]:
        """Samples [start, end) of the sound in blocks [c size], with its gain, in the encoder's rate and loudspeakers.

        Each with its first sample, counted from `start`.
        """
        end = self._length if end is None else min(end, self._length)
        for first in range(start, end, size):
            check()
            block = self._sound.read(first, min(first + size, end))
            if layout_name(self._sound.layout) != self._form.layout and self._form.channels != len(block):
                block = Waveform(block, self._form.rate_hz, self._sound.layout).stereo().samples
            yield first - start, self._gain.apply(block, first)

    def _encoded(self, encoder: AudioCodecContext, start: int = 0, end: int | None = None) -> Packets:
        """Packets of samples [start, end) of it, as if it began there."""
        size = encoder.frame_size or _PLAIN_FRAME
        frames = AudioFifo()
        for first, block in self._blocks(size * _READ, start, end):
            frames.write(self._form.frame(block, first))
            while (frame := frames.read(size)) is not None:
                yield from encoder.encode(frame)
        if (frame := frames.read()) is not None:
            yield from encoder.encode(frame)
        yield from encoder.encode(None)

    # --- into a file

    def add_to(self, result: OutputContainer) -> av.AudioStream:
        """A stream of the output for this sound's packets."""
        stream = result.add_stream(self._form.encoder, rate=self._form.rate_hz)
        assert isinstance(stream, av.AudioStream)
        self._form.configure(stream.codec_context)
        stream.time_base = Fraction(1, self._form.rate_hz)
        return stream

    def mux_until(self, time_s: float, stream: av.AudioStream, result: OutputContainer) -> None:
        """Writes the packets that begin before `time_s`, so that sound and picture lie side by side in the file."""
        if self._next is None:
            # Nothing but the file's own encoder can end a lossless stream as its header says.
            self._next = iter(self._store) if self._form.bit_rate else self._encoded(stream.codec_context)
            self._ahead = next(self._next, None)
        while self._ahead is not None and _due_s(self._ahead) <= time_s:
            self._ahead.stream = stream
            result.mux(self._ahead)
            self._ahead = next(self._next, None)


def soundtrack(
    sound: Recording,
    end_s: float,
    container: Container,
    *,
    like: StreamInfo | None = None,
    ceiling_dbtp: float | None = None,
) -> Soundtrack:
    """The sound, cut or followed by silence to end at `end_s`, in the form that `form_for` finds for the container."""
    form, note = form_for(container, sound.layout, sound.rate_hz, like)
    if sound.rate_hz != form.rate_hz:
        sound = of_wave(resample(sound.cut(), form.rate_hz))
    return Soundtrack(sound, max(1, round(end_s * form.rate_hz)), form, ceiling_dbtp, note)


def _due_s(packet: "av.Packet[av.AudioStream]") -> float:
    """When it is due; by whole numbers, as fractions take longer than the packet."""
    return (packet.pts or 0) * packet.time_base.numerator / packet.time_base.denominator


def _loudness(sound: Recording, length: int) -> float:
    """Integrated loudness of the first `length` samples."""
    meter = LoudnessMeter(sound.rate_hz, sound.layout)
    for _, block in sound.part(0, length).blocks():
        meter.add(block)
    return meter.integrated_lufs()


def _meter_of(form: Form) -> LoudnessMeter:
    """For sound in its rate and loudspeakers."""
    return LoudnessMeter(form.rate_hz, tuple(channel.name for channel in av.AudioLayout(form.layout).channels))


class _Heard:
    """What a listener hears: its loudness, its true peak, and where that lies above `near_dbtp`."""

    def __init__(self, form: Form, near_dbtp: float) -> None:
        self._loudness, self._peak = _meter_of(form), TruePeak(form.channels)
        self._before = 0.0  # largest sample before second 0
        self._held: list[Samples] = []  # a decoder gives little at a time, and each look costs
        self._held_length = 0
        self.overs = Overs(form.channels, near_dbtp)

    def add(self, samples: Samples) -> None:
        """The next samples [c n]."""
        self._held.append(samples)
        self._held_length += samples.shape[1]
        if self._held_length >= _MEASURED:
            self._measure()

    def _measure(self) -> None:
        """Measures what is held."""
        if self._held:
            samples = np.concatenate(self._held, axis=1)
            self._held, self._held_length = [], 0
            self._loudness.add(samples)
            self._peak.add(samples)
            self.overs.add(samples)

    def add_before(self, samples: Samples) -> None:
        """Samples [c n] before second 0, an encoder's delay: players leave it out, but not all of them."""
        self._before = max(self._before, float(np.abs(samples).max(initial=0.0)))

    def finish(self) -> None:
        """No more comes. What is too loud before second 0 is due to what follows."""
        self._measure()
        self.overs.finish()
        self.lufs = self._loudness.integrated_lufs()
        before_db = 20 * math.log10(self._before) if self._before else -math.inf
        self.dbtp = max(self._peak.dbtp(), before_db)
        self.overs.mark(0, before_db)
