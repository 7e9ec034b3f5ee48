"""PE-AV from a folder of the user's: the Perception Encoder's space of videos and sounds (Vyas et al. 2025).

"Pushing the Frontier of Audiovisual Perception with Large-Scale Multimodal Correspondence Learning", arXiv:2512.19687;
weights Apache-2.0 (facebook/pe-av-small, -base, -large). The library transformers runs what it does without timm: eyes
that it takes from there would bring torchvision, so they are ours (`nn/perception_encoder`).
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from storysound.encode import hub, pictures, waves
from storysound.encode.encoder import Encoding, Modality, Traits
from storysound.errors import InputError
from storysound.media.arrays import Floats, Pixels, Samples
from storysound.media.audio import Waveform
from storysound.nn.perception_encoder import PUBLISHED, EyesConfig, PerceptionEyes
from storysound.research.tavg.weight_files import read_weights

RATE_HZ = 48_000
SETTINGS, WEIGHTS = "config.json", "model.safetensors"
_STAND_IN = {
    "hidden_size": 4, "num_hidden_layers": 0, "num_attention_heads": 1, "intermediate_size": 4, "image_size": 4,
    "patch_size": 4,
}  # fmt: skip
_VERSION = "1"  # of this file: raised whenever the same video would give other numbers


class _Head(nn.Module):
    """From one side's width to that of the space that all share."""

    def __init__(self, into: int, out: int) -> None:
        super().__init__()
        self.layer_norm, self.proj = nn.LayerNorm(into, 1e-6), nn.Linear(into, out, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """[b i] -> [b o]."""
        found: Tensor = self.proj(self.layer_norm(x))
        return found


class _Vision(nn.Module):
    """Our eyes in the place of timm's."""

    def __init__(self, config: EyesConfig) -> None:
        super().__init__()
        self.timm_model = PerceptionEyes(config)

    def forward(self, pictures: Tensor) -> SimpleNamespace:
        """[b 3 side side] -> `logits` [b out]."""
        return SimpleNamespace(logits=self.timm_model(pictures))


class PerceptionNetwork(nn.Module):
    """Both sides of PE-AV without its texts, and without what hears and sees at once."""

    def __init__(self, settings: Any, eyes: EyesConfig) -> None:
        """`settings`: transformers' PeAudioVideoConfig, with anything it can build in the place of timm's eyes."""
        super().__init__()
        library, sides = hub.transformers(), settings.audio_video_config
        self.side, self.dim = eyes.side, int(settings.text_config.hidden_size)
        self.video_encoder = library.PeVideoEncoder(sides.video_config)
        self.video_encoder.embedder.vision_model = _Vision(eyes)
        self.audio_encoder = library.PeAudioEncoder(sides.audio_config)
        self.video_head = _Head(sides.video_config.hidden_size, self.dim)
        self.audio_head = _Head(sides.audio_config.hidden_size, self.dim)
        ratios = sides.audio_config.dac_config.downsampling_ratios
        self.step = int(np.prod(ratios))  # samples

    def seen(self, pictures: Tensor) -> Tensor:
        """Frames [f 3 side side] of one video -> [d]."""
        found: Tensor = self.video_head(self.video_encoder(pictures[None]).pooler_output)[0]
        return found

    def heard(self, samples: Tensor) -> Tensor:
        """Samples [n] at `RATE_HZ` of one sound, whole steps of it -> [d]."""
        found: Tensor = self.audio_head(self.audio_encoder(samples[None, None]).pooler_output)[0]
        return found


def eyes_of(vision: Mapping[str, Any]) -> EyesConfig:
    """The eyes that a configuration of timm's asks for. Raises KeyError and ValueError for others."""
    own, more = PUBLISHED[vision["architecture"]], vision.get("model_args") or {}
    width = int(more.get("embed_dim", own.width))
    return EyesConfig(
        side=int(more.get("img_size", own.side)), patch=int(more.get("patch_size", own.patch)), width=width,
        depth=int(more.get("depth", own.depth)), heads=int(more.get("num_heads", own.heads)),
        hidden=int(width * more.get("mlp_ratio", own.hidden / own.width)),
        pool_heads=int(more.get("attn_pool_num_heads", own.pool_heads)),
        out=int(vision.get("num_classes") or more.get("num_classes") or own.out),
    )  # fmt: skip


def network_of(raw: Mapping[str, Any], weights: Mapping[str, Tensor]) -> PerceptionNetwork:
    """The network of a configuration and of named weights, as transformers saves both.

    Raises KeyError, ValueError and RuntimeError for those of something else, MissingModelError without transformers.
    """
    library = hub.transformers()
    settings = library.PeAudioVideoConfig.from_dict(raw)
    eyes = eyes_of(raw["audio_video_config"]["video_config"]["vision_config"])
    settings.audio_video_config.video_config.vision_config = library.ViTConfig(**_STAND_IN, num_labels=eyes.out)
    network = PerceptionNetwork(settings, eyes)
    network.load_state_dict({name: _weight(weights, name) for name in network.state_dict()})
    return network.eval().requires_grad_(False)


def _weight(weights: Mapping[str, Tensor], name: str) -> Tensor:
    """A weight by its name here: a side's own, or the same one in what hears and sees at once. Raises KeyError."""
    side = name.partition("_")[0]
    places = (f"{side}_model.{name}", f"audio_video_encoder.embedder.{name}")
    found = next((weights[place] for place in places if place in weights), None)
    if found is None:
        raise KeyError(places[0])
    return found.float()


class PerceptionEyesEncoder:
    """Picture or video encoder: `embedding` [1 d] of length 1, a picture being a video of one frame."""

    name = "pe-av"
    traits = Traits()
    labels: Mapping[str, tuple[str, ...]] = {}

    def __init__(self, network: PerceptionNetwork, revision: str, modality: Modality) -> None:
        self.revision, self.dim, self.modality = revision, network.dim, modality
        self._network = network

    def encode(self, items: Sequence[Pixels]) -> list[Encoding]:
        """One vector an item. Raises ValueError for anything but non-empty uint8 [h w 3], or [f h w 3] of videos."""
        if self.modality == "video":
            return pictures.each_video_alone(items, self._seen)
        return pictures.each_alone(items, lambda rgb: self._seen(rgb[None]))

    def _seen(self, frames: Pixels) -> Encoding:
        """Of frames [f h w 3]."""
        return _unit(self._network.seen(torch.from_numpy(squeezed(frames, self._network.side))))


def squeezed(frames: Pixels, side: int) -> Floats:
    """Frames [f h w 3] -> [f 3 side side] in [-1, 1], each squeezed into the square as a whole, as PE has it."""
    filled = [Image.fromarray(rgb).resize((side, side), Image.Resampling.BILINEAR) for rgb in frames]
    colours = np.stack([np.asarray(picture, np.float32) for picture in filled]) / np.float32(127.5) - 1
    return np.ascontiguousarray(colours.transpose(0, 3, 1, 2))


class PerceptionEars:
    """Audio encoder: `embedding` [1 d] of the whole sound, of length 1."""

    name = "pe-av"
    modality: Modality = "audio"
    traits = Traits()
    labels: Mapping[str, tuple[str, ...]] = {}

    def __init__(self, network: PerceptionNetwork, revision: str) -> None:
        self.revision, self.dim = revision, network.dim
        self._network = network

    def encode(self, items: Sequence[Waveform]) -> list[Encoding]:
        """One vector a sound; raises as `waves.each_alone`."""
        return waves.each_alone(items, RATE_HZ, self._heard)

    def _heard(self, samples: Samples) -> Encoding:
        """Of samples [n] at `RATE_HZ`; what follows the last whole step is its mirror, as the authors have it."""
        missing = -len(samples) % self._network.step
        whole = np.pad(samples, (0, missing), mode="reflect" if missing < len(samples) else "constant")
        found = _unit(self._network.heard(torch.from_numpy(whole)))
        return Encoding(found.embedding, step_s=len(samples) / RATE_HZ)


def _unit(vector: Tensor) -> Encoding:
    """A vector [d] of length 1, as the only row."""
    return Encoding((vector / vector.norm().clamp_min(1e-9))[None].numpy())


@dataclass(frozen=True)
class Perception:
    """All of its encoders: of frames, of sounds, of whole videos."""

    eyes: PerceptionEyesEncoder
    ears: PerceptionEars
    watcher: PerceptionEyesEncoder


def read_perception(folder: Path) -> Perception:
    """From a folder with its configuration and weights, as the hub has them.

    Raises InputError for a folder of something else, MediaError for a file that can't be read, MissingModelError
    without the extra [hub].
    """
    wanted = f"give a folder with {SETTINGS} and {WEIGHTS} of facebook/pe-av-small, -base or -large"
    try:
        raw = json.loads((folder / SETTINGS).read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(folder, f"holds no {SETTINGS} that can be read", wanted) from error
    network, sha = read_weights(folder / WEIGHTS, lambda weights: network_of(raw, weights), "PE-AV", wanted)
    revision = f"{sha}-{_VERSION}"
    eyes, watcher = (PerceptionEyesEncoder(network, revision, kind) for kind in ("image", "video"))
    return Perception(eyes, PerceptionEars(network, revision), watcher)
