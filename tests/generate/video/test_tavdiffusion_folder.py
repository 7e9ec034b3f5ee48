"""From a text to frames and sound by tiny parts in the layout of the hub's folders, written and read again."""

from pathlib import Path

import numpy as np
import pytest
import torch

from generate_fakes import no_network  # noqa: F401
from storysound.errors import MissingModelError
from storysound.generate.diffusion_folder import read_parts
from storysound.generate.video.maker import AudibleClip
from storysound.generate.video.tavdiffusion import (
    ABOUT,
    ClipForm,
    TavParts,
    assembled,
    read_tav,
    write_tav,
)
from storysound.generate.video.tavdiffusion_start import started
from storysound.nn.tavdiffusion import TavConfig
from tavdiffusion_fakes import FRAMES
from video_fakes import FORM, tiny_tav

pytest.importorskip("diffusers")
pytestmark = pytest.mark.usefixtures("no_network")


@pytest.fixture
def parts(tmp_path: Path) -> TavParts:
    return tiny_tav(tmp_path)


def made(parts: TavParts, text: str = "a dog barks", seed: int = 3, **given: float) -> AudibleClip:
    return parts.make(text, seed, lambda: None, steps=2, **given)


def test_a_text_becomes_frames_and_sound(parts: TavParts) -> None:
    clip = made(parts)
    assert clip.frames.shape == (FRAMES, 8, 12, 3)
    assert clip.frames.dtype == np.uint8
    assert clip.frames_per_s == FRAMES
    assert clip.sound.rate_hz == 400
    assert clip.sound.samples.shape == (1, 400)
    assert clip.frames.std() > 1
    assert clip.sound.samples.std() > 0
    again, other, told = made(parts), made(parts, seed=4), made(parts, "rain", guidance=30.0)
    assert np.array_equal(again.frames, clip.frames)
    for one in (other, told):
        assert not np.array_equal(one.frames, clip.frames)
        assert not np.allclose(one.sound.samples, clip.sound.samples, rtol=0, atol=1e-6)


def test_what_is_written_is_read_and_makes_the_same(parts: TavParts, tmp_path: Path) -> None:
    write_tav(parts, tmp_path / "tav")
    assert not any(file.suffix in (".bin", ".pt", ".ckpt") for file in (tmp_path / "tav").rglob("*"))
    read = read_tav(tmp_path / "tav")
    assert read.form == FORM
    assert read.network.config == parts.network.config
    expected, found = made(parts), made(read)
    assert np.abs(found.frames.astype(int) - expected.frames.astype(int)).max() <= 1
    np.testing.assert_allclose(found.sound.samples, expected.sound.samples, rtol=0, atol=1e-4)


def test_parts_go_to_a_device_together(parts: TavParts) -> None:
    there = parts.to(torch.device("meta"))
    networks = (there.network, there.vae, there.audio_vae, there.vocoder, there.text_encoder)
    assert {weight.device.type for network in networks for weight in network.parameters()} == {"meta"}


def test_making_can_be_stopped(parts: TavParts) -> None:
    def stop() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        parts.make("rain", 0, stop)


@pytest.mark.parametrize("lost", [ABOUT, "network.safetensors", "vocoder", "audio_unet"])
def test_a_folder_that_lacks_something_says_so(parts: TavParts, tmp_path: Path, lost: str) -> None:
    folder = tmp_path / "tav"
    write_tav(parts, folder)
    (folder / lost).rename(tmp_path / "lost")
    with pytest.raises(MissingModelError, match="can't be loaded as TAVDiffusion"):
        read_tav(folder)


def test_parts_that_dont_fit_are_refused(parts: TavParts, tmp_path: Path) -> None:
    with pytest.raises(MissingModelError, match="bands: 20 wanted, 16 there"):
        assembled(parts.network, tmp_path / "sd15", tmp_path / "audioldm", ClipForm(8, 12, 1.0, 32, 20))
    with pytest.raises(MissingModelError, match=r"32 columns are 1\.28 s of sound, wanted 2"):
        assembled(parts.network, tmp_path / "sd15", tmp_path / "audioldm", ClipForm(8, 12, 2.0, 32, 16))
    four, _ = started(read_parts(tmp_path / "sd15").unet, TavConfig(FRAMES, 2), audio_channels=4)
    with pytest.raises(MissingModelError, match="channels of a sound's latents: 4 wanted, 8 there"):
        assembled(four, tmp_path / "sd15", tmp_path / "audioldm", FORM)
    with pytest.raises(ValueError, match="length above 0"):
        ClipForm(seconds=0)
