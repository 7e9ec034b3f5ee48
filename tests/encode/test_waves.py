"""Cutting and repeating, against the obvious way and by property."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from storysound.encode.waves import blocks, looped, samples_at
from storysound.media.audio import Waveform


@given(st.integers(1, 700), st.integers(1, 200), st.integers(1, 200))
def test_blocks_are_stretches_of_the_frames(count: int, length: int, hop: int) -> None:
    frames = np.arange(count, dtype=np.float32)[:, None]
    cut = blocks(frames, length, hop)[:, :, 0]
    assert cut.shape[1] == length
    if count < length:
        assert cut.tolist() == [[float(i % count) for i in range(length)]]
        return
    starts = cut[:, 0]
    assert (np.diff(cut, axis=1) == 1).all(), "a block is a stretch without holes"
    assert starts[0] == 0
    assert cut.max() <= count - 1
    assert (np.diff(starts) > 0).all()
    assert (np.diff(starts)[:-1] == hop).all()
    assert 2 * (count - 1 - cut[-1, -1]) < hop, "less than half a hop is left unheard"


def test_short_sounds_are_repeated_and_long_ones_left_alone() -> None:
    sound = np.arange(5, dtype=np.float32)
    assert looped(sound, 5) is sound
    assert looped(sound, 12).tolist() == [0, 1, 2, 3, 4, 0, 1, 2, 3, 4, 0, 1]


@pytest.mark.parametrize(
    ("samples", "word"),
    [
        (np.zeros((2, 9), np.float32), "one channel"),
        (np.zeros((1, 0), np.float32), "at least one sample"),
        (np.full((1, 9), np.nan, np.float32), "finite"),
        (np.full((1, 9), np.inf, np.float32), "finite"),
    ],
)
def test_what_no_encoder_can_hear_is_refused(samples: np.ndarray, word: str) -> None:
    with pytest.raises(ValueError, match=word):
        samples_at(Waveform(samples, 8000), 16000)


def test_any_rate_becomes_the_wanted_one() -> None:
    time_s = np.arange(8000) / 8000
    tone = Waveform(np.sin(2 * np.pi * 440 * time_s).astype(np.float32)[None], 8000)
    samples = samples_at(tone, 16000)
    assert samples.shape == (16000,)
    middle = slice(4000, 12000)
    assert np.allclose(samples[middle], np.sin(2 * np.pi * 440 * np.arange(16000) / 16000)[middle], atol=1e-3)
