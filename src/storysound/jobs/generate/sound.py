"""A sound made of words or pictures, by a model: what no library has."""

from storysound.encode.pool import Models
from storysound.generate.made_sound import FAR, check_asked, nearest_text, write_made
from storysound.generate.maker import SHIPPED, SOUND, Conditions, TimedPicture, check_conditions, maker_of
from storysound.jobs.generate.request import GenerateSoundRequest, GenerateSoundResult
from storysound.media.files import check_readable, check_target
from storysound.media.image import read_image
from storysound.progress import Watch

SIDE_PX = 512  # of a picture; its encoder looks at 260
_COSTS = {"load": 2.0, "make": 10.0, "write": 1.0}


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
    made_by, name, licence = maker_of(request.model, SOUND, models)
    conditions = Conditions(request.seconds, request.seed, request.text, _pictures(request))
    check_conditions(conditions, made_by)
    nearest, cosine = nearest_text(made_by, request.text) if request.text.strip() else ("", 1.0)
    if nearest and cosine < FAR:
        watch.say(f"{name} never learned of {request.text[:80]!r}: nearest is {nearest!r}, so expect little of it")
    watch.step("make")
    wave = made_by.make(conditions)
    watch.step("write")
    sound = write_made(wave, conditions, request.out, name, licence, [path.name for path in request.images])
    return GenerateSoundResult(
        str(request.out), request.text, sound.duration_s, request.seed, name, licence, nearest, round(cosine, 3),
        tuple(str(path) for path in request.images),
    )  # fmt: skip


def _pictures(request: GenerateSoundRequest) -> tuple[TimedPicture, ...]:
    """Spread evenly over the length of the sound."""
    count = len(request.images)
    shown = (read_image(path, max_side=SIDE_PX) for path in request.images)
    return tuple(TimedPicture(request.seconds * number / count, rgb) for number, rgb in enumerate(shown))
