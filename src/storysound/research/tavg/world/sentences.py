"""Scenes in words: several phrasings by kind over a small closed vocabulary, and sentences that are wrong."""

import re
from dataclasses import replace
from functools import cache
from typing import Literal, get_args

import numpy as np

from storysound.research.tavg.world.combinations import COMBINATIONS, FIELDS, Combination
from storysound.research.tavg.world.scenes import BIG, SMALL, THINGS, Scene

Way = Literal["kind", "material", "surface", "rhythm", "all"]
_SIZED = 0.6  # how often a size is told of what is small or big
# {m} a material as an adjective, {n} as a noun; {s}, {t} the same of the surface; {b} the rhythm; {z} a size or nothing
_PHRASES: dict[str, tuple[str, ...]] = {
    "ball": (
        "a {z} {m} ball bounces {b} on {t}",
        "a {z} ball of {n} falls and bounces {b} on a {s} floor",
        "on {t} a {z} {m} ball bounces {b}",
        "a {z} {m} ball falls on the {s} floor and bounces {b}",
    ),
    "break once": (
        "a {z} {m} {thing} falls on {t} and breaks",
        "a {z} {thing} of {n} breaks on a {s} floor",
        "one {z} {m} {thing} falls and breaks on {t}",
    ),
    "break twice": (
        "two {z} {m} {things} fall on {t} and break",
        "two {z} {things} of {n} break on a {s} floor",
        "first one {z} {m} {thing} and then another breaks on {t}",
    ),
    "drops once": ("a {z} drop falls into water in a {s} bowl", "one {z} drop falls into a {s} bowl of water"),
    "drops twice": ("two {z} drops fall into water in a {s} bowl", "{z} drops fall twice into a {s} bowl of water"),
    "drops three times": (
        "three {z} drops fall into water in a {s} bowl",
        "{z} drops fall three times into a {s} bowl of water",
    ),
    "drops": ("{z} drops fall {b} into water in a {s} bowl", "{b} {z} drops fall into a {s} bowl of water"),
    "string": (
        "a {m} string on a {s} body is plucked {b}",
        "someone plucks a {m} string on {t} {b}",
        "a string of {n} on {t} is plucked {b}",
    ),
    "hammer": (
        "a {z} {m} hammer strikes {t} {b}",
        "a {z} hammer of {n} hits a {s} block {b}",
        "a {s} block is struck {b} with a {z} {m} hammer",
    ),
    "car": (
        "a {m} car passes {b} on a {s} road",
        "a car of {n} drives {b} over {t}",
        "{b} a {m} car passes over {t}",
    ),
    "rain light": ("light rain falls on a {s} roof", "it rains lightly on {t}"),
    "rain heavy": ("heavy rain falls on a {s} roof", "it rains heavily on {t}"),
    "rain begins": ("rain begins to fall on a {s} roof", "it begins to rain on {t}"),
    "rain stops": ("rain stops falling on a {s} roof", "it stops raining on {t}"),
    "bell": (
        "a {z} {m} bell is struck {b} with a {s} stick",
        "a {z} bell of {n} rings {b} under a stick of {t}",
        "a {s} stick strikes a {z} {m} bell {b}",
    ),
    "knock": (
        "a hand knocks {b} on a {s} door",
        "someone knocks {b} on a door of {t}",
        "on a {s} door a hand knocks {b}",
    ),
    "drum": (
        "a {m} stick beats a {z} {s} drum {b}",
        "a {z} drum of {t} is beaten {b} with a {m} stick",
        "a stick of {n} hits a {z} {s} drum {b}",
    ),
}  # fmt: skip
_RHYTHMS: dict[str, tuple[str, ...]] = {
    "once": ("once", "one time"),
    "twice": ("twice", "two times"),
    "three times": ("three times",),
    "evenly": ("evenly", "again and again", "in a steady beat"),
    "faster": ("faster and faster",),
    "slower": ("slower and slower",),
    "left slow": ("slowly from the left", "slowly from left to right"),
    "left fast": ("fast from the left", "fast from left to right"),
    "right slow": ("slowly from the right", "slowly from right to left"),
    "right fast": ("fast from the right", "fast from right to left"),
}
_ADJECTIVES = {"wood": "wooden"}
_SIZES = (("small", "little"), ("big", "large"))


def _vocabulary() -> tuple[str, ...]:
    """All words of phrases and of what fills them."""
    parts = [re.sub(r"\{\w+\}", " ", phrase) for phrases in _PHRASES.values() for phrase in phrases]
    parts += [words for options in _RHYTHMS.values() for words in options] + [*_ADJECTIVES.values(), *sum(_SIZES, ())]
    parts += [value for each in COMBINATIONS for value in (each.material, each.surface)]
    parts += [*THINGS, *(f"{thing}s" for thing in THINGS)]
    return tuple(sorted({word for part in parts for word in part.split()}))


WORDS = _vocabulary()


def sentence(scene: Scene, rng: np.random.Generator) -> str:
    """One of the phrasings of a scene. It says nothing of when things happen.

    >>> from storysound.research.tavg.world.scenes import scene_of
    >>> scene = scene_of(Combination("knock", "hand", "glass", "twice"), np.random.default_rng(0))
    >>> sentence(scene, np.random.default_rng(0))
    'on a glass door a hand knocks two times'
    """
    phrases = _PHRASES.get(f"{scene.kind} {scene.rhythm}") or _PHRASES[scene.kind]
    rhythm = _RHYTHMS.get(scene.rhythm, ("",))
    words = phrases[rng.integers(len(phrases))].format(
        m=_ADJECTIVES.get(scene.material, scene.material),
        n=scene.material,
        s=_ADJECTIVES.get(scene.surface, scene.surface),
        t=scene.surface,
        b=rhythm[rng.integers(len(rhythm))],
        z=_size(scene, rng),
        thing=scene.thing,
        things=f"{scene.thing}s",
    )
    return " ".join(words.split())


def _size(scene: Scene, rng: np.random.Generator) -> str:
    """A word for what is small or big, mostly."""
    chance, choice = rng.uniform(), int(rng.integers(2))
    if SMALL <= scene.size <= BIG or chance > _SIZED:
        return ""
    return _SIZES[scene.size > BIG][choice]


def ways(scene: Scene) -> tuple[Way, ...]:
    """In which ways a sentence of a scene can be wrong: not every kind has two materials."""
    return tuple(way for way in get_args(Way) if _wrong(scene.combination, way))


def wrong_scene(scene: Scene, rng: np.random.Generator, way: Way | None = None) -> Scene:
    """A scene whose sentence is wrong of this one: of another combination, else alike.

    It differs in exactly one of kind, material, surface and rhythm, or in all that it can ("all": in the kind and at
    least two others); `way` none draws one. Of its fields those that sentences tell are of use alone. Raises ValueError
    for a way in which the kind has no other.
    """
    possible = ways(scene)
    way = possible[rng.integers(len(possible))] if way is None else way
    options = _wrong(scene.combination, way)
    if not options:
        raise ValueError(f"{scene.combination} can't be wrong by {way!r}, only by {possible}")
    other = options[rng.integers(len(options))]
    thing = (scene.thing or str(rng.choice(THINGS))) if other.kind == "break" else ""
    changed = {name: getattr(other, name) for name in FIELDS}
    return replace(scene, thing=thing, **changed)


@cache
def _wrong(combination: Combination, way: Way) -> tuple[Combination, ...]:
    """Combinations that differ from one in a way."""
    found = []
    for other in COMBINATIONS:
        differ = {name for name in FIELDS if getattr(other, name) != getattr(combination, name)}
        if (differ == {way}) or (way == "all" and "kind" in differ and len(differ) >= 3):
            found.append(other)
    return tuple(found)
