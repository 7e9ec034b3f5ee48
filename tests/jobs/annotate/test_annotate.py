"""Videos and data sets to captions: what a clip holds, what is not done twice, and what an early end leaves."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

import storysound as ss
from annotate_fakes import FakeModels, annotate, stopping_after
from ingest_fakes import BLUE, GREEN, RED, film
from ingest_fakes import ingest as ingested
from storysound.app.cli.commands import app
from storysound.encode import pool
from storysound.encode.pool import Models
from storysound.errors import InputError, LibraryError, MissingModelError, UsageError
from storysound.jobs.annotate.annotate import run
from storysound.jobs.annotate.request import AnnotateConfig, AnnotateRequest
from storysound.library.annotations import LIST, Annotations
from storysound.progress import Cancelled, Stop, Watch


@pytest.fixture
def videos(tmp_path: Path) -> Path:
    folder = tmp_path / "videos"
    film(folder / "one.mp4", [(RED, 1.0), (GREEN, 1.0), (BLUE, 2.8)], sound_s=1.0)
    film(folder / "mute.mkv", [(BLUE, 1.0)], hz=None)
    (folder / "broken.mp4").write_bytes((folder / "one.mp4").read_bytes()[:2000])
    (folder / "notes.txt").write_text("hello")
    return folder


def rows(out: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in (out / LIST).read_text("utf-8").splitlines()]


def test_what_a_clip_holds(videos: Path, tmp_path: Path) -> None:
    result = annotate([videos], tmp_path / "out")
    assert (result.added, result.unchanged, result.ignored) == (3, 0, 1)
    assert [Path(path).name for path, _ in result.skipped] == ["broken.mp4"]
    by_place = {(Path(row["file"]).name, row["start_s"]): row for row in Annotations.open(tmp_path / "out").rows()}
    first, rest = by_place["one.mp4", 0.0], by_place["one.mp4", 2.0]
    assert first["video_caption"] == "The video shows a red ball until 1 s, then a green apple."
    assert first["audio_caption"] == "A beep is heard until 1 s."
    assert first["caption"] == f"{first['video_caption']} {first['audio_caption']}"
    assert rest["caption"] == "The video shows a blue car. It is silent."
    assert by_place["mute.mkv", 0.0]["audio_caption"] == "It is silent."
    said = [(each["part"], each["by"], each["start_s"], each["end_s"]) for each in first["sentences"]]
    assert said[0] == ("video", f"grammar {ss.__version__}; colours 1 with nothing 1", 0.0, 2.0)
    assert said[1] == ("audio", f"grammar {ss.__version__}; tones 1 with nobody 1", 0.0, 1.0)
    assert {(part, by) for part, by, *_ in said[2:]} == {("description", "rule 1")}
    assert [row["end_s"] for row in by_place.values() if row["file"].endswith("one.mp4")] == pytest.approx([2.0, 4.8])
    stats = result.stats
    assert (stats.clips, stats.sentences, stats.with_audio) == (3, 2.0, 1.0)
    assert stats.hours == pytest.approx(5.8 / 3600, abs=1e-5)
    assert stats.words == pytest.approx(
        sum(len(str(row["caption"]).split()) for row in rows(tmp_path / "out")) / 3, abs=1e-3
    )


def test_content_is_described_once_whatever_it_is_called(videos: Path, tmp_path: Path) -> None:
    shutil.copy(videos / "mute.mkv", videos / "again.mkv")
    result = annotate([videos], tmp_path / "out")
    assert result.added == 3
    assert any("content of others" in note for note in result.notes)
    (videos / "one.mp4").rename(videos / "moved.mp4")
    film(videos / "new.mp4", [(GREEN, 1.0)])
    again = annotate([videos], tmp_path / "out")
    assert (again.added, again.unchanged) == (1, 3)
    assert len(rows(tmp_path / "out")) == 4


@pytest.mark.parametrize("jobs", [1, 2])
def test_what_is_finished_when_it_ends_is_kept(videos: Path, tmp_path: Path, jobs: int) -> None:
    out, stop = tmp_path / "out", Stop()
    with pytest.raises(Cancelled) as ended:
        annotate([videos], out, report=stopping_after(2, stop), stop=stop, batch=1, jobs=jobs)
    there = len(Annotations.open(out).rows(["key"]))
    assert there >= 1
    assert "goes on from there" in ended.value.__notes__[0]
    again = annotate([videos], out, jobs=jobs)
    assert (again.added, again.unchanged) == (3 - there, there)
    keys = [row["key"] for row in Annotations.open(out).rows(["key"])]
    assert len(keys) == len(set(keys)) == 3


KILLED = """
import os, sys
from pathlib import Path
sys.path[:0] = [{tests!r}]
from annotate_fakes import annotate
from storysound.progress import Progress

def report(now: Progress) -> None:
    if now.step == "captions" and now.done >= {count}:
        os.kill(os.getpid(), 9)

annotate([Path({videos!r})], Path({out!r}), report=report, batch=1)
"""


@pytest.mark.parametrize("count", [1, 2, 3])
def test_killed_at_any_moment_it_loses_and_doubles_nothing(videos: Path, tmp_path: Path, count: int) -> None:
    out, tests = tmp_path / "out", Path(__file__).parents[2]
    code = KILLED.format(tests=str(tests), videos=str(videos), out=str(out), count=count)
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == -9
    there = len(Annotations.open(out).rows(["key"]))
    assert there == count - 1  # the last was done and not yet committed
    again = annotate([videos], out)
    assert (again.added, again.unchanged) == (3 - there, there)
    assert len({row["key"] for row in rows(out)}) == len(rows(out)) == 3


def test_a_data_set_is_described_from_its_own_media(videos: Path, tmp_path: Path) -> None:
    ingested([videos / "one.mp4"], tmp_path / "data")
    (videos / "one.mp4").unlink()
    result = annotate([tmp_path / "data"], tmp_path / "out")
    assert result.added == 2
    assert {row["video_caption"] for row in rows(tmp_path / "out")} >= {"The video shows a blue car."}
    assert any("beep" in str(row["audio_caption"]) for row in rows(tmp_path / "out"))
    assert annotate([tmp_path / "data"], tmp_path / "out").unchanged == 2


def test_only_the_clips_of_a_table_and_no_video_on_two_sides(videos: Path, tmp_path: Path) -> None:
    table = tmp_path / "table.csv"
    table.write_text("id,start,caption\none,0,A ball.\none,2.5,A car.\none,4.5,Nothing.\ngone,0,Nobody.\n")
    result = annotate([videos], tmp_path / "out", table=table)
    assert result.added == 2
    assert "1 clips of the table have no file here, as gone_0" in result.notes
    assert [path for path, _ in result.skipped if path.startswith("one")] == ["one_4.5"]
    made = rows(tmp_path / "out")
    assert [(row["start_s"], row["end_s"], row["source"]) for row in made] == [
        (0, pytest.approx(4.8), "one"),
        (2.5, pytest.approx(4.8), "one"),
    ]
    assert len({row["split"] for row in made}) == 1
    table.write_text("id,start,split\none,0,train\nmute,0,test\n")
    annotate([videos], tmp_path / "stated", table=table)
    assert {row["source"]: row["split"] for row in rows(tmp_path / "stated")} == {"one": "train", "mute": "test"}
    with pytest.raises(UsageError, match="one folder"):
        AnnotateRequest((videos, tmp_path), tmp_path / "out", table=table)


def test_other_settings_need_another_folder(videos: Path, tmp_path: Path) -> None:
    annotate([videos], tmp_path / "out")
    with pytest.raises(LibraryError, match="clip_s 2, now 3"):
        annotate([videos], tmp_path / "out", clip_s=3.0)
    with pytest.raises(LibraryError, match="holds other things"):
        annotate([videos], videos)


def test_what_makes_no_sense_is_said(videos: Path, tmp_path: Path) -> None:
    for wrong in ({"clip_s": 0.5}, {"clip_s": -1.0}, {"pictures_per_s": 0.0}):
        with pytest.raises(UsageError, match=next(iter(wrong))):
            AnnotateConfig(**wrong)
    with pytest.raises(UsageError, match="inputs"):
        AnnotateRequest((), tmp_path)
    with pytest.raises(UsageError, match="batch"):
        AnnotateRequest((videos,), tmp_path, batch=0)
    with pytest.raises(InputError, match="does not exist"):
        annotate([tmp_path / "nothing"], tmp_path / "out")
    with pytest.raises(MissingModelError, match="eyes"):
        annotate([videos], tmp_path / "out", models=FakeModels("eyes"))
    assert not (tmp_path / "out").exists()


def test_the_check_is_not_asked_of_what_was_never_measured(videos: Path, tmp_path: Path) -> None:
    request = AnnotateRequest((videos,), tmp_path / "out", AnnotateConfig(unsupported="drop"))
    with pytest.raises(UsageError, match="never measured: only 'keep' is possible"):
        run(request, FakeModels(), Watch())


def test_captioners_of_the_hub_tell_in_their_own_sentences(videos: Path, tmp_path: Path) -> None:
    class Tellers(FakeModels):
        def get(self, name: str, load: object) -> object:
            told = {"florence2": "A ball lies there.", "whisper_captions": "Something beeps."}.get(name)
            return SimpleNamespace(revision=f"{name} 1", caption=lambda _: told) if told else super().get(name, load)

    config = AnnotateConfig(2.0, unsupported="keep", by_hub=True)
    run(AnnotateRequest((videos,), tmp_path / "out", config), Tellers(), Watch())
    first = Annotations.open(tmp_path / "out").rows()[1]
    assert first["caption"] == "A ball lies there. Something beeps."
    assert [each["by"] for each in first["sentences"]] == ["florence2 1", "whisper_captions 1", "rule 1", "rule 1"]
    assert {claim["label"] for claim in first["claims"]} >= {"red ball", "Beep, bleep"}
    with pytest.raises(UsageError, match="never measured"):
        AnnotateConfig(by_hub=True)


@pytest.mark.models
def test_a_real_clip_is_told_and_checked(models: Models, shared_data: Path, tmp_path: Path) -> None:
    clips = [shared_data / "videos" / "clips" / f"{name}.mp4" for name in ("vas_dog_02677", "mdn_flower")]
    result = run(AnnotateRequest(tuple(clips), tmp_path / "out"), models, Watch())
    assert result.added == 2
    dog, flower = Annotations.open(tmp_path / "out").rows()
    assert "dog" in dog["video_caption"]
    assert flower["audio_caption"] == "It is silent."
    assert all(0 <= claim["support"] <= 1 for claim in dog["claims"])
    assert {claim["sense"] for claim in dog["claims"]} == {"video", "audio"}


def test_the_command(videos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "Models", lambda profile, weights: FakeModels())
    words = ["annotate", str(videos), "-o", str(tmp_path / "out"), "--unsupported", "keep", "--jobs", "1", "--json"]
    told = CliRunner().invoke(app, words)
    assert told.exit_code == 0, told.output
    skipped, last = (json.loads(line) for line in told.stdout.splitlines())
    assert skipped["skipped"].endswith("broken.mp4")
    assert (last["added"], last["table1"]["clips"], last["table1"]["sentences"]) == (2, 2, 2.0)
    assert [row["words"] for row in last["published"] if row["name"] == "TAVGBench"] == [49.98]
    assert CliRunner().invoke(app, [*words[:-1]]).exit_code == 0
    nothing = CliRunner().invoke(app, ["annotate", str(videos / "notes.txt"), *words[2:]])
    assert isinstance(nothing.exception, InputError)
