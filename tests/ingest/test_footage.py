"""Looking at videos: times, damage, progress."""

from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from storysound.ingest.footage import read_footage, split_long
from storysound.progress import Cancelled, Progress, Stop, Watch
from storysound.story import Span


@given(st.lists(st.floats(0.5, 50), min_size=1, max_size=6))
def test_parts_of_long_shots_tile_them(lengths: list[float]) -> None:
    edges = np.concatenate([[0], np.cumsum(lengths)]).tolist()
    shots = tuple(Span(a, b) for a, b in pairwise(edges))
    units = split_long(shots)
    assert units[0].start_s == 0
    assert units[-1].end_s == pytest.approx(edges[-1])
    assert all(a.end_s == b.start_s for a, b in pairwise(units))
    assert max(unit.duration_s for unit in units) <= 15.0 + 1e-6


def plain_video(path: Path, seconds: float, *, nan_sound: bool = False) -> Path:
    with av.open(str(path), "w", options={"movflags": "+faststart"} if path.suffix == ".mp4" else {}) as out:
        stream = out.add_stream("libx264", rate=20, options={"preset": "ultrafast", "g": "10"})
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        sound = out.add_stream("pcm_f32le", rate=8000, layout="mono") if nan_sound else None
        rng = np.random.default_rng(0)
        for i in range(round(seconds * 20)):
            frame = av.VideoFrame.from_ndarray(rng.integers(0, 255, (48, 64, 3), dtype=np.uint8), format="rgb24")
            frame.pts, frame.time_base = i, Fraction(1, 20)
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
        if sound is not None:
            block = av.AudioFrame.from_ndarray(np.full((1, 8000), np.nan, np.float32), format="flt", layout="mono")
            block.rate, block.pts, block.time_base = 8000, 0, Fraction(1, 8000)
            out.mux(sound.encode(block))
    return path


def test_a_video_cut_short_is_scored_as_far_as_it_goes(tmp_path: Path) -> None:
    whole = plain_video(tmp_path / "whole.mp4", 6.0).read_bytes()
    (tmp_path / "cut.mp4").write_bytes(whole[: len(whole) * 6 // 10])
    footage = read_footage(tmp_path / "cut.mp4")
    assert 2.0 < footage.story.duration_s < 4.5
    assert footage.story.units[-1].end_s == footage.story.duration_s
    assert "cut short" in footage.story.faults[0]


def test_sound_that_cannot_be_used_is_told(tmp_path: Path) -> None:
    footage = read_footage(plain_video(tmp_path / "nan.mkv", 1.0, nan_sound=True))
    assert footage.original is None
    assert "NaN" in footage.story.faults[0]


def test_every_unit_has_a_picture_in_its_time(tmp_path: Path) -> None:
    footage = read_footage(plain_video(tmp_path / "v.mp4", 3.0))
    assert len(footage.times_s) == sum(len(own) for own in footage.pictures)
    assert all(footage.pictures)
    assert all(0 <= t < 3.0 for t in footage.times_s)


def test_looking_says_how_far_it_is_and_stops_in_the_middle(tmp_path: Path) -> None:
    film = plain_video(tmp_path / "v.mp4", 3.0)
    stop, said = Stop(), list[Progress]()

    def report(at: Progress) -> None:
        said.append(at)
        if at.done >= 1.5:
            stop.set()

    read_footage(film, Watch(said.append))
    assert [at.done for at in said] == pytest.approx([0.0, 0.5, 1.0, 1.5, 2.0, 2.5], abs=0.11)
    assert {at.of for at in said} == {3.0}
    said.clear()
    with pytest.raises(Cancelled):
        read_footage(film, Watch(report, stop))
    assert said[-1].done == pytest.approx(1.5, abs=0.11)
