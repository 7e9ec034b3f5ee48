"""The map from sound to picture embeddings: fitted exactly, led by loudness, mixed."""

import math
from itertools import pairwise

import numpy as np
import pytest
import torch

from storysound.generate.soundimage import (
    FOLDS,
    PENALTIES,
    Config,
    SoundMap,
    fit,
    loudness_of,
    loudness_share,
    mixture,
)
from storysound.media.audio import Waveform

CONFIG = Config.tiny()


def normal(*shape: int) -> torch.Tensor:
    return torch.randn(shape)


def noise(duration_s: float, level: float = 0.1) -> Waveform:
    return Waveform(level * normal(1, round(duration_s * 8000)).numpy(), 8000)


@pytest.fixture
def network() -> SoundMap:
    network = SoundMap(CONFIG)
    network.usual_picture, network.weight = normal(CONFIG.seen), normal(CONFIG.heard, CONFIG.seen)
    return network


def test_gain_leads_away_from_the_usual_picture_as_far_as_it_is_louder(network: SoundMap) -> None:
    """Figure 3, left: the same direction, and equal steps of loudness are equal steps of the condition."""
    heard, lufs = normal(CONFIG.heard), torch.tensor([-math.inf, -80.0, -60.0, -40.0, -20.0, 0.0, 6.0])
    found = network(heard.expand(7, -1), lufs) - network.usual_picture
    lengths = found.norm(dim=1).tolist()
    assert lengths[:2] == [0, 0], "silence shows nothing in particular"
    assert all(a < b for a, b in pairwise(lengths[1:]))
    steps = np.diff(lengths[2:6])
    assert steps == pytest.approx([steps[0]] * 3, rel=1e-4)
    cosines = torch.nn.functional.cosine_similarity(found[2:], found[-1:])
    assert cosines.min() > 0.9999


def test_shares_of_a_mixture_lead_from_one_to_the_other() -> None:
    """Figure 3, right."""
    pair = normal(2, 16) * torch.tensor([[1.0], [3.0]])
    shares = np.linspace(0, 1, 9)
    mixed = torch.stack([mixture(pair, [1 - share, share]) for share in shares])
    assert torch.allclose(mixed[0], pair[0], atol=1e-6)
    assert torch.allclose(mixed[-1], pair[1], atol=1e-6)
    near = torch.nn.functional.cosine_similarity(mixed, pair[1:]).tolist()
    assert all(a < b for a, b in pairwise(near))
    wanted = [(1 - share) * float(pair[0].norm()) + share * float(pair[1].norm()) for share in shares]
    assert mixed.norm(dim=1).tolist() == pytest.approx(wanted, rel=1e-5)
    for wrong in ([0.5, 0.6], [1.0], [1.5, -0.5]):
        with pytest.raises(ValueError, match="shares"):
            mixture(pair, wrong)


def each_alone(n: int) -> list[str]:
    return [str(i) for i in range(n)]


def test_a_linear_relation_is_found_and_nothing_where_there_is_none() -> None:
    heard, lufs, truth = normal(60, 6), -20 * torch.rand(60), normal(6, 8)
    seen = 5 + loudness_share(lufs)[:, None] * ((heard - heard.mean(0)) @ truth)
    black = normal(8)
    fitted = fit(heard, lufs, seen, black, each_alone(60))
    assert fitted.r2 > 0.99
    assert torch.allclose(fitted.network(heard, lufs), seen, atol=0.1)  # its silence is the mean picture, not 5
    assert torch.equal(fitted.network.black, black)
    nothing = fit(heard, lufs, normal(60, 8), black, each_alone(60))
    assert nothing.r2 < 0.05
    assert nothing.penalty > fitted.penalty
    with pytest.raises(ValueError, match="three groups"):
        fit(heard[:4], lufs[:4], seen[:4], black, ["a", "a", "b", "b"])


def test_what_is_left_out_stays_unknown() -> None:
    """More numbers than pairs, and no relation: means and neighbours of one film must not give it away."""
    films = normal(8, 300).repeat_interleave(3, dim=0)  # three pairs of a film sound alike and look alike
    looks = normal(8, 8).repeat_interleave(3, dim=0)
    groups = [str(i // 3) for i in range(24)]
    found = fit(films + 0.01 * normal(24, 300), -20 * torch.rand(24), looks, normal(8), groups)
    assert found.r2 < 0.05
    assert fit(films, torch.full((24,), -20.0), looks, normal(8), each_alone(24)).r2 > 0.5, "pairs split: they leak"


@pytest.mark.parametrize(("n", "width"), [(30, 6), (12, 20)])
def test_the_fit_is_ridge_regression_with_the_penalty_that_leaving_out_chooses(n: int, width: int) -> None:
    heard, lufs = normal(n, width), -30 * torch.rand(n)
    seen = heard[:, :3] @ normal(3, 8) + normal(n, 8)
    groups = [str(i // 2) for i in range(n)]
    fitted = fit(heard, lufs, seen, normal(8), groups)
    h, share, y = heard.double().numpy(), loudness_share(lufs).double().numpy()[:, None], seen.double().numpy()

    def ridge(rows: list[int], penalty: float) -> np.ndarray:
        a, b = share[rows] * (h[rows] - h[rows].mean(0)), y[rows] - y[rows].mean(0)
        unit = (np.linalg.svd(a, compute_uv=False) ** 2).mean()
        return np.linalg.solve(a.T @ a + penalty * unit * np.eye(width), a.T @ b)

    def left_out(penalty: float) -> tuple[np.ndarray, np.ndarray]:
        predicted, truth = np.zeros_like(y), np.zeros_like(y)
        for fold in range(FOLDS):
            rows = [i for i in range(n) if (i // 2) % FOLDS != fold]
            for i in set(range(n)) - set(rows):
                predicted[i] = share[i] * ((h[i] - h[rows].mean(0)) @ ridge(rows, penalty))
                truth[i] = y[i] - y[rows].mean(0)
        return predicted, truth

    errors = [((predicted - truth) ** 2).sum() for predicted, truth in map(left_out, PENALTIES)]
    assert fitted.penalty == PENALTIES[int(np.argmin(errors))]
    predicted, truth = left_out(fitted.penalty)
    assert fitted.r2 == pytest.approx(1 - min(errors) / (truth**2).sum(), abs=1e-4)
    spread = min(4.0, math.sqrt((truth**2).sum() / (predicted**2).sum()))
    assert fitted.network.weight.numpy() == pytest.approx(spread * ridge(list(range(n)), fitted.penalty), abs=1e-3)


def test_loudness_of_sounds_long_and_short() -> None:
    long = noise(2.0)
    louder = Waveform(long.samples * np.float32(10 ** (6.0 / 20)), long.rate_hz)
    assert loudness_of(louder) == pytest.approx(loudness_of(long) + 6, abs=0.1)
    assert loudness_of(noise(0.05)) == pytest.approx(loudness_of(noise(3.0)), abs=1.5)
    assert loudness_of(Waveform(np.zeros((2, 8000), np.float32), 8000)) == -math.inf
