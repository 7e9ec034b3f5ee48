"""The arousal of a story under its music, and what of it the sheet says."""

import numpy as np
import pytest

from cue.remix.track_making import track
from storysound.cue.fit import analyse
from storysound.cue.remix.arc import Arc
from storysound.cue.remix.remix import Remixer
from storysound.cue.score import Scene
from storysound.jobs.plan.choice import Draft
from storysound.jobs.plan.entries import Entries
from storysound.jobs.plan.remixing import remixed, with_arcs
from storysound.match.query import Hit
from storysound.story import Mood, Sound

HIT = Hit(Sound("a", "/l", 96.0, "music"), 0.0, 10.0, 0.9, ("fits",))
CURVE = ((5.0, 0.5, 0.2), (15.0, 0.5, 0.4), (25.0, 0.5, 0.6), (35.0, 0.5, 0.8), (45.0, 0.5, 0.8))


def drafts(*spans: tuple[float, float]) -> list[Draft]:
    return [Draft("music", *span, (HIT,), 0.5) for span in spans]


def scene(start_s: float, end_s: float, arousal: float) -> Scene:
    return Scene(start_s, end_s, Mood(0.5, arousal), "", (), "")


def test_music_has_the_arousal_of_what_lies_above_it() -> None:
    one, level, short = with_arcs(drafts((0, 40), (30, 50), (0, 10)), [scene(0, 30, 0.4), scene(30, 50, 0.8)], CURVE)
    assert one.arc == Arc((5.0, 15.0, 25.0, 35.0), (0.2, 0.4, 0.6, 0.8))
    assert level.arc is None
    assert short.arc is None


def test_a_scene_that_was_set_by_hand_moves_its_arc() -> None:
    (one,) = with_arcs(drafts((0, 40)), [scene(0, 30, 0.1), scene(30, 50, 0.8)], CURVE)
    assert one.arc is not None
    assert one.arc.arousal == pytest.approx((-0.1, 0.1, 0.3, 0.8))


def test_a_track_that_returns_goes_on_as_it_did() -> None:
    (draft,) = with_arcs(drafts((0, 40)), [scene(0, 50, 0.5)], CURVE)
    entries = Entries()
    assert entries.arc(draft, HIT) == draft.arc
    entries.left_s["a"] = 40.0
    assert entries.arc(draft, HIT) is None


def test_the_sheet_says_where_music_begins_and_why() -> None:
    wave, _ = track("CCAACCAABBCC")
    remixer = Remixer(wave, analyse(wave, np.empty(0)))
    rising, level = (Arc((10.0, 40.0), each) for each in ((0.1, 0.9), (0.5, 0.5)))
    made, why = remixed(remixer, 50.0, at_s=0.0, hint_s=0.0, arc=rising)
    assert made is not None
    assert made.pieces[0].in_s > 1
    assert why == f"begins at 0:{made.pieces[0].in_s:.1f}: rises with the scene"
    assert remixed(remixer, 50.0, at_s=0.0, hint_s=0.0, arc=level) == remixed(remixer, 50.0, at_s=0.0, hint_s=0.0)
