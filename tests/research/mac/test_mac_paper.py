"""MAC's numbers against each other, and every promise of its map against the code."""

import re
from importlib import import_module
from pathlib import Path

import pytest

from storysound.losses.ranking import NEGATIVES
from storysound.match.mac_model import SOUND_CLUSTERS, WORD_CLUSTERS, WORD_GHOSTS
from storysound.research.mac.about import CITATION, EQUATIONS, ERRATA, GAIN_OF_CO_ATTENTION, PUBLISHED, RETRIEVAL
from storysound.research.mac.settings import MAC_TABLE
from storysound.research.paper import PublishedRow

RECALLS = ("r1", "r5", "r10")
BOTH_WAYS = [row for row in PUBLISHED if row.table in ("1", "2")]


@pytest.mark.parametrize("path", sorted({*EQUATIONS.values(), *(e.where for e in ERRATA if e.where)}))
def test_what_the_map_points_to_is_there(path: str) -> None:
    module, name = path.rsplit(".", 1)
    assert hasattr(import_module(module), name)


def test_every_equation_is_mapped_and_every_erratum_tested() -> None:
    assert list(EQUATIONS) == ["1", "2", "3"]
    assert [erratum.number for erratum in ERRATA] == [1, 2, 3, 4, 5]
    tests = Path(__file__).parents[2]
    files = [*tests.rglob("test_*mac*.py"), tests / "nn" / "test_vlad.py", tests / "losses" / "test_ranking.py"]
    tested = {int(number) for file in files for number in re.findall(r"def test_erratum_(\d+)", file.read_text())}
    assert tested == {1, 2, 3, 4, 5}


def pairs() -> list[tuple[PublishedRow, PublishedRow]]:
    """Rows of both directions of one model in one table."""
    return list(zip(BOTH_WAYS[::2], BOTH_WAYS[1::2], strict=True))


@pytest.mark.parametrize("both", pairs(), ids=lambda both: f"{both[0].table} {both[0].model}")
def test_erratum_5_sums_of_recalls_are_those_of_their_rows(both: tuple[PublishedRow, PublishedRow]) -> None:
    a2v, v2a = both
    assert (a2v.model, a2v.table) == (v2a.model, v2a.table)
    assert (a2v.task[-3:], v2a.task[-3:]) == ("A2V", "V2A")
    total = sum(row.figures[name] for row in both for name in RECALLS)
    assert total == pytest.approx(a2v.figures["rsum"], abs=1e-6)
    assert a2v.figures["rsum"] == v2a.figures["rsum"]
    for row in both:
        assert [row.figures[name] for name in RECALLS] == sorted(row.figures[name] for name in RECALLS)
        # fewer than half are found by the 10th where the median rank is above 10
        assert (row.figures["r10"] < 0.5) == (row.figures["median_rank"] > 10)


def test_erratum_5_the_best_other_model_on_clips_is_moee() -> None:
    """The gains told in section 4.3 are those over CE."""
    rows = {row.model: row.figures for row in PUBLISHED if row.task == "clip A2V"}
    gains = [rows["MAC"][name] / rows["CE"][name] - 1 for name in RECALLS]
    assert gains == pytest.approx([0.093, 0.091, 0.075], abs=0.001)
    assert rows["MoEE"]["rsum"] > rows["CE"]["rsum"]


def test_gains_of_co_attention_leave_a_recall_that_can_be() -> None:
    whole = {row.task: row.figures["r1"] for row in PUBLISHED if row.model == "MAC"}
    without = {task: whole[task] / (1 + gain) for task, gain in GAIN_OF_CO_ATTENTION.items()}
    assert without == pytest.approx({"paragraph A2V": 0.148, "clip A2V": 0.172}, abs=0.0001)


def test_the_recipe_is_what_the_code_does() -> None:
    model = RETRIEVAL.model
    assert (model.dim, model.heads, model.layers, model.co_attention) == (768, 4, 1, True)
    assert model.experts == ("scene", "object", "action", "sound")
    assert model.vlad == ("sound",)  # the others are averaged over time
    assert (model.heard_clusters, model.heard_ghosts) == (WORD_CLUSTERS, WORD_GHOSTS) == (20, 1)
    assert SOUND_CLUSTERS == 16
    assert RETRIEVAL.negatives in NEGATIVES


def test_published_tasks_are_shown() -> None:
    assert {row.task for row in PUBLISHED} <= set(MAC_TABLE.tasks)
    assert {row.table for row in PUBLISHED} == set(MAC_TABLE.tables)


def test_it_is_cited() -> None:
    assert str(CITATION).startswith("Hao, X., Zhang, W.")
    assert "(2022). Listen and Look" in str(CITATION)
