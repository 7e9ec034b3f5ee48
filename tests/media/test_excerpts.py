"""Stretches of a video as a video of its own: which pictures, when, how they look, and sound that ends with them."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from media_making import full_disk_after, noise, tone, write_video

from storysound.errors import MediaError, OutputError
from storysound.media.audio import read_audio
from storysound.media.excerpts import kept, render_excerpts
from storysound.media.probe import probe
from storysound.media.video import iter_frames
from storysound.story import Span


def shown(path: Path) -> list[tuple[float, int]]:
    """When each picture begins, and which one of `write_video` it is, told by its grey."""
    return [(round(f.time_s, 4), round(float(f.rgb[30:, 30:].mean()) / 8)) for f in iter_frames(path)]


def test_pictures_and_sound_of_two_stretches(tmp_path: Path) -> None:
    source = write_video(tmp_path / "a.mp4", frames=30, fps=10, wave=noise(3.0))
    out = tmp_path / "out.mp4"
    render_excerpts(source, [Span(0.5, 1.0), Span(2.2, 2.5)], tone(440, 0.8), out)
    assert shown(out) == [(round(k / 10, 4), grey) for k, grey in enumerate([5, 6, 7, 8, 9, 22, 23, 24])]
    info = probe(out)
    assert info.video is not None
    assert info.audio is not None
    assert (info.video.duration_s, info.audio.duration_s) == pytest.approx((0.8, 0.8), abs=1e-3)
    assert (info.video.fps, info.video.variable_rate) == (10, False)
    assert read_audio(out).duration_s == pytest.approx(0.8, abs=0.03)


def test_a_stretch_begins_with_the_picture_that_stands_there(tmp_path: Path) -> None:
    source = write_video(tmp_path / "a.mp4", frames=10, fps=10)
    out = tmp_path / "out.mp4"
    render_excerpts(source, [Span(0.15, 0.32), Span(0.55, 0.75)], None, out)
    assert shown(out) == [(0.0, 1), (0.05, 2), (0.15, 3), (0.17, 5), (0.22, 6), (0.32, 7)]
    assert probe(out).audio is None
    video = probe(out).video
    assert video is not None
    assert video.duration_s == pytest.approx(0.37, abs=1e-3)


def test_a_still_may_stand_in_several_stretches_and_beyond_the_end(tmp_path: Path) -> None:
    source = write_video(tmp_path / "a.mkv", frames=3, times=[0, 1000, 9000])
    spans = [Span(0.5, 1.5), Span(2.0, 3.0), Span(4.0, 4.5), Span(8.5, 9.5)]
    assert [round(time_s, 3) for time_s, _ in kept(source, spans)] == [0.0, 0.5, 1.0, 2.0, 2.5, 3.0]
    out = tmp_path / "out.mp4"
    render_excerpts(source, spans, noise(9.0), out)
    info = probe(out)
    assert info.video is not None
    assert info.audio is not None
    assert (info.video.duration_s, info.audio.duration_s) == pytest.approx((3.5, 3.5), abs=2e-3)


@pytest.mark.parametrize("rotation", [0, 90])
def test_size_and_rotation_stay(tmp_path: Path, rotation: int) -> None:
    source = write_video(tmp_path / "a.mp4", frames=6, fps=10, rotation=rotation)
    render_excerpts(source, [Span(0.1, 0.4)], None, tmp_path / "out.mp4")
    before, after = (next(iter_frames(path, every_s=9.0)).rgb for path in (source, tmp_path / "out.mp4"))
    assert after.shape == before.shape
    red = [
        tuple(np.argwhere(rgb[..., 0].astype(int) - rgb[..., 1] > 100).mean(axis=0).round(-1))
        for rgb in (before, after)
    ]
    assert red[0] == red[1]


@pytest.mark.parametrize(("codec", "form"), [("mjpeg", "yuvj420p"), ("libx264", "yuv444p"), ("ffv1", "yuv420p10le")])
def test_colours_stay(tmp_path: Path, codec: str, form: str) -> None:
    source, out = tmp_path / "a.mkv", tmp_path / "out.mkv"
    picture = np.zeros((48, 64, 3), np.uint8)
    picture[:, :32], picture[:, 32:] = (200, 40, 30), (20, 90, 220)
    with av.open(str(source), "w") as container:
        stream = container.add_stream(codec, rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, form
        for index in range(5):
            frame = av.VideoFrame.from_ndarray(picture)
            frame.pts, frame.time_base = index, Fraction(1, 10)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    render_excerpts(source, [Span(0.0, 0.5)], None, out)
    before, after = (next(iter_frames(path)).rgb.astype(int) for path in (source, out))
    assert after.shape == before.shape
    for side in (slice(10, 25), slice(40, 60)):
        assert np.abs(after[10:38, side].mean(axis=(0, 1)) - before[10:38, side].mean(axis=(0, 1))).max() < 6


def test_odd_sizes_lose_a_row(tmp_path: Path) -> None:
    source = tmp_path / "a.mkv"
    with av.open(str(source), "w") as container:
        stream = container.add_stream("ffv1", rate=10)
        stream.width, stream.height, stream.pix_fmt = 65, 49, "yuv444p"
        container.mux(stream.encode(av.VideoFrame.from_ndarray(np.full((49, 65, 3), 99, np.uint8))))
        container.mux(stream.encode(None))
    render_excerpts(source, [Span(0.0, 0.1)], None, tmp_path / "out.mp4")
    assert next(iter_frames(tmp_path / "out.mp4")).rgb.shape == (48, 64, 3)


def test_what_can_not_be_made(tmp_path: Path) -> None:
    source = write_video(tmp_path / "a.mp4", frames=12)
    for spans in ([], [Span(0.2, 0.4), Span(0.3, 0.5)]):
        with pytest.raises(ValueError, match="needs spans"):
            render_excerpts(source, spans, None, tmp_path / "out.mp4")
    with pytest.raises(OutputError, match="webm"):
        render_excerpts(source, [Span(0.0, 0.2)], None, tmp_path / "out.webm")
    with full_disk_after(500), pytest.raises(OutputError, match="disk is full"):
        render_excerpts(source, [Span(0.0, 0.2)], None, tmp_path / "out.mp4")
    (tmp_path / "text.mp4").write_text("no video\n" * 99)
    with pytest.raises(MediaError, match="holds text"):
        render_excerpts(tmp_path / "text.mp4", [Span(0.0, 0.2)], None, tmp_path / "out.mp4")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.mp4", "text.mp4"]


def test_the_shape_of_pixels_stays(tmp_path: Path) -> None:
    source = tmp_path / "a.mkv"
    with av.open(str(source), "w") as container:
        stream = container.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.codec_context.sample_aspect_ratio = Fraction(4, 3)
        container.mux(stream.encode(av.VideoFrame.from_ndarray(np.full((48, 64, 3), 99, np.uint8))))
        container.mux(stream.encode(None))
    render_excerpts(source, [Span(0.0, 0.1)], None, tmp_path / "out.mp4")
    assert [next(iter_frames(path)).rgb.shape for path in (source, tmp_path / "out.mp4")] == [(48, 85, 3)] * 2
