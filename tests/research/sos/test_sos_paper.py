"""Sound of Story's numbers against each other, and every promise of its map against the code."""

import re
from importlib import import_module
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from storysound.ingest import slices
from storysound.match import sos, sos_inputs
from storysound.media.audio import Waveform
from storysound.metrics.retrieval import FIGURES, at_random
from storysound.research.paper import PublishedRow
from storysound.research.sos.about import CITATION, DATA, EQUATIONS, ERRATA, GENERATION, PUBLISHED, RETRIEVAL

RECALLS = ("r1", "r5", "r10", "r20")
TABLE_2 = [row for row in PUBLISHED if row.table == "2"]
MODELS = [row for row in TABLE_2 if row.task != "any"]


@pytest.mark.parametrize("path", sorted({*EQUATIONS.values(), *(e.where for e in ERRATA if e.where)}))
def test_what_the_map_points_to_is_there(path: str) -> None:
    module, name = path.rsplit(".", 1)
    assert hasattr(import_module(module), name)


def test_every_equation_is_mapped() -> None:
    assert sorted(EQUATIONS, key=int) == [str(number) for number in range(1, 14)]


def test_every_erratum_has_its_test() -> None:
    source = "\n".join(path.read_text() for path in Path(__file__).parents[2].rglob("test_*.py"))
    tested = {int(number) for number in re.findall(r"def test_erratum_(\d+)", source)}
    assert [erratum.number for erratum in ERRATA] == list(range(1, 9))
    assert {erratum.number for erratum in ERRATA} <= tested


@pytest.mark.parametrize("row", MODELS, ids=lambda row: f"{row.task} {row.model}")
def test_erratum_1_the_row_median_r_is_r20(row: PublishedRow) -> None:
    """Every cell is k of 1300 queries, none falls from R@10 to R@20, and fewer than half are found by the 20th."""
    recalls, median_rank = [row.figures[name] for name in RECALLS], row.figures["median_rank"]
    assert recalls == sorted(recalls)
    for recall in recalls:
        hits = recall * RETRIEVAL.stories_test
        assert abs(hits - round(hits)) < 1300 * 0.5e-5 + 1e-9
    assert (recalls[-1] < 0.5) == (median_rank > 20)
    assert 2 * median_rank == int(2 * median_rank)  # as a median of ranks is


def test_erratum_1_18_682_per_cent_is_no_share_of_1300() -> None:
    assert abs(18.682 * 13 - round(18.682 * 13)) > 0.1
    assert abs(18.692 * 13 - round(18.692 * 13)) < 0.01


def test_the_random_column_is_a_random_order_in_ranks() -> None:
    (random,) = (row for row in TABLE_2 if row.task == "any")
    found = at_random(1300, 1300, draws=5)
    assert set(random.figures) < set(FIGURES)
    assert found["mean_rank"] == pytest.approx(random.figures["mean_rank"], abs=4 * 375 / (5 * 1300) ** 0.5)
    assert found["median_rank"] == pytest.approx(random.figures["median_rank"], abs=4 * 650 / (5 * 1300) ** 0.5)
    assert found["r10"] == pytest.approx(10 / 1300, abs=0.003)


def test_erratum_4_mean_frequency_is_the_centroid_of_the_power() -> None:
    rng, rate_hz = np.random.default_rng(0), 8000
    samples = rng.normal(size=(2, 400)).astype(np.float32)
    amount = above = 0.0
    for channel in samples.astype(float):
        for k in range(201):
            bin_power = abs(np.sum(channel * np.exp(-2j * np.pi * k * np.arange(400) / 400))) ** 2
            amount, above = amount + bin_power, above + bin_power * k * rate_hz / 400
    assert slices.mean_frequency_hz(Waveform(samples, rate_hz)) == pytest.approx(above / amount)


def test_erratum_5_a_slice_closes_before_15_s_and_a_longer_unit_stays_whole() -> None:
    rng = np.random.default_rng(1)
    for _ in range(50):
        units_s = rng.exponential(6.0, 20) + 0.01
        edges_s = [0.0, *np.cumsum(units_s)]
        found = slices.spans(edges_s[:-1], edges_s[-1])
        assert [span.start_s for span in found[1:]] == [span.end_s for span in found[:-1]]
        for span, after in zip(found, [*found[1:], None], strict=True):
            inside = [a for a, b in pairwise(edges_s) if a >= span.start_s - 1e-6 and b <= span.end_s + 1e-6]
            assert span.duration_s <= 15 + 1e-6 or len(inside) == 1
            if after:  # the next unit would not have fitted
                assert min(b for b in edges_s if b > span.end_s + 1e-6) - span.start_s > 15


def test_erratum_7_the_papers_own_means_do_not_hold_together() -> None:
    """What is kept adds up; what does not is in no recipe."""
    assert DATA.stories == DATA.stories_cmd + DATA.stories_lsmdc == RETRIEVAL.stories_train + RETRIEVAL.stories_test
    assert DATA.images / DATA.stories == pytest.approx(19.6, abs=0.05)
    length_s = DATA.audio_hours * 3600 / DATA.stories
    assert length_s == pytest.approx(129.5, abs=0.05)
    assert min(abs(length_s - printed) for printed in (150, 215)) > 20
    with_lsmdc = (DATA.stories_cmd * 83.2 + DATA.stories_lsmdc * 1378.7) / DATA.stories
    assert with_lsmdc > 3 * DATA.words_mean
    assert not {150.0, 215.0, 1378.7} & {v for k, v in vars(DATA).items() if k != "key_clip_s"}


def test_the_recipe_is_what_the_code_does() -> None:
    assert RETRIEVAL.model.mode == "paper"
    assert not RETRIEVAL.model.matrices  # Sound of Story prints none
    assert (RETRIEVAL.model.frames, RETRIEVAL.model.words) == (RETRIEVAL.frames, RETRIEVAL.words) == (40, 77)
    assert RETRIEVAL.temperature == sos.TEMPERATURE == RETRIEVAL.model.temperature == 0.01
    assert sos_inputs.frame_indices(60).shape == (RETRIEVAL.frames,)
    assert GENERATION.slices == GENERATION.slices_train + GENERATION.slices_test
    assert (GENERATION.longest_s, GENERATION.least_mean_hz) == (slices.LONGEST_S, slices.FLOOR_HZ)
    assert GENERATION.width % 64 == 0
    assert abs(GENERATION.width * GENERATION.hop_s - GENERATION.longest_s) < 0.64


def test_it_is_cited() -> None:
    assert str(CITATION).startswith("Bae, J., Jeong, S.")
    assert "(2023). Sound of Story: Multi-modal Storytelling with Audio." in str(CITATION)
