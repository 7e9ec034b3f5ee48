"""Summaries of tiny films: which shots are kept, that sound and picture stay together, and what is refused."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ingest_fakes import BLUE, FPS, GREEN, RED, Colours, film
from media.media_making import tone, write_sound
from storysound.annotate.feeling import MoodReader
from storysound.config import load_profile
from storysound.encode import mood as moods
from storysound.encode.encoder import Encoding
from storysound.encode.pool import Models
from storysound.errors import MediaError, OutputError, UsageError
from storysound.jobs.summarize import summarize as job
from storysound.jobs.summarize.request import By, SummarizeRequest, SummarizeResult
from storysound.jobs.summarize.summarize import FLASH_S, Shot, choose, joined, on_frames, placed, without_flashes
from storysound.media.arrays import RATE_HZ
from storysound.media.audio import Waveform, read_audio
from storysound.media.film.mux import mux_copy
from storysound.media.probe import VideoInfo, probe
from storysound.media.video import iter_frames
from storysound.progress import Progress, Watch
from storysound.story import Mood, Span
from storysound.weights.resolver import Resolver

HALF_RED = (120, 20, 60)
SCENES = [(BLUE, 11.0), (RED, 3.0), (GREEN, 12.0), (HALF_RED, 2.5), (BLUE, 11.5)]  # 40 s
NOWHERE = Models(load_profile(), Resolver(entries={}))


@pytest.fixture(autouse=True)
def red_is_exciting(monkeypatch: pytest.MonkeyPatch) -> None:
    def of_pictures(seen: Sequence[Encoding]) -> np.ndarray:
        return np.stack([[0.5, one.embedding[0, 0]] for one in seen])

    monkeypatch.setattr(moods, "of_pictures", of_pictures)


class Senses(MoodReader):
    """Sees colours; what is loud is exciting."""

    eyes = Colours()

    def stretch(self, wave: Waveform) -> Mood:
        return Mood(0.5, min(1.0, float(np.abs(wave.samples).mean())))


def run(video: Path, out: Path, by: By = "image", share: float = 0.15, watch: Watch | None = None) -> SummarizeResult:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(job, "MoodReader", Senses)
        return job.run(SummarizeRequest(video, out, by, share), NOWHERE, watch or Watch())


def test_progress_names_its_steps_and_grows(tmp_path: Path) -> None:
    seen: list[Progress] = []
    run(film(tmp_path / "a.mp4", SCENES), tmp_path / "out.mp4", "music", watch=Watch(seen.append))
    assert list(dict.fromkeys(at.step for at in seen)) == ["look", "listen", "cut"]
    assert [at.share for at in seen] == sorted(at.share for at in seen)


def colours(video: Path) -> str:
    """The strongest channel of each picture."""
    return "".join("rgb"[int(frame.rgb.mean(axis=(0, 1)).argmax())] for frame in iter_frames(video))


def test_the_most_exciting_shots_are_kept_whole(tmp_path: Path) -> None:
    video, out = film(tmp_path / "a.mp4", SCENES), tmp_path / "out.mp4"
    summary = run(video, out)
    assert [(round(shot.start_s, 2), round(shot.end_s, 2)) for shot in summary.kept] == [(11.0, 13.9), (26.0, 28.4)]
    assert [round(shot.at_s, 2) for shot in summary.kept] == [0.0, 2.9]
    assert [shot.shows for shot in summary.kept] == [("red",), ("red",)]
    assert summary.kept[0].importance > summary.kept[1].importance > summary.importance
    assert summary.length_s == pytest.approx(5.3)
    assert summary.length_s <= 0.15 * summary.duration_s
    assert colours(out) == "r" * 53  # not one picture of what isn't kept
    info = probe(out)
    assert info.video is not None
    assert info.audio is not None
    assert (info.video.duration_s, info.audio.duration_s) == pytest.approx((5.3, 5.3), abs=2e-3)
    assert (info.video.fps, info.video.variable_rate) == (FPS, False)


def test_sound_and_picture_stay_together(tmp_path: Path) -> None:
    """A flash and a click each second, the tone under them keeps its level and never jumps."""
    flashes = [scene for _ in range(12) for scene in ((BLUE, 0.4), ((255, 255, 255), 0.1), (BLUE, 0.5))]
    silent = film(tmp_path / "silent.mp4", flashes, hz=None)
    time_s = np.arange(12 * RATE_HZ) / RATE_HZ
    wave = 0.1 * np.sin(2 * np.pi * 220 * time_s) * np.repeat([1.0, 2.0], 6 * RATE_HZ)
    for second in range(12):
        at = round((second + 0.4) * RATE_HZ)
        wave[at : at + 480] += 0.6 * np.sin(2 * np.pi * 4000 * time_s[:480])
    video, out = tmp_path / "a.mp4", tmp_path / "out.mp4"
    mux_copy(silent, Waveform(np.stack([wave, wave]).astype(np.float32), RATE_HZ), video)
    spans = [Span(3.3, 5.7), Span(7.0, 8.5), Span(10.05, 11.95)]
    job.render_excerpts(video, spans, job._sound(video, spans), out)

    seen = [frame.time_s for frame in iter_frames(out) if frame.rgb[24:].mean() > 150]
    assert seen == pytest.approx([0.1, 1.1, 2.1, 2.8, 3.8, 4.25, 5.25], abs=0.011)
    heard = read_audio(out).samples[0]
    sharp = np.abs(np.diff(heard, 2))
    loud = np.flatnonzero(sharp > 0.5 * sharp.max())
    clicks = loud[np.diff(loud, prepend=-RATE_HZ) > RATE_HZ / 10] / RATE_HZ
    assert clicks == pytest.approx(seen, abs=0.011)

    def level(a: float, b: float) -> float:
        return float(np.sqrt((heard[round(a * RATE_HZ) : round(b * RATE_HZ)] ** 2).mean()))

    assert [level(0.5, 1.0), level(3.0, 3.75), level(4.6, 5.0)] == pytest.approx(
        [0.1 / 2**0.5, 0.2 / 2**0.5, 0.2 / 2**0.5], rel=0.03
    )
    for join_s in (2.4, 3.9):
        assert sharp[round((join_s - 0.05) * RATE_HZ) : round((join_s + 0.05) * RATE_HZ)].max() < 0.02
    assert max(abs(heard[:20]).max(), abs(heard[round(5.8 * RATE_HZ) - 20 : round(5.8 * RATE_HZ)]).max()) < 0.02


def test_by_music_the_sound_decides(tmp_path: Path) -> None:
    silent = film(tmp_path / "silent.mp4", SCENES, hz=None)
    noise = np.random.default_rng(0).normal(0, 0.01, 40 * RATE_HZ).astype(np.float32)
    noise[15 * RATE_HZ : 20 * RATE_HZ] *= 30
    video, out = tmp_path / "a.mp4", tmp_path / "out.mp4"
    mux_copy(silent, Waveform(np.stack([noise, noise]), RATE_HZ), video)

    summary = run(video, out, "music")
    assert [(shot.start_s, shot.end_s) for shot in summary.kept] == [pytest.approx((14.0, 19.0), abs=1.1)]
    assert summary.by == "music"
    assert probe(out).audio is not None


def test_what_comes_after_the_sound_is_silent(tmp_path: Path) -> None:
    video = film(tmp_path / "a.mp4", [(BLUE, 40.0)], sound_s=15.0)
    times_s = np.arange(0, 40, 0.5)
    felt = job._excitement_heard(video, times_s, Senses(NOWHERE), Watch())
    assert (felt[times_s < 14.9] > 0.1).all()
    assert (felt[times_s > 15.1] == 0.0).all()


def test_silence_excites_nobody(tmp_path: Path) -> None:
    video = tmp_path / "a.mp4"
    silence = Waveform(np.zeros((2, 40 * RATE_HZ), np.float32), RATE_HZ)
    mux_copy(film(tmp_path / "silent.mp4", SCENES, hz=None), silence, video)
    with pytest.raises(MediaError, match=r"a\.mp4: is silent \(.*`by` image"):
        run(video, tmp_path / "out.mp4", "music")
    assert not (tmp_path / "out.mp4").exists()


def test_a_silent_film_gives_a_silent_summary(tmp_path: Path) -> None:
    video, out = film(tmp_path / "a.mkv", SCENES, hz=None), tmp_path / "out.mov"
    assert len(run(video, out, share=0.3).kept) > 2
    assert probe(out).audio is None


def test_sound_that_ends_early_is_followed_by_silence(tmp_path: Path) -> None:
    video, out = film(tmp_path / "a.mp4", SCENES, sound_s=12.0), tmp_path / "out.mp4"
    run(video, out)
    heard = np.abs(read_audio(out).samples[0])
    assert heard[: round(0.9 * RATE_HZ)].mean() > 0.1
    assert heard[round(1.2 * RATE_HZ) :].max() < 1e-3
    assert len(heard) / RATE_HZ == pytest.approx(5.3, abs=0.03)


def test_one_take_without_a_change_is_parted(tmp_path: Path) -> None:
    summary = run(film(tmp_path / "a.mp4", [(GREEN, 21.0)]), tmp_path / "out.mp4")
    assert summary.length_s == pytest.approx(3.1, abs=0.11)
    assert summary.shots == 7


@pytest.mark.parametrize(
    ("name", "out", "how", "kind", "fault"),
    [
        ("missing.mp4", "o.mp4", ("image", 0.15), MediaError, "does not exist"),
        ("text.mp4", "o.mp4", ("image", 0.15), MediaError, "holds text"),
        ("tone.m4a", "o.mp4", ("image", 0.15), MediaError, "no video stream"),
        ("short.mp4", "o.mp4", ("image", 0.15), MediaError, r"too short: 15% of its 3\.0 s"),
        ("silent.mp4", "o.mp4", ("music", 0.5), MediaError, "no audio stream"),
        ("short.mp4", "o.webm", ("image", 0.15), OutputError, r"\.webm can't hold h264"),
        ("short.mp4", "short.mp4", ("image", 0.15), OutputError, "is the input itself"),
    ],
)
def test_what_is_refused_before_any_work(
    tmp_path: Path, name: str, out: str, how: tuple[By, float], kind: type[Exception], fault: str
) -> None:
    (tmp_path / "text.mp4").write_text("no video\n" * 99)
    film(tmp_path / "short.mp4", [(RED, 3.0)])
    film(tmp_path / "silent.mp4", [(RED, 3.0)], hz=None)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path)
        write_sound(tmp_path / "tone.m4a", tone(440, 9.0), "aac")
        with pytest.raises(kind, match=fault):
            run(Path(name), Path(out), *how)
    assert len(list(tmp_path.iterdir())) == 4
    assert (tmp_path / "short.mp4").stat().st_size > 1000


def test_a_share_is_a_share() -> None:
    with pytest.raises(UsageError, match="share: must lie between 0 and 1"):
        SummarizeRequest(Path("a.mp4"), Path("b.mp4"), share=1.0)


def test_shots_are_chosen_by_importance_times_length() -> None:
    shots = [Shot(0, 4, 0.2), Shot(4, 9, 0.5), Shot(9, 11, 0.9), Shot(11, 14, 0.6)]
    assert choose(shots, 5.0) == [shots[2], shots[3]]
    assert choose(shots, 4.0) == [shots[2]]
    assert choose(shots, 100.0) == shots


def test_neighbours_are_one_stretch_and_cuts_are_left_early() -> None:
    shots = [Shot(2, 4, 0.5), Shot(4, 6, 0.5), Shot(8, 10, 0.5)]
    spans = joined(shots, cuts_s=(4.0, 6.0, 10.0), duration_s=10.0)
    assert spans == [Span(2, 5.9), Span(8, 10)]
    assert [(one.start_s, one.end_s, one.at_s) for one in placed(shots, spans)] == [
        (2, 4, 0),
        (4, 5.9, 2),
        (8, 10, pytest.approx(3.9)),
    ]


def test_flashes_of_other_shots_are_left_out() -> None:
    """A cut right after a stretch begins or right before it ends; none amidst it, nor one that would leave nothing."""
    cuts_s = (2.2, 5.0, 7.9)
    assert without_flashes([Span(2, 8), Span(10, 12)], cuts_s) == [Span(2.2, 7.9 - 0.1), Span(10, 12)]
    assert without_flashes([Span(2.0, 4.9)], (2.0, 4.9)) == [Span(2.0, 4.9)]
    assert without_flashes([Span(2.0, 2.4)], (2.2,)) == [Span(2.0, 2.4)]


def test_what_is_shown_of_a_shot_for_a_moment_is_its_neighbours() -> None:
    shots = [Shot(0, 4, 0.1), Shot(4, 6, 0.2), Shot(6, 9, 0.3)]
    spans = [Span(3.98, 6.02), Span(6.5, 6.6)]
    assert [(one.start_s, one.end_s, one.importance) for one in placed(shots, spans)] == [
        (3.98, 6.02, 0.2),
        (6.5, 6.6, 0.3),
    ]
    apart = placed(shots, [Span(3.5, 6.02)])
    assert [(one.start_s, one.end_s) for one in apart] == [(3.5, 4), (4, 6.02)]
    assert all(one.end_s - one.start_s >= FLASH_S for one in apart)


def test_edges_move_inwards_to_the_nearest_picture() -> None:
    video = VideoInfo(64, 48, 10.0, 100, 0, "h264", start_s=0.05)
    for span in (Span(1.0, 2.0), Span(1.05, 1.95)):
        (moved,) = on_frames([span], video)
        assert (moved.start_s, moved.end_s) == pytest.approx((1.05, 1.95))
    assert on_frames([Span(1.06, 1.1)], video) == [Span(1.06, 1.1)]
    assert on_frames([Span(1.0, 2.0)], replace(video, variable_rate=True)) == [Span(1.0, 2.0)]
