"""What `gloss` is asked for and what it answers."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from storysound.errors import UsageError


@dataclass(frozen=True)
class GlossRequest:
    """A text, or the path of a text, subtitle, sound or video file, that shall be put in bare words."""

    source: str | Path
    learned: Path | None = None  # a trained model of Langue2Gloss: best.safetensors

    def __post_init__(self) -> None:
        if not str(self.source).strip():
            raise UsageError("is empty: give a text or a file", field="source")


@dataclass(frozen=True)
class GlossResult:
    """The gloss of a text, or of the file at a path; `way`: how it was made."""

    source: str
    way: Literal["rule", "heard", "learned"]
    words: tuple[str, ...]
