"""What words of stories ask of music, as the table has it that counts for a library."""

from dataclasses import dataclass
from pathlib import Path

from storysound.encode import lemmas
from storysound.encode.pool import Models
from storysound.library.store import Library
from storysound.match.story_words import Concept, Mention, of_library, shipped
from storysound.progress import Watch


@dataclass(frozen=True)
class StoryWordsRequest:
    """A text to be looked at by the table of story words; without one the whole table is told."""

    text: str = ""
    library: Path | None = None  # whose own table goes over ours


@dataclass(frozen=True)
class StoryWordsResult:
    """What a text speaks of, most first; or everything the table knows."""

    mentions: tuple[Mention, ...]
    concepts: tuple[Concept, ...]
    weight: float


def run(request: StoryWordsRequest, models: Models, watch: Watch) -> StoryWordsResult:
    """Raises LibraryError, InputError for a table with a fault, MissingModelError where lemmas aren't there."""
    watch.check()
    words = of_library(Library.open(request.library).folder) if request.library else shipped()
    if not request.text.strip():
        return StoryWordsResult((), tuple(words.concepts.values()), words.weight)
    mentions = words.mentions(request.text, models.get("lemmas", lemmas.load).of)
    return StoryWordsResult(mentions, tuple(each.concept for each in mentions), words.weight)
