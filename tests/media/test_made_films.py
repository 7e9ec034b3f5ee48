"""Films of made frames and sound: sizes, rates, lengths, where shots meet, and what goes with an end."""

from pathlib import Path

import numpy as np
import pytest

from storysound.errors import OutputError
from storysound.media.arrays import Pixels, Samples
from storysound.media.audio import Waveform, read_audio
from storysound.media.film.made_films import ShotWriter
from storysound.media.probe import probe
from storysound.media.video import iter_shown


def grey(level: int, count: int = 4, size: tuple[int, int] = (32, 48)) -> Pixels:
    return np.full((count, *size, 3), level, np.uint8)


def tone(hz: float, seconds: float, rate_hz: int = 16_000) -> Waveform:
    times = np.arange(round(seconds * rate_hz)) / rate_hz
    return Waveform((0.4 * np.sin(2 * np.pi * hz * times)).astype(np.float32)[None], rate_hz)


def strongest_hz(samples: Samples, rate_hz: int) -> float:
    power = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return float(np.fft.rfftfreq(len(samples), 1 / rate_hz)[power.argmax()])


def test_shots_follow_each_other_with_their_sounds(tmp_path: Path) -> None:
    out = tmp_path / "film.mp4"
    with ShotWriter(tmp_path, {"title": "two", "comment": "made"}) as film:
        film.add(grey(40), 4.0, tone(440, 3.0))  # too long a sound is cut
        film.add(grey(200, 8), 4.0, tone(1000, 1.0))  # too short a one followed by silence
        assert (film.shots, film.frames, film.seconds) == (2, 12, 3.0)
        film.finish(out)
    assert list(tmp_path.iterdir()) == [out]
    shown = [frame.rgb(48) for frame in iter_shown(out)]
    assert [frame.shape for frame in shown] == [(32, 48, 3)] * 12
    assert np.allclose([frame.mean() for frame in shown], [40] * 4 + [200] * 8, atol=4)
    assert [round(frame.time_s, 3) for frame in iter_shown(out)][:3] == [0.0, 0.25, 0.5]
    assert probe(out).duration_s == pytest.approx(3.0, abs=0.05)
    wave = read_audio(out, channels=1)
    parts = [wave.cut(start, start + 0.8).samples[0] for start in (0.1, 1.1, 2.1)]
    assert strongest_hz(parts[0], wave.rate_hz) == pytest.approx(440, abs=5)
    assert strongest_hz(parts[1], wave.rate_hz) == pytest.approx(1000, abs=5)
    assert np.abs(parts[2]).max() < 0.01


def test_odd_sizes_gain_a_row_and_a_column(tmp_path: Path) -> None:
    out = tmp_path / "odd.mp4"
    with ShotWriter(tmp_path, {}) as film:
        film.add(grey(90, 3, (31, 47)), 6.4, tone(300, 0.4, 400))
        film.finish(out)
    assert next(iter_shown(out)).rgb(48).shape == (32, 48, 3)


def test_what_doesnt_fit_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    with ShotWriter(tmp_path, {}) as film:
        with pytest.raises(ValueError, match="there is no shot"):
            film.finish(tmp_path / "a.mp4")
        film.add(grey(40), 4.0, tone(440, 1.0))
        for frames, rate in ((grey(40, 4, (16, 48)), 4.0), (grey(40), 5.0)):
            with pytest.raises(ValueError, match="needs frames of"):
                film.add(frames, rate, tone(440, 1.0))
        with pytest.raises(OutputError, match=r"\.webm can't hold"):
            film.finish(tmp_path / "a.webm")
    assert not list(tmp_path.iterdir())


def test_a_first_shot_without_frames_is_refused(tmp_path: Path) -> None:
    with ShotWriter(tmp_path, {}) as film, pytest.raises(ValueError, match="needs a frame"):
        film.add(grey(40, 0), 4.0, tone(440, 1.0))
