"""The small TAVDiffusion's training, evaluation and ablation, end to end on a few clips."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from storysound.config import load_profile
from storysound.encode.pool import Models
from storysound.errors import InputError, MissingModelError
from storysound.generate.lexicon import Lexicon
from storysound.generate.video.small import FILE, SmallTavConfig, noise_of, read_small, untaught
from storysound.generate.video.worded import WordedStreams
from storysound.jobs.generate.request import GenerateVideoRequest
from storysound.jobs.generate.video import run as generate
from storysound.nn.word_encoder import WordEncoderConfig
from storysound.progress import Progress, Watch
from storysound.research.tavg.small import ablation, codes, train_judges
from storysound.research.tavg.small.evaluate import evaluate
from storysound.research.tavg.small.judges import Judges
from storysound.research.tavg.small.settings import (
    JudgeTraining,
    Network,
    SmallTavAblation,
    SmallTavEvaluation,
    SmallTavTraining,
)
from storysound.research.tavg.small.train import FOLDER, begun, computed_again, loss_of, train
from storysound.research.tavg.world.clips import made_clip
from storysound.research.tavg.world.sentences import WORDS
from storysound.weights.resolver import Resolver
from tavdiffusion_fakes import taught

torch = pytest.importorskip("torch")
pytest.importorskip("diffusers")
pytest.importorskip("lightning_fabric")

NOBODY: Any = None  # no encoders are needed
FEW = {"clips": 4, "code_clips": 4, "code_steps": 1, "batch": 2, "judged": 2}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("small") / "run"
    train(SmallTavTraining(out, steps=1, **FEW), NOBODY, Watch())  # type: ignore[arg-type]
    return out


def test_a_run_goes_on_from_what_it_made(run: Path) -> None:
    told: list[str] = []

    def report(at: Progress) -> None:
        told.extend([at.line] if at.line else [])

    made = {file: file.stat().st_mtime_ns for file in (run / "latents").iterdir()}
    assert {file.name for file in made} == {"train-0-4.safetensors", "validation-0-2.safetensors"}
    train(SmallTavTraining(run, steps=2, **FEW), NOBODY, Watch(report))  # type: ignore[arg-type]
    assert any("going on at step 1" in line for line in told)
    assert {file: file.stat().st_mtime_ns for file in (run / "latents").iterdir()} == made
    with pytest.raises(InputError, match="other settings: alignment"):
        train(SmallTavTraining(run, steps=2, alignment=False, **FEW), NOBODY, Watch())  # type: ignore[arg-type]


def test_a_run_begins_with_anothers_network(run: Path, tmp_path: Path) -> None:
    few = {**FEW, "latents": run, "start": run / FOLDER}
    train(SmallTavTraining(tmp_path / "more", steps=1, rate=1e-9, **few), NOBODY, Watch())  # type: ignore[arg-type]
    before, after = (read_small(folder / FOLDER).worded.state_dict() for folder in (run, tmp_path / "more"))
    assert all(torch.allclose(before[name], after[name], atol=1e-3) for name in before)
    with pytest.raises(InputError, match="another one"):
        train(SmallTavTraining(tmp_path / "other", steps=1, alignment=False, **few), NOBODY, Watch())  # type: ignore[arg-type]


def streams_of(run: Path, out: Path, **given: Any) -> SmallTavTraining:
    return SmallTavTraining(out, latents=run, network="streams", **{**FEW, **given})  # type: ignore[arg-type]


def test_streams_are_trained_of_the_same_clips_and_go_on(run: Path, tmp_path: Path) -> None:
    out = tmp_path / "streams"
    train(streams_of(run, out, steps=1), NOBODY, Watch())
    first = (out / FOLDER / FILE).read_bytes()
    train(streams_of(run, out, steps=3), NOBODY, Watch())
    whole = tmp_path / "whole"
    train(streams_of(run, whole, steps=3), NOBODY, Watch())
    ends = [read_small(folder / FOLDER) for folder in (out, whole)]
    assert isinstance(ends[0].worded, WordedStreams)
    assert (out / FOLDER / FILE).read_bytes() != first
    for name, weight in ends[0].worded.state_dict().items():
        torch.testing.assert_close(weight, ends[1].worded.state_dict()[name], atol=2e-3, rtol=2e-3)
    frames = read_small(run / "codes").frames.state_dict()
    assert all(torch.equal(weight, frames[name]) for name, weight in ends[0].frames.state_dict().items())
    with pytest.raises(InputError, match="other settings: network"):
        train(SmallTavTraining(out, latents=run, steps=3, **FEW), NOBODY, Watch())  # type: ignore[arg-type]
    with pytest.raises(InputError, match="another one"):
        train(streams_of(run, tmp_path / "other", steps=1, start=run / FOLDER), NOBODY, Watch())


def test_streams_are_judged_and_shown_as_unets_are(run: Path, tmp_path: Path) -> None:
    train(streams_of(run, tmp_path / "run", steps=1), NOBODY, Watch())
    Judges().save(tmp_path)
    folder = tmp_path / "run" / FOLDER
    rows = evaluate(SmallTavEvaluation(tmp_path, "validation", 2, 0.4, 1, draws=5, model=folder), NOBODY, Watch())
    assert [row.model for row in rows] == ["real", "real, through the autoencoders", "made", "untaught"]
    assert "1 steps of Heun" in rows[2].protocol
    request = GenerateVideoRequest(tmp_path / "clip.mp4", "a ball bounces", model=f"tavdiffusion-small={folder}")
    assert generate(request, Models(load_profile(), Resolver(offline=True)), Watch()).clips == 1


@pytest.mark.parametrize("network", ["unets", "streams"])
def test_activations_that_are_computed_again_give_the_same_gradients(run: Path, network: Network) -> None:
    """In bfloat16, where attention is in single precision both times."""
    gradients = []
    for again in (False, True):
        recipe = SmallTavTraining(run, latents=run, network=network, seed=3, **FEW)  # type: ignore[arg-type]
        worded = begun(recipe, Watch())[0].worded.train()
        taught(worded)
        if again:
            worded.enable_gradient_checkpointing(computed_again)
        clips = codes.coded_clips("train", 4, read_small(run / "codes"), run / "latents", Watch())
        batch = clips.audio[:2].float(), clips.video[:2].float(), clips.ids[:2], 5
        with torch.autocast("cpu", torch.bfloat16):
            loss = loss_of(worded, batch, recipe, worded)["loss"]
        loss.backward()
        gradients.append([weight.grad for weight in worded.parameters()])
    assert all(one is not None and one.isfinite().all() for one in gradients[0])
    for one, other in zip(*gradients, strict=True):
        torch.testing.assert_close(one, other)


def test_two_processes_train_streams(run: Path, tmp_path: Path) -> None:
    words = [f"latents={run}", "out=run", "network=streams", "devices=2", "steps=2", "threads=1"]
    few = [f"{name}={value}" for name, value in FEW.items()]
    (tmp_path / "program.py").write_text("from storysound.app.cli.commands import app\n\napp()\n")
    command = [sys.executable, "program.py", "train", "tav-small", *words, *few, "checkpointing=true"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    assert isinstance(read_small(tmp_path / "run" / FOLDER).worded, WordedStreams)


def test_a_network_that_isnt_one_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="network is unets or streams"):
        SmallTavTraining(tmp_path, network="gan")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="links_afresh"):
        SmallTavTraining(tmp_path, start=tmp_path, links_afresh=True, network="streams")


def test_codes_of_a_run_are_standardised_and_those_of_its_clips(run: Path) -> None:
    parts = read_small(run / "codes")
    found = codes.coded_clips("train", 4, parts, run / "latents", Watch())
    clip = made_clip("train", 2)
    audio, video = parts.latents([clip.frames], [codes.mels_of(clip)])
    torch.testing.assert_close(found.audio[2].float(), audio[0], atol=0.01, rtol=0.01)
    torch.testing.assert_close(found.video[2].float(), video[0], atol=0.01, rtol=0.01)
    assert found.ids[2].tolist() == Lexicon(WORDS).numbers(clip.text, parts.config.words.longest)
    assert found.video.float().std() == pytest.approx(1, abs=0.25)


def test_every_weight_of_the_network_learns(run: Path) -> None:
    end = read_small(run / FOLDER)
    start = untaught(SmallTavConfig(words=WordEncoderConfig(len(WORDS))), Lexicon(WORDS), 0)
    same = [
        name for name, weight in start.worded.named_parameters()
        if torch.equal(weight.half(), end.worded.state_dict()[name].half())
    ]  # fmt: skip
    assert len(same) < 0.4 * len(list(start.worded.parameters())), "after two steps, that begin small"


def test_what_is_made_stands_beside_real_clips_and_an_untaught_network(run: Path, tmp_path: Path) -> None:
    judges = tmp_path / "judges"
    train_judges.train(JudgeTraining(judges, run / FOLDER, clips=2, steps=1, batch=2), NOBODY, Watch())
    recipe = SmallTavEvaluation(judges=judges, model=run / FOLDER, clips=4, sampling_steps=1, draws=20)
    rows = evaluate(recipe, NOBODY, Watch())
    assert [row.model for row in rows] == ["real", "real, through the autoencoders", "made", "untaught"]
    for row in rows:
        assert row.n == 4
        assert {
            "harmony",
            "in_step",
            "in_step_both_chance",
            "unseen",
            "counted",
            "text",
            "kind",
            "fvd",
            "fad",
        } <= row.figures.keys()
        assert all(0 <= row.figures[key] <= 1 for key in ("harmony", "in_step", "text", "material"))
    with pytest.raises(MissingModelError, match="small TAVDiffusion"):
        evaluate(SmallTavEvaluation(judges=judges, model=tmp_path, clips=4), NOBODY, Watch())


def test_an_untaught_network_can_be_left_out(run: Path, tmp_path: Path) -> None:
    Judges().save(tmp_path)
    recipe = SmallTavEvaluation(tmp_path, "validation", 2, 0.4, 1, draws=5, model=run / FOLDER, untaught=False)
    rows = evaluate(recipe, NOBODY, Watch())
    assert [row.model for row in rows] == ["real", "real, through the autoencoders", "made"]
    assert {row.data for row in rows} == {"made world, validation"}


def test_links_drawn_anew_add_nothing_and_all_else_is_taken(run: Path, tmp_path: Path) -> None:
    home: Any = {**FEW, "latents": run, "start": run / FOLDER, "links_afresh": True}
    there = read_small(run / FOLDER).worded.state_dict()
    for cross_attention, alignment in ablation.VARIANTS.values():
        recipe = SmallTavTraining(tmp_path, seed=7, cross_attention=cross_attention, alignment=alignment, **home)
        parts, _ = begun(recipe, Watch())
        assert (parts.config.network.cross_attention, parts.config.network.alignment) == (cross_attention, alignment)
        own = parts.worded.state_dict()
        links = {name for name in own if "_attention." in name and "_blocks" not in name and "mid_block" not in name}
        links = {name for name in links if name.startswith("network.")} | {name for name in own if "o_weight" in name}
        assert bool(links) == (cross_attention or alignment)
        assert all(torch.equal(weight, there[name]) for name, weight in own.items() if name not in links)
    fresh, _ = begun(SmallTavTraining(tmp_path, seed=7, **home), Watch())
    bare, _ = begun(SmallTavTraining(tmp_path, seed=7, cross_attention=False, **home), Watch())
    noise = [torch.stack(part) for part in zip(*(noise_of(fresh.config, seed) for seed in (1, 2)), strict=True)]
    ids, t = fresh.ids(["a ball bounces"] * 2), torch.tensor([400, 700])
    seen, without = (parts.worded.eval()(*noise, t, ids) for parts in (fresh, bare))
    torch.testing.assert_close(seen.audio, without.audio)
    torch.testing.assert_close(seen.video, without.video)
    with pytest.raises(ValueError, match="links_afresh"):
        SmallTavTraining(tmp_path, links_afresh=True)


def test_the_ablation_trains_the_four_networks_of_table_3(run: Path, tmp_path: Path) -> None:
    Judges().save(tmp_path)
    recipe = SmallTavAblation(
        tmp_path, clips=2, sampling_steps=1, draws=5, out=tmp_path / "runs", latents=run, clips_learned=4, steps=1,
        batch=2, judged=2, seeds=1,
    )  # fmt: skip
    rows = ablation.evaluate(recipe, NOBODY, Watch())
    assert [row.model for row in rows[4:]] == ["both", "neither", "cross-attention", "alignment"]
    assert rows[0].model == "both, seed 0"
    assert rows[4].figures == rows[0].figures
    configs = {name: read_small(tmp_path / "runs" / name / "0" / FOLDER).config.network for name in ablation.VARIANTS}
    assert [(each.cross_attention, each.alignment) for each in configs.values()] == list(ablation.VARIANTS.values())


def test_an_ablation_takes_the_rows_that_are_there(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Judges().save(tmp_path)
    recipe = SmallTavAblation(
        tmp_path, clips=2, sampling_steps=1, draws=5, out=tmp_path / "runs", latents=run, start=run / FOLDER,
        ends_only=True, clips_learned=4, steps=1, batch=2, judged=2, seeds=1,
    )  # fmt: skip
    rows = ablation.evaluate(recipe, NOBODY, Watch())
    assert [row.model for row in rows] == [ablation.START, "both, seed 0", "neither, seed 0", "both", "neither"]
    trained: list[str] = []
    whole = ablation.train

    def counted(recipe: SmallTavTraining, models: Any, watch: Watch) -> float:
        trained.append(recipe.out.parent.name)
        return whole(recipe, models, watch)

    monkeypatch.setattr(ablation, "train", counted)
    assert ablation.evaluate(recipe, NOBODY, Watch()) == rows
    assert trained == []
    (tmp_path / "runs" / "both" / "0" / "row.json").write_bytes(b"{")
    more = ablation.evaluate(replace(recipe, ends_only=False), NOBODY, Watch())
    assert trained == ["both", "cross-attention", "alignment"]
    assert [row.model for row in more[-4:]] == list(ablation.VARIANTS)
    assert more[1] == rows[1]
    ablation.evaluate(replace(recipe, guidance=2.0), NOBODY, Watch())
    assert trained[3:] == ["both", "neither"], "judged otherwise: the runs are there, their rows are not"
    with pytest.raises(InputError, match="other settings"):
        ablation.evaluate(replace(recipe, rate=1e-4), NOBODY, Watch())
