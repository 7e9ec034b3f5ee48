import torch
from torch import nn
from torch.nn.utils.parametrizations import weight_norm

from rounding import assert_alike
from storysound.nn.hifigan import HifiGan, HifiGanConfig, without_weight_norm


def test_each_frame_becomes_as_many_samples_as_the_rates_say() -> None:
    network = HifiGan(HifiGanConfig.tiny()).eval()
    sound = network(torch.randn(2, 80, 9))
    assert sound.shape == (2, 9 * 256)
    assert sound.abs().max() <= 1


def test_the_universal_one_has_the_size_that_is_published() -> None:
    with torch.device("meta"):
        network = HifiGan(HifiGanConfig())
    assert sum(one.numel() for one in network.parameters()) == 13_926_017  # 13.92 M, the paper's Table 1


def test_what_is_far_away_does_not_matter() -> None:
    """So that long sound can be made in pieces with 32 frames around them."""
    network = HifiGan(HifiGanConfig.tiny()).eval()
    spectra = torch.randn(1, 80, 120)
    other = spectra.clone()
    other[..., :28] = 0
    assert_alike(network(other)[:, 60 * 256 :].detach(), network(spectra)[:, 60 * 256 :].detach())


def test_direction_and_length_become_a_weight() -> None:
    layer = weight_norm(nn.ConvTranspose1d(4, 3, 5))
    with torch.no_grad():
        layer.parametrizations.weight.original0.mul_(2.5)
    old = {
        "up.weight_g": layer.parametrizations.weight.original0,
        "up.weight_v": layer.parametrizations.weight.original1,
        "up.bias": layer.bias,
    }
    plain = without_weight_norm(old)
    assert sorted(plain) == ["up.bias", "up.weight"]
    assert_alike(plain["up.weight"].detach(), layer.weight.detach())
