"""The score of a story: which sound plays when, cut how, at what level, and why.

All times are seconds of the story unless said; `Piece.in_s` and `Piece.out_s` are seconds of the sound.
"""

from dataclasses import dataclass, field, replace
from typing import Literal, TypedDict

from storysound.cue.levels import Levels
from storysound.media.arrays import RATE_HZ
from storysound.story import Mood, Sound, Span

Layer = Literal["music", "ambience", "spot"]
SILENT = 0  # theme of scenes without music
VERSION = 2  # of the record, raised when a reader of the one before would misread it


class Loudness(TypedDict):
    """What was measured on the delivered sound."""

    lufs: float  # integrated, ITU-R BS.1770-4; -inf for silence
    dbtp: float  # true peak, 4x oversampled; -inf for silence
    ducking_db: float  # how far the bed sits lower while someone speaks; 0 where nobody does or there is no bed


@dataclass(frozen=True)
class BandLevel:
    """How far speech stands above the bed in a band while someone speaks, in dB."""

    band: str
    before_db: float  # without ducking
    after_db: float


@dataclass(frozen=True)
class DuckingFacts:
    """What ducking does to the bed of a film; all 0 and no bands where nobody speaks or there is no bed."""

    ducking_db: float = 0.0  # how far the bed sits lower while someone speaks
    swings_per_min: float = 0.0  # by more than 6 dB
    rise_db_per_s: float = 0.0  # fastest
    fall_db_per_s: float = 0.0  # fastest, positive
    bands: tuple[BandLevel, ...] = field(default=())


@dataclass(frozen=True)
class Jump:
    """What it costs to come to a piece from the one before: how much is heard of it, by `cue.remix.costs`.

    0 is nothing, 1 as between any two places of the track; `total` weighs the parts, and adds what any jump costs.
    """

    total: float
    timbre: float
    harmony: float
    seam: float
    level: float


@dataclass(frozen=True)
class Piece:
    """Source stretch [in_s, out_s) of a sound, placed at story time `at_s`.

    Successive pieces of one cue overlap in story time by the length of their crossfade. `jump`: to it, where music was
    made as long as its cue.
    """

    in_s: float
    out_s: float
    at_s: float
    jump: Jump | None = None

    def __post_init__(self) -> None:
        if not 0.0 <= self.in_s < self.out_s or self.at_s < 0.0:
            raise ValueError(f"a piece needs 0 <= in_s < out_s and at_s >= 0, got {self}")

    @property
    def end_s(self) -> float:
        """Story time at which the piece is over.

        >>> Piece(10.0, 14.0, 2.0).end_s
        6.0
        """
        return self.at_s + self.out_s - self.in_s


@dataclass(frozen=True)
class RunnerUp:
    """A sound that was nearly chosen; `path` is relative to the indexed folder."""

    path: str
    score: float
    start_s: float = 0.0  # of the stretch that fits, in the sound
    end_s: float = 0.0  # 0 where nobody knows
    why: tuple[str, ...] = ()


@dataclass(frozen=True)
class MusicHit:
    """A moment of the film that music marks: composed music with an accent, one after a held breath, or a rest.

    A track of the library has something new begin there, where its jumps can bring that about.
    """

    at_s: float
    mark: Literal["accent", "breath", "rest"] = "accent"


@dataclass(frozen=True)
class MusicPiece:
    """A stretch of the film with one composition of as many scenes, each of them a cue."""

    start_s: float
    end_s: float
    scenes: int
    seed: int = 0


@dataclass(frozen=True)
class MusicBrief:
    """What the music of a composed cue was asked to be; with the film's cuts and speech it gives the same notes again.

    It begins on a bar line at `start_s` and leads to `end_s`; its cue may begin a little earlier, for slow attacks, and
    rings out over what follows.
    """

    piece: MusicPiece
    number: int  # which of the piece's scenes, from 0
    start_s: float
    end_s: float
    mood: Mood
    theme: str = ""  # whose motif it is made of; the film's own where empty
    ensemble: str = "orchestra"
    style: str = ""  # another than the ensemble's own
    seed: int = 0  # other notes for this scene alone
    hits: tuple[MusicHit, ...] = ()  # in it


@dataclass(frozen=True)
class Cue:
    """One sound placed under the story over [start_s, end_s); its pieces cover that stretch without a hole."""

    id: str
    layer: Layer
    start_s: float
    end_s: float
    sound: Sound
    pieces: tuple[Piece, ...]
    gain_db: float  # applied to the sound's samples before fades and ducking
    fade_in_s: float
    fade_out_s: float
    score: float
    why: tuple[str, ...] = ()
    runners_up: tuple[RunnerUp, ...] = ()
    level_lufs: float = float("-inf")  # of its stretch of the sound before the gain, as its layer is measured
    muted: bool = False
    locked: bool = False  # `plan` leaves it as it is
    composed: MusicBrief | None = None  # of music that was composed for it

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return self.end_s - self.start_s

    @property
    def meant(self) -> Span:
        """Where it belongs: of composed music its scene, without what begins early and rings out; else all of it."""
        whole = Span(self.start_s, self.end_s)
        if self.composed is None or self.composed.end_s <= self.start_s or self.composed.start_s >= self.end_s:
            return whole
        return Span(max(self.start_s, self.composed.start_s), min(self.end_s, self.composed.end_s))


@dataclass(frozen=True)
class Scene:
    """Adjacent shots that show one place or mood; one track lies under each."""

    start_s: float
    end_s: float
    mood: Mood
    gloss: str  # what is seen, in words
    shots: tuple[Span, ...]
    text: str = ""  # what the user says about it
    theme: int | None = None  # scenes of one number share their music, `SILENT` have none; None: still to be decided
    rests: str = ""  # why it has none, in words
    look: str = ""  # how it looks, in words: near or far, dark or bright, still or fast …


@dataclass(frozen=True)
class FileReference:
    """A file, or a folder of files, that a score goes by, and how it is known again."""

    path: str  # absolute
    sha256: str = ""  # of its content; of a folder: of its files' names and contents
    size: int = 0  # bytes; where size and time are the same nobody looks at the content
    mtime_ns: int = 0


@dataclass(frozen=True)
class Still:
    """A picture of a slideshow, or a film among them, and when it is shown."""

    path: str
    start_s: float
    end_s: float
    is_film: bool = False


@dataclass(frozen=True)
class Slideshow:
    """How pictures become a film."""

    stills: tuple[Still, ...]
    width: int
    height: int
    transition_s: float = 0.0  # dissolve from one to the next; 0 cuts


@dataclass(frozen=True)
class Wishes:
    """What the user asked of the plan."""

    text: str = ""  # about the whole story
    mood: Mood | None = None  # of the music; overrules what pictures and text say
    music: bool = True
    effects: bool = True
    fill: Literal["make", "hub", "none"] = "none"  # where effects come from that the library hasn't
    compose: Literal["always", "missing", "never"] = "never"  # where music is composed, or only where none fits
    ensemble: str = "orchestra"  # that plays what is composed
    hits: tuple[MusicHit, ...] = ()  # moments that the music marks
    ignore_names: bool = False
    taste: bool = True  # what the library learned of its owner's choices counts
    licence_policy: Literal["any", "commercial"] = "any"
    rerank: str = "none"
    seed: int = 0  # 0 is the best choice, each other one another good choice
    themes: int | None = None  # of the music; None: as many as `changes` and the length make worth it
    changes: Literal["few", "some", "many"] = "some"
    shortest_scene: float | None = None  # seconds; None: as the kind of story has it
    silence: bool | None = None  # no music where the story's own sound carries a scene; None: only where its music does
    every_track: bool = False
    size: tuple[int, int] | None = None  # width and height of a slideshow; None: as its pictures are
    fps: float = 25.0  # of a slideshow
    seconds: float | None = None  # that each picture is shown; None: by its words
    transition: float = 0.5  # seconds of a dissolve
    narration: str = ""  # path of a voice that tells the pictures
    to_beat: bool = False  # pictures change on beats of the music
    beats: Literal["own", "beatnet"] = "own"  # who counts it
    profile: str = "embedded"


@dataclass(frozen=True)
class OtherTrack:
    """Another sound track of the film, scored under its own speech: the same cues beside other voices."""

    number: int  # among the story's sounds, counted from 0
    language: str = ""
    layout: tuple[str, ...] = ("FL", "FR")  # loudspeakers
    speech: tuple[Span, ...] = ()
    bed_db: float = 0.0  # by how much all cues are louder there, as its voices are
    master_db: float = 0.0  # the one gain of its mix
    verdicts: tuple["Verdict", ...] = ()  # on the cues as they are heard there


@dataclass(frozen=True)
class Verdict:
    """What was measured of a cue in the sound that was delivered, or in the mix where nothing is delivered yet."""

    cue: str  # its id
    audible_db: float  # in the octave and moment where it stands out most, beside all the rest
    offset_s: float | None = None  # how much later than planned it is heard; None where that can't be told
    seam: float = 0.0  # largest leap from sample to sample, of full scale, where pieces meet and at its ends
    repeat_s: float | None = None  # period of a loop that is noticed
    faults: tuple[str, ...] = ()  # in words


@dataclass(frozen=True)
class Edit:
    """What one edit changed: cues by their ids, as they were and as they are; a cue on one side only came or went."""

    command: str  # in words
    before: tuple[Cue, ...] = ()
    after: tuple[Cue, ...] = ()
    banned: tuple[str, ...] = ()  # sounds that were banned by it
    allowed: tuple[str, ...] = ()  # sounds whose ban it lifted


@dataclass(frozen=True)
class Score:
    """Everything that was decided and measured for one story: what is edited, written as a cue sheet, and mixed."""

    title: str
    duration_s: float
    fps: float
    scenes: tuple[Scene, ...]
    cues: tuple[Cue, ...]
    speech: tuple[Span, ...] = ()
    loudness: Loudness = field(
        default_factory=lambda: Loudness(lufs=float("-inf"), dbtp=float("-inf"), ducking_db=0.0),
    )
    stepped_aside: str = ""  # why no sound was added, e.g. because the clip already has music; else empty
    own_music: tuple[Span, ...] = ()  # where the clip plays its own, as it is kept
    levels: Levels = field(default_factory=Levels)  # of the mix; its one gain stays on an edit
    ducking: DuckingFacts = DuckingFacts()  # measured when the mix was levelled
    story: FileReference | None = None
    original: FileReference | None = None  # the sound under which the cues lie: the story, or a file made of it
    track: int = 0  # which of the story's sounds that is, counted from 0
    layout: tuple[str, ...] = ("FL", "FR")  # loudspeakers of the mix
    library: str = ""  # absolute
    slideshow: Slideshow | None = None  # of a story of pictures
    tracks: tuple[OtherTrack, ...] = ()  # those that are scored beside `track`
    bans: tuple[str, ...] = ()  # sounds that `plan` may not use, by path
    wishes: Wishes = field(default_factory=Wishes)
    verdicts: tuple[Verdict, ...] = ()  # on the cues as they were when the score was last planned or rendered
    edits: tuple[Edit, ...] = ()  # in order
    undone: tuple[Edit, ...] = ()  # the last undone first
    version: int = VERSION

    @property
    def samples(self) -> int:
        """Length of its sound, in samples at `RATE_HZ`."""
        return round(self.duration_s * RATE_HZ)

    @property
    def audible(self) -> tuple[Cue, ...]:
        """The cues that sound."""
        return tuple(cue for cue in self.cues if not cue.muted)

    @property
    def known_cues(self) -> tuple[Cue, ...]:
        """Its cues, and what they were before and after each edit."""
        return (*self.cues, *(cue for edit in (*self.edits, *self.undone) for cue in (*edit.before, *edit.after)))

    @property
    def faults(self) -> dict[str, tuple[str, ...]]:
        """What is wrong with cues that sound, by id; on other tracks what isn't on the main one, with their number."""
        found: dict[str, tuple[str, ...]] = {verdict.cue: verdict.faults for verdict in self.verdicts}
        for track in self.tracks:
            for verdict in track.verdicts:
                own = found.get(verdict.cue, ())
                more = (f"on track {track.number + 1}: {fault}" for fault in verdict.faults if fault not in own)
                found[verdict.cue] = (*own, *more)
        sounding = {cue.id for cue in self.audible}
        return {cue: faults for cue, faults in found.items() if faults and cue in sounding}

    def on(self, other: OtherTrack) -> "Score":
        """The score as it sounds on another of the film's tracks."""
        return replace(
            self,
            cues=tuple(replace(cue, gain_db=cue.gain_db + other.bed_db) for cue in self.cues),
            speech=other.speech,
            levels=replace(self.levels, master_db=other.master_db),
            layout=other.layout,
            track=other.number,
            tracks=(),
        )
