"""A sound made of words, by a model: what no library has."""

from storysound.encode.pool import Models
from storysound.generate.made_sound import FAR, check_asked, maker_of, nearest_text, write_made
from storysound.generate.maker import SHIPPED, Conditions, check_conditions
from storysound.jobs.generate.request import GenerateSoundRequest, GenerateSoundResult
from storysound.media.files import check_target
from storysound.progress import Watch

_COSTS = {"load": 2.0, "make": 10.0, "write": 1.0}


def run(request: GenerateSoundRequest, models: Models, watch: Watch) -> GenerateSoundResult:
    """Has a model make a sound of exactly the wanted length, at 48 kHz; the file's tags say how it was made.

    Raises UsageError for an unknown model, a length that it can't make, and where the shipped one is asked for speech
    or a song; MissingModelError where weights are missing, OutputError as `media.film.sound_files.write_sound`.
    """
    check_target(request.out)
    name = request.model
    if name in SHIPPED:
        check_asked(request.text)
    watch.plan(_COSTS)
    watch.step("load")
    made_by, name, licence = maker_of(request.model, models)
    conditions = Conditions(request.seconds, request.seed, request.text)
    check_conditions(conditions, made_by)
    nearest, cosine = nearest_text(made_by, request.text)
    if nearest and cosine < FAR:
        watch.say(f"{name} never learned of {request.text[:80]!r}: nearest is {nearest!r}, so expect little of it")
    watch.step("make")
    wave = made_by.make(conditions)
    watch.step("write")
    sound = write_made(wave, conditions, request.out, name, licence)
    return GenerateSoundResult(
        str(request.out), request.text, sound.duration_s, request.seed, name, licence, nearest, round(cosine, 3)
    )
