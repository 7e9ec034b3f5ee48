"""Windows that are looked at one by one and agree."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from storysound.nn.windows import starts, together


@given(st.integers(1, 60), st.integers(1, 12), st.integers(1, 12))
def test_windows_cover_everything_and_stay_inside(length: int, window: int, hop: int) -> None:
    found = starts(length, window, min(hop, window))
    covered = {place for start in found for place in range(start, min(start + window, length))}
    assert covered == set(range(length))
    assert found == sorted(set(found))
    assert max(found) + window <= max(length, window)


@pytest.mark.parametrize("length", [3, 8, 9, 21])
@pytest.mark.parametrize("scale", [1, 2])
def test_equal_content_stays_as_it_is_and_of_its_length(length: int, scale: int) -> None:
    x = torch.randn(2, 3, 4, length, generator=torch.Generator().manual_seed(0))

    def seen(part: Tensor, start: int) -> Tensor:
        torch.testing.assert_close(part, x[..., start : start + 8])
        return part.repeat_interleave(scale, dim=3)

    found = together(seen, x, 8, 4, axis=3, scale=scale)
    assert found.shape == (2, 3, 4, length * scale)
    torch.testing.assert_close(found, x.repeat_interleave(scale, dim=3))


def test_where_windows_differ_the_nearer_middle_counts_more() -> None:
    """Two windows that overlap by half and see 0 and 1: a ramp leads from one to the other."""
    found = together(lambda part, start: torch.full_like(part, float(start > 0)), torch.zeros(1, 12), 8, 4, axis=1)[0]
    torch.testing.assert_close(found[:4], torch.zeros(4))
    torch.testing.assert_close(found[8:], torch.ones(4))
    assert (found[4:8].diff() > 0).all()
    assert found[4] < 0.3
    assert found[7] > 0.7
