"""A made world in which a block jumps whenever something sounds: the offset of its sound is known."""

import numpy as np
import pytest

from storysound.metrics.synchrony import LONGEST_S, RATE_HZ, agreements, block_motion, synchrony

FPS, ONSET_HZ = 25, 100.0
STRIKES_S = (0.5, 1.1, 2.3, 2.7, 3.9, 5.2, 5.6, 7.0, 7.9, 8.4)


def struck(seed: int = 0, noise: float = 0.01) -> tuple[np.ndarray, np.ndarray]:
    """Grey pictures of a square that leaps to a new place at every strike, and their times."""
    rng = np.random.default_rng(seed)
    times = np.arange(10 * FPS) / FPS
    pictures = noise * rng.standard_normal((len(times), 48, 64)).astype(np.float32)
    strikes = np.searchsorted(STRIKES_S, times + 1e-9)
    for picture, strike in zip(pictures, strikes, strict=True):
        top = 6 if strike % 2 else 12
        picture[top : top + 16, 20:36] += 0.8
    return pictures, times


def onsets(late_s: float, strikes_s: tuple[float, ...] = STRIKES_S) -> np.ndarray:
    curve = np.zeros(round(10 * ONSET_HZ))
    for at in strikes_s:
        if 0 <= at + late_s < 10:
            curve[round((at + late_s) * ONSET_HZ)] = 5.0
    return curve


@pytest.mark.parametrize("late_s", [-0.8, -0.24, 0.0, 0.16, 0.5, 0.9])
def test_known_offsets_are_found(late_s: float) -> None:
    found = synchrony(*struck(), onsets(late_s), ONSET_HZ)
    assert found is not None
    assert found.offset_s == pytest.approx(late_s, abs=0.08)
    assert found.strength > 1


def test_what_has_nothing_to_do_with_each_other_is_weaker() -> None:
    other = tuple(np.sort(np.random.default_rng(5).uniform(0, 10, 10)).tolist())
    own, none = (synchrony(*struck(), onsets(0.0, strikes), ONSET_HZ) for strikes in (STRIKES_S, other))
    assert own is not None
    assert none is not None
    assert own.strength > 2 * none.strength


def test_without_onsets_there_is_no_offset() -> None:
    pictures, times = struck(noise=0.0)
    assert synchrony(pictures, times, np.zeros(1000), ONSET_HZ) is None
    assert synchrony(np.full_like(pictures, 0.5), times, onsets(0.0), ONSET_HZ) is None
    assert synchrony(pictures[:50], times[:50], onsets(0.0), ONSET_HZ) is None
    assert synchrony(pictures[:2], times[:2], onsets(0.0), ONSET_HZ) is None


def test_agreements_are_of_all_offsets() -> None:
    found = agreements(*struck(), onsets(0.4), ONSET_HZ)
    assert found is not None
    assert found.shape == (2 * LONGEST_S * RATE_HZ + 1,)
    assert found.argmax() == pytest.approx((LONGEST_S + 0.4) * RATE_HZ, abs=4)


def test_motion_is_where_it_moves() -> None:
    motion = block_motion(*struck(noise=0.0))
    assert motion.shape == (round((10 - 1 / FPS) * RATE_HZ), 64)
    assert set(np.flatnonzero(motion.max(axis=0))) <= {8 * row + column for row in range(1, 5) for column in (2, 3, 4)}
    still = motion[[round((at + 0.3) * RATE_HZ) for at in (1.1, 2.7, 3.9)]]
    assert still.max() == 0


@pytest.mark.parametrize(
    ("pictures", "times", "sound", "rate", "words"),
    [
        (np.zeros((9, 48)), np.arange(9), np.ones(900), 100.0, "needs pictures"),
        (np.zeros((9, 4, 48)), np.arange(9), np.ones(900), 100.0, "needs pictures"),
        (np.zeros((9, 48, 48)), np.arange(8), np.ones(900), 100.0, "needs pictures"),
        (np.zeros((9, 48, 48)), np.zeros(9), np.ones(900), 100.0, "times rise"),
        (np.full((9, 48, 48), np.nan), np.arange(9), np.ones(900), 100.0, "finite"),
        (np.zeros((9, 48, 48)), np.arange(9), -np.ones(900), 100.0, "onsets"),
        (np.zeros((9, 48, 48)), np.arange(9), np.ones(900), 20.0, "onsets"),
    ],
)
def test_other_shapes_are_refused(
    pictures: np.ndarray, times: np.ndarray, sound: np.ndarray, rate: float, words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        synchrony(pictures, times, sound, rate)


def test_pictures_that_are_shown_twice_count_once() -> None:
    """25 a second told as 30, every sixth the fifth again, faintly coded anew: as if the fifth had stayed for two."""
    rng = np.random.default_rng(1)
    moving = rng.random((60, 16, 16)).astype(np.float32)
    times = np.arange(70) / 30
    which = np.arange(70) - (np.arange(70) + 1) // 6
    told = moving[which] + 1e-4 * rng.standard_normal((70, 16, 16)).astype(np.float32)
    once = np.append(True, np.diff(which) > 0)
    assert (~once).sum() == 11
    np.testing.assert_allclose(block_motion(told, times), block_motion(told[once], times[once]), atol=1e-12)


def test_what_stops_is_no_repetition() -> None:
    """Motion ends at the 20th picture: that it does is seen then, and not when stillness has become usual."""
    moving = np.random.default_rng(2).random((60, 16, 16)).astype(np.float32)
    moving[20:] = moving[20]
    found = block_motion(moving, np.arange(60) / 25).mean(axis=1)
    assert np.flatnonzero(found > 0.01).max() == pytest.approx(21 / 25 * RATE_HZ, abs=2)
