"""Patterns over chords, motifs and what scenes make of them, and the cues of moods."""

from itertools import pairwise

import pytest

from storysound.compose import expression, figures, form, harmony
from storysound.compose.chance import chance
from storysound.compose.ensembles import Beat, Pattern
from storysound.compose.figures import Sounding
from storysound.compose.motif import motif
from storysound.compose.spotting import Scene
from storysound.story import Mood

C, G = harmony.chord("ionian", 0, 0), harmony.chord("ionian", 0, 4)
CHORDS = [Sounding(0.0, 3.0, C, (36, 55, 60, 64)), Sounding(3.0, 4.0, G, (43, 55, 59, 62))]
ALWAYS = (0.0, 1.0)


def test_a_pattern_begins_with_the_bar_and_changes_with_the_chord() -> None:
    tones = figures.played(Pattern("figure", 1.0, "0 1 2 .", ALWAYS), 0.0, 4.0, CHORDS, 0.5, 1.0)
    assert [(t.beat, t.pitch) for t in tones] == [(0, 55), (1, 60), (2, 64)]
    bass = figures.played(Pattern("bass", 8.0, "b", ALWAYS), 0.0, 4.0, CHORDS, 0.5, 1.0)
    assert [(t.beat, t.beats, t.pitch) for t in bass] == [(0, 3, 36), (3, 1, 43)]


def test_what_is_held_goes_on_and_chords_are_struck_together() -> None:
    tones = figures.played(Pattern("figure", 0.5, "012 - - .", ALWAYS), 0.0, 2.0, CHORDS, 0.5, 1.0)
    assert [(t.beat, t.beats, t.pitch) for t in tones] == [(0, 1.5, 55), (0, 1.5, 60), (0, 1.5, 64)]


def test_fifths_only_where_the_chord_has_one_above_its_bass() -> None:
    inverted = Sounding(0.0, 4.0, C, (40, 55, 60, 67))
    assert figures.pitches("f", CHORDS[0]) == [43]
    assert figures.pitches("f", inverted) == [40]
    assert figures.pitches("B", inverted) == [52]


def test_a_voice_that_stays_is_not_struck_again() -> None:
    tones = figures.held(CHORDS, "pad", 0.5)
    assert sorted((t.beat, t.beats, t.pitch) for t in tones) == [
        (0.0, 3.0, 60), (0.0, 3.0, 64), (0.0, 7.0, 55), (3.0, 4.0, 59), (3.0, 4.0, 62),
    ]  # fmt: skip


def test_drums_repeat_and_stop_with_the_bar() -> None:
    strokes = figures.beaten(Beat(0.5, {"low": "X.", "hat": "ox"}, ALWAYS), 4.0, 1.5, 0.5)
    assert [(s.beat, s.stroke) for s in strokes] == [
        (4.0, "low"), (5.0, "low"), (4.0, "hat"), (4.5, "hat"), (5.0, "hat"),
    ]  # fmt: skip
    assert strokes[0].level > strokes[3].level > strokes[2].level


@pytest.mark.parametrize("metre", [3, 4])
def test_motifs_fill_their_bars_however_they_are_varied(metre: int) -> None:
    for seed in range(30):
        theme = motif(seed, "Anna", metre)
        assert theme == motif(seed, "Anna", metre)
        for how in ("plain", "inverted", "exchanged", "fragment"):
            varied = theme.varied(how)
            for beats in (0.5, 2.0, 3.5, float(metre), metre + 1.0):
                for density in (-1.0, -0.6, 0.0, 0.4, 1.0):
                    notes = varied.bar(seed % 2, beats, density, chance(seed))
                    assert notes[0][0] == 0.0
                    assert sum(length for _, length, _ in notes) == pytest.approx(beats)
                    assert all(a[0] + a[1] == pytest.approx(b[0]) for a, b in pairwise(notes))


def test_motifs_differ_by_theme_and_seed() -> None:
    assert len({motif(seed, "Anna", 4) for seed in range(40)}) > 35
    assert motif(1, "Anna", 4) != motif(1, "Bert", 4)


def test_inverted_is_upside_down() -> None:
    theme = motif(3, "", 4)
    assert [tuple(-s for s in steps) for steps in theme.varied("inverted").steps] == list(theme.steps)


def test_cues_go_where_the_literature_says() -> None:
    grid = [i / 10 for i in range(11)]
    for other in grid:
        by_arousal = [expression.cues(Mood(other, a), (60, 140), 0.5) for a in grid]
        by_valence = [expression.cues(Mood(v, other), (60, 140), 0.5) for v in grid]
        for a, b in pairwise(by_arousal):
            assert (a.bpm, a.level, a.density) < (b.bpm, b.level, b.density)
            assert a.legato >= b.legato
        for a, b in pairwise(by_valence):
            assert a.lift < b.lift
            assert a.legato >= b.legato
            assert a.fear >= b.fear


def test_modes_brighten_with_valence() -> None:
    order = ["minor", "aeolian", "dorian", "mixolydian", "ionian"]
    found = [order.index(expression.mode(Mood(v / 20, 0.5), 0.5)) for v in range(21)]
    assert found == sorted(found)
    assert set(found) == {1, 2, 3, 4} | {found[0]}


@pytest.mark.parametrize("mode", sorted(harmony.MODES))
def test_progressions_go_only_where_the_mode_goes_and_close_as_asked(mode: str) -> None:
    for seed in range(40):
        close = harmony.cadence(mode, ("full", "half", "deceptive", "last")[seed % 4])
        degrees = harmony.progression(mode, 3 + seed % 8, 0, close, chance(seed))
        assert degrees[0] == 0 or len(degrees) < 5
        assert tuple(degrees[-len(close) :]) == close
        inner = degrees[: len(degrees) - len(close) + 1]
        assert all(b in harmony._FLOW[mode][a] for a, b in pairwise(inner))


def test_keys_are_home_at_both_ends_and_never_the_same_twice_between() -> None:
    for seed in range(20):
        keys = [harmony.tonic_of(seed, i, 7) for i in range(7)]
        assert keys[0] == keys[-1] == harmony.home(seed)
        assert all(a != b for a, b in pairwise(keys[:-1]))


def test_scenes_that_are_too_short_are_composed_with_the_next() -> None:
    bounds = [0.0, 10.0, 10.4, 10.9, 20.0, 20.5, 30.0, 30.6]
    scenes = [Scene(a, b, Mood(0.5, 0.5)) for a, b in pairwise(bounds)]
    groups = [section.scenes for section in form.sections(scenes, 30.2, 1)]
    assert groups == [(0,), (1, 2, 3), (4, 5, 6)]


def test_phrases_cover_all_bars() -> None:
    for bars in range(1, 60):
        found = form.phrases(bars, bars % 2 == 0, chance(bars))
        assert [phrase.first for phrase in found] == [sum(p.bars for p in found[:i]) for i in range(len(found))]
        assert sum(phrase.bars for phrase in found) == bars
        assert found[-1].close == ("last" if bars % 2 == 0 else "on")
