"""What kind of story a path is; and those without pictures in parts: texts by paragraph, sounds at pauses."""

from itertools import accumulate, pairwise
from pathlib import Path
from typing import Literal

import numpy as np

from storysound.errors import InputError, MediaError
from storysound.ingest.pictures import SHORTEST_S, SHOWN_FPS, WORDS_PER_S, paragraphs
from storysound.media.files import check_readable, read_text
from storysound.media.probe import probe
from storysound.media.recording import Recording
from storysound.story import Source, Span, Story

StoryKind = Literal["film", "pictures", "text", "sound"]

TEXT_SUFFIXES = frozenset({".txt", ".md"})
UNIT_S, LONGEST_S = 15.0, 22.5  # of a sound's parts: about this long, and at the most
_AROUND_S = 5.0  # so far from there a pause is looked for
_CELL_S, _PAUSE_CELLS = 0.05, 6


def kind_of(story: Path) -> StoryKind:
    """A film, pictures (a folder), a text or a sound. Raises MediaError for what is none of them."""
    if story.is_dir():
        return "pictures"
    if story.suffix.lower() in TEXT_SUFFIXES:
        check_readable(story)
        return "text"
    info = probe(story)
    if info.is_still:
        raise MediaError(story, "is a picture, a video is wanted", "put it into a folder, and give that")
    return "film" if info.video else "sound"


def text_story(path: Path) -> Story:
    """The story that a text tells: a unit for each paragraph, as long as it takes to read.

    Marks of headings and quotations (Markdown) at the start of a paragraph are no words. Raises InputError for what is
    no text, or says nothing.
    """
    texts = [bare for part in paragraphs(read_text(path)) if (bare := part.lstrip("#>*-+ \t"))]
    if not texts:
        raise InputError(path, "says nothing", "write what is told there, a paragraph for each thought")
    lengths_s = (max(len(text.split()) / WORDS_PER_S, SHORTEST_S) for text in texts)
    units = tuple(Span(a, b) for a, b in pairwise(accumulate(lengths_s, initial=0.0)))
    name = path.stem
    return Story(
        id=name,
        title=name,
        units=units,
        texts=tuple(texts),
        source=Source(str(path)),
        duration_s=units[-1].end_s,
        fps=SHOWN_FPS,
    )


def sound_story(path: Path, sound: Recording, about: str) -> Story:
    """The story that a sound tells, in parts that end at pauses; `about`: what the user says of the whole."""
    units = between_pauses(sound)
    title = " ".join(probe(path).tags.get("title", "").split())
    return Story(
        id=path.stem,
        title=title or path.stem,
        units=units,
        texts=(about,) * len(units),
        audio=str(path),
        source=Source(str(path)),
        duration_s=sound.duration_s,
        fps=SHOWN_FPS,
    )


def between_pauses(sound: Recording) -> tuple[Span, ...]:
    """Parts of a sound of about UNIT_S, none over LONGEST_S, each ending where it is quietest thereabouts."""
    cell = round(_CELL_S * sound.rate_hz)
    powers = [
        np.add.reduceat(np.square(block, dtype=np.float64).sum(axis=0), np.arange(0, block.shape[1], cell))
        for _, block in sound.blocks()
    ]
    import scipy.ndimage  # rendering knows kinds of stories too, and needs none of it

    quiet = scipy.ndimage.uniform_filter1d(np.concatenate([*powers, np.zeros(0)]), _PAUSE_CELLS, mode="nearest")
    edges = [0.0]
    while sound.duration_s - edges[-1] > LONGEST_S:
        first, last = (round((edges[-1] + UNIT_S + shift) / _CELL_S) for shift in (-_AROUND_S, _AROUND_S))
        edges.append((first + int(np.argmin(quiet[first:last])) + 0.5) * _CELL_S)
    return tuple(Span(a, b) for a, b in pairwise([*edges, sound.duration_s]))
