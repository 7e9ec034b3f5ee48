"""MMVA's Eq. 2 to 4 against loops over the batch."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from storysound.losses.valence_arousal import matching_loss, mood_loss, total


def batch(seed: int, n: int) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    return [rng.random((n, 2)) for _ in range(6)] + [rng.random(n) for _ in range(2)]


@given(st.integers(0, 1000), st.integers(1, 12))
def test_equations_2_to_4_are_their_sums(seed: int, n: int) -> None:
    *moods, score, label = batch(seed, n)
    expected = []
    for predicted, labelled in zip(moods[::2], moods[1::2], strict=True):
        expected.append(sum(sum((predicted[i, k] - labelled[i, k]) ** 2 for k in (0, 1)) for i in range(n)) / n)
    t = [torch.from_numpy(array) for array in moods]
    found = [mood_loss(a, b) for a, b in zip(t[::2], t[1::2], strict=True)]
    assert [value.item() for value in found] == pytest.approx(expected)
    matching = matching_loss(torch.from_numpy(score), torch.from_numpy(label))
    assert matching.item() == pytest.approx(sum((a - b) ** 2 for a, b in zip(score, label, strict=True)) / n)
    assert total(found, matching).item() == pytest.approx(sum(expected) + matching.item())
    assert total(found).item() == pytest.approx(sum(expected))  # no similarity predictor


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="of a shape"):
        mood_loss(torch.zeros(3, 2), torch.zeros(2, 2))
    with pytest.raises(ValueError, match="of a shape"):
        matching_loss(torch.zeros(3, 1), torch.zeros(3))
