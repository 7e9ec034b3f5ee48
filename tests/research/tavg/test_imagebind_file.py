"""ImageBind's weights in a file of the user's: both encoders, where in a sound they hear, what is refused."""

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from encode.test_contract import assert_same, check, empty, odd, ordinary
from imagebind_fakes import OUT, tiny_weights
from rounding import assert_alike
from storysound.encode.clip import prepare
from storysound.encode.encoder import Encoder
from storysound.errors import InputError
from storysound.media.audio import Waveform
from storysound.media.spectrogram import kaldi_fbank
from storysound.nn.imagebind import tower_of
from storysound.research.tavg.imagebind import ImageBind, clips_of, read_imagebind


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> ImageBind:
    file = tmp_path_factory.mktemp("imagebind") / "imagebind.pth"
    torch.save(tiny_weights(), file)
    return read_imagebind(file)


def test_both_keep_the_contract(both: ImageBind) -> None:
    encoders: tuple[Encoder, ...] = (both.eyes, both.ears)  # type: ignore[type-arg]
    for encoder in encoders:
        items = ordinary(encoder.modality)
        alone = [encoder.encode([item])[0] for item in [*items, *odd(encoder.modality)]]
        for encoding in alone:
            check(encoder, encoding)
        for one, other in zip(alone[:3], encoder.encode(items[::-1])[::-1], strict=True):
            assert_same(one, other)
        for item in empty(encoder.modality):
            with pytest.raises(ValueError):  # noqa: PT011 - each kind words it for its own items
                encoder.encode([item])


def test_pictures_are_seen_as_clips_are_by_clip(both: ImageBind) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (300, 250, 3), np.uint8)
    with torch.no_grad():
        expected = tower_of(tiny_weights(), "vision")(prepare(picture, 224)[None])
    assert_alike(both.eyes.encode([picture])[0].embedding, expected)


def test_sounds_are_heard_at_three_places(both: ImageBind) -> None:
    """Of 5 s: from 0, 1.5 and 3 s on, 2 s each, which are 198 columns; six of zeros follow."""
    samples = np.random.default_rng(0).normal(0, 0.1, 80_000).astype(np.float32)
    clips = clips_of(samples)
    assert [clip.shape for clip in clips] == [(128, 204)] * 3
    for clip, start in zip(clips, (0, 24_000, 48_000), strict=True):
        bands = (kaldi_fbank(samples[start : start + 32_000], 16_000, 128).T + 4.268) / 9.138
        assert bands.shape[1] == 198
        assert_alike(clip[:, :198], bands)
        np.testing.assert_allclose(clip[:, 198:], 4.268 / 9.138, rtol=1e-6)
    tower = tower_of(tiny_weights(), "audio")
    with torch.no_grad():
        expected = tower(torch.tensor(np.stack(clips))[:, None]).mean(0)
    (found,) = both.ears.encode([Waveform(samples[None], 16_000)])
    assert found.embedding.shape == (1, OUT)
    assert_alike(found.embedding[0], expected)


def test_what_is_no_imagebind_is_refused(both: ImageBind, tmp_path: Path) -> None:
    weights = tiny_weights()
    save_file(weights, tmp_path / "whole.safetensors")
    again = read_imagebind(tmp_path / "whole.safetensors")
    item = ordinary("image")[0]
    assert_same(again.eyes.encode([item])[0], both.eyes.encode([item])[0])
    part = {name: one for name, one in weights.items() if ".audio." not in name}
    save_file(part, tmp_path / "part.safetensors")
    with pytest.raises(InputError, match=r"holds no weights of ImageBind.*imagebind_huge"):
        read_imagebind(tmp_path / "part.safetensors")
