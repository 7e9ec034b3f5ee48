"""A walk covers its length exactly, stays within the sound, jumps where it sounds alike, and falls into no loop."""

from itertools import pairwise

import numpy as np
import pytest
import scipy.signal
from hypothesis import given, settings
from hypothesis import strategies as st

from storysound.cue import walk as walking
from storysound.cue.playback import CuePlayer
from storysound.cue.score import Piece
from storysound.cue.texture import Texture, analyse
from storysound.cue.walk import FADE_S, walk
from storysound.media.arrays import Floats, Samples
from storysound.media.audio import Waveform

RATE = 16_000


def noise(seconds: float, seed: int = 0, channels: int = 1) -> Samples:
    made = np.random.default_rng(seed).standard_normal((channels, round(seconds * RATE)))
    return (0.1 * made).astype(np.float32)


def two_kinds(seconds: float, each_s: float) -> Samples:
    """Low and high noise, in turns."""
    low = scipy.signal.sosfilt(scipy.signal.butter(4, 800, fs=RATE, output="sos"), noise(seconds))
    high = scipy.signal.sosfilt(scipy.signal.butter(4, 2500, "high", fs=RATE, output="sos"), noise(seconds))
    turn = np.arange(round(seconds * RATE)) // round(each_s * RATE) % 2
    return np.asarray(np.where(turn, high, 2.5 * low), np.float32)


CLIP = noise(5.0)
TEXTURE = analyse(Waveform(CLIP, RATE))


def played(samples: Samples, pieces: tuple[Piece, ...]) -> Samples:
    return CuePlayer(Waveform(samples, RATE), pieces, fade_in_s=0.0, fade_out_s=0.0).whole()


@settings(max_examples=60, deadline=None)
@given(
    seconds=st.floats(2.1, 40), length_s=st.floats(1, 90), seed=st.integers(0, 99), at_s=st.floats(0, 9),
    endless=st.booleans(),
)  # fmt: skip
def test_pieces_cover_the_length_within_the_sound(
    seconds: float, length_s: float, seed: int, at_s: float, endless: bool
) -> None:
    before = 0.7
    samples = np.pad(noise(seconds, seed), ((0, 0), (round(before * RATE), RATE // 2)))
    pieces = walk(analyse(Waveform(samples, RATE)), length_s, seed=seed, at_s=at_s, endless=endless)
    assert pieces[0].at_s == at_s
    assert pieces[-1].end_s == pytest.approx(at_s + length_s, abs=1 / RATE)
    assert min(piece.in_s for piece in pieces) > before - 0.06
    assert max(piece.out_s for piece in pieces) < before + seconds + 0.06
    for piece, following in pairwise(pieces):
        assert piece.end_s - following.at_s == pytest.approx(FADE_S, abs=2 / RATE)
        assert following.at_s > piece.at_s
    if length_s > 30:
        assert len(pieces) < 4 * length_s


def test_the_same_seed_gives_the_same_walk_and_another_one_another() -> None:
    once, again, other = (walk(TEXTURE, 30.0, seed=seed) for seed in (1, 1, 2))
    assert once == again
    assert once != other


@pytest.mark.parametrize("length_s", [1.0, 2.0, 7.3, 20.0])
def test_an_endless_walk_ends_where_it_began(length_s: float) -> None:
    pieces = walk(TEXTURE, length_s, seed=3, endless=True)
    assert pieces[-1].out_s == pytest.approx(pieces[0].in_s, abs=1.5 / RATE)
    out = played(CLIP, pieces)[0]
    assert len(out) == round(length_s * RATE)
    begun = round(pieces[0].in_s * RATE)
    n = round(0.003 * RATE)  # at its very end nothing but the clip is heard, as it goes on at the beginning
    np.testing.assert_allclose(out[-n:], CLIP[0, begun - n : begun], atol=0.01)
    np.testing.assert_array_equal(out[:n], CLIP[0, begun : begun + n])


def test_power_stays_at_every_seam() -> None:
    stereo = noise(5.0, channels=2)
    out = played(stereo, walk(analyse(Waveform(stereo, RATE)), 60.0, seed=0))
    levels = 10 * np.log10(np.square(out[:, : 59 * RATE].reshape(2, -1, RATE // 5)).mean(axis=(0, 2)) / 0.01)
    assert abs(levels.mean()) < 0.1
    assert np.abs(levels).max() < 0.7


def test_nothing_comes_again_at_one_period() -> None:
    out = played(CLIP, walk(TEXTURE, 60.0, seed=0))[0]
    loop = np.tile(CLIP[0], 12)

    def largest(signal: Floats) -> float:
        products = scipy.signal.correlate(signal, signal, method="fft")[len(signal) - 1 :]
        return float((products / products[0])[round(0.6 * RATE) : 20 * RATE].max())

    assert largest(loop) > 0.9
    assert largest(out) < 0.06
    heard = np.zeros(5 * RATE, np.int64)
    for piece in walk(TEXTURE, 60.0, seed=0):
        heard[round(piece.in_s * RATE) : round(piece.out_s * RATE)] += 1
    assert (heard[RATE // 2 : -RATE // 2] > 0).all(), "all of the clip is used"
    assert heard.max() < 40


def test_jumps_lead_to_places_that_sound_alike() -> None:
    each_s = 1.5
    samples = two_kinds(12.0, each_s)
    pieces = walk(analyse(Waveform(samples, RATE)), 240.0, seed=0)
    kinds = [
        (int((p.out_s - FADE_S / 2) / each_s) % 2, int((q.in_s + FADE_S / 2) / each_s) % 2) for p, q in pairwise(pieces)
    ]
    assert np.mean([one == other for one, other in kinds]) > 0.9, "chance is a half"


def test_what_was_heard_just_now_is_dearer() -> None:
    places = walking._places(TEXTURE)
    heard = np.full(len(places.far), -np.inf)
    heard[40:90] = 100.0
    found = walking._recent(heard, 130, places)
    n = places.shortest
    fresh = np.append(np.exp((heard - 130) / places.forgotten), np.zeros(n))
    np.testing.assert_allclose(found, [fresh[i : i + n].mean() for i in range(len(heard))], atol=1e-12)


@pytest.mark.parametrize("off", [-100, -37, 0, 12, 150])
def test_waves_are_lined_up(off: int) -> None:
    t = np.arange(5 * RATE) / RATE
    clip = np.asarray(0.3 * np.sin(2 * np.pi * 55.0 * t) + 0.2 * np.sin(2 * np.pi * 83.0 * t), np.float32)
    clip[3 * RATE :] = clip[RATE + off : 3 * RATE + off]  # from there on it is what it was at one second and `off`
    half = round(FADE_S / 2 * RATE)
    found = walking._moved(
        Texture(clip, RATE, 0, np.zeros((500, 32), np.float32)), RATE + RATE // 2, 3 * RATE + RATE // 2, half
    )
    assert found == -off


def test_too_little_is_refused() -> None:
    with pytest.raises(ValueError, match="can't be walked"):
        walk(analyse(Waveform(noise(1.5), RATE)), 10.0, seed=0)
    with pytest.raises(ValueError, match="can't be walked"):
        walk(TEXTURE, 0.5, seed=0)
