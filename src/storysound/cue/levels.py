"""How loud things are beside each other in a mix."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Levels:
    """Targets of the mix, in LU, LUFS, dB and seconds."""

    target_lufs: float = -16.0
    ceiling_dbtp: float = -1.6  # before coding; AAC overshoots by some tenths
    slack_lu: float = 0.7  # loudness given up, inside the tolerance of 1 LU, before a limiter touches anything
    bed_under_speech_lu: float = 4.0  # music between the words, below the speech's loudness
    duck_db: float = 14.0  # further down while someone speaks: 18 LU below the voice
    bed_under_sound_lu: float = 2.0  # music below a clip's own sound where nobody speaks
    faint_lufs: float = -34.0  # own sound below this is background noise; the bed doesn't follow it down
    ambience_lu: float = -7.0  # relative to the music bed
    spot_lu: float = -1.0  # loudest 400 ms of a spot effect, relative to the music bed
    soft_spot_lu: float = -6.0  # the same where the clip's own sound is heard
    attack_s: float = 0.15  # the bed goes down before the first word, and is down when it starts
    hold_s: float = 0.25
    release_s: float = 0.5
    bridge_s: float = 1.8  # pauses shorter than this stay ducked
    lead_s: float = 0.06  # a detector's spans start late and end early by about this much
    music_db: float = 0.0  # the user's wish on top
    effects_db: float = 0.0

    def __post_init__(self) -> None:
        if self.duck_db < 9.0:
            raise ValueError(f"the bed must duck by at least 9 dB under speech, got {self.duck_db}")
        if not -40.0 <= self.target_lufs <= -5.0 or self.ceiling_dbtp > -1.0:
            raise ValueError(f"target {self.target_lufs} LUFS or ceiling {self.ceiling_dbtp} dBTP is out of range")
        if min(self.attack_s, self.release_s) < 0.02 or self.bridge_s < self.attack_s + self.hold_s + self.release_s:
            raise ValueError("attack and release need 20 ms, and bridge_s must cover attack, hold and release")
