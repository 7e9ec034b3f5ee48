"""Stretches of videos found by what is told of them, among given proposals and among shots."""

import json
from pathlib import Path

import pytest
import torch

from ingest_fakes import film
from recipe_fakes import listening, models_of
from research.story_fakes import COLOURS, WORDS, FakeEncoder
from storysound.errors import InputError, UsageError
from storysound.library import stories as sos_stories
from storysound.library.stories import StoryMaterial, clip_of, read_stories
from storysound.progress import Watch
from storysound.research import recipes
from storysound.research.mac import evaluate as evaluate_mac
from storysound.research.mac import train as train_mac
from storysound.research.mac.settings import MacEvaluation, MacTraining
from storysound.research.mac.shots import overlap, right_shots, shots_of
from storysound.story import Span
from storysound.trained import mac as mac_trained

PAIRS = [(1, 2), (4, 6), (3, 5), (2, 4), (6, 1), (5, 2), (1, 3), (6, 3)]  # kinds of thing in each video


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Videos of two scenes of 2 s; two lines each."""
    folder = tmp_path_factory.mktemp("clips")
    lines = []
    for i, kinds in enumerate(PAIRS):
        film(folder / f"{i}.mp4", [(COLOURS[kind], 2.0) for kind in kinds], hz=None)
        for j, kind in enumerate(kinds):
            times = {"start_s": 2.0 * j, "end_s": 2.0 * j + 1.9}
            lines.append({"id": f"{i}-{j}", "video": f"{i}.mp4", "text": WORDS[kind], **times})
    (folder / "clips.jsonl").write_text("\n".join(map(json.dumps, lines)))
    return folder / "clips.jsonl"


@pytest.fixture(autouse=True)
def _fake_encoder(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (train_mac, mac_trained):
        monkeypatch.setattr(module, "StoryEncoder", FakeEncoder)


def test_a_stretch_is_a_story_of_its_own(clips: Path) -> None:
    read = read_stories(clips, silent=True)
    assert [one.span for one in read[:2]] == [Span(0.0, 1.9), Span(2.0, 3.9)]
    assert read[0].group == read[1].group != read[2].group  # stretches of one video are never parted
    assert read[0].key != read[1].key
    for one, kind in zip(read[:2], PAIRS[0], strict=True):
        colours = torch.tensor(COLOURS).float()
        for picture in one.pictures():
            mean = torch.from_numpy(picture).float().mean((0, 1))
            assert int((colours - mean).abs().sum(1).argmin()) == kind
    assert len(read[0].pictures()) == pytest.approx(sos_stories.LEAST_FRAMES, abs=1)


def test_words_find_stretches_and_shots(clips: Path, tmp_path: Path) -> None:
    words = [f"data={clips}", f"out={tmp_path}", "experts=object", "batch=6", "rate=0.01", "held_out=0.2", "dim=16"]
    words += ["steps=60", "ema=0.8", "dropout=0", "threads=1", "evaluate_every=60"]
    lines: list[str] = []
    with pytest.raises(InputError, match="held out"):
        train_mac.train(recipes.settings(MacTraining, words), models_of(), listening(lines))
    words[5] = "held_out=0.4"
    train_mac.train(recipes.settings(MacTraining, words), models_of(), listening(lines))
    found = {}
    for proposals in ("given", "shots"):
        recipe = MacEvaluation(clips, tmp_path / "best.safetensors", proposals=proposals, split="all", draws=10)
        for row in evaluate_mac.evaluate(recipe, models_of(), listening(lines)):
            found[row.task, row.model] = row
    assert set(found) == {
        (task, model)
        for task in ("clip A2V", "clip V2A", "clip A2V, own shots")
        for model in ("MAC", "random, mean of five")
    }
    assert "16 shots in 8 videos" in lines
    given, shots = found["clip A2V", "MAC"].figures, found["clip A2V, own shots", "MAC"].figures
    assert given["r1"] > found["clip A2V", "random, mean of five"].figures["r1"] + 0.3
    assert shots["r5"] > 0.3  # one shot of 16 is right, though others show the same thing


def test_shots_are_what_lies_between_cuts(clips: Path) -> None:
    shots = shots_of([clips.parent / "0.mp4"])
    spans = [shot.span for shot in shots if shot.span]
    assert len(spans) == 2
    assert spans[0].end_s == pytest.approx(2.0, abs=0.15)
    assert not shots[0].sounds  # the video is silent
    assert not shots[0].texts


def test_the_right_shot_shares_half_or_most() -> None:
    def part(video: str, start_s: float, end_s: float) -> StoryMaterial:
        return StoryMaterial(f"{video}{start_s}", video, "", (), list, (), Path(video), Span(start_s, end_s))

    shots = [part("a", 0, 4), part("a", 4, 5), part("a", 5, 9), part("b", 0, 4)]
    told = [part("a", 0, 5), part("a", 3, 6), part("b", 1, 4), part("c", 0, 4)]
    assert right_shots(told, shots).int().tolist() == [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 0, 1], [0, 0, 0, 0]]
    assert overlap(Span(0, 1), Span(2, 3)) == 0


def test_shots_need_stretches(clips: Path, tmp_path: Path) -> None:
    whole = [{"video": f"{i}.mp4", "text": WORDS[i]} for i in range(5)]
    (clips.parent / "whole.jsonl").write_text("\n".join(map(json.dumps, whole)))
    words = [f"data={clips}", f"out={tmp_path}", "experts=object", "steps=1", "held_out=0.4", "dim=8"]
    train_mac.train(recipes.settings(MacTraining, words), models_of(), Watch())
    data, model = clips.parent / "whole.jsonl", tmp_path / "best.safetensors"
    recipe = MacEvaluation(data, model, proposals="shots", split="all")
    with pytest.raises(UsageError, match="stories that are stretches"):
        evaluate_mac.evaluate(recipe, models_of(), Watch())


def test_a_description_is_a_file_that_tells(clips: Path) -> None:
    folder = clips.parent
    (folder / "a.vtt").write_text(
        "WEBVTT\n\n00:01.000 --> 00:02.000\nA <b>bear</b> walks.\n\n00:03.000 --> 00:04.000\nRain.\n"
    )
    (folder / "a.txt").write_text("wolf\nand lark")
    rows = [{"video": "0.mp4", "description": "a.vtt"}, {"video": "1.mp4", "description": ["a.txt", "said.wav"]}]
    (folder / "told.jsonl").write_text("\n".join(map(json.dumps, rows)))
    read = read_stories(folder / "told.jsonl", silent=True, transcribe=lambda file: f"heard in {file.name}")
    assert [one.texts for one in read] == [("A bear walks. Rain.",), ("wolf and lark", "heard in said.wav")]
    with pytest.raises(InputError, match=r"line 2: said\.wav is no text"):
        read_stories(folder / "told.jsonl", silent=True)


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ({"video": "0.mp4", "text": "x", "start_s": 1}, "go together"),
        ({"audio": "a.wav", "text": "x", "start_s": 1, "end_s": 2}, "with one video"),
        ({"video": "0.mp4", "text": "x", "start_s": 2, "end_s": 2}, "start_s < end_s"),
        ({"video": "0.mp4", "text": "x", "start_s": "a", "end_s": 2}, "in seconds"),
    ],
)
def test_stretches_that_are_none_are_refused(clips: Path, line: dict[str, object], fault: str) -> None:
    (clips.parent / "bad.jsonl").write_text(json.dumps(line))
    with pytest.raises(InputError, match=fault):
        read_stories(clips.parent / "bad.jsonl", silent=True)


def test_a_video_s_stretch_knows_its_sound(tmp_path: Path) -> None:
    file = film(tmp_path / "a.mp4", [(COLOURS[1], 3.0)])
    (sound,) = clip_of(file, Span(0.5, 2.0)).sounds
    assert sound.read().duration_s == pytest.approx(1.5, abs=0.05)
