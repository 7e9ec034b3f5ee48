"""The autoencoder of a few frames together."""

import pytest

torch = pytest.importorskip("torch")

from storysound.nn.frame_autoencoder import PATCH, FrameAutoencoder, FrameAutoencoderConfig  # noqa: E402

SMALL = FrameAutoencoderConfig(together=2, channels=4, width=8)


def test_codes_have_a_place_for_each_patch_of_each_group() -> None:
    network = FrameAutoencoder(SMALL).eval()
    clips = torch.rand(3, 6, 3, 2 * PATCH, PATCH) * 2 - 1
    codes = network.encode(clips)
    assert codes.shape == (3, 3, 4, 2, 1)
    assert network.decode(codes).shape == clips.shape


def test_codes_are_normalised_at_each_place_and_then_by_channel() -> None:
    network = FrameAutoencoder(SMALL).eval()
    clips = torch.rand(2, 4, 3, PATCH, 2 * PATCH) * 2 - 1
    plain = network.encode(clips)
    torch.testing.assert_close(plain.mean(2), torch.zeros(2, 2, 1, 2), atol=1e-5, rtol=0)
    network.mean.copy_(torch.arange(4.0))
    network.spread.copy_(torch.tensor([1.0, 2.0, 3.0, 4.0]))
    torch.testing.assert_close(
        network.encode(clips), (plain - network.mean[:, None, None]) / network.spread[:, None, None]
    )


def test_a_group_knows_nothing_of_the_others_and_a_clip_nothing_of_its_neighbours() -> None:
    torch.manual_seed(0)
    network = FrameAutoencoder(SMALL).eval()
    clips = torch.rand(2, 4, 3, PATCH, PATCH) * 2 - 1
    other = clips.clone()
    other[0, 2:] = -other[0, 2:]
    before, after = network(clips), network(other)
    changed = (before - after).abs().amax((2, 3, 4)) > 1e-6
    assert changed.tolist() == [[False, False, True, True], [False] * 4]


def test_frames_come_back_in_their_order() -> None:
    torch.manual_seed(0)
    network = FrameAutoencoder(FrameAutoencoderConfig(together=2, channels=8, width=16))
    clips = torch.full((1, 2, 3, PATCH, PATCH), -0.8)
    clips[:, 1, 0] = 0.8  # the second is red
    optimiser = torch.optim.Adam(network.parameters(), 3e-3)
    for _ in range(60):
        optimiser.zero_grad()
        (network(clips) - clips).square().mean().backward()
        optimiser.step()
    made = network.eval()(clips)
    assert made[0, 1, 0].mean() > made[0, 0, 0].mean() + 1
    assert made[0, 1, 0].mean() > made[0, 1, 1].mean() + 1


@pytest.mark.parametrize("shape", [(1, 3, 3, PATCH, PATCH), (1, 2, 3, PATCH + 1, PATCH)])
def test_clips_that_dont_divide_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="multiples"):
        FrameAutoencoder(SMALL).encode(torch.zeros(shape))
