"""SoSgen's two losses, its control branch and its samplers, on parts in miniature."""

import copy
import hashlib
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from generate_fakes import no_network, tiny_diffusion, tiny_eyes  # noqa: F401
from rounding import assert_alike
from storysound.generate.diffusion_folder import DiffusionParts
from storysound.nn.frame_track import FrameTrack, FrameTrackConfig, spread
from storysound.nn.latent_diffusion import (
    SAMPLERS,
    FramesNoise,
    FrozenParts,
    TextNoise,
    decoded,
    denoised,
    encoded,
    frames_loss,
    sampler,
    text_loss,
)  # fmt: skip

pytest.importorskip("diffusers")
pytestmark = pytest.mark.usefixtures("no_network")


@pytest.fixture
def parts(tmp_path: Path) -> DiffusionParts:
    return tiny_diffusion(tmp_path / "words").with_branch("text+image", tiny_eyes(), 0)


@pytest.fixture
def given(parts: DiffusionParts) -> dict[str, Tensor]:
    dice = torch.Generator().manual_seed(1)
    return {
        "latents": torch.randn(2, 4, 8, 16, generator=dice), "ids": parts.tokens(["rain falls", "a dog"]),
        "frames": torch.randn(2, 8, 6, generator=dice),
    }  # fmt: skip


def branch(parts: DiffusionParts) -> FramesNoise:
    assert parts.track is not None
    return FramesNoise(parts.control, parts.track, FrozenParts(parts.unet, parts.text_encoder), parts.factor)


def sha(module: nn.Module) -> str:
    values = b"".join(value.numpy().tobytes() for _, value in sorted(module.state_dict().items()))
    return hashlib.sha256(values).hexdigest()


def loss_of(network: nn.Module, parts: DiffusionParts, given: dict[str, Tensor], seed: int = 0) -> Tensor:
    return frames_loss(network, **given, schedule=parts.schedule, dice=torch.Generator().manual_seed(seed))


def test_a_branch_that_has_learned_nothing_changes_nothing(parts: DiffusionParts, given: dict[str, Tensor]) -> None:
    dice = torch.Generator().manual_seed(0)
    alone = TextNoise(parts.unet, parts.text_encoder)
    plain = text_loss(alone, given["latents"], given["ids"], parts.schedule, dice)
    assert_alike(loss_of(branch(parts), parts, given).detach(), plain.detach())
    t = torch.tensor([3, 500])
    beside = branch(parts)(given["latents"], t, given["ids"], given["frames"])
    assert_alike(beside.detach(), alone(given["latents"], t, given["ids"]).detach())


def test_frozen_is_frozen_and_the_branch_alone_learns(parts: DiffusionParts, given: dict[str, Tensor]) -> None:
    frozen = (parts.unet, parts.text_encoder, parts.vae, parts.eyes)
    before, network = [sha(part) for part in frozen], branch(parts)
    names = {name.split(".")[0] for name, weight in network.named_parameters() if weight.requires_grad}
    assert names == {"control", "track"}
    t = torch.tensor([3, 500])
    untaught = network(given["latents"], t, given["ids"], given["frames"]).detach()
    first = copy.deepcopy(network.state_dict())
    optimiser = torch.optim.AdamW(network.parameters(), 0.05)  # large: what it does must stand far above roundings
    loss_of(network, parts, given).backward()
    optimiser.step()
    assert [sha(part) for part in frozen] == before
    moved = {name for name, value in network.state_dict().items() if (value - first[name]).abs().max() > 0.02}
    assert moved
    assert all("controlnet_down_blocks" in name or "controlnet_mid_block" in name for name in moved)
    taught = network(given["latents"], t, given["ids"], given["frames"]).detach()
    assert (taught - untaught).abs().max() > 1e-3 * untaught.abs().max()
    for _ in range(2):  # what stood behind the zeros learns now, the track of frames too
        optimiser.zero_grad()
        loss_of(network, parts, given).backward()
        optimiser.step()
    assert all(weight.grad is not None for weight in network.parameters()), "devices wait for every weight's gradient"
    assert network.track.tokens.weight.grad.abs().max() > 0
    other = given["frames"].flip(0)
    swapped = network(given["latents"], t, given["ids"], other).detach()
    now = network(given["latents"], t, given["ids"], given["frames"]).detach()
    assert (swapped - now).abs().max() > 1e-5 * now.abs().max(), "frames must matter"


def test_text_and_unet_learn_together_and_the_vae_does_not(parts: DiffusionParts, given: dict[str, Tensor]) -> None:
    network, vae = TextNoise(parts.unet, parts.text_encoder), sha(parts.vae)
    before = sha(parts.unet), sha(parts.text_encoder)
    optimiser = torch.optim.AdamW(network.parameters(), 1e-3)
    pictures = torch.rand(2, 3, 16, 32, generator=torch.Generator().manual_seed(2)) * 2 - 1
    latents = encoded(parts.vae, pictures, torch.Generator().manual_seed(3))
    text_loss(network, latents, given["ids"], parts.schedule, torch.Generator().manual_seed(0)).backward()
    assert all(weight.grad is not None for weight in network.parameters())
    optimiser.step()
    assert sha(parts.vae) == vae
    assert sha(parts.unet) != before[0]
    assert sha(parts.text_encoder) != before[1]


def test_equation_12_is_the_mean_square_of_what_is_left_of_the_noise(parts: DiffusionParts) -> None:
    """A network that knows the data sees all of the noise; one that sees none leaves all of it."""
    latents = torch.randn(64, 4, 4, 4, generator=torch.Generator().manual_seed(0))
    shares = parts.schedule.alphas_cumprod

    def knows(noisy: Tensor, t: Tensor, _: Tensor) -> Tensor:
        share = shares[t].view(-1, 1, 1, 1)
        return (noisy - share.sqrt() * latents) / (1 - share).sqrt()

    ids = torch.zeros(64, 1, dtype=torch.long)
    dice = torch.Generator().manual_seed(5)
    assert float(text_loss(knows, latents, ids, parts.schedule, dice)) < 1e-5  # type: ignore[arg-type]
    none = text_loss(lambda noisy, t, ids: torch.zeros_like(noisy), latents, ids, parts.schedule, dice)  # type: ignore[arg-type]
    assert float(none) == pytest.approx(1.0, abs=0.1)


@pytest.mark.parametrize("name", SAMPLERS)
@pytest.mark.parametrize("steps", [5, 20])
def test_both_samplers_find_data_that_a_network_knows(name: str, steps: int, parts: DiffusionParts) -> None:
    wanted = torch.randn(1, 4, 4, 8, generator=torch.Generator().manual_seed(0))
    shares, asked = parts.schedule.alphas_cumprod, []

    def seen(noisy: Tensor, t: Tensor) -> Tensor:
        share = shares[int(t)]
        return (noisy - share.sqrt() * wanted) / (1 - share).sqrt()

    noise = torch.randn(wanted.shape, generator=torch.Generator().manual_seed(1))
    found = denoised(seen, noise, sampler(name, parts.schedule), steps, lambda: asked.append(1))
    assert len(asked) == steps
    assert (found - wanted).abs().max() < 0.1 * wanted.abs().max()


def test_latents_are_scaled_as_the_vae_says_and_come_back(parts: DiffusionParts) -> None:
    pictures = torch.rand(1, 3, 16, 32, generator=torch.Generator().manual_seed(2)) * 2 - 1
    one, again, other = (encoded(parts.vae, pictures, torch.Generator().manual_seed(seed)) for seed in (3, 3, 4))
    assert_alike(one, again)
    assert not torch.allclose(one, other)
    told = parts.vae.encode(pictures).latent_dist
    drawn = ((one / parts.vae.config.scaling_factor - told.mean) / told.std).detach()
    assert float(drawn.std()) == pytest.approx(1.0, abs=0.2)
    assert decoded(parts.vae, one).shape == pictures.shape


def test_erratum_8_frames_are_spread_over_the_time_in_which_they_are_shown() -> None:
    red, blue = torch.tensor([[1.0, 0, 0, 0]]), torch.tensor([[0, 0, 1.0, 0]])
    track = spread(torch.cat([red, blue]), [-1.0, 1.2], 4, 0.5)
    assert_alike(track, torch.cat([red, red, blue, blue]))
    for times_s in ([], [0.0]):
        with pytest.raises(ValueError, match="needs a time for each"):
            spread(torch.cat([red, blue])[: 2 * len(times_s)], times_s, 4, 0.5)
    torch.manual_seed(0)
    network = FrameTrack(FrameTrackConfig(4, 12, cells=4, channels=2, rows=2))
    tokens, hint = network(track[None], 8, 16)
    assert (tokens.shape, hint.shape) == ((1, 4, 12), (1, 2, 8, 16))
    columns = hint[0].flatten(0, 1).T  # of the time before the change, and after it
    assert_alike(columns[0].detach(), columns[5].detach())
    assert not torch.allclose(columns[0], columns[-1])
    with pytest.raises(ValueError, match="at least 1"):
        FrameTrackConfig(0, 12)
