"""Looking at videos: times, damage, progress."""

from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from storysound.ingest import footage
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
    looked = read_footage(tmp_path / "cut.mp4")
    assert 2.0 < looked.story.duration_s < 4.5
    assert looked.story.units[-1].end_s == looked.story.duration_s
    assert "cut short" in looked.story.faults[0]


def test_sound_that_cannot_be_used_is_told(tmp_path: Path) -> None:
    looked = read_footage(plain_video(tmp_path / "nan.mkv", 1.0, nan_sound=True))
    assert looked.original is None
    assert "NaN" in looked.story.faults[0]


def test_sound_keeps_its_loudspeakers_at_our_rate(tmp_path: Path) -> None:
    samples = np.random.default_rng(0).integers(-9000, 9000, (1, 6 * 44_100), np.int16)
    with av.open(str(plain_video(tmp_path / "mute.mov", 1.0))) as mute, av.open(str(tmp_path / "v.mov"), "w") as out:
        pictures = out.add_stream_from_template(mute.streams.video[0])
        sound = out.add_stream("pcm_s16le", rate=44_100, layout="5.1")
        for packet in mute.demux():
            if packet.dts is not None:
                packet.stream = pictures
                out.mux(packet)
        frame = av.AudioFrame.from_ndarray(samples, format="s16", layout="5.1")
        frame.rate, frame.pts, frame.time_base = 44_100, 0, Fraction(1, 44_100)
        out.mux(sound.encode(frame))
    original = read_footage(tmp_path / "v.mov").original
    assert original is not None
    assert (original.rate_hz, original.length) == (48_000, 48_000)
    assert original.layout == ("FL", "FR", "FC", "LFE", "BL", "BR")
    level = np.sqrt(np.mean(original.cut().samples ** 2, axis=1))
    np.testing.assert_allclose(level, 9000 / 32768 / np.sqrt(3), rtol=0.1)


def test_pictures_of_long_videos_lie_in_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    film = plain_video(tmp_path / "v.mp4", 3.0)
    short = read_footage(film)
    monkeypatch.setattr(footage, "_KEPT_BYTES", 100)
    long = read_footage(film)
    assert long.times_s == short.times_s
    for one, other in zip(short.each, long.each, strict=True):
        np.testing.assert_array_equal(one, other)
    assert [len(own) for own in long.pictures] == [len(own) for own in short.pictures]
    assert long.pictures[0][:1].files == short.pictures[0][:1].files  # type: ignore[attr-defined]


def test_every_unit_has_a_picture_in_its_time(tmp_path: Path) -> None:
    looked = read_footage(plain_video(tmp_path / "v.mp4", 3.0))
    assert len(looked.times_s) == sum(len(own) for own in looked.pictures)
    assert all(looked.pictures)
    assert all(0 <= t < 3.0 for t in looked.times_s)


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
