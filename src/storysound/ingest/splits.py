"""Which things are learned from and which are kept back, so that nothing that belongs together is on both sides."""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from hashlib import sha256
from typing import Literal

Split = Literal["train", "validation", "test"]


def split(items: Sequence[Iterable[str]], shares: Mapping[Split, float], seed: int = 0) -> list[Split]:
    """The part of each item; `items` say by which keys (a track, an album, the content of a file) they belong together.

    Items that share a key, directly or through others, are one group and get one part: none can leak. Groups come in
    the order of the hash of `seed` and their least key, which is the same in every run, and are dealt out by `shares`;
    with as many groups as parts, no part is empty. Raises ValueError for an item without a key and for shares that
    don't add up to 1.

    >>> split([["a"], ["b"], ["a", "x"], ["x"], ["c"]], {"train": 0.4, "validation": 0.3, "test": 0.3})
    ['validation', 'test', 'validation', 'validation', 'train']
    """
    if abs(sum(shares.values()) - 1) > 1e-9 or min(shares.values()) <= 0:
        raise ValueError(f"shares are above 0 and add up to 1, got {dict(shares)}")
    keys = [tuple(item) for item in items]
    if not all(keys):
        raise ValueError("every item needs a key by which it belongs to others")
    groups = _groups(keys)
    order = sorted(set(groups), key=lambda group: sha256(f"{seed}\0{group}".encode("utf-8", "replace")).digest())
    part = dict(zip(order, _dealt(len(order), shares), strict=True))
    return [part[group] for group in groups]


def _groups(keys: Sequence[Sequence[str]]) -> list[str]:
    """The least key of all items that belong together with each."""
    parent: dict[Hashable, str] = {}

    def root(key: str) -> str:
        while parent.setdefault(key, key) != key:
            parent[key] = parent[parent[key]]
            key = parent[key]
        return key

    for first, *others in keys:
        for other in others:
            low, high = sorted((root(first), root(other)))
            parent[high] = low
    return [root(first) for first, *_ in keys]


def _dealt(count: int, shares: Mapping[Split, float]) -> list[Split]:
    """Parts of so many groups: as near to the shares as whole groups allow, and one each where there are enough."""
    parts = list(shares)
    numbers = {part: round(shares[part] * count) for part in parts}
    largest = max(parts, key=lambda part: shares[part])
    for part in parts:
        if part != largest and not numbers[part] and count >= len(parts):
            numbers[part] = 1
    numbers[largest] = count - sum(numbers[part] for part in parts if part != largest)
    return [part for part in parts for _ in range(max(0, numbers[part]))][:count]
