"""Sound without pictures: what is written is what is read, and keeps to its ceiling as it decodes."""

from pathlib import Path

import numpy as np
import pytest
import scipy.signal
import soundfile
from media_making import limited, noise, tone

from storysound.errors import OutputError
from storysound.media import audio
from storysound.media.audio import Waveform, needs_rf64, read_audio
from storysound.media.film import soundtrack as encoding
from storysound.media.film.enclosed import Enclosed
from storysound.media.film.form import LOUDEST_PARTIAL, Form
from storysound.media.film.overs import Overs
from storysound.media.film.sound_files import SOUND_SUFFIXES, write_sound, write_wav
from storysound.media.film.soundtrack import Soundtrack
from storysound.media.loudness import integrated_lufs, true_peak_dbtp
from storysound.media.recording import of_wave

RATE_HZ = 48_000


def transients(seed: int, seconds: float) -> Waveform:
    """Pulses to one side over something steady, limited to -1 dBTP, as a master is."""
    rng = np.random.default_rng(seed)
    n = round(seconds * RATE_HZ)
    time = np.arange(n) / RATE_HZ
    samples = rng.normal(0, 0.03, (2, n))
    samples[seed % 2] += 0.3 * np.sin(2 * np.pi * rng.uniform(60, 900) * time)
    length = (1, 60, 300, 2000)[seed % 4]
    shape = np.exp(-np.arange(length) / max(1, length / 4)) * rng.choice([-1, 1])
    for start in rng.integers(100, n - length, round(seconds * 3)):
        samples[:, start : start + length] += shape * rng.uniform(0.3, 1.2)
    return limited(Waveform((1.5 * samples).astype(np.float32), RATE_HZ), -1.0)


@pytest.mark.parametrize("seed", range(20))  # each encoder with each length and side of the pulses
def test_true_peak_holds_as_the_sound_decodes(seed: int) -> None:
    wave = transients(seed, 2.0)
    encoder = ("aac", "aac", "libopus", "aac", "libmp3lame")[seed % 5]
    delivered = Soundtrack(
        of_wave(wave), wave.samples.shape[1], Form(encoder, "stereo", bit_rate=192_000), -1.0
    ).delivered
    assert delivered.dbtp <= -1.0
    assert delivered.lufs == pytest.approx(integrated_lufs(wave), abs=0.1)
    assert abs(delivered.gain_db) < 1.5


@pytest.mark.parametrize("suffix", [".m4a", ".mp3", ".opus"])
def test_what_is_said_of_a_file_is_what_is_in_it(tmp_path: Path, suffix: str) -> None:
    delivered = write_sound(of_wave(transients(3, 4.0)), tmp_path / f"a{suffix}", ceiling_dbtp=-1.0)
    heard = read_audio(tmp_path / f"a{suffix}")
    assert true_peak_dbtp(heard) == pytest.approx(delivered.dbtp, abs=0.01)
    assert true_peak_dbtp(heard) <= -1.0
    assert integrated_lufs(heard) == pytest.approx(delivered.lufs, abs=0.02)


@pytest.mark.parametrize("layout", [("FC",), ("FL", "FR"), ("FL", "FR", "FC", "LFE", "BL", "BR")])
def test_every_kind_of_file_reads_back(tmp_path: Path, layout: tuple[str, ...]) -> None:
    wave = Waveform(noise(1, channels=len(layout)).samples, RATE_HZ, layout)
    for suffix in SOUND_SUFFIXES:
        write_sound(of_wave(wave), tmp_path / f"a{suffix}", Enclosed({"title": "Sea"}))
        heard = read_audio(tmp_path / f"a{suffix}")
        assert heard.channels == (min(2, len(layout)) if suffix == ".mp3" else len(layout))
        assert heard.duration_s == pytest.approx(1, abs=0.03)
        if suffix in (".wav", ".flac"):
            np.testing.assert_allclose(heard.samples, wave.samples, atol=2**-24)
    with pytest.raises(OutputError, match=r"name it \.wav"):
        write_sound(of_wave(wave), tmp_path / "a.doc")


def test_a_wav_says_when_it_is_due(tmp_path: Path) -> None:
    wave = noise(1, channels=2)
    write_wav(of_wave(wave), tmp_path / "a.wav", time_reference=3600 * RATE_HZ, description="Music")
    data = (tmp_path / "a.wav").read_bytes()
    place = data.index(b"bext") + 8
    assert data[place : place + 6] == b"Music\0"
    assert int.from_bytes(data[place + 338 : place + 346], "little") == 3600 * RATE_HZ  # EBU Tech 3285
    samples, rate = soundfile.read(tmp_path / "a.wav", dtype="float32")
    assert (rate, soundfile.info(tmp_path / "a.wav").subtype) == (RATE_HZ, "PCM_24")
    np.testing.assert_allclose(samples.T, wave.samples, atol=2**-24)
    write_wav(of_wave(Waveform(4 * wave.samples, RATE_HZ)), tmp_path / "b.wav")
    assert soundfile.info(tmp_path / "b.wav").subtype == "FLOAT"


def test_beyond_four_gigabytes_a_wav_is_an_rf64(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sizes are foretold; a file that would be too large is made of little by a lower limit."""
    wave = Waveform(noise(1, channels=6).samples, RATE_HZ)
    hour = 3600 * RATE_HZ
    assert [needs_rf64(hours * hour, 6, 24) for hours in (1, 2)] == [False, True]
    assert [needs_rf64(3 * hour, 2, bits) for bits in (24, 32)] == [False, False]
    assert [needs_rf64(4 * hour, 2, bits) for bits in (24, 32)] == [False, True]
    for most, head in ((2**32, b"RIFF"), (1000, b"RF64")):
        monkeypatch.setattr(audio, "MOST_WAV_BYTES", most)
        write_wav(of_wave(wave), tmp_path / "stem.wav", time_reference=7 * RATE_HZ)
        write_sound(of_wave(wave), tmp_path / "mix.wav")
        audio.write_wav(tmp_path / "whole.wav", wave, {"title": "Sea"})
        for name in ("stem", "mix", "whole"):
            data = (tmp_path / f"{name}.wav").read_bytes()
            assert data[:4] == head, name
            if head == b"RF64":  # sizes: EBU Tech 3306, 3.5
                assert data[12:16] == b"ds64"
                assert int.from_bytes(data[20:28], "little") == len(data) - 8
                assert int.from_bytes(data[28:36], "little") == wave.samples.nbytes * 3 // 4
                assert int.from_bytes(data[36:44], "little") == RATE_HZ
            for read in (read_audio(tmp_path / f"{name}.wav").samples, soundfile.read(tmp_path / f"{name}.wav")[0].T):
                np.testing.assert_allclose(read, wave.samples, atol=2**-23)
        data = (tmp_path / "stem.wav").read_bytes()
        place = data.index(b"bext") + 8
        assert int.from_bytes(data[place + 338 : place + 346], "little") == 7 * RATE_HZ


def test_a_loud_sine_keeps_its_level(tmp_path: Path) -> None:
    """FFmpeg's fast AAC coder clips a single partial that is so loud."""
    wave = tone(55, 2, channels=2, amplitude=2 * LOUDEST_PARTIAL)
    write_sound(of_wave(wave), tmp_path / "a.m4a")
    heard = read_audio(tmp_path / "a.m4a").samples[0, 20_000:60_000]
    assert np.abs(heard).max() == pytest.approx(2 * LOUDEST_PARTIAL, abs=0.03)


def test_cells_beyond_a_ceiling_are_found_whatever_blocks_come() -> None:
    wave = transients(5, 23.4)
    overs, rng, start = Overs(2, -3.0), np.random.default_rng(1), 0
    while start < wave.samples.shape[1]:
        step = int(rng.integers(500, 90_000))
        overs.add(wave.samples[:, start : start + step])
        start += step
    overs.finish()
    fine = np.abs(scipy.signal.resample_poly(np.pad(wave.samples, ((0, 0), (0, 240))), 4, 1, axis=1)).max(axis=0)
    peaks = 20 * np.log10(fine[: len(fine) // 960 * 960].reshape(-1, 960).max(axis=1) + 1e-9)
    assert {int(cell) for cell in np.flatnonzero(peaks > -2.9)} <= overs.cells.keys()
    assert overs.cells.keys() <= {int(cell) for cell in np.flatnonzero(peaks > -3.1)}
    assert max(overs.cells.values()) == pytest.approx(true_peak_dbtp(wave), abs=1e-3)


@pytest.mark.parametrize("encoder", ["aac", "libopus"])
def test_what_an_encoder_leaves_out_is_brought_back_by_one_gain(encoder: str) -> None:
    wave = noise(6.0, channels=2, amplitude=0.2)
    wanted = integrated_lufs(wave)
    form = Form(encoder, "stereo", bit_rate=128_000)
    plain = Soundtrack(of_wave(wave), wave.samples.shape[1], form, None).delivered
    delivered = Soundtrack(of_wave(wave), wave.samples.shape[1], form, -1.0).delivered
    if encoder == "aac":
        assert plain.lufs < wanted - 0.3
    assert plain.gain_db == 0.0
    assert delivered.lufs == pytest.approx(wanted, abs=0.1)
    assert delivered.dbtp <= -1.0
    assert delivered.dip_db == 0.0
    assert delivered.rounds <= 3


def test_what_has_to_be_softer_than_the_mix_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encoding, "_DIPS", 0)  # one gain is all that is left
    wave = limited(noise(2, RATE_HZ, 2, 3.0), -1.0)
    delivered = Soundtrack(
        of_wave(wave), wave.samples.shape[1], Form("aac", "stereo", bit_rate=128_000), -1.0
    ).delivered
    soft_lu = integrated_lufs(wave) - delivered.lufs
    assert soft_lu > 0.3
    assert delivered.note == f"it decodes {soft_lu:.1f} LU softer than the mix, to keep to -1 dBTP"
    assert delivered.dbtp <= -1.0
