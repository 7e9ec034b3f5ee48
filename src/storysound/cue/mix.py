"""Lays cues under the original sound: levels, ducking under speech, stems block by block.

The original gets one gain and nothing else where someone speaks, unless `voice_peaks_db` allows it: where the sum would
go over the ceiling, what was added gives way. A peak of the original that has no voice in it may be limited. What a cue
does to the mix stays within its span: it is ducked by the speech alone, and peaks near its edges are not looked for but
held back where they stand, so that changing a cue changes no sample outside it.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Generic, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from storysound.cue.duck import CHUNK, DuckCurve, DuckedCue, Voice, points_s
from storysound.cue.levels import Levels
from storysound.cue.limiter import AFTER, AHEAD, BEFORE, BEHIND, CELL, MOST_DB, cuts_db, gain_of
from storysound.cue.playback import CuePlayer, Players, Sounds
from storysound.cue.score import Cue, Layer, Score
from storysound.media.arrays import RATE_HZ, Doubles, Floats, Samples
from storysound.media.audio import Waveform
from storysound.media.layouts import STEREO, folded, weighted
from storysound.media.levels import SILENCE_LUFS, bridged, loudest_db, raised_cosine
from storysound.media.loudness import REACH, integrated_lufs, recording_lufs
from storysound.media.recording import Recording
from storysound.progress import check
from storysound.story import Span

Made = TypeVar("Made")

LAYERS: tuple[Layer, ...] = ("music", "ambience", "spot")
SURROUND_DB = -9.0  # of what is added, in the surrounds, all of them together
_RAMP = 64  # samples over which the limiter begins to see a cue
_CACHED, _LAID = 4, 8  # chunks of each kind: the one at work and those it depends on


@dataclass(frozen=True)
class Stems:
    """A stretch of the mix in its parts, [c n] each, from film sample `start` on."""

    start: int
    dialogue: Samples  # the original sound
    music: Samples
    ambience: Samples
    effects: Samples

    @property
    def added(self) -> Samples:
        """All but the original [c n]."""
        return self.music + self.ambience + self.effects

    @property
    def sum(self) -> Samples:
        """The mix [c n]."""
        return self.dialogue + self.music + self.ambience + self.effects


class Tap(Protocol):
    """Gets what the mix is made of while it is made, before its one gain, each chunk once and in order."""

    def cue(self, chunk: int, cue: Cue, samples: Samples) -> None:
        """A chunk of a cue as it lies in the mix, [2 CHUNK]."""


def stems(
    score: Score, original: Recording | None, tap: Tap | None = None, sounds: Sounds | None = None
) -> Iterator[Stems]:
    """The mix of a score at RATE_HZ in stretches, in order; `original`: the sound under its cues.

    `sounds`: those of its cues that are decoded already.

    The same settings give the same samples. Raises ValueError for levels without `master_db`, or an original of
    another rate or layout; MediaError for a sound that can't be read.
    """
    mixer = Mixer(score, original, tap, sounds)
    for chunk in range(mixer.chunks):
        yield mixer.stems(chunk)


@dataclass(frozen=True)
class Laid:
    """A chunk before the one gain."""

    original: Samples  # [c CHUNK]
    layers: tuple[Samples, ...]  # of LAYERS, ducked [2 CHUNK]
    seen: Samples  # what the limiter sees of them, [2 CHUNK]
    dry: Samples  # all of them, not ducked [2 CHUNK]


class _Recent(Generic[Made]):
    """The last few of what somebody makes chunk by chunk.

    It doesn't hold on to who makes it, as a cache of methods does: a mixer and its sounds go when nobody needs them.
    """

    def __init__(self, most: int) -> None:
        self._most, self._made = most, dict[int, Made]()

    def get(self, chunk: int, make: Callable[[int], Made]) -> Made:
        """The chunk, made where it isn't there."""
        made = self._made.pop(chunk) if chunk in self._made else make(chunk)
        self._made[chunk] = made  # the last used stands last
        while len(self._made) > self._most:
            del self._made[next(iter(self._made))]
        return made


class Mixer:
    """Makes the mix chunk by chunk (`duck.CHUNK` samples), in order; a chunk needs little more than those around it."""

    def __init__(
        self, score: Score, original: Recording | None, tap: Tap | None = None, sounds: Sounds | None = None
    ) -> None:
        """Raises ValueError as `stems` does."""
        self.length, self.layout, self.levels = score.samples, score.layout, score.levels
        self.chunks = -(-self.length // CHUNK)
        if original is not None and original.rate_hz != RATE_HZ:
            raise ValueError(f"the original must have {RATE_HZ} Hz, got {original.rate_hz}")
        if original is not None and original.layout != self.layout and self.layout != STEREO:
            raise ValueError(f"the original must be {self.layout} or the mix stereo, got {original.layout}")
        self.voice = Voice(original) if original is not None else None
        self._original, self._tap = original, tap
        self.protected = protected(score.speech, self.levels)
        self._spread = spread_of(self.layout)
        self._players = Players(sorted(score.audible, key=lambda cue: cue.id), self.length, sounds)
        self._ducked: dict[str, DuckedCue] = {}
        curve = DuckCurve(score.speech, self.levels)
        self._curve: Callable[[int], Doubles] = lru_cache(_CACHED)(lambda chunk: curve.amount(points_s(chunk)))
        self._met = lru_cache(_CACHED)(self.voice.power) if self.voice else None
        self._laid = _Recent[Laid](_LAID)
        self._own = _Recent[Samples](_CACHED)
        self._own_cuts, self._added_cuts = _Recent[Doubles | None](_CACHED), _Recent[Doubles | None](_CACHED)
        self.original_cut_db = self.voice_cut_db = self.added_cut_db = 0.0  # deepest so far

    # ---- before the one gain

    def laid(self, chunk: int) -> Laid:
        """A chunk of everything; silence outside the film."""
        return self._laid.get(chunk, self._lay)

    def _lay(self, chunk: int) -> Laid:
        check()
        start, end = chunk * CHUNK, (chunk + 1) * CHUNK
        layers = tuple(np.zeros((2, CHUNK), np.float32) for _ in LAYERS)
        seen, dry = np.zeros((2, CHUNK), np.float32), np.zeros((2, CHUNK), np.float32)
        if not 0 <= chunk < self.chunks:
            return Laid(np.zeros((len(self.layout), CHUNK), np.float32), layers, seen, dry)
        now = self._players.at(start, end)
        self._ducked = {cue.id: self._ducked.get(cue.id) or self._duck(player) for cue, player in now}
        for cue, player in now:
            samples, open_ = self._ducked[cue.id].read(chunk)
            if self._tap is not None:
                self._tap.cue(chunk, cue, samples)
            layers[LAYERS.index(cue.layer)][:] += samples
            seen += samples * _visible(player, start, end, self.length)
            dry += open_
        return Laid(self._original_of(start, end), layers, seen, dry)

    def _duck(self, player: CuePlayer) -> DuckedCue:
        return DuckedCue(player, self.levels, self._curve, self._met)

    def _original_of(self, start: int, end: int) -> Samples:
        """Of the original in the film's layout, cut at the film's end: [c end - start]."""
        if self._original is None:
            return np.zeros((len(self.layout), end - start), np.float32)
        samples = np.zeros((self._original.channels, end - start), np.float32)
        last = min(end, self.length)
        samples[:, : last - start] = self._original.read(start, last)
        own = self._original.layout
        return samples if own == self.layout else folded(samples, own, 2)

    def spread(self, stereo: Samples) -> Samples:
        """Added sound [2 n] on the film's loudspeakers [c n]."""
        return weighted(stereo, self._spread)

    # ---- the one gain, and what stays under the ceiling

    @property
    def _gain(self) -> np.float32:
        if self.levels.master_db is None:
            raise ValueError("master_db must be set: the mix is not levelled yet")
        return np.float32(10 ** (self.levels.master_db / 20))

    @property
    def _ceiling(self) -> float:
        return float(10 ** ((self.levels.mix_ceiling_dbtp - 0.02) / 20))  # the moving gain itself adds a little

    def around(self, samples: Callable[[int], Samples], chunk: int) -> Samples:
        """A chunk with REACH samples of those around it: [c CHUNK + 2 · REACH]."""
        before, own, after = samples(chunk - 1), samples(chunk), samples(chunk + 1)
        return np.concatenate([before[:, -REACH:], own, after[:, :REACH]], axis=1)

    def _cuts_of_original(self, chunk: int) -> Doubles | None:
        """By how much peaks of the original fall in each cell, [CHUNK / CELL].

        Near speech by `voice_peaks_db` at most.
        """
        return self._own_cuts.get(chunk, self._cut_original)

    def _cut_original(self, chunk: int) -> Doubles | None:
        original = self.around(lambda c: self.laid(c).original, chunk) * self._gain
        cuts = cuts_db(np.zeros_like(original), original, self._ceiling)
        if cuts is None:
            return None
        spoken = self.protected(chunk)
        cuts[spoken] = np.minimum(cuts[spoken], self.levels.voice_peaks_db)
        self.voice_cut_db = max(self.voice_cut_db, float(cuts[spoken].max(initial=0.0)))
        self.original_cut_db = max(self.original_cut_db, float(cuts[~spoken].max(initial=0.0)))
        return cuts if cuts.any() else None

    def _dialogue(self, chunk: int) -> Samples:
        """The original as it sounds in the mix, [c CHUNK]."""
        return self._own.get(chunk, self._limit_original)

    def _limit_original(self, chunk: int) -> Samples:
        gain = _gain_of(self._cuts_of_original, chunk)
        samples = self.laid(chunk).original * self._gain
        if gain is not None:
            samples *= gain
        return samples

    def _cuts_of_added(self, chunk: int) -> Doubles | None:
        """By how much what is added has to fall in each cell, [CHUNK / CELL]."""
        return self._added_cuts.get(chunk, self._cut_added)

    def _cut_added(self, chunk: int) -> Doubles | None:
        seen = self.spread(self.around(lambda c: self.laid(c).seen, chunk)) * self._gain
        return cuts_db(self.around(self._dialogue, chunk), seen, self._ceiling)

    def stems(self, chunk: int) -> Stems:
        """The finished stems of a chunk. Raises ValueError without `master_db`."""
        start = chunk * CHUNK
        count = min(CHUNK, self.length - start)
        dialogue = self._dialogue(chunk)
        gain = _gain_of(self._cuts_of_added, chunk)
        added = [
            layer * self._gain if gain is None else layer * (gain * self._gain) for layer in self.laid(chunk).layers
        ]
        parts = [self.spread(layer) for layer in added]
        if gain is not None:
            self.added_cut_db = max(self.added_cut_db, -20 * float(np.log10(gain.min())))
        self._hold_back(dialogue, parts)
        return Stems(start, *(part[:, :count] for part in (dialogue, *parts)))

    def _hold_back(self, fixed: Samples, parts: Sequence[Samples]) -> None:
        """Lowers single samples of the parts [c CHUNK] that the limiter didn't see coming, near the edges of cues."""
        bed = parts[0] + parts[1] + parts[2]
        total = fixed + bed
        over = (np.abs(total) > 10 ** (self.levels.mix_ceiling_dbtp / 20)).any(axis=0)
        if not over.any():
            return
        sign = np.sign(total[:, over])
        by = sign * bed[:, over]
        room = np.where(by > 0, (self._ceiling - sign * fixed[:, over]) / np.maximum(by, 1e-9), 1.0)
        gain = np.clip(room, 10 ** (-MOST_DB / 20), 1.0).min(axis=0).astype(np.float32)
        for part in parts:
            part[:, over] *= gain


def _gain_of(cuts: Callable[[int], Doubles | None], chunk: int) -> Floats | None:
    """Gain of a chunk [CHUNK] by the cuts in it and those around it; None where it is 1 throughout."""
    near = [cuts(c) for c in (chunk - 1, chunk, chunk + 1)]
    if all(cut is None for cut in near):
        return None
    before, own, after = (np.zeros(CHUNK // CELL) if cut is None else cut for cut in near)
    return gain_of(np.concatenate([before[-AFTER:], own, after[:BEFORE]]))


def _visible(player: CuePlayer, start: int, end: int, length: int) -> Floats | float:
    """What the limiter sees of a cue, [end - start] in [0, 1].

    Nothing so near its edges that the gain would move beyond them.
    """
    first = player.start + AHEAD if player.start > 0 else -_RAMP
    last = player.end - BEHIND if player.end < length else length + CHUNK + _RAMP
    if start >= first + _RAMP and end <= last - _RAMP:
        return 1.0
    at = np.arange(start, end)
    ramp = np.concatenate([[0.0], raised_cosine(_RAMP), [1.0]]).astype(np.float32)
    rises, falls = np.clip(at - first + 1, 0, _RAMP + 1), np.clip(last - at, 0, _RAMP + 1)
    return np.asarray(ramp[np.minimum(rises, falls)])


def protected(speech: Sequence[Span], levels: Levels) -> Callable[[int], NDArray[np.bool_]]:
    """Tells which cells of a chunk [CHUNK / CELL] may not be limited, as the gain would move where someone speaks."""
    spans = bridged(speech, 2 * levels.lead_s)
    starts, ends = (
        np.array(times) * RATE_HZ
        for times in ([span.start_s - levels.lead_s for span in spans], [span.end_s + levels.lead_s for span in spans])
    )

    def of_chunk(chunk: int) -> NDArray[np.bool_]:
        at = chunk * CHUNK + np.arange(CHUNK // CELL) * CELL
        begun = np.searchsorted(starts, at + BEHIND + CELL, side="right")  # spans that a cut here would reach
        over = np.searchsorted(ends, at - AHEAD, side="right")  # and those that are over by then
        return np.asarray(begun > over)

    return of_chunk


def spread_of(layout: tuple[str, ...]) -> Floats:
    """How loud left and right of what is added come from each loudspeaker, [c 2].

    Left and right, and SURROUND_DB down the sides and back; nothing from the centre. One loudspeaker gets both, at
    half the power each.
    """
    if len(layout) == 1:
        return np.full((1, 2), np.sqrt(0.5), np.float32)
    names = ("FL", "FR", *layout[2:]) if "FL" not in layout else layout
    pairs = sum(pair in names for pair in ("SL", "BL"))
    surround = 10 ** (SURROUND_DB / 20) / np.sqrt(max(1, pairs))
    left = [1.0 if name == "FL" else surround if name in ("SL", "BL") else 0.0 for name in names]
    right = [1.0 if name == "FR" else surround if name in ("SR", "BR") else 0.0 for name in names]
    return np.array([left, right], np.float32).T


def bed_lufs(original: Recording | None, speech: Sequence[Span], levels: Levels, layout: tuple[str, ...]) -> float:
    """Loudness for the music bed where nobody speaks, on the scale of the original in the film's layout, before the
    final gain.
    """
    if original is None:
        return levels.target_lufs
    if speech:
        voice = recording_lufs(original, speech, layout)
        if voice > SILENCE_LUFS:
            return voice - levels.bed_under_speech_lu
    return max(recording_lufs(original, layout=layout), levels.faint_lufs) - levels.bed_under_sound_lu


def wanted_lufs(layer: Layer, bed: float, levels: Levels, *, arousal: float, soft: bool) -> float:
    """How loud a cue of a layer should be beside the music bed's loudness `bed` (LUFS).

    Music follows the story by ±2 LU with the scene's `arousal` in [0, 1]. `soft` marks cues that play where the
    clip's own sound is heard.
    """
    if layer == "music":
        return bed + 4.0 * (arousal - 0.5) + levels.music_db
    if layer == "ambience":
        return bed + levels.ambience_lu + levels.effects_db
    return bed + (levels.soft_spot_lu if soft else levels.spot_lu) + levels.effects_db


def layer_lufs(samples: Samples, layer: Layer) -> float:
    """Loudness of a cue's samples [2 n] as its layer is measured; -inf for silence.

    That of a spot is its loudest 0.4 s, as is that of whatever is too short to be gated.
    """
    level = -np.inf if layer == "spot" else integrated_lufs(Waveform(samples, RATE_HZ))
    return level if np.isfinite(level) else loudest_db(samples, RATE_HZ)
