"""The language model of the hub that runs here, on a tiny random network."""

from pathlib import Path

import pytest
import torch
import transformers

from encode.tiny_hub import WORDS, resolver, tokenizer
from storysound.annotate import local_chat
from storysound.errors import MissingModelError

ASKED = [{"role": "system", "content": "the rain"}, {"role": "user", "content": "a bear on the roof"}]


def test_it_answers_always_alike_and_no_longer_than_wanted(tmp_path: Path) -> None:
    torch.manual_seed(1)
    config = transformers.Qwen2Config(
        vocab_size=len(WORDS), hidden_size=16, intermediate_size=24, num_hidden_layers=1, num_attention_heads=2,
        num_key_value_heads=2, max_position_embeddings=256, initializer_range=1.5, bos_token_id=0, pad_token_id=1,
        eos_token_id=len(WORDS) - 1,
    )  # fmt: skip
    transformers.Qwen2ForCausalLM(config).save_pretrained(tmp_path / "models" / "qwen2_chat")
    tokenizer().save(str(tmp_path / "models" / "qwen2_chat" / "tokenizer.json"))
    model = local_chat.load(resolver(tmp_path / "models", tmp_path / "cache"))
    said = model.answer(ASKED, 6)
    assert said
    assert set(said.split()) <= set(WORDS)
    assert len(said.split()) <= 6
    assert said == model.answer(ASKED, 6)
    assert said != model.answer([{"role": "user", "content": "wolf thunder"}], 6)
    assert model.revision.startswith("qwen2_chat ")


def test_without_weights_it_says_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(MissingModelError, match="qwen2_chat/config"):
        local_chat.load(resolver(tmp_path, tmp_path / "cache"))
