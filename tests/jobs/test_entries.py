"""Where in its track each stretch of music begins."""

import numpy as np
import pytest

from storysound.cue.score import Cue, Piece
from storysound.jobs.plan.choice import Draft
from storysound.jobs.plan.entries import Entries
from storysound.match.query import Hit
from storysound.story import Sound

TRACK = Sound("a", "/l", 100.0, "music")
HIT = Hit(TRACK, 30.0, 40.0, 0.9, ("fits",))


def draft(start_s: float, end_s: float, turn_s: float | None = None) -> Draft:
    return Draft("music", start_s, end_s, (HIT,), 0.5, turn_s=turn_s)


def played(entries: Entries, in_s: float, out_s: float, at_s: float) -> None:
    cue = Cue("music-1", "music", at_s, at_s + out_s - in_s, TRACK, (Piece(in_s, out_s, at_s),), 0.0, 0.1, 0.1, 0.9)
    entries.add(cue, np.arange(0, 100, 0.6))


def test_a_story_begins_with_a_beginning_and_later_music_where_it_fits() -> None:
    entries = Entries()
    assert entries.offered(draft(0, 20), HIT).start_s == 0
    assert entries.offered(draft(20, 40), HIT) == HIT
    ambience = Draft("ambience", 0, 20, (HIT,), 0.5)
    assert entries.offered(ambience, HIT) == HIT


def test_a_theme_goes_on_where_it_left_or_begins_again() -> None:
    entries = Entries()
    played(entries, 0.0, 60.0, 0.0)
    goes_on = entries.offered(draft(80, 110), HIT)
    assert (goes_on.start_s, goes_on.why) == (60.0, ("fits", "returns and goes on at 1:00.0"))
    again = entries.offered(draft(80, 140), HIT)
    assert (again.start_s, again.why) == (0.0, ("fits", "returns from its beginning"))


def test_music_takes_over_on_a_beat_of_what_played() -> None:
    entries = Entries()
    assert entries.turn_s(draft(19, 40, 20.0)) == 20.0
    played(entries, 0.0, 21.0, 0.1)
    assert entries.turn_s(draft(19, 40, 20.0)) == pytest.approx(19.9)
    assert entries.turn_s(draft(0, 20)) is None
