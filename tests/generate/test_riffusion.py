"""Latent diffusion of spectrogram pictures, on parts in miniature: folders, lengths, seeds, conditions, bad input."""

import json
import logging
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from generate_fakes import TINY_FORM, no_network, tiny_diffusion, tiny_eyes  # noqa: F401
from rounding import assert_alike
from storysound.config import load_profile
from storysound.encode.pool import Models
from storysound.errors import MissingModelError, UsageError
from storysound.generate.diffusion_folder import ABOUT, DiffusionParts, read_eyes, read_parts, write_parts
from storysound.generate.maker import SOUND, Conditions, TimedPicture, load
from storysound.generate.riffusion import SpectrogramDiffusion
from storysound.media.spectrograms.form import SpectrogramForm
from storysound.nn.latent_diffusion import SAMPLERS
from storysound.weights.resolver import Resolver

CPU = torch.device("cpu")
MODELS = Models(load_profile(), Resolver(offline=True))
pytest.importorskip("diffusers")
pytestmark = pytest.mark.usefixtures("no_network")


def taught(parts: DiffusionParts) -> DiffusionParts:
    """With a branch that adds something."""
    found = parts.with_branch("text+image", tiny_eyes(), 0)
    for name, weight in found.control.named_parameters():
        if "controlnet_" in name:
            torch.nn.init.normal_(weight, std=0.5)
    return found


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("diffusion")
    parts = tiny_diffusion(folder / "words")
    both = taught(parts)
    write_parts(parts, folder / "text")
    write_parts(both, folder / "both")
    write_parts(replace(both, about=replace(both.about, variant="image")), folder / "image")
    return {name: folder / name for name in ("text", "both", "image")}


def picture(seed: int, height: int = 20, width: int = 30) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def maker(folder: Path, **settings: object) -> SpectrogramDiffusion:
    return SpectrogramDiffusion(read_parts(folder), CPU, **{"steps": 2, **settings})  # type: ignore[arg-type]


@pytest.mark.parametrize("name", SAMPLERS)
@pytest.mark.parametrize("seconds", [0.13, 1.5])  # less than a slice of .32 s, and several
def test_a_sound_has_its_length_and_its_seed(folders: dict[str, Path], name: str, seconds: float) -> None:
    model = maker(folders["text"], sampler=name)
    before = torch.random.get_rng_state()
    made = [model.make(Conditions(seconds, seed, "rain falls")) for seed in (1, 1, 2)]
    assert made[0].samples.shape == (1, round(seconds * TINY_FORM.rate_hz))
    assert made[0].rate_hz == TINY_FORM.rate_hz
    assert 0.5 < np.abs(made[0].samples).max() <= 1
    np.testing.assert_array_equal(made[0].samples, made[1].samples)
    assert not np.allclose(made[0].samples, made[2].samples)
    assert torch.equal(torch.random.get_rng_state(), before), "the caller's randomness must stay as it was"


def test_words_and_pictures_matter_and_when_they_are_seen_too(folders: dict[str, Path]) -> None:
    model = maker(folders["both"])
    one, other = TimedPicture(0.0, picture(0)), TimedPicture(0.6, picture(1))

    def levels(text: str, *pictures: TimedPicture) -> np.ndarray:
        return model.amplitudes(Conditions(1.0, 0, text, pictures))

    known = levels("rain falls", one, other)
    assert_alike(levels("rain falls", one, other), known)
    for differently in (
        levels("a dog barks", one, other), levels("rain falls", one), levels("", one, other), levels("rain falls"),
        levels("rain falls", one, TimedPicture(0.3, picture(1))),
    ):  # fmt: skip
        assert (differently != known).mean() > 0.2  # of the shades of a picture


def test_a_variant_says_what_it_takes(folders: dict[str, Path]) -> None:
    seen = (TimedPicture(0.0, picture(0)),)
    with pytest.raises(UsageError, match="from text, not from pictures"):
        maker(folders["text"]).make(Conditions(0.2, text="rain", pictures=seen))
    with pytest.raises(UsageError, match="from pictures, not from text"):
        maker(folders["image"]).make(Conditions(0.2, text="rain", pictures=seen))
    assert maker(folders["image"]).make(Conditions(0.2, pictures=seen)).samples.any()


def test_what_it_cannot_make_is_told(folders: dict[str, Path], caplog: pytest.LogCaptureFixture) -> None:
    model = maker(folders["both"])
    for seconds in (0.0, 3 * 3600.0):
        with pytest.raises(UsageError, match="up to 600 s"):
            model.make(Conditions(seconds, text="rain"))
    with pytest.raises(UsageError, match="nothing to make sound from"):
        model.make(Conditions(0.2, text="  "))
    wrong = (np.zeros((4, 4), np.uint8), np.zeros((0, 4, 3), np.uint8), np.zeros((4, 4, 3), np.float32))
    for rgb in wrong:
        with pytest.raises(UsageError, match=r"uint8 \[h w 3\]"):
            model.make(Conditions(0.2, pictures=(TimedPicture(0.0, rgb),)))
    with pytest.raises(UsageError, match="order of their times"):
        model.make(Conditions(0.2, pictures=(TimedPicture(1.0, picture(0)), TimedPicture(0.5, picture(0)))))
    with caplog.at_level(logging.WARNING):
        assert model.make(Conditions(0.2, text="storm " * 5000)).samples.any()
        assert model.make(Conditions(0.2, text="雨")).samples.any()
    assert "of 5000 words only the first 77 tokens are read" in caplog.text
    assert "no word in Latin letters" in caplog.text


@pytest.mark.parametrize(("height", "width"), [(1, 1), (7, 400), (400, 7), (90, 160)])
def test_pictures_of_any_size_are_seen(folders: dict[str, Path], height: int, width: int) -> None:
    seen = TimedPicture(0.0, picture(0, height, width))
    assert np.isfinite(maker(folders["both"]).make(Conditions(0.2, pictures=(seen,))).samples).all()


@pytest.mark.parametrize("name", ["text", "both"])
def test_what_is_written_is_read_and_by_diffusers_too(folders: dict[str, Path], name: str, tmp_path: Path) -> None:
    from diffusers import StableDiffusionControlNetPipeline, StableDiffusionPipeline

    parts = read_parts(folders[name])
    write_parts(parts, tmp_path / "again")
    write_parts(parts, tmp_path / "again")  # in place of what was there
    again = read_parts(tmp_path / "again")
    assert again.about == parts.about
    for one, other in zip(vars(parts).values(), vars(again).values(), strict=True):
        if isinstance(one, torch.nn.Module):
            assert all(torch.equal(value, other.state_dict()[key]) for key, value in one.state_dict().items())
    suffixes = {file.suffix for file in (tmp_path / "again").rglob("*") if file.is_file()}
    assert suffixes == {".json", ".txt", ".safetensors"}
    names = load_file(tmp_path / "again" / "text_encoder" / "model.safetensors")
    assert all(name.startswith("text_model.") for name in names), "as Stable Diffusion's are called"
    for file in ("vocab.json", "merges.txt"):  # which older readers want
        first = folders[name].parent / "words" / file
        assert (tmp_path / "again" / "tokenizer" / file).read_text().split() == first.read_text().split()
    kind = StableDiffusionPipeline if name == "text" else StableDiffusionControlNetPipeline
    theirs = kind.from_pretrained(tmp_path / "again", local_files_only=True)
    assert torch.equal(theirs.unet.conv_in.weight, parts.unet.conv_in.weight)
    assert not {"torchvision", "torchaudio"} & sys.modules.keys()


def test_a_folder_that_says_nothing_of_itself_is_taken_for_riffusions(folders: dict[str, Path], tmp_path: Path) -> None:
    shutil.copytree(folders["text"], tmp_path / "plain")
    (tmp_path / "plain" / ABOUT).unlink()
    about = read_parts(tmp_path / "plain").about
    assert (about.form, about.width, about.variant) == (SpectrogramForm(), 1536, "text")


def test_a_folder_as_stable_diffusion_lies_on_the_hub_is_read(folders: dict[str, Path], tmp_path: Path) -> None:
    """Older names of weights, another sampler, a tokenizer in two files: what diffusers and transformers wrote once."""
    folder = tmp_path / "hub"
    shutil.copytree(folders["text"], folder)
    older = {".to_q.": ".query.", ".to_k.": ".key.", ".to_v.": ".value.", ".to_out.0.": ".proj_attn."}
    tensors = load_file(folder / "vae" / "diffusion_pytorch_model.safetensors")
    for now, then in older.items():
        tensors = {name.replace(now, then) if "mid_block" in name else name: one for name, one in tensors.items()}
    assert any("query" in name for name in tensors)
    save_file(tensors, folder / "vae" / "diffusion_pytorch_model.safetensors")
    text = load_file(folder / "text_encoder" / "model.safetensors")
    text = {f"text_model.{name.removeprefix('text_model.')}": value for name, value in text.items()}
    text["text_model.embeddings.position_ids"] = torch.arange(77)[None]
    save_file(text, folder / "text_encoder" / "model.safetensors", {"format": "pt"})
    shutil.rmtree(folder / "tokenizer")
    shutil.copytree(folders["text"].parent / "words", folder / "tokenizer")
    noise = {"beta_end": 0.012, "beta_schedule": "scaled_linear", "beta_start": 0.00085, "steps_offset": 1}
    scheduler = {"_class_name": "PNDMScheduler", "num_train_timesteps": 1000, "skip_prk_steps": True, **noise}
    (folder / "scheduler" / "scheduler_config.json").write_text(json.dumps(scheduler))
    found, known = read_parts(folder), read_parts(folders["text"])
    for part in ("vae", "unet", "text_encoder"):
        one, other = (getattr(parts, part).state_dict() for parts in (found, known))
        assert all(torch.equal(value, one[name]) for name, value in other.items())
    assert torch.equal(found.tokens(["rain falls", "雨"]), known.tokens(["rain falls", "雨"]))
    for name in SAMPLERS:
        wave = SpectrogramDiffusion(found, CPU, steps=2, sampler=name).make(Conditions(0.2, text="rain falls"))  # type: ignore[arg-type]
        assert wave.samples.any()


def test_folders_of_something_else_are_named(folders: dict[str, Path], tmp_path: Path) -> None:
    with pytest.raises(MissingModelError, match="is no folder"):
        load(SOUND["riffusion"], tmp_path / "none", CPU, MODELS)
    (tmp_path / "bert").mkdir()
    (tmp_path / "bert" / "config.json").write_text('{"model_type": "bert"}')
    for read in (read_parts, read_eyes):
        with pytest.raises(MissingModelError, match="can't be loaded as"):
            read(tmp_path / "bert")


def changed(folder: Path, target: Path, file: str, **changes: object) -> Path:
    """A copy of a folder whose JSON file says something else."""
    shutil.copytree(folder, target)
    (target / file).write_text(json.dumps(json.loads((target / file).read_text()) | changes))
    return target


@pytest.mark.parametrize(
    ("file", "changes", "fault"),
    [
        ("unet/config.json", {"cross_attention_dim": 16}, "size mismatch|shape"),
        ("text_encoder/config.json", {"hidden_size": 16}, "size|shape|mismatch"),
        ("scheduler/scheduler_config.json", {"prediction_type": "v_prediction"}, "v_prediction, not noise"),
        ("sosgen.json", {"width": 30}, "multiples of 4"),
        ("sosgen.json", {"width": 64}, "frame track has 8 cells, slices have 16"),
        ("sosgen.json", {"variant": "smell"}, "text, image, text"),
        ("frame_track/config.json", {"rows": 3}, "size mismatch"),
    ],
)
def test_a_checkpoint_of_another_shape_is_refused(
    folders: dict[str, Path], tmp_path: Path, file: str, changes: dict[str, object], fault: str
) -> None:
    with pytest.raises(MissingModelError, match=fault):
        read_parts(changed(folders["both"], tmp_path / "odd", file, **changes))


def test_missing_weights_and_pickles_are_refused(folders: dict[str, Path], tmp_path: Path) -> None:
    shutil.copytree(folders["text"], tmp_path / "less")
    file = tmp_path / "less" / "unet" / "diffusion_pytorch_model.safetensors"
    tensors = load_file(file)
    save_file({name: value for name, value in tensors.items() if name != "conv_in.bias"}, file)
    with pytest.raises(MissingModelError, match=r"unet lacks 1 weights, conv_in\.bias"):
        read_parts(tmp_path / "less")
    file.unlink()
    torch.save(tensors, file.with_suffix(".bin"))
    with pytest.raises(MissingModelError, match="can't be loaded"):
        read_parts(tmp_path / "less")
