"""Tiny models of random weights, saved to folders as the hub's are, and a guard against connections."""

import json
import socket
from pathlib import Path
from typing import Any, NoReturn

import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers

from storysound.generate.diffusion_folder import DiffusionParts, SpectrogramAbout
from storysound.media.spectrograms.form import SpectrogramForm

WORDS = ("<pad>", "</s>", "<unk>", "music", "sad", "rock", "piano", "slow")
RATE_HZ = 8000  # of tiny music


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Any attempt to open a connection fails the test."""

    def refuse(*_: Any) -> NoReturn:
        raise AssertionError("a connection was opened")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


def save_kandinsky(folder: Path, dim: int = 8) -> Path:
    """A Kandinsky 2.2 of pictures of 64 pixels, with the encoder that tells their embeddings [dim]."""
    from diffusers import DDIMScheduler, KandinskyV22Pipeline, UNet2DConditionModel, VQModel
    from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

    torch.manual_seed(0)
    unet = UNet2DConditionModel(
        in_channels=4, out_channels=8, addition_embed_type="image", encoder_hid_dim=dim, cross_attention_dim=8,
        encoder_hid_dim_type="image_proj", down_block_types=("ResnetDownsampleBlock2D", "SimpleCrossAttnDownBlock2D"),
        up_block_types=("SimpleCrossAttnUpBlock2D", "ResnetUpsampleBlock2D"), block_out_channels=(8, 16),
        mid_block_type="UNetMidBlock2DSimpleCrossAttn", layers_per_block=1, attention_head_dim=4, norm_num_groups=4,
        resnet_time_scale_shift="scale_shift",
    )  # fmt: skip
    movq = VQModel(
        block_out_channels=(32,) * 4, down_block_types=("DownEncoderBlock2D",) * 4, latent_channels=4,
        up_block_types=("UpDecoderBlock2D",) * 4, num_vq_embeddings=6, norm_type="spatial", layers_per_block=1,
        vq_embed_dim=4,
    )  # fmt: skip
    KandinskyV22Pipeline(unet, DDIMScheduler(), movq).save_pretrained(folder)
    eyes = CLIPVisionConfig(
        hidden_size=16, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2, image_size=16, patch_size=8,
        projection_dim=dim,
    )  # fmt: skip
    CLIPVisionModelWithProjection(eyes).save_pretrained(folder / "image_encoder")
    return folder


def word_tokenizer() -> Tokenizer:
    tokenizer = Tokenizer(models.WordLevel({word: i for i, word in enumerate(WORDS)}, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    return tokenizer


def save_musicgen(folder: Path) -> Path:
    """A MusicGen of 20 frames a second and two codebooks."""
    from transformers import EncodecConfig, MusicgenConfig, MusicgenDecoderConfig, MusicgenForConditionalGeneration
    from transformers import T5Config as Words

    torch.manual_seed(0)
    words = Words(vocab_size=len(WORDS), d_model=16, d_kv=8, d_ff=16, num_layers=1, num_heads=2)
    codec = EncodecConfig(
        sampling_rate=RATE_HZ, num_filters=2, num_residual_layers=1, upsampling_ratios=[20, 20], codebook_size=16,
        codebook_dim=8, hidden_size=8, num_lstm_layers=1, target_bandwidths=[0.16],
    )  # fmt: skip
    assert (codec.frame_rate, codec.num_quantizers) == (20, 2)
    decoder = MusicgenDecoderConfig(
        vocab_size=16, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, ffn_dim=16, num_codebooks=2,
        max_position_embeddings=64, pad_token_id=16, bos_token_id=16,
    )  # fmt: skip
    config = MusicgenConfig(text_encoder=words.to_dict(), audio_encoder=codec.to_dict(), decoder=decoder.to_dict())
    model = MusicgenForConditionalGeneration(config)
    for layer in model.audio_encoder.quantizer.layers:
        layer.codebook.embed.normal_()  # they are made as zeros, which would make all tokens sound alike
    model.generation_config.decoder_start_token_id = model.generation_config.pad_token_id = 16
    model.save_pretrained(folder)
    word_tokenizer().save(str(folder / "tokenizer.json"))
    return folder


def save_stable_audio(folder: Path) -> Path:
    """A Stable Audio of up to two seconds of stereo at 400 Hz."""
    from diffusers import AutoencoderOobleck, CosineDPMSolverMultistepScheduler, StableAudioDiTModel
    from diffusers import StableAudioPipeline as Pipeline
    from diffusers.pipelines.stable_audio import StableAudioProjectionModel
    from transformers import PreTrainedTokenizerFast, T5Config, T5EncoderModel

    torch.manual_seed(0)
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=word_tokenizer(), pad_token="<pad>", eos_token="</s>", unk_token="<unk>", model_max_length=8
    )
    Pipeline(
        AutoencoderOobleck(6, [1, 2], [2, 4], 3, 3, 2, sampling_rate=400),
        T5EncoderModel(T5Config(vocab_size=len(WORDS), d_model=4, d_kv=4, d_ff=8, num_layers=1, num_heads=2)),
        StableAudioProjectionModel(text_encoder_dim=4, conditioning_dim=4, min_value=0, max_value=32),
        tokenizer,
        StableAudioDiTModel(
            sample_size=400, in_channels=3, num_layers=1, attention_head_dim=4, num_attention_heads=2,
            num_key_value_attention_heads=2, out_channels=3, cross_attention_dim=4, time_proj_dim=8,
            global_states_input_dim=8, cross_attention_input_dim=4,
        ),
        CosineDPMSolverMultistepScheduler(),
    ).save_pretrained(folder)  # fmt: skip
    return folder


TINY_FORM = SpectrogramForm(4000, 10, 20, 40, 16, 0.0, 2000.0)


def clip_words(folder: Path) -> Any:
    """CLIP's tokenizer that knows no words, only letters."""
    from transformers import CLIPTokenizer
    from transformers.convert_slow_tokenizer import bytes_to_unicode

    letters = list(bytes_to_unicode().values())
    known = [*letters, *(f"{letter}</w>" for letter in letters), "<|startoftext|>", "<|endoftext|>"]
    folder.mkdir(parents=True)
    (folder / "vocab.json").write_text(json.dumps({token: number for number, token in enumerate(known)}))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    return CLIPTokenizer.from_pretrained(folder, local_files_only=True, model_max_length=77)


def tiny_eyes(dim: int = 6) -> Any:
    """A CLIP of pictures of 16 pixels, whose vectors [dim] differ much from picture to picture."""
    from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

    config = CLIPVisionConfig(
        hidden_size=16, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2, image_size=16, patch_size=8,
        projection_dim=dim, initializer_range=0.5,
    )  # fmt: skip
    return CLIPVisionModelWithProjection(config).eval()


def tiny_diffusion(words: Path, form: SpectrogramForm = TINY_FORM, width: int = 32) -> DiffusionParts:
    """Latent diffusion as Stable Diffusion 1.5, in miniature; `words` is a folder for its tokenizer."""
    from diffusers import AutoencoderKL, DDPMScheduler, UNet2DConditionModel
    from transformers import CLIPTextConfig, CLIPTextModel

    torch.manual_seed(0)
    tokenizer = clip_words(words)
    vae = AutoencoderKL(
        block_out_channels=(8, 8), down_block_types=("DownEncoderBlock2D",) * 2, latent_channels=4, norm_num_groups=4,
        up_block_types=("UpDecoderBlock2D",) * 2, layers_per_block=1,
    )  # fmt: skip
    unet = UNet2DConditionModel(
        block_out_channels=(8, 16), down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"), norm_num_groups=4,
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"), layers_per_block=1, attention_head_dim=4,
        cross_attention_dim=12,
    )  # fmt: skip
    text = CLIPTextConfig(
        hidden_size=12, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2, vocab_size=len(tokenizer),
        bos_token_id=512, eos_token_id=513, pad_token_id=513, initializer_factor=10.0,
    )  # fmt: skip
    for name, weight in unet.named_parameters():
        if "attn2" in name and weight.ndim > 1:  # as they are made, no word matters to random networks
            torch.nn.init.normal_(weight, std=2.0)
    schedule = DDPMScheduler(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", clip_sample=False)
    text_encoder = CLIPTextModel(text).eval()
    return DiffusionParts(
        SpectrogramAbout(form, width), vae.eval(), unet.eval(), text_encoder, tokenizer, schedule
    )  # fmt: skip
