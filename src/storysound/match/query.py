"""What is looked for in a library, and what is found."""

from dataclasses import dataclass
from pathlib import Path

from storysound.encode.encoder import Encoding
from storysound.errors import UsageError
from storysound.media.arrays import Pixels
from storysound.media.audio import Waveform
from storysound.story import Event, Mood, Sound


@dataclass(frozen=True)
class Query:
    """What is looked for; every part may be missing, not all of them. Raises UsageError where they are.

    Pictures and sounds are files or arrays already at hand (uint8 [h w 3]; `Waveform`).
    """

    id: str = ""
    text: str = ""
    images: tuple[str | Path | Pixels, ...] = ()
    video: str | Path | None = None
    audio: str | Path | Waveform | None = None
    mood: Mood | None = None
    seen: tuple[Encoding, ...] = ()  # what the profile's encoder has said already of the first of `images`

    def __post_init__(self) -> None:
        if not self.text.strip() and not self.images and all(x is None for x in (self.video, self.audio, self.mood)):
            raise UsageError("a query needs `text`, `images`, `video`, `audio` or `mood`")


@dataclass(frozen=True)
class Hit:
    """A sound that fits: its best moment, a score in (0, 1) where 0.5 is the library's average, and the reasons.

    `chance`: how likely it fits, in [0, 1] (`match.chance`); None where nobody knows.
    """

    sound: Sound
    start_s: float
    end_s: float
    score: float
    why: tuple[str, ...]
    events: tuple[Event, ...] = ()  # heard there and meant, best first
    chance: float | None = None
