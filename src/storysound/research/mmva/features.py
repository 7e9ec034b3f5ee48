"""What the encoders of a profile say of pictures, clips and captions: the features that MMVA's network starts from.

Encoders that offer their hidden layers (RoBERTa, MERT) give them all, as the paper's do; others give one layer, their
embedding. A known deviation: layers are means over time where the paper takes the first token's.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from storysound.encode import cache as feature_cache
from storysound.errors import InputError, MediaError
from storysound.match.mmva_model import Config
from storysound.media.audio import Waveform, read_audio
from storysound.media.image import read_image
from storysound.research.mmva.set import EmotionSet
from storysound.research.stories.features import Floats, Senses
from storysound.research.stories.read import SIDE_PX, Pixels

BLOCK = 64  # items in one file of the cache: no more is encoded again after an interruption
_VERSION = "1"  # of this file: raised whenever the same item would give other features

Tell = Callable[[str], None]


class Towers(Senses):
    """The encoders of a profile, as MMVA's three."""

    def revision(self) -> str:
        """Changes whenever the same item would give other features."""
        return f"mmva{_VERSION}+{super().revision()}"

    def image(self, picture: Pixels) -> Floats:
        """[1 d]."""
        eyes = self._encoder(self._profile.picture)
        return self.frames([picture]) if eyes.labels else eyes.encode([picture])[0].embedding

    def music(self, clip: Waveform) -> Floats:
        """[l d]: the layers of the first audio encoder that has some, else the mean of what all hear."""
        for name in self.ears:
            if (layers := self._encoder(name).encode([clip])[0].layers) is not None:
                return layers
        mean: Floats = self.audio(clip).mean(axis=0, keepdims=True)
        return mean

    def words(self, caption: str) -> Floats:
        """[l d]."""
        layers = self._encoder(self._profile.text).encode([caption])[0].layers
        return self.text([caption])[:1] if layers is None else layers


@dataclass(frozen=True)
class TowerFeatures:
    """Features of a set's pictures [p 1 d], clips [c l d] and captions [t l d]; `told` [c]: the caption of each clip.

    `set`: the part of it that could be read.
    """

    set: EmotionSet
    images: Tensor
    music: Tensor
    captions: Tensor
    told: Tensor

    def text(self, clips: Tensor) -> Tensor:
        """Captions of clips, by number: [b l d]."""
        return self.captions[self.told[clips]].float()

    def config(self, *, similarity: bool, dropout: float) -> Config:
        """The network for these features, otherwise of the paper's sizes."""
        image, music, text = (part.shape[-1] for part in (self.images, self.music, self.captions))
        layers = (self.music.shape[1], self.captions.shape[1])
        return Config(image, music, text, *layers, similarity=similarity, dropout=dropout)


def features_of(data: EmotionSet, towers: Towers, cache: Path, tell: Tell) -> TowerFeatures:
    """Features of a set, from the folder `cache` where they were kept, else encoded and kept there.

    A picture or clip that can't be read is told and left out. Raises InputError where nothing is left.
    """
    revision, captions = towers.revision(), list(dict.fromkeys(clip.caption for clip in data.clips))

    def image(i: int) -> Floats:
        return towers.image(read_image(data.pictures[i].file, max_side=SIDE_PX))

    def music(i: int) -> Floats:
        clip = data.clips[i]
        return towers.music(read_audio(clip.file, channels=1, start_s=clip.span.start_s, end_s=clip.span.end_s))

    keys = {
        "pictures": [one.sha256 for one in data.pictures],
        "clips": [f"{one.sha256}#{one.span.start_s}-{one.span.end_s}" for one in data.clips],
        "captions": captions,
    }
    makers = {"pictures": image, "clips": music, "captions": lambda i: towers.words(captions[i])}
    found = {kind: _encoded(kind, keys[kind], makers[kind], revision, cache, tell) for kind in keys}
    if not all(found.values()):
        raise InputError(data.folder, "holds no picture, or no music, that can be read", "look at the lines above")
    own = {text: i for i, text in enumerate(captions)}
    part = data.only(list(found["pictures"]), list(found["clips"]))
    tensors = {kind: torch.stack(list(rows.values())) for kind, rows in found.items()}
    told = torch.tensor([own[clip.caption] for clip in part.clips])
    return TowerFeatures(part, tensors["pictures"], tensors["clips"], tensors["captions"], told)


def _encoded(
    kind: str, keys: Sequence[str], encode: Callable[[int], Floats], revision: str, cache: Path, tell: Tell
) -> dict[int, Tensor]:
    """Features, in half precision, by number; those that can't be read are left out."""
    found: dict[int, Tensor] = {}
    for start in range(0, len(keys), BLOCK):
        numbers = range(start, min(start + BLOCK, len(keys)))

        def make(numbers: range = numbers) -> feature_cache.Tensors:
            tell(f"encoding {kind} {numbers[0] + 1} to {numbers[-1] + 1} of {len(keys)}")
            made = {"none": torch.zeros(0)}  # a file has one tensor at least
            for i in numbers:
                try:
                    made[str(i - numbers[0])] = torch.from_numpy(encode(i)).half()
                except MediaError as error:
                    tell(f"left out: {error}")
            return made

        kept = feature_cache.kept(cache, [kind, revision, [keys[i] for i in numbers]], make)
        found |= {i: kept[str(i - start)] for i in numbers if str(i - start) in kept}
    return found
