"""The hub's captioner on a tiny random network."""

from pathlib import Path

import numpy as np
import pytest
import torch
import transformers

from encode.tiny_hub import WORDS, resolver, tokenizer
from storysound.encode.captions import whisper_captions
from storysound.errors import MissingModelError
from storysound.media.audio import Waveform
from storysound.weights.resolver import Resolver

START, PAD, END = 0, 1, len(WORDS) - 1


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Resolver:
    models = tmp_path_factory.mktemp("models")
    torch.manual_seed(5)
    config = transformers.WhisperConfig(
        vocab_size=len(WORDS), num_mel_bins=16, d_model=16, encoder_layers=1, decoder_layers=1, encoder_ffn_dim=16,
        decoder_ffn_dim=16, encoder_attention_heads=2, decoder_attention_heads=2, max_target_positions=24, init_std=1.5,
        decoder_start_token_id=START, bos_token_id=START, pad_token_id=PAD, eos_token_id=END,
    )  # fmt: skip
    transformers.WhisperForConditionalGeneration(config).save_pretrained(models / "whisper_captions")
    (models / "whisper").mkdir()
    tokenizer().save(str(models / "whisper" / "tokenizer.json"))
    return resolver(models, tmp_path_factory.mktemp("cache"))


def noise(seconds: float, rate_hz: int = 16_000) -> Waveform:
    samples = np.random.default_rng(0).normal(0, 0.1, (1, round(seconds * rate_hz))).astype(np.float32)
    return Waveform(samples, rate_hz)


def test_a_caption_of_the_first_half_minute(weights: Resolver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(whisper_captions, "STYLE", " ".join(WORDS[3:5]))
    model = whisper_captions.load(weights)
    said = model.caption(noise(31.0))
    assert said
    assert set(said.split()) <= set(WORDS)
    assert said == model.caption(noise(31.0).cut(0.0, 30.0))
    prompt = model._prompt[0].tolist()
    assert prompt[0] == START
    assert [tokenizer().id_to_token(number) for number in prompt[-2:]] == list(WORDS[3:5])


def test_without_weights_it_says_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(MissingModelError, match="whisper_captions/config"):
        whisper_captions.load(resolver(tmp_path, tmp_path / "cache"))
