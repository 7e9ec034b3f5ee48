"""Models of the hub in miniature: random weights in a folder, laid out as the real ones are."""

import json
from pathlib import Path
from typing import Any

import torch
import transformers
from tokenizers import Tokenizer, models, pre_tokenizers, processors

from storysound.weights.resolver import Resolver

WORDS = ("<s>", "<pad>", "<unk>", "rain", "falls", "on", "the", "roof", "a", "bear", "wolf", "thunder", "far", "</s>")
SIZES: dict[str, Any] = {
    "hidden_size": 16,
    "intermediate_size": 24,
    "num_hidden_layers": 3,
    "num_attention_heads": 2,
    "initializer_range": 0.3,  # larger than usual: random networks of the usual one see everything alike
}
TEXT: dict[str, Any] = {
    **SIZES, "vocab_size": len(WORDS), "bos_token_id": 0, "pad_token_id": 1, "eos_token_id": len(WORDS) - 1,
}  # fmt: skip


def models_folder(folder: Path) -> Path:
    """Every model of the groups "paper" and "videos", as `model/file`."""
    torch.manual_seed(0)
    clip_text = {**TEXT, "max_position_embeddings": 77, "projection_dim": 12}
    clip_eyes = {**SIZES, "image_size": 32, "patch_size": 8, "projection_dim": 12}
    settings = {
        "clip": transformers.CLIPConfig(text_config=clip_text, vision_config=clip_eyes, projection_dim=12),
        "ast": transformers.ASTConfig(**SIZES, max_length=100, num_mel_bins=32, num_labels=5),
        "clap": transformers.ClapConfig(
            text_config={**TEXT, "max_position_embeddings": 90, "projection_dim": 10},
            audio_config={
                "spec_size": 256, "num_mel_bins": 64, "window_size": 8, "patch_size": 4, "patch_stride": [4, 4],
                "patch_embeds_hidden_size": 8, "depths": [1, 1], "num_attention_heads": [2, 2], "hidden_size": 16,
                "projection_dim": 10, "num_classes": 5,
            },
            projection_dim=10,
        ),
        "roberta": transformers.RobertaConfig(**TEXT, max_position_embeddings=66),
        "mert": transformers.HubertConfig(
            **SIZES, conv_dim=[8] * 7, num_conv_pos_embeddings=8, num_conv_pos_embedding_groups=2
        ),
        "videomae": transformers.VideoMAEConfig(**SIZES, image_size=32, patch_size=16, num_frames=4, num_labels=5),
        "vjepa2": transformers.VJEPA2Config(
            hidden_size=24, num_hidden_layers=2, num_attention_heads=2, mlp_ratio=1.0, initializer_range=0.3,
            crop_size=32, frames_per_clip=16, num_pooler_layers=1, pred_hidden_size=12, pred_num_attention_heads=2,
            pred_num_hidden_layers=1, pred_num_mask_tokens=1,
        ),
    }  # fmt: skip
    kinds = {
        "clip": "CLIPModel", "ast": "ASTForAudioClassification", "clap": "ClapModel", "mert": "HubertModel",
        "videomae": "VideoMAEForVideoClassification", "vjepa2": "VJEPA2Model",
    }  # fmt: skip
    for name, config in settings.items():
        getattr(transformers, kinds.get(name, "RobertaModel"))(config).eval().save_pretrained(folder / name)
        if name in ("clip", "clap", "roberta"):
            tokenizer().save(str(folder / name / "tokenizer.json"))
    file = folder / "mert" / "config.json"  # as MERT's own code names it, with what that code alone knows
    own = {"model_type": "mert_model", "feature_extractor_cqt": False, "deepnorm": False, "attention_relax": -1.0}
    file.write_text(json.dumps(json.loads(file.read_text()) | own))
    return folder


def tokenizer() -> Tokenizer:
    """Splits at spaces and knows `WORDS`."""
    made = Tokenizer(models.WordLevel({word: i for i, word in enumerate(WORDS)}, unk_token="<unk>"))
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    made.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", len(WORDS) - 1)]
    )
    return made


def resolver(models: Path, cache: Path) -> Resolver:
    """Finds the models of a folder and nothing else."""
    return Resolver(cache, offline=True, models=models)
