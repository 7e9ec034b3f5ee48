"""Voices and tunes against a search through all of them, and against a count that knows only notes."""

from itertools import pairwise, product

import numpy as np
import pytest

from storysound.compose import harmony, melody, voices
from storysound.compose.chance import chance
from storysound.compose.harmony import Chord
from storysound.compose.voices import Ends, lead
from storysound.metrics.counterpoint import parallels


def chords_of(number: int, length: int) -> list[Chord]:
    rng = chance(number, "test")
    mode = list(harmony.MODES)[number % len(harmony.MODES)]
    close = harmony.cadence(mode, ("full", "half", "deceptive")[number % 3])
    degrees = harmony.progression(mode, length, 0, close, rng)
    return harmony.chords(mode, int(rng.integers(12)), degrees, len(close), 0.5, rng)


@pytest.mark.parametrize("number", range(4))
def test_no_leading_is_cheaper(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(voices, "_REACH", 7)
    monkeypatch.setattr(voices, "BASS", (36, 47))
    voices._ways.cache_clear()
    chords = chords_of(number, 3)
    rows = [voices._ways(chord.tones, voices.MIDDLE) for chord in chords]
    if max(len(row) for row in rows) > 60:
        rows = [row[:60] for row in rows]
        monkeypatch.setattr(voices, "_ways", lambda tones, centre: rows[[c.tones for c in chords].index(tones)])
    prices = [voices._price(row, chord, voices.MIDDLE) for row, chord in zip(rows, chords, strict=True)]
    steps = [np.round(voices._steps(a, b), 6) for a, b in pairwise(rows)]
    best = min(
        prices[0][a] + steps[0][a, b] + prices[1][b] + steps[1][b, c] + prices[2][c]
        for a, b, c in product(*(range(len(row)) for row in rows))
    )
    found = lead(chords, 0.0, Ends(first=False, last=False))
    at = [next(i for i, row in enumerate(r) if tuple(row) == way) for r, way in zip(rows, found, strict=True)]
    total = prices[0][at[0]] + prices[1][at[1]] + prices[2][at[2]] + steps[0][at[0], at[1]] + steps[1][at[1], at[2]]
    assert total == pytest.approx(best, abs=1e-6)
    monkeypatch.undo()
    voices._ways.cache_clear()


def test_voices_keep_the_rules() -> None:
    for number in range(60):
        chords = chords_of(number, 2 + number % 14)
        led = lead(chords, float(number % 12 - 5))
        assert parallels(led) == 0
        for chord, way in zip(chords, led, strict=True):
            assert list(way) == sorted(way)
            assert {pitch % 12 for pitch in way} <= set(chord.tones)
            assert chord.tones[1] in {pitch % 12 for pitch in way}
            assert voices.BASS[0] <= way[0] <= voices.BASS[1]


def test_sections_meet_without_parallels_in_any_register() -> None:
    ends, starts = [], []
    for number in range(24):
        chords = chords_of(number, 6)
        chords[-1] = harmony.dominant_of(number % 12, 4, chords[-1])
        led = lead(chords, float(number % 12 - 5))
        ends.append(led[-1])
        starts.append(led[0])
    assert sum(parallels(pair) for pair in product(ends, starts)) == 0


def test_the_last_chord_follows_without_parallels() -> None:
    for number in range(24):
        chords = chords_of(number, 5)
        chords[-1] = harmony.dominant_of(number % 12, 4, chords[-1])
        led = lead(chords, 0.0)
        last = voices.follow(led[-1], harmony.chord("ionian", number % 12, 0), 0.0)
        assert last[0] % 12 == number % 12
        assert parallels([led[-1], last]) == 0


def test_the_cheapest_path_is_the_cheapest() -> None:
    rng = np.random.default_rng(0)
    nodes, steps = [rng.random(4) for _ in range(5)], [rng.random((4, 4)) for _ in range(4)]

    def total(path: tuple[int, ...]) -> float:
        return sum(node[i] for node, i in zip(nodes, path, strict=True)) + sum(
            step[a, b] for step, (a, b) in zip(steps, pairwise(path), strict=True)
        )

    assert tuple(melody.cheapest(nodes, steps)) == min(product(range(4), repeat=5), key=total)


@pytest.mark.parametrize("number", range(20))
def test_tunes_keep_the_rules(number: int) -> None:
    rng = chance(number, "tune")
    chords = chords_of(number, 4)
    slots = [
        melody.Slot(4.0 * i + b, 1.0, chord, int(rng.integers(-2, 3)), b in (0, 2) or (i, b) == (3, 3))
        for i, chord in enumerate(chords)
        for b in range(4)
    ]
    pitches = melody.tune(slots, melody.Ambit(58, 84, 70.0), chords[0].root, None, rng)
    inside = [pitch % 12 in slot.chord.tones for slot, pitch in zip(slots, pitches, strict=True)]
    assert all(ok or not slot.strong for ok, slot in zip(inside, slots, strict=True))
    assert all(abs(b - a) <= 12 for a, b in pairwise(pitches))
    for (a, a_in), (b, b_in) in pairwise(zip(pitches, inside, strict=True)):
        assert (a_in and b_in) or abs(b - a) in (1, 2)


@pytest.mark.parametrize("number", range(20))
def test_a_second_line_makes_no_parallels_with_the_tune(number: int) -> None:
    rng = chance(number, "second")
    slots = [melody.Slot(2.0 * i, 2.0, chord, 0, True) for i, chord in enumerate(chords_of(number, 8))]
    above = [int(rng.integers(65, 80)) if rng.random() < 0.8 else None for _ in slots]
    line = melody.second(slots, above, melody.Ambit(50, 72, 60.0), rng)
    for (low, high), (low_after, high_after) in pairwise(zip(line, above, strict=True)):
        if high is not None and high_after is not None:
            assert parallels([(low, high), (low_after, high_after)]) == 0


def test_a_tune_makes_no_parallels_with_the_bass() -> None:
    found = 0
    for number in range(40):
        chords = chords_of(number, 6)
        led = lead(chords, 0.0)
        slots = [
            melody.Slot(2.0 * i, 2.0, chord, 1 if i % 3 else -1, True, bass=way[0])
            for i, (chord, way) in enumerate(zip(chords, led, strict=True))
        ]
        line = melody.tune(slots, melody.Ambit(58, 84, 70.0), chords[0].root, None, chance(number, "bass"))
        found += parallels([(way[0], pitch) for way, pitch in zip(led, line, strict=True)])
    assert found == 0
