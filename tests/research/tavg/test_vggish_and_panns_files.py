"""VGGish's and PANNs' weights in files of the user's: where in a sound they hear, and what is refused."""

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from encode.test_contract import assert_same, check, empty, ordinary
from rounding import assert_alike
from storysound.errors import InputError
from storysound.media.audio import Waveform
from storysound.media.spectrogram import hz_to_mel, mel_filterbank
from storysound.nn.panns import Cnn14
from storysound.nn.vggish import Vggish
from storysound.research.tavg.sound_files import PannsEars, VggishEars, read_panns, read_vggish, vggish_patches


def scaled(network: nn.Module) -> dict[str, torch.Tensor]:
    """Weights of an untaught network that lets sounds through."""
    torch.manual_seed(0)
    return {name: torch.randn_like(one) / max(one[0].numel(), 1) ** 0.5 if one.ndim > 1 else one
            for name, one in network.state_dict().items()}  # fmt: skip


def panns_weights(bins: int = 513, rate_hz: int = 32_000) -> dict[str, torch.Tensor]:
    filters = mel_filterbank(rate_hz, 2 * (bins - 1), 64, 50.0, rate_hz * 0.4375, "slaney", "slaney")
    return {**scaled(Cnn14((2, 2, 2, 2, 2, 6))), "logmel_extractor.melW": torch.tensor(filters.T.copy())}


@pytest.fixture(scope="module")
def vggish(tmp_path_factory: pytest.TempPathFactory) -> VggishEars:
    file = tmp_path_factory.mktemp("vggish") / "vggish.pth"
    torch.save(scaled(Vggish((2, 2, 2, 2, 2, 2), 8, 5)), file)
    return read_vggish(file)


@pytest.fixture(scope="module")
def panns(tmp_path_factory: pytest.TempPathFactory) -> PannsEars:
    file = tmp_path_factory.mktemp("panns") / "Cnn14.pth"
    torch.save({"iteration": 3, "model": panns_weights()}, file)
    return read_panns(file)


@pytest.mark.parametrize("name", ["vggish", "panns"])
def test_both_keep_the_contract(name: str, request: pytest.FixtureRequest) -> None:
    encoder = request.getfixturevalue(name)
    items = ordinary("audio")
    alone = [encoder.encode([item])[0] for item in items]
    for encoding in alone:
        check(encoder, encoding)
    for one, other in zip(alone, encoder.encode(items[::-1])[::-1], strict=True):
        assert_same(one, other)
    for item in empty("audio"):
        with pytest.raises(ValueError):  # noqa: PT011 - each kind words it for its own items
            encoder.encode([item])


def test_vggishs_patches_are_those_of_its_authors() -> None:
    """Magnitudes of periodic Hann windows of 25 ms every 10 ms, triangles straight over mel, log(x + .01)."""
    samples = np.random.default_rng(0).normal(0, 0.1, 32_000).astype(np.float32)  # 198 frames: two patches
    found = vggish_patches(samples)
    assert found.shape == (2, 96, 64)
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(400) / 400)
    edges = np.linspace(float(hz_to_mel(125.0)), float(hz_to_mel(7500.0)), 66)
    mels = hz_to_mel(np.linspace(0, 8000, 257))
    up, down = ((mels[None] - edges[:-2, None]) / np.diff(edges)[0], (edges[2:, None] - mels[None]) / np.diff(edges)[0])
    filters = np.maximum(0, np.minimum(up, down))
    for patch, frame in ((0, 0), (0, 95), (1, 0), (1, 95)):
        start = 160 * (96 * patch + frame)
        spectrum = np.abs(np.fft.rfft(samples[start : start + 400] * window, 512))
        np.testing.assert_allclose(found[patch, frame], np.log(filters @ spectrum + 0.01), atol=2e-4)


def test_a_short_sound_is_one_patch_of_vggish(vggish: VggishEars) -> None:
    (found,) = vggish.encode([Waveform(np.full((1, 10), 0.5, np.float32), 16_000)])
    assert found.embedding.shape == (1, 5)


@pytest.mark.parametrize(("seconds", "rows"), [(0.01, 1), (14.9, 1), (15.1, 2), (30.0, 3)])
def test_panns_hears_stretches_of_10_s(panns: PannsEars, seconds: float, rows: int) -> None:
    samples = np.random.default_rng(0).normal(0, 0.1, round(seconds * 32_000)).astype(np.float32)
    (found,) = panns.encode([Waveform(samples[None], 32_000)])
    assert found.embedding.shape == (rows, 6)
    last = panns.encode([Waveform(samples[None, 320_000 * (rows - 1) :], 32_000)])[0]
    assert_alike(found.embedding[-1], last.embedding[0])


def test_panns_hears_decibels_of_its_own_filters(panns: PannsEars) -> None:
    samples = np.random.default_rng(0).normal(0, 0.1, 32_000).astype(np.float32)
    found = panns.decibels(samples)
    filters = panns_weights()["logmel_extractor.melW"].numpy().astype(np.float64)
    padded = np.pad(samples.astype(np.float64), 512, mode="reflect")
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(1024) / 1024)
    assert found.shape == (101, 64)
    for frame in (0, 50, 100):
        spectrum = np.abs(np.fft.rfft(padded[320 * frame : 320 * frame + 1024] * window)) ** 2
        np.testing.assert_allclose(found[frame], 10 * np.log10(spectrum @ filters), atol=1e-3)
    assert panns.decibels(np.zeros(20_000, np.float32)).max() == pytest.approx(-100.0)


def test_the_filters_say_at_which_rate_panns_hears(tmp_path: Path) -> None:
    save_file(panns_weights(257, 16_000), tmp_path / "slow.safetensors")
    assert read_panns(tmp_path / "slow.safetensors").rate_hz == 16_000
    save_file(panns_weights(300, 16_000), tmp_path / "odd.safetensors")
    with pytest.raises(InputError, match=r"holds no weights of PANNs.*300 frequencies"):
        read_panns(tmp_path / "odd.safetensors")


def test_what_is_neither_is_refused(tmp_path: Path) -> None:
    save_file({"features.0.weight": torch.zeros(2, 1, 3, 3)}, tmp_path / "part.safetensors")
    with pytest.raises(InputError, match=r"holds no weights of VGGish.*vggish-10086976"):
        read_vggish(tmp_path / "part.safetensors")
    with pytest.raises(InputError, match=r"holds no weights of PANNs.*Cnn14"):
        read_panns(tmp_path / "part.safetensors")
    torch.save([1], tmp_path / "list.pt")
    for read in (read_vggish, read_panns):
        with pytest.raises(InputError, match="holds no weights"):
            read(tmp_path / "list.pt")
