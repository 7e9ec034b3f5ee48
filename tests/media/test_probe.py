import base64
import io
from pathlib import Path

import av
import numpy as np
import pytest
from media_making import noise, tone, write_sound, write_video
from PIL import Image

from storysound.errors import MediaError
from storysound.media.probe import probe


def test_video_with_sound(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", wave=noise(2), frames=48, tags={"title": "A\nstory", "comment": "c"})
    info = probe(path)
    assert info.video is not None
    assert info.audio is not None
    assert (info.video.width, info.video.height, info.video.codec, info.video.frames) == (64, 48, "h264", 48)
    assert info.video.fps == 24
    assert not info.video.variable_rate
    assert info.duration_s == pytest.approx(2, abs=0.05)
    assert (info.audio.rate_hz, info.audio.channels, info.audio.codec) == (48000, 1, "aac")
    assert info.tags["title"] == "A story"
    assert info.tags["comment"] == "c"


@pytest.mark.parametrize(("turn", "shown"), [(90, 270), (-90, 90), (180, 180)])
def test_rotation_swaps_the_sides(tmp_path: Path, turn: int, shown: int) -> None:
    info = probe(write_video(tmp_path / "a.mp4", rotation=turn)).video
    assert info is not None
    assert info.rotation == shown
    assert (info.width, info.height) == ((64, 48) if shown == 180 else (48, 64))


def test_variable_rate(tmp_path: Path) -> None:
    times = [0, 40, 80, 300, 340, 380, 900, 940, 980, 1200]
    info = probe(write_video(tmp_path / "a.mkv", frames=10, times=times)).video
    assert info is not None
    assert info.variable_rate


def test_late_sound_is_told(tmp_path: Path) -> None:
    info = probe(write_video(tmp_path / "a.mp4", wave=noise(1), frames=48, sound_at_s=0.5))
    assert info.audio is not None
    assert info.audio.start_s == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize(("name", "codec"), [("a.opus", "libopus"), ("a.mp3", "libmp3lame"), ("a.flac", "flac")])
def test_tags_of_sound_files_have_one_name(tmp_path: Path, name: str, codec: str) -> None:
    tags = {"title": "Rain", "artist": "Me", "genre": "Ambient", "copyright": "CC0"}
    info = probe(write_sound(tmp_path / name, tone(440, 1), codec, tags=tags))
    assert info.video is None
    assert tags.items() <= info.tags.items()


def test_a_live_recording_states_no_length(tmp_path: Path) -> None:
    """As browsers record: matroska without a duration; the packets tell."""
    path = write_video(tmp_path / "a.mkv", wave=noise(2), frames=48)
    data = path.read_bytes()
    at = data.index(b"\x44\x89\x88")  # Duration, 8 bytes: becomes a void element
    path.write_bytes(data[:at] + b"\xec\x89" + data[at + 2 : at + 2] + bytes(9) + data[at + 11 :])
    assert probe(path).duration_s == pytest.approx(2, abs=0.06)


@pytest.mark.parametrize("suffix", [".mkv", ".mp4", ".mov"])
def test_a_rate_that_nothing_keeps_to_is_not_believed(tmp_path: Path, suffix: str) -> None:
    """A recorder's clock of 1000 a second; the screen gave 207 pictures in ten seconds, unevenly."""
    times = [round(10_000 * (k / 207) + 20 * (k % 3)) for k in range(207)]
    found = probe(write_video(tmp_path / f"a{suffix}", frames=207, fps=1000, times=times)).video
    assert found is not None
    assert found.fps == pytest.approx(20.7, rel=0.01)
    assert found.editing_fps == 24
    assert found.frames == 207


@pytest.mark.parametrize("suffix", [".mkv", ".mp4"])
@pytest.mark.parametrize("fps", [25, 30])
def test_a_hole_does_not_change_the_rate(tmp_path: Path, suffix: str, fps: int) -> None:
    """A recording that was stopped for 4 s; MP4 states what it has on average."""
    times = [round(1000 * k / fps) + (4000 if k >= 50 else 0) for k in range(100)]
    found = probe(write_video(tmp_path / f"a{suffix}", frames=100, fps=fps, times=times)).video
    assert found is not None
    assert found.fps == pytest.approx(fps, rel=0.01)
    assert found.editing_fps == fps


def test_what_is_no_media(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_text("words " * 99)
    with pytest.raises(MediaError, match="text"):
        probe(tmp_path / "a.mp4")


def test_a_picture_has_no_duration(tmp_path: Path) -> None:
    Image.new("RGB", (30, 20)).save(tmp_path / "a.png")
    info = probe(tmp_path / "a.png")
    assert info.duration_s == 0
    assert info.audio is None


def png() -> bytes:
    data = io.BytesIO()
    Image.new("RGB", (8, 8)).save(data, "png")
    return data.getvalue()


def picture_block(description: bytes) -> bytes:
    """A cover as FLAC and Ogg hold it."""
    fields = [b"image/png", description]
    texts = b"".join(len(field).to_bytes(4, "big") + field for field in fields)
    sizes = b"".join(n.to_bytes(4, "big") for n in (8, 8, 24, 0, len(png())))
    return (3).to_bytes(4, "big") + texts + sizes + png()


@pytest.mark.parametrize("title", ["", "Rain"])
@pytest.mark.parametrize(("name", "codec"), [("a.mp3", "libmp3lame"), ("a.opus", "libopus"), ("a.flac", "flac")])
def test_the_words_of_a_cover_are_not_those_of_the_sound(tmp_path: Path, name: str, codec: str, title: str) -> None:
    tags = {"title": title} if title else {}
    if name == "a.opus":
        tags["METADATA_BLOCK_PICTURE"] = base64.b64encode(picture_block(b"Front of the box")).decode()
    path = write_sound(tmp_path / name, tone(440, 1), codec, tags=tags)
    data = path.read_bytes()
    if name == "a.mp3":
        frame = b"\0image/png\0\3Front of the box\0" + png()
        whole = b"APIC" + len(frame).to_bytes(4, "big") + b"\0\0" + frame
        size = sum((b & 127) << 7 * (3 - i) for i, b in enumerate(data[6:10])) + len(whole)
        sizes = bytes((size >> 7 * (3 - i)) & 127 for i in range(4))
        path.write_bytes(data[:3] + b"\3\0" + data[5:6] + sizes + whole + data[10:])
    elif name == "a.flac":
        block = picture_block(b"Front of the box")
        at = 4 + 4 + int.from_bytes(data[5:8], "big")  # after the block that comes first
        path.write_bytes(data[:at] + b"\6" + len(block).to_bytes(3, "big") + block + data[at:])
    with av.open(str(path)) as container:
        assert [stream.metadata.get("title") for stream in container.streams.video] == ["Front of the box"]
    found = probe(path).tags
    assert found.get("title", "") == title
    assert "Front of the box" not in found.values()
    assert "Cover (front)" not in found.values()


def test_the_title_of_a_track_is_not_that_of_the_file(tmp_path: Path) -> None:
    with av.open(str(tmp_path / "a.mka"), "w", format="matroska") as container:
        streams = [container.add_stream("pcm_s16le", rate=48_000, layout="mono") for _ in range(2)]
        for stream, name in zip(streams, ("Commentary", "Stereo"), strict=True):
            stream.metadata.update({"title": name, "comment": name})
        for stream in streams:
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 9600), np.int16), format="s16", layout="mono")
            frame.sample_rate = 48_000
            container.mux([*stream.encode(frame), *stream.encode()])
    found = probe(tmp_path / "a.mka").tags
    assert "title" not in found
    assert found["comment"] == "Commentary"


def test_a_header_of_more_channels_than_a_decoder_takes_is_no_fault_of_the_look(tmp_path: Path) -> None:
    path = write_sound(tmp_path / "a.wav", noise(1.0), "pcm_s16le")
    data = bytearray(path.read_bytes())
    place = data.find(b"fmt ") + 8 + 2  # channels
    data[place : place + 2] = b"\xff\xff"
    path.write_bytes(data)
    (stream,) = probe(path).streams
    assert stream.depth == 0
