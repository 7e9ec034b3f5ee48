"""Decides the one gain of a mix, so that it is as loud as asked and no voice goes through a limiter."""

import logging
import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from storysound.cue.duck import CHUNK
from storysound.cue.duck_measure import DuckMeter
from storysound.cue.judge.probes import Probes
from storysound.cue.levels import LEAST_DIALOGUE, MOST_VOICE_PEAKS_DB, Levels
from storysound.cue.limiter import CELL
from storysound.cue.mix import Mixer
from storysound.cue.playback import Sounds
from storysound.cue.score import DuckingFacts, OtherTrack, Score
from storysound.media.arrays import RATE_HZ, Doubles
from storysound.media.levels import bridged
from storysound.media.loudness import BLOCK_S, STEP_S, LoudnessMeter, TruePeak, cell_peaks, gated_lufs, headroom
from storysound.media.recording import Recording

log = logging.getLogger(__name__)

DEEPEST_DB = 12.0  # peaks are lowered by no more to reach a loudness
NEAR_LU = 0.1  # near enough
LIMITED_DB, SHORT_LU = 3.0, 0.3  # more is said
_MOST_ROUNDS = 6


@dataclass(frozen=True)
class Mastered:
    """Levels with their one gain, and what the mix is like with it."""

    levels: Levels
    lufs: float  # integrated loudness of the whole; -inf for silence
    shortfall_lu: float  # by how much the loudness asked for isn't reached
    is_short_of_room: bool  # for voices, that is: their peaks are why
    limited_db: float  # peaks of the original lowered, at most, where nobody speaks
    voice_limited_db: float  # and where someone does: by `voice_peaks_db` at most
    gave_way_db: float  # by how much what was added is lowered for a moment, at most, so that a sum has room
    ducking: DuckingFacts

    def notes(self) -> tuple[str, ...]:
        """What the user should know of what it took, a line each."""
        notes, levels = [], self.levels
        if self.shortfall_lu > SHORT_LU:
            short = f"{self.shortfall_lu:.1f} LU below {levels.target_lufs:g} LUFS"
            why = "loud moments in quiet sound are lowered no further"
            if self.is_short_of_room:
                by = f"by {levels.voice_peaks_db:g} dB at most" if levels.voice_peaks_db else "never"
                why = f"the voices' own peaks leave no room, and are {by} lowered; {self._remedy()}"
            notes.append(f"the mix stays {short}: {why}")
        if self.limited_db > LIMITED_DB:
            notes.append(f"peaks outside speech had to be lowered by up to {self.limited_db:.1f} dB")
        if self.voice_limited_db > 0.05:
            notes.append(f"single peaks of voices were lowered by up to {self.voice_limited_db:.1f} dB")
        return tuple(notes)

    def _remedy(self) -> str:
        """What of `voice_peaks_db` would help."""
        wanted_db = math.ceil(10 * (self.levels.voice_peaks_db + self.shortfall_lu)) / 10
        if wanted_db <= MOST_VOICE_PEAKS_DB:
            return f"`voice_peaks_db` {wanted_db:.1f} would reach it"
        return f"`voice_peaks_db` {MOST_VOICE_PEAKS_DB:g} would come nearer"


def level(
    score: Score, original: Recording | None, probes: Probes | None = None, sounds: Sounds | None = None
) -> Mastered:
    """Brings a mix to `target_lufs`: as `cue.mix.stems` takes it, whatever `master_db` its levels have.

    One pass measures the mix without its gain. Where peaks then go over the ceiling, the finished mix is measured
    until it is within NEAR_LU of the target or can't come nearer: the peaks of the original where someone speaks stay
    under the ceiling at that gain, or are lowered by `voice_peaks_db` at most, others by DEEPEST_DB. Where voices need
    it, what was left for the coder (`coding_db`) is given up: whoever encodes keeps to the ceiling anyway. `probes` are
    taken of every cue and of the mix; `sounds`: those that are decoded already. Raises what `stems` raises.
    """
    levels, sounds = score.levels, sounds or Sounds()
    open_ = _measured(score, original, probes, sounds)
    anchor = _Anchor(score)
    loudness = anchor.lufs(open_.energies)
    ceiling = levels.mix_ceiling_dbtp
    if not math.isfinite(loudness):  # silence, or too short to be measured: only the ceiling counts
        gain_db = min(0.0, ceiling - open_.peak_dbtp) if math.isfinite(open_.peak_dbtp) else 0.0
        silent = replace(levels, master_db=gain_db)
        return Mastered(silent, -math.inf, 0.0, False, 0.0, 0.0, 0.0, open_.ducking)
    voice_room_db = levels.ceiling_dbtp - open_.voice_dbtp
    voices_db, others_db = voice_room_db + levels.voice_peaks_db, ceiling - open_.peak_dbtp + DEEPEST_DB
    most_db = min(voices_db, others_db)

    def at(gain_db: float) -> Levels:
        coding_db = min(levels.coding_db, max(0.0, voice_room_db - gain_db))
        return replace(levels, master_db=gain_db, coding_db=coding_db)

    gain_db = min(levels.target_lufs - loudness, most_db)
    done = Mastered(
        at(gain_db),
        gated_lufs(open_.energies) + gain_db,
        max(0.0, levels.target_lufs - loudness - gain_db),
        voices_db < others_db,
        0.0,
        0.0,
        0.0,
        open_.ducking,
    )
    if open_.peak_dbtp + gain_db <= done.levels.mix_ceiling_dbtp:
        return done
    for _ in range(_MOST_ROUNDS):
        mixer = Mixer(replace(score, levels=at(gain_db)), original, sounds=sounds)
        meter = LoudnessMeter(RATE_HZ, score.layout)
        for chunk in range(mixer.chunks):
            meter.add(mixer.stems(chunk).sum)
        energies = meter.energies()
        missing_lu = levels.target_lufs - anchor.lufs(energies)
        done = replace(
            done,
            levels=mixer.levels,
            lufs=gated_lufs(energies),
            shortfall_lu=max(0.0, missing_lu),
            limited_db=mixer.original_cut_db,
            voice_limited_db=mixer.voice_cut_db,
            gave_way_db=mixer.added_cut_db,
        )
        if abs(missing_lu) <= NEAR_LU or (missing_lu > 0 and gain_db >= most_db):
            break
        step_db = 1.3 * missing_lu if missing_lu > 0 else missing_lu  # limiting eats part of each step up
        gain_db = min(gain_db + step_db, most_db)
    log.info(
        "limiter: the original lowered by up to %.1f dB, what was added by %.1f", done.limited_db, done.gave_way_db
    )
    return done


def level_track(
    score: Score,
    track: OtherTrack,
    original: Recording | None,
    probes: Probes | None = None,
    sounds: Sounds | None = None,
) -> tuple[OtherTrack, tuple[str, ...]]:
    """Another track of the film with the one gain of its mix, as `level` finds it, and what to know of it, a line each.

    `original`: the sound of that track; `probes` and `sounds` as in `level`. Raises what `level` raises.
    """
    mastered = level(score.on(track), original, probes, sounds)
    notes = tuple(f"track {track.number + 1}: {note}" for note in mastered.notes())
    return replace(track, master_db=mastered.levels.master_db or 0.0), notes


@dataclass(frozen=True)
class _Open:
    """The mix without gain and ceiling."""

    energies: Doubles  # as `LoudnessMeter.energies`
    peak_dbtp: float
    voice_dbtp: float  # of the original where it may not be limited; -inf without speech
    ducking: DuckingFacts


def _measured(score: Score, original: Recording | None, probes: Probes | None, sounds: Sounds) -> _Open:
    mixer = Mixer(score, original, probes, sounds)
    meter, peak = LoudnessMeter(RATE_HZ, score.layout), TruePeak(len(score.layout))
    ducking, voice = DuckMeter(score.speech, score.levels), _VoicePeak(mixer)
    for chunk in range(mixer.chunks):
        laid = mixer.laid(chunk)
        start = chunk * CHUNK
        ducked = laid.layers[0] + laid.layers[1] + laid.layers[2]
        total = (laid.original + mixer.spread(ducked))[:, : mixer.length - start]
        meter.add(total)
        peak.add(total)
        if probes is not None:
            probes.mix(chunk, total)
        voice.add(chunk)
        spoken = mixer.voice.read(start, start + CHUNK) if mixer.voice else None
        ducking.add(chunk, spoken, laid.dry, ducked)
    return _Open(meter.energies(), peak.dbtp(), voice.dbtp(), ducking.facts())


class _VoicePeak:
    """True peak of the original where a limiter may not touch it."""

    def __init__(self, mixer: Mixer) -> None:
        self._mixer, self._best = mixer, 0.0

    def add(self, chunk: int) -> None:
        """Another chunk."""
        cells = self._mixer.protected(chunk)
        if not cells.any():
            return
        samples = self._mixer.around(lambda c: self._mixer.laid(c).original, chunk)
        if float(np.abs(samples).max()) * headroom() > self._best:
            self._best = max(self._best, float(cell_peaks(samples, CELL)[cells].max()))

    def dbtp(self) -> float:
        """In dBTP; -inf where nobody speaks."""
        return 20 * math.log10(self._best) if self._best > 0 else -math.inf


class _Anchor:
    """What has to have the loudness that is asked for: the whole, or what is heard while someone speaks."""

    def __init__(self, score: Score) -> None:
        self._spans = bridged(score.speech, 0.0)
        spoken_s = sum(span.duration_s for span in self._spans)
        self._dialogue = score.levels.anchor == "dialogue" and spoken_s >= LEAST_DIALOGUE * score.duration_s > 0

    def lufs(self, energies: Doubles) -> float:
        """Of the energies of a mix [b], as `LoudnessMeter.energies`."""
        return gated_lufs(energies[self._spoken(len(energies))] if self._dialogue else energies)

    def _spoken(self, count: int) -> NDArray[np.bool_]:
        """Which of the first `count` gating blocks have someone speaking in their middle."""
        middles_s = np.arange(count) * STEP_S + BLOCK_S / 2
        starts, ends = ([getattr(s, end) for s in self._spans] for end in ("start_s", "end_s"))
        begun, over = np.searchsorted(starts, middles_s, "right"), np.searchsorted(ends, middles_s, "right")
        return np.asarray(begun > over)
