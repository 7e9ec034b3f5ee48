"""Whisper on a tiny random network, against transformers' own way."""

from pathlib import Path

import numpy as np
import pytest
import torch
import transformers

from encode.tiny_hub import WORDS, resolver, tokenizer
from storysound.config import load_profile
from storysound.encode import whisper
from storysound.encode.pool import Models
from storysound.errors import InputError, MissingModelError
from storysound.media.audio import Waveform, write_wav
from storysound.weights.resolver import Resolver

START, PAD, END = 0, 1, len(WORDS) - 1


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "whisper"
    torch.manual_seed(3)
    config = transformers.WhisperConfig(
        vocab_size=len(WORDS), num_mel_bins=16, d_model=16, encoder_layers=1, decoder_layers=1, encoder_ffn_dim=16,
        decoder_ffn_dim=16, encoder_attention_heads=2, decoder_attention_heads=2, max_target_positions=14, init_std=1.5,
        decoder_start_token_id=START, bos_token_id=START, pad_token_id=PAD, eos_token_id=END,
    )  # fmt: skip
    network = transformers.WhisperForConditionalGeneration(config)
    network.generation_config = transformers.GenerationConfig(
        decoder_start_token_id=START, bos_token_id=START, pad_token_id=PAD, eos_token_id=END, is_multilingual=False
    )
    network.save_pretrained(folder)
    tokenizer().save(str(folder / "tokenizer.json"))
    return folder.parent


@pytest.fixture(scope="module")
def weights(models: Path, tmp_path_factory: pytest.TempPathFactory) -> Resolver:
    return resolver(models, tmp_path_factory.mktemp("cache"))


def noise(seconds: float, rate_hz: int = 16_000, seed: int = 0) -> Waveform:
    samples = np.random.default_rng(seed).normal(0, 0.1, (1, round(seconds * rate_hz))).astype(np.float32)
    return Waveform(samples, rate_hz)


def theirs(models: Path, wave: Waveform) -> str:
    network = transformers.WhisperForConditionalGeneration.from_pretrained(models / "whisper").eval()
    bands = transformers.WhisperFeatureExtractor(feature_size=16)
    heard = bands(wave.samples[0], sampling_rate=16_000, return_tensors="pt").input_features
    ids = network.generate(heard, max_new_tokens=6, do_sample=False)[0]
    return str(tokenizer().decode(ids.tolist(), skip_special_tokens=True))


def test_it_writes_what_transformers_writes(weights: Resolver, models: Path) -> None:
    model = whisper.load(weights)
    waves = [noise(4.0, seed=seed) for seed in range(2)]
    said = [model.transcribe(wave) for wave in waves]
    assert said == [theirs(models, wave) for wave in waves]
    assert any(said)
    assert set(" ".join(said).split()) <= set(WORDS)


def test_long_speech_is_read_in_stretches(weights: Resolver) -> None:
    model, long = whisper.load(weights), noise(31.0)
    parts = [long.cut(0.0, 30.0), long.cut(30.0, 31.0)]
    assert model.transcribe(long) == " ".join(said for part in parts if (said := model.transcribe(part)))


def test_a_file_is_read_and_the_model_loaded_when_it_is_needed(
    weights: Resolver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loads: list[str] = []
    load = whisper.load
    monkeypatch.setattr(whisper, "load", lambda given: loads.append("") or load(given))
    transcribe = whisper.reader_of(Models(load_profile(), weights))
    assert not loads
    write_wav(tmp_path / "a.wav", noise(2.0))
    said = transcribe(tmp_path / "a.wav")
    assert transcribe(tmp_path / "a.wav") == said
    assert len(loads) == 1


def test_what_is_missing_or_broken_is_told(weights: Resolver, models: Path, tmp_path: Path) -> None:
    with pytest.raises(MissingModelError, match="whisper/config"):
        whisper.load(resolver(tmp_path, tmp_path / "cache"))
    with pytest.raises(MissingModelError, match=r"said\.wav is speech: give its words as \.vtt"):
        whisper.reader_of(Models(load_profile(), resolver(tmp_path, tmp_path / "cache")))(tmp_path / "said.wav")
    file = models / "whisper" / "generation_config.json"
    text = file.read_text()
    file.write_text("no json")
    try:
        with pytest.raises(InputError, match="says not how to write"):
            whisper.load(weights)
    finally:
        file.write_text(text)
