"""Kandinsky 2.2 (Razzhigaev et al. 2023, arXiv:2310.03502) through diffusers: pictures from picture embeddings.

An unCLIP: latent diffusion under the embedding that a CLIP encoder gives of a picture, here without any words. Its
`image_encoder`, in the same folder, says which embedding a picture has.
"""

import hashlib
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from storysound.encode.clip import prepare
from storysound.errors import MissingModelError
from storysound.generate.pretrained import FROM_DISK, checked, loading, pipeline, quiet
from storysound.media.arrays import Pixels

NAME = "kandinsky"
GUIDANCE = 4.0  # diffusers' weight of the embedding against that of a black picture


class Painter:
    """Paints embeddings. `dim`: numbers of an embedding."""

    def __init__(self, pipeline: Any) -> None:
        """`pipeline`: KandinskyV22Pipeline."""
        self._pipeline = pipeline
        self.dim = int(pipeline.unet.config.encoder_hid_dim)

    def paint(self, embedding: Tensor, black: Tensor, *, seed: int, steps: int, side_px: int) -> Pixels:
        """The picture uint8 [side side 3] of an embedding [d], led away from `black` [d].

        `side_px` is a multiple of 64. The same embedding, seed, steps and side give the same picture on one machine.
        """
        with quiet():
            image = self._pipeline(
                embedding[None], black[None], height=side_px, width=side_px, num_inference_steps=steps,
                guidance_scale=GUIDANCE, generator=torch.Generator("cpu").manual_seed(seed), output_type="np",
                callback_on_step_end=checked,
            ).images[0]  # fmt: skip
        return np.asarray(np.round(image * 255), np.uint8)


class Eyes:
    """Says the embeddings that a `Painter` of the same folder understands. `revision` changes with the weights."""

    def __init__(self, network: Any, revision: str) -> None:
        """`network`: transformers' CLIPVisionModelWithProjection."""
        self._network, self.revision = network.eval(), revision

    @torch.inference_mode()
    def embed(self, pictures: Sequence[Pixels]) -> Tensor:
        """Pictures uint8 [h w 3] -> [n d] float32, of the length that the network gives them; one at a time."""
        return torch.cat([self._seen(prepare(picture, self._side)) for picture in pictures])

    @torch.inference_mode()
    def black(self) -> Tensor:
        """The embedding [d] of pixels that are all 0 after normalisation, which diffusion is led away from."""
        return self._seen(torch.zeros(3, self._side, self._side))[0]

    @property
    def _side(self) -> int:
        return int(self._network.config.image_size)

    def _seen(self, pixels: Tensor) -> Tensor:
        """Normalised pixels [3 side side] -> [1 d]."""
        embedding: Tensor = self._network(pixel_values=pixels[None].to(self._network.device)).image_embeds
        return embedding.float().cpu()


def load_painter(folder: Path, device: torch.device) -> Painter:
    """From a folder in the layout of diffusers. Raises MissingModelError."""
    with loading(folder, "a Kandinsky 2.2 decoder of diffusers"):
        return Painter(pipeline("KandinskyV22Pipeline", folder, device))


def load_eyes(folder: Path, device: torch.device) -> Eyes:
    """From the same folder's `image_encoder`. Raises MissingModelError."""
    with loading(folder / "image_encoder", "the picture encoder of Kandinsky 2.2"):
        made = import_module("transformers").CLIPVisionModelWithProjection
        network = made.from_pretrained(folder / "image_encoder", **FROM_DISK)
        return Eyes(network.to(device), revision(folder))


def revision(folder: Path) -> str:
    """Changes with the picture encoder of a folder, as far as its configuration and the size of its weights tell.

    Raises MissingModelError where there is none.
    """
    own = folder / "image_encoder"
    try:
        parts = [(own / "config.json").read_bytes(), str((own / "model.safetensors").stat().st_size).encode()]
    except OSError as error:
        raise MissingModelError(f"{own}: has no config.json and model.safetensors of a picture encoder") from error
    return hashlib.sha256(b"+".join(parts)).hexdigest()[:12]
