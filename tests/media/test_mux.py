import math
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from media_making import full_disk_after, limited, noise, tone, write_sound, write_video

from storysound.errors import MediaError, OutputError
from storysound.media.audio import Waveform, read_audio
from storysound.media.film.mux import mux_copy
from storysound.media.film.slideshow import letterbox, render_slideshow
from storysound.media.loudness import true_peak_dbtp
from storysound.media.probe import probe
from storysound.media.recording import of_wave
from storysound.media.video import iter_frames


def packets(path: Path) -> list[tuple[bytes, float]]:
    """Bytes and time of the video packets."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        return [
            (bytes(packet), float((packet.pts or 0) * packet.time_base))
            for packet in container.demux(stream)
            if packet.size
        ]


def assert_same_pictures(before: Path, after: Path) -> None:
    old, new = packets(before), packets(after)
    assert [data for data, _ in new] == [data for data, _ in old]
    assert [time for _, time in new] == pytest.approx([time for _, time in old], abs=6e-4)


def picture_end_s(path: Path) -> float:
    info = probe(path).video
    assert info is not None
    return max(time for _, time in packets(path)) + 1 / info.fps


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv", ".m4v"])
@pytest.mark.parametrize("sound_s", [0.4, 2.0, 5.0])
def test_pictures_are_copied_and_sound_ends_with_them(tmp_path: Path, suffix: str, sound_s: float) -> None:
    source = write_video(tmp_path / "in.mp4", wave=noise(1), frames=50, fps=25)
    out = tmp_path / f"out{suffix}"
    wave = tone(440, sound_s, 44100, channels=2)
    mux_copy(source, wave, out)
    assert_same_pictures(source, out)
    heard = read_audio(out)
    assert heard.duration_s == pytest.approx(picture_end_s(out), abs=1 / 25)
    assert probe(out).duration_s == pytest.approx(2, abs=1 / 25)
    count = int(min(sound_s, 2.0) * 44100) - 1000
    np.testing.assert_allclose(heard.samples[:, 1000:count], wave.samples[:, 1000:count], atol=0.02)
    if sound_s < 1.5:
        assert np.abs(heard.samples[:, int(1.5 * 44100) :]).max() < 1e-3


def test_webm_takes_opus(tmp_path: Path) -> None:
    source = write_video(tmp_path / "in.webm", codec="libvpx", frames=24)
    mux_copy(source, tone(440, 1, 22050), tmp_path / "out.webm")
    assert_same_pictures(source, tmp_path / "out.webm")
    info = probe(tmp_path / "out.webm")
    assert info.audio is not None
    assert info.audio.codec == "opus"
    heard = read_audio(tmp_path / "out.webm")
    assert heard.duration_s == pytest.approx(1, abs=1 / 24)
    assert np.abs(heard.samples[0, 4800:40000] - tone(440, 1).samples[0, 4800:40000]).max() < 0.05


@pytest.mark.parametrize("name", ["out.webm", "out.avi", "out"])
def test_a_container_that_does_not_fit_is_told_with_one_that_does(tmp_path: Path, name: str) -> None:
    source = write_video(tmp_path / "in.mp4")
    with pytest.raises(OutputError, match=r"name it \.mp4"):
        mux_copy(source, tone(440, 1), tmp_path / name)
    vp8 = write_video(tmp_path / "in.webm", codec="libvpx")
    with pytest.raises(OutputError, match=r"can't hold vp8 video \(name it \.webm"):
        mux_copy(vp8, tone(440, 1), tmp_path / "out.mp4")
    assert len(list(tmp_path.iterdir())) == 2


def test_rotation_tags_and_chapters_stay(tmp_path: Path) -> None:
    source = write_video(tmp_path / "in.mp4", rotation=90, frames=48, tags={"title": "Sea", "artist": "Me"})
    chaptered = tmp_path / "in.mkv"
    with av.open(str(source)) as container, av.open(str(chaptered), "w") as copy:
        stream = copy.add_stream_from_template(container.streams.video[0])
        copy.metadata.update({"title": "Sea", "artist": "Me"})
        chapter = {"id": 1, "start": 0, "end": 1000, "time_base": Fraction(1, 1000), "metadata": {"title": "One"}}
        copy.set_chapters([chapter])  # type: ignore[list-item]
        for packet in container.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                copy.mux(packet)
    for path in (source, chaptered):
        out = tmp_path / "out.mp4"
        mux_copy(path, tone(440, 2), out)
        info = probe(out)
        assert info.video is not None
        assert info.video.rotation == 270
        assert (info.tags["title"], info.tags["artist"]) == ("Sea", "Me")
    with av.open(str(tmp_path / "out.mp4")) as container:
        assert [chapter["metadata"]["title"] for chapter in container.chapters()] == ["One"]


def test_variable_rate_keeps_its_times(tmp_path: Path) -> None:
    times = [0, 40, 80, 300, 340, 380, 900, 940, 980, 1200]
    source = write_video(tmp_path / "in.mkv", frames=10, times=times)
    mux_copy(source, tone(440, 3), tmp_path / "out.mp4")
    assert_same_pictures(source, tmp_path / "out.mp4")
    assert 1.2 < read_audio(tmp_path / "out.mp4").duration_s < 1.5


def test_an_odd_start_counts_as_zero(tmp_path: Path) -> None:
    """Sound and picture begin at 1.5 s on the container's clock, as cut material does; at 0 in the result."""
    times = [1500 + 40 * index for index in range(50)]
    source = write_video(tmp_path / "in.mkv", wave=tone(440, 2), frames=50, times=times, sound_at_s=1.5)
    assert packets(source)[0][1] == pytest.approx(1.5, abs=0.03)
    original = read_audio(source)
    assert original.duration_s == pytest.approx(2, abs=0.05)
    assert np.abs(original.samples[0, 4800:9600]).max() > 0.4
    assert next(iter(iter_frames(source))).time_s == pytest.approx(0, abs=0.03)
    out = tmp_path / "out.mp4"
    mux_copy(source, original, out)
    assert [data for data, _ in packets(source)] == [data for data, _ in packets(out)]
    assert packets(out)[0][1] == pytest.approx(0, abs=0.03)
    assert read_audio(out).duration_s == pytest.approx(2, abs=0.04)


def test_a_cut_short_video_is_copied_as_far_as_it_goes(tmp_path: Path) -> None:
    source = write_video(tmp_path / "in.mkv", frames=96, size=(128, 96))
    data = source.read_bytes()
    source.write_bytes(data[: len(data) * 2 // 3])
    mux_copy(source, tone(440, 4), tmp_path / "out.mp4")
    assert read_audio(tmp_path / "out.mp4").duration_s == pytest.approx(picture_end_s(tmp_path / "out.mp4"), abs=0.05)


def test_the_decoded_sound_keeps_its_ceiling(tmp_path: Path) -> None:
    source = write_video(tmp_path / "in.mp4", frames=48)
    loud = limited(noise(2, 48000, 2, 3.0), -1.0)
    mux_copy(source, loud, tmp_path / "free.mp4")
    assert true_peak_dbtp(read_audio(tmp_path / "free.mp4")) > -1.0
    mux_copy(source, loud, tmp_path / "kept.mp4", ceiling_dbtp=-1.0)
    assert -4 < true_peak_dbtp(read_audio(tmp_path / "kept.mp4")) <= -1.0


def test_errors_leave_nothing_behind(tmp_path: Path) -> None:
    sound = write_sound(tmp_path / "in.mp3", tone(440, 1), "libmp3lame")
    with pytest.raises(MediaError, match="no video stream"):
        mux_copy(sound, tone(440, 1), tmp_path / "out.mp4")
    source = write_video(tmp_path / "in.mp4", frames=48)
    (tmp_path / "out.mp4").write_text("older")
    with pytest.raises(OutputError, match="disk is full"), full_disk_after(20_000):
        mux_copy(source, noise(2), tmp_path / "out.mp4")
    assert (tmp_path / "out.mp4").read_text() == "older"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.mp3", "in.mp4", "out.mp4"]


def test_a_video_can_be_replaced_by_itself(tmp_path: Path) -> None:
    source = write_video(tmp_path / "in.mp4", frames=24)
    before = packets(source)
    mux_copy(source, tone(440, 1), source)
    assert packets(source) == before
    assert probe(source).audio is not None


def test_slideshow(tmp_path: Path) -> None:
    grey = [np.full((90, 160, 3), value, np.uint8) for value in (40, 120, 220)]
    out = tmp_path / "out.mp4"
    render_slideshow(grey, [1.0, 1.5, 0.51], of_wave(tone(440, 1.2)), out, size=(320, 180), fps=25)
    info = probe(out)
    assert info.video is not None
    assert (info.video.width, info.video.height, info.video.frames, info.video.fps) == (320, 180, 75, 25)
    assert info.duration_s == pytest.approx(3.0, abs=0.04)
    assert read_audio(out).duration_s == pytest.approx(3.0, abs=0.04)
    level = [float(frame.rgb.mean()) for frame in iter_frames(out)]
    assert level[0] == pytest.approx(40, abs=3)
    assert level[44] == pytest.approx(120, abs=3)
    assert level[-1] == pytest.approx(220, abs=3)
    steps = np.diff(level)
    assert steps.min() > -3
    assert steps.max() < 25  # a fade, not a cut


def test_slideshow_reads_files_and_keeps_them_whole(tmp_path: Path) -> None:
    from PIL import Image

    tall = np.zeros((200, 100, 3), np.uint8)
    tall[..., 2] = 255
    tall[:10, :10] = (255, 0, 0)
    Image.fromarray(tall).save(tmp_path / "a.png")
    render_slideshow([tmp_path / "a.png"], [0.2], of_wave(tone(440, 1)), tmp_path / "o.mkv", size=(320, 180), fps=10)
    frames = list(iter_frames(tmp_path / "o.mkv"))
    assert len(frames) == 2
    picture = frames[0].rgb.astype(int)
    assert picture[3, 160 - 42, 0] > 150  # the corner of the fitted picture
    assert picture[100, 160, 2] > 230
    assert 60 < picture[100, 20, 2] < 200  # the ground: the same colour, darker
    assert letterbox(tall, (50, 100)).shape == (100, 50, 3)


def test_a_film_plays_in_its_place_among_pictures(tmp_path: Path) -> None:
    # Frame k of the film is grey 8 k, at 10 a second; it lasts 1.2 s and is shown for 2.
    write_video(tmp_path / "b.mp4", frames=12, fps=10, size=(320, 180))
    black, white = (np.full((180, 320, 3), grey, np.uint8) for grey in (0, 255))
    images = [white, tmp_path / "b.mp4", black]
    out = tmp_path / "o.mp4"
    shown = {"size": (320, 180), "fps": 30000 / 1001, "transition_s": 0.0, "films": frozenset({1})}
    render_slideshow(images, [1.0, 2.0, 1.0], of_wave(tone(440, 4, channels=2)), out, **shown)  # type: ignore[arg-type]
    frames = list(iter_frames(out))
    assert probe(out).video.fps == pytest.approx(30000 / 1001, rel=1e-6)  # type: ignore[union-attr]
    assert len(frames) == 120
    level = [float(frame.rgb[100:, 200:].mean()) for frame in frames]
    assert level[29] > 250  # a cut: no frame in between
    assert [level[30 + round(k * 29.97 / 10) + 1] for k in range(12)] == pytest.approx(
        [8 * k for k in range(12)], abs=3
    )
    assert level[80] == pytest.approx(88, abs=3)  # its last picture stands
    assert level[90] < 5


def test_a_dissolve_between_films_shows_both_moving(tmp_path: Path) -> None:
    write_video(tmp_path / "a.mp4", frames=20, fps=10, size=(64, 48))
    shown = {"size": (64, 48), "fps": 10, "transition_s": 1.0, "films": frozenset({0, 1})}
    files = [tmp_path / "a.mp4"] * 2
    render_slideshow(files, [2.0, 2.0], of_wave(tone(440, 4, channels=2)), tmp_path / "o.mp4", **shown)  # type: ignore[arg-type]
    level = [float(frame.rgb[24:, 32:].mean()) for frame in iter_frames(tmp_path / "o.mp4")]
    assert len(level) == 40
    # Step k of ten: the first one's frame 15 + k until its last, 19; the second one's frame k - 5 from its first on.
    wanted = [
        (1 - share) * 8 * min(15 + k, 19) + share * 8 * max(0, k - 5) for k in range(10) for share in [(k + 1) / 11]
    ]
    assert level[15:25] == pytest.approx(wanted, abs=4)
    assert level[26] == pytest.approx(8 * 6, abs=3)


def test_slideshow_refuses_nonsense(tmp_path: Path) -> None:
    picture = np.zeros((4, 4, 3), np.uint8)
    for images, durations, size in [([], [], (32, 32)), ([picture], [1, 1], (32, 32)), ([picture], [1], (33, 32))]:
        with pytest.raises(ValueError, match=r"picture|even"):
            render_slideshow(images, durations, of_wave(tone(440, 1)), tmp_path / "o.mp4", size=size)
    with pytest.raises(ValueError, match="frame at least"):
        render_slideshow([picture, picture], [1, 0.001], of_wave(tone(440, 1)), tmp_path / "o.mp4", size=(32, 32))
    with pytest.raises(MediaError, match="does not exist"):
        render_slideshow([tmp_path / "none.png"], [1], of_wave(tone(440, 1)), tmp_path / "o.mp4", size=(32, 32))
    assert list(tmp_path.iterdir()) == []


def test_silence_of_no_length_under_pictures(tmp_path: Path) -> None:
    source = write_video(tmp_path / "in.mp4", frames=24)
    mux_copy(source, Waveform(np.zeros((6, 0), np.float32), 8000), tmp_path / "out.mp4", ceiling_dbtp=-1.0)
    heard = read_audio(tmp_path / "out.mp4")
    assert (heard.channels, heard.rate_hz) == (6, 48000)
    assert true_peak_dbtp(heard) == -math.inf


def test_a_codec_goes_by_its_own_name(tmp_path: Path) -> None:
    """AV1 is decoded by a library with another name; the packets are copied all the same."""
    source = tmp_path / "in.mp4"
    # In a process of its own: as root this encoder makes the process that runs it, and all it starts, real-time ones.
    script = f"from pathlib import Path; from media_making import write_video; write_video(Path({str(source)!r}), "
    script += "codec='libsvtav1', frames=10)"
    subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, cwd=Path(__file__).parent)
    info = probe(source).video
    assert info is not None
    assert info.codec == "av1"
    mux_copy(source, tone(440, 1), tmp_path / "out.webm")
    assert_same_pictures(source, tmp_path / "out.webm")


def test_unknown_codecs_are_told(tmp_path: Path) -> None:
    source = write_video(tmp_path / "in.mkv", wave=tone(440, 1))
    data = source.read_bytes()
    source.write_bytes(data.replace(b"A_AAC", b"A_XYZ"))
    with pytest.raises(MediaError, match="audio codec is not known"):
        read_audio(source)
    source.write_bytes(data.replace(b"V_MPEG4/ISO/AVC", b"V_MPEG4/ISO/XYZ"))
    for call in (probe, lambda path: list(iter_frames(path)), lambda path: mux_copy(path, tone(440, 1), path)):
        with pytest.raises(MediaError, match="video codec is not known"):
            call(source)
    assert read_audio(source).duration_s == pytest.approx(1, abs=0.05)
