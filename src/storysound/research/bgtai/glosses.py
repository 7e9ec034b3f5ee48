"""Stories as BGTAI reads and hears them: sequences out of the features that are kept, and their glosses beside them.

Of a text: the words of its rule-based gloss. Of a sound: in each step the classes that are heard most, measured by what
is usual for each; a class that goes on from the step before is not said again.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from storysound.encode import gloss
from storysound.errors import UsageError
from storysound.match.bgtai import Said
from storysound.match.sos_model import Features
from storysound.research.sos.train import LONE_WIDTH
from storysound.research.stories.features import Ragged, Senses, StoryFeatures
from storysound.research.stories.read import Material

WORDS_A_STEP = 2
EVENNESS = 0.5  # power of the usual score that a class is divided by
MOST = 64  # steps of a sequence and words of a gloss that are used, from the front


class SoundGloss:
    """The gloss of sounds, out of the part of their features that says classes."""

    def __init__(self, senses: Senses) -> None:
        """Raises UsageError where no ear of the profile names classes in each step."""
        parts = senses.heard()
        space = next((name for name in parts if name not in senses.ears), None)
        if space is None or senses.stretch_s:
            raise UsageError("this profile's ears name nothing, so sounds have no gloss: give gloss=false or another")
        names = list(parts)
        start = sum(parts[name] for name in names[: names.index(space)])
        self._part = slice(start, start + parts[space])
        classes, usual = senses.classes(space)
        self._vectors = torch.from_numpy(classes.vectors)
        self.width = self._vectors.shape[1]
        self._rarity = torch.from_numpy(usual).float().clamp(min=1e-6) ** -EVENNESS

    def __call__(self, heard: Features) -> tuple[Tensor, Tensor]:
        """Words [b Q d] and which are real [b Q] of sounds, one at least of each."""
        if heard.mask is None or not bool(heard.mask.any(dim=1).all()):
            raise ValueError("a sound needs a step")
        named = heard.tokens[..., self._part] ** 2 * self._rarity  # features hold roots of probabilities
        most = named.topk(min(WORDS_A_STEP, named.shape[-1]), dim=-1).indices
        before = torch.cat([torch.full_like(most[:, :1], -1), most[:, :-1]], dim=1)
        new = (most[..., None] != before[:, :, None]).all(dim=-1) & heard.mask[..., None]
        words, real = most.flatten(1), new.flatten(1)
        order = real.int().argsort(dim=1, descending=True, stable=True)[:, : min(MOST, int(real.sum(dim=1).max()))]
        words, real = words.gather(1, order), real.gather(1, order)
        return self._vectors[words] * real[..., None], real


@dataclass(frozen=True)
class GlossedStories:
    """`features`; `words` of the gloss of each story's text; `sound_gloss`, None where glosses aren't read."""

    features: StoryFeatures
    words: Ragged
    sound_gloss: SoundGloss | None

    def width(self, part: Ragged) -> int:
        """Of the features in a part; that of the gloss's words where no story has any."""
        return (part if len(part.values) else self.words).values.shape[1]

    def texts(self, stories: Tensor) -> Said:
        """Texts of stories, by number; of those that have none a step and a word of zeros."""
        steps, mask = self._something(self.features.text, stories)
        led = mask[:, 1:].any(dim=1, keepdim=True)  # the whole comes first and is no step of the sequence
        steps = torch.where(led[..., None], steps.roll(-1, dims=1), steps)[:, : max(1, steps.shape[1] - 1)]
        mask = torch.where(led, mask.roll(-1, dims=1), mask)[:, : steps.shape[1]]
        words, real = self._something(self.words, stories)
        return Said(steps[:, :MOST], mask[:, :MOST], words[:, :MOST], real[:, :MOST])

    def sounds(self, sounds: Tensor, first: Tensor | None = None) -> Said:
        """Sounds, by number, from token `first` on, by default where they are most informative."""
        heard = self.features.sounds(sounds, first)
        steps, mask = heard.tokens[:, :MOST], torch.ones(heard.tokens.shape[:2], dtype=torch.bool)[:, :MOST]
        mask = mask if heard.mask is None else heard.mask[:, :MOST]
        if self.sound_gloss is None:
            return Said(steps, mask, steps.new_zeros(len(steps), 1, self.words.values.shape[1]), mask[:, :1])
        return Said(steps, mask, *self.sound_gloss(Features(heard.whole, steps, mask)))

    def pictures(self, stories: Tensor) -> tuple[Tensor, Tensor]:
        """Frames of stories; of those that have none a frame of zeros."""
        return self._something(self.features.frames, stories)

    def _something(self, part: Ragged, stories: Tensor) -> tuple[Tensor, Tensor]:
        """A part's rows, of items that hold nothing a row of zeros: [b n width], bool [b n]."""
        rows, mask = part.of(stories)
        rows = rows if len(part.values) else rows.new_zeros(*mask.shape, self.width(part))
        first = torch.arange(mask.shape[1]) == 0
        return rows, mask | (first & ~mask.any(dim=1, keepdim=True))


def glossed(
    features: StoryFeatures,
    stories: Sequence[Material],
    senses: Senses,
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
    vectors = torch.from_numpy(senses.word_vectors(every)) if every else torch.zeros(0, LONE_WIDTH)
    sound_gloss = SoundGloss(senses) if read_gloss else None
    width = vectors.shape[1] if every or sound_gloss is None else sound_gloss.width
    place = {word: i for i, word in enumerate(every)}
    rows = [vectors.reshape(-1, width)[[place[word] for word in words]] for words in said]
    return GlossedStories(features, Ragged.from_list(rows, width), sound_gloss)


def gloss_of(texts: Sequence[str], lemma: Callable[[str], str]) -> tuple[str, ...]:
    """Words of the texts' gloss in order; a text without content words stands for itself."""
    return tuple(word for text in texts for word in gloss.of_text(text, lemma) or (text.strip(),) if word)
