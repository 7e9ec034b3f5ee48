"""Puts sound to pictures: onto a film whose every other stream stays as it is, packet by packet."""

import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import av
from av.container import InputContainer, OutputContainer
from av.stream import Stream

from storysound.media.arrays import RATE_HZ
from storysound.media.audio import Waveform
from storysound.media.clock import HELD_S, FileClock, clock_of, packets_of
from storysound.media.files import atomic, codec_of, opened, video_stream, writing
from storysound.media.film.boxes import put_in
from storysound.media.film.containers import Container, Unable, container_for, unable
from storysound.media.film.descriptions import at_home, lost, missing
from storysound.media.film.pictures import PictureTimes, picture_times
from storysound.media.film.soundtrack import DeliveredSound, Soundtrack, soundtrack
from storysound.media.film.streams import (
    CopiedStreams,
    label,
    moved_chapters,
    mux_options,
    tags_of,
    template,
    written_tags,
)
from storysound.media.film.subtitles import converts
from storysound.media.film.tracks import StreamInfo, streams_of
from storysound.media.recording import Recording, of_wave

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ScoredTrack:
    """Sound of a film, and the number of the sound track of the source that it stands for (None: of none)."""

    sound: Recording
    replaces: int | None = None


@dataclass(frozen=True)
class Delivered:
    """What was written: each new sound as it decodes, and what of the source isn't in it."""

    sounds: tuple[DeliveredSound, ...]
    left_out: tuple[Unable, ...] = ()
    notes: tuple[str, ...] = ()  # what was changed for the container's sake, a line each
    lost: tuple[str, ...] = ()  # of the pictures, a line each

    @property
    def lufs(self) -> float:
        """Integrated loudness of the first new sound."""
        return self.sounds[0].lufs if self.sounds else -math.inf

    @property
    def dbtp(self) -> float:
        """True peak of the loudest new sound."""
        return max((sound.dbtp for sound in self.sounds), default=-math.inf)

    @property
    def rounds(self) -> int:
        """How often the sound that took longest was encoded."""
        return max((sound.rounds for sound in self.sounds), default=0)


def mux_film(
    video_path: str | Path,
    tracks: Sequence[ScoredTrack],
    out: str | Path,
    *,
    ceiling_dbtp: float | None = None,
    other_sounds: bool = True,
) -> Delivered:
    """Writes a film with new sound; its pictures and every other stream are copied packet by packet.

    Second 0 of a track is second 0 of the file's clock, as in `read_audio`; it is cut or followed by silence so that
    it ends with the pictures. A track that stands for one of the source takes its place, language, title and uses, and
    its form as far as the container holds it (`form_for`). Times, rotation, colour, chapters and tags stay; subtitles
    made of text become those of the container. What `unable` lists is left out. `other_sounds`: whether sound tracks
    that nothing stands for are kept. The container follows the suffix of `out`. `ceiling_dbtp`: the true peak that the
    sound keeps to as a listener decodes it.
    Raises MediaError for an input without decodable pictures; OutputError for a container that can't hold them, a full
    disk or missing rights, with nothing left behind; ValueError for a track that stands for one that isn't there.
    """
    with opened(video_path) as source:
        stream = video_stream(source, video_path)
        container = container_for(out, codec_of(stream))
        times = picture_times(source, stream, video_path, hides=container.hides)
        clock, infos = clock_of(source, video_path), streams_of(source)
        end_s = _end_s(source, times, video_path)
        layout = _Layout.of(infos, stream.index, tracks, other_sounds=other_sounds)
    left_out = unable(layout.copied, out)
    boxes = at_home(container, missing(video_path, container))
    if boxes:  # without moving the index: they are put in when all is written
        container = container.with_index_last()
    sounds = [
        soundtrack(track.sound, end_s, container, like=layout.replaced.get(n), ceiling_dbtp=ceiling_dbtp)
        for n, track in enumerate(tracks)
    ]
    with atomic(out) as temporary:
        with (
            opened(video_path) as source,
            writing(out),  # innermost: what fails here and is not the reading of a packet is the output
            av.open(
                str(temporary), "w", format=container.format, container_options=mux_options(container, tags_of(source))
            ) as result,
        ):
            film = _Film(source, result, container, clock, times, end_s, video_path)
            film.add(layout, sounds, {each.stream.index for each in left_out})
            film.write()
        if boxes:
            put_in(temporary, boxes)
    notes = [sound.delivered.note for sound in sounds if sound.delivered.note]
    notes += [f"{each} becomes {container.text}" for each in layout.copied if _is_converted(each, container)]
    gone = tuple(lost(video_path, out))
    return Delivered(tuple(sound.delivered for sound in sounds), tuple(left_out), tuple(notes), gone)


def mux_copy(
    video_path: str | Path, wave: Waveform, out: str | Path, *, ceiling_dbtp: float | None = None
) -> Delivered:
    """`mux_film` with `wave` as the only sound, in place of the first of the source."""
    with opened(video_path) as source:
        first = 0 if source.streams.audio else None
    if not wave.samples.shape[1]:  # no encoder takes nothing
        wave = Waveform(wave.samples, RATE_HZ, wave.layout)
    track = ScoredTrack(of_wave(wave), first)
    delivered = mux_film(video_path, [track], out, ceiling_dbtp=ceiling_dbtp, other_sounds=False)
    for each in (*delivered.left_out, *delivered.lost):
        log.warning("%s: left out: %s", out, each)
    return delivered


def picture_end_s(path: str | Path) -> float:
    """When the last picture of a video ends, on the clock of the file: the length of what `mux_film` makes of it.

    Told from what is there, not from what the container states. Where the file's own sound goes on for more than
    `HELD_S` the last picture stands until it ends, as players do. Raises MediaError as `mux_film`.
    """
    with opened(path) as source:
        return _end_s(source, picture_times(source, video_stream(source, path), path), path)


def _end_s(source: InputContainer, times: PictureTimes, path: str | Path) -> float:
    sound = [stream.index for stream in source.streams.audio[:1]]
    clock = clock_of(source, path)
    heard_s = max((clock.ends_s.get(index, 0.0) for index in sound), default=0.0)
    return heard_s if heard_s > times.end_s + HELD_S else times.end_s


def _is_converted(stream: StreamInfo, container: Container) -> bool:
    return stream.kind == "subtitle" and converts(stream.codec, container)


@dataclass(frozen=True)
class _Layout:
    """Which streams of the source go where."""

    pictures: int  # index of the stream
    order: tuple[StreamInfo, ...]  # of all streams of the source that have a place in the result
    copied: tuple[StreamInfo, ...]
    replaced: dict[int, StreamInfo]  # by number of the track that stands for it

    @classmethod
    def of(
        cls, infos: Sequence[StreamInfo], pictures: int, tracks: Sequence[ScoredTrack], *, other_sounds: bool
    ) -> "_Layout":
        """Raises ValueError for a track that stands for one that isn't there."""
        sounds = {info.number: info for info in infos if info.kind == "audio"}
        if strange := [each.replaces for each in tracks if each.replaces is not None and each.replaces not in sounds]:
            raise ValueError(f"stands for sound track {strange[0]} of {len(sounds)}")
        replaced = {n: sounds[each.replaces] for n, each in enumerate(tracks) if each.replaces is not None}
        gone = {info.index for info in replaced.values()} | {pictures}
        if not other_sounds:
            gone |= {info.index for info in sounds.values()}
        copied = tuple(info for info in infos if info.index not in gone)
        return cls(pictures, tuple(infos), copied, replaced)


class _Film:
    """A result that is being written."""

    def __init__(
        self,
        source: InputContainer,
        result: OutputContainer,
        container: Container,
        clock: FileClock,
        times: PictureTimes,
        end_s: float,
        path: str | Path,
    ) -> None:
        self._source, self._result, self._times, self._end_s, self._path = source, result, times, end_s, path
        self._copied = CopiedStreams(source, container, clock, result)
        self._sounds: list[tuple[Soundtrack, av.AudioStream]] = []
        result.metadata.update(written_tags(container, tags_of(source)))
        if chapters := moved_chapters(source.chapters(), clock.origin_s, end_s):
            result.set_chapters(chapters)

    def add(self, layout: _Layout, sounds: Sequence[Soundtrack], left_out: set[int]) -> None:
        """Streams of the result, in the order of the source; sound that stands for none follows the pictures."""
        standing = {layout.replaced[n].index: sound for n, sound in enumerate(sounds) if n in layout.replaced}
        copied = {info.index for info in layout.copied} - left_out
        for info in layout.order:
            if info.index == layout.pictures:
                self._add_pictures(info.index)
                for n, sound in enumerate(sounds):
                    if n not in layout.replaced:
                        self._add_sound(sound, None)
            elif info.index in standing:
                self._add_sound(standing[info.index], self._source.streams[info.index])
            elif info.index in copied:
                self._copied.add(info, self._path)

    def _add_pictures(self, index: int) -> None:
        stream = self._source.streams[index]
        assert isinstance(stream, av.VideoStream)
        self._pictures = stream
        self._video = template(stream, self._result)
        self._video.time_base = self._times.base
        label(stream, self._video, self._result.format.name)

    def _add_sound(self, sound: Soundtrack, replaces: Stream | None) -> None:
        stream = sound.add_to(self._result)
        if replaces is not None:
            label(replaces, stream, self._result.format.name, is_new=True)
        self._sounds.append((sound, stream))

    def write(self) -> None:
        """All packets, in the order of the source; the new sound lies beside the pictures."""
        times, base = self._times, self._times.base
        shown_last = max(times.shown)
        stamps = iter(zip(times.shown, times.decoded, strict=True))
        count = 0
        self._copied.write_covers()
        for packet in packets_of(self._source, [self._pictures, *self._copied.wanted], self._path):
            if packet.stream.index != self._pictures.index:
                self._write_sounds(self._copied.write(packet))
                continue
            count += 1
            if count - 1 in times.dropped or (stamp := next(stamps, None)) is None:
                continue
            shown, decoded = stamp
            if shown == shown_last and self._end_s > times.end_s:
                lasts = round(self._end_s / base) - shown
            else:
                lasts = min(round((packet.duration or 0) * packet.time_base / base), max(0, times.end - shown))
            packet.pts, packet.dts, packet.duration, packet.time_base = shown, decoded, lasts, base
            self._write_sounds(float(decoded * base))
            packet.stream = self._video
            self._result.mux(packet)
        if next(stamps, None) is not None:
            log.warning("%s: damaged after %d pictures", self._path, count)
        if times.passing:
            hidden = "%s: %d pictures that its edit list hides are needed, each is shown for %g s"
            log.warning(hidden, self._path, times.passing, float(base))
        self._write_sounds(math.inf)

    def _write_sounds(self, time_s: float) -> None:
        for sound, stream in self._sounds:
            sound.mux_until(time_s, stream, self._result)
