"""`storysound generate image`: the picture that a sound, or a mixture of sounds, calls up."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from storysound.config import load_profile
from storysound.encode.pool import Models
from storysound.errors import InputError, MissingModelError, UsageError
from storysound.generate import kandinsky
from storysound.generate.pretrained import chosen_folder
from storysound.generate.soundimage import mixture
from storysound.media.audio import read_audio
from storysound.media.files import check_readable, check_target
from storysound.media.image import write_png
from storysound.trained.soundimage import SoundImageModel, load_trained
from storysound.weights.resolver import Resolver

LOUDEST_DB = 60.0  # of a gain, either way
LONGEST_S = 600.0  # of a sound that is listened to


@dataclass(frozen=True)
class Mixed:
    """A further sound and its share of the picture."""

    path: Path
    share: float

    @classmethod
    def parse(cls, text: str) -> "Mixed":
        """From FILE:WEIGHT. Raises UsageError.

        >>> Mixed.parse("a:b.wav:0.25").share
        0.25
        """
        path, _, weight = text.rpartition(":")
        try:
            share = float(weight)
        except ValueError:
            share = -1.0
        if not path or not 0 <= share <= 1:
            raise UsageError(f"--mix {text}: give FILE:WEIGHT with a weight from 0 to 1, as in --mix rain.wav:0.4")
        return cls(Path(path), share)


@dataclass(frozen=True)
class Order:
    """What shall be painted. The first sound has the share that `mixed` leaves."""

    audio: Path
    out: Path
    gain_db: float = 0.0  # of the first sound
    mixed: tuple[Mixed, ...] = ()
    seed: int = 0
    steps: int = 50  # of denoising
    side_px: int = 512
    model: str = kandinsky.NAME  # or NAME=FOLDER
    map: Path | None = None  # best.safetensors of `storysound train soundimage`

    def __post_init__(self) -> None:
        if self.out.suffix.lower() != ".png":
            raise UsageError(f"{self.out}: a name that ends in .png is wanted")
        if not abs(self.gain_db) <= LOUDEST_DB:
            raise UsageError(f"--gain must lie from -{LOUDEST_DB:g} to {LOUDEST_DB:g} dB, got {self.gain_db:g}")
        if sum(part.share for part in self.mixed) > 1 + 1e-9:
            raise UsageError("the weights of --mix add up to more than 1")
        if self.steps < 1 or self.side_px < 64 or self.side_px % 64:
            raise UsageError(
                f"needs a step at least and a side that is a multiple of 64, got {self.steps}, {self.side_px}"
            )


@dataclass(frozen=True)
class ImageReport:
    """What was painted."""

    path: str
    audio: str
    gain_db: float
    mixed: tuple[tuple[str, float], ...]
    seed: int
    model: str
    licence: str  # of the decoder's weights, where the catalogue knows it


def generate_image(order: Order, weights: Resolver, tell: Callable[[str], None]) -> ImageReport:
    """Hears, mixes and paints; what the picture was made of stands in the file.

    Raises MissingModelError without decoder or map, InputError for a map of another decoder, MediaError for a sound
    that can't be read, UsageError for an unknown model, OutputError as the writer.
    """
    for path in (order.audio, *(part.path for part in order.mixed)):
        check_readable(path)
    check_target(order.out)
    _, folder, licence = chosen_folder(order.model, (kandinsky.NAME,), weights)
    if order.map is None:
        raise MissingModelError(
            "no map from sound to pictures ships: `storysound train soundimage data=… out=…` makes one of stories with "
            "sound and pictures, and --map FILE takes its best.safetensors"
        )
    trained = load_trained(order.map, Models(load_profile("embedded"), weights))
    painter = kandinsky.load_painter(folder, torch.device("cuda" if torch.cuda.is_available() else "cpu"))
    if trained.card.model.seen != painter.dim or trained.card.eyes != kandinsky.revision(folder):
        raise InputError(order.map, f"was made for the picture encoder of another model than {folder}", "train it anew")
    embedding = condition(order, trained)
    tell(f"{order.model} paints in {order.steps} steps")
    rgb = painter.paint(embedding, trained.network.black, seed=order.seed, steps=order.steps, side_px=order.side_px)
    parts = [f"{order.audio.name} at {order.gain_db:+g} dB", *(f"{p.path.name} to {p.share:g}" for p in order.mixed)]
    made = f"made from the sound of {', '.join(parts)} by {order.model}, seed {order.seed}"
    rights = {"Copyright": f"licence of the model: {licence}"} if licence else {}
    write_png(order.out, rgb, {"Software": "Storysound", "Description": made, **rights})
    mixed = tuple((str(part.path), part.share) for part in order.mixed)
    return ImageReport(str(order.out), str(order.audio), order.gain_db, mixed, order.seed, order.model, licence)


def condition(order: Order, trained: SoundImageModel) -> Tensor:
    """The embedding [d] that is painted: of the first sound at its gain, and of the others, mixed."""
    files = [(order.audio, order.gain_db), *((part.path, 0.0) for part in order.mixed)]
    embeddings = [trained.condition(read_audio(path, channels=1, end_s=LONGEST_S), gain) for path, gain in files]
    shares = [part.share for part in order.mixed]
    return mixture(torch.stack(embeddings), [max(0.0, 1 - sum(shares)), *shares])
