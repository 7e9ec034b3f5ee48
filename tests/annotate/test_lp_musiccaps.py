"""LP-MusicCaps in miniature: random weights in a folder laid out as the published ones."""

from pathlib import Path

import numpy as np
import pytest
import torch
import transformers
from safetensors.torch import save_file
from tokenizers import Tokenizer, models

from storysound.annotate.lp_musiccaps import RATE_HZ, Config, Network, load, mels
from storysound.errors import InputError, MissingModelError
from storysound.media.audio import Waveform

TINY = Config.tiny()
WORDS = ("<s>", "<pad>", "</s>", "slow", "fast", "harp", "drum", "tune")


def network() -> tuple[Network, transformers.BartConfig]:
    torch.manual_seed(0)
    settings = transformers.BartConfig(
        vocab_size=len(WORDS), d_model=16, encoder_layers=1, decoder_layers=1, encoder_attention_heads=2,
        decoder_attention_heads=2, encoder_ffn_dim=16, decoder_ffn_dim=16, max_position_embeddings=40, init_std=0.5,
        bos_token_id=0, pad_token_id=1, eos_token_id=2, decoder_start_token_id=2, forced_eos_token_id=2,
    )  # fmt: skip
    made = Network(TINY, transformers.BartForConditionalGeneration(settings))
    torch.nn.init.normal_(made.audio_encoder.get_buffer("positional_embedding"))
    return made, settings


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made, folder = network(), tmp_path_factory.mktemp("lp")
    (folder / "config.json").write_text(made[1].to_json_string())
    Tokenizer(models.WordLevel({word: i for i, word in enumerate(WORDS)}, unk_token="<pad>")).save(
        str(folder / "tokenizer.json")
    )
    state = {**made[0].state_dict(), "audio_encoder.mel_encoder.spec_fn.window": torch.zeros(1024)}
    torch.save({"epoch": 3, "state_dict": state}, folder / "transfer.pth")
    return folder


def music(length_s: float) -> Waveform:
    rng = np.random.default_rng(0)
    return Waveform(0.2 * rng.normal(size=(1, int(length_s * 8000))).astype(np.float32), 8000)


def test_ten_seconds_are_32_steps_and_convolutions_make_as_many() -> None:
    assert Config().steps == 32
    made, _ = network()
    heard = made.audio_encoder(torch.zeros(2, TINY.bands, 1001))
    assert heard.shape == (2, TINY.steps, 16)


def test_decibels_are_of_the_real_part_alone() -> None:
    wave = np.random.default_rng(1).normal(size=(1, RATE_HZ)).astype(np.float32)
    found = mels(wave, 4)
    assert found.shape == (1, 101, 4)
    padded = np.pad(wave[0], 512, mode="reflect")
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(1024) / 1024)
    power = np.fft.rfft(padded[160 * 50 : 160 * 50 + 1024] * window).real ** 2
    edges = 700 * (10 ** (np.linspace(0, 2595 * np.log10(1 + 8000 / 700), 6) / 2595) - 1)
    bins = np.linspace(0, 8000, 513)
    for band in range(4):
        low, peak, high = edges[band : band + 3]
        weight = np.clip(np.minimum((bins - low) / (peak - low), (high - bins) / (high - peak)), 0, None)
        assert found[0, 50, band] == pytest.approx(10 * np.log10(weight @ power), abs=0.01)


def test_a_folder_describes_music_and_always_alike(folder: Path) -> None:
    captioner = load(folder, TINY)
    said = captioner.caption(music(4.0))
    assert said
    assert set(said.split()) <= set(WORDS[3:]) | {"<s>", "<pad>", "</s>"}
    assert captioner.caption(music(4.0)) == said == load(folder, TINY).caption(music(4.0))
    assert captioner.revision.startswith("lp-musiccaps-")
    state = torch.load(folder / "transfer.pth", weights_only=True)["state_dict"]
    changed = folder.parent / "changed"
    changed.mkdir()
    for name in ("config.json", "tokenizer.json"):
        (changed / name).write_bytes((folder / name).read_bytes())
    state["bart.final_logits_bias"] = torch.tensor([[0.0, 0, -9, 90, 0, 0, 0, 0]])
    kept = {name: value.clone().contiguous() for name, value in state.items()}
    save_file(kept, changed / "model.safetensors")
    assert "slow" in load(changed, TINY).caption(music(4.0))  # the weights are what speaks


def test_what_is_missing_or_of_another_model_is_named(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(MissingModelError, match="wanted config"):
        load(tmp_path, TINY)
    with pytest.raises(InputError, match="is no LP-MusicCaps"):
        load(folder, Config())
    with pytest.raises(ValueError, match="at least one sample"):
        load(folder, TINY).caption(Waveform(np.zeros((1, 0), np.float32), 8000))
