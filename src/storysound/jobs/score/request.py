"""What `score` is asked for, and what comes of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from storysound.cue.levels import Levels
from storysound.cue.score import Score
from storysound.errors import UsageError
from storysound.story import Mood, Story

LicencePolicy = Literal["any", "commercial"]
LEAST_GAIN_DB, MOST_GAIN_DB = -40.0, 20.0


@dataclass(frozen=True)
class ScoreRequest:
    """A story to be given its sound: where it lies, what to score it with, and what the user decides."""

    story: Path  # a video, or a folder of pictures with a story.txt
    library: Path  # made by `index`
    out: Path  # video to write: .mp4, .mov, .mkv or .webm
    text: str = ""  # about the whole story
    mood: Mood | None = None  # of the music; overrules what pictures and text say
    music: bool = True  # a bed under the scenes
    effects: bool = True  # ambience and spot effects
    keep_original: bool = True  # the clip's own sound
    replace: bool = False  # takes out the music a clip already has, and scores it anew
    music_gain_db: float = 0.0  # louder or softer than it would be
    effects_gain_db: float = 0.0
    ignore_names: bool = False  # judges by sound alone, never by names or tags
    licence_policy: LicencePolicy = "any"  # commercial: only sounds that may be sold
    rerank: str = "none"  # a trained model that judges the best again, as `jobs.find` takes it
    report: Path | None = None  # folder for sheets and page; by default they lie beside the video

    def __post_init__(self) -> None:
        if self.replace and not self.keep_original:
            raise UsageError("keeps the voices of the original: it can't go without `keep_original`", field="replace")
        for field in ("music_gain_db", "effects_gain_db"):
            value = getattr(self, field)
            if not LEAST_GAIN_DB <= value <= MOST_GAIN_DB:
                fault = f"must lie in [{LEAST_GAIN_DB:g}, {MOST_GAIN_DB:g}] dB, got {value}"
                raise UsageError(fault, field=field)
        if self.licence_policy not in ("any", "commercial"):
            raise UsageError(f"is any or commercial, got {self.licence_policy!r}", field="licence_policy")

    @property
    def levels(self) -> Levels:
        """The usual levels, with the user's gains on top."""
        return Levels(music_db=self.music_gain_db, effects_db=self.effects_gain_db)


@dataclass(frozen=True)
class ScoreResult:
    """What came of it."""

    score: Score
    story: Story  # as it was understood
    files: Mapping[str, Path]  # by kind: video, json, csv, otio, report
    notes: tuple[str, ...]  # what the user should know
    seconds: Mapping[str, float]  # per step
