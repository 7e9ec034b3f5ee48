"""MMVA's numbers against each other, and every promise of its map against the code."""

import re
from importlib import import_module
from pathlib import Path

import pytest

from storysound.generate import prompts
from storysound.ingest.music_clips import ClipConfig
from storysound.match import mmva_model
from storysound.metrics import regression, summary
from storysound.metrics.retrieval import FIGURES
from storysound.research.mmva.about import CITATION, DATA, EQUATIONS, ERRATA, PUBLISHED, TRAINING
from storysound.research.mmva.settings import MmvaBuild, MmvaTraining


def of(table: str, model: str) -> dict[str, dict[str, float]]:
    return {row.task: dict(row.figures) for row in PUBLISHED if (row.table, row.model) == (table, model)}


@pytest.mark.parametrize("path", sorted({*EQUATIONS.values(), *(e.where for e in ERRATA if e.where)}))
def test_what_the_map_points_to_is_there(path: str) -> None:
    module, name = path.rsplit(".", 1)
    assert hasattr(import_module(module), name)


def test_every_equation_is_mapped() -> None:
    assert list(EQUATIONS) == [str(number) for number in range(1, 6)]


def test_every_erratum_has_its_test() -> None:
    source = "\n".join(path.read_text() for path in Path(__file__).parents[2].rglob("test_*.py"))
    tested = {int(number) for number in re.findall(r"def test_mmva_erratum_(\d+)", source)}
    assert [erratum.number for erratum in ERRATA] == list(range(1, 8))
    assert {erratum.number for erratum in ERRATA} <= tested


def test_errors_agree_with_each_other() -> None:
    """The square of a mean absolute error is at most the mean squared error, as far as three digits tell."""
    rows = [row for row in PUBLISHED if row.table in "13"]
    assert len(rows) == 4 * 5 + 7 + 7 + 6
    for row in rows:
        assert set(row.figures) <= set(regression.FIGURES)
        assert (row.figures["mae"] - 0.0005) ** 2 <= row.figures["mse"] + 0.0005, row


def test_recalls_grow_and_are_named_as_ours() -> None:
    rows = [row for row in PUBLISHED if row.task == "text to music"]
    assert len(rows) == 7
    for row in rows:
        assert set(row.figures) < set(FIGURES)
        assert row.figures["r1"] <= row.figures["map10"] <= row.figures["r10"]
        assert row.figures["r1"] < row.figures["r5"] < row.figures["r10"] < 1


def test_the_model_is_better_than_its_ablations_in_all_but_what_they_do_not_have() -> None:
    ours = of("1", "MMVA")
    for name in ("MMVA, no random matching", "MMVA, no similarity predictor"):
        for task, figures in of("3", name).items():
            if (name, task) != ("MMVA, no random matching", "text arousal"):
                assert ours[task]["mse"] <= figures["mse"]
    assert "similarity" not in of("3", "MMVA, no similarity predictor")


def test_mmva_erratum_5_prompts_are_our_own_and_lie_in_one_data_file() -> None:
    file = Path(prompts.__file__).with_name("prompts.toml")
    assert file.exists()
    assert len(prompts.shipped()) > 100


def test_mmva_erratum_6_the_random_summary_of_the_literature_stands_beside_ours() -> None:
    table = {row.model: row.figures["f_mean"] for row in PUBLISHED if row.task == "TVSum"}
    assert table["random summary"] == 0.544
    assert table["MMVA"] == 0.582 > table["MMVA, no random matching"] > table["MMVA, no similarity predictor"]
    assert DATA.summary_share == summary.SHARE == 0.15
    assert {"f_mean", "kendall", "spearman"} <= set(summary.FIGURES)


def test_the_recipe_is_what_the_code_does() -> None:
    ours, plan = MmvaTraining(Path(), Path()), MmvaTraining(Path(), Path()).plan()
    assert (ours.rate, ours.weight_decay, ours.batch) == (TRAINING.rate, TRAINING.weight_decay, TRAINING.batch)
    assert ours.dropout == TRAINING.model.dropout == 0.5
    assert plan.rate_at(0) == pytest.approx(TRAINING.rate)
    assert plan.rate_at(plan.steps // 2) == pytest.approx(TRAINING.rate / 2)
    assert plan.ema == 0  # the paper averages no weights
    assert TRAINING.model == mmva_model.Config()
    assert (DATA.piece_s, DATA.joined) == (ClipConfig().piece_s, ClipConfig().joined)
    assert DATA.train + DATA.validation + DATA.test == pytest.approx(1)
    built = MmvaBuild("", "", Path())
    assert (built.validation, built.test, built.kept) == (DATA.validation, DATA.test, DATA.pairs_kept)
    assert DATA.pairs_per_clip == 50


def test_it_is_cited() -> None:
    assert str(CITATION).startswith("Choi, S., Kim, K. W. and Kang, M. (2025). MMVA: Multimodal Matching")
