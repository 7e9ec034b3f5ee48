"""Beats and bar lines of a composition are told alike by its tempi and by its bars."""

import numpy as np
import pytest

from storysound.compose.compose import compose
from storysound.compose.notes import Bar, Composition, Tempo
from storysound.compose.spotting import Scene, Spotting
from storysound.story import Mood


def test_a_half_beat_moves_the_beats_after_it() -> None:
    bars = (Bar(0.0, 4.5, 0), Bar(2.25, 4.0, 1))
    tempi = (Tempo(0.0, 0.0, 120.0), Tempo(2.25, 4.5, 60.0))
    music = Composition(8.0, (), bars, tempi, (), (), (), 6.25, (), 0)
    assert music.beats_s() == pytest.approx([0, 0.5, 1, 1.5, 2, 2.25, 3.25, 4.25, 5.25, 6.25])
    assert music.time_at(5.5) == pytest.approx(3.25)
    assert music.beat_at(3.25) == pytest.approx(5.5)


@pytest.mark.parametrize("seed", range(6))
def test_bars_begin_where_the_tempi_say(seed: int) -> None:
    rng = np.random.default_rng(seed)
    bounds = np.cumsum([0.0, *rng.uniform(2.5, 12, 5)])
    moods = [Mood(*map(float, rng.random(2))) for _ in range(5)]
    scenes = tuple(Scene(float(a), float(b), m) for a, b, m in zip(bounds, bounds[1:], moods, strict=False))
    music = compose(Spotting(scenes), seed)
    beat = 0.0
    for bar in music.bars:
        assert music.time_at(beat) == pytest.approx(bar.start_s, abs=1e-4)
        assert music.beat_at(bar.start_s) == pytest.approx(beat, abs=1e-4)
        beat += bar.beats
    assert music.time_at(beat) == pytest.approx(music.ends_s, abs=1e-4)
    assert music.beats_s() == sorted(music.beats_s())
