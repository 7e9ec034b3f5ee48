"""VGGish and PANNs' CNN14: their sizes, and what they make of a spectrogram against slow sums."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import nn

from rounding import assert_alike
from storysound.nn.panns import Cnn14, panns_of
from storysound.nn.vggish import Vggish, vggish_of

Array = NDArray[np.float64]


def taught(network: nn.Module) -> nn.Module:
    """With numbers of batch norms that do something."""
    torch.manual_seed(0)
    for name, one in network.state_dict().items():
        if one.is_floating_point():
            one.copy_(
                torch.rand_like(one) + 0.5 if "bn" in name else torch.randn_like(one) / max(one[0].numel(), 1) ** 0.5
            )
    return network.eval()


def slow_conv(maps: Array, kernel: Array) -> Array:
    """[c t m] -> [d t m], zeros around, one product after another."""
    wide = np.pad(maps, ((0, 0), (1, 1), (1, 1)))
    high, broad = maps.shape[1:]
    cuts = np.array([[wide[:, i : i + 3, j : j + 3] for j in range(broad)] for i in range(high)])  # [t m c 3 3]
    return np.einsum("tmcij,dcij->dtm", cuts, kernel)


def pooled(maps: Array, how: str) -> Array:
    """[c t m] -> [c t/2 m/2], a rest left out."""
    c, t, m = maps.shape
    cells = maps[:, : t // 2 * 2, : m // 2 * 2].reshape(c, t // 2, 2, m // 2, 2)
    return np.asarray(cells.max(axis=(2, 4)) if how == "max" else cells.mean(axis=(2, 4)))


def test_vggish_is_as_large_as_published() -> None:
    """72.1 M: convolutions of 3 x 3, and 12288 x 4096, 4096 x 4096, 4096 x 128 behind them."""
    with torch.device("meta"):
        network = Vggish()
    convolutions = sum(9 * a * b + b for a, b in [(1, 64), (64, 128), (128, 256), (256, 256), (256, 512), (512, 512)])
    dense = sum(a * b + b for a, b in [(512 * 6 * 4, 4096), (4096, 4096), (4096, 128)])
    assert sum(weight.numel() for weight in network.parameters()) == convolutions + dense
    names = {f"features.{i}.weight" for i in (0, 3, 6, 8, 11, 13)} | {f"embeddings.{i}.bias" for i in (0, 2, 4)}
    assert names <= set(network.state_dict())


def test_vggish_against_slow_sums() -> None:
    network = taught(Vggish((2, 3, 2, 3, 2, 3), 7, 5))
    weights = network.state_dict()
    patch = np.random.default_rng(0).normal(size=(96, 64))
    maps, poolings = patch[None], {0, 3, 8, 13}
    for layer in (0, 3, 6, 8, 11, 13):
        kernel, bias = weights[f"features.{layer}.weight"].numpy(), weights[f"features.{layer}.bias"].numpy()
        maps = np.maximum(slow_conv(maps, kernel) + bias[:, None, None], 0)
        maps = pooled(maps, "max") if layer in poolings else maps
    assert maps.shape == (3, 6, 4)
    row = np.array([maps[c, t, m] for t in range(6) for m in range(4) for c in range(3)])
    for layer in (0, 2, 4):
        row = np.maximum(
            weights[f"embeddings.{layer}.weight"].numpy() @ row + weights[f"embeddings.{layer}.bias"].numpy(), 0
        )
    with torch.no_grad():
        assert_alike(network(torch.tensor(patch[None], dtype=torch.float32))[0], row)
        assert_alike(
            vggish_of({**weights, "pproc.pca_means": torch.zeros(1)})(torch.tensor(patch[None]).float())[0], row
        )


def test_panns_is_as_large_as_published() -> None:
    """80.8 M with its 527 classes (Kong et al., table 2)."""
    with torch.device("meta"):
        network = Cnn14()
    count = sum(weight.numel() for weight in network.parameters()) + 2048 * 527 + 527
    assert count == pytest.approx(80.8e6, rel=0.002)


def test_panns_against_slow_sums() -> None:
    network = taught(Cnn14((2, 3, 2, 3, 2, 4), 64))
    weights = {name: one.numpy().astype(np.float64) for name, one in network.state_dict().items()}

    def normed(maps: Array, name: str) -> Array:
        """[c t m], each channel by its own numbers."""
        mean, var, weight, bias = (
            weights[f"{name}.{part}"][:, None, None] for part in ("running_mean", "running_var", "weight", "bias")
        )
        return np.asarray((maps - mean) / np.sqrt(var + 1e-5) * weight + bias)

    frames = np.random.default_rng(0).normal(size=(70, 64))
    maps = normed(frames.T[:, :, None], "bn0")[:, :, 0].T[None]
    for number in range(1, 7):
        for step in (1, 2):
            name = f"conv_block{number}"
            maps = slow_conv(maps, weights[f"{name}.conv{step}.weight"])
            maps = np.maximum(normed(maps, f"{name}.bn{step}"), 0)
        maps = pooled(maps, "mean") if number < 6 else maps
    assert maps.shape == (4, 2, 2)
    over_time = maps.mean(axis=2)
    row = np.maximum(weights["fc1.weight"] @ (over_time.max(axis=1) + over_time.mean(axis=1)) + weights["fc1.bias"], 0)
    published = {
        **network.state_dict(),
        "logmel_extractor.melW": torch.zeros(513, 64),
        "fc_audioset.bias": torch.zeros(3),
    }
    with torch.no_grad():
        assert_alike(network(torch.tensor(frames[None], dtype=torch.float32))[0], row)
        assert_alike(panns_of(published).network(torch.tensor(frames[None]).float())[0], row)
    with pytest.raises(ValueError, match="needs 32 frames"):
        network(torch.zeros(1, 31, 64))
