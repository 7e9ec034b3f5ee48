from itertools import accumulate

import numpy as np
import pytest

from storysound.compose import harmony
from storysound.compose.motif import motif


@pytest.mark.parametrize("seed", range(8))
def test_a_filled_motif_goes_where_it_went(seed: int) -> None:
    plain = motif(seed, "Anna", 4)
    for which in (0, 1):
        bare = plain.bar(which, 4.0, 0.0, np.random.default_rng(seed))
        full = plain.bar(which, 4.0, 1.0, np.random.default_rng(seed))
        heights = dict(zip((at for at, _, _ in full), accumulate(step for *_, step in full), strict=True))
        assert [heights[at] for at, _, _ in bare] == list(accumulate(step for *_, step in bare))
        assert sum(length for _, length, _ in full) == pytest.approx(4.0)
    assert len(plain.bar(0, 4.0, 1.0, np.random.default_rng(seed))) >= len(plain.rhythms[0])


def test_a_borrowed_dominant_is_followed_by_what_it_leads_to() -> None:
    borrowed = 0
    for seed in range(200):
        degrees = [0, 3, 5, 3, 4, 0]
        made = harmony.chords("ionian", 0, degrees, 2, 0.0, np.random.default_rng(seed))
        for chord, degree, after in zip(made, degrees, made[1:], strict=False):
            if chord.root != harmony.MODES["ionian"][degree]:
                borrowed += 1
                assert (chord.root - after.root) % 12 == 7
    assert borrowed
