"""Beats fall where they are wanted, whatever the pieces."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from storysound.cue.exits import LATE_S, LEAD_S, OPENING_S, Edges, on_beats, opened, story_beats_s, turn_on_beat
from storysound.cue.fit import EDGE_S, Fit
from storysound.cue.score import Piece

BEATS = np.arange(0.3, 120, 0.5)


@given(st.floats(0, 60), st.floats(5, 50), st.floats(2, 100), st.booleans())
def test_a_beat_meets_the_turn_and_the_end_is_a_beat(in_s: float, length_s: float, turn_s: float, way: bool) -> None:
    end_s = turn_s + length_s
    fitted = on_beats(Fit((Piece(in_s, in_s + length_s, turn_s),), 0.3, 1.0), BEATS, Edges(turn_s, end_s, way))
    (piece,) = fitted.pieces
    heard = story_beats_s(fitted.pieces, BEATS)
    assert np.abs(heard - turn_s).min() < 1e-6
    assert turn_s - LEAD_S <= piece.at_s <= turn_s + EDGE_S
    assert np.abs(BEATS - piece.out_s).min() < 1e-9
    assert abs(piece.end_s - end_s) <= (0.25 if way else 0.5) + 1e-6
    assert way or piece.end_s <= end_s + 1e-6


def test_a_bar_goes_before_a_beat_where_one_is_near() -> None:
    fit = Fit((Piece(10.0, 30.0, 40.0),), 0.3, 1.0)
    (piece,) = on_beats(fit, BEATS, Edges(40.0, 60.0), BEATS[::2]).pieces
    assert piece.at_s == pytest.approx(40.0 - 0.3)  # the bar at 10.3
    (piece,) = on_beats(fit, BEATS, Edges(40.0, 60.0), BEATS[1::2]).pieces
    assert piece.at_s == pytest.approx(40.0 - 0.8)  # the one at 10.8
    (piece,) = on_beats(fit, BEATS, Edges(40.0, 60.0), np.array([50.3])).pieces
    assert piece.at_s == pytest.approx(40.0 - 0.3)
    assert turn_on_beat(10.1, BEATS, np.array([9.8])) == 9.8
    assert turn_on_beat(10.1, BEATS, np.array([9.3])) == pytest.approx(10.3)


def test_what_ends_by_itself_or_has_no_pulse_stays() -> None:
    own_end = Fit((Piece(10.0, 20.2, 5.0),), 0.3, 0.05)
    assert on_beats(own_end, BEATS, Edges(None, 15.0)) == own_end
    pulseless = Fit((Piece(10.0, 20.2, 5.0),), 0.3, 1.0)
    assert on_beats(pulseless, np.empty(0), Edges(5.0, 15.0)) == pulseless
    far = np.array([1.0, 40.0])
    assert on_beats(pulseless, far, Edges(None, 15.2)) == pulseless


def test_only_the_last_piece_ends_on_a_beat_and_not_after_the_film() -> None:
    pieces = (Piece(0.0, 30.0, 0.0), Piece(10.0, 20.1, 29.9))
    fitted = on_beats(Fit(pieces, 0.3, 1.0), BEATS, Edges(None, 39.9, gives_way=True, latest_s=40.0))
    assert fitted.pieces[0] == pieces[0]
    assert fitted.pieces[1].out_s == pytest.approx(19.8)
    ends = on_beats(Fit(pieces, 0.3, 1.0), BEATS, Edges(None, 40.0 + LATE_S / 2)).pieces[-1].end_s
    assert ends <= 40.0 + LATE_S / 2


def test_music_out_of_silence_has_a_beginning() -> None:
    piece = (Piece(10.0, 30.0, 0.0),)
    assert opened(Fit(piece, 0.1, 1.0)).fade_in_s == OPENING_S
    assert opened(Fit(piece, EDGE_S, 1.0)).fade_in_s == EDGE_S  # one of its own


def test_music_changes_on_a_beat_that_is_near() -> None:
    assert turn_on_beat(10.1, BEATS) == pytest.approx(10.3)
    assert turn_on_beat(9.3, BEATS[::4]) == 9.3
    assert turn_on_beat(10.1, np.empty(0)) == 10.1
    twice = (Piece(0.0, 10.0, 5.0), Piece(2.0, 4.0, 14.9))
    heard = story_beats_s(twice, BEATS)
    assert (heard[0], heard[-1]) == (pytest.approx(5.3), pytest.approx(16.7))
