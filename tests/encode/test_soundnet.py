"""SoundNet: the network against a slow numpy one, and what it hears in a real sound."""

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch.nn import functional as F

from rounding import assert_alike
from storysound.encode import soundnet
from storysound.errors import MissingModelError
from storysound.media.arrays import Doubles
from storysound.media.audio import Waveform, read_audio
from storysound.weights.resolver import Resolver

KERNELS, CHANNELS = (64, 32, 16, 8, 4, 4, 4), (3, 2, 4, 3, 2, 5, 3)


@given(st.integers(64, 400), st.integers(1, 70), st.integers(0, 33))
@settings(deadline=None)
def test_the_folded_layer_is_a_convolution(length: int, kernel: int, padding: int) -> None:
    assume(length + 2 * padding >= kernel)  # shorter sounds have no step at all
    rng = np.random.default_rng(length)
    weight, bias = torch.from_numpy(rng.normal(size=(3, 1, kernel))).float(), torch.tensor([0.5, -1.0, 2.0])
    sound = torch.from_numpy(rng.normal(size=(2, 1, length))).float()
    with torch.inference_mode():
        folded = soundnet._FoldedConv(weight, bias, padding)(sound)
        plain = F.conv1d(sound, weight, bias, stride=2, padding=padding)
    assert folded.shape == plain.shape
    assert torch.allclose(folded, plain, atol=1e-4)


def tiny_tensors() -> dict[str, NDArray[np.float32]]:
    """A checkpoint of the right layout with a few channels."""
    rng = np.random.default_rng(5)
    tensors: dict[str, Doubles] = {}
    for number, (kernel, inputs, outputs) in enumerate(zip(KERNELS, (1, *CHANNELS), CHANNELS, strict=False), start=1):
        tensors[f"conv{number}.weights"] = rng.normal(size=(kernel, 1, inputs, outputs)) / np.sqrt(kernel * inputs)
        for name in ("biases", "beta", "mean"):
            tensors[f"conv{number}.{name}"] = rng.normal(0, 0.1, outputs)
        for name in ("gamma", "var"):
            tensors[f"conv{number}.{name}"] = rng.uniform(0.5, 2, outputs)
    for name, classes in (("conv8", 6), ("conv8_2", 4)):
        tensors[f"{name}.weights"] = rng.normal(size=(8, 1, CHANNELS[-1], classes)) / 5
        tensors[f"{name}.biases"] = rng.normal(size=classes)
    return {name: value.astype(np.float32) for name, value in tensors.items()}


def slow_conv(x: Doubles, weight: Doubles, bias: Doubles, padding: int) -> Doubles:
    """[i n], [k 1 i o] -> [o n'], stride 2."""
    padded = np.pad(x, ((0, 0), (padding, padding)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, len(weight), axis=1)[:, ::2]  # [i n' k]
    return np.einsum("ink,kio->on", windows, weight[:, 0]) + bias[:, None]


def slow_network(tensors: dict[str, NDArray[np.float32]], samples: Doubles) -> tuple[Doubles, Doubles, Doubles]:
    """The paper's layers one after the other: convolution, batch norm, rectifier, pooling."""
    t = {name: value.astype(np.float64) for name, value in tensors.items()}
    x, features = samples[None], samples[None]
    for number, (padding, pooled) in enumerate(zip((32, 16, 8, 4, 2, 2, 2), (8, 8, 1, 1, 4, 1, 1), strict=True), 1):
        name = f"conv{number}"
        x = slow_conv(x, t[f"{name}.weights"], t[f"{name}.biases"], padding)
        x = (x - t[f"{name}.mean"][:, None]) / np.sqrt(t[f"{name}.var"][:, None] + 1e-5)
        x = np.maximum(x * t[f"{name}.gamma"][:, None] + t[f"{name}.beta"][:, None], 0)
        x = x[:, : x.shape[1] // pooled * pooled].reshape(len(x), -1, pooled).max(axis=2)
        features = x if number == 6 else features
    return features, *(slow_conv(x, t[f"{n}.weights"], t[f"{n}.biases"], 0).T for n in ("conv8", "conv8_2"))


def test_the_network_is_the_papers() -> None:
    tensors = tiny_tensors()
    samples = np.random.default_rng(6).normal(0, 5, 450_001)
    features, objects, places = slow_network(tensors, samples)
    with torch.inference_mode():
        embedding, logits = soundnet.Network(tensors)(torch.from_numpy(samples.astype(np.float32))[None, None])
    assert np.allclose(embedding[0].numpy(), features, rtol=1e-3, atol=1e-4)
    assert np.allclose(logits["imagenet"][0].numpy(), objects, rtol=1e-3, atol=1e-4)
    assert np.allclose(logits["places"][0].numpy(), places, rtol=1e-3, atol=1e-4)


@pytest.fixture(scope="module")
def encoder(weights: Resolver) -> soundnet.SoundNet:
    try:
        return soundnet.load(weights)
    except MissingModelError as error:
        pytest.skip(str(error))


@pytest.mark.models
def test_places_are_in_plain_words(encoder: soundnet.SoundNet) -> None:
    assert len(set(encoder.labels["places"])) == 401
    assert not any("/" in name or "_" in name for name in encoder.labels["places"])
    assert {"abbey", "train station, platform", "zen garden"} <= set(encoder.labels["places"])


@pytest.mark.models
def test_a_short_sound_is_heard_as_its_loop(encoder: soundnet.SoundNet) -> None:
    short = np.random.default_rng(1).normal(0, 0.1, 33_000).astype(np.float32)
    long = np.resize(short, round(soundnet.LOOP_S * soundnet.RATE_HZ))
    once, loop = encoder.encode([Waveform(s[None], soundnet.RATE_HZ) for s in (short, long)])
    assert_alike(once.embedding, loop.embedding)
    assert len(once.embedding) * once.step_s == pytest.approx(soundnet.LOOP_S)


@pytest.mark.models
def test_golden_sound(encoder: soundnet.SoundNet, weights: Resolver) -> None:
    """Recipe: sax.wav of gradio 6.31.0, mean logits over its 4 steps."""
    (encoding,) = encoder.encode([read_audio(weights.path("demo/sax.wav"), channels=1)])
    for space, label, logit in (("imagenet", "stage", 1.4457), ("places", "music studio", 1.9395)):
        scores = encoding.scores[space].mean(axis=0)
        assert encoder.labels[space][int(scores.argmax())] == label
        assert scores.max() == pytest.approx(logit, abs=5e-3)
    assert encoding.embedding.mean() == pytest.approx(0.21507, abs=1e-3)
