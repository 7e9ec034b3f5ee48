"""The training of the small SoSgen, end to end on a few slices of noise."""

import json
from pathlib import Path

import numpy as np
import pytest

from sosgen_fakes import stories_at
from storysound.encode.pool import Models
from storysound.errors import InputError
from storysound.generate.sosgen import BANDS, COLUMNS, FRAMES, read_parts
from storysound.progress import Progress, Watch
from storysound.research.sos.generator.flow import Examples, read_slices, slices_of, train
from storysound.research.sos.generator.flow_settings import FlowTraining

torch = pytest.importorskip("torch")


def written(folder: Path, count: int = 24, frames: int = FRAMES) -> Path:
    folder.mkdir()
    dice = np.random.default_rng(0)
    np.save(folder / "mels.npy", dice.standard_normal((count, frames, BANDS.n_mels)).astype(np.float16))
    np.save(folder / "kinds.npy", np.arange(count) % 2)
    (folder / "texts.json").write_text(json.dumps({"dog": ["a dog"], "rain": ["rain", "it rains"]}))
    return folder


@pytest.mark.models
def test_a_run_is_made_goes_on_and_can_be_read(models: Models, tmp_path: Path) -> None:
    pytest.importorskip("lightning_fabric")
    told: list[str] = []

    def tell(at: Progress) -> None:
        told.extend([at.line] if at.line else [])

    small = {"data": written(tmp_path / "data"), "out": tmp_path / "run", "batch": 2, "width": 16, "layers": 1}
    train(FlowTraining(**small, code_steps=1, steps=1), models, Watch(tell))  # type: ignore[arg-type]
    assert any("24 slices of 2 kinds, 2 held out" in line for line in told)
    parts = read_parts(tmp_path / "run" / "sosgen")
    assert parts.flow.config.tokens * parts.joined == COLUMNS
    assert parts.texts == ("a dog", "rain", "it rains")
    told.clear()
    train(FlowTraining(**small, code_steps=1, steps=2), models, Watch(tell))  # type: ignore[arg-type]
    assert any("going on at step 1" in line for line in told)
    with pytest.raises(InputError, match="other settings: seed"):
        train(FlowTraining(**small, code_steps=1, steps=2, seed=5), models, Watch(tell))  # type: ignore[arg-type]


@pytest.mark.models
def test_it_learns_from_the_slices_that_the_papers_own_learns_from(models: Models, tmp_path: Path) -> None:
    pytest.importorskip("lightning_fabric")
    data, out = stories_at(tmp_path / "data", films=3, slices=3), tmp_path / "run"
    small = FlowTraining(data, out, batch=2, width=16, layers=1, code_steps=1, steps=1)
    slices = slices_of(small, Watch())
    assert slices.mels.shape == (9, FRAMES, BANDS.n_mels)
    assert slices.texts == (("a high whistle",), ("a low hum",), ("a high whistle",))
    assert len(set(slices.kinds[slices.held_out].tolist())) == 1, "films are held out, not slices"
    again = slices_of(small, Watch())
    np.testing.assert_array_equal(again.mels, slices.mels)
    assert np.isfinite(train(small, models, Watch()))
    with pytest.raises(InputError, match="of one film"):
        slices_of(FlowTraining(stories_at(tmp_path / "one", films=1), tmp_path / "none"), Watch())
    assert read_parts(out / "sosgen").texts == ("a high whistle", "a low hum", "a high whistle")


def test_kinds_come_as_often_as_each_other_and_with_their_own_texts() -> None:
    kinds = torch.tensor([0] * 99 + [1])
    examples = Examples(kinds[:, None, None].half(), kinds, torch.tensor([[1.0, 0], [0, 1.0]]), torch.tensor([0, 1]))
    dice = np.random.default_rng(0)
    rows = examples.balanced(torch.arange(100), 400, dice)
    tokens, vectors = examples.batch(rows, dice)
    assert 150 < int((rows == 99).sum()) < 250
    told = vectors.abs().sum(1) > 0
    assert 0.8 < float(told.float().mean()) < 0.97
    assert torch.equal(vectors[told].argmax(1), tokens[told, 0, 0].long())


def test_folders_without_slices_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no slices"):
        read_slices(tmp_path)
    with pytest.raises(InputError, match="don't fit"):
        read_slices(written(tmp_path / "short", frames=8))
