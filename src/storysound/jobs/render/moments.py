"""The most telling moments of a film, whose original, added sound and result can be compared on its page."""

from collections.abc import Sequence

import numpy as np

from storysound.cue.mix import Stems
from storysound.cue.score import Score
from storysound.draw.excerpts import Excerpt, level_matched
from storysound.draw.shapes import clock
from storysound.media.arrays import RATE_HZ, Samples
from storysound.media.audio import Waveform
from storysound.media.levels import bridged
from storysound.story import Span

LENGTH_S = 8.0
_LEAD_S = 3.0  # before what is telling
_PAUSE_S = 2.0  # in speech, for the bed to come up


def moments(score: Score) -> tuple[Span, ...]:
    """One of a film up to 90 s, two up to five minutes, three of a longer one, in order of time.

    Telling is where speech begins or ends over a cue, where music changes, and where most cues sound.
    """
    cues = score.audible
    if not cues:
        return ()
    speech = bridged(score.speech, _PAUSE_S)
    turns = [turn for span in speech for turn in (span.start_s, span.end_s)]
    changes = [cue.start_s for cue in cues if cue.layer == "music"]
    last_s = max(0.0, score.duration_s - LENGTH_S)
    starts = {min(max(0.0, t - _LEAD_S), last_s) for t in (*turns, *(cue.start_s for cue in cues))}
    worth = {
        start_s: _worth(score, Span(start_s, min(start_s + LENGTH_S, score.duration_s)), turns, changes)
        for start_s in starts
    }
    chosen: list[float] = []
    count = 1 if score.duration_s <= 90.0 else 2 if score.duration_s <= 300.0 else 3
    for start_s in sorted(worth, key=lambda start_s: (-worth[start_s], start_s)):
        if len(chosen) < count and all(abs(start_s - other) >= LENGTH_S for other in chosen):
            chosen.append(start_s)
    return tuple(Span(start_s, min(start_s + LENGTH_S, score.duration_s)) for start_s in sorted(chosen))


def _worth(score: Score, span: Span, turns: Sequence[float], changes: Sequence[float]) -> float:
    inside = [cue for cue in score.audible if Span(cue.start_s, cue.end_s).overlap_s(span) > 1.0]
    if not inside:
        return 0.0
    turned = any(span.start_s + 1 < turn < span.end_s - 1 for turn in turns)
    changed = any(span.start_s + 1 < change < span.end_s - 1 for change in changes)
    heard = sum(Span(cue.start_s, cue.end_s).overlap_s(span) for cue in inside) / span.duration_s
    return 2.0 * turned + changed + 0.5 * min(heard, 3.0)


class Excerpts:
    """Takes the moments of a film down while it is mixed."""

    def __init__(self, score: Score) -> None:
        self._score = score
        self._spans = {span: (round(span.start_s * RATE_HZ), round(span.end_s * RATE_HZ)) for span in moments(score)}
        channels = len(score.layout)
        self._parts: dict[Span, list[Samples]] = {
            span: [np.zeros((channels, end - start), np.float32) for _ in range(2)]
            for span, (start, end) in self._spans.items()
        }

    def add(self, block: Stems) -> None:
        """The next stretch of the mix."""
        for span, (start, end) in self._spans.items():
            low, high = max(start, block.start), min(end, block.start + block.dialogue.shape[1])
            if low < high:
                for whole, part in zip(self._parts[span], (block.dialogue, block.added), strict=True):
                    whole[:, low - start : high - start] = part[:, low - block.start : high - block.start]

    def finish(self) -> tuple[Excerpt, ...]:
        """All of them, level-matched."""
        return tuple(level_matched(self._excerpt(span)) for span in self._spans)

    def _excerpt(self, span: Span) -> Excerpt:
        dialogue, added = self._parts[span]
        original, music, result = (
            Waveform(samples, RATE_HZ, self._score.layout).stereo() if samples.any() else None
            for samples in (dialogue, added, dialogue + added)
        )
        cues = [cue.id for cue in self._score.audible if Span(cue.start_s, cue.end_s).overlap_s(span) > 0]
        spoken = any(other.overlap_s(span) > 0 for other in self._score.speech)
        label = f"{clock(span.start_s)}: {', '.join(['speech', *cues] if spoken else cues)}"
        silence = Waveform(np.zeros((2, dialogue.shape[1]), np.float32), RATE_HZ)
        return Excerpt(span.start_s, label, original, music, result or silence)
