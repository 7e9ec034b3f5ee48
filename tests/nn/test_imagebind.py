"""ImageBind's sides against slow sums over the public weights, and their size."""

import math

import numpy as np
import pytest
import torch

from imagebind_fakes import tiny_weights
from rounding import assert_alike
from storysound.nn.imagebind import HEAD, SIDES, Side, Tower, TowerConfig, tower_of

INPUTS: dict[Side, tuple[int, ...]] = {"vision": (1, 3, 224, 224), "audio": (1, 1, 128, 204)}


def slow(weights: dict[str, np.ndarray], side: Side, x: torch.Tensor) -> np.ndarray:
    """One item, token by token, as the paper's network has it: a picture is a clip of two equal frames."""

    def at(name: str) -> np.ndarray:
        return weights[name]

    def normal(rows: np.ndarray, name: str, eps: float = 1e-6) -> np.ndarray:
        middle, spread = rows.mean(-1, keepdims=True), rows.var(-1, keepdims=True)
        return (rows - middle) / np.sqrt(spread + eps) * at(f"{name}.weight") + at(f"{name}.bias")

    def gelu(y: np.ndarray) -> np.ndarray:
        return np.vectorize(lambda one: 0.5 * one * (1 + math.erf(one / math.sqrt(2))))(y)

    before, trunk, head = f"modality_preprocessors.{side}.", f"modality_trunks.{side}.", f"modality_heads.{side}."
    if side == "vision":
        stem = torch.tensor(at(f"{before}rgbt_stem.proj.1.weight"))
        clip = torch.stack([x, x], dim=2).double()
        tokens = torch.nn.functional.conv3d(clip, stem, stride=(2, 14, 14)).flatten(2)[0].T.numpy()
    else:
        stem = torch.tensor(at(f"{before}rgbt_stem.proj.weight"))
        tokens = torch.nn.functional.conv2d(x.double(), stem, stride=10).flatten(2)[0].T.numpy()
        tokens = normal(tokens, f"{before}rgbt_stem.norm_layer", 1e-5)
    rows = np.concatenate([at(f"{before}cls_token")[0], tokens]) + at(f"{before}pos_embedding_helper.pos_embed")[0]
    if side == "vision":
        rows = normal(rows, f"{trunk}pre_transformer_layer.0")
    width = rows.shape[1]
    for number in range(2):
        block = f"{trunk}blocks.{number}."
        y = normal(rows, f"{block}norm_1") @ at(f"{block}attn.in_proj_weight").T + at(f"{block}attn.in_proj_bias")
        query, key, value = np.split(y, 3, axis=1)
        if side == "audio":
            key, value = (
                np.concatenate([one, at(f"{block}attn.bias_{n}")[0]]) for n, one in (("k", key), ("v", value))
            )
        seen = np.zeros_like(query)
        for h in range(width // HEAD[side]):
            part = slice(h * HEAD[side], (h + 1) * HEAD[side])
            for i, asks in enumerate(query[:, part]):
                scores = key[:, part] @ asks / math.sqrt(HEAD[side])
                shares = np.exp(scores - scores.max())
                seen[i, part] = shares / shares.sum() @ value[:, part]
        rows = rows + seen @ at(f"{block}attn.out_proj.weight").T + at(f"{block}attn.out_proj.bias")
        wide = gelu(normal(rows, f"{block}norm_2") @ at(f"{block}mlp.fc1.weight").T + at(f"{block}mlp.fc1.bias"))
        rows = rows + wide @ at(f"{block}mlp.fc2.weight").T + at(f"{block}mlp.fc2.bias")
    out = at(f"{head}2.weight") @ normal(rows[:1], f"{head}0")[0]
    return np.asarray(out / np.linalg.norm(out))


@pytest.mark.parametrize("side", SIDES)
def test_a_side_is_its_definition(side: Side) -> None:
    weights = tiny_weights()
    x = torch.randn(2, *INPUTS[side][1:], generator=torch.Generator().manual_seed(3))
    with torch.no_grad():
        found = tower_of(weights, side)(x)
    arrays = {name: one.double().numpy() for name, one in weights.items()}
    for row, item in zip(found, x, strict=True):
        assert_alike(row, slow(arrays, side, item[None]))


def test_the_public_sides_are_read_off_their_weights() -> None:
    """Of ViT-H/14's picture side with OpenCLIP's count of weights, and a ViT-B of sounds."""
    with torch.device("meta"):
        vision = Tower(TowerConfig("vision", 1280, 1280 // HEAD["vision"], 32, 1024, 3, 14, 257))
        audio = Tower(TowerConfig("audio", 768, 768 // HEAD["audio"], 12, 1024, 1, 16, 229))
    assert sum(weight.numel() for weight in vision.parameters()) == 632_076_800
    assert (vision.config.heads, audio.config.heads) == (16, 12)
    assert tower_of(tiny_weights(blocks=3), "audio").config == TowerConfig("audio", 128, 2, 3, 6, 1, 16, 229)


def test_other_weights_and_other_sizes_are_refused() -> None:
    tower = tower_of(tiny_weights(), "vision")
    with pytest.raises(ValueError, match="needs 256 patches, got 240"):
        tower(torch.zeros(1, 3, 224, 210))
    weights = tiny_weights()
    del weights["modality_trunks.vision.blocks.1.mlp.fc2.bias"]
    with pytest.raises(RuntimeError, match=r"mlp\.fc2\.bias"):
        tower_of(weights, "vision")
    with pytest.raises(KeyError):
        tower_of({}, "audio")
