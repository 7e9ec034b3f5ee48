"""What to ask a music model for, so that its music feels like a picture: MMVA's image-to-text retrieval.

Every prompt that templates and words can form (`prompts.toml`) has a mood, told by the text mood head; the nearest to
the mood of the picture is chosen (Choi et al. 2025, "Image-to-Text Retrieval for Music Generation").
"""

import tomllib
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files
from itertools import product
from string import Formatter

import numpy as np

from storysound.encode.mood import MoodScale
from storysound.media.arrays import Floats
from storysound.story import Mood


@dataclass(frozen=True)
class Choice:
    """A prompt that was chosen for a mood. `mood`: its own, on the scale of `Prompts.tones`."""

    text: str
    mood: Mood
    distance: float  # from the mood that was wanted


@dataclass(frozen=True, eq=False)
class Prompts:
    """p prompts, and valence and arousal as people would rate them, told by the text head: `moods` [p 2]."""

    texts: tuple[str, ...]
    moods: Floats

    @cached_property
    def tones(self) -> Floats:
        """Moods on the common scale (`encode.mood.MoodScale`): [p 2] in [0, 1], 0.5 is the mean of all prompts.

        The paper compares moods as they are predicted. Here what is said of prompts lies elsewhere than what is said
        of pictures, so that more pictures would share the same few prompts (docs/RESULTS.md).
        """
        scale = MoodScale.of(self.moods)
        return MoodScale(scale.mean, np.maximum(scale.deviation, 1e-6))(self.moods)

    def nearest(self, wanted: Mood) -> Choice:
        """The prompt at the least Euclidean distance from a mood; of equal ones the first."""
        distances = np.hypot(*(self.tones - np.array([wanted.valence, wanted.arousal], np.float32)).T)
        best = int(distances.argmin())
        valence, arousal = self.tones[best]
        return Choice(self.texts[best], Mood(float(valence), float(arousal)), float(distances[best]))


def shipped() -> tuple[str, ...]:
    """All prompts of `prompts.toml`, each once, in its order."""
    return expanded((files("storysound") / "generate" / "prompts.toml").read_text("utf-8"))


def expanded(table: str) -> tuple[str, ...]:
    """Every template of a TOML text with every combination of the words of each group.

    Raises ValueError where a group has no words for what a template names.

    >>> expanded('templates = ["{a} {b}", "{b}!"]' + chr(10) + 'groups = [{a = ["x", "y"], b = ["1"]}]')
    ('x 1', 'y 1', '1!')
    """
    content = tomllib.loads(table)
    found: dict[str, None] = {}
    for group, template in product(content["groups"], content["templates"]):
        names = list(dict.fromkeys(name for _, name, _, _ in Formatter().parse(template) if name is not None))
        if unknown := [name for name in names if not group.get(name)]:
            raise ValueError(f"{template!r} names {', '.join(map(repr, unknown))}, for which a group has no words")
        for words in product(*(group[name] for name in names)):
            found[template.format(**dict(zip(names, words, strict=True)))] = None
    return tuple(found)
