"""What a mood does to music: tempo, level, articulation, register, density, mode, and how many play.

Cues, and what is known of each (numbers are ours, directions are theirs):

- tempo, level: fast and loud are active, slow and soft are calm; both go with arousal more than with valence
  (Gabrielsson & Lindström, "The role of structure in the musical expression of emotions", in Handbook of Music and
  Emotion, 2010; Juslin & Laukka, "Expression, perception, and induction of musical emotions", J. New Music Research
  33(3), 2004).
- mode: the strongest cue of happy against sad (Eerola, Friberg & Bresin, "Emotional expression in music: contribution,
  linearity, and additivity of primary musical cues", Frontiers in Psychology 4:487, 2013, who also found that cues add
  up, mostly linearly: so do ours). Of the diatonic modes the major one is the happiest, and each lowered degree is less
  so; Lydian lies below it too (Temperley & Tan, "Emotional connotations of diatonic modes", Music Perception 30(3),
  2013).
- articulation, register: happy and scary music was set shorter than sad and peaceful music, happy music higher (Bresin
  & Friberg, "Emotion rendering in music: range and characteristic values of seven musical variables", Cortex 47(9),
  2011). Eerola, Friberg & Bresin 2013 let notes sound for a quarter to all of their time.
- timbre: sad are voices, cellos, violas and violins, least so triangle, cymbal, tambourine and glockenspiel (Huron,
  Anderson & Shanahan, "You can't play a sad song on the banjo", Empirical Musicology Review 9(1), 2014); who plays
  decides how well a feeling is recognised (Hailstone et al., "It's not what you play, it's how you play it", Quarterly
  J. of Experimental Psychology 62(11), 2009). `ensembles.toml` and `styles.toml` say who and what goes with a mood.
- harmony: simple and consonant is pleasant and calm, complex and dissonant is not (Gabrielsson & Lindström 2010).
"""

from dataclasses import dataclass
from typing import Literal

from storysound.story import Mood

Layer = Literal["tune", "counter", "figure", "pad", "bass", "pulse", "accent", "shine", "fear", "drums"]

# From which arousal on each layer plays, and until when; where a mood lies on a border the layer is thin anyway.
_LAYERS: dict[Layer, tuple[float, float]] = {
    "tune": (0.0, 1.01), "bass": (0.08, 1.01), "pad": (0.0, 1.01), "figure": (0.22, 1.01), "counter": (0.32, 0.92),
    "pulse": (0.52, 1.01), "accent": (0.62, 1.01), "drums": (0.5, 1.01), "shine": (0.25, 1.01),
}  # fmt: skip
_SHINE_VALENCE = 0.62  # from here on the tune is doubled by something bright


@dataclass(frozen=True)
class Cues:
    """What to play a mood with.

    `level` in [0, 1]: of velocity; `legato`: share of a note's time that it sounds; `lift`: semitones above the middle
    register; `density` in [-1, 1]: thins or fills the tune's rhythm; `mode`: of `harmony.MODES`; `colour` in [0, 1]:
    how often chords get sevenths and ninths; `fear` in [0, 1]: how much is tremolo, cluster and low.
    """

    bpm: float
    level: float
    legato: float
    lift: float
    density: float
    mode: str
    colour: float
    fear: float
    layers: frozenset[Layer]


def cues(mood: Mood, tempi: tuple[float, float], leaning: float) -> Cues:
    """The cues of a mood, in a style with these tempi at arousal 0 and 1.

    `leaning` in [0, 1]: which of two modes that would do is taken; drawn by whoever asks.

    >>> bright, dark = cues(Mood(0.9, 0.5), (60, 140), 0.5), cues(Mood(0.1, 0.5), (60, 140), 0.5)
    >>> bright.mode, dark.mode, bright.legato < dark.legato, bright.lift > dark.lift
    ('ionian', 'minor', True, True)
    """
    valence, arousal = mood.valence, mood.arousal
    layers: set[Layer] = {name for name, (low, high) in _LAYERS.items() if low <= arousal < high}
    if valence < _SHINE_VALENCE:
        layers.discard("shine")
    return Cues(
        bpm=tempi[0] + (tempi[1] - tempi[0]) * arousal + 10 * (valence - 0.5),
        level=0.2 + 0.7 * arousal,
        legato=min(1.0, max(0.4, 1.15 - 0.4 * arousal - 0.4 * (valence - 0.35))),
        lift=12 * (valence - 0.45) + 4 * (arousal - 0.5),
        density=2 * (arousal - 0.45),
        mode=mode(mood, leaning),
        colour=max(0.0, min(1.0, 1.3 - 1.3 * arousal)) * (0.3 + 0.7 * valence),
        fear=max(0.0, min(1.0, (0.42 - valence) * 3)) * max(0.0, min(1.0, (arousal - 0.3) * 3)),
        layers=frozenset(layers),
    )


def mode(mood: Mood, leaning: float) -> str:
    """The mode of a mood, from the happiest to the saddest as Temperley & Tan found them.

    Minor stands where Phrygian would: its raised leading tone makes keys clear, and Phrygian is heard as another key.
    """
    at = mood.valence + 0.08 * (leaning - 0.5)
    if at >= 0.7:
        return "lydian" if mood.arousal < 0.4 and leaning > 0.7 else "ionian"
    if at >= 0.57:
        return "ionian"
    if at >= 0.46:
        return "mixolydian"
    if at >= 0.36:
        return "dorian"
    return "aeolian" if at >= 0.22 and mood.arousal < 0.6 else "minor"
