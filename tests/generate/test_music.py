"""Both backends, end to end on tiny random weights from a local folder."""

import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from generate_fakes import no_network, save_musicgen, save_stable_audio  # noqa: F401
from storysound.config import load_profile
from storysound.encode.pool import Models
from storysound.errors import MissingModelError, UsageError
from storysound.generate.maker import MUSIC, Conditions, Maker, TimedPicture, load
from storysound.generate.pretrained import chosen_folder
from storysound.generate.stable_audio import StableAudio
from storysound.weights.catalogue import CatalogueEntry
from storysound.weights.resolver import Resolver

CPU = torch.device("cpu")
MODELS = Models(load_profile(), Resolver(offline=True))
pytestmark = pytest.mark.usefixtures("no_network")


@pytest.fixture(scope="module")
def musicgen(tmp_path_factory: pytest.TempPathFactory) -> Maker:
    return load("musicgen", save_musicgen(tmp_path_factory.mktemp("musicgen")), CPU, MODELS)


@pytest.fixture(scope="module")
def stable(tmp_path_factory: pytest.TempPathFactory) -> Maker:
    loaded = load("stable_audio", save_stable_audio(tmp_path_factory.mktemp("stable")), CPU, MODELS)
    assert isinstance(loaded, StableAudio)
    return StableAudio(loaded._pipeline, steps=3)


@pytest.mark.parametrize(("name", "channels", "rate_hz"), [("musicgen", 1, 8000), ("stable", 2, 400)])
def test_music_of_exactly_the_length_and_the_same_again(
    name: str, channels: int, rate_hz: int, request: pytest.FixtureRequest
) -> None:
    composer = request.getfixturevalue(name)
    before = torch.random.get_rng_state()
    made = [composer.make(Conditions(1.23, seed, "sad piano music")) for seed in (5, 5, 6)]
    for wave in made:
        assert (wave.channels, wave.rate_hz) == (channels, rate_hz)
        assert wave.samples.shape[1] == round(1.23 * rate_hz)
        assert np.isfinite(wave.samples).all()
    assert np.array_equal(made[0].samples, made[1].samples)
    assert not np.array_equal(made[0].samples, made[2].samples)
    assert torch.equal(torch.random.get_rng_state(), before), "the caller's randomness must stay as it was"


@pytest.mark.parametrize("name", ["musicgen", "stable"])
def test_a_length_beyond_the_model_is_refused(name: str, request: pytest.FixtureRequest) -> None:
    composer = request.getfixturevalue(name)
    for seconds in (composer.longest_s + 1, 0.0):
        with pytest.raises(UsageError, match="up to"):
            composer.make(Conditions(seconds, text="music"))


def test_a_maker_says_what_it_takes(stable: Maker) -> None:
    picture = TimedPicture(0.0, np.zeros((4, 4, 3), np.uint8))
    with pytest.raises(UsageError, match="from text, not from pictures"):
        stable.make(Conditions(1.0, text="rain", pictures=(picture,)))
    with pytest.raises(UsageError, match="nothing to make sound from: the model takes text"):
        stable.make(Conditions(1.0, text=" "))


def test_nothing_forbidden_comes_in_with_the_libraries(stable: Maker) -> None:
    assert stable.longest_s == 2.0
    assert not {"torchvision", "torchaudio"} & sys.modules.keys()


@pytest.mark.parametrize("name", MUSIC)
def test_a_folder_without_the_model_is_named(name: str, tmp_path: Path) -> None:
    with pytest.raises(MissingModelError, match="no folder"):
        load(MUSIC[name], tmp_path / "none", CPU, MODELS)
    (tmp_path / "config.json").write_text('{"model_type": "bert"}')
    with pytest.raises(MissingModelError, match="can't be loaded") as raised:
        load(MUSIC[name], tmp_path, CPU, MODELS)
    assert str(tmp_path) in str(raised.value)


def test_weights_that_are_pickles_are_not_read(tmp_path: Path) -> None:
    folder = save_musicgen(tmp_path)
    (folder / "model.safetensors").unlink()
    torch.save({}, folder / "pytorch_model.bin")
    with pytest.raises(MissingModelError, match="can't be loaded"):
        load("musicgen", folder, CPU, MODELS)


def test_a_model_is_chosen_by_name_or_by_folder(tmp_path: Path) -> None:
    weights = Resolver(tmp_path / "cache", offline=True)
    assert chosen_folder(f"musicgen={tmp_path}", ("musicgen",), weights, "") == ("musicgen", tmp_path, "")
    for choice in ("bard", "musicgen=", "bard=/x"):
        with pytest.raises(UsageError, match="NAME=FOLDER"):
            chosen_folder(choice, ("musicgen",), weights, "")
    with pytest.raises(MissingModelError, match=r"storysound models pull musicgen.*`prompt_only`") as raised:
        chosen_folder("musicgen", ("musicgen",), weights, "`prompt_only` works")
    assert raised.value.exit_code == 4
    with pytest.raises(MissingModelError, match="riffusion is not in the catalogue: `model` riffusion=FOLDER"):
        chosen_folder("riffusion", ("riffusion",), weights)


def test_the_catalogues_files_make_one_folder(tmp_path: Path) -> None:
    files = {"m/config.json": "{}", "m/unet/config.json": "[]"}
    entries = {}
    for name, text in files.items():
        (tmp_path / "own" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "own" / name).write_text(text)
        entries[name] = CatalogueEntry(name, f"hf:a/b@main/{name[2:]}", "", 0, "MIT", "yes", "me", "m")
    weights = Resolver(tmp_path / "cache", offline=True, entries=entries, models=tmp_path / "own")
    assert chosen_folder("m", ("m",), weights, "") == ("m", tmp_path / "own" / "m", "MIT")
