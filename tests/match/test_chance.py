"""The chance that a hit fits: what speaks for it raises it, and words part its scale."""

from itertools import pairwise

import pytest

from storysound.match.chance import LIKELY, SURE, chance, in_words


@pytest.mark.parametrize("number", range(4))
def test_what_speaks_for_a_hit_raises_its_chance(number: int) -> None:
    """A larger library makes the same evidence less unusual."""
    plain = [4.0, 100, 0.5, 0.0]
    ways = ([1.0, 3.0, 6.0], [1000, 100, 10], [0.0, 0.5, 1.0], [0.0, 0.5, 1.0])[number]
    found = [chance(*plain[:number], way, *plain[number + 1 :]) for way in ways]
    assert all(a < b for a, b in pairwise(found))
    assert all(0 < one < 1 for one in found)


def test_at_either_end_it_is_sure_or_a_guess() -> None:
    assert chance(8.0, 50, 0.95, 1.0) > SURE
    assert chance(2.0, 1000, 0.0, 0.0) < 0.1
    assert chance(0.0, 1000, 0.0, 1.0) > SURE, "what is named so"
    assert 0 <= chance(0.0, 0, 0.0, 0.0) <= 1


def test_words_part_the_scale() -> None:
    assert [in_words(one) for one in (0.0, LIKELY - 0.01, LIKELY, SURE, 1.0)] == [
        "a guess", "a guess", "likely", "sure", "sure",
    ]  # fmt: skip
