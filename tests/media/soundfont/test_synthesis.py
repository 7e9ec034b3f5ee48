"""Parts: levels, places, independence, bad notes, missing instruments."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from media.soundfont.font_making import Line, Played, Recording, Voicing, Zone, font_bytes, ranged, simple_font, sine
from storysound.errors import MediaError, UsageError
from storysound.media.soundfont.font import SoundFont
from storysound.media.soundfont.synthesis import BLOCK_S, Sampler

RATE = 24_000
HELD = {54: 1, 38: -2400}  # looped, a release of a quarter of a second


@pytest.fixture
def sampler(tmp_path: Path) -> Sampler:
    recording = Recording(sine(441, 0.5), loop=(2000, 4000))
    return Sampler(SoundFont(simple_font(tmp_path / "s", recording, HELD)), RATE)


def sound(sampler: Sampler, line: Line, seconds: float = 2.0) -> np.ndarray:
    return np.concatenate(list(sampler.stem(line, seconds)), axis=1)


def level_db(samples: np.ndarray) -> float:
    return float(20 * np.log10(np.sqrt((samples.astype(np.float64) ** 2).sum(axis=0).mean())))


def random_line(seed: int, seconds: float, count: int = 60) -> Line:
    rng = np.random.default_rng(seed)
    return Line(
        [
            Played(float(rng.uniform(0, seconds - 1)), float(rng.uniform(0.05, 1)), int(rng.integers(50, 90)), int(v))
            for v in rng.integers(20, 128, count)
        ]
    )


@pytest.mark.parametrize("velocity", [20, 64, 100])
def test_velocity_and_gain_are_heard_in_decibels(sampler: Sampler, velocity: int) -> None:
    full, soft = (sound(sampler, Line([Played(0, 1.9, 69, v)])) for v in (127, velocity))
    assert level_db(full) - level_db(soft) == pytest.approx(40 * math.log10(127 / velocity), abs=0.01)
    quieter = sound(sampler, Line([Played(0, 1.9)], gain_db=-6.5))
    assert level_db(full) - level_db(quieter) == pytest.approx(6.5, abs=0.01)


def test_power_is_the_same_wherever_a_part_stands(sampler: Sampler) -> None:
    made = {pan: sound(sampler, Line([Played(0, 1.9)], pan=pan)) for pan in (-1, -0.4, 0, 0.4, 1)}
    for each in made.values():
        assert level_db(each) == pytest.approx(level_db(made[0]), abs=0.01)
    assert np.abs(made[-1][1]).max() < 1e-6
    assert np.abs(made[1][0]).max() < 1e-6
    assert np.array_equal(made[0][0], made[0][1])


def test_attenuation_of_a_zone_is_heard(tmp_path: Path) -> None:
    recording = Recording(sine(441, 0.5), loop=(2000, 4000))
    plain, soft = (
        sound(
            Sampler(SoundFont(simple_font(tmp_path / f"s{cb}", recording, HELD | {48: cb})), RATE),
            Line([Played(0, 1.9)]),
        )
        for cb in (0, 250)
    )
    assert level_db(plain) - level_db(soft) == pytest.approx(10, abs=0.01)  # 0.4 of 25 dB


@pytest.mark.parametrize("seconds", [0.3, BLOCK_S, BLOCK_S + 1 / RATE, 12.34567])
def test_it_is_as_long_as_asked_to_the_sample(sampler: Sampler, seconds: float) -> None:
    blocks = list(sampler.stem(random_line(0, 12), seconds))
    assert sum(block.shape[1] for block in blocks) == round(seconds * RATE)
    assert all(block.dtype == np.float32 and block.shape[0] == 2 for block in blocks)


def test_notes_add_up(sampler: Sampler) -> None:
    line = random_line(1, 8)
    together = sound(sampler, line, 8)
    one_by_one = sum(sound(sampler, replace(line, notes=[note]), 8).astype(np.float64) for note in line.notes)
    np.testing.assert_allclose(together, one_by_one, atol=1e-5)


def test_a_note_begins_and_is_released_to_the_sample(sampler: Sampler) -> None:
    made = sound(sampler, Line([Played(0.75, 0.5)]))[0]
    first, last = np.flatnonzero(made)[[0, -1]]
    assert first == pytest.approx(0.75 * RATE, abs=2)
    assert last == pytest.approx((1.25 + 0.25 * 0.72) * RATE, abs=30)
    short = sound(sampler, Line([Played(0.75, 0.25)]))[0]
    assert np.array_equal(made[: RATE - 1], short[: RATE - 1])


def test_the_same_notes_give_the_same_samples_whatever_came_before(sampler: Sampler) -> None:
    line = random_line(2, 11)
    fresh = sound(Sampler(sampler.font, RATE), line, 11)
    for seed in range(3, 6):
        sound(sampler, random_line(seed, 5), 5)
    assert np.array_equal(sound(sampler, line, 11), fresh)
    assert np.array_equal(sound(sampler, replace(line, notes=list(reversed(line.notes))), 11), fresh), "in any order"


def test_more_of_the_same_leaves_the_beginning_as_it_was(sampler: Sampler) -> None:
    line = random_line(3, 11)
    assert np.array_equal(sound(sampler, line, 11)[:, : 4 * RATE], sound(sampler, line, 4))


def test_a_part_does_not_change_another(sampler: Sampler) -> None:
    one, other = random_line(7, 9), replace(random_line(8, 9), pan=0.5, gain_db=-3)
    mixed = np.concatenate(list(sampler.mix([one, other], 9)), axis=1)
    alone = [sound(Sampler(sampler.font, RATE), line, 9) for line in (one, other)]
    assert np.array_equal(mixed, alone[0] + alone[1])


def test_an_edit_of_one_scene_leaves_the_others_bit_for_bit(sampler: Sampler) -> None:
    """Scenes of 4 s, the middle one played anew: before it all is as it was, and after its last release too."""
    scenes = [replace(random_line(seed, 4), notes=()) for seed in range(3)]
    notes = [[replace(n, start_s=n.start_s + 4 * at) for n in random_line(at, 4).notes] for at in range(len(scenes))]
    before = sound(sampler, Line([n for scene in notes for n in scene]), 12)
    notes[1] = [replace(n, start_s=n.start_s + 4) for n in random_line(99, 4).notes]
    after = sound(Sampler(sampler.font, RATE), Line([n for scene in notes for n in scene]), 12)
    reach = max(n.start_s + n.length_s for n in notes[1]) + 0.25
    changed = np.flatnonzero((before != after).any(axis=0))
    assert changed[0] >= 4 * RATE
    assert changed[-1] < max(reach, 8) * RATE + 1


def test_a_note_of_an_exclusive_class_ends_the_one_before(tmp_path: Path) -> None:
    recording = Recording(sine(441, 0.5), loop=(2000, 4000))
    zones = [
        Zone(0, {43: ranged(42, 42), 57: 1, **HELD}),
        Zone(0, {43: ranged(46, 46), 57: 1, **HELD}),
        Zone(0, {43: ranged(60, 60), **HELD}),
    ]
    path = tmp_path / "kit.sf2"
    path.write_bytes(font_bytes([recording], [zones], [Voicing([Zone(0)], bank=128)]))
    kit = Sampler(SoundFont(path), RATE)

    def energy(*notes: Played) -> float:
        return float((sound(kit, Line(notes, drums=True))[:, round(0.55 * RATE) : RATE].astype(np.float64) ** 2).sum())

    open_hat = Played(0, 1.5, 46)
    assert energy(open_hat, Played(0.5, 0.01, 42)) < 0.05 * energy(open_hat)
    assert energy(open_hat, Played(0.5, 0.01, 60)) > 0.9 * energy(open_hat)
    assert energy(open_hat, Played(0.0, 0.01, 42)) > 0.9 * energy(open_hat), "begun together they both sound"


@pytest.mark.parametrize(
    ("note", "field"),
    [
        (Played(pitch=128), "pitch"), (Played(pitch=-1), "pitch"), (Played(velocity=0), "velocity"),
        (Played(velocity=128), "velocity"), (Played(length_s=0), "length_s"), (Played(length_s=math.nan), "length_s"),
        (Played(start_s=-0.1), "start_s"), (Played(start_s=math.inf), "start_s"),
    ],
)  # fmt: skip
def test_notes_out_of_range_are_said(sampler: Sampler, note: Played, field: str) -> None:
    with pytest.raises(UsageError, match=rf"^{field}: must be .* \(line"):
        sampler.stem(Line([note]), 1)


def test_parts_and_lengths_out_of_range_are_said(sampler: Sampler) -> None:
    for line, field in ((Line(program=128), "program"), (Line(pan=1.1), "pan"), (Line(gain_db=math.nan), "gain_db")):
        with pytest.raises(UsageError, match=f"^{field}: must be"):
            sampler.stem(line, 1)
    for seconds in (0, -1, math.nan):
        with pytest.raises(UsageError, match="length_s"):
            sampler.stem(Line(), seconds)
    with pytest.raises(UsageError, match="rate_hz"):
        Sampler(sampler.font, 100)
    with pytest.raises(UsageError, match="must hold a part"):
        next(sampler.mix([], 1))
    assert not np.any(sound(sampler, Line([Played(5, 1)]), 1)), "a note that begins later is not heard"


def _named(tmp_path: Path, *programs: tuple[int, int]) -> Sampler:
    path = tmp_path / "many.sf2"
    presets = [Voicing([Zone(0)], program, bank, f"no. {program}") for bank, program in programs]
    path.write_bytes(font_bytes([Recording(sine(441, 0.5))], [[Zone(0, {43: ranged(40, 80)})]], presets))
    return Sampler(SoundFont(path), RATE)


def test_the_nearest_of_the_family_stands_in_and_it_is_said(tmp_path: Path) -> None:
    sampler = _named(tmp_path, (0, 0), (0, 44), (0, 49), (0, 55), (128, 8))
    for program, name in ((48, "no. 49"), (54, "no. 55"), (47, "no. 44"), (73, "no. 55")):
        assert np.any(sound(sampler, Line(program=program, name=f"p{program}")))
        assert f"p{program}: many.sf2 has no program {program}: {name}" in sampler.notices[-1]
    count = len(sampler.notices)
    sound(sampler, Line(program=49))
    sound(sampler, Line(program=48, name="p48"))
    assert len(sampler.notices) == count, "nothing to say, or said before"
    assert np.any(sound(sampler, Line([Played(pitch=40)], drums=True, name="drums")))
    assert "no drum kit 0: no. 8" in sampler.notices[-1]


def test_a_kit_is_never_played_by_an_instrument(tmp_path: Path) -> None:
    sampler = _named(tmp_path, (0, 0))
    assert not np.any(sound(sampler, Line(drums=True, name="drums")))
    assert sampler.notices == ("drums: many.sf2 has no drum kit: that part is silent",)
    assert sum(block.shape[1] for block in sampler.stem(Line(drums=True), 7)) == 7 * RATE


def test_keys_that_an_instrument_has_not_are_said(tmp_path: Path) -> None:
    sampler = _named(tmp_path, (0, 0))
    assert not np.any(sound(sampler, Line([Played(pitch=90), Played(1, 1, 90)])))
    assert sampler.notices == ("line: no. 0 has no sound for key 90",)


def test_a_damaged_sample_is_an_error_that_names_the_font(tmp_path: Path) -> None:
    whole = bytearray(simple_font(tmp_path / "one.sf3", Recording(sine(441, 0.5)), vorbis=True).read_bytes())
    at = whole.index(b"OggS")
    whole[at : at + 4] = b"xxxx"
    (tmp_path / "one.sf3").write_bytes(whole)
    sampler = Sampler(SoundFont(tmp_path / "one.sf3"), RATE)
    with pytest.raises(MediaError, match=r"one\.sf3: is damaged: its sample 'sample 0' can't be decoded"):
        sound(sampler, Line())
