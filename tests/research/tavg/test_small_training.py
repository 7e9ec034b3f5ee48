"""The small TAVDiffusion's training, evaluation and ablation, end to end on a few clips."""

from pathlib import Path
from typing import Any

import pytest

from storysound.errors import InputError, MissingModelError
from storysound.generate.lexicon import Lexicon
from storysound.generate.video.small import SmallTavConfig, read_small, untaught
from storysound.nn.word_encoder import WordEncoderConfig
from storysound.progress import Progress, Watch
from storysound.research.tavg.small import ablation, codes, train_judges
from storysound.research.tavg.small.evaluate import evaluate
from storysound.research.tavg.small.judges import Judges
from storysound.research.tavg.small.settings import (
    JudgeTraining,
    SmallTavAblation,
    SmallTavEvaluation,
    SmallTavTraining,
)
from storysound.research.tavg.small.train import FOLDER, train
from storysound.research.tavg.world.clips import made_clip
from storysound.research.tavg.world.sentences import WORDS

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
        assert {"harmony", "in_step", "in_step_chance", "text", "kind", "fvd", "fad"} <= row.figures.keys()
        assert all(0 <= row.figures[key] <= 1 for key in ("harmony", "in_step", "text", "material"))
    with pytest.raises(MissingModelError, match="small TAVDiffusion"):
        evaluate(SmallTavEvaluation(judges=judges, model=tmp_path, clips=4), NOBODY, Watch())


def test_the_ablation_trains_the_four_networks_of_table_3(run: Path, tmp_path: Path) -> None:
    Judges().save(tmp_path)
    recipe = SmallTavAblation(
        tmp_path, clips=2, sampling_steps=1, draws=5, out=tmp_path / "runs", latents=run, clips_learned=4, steps=1,
        batch=2, judged=2, seeds=1,
    )  # fmt: skip
    rows = ablation.evaluate(recipe, NOBODY, Watch())
    assert [row.model for row in rows[4:]] == ["neither", "alignment", "cross-attention", "both"]
    assert rows[0].model == "neither, seed 0"
    assert rows[4].figures == rows[0].figures
    configs = {name: read_small(tmp_path / "runs" / name / "0" / FOLDER).config.network for name in ablation.VARIANTS}
    assert [(each.cross_attention, each.alignment) for each in configs.values()] == list(ablation.VARIANTS.values())
