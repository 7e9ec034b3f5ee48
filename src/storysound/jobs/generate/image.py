"""The picture that a sound, or a mixture of sounds, calls up."""

from pathlib import Path

import torch
from torch import Tensor

from storysound.encode.pool import Models
from storysound.errors import InputError, MissingModelError
from storysound.generate import kandinsky
from storysound.generate.pretrained import chosen_folder
from storysound.generate.soundimage import mixture
from storysound.jobs.generate.request import GenerateImageRequest, GenerateImageResult
from storysound.media.audio import read_audio
from storysound.media.files import check_readable, check_target
from storysound.media.image import write_png
from storysound.progress import Watch
from storysound.trained.soundimage import SoundImageModel, load_trained

LONGEST_S = 600.0  # of a sound that is listened to
_COSTS = {"load": 2.0, "listen": 1.0, "paint": 10.0}


def run(request: GenerateImageRequest, models: Models, watch: Watch) -> GenerateImageResult:
    """Hears, mixes and paints; what the picture was made of stands in the file.

    Raises MissingModelError without decoder or map, InputError for a map of another decoder, MediaError for a sound
    that can't be read, UsageError for an unknown model, OutputError as the writer.
    """
    audio, out = request.audio, request.out
    for path in (audio, *(part.path for part in request.mix)):
        check_readable(path)
    check_target(out)
    watch.plan(_COSTS)
    watch.step("load")
    _, folder, licence = chosen_folder(request.model, (kandinsky.NAME,), models.weights)
    trained, painter = _loaded(request, folder, models)
    watch.step("listen")
    embedding = condition(request, trained)
    watch.step("paint")
    watch.say(f"{request.model} paints in {request.steps} steps")
    rgb = painter.paint(
        embedding, trained.network.black, seed=request.seed, steps=request.steps, side_px=request.side_px
    )
    watch.check()
    parts = [f"{audio.name} at {request.gain_db:+g} dB"]
    parts += [f"{part.path.name} to {part.share:g}" for part in request.mix]
    made = f"made from the sound of {', '.join(parts)} by {request.model}, seed {request.seed}"
    rights = {"Copyright": f"licence of the model: {licence}"} if licence else {}
    write_png(out, rgb, {"Software": "Storysound", "Description": made, **rights})
    return GenerateImageResult(str(out), str(audio), request.gain_db, request.mix, request.seed, request.model, licence)


def _loaded(request: GenerateImageRequest, folder: Path, models: Models) -> tuple[SoundImageModel, kandinsky.Painter]:
    if request.map is None:
        raise MissingModelError(
            "no map from sound to pictures ships: `storysound train soundimage data=… out=…` makes one of stories with "
            "sound and pictures, and `map` takes its best.safetensors"
        )
    file, device = request.map, torch.device("cuda" if torch.cuda.is_available() else "cpu")
    trained = models.get(f"soundimage {file.absolute()}", lambda _: load_trained(file, models))
    painter = models.get(f"painter {folder}", lambda _: kandinsky.load_painter(folder, device))
    if trained.card.model.seen != painter.dim or trained.card.eyes != kandinsky.revision(folder):
        raise InputError(file, f"was made for the picture encoder of another model than {folder}", "train it anew")
    return trained, painter


def condition(request: GenerateImageRequest, trained: SoundImageModel) -> Tensor:
    """The embedding [d] that is painted: of the first sound at its gain, and of the others, mixed."""
    files = [(request.audio, request.gain_db), *((part.path, 0.0) for part in request.mix)]
    embeddings = [trained.condition(read_audio(path, channels=1, end_s=LONGEST_S), gain) for path, gain in files]
    shares = [part.share for part in request.mix]
    return mixture(torch.stack(embeddings), [max(0.0, 1 - sum(shares)), *shares])
