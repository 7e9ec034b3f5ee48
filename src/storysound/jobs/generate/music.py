"""Music that feels like a picture, a text or a mood, by way of a prompt in words."""

from hashlib import sha256
from importlib.resources import files
from pathlib import Path

import numpy as np
import torch

from storysound.annotate.feeling import MoodReader
from storysound.encode import cache as feature_cache
from storysound.encode.mood import as_mood, head, reading
from storysound.encode.pool import Models
from storysound.generate.maker import MUSIC, Conditions, check_conditions, maker_of
from storysound.generate.prompts import Choice, Prompts, shipped
from storysound.jobs.generate.request import GenerateMusicRequest, GenerateMusicResult
from storysound.media.audio import write_wav
from storysound.media.files import check_readable, check_target
from storysound.media.image import read_image
from storysound.progress import Watch
from storysound.story import Mood

SIDE_PX = 512  # of a picture; its encoder looks at 260
_WITHOUT = "`prompt_only` gives the prompt without any model"
_COSTS = {"load": 2.0, "understand": 1.0, "compose": 10.0}


def run(request: GenerateMusicRequest, models: Models, watch: Watch) -> GenerateMusicResult:
    """Chooses the prompt nearest to what is wanted and, unless that is all, has a model make music of it.

    The file's tags say how it was made. Raises UsageError for an unknown model or a length it can't make, MediaError
    for a picture that can't be read, MissingModelError where weights are missing, OutputError as the writer.
    """
    if request.out is None or request.prompt_only:
        return _result(*_chosen(request, models, watch))
    out = request.out
    for path in request.images:
        check_readable(path)
    check_target(out)
    watch.plan(_COSTS)
    watch.step("load")
    composer, name, licence = maker_of(request.model, MUSIC, models, _WITHOUT)
    check_conditions(Conditions(request.seconds, text="any"), composer)
    watch.step("understand")
    choice, wanted = _chosen(request, models, watch)
    watch.step("compose")
    watch.say(f"{name} makes {request.seconds:g} s of: {choice.text}")
    wave = composer.make(Conditions(request.seconds, request.seed, choice.text))
    watch.check()
    made = f"made by {request.model}, seed {request.seed}, from the prompt: {choice.text}"
    rights = {"copyright": f"licence of the model: {licence}"} if licence else {}
    write_wav(out, wave, {"title": choice.text, "comment": made, "software": "Storysound", **rights})
    return _result(choice, wanted, str(out), request.model, licence, request.seed, wave.duration_s)


def wanted_mood(request: GenerateMusicRequest, feeling: MoodReader) -> Mood:
    """The mood of what is given, on the scale on which all moods are compared: the mean where it is several.

    Raises MediaError for a picture that can't be read, MissingModelError without the embedded encoders.
    """
    found = [request.mood] if request.mood else []
    if request.text.strip():
        found.append(feeling.text(request.text))
    if request.images:
        found.append(as_mood(feeling.pictures([read_image(path, max_side=SIDE_PX) for path in request.images])))
    return Mood(*np.mean([(mood.valence, mood.arousal) for mood in found], axis=0).tolist())


def all_prompts(feeling: MoodReader, cache: Path, watch: Watch) -> Prompts:
    """The shipped prompts with the moods that the text head gives them.

    They are read once: their moods are kept in the folder `cache` until prompts, reader or head change.
    """
    texts = shipped()

    def read() -> feature_cache.Tensors:
        watch.say(f"reading {len(texts)} prompts; this is done once")
        return {"moods": torch.from_numpy(head("text").ratings(reading(feeling.reader.encode(texts))))}

    learned = sha256((files("storysound") / "encode" / "weights" / "mood.safetensors").read_bytes()).hexdigest()
    depends = [list(texts), feeling.reader.revision, learned]
    return Prompts(texts, feature_cache.kept(cache, depends, read)["moods"].numpy())


def _chosen(request: GenerateMusicRequest, models: Models, watch: Watch) -> tuple[Choice, Mood]:
    feeling = MoodReader(models)
    wanted = wanted_mood(request, feeling)
    return all_prompts(feeling, models.weights.cache / "prompts", watch).nearest(wanted), wanted


def _result(
    choice: Choice,
    wanted: Mood,
    path: str = "",
    model: str = "",
    licence: str = "",
    seed: int | None = None,
    seconds: float = 0.0,
) -> GenerateMusicResult:
    tone = choice.mood
    return GenerateMusicResult(
        choice.text, tone.valence, tone.arousal, wanted.valence, wanted.arousal, choice.distance, path, model, licence,
        seed, seconds,
    )  # fmt: skip
