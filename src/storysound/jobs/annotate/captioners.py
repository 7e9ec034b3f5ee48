"""Who describes a sound file in a sentence: a model trained here, one of the hub, or what is heard in plain words.

All raise MediaError for a file that can't be heard.
"""

from collections.abc import Callable
from pathlib import Path

from storysound.config import Profile, load_profile
from storysound.encode import whisper_captions
from storysound.encode.pool import Models
from storysound.jobs.gloss import Glosser
from storysound.media.audio import read_audio
from storysound.trained.langue2gloss import load_trained
from storysound.weights.resolver import Resolver

Captioner = Callable[[Path], str]


def by_model(weights_file: Path, weights: Resolver, beams: int = 5) -> Captioner:
    """A run of `storysound train caption`. Raises InputError for another file."""
    trained = load_trained(weights_file, Models(load_profile("embedded"), weights), "caption")
    return lambda file: " ".join(trained.of_sound(file, beams))


def by_hub(weights: Resolver) -> Captioner:
    """Whisper Audio Captioning. Raises MissingModelError where its files can't be had."""
    found = whisper_captions.load(weights)
    return lambda file: found.caption(read_audio(file, channels=1))


def by_events(profile: Profile, weights: Resolver) -> Captioner:
    """The gloss of what is heard, as it stands: the least that a captioner has to beat."""
    glosser = Glosser(profile, weights)
    return lambda file: " ".join(glosser.of(str(file)).words) or "silence"
