"""MAC's co-attention against numpy, pair by pair, and its promise that no pair knows of another."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from storysound.losses.ranking import bidirectional_margin
from storysound.match.mac import CoAttentionMatcher, Config


def matcher(config: Config | None = None, seed: int = 0) -> CoAttentionMatcher:
    torch.manual_seed(seed)
    return CoAttentionMatcher(config or Config.tiny()).eval()


def sides(q: int, c: int, config: Config, seed: int = 1) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    video, audio = (torch.randn(k, config.experts, config.dim, generator=generator) for k in (q, c))
    return video, audio


def slow_attention(asks: np.ndarray, answers: np.ndarray, p: dict[str, np.ndarray], heads: int) -> np.ndarray:
    """One stream of one pair: [n d], [m d] -> [n d]."""

    def linear(name: str, x: np.ndarray) -> np.ndarray:
        return x @ p[f"{name}.weight"].T + p[f"{name}.bias"]

    q, k, v = linear("query", asks), linear("key", answers), linear("value", answers)
    parts = []
    for queries, keys, values in zip(*(np.split(x, heads, axis=1) for x in (q, k, v)), strict=True):
        weights = np.exp(queries @ keys.T / np.sqrt(keys.shape[1]))
        parts.append(weights / weights.sum(axis=1, keepdims=True) @ values)
    return linear("out", np.concatenate(parts, axis=1))


def slow_score(model: CoAttentionMatcher, video: np.ndarray, audio: np.ndarray, weights: np.ndarray) -> float:
    """One pair, the experts that are there [n d]."""
    for layer in model.layers:
        streams = {
            name: {key: value.detach().numpy().astype(float) for key, value in part.named_parameters()}
            for name, part in layer.named_children()
        }
        heads, there = model.config.heads, weights > 0
        video, audio = (
            video + slow_attention(video, audio, streams["video"], heads),
            audio + slow_attention(audio, video[there], streams["audio"], heads),
        )
    cosines = [v @ a / np.linalg.norm(v) / np.linalg.norm(a) for v, a in zip(video, audio, strict=True)]
    return float(np.dot(weights, cosines))


@pytest.mark.parametrize("layers", [1, 2])
def test_scores_are_their_definition(layers: int) -> None:
    model = matcher(Config(dim=12, heads=3, layers=layers, experts=4))
    video, audio = sides(3, 5, model.config)
    present = torch.tensor([[1, 1, 1, 1], [1, 0, 1, 0], [0, 0, 0, 1]], dtype=torch.bool)
    weights = torch.rand(3, 4, generator=torch.Generator().manual_seed(2)) * present
    weights = weights / weights.sum(1, keepdim=True)
    found = model.pair_scores(video, audio, present=present, weights=weights).detach()
    video = video * present[..., None]
    for i in range(3):
        for j in range(5):
            expected = slow_score(model, *(x.double().numpy() for x in (video[i], audio[j], weights[i])))
            assert found[i, j].item() == pytest.approx(expected, abs=1e-5)


@settings(deadline=None, max_examples=6)
@given(st.integers(0, 2**16), st.integers(1, 7), st.integers(1, 7), st.integers(1, 3))
def test_erratum_3_a_pair_knows_no_other_pair(seed: int, q: int, c: int, block: int) -> None:
    """Not the order, nor the make-up of the batch, nor the blocks change a score."""
    model = matcher(seed=seed)
    video, audio = sides(q, c, model.config, seed)
    with torch.no_grad():
        scores = model.pair_scores(video, audio)
        assert scores.abs().max() <= 1 + 1e-6
        rows, columns = torch.randperm(q), torch.randperm(c)
        torch.testing.assert_close(model.pair_scores(video[rows], audio[columns]), scores[rows][:, columns])
        torch.testing.assert_close(model.pair_scores(video, audio, block=block), scores)
        alone = model.pair_scores(video[q - 1 :], audio[:1])
        torch.testing.assert_close(alone[0, 0], scores[q - 1, 0])


def test_erratum_3_no_gradient_goes_to_another_pair() -> None:
    model = matcher()
    video, audio = (side.requires_grad_() for side in sides(3, 4, model.config))
    by_video, by_audio = torch.autograd.grad(model.pair_scores(video, audio)[1, 2], [video, audio])
    assert by_video.flatten(1).any(1).tolist() == [False, True, False]
    assert by_audio.flatten(1).any(1).tolist() == [False, False, True, False]


def test_a_missing_expert_counts_for_nothing() -> None:
    model = matcher()
    video, audio = sides(2, 3, model.config)
    present = torch.tensor([[True, False, True], [False, False, False]])
    other = video.clone()
    other[:, 1] = torch.nan
    for one in (model, matcher(Config(dim=16, heads=2, experts=3, co_attention=False))):
        found = one.pair_scores(other, audio, present=present)
        torch.testing.assert_close(found[0], one.pair_scores(video, audio, present=present)[0])
        assert found[0].abs().min() > 0
    assert (
        matcher(Config(dim=16, heads=2, experts=3, co_attention=False))
        .pair_scores(video, audio, present=present)[1]
        .tolist()
        == [0.0] * 3
    )


def test_without_co_attention_it_is_the_mean_cosine() -> None:
    model = matcher(Config(dim=16, heads=2, experts=3, co_attention=False))
    assert not list(model.parameters())
    video, audio = sides(2, 3, model.config)
    expected = torch.cosine_similarity(video[:, None], audio[None], dim=-1).mean(-1)
    torch.testing.assert_close(model.pair_scores(video, audio), expected)
    assert (matcher().pair_scores(video, audio) - expected).abs().max() > 0.01


def test_it_can_begin_as_none_and_still_learns() -> None:
    model, plain = matcher(), matcher(Config(dim=16, heads=2, experts=3, co_attention=False))
    model.begin_as_none()
    video, audio = sides(3, 3, model.config)
    scores = model.pair_scores(video, audio)
    torch.testing.assert_close(scores, plain.pair_scores(video, audio))
    gradients = torch.autograd.grad(bidirectional_margin(scores, 0.3), [model._layers()[0].video.out.weight])
    assert gradients[0].any()


def test_gradients_don_t_depend_on_blocks() -> None:
    model = matcher()
    video, audio = sides(5, 5, model.config)
    found = []
    for block in (None, 2):
        loss = bidirectional_margin(model.pair_scores(video, audio, block=block), 0.3)
        found.append(torch.autograd.grad(loss, list(model.parameters())))
    for whole, blocked in zip(*found, strict=True):
        torch.testing.assert_close(whole, blocked)


def test_it_learns_pairs_by_heart() -> None:
    torch.manual_seed(0)
    model = CoAttentionMatcher(Config(dim=16, heads=2, experts=2))
    optimiser = torch.optim.Adam(model.parameters(), 0.01)
    video, audio = sides(6, 6, model.config)
    losses = []
    for _ in range(20):
        loss = bidirectional_margin(model.pair_scores(video, audio), 0.3)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < 0.3 * losses[0]


def test_the_papers_sizes() -> None:
    config = Config()
    assert (config.dim, config.heads, config.layers, config.experts) == (768, 4, 1, 4)


@pytest.mark.parametrize(
    ("given", "fault"),
    [
        ({"video": torch.zeros(2, 3, 8)}, "needs videos and sounds"),
        ({"audio": torch.zeros(0, 3, 16)}, "needs videos and sounds"),
        ({"present": torch.ones(2, 2, dtype=torch.bool)}, "present is"),
        ({"weights": torch.ones(3, 3)}, "weights is"),
        ({"block": 0}, "at least one item"),
    ],
)
def test_nonsense_is_refused(given: dict[str, object], fault: str) -> None:
    call = {"video": torch.zeros(2, 3, 16), "audio": torch.zeros(2, 3, 16), **given}
    with pytest.raises(ValueError, match=fault):
        matcher().pair_scores(**call)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="heads can share"):
        Config(dim=10, heads=4)
