"""What zones make of a note: ranges, inheritance, units, modulators."""

from pathlib import Path

import pytest

from media.soundfont.font_making import Recording, Voicing, Zone, font_bytes, ranged, sine
from storysound.media.soundfont.font import SoundFont
from storysound.media.soundfont.generators import LIMITS, Modulator, level, modulated, usual, within
from storysound.media.soundfont.zones import Voice, Zones

TONE = Recording(sine(440, 0.1))


def voices(
    path: Path, instruments: list[list[Zone]], preset: list[Zone], key: int = 60, velocity: int = 127
) -> tuple[Voice, ...]:
    path = path / "made.sf2"
    path.write_bytes(font_bytes([TONE, TONE], instruments, [Voicing(preset)]))
    font = SoundFont(path)
    return Zones(font).voices(font.presets[0], key, velocity)


def voice(path: Path, own: dict[int, int], outer: dict[int, int] | None = None, **note: int) -> Voice:
    (only,) = voices(path, [[Zone(0, own)]], [Zone(0, outer or {})], **note)
    return only


def test_ranges_choose_zones_of_presets_and_instruments(tmp_path: Path) -> None:
    keys, loud = {43: ranged(60, 72)}, {44: ranged(64, 127)}
    made = [[Zone(0, keys), Zone(1, loud)]]
    for key, velocity, samples in ((60, 127, [0, 1]), (72, 63, [0]), (73, 64, [1]), (59, 63, [])):
        found = voices(tmp_path, made, [Zone(0)], key, velocity)
        assert [each.tone.sample for each in found] == samples
    assert voices(tmp_path, made, [Zone(0, {43: ranged(0, 59)})]) == ()


def test_the_first_zone_without_a_goal_holds_for_the_others(tmp_path: Path) -> None:
    (only,) = voices(
        tmp_path,
        [[Zone(-1, {51: 2, 52: 10, 43: ranged(0, 64)}), Zone(0, {52: 20}), Zone(-1, {51: 9})]],
        [Zone(-1, {51: 1, 17: 100}), Zone(0, {52: 5})],
    )
    assert only.tone.tuning_cents == 3 * 100 + 25
    assert only.pan == pytest.approx(0.2)
    assert voices(tmp_path, [[Zone(-1, {43: ranged(0, 59)}), Zone(0)]], [Zone(0)]) == ()


def test_presets_add_to_instruments_but_for_what_is_the_instruments_own(tmp_path: Path) -> None:
    made = voice(tmp_path, {8: 9000, 54: 1, 58: 50}, {8: -1000, 54: 3, 58: 60, 2: 5})
    assert made.tone.cutoff_cents == 8000
    assert made.tone.looped
    assert not made.tone.until_release
    assert (made.tone.root, made.tone.moved) == (50, (0, 0, 0, 0))


def test_units_are_seconds_hertz_and_decibels(tmp_path: Path) -> None:
    made = voice(tmp_path, {33: -1200, 34: 0, 35: 1200, 36: 2400, 37: 250, 38: -2400, 24: 0, 6: 50, 23: -1200})
    envelope = made.envelope
    assert (envelope.delay_s, envelope.attack_s, envelope.hold_s) == (0.5, 1.0, 2.0)
    assert (envelope.decay_s, envelope.sustain, envelope.release_s) == (4.0, 25.0, 0.25)
    assert (made.tone.vibrato.rate_hz, made.tone.vibrato.delay_s) == (pytest.approx(8.176), 0.5)
    assert made.tone.vibrato.to_pitch_cents == 50


def test_keys_change_how_long_notes_hold_and_decay(tmp_path: Path) -> None:
    low, high = (voice(tmp_path, {35: 0, 36: 0, 39: 100, 40: 50}, key=key).envelope for key in (48, 72))
    assert (low.hold_s, low.decay_s) == (pytest.approx(2.0), pytest.approx(2**0.5))
    assert (high.hold_s, high.decay_s) == (pytest.approx(0.5), pytest.approx(2**-0.5))


def test_a_zone_may_force_key_and_velocity(tmp_path: Path) -> None:
    made = voice(tmp_path, {46: 40, 47: 127}, key=80, velocity=10)
    assert (made.tone.key, made.attenuation_db) == (40, 0)


@pytest.mark.parametrize("velocity", [1, 2, 30, 64, 100, 126, 127])
def test_velocity_is_amplitude_by_its_square(tmp_path: Path, velocity: int) -> None:
    """Section 8.4.1: concave, 960 centibels. The oracle is (v / 127)²."""
    made = voice(tmp_path, {}, velocity=velocity)
    assert 10 ** (-made.attenuation_db / 20) == pytest.approx((velocity / 127) ** 2, rel=1e-6)


def test_attenuation_of_zones_counts_as_players_have_it(tmp_path: Path) -> None:
    assert voice(tmp_path, {48: 100}, {48: 50}).attenuation_db == pytest.approx(0.4 * 15)
    assert voice(tmp_path, {48: -100}).attenuation_db == 0


def test_modulators_of_instruments_replace_the_usual_ones_and_those_of_presets_add(tmp_path: Path) -> None:
    none = (0x0502, 48, 0, 0, 0)
    (flat,) = voices(tmp_path, [[Zone(0, {}, [none])]], [Zone(0)], velocity=10)
    assert flat.attenuation_db == 0
    (less,) = voices(tmp_path, [[Zone(0)]], [Zone(0, {}, [(0x0502, 48, -480, 0, 0)])], velocity=64)
    (full,) = voices(tmp_path, [[Zone(0)]], [Zone(0)], velocity=64)
    assert less.attenuation_db == pytest.approx(full.attenuation_db / 2)
    (twice,) = voices(tmp_path, [[Zone(-1, {}, [none]), Zone(0, {}, [(0x0502, 48, 96, 0, 0)])]], [Zone(0)], velocity=64)
    assert twice.attenuation_db == pytest.approx(full.attenuation_db / 10)


def test_a_modulator_opens_the_filter_by_velocity(tmp_path: Path) -> None:
    cutoffs = [
        voices(tmp_path, [[Zone(0, {8: 6000}, [(0x0002, 8, 2540, 0, 0)])]], [Zone(0)], velocity=v)[0].tone.cutoff_cents
        for v in (127, 64, 1)
    ]
    assert cutoffs == [8550, 7300, 6000]  # rounded to 50 cents


@pytest.mark.parametrize(
    ("source", "at_none", "at_half", "at_full"),
    [
        (0x0002, 0, 63 / 127, 1), (0x0102, 1, 64 / 127, 0), (0x0202, -1, -1 / 127, 1), (0x0302, 1, 1 / 127, -1),
        (0x0402, 0, 0.1243, 1), (0x0802, 0, 0.8731, 1), (0x0C02, 0, 0, 1), (0x0D02, 1, 1, 0),
        (0x0000, 1, 1, 1), (0x0082, 1, 1, 1), (0x0081, 0, 0, 0), (0x020E, 1 / 127, 1 / 127, 1 / 127),
    ],
)  # fmt: skip
def test_sources_bend_as_the_specification_draws_them(
    source: int, at_none: float, at_half: float, at_full: float
) -> None:
    """Section 9.5.2: linear, concave, convex, switch; falling; with two poles. Controllers are at rest."""
    assert [level(source, 60, v) for v in (0, 63, 127)] == pytest.approx([at_none, at_half, at_full], abs=2e-3)


def test_sizes_alone_and_scales() -> None:
    falling = Modulator(0x0302, 8, 1000, 0, 2)
    assert modulated([falling], 60, 127)[8] == 1000
    scaled = Modulator(0x0002, 8, 1000, 0x0003, 0)
    assert modulated([scaled], 127, 127)[8] == 1000
    assert modulated([scaled], 0, 127)[8] == 0


def test_values_beyond_their_limits_are_cut_to_them(tmp_path: Path) -> None:
    for kind, (low, high, normal) in LIMITS.items():
        assert low <= normal <= high
        assert (within(kind, high + 1), within(kind, low - 1)) == (high, low)
        assert usual(kind) == normal
    made = voice(tmp_path, {8: 100, 17: 900, 38: 12_000})
    assert (made.tone.cutoff_cents, made.pan, made.envelope.release_s) == (1500, 1, pytest.approx(2 ** (8000 / 1200)))


def test_goals_outside_the_font_are_left_out(tmp_path: Path) -> None:
    assert voices(tmp_path, [[Zone(7)]], [Zone(0)]) == ()
    assert voices(tmp_path, [[Zone(0)]], [Zone(5)]) == ()
