"""What `render` is asked for, and what comes of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from storysound.cue.levels import check_voice_peaks, loudness_target
from storysound.cue.score import Score


@dataclass(frozen=True, kw_only=True)
class RenderOptions:
    """What the user decides of a rendering."""

    report: Path | None = None  # folder for sheets and page; by default they lie beside the film
    stems: Path | None = None  # folder for dialogue.wav, music.wav, ambience.wav and effects.wav


@dataclass(frozen=True)
class RenderRequest(RenderOptions):
    """A cue sheet to make sound and film of."""

    sheet: Path
    out: Path  # film (.mp4, .mov, .mkv, .webm) or sound alone (.wav, .flac, .mp3, .m4a, .m4b, .ogg)
    otio: Path | None = None  # a timeline of this sheet that was edited: what changed there comes into the sheet
    relink: tuple[Path, ...] = ()  # folders in which files that moved are looked for
    relevel: bool = False  # brings the mix to its target anew; else its one gain stays as the sheet has it
    loudness: str = ""  # another target, by name (film, ebu, youtube, podcast) or in LUFS; "" leaves the sheet's
    voice_peaks_db: float | None = None  # how far single peaks of voices may be lowered; None leaves the sheet's

    def __post_init__(self) -> None:
        if self.loudness:
            loudness_target(self.loudness)
        if self.voice_peaks_db is not None:
            check_voice_peaks(self.voice_peaks_db)


@dataclass(frozen=True)
class RenderResult:
    """What came of it."""

    score: Score  # with what was measured
    files: Mapping[str, Path]  # by kind
    notes: tuple[str, ...]  # what the user should know
    seconds: Mapping[str, float]  # per step
