"""What `split_speech` is asked for and what it answers."""

from dataclasses import dataclass
from pathlib import Path

from storysound.errors import UsageError

SOUND = (".wav",)
VIDEO = (".mp4", ".m4v", ".mov", ".mkv", ".webm")


@dataclass(frozen=True)
class SplitSpeechRequest:
    """A sound or video whose speech shall be taken out."""

    source: Path
    background: Path  # what is left goes here: .wav, or a video like the source
    speech: Path | None = None  # the speech alone goes here

    def __post_init__(self) -> None:
        for field, path in (("background", self.background), ("speech", self.speech)):
            if path is not None and Path(path).suffix.lower() not in SOUND + VIDEO:
                wanted = ", ".join(SOUND + VIDEO)
                raise UsageError(f"a name that ends in {wanted} is wanted, got {path}", field=field)
        if self.speech is not None and _real(self.background) == _real(self.speech):
            raise UsageError(
                f"goes to {self.speech}, where the background goes: two can't go to one file", field="speech"
            )


@dataclass(frozen=True)
class SplitSpeechResult:
    """What was written."""

    background: str
    speech: str  # empty when it was not asked for
    duration_s: float
    rate_hz: int
    channels: int


def _real(path: Path) -> Path:
    """Where a name leads, as far as that can be known; a name that can't be one is told of when it is written."""
    try:
        return Path(path).resolve()
    except (OSError, ValueError):
        return Path(path)
