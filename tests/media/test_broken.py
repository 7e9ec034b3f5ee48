"""Files that a fuzz (tests/fuzz) broke: each read as far as it goes, or told."""

from pathlib import Path

import av
import numpy as np
import pytest
import soundfile
from media_making import noise, tone, write_sound, write_video

from fuzz.mutations import block_stamps, set_block_stamp
from storysound.errors import MediaError
from storysound.media.audio import read_audio
from storysound.media.clock import looked_at
from storysound.media.probe import probe


def test_wrong_bytes_per_second_mislead_no_one(tmp_path: Path) -> None:
    """Of a WAV whose heading is wrong about what a second takes, parts are found all the same."""
    file = tmp_path / "x.wav"
    soundfile.write(file, noise(12, 8000).samples.T, 8000, subtype="PCM_16")
    whole = read_audio(file).samples
    data = bytearray(file.read_bytes())
    data[28:32] = (96_000).to_bytes(4, "little")
    file.write_bytes(data)
    np.testing.assert_array_equal(read_audio(file, start_s=9, end_s=11).samples, whole[:, 72_000:88_000])


def test_more_than_eight_planes(tmp_path: Path) -> None:
    """PyAV's own way to an array reads beyond the last of them."""
    wav, packed = tmp_path / "x.wav", tmp_path / "x.wv"
    soundfile.write(wav, noise(0.5, 48_000, 12).samples.T, 48_000, subtype="FLOAT")
    with av.open(str(wav)) as source, av.open(str(packed), "w") as out:
        stream = out.add_stream("wavpack", rate=48_000, layout="7.1.4")
        resampler = av.AudioResampler(stream.format.name, "7.1.4", 48_000)
        for frame in source.decode(audio=0):
            for piece in resampler.resample(frame):
                out.mux(stream.encode(piece))
        out.mux(stream.encode(None))
    read = read_audio(packed)
    assert read.channels == 12
    np.testing.assert_allclose(read.samples, read_audio(wav).samples, atol=1 / 128)  # of 8 bit


def test_sound_that_ends_before_its_index_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """FFmpeg says nothing where the index points to nowhere."""
    file = write_sound(tmp_path / "x.m4a", tone(440, 3.0), "aac")
    data = bytearray(file.read_bytes())
    at = data.find(b"stsz") + 16
    sizes = at + 4 * 30
    data[sizes : sizes + 4] = b"\x7f\xff\xff\xff"
    file.write_bytes(data)
    assert read_audio(file).duration_s < 2.5
    assert "of 3.0 s" in caplog.text or "damaged" in caplog.text


def test_flac_joined_to_flac_goes_on(tmp_path: Path) -> None:
    """FFmpeg gives what stands before a seam without a time."""
    file = write_sound(tmp_path / "x.flac", noise(3.0), "flac")
    one = read_audio(file).samples
    file.write_bytes(3 * file.read_bytes())
    np.testing.assert_array_equal(read_audio(file).samples, np.tile(one, 3))
    np.testing.assert_array_equal(read_audio(file, start_s=2.5, end_s=6.5).samples, np.tile(one, 3)[:, 120_000:312_000])
    assert probe(file).duration_s == pytest.approx(9, abs=1e-4)


def test_ogg_joined_to_ogg_has_an_end(tmp_path: Path) -> None:
    """FFmpeg says of the last packet that it lasts minus one piece, as a number without a sign."""
    file = write_sound(tmp_path / "x.ogg", tone(440, 1.5), "vorbis")
    file.write_bytes(2 * file.read_bytes())
    assert looked_at(file).end_s == pytest.approx(3.0, abs=0.05)


def test_a_stamp_that_leads_back_before_the_start(tmp_path: Path) -> None:
    """The first sound comes late, and the next is stamped before the start: it is cut there, as it isn't heard."""
    file = write_video(tmp_path / "x.mkv", wave=tone(440, 1.0))
    data = bytearray(file.read_bytes())
    places = block_stamps(data)
    set_block_stamp(data, places[len(places) // 2], -500)
    file.write_bytes(data)
    assert read_audio(file).duration_s == pytest.approx(1.0, abs=0.1)


def test_two_samples_a_second_are_no_sound(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "x.wav", noise(1, 8000).samples.T, 2)
    with pytest.raises(MediaError, match="2 samples a second"):
        read_audio(tmp_path / "x.wav")
