"""Pictures from embeddings, end to end on tiny random weights from a local folder."""

from pathlib import Path

import numpy as np
import pytest
import torch

from generate_fakes import no_network, save_kandinsky  # noqa: F401
from rounding import assert_alike
from storysound.errors import MissingModelError
from storysound.generate import kandinsky

CPU = torch.device("cpu")
pytestmark = pytest.mark.usefixtures("no_network")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_kandinsky(tmp_path_factory.mktemp("kandinsky"))


def test_the_picture_follows_embedding_and_seed_and_nothing_else(folder: Path) -> None:
    painter, eyes = kandinsky.load_painter(folder, CPU), kandinsky.load_eyes(folder, CPU)
    one, other = 3 * torch.randn(2, painter.dim, generator=torch.Generator().manual_seed(1))

    def painted(embedding: torch.Tensor, seed: int) -> np.ndarray:
        return painter.paint(embedding, eyes.black(), seed=seed, steps=2, side_px=64)

    first = painted(one, 0)
    assert first.shape == (64, 64, 3)
    assert first.dtype == np.uint8
    assert first.std() > 5
    torch.rand(1)  # what happens elsewhere doesn't matter
    assert np.array_equal(first, painted(one, 0))
    assert not np.array_equal(first, painted(one, 1))
    assert not np.array_equal(first, painted(other, 0))


def test_eyes_see_each_picture_alone(folder: Path) -> None:
    eyes = kandinsky.load_eyes(folder, CPU)
    pictures = [np.random.default_rng(i).integers(0, 256, (20 + 9 * i, 30, 3), np.uint8) for i in range(3)]
    together = eyes.embed(pictures)
    assert together.shape == (3, 8)
    for picture, row in zip(pictures, together, strict=True):
        assert_alike(eyes.embed([picture])[0], row)
    assert not torch.allclose(together[0], together[1])
    assert eyes.black().shape == (8,)
    assert eyes.revision == kandinsky.revision(folder)


def test_missing_parts_are_named(tmp_path: Path) -> None:
    for load in (kandinsky.load_painter, kandinsky.load_eyes):
        with pytest.raises(MissingModelError, match=r"no folder|can't be loaded"):
            load(tmp_path, CPU)
    with pytest.raises(MissingModelError, match="image_encoder"):
        kandinsky.revision(tmp_path)
