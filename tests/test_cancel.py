"""Thirty moments at which a job is told to stop: nothing is half written, what is finished stays, and it can go on.

A moment is a number of looks at the `Stop`, drawn by chance among all looks of a whole run: the same on every machine,
and no later than any other. How long lies between two looks is measured in benchmarks/speed/cancel.py.
"""

import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import storysound as ss
from ingest_fakes import BLUE, GREEN, RED, film
from recipe_fakes import models_of
from research.story_fakes import FakeEncoder, write_stories
from storysound.errors import LibraryError
from storysound.library.dataset import Dataset
from storysound.library.store import Library
from storysound.media.audio import Waveform, write_wav
from storysound.progress import Watch
from storysound.research import recipes
from storysound.research.sos import train as train_sos

MOMENTS = 6  # of each of five jobs


class Countdown(ss.Stop):
    """Set once it has been looked at so many times; counts on."""

    def __init__(self, looks: float = float("inf")) -> None:
        super().__init__()
        self.looks, self.left = 0, looks

    def is_set(self) -> bool:
        self.looks += 1
        return self.looks > self.left


@pytest.fixture(scope="module")
def session(shared_models: None) -> Iterator[ss.Session]:
    with ss.Session() as session:
        yield session


@pytest.fixture(scope="module")
def media(tmp_path_factory: pytest.TempPathFactory, session: ss.Session) -> Path:
    """Sounds, a library of them, and films."""
    folder = tmp_path_factory.mktemp("media")
    rng = np.random.default_rng(4)
    for i in range(5):
        noise = rng.normal(0, 0.1, (1, 4 * 16_000)).cumsum(axis=1) if i % 2 else rng.normal(0, 0.1, (1, 4 * 16_000))
        write_wav(folder / "sounds" / f"{i}.wav", Waveform((noise / np.abs(noise).max()).astype(np.float32), 16_000))
    for i, colours in enumerate(((RED, GREEN, BLUE), (BLUE, GREEN, RED))):
        film(folder / "films" / f"{i}.mp4", [(colour, 2.0) for colour in colours], hz=300.0 + 200 * i)
    session.index([folder / "sounds"], to=folder / "library")
    return folder


def moments(name: str, looks: int) -> list[int]:
    """Drawn by chance from all looks but the last."""
    return sorted(random.Random(name).sample(range(1, looks), min(MOMENTS, looks - 1)))


def stopped(run: Callable[[ss.Stop], object], name: str, after: Callable[[], None]) -> None:
    """Runs a job whole, counts its looks, and stops it at each moment; `after` judges what is left, and tidies up."""
    whole = Countdown()
    run(whole)
    after()
    for moment in moments(name, whole.looks):
        with pytest.raises(ss.Cancelled):
            run(Countdown(moment))
        after()


def names(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def emptied(folder: Path, allowed: tuple[list[str], ...]) -> Callable[[], None]:
    def after() -> None:
        assert names(folder) in allowed, "half a result"
        for path in folder.iterdir():
            path.unlink()

    return after


@pytest.mark.models
def test_score(session: ss.Session, media: Path, tmp_path: Path) -> None:
    endings = "cues.csv cues.json edl mp4 music.csv otio report.html xml".split()
    made = [f"o.{ending}" for ending in endings]
    request = ss.ScoreRequest(media / "films" / "0.mp4", media / "library", tmp_path / "o.mp4")
    stopped(lambda stop: session.score(request, stop=stop), "score", emptied(tmp_path, (made, [])))


@pytest.mark.models
def test_a_rendering(session: ss.Session, media: Path, tmp_path: Path) -> None:
    sheet, made = tmp_path / "cues.json", tmp_path / "made"
    session.plan(ss.PlanRequest(media / "films" / "0.mp4", media / "library", sheet))
    made.mkdir()
    request = ss.RenderRequest(sheet, made / "o.wav")
    names = sorted(path.name for path in session.render(request).files.values())
    stopped(lambda stop: session.render(request, stop=stop), "render", emptied(made, (names, [])))


@pytest.mark.models
def test_summarize(session: ss.Session, media: Path, tmp_path: Path) -> None:
    request = ss.SummarizeRequest(media / "films" / "0.mp4", tmp_path / "o.mp4", "image", 0.5)
    stopped(lambda stop: session.summarize(request, stop=stop), "summarize", emptied(tmp_path, (["o.mp4"], [])))


@pytest.mark.models
def test_index_keeps_what_is_finished_and_goes_on(session: ss.Session, media: Path, tmp_path: Path) -> None:
    whole = Countdown()
    session.index([media / "sounds"], to=tmp_path / "whole", stop=whole)
    wanted = {sound.path for sound in Library.open(tmp_path / "whole").sounds()}
    for moment in moments("index", whole.looks):
        library = tmp_path / str(moment)
        with pytest.raises(ss.Cancelled):
            session.index([media / "sounds"], to=library, stop=Countdown(moment))
        finished: set[str] = set()
        try:
            finished = {sound.path for sound in Library.open(library).sounds()}
        except LibraryError:
            assert not library.exists(), "a library that can't be opened"
        result = session.index([media / "sounds"], to=library)
        assert (result.unchanged, result.added) == (len(finished), len(wanted - finished))


@pytest.mark.models
def test_ingest_keeps_what_is_finished_and_goes_on(session: ss.Session, media: Path, tmp_path: Path) -> None:
    def run(data: Path, stop: ss.Stop) -> Any:
        return session.ingest(ss.IngestRequest((media / "films",), data, batch=1), stop=stop)

    whole = Countdown()
    run(tmp_path / "whole", whole)
    for moment in moments("ingest", whole.looks):
        data = tmp_path / str(moment)
        with pytest.raises(ss.Cancelled):
            run(data, Countdown(moment))
        finished = len(Dataset.open(data).rows(("id",))) if data.exists() else 0
        result = run(data, ss.Stop())
        assert (result.unchanged, result.added) == (finished, 2 - finished)


def test_training_keeps_its_steps_and_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(train_sos, "StoryEncoder", FakeEncoder)
    data = write_stories(tmp_path / "data", 24)
    training = recipes.of_name(recipes.TRAININGS, "sos")
    words = ["batch=8", "held_out=0.4", "steps=12", "threads=1", "evaluate_every=4", "seed=1"]

    def run(out: Path, stop: ss.Stop) -> float:
        recipe = recipes.settings(training.recipe, [f"data={data}", f"out={out}", *words])
        with Watch(stop=stop) as watch:
            return training.run(recipe, models_of(), watch)

    whole = Countdown()
    best = run(tmp_path / "whole", whole)
    for moment in moments("train", whole.looks):
        with pytest.raises(ss.Cancelled):
            run(tmp_path / str(moment), Countdown(moment))
        assert run(tmp_path / str(moment), ss.Stop()) == pytest.approx(best, abs=1e-4)
