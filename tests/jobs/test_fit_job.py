"""`fit` on files: as long as asked to the sample, tags kept, what can't be is said before anything is written."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cue.remix.track_making import BEAT_S, RATE, track
from jobs.score_fakes import make_models
from storysound.errors import InputError, OutputError, UsageError
from storysound.jobs.fit.fit import run
from storysound.jobs.fit.request import FitRequest, FitResult
from storysound.media import rhythm
from storysound.media.audio import Waveform, read_audio, write_wav
from storysound.media.film.enclosed import enclosed_in
from storysound.progress import Watch


@pytest.fixture(scope="module")
def song(tmp_path_factory: pytest.TempPathFactory) -> Path:
    wave, _ = track("ABABCAB")
    stereo = Waveform(np.concatenate([wave.samples, 0.8 * wave.samples]), RATE)
    file = tmp_path_factory.mktemp("song") / "song.wav"
    write_wav(file, stereo, {"title": "Song", "artist": "Ada"})
    return file


def fitted(song: Path, out: Path, length_s: float, **asked: object) -> FitResult:
    return run(FitRequest(song, out, length_s, **asked), make_models(), Watch())  # type: ignore[arg-type]


@pytest.mark.parametrize("length_s", [30.0, 47.3, 93.501])
def test_a_track_is_as_long_as_asked_to_the_sample(song: Path, tmp_path: Path, length_s: float) -> None:
    result = fitted(song, tmp_path / "out.wav", length_s)
    made, there = read_audio(tmp_path / "out.wav"), read_audio(song)
    assert made.samples.shape == (2, round(length_s * RATE))
    assert made.rate_hz == RATE
    assert result.way == "jumps"
    assert result.length_s == pytest.approx(length_s, abs=0.5 / RATE)
    first = round((result.jumps[0].leave_s - result.jumps[0].at_s) * RATE)  # what is silent before it is left out
    head = slice(RATE // 2, round((result.jumps[0].at_s - 0.1) * RATE))  # its own beginning, sample for sample
    moved = np.roll(there.samples, -first, axis=1)
    np.testing.assert_allclose(made.samples[:, head], moved[:, head], atol=1e-4)
    for jump in result.jumps:
        beats = (jump.reach_s - jump.leave_s) / BEAT_S
        assert abs(beats - round(beats)) * BEAT_S < 0.005


def test_who_counts_is_as_asked(song: Path, tmp_path: Path) -> None:
    """Somebody who hears a beat a tenth of a second after each."""

    class Late:
        def bars(self, sound: rhythm.Spectrogram) -> rhythm.Bars | None:
            found = rhythm.bars(sound)
            return found and replace(found, beats_s=found.beats_s + 0.1, downbeats_s=found.downbeats_s + 0.1)

    models = make_models()
    models.get("beatnet", lambda _: Late())
    asked = FitRequest(song, tmp_path / "out.wav", 60.0, beats="beatnet")
    jumps = [run(each, models, Watch()).jumps[0] for each in (replace(asked, beats="own"), asked)]
    own, late = (jump.leave_s % BEAT_S for jump in jumps)
    assert (late - own) % BEAT_S == pytest.approx(0.1, abs=0.005)
    with pytest.raises(UsageError, match="beats: must be own or beatnet, got 'mine'"):
        replace(asked, beats="mine")


def test_tags_go_along(song: Path, tmp_path: Path) -> None:
    fitted(song, tmp_path / "out.mp3", 30.0)
    tags = enclosed_in(tmp_path / "out.mp3", 30.0).tags
    assert (tags["title"], tags["artist"]) == ("Song", "Ada")


def test_a_hit_is_answered(song: Path, tmp_path: Path) -> None:
    (hit,) = fitted(song, tmp_path / "out.wav", 60.0, hits_s=(20.1,)).hits
    assert hit.at_s == pytest.approx(20.1, abs=0.01)
    assert hit.begins in ("body", "build", "break")


def test_a_track_that_waits_for_a_hit_is_silent_until_it_begins(song: Path, tmp_path: Path) -> None:
    results = {hit_s: fitted(song, tmp_path / f"{hit_s}.wav", 60.0, hits_s=(hit_s,)) for hit_s in (20.1, 20.6, 21.1)}
    assert all(result.hits[0].at_s == pytest.approx(hit_s, abs=0.01) for hit_s, result in results.items())
    hit_s, waits = max(results.items(), key=lambda each: each[1].begins_s)
    assert 0.1 < waits.begins_s <= 2 * BEAT_S + 0.2
    samples = read_audio(tmp_path / f"{hit_s}.wav").samples
    begins = round(waits.begins_s * RATE)
    assert samples.shape[1] == 60 * RATE
    assert np.abs(samples[:, : begins - 1]).max() == 0
    assert np.abs(samples[:, begins : begins + RATE]).max() > 0.01


def test_where_no_part_can_begin_a_bar_or_a_beat_is_next_to_a_hit(song: Path, tmp_path: Path) -> None:
    """Two hits so near to each other that no two parts begin there."""
    hits = fitted(song, tmp_path / "out.wav", 60.0, hits_s=(20.1, 21.1)).hits
    assert all(hit.at_s is not None and abs(hit.at_s - hit.hit_s) <= 0.5 for hit in hits)
    assert {hit.begins for hit in hits} & {"bar", "beat"}


def test_what_has_no_way_of_jumps_is_looped_and_says_so(song: Path, tmp_path: Path) -> None:
    short = tmp_path / "short.wav"
    write_wav(short, read_audio(song).cut(0.0, 5.0))
    result = fitted(short, tmp_path / "out.wav", 12.0)
    assert result.way == "loop"
    assert "lasts no more than" in result.why
    assert read_audio(tmp_path / "out.wav").samples.shape[1] == 12 * RATE


@pytest.mark.parametrize(
    ("name", "asked", "error", "fault"),
    [
        ("out.txt", {}, OutputError, "can't be written as .txt"),
        ("song.wav", {}, OutputError, "is the input itself"),
        ("out.wav", {"start_s": 500.0}, UsageError, "lies beyond the track's end"),
    ],
)
def test_what_cannot_be_is_said_and_nothing_written(
    song: Path, name: str, asked: dict[str, float], error: type[Exception], fault: str
) -> None:
    before = song.read_bytes()
    with pytest.raises(error, match=fault):
        fitted(song, song.parent / name, 30.0, **asked)
    assert song.read_bytes() == before
    assert [file.name for file in song.parent.iterdir()] == ["song.wav"]


def test_silence_is_refused(tmp_path: Path) -> None:
    write_wav(tmp_path / "none.wav", Waveform(np.zeros((1, 20 * RATE), np.float32), RATE))
    with pytest.raises(InputError, match="is silent throughout"):
        fitted(tmp_path / "none.wav", tmp_path / "out.wav", 30.0)


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"length_s": 0.0}, "length_s"),
        ({"length_s": float("nan")}, "length_s"),
        ({"hits_s": (40.0,)}, "hits_s"),
        ({"start_s": -1.0}, "start_s"),
    ],
)
def test_requests_check_themselves(asked: dict[str, object], field: str) -> None:
    with pytest.raises(UsageError) as caught:
        FitRequest(**({"source": Path("a.wav"), "out": Path("b.wav"), "length_s": 30.0} | asked))  # type: ignore[arg-type]
    assert caught.value.field == field
