"""`split_speech` on sounds and videos: exact lengths, copied pictures, refused names."""

from pathlib import Path

import av
import numpy as np
import pytest

from storysound.config import load_profile
from storysound.encode.pool import Models
from storysound.errors import MediaError, OutputError, UsageError
from storysound.jobs.split_speech.request import SplitSpeechRequest, SplitSpeechResult
from storysound.jobs.split_speech.split_speech import run
from storysound.media.audio import Waveform, read_audio, write_wav
from storysound.progress import Watch
from storysound.weights.resolver import Resolver


def split_speech(source: Path, background: Path, speech: Path | None, weights: Resolver) -> SplitSpeechResult:
    return run(SplitSpeechRequest(source, background, speech), Models(load_profile(), weights), Watch())


def test_names_are_checked_before_any_work(tmp_path: Path) -> None:
    source = tmp_path / "in.wav"
    write_wav(source, Waveform(np.zeros((1, 100), np.float32), 8000))
    nowhere = Resolver(tmp_path / "empty", entries={})  # no weights: reaching for them would be another error
    (tmp_path / "link.wav").symlink_to(source)
    for background, speech in (
        (tmp_path / "out.txt", None),
        (source, None),
        (tmp_path / "link.wav", None),
        (tmp_path / "a.wav", tmp_path / ".." / tmp_path.name / "a.wav"),
        (tmp_path / "a.wav", tmp_path / ("x" * 300 + ".wav")),
    ):
        with pytest.raises((UsageError, OutputError)):
            split_speech(source, background, speech, nowhere)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["in.wav", "link.wav"]


@pytest.mark.models
def test_sound_keeps_rate_channels_and_length(tmp_path: Path, weights: Resolver) -> None:
    source = tmp_path / "in a 🎬 'room'.wav"
    samples = np.random.default_rng(0).normal(0, 0.05, (2, 30001)).astype(np.float32)
    write_wav(source, Waveform(samples, 22050))
    report = split_speech(source, tmp_path / "b.wav", tmp_path / "s.wav", weights)
    background, speech = read_audio(tmp_path / "b.wav"), read_audio(tmp_path / "s.wav")
    assert background.samples.shape == speech.samples.shape == (2, 30001)
    assert (report.rate_hz, report.channels) == (background.rate_hz, 2) == (22050, 2)
    assert np.allclose(background.samples + speech.samples, samples, atol=1e-5)


@pytest.mark.models
def test_video_keeps_its_pictures(tmp_path: Path, weights: Resolver) -> None:
    source, out = weights.path("demo/b.mp4"), tmp_path / "out.mp4"
    split_speech(source, out, None, weights)

    def packets(path: Path) -> list[bytes]:
        with av.open(str(path)) as container:
            return [bytes(p) for p in container.demux(container.streams.video[0]) if p.size]

    assert packets(out) == packets(source)
    assert read_audio(out).duration_s == pytest.approx(read_audio(source).duration_s, abs=0.1)


@pytest.mark.models
def test_broken_input_leaves_nothing(tmp_path: Path, weights: Resolver) -> None:
    source = tmp_path / "text.mp4"
    source.write_text("no video")
    with pytest.raises(MediaError, match="text"):
        split_speech(source, tmp_path / "out.wav", None, weights)
    assert [p.name for p in tmp_path.iterdir()] == ["text.mp4"]
