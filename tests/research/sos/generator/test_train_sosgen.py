"""The paper's SoSgen from slices to figures, on a data set and on networks in miniature."""

import hashlib
import importlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from generate_fakes import tiny_diffusion, tiny_eyes
from recipe_fakes import listening, models_of
from rounding import assert_alike
from sosgen_fakes import RATE_HZ, SLICE_S, stories_at
from storysound.encode.pool import Models
from storysound.errors import InputError, LibraryError, MissingModelError, UsageError
from storysound.generate.diffusion_folder import read_parts, write_parts
from storysound.metrics.table import Row
from storysound.nn.frame_track import spread
from storysound.progress import Cancelled, Progress, Stop, Watch
from storysound.research.sos.about import GENERATION
from storysound.research.sos.generator.evaluate import evaluate, right
from storysound.research.sos.generator.settings import SosgenEvaluation, SosgenTraining
from storysound.research.sos.generator.slices import read_slices, shown_in
from storysound.research.sos.generator.train import SliceBatches, frame_vectors, train
from storysound.story import Span

pytest.importorskip("diffusers")
pytest.importorskip("lightning_fabric")


@pytest.fixture(scope="module")
def there(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data set, a model to begin with, and eyes."""
    folder = tmp_path_factory.mktemp("sosgen")
    stories_at(folder / "data")
    write_parts(tiny_diffusion(folder / "words"), folder / "base")
    tiny_eyes().save_pretrained(folder / "eyes")
    return folder


def recipe(there: Path, out: Path, **settings: object) -> SosgenTraining:
    usual = {
        "model": str(there / "base"), "eyes": there / "eyes", "steps": 3, "accumulation": 2, "held_out": 0.25,
        "rate": 1e-3, "precision": "32-true", "ema": 0.5,
    }  # fmt: skip
    return SosgenTraining(there / "data", out, **{**usual, **settings})  # type: ignore[arg-type]


def files(folder: Path, *parts: str) -> dict[str, str]:
    """Digests of the weights of parts of a folder."""
    found = [file for part in parts for file in (folder / part).glob("*.safetensors")]
    return {str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest() for file in found}


@pytest.fixture(scope="module")
def runs(there: Path) -> Path:
    """A run of the variant text, one of text+image that goes on from it, and one of image."""
    told: list[str] = []
    train(recipe(there, there / "text"), models_of(), listening(told))
    assert "6 slices to learn from, 2 held out" in told
    begun = str(there / "text" / "sosgen")
    train(recipe(there, there / "both", variant="text+image", model=begun), models_of(), Watch())
    train(recipe(there, there / "image", variant="image"), models_of(), Watch())
    return there


def test_the_first_stage_teaches_unet_and_text_encoder_alone(runs: Path) -> None:
    folders = (runs / "base", runs / "text" / "sosgen")
    before, after = (files(folder, "vae", "unet", "text_encoder") for folder in folders)
    changed = {name.split("/")[0] for name in before if before[name] != after[name]}
    assert changed == {"unet", "text_encoder"}
    assert read_parts(runs / "text" / "sosgen").control is None


def test_the_second_stage_leaves_all_of_the_first_as_it_was(runs: Path) -> None:
    for run, base in (("both", runs / "text" / "sosgen"), ("image", runs / "base")):
        frozen = files(base, "vae", "unet", "text_encoder")
        assert len(frozen) == 3
        assert files(runs / run / "sosgen", "vae", "unet", "text_encoder") == frozen
        parts = read_parts(runs / run / "sosgen")
        assert parts.control.controlnet_mid_block.weight.any(), "the branch has learned"
        eyes = load_file(runs / "eyes" / "model.safetensors")
        assert all(torch.equal(value, eyes[name]) for name, value in parts.eyes.state_dict().items() if name in eyes)
    assert read_parts(runs / "image" / "sosgen").about.variant == "image"


@pytest.mark.parametrize("variant", ["text", "text+image"])
def test_a_run_that_was_stopped_ends_where_the_other_ends(there: Path, tmp_path: Path, variant: str) -> None:
    stop = Stop()

    def report(now: Progress) -> None:
        if now.step == "training" and now.done >= 2:
            stop.set()

    with pytest.raises(Cancelled), Watch(report, stop) as watch:
        train(recipe(there, tmp_path / "stopped", variant=variant), models_of(), watch)
    told: list[str] = []
    for name in ("stopped", "whole"):
        train(recipe(there, tmp_path / name, variant=variant), models_of(), listening(told))
    assert any("going on at step" in line for line in told)
    part = "unet" if variant == "text" else "controlnet"
    one, other = (
        load_file(tmp_path / name / "sosgen" / part / "diffusion_pytorch_model.safetensors")
        for name in ("stopped", "whole")
    )
    for key, weights in other.items():
        assert_alike(one[key], weights)


def test_memory_is_saved_without_another_result_and_half_precision_learns(there: Path, tmp_path: Path) -> None:
    for name, settings in {"kept": {"checkpointing": False}, "again": {}, "half": {"precision": "bf16-mixed"}}.items():
        best = train(recipe(there, tmp_path / name, variant="text+image", batch=2, **settings), models_of(), Watch())
        assert np.isfinite(best)
    kept, again, half = (load_file(tmp_path / name / "best.safetensors") for name in ("kept", "again", "half"))
    for key, weights in kept.items():
        assert float((again[key] - weights).abs().max()) < 1e-4, "of steps of 1e-3 each"
    assert kept.keys() == half.keys()


def test_a_batch_is_what_is_heard_told_and_seen(there: Path) -> None:
    parts = tiny_diffusion(there / "other-words").with_branch("text+image", tiny_eyes(), 0)
    slices = read_slices(there / "data", "text+image")
    assert len(slices) == 8
    vectors = frame_vectors(slices, parts.eyes, there / "kept", Watch())
    assert [len(rows) for rows in vectors] == [2] * 8
    batches = SliceBatches(slices, parts, vectors)
    dice = np.random.default_rng(0)
    batch = batches.of(torch.tensor([0, 1]), dice)
    assert batch.pictures.shape == (2, 3, 16, 32)  # slices of 51 columns are cut to the model's 32
    assert batch.frames is not None
    assert batch.frames.shape == (2, 8, 6)
    assert 0.5 < float(batch.pictures.abs().max()) <= 1
    assert batch.pictures[:, :, :8].min() < 0, "high tones are drawn above"
    assert torch.equal(batch.ids[0], parts.tokens(["a high whistle"])[0])
    again = batches.of(torch.tensor([0, 1]), np.random.default_rng(0))
    assert torch.equal(again.pictures, batch.pictures)
    assert again.seed == batch.seed
    one = slices.slices[1]
    assert one.times_s == (0.0, 0.25)
    assert_alike(spread(vectors[1], one.times_s, 8, 0.04)[-1], vectors[1][1])
    fixed = SliceBatches(slices, replace(parts, about=replace(parts.about, variant="image")), vectors)
    assert fixed.text(0) == "Audio"


def test_slices_have_the_frames_that_are_shown_in_them() -> None:
    assert shown_in([], Span(0.0, 1.0)) == ()
    assert shown_in([0.0, 5.0, 9.0], Span(5.0, 9.0)) == (1,)
    assert shown_in([0.0, 5.0, 9.0], Span(9.0, 30.0)) == (2,)
    assert shown_in([2.0, 5.0], Span(0.0, 1.0)) == (0,)


def test_what_cannot_be_learned_from_is_told(runs: Path, tmp_path: Path) -> None:
    silent = stories_at(tmp_path / "untold", text=False)
    unseen = stories_at(tmp_path / "unseen", frames=False)
    cases: list[tuple[SosgenTraining, type[Exception], str]] = [
        (replace(recipe(runs, tmp_path / "a"), data=tmp_path / "none"), LibraryError, "does not exist"),
        (replace(recipe(runs, tmp_path / "a"), data=silent), InputError, "8 slices has a description"),
        (replace(recipe(runs, tmp_path / "a", variant="image"), data=unseen), InputError, "has frames"),
        (replace(recipe(runs, tmp_path / "a"), data=stories_at(tmp_path / "one", films=1)), InputError, "one film"),
        (recipe(runs, tmp_path / "a", model=str(tmp_path / "none")), MissingModelError, "is no folder"),
        (recipe(runs, tmp_path / "a", model="stable-diffusion"), MissingModelError, "models pull stable-diffusion"),
        (recipe(runs, tmp_path / "a", variant="image", eyes=runs / "base"), MissingModelError, "picture encoder"),
    ]
    for wrong, kind, fault in cases:
        with pytest.raises(kind, match=fault):
            train(wrong, models_of(), Watch())
    with pytest.raises(InputError, match="other settings"):
        train(recipe(runs, runs / "text", seed=3), models_of(), Watch())


def test_the_recipe_is_the_papers(there: Path) -> None:
    for variant, steps in {"text": GENERATION.steps_text, "image": GENERATION.steps_image}.items():
        own = SosgenTraining(there, there, variant=variant)  # type: ignore[arg-type]
        plan = own.plan()
        assert (own.batch, plan.accumulation, plan.rate) == (GENERATION.batch, GENERATION.accumulation, GENERATION.rate)
        assert (plan.steps, plan.warmup, plan.decay_share) == (steps, 0, 1.0)
        assert plan.rate_at(0) == pytest.approx(1e-6, rel=1e-3)
        assert plan.rate_at(steps // 2) == pytest.approx(0.5e-6, rel=1e-2)
    for wrong in ({"variant": "smell"}, {"batch": 0}, {"held_out": 1.0}, {"accumulation": 0}):
        with pytest.raises(ValueError, match=r"variant must be|needs"):
            SosgenTraining(there, there, **wrong)  # type: ignore[arg-type]


def test_a_step_of_the_papers_size_fits_together_and_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """On the meta device, which knows shapes alone; against the published numbers of weights."""
    monkeypatch.syspath_prepend(str(Path(__file__).parents[4]))
    size = importlib.import_module("benchmarks.speed.sosgen_size").counted("text+image")
    assert 361_279_120 < size.taught < 361_279_120 + 500_000  # ControlNet's, and the track of frames
    unet, text, vae, eyes = 859_520_964, 123_060_480, 83_653_863, 87_849_216
    assert size.frozen == unet + text + vae + eyes
    assert size.checkpointed < 0.5 * size.activations < 4 * 2**30


def test_the_right_one_is_nearer_than_others_of_another_name() -> None:
    points = np.eye(4, dtype=np.float32)
    names = np.array(["a", "b", "c", "d"])
    shares, counted = right(points, points, names)
    assert counted.all()
    assert shares.tolist() == [1.0] * 4
    assert right(np.roll(points, 1, axis=0), points, names)[0].mean() < 0.4
    assert not right(points, points, np.array(["a"] * 4))[1].any()
    shares, counted = right(np.ones((4, 3), np.float32), np.ones((4, 3), np.float32), names)
    assert shares.tolist() == [0.5] * 4  # all alike: chance
    dice = np.random.default_rng(0)
    by_chance = right(*dice.standard_normal((2, 400, 8)).astype(np.float32), np.arange(400).astype(str))[0]
    assert by_chance.mean() == pytest.approx(0.5, abs=0.05)


def judged(runs: Path, models: Models, folder: str, **settings: object) -> list[Row]:
    usual = {"split": "all", "steps": 2, "draws": 50, "sounds": 4}
    asked = SosgenEvaluation(runs / "data", runs / folder, runs / "heard", **{**usual, **settings})  # type: ignore[arg-type]
    return evaluate(asked, models, Watch())


@pytest.mark.models
def test_it_is_judged_beside_real_vocoded_shuffled_untrained_and_noise(runs: Path, models: Models) -> None:
    figures = {"both/sosgen": {"fad", "right_text", "right_frames"}, "image/sosgen": {"fad", "right_frames"}}
    for folder, keys in figures.items():
        rows = {row.model: row for row in judged(runs, models, folder)}
        name = next(name for name in rows if name.startswith("SoSgen") and "another" not in name)
        assert list(rows) == [
            "real sound", "real, as a spectrogram and back", name, f"{name}: of another slice's", "untrained", "noise",
        ]  # fmt: skip
        assert all(row.figures.keys() == keys and row.n == 4 for row in rows.values())
        assert "ears" in rows[name].protocol
        assert "FAD∞ needs 1536 moments" in rows[name].protocol
        assert rows["real sound"].figures["fad"] < 0.2 * rows["noise"].figures["fad"]
    assert judged(runs, models, "both/sosgen") == judged(runs, models, "both/sosgen")


@pytest.mark.models
def test_it_is_judged_by_any_ears_and_what_cannot_be_is_told(
    runs: Path, models: Models, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = judged(runs, models, "base", encoder="soundnet")
    assert "soundnet" in rows[2].protocol

    def refuse(*_: object) -> None:
        raise AssertionError("what was heard is kept")

    monkeypatch.setattr("storysound.research.sos.generator.evaluate.made", refuse)
    assert judged(runs, models, "base", encoder="soundnet") == rows
    cases: list[tuple[dict[str, object], type[Exception], str]] = [
        ({"encoder": "minilm"}, UsageError, "takes text, not sounds"),
        ({"profile": "paper"}, UsageError, "don't lie in the space of its texts"),
        ({"split": "held_out", "held_out": 0.25}, InputError, "1 films with 2 slices to judge by can't be halved"),
    ]
    for settings, kind, fault in cases:
        with pytest.raises(kind, match=fault):
            judged(runs, models, "text/sosgen", **settings)
    with pytest.raises(MissingModelError, match="can't be loaded"):
        judged(runs, models, "eyes")
    for wrong in ({"sounds": 1}, {"split": "some"}, {"sampler": "magic"}):
        with pytest.raises(ValueError, match=r"needs|split"):
            SosgenEvaluation(runs, runs, runs, **wrong)  # type: ignore[arg-type]


def test_a_slice_is_as_long_as_it_says(there: Path) -> None:
    slices = read_slices(there / "data", "text")
    assert slices.sound(3, RATE_HZ).samples.shape == (1, round(SLICE_S * RATE_HZ))
    assert slices.picture(3, tiny_diffusion(there / "more-words").about.form).shape == (16, 51, 3)
