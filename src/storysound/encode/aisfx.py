"""aiSFX: sound effects as 512 numbers per 2.3-s block and as categories of the Universal Category System (UCS).

The network "X-Sequential-CE" of Ma and Lerch, "Representation Learning for the Automatic Indexing of Sound Effects
Libraries", ISMIR 2022; weights CC BY 4.0. It has nine heads, one per library it was trained on. Three follow UCS and
are exposed; the other six follow their publishers' own lists, which were never published, so they are left out.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.fusion import fuse_conv_bn_eval

from storysound.encode.encoder import Encoding, Head, Modality, Traits
from storysound.encode.waves import blocks, each_alone
from storysound.encode.wording import ucs
from storysound.media.arrays import Samples
from storysound.media.audio import Waveform
from storysound.media.spectrogram import LogMel, Stft, log_mel
from storysound.progress import unless_stopped
from storysound.weights.resolver import Resolver

# The 82 categories of UCS 8.2 in alphabetical order.
UCS = (
    "AIR", "AIRCRAFT", "ALARMS", "AMBIENCE", "ANIMALS", "ARCHIVED", "BEEPS", "BELLS", "BIRDS", "BOATS", "BULLETS",
    "CARTOON", "CERAMICS", "CHAINS", "CHEMICALS", "CLOCKS", "CLOTH", "COMMUNICATIONS", "COMPUTERS", "CREATURES",
    "CROWDS", "DESIGNED", "DESTRUCTION", "DIRT & SAND", "DOORS", "DRAWERS", "ELECTRICITY", "EQUIPMENT", "EXPLOSIONS",
    "FARTS", "FIGHT", "FIRE", "FIREWORKS", "FOLEY", "FOOD & DRINK", "FOOTSTEPS", "GAMES", "GEOTHERMAL", "GLASS", "GORE",
    "GUNS", "HORNS", "HUMAN", "ICE", "LASERS", "LEATHER", "LIQUID & MUD", "MACHINES", "MAGIC", "MECHANICAL", "METAL",
    "MOTORS", "MOVEMENT", "MUSICAL", "NATURAL DISASTER", "OBJECTS", "PAPER", "PLASTIC", "RAIN", "ROBOTS", "ROCKS",
    "ROPE", "RUBBER", "SCIFI", "SNOW", "SPORTS", "SWOOSHES", "TOOLS", "TOYS", "TRAINS", "USER INTERFACE", "VEGETATION",
    "VEHICLES", "VOICES", "WATER", "WEAPONS", "WEATHER", "WHISTLES", "WIND", "WINDOWS", "WINGS", "WOOD",
)  # fmt: skip
# Label names don't ship with the weights. Each head follows UCS in order; which categories its library lacks was
# found by the order-keeping alignment of the three heads that makes their scores agree best over 400 sounds, and
# by sounds of known category. Of ucs69, LEATHER, MAGIC, ROBOTS, ROPE and WINDOWS are the least certain.
_LACKS = {
    "ucs78": {"ARCHIVED", "CERAMICS", "LEATHER", "WINDOWS"},
    "ucs79": {"ARCHIVED", "FOLEY", "GEOTHERMAL"},
    "ucs69": {
        "ARCHIVED", "CHEMICALS", "DESTRUCTION", "DIRT & SAND", "FOLEY", "LEATHER", "MAGIC", "NATURAL DISASTER",
        "ROBOTS", "ROCKS", "ROPE", "SNOW", "WINDOWS",
    },
}  # fmt: skip
LABELS: Mapping[str, tuple[str, ...]] = {
    space: tuple(category for category in UCS if category not in lacks) for space, lacks in _LACKS.items()
}
_HEAD_INDEX = {"ucs78": 0, "ucs79": 1, "ucs69": 2}  # of the checkpoint's `fc`: Pro Sound Effects, Soundly, UCS mixed

RATE_HZ = 44100
HOP_LENGTH = 1024
BLOCK_FRAMES = 100  # what the network was trained on; its zero padding at both ends is part of what it knows
_MELS = LogMel(
    RATE_HZ, Stft(2 * HOP_LENGTH, HOP_LENGTH, pad="constant"), 96, norm="sum", log="10", amplify=1e4, offset=1.0,
    gain=1 / 9.457798957824707,  # the largest value of the training spectrograms
)  # fmt: skip
_PEAK = 0.5  # level of the loudest sample
_QUIET = 1e-5  # below this peak (-100 dBFS) there is nothing to bring up
_BATCH = 4  # blocks run at once: few enough to stay in the processor's cache
_CHANNELS = (64, 128, 256, 512)
_VERSION = "1"  # of this file: raised whenever the same sound would give other numbers
_HEAD = Head(ucs, said=0.2, seen=0.0, moments=False)
TRAITS = Traits(heads={"ucs78": _HEAD, "ucs79": replace(_HEAD, music="MUSICAL", music_from=0.15), "ucs69": _HEAD})


@dataclass(frozen=True)
class Config:
    """How densely a sound is heard."""

    hop_frames: int = BLOCK_FRAMES  # from one block to the next; half of it doubles the time and gains nothing

    def __post_init__(self) -> None:
        if not 1 <= self.hop_frames <= BLOCK_FRAMES:
            raise ValueError(f"hop_frames must lie in 1..{BLOCK_FRAMES}, got {self.hop_frames}")


class _ConvBlock(nn.Module):
    """Two convolutions with batch norm; the names of its parts are those of the checkpoint."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv1: nn.Module = nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)
        self.bn1: nn.Module = nn.BatchNorm2d(outputs)
        self.conv2: nn.Module = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.bn2: nn.Module = nn.BatchNorm2d(outputs)

    def forward(self, x: Tensor) -> Tensor:
        """[b i t m] -> [b o t m]."""
        x = F.relu_(self.bn1(self.conv1(x)))
        x = F.relu_(self.bn2(self.conv2(x)))
        return x

    def fuse(self) -> None:
        """Folds the batch norms into the convolutions."""
        for conv, norm in (("conv1", "bn1"), ("conv2", "bn2")):
            setattr(self, conv, fuse_conv_bn_eval(getattr(self, conv), getattr(self, norm)))
            setattr(self, norm, nn.Identity())


class Network(nn.Module):
    """Blocks [b t m] of log-mel frames -> (embedding [b 512], {space: logits [b c]})."""

    def __init__(self) -> None:
        super().__init__()
        blocks = {
            f"conv_block{number}": _ConvBlock(inputs, outputs)
            for number, (inputs, outputs) in enumerate(pairwise((1, *_CHANNELS)), start=1)
        }
        self.embedding_net = nn.ModuleDict(blocks)
        width = _CHANNELS[-1]
        self.fc = nn.ModuleList(
            nn.Sequential(
                nn.Linear(width, width // 2), nn.ReLU(), nn.Linear(width // 2, width // 4), nn.ReLU(),
                nn.Linear(width // 4, len(LABELS[space])),
            )
            for space in _HEAD_INDEX
        )  # fmt: skip

    def forward(self, x: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """Mean over frequency, then maximum over time, of the last feature map."""
        x = x[:, None].contiguous(memory_format=torch.channels_last)
        for number, block in enumerate(self.embedding_net.values(), start=1):
            x = block(x)
            x = F.max_pool2d(x, 2) if number < len(_CHANNELS) else x
        embedding = x.mean(dim=3).amax(dim=2)
        return embedding, {space: head(embedding) for space, head in zip(_HEAD_INDEX, self.fc, strict=True)}

    def fuse(self) -> "Network":
        """Folds batch norms and lays channels last: the same numbers to 1e-5 in half of the time."""
        for block in self.embedding_net.values():
            assert isinstance(block, _ConvBlock)
            block.fuse()
        return self.to(memory_format=torch.channels_last)  # type: ignore[no-any-return, call-overload]


class AiSfx:
    """Audio encoder: `embedding` [t 512], `scores` of three label spaces [t c]: probabilities that sum to 1.

    One step per block of 2.3 s. The level of the sound doesn't matter.
    """

    name = "aisfx"
    modality: Modality = "audio"
    dim = _CHANNELS[-1]
    labels = LABELS
    traits = TRAITS

    def __init__(self, network: Network, revision: str, config: Config | None = None) -> None:
        """`network` with its weights loaded and fused."""
        self._config = config or Config()
        self.revision = f"{revision}-{sha256(repr(self._config).encode()).hexdigest()[:6]}"
        self._network = network.eval()

    def encode(self, items: Sequence[Waveform]) -> list[Encoding]:
        """One encoding a sound; raises as `each_alone`."""
        return each_alone(items, RATE_HZ, self._encode)

    def _encode(self, samples: Samples) -> Encoding:
        """Of samples [n] at `RATE_HZ`."""
        cut = torch.from_numpy(blocks(levelled_mels(samples), BLOCK_FRAMES, self._config.hop_frames))
        parts = [self._network(cut[start : start + _BATCH]) for start in unless_stopped(range(0, len(cut), _BATCH))]
        embedding = torch.cat([part[0] for part in parts]).numpy()
        scores = {space: torch.cat([part[1][space] for part in parts]).softmax(dim=1).numpy() for space in LABELS}
        return Encoding(embedding, scores, self._config.hop_frames * HOP_LENGTH / RATE_HZ)


def levelled_mels(samples: Samples) -> NDArray[np.float32]:
    """What the network reads: log-mel frames [t 96] of samples [n] at 44.1 kHz, brought to one peak level."""
    peak = float(np.abs(samples).max())
    level = _PEAK / peak if peak > _QUIET else 1.0
    return log_mel(samples * np.float32(level), _MELS)


def load_network(weights: Resolver) -> Network:
    """The network, ready to run. Raises MissingModelError where its weights can't be had."""
    network = Network()
    kept = tuple(f"fc.{index}." for index in _HEAD_INDEX.values())
    tensors = {
        name: torch.from_numpy(value)
        for name, value in weights.tensors("aisfx").items()
        if name.startswith(("embedding_net.", *kept))
    }
    network.load_state_dict(tensors)
    return network.eval().fuse()


def load(weights: Resolver, config: Config | None = None) -> AiSfx:
    """The encoder. Raises MissingModelError where its weights can't be had."""
    return AiSfx(load_network(weights), f"{weights.revision('aisfx')}-{_VERSION}", config)
