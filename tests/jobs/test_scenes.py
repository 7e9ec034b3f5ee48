"""Scenes of footage: a picture may be one of its own, and none is shorter than asked."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from score_fakes import make_models

from storysound.encode.pool import Models
from storysound.ingest.footage import Footage
from storysound.ingest.pictures import Page
from storysound.jobs.plan.scenes import break_down
from storysound.story import Frame, Span, Story

COLOURS = {"r": (255, 0, 0), "g": (0, 255, 0), "b": (0, 0, 255)}


def footage(colours: str, is_film: bool, seconds: float = 5.0) -> Footage:
    edges = (seconds * np.arange(len(colours) + 1)).tolist()
    units = tuple(Span(a, b) for a, b in pairwise(edges))
    pictures = tuple((np.full((8, 8, 3), COLOURS[colour], np.uint8),) for colour in colours)
    frames = tuple(Frame("t", unit.start_s) for unit in units)
    video = ("t",) if is_film else ()
    texts = ("",) * len(units)
    story = Story("t", video=video, frames=frames, shots=units, units=units, texts=texts, duration_s=edges[-1], fps=25)
    pages = () if is_film else tuple(Page(Path("a.jpg"), "", unit, False) for unit in units)
    return Footage(story, pictures, None, pages)


@pytest.mark.parametrize(
    ("colours", "is_film", "shortest_s", "lengths_s"),
    [
        ("rgbrg", False, None, [5, 5, 5, 5, 5]),
        ("rrgbb", False, None, [10, 5, 10]),
        ("rrgbb", False, 8.0, [10, 15]),
        ("rrggb", True, None, [10, 15]),
        ("rrggb", True, 5.0, [10, 10, 5]),
        ("rgb", True, 60.0, [15]),
    ],
)
def test_scenes_change_where_other_things_are_seen(
    colours: str, is_film: bool, shortest_s: float | None, lengths_s: list[float]
) -> None:
    _, found = break_down(footage(colours, is_film), make_models(), shortest_s=shortest_s)
    assert [scene.end_s - scene.start_s for scene in found.scenes] == lengths_s
    _, again = break_down(footage(colours, is_film), make_models(), scenes=found.scenes[:1])
    assert again.scenes == found.scenes[:1]


@pytest.mark.models
@pytest.mark.usefixtures("shared_models")
def test_sentences_have_moods_of_their_own_around_their_units(models: Models) -> None:
    calm_then_wild = "The lake lies quiet in the mist. They scream and fight, and houses burn!"
    units = (Span(0.0, 13.0), Span(13.0, 20.0))
    story = Story("t", units=units, texts=(calm_then_wild, "It is over."), duration_s=20.0, fps=25)
    told, found = break_down(Footage(story, ((), ()), None), models)
    times_s, _, arousal = zip(*found.arc, strict=True)
    assert times_s == pytest.approx((3.25, 9.75, 16.5), abs=0.3)
    assert arousal[1] > arousal[0] + 0.2
    assert arousal[2] == pytest.approx(found.mood[1][2], abs=1e-5)
    assert told.moods["words"]
