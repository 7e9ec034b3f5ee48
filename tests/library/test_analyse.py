"""One sound file to segments: windows, pooling, blocks, and sounds that are hardly sounds."""

import math
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from library_fakes import JUDGE, FakeEncoder, tone
from storysound.annotate.hearing import Ear
from storysound.annotate.sound import SoundJudge
from storysound.encode.ears import class_names
from storysound.encode.encoder import Encoding
from storysound.errors import MediaError
from storysound.library import analyse as module
from storysound.library.analyse import _pooled, analyse, shape_of, windows
from storysound.media.audio import Waveform, read_audio
from storysound.media.content import sha256_of
from storysound.media.loudness import integrated_lufs, true_peak_dbtp
from storysound.story import Event, Span


@given(st.floats(0.001, 4000))
def test_windows_cover_the_sound_once(duration_s: float) -> None:
    spans = windows(duration_s)
    assert spans[0].start_s == 0
    assert spans[-1].end_s == duration_s
    assert all(a.end_s == b.start_s for a, b in pairwise(spans))
    assert all(span.duration_s == 10 for span in spans[:-1])
    assert spans[-1].duration_s < 15
    assert len(spans) == 1 or spans[-1].duration_s >= 5


@given(st.integers(1, 60), st.sampled_from([0.25, 0.464, 1.0, 2.5, 7.0]))
def test_every_row_of_an_encoding_is_pooled_once(count: int, step_s: float) -> None:
    """Each row belongs to the window it begins in; a window without any takes the last one before its end."""
    embedding = np.arange(count, dtype=np.float32)[:, None]
    encoding = Encoding(embedding, {"s": -embedding}, step_s)
    spans = windows(max(count * step_s, 0.1))
    columns = _pooled("e", encoding, spans)
    for i, span in enumerate(spans):
        inside = [k for k in range(count) if span.start_s - 1e-9 <= k * step_s < span.end_s - 1e-9]
        inside = inside or [min(count - 1, math.ceil(span.start_s / step_s))]
        assert columns["e"][i, 0] == pytest.approx(np.mean(inside), rel=1e-3)
        assert columns["e.s"][i, 0] == pytest.approx(-np.mean(inside), rel=1e-3)
        assert columns["e.s^max"][i, 0] == -inside[0]


def test_numbers_too_large_for_float16_are_clipped() -> None:
    columns = _pooled("e", Encoding(np.array([[1e6, -1e6, 0.5]], np.float32)), [Span(0, 1)])
    assert columns["e"].tolist() == [[65504, -65504, 0.5]]


def test_numbers_of_a_whole_file(tmp_path: Path) -> None:
    encoder = FakeEncoder()
    found = analyse(tone(tmp_path / "a.flac", 26.0), {"fake": encoder}, JUDGE)
    assert (found.sound.duration_s, found.sound.kind) == (26.0, "music")
    assert found.segments.start_s.tolist() == [0, 10, 20]
    assert found.segments.end_s.tolist() == [10, 20, 26]
    assert encoder.seconds == [26.0]
    stereo = read_audio(tmp_path / "a.flac", channels=2)
    assert found.sound.loudness_lufs == pytest.approx(integrated_lufs(stereo), abs=0.01)
    assert found.sound.true_peak_dbtp == pytest.approx(true_peak_dbtp(stereo), abs=0.05)
    np.testing.assert_allclose(found.segments.loudness_lufs, found.sound.loudness_lufs, atol=0.1)
    np.testing.assert_allclose(found.segments.vectors["fake"][:, 1], [4.5, 14.5, 22.5])
    np.testing.assert_allclose(found.segments.vectors["fake.level"][:, 1], 0.3 / math.sqrt(2), atol=2e-3)
    assert set(found.segments.vectors) == {"fake", "fake.level", "fake.level^max", "fake.audioset", "fake.audioset^max"}
    assert {rows.dtype for rows in found.segments.vectors.values()} == {np.dtype(np.float16)}


def test_events_are_found_in_the_whole_sound_on_its_own_clock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks of 20 s are no whole number of steps of .75 s; yet row i is about what is heard from .75 i s on."""

    class Clock(FakeEncoder):
        def _one(self, wave: Waveform) -> Encoding:
            starts = (np.arange(0, wave.duration_s, 0.75) * wave.rate_hz).astype(int)
            level = np.array([np.median(wave.samples[0, at : at + 2000]) for at in starts])
            return Encoding(level[:, None], {"audioset": self.heard(len(level), wave.duration_s)}, 0.75)

    told: list[tuple[Encoding, np.ndarray]] = []

    def events_in(heard: Encoding, ear: Ear, levels_db: np.ndarray, duration_s: float) -> tuple[Event, ...]:
        told.append((heard, levels_db))
        return tuple(Event(s, s + 0.5, f"second {s}", 0.75) for s in range(int(duration_s)))

    monkeypatch.setattr(module, "events_in", events_in)
    monkeypatch.setattr(module, "BLOCK_S", 20.0)
    ramp = np.linspace(0, 1, 52 * 8000, dtype=np.float32)
    soundfile.write(tmp_path / "a.wav", ramp, 8000, subtype="FLOAT")
    found = analyse(tmp_path / "a.wav", {"fake": Clock()}, JUDGE)
    rows = told[0][0].embedding[:, 0]
    assert len(rows) == math.ceil(52 / 0.75)
    np.testing.assert_allclose(rows[:-1], np.arange(len(rows) - 1) * 0.75 / 52, atol=0.4 / 52)
    np.testing.assert_allclose(told[0][1][9::100], 20 * np.log10(np.arange(1, 52, 10) / 52), atol=0.3)
    assert [event.start_s for event in found.segments.events] == list(range(52))


def test_encoders_that_know_no_classes_find_no_events(tmp_path: Path) -> None:
    deaf = {"fake": FakeEncoder(labels={"level": ("quiet", "loud")})}
    found = analyse(tone(tmp_path / "a.wav", 9.0), deaf, SoundJudge(deaf))
    assert (found.sound.kind, found.segments.events) == ("sfx", ())


def test_shape_names_revisions_and_classes() -> None:
    shape = shape_of({"fake": FakeEncoder(revision="r7")})
    assert shape.revisions == {"analysis": module.REVISION, "fake": "r7"}
    own = {"fake.level": ("quiet", "loud"), "fake.audioset": class_names()}
    assert shape.labels == own | {f"{column}^max": names for column, names in own.items()}


@pytest.mark.parametrize("duration_s", [20.0, 23.0, 26.0, 40.0, 46.0])
def test_blocks_give_what_the_whole_gives(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, duration_s: float) -> None:
    rng = np.random.default_rng(1)
    level = np.repeat(rng.random(48) * 0.5, 8000)[: round(duration_s * 8000)]
    soundfile.write(tmp_path / "a.wav", (level * rng.standard_normal(len(level)) / 4).astype(np.float32), 8000)
    whole = analyse(tmp_path / "a.wav", {"fake": FakeEncoder()}, JUDGE)
    encoder = FakeEncoder()
    monkeypatch.setattr(module, "BLOCK_S", 20.0)
    blocks = analyse(tmp_path / "a.wav", {"fake": encoder}, JUDGE)
    assert len(encoder.seconds) == len(windows(duration_s)) // 2 + len(windows(duration_s)) % 2
    assert max(encoder.seconds) < 25
    assert blocks.sound.duration_s == whole.sound.duration_s
    assert blocks.sound.loudness_lufs == pytest.approx(whole.sound.loudness_lufs, abs=0.1)
    assert blocks.sound.true_peak_dbtp == pytest.approx(whole.sound.true_peak_dbtp, abs=0.01)
    np.testing.assert_array_equal(blocks.segments.start_s, whole.segments.start_s)
    np.testing.assert_array_equal(blocks.segments.end_s, whole.segments.end_s)
    np.testing.assert_allclose(blocks.segments.loudness_lufs, whole.segments.loudness_lufs, atol=0.2)
    level_column = [found.segments.vectors["fake.level"].astype(np.float32) for found in (blocks, whole)]
    np.testing.assert_allclose(*level_column, atol=2e-3)


def test_silence_inside_a_sound_has_no_loudness(tmp_path: Path) -> None:
    samples = np.concatenate([0.2 * np.sin(np.arange(80_000)), np.zeros(160_000)]).astype(np.float32)
    soundfile.write(tmp_path / "a.wav", samples, 8000)
    loudness = analyse(tmp_path / "a.wav", {"fake": FakeEncoder()}, JUDGE).segments.loudness_lufs
    assert np.isfinite(loudness[0])
    assert loudness[1] < -50  # the filter of the meter rings on for a moment
    assert loudness[2] == -np.inf


def test_a_click_is_padded_for_encoder_and_meter(tmp_path: Path) -> None:
    encoder = FakeEncoder()
    found = analyse(tone(tmp_path / "a.wav", 0.02), {"fake": encoder}, JUDGE)
    assert encoder.seconds == [0.1]
    assert found.sound.duration_s == pytest.approx(0.02)
    assert found.segments.end_s.tolist() == [found.sound.duration_s]
    assert np.isfinite(found.sound.loudness_lufs)


@pytest.mark.parametrize(
    ("samples", "fault"),
    [
        (np.zeros(8000), "contains only silence"),
        (np.full(8000, 1e-4), "contains only silence"),
        (np.ones(1), "is only 0.12 ms long"),
        (np.full(8000, np.nan), "NaN or infinite"),
        (np.zeros(0), "no sound samples"),
    ],
)
def test_hardly_a_sound(tmp_path: Path, samples: np.ndarray, fault: str) -> None:
    encoder = FakeEncoder()
    soundfile.write(tmp_path / "a.wav", samples.astype(np.float32), 8000, subtype="FLOAT")
    with pytest.raises(MediaError, match=fault):
        analyse(tmp_path / "a.wav", {"fake": encoder}, JUDGE)
    assert encoder.seconds == []


def test_long_silence_is_silence_in_every_block(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BLOCK_S", 20.0)
    soundfile.write(tmp_path / "a.wav", np.zeros(45 * 8000, np.int16), 8000)
    with pytest.raises(MediaError, match="contains only silence"):
        analyse(tmp_path / "a.wav", {"fake": FakeEncoder()}, JUDGE)


def test_eight_channels_and_low_rates_are_heard(tmp_path: Path) -> None:
    samples = 0.1 * np.sin(np.arange(16_000)[:, None] * np.linspace(0.1, 0.4, 8))
    soundfile.write(tmp_path / "a.wav", samples, 8000)
    found = analyse(tmp_path / "a.wav", {"fake": FakeEncoder()}, JUDGE)
    assert found.sound.duration_s == 2.0
    assert np.isfinite(found.sound.loudness_lufs)


@pytest.mark.parametrize("place", [2, 4])
def test_a_sound_is_as_loud_as_its_loudspeakers_make_it(tmp_path: Path, place: int) -> None:
    """In the centre of 5.1 as alone, behind 1.5 dB louder (BS.1770-4, table 3); an effects channel is silent."""
    one = 0.1 * np.sin(0.3 * np.arange(48_000 * 3))
    samples = np.zeros((len(one), 6))
    samples[:, place] = one
    soundfile.write(tmp_path / "a.wav", samples, 48_000, format="WAVEX")
    sound = analyse(tmp_path / "a.wav", {"fake": FakeEncoder()}, JUDGE).sound
    alone = integrated_lufs(Waveform(one[None].astype(np.float32), 48_000))
    assert sound.loudness_lufs == pytest.approx(alone + (1.5 if place == 4 else 0.0), abs=0.05)
    samples = np.roll(samples, 3 - place, axis=1)
    soundfile.write(tmp_path / "lfe.wav", samples, 48_000, format="WAVEX")
    with pytest.raises(MediaError, match="silence"):
        analyse(tmp_path / "lfe.wav", {"fake": FakeEncoder()}, JUDGE)


def test_sound_of_a_video_and_its_tags(tmp_path: Path) -> None:
    with av.open(str(tmp_path / "v.mp4"), "w") as container:
        container.metadata["title"] = "A walk"
        video = container.add_stream("mpeg4", 10, width=32, height=32)
        audio = container.add_stream("aac", 16_000, layout="mono")
        for _ in range(10):
            picture = av.VideoFrame.from_ndarray(np.zeros((32, 32, 3), np.uint8), "rgb24")
            container.mux(video.encode(picture))
        wave = (0.3 * np.sin(np.arange(16_384) / 5)).astype(np.float32)
        for start in range(0, 16_384, 1024):
            frame = av.AudioFrame.from_ndarray(wave[None, start : start + 1024], "fltp", "mono")
            frame.sample_rate, frame.pts = 16_000, start
            container.mux(audio.encode(frame))
        container.mux(video.encode())
        container.mux(audio.encode())
    found = analyse(tmp_path / "v.mp4", {"fake": FakeEncoder()}, JUDGE)
    assert found.tags["title"] == "A walk"
    assert found.sound.duration_s == pytest.approx(1.024, abs=0.1)


def test_hash_is_that_of_the_content(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"abc")
    assert sha256_of(tmp_path / "x").startswith("ba7816bf8f01cfea")
    with pytest.raises(MediaError, match="can't be read"):
        sha256_of(tmp_path / "gone")
