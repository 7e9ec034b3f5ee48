"""A folder of pictures with a text: a story that is told page by page."""

import re
from itertools import pairwise
from pathlib import Path

import numpy as np

from storysound.errors import MediaError
from storysound.media.files import natural_key, read_text
from storysound.story import Frame, Source, Span, Story

PICTURE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff"})
WORDS_PER_S = 2.5  # unhurried reading
SHORTEST_S, LONGEST_S, WORDLESS_S = 4.0, 12.0, 5.0  # how long a picture stays
SHOWN_FPS = 25.0  # of the slideshow


def story_of_folder(folder: Path) -> Story:
    """The story of a folder: pictures in name order, a shot and a unit each, with their shares of story.txt.

    Paragraphs (parted by blank lines) go to pictures in order; with unequal counts they are spread evenly. A picture
    stays as long as its words take to read, 4 to 12 seconds.
    Raises MediaError where there are no pictures, InputError for a text that can't be read.
    """
    try:
        files = picture_files(folder)
        text_file = folder / "story.txt"
        text = read_text(text_file) if text_file.exists() else ""
    except OSError as error:
        raise MediaError(folder, f"can't be read: {error.strerror}", "check its rights") from error
    if not files:
        kinds = ", ".join(sorted(s[1:] for s in PICTURE_SUFFIXES))
        raise MediaError(folder, "has no pictures in it", f"put some there ({kinds}) beside story.txt")
    texts, lengths_s = spread(paragraphs(text), len(files))
    edges = np.concatenate([[0.0], np.cumsum(lengths_s)]).tolist()
    shots = tuple(Span(a, b) for a, b in pairwise(edges))
    name = folder.resolve().name
    return Story(
        id=name,
        title=name,
        frames=tuple(Frame(str(f), (s.start_s + s.end_s) / 2) for f, s in zip(files, shots, strict=True)),
        shots=shots,
        units=shots,
        texts=texts,
        source=Source(str(folder)),
        duration_s=edges[-1],
        fps=SHOWN_FPS,
    )


def picture_files(folder: Path) -> list[Path]:
    """Pictures of a folder in name order, hidden ones left out. Raises OSError."""
    shown = (p for p in folder.iterdir() if p.suffix.lower() in PICTURE_SUFFIXES and not p.name.startswith("."))
    return sorted(shown, key=natural_key)


def paragraphs(text: str) -> list[str]:
    r"""Paragraphs of a text, each as one line.

    >>> paragraphs("One\ntwo.\n\n\nThree.")
    ['One two.', 'Three.']
    """
    return [" ".join(part.split()) for part in re.split(r"\n\s*\n", text.replace("\r\n", "\n")) if part.strip()]


def spread(parts: list[str], count: int) -> tuple[tuple[str, ...], list[float]]:
    """(text, seconds) of `count` pictures from the paragraphs of a story.

    More paragraphs than pictures: neighbours share one. Fewer: a paragraph stays for several pictures, which share
    its reading time.

    >>> spread(["a " * 20, "b " * 10], 3)[1]
    [4.0, 4.0, 4.0]
    """
    if not parts:
        return ("",) * count, [WORDLESS_S] * count
    if len(parts) >= count:
        bounds = [round(i * len(parts) / count) for i in range(count + 1)]
        texts = [" ".join(parts[a:b]) for a, b in pairwise(bounds)]
        words = [float(len(t.split())) for t in texts]
    else:
        owner = [min(i * len(parts) // count, len(parts) - 1) for i in range(count)]
        texts = [parts[o] for o in owner]
        words = [len(parts[o].split()) / owner.count(o) for o in owner]
    return tuple(texts), [min(max(w / WORDS_PER_S, SHORTEST_S), LONGEST_S) for w in words]
