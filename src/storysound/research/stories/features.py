"""What the encoders of a profile say of stories, once for all of a training: the features Sound of Story starts from.

Each modality's features begin, where the profile can, with what it says in the words of one space, that of the text
encoder: sentences as they are, pictures by their gloss, sounds by an encoder that speaks it (`Traits.space`). That
is where a network starts from (`Config.aligned`); what else the encoders know comes after it. Every encoder's part
has length 1.

Encoders that say what an item's parts are (`Encoding.tokens`) are taken at their word, as in the paper: a text's tokens
are its words instead of its sentences, a sound's the patches of a stretch that an encoder hears as one (AST), the first
token of which stands for the whole. Of a sound `STRETCHES` are kept beside the most informative one.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from storysound.config import Profile
from storysound.encode import cache as feature_cache
from storysound.encode import encoder, gloss
from storysound.encode.encoder import Encoder, Encoding
from storysound.encode.labels import LabelSpace, head_space, remembered_vectors, text_vectors
from storysound.encode.wording import sentences
from storysound.errors import InputError, MediaError, UsageError
from storysound.match.sos_inputs import informative_crop_s
from storysound.match.sos_model import Features
from storysound.media.audio import Waveform
from storysound.research.stories.read import Material, Pixels
from storysound.weights.resolver import Resolver

Floats = NDArray[np.float32]

TOKEN_S = 0.96  # of sound in one token
STRETCHES = 4  # of a sound, evenly spread, out of which training draws one where an encoder hears stretches as a whole
BLOCK = 64  # stories in one file of the cache: no more is encoded again after an interruption
LONGEST_S = 600.0  # of a sound that is listened to
_VERSION = "1"  # of this file: raised whenever the same story would give other features


class Senses:
    """The encoders of a profile, loaded when they are first needed."""

    def __init__(self, profile: Profile, weights: Resolver) -> None:
        """Raises MissingModelError later, where weights can't be had."""
        self._profile, self._weights = profile, weights
        self._loaded: dict[str, Encoder[Any]] = {}
        speaks = [name for name in profile.audio if encoder.traits_of(name).space == profile.text]
        self.ears = (*speaks, *(name for name in profile.audio if name not in speaks))
        self.aligned = bool(speaks)

    def revision(self) -> str:
        """Changes whenever the same story would give other features."""
        names = (self._profile.text, self._profile.picture, *self.ears)
        return "+".join([_VERSION, *(f"{name}:{self._encoder(name).revision}" for name in names)])

    def text(self, texts: Sequence[str]) -> Floats:
        """The whole [1 d], then its words where the encoder says them, else its sentences: [1 + n d]."""
        reader = self._encoder(self._profile.text)
        (whole,) = reader.encode([" ".join(texts)])
        if whole.tokens is not None:
            return np.concatenate([_unit(whole.embedding), _unit(whole.tokens[0])])
        rows = text_vectors(reader, [part for text in texts for part in sentences(text)])
        return np.concatenate([_unit(rows.mean(axis=0, keepdims=True)), rows])

    def frames(self, pictures: Sequence[Pixels]) -> Floats:
        """Gloss, where the encoder names what it sees, and embedding of each picture: [m d]."""
        eyes = self._encoder(self._profile.picture)
        if not eyes.labels:
            return _unit(np.concatenate([seen.embedding for seen in eyes.encode(pictures)]))
        (name, labels), *_ = eyes.labels.items()
        space = self.space(name, labels)
        rows = []
        for seen in eyes.encode(pictures):
            said = gloss.vector(seen.scores[name][0], space)
            rows.append(np.concatenate([said, _unit(seen.embedding)[0]]))
        return np.stack(rows)

    def audio(self, wave: Waveform) -> Floats:
        """What every encoder hears in each `TOKEN_S`: [t d]. Raises ValueError for a sound of no length."""
        heard = wave.mono().cut(0.0, LONGEST_S)
        count = max(1, round(heard.duration_s / TOKEN_S))
        parts = []
        for name in self.ears:
            encoding = self._encoder(name).encode([heard])[0]
            parts += [_unit(_clocked(rows, encoding.step_s, count)) for rows in self._told(name, encoding)]
        return np.concatenate(parts, axis=1)

    @property
    def stretch_s(self) -> float:
        """How much of a sound an encoder hears as one, with its parts; 0 where none does."""
        return max(self._encoder(name).traits.stretch_s for name in self.ears)

    def stretches(self, wave: Waveform, starts_s: Iterable[float], length_s: float) -> Floats:
        """What every encoder hears in stretches of a sound as a whole, then in their parts: [k 1 + n d].

        An encoder that doesn't say parts says the same of all. Raises UsageError where several say different ones, or
        where a stretch is longer than what is heard as one.
        """
        if length_s > self.stretch_s + 0.01:
            raise UsageError(f"crop_s={length_s:g}: this profile hears {self.stretch_s:g} s as one")
        return np.stack([self._stretch(wave.mono().cut(start, start + length_s)) for start in starts_s])

    def _stretch(self, heard: Waveform) -> Floats:
        parts = []
        for name in self.ears:
            encoding = self._encoder(name).encode([heard])[0]
            whole = encoding.embedding.mean(axis=0, keepdims=True)
            parts.append(_unit(whole if encoding.tokens is None else np.concatenate([whole, encoding.tokens[0]])))
        count = max(len(rows) for rows in parts)
        if any(len(rows) not in (1, count) for rows in parts):
            raise UsageError(f"{' and '.join(self.ears)} hear different parts of a sound: give a profile one of them")
        return np.concatenate([np.broadcast_to(rows, (count, rows.shape[1])) for rows in parts], axis=1)

    def _told(self, name: str, encoding: Encoding) -> Iterable[Floats]:
        yield encoding.embedding
        for space in _features(self._encoder(name)):
            yield np.sqrt(encoding.scores[space])

    def heard(self) -> dict[str, int]:
        """Widths of the parts of `audio` in order: embeddings by the name of their encoder, classes by their space."""
        widths: dict[str, int] = {}
        for name in self.ears:
            ear = self._encoder(name)
            widths |= {
                name: ear.dim,
                **{space: len(ear.labels[space]) for space in _features(ear)},
            }
        return widths

    def space(self, name: str, labels: Sequence[str]) -> LabelSpace:
        """Classes as points of the text encoder's space."""
        owners = map(self._encoder, (self._profile.picture, *self.ears))
        head = next(own.traits.head(name) for own in owners if own.labels.get(name) == tuple(labels))
        return head_space(name, labels, head, self._encoder(self._profile.text), self._weights.cache)

    def classes(self, name: str) -> tuple[LabelSpace, Floats]:
        """Classes that `heard` names as points of the text encoder's space; the usual score of each [c]."""
        ear = next(ear for ear in map(self._encoder, self.ears) if name in ear.labels)
        usual = ear.traits.head(name).usual
        return self.space(name, ear.labels[name]), np.ones(
            len(ear.labels[name]), np.float32
        ) if usual is None else usual

    def word_vectors(self, words: Sequence[str]) -> Floats:
        """Single words as points of the text encoder's space: [n d]."""
        return remembered_vectors("words", words, self._encoder(self._profile.text), self._weights.cache)

    def _encoder(self, name: str) -> Encoder[Any]:
        if name not in self._loaded:
            self._loaded[name] = encoder.load(name, self._weights)
        return self._loaded[name]


def _features(ear: Encoder[Any]) -> list[str]:
    """Label spaces whose classes are features too, by the root of their probability."""
    return [space for space in ear.labels if ear.traits.head(space).feature]


def _clocked(rows: Floats, step_s: float, count: int) -> Floats:
    """Means of the rows in each of `count` tokens, the nearest row where there is none: [t d] -> [count d]."""
    times = (np.arange(len(rows)) + 0.5) * step_s
    owner = np.minimum((times / TOKEN_S).astype(int), count - 1)
    middle = (np.arange(count) + 0.5) * TOKEN_S
    nearest = np.abs(times[None] - middle[:, None]).argmin(axis=1)
    return np.stack([rows[owner == i].mean(axis=0) if (owner == i).any() else rows[nearest[i]] for i in range(count)])


def _unit(rows: Floats) -> Floats:
    result: Floats = rows / np.maximum(np.linalg.norm(rows, axis=-1, keepdims=True), 1e-9)
    return result


class Ragged(NamedTuple):
    """Sequences of different length, one after the other: `values` [sum d]; sequence i from `starts`[i] on."""

    values: Tensor
    starts: Tensor

    def __len__(self) -> int:
        return len(self.starts) - 1

    def lengths(self) -> Tensor:
        """Tokens of each sequence: [n]."""
        return self.starts.diff()

    def of(self, numbers: Tensor, first: Tensor | None = None, most: int | None = None) -> tuple[Tensor, Tensor]:
        """These sequences, from their token `first` on, `most` tokens at most: [b n d] and what is real [b n]."""
        start = self.starts[numbers] + (0 if first is None else first)
        lengths = self.starts[numbers + 1] - start
        if most is not None:
            lengths = lengths.clamp(max=most)
        at = torch.arange(max(1, int(lengths.max())))[None]
        mask = at < lengths[:, None]
        if not len(self.values):
            return torch.zeros(*mask.shape, self.values.shape[1]), mask
        rows = self.values[torch.where(mask, start[:, None] + at, start[:, None]).clamp(max=len(self.values) - 1)]
        return rows.float() * mask[..., None], mask

    def mean(self, numbers: Tensor) -> Tensor | None:
        """Of all tokens of these sequences [d]; None where they have none."""
        own = torch.isin(torch.arange(len(self)), numbers).repeat_interleave(self.lengths())
        return self.values[own].mean(dim=0, dtype=torch.float32) if own.any() else None

    @classmethod
    def from_list(cls, parts: Sequence[Tensor], width: int) -> "Ragged":
        """Of tensors [n_i width]."""
        lengths = torch.tensor([0, *(len(part) for part in parts)])
        return cls(torch.cat([torch.zeros(0, width, dtype=torch.half), *parts]), lengths.cumsum(0))


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
        """Sounds, from token `first` on, by default where they are most informative."""
        if self.stretch:
            rows, mask = self.audio.of(numbers, torch.zeros_like(numbers) if first is None else first, self.stretch)
            return Features(rows[:, 0], rows[:, 1:], mask[:, 1:])
        if first is None:
            first = (self.crop_s[numbers] / TOKEN_S).round().long()
        first = torch.minimum(first, (self.audio.lengths()[numbers] - self.tokens).clamp(min=0))
        tokens, mask = self.audio.of(numbers, first, self.tokens)
        return Features(_mean(tokens, mask), tokens, mask)

    def texts(self, numbers: Tensor) -> Features:
        """The whole text, and its sentences or words."""
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
    total: Tensor = tokens.sum(1) / mask.sum(1, keepdim=True).clamp(min=1)
    return total


def features_of(
    stories: Sequence[Material], senses: Senses, cache: Path, length_s: float, tell: Callable[[str], None]
) -> StoryFeatures:
    """Features of stories, from the folder `cache` where they were kept, else encoded and kept there.

    A story none of whose sounds can be read, or whose pictures can't, is told and left out. Raises InputError where
    nothing is left.
    """
    revision = senses.revision()
    kept: list[tuple[Material, Mapping[str, Tensor]]] = []
    for start in range(0, len(stories), BLOCK):
        block = stories[start : start + BLOCK]
        depends = [revision, length_s, [[one.key, [sound.key for sound in one.sounds]] for one in block]]

        def encode(first: int = start + 1, block: Sequence[Material] = block) -> dict[str, Tensor]:
            tell(f"encoding stories {first} to {first + len(block) - 1} of {len(stories)}")
            return _encoded(block, senses, length_s, tell)

        tensors = feature_cache.kept(cache, depends, encode)
        kept += [(one, part) for one, part in zip(block, _parts(tensors, len(block)), strict=True) if part]
    if not kept:
        raise InputError(cache, "none of the stories has a sound that can be read", "look at the lines above")
    return _joined(kept, revision, length_s)


def _encoded(
    block: Sequence[Material], senses: Senses, length_s: float, tell: Callable[[str], None]
) -> dict[str, Tensor]:
    """Tensors named by number of the story: "0.text", "0.frames", "0.sound0", …, and "0.crops"."""
    found: dict[str, Tensor] = {"none": torch.zeros(0)}  # a file has one tensor at least
    heard: dict[str, tuple[Tensor, float]] = {}
    for number, one in enumerate(block):
        try:
            parts = _story(one, senses, length_s, heard)
        except MediaError as error:
            tell(f"left out: {one.id}: {error}")
            continue
        found |= {f"{number}.{name}": tensor for name, tensor in parts.items()}
    return found


def _story(one: Material, senses: Senses, length_s: float, heard: dict[str, tuple[Tensor, float]]) -> dict[str, Tensor]:
    for sound in one.sounds:
        if sound.key not in heard:
            wave = sound.read()
            heard[sound.key] = _heard(wave, senses, length_s)
    found = {f"sound{i}": heard[sound.key][0].clone() for i, sound in enumerate(one.sounds)}
    found["crops"] = torch.tensor([heard[sound.key][1] for sound in one.sounds])
    if one.texts:
        found["text"] = _half(senses.text(one.texts))
    if pictures := one.pictures():
        found["frames"] = _half(senses.frames(pictures))
    return found


def _heard(wave: Waveform, senses: Senses, length_s: float) -> tuple[Tensor, float]:
    """Tokens [t d] or stretches [k n d] of a sound, and where its most informative stretch begins."""
    at = informative_crop_s(wave, length_s)
    if not senses.stretch_s:
        return _half(senses.audio(wave)), at
    last = max(0.0, min(wave.duration_s, LONGEST_S) - length_s)
    return _half(senses.stretches(wave, [at, *np.unique(np.linspace(0.0, last, STRETCHES))], length_s)), at


def _half(rows: Floats) -> Tensor:
    return torch.from_numpy(rows).half()


def _parts(tensors: Mapping[str, Tensor], count: int) -> list[dict[str, Tensor]]:
    """The tensors of each story."""
    found: list[dict[str, Tensor]] = [{} for _ in range(count)]
    for name, tensor in tensors.items():
        number, dot, part = name.partition(".")
        if dot:
            found[int(number)][part] = tensor
    return found


def _joined(kept: Sequence[tuple[Material, Mapping[str, Tensor]]], revision: str, length_s: float) -> StoryFeatures:
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


def _sha(kept: Sequence[tuple[Material, Mapping[str, Tensor]]], revision: str, length_s: float) -> str:
    """Of whose features they are, by which encoders, and how many there are of each; no number of theirs."""
    shapes = [{name: list(part.shape) for name, part in sorted(parts.items())} for _, parts in kept]
    told = [(one.id, one.group, one.texts) for one, _ in kept]
    return sha256(json.dumps([revision, length_s, told, shapes]).encode()).hexdigest()[:24]


def _alike(texts: Sequence[tuple[str, ...]]) -> Tensor:
    """1 where two stories are one or are told in the same words: [s s]."""
    number = {text: i for i, text in enumerate(dict.fromkeys(texts))}
    words = torch.tensor([number[text] if text else len(number) + i for i, text in enumerate(texts)])
    return (words[:, None] == words).float()


def _ragged(parts: Sequence[Tensor | None]) -> Ragged:
    width = next((part.shape[1] for part in parts if part is not None), 1)
    return Ragged.from_list([torch.zeros(0, width) if part is None else part for part in parts], width)
