"""What a film says of its pictures beside their packets is kept, or is known to be lost before any work."""

import logging
import struct
from pathlib import Path

import av
import numpy as np
import pytest
from film_making import LIGHT, MASTERING, SPHERICAL, STEREO_3D, Plan, Track, box, make, with_boxes
from media_making import tone
from PIL import ImageCms

from storysound.jobs.render.deliver import check_film
from storysound.media.film.boxes import description, put_in, unread_from
from storysound.media.film.containers import CONTAINERS
from storysound.media.film.descriptions import lost, missing
from storysound.media.film.mux import ScoredTrack, mux_film
from storysound.media.recording import of_wave

# Profile 8.4, level 6, as phones record it (Dolby Vision Streams Within the ISO Base Media File Format, 3.2).
VISION = bytes([1, 0]) + struct.pack(">H", 8 << 9 | 6 << 3 | 0b101) + bytes([4 << 4]) + bytes(19)
ROOM = struct.pack(">I2H", 3_140_000, 15635, 16450)
COLOURS = b"prof" + ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def film(folder: Path, suffix: str, *boxes: bytes, **plan: object) -> Path:
    return with_boxes(make(folder, Plan(f"in{suffix}", sounds=(), **plan)), boxes)  # type: ignore[arg-type]


def scored(source: Path, out: Path) -> Path:
    mux_film(source, [ScoredTrack(of_wave(tone(1000, 2, channels=2)))], out)
    return out


def said(path: Path) -> dict[str, bytes]:
    with path.open("rb") as file:
        return description(file)


@pytest.mark.parametrize("start", [".mp4", ".mov"])
def test_dolby_vision_stays_from_one_container_to_the_next(tmp_path: Path, start: str) -> None:
    source = film(tmp_path, start, box(b"dvvC", VISION), MASTERING, LIGHT, video="libx265", hdr=True)
    way = [source, *(scored(source, tmp_path / f"out{suffix}") for suffix in (".mp4", ".mov", ".mkv"))]
    for path in (*way[:3], scored(way[3], tmp_path / "back.mov")):
        assert said(path)["dvvC"] == VISION, path
        assert {"hvcC", "mdcv", "clli"} <= said(path).keys()
        with av.open(str(path)) as container:
            assert len(list(container.decode(video=0))) == 50
    assert missing(way[3], CONTAINERS[".mov"]) == {"dvvC": VISION}  # so it stands in the MKV


@pytest.mark.parametrize("suffix", [".mp4", ".mov"])
def test_3d_stays_however_often_a_film_is_scored(tmp_path: Path, suffix: str) -> None:
    path = film(tmp_path, ".mp4", STEREO_3D, SPHERICAL)
    for name in ("once", "twice"):
        path = scored(path, tmp_path / f"{name}{suffix}")
        assert said(path)["st3d"] == STEREO_3D[8:]
        with av.open(str(path)) as container:
            kinds = {side.type.name for side in next(container.decode(video=0)).side_data}
        assert {"STEREO3D", "SPHERICAL"} <= kinds


@pytest.mark.parametrize(
    ("added", "what"), [(box(b"amve", ROOM), "viewing environment"), (box(b"colr", COLOURS), "colour profile")]
)
def test_what_matroska_cannot_say_is_told(tmp_path: Path, added: bytes, what: str) -> None:
    source = film(tmp_path, ".mp4", added)
    assert lost(source, "out.mkv") == [f"{what} of its pictures: .mkv can't hold it (.mp4 does)"]
    assert lost(source, "out.mov") == []
    delivered = mux_film(source, [], tmp_path / "out.mkv")
    assert delivered.lost == tuple(lost(source, "out.mkv"))
    assert mux_film(source, [], tmp_path / "out.mov").lost == ()
    assert added[8:] in (tmp_path / "out.mov").read_bytes()


@pytest.mark.parametrize("turned", [(90, False), (0, True), (270, True)])
def test_turned_and_mirrored_pictures_stay_so(tmp_path: Path, turned: tuple[int, bool]) -> None:
    source = tmp_path / "in.mp4"
    with av.open(str(source), "w") as out:
        video = out.add_stream("libx264", rate=25)
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        video.set_display_rotation(turned[0], hflip=turned[1])
        for number in range(3):
            frame = av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8))
            frame.pts = number
            out.mux(video.encode(frame))
        out.mux(video.encode(None))
    for suffix in (".mp4", ".mov", ".mkv"):
        scored(source, tmp_path / f"out{suffix}")
        assert lost(source, f"out{suffix}") == []
        matrices = []
        for path in (source, tmp_path / f"out{suffix}"):
            with av.open(str(path)) as container:
                matrices.append(bytes(next(container.decode(video=0)).side_data["DISPLAYMATRIX"]))
        assert matrices[0] == matrices[1], suffix


def test_transparency_is_known_to_be_lost(tmp_path: Path) -> None:
    source = tmp_path / "in.webm"
    with av.open(str(source), "w") as out:
        video = out.add_stream("libvpx-vp9", rate=25, options={"deadline": "realtime", "cpu-used": "8"})
        video.width, video.height, video.pix_fmt = 64, 48, "yuva420p"
        video.metadata["alpha_mode"] = "1"
        frame = av.VideoFrame.from_ndarray(np.full((48, 64, 4), 90, np.uint8), format="rgba")
        frame.pts = 0
        out.mux([*video.encode(frame), *video.encode(None)])
    assert lost(source, "out.mp4") == ["transparency of its pictures: .mp4 can't hold it (.webm does)"]
    scored(source, tmp_path / "out.webm")
    with av.open(str(tmp_path / "out.webm")) as container:
        assert next(container.demux(video=0)).has_sidedata("matroska_block_additional")


def test_other_tracks_that_a_container_cannot_hold_are_told_before(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    source = make(tmp_path, Plan("in.mkv", sounds=(Track("aac", "eng"), Track("libopus", "fra"))))
    line = "will be left out: audio track 1 (opus, fra): .mov can't hold opus sound (.mp4 does)"
    for tracks, told in (((0,), True), ((0, 1), False), ((1,), False), (None, False)):
        caplog.clear()
        with caplog.at_level(logging.WARNING):
            check_film(source, tmp_path / "out.mov", tracks)
        assert (line in caplog.text) == told, tracks


def test_how_loud_the_old_sound_was_is_not_said_of_the_new(tmp_path: Path) -> None:
    source = make(tmp_path, Plan("in.mkv", tags=(("title", "Sea"), ("REPLAYGAIN_TRACK_GAIN", "-6.00 dB"))))
    scored(source, tmp_path / "out.mkv")
    with av.open(str(tmp_path / "out.mkv")) as container:
        names = {name.lower() for name in container.metadata}
    assert "title" in names
    assert not any(name.startswith("replaygain") for name in names)


def test_films_that_were_joined_byte_by_byte_are_known(tmp_path: Path) -> None:
    first = make(tmp_path, Plan("a.mp4")).read_bytes()
    (tmp_path / "two.mp4").write_bytes(first + first)
    assert unread_from(tmp_path / "a.mp4") is None
    assert unread_from(tmp_path / "two.mp4") == len(first)


def test_boxes_are_put_in_where_the_index_stands_last_alone(tmp_path: Path) -> None:
    source = make(tmp_path, Plan("in.mov"))
    put_in(source, {"dvvC": VISION})
    assert said(source)["dvvC"] == VISION
    mux_film(source, [], tmp_path / "front.mp4")
    with pytest.raises(ValueError, match="no index at its end"):
        put_in(tmp_path / "front.mp4", {"dvvC": VISION})
