"""How texts, pictures and sounds feel, by the encoders that the heads of `encode.mood` learned to go by."""

from collections.abc import Sequence
from functools import cached_property

from storysound.annotate.sound import SoundJudge
from storysound.encode import mood as moods
from storysound.encode.encoder import Encoder
from storysound.encode.pool import Models
from storysound.encode.wording import sentences
from storysound.media.arrays import Floats, Pixels
from storysound.media.audio import Waveform
from storysound.story import Mood

EARS = "ears"


class MoodReader:
    """Tells moods, with the encoders that the heads learned to go by, whatever the profile."""

    def __init__(self, models: Models) -> None:
        """Each encoder is asked of `models` when it is first needed."""
        self._models = models

    @property
    def reader(self) -> Encoder[str]:
        """Of texts."""
        return self._models.encoder(moods.READER)

    @property
    def eyes(self) -> Encoder[Pixels]:
        """Of pictures."""
        return self._models.encoder(moods.EYES)

    @property
    def ears(self) -> Encoder[Waveform]:
        """Of sounds."""
        return self._models.encoder(EARS)

    def text(self, text: str) -> Mood:
        """The mean of a text as a whole and its sentences. Raises ValueError for one that says nothing."""
        return moods.as_mood(self.texts(sentences(text)))

    def texts(self, texts: Sequence[str]) -> Floats:
        """Valence and arousal of each text: [n 2]."""
        return moods.of_texts(self.reader.encode(texts))

    def pictures(self, pictures: Sequence[Pixels]) -> Floats:
        """Valence and arousal of each picture uint8 [h w 3]: [n 2]."""
        return moods.of_pictures(self.eyes.encode(pictures))

    def stretch(self, wave: Waveform) -> Mood:
        """Of a stretch of sound, by what is heard in it: music or anything else."""
        heard = {EARS: self.ears.encode([wave.mono()])[0]}
        return self.judge.mood(self.judge.kind(wave.duration_s, heard), heard, wave)

    @cached_property
    def judge(self) -> SoundJudge:
        """What says of sounds, as `ears` hear them, what they are and how they feel."""
        return SoundJudge({EARS: self.ears})
