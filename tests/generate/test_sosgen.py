"""The small SoSgen on tiny random weights: lengths, seeds, pictures in time, folders that hold something else."""

from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from storysound.encode.encoder import Encoding
from storysound.encode.pool import Models
from storysound.errors import MissingModelError, UsageError
from storysound.generate import sosgen
from storysound.generate.maker import WEIGHTS, Conditions, TimedPicture
from storysound.generate.sosgen import (
    BRANCH_FILE,
    FILE,
    Parts,
    Sight,
    Sosgen,
    codes_of,
    fingerprint,
    read_parts,
    tokens_of,
)  # fmt: skip
from storysound.generate.variants import FIXED_TEXT
from storysound.media.arrays import Floats, Pixels
from storysound.nn.flow import FlowConfig, FlowTransformer
from storysound.nn.patch_autoencoder import AutoencoderConfig, PatchAutoencoder
from storysound.nn.picture_branch import BranchConfig, PictureBranch


class Words:
    """An encoder of texts: "dog" lies on one axis, all else on another."""

    name, modality, dim, revision = "words", "text", 2, "1"

    def encode(self, items: list[str]) -> list[Encoding]:
        rows = [np.float32([[1, 0]]) if "dog" in text else np.float32([[0, 1]]) for text in items]
        return [Encoding(row, {}, None) for row in rows]


@pytest.fixture(scope="module")
def parts() -> Parts:
    torch.manual_seed(0)
    code = PatchAutoencoder(AutoencoderConfig(2, 8, 1)).eval()
    flow = FlowTransformer(FlowConfig(sosgen.COLUMNS // 3, 60, 2, 8, 1, 2)).eval()
    return Parts(code, flow, 3, ("dog", "rain"), torch.eye(2))


@pytest.fixture(scope="module")
def maker(parts: Parts) -> Sosgen:
    return Sosgen(parts, Words(), torch.device("cpu"), steps=2)  # type: ignore[arg-type]


class Colours:
    """Sees red on one axis and blue on another."""

    def vectors(self, pictures: list[Pixels]) -> Floats:
        return np.stack([picture.mean((0, 1))[[0, 2]] / 255 for picture in pictures]).astype(np.float32)


RED, BLUE = (np.tile(np.uint8(colour), (4, 4, 1)) for colour in ((255, 0, 0), (0, 0, 255)))


@pytest.fixture(scope="module")
def seeing(parts: Parts) -> Sosgen:
    torch.manual_seed(1)
    branch = PictureBranch(BranchConfig(2, 2, 8, 2, 16)).eval()
    for last in (branch.stream, branch.condition):
        torch.nn.init.normal_(last.weight, std=0.3)
    flow = FlowTransformer(parts.flow.config).eval()  # one that has ears for its condition and its stream
    torch.nn.init.normal_(flow.out.weight, std=0.3)
    flow.gaussian.weight.normal_()
    able = replace(parts, flow=flow, branch=branch)
    return Sosgen(able, Words(), torch.device("cpu"), sight=Colours, steps=2)  # type: ignore[arg-type]


def shown(*pictures: Pixels, seconds: float = 4.0) -> tuple[TimedPicture, ...]:
    return tuple(TimedPicture(seconds * n / len(pictures), rgb) for n, rgb in enumerate(pictures))


def test_it_takes_words_or_pictures_or_both(maker: Sosgen, seeing: Sosgen) -> None:
    assert (maker.takes, seeing.takes) == ({"text"}, {"text", "pictures"})
    asked = [
        Conditions(4.0, 1, "a dog"),
        Conditions(4.0, 1, pictures=shown(RED)),
        Conditions(4.0, 1, pictures=shown(BLUE)),
        Conditions(4.0, 1, "a dog", shown(BLUE)),
    ]
    made = [seeing.make(conditions).samples for conditions in asked]
    assert all(not np.allclose(one, other, atol=1e-3) for n, one in enumerate(made) for other in made[:n])
    without = Sosgen(replace(seeing.parts, branch=None), Words(), torch.device("cpu"), steps=2)  # type: ignore[arg-type]
    np.testing.assert_array_equal(made[0], without.make(asked[0]).samples)
    audio = seeing.make(Conditions(4.0, 1, FIXED_TEXT, shown(RED))).samples
    np.testing.assert_array_equal(made[1], audio)


def test_each_token_has_the_picture_of_its_time(seeing: Sosgen) -> None:
    found = seeing._shown(Conditions(12.0, pictures=shown(RED, BLUE, seconds=12.0)))
    assert found is not None
    rows = found[0]
    middle = round(6.0 / seeing.token_s)
    assert abs(len(rows) * seeing.token_s - 12) < 0.5
    assert torch.equal(rows[:middle], torch.tensor([1.0, 0]).expand(middle, 2))
    assert torch.equal(rows[middle:], torch.tensor([0, 1.0]).expand(len(rows) - middle, 2))


def test_pictures_change_the_sound_in_their_own_time_most(seeing: Sosgen) -> None:
    red, both = (
        seeing.spectrograms(torch.eye(2)[:1], [0], 5.0, seeing._shown(Conditions(5.0, pictures=pictures)))[0]
        for pictures in (shown(RED, seconds=5.0), shown(RED, BLUE, seconds=5.0))
    )
    change = np.abs(both - red).mean(1)
    assert change[: len(change) // 3].mean() < 0.8 * change[-len(change) // 3 :].mean()


def test_pictures_that_it_cannot_take_are_told(maker: Sosgen, seeing: Sosgen) -> None:
    with pytest.raises(UsageError, match="from text, not from pictures"):
        maker.make(Conditions(4.0, pictures=shown(RED)))
    with pytest.raises(UsageError, match=r"9 pictures are too many for 2 s: at most 8, each for 0\.28 s"):
        seeing.make(Conditions(2.0, pictures=shown(*[RED] * 9)))
    with pytest.raises(UsageError, match="nothing to make sound from: the model takes pictures, text"):
        seeing.make(Conditions(4.0))


def test_sounds_at_once_are_as_loud_as_the_louder_where_the_other_is_silent() -> None:
    tone, hiss = np.full((2, 3), -2.0, np.float32), np.full((2, 3), 1.0, np.float32)
    np.testing.assert_allclose(sosgen.FORM.at_once(tone, hiss), 1.0, atol=0.01)
    np.testing.assert_allclose(sosgen.FORM.at_once(hiss, hiss), 1 + np.log(2) / 2, atol=1e-4)


@pytest.mark.parametrize("seconds", [0.7, 12.0])
def test_a_sound_has_its_length_and_its_seed(maker: Sosgen, seconds: float) -> None:
    made = [maker.make(Conditions(seconds, seed, "a dog")) for seed in (1, 1, 2)]
    assert made[0].samples.shape == (1, round(seconds * sosgen.RATE_HZ))
    assert np.isfinite(made[0].samples).all()
    assert np.abs(made[0].samples).max() <= 1
    np.testing.assert_array_equal(made[0].samples, made[1].samples)
    assert not np.array_equal(made[0].samples, made[2].samples)


def test_grain_is_the_seeds_own_whatever_is_made_beside_it(parts: Parts) -> None:
    maker = Sosgen(parts, Words(), torch.device("cpu"), steps=2)  # type: ignore[arg-type]
    vectors = torch.eye(2)
    rough = maker.spectrograms(vectors, [3, 4], 5.0)
    maker.grain = 0.0
    smooth = maker.spectrograms(vectors, [3, 4], 5.0)
    added = (rough - smooth) / sosgen.GRAIN
    assert added.std() == pytest.approx(1, abs=0.02)
    assert np.abs(np.corrcoef(added[0].ravel(), added[1].ravel())[0, 1]) < 0.03
    assert added[1] == pytest.approx(sosgen.grain(added[1].shape, 4), abs=1e-3)


def test_what_it_cannot_is_refused(maker: Sosgen) -> None:
    for conditions in (Conditions(0.0, text="rain"), Conditions(3 * 3600.0, text="rain")):
        with pytest.raises(UsageError, match="up to 600 s"):
            maker.make(conditions)


def test_it_says_what_it_learned_that_is_nearest(maker: Sosgen) -> None:
    assert maker.nearest("two dogs") == ("dog", pytest.approx(1.0))


def test_tokens_and_codes_are_each_others_inverse() -> None:
    codes = torch.randn(2, 54, 10, 2)
    tokens = tokens_of(codes, 3)
    assert tokens.shape == (2, 18, 60)
    torch.testing.assert_close(codes_of(tokens, 3), codes)


def test_a_spectrogram_sounds_as_what_it_was_made_of() -> None:
    tone = 0.2 * np.sin(2 * np.pi * 700 * np.arange(sosgen.RATE_HZ) / sosgen.RATE_HZ).astype(np.float32)
    once = sosgen.FORM.frames(tone, 80)
    again = sosgen.FORM.frames(sosgen.FORM.sounding(once, 0), 80)
    loud = once > once.max() - 1.5
    assert np.abs(again - once)[loud].mean() < 0.1


def test_what_is_saved_is_read(parts: Parts, tmp_path: Path) -> None:
    parts.save(tmp_path)
    again = read_parts(tmp_path)
    assert (again.joined, again.texts) == (3, ("dog", "rain"))
    x, t, c = torch.randn(1, 18, 60), torch.tensor([0.5]), torch.eye(2)[:1]
    torch.testing.assert_close(again.flow(x, t, c), parts.flow(x, t, c), atol=1e-2, rtol=1e-2)


def test_a_branch_is_saved_beside_and_read(seeing: Sosgen, parts: Parts, tmp_path: Path) -> None:
    seeing.parts.save(tmp_path)
    alone = tmp_path / "alone"
    replace(seeing.parts, branch=None).save(alone)
    with_it, without = load_file(tmp_path / FILE), load_file(alone / FILE)
    assert with_it.keys() == without.keys()
    assert all(torch.equal(with_it[name], without[name]) for name in without)
    assert read_parts(alone).branch is None
    branch = read_parts(tmp_path).branch
    assert branch is not None
    pictures, t, words = torch.randn(1, 3, 2), torch.tensor([0.5]), torch.eye(2)[:1]
    for found, kept in zip(branch(pictures, t, words), seeing.parts.branch(pictures, t, words), strict=True):  # type: ignore[misc]
        torch.testing.assert_close(found, kept, atol=1e-2, rtol=1e-2)


def test_a_branch_of_another_flow_is_refused(seeing: Sosgen, parts: Parts, tmp_path: Path) -> None:
    seeing.parts.save(tmp_path)
    other = replace(parts, flow=FlowTransformer(parts.flow.config))
    other.save(tmp_path)
    with pytest.raises(MissingModelError, match=rf"\({BRANCH_FILE}\): it learned beside another {FILE}"):
        read_parts(tmp_path)
    (tmp_path / BRANCH_FILE).write_bytes(b"not a branch")
    with pytest.raises(MissingModelError, match=rf"can't be loaded as a SoSgen of ours \({BRANCH_FILE}\)"):
        read_parts(tmp_path)
    with pytest.raises(ValueError, match="no branch"):
        parts.save_branch(tmp_path)


def test_what_ships_takes_pictures_and_has_the_words_as_they_were() -> None:
    whole = sha256((WEIGHTS / FILE).read_bytes()).hexdigest()
    assert whole == "760b0e366b9d531ab99aa9971ec1b9369739bbaa02cfe38a527c9eb5f62d0564"
    shipped = read_parts(WEIGHTS)
    assert shipped.branch is not None
    assert float(shipped.branch.stream.weight.detach().abs().max()) > 0
    assert fingerprint(shipped.flow).startswith("5d10dd9d827f9628")


@pytest.mark.models
def test_sight_gives_points_of_the_space_of_texts(models: Models) -> None:
    sight = sosgen.sight_of(models)
    assert isinstance(sight, Sight)
    found = sight.vectors([RED, np.zeros((40, 30, 3), np.uint8)])
    assert found.shape == (2, models.encoder("minilm").dim)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-3)


def test_folders_with_something_else_are_named(parts: Parts, tmp_path: Path) -> None:
    with pytest.raises(MissingModelError, match="can't be loaded as a SoSgen of ours"):
        read_parts(tmp_path / "none")
    (tmp_path / FILE).write_bytes(b"not a model")
    with pytest.raises(MissingModelError, match="can't be loaded"):
        read_parts(tmp_path)
    save_file({"weight": torch.ones(2)}, tmp_path / FILE)
    with pytest.raises(MissingModelError, match="shape"):
        read_parts(tmp_path)


def test_a_checkpoint_of_another_shape_is_refused(parts: Parts, tmp_path: Path) -> None:
    parts.save(tmp_path)
    tensors = load_file(tmp_path / FILE)
    from safetensors import safe_open

    with safe_open(tmp_path / FILE, "pt") as opened:
        about = opened.metadata()
    tensors["flow.place"] = torch.zeros(7, 8)
    save_file(tensors, tmp_path / FILE, about)
    with pytest.raises(MissingModelError, match="size mismatch"):
        read_parts(tmp_path)
