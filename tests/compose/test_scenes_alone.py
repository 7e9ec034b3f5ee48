"""A scene composed alone is what the whole piece has there, note for note."""

from collections import defaultdict
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from storysound.compose import ending, form
from storysound.compose.compose import Means, Place, Surroundings, compose, compose_scene
from storysound.compose.ensembles import ensembles
from storysound.compose.notes import Composition, Note, Part
from storysound.compose.spotting import Hit, Scene, Spotting
from storysound.errors import UsageError
from storysound.story import Mood, Span

EARLY_S = 0.09  # by which players with a slow attack may begin before a bar line
LEAST_S = form.LEAST_SECTION_S + ending.SHORTEST_S


def film(seed: int) -> Spotting:
    """Two to five scenes of 8 to 20 s, with cuts, speech and a hit."""
    rng = np.random.default_rng((3, seed))
    lengths = np.round(rng.uniform(LEAST_S + 0.5, 20, int(rng.integers(2, 6))), 3)
    bounds = [0.0, *np.cumsum(lengths).round(3).tolist()]
    names = sorted(ensembles())
    scenes = tuple(
        Scene(a, b, Mood(*rng.random(2).round(3).tolist()), "AB"[i % 2], names[int(rng.integers(len(names)))], i)
        for i, (a, b) in enumerate(pairwise(bounds))
    )
    cuts = tuple(np.sort(rng.uniform(0, bounds[-1], 12)).round(3).tolist())
    return Spotting(scenes, cuts, (Span(3.0, 6.0),), (Hit(round(bounds[-1] / 2, 3)),))


def parts_of(music: Composition) -> dict[Part, list[Note]]:
    return {replace(part, notes=()): list(part.notes) for part in music.parts}


@pytest.mark.parametrize("seed", range(8))
def test_scenes_alone_are_the_piece(seed: int) -> None:
    spotting = film(seed)
    around = Surroundings(spotting.cuts_s, spotting.speech, spotting.hits)
    whole = compose(spotting, seed, Means("folk"))
    count = len(spotting.scenes)
    alone = [
        compose_scene(scene, Place(i, count, spotting.length_s), around, seed, Means("folk"))
        for i, scene in enumerate(spotting.scenes)
    ]
    joined: dict[Part, list[Note]] = defaultdict(list)
    for music in alone:
        for part, notes in parts_of(music).items():
            joined[part] += notes
    whole_parts = parts_of(whole)
    assert joined.keys() == whole_parts.keys()
    for part, notes in joined.items():
        assert sorted(notes, key=repr) == sorted(whole_parts[part], key=repr)
    assert tuple(key for music in alone for key in music.keys) == whole.keys
    assert tuple(each for music in alone for each in music.harmonies) == whole.harmonies
    assert [bar.start_s for music in alone for bar in music.bars] == [bar.start_s for bar in whole.bars]


def test_a_style_of_a_scene_is_its_own() -> None:
    spotting = film(1)
    plain, march = (
        compose(replace(spotting, scenes=(replace(spotting.scenes[0], style=style), *spotting.scenes[1:])))
        for style in ("", "march")
    )
    end_s = spotting.scenes[0].end_s - EARLY_S

    def notes(music: Composition, after: bool) -> list[Note]:
        return [note for part in music.parts for note in part.notes if (note.start_s >= end_s) == after]

    assert sorted(map(repr, notes(plain, True))) == sorted(map(repr, notes(march, True)))
    assert sorted(map(repr, notes(plain, False))) != sorted(map(repr, notes(march, False)))
    with pytest.raises(UsageError, match="style"):
        compose_scene(replace(spotting.scenes[0], style="polka"), Place(0, 1, spotting.scenes[0].end_s), Surroundings())
