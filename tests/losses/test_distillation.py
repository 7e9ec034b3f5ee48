"""Each objective against numpy, one number at a time."""

import numpy as np
import torch

from storysound.losses.distillation import hint, soft_choice, soft_labels


def logistic(x: float) -> float:
    return 1 / (1 + np.exp(-x))


def test_soft_labels_is_binary_cross_entropy_summed_over_classes() -> None:
    own, teacher = np.random.default_rng(0).normal(0, 3, (2, 4, 7))
    expected = 0.0
    for b in range(4):
        for c in range(7):
            p, q = logistic(teacher[b, c]), logistic(own[b, c])
            expected -= (p * np.log(q) + (1 - p) * np.log(1 - q)) / 4
    assert np.isclose(float(soft_labels(torch.from_numpy(own), torch.from_numpy(teacher))), expected)


def test_hint_measures_each_unit_by_its_spread() -> None:
    rng = np.random.default_rng(1)
    own, teacher, spread = rng.normal(size=(3, 5)), rng.normal(size=(3, 5)), rng.uniform(0.5, 2, 5)
    expected = np.mean([((own[b, h] - teacher[b, h]) / spread[h]) ** 2 for b in range(3) for h in range(5)])
    assert np.isclose(float(hint(*map(torch.from_numpy, (own, teacher, spread)))), expected)


def test_soft_choice_against_shares() -> None:
    rng = np.random.default_rng(2)
    similarity, share = rng.uniform(-1, 1, (3, 4)), rng.uniform(0, 1, (3, 4))
    expected = 0.0
    for b in range(3):
        weights = np.exp(similarity[b] / 0.1)
        for c in range(4):
            expected -= share[b, c] / share[b].sum() * np.log(weights[c] / weights.sum()) / 3
    assert np.isclose(float(soft_choice(torch.from_numpy(similarity), torch.from_numpy(share), 0.1)), expected)


def test_a_perfect_student_loses_least() -> None:
    teacher = torch.randn(6, 9, generator=torch.Generator().manual_seed(3))
    least = soft_labels(teacher, teacher)
    assert least < soft_labels(teacher + 0.3, teacher)
    assert least < soft_labels(teacher - 0.3, teacher)
    assert hint(teacher, teacher, torch.ones(9)) == 0
