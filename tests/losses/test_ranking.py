"""The margin loss by hand."""

import numpy as np
import pytest
import torch

from storysound.losses.ranking import NEGATIVES, bidirectional_margin

SCORES = torch.tensor([[1.0, 0.9, 0.2], [0.5, 0.4, 0.8], [0.1, 0.3, 0.6]])
# By hand, margin .3. Row 1 (right: 1.0): .9 -> .2, .2 -> 0. Row 2 (.4): .5 -> .4, .8 -> .7. Row 3 (.6): .1, .3 -> 0.
# Column 1: .5, .1 -> 0. Column 2: .9 -> .8, .3 -> .2. Column 3: .2 -> 0, .8 -> .5.
ROWS, COLUMNS = [[0.2, 0.0], [0.4, 0.7], [0.0, 0.0]], [[0.0, 0.0], [0.8, 0.2], [0.0, 0.5]]
BY_HAND = {
    "sum": (np.sum(ROWS) + np.sum(COLUMNS)) / 3,
    "mean": (np.sum(ROWS) + np.sum(COLUMNS)) / 12,
    "hardest": (np.max(ROWS, axis=1).sum() + np.max(COLUMNS, axis=1).sum()) / 3,
}


@pytest.mark.parametrize("negatives", NEGATIVES)
def test_erratum_2_three_ways_to_count_wrong_answers(negatives: str) -> None:
    found = bidirectional_margin(SCORES, 0.3, negatives)  # type: ignore[arg-type]
    assert found.item() == pytest.approx(BY_HAND[negatives])


def test_other_right_answers_cost_nothing() -> None:
    shared = torch.eye(3, dtype=torch.bool)
    shared[1, 2] = True  # row 2 may take column 3: .7 of the rows, and .5 of column 3
    assert bidirectional_margin(SCORES, 0.3, "sum", shared).item() == pytest.approx((2.8 - 0.7 - 0.5) / 3)
    assert bidirectional_margin(SCORES, 0.3, "mean", shared).item() == pytest.approx((2.8 - 0.7 - 0.5) / 10)
    assert bidirectional_margin(SCORES, 0.3, "hardest", torch.ones(3, 3, dtype=torch.bool)).item() == 0


def test_order_and_direction_change_nothing() -> None:
    scores, order = torch.randn(6, 6, generator=torch.Generator().manual_seed(0)), torch.tensor([3, 1, 5, 0, 2, 4])
    for negatives in NEGATIVES:
        loss = bidirectional_margin(scores, 0.3, negatives)
        torch.testing.assert_close(bidirectional_margin(scores[order][:, order], 0.3, negatives), loss)
        torch.testing.assert_close(bidirectional_margin(scores.T, 0.3, negatives), loss)


def test_what_is_ahead_by_the_margin_is_left_alone() -> None:
    scores = torch.eye(4, requires_grad=True)
    loss = bidirectional_margin(scores, 0.3)
    assert loss.item() == 0
    (gradient,) = torch.autograd.grad(bidirectional_margin(scores * 0.2, 0.3, "hardest"), scores)
    assert (gradient.diagonal() < 0).all()


@pytest.mark.parametrize(
    ("scores", "negatives", "positives", "fault"),
    [
        (torch.zeros(2, 3), "sum", None, "scores"),
        (torch.zeros(0, 0), "sum", None, "scores"),
        (torch.zeros(2, 2), "hard", None, "negatives are sum"),
        (torch.zeros(2, 2), "sum", torch.zeros(2, 2), "positives are bool"),
    ],
)
def test_nonsense_is_refused(scores: torch.Tensor, negatives: str, positives: torch.Tensor | None, fault: str) -> None:
    with pytest.raises(ValueError, match=fault):
        bidirectional_margin(scores, 0.3, negatives, positives)  # type: ignore[arg-type]
