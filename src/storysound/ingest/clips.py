"""Which stretches of which videos make a story: one key clip each, or short consecutive clips joined in order."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path

from storysound.errors import UsageError
from storysound.ingest.captions import Caption
from storysound.media.endings import stem_path
from storysound.media.files import natural_key
from storysound.story import Source

_LSMDC = re.compile(r"(?P<film>.+?)[_-]\d\d\.\d\d\.\d\d\.\d\d\d-\d\d\.\d\d\.\d\d\.\d\d\d$")
_ID_TAIL = re.compile(r"@\d+\.\d{3}(#\d+)?$|#\d+$")  # a name that ends so could be mistaken for a clip of another


@dataclass(frozen=True)
class VideoClip:
    """A stretch of a video with what is said about it. `end_s` None: to the end of the video."""

    file: str  # absolute
    name: str  # of the video: its path below what was given, without ending
    duration_s: float  # as the container states it; what counts later is what decodes
    start_s: float = 0.0
    end_s: float | None = None
    captions: tuple[str, ...] = ()
    film: str = ""  # clips are joined within one
    source: Source = field(default_factory=lambda: Source(""))
    number: int = 1  # among those of the video that begin at the same millisecond, as they are told

    @property
    def id(self) -> str:
        """Tells clips apart, and is the same in every run; more captions leave it to those that had it."""
        is_whole = not self.start_s and self.end_s is None and not _ID_TAIL.search(self.name)
        place = "" if is_whole else f"@{self.start_s:.3f}"
        return self.name + place + (f"#{self.number}" if self.number > 1 else "")


def name_in(clip_id: str) -> str:
    """The name of the video in the id of a clip.

    >>> name_in("a/b@1.500#2"), name_in("a/b#2"), name_in("a/b")
    ('a/b', 'a/b', 'a/b')
    """
    return _ID_TAIL.sub("", clip_id)


@dataclass(frozen=True)
class Join:
    """How far clips are joined: `count` clips, or until near `seconds`."""

    count: int | None = None
    seconds: float | None = None

    def __post_init__(self) -> None:
        given = [value for value in (self.count, self.seconds) if value is not None]
        if len(given) != 1 or given[0] <= 0:
            raise UsageError(f"clips are joined by a count or by seconds above 0, got {self.count}, {self.seconds}")

    @classmethod
    def parse(cls, text: str) -> "Join":
        """Of "20" (clips) or "150s" (seconds). Raises UsageError.

        >>> Join.parse("20"), Join.parse("150s")
        (Join(count=20, seconds=None), Join(count=None, seconds=150.0))
        """
        match = re.fullmatch(r"(\d+)|(\d+(?:\.\d+)?)\s*s(?:ec(?:onds)?)?", text.strip())
        if not match:
            raise UsageError(f"takes a number of clips (20) or of seconds (150s), got {text!r}", field="joining")
        return cls(int(match[1])) if match[1] else cls(seconds=float(match[2]))


def clips_of(
    file: Path, name: str, duration_s: float, captions: Sequence[Caption], source: Source, *, split: bool
) -> list[VideoClip]:
    """Clips of one video, in time order.

    Captions with an end are clips of their own. All others are of the whole video; with `split` those that begin at
    different times divide it, each stretch lasting until the next begins, so that it can be joined anew.
    """
    ordered = sorted(captions, key=lambda caption: caption.start_s or 0.0)
    base = VideoClip(str(file), name, duration_s, source=source)
    own = [caption for caption in ordered if caption.end_s is not None]
    rest = [caption for caption in ordered if caption.end_s is None]
    found = [_clip(base, [caption], caption.start_s or 0.0, caption.end_s) for caption in own]
    starts = sorted({caption.start_s or 0.0 for caption in rest})
    if split and len(starts) > 1 and not own:
        edges = [0.0, *(start for start in starts[1:] if start < duration_s)]
        spans = [*pairwise(edges), (edges[-1], None)]
        for start_s, end_s in spans:
            until = end_s or float("inf")
            texts = [caption for caption in rest if start_s <= (caption.start_s or 0.0) < until]
            found.append(_clip(base, texts, start_s, end_s))
    elif rest or not found:
        found.append(_clip(base, rest, 0.0, None))
    return list(_numbered(found))


def _numbered(clips: Iterable[VideoClip]) -> Iterator[VideoClip]:
    """Clips with numbers, so that no two have the same id."""
    seen: Counter[str] = Counter()
    for clip in clips:
        seen[clip.id] += 1
        yield replace(clip, number=seen[clip.id])


def _clip(base: VideoClip, captions: Sequence[Caption], start_s: float, end_s: float | None) -> VideoClip:
    first = captions[0] if captions else Caption("")
    source = base.source
    stated = Source(
        first.uri or source.uri, source.sha256, first.licence or source.licence, first.credit or source.credit
    )
    texts = tuple(caption.text for caption in captions if caption.text)
    film = first.film or film_of(base.file)
    length_s = (base.duration_s if end_s is None else min(end_s, base.duration_s)) - start_s
    return VideoClip(base.file, base.name, max(0.0, length_s), start_s, end_s, texts, film, stated)


def film_of(name: str) -> str:
    """The film a clip is cut from: by LSMDC's way of naming, else its folder.

    >>> film_of("1001_Film/1001_Film_00.00.51.926-00.00.54.129"), film_of("holiday/3"), film_of("3")
    ('1001_Film', 'holiday', '')
    """
    match = _LSMDC.match(stem_path(name).rpartition("/")[2])
    return match["film"] if match else name.rpartition("/")[0]


def join(clips: Iterable[VideoClip], how: Join | None) -> list[tuple[VideoClip, ...]]:
    """Stories as tuples of clips; without `how` each clip is one.

    Joined are clips of one film, in the order of their names and times. By seconds, a story ends where one more clip
    would bring it farther from that length (Sound of Story, 3.1: "until their combined length is similar"). The last
    clips of a film are a story of their own, however short.
    """
    if how is None:
        return [(clip,) for clip in clips]
    films: dict[str, list[VideoClip]] = {}
    for clip in clips:
        films.setdefault(clip.film, []).append(clip)
    stories: list[tuple[VideoClip, ...]] = []
    for film in films.values():
        film.sort(key=lambda clip: (natural_key(Path(clip.name)), clip.start_s))
        story: list[VideoClip] = []
        for clip in film:
            if story and _is_full(story, clip, how):
                stories.append(tuple(story))
                story = []
            story.append(clip)
        stories.append(tuple(story))
    return stories


def _is_full(story: Sequence[VideoClip], following: VideoClip, how: Join) -> bool:
    if how.seconds is None:
        return len(story) >= (how.count or 1)
    length_s = sum(clip.duration_s for clip in story)
    return abs(length_s + following.duration_s - how.seconds) > abs(length_s - how.seconds)
