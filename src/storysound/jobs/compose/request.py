"""What `compose` is asked for and what it answers."""

from dataclasses import dataclass
from pathlib import Path

from storysound.errors import UsageError

MOST_SEED = 2**31 - 1
MIDI_SUFFIXES = (".mid", ".midi")


@dataclass(frozen=True)
class ComposeRequest:
    """Music for scenes: as notes (`midi`), as sound (`out`), part by part (`stems`); the same for the same.

    The scenes are those of a file, or those that `plan` sees in a story; these can be written to a file and edited.
    """

    scenes: Path | None = None  # JSON, as `compose.spotting_file` reads it
    midi: Path | None = None  # .mid
    out: Path | None = None  # one of `media.film.sound_files.SOUNDS`
    stems: Path | None = None  # a folder: a WAV of each part
    seed: int = 0
    ensemble: str = "orchestra"
    style: str = ""  # another than the ensemble's own
    ensembles: Path | None = None  # a TOML file with further ensembles
    styles: Path | None = None  # a TOML file with further styles
    font: Path | None = None  # a SoundFont that plays, SF2 or SF3; None: that of the catalogue
    # Instead of `scenes` a video, a folder of pictures, a text, a sound; or a cue sheet whose music was composed:
    # its notes again, as they are there.
    story: Path | None = None
    text: str = ""  # what the story is about
    themes: tuple[str, ...] = ()  # "NAME=2,4": who or what scenes are about, counted from 1; they share a motif
    write_scenes: Path | None = None  # a JSON file for the scenes as they were composed to

    def __post_init__(self) -> None:
        if (self.scenes is None) == (self.story is None):
            raise UsageError("music is composed to a `story` or to `scenes`: name one of them")
        if self.text and (self.story is None or self.of_sheet):
            raise UsageError("is about a `story`", field="text")
        if self.seed and self.of_sheet:
            raise UsageError("stands in the sheet", field="seed")
        if self.midi is None and self.out is None and self.stems is None and self.write_scenes is None:
            raise UsageError(
                "name what to write: notes (`midi`), sound (`out`), parts (`stems`) or scenes (`write_scenes`)"
            )
        if self.midi is not None and Path(self.midi).suffix.lower() not in MIDI_SUFFIXES:
            raise UsageError(
                f"a name that ends in {' or '.join(MIDI_SUFFIXES)} is wanted, got {self.midi}", field="midi"
            )
        if not 0 <= self.seed <= MOST_SEED:
            raise UsageError(f"must lie from 0 to {MOST_SEED}, got {self.seed}", field="seed")

    @property
    def of_sheet(self) -> bool:
        """Whether the story is a cue sheet."""
        return self.story is not None and Path(self.story).suffix.lower() == ".json"


@dataclass(frozen=True)
class ComposedScene:
    """What a scene got. `bpm`: the mean tempo; `off_bar_s`: how far its beginning is from a bar line."""

    start_s: float
    end_s: float
    key: str
    bpm: float
    bars: int
    off_bar_s: float
    theme: str = ""
    about: str = ""  # what is told or seen there


@dataclass(frozen=True)
class ComposeResult:
    """What was written; of the cuts before the final chord how many there are, and how many fall on beats."""

    midi: str  # "" where none was asked for, as of the next
    out: str
    stems: tuple[str, ...]
    length_s: float
    seed: int
    ensemble: str
    parts: tuple[str, ...]
    notes: int
    scenes: tuple[ComposedScene, ...]
    cuts: int
    cuts_on_beats: int
    notices: tuple[str, ...]  # what the font could not play as asked
    credit: str  # of the font
    scenes_file: str = ""  # where the scenes were written to
