"""musicnn: its graph against TensorFlow's numbers and a slow numpy front end."""

import numpy as np
import pytest
import torch

from storysound.encode import musicnn
from storysound.errors import MissingModelError
from storysound.media.audio import Waveform, read_audio
from storysound.weights.resolver import Resolver


@pytest.fixture(scope="module")
def encoder(weights: Resolver) -> musicnn.Musicnn:
    try:
        return musicnn.load(weights)
    except MissingModelError as error:
        pytest.skip(str(error))


@pytest.mark.parametrize(("frames", "bands"), [(7, 5), (8, 1), (3, 1)])
def test_the_front_end_takes_the_maximum_of_the_normed(frames: int, bands: int) -> None:
    """Scales of both signs: the shortcut must give what TensorFlow's order of operations gives."""
    rng = np.random.default_rng(frames)
    tensors = {
        "conv2d/kernel": rng.normal(size=(frames, bands, 1, 6)).astype(np.float32),
        "conv2d/bias": rng.normal(size=6).astype(np.float32),
        "batch_normalization_1/gamma": np.array([1, -1, 0.3, -2, 0.7, -0.1], np.float32),
        "batch_normalization_1/beta": rng.normal(size=6).astype(np.float32),
        "batch_normalization_1/moving_mean": rng.normal(size=6).astype(np.float32),
        "batch_normalization_1/moving_variance": rng.uniform(0.5, 2, 6).astype(np.float32),
    }
    patch = rng.normal(size=(20, 9))
    padded = np.pad(patch, (((frames - 1) // 2, frames // 2), (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (frames, bands))  # [t f frames bands]
    y = np.maximum(np.einsum("tfij,ijc->tfc", windows, tensors["conv2d/kernel"][:, :, 0]) + tensors["conv2d/bias"], 0)
    norm = {name.split("/")[1]: value for name, value in tensors.items() if name.startswith("batch")}
    y = (y - norm["moving_mean"]) / np.sqrt(norm["moving_variance"] + 1e-3) * norm["gamma"] + norm["beta"]
    with torch.inference_mode():
        front = musicnn._Front(tensors, "conv2d", 1)(torch.from_numpy(patch[None].astype(np.float32)))
    assert np.allclose(front[0].numpy(), y.max(axis=1).T, atol=1e-4)


@pytest.mark.models
def test_golden_tags_of_tensorflow(encoder: musicnn.Musicnn) -> None:
    """Recipe: TensorFlow 2.21 ran the package's own graph (`.meta`, `model/Sigmoid`) on these two patches."""
    frame, band = np.meshgrid(np.arange(musicnn.PATCH_FRAMES), np.arange(96), indexing="ij")
    waves = 1.5 + 1.5 * np.sin(0.07 * frame + 0.0013 * frame * band)
    beats = np.maximum(0, 3 - 0.04 * band) * (1 + np.cos(2 * np.pi * frame / 31)) / 2
    with torch.inference_mode():
        _, logits = encoder._network(torch.from_numpy(np.stack([waves, beats]).astype(np.float32)))
    tags = logits.sigmoid().numpy()
    golden = (
        {"metal": 0.36553240, "jazz": 0.17880085, "electronic": 0.06267449, "instrumental": 0.01884311},
        {"electronic": 0.36840450, "jazz": 0.17073703, "dance": 0.13785161, "house": 0.08461395},
    )
    for row, wanted in zip(tags, golden, strict=True):
        for tag, value in wanted.items():
            assert row[musicnn.TAGS.index(tag)] == pytest.approx(value, abs=1e-5)


@pytest.mark.models
def test_golden_sound(encoder: musicnn.Musicnn, weights: Resolver) -> None:
    """Recipe: sax.wav of gradio 6.31.0, mean over its 4 patches."""
    (encoding,) = encoder.encode([read_audio(weights.path("demo/sax.wav"), channels=1)])
    tags = encoding.scores["msd"].mean(axis=0)
    assert encoder.labels["msd"][int(tags.argmax())] == "jazz"
    assert tags.max() == pytest.approx(0.5407, abs=5e-3)
    assert encoding.embedding.shape == (4, 200)


@pytest.mark.models
def test_a_denser_hop_is_another_revision(encoder: musicnn.Musicnn, weights: Resolver) -> None:
    dense = musicnn.load(weights, musicnn.Config(hop_frames=musicnn.PATCH_FRAMES))
    assert dense.revision != encoder.revision
    sound = Waveform(np.random.default_rng(0).normal(0, 0.1, (1, 160_000)).astype(np.float32), 16000)
    assert [len(e.encode([sound])[0].embedding) for e in (encoder, dense)] == [2, 3]


def test_tags_and_config() -> None:
    assert len(set(musicnn.TAGS)) == 50
    with pytest.raises(ValueError, match="hop_frames"):
        musicnn.Config(hop_frames=0)
