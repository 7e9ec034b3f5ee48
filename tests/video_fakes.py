"""Makers of audible video in miniature, of random weights, saved to folders as the hub's are."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from generate_fakes import tiny_diffusion
from storysound.generate.diffusion_folder import ABOUT as SOSGEN_ABOUT
from storysound.generate.diffusion_folder import read_parts, write_parts
from storysound.generate.lexicon import Lexicon
from storysound.generate.video.small import SmallTav, SmallTavConfig, StreamsShape, untaught
from storysound.generate.video.tavdiffusion import ClipForm, TavParts, assembled, write_tav
from storysound.generate.video.tavdiffusion_start import started
from storysound.nn.frame_autoencoder import FrameAutoencoderConfig
from storysound.nn.patch_autoencoder import AutoencoderConfig
from storysound.nn.tavdiffusion import TavConfig
from storysound.nn.word_encoder import WordEncoderConfig
from tavdiffusion_fakes import FRAMES, taught

TINY_SMALL = SmallTavConfig(
    TavConfig(frames=16, heads=2), (16, 32), 1, WordEncoderConfig(3, 6, 8, 1, 2),
    FrameAutoencoderConfig(channels=4, width=8), AutoencoderConfig(channels=4, width=8, blocks=1),
)  # fmt: skip
FORM = ClipForm(height=8, width=12, seconds=1.0, columns=32, bands=16)
RATE_HZ = 400  # of tiny sound


def _audio_vae() -> Any:
    from diffusers import AutoencoderKL

    return AutoencoderKL(
        in_channels=1, out_channels=1, block_out_channels=(8, 8, 8), down_block_types=("DownEncoderBlock2D",) * 3,
        up_block_types=("UpDecoderBlock2D",) * 3, latent_channels=8, norm_num_groups=4, layers_per_block=1,
    )  # fmt: skip


def _vocoder() -> Any:
    from transformers import SpeechT5HifiGan, SpeechT5HifiGanConfig

    return SpeechT5HifiGan(SpeechT5HifiGanConfig(
        model_in_dim=16, sampling_rate=RATE_HZ, upsample_initial_channel=8, upsample_rates=[4, 4],
        upsample_kernel_sizes=[8, 8], resblock_kernel_sizes=[3], resblock_dilation_sizes=[[1, 3]],
        initializer_range=0.2, normalize_before=False,
    ))  # fmt: skip


def save_audioldm_sound(folder: Path) -> None:
    """What of AudioLDM is for sound, at 400 Hz."""
    torch.manual_seed(0)
    _audio_vae().save_pretrained(folder / "vae")
    _vocoder().save_pretrained(folder / "vocoder")


def save_stable_diffusion(folder: Path) -> Path:
    """A tiny Stable Diffusion; `folder` may be there."""
    write_parts(tiny_diffusion(folder.with_name(f"{folder.name}-words")), folder)
    (folder / SOSGEN_ABOUT).unlink()
    return folder


def tiny_tav(scratch: Path) -> TavParts:
    """Begun from a tiny Stable Diffusion, with weights where there would be zeros: four frames and 1 s of sound."""
    save_stable_diffusion(scratch / "sd15")
    save_audioldm_sound(scratch / "audioldm")
    network, _ = started(read_parts(scratch / "sd15").unet, TavConfig(FRAMES, 2))
    taught(network)
    return assembled(network, scratch / "sd15", scratch / "audioldm", FORM)


def tiny_small(streams: StreamsShape | None = None) -> SmallTav:
    """A small TAVDiffusion that knows three words, or streams in its place, with weights where there would be zeros."""
    parts = untaught(replace(TINY_SMALL, streams=streams), Lexicon(("a", "ball", "bounces")))
    if streams:
        taught(parts.worded)
    parts.worded.eval()
    return parts


def save_tav(folder: Path, scratch: Path) -> Path:
    write_tav(tiny_tav(scratch), folder)
    return folder


def save_animatediff(folder: Path) -> Path:
    """An AnimateDiff of up to 16 frames."""
    from diffusers import MotionAdapter

    save_stable_diffusion(folder)
    torch.manual_seed(1)
    MotionAdapter(
        block_out_channels=(8, 16), motion_layers_per_block=1, motion_mid_block_layers_per_block=1,
        motion_num_attention_heads=2, motion_norm_num_groups=4, motion_max_seq_length=16,
    ).save_pretrained(folder / "motion_adapter")  # fmt: skip
    return folder


def save_audioldm(folder: Path) -> Path:
    """An AudioLDM whose tokenizer knows letters."""
    from diffusers import AudioLDMPipeline, DDIMScheduler, UNet2DConditionModel
    from transformers import ClapTextConfig, ClapTextModelWithProjection, RobertaTokenizer
    from transformers.convert_slow_tokenizer import bytes_to_unicode

    words = folder.with_name(f"{folder.name}-words")
    words.mkdir(parents=True)
    known = ["<s>", "<pad>", "</s>", "<unk>", *bytes_to_unicode().values(), "<mask>"]
    (words / "vocab.json").write_text(json.dumps({token: number for number, token in enumerate(known)}))
    (words / "merges.txt").write_text("#version: 0.2\n")
    torch.manual_seed(0)
    unet = UNet2DConditionModel(
        in_channels=8, out_channels=8, block_out_channels=(8, 16), cross_attention_dim=(8, 16), norm_num_groups=4,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"), up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        layers_per_block=1, class_embed_type="simple_projection", projection_class_embeddings_input_dim=12,
        class_embeddings_concat=True, attention_head_dim=4,
    )  # fmt: skip
    text = ClapTextConfig(
        vocab_size=len(known), hidden_size=16, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2,
        max_position_embeddings=40, projection_dim=12, initializer_range=0.5,
    )  # fmt: skip
    AudioLDMPipeline(
        _audio_vae(), ClapTextModelWithProjection(text),
        RobertaTokenizer.from_pretrained(words, local_files_only=True, model_max_length=20), unet,
        DDIMScheduler(clip_sample=False, steps_offset=1, beta_schedule="scaled_linear"), _vocoder(),
    ).save_pretrained(folder)  # fmt: skip
    return folder


def save_ltx2(folder: Path) -> Path:
    """An LTX-2 whose autoencoder halves time and space."""
    from diffusers import (
        AutoencoderKLLTX2Audio,
        AutoencoderKLLTX2Video,
        FlowMatchEulerDiscreteScheduler,
        LTX2Pipeline,
        LTX2VideoTransformer3DModel,
    )
    from diffusers.pipelines.ltx2 import LTX2TextConnectors, LTX2Vocoder
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import Gemma3Config, Gemma3ForConditionalGeneration, PreTrainedTokenizerFast

    words = ("<pad>", "</s>", "<unk>", "rain", "falls")
    tokens = Tokenizer(models.WordLevel({word: i for i, word in enumerate(words)}, unk_token="<unk>"))
    tokens.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=tokens, pad_token="<pad>", eos_token="</s>", unk_token="<unk>", model_max_length=16
    )
    torch.manual_seed(0)
    small = {"hidden_size": 8, "intermediate_size": 8, "num_attention_heads": 1}
    reads = {**small, "vocab_size": len(words), "num_hidden_layers": 2, "num_key_value_heads": 1, "head_dim": 8}
    sees = {**small, "num_hidden_layers": 1, "image_size": 8, "patch_size": 8}
    gemma = Gemma3Config(text_config={**reads, "initializer_range": 0.5}, vision_config=sees)
    transformer = LTX2VideoTransformer3DModel(
        in_channels=4, out_channels=4, num_attention_heads=2, attention_head_dim=8, cross_attention_dim=16,
        audio_in_channels=4, audio_out_channels=4, audio_num_attention_heads=2, audio_attention_head_dim=4,
        audio_cross_attention_dim=8, num_layers=2, caption_channels=8, audio_sampling_rate=RATE_HZ, audio_hop_length=10,
    )  # fmt: skip
    sides = {
        f"{side}_connector_{name}": value
        for side in ("video", "audio")
        for name, value in {
            "num_attention_heads": 2, "attention_head_dim": 4, "num_layers": 1, "num_learnable_registers": None,
        }.items()
    }  # fmt: skip
    connectors = LTX2TextConnectors(caption_channels=8, text_proj_in_factor=3, connector_rope_base_seq_len=32, **sides)
    vae = AutoencoderKLLTX2Video(
        latent_channels=4, block_out_channels=(8,), decoder_block_out_channels=(8,), layers_per_block=(1,),
        decoder_layers_per_block=(1, 1), down_block_types=("LTX2VideoDownBlock3D",), spatio_temporal_scaling=(True,),
        decoder_spatio_temporal_scaling=(True,), downsample_type=("spatial",), upsample_type=("spatiotemporal",),
        upsample_residual=(False,), upsample_factor=(1,), decoder_inject_noise=(False, False), patch_size=1,
    )  # fmt: skip
    audio_vae = AutoencoderKLLTX2Audio(
        base_channels=4, output_channels=2, ch_mult=(1,), num_res_blocks=1, in_channels=2, resolution=32,
        latent_channels=2, sample_rate=RATE_HZ, mel_hop_length=10, mel_bins=8,
    )  # fmt: skip
    vocoder = LTX2Vocoder(
        in_channels=16, hidden_channels=8, out_channels=2, upsample_kernel_sizes=[4, 5], upsample_factors=[2, 5],
        resnet_kernel_sizes=[3], resnet_dilations=[[1]], output_sampling_rate=RATE_HZ,
    )  # fmt: skip
    with torch.no_grad():  # as it is made, all noise sounds alike
        for weight in vocoder.parameters():
            weight.mul_(3.0)
    LTX2Pipeline(
        FlowMatchEulerDiscreteScheduler(), vae, audio_vae, Gemma3ForConditionalGeneration(gemma), tokenizer,
        connectors, transformer, vocoder,
    ).save_pretrained(folder)  # fmt: skip
    return folder
