"""I3D (Carreira and Zisserman 2017, arXiv:1705.07750, fig. 3): Inception v1 inflated to clips, of Kinetics' classes.

Parts are named as in the weights that went from DeepMind's to PyTorch (`rgb_imagenet.pt`), so that these can be read.
Padding is TensorFlow's "same". Axes: b clips, c channels, f frames, h w height and width, k classes.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

CLASSES = 400
LEAST_FRAMES, SIDE = 9, 224  # that its last mean needs, and pixels of a side
# Widths of an Inception block: alone, before and after the 3 x 3 x 3 of either branch, and after the maximum.
_MIXED = {
    "3b": (64, 96, 128, 16, 32, 32), "3c": (128, 128, 192, 32, 96, 64), "4b": (192, 96, 208, 16, 48, 64),
    "4c": (160, 112, 224, 24, 64, 64), "4d": (128, 128, 256, 24, 64, 64), "4e": (112, 144, 288, 32, 64, 64),
    "4f": (256, 160, 320, 32, 128, 128), "5b": (256, 160, 320, 32, 128, 128), "5c": (384, 192, 384, 48, 128, 128),
}  # fmt: skip
_POOLS: dict[str, tuple[tuple[int, ...], tuple[int, ...]]] = {  # before these parts: sizes and strides
    "Conv3d_2b_1x1": ((1, 3, 3), (1, 2, 2)), "Mixed_3b": ((1, 3, 3), (1, 2, 2)), "Mixed_4b": ((3, 3, 3), (2, 2, 2)),
    "Mixed_5b": ((2, 2, 2), (2, 2, 2)),
}  # fmt: skip


def same(x: Tensor, sizes: Sequence[int], strides: Sequence[int]) -> Tensor:
    """Zeros around [b c f h w], so that windows of these sizes give a value for every stride."""
    around: list[int] = []
    for length, size, stride in zip(x.shape[2:], sizes, strides, strict=True):
        missing = max(size - (length % stride or stride), 0)
        around = [missing // 2, missing - missing // 2, *around]  # from the last axis on
    return F.pad(x, around)


def _greatest(x: Tensor, sizes: Sequence[int], strides: Sequence[int]) -> Tensor:
    """Of windows of [b c f h w], none of whose numbers is below 0."""
    return F.max_pool3d(same(x, sizes, strides), tuple(sizes), tuple(strides))


class _Unit(nn.Module):
    """A convolution, batch normalisation, ReLU."""

    def __init__(self, into: int, out: int, size: int = 1, stride: int = 1) -> None:
        super().__init__()
        self.size, self.stride = size, stride
        self.conv3d = nn.Conv3d(into, out, size, stride, bias=False)
        self.bn = nn.BatchNorm3d(out, eps=1e-3, momentum=0.01)

    def forward(self, x: Tensor) -> Tensor:
        """[b c f h w] -> [b d f' h' w']."""
        padded = same(x, (self.size,) * 3, (self.stride,) * 3)
        return F.relu(self.bn(self.conv3d(padded)))


class _Mixed(nn.Module):
    """Four ways side by side."""

    def __init__(self, into: int, widths: tuple[int, int, int, int, int, int]) -> None:
        super().__init__()
        alone, before, after, other_before, other_after, greatest = widths
        self.b0 = _Unit(into, alone)
        self.b1a, self.b1b = _Unit(into, before), _Unit(before, after, 3)
        self.b2a, self.b2b = _Unit(into, other_before), _Unit(other_before, other_after, 3)
        self.b3b = _Unit(into, greatest)

    def forward(self, x: Tensor) -> Tensor:
        """[b c f h w] -> [b d f h w]."""
        greatest = _greatest(x, (3, 3, 3), (1, 1, 1))
        return torch.cat([self.b0(x), self.b1b(self.b1a(x)), self.b2b(self.b2a(x)), self.b3b(greatest)], dim=1)


class _Logits(nn.Module):
    """A convolution of single places with a bias, and nothing else."""

    def __init__(self, into: int, classes: int) -> None:
        super().__init__()
        self.conv3d = nn.Conv3d(into, classes, 1)

    def forward(self, x: Tensor) -> Tensor:
        """[b c f h w] -> [b k f h w]."""
        out: Tensor = self.conv3d(x)
        return out


class I3D(nn.Module):
    """Logits of classes, before any softmax."""

    def __init__(self, classes: int = CLASSES) -> None:
        super().__init__()
        self.Conv3d_1a_7x7 = _Unit(3, 64, 7, 2)
        self.Conv3d_2b_1x1 = _Unit(64, 64)
        self.Conv3d_2c_3x3 = _Unit(64, 192, 3)
        into = 192
        for name, widths in _MIXED.items():
            self.add_module(f"Mixed_{name}", _Mixed(into, widths))
            into = widths[0] + widths[2] + widths[4] + widths[5]
        self.logits = _Logits(into, classes)

    def forward(self, clips: Tensor) -> Tensor:
        """Colours in [-1, 1], [b 3 f 224 224] -> [b k]: the mean over time. Raises ValueError for less of either."""
        if clips.shape[2] < LEAST_FRAMES or min(clips.shape[3:]) < SIDE:
            raise ValueError(f"needs {LEAST_FRAMES} frames of {SIDE} x {SIDE} at least, got {list(clips.shape)}")
        x = clips
        for name, part in self.named_children():
            if name in _POOLS:
                x = _greatest(x, *_POOLS[name])
            x = F.avg_pool3d(x, (2, 7, 7), 1) if name == "logits" else x
            x = part(x)
        return x.mean((2, 3, 4))
