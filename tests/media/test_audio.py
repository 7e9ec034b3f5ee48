import logging
import math
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from media_making import full_disk_after, noise, tone, write_sound, write_video

from storysound.errors import MediaError, OutputError
from storysound.media import decoding as module
from storysound.media.audio import Waveform, read_audio, read_flac, resample, write_flac, write_wav

LOSSLESS_24 = 1 / 2**23


def sweep_of(duration_s: float) -> Waveform:
    """A sweep: it fits itself at one place only."""
    time = np.arange(round(duration_s * 48000)) / 48000
    return Waveform((0.5 * np.sin(2 * np.pi * (200 + 300 * time) * time)).astype(np.float32)[None], 48000)


def lag(a: Waveform, b: Waveform) -> int:
    """Samples by which `a` comes later than `b`."""
    n = 2 * a.samples.shape[1]
    fit = np.fft.irfft(np.fft.rfft(a.samples[0], n) * np.conj(np.fft.rfft(b.samples[0], n)))
    best = int(fit.argmax())
    return best if best < n // 2 else best - n


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    channels=st.sampled_from([1, 2, 6, 8]),
    rate_hz=st.sampled_from([8000, 11025, 22050, 44100, 48000, 96000]),
    n=st.one_of(st.just(1), st.integers(2, 5000)),
)
def test_wav_comes_back_sample_for_sample(tmp_path: Path, channels: int, rate_hz: int, n: int) -> None:
    samples = np.random.default_rng(n).uniform(-1, 1, (channels, n)).astype(np.float32)
    path = tmp_path / f"{channels}-{rate_hz}-{n}.wav"
    write_wav(path, Waveform(samples, rate_hz))
    back = read_audio(path)
    assert back.rate_hz == rate_hz
    np.testing.assert_allclose(back.samples, samples, atol=LOSSLESS_24)


@pytest.mark.parametrize(
    ("subtype", "format", "step"),
    [
        ("PCM_U8", "WAV", 2**-7), ("PCM_16", "WAV", 2**-15), ("PCM_24", "WAV", 2**-23), ("PCM_32", "WAV", 1e-7),
        ("FLOAT", "WAV", 1e-7), ("DOUBLE", "WAV", 1e-7), ("PCM_16", "FLAC", 2**-15), ("PCM_16", "AIFF", 2**-15),
    ],
)  # fmt: skip
def test_every_sample_format(tmp_path: Path, subtype: str, format: str, step: float) -> None:
    wave = noise(0.1, 16000, 2)
    path = tmp_path / "a.snd"
    soundfile.write(path, wave.samples.T, 16000, subtype=subtype, format=format)
    np.testing.assert_allclose(read_audio(path).samples, wave.samples, atol=step)


@pytest.mark.parametrize(
    ("name", "codec"),
    [("a.opus", "libopus"), ("a.mp3", "libmp3lame"), ("a.m4a", "aac"), ("a.ogg", "vorbis"), ("a.mkv", "aac")],
)
def test_compressed_sound_keeps_its_time_and_can_be_entered_anywhere(tmp_path: Path, name: str, codec: str) -> None:
    sweep = sweep_of(6)
    path = write_sound(tmp_path / name, sweep, codec)
    whole = read_audio(path)
    assert abs(whole.duration_s - 6) < 0.06
    count = min(whole.samples.shape[1], sweep.samples.shape[1])
    assert np.abs(whole.samples[0, 4800 : count - 4800] - sweep.samples[0, 4800 : count - 4800]).mean() < 0.03
    part = read_audio(path, start_s=3.25, end_s=4.5)
    assert part.duration_s == 1.25
    # Matroska's clock ticks in milliseconds: entering it can be half a tick off.
    assert abs(lag(part, whole.cut(3.25, 4.5))) <= (24 if name.endswith("mkv") else 0)


def test_rate_and_channels_on_request(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    write_wav(path, tone(440, 0.5, 8000, channels=2))
    wave = read_audio(path, rate_hz=44100, channels=1)
    assert (wave.samples.shape, wave.rate_hz) == ((1, 22050), 44100)
    expected = tone(440, 0.5, 44100)
    assert np.abs(wave.samples - expected.samples)[:, 2000:-2000].max() < 0.005
    assert read_audio(path, channels=2, rate_hz=16000).samples.shape == (2, 8000)


def test_surround_goes_to_its_side_and_the_low_channel_is_left_out(tmp_path: Path) -> None:
    samples = np.zeros((8, 1000), np.float32)  # FL FR FC LFE BL BR SL SR
    samples[4], samples[3] = 0.4, 0.9
    path = tmp_path / "a.flac"
    soundfile.write(path, samples.T, 48000)
    stereo = read_audio(path, channels=2).samples
    # Left is the mean of FL, FC, BL, SL with weights 1, √½, √½, √½.
    np.testing.assert_allclose(stereo[0], 0.4 * math.sqrt(0.5) / (1 + 3 * math.sqrt(0.5)), atol=1e-3)
    np.testing.assert_allclose(stereo[1], 0, atol=1e-6)
    mono = read_audio(path, channels=1).samples
    np.testing.assert_allclose(mono[0], stereo.mean(axis=0), atol=1e-6)


def test_sound_that_begins_later_than_the_picture_is_preceded_by_silence(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", wave=tone(440, 1.0, 48000), frames=48, sound_at_s=0.5)
    wave = read_audio(path)
    assert abs(wave.duration_s - 1.5) < 0.05
    assert np.abs(wave.samples[0, : int(0.45 * 48000)]).max() == 0
    assert np.abs(wave.samples[0, int(0.6 * 48000) : int(1.4 * 48000)]).max() > 0.4
    late = read_audio(path, start_s=0.25, end_s=0.75)
    np.testing.assert_allclose(late.samples, wave.cut(0.25, 0.75).samples, atol=1e-6)


def test_what_is_wrong_is_said(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "none.wav", np.zeros((0, 1)), 8000)
    broken = np.zeros(100, np.float32)
    for name, value in [("nan.wav", np.nan), ("inf.wav", np.inf)]:
        broken[50] = value
        soundfile.write(tmp_path / name, broken, 8000, subtype="FLOAT")
    write_video(tmp_path / "mute.mp4")
    (tmp_path / "text.mp3").write_text("This is no music at all. " * 200)
    for name, fault in [
        ("none.wav", "no sound samples"),
        ("nan.wav", "NaN or infinite"),
        ("inf.wav", "NaN or infinite"),
        ("mute.mp4", "has no audio stream"),
        ("text.mp3", "can't be decoded"),
    ]:
        with pytest.raises(MediaError, match=fault) as caught:
            read_audio(tmp_path / name)
        assert name in str(caught.value)
    write_wav(tmp_path / "short.wav", tone(440, 0.5, 8000))
    with pytest.raises(MediaError, match="no sound after 2 s"):
        read_audio(tmp_path / "short.wav", start_s=2)


@pytest.mark.parametrize(("name", "codec"), [("a.ogg", "vorbis"), ("a.mp3", "libmp3lame"), ("a.wav", "pcm_s16le")])
def test_a_file_cut_short_gives_what_is_there(tmp_path: Path, name: str, codec: str) -> None:
    path = write_sound(tmp_path / name, noise(4), codec)
    whole = read_audio(path)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * 6 // 10])
    part = read_audio(path)
    assert 1.5 < part.duration_s < 3
    count = part.samples.shape[1] - 4800
    np.testing.assert_allclose(part.samples[:, :count], whole.samples[:, :count], atol=1e-4)
    path.write_bytes(data[:30])
    with pytest.raises(MediaError):
        read_audio(path)


def test_a_cut_mp4_without_its_index_is_an_error(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", wave=noise(1))
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    with pytest.raises(MediaError, match="can't be decoded"):
        read_audio(path)


def test_broken_packets_are_told_and_their_time_stays(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    sweep = sweep_of(3)
    path = write_sound(tmp_path / "a.mkv", sweep, "aac")
    with av.open(str(path)) as container:
        hit = [packet.pos for packet in container.demux() if packet.pos and packet.pts and 1000 < packet.pts < 1300]
    data = bytearray(path.read_bytes())
    for position in hit:
        assert position is not None
        data[position + 28 : position + 68] = b"\xff" * 40
    path.write_bytes(data)
    with caplog.at_level(logging.WARNING):
        wave = read_audio(path)
    assert "damaged" in caplog.text
    assert abs(wave.duration_s - 3) < 0.05
    assert abs(lag(wave.cut(1.5, 2.5), sweep.cut(1.5, 2.5))) <= 24


@pytest.mark.parametrize("name", ["with space.wav", "quo'te\".wav", "emo🎧ji.wav", "new\nline.wav", "a:b%03d.wav"])
def test_any_name(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_wav(name, tone(440, 0.1, 8000))
    assert read_audio(name).samples.shape == (1, 800)


def test_nothing_half_written_on_a_full_disk(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    write_wav(path, tone(440, 0.1, 8000))
    before = path.read_bytes()
    with pytest.raises(OutputError, match="disk is full"), full_disk_after(20_000):
        write_wav(path, noise(2))
    assert path.read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 1
    with pytest.raises(ValueError, match="finite"):
        write_wav(path, Waveform(np.full((1, 10), np.nan, np.float32), 8000))


@given(
    n=st.integers(1, 3000),
    source=st.sampled_from([8000, 22050, 44100, 48000]),
    target=st.sampled_from([8000, 16000, 44100]),
)
@settings(max_examples=25, deadline=None)
def test_resample_length_and_level(n: int, source: int, target: int) -> None:
    wave = Waveform(np.full((2, n), 0.5, np.float32), source)
    out = resample(wave, target)
    assert out.samples.shape == (2, max(1, round(n * target / source)))
    if n > 2000:
        middle = out.samples[:, out.samples.shape[1] // 2]
        np.testing.assert_allclose(middle, 0.5, atol=1e-3)


def test_a_waveform_is_checked() -> None:
    for samples in (np.zeros(5, np.float32), np.zeros((1, 5)), np.zeros((0, 5), np.float32)):
        with pytest.raises(ValueError, match=r"float32|channel"):
            Waveform(samples, 8000)  # type: ignore[arg-type]
    wave = Waveform(np.array([[1.0, 0.0], [0.0, 1.0]], np.float32), 2)
    np.testing.assert_array_equal(wave.mono().samples, [[0.5, 0.5]])
    np.testing.assert_array_equal(wave.mono().stereo().samples, np.full((2, 2), 0.5))
    assert wave.cut(-1, 9).samples.shape == (2, 2)


def test_long_sound_is_mixed_piece_by_piece(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.wav"
    write_wav(path, noise(3, 8000, 6))
    whole = read_audio(path, channels=1)
    monkeypatch.setattr(module, "_SETTLE_S", 0.7)
    np.testing.assert_array_equal(read_audio(path, channels=1).samples, whole.samples)
    assert read_audio(path).samples.shape == (6, 24000)


def test_a_stream_that_changes_its_form_keeps_the_first(tmp_path: Path) -> None:
    """Two MP3 files joined end to end: mono, then stereo."""
    first = write_sound(tmp_path / "1.mp3", tone(300, 1, 48000), "libmp3lame")
    second = write_sound(tmp_path / "2.mp3", tone(300, 1, 48000, channels=2), "libmp3lame")
    (tmp_path / "both.mp3").write_bytes(first.read_bytes() + second.read_bytes())
    wave = read_audio(tmp_path / "both.mp3")
    assert (wave.channels, wave.rate_hz) == (1, 48000)
    assert wave.duration_s == pytest.approx(2, abs=0.15)
    late = wave.cut(1.3, 1.8).samples[0]
    assert np.abs(late).max() > 0.4
    assert int(np.abs(np.fft.rfft(late)).argmax()) == pytest.approx(300 * 0.5, abs=1)


def test_streams_in_a_row_are_heard_in_a_row(tmp_path: Path) -> None:
    """Two Ogg streams, as recorded radio has them: the second one's clock begins at 0 again."""
    first = write_sound(tmp_path / "1.ogg", tone(300, 1), "vorbis")
    second = write_sound(tmp_path / "2.ogg", tone(600, 1), "vorbis")
    (tmp_path / "both.ogg").write_bytes(first.read_bytes() + second.read_bytes())
    wave = read_audio(tmp_path / "both.ogg")
    assert wave.duration_s == pytest.approx(2, abs=0.05)
    late = wave.cut(1.3, 1.8).samples[0]
    assert int(np.abs(np.fft.rfft(late)).argmax()) == pytest.approx(600 * 0.5, abs=1)


@pytest.mark.parametrize("channels", [1, 2])
def test_flac_keeps_every_sample_and_reads_only_what_is_asked_for(tmp_path: Path, channels: int) -> None:
    wave = noise(0.5, 22_050, channels=channels)
    write_flac(tmp_path / "a.flac", wave)
    back = read_flac(tmp_path / "a.flac")
    assert (back.rate_hz, back.samples.shape) == (22_050, wave.samples.shape)
    assert np.abs(back.samples - wave.samples).max() <= 2**-15
    assert np.array_equal(read_flac(tmp_path / "a.flac", 0.1, 0.2).samples, back.cut(0.1, 0.2).samples)
    assert read_flac(tmp_path / "a.flac", 0.4, 9.0).duration_s == pytest.approx(0.1, abs=1e-4)
    assert read_flac(tmp_path / "a.flac", 7.0).samples.shape == (channels, 0)
