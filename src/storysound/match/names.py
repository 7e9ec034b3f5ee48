"""What the names and tags of sounds have in common with a query's words."""

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from storysound.encode.wording import FUNCTION_WORDS
from storysound.story import Sound

_WORD = re.compile(r"[^\W\d_]+|\d+")
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")
# Words that say nothing about what is heard.
STOP_WORDS = FUNCTION_WORDS | frozenset(
    "aiff audio clip effect file flac m4a mp3 ogg opus sample sfx sound wav".split()
)


def words(text: str) -> list[str]:
    """Content words of a text or a file name, lower case, without plural s.

    >>> words("Old_doorCreaks-02.wav in the barn")
    ['old', 'door', 'creak', 'barn']
    """
    found = _WORD.findall(_CAMEL.sub(" ", text).lower())
    return [_singular(w) for w in found if w not in STOP_WORDS and not w.isdigit() and len(w) > 1]


def _singular(word: str) -> str:
    """A crude singular, the same for query and name: what counts is that they meet."""
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")) else word


def spoken_name(sound: Sound) -> str:
    """The words a person would read off a sound: folders, file name, title and tags.

    >>> spoken_name(Sound("nature/heavy_rain.ogg", "/x", 3.0, "sfx", title="Rain on roof"))
    'nature heavy rain roof'
    """
    stem = sound.path.rsplit(".", 1)[0]
    return " ".join(dict.fromkeys(words(" ".join([stem, sound.title, *sound.tags]))))


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
