"""Ears of our own: the front end against the teacher's definition, and what must not matter to the network."""

import csv
from pathlib import Path

import numpy as np
import pytest
import torch

from storysound.encode import ears
from storysound.encode.ears import PATCH_SAMPLES, RATE_HZ, Config, Ears, Network, load, patches
from storysound.media.arrays import Floats
from storysound.media.audio import Waveform, read_audio, resample
from storysound.weights.resolver import Resolver


def noise(seconds: float, seed: int = 0, rate_hz: int = RATE_HZ) -> Floats:
    rng = np.random.default_rng(seed)
    envelope = np.interp(np.arange(int(seconds * rate_hz)), np.linspace(0, seconds * rate_hz, 9), rng.uniform(0, 1, 9))
    return (0.2 * envelope * rng.normal(size=len(envelope))).astype(np.float32)


@pytest.fixture(scope="module")
def untrained() -> Ears:
    torch.manual_seed(0)
    return Ears(Network(Config.tiny()), ears.class_names(), np.full(521, 0.1, np.float32), "untrained")


def teachers_log_mel(samples: Floats) -> Floats:
    """The definition, slowly: 25-ms Hann windows every 10 ms, FFT of 512, magnitude, 64 HTK mels, ln(x + 0.001)."""
    mel = lambda hz: 1127 * np.log1p(hz / 700)  # noqa: E731
    edges = np.linspace(mel(125.0), mel(7500.0), 66)
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(400) / 400)
    rows = []
    for start in range(0, len(samples) - 399, 160):
        magnitude = np.abs(np.fft.rfft(samples[start : start + 400] * window, 512))
        row = np.zeros(64)
        for band in range(64):
            for k in range(1, 257):
                at = mel(k * 16000 / 512)
                up = (at - edges[band]) / (edges[band + 1] - edges[band])
                down = (edges[band + 2] - at) / (edges[band + 2] - edges[band + 1])
                row[band] += max(0.0, min(up, down)) * magnitude[k]
        rows.append(np.log(row + 0.001))
    return np.array(rows)


def test_the_front_end_is_the_teachers() -> None:
    samples = noise(1.0) + 0.3 * np.sin(2 * np.pi * 440 * np.arange(RATE_HZ) / RATE_HZ).astype(np.float32)
    (found, *rest) = patches(samples)
    assert not rest
    np.testing.assert_allclose(found, teachers_log_mel(samples)[:96], atol=2e-3)


@pytest.mark.parametrize(
    ("samples", "count"),
    [
        (1, 1),
        (PATCH_SAMPLES, 1),
        (PATCH_SAMPLES + 3839, 1),  # less than half a step more
        (PATCH_SAMPLES + 3840, 2),
        (PATCH_SAMPLES + 7680, 2),
        (RATE_HZ * 10, 20),
    ],
)
def test_patches_cover_the_sound(samples: int, count: int) -> None:
    assert patches(np.zeros(samples, np.float32)).shape == (count, 96, 64)


def test_order_and_company_of_patches_dont_matter(untrained: Ears) -> None:
    network, cut = Network(Config.tiny()).eval(), torch.from_numpy(patches(noise(6.0)))
    with torch.inference_mode():
        together = network(cut).logits
        alone = torch.cat([network(patch[None]).logits for patch in cut])
        turned = network(cut.flip(0)).logits.flip(0)
    torch.testing.assert_close(alone, together, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(turned, together, atol=1e-4, rtol=1e-4)


def test_what_comes_later_changes_nothing(untrained: Ears) -> None:
    long = noise(9.0)
    (whole,) = untrained.encode([Waveform(long[None], RATE_HZ)])
    (start,) = untrained.encode([Waveform(long[None, : RATE_HZ * 4], RATE_HZ)])
    inside = 7  # patches that end within 4 s
    np.testing.assert_allclose(
        start.scores["audioset"][:inside], whole.scores["audioset"][:inside], atol=1e-5, rtol=1e-4
    )


def test_fusing_changes_nothing() -> None:
    torch.manual_seed(1)
    network = Network(Config.tiny())
    network.train()
    cut = torch.from_numpy(patches(noise(5.0)))
    network(cut)  # moves the norms' statistics away from their start
    network.eval()
    with torch.inference_mode():
        before = network(cut).logits.clone()
        torch.testing.assert_close(network.fuse()(cut).logits, before, atol=1e-3, rtol=1e-4)


@pytest.mark.parametrize("rate_hz", [8000, 44100, 96000])
def test_the_rate_hardly_matters_below_its_half(untrained: Ears, rate_hz: int) -> None:
    low = resample(Waveform(noise(3.0, rate_hz=8000)[None], 8000), RATE_HZ)
    (one,) = untrained.encode([low])
    (other,) = untrained.encode([resample(low, rate_hz)])
    np.testing.assert_allclose(one.embedding, other.embedding, atol=0.05)


@pytest.mark.parametrize("kind", ["silence", "click", "full scale", "one sample"])
def test_odd_sounds_get_finite_answers(untrained: Ears, kind: str) -> None:
    samples = np.zeros(1 if kind == "one sample" else RATE_HZ * 2, np.float32)
    if kind == "click":
        samples[9000] = 1
    elif kind == "full scale":
        samples[:] = np.sign(np.sin(np.arange(len(samples))))
    (found,) = untrained.encode([Waveform(samples[None], RATE_HZ)])
    assert np.isfinite(found.embedding).all()
    assert np.allclose(np.linalg.norm(found.embedding, axis=1), 1, atol=1e-5)
    assert ((found.scores["audioset"] >= 0) & (found.scores["audioset"] <= 1)).all()


def test_shapes_without_sense_are_refused() -> None:
    for widths, hidden in (((), 8), ((0,), 8), ((8,), 0)):
        with pytest.raises(ValueError, match="positive widths"):
            Config(widths, hidden)


@pytest.mark.models
def test_golden_sounds(weights: Resolver) -> None:
    """Recipe: sax.wav of gradio 6.31.0 is music, silence is silence, both by the mean over time."""
    shipped = load(weights)
    heard, silence = shipped.encode(
        [
            read_audio(weights.path("demo/sax.wav"), channels=1),
            Waveform(np.zeros((1, RATE_HZ * 3), np.float32), RATE_HZ),
        ]
    )
    labels = shipped.labels["audioset"]
    assert labels[int(heard.scores["audioset"].mean(axis=0).argmax())] == "Music"
    assert labels[int(silence.scores["audioset"].mean(axis=0).argmax())] == "Silence"


# ESC-50's classes and the AudioSet class that names each of them.
ANCHORS = {
    "church_bells": "Church bell", "clapping": "Applause", "crackling_fire": "Fire", "crow": "Crow",
    "crying_baby": "Baby cry, infant cry", "dog": "Bark", "frog": "Frog", "glass_breaking": "Shatter",
    "helicopter": "Helicopter", "rain": "Rain", "rooster": "Crowing, cock-a-doodle-doo", "siren": "Siren",
    "thunderstorm": "Thunder", "water_drops": "Drip",
}  # fmt: skip


@pytest.mark.models
@pytest.mark.shared
def test_sounds_of_known_class_are_told_apart(weights: Resolver, shared_data: Path) -> None:
    """Each anchor's class is strongest, against its level over all clips, in clips of its own in at least 12 of 14."""
    with (shared_data / "esc50" / "labels.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["category"] in ANCHORS]
    clips = [[row for row in rows if row["category"] == name][:3] for name in ANCHORS]
    sounds = [read_audio(shared_data / "esc50" / row["file"], channels=1) for group in clips for row in group]
    scores = np.stack([found.scores["audioset"].max(axis=0) for found in load(weights).encode(sounds)])
    own = scores[:, [ears.class_names().index(label) for label in ANCHORS.values()]]
    level = np.stack([part.mean(axis=0) for part in np.split(own, np.cumsum([len(g) for g in clips])[:-1])])
    assert (level.argmax(axis=0) == np.arange(len(ANCHORS))).sum() >= 12
