"""The arc of a scene in its music: how aroused a track is from beat to beat, and how well a way through it goes along.

Listeners hear arousal rise with loudness above all, then with how much begins and how full the sound is (Schubert 2004,
"Modeling perceived emotion with continuous musical features"; Coutinho and Cangelosi 2011, "Musical emotions:
predicting second-by-second subjective feelings of emotion from low-level psychoacoustic features"). Within one track
level is no matter of mastering.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from storysound.cue.remix.bars import Bars
from storysound.cue.score import Piece
from storysound.media.arrays import Doubles, standardise

LEAST_RANGE = 0.05  # deviation of a scene's arousal over time below which it has no arc
WIDE = 0.15  # and from which on it counts in full
STRAIGHT = 0.5  # correlation with time from which on an arc rises or falls
_AROUND_S = 6.0  # that a beat's arousal is heard in
_FULL_DB = 45.0  # below the loudest band of a track, and a band adds nothing
_LEVEL, _RISES, _FULLNESS = 0.5, 0.25, 0.25  # of what arousal is heard in
_MOMENTS = 100  # looked at
_STEP_S = 0.5  # between moments that are compared


@dataclass(frozen=True)
class Arc:
    """How aroused a story is over time: n points in its seconds, ascending."""

    times_s: tuple[float, ...]
    arousal: tuple[float, ...]  # in [0, 1]

    def asked(self, times_s: Doubles) -> Doubles:
        """By how much more arousal is asked than usual there, 1 for `WIDE` and for what deviates by more: [n] -> [n].

        All zeros where the stretch has no arc.

        >>> Arc((0.0, 10.0), (0.2, 0.8)).asked(np.array([0.0, 5.0, 10.0])).round(2).tolist()
        [-1.23, 0.0, 1.23]
        """
        values = np.interp(times_s, self.times_s, self.arousal)
        deviation = float(values.std())
        if deviation < LEAST_RANGE:
            return np.zeros(len(values))
        return np.asarray((values - values.mean()) / max(deviation, WIDE)).round(3)

    def changes(self, start_s: float, end_s: float) -> bool:
        """Whether there is an arc between two times."""
        return bool(self.asked(np.linspace(start_s, end_s, _MOMENTS)).any())

    @property
    def trend(self) -> str:
        """What it does from beginning to end: "rises", "falls", or it "turns"."""
        straight = float(np.corrcoef(self.times_s, self.arousal)[0, 1]) if len(set(self.arousal)) > 1 else 0.0
        return "rises" if straight > STRAIGHT else "falls" if straight < -STRAIGHT else "turns"


def arousal_of(bars: Bars) -> Doubles:
    """How aroused a track is around each of its beats, in deviations over the track: [n]; zeros where it is alike."""
    halves = bars.timbre.astype(np.float64).reshape(2 * bars.count, -1)
    beats = halves.reshape(bars.count, 2, -1)
    steps_s = np.append(np.diff(bars.times_s), bars.beat_s)
    rises = np.maximum(np.diff(halves, axis=0, prepend=halves[:1]), 0).mean(axis=1).reshape(bars.count, 2).sum(axis=1)
    fullness = (beats.mean(axis=1) > float(halves.max()) - _FULL_DB).mean(axis=1)
    near = np.abs(bars.times_s[:, None] - bars.times_s) <= _AROUND_S / 2
    around = near / near.sum(axis=1, keepdims=True)
    parts = ((_LEVEL, bars.level_db), (_RISES, np.log1p(rises / steps_s)), (_FULLNESS, fullness))
    felt = np.sum([weight * standardise(around @ values) for weight, values in parts], axis=0)
    return standardise(felt).round(3)


def agreement(arc: Arc, bars: Bars, pieces: Sequence[Piece]) -> float:
    """Correlation of what an arc asks with what is heard in pieces of a track; 0 where either is level."""
    spans = [np.arange(piece.in_s, piece.out_s, _STEP_S) for piece in pieces]
    story_s = np.concatenate([span - piece.in_s + piece.at_s for span, piece in zip(spans, pieces, strict=True)])
    asked = arc.asked(story_s)
    heard = np.interp(np.concatenate(spans), bars.times_s, arousal_of(bars))
    spread = float(asked.std() * heard.std())
    return float(((asked - asked.mean()) * (heard - heard.mean())).mean() / spread) if spread > 1e-9 else 0.0
