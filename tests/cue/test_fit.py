"""Pieces cover the cue exactly, seams keep power, and no edge clicks."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from storysound.cue.fit import EDGE_S, HOP_S, Fit, Track, analyse, fit, loop_points, sounding
from storysound.cue.playback import CuePlayer, crossfade, likeness
from storysound.media.audio import Waveform
from storysound.story import Span

RATE = 16_000


def render(fitted: Fit, wave: Waveform) -> NDArray[np.float32]:
    return CuePlayer(wave, fitted.pieces, fade_in_s=fitted.fade_in_s, fade_out_s=fitted.fade_out_s).whole()


def pulse_track(duration_s: float, beat_s: float = 0.5) -> tuple[Waveform, NDArray[np.float64]]:
    """Decaying notes on a beat, chords in a cycle of four, over a little noise; and the beats."""
    t = np.arange(round(duration_s * RATE)) / RATE
    beat = np.floor(t / beat_s)
    pitch_hz = np.array([220.0, 262.0, 330.0, 294.0])[beat.astype(int) % 4]
    since = t - beat * beat_s
    notes = 0.4 * np.sin(2 * np.pi * pitch_hz * since) * np.exp(-since / 0.12) * np.minimum(since / 0.005, 1)
    noise = 0.001 * np.random.default_rng(0).standard_normal(len(t))
    return Waveform((notes + noise).astype(np.float32)[None], RATE), np.arange(0, duration_s, beat_s)


@pytest.fixture(scope="module")
def pulse() -> tuple[Waveform, Track]:
    wave, beats = pulse_track(12.0)
    return wave, analyse(wave, beats)


@settings(max_examples=80, deadline=None)
@given(length_s=st.floats(0.3, 60), at_s=st.floats(0, 500), hint_s=st.floats(0, 12))
def test_pieces_cover_the_cue_exactly(length_s: float, at_s: float, hint_s: float) -> None:
    wave, beats = pulse_track(9.0)
    track = analyse(wave, beats)
    fitted = fit(track, length_s, at_s=at_s, hint_s=hint_s)
    assert fitted.pieces[0].at_s == at_s
    assert fitted.pieces[-1].end_s == pytest.approx(at_s + length_s, abs=1e-9)
    for piece, following in zip(fitted.pieces, fitted.pieces[1:], strict=False):
        assert piece.at_s < following.at_s <= piece.end_s
    for piece in fitted.pieces:
        assert 0 <= piece.in_s < piece.out_s <= wave.duration_s + 1e-9
    assert fitted.fade_in_s >= EDGE_S
    assert fitted.fade_out_s >= EDGE_S


@settings(max_examples=40, deadline=None)
@given(length_s=st.floats(0.5, 40))
def test_no_sample_jumps_more_than_the_source_does(length_s: float) -> None:
    wave, beats = pulse_track(9.0)
    out = render(fit(analyse(wave, beats), length_s), wave)
    assert out.shape == (1, round(length_s * RATE))
    padded = np.pad(out[0], 1)
    # Two pieces at constant power sound together: at most the sum of both slopes, each below the source's steepest.
    assert np.abs(np.diff(padded)).max() <= np.sqrt(2) * np.abs(np.diff(wave.samples[0])).max() + 1e-4
    assert np.abs(padded[[1, -2]]).max() < 1e-3


@given(st.integers(1, 5000), st.integers(0, 9))
def test_crossfade_keeps_power(n: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    a = rng.standard_normal((2, n)).astype(np.float32)
    out, into = crossfade(n, likeness(a, np.zeros_like(a)))
    np.testing.assert_allclose(out**2 + into**2, 1.0, atol=1e-5)
    out, into = crossfade(n, likeness(a, a))
    np.testing.assert_allclose(out + into, 1.0, atol=1e-5)


def test_a_loop_keeps_the_beat_and_its_level(pulse: tuple[Waveform, Track]) -> None:
    wave, track = pulse
    start, end, _ = loop_points(track)
    assert abs((end - start) / 2.0 - round((end - start) / 2.0)) < 0.012  # whole cycles of four beats of 0.5 s
    out = render(fit(track, 40.0), wave)[0]
    seconds = np.sqrt((out[RATE : 39 * RATE].reshape(-1, RATE) ** 2).mean(axis=1))
    source = np.sqrt((wave.samples[0][: 11 * RATE].reshape(-1, RATE) ** 2).mean(axis=1))
    assert np.abs(20 * np.log10(seconds / source.mean()))[:-3].max() < 1.5


def test_entry_is_at_a_calm_place_not_mid_note(pulse: tuple[Waveform, Track]) -> None:
    _, track = pulse
    for hint in (3.13, 4.2, 6.61):
        entry = fit(track, 4.0, hint_s=hint).pieces[0].in_s
        phase = entry % 0.5
        assert phase > 0.4 or phase < 0.02
        assert abs(entry - hint) < 2.0


def test_silence_around_a_sound_is_not_played() -> None:
    wave, beats = pulse_track(6.0)
    padded = Waveform(np.pad(wave.samples, ((0, 0), (2 * RATE, 3 * RATE))), RATE)
    track = analyse(padded, beats + 2.0)
    piece = fit(track, 30.0, once=True).pieces[0]
    assert piece.in_s == pytest.approx(2.0, abs=0.06)
    assert piece.out_s == pytest.approx(8.0, abs=0.2)
    looped = fit(track, 30.0)
    assert min(p.in_s for p in looped.pieces) > 1.9
    assert max(p.out_s for p in looped.pieces) < 8.2


def test_a_texture_without_beats_loops_with_a_long_crossfade() -> None:
    noise = np.random.default_rng(1).standard_normal((2, 5 * RATE)).astype(np.float32) * 0.1
    wave = Waveform(noise, RATE)
    track = analyse(wave, [])
    fitted = fit(track, 20.0)
    assert fitted.pieces[0].end_s - fitted.pieces[1].at_s > 0.5
    out = render(fitted, wave)
    middle = out[:, RATE : 17 * RATE].reshape(2, -1, RATE // 4)
    level = 20 * np.log10(np.sqrt((middle**2).mean(axis=(0, 2))) / 0.1)
    assert np.abs(level).max() < 1.0


@pytest.mark.parametrize("samples", [1, 10, 300])
def test_sounds_of_a_few_samples_are_played_as_they_are(samples: int) -> None:
    wave = Waveform(np.full((1, samples), 0.5, np.float32), RATE)
    fitted = fit(analyse(wave, []), 3.0)
    out = render(fitted, wave)
    assert len(fitted.pieces) == 1
    assert np.isfinite(out).all()
    assert out.shape[1] <= samples + 1


def test_silence_gives_silence() -> None:
    wave = Waveform(np.zeros((2, RATE), np.float32), RATE)
    assert not render(fit(analyse(wave, []), 4.0), wave).any()


def test_length_must_be_positive(pulse: tuple[Waveform, Track]) -> None:
    with pytest.raises(ValueError, match="positive length"):
        fit(pulse[1], 0.0)


def test_render_follows_the_pieces(pulse: tuple[Waveform, Track]) -> None:
    wave, track = pulse
    fitted = fit(track, 5.0, at_s=7.0)
    out = render(Fit(fitted.pieces, 0.01, 0.01), wave)
    first = round(fitted.pieces[0].in_s * RATE)
    np.testing.assert_array_equal(out[:, 200:-200], wave.samples[:, first + 200 : first + out.shape[1] - 200])


def bursts(*spans: tuple[float, float], level: float = 0.3, noise: float = 1e-4, duration_s: float = 10.0) -> Track:
    """Hard-edged noise in faint noise."""
    rng = np.random.default_rng(0)
    samples = noise * rng.standard_normal(round(duration_s * RATE))
    for start_s, end_s in spans:
        samples[round(start_s * RATE) : round(end_s * RATE)] += level * rng.standard_normal(
            round(end_s * RATE) - round(start_s * RATE)
        )
    return analyse(Waveform(samples.astype(np.float32)[None], RATE), ())


@settings(max_examples=60, deadline=None)
@given(
    start_s=st.floats(1, 5),
    length_s=st.floats(0.1, 3),
    early_s=st.floats(-0.4, 0.4),
    late_s=st.floats(-0.05, 0.4),
    noise=st.sampled_from([1e-5, 1e-3, 8e-3]),
)
def test_an_event_is_cut_from_onset_to_end(
    start_s: float, length_s: float, early_s: float, late_s: float, noise: float
) -> None:
    track = bursts((start_s, start_s + length_s), noise=noise)
    heard = Span(start_s - early_s, max(start_s - early_s, start_s + length_s + late_s))
    found = sounding(track, heard)
    assert found.first_s == pytest.approx(start_s, abs=2.5 * HOP_S)
    assert found.first_s <= start_s + HOP_S
    assert found.last_s >= start_s + length_s - HOP_S
    if noise < 1e-3:
        assert found.last_s == pytest.approx(start_s + length_s, abs=3 * HOP_S)
    assert fit(found, 5.0, once=True).fade_in_s == EDGE_S


def test_an_event_is_cut_out_of_what_sounds_around_it() -> None:
    """The second burst is asked for; the first one ends just before it, the third begins long after."""
    track = bursts((1.0, 2.5), (2.8, 3.6), (7.0, 8.0))
    found = sounding(track, Span(2.88, 3.36))
    assert found.first_s == pytest.approx(2.8, abs=0.05)
    assert found.last_s == pytest.approx(3.6, abs=0.08)
    (piece,) = fit(found, 4.0, at_s=10.0, once=True).pieces
    assert (piece.at_s, piece.end_s) == (10.0, pytest.approx(10.8, abs=0.1))


def test_a_part_of_steady_noise_is_faded_in() -> None:
    track = bursts((0.0, 10.0))
    found = sounding(track, Span(4, 6))
    assert 3.4 < found.first_s < 4.6
    assert min(fit(found, 2.0, once=True).fade_in_s, fit(found, 2.0, once=True).fade_out_s) > 0.3
    assert fit(sounding(track, Span(0, 2)), 2.0, once=True).fade_in_s == EDGE_S


@settings(max_examples=50, deadline=None)
@given(st.floats(0, 12), st.floats(0, 12))
def test_any_span_leaves_something_to_play(start_s: float, length_s: float) -> None:
    track = bursts((2.0, 2.5), (6.0, 9.0), noise=0.0)
    found = sounding(track, Span(start_s, start_s + length_s))
    assert track.first_s <= found.first_s < found.last_s
    assert fit(found, 1.0, once=True).pieces
