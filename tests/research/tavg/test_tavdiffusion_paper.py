"""What is written down of TAVDiffusion against the code and against itself."""

import inspect
from importlib import import_module

import pytest

from storysound.losses.audio_visual import MATCHES, audible_video_loss, explicit_alignment
from storysound.research.tavg import network
from storysound.research.tavg.about import EQUATIONS, PAPER


@pytest.mark.parametrize("path", sorted({*network.EQUATIONS.values(), *(e.where for e in network.ERRATA)}))
def test_what_the_map_points_to_is_there(path: str) -> None:
    module, name = path.rsplit(".", 1)
    assert hasattr(import_module(module), name)


def test_all_equations_are_mapped_in_order_and_errata_are_told_once() -> None:
    assert list(EQUATIONS) == [str(number) for number in range(1, 16)]
    numbers = [erratum.number for erratum in PAPER.errata]
    assert numbers == sorted(set(numbers))


def test_the_losses_defaults_are_the_papers() -> None:
    usual = {name: each.default for name, each in inspect.signature(audible_video_loss).parameters.items()}
    assert (usual["weight"], usual["temperature"]) == (network.TRAINING.alignment, network.TRAINING.temperature)
    assert usual["match"] == MATCHES[0] == "max"
    assert inspect.signature(explicit_alignment).parameters["temperature"].default == network.TRAINING.temperature


def test_table_3_ends_in_table_2s_own_row_and_both_parts_help_in_it() -> None:
    whole = {row.data: row.figures for row in PAPER.published if row.table == "2" and "TAVDiffusion" in row.model}
    assert len(whole) == 2
    for data, figures in whole.items():
        rows = {
            row.model.split(" with ")[1].split(",")[0]: row.figures for row in network.PUBLISHED if row.data == data
        }
        assert rows["both"] == figures
        for name, sign in {"fvd": 1, "kvd": 1, "clipsim": -1, "fad": 1, "avh": -1}.items():
            worst, best = rows["neither"][name], rows["both"][name]
            between = (rows["alignment"][name], rows["cross-attention"][name])
            assert all(sign * worst > sign * one > sign * best for one in between)
