"""Training and judging Sound of Story on stories in three made-up languages."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from typer.testing import CliRunner

from recipe_fakes import listening, models_of
from research.story_fakes import FakeEncoder, tone, write_stories
from storysound.app.cli.commands import app
from storysound.errors import InputError, UsageError
from storysound.library.stories import read_stories
from storysound.match.sos_model import Config
from storysound.media.audio import Waveform, write_wav
from storysound.metrics.table import in_order
from storysound.nn.ragged import Ragged
from storysound.progress import Cancelled, Progress, Stop, Watch
from storysound.research import recipes
from storysound.research.paper import published
from storysound.research.sos import evaluate as evaluate_sos
from storysound.research.sos import train as train_sos
from storysound.research.sos.about import PUBLISHED
from storysound.research.sos.settings import SOS_TABLE, SosEvaluation, SosTraining
from storysound.research.sos.train import batch_at, evaluate, network_of
from storysound.research.stories.batches import candidates, held_out
from storysound.research.stories.features import StoryFeatures, features_of
from storysound.trained import sos as sos_trained
from storysound.weights.resolver import Resolver


@pytest.fixture(autouse=True)
def _fake_encoder(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (train_sos, sos_trained):
        monkeypatch.setattr(module, "StoryEncoder", FakeEncoder)


def run(data: Path, out: Path, *words: str) -> tuple[float, list[str]]:
    lines: list[str] = []
    given = [f"data={data}", f"out={out}", "batch=8", "rate=0.01", "held_out=0.4", "ema=0.8", "threads=1", "scale=10"]
    given += ["evaluate_every=40", "seed=1", *words]
    return train_sos.train(recipes.settings(SosTraining, given), models_of(), listening(lines)), lines


def features(tmp_path: Path, count: int = 24) -> StoryFeatures:
    return features_of(
        read_stories(write_stories(tmp_path / "data", count)), FakeEncoder(), tmp_path / "f", 2.0, Watch()
    )  # type: ignore[arg-type]


def test_it_learns_goes_on_and_is_judged(tmp_path: Path) -> None:
    data, out = write_stories(tmp_path / "data", 36), tmp_path / "run"
    best, lines = run(data, out, "steps=80")
    untrained = next(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith("untrained"))
    assert best > untrained + 0.2
    assert "22 stories to learn from, 14 held out, 36 sounds" in lines
    assert list((out / "curves").glob("events.*"))
    _, again = run(data, out, "steps=82")
    assert any(line.endswith("going on at step 80") for line in again)
    assert not any(line.startswith("encoding") for line in again)  # features were kept
    with pytest.raises(InputError, match="other settings: model"):
        run(data, out, "steps=84", "tokens=false")
    recipe = SosEvaluation(data, out / "best.safetensors", draws=50)
    rows = evaluate_sos.evaluate(recipe, models_of(), Watch())
    r5 = {(row.task, row.model): row.figures["r5"] for row in rows if row.n}
    assert {task for task, _ in r5} == {"A2V", "V2A", "A2T", "T2A"}
    assert r5["A2T", "Sound of Story"] > r5["A2T", "untrained"]


def test_published_figures_are_marked() -> None:
    beside = published(PUBLISHED, SOS_TABLE.tables, SOS_TABLE.tasks)
    shown = in_order(reversed(beside), SOS_TABLE.tasks)
    assert list(dict.fromkeys(row.task for row in shown)) == ["A2V", "V2A", "A2T", "T2A"]
    assert all("another data set" in row.protocol and row.model.endswith("(published)") for row in shown)


def test_the_command_prints_rows(tmp_path: Path) -> None:
    data, out = write_stories(tmp_path / "data"), tmp_path / "run"
    run(data, out, "steps=2")
    model = out / "best.safetensors"
    words = ["evaluate", "sos", f"data={data}", f"model={model}", "split=all", "draws=20"]
    rows = [json.loads(line) for line in CliRunner().invoke(app, [*words, "--json"]).stdout.splitlines()]
    ours = next(row for row in rows if (row["task"], row["model"]) == ("T2A", "Sound of Story"))
    assert ours["n"] == 24
    assert ours["intervals"]["r1"][0] <= ours["r1"] <= ours["intervals"]["r1"][1]
    assert "Sound of Story (published)" in CliRunner(env={"COLUMNS": "200"}).invoke(app, words).stdout


def test_figures_are_those_of_the_similarity(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three sounds, three stories: by hand, sounds find ranks 1, 2 and 3, stories 1, 1 and 3."""
    data, out = write_stories(tmp_path / "data", 24), tmp_path / "run"
    run(data, out, "steps=1")
    three = write_stories(tmp_path / "three", 3)
    matrix = torch.tensor([[0.9, 0.1, 0.2], [0.5, 0.3, 0.8 - 0.6], [0.6, 0.2, 0.1]])
    monkeypatch.setattr(evaluate_sos, "_similarities", lambda *_: [("Sound of Story", matrix)])
    recipe = SosEvaluation(three, out / "best.safetensors", split="all", draws=10)
    rows = evaluate_sos.evaluate(recipe, models_of(), Watch())
    found = {row.task: row.figures for row in rows if row.model == "Sound of Story"}
    assert (found["A2V"]["r1"], found["A2V"]["mean_rank"]) == (pytest.approx(1 / 3), pytest.approx(2.0))
    assert (found["V2A"]["r1"], found["V2A"]["mean_rank"]) == (pytest.approx(2 / 3), pytest.approx(5 / 3))


def test_stories_that_share_a_sound_are_positives_of_each_other(tmp_path: Path) -> None:
    folder = tmp_path / "d"
    write_stories(folder, 4)
    rows = [{"text": "bear", "audio": ["0.wav", "1.wav"]}, {"text": "wolf", "audio": "1.wav"}]
    (folder / "shared.jsonl").write_text("\n".join(map(json.dumps, rows)))
    found = features_of(read_stories(folder / "shared.jsonl"), FakeEncoder(), tmp_path / "f", 2.0, Watch())  # type: ignore[arg-type]
    assert found.belongs.tolist() == [[True, True], [False, True]]
    recipe = SosTraining(Path(), Path(), batch=2)
    batches = [batch_at(found, torch.arange(2), recipe, step, 0, 1) for step in range(12)]
    shared = {batch.positives.sum().item() for batch in batches}
    assert shared == {3, 4}  # the second story's sound is the first one's too, drawn for both or once
    assert not batches[0].seen.any()


def test_stories_in_the_same_words_fit_each_others_sounds(tmp_path: Path) -> None:
    write_stories(tmp_path / "d", 3)
    rows = [{"text": "bear", "audio": "0.wav"}, {"text": "bear", "audio": "1.wav"}]
    rows += [{"images": "0-0.png", "audio": "2.wav"}, {"images": "0-0.png", "audio": "0.wav"}]
    (tmp_path / "d" / "same.jsonl").write_text("\n".join(map(json.dumps, rows)))
    found = features_of(read_stories(tmp_path / "d" / "same.jsonl"), FakeEncoder(), tmp_path / "f", 2.0, Watch())  # type: ignore[arg-type]
    assert found.belongs.int().tolist() == [[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 0, 0]]
    assert found.fits.int().tolist() == [[1, 1, 0], [1, 1, 0], [0, 0, 1], [1, 0, 0]]
    sounds, relevant = candidates(found, torch.tensor([1, 3]))
    assert sounds.tolist() == [0, 1]
    assert relevant.int().tolist() == [[1, 1], [1, 0]]


def test_batches_are_a_function_of_the_step_and_an_epoch_sees_all(tmp_path: Path) -> None:
    found = features(tmp_path)
    recipe = SosTraining(Path(), Path(), batch=6)
    among = torch.arange(24)
    once, again = (batch_at(found, among, recipe, 3, 0, 1) for _ in range(2))
    assert torch.equal(once.sounds.tokens, again.sounds.tokens)
    seen = torch.cat(
        [batch_at(found, among, recipe, step, rank, 2).texts.whole for step in range(2) for rank in (0, 1)]
    )
    assert len(seen) == 24
    assert once.sounds.tokens.shape[1] == 2  # of a crop of 2 s


def test_a_run_is_known_by_its_stories_not_by_the_last_bit_of_their_features(tmp_path: Path) -> None:
    """Another machine rounds what encoders say otherwise; a run that was begun on one goes on on another."""

    class Elsewhere(FakeEncoder):
        def audio(self, wave: Waveform) -> NDArray[np.float32]:
            return np.nextafter(super().audio(wave), np.float32(9), dtype=np.float32) * np.float32(1.001)

    class Other(FakeEncoder):
        def revision(self) -> str:
            return "other"

    def sha(name: str, encoder: FakeEncoder, count: int = 4) -> str:
        stories = read_stories(write_stories(tmp_path / f"data-{count}", count))
        return features_of(stories, encoder, tmp_path / name, 2.0, Watch()).sha  # type: ignore[arg-type]

    here = sha("here", FakeEncoder())
    assert sha("elsewhere", Elsewhere()) == here
    assert here not in (sha("other", Other()), sha("fewer", FakeEncoder(), 3))


def test_groups_are_never_split() -> None:
    groups = tuple(f"film{i % 7}" for i in range(40))
    out = held_out(groups, 0.3)
    assert not {g for g, o in zip(groups, out, strict=True) if o} & {
        g for g, o in zip(groups, out, strict=True) if not o
    }
    assert torch.equal(out, held_out(groups, 0.3))
    assert 0 < out.sum() < 40


def test_sequences_of_different_length() -> None:
    ragged = Ragged.from_list([torch.ones(2, 3), torch.zeros(0, 3), 2 * torch.ones(4, 3)], 3)
    rows, mask = ragged.of(torch.tensor([2, 0, 1]), most=3)
    assert mask.tolist() == [[True, True, True], [True, True, False], [False, False, False]]
    assert rows.sum(dim=(1, 2)).tolist() == [18.0, 6.0, 0.0]
    late, _ = ragged.of(torch.tensor([2]), first=torch.tensor([2]))
    assert late.shape == (1, 2, 3)


def test_the_best_figure_is_the_mean_over_directions(tmp_path: Path) -> None:
    found = features(tmp_path)
    config = Config(8, 12, 10, 8, ("text", "frames", "audio"), words=8, sounds=9, temporal_layers=1, temporal_heads=1)
    network = network_of(replace(config, aligned=True, centred=True), found, torch.arange(12)).eval()
    figures = evaluate(network, found, torch.arange(12, 24))
    parts = [figures[name] for name in ("A2V", "V2A", "A2T", "T2A")]
    assert figures["geometric_mean"] == pytest.approx(np.mean(parts))


def test_a_broken_story_is_told_and_left_out(tmp_path: Path) -> None:
    file = write_stories(tmp_path / "data", 8)
    (tmp_path / "data" / "3.wav").write_bytes(b"no sound")
    lines: list[str] = []
    found = features_of(read_stories(file), FakeEncoder(), tmp_path / "f", 2.0, listening(lines))  # type: ignore[arg-type]
    assert len(found.ids) == 7
    assert any(line.startswith("left out: s3:") and "3.wav" in line for line in lines)
    write_wav(tmp_path / "data" / "3.wav", tone(3))
    assert len(features_of(read_stories(file), FakeEncoder(), tmp_path / "f", 2.0, Watch()).ids) == 8  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ('{"text": "bear"}', "line 1: has no sound"),
        ('{"audio": "a.wav"}', "tells nothing"),
        ('{"text": 3, "audio": "a.wav"}', "text must be a string"),
        ('{"words": "bear"}', "unknown keys: words"),
        ("[]", "is no JSON object"),
        ("", "holds no stories"),
        (
            '{"id": "a", "text": "x", "audio": "a.wav"}\n{"id": "a", "text": "y", "audio": "a.wav"}',
            "several stories of",
        ),
    ],
)
def test_lines_that_are_no_stories_are_refused(tmp_path: Path, line: str, fault: str) -> None:
    file = tmp_path / "s.jsonl"
    file.write_text(line)
    with pytest.raises(InputError, match=fault):
        read_stories(file)


def test_too_few_stories_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="needs 5 stories held out"):
        run(write_stories(tmp_path / "data", 6), tmp_path / "run", "steps=1")
    assert not (tmp_path / "run" / "features").exists()  # told before anything is encoded


def test_a_run_of_other_settings_is_refused_before_anything_is_encoded(tmp_path: Path) -> None:
    data, out = write_stories(tmp_path / "data", 24), tmp_path / "run"
    run(data, out, "steps=1")
    data.write_text(data.read_text().replace("bear", "bears"))  # all would be encoded again
    lines: list[str] = []
    words = [f"data={data}", f"out={out}", "batch=4", "held_out=0.4", "steps=1"]
    with pytest.raises(InputError, match="other settings: batch"):
        train_sos.train(recipes.settings(SosTraining, words), models_of(), listening(lines))
    assert not lines


def test_a_training_that_is_told_to_stop_goes_on_with_what_it_encoded(tmp_path: Path) -> None:
    data, out = write_stories(tmp_path / "data", 24), tmp_path / "run"
    whole, _ = run(data, tmp_path / "whole", "steps=6")
    stop = Stop()

    def report(now: Progress) -> None:
        if now.step == "training" and now.done >= 3:
            stop.set()

    words = [f"data={data}", f"out={out}", "batch=8", "rate=0.01", "held_out=0.4", "ema=0.8", "threads=1", "scale=10"]
    recipe = recipes.settings(SosTraining, [*words, "evaluate_every=40", "seed=1", "steps=6"])
    with Watch(report, stop) as watch, pytest.raises(Cancelled):
        train_sos.train(recipe, models_of(), watch)
    again, lines = run(data, out, "steps=6")
    assert any("going on at step" in line for line in lines)
    assert not any(line.startswith("encoding") for line in lines)
    assert again == pytest.approx(whole)


def test_a_model_must_be_whole_and_know_its_encoders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data, out = write_stories(tmp_path / "data"), tmp_path / "run"
    weights = Resolver(offline=True)
    with pytest.raises(InputError, match=r"model\.json: can't be read as the card"):
        sos_trained.load_trained(out / "best.safetensors", models_of(weights))
    run(data, out, "steps=1")
    with pytest.raises(InputError, match="isn't there"):
        sos_trained.load_trained(out / "other.safetensors", models_of(weights))
    (out / "broken.safetensors").write_bytes(b"x" * 40)
    with pytest.raises(InputError, match="holds no weights of this model"):
        sos_trained.load_trained(out / "broken.safetensors", models_of(weights))
    monkeypatch.setattr(FakeEncoder, "revision", lambda _: "newer")
    with pytest.raises(InputError, match="learned from features of other encoders"):
        sos_trained.load_trained(out / "best.safetensors", models_of(weights))


def test_settings_that_make_no_sense_are_refused(tmp_path: Path) -> None:
    for word, fault in (("mode=other", "corrected or paper"), ("held_out=1", "held_out in"), ("batch=1", "batch >= 2")):
        with pytest.raises(UsageError, match=fault):
            recipes.settings(SosTraining, ["data=x", f"out={tmp_path}", word])
    with pytest.raises(UsageError, match="split is held_out or all"):
        recipes.settings(SosEvaluation, ["data=x", "model=y", "split=some"])
    assert "sos" in [one.name for one in recipes.EVALUATIONS]
