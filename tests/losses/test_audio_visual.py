"""TAVGBench's alignment loss against its definition, one pair of tokens at a time."""

import numpy as np
import pytest
import torch

from rounding import assert_alike
from storysound.losses.audio_visual import (
    MATCHES,
    Match,
    audible_flow_loss,
    audible_video_loss,
    explicit_alignment,
    middle_similarity,
    weighted_similarity,
)  # fmt: skip
from storysound.nn.tavdiffusion import MiddleTokens
from storysound.nn.two_streams import TwoStreams, TwoStreamsConfig, audio_places, video_places
from tavdiffusion_fakes import taught, tiny_batch, tiny_network


def slow(a: np.ndarray, v: np.ndarray, weight_a: np.ndarray, weight_v: np.ndarray, match: Match) -> np.ndarray:
    best = {"max": max, "mean": np.mean}[match]
    found = np.zeros((len(a), len(v)))
    for i, heard in enumerate(a):
        for j, seen in enumerate(v):
            cosines = [[x @ y / np.sqrt((x @ x) * (y @ y)) for y in seen] for x in heard]
            there = sum(weight * best(row) for weight, row in zip(weight_a[i], cosines, strict=True))
            back = sum(weight * best(row) for weight, row in zip(weight_v[j], zip(*cosines, strict=True), strict=True))
            found[i, j] = (there + back) / 2
    return found


def given(b: int, c: int, seed: int = 0) -> tuple[np.ndarray, ...]:
    rng = np.random.default_rng(seed)
    weights = [rng.dirichlet(np.ones(tokens), items) for items, tokens in ((b, 3), (c, 5))]
    return rng.normal(size=(b, 3, 4)), rng.normal(size=(c, 5, 4)), *weights


@pytest.mark.parametrize("match", MATCHES)
def test_erratum_9_similarity_of_the_best_match_and_of_the_mean_is_its_definition(match: Match) -> None:
    arrays = given(4, 6)
    found = weighted_similarity(*map(torch.tensor, arrays), match=match).numpy()
    np.testing.assert_allclose(found, slow(*arrays, match=match), atol=1e-9)


def test_the_loss_is_its_definition() -> None:
    s = np.random.default_rng(1).uniform(-1, 1, (5, 5))
    terms = []
    for i in range(5):
        for answers in (s[i], s[:, i]):
            terms.append(np.log(np.exp(answers / 0.2).sum()) - answers[i] / 0.2)
    assert explicit_alignment(torch.tensor(s), 0.2).item() == pytest.approx(sum(terms) / 5)


def test_erratum_6_a_clip_is_like_itself_by_1_and_nothing_is_more_alike() -> None:
    a, _, weight, _ = map(torch.tensor, given(4, 4))
    own = weighted_similarity(a, 3 * a, weight, weight)
    torch.testing.assert_close(own.diagonal(), torch.ones(4, dtype=own.dtype))
    assert (own.abs() <= 1 + 1e-9).all()
    assert (own - 2 * torch.eye(4) < 0.999).all()


def test_tokens_without_weight_and_their_order_change_nothing() -> None:
    a, v, weight_a, weight_v = map(torch.tensor, given(3, 3))
    plain = weighted_similarity(a, v, weight_a, weight_v)
    order = torch.tensor([2, 0, 1])
    torch.testing.assert_close(weighted_similarity(a[:, order], v, weight_a[:, order], weight_v), plain)
    weight_v[:, 0] = 0
    mean = weighted_similarity(a, v, torch.zeros_like(weight_a), weight_v)
    torch.testing.assert_close(
        weighted_similarity(a, v[:, 1:], torch.zeros_like(weight_a), weight_v[:, 1:]), mean
    )  # the seen side's way alone: a token that weighs nothing is not looked for


def test_steps_along_the_gradient_find_the_pairs() -> None:
    a, v, weight_a, weight_v = (torch.tensor(one, dtype=torch.float32) for one in given(4, 4))
    a.requires_grad_(True)
    optimiser = torch.optim.Adam([a], 0.1)
    losses = []
    for _ in range(60):
        losses.append(explicit_alignment(weighted_similarity(a, v, weight_a, weight_v)))
        optimiser.zero_grad()
        losses[-1].backward()
        optimiser.step()
    assert losses[-1].item() < losses[0].item() / 2
    found = weighted_similarity(a, v, weight_a, weight_v)
    assert found.argmax(dim=1).tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize(
    "shapes",
    [((2, 3), (2, 3), (2,), (2,)), ((2, 3, 4), (2, 5, 3), (2, 3), (2, 5)), ((2, 3, 4), (2, 5, 4), (2, 5), (2, 3)),
     ((2, 3, 4), (2, 0, 4), (2, 3), (2, 0))],
)  # fmt: skip
def test_shapes_that_dont_fit_are_refused(shapes: tuple[tuple[int, ...], ...]) -> None:
    with pytest.raises(ValueError, match=r"needs tokens \[b n d\]"):
        weighted_similarity(*map(torch.zeros, shapes))


def test_another_match_and_unpaired_clips_are_refused() -> None:
    a, v, *weights = map(torch.tensor, given(2, 3))
    with pytest.raises(ValueError, match="matches are max, mean"):
        weighted_similarity(a, v, *weights, match="min")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"needs \[b b\]"):
        explicit_alignment(weighted_similarity(a, v, *weights))


@pytest.mark.parametrize("seen_as", ["epsilon", "v_prediction"])
def test_the_whole_loss_is_both_errors_and_a_tenth_of_the_alignment(seen_as: str) -> None:
    """Eq. 15, of noise and times drawn alike; and of velocities (Salimans and Ho 2022) by a schedule that says so."""
    diffusers = pytest.importorskip("diffusers")
    network, batch, schedule = tiny_network(), tiny_batch(), diffusers.DDPMScheduler(prediction_type=seen_as)
    taught(network)
    found = audible_video_loss(network, **batch, schedule=schedule, dice=torch.Generator().manual_seed(0))
    dice = torch.Generator().manual_seed(0)
    t = torch.randint(0, 1000, (3,), generator=dice)
    noise = [torch.randn(batch[side].shape, generator=dice) for side in ("audio", "video")]
    share = schedule.alphas_cumprod[t]
    noisy, wanted = [], []
    for clean, added in zip((batch["audio"], batch["video"]), noise, strict=True):
        kept = share.view(-1, *(1,) * (clean.ndim - 1))
        noisy.append(kept.sqrt() * clean + (1 - kept).sqrt() * added)
        wanted.append(added if seen_as == "epsilon" else kept.sqrt() * added - (1 - kept).sqrt() * clean)
    seen = network(*noisy, t, batch["context"])
    assert_alike(found.audio.detach(), (seen.audio - wanted[0]).square().mean().detach())
    assert_alike(found.video.detach(), (seen.video - wanted[1]).square().mean().detach())
    assert found.alignment is not None
    aligned = explicit_alignment(middle_similarity(seen.middle))
    torch.testing.assert_close(found.alignment, aligned, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(found.total, found.audio + found.video + 0.1 * found.alignment)


def test_without_alignment_it_is_both_errors() -> None:
    diffusers = pytest.importorskip("diffusers")
    given = {**tiny_batch(), "schedule": diffusers.DDPMScheduler()}
    found = audible_video_loss(tiny_network(alignment=False), **given, dice=torch.Generator())
    assert found.alignment is None
    torch.testing.assert_close(found.total, found.audio + found.video)


def test_steps_lower_the_whole_loss_and_every_weight_learns() -> None:
    diffusers = pytest.importorskip("diffusers")
    network, given = tiny_network().train(), {**tiny_batch(), "schedule": diffusers.DDPMScheduler()}
    first = {name: weight.detach().clone() for name, weight in network.named_parameters()}
    optimiser = torch.optim.AdamW(network.parameters(), 0.003, weight_decay=0)
    losses = []
    for _ in range(12):
        found = audible_video_loss(network, **given, dice=torch.Generator().manual_seed(0))
        optimiser.zero_grad()
        found.total.backward()
        optimiser.step()
        losses.append(found.total.item())
    assert losses[-1] < 0.9 * losses[0]
    assert not [name for name, weight in network.named_parameters() if torch.equal(weight, first[name])]


def test_a_step_in_half_precision_as_trainings_take_it() -> None:
    """By Fabric, which looks through what a network returns."""
    diffusers, fabric = pytest.importorskip("diffusers"), pytest.importorskip("lightning_fabric")
    network, batch = tiny_network().train(), tiny_batch()
    taught(network)
    given = {**batch, "schedule": diffusers.DDPMScheduler()}
    whole = audible_video_loss(network, **given, dice=torch.Generator().manual_seed(0))
    half = fabric.Fabric(accelerator="cpu", devices=1, precision="bf16-mixed")
    found = audible_video_loss(half.setup_module(network), **given, dice=torch.Generator().manual_seed(0))
    half.backward(found.total)
    assert found.audio.item() == pytest.approx(whole.audio.item(), rel=0.1)
    assert found.video.item() == pytest.approx(whole.video.item(), rel=0.1)
    assert all(weight.grad is None or weight.grad.isfinite().all() for weight in network.parameters())


def streams_batch(clips: int = 3) -> dict[str, torch.Tensor]:
    dice = torch.Generator().manual_seed(0)
    shapes = {"audio": (5, 3), "video": (6, 2), "text": (4, 6)}
    made = {name: torch.randn(clips, *shape, generator=dice) for name, shape in shapes.items()}
    places = torch.cat([audio_places(5, 1.5), video_places(3, 1, 2, 1.5)])
    return {**made, "mask": torch.ones(clips, 4, dtype=torch.bool), "places": places}


def tiny_streams(**given: bool) -> TwoStreams:
    torch.manual_seed(0)
    return TwoStreams(TwoStreamsConfig(3, 2, 6, width=16, blocks=2, heads=2, **given))


def test_the_flow_loss_is_its_definition() -> None:
    """Clip by clip: one time for both sides, their own noise, and the velocity that leads to the data."""
    network, batch = tiny_streams(alignment=True), streams_batch()
    taught(network)
    with torch.no_grad():
        found = audible_flow_loss(network, **batch, dice=torch.Generator().manual_seed(7), weight=0.25)
    dice = torch.Generator().manual_seed(7)
    times = torch.sigmoid(torch.randn(3, generator=dice) - 0.4)
    noise = {name: torch.randn(batch[name].shape, generator=dice) for name in ("audio", "video")}
    errors: dict[str, list[float]] = {"audio": [], "video": []}
    tokens = []
    with torch.no_grad():
        for i, t in enumerate(times):
            x = {name: t * batch[name][i] + (1 - t) * one[i] for name, one in noise.items()}
            told = (batch["text"][i : i + 1], batch["mask"][i : i + 1], batch["places"])
            seen = network(x["audio"][None], x["video"][None], t[None], *told)
            tokens.append(seen.middle)
            for name, one in (("audio", seen.audio), ("video", seen.video)):
                velocity = (one[0] - x[name]) / (1 - t)
                errors[name].append(float(((velocity - (batch[name][i] - noise[name][i])) ** 2).mean()))
    assert found.audio.item() == pytest.approx(np.mean(errors["audio"]), rel=1e-4)
    assert found.video.item() == pytest.approx(np.mean(errors["video"]), rel=1e-4)
    middle = MiddleTokens(*(torch.cat(parts) for parts in zip(*tokens, strict=True)))
    aligned = explicit_alignment(middle_similarity(middle), 0.1).item()
    assert found.alignment is not None
    assert found.alignment.item() == pytest.approx(aligned, rel=1e-4)
    total = np.mean(errors["audio"]) + np.mean(errors["video"]) + 0.25 * aligned
    assert found.total.item() == pytest.approx(total, rel=1e-4)


def test_the_flow_loss_falls_while_both_streams_learn() -> None:
    network, batch = tiny_streams(), streams_batch()
    learner = torch.optim.Adam(network.parameters(), 3e-3)
    losses = []
    for step in range(60):
        loss = audible_flow_loss(network, **batch, dice=torch.Generator().manual_seed(step % 4))
        assert loss.alignment is None
        learner.zero_grad()
        loss.total.backward()
        learner.step()
        losses.append([loss.audio.item(), loss.video.item()])
    assert (np.mean(losses[-4:], axis=0) < 0.5 * np.mean(losses[:4], axis=0)).all()


def test_a_step_of_two_streams_runs_in_half_precision_by_fabric() -> None:
    fabric = pytest.importorskip("lightning_fabric").Fabric(accelerator="cpu", devices=1, precision="bf16-mixed")
    network, batch = tiny_streams(alignment=True), streams_batch()
    taught(network)
    network.enable_gradient_checkpointing()
    made, _ = fabric.setup(network, torch.optim.AdamW(network.parameters(), 1e-3))
    loss = audible_flow_loss(made, **batch, dice=torch.Generator().manual_seed(0))
    fabric.backward(loss.total)
    assert loss.total.isfinite()
    assert all(weight.grad is not None and weight.grad.isfinite().all() for weight in network.parameters())
    with torch.no_grad():
        whole = audible_flow_loss(network, **batch, dice=torch.Generator().manual_seed(0))
    assert loss.total.item() == pytest.approx(whole.total.item(), rel=0.05)
