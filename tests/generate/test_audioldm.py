"""AudioLDM in miniature: sound of exactly the wanted length, by the words and the seed, with no connection."""

from pathlib import Path

import numpy as np
import pytest
import torch

from generate_fakes import no_network  # noqa: F401
from rounding import assert_alike
from storysound.encode.pool import Models
from storysound.errors import UsageError
from storysound.generate import audioldm
from storysound.generate.maker import SOUND, Conditions, TimedPicture, load
from storysound.progress import Cancelled, Stop, Watch
from video_fakes import RATE_HZ, save_audioldm

pytest.importorskip("diffusers")
pytestmark = pytest.mark.usefixtures("no_network")


@pytest.fixture
def maker(models: Models, tmp_path: Path) -> audioldm.AudioLdm:
    found = load(SOUND["audioldm"], save_audioldm(tmp_path / "audioldm"), torch.device("cpu"), models)
    assert isinstance(found, audioldm.AudioLdm)
    return audioldm.AudioLdm(found._pipeline, steps=2)


@pytest.mark.parametrize("seconds", [0.25, 0.7012, 1.0, 2.03])
def test_sound_is_as_long_as_it_shall_be(maker: audioldm.AudioLdm, seconds: float) -> None:
    wave = maker.make(Conditions(seconds, text="rain"))
    assert (wave.rate_hz, wave.samples.shape) == (RATE_HZ, (1, round(seconds * RATE_HZ)))


def test_words_and_seed_make_the_sound(maker: audioldm.AudioLdm) -> None:
    one, again, seed, words = (
        maker.make(Conditions(0.5, number, text)).samples
        for number, text in ((0, "rain"), (0, "rain"), (1, "rain"), (0, "a dog"))
    )
    assert_alike(again, one)
    assert not np.allclose(one, seed, rtol=0, atol=1e-6)
    assert not np.allclose(one, words, rtol=0, atol=1e-6)


def test_what_it_cant_do_is_told(maker: audioldm.AudioLdm) -> None:
    with pytest.raises(UsageError, match=r"up to 10\.24 s"):
        maker.make(Conditions(11.0, text="rain"))
    picture = TimedPicture(0.0, np.zeros((8, 8, 3), np.uint8))
    with pytest.raises(UsageError, match="from text, not from pictures"):
        maker.make(Conditions(1.0, text="rain", pictures=(picture,)))


def test_making_can_be_stopped(maker: audioldm.AudioLdm) -> None:
    stop = Stop()
    stop.set()
    with Watch(None, stop), pytest.raises(Cancelled):
        maker.make(Conditions(1.0, text="rain"))
