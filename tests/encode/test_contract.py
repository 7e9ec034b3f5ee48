"""What every encoder promises, asked of every file of the room that has one.

Golden values at the end: pictures, words and sounds of public packages (`storysound models pull demo`).
"""

import importlib
import pkgutil
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

import storysound.encode
from rounding import assert_alike
from storysound.encode.encoder import Encoder, Encoding, load, traits_of
from storysound.errors import MissingModelError
from storysound.media.audio import Waveform, read_audio
from storysound.media.image import read_image
from storysound.weights.resolver import Resolver

pytestmark = pytest.mark.models


def names_of_encoders() -> Iterator[str]:
    """Files of the room whose `load` gives an object with a modality."""
    for module in pkgutil.iter_modules(storysound.encode.__path__):
        if module.name == "encoder" or module.ispkg:
            continue
        members = vars(importlib.import_module(f"storysound.encode.{module.name}"))
        own = [v for v in members.values() if isinstance(v, type) and v.__module__.endswith(f".{module.name}")]
        if "load" in members and any(hasattr(kind, "modality") and hasattr(kind, "encode") for kind in own):
            yield module.name


NAMES = tuple(names_of_encoders())


def test_the_embedded_encoders_are_all_found() -> None:
    assert {"minilm", "efficientnet_lite2"} <= set(NAMES)


@pytest.fixture(scope="module")
def loaded(weights: Resolver) -> dict[str, Encoder[Any]]:
    return {}


@pytest.fixture(params=NAMES)
def encoder(request: pytest.FixtureRequest, weights: Resolver, loaded: dict[str, Encoder[Any]]) -> Encoder[Any]:
    if request.param not in loaded:
        try:
            loaded[request.param] = load(request.param, weights)
        except MissingModelError as error:
            pytest.skip(str(error))
    return loaded[request.param]


def tone(seconds: float, rate_hz: int, pitch_hz: float = 440.0) -> Waveform:
    time_s = np.arange(max(1, round(seconds * rate_hz))) / rate_hz
    noise = np.random.default_rng(3).normal(0, 0.02, time_s.size)
    return Waveform((0.3 * np.sin(2 * np.pi * pitch_hz * time_s) + noise).astype(np.float32)[None], rate_hz)


def ordinary(modality: str) -> list[Any]:
    """Three items of different size each."""
    if modality == "text":
        return ["a dog", "Rain falls on the roof of an old house while thunder rolls far away.", "tench"]
    if modality == "image":
        shapes = ((300, 200, 3), (64, 64, 3), (270, 480, 3))
        return [np.random.default_rng(i).integers(0, 256, shape, np.uint8) for i, shape in enumerate(shapes)]
    if modality == "video":
        shapes = ((5, 60, 40, 3), (16, 32, 32, 3), (33, 27, 48, 3))
        return [np.random.default_rng(i).integers(0, 256, shape, np.uint8) for i, shape in enumerate(shapes)]
    return [tone(2.5, 44100), tone(4.0, 16000, 1000.0), tone(3.0, 48000, 220.0)]


def odd(modality: str) -> list[Any]:
    """Items at the edge of what is allowed."""
    if modality == "text":
        return ["?", "🎻", "word " * 700, "zeile\nzwei\t\0", "ß" * 300]
    if modality == "image":
        return [np.zeros((1, 1, 3), np.uint8), np.full((2, 900, 3), 255, np.uint8), np.zeros((260, 260, 3), np.uint8)]
    if modality == "video":
        return [np.zeros((1, 1, 1, 3), np.uint8), np.full((2, 3, 90, 3), 255, np.uint8)]
    silence = Waveform(np.zeros((1, 44100), np.float32), 44100)
    loud = Waveform(np.ones((1, 22050), np.float32), 22050)
    return [silence, tone(0.1, 44100), Waveform(np.zeros((1, 1), np.float32), 8000), tone(1.0, 8000), loud]


def empty(modality: str) -> list[Any]:
    """Items that must be refused."""
    if modality == "text":
        return ["", "  \n "]
    if modality == "image":
        return [np.zeros((0, 5, 3), np.uint8), np.zeros((5, 5, 3), np.float32), np.zeros((5, 5), np.uint8)]
    if modality == "video":
        return [np.zeros((0, 5, 5, 3), np.uint8), np.zeros((1, 5, 5, 3), np.float32), np.zeros((5, 5, 3), np.uint8)]
    return [Waveform(np.zeros((1, 0), np.float32), 44100)]


def check(encoder: Encoder[Any], encoding: Encoding) -> None:
    steps = len(encoding.embedding)
    for parts in (encoding.tokens, encoding.layers):
        assert parts is None or (
            parts.dtype == np.float32 and np.isfinite(parts).all() and parts.shape[-1] == encoder.dim
        )
    assert encoding.tokens is None or len(encoding.tokens) == steps
    assert encoding.embedding.shape == (steps, encoder.dim)
    assert steps >= 1
    assert encoding.embedding.dtype == np.float32
    assert np.isfinite(encoding.embedding).all()
    assert encoding.scores.keys() == encoder.labels.keys()
    for space, scores in encoding.scores.items():
        assert scores.shape == (steps, len(encoder.labels[space]))
        assert scores.dtype == np.float32
        assert np.isfinite(scores).all()
    if encoder.modality == "audio":
        assert encoding.step_s > 0
    else:
        assert (steps, encoding.step_s) == (1, 0.0)


def assert_same(one: Encoding, other: Encoding) -> None:
    """Of one item. It is encoded alone, but another place in memory may be added up in another order."""
    assert_alike(one.embedding, other.embedding)
    for space, scores in one.scores.items():
        assert_alike(scores, other.scores[space])


def test_says_what_it_is(encoder: Encoder[Any]) -> None:
    assert encoder.modality in ("text", "image", "audio", "video")
    assert encoder.revision
    for labels in encoder.labels.values():
        assert all(label.strip() for label in labels)


def test_says_what_is_to_be_known_without_loading_it(encoder: Encoder[Any]) -> None:
    known = traits_of(encoder.name)
    assert encoder.traits.heads.keys() <= encoder.labels.keys()
    assert encoder.traits.heads.keys() == known.heads.keys()
    assert (encoder.traits.space, encoder.traits.patch_s) == (known.space, known.patch_s)
    assert encoder.traits.space in ("", *NAMES)
    for space, labels in encoder.labels.items():
        head = encoder.traits.head(space)
        assert all(head.wording(label) for label in labels)
        assert head.usual is None or head.usual.shape == (len(labels),)
        scores = np.concatenate([one.scores[space] for one in encoder.encode(ordinary(encoder.modality))])
        assert head.logits == bool((scores < 0).any() or (scores > 1).any())


def test_two_threads_hear_what_one_hears(encoder: Encoder[Any]) -> None:
    items = ordinary(encoder.modality)
    alone = [encoder.encode([item])[0] for item in items]
    begin = threading.Barrier(2)

    def run(order: Sequence[int]) -> list[Encoding]:
        begin.wait()
        return [encoder.encode([items[i]])[0] for i in order]

    orders = [(0, 1, 2), (2, 1, 0)]
    with ThreadPoolExecutor(2) as threads:
        for order, found in zip(orders, threads.map(run, orders), strict=True):
            for i, one in zip(order, found, strict=True):
                assert_same(one, alone[i])


def test_shapes_of_ordinary_and_odd_items(encoder: Encoder[Any]) -> None:
    for item in ordinary(encoder.modality) + odd(encoder.modality):
        (encoding,) = encoder.encode([item])
        check(encoder, encoding)


def test_neither_order_nor_company_matters(encoder: Encoder[Any]) -> None:
    items = ordinary(encoder.modality)
    alone = [encoder.encode([item])[0] for item in items]
    together = encoder.encode([items[2], *items, items[2]])
    for index, place in enumerate((1, 2, 3)):
        assert_same(alone[index], together[place])
    assert_same(alone[2], together[0])
    assert_same(alone[2], together[4])
    assert encoder.encode([]) == []


def test_empty_items_are_refused(encoder: Encoder[Any]) -> None:
    for item in empty(encoder.modality):
        with pytest.raises(ValueError):  # noqa: PT011 - each encoder words it for its own items
            encoder.encode([ordinary(encoder.modality)[0], item])


def test_different_items_differ(encoder: Encoder[Any]) -> None:
    first, second, _ = encoder.encode(ordinary(encoder.modality))
    assert not np.allclose(first.embedding.mean(axis=0), second.embedding.mean(axis=0), atol=1e-4)


@pytest.mark.parametrize(("picture", "label", "least"), [("lion", "lion", 0.6), ("cheetah", "cheetah", 0.8)])
def test_golden_pictures(weights: Resolver, picture: str, label: str, least: float) -> None:
    """Recipe: the picture of gradio 6.31.0's media_assets, whole, through `read_image`; the top class."""
    encoder = load("efficientnet_lite2", weights)
    (encoding,) = encoder.encode([read_image(weights.path(f"demo/{picture}.jpg"))])
    scores = encoding.scores["imagenet"][0]
    assert scores.sum() == pytest.approx(1.0, abs=1e-5)
    assert encoder.labels["imagenet"][int(scores.argmax())] == label
    assert scores.max() > least


def test_golden_words(weights: Resolver) -> None:
    """Recipe: for each word the nearest of the others by cosine; and one cosine of the float model's order, .39."""
    words = ["thunder", "rain storm", "dog barking", "a hound", "violin", "cello music", "car engine", "motor"]
    pairs = dict(zip(words, [1, 0, 3, 2, 5, 4, 7, 6], strict=True))
    vectors = np.concatenate([e.embedding for e in load("minilm", weights).encode(words)])
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-6)
    cosine = vectors @ vectors.T - 2 * np.eye(len(words))
    assert [int(i) for i in cosine.argmax(axis=1)] == list(pairs.values())
    dog, hound = load("minilm", weights).encode(["a dog barks", "hound"])
    assert float((dog.embedding @ hound.embedding.T).item()) == pytest.approx(0.388, abs=0.02)


def test_golden_sounds_are_read(weights: Resolver) -> None:
    """Every audio encoder hears a real sound (sax.wav of gradio 6.31.0) in steps that cover it."""
    wave = read_audio(weights.path("demo/sax.wav"), channels=1)
    for name in NAMES:
        try:
            encoder = load(name, weights)
        except MissingModelError:
            continue  # of the hub: tests/encode/test_hub_encoders.py
        if encoder.modality != "audio":
            continue
        (encoding,) = encoder.encode([wave])
        check(encoder, encoding)
        assert len(encoding.embedding) * encoding.step_s >= 0.5 * wave.duration_s
