"""What the ears of a profile say of labelled sounds: one row a clip, kept between runs if wanted."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from storysound.annotate.hearing import ear_among
from storysound.config import Profile
from storysound.encode import cache as feature_cache
from storysound.encode.encoder import Encoder
from storysound.encode.features import speaking
from storysound.encode.labels import head_space, text_vectors
from storysound.encode.pool import Models
from storysound.errors import InputError, MediaError
from storysound.match.first_stage import Hearing, probabilities
from storysound.media.arrays import Floats, standardise
from storysound.media.audio import read_audio
from storysound.progress import Watch

BLOCK = 256  # clips in one file of the cache
LONGEST_S = 60.0  # of a clip that is heard
_VERSION = "1"  # of this file: raised whenever the same clip would give other rows


@dataclass(frozen=True)
class HeardClips:
    """Clips that could be heard, by their numbers `at` [m]; `rows` [m d] for a probe.

    `mean` and `peak` [m c] over AudioSet's classes and `near` [m e] in the text's space where the profile has them,
    else of no width.
    """

    at: Tensor
    rows: Tensor
    mean: Tensor
    peak: Tensor
    near: Tensor


class Listeners:
    """A profile's audio encoders, and its text encoder for the names of classes."""

    def __init__(self, models: Models, profile: Profile) -> None:
        """Raises MissingModelError where their weights can't be had."""
        self.ears: dict[str, Encoder[Any]] = {name: models.encoder(name) for name in profile.audio}
        self._text: Encoder[str] = models.encoder(profile.text)
        self._cache = models.weights.cache
        tagger = ear_among(self.ears)
        self._tagger, self._space = (tagger.name, tagger.space) if tagger else ("", "")
        self._speaker = next(iter(speaking(models, profile)), "")

    def hear(self, files: Sequence[Path], keep: Path | None, watch: Watch) -> HeardClips:
        """Hears files, or remembers them. Those that can't be read are told and left out.

        Raises InputError where none can be read.
        """
        revision = [_VERSION, *(f"{name}:{ear.revision}" for name, ear in self.ears.items())]
        parts: list[dict[str, Tensor]] = []
        for start in range(0, len(files), BLOCK):
            block = files[start : start + BLOCK]

            def make(start: int = start, block: Sequence[Path] = block) -> dict[str, Tensor]:
                watch.say(f"hearing clips {start + 1} to {start + len(block)} of {len(files)}")
                return self._block(block, watch, start, len(files))

            names = [[str(file.absolute()), file.stat().st_size] for file in block]
            part = feature_cache.kept(keep, [revision, names], make) if keep else make()
            parts.append({**part, "at": part["at"] + start})
        whole = {name: torch.cat([part[name] for part in parts]) for name in parts[0]} if parts else {}
        if not whole or not len(whole["at"]):
            raise InputError(files[0] if files else "the set", "no clip can be heard", "look at the lines above")
        return HeardClips(**whole)

    def _block(self, files: Sequence[Path], watch: Watch, start: int, of: int) -> dict[str, Tensor]:
        at, rows = [], []
        for number, file in enumerate(files):
            watch.at(start + number, of, file.name)
            try:
                rows.append(self._clip(file))
                at.append(number)
            except MediaError as error:
                watch.say(f"left out: {error}")
        if not rows:
            empty = {name: torch.zeros(0, width) for name, width in self._widths().items()}
            return {"at": torch.zeros(0, dtype=torch.long), **empty}
        stacked = {name: torch.from_numpy(np.stack([row[name] for row in rows])) for name in rows[0]}
        return {"at": torch.tensor(at), **stacked}

    def _widths(self) -> dict[str, int]:
        tags = len(self.ears[self._tagger].labels[self._space]) if self._tagger else 0
        scores = sum(len(names) for ear in self.ears.values() for names in ear.labels.values())
        dims = sum(ear.dim for ear in self.ears.values())
        near = self.ears[self._speaker].dim if self._speaker else 0
        return {"rows": 2 * dims + scores, "mean": tags, "peak": tags, "near": near}

    def _clip(self, file: Path) -> dict[str, Floats]:
        wave = read_audio(file, channels=1, end_s=LONGEST_S)
        heard = {name: ear.encode([wave])[0] for name, ear in self.ears.items()}
        parts = []
        for one in heard.values():
            parts += [one.embedding.mean(axis=0), one.embedding.max(axis=0)]
            parts += [_root(scores.mean(axis=0)) for scores in one.scores.values()]
        none = np.zeros(0, np.float32)
        tags = heard[self._tagger].scores[self._space] if self._tagger else np.zeros((1, 0), np.float32)
        near = heard[self._speaker].embedding.mean(axis=0) if self._speaker else none
        rows = np.concatenate(parts).astype(np.float32)
        return {"rows": rows, "mean": tags.mean(axis=0), "peak": tags.max(axis=0), "near": near}

    def by_name(self, heard: HeardClips, classes: Sequence[str]) -> Floats:
        """Without training: how well each clip fits each class by its name [m classes], as `find` judges by ear.

        Raises ValueError where the profile hears neither AudioSet's classes nor in the text's space.
        """
        asking = text_vectors(self._text, [spoken(name) for name in classes])
        opinions: list[tuple[Floats, float]] = []
        if self._tagger:
            ear = self.ears[self._tagger]
            head = ear.traits.head(self._space)
            space = head_space(self._space, ear.labels[self._space], head, self._text, self._cache)
            hearing = Hearing(space, probabilities(heard.mean.numpy(), heard.peak.numpy()))
            usual = hearing.usual(space.weights(space.vectors))
            opinions.append((np.stack([hearing.rate_above(wish, usual) for wish in space.weights(asking)]), 1.0))
        if self._speaker:
            opinions.append((asking @ heard.near.numpy().T, self.ears[self._speaker].traits.near))
        if not opinions:
            raise ValueError("the profile's ears know no words: no class can be asked for by its name")
        rated = sum(weight * np.stack([standardise(row) for row in scores]) for scores, weight in opinions)
        result: Floats = np.asarray(rated, np.float32).T
        return result


def _root(scores: Floats) -> Floats:
    """The root of what may be negative: scores [c] are probabilities or logits."""
    result: Floats = np.sqrt(np.abs(scores)) * np.sign(scores)
    return result


def spoken(name: str) -> str:
    """The name of a class as people say it.

    >>> spoken("Alarm_bell_ringing"), spoken("street_pedestrian")
    ('alarm bell ringing', 'street pedestrian')
    """
    return " ".join(name.replace("_", " ").lower().split())
