"""One sample at other pitches: frequency, loops, filter, ends. The oracles are slow and plain."""

from pathlib import Path

import numpy as np
import pytest

from media.soundfont.font_making import RATE, Line, Played, Recording, Voicing, Zone, font_bytes, simple_font, sine
from storysound.media.soundfont.font import SoundFont
from storysound.media.soundfont.synthesis import Sampler

OUT = 48_000


def played(path: Path, *notes: Played, seconds: float = 2.0, rate: int = OUT, **part: float) -> np.ndarray:
    """The left channel."""
    sampler = Sampler(SoundFont(path), rate)
    line = Line(notes or (Played(),), **part)  # type: ignore[arg-type]
    return np.concatenate(list(sampler.stem(line, seconds)), axis=1)[0]


def frequency(samples: np.ndarray, rate: int = OUT) -> float:
    """Of a sine: from its phase at two stretches, after a first look at the spectrum."""
    n = len(samples)
    rough = np.argmax(np.abs(np.fft.rfft(samples * np.hanning(n)))) * rate / n
    time = np.arange(n) / rate
    half = n // 2
    turned = samples * np.exp(-2j * np.pi * rough * time)
    first, last = (np.sum(turned[part] * np.hanning(half)) for part in (slice(0, half), slice(n - half, n)))
    return float(rough + np.angle(last / first) / (2 * np.pi) / ((n - half) / rate))


def cents(hertz: float, wanted: float) -> float:
    return float(1200 * np.log2(hertz / wanted))


def looped_sine(periods: int = 20) -> Recording:
    """441 Hz has 100 samples a period at 44.1 kHz."""
    return Recording(sine(441, 0.5), key=69, loop=(2000, 2000 + 100 * periods))


@pytest.mark.parametrize("vorbis", [False, True])
@pytest.mark.parametrize("pitch", [36, 57, 68, 69, 70, 76, 90])
def test_a_sine_has_the_right_pitch_to_a_cent(tmp_path: Path, pitch: int, vorbis: bool) -> None:
    font = simple_font(tmp_path / "s", looped_sine(), {54: 1}, vorbis=vorbis)
    sound = played(font, Played(0, 2, pitch))[4800:90_000]
    assert cents(frequency(sound), 441 * 2 ** ((pitch - 69) / 12)) == pytest.approx(0, abs=1)


def test_tuning_root_scale_and_correction_add_up(tmp_path: Path) -> None:
    recording = Recording(sine(441, 0.5), key=69, loop=(2000, 4000), correction=-20)
    font = simple_font(tmp_path / "s", recording, {54: 1, 51: 2, 52: 15, 58: 60, 56: 50})
    wanted = 441 * 2 ** (((70 - 60) * 50 + 215 - 20) / 1200)
    assert cents(frequency(played(font, Played(0, 2, 70))[4800:90_000]), wanted) == pytest.approx(0, abs=1)
    other = simple_font(
        tmp_path / "o", Recording(sine(440, 0.5, 32_000), key=69, rate=32_000, loop=(3200, 6400)), {54: 1}
    )
    assert cents(frequency(played(other)[4800:80_000]), 440) == pytest.approx(0, abs=1)


@pytest.mark.parametrize("pitch", [60, 69, 75])
def test_a_loop_makes_no_click(tmp_path: Path, pitch: int) -> None:
    """Beside the tone there is nothing: whatever the seam adds lies 60 dB below it."""
    font = simple_font(tmp_path / "s", looped_sine(5), {54: 1})
    sound = played(font, Played(0, 2, pitch))[4800:90_000]
    power = np.abs(np.fft.rfft(sound * np.blackman(len(sound)))) ** 2
    peak = int(np.argmax(power))
    beside = np.delete(power, slice(peak - 12, peak + 13))
    assert 10 * np.log10(beside.sum() / power.sum()) < -60
    jump = simple_font(tmp_path / "j", Recording(sine(441, 0.5), loop=(2000, 2530)), {54: 1})
    broken = played(jump, Played(0, 2, pitch))[4800:90_000]
    power = np.abs(np.fft.rfft(broken * np.blackman(len(broken)))) ** 2
    peak = int(np.argmax(power))
    assert 10 * np.log10(np.delete(power, slice(peak - 12, peak + 13)).sum() / power.sum()) > -40, "it sees one"


def _oracle(own: np.ndarray, loop: tuple[int, int] | None, ratio: float, n: int) -> np.ndarray:
    """Catmull and Rom's cubic, one sample after the other, in double precision."""

    def at(place: int) -> float:
        if loop and place >= loop[1]:
            place = loop[0] + (place - loop[0]) % (loop[1] - loop[0])
        return float(own[place]) if 0 <= place < len(own) else 0.0

    out = []
    for number in range(n):
        whole, x = divmod(number * ratio, 1.0)
        a, b, c, d = (at(int(whole) + shift) for shift in (-1, 0, 1, 2))
        out.append(b + x * ((c - a) / 2 + x * (a - 2.5 * b + 2 * c - d / 2 + x * (1.5 * (b - c) + (d - a) / 2))))
    return np.array(out)


@pytest.mark.parametrize("loop", [None, (300, 340), (100, 102)])
def test_every_sample_is_what_a_slow_reading_gives(tmp_path: Path, loop: tuple[int, int] | None) -> None:
    own = np.random.default_rng(0).uniform(-0.5, 0.5, 4000).astype(np.float32)
    own = (np.rint(own * 32768) / 32768).astype(np.float32)
    font = simple_font(tmp_path / "s", Recording(own, loop=loop or (0, 0)), {54: 1 if loop else 0})
    for pitch in (62, 69, 79):
        sound = played(font, Played(0, 2, pitch), seconds=1.0, rate=RATE) * 2**0.5
        ratio = 2 ** ((pitch - 69) / 12)
        n = 6000 if loop else int(3990 / ratio)
        np.testing.assert_allclose(sound[100:n], _oracle(own, loop, ratio, n)[100:], atol=2e-4 if n > 5000 else 2e-5)


def test_a_sample_without_a_loop_ends_where_it_ends(tmp_path: Path) -> None:
    font = simple_font(tmp_path / "s", Recording(sine(441, 0.5)))
    sound = played(font, Played(0, 2, 81))
    assert np.flatnonzero(sound)[-1] == pytest.approx(OUT / 4, abs=10)


def test_a_loop_that_ends_with_the_note_plays_the_rest(tmp_path: Path) -> None:
    own = np.concatenate([sine(441, 0.5), sine(1323, 0.5)])
    font = simple_font(tmp_path / "s", Recording(own, loop=(2000, 4000)), {54: 3, 38: 2400})
    sound = played(font, Played(0, 1.0), seconds=3)
    assert frequency(sound[4800:46_000]) == pytest.approx(441, abs=1)
    assert frequency(sound[72_000:80_000]) == pytest.approx(1323, abs=5)
    assert np.flatnonzero(sound)[-1] < 2.1 * OUT
    short = played(font, Played(0, 0.02), seconds=3)
    assert np.flatnonzero(short)[-1] == pytest.approx(OUT, abs=50), "released before the loop: played once through"


@pytest.mark.parametrize("loop", [(2000, 90_000), (40_000, 50_000), (5000, 5001), (7000, 3000), (30_000, 30_000)])
@pytest.mark.parametrize("vorbis", [False, True])
def test_loops_outside_their_sample_do_no_harm(tmp_path: Path, loop: tuple[int, int], vorbis: bool) -> None:
    font = simple_font(tmp_path / "s", Recording(sine(441, 0.5), loop=loop), {54: 1}, vorbis=vorbis)
    sound = played(font, Played(0, 2, 69))
    assert np.isfinite(sound).all()
    assert 0.3 < np.abs(sound[:20_000]).max() < 0.4
    goes_on = loop[0] < 22_050 < loop[1]
    assert bool(np.abs(sound[40_000:]).max() > 0.1) == goes_on
    assert np.abs(sound[23_000:23_900]).max() > 0.3, "it is played to its end at least"


def test_vibrato_is_as_deep_and_fast_as_it_says(tmp_path: Path) -> None:
    five_hertz = round(1200 * np.log2(5 / 8.176))
    font = simple_font(tmp_path / "s", looped_sine(), {54: 1, 6: 100, 24: five_hertz, 23: -12_000})
    sound = played(font, Played(0, 2))[4800:90_000]
    around = sound * np.exp(-2j * np.pi * 441 * np.arange(len(sound)) / OUT)
    smooth = np.convolve(around, np.hanning(960) / 480, "valid")
    moved = np.diff(np.unwrap(np.angle(smooth))) * OUT / (2 * np.pi)
    assert cents(441 + moved.max(), 441) == pytest.approx(100, abs=12)
    assert cents(441 + moved.min(), 441) == pytest.approx(-100, abs=12)
    turns = np.flatnonzero((moved[:-1] < 0) & (moved[1:] >= 0))
    assert np.diff(turns).mean() / OUT == pytest.approx(1 / 5, rel=0.02)


def test_tremolo_is_in_decibels(tmp_path: Path) -> None:
    font = simple_font(tmp_path / "s", looped_sine(), {54: 1, 13: 60, 22: 0, 21: -12_000})
    sound = np.abs(played(font, Played(0, 2))[9600:90_000])
    peaks = 20 * np.log10(sound.reshape(-1, 120).max(axis=1))
    assert peaks.max() - peaks.min() == pytest.approx(12, abs=0.7)


def test_a_font_sets_the_cutoff(tmp_path: Path) -> None:
    """Noise through the filter: half the power at the cutoff, 12 dB an octave above it."""
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, RATE).astype(np.float32)
    thousand = round(1200 * np.log2(1000 / 8.176) / 50) * 50
    wide = played(simple_font(tmp_path / "w", Recording(noise)), seconds=1.0, rate=RATE)
    narrow = played(simple_font(tmp_path / "n", Recording(noise), {8: thousand}), seconds=1.0, rate=RATE)
    powers = [np.abs(np.fft.rfft(each[:40_000])) ** 2 for each in (wide, narrow)]
    hertz = np.fft.rfftfreq(40_000, 1 / RATE)
    for low, high, wanted in ((100, 300, 0), (950, 1050, -3.0), (3900, 4100, -24.3)):
        band = (hertz > low) & (hertz < high)
        assert 10 * np.log10(powers[1][band].sum() / powers[0][band].sum()) == pytest.approx(wanted, abs=0.6)


def test_the_envelope_of_modulation_moves_the_filter(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, 2 * RATE).astype(np.float32)
    font = simple_font(tmp_path / "s", Recording(noise), {8: 6000, 11: 6000, 28: 0, 29: 1000})
    sound = played(font, Played(0, 1.9), seconds=2.0, rate=RATE)

    def bright(at: float) -> float:
        power = np.abs(np.fft.rfft(sound[int(at * RATE) :][:4096] * np.hanning(4096))) ** 2
        return float(power[200:].sum() / power.sum())

    assert bright(0.02) > 10 * bright(0.5) > 10 * bright(1.2)


def test_damping_of_pitch_keeps_memory_bounded(tmp_path: Path) -> None:
    """Five octaves above what was recorded no place in the sample is further than 32 samples a sample."""
    font = simple_font(tmp_path / "s", Recording(sine(441, 0.5), key=0, loop=(2000, 4000)), {54: 1})
    assert np.isfinite(played(font, Played(0, 1, 127))).all()


def test_both_channels_of_a_stereo_sample_sound_on_their_sides(tmp_path: Path) -> None:
    sides = [Zone(0, {17: -500}), Zone(1, {17: 500})]
    path = tmp_path / "s.sf2"
    path.write_bytes(font_bytes([Recording(sine(440)), Recording(sine(880))], [sides], [Voicing([Zone(0)])]))
    sound = np.concatenate(list(Sampler(SoundFont(path), RATE).stem(Line(), 0.9)), axis=1)
    assert [frequency(channel[4410:30_000], RATE) for channel in sound] == pytest.approx([440, 880], rel=1e-3)
