"""What `plan` is asked for, and what comes of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from storysound.cue.levels import Levels, check_voice_peaks, loudness_target
from storysound.cue.score import Score, Wishes
from storysound.errors import UsageError
from storysound.story import Mood, Story

Layout = Literal["own", "stereo"]
LicencePolicy = Literal["any", "commercial"]
LEAST_GAIN_DB, MOST_GAIN_DB = -40.0, 20.0


@dataclass(frozen=True, kw_only=True)
class PlanOptions:
    """What the user decides of a plan."""

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
    loudness: str = ""  # a target by name (film, ebu, youtube, podcast) or in LUFS; "" is podcast's
    voice_peaks_db: float = (
        0.0  # single peaks of voices may be lowered by so much, for a loudness they leave no room for
    )
    layout: Layout = "own"  # loudspeakers of the result: the film's own, or two
    avoid: tuple[str, ...] = ()  # sounds that must not be used, by their path in the library
    seed: int = 0  # 0 is the best choice, each other one another good choice
    track: int | None = None  # which of the film's sounds is its own, from 0; None: the default one, else the first

    def __post_init__(self) -> None:
        if self.replace and not self.keep_original:
            raise UsageError("keeps the voices of the original: it can't go without `keep_original`", field="replace")
        for field in ("music_gain_db", "effects_gain_db"):
            value = getattr(self, field)
            if not LEAST_GAIN_DB <= value <= MOST_GAIN_DB:
                fault = f"must lie in [{LEAST_GAIN_DB:g}, {MOST_GAIN_DB:g}] dB, got {value}"
                raise UsageError(fault, field=field)
        if self.loudness:
            loudness_target(self.loudness)
        check_voice_peaks(self.voice_peaks_db)
        if self.layout not in ("own", "stereo"):
            raise UsageError(f"is own or stereo, got {self.layout!r}", field="layout")
        if self.licence_policy not in ("any", "commercial"):
            raise UsageError(f"is any or commercial, got {self.licence_policy!r}", field="licence_policy")
        for field in ("seed", "track"):
            if (getattr(self, field) or 0) < 0:
                raise UsageError(f"counts from 0, got {getattr(self, field)}", field=field)

    @property
    def levels(self) -> Levels:
        """The usual levels, with the user's gains on top and at the loudness that is asked for."""
        levels = Levels(
            music_db=self.music_gain_db, effects_db=self.effects_gain_db, voice_peaks_db=self.voice_peaks_db
        )
        return levels.aimed(self.loudness) if self.loudness else levels

    def wishes(self, profile: str) -> Wishes:
        """What of it the sheet remembers, with the profile that went by it."""
        return Wishes(
            text=self.text,
            mood=self.mood,
            music=self.music,
            effects=self.effects,
            ignore_names=self.ignore_names,
            licence_policy=self.licence_policy,
            rerank=self.rerank,
            seed=self.seed,
            profile=profile,
        )


@dataclass(frozen=True)
class PlanRequest(PlanOptions):
    """A story whose sound is to be planned, and where the sheet goes."""

    story: Path  # a video, or a folder of pictures with a story.txt
    library: Path  # made by `index`
    sheet: Path  # cue sheet to write: .json


@dataclass(frozen=True)
class ReplanRequest:
    """A sheet to plan anew: what isn't locked is chosen again, by the scenes, moods, wishes and bans of the sheet."""

    sheet: Path
    library: Path | None = None  # None: that of the sheet
    seed: int | None = None  # None: that of the sheet

    def __post_init__(self) -> None:
        if (self.seed or 0) < 0:
            raise UsageError(f"counts from 0, got {self.seed}", field="seed")


@dataclass(frozen=True)
class PlanResult:
    """What came of it."""

    score: Score
    story: Story  # as it was understood
    sheet: Path
    notes: tuple[str, ...]  # what the user should know
    seconds: Mapping[str, float]  # per step
