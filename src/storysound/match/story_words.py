"""What words of stories ask of music: a table that people can read and change, `story_words.toml`.

Things that stories are about (battle, grief, journey, village, feast …) have the words that name them, and ask for a
level of energy, darkness and solemnity, and for what is to be heard: instruments, kinds of music, an era, a place.
Where the table comes from stands in it. A file of the same form beside a library adds to ours and overrides it, line by
line; `jobs/find/story_music` asks the tracks of a library.
"""

import re
import tomllib
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache, cached_property
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np

from storysound.errors import InputError
from storysound.match.names import whole_words
from storysound.media.files import read_text

FILE = "story_words.toml"  # beside the tables of a library, and of this module
LEVELS = {"energy": ("wild", "still"), "darkness": ("dark", "bright"), "solemnity": ("grave", "light")}
MEASURES = ("arousal", "valence", "tempo", "major", "range")  # of a track, beside what is heard in it
ASKS = ("era", "place", "instruments", "genre")
SAID = 0.4  # of a level from which on it is said
MOST_WEIGHT = 100.0
_TABLES, _NESTED = ("use", "levels", "heard", "concepts"), ("levels", "concepts")
_WORD = re.compile(r"[^\W\d_]+")

Lemma = Callable[[str], str]


@dataclass(frozen=True)
class Heard:
    """What is to be heard: AudioSet's classes and musicnn's tags that mean it."""

    classes: tuple[str, ...]
    tags: tuple[str, ...]


@dataclass(frozen=True)
class Concept:
    """A thing that stories are about, the words that name it, and what it asks of music."""

    name: str
    words: tuple[str, ...]
    levels: Mapping[str, float]  # by name of LEVELS, in [-1, 1]
    heard: tuple[str, ...]  # names of what is to be heard

    @property
    def asks(self) -> tuple[str, ...]:
        """All that it asks, in words.

        >>> Concept("feast", ("feast",), {"energy": 0.6, "darkness": -0.8}, ("hand_drums",)).asks
        ('wild', 'bright', 'hand drums')
        """
        levels = (in_words(name, level) for name, level in self.levels.items() if abs(level) >= SAID)
        return (*levels, *(spoken(name) for name in self.heard))


@dataclass(frozen=True)
class Mention:
    """A concept that a text speaks of: how much of the text is about it, in [0, 1], and the words that say so."""

    concept: Concept
    share: float
    words: tuple[str, ...]


@dataclass(frozen=True)
class StoryWords:
    """The table.

    `weight`: of what it says beside all else that is known of a query. `levels`: what each asks of a track's measures
    and of what is heard in it.
    """

    weight: float
    levels: Mapping[str, Mapping[str, float]]
    heard: Mapping[str, Heard]
    concepts: Mapping[str, Concept]

    def mentions(self, text: str, lemma: Lemma) -> tuple[Mention, ...]:
        """What a text speaks of, most first: a word that is repeated counts by its logarithm."""
        named = self._named(lemma)
        said: dict[str, Counter[str]] = {}
        for word in whole_words(text):
            for concept in named.get(lemma(word.lower()), ()):
                said.setdefault(concept, Counter())[word.lower()] += 1
        weights = {name: float(np.log1p(words.total())) for name, words in said.items()}
        total = sum(weights.values())
        ranked = sorted(weights, key=lambda name: (-weights[name], name))
        return tuple(Mention(self.concepts[name], weights[name] / total, tuple(said[name])) for name in ranked)

    def _named(self, lemma: Lemma) -> Mapping[str, tuple[str, ...]]:
        """Which concepts each lemma names; made once for each way to find lemmas."""
        if lemma not in self._by_lemma:
            named: dict[str, dict[str, None]] = {}
            for concept in self.concepts.values():
                for word in concept.words:
                    named.setdefault(lemma(word), {})[concept.name] = None
            self._by_lemma[lemma] = {word: tuple(concepts) for word, concepts in named.items()}
        return self._by_lemma[lemma]

    @cached_property
    def _by_lemma(self) -> dict[Lemma, Mapping[str, tuple[str, ...]]]:
        return {}


def in_words(level: str, value: float) -> str:
    """A level in a word.

    >>> in_words("darkness", -0.6)
    'bright'
    """
    return LEVELS[level][value < 0]


def spoken(name: str) -> str:
    """A name as people say it.

    >>> spoken("film_music")
    'film music'
    """
    return name.replace("_", " ")


@cache
def shipped() -> StoryWords:
    """Ours."""
    return _made(_checked(_Text(Path(FILE), _own()), _NOTHING))


def stamp(folder: Path) -> int:
    """Another one after every change of a library's own table; 0 where there is none."""
    try:
        return (folder / FILE).stat().st_mtime_ns
    except OSError:
        return 0


def of_library(folder: Path) -> StoryWords:
    """The table that counts for a library: ours, with that in its folder over it. Raises as `read_story_words`."""
    return read_story_words(folder / FILE) if (folder / FILE).exists() else shipped()


def read_story_words(path: Path) -> StoryWords:
    """Ours with a file of the user's over it: tables that are new add to ours, keys that are there override them.

    Raises InputError, with the line and the nearest known word, where the file isn't what it should be.
    """
    ours = tomllib.loads(_own())
    theirs = _checked(_Text(path, read_text(path)), ours)
    return _made(_joined(ours, theirs))


_NOTHING: Mapping[str, Any] = {name: {} for name in _TABLES}


def _own() -> str:
    return (files("storysound.match") / FILE).read_text("utf-8")


@dataclass(frozen=True)
class _Text:
    """A file's text, which finds the lines of what is wrong in it."""

    path: Path
    text: str

    def error(self, fault: str, *way: str, among: Collection[str] = ()) -> InputError:
        """`way`: names on the way to the place, the last of them what is wrong; `among`: what it may be instead."""
        lines = [line.partition("#")[0] for line in self.text.splitlines()]
        at = 0
        for name in way:
            word = re.compile(rf"(?<![\w-]){re.escape(name)}(?![\w-])")
            at = next((line for line in range(at, len(lines)) if word.search(lines[line])), at)
        near = get_close_matches(way[-1], among, 1, 0.0) if among else []
        do = f"the nearest is {near[0]!r}" if near else f"see match/{FILE} for ours"
        return InputError(self.path, f"line {at + 1}: {fault}", do)

    def table(self, value: Any, *way: str) -> dict[str, Any]:
        """Raises InputError for what is no table."""
        if not isinstance(value, dict):
            raise self.error(f"{way[-1]} must be a table", *way)
        return value

    def known(self, given: Collection[str], among: Collection[str], what: str, *way: str) -> None:
        """Raises InputError for a name that isn't `among` those that may be there."""
        for name in given:
            if name not in among:
                raise self.error(f"{name!r} is no {what}", *way, name, among=among)

    def number(self, value: Any, least: float, most: float, *way: str) -> None:
        """Raises InputError for what is no number in [least, most]."""
        if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
            raise self.error(f"{way[-1]} must lie in [{least:g}, {most:g}], got {value!r}", *way)

    def names(self, value: Any, *way: str) -> list[str]:
        """Raises InputError for what is no list of strings."""
        if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
            raise self.error(f"{way[-1]} must be a list of names, got {value!r}", *way)
        return value


def _checked(file: _Text, ours: Mapping[str, Any]) -> dict[str, Any]:
    """The tables of a file that stands over `ours`. Raises InputError."""
    try:
        found = tomllib.loads(file.text)
    except tomllib.TOMLDecodeError as error:  # it names the line
        raise InputError(file.path, f"is no TOML: {error}", f"see match/{FILE} for ours") from error
    file.known(found, _TABLES, "table of story words", *())
    for name, value in found.items():
        file.table(value, name)
    use, levels, heard, concepts = (found.get(name, {}) for name in _TABLES)
    file.known(use, ("weight",), "setting", "use")
    if "weight" in use:
        file.number(use["weight"], 0.0, MOST_WEIGHT, "use", "weight")
    audible = {*ours["heard"], *heard}
    file.known(levels, LEVELS, "level", "levels")
    for level, parts in levels.items():
        file.known(file.table(parts, "levels", level), {*MEASURES, *audible}, "measure", "levels", level)
        for part, value in parts.items():
            file.number(value, -MOST_WEIGHT, MOST_WEIGHT, "levels", level, part)
    for name, parts in heard.items():
        _check_heard(file, name, file.table(parts, "heard", name))
    for name, parts in concepts.items():
        is_new = name not in ours["concepts"]
        _check_concept(file, name, file.table(parts, "concepts", name), audible, is_new)
    return found


def _check_heard(file: _Text, name: str, parts: Mapping[str, Any]) -> None:
    from storysound.encode.ears import class_names  # with torch, which who only asks for a table doesn't need
    from storysound.encode.musicnn import TAGS

    way = ("heard", name)
    file.known(parts, ("classes", "tags"), "key of what is heard", *way)
    for key, among in (("classes", class_names()), ("tags", TAGS)):
        file.known(file.names(parts.get(key, []), *way, key), among, f"one of the {key} there are", *way, key)
    if not (parts.get("classes") or parts.get("tags")):
        raise file.error(f"{name} needs classes or tags", *way)


def _check_concept(file: _Text, name: str, parts: Mapping[str, Any], audible: Collection[str], is_new: bool) -> None:
    way = ("concepts", name)
    file.known(parts, ("words", *LEVELS, *ASKS), "key of a concept", *way)
    words = parts.get("words", "" if is_new else name)
    if not isinstance(words, str) or not words.split():
        raise file.error(f"{name} needs `words` that name it, apart by spaces", *way)
    if strange := [word for word in words.split() if not _WORD.fullmatch(word)]:
        raise file.error(f"{strange[0]!r} is no word of letters", *way, strange[0])
    for level in LEVELS:
        if level in parts:
            file.number(parts[level], -1.0, 1.0, *way, level)
    for key in ASKS:
        file.known(file.names(parts.get(key, []), *way, key), audible, "name of what is heard", *way, key)


def _joined(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> dict[str, Any]:
    """Tables in tables, theirs over ours; what is heard is taken whole."""
    both: dict[str, Any] = {}
    for name in _TABLES:
        own, other = ours[name], theirs.get(name, {})
        parts = {key: {**own.get(key, {}), **value} for key, value in other.items()} if name in _NESTED else other
        both[name] = {**own, **parts}
    return both


def _made(tables: Mapping[str, Any]) -> StoryWords:
    """Tables that were checked, as records."""
    return StoryWords(
        tables["use"]["weight"],
        tables["levels"],
        {
            name: Heard(tuple(row.get("classes", ())), tuple(row.get("tags", ())))
            for name, row in tables["heard"].items()
        },
        {name: _concept(name, row) for name, row in tables["concepts"].items()},
    )


def _concept(name: str, row: Mapping[str, Any]) -> Concept:
    asked: Sequence[str] = [each for key in ASKS for each in row.get(key, ())]
    levels = {level: float(row[level]) for level in LEVELS if level in row}
    return Concept(name, tuple(row["words"].split()), levels, tuple(dict.fromkeys(asked)))
