"""A session runs jobs from any number of threads, tells how far they are, stops them in time, and can be closed."""

import random
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import storysound as ss
from media.media_making import noise, tone, write_video
from storysound.media.audio import Waveform, write_wav
from storysound.session import with_paths

CANCELLED_S = 2.0
Job = Callable[[ss.Session, dict[str, Any]], Any]


@pytest.fixture(scope="module")
def session() -> Iterator[ss.Session]:
    with ss.Session() as opened:
        yield opened


@pytest.fixture(scope="module")
def media(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A text, a picture, a sound of 24 seconds and a film of six."""
    folder = tmp_path_factory.mktemp("media")
    (folder / "t.txt").write_text("Dogs are barking. A lovely day!")
    Image.fromarray(np.random.default_rng(1).integers(0, 255, (60, 80, 3), np.uint8)).save(folder / "p.png")
    parts = [noise(6.0, 44100), tone(440, 6.0, 44100), noise(6.0, 44100, amplitude=0.05), tone(880, 6.0, 44100)]
    write_wav(folder / "s.wav", Waveform(np.concatenate([part.samples for part in parts], axis=1), 44100))
    write_video(folder / "v.mp4", wave=tone(330, 6.0), frames=6 * 12, fps=12, size=(96, 64))
    return folder


def jobs(media: Path, out: Path) -> dict[str, Job]:
    """A job of each kind that needs no library and no data set."""
    return {
        "listen": lambda s, how: s.listen(ss.ListenRequest(media / "s.wav", plot=out / "p.svg"), **how),
        "mood": lambda s, how: s.mood(ss.MoodRequest(media / "v.mp4", plot=out / "m.svg"), **how),
        "mood of a sound": lambda s, how: s.mood(ss.MoodRequest(media / "s.wav"), **how),
        "gloss": lambda s, how: s.gloss(ss.GlossRequest(media / "s.wav"), **how),
        "story_words": lambda s, how: s.story_words(ss.StoryWordsRequest("a feast"), **how),
        "split": lambda s, how: s.split_speech(
            ss.SplitSpeechRequest(media / "s.wav", out / "b.wav", out / "v.wav"), **how
        ),
        "summarize": lambda s, how: s.summarize(
            ss.SummarizeRequest(media / "v.mp4", out / "o.mp4", "music", 0.4), **how
        ),
        "prompt": lambda s, how: s.generate_music(
            ss.GenerateMusicRequest((media / "p.png",), "Rain.", prompt_only=True), **how
        ),
    }


@pytest.mark.models
@pytest.mark.parametrize("name", jobs(Path(), Path()))
def test_a_job_that_is_told_to_stop_ends_in_time_and_leaves_nothing(
    name: str, session: ss.Session, media: Path, tmp_path: Path
) -> None:
    job = jobs(media, tmp_path)[name]
    job(session, {})  # models are loaded, files are read
    began = time.perf_counter()
    job(session, {})
    lasts_s = time.perf_counter() - began
    made = sorted(path.name for path in tmp_path.iterdir())
    chance = random.Random(name)
    cancelled = 0
    for at_s in (0.0, *(chance.uniform(0, lasts_s * 0.9) for _ in range(5))):
        for path in tmp_path.iterdir():
            path.unlink()
        stop, set_s = ss.Stop(), [time.perf_counter()]

        def end(stop: ss.Stop = stop, set_s: list[float] = set_s) -> None:
            set_s[0] = time.perf_counter()
            stop.set()

        timer = threading.Timer(at_s, end)
        if at_s:
            timer.start()
        else:
            end()
        try:
            job(session, {"stop": stop})
        except ss.Cancelled:
            cancelled += 1
            assert time.perf_counter() - set_s[0] < CANCELLED_S
            assert not list(tmp_path.iterdir()), "half a result"
        else:
            assert sorted(path.name for path in tmp_path.iterdir()) == made
        timer.cancel()
    assert cancelled


@pytest.mark.models
def test_whoever_watches_may_end_the_job(session: ss.Session, media: Path, tmp_path: Path) -> None:
    class EnoughError(Exception):
        pass

    def watch(at: ss.Progress) -> None:
        raise EnoughError

    with pytest.raises(EnoughError):
        jobs(media, tmp_path)["split"](session, {"watch": watch})
    assert not list(tmp_path.iterdir())


@pytest.mark.models
@pytest.mark.parametrize("name", ["listen", "mood", "split", "summarize"])
def test_progress_grows_to_the_end(name: str, session: ss.Session, media: Path, tmp_path: Path) -> None:
    seen: list[ss.Progress] = []
    jobs(media, tmp_path)[name](session, {"watch": seen.append})
    shares = [at.share for at in seen]
    assert shares == sorted(shares)
    assert shares[-1] > 0.5
    assert all(0 <= at.done <= at.of for at in seen if at.of)


@pytest.mark.models
def test_jobs_side_by_side_say_what_they_say_one_after_the_other(media: Path, tmp_path: Path) -> None:
    names = ["listen", "mood", "gloss", "mood of a sound", "prompt"]
    (tmp_path / "alone").mkdir()
    (tmp_path / "beside").mkdir()
    with ss.Session() as one, ss.Session() as other, ThreadPoolExecutor(4) as threads:
        alone = {name: jobs(media, tmp_path / "alone")[name](one, {}) for name in names}
        beside = [
            (name, threads.submit(jobs(media, tmp_path / "beside")[name], which, {}))
            for which in (one, other)
            for name in names
            if which is one or name not in ("listen", "mood")  # which would draw the same picture twice
        ]
        for name, found in beside:
            assert found.result() == alone[name], name
        assert set(other.models.loads.values()) == {1}, "each model is loaded once, whoever asks first"


@pytest.mark.models
def test_split_speech_in_two_threads(session: ss.Session, media: Path, tmp_path: Path) -> None:
    def split(name: str) -> bytes:
        session.split_speech(ss.SplitSpeechRequest(media / "s.wav", tmp_path / f"{name}.wav"))
        return (tmp_path / f"{name}.wav").read_bytes()

    with ThreadPoolExecutor(2) as threads:
        one, other = threads.map(split, ("a", "b"))
    assert one == other == split("c")


def test_a_closed_session_says_so() -> None:
    session = ss.Session()
    session.close()
    session.close()
    with pytest.raises(ss.UsageError, match="closed"):
        session.gloss(ss.GlossRequest("rain"))


def test_a_session_says_what_it_does_not_know() -> None:
    with pytest.raises(ss.UsageError, match="no profile 'nope'"):
        ss.Session("nope")
    with pytest.raises(ss.UsageError, match="licence policy"):
        ss.Session(licence_policy="some")  # type: ignore[arg-type]


def test_strings_are_paths_where_paths_are_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    request = with_paths(ss.MoodRequest("~/a.jpg", captions="c.srt"))  # type: ignore[arg-type]
    assert (request.file, request.captions, request.plot) == (Path("/home/me/a.jpg"), Path("c.srt"), None)
    music = with_paths(ss.GenerateMusicRequest(["p.png"], "~ is no path", prompt_only=True))  # type: ignore[arg-type]
    assert (music.images, music.text) == ((Path("p.png"),), "~ is no path")
    assert all(field.name for field in fields(music))


def test_two_jobs_change_nothing_of_the_process(tmp_path: Path) -> None:
    """No signal handler, no environment, no working folder: a service runs many sessions."""
    (tmp_path / "t.txt").write_text("rain")
    script = """
import os, signal, storysound as ss
def state():
    return dict(os.environ), os.getcwd(), [signal.getsignal(s) for s in (signal.SIGINT, signal.SIGTERM)]
before = state()
with ss.Session() as s:
    s.weights(ss.ModelsRequest("ls"))
    try:
        s.mood(ss.MoodRequest("nothing.png"))
    except ss.MediaError:
        pass
assert state() == before
"""
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
