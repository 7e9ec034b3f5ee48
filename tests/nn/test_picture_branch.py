"""The branch for pictures: nothing at first, then each picture at its own time; the flow beside it stays as it is."""

import pytest
import torch
from torch import Tensor

from storysound.nn.flow import FlowConfig, FlowTransformer, flow_loss, guided, windowed
from storysound.nn.picture_branch import BranchConfig, PictureBranch, guided_by_pictures

DOG, FIRE = torch.eye(3)[:2]


@pytest.fixture
def flow() -> FlowTransformer:
    flow = FlowTransformer(FlowConfig(6, 4, 2, 8, 2, 2))
    torch.nn.init.normal_(flow.out.weight, std=0.1)
    flow.gaussian.weight.normal_()
    return flow.eval().requires_grad_(False)


@pytest.fixture
def branch() -> PictureBranch:
    return PictureBranch(BranchConfig(3, 2, 8, 3, 16))


def woken(branch: PictureBranch) -> PictureBranch:
    for last in (branch.stream, branch.condition):
        torch.nn.init.normal_(last.weight, std=0.2)
    return branch.eval()


def test_at_first_it_changes_nothing(flow: FlowTransformer, branch: PictureBranch) -> None:
    x, t, words, pictures = torch.randn(2, 6, 4), torch.rand(2), torch.randn(2, 2), torch.randn(2, 6, 3)
    plain = flow(x, t, words)
    torch.testing.assert_close(flow(x, t, words, branch(pictures, t, words)), plain)
    assert not torch.allclose(flow(x, t, words, woken(branch)(pictures, t, words)), plain, atol=1e-3)


def test_only_the_branch_learns(flow: FlowTransformer, branch: PictureBranch) -> None:
    pictures = torch.randn(4, 6, 3)
    network = lambda x, t, words: flow(x, t, words, branch(pictures, t, words))  # noqa: E731
    flow_loss(network, torch.randn(4, 6, 4), torch.randn(4, 2), torch.Generator().manual_seed(0)).backward()
    assert all(weight.grad is None for weight in flow.parameters())
    assert all(float(last.weight.grad.abs().max()) > 0 for last in (branch.stream, branch.condition))


def test_pictures_act_at_their_own_time(branch: PictureBranch) -> None:
    half = torch.stack([DOG] * 3 + [FIRE] * 3)
    shown = torch.stack([DOG.expand(6, 3), FIRE.expand(6, 3), half])
    stream, condition = woken(branch)(shown, torch.full((3,), 0.5), torch.ones(3, 2))
    assert (stream.shape, condition.shape) == ((3, 3, 6, 8), (3, 6, 2))
    dog, fire, both = stream.unbind(1)
    torch.testing.assert_close(both[:, :3], dog[:, :3])
    torch.testing.assert_close(both[:, 3:], fire[:, 3:])
    assert not torch.allclose(both[:, 3:], dog[:, 3:], atol=1e-3)
    for_dog, for_fire, mixed = condition
    middle = (for_dog[0] + for_fire[0]) / 2
    torch.testing.assert_close((mixed[0] + mixed[5]) / 2, middle)  # of the mean all tokens have the same
    torch.testing.assert_close(mixed[:3], mixed[:1].expand(3, 2))
    assert not torch.allclose(mixed[0], mixed[5], atol=1e-3)


def test_guidance_weighs_words_against_none_and_pictures_against_words(
    flow: FlowTransformer, branch: PictureBranch
) -> None:
    x, words, pictures = torch.randn(1, 6, 4), torch.ones(1, 2), DOG.expand(1, 6, 3)
    silent = guided_by_pictures(flow, branch, words, pictures, 3.0, 7.0)(x, 0.4)
    torch.testing.assert_close(silent, guided(flow, words, 3.0)(x, 0.4))
    woken(branch)
    t = torch.tensor([0.4])
    none, plain = flow(x, t, 0 * words), flow(x, t, words)
    both = flow(x, t, words, branch(pictures, t, words))
    expected = none + 3 * (plain - none) + 7 * (both - plain)
    torch.testing.assert_close(guided_by_pictures(flow, branch, words, pictures, 3.0, 7.0)(x, 0.4), expected)


def test_windows_have_the_pictures_of_their_own_time(flow: FlowTransformer, branch: PictureBranch) -> None:
    seen: list[Tensor] = []

    def look(pictures: Tensor, t: Tensor, words: Tensor) -> object:
        seen.append(pictures[0, :, 0])
        return branch(pictures, t, words)

    pictures = torch.arange(10.0)[None, :, None].expand(1, 10, 3)
    view = guided_by_pictures(flow, look, torch.ones(1, 2), pictures, 1.0, 1.0)  # type: ignore[arg-type]
    assert windowed(view, 6, 3)(torch.randn(1, 10, 4), 0.5).shape == (1, 10, 4)
    assert [(int(row[0]), len(row)) for row in seen] == [(0, 6), (3, 6), (4, 6)]


def test_sizes_that_make_no_sense_are_refused() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        BranchConfig(0, 2, 2, 2)
