"""Training and judging BGTAI on stories in three made-up languages, of which one is named by an ear."""

import json
from collections.abc import Sequence
from dataclasses import replace
from html import escape
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from typer.testing import CliRunner

from recipe_fakes import listening, models_of
from research.story_fakes import WORDS, FakeEncoder, write_stories
from storysound.app.cli.commands import app
from storysound.encode import lemmas
from storysound.encode.labels import LabelSpace
from storysound.errors import InputError, UsageError
from storysound.library.stories import read_stories
from storysound.match.bgtai_gloss import SoundGloss
from storysound.match.sos_model import Features
from storysound.media.audio import Waveform
from storysound.metrics.table import in_order
from storysound.progress import Watch
from storysound.research import recipes
from storysound.research.bgtai import ablation as evaluate_bgtai_ablation
from storysound.research.bgtai import evaluate as evaluate_bgtai
from storysound.research.bgtai import train as train_bgtai
from storysound.research.bgtai.about import PUBLISHED
from storysound.research.bgtai.glosses import GlossedStories, gloss_of, glossed
from storysound.research.bgtai.settings import (
    BGTAI_ABLATION_TABLE,
    BGTAI_TABLE,
    BgtaiAblation,
    BgtaiEvaluation,
    BgtaiTraining,
)
from storysound.research.bgtai.train import batch_at, losses, similarities
from storysound.research.paper import published
from storysound.research.stories.features import features_of
from storysound.trained import bgtai as bgtai_trained


class NamingEncoder(FakeEncoder):
    """Hears which of eight kinds of thing sounds, and how surely."""

    def heard(self) -> dict[str, int]:
        return {"low": 10, "audioset": 8}

    def audio(self, wave: Waveform) -> NDArray[np.float32]:
        rows = super().audio(wave)
        kinds = (rows[:, None] == self._heard[None]).all(axis=2)
        return np.concatenate([rows, np.sqrt(0.9 * kinds + 0.0125)], axis=1).astype(np.float32)

    def classes(self, name: str) -> tuple[LabelSpace, NDArray[np.float32]]:
        return LabelSpace(name, WORDS, self._said), np.ones(8, np.float32)

    def word_vectors(self, words: Sequence[str]) -> NDArray[np.float32]:
        return self._said[[WORDS.index(word) for word in words]]


class NamelessEncoder(NamingEncoder):
    """Hears the same, without a name for it."""

    def heard(self) -> dict[str, int]:
        return {"low": 18}


@pytest.fixture(autouse=True)
def _fakes(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (train_bgtai, bgtai_trained, evaluate_bgtai_ablation):
        monkeypatch.setattr(module, "StoryEncoder", NamingEncoder)
    monkeypatch.setattr(lemmas, "load", lambda _: SimpleNamespace(of=str))


def run(data: Path, out: Path, *words: str) -> tuple[float, list[str]]:
    lines: list[str] = []
    given = [f"data={data}", f"out={out}", "batch=8", "rate=0.01", "held_out=0.4", "ema=0.8", "threads=1", "scale=10"]
    given += ["evaluate_every=40", "seed=1", "result_filter=true", *words]
    return train_bgtai.train(recipes.settings(BgtaiTraining, given), models_of(), listening(lines)), lines


def stories_in(folder: Path, count: int = 24, encoder: Any = None) -> GlossedStories:
    material = read_stories(write_stories(folder / "data", count))
    encoder = encoder or NamingEncoder()
    return glossed(features_of(material, encoder, folder / "f", 2.0, Watch()), material, encoder, str, read_gloss=True)


def test_it_learns_goes_on_and_is_judged(tmp_path: Path) -> None:
    data, out = write_stories(tmp_path / "data", 36), tmp_path / "run"
    best, lines = run(data, out, "steps=40")
    untrained = next(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith("untrained"))
    assert best > untrained + 0.1
    assert "22 stories to learn from, 14 held out, 36 sounds" in lines
    _, again = run(data, out, "steps=41")
    assert any(line.endswith("going on at step 40") for line in again)
    for other in (["sp=0.5"], ["result_filter=false"]):
        with pytest.raises(InputError, match="other settings"):
            run(data, out, "steps=42", *other)
    recipe = BgtaiEvaluation(data, out / "best.safetensors", draws=50)
    rows = evaluate_bgtai.evaluate(recipe, models_of(), Watch())
    mrr = {(row.task, row.model): row.figures["mrr"] for row in rows}
    assert {task for task, _ in mrr} == {"A2I", "I2A", "A2T", "T2A", "T2I", "I2T"}
    assert mrr["A2I", "BGTAI"] > mrr["A2I", "random, mean of five"] + 0.2
    beside = published(PUBLISHED, BGTAI_TABLE.tables, BGTAI_TABLE.tasks)
    assert {row.task for row in in_order([*rows, *beside], BGTAI_TABLE.tasks)} == set(BGTAI_TABLE.tasks)


def test_the_command_prints_rows(tmp_path: Path) -> None:
    data, out = write_stories(tmp_path / "data"), tmp_path / "run"
    run(data, out, "steps=2", "gloss=false", "ds_net=false", "result_filter=false")
    words = ["evaluate", "bgtai", f"data={data}", f"model={out / 'best.safetensors'}", "split=all", "draws=20"]
    rows = [json.loads(line) for line in CliRunner().invoke(app, [*words, "--json"]).stdout.splitlines()]
    ours = next(row for row in rows if (row["task"], row["model"]) == ("T2A", "BGTAI"))
    assert ours["n"] == 24
    assert ours["intervals"]["mrr"][0] <= ours["mrr"] <= ours["intervals"]["mrr"][1]
    assert any(row["model"] == "UniBriVL (published)" for row in rows)


def test_a_sounds_gloss_says_once_what_goes_on() -> None:
    hear = SoundGloss(NamingEncoder())  # type: ignore[arg-type]
    heard = torch.full((2, 4, 18), 0.01)
    for step, (first, second) in enumerate(((2, 5), (2, 5), (5, 7), (1, 2))):
        heard[0, step, 10 + first], heard[0, step, 10 + second] = 0.9, 0.5
    heard[1, 0, 13], heard[1, 0, 14] = 0.9, 0.5
    mask = torch.tensor([[1, 1, 1, 1], [1, 0, 0, 0]]).bool()
    words, real = hear(Features(heard.mean(1), heard, mask))
    said = torch.from_numpy(NamingEncoder()._said)
    assert real.sum(dim=1).tolist() == [5, 2]
    assert torch.equal(words[0], said[[2, 5, 7, 1, 2]])
    assert torch.equal(words[1, :2], said[[3, 4]])
    assert not words[1, 2:].any()
    with pytest.raises(ValueError, match="needs a step"):
        hear(Features(heard.mean(1), heard, mask & False))


def test_what_is_usual_says_less() -> None:
    class Used(NamingEncoder):
        def classes(self, name: str) -> tuple[LabelSpace, NDArray[np.float32]]:
            return super().classes(name)[0], np.array([1, 0.01, 1, 1, 1, 1, 1, 1], np.float32)

    heard = torch.zeros(1, 1, 18)
    heard[0, 0, [10, 11, 12]] = torch.tensor([0.9, 0.4, 0.6])
    words, _ = SoundGloss(Used())(Features(heard[:, 0], heard, torch.ones(1, 1).bool()))  # type: ignore[arg-type]
    assert torch.equal(words[0], torch.from_numpy(Used()._said)[[1, 0]])


def test_a_texts_gloss_is_its_content_words() -> None:
    assert gloss_of(("The bear and the wolf",), str) == ("bear", "wolf")
    assert gloss_of(("it is", "wind"), str) == ("it is", "wind")


def test_texts_are_read_without_their_whole(tmp_path: Path) -> None:
    stories = stories_in(tmp_path, 3)
    said = stories.texts(torch.tensor([0, 2]))  # "bear bear" and "bear lark"
    words = torch.from_numpy(NamingEncoder()._said)[[0, 2]]
    assert torch.allclose(said.steps[1], words, atol=2e-3)
    assert torch.allclose(said.gloss[1], words, atol=2e-3)
    assert said.mask.all()
    sounds = stories.sounds(torch.tensor([2]))
    assert torch.allclose(sounds.gloss[0, [0, 2]], words, atol=2e-3)


def test_what_an_ear_has_no_name_for_has_no_gloss(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="gloss=false"):
        stories_in(tmp_path, 3, NamelessEncoder())


def test_stories_may_lack_pictures_or_text(tmp_path: Path) -> None:
    write_stories(tmp_path / "data", 6)
    rows: list[dict[str, Any]] = [{"text": "bear wolf", "audio": "0.wav"}, {"images": "1-0.png", "audio": "1.wav"}]
    rows += [{"text": "lark", "images": ["2-0.png"], "audio": "2.wav"}, {"text": "lark", "audio": "3.wav"}]
    file = tmp_path / "data" / "some.jsonl"
    file.write_text("\n".join(map(json.dumps, rows)))
    material, encoder = read_stories(file), NamingEncoder()
    features = features_of(material, encoder, tmp_path / "f", 2.0, Watch())  # type: ignore[arg-type]
    stories = glossed(features, material, encoder, str, read_gloss=True)  # type: ignore[arg-type]
    recipe = BgtaiTraining(Path(), Path(), batch=4, result_filter=True)
    everyone = torch.arange(4)
    network = train_bgtai.network_of(train_bgtai.config_of(recipe, stories, aligned=True), stories, everyone)
    batch = batch_at(stories, everyone, recipe, 0, 0, 1)
    assert (int(batch.read.sum()), int(batch.seen.sum()), len(batch.frames[0])) == (3, 2, 2)
    found = losses(network.train(), batch, recipe)
    assert {"loss", "contrastive", "cross_entropy", "sp", "AI", "AT", "TI"} == set(found)
    drawn_together = losses(network, batch, replace(recipe, contrastive="l2", sp=0.0))
    assert "sp" not in drawn_together
    assert drawn_together["contrastive"].item() == pytest.approx(
        np.mean([drawn_together[pair].item() for pair in ("AI", "AT", "TI")]), abs=1e-6
    )
    found = similarities(network.eval(), stories, everyone)
    assert set(found) == {"AI", "AT"}
    # The last sound is told in the words of a story that has a picture.
    assert found["AI"].fits.tolist() == [[True, False], [False, True], [False, True]]
    assert found["AT"].fits.tolist() == [[True, False, False], [False, True, True], [False, True, True]]
    assert found["AT"].rows.tolist() == [0, 2, 3]


@pytest.mark.parametrize("lack", ["images", "text"])
def test_all_stories_may_lack_pictures_or_all_text(tmp_path: Path, lack: str) -> None:
    data = write_stories(tmp_path / "data", 8)
    lines = [json.loads(line) for line in data.read_text().splitlines()]
    data.write_text("\n".join(json.dumps({key: value for key, value in row.items() if key != lack}) for row in lines))
    material, encoder = read_stories(data), NamingEncoder()
    features = features_of(material, encoder, tmp_path / "f", 2.0, Watch())  # type: ignore[arg-type]
    stories = glossed(features, material, encoder, str, read_gloss=True)  # type: ignore[arg-type]
    recipe, everyone = BgtaiTraining(Path(), Path(), batch=4), torch.arange(8)
    network = train_bgtai.network_of(train_bgtai.config_of(recipe, stories, aligned=True), stories, everyone)
    found = losses(network.train(), batch_at(stories, everyone, recipe, 0, 0, 1), recipe)
    found["loss"].backward()
    assert all(weight.grad is not None for weight in network.parameters())
    assert set(found) & {"AI", "AT", "TI"} == ({"AT"} if lack == "images" else {"AI"})
    assert set(similarities(network.eval(), stories, everyone)) == ({"AT"} if lack == "images" else {"AI"})


def test_batches_are_a_function_of_the_step(tmp_path: Path) -> None:
    stories, recipe = stories_in(tmp_path, 12), BgtaiTraining(Path(), Path(), batch=6)
    once, again, other = (batch_at(stories, torch.arange(12), recipe, step, 0, 1) for step in (3, 3, 2))
    assert torch.equal(once.sounds.steps, again.sounds.steps)
    assert not torch.equal(once.texts.gloss, other.texts.gloss)


def test_a_model_must_know_its_encoders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data, out = write_stories(tmp_path / "data"), tmp_path / "run"
    run(data, out, "steps=1")
    with pytest.raises(InputError, match="isn't there"):
        bgtai_trained.load_trained(out / "other.safetensors", models_of())
    monkeypatch.setattr(NamingEncoder, "revision", lambda _: "newer")
    with pytest.raises(InputError, match="learned from features of other encoders"):
        bgtai_trained.load_trained(out / "best.safetensors", models_of())


@pytest.mark.parametrize(
    ("word", "fault"),
    [
        ("gloss=false", "nothing to align"),
        ("contrastive=cosine", "infonce or l2"),
        ("sp=-1", "0 or more"),
        ("batch=1", "batch >= 2"),
    ],
)
def test_settings_that_make_no_sense_are_refused(tmp_path: Path, word: str, fault: str) -> None:
    with pytest.raises(UsageError, match=fault):
        recipes.settings(BgtaiTraining, ["data=x", f"out={tmp_path}", word])


def test_both_studies_train_their_settings_and_draw(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    studies = evaluate_bgtai_ablation.STUDIES.items()
    some = {study: dict(list(settings.items())[-1 if study == "losses" else -2 :]) for study, settings in studies}
    monkeypatch.setattr(evaluate_bgtai_ablation, "STUDIES", some)
    data = write_stories(tmp_path / "data", 16)
    given = [f"data={data}", f"out={tmp_path / 'out'}", "batch=4", "held_out=0.4", "threads=1", "steps=2", "draws=20"]
    for words in (["study=parts", "seeds=1", "evaluate_every=1"], ["study=losses", "seeds=2", "plot=png"]):
        recipe = recipes.settings(BgtaiAblation, [*given, *words])
        rows = evaluate_bgtai_ablation.evaluate(recipe, models_of(), Watch())
        assert [row.model for row in rows if row.task == "A2I"] == list(some[recipe.study])
        assert {row.task for row in rows} == set(BGTAI_ABLATION_TABLE.tasks)
        assert all(row.n == 6 and set(row.intervals) >= {"mrr", "r5"} for row in rows)
    assert all(escape(name) in (tmp_path / "out" / "parts.svg").read_text() for name in some["parts"])
    assert (tmp_path / "out" / "losses.png").read_bytes().startswith(b"\x89PNG")


def test_a_study_compares_what_it_says(tmp_path: Path) -> None:
    kind = BgtaiAblation
    recipe = recipes.settings(kind, ["data=x", f"out={tmp_path}", "seed=3", "study=losses"])
    change = evaluate_bgtai_ablation.STUDIES["losses"]["D: total, D, 1 s"]
    run = evaluate_bgtai_ablation.variant_of(recipe, "D: total, D, 1 s", change, 2)
    assert (run.crop_s, run.seed, run.steps, run.ds_net, run.sp) == (1.0, 5, 300, True, 1.0)
    for settings in evaluate_bgtai_ablation.STUDIES.values():
        runs = [evaluate_bgtai_ablation.variant_of(recipe, name, changed, 0) for name, changed in settings.items()]
        assert len({run.out for run in runs}) == len({replace(run, out=tmp_path) for run in runs}) == len(settings)
    for word, fault in (("study=all", "parts or losses"), ("ds_net=false", "what is compared")):
        with pytest.raises(UsageError, match=fault):
            recipes.settings(kind, ["data=x", f"out={tmp_path}", word])
