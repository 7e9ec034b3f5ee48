"""The same rows through the same stages on a Ray of this machine, where it is installed."""

import os
import sys
from dataclasses import replace
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import pytest

from engine.test_runner import CRASHED, PIPELINE, failing
from ingest_fakes import BLUE, RED, film, ingest
from jobs.index_fakes import counts, index
from library_fakes import FakeEncoder, FakeModels, tone
from storysound.engine.runner import runner
from storysound.engine.stage import Stage
from storysound.errors import MissingModelError, UsageError
from storysound.library.dataset import Dataset
from storysound.library.store import Library

needs_ray = pytest.mark.skipif(find_spec("ray") is None, reason="Ray isn't installed: storysound[cluster]")


@pytest.fixture(autouse=True)
def _importable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers import this module by its name."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(path for path in sys.path if path))


def test_without_ray_it_is_said_before_anything_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("storysound.engine.ray.find_spec", lambda name: None)
    with pytest.raises(UsageError, match=r"pip install 'storysound\[cluster\]'"), runner(PIPELINE, 1, "ray"):
        pass


@needs_ray
def test_rows_their_faults_and_a_worker_that_dies(capfd: pytest.CaptureFixture[str]) -> None:
    with runner(PIPELINE, 2, "ray") as run:
        assert run.ask("square", getattr_colour) == "red"
        found = {outcome.row["x"]: outcome for outcome in run.outcomes({"x": x, "own": print} for x in (2, 3, 5, 7))}
    assert found[2].row == {"x": 2, "own": print, "y": 4, "z": 6}
    assert (found[2].notes, found[3].fault) == (("seen 2",), "is broken; mend it")
    assert (found[5].fault, found[7].row["z"]) == (CRASHED, 56)
    assert capfd.readouterr().out == ""  # stdout is for results


def getattr_colour(work: object) -> object:
    return work.colour


@needs_ray
def test_what_concerns_all_rows_ends_the_run() -> None:
    fail = Stage("fail", partial(failing, MissingModelError("weights are missing")), ("x",), ("y",))
    with pytest.raises(MissingModelError, match="weights are missing"), runner([fail], 1, "ray") as run:
        list(run.outcomes({"x": x} for x in range(3)))


class Crash(FakeEncoder):
    def encode(self, items: object) -> object:
        if abs(items[0].duration_s - 2) < 0.01:
            os._exit(11)
        return super().encode(items)


@needs_ray
def test_a_library_made_on_ray_is_the_one_made_here(tmp_path: Path) -> None:
    for i in range(4):
        tone(tmp_path / "sounds" / f"{i}.wav", 0.5 * (i + 1), 300 + 50 * i)
    result = index([tmp_path / "sounds"], tmp_path / "lib", FakeModels(Crash), jobs=2, engine="ray")
    assert (counts(result), len(result.skipped)) == ((3, 0, 0, 0, 0), 1)
    assert counts(index([tmp_path / "sounds"], tmp_path / "here")) == (4, 0, 0, 0, 0)
    here = {sound.path: sound for sound in Library.open(tmp_path / "here").sounds()}
    for sound in Library.open(tmp_path / "lib").sounds():
        level, peak = (pytest.approx(value, abs=1e-4) for value in (sound.loudness_lufs, sound.true_peak_dbtp))
        assert here[sound.path] == replace(sound, loudness_lufs=level, true_peak_dbtp=peak)


@needs_ray
def test_a_data_set_made_on_ray_holds_the_same_stories(tmp_path: Path) -> None:
    for name, colour in (("a", RED), ("b", BLUE)):
        film(tmp_path / "v" / f"{name}.mp4", [(colour, 1.0)])
    assert ingest([tmp_path / "v"], tmp_path / "ray", jobs=2, engine="ray").added == 2
    ingest([tmp_path / "v"], tmp_path / "here")
    assert Dataset.open(tmp_path / "ray").rows() == Dataset.open(tmp_path / "here").rows()
