"""What is mutated: tiny sounds and films of many containers and codecs, made on the spot, and films to score."""

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import soundfile
from numpy.typing import NDArray

FPS, RATE_HZ = 10, 48_000
SOUND_S, FILM_S = 1.5, 2.0
# Name, encoder.
SOUNDS = (
    ("mp3.mp3", "libmp3lame"), ("opus.opus", "libopus"), ("aac.m4a", "aac"), ("alac.m4a", "alac"),
    ("adts.aac", "aac"), ("mka.mka", "libopus"), ("ac3.ac3", "ac3"), ("wma.wma", "wmav2"), ("wavpack.wv", "wavpack"),
)  # fmt: skip
# Name, format and subtype as libsndfile has them.
PCM = (
    ("s16.wav", "WAV", "PCM_16"), ("s24.wav", "WAVEX", "PCM_24"), ("float.wav", "WAV", "FLOAT"),
    ("u8.wav", "WAV", "PCM_U8"), ("w64.w64", "W64", "PCM_16"), ("rf64.rf64", "RF64", "PCM_16"),
    ("aiff.aiff", "AIFF", "PCM_16"), ("au.au", "AU", "PCM_16"), ("caf.caf", "CAF", "PCM_16"),
    ("flac.flac", "FLAC", "PCM_16"), ("vorbis.ogg", "OGG", "VORBIS"),
)  # fmt: skip
# Name, picture encoder, sound encoder, most B-frames.
FILMS = (
    ("h264.mp4", "libx264", "aac", 0), ("b.mp4", "libx264", "aac", 2), ("h264.mov", "libx264", "aac", 2),
    ("hevc.mp4", "libx265", "aac", 0), ("b.mkv", "libx264", "aac", 2), ("h264.mkv", "libx264", "libopus", 0),
    ("vp8.webm", "libvpx", "libopus", 0), ("h264.ts", "libx264", "mp2", 0), ("b.ts", "libx264", "aac", 2),
    ("mpeg4.avi", "mpeg4", "libmp3lame", 0), ("h264.flv", "libx264", "aac", 0), ("mpeg2.mpg", "mpeg2video", "mp2", 0),
    ("mjpeg.mkv", "mjpeg", "flac", 0),
)  # fmt: skip


@dataclass(frozen=True)
class Seeds:
    """All files there are to mutate."""

    sounds: tuple[Path, ...]
    films: tuple[Path, ...]
    shelf: tuple[Path, ...]  # sounds of the library that films are scored with


def samples(duration_s: float, rate_hz: int = RATE_HZ, channels: int = 1) -> NDArray[np.float32]:
    """A tone that swells, float32 [c n], another in each channel."""
    time_s = np.arange(round(duration_s * rate_hz)) / rate_hz
    hz = 220.0 * (1 + np.arange(channels))[:, None]
    return (0.3 * (0.6 + 0.4 * np.sin(7 * time_s)) * np.sin(2 * np.pi * hz * time_s)).astype(np.float32)


def make(folder: Path) -> Seeds:
    """Writes all seeds; encoders that this build of FFmpeg lacks are left out."""
    sounds = [write_pcm(folder / name, form, subtype, samples(SOUND_S)) for name, form, subtype in PCM]
    sounds += [write_sound(folder / name, codec) for name, codec in SOUNDS if codec in av.codecs_available]
    films = [
        write_film(folder / f"film_{name}", video, audio, b_frames)
        for name, video, audio, b_frames in FILMS
        if {video, audio} <= av.codecs_available
    ]
    shelf = [
        write_pcm(folder / f"shelf_{name}.wav", "WAV", "PCM_16", samples(seconds, RATE_HZ, 2))
        for name, seconds in (("red", 4.0), ("knock", 0.4))
    ]
    return Seeds(tuple(sounds), tuple(films), tuple(shelf))


def write_pcm(path: Path, form: str, subtype: str, wave: NDArray[np.float32], rate_hz: int = RATE_HZ) -> Path:
    """Writes `wave` [c n] by libsndfile."""
    soundfile.write(path, wave.T, rate_hz, subtype=subtype, format=form)
    return path


def write_sound(path: Path, codec: str, tags: dict[str, str] | None = None, *, rate_hz: int = RATE_HZ) -> Path:
    """Encodes the usual tone; the container follows the name."""
    with av.open(str(path), "w") as out:
        out.metadata.update(tags or {})
        stream = out.add_stream(codec, rate=rate_hz, layout="mono")
        stream.bit_rate = 64_000  # WMA has no usual one
        _encode(out, stream, samples(SOUND_S, rate_hz))
    return path


def _encode(out: av.container.OutputContainer, stream: av.AudioStream, wave: NDArray[np.float32]) -> None:
    """Encodes `wave` [1 n]."""
    frame = av.AudioFrame.from_ndarray(wave, format="fltp", layout="mono")
    frame.sample_rate, frame.pts, frame.time_base = stream.rate, 0, Fraction(1, stream.rate)
    resampler = av.AudioResampler(stream.format.name, "mono", stream.rate, stream.frame_size or 1024)
    for piece in [*resampler.resample(frame), *resampler.resample(None)]:
        out.mux(stream.encode(piece))
    out.mux(stream.encode(None))


def write_film(path: Path, codec: str, audio_codec: str, b_frames: int, tags: dict[str, str] | None = None) -> Path:
    """Two scenes, red and blue, with the usual tone."""
    options = {"preset": "ultrafast", "bf": str(b_frames), "g": "8"} if codec.startswith("libx26") else {"g": "8"}
    if codec == "libx265":
        options["x265-params"] = "log-level=none:pools=1:frame-threads=1"
    fps = 25 if codec == "mpeg2video" else FPS
    with av.open(str(path), "w") as out:
        out.metadata.update(tags or {})
        video = out.add_stream(codec, rate=fps, options=options)
        video.width, video.height = 64, 48
        video.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        audio = out.add_stream(audio_codec, rate=RATE_HZ, layout="mono")
        count = round(FILM_S * fps)
        for number in range(count):
            rgb = np.full((48, 64, 3), 30, np.uint8)
            rgb[:, :, 0 if number < count / 2 else 2] = 200
            rgb[8:16, 2 * (number % 24) : 2 * (number % 24) + 8] = 255
            frame = av.VideoFrame.from_ndarray(rgb)
            frame.pts, frame.time_base = number, Fraction(1, fps)
            out.mux(video.encode(frame))
        out.mux(video.encode(None))
        _encode(out, audio, samples(FILM_S))
    return path
