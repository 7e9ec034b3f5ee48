"""Video with sound made of words: a clip, a film of several shots, or a folder of clips for `evaluate tavg`."""

import csv
import io
import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import torch

from storysound.encode.pool import Models
from storysound.encode.wording import parted
from storysound.errors import InputError, MediaError, OutputError
from storysound.generate.maker import SHIPPED, SOUND, WEIGHTS, maker_of
from storysound.generate.pretrained import chosen_folder
from storysound.generate.video.maker import (
    VIDEO,
    AudibleMaker,
    ClosedVocabulary,
    PictureMaker,
    Pipeline,
    heard_words,
    load,
    pipeline_of,
)
from storysound.ingest.captions import read_captions, told_in
from storysound.ingest.subtitles import SUBTITLES
from storysound.jobs.generate.request import GenerateVideoRequest, GenerateVideoResult
from storysound.media.audio import Waveform
from storysound.media.files import check_readable, check_target, opened, read_text, write_whole, writing
from storysound.media.film.made_films import ShotWriter
from storysound.media.film.streams import tags_of
from storysound.media.probe import probe
from storysound.progress import Watch

CAPTIONS = "captions.csv"  # beside the clips of a folder
_COSTS = {"load": 2.0, "make": 20.0}
_TITLE, _SAID = 200, 2000  # characters of a text in a tag
_ODD = re.compile(r"[^\w .()+-]|^\.+")  # in names of files


@dataclass(frozen=True)
class ChosenModels:
    """A pipeline, and what it is of."""

    pipeline: Pipeline
    model: str
    sound: str
    licence: str
    weights: str  # changes with those of the user's own folders

    def seconds(self, request: GenerateVideoRequest) -> float:
        """Of each clip."""
        return request.seconds or self.pipeline.pictures.usual_s

    def tags(self, title: str, seed: int, seconds: float) -> dict[str, str]:
        """What a film says of how it was made."""
        by = f"{self.model} and {self.sound}" if self.sound else self.model
        own = f"weights {self.weights}, " if self.weights else ""
        how = f"{self.pipeline.stages}, {own}seed {seed}, {seconds:g} s a shot"
        said = f"made by {by}, {how}, from the words: {title[:_SAID]}"
        rights = {"copyright": f"licence of the models: {self.licence}"} if self.licence else {}
        return {"title": title[:_TITLE], "comment": said, **rights}


def run(request: GenerateVideoRequest, models: Models, watch: Watch) -> GenerateVideoResult:
    """Has models make what is asked for; the files' tags say how.

    Clips of a folder that are whole when it ends are kept, and not made again of the same text, seed and models.
    Raises UsageError for an unknown model, stages or a length that it can't make, InputError for texts that can't be
    read or are empty, MissingModelError where weights are missing, OutputError as `media.film.made_films.ShotWriter`.
    """
    texts = _texts(request)
    if request.texts is None:
        check_target(request.out, request.story)
    watch.plan(_COSTS)
    watch.step("load")
    chosen = _chosen(request, models)
    chosen.pipeline.check(chosen.seconds(request))
    watch.step("make")
    by = f"{chosen.model} and {chosen.sound}" if chosen.sound else chosen.model
    watch.say(f"{by}, {chosen.pipeline.stages}: {len(texts)} clips of {chosen.seconds(request):g} s")
    if isinstance(chosen.pipeline.pictures, ClosedVocabulary):
        for text in texts.values():
            if unknown := chosen.pipeline.pictures.unknown(text):
                watch.say(f"left out of {text!r}: the model doesn't know {', '.join(unknown)}")
    if request.texts is None:
        seconds = _film(list(texts.values()), request.out, request, chosen, request.seed, watch)
        return _result(request, chosen, len(texts), 0, seconds)
    return _folder(texts, request, chosen, watch)


def _texts(request: GenerateVideoRequest) -> dict[str, str]:
    """What is made, by name: shots have numbers, clips of a folder the names of files."""
    if request.texts is not None:
        return _listed(request.texts)
    if request.story is None:
        told = parted(request.text) if request.by_sentence else [request.text.strip()]
    else:
        told = _sentences(request.story)
    return {str(number): text for number, text in enumerate(told)}


def _sentences(story: Path) -> list[str]:
    """Of a text, or of what subtitles say. Raises InputError where there are none."""
    is_subtitles = check_readable(story).suffix.lower() in SUBTITLES
    told = [" ".join(each.split()) for each in parted(told_in(story) if is_subtitles else read_text(story))]
    if not told:
        raise InputError(story, "has no sentence in it", "write there what is seen and heard")
    return told


def _listed(file: Path) -> dict[str, str]:
    """Texts by the name that their clip shall have. Raises InputError where there are none."""
    if file.suffix.lower() == ".txt":
        lines = [line.strip() for line in read_text(check_readable(file)).splitlines() if line.strip()]
        found = {f"{number:04d}": line for number, line in enumerate(lines, 1)}
    else:
        told = {name: text for name, text in read_captions(file).texts().items() if text.strip()}
        found = {_ODD.sub("_", name): text for name, text in told.items()}
        if len(found) < len(told):
            alike = next(name for name in told if [_ODD.sub("_", each) for each in told].count(_ODD.sub("_", name)) > 1)
            raise InputError(file, f"has two names that files can't tell apart, as {alike!r}", "rename one of them")
    if not found:
        raise InputError(file, "has no text in it", "give captions by video, or a .txt file with a text a line")
    return found


def _chosen(request: GenerateVideoRequest, models: Models) -> ChosenModels:
    """The makers that the request names. Raises UsageError, MissingModelError."""
    pictures, model, licence = _maker_of(request.model, models)
    can_alone = isinstance(pictures, AudibleMaker) and (request.stages is None or request.stages in pictures.alone)
    sound = request.sound or (
        "" if can_alone or request.stages == "together" else next(name for name in SHIPPED if name in SOUND)
    )
    if not sound:
        return ChosenModels(pipeline_of(pictures, None, request.stages, _deaf), model, "", licence, _own(request.model))
    sounds, name, of_sound = maker_of(sound, SOUND, models)
    words = heard_words(models) if request.stages == "sound-first" else _deaf
    licences = "; ".join(dict.fromkeys(part for part in (licence, of_sound) if part))
    own = _own(request.model, request.sound)
    return ChosenModels(pipeline_of(pictures, sounds, request.stages, words), model, name, licences, own)


def _maker_of(choice: str, models: Models) -> tuple[PictureMaker, str, str]:
    """The maker of video that a user chose, its name and its licence where known."""
    if choice in SHIPPED and choice in VIDEO:
        name, folder, licence = choice, WEIGHTS, SHIPPED[choice]
    else:
        name, folder, licence = chosen_folder(choice, tuple(VIDEO), models.weights)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    return models.get(f"{name} {folder}", lambda _: load(VIDEO[name], folder, device, models)), name, licence


def _own(*choices: str) -> str:
    """A short sha of the files of folders that a user chose as NAME=FOLDER, by names, sizes and times; "" of none."""
    folders = [Path(folder).expanduser() for choice in choices if (folder := choice.partition("=")[2])]
    found = [(file.relative_to(folder), file.stat()) for folder in folders for file in sorted(folder.rglob("*"))]
    told = "+".join(f"{name} {state.st_size} {state.st_mtime_ns}" for name, state in found)
    return sha256(told.encode()).hexdigest()[:8] if found else ""


def _deaf(sound: Waveform) -> str:
    """Of pipelines that ask for no words of a sound."""
    raise AssertionError("no words of a sound are asked for")


def _film(
    texts: list[str], out: Path, request: GenerateVideoRequest, chosen: ChosenModels, seed: int, watch: Watch | None
) -> float:
    """Makes a film of shots, and says how long it is."""
    seconds = chosen.seconds(request)
    with (
        writing(out),
        tempfile.TemporaryDirectory(prefix="storysound-") as scratch,
        ShotWriter(scratch, chosen.tags(" ".join(texts), seed, seconds)) as film,
    ):
        for number, text in enumerate(texts):
            if watch is not None:
                watch.at(number, len(texts), text)
            clip = chosen.pipeline.make(text, seed + number, seconds)
            film.add(clip.frames, clip.frames_per_s, clip.sound)
        film.finish(out)
        return film.seconds


def _folder(
    texts: Mapping[str, str], request: GenerateVideoRequest, chosen: ChosenModels, watch: Watch
) -> GenerateVideoResult:
    """Makes a clip of each text, beside a table that `evaluate tavg` reads."""
    out = request.out
    _prepare(out, texts)
    kept, seconds = 0, 0.0
    for number, (name, text) in enumerate(texts.items()):
        watch.at(number, len(texts), name)
        file, seed = out / f"{name}.mp4", request.seed + number
        if there_s := _made_before(file, chosen.tags(text, seed, chosen.seconds(request))):
            kept, seconds = kept + 1, seconds + there_s
        else:
            seconds += _film([text], file, request, chosen, seed, None)
    if kept:
        watch.say(f"{kept} of {len(texts)} clips were there already")
    return _result(request, chosen, len(texts), kept, seconds)


def _prepare(out: Path, texts: Mapping[str, str]) -> None:
    """The folder, and the table of its texts. Raises OutputError."""
    if out.exists() and not out.is_dir():
        raise OutputError(out, "is a file", "of many texts a folder is made: name one")
    with writing(out):
        out.mkdir(parents=True, exist_ok=True)
    table = io.StringIO()
    rows = csv.writer(table, lineterminator="\n")
    rows.writerows([("video", "caption"), *((f"{name}.mp4", text) for name, text in texts.items())])
    write_whole(out / CAPTIONS, table.getvalue())


def _made_before(file: Path, tags: Mapping[str, str]) -> float:
    """The length of a clip that lies there and was made the same way; else 0."""
    try:
        with opened(file) as container:
            if tags_of(container).get("comment") != tags["comment"]:
                return 0.0
        return probe(file).duration_s
    except (MediaError, OSError):
        return 0.0


def _result(
    request: GenerateVideoRequest, chosen: ChosenModels, clips: int, kept: int, seconds: float
) -> GenerateVideoResult:
    return GenerateVideoResult(
        str(request.out), clips, kept, round(seconds, 3), request.seed, chosen.model, chosen.pipeline.stages,
        chosen.sound, chosen.licence,
    )  # fmt: skip
