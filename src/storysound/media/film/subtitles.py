"""Subtitles made of text, in the form that a container holds: copied where it is theirs, else converted."""

from collections.abc import Iterator
from fractions import Fraction

import av
from av.container import OutputContainer
from av.subtitles.codeccontext import SubtitleCodecContext
from av.subtitles.stream import SubtitleStream
from av.subtitles.subtitle import AssSubtitle, SubtitleSet

from storysound.media.film.containers import Container

_ENCODERS = {"subrip": "subrip", "webvtt": "webvtt", "mov_text": "mov_text"}


class TextConverter:
    """Packets of one text form to packets of another: words, lines, italics and bold stay, other styling goes."""

    def __init__(self, source: SubtitleStream, container: Container, result: OutputContainer) -> None:
        self._source, self._codec = source, container.text
        self.stream = result.add_stream(_ENCODERS[container.text])
        self.stream.time_base = Fraction(1, 1000)
        header = _header(source)
        self._encoder = av.CodecContext.create(_ENCODERS[container.text], "w")
        for context in (self.stream.codec_context, self._encoder):
            assert isinstance(context, SubtitleCodecContext)
            context.time_base = Fraction(1, 1000)
            context.subtitle_header = header

    def convert(self, packet: "av.Packet[SubtitleStream]") -> "Iterator[av.Packet[SubtitleStream]]":
        """One packet, or none where nothing is shown. Its times are the caller's."""
        assert isinstance(self._encoder, SubtitleCodecContext)
        lasts_ms = max(1, round(float((packet.duration or 0) * packet.time_base) * 1000))
        lines = [each.ass for each in packet.decode() if isinstance(each, AssSubtitle)]
        shown = [line for line in lines if line.count(b",") >= 8 and line.split(b",", 8)[8].strip()]
        if not shown:
            return
        # One dialogue line: of several rectangles the words stand below each other.
        text = rb"\N".join(line.split(b",", 8)[8] for line in shown)
        prefix = b",".join(shown[0].split(b",", 8)[:8])
        made = self._encoder.encode_subtitle(SubtitleSet.create(prefix + b"," + text, 0, lasts_ms))
        made.time_base = Fraction(1, 1000)
        yield made


def _header(source: SubtitleStream) -> bytes:
    """Styles in the form that encoders want, as the decoder states them."""
    context = source.codec_context
    assert isinstance(context, SubtitleCodecContext)
    context.open(strict=False)
    return context.subtitle_header or b"[Script Info]\nScriptType: v4.00+\n\n[Events]\n"


def converts(codec: str, container: Container) -> bool:
    """Whether subtitles of this codec are written in another form."""
    return codec not in container.subtitles
