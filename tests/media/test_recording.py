"""Sound in scratch files: any stretch comes back as it was."""

import numpy as np
import pytest

from storysound.media import recording
from storysound.media.audio import STEREO, Waveform
from storysound.media.recording import of_wave, recorded


@pytest.mark.parametrize("in_memory", [1 << 20, 100])
def test_any_stretch_comes_back_and_outside_is_silence(monkeypatch: pytest.MonkeyPatch, in_memory: int) -> None:
    monkeypatch.setattr(recording, "IN_MEMORY", in_memory)
    samples = np.random.default_rng(0).standard_normal((2, 1000)).astype(np.float32)
    there = recorded([samples[:, :300], samples[:, 300:301], samples[:, 301:]], 100, STEREO)
    padded = np.pad(samples, ((0, 0), (50, 50)))
    for start, end in ((0, 1000), (-50, 1050), (990, 1010), (299, 302), (-40, -10), (1010, 1040), (500, 500)):
        np.testing.assert_array_equal(there.read(start, end), padded[:, start + 50 : end + 50])
    assert (there.length, there.channels, there.duration_s) == (1000, 2, 10.0)
    np.testing.assert_array_equal(there.cut(2.0, 99.0).samples, samples[:, 200:])
    starts, blocks = zip(*there.blocks(3.0), strict=True)
    assert starts == (0, 300, 600, 900)
    np.testing.assert_array_equal(np.concatenate(blocks, axis=1), samples)


def test_a_wave_keeps_its_layout() -> None:
    wave = Waveform(np.zeros((3, 5), np.float32), 8000, ("FL", "FR", "LFE"))
    assert of_wave(wave).layout == ("FL", "FR", "LFE")
    assert of_wave(Waveform(np.zeros((1, 5), np.float32), 8000)).channels == 1
