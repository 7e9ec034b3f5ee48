import logging
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from media_making import noise, tone, write_sound, write_video

from storysound.errors import MediaError
from storysound.media.probe import probe
from storysound.media.video import iter_frames, iter_shown


def test_all_frames_in_order(tmp_path: Path) -> None:
    frames = list(iter_frames(write_video(tmp_path / "a.mp4", frames=24)))
    assert [frame.time_s for frame in frames] == pytest.approx([k / 24 for k in range(24)], abs=1e-3)
    for index, frame in enumerate(frames):
        assert frame.rgb.shape == (48, 64, 3)
        assert frame.rgb.dtype == np.uint8
        assert abs(float(frame.rgb[24:, 32:].mean()) - index * 8) < 8


def test_at_most_one_frame_per_stretch_and_size(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", frames=48)
    frames = list(iter_frames(path, every_s=0.5, max_side=32))
    assert [frame.time_s for frame in frames] == pytest.approx([0, 0.5, 1.0, 1.5], abs=1e-3)
    assert {frame.rgb.shape for frame in frames} == {(24, 32, 3)}
    assert len(list(iter_frames(path, max_side=1000))) == 48
    assert next(iter(iter_frames(path, max_side=1000))).rgb.shape == (48, 64, 3)


@pytest.mark.parametrize(("turn", "corner"), [(0, (0, 0)), (90, (-1, 0)), (180, (-1, -1)), (-90, (0, -1))])
def test_portrait_pictures_are_upright(tmp_path: Path, turn: int, corner: tuple[int, int]) -> None:
    """The stored top left corner is red; turned counter-clockwise by 90° it shows at the bottom left."""
    path = write_video(tmp_path / "a.mp4", rotation=turn)
    frame = list(iter_frames(path, max_side=32))[-1]
    assert frame.rgb.shape == ((24, 32, 3) if turn in (0, 180) else (32, 24, 3))
    assert frame.rgb[corner][0] > 150
    assert frame.rgb[corner][1] < 100


def test_variable_rate_keeps_its_times(tmp_path: Path) -> None:
    times = [0, 40, 80, 300, 340, 380, 900, 940, 980, 1200]
    path = write_video(tmp_path / "a.mkv", frames=10, times=times)
    assert [frame.time_s for frame in iter_frames(path)] == pytest.approx([time / 1000 for time in times], abs=2e-3)
    assert [frame.time_s for frame in iter_frames(path, every_s=0.5)] == pytest.approx([0, 0.9, 1.2], abs=2e-3)


def test_sound_first_does_not_move_the_clock(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", wave=noise(1), sound_at_s=0.3)
    assert next(iter(iter_frames(path))).time_s == 0


def test_no_video_stream_and_cover_art(tmp_path: Path) -> None:
    path = write_sound(tmp_path / "a.mp3", tone(440, 0.5), "libmp3lame")
    with pytest.raises(MediaError, match="no video stream"):
        next(iter(iter_frames(path)))


def test_cut_short_or_undecodable(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = write_video(tmp_path / "a.mkv", frames=96, size=(128, 96))
    data = bytearray(path.read_bytes())
    path.write_bytes(data[: len(data) * 2 // 3])
    assert 5 < len(list(iter_frames(path))) < 96
    at = data.index(b"\x1f\x43\xb6\x75")  # the first cluster: from here on come the packets
    for position in range(at + 60, len(data)):
        data[position] = 0x5A if data[position] != 0xA3 else 0xA3
    path.write_bytes(data)
    with caplog.at_level(logging.CRITICAL), pytest.raises(MediaError, match="not one picture"):
        list(iter_frames(path))


def test_wide_pixels_are_shown_wide(tmp_path: Path) -> None:
    with av.open(str(tmp_path / "a.mkv"), "w") as out:
        stream = out.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.codec_context.sample_aspect_ratio = Fraction(3, 2)
        out.mux(stream.encode(av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8))))
        out.mux(stream.encode(None))
    assert next(iter(iter_frames(tmp_path / "a.mkv"))).rgb.shape == (48, 96, 3)
    assert next(iter(iter_frames(tmp_path / "a.mkv", max_side=48))).rgb.shape == (24, 48, 3)
    info = probe(tmp_path / "a.mkv").video
    assert info is not None
    assert (info.width, info.height) == (96, 48)


def test_a_stretch_and_its_own_clock(tmp_path: Path) -> None:
    """Stretches of `every_s` begin where the wanted part does; what is shown before it is left out."""
    path = write_video(tmp_path / "a.mp4", frames=96)
    for one_thread in (False, True):
        shown = list(iter_shown(path, every_s=0.5, start_s=1.25, end_s=2.6, one_thread=one_thread))
        assert [each.time_s for each in shown] == pytest.approx([1.25, 1.75, 2.25], abs=1e-3)
    with pytest.raises(MediaError, match="none is shown from 9 s on"):
        list(iter_shown(path, start_s=9.0))
    with pytest.raises(ValueError, match="start_s < end_s"):
        list(iter_shown(path, start_s=2.0, end_s=1.0))


def test_a_frame_in_several_sizes(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", size=(640, 480))
    for shown in iter_shown(path, every_s=0.5):
        small, quick = shown.rgb(32), shown.rgb(32, quick=True)
        assert small.shape == quick.shape == (24, 32, 3)
        assert np.abs(small.astype(int) - quick).max() < 60
        assert shown.rgb().shape == (480, 640, 3)
