"""Counts on notes, by cases known from textbooks."""

import pytest

from storysound.metrics.counterpoint import distance, foreign, parallels, repeated_grams, shared_grams


@pytest.mark.parametrize(
    ("before", "after", "found"),
    [
        ((48, 55), (50, 57), 1),  # fifths up
        ((48, 60), (47, 59), 1),  # octaves down
        ((48, 67), (50, 57), 0),  # a twelfth to a fifth in contrary motion
        ((48, 67), (50, 69), 1),  # twelfths
        ((48, 55), (48, 55), 0),  # nobody moves
        ((48, 55), (50, 58), 0),  # a fifth to a sixth
        ((48, 56), (50, 57), 0),  # into a fifth
        ((48, 55, 64), (50, 57, 65), 1),
    ],
)
def test_parallels(before: tuple[int, ...], after: tuple[int, ...], found: int) -> None:
    assert parallels([before, after]) == found


def test_shared_and_repeated_grams() -> None:
    scale = [60, 62, 64, 65, 67, 69, 71, 72]
    assert shared_grams(scale, [p + 5 for p in scale]) == 1.0
    assert shared_grams(scale, scale[::-1]) == 0.0
    assert shared_grams(scale, [60]) == 0.0
    assert repeated_grams([60, 62, 64, 62, 60] * 3, 2) == pytest.approx(1 - 5 / 13)


def test_distance_and_foreign() -> None:
    assert distance(0.4, [0.5, 2.0]) == pytest.approx(0.1)
    assert distance(9.0, [0.5, 2.0]) == 7.0
    assert foreign([61, 73, 64], (1, 8)) == 1
