"""The training of the small SoSgen's branch: pictures that are made, pairs with them, and a run end to end."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from storysound.encode.labels import LabelSpace
from storysound.encode.pool import Models
from storysound.errors import InputError, MissingModelError
from storysound.generate.sosgen import BANDS, COLUMNS, FRAMES, Parts, fingerprint, read_parts
from storysound.nn.flow import FlowConfig, FlowTransformer
from storysound.nn.patch_autoencoder import PATCH, AutoencoderConfig, PatchAutoencoder
from storysound.progress import Progress, Watch
from storysound.research.sos.generator.branch import Pairs, train
from storysound.research.sos.generator.flow_settings import BranchTraining
from storysound.research.sos.generator.made_pictures import MadePictures, read_shows

torch = pytest.importorskip("torch")

LABELS = ("beagle", "foxhound", "tabby", "Siamese cat", "beach", "bucket")
ABOUT = np.float32([[1, 0, 0], [1, 0, 0], [0, 1, 0], [0, 1, 0], [0, 0, 1], [0, 0, 1]])  # what each means


@pytest.fixture
def pictures() -> MadePictures:
    dice = np.random.default_rng(0)
    apart = dice.standard_normal((6, 64))
    layer = apart + 2 * np.repeat(dice.standard_normal((3, 64)), 2, axis=0)  # two by two they are alike
    shows = (np.array([0, 1]), np.array([2, 3]), np.array([], np.intp))
    return MadePictures.of(layer.astype(np.float32), LabelSpace("toy", LABELS, ABOUT), shows)


def test_made_pictures_show_their_kind_and_what_looks_like_it(pictures: MadePictures) -> None:
    assert pictures.shown.tolist() == [0, 1]
    dice = np.random.default_rng(0)
    scores = np.stack([pictures.scores(0, dice) for _ in range(300)])
    np.testing.assert_allclose(scores.sum(1), 1, atol=1e-4)
    assert np.isin(scores.argmax(1), [0, 1]).mean() > 0.8
    both = scores[:, :2]
    assert both.min(1).mean() > 1.5 * scores[:, 2:].mean()  # a beagle is taken for a foxhound, not for a bucket
    assert scores.max(1).std() > 0.05  # some are clear, some are not


def test_their_vectors_lie_where_their_words_do(pictures: MadePictures) -> None:
    dice = np.random.default_rng(0)
    dogs, cats = pictures.vectors(0, 200, dice), pictures.vectors(1, 200, dice)
    np.testing.assert_allclose(np.linalg.norm(dogs, axis=1), 1, atol=1e-4)
    assert (dogs[:, 0] > dogs[:, 1]).mean() > 0.8
    assert (cats[:, 1] > cats[:, 0]).mean() > 0.8


def tiny() -> Parts:
    torch.manual_seed(0)
    code = PatchAutoencoder(AutoencoderConfig(2, 8, 1)).eval()
    config = FlowConfig(COLUMNS // 3, 3 * BANDS.n_mels // PATCH * 2, 384, 8, 1, 2)
    flow = FlowTransformer(config).eval()
    torch.nn.init.normal_(flow.out.weight, std=0.1)  # so that what is added to its stream is heard
    return Parts(code, flow, 3, ("a dog", "rain", "it rains"), torch.eye(384)[:3])


def pairs(share: float) -> Pairs:
    """Two kinds whose slices, pictures and texts say which they are."""
    tokens = torch.tensor([1.0, 2.0]).repeat(10)[:, None, None].expand(20, 18, 60).half()
    kinds = np.arange(20) % 2
    seen = np.repeat(np.eye(2, 384, dtype=np.float32)[:, None], 5, axis=1)
    mels = np.zeros((20, FRAMES, BANDS.n_mels), np.float16)
    rows, any_sound = np.arange(20), torch.eye(384)[9]
    return Pairs(tiny(), mels, kinds, rows, tokens, seen, np.arange(2), np.array([0, 1, 1]), any_sound, share, 0.0)


def test_pictures_of_a_pair_show_what_is_heard_when_it_is() -> None:
    tokens, shown, texts = pairs(0.5).batch(400, np.random.default_rng(0))
    heard = tokens[:, :, 0].round().long() - 1
    assert torch.equal(shown.argmax(2), heard)
    changes = (heard.diff(dim=1) != 0).sum(1)
    assert set(changes.tolist()) == {0, 1}
    assert 0.15 < float((changes == 1).float().mean()) < 0.35  # half of the sequences are of one kind twice
    any_sound = texts.argmax(1) == 9
    wordless = texts.abs().sum(1) == 0
    assert 0.5 < float(any_sound.float().mean()) < 0.7
    assert 0.05 < float(wordless.float().mean()) < 0.2
    said = (~any_sound & ~wordless).nonzero()[:, 0]
    kinds = torch.tensor([0, 1, 1])[texts[said].argmax(1)]
    assert bool((heard[said] == kinds[:, None]).any(1).all())


def test_a_mixture_has_the_words_of_the_other_sound() -> None:
    mixed = replace(pairs(0.0), mixtures=1.0)
    mixed.mels[1::2] = 1.0
    dice = np.random.default_rng(0)
    with torch.inference_mode():
        tokens, shown, texts = mixed.batch(40, dice)
        loud = mixed.parts.encode(torch.ones(1, FRAMES, BANDS.n_mels))
    of = torch.tensor([0, 1, 1])[texts.argmax(1)]
    assert {(int(a), int(b)) for a, b in zip(shown[:, 0].argmax(1), of, strict=True)} == {
        (0, 0),
        (0, 1),
        (1, 0),
        (1, 1),
    }
    one_is_loud = tokens[(shown[:, 0].argmax(1) == 1) ^ (of == 1)]
    assert (one_is_loud - loud).abs().mean() < (tokens[(shown[:, 0].argmax(1) == 0) & (of == 0)] - loud).abs().mean()


def written(folder: Path, texts: dict[str, list[str]] | None = None) -> Path:
    folder.mkdir()
    dice = np.random.default_rng(0)
    np.save(folder / "mels.npy", dice.standard_normal((44, FRAMES, BANDS.n_mels)).astype(np.float16))
    np.save(folder / "kinds.npy", np.arange(44) % 2)
    (folder / "texts.json").write_text(json.dumps(texts or {"dog": ["a dog"], "rain": ["rain", "it rains"]}))
    (folder / "shows.json").write_text(json.dumps({"dog": [151, 152], "rain": []}))
    return folder


@pytest.mark.models
def test_a_run_leaves_the_flow_as_it_was_goes_on_and_can_be_read(models: Models, tmp_path: Path) -> None:
    pytest.importorskip("lightning_fabric")
    tiny().save(tmp_path / "model")
    told: list[str] = []

    def tell(at: Progress) -> None:
        told.extend([at.line] if at.line else [])

    small = {"data": written(tmp_path / "data"), "out": tmp_path / "run", "model": tmp_path / "model"}
    small |= {"batch": 2, "width": 8, "pictures": 3}
    train(BranchTraining(**small, steps=1), models, Watch(tell))  # type: ignore[arg-type]
    assert any("making 3 pictures of 1 kinds" in line for line in told)
    before, after = read_parts(tmp_path / "model"), read_parts(tmp_path / "run" / "sosgen")
    assert before.branch is None
    assert after.branch is not None
    assert float(after.branch.stream.weight.detach().abs().max()) > 0
    assert fingerprint(before.flow) == fingerprint(after.flow)
    assert fingerprint(before.code) == fingerprint(after.code)
    told.clear()
    train(BranchTraining(**small, steps=2), models, Watch(tell))  # type: ignore[arg-type]
    assert any("going on at step 1" in line for line in told)
    with pytest.raises(InputError, match="other settings: seed"):
        train(BranchTraining(**small, steps=2, seed=5), models, Watch(tell))  # type: ignore[arg-type]


@pytest.mark.models
def test_slices_of_another_model_and_folders_of_none_are_named(models: Models, tmp_path: Path) -> None:
    tiny().save(tmp_path / "model")
    data = written(tmp_path / "data", {"dog": ["woof"], "rain": ["rain"]})
    with pytest.raises(InputError, match="has other texts than the model"):
        train(BranchTraining(data, tmp_path / "run", tmp_path / "model"), models, Watch())
    with pytest.raises(MissingModelError, match="SoSgen of ours"):
        train(BranchTraining(data, tmp_path / "run", tmp_path / "none"), models, Watch())
    with pytest.raises(InputError, match="doesn't say what pictures show"):
        read_shows(tmp_path)
