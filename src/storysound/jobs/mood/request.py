"""What `mood` is asked for and what it answers."""

from dataclasses import dataclass
from pathlib import Path

from storysound.jobs.listen.request import check_plot
from storysound.story import Modality, Mood, MoodMoment


@dataclass(frozen=True)
class MoodRequest:
    """A picture, sound, text or video whose mood shall be told."""

    file: Path
    captions: Path | None = None  # what is said in a video: subtitles, a table, or a folder
    # Others that the captions are of as well: then those of `file` must name it, whereas a file of subtitles is of an
    # only video whatever it is called.
    beside: tuple[Path, ...] = ()
    plot: Path | None = None  # where the mood over time is drawn: .svg or .png
    language: str = ""  # which captions to take where a video has them in several

    def __post_init__(self) -> None:
        check_plot(self.plot)


@dataclass(frozen=True)
class MoodResult:
    """The mood of a file as a whole, and of a video, or of a sound that is drawn, over time, in the order of time."""

    path: str
    modality: Modality
    mood: Mood
    curve: tuple[MoodMoment, ...] = ()
    duration_s: float = 0.0  # 0 for what has no time
    notes: tuple[str, ...] = ()  # what of the captions isn't used
