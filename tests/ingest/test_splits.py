"""What belongs together is never split."""

import itertools
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storysound.ingest.splits import Split, split

SHARES: dict[Split, float] = {"train": 0.8, "validation": 0.05, "test": 0.15}
keys = st.lists(st.lists(st.integers(0, 30).map(str), min_size=1, max_size=3), min_size=1, max_size=40)


@given(keys, st.integers(0, 5))
def test_mmva_erratum_3_no_key_is_in_two_parts(items: list[list[str]], seed: int) -> None:
    parts = split(items, SHARES, seed)
    for (a, x), (b, y) in itertools.combinations(zip(items, parts, strict=True), 2):
        assert x == y or not set(a) & set(b)


def test_parts_are_as_large_as_the_shares_and_the_same_in_every_run() -> None:
    items = [[f"track {i}"] for i in range(200)]
    parts = split(items, SHARES)
    assert Counter(parts) == {"train": 160, "validation": 10, "test": 30}
    shuffled = split(items[::-1], SHARES)
    assert shuffled == parts[::-1]  # by name, not by place
    assert split(items, SHARES, seed=1) != parts


@given(st.integers(3, 60))
def test_no_part_is_empty_where_there_are_three_groups(count: int) -> None:
    assert set(split([[str(i)] for i in range(count)], SHARES)) == {"train", "validation", "test"}


def test_senseless_ones_are_refused() -> None:
    with pytest.raises(ValueError, match="add up to 1"):
        split([["a"]], {"train": 0.5, "test": 0.4})
    with pytest.raises(ValueError, match="needs a key"):
        split([[]], SHARES)
