"""Remixes of a track whose beats are known: exact, on the beat, with its own beginning and ending."""

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest

from cue.remix.track_making import BEAT_S, LEAD_IN_S, RATE, track
from storysound.cue.fit import analyse
from storysound.cue.playback import CuePlayer
from storysound.cue.remix.align import Meeting, aligned
from storysound.cue.remix.path import NoWayError
from storysound.cue.remix.remix import Remix, Remixer
from storysound.cue.score import Piece
from storysound.media.arrays import Floats
from storysound.media.audio import Waveform

LENGTHS = (0.5, 0.77, 1.0, 1.31, 3.0)


@pytest.fixture(scope="module")
def remixer() -> Remixer:
    wave, _ = track()
    return Remixer(wave, analyse(wave, np.empty(0)))


def lasts(remixer: Remixer, share: float) -> float:
    return share * remixer.lasts_s


def made(remixer: Remixer, share: float) -> Remix:
    return remixer.remix(lasts(remixer, share), at_s=10.0)


@pytest.mark.parametrize("share", LENGTHS)
def test_it_is_as_long_as_asked_with_its_own_beginning_and_ending(remixer: Remixer, share: float) -> None:
    remix = made(remixer, share)
    pieces = remix.fit.pieces
    assert pieces[0].at_s == 10.0
    assert pieces[-1].end_s + remix.silence_s == pytest.approx(10.0 + lasts(remixer, share), abs=1e-9)
    assert 0 <= remix.silence_s <= 0.6
    assert pieces[0].in_s <= LEAD_IN_S
    assert pieces[-1].out_s + remix.cut_s == pytest.approx(remixer.bars.last_s, abs=1e-6)
    assert remix.cut_s < 2.0  # the last chord is struck
    for before, after in pairwise(pieces):
        assert before.end_s - after.at_s == pytest.approx(remixer.fade_s, abs=1e-9)
        assert after.jump is not None


@pytest.mark.parametrize("share", LENGTHS)
def test_the_beat_and_the_bar_go_on(remixer: Remixer, share: float) -> None:
    for before, after in pairwise(made(remixer, share).fit.pieces):
        apart = (after.in_s - before.out_s + remixer.fade_s) / BEAT_S
        assert abs(apart - round(apart)) * BEAT_S < 0.005
        assert round(apart) % 4 == 0


def test_jumps_lead_to_what_sounds_the_same(remixer: Remixer) -> None:
    """Between sections of the same notes, so that what is played is the track itself but for its noise."""
    for share in (1.31, 3.0):
        for piece in made(remixer, share).fit.pieces[1:]:
            assert piece.jump is not None
            assert piece.jump.timbre < 0.3
            assert piece.jump.seam < 0.2


def test_no_sample_jumps_more_than_the_track_does(remixer: Remixer) -> None:
    wave, _ = track()
    remix = made(remixer, 1.31)
    out = CuePlayer(wave, remix.fit.pieces, fade_in_s=0.008, fade_out_s=0.05).whole()[0]
    assert np.abs(np.diff(out)).max() <= 1.1 * np.abs(np.diff(wave.samples[0])).max()


def test_a_hit_gets_the_loud_section(remixer: Remixer) -> None:
    """The track's loud section begins at 32.25 s; here it is wanted elsewhere."""
    for hit_s in (20.0, 27.1, 40.0):
        (landing,) = remixer.remix(60.0, hits_s=(hit_s,)).landings
        assert landing.at_s is not None
        assert landing.turn_s is not None
        assert abs(landing.at_s - hit_s) <= BEAT_S / 2 + 0.01


def test_a_hint_is_where_it_enters(remixer: Remixer) -> None:
    remix = remixer.remix(25.0, hint_s=30.0)
    assert abs(remix.fit.pieces[0].in_s - 30.0) < 5.0
    assert remix.fit.pieces[-1].out_s + remix.cut_s == pytest.approx(remixer.bars.last_s, abs=1e-6)


def test_what_cannot_be_remixed_says_why() -> None:
    t = np.arange(20 * RATE) / RATE
    tone = Waveform((0.2 * np.sin(2 * np.pi * 220 * t)).astype(np.float32)[None], RATE)
    with pytest.raises(NoWayError, match="is one tone throughout"):
        Remixer(tone, analyse(tone, np.empty(0))).remix(40.0)
    short = track()[0].cut(0.0, 5.0)
    with pytest.raises(NoWayError, match="lasts no more than"):
        Remixer(short, analyse(short, np.empty(0))).remix(40.0)


def test_a_tempo_that_changes_keeps_its_beat() -> None:
    """A track that slows down: beats follow it, and jumps lead from beat to beat."""
    wave, times = track("ABAB", ring_s=1.0)
    t = np.arange(wave.samples.shape[1])
    warped = np.interp(t**1.04 * t[-1] ** -0.04, t, wave.samples[0])[: len(t)]
    beats = (times * RATE) ** (1 / 1.04) * t[-1] ** (0.04 / 1.04) / RATE
    slow = Waveform(warped.astype(np.float32)[None], RATE)
    remixer = Remixer(slow, analyse(slow, np.empty(0)))
    remix = remixer.remix(1.4 * remixer.lasts_s)
    for before, after in pairwise(remix.fit.pieces):
        half = remixer.fade_s / 2
        phases = [
            np.interp(s + remixer.lead_s, beats, np.arange(len(beats)))
            for s in (before.out_s - half, after.in_s + half)
        ]
        assert abs((phases[1] - phases[0] + 0.5) % 1 - 0.5) * BEAT_S < 0.03


def test_places_marked_apart_are_aligned() -> None:
    wave, times = track("AA")
    for off_s in (-0.04, 0.0, 0.03):
        found = aligned(wave.samples[0], RATE, times[8], times[24] + off_s, 0.03, most_s=BEAT_S / 2, marked=True)
        assert found.reach_s == pytest.approx(times[24], abs=0.002)
        assert found.likeness > 0.5


def test_a_way_without_jumps_whose_onsets_do_not_meet_is_looked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    wave, _ = track()
    wanted_s = 1.31 * wave.duration_s

    def jumps(likeness: Callable[[float, float], float]) -> set[tuple[float, float]]:
        found = set()

        def fake(mono: Floats, rate_hz: int, leave_s: float, reach_s: float, fade_s: float, **_: object) -> Meeting:
            return Meeting(reach_s, likeness(leave_s, reach_s))

        monkeypatch.setattr("storysound.cue.remix.remix.aligned", fake)
        fresh = Remixer(wave, analyse(wave, np.empty(0)))
        for before, after in pairwise(fresh.remix(wanted_s).fit.pieces):
            found.add((round(before.out_s - fresh.fade_s / 2, 6), round(after.in_s + fresh.fade_s / 2, 6)))
        return found

    usual = jumps(lambda leave_s, reach_s: 0.9)
    assert usual
    others = jumps(lambda leave_s, reach_s: 0.0 if (round(leave_s, 6), round(reach_s, 6)) in usual else 0.9)
    assert others
    assert not usual & others


def test_nothing_is_before_a_track() -> None:
    """A beat that a track begins with may move to before its first sample."""
    wave = track("AA")[0]
    assert aligned(wave.samples[0], RATE, 14.25, -0.05, 0.03, most_s=0.0, marked=True).reach_s < 0.01


@pytest.mark.parametrize("may_wait", [True, False])
@pytest.mark.parametrize("hit_s", [17.0, 33.33, 61.9])
def test_something_begins_on_a_hit(remixer: Remixer, hit_s: float, *, may_wait: bool) -> None:
    """All of it comes earlier or later: by what it begins with, if it may not wait; it lasts as long as it should."""
    remix = remixer.remix(60.0, at_s=10.0, hits_s=(hit_s,), may_wait=may_wait)
    pieces, bar_s = remix.fit.pieces, 4 * BEAT_S
    begins = np.arange(LEAD_IN_S, remixer.lasts_s, bar_s)
    heard = [p.at_s + begins[(begins >= p.in_s) & (begins < p.out_s)] - p.in_s for p in pieces]
    assert np.abs(np.concatenate(heard) - hit_s).min() < 0.02
    assert remix.landings[0].at_s == pytest.approx(hit_s, abs=1e-6)
    assert 10.0 <= pieces[0].at_s <= 10.0 + (bar_s / 2 + 0.2 if may_wait else 0.0)
    assert pieces[-1].end_s + remix.silence_s == pytest.approx(70.0, abs=1e-9)


def test_what_begins_on_a_hit_goes_before_a_part_near_it(remixer: Remixer) -> None:
    whole = (Piece(0.0, remixer.lasts_s, 0.0),)
    turn_s = float(remixer.bars.times_s[np.flatnonzero(remixer.structure.turns)[1]])
    assert remixer.landing(turn_s, whole).begins in ("body", "build", "break")
    assert remixer.landing(turn_s + BEAT_S, whole).begins == "beat"
    assert remixer.landing(turn_s + 0.4 * BEAT_S, whole).begins != "beat"
