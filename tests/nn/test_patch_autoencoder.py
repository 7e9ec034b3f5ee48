"""What the autoencoder is before and after it learned."""

import pytest
import torch
from torch.nn import functional as F

from storysound.nn.patch_autoencoder import AutoencoderConfig, PatchAutoencoder


def test_patches_of_few_shapes_come_back_before_anything_is_learned() -> None:
    torch.manual_seed(0)
    shapes = torch.randn(3, 64)
    patches = torch.randn(4, 2, 3, 3) @ shapes + 0.5  # [b t m 64]
    log_mel = F.pixel_shuffle(patches.permute(0, 3, 1, 2), 8)[:, 0]
    network = PatchAutoencoder(AutoencoderConfig(4, 8, 1)).eval()
    network.fit_straight(log_mel)
    code = network.encode(log_mel)
    assert code.shape == (4, 2, 3, 4)
    torch.testing.assert_close(network(log_mel), log_mel, atol=1e-3, rtol=1e-3)
    torch.testing.assert_close(code[..., :3].flatten(0, 2).std(0, correction=0), torch.ones(3), atol=1e-3, rtol=0)


def test_codes_of_another_scale_mean_the_same() -> None:
    torch.manual_seed(0)
    log_mel = torch.randn(2, 16, 24)
    network = PatchAutoencoder(AutoencoderConfig(4, 8, 1)).eval()
    network.fit_straight(log_mel)
    before = network(log_mel)
    network.mean.fill_(0.3)
    network.spread.fill_(2.0)
    torch.testing.assert_close(network(log_mel), before, atol=1e-4, rtol=1e-4)


def test_a_shape_without_sense_is_refused() -> None:
    with pytest.raises(ValueError, match="at most 64 channels"):
        AutoencoderConfig(65)
