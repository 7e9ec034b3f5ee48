"""The stages a clip goes through: what is seen, what is heard, and both in sentences.

Rows hold the name of a file and seconds, never media: each stage reads what it needs.
"""

import math
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np

from storysound.annotate import sentences
from storysound.annotate.check import Checks, checked, shipped
from storysound.annotate.claims import Claim, of_row, to_row
from storysound.annotate.hearing import LEVEL_S, ear_among
from storysound.annotate.picture_claims import things
from storysound.annotate.picture_words import SeenShot, seen_claims
from storysound.annotate.sound_claims import HeardSound, other_views, sound_claims
from storysound.encode import silero
from storysound.encode.captions import florence_captions, whisper_captions
from storysound.encode.detectors import nanodet
from storysound.encode.pool import Models
from storysound.encode.spaces import Recogniser, heard_words, space_of, spaces_of
from storysound.engine.stage import Row, Stage
from storysound.errors import UsageError
from storysound.ingest.look import Part, watch
from storysound.jobs.annotate.request import AnnotateConfig
from storysound.library.dataset import Dataset
from storysound.media.arrays import Pixels
from storysound.media.audio import Waveform, read_audio
from storysound.media.image import from_jpeg
from storysound.media.loudness import peaks_db
from storysound.media.probe import probe
from storysound.media.recording import of_wave
from storysound.story import Span

PICTURES, SOUND, CAPTIONS = "pictures", "sound", "captions"
SIDE_PX = 320  # of the pictures that are looked at
CLOSE_LOOKS = 3  # pictures of a shot that are looked at
SILENT_DB = -60.0  # clips whose loudest tenth of a second is below are silent
SILENCE = "It is silent."


def stages(config: AnnotateConfig, models: Models) -> tuple[Stage, ...]:
    """All stages in order: in this process with `models` themselves, in others with models of their own."""
    clip = ("file", "story", "start_s", "end_s")
    both = ("start_s", "end_s", "seen", "heard", "silent", "seen_told", "heard_told")
    more = ("", "_told", "_teller")
    return (
        Stage(PICTURES, partial(Pictures, config, models), clip, tuple(f"seen{each}" for each in more)),
        Stage(SOUND, partial(Sound, config, models), clip, ("silent", *(f"heard{each}" for each in more))),
        Stage(CAPTIONS, partial(Captions, config), both, ("claims", "video_caption", "audio_caption")),
    )


class Pictures:
    """Says what is seen in a clip: `seen`, claims."""

    def __init__(self, config: AnnotateConfig, models: Models) -> None:
        """Raises MissingModelError."""
        self._every_s, self._encoder = 1 / config.pictures_per_s, models.picture
        self._recogniser = Recogniser(self._encoder, models, lambda: heard_words(models))
        space = self._recogniser.space
        self._detector = models.get(nanodet.NanoDet.name, nanodet.load)
        self._teller = models.get(florence_captions.MODEL, florence_captions.load) if config.by_hub else None
        self.things, self._check = things(space.name, space.labels), shipped().of["video"]

    @property
    def revision(self) -> str:
        """The encoder that looks, and who finds people and things."""
        detector = f"{self._detector.name} {self._detector.revision}"
        return f"{self._encoder.name} {self._encoder.revision} with {detector}"

    @property
    def teller(self) -> str:
        """Who puts into words what is seen; "" for grammar."""
        return self._teller.revision if self._teller else ""

    def __call__(self, row: Row) -> Row:
        """Raises MediaError where no picture decodes."""
        shots, pictures = _pictures(row, self._every_s)
        shown = [from_jpeg(jpeg) for _, jpeg in pictures]
        seen = []
        for shot in shots:
            inside = [i for i, (time_s, _) in enumerate(pictures) if shot.start_s <= time_s < shot.end_s]
            chosen = np.unique((np.arange(CLOSE_LOOKS) + 0.5) * len(inside) // CLOSE_LOOKS).astype(int).tolist()
            if inside:
                seen.append(self.look(shot, [shown[inside[i]] for i in chosen]))
        found = seen_claims(seen, self.things, self.revision, self._check)
        told = self._teller.caption(shown[len(shown) // 2]) if self._teller else ""
        return {
            "seen": [to_row(claim) for claim in found], "seen_told": told, "seen_teller": self.teller if told else "",
        }  # fmt: skip

    def look(self, shot: Span, pictures: Sequence[Pixels]) -> SeenShot:
        """What both eyes say of some pictures of a shot."""
        classes = self._recogniser.scores(self._encoder.encode(pictures))
        return SeenShot(shot, classes, self._detector.find(pictures))


class Sound:
    """Says what is heard in a clip: `heard`, claims, and whether it is `silent`."""

    def __init__(self, config: AnnotateConfig, models: Models) -> None:
        """Raises MissingModelError; UsageError where the profile has no encoder that tells what is heard when."""
        ear = ear_among(models.audio)
        if ear is None:
            raise UsageError(f"{models.profile.name!r} has no encoder that tells what is heard when", field="profile")
        self._ear, self._voice = ear, models.get("silero", silero.load)
        self._teller = models.get(whisper_captions.MODEL, whisper_captions.load) if config.by_hub else None
        spaces = spaces_of(models)
        self._space = spaces.classes(ear.space, ear.labels, ear.encoder.traits.head(ear.space))
        self._speaks = space_of(ear.encoder) == space_of(models.text)

    @property
    def revision(self) -> str:
        """The encoder that listens."""
        voice = f"{self._voice.name} {self._voice.revision}"
        return f"{self._ear.encoder.name} {self._ear.encoder.revision} with {voice}"

    @property
    def teller(self) -> str:
        """Who puts into words what is heard; "" for grammar."""
        return self._teller.revision if self._teller else ""

    def __call__(self, row: Row) -> Row:
        """Raises MediaError where the sound can't be decoded; that there is none is silence."""
        wave = _sound(row)
        levels = None if wave is None else peaks_db(wave, LEVEL_S)
        if wave is None or levels is None or levels.max(initial=-math.inf) < SILENT_DB:
            return {"heard": [], "silent": True, "heard_told": "", "heard_teller": ""}
        found = self.claims(wave)
        told = self._teller.caption(wave) if self._teller else ""
        return {
            "heard": [to_row(claim) for claim in found], "silent": False, "heard_told": told,
            "heard_teller": self.teller if told else "",
        }  # fmt: skip

    def claims(self, wave: Waveform) -> list[Claim]:
        """What is heard in a sound in one channel, unchecked."""
        heard = self._ear.encoder.encode([wave])[0]
        raw = heard.scores[self._ear.space]
        near = heard.embedding @ self._space.vectors.T if self._speaks else np.zeros_like(raw)
        views = [(slower, self._ear.encoder.encode([view])[0]) for slower, view in other_views(wave)]
        voice = self._voice.probabilities(of_wave(wave))
        sound = HeardSound(heard, peaks_db(wave, LEVEL_S), wave.duration_s, near, views, voice, silero.FRAME_S)
        return sound_claims(sound, self._ear, self.revision)


class Captions:
    """Checks the claims and puts those that may be told into sentences."""

    def __init__(self, config: AnnotateConfig) -> None:
        self._unsupported, self._checks = config.unsupported, shipped()

    @property
    def checks(self) -> Checks:
        """What claims are checked by."""
        return self._checks

    def __call__(self, row: Row) -> Row:
        """`claims`, all of them, and a caption of either sense."""
        duration_s = row["end_s"] - row["start_s"]
        claims = checked(map(of_row, [*row["seen"], *row["heard"]]), self._checks, self._unsupported)
        audio = row["heard_told"] or sentences.audio_sentence(claims, duration_s)
        return {
            "claims": [to_row(claim) for claim in claims],
            "video_caption": row["seen_told"] or sentences.video_sentence(claims, duration_s),
            "audio_caption": SILENCE if row["silent"] else audio,
        }


def _pictures(row: Row, every_s: float) -> tuple[list[Span], list[tuple[float, bytes]]]:
    """Shots and some pictures (time, JPEG) of a clip, on its own clock."""
    start_s, end_s = row["start_s"], row["end_s"]
    if not row["story"]:
        return watch(Part(row["file"], start_s, end_s), end_s - start_s, every_s, SIDE_PX)
    data = Dataset.open(row["file"])
    story = next(each for each in data.stories() if each.id == row["story"])
    shots = [Span(max(s.start_s, start_s) - start_s, min(s.end_s, end_s) - start_s) for s in story.shots
             if s.overlap_s(Span(start_s, end_s)) > 0]  # fmt: skip
    times_s = [frame.time_s for frame in story.frames]
    inside = [number for number, time_s in enumerate(times_s) if start_s <= time_s < end_s]
    before = [number for number, time_s in enumerate(times_s) if time_s < start_s]
    jpegs = data.frames(row["story"])
    shown = inside or before[-1:] or [0]  # a key frame stands for what follows until the next
    return shots, [(max(0.0, times_s[number] - start_s), jpegs[number]) for number in shown]


def _sound(row: Row) -> Waveform | None:
    """The sound of a clip in one channel; None where there is none."""
    start_s, end_s = row["start_s"], row["end_s"]
    if row["story"]:
        return Dataset.open(row["file"]).audio(row["story"], start_s, end_s).mono()
    stream = probe(Path(row["file"])).audio
    if stream is None or (stream.duration_s and stream.start_s + stream.duration_s <= start_s):
        return None
    return read_audio(row["file"], channels=1, start_s=start_s, end_s=end_s)
