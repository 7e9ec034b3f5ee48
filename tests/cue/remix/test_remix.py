"""Remixes of a track whose beats are known: exact, on the beat, with its own beginning and ending."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from cue.remix.track_making import BEAT_S, LEAD_IN_S, RATE, track
from storysound.cue.fit import analyse
from storysound.cue.playback import CuePlayer
from storysound.cue.remix.align import Aligner, Meetings
from storysound.cue.remix.path import NoWayError
from storysound.cue.remix.remix import Remix, Remixer
from storysound.cue.score import Piece
from storysound.media import rhythm
from storysound.media.arrays import Ints
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


def test_jumps_keep_the_beat_where_it_was_found_late() -> None:
    """Beats of one section are marked late, by as much as slow attacks may hide; jumps to it and from it meet."""
    wave, times = track("ABABAB", ring_s=1.0)
    marked = times[:-1] + np.where(np.arange(len(times) - 1) // 16 % 3 == 1, 0.05, 0.0)
    found = rhythm.Bars(60 / BEAT_S, 4, marked, marked[::4])
    remixer = Remixer(wave, analyse(wave, np.empty(0)), tracker=lambda _: found)
    pieces = remixer.remix(2.4 * remixer.lasts_s).fit.pieces
    assert len(pieces) > 2
    for before, after in pairwise(pieces):
        apart = (after.in_s - before.out_s + remixer.fade_s) / BEAT_S
        assert abs(apart - round(apart)) * BEAT_S < 0.01


def test_jumps_whose_music_is_not_alike_are_avoided(monkeypatch: pytest.MonkeyPatch) -> None:
    wave, times = track("ABABAB", ring_s=1.0)
    analysed, found = analyse(wave, np.empty(0)), rhythm.Bars(60 / BEAT_S, 4, times[:-1], times[:-1:4])

    def jumps() -> set[tuple[float, float]]:
        fresh = Remixer(wave, analysed, tracker=lambda _: found)
        pieces = fresh.remix(1.31 * wave.duration_s).fit.pieces
        marks = [(before.out_s - fresh.fade_s / 2, after.in_s + fresh.fade_s / 2) for before, after in pairwise(pieces)]
        beats = [np.abs(fresh.bars.times_s - fresh.lead_s - np.array(mark)[:, None]).argmin(axis=1) for mark in marks]
        return {(int(leave), int(reach)) for leave, reach in beats}

    usual = jumps()
    assert usual
    meet = Aligner.meet

    def unlike(self: Aligner, leave: Ints, reach: Ints) -> Meetings:
        meetings = meet(self, leave, reach)
        named = [jump in usual for jump in zip(leave.tolist(), reach.tolist(), strict=True)]
        return replace(meetings, likeness=np.where(named, 0.0, meetings.likeness))

    monkeypatch.setattr(Aligner, "meet", unlike)
    others = jumps()
    assert others
    assert not usual & others


def test_no_jump_leads_to_where_a_crossfade_has_no_room() -> None:
    wave, times = track("ABABAB", ring_s=1.0)
    cut, beats = wave.cut(LEAD_IN_S - 0.01, wave.duration_s), times[:-1] - LEAD_IN_S + 0.01
    found = rhythm.Bars(60 / BEAT_S, 4, beats, beats[::4])
    remixer = Remixer(cut, analyse(cut, np.empty(0)), tracker=lambda _: found)
    assert remixer.bars.times_s[0] < 0.03
    for before, after in pairwise(remixer.remix(3.3 * remixer.lasts_s).fit.pieces):
        assert after.in_s > BEAT_S / 2
        apart = (after.in_s - before.out_s + remixer.fade_s) / BEAT_S
        assert abs(apart - round(apart)) * BEAT_S < 0.01


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
