"""A sound made of words or pictures, by a model: what no library has."""

import re
from importlib.resources import files
from pathlib import Path

import numpy as np
import torch

from storysound.encode.pool import Models
from storysound.errors import UsageError
from storysound.generate import maker
from storysound.generate.maker import SHIPPED, SOUND, Conditions, Maker, TimedPicture, check_conditions
from storysound.generate.pretrained import chosen_folder
from storysound.jobs.generate.request import GenerateSoundRequest, GenerateSoundResult
from storysound.media.arrays import RATE_HZ
from storysound.media.audio import Waveform, resample
from storysound.media.files import check_readable, check_target
from storysound.media.film.enclosed import Enclosed
from storysound.media.film.sound_files import write_sound
from storysound.media.image import read_image
from storysound.media.layouts import usual_layout
from storysound.media.recording import recorded
from storysound.progress import Watch

FAR = 0.5  # cosine to the nearest text that the shipped model learned from: below, it has never heard of it
SIDE_PX = 512  # of a picture; its encoder looks at 260
_COSTS = {"load": 2.0, "make": 10.0, "write": 1.0}
_SPEECH = re.compile(
    r"\b(says?|saying|said|speaks?|speaking|speech|talks?|talking|narrat\w+|voice-?over|reads? aloud|recites?|dialogue|"
    r"whispers? (that|to)|announces? that)\b|[\"“”«»].*\w",
    re.IGNORECASE,
)
_SONG = re.compile(r"\b(songs?|sings?|singing|sung|lyrics|melody|music|soundtrack|anthem|album|remix|cover of)\b", re.I)
_BIRDS = re.compile(
    r"\b(birds?|birdsong|larks?|nightingales?|blackbirds?|robins?|whales?|crickets?)\b", re.I
)  # sing too


def run(request: GenerateSoundRequest, models: Models, watch: Watch) -> GenerateSoundResult:
    """Has a model make a sound of exactly the wanted length, at 48 kHz; the file's tags say how it was made.

    Raises UsageError for an unknown model, a length that it can't make, pictures that it can't take or that are more
    than it can show, and where the shipped one is asked for speech or a song; MediaError for a picture that can't be
    read, MissingModelError where weights are missing, OutputError as `media.film.sound_files.write_sound`.
    """
    for path in request.images:
        check_readable(path)
    check_target(request.out)
    name = request.model
    if name in SHIPPED:
        check_asked(request.text)
    watch.plan(_COSTS)
    watch.step("load")
    made_by, licence = _maker(request, models)
    conditions = Conditions(request.seconds, request.seed, request.text, _pictures(request))
    check_conditions(conditions, made_by)
    nearest, cosine = _nearest(made_by, request.text) if request.text.strip() else ("", 1.0)
    if nearest and cosine < FAR:
        watch.say(f"{name} never learned of {request.text[:80]!r}: nearest is {nearest!r}, so expect little of it")
    watch.step("make")
    wave = resample(made_by.make(conditions), RATE_HZ)
    watch.step("write")
    wave = _of_length(wave, round(request.seconds * RATE_HZ))
    source = _source(request)
    said = f"made by {name}, seed {request.seed}, from {source}"
    rights = {"copyright": f"licence of the model: {licence}"} if licence else {}
    sound = recorded([wave.samples], RATE_HZ, usual_layout(wave.channels))
    tags = {"title": request.text[:200] or source[:200], "comment": said, "software": "Storysound", **rights}
    write_sound(sound, request.out, Enclosed(tags))
    return GenerateSoundResult(
        str(request.out), request.text, sound.duration_s, request.seed, name, licence, nearest, round(cosine, 3),
        tuple(str(path) for path in request.images),
    )  # fmt: skip


def check_asked(text: str) -> None:
    """Raises UsageError for words that ask for speech, music or a song, which a model of sounds can't make.

    >>> check_asked("a dog barks")
    """
    for pattern, what in ((_SPEECH, "speech"), (_SONG, "music or a song")):
        found = pattern.search(text)
        if found and not (pattern is _SONG and _BIRDS.search(text)):
            raise UsageError(
                f"{found[0][:40]!r} asks for {what}, which this model can't make: it makes sounds of animals, weather, "
                "fire, water, machines and things",
                field="text",
            )


def _pictures(request: GenerateSoundRequest) -> tuple[TimedPicture, ...]:
    """Spread evenly over the length of the sound."""
    count = len(request.images)
    shown = (read_image(path, max_side=SIDE_PX) for path in request.images)
    return tuple(TimedPicture(request.seconds * number / count, rgb) for number, rgb in enumerate(shown))


def _source(request: GenerateSoundRequest) -> str:
    """What it is made of, in words.

    >>> _source(GenerateSoundRequest("rain", Path("a.wav"), images=(Path("in/dog.jpg"),)))
    'the words: rain; pictures: dog.jpg'
    """
    words = [f"the words: {request.text[:500]}"] if request.text.strip() else []
    names = ", ".join(path.name for path in request.images)
    return "; ".join([*words, *([f"pictures: {names[:500]}"] if names else [])])


def _maker(request: GenerateSoundRequest, models: Models) -> tuple[Maker, str]:
    name, device = request.model, torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if name in SHIPPED:
        folder, licence = Path(str(files("storysound") / "generate" / "weights")), SHIPPED[name]
    else:
        name, folder, licence = chosen_folder(request.model, tuple(SOUND), models.weights)
    return models.get(f"{name} {folder}", lambda _: maker.load(SOUND[name], folder, device, models)), licence


def _nearest(made_by: Maker, text: str) -> tuple[str, float]:
    """Of what the model learned from; "" for one that doesn't tell."""
    tells = getattr(made_by, "nearest", None)
    return tells(text) if tells else ("", 1.0)


def _of_length(wave: Waveform, length: int) -> Waveform:
    """Exactly `length` samples: resampling may give one more or less."""
    samples = wave.samples[:, :length]
    missing = length - samples.shape[1]
    if missing:
        samples = np.pad(samples, ((0, 0), (0, missing)))
    return Waveform(samples, wave.rate_hz)
