"""BGTAI's numbers against each other, and every promise of its map against the code."""

import re
from importlib import import_module
from pathlib import Path

import pytest
import torch

from storysound.encode import gloss
from storysound.losses.alignment import Weights
from storysound.match import dsnet, langue2gloss
from storysound.research.bgtai.about import CAPTIONS, CITATION, EQUATIONS, ERRATA, FIGURE_2, PUBLISHED, TRAINING


def figures(table: str, task: str, key: str) -> dict[str, float]:
    """By model."""
    return {row.model: row.figures[key] for row in PUBLISHED if (row.table, row.task) == (table, task)}


@pytest.mark.parametrize("path", sorted({*EQUATIONS.values(), *(e.where for e in ERRATA if e.where)}))
def test_what_the_map_points_to_is_there(path: str) -> None:
    module, name = path.rsplit(".", 1)
    assert hasattr(import_module(module), name)


def test_every_equation_is_mapped_and_every_erratum_tested() -> None:
    assert list(EQUATIONS) == ["1", "2", "3", "4", "5", "6"]
    source = "\n".join(path.read_text() for path in Path(__file__).parents[2].rglob("test_*.py"))
    tested = {int(number) for number in re.findall(r"def test_bgtai_erratum_(\d+)", source)}
    assert [erratum.number for erratum in ERRATA] == [1, 2, 3, 4, 5]
    assert tested == {1, 2, 3, 4, 5}


def test_bgtai_erratum_2_the_final_sequence_is_that_of_eq_4() -> None:
    steps, alignment = torch.randn(1, 3, 2), torch.tensor([[[0.0, 1, 0], [0, 0, 1]]])
    assert torch.equal(dsnet.select(steps, alignment), steps[:, 1:])


def test_bgtai_erratum_3_the_recipe_weighs_all_parts_alike() -> None:
    assert TRAINING.weights == Weights(1, 1, 1)


def test_bgtai_erratum_4_a_gloss_is_bare_words_in_order() -> None:
    lemma = {"dogs": "dog", "barked": "bark", "cats": "cat"}
    found = gloss.of_text("The dogs barked at two cats", lambda word: lemma.get(word, word))
    assert found == ("dog", "bark", "two", "cat")


def test_bgtai_erratum_4_text_and_sound_share_one_decoder() -> None:
    """What they say apart from each other is the map alone."""
    torch.manual_seed(0)
    config = langue2gloss.Config(text=5, audio=5, words=9, width=16, dropout=0.0)
    network = langue2gloss.Langue2Gloss(config).eval()
    network.maps["audio"].load_state_dict(network.maps["text"].state_dict())
    states, mask = torch.randn(2, 4, 5), torch.ones(2, 4, dtype=torch.bool)
    given = torch.tensor([[langue2gloss.BEGIN, 5], [langue2gloss.BEGIN, 6]])
    torch.testing.assert_close(*(network(states, mask, given, sense) for sense in langue2gloss.SENSES))
    assert len(network.maps) == 2


def test_bgtai_erratum_5_bleu_4_of_wavbrivl_fits_only_a_tenth_of_what_is_printed() -> None:
    rows = {row.model: row.figures for row in PUBLISHED if row.table == "3"}
    assert rows["WavBriVL"]["Bleu_4"] == 0.092
    for row in rows.values():
        assert row["Bleu_4"] < row["Bleu_1"]
        if "SPIDEr" in row:
            assert row["SPIDEr"] == pytest.approx((row["CIDEr"] + row["SPICE"]) / 2, abs=0.001)


def test_bgtai_erratum_5_it_is_not_the_best_everywhere() -> None:
    rows = {row.model: row.figures for row in PUBLISHED if row.table == "3"}
    behind = {
        name for name in CAPTIONS for other in rows.values() if name in other and other[name] > rows["BGTAI"][name]
    }
    assert behind == {"CIDEr"}
    mrr = figures("2, retrieval", "A2I", "mrr")
    assert max(mrr, key=lambda model: mrr[model]) == "UniBriVL"
    mrr = figures("2, retrieval", "I2A", "mrr")
    assert max(mrr, key=lambda model: mrr[model]) == "BGTAI"


def test_table_4_ranks_its_rows_as_the_text_does() -> None:
    r5 = [row.figures["r5"] for row in PUBLISHED if row.table == "4"]
    assert r5 == sorted(r5)
    assert all(row.figures["r1"] < row.figures["r5"] < 1 for row in PUBLISHED if row.table == "4")
    assert sorted(FIGURE_2, key=lambda name: FIGURE_2[name])[0] == "Base"


def test_it_is_cited() -> None:
    assert "(2024). Bridging the Gap between Text, Audio, Image, and Any Sequence" in str(CITATION)
