"""Whether a rewritten caption says only what the captions say that it was made of: models invent.

Words are compared without their inflection; a new word passes where it lies near a word of the source in the space of
a text encoder, as a synonym does. Names, numbers and what is no English description at all are found by rule. The
nearness that passes was chosen on half of the classes of AudioSet and measured on the other half
(`benchmarks/quality/annotate.py`).
"""

import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from storysound.annotate.sentences import split_sentences
from storysound.encode.encoder import Encoder
from storysound.encode.gloss import of_text
from storysound.encode.labels import text_vectors
from storysound.media.arrays import Floats

NEAR = 0.4  # cosine from which a new word is another word for something in the source
MOST_WORDS, MOST_SENTENCES = 80, 5
# What a caption may say of itself, of time and of how things go together.
_FREE = frozenset(
    "seen shown heard begun began gave given came gone went became held made kept front describe depict mark "
    "video clip scene footage film shot picture image frame screen display show see view look appear visible "
    "present hear sound audio audible listen noise listener viewer background foreground accompany feature contain "
    "include begin start open end finish continue last remain stay follow come go become turn change switch give "
    "play fill time moment second minute while during throughout whole entire first then later next finally once "
    "twice thrice several repeatedly again initially eventually together alongside along brief briefly short "
    "shortly long steady steadily constant constantly ongoing persistent there perhaps possibly may seem likely "
    "apparently silent silence quiet one two three four five six seven eight nine ten occur happen emerge set focus "
    "center near approximately roughly about around note final initial early late beginning middle point mark "
    "setting thing object item intermittently occasionally simultaneously meanwhile subsequently afterwards before "
    "transition shift move distinct clear clearly soft loud".split()
)
_NUMBERS = {word: str(n) for n, word in enumerate("zero one two three four five six seven eight nine ten".split())}
_NUMBERS |= {"once": "1", "twice": "2", "thrice": "3"}
_META = re.compile(
    r"(?i)\b(as an ai|language model|i can(?:no|')t|i'm|sorry|here (?:is|are)|sure[,!]|rephrased|caption)\b"
)


class Faithful:
    """Judges rewritten captions; safe for several threads as its encoder is."""

    def __init__(self, text: Encoder[Any], lemma: Callable[[str], str], near: float = NEAR) -> None:
        """`lemma`: a word without its inflection."""
        self._text, self._lemma, self._near = text, lemma, near
        self._vectors: dict[str, Floats] = {}

    def fault(self, answer: str, sources: Sequence[str]) -> str:
        """Why an answer can't be taken for a rewriting of its sources; "" where it can."""
        if not answer:
            return "is empty"
        if len(answer.split()) > MOST_WORDS or len(split_sentences(answer)) > MOST_SENTENCES:
            return f"is longer than {MOST_WORDS} words or {MOST_SENTENCES} sentences"
        if not _is_english(answer):
            return "is no English description"
        if found := _META.search(answer):
            return f"speaks of itself: {found[0]!r}"
        if strange := self.invented(answer, sources):
            return f"says what its captions don't: {', '.join(strange[:5])}"
        return ""

    def invented(self, answer: str, sources: Sequence[str]) -> tuple[str, ...]:
        """What an answer says beyond its sources: names, numbers and words for other things."""
        source = " ".join(sources)
        known = set(of_text(source, self._lemma))
        out = [name for name in _names(answer) if name.lower() not in source.lower()]
        out += [number for number in _numbers(answer) if number not in _numbers(source)]
        taken = {word.lower() for word in out}
        new = [word for word in dict.fromkeys(of_text(answer, self._lemma)) if word not in known | taken]
        return (*out, *(word for word in new if not (_is_free(word) or self._is_near(word, known))))

    def _is_near(self, word: str, known: set[str]) -> bool:
        """Whether a word lies near one of the source, or is spelt like it but for its ending."""
        if any(word[:5] == other[:5] for other in known if len(word) > 4 and len(other) > 4):
            return True
        own = self._vector(word)
        return any(float(own @ self._vector(other)) >= self._near for other in known - _FREE)

    def _vector(self, word: str) -> Floats:
        if word not in self._vectors:
            self._vectors[word] = np.asarray(text_vectors(self._text, [word])[0], np.float32)
        return self._vectors[word]


def _is_free(word: str) -> bool:
    """Whether every caption may say a word, whatever its ending.

    >>> [_is_free(word) for word in ("shown", "followed", "scenes", "castle")]
    [True, True, True, False]
    """
    bare = [word, *(word.removesuffix(ending) for ending in ("s", "es", "ed", "d", "ing", "ly", "ning"))]
    return any(form in _FREE or f"{form}e" in _FREE for form in bare)


def _names(text: str) -> list[str]:
    """Capitalised words that don't begin a sentence.

    >>> _names("A dog called Rex barks. It is in Paris.")
    ['Rex', 'Paris']
    """
    inner = [re.sub(r"^\W*\w+", "", sentence) for sentence in split_sentences(text)]
    return [word for part in inner for word in re.findall(r"\b[A-Z][\w-]*", part) if word != "I"]


def _numbers(text: str) -> list[str]:
    """Numbers in figures or in words, in figures.

    >>> _numbers("Two dogs bark at 2.5 s, once.")
    ['2', '2.5', '1']
    """
    found = re.findall(r"\d+(?:\.\d+)?|[a-z]+", text.lower())
    return [_NUMBERS.get(word, word) for word in found if word[0].isdigit() or word in _NUMBERS]


def _is_english(text: str) -> bool:
    """Whether it is written as English is: Latin letters, words among them that every description has."""
    letters = [c for c in text if c.isalpha()]
    plain = sum(c.isascii() for c in letters)
    usual = {"a", "an", "the", "is", "are", "of", "in", "on", "and", "with", "to", "at", "it", "from", "by", "then"}
    words = re.findall(r"[a-z']+", text.lower())
    return bool(words) and plain >= 0.95 * len(letters) and "{" not in text and not usual.isdisjoint(words)
