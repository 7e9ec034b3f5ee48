"""Small media made on the spot for the tests of this folder."""

import base64
import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import soundfile
from av.stream import Disposition

from storysound.cue.limiter import AFTER, BEFORE, cuts_db, gain_of
from storysound.media.audio import Waveform
from storysound.media.loudness import REACH, true_peak_dbtp

# A HEIC of 32 x 64 pixels, red above, blue below, made by pillow-heif 1.8.1: Image.save("a.heic", quality=60).
HEIC = base64.b64decode(
    "AAAAHGZ0eXBoZWljAAAAAG1pZjFoZWljbWlhZgAAAX1tZXRhAAAAAAAAACFoZGxyAAAAAAAAAABwaWN0AAAAAAAAAAAAAAAAAAAA"
    "ACJpbG9jAAAAAERAAAEAAQAAAAABoQABAAAAAAAAAHEAAAAjaWluZgAAAAAAAQAAABVpbmZlAgAAAAABAABodmMxAAAAAA5waXRt"
    "AAAAAAABAAAA/WlwcnAAAADdaXBjbwAAAHZodmNDAQNwAAAAkAAAAAAAHvAA/P34+AAADwNgAAEAGEABDAH//wNwAAADAJAAAAMA"
    "AAMAHroCQGEAAQAqQgEBA3AAAAMAkAAAAwAAAwAeoCCBBZbq5Ka5uAhoMCAAAAMDIAAAAwAhYgABAAZEAcFzwIkAAAATY29scm5j"
    "bHgAAQANAAaAAAAAFGlzcGUAAAAAAAAAQAAAAEAAAAAoY2xhcAAAACAAAAABAAAAQAAAAAH////gAAAAAgAAAAAAAAACAAAAEHBp"
    "eGkAAAAAAwgICAAAABhpcG1hAAAAAAAAAAEAAQWBAgMFhAAAAHltZGF0AAAAbSgBrwngOSMkv//71C///kW7kP4w5K1XXP/+RtV9"
    "/kjm//7zbbjysJ5x95nM1mqfziU5NQfK7hvpkbR1OnVhcQGGDFRywijw+T7BJeqCg2nEJOoIjmm78VB7sEPQCZgfgSb0FGuiSMA9"
    "91cuL/A="
)


def tone(hz: float, duration_s: float, rate_hz: int = 48000, amplitude: float = 0.5, channels: int = 1) -> Waveform:
    """A sine in all channels."""
    time = np.arange(round(duration_s * rate_hz)) / rate_hz
    return Waveform(np.tile((amplitude * np.sin(2 * np.pi * hz * time)).astype(np.float32), (channels, 1)), rate_hz)


def noise(duration_s: float, rate_hz: int = 48000, channels: int = 1, amplitude: float = 0.3) -> Waveform:
    """Uniform noise, the same at each call."""
    samples = np.random.default_rng(7).uniform(-amplitude, amplitude, (channels, round(duration_s * rate_hz)))
    return Waveform(samples.astype(np.float32), rate_hz)


def limited(wave: Waveform, ceiling_dbtp: float) -> Waveform:
    """The sound as loud as a limiter of peaks makes it: [c n], n a multiple of 32."""
    samples = wave.samples / np.float32(10 ** (ceiling_dbtp / 20))
    around = np.pad(samples, ((0, 0), (REACH, REACH)))
    cut_db = cuts_db(np.zeros_like(around), around, 1.0)
    assert cut_db is not None
    gain = gain_of(np.concatenate([np.zeros(AFTER), cut_db, np.zeros(BEFORE)]))
    done = replace(wave, samples=wave.samples * gain)
    by_db = min(0.0, ceiling_dbtp - true_peak_dbtp(done))  # the moving gain itself adds a little
    return replace(done, samples=done.samples * np.float32(10 ** (by_db / 20)))


def write_sound(path: Path, wave: Waveform, codec: str, layout: str = "", tags: dict[str, str] | None = None) -> Path:
    """Encodes a sound file; the container follows the suffix."""
    if codec == "vorbis":  # FFmpeg's build has no good encoder for it
        soundfile.write(path, wave.samples.T, wave.rate_hz, subtype="VORBIS", format="OGG")
        return path
    with av.open(str(path), "w") as out:
        out.metadata.update(tags or {})
        options = {"aac_coder": "fast"} if codec == "aac" else {}
        layout = layout or ("mono", "stereo")[wave.channels - 1]
        stream = out.add_stream(codec, rate=wave.rate_hz, layout=layout, options=options)
        _encode(out, stream, wave)
    return path


def add_sounds(pictures: Path, path: Path, sounds: dict[str, Waveform], default: tuple[int, ...] = (0,)) -> Path:
    """A film with the pictures of another and sounds by their languages; `default`: those that players choose."""
    with av.open(str(pictures)) as source, av.open(str(path), "w") as out:
        video = out.add_stream_from_template(source.streams.video[0], opaque=True)
        streams = []
        for number, language in enumerate(sounds):
            stream = out.add_stream("flac", rate=48000, layout="stereo")
            stream.metadata["language"] = language
            stream.disposition = Disposition.default if number in default else Disposition(0)
            streams.append(stream)
        for packet in source.demux(source.streams.video[0]):
            if packet.dts is not None:
                packet.stream = video
                out.mux(packet)
        for stream, wave in zip(streams, sounds.values(), strict=True):
            _encode(out, stream, wave)
    return path


def _encode(out: av.container.OutputContainer, stream: av.AudioStream, wave: Waveform, start: int = 0) -> None:
    frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(wave.samples), format="fltp", layout=stream.layout.name)
    frame.sample_rate, frame.pts, frame.time_base = wave.rate_hz, start, Fraction(1, wave.rate_hz)
    resampler = av.AudioResampler(stream.format.name, stream.layout.name, wave.rate_hz, stream.frame_size or 1024)
    for piece in [*resampler.resample(frame), *resampler.resample(None)]:
        out.mux(stream.encode(piece))
    out.mux(stream.encode(None))


def write_video(
    path: Path,
    *,
    wave: Waveform | None = None,
    frames: int = 24,
    fps: int = 24,
    size: tuple[int, int] = (64, 48),
    rotation: int = 0,
    codec: str = "libx264",
    times: list[int] | None = None,
    sound_at_s: float = 0.0,
    tags: dict[str, str] | None = None,
) -> Path:
    """A video whose frame k is grey k · 8, with a red top left corner; `times` in ticks of 1/1000 s instead of fps."""
    with av.open(str(path), "w") as out:
        out.metadata.update(tags or {})
        video = out.add_stream(codec, rate=fps)
        video.width, video.height, video.pix_fmt = *size, "yuv420p"
        if times is not None:
            video.codec_context.time_base = video.time_base = Fraction(1, 1000)
        if rotation:
            video.set_display_rotation(rotation)
        audio = None
        if wave is not None:
            audio = out.add_stream("libopus" if path.suffix == ".webm" else "aac", rate=wave.rate_hz, layout="mono")
        for index in range(frames):
            picture = np.full((size[1], size[0], 3), min(255, index * 8), np.uint8)
            picture[: size[1] // 4, : size[0] // 4] = (255, 0, 0)
            frame = av.VideoFrame.from_ndarray(picture)
            frame.pts = index if times is None else times[index]
            frame.time_base = Fraction(1, fps) if times is None else Fraction(1, 1000)
            out.mux(video.encode(frame))
        out.mux(video.encode(None))
        if audio is not None and wave is not None:
            _encode(out, audio, wave, round(sound_at_s * wave.rate_hz))
    return path


def pcm_video(path: Path, wave: Waveform, *, frames: int, stamp: Callable[[int], int] | None = None) -> Path:
    """Pictures of 1/25 s and PCM sound in blocks of 1024 samples whose k-th begins at stamp(k) samples."""
    with av.open(str(path), "w") as out:
        video = out.add_stream("mpeg4", rate=25)
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        audio = out.add_stream("pcm_s16le", rate=48_000, layout="mono")
        audio.time_base = Fraction(1, 48_000)
        for index in range(frames):
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), index % 250, np.uint8))
            frame.pts, frame.time_base = index, Fraction(1, 25)
            out.mux(video.encode(frame))
        out.mux(video.encode(None))
        samples = np.round(wave.samples * 32767).astype(np.int16)
        for k in range(samples.shape[1] // 1024):
            block = np.ascontiguousarray(samples[:, 1024 * k : 1024 * (k + 1)])
            sound = av.AudioFrame.from_ndarray(block, format="s16", layout="mono")
            sound.sample_rate, sound.time_base = 48_000, Fraction(1, 48_000)
            sound.pts = 1024 * k if stamp is None else stamp(k)
            out.mux(audio.encode(sound))
        out.mux(audio.encode(None))
    return path


@contextmanager
def full_disk_after(size: int) -> Iterator[None]:
    """The system refuses to write more than `size` bytes to a file, as a full disk does."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
