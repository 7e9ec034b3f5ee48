"""The taste that was learned for a library, in one file beside its tables: the choices, and what became of them."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import safetensors
from safetensors.numpy import save

from storysound.encode.pool import Models
from storysound.errors import LibraryError
from storysound.match.taste import Choices, Judgement
from storysound.media.arrays import Floats
from storysound.media.files import atomic, writing

FILE = "taste.safetensors"
VERSION = 1  # raised when an older Storysound could misread it
How = Literal["heard", "kept", "chosen", "locked", "replaced", "banned"]
# How much each kind of choice counts: what was refused below 0. What a plan chose and nobody touched says little.
COUNTS: dict[How, float] = {
    "heard": 1.0, "kept": 0.3, "chosen": 1.0, "locked": 1.0, "replaced": -0.5, "banned": -1.0,
}  # fmt: skip
LEARN_AGAIN = "remove it, and learn anew with: storysound learn"


@dataclass(frozen=True)
class Choice:
    """A track that was chosen, or refused, for a scene of a film."""

    film: str  # the file that was learned from
    start_s: float  # of the scene
    end_s: float
    text: str  # what is told there
    valence: float
    arousal: float
    track: str  # path in the library
    sha256: str  # of its content
    how: How

    @property
    def scene(self) -> tuple[object, ...]:
        """What tells its scene from others: a film and its sheet have the same."""
        return self.text, *(round(value, 2) for value in (self.start_s, self.end_s, self.valence, self.arousal))


@dataclass(frozen=True)
class KeptTaste:
    """What was learned: n choices with what their scenes ask [n f], by a reader of texts, and what is made of them."""

    choices: tuple[Choice, ...]
    asked: Floats
    reader: str  # encoder of texts and its revision
    judgement: Judgement | None  # None: too few scenes to learn from

    def gathered(self) -> Choices:
        """The choices by scene; a track both chosen and refused for one counts for nothing there."""
        scenes = list(dict.fromkeys(choice.scene for choice in self.choices))
        tracks = list(dict.fromkeys(choice.sha256 for choice in self.choices))
        row, column = ({name: at for at, name in enumerate(names)} for names in (scenes, tracks))
        for_it, against = np.zeros((2, len(scenes), len(tracks)))
        asked = np.zeros((len(scenes), self.asked.shape[1]), np.float32)
        films = [""] * len(scenes)
        for choice, vector in zip(self.choices, self.asked, strict=True):
            at = row[choice.scene], column[choice.sha256]
            asked[at[0]], films[at[0]] = vector, films[at[0]] or choice.film
            count = COUNTS[choice.how]
            for_it[at], against[at] = max(for_it[at], count), min(against[at], count)
        chosen = np.where((for_it > 0) & (against < 0), 0.0, for_it + against)
        return Choices(asked, tuple(films), tuple(tracks), chosen)


def reader_of(models: Models) -> str:
    """The reader of texts that a taste is learned with, and its revision."""
    return f"{models.text.name} {models.text.revision}"


def contradictions(choices: Sequence[Choice]) -> list[Choice]:
    """One choice of each track that was both chosen and refused for one scene."""
    chosen = {(c.scene, c.sha256) for c in choices if COUNTS[c.how] > 0}
    refused = {(c.scene, c.sha256): c for c in choices if COUNTS[c.how] < 0}
    return [choice for key, choice in refused.items() if key in chosen]


def stamp(folder: Path) -> int:
    """Another one after every change of a library's taste; 0 where there is none."""
    try:
        return (folder / FILE).stat().st_mtime_ns
    except OSError:
        return 0


def read(folder: Path) -> KeptTaste | None:
    """The taste of a library; None where nothing was learned. Raises LibraryError for one that can't be read."""
    file = folder / FILE
    if not file.exists():
        return None
    try:
        with safetensors.safe_open(str(file), framework="numpy") as tensors:
            told: dict[str, Any] = json.loads((tensors.metadata() or {})["storysound"])
            asked = np.asarray(tensors.get_tensor("asked"), np.float32)
        if int(told["version"]) > VERSION:
            raise LibraryError(file, "was made by a newer Storysound", "upgrade storysound")
        choices = tuple(Choice(**each) for each in told["choices"])
        judged = None if told["judgement"] is None else Judgement(**told["judgement"])
        if len(choices) != len(asked) or any(choice.how not in get_args(How) for choice in choices):
            raise ValueError("choices and vectors differ")
    except (OSError, KeyError, TypeError, ValueError, safetensors.SafetensorError) as error:
        raise LibraryError(file, "is damaged", LEARN_AGAIN) from error
    return KeptTaste(choices, asked, str(told["reader"]), judged)


def write(folder: Path, taste: KeptTaste) -> Path | None:
    """Puts it in the place of the one before; one without choices is none. Raises OutputError."""
    if not taste.choices:
        with writing(folder / FILE):
            (folder / FILE).unlink(missing_ok=True)
        return None
    told = {
        "version": VERSION,
        "reader": taste.reader,
        "choices": [asdict(choice) for choice in taste.choices],
        "judgement": None if taste.judgement is None else asdict(taste.judgement),
    }
    data = save({"asked": np.ascontiguousarray(taste.asked)}, {"storysound": json.dumps(told)})
    with atomic(folder / FILE) as unfinished:
        unfinished.write_bytes(data)
    return folder / FILE
