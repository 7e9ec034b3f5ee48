"""Stories as MAC sees and hears them, out of the features that are kept of them."""

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from storysound.match.mac_experts import SOUND, Experts, Sides
from storysound.match.mac_model import Tokens
from storysound.research.stories.batches import candidates
from storysound.research.stories.features import StoryFeatures

BLOCK = 256  # stories whose pictures are gone through at once


@dataclass(frozen=True)
class MacStories:
    """Stories as MAC sees and hears them."""

    features: StoryFeatures
    experts: Experts

    @property
    def sides(self) -> Sides:
        """What is matched to what."""
        return self.experts.sides

    def told(self) -> Tensor:
        """Numbers of the stories that have both sides."""
        features, sides = self.features, self.sides
        there = torch.ones(len(features.ids), dtype=torch.bool)
        if sides.heard == "words":
            there &= features.text.lengths() > 0
        if sides.seen == "video" and SOUND not in sides.experts:
            there &= features.frames.lengths() > 0
        return torch.nonzero(there)[:, 0]

    def items(self, stories: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """What is seen [q] and what is heard [c] of these stories, numbers of stories or sounds; what fits, [q c]."""
        if self.sides.seen == "video" and self.sides.heard == "words":
            return stories, stories, self.alike(stories)
        sounds, fits = candidates(self.features, stories)
        return (sounds, stories, fits) if self.sides.seen == SOUND else (stories, sounds, fits.T)

    def alike(self, stories: Tensor) -> Tensor:
        """Which stories are told in the same words, bool [b b]: by what the text encoder says of the whole."""
        said = self.features.texts(stories).whole
        return (said[:, None] == said[None]).all(-1)

    def seen(self, numbers: Tensor, first: Tensor | None = None) -> dict[str, Tokens]:
        """What the experts say of stories or sounds [b], by number; of these from token `first` [b] on."""
        if self.sides.seen == SOUND:
            return self.experts.of_sounds(self._sounds(numbers, first))
        found = {name: Tokens(part.values[numbers], part.mask[numbers]) for name, part in self._pictures.items()}
        if SOUND in self.sides.experts:
            found[SOUND] = self._own_sounds(numbers)
        return {name: found[name] for name in self.sides.experts}

    @cached_property
    def _pictures(self) -> dict[str, Tokens]:
        """Of all stories."""
        blocks = torch.split(torch.arange(len(self.features.ids)), BLOCK)
        parts = [self.experts.of_pictures(Tokens(*self.features.pictures(block))) for block in blocks]
        names = parts[0]
        return {
            name: Tokens(*(torch.cat(both) for both in zip(*(p[name] for p in parts), strict=True))) for name in names
        }

    def heard(self, numbers: Tensor, first: Tensor | None = None) -> Tokens:
        """Sentences of stories [b], or what is heard of sounds from token `first` [b] on."""
        if self.sides.heard == SOUND:
            return self._sounds(numbers, first)
        told = self.features.texts(numbers)
        assert told.mask is not None
        return Tokens(told.tokens, told.mask)

    def _own_sounds(self, stories: Tensor) -> Tokens:
        """The first sound that belongs to each story [b]; no tokens where none does."""
        own = self.features.belongs[stories]
        if not own.any():
            return Tokens(torch.zeros(len(stories), 1, self.experts.heard_width), torch.zeros(len(stories), 1) > 0)
        heard = self._sounds(own.int().argmax(dim=1), None)
        return Tokens(heard.values, heard.mask & own.any(dim=1, keepdim=True))

    def _sounds(self, numbers: Tensor, first: Tensor | None) -> Tokens:
        """Tokens of sounds [b], by number, from `first` [b] on."""
        found = self.features.sounds(numbers, first)
        assert found.mask is not None
        return Tokens(found.tokens, found.mask)
