"""What is seen and heard of the videos that are judged: frames, moments of sound, both in one space, and their step."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import torch

from storysound.config import Profile, load_profile
from storysound.encode import cache, gloss
from storysound.encode.encoder import Encoder, Encoding
from storysound.encode.features import StoryEncoder, speaking
from storysound.encode.labels import softmax
from storysound.encode.pool import Models
from storysound.encode.spaces import space_of
from storysound.errors import InputError, UsageError
from storysound.ingest.pictures import FILM_SUFFIXES
from storysound.media import rhythm
from storysound.media.arrays import Doubles, Floats, Pixels
from storysound.media.audio import Waveform, read_audio
from storysound.media.content import sha256_of
from storysound.media.endings import stem
from storysound.media.files import natural_key
from storysound.media.probe import probe
from storysound.media.video import iter_shown
from storysound.metrics.similarity import javis_windows
from storysound.metrics.synchrony import synchrony
from storysound.metrics.video_features import moving_features
from storysound.research.tavg.i3d import read_i3d
from storysound.research.tavg.imagebind import ImageBind, read_imagebind
from storysound.research.tavg.perception import Perception, read_perception
from storysound.research.tavg.settings import TavgEvaluation
from storysound.research.tavg.sound_files import READERS

SIDE_PX, MOTION_PX = 512, 96  # longer side of what eyes look at, and of where motion is looked for
SHORTEST_S = 0.5  # of a sound that is heard as a window
SILENT = 1e-4  # amplitude that silence doesn't reach: -80 dBFS
_VERSION = "2"  # of this file: raised whenever the same video would give other numbers


@dataclass(frozen=True)
class ClipFeatures:
    """What is seen and heard of a video; without sound, or with a silent one, all that is heard is empty."""

    video: Doubles  # [v] what FVD and KVD compare
    times_s: Doubles  # [n]
    words: Floats  # [n k] frames among texts; [n 0] where the profile's eyes don't meet its texts
    seen: Floats  # [n c] frames in the space where they meet sounds
    moments: Floats  # [t d] what is heard, by the encoder of the distance
    heard: Floats  # [1 c] the whole sound in the space where it meets frames, or [0 c]
    windows: Floats  # [w c] and of the windows of the JavisScore
    step: Doubles  # [2] offset in seconds and strength; [0] where sound or motion has no onset


@dataclass(frozen=True)
class Pair:
    """A generated video and the real one of its name."""

    name: str
    generated: Path
    reference: Path


def pairs_of(recipe: TavgEvaluation, say: Callable[[str], None]) -> list[Pair]:
    """Videos of either folder that share a name, whatever their ending, in name order; what has no other is told.

    Raises InputError for a folder without videos, for two of one name in a folder, and where no name is shared.
    """
    made, real = _videos(recipe.generated), _videos(recipe.reference)
    shared = [name for name in made if name in real]
    if not shared:
        fault = f"no video is named like one in {recipe.reference}, as {next(iter(made.values())).name!r}"
        raise InputError(recipe.generated, fault, "name generated videos like the real ones")
    for folder, names, others in ((recipe.generated, made, real), (recipe.reference, real, made)):
        if alone := [file.name for name, file in names.items() if name not in others]:
            say(f"{folder}: {len(alone)} videos have no other of their name and are left out, as {alone[0]!r}")
    return [Pair(name, made[name], real[name]) for name in shared]


def _videos(folder: Path) -> dict[str, Path]:
    """By name without ending."""
    try:
        files = [file for file in folder.iterdir() if file.suffix.lower() in FILM_SUFFIXES and file.name[0] != "."]
    except OSError as error:
        raise InputError(folder, f"can't be read: {error.strerror}", "give a folder of videos") from error
    if not files:
        raise InputError(folder, "has no videos in it", f"put some there ({', '.join(sorted(FILM_SUFFIXES))})")
    found: dict[str, Path] = {}
    for file in sorted(files, key=natural_key):
        if (name := stem(file.name)) in found:
            raise InputError(folder, f"has {found[name].name!r} and {file.name!r} of one name", "leave one out")
        found[name] = file
    return found


class Observer:
    """The encoders that judge, loaded when made."""

    def __init__(self, recipe: TavgEvaluation, models: Models) -> None:
        """Raises UsageError for encoders that don't do what they are asked to, MissingModelError."""
        profile = load_profile(recipe.profile)
        self._recipe = recipe
        self.eyes: Encoder[Pixels] = models.encoder(profile.picture)
        self.ear = _ear(recipe.sound, models)
        if self.ear.modality != "audio":
            raise UsageError(f"sound={recipe.sound} takes {self.ear.modality}, not sounds")
        self.watcher: Encoder[Pixels] | None = None  # of whole videos; None: the eyes, frame by frame
        if recipe.video != "frames":
            self.watcher = _watcher(recipe.video, models)
        self.reader = StoryEncoder(models, profile)
        self.text_name = profile.text
        self._classes = next(iter(self.eyes.labels.items()), None)
        text_space = models.traits(profile.text).space or profile.text
        self.reads = self._classes is not None or space_of(self.eyes) == text_space
        self.joint: ImageBind | Perception | None = None  # None: the profile's eyes and ears
        self.meeting = self._meeting(recipe.both, profile, models)

    def _meeting(self, both: str, profile: Profile, models: Models) -> Encoder[Waveform]:
        """The ears that frames meet. Raises as `__init__`."""
        name, _, file = both.partition("=")
        if file:
            path = Path(file).expanduser()
            self.joint = read_imagebind(path) if name == "imagebind" else read_perception(path)
            return self.joint.ears
        if both == "imagenet":
            names = [name for name in profile.audio if "imagenet" in models.encoder(name).labels]
            if "imagenet" not in self.eyes.labels or not names:
                raise UsageError(f"both=imagenet: the profile {profile.name} doesn't see and hear ImageNet's classes")
        else:
            names = list(speaking(models, profile))
            if not self.reads or not names:
                raise UsageError(f"both=words: the profile {profile.name} doesn't see and hear words of one space")
        return models.encoder(names[0])

    def revision(self) -> list[str]:
        """Changes whenever the same video would be seen or heard otherwise."""
        own = [each for each in (self.watcher, self.ear, self.meeting) if each is not None]
        return [_VERSION, self.reader.revision(), *(f"{each.name}:{each.revision}" for each in own)]

    def text(self, words: str) -> Floats:
        """Where a text lies among the frames' words [k]."""
        place: Floats = self.reader.text([words])[0]
        return place

    def look(self, path: Path) -> ClipFeatures:
        """What is seen and heard of a video, from the folder `out` where it was kept. Raises MediaError."""
        recipe = self._recipe
        if recipe.out is None:
            return self._look(path)
        of = [*self.revision(), sha256_of(path), recipe.both.partition("=")[0], recipe.frames_per_s, recipe.longest_s]

        def make() -> dict[str, torch.Tensor]:
            found = self._look(path)
            return {each.name: torch.tensor(getattr(found, each.name)) for each in fields(found)}

        kept = cache.kept(recipe.out / "clips", of, make)
        return ClipFeatures(**{name: tensor.numpy() for name, tensor in kept.items()})

    def _look(self, path: Path) -> ClipFeatures:
        pictures, times, grey, grey_times = _frames(path, self._recipe)
        said = self.eyes.encode(pictures)
        wave = _sound(path, self._recipe.longest_s)
        moments, whole, windows, step = self._hear(wave, times[-1], grey, grey_times)
        words = self._words(said)
        seen = words
        if self.joint is not None:
            seen = np.concatenate([one.embedding for one in self.joint.eyes.encode(pictures)])
        elif self._recipe.both == "imagenet":
            seen = np.concatenate([one.scores["imagenet"] for one in said])
        video = self._video(pictures, said)
        return ClipFeatures(video, np.array(times), words, seen, moments, whole, windows, step)

    def _video(self, pictures: Sequence[Pixels], said: Sequence[Encoding]) -> Doubles:
        """What stands for a video [v], of its pictures [h w 3] and of what the eyes say of them."""
        if self.watcher is None:
            return moving_features(np.concatenate([one.embedding for one in said]))
        whole = np.stack([rgb for rgb in pictures if rgb.shape == pictures[0].shape])  # a stream may change its size
        return np.asarray(self.watcher.encode([whole])[0].embedding[0], np.float64)

    def _hear(
        self, wave: Waveform | None, end_s: float, grey: Floats, times_s: Sequence[float]
    ) -> tuple[Floats, Floats, Floats, Doubles]:
        """`moments`, `heard`, `windows` and `step` of a sound under grey pictures [n h w] shown at times_s [n]."""
        if wave is None:
            none = np.zeros((0, 1), np.float32)
            return np.zeros((0, self.ear.dim), np.float32), none, none, np.zeros(0)
        (found,) = self.ear.encode([wave])
        spans = javis_windows(min(max(end_s, SHORTEST_S), wave.duration_s))
        cuts = [wave.cut(span.start_s, span.end_s) for span in spans]
        whole, *windows = (self._place(said) for said in self.meeting.encode([wave, *cuts]))
        sound = rhythm.onset_envelope(wave)
        step = synchrony(grey, times_s, sound, rhythm.FRAMES_PER_S)
        place = np.zeros(0) if step is None else np.array([step.offset_s, step.strength])
        return found.embedding, whole[None], np.stack(windows), place

    def _place(self, said: Encoding) -> Floats:
        """Where a sound lies in the space that it shares with frames [c]; logits where that is ImageNet's."""
        rows = said.scores["imagenet"] if self._recipe.both == "imagenet" else said.embedding
        place: Floats = rows.mean(axis=0)
        return place

    def _words(self, said: Sequence[Encoding]) -> Floats:
        """Frames among texts [n k]; [n 0] where they don't meet."""
        if not self.reads:
            return np.zeros((len(said), 0), np.float32)
        if self._classes is None:
            return np.concatenate([one.embedding for one in said])
        name, labels = self._classes
        space = self.reader.space(name, labels)
        return np.stack([gloss.vector(one.scores[name][0], space) for one in said])


def usual_sound(clips: Sequence[ClipFeatures]) -> Floats | None:
    """The mean of whole sounds of clips [c]: logits of ImageNet's classes mean something against it alone."""
    rows = [clip.heard for clip in clips if len(clip.heard)]
    return np.concatenate(rows).mean(axis=0) if rows else None


def as_classes(logits: Floats, usual: Floats) -> Floats:
    """Probabilities of classes [m c] from logits [m c] above what is usual [c]."""
    return softmax(logits - usual)


def _watcher(video: str, models: Models) -> Encoder[Pixels]:
    """An encoder of whole videos by name, or by name and file. Raises as `Observer`."""
    name, _, file = video.partition("=")
    path = Path(file).expanduser()
    if name == "i3d":
        return read_i3d(path)
    return read_perception(path).watcher if name == "pe-av" else models.encoder(name)


def _ear(sound: str, models: Models) -> Encoder[Waveform]:
    """An encoder by name, or by name and file. Raises as `Observer`."""
    name, _, file = sound.partition("=")
    return READERS[name](Path(file).expanduser()) if file else models.encoder(sound)


def _frames(path: Path, recipe: TavgEvaluation) -> tuple[list[Pixels], list[float], Floats, list[float]]:
    """Pictures for the eyes and their times [n]; all of them small and grey [m h w] in [0, 1], with theirs."""
    pictures: list[Pixels] = []
    times: list[float] = []
    grey: list[Floats] = []
    grey_times: list[float] = []
    cell = -1
    for shown in iter_shown(path, end_s=recipe.longest_s):
        small = shown.rgb(MOTION_PX, quick=True)
        if not grey or small.shape[:2] == grey[0].shape:  # a stream may change its size
            grey.append(small.mean(axis=2, dtype=np.float32) / 255)
            grey_times.append(shown.time_s)
        if (now := int(shown.time_s * recipe.frames_per_s + 1e-6)) > cell:
            pictures.append(shown.rgb(SIDE_PX))
            times.append(shown.time_s)
            cell = now
    return pictures, times, np.stack(grey), grey_times


def _sound(path: Path, longest_s: float) -> Waveform | None:
    """The sound of a video, mono; None where it has none, or is silent."""
    if not probe(path).sounds:
        return None
    wave = read_audio(path, channels=1, end_s=longest_s)
    return wave if float(np.abs(wave.samples).max(initial=0.0)) >= SILENT else None
