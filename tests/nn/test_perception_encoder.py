"""The Perception Encoder's eyes: their size, where patches are, and the whole of them against slow sums."""

import math

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.special import erf

from rounding import assert_alike
from storysound.nn.perception_encoder import PUBLISHED, EyesConfig, PerceptionEyes, positions, turned

Array = NDArray[np.float64]
TINY = EyesConfig(side=9, patch=3, width=16, depth=2, heads=2, hidden=12, pool_heads=4, out=5)


def test_the_large_one_is_as_large_as_published() -> None:
    """0.32 G parameters (Bolya et al., table of sizes)."""
    with torch.device("meta"):
        network = PerceptionEyes(PUBLISHED["vit_pe_core_large_patch14_336"])
    assert sum(weight.numel() for weight in network.parameters()) == pytest.approx(0.32e9, rel=0.01)
    names = {"blocks.23.attn.qkv.bias", "attn_pool.latent", "attn_pool.mlp.fc2.weight", "norm_pre.bias", "head.weight"}
    assert names <= set(network.state_dict())
    assert "patch_embed.proj.bias" not in network.state_dict()


def test_patches_turn_by_column_and_row() -> None:
    """Complex numbers times e^(i · angle): half of the waves by the column, half by the row, both counted from 1."""
    sine, cosine = positions(3, 8)
    x = np.random.default_rng(0).normal(size=(9, 8))
    found = turned(torch.tensor(x), sine.double(), cosine.double()).numpy()
    for patch in range(9):
        row, column = divmod(patch, 3)
        for pair, angle in enumerate((column + 1, (column + 1) / 100, row + 1, (row + 1) / 100)):
            z = complex(*x[patch, 2 * pair : 2 * pair + 2]) * complex(math.cos(angle), math.sin(angle))
            np.testing.assert_allclose(found[patch, 2 * pair : 2 * pair + 2], (z.real, z.imag), atol=1e-6)


def test_all_of_it_against_slow_sums() -> None:
    torch.manual_seed(0)
    network = PerceptionEyes(TINY).eval()
    for weight in network.parameters():
        weight.data.copy_(0.3 * torch.randn_like(weight))
    w = {name: one.numpy().astype(np.float64) for name, one in network.state_dict().items()}
    picture = np.random.default_rng(0).normal(size=(3, 9, 9))

    def line(x: Array, name: str) -> Array:
        return np.asarray(x @ w[f"{name}.weight"].T + w[f"{name}.bias"])

    def normed(x: Array, name: str) -> Array:
        centred = x - x.mean(axis=-1, keepdims=True)
        return np.asarray(
            centred / np.sqrt((centred**2).mean(axis=-1, keepdims=True) + 1e-5) * w[f"{name}.weight"]
            + w[f"{name}.bias"]
        )

    def layers(x: Array, name: str) -> Array:
        y = line(x, f"{name}.fc1")
        return line(y * 0.5 * (1 + erf(y / math.sqrt(2))), f"{name}.fc2")

    def attended(q: Array, k: Array, v: Array, heads: int) -> Array:
        size, out = q.shape[1] // heads, np.zeros_like(q)
        for head in range(heads):
            part = slice(head * size, (head + 1) * size)
            for i in range(len(q)):
                scores = np.array([q[i, part] @ k[j, part] / math.sqrt(size) for j in range(len(k))])
                weights = np.exp(scores - scores.max())
                out[i, part] = (weights / weights.sum()) @ v[:, part]
        return out

    def placed(x: Array) -> Array:
        """Patches turned, head by head; the class as it is."""
        sine, cosine = positions(3, 8)
        heads = torch.tensor(x[1:].reshape(9, 2, 8)).transpose(0, 1)
        moved = turned(heads, sine.double(), cosine.double()).transpose(0, 1).reshape(9, 16).numpy()
        return np.concatenate([x[:1], moved])

    patches = [picture[:, 3 * i : 3 * i + 3, 3 * j : 3 * j + 3] for i in range(3) for j in range(3)]
    rows = [np.tensordot(w["patch_embed.proj.weight"], patch, 3) for patch in patches]
    x = normed(np.stack([w["cls_token"][0, 0], *rows]) + w["pos_embed"][0], "norm_pre")
    for number in range(2):
        name = f"blocks.{number}"
        q, k, v = np.split(line(normed(x, f"{name}.norm1"), f"{name}.attn.qkv"), 3, axis=1)
        x = x + line(attended(placed(q), placed(k), v, 2), f"{name}.attn.proj")
        x = x + layers(normed(x, f"{name}.norm2"), f"{name}.mlp")
    x = normed(x, "norm")
    k, v = np.split(line(x, "attn_pool.kv"), 2, axis=1)
    y = line(attended(line(w["attn_pool.latent"][0], "attn_pool.q"), k, v, 4), "attn_pool.proj")
    expected = line(y + layers(normed(y, "attn_pool.norm"), "attn_pool.mlp"), "head")
    with torch.no_grad():
        assert_alike(network(torch.tensor(picture[None], dtype=torch.float32)), expected)


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="patches that fill the side"):
        EyesConfig(side=10, patch=3)
    with pytest.raises(ValueError, match=r"needs pictures \[b 3 9 9\]"):
        PerceptionEyes(TINY)(torch.zeros(1, 3, 9, 8))
