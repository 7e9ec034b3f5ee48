"""What the names and tags of sounds have in common with a query's words."""

import re
import unicodedata
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from storysound.encode.wording import FUNCTION_WORDS
from storysound.media.endings import stem_path
from storysound.story import Sound

_LETTER = r"[^\W\d_]"
_JOINERS = "\u200c\u200d"  # stand inside words of Persian and of Indian scripts
# Words that say nothing about what is heard.
STOP_WORDS = FUNCTION_WORDS | frozenset(
    "aiff audio clip effect file flac m4a mp3 ogg opus sample sfx sound wav".split()
)


def whole_words(text: str) -> list[str]:
    """Words of a text or a name as they are written: runs of letters with their marks, parted at CamelCase.

    Accents are part of their letters in either form of Unicode; words come out in the composed one. Scripts that don't
    part words (Thai, Chinese) give whole runs.

    >>> whole_words("RainOn_TinRoof-02, e\u0301te\u0301 \u092c\u093e\u0930\u093f\u0936")
    ['Rain', 'On', 'Tin', 'Roof', 'été', 'बारिश']
    """
    text = unicodedata.normalize("NFC", text)
    marks = {char for char in set(text) if char in _JOINERS or (not char.isascii() and _is_mark(char))}
    word = f"(?:{_LETTER}[{re.escape(''.join(sorted(marks)))}]*)+" if marks else f"{_LETTER}+"
    return [part for run in re.findall(word, text) for part in _parts(run.strip(_JOINERS))]


def is_word(run: str) -> bool:
    """Whether letters are a word: one alone is one only in scripts without small letters, such as Chinese.

    >>> is_word("a"), is_word("ab"), is_word("雨")
    (False, True, True)
    """
    return len(run) > 1 or unicodedata.category(run) == "Lo"


def _is_mark(char: str) -> bool:
    return unicodedata.category(char).startswith("M")


def _parts(run: str) -> Iterator[str]:
    """A run of letters, parted where a capital follows a small letter."""
    start = 0
    for at in range(1, len(run)):
        if run[at].isupper() and run[at - 1].islower():
            yield run[start:at]
            start = at
    yield run[start:]


def words(text: str) -> list[str]:
    """Content words of a text or a file name, lower case, without plural s.

    >>> words("Old_doorCreaks-02.wav in the barn")
    ['old', 'door', 'creak', 'barn']
    """
    found = [word.lower() for word in whole_words(text)]
    return [_singular(w) for w in found if w not in STOP_WORDS and is_word(w)]


def spellings(text: str) -> dict[str, str]:
    """How the content words of a text (`words`) are written in it, where first.

    >>> spellings("Christmas bells, Bells")
    {'christma': 'Christmas', 'bell': 'bells'}
    """
    found: dict[str, str] = {}
    for word in whole_words(text):
        if word.lower() not in STOP_WORDS and is_word(word):
            found.setdefault(_singular(word.lower()), word)
    return found


def _singular(word: str) -> str:
    """A crude singular, the same for query and name: what counts is that they meet."""
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")) else word


def spoken_name(sound: Sound) -> str:
    """The words a person would read off a sound: folders, file name, title and tags.

    >>> spoken_name(Sound("nature/heavy_rain.ogg", "/x", 3.0, "sfx", title="Rain on roof"))
    'nature heavy rain roof'
    """
    return " ".join(dict.fromkeys(words(" ".join([stem_path(sound.path), sound.title, *sound.tags]))))


class NameIndex:
    """Names of a library's sounds, to be matched by common words; rare words count more (idf)."""

    def __init__(self, names: Sequence[str]) -> None:
        """`names`: one per sound, as `spoken_name` gives them."""
        self._count = len(names)
        self._words = [frozenset(name.split()) for name in names]
        holders: dict[str, list[int]] = {}
        for sound, found in enumerate(self._words):
            for word in found:
                holders.setdefault(word, []).append(sound)
        self._holders = {word: np.array(sounds) for word, sounds in holders.items()}

    def common(self, query: Sequence[str], sound: int) -> tuple[str, ...]:
        """Words of the query in a sound's name, in the query's order."""
        return tuple(dict.fromkeys(word for word in query if word in self._words[sound]))

    def rate(self, query: Sequence[str]) -> NDArray[np.float32]:
        """Share of the query's idf found in each name, [s] in [0, 1]; words that no name has don't count."""
        asked = {word: self._holders[word] for word in query if word in self._holders}
        idf = {word: float(np.log(1 + self._count / len(sounds))) for word, sounds in asked.items()}
        rated = np.zeros(self._count, np.float32)
        for word, sounds in asked.items():
            rated[sounds] += idf[word] / sum(idf.values())
        return rated
