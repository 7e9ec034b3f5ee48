"""What MMVA's towers say of the pictures, clips and captions of a set, once for all of a training."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from storysound.encode import cache as feature_cache
from storysound.errors import InputError, MediaError
from storysound.library.emotion_set import EmotionSet
from storysound.library.stories import SIDE_PX
from storysound.match.mmva_model import Config
from storysound.match.mmva_towers import TowerEncoder
from storysound.media.arrays import Floats
from storysound.media.audio import read_audio
from storysound.media.image import read_image
from storysound.progress import Watch

BLOCK = 64  # items in one file of the cache: no more is encoded again after an interruption


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


def features_of(data: EmotionSet, towers: TowerEncoder, cache: Path, watch: Watch) -> TowerFeatures:
    """Features of a set, from the folder `cache` where they were kept, else encoded and kept there.

    A picture or clip that can't be read is told and left out. Raises InputError where nothing is left.
    """
    watch.step("features")
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
    found = {kind: _encoded(kind, keys[kind], makers[kind], revision, cache, watch) for kind in keys}
    if not all(found.values()):
        raise InputError(data.folder, "holds no picture, or no music, that can be read", "look at the lines above")
    own = {text: i for i, text in enumerate(captions)}
    part = data.only(list(found["pictures"]), list(found["clips"]))
    tensors = {kind: torch.stack(list(rows.values())) for kind, rows in found.items()}
    told = torch.tensor([own[clip.caption] for clip in part.clips])
    return TowerFeatures(part, tensors["pictures"], tensors["clips"], tensors["captions"], told)


def _encoded(
    kind: str, keys: Sequence[str], encode: Callable[[int], Floats], revision: str, cache: Path, watch: Watch
) -> dict[int, Tensor]:
    """Features [l d], in half precision, by number; those that can't be read are left out."""
    found: dict[int, Tensor] = {}
    for start in range(0, len(keys), BLOCK):
        numbers = range(start, min(start + BLOCK, len(keys)))

        def make(numbers: range = numbers) -> feature_cache.Tensors:
            watch.say(f"encoding {kind} {numbers[0] + 1} to {numbers[-1] + 1} of {len(keys)}")
            made = {"none": torch.zeros(0)}  # a file has one tensor at least
            for i in numbers:
                watch.at(i, len(keys), kind)
                try:
                    made[str(i - numbers[0])] = torch.from_numpy(encode(i)).half()
                except MediaError as error:
                    watch.say(f"left out: {error}")
            return made

        kept = feature_cache.kept(cache, [kind, revision, [keys[i] for i in numbers]], make)
        found |= {i: kept[str(i - start)] for i in numbers if str(i - start) in kept}
    return found
