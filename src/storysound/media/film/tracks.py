"""The streams of a file, told apart: what each is, in which language, for whom."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import av
from av.container import InputContainer
from av.stream import AttachmentStream, DataStream, Disposition, Stream

from storysound.media.files import codec_of, first_line, is_still

# Data streams that say nothing of their own: chapters in QuickTime's way, and a clock that the picture's tags repeat.
CHAPTERS, TIMECODE = "chapters", "timecode"


@dataclass(frozen=True)
class StreamInfo:
    """A stream of a file.

    `kind`: video, audio, subtitle, data, attachment, or cover (a picture that stands for the file). `codec`: its own
    name, whichever library decodes it; of data what it is, as far as that is known; empty where nobody knows.
    `number`: among streams of its kind, from 0 on. `uses`: default, forced, comment, hearing_impaired …
    """

    index: int
    kind: str
    number: int
    codec: str
    language: str = ""
    title: str = ""
    uses: frozenset[str] = frozenset()
    channels: int = 0
    layout: str = ""  # FFmpeg's name
    rate_hz: int = 0
    bit_rate: int = 0  # a second; 0 where it isn't stated
    depth: int = 0  # bits of a sample, of sound that lost nothing; negative: floating point

    @property
    def is_default(self) -> bool:
        """Whether players choose it by themselves."""
        return "default" in self.uses

    def __str__(self) -> str:
        """As a user knows it.

        >>> str(StreamInfo(3, "subtitle", 1, "subrip", "fra", "Signs"))
        'subtitle track 1 (subrip, fra, Signs)'
        """
        said = ", ".join(text for text in (self.codec, self.language, self.title) if text and text != "und")
        return f"{self.kind} track {self.number}" + (f" ({said})" if said else "")


def streams_of(container: InputContainer) -> tuple[StreamInfo, ...]:
    """All streams of an open file, in their order."""
    counts: dict[str, int] = {}
    found = []
    for stream in container.streams:
        kind = "cover" if isinstance(stream, av.VideoStream) and is_still(stream) else stream.type
        found.append(_info(stream, kind, counts.get(kind, 0)))
        counts[kind] = counts.get(kind, 0) + 1
    return tuple(found)


def _info(stream: Stream, kind: str, number: int) -> StreamInfo:
    tags = {name.lower(): first_line(value) for name, value in stream.metadata.items()}
    uses = frozenset(str(use.name) for use in Disposition if stream.disposition & use)
    title = tags.get("title") or tags.get("name", "")  # MP4 and MOV have another word for it
    base = StreamInfo(stream.index, kind, number, "", tags.get("language", ""), title, uses)
    if isinstance(stream, AttachmentStream):
        return replace(base, codec=tags.get("mimetype", ""), title=tags.get("filename", ""))
    if isinstance(stream, DataStream):
        return replace(base, codec=_data(stream, tags))
    if stream.codec_context is None:
        return base
    if not isinstance(stream, av.AudioStream):
        return replace(base, codec=codec_of(stream))
    context = stream.codec_context
    return replace(
        base,
        codec=codec_of(stream),
        channels=context.channels,
        layout=_layout(context.layout),
        rate_hz=context.sample_rate,
        bit_rate=context.bit_rate or 0,
        depth=_depth(stream),
    )


def _data(stream: DataStream, tags: dict[str, str]) -> str:
    """What a data stream is."""
    if "timecode" in tags:
        return TIMECODE
    # The demuxer tells chapter tracks from others by giving none of their packets.
    if stream.name == "bin_data" and stream.discard == av.stream.Discard.all:
        return CHAPTERS
    return stream.name or ""


def _layout(layout: av.AudioLayout) -> str:
    """FFmpeg's name; of formats that only count channels that of their usual places."""
    if "channels" not in layout.name:
        return str(layout.name)
    return {1: "mono", 2: "stereo", 6: "5.1", 8: "7.1"}.get(layout.nb_channels, "")


_LOSSLESS = frozenset({"flac", "alac", "truehd", "mlp", "wavpack", "tta", "ape"})


def _depth(stream: av.AudioStream) -> int:
    codec, form = codec_of(stream), stream.codec_context.format
    if not codec.startswith("pcm_") and codec not in _LOSSLESS:
        return 0
    if form is None:  # the format of a broken file
        return 0
    if form.name.startswith(("flt", "dbl")):
        return -32
    plain = "".join(letter for letter in codec.split("_")[-1] if letter.isdigit()) if codec.startswith("pcm_s") else ""
    return max(16, int(plain)) if plain else 16 if form.bits <= 16 else 24


def original_tracks(streams: Sequence[StreamInfo]) -> tuple[int, ...]:
    """Numbers of the sound tracks any of which may be the one to score: those that players choose by themselves.

    Without any such flag all. A comment, or what is made for those who don't see, is chosen only where there is nothing
    else.
    """
    sounds = [stream for stream in streams if stream.kind == "audio"]
    aside = {"comment", "visual_impaired", "descriptions"}
    plain = [stream for stream in sounds if not stream.uses & aside] or sounds
    return tuple(stream.number for stream in [stream for stream in plain if stream.is_default] or plain)
