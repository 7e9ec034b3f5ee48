"""Training and judging MMVA on colours, tones and numbers that tell their mood."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from encode.tiny_hub import models_folder, resolver
from recipe_fakes import listening, models_of
from research.mmva_fakes import FakeTowers, moods, write_tables
from storysound.app.cli.commands import app
from storysound.config import load_profile
from storysound.errors import InputError
from storysound.library.emotion_set import EmotionSet
from storysound.match.mmva import paired_score
from storysound.match.mmva_model import MMVA, Config
from storysound.match.mmva_towers import TowerEncoder
from storysound.media.audio import Waveform
from storysound.metrics.table import Row, in_order
from storysound.progress import Watch
from storysound.research import recipes
from storysound.research.mmva import build as build_mmva
from storysound.research.mmva import evaluate as evaluate_mmva
from storysound.research.mmva import train as train_mmva
from storysound.research.mmva.about import PUBLISHED
from storysound.research.mmva.evaluate import NOTHING
from storysound.research.mmva.features import TowerFeatures, features_of
from storysound.research.mmva.settings import MMVA_TABLE, WAYS, MmvaBuild, MmvaEvaluation, MmvaTraining
from storysound.research.mmva.train import MmvaBatch, Pool, losses, triples
from storysound.research.paper import published
from storysound.trained import mmva as mmva_trained
from storysound.weights.resolver import Resolver

OFFLINE = Resolver(offline=True)


@pytest.fixture(autouse=True)
def _fake_towers(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (train_mmva, mmva_trained):
        monkeypatch.setattr(module, "TowerEncoder", FakeTowers)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> EmotionSet:
    folder = tmp_path_factory.mktemp("set")
    pictures, music = write_tables(folder, pictures=40, tracks=40, length_s=2.0)
    words = [f"pictures={pictures}@1:9", f"music={music}@-1:1", f"out={folder / 'set'}", "test=0.3", "validation=0.1"]
    return build_mmva.build(recipes.settings(MmvaBuild, words), models_of(), Watch())


@pytest.fixture(scope="module")
def features(data: EmotionSet, tmp_path_factory: pytest.TempPathFactory) -> TowerFeatures:
    return features_of(data, FakeTowers(), tmp_path_factory.mktemp("features"), Watch())  # type: ignore[arg-type]


def run(data: EmotionSet, out: Path, *words: str) -> tuple[float, list[str]]:
    lines: list[str] = []
    given = [f"data={data.folder}", f"out={out}", "batch=16", "rate=0.0005", "dropout=0.1", "threads=1", "steps=90"]
    recipe = recipes.settings(MmvaTraining, [*given, "evaluate_every=45", *words])
    return train_mmva.train(recipe, models_of(), listening(lines)), lines


def figures(rows: list[Row], model: str) -> dict[str, dict[str, float]]:
    return {row.task: dict(row.figures) for row in rows if row.model == model}


def test_it_learns_goes_on_and_is_judged(data: EmotionSet, tmp_path: Path) -> None:
    out = tmp_path / "run"
    _, lines = run(data, out)
    assert any(line.startswith("encoding pictures 1 to 40 of 40") for line in lines)
    _, again = run(data, out, "steps=92")
    assert any(line.endswith("going on at step 90") for line in again)
    assert not any(line.startswith("encoding") for line in again)
    with pytest.raises(InputError, match="other settings: matching"):
        run(data, out, "steps=94", "matching=fixed")
    recipe = MmvaEvaluation(data.folder, out / "best.safetensors", draws=20)
    rows = evaluate_mmva.evaluate(recipe, models_of(), Watch())
    assert {row.task for row in rows} == set(MMVA_TABLE.tasks)
    ours, nothing = figures(rows, "MMVA"), figures(rows, NOTHING)
    for task in MMVA_TABLE.tasks[1:7]:
        assert ours[task]["mse"] < nothing[task]["mse"]
        assert "pearson" not in nothing[task]  # a constant has no correlation
    assert min(ours[task]["pearson"] for task in MMVA_TABLE.tasks[1:7]) > 0.7
    assert figures(rows, "MMVA, by Eq. 1")["similarity"]["mse"] < nothing["similarity"]["mse"]
    chance = figures(rows, "random, mean of five")
    assert ours["music to text"]["map10"] > chance["music to text"]["map10"] + 0.2
    shown = in_order([*rows, *published(PUBLISHED, MMVA_TABLE.tables, MMVA_TABLE.tasks)], MMVA_TABLE.tasks)
    assert [row.model for row in shown][:3] == ["MMVA", "MMVA, by Eq. 1", NOTHING]


@pytest.mark.parametrize(
    ("words", "name"),
    [
        (["matching=fixed"], "MMVA, no random matching"),
        (["similarity=false"], "MMVA, no similarity predictor"),
    ],
)
def test_mmva_erratum_7_both_ablations_run(data: EmotionSet, tmp_path: Path, words: list[str], name: str) -> None:
    run(data, tmp_path, "steps=2", *words)
    recipe = MmvaEvaluation(data.folder, tmp_path / "best.safetensors", draws=5)
    rows = evaluate_mmva.evaluate(recipe, models_of(), Watch())
    without = words == ["similarity=false"]
    assert {row.task for row in rows if row.model == name} == set(MMVA_TABLE.tasks) - (
        {"similarity"} if without else set()
    )
    assert any(row.model == f"{name}, by Eq. 1" for row in rows)


def test_random_matching_is_new_in_every_step_and_fixed_pairs_are_those_of_the_set(features: TowerFeatures) -> None:
    free, fixed = (MmvaTraining(Path(), Path(), batch=8, matching=how) for how in ("random", "fixed"))
    pool = Pool.of(features.set, free)
    seen = [tuple(map(tuple, (part.tolist() for part in pool.at(free, step, 0, 1)))) for step in range(6)]
    assert len(set(seen)) == 6
    assert seen[2] == tuple(map(tuple, (part.tolist() for part in pool.at(free, 2, 0, 1))))  # a pure function
    data = features.set
    for left, right in seen:
        assert {data.pictures[i].split for i in left} | {data.clips[i].split for i in right} == {"train"}
    pairs = Pool.of(features.set, fixed)
    found = {
        pair for step in range(40) for pair in zip(*(p.tolist() for p in pairs.at(fixed, step, 0, 1)), strict=True)
    }
    assert found == {pair for pair in data.pairs if data.clips[pair[1]].split == "train"}


def test_each_epoch_of_random_matching_hears_every_clip(features: TowerFeatures) -> None:
    recipe = MmvaTraining(Path(), Path(), batch=4)
    pool = Pool.of(features.set, recipe)
    steps = len(pool.clips) // 4
    heard = torch.cat([pool.at(recipe, step, 0, 1)[1] for step in range(steps)])
    assert len(set(heard.tolist())) == 4 * steps


def test_triples_carry_the_labels_and_eq_1(features: TowerFeatures) -> None:
    batch = triples(features, torch.tensor([3, 5]), torch.tensor([7, 0]))
    data = features.set
    for i, (picture, clip) in enumerate(((3, 7), (5, 0))):
        seen, heard = data.pictures[picture].mood, data.clips[clip].mood
        assert batch.image_mood[i].tolist() == pytest.approx([seen.valence, seen.arousal])
        assert batch.music_mood[i].tolist() == pytest.approx([heard.valence, heard.arousal])
        assert batch.score[i].item() == pytest.approx(np.exp(-seen.distance(heard) / data.sigma), abs=1e-5)
    mean = torch.from_numpy(FakeTowers().words(data.clips[7].caption))
    assert torch.allclose(batch.text[0], mean, atol=1e-3)


def test_the_loss_is_eq_4(features: TowerFeatures) -> None:
    batch = triples(features, torch.arange(6), torch.arange(6))
    config = features.config(similarity=True, dropout=0.0)
    assert (config.image_width, config.music_width, config.text_width) == (6, 8, 7)
    assert (config.music_layers, config.text_layers) == (2, 2)
    network = MMVA(config).eval()
    predicted, found = network(batch.image, batch.music, batch.text), losses(network, batch)
    sums = [((predicted[i] - label) ** 2).sum(1).mean() for i, label in enumerate((batch[3], batch[4], batch[4]))]
    matching = ((predicted.matching - batch.score) ** 2).mean()
    assert found["loss"].item() == pytest.approx((sum(sums) + matching).item(), rel=1e-5)
    without = MMVA(features.config(similarity=False, dropout=0.0))
    assert set(losses(without, batch)) == {"loss", "image", "music", "text"}


def test_tiny_trains_from_the_loop_alone() -> None:
    """Both ablations from `Config.tiny()`: fixed pairs are the same triples again and again."""
    torch.manual_seed(0)
    config = Config.tiny()
    generator = torch.Generator().manual_seed(1)
    seen, heard = (torch.from_numpy(moods(8, seed)) for seed in (3, 4))
    given = [
        torch.randn(8, config.layers[m], config.widths[m], generator=generator) for m in ("image", "music", "text")
    ]  # type: ignore[index]
    batch = MmvaBatch(*given, seen, heard, paired_score(seen, heard, 0.35))  # type: ignore[call-arg]
    for network in (MMVA(config), MMVA(Config.tiny(similarity=False))):
        optimiser, found = torch.optim.AdamW(network.parameters(), 1e-2), []
        for _ in range(3):
            loss = losses(network, batch)["loss"]
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            found.append(loss.item())
        assert found[-1] < found[0]


def test_another_division_is_not_judged(data: EmotionSet, tmp_path: Path) -> None:
    """A test part of another seed would hold what the model learned from."""
    run(data, tmp_path / "run", "steps=1")
    folder = data.folder.parent
    words = [
        f"pictures={folder}/pictures.csv@1:9",
        f"music={folder}/music.csv@-1:1",
        f"out={tmp_path / 'other'}",
        "seed=5",
    ]
    build_mmva.build(recipes.settings(MmvaBuild, words), models_of(), Watch())
    recipe = MmvaEvaluation(tmp_path / "other", tmp_path / "run" / "best.safetensors", draws=5)
    with pytest.raises(InputError, match="isn't divided as the set"):
        evaluate_mmva.evaluate(recipe, models_of(), Watch())
    rows = evaluate_mmva.evaluate(replace(recipe, split="all", candidates=10), models_of(), Watch())
    assert next(row.n for row in rows if row.task == "image valence") == 40
    assert next(row.n for row in rows if row.task == "text to music") == 10


def test_what_is_right_in_retrieval(data: EmotionSet, tmp_path: Path) -> None:
    """A caption finds the clips it stands for; a picture the music that is labelled nearest."""
    run(data, tmp_path, "steps=1")
    trained = mmva_trained.load_trained(tmp_path / "best.safetensors", models_of())
    recipe = MmvaEvaluation(data.folder, tmp_path / "best.safetensors")
    found = features_of(data, trained.towers, tmp_path / "features", Watch())
    judged = evaluate_mmva._judged(recipe, trained.network, found)
    every = {"image": torch.arange(len(judged.pictures)), "music": torch.arange(len(judged.clips))}
    every["text"] = every["music"]
    own = evaluate_mmva._relevant(judged, "text", "music", every["text"], every["music"], 0.3)
    assert own.diagonal().all()
    for a, b in WAYS:
        relevant = evaluate_mmva._relevant(judged, a, b, every[a], every[b], 0.3)
        assert relevant.any(1).all()
        if "image" in (a, b):
            labels = judged.labelled
            for row in range(3):
                distance = torch.linalg.vector_norm(labels[a][row] - labels[b], dim=1)  # type: ignore[index]
                assert relevant[row, distance.argmin()]


def test_the_command_prints_rows(data: EmotionSet, tmp_path: Path) -> None:
    run(data, tmp_path, "steps=1")
    words = ["evaluate", "mmva", f"data={data.folder}", f"model={tmp_path}/best.safetensors", "draws=5"]
    rows = [json.loads(line) for line in CliRunner().invoke(app, [*words, "--json"]).stdout.splitlines()]
    row = next(row for row in rows if (row["task"], row["model"]) == ("image valence", "MMVA"))
    assert row["intervals"]["mse"][0] <= row["mse"] <= row["intervals"]["mse"][1]
    shown = CliRunner(env={"COLUMNS": "250"}).invoke(app, words).stdout
    assert "CDCML (published)" in shown
    assert "published rows are of other data" in shown


def test_a_run_is_known_by_its_set_and_encoders(data: EmotionSet) -> None:
    known = train_mmva.features_sha(data, "r1")
    assert known == train_mmva.features_sha(replace(data), "r1")
    retold = replace(data, clips=(replace(data.clips[0], caption="other words"), *data.clips[1:]))
    fewer = data.only(range(1, len(data.pictures)), range(len(data.clips)))
    assert known not in (train_mmva.features_sha(*given) for given in ((data, "r2"), (retold, "r1"), (fewer, "r1")))


def test_unreadable_things_are_left_out(data: EmotionSet, tmp_path: Path) -> None:
    lost = replace(data.pictures[0], file=tmp_path / "gone.png", sha256="0")
    broken = replace(data, pictures=(lost, *data.pictures[1:]))
    lines: list[str] = []
    found = features_of(broken, FakeTowers(), tmp_path / "f", listening(lines))  # type: ignore[arg-type]
    assert len(found.set.pictures) == len(found.images) == 39
    assert any(line.startswith("left out") and "gone.png" in line for line in lines)
    for (p, c), (q, d) in zip(found.set.pairs, [(p, c) for p, c in data.pairs if p > 0], strict=True):
        assert found.set.pictures[p].id == data.pictures[q].id
        assert found.set.clips[c].id == data.clips[d].id


def test_the_papers_towers_tell_all_their_layers(tmp_path: Path) -> None:
    """CLIP by its one vector, MERT and RoBERTa by their blocks and embeddings: miniatures of three blocks here."""
    hub = resolver(models_folder(tmp_path / "models"), tmp_path / "cache")
    towers = TowerEncoder(models_of(hub), load_profile("mmva"))
    assert towers.words("rain falls on the roof").shape == (4, 16)
    assert towers.music(Waveform(0.1 * np.ones((1, 8000), np.float32), 8000)).shape == (4, 16)
    assert towers.image(np.zeros((40, 40, 3), np.uint8)).shape == (1, 12)
    assert towers.revision() == TowerEncoder(models_of(hub), load_profile("mmva")).revision()


@pytest.mark.models
def test_the_embedded_encoders_make_the_three_towers(weights: Resolver) -> None:
    towers = TowerEncoder(models_of(weights))
    rng = np.random.default_rng(0)
    image = towers.image(rng.integers(0, 255, (64, 64, 3), dtype=np.uint8))
    music = towers.music(Waveform(0.1 * rng.normal(size=(1, 16000)).astype(np.float32), 16000))
    words = towers.words("Music: calm, acoustic.")
    assert (len(image), len(music)) == (1, 1)
    for part in (image, music, words):
        assert part.ndim == 2
        assert np.isfinite(part).all()
