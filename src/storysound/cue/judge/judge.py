"""Judges each cue by what is heard of it: whether, where, how long, and how it was cut; and mends what is simple.

What is a fault goes by what people hear:

- A sound in noise is heard from 4 dB below the noise of its critical band on (Fastl and Zwicker, Psychoacoustics, ch.
  4.1); an octave has about three of them, so that a sound 9 dB below an octave may just be heard, and one below
  AUDIBLE_DB in every octave at its loudest moments isn't.
- A stretch of noise that returns is noticed at once up to a second and with some care up to two (Guttman and Julesz
  1963); one in which something happens as long as it is remembered, some ten seconds (Cowan 1984), from the third
  time on.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np

from storysound.cue.duck import CHUNK, HOP
from storysound.cue.judge.measures import Frames, likeness, offset_s, spectrum, standing
from storysound.cue.judge.probes import MOST_PROBES, CueProbes, Probes
from storysound.cue.score import Cue, Layer, Score, Verdict
from storysound.media.arrays import RATE_HZ, Samples
from storysound.progress import check

AUDIBLE_DB = -10.0
PLACE_S = 0.010
SEAM = 0.25
# Changes from sound to sound: a cue that goes on for longer under a picture that isn't its own is heard there.
CHANGE_S: Mapping[Layer, float] = {"music": 1.6, "ambience": 0.8}
_PART_S = 4.5  # ambience may change within a picture of twice that, as it is understood in parts
NOTICED_S, NOTICED_TEXTURE_S = 10.0, 2.0  # periods of loops
_TIMES = 3  # heard as often a loop is noticed
_EVEN = 0.1  # of a period by which it may differ: what comes again at uneven times is no loop
_ALIKE = 0.5  # that a loop is the same again, as `likeness` measures it
_EVENTS_DB = 2.0  # in octaves of what has events in it; in noise levels move by less
_MOST_WINDOWS = 200  # read of a long film
_UNHEARD_DB = -120.0  # of what has no sound at all
_MOST_RAISED_DB = 6.0
_SURELY_DB = 3.0  # above the threshold a cue is raised
_SOFT_EDGE_S = 0.01

Reads = Callable[[int, int], Samples]


def judge(score: Score, probes: Probes, read: Reads | None = None) -> tuple[Verdict, ...]:
    """A verdict on every cue that sounds. The score's mix must be levelled, `probes` taken while it was made.

    `read` gives film samples [start, end) of what was delivered, in its front loudspeakers [c n]; without it the cues
    are judged in the mix that the probes saw. Raises what `read` raises.
    """
    found, verdicts = probes.finish(), []
    cues = score.audible
    most = max(1, min(MOST_PROBES, _MOST_WINDOWS // max(1, len(cues))))
    for cue in cues:
        check()
        own = found.get(cue.id)
        verdicts.append(_verdict(score, cue, own, probes, read, most) if own else _unheard(cue))
    return tuple(verdicts)


def _unheard(cue: Cue) -> Verdict:
    return Verdict(cue.id, _UNHEARD_DB, faults=("not heard: it lies outside the film",))


def _verdict(score: Score, cue: Cue, own: CueProbes, probes: Probes, read: Reads | None, most: int) -> Verdict:
    gain = np.float32(10 ** ((score.levels.master_db or 0.0) / 20))
    stems, heard = [], []
    for probe in own.probes[:most]:
        stem, mix = probes.read(probe)
        other = mix * gain if read is None else read(probe.chunk * CHUNK, (probe.chunk + 1) * CHUNK)
        if len(other) != len(stem):
            stem, other = stem.mean(axis=0, keepdims=True), other.mean(axis=0, keepdims=True)
        stems.append(spectrum(stem * gain))
        heard.append(spectrum(other))
    late_s = offset_s(stems, heard) if read is not None else None
    stands = [standing(stem, other, late_s or 0.0) for stem, other in zip(stems, heard, strict=True)]
    audible_db = max((one.found_db for one in stands), default=_UNHEARD_DB)
    wanted_db = max((one.wanted_db for one in stands), default=_UNHEARD_DB)
    seam, repeat = own.seam * float(gain), _repeat(cue, own.frames)
    faults = []
    if audible_db < AUDIBLE_DB:
        missing = wanted_db > 0.0 and read is not None
        faults.append("not found in the file" if missing else f"not heard: at best {-audible_db:.0f} dB under the rest")
    if late_s is not None and abs(late_s) > PLACE_S:
        faults.append(f"{abs(late_s) * 1000:.0f} ms too {'late' if late_s > 0 else 'early'}")
    if over_s := overrun_s(score, cue):
        faults.append(f"goes on {over_s:.1f} s over the next {'scene' if cue.layer == 'music' else 'picture'}")
    if seam > SEAM:
        faults.append(f"clicks: a leap of {seam:.2f} of full scale where it is cut")
    if repeat is not None:
        faults.append(f"the same {repeat[0]:.1f} s are heard {repeat[1]} times")
    if cue.layer == "music" and own.frames.is_noise:
        faults.append("noise, no music")
    if own.frames.is_one_tone:
        faults.append("one tone throughout")
    return Verdict(  # as the sheet holds it
        cue.id,
        round(audible_db, 1),
        None if late_s is None else round(late_s, 4),
        round(seam, 3),
        None if repeat is None else round(repeat[0], 2),
        tuple(faults),
    )


def overrun_s(score: Score, cue: Cue) -> float:
    """How long a cue goes on under a scene (music) or picture (ambience) that isn't its own; 0 where it doesn't.

    A scene is its own where the cue begins in it, goes on to its end or for half of it, or makes room there for other
    music. Composed music ends with its scene, and rings out.
    """
    if cue.layer == "spot" or cue.composed:
        return 0.0
    change_s = CHANGE_S[cue.layer]
    until_s = cue.end_s - cue.fade_out_s / 2
    spans = [(scene.start_s, scene.end_s) for scene in score.scenes]
    if cue.layer == "ambience":
        spans = [(shot.start_s, shot.end_s) for scene in score.scenes for shot in scene.shots]
    start_s, end_s = next(((a, b) for a, b in spans if a < until_s <= b), (until_s, until_s))
    over_s = until_s - start_s
    if over_s <= change_s or cue.start_s >= start_s - change_s:
        return 0.0
    others = [other for other in score.audible if other.layer == cue.layer and other.id != cue.id]
    if any(abs(other.start_s - start_s) <= change_s and other.end_s > until_s for other in others):
        return over_s
    own_music = [span.start_s for span in score.own_music]
    makes_room = any(abs(t - until_s) <= change_s for t in [end_s, *own_music, *(other.start_s for other in others)])
    enough_s = (end_s - start_s) / 2
    if cue.layer == "ambience":
        enough_s = min(enough_s, _PART_S)
    return 0.0 if makes_room or over_s >= enough_s else over_s


def _repeat(cue: Cue, frames: Frames) -> tuple[float, int] | None:
    """The period in seconds of a loop that is noticed, and how often it is heard."""
    periods_s = []
    for before, after in pairwise(cue.pieces):
        later_s = (after.at_s - after.in_s) - (before.at_s - before.in_s)
        shared_s = min(before.out_s, after.out_s) - max(before.in_s, after.in_s)
        if later_s > 0 and shared_s >= later_s / 2:
            periods_s.append(later_s)
    if not periods_s:
        return None
    period_s = float(np.median(periods_s))
    times = 1 + sum(abs(each_s - period_s) <= _EVEN * period_s for each_s in periods_s)
    if times < _TIMES:
        return None
    alike, events_db = likeness(frames.octaves, round(period_s * RATE_HZ / HOP))
    longest_s = NOTICED_S if events_db >= _EVENTS_DB else NOTICED_TEXTURE_S
    noticed = period_s <= longest_s and (alike >= _ALIKE or period_s <= NOTICED_TEXTURE_S)
    return (period_s, times) if noticed else None


def fault_lines(score: Score) -> tuple[str, ...]:
    """What is wrong with the cues of a score that was judged, a line each."""
    sounds = {cue.id: cue.sound.path for cue in score.cues}
    return tuple(f"{cue} ({sounds[cue]}): {'; '.join(faults)}" for cue, faults in score.faults.items())


def repaired(score: Score, verdicts: Sequence[Verdict]) -> tuple[Score, tuple[str, ...]]:
    """Mends what can be mended simply, and says what was done, a line each. Locked cues stay as they are.

    A cue that isn't heard is raised by 6 dB at most, or muted where that isn't enough; one that goes on over the next
    scene ends with its own; edges that click are faded. The mix has to be levelled again where anything was done.
    """
    by_id = {verdict.cue: verdict for verdict in verdicts}
    cues, lines = [], []
    for cue in score.cues:
        verdict = by_id.get(cue.id)
        mended, done = (cue, "") if verdict is None or cue.locked else _mended(score, cue, verdict)
        cues.append(mended)
        if done:
            lines.append(f"{cue.id} ({cue.sound.path}) {done}")
    return replace(score, cues=tuple(cues)), tuple(lines)


def _mended(score: Score, cue: Cue, verdict: Verdict) -> tuple[Cue, str]:
    done = []
    missing_db = AUDIBLE_DB + _SURELY_DB - verdict.audible_db
    if verdict.audible_db < AUDIBLE_DB:
        if missing_db > _MOST_RAISED_DB:
            return replace(cue, muted=True), f"is muted: it would be {-verdict.audible_db:.0f} dB under the rest"
        cue = replace(cue, gain_db=cue.gain_db + missing_db)
        done.append(f"is raised by {missing_db:.0f} dB, to be heard beside the rest")
    if over_s := overrun_s(score, cue):
        cue = _ended(cue, cue.end_s - cue.fade_out_s / 2 - over_s + CHANGE_S[cue.layer] / 2, CHANGE_S[cue.layer])
        done.append(f"ends {over_s:.1f} s earlier, with its {'scene' if cue.layer == 'music' else 'picture'}")
    if verdict.seam > SEAM and min(cue.fade_in_s, cue.fade_out_s) < _SOFT_EDGE_S:
        soft_s = min(_SOFT_EDGE_S, cue.duration_s / 2)
        fades = max(cue.fade_in_s, soft_s), max(cue.fade_out_s, soft_s)
        cue = replace(cue, fade_in_s=fades[0], fade_out_s=fades[1])
        done.append("is faded at its edges, where it clicked")
    return cue, ", and ".join(done)


def _ended(cue: Cue, end_s: float, fade_out_s: float) -> Cue:
    """A cue that ends there, before its own end, fading out."""
    pieces = [piece for piece in cue.pieces if piece.at_s < end_s]
    last = pieces[-1]
    pieces[-1] = replace(last, out_s=min(last.out_s, last.in_s + end_s - last.at_s))
    fade_out_s = min(fade_out_s, (end_s - cue.start_s) / 3)
    fade_in_s = min(cue.fade_in_s, (end_s - cue.start_s) / 2)
    return replace(cue, end_s=end_s, pieces=tuple(pieces), fade_in_s=fade_in_s, fade_out_s=fade_out_s)
