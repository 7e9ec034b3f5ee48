"""Ears of our own: what is heard in each 0.98 s, as 521 AudioSet classes and as a point of MiniLM's text space.

A residual network on log-mel patches that we trained on the answers of a public tagger (`shipped_weights/ears`,
`storysound train ears`); the card beside its weights, `encode/weights/ears.md`, says on which audio and what it does
badly.
Classes are those of AudioSet (Gemmeke et al. 2017, "Audio Set: an ontology and human-labeled dataset for audio
events"). The front end is the teacher's: Hershey et al. 2017, "CNN Architectures for Large-Scale Audio
Classification", section 3.1, with 64 bands from 125 to 7,500 Hz.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from hashlib import sha256
from importlib.resources import files
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import safetensors.torch
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.fusion import fuse_conv_bn_eval

from storysound.encode.encoder import Encoding, Head, Modality, Traits
from storysound.encode.waves import each_alone
from storysound.encode.wording import synonyms
from storysound.media.arrays import Floats, Samples
from storysound.media.audio import Waveform
from storysound.media.spectrogram import LogMel, Stft, log_mel
from storysound.progress import unless_stopped
from storysound.weights.resolver import Resolver

RATE_HZ = 16_000
MELS = LogMel(
    RATE_HZ, Stft(512, 160, win_length=400, centre=False), 64, 125.0, 7500.0, slopes="mel", power=1, offset=0.001
)
PATCH_FRAMES, HOP_FRAMES = 96, 48
STEP_S = HOP_FRAMES * MELS.stft.hop_length / RATE_HZ
PATCH_SAMPLES = MELS.stft.win_length + (PATCH_FRAMES - 1) * MELS.stft.hop_length
CLASSES, TEXT_DIM = 521, 384
_CENTRE, _SPREAD = -3.5, 2.5  # of log-mel values, about
_BATCH = 16  # patches run at once: few enough to stay in the processor's cache
_VERSION = "1"  # of this file: raised whenever the same sound would give other numbers
_HEAD = Head(synonyms, said=1.0, seen=1.0, clear=0.05, music="Music", feature=True)
TRAITS = Traits(space="minilm", near=1.0, patch_s=PATCH_SAMPLES / RATE_HZ, heads={"audioset": _HEAD})


@dataclass(frozen=True)
class Config:
    """Shape of the network. The shipped one has 5.0 M parameters and takes 52 M multiplications a patch."""

    widths: tuple[int, ...] = (48, 96, 192, 384)  # channels of the stages; each halves time and frequency
    hidden: int = 1024  # of the layer that classes and text space share, as wide as the teacher's

    def __post_init__(self) -> None:
        if len(self.widths) < 1 or min(self.widths) < 1 or self.hidden < 1:
            raise ValueError(f"needs at least one stage and positive widths, got {self}")

    @classmethod
    def tiny(cls) -> "Config":
        """A network that learns in seconds."""
        return cls((8, 16), 32)


def _conv(inputs: int, outputs: int, kernel: int, stride: int = 1) -> nn.Sequential:
    conv = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(outputs))


class _ResidualBlock(nn.Module):
    """Residual block of two 3 x 3 convolutions (He et al. 2016), its shortcut pooled before it is projected."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.first, self.second = _conv(inputs, outputs, 3, stride), _conv(outputs, outputs, 3)
        self.pool = nn.AvgPool2d(stride, ceil_mode=True) if stride > 1 else nn.Identity()
        self.shortcut = _conv(inputs, outputs, 1) if inputs != outputs else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """[b c t m] -> [b d ceil(t/stride) ceil(m/stride)]."""
        y: Tensor = self.second(F.relu(self.first(x)))
        return F.relu(y + self.shortcut(self.pool(x)))


class Answer(NamedTuple):
    """What the network says of patches: `logits` [b 521]; `hidden` [b h], never negative; `text` [b 384], length 1."""

    logits: Tensor
    hidden: Tensor
    text: Tensor


class Network(nn.Module):
    """Log-mel patches [b 96 64], as `log_mel` gives them, to an `Answer`; every patch on its own in eval mode."""

    def __init__(self, config: Config | None = None) -> None:
        super().__init__()
        self.config = config or Config()
        widths = self.config.widths
        self.stem = _conv(1, widths[0], 7, 4)
        pairs = list(pairwise((widths[0], *widths)))
        self.blocks = nn.Sequential(*(_ResidualBlock(a, b, 2 if i else 1) for i, (a, b) in enumerate(pairs)))
        bands = -(-MELS.n_mels // (4 * 2 ** (len(widths) - 1)))  # frequencies left at the end are told apart
        self.inner = nn.Linear(widths[-1] * bands, self.config.hidden)
        self.classes = nn.Linear(self.config.hidden, CLASSES)
        self.text = nn.Linear(self.config.hidden, TEXT_DIM)
        nn.init.constant_(self.classes.bias, -8.0)  # few classes are heard at a time

    def forward(self, log_mel: Tensor) -> Answer:
        """Mean over time of the last feature map, then the shared layer and its two heads."""
        x = ((log_mel - _CENTRE) / _SPREAD)[:, None].contiguous(memory_format=torch.channels_last)
        x = self.blocks(F.relu(self.stem(x)))
        hidden = F.relu(self.inner(x.mean(dim=2).flatten(1)))
        return Answer(self.classes(hidden), hidden, F.normalize(self.text(hidden), dim=1))

    def fuse(self) -> "Network":
        """Folds batch norms into their convolutions: the same numbers to 1e-5 in less time."""
        for module in self.modules():
            if isinstance(module, nn.Sequential) and isinstance(conv := module[0], nn.Conv2d):
                module[0], module[1] = fuse_conv_bn_eval(conv, module[1]), nn.Identity()  # type: ignore[arg-type]
        return self.to(memory_format=torch.channels_last)  # type: ignore[no-any-return, call-overload]


def frames(samples: Samples) -> Floats:
    """Log-mel frames [t 64] of samples [n >= 400] at 16 kHz; frame i is about the 25 ms from 10 · i ms on.

    `MELS` centres its window of 400 samples in 512, hence the zeros on both sides.
    """
    lead = (MELS.stft.n_fft - MELS.stft.win_length) // 2
    return log_mel(np.pad(samples, lead), MELS)


def patches(samples: Samples) -> Floats:
    """Log-mel patches [t 96 64] of samples [n] at 16 kHz, one every 0.48 s, the last ones filled up with silence."""
    hop = HOP_FRAMES * MELS.stft.hop_length
    count = 1 + max(0, len(samples) - PATCH_SAMPLES + hop // 2) // hop  # what is left over is under half a step
    total = (count - 1) * hop + PATCH_SAMPLES
    whole = frames(np.pad(samples[:total], (0, max(0, total - len(samples)))))
    return np.stack([whole[start : start + PATCH_FRAMES] for start in range(0, count * HOP_FRAMES, HOP_FRAMES)])


class Ears:
    """Audio encoder: `embedding` [t 384] of length 1 in MiniLM's text space, `scores` {"audioset": [t 521]} in [0, 1].

    Row i is about the 0.98 s from i · 0.48 s on. Scores are independent of each other. Level matters a little: what
    is far below -60 dBFS is silence.
    """

    name = "ears"
    modality: Modality = "audio"
    dim = TEXT_DIM

    def __init__(self, network: Network, labels: Sequence[str], usual: Floats, revision: str) -> None:
        """`network` with its weights loaded; `usual` [521]: what one in a hundred sounds without a class reaches."""
        self.labels: Mapping[str, tuple[str, ...]] = {"audioset": tuple(labels)}
        self.traits = replace(TRAITS, heads={"audioset": replace(_HEAD, usual=usual)})
        self.revision = revision
        self._network = network.eval().fuse()

    def encode(self, items: Sequence[Waveform]) -> list[Encoding]:
        """One encoding a sound; raises as `each_alone`."""
        return each_alone(items, RATE_HZ, self._encode)

    def _encode(self, samples: Samples) -> Encoding:
        """Of samples [n] at `RATE_HZ`."""
        cut = torch.from_numpy(patches(samples))
        starts = unless_stopped(range(0, len(cut), _BATCH))
        parts = [self._network(cut[start : start + _BATCH]) for start in starts]
        scores = torch.cat([part.logits for part in parts]).sigmoid().numpy()
        return Encoding(torch.cat([part.text for part in parts]).numpy(), {"audioset": scores}, STEP_S)


@cache
def class_names() -> tuple[str, ...]:
    """AudioSet's 521 classes in the order of the scores."""
    return tuple((files("storysound") / "encode" / "weights" / "audioset_labels.txt").read_text("utf-8").splitlines())


def load(_weights: Resolver) -> Ears:
    """The encoder; its weights ship with the package."""
    folder = files("storysound") / "encode" / "weights"
    data = (folder / "ears.safetensors").read_bytes()
    network = Network()
    network.load_state_dict({name: value.float() for name, value in safetensors.torch.load(data).items()})
    usual = np.array((folder / "ears_usual.txt").read_text("utf-8").split(), np.float32)
    return Ears(network, class_names(), usual, f"{sha256(data).hexdigest()[:12]}-{_VERSION}")
