"""Our own refinement of NSNet2: which part of each moment and frequency is background.

NSNet2 was trained on noise and takes much of the music for speech. A U-Net reads its gain together with a spectrum of
four times the frequency resolution, in which the partials of voices and instruments lie apart, and of the whole sound
before and after, and gives the gain of the background that leaves the least error (the minimum of
|mask · mixture - background|², a Wiener gain without its independence assumption). Trained by
shipped_weights/speech_mask/train.py on speech and music of Debian packages.
"""

import hashlib
from dataclasses import dataclass
from importlib.resources import files

import torch
from safetensors.torch import load
from torch import Tensor, nn
from torch.nn import functional as F

RATE_HZ = 48000
FFT = 4096
HOP = 1024  # two of NSNet2's
BINS = 768  # up to 9 kHz; above, NSNet2's own gain is kept
FINER = 4  # bins to one of NSNet2's
COARSE = BINS // FINER + 1  # of NSNet2's bins: those that lie under BINS, and the next
_AROUND = 95  # frames
_PART, _REACH = 256, 2  # frames of a stage at a time, and how far its layers see
_INPUTS = FINER + 3 + 1  # levels, gains, place


@dataclass(frozen=True)
class Config:
    """Sizes of the network."""

    channels: tuple[int, ...] = (24, 40, 56, 72)  # of each level; every level halves both axes
    memory: int = 96  # of the recurrent layer, each way

    def __post_init__(self) -> None:
        if len(self.channels) < 2:
            raise ValueError(f"a U-Net needs two levels, got {self.channels}")

    @classmethod
    def tiny(cls) -> "Config":
        """For tests."""
        return cls((4, 6), 4)


def _conv(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(inputs, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU())


class _Across(nn.Module):
    """Every frequency hears of every other: overtones lie far apart (Choi et al. 2020, arXiv:1912.02591)."""

    def __init__(self, bins: int, channels: int) -> None:
        super().__init__()
        self.narrow, self.wide = nn.Linear(bins, bins // 4), nn.Linear(bins // 4, bins)
        self.norm = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        """[b c t f] -> [b c t f]."""
        y = x.permute(0, 2, 3, 1)
        for layer in (self.narrow, self.wide):
            y = torch.matmul(layer.weight, y if layer is self.narrow else torch.relu(y)) + layer.bias[:, None]
        result: Tensor = x + self.norm(y.permute(0, 3, 1, 2))
        return result


class _Memory(nn.Module):
    """What was heard before and comes after, both ways through the whole sound."""

    _THIN = 8  # channels

    def __init__(self, bins: int, channels: int, size: int) -> None:
        super().__init__()
        self.thin, self.thick = nn.Conv2d(channels, self._THIN, 1), nn.Conv2d(self._THIN, channels, 1)
        self.cells = nn.GRU(self._THIN * bins, size, bidirectional=True, batch_first=True)
        self.back = nn.Linear(2 * size, self._THIN * bins)

    def forward(self, x: Tensor) -> Tensor:
        """[b c t f] -> [b c t f]."""
        thin = self.thin(x)
        with torch.autocast("cpu", enabled=False):
            told = self.back(self.cells(thin.float().permute(0, 2, 1, 3).flatten(2))[0])
        result: Tensor = x + self.thick(told.unflatten(2, (self._THIN, -1)).permute(0, 2, 1, 3))
        return result


class VoiceMask(nn.Module):
    """Mixture and speech gain to the background's gain."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        channels = config.channels
        pairs = list(zip((_INPUTS, *channels[:-1]), channels, strict=True))
        bins = [BINS // FINER >> depth for depth in range(len(channels))]
        self.down = nn.ModuleList(
            nn.Sequential(_conv(i, o), _Across(f, o) if depth else nn.Identity(), _conv(o, o))
            for depth, (f, (i, o)) in enumerate(zip(bins, pairs, strict=True))
        )
        self.memory = _Memory(bins[-1], channels[-1], config.memory)
        self.narrow = nn.ModuleList(nn.Conv2d(o, i, 1) for i, o in reversed(pairs[1:]))
        self.up = nn.ModuleList(_conv(i, i) for i, _ in reversed(pairs[1:]))
        self.out = nn.Conv2d(channels[0], FINER, 1)
        self.blend = nn.Parameter(torch.tensor(1.0))  # how far NSNet2's own gain is trusted
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # twice as fast as torch's own order

    def forward(self, power: Tensor, gain: Tensor) -> Tensor:
        """`power` [b t 768] of the mixture, `gain` [b 2t+1 193] in [0, 1] of NSNet2 -> background gain [b t 768].

        `gain` begins one of NSNet2's frames before the first of the mixture (`beside` arranges that).
        """
        frames = power.shape[1]
        pad = -frames % 2 ** (len(self.config.channels) - 1)
        # neighbouring bins become channels: a quarter of the positions, the same numbers
        level = _level(power).reshape(*power.shape[:2], -1, FINER).permute(0, 3, 1, 2)
        near = [gain[:, first : first + 2 * frames : 2, :-1] for first in range(3)]
        place = torch.linspace(-1, 1, level.shape[3], device=power.device).expand_as(near[0])
        x = torch.cat([level, torch.stack([*near, place], dim=1)], dim=1)
        x = F.pad(x, (0, 0, 0, pad)).contiguous(memory_format=torch.channels_last)
        skips: list[Tensor] = []
        for stage in self.down:
            x = _in_parts(stage, F.avg_pool2d(x, 2)) if skips else _in_parts(stage, x)
            skips.append(x)
        x = self.memory(skips.pop())
        for narrow, stage in zip(self.narrow, self.up, strict=True):
            x = F.interpolate(narrow(x), scale_factor=2.0)
            x = _in_parts(stage, x.add_(skips.pop()) if not x.requires_grad else x + skips.pop())
        logits = self.out(x).float().permute(0, 2, 3, 1).flatten(2)[:, :frames]
        prior = torch.logit(1 - spread(smooth(gain)), eps=1e-3)
        result: Tensor = torch.sigmoid(logits + self.blend * prior)
        return result


def _in_parts(stage: nn.Module, x: Tensor) -> Tensor:
    """What a stage makes of [b c t f], a stretch of time after the other where it doesn't learn: layers take memory."""
    if stage.training or x.shape[2] <= _PART:
        made: Tensor = stage(x)
        return made
    whole: Tensor | None = None
    for start in range(0, x.shape[2], _PART):
        first = max(0, start - _REACH)
        part = stage(x[:, :, first : start + _PART + _REACH])[:, :, start - first : start - first + _PART]
        if whole is None:
            b, c, _, f = part.shape
            whole = part.new_empty(b, c, x.shape[2], f).contiguous(memory_format=torch.channels_last)
        whole[:, :, start : start + part.shape[2]] = part
    assert whole is not None
    return whole


def _level(power: Tensor) -> Tensor:
    """log10 [b t f] against the two seconds around, so that loudness doesn't matter, nor how long the sound is."""
    around = F.avg_pool1d(power.mean(dim=2)[:, None], _AROUND, 1, _AROUND // 2, count_include_pad=False)[:, 0, :, None]
    return (torch.log10(power + 1e-10) - torch.log10(around + 1e-10)).clamp(min=-6) / 2


def beside(gain: Tensor, frames: int) -> Tensor:
    """NSNet2's gain [t' f] as [2 frames + 1, f], one frame earlier; the ends are repeated where it is too short."""
    rows = torch.arange(-1, 2 * frames).clamp(0, len(gain) - 1)
    return gain[rows]


def smooth(gain: Tensor) -> Tensor:
    """[... 2t+1 f] at NSNet2's frames -> [... t f] at those of the mixture."""
    return (gain[..., :-2:2, :] + 2 * gain[..., 1:-1:2, :] + gain[..., 2::2, :]) / 4


def spread(gain: Tensor) -> Tensor:
    """NSNet2's gain [... n] at 46.9 Hz a bin -> [... 4 (n - 1)] at 11.7 Hz a bin."""
    share = torch.arange(FINER, device=gain.device) / FINER
    between: Tensor = gain[..., :-1, None] * (1 - share) + gain[..., 1:, None] * share
    return between.flatten(-2)


def shipped() -> tuple[VoiceMask, str]:
    """The trained network that comes with the package, and a short sha of its weights."""
    data = files("storysound").joinpath("encode/weights/voice_mask.safetensors").read_bytes()
    network = VoiceMask(Config())
    network.load_state_dict({name: tensor.float() for name, tensor in load(data).items()})
    return network.eval(), hashlib.sha256(data).hexdigest()[:12]
