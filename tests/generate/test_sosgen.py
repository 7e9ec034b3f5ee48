"""The small SoSgen on tiny random weights: lengths, seeds, folders that hold something else."""

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from storysound.encode.encoder import Encoding
from storysound.errors import MissingModelError, UsageError
from storysound.generate import sosgen
from storysound.generate.maker import Conditions
from storysound.generate.sosgen import FILE, Parts, Sosgen, codes_of, frames, read_parts, sounding, tokens_of
from storysound.nn.flow import FlowConfig, FlowTransformer
from storysound.nn.patch_autoencoder import AutoencoderConfig, PatchAutoencoder


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


@pytest.mark.parametrize("seconds", [0.7, 12.0])
def test_a_sound_has_its_length_and_its_seed(maker: Sosgen, seconds: float) -> None:
    made = [maker.make(Conditions(seconds, seed, "a dog")) for seed in (1, 1, 2)]
    assert made[0].samples.shape == (1, round(seconds * sosgen.RATE_HZ))
    assert np.isfinite(made[0].samples).all()
    assert np.abs(made[0].samples).max() <= 1
    np.testing.assert_array_equal(made[0].samples, made[1].samples)
    assert not np.array_equal(made[0].samples, made[2].samples)


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
    once = frames(tone, 80)
    again = frames(sounding(once, 0), 80)
    loud = once > once.max() - 1.5
    assert np.abs(again - once)[loud].mean() < 0.1


def test_what_is_saved_is_read(parts: Parts, tmp_path: Path) -> None:
    parts.save(tmp_path)
    again = read_parts(tmp_path)
    assert (again.joined, again.texts) == (3, ("dog", "rain"))
    x, t, c = torch.randn(1, 18, 60), torch.tensor([0.5]), torch.eye(2)[:1]
    torch.testing.assert_close(again.flow(x, t, c), parts.flow(x, t, c), atol=1e-2, rtol=1e-2)


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
