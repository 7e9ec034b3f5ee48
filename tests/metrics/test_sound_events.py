"""Event F1 by hand, and matching against every way to match."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storysound.metrics.sound_events import evaluate, fit, matched, segments
from storysound.story import Event


def dog(start_s: float, end_s: float, label: str = "Dog") -> Event:
    return Event(start_s, end_s, label, 1.0)


def test_by_hand() -> None:
    """File a: a dog found, a cat found too late; file b: a dog missed, speech that is not there."""
    truth = {"a": [dog(1, 3), dog(5, 6, "Cat")], "b": [dog(0, 2)]}
    found = {"a": [dog(1.1, 3.3), dog(5.5, 6, "Cat")], "b": [dog(4, 5, "Speech")]}
    report = evaluate(found, truth, {"a": 10.0, "b": 5.0})
    assert report.by_class == {"Cat": 0.0, "Dog": pytest.approx(2 * 1 / (1 + 2))}
    assert report.event_macro == pytest.approx((0 + 2 / 3) / 2)
    assert report.event_micro == pytest.approx(2 * 1 / (3 + 3))
    # Segments: dog told 1-4, there 1-3 and 0-2 of the other file: 2 right; cat 1 right of 1 and 1; speech 1 told.
    assert report.segment_macro == pytest.approx((1 + 2 * 2 / (3 + 4)) / 2)
    assert report.segment_micro == pytest.approx(2 * 3 / (5 + 5))
    assert report.n == 2


def test_collars() -> None:
    assert fit(dog(1.2, 3), dog(1, 3))
    assert not fit(dog(1.21, 3), dog(1, 3))
    assert fit(dog(1, 4), dog(1, 3.5))  # half a second is a fifth of the length
    assert not fit(dog(1, 3.3), dog(1, 2))


def test_segments_are_active_however_briefly() -> None:
    assert segments([dog(0.9, 1.0), dog(2.0, 3.1)], 5.0).tolist() == [True, False, True, True, False]


def best_by_trying(found: list[Event], truth: list[Event]) -> int:
    few, many = sorted((found, truth), key=len)
    pairs = (zip(few, some, strict=True) for some in itertools.permutations(many, len(few)))
    turned = few is truth and found is not truth
    return max(sum(fit(b, a) if turned else fit(a, b) for a, b in pair) for pair in pairs)


events = st.lists(st.integers(0, 8).map(lambda step: dog(step / 10, step / 10 + 0.5)), min_size=1, max_size=4)


@given(events, events)
def test_as_many_as_can_be_are_matched_one_to_one(found: list[Event], truth: list[Event]) -> None:
    assert matched(found, truth) == best_by_trying(found, truth)


def test_perfect_and_nothing() -> None:
    truth = {"a": [dog(0, 1), dog(0.5, 2, "Cat")]}
    perfect, nothing = (evaluate(found, truth, {"a": 2.0}) for found in (truth, {"a": []}))
    assert (perfect.event_macro, perfect.segment_micro) == (1, 1)
    assert (nothing.event_macro, nothing.segment_micro) == (0, 0)
    for other in ({"b": []}, {"a": []}):
        with pytest.raises(ValueError, match=r"same files|no event"):
            evaluate(other, {"a": []} if "a" in other else truth, {"a": 2.0})
