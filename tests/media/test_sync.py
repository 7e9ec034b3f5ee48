"""Sound stays with its picture to the end of a long film whose pictures come unevenly."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from storysound.media.arrays import RATE_HZ
from storysound.media.film.mux import ScoredTrack, mux_film
from storysound.media.recording import record_audio, recorded

MINUTES = 20
FLASH_S = MINUTES * 60 - 1.0


def uneven(path: Path) -> Path:
    """Twenty minutes of black, a picture each .2 to 1.2 s, a white one and a click near the end."""
    rng = np.random.default_rng(4)
    times_s = np.cumsum(rng.uniform(0.2, 1.2, 1700))
    times_s = np.concatenate([[0.0], times_s[times_s < FLASH_S - 0.2], [FLASH_S, FLASH_S + 0.04, FLASH_S + 0.5]])
    with av.open(str(path), "w") as out:
        video = out.add_stream("libx264", rate=25, options={"preset": "ultrafast"})
        video.width, video.height, video.pix_fmt = 32, 32, "yuv420p"
        video.time_base = video.codec_context.time_base = Fraction(1, 1000)
        audio = out.add_stream("flac", rate=RATE_HZ, layout="mono")
        for time_s in times_s:
            frame = av.VideoFrame.from_ndarray(np.full((32, 32, 3), 255 if time_s == FLASH_S else 0, np.uint8))
            frame.pts, frame.time_base = round(time_s * 1000), Fraction(1, 1000)
            out.mux(video.encode(frame))
        out.mux(video.encode(None))
        samples = np.zeros((1, MINUTES * 60 * RATE_HZ), np.int16)
        samples[:, round(FLASH_S * RATE_HZ) :][:, :48] = 20_000
        for start in range(0, samples.shape[1], 4096):
            sound = av.AudioFrame.from_ndarray(samples[:, start : start + 4096], format="s16", layout="mono")
            sound.sample_rate, sound.pts, sound.time_base = RATE_HZ, start, Fraction(1, RATE_HZ)
            out.mux(audio.encode(sound))
        out.mux(audio.encode(None))
    return path


def test_a_click_at_the_end_of_twenty_uneven_minutes_stays_with_its_flash(tmp_path: Path) -> None:
    source, out = uneven(tmp_path / "in.mkv"), tmp_path / "out.mp4"
    original = record_audio(source)
    louder = recorded((block * np.float32(1.2) for _, block in original.blocks()), RATE_HZ, original.layout)
    mux_film(source, [ScoredTrack(louder, 0)], out)
    heard = record_audio(out)
    end = heard.read(heard.length - 3 * RATE_HZ, heard.length)
    click_s = (heard.length - 3 * RATE_HZ + int(np.argmax(np.abs(end[0]) > 0.2))) / RATE_HZ
    with av.open(str(out)) as container:
        container.seek(round((FLASH_S - 3) * 1e6))
        flash_s = next(f.time for f in container.decode(video=0) if f.to_ndarray(format="gray").mean() > 128)
    assert flash_s == pytest.approx(FLASH_S, abs=0.002)
    assert click_s == pytest.approx(flash_s, abs=0.002)
