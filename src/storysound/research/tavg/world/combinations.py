"""Which things happen: combinations of kind, material, surface and rhythm, and their disjoint splits."""

import hashlib
from dataclasses import dataclass
from functools import cache
from itertools import product
from typing import Literal, get_args

Split = Literal["train", "validation", "test"]
Kind = Literal["ball", "break", "drops", "string", "hammer", "car", "rain", "bell", "knock", "drum"]
KINDS: tuple[Kind, ...] = get_args(Kind)
TEST, VALIDATION = 0.15, 0.10  # shares of a kind's combinations
BEATS = ("once", "twice", "three times", "evenly", "faster", "slower")
WAYS = ("left slow", "left fast", "right slow", "right fast")
FIELDS = ("kind", "material", "surface", "rhythm")


@dataclass(frozen=True)
class Choices:
    """What a kind may be made of, what it meets, and how it goes on."""

    materials: tuple[str, ...]
    surfaces: tuple[str, ...]
    rhythms: tuple[str, ...]


CHOICES: dict[Kind, Choices] = {
    "ball": Choices(
        ("glass", "wood", "metal", "rubber", "stone", "plastic"),
        ("wood", "metal", "stone"),
        ("once", "twice", "three times", "faster"),
    ),
    "break": Choices(("glass", "clay"), ("wood", "metal", "stone"), ("once", "twice")),
    "drops": Choices(("water",), ("glass", "metal", "wood", "stone"), BEATS),  # surface: what the bowl is made of
    "string": Choices(("metal", "nylon"), ("wood", "metal", "plastic"), BEATS),  # surface: the body it is stretched on
    "hammer": Choices(("metal", "wood", "rubber"), ("wood", "metal", "stone", "plastic"), BEATS),
    "car": Choices(("metal", "plastic"), ("wood", "metal", "stone"), WAYS),
    "rain": Choices(("water",), ("glass", "metal", "wood", "stone", "plastic"), ("light", "heavy", "begins", "stops")),
    "bell": Choices(("metal", "glass", "clay"), ("wood", "metal", "rubber"), BEATS),  # surface: the stick's head
    "knock": Choices(("hand",), ("wood", "metal", "glass", "plastic"), BEATS),  # surface: the door
    "drum": Choices(("wood", "metal", "rubber"), ("skin", "plastic", "metal"), BEATS),  # material: the stick
}  # fmt: skip


@dataclass(frozen=True, order=True)
class Combination:
    """What a text asks for; whatever else a clip shows is drawn by its seed."""

    kind: Kind
    material: str
    surface: str
    rhythm: str


COMBINATIONS: tuple[Combination, ...] = tuple(
    Combination(kind, *values)
    for kind, choices in CHOICES.items()
    for values in product(choices.materials, choices.surfaces, choices.rhythms)
)


def split_of(combination: Combination) -> Split:
    """The split that alone shows a combination.

    >>> split_of(Combination("ball", "glass", "wood", "twice"))
    'train'
    """
    return _splits()[combination]


@cache
def of_split(split: Split, kind: Kind) -> tuple[Combination, ...]:
    """All combinations of a kind in a split, in the order of `COMBINATIONS`."""
    return tuple(each for each in COMBINATIONS if each.kind == kind and split_of(each) == split)


@cache
def _splits() -> dict[Combination, Split]:
    """Test first, then validation, then the rest; each of a kind's values stays in training with that kind."""
    found: dict[Combination, Split] = {}
    for kind in KINDS:
        drawn = sorted((each for each in COMBINATIONS if each.kind == kind), key=_chance)
        found |= dict.fromkeys(drawn, "train")
        for split, share in _HELD_OUT:
            _hold_out(found, drawn, split, round(share * len(drawn)))
    return found


_HELD_OUT: tuple[tuple[Split, float], ...] = (("test", TEST), ("validation", VALIDATION))


def _hold_out(found: dict[Combination, Split], drawn: list[Combination], split: Split, count: int) -> None:
    """Put `count` combinations into a split, each time the one that training can spare best."""
    for _ in range(count):
        training = [each for each in drawn if found[each] == "train"]
        found[max(training, key=lambda each: _spared(each, training, drawn))] = split


def _spared(combination: Combination, training: list[Combination], drawn: list[Combination]) -> float:
    """Of the value of a combination that training would then see least: what share of its combinations remains."""

    def share(name: str) -> float:
        same = [each for each in drawn if getattr(each, name) == getattr(combination, name)]
        return (len(set(same) & set(training)) - 1) / len(same)

    return min(share(name) for name in FIELDS)


def _chance(combination: Combination) -> bytes:
    """An order that is the same everywhere."""
    return hashlib.sha256("|".join(getattr(combination, name) for name in FIELDS).encode()).digest()
