"""Lemmas: the uninflected forms of English words, out of a table of 80,000.

LemmInflect's table (MIT; after the SPECIALIST Lexicon) is read as it lies in the weight cache; its Python code, which
loads pickles, isn't used. Words are looked up without their sentence, so the kind of word is guessed from its ending.
"""

import gzip
from collections import defaultdict
from collections.abc import Mapping

from storysound.weights.resolver import Resolver

# Names of things that look like activities; everywhere else in descriptions "-ing" is something going on.
_THINGS = frozenset(
    "beginning building ceiling clothing crossing dressing evening feeling icing landing lightning meaning morning "
    "painting railing recording saying setting string swing thing wedding wing".split()
)
_KINDS = {"s": ("noun", "verb"), "ing": ("verb", "adj", "noun"), "ed": ("verb", "adj", "noun")}
_ANY = ("noun", "verb", "adj", "adv", "aux")
_ENDINGS = ("ing", "ed", "es", "s")


class Lemmas:
    """A table of word -> kind -> lemmas."""

    def __init__(self, table: Mapping[str, Mapping[str, tuple[str, ...]]]) -> None:
        self._table = table

    def of(self, word: str) -> str:
        """The lemma of a word in lower case; of words that aren't known an ending is taken off if a known word is left.

        What is its own lemma as a noun stays ("saw", "left"), but for -ing and -ed, which are taken as verbs.
        """
        kinds = self._table.get(word, {})
        ending = next((end for end in _KINDS if word.endswith(end)), "")
        if not kinds or (ending in {"ing", "ed"} and kinds.keys() == {"noun"}):
            bare = next((word.removesuffix(end) for end in _ENDINGS if word.endswith(end)), word)
            return bare if "verb" in self._table.get(bare, {}) else word
        if word in _THINGS or (ending not in _KINDS and any(word in kinds.get(kind, ()) for kind in _ANY)):
            return word
        lemmas = next(kinds[kind] for kind in (*_KINDS.get(ending, ()), *_ANY) if kind in kinds)
        return word if word in lemmas and ending != "s" else min(lemmas, key=len)


def load(weights: Resolver) -> Lemmas:
    """The table. Raises MissingModelError where it isn't there."""
    table: dict[str, dict[str, tuple[str, ...]]] = defaultdict(dict)
    with gzip.open(weights.path("lemmas"), "rt", encoding="utf-8") as lines:
        for line in lines:
            word, kind, lemmas = line.rstrip("\n").split(",")
            table[word][kind] = tuple(lemmas.split("/"))
    return Lemmas(table)
