"""Parallel files: texts and sounds beside the words they should become, one pair a line, `source<TAB>target`.

A source that names a sound file, seen from the folder of the list, is heard, every other one is read. A line without a
tab is a text alone: of glosses, its target is the rule gloss; of captions, it is the target, and its own rule gloss is
the text.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from storysound.encode import gloss
from storysound.errors import InputError
from storysound.media.files import read_text
from storysound.metrics.ptb import tokens


@dataclass(frozen=True)
class ParallelPair:
    """A text, or a sound, and the words it should become; `given`: the target was, and isn't the rule's."""

    text: str
    sound: Path | None
    target: tuple[str, ...]
    given: bool


def read_pairs(file: Path, writes: Literal["gloss", "caption"], lemma: Callable[[str], str]) -> list[ParallelPair]:
    """The pairs of a parallel file. Raises InputError for a file that has none, or a line without source or target."""
    found = []
    for number, line in enumerate(read_text(file).splitlines(), 1):
        source, tab, target = line.partition("\t")
        source, target = source.strip(), target.strip()
        if not source and not tab:
            continue
        if not source or (tab and not target):
            raise InputError(
                file, f"line {number} lacks its {'target' if source else 'source'}", "write source<TAB>target"
            )
        sound = file.parent / source if tab and _is_file(file.parent / source) else None
        words = tuple(tokens(target) if tab else gloss.of_text(source, lemma) if writes == "gloss" else tokens(source))
        text = "" if sound else source if tab or writes == "gloss" else " ".join(gloss.of_text(source, lemma))
        if words and (sound or text):
            found.append(ParallelPair(text, sound, words, bool(tab)))
    if not found:
        raise InputError(file, "holds no pairs", "write source<TAB>target, or a text, on each line")
    return found


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a text is no file name
        return False
