"""TAVDiffusion in miniature, of random weights."""

from typing import Any

import torch
from torch import Tensor

from storysound.nn.tavdiffusion import TavConfig, TavDiffusion

FRAMES, WORDS = 4, 12  # of a clip; numbers of a text's token


def tiny_unet(channels: int = 4, width: int = 16, seed: int = 0) -> Any:
    """A UNet as Stable Diffusion 1.5's, with a stride of two and attention in both halves and the middle."""
    from diffusers import UNet2DConditionModel

    torch.manual_seed(seed)
    return UNet2DConditionModel(
        in_channels=channels, out_channels=channels, block_out_channels=(8, width), norm_num_groups=4,
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"), up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
        layers_per_block=1, attention_head_dim=4, cross_attention_dim=WORDS,
    ).eval()  # fmt: skip


def tiny_network(seed: int = 0, **config: Any) -> TavDiffusion:
    audio, video = tiny_unet(8, seed=seed), tiny_unet(4, seed=seed + 1)
    torch.manual_seed(seed + 2)
    return TavDiffusion(audio, video, TavConfig(**{"frames": FRAMES, "heads": 2} | config)).eval()


def tiny_batch(clips: int = 3, seed: int = 0) -> dict[str, Tensor]:
    """Latents of sound [b 8 8 4] and of picture [b 4 4 4 6], and tokens of texts [b 5 12]."""
    dice = torch.Generator().manual_seed(seed)
    shapes = {"audio": (8, 8, 4), "video": (FRAMES, 4, 4, 6), "context": (5, WORDS)}
    return {name: torch.randn(clips, *shape, generator=dice) for name, shape in shapes.items()}


def taught(module: torch.nn.Module, seed: int = 0) -> None:
    """Gives all weights that begin at zero, so that what they lead to is there."""
    dice = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for weight in module.parameters():
            if not weight.any():
                weight.copy_(0.3 * torch.randn(weight.shape, generator=dice))
