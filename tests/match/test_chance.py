"""The chance that a hit fits: what speaks for it raises it, and words part its scale."""

from itertools import pairwise

import pytest

from storysound.match.chance import LIKELY, MOST_TRACKS, MOST_WORDS, SURE, chance, chance_of_music, in_words


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


@pytest.mark.parametrize("number", range(4))
def test_what_speaks_for_a_track_raises_its_chance(number: int) -> None:
    """A larger library is likelier to have music that fits; the more words ask the less one track answers them."""
    plain = [1.0, 20, 4, 0.0]
    ways = ([-1.0, 1.0, 3.0], [3, 20, 80], [400, 20, 1], [0.0, 0.5, 1.0])[number]
    found = [chance_of_music(*plain[:number], way, *plain[number + 1 :]) for way in ways]
    assert all(a < b for a, b in pairwise(found))
    assert all(0 < one < 1 for one in found)


def test_of_music_nothing_is_said_beyond_what_was_measured() -> None:
    assert chance_of_music(2.0, MOST_TRACKS, 1, 0.0) == chance_of_music(2.0, 10**6, 1, 0.0)
    assert chance_of_music(2.0, 30, MOST_WORDS, 0.0) == chance_of_music(2.0, 30, 10**6, 0.0)
    assert chance_of_music(3.0, MOST_TRACKS, 1, 0.0) < SURE, "by ear alone no music is sure"


def test_words_part_the_scale() -> None:
    assert [in_words(one) for one in (0.0, LIKELY - 0.01, LIKELY, SURE, 1.0)] == [
        "a guess", "a guess", "likely", "sure", "sure",
    ]  # fmt: skip
