"""Stretches of a video that change on the beats of music: between which beats, and never inside a take or a word."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from ingest_fakes import BLUE, GREEN, RED, film
from jobs.test_summarize import HALF_RED, NOWHERE, Senses
from media.media_making import tone
from storysound.cue.exits import story_beats_s
from storysound.encode import mood as moods
from storysound.encode.beats.trackers import TrackerName
from storysound.encode.pool import Models
from storysound.errors import MediaError
from storysound.jobs.summarize import summarize as job
from storysound.jobs.summarize.music import given_music
from storysound.jobs.summarize.request import SummarizeRequest, SummarizeResult
from storysound.jobs.summarize.summarize import framed, share_on_beats
from storysound.jobs.summarize.to_beat import Importance, Take, nodes_of, stretches, takes_of
from storysound.media import rhythm
from storysound.media.arrays import RATE_HZ
from storysound.media.audio import Waveform, read_audio, write_wav
from storysound.media.probe import VideoInfo
from storysound.media.video import iter_frames
from storysound.progress import Watch
from storysound.story import Span

SCENES = [(BLUE, 9.0), (RED, 7.0), (GREEN, 8.0), (HALF_RED, 9.0), (BLUE, 8.0), (RED, 9.0)]  # 50 s


def importance(*parts: tuple[float, float]) -> Importance:
    """Of stretches (value, seconds) one after the other, looked at each half second."""
    values = np.concatenate([np.full(round(2 * seconds), value) for value, seconds in parts])
    return Importance(np.arange(len(values)) / 2, values)


def test_stretches_fill_the_time_between_beats_with_what_is_most_important() -> None:
    takes = [Take(0.0, 5.0), Take(5.0, 10.0), Take(10.0, 15.0), Take(15.0, 20.0)]
    nodes = np.arange(0, 6.01, 0.5)
    found, reached = stretches(takes, nodes, [True] * len(nodes), importance((0.1, 5), (0.9, 5), (0.1, 5), (0.5, 5)))
    assert reached == 12
    assert sum(span.duration_s for span, _ in found) == pytest.approx(6.0)
    assert [at for _, at in found] == sorted({at for _, at in found})
    assert all(
        any(take.start_s <= span.start_s and span.end_s <= take.end_s + 0.06 for take in takes) for span, _ in found
    )
    assert all(after.start_s >= before.end_s for (before, _), (after, _) in pairwise(found))
    assert sum(span.overlap_s(Span(5, 10)) for span, _ in found) == pytest.approx(5.0, abs=0.3)
    assert sum(span.overlap_s(Span(15, 20)) for span, _ in found) >= 0.9


def test_bars_are_preferred_where_importance_is_the_same() -> None:
    takes = [Take(4.0 * n, 4.0 * n + 4) for n in range(8)]
    nodes = np.arange(0, 12.01, 0.5)
    is_bar = [n % 4 == 0 for n in range(len(nodes))]
    found, _ = stretches(takes, nodes, is_bar, importance((0.5, 32)))
    assert all(is_bar[at] for _, at in found)


def test_speech_is_not_cut() -> None:
    speech = [Span(3.0, 7.0), Span(11.2, 12.4)]
    takes = takes_of([0.0, 5.0, 10.0, 15.0, 20.0], [5.0, 10.0, 15.0], speech, 0.0)
    assert [(take.start_s, take.end_s) for take in takes] == [(0.0, 10.0), (10.0, 15.0), (15.0, 20.0)]
    nodes = np.arange(0, 9.01, 0.5)
    found, _ = stretches(takes, nodes, [True] * len(nodes), importance((0.9, 15), (0.1, 5)), speech)
    for span, _ in found:
        for said in speech:
            assert not said.start_s < span.start_s < said.end_s
            assert not said.start_s < span.end_s < said.end_s


def test_where_there_is_too_little_to_show_fewer_beats_are_reached() -> None:
    nodes = np.arange(0, 9.01, 0.5)
    found, reached = stretches([Take(0.0, 2.2)], nodes, [True] * len(nodes), importance((0.5, 3)))
    assert (len(found), reached) == (1, 4)


def test_a_take_ends_before_the_cut_of_the_camera_is_known_and_long_ones_are_parted() -> None:
    takes = takes_of([0.0, 6.0, 11.0, 20.0], [11.0], (), 0.1)
    assert [(take.start_s, round(take.end_s, 6)) for take in takes] == [(0.0, 6.0), (6.0, 10.9), (11.0, 20.0)]


def test_changes_lie_on_the_frames_nearest_to_their_beats() -> None:
    pictures = VideoInfo(16, 16, 10.0, 99, 0, "h264")
    ends = np.array([0.52, 1.07, 1.61])
    spans = framed([Span(1.0, 1.52), Span(2.0, 2.55), Span(2.5, 3.04)], ends, pictures)
    assert np.cumsum([span.duration_s for span in spans]) == pytest.approx([0.5, 1.1, 1.6])
    assert all(a.end_s <= b.start_s + 1e-9 for a, b in pairwise(spans))


def test_the_share_on_beats_counts_cuts_inside_stretches_and_no_seams_that_none_sees() -> None:
    spans = [Span(0.0, 1.0), Span(1.0, 2.0), Span(5.0, 6.0)]
    assert share_on_beats(spans, [0.5], np.array([0.49, 2.0])) == 1.0
    assert share_on_beats(spans, [0.7], np.array([0.49, 2.0])) == 0.5
    assert share_on_beats(spans[:1], [], np.array([0.3])) == 1.0


def test_nodes_leave_out_beats_at_the_very_ends() -> None:
    nodes, is_bar = nodes_of(np.array([0.01, 0.5, 1.0, 1.98]), np.empty(0), 2.0)
    assert (nodes.tolist(), is_bar) == ([0.0, 0.5, 1.0, 2.0], [True, False, False, True])


@pytest.fixture
def pulsing(tmp_path: Path) -> Path:
    """12 s of clicks at 120 a minute, each fourth lower."""
    samples = np.zeros(12 * RATE_HZ, np.float32)
    for number in range(23):
        at, hz = round((0.25 + 0.5 * number) * RATE_HZ), 400.0 if number % 4 == 0 else 1600.0
        time_s = np.arange(round(0.1 * RATE_HZ)) / RATE_HZ
        samples[at : at + len(time_s)] = 0.5 * np.exp(-time_s / 0.02) * np.sin(2 * np.pi * hz * time_s)
    write_wav(tmp_path / "clicks.wav", Waveform(np.tile(samples, (2, 1)), RATE_HZ))
    return tmp_path / "clicks.wav"


def run(
    video: Path,
    out: Path,
    music: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    to_beat: bool,
    beats: TrackerName = "own",
    models: Models = NOWHERE,
) -> SummarizeResult:
    monkeypatch.setattr(moods, "of_pictures", lambda seen: np.stack([[0.5, one.embedding[0, 0]] for one in seen]))
    monkeypatch.setattr(job, "MoodReader", Senses)
    monkeypatch.setattr(job, "_speech", lambda video, models: ())
    return job.run(SummarizeRequest(video, out, share=0.2, music=music, to_beat=to_beat, beats=beats), models, Watch())


def test_pictures_of_a_summary_change_on_beats(tmp_path: Path, pulsing: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    video, out = film(tmp_path / "a.mp4", SCENES), tmp_path / "out.mp4"
    summary = run(video, out, pulsing, monkeypatch, to_beat=True)
    assert (summary.beats, summary.notes) == (1.0, ())
    assert summary.length_s == pytest.approx(10.0, abs=0.06)
    changes = [b.at_s for a, b in pairwise(summary.kept) if b.start_s - a.end_s > 0.05]
    assert changes
    clicks_s = story_beats_s(given_music(pulsing, 10.0, rhythm.bars).cue.pieces, 0.25 + 0.5 * np.arange(23))
    assert all(np.abs(clicks_s - change).min() <= 0.06 for change in changes)  # half a frame, and what a tracker misses
    frames = [frame.rgb.mean(axis=(0, 1)) for frame in iter_frames(out)]
    assert all(rgb.argmax() == 0 for rgb in frames)  # all of it shows red
    heard = read_audio(out, channels=1)
    assert np.abs(heard.samples).max() > 0.05


def test_music_lies_under_a_summary_that_is_cut_as_ever(
    tmp_path: Path, pulsing: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    video = film(tmp_path / "a.mp4", SCENES)
    summary = run(video, tmp_path / "out.mp4", pulsing, monkeypatch, to_beat=False)
    assert summary.beats is None
    assert np.abs(read_audio(tmp_path / "out.mp4", channels=1).samples).max() > 0.05


def test_music_without_a_beat_leaves_the_usual_cuts_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_wav(tmp_path / "tone.wav", tone(220.0, 12.0, RATE_HZ, channels=2))
    video = film(tmp_path / "a.mp4", SCENES)
    summary = run(video, tmp_path / "out.mp4", tmp_path / "tone.wav", monkeypatch, to_beat=True)
    assert summary.beats is None
    assert summary.notes == ("no beat is found in the music: shots are cut as without `to_beat`",)


def test_who_counts_the_track_is_as_asked(tmp_path: Path, pulsing: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Deaf:
        def bars(self, _: rhythm.Spectrogram) -> None:
            return None

    models = Models(NOWHERE.profile, NOWHERE.weights)
    models.get("beatnet", lambda _: Deaf())
    video, out = film(tmp_path / "a.mp4", SCENES), tmp_path / "out.mp4"
    summary = run(video, out, pulsing, monkeypatch, to_beat=True, beats="beatnet", models=models)
    assert summary.notes == ("no beat is found in the music: shots are cut as without `to_beat`",)


def test_a_track_that_is_none_is_told_of_before_any_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "no.mp3").write_text("words")
    video = film(tmp_path / "a.mp4", SCENES)
    with pytest.raises(MediaError):
        run(video, tmp_path / "out.mp4", tmp_path / "no.mp3", monkeypatch, to_beat=True)
    assert not (tmp_path / "out.mp4").exists()
