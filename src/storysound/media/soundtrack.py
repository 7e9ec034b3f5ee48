"""Sound as a video file carries it: which container takes what, encoding, and the true peak after decoding."""

import logging
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.audio.codeccontext import AudioCodecContext
from av.container import OutputContainer

from storysound.errors import OutputError
from storysound.media.audio import Waveform, resample
from storysound.media.loudness import limit, true_peak_dbtp
from storysound.progress import check

log = logging.getLogger(__name__)

AUDIO_BIT_RATE = 192_000
_AAC_RATES = (44100, 48000)
_ROUNDS = 4  # attempts to bring the encoded sound under the ceiling


@dataclass(frozen=True)
class Container:
    """What an output container takes."""

    format: str
    audio: str  # encoder
    video: frozenset[str] | None  # codecs that fit; None: all
    options: tuple[tuple[str, str], ...] = ()


_MP4_VIDEO = frozenset({"h264", "hevc", "av1", "vp9", "mpeg4", "mpeg2video", "mpeg1video", "mjpeg", "vvc"})
_MOV_VIDEO = (_MP4_VIDEO - {"vvc", "av1", "vp9"}) | {
    "prores",
    "dnxhd",
    "h263",
    "qtrle",
    "rawvideo",
    "png",
    "svq3",
    "dvvideo",
}
_FAST_START = (("movflags", "+faststart"),)  # the index in front, so that a web page can begin to play
CONTAINERS = {
    ".mp4": Container("mp4", "aac", _MP4_VIDEO, _FAST_START),
    ".m4v": Container("mp4", "aac", _MP4_VIDEO, _FAST_START),
    ".mov": Container("mov", "aac", frozenset(_MOV_VIDEO), _FAST_START),
    ".webm": Container("webm", "libopus", frozenset({"vp8", "vp9", "av1"})),
    ".mkv": Container("matroska", "aac", None),
}


def container_for(out: str | Path, video_codec: str) -> Container:
    """How to write `out`. Raises OutputError, naming a suffix that fits, where its own can't hold the codec."""
    suffix = Path(out).suffix.lower()
    fitting = [name for name, each in CONTAINERS.items() if each.video is None or video_codec in each.video]
    if suffix not in CONTAINERS:
        raise OutputError(out, f"can't be written as {suffix or 'a file without suffix'}", f"name it {fitting[0]}")
    if suffix not in fitting:
        raise OutputError(out, f"{suffix} can't hold {video_codec} video", f"name it {fitting[0]}")
    return CONTAINERS[suffix]


def fitted(wave: Waveform, end_s: float, codec: str) -> Waveform:
    """The wave in a form the encoder takes, exactly as long as the pictures."""
    if wave.channels not in (1, 2):
        wave = wave.stereo()
    rate = wave.rate_hz if codec == "aac" and wave.rate_hz in _AAC_RATES else 48000
    wave = resample(wave, rate) if wave.samples.shape[1] else Waveform(wave.samples, rate)
    length = max(1, round(end_s * rate))
    samples = wave.samples[:, :length]
    return Waveform(np.pad(samples, ((0, 0), (0, length - samples.shape[1]))), rate)


class EncodedSound:
    """Encoded sound: its packets, in order, and how it was encoded."""

    def __init__(self, wave: Waveform, codec: str, ceiling_dbtp: float | None) -> None:
        self.codec = codec
        self.rate_hz = wave.rate_hz
        self.layout = "mono" if wave.channels == 1 else "stereo"
        self.packets = self._encode(wave)
        if ceiling_dbtp is not None:
            self._keep_under(wave, ceiling_dbtp)

    def _keep_under(self, wave: Waveform, ceiling_dbtp: float) -> None:
        """Encodes again, limited lower, until the decoded sound keeps to the ceiling."""
        aim = min(ceiling_dbtp, true_peak_dbtp(wave))
        for _ in range(_ROUNDS):
            over_db = true_peak_dbtp(self._decoded()) - ceiling_dbtp
            if over_db <= 0:
                return
            aim -= over_db + 0.05
            self.packets = self._encode(limit(wave, aim))
        log.warning("the encoded sound stands %.1f dB over %.1f dBTP", over_db, ceiling_dbtp)

    def _encode(self, wave: Waveform) -> list["av.Packet[av.AudioStream]"]:
        context = av.CodecContext.create(self.codec, "w")
        assert isinstance(context, AudioCodecContext)
        self.configure(context)
        context.time_base = Fraction(1, self.rate_hz)
        context.open()
        self.extradata = context.extradata
        size = context.frame_size or 1024
        packets = []
        for start in range(0, wave.samples.shape[1], size):
            check()
            block = np.ascontiguousarray(np.clip(wave.samples[:, start : start + size], -1.0, 1.0))
            if not context.format.is_planar:
                block = block.T.reshape(1, -1)
            frame = av.AudioFrame.from_ndarray(block, format=context.format.name, layout=self.layout)
            frame.rate, frame.pts, frame.time_base = self.rate_hz, start, Fraction(1, self.rate_hz)
            packets += context.encode(frame)
        return packets + context.encode(None)

    def configure(self, context: AudioCodecContext) -> None:
        """Sets the parameters this sound is encoded with."""
        context.sample_rate, context.layout = self.rate_hz, self.layout
        context.bit_rate = AUDIO_BIT_RATE
        context.format = av.AudioFormat("fltp" if self.codec == "aac" else "flt")

    def _decoded(self) -> Waveform:
        """What a listener will hear."""
        context = av.CodecContext.create("aac" if self.codec == "aac" else "opus", "r")
        assert isinstance(context, AudioCodecContext)
        context.extradata = self.extradata
        frames = []
        for packet in self.packets:
            check()
            frames += [frame.to_ndarray() for frame in context.decode(packet)]
        return Waveform(np.concatenate(frames, axis=1).astype(np.float32), self.rate_hz)

    def add_to(self, result: OutputContainer) -> av.AudioStream:
        """A stream of the output for this sound's packets."""
        stream = result.add_stream(self.codec, rate=self.rate_hz)
        assert isinstance(stream, av.AudioStream)
        self.configure(stream.codec_context)
        return stream

    def mux_until(self, time_s: float, stream: av.AudioStream, result: OutputContainer) -> None:
        """Writes the packets that begin before `time_s`, so that sound and picture lie side by side in the file."""
        while self.packets and float((self.packets[0].pts or 0) * self.packets[0].time_base) <= time_s:
            packet = self.packets.pop(0)
            packet.stream = stream
            result.mux(packet)
