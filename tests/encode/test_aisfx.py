"""aiSFX: its labels checked by sounds of known category, its speed-ups checked against the plain network."""

import csv
from pathlib import Path

import numpy as np
import pytest
import torch

from rounding import assert_alike
from storysound.encode import aisfx
from storysound.errors import MissingModelError
from storysound.media.audio import Waveform, read_audio
from storysound.weights.resolver import Resolver

# ESC-50's classes that one UCS category names; the heads that know the category well enough to be asked.
ANCHORS = {
    "church_bells": ("BELLS", ("ucs78", "ucs69")),
    "clapping": ("CROWDS", ("ucs78", "ucs79", "ucs69")),
    "clock_tick": ("CLOCKS", ("ucs78", "ucs79", "ucs69")),
    "coughing": ("HUMAN", ("ucs78", "ucs69")),
    "crackling_fire": ("FIRE", ("ucs78", "ucs79")),
    "crying_baby": ("VOICES", ("ucs78", "ucs79", "ucs69")),
    "dog": ("ANIMALS", ("ucs78", "ucs79", "ucs69")),
    "door_wood_knock": ("DOORS", ("ucs79", "ucs69")),
    "fireworks": ("FIREWORKS", ("ucs78", "ucs79", "ucs69")),
    "footsteps": ("FOOTSTEPS", ("ucs79", "ucs69")),
    "glass_breaking": ("GLASS", ("ucs78", "ucs79", "ucs69")),
    "rain": ("RAIN", ("ucs78", "ucs79", "ucs69")),
    "thunderstorm": ("WEATHER", ("ucs78", "ucs79", "ucs69")),
    "train": ("TRAINS", ("ucs78", "ucs79", "ucs69")),
    "vacuum_cleaner": ("MACHINES", ("ucs78", "ucs79", "ucs69")),
    "water_drops": ("WATER", ("ucs78", "ucs79", "ucs69")),
}
CLIPS = 3  # of each class


@pytest.fixture(scope="module")
def encoder(weights: Resolver) -> aisfx.AiSfx:
    try:
        return aisfx.load(weights)
    except MissingModelError as error:
        pytest.skip(str(error))


def test_the_heads_follow_the_category_list() -> None:
    assert len(aisfx.UCS) == 82
    assert list(aisfx.UCS) == sorted(aisfx.UCS)
    for space, labels in aisfx.LABELS.items():
        assert len(labels) == int(space.removeprefix("ucs"))
        assert list(labels) == [category for category in aisfx.UCS if category in labels]


def test_every_category_is_explained_in_words() -> None:
    for space, labels in aisfx.LABELS.items():
        wording = aisfx.TRAITS.head(space).wording
        for label, words in zip(labels, map(wording, labels), strict=True):
            assert all(word == word.lower() for word in words)
            assert len(words) >= 2, f"{label} needs words of its own"


def test_a_hop_beyond_the_block_is_refused() -> None:
    with pytest.raises(ValueError, match="hop_frames"):
        aisfx.Config(hop_frames=aisfx.BLOCK_FRAMES + 1)


def test_folding_changes_nothing() -> None:
    torch.manual_seed(1)
    network = aisfx.Network().eval()
    for module in network.modules():  # batch norms at rest do nothing until they have statistics
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(module.running_mean, -0.5, 0.5)
            torch.nn.init.uniform_(module.running_var, 0.5, 2)
            torch.nn.init.uniform_(module.weight, 0.5, 2)
            torch.nn.init.uniform_(module.bias, -0.5, 0.5)
    block = torch.rand(1, aisfx.BLOCK_FRAMES, 96)
    with torch.inference_mode():
        plain, plain_scores = network(block)
        folded, folded_scores = network.fuse()(block)
    assert torch.allclose(plain, folded, rtol=1e-4, atol=1e-4)
    assert torch.allclose(plain_scores["ucs78"], folded_scores["ucs78"], rtol=1e-3, atol=1e-3)


@pytest.mark.models
def test_level_does_not_matter_and_a_loop_is_its_sound(encoder: aisfx.AiSfx) -> None:
    sound = np.random.default_rng(0).normal(0, 0.1, (1, 44100)).astype(np.float32)
    loud, quiet = encoder.encode([Waveform(sound, 44100), Waveform(sound * np.float32(0.125), 44100)])
    assert_alike(loud.embedding, quiet.embedding)
    assert loud.embedding.shape == (1, 512)
    assert loud.scores["ucs79"].sum() == pytest.approx(1, abs=1e-5)


@pytest.mark.models
def test_golden_sound(encoder: aisfx.AiSfx, weights: Resolver) -> None:
    """Recipe: sax.wav of gradio 6.31.0, mean over its 7 blocks; head of Pro Sound Effects."""
    (encoding,) = encoder.encode([read_audio(weights.path("demo/sax.wav"), channels=1)])
    assert encoding.embedding.shape == (7, 512)
    scores = encoding.scores["ucs78"].mean(axis=0)
    assert encoder.labels["ucs78"][int(scores.argmax())] == "MUSICAL"
    assert scores.max() == pytest.approx(0.7036, abs=2e-3)
    assert encoding.embedding.mean() == pytest.approx(1.0845, abs=2e-3)


@pytest.mark.models
@pytest.mark.shared
def test_anchors_confirm_the_label_names(encoder: aisfx.AiSfx, shared_data: Path) -> None:
    """A sound of known category scores higher on it, against its level over all anchors, than on nearly any other."""
    clips: list[tuple[str, Path]] = []
    with (shared_data / "esc50" / "labels.csv").open() as file:
        for row in csv.DictReader(file):
            if row["category"] in ANCHORS and [c for c, _ in clips].count(row["category"]) < CLIPS:
                clips.append((row["category"], shared_data / "esc50" / row["file"]))
    encodings = encoder.encode([read_audio(path, channels=1) for _, path in clips])
    misses = []
    for space, labels in encoder.labels.items():
        level = np.array([np.log(e.scores[space].mean(axis=0) + 1e-9) for e in encodings])
        standard = (level - level.mean(axis=0)) / level.std(axis=0)
        for sound, (category, spaces) in ANCHORS.items():
            own = standard[[name == sound for name, _ in clips]].mean(axis=0)
            rank = int((own > own[labels.index(category)]).sum()) if space in spaces else 0
            misses += [(space, sound, category, rank)] if rank > 3 else []
    assert not misses, "(head, sound, category, categories that score higher)"
