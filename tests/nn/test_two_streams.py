"""The transformer of two streams: its block against slow sums, its positions, its masks, and that it can learn."""

import importlib
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from rounding import assert_alike
from storysound.nn.two_streams import (
    JointBlock,
    TwoStreams,
    TwoStreamsConfig,
    audio_latents,
    audio_places,
    audio_tokens,
    generated,
    rotations,
    turned,
    video_latents,
    video_places,
    video_tokens,
)
from tavdiffusion_fakes import taught

N, FRAMES, HEIGHT, WIDTH, K = 5, 3, 1, 3, 4  # odd sizes
M = FRAMES * HEIGHT * WIDTH
SECONDS = 1.5


def tiny(**given: Any) -> TwoStreams:
    torch.manual_seed(0)
    sizes = {"audio": 3, "video": 2, "text": 6, "width": 16, "blocks": 2, "heads": 2}
    return TwoStreams(TwoStreamsConfig(**{**sizes, **given})).eval()


def batch(clips: int = 2, seed: int = 0) -> dict[str, Tensor]:
    dice = torch.Generator().manual_seed(seed)
    shapes = {"audio": (N, 3), "video": (M, 2), "text": (K, 6)}
    made = {name: torch.randn(clips, *shape, generator=dice) for name, shape in shapes.items()}
    made["t"] = torch.rand(clips, generator=dice)
    made["mask"] = torch.arange(K) < torch.tensor([[K - 1], [2], [K]])[:clips]
    made["places"] = torch.cat([audio_places(N, SECONDS), video_places(FRAMES, HEIGHT, WIDTH, SECONDS)])
    return made


def test_an_untaught_network_sees_nothing_and_its_blocks_change_nothing() -> None:
    network, given = tiny(), batch()
    seen = network(**given)
    assert (seen.audio.shape, seen.video.shape) == ((2, N, 3), (2, M, 2))
    assert not seen.audio.any()
    assert not seen.video.any()
    x = [torch.randn(2, count, 16) for count in (N, M, K)]
    turns = rotations(given["places"], 8)
    for block, told in zip(network.blocks, torch.randn(2, 2, 16), strict=True):
        all_real = torch.ones(2, 1, 1, N + M + K, dtype=torch.bool)
        for before, after in zip(x, block(*x, told, turns, all_real), strict=True):
            assert torch.equal(before, after)


def slow_block(
    block: JointBlock, streams: list[np.ndarray], told: np.ndarray, turns: np.ndarray, real: np.ndarray
) -> list[np.ndarray]:
    """One clip, token by token, in double precision: streams [n d] each, told [d], turns [n+m p], real [n+m+k]."""

    def linear(layer: Any, x: np.ndarray) -> np.ndarray:
        return layer.weight.detach().double().numpy() @ x + layer.bias.detach().double().numpy()

    def normal(x: np.ndarray) -> np.ndarray:
        return (x - x.mean()) / np.sqrt(x.var() + 1e-5)

    def root(x: np.ndarray, layer: Any) -> np.ndarray:
        return x / np.sqrt((x**2).mean() + 1e-6) * layer.weight.detach().double().numpy()

    def gelu(x: np.ndarray) -> np.ndarray:
        return 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))

    def spun(x: np.ndarray, angles: np.ndarray | None) -> np.ndarray:
        if angles is None:
            return x
        z = (x[::2] + 1j * x[1::2]) * np.exp(1j * angles)
        return np.stack([z.real, z.imag], axis=1).ravel()

    parts = [block.audio, block.video, block.text]
    heads, width = block.audio.heads, streams[0].shape[1]
    each = width // heads
    silu = told / (1 + np.exp(-told))
    mods = [linear(part.modulation, silu).reshape(-1, width) for part in parts]
    tokens = [(s, i) for s, x in enumerate(streams) for i in range(len(x))]
    asked = []
    for number, (s, i) in enumerate(tokens):
        qkv = linear(parts[s].qkv, normal(streams[s][i]) * (1 + mods[s][1]) + mods[s][0]).reshape(3, heads, each)
        angles = turns[number] if s < 2 else None
        asked.append([
            [spun(root(qkv[0, h], parts[s].query_norm), angles) for h in range(heads)],
            [spun(root(qkv[1, h], parts[s].key_norm), angles) for h in range(heads)],
            qkv[2],
        ])  # fmt: skip
    out = [x.copy() for x in streams]
    for number, (s, i) in enumerate(tokens):
        if parts[s].is_read_only:
            continue
        seen = []
        for h in range(heads):
            scores = np.array([asked[number][0][h] @ other[1][h] / math.sqrt(each) for other in asked])
            scores[~real] = -np.inf
            shares = np.exp(scores - scores.max())
            seen.append(sum(share * other[2][h] for share, other in zip(shares / shares.sum(), asked, strict=True)))
        _, _, gate, shift, scale, gate2 = mods[s]
        x = streams[s][i] + gate * linear(parts[s].joined, np.concatenate(seen))
        out[s][i] = x + gate2 * linear(parts[s].outer, gelu(linear(parts[s].inner, normal(x) * (1 + scale) + shift)))
    return out


@pytest.mark.parametrize("number", [0, 1])
def test_a_block_is_its_definition(number: int) -> None:
    network, given = tiny(), batch()
    taught(network)
    block = network.blocks[number]
    assert isinstance(block, JointBlock)
    assert block.text.is_read_only == (number == 1)
    dice = torch.Generator().manual_seed(4)
    x = [torch.randn(1, count, 16, generator=dice) for count in (N, M, K)]
    told, turns = torch.randn(1, 16, generator=dice), rotations(given["places"], 8)
    real = torch.tensor([True] * (N + M) + [True, True, False, True])
    with torch.no_grad():
        found = block(*x, told, turns, real[None, None, None])
    arrays = [one[0].double().numpy() for one in x]
    expected = slow_block(block, arrays, told[0].double().numpy(), turns.double().numpy(), real.numpy())
    for fast, slow in zip(found, expected, strict=True):
        assert_alike(fast[0], slow)
    assert np.abs(expected[0] - arrays[0]).max() > 0.1


def test_rotary_positions_know_how_far_apart_in_seconds_tokens_are() -> None:
    """Whatever the stream, and however many tokens it has: only the difference of times counts."""
    dice = torch.Generator().manual_seed(0)
    query, key = torch.randn(2, 1, 1, 1, 16, generator=dice)

    def product(one: Tensor, other: Tensor) -> float:
        return float((turned(query, rotations(one, 16)) * turned(key, rotations(other, 16))).sum())

    sound, picture = audio_places(15, SECONDS), video_places(3, 1, 1, SECONDS)
    assert sound[7, 0].item() == pytest.approx(picture[1, 0].item())  # both at .75 s
    picture[:, 1:] = 0
    assert product(sound[7:8], picture[1:2]) == pytest.approx(float((query * key).sum()), abs=1e-5)
    later = torch.tensor([[0.3, 0.0, 0.0]])
    assert product(sound[:1] + later, sound[3:4] + later) == pytest.approx(product(sound[:1], sound[3:4]), abs=1e-4)
    assert abs(product(sound[:1], sound[3:4]) - product(sound[:1], sound[4:5])) > 1e-2
    right = torch.tensor([[0.0, 0.0, 0.3]])
    assert abs(product(picture[:1], picture[:1] + right) - product(picture[:1], picture[:1])) > 1e-2
    low = turned(query, rotations(sound[3:4], 16))
    assert low.norm().item() == pytest.approx(query.norm().item(), rel=1e-6)


def test_padding_of_texts_changes_nothing_and_no_text_is_no_text() -> None:
    for joint in (True, False):
        network, given = tiny(joint=joint), batch()
        taught(network)
        other = {**given, "text": torch.where(given["mask"][..., None], given["text"], 9.0)}
        with torch.no_grad():
            one, two = network(**given), network(**other)
            none = network(**{**given, "mask": torch.zeros_like(given["mask"])})
            longer = torch.cat([given["text"], torch.ones(2, 3, 6)], dim=1)
            padded = network(**{**given, "text": longer, "mask": torch.nn.functional.pad(given["mask"], (0, 3))})
        for name in ("audio", "video"):
            assert_alike(getattr(two, name), getattr(one, name))
            assert_alike(getattr(padded, name), getattr(one, name))
            assert getattr(none, name).isfinite().all()
            assert (getattr(none, name) - getattr(one, name)).abs().max() > 1e-3


@pytest.mark.parametrize("joint", [True, False])
def test_sound_sees_picture_only_where_attention_is_joint(joint: bool) -> None:
    network, given = tiny(joint=joint), batch()
    taught(network)
    with torch.no_grad():
        one = network(**given)
        other = network(**{**given, "video": given["video"] + 1})
        heard = network(**{**given, "audio": given["audio"] + 1})
    if joint:
        assert (one.audio - other.audio).abs().max() > 1e-3
        assert (one.video - heard.video).abs().max() > 1e-3
    else:
        assert_alike(other.audio, one.audio)
        assert_alike(heard.video, one.video)


def test_clips_of_a_batch_know_nothing_of_each_other() -> None:
    network, given = tiny(), batch(3)
    taught(network)
    with torch.no_grad():
        whole = network(**given)
        alone = network(**{name: one if name == "places" else one[1:2] for name, one in given.items()})
    assert_alike(alone.audio[0], whole.audio[1])
    assert_alike(alone.video[0], whole.video[1])


def test_middle_tokens_are_weighed_where_alignment_is_asked_for() -> None:
    assert tiny()(**batch()).middle is None
    network = tiny(alignment=True)
    taught(network)
    middle = network(**batch()).middle
    assert middle is not None
    assert (middle.audio.shape, middle.video.shape) == ((2, N, 16), (2, M, 16))
    for weights in (middle.audio_weights, middle.video_weights):
        torch.testing.assert_close(weights.sum(1), torch.ones(2))


def test_blocks_computed_again_have_the_same_gradients() -> None:
    given = batch()
    found = []
    for again in (False, True):
        network = tiny()
        taught(network)
        if again:
            network.enable_gradient_checkpointing()
        seen = network(**given)
        (seen.audio.square().sum() + seen.video.square().sum()).backward()
        found.append([weight.grad for weight in network.parameters()])
    assert all(grad is not None for grad in found[0])  # nothing is there for nothing
    for one, other in zip(*found, strict=True):
        assert_alike(other, one)


@pytest.mark.parametrize("patch", [1, 2])
def test_latents_become_tokens_and_back(patch: int) -> None:
    video = torch.arange(2 * 3 * 4 * 4 * 6.0).reshape(2, 3, 4, 4, 6)
    tokens = video_tokens(video, patch)
    assert tokens.shape == (2, 3 * 24 // patch**2, 4 * patch**2)
    assert torch.equal(video_latents(tokens, 3, 4, 6, patch), video)
    first = video[1, 2, :, :patch, patch : 2 * patch].flatten()  # the second patch of the last frame
    assert torch.equal(tokens[1, 2 * 24 // patch**2 + 1], first)
    audio = torch.arange(2 * 3 * 5 * 2.0).reshape(2, 3, 5, 2)
    assert torch.equal(audio_latents(audio_tokens(audio), 3), audio)
    assert torch.equal(audio_tokens(audio)[1, 4], audio[1, :, 4].flatten())


def test_sizes_that_dont_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="multiples of 2"):
        video_tokens(torch.zeros(1, 1, 1, 3, 4), 2)
    with pytest.raises(ValueError, match=r"needs a place for each of 5 \+ 9 tokens, got 13"):
        tiny()(**{**batch(), "places": batch()["places"][1:]})
    for wrong in ({"width": 20}, {"blocks": 0}):
        with pytest.raises(ValueError, match="needs"):
            TwoStreamsConfig(3, 2, 6, **wrong)


def test_both_sides_are_sampled_by_one_flow() -> None:
    """A network of known data leads there, guidance leads beyond, and a stop between steps is heard."""
    network, given = tiny(), batch(1)
    taught(network)
    noise = given["audio"], given["video"]
    told = given["text"], given["mask"], given["places"]
    with torch.no_grad():
        audio, video = generated(network, noise, *told, 1.0, 1)
        straight = network(*noise, torch.zeros(1), *told)
    assert_alike(audio, straight.audio)  # one step of Euler leads to what is seen
    assert_alike(video, straight.video)
    more, _ = generated(network, noise, *told, 3.0, 1)
    nothing = network(*noise, torch.zeros(1), told[0], torch.zeros_like(told[1]), told[2]).audio
    assert_alike(more, (nothing + 3 * (straight.audio - nothing)).detach())
    calls: list[int] = []

    def check() -> None:
        calls.append(0)
        if len(calls) == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        generated(network, noise, *told, 1.0, 5, check)


def test_what_is_known_comes_back_and_is_seen_in_its_own_noise(monkeypatch: pytest.MonkeyPatch) -> None:
    network, given = tiny(), batch(1)
    taught(network)
    noise, known = (given["audio"], given["video"]), torch.full((1, N, 3), 0.5)
    seen: list[tuple[float, Tensor]] = []
    whole = TwoStreams.forward

    def watched(self: TwoStreams, audio: Tensor, video: Tensor, t: Tensor, *told: Tensor, **more: Any) -> Any:
        seen.append((float(t[0]), audio[:1]))
        return whole(self, audio, video, t, *told, **more)

    monkeypatch.setattr(TwoStreams, "forward", watched)
    told = given["text"], given["mask"], given["places"]
    audio, video = generated(network, noise, *told, 1.0, 2, known=(known, None))
    assert torch.equal(audio, known)
    assert [t for t, _ in seen] == [0.0, 0.5, 0.5]
    for t, own in seen:
        torch.testing.assert_close(own, t * known + (1 - t) * noise[0])
    _, shown = generated(network, noise, *told, 1.0, 2, known=(None, video))
    assert torch.equal(shown, video)


def test_what_sides_find_in_each_other_is_weighed_by_what_they_see_alone() -> None:
    network, given = tiny(), batch(1)
    taught(network)
    noise, told = (given["audio"], given["video"]), (given["text"], given["mask"], given["places"])
    apart = TwoStreams(replace(network.config, joint=False)).eval()
    apart.load_state_dict(network.state_dict())
    with torch.no_grad():
        plain = generated(network, noise, *told, 1.0, 1)
        weighed = generated(network, noise, *told, 1.0, 1, mutual=3.0)
        alone = apart(*noise, torch.zeros(1), *told)
        for one, linked, own in zip(weighed, plain, (alone.audio, alone.video), strict=True):
            assert_alike(one, linked + 2 * (linked - own))
            assert (linked - own).abs().max() > 1e-3
        for one, other in zip(
            generated(apart, noise, *told, 1.0, 1), generated(apart, noise, *told, 1.0, 1, mutual=3.0), strict=True
        ):
            assert torch.equal(one, other)


def test_the_size_that_is_counted_is_the_sum_of_its_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """By hand, of streams in blocks; the last block's text is only read."""
    pytest.importorskip("diffusers")
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2]))
    size = importlib.import_module("benchmarks.speed.two_streams_size")
    made = size.networks()
    shapes = {name: tuple(one.shape) for name, one in made.batch().items()}
    assert shapes["audio"] == (1, 256, 128)
    assert shapes["video"] == (1, 6400, 16)
    assert shapes["places"] == (6656, 3)
    d, blocks, head = 1024, 24, 64
    stream = (6 * d * d + 6 * d) + (3 * d * d + 3 * d) + 2 * head + (d * d + d) + (8 * d * d + 5 * d)
    read_only = (2 * d * d + 2 * d) + (3 * d * d + 3 * d) + 2 * head
    ends = sum(n * d + d for n in (128, 16, 768)) + sum(d * n + n for n in (128, 16)) + 2 * (2 * d * d + 2 * d)
    told = (256 * d + d) + (768 * d + d) + 2 * (d * d + d)
    expected = (3 * blocks - 1) * stream + read_only + ends + told + 2 * d
    assert sum(weight.numel() for weight in made.network.parameters()) == expected
