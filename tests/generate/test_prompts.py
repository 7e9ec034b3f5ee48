"""Templates, words, and the prompt nearest to a mood."""

from itertools import pairwise, product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from storysound.generate.prompts import Prompts, expanded, shipped
from storysound.story import Mood

TABLE = """
templates = ["{feeling} {genre} with {instrument}", "{feeling}, {feeling} {genre}"]
[[groups]]
feeling = ["sad", "glad"]
genre = ["rock", "jazz", "folk"]
instrument = ["piano", "drums"]
[[groups]]
feeling = ["calm"]
genre = ["rock"]
instrument = ["flute"]
"""
unit = st.floats(0, 1, width=32)


def test_templates_are_filled_with_every_combination_of_a_groups_words() -> None:
    found = expanded(TABLE)
    wanted = [f"{a} {b} with {c}" for a, b, c in product(("sad", "glad"), ("rock", "jazz", "folk"), ("piano", "drums"))]
    assert found[:12] == tuple(wanted)
    assert found[12:18] == tuple(f"{a}, {a} {b}" for a, b in product(("sad", "glad"), ("rock", "jazz", "folk")))
    assert found[18:] == ("calm rock with flute", "calm, calm rock"), "words of two groups never meet"


def test_a_word_without_a_list_is_named() -> None:
    with pytest.raises(ValueError, match="'tempo'"):
        expanded(TABLE.replace("{feeling}, ", "{tempo}, "))


def test_erratum_5_templates_and_words_are_ours_in_one_file() -> None:
    """The paper's Figure 5 isn't printed: the shipped prompts are whole, distinct, and few enough to be read once."""
    prompts = shipped()
    assert 1000 < len(prompts) == len(set(prompts)) < 5000
    assert not any(mark in prompt for prompt in prompts for mark in "{}")


@given(st.lists(st.tuples(unit, unit), min_size=1, max_size=30), unit, unit)
def test_the_nearest_is_the_nearest_of_all(moods: list[tuple[float, float]], valence: float, arousal: float) -> None:
    prompts = Prompts(tuple(map(str, range(len(moods)))), np.array(moods, np.float32))
    choice = prompts.nearest(Mood(valence, arousal))
    distances = [np.hypot(v - valence, a - arousal) for v, a in prompts.tones]
    assert choice.distance == pytest.approx(min(distances), abs=1e-6)
    assert distances[int(choice.text)] == pytest.approx(min(distances), abs=1e-6)
    assert choice.mood.distance(Mood(valence, arousal)) == pytest.approx(choice.distance, abs=1e-6)


def test_tones_keep_the_order_of_moods_and_spread_them() -> None:
    moods = np.random.default_rng(0).normal((0.6, 0.4), (0.05, 0.02), (500, 2)).astype(np.float32)
    tones = Prompts(("",) * 500, moods).tones
    for axis in (0, 1):
        order = np.argsort(moods[:, axis])
        assert all(a <= b for a, b in pairwise(tones[order, axis].tolist()))
        assert tones[:, axis].mean() == pytest.approx(0.5, abs=0.02)
        assert tones[:, axis].std() > 0.15
