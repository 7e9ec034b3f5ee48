"""`cue jump`: moves a jump of music, from a beat to another; what is played before and after it stays where it is."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from storysound.cue import edit
from storysound.cue.fit import analyse
from storysound.cue.remix.path import NoWayError
from storysound.cue.remix.remix import Remixer
from storysound.cue.score import Cue, Jump, Score
from storysound.errors import UsageError
from storysound.media import rhythm
from storysound.media.arrays import RATE_HZ
from storysound.media.audio import read_audio

LEAST_S = 0.5  # of music between two jumps


def jump_moved(score: Score, cue_id: str, number: int, change_s: float, tracker: rhythm.Tracker) -> Score:
    """Lets a cue's jump of that number, from 1, come so much later, at the beat nearest to that.

    As much as it leaves later it reaches later, so that the beat goes on. Raises UsageError for a jump that isn't there
    or can't go there, MediaError for a sound that can't be read.
    """
    cue = edit.cue_of(score, cue_id)
    places = [at for at, piece in enumerate(cue.pieces) if piece.jump is not None]
    if not 1 <= number <= len(places):
        there = f"{cue_id} has {len(places)}" if places else f"{cue_id} has none: it is played as it is, or looped"
        raise UsageError(f"there is no jump {number}; {there}", field="number")
    at = places[number - 1]
    remixer = _remixer(cue, tracker)
    by_s, leave, reach = _on_beat(cue, at, change_s, remixer)
    moved = _moved(cue, at, by_s, _cost(remixer, leave, reach))
    return edit.put(score, f"jump {cue_id} {number} {by_s:+.3g}", moved)


def _remixer(cue: Cue, tracker: rhythm.Tracker) -> Remixer:
    wave = read_audio(Path(cue.sound.root) / cue.sound.path)
    return Remixer(wave, analyse(wave, np.empty(0)), tracker=tracker)


def _cost(remixer: Remixer, leave: int, reach: int) -> Jump:
    return remixer.jump(leave, min(reach, remixer.bars.count - 1))


def _on_beat(cue: Cue, at: int, change_s: float, remixer: Remixer) -> tuple[float, int, int]:
    """By how much the jump to a piece moves, and the beats it leaves and reaches then."""
    try:
        bars = remixer.bars
    except NoWayError as error:
        raise UsageError(f"its sound can't be counted any more: it {error}", field="cue") from error
    before, after = cue.pieces[at - 1], cue.pieces[at]
    half_s = (before.end_s - after.at_s) / 2
    leave_s, reach_s = before.out_s - half_s + remixer.lead_s, after.in_s + half_s + remixer.lead_s
    leave = int(np.argmin(np.abs(bars.times_s - leave_s - change_s)))
    by_s = round((float(bars.times_s[leave]) - leave_s) * RATE_HZ) / RATE_HZ  # so that no later sample moves
    if abs(by_s) < bars.beat_s / 4:
        fault = f"the beat nearest to {change_s:+g} s is where it is; beats are {bars.beat_s:.2f} s apart"
        raise UsageError(fault, field="change_s")
    if abs(by_s - change_s) > bars.beat_s:
        raise UsageError(f"{change_s:+g} s leads out of its sound", field="change_s")
    return by_s, leave, int(np.argmin(np.abs(bars.times_s - reach_s - by_s)))


def _moved(cue: Cue, at: int, by_s: float, jump: Jump) -> Cue:
    before, after = cue.pieces[at - 1], cue.pieces[at]
    low = max(before.at_s + LEAST_S - after.at_s, -after.in_s)
    high = min(after.end_s - LEAST_S - before.end_s, cue.sound.duration_s - before.out_s)
    if not low <= by_s <= high:
        fault = f"{by_s:+.2f} s leads out of what is played there: it can move from {low:+.2f} to {high:+.2f} s"
        raise UsageError(fault, field="change_s")
    pieces = list(cue.pieces)
    pieces[at - 1] = replace(before, out_s=before.out_s + by_s)
    pieces[at] = replace(after, in_s=after.in_s + by_s, at_s=after.at_s + by_s, jump=jump)
    return replace(cue, pieces=tuple(pieces))
