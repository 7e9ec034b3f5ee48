"""A sound as a picture of its spectrum, as Riffusion makes them, and such a picture as sound."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import numpy as np

from storysound.encode.pool import Models
from storysound.errors import MediaError, UsageError
from storysound.generate import vocoder as vocoders
from storysound.generate.vocoder import GriffinLim, Vocoder, VocoderName
from storysound.media.arrays import Samples
from storysound.media.audio import Waveform
from storysound.media.files import check_readable, check_target
from storysound.media.film.enclosed import Enclosed
from storysound.media.film.sound_files import SOUND_SUFFIXES, write_sound
from storysound.media.layouts import usual_layout
from storysound.media.recording import Recording, record_audio, recorded
from storysound.media.spectrograms.form import SpectrogramForm
from storysound.media.spectrograms.griffin_lim import ITERATIONS
from storysound.media.spectrograms.picture import SpectrogramPicture, picture_of, read_picture, write_picture
from storysound.progress import Watch

PICTURE = ".png"
LONGEST_S = 1800.0  # of a sound that is drawn: 180,000 pixels wide
PEAK = 10 ** (-1 / 20)  # of a sound whose level nobody knows
_MOST_ITERATIONS = 1000
_DRAW = {"read": 3.0, "draw": 2.0}
_SOUND = {"read": 0.5, "invert": 10.0, "write": 1.0}


@dataclass(frozen=True)
class SpectrogramRequest:
    """A sound, or the sound of a video, that shall be drawn, or a picture that shall sound: the endings say which."""

    source: Path
    out: Path  # .png of a sound; of a picture .wav, .flac, .mp3, .m4a, .ogg or .opus
    stereo: bool = False  # drawn in green and blue; one channel is drawn in grey
    vocoder: VocoderName = "griffin-lim"
    iterations: int = ITERATIONS  # of Griffin and Lim's algorithm
    seed: int = 0  # of the phases it begins with

    def __post_init__(self) -> None:
        wanted = SOUND_SUFFIXES if self.of_picture else (PICTURE,)
        if Path(self.out).suffix.lower() not in wanted:
            raise UsageError(f"a name that ends in {', '.join(wanted)} is wanted, got {self.out}", field="out")
        if self.vocoder not in get_args(VocoderName):
            raise UsageError(f"must be {' or '.join(get_args(VocoderName))}, got {self.vocoder!r}", field="vocoder")
        if not 0 <= self.iterations <= _MOST_ITERATIONS:
            raise UsageError(f"must lie from 0 to {_MOST_ITERATIONS}, got {self.iterations}", field="iterations")
        if self.stereo and self.of_picture:
            raise UsageError("is for sounds that are drawn: a picture says itself what it shows", field="stereo")

    @property
    def of_picture(self) -> bool:
        """Whether a picture shall sound."""
        return Path(self.source).suffix.lower() == PICTURE


@dataclass(frozen=True)
class SpectrogramResult:
    """What was written."""

    path: str
    seconds: float
    width_px: int
    height_px: int
    rate_hz: int
    channels: int


def run(request: SpectrogramRequest, models: Models, watch: Watch) -> SpectrogramResult:
    """Draws or sounds. A picture says how it was made; what made a sound of it stands in its tags.

    Raises MediaError for what can't be read, or is too long to be drawn, MissingModelError for a vocoder whose weights
    aren't here, OutputError as the writers.
    """
    check_readable(request.source)
    check_target(request.out, request.source)
    return _heard(request, models, watch) if request.of_picture else _drawn(request, watch)


def _drawn(request: SpectrogramRequest, watch: Watch) -> SpectrogramResult:
    watch.plan(_DRAW)
    watch.step("read")
    form = SpectrogramForm(channels=2 if request.stereo else 1)
    end_s = LONGEST_S + 1
    sound = record_audio(request.source, rate_hz=form.rate_hz, channels=form.channels, end_s=end_s)
    if sound.duration_s > LONGEST_S:
        fault = f"is longer than {LONGEST_S / 60:.0f} minutes, the most that one picture holds"
        raise MediaError(request.source, fault, "cut it into parts")
    watch.step("draw")
    picture = picture_of(Waveform(sound.read(0, sound.length), form.rate_hz), form)
    write_picture(request.out, picture, {"Description": f"spectrogram of {request.source.name}"})
    return _result(request, picture, sound.duration_s)


def _heard(request: SpectrogramRequest, models: Models, watch: Watch) -> SpectrogramResult:
    watch.plan(_SOUND)
    watch.step("read")
    picture = read_picture(request.source)
    vocoder = _vocoder(request, models)
    watch.step("invert")
    made = recorded(_blocks(picture, vocoder, request.seed, watch), picture.form.rate_hz, _layout(picture))
    watch.step("write")
    sound = made if picture.peak is not None else _levelled(made)
    comment = f"made of a spectrogram by {request.vocoder}, seed {request.seed}"
    write_sound(sound, request.out, Enclosed({"comment": comment, "software": "Storysound"}))
    return _result(request, picture, sound.duration_s)


def _vocoder(request: SpectrogramRequest, models: Models) -> Vocoder:
    if request.vocoder == "griffin-lim":
        return GriffinLim(request.iterations)
    return models.get(request.vocoder, lambda weights: vocoders.load(request.vocoder, weights))


def _blocks(picture: SpectrogramPicture, vocoder: Vocoder, seed: int, watch: Watch) -> Iterator[Samples]:
    """What a vocoder makes of a picture, block by block [c n]."""
    done = 0
    for block in vocoder.blocks(picture.amplitudes(), picture.form, picture.length, seed):
        watch.at(done, picture.length)
        done += block.shape[1]
        yield block


def _levelled(sound: Recording) -> Recording:
    """The sound with its largest sample at PEAK."""
    loudest = max(float(np.abs(block).max(initial=0.0)) for _, block in sound.blocks())
    gain = np.float32(PEAK / loudest if loudest > 0 else 1.0)
    return recorded((gain * block for _, block in sound.blocks()), sound.rate_hz, sound.layout)


def _layout(picture: SpectrogramPicture) -> tuple[str, ...]:
    return usual_layout(picture.form.channels)


def _result(request: SpectrogramRequest, picture: SpectrogramPicture, seconds: float) -> SpectrogramResult:
    height, width = picture.rgb.shape[:2]
    form = picture.form
    return SpectrogramResult(str(request.out), seconds, width, height, form.rate_hz, form.channels)
