"""Packets of encoded sound: kept in a scratch file, one put in place of another, and decoded as a player does."""

import array
from collections.abc import Iterable, Iterator
from fractions import Fraction
from typing import Protocol, cast

import av
from av.audio.codeccontext import AudioCodecContext
from av.audio.fifo import AudioFifo
from av.codec.context import Flags2
from av.packet import PacketSideData

from storysound.media.arrays import Samples
from storysound.media.files import samples_of
from storysound.media.film.form import Form
from storysound.media.recording import Scratch

Packets = Iterator["av.Packet[av.AudioStream]"]

_DECODERS = {"libopus": "opus", "libmp3lame": "mp3float"}


class Ear(Protocol):
    """Gets what is decoded, in order."""

    def add(self, samples: Samples) -> None:
        """The next samples [c n]."""

    def add_before(self, samples: Samples) -> None:
        """Samples [c n] before the first that counts."""


class Decoder:
    """Decodes packets of an encoder for what a listener hears, from the first sample of the sound on.

    `skip`: samples before the first that counts; None: an encoder's delay, as its first packet states it.
    """

    def __init__(self, form: Form, encoder: AudioCodecContext, ear: Ear, skip: int | None = None) -> None:
        context = av.CodecContext.create(_DECODERS.get(form.encoder, form.encoder), "r")
        assert isinstance(context, AudioCodecContext)
        context.extradata = encoder.extradata
        context.sample_rate, context.layout = form.rate_hz, form.layout
        context.flags2 |= Flags2.skip_manual  # else it drops an encoder's delay itself, if the encoder states it
        self._context, self._ear, self._skip = context, ear, skip

    def take(self, packets: "Iterable[av.Packet[av.AudioStream] | None]") -> None:
        """More packets; None after the last."""
        frames = AudioFifo()
        for frame in (frame for packet in packets for frame in self._context.decode(packet)):
            if self._skip is None:
                self._skip = max(0, -(frame.pts or 0))
            frame.pts = None  # it stands where it comes
            frames.write(frame)
        whole = frames.read()
        if whole is None:
            return
        samples = samples_of(whole)
        drop = min(self._skip or 0, samples.shape[1])
        self._skip = (self._skip or 0) - drop
        if drop:
            self._ear.add_before(samples[:, :drop])
        if drop < samples.shape[1]:
            self._ear.add(samples[:, drop:])


class PacketStore:
    """Packets in a scratch file, in order. Several threads may read at once."""

    def __init__(self) -> None:
        self._scratch, self._length = Scratch(), 0
        self._starts, self._sizes = array.array("q"), array.array("l")
        self._times, self._lasts = array.array("q"), array.array("q")
        self._base = Fraction(1, 1)
        self._sides: dict[int, list[PacketSideData]] = {}  # by number of the packet: few have any

    def __len__(self) -> int:
        return len(self._sizes)

    def append(self, packet: "av.Packet[av.AudioStream]") -> None:
        """One more."""
        if sides := list(packet.iter_sidedata()):
            self._sides[len(self)] = sides
        self._starts.append(0)
        self._sizes.append(0)
        self.replace(len(self) - 1, bytes(packet))
        self._times.append(packet.pts or 0)
        self._lasts.append(packet.duration or 0)
        self._base = packet.time_base

    def replace(self, number: int, data: bytes) -> None:
        """Puts what another packet holds in the place of one that is there; when it is due stays."""
        self._scratch.append(data)
        self._starts[number], self._sizes[number] = self._length, len(data)
        self._length += len(data)

    def packet(self, number: int) -> "av.Packet[av.AudioStream]":
        """The one of that number."""
        data = self._scratch.read(self._starts[number], self._sizes[number])
        packet = cast("av.Packet[av.AudioStream]", av.Packet(data))
        packet.pts = packet.dts = self._times[number]
        packet.duration, packet.time_base, packet.is_keyframe = self._lasts[number], self._base, True
        for side in self._sides.get(number, ()):
            packet.set_sidedata(side)
        return packet

    def __iter__(self) -> Packets:
        return map(self.packet, range(len(self)))
