"""What a cue sheet looks like as JSON: the published schema, and what reading one goes by."""

import dataclasses
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from storysound.cue.levels import Levels
from storysound.cue.score import VERSION

Seconds = Annotated[float, Meta(ge=0, description="seconds of the story")]
Decibels = Annotated[float, Meta(ge=-120, le=60, description="decibels")]
Share = Annotated[float, Meta(ge=0, le=1)]
Stretch = Annotated[tuple[Seconds, Seconds], Meta(description="[start, end) in seconds of the story")]
Pixel = Annotated[int, Meta(ge=16, le=8192, multiple_of=2)]
Name = Annotated[str, Meta(min_length=1, max_length=200)]
Theme = Annotated[int, Meta(ge=0)]


class JumpForm(Struct, frozen=True, forbid_unknown_fields=True):
    """What a jump of music to this piece costs, in parts; 0 isn't heard. Never read to make sound."""

    total: float
    timbre: float = 0.0
    harmony: float = 0.0
    seam: float = 0.0
    level: float = 0.0


class PieceForm(Struct, frozen=True, forbid_unknown_fields=True):
    """A stretch [in_s, out_s) of the sound, placed at `at_s`; neighbours overlap by their crossfade."""

    in_s: Annotated[float, Meta(ge=0, description="seconds of the sound")]
    out_s: Annotated[float, Meta(gt=0, description="seconds of the sound")]
    at_s: Seconds
    jump: JumpForm | None = None


class SoundForm(Struct, frozen=True, forbid_unknown_fields=True):
    """A sound of the library; the file is `root`/`path` and has this `sha256`."""

    path: str
    root: str
    duration_s: Annotated[float, Meta(ge=0)]
    kind: Literal["music", "sfx"]
    title: str = ""
    tempo_bpm: float | None = None
    key: str = ""
    loudness_lufs: float | None = None
    valence: Share = 0.5
    arousal: Share = 0.5
    source: str = ""
    sha256: str = ""
    licence: str = ""
    credit: str = ""


class RunnerUpForm(Struct, frozen=True, forbid_unknown_fields=True):
    """A sound that was nearly chosen, and the stretch of it that fits."""

    sound: str
    score: float
    start_s: Annotated[float, Meta(ge=0)] = 0.0
    end_s: Annotated[float, Meta(ge=0)] = 0.0
    why: tuple[str, ...] = ()


class MoodForm(Struct, frozen=True, forbid_unknown_fields=True):
    """A point of the circumplex."""

    valence: Share
    arousal: Share


class MusicPieceForm(Struct, frozen=True, forbid_unknown_fields=True):
    """A stretch of the film with one composition of as many scenes."""

    start_s: Seconds
    end_s: Seconds
    scenes: Annotated[int, Meta(ge=1)]
    seed: Annotated[int, Meta(ge=0)] = 0


class MusicHitForm(Struct, frozen=True, forbid_unknown_fields=True):
    """A moment that the music marks."""

    at_s: Seconds
    mark: Literal["accent", "breath", "rest"] = "accent"


class MusicBriefForm(Struct, frozen=True, forbid_unknown_fields=True):
    """What composed music was asked to be. Edited here it changes nothing that sounds: `storysound cue set` does."""

    piece: MusicPieceForm
    number: Annotated[int, Meta(ge=0, description="which of the piece's scenes, from 0")]
    start_s: Seconds
    end_s: Seconds
    mood: MoodForm
    theme: Annotated[str, Meta(max_length=200, description="scenes of one theme share a motif")] = ""
    ensemble: Name = "orchestra"
    style: Annotated[str, Meta(max_length=200)] = ""
    seed: Annotated[int, Meta(ge=0)] = 0
    hits: tuple[MusicHitForm, ...] = ()


class CueForm(Struct, frozen=True, forbid_unknown_fields=True):
    """One sound placed under the story. `gain_db` is applied before fades and ducking."""

    id: Name
    layer: Literal["music", "ambience", "spot"]
    start_s: Seconds
    end_s: Seconds
    sound: SoundForm
    pieces: Annotated[tuple[PieceForm, ...], Meta(min_length=1)]
    gain_db: Decibels
    fade_in_s: Annotated[float, Meta(ge=0)]
    fade_out_s: Annotated[float, Meta(ge=0)]
    score: float = 0.0
    why: tuple[str, ...] = ()
    runners_up: tuple[RunnerUpForm, ...] = ()
    level_lufs: Annotated[float | None, Meta(description="of the stretch before its gain; null for silence")] = None
    muted: bool = False
    locked: Annotated[bool, Meta(description="left as it is when the rest is planned anew")] = False
    composed: Annotated[MusicBriefForm | None, Meta(description="of music that was composed for it")] = None


class SceneForm(Struct, frozen=True, forbid_unknown_fields=True):
    """Adjacent shots of one place or mood; span, text and mood may be edited before `plan`."""

    start_s: Seconds
    end_s: Seconds
    valence: Share
    arousal: Share
    gloss: Annotated[str, Meta(description="what is seen, in words")] = ""
    look: Annotated[str, Meta(description="how it looks: near or far, dark or bright, still or fast")] = ""
    text: Annotated[str, Meta(description="what you say about it")] = ""
    shots: tuple[Stretch, ...] = ()
    theme: Annotated[
        Theme | None, Meta(description="scenes of one share their music, 0 is silence; null: `plan` decides")
    ] = None
    rests: Annotated[str, Meta(description="why it has no music")] = ""


class FileForm(Struct, frozen=True, forbid_unknown_fields=True):
    """A file or folder the score goes by, and how it is known again."""

    path: str
    sha256: str = ""
    size: int = 0
    mtime_ns: int = 0


class StillForm(Struct, frozen=True, forbid_unknown_fields=True):
    """A picture of a slideshow, or a film among them, and when it is shown."""

    path: str
    start_s: Seconds
    end_s: Seconds
    is_film: bool = False


class SlideshowForm(Struct, frozen=True, forbid_unknown_fields=True):
    """How pictures become a film."""

    stills: Annotated[tuple[StillForm, ...], Meta(min_length=1)]
    width: Pixel
    height: Pixel
    transition_s: Annotated[float, Meta(ge=0, le=10)] = 0.0


class WishesForm(Struct, frozen=True, forbid_unknown_fields=True):
    """What was asked of the plan; planning anew goes by it."""

    text: str = ""
    mood: MoodForm | None = None
    music: bool = True
    effects: bool = True
    fill: Literal["make", "hub", "none"] = "none"
    compose: Literal["always", "missing", "never"] = "never"
    ensemble: Name = "orchestra"
    hits: tuple[MusicHitForm, ...] = ()
    ignore_names: bool = False
    taste: bool = True
    licence_policy: Literal["any", "commercial"] = "any"
    rerank: str = "none"
    seed: Annotated[int, Meta(ge=0)] = 0
    themes: Annotated[int, Meta(ge=1, le=1000)] | None = None
    changes: Literal["few", "some", "many"] = "some"
    shortest_scene: Annotated[float, Meta(ge=1, le=3600)] | None = None
    silence: bool | None = None
    every_track: bool = False
    size: tuple[Pixel, Pixel] | None = None
    fps: Annotated[float, Meta(ge=1, le=120)] = 25.0
    seconds: Annotated[float, Meta(gt=0)] | None = None
    transition: Annotated[float, Meta(ge=0, le=10)] = 0.5
    narration: str = ""
    to_beat: bool = False
    beats: Literal["own", "beatnet"] = "own"
    profile: str = "embedded"


class VerdictForm(Struct, frozen=True, forbid_unknown_fields=True):
    """What was measured of a cue in the delivered sound; written by `plan` and `render`, never read to make sound."""

    cue: Name
    audible_db: Annotated[float, Meta(description="beside all the rest, in the octave where it stands out most")]
    offset_s: Annotated[float | None, Meta(description="later than planned; null where that can't be told")] = None
    seam: Annotated[float, Meta(ge=0, description="largest leap at a joint or an end, of full scale")] = 0.0
    repeat_s: Annotated[float | None, Meta(description="period of a loop that is noticed")] = None
    faults: tuple[str, ...] = ()


class TrackForm(Struct, frozen=True, forbid_unknown_fields=True):
    """Another sound track of the film under which the same cues lie; `bed_db` more of all of them, one gain of its own.

    `number` counts the film's sounds from 0.
    """

    number: Annotated[int, Meta(ge=0)]
    language: str = ""
    layout: tuple[str, ...] = ("FL", "FR")
    speech: tuple[Stretch, ...] = ()
    bed_db: Decibels = 0.0
    master_db: Annotated[float, Meta(ge=-80, le=80)] = 0.0
    verdicts: tuple[VerdictForm, ...] = ()


class LoudnessForm(Struct, frozen=True, forbid_unknown_fields=True):
    """What was measured on the delivered sound; null for silence."""

    lufs: float | None
    dbtp: float | None
    ducking_db: float | None


class BandForm(Struct, frozen=True, forbid_unknown_fields=True):
    """How far speech stands above the bed in a band, without ducking and with it."""

    band: str
    before_db: float
    after_db: float


class DuckingForm(Struct, frozen=True, forbid_unknown_fields=True):
    """What ducking does to the bed, measured when the mix was levelled."""

    ducking_db: float = 0.0
    swings_per_min: float = 0.0
    rise_db_per_s: float = 0.0
    fall_db_per_s: float = 0.0
    bands: tuple[BandForm, ...] = ()


class EditForm(Struct, frozen=True, forbid_unknown_fields=True):
    """What one edit changed, so that it can be undone."""

    command: str
    before: tuple[CueForm, ...] = ()
    after: tuple[CueForm, ...] = ()
    banned: tuple[str, ...] = ()
    allowed: tuple[str, ...] = ()


LevelsForm: Any = msgspec.defstruct(
    "LevelsForm",
    [(field.name, field.type, field.default) for field in dataclasses.fields(Levels)],
    frozen=True,
    forbid_unknown_fields=True,
    namespace={"__doc__": "How loud things are beside each other: targets, ducking, and the one gain of the mix."},
)


class SheetForm(Struct, frozen=True, forbid_unknown_fields=True):
    """The cue sheet of a film: everything that was decided, and what was measured."""

    version: Annotated[int, Meta(description=f"{VERSION} today")]
    title: str
    duration_s: Seconds
    fps: Annotated[float, Meta(gt=0, le=1000)]
    scenes: tuple[SceneForm, ...]
    cues: tuple[CueForm, ...]
    speech: tuple[Stretch, ...]
    levels: LevelsForm
    story: FileForm | None
    original: FileForm | None
    track: Annotated[int, Meta(ge=0)] = 0
    layout: tuple[str, ...] = ("FL", "FR")
    library: str = ""
    slideshow: SlideshowForm | None = None
    tracks: tuple[TrackForm, ...] = ()
    bans: tuple[str, ...] = ()
    wishes: WishesForm = WishesForm()
    own_music: tuple[Stretch, ...] = ()
    stepped_aside: str = ""
    loudness: LoudnessForm | None = None
    ducking: DuckingForm = DuckingForm()
    verdicts: tuple[VerdictForm, ...] = ()
    edits: tuple[EditForm, ...] = ()
    undone: tuple[EditForm, ...] = ()


def schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of a cue sheet."""
    found = msgspec.json.schema(SheetForm)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "Storysound cue sheet"} | found
