"""What `plan` is asked for, and what comes of it."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from storysound.cue.levels import Levels, check_voice_peaks, loudness_target
from storysound.cue.score import MusicHit, Score, Wishes
from storysound.encode.beats.trackers import TrackerName, check_tracker
from storysound.errors import UsageError
from storysound.ingest.kinds import StoryKind
from storysound.story import Mood, Story

Layout = Literal["own", "stereo"]
SLIDESHOW = ("size", "fps", "seconds", "transition", "narration", "to_beat")
LicencePolicy = Literal["any", "commercial"]
Fill = Literal["make", "hub", "none"]
Compose = Literal["always", "missing", "never"]
Changes = Literal["few", "some", "many"]
MOST_THEMES = 1000
LEAST_SCENE_S, MOST_SCENE_S = 1.0, 3600.0
LEAST_GAIN_DB, MOST_GAIN_DB = -40.0, 20.0
LEAST_SIDE, MOST_SIDE = 16, 8192  # pixels of a slideshow


@dataclass(frozen=True, kw_only=True)
class PlanOptions:
    """What the user decides of a plan."""

    text: str = ""  # about the whole story
    mood: Mood | None = None  # of the music; overrules what pictures and text say
    music: bool = True  # a bed under the scenes
    effects: bool = True  # ambience and spot effects
    fill: Fill | None = None  # effects that no library has: made, by a model of the hub, or none; None: see `filled`
    compose: Compose | None = None  # where music is composed to the scenes; None: see `composing`
    ensemble: str = "orchestra"  # that plays what is composed
    hits: tuple[MusicHit, ...] = ()  # moments that the music marks
    keep_original: bool = True  # the clip's own sound
    replace: bool = False  # takes out the music a clip already has, and scores it anew
    music_gain_db: float = 0.0  # louder or softer than it would be
    effects_gain_db: float = 0.0
    ignore_names: bool = False  # judges by sound alone, never by names or tags
    taste: bool = True  # goes by what the library learned of its owner's choices of music
    licence_policy: LicencePolicy = "any"  # commercial: only sounds that may be sold
    rerank: str = "none"  # a trained model that judges the best again, as `jobs.find` takes it
    loudness: str = ""  # a target by name (film, ebu, youtube, podcast) or in LUFS; "" is podcast's
    voice_peaks_db: float = (
        0.0  # single peaks of voices may be lowered by so much, for a loudness they leave no room for
    )
    layout: Layout = "own"  # loudspeakers of the result: the film's own, or two
    avoid: tuple[str, ...] = ()  # sounds that must not be used, by their path in the library
    seed: int = 0  # 0 is the best choice, each other one another good choice
    themes: int | None = None  # of the music; None: as many as `changes` and the length make worth it
    changes: Changes = "some"  # how often the music changes
    shortest_scene: float | None = None  # seconds; None: 8, and 4 where pictures are shown
    silence: bool | None = None  # no music where the story's own sound carries a scene; None: only where its music does
    track: int | None = None  # which of the film's sounds is its own, from 0; None: the default one, else who speaks
    every_track: bool = False  # scores each other sound track of the film too, under its own speech
    beats: TrackerName = "own"  # who counts the music
    # Of a slideshow:
    size: tuple[int, int] | None = None  # width and height; None: 1280 × 720, upright where most pictures are
    fps: float = Wishes.fps
    seconds: float | None = None  # that each picture is shown; None: by its words
    transition: float = Wishes.transition  # seconds of a dissolve from one picture to the next; 0 cuts
    narration: Path | None = None  # a voice that tells the pictures, which share its length
    to_beat: bool = False  # pictures change on beats of the music, near the times at which they else would

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
        if self.fill not in (None, "make", "hub", "none"):
            raise UsageError(f"is make, hub or none, got {self.fill!r}", field="fill")
        if self.compose not in (None, "always", "missing", "never"):
            raise UsageError(f"is always, missing or never, got {self.compose!r}", field="compose")
        check_tracker(self.beats)
        if self.compose in ("always", "missing") and not self.music:
            raise UsageError("is music: it can't go without `music`", field="compose")
        for field in ("seed", "track"):
            if (getattr(self, field) or 0) < 0:
                raise UsageError(f"counts from 0, got {getattr(self, field)}", field=field)
        for hit in self.hits:
            if not 0 < hit.at_s < math.inf:
                raise UsageError(f"lies after the beginning, got {hit.at_s:g} s", field="hits")
        if self.hits and not self.music:
            raise UsageError("are marked by the music: they can't go without `music`", field="hits")
        self._check_themes()
        if self.every_track and (self.replace or not self.keep_original):
            raise UsageError(
                "keeps the sound of each track: it can't go with `replace`, nor without `keep_original`",
                field="every_track",
            )
        self._check_slideshow()

    def _check_themes(self) -> None:
        if self.themes is not None and not 1 <= self.themes <= MOST_THEMES:
            raise UsageError(f"must lie in [1, {MOST_THEMES}], got {self.themes}", field="themes")
        if self.changes not in ("few", "some", "many"):
            raise UsageError(f"is few, some or many, got {self.changes!r}", field="changes")
        if self.shortest_scene is not None and not LEAST_SCENE_S <= self.shortest_scene <= MOST_SCENE_S:
            fault = f"must lie in [{LEAST_SCENE_S:g}, {MOST_SCENE_S:g}] s, got {self.shortest_scene:g}"
            raise UsageError(fault, field="shortest_scene")

    def _check_slideshow(self) -> None:
        if self.size and any(side % 2 or not LEAST_SIDE <= side <= MOST_SIDE for side in self.size):
            fault = f"takes even numbers from {LEAST_SIDE} to {MOST_SIDE}, got {self.size[0]} x {self.size[1]}"
            raise UsageError(fault, field="size")
        for field, least, most in (("fps", 1.0, 120.0), ("seconds", 0.2, 3600.0), ("transition", 0.0, 10.0)):
            value = getattr(self, field)
            if value is not None and not least <= value <= most:
                raise UsageError(f"must lie in [{least:g}, {most:g}], got {value:g}", field=field)
        if self.to_beat and not self.music:
            raise UsageError("goes by the music: it can't go without `music`", field="to_beat")
        if self.narration is not None and self.seconds is not None:
            raise UsageError("a `narration` says how long pictures stay", field="seconds")
        if self.narration is not None and not self.keep_original:
            raise UsageError("is the original sound: it can't go without `keep_original`", field="narration")

    @property
    def of_slideshows(self) -> tuple[str, ...]:
        """The fields that were set and mean something for pictures alone."""
        return tuple(name for name in SLIDESHOW if getattr(self, name) != getattr(PlanOptions, name))

    @property
    def levels(self) -> Levels:
        """The usual levels, with the user's gains on top and at the loudness that is asked for."""
        levels = Levels(
            music_db=self.music_gain_db, effects_db=self.effects_gain_db, voice_peaks_db=self.voice_peaks_db
        )
        return levels.aimed(self.loudness) if self.loudness else levels

    def filled(self, library: Path | None) -> Fill:
        """Where effects come from that the library hasn't: as asked, else made where no library was given."""
        return self.fill or ("none" if library else "make")

    def composing(self, kind: StoryKind, library: Path | None) -> Compose:
        """Where music is composed: as asked; else nowhere beside a library that was given.

        Without one it is composed to pictures, and to other stories where the starter sounds have none that fits.
        """
        if not self.music or self.compose:
            return self.compose or "never"
        return "never" if library else "always" if kind == "pictures" else "missing"

    def wishes(self, profile: str, library: Path | None, compose: Compose) -> Wishes:
        """What of it the sheet remembers, with the profile that went by it and the library that was given.

        `compose`: where music was composed.
        """
        return Wishes(
            text=self.text,
            mood=self.mood,
            music=self.music,
            effects=self.effects,
            fill=self.filled(library),
            compose=compose,
            ensemble=self.ensemble,
            hits=self.hits,
            ignore_names=self.ignore_names,
            taste=self.taste,
            licence_policy=self.licence_policy,
            rerank=self.rerank,
            seed=self.seed,
            themes=self.themes,
            changes=self.changes,
            shortest_scene=self.shortest_scene,
            silence=self.silence,
            every_track=self.every_track,
            size=self.size,
            fps=self.fps,
            seconds=self.seconds,
            transition=self.transition,
            narration=str(self.narration.absolute()) if self.narration else "",
            to_beat=self.to_beat,
            beats=self.beats,
            profile=profile,
        )


@dataclass(frozen=True)
class PlanRequest(PlanOptions):
    """A story whose sound is to be planned, and where the sheet goes."""

    story: Path  # a video, a folder of pictures with a story.txt, a text, or a sound
    library: Path | None  # made by `index`; None: that of the starter sounds
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
