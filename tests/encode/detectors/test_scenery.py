"""What surrounds, by made heads, and that the shipped ones fit the encoder that they learned from."""

import numpy as np
import pytest

from storysound.encode.detectors import scenery
from storysound.encode.detectors.scenery import SceneryHeads
from storysound.encode.encoder import Encoding


def test_heads_say_how_likely_each_is() -> None:
    heads = SceneryHeads(("fire", "sea"), 2 * np.eye(2, dtype=np.float32), np.full(2, -1, np.float32))
    chances = heads(np.array([[1.0, 0.0]], np.float32))
    assert chances[0].tolist() == pytest.approx([1 / (1 + np.exp(-1)), 1 / (1 + np.exp(1))])


def test_each_picture_has_its_own_chances(monkeypatch: pytest.MonkeyPatch) -> None:
    heads = SceneryHeads(("fire",), np.array([[9.0], [-9.0]], np.float32), np.zeros(1, np.float32))
    monkeypatch.setattr(scenery, "shipped", lambda known: heads)
    burning, wet = (Encoding(np.array([row], np.float32)) for row in ([2.0, 0.0], [0.0, 3.0]))
    first, second = scenery.of_pictures([burning, wet])["fire"]
    assert first > 0.99 > 0.01 > second


@pytest.mark.parametrize(
    ("known", "names"),
    [("scenery", {"fire", "fireworks", "sea", "snow", "street"}), ("ambience", {"birds", "wind", "waves", "traffic"})],
)
def test_shipped_heads_know_what_words_and_sounds_are_for(known: scenery.Known, names: set[str]) -> None:
    heads = scenery.shipped(known)
    assert heads.weights.shape == (1280, len(heads.names))
    assert heads.bias.shape == (len(heads.names),)
    assert names <= set(heads.names)
    usual = heads(np.full((1, 1280), 1280**-0.5, np.float32))
    assert usual.shape == (1, len(heads.names))
    assert ((usual > 0) & (usual < 1)).all()
