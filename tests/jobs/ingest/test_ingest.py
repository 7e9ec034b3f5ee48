"""Videos to a data set: what a story holds, what becomes of broken videos, and of runs that are killed."""

import hashlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import lance
import numpy as np
import pytest
from typer.testing import CliRunner

import ingest_fakes
from ingest_fakes import BLUE, GREEN, RATE_HZ, RED, FakeModels, film, ingest
from storysound.app.cli.commands import app
from storysound.encode import pool
from storysound.errors import InputError, LibraryError, MissingModelError, UsageError
from storysound.ingest.clips import Join
from storysound.ingest.look import LookConfig
from storysound.jobs.ingest.request import Config, IngestResult
from storysound.library.dataset import SCHEMA, Dataset
from storysound.media.image import from_jpeg
from storysound.progress import Cancelled, Stop

TESTS = Path(__file__).parents[2]


@pytest.fixture
def videos(tmp_path: Path) -> Path:
    folder = tmp_path / "videos"
    film(folder / "one.mp4", [(RED, 1.0), (GREEN, 1.0), (RED, 1.0)], hz=300)
    film(folder / "deep" / "two.mkv", [(BLUE, 1.5)], hz=40)
    (folder / "broken.mp4").write_bytes((folder / "one.mp4").read_bytes()[:2000])
    (folder / "text.mp4").write_text("hello")
    film(folder / "mute.mp4", [(BLUE, 1.0)], hz=None)
    (folder / "notes.txt").write_text("hello")
    return folder


def counts(report: IngestResult) -> tuple[int, int, int]:
    return report.added, report.refreshed, report.unchanged


def test_what_a_story_holds(videos: Path, tmp_path: Path) -> None:
    captions = tmp_path / "captions.csv"
    captions.write_text("path,text,licence,credit,url\none.mp4,Red and green.,CC-BY-4.0,Jane,https://x.org/1\n")
    ingest([videos], tmp_path / "data", captions=captions)
    data = Dataset.open(tmp_path / "data")
    story = next(each for each in data.stories() if each.id == "one")
    assert (story.text, story.captions, story.duration_s) == ("Red and green.", ("Red and green.",), 3.0)
    assert [shot.start_s for shot in story.shots] == pytest.approx([0.0, 1.0, 2.0])
    # two looks, one of which comes back: one key frame each, in time order
    assert [from_jpeg(jpeg).mean(axis=(0, 1)).argmax() for jpeg in data.frames("one")] == [0, 1]
    assert [frame.time_s for frame in story.frames] == sorted(frame.time_s for frame in story.frames)
    audio, background = data.audio("one"), data.background("one")
    assert audio.samples.shape == background.samples.shape == (1, 3 * RATE_HZ)
    assert np.allclose(background.samples, audio.samples / 2, atol=2**-15)
    sha256 = hashlib.sha256((videos / "one.mp4").read_bytes()).hexdigest()
    source = story.source
    assert (source.uri, source.sha256, source.licence, source.credit) == (
        "https://x.org/1",
        sha256,
        "CC-BY-4.0",
        "Jane",
    )
    assert [step.tool for step in story.steps] == [
        "look", "key frames by colour 1", "speech removal by halves-1", "slices",
    ]  # fmt: skip
    assert all(step.version for step in story.steps)
    assert [(part.start_s, part.end_s) for part in story.slices] == [(0.0, 3.0)]


def test_errata_4_and_5_in_a_data_set(tmp_path: Path) -> None:
    """A 40-hertz hum gives no slices; what is longer than the limit and shows no change is kept whole."""
    film(tmp_path / "v" / "hum.mp4", [(BLUE, 1.5)], hz=40)
    film(tmp_path / "v" / "tone.mp4", [(BLUE, 3.0), (RED, 1.0), (GREEN, 1.0)], hz=400)
    ingest([tmp_path / "v"], tmp_path / "data", config=Config(LookConfig(2.0), slice_s=2.5))
    hum, tone = Dataset.open(tmp_path / "data").stories()
    assert hum.slices == ()
    times_s = [frame.time_s for frame in tone.frames]
    assert [span.start_s for span in tone.slices][:1] == [0.0]
    assert tone.slices[0].end_s in times_s
    assert tone.slices[0].duration_s > 2.5
    assert all(span.duration_s <= 2.5 for span in tone.slices[1:])


def test_broken_videos_are_reported_and_never_stop_the_run(videos: Path, tmp_path: Path) -> None:
    seen: list[tuple[str, float, float]] = []
    report = ingest([videos], tmp_path / "data", report=lambda at: seen.append((at.step, at.done, at.of)))
    assert (counts(report), report.ignored, report.uncaptioned) == ((2, 0, 0), 1, 2)
    reasons = {Path(path).name: reason for path, reason in report.skipped}
    assert reasons.keys() == {"broken.mp4", "text.mp4", "mute.mp4"}
    assert reasons["mute.mp4"] == "has no sound; a story needs some"
    assert reasons["text.mp4"].endswith("it holds text, not media")
    assert report.duration_s == pytest.approx(4.5)
    assert [at for at in seen if at[0] == "stories"] == [("stories", 0, 0), ("stories", 1, 2), ("stories", 2, 2)]


def test_a_video_whose_pictures_are_damaged_is_reported(tmp_path: Path) -> None:
    path = film(tmp_path / "v" / "a.mp4", [(RED, 1.0)])
    data = bytearray(path.read_bytes())
    start = data.index(b"mdat")
    data[start + 4 : start + 9000] = bytes(len(data[start + 4 : start + 9000]))
    (tmp_path / "v" / "bad.mp4").write_bytes(data)
    report = ingest([tmp_path / "v"], tmp_path / "data")
    assert counts(report) == (1, 0, 0)
    assert [Path(path).name for path, _ in report.skipped] == ["bad.mp4"]


def test_only_what_is_new_or_changed_is_made(videos: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    assert counts(ingest([videos], data)) == (2, 0, 0)
    assert counts(ingest([videos], data)) == (0, 0, 2)
    os.utime(videos / "one.mp4")
    assert counts(ingest([videos], data)) == (0, 0, 2)
    film(videos / "one.mp4", [(GREEN, 2.0)])
    assert counts(ingest([videos], data)) == (0, 1, 1)
    assert {each.id: each.duration_s for each in Dataset.open(data).stories()} == {"one": 2.0, "deep/two": 1.5}
    (tmp_path / "c.csv").write_text("name,text\ntwo,Blue.\n")
    assert counts(ingest([videos], data, captions=tmp_path / "c.csv")) == (0, 1, 1)
    with pytest.raises(LibraryError, match=r"similarity 0\.5, now 0\.9"):
        ingest([videos], data, config=Config(similarity=0.9))


def test_short_clips_are_joined_in_order(tmp_path: Path) -> None:
    names = [f"0001_Film_00.00.{s:02}.000-00.00.{s + 1:02}.000" for s in (10, 11, 12, 13, 14)]
    for index, name in enumerate(names):
        film(tmp_path / "v" / "0001_Film" / f"{name}.mp4", [(RED if index % 2 else BLUE, 1.0)], hz=200 + 100 * index)
    (tmp_path / "v" / "0001_Film" / f"{names[1]}.mp4").write_bytes(b"broken")
    lines = [f"{name}\t0\t0\t0\t0\tSentence {i}." for i, name in enumerate(names)]
    (tmp_path / "annos.tsv").write_text("\n".join(["clip\ta\tb\tc\td\tsentence", *lines]))
    how = {"captions": tmp_path / "annos.tsv"}
    report = ingest([tmp_path / "v"], tmp_path / "data", joining=Join(seconds=2.0), **how)
    first, second = Dataset.open(tmp_path / "data").stories()
    assert (first.text, second.text) == ("Sentence 0. Sentence 2.", "Sentence 3. Sentence 4.")
    assert [Path(path).name[:27] for path, _ in report.skipped] == [names[1][:27]]
    assert (first.duration_s, len(first.shots), first.id) == (2.0, 2, f"0001_Film/{names[0]}")
    rows = Dataset.open(tmp_path / "data").rows(("parts",))
    assert [(Path(p["file"]).stem, p["start_s"], p["end_s"]) for p in rows[0]["parts"]] == [
        (names[0], 0.0, 1.0), (names[2], 1.0, 2.0),
    ]  # fmt: skip
    assert report.notes[-1] == f"captions of 1 videos that can't be used, as {names[1]!r}"


def test_subtitles_cut_a_film_into_stories(tmp_path: Path) -> None:
    path = film(tmp_path / "film.mp4", [(RED, 2.0), (GREEN, 2.0), (BLUE, 2.0)])
    cue = "{0}\n00:00:0{1},000 --> 00:00:0{2},000\nScene {0}.\n\n"
    (tmp_path / "subs.srt").write_text("".join(cue.format(i + 1, 2 * i, 2 * i + 1) for i in range(3)))
    how = {"captions": tmp_path / "subs.srt"}
    ingest([path], tmp_path / "whole", **how)
    assert [each.text for each in Dataset.open(tmp_path / "whole").stories()] == ["Scene 1. Scene 2. Scene 3."]
    ingest([path], tmp_path / "cut", joining=Join(1), **how)
    stories = Dataset.open(tmp_path / "cut").stories()
    assert [(each.text, each.duration_s) for each in stories] == [(f"Scene {i}.", 2.0) for i in (1, 2, 3)]


def test_videos_of_one_name_are_told_apart_by_their_folders(tmp_path: Path) -> None:
    paths = [film(tmp_path / folder / "a.mp4", [(RED, 1.0)]) for folder in ("x", "y")]
    ingest([*paths, film(tmp_path / "y" / "a.mkv", [(RED, 1.0)])], tmp_path / "data")
    assert [each.id for each in Dataset.open(tmp_path / "data").stories()] == ["a", "y/a", f"{tmp_path.name}/y/a"]


def test_videos_of_one_name_from_two_runs_are_told_apart(tmp_path: Path) -> None:
    """Whichever run comes again, nothing is replaced or made anew; what was moved keeps its name."""
    data = tmp_path / "data"
    red, blue = (film(tmp_path / f / "a.mp4", [(colour, 1.0)]).parent for f, colour in (("x", RED), ("y", BLUE)))
    film(red / "b.mp4", [(GREEN, 1.0)])
    film(blue / "c.mp4", [(GREEN, 1.5)])
    assert counts(ingest([red], data)) == (2, 0, 0)
    assert counts(ingest([blue], data)) == (2, 0, 0)
    for folder in (red, blue, red):
        assert counts(ingest([folder], data)) == (0, 0, 2)
    dataset = Dataset.open(data)
    assert [each.id for each in dataset.stories()] == ["a", "b", "y/a", "c"]
    looks = [from_jpeg(dataset.frames(name)[0]).mean(axis=(0, 1)).argmax() for name in ("a", "y/a")]
    assert looks == [0, 2]
    blue.rename(tmp_path / "z")
    report = ingest([tmp_path / "z" / "c.mp4"], data)
    assert report.added == 0
    assert len(Dataset.open(data)) == 4


def test_clips_of_one_name_from_two_runs_stay_joined(tmp_path: Path) -> None:
    data = tmp_path / "data"
    for folder, colours in (("x", [RED, GREEN]), ("y", [BLUE, GREEN, RED])):
        for number, colour in enumerate(colours):
            film(tmp_path / folder / f"{number}.mp4", [(colour, 1.0)])
        ingest([tmp_path / folder], data, joining=Join(5))
    assert [(each.id, each.duration_s) for each in Dataset.open(data).stories()] == [("0", 2.0), ("y/0", 3.0)]


def test_wrong_calls_leave_nothing_behind(videos: Path, tmp_path: Path) -> None:
    with pytest.raises(MissingModelError):
        ingest([videos], tmp_path / "data", FakeModels("weights are missing"))
    with pytest.raises(UsageError, match="batch: must be at least 1 story"):
        ingest([videos], tmp_path / "data", batch=0)
    with pytest.raises(InputError, match=r"gone: does not exist"):
        ingest([tmp_path / "gone"], tmp_path / "data")
    assert not (tmp_path / "data").exists()
    with pytest.raises(UsageError, match="engine: is ray or"):
        ingest([videos], tmp_path / "data", engine="spark")
    with pytest.raises(UsageError, match="similarity"):
        Config(similarity=2)


SCRIPT = """
import os, signal, sys
from pathlib import Path
from ingest_fakes import ingest
from storysound.library import dataset
where = sys.argv[3]
commit, commits = dataset.DatasetWriter.commit, []
def killed(self, rows, ids):
    commits.append(1)
    if len(commits) == 2 and where == "while a batch is written":
        def some(all_rows=iter(rows)):
            yield next(all_rows)
            os.kill(os.getpid(), signal.SIGKILL)
        rows = some()
    if len(commits) == 2 and where == "before a commit":
        os.kill(os.getpid(), signal.SIGKILL)
    commit(self, rows, ids)
    if len(commits) == 2 and where == "after a commit":
        os.kill(os.getpid(), signal.SIGKILL)
dataset.DatasetWriter.commit = killed
if __name__ == "__main__":  # not so in a worker
    os.environ["STORYSOUND_TEST_PID"] = str(os.getpid())
    ingest([Path(sys.argv[1])], Path(sys.argv[2]), batch=2, jobs=2 if where == "in a worker" else 1)
"""


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[dict[str, Any]]]:
    """Six videos, and the data set that comes of them when nothing happens."""
    folder = tmp_path_factory.mktemp("corpus")
    for index in range(5):
        film(folder / "v" / f"{index}.mp4", [((RED, GREEN, BLUE)[index % 3], 1.0)], hz=200 + 50 * index)
    (folder / "v" / "2a.mp4").write_bytes((folder / "v" / "2.mp4").read_bytes()[:1500])
    ingest([folder / "v"], folder / "data", batch=2)
    return folder / "v", everything(folder / "data")


def everything(folder: Path) -> list[dict[str, Any]]:
    """All of a data set, media included."""
    data = Dataset.open(folder)
    rows = data.rows([name for name in SCHEMA.names if name not in ("audio", "background")])
    return [row | {name: data.flac(name, row["id"]) for name in ("audio", "background")} for row in rows]


@pytest.mark.parametrize(
    ("where", "kept"),
    [("before a commit", 2), ("while a batch is written", 2), ("after a commit", 4), ("in a worker", 0)],
)
def test_killed_at_any_point_it_completes_and_repeats_one_batch_at_most(
    where: str, kept: int, corpus: tuple[Path, list[dict[str, Any]]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    videos, wanted = corpus
    log, script = tmp_path / "log", tmp_path / "script.py"
    script.write_text(SCRIPT)
    environment = {**os.environ, "PYTHONPATH": str(TESTS), ingest_fakes.LOG: str(log)}
    environment |= {ingest_fakes.KILL_AT: "2"} if "worker" in where else {}
    command = [sys.executable, str(script), str(videos), str(tmp_path / "data"), where]
    assert subprocess.run(command, env=environment, check=False).returncode == -signal.SIGKILL
    assert len(Dataset.open(tmp_path / "data")) == kept
    monkeypatch.setenv(ingest_fakes.LOG, str(log))
    report = ingest([videos], tmp_path / "data", batch=2)
    assert (counts(report), len(report.skipped)) == ((5 - kept, 0, kept), 1)
    assert everything(tmp_path / "data") == wanted
    assert len(log.read_text().splitlines()) <= 5 + 2 + ("worker" in where)  # the other may be at a third
    assert not (tmp_path / "data" / "scratch").exists()


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_stop_keeps_what_is_finished(jobs: int, corpus: tuple[Path, list[dict[str, Any]]], tmp_path: Path) -> None:
    videos, wanted = corpus
    stop = Stop()
    with pytest.raises(Cancelled) as ended:
        ingest(
            [videos],
            tmp_path / "data",
            jobs=jobs,
            stop=stop,
            report=lambda at: stop.set() if at.step == "stories" and at.done == 3 else None,
        )
    assert ended.value.__notes__ == [f"3 of 5 stories are in {tmp_path}/data; the same command goes on from there"]
    assert len(Dataset.open(tmp_path / "data")) == 3
    assert counts(ingest([videos], tmp_path / "data")) == (2, 0, 3)
    found = sorted(everything(tmp_path / "data"), key=lambda row: row["id"])
    assert found == wanted
    assert not (tmp_path / "data" / "scratch").exists()


def test_several_processes_make_the_same_in_the_same_order(
    corpus: tuple[Path, list[dict[str, Any]]], tmp_path: Path
) -> None:
    videos, wanted = corpus
    assert counts(ingest([videos], tmp_path / "data", batch=2, jobs=2)) == (5, 0, 0)
    assert everything(tmp_path / "data") == wanted


def test_an_interrupted_commit_is_made_once(
    corpus: tuple[Path, list[dict[str, Any]]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    videos, wanted = corpus
    write, written = lance.write_dataset, []

    def interrupted(*arguments: Any, **options: Any) -> Any:
        made = write(*arguments, **options)
        written.append(made)
        if len(written) == 2:  # the first batch is there, and nobody knows yet
            raise KeyboardInterrupt
        return made

    monkeypatch.setattr(lance, "write_dataset", interrupted)
    with pytest.raises(KeyboardInterrupt):
        ingest([videos], tmp_path / "data", batch=2)
    monkeypatch.undo()
    assert sorted(everything(tmp_path / "data"), key=lambda row: row["id"]) == wanted[:2]


def test_command(videos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "Models", lambda profile, weights: FakeModels())
    data = str(tmp_path / "data")
    for option in (["--join-clips"], ["--join-clips", "1"], ["--join-clips", "9s"]):
        run = CliRunner().invoke(app, ["ingest", *option, str(videos), "-o", data, "--json"])
        assert run.exit_code == 0, run.output
    lines = [json.loads(line) for line in run.stdout.splitlines()]
    assert [Path(line["skipped"]).name for line in lines[:-1]] == ["broken.mp4", "mute.mp4", "text.mp4"]
    assert lines[-1] == {
        "data": data, "added": 0, "refreshed": 0, "unchanged": 2, "skipped": 3, "uncaptioned": 2, "ignored": 1,
        "duration_s": 0.0,
    }  # fmt: skip
    run = CliRunner().invoke(app, ["ingest", str(videos), "-o", data])
    assert (run.stdout, run.stderr.splitlines()[-1]) == (
        "", f"{data}: 2 unchanged, 2 without text, 3 skipped, 1 other files passed over",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("options", "fault"),
    [
        (["--frames-per-s", "99"], "frames_per_s"),
        (["--similarity", "2"], "similarity"),
        (["--engine", "x"], "engine: is"),
    ],
)
def test_command_checks_its_options(
    options: list[str], fault: str, videos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()
    run = CliRunner().invoke(app, ["ingest", str(videos), "-o", str(tmp_path / "data"), *options])
    assert isinstance(run.exception, UsageError)
    assert fault in str(run.exception)


def test_paper_mode() -> None:
    config = Config.paper()
    assert (config.look.frames_per_s, config.similarity, config.floor, config.slice_s, config.floor_hz) == (
        10,
        0.5,
        0,
        15,
        78,
    )


def test_command_fails_where_no_story_could_be_made(
    videos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "Models", lambda profile, weights: FakeModels())
    run = CliRunner().invoke(app, ["ingest", str(videos / "mute.mp4"), "-o", str(tmp_path / "data")])
    assert isinstance(run.exception, InputError)
    assert "no story could be made of it" in str(run.exception)
    assert not (tmp_path / "data").exists()
