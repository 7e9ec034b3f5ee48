"""CNN14 of PANNs (Kong et al. 2020, arXiv:1912.10211, table 2): six blocks of convolutions, to 2048 numbers.

Parts are named as in the published weights (`Cnn14_mAP=0.431.pth`), so that these can be read. Axes: b stretches, t
frames, m mel bands, c channels.
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

WIDTHS, BANDS = (64, 128, 256, 512, 1024, 2048), 64
LEAST_FRAMES = 32  # five poolings leave one of them


class _Block(nn.Module):
    """Two convolutions with batch normalisation and ReLU."""

    def __init__(self, into: int, out: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(into, out, 3, padding=1, bias=False)
        self.conv2 = nn.Conv2d(out, out, 3, padding=1, bias=False)
        self.bn1, self.bn2 = nn.BatchNorm2d(out), nn.BatchNorm2d(out)

    def forward(self, x: Tensor) -> Tensor:
        """[b c t m] -> [b d t m]."""
        x = F.relu(self.bn1(self.conv1(x)))
        return F.relu(self.bn2(self.conv2(x)))


class Cnn14(nn.Module):
    """Log-mel frames in decibels [b t m], `LEAST_FRAMES` at least -> [b 2048], none of them negative."""

    def __init__(self, widths: Sequence[int] = WIDTHS, bands: int = BANDS) -> None:
        """Channels of the blocks, and the mel bands, a multiple of 32."""
        super().__init__()
        self.bn0 = nn.BatchNorm2d(bands)
        for number, (into, out) in enumerate(pairwise((1, *widths)), start=1):
            self.add_module(f"conv_block{number}", _Block(into, out))
        self.last = len(widths)
        self.fc1 = nn.Linear(widths[-1], widths[-1])

    def forward(self, log_mel: Tensor) -> Tensor:
        """[b t m] -> [b 2048]. Raises ValueError for fewer frames."""
        if log_mel.shape[1] < LEAST_FRAMES:
            raise ValueError(f"needs {LEAST_FRAMES} frames at least, got {log_mel.shape[1]}")
        x = self.bn0(log_mel.permute(0, 2, 1)[..., None]).permute(0, 3, 2, 1)  # each band on its own -> [b 1 t m]
        for number in range(1, self.last + 1):
            x = self.get_submodule(f"conv_block{number}")(x)
            x = F.avg_pool2d(x, 2) if number < self.last else x
        over_time = x.mean(3)
        found: Tensor = F.relu(self.fc1(over_time.amax(2) + over_time.mean(2)))
        return found


class Panns(NamedTuple):
    """A network, and the mel filters [f m] that its file holds."""

    network: Cnn14
    filters: Tensor


def panns_of(weights: Mapping[str, Tensor]) -> Panns:
    """Of named weights, sizes and all; its transform is known, and its classes are not asked for.

    Raises KeyError and RuntimeError for other names and shapes.
    """
    filters = weights["logmel_extractor.melW"]
    left_out = ("spectrogram_extractor.", "logmel_extractor.", "fc_audioset.")
    own = {name: value for name, value in weights.items() if not name.startswith(left_out)}
    widths = [len(value) for name, value in own.items() if name.endswith("conv1.weight")]
    with torch.device("meta"):
        network = Cnn14(widths, filters.shape[1])
    network.load_state_dict(own, assign=True)
    return Panns(network.eval().requires_grad_(False), filters)
