import numpy as np
import pytest
import torch

from storysound.losses.contrastive import symmetric


def slow(similarity: np.ndarray, temperature: float, positives: np.ndarray) -> float:
    """Its definition, one choice at a time."""
    directions = []
    for s, belongs in ((similarity, positives), (similarity.T, positives.T)):
        losses = []
        for row, own in zip(s / temperature, belongs, strict=True):
            if own.any():
                logs = row - np.log(np.exp(row).sum())
                losses.append(-logs[own].mean())
        directions.append(np.mean(losses))
    return float(np.mean(directions))


def test_it_is_its_definition() -> None:
    rng = np.random.default_rng(0)
    square, wide = rng.normal(size=(6, 6)), rng.normal(size=(4, 7))
    positives = rng.random((4, 7)) < 0.3
    positives[1] = positives[:, 2] = False
    assert symmetric(torch.tensor(square), 0.5).item() == pytest.approx(slow(square, 0.5, np.eye(6, dtype=bool)))
    found = symmetric(torch.tensor(wide), 0.7, torch.tensor(positives))
    assert found.item() == pytest.approx(slow(wide, 0.7, positives))


def test_pairs_are_a_case_of_positives() -> None:
    similarity = torch.randn(5, 5, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(symmetric(similarity, 0.1), symmetric(similarity, 0.1, torch.eye(5, dtype=torch.bool)))


def test_a_shared_sound_is_no_wrong_answer() -> None:
    similarity = torch.tensor([[1.0, 1.0, 0.0], [1.0, 1.0, 0.0], [0.0, 0.0, 1.0]], requires_grad=True)
    shared = torch.tensor([[1, 1, 0], [1, 1, 0], [0, 0, 1]], dtype=torch.bool)
    (gradient,) = torch.autograd.grad(symmetric(similarity, 0.05, shared), similarity)
    assert gradient.abs().max() < 1e-6
    (gradient,) = torch.autograd.grad(symmetric(similarity, 0.05), similarity)
    assert gradient[0, 1] > 1


def test_order_changes_nothing_and_the_scale_learns() -> None:
    similarity = torch.randn(6, 6, generator=torch.Generator().manual_seed(2))
    scale = torch.tensor(3.0, requires_grad=True)
    loss, order = symmetric(similarity, 1 / scale), torch.tensor([3, 1, 5, 0, 2, 4])
    torch.testing.assert_close(symmetric(similarity[order][:, order], 1 / scale), loss)
    loss.backward()
    assert scale.grad is not None
    assert scale.grad != 0


@pytest.mark.parametrize(
    ("shape", "positives"), [((2, 3), None), ((2, 3), torch.zeros(2, 3, dtype=torch.bool)), ((2,), torch.ones(2, 2))]
)
def test_nonsense_is_refused(shape: tuple[int, ...], positives: torch.Tensor | None) -> None:
    with pytest.raises(ValueError, match="positives"):
        symmetric(torch.zeros(shape), 0.1, positives)
