"""musicnn: the 50 most used tags of music listeners (genre, era, instrument, mood) and 200 numbers per patch of 3 s.

The network "MSD_musicnn" of Pons and Serra, "musicnn: Pre-trained convolutional neural networks for music audio
tagging", ISMIR 2019 late-breaking (arXiv:1909.06654), trained on the Million Song Dataset. It was made in TensorFlow;
this is the same graph in torch (largest difference of a tag 6e-7).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from storysound.encode.encoder import Encoding, Head, Modality, Traits
from storysound.encode.waves import blocks, each_alone
from storysound.media.arrays import Floats, Samples
from storysound.media.audio import Waveform
from storysound.media.spectrogram import LogMel, Stft, log_mel
from storysound.progress import unless_stopped
from storysound.weights.resolver import Resolver

TAGS = (
    "rock", "pop", "alternative", "indie", "electronic", "female vocalists", "dance", "00s", "alternative rock",
    "jazz", "beautiful", "metal", "chillout", "male vocalists", "classic rock", "soul", "indie rock", "mellow",
    "electronica", "80s", "folk", "90s", "chill", "instrumental", "punk", "oldies", "blues", "hard rock", "ambient",
    "acoustic", "experimental", "female vocalist", "guitar", "hip-hop", "70s", "party", "country", "easy listening",
    "sexy", "catchy", "funk", "electro", "heavy metal", "progressive rock", "60s", "rnb", "indie pop", "sad", "house",
    "happy",
)  # fmt: skip
RATE_HZ = 16000
HOP_LENGTH = 256
PATCH_FRAMES = 187  # 3 s, what the network was trained on
_BANDS = 96
_MELS = LogMel(
    RATE_HZ, Stft(2 * HOP_LENGTH, HOP_LENGTH), _BANDS, scale="slaney", norm="slaney", log="10",
    amplify=1e4, offset=1.0,
)  # fmt: skip
_EPSILON = 1e-3  # of the batch norms
# (convolution, batch norm after it) by the names of the checkpoint
_TIMBRAL = (("conv2d", 1), ("conv2d_1", 2))  # 7 frames by 38 and 67 bands
_TEMPORAL = (("conv2d_2", 3), ("conv2d_3", 4), ("conv2d_4", 5))  # 128, 64 and 32 frames by one band
_MIDDLE = (("conv2d_5", 6), ("conv2d_6", 7), ("conv2d_7", 8))
_INPUT_NORM, _POOL_NORM, _DENSE_NORM = 0, 9, 10
_VERSION = "1"  # of this file: raised whenever the same sound would give other numbers
# Tags of music say little of sounds.
TRAITS = Traits(heads={"msd": Head(said=0.0, seen=0.0, moments=False, feature=True)})


@dataclass(frozen=True)
class Config:
    """How densely a sound is heard."""

    hop_frames: int = 312  # 5 s from one patch to the next: music changes slowly, and each patch costs 22 ms

    def __post_init__(self) -> None:
        if self.hop_frames < 1:
            raise ValueError(f"hop_frames must be at least 1, got {self.hop_frames}")


class _Affine(nn.Module):
    """A batch norm at rest: x · scale + shift along axis 1, or the last one of [b c]."""

    def __init__(self, tensors: Mapping[str, Floats], number: int) -> None:
        super().__init__()
        name = f"batch_normalization_{number}" if number else "batch_normalization"
        scale = tensors[f"{name}/gamma"] / np.sqrt(tensors[f"{name}/moving_variance"] + np.float32(_EPSILON))
        shift = tensors[f"{name}/beta"] - tensors[f"{name}/moving_mean"] * scale
        self.scale, self.shift = nn.Parameter(torch.from_numpy(scale)), nn.Parameter(torch.from_numpy(shift))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.scale[:, None] + self.shift[:, None] if x.ndim == 3 else x * self.scale + self.shift


class _Front(nn.Module):
    """Convolution, rectifier, batch norm, maximum over frequency: [b t m] -> [b c t].

    The maximum is taken first. It commutes with the rectifier and with a norm of positive scale; where the scale is
    negative the minimum is meant, which the same maximum gives when the filter's sign is turned before and after.
    """

    def __init__(self, tensors: Mapping[str, Floats], name: str, norm: int) -> None:
        super().__init__()
        self.norm = _Affine(tensors, norm)
        self.sign = nn.Parameter(torch.where(self.norm.scale < 0, -1.0, 1.0))
        kernel = torch.from_numpy(np.ascontiguousarray(tensors[f"{name}/kernel"].transpose(3, 2, 0, 1)))
        self.weight = nn.Parameter(kernel * self.sign[:, None, None, None])  # [c 1 frames bands]
        self.bias = nn.Parameter(torch.from_numpy(tensors[f"{name}/bias"]))

    def forward(self, x: Tensor) -> Tensor:
        frames, bands = self.weight.shape[2:]
        x = F.pad(x, (0, 0, (frames - 1) // 2, frames // 2))  # TensorFlow's SAME: the odd frame goes to the end
        if bands == 1:  # each band on its own: a batch of one-channel signals
            rows = x.transpose(1, 2).reshape(-1, 1, x.shape[1])
            y = F.conv1d(rows, self.weight[..., 0]).view(len(x), x.shape[2], len(self.weight), -1).amax(1)
        else:
            y = F.conv2d(x[:, None], self.weight).amax(3)
        y = y * self.sign[:, None] + self.bias[:, None]
        result: Tensor = self.norm(F.relu(y))
        return result


class _Middle(nn.Module):
    """Convolution over 7 frames, rectifier, batch norm: [b i t] -> [b 64 t]."""

    def __init__(self, tensors: Mapping[str, Floats], name: str, norm: int) -> None:
        super().__init__()
        self.norm = _Affine(tensors, norm)
        kernel = tensors[f"{name}/kernel"][:, :, 0].transpose(2, 1, 0)  # [7 i 1 o] -> [o i 7]
        self.weight = nn.Parameter(torch.from_numpy(np.ascontiguousarray(kernel)))
        self.bias = nn.Parameter(torch.from_numpy(tensors[f"{name}/bias"]))

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.norm(F.relu(F.conv1d(x, self.weight, self.bias, padding=self.weight.shape[2] // 2)))
        return result


class Network(nn.Module):
    """Patches [b t 96] of log-mel frames -> (penultimate layer [b 200], tag logits [b 50])."""

    def __init__(self, tensors: Mapping[str, Floats]) -> None:
        """`tensors`: the checkpoint's, under their own names."""
        super().__init__()
        self.norm = _Affine(tensors, _INPUT_NORM)
        self.front = nn.ModuleList(_Front(tensors, *names) for names in (*_TIMBRAL, *_TEMPORAL))
        self.middle = nn.ModuleList(_Middle(tensors, *names) for names in _MIDDLE)
        self.pool_norm = _Affine(tensors, _POOL_NORM)
        self.dense, self.out = _linear(tensors, "dense"), _linear(tensors, "dense_1")
        self.dense_norm = _Affine(tensors, _DENSE_NORM)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Front ends side by side, three residual layers, statistics over time, two dense layers."""
        x = x * self.norm.scale + self.norm.shift
        front = torch.cat([part(x) for part in self.front], dim=1)
        first = self.middle[0](front)
        second = self.middle[1](first) + first
        third = self.middle[2](second) + second
        features = torch.cat([front, first, second, third], dim=1)
        # maximum and mean of a feature stand next to each other
        pooled = torch.stack([features.amax(dim=2), features.mean(dim=2)], dim=2).flatten(1)
        penultimate = self.dense_norm(F.relu(self.dense(self.pool_norm(pooled))))
        return penultimate, self.out(penultimate)


def _linear(tensors: Mapping[str, Floats], name: str) -> nn.Linear:
    """The layer whose kernel [i o] and bias [o] the checkpoint has under this name."""
    inputs, outputs = tensors[f"{name}/kernel"].shape
    layer = nn.Linear(inputs, outputs)
    weight = torch.from_numpy(np.ascontiguousarray(tensors[f"{name}/kernel"].T))
    layer.load_state_dict({"weight": weight, "bias": torch.from_numpy(tensors[f"{name}/bias"])})
    return layer


class Musicnn:
    """Audio encoder: `embedding` [t 200] (penultimate layer), `scores["msd"]` [t 50] independent probabilities.

    One step per patch of 3 s. Tags are meant for music; on other sounds they say little.
    """

    name = "musicnn"
    modality: Modality = "audio"
    traits = TRAITS
    dim = 200
    labels: Mapping[str, tuple[str, ...]] = {"msd": TAGS}

    def __init__(self, network: Network, revision: str, config: Config | None = None) -> None:
        """`network` with its weights."""
        self._config = config or Config()
        self.revision = f"{revision}-{sha256(repr(self._config).encode()).hexdigest()[:6]}"
        self._network = network.eval()

    def encode(self, items: Sequence[Waveform]) -> list[Encoding]:
        """One encoding a sound; raises as `each_alone`."""
        return each_alone(items, RATE_HZ, self._encode)

    def _encode(self, samples: Samples) -> Encoding:
        """Of samples [n] at `RATE_HZ`."""
        cut = torch.from_numpy(blocks(log_mel(samples, _MELS), PATCH_FRAMES, self._config.hop_frames))
        parts = [
            self._network(patch[None]) for patch in unless_stopped(cut)
        ]  # one at a time: faster than a batch, and small
        embedding = torch.cat([part[0] for part in parts]).numpy()
        tags = torch.cat([part[1] for part in parts]).sigmoid().numpy()
        return Encoding(embedding, {"msd": tags}, self._config.hop_frames * HOP_LENGTH / RATE_HZ)


def load(weights: Resolver, config: Config | None = None) -> Musicnn:
    """The encoder. Raises MissingModelError where its weights can't be had."""
    return Musicnn(Network(weights.tensors("musicnn")), f"{weights.revision('musicnn')}-{_VERSION}", config)
