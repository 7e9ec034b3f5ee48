"""Stories as BGTAI reads and hears them: sequences out of the features that are kept, and their glosses beside them.

Of a text: the words of its rule-based gloss. Of a sound: in each step the classes that are heard most, measured by what
is usual for each; a class that goes on from the step before is not said again.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from storysound.encode import gloss
from storysound.encode.features import StoryEncoder
from storysound.library.stories import StoryMaterial
from storysound.match.bgtai import GlossedSequences
from storysound.match.bgtai_gloss import MOST, SoundGloss
from storysound.match.sos_model import Features
from storysound.nn.ragged import Ragged
from storysound.research.stories.features import StoryFeatures
from storysound.research.stories.training import LONE_WIDTH


@dataclass(frozen=True)
class GlossedStories:
    """`features`; `words` of the gloss of each story's text; `sound_gloss`, None where glosses aren't read."""

    features: StoryFeatures
    words: Ragged
    sound_gloss: SoundGloss | None

    def width(self, part: Ragged) -> int:
        """Of the features in a part; that of the gloss's words where no story has any."""
        return (part if len(part.values) else self.words).values.shape[1]

    def texts(self, stories: Tensor) -> GlossedSequences:
        """Texts of stories [b], by number; of those that have none a step and a word of zeros."""
        steps, mask = self._something(self.features.text, stories)
        led = mask[:, 1:].any(dim=1, keepdim=True)  # the whole comes first and is no step of the sequence
        steps = torch.where(led[..., None], steps.roll(-1, dims=1), steps)[:, : max(1, steps.shape[1] - 1)]
        mask = torch.where(led, mask.roll(-1, dims=1), mask)[:, : steps.shape[1]]
        words, real = self._something(self.words, stories)
        return GlossedSequences(steps[:, :MOST], mask[:, :MOST], words[:, :MOST], real[:, :MOST])

    def sounds(self, sounds: Tensor, first: Tensor | None = None) -> GlossedSequences:
        """Sounds [b], by number, from token `first` [b] on, by default where they are most informative."""
        heard = self.features.sounds(sounds, first)
        steps, mask = heard.tokens[:, :MOST], torch.ones(heard.tokens.shape[:2], dtype=torch.bool)[:, :MOST]
        mask = mask if heard.mask is None else heard.mask[:, :MOST]
        if self.sound_gloss is None:
            return GlossedSequences(
                steps, mask, steps.new_zeros(len(steps), 1, self.words.values.shape[1]), mask[:, :1]
            )
        return GlossedSequences(steps, mask, *self.sound_gloss(Features(heard.whole, steps, mask)))

    def pictures(self, stories: Tensor) -> tuple[Tensor, Tensor]:
        """Frames [b m d] of stories [b], and which are real; of those that have none a frame of zeros."""
        return self._something(self.features.frames, stories)

    def _something(self, part: Ragged, stories: Tensor) -> tuple[Tensor, Tensor]:
        """A part's rows, of items that hold nothing a row of zeros: [b n width], bool [b n]."""
        rows, mask = part.of(stories)
        rows = rows if len(part.values) else rows.new_zeros(*mask.shape, self.width(part))
        first = torch.arange(mask.shape[1]) == 0
        return rows, mask | (first & ~mask.any(dim=1, keepdim=True))


def glossed(
    features: StoryFeatures,
    stories: Sequence[StoryMaterial],
    encoder: StoryEncoder,
    lemma: Callable[[str], str],
    *,
    read_gloss: bool,
) -> GlossedStories:
    """The glosses of the stories that `features` are of.

    Raises UsageError where sounds can't be glossed though `read_gloss`.
    """
    texts = {one.id: one.texts for one in stories}
    said = [gloss_of(texts[name], lemma) for name in features.ids]
    every = list(dict.fromkeys(word for words in said for word in words))
    vectors = torch.from_numpy(encoder.word_vectors(every)) if every else torch.zeros(0, LONE_WIDTH)
    sound_gloss = SoundGloss(encoder) if read_gloss else None
    width = vectors.shape[1] if every or sound_gloss is None else sound_gloss.width
    place = {word: i for i, word in enumerate(every)}
    rows = [vectors.reshape(-1, width)[[place[word] for word in words]] for words in said]
    return GlossedStories(features, Ragged.from_list(rows, width), sound_gloss)


def gloss_of(texts: Sequence[str], lemma: Callable[[str], str]) -> tuple[str, ...]:
    """Words of the texts' gloss in order; a text without content words stands for itself."""
    return tuple(word for text in texts for word in gloss.of_text(text, lemma) or (text.strip(),) if word)
