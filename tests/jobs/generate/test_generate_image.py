"""From pairs of sound and picture to a map, and from a sound to a picture that says what it was made of."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

from generate_fakes import no_network, save_kandinsky  # noqa: F401
from recipe_fakes import listening, models_of
from research.story_fakes import FakeEncoder, tone, write_stories
from storysound.app.cli.commands import app
from storysound.app.cli.generate import parse_share
from storysound.config import load_profile
from storysound.encode.pool import Models
from storysound.errors import InputError, MediaError, MissingModelError, UsageError
from storysound.jobs.generate import image as job
from storysound.jobs.generate.request import GenerateImageRequest, SoundShare
from storysound.media.audio import Waveform, write_wav
from storysound.progress import Watch
from storysound.research import recipes
from storysound.research.soundimage import train as train_soundimage
from storysound.research.soundimage.settings import SoundImageTraining
from storysound.trained import soundimage as soundimage_trained
from storysound.trained.soundimage import load_trained
from storysound.weights.resolver import Resolver

pytestmark = pytest.mark.usefixtures("no_network", "fake_encoder")
runner = CliRunner()


@pytest.fixture
def fake_encoder(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (train_soundimage, soundimage_trained):
        monkeypatch.setattr(module, "StoryEncoder", FakeEncoder)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return save_kandinsky(tmp_path / "kandinsky")


def train(data: Path, folder: Path, out: Path) -> tuple[float, list[str]]:
    told: list[str] = []
    words = [f"data={data}", f"out={out}", f"model=kandinsky={folder}", "held_out=0.2"]
    recipe = recipes.settings(SoundImageTraining, words)
    return train_soundimage.train(recipe, models_of(), listening(told)), told


def test_it_learns_which_picture_belongs_to_a_sound_and_paints_it(tmp_path: Path, folder: Path) -> None:
    mrr, told = train(write_stories(tmp_path / "data", 30), folder, tmp_path / "run")
    assert mrr > 0.8, "chance is .41 among six"
    assert any("R²" in line for line in told)
    again, told = train(tmp_path / "data" / "stories.jsonl", folder, tmp_path / "run")
    assert again == pytest.approx(mrr)
    assert not any("listening" in line for line in told), "what was encoded is kept"
    best = tmp_path / "run" / "best.safetensors"
    write_wav(tmp_path / "a.wav", tone(2))
    write_wav(tmp_path / "b.wav", tone(5))
    picture, row = painted(tmp_path, folder, best, "--seed", "7")
    assert picture.shape == (64, 64, 3)
    assert row["seed"] == 7
    assert np.array_equal(picture, painted(tmp_path, folder, best, "--seed", "7")[0])
    for other in (["--seed", "8"], ["--seed", "7", "--gain", "12"], ["--seed", "7", "--mix", f"{tmp_path}/b.wav:0.5"]):
        assert not np.array_equal(picture, painted(tmp_path, folder, best, *other)[0])
    with Image.open(tmp_path / "p.png") as image:
        said = image.text  # type: ignore[attr-defined]
    assert all(part in said["Description"] for part in ("a.wav", "b.wav to 0.5", "seed 7", "kandinsky"))


def painted(tmp_path: Path, folder: Path, best: Path, *more: str) -> tuple[np.ndarray, dict[str, object]]:
    asked = ["generate", "image", "--audio", str(tmp_path / "a.wav"), "--map", str(best), "-o", str(tmp_path / "p.png")]
    asked += ["--model", f"kandinsky={folder}", "--steps", "2", "--side", "64", "--json", *more]
    result = runner.invoke(app, asked, catch_exceptions=False)
    with Image.open(tmp_path / "p.png") as image:
        return np.asarray(image), json.loads(result.stdout.splitlines()[-1])


def test_gain_is_as_if_the_file_were_louder_and_mixtures_go_from_one_to_the_other(tmp_path: Path, folder: Path) -> None:
    train(write_stories(tmp_path / "data"), folder, tmp_path / "run")
    trained = load_trained(tmp_path / "run" / "best.safetensors", models_of())
    write_wav(tmp_path / "a.wav", tone(2))
    write_wav(tmp_path / "b.wav", tone(5))
    softer = Waveform(tone(2).samples * np.float32(10 ** (-12.0 / 20)), tone(2).rate_hz)
    louder = trained.condition(softer, 12.0)
    assert torch.allclose(louder, trained.condition(tone(2)), atol=1e-3)

    def condition(gain_db: float = 0.0, share: float = 0.0) -> torch.Tensor:
        mixed = (SoundShare(tmp_path / "b.wav", share),)
        return job.condition(GenerateImageRequest(tmp_path / "a.wav", tmp_path / "p.png", gain_db, mixed), trained)

    away = [float((condition(gain) - trained.network.usual_picture).norm()) for gain in (-30, -10, 0, 10)]
    assert away == sorted(away)
    assert len(set(away)) == 4
    other = condition(share=1.0)
    near = [float((condition(share=share) - other).norm()) for share in (0.0, 0.3, 0.6, 1.0)]
    assert near == sorted(near, reverse=True)
    assert near[-1] < 1e-6


def test_orders_that_make_no_sense_are_refused(tmp_path: Path) -> None:
    a, out = tmp_path / "a.wav", tmp_path / "p.png"
    for text in ("b.wav", "b.wav:x", "b.wav:1.5", ":0.5", "b.wav:nan"):
        with pytest.raises(UsageError, match=r"mix: .*FILE:WEIGHT"):
            parse_share(text)
    with pytest.raises(UsageError, match="more than 1"):
        GenerateImageRequest(a, out, mix=(SoundShare(a, 0.6), SoundShare(a, 0.6)))
    with pytest.raises(UsageError, match="gain_db: must lie"):
        GenerateImageRequest(a, out, gain_db=float("nan"))
    with pytest.raises(UsageError, match=r"\.png"):
        GenerateImageRequest(a, tmp_path / "p.gif")
    with pytest.raises(UsageError, match="multiple of 64"):
        GenerateImageRequest(a, out, side_px=100)


def test_what_is_missing_is_said_with_the_way_out(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("STORYSOUND_MODELS", raising=False)
    a, out, weights = tmp_path / "a.wav", tmp_path / "p.png", Resolver(tmp_path / "cache", offline=True)
    with pytest.raises(MediaError, match="does not exist"):
        job.run(GenerateImageRequest(a, out), Models(load_profile(), weights), Watch())
    write_wav(a, tone(2))
    with pytest.raises(MissingModelError, match="models pull kandinsky"):
        job.run(GenerateImageRequest(a, out), Models(load_profile(), weights), Watch())
    with pytest.raises(MissingModelError, match="train soundimage"):
        job.run(GenerateImageRequest(a, out, model=f"kandinsky={folder}"), Models(load_profile(), weights), Watch())
    train(write_stories(tmp_path / "data"), folder, tmp_path / "run")
    other = save_kandinsky(tmp_path / "other", dim=16)
    order = GenerateImageRequest(a, out, model=f"kandinsky={other}", map=tmp_path / "run" / "best.safetensors")
    with pytest.raises(InputError, match="another model"):
        job.run(order, Models(load_profile(), weights), Watch())
    assert not out.exists()


def test_too_few_pairs_are_refused(tmp_path: Path, folder: Path) -> None:
    with pytest.raises(InputError, match="pairs to learn from"):
        train(write_stories(tmp_path / "data", 5), folder, tmp_path / "run")
