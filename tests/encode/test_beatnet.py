"""BeatNet: its features against a slow form of madmom's, and what comes of what it hears."""

from pathlib import Path

import numpy as np
import pytest
import torch

from rounding import assert_alike
from storysound.config import load_profile
from storysound.encode.beats import beatnet, trackers
from storysound.encode.pool import Models
from storysound.errors import MissingModelError, UsageError
from storysound.media import rhythm
from storysound.media.arrays import Floats
from storysound.media.audio import Waveform
from storysound.weights.resolver import Resolver

RATE = rhythm.RATE_HZ


def clicks(bpm: float, metre: int, length_s: float = 16.0) -> tuple[Floats, Floats]:
    """Strokes on beats from .3 s on, the first of each bar a low one: samples [n], and when they are struck."""
    rng = np.random.default_rng(1)
    fades = np.exp(-np.arange(2000) / 300)
    low, high = np.sin(2 * np.pi * 70 / RATE * np.arange(2000)) * fades, rng.normal(size=2000) * fades * 0.3
    samples = np.zeros(round(length_s * RATE))
    times = np.arange(0.3, length_s - 0.3, 60 / bpm)
    for number, time in enumerate(times):
        samples[round(time * RATE) :][:2000] += low + high if number % metre == 0 else high
    return samples.astype(np.float32) * 0.3, times


def test_levels_are_of_frames_around_each_moment_and_rises_of_the_one_before() -> None:
    samples = np.random.default_rng(0).normal(size=5000).astype(np.float32)
    found = beatnet.features(samples)
    assert found.shape == (12, 2 * beatnet.BANDS)
    padded = np.concatenate([np.zeros(705), samples, np.zeros(2000)])
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(1411) / 1411)
    bands = beatnet._bands()
    levels = [
        np.log10(1 + np.abs(np.fft.fft(padded[441 * at : 441 * at + 1411] * window))[:705] @ bands) for at in range(12)
    ]
    np.testing.assert_allclose(found[:, :136], levels, atol=1e-4)
    np.testing.assert_allclose(found[1:, 136:], np.maximum(np.diff(levels, axis=0), 0), atol=1e-4)
    assert not found[0, 136:].any()


def test_bands_are_those_the_networks_learned_from() -> None:
    """Recipe: madmom_infer 0.2.0, FilteredSpectrogram of 1411 samples with num_bands=24, fmin=30, fmax=17000."""
    bands = beatnet._bands()
    assert bands.shape == (705, beatnet.BANDS)
    np.testing.assert_allclose(bands.sum(axis=0), 1, atol=1e-6)
    assert [np.flatnonzero(bands[:, band]).tolist() for band in (0, 32, 33, 34)] == [[3], [35], [36, 37], [37, 38]]
    np.testing.assert_allclose(bands[36:38, 33], [2 / 3, 1 / 3], atol=1e-6)
    assert np.flatnonzero(bands[:, 135])[[0, -1]].tolist() == [676, 703]


def test_what_the_network_says_adds_up_and_knows_nothing_of_what_follows() -> None:
    torch.manual_seed(0)
    tracker = beatnet.BeatNet([beatnet.Network(8), beatnet.Network(8)])
    samples, _ = clicks(120, 4, 3.0)
    whole, half = tracker.activations(samples), tracker.activations(samples[: RATE * 2])
    assert whole.rate_hz == 50
    assert len(whole.beats) == 150
    assert ((whole.beats >= 0) & (whole.downbeats >= 0) & (whole.beats + whole.downbeats <= 1)).all()
    assert_alike(whole.downbeats[:97], half.downbeats[:97])


@pytest.mark.parametrize(("bpm", "metre"), [(100.0, 3), (100.0, 4), (132.0, 4)])
def test_bars_lie_where_they_are_heard_whatever_is_struck(bpm: float, metre: int) -> None:
    """Every stroke is alike, and the network hears which of them begin bars."""
    samples, times = clicks(bpm, 1)
    heard = np.full((2, 50 * 16), 0.02)
    for number, time in enumerate(times):
        heard[int(number % metre == 1), round(50 * time) + np.arange(2)] = 0.8
    found = rhythm.bars(Waveform(samples[None], RATE), heard=rhythm.Activations(heard[0], heard[1], 50.0))
    assert found is not None
    assert (found.metre, round(found.bpm)) == (metre, bpm)
    first = found.downbeats_s[(found.downbeats_s > 1) & (found.downbeats_s < 14)]
    assert all(np.abs(times[1::metre] - line).min() < 0.03 for line in first)


def test_what_does_not_pulse_has_no_bars_whatever_is_heard() -> None:
    noise = Waveform(np.random.default_rng(2).normal(0, 0.1, (1, 10 * RATE)).astype(np.float32), RATE)
    heard = np.tile([0.9, 0.02, 0.02, 0.02, 0.02], 100)
    assert rhythm.bars(noise, heard=rhythm.Activations(heard, np.zeros(500), 50.0)) is None


def test_trackers_have_names() -> None:
    models = Models(load_profile("embedded"), Resolver(offline=True))
    assert trackers.tracker("own", models) is rhythm.bars
    with pytest.raises(UsageError, match="beats: must be own or beatnet, got 'madmom'"):
        trackers.check_tracker("madmom")


def test_without_its_weights_it_says_how_to_get_them(tmp_path: Path) -> None:
    models = Models(load_profile("embedded"), Resolver(tmp_path, offline=True))
    with pytest.raises(MissingModelError, match="storysound models pull beats"):
        trackers.tracker("beatnet", models)


@pytest.mark.models
@pytest.mark.parametrize(("bpm", "metre"), [(90.0, 3), (120.0, 4)])
def test_it_hears_bars_of_strokes(weights: Resolver, bpm: float, metre: int) -> None:
    try:
        tracker = beatnet.load(weights)
    except MissingModelError as error:
        pytest.skip(str(error))
    samples, times = clicks(bpm, metre, 20.0)
    found = tracker.bars(rhythm.analyse(Waveform(samples[None], RATE)))
    assert found is not None
    assert found.bpm == pytest.approx(bpm, rel=0.02)
    assert np.median(np.abs(times[:, None] - found.beats_s).min(axis=0)) < 0.02
    assert found.metre == metre
