"""Who describes a sound file in a sentence: a model trained here, one of the hub, or what is heard in plain words.

All raise MediaError for a file that can't be heard.
"""

from collections.abc import Callable
from pathlib import Path

from storysound.encode.captions import whisper_captions
from storysound.encode.pool import Models
from storysound.jobs.gloss.gloss import run as gloss
from storysound.jobs.gloss.request import GlossRequest
from storysound.media.audio import read_audio
from storysound.progress import Watch
from storysound.trained.langue2gloss import load_trained

Captioner = Callable[[Path], str]


def by_model(weights_file: Path, models: Models, beams: int = 5) -> Captioner:
    """A run of `storysound train caption`. Raises InputError for another file."""
    trained = load_trained(weights_file, models, "caption")
    return lambda file: " ".join(trained.of_sound(file, beams))


def by_hub(models: Models) -> Captioner:
    """Whisper Audio Captioning. Raises MissingModelError where its files can't be had."""
    found = models.get(whisper_captions.MODEL, whisper_captions.load)
    return lambda file: found.caption(read_audio(file, channels=1))


def by_events(models: Models) -> Captioner:
    """The gloss of what is heard, as it stands: the least that a captioner has to beat."""
    return lambda file: " ".join(gloss(GlossRequest(file), models, Watch()).words) or "silence"
