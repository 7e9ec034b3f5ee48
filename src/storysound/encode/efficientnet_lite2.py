"""EfficientNet-lite2: what a picture shows, as 1000 ImageNet classes and 1280 numbers.

The network of Tan and Le 2019 (arXiv:1905.11946) at width 1.1, depth 1.2 and 260 x 260 pixels, in its "lite" form:
ReLU6, no squeeze-and-excitation, stem and head not scaled. Padding is TensorFlow's SAME.
"""

import json
from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.fusion import fuse_conv_bn_eval

from storysound.encode.encoder import Encoding, Modality, Traits
from storysound.encode.pictures import each_alone
from storysound.media.arrays import Pixels
from storysound.weights.resolver import Resolver

SIDE_PX = 260
_CROP_MARGIN_PX = 32  # the crop of the reference preprocessing: 260 of 292
_VERSION = "1"  # of this file: raised whenever the same picture would give other numbers
TRAITS = Traits()
# (repeats, kernel, stride of the first, expansion, output channels), the scaled rows of the paper's table 1
_STAGES = (
    (1, 3, 1, 1, 16),
    (3, 3, 2, 6, 24),
    (3, 5, 2, 6, 48),
    (4, 3, 2, 6, 88),
    (4, 5, 1, 6, 120),
    (5, 5, 2, 6, 208),
    (1, 3, 1, 6, 352),
)
_STEM, _HEAD, _CLASSES = 32, 1280, 1000


class _SameConv(nn.Conv2d):
    """A convolution padded like TensorFlow's SAME: the odd pixel goes to the right and bottom."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1) -> None:
        super().__init__(inputs, outputs, kernel, stride, groups=groups, bias=False)

    def forward(self, input: Tensor) -> Tensor:
        """[b c h w] -> [b d ceil(h/stride) ceil(w/stride)]."""
        kernel, stride = self.kernel_size[0], self.stride[0]
        pads = []
        for size in (input.shape[3], input.shape[2]):  # F.pad wants the last axis first
            total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
            pads += [total // 2, total - total // 2]
        return super().forward(F.pad(input, pads))


def _norm(channels: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, eps=1e-3)


class _InvertedResidual(nn.Module):
    """Inverted residual; the names of its parts are those of the state dict."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        middle = inputs * expansion
        self._expand_conv = _SameConv(inputs, middle, 1) if expansion > 1 else None
        self._bn0 = _norm(middle) if expansion > 1 else None
        self._depthwise_conv = _SameConv(middle, middle, kernel, stride, groups=middle)
        self._bn1 = _norm(middle)
        self._project_conv = _SameConv(middle, outputs, 1)
        self._bn2 = _norm(outputs)
        self._residual = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        """[b c h w] -> [b d ceil(h/stride) ceil(w/stride)]."""
        y = x
        if self._expand_conv is not None and self._bn0 is not None:
            y = F.relu6(self._bn0(self._expand_conv(y)))
        y = F.relu6(self._bn1(self._depthwise_conv(y)))
        y = self._bn2(self._project_conv(y))
        result: Tensor = x + y if self._residual else y
        return result


class Network(nn.Module):
    """[b 3 260 260] -> (logits [b 1000], features [b 1280])."""

    def __init__(self) -> None:
        super().__init__()
        self._conv_stem, self._bn0 = _SameConv(3, _STEM, 3, 2), _norm(_STEM)
        blocks, inputs = [], _STEM
        for repeats, kernel, stride, expansion, outputs in _STAGES:
            for repeat in range(repeats):
                blocks.append(_InvertedResidual(inputs, outputs, kernel, stride if repeat == 0 else 1, expansion))
                inputs = outputs
        self._blocks = nn.ModuleList(blocks)
        self._conv_head, self._bn1 = _SameConv(inputs, _HEAD, 1), _norm(_HEAD)
        self._fc = nn.Linear(_HEAD, _CLASSES)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Class logits and the pooled features before the classifier."""
        x = F.relu6(self._bn0(self._conv_stem(x)))
        for block in self._blocks:
            x = block(x)
        features = F.relu6(self._bn1(self._conv_head(x))).mean(dim=(2, 3))
        return self._fc(features), features

    def fuse(self) -> "Network":
        """Folds every batch norm into the convolution before it: the same numbers in two thirds of the time."""
        for module in [self, *self._blocks]:
            children = list(module.named_children())
            for (conv_name, conv), (norm_name, norm) in pairwise(children):
                if isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
                    setattr(module, conv_name, fuse_conv_bn_eval(conv, norm))
                    setattr(module, norm_name, nn.Identity())
        return self


def prepare(picture: Pixels) -> Tensor:
    """[h w 3] uint8 -> [3 260 260]: the middle square of 260/292 of the shorter side, bicubic, (x - 127) / 128."""
    height, width = picture.shape[:2]
    side = max(1, round(min(height, width) * SIDE_PX / (SIDE_PX + _CROP_MARGIN_PX)))
    top, left = (height - side + 1) // 2, (width - side + 1) // 2
    square = Image.fromarray(picture[top : top + side, left : left + side])
    pixels = np.asarray(square.resize((SIDE_PX, SIDE_PX), Image.Resampling.BICUBIC), np.float32)
    return torch.from_numpy((pixels - 127) / 128).permute(2, 0, 1)


class EfficientNetLite2:
    """Picture encoder: `embedding` [1 1280], `scores["imagenet"]` [1 1000] probabilities that sum to 1."""

    name = "efficientnet_lite2"
    modality: Modality = "image"
    traits = TRAITS
    dim = _HEAD

    def __init__(self, network: Network, class_names: Sequence[str], revision: str) -> None:
        """`class_names`: 1000 names in the order of ILSVRC 2012."""
        self.revision = revision
        self.labels: Mapping[str, tuple[str, ...]] = {"imagenet": tuple(class_names)}
        self._network = network.eval()

    def encode(self, items: Sequence[Pixels]) -> list[Encoding]:
        """One encoding a picture. Raises ValueError for anything but non-empty uint8 [h w 3]."""
        return each_alone(items, self._seen)

    def _seen(self, picture: Pixels) -> Encoding:
        """Of a picture uint8 [h w 3]."""
        logits, features = self._network(prepare(picture)[None])
        return Encoding(features.numpy(), {"imagenet": logits.softmax(dim=1).numpy()})


def load(weights: Resolver) -> EfficientNetLite2:
    """The encoder. Raises MissingModelError where its weights can't be had."""
    network = Network()
    network.load_state_dict({k: torch.from_numpy(v) for k, v in weights.tensors("efficientnet_lite2").items()})
    names = json.loads(weights.path("imagenet.names").read_text("utf-8"))
    return EfficientNetLite2(network.eval().fuse(), names, f"{weights.revision('efficientnet_lite2')}-{_VERSION}")
