"""Ducking by ear: no cliff in level, a dip for the words, nothing outside the cue."""

from itertools import pairwise

import numpy as np
import pytest
import scipy.signal
from hypothesis import given, settings
from hypothesis import strategies as st
from mix_making import SPEECH, noise, talk
from numpy.typing import NDArray

from storysound.cue.duck import CHUNK, HOP, DuckCurve, DuckedCue, Voice, points_s
from storysound.cue.duck_measure import BANDS_HZ, DuckingFacts, DuckMeter, slopes_db_per_s, swings
from storysound.cue.levels import Levels
from storysound.cue.playback import CuePlayer
from storysound.cue.score import Piece
from storysound.media.arrays import RATE_HZ, Samples
from storysound.media.audio import Waveform
from storysound.story import Span

LEVELS = Levels()
STEP_S = 0.002


def gain_db(speech: tuple[Span, ...], end_s: float) -> NDArray[np.float64]:
    """The curve every STEP_S."""
    return np.asarray(-LEVELS.duck_db * DuckCurve(speech, LEVELS).amount(np.arange(0, end_s, STEP_S)))


def between(curve: NDArray[np.float64], start_s: float, end_s: float) -> NDArray[np.float64]:
    return curve[round(start_s / STEP_S) : round(end_s / STEP_S)]


def test_the_bed_is_down_when_the_word_begins_and_open_in_long_silence() -> None:
    curve = gain_db(SPEECH, 60)
    for span in SPEECH:
        assert between(curve, span.start_s, span.end_s).max() == -LEVELS.duck_db
    assert between(curve, 0, 1.5).min() == 0  # before the first word
    assert between(curve, 15.5, 60).min() == 0  # after the last
    assert between(curve, 4, 4.5).max() == -LEVELS.duck_db  # half a second of pause


@pytest.mark.parametrize("pause_s", [1.0, 1.5, 1.9, 2.0, 2.5, 3.0, 3.5, 4.0])
def test_pauses_of_dialogue_swing_little_and_slowly(pause_s: float) -> None:
    curve = gain_db((Span(5, 8), Span(8 + pause_s, 11 + pause_s), Span(11 + 2 * pause_s, 14 + 2 * pause_s)), 40)
    for start_s in (8, 11 + pause_s):
        assert np.ptp(between(curve, start_s, start_s + pause_s)) <= 6
    rise, fall = slopes_db_per_s(curve, STEP_S)
    assert rise <= 10
    assert fall <= 60


def test_the_longer_a_pause_the_wider_the_bed_opens_without_a_step() -> None:
    opened = [between(gain_db((Span(1, 2), Span(2 + p, 3 + p)), 30), 2, 2 + p).max() for p in np.arange(0.2, 14, 0.1)]
    assert (np.diff(opened) >= 0).all()
    assert np.diff(opened).max() < 0.3
    assert (opened[0], opened[-1]) == (-LEVELS.duck_db, 0)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.floats(0, 30), st.floats(0, 5)), max_size=8))
def test_down_wherever_someone_speaks_and_never_too_fast(spans: list[tuple[float, float]]) -> None:
    speech = tuple(Span(a, a + d) for a, d in spans)
    curve = gain_db(speech, 40)
    assert curve.max() <= 0
    assert curve.min() >= -LEVELS.duck_db
    for span in speech:
        inside = curve[int(np.ceil(span.start_s / STEP_S)) : int(span.end_s / STEP_S)]
        assert (inside <= -LEVELS.duck_db + 1e-9).all()
    rise, fall = slopes_db_per_s(curve, STEP_S)
    assert rise <= 10
    assert fall <= 60


# ---- the dip


def ducked(
    bed: Samples, speech: tuple[Span, ...], levels: Levels = LEVELS, voice: float = 0.05
) -> tuple[Samples, Samples]:
    """The bed from 1 s on under speech of 16 s, ducked and not: [2 n], each whole."""
    end_s = 1 + bed.shape[1] / RATE_HZ
    player = CuePlayer(Waveform(bed, RATE_HZ), [Piece(0, bed.shape[1] / RATE_HZ, 1.0)], fade_in_s=0.5, fade_out_s=0.5)
    curve, heard = DuckCurve(speech, levels), Voice(talk(16, speech, voice))
    one = DuckedCue(player, levels, lambda chunk: curve.amount(points_s(chunk)), heard.power)
    chunks = [one.read(chunk) for chunk in range(round(end_s * RATE_HZ) // CHUNK + 2)]
    wet, dry = (np.concatenate(parts, axis=1) for parts in zip(*chunks, strict=True))
    return wet, dry


def band_db(samples: Samples, low_hz: float, high_hz: float) -> float:
    """Level of [c n] between two frequencies."""
    hz, power = scipy.signal.welch(samples, RATE_HZ, nperseg=1 << 13)
    return 10 * float(np.log10(power.mean(axis=0)[(hz >= low_hz) & (hz < high_hz)].sum()))


def pink(seconds: float, level: float) -> Samples:
    """Noise that falls by 3 dB an octave, as music does."""
    spectrum = np.fft.rfft(noise(seconds, 1.0, 3))
    spectrum[:, 1:] /= np.sqrt(np.arange(1, spectrum.shape[1]))
    spectrum[:, :20] = 0
    out = np.fft.irfft(spectrum)
    return np.asarray(level * out / out.std(), np.float32)


def inside(samples: Samples, span: Span) -> Samples:
    return samples[:, round((span.start_s + 0.1) * RATE_HZ) : round((span.end_s - 0.1) * RATE_HZ)]


@pytest.mark.parametrize("kind", ["pink", "white", "much of it"])
def test_words_get_room_of_6_db_more_at_the_same_level(kind: str) -> None:
    bed = {"pink": pink(14, 0.05), "white": noise(14, 0.05)}.get(kind)
    if bed is None:
        band = scipy.signal.sosfilt(
            scipy.signal.butter(4, [1000, 3000], "band", fs=RATE_HZ, output="sos"), noise(14, 1)
        )
        bed = (pink(14, 0.05) + 0.03 * band / band.std()).astype(np.float32)  # a quarter of its power
    wet, dry = ducked(bed, SPEECH)
    for span in SPEECH[:1] + SPEECH[2:]:
        after, before = inside(wet, span), inside(dry, span)
        broad = band_db(before, 20, 20000) - band_db(after, 20, 20000)
        words = band_db(before, 1000, 3000) - band_db(after, 1000, 3000)
        assert LEVELS.duck_db <= broad < LEVELS.duck_db + 3
        assert words - broad >= 6
        for low, high in ((100, 700), (4000, 8000)):  # the others fall with the level alone
            assert band_db(before, low, high) - band_db(after, low, high) == pytest.approx(LEVELS.duck_db, abs=0.3)


def test_the_dip_is_deeper_where_bed_and_voice_meet() -> None:
    def dip_db(level: float) -> float:
        wet, dry = (inside(x, SPEECH[2]) for x in ducked(noise(14, level), SPEECH))
        return band_db(dry, 1100, 2900) - band_db(wet, 1100, 2900) - LEVELS.duck_db

    assert dip_db(0.2) == pytest.approx(LEVELS.deepest_dip_db, abs=0.2)
    assert dip_db(0.001) == pytest.approx(LEVELS.dip_db, abs=0.2)
    assert LEVELS.dip_db < dip_db(0.03) < LEVELS.deepest_dip_db


def test_away_from_speech_a_cue_is_as_it_was_and_outside_its_span_silent() -> None:
    bed = noise(14, 0.1)
    wet, dry = ducked(bed, SPEECH)
    open_ = [slice(0, round(1.5 * RATE_HZ)), slice(round(15.4 * RATE_HZ), None)]
    for part in open_:
        np.testing.assert_array_equal(wet[:, part], dry[:, part])
    hard = CuePlayer(
        Waveform(bed, RATE_HZ), [Piece(0, 5, 2.5)], fade_in_s=0, fade_out_s=0
    )  # begins while someone speaks
    curve = DuckCurve(SPEECH, LEVELS)
    one = DuckedCue(hard, LEVELS, lambda chunk: curve.amount(points_s(chunk)), None)
    whole = np.concatenate([one.read(chunk)[0] for chunk in range(16)], axis=1)
    assert not whole[:, : round(2.5 * RATE_HZ)].any()
    assert not whole[:, round(7.5 * RATE_HZ) :].any()
    assert whole[:, round(2.5 * RATE_HZ)].any()


def test_the_dip_is_the_band_pass_taken_off() -> None:
    """Against a plain convolution of the whole."""
    levels = Levels(dip_db=8, deepest_dip_db=8, duck_db=0)
    bed = noise(4, 0.1)
    player = CuePlayer(Waveform(bed, RATE_HZ), [Piece(0, 4, 0)], fade_in_s=0, fade_out_s=0)
    one = DuckedCue(player, levels, lambda chunk: np.ones(len(points_s(chunk))), None)
    whole = np.concatenate([one.read(chunk)[0] for chunk in range(6)], axis=1)[:, : bed.shape[1]]
    taps = scipy.signal.firwin(1023, (900, 3200), pass_zero=False, window=("kaiser", 6.0), fs=RATE_HZ)
    band = scipy.signal.fftconvolve(bed, taps[None], axes=1)[:, 511 : 511 + bed.shape[1]]
    np.testing.assert_allclose(whole, bed - (1 - 10 ** (-8 / 20)) * band, atol=1e-6)


# ---- measured


def test_swings_and_slopes_of_the_curve_of_before() -> None:
    """The bed of a ducker with a cliff: pauses of 2 s open it wholly, within a third of a second."""
    times, levels_db = zip(*[(0, -14), (3, -14), (3.3, 0), (4.7, 0), (5, -14)] * 1, strict=True)
    curve = np.interp(np.arange(0, 6, 0.05), times, levels_db)
    assert swings(curve) == 1
    rise, fall = slopes_db_per_s(curve, 0.05)
    assert rise == pytest.approx(14 / 0.3, rel=0.1)
    assert fall == pytest.approx(14 / 0.3, rel=0.1)


def test_ducking_is_measured_by_band() -> None:
    bed = noise(14, 0.05)
    wet, dry = ducked(bed, SPEECH)
    meter, voice = DuckMeter(SPEECH, LEVELS), Voice(talk(16))
    for chunk in range(wet.shape[1] // CHUNK):
        part = slice(chunk * CHUNK, (chunk + 1) * CHUNK)
        meter.add(chunk, voice.read(part.start, part.stop), dry[:, part], wet[:, part])
    facts = meter.facts()
    gained = {level.band: level.after_db - level.before_db for level in facts.bands}
    assert list(gained) == list(BANDS_HZ)
    assert gained["below 300 Hz"] == pytest.approx(LEVELS.duck_db, abs=0.3)
    assert gained["1 to 3 kHz"] > LEVELS.duck_db + 7
    assert LEVELS.duck_db < facts.ducking_db < LEVELS.duck_db + 1.5
    assert facts.swings_per_min == 0
    assert 0 < facts.rise_db_per_s <= 10
    assert 20 < facts.fall_db_per_s <= 60
    assert DuckMeter((), LEVELS).facts() == DuckingFacts()
    assert DuckMeter(SPEECH, LEVELS).facts() == DuckingFacts()


def test_chunks_divide() -> None:
    assert CHUNK % HOP == 0
    assert all(b == pytest.approx(a + 64 / RATE_HZ) for a, b in pairwise(points_s(3).tolist()))
