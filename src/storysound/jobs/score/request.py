"""What `score` is asked for, and what comes of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from storysound.cue.score import Score
from storysound.jobs.plan.request import LicencePolicy, PlanOptions
from storysound.jobs.render.request import RenderOptions
from storysound.story import Story

__all__ = ["LicencePolicy", "ScoreRequest", "ScoreResult"]


@dataclass(frozen=True)
class ScoreRequest(PlanOptions, RenderOptions):
    """A story to be given its sound: what `plan` and `render` are asked for, in one."""

    story: Path  # a video, a folder of pictures with a story.txt, a text, or a sound
    library: Path | None  # made by `index`; None: that of the starter sounds
    out: Path  # film (.mp4, .mov, .mkv, .webm) or sound alone (.wav, .flac, .mp3, .m4a, .m4b, .ogg)


@dataclass(frozen=True)
class ScoreResult:
    """What came of it."""

    score: Score
    story: Story  # as it was understood
    files: Mapping[str, Path]  # by kind: video (or sound), json, csv, otio, report …
    notes: tuple[str, ...]  # what the user should know
    seconds: Mapping[str, float]  # per step
