"""DS-Net's alignments against all there are."""

from itertools import combinations_with_replacement
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from storysound.losses.alignment import matrix, total
from storysound.match.dsnet import Config, DSNet, best, expected, select

SIZES = st.tuples(st.integers(1, 4), st.integers(1, 5), st.integers(0, 99))


def full(*shape: int) -> Tensor:
    return torch.ones(shape, dtype=torch.bool)


def random_scores(q: int, t: int, seed: int) -> Tensor:
    return 2 * torch.randn(1, q, t, generator=torch.Generator().manual_seed(seed))


def batch(seed: int = 0) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Glosses of 3 and 1 words, sequences of 4 and 5 steps, rubbish in the padding."""
    generator = torch.Generator().manual_seed(seed)
    gloss, sequence = (torch.randn(2, n, 8, generator=generator) for n in (3, 5))
    words, steps = torch.tensor([[1, 1, 1], [1, 0, 0]]).bool(), torch.tensor([[1, 1, 1, 1, 0], [1, 1, 1, 1, 1]]).bool()
    return gloss, sequence, words, steps


@settings(deadline=None)
@given(SIZES)
def test_expectation_and_mode_are_those_of_all_monotonic_alignments(sizes: Any) -> None:
    q, t, _ = sizes
    scores = random_scores(*sizes)
    ways = list(combinations_with_replacement(range(t), q))
    sums = torch.stack([scores[0, range(q), way].sum() for way in map(list, ways)])
    hot = torch.nn.functional.one_hot(torch.tensor(ways), t).float()
    by_hand = (sums.softmax(0)[:, None, None] * hot).sum(0)
    assert torch.allclose(expected(scores, full(1, q), full(1, t))[0], by_hand, atol=1e-5)
    found = best(scores, full(1, q), full(1, t))[0]
    assert (found * scores[0]).sum().item() == pytest.approx(sums.max().item(), abs=1e-4)


@settings(deadline=None)
@given(SIZES)
def test_an_alignment_is_binary_and_monotone(sizes: Any) -> None:
    q, t, _ = sizes
    found = best(random_scores(*sizes), full(1, q), full(1, t))[0]
    assert set(found.unique().tolist()) <= {0.0, 1.0}
    assert (found.sum(dim=1) == 1).all()
    assert (found.argmax(dim=1).diff() >= 0).all()


@given(SIZES)
def test_every_target_can_be_reached_by_every_word(sizes: Any) -> None:
    q, t, seed = sizes
    assert (expected(random_scores(q, t, seed), full(1, q), full(1, t)) > 0).all()
    for word in range(q):
        for step in range(t):
            scores = random_scores(q, t, seed)
            scores[0, word, step] += 100
            assert best(scores, full(1, q), full(1, t))[0, word, step] == 1


def test_padding_changes_nothing_and_gets_nothing() -> None:
    gloss, sequence, words, steps = batch()
    for training in (True, False):
        network = DSNet(Config.tiny()).train(training)
        found = network(gloss, sequence, words, steps)
        for i in range(2):
            own_gloss, own = gloss[i : i + 1, words[i]], sequence[i : i + 1, steps[i]]
            alone = network(own_gloss, own, full(*own_gloss.shape[:2]), full(*own.shape[:2]))
            assert torch.allclose(found[i][words[i]][:, steps[i]], alone[0], atol=1e-6)
        assert (found.sum(dim=-1) - words.float()).abs().max() < 1e-6
        assert not found[:, :, 4][0].any()


def test_gloss_finds_its_place_before_anything_is_learned() -> None:
    torch.manual_seed(0)
    sequence = torch.randn(1, 6, 8)
    network = DSNet(Config.tiny()).eval()
    found = network(sequence[:, [1, 2, 5]], sequence, full(1, 3), full(1, 6))
    assert found[0].argmax(dim=1).tolist() == [1, 2, 5]
    assert torch.equal(select(sequence, found), sequence[:, [1, 2, 5]])


def test_it_learns_a_path_that_cosines_do_not_tell() -> None:
    """Two steps lower the loss; more make the best alignment the path's."""
    torch.manual_seed(0)
    gloss, sequence, words, steps = batch(1)
    path = torch.tensor([[[0, 0], [1, 2], [2, 3]], [[0, 1], [-1, -1], [-1, -1]]])
    network = DSNet(Config.tiny()).train()
    optimiser, told = torch.optim.Adam(network.parameters(), 0.02), []
    for _ in range(40):
        parts = total(torch.zeros(()), [(network(gloss, sequence, words, steps), path)])
        optimiser.zero_grad()
        parts["loss"].backward()
        optimiser.step()
        told.append(parts["loss"].item())
    assert told[2] < told[1] < told[0]
    assert told[-1] < 0.1 * told[0]
    assert all(p.grad is not None and p.grad.isfinite().all() for p in network.parameters())
    found = network.eval()(gloss, sequence, words, steps)
    assert torch.equal(found, matrix(path, 3, 5))


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="needs scores"):
        expected(torch.zeros(1, 2, 3), full(1, 3), full(1, 3))
    with pytest.raises(ValueError, match="something real"):
        best(torch.zeros(1, 2, 3), full(1, 2), torch.zeros(1, 3, dtype=torch.bool))
    with pytest.raises(ValueError, match="scale > 0"):
        Config(scale=0)
