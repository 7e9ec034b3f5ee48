"""TAVDiffusion's network and its sampling, in miniature."""

import copy

import pytest
import torch
import torch.utils.checkpoint
from torch import Tensor

from rounding import assert_alike
from storysound.nn.latent_diffusion import SAMPLERS, denoised, sampler
from storysound.nn.tavdiffusion import PredictedNoise, TavConfig, TavDiffusion, generated
from tavdiffusion_fakes import FRAMES, WORDS, taught, tiny_batch, tiny_network, tiny_unet

diffusers = pytest.importorskip("diffusers")
T = torch.tensor([3, 500, 900])


@torch.no_grad()
def seen(network: TavDiffusion, batch: dict[str, Tensor]) -> PredictedNoise:
    return network(batch["audio"], batch["video"], T, batch["context"])


@torch.no_grad()
def test_at_step_0_each_side_is_its_own_unet_with_cross_attention_and_without() -> None:
    audio, video, batch = tiny_unet(8), tiny_unet(4, seed=1), tiny_batch()
    alone_a = audio(batch["audio"], T, batch["context"]).sample
    many = T.repeat_interleave(FRAMES), batch["context"].repeat_interleave(FRAMES, 0)
    alone_v = video(batch["video"].flatten(0, 1), *many).sample.unflatten(0, (-1, FRAMES))
    for cross in (True, False):
        found = seen(tiny_network(cross_attention=cross), batch)
        assert_alike(found.audio, alone_a)
        assert_alike(found.video, alone_v)


def test_erratum_7_what_is_learned_crosses_both_ways_and_only_with_cross_attention() -> None:
    batch = tiny_batch()
    louder, brighter = batch | {"audio": 2 * batch["audio"]}, batch | {"video": 2 * batch["video"]}
    for cross in (True, False):
        network = tiny_network(cross_attention=cross)
        taught(network)
        before = seen(network, batch)
        moved = [(seen(network, louder).video - before.video).abs().max()]
        moved.append((seen(network, brighter).audio - before.audio).abs().max())
        assert [change > 1e-4 for change in moved] == [cross, cross]


def test_clips_of_a_batch_dont_meet() -> None:
    network, batch = tiny_network(), tiny_batch()
    taught(network)
    with torch.no_grad():
        whole = seen(network, batch)
        alone = network(batch["audio"][1:2], batch["video"][1:2], T[1:2], batch["context"][1:2])
    assert_alike(alone.audio[0], whole.audio[1])
    assert_alike(alone.video[0], whole.video[1])


def test_weights_of_tokens_sum_to_one_and_stand_for_every_place() -> None:
    middle = seen(tiny_network(), tiny_batch()).middle
    assert middle is not None
    assert middle.audio.shape == (3, 4 * 2, 16)
    assert middle.video.shape == (3, FRAMES * 2 * 3, 16)
    for weights, tokens in ((middle.audio_weights, middle.audio), (middle.video_weights, middle.video)):
        assert weights.shape == tokens.shape[:2]
        assert_alike(weights.sum(1).detach(), torch.ones(3))
        assert weights.std() > 1e-5
    assert seen(tiny_network(alignment=False), tiny_batch()).middle is None


def test_ablations_have_no_weights_of_what_they_lack() -> None:
    def parts(**config: bool) -> set[str]:
        return {name.split(".")[0] for name, _ in tiny_network(**config).named_parameters()}

    assert parts() == {"audio", "video", "audio_attention", "video_attention", "audio_weight", "video_weight"}
    assert parts(cross_attention=False) == {"audio", "video", "audio_weight", "video_weight"}
    assert parts(alignment=False) == {"audio", "video", "audio_attention", "video_attention"}
    assert parts(cross_attention=False, alignment=False) == {"audio", "video"}


def test_checkpointing_changes_no_gradient() -> None:
    network, batch = tiny_network().train(), tiny_batch()
    taught(network)
    again = copy.deepcopy(network)
    calls = []

    def checkpoint(module: torch.nn.Module, *args: Tensor) -> Tensor:
        calls.append(type(module).__name__)
        return torch.utils.checkpoint.checkpoint(module, *args, use_reentrant=False)

    again.audio.enable_gradient_checkpointing(checkpoint)
    again.video.enable_gradient_checkpointing(checkpoint)
    for one in (network, again):
        found = one(batch["audio"], batch["video"], T, batch["context"])
        (found.audio.square().mean() + found.video.square().mean()).backward()
    for one, other in zip(network.parameters(), again.parameters(), strict=True):
        if one.grad is not None:
            assert other.grad is not None
            torch.testing.assert_close(other.grad, one.grad, rtol=1e-3, atol=1e-5)
    assert calls.count("TemporalTransformer") == 4
    assert calls.count("ResnetBlock2D") > 4


def test_both_sides_are_sampled_by_one_schedule() -> None:
    """Of a network whose sides never meet, each side is what it would be sampled alone, guided alike."""
    network, batch = tiny_network(cross_attention=False, alignment=False), tiny_batch(1)
    schedule = diffusers.DDPMScheduler(beta_schedule="scaled_linear", clip_sample=False)
    context, nothing = batch["context"], torch.zeros_like(batch["context"])
    for weight in (p for name, p in network.named_parameters() if "attn2" in name and p.ndim > 1):
        torch.nn.init.normal_(weight)

    def audio_alone(noisy: Tensor, t: Tensor) -> Tensor:
        with_text, without = (network.audio(noisy, t, told).sample for told in (context, nothing))
        return without + 2.5 * (with_text - without)

    for name in SAMPLERS:
        given = (sampler(name, schedule), 5, lambda: None)
        audio, video = generated(network, (batch["audio"], batch["video"]), context, nothing, 2.5, *given)
        expected = denoised(audio_alone, batch["audio"], sampler(name, schedule), 5, lambda: None)
        assert_alike(audio, expected)
        assert video.shape == batch["video"].shape
        assert video.isfinite().all()
        plain, _ = generated(network, (batch["audio"], batch["video"]), context, nothing, 1.0, *given)
        assert (plain - audio).abs().max() > 1e-3


@pytest.mark.parametrize("side", [0, 1])
def test_a_side_that_is_known_is_seen_in_its_own_noise_and_comes_back_as_it_is(side: int) -> None:
    """Against a loop by hand: the known side is noised anew for every time, the other goes on from where it is."""
    network, batch = tiny_network(), tiny_batch(1)
    taught(network)
    schedule = diffusers.DDPMScheduler(beta_schedule="scaled_linear", clip_sample=False)
    context, noise = batch["context"], (batch["audio"], batch["video"])
    given = tiny_batch(1, seed=5)["audio" if side == 0 else "video"]
    known = (given, None) if side == 0 else (None, given)
    steps = sampler("ddim", schedule)
    made = generated(network, noise, context, context, 1.0, steps, 5, lambda: None, known)
    assert torch.equal(made[side], given)
    slow = sampler("ddim", schedule)
    slow.set_timesteps(5)
    other = noise[1 - side]
    with torch.no_grad():
        for t in slow.timesteps:
            share = schedule.alphas_cumprod[t]
            seen = share.sqrt() * given + (1 - share).sqrt() * noise[side]
            found = network(*((seen, other) if side == 0 else (other, seen)), t[None], context)
            other = slow.step((found.video, found.audio)[side], t, other, return_dict=False)[0]
    assert_alike(made[1 - side], other)
    free = generated(network, noise, context, context, 1.0, steps, 5, lambda: None)
    assert (free[1 - side] - made[1 - side]).abs().max() > 1e-3


def test_mutual_guidance_weighs_what_is_found_in_the_other_side_against_nothing_found() -> None:
    """Against a loop by hand, of a network whose cross-attention's last weights are zero where it isn't linked."""
    network, batch = tiny_network(), tiny_batch(1)
    taught(network)
    apart = copy.deepcopy(network)
    for attention in (apart.audio_attention, apart.video_attention):
        for weight in attention.attention.out_proj.parameters():
            torch.nn.init.zeros_(weight)
    schedule = diffusers.DDPMScheduler(beta_schedule="scaled_linear", clip_sample=False)
    context, sides = batch["context"], (batch["audio"], batch["video"])
    rest = (context, torch.zeros_like(context), 2.5, sampler("ddim", schedule), 3, lambda: None)
    made = generated(network, sides, *rest, mutual=3.0)
    slow = [sampler("ddim", schedule) for _ in sides]
    for each in slow:
        each.set_timesteps(3)
    with torch.no_grad():
        for t in slow[0].timesteps:
            told, untold, unlinked = (
                net(*sides, t[None], words)
                for net, words in ((network, context), (network, 0 * context), (apart, context))
            )
            guided = [
                u + 2.5 * (c - u) + 2 * (c - x) for c, u, x in zip(told[:2], untold[:2], unlinked[:2], strict=True)
            ]
            sides = tuple(
                each.step(one, t, side, return_dict=False)[0]
                for each, one, side in zip(slow, guided, sides, strict=True)
            )
    assert_alike(made[0], sides[0])
    assert_alike(made[1], sides[1])
    plain = generated(network, (batch["audio"], batch["video"]), *rest)
    assert (plain[0] - made[0]).abs().max() > 1e-3
    lone = tiny_network(cross_attention=False)
    both = [generated(lone, (batch["audio"], batch["video"]), *rest, mutual=mutual) for mutual in (1.0, 3.0)]
    assert torch.equal(both[0][1], both[1][1]), "nothing to weigh without cross-attention"


def test_sampling_can_be_stopped_between_steps() -> None:
    batch, calls = tiny_batch(1), []

    def check() -> None:
        calls.append(len(calls))
        if len(calls) == 3:
            raise KeyboardInterrupt

    given = (batch["context"], batch["context"], 1.0, sampler("ddim", diffusers.DDPMScheduler()), 5, check)
    with pytest.raises(KeyboardInterrupt):
        generated(tiny_network(), (batch["audio"], batch["video"]), *given)
    assert len(calls) == 3


def test_pairs_that_dont_fit_are_refused() -> None:
    config = TavConfig(FRAMES, 2)
    with pytest.raises(ValueError, match="middles of one width"):
        TavDiffusion(tiny_unet(8), tiny_unet(4, width=24), config)
    with pytest.raises(ValueError, match="3 heads"):
        TavDiffusion(tiny_unet(8), tiny_unet(4), TavConfig(FRAMES, 3))
    with pytest.raises(ValueError, match="frames and heads"):
        TavConfig(frames=0)
    told = diffusers.UNet2DConditionModel(
        block_out_channels=(8, 16), norm_num_groups=4, down_block_types=("DownBlock2D",) * 2, layers_per_block=1,
        up_block_types=("UpBlock2D",) * 2, cross_attention_dim=WORDS, num_class_embeds=3,
    )  # fmt: skip
    with pytest.raises(ValueError, match="nothing but tokens"):
        TavDiffusion(tiny_unet(8), told, config)


def test_latents_that_dont_fit_are_refused() -> None:
    batch = tiny_batch()
    with pytest.raises(ValueError, match="clips have 4 frames"):
        seen(tiny_network(), batch | {"video": batch["video"][:, :3]})
    with pytest.raises(ValueError, match="multiples of 2"):
        seen(tiny_network(), batch | {"audio": batch["audio"][:, :, :7]})
