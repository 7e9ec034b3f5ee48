"""What MAC's experts say, out of the features of pictures and sounds (`encode/features.py`).

The paper's four experts are networks for scenes, objects, actions and sounds. Those of a profile that has none of them:

- scene: which classes of Places are asked for by what is recognised in a picture, through the text space;
- object: what the picture encoder says of a picture beyond its gloss;
- action: how much that changes from one picture to the next (a stand-in: no network for actions is embedded);
- sound: what the audio encoders hear in the video's own sound.

Where the experts listen to a sound instead of looking at a video, they are the parts of what is heard: a name of
`StoryEncoder.heard` each, or `sound` for all of them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import Tensor

from storysound.encode import soundnet
from storysound.encode.features import StoryEncoder
from storysound.errors import UsageError
from storysound.match.mac_model import Tokens

SeenSide = Literal["video", "sound"]
HeardSide = Literal["words", "sound"]
SEEN: tuple[SeenSide, ...] = get_args(SeenSide)
HEARD: tuple[HeardSide, ...] = get_args(HeardSide)
IN_PICTURES = ("scene", "object", "action")
SOUND: Literal["sound"] = "sound"
SHARPNESS = 0.05  # temperature of the softmax over places, as in `encode.labels`


@dataclass(frozen=True)
class Sides:
    """What experts judge (`seen`), and what is matched to it (`heard`): the words or the sounds of stories.

    `experts`: their names in order.
    """

    seen: SeenSide
    heard: HeardSide
    experts: tuple[str, ...]

    def __post_init__(self) -> None:
        if self.seen not in SEEN or self.heard not in HEARD:
            raise ValueError(f"seen is {' or '.join(SEEN)}, heard is {' or '.join(HEARD)}, got {self}")
        if self.seen == self.heard or (self.heard == SOUND and SOUND in self.experts):
            raise ValueError("a sound can't be found by itself: leave the expert sound out, or give heard=words")
        if not self.experts or len(set(self.experts)) < len(self.experts):
            raise ValueError(f"needs experts, each once, got {', '.join(self.experts) or 'none'}")
        if self.seen == "video" and (odd := set(self.experts) - {*IN_PICTURES, SOUND}):
            raise ValueError(f"experts of a video are {', '.join((*IN_PICTURES, SOUND))}, got {', '.join(sorted(odd))}")


class Experts:
    """Features of pictures and sounds as those of MAC's experts."""

    def __init__(self, sides: Sides, encoder: StoryEncoder) -> None:
        """Raises UsageError for an expert that the encoders of the profile aren't."""
        self.sides = sides
        ends = torch.tensor([0, *encoder.heard().values()]).cumsum(0).tolist()
        self._parts = {name: slice(ends[i], ends[i + 1]) for i, name in enumerate(encoder.heard())}
        self._parts[SOUND] = slice(0, ends[-1])
        self.heard_width: int = ends[-1]  # of all that is heard
        if sides.seen == SOUND and (odd := set(sides.experts) - self._parts.keys()):
            raise UsageError(f"no experts {', '.join(sorted(odd))} of sounds: there are {', '.join(self._parts)}")
        self._places = torch.zeros(0, 0)
        if "scene" in sides.experts:
            head = soundnet.TRAITS.head("places")
            self._places = torch.from_numpy(encoder.space("places", soundnet.place_names(), head).vectors)

    def of_sounds(self, sounds: Tokens) -> dict[str, Tokens]:
        """Parts of what is heard [b t d], in the order of the experts."""
        return {name: Tokens(sounds.values[..., self._parts[name]], sounds.mask) for name in self.sides.experts}

    def of_pictures(self, frames: Tokens) -> dict[str, Tokens]:
        """Of pictures in order of time [b m d]: their means [b 1 d], for that is how MAC aggregates them."""
        return {name: _mean(getattr(self, f"_{name}")(frames)) for name in self.sides.experts if name in IN_PICTURES}

    def _scene(self, frames: Tokens) -> Tokens:
        """Roots of the probabilities of places, by the part of the features that lies in the text space."""
        said = frames.values[..., : self._places.shape[1]]
        return Tokens((said @ self._places.T / SHARPNESS).softmax(dim=-1).sqrt(), frames.mask)

    def _object(self, frames: Tokens) -> Tokens:
        return frames

    def _action(self, frames: Tokens) -> Tokens:
        change = frames.values.diff(dim=1).abs()
        return Tokens(change, frames.mask[:, 1:] & frames.mask[:, :-1])


def _mean(tokens: Tokens) -> Tokens:
    """One token for each item, which has none where it had none."""
    total = (tokens.values * tokens.mask[..., None]).sum(dim=1, keepdim=True)
    count = tokens.mask.sum(dim=1)[:, None, None]
    return Tokens(total / count.clamp(min=1), tokens.mask.any(dim=1, keepdim=True))


def means(parts: Mapping[str, Tokens]) -> dict[str, Tensor]:
    """The mean of the real tokens of each part [d]; of those that have one."""
    return {name: part.values[part.mask].mean(dim=0) for name, part in parts.items() if part.mask.any()}
