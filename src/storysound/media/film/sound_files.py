"""Sound without pictures, written block by block: stems and mixes as WAV, and what people listen to."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import av

from storysound.errors import OutputError
from storysound.media.audio import needs_rf64
from storysound.media.files import atomic, writing
from storysound.media.film.containers import MP4_TAGS, PICTURES, Container
from storysound.media.film.enclosed import Enclosed, put_covers, put_tags
from storysound.media.film.form import Form, layout_name
from storysound.media.film.soundtrack import DeliveredSound, Soundtrack, soundtrack
from storysound.media.recording import Recording

_NONE: frozenset[str] = frozenset()
_WAV_TAGS = frozenset("title artist album comment copyright date genre track language encoded_by timecode".split())


def _sound_only(
    form: str,
    encoder: str,
    *,
    tags: frozenset[str] | None = None,
    chapters: Literal["own", "comments", ""] = "own",
    covers: frozenset[str] = PICTURES,
    options: tuple[tuple[str, str], ...] = (),
) -> Container:
    return Container(form, encoder, (), _NONE, _NONE, _NONE, "", covers, options=options, chapters=chapters, tags=tags)


def _mp4(brand: str) -> Container:
    """FFmpeg's own kind of MP4 for sound takes no covers from PyAV; this is the same but for that."""
    return _sound_only("mp4", "aac", tags=MP4_TAGS, options=(("movflags", "+faststart"), ("brand", brand)))


SOUNDS = {
    ".wav": _sound_only("wav", "pcm_s24le", tags=_WAV_TAGS, chapters="", covers=_NONE),
    ".flac": _sound_only("flac", "flac", chapters="comments"),
    ".mp3": _sound_only("mp3", "libmp3lame"),
    ".m4a": _mp4("M4A "),
    ".m4b": _mp4("M4B "),
    ".ogg": _sound_only("ogg", "libopus", chapters="comments"),
    ".opus": _sound_only("opus", "libopus", chapters="comments"),
}
SOUND_SUFFIXES = tuple(SOUNDS)


def write_sound(
    sound: Recording,
    path: str | Path,
    enclosed: Enclosed = Enclosed(),  # noqa: B008  # it can't change
    *,
    ceiling_dbtp: float | None = None,
) -> DeliveredSound:
    """Writes sound of the kind that the suffix names, one of SOUNDS, in place of what was there or not at all.

    WAV (RF64 beyond 4 GB) and FLAC get 24 bits; MP3 two channels at the most. `ceiling_dbtp`: the true peak that it
    keeps to as a listener decodes it. `enclosed`: what stands beside it, as far as the kind holds that (`unheld`).
    Raises OutputError for another suffix, a full disk or missing rights.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in SOUNDS:
        fault = f"can't be written as {suffix or 'a file without suffix'}"
        raise OutputError(path, fault, f"name it {', '.join(SOUND_SUFFIXES)}")
    container = SOUNDS[suffix]
    if suffix not in (".wav", ".flac"):
        track = soundtrack(sound, sound.duration_s, container, ceiling_dbtp=ceiling_dbtp)
    else:
        form = Form(container.audio, layout_name(sound.layout), sound.rate_hz, depth=24)
        track = Soundtrack(sound, sound.length, form, ceiling_dbtp)
    options = {"rf64": _rf64(sound, 24)} if suffix == ".wav" else {}
    return _written(track, path, container, enclosed, options)


def write_wav(sound: Recording, path: str | Path, *, time_reference: int = 0, description: str = "") -> None:
    """Writes a WAV with a broadcast extension (EBU Tech 3285), of RF64 beyond 4 GB: 24 bits, 32-bit float beyond ±1.

    `time_reference`: when its first sample is due, in samples since midnight: by it an editing program lays the file
    in its place. Raises OutputError on a full disk or missing rights.
    """
    loudest = max((float(abs(block).max(initial=0.0)) for _, block in sound.blocks()), default=0.0)
    depth = 24 if loudest <= 1.0 else -32
    form = Form("pcm_s24le" if depth == 24 else "pcm_f32le", layout_name(sound.layout), sound.rate_hz, depth=depth)
    tags = {"description": description, "originator": "Storysound", "time_reference": str(time_reference)}
    options = {"rf64": _rf64(sound, abs(depth)), "write_bext": "1"}
    _written(Soundtrack(sound, sound.length, form, None, is_stem=True), path, _STEM, Enclosed(tags), options)


def _rf64(sound: Recording, bits: int) -> str:
    return "always" if needs_rf64(sound.length, len(sound.layout), bits) else "never"


_STEM = _sound_only("wav", "pcm_s24le", chapters="", covers=_NONE)  # tags of a broadcast WAV are others


def _written(
    track: Soundtrack, path: str | Path, container: Container, enclosed: Enclosed, options: Mapping[str, str]
) -> DeliveredSound:
    with (
        atomic(path) as temporary,
        writing(path),
        av.open(
            str(temporary), "w", format=container.format, container_options={**dict(container.options), **options}
        ) as result,
    ):
        stream = track.add_to(result)
        put_tags(result, stream, enclosed, container)
        for cover in put_covers(result, enclosed, container):
            result.mux(cover)
        track.mux_until(math.inf, stream, result)
    return track.delivered
