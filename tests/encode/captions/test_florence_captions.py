"""The hub's captioner of pictures on a tiny random network."""

from pathlib import Path

import numpy as np
import pytest
import torch
import transformers

from encode.tiny_hub import WORDS, resolver, tokenizer
from storysound.encode.captions import florence_captions
from storysound.errors import InputError, MissingModelError
from storysound.weights.resolver import Resolver

PICTURE = np.random.default_rng(0).integers(0, 255, (40, 60, 3), np.uint8)


def saved(models: Path, words: int = len(WORDS)) -> None:
    torch.manual_seed(3)
    eyes = {
        "depths": (1,) * 4, "embed_dim": (8, 8, 16, 16), "num_heads": (2,) * 4, "num_groups": (2,) * 4,
        "window_size": 2, "projection_dim": 16, "max_temporal_embeddings": 4, "max_position_embeddings": 10,
    }  # fmt: skip
    text = {
        "model_type": "bart", "vocab_size": words, "d_model": 16, "encoder_layers": 1, "decoder_layers": 1,
        "encoder_attention_heads": 2, "decoder_attention_heads": 2, "encoder_ffn_dim": 24, "decoder_ffn_dim": 24,
        "max_position_embeddings": 128, "bos_token_id": 0, "pad_token_id": 1, "eos_token_id": len(WORDS) - 1,
        "decoder_start_token_id": 0, "forced_eos_token_id": None, "is_encoder_decoder": True, "init_std": 1.5,
    }  # fmt: skip
    config = transformers.Florence2Config(vision_config=eyes, text_config=text, image_token_id=WORDS.index("far"))
    transformers.Florence2ForConditionalGeneration(config).save_pretrained(models / "florence2")
    tokenizer().save(str(models / "florence2" / "tokenizer.json"))


@pytest.fixture
def weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Resolver:
    monkeypatch.setattr(florence_captions, "SIDE_PX", 64)
    saved(tmp_path / "models")
    return resolver(tmp_path / "models", tmp_path / "cache")


def test_a_picture_is_told_in_the_words_it_knows(weights: Resolver) -> None:
    model = florence_captions.load(weights)
    said = model.caption(PICTURE)
    assert said
    assert set(said.split()) <= set(WORDS)
    assert said == model.caption(PICTURE)
    assert model.revision.startswith("florence2 ")
    assert model._prompt.shape[1] >= 5 + 2  # a token a patch, one for all, and the ends of the task


def test_pixels_are_as_it_was_taught() -> None:
    white = florence_captions.prepare(np.full((10, 20, 3), 255, np.uint8))
    assert white.shape == (1, 3, florence_captions.SIDE_PX, florence_captions.SIDE_PX)
    assert white[0, 0, 0, 0] == pytest.approx((1 - 0.485) / 0.229, abs=1e-5)


def test_what_is_missing_or_odd_is_said(tmp_path: Path) -> None:
    with pytest.raises(MissingModelError, match="florence2/config"):
        florence_captions.load(resolver(tmp_path, tmp_path / "cache"))
    saved(tmp_path / "few", words=len(WORDS) - 2)
    with pytest.raises(InputError, match="has more words"):
        florence_captions.load(resolver(tmp_path / "few", tmp_path / "other"))
