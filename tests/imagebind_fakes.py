"""ImageBind in miniature, of random weights by the public names; two heads each side."""

import torch
from torch import Tensor

from storysound.nn.imagebind import HEAD, SIDES

OUT = 6


def tiny_weights(seed: int = 0, blocks: int = 2) -> dict[str, Tensor]:
    """Pictures of 224 pixels and spectrograms of 128 bands and 204 columns become 6 numbers."""
    dice = torch.Generator().manual_seed(seed)
    found: dict[str, Tensor] = {"modality_trunks.text.blocks.0.norm_1.bias": torch.zeros(3)}  # as other sides are
    for side, stem, tokens in ((SIDES[0], (3, 2, 14, 14), 257), (SIDES[1], (1, 16, 16), 229)):
        width, is_sound = 2 * HEAD[side], side == "audio"
        before, trunk, head = f"modality_preprocessors.{side}.", f"modality_trunks.{side}.", f"modality_heads.{side}."
        shapes: dict[str, tuple[int, ...]] = {
            f"{before}cls_token": (1, 1, width), f"{before}pos_embedding_helper.pos_embed": (1, tokens, width),
            f"{before}rgbt_stem.proj.{'' if is_sound else '1.'}weight": (width, *stem),
            f"{head}0.weight": (width,), f"{head}0.bias": (width,), f"{head}2.weight": (OUT, width),
        }  # fmt: skip
        norm = f"{before}rgbt_stem.norm_layer." if is_sound else f"{trunk}pre_transformer_layer.0."
        shapes |= {f"{norm}weight": (width,), f"{norm}bias": (width,)}
        for number in range(blocks):
            block = {
                "attn.in_proj_weight": (3 * width, width), "attn.in_proj_bias": (3 * width,),
                "attn.out_proj.weight": (width, width), "attn.out_proj.bias": (width,), "norm_1.weight": (width,),
                "norm_1.bias": (width,), "norm_2.weight": (width,), "norm_2.bias": (width,),
                "mlp.fc1.weight": (4 * width, width), "mlp.fc1.bias": (4 * width,),
                "mlp.fc2.weight": (width, 4 * width), "mlp.fc2.bias": (width,),
            }  # fmt: skip
            block |= {"attn.bias_k": (1, 1, width), "attn.bias_v": (1, 1, width)} if is_sound else {}
            shapes |= {f"{trunk}blocks.{number}.{name}": shape for name, shape in block.items()}
        found |= {name: torch.randn(shape, generator=dice) * shape[-1] ** -0.5 for name, shape in shapes.items()}
    return found
