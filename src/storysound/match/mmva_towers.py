"""The encoders of a profile as MMVA's three towers: the features that its network starts from.

Encoders that offer their hidden layers (RoBERTa, MERT) give them all, as the paper's do; others give one layer, their
embedding. A known deviation: layers are means over time where the paper takes the first token's.
"""

from storysound.encode.features import StoryEncoder
from storysound.media.arrays import Floats, Pixels
from storysound.media.audio import Waveform

_VERSION = "1"  # of this file: raised whenever the same item would give other features


class TowerEncoder(StoryEncoder):
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
