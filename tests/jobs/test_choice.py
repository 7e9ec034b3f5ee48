"""From hits to drafts: overlaps, jingles, licences, ambience across cuts, doubt."""

import math
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from storysound.cue.score import Scene
from storysound.encode.labels import LabelSpace
from storysound.ingest.footage import Footage
from storysound.jobs.plan.choice import CROSS_S, SHORTEST_BED_S, Draft, beside, effect_drafts, music_drafts
from storysound.jobs.plan.request import PlanOptions
from storysound.jobs.plan.scenes import Breakdown
from storysound.jobs.plan.sight import Sight
from storysound.match.query import Hit, Query
from storysound.story import Frame, Mood, Sound, Source, Span, Story

PICTURE = np.zeros((4, 4, 3), np.uint8)


def sound(name: str, kind: str = "music", seconds: float = 60.0, licence: str = "CC0") -> Sound:
    return Sound(name, "/l", seconds, kind, source=Source(name, licence=licence))  # type: ignore[arg-type]


def hit(found: Sound, fit: float) -> Hit:
    return Hit(found, 10.0, 20.0, 1 / (1 + math.exp(-fit)), (f"fits {fit}",))


class Shelf:
    """Answers with the hits it was given, call by call."""

    def __init__(self, *answers: list[Hit]) -> None:
        self.answers = list(answers)
        self.asked: list[Query] = []

    def search(self, query: Query, k: int = 10, *, kind: Any, ignore_names: bool = False) -> tuple[Hit, ...]:
        self.asked.append(query)
        return tuple(sorted(self.answers.pop(0), key=lambda h: -h.score)[:k])


def asked(**wishes: Any) -> PlanOptions:
    return PlanOptions(**wishes)


def story(*lengths_s: float, themes: tuple[int, ...] = ()) -> tuple[Footage, Breakdown]:
    """One scene a unit, all alike in mood and clear; each with its theme, or each with one of its own."""
    edges = np.concatenate([[0], np.cumsum(lengths_s)]).tolist()
    units = tuple(Span(a, b) for a, b in pairwise(edges))
    count = len(units)
    frames = tuple(Frame("t", unit.start_s) for unit in units)
    told = Story("t", frames=frames, shots=units, units=units, texts=("",) * count, duration_s=edges[-1], fps=25.0)
    numbers = themes or tuple(range(1, count + 1))
    scenes = tuple(
        Scene(u.start_s, u.end_s, Mood(0.5, 0.4), "", (u,), "", n) for u, n in zip(units, numbers, strict=True)
    )
    curve = tuple((u.start_s, 0.5, 0.4) for u in units)
    space = LabelSpace("own", ("a",), np.ones((1, 1), np.float32))
    sight = Sight(space, np.ones((count, 1), np.float32), np.arange(count))
    return Footage(told, ((PICTURE,),) * count), Breakdown(scenes, ((),) * count, (), curve, sight)


A, B = sound("a"), sound("b")


def test_tracks_overlap_where_they_change_and_go_on_where_they_do_not() -> None:
    _, understood = story(20, 20, 20, themes=(1, 1, 2))
    answers = [[hit(A, 2), hit(B, 0)], [hit(A, 2), hit(B, 1.9)], [hit(A, 0), hit(B, 3)]]
    one, two = music_drafts(understood, Shelf(*answers), asked())
    assert (one.hits[0].sound, two.hits[0].sound) == (A, B)
    assert one.start_s == 0
    assert two.end_s == 60
    assert one.end_s - two.start_s == pytest.approx(CROSS_S)
    assert (one.cross_in_s, one.cross_out_s, two.cross_in_s, two.cross_out_s) == (0, CROSS_S, CROSS_S, 0)
    assert (one.turn_s, two.turn_s) == (None, 40)
    assert one.hits[1].sound == B
    assert [draft.hits[0].why[-1] for draft in (one, two)] == ["theme 1", "theme 2"]


def test_a_theme_returns_with_its_track_chosen_for_all_its_scenes() -> None:
    _, understood = story(10, 20, 40, themes=(1, 2, 1))
    answers = [[hit(A, 3), hit(B, 0)], [hit(A, 2), hit(B, 1.9)], [hit(A, 0), hit(B, 1), hit(sound("c"), 2)]]
    beds = music_drafts(understood, Shelf(*answers), asked())
    assert [draft.hits[0].sound.path for draft in beds] == ["c", "a", "c"]  # it fits the longer scene of the first
    fit = f"fits calm with {beds[0].hits[0].score:.2f}"
    assert beds[0].hits[0].why == ("fits 2", fit, "theme 1")  # though it was found for the other


def test_silence_parts_the_bed_and_its_edges_do_not_cross() -> None:
    _, understood = story(20, 20, 20, 20, themes=(1, 0, 1, 2))
    answers = [[hit(A, 3), hit(B, 0)], [hit(A, 2), hit(B, 0)], [hit(A, 0), hit(B, 2)]]
    beds = music_drafts(understood, Shelf(*answers), asked())
    assert [(bed.hits[0].sound.path, bed.turn_s) for bed in beds] == [("a", None), ("a", None), ("b", 60)]
    assert [(bed.start_s, bed.end_s) for bed in beds[:1]] == [(0, 20)]
    assert (beds[1].start_s, beds[1].cross_in_s, beds[1].cross_out_s) == (40, 0, CROSS_S)
    assert music_drafts(story(20, themes=(0,))[1], Shelf(), asked()) == []


def test_themes_share_a_track_only_where_no_other_is_near() -> None:
    _, understood = story(20, 20, themes=(1, 2))
    near = [[hit(A, 3), hit(B, 1.5)], [hit(A, 3), hit(B, 1.4)]]
    assert [draft.hits[0].sound for draft in music_drafts(understood, Shelf(*near), asked())] == [B, A]
    far = [[hit(A, 3), hit(B, -2)], [hit(A, 3), hit(B, -2)]]
    (whole,) = music_drafts(understood, Shelf(*far), asked())
    assert (whole.start_s, whole.end_s, whole.hits[0].sound) == (0, 40, A)


def test_a_jingle_does_not_loop_under_a_long_scene() -> None:
    _, understood = story(40)
    jingle = sound("jingle", seconds=3.0)
    assert music_drafts(understood, Shelf([hit(jingle, 2.5), hit(A, 1)]), asked())[0].hits[0].sound == A
    _, short = story(3)
    assert music_drafts(short, Shelf([hit(jingle, 2.5), hit(A, 1)]), asked())[0].hits[0].sound == jingle


def test_the_query_holds_what_the_user_says() -> None:
    _, understood = story(20)
    shelf = Shelf([hit(A, 1)], [hit(A, 1)])
    music_drafts(understood, shelf, asked(text="A wedding.", mood=Mood(0.9, 0.1)))
    music_drafts(understood, shelf, asked())
    assert (shelf.asked[0].text, shelf.asked[0].mood) == ("A wedding.", Mood(0.9, 0.1))
    assert shelf.asked[1].mood == Mood(0.5, 0.4)


@pytest.mark.parametrize("licence", ["", "CC BY-NC 4.0", "free for non-commercial use"])
def test_sounds_that_may_not_be_sold_are_refused(licence: str) -> None:
    _, understood = story(20)
    offer = [hit(sound("bad", licence=licence), 3), hit(A, 0)]
    (draft,) = music_drafts(understood, Shelf(offer), asked(licence_policy="commercial"))
    assert [h.sound for h in draft.hits] == [A]
    (draft,) = music_drafts(understood, Shelf(offer), asked())
    assert draft.hits[0].sound.path == "bad"


def test_a_seed_gives_another_good_choice_and_the_same_one_again() -> None:
    _, understood = story(20)
    good = [sound(f"good-{n}") for n in range(4)]
    bad = [sound(f"bad-{n}") for n in range(4)]
    offer = [*(hit(one, 3 - 0.1 * n) for n, one in enumerate(good)), *(hit(one, -4) for one in bad)]

    def chosen(seed: int) -> str:
        return music_drafts(understood, Shelf(offer), asked(seed=seed))[0].hits[0].sound.path

    assert chosen(0) == "good-0"
    takes = [chosen(seed) for seed in range(1, 12)]
    assert takes == [chosen(seed) for seed in range(1, 12)]
    assert set(takes) == {"good-1", "good-2", "good-3"}


def test_a_sound_to_avoid_is_not_offered() -> None:
    _, understood = story(20)
    (draft,) = music_drafts(understood, Shelf([hit(A, 3), hit(B, 1)]), asked(avoid=("a",)))
    assert [one.sound for one in draft.hits] == [B]


def test_an_empty_shelf_gives_no_music() -> None:
    assert music_drafts(story(20)[1], Shelf([]), asked()) == []


def test_ambience_goes_on_over_a_cut_and_crosses_into_the_next() -> None:
    footage, understood = story(6, 6, 6)
    wind, sea = sound("wind", "sfx", 30), sound("sea", "sfx", 30)
    one, two = effect_drafts(
        footage, understood, Shelf([hit(wind, 3)], [hit(wind, 3)], [hit(sea, 3)]), asked(), [False] * 3
    )
    assert (one.layer, one.start_s, two.hits[0].sound) == ("ambience", 0, sea)
    assert 12 < one.end_s < 13
    assert one.end_s - two.start_s == pytest.approx(two.cross_in_s) == pytest.approx(one.cross_out_s)


def test_effects_keep_still_in_doubt() -> None:
    footage, understood = story(6)
    bark = sound("bark", "sfx", 0.5)
    assert effect_drafts(footage, understood, Shelf([hit(bark, 3)]), asked(), [False])[0].layer == "spot"
    assert effect_drafts(footage, understood, Shelf([hit(bark, 1)]), asked(), [False]) == []
    assert effect_drafts(footage, understood, Shelf([hit(bark, 3)]), asked(), [True]) == []
    assert understood.sight is not None
    dim = replace(understood.sight, scores=np.full((1, 1), 0.1, np.float32))
    unclear = replace(understood, sight=dim)
    assert effect_drafts(footage, unclear, Shelf(), asked(), [False]) == []
    assert effect_drafts(footage, replace(understood, sight=None), Shelf(), asked(), [False]) == []
    told = replace(footage, story=replace(footage.story, texts=("A dog barks.",)))
    assert len(effect_drafts(told, unclear, Shelf([hit(bark, 3)]), asked(), [False])) == 1


def test_ambience_of_a_moment_is_left_out() -> None:
    footage, understood = story(1, 9)
    wind = sound("wind", "sfx", 30)
    assert effect_drafts(footage, understood, Shelf([hit(wind, 3)], []), asked(), [False] * 2) == []


own_music = st.lists(st.floats(0, 120), min_size=0, max_size=8, unique=True).map(
    lambda times: [Span(a, b) for a, b in zip(sorted(times)[::2], sorted(times)[1::2], strict=False)]
)


@given(st.floats(0, 60), st.floats(1, 90), own_music)
def test_no_music_is_laid_over_music(start_s: float, length_s: float, music: list[Span]) -> None:
    """Oracle: tenth by tenth, a bed plays where it was drafted and the clip has none, but for crossings and scraps."""
    bed = Draft("music", start_s, start_s + length_s, (hit(A, 1),), 0.5)
    parts = beside([bed], music)
    assert all(one.end_s <= two.start_s + CROSS_S + 1e-9 for one, two in pairwise(parts))
    for time_s in np.arange(start_s + 0.05, start_s + length_s, 0.1):
        is_laid = any(part.start_s <= time_s < part.end_s for part in parts)
        near = [span for span in music if span.start_s - CROSS_S < time_s < span.end_s + CROSS_S]
        if any(span.start_s + CROSS_S / 2 < time_s < span.end_s - CROSS_S / 2 for span in music):
            assert not is_laid
        elif not near and is_laid is False:  # a scrap
            before = max([start_s, *(span.end_s for span in music if span.end_s <= time_s)])
            after = min([start_s + length_s, *(span.start_s for span in music if span.start_s >= time_s)])
            assert after - before < SHORTEST_BED_S
    assert parts == [bed] or all(part.end_s - part.start_s >= SHORTEST_BED_S for part in parts)


def test_beds_fade_into_the_clips_own_music_and_effects_stay() -> None:
    bed, wind = Draft("music", 0, 60, (hit(A, 1),), 0.5), Draft("ambience", 0, 60, (hit(B, 1),), 0.5)
    one, two, same = beside([bed, wind], [Span(20, 30)])
    assert (one.start_s, one.end_s, one.cross_in_s, one.cross_out_s) == (0, 20 + CROSS_S / 2, 0, CROSS_S)
    assert (two.start_s, two.end_s, two.cross_in_s, two.cross_out_s) == (30 - CROSS_S / 2, 60, CROSS_S, 0)
    assert same is wind
