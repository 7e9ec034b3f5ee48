"""Words of a closed vocabulary, by number."""

import re
from dataclasses import dataclass
from functools import cached_property

from storysound.errors import UsageError

_WORD = re.compile(r"[a-z]+")


@dataclass(frozen=True)
class Lexicon:
    """Words in lower case, by number from 1 on."""

    words: tuple[str, ...]

    @cached_property
    def _number(self) -> dict[str, int]:
        return {word: number for number, word in enumerate(self.words, 1)}

    def numbers(self, text: str, longest: int) -> list[int]:
        """Those of the first `longest` words of a text that are known, then zeros.

        Raises UsageError for a text without any of them.

        >>> Lexicon(("a", "ball", "falls")).numbers("A red ball falls", 5)
        [1, 2, 3, 0, 0]
        """
        known = [self._number[word] for word in self._of(text) if word in self._number][:longest]
        if not known:
            raise UsageError(f"{text!r} has no word that the model knows; it knows {', '.join(self.words)}")
        return known + [0] * (longest - len(known))

    def unknown(self, text: str) -> list[str]:
        """Words of a text that are not in it.

        >>> Lexicon(("a", "ball", "falls")).unknown("A red ball falls")
        ['red']
        """
        return [word for word in self._of(text) if word not in self._number]

    @staticmethod
    def _of(text: str) -> list[str]:
        return _WORD.findall(text.lower())
