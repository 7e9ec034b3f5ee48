"""Music that goes along with the arousal of a story: a track whose loud and soft parts are known."""

from itertools import pairwise

import numpy as np
import pytest

from cue.remix.track_making import track
from storysound.cue.fit import analyse
from storysound.cue.remix.arc import LEAST_RANGE, Arc, agreement, arousal_of
from storysound.cue.remix.remix import Remixer

AT_S = 10.0


@pytest.fixture(scope="module")
def remixer() -> Remixer:
    wave, _ = track("AACCAABBCCAA")  # eight seconds each; C is loud
    return Remixer(wave, analyse(wave, np.empty(0)))


def rising(length_s: float) -> Arc:
    return Arc((AT_S + length_s / 4, AT_S + 3 * length_s / 4), (0.1, 0.9))


def falling(length_s: float) -> Arc:
    return Arc(rising(length_s).times_s, (0.9, 0.1))


def test_loud_parts_are_aroused(remixer: Remixer) -> None:
    arousal = arousal_of(remixer.bars)
    loud = (remixer.bars.times_s > 18) & (remixer.bars.times_s < 30)
    assert arousal[loud].min() > 0.5
    assert abs(float(arousal.mean())) < 1e-3
    assert float(arousal.std()) == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("share", [0.4, 0.8, 1.4])
@pytest.mark.parametrize("arc", [rising, falling])
def test_a_remix_goes_along_and_is_as_long_with_its_own_ending(remixer: Remixer, share: float, arc: object) -> None:
    length_s = share * remixer.lasts_s
    asked = rising(length_s) if arc is rising else falling(length_s)
    plain, along = (remixer.remix(length_s, at_s=AT_S, arc=each) for each in (None, asked))
    before, after = (agreement(asked, remixer.bars, each.fit.pieces) for each in (plain, along))
    assert after > before + 0.15
    assert after > 0.3
    pieces = along.fit.pieces
    assert pieces[0].at_s == AT_S
    assert pieces[-1].end_s + along.silence_s == pytest.approx(AT_S + length_s, abs=1e-9)
    assert pieces[-1].out_s + along.cut_s == pytest.approx(remixer.bars.last_s, abs=1e-6)
    for one, next_one in pairwise(pieces):
        assert one.end_s - next_one.at_s == pytest.approx(remixer.fade_s, abs=1e-9)


def test_a_level_scene_changes_nothing(remixer: Remixer) -> None:
    length_s = 0.8 * remixer.lasts_s
    level = Arc((AT_S, AT_S + length_s), (0.5, 0.5 + LEAST_RANGE))
    assert not level.asked(np.linspace(AT_S, AT_S + length_s, 50)).any()
    beginning = remixer.remix(length_s, at_s=AT_S, arc=level).fit
    assert beginning == remixer.remix(length_s, at_s=AT_S).fit


def test_a_hit_is_met_along_the_way(remixer: Remixer) -> None:
    length_s = 0.8 * remixer.lasts_s
    hit_s = AT_S + 0.5 * length_s
    made = remixer.remix(length_s, at_s=AT_S, hits_s=(hit_s,), arc=rising(length_s))
    assert made.landings[0].at_s == pytest.approx(hit_s, abs=0.5)


def test_what_an_arc_does_is_said() -> None:
    assert Arc((0, 1, 2), (0.1, 0.2, 0.9)).trend == "rises"
    assert Arc((0, 1, 2), (0.9, 0.2, 0.1)).trend == "falls"
    assert Arc((0, 1, 2), (0.1, 0.9, 0.1)).trend == Arc((0, 1), (0.5, 0.5)).trend == "turns"
