"""What `generate` is asked for and what it answers."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from storysound.errors import UsageError
from storysound.media.film.containers import CONTAINERS
from storysound.media.film.sound_files import SOUND_SUFFIXES
from storysound.story import Mood

MOST_SECONDS = 600.0
LOUDEST_DB = 60.0  # of a gain, either way
LEAST_AMBIENCE_S, MOST_AMBIENCE_S = 1.0, 3 * 3600.0


MOST_WORDS = 200  # of a sound's description: what is longer is a story
MOST_PICTURES = 300  # of a sound: what has more is a film


@dataclass(frozen=True)
class GenerateMusicRequest:
    """Music that shall feel like what is given, in the mean of all of it.

    With `prompt_only` there is no `out`: a prompt is chosen, and no model of music is needed.
    """

    images: tuple[Path, ...] = ()
    text: str = ""
    mood: Mood | None = None
    out: Path | None = None  # .wav
    prompt_only: bool = False
    seconds: float = 10.0
    seed: int = 0
    model: str = "musicgen"  # a name of `generate.maker.MUSIC`, or NAME=FOLDER

    def __post_init__(self) -> None:
        if not (self.images or self.text.strip() or self.mood):
            raise UsageError("nothing to make music for: give `images`, `text` or `mood`")
        if self.out is None and not self.prompt_only:
            raise UsageError("must be given, but for `prompt_only`", field="out")
        if self.out is not None and Path(self.out).suffix.lower() != ".wav":
            raise UsageError(f"a name that ends in .wav is wanted, got {self.out}", field="out")
        if not 0 < self.seconds <= MOST_SECONDS:
            raise UsageError(f"must be above 0 and at most {MOST_SECONDS:g}, got {self.seconds:g}", field="seconds")


@dataclass(frozen=True)
class GenerateMusicResult:
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


@dataclass(frozen=True)
class SoundShare:
    """A further sound and its share of the picture, in [0, 1]."""

    path: Path
    share: float

    def __post_init__(self) -> None:
        if not 0 <= self.share <= 1:
            raise UsageError(f"must lie in [0, 1], got {self.share:g}", field="share")


@dataclass(frozen=True)
class GenerateImageRequest:
    """A sound that shall be seen. It has the share of the picture that `mix` leaves."""

    audio: Path
    out: Path  # .png
    gain_db: float = 0.0  # as if the first sound were so much louder
    mix: tuple[SoundShare, ...] = ()
    seed: int = 0
    steps: int = 50  # of denoising
    side_px: int = 512  # a multiple of 64
    model: str = "kandinsky"  # or NAME=FOLDER
    map: Path | None = None  # best.safetensors of the recipe soundimage

    def __post_init__(self) -> None:
        if Path(self.out).suffix.lower() != ".png":
            raise UsageError(f"a name that ends in .png is wanted, got {self.out}", field="out")
        if not abs(self.gain_db) <= LOUDEST_DB:
            raise UsageError(
                f"must lie from -{LOUDEST_DB:g} to {LOUDEST_DB:g} dB, got {self.gain_db:g}", field="gain_db"
            )
        if sum(part.share for part in self.mix) > 1 + 1e-9:
            raise UsageError("the shares add up to more than 1", field="mix")
        if self.steps < 1:
            raise UsageError(f"must be 1 or more, got {self.steps}", field="steps")
        if self.side_px < 64 or self.side_px % 64:
            raise UsageError(f"must be a multiple of 64, got {self.side_px}", field="side_px")


@dataclass(frozen=True)
class GenerateImageResult:
    """What was painted."""

    path: str
    audio: str
    gain_db: float
    mix: tuple[SoundShare, ...]
    seed: int
    model: str
    licence: str  # of the decoder's weights, where the catalogue knows it


@dataclass(frozen=True)
class GenerateAmbienceRequest:
    """Ambience of any length, made of the sound `like` or of what a library has for `text`."""

    out: Path  # .wav, .flac, .mp3, .m4a, .ogg or .opus; only the first two are repeated without a gap everywhere
    like: Path | None = None
    text: str = ""
    library: Path | None = None
    seconds: float = 60.0
    seed: int = 0
    width: float | None = None  # of the stereo: 0 is mono, 1 two sides with nothing in common; None as recorded

    def __post_init__(self) -> None:
        if (self.like is None) != bool(self.text.strip()):
            raise UsageError("give either `like` or `text`: one of them says what the ambience is made of")
        if self.like is None and self.library is None:
            raise UsageError("is needed to find sounds for `text`", field="library")
        if not LEAST_AMBIENCE_S <= self.seconds <= MOST_AMBIENCE_S:
            fault = f"must lie from {LEAST_AMBIENCE_S:g} to {MOST_AMBIENCE_S:g}, got {self.seconds:g}"
            raise UsageError(f"{fault}: what is made may be repeated without a seam", field="seconds")
        if self.width is not None and not 0 <= self.width <= 1:
            raise UsageError(f"must lie in [0, 1], got {self.width:g}", field="width")
        if Path(self.out).suffix.lower() not in SOUND_SUFFIXES:
            raise UsageError(f"a name that ends in {', '.join(SOUND_SUFFIXES)} is wanted, got {self.out}", field="out")


@dataclass(frozen=True)
class GenerateAmbienceResult:
    """What was made of which sound."""

    path: str
    sound: str  # as it was given, or its path in the library
    seconds: float
    seed: int
    licence: str = ""  # of the sound, where its library knows it
    credit: str = ""
    why: tuple[str, ...] = ()  # it was found


@dataclass(frozen=True)
class GenerateSoundRequest:
    """A sound made by a model of words, of pictures that are shown one after another, or of both."""

    text: str  # "" with pictures alone
    out: Path  # .wav, .flac, .mp3, .m4a, .ogg or .opus
    seconds: float = 5.0
    seed: int = 0
    model: str = "sosgen"  # a name of `generate.maker.SOUND`, or NAME=FOLDER
    images: tuple[Path, ...] = ()  # in the order of time; each is shown as long as the others

    def __post_init__(self) -> None:
        words = len(self.text.split())
        if not words and not self.images:
            raise UsageError("nothing to make a sound of: say what is heard, or give `images`", field="text")
        if len(self.images) > MOST_PICTURES:
            raise UsageError(f"at most {MOST_PICTURES} are looked at, got {len(self.images)}", field="images")
        if words > MOST_WORDS:
            raise UsageError(
                f"has {words} words, at most {MOST_WORDS} are read: say what is heard; `score` reads stories",
                field="text",
            )
        if not 0 < self.seconds <= MOST_SECONDS:
            raise UsageError(f"must be above 0 and at most {MOST_SECONDS:g}, got {self.seconds:g}", field="seconds")
        if Path(self.out).suffix.lower() not in SOUND_SUFFIXES:
            raise UsageError(f"a name that ends in {', '.join(SOUND_SUFFIXES)} is wanted, got {self.out}", field="out")


@dataclass(frozen=True)
class GenerateSoundResult:
    """What was made of which words and pictures by which model."""

    path: str
    text: str
    seconds: float
    seed: int
    model: str
    licence: str  # of the model's weights, where it is known
    nearest: str = ""  # of the texts that the model learned from, where it tells
    cosine: float = 1.0  # how near: below .5 the model has never heard of it
    images: tuple[str, ...] = ()


VIDEO_SUFFIXES = tuple(name for name, each in CONTAINERS.items() if each.video is None or "h264" in each.video)


@dataclass(frozen=True)
class GenerateVideoRequest:
    """Video with sound made of words: one clip of `text`, a film of `story`, or a folder of clips of many `texts`."""

    out: Path  # .mp4, .m4v, .mov or .mkv; of `texts` a folder
    text: str = ""
    story: Path | None = None  # a text, or subtitles: each sentence is a shot of one film
    texts: Path | None = None  # a clip for each: captions by video (a table), or the lines of a .txt file
    by_sentence: bool = False  # whether the sentences of `text` are shots of one film
    seconds: float | None = None  # of a clip or shot; None: what the model usually makes
    seed: int = 0  # of the first clip or shot; the next have the next ones
    model: str = "tavdiffusion-small"  # of the pictures: a name of `generate.video.maker.VIDEO`, or NAME=FOLDER
    stages: Literal["together", "apart", "pictures-first", "sound-first"] | None = None  # None: together if it can
    sound: str = ""  # a model of `generate.maker.SOUND`, or NAME=FOLDER; "": `model` makes it, or the shipped one does

    def __post_init__(self) -> None:
        if sum([bool(self.text.strip()), self.story is not None, self.texts is not None]) != 1:
            raise UsageError("give one of `text`, `story` and `texts`: what is seen and heard")
        if self.by_sentence and not self.text.strip():
            raise UsageError("is for `text`: each sentence of a story is a shot anyway", field="by_sentence")
        if self.texts is None and Path(self.out).suffix.lower() not in VIDEO_SUFFIXES:
            raise UsageError(f"a name that ends in {', '.join(VIDEO_SUFFIXES)} is wanted, got {self.out}", field="out")
        if self.seconds is not None and not 0 < self.seconds <= MOST_SECONDS:
            raise UsageError(f"must be above 0 and at most {MOST_SECONDS:g}, got {self.seconds:g}", field="seconds")
        if self.seed < 0:
            raise UsageError(f"must be 0 or more, got {self.seed}", field="seed")


@dataclass(frozen=True)
class GenerateVideoResult:
    """What was made by which models."""

    path: str
    clips: int  # shots of a film, or files in a folder
    kept: int  # clips that the folder had already, made of the same
    seconds: float  # of the film, or of all clips
    seed: int
    model: str
    stages: str
    sound: str  # the model of the sound; "" where `model` made it
    licence: str  # of the models' weights, where it is known
