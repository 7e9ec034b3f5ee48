"""The AudioSet head: its arithmetic, what aiSFX says through it, and sounds of known class."""

import csv
from pathlib import Path

import numpy as np
import pytest

from storysound.encode import aisfx
from storysound.encode.audioset_head import AudioSetHead
from storysound.errors import MissingModelError
from storysound.media.audio import read_audio
from storysound.weights import Resolver


@pytest.fixture(scope="module")
def head() -> AudioSetHead:
    return AudioSetHead.load()


def test_scores_are_probabilities_of_the_named_classes(head: AudioSetHead) -> None:
    blocks = np.random.default_rng(0).gamma(1.0, 1.0, (7, 512)).astype(np.float32)
    scores = head.scores(blocks)
    assert scores.shape == (7, len(head.labels)) == (7, 521)
    assert scores.dtype == np.float32
    assert (scores >= 0).all()
    assert (scores <= 1).all()
    assert len(set(head.labels)) == 521
    assert {"Dog", "Rain", "Church bell", "Speech", "Silence"} <= set(head.labels)


def test_equals_the_formula_written_out(head: AudioSetHead) -> None:
    block = np.linspace(0, 3, 512, dtype=np.float32)
    hidden = [max(float(row @ block) + float(bias), 0.0) for row, bias in zip(head.inner, head.inner_bias, strict=True)]
    for label in ("Music", "Animal", "Vehicle"):
        c = head.labels.index(label)
        logit = float(head.outer[c] @ np.array(hidden)) + float(head.outer_bias[c])
        assert head.scores(block[None])[0, c] == pytest.approx(1 / (1 + np.exp(-logit)), abs=1e-5)


def test_a_block_is_judged_by_itself(head: AudioSetHead) -> None:
    blocks = np.random.default_rng(1).gamma(1.0, 1.0, (5, 512)).astype(np.float32)
    alone = np.concatenate([head.scores(block[None]) for block in blocks])
    np.testing.assert_allclose(head.scores(blocks)[::-1], alone[::-1], atol=1e-5)


def test_extreme_embeddings_stay_finite(head: AudioSetHead) -> None:
    extreme = np.stack([np.zeros(512), np.full(512, 1e4), np.full(512, -1e4)]).astype(np.float32)
    assert np.isfinite(head.scores(extreme)).all()
    assert head.scores(np.zeros((0, 512), np.float32)).shape == (0, 521)


def test_refuses_another_width(head: AudioSetHead) -> None:
    with pytest.raises(ValueError, match=r"\[t 512\], got \(3, 200\)"):
        head.scores(np.zeros((3, 200), np.float32))


# ESC-50's classes and the AudioSet class that names each of them.
ANCHORS = {
    "church_bells": "Church bell", "clapping": "Applause", "crackling_fire": "Fire", "crow": "Crow",
    "crying_baby": "Baby cry, infant cry", "dog": "Bark", "frog": "Frog", "glass_breaking": "Shatter",
    "helicopter": "Helicopter", "rain": "Rain", "rooster": "Crowing, cock-a-doodle-doo", "siren": "Siren",
    "thunderstorm": "Thunder", "water_drops": "Drip",
}  # fmt: skip


@pytest.fixture(scope="module")
def encoder(weights: Resolver) -> aisfx.AiSfx:
    try:
        return aisfx.load(weights)
    except MissingModelError as error:
        pytest.skip(str(error))


@pytest.mark.models
def test_aisfx_exposes_the_scores(encoder: aisfx.AiSfx, head: AudioSetHead, weights: Resolver) -> None:
    """Recipe: sax.wav of gradio 6.31.0."""
    (encoding,) = encoder.encode([read_audio(weights.path("demo/sax.wav"), channels=1)])
    assert encoder.labels["audioset"] == head.labels
    np.testing.assert_allclose(encoding.scores["audioset"], head.scores(encoding.embedding), atol=1e-6)
    heard = np.argsort(-encoding.scores["audioset"].mean(axis=0))[:5]
    assert "Music" in {head.labels[c] for c in heard}


@pytest.mark.models
@pytest.mark.shared
def test_sounds_of_known_class_are_told_apart(encoder: aisfx.AiSfx, head: AudioSetHead, shared_data: Path) -> None:
    """Each anchor's class is strongest, against its level over all clips, in clips of its own in at least 10 of 14."""
    with (shared_data / "esc50" / "labels.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["category"] in ANCHORS]
    names = list(ANCHORS)
    clips = [[r for r in rows if r["category"] == name][:3] for name in names]
    sounds = [read_audio(shared_data / "esc50" / r["file"], channels=1) for group in clips for r in group]
    scores = np.stack([e.scores["audioset"].max(axis=0) for e in encoder.encode(sounds)])
    own = scores[:, [head.labels.index(ANCHORS[name]) for name in names]]
    level = np.stack([part.mean(axis=0) for part in np.split(own, np.cumsum([len(g) for g in clips])[:-1])])
    assert (level.argmax(axis=0) == np.arange(len(names))).sum() >= 10
