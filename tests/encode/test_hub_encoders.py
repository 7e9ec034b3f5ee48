"""Encoders of the hub on tiny random networks: the contract of all encoders, and transformers' own numbers."""

import json
import shutil
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file

from encode.test_contract import assert_same, check, empty, odd, ordinary
from encode.tiny_hub import WORDS, models_folder, resolver
from rounding import assert_alike
from storysound.encode import ast, clap, clip
from storysound.encode.encoder import Encoder, load
from storysound.errors import InputError, MissingModelError
from storysound.media.audio import Waveform
from storysound.media.spectrogram import log_mel
from storysound.weights import index as weights_sources
from storysound.weights.catalogue import catalogue
from storysound.weights.resolver import Resolver

NAMES = ("clip", "clip_text", "ast", "clap", "clap_text", "roberta", "mert", "videomae", "vjepa2")
END = len(WORDS) - 1  # the token that ends a text


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return models_folder(tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="module")
def weights(models: Path, tmp_path_factory: pytest.TempPathFactory) -> Resolver:
    return resolver(models, tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="module")
def encoders(weights: Resolver) -> dict[str, Encoder[Any]]:
    return {name: load(name, weights) for name in NAMES}


def noise(seconds: float, rate_hz: int, seed: int = 0) -> Waveform:
    samples = np.random.default_rng(seed).normal(0, 0.1, (1, round(seconds * rate_hz))).astype(np.float32)
    return Waveform(samples, rate_hz)


@pytest.mark.parametrize("name", NAMES)
def test_they_keep_the_contract(encoders: dict[str, Encoder[Any]], name: str) -> None:
    encoder = encoders[name]
    assert (encoder.name, bool(encoder.revision)) == (name, True)
    items = ordinary(encoder.modality)
    alone = [encoder.encode([item])[0] for item in [*items, *odd(encoder.modality)]]
    for encoding in alone:
        check(encoder, encoding)
    for one, other in zip(alone[:3], encoder.encode(items[::-1])[::-1], strict=True):
        assert_same(one, other)
    assert encoder.encode([]) == []
    for item in empty(encoder.modality):
        with pytest.raises(ValueError):  # noqa: PT011 - each kind words it for its own items
            encoder.encode([items[0], item])


def theirs_of(models: Path, name: str, kind: str, **loading: Any) -> Any:
    return getattr(transformers, kind).from_pretrained(models / name, **loading).eval()


def normal(frames: np.ndarray) -> torch.Tensor:
    """Frames that need no scaling, [1 f 3 h w], by hand."""
    colours = (frames / 255 - np.array([0.485, 0.456, 0.406])) / np.array([0.229, 0.224, 0.225])
    return torch.tensor(colours.transpose(0, 3, 1, 2)[None], dtype=torch.float32)


def test_videomae_sees_what_its_classes_are_told_from(encoders: dict[str, Encoder[Any]], models: Path) -> None:
    """Eight frames of the size that it takes, in two stretches; the last stretch of six ends with its last frame."""
    whole = theirs_of(models, "videomae", "VideoMAEForVideoClassification")
    frames = np.random.default_rng(0).integers(0, 256, (8, 32, 32, 3), np.uint8)
    told: list[torch.Tensor] = []
    whole.classifier.register_forward_pre_hook(lambda _, given: told.append(given[0][0]))
    with torch.no_grad():
        for part in (frames[:4], frames[4:], np.concatenate([frames[4:6], frames[5:6], frames[5:6]])):
            whole(normal(part))
    assert_alike(encoders["videomae"].encode([frames])[0].embedding[0], (told[0] + told[1]) / 2)
    assert_alike(encoders["videomae"].encode([frames[:6]])[0].embedding[0], (told[0] + told[2]) / 2)


def test_vjepa2_sees_the_mean_of_its_places(encoders: dict[str, Encoder[Any]], models: Path) -> None:
    """Frames of the size to which it scales, 36 pixels, whose middle 32 it looks at."""
    whole = theirs_of(models, "vjepa2", "VJEPA2Model")
    frames = np.random.default_rng(0).integers(0, 256, (16, 36, 36, 3), np.uint8)
    with torch.no_grad():
        expected = whole(normal(frames[:, 2:34, 2:34]), skip_predictor=True).last_hidden_state[0].mean(0)
    assert_alike(encoders["vjepa2"].encode([frames])[0].embedding[0], expected)


@pytest.mark.parametrize("name", ["videomae", "vjepa2"])
def test_encoders_of_videos_see_in_which_order_frames_come(encoders: dict[str, Encoder[Any]], name: str) -> None:
    frames = np.random.default_rng(0).integers(0, 256, (4, 32, 32, 3), np.uint8)
    there, back = encoders[name].encode([frames, frames[::-1].copy()])
    assert np.abs(there.embedding - back.embedding).max() > 1e-3


def test_clip_sees_as_transformers(encoders: dict[str, Encoder[Any]], models: Path) -> None:
    whole = transformers.CLIPModel.from_pretrained(models / "clip").eval()
    process = transformers.models.clip.image_processing_pil_clip.CLIPImageProcessorPil(
        size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32}
    )
    for picture in ordinary("image"):
        pixels = process(picture, return_tensors="pt")["pixel_values"]
        # scaled colours are rounded to whole numbers by both; they may round one of them differently
        assert torch.allclose(clip.prepare(picture, 32), pixels[0], atol=1.5 / 255 / min(clip.SPREAD))
        theirs = torch.nn.functional.normalize(whole.get_image_features(pixels).pooler_output, dim=-1)
        (ours,) = encoders["clip"].encode([picture])
        assert np.allclose(ours.embedding, theirs.detach(), atol=2e-3)


def test_a_very_wide_picture_is_cut_before_it_is_scaled() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (8, 60, 3), np.uint8)
    assert torch.equal(clip.prepare(picture, 16), clip.prepare(picture[:, 14:46], 16))


def test_clip_reads_sentences_and_their_words(encoders: dict[str, Encoder[Any]], models: Path) -> None:
    """X-CLIP's features: the projected state that ends the text, and those of all tokens; no padding."""
    whole = transformers.CLIPModel.from_pretrained(models / "clip").eval()
    ids = torch.tensor([[0, 3, 4, 5, 6, 7, END]])
    theirs = torch.nn.functional.normalize(whole.get_text_features(ids).pooler_output, dim=-1).detach()
    (ours,) = encoders["clip_text"].encode(["rain falls on the roof"])
    assert np.allclose(ours.embedding, theirs, atol=1e-5)
    assert ours.tokens is not None
    assert ours.tokens.shape == (1, 7, 12)
    assert_alike(ours.tokens[:, -1], ours.embedding)
    assert np.allclose(np.linalg.norm(ours.tokens, axis=-1), 1, atol=1e-6)
    (longer,) = encoders["clip_text"].encode(["rain " * 200])
    assert longer.tokens is not None
    assert longer.tokens.shape[1] == 77


def test_ast_hears_as_transformers(encoders: dict[str, Encoder[Any]], models: Path) -> None:
    """Against its numpy front end, which transformers uses where there is no torchaudio."""
    whole = transformers.ASTForAudioClassification.from_pretrained(models / "ast").eval()
    extract = transformers.ASTFeatureExtractor(max_length=100, num_mel_bins=32)
    for seconds in (1.0, 0.3, 0.001):
        wave = noise(seconds, ast.RATE_HZ)
        samples = np.pad(wave.samples[0], (0, max(0, 400 - wave.samples.shape[1])))
        bands = torch.tensor(np.array(extract(samples, ast.RATE_HZ)["input_values"]))
        (ours,) = encoders["ast"].encode([wave])
        with torch.no_grad():
            out = whole(bands, output_hidden_states=True)
            states = whole.audio_spectrogram_transformer(bands).last_hidden_state
        assert ours.tokens is not None
        assert np.allclose(ours.embedding, states[:, 0], atol=2e-3)
        assert np.allclose(ours.tokens, states[:, 1:], atol=2e-3)
        assert np.allclose(ours.scores["audioset527"], out.logits.sigmoid(), atol=1e-3)
    assert ours.tokens.shape == (1, 1 + 2 * 9, 16)  # one of distillation, and patches of 16 every 10


def test_ast_hears_long_sounds_in_stretches(encoders: dict[str, Encoder[Any]]) -> None:
    whole = noise(3.0, ast.RATE_HZ)
    (ours,) = encoders["ast"].encode([whole])
    assert (len(ours.embedding), ours.step_s) == (3, 1.0)
    (second,) = encoders["ast"].encode([whole.cut(1.0, 2.0149)])
    assert np.allclose(ours.embedding[1], second.embedding[0], atol=1e-4)


@pytest.mark.parametrize("seconds", [10.0, 3.0])
def test_claps_bands_are_those_of_transformers(seconds: float) -> None:
    """Short sounds are repeated as a whole, then padded."""
    wave = noise(seconds, clap.RATE_HZ)
    extract = transformers.ClapFeatureExtractor(frequency_min=50, frequency_max=14_000, truncation="rand_trunc")
    theirs = np.array(extract(wave.samples[0], sampling_rate=clap.RATE_HZ)["input_features"])[0, 0]
    (stretch,) = clap.stretches(wave.samples[0])
    assert np.allclose(log_mel(stretch, clap.BANDS), theirs, atol=2e-3)


def test_clap_hears_and_reads_as_transformers(encoders: dict[str, Encoder[Any]], models: Path) -> None:
    whole = transformers.ClapModel.from_pretrained(models / "clap").eval()
    wave = noise(14.0, clap.RATE_HZ)
    (heard,), (read,) = encoders["clap"].encode([wave]), encoders["clap_text"].encode(["a bear"])
    assert heard.embedding.shape == (1, 10)  # what is left is less than half a stretch
    with torch.no_grad():
        bands = torch.from_numpy(log_mel(wave.samples[0][: 10 * clap.RATE_HZ], clap.BANDS))[None, None]
        assert np.allclose(heard.embedding, whole.get_audio_features(bands).pooler_output, atol=1e-5)
        said = whole.get_text_features(torch.tensor([[0, 8, 9, END]])).pooler_output
        assert np.allclose(read.embedding, said, atol=1e-5)


def test_roberta_gives_all_layers(encoders: dict[str, Encoder[Any]], models: Path) -> None:
    whole = transformers.RobertaModel.from_pretrained(models / "roberta").eval()
    (ours,) = encoders["roberta"].encode(["the wolf"])
    with torch.no_grad():
        states = whole(torch.tensor([[0, 6, 10, END]]), output_hidden_states=True).hidden_states
    assert ours.layers is not None
    assert ours.layers.shape == (1 + 3, 16)
    assert np.allclose(ours.layers, torch.stack(states)[:, 0].mean(1), atol=1e-5)
    assert_alike(ours.embedding[0], ours.layers[-1])


def test_mert_is_a_hubert(encoders: dict[str, Encoder[Any]], models: Path) -> None:
    settings = json.loads((models / "mert" / "config.json").read_text())
    whole = transformers.HubertModel(transformers.HubertConfig(**settings)).eval()
    whole.load_state_dict(load_file(models / "mert" / "model.safetensors"))
    extract = transformers.Wav2Vec2FeatureExtractor(sampling_rate=24_000, do_normalize=True)
    wave = noise(2.0, 24_000)
    (ours,) = encoders["mert"].encode([wave])
    with torch.no_grad():
        values = extract(wave.samples[0], sampling_rate=24_000, return_tensors="pt")["input_values"]
        states = whole(values, output_hidden_states=True).hidden_states
    assert ours.layers is not None
    assert ours.layers.shape == (1 + 3, 16)
    assert np.allclose(ours.layers, torch.stack(states)[:, 0].mean(1), atol=1e-4)
    assert encoders["mert"].encode([noise(11.0, 24_000)])[0].embedding.shape == (2, 16)


def test_files_laid_out_as_the_hubs_are_read(models: Path, tmp_path: Path, encoders: dict[str, Encoder[Any]]) -> None:
    """RoBERTa is published under a language model's head, MERT with torch's former names of a normalised weight."""
    for name in ("roberta", "mert"):
        shutil.copytree(models / name, tmp_path / name)
    files = [tmp_path / name / "model.safetensors" for name in ("roberta", "mert")]
    words, music = (load_file(file) for file in files)
    save_file({f"roberta.{name}": value for name, value in words.items() if "pooler" not in name}, files[0])
    former = {"parametrizations.weight.original0": "weight_g", "parametrizations.weight.original1": "weight_v"}
    for new, old in former.items():
        music[f"encoder.pos_conv_embed.conv.{old}"] = music.pop(f"encoder.pos_conv_embed.conv.{new}")
    save_file(music, files[1])
    laid = resolver(tmp_path, tmp_path / "cache")
    for name, item in (("roberta", "the wolf"), ("mert", noise(1.0, 24_000))):
        assert_same(load(name, laid).encode([item])[0], encoders[name].encode([item])[0])


def test_a_checkpoint_of_the_hub_is_converted_once(
    models: Path, tmp_path: Path, encoders: dict[str, Encoder[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """CLAP and MERT are published as PyTorch checkpoints alone: read weights-only, kept as safetensors."""
    published = tmp_path / "snapshots" / "c0ffee"
    published.mkdir(parents=True)
    shutil.copy(models / "mert" / "config.json", published)
    torch.save(load_file(models / "mert" / "model.safetensors"), published / "pytorch_model.bin")
    monkeypatch.setattr(weights_sources, "hub_file", lambda repo, revision, file, offline: published / file)
    entries = {name: replace(catalogue()[name], sha256="") for name in ("mert/config.json", "mert/model.safetensors")}
    cache = Resolver(tmp_path / "cache", entries=entries)
    wave = noise(1.0, 24_000)
    assert_same(load("mert", cache).encode([wave])[0], encoders["mert"].encode([wave])[0])
    shutil.rmtree(published)
    assert_same(load("mert", cache).encode([wave])[0], encoders["mert"].encode([wave])[0])
    assert cache.path("mert/model.safetensors") == tmp_path / "cache" / "tensors" / "mert" / "model.safetensors"
    assert cache.verify("mert/model.safetensors") == "ok"


def test_without_the_library_the_error_says_so(weights: Resolver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(MissingModelError, match=r"pip install 'storysound\[hub\]'; the profile embedded works"):
        load("clip", weights)


def test_a_mert_that_needs_code_of_its_own_is_refused(models: Path, tmp_path: Path) -> None:
    shutil.copytree(models / "mert", tmp_path / "mert")
    file = tmp_path / "mert" / "config.json"
    given = json.loads(file.read_text())
    for own in ({"feature_extractor_cqt": True}, {"attention_relax": 32.0}):
        file.write_text(json.dumps(given | own))
        with pytest.raises(InputError, match=f"MERT's own code knows: {next(iter(own))}"):
            load("mert", resolver(tmp_path, tmp_path / "cache"))


@pytest.mark.parametrize("name", NAMES)
def test_without_the_hub_the_error_says_what_to_do(name: str, tmp_path: Path) -> None:
    with pytest.raises(MissingModelError) as raised:
        load(name, Resolver(tmp_path, offline=True))
    group = "videos" if name in ("videomae", "vjepa2") else "paper"
    for part in (f"{name.removesuffix('_text')}/", "hf:", f"storysound models pull {group}", "the profile embedded"):
        assert part in str(raised.value)


def test_weights_that_are_damaged_or_not_all_there_are_refused(models: Path, tmp_path: Path) -> None:
    shutil.copytree(models / "roberta", tmp_path / "roberta")
    file = tmp_path / "roberta" / "model.safetensors"
    state = load_file(file)
    save_file({name: value for name, value in state.items() if "layer.1" not in name}, file)
    with pytest.raises(InputError, match=r"model\.safetensors: lacks \d+ weights of RobertaModel"):
        load("roberta", resolver(tmp_path, tmp_path / "cache"))
    file.write_bytes(b"x" * 64)
    with pytest.raises(InputError, match="holds no weights of RobertaModel"):
        load("roberta", resolver(tmp_path, tmp_path / "cache"))
    (tmp_path / "roberta" / "config.json").write_text("[]")
    with pytest.raises(InputError, match=r"config\.json: is no configuration of RobertaModel"):
        load("roberta", resolver(tmp_path, tmp_path / "cache"))
