"""SoundNet: objects and places heard in raw sound.

The eight-layer network of Aytar, Vondrick and Torralba, "SoundNet: Learning Sound Representations from Unlabeled
Video", NIPS 2016 (arXiv:1610.09001). Two networks that see taught it what videos show, so that its classes are those
of pictures: ILSVRC 2012's objects, in the order every ImageNet network uses, and Places401's scenes (`places.txt`,
the list of the soundnet package).
"""

import json
from collections.abc import Mapping, Sequence
from importlib.resources import files

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from storysound.encode.encoder import Encoding, Head, Modality, Traits
from storysound.encode.waves import each_alone, looped
from storysound.media.arrays import Samples
from storysound.media.audio import Waveform
from storysound.weights.resolver import Resolver

RATE_HZ = 22050
LOOP_S = 20.0  # shorter sounds are repeated: the heads saturate on a short or zero-padded input
_AMPLITUDE = 256.0  # the network's samples run from -256 to 256
_EPSILON = 1e-5  # of the batch norms
# Layers 1 to 7: padding, steps pooled to one after it; every stride is 2, kernels are those of the checkpoint.
_LAYERS = ((32, 8), (16, 8), (8, 1), (4, 1), (2, 4), (2, 1), (2, 1))
_EMBEDDING = 5  # index of the layer whose output is the embedding: conv6, better than its neighbours in linear probes
_HEAD_KERNEL = 8
_HEADS = {"imagenet": "conv8", "places": "conv8_2"}
_FOLD = 16  # samples of the first layer's input that are laid out as channels
_VERSION = "1"  # of this file: raised whenever the same sound would give other numbers
TRAITS = Traits(
    heads={
        "imagenet": Head(logits=True, said=0.0, seen=1.0, clear=0.05, moments=False, sights=True),
        "places": Head(logits=True, said=0.0, seen=0.0, moments=False, sights=True),
    }
)


class _FoldedConv(nn.Module):
    """A convolution of one channel with stride 2, done as a dense one over `_FOLD` samples at a time: 4x faster.

    A step of the dense convolution gives `_FOLD` / 2 outputs; its weights are shifted copies of the kernel.
    """

    def __init__(self, weight: Tensor, bias: Tensor, padding: int) -> None:
        """`weight` [o 1 k] and `bias` [o] of the plain convolution."""
        super().__init__()
        outputs, _, kernel = weight.shape
        shifts = _FOLD // 2
        taps = -(-(kernel + 2 * (shifts - 1)) // _FOLD)
        dense = torch.zeros(outputs, shifts, _FOLD * taps)
        for shift in range(shifts):
            dense[:, shift, 2 * shift : 2 * shift + kernel] = weight[:, 0]
        # [outputs·shifts, taps·fold] -> [outputs·shifts, fold, taps]
        self.weight = nn.Parameter(dense.reshape(outputs * shifts, taps, _FOLD).transpose(1, 2).contiguous())
        self.bias = nn.Parameter(bias.repeat_interleave(shifts))
        self.kernel, self.padding, self.outputs = kernel, padding, outputs

    def forward(self, x: Tensor) -> Tensor:
        """[b 1 n] -> [b outputs 1 + (n + 2 padding - kernel) // 2]."""
        steps = 1 + (x.shape[2] + 2 * self.padding - self.kernel) // 2
        taps = self.weight.shape[2]
        length = (-(-2 * steps // _FOLD) + taps - 1) * _FOLD
        x = F.pad(x, (self.padding, length - self.padding - x.shape[2]))
        y = F.conv1d(x.reshape(len(x), -1, _FOLD).transpose(1, 2), self.weight, self.bias)
        y = y.reshape(len(x), self.outputs, _FOLD // 2, -1).transpose(2, 3)
        return y.reshape(len(x), self.outputs, -1)[:, :, :steps]


class Network(nn.Module):
    """Samples [b 1 n] in [-256, 256] -> (conv6 [b 512 t'], {space: logits [b t c]})."""

    def __init__(self, tensors: Mapping[str, NDArray[np.float32]]) -> None:
        """`tensors`: "conv1.weights" [k 1 i o], "conv1.biases", ".gamma", ".beta", ".mean", ".var" and so on."""
        super().__init__()
        layers: list[nn.Module] = []
        for index, (padding, _) in enumerate(_LAYERS, start=1):
            weight, bias = _folded(tensors, f"conv{index}")
            layers.append(_FoldedConv(weight, bias, padding) if index == 1 else _conv(weight, bias, padding))
        self.layers = nn.ModuleList(layers)
        kernels = [_kernel(tensors, name) for name in _HEADS.values()]  # [c i k], c classes each
        # with so few steps the heads are one product with a matrix that is read once: twice as fast as convolutions
        self.heads = nn.Parameter(torch.cat(kernels).flatten(1))
        self.bias = nn.Parameter(torch.cat([torch.from_numpy(tensors[f"{name}.biases"]) for name in _HEADS.values()]))
        self.classes = [len(kernel) for kernel in kernels]

    def forward(self, x: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """The sound must be long enough for one output of the heads: 20 s are."""
        embedding = x
        for index, (layer, (_, pooled)) in enumerate(zip(self.layers, _LAYERS, strict=True)):
            x = layer(x)
            # the maximum first: it commutes with the rectifier, which then has less to do
            x = F.relu(F.max_pool1d(x, pooled) if pooled > 1 else x)
            embedding = x if index == _EMBEDDING else embedding
        steps = x.unfold(2, _HEAD_KERNEL, 2).transpose(1, 2).flatten(2)  # [b t i·k]
        logits = torch.split(F.linear(steps, self.heads, self.bias), self.classes, dim=2)
        return embedding, dict(zip(_HEADS, logits, strict=True))


def _kernel(tensors: Mapping[str, NDArray[np.float32]], name: str) -> Tensor:
    """[k 1 i o] of the checkpoint as torch's [o i k]."""
    return torch.from_numpy(np.ascontiguousarray(tensors[f"{name}.weights"][:, 0].transpose(2, 1, 0)))


def _folded(tensors: Mapping[str, NDArray[np.float32]], name: str) -> tuple[Tensor, Tensor]:
    """Weight and bias of a convolution with its batch norm folded in."""
    scale = tensors[f"{name}.gamma"] / np.sqrt(tensors[f"{name}.var"] + np.float32(_EPSILON))
    bias = (tensors[f"{name}.biases"] - tensors[f"{name}.mean"]) * scale + tensors[f"{name}.beta"]
    return _kernel(tensors, name) * torch.from_numpy(scale)[:, None, None], torch.from_numpy(bias)


def _conv(weight: Tensor, bias: Tensor, padding: int) -> nn.Conv1d:
    """A convolution of stride 2 with `weight` [o i k] and `bias` [o]."""
    outputs, inputs, kernel = weight.shape
    conv = nn.Conv1d(inputs, outputs, kernel, stride=2, padding=padding)
    conv.load_state_dict({"weight": weight, "bias": bias})
    return conv


class SoundNet:
    """Audio encoder: `embedding` [t 512] >= 0 (conv6), `scores` of "imagenet" [t 1000] and "places" [t 401].

    The scores are **logits**, not probabilities. Their level differs much from class to class whatever the sound:
    subtract the mean logits of the library before the softmax. The rows share the sound evenly, about 3 to 5 s each;
    a sound under 20 s is repeated to that length, and its rows with it.
    """

    name = "soundnet"
    modality: Modality = "audio"
    traits = TRAITS
    dim = 512

    def __init__(
        self, network: Network, object_names: Sequence[str], place_names: Sequence[str], revision: str
    ) -> None:
        """`object_names`: 1000 names in the order of ILSVRC 2012; `place_names`: 401."""
        self.revision = revision
        self.labels: Mapping[str, tuple[str, ...]] = {"imagenet": tuple(object_names), "places": tuple(place_names)}
        self._network = network.eval()

    def encode(self, items: Sequence[Waveform]) -> list[Encoding]:
        """One encoding a sound; raises as `each_alone`."""
        return each_alone(items, RATE_HZ, self._encode)

    def _encode(self, samples: Samples) -> Encoding:
        """Of samples [n] at `RATE_HZ`."""
        heard = looped(samples, round(LOOP_S * RATE_HZ))
        features, logits = self._network(torch.from_numpy(heard * np.float32(_AMPLITUDE))[None, None])
        scores = {space: np.ascontiguousarray(values[0].numpy()) for space, values in logits.items()}
        steps = len(scores["places"])
        embedding = F.adaptive_avg_pool1d(features, steps)[0].T
        return Encoding(np.ascontiguousarray(embedding.numpy()), scores, len(heard) / RATE_HZ / steps)


def place_names() -> tuple[str, ...]:
    """The 401 scenes of Places, in the order of the scores."""
    return tuple((files("storysound") / "encode" / "places.txt").read_text("utf-8").splitlines())


def load(weights: Resolver) -> SoundNet:
    """The encoder. Raises MissingModelError where its weights can't be had."""
    objects = json.loads(weights.path("imagenet.names").read_text("utf-8"))
    return SoundNet(
        Network(weights.tensors("soundnet")), objects, place_names(), f"{weights.revision('soundnet')}-{_VERSION}"
    )
