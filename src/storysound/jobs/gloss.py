"""`storysound gloss`: what texts and sounds are about, in bare words and in order.

Of a text: its content words, uninflected (the rule). Of a sound: the names of what is heard, by the time it begins. Or
of both what a trained model of Langue2Gloss says.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from pathlib import Path
from typing import Literal

from storysound.annotate.events import Heard
from storysound.config import Profile
from storysound.encode import gloss, lemmas
from storysound.encode.lemmas import Lemmas
from storysound.encode.wording import synonyms
from storysound.errors import UsageError
from storysound.ingest.captions import SUFFIXES, read_captions
from storysound.ingest.tables import TABLES
from storysound.jobs.listen import Ears, ears_of, listen
from storysound.media.files import check_readable
from storysound.metrics.ptb import tokens
from storysound.trained.langue2gloss import Trained, load_trained
from storysound.weights.resolver import Resolver

TEXTS = tuple(suffix for suffix in SUFFIXES if suffix not in TABLES)  # files that are read: .srt, .vtt, .ass, .txt
_FILE_NAME = re.compile(r"\s*(?:\S*/)?[^/\s]+\.(?:[A-Za-z]\w{0,4}|3gp|3g2)\s*")


@dataclass(frozen=True)
class Glossed:
    """A text, or the path of a file, and its gloss; `way`: how it was made."""

    source: str
    way: Literal["rule", "heard", "learned"]
    words: tuple[str, ...]


class Glosser:
    """Makes glosses; what that needs is loaded when it is first needed."""

    def __init__(self, profile: Profile, weights: Resolver, learned: Path | None = None) -> None:
        """`learned`: best.safetensors of a run of `storysound train langue2gloss`. Raises InputError for another."""
        self._profile, self._weights = profile, weights
        self._learned: Trained | None = load_trained(learned, weights, "gloss") if learned else None

    def of(self, source: str) -> Glossed:
        """Of a text, or of the file of that name.

        Raises MediaError and InputError for a file that can't be read, UsageError for nothing to read.
        """
        file = Path(source)
        if not _is_file(source):
            return self.of_text(source, source)
        if file.suffix.lower() in TEXTS:
            return self.of_text(" ".join(caption.text for caption in read_captions(file).only), source)
        check_readable(file)
        if self._learned:
            return Glossed(source, "learned", self._learned.of_sound(file))
        return Glossed(source, "heard", self.of_heard(listen(file, self._ears)))

    def of_text(self, text: str, source: str) -> Glossed:
        """Of a text from `source`. Raises UsageError where it has no words."""
        if not tokens(text):
            raise UsageError(f"{source!r}: has no words to gloss")
        if self._learned:
            return Glossed(source, "learned", self._learned.of_texts([text])[0])
        return Glossed(source, "rule", gloss.of_text(text, self._lemmas.of))

    def of_heard(self, heard: Heard) -> tuple[str, ...]:
        """The first name of each event's class, glossed, in the order in which they begin; not twice in a row."""
        names = [synonyms(event.label)[0].partition("(")[0] for event in heard.events]
        return tuple(word for name, _ in groupby(names) for word in gloss.of_text(name, self._lemmas.of))

    @cached_property
    def _lemmas(self) -> Lemmas:
        return lemmas.load(self._weights)

    @cached_property
    def _ears(self) -> Ears:
        return ears_of(self._profile, self._weights)


def _is_file(source: str) -> bool:
    """Whether a file is meant: there is one, or it is one word with the ending of a file."""
    try:
        return Path(source).is_file() or bool(_FILE_NAME.fullmatch(source))
    except (OSError, ValueError):  # too long for a name, or a zero byte in it
        return False


def gloss_all(
    sources: Sequence[str], profile: Profile, weights: Resolver, learned: Path | None = None
) -> Iterator[Glossed]:
    """One gloss for each text or file; raises as `Glosser`."""
    glosser = Glosser(profile, weights, learned)
    for source in sources:
        yield glosser.of(source)
