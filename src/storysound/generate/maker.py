"""Makers of sound that does not exist yet: what one is given, what it can take, how it is asked; each is one file."""

from collections.abc import Mapping, Set
from dataclasses import dataclass
from importlib import import_module
from importlib.resources import files
from pathlib import Path
from typing import Literal, Protocol

import torch

from storysound.encode.pool import Models
from storysound.errors import UsageError
from storysound.generate.pretrained import chosen_folder
from storysound.media.arrays import Pixels
from storysound.media.audio import Waveform
from storysound.story import Mood

MUSIC = {"musicgen": "musicgen", "riffusion": "riffusion", "stable-audio": "stable_audio"}
"""What users call a maker of music, and its file of this room: `load(folder, device, models) -> Maker`."""
SOUND = {"audioldm": "audioldm", "riffusion": "riffusion", "sosgen": "sosgen", "stable-audio": "stable_audio"}
"""Makers of any sound, as `MUSIC`."""
SHIPPED = {"sosgen": "CC0-1.0", "tavdiffusion-small": "CC0-1.0"}
"""Those whose weights lie in `WEIGHTS`, and their licence."""
WEIGHTS = Path(str(files("storysound") / "generate" / "weights"))

Condition = Literal["text", "pictures", "sound", "mood"]


@dataclass(frozen=True)
class TimedPicture:
    """What is seen from `at_s` on: RGB [h w 3]."""

    at_s: float
    rgb: Pixels


@dataclass(frozen=True)
class Conditions:
    """What sound shall be made of: words, pictures in time, a sound, a mood. The same give the same on one machine."""

    seconds: float
    seed: int = 0
    text: str = ""
    pictures: tuple[TimedPicture, ...] = ()
    sound: Waveform | None = None
    mood: Mood | None = None

    @property
    def given(self) -> frozenset[Condition]:
        """Which of them there are.

        >>> sorted(Conditions(5.0, text="rain", mood=Mood(0.5, 0.1)).given)
        ['mood', 'text']
        """
        there: dict[Condition, bool] = {
            "text": bool(self.text.strip()),
            "pictures": bool(self.pictures),
            "sound": self.sound is not None,
            "mood": self.mood is not None,
        }
        return frozenset(name for name, given in there.items() if given)


class Maker(Protocol):
    """A model that makes sound."""

    takes: Set[Condition]
    longest_s: float  # that it can make

    def make(self, conditions: Conditions) -> Waveform:
        """Sound of exactly that length, from any of what it `takes`. Raises UsageError as `check_conditions`."""
        ...


def load(file: str, folder: Path, device: torch.device, models: Models) -> Maker:
    """The maker of a file of this room, from the folder of its weights; encoders that it needs are those of `models`.

    Raises MissingModelError without them.
    """
    maker: Maker = import_module(f"storysound.generate.{file}").load(folder, device, models)
    return maker


def maker_of(choice: str, makers: Mapping[str, str], models: Models, without: str = "") -> tuple[Maker, str, str]:
    """The maker that a user chose, a name of `makers` (MUSIC, SOUND) or NAME=FOLDER; its name, its licence where known.

    Raises UsageError for an unknown one, MissingModelError where its weights are missing, with what can be done
    `without` them.
    """
    if choice in SHIPPED and choice in makers:
        name, folder, licence = choice, WEIGHTS, SHIPPED[choice]
    else:
        name, folder, licence = chosen_folder(choice, tuple(makers), models.weights, without)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    return models.get(f"{name} {folder}", lambda _: load(makers[name], folder, device, models)), name, licence


def check_conditions(conditions: Conditions, maker: Maker) -> None:
    """Raises UsageError for a length that a maker can't make, for a condition that it can't take, and for none."""
    if not 0 < conditions.seconds <= maker.longest_s:
        raise UsageError(f"the model makes up to {maker.longest_s:g} s of sound, asked for {conditions.seconds:g} s")
    able = ", ".join(sorted(maker.takes))
    if foreign := sorted(conditions.given - maker.takes):
        raise UsageError(f"the model makes sound from {able}, not from {', '.join(foreign)}")
    if not conditions.given:
        raise UsageError(f"nothing to make sound from: the model takes {able}")
