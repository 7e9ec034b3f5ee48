"""How loud things are beside each other in a mix, and how loud the whole is."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Literal

from storysound.errors import UsageError

Anchor = Literal["programme", "dialogue"]
QUIETEST_LUFS, LOUDEST_LUFS = -40.0, -5.0
MOST_VOICE_PEAKS_DB = 6.0


@dataclass(frozen=True)
class LoudnessTarget:
    """What a delivery asks for."""

    lufs: float
    dbtp: float  # true peak at most, of the delivered file
    anchor: Anchor  # what has that loudness: all of it, or the dialogue (where there is enough)


# film: Netflix Sound Mix Specifications 1.6, 27 LKFS below full scale, dialogue-gated, true peak -2; ebu: EBU R 128;
# youtube: the level its player turns louder sound down to, peaks as AES TD1008 advises; podcast: Apple Podcasts.
LOUDNESS: Mapping[str, LoudnessTarget] = MappingProxyType(
    {
        "film": LoudnessTarget(-27.0, -2.0, "dialogue"),
        "ebu": LoudnessTarget(-23.0, -1.0, "programme"),
        "youtube": LoudnessTarget(-14.0, -1.0, "programme"),
        "podcast": LoudnessTarget(-16.0, -1.0, "programme"),
    }
)
LEAST_DIALOGUE = 0.15  # share of a film with less speech than this, the whole is the anchor (as Netflix has it)

# What each field of `Levels` may be, ends included.
_RANGES: Mapping[str, tuple[float, float]] = MappingProxyType(
    {
        "target_lufs": (QUIETEST_LUFS, LOUDEST_LUFS),
        "ceiling_dbtp": (-20.0, -1.0),
        "coding_db": (0.0, 6.0),
        "voice_peaks_db": (0.0, MOST_VOICE_PEAKS_DB),
        "bed_under_speech_lu": (-20.0, 40.0),
        "bed_under_sound_lu": (-20.0, 40.0),
        "faint_lufs": (-70.0, 0.0),
        "ambience_lu": (-40.0, 20.0),
        "spot_lu": (-40.0, 20.0),
        "soft_spot_lu": (-40.0, 20.0),
        "duck_db": (0.0, 40.0),
        "attack_s": (0.02, 2.0),
        "hold_s": (0.0, 5.0),
        "release_s": (0.02, 20.0),
        "closed_pause_s": (0.0, 60.0),
        "open_pause_s": (0.1, 120.0),
        "lead_s": (0.0, 1.0),
        "dip_db": (0.0, 20.0),
        "deepest_dip_db": (0.0, 20.0),
        "music_db": (-60.0, 40.0),
        "effects_db": (-60.0, 40.0),
        "master_db": (-80.0, 80.0),
    }
)


@dataclass(frozen=True)
class Levels:
    """Settings of the mix, in LU, LUFS, dB and seconds; all that is needed to make the same samples again.

    Raises ValueError that names the field for a value out of its range.
    """

    target_lufs: float = -16.0
    anchor: Anchor = "programme"  # what is brought to it
    ceiling_dbtp: float = -1.0  # true peak of what is delivered
    coding_db: float = 0.6  # left below the ceiling, as a coder overshoots by some tenths; less where a voice needs it
    voice_peaks_db: float = 0.0  # single peaks of voices may be lowered by so much at most
    bed_under_speech_lu: float = 4.0  # music where it is open, below the speech's loudness
    bed_under_sound_lu: float = 2.0  # music below a clip's own sound where nobody speaks
    faint_lufs: float = -34.0  # own sound below this is background noise; the bed doesn't follow it down
    ambience_lu: float = -7.0  # relative to the music bed
    spot_lu: float = -1.0  # loudest 400 ms of a spot effect, relative to the music bed
    soft_spot_lu: float = -6.0  # the same where the clip's own sound is heard
    # Further down while someone speaks. With the dip it leaves the words as clear as 14 dB without: weighted by what
    # each octave does for words (ANSI S3.5), 11 dB and 8 dB of 1 to 3 kHz are 14.2 dB.
    duck_db: float = 11.0
    attack_s: float = 0.4  # the bed goes down ahead of the first word, and is down when it starts
    hold_s: float = 0.25
    release_s: float = 3.0
    closed_pause_s: float = 1.0  # pauses up to this stay ducked; longer ones open the bed the more the longer they are
    open_pause_s: float = 10.0  # wholly from here on
    lead_s: float = 0.06  # a detector's spans start late and end early by about this much
    dip_db: float = 8.0  # of the bed's 1 to 3 kHz under speech, where they hardly meet there
    deepest_dip_db: float = 10.0  # where they meet most
    music_db: float = 0.0  # the user's wish on top
    effects_db: float = 0.0
    master_db: float | None = None  # the one gain of everything; None: not levelled yet

    def __post_init__(self) -> None:
        if self.anchor not in ("programme", "dialogue"):
            raise ValueError(f"anchor is programme or dialogue, got {self.anchor!r}")
        for name, (low, high) in _RANGES.items():
            value = getattr(self, name)
            if name == "master_db" and value is None:
                continue
            if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
                raise ValueError(f"{name} must be a number from {low:g} to {high:g}, got {value!r}")
        if self.open_pause_s <= self.closed_pause_s:
            raise ValueError(
                f"open_pause_s must be over closed_pause_s, {self.closed_pause_s:g} s, got {self.open_pause_s:g}"
            )
        if self.deepest_dip_db < self.dip_db:
            raise ValueError(f"deepest_dip_db must be at least dip_db, {self.dip_db:g} dB, got {self.deepest_dip_db:g}")

    def aimed(self, name_or_lufs: str) -> "Levels":
        """The same at the loudness of a name in `LOUDNESS`, or of a number of LUFS. Raises UsageError."""
        target = loudness_target(name_or_lufs)
        return replace(self, target_lufs=target.lufs, ceiling_dbtp=target.dbtp, anchor=target.anchor)

    @property
    def mix_ceiling_dbtp(self) -> float:
        """True peak of the mix before it is coded, at most."""
        return self.ceiling_dbtp - self.coding_db


def check_voice_peaks(db: float) -> None:
    """Raises UsageError for what `voice_peaks_db` can't be."""
    if not 0.0 <= db <= MOST_VOICE_PEAKS_DB:
        raise UsageError(f"must lie in [0, {MOST_VOICE_PEAKS_DB:g}] dB, got {db}", field="voice_peaks_db")


def loudness_target(name_or_lufs: str) -> LoudnessTarget:
    """The target of a name in `LOUDNESS`, or of a number of LUFS. Raises UsageError.

    >>> loudness_target("film").lufs, loudness_target("-18").lufs
    (-27.0, -18.0)
    """
    if name_or_lufs in LOUDNESS:
        return LOUDNESS[name_or_lufs]
    try:
        lufs = float(name_or_lufs)
    except ValueError:
        lufs = math.nan
    if not QUIETEST_LUFS <= lufs <= LOUDEST_LUFS:
        fault = f"is {', '.join(LOUDNESS)} or a number of LUFS from {QUIETEST_LUFS:g} to {LOUDEST_LUFS:g}"
        raise UsageError(f"{fault}, got {name_or_lufs!r}", field="loudness")
    return LoudnessTarget(lufs, -1.0, "programme")
