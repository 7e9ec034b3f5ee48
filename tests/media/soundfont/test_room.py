"""The room: its decay, and that scenes don't change each other."""

import numpy as np
import pytest

from storysound.errors import UsageError
from storysound.media.soundfont.room import Room, impulse, in_room

RATE = 24_000


def heard(sound: np.ndarray, room: Room, edges_s: tuple[float, ...] = (), block: int = 70_000) -> np.ndarray:
    blocks = [sound[:, at : at + block] for at in range(0, sound.shape[1], block)]
    return np.concatenate(list(in_room(blocks, room, RATE, edges_s)), axis=1)


def noise(seconds: float, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-0.3, 0.3, (2, round(seconds * RATE))).astype(np.float32)


@pytest.mark.parametrize("decay_s", [0.5, 1.6, 3.0])
def test_an_echo_falls_by_sixty_decibels_in_its_time(decay_s: float) -> None:
    """By Schroeder's backward integral, from -5 to -25 dB (ISO 3382-1, T20), in the band that sounds longest."""
    echo = impulse(Room(decay_s), RATE).astype(np.float64)
    assert (echo**2).sum(axis=1) == pytest.approx([1, 1], rel=1e-5)
    spectrum, hertz = np.fft.rfft(echo), np.fft.rfftfreq(echo.shape[1], 1 / RATE)
    band = np.fft.irfft(spectrum * ((hertz > 300) & (hertz < 950)), echo.shape[1])
    left = np.cumsum((band**2).sum(axis=0)[::-1])[::-1]
    db = 10 * np.log10(left / left[0])
    first, last = (int(np.argmax(db < level)) for level in (-5, -25))
    assert 3 * (last - first) / RATE == pytest.approx(decay_s, rel=0.2)


def test_it_is_the_plain_convolution() -> None:
    sound, room = noise(7), Room(0.4, -6)
    answer = impulse(room, RATE) * 10 ** (-6 / 20)
    plain = np.stack([np.convolve(each, one)[: sound.shape[1]] for each, one in zip(sound, answer, strict=True)])
    np.testing.assert_allclose(heard(sound, room), sound + plain, atol=1e-4)


def test_blocks_don_t_matter() -> None:
    sound, room = noise(8), Room(0.7)
    whole = heard(sound, room, (1.0, 5.5), block=sound.shape[1])
    for block in (1000, 65_536, 70_000):
        assert np.array_equal(heard(sound, room, (1.0, 5.5), block), whole)


def test_what_comes_after_an_edge_leaves_what_is_before_it_and_what_its_echo_does_not_reach() -> None:
    room, edges = Room(0.6), (3.0, 6.0)
    before = noise(12)
    after = before.copy()
    after[:, 3 * RATE : 6 * RATE] = noise(3, seed=1)
    changed = np.flatnonzero((heard(before, room, edges) != heard(after, room, edges)).any(axis=0))
    assert 3 * RATE <= changed[0] < 3.01 * RATE
    assert changed[-1] < (6 + 0.6 * 1.1) * RATE


def test_rooms_out_of_range_are_said() -> None:
    with pytest.raises(UsageError, match="decay_s: must be"):
        Room(0)
    with pytest.raises(UsageError, match="wet_db: must be"):
        Room(wet_db=float("nan"))
