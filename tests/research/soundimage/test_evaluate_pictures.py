"""Generated pictures against real ones, by whatever encoder looks."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from recipe_fakes import listening, models_of
from storysound.encode import encoder
from storysound.encode.encoder import Encoding
from storysound.errors import InputError
from storysound.metrics.frechet import frechet_distance
from storysound.metrics.inception import inception_score
from storysound.metrics.kernel import kernel_distance
from storysound.progress import Watch
from storysound.research.soundimage import evaluate as job
from storysound.research.soundimage.settings import PictureEvaluation


class Eyes:
    """See the mean colour, and name the strongest."""

    name, revision = "colours", "1"

    def __init__(self, names: bool = True) -> None:
        self.names = names

    def encode(self, items: list[Any]) -> list[Encoding]:
        colours = [item.reshape(-1, 3).mean(axis=0, keepdims=True).astype(np.float32) / 255 for item in items]
        return [Encoding(c, {"rgb": c / c.sum()} if self.names else {}) for c in colours]


def folder_of(path: Path, seed: int, count: int, shift: float = 0.0) -> np.ndarray:
    path.mkdir()
    colours = np.clip(np.random.default_rng(seed).uniform(20, 200, (count, 3)) + shift, 1, 255).astype(np.uint8)
    for i, colour in enumerate(colours):
        Image.new("RGB", (4, 4), tuple(colour.tolist())).save(path / f"{i}.png")
    return colours.astype(np.float32) / 255


def recipe(tmp_path: Path) -> PictureEvaluation:
    return PictureEvaluation(tmp_path / "made", tmp_path / "real")


@pytest.mark.parametrize("names", [True, False])
def test_figures_are_those_of_what_the_encoder_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, names: bool
) -> None:
    monkeypatch.setattr(encoder, "load", lambda *_: Eyes(names))
    made, real = folder_of(tmp_path / "made", 0, 12, 40), folder_of(tmp_path / "real", 1, 24)
    half = np.random.default_rng(0).permutation(24)[:12]
    (tmp_path / "made" / "broken.png").write_bytes(b"no picture")
    (tmp_path / "made" / ".hidden.png").write_bytes(b"no picture")
    told: list[str] = []
    ours, best = job.evaluate(recipe(tmp_path), models_of(), listening(told))
    assert len(told) == 1
    assert "broken.png" in told[0]
    assert ours.figures["fid"] == pytest.approx(frechet_distance(made, real[half]), rel=1e-5)
    assert ours.figures["kid"] == pytest.approx(kernel_distance(made, real[half]), rel=1e-4)
    assert ("is" in ours.figures) == names
    if names:
        shares = made / made.sum(axis=1, keepdims=True)
        assert ours.figures["is"] == pytest.approx(inception_score(shares), rel=1e-5)
    assert ours.n == 12
    assert "colours 1 in the place of Inception, 3 features; 12 against 12 real" in ours.protocol
    rest = np.setdiff1d(np.arange(24), half)
    assert best.figures["fid"] == pytest.approx(frechet_distance(real[rest], real[half]), rel=1e-5)
    assert best.figures["fid"] < ours.figures["fid"]


def test_sizes_are_equal_where_pictures_were_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encoder, "load", lambda *_: Eyes())
    folder_of(tmp_path / "made", 0, 30)
    folder_of(tmp_path / "real", 1, 13)
    rows = job.evaluate(recipe(tmp_path), models_of(), Watch())
    assert [row.n for row in rows] == [6, 6]
    assert all("6 against 7 real" in row.protocol for row in rows)


def test_too_few_pictures_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encoder, "load", lambda *_: Eyes())
    folder_of(tmp_path / "made", 0, 3)
    with pytest.raises(InputError, match="has 3 pictures"):
        job.evaluate(recipe(tmp_path), models_of(), Watch())
    folder_of(tmp_path / "made" / "more", 0, 9)
    with pytest.raises(InputError, match="can't be read"):
        job.evaluate(PictureEvaluation(tmp_path / "made" / "more", tmp_path / "none"), models_of(), Watch())
