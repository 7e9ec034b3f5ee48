"""The one stage of indexing: a file to its analysis, by encoders that are loaded where the stage runs."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from storysound.annotate.sound import SoundJudge
from storysound.encode.encoder import Encoder
from storysound.encode.pool import Models
from storysound.engine.stage import Row, Stage
from storysound.library.analyse import analyse, shape_of
from storysound.library.store import Shape

NAME = "analysis"


class Analyser:
    """Analyses the sound of a row's `file`."""

    def __init__(self, models: Models) -> None:
        """Raises MissingModelError."""
        self._encoders: Mapping[str, Encoder[Any]] = models.audio
        self._judge = SoundJudge(self._encoders)

    @property
    def shape(self) -> Shape:
        """What a table of these analyses holds."""
        return shape_of(self._encoders)

    def __call__(self, row: Row) -> Row:
        """Raises MediaError for a file that can't be used."""
        return {NAME: analyse(row["file"], self._encoders, self._judge)}


def stage(models: Models) -> Stage:
    """In this process with `models` themselves; in others with models of their own, of the same profile."""
    return Stage(NAME, partial(Analyser, models), takes=("file",), gives=(NAME,))
