"""`compose` of a story: its scenes are those that a plan sees, are written for people to edit, and get themes."""

import json
from pathlib import Path
from typing import Any

import mido
import pytest

from jobs.score_fakes import Eyes, make_models, video, voice
from storysound.compose.spotting_file import read_spotting
from storysound.errors import UsageError
from storysound.jobs.compose import compose as job
from storysound.jobs.compose.request import ComposeRequest, ComposeResult
from storysound.progress import Watch
from storysound.story import Span

LENGTH_S = 31.5


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three scenes of which the first returns, and a voice in it."""
    return video(tmp_path_factory.mktemp("v") / "three.mp4", [0, 2, 0], LENGTH_S / 3, voice(LENGTH_S, ()))


def composed(film: Path, **asked: Any) -> ComposeResult:
    models = make_models(speech=(Span(2.0, 5.0),))
    return job.run(ComposeRequest(story=film, **asked), models, Watch())


def test_a_film_becomes_music_and_scenes_to_go_on_with(film: Path, tmp_path: Path) -> None:
    files = {"midi": tmp_path / "a.mid", "write_scenes": tmp_path / "scenes.json"}
    result = composed(film, **files, ensemble="piano", seed=2)
    assert [(scene.start_s, scene.end_s) for scene in result.scenes] == [(0.0, 10.5), (10.5, 21.0), (21.0, 31.5)]
    assert [scene.theme for scene in result.scenes] == ["theme A", "", "theme A"]
    assert [scene.about.split(", ")[0] for scene in result.scenes] == [Eyes.labels["colours"][i] for i in (0, 2, 0)]
    assert (result.length_s, result.scenes_file) == (LENGTH_S, str(files["write_scenes"]))
    assert mido.MidiFile(str(files["midi"])).length == pytest.approx(LENGTH_S, abs=0.01)
    spotting = read_spotting(files["write_scenes"])
    assert spotting.speech == (Span(2.0, 5.0),)
    again = ComposeRequest(files["write_scenes"], tmp_path / "b.mid", ensemble="piano", seed=2)
    job.run(again, make_models(), Watch())
    assert (tmp_path / "b.mid").read_bytes() == files["midi"].read_bytes()


def test_who_is_seen_gets_a_motif(film: Path, tmp_path: Path) -> None:
    result = composed(film, write_scenes=tmp_path / "s.json", themes=("Anna=1, 3", "the sea=2"))
    assert [scene.theme for scene in result.scenes] == ["Anna", "the sea", "Anna"]
    assert [each["theme"] for each in json.loads((tmp_path / "s.json").read_text())["scenes"]] == [
        "Anna",
        "the sea",
        "Anna",
    ]


@pytest.mark.parametrize(
    ("theme", "fault"),
    [("Anna=4", "no scene 4: there are 3"), ("Anna=0", "no scene 0"), ("Anna", "as Anna=2,4"), ("Anna=1,x", "as Anna")],
)
def test_themes_that_make_no_sense(film: Path, tmp_path: Path, theme: str, fault: str) -> None:
    with pytest.raises(UsageError, match=fault):
        composed(film, midi=tmp_path / "a.mid", themes=(theme,))
    assert not (tmp_path / "a.mid").exists()


@pytest.mark.parametrize(
    ("asked", "fault"),
    [
        ({}, "name one of them"),
        ({"scenes": Path("s.json"), "story": Path("a.mp4")}, "name one of them"),
        ({"scenes": Path("s.json"), "text": "the sea"}, "about a `story`"),
        ({"story": Path("a.mp4"), "midi": None}, "name what to write"),
    ],
)
def test_requests_of_two_kinds(asked: dict[str, Any], fault: str) -> None:
    with pytest.raises(UsageError, match=fault):
        ComposeRequest(**{"midi": Path("a.mid"), **asked})
