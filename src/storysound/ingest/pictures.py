"""A folder of pictures, and films among them, with a text: a story that is told page by page."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from pathlib import Path

from storysound.errors import InputError, MediaError
from storysound.media.files import natural_key, read_text
from storysound.media.film.mux import picture_end_s
from storysound.story import Span

PICTURE_SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".heic", ".heif", ".avif"}
)
FILM_SUFFIXES = frozenset({".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mts", ".m2ts", ".3gp"})
TEXT = "story.txt"
WORDS_PER_S = 2.5  # unhurried reading
SHORTEST_S, LONGEST_S, WORDLESS_S = 4.0, 12.0, 5.0  # how long a picture stays
LEAST_S = 1.0  # under a narration that leaves less
SHOWN_FPS = 25.0  # of the slideshow
MOST_NAMED = 8  # files that are passed over


@dataclass(frozen=True)
class Show:
    """How long each picture of a folder is shown."""

    seconds: float | None = None  # each the same; None: as long as its words take to read
    narration: Path | None = None  # a voice that tells the story: the pictures share its length
    spans: tuple[Span, ...] = ()  # of all pictures and films, where that was decided before
    fps: float = SHOWN_FPS  # of the slideshow


@dataclass(frozen=True)
class Page:
    """A picture or a film of the story, what is told of it, and when it is shown."""

    file: Path
    text: str
    span: Span
    is_film: bool


def shown_files(folder: Path) -> list[Path]:
    """Pictures and films of a folder in name order, hidden ones left out. Raises MediaError where there are none."""
    try:
        files = [file for file in _shown(folder) if file.suffix.lower() in PICTURE_SUFFIXES | FILM_SUFFIXES]
    except OSError as error:
        raise MediaError(folder, f"can't be read: {error.strerror}", "check its rights") from error
    if not files:
        kinds = ", ".join(sorted(s[1:] for s in PICTURE_SUFFIXES | FILM_SUFFIXES))
        raise MediaError(folder, "has no pictures in it", f"put some there ({kinds}) beside {TEXT}")
    return files


def pages_of(
    folder: Path, files: Sequence[Path], show: Show, narration_s: float | None = None
) -> tuple[tuple[Page, ...], tuple[str, ...]]:
    """Pictures and films (`files`) of a folder with their shares of story.txt; and what is passed over, in words.

    Paragraphs (see `captions`) go to pages in order; with unequal counts they are spread evenly. A picture stays as
    long as its words take to read, 4 to 12 seconds, or as `show` has it; a film plays whole. Under a narration of
    `narration_s` the pictures share what the films leave of it, each by its words, and get LEAST_S at least.
    Raises MediaError, InputError for a text that can't be read, and where `show` has spans for another number of pages.
    """
    kinds = PICTURE_SUFFIXES | FILM_SUFFIXES
    others = [f.name for f in _shown(folder) if f.suffix.lower() not in kinds and f.name != TEXT]
    text = read_text(folder / TEXT) if (folder / TEXT).exists() else ""
    texts, read_s = spread(captions(text, len(files)), len(files))
    if show.spans:
        if len(show.spans) != len(files):
            fault = f"has {len(files)} pictures and films, the sheet shows {len(show.spans)}"
            raise InputError(folder, fault, "plan it into a new sheet")
        spans = show.spans
    else:
        films_s = [picture_end_s(file) if file.suffix.lower() in FILM_SUFFIXES else None for file in files]
        lengths_s = _lengths_s(read_s, films_s, show.seconds, narration_s)
        spans = tuple(Span(a, b) for a, b in pairwise(accumulate(lengths_s, initial=0.0)))
    pages = (
        Page(file, said, span, file.suffix.lower() in FILM_SUFFIXES)
        for file, said, span in zip(files, texts, spans, strict=True)
    )
    return tuple(pages), _passed_over(others)


def _lengths_s(
    read_s: Sequence[float], films_s: Sequence[float | None], seconds: float | None, narration_s: float | None
) -> list[float]:
    """Seconds of each page: of a film its own, of a picture by its words, the user's wish, or the narration.

    >>> _lengths_s([4.0, 4.0, 8.0], [None, 6.0, None], None, 30.0)
    [8.0, 6.0, 16.0]
    """
    pictures_s = [seconds or own_s for own_s, film_s in zip(read_s, films_s, strict=True) if film_s is None]
    share = 1.0
    if narration_s is not None and pictures_s:
        share = max(0.0, narration_s - sum(film_s for film_s in films_s if film_s is not None)) / sum(pictures_s)
    least_s = LEAST_S if narration_s is not None else 0.0
    return [
        max(share * (seconds or own_s), least_s) if film_s is None else film_s
        for own_s, film_s in zip(read_s, films_s, strict=True)
    ]


def _passed_over(names: Sequence[str]) -> tuple[str, ...]:
    if not names:
        return ()
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return (f"passed over, being no pictures, films or {TEXT}: {', '.join(names[:MOST_NAMED])}{more}",)


def picture_files(folder: Path) -> list[Path]:
    """Pictures of a folder in name order, hidden ones left out. Raises OSError."""
    return [file for file in _shown(folder) if file.suffix.lower() in PICTURE_SUFFIXES]


def _shown(folder: Path) -> list[Path]:
    """What lies in a folder and isn't hidden, in name order. Raises OSError."""
    return sorted((p for p in folder.iterdir() if not p.name.startswith(".")), key=natural_key)


def paragraphs(text: str) -> list[str]:
    r"""Paragraphs of a text, each as one line.

    >>> paragraphs("One\ntwo.\n\n\nThree.")
    ['One two.', 'Three.']
    """
    return [" ".join(part.split()) for part in re.split(r"\n\s*\n", text.replace("\r\n", "\n")) if part.strip()]


def captions(text: str, count: int) -> list[str]:
    r"""Paragraphs of a text; its lines, where it has no blank ones and as many lines as there are pages.

    >>> captions("One.\nTwo.\n", 2)
    ['One.', 'Two.']
    """
    parts = paragraphs(text)
    lines = [" ".join(line.split()) for line in text.splitlines() if line.strip()]
    return lines if len(parts) == 1 and len(lines) == count else parts


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
