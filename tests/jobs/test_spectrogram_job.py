"""`storysound spectrogram` from file to file."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

import storysound as ss
from media.media_making import tone, write_video
from storysound.app.cli.commands import app
from storysound.errors import MediaError, OutputError, UsageError
from storysound.jobs import spectrogram
from storysound.media.audio import Waveform, read_audio, write_wav


def test_a_sound_becomes_a_picture_and_sounds_again(tmp_path: Path) -> None:
    wave = tone(440, 1.234, 48_000, amplitude=0.3, channels=2)
    write_wav(tmp_path / "a.wav", wave)
    with ss.Session() as session:
        drawn = session.spectrogram(ss.SpectrogramRequest(tmp_path / "a.wav", tmp_path / "a.png", stereo=True))
        assert (drawn.width_px, drawn.height_px, drawn.channels) == (124, 512, 2)
        made = session.spectrogram(ss.SpectrogramRequest(tmp_path / "a.png", tmp_path / "b.flac", iterations=6))
    again = read_audio(tmp_path / "b.flac")
    assert (again.rate_hz, again.channels) == (44_100, 2)
    assert again.samples.shape[1] == round(1.234 * 44_100)
    assert made.seconds == pytest.approx(1.234, abs=1e-4)
    inner = again.samples[0, 8000:-8000]
    assert inner.std() == pytest.approx(0.3 / np.sqrt(2), rel=0.1)
    spectrum = np.abs(np.fft.rfft(inner * np.hanning(len(inner))))
    assert np.argmax(spectrum) * 44_100 / len(inner) == pytest.approx(440, abs=5)


def test_a_video_is_drawn_and_an_unlabelled_picture_is_heard_at_a_safe_level(tmp_path: Path) -> None:
    write_video(tmp_path / "v.mp4", wave=tone(330, 0.5), frames=6, fps=12, size=(32, 32))
    result = CliRunner().invoke(app, ["spectrogram", str(tmp_path / "v.mp4"), str(tmp_path / "v.png"), "--json"])
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout.splitlines()[-1])["channels"] == 1
    with Image.open(tmp_path / "v.png") as image:
        image.crop((5, 0, 35, 512)).save(tmp_path / "bare.png")  # loses what it said
    with ss.Session() as session:
        session.spectrogram(ss.SpectrogramRequest(tmp_path / "bare.png", tmp_path / "bare.wav", iterations=2))
    assert np.abs(read_audio(tmp_path / "bare.wav").samples).max() == pytest.approx(spectrogram.PEAK, rel=1e-3)


@pytest.mark.parametrize(
    ("source", "out", "more", "field"),
    [
        ("a.wav", "b.wav", {}, "out"),
        ("a.png", "b.png", {}, "out"),
        ("a.wav", "b.jpg", {}, "out"),
        ("a.png", "b.wav", {"stereo": True}, "stereo"),
        ("a.png", "b.wav", {"iterations": -1}, "iterations"),
        ("a.png", "b.wav", {"vocoder": "magic"}, "vocoder"),
    ],
)
def test_what_can_not_be_is_refused(source: str, out: str, more: dict[str, object], field: str) -> None:
    with pytest.raises(UsageError) as told:
        ss.SpectrogramRequest(Path(source), Path(out), **more)  # type: ignore[arg-type]
    assert told.value.field == field


def test_bad_files_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_wav(tmp_path / "long.wav", Waveform(np.zeros((1, 8000 * 3), np.float32), 8000))
    (tmp_path / "text.png").write_text("no picture")
    monkeypatch.setattr(spectrogram, "LONGEST_S", 1.0)
    with ss.Session() as session:
        with pytest.raises(MediaError, match="cut it into parts"):
            session.spectrogram(ss.SpectrogramRequest(tmp_path / "long.wav", tmp_path / "a.png"))
        with pytest.raises(MediaError, match="not a picture"):
            session.spectrogram(ss.SpectrogramRequest(tmp_path / "text.png", tmp_path / "a.wav"))
        with pytest.raises(MediaError, match="not exist"):
            session.spectrogram(ss.SpectrogramRequest(tmp_path / "none.wav", tmp_path / "a.png"))
        with pytest.raises(OutputError):
            session.spectrogram(ss.SpectrogramRequest(tmp_path / "long.wav", tmp_path / "long.wav" / "a.png"))
    assert not (tmp_path / "a.png").exists()
