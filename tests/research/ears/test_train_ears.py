"""The recipe learns a toy problem: three bands of noise, each a class."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file

from recipe_fakes import listening
from storysound.encode.ears import CLASSES
from storysound.encode.pool import Models
from storysound.errors import InputError, UsageError
from storysound.research import recipes
from storysound.research.ears import train as train_ears
from storysound.research.ears.settings import EarsTraining
from storysound.research.ears.train import batch_at, name_vectors
from storysound.train.ear_shards import Shards, read_shards

NAMES = ["sounds/dog_bark.ogg", "sounds/rain.wav", "sounds/77.wav"]
HIDDEN = 12


def shard(folder: Path, kind: str, windows: int, seed: int) -> None:
    """Windows of four patches; the class of a window is the band in which it is loud."""
    rng = np.random.default_rng(seed)
    label = rng.integers(0, 3, windows)
    mel = rng.integers(20, 60, (windows, 240, 64))
    hidden = np.zeros((windows, 4, HIDDEN), np.uint8)
    logits = np.full((windows, 4, CLASSES), 80, np.int8)
    for row, number in enumerate(label):
        mel[row, :, 20 * number : 20 * number + 20] += 80
        logits[row, :, 10 * (number + 1)] = 110
        hidden[row, :, number] = 200
    scale = np.array([0.05, -7, 0.3, 100, 0.02], np.float32)
    clips = np.stack([label, np.full(windows, -1)], 1).astype(np.int32)
    tensors = {"log_mel": mel.astype(np.uint8), "logits": logits, "embedding": hidden, "clips": clips, "scale": scale}
    save_file(tensors, folder / f"{kind}-1-{seed:05d}.safetensors")
    (folder / f"clips-{kind}-1.txt").write_text("\n".join(NAMES))


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "shards"
    folder.mkdir()
    for seed in (0, 1):
        shard(folder, "train", 96, seed)
    shard(folder, "test", 48, 2)
    return folder


@pytest.mark.models
def test_it_learns_a_toy_problem_and_goes_on(data: Path, tmp_path: Path, models: Models) -> None:
    words = [f"data={data}", f"out={tmp_path / 'run'}", "size=tiny", "batch=32", "threads=1", "precision=32-true"]
    words += ["warmup=5", "hint=1", "rate=0.01", "ema=0.9"]
    told: list[str] = []
    best = train_ears.train(recipes.settings(EarsTraining, [*words, "steps=150"]), models, listening(told))
    assert best > 0.95
    assert told[0] == "768 patches to train on, 48 windows held out"
    train_ears.train(recipes.settings(EarsTraining, [*words, "steps=154"]), models, listening(told))
    assert any(line.endswith("going on at step 150") for line in told)
    rows = [json.loads(line) for line in (tmp_path / "run" / "progress.jsonl").open()]
    shown = [row for row in rows if "labels" in row]
    assert shown[-1]["labels"] < shown[0]["labels"]


def test_every_patch_comes_once_an_epoch(data: Path) -> None:
    shards = read_shards(data, "train")
    recipe = EarsTraining(data, data, batch=64)
    seen = torch.cat([batch_at(shards, recipe, step, rank, 2).log_mel for step in range(6) for rank in range(2)])
    assert len(seen) == shards.patches == 768
    assert len(torch.unique(seen.flatten(1), dim=0)) == len(torch.unique(_all(shards).flatten(1), dim=0))
    again = batch_at(shards, recipe, 3, 1, 2)
    assert torch.equal(again.log_mel, batch_at(shards, recipe, 3, 1, 2).log_mel)
    assert not torch.equal(again.log_mel, batch_at(shards, recipe, 9, 1, 2).log_mel)


def _all(shards: Shards) -> torch.Tensor:
    return shards.at(torch.arange(shards.patches)).log_mel


def test_a_patch_meets_its_own_answer(data: Path) -> None:
    shards = read_shards(data, "train")
    batch = shards.at(torch.tensor([0, 5, 700]))
    for row, number in enumerate((0, 5, 700)):
        window, patch = divmod(number, 4)
        expected = shards.log_mel[window, 48 * patch : 48 * patch + 96].float() * 0.05 - 7
        torch.testing.assert_close(batch.log_mel[row], expected)
        band = int(batch.logits[row].argmax()) // 10 - 1
        assert int(batch.log_mel[row].mean(dim=0)[[10, 30, 50]].argmax()) == band
        assert int(batch.hidden[row].argmax()) == band


def test_names_without_words_have_no_vector(data: Path) -> None:
    shards = read_shards(data, "train", lambda names: name_vectors(names, lambda texts: torch.ones(len(texts), 384)))
    assert shards.names.abs().sum(dim=1).gt(0).tolist() == [True, True, False]


def test_what_is_no_shard_is_refused(data: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"holds no shards test-\*"):
        read_shards(tmp_path, "test")
    save_file({"x": np.zeros(3)}, data / "train-1-00009.safetensors")
    with pytest.raises(InputError, match="no shard of training patches"):
        read_shards(data, "train")


@pytest.mark.parametrize(
    ("given", "fault"),
    [
        (["data=x"], "give out="),
        (["data=x", "out=y", "batch=many"], "batch: needs int, got 'many'"),
        (["data=x", "out=y", "size=huge"], "full or tiny"),
        (["data=x", "out=y", "wings=2"], "no setting"),
        (["data"], "no setting"),
    ],
)
def test_settings_say_what_is_wrong(given: list[str], fault: str) -> None:
    with pytest.raises(UsageError, match=fault):
        recipes.settings(EarsTraining, given)


def test_recipes_are_the_files_of_the_room() -> None:
    assert "ears" in [one.name for one in recipes.TRAININGS]
    with pytest.raises(UsageError, match=r"no recipe .nose.: there are .*ears"):
        recipes.of_name(recipes.TRAININGS, "nose")
    assert ("steps", "60000") in recipes.shown(EarsTraining)
    assert ("data", "") in recipes.shown(EarsTraining)
