"""Sound without pictures, written block by block: stems and mixes as WAV, and what people listen to."""

import math
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import av

from storysound.errors import OutputError
from storysound.media.audio import needs_rf64
from storysound.media.files import atomic, writing
from storysound.media.film.containers import Container
from storysound.media.film.form import Form, layout_name
from storysound.media.film.soundtrack import DeliveredSound, Soundtrack, soundtrack
from storysound.media.recording import Recording

_NONE: frozenset[str] = frozenset()


def _sound_only(form: str, encoder: str, **options: str) -> Container:
    return Container(form, encoder, (), _NONE, _NONE, _NONE, "", _NONE, options=tuple(options.items()))


_LOSSY = {
    ".mp3": _sound_only("mp3", "libmp3lame"),
    ".m4a": _sound_only("ipod", "aac", movflags="+faststart"),
    ".ogg": _sound_only("ogg", "libopus"),
    ".opus": _sound_only("opus", "libopus"),
}
_PLAIN = {".wav": "wav", ".flac": "flac"}
SOUND_SUFFIXES = (*_PLAIN, *_LOSSY)


def write_sound(
    sound: Recording,
    path: str | Path,
    tags: Mapping[str, str] = MappingProxyType({}),
    *,
    ceiling_dbtp: float | None = None,
) -> DeliveredSound:
    """Writes sound of the kind that the suffix names, one of SOUND_SUFFIXES, in place of what was there or not at all.

    WAV (RF64 beyond 4 GB) and FLAC get 24 bits; MP3 two channels at the most. `ceiling_dbtp`: the true peak that it
    keeps to as a listener decodes it. `tags`: title, artist, copyright, comment … Raises OutputError for another
    suffix, a full disk or missing rights.
    """
    suffix = Path(path).suffix.lower()
    if suffix in _LOSSY:
        container = _LOSSY[suffix]
        track = soundtrack(sound, sound.duration_s, container, ceiling_dbtp=ceiling_dbtp)
        return _written(track, path, container.format, tags, dict(container.options))
    if suffix not in _PLAIN:
        fault = f"can't be written as {suffix or 'a file without suffix'}"
        raise OutputError(path, fault, f"name it {', '.join(SOUND_SUFFIXES)}")
    encoder = "flac" if suffix == ".flac" else "pcm_s24le"
    form = Form(encoder, layout_name(sound.layout), sound.rate_hz, depth=24)
    options = {"rf64": _rf64(sound, 24)} if suffix == ".wav" else {}
    return _written(Soundtrack(sound, sound.length, form, ceiling_dbtp), path, _PLAIN[suffix], tags, options)


def write_wav(sound: Recording, path: str | Path, *, time_reference: int = 0, description: str = "") -> DeliveredSound:
    """Writes a WAV with a broadcast extension (EBU Tech 3285), of RF64 beyond 4 GB: 24 bits, 32-bit float beyond ±1.

    `time_reference`: when its first sample is due, in samples since midnight: by it an editing program lays the file
    in its place. Raises OutputError on a full disk or missing rights.
    """
    loudest = max((float(abs(block).max(initial=0.0)) for _, block in sound.blocks()), default=0.0)
    depth = 24 if loudest <= 1.0 else -32
    form = Form("pcm_s24le" if depth == 24 else "pcm_f32le", layout_name(sound.layout), sound.rate_hz, depth=depth)
    tags = {"description": description, "originator": "Storysound", "time_reference": str(time_reference)}
    options = {"rf64": _rf64(sound, abs(depth)), "write_bext": "1"}
    return _written(Soundtrack(sound, sound.length, form, None), path, "wav", tags, options)


def _rf64(sound: Recording, bits: int) -> str:
    return "always" if needs_rf64(sound.length, len(sound.layout), bits) else "never"


def _written(
    track: Soundtrack, path: str | Path, form: str, tags: Mapping[str, str], options: dict[str, str]
) -> DeliveredSound:
    with (
        atomic(path) as temporary,
        writing(path),
        av.open(str(temporary), "w", format=form, container_options=options) as result,
    ):
        result.metadata.update(tags)
        stream = track.add_to(result)
        track.mux_until(math.inf, stream, result)
    return track.delivered
