"""What the encoders of a profile say of stories (`encode/features.py`), once for all of a training.

Of a sound that is heard in stretches, `STRETCHES` are kept beside the most informative one.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from storysound.encode import cache as feature_cache
from storysound.encode.features import LONGEST_S, TOKEN_S, StoryEncoder
from storysound.errors import InputError, MediaError
from storysound.library.stories import StoryMaterial
from storysound.match.sos_inputs import informative_crop_s
from storysound.match.sos_model import Features
from storysound.media.arrays import Floats
from storysound.media.audio import Waveform
from storysound.nn.ragged import Ragged
from storysound.progress import Watch

STRETCHES = 4  # of a sound, evenly spread, out of which training draws one where an encoder hears stretches as a whole
BLOCK = 64  # stories in one file of the cache: no more is encoded again after an interruption


@dataclass(frozen=True)
class StoryFeatures:
    """Features of s stories and of the u sounds that belong to them.

    `text`: the whole and its sentences or words, of no length where there is no text; `frames`; `audio` in tokens of
    `TOKEN_S`, or in stretches of `stretch` tokens, the most informative first, each of them led by its whole;
    `belongs` bool [s u]: whose sound it is; `fits` bool [s u]: what is right for a story, also the sounds of those that
    are told in the same words, for they can't be told apart. `crop_s` [u]: where the most informative stretch of each
    sound begins; `length_s`: of that.
    """

    ids: tuple[str, ...]
    groups: tuple[str, ...]
    text: Ragged
    frames: Ragged
    audio: Ragged
    belongs: Tensor
    fits: Tensor
    crop_s: Tensor
    length_s: float
    sha: str
    stretch: int = 0

    def told(self, pair: str) -> Tensor:
        """Numbers of the stories that have frames ("AV") or text ("AT")."""
        return torch.nonzero((self.frames if pair == "AV" else self.text).lengths())[:, 0]

    def sounds(self, numbers: Tensor, first: Tensor | None = None) -> Features:
        """Sounds [b], by number, from token `first` [b] on, by default where they are most informative."""
        if self.stretch:
            rows, mask = self.audio.of(numbers, torch.zeros_like(numbers) if first is None else first, self.stretch)
            return Features(rows[:, 0], rows[:, 1:], mask[:, 1:])
        if first is None:
            first = (self.crop_s[numbers] / TOKEN_S).round().long()
        first = torch.minimum(first, (self.audio.lengths()[numbers] - self.tokens).clamp(min=0))
        tokens, mask = self.audio.of(numbers, first, self.tokens)
        return Features(_mean(tokens, mask), tokens, mask)

    def texts(self, numbers: Tensor) -> Features:
        """The whole text of stories [b], and its sentences or words."""
        tokens, mask = self.text.of(numbers)
        if tokens.shape[1] < 2:  # none of them has a text: there is one token for all, and it isn't real
            tokens, mask = tokens.expand(-1, 2, -1), mask.expand(-1, 2) & False
        return Features(tokens[:, 0], tokens[:, 1:], mask[:, 1:])

    def pictures(self, numbers: Tensor) -> tuple[Tensor, Tensor]:
        """Frames [b m d], and which are real [b m]."""
        return self.frames.of(numbers)

    @property
    def tokens(self) -> int:
        """In a crop of a sound."""
        if self.stretch:
            return self.stretch - 1
        return max(1, round(self.length_s / TOKEN_S))


def _mean(tokens: Tensor, mask: Tensor) -> Tensor:
    """Of the real tokens [b n d] of each: [b d]."""
    total: Tensor = tokens.sum(1) / mask.sum(1, keepdim=True).clamp(min=1)
    return total


def features_of(
    stories: Sequence[StoryMaterial], encoder: StoryEncoder, cache: Path, length_s: float, watch: Watch
) -> StoryFeatures:
    """Features of stories, from the folder `cache` where they were kept, else encoded and kept there.

    A story none of whose sounds can be read, or whose pictures can't, is told and left out. Raises InputError where
    nothing is left.
    """
    watch.step("features")
    revision = encoder.revision()
    kept: list[tuple[StoryMaterial, Mapping[str, Tensor]]] = []
    for start in range(0, len(stories), BLOCK):
        block = stories[start : start + BLOCK]
        depends = [revision, length_s, [[one.key, [sound.key for sound in one.sounds]] for one in block]]

        def encode(first: int = start + 1, block: Sequence[StoryMaterial] = block) -> dict[str, Tensor]:
            watch.say(f"encoding stories {first} to {first + len(block) - 1} of {len(stories)}")
            return _encoded(block, encoder, length_s, watch, first, len(stories))

        tensors = feature_cache.kept(cache, depends, encode)
        watch.at(start + len(block), len(stories))
        kept += [(one, part) for one, part in zip(block, _parts(tensors, len(block)), strict=True) if part]
    if not kept:
        raise InputError(cache, "none of the stories has a sound that can be read", "look at the lines above")
    return _joined(kept, revision, length_s)


def _encoded(
    block: Sequence[StoryMaterial], encoder: StoryEncoder, length_s: float, watch: Watch, first: int, of: int
) -> dict[str, Tensor]:
    """Tensors named by number of the story in the block, which begins with story `first` of so many.

    "0.text", "0.frames", "0.sound0", …, and "0.crops".
    """
    found: dict[str, Tensor] = {"none": torch.zeros(0)}  # a file has one tensor at least
    heard: dict[str, tuple[Tensor, float]] = {}
    for number, one in enumerate(block):
        watch.at(first + number - 1, of, one.id)
        try:
            parts = _story(one, encoder, length_s, heard)
        except MediaError as error:
            watch.say(f"left out: {one.id}: {error}")
            continue
        found |= {f"{number}.{name}": tensor for name, tensor in parts.items()}
    return found


def _story(
    one: StoryMaterial, encoder: StoryEncoder, length_s: float, heard: dict[str, tuple[Tensor, float]]
) -> dict[str, Tensor]:
    """Tensors of one story by name, each [n d]; `heard`: what was heard before."""
    for sound in one.sounds:
        if sound.key not in heard:
            wave = sound.read()
            heard[sound.key] = _heard(wave, encoder, length_s)
    found = {f"sound{i}": heard[sound.key][0].clone() for i, sound in enumerate(one.sounds)}
    found["crops"] = torch.tensor([heard[sound.key][1] for sound in one.sounds])
    if one.texts:
        found["text"] = _half(encoder.text(one.texts))
    if pictures := one.pictures():
        found["frames"] = _half(encoder.frames(pictures))
    return found


def _heard(wave: Waveform, encoder: StoryEncoder, length_s: float) -> tuple[Tensor, float]:
    """Tokens [t d] or stretches [k n d] of a sound, and where its most informative stretch begins."""
    at = informative_crop_s(wave, length_s)
    if not encoder.stretch_s:
        return _half(encoder.audio(wave)), at
    last = max(0.0, min(wave.duration_s, LONGEST_S) - length_s)
    return _half(encoder.stretches(wave, [at, *np.unique(np.linspace(0.0, last, STRETCHES))], length_s)), at


def _half(rows: Floats) -> Tensor:
    """Rows [n d] in half precision."""
    return torch.from_numpy(rows).half()


def _parts(tensors: Mapping[str, Tensor], count: int) -> list[dict[str, Tensor]]:
    """The tensors [n d] of each story."""
    found: list[dict[str, Tensor]] = [{} for _ in range(count)]
    for name, tensor in tensors.items():
        number, dot, part = name.partition(".")
        if dot:
            found[int(number)][part] = tensor
    return found


def _joined(
    kept: Sequence[tuple[StoryMaterial, Mapping[str, Tensor]]], revision: str, length_s: float
) -> StoryFeatures:
    """Features of all stories, of the tensors [n d] of each."""
    place: dict[str, int] = {}
    sounds: list[Tensor] = []
    crops: list[float] = []
    for one, parts in kept:
        for i, sound in enumerate(one.sounds):
            if sound.key not in place:
                place[sound.key] = len(sounds)
                sounds.append(parts[f"sound{i}"])
                crops.append(float(parts["crops"][i]))
    belongs = torch.zeros(len(kept), len(sounds), dtype=torch.bool)
    for row, (one, _) in enumerate(kept):
        belongs[row, [place[sound.key] for sound in one.sounds]] = True
    ragged = {name: _ragged([parts.get(name) for _, parts in kept]) for name in ("text", "frames")}
    stretch = sounds[0].shape[1] if sounds and sounds[0].ndim == 3 else 0
    return StoryFeatures(
        tuple(one.id for one, _ in kept),
        tuple(one.group for one, _ in kept),
        **ragged,
        audio=_ragged([sound.flatten(0, -2) for sound in sounds]),
        belongs=belongs,
        fits=_alike([one.texts for one, _ in kept]) @ belongs.float() > 0,
        crop_s=torch.tensor(crops),
        length_s=length_s,
        sha=_sha(kept, revision, length_s),
        stretch=stretch,
    )


def _sha(kept: Sequence[tuple[StoryMaterial, Mapping[str, Tensor]]], revision: str, length_s: float) -> str:
    """Of whose features [n d] they are, by which encoders, and how many there are of each; no number of theirs."""
    shapes = [{name: list(part.shape) for name, part in sorted(parts.items())} for _, parts in kept]
    told = [(one.id, one.group, one.texts) for one, _ in kept]
    return sha256(json.dumps([revision, length_s, told, shapes]).encode()).hexdigest()[:24]


def _alike(texts: Sequence[tuple[str, ...]]) -> Tensor:
    """1 where two stories are one or are told in the same words: [s s]."""
    number = {text: i for i, text in enumerate(dict.fromkeys(texts))}
    words = torch.tensor([number[text] if text else len(number) + i for i, text in enumerate(texts)])
    return (words[:, None] == words).float()


def _ragged(parts: Sequence[Tensor | None]) -> Ragged:
    """Of tensors [n_i d], None where a story has none."""
    width = next((part.shape[1] for part in parts if part is not None), 1)
    return Ragged.from_list([torch.zeros(0, width) if part is None else part for part in parts], width)
