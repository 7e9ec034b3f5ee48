"""A UNet inflated to clips beside its 2D parent."""

import pytest
import torch

from rounding import assert_alike
from storysound.nn.inflated_unet import AddedAttention, PseudoConv3d, SpaceThenTime, inflated, middles
from tavdiffusion_fakes import FRAMES, WORDS, taught, tiny_unet

pytest.importorskip("diffusers")


def given(clips: int = 2) -> tuple[torch.Tensor, ...]:
    """Latents [b f c h w], times [(b f)] and context [(b f) k t]."""
    dice = torch.Generator().manual_seed(1)
    latents = torch.randn(clips, FRAMES, 4, 4, 6, generator=dice)
    context = torch.randn(clips, 5, WORDS, generator=dice)
    times = torch.tensor([3, 500])[:clips]
    return latents, times.repeat_interleave(FRAMES), context.repeat_interleave(FRAMES, 0)


@torch.no_grad()
def test_it_is_its_parent_on_a_still_clip_and_on_any_other_before_it_learns() -> None:
    parent = tiny_unet()
    network, (latents, t, context) = inflated(parent, FRAMES, 2), given()
    still = latents[:, :1].expand_as(latents)
    for clips in (still, latents):
        frames = clips.flatten(0, 1)
        expected = parent(frames, t, context).sample
        assert (network(frames, t, context).sample - expected).abs().max() <= 1e-5
        assert expected.std() > 0.01


def test_its_parent_stays_as_it_was_and_every_weight_of_it_is_in_the_copy() -> None:
    parent = tiny_unet()
    network = inflated(parent, FRAMES, 2)
    assert not any(isinstance(part, PseudoConv3d | SpaceThenTime) for part in parent.modules())
    names = {name.replace(".space.", ".") for name, _ in network.named_parameters()}
    assert {name for name, _ in parent.named_parameters()} <= names
    with torch.no_grad():
        for weight in network.parameters():
            weight.zero_()
    assert any(weight.any() for weight in parent.parameters())


def test_all_convolutions_of_neighbours_are_pseudo_3d_and_time_follows_every_spatial_transformer() -> None:
    parent, network = tiny_unet(), inflated(tiny_unet(), FRAMES, 2)
    wide = [m for m in parent.modules() if isinstance(m, torch.nn.Conv2d) and m.kernel_size != (1, 1)]
    assert sum(isinstance(m, PseudoConv3d) for m in network.modules()) == len(wide)
    spatial = [m for m in parent.modules() if type(m).__name__ == "Transformer2DModel"]
    assert sum(isinstance(m, SpaceThenTime) for m in network.modules()) == len(spatial) == 4


@torch.no_grad()
def test_frames_see_each_other_once_it_has_learned_and_clips_never_do() -> None:
    network, (latents, t, context) = inflated(tiny_unet(), FRAMES, 2), given()
    taught(network)
    other = latents.clone()
    other[0, 0] += 3
    before, after = (network(x.flatten(0, 1), t, context).sample.unflatten(0, (-1, FRAMES)) for x in (latents, other))
    assert_alike(after[1], before[1])
    assert all((after[0, frame] - before[0, frame]).abs().max() > 1e-3 for frame in range(FRAMES))


@torch.no_grad()
def test_a_pseudo_3d_convolution_is_one_along_frames_then_one_of_places() -> None:
    torch.manual_seed(0)
    parent = torch.nn.Conv2d(3, 5, 3, stride=2, padding=1)
    made = PseudoConv3d(parent, FRAMES)
    torch.nn.init.normal_(made.temporal.weight)
    clips = torch.randn(2, FRAMES, 3, 6, 4)
    kernel, padded = made.temporal.weight[..., 0], torch.nn.functional.pad(clips, (0,) * 6 + (1, 1))
    along = clips.clone()
    for frame in range(FRAMES):
        for step in range(3):
            along[:, frame] += torch.einsum("oi,bihw->bohw", kernel[..., step], padded[:, frame + step])
    assert_alike(made(clips.flatten(0, 1)), parent(along.flatten(0, 1)))


@torch.no_grad()
def test_added_attention_adds_nothing_and_then_finds_a_token_by_its_time() -> None:
    torch.manual_seed(0)
    tokens, others = torch.randn(2, 6, 8), torch.randn(2, 3, 4)
    layer = AddedAttention(8, 2, 4)
    given = (middles(6, tokens), others, middles(3, others))
    torch.testing.assert_close(layer(tokens, *given), tokens, rtol=0, atol=0)
    taught(layer)
    moved = layer(tokens, given[0], others, given[2].flip(0))
    assert (layer(tokens, *given) - tokens).abs().max() > 1e-3
    assert (moved - layer(tokens, *given)).abs().max() > 1e-3


def test_heads_and_frames_that_dont_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="3 heads"):
        inflated(tiny_unet(), FRAMES, 3)
    with pytest.raises(ValueError, match="one frame or more"):
        inflated(tiny_unet(), 0, 2)
