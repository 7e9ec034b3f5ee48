"""NSNet2, silero and the separator: exact lengths, sums, and that speech goes while the rest stays."""

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from storysound.encode import nsnet2, separator, silero
from storysound.encode.voice_mask import BINS, COARSE, FINER, Config, VoiceMask, beside, smooth, spread
from storysound.media.audio import Waveform, read_audio, resample
from storysound.media.recording import of_wave
from storysound.weights.resolver import Resolver


@settings(max_examples=20, deadline=None)
@given(st.integers(min_value=1, max_value=5000))
def test_analysis_and_synthesis_are_inverse_at_every_length(length: int) -> None:
    samples = np.random.default_rng(length).normal(size=length).astype(np.float32)
    assert np.allclose(nsnet2.synthesise(nsnet2.analyse(samples), length), samples, atol=1e-5)


def test_analysis_is_a_windowed_fourier_transform() -> None:
    samples = np.random.default_rng(0).normal(size=3000).astype(np.float32)
    window = np.sqrt(0.5 - 0.5 * np.cos(2 * np.pi * np.arange(960) / 960))
    start = 512 * 2 - 448  # of frame 2
    slow = np.array(
        [
            (samples[start : start + 960] * window * np.exp(-2j * np.pi * k * np.arange(960) / 1024)).sum()
            for k in range(513)
        ]
    )
    assert np.allclose(nsnet2.analyse(samples)[2], slow, atol=1e-3)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(0, 1, width=32), max_size=120))
def test_spans_are_ordered_apart_and_inside(values: list[float]) -> None:
    probabilities = np.array(values, np.float32)
    duration_s = len(values) * silero.FRAME_S
    spans = silero.spans_of(probabilities, duration_s)
    for span in spans:
        assert span.start_s >= 0
        assert span.end_s <= duration_s + 1e-6
        assert span.duration_s >= 0.25 - 0.03
    for before, after in itertools.pairwise(spans):
        assert before.end_s <= after.start_s


def test_short_gap_is_closed_and_short_burst_dropped() -> None:
    def frames(*runs: tuple[float, int]) -> NDArray[np.float32]:
        return np.concatenate([np.full(count, value, np.float32) for value, count in runs])

    gap = frames((0.9, 20), (0.1, 3), (0.9, 20), (0.0, 10))
    assert len(silero.spans_of(gap, len(gap) * silero.FRAME_S)) == 1
    pause = frames((0.9, 20), (0.1, 12), (0.9, 20))
    assert len(silero.spans_of(pause, len(pause) * silero.FRAME_S)) == 2
    burst = frames((0.1, 10), (0.9, 5), (0.1, 10))
    assert silero.spans_of(burst, len(burst) * silero.FRAME_S) == ()
    assert silero.spans_of(np.zeros(0, np.float32), 0.0) == ()


def test_spread_keeps_the_bins_where_they_were() -> None:
    fine = spread(torch.arange(COARSE, dtype=torch.float32)[None])
    assert fine.shape == (1, BINS)
    assert fine[0].tolist() == [bin / FINER for bin in range(BINS)]


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 3000), st.integers(1, 5000))
def test_gain_stands_at_the_moments_of_the_mixture(frames: int, given: int) -> None:
    """A gain that grows by one a frame is, where there is one, that of the frame in the middle."""
    near = beside(torch.arange(given, dtype=torch.float32)[:, None], frames)
    assert near.shape == (2 * frames + 1, 1)
    middle = smooth(near)[:, 0]
    assert middle.shape == (frames,)
    inside = slice(1, max(1, min(frames, given // 2)))
    assert middle[inside].tolist() == [2.0 * frame for frame in range(frames)][inside]
    assert bool((middle <= given - 1).all())


def test_mask_network_learns_and_stays_in_range() -> None:
    """Two steps from `tiny()`: the loss falls, every length of time is taken, the mask is a share."""
    torch.manual_seed(0)
    network = VoiceMask(Config.tiny())
    power, gain = torch.rand(2, 13, BINS), torch.rand(2, 27, COARSE)
    optimiser = torch.optim.Adam(network.parameters(), 1e-2)
    losses = []
    for _ in range(3):
        mask = network(power, gain)
        assert mask.shape == power.shape
        assert bool(((mask >= 0) & (mask <= 1)).all())
        loss = ((mask - 0.1) ** 2).mean()
        losses.append(loss.item())
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert losses[-1] < losses[0]
    network.eval()
    assert torch.allclose(network(power, gain), network(power * 100, gain), atol=1e-3), "loudness must not matter"


@pytest.fixture(scope="module")
def splitter(weights: Resolver) -> separator.Separator:
    return separator.load(weights)


@pytest.mark.models
@pytest.mark.parametrize(
    ("channels", "length", "rate_hz"),
    [(1, 1, 8000), (2, 4411, 44100), (1, 4800, 48000), (3, 1601, 16000), (2, 9000, 96000)],
)
def test_background_and_speech_add_up_to_the_input(
    splitter: separator.Separator, channels: int, length: int, rate_hz: int
) -> None:
    samples = np.random.default_rng(length).normal(0, 0.1, (channels, length)).astype(np.float32)
    background, speech = splitter.split(Waveform(samples, rate_hz))
    assert background.samples.shape == speech.samples.shape == samples.shape
    assert (background.rate_hz, speech.rate_hz) == (rate_hz, rate_hz)
    assert np.allclose(background.samples + speech.samples, samples, atol=1e-6)
    assert np.isfinite(background.samples).all()


@pytest.mark.models
def test_hours_of_sound_are_split_as_a_piece_in_memory_is(
    splitter: separator.Separator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Block by block, with seams; at another rate too."""
    monkeypatch.setattr(separator, "_BLOCK_S", 2)
    monkeypatch.setattr(separator, "_LEAD_S", 1)
    for rate_hz in (48_000, 44_100):
        samples = np.random.default_rng(0).normal(0, 0.1, (2, 5 * rate_hz + 7)).astype(np.float32)
        background, _ = splitter.split(Waveform(samples, rate_hz))
        blocks = list(splitter.background(of_wave(Waveform(samples, rate_hz))))
        assert len(blocks) >= 3
        np.testing.assert_array_equal(np.concatenate(blocks, axis=1), background.samples)


@pytest.mark.models
def test_silence_and_the_side_channel_stay_untouched(splitter: separator.Separator) -> None:
    silence = Waveform(np.zeros((2, 22050), np.float32), 22050)
    assert not splitter.split(silence)[1].samples.any()
    quiet_middle = np.random.default_rng(0).normal(0, 0.1, 48000).astype(np.float32)
    assert np.abs(splitter.split(Waveform(np.stack([quiet_middle, -quiet_middle]), 48000))[1].samples).max() < 0.1


@pytest.mark.models
@pytest.mark.shared
def test_golden_talk_is_heard_and_taken_out(
    weights: Resolver, splitter: separator.Separator, shared_data: object
) -> None:
    """Recipe: lrs3_talk.mp4 (a man on a stage) with silence where he pauses; then 440 Hz at the same level under it."""
    detector = silero.load(weights)
    wave = read_audio(f"{shared_data}/videos/clips/lrs3_talk.mp4", channels=1, end_s=6.0)
    spans = detector.speech_spans(of_wave(wave))
    assert [(round(s.start_s, 1), round(s.end_s, 1)) for s in spans[:2]] == [(0.2, 1.0), (1.6, 4.7)]
    assert detector.probabilities(of_wave(wave)).max() <= 1.0
    background, _ = splitter.split(wave)
    left_db = 10 * np.log10((background.samples**2).mean() / (wave.samples**2).mean())
    assert left_db < -10
    assert sum(s.duration_s for s in detector.speech_spans(of_wave(background))) < 0.1 * wave.duration_s
    level = float(np.sqrt((wave.samples**2).mean()))
    time_s = np.arange(wave.samples.shape[1]) / wave.rate_hz
    tone = (level * np.sqrt(2) * np.sin(2 * np.pi * 440 * time_s)).astype(np.float32)[None]
    mixed, _ = splitter.split(Waveform(wave.samples + tone, wave.rate_hz))
    error = mixed.samples - tone
    assert 10 * np.log10((tone**2).sum() / (error**2).sum()) > 6


@pytest.mark.models
def test_no_speech_in_music(weights: Resolver) -> None:
    """cantina.wav of gradio 6.31.0, a band, holds none."""
    detector = silero.load(weights)
    wave = read_audio(weights.path("demo/cantina.wav"))
    assert detector.speech_spans(of_wave(wave)) == ()
    assert detector.probabilities(of_wave(resample(wave, 16000))).shape == (-(-round(wave.duration_s * 16000) // 512),)
    assert detector.speech_spans(of_wave(Waveform(np.zeros((1, 1), np.float32), 8000))) == ()


@pytest.mark.models
def test_nsnet2_alone_keeps_the_length(weights: Resolver) -> None:
    samples = np.random.default_rng(1).normal(0, 0.1, (1, 4801)).astype(np.float32)
    model = nsnet2.load(weights)
    assert model.gain(samples[0]).shape == (-(-(4801 + 448) // 512), 513)
    assert model.background(Waveform(samples, 44100)).samples.shape == (1, 4801)


@pytest.mark.models
def test_long_sounds_are_split_in_blocks_without_a_seam(
    splitter: separator.Separator, weights: Resolver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """sax.wav repeated: a block ends after 5 s, and the sound doesn't jump there."""
    wave = read_audio(weights.path("demo/sax.wav"), channels=1, rate_hz=48000)
    samples = np.tile(wave.samples, 3)[:, : 48000 * 9]
    whole = splitter.split(Waveform(samples, 48000))[1].samples[0]
    monkeypatch.setattr(separator, "_BLOCK_S", 5)
    parted = splitter.split(Waveform(samples, 48000))[1].samples[0]
    assert parted.shape == whole.shape
    at = 5 * 48000
    level = np.sqrt((samples**2).mean())
    assert np.sqrt(((parted - whole) ** 2).mean()) < 0.2 * level
    steps = np.abs(np.diff(parted))
    assert steps[at - 5 : at + 5].max() <= np.percentile(steps, 99.99)
