"""Rectified flow against what can be said of it on paper: Gaussian data, whose best guess is known."""

import pytest
import torch
from torch import Tensor

from storysound.nn.flow import FlowConfig, FlowTransformer, GaussianView, flow_loss, guided, sample, windowed

MEANS = torch.tensor([[2.0, -1.0], [-2.0, 1.0]])
DEVIATIONS = torch.tensor([0.5, 2.0])
CONDITIONS = torch.eye(2)


def fitted(view: GaussianView, count: int = 4000) -> None:
    kinds = torch.arange(count) % 2
    tokens = MEANS[kinds] + DEVIATIONS * torch.randn(count, 2, generator=torch.Generator().manual_seed(1))
    view.fit(MEANS, CONDITIONS, torch.arange(2), tokens, kinds, ridge=1e-4)


@pytest.fixture
def view() -> GaussianView:
    view = GaussianView(2, 2)
    fitted(view)
    return view


def test_the_view_of_gaussians_is_their_posterior_mean(view: GaussianView) -> None:
    x, t = torch.tensor([[[1.0, 3.0]]]), torch.tensor([0.4])
    variance = DEVIATIONS**2
    gain = 0.4 * variance / (0.16 * variance + 0.36)
    expected = MEANS[0] + gain * (x[0, 0] - 0.4 * MEANS[0])
    torch.testing.assert_close(view(x, t, CONDITIONS[:1])[0, 0], expected, atol=0.08, rtol=0.02)


def test_samples_have_the_mean_and_the_spread_of_their_condition(view: GaussianView) -> None:
    noise = torch.randn(2000, 1, 2, generator=torch.Generator().manual_seed(0))
    seen = guided(view, CONDITIONS[:1].expand(2000, 2), 1.0)
    found = sample(seen, noise, 16)[:, 0]
    torch.testing.assert_close(found.mean(0), MEANS[0], atol=0.12, rtol=0)
    torch.testing.assert_close(found.std(0), DEVIATIONS, atol=0.12, rtol=0.06)


def test_guidance_goes_beyond_the_condition_and_only_within_its_interval(view: GaussianView) -> None:
    x = torch.zeros(1, 1, 2)
    plain, none = view(x, torch.tensor([0.5]), CONDITIONS[:1]), view(x, torch.tensor([0.5]), torch.zeros(1, 2))
    torch.testing.assert_close(guided(view, CONDITIONS[:1], 3.0)(x, 0.5), none + 3 * (plain - none))
    torch.testing.assert_close(guided(view, CONDITIONS[:1], 3.0, (0.0, 0.4))(x, 0.5), plain)


def test_an_untrained_network_sees_what_gaussians_would() -> None:
    torch.manual_seed(0)
    network = FlowTransformer(FlowConfig(4, 2, 2, 16, 2, 2))
    fitted(network.gaussian)
    x, t = torch.randn(3, 4, 2), torch.rand(3)
    torch.testing.assert_close(network(x, t, CONDITIONS[[0, 1, 0]]), network.gaussian(x, t, CONDITIONS[[0, 1, 0]]))


def test_the_loss_of_who_sees_the_data_is_nothing_and_learning_lowers_it() -> None:
    data, condition = torch.randn(8, 4, 2), CONDITIONS[torch.arange(8) % 2]
    dice = torch.Generator().manual_seed(0)
    assert flow_loss(lambda *_: data, data, condition, dice) == 0
    torch.manual_seed(0)
    network = FlowTransformer(FlowConfig(4, 2, 2, 32, 2, 2))
    optimiser = torch.optim.Adam(network.parameters(), 5e-3)
    found = []
    for _ in range(60):
        loss = flow_loss(network, data, condition, torch.Generator().manual_seed(3))
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        found.append(float(loss.detach()))
    assert found[-1] < 0.5 * found[0]


def test_windows_of_a_view_that_looks_at_each_token_alone_change_nothing() -> None:
    def seen(x: Tensor, t: float, start: int = 0, /) -> Tensor:
        assert x.shape[1] <= 6
        return x * t

    x = torch.randn(1, 17, 2)
    torch.testing.assert_close(windowed(seen, 6, 3)(x, 0.3), x * 0.3)
    torch.testing.assert_close(windowed(seen, 6, 3)(x[:, :5], 0.3), x[:, :5] * 0.3)


def test_windows_know_where_they_begin() -> None:
    def seen(x: Tensor, t: float, start: int = 0, /) -> Tensor:
        return torch.arange(start, start + x.shape[1]).float()[None, :, None].expand_as(x)

    places = windowed(seen, 6, 3)(torch.randn(1, 17, 2), 0.3)
    torch.testing.assert_close(places[0, :, 0], torch.arange(17.0))


def test_shapes_that_make_no_sense_are_refused() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        FlowConfig(0, 2, 2)
    with pytest.raises(ValueError, match="even part"):
        FlowConfig(4, 2, 2, width=10, heads=4)
