"""Sound in scratch files: any stretch comes back as it was."""

import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from media_making import noise, pcm_video, tone, write_sound, write_video

from storysound.errors import MediaError
from storysound.media import decoding, recording
from storysound.media.audio import Waveform, read_audio
from storysound.media.layouts import STEREO
from storysound.media.recording import laid, of_wave, record_audio, recorded


@pytest.mark.parametrize("in_memory", [1 << 20, 100])
def test_any_stretch_comes_back_and_outside_is_silence(monkeypatch: pytest.MonkeyPatch, in_memory: int) -> None:
    monkeypatch.setattr(recording, "IN_MEMORY", in_memory)
    samples = np.random.default_rng(0).standard_normal((2, 1000)).astype(np.float32)
    there = recorded([samples[:, :300], samples[:, 300:301], samples[:, 301:]], 100, STEREO)
    padded = np.pad(samples, ((0, 0), (50, 50)))
    for start, end in ((0, 1000), (-50, 1050), (990, 1010), (299, 302), (-40, -10), (1010, 1040), (500, 500)):
        np.testing.assert_array_equal(there.read(start, end), padded[:, start + 50 : end + 50])
    assert (there.length, there.channels, there.duration_s) == (1000, 2, 10.0)
    np.testing.assert_array_equal(there.cut(2.0, 99.0).samples, samples[:, 200:])
    starts, blocks = zip(*there.blocks(3.0), strict=True)
    assert starts == (0, 300, 600, 900)
    np.testing.assert_array_equal(np.concatenate(blocks, axis=1), samples)


def test_a_wave_keeps_its_layout() -> None:
    wave = Waveform(np.zeros((3, 5), np.float32), 8000, ("FL", "FR", "LFE"))
    assert of_wave(wave).layout == ("FL", "FR", "LFE")
    assert of_wave(Waveform(np.zeros((1, 5), np.float32), 8000)).channels == 1


def joined_mp3(folder: Path) -> Path:
    """Mono, then stereo of another rate."""
    first = write_sound(folder / "1.mp3", noise(3), "libmp3lame")
    second = write_sound(folder / "2.mp3", noise(3, 44_100, 2), "libmp3lame")
    (folder / "both.mp3").write_bytes(first.read_bytes() + second.read_bytes())
    return folder / "both.mp3"


def joined_ogg(folder: Path) -> Path:
    """The second piece's clock begins at 0 again."""
    first = write_sound(folder / "1.ogg", noise(2), "vorbis")
    second = write_sound(folder / "2.ogg", noise(2), "vorbis")
    (folder / "both.ogg").write_bytes(first.read_bytes() + second.read_bytes())
    return folder / "both.ogg"


def cut_short(folder: Path) -> Path:
    path = write_sound(folder / "a.mp3", noise(4), "libmp3lame")
    path.write_bytes(path.read_bytes()[:30_000])
    return path


def surround(folder: Path) -> Path:
    soundfile.write(folder / "a.flac", noise(3, 48_000, 6).samples.T, 48_000)
    return folder / "a.flac"


ODD_FILES: dict[str, Callable[[Path], Path]] = {
    "plain": lambda folder: write_sound(folder / "a.wav", noise(3, 44_100, 2), "pcm_s16le"),
    "late": lambda folder: write_video(folder / "a.mp4", wave=tone(440, 2.0), frames=48, sound_at_s=0.5),
    "hole": lambda folder: pcm_video(
        folder / "a.mkv", noise(6), frames=225, stamp=lambda k: 1024 * k + 144_000 * (k > 99)
    ),
    "small holes": lambda folder: pcm_video(folder / "a.mkv", noise(6), frames=300, stamp=lambda k: 1984 * k),
    "drift": lambda folder: pcm_video(folder / "a.mkv", noise(20), frames=500, stamp=lambda k: round(1024 * k * 1.006)),
    "other form": joined_mp3,
    "restart": joined_ogg,
    "cut short": cut_short,
    "surround": surround,
}


@pytest.mark.parametrize("kind", ODD_FILES)
def test_a_file_is_recorded_as_it_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    """In short blocks and on disk it comes out as in one piece in memory, at any rate and of any channels."""
    path = ODD_FILES[kind](tmp_path)
    for rate_hz, channels in ((None, None), (32_000, 2), (48_000, 1)):
        monkeypatch.setattr(decoding, "_SETTLE_S", 60.0)
        read = read_audio(path, rate_hz=rate_hz, channels=channels)
        monkeypatch.setattr(decoding, "_SETTLE_S", 0.7)
        monkeypatch.setattr(recording, "IN_MEMORY", 1000)
        there = record_audio(path, rate_hz=rate_hz, channels=channels)
        assert (there.rate_hz, there.channels, there.length) == (read.rate_hz, read.channels, read.samples.shape[1])
        np.testing.assert_array_equal(there.cut().samples, read.samples)
        assert there.cut().layout == read.layout


def test_what_is_wrong_is_said_of_a_recording_too(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "nan.wav", np.full((100, 1), np.nan), 8000, subtype="FLOAT")
    with pytest.raises(MediaError, match="NaN"):
        record_audio(tmp_path / "nan.wav")
    with pytest.raises(MediaError, match=r"no audio stream 1 \(`track` is a number from 0 to 0\)"):
        record_audio(write_sound(tmp_path / "a.wav", noise(1), "pcm_s16le"), track=1)


def test_hours_take_no_more_memory_than_minutes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recording, "IN_MEMORY", 1 << 20)
    most = []
    for minutes in (4, 12):
        path = tmp_path / f"{minutes}.flac"
        soundfile.write(path, np.zeros((minutes * 60 * 8000, 2), np.int16), 8000)
        tracemalloc.start()
        seconds: list[float] = []
        there = record_audio(path, rate_hz=16_000, at=seconds.append)
        most.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert there.duration_s == minutes * 60
        assert len(seconds) >= 3 * minutes - 1
        assert seconds == sorted(seconds)
    assert most[1] < 1.2 * most[0]


def test_parts_are_laid_where_they_begin() -> None:
    rate = 100  # three blocks of twenty seconds
    ones, two = (Waveform(np.full((channels, 2500), 1.0, np.float32), rate) for channels in (1, 2))
    laid_ = laid([(1000, of_wave(ones), 1.0), (3000, of_wave(two), 0.5), (4900, of_wave(ones), 1.0)], 5000)
    wanted = np.zeros((2, 5000), np.float32)
    wanted[:, 1000:3500] += 1.0
    wanted[:, 3000:5000] += 0.5
    wanted[:, 4900:] += 1.0
    assert laid_.layout == ("FL", "FR")
    np.testing.assert_array_equal(laid_.read(0, 5000), wanted)
