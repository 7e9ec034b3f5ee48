"""`storysound generate music`: music that feels like a picture, a text or a mood, by way of a prompt in words."""

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from importlib.resources import files
from pathlib import Path

import numpy as np
import torch

from storysound.annotate.feeling import MoodReader
from storysound.encode import cache as feature_cache
from storysound.encode.mood import as_mood, head, reading
from storysound.encode.pool import Models
from storysound.errors import UsageError
from storysound.generate import music
from storysound.generate.pretrained import chosen_folder
from storysound.generate.prompts import Choice, Prompts, shipped
from storysound.media.audio import write_wav
from storysound.media.files import check_readable, check_target
from storysound.media.image import read_image
from storysound.story import Mood

SIDE_PX = 512  # of a picture; its encoder looks at 260
MOST_SECONDS = 600.0


@dataclass(frozen=True)
class Wish:
    """What the music shall feel like: the mean of all that is given."""

    images: tuple[Path, ...] = ()
    text: str = ""
    mood: Mood | None = None

    def __post_init__(self) -> None:
        if not (self.images or self.text.strip() or self.mood):
            raise UsageError("nothing to make music for: give --image, --text or --mood")


@dataclass(frozen=True)
class Order:
    """What shall be made of a prompt."""

    out: Path
    seconds: float = 10.0
    seed: int = 0
    model: str = "musicgen"  # a name of `music.MODELS`, or NAME=FOLDER

    def __post_init__(self) -> None:
        if self.out.suffix.lower() != ".wav":
            raise UsageError(f"{self.out}: a name that ends in .wav is wanted")
        if not 0 < self.seconds <= MOST_SECONDS:
            raise UsageError(f"--seconds must be above 0 and at most {MOST_SECONDS:g}, got {self.seconds:g}")


@dataclass(frozen=True)
class MusicReport:
    """What was asked of which model; all that follows `distance` is empty where only the prompt was wanted."""

    prompt: str
    valence: float  # of the prompt among all prompts, in [0, 1]
    arousal: float
    wanted_valence: float
    wanted_arousal: float
    distance: float
    path: str = ""
    model: str = ""
    licence: str = ""  # of the model's weights, where the catalogue knows it
    seed: int | None = None
    seconds: float = 0.0


def generate_music(wish: Wish, order: Order | None, models: Models, tell: Callable[[str], None]) -> MusicReport:
    """Chooses the prompt nearest to the wish and, where there is an order, has a model make music of it.

    The file's tags say how it was made. Raises UsageError for an unknown model or a length it can't make, MediaError
    for a picture that can't be read, MissingModelError where weights are missing, OutputError as the writer.
    """
    if order is None:
        return _report(*_chosen(wish, models, tell))
    for path in wish.images:
        check_readable(path)
    check_target(order.out)
    name, folder, licence = chosen_folder(order.model, tuple(music.MODELS), models.weights, _WITHOUT)
    composer = music.load(name, folder, torch.device("cuda" if torch.cuda.is_available() else "cpu"))
    music.check_length(order.seconds, composer)
    choice, wanted = _chosen(wish, models, tell)
    tell(f"{name} makes {order.seconds:g} s of: {choice.text}")
    wave = composer.compose(choice.text, order.seconds, order.seed)
    made = f"made by {order.model}, seed {order.seed}, from the prompt: {choice.text}"
    rights = {"copyright": f"licence of the model: {licence}"} if licence else {}
    write_wav(order.out, wave, {"title": choice.text, "comment": made, "software": "Storysound", **rights})
    return _report(choice, wanted, str(order.out), order.model, licence, order.seed, wave.duration_s)


_WITHOUT = "--prompt-only gives the prompt without any model"


def wanted_mood(wish: Wish, feeling: MoodReader) -> Mood:
    """The mood of what is given, on the scale on which all moods are compared: the mean where it is several.

    Raises MediaError for a picture that can't be read, MissingModelError without the embedded encoders.
    """
    found = [wish.mood] if wish.mood else []
    if wish.text.strip():
        found.append(feeling.text(wish.text))
    if wish.images:
        found.append(as_mood(feeling.pictures([read_image(path, max_side=SIDE_PX) for path in wish.images])))
    return Mood(*np.mean([(mood.valence, mood.arousal) for mood in found], axis=0).tolist())


def all_prompts(feeling: MoodReader, cache: Path, tell: Callable[[str], None]) -> Prompts:
    """The shipped prompts with the moods that the text head gives them.

    They are read once: their moods are kept in the folder `cache` until prompts, reader or head change.
    """
    texts = shipped()

    def read() -> feature_cache.Tensors:
        tell(f"reading {len(texts)} prompts; this is done once")
        return {"moods": torch.from_numpy(head("text").ratings(reading(feeling.reader.encode(texts))))}

    learned = sha256((files("storysound") / "encode" / "weights" / "mood.safetensors").read_bytes()).hexdigest()
    depends = [list(texts), feeling.reader.revision, learned]
    return Prompts(texts, feature_cache.kept(cache, depends, read)["moods"].numpy())


def _chosen(wish: Wish, models: Models, tell: Callable[[str], None]) -> tuple[Choice, Mood]:
    feeling = MoodReader(models)
    wanted = wanted_mood(wish, feeling)
    return all_prompts(feeling, models.weights.cache / "prompts", tell).nearest(wanted), wanted


def _report(
    choice: Choice,
    wanted: Mood,
    path: str = "",
    model: str = "",
    licence: str = "",
    seed: int | None = None,
    seconds: float = 0.0,
) -> MusicReport:
    tone = choice.mood
    return MusicReport(
        choice.text, tone.valence, tone.arousal, wanted.valence, wanted.arousal, choice.distance, path, model, licence,
        seed, seconds,
    )  # fmt: skip
