"""What the containers of films hold, and what of a film a container can't hold: known before any work.

Facts of FFmpeg's muxers as PyAV brings them; `tests/media/film` writes each.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from storysound.errors import OutputError
from storysound.media.arrays import RATE_HZ
from storysound.media.film.tracks import CHAPTERS, TIMECODE, StreamInfo


@dataclass(frozen=True)
class Container:
    """What an output container takes. Codecs by their own names."""

    format: str
    audio: str  # encoder of sound that lost something already
    lossless: tuple[str, ...]  # encoders of sound that didn't, the likeliest to be played first
    video: frozenset[str] | None  # None: all
    sound: frozenset[str]  # that is copied
    subtitles: frozenset[str]  # that are copied
    text: str  # what other subtitles made of text become
    covers: frozenset[str]  # codecs of pictures that stand for the file
    attachments: bool = False
    options: tuple[tuple[str, str], ...] = ()
    chapters: Literal["own", "comments", ""] = "own"  # in its own way, as Vorbis comments, not at all
    hides: bool = False  # what is due before second 0
    tags: frozenset[str] | None = None  # names of tags of the whole that have places of their own; None: any name

    def with_index_last(self) -> "Container":
        """The same, its index behind all packets."""
        return replace(self, options=tuple(option for option in self.options if option != _INDEX_FIRST))


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
_PLAIN = frozenset({f"pcm_{form}" for form in ("s16le", "s16be", "s24le", "s24be", "s32le", "s32be", "f32le", "f32be")})
_MP4_SOUND = _PLAIN | {"aac", "ac3", "eac3", "mp3", "mp2", "alac", "flac", "opus", "dts", "vorbis"}
_MOV_SOUND = _PLAIN | {"aac", "ac3", "eac3", "mp3", "mp2", "alac", "pcm_u8", "pcm_s8", "pcm_mulaw", "pcm_alaw"}
_MKV_SOUND = (_PLAIN - {"pcm_f32be"}) | {
    "aac", "ac3", "eac3", "mp3", "mp2", "alac", "flac", "opus", "dts", "vorbis", "truehd", "mlp", "wavpack", "tta",
}  # fmt: skip
_MKV_SUBTITLES = frozenset({"subrip", "ass", "webvtt", "text", "hdmv_pgs_subtitle", "dvd_subtitle", "dvb_subtitle"})
TEXTS = frozenset({"subrip", "ass", "webvtt", "text", "mov_text"})  # subtitles made of text: one becomes another
PICTURES = frozenset({"mjpeg", "png"})
MP4_TAGS = frozenset(
    "title artist album_artist composer album date comment genre copyright grouping lyrics description synopsis show"
    " episode_id network keywords creation_time location track disc".split()
)
_MOV_TAGS = frozenset(
    "title artist author album date comment genre copyright make model location keywords creation_time xmp".split()
)
# The index in front, so that a web page can begin to play; times of the whole to the sample, for late streams;
# 3D, spherical and Dolby Vision boxes count as unofficial.
_INDEX_FIRST = ("movflags", "+faststart")
_MP4_OPTIONS = (_INDEX_FIRST, ("strict", "unofficial"), ("movie_timescale", str(RATE_HZ)))
_MP4 = Container(
    "mp4", "aac", ("alac",), _MP4_VIDEO, _MP4_SOUND, frozenset({"mov_text", "dvd_subtitle"}), "mov_text", PICTURES,
    options=_MP4_OPTIONS, hides=True, tags=MP4_TAGS,
)  # fmt: skip
_MOV = Container(
    "mov", "aac", ("pcm",), frozenset(_MOV_VIDEO), _MOV_SOUND, frozenset({"mov_text"}), "mov_text", frozenset(),
    options=_MP4_OPTIONS, hides=True, tags=_MOV_TAGS,
)  # fmt: skip
_WEBM = Container(
    "webm", "libopus", (), frozenset({"vp8", "vp9", "av1"}), frozenset({"opus", "vorbis"}), frozenset({"webvtt"}),
    "webvtt", frozenset(),
)  # fmt: skip
_MKV = Container(
    "matroska", "aac", ("pcm", "flac"), None, _MKV_SOUND, _MKV_SUBTITLES, "subrip", PICTURES, attachments=True
)
CONTAINERS = {".mp4": _MP4, ".m4v": _MP4, ".mov": _MOV, ".webm": _WEBM, ".mkv": _MKV}


def container_for(out: str | Path, video_codec: str) -> Container:
    """How to write `out`. Raises OutputError, naming a suffix that fits, where its own can't hold the codec."""
    suffix = Path(out).suffix.lower()
    fitting = [name for name, each in CONTAINERS.items() if each.video is None or video_codec in each.video]
    if suffix not in CONTAINERS:
        raise OutputError(out, f"can't be written as {suffix or 'a file without suffix'}", f"name it {fitting[0]}")
    if suffix not in fitting:
        raise OutputError(out, f"{suffix} can't hold {video_codec} video", f"name it {fitting[0]}")
    return CONTAINERS[suffix]


@dataclass(frozen=True)
class Unable:
    """A stream that would be left behind: why, and the suffix of a container that holds it ("" where none does)."""

    stream: StreamInfo
    why: str
    container: str

    def __str__(self) -> str:
        """One line, as a user reads it."""
        return f"{self.stream}: {self.why}" + (f" ({self.container} does)" if self.container else "")


def unable(streams: Sequence[StreamInfo], out: str | Path) -> list[Unable]:
    """What of a film a file named `out` can't hold, beside sound that is made anew; [] where nothing is lost.

    `streams`: those that are to be kept. Pure: looks at no file. The container that is named holds all of them where
    there is one.
    """
    suffix = Path(out).suffix.lower()
    lacking = [(stream, why) for stream in streams if (why := _why_not(stream, suffix))]
    whole = [name for name in CONTAINERS if not any(_why_not(stream, name) for stream in streams)]
    found = []
    for stream, why in lacking:
        able = whole or [name for name in CONTAINERS if not _why_not(stream, name)]
        found.append(Unable(stream, why, able[0] if able else ""))
    return found


def _why_not(stream: StreamInfo, suffix: str) -> str:
    """Why a container can't hold a stream; "" where it can."""
    container, codec = CONTAINERS[suffix], stream.codec
    if stream.kind == "attachment":
        return "" if container.attachments else f"{suffix} holds no attachments"
    if stream.kind == "data":
        return "" if codec in (CHAPTERS, TIMECODE) else f"{suffix} can't hold data of this kind"
    if not codec:
        return "its codec is not known here"
    holds = {
        "video": container.video is None or codec in container.video,
        "audio": codec in container.sound,
        "subtitle": codec in container.subtitles or codec in TEXTS,
        "cover": codec in container.covers,
    }
    return "" if holds.get(stream.kind, False) else f"{suffix} can't hold {codec} {_NAMES[stream.kind]}"


_NAMES = {"video": "video", "audio": "sound", "subtitle": "subtitles", "cover": "cover art"}
