"""Stretches of a video, one after the other, as a video of its own."""

import math
from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import accumulate, chain, pairwise
from pathlib import Path

import av
from av.container import OutputContainer
from av.video.frame import PictureType
from av.video.reformatter import VideoReformatter

from storysound.media.audio import Waveform
from storysound.media.files import atomic, opened, video_stream
from storysound.media.film.containers import container_for
from storysound.media.film.soundtrack import soundtrack
from storysound.media.recording import of_wave
from storysound.media.video import DecodedFrame, iter_shown
from storysound.story import Span

TICKS = 90_000  # of a second: MPEG's clock, which divides the frame times of 24, 25 and 30 pictures a second
_ROUNDING_S = 0.5 / TICKS
_OPTIONS = {"preset": "veryfast", "crf": "20", "bf": "0"}  # in order of time, so that the last packet is the last seen
_KEY_FRAME_S = 5


def render_excerpts(path: str | Path, spans: Sequence[Span], wave: Waveform | None, out: str | Path) -> None:
    """Writes the pictures of `spans` of a video as H.264, with `wave` as their sound (None: no sound at all).

    `spans` are on the clock of the file, in order, and don't overlap. A picture keeps its time within its span; a span
    that begins between two pictures begins with the one that stands there. Pictures last sum(span.duration_s), and the
    sound is cut or followed by silence to end with them. Size, rotation, shape of pixels and colours stay; more than 8
    bits a channel and finer chroma become 4:2:0 with 8 bits.
    Raises MediaError as `iter_shown`; OutputError for a suffix that can't hold H.264, a full disk or missing rights;
    ValueError without spans or for overlapping ones.
    """
    if not spans or any(a.end_s > b.start_s for a, b in pairwise(spans)):
        raise ValueError(f"needs spans in order that don't overlap, got {spans}")
    target = container_for(out, "h264")
    total_s = sum(span.duration_s for span in spans)
    sound = None if wave is None else soundtrack(of_wave(wave), total_s, target)
    with opened(path) as source:
        stream = video_stream(source, path)
        rate, aspect = stream.average_rate or Fraction(25), Fraction(stream.sample_aspect_ratio or 1)
    with (
        atomic(out) as temporary,
        av.open(str(temporary), "w", format=target.format, container_options=dict(target.options)) as result,
    ):
        pictures = kept(path, spans)
        first = next(pictures)
        video = _add_video(result, first[1], rate, aspect)
        audio = sound.add_to(result) if sound else None
        for packet in _encoded(video, chain([first], pictures), total_s):
            if sound and audio:
                sound.mux_until(float((packet.pts or 0) * packet.time_base), audio, result)
            result.mux(packet)
        if sound and audio:
            sound.mux_until(math.inf, audio, result)


def _encoded(
    video: av.VideoStream, pictures: Iterator[tuple[float, av.VideoFrame]], end_s: float
) -> Iterator["av.Packet[av.VideoStream]"]:
    """Packets of pictures, each with the time until the next one: without it a file would end a picture early."""
    context, converter = video.codec_context, VideoReformatter()
    lasting: dict[int | None, int] = {}
    for (time_s, picture), (until_s, _) in pairwise(chain(pictures, [(end_s, None)])):
        assert picture is not None
        frame = converter.reformat(picture, context.width, context.height, context.pix_fmt)
        frame.pts, frame.time_base = round(time_s * TICKS), Fraction(1, TICKS)
        frame.pict_type = PictureType.NONE  # else the encoder would follow the source's key frames
        lasting[frame.pts] = round(until_s * TICKS) - frame.pts
        yield from _timed(video.encode(frame), lasting)
    yield from _timed(video.encode(None), lasting)


def _timed(
    packets: list["av.Packet[av.VideoStream]"], lasting: dict[int | None, int]
) -> Iterator["av.Packet[av.VideoStream]"]:
    for packet in packets:
        packet.duration = lasting.pop(packet.pts)
        yield packet


def kept(path: str | Path, spans: Sequence[Span]) -> Iterator[tuple[float, av.VideoFrame]]:
    """The pictures that stand anywhere in `spans`, each with its time in what the spans make one after the other."""
    from_s = [0.0, *accumulate(span.duration_s for span in spans)]
    at = 0
    for start_s, end_s, frame in _standing(iter_shown(path)):
        while at < len(spans) and spans[at].end_s <= start_s + _ROUNDING_S:
            at += 1
        if at == len(spans):
            return
        for k in range(at, len(spans)):  # a still picture may stand in several
            if spans[k].start_s + _ROUNDING_S >= end_s:
                break
            yield from_s[k] + max(0.0, start_s - spans[k].start_s), frame


def _standing(pictures: Iterator[DecodedFrame]) -> Iterator[tuple[float, float, av.VideoFrame]]:
    """From when to when each picture is seen; the first one from the beginning, the last one for ever."""
    start_s = 0.0
    for now, later in pairwise(chain(pictures, [None])):
        assert now is not None
        end_s = math.inf if later is None else later.time_s
        yield start_s, end_s, now.frame
        start_s = end_s


def _add_video(result: OutputContainer, like: av.VideoFrame, rate: Fraction, aspect: Fraction) -> av.VideoStream:
    """A stream for pictures like the first; odd sides lose a row or column, which 4:2:0 can't hold."""
    video = result.add_stream("libx264", rate=rate, options=_OPTIONS)
    assert isinstance(video, av.VideoStream)
    context = video.codec_context
    context.width, context.height = max(2, like.width // 2 * 2), max(2, like.height // 2 * 2)
    context.pix_fmt = "yuv420p"
    context.time_base = video.time_base = Fraction(1, TICKS)
    context.gop_size = round(_KEY_FRAME_S * rate)
    context.sample_aspect_ratio = aspect
    context.color_range, context.colorspace = like.color_range, like.colorspace
    context.color_primaries, context.color_trc = like.color_primaries, like.color_trc
    if like.rotation:
        video.set_display_rotation(like.rotation)
    return video
