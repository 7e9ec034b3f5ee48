"""The clock of a file, as a table of cases: what stamps do, and when sound and pictures are due all the same."""

import re
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest
from media_making import pcm_video, tone, write_video

from storysound.errors import MediaError
from storysound.media.audio import Waveform, read_audio
from storysound.media.clock import DRIFT_S, clock_of, looked_at, stretches
from storysound.media.film.mux import mux_copy, picture_end_s
from storysound.media.film.pictures import decoding_times
from storysound.media.probe import probe
from storysound.media.video import iter_frames

RATE_HZ = 48_000
FPS = 25


def clicks(duration_s: float, *at_s: float) -> Waveform:
    """A faint tone with bursts of a tenth of a second."""
    wave = tone(300, duration_s, RATE_HZ, 0.001)
    for time_s in at_s:
        start = round(time_s * RATE_HZ)
        wave.samples[0, start : start + RATE_HZ // 10] += tone(1000, 0.1, RATE_HZ, 0.8).samples[0]
    return wave


def onsets_s(wave: Waveform) -> list[float]:
    """Where bursts begin."""
    loud = np.flatnonzero(np.abs(wave.samples[0]) > 0.3) / wave.rate_hz
    return [float(t) for i, t in enumerate(loud) if i == 0 or t - loud[i - 1] > 0.05]


def test_a_hole_stays_a_hole(tmp_path: Path) -> None:
    hole = round(3.0 * RATE_HZ)
    path = pcm_video(
        tmp_path / "a.mkv",
        clicks(6, 1.0, 4.0),
        frames=225,
        stamp=lambda k: 1024 * k + (hole if 1024 * k > 2 * RATE_HZ else 0),
    )
    assert onsets_s(read_audio(path)) == pytest.approx([1.0, 7.0], abs=0.03)


@pytest.mark.parametrize("share", [0.004, -0.004, 0.012])
def test_drifting_sound_keeps_to_its_stamps(tmp_path: Path, share: float) -> None:
    """40 s of sound whose stamps run faster or slower than its samples."""
    path = pcm_video(
        tmp_path / "a.mkv", clicks(40, 1.0, 20.0, 38.0), frames=1000, stamp=lambda k: round(1024 * k * (1 + share))
    )
    heard = onsets_s(read_audio(path))
    assert heard == pytest.approx([t * (1 + share) for t in (1.0, 20.0, 38.0)], abs=0.05)


def test_drifting_sound_is_read_alike_in_parts(tmp_path: Path) -> None:
    path = pcm_video(tmp_path / "a.mkv", clicks(40, 30.5), frames=1000, stamp=lambda k: round(1024 * k * 1.006))
    part = read_audio(path, start_s=30.0, end_s=32.0)
    assert [30.0 + t for t in onsets_s(part)] == pytest.approx([30.5 * 1.006], abs=0.06)


def test_many_small_holes_do_not_add_up(tmp_path: Path) -> None:
    """As of a bad radio link: 20 ms are missing after every block of 21 ms."""
    path = pcm_video(tmp_path / "a.mkv", clicks(8, 6.0), frames=400, stamp=lambda k: 1024 * k + 960 * k)
    assert onsets_s(read_audio(path))[0] == pytest.approx(6.0 * (1 + 960 / 1024), abs=0.25)


def test_a_start_at_ten_seconds_moves_everything(tmp_path: Path) -> None:
    source = write_video(tmp_path / "in.mkv", wave=clicks(4, 1.0), frames=100, fps=25)
    late = tmp_path / "late.mkv"
    with av.open(str(source)) as old, av.open(str(late), "w") as new:
        streams = {s.index: new.add_stream_from_template(s) for s in old.streams}
        base = Fraction(1, 1000)
        marks = [(10_000, 12_000, "one"), (12_000, 14_000, "two")]
        new.set_chapters([  # type: ignore[list-item]
            {"id": i, "start": a, "end": b, "time_base": base, "metadata": {"title": name}}
            for i, (a, b, name) in enumerate(marks)
        ])  # fmt: skip
        for packet in old.demux():
            if packet.dts is not None:
                shift = round(10 / packet.time_base)
                packet.pts, packet.dts = (packet.pts or 0) + shift, packet.dts + shift
                packet.stream = streams[packet.stream.index]
                new.mux(packet)
    heard = read_audio(late)
    assert onsets_s(heard) == pytest.approx([1.0], abs=0.03)
    mux_copy(late, heard, tmp_path / "out.mp4")
    with av.open(str(tmp_path / "out.mp4")) as out:
        found = [(float(c["start"] * c["time_base"]), float(c["end"] * c["time_base"])) for c in out.chapters()]
    assert [edge for span in found for edge in span] == pytest.approx([0, 2, 2, 4], abs=0.05)


@pytest.mark.parametrize(
    "times",
    [
        [0, 40, 80, 80, 160, 200],
        [0, 0, 80, 80, 160, 160],
        [0, 40, 80, 60, 160, 200],
        [0, 0, 0, 0, 0, 0],
    ],
)
def test_repeated_and_backward_stamps_of_pictures(tmp_path: Path, times: list[int]) -> None:
    source = _stamped(tmp_path / "in.mkv", times)
    shown = [frame.time_s for frame in iter_frames(source)]
    assert len(shown) == 6
    assert all(a < b for a, b in pairwise(shown))
    mux_copy(source, tone(440, 1), tmp_path / "out.mp4")
    with av.open(str(tmp_path / "out.mp4")) as out:
        stamps = [(p.pts, p.dts) for p in out.demux(video=0) if p.size]
    assert len(stamps) == 6
    assert all(a[1] < b[1] for a, b in pairwise(stamps))


def test_a_picture_whose_stamp_is_broken_is_shown_where_one_is_missing(tmp_path: Path) -> None:
    """A picture with B-frames after it is said to be shown in 10 s, far beyond the end of the file."""
    source = write_video(tmp_path / "in.mp4", wave=clicks(1, 0.5), frames=24, fps=24)
    whole = _shown(source)
    assert [time for time, _ in whole] != sorted(time for time, _ in whole)
    data = bytearray(source.read_bytes())
    entry = data.index(b"ctts") + 12 + 8  # the second of (how many pictures, how much later each is shown)
    assert data[entry : entry + 4] == (1).to_bytes(4, "big")
    data[entry + 4 : entry + 8] = round(10 / _tick_s(source)).to_bytes(4, "big")
    source.write_bytes(data)
    mux_copy(source, read_audio(source), tmp_path / "out.mp4")
    shown = _shown(tmp_path / "out.mp4")
    assert [time for time, _ in shown] == pytest.approx([time for time, _ in whole])
    assert all(decoded <= time for time, decoded in shown)


def _tick_s(path: Path) -> float:
    with av.open(str(path)) as container:
        return float(container.streams.video[0].time_base or 0)


def _shown(path: Path) -> list[tuple[float, float]]:
    """When pictures are shown and decoded, in seconds, in the order of the file."""
    with av.open(str(path)) as container:
        packets = [packet for packet in container.demux(video=0) if packet.size]
        return [(float((p.pts or 0) * p.time_base), float((p.dts or 0) * p.time_base)) for p in packets]


def _stamped(path: Path, times: list[int]) -> Path:
    """A Matroska file whose pictures carry these stamps in ms, put there behind the muxer's back."""
    even = [40 * i for i in range(len(times))]
    plain = write_video(path.with_name("plain.mkv"), frames=len(times), codec="mpeg4", times=even)
    data = bytearray(plain.read_bytes())
    # SimpleBlock: id A3, its size in one or two bytes, track 81, then the stamp in its cluster as two bytes.
    at = -1
    for index, time in enumerate(times):
        block = re.compile(
            rb"\xa3(?:[\x80-\xff]|[\x40-\x7f].)\x81" + re.escape((40 * index).to_bytes(2, "big")), re.DOTALL
        )
        found = block.search(data, at + 1)
        assert found
        at = found.end()
        data[at - 2 : at] = time.to_bytes(2, "big")
    path.write_bytes(data)
    return path


def test_packets_without_decoding_times_get_some() -> None:
    """B-frames in a file that states when pictures are shown, not when they are decoded."""
    shown = [0, 160, 80, 40, 120, 320, 240, 200, 280]
    decoded = decoding_times(shown)
    assert len(decoded) == len(shown)
    assert all(a < b for a, b in pairwise(decoded))
    assert all(d <= s for d, s in zip(decoded, shown, strict=True))


def moved(source: Path, path: Path, by_s: float) -> Path:
    """The same packets with later stamps."""
    with av.open(str(source)) as given, av.open(str(path), "w", options={"mpegts_copyts": "1"}) as out:
        copies = {stream.index: out.add_stream_from_template(stream) for stream in given.streams}
        for packet in given.demux():
            if packet.dts is not None and packet.pts is not None:
                packet.pts += round(by_s / packet.time_base)
                packet.dts += round(by_s / packet.time_base)
                packet.stream = copies[packet.stream.index]
                out.mux(packet)
    return path


@pytest.mark.parametrize("later_s", [0.0, 700.0])
def test_joined_pieces_go_on(tmp_path: Path, later_s: float) -> None:
    """Two recordings of 4 s, put one behind the other as bytes: the second's clock begins anew, or leaps ahead."""
    for name, at_s in (("a.ts", 1.0), ("b.ts", 2.0)):
        write_video(tmp_path / name, wave=clicks(4, at_s), frames=100, fps=25)
    moved((tmp_path / "b.ts").rename(tmp_path / "own.ts"), tmp_path / "b.ts", later_s)
    joined = tmp_path / "ab.ts"
    joined.write_bytes((tmp_path / "a.ts").read_bytes() + (tmp_path / "b.ts").read_bytes())
    assert looked_at(joined).restarts
    assert probe(joined).duration_s == pytest.approx(8, abs=0.1)
    assert probe(joined).missing_s < 0.5
    assert onsets_s(read_audio(joined)) == pytest.approx([1.0, 6.0], abs=0.08)
    assert [5.5 + t for t in onsets_s(read_audio(joined, start_s=5.5, end_s=7.0))] == pytest.approx([6.0], abs=0.08)
    times = [frame.time_s for frame in iter_frames(joined)]
    assert len(times) == 200
    assert times[-1] == pytest.approx(7.96, abs=0.08)
    mux_copy(joined, read_audio(joined), tmp_path / "out.mp4")
    assert probe(tmp_path / "out.mp4").duration_s == pytest.approx(8, abs=0.1)
    assert onsets_s(read_audio(tmp_path / "out.mp4")) == pytest.approx([1.0, 6.0], abs=0.08)


def test_a_hole_that_one_stream_fills_is_none_between_pieces(tmp_path: Path) -> None:
    whole = write_video(tmp_path / "a.mp4", wave=clicks(20, 18.0), frames=500, fps=25)
    holed = tmp_path / "b.ts"
    with av.open(str(whole)) as given, av.open(str(holed), "w") as out:
        copies = {stream.index: out.add_stream_from_template(stream) for stream in given.streams}
        for packet in given.demux():
            time_s = float((packet.pts or 0) * packet.time_base) - (given.start_time or 0) / 1e6
            if packet.dts is not None and not (packet.stream.type == "audio" and 2 < time_s < 16):
                packet.stream = copies[packet.stream.index]
                out.mux(packet)
    assert not looked_at(holed).restarts
    assert onsets_s(read_audio(holed)) == pytest.approx([18.0], abs=0.08)


@pytest.mark.parametrize(
    ("suffix", "pieces", "read_s"), [(".mkv", 2, 8), (".mkv", 3, 8), (".flv", 1, 4), (".flv", 2, 4)]
)
def test_joined_pieces_that_are_not_read_are_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, suffix: str, pieces: int, read_s: int
) -> None:
    """FFmpeg ends before the second FLV and before the third Matroska."""
    path = write_video(tmp_path / f"a{suffix}", wave=tone(300, 4, 44_100), frames=100, fps=25)
    path.write_bytes(pieces * path.read_bytes())
    assert looked_at(path).end_s == pytest.approx(read_s, abs=0.1)
    assert ("can't be read; give its pieces one by one" in caplog.text) == (read_s < 4 * pieces)


@pytest.mark.parametrize(
    ("pieces", "told"),
    [
        ("plain plain", "50 % of it, joined to its film, can't be read"),
        ("front plain plain", "67 % of it, joined to its film, can't be read"),
        ("fragments plain", "50 % of it, joined to its film, can't be read"),
        ("fragments fragments", "its times begin anew, and sound may be missing there"),
        ("plain", ""),
        ("fragments", ""),
    ],
)
def test_films_of_boxes_that_were_joined_are_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, pieces: str, told: str
) -> None:
    """FFmpeg reads the first MP4, and of fragments of several what is due after the end of the one before."""
    source = write_video(tmp_path / "plain.mp4", wave=tone(300, 2, 44_100), frames=48)
    made = {"plain": source, "front": _remuxed(source, "faststart"), "fragments": _remuxed(source, FRAGMENTS)}
    path = tmp_path / "joined.mp4"
    path.write_bytes(b"".join(made[name].read_bytes() for name in pieces.split()))
    probe(path)
    looked_at(path)
    lines = [record.message for record in caplog.records]
    assert lines == ([f"{path}: {told}; give its pieces one by one"] if told else [])


def test_what_fails_because_it_was_joined_says_so(tmp_path: Path) -> None:
    source = write_video(tmp_path / "a.mp4", frames=24)
    path = tmp_path / "joined.mp4"
    path.write_bytes(source.read_bytes() + _remuxed(source, FRAGMENTS).read_bytes())
    with pytest.raises(MediaError, match="it is several films, joined to each other; give them one by one"):
        probe(path)


FRAGMENTS = "frag_keyframe+empty_moov"


def _remuxed(source: Path, flags: str) -> Path:
    """The same packets, written with other flags of the muxer."""
    path = source.with_name(f"{flags}.mp4")
    with av.open(str(source)) as old, av.open(str(path), "w", container_options={"movflags": flags}) as new:
        streams = {stream.index: new.add_stream_from_template(stream) for stream in old.streams}
        for packet in old.demux():
            if packet.size:
                packet.stream = streams[packet.stream.index]
                new.mux(packet)
    return path


@pytest.mark.parametrize("suffix", [".mkv", ".webm"])
def test_the_last_picture_is_held_under_longer_sound(tmp_path: Path, suffix: str) -> None:
    codec = "libvpx" if suffix == ".webm" else "libx264"
    source = write_video(tmp_path / f"in{suffix}", wave=clicks(6, 5.0), frames=24, codec=codec)
    assert picture_end_s(source) == pytest.approx(6, abs=0.1)
    out = tmp_path / f"out{suffix}"
    mux_copy(source, read_audio(source), out)
    assert onsets_s(read_audio(out, channels=1)) == pytest.approx([5.0], abs=0.03)
    assert picture_end_s(out) == pytest.approx(6, abs=0.1)


def test_sound_a_little_longer_does_not_hold_pictures(tmp_path: Path) -> None:
    source = write_video(tmp_path / "in.mp4", wave=clicks(1.2, 0.5), frames=24)
    assert picture_end_s(source) == pytest.approx(1.0, abs=0.01)


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
def test_subtitles_that_go_on_do_not_hold_pictures(tmp_path: Path, suffix: str) -> None:
    source = write_video(tmp_path / f"in{suffix}", wave=clicks(2, 1.0), frames=50, fps=25)
    path = _with_words_at(source, tmp_path / f"words{suffix}", 0.0, 20.0)
    assert picture_end_s(path) == pytest.approx(2, abs=0.02)
    assert probe(path).duration_s == pytest.approx(2, abs=0.02)
    with av.open(str(path)) as container:
        assert clock_of(container, path).end_s == pytest.approx(2, abs=0.02)


def _with_words_at(source: Path, path: Path, *at_s: float) -> Path:
    """The same with subtitles that begin then."""
    with av.open(str(source)) as old, av.open(str(path), "w") as new:
        streams = {s.index: new.add_stream_from_template(s) for s in old.streams}
        words = new.add_stream("srt" if path.suffix == ".mkv" else "mov_text")
        words.codec_context.subtitle_header = (
            b"[Script Info]\n[V4+ Styles]\nFormat: Name\nStyle: Default\n[Events]\nFormat: Text\n"
        )
        for packet in old.demux():
            if packet.dts is not None:
                packet.stream = streams[packet.stream.index]
                new.mux(packet)
        for time_s in at_s:
            packet = av.Packet(b"hello" if path.suffix == ".mkv" else b"\0\5hello")
            packet.time_base, packet.stream = Fraction(1, 1000), words
            packet.pts = packet.dts = round(1000 * time_s)
            packet.duration = 1000
            new.mux(packet)
    return path


def test_of_each_stream_its_own_end_counts(tmp_path: Path) -> None:
    """Pictures of 1 s under sound of 3 s, and the other way round."""
    long = write_video(tmp_path / "a.mp4", wave=clicks(3, 0.5), frames=25, fps=25)
    assert picture_end_s(long) == pytest.approx(3, abs=0.05)
    short = write_video(tmp_path / "b.mp4", wave=clicks(1, 0.5), frames=75, fps=25)
    assert picture_end_s(short) == pytest.approx(3, abs=0.01)
    with av.open(str(short)) as container:
        ends = clock_of(container, short).ends_s
    assert [ends[0], ends[1]] == pytest.approx([3, 1], abs=0.05)


def test_a_file_cut_short_ends_where_its_packets_do(tmp_path: Path) -> None:
    """Its index, which stands in front, tells of all 8 s; what is there of the pictures isn't held until then."""
    path = write_video(tmp_path / "in.mp4", wave=clicks(8, 1.0), frames=200, fps=25)
    whole = tmp_path / "front.mp4"
    mux_copy(path, read_audio(path), whole)
    data = whole.read_bytes()
    assert data.find(b"moov") < data.find(b"mdat")
    half = tmp_path / "half.mp4"
    half.write_bytes(data[: (data.find(b"mdat") + len(data)) // 2])
    pictures_s = [frame.time_s for frame in iter_frames(half)]
    assert 2 < pictures_s[-1] < 6
    assert picture_end_s(half) == pytest.approx(pictures_s[-1] + 0.04, abs=0.6)
    assert probe(half).duration_s == pytest.approx(pictures_s[-1] + 0.04, abs=0.6)


@pytest.mark.parametrize("flags", ["frag_keyframe+empty_moov", "frag_keyframe+empty_moov+default_base_moof"])
def test_fragments_state_no_end_and_have_one(tmp_path: Path, flags: str) -> None:
    """As recorders write them, so that what is there is good whenever they are stopped."""
    source = write_video(tmp_path / "in.mp4", wave=clicks(8, 7.0), frames=200, fps=25)
    path = tmp_path / "fragments.mp4"
    with av.open(str(source)) as old, av.open(str(path), "w", options={"movflags": flags}) as new:
        streams = {s.index: new.add_stream_from_template(s) for s in old.streams}
        for packet in old.demux():
            if packet.dts is not None:
                packet.stream = streams[packet.stream.index]
                new.mux(packet)
    assert picture_end_s(path) == pytest.approx(8, abs=0.1)  # without an edit list B-frames come two pictures late
    assert probe(path).duration_s == pytest.approx(8, abs=0.1)
    assert onsets_s(read_audio(path)) == pytest.approx([7.0], abs=0.03)


@pytest.mark.parametrize("suffix", [".mp4", ".mov"])
@pytest.mark.parametrize("tag", ["hvc1", "hev1", ""])
def test_the_name_of_hevc_is_kept(tmp_path: Path, tag: str, suffix: str) -> None:
    source = tmp_path / ("in.mkv" if not tag else "in.mp4")
    with av.open(str(source), "w") as out:
        video = out.add_stream("libx265", rate=FPS, options={"x265-params": "log-level=none"})
        video.width, video.height, video.pix_fmt = 64, 64, "yuv420p"
        if tag:
            video.codec_context.codec_tag = tag
        for index in range(10):
            frame = av.VideoFrame.from_ndarray(np.full((64, 64, 3), 20 * index, np.uint8))
            frame.pts, frame.time_base = index, Fraction(1, FPS)
            out.mux(video.encode(frame))
        out.mux(video.encode(None))
    mux_copy(source, tone(440, 1), tmp_path / f"out{suffix}")
    with av.open(str(tmp_path / f"out{suffix}")) as out:
        assert out.streams.video[0].codec_context.codec_tag == (tag or "hvc1")


# --- stretches


def test_what_does_not_drift_is_left_alone() -> None:
    at = np.arange(2000) * 1024
    jitter = np.random.default_rng(1).uniform(-0.01, 0.01, 2000) * RATE_HZ
    assert stretches(at, jitter, 2000 * 1024, RATE_HZ) == [(0, 2000 * 1024, 1.0)]


@pytest.mark.parametrize("bend", [0.0, 0.5])
def test_stretched_pieces_follow_the_stamps(bend: float) -> None:
    """Drift that is even, and drift that begins half-way; with jitter that no piece follows."""
    at = np.arange(4000) * 1024
    length = 4000 * 1024
    late = 0.005 * np.maximum(0, at - bend * length) + np.random.default_rng(1).uniform(-0.02, 0.02, 4000) * RATE_HZ
    pieces = stretches(at, late, length, RATE_HZ)
    assert [pieces[0][0], pieces[-1][1]] == [0, length]
    edges = np.array([0, *(end for _, end, _ in pieces)])
    played = np.concatenate([[0], np.cumsum([(end - start) * ratio for start, end, ratio in pieces])])
    due = edges + 0.005 * np.maximum(0, edges - bend * length)
    assert np.abs(played - due).max() < 2 * DRIFT_S * RATE_HZ
    assert len(pieces) <= 6


def test_a_leap_is_no_drift() -> None:
    at = np.arange(1000) * 1024
    late = np.where(np.arange(1000) < 500, 0.0, 4000.0)
    assert all(ratio == 1.0 for _, _, ratio in stretches(at, late, 1000 * 1024, RATE_HZ))
