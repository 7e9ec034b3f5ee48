"""Models that StorySound of Story is compared with: CLAP, which finds sounds for words without having seen the stories.

The paper's other baseline, Wav2CLIP (sounds in the space of CLIP's pictures), is not measured: its weights are a pickle
of a release on GitHub, outside the package index and the hub, and nothing here fetches or runs such. What comes near is
`train sos profile=paper tokens=false`: a learned map of AST's first token into CLIP's space, without attention.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from storysound.encode import cache as feature_cache
from storysound.encode.pool import Models
from storysound.errors import MissingModelError
from storysound.library.stories import StoryMaterial, StorySound
from storysound.progress import Watch
from storysound.research.stories.features import StoryFeatures

Similarities = Callable[[Tensor, Tensor], Tensor]  # numbers of stories [s] and of sounds [u] -> [u s]
_VERSION = "1"  # of this file: raised whenever the same story would give other features


def clap(
    materials: Sequence[StoryMaterial],
    features: StoryFeatures,
    chosen: Tensor,
    models: Models,
    cache: Path,
    watch: Watch,
) -> Similarities | None:
    """CLAP's similarity of the sounds of the stories `chosen` [s] to their texts; what it says is kept in `cache`.

    Each sound is heard at its most informative stretch, several texts of a story count as their mean. Where CLAP's
    weights aren't here that is told, and there is none.
    """
    try:
        ear, reader = models.encoder("clap"), models.encoder("clap_text")
    except MissingModelError as error:
        watch.say(f"CLAP, the paper's baseline, is not measured: {error}")
        return None
    known = {one.id: one for one in materials}
    kept_ones = [known[name] for name in features.ids]
    in_order = list({sound.key: sound for one in kept_ones for sound in one.sounds}.values())  # as in the features
    wanted = torch.nonzero(features.belongs[chosen].any(0))[:, 0]
    stories, sounds = [kept_ones[i] for i in chosen.tolist()], [in_order[i] for i in wanted.tolist()]

    def heard(sound: StorySound, at: float) -> Tensor:
        wave = sound.read().mono().cut(at, at + features.length_s)
        return _unit(ear.encode([wave])[0].embedding)

    def said(texts: Sequence[str]) -> Tensor:
        read = [one.embedding for one in reader.encode(texts)]
        return _unit(np.concatenate(read)) if read else torch.zeros(reader.dim)

    def make() -> feature_cache.Tensors:
        watch.say(f"CLAP hears {len(sounds)} sounds and reads {len(stories)} texts")
        starts = features.crop_s[wanted].tolist()
        listened = torch.stack([heard(sound, at) for sound, at in zip(sounds, starts, strict=True)])
        return {"sounds": listened, "texts": torch.stack([said(one.texts) for one in stories])}

    depends = ["clap", _VERSION, ear.revision, reader.revision, features.length_s, [one.key for one in stories]]
    kept = feature_cache.kept(cache, [*depends, [sound.key for sound in sounds]], make)
    told, listened = _at(chosen), _at(wanted)
    return lambda of_stories, of_sounds: kept["sounds"][listened[of_sounds]] @ kept["texts"][told[of_stories]].T


def _at(numbers: Tensor) -> Tensor:
    """Where each number stands among these [n]."""
    place = torch.full((int(numbers.max()) + 1,), -1)
    place[numbers] = torch.arange(len(numbers))
    return place


def _unit(rows: NDArray[np.float32]) -> Tensor:
    """The mean of rows [n d], of length 1."""
    return F.normalize(torch.from_numpy(rows).mean(dim=0), dim=0)
