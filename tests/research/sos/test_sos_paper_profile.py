"""Sound of Story with the paper's encoders, CLIP and AST, as tiny random networks: training to re-ranking."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

from encode.tiny_hub import models_folder
from recipe_fakes import listening, models_of
from research.story_fakes import tone
from storysound.app.cli.commands import app
from storysound.config import Profile, load_profile
from storysound.encode import encoder
from storysound.encode.features import StoryEncoder
from storysound.errors import MissingModelError, UsageError
from storysound.library.stories import read_stories
from storysound.match.query import Hit
from storysound.match.sos_model import Features
from storysound.media.audio import write_wav
from storysound.progress import Watch
from storysound.research import recipes
from storysound.research.mac import evaluate as evaluate_mac
from storysound.research.mac import train as train_mac
from storysound.research.mac.settings import MacEvaluation, MacTraining
from storysound.research.sos import baselines as sos_baselines
from storysound.research.sos import evaluate as evaluate_sos
from storysound.research.sos import train as train_sos
from storysound.research.sos.settings import SosEvaluation, SosTraining
from storysound.research.stories.batches import a_stretch_of_each
from storysound.research.stories.features import features_of
from storysound.story import Sound
from storysound.trained import mac as mac_trained
from storysound.trained import mac_ranker
from storysound.trained.sos import load_trained
from storysound.trained.sos_ranker import SosRanker
from storysound.weights.resolver import Resolver

STORIES = (
    "rain falls on the roof", "a bear far", "the wolf", "thunder on the roof", "a wolf on the roof", "rain",
    "far thunder", "the bear falls", "a bear on a roof", "far rain falls", "a far wolf falls", "thunder",
)  # fmt: skip
SETTINGS = ("profile=paper", "crop_s=1", "steps=2", "batch=4", "held_out=0.5", "threads=1")
PATCHES = 1 + 2 * 9  # of the tiny AST: one of distillation, and two rows of nine


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return models_folder(tmp_path_factory.mktemp("models"))


@pytest.fixture
def weights(models: Path, tmp_path: Path) -> Resolver:
    return Resolver(tmp_path / "cache", offline=True, models=models)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    rows = []
    for i, text in enumerate(STORIES):
        write_wav(tmp_path / f"{i}.wav", tone(i % 8, (i + 3) % 8, i % 5))
        pixels = np.random.default_rng(i).integers(0, 256, (40, 50, 3), np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"{i}.png")
        rows.append({"id": f"s{i}", "text": text, "images": f"{i}.png", "audio": f"{i}.wav"})
    file = tmp_path / "stories.jsonl"
    file.write_text("\n".join(map(json.dumps, rows)))
    return file


def train(data: Path, out: Path, weights: Resolver) -> list[str]:
    lines: list[str] = []
    words = [f"data={data}", f"out={out}", *SETTINGS]
    train_sos.train(recipes.settings(SosTraining, words), models_of(weights), listening(lines))
    return lines


def test_features_are_words_and_patches(data: Path, weights: Resolver, tmp_path: Path) -> None:
    encoder = StoryEncoder(models_of(weights), load_profile("paper"))
    found = features_of(read_stories(data), encoder, tmp_path / "f", 1.0, Watch())
    assert not encoder.aligned
    texts = found.texts(torch.arange(2))
    assert texts.tokens.shape == (2, 7, 12)  # "rain falls on the roof" and what begins and ends it
    assert texts.mask is not None
    assert texts.mask.sum(1).tolist() == [7, 5]
    assert torch.equal(texts.whole[0], texts.tokens[0, 6])  # CLIP's sentence is the last of its words
    assert found.pictures(torch.arange(2))[0].shape == (2, 1, 12)
    sounds = found.sounds(torch.arange(3))
    assert (sounds.whole.shape, sounds.tokens.shape, found.tokens) == ((3, 16), (3, PATCHES, 16), PATCHES)
    best = encoder.stretches(tone(0, 3, 0), [float(found.crop_s[0])], 1.0)[0]
    assert np.allclose(sounds.whole[0], best[0], atol=1e-3)
    assert np.allclose(sounds.tokens[0], best[1:], atol=1e-3)


def test_training_draws_any_of_the_stretches(data: Path, weights: Resolver, tmp_path: Path) -> None:
    found = features_of(
        read_stories(data), StoryEncoder(models_of(weights), load_profile("paper")), tmp_path / "f", 1.0, Watch()
    )
    rng, own = np.random.default_rng(0), torch.zeros(40, dtype=torch.long)
    firsts = a_stretch_of_each(found, own, rng)
    assert set((firsts / found.stretch).tolist()) == {0.0, 1.0, 2.0, 3.0, 4.0}
    assert found.audio.lengths()[0] == 5 * found.stretch
    later = found.sounds(own[:1], torch.tensor([4 * found.stretch]))
    assert not torch.allclose(later.whole, found.sounds(own[:1]).whole)
    assert later.mask is not None
    assert later.mask.all()


def test_it_trains_is_judged_and_ranks(data: Path, weights: Resolver, models: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    assert any(line.startswith("step 2 of 2") for line in train(data, out, weights))
    card = json.loads((out / "model.json").read_text())["model"]
    assert (card["width"], card["words"], card["sounds"], card["mapped"]) == (12, 77, PATCHES, ["audio"])
    recipe = SosEvaluation(data, out / "best.safetensors", draws=10)
    rows = evaluate_sos.evaluate(recipe, models_of(weights), Watch())
    assert {"A2V", "V2A", "A2T", "T2A"} == {row.task for row in rows if row.model == "Sound of Story"}
    assert {"A2T", "T2A"} == {row.task for row in rows if row.model == "CLAP"}
    trained = load_trained(out / "best.safetensors", models_of(weights))
    hits = [Hit(Sound(f"{i}.wav", str(tmp_path), 3.0, "sfx"), 0.5, 1.5, 0.9, ()) for i in range(3)]
    found = SosRanker(trained).scores(hits, "rain", [])
    read = torch.from_numpy(trained.encoder.text(("rain",)))[None]
    told = trained.network.text(Features(read[:, 0], read[:, 1:]))
    for i, score in enumerate(found):
        rows = torch.from_numpy(trained.encoder.stretches(tone(i, (i + 3) % 8, i), [0.5], 1.0))
        assert rows.shape == (1, 1 + PATCHES, 16)
        heard = trained.network.audio(Features(rows[:, 0], rows[:, 1:]))
        assert score == pytest.approx(float(trained.network.similarity(heard, told, "AT")), abs=1e-3)
    assert len(set(found.tolist())) == 3


def test_clap_hears_the_most_informative_stretch(data: Path, weights: Resolver, tmp_path: Path) -> None:
    """Its similarities are cosines of its own towers, in the order of the features, and are kept."""
    stories = read_stories(data)
    (tmp_path / "5.wav").write_bytes(b"broken")
    found = features_of(stories, StoryEncoder(models_of(weights), load_profile("paper")), tmp_path / "f", 1.0, Watch())
    lines: list[str] = []
    for _ in range(2):
        similarity = sos_baselines.clap(
            stories, found, torch.tensor([0, 3, 7]), models_of(weights), tmp_path / "f", listening(lines)
        )
    assert lines == ["CLAP hears 3 sounds and reads 3 texts"]
    assert similarity is not None
    matrix = similarity(torch.tensor([0, 7]), torch.tensor([3, 7, 0]))
    assert matrix.shape == (3, 2)
    at = float(found.crop_s[7])
    (heard,) = encoder.load("clap", weights).encode([stories[8].sounds[0].read().cut(at, at + 1.0)])
    (said,) = encoder.load("clap_text", weights).encode([STORIES[8]])
    assert found.ids[7] == "s8"
    assert float(matrix[1, 1]) == pytest.approx(float((heard.embedding @ said.embedding.T).item()), abs=1e-5)


def test_without_clap_a_line_says_so(data: Path, weights: Resolver, tmp_path: Path) -> None:
    stories, lines, away = read_stories(data), list[str](), Resolver(tmp_path / "c", offline=True)
    found = features_of(stories, StoryEncoder(models_of(weights), load_profile("paper")), tmp_path / "f", 1.0, Watch())
    assert sos_baselines.clap(stories, found, torch.arange(3), models_of(away), tmp_path, listening(lines)) is None
    assert "CLAP, the paper's baseline, is not measured: clap/" in lines[0]


def test_the_command_finds_models_of_ones_own(
    data: Path, models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STORYSOUND_MODELS", str(models))
    monkeypatch.setenv("STORYSOUND_CACHE", str(tmp_path / "cache"))
    result = CliRunner().invoke(app, ["train", "sos", f"data={data}", f"out={tmp_path / 'run'}", *SETTINGS])
    assert result.exit_code == 0, result.output
    assert (tmp_path / "run" / "best.safetensors").exists()
    listed = CliRunner().invoke(app, ["models", "ls", "paper", "--json"]).stdout.splitlines()
    states = {row["name"]: (row["state"], row["path"], row["commercial"]) for row in map(json.loads, listed)}
    assert states["clip/config.json"] == ("cached", str(models / "clip" / "config.json"), "ask")
    assert states["mert/model.safetensors"][2] == "no"


def test_a_profile_needs_an_encoder_of_sound() -> None:
    with pytest.raises(UsageError, match="profile 'silent': audio needs at least one encoder"):
        Profile("silent", "clip_text", "clip", ())


def test_without_the_hub_it_says_what_was_wanted(data: Path, tmp_path: Path) -> None:
    wanted = r"clip/.*hf:openai/clip-vit-base-patch32@.*models pull paper.*embedded"
    with pytest.raises(MissingModelError, match=wanted):
        train(data, tmp_path / "run", Resolver(tmp_path / "none", offline=True))


def test_a_stretch_is_no_longer_than_what_is_heard_as_one(data: Path, weights: Resolver, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="crop_s=2: this profile hears 1 s as one"):
        features_of(
            read_stories(data), StoryEncoder(models_of(weights), load_profile("paper")), tmp_path / "f", 2.0, Watch()
        )


def test_encoders_without_parts_say_the_same_of_all(weights: Resolver) -> None:
    encoder = StoryEncoder(models_of(weights), Profile("both", "clip_text", "clip", ("ast", "clap")))
    (rows,) = encoder.stretches(tone(1, 2), [0.0], 1.0)
    assert rows.shape == (1 + PATCHES, 16 + 10)
    assert np.array_equal(rows[0, 16:], rows[-1, 16:])
    assert not np.array_equal(rows[0, :16], rows[-1, :16])


@pytest.mark.parametrize(
    ("words", "task"),
    [
        ((), "paragraph A2V"),  # CLIP's words through NetVLAD; a picture's places, its embedding, AST's patches
        (("seen=sound",), "T2A"),
        (("heard=sound",), "sound A2V"),
    ],
)
def test_mac_takes_the_same_encoders(
    data: Path, weights: Resolver, tmp_path: Path, words: tuple[str, ...], task: str
) -> None:
    out = tmp_path / "mac"
    given = [f"data={data}", f"out={out}", *SETTINGS, "dim=8", "evaluate_every=2", *words]
    train_mac.train(recipes.settings(MacTraining, given), models_of(weights), Watch())
    recipe = MacEvaluation(data, out / "best.safetensors", draws=5)
    rows = evaluate_mac.evaluate(recipe, models_of(weights), Watch())
    assert (rows[0].task, rows[0].n) == (task, 6)
    if words:
        judge = mac_ranker.MacRanker(mac_trained.load_trained(out / "best.safetensors", models_of(weights)))
        hits = [Hit(Sound(f"{i}.wav", str(tmp_path), 2.0, "sfx"), 0.0, 1.0, 0.5, ()) for i in range(3)]
        pictures = [np.zeros((8, 8, 3), np.uint8)]
        assert np.isfinite(judge.scores(hits, "rain", pictures)).all()
