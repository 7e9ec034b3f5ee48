"""What a composition promises, over random films, counted by what knows nothing of composing."""

from dataclasses import replace
from functools import cache
from itertools import combinations, pairwise

import numpy as np
import pytest

from storysound.compose.compose import Means, compose
from storysound.compose.ensembles import ensembles
from storysound.compose.notes import Composition, Note
from storysound.compose.spotting import Hit, Scene, Spotting
from storysound.errors import UsageError
from storysound.metrics import counterpoint
from storysound.story import Mood, Span

FILMS = 26  # two for each ensemble
NEAR_S = 0.04
EARLY_S = 0.09  # by which players with a slow attack may begin before a bar line


def film(number: int) -> Spotting:
    """A minute or so with three to five scenes at cuts, shots of four seconds in the median."""
    rng = np.random.default_rng((7, number))
    length_s = round(float(rng.uniform(50, 80)), 2)
    shots = np.maximum(0.5, rng.lognormal(np.log(4), 0.6, 60))
    cuts = [round(float(t) * 25) / 25 for t in np.cumsum(shots) if t < length_s - 1]
    turns = [cut for cut in cuts if 8 < cut < length_s - 8][:: max(1, len(cuts) // 4)]
    bounds = [0.0, *[t for i, t in enumerate(turns) if i == 0 or t - turns[i - 1] > 5], length_s]
    scenes = [Scene(a, b, Mood(float(rng.random()), float(rng.random()))) for a, b in pairwise(bounds)]
    return Spotting(tuple(scenes), tuple(cuts))


@cache
def music(number: int) -> Composition:
    names = sorted(ensembles())
    return compose(film(number), number, Means(names[number % len(names)]))


def every(start: int = 0) -> list[tuple[Spotting, Composition]]:
    return [(film(number), music(number)) for number in range(start, FILMS)]


def notes_in(music: Composition, span: Span) -> list[tuple[str, Note]]:
    return [(part.name, n) for part in music.parts for n in part.notes if span.start_s <= n.start_s < span.end_s]


def test_scenes_change_on_bar_lines() -> None:
    for spotting, made in every():
        lines = [bar.start_s for bar in made.bars]
        for scene in spotting.scenes[1:]:
            assert counterpoint.distance(scene.start_s, lines) < NEAR_S


def test_most_cuts_are_on_beats() -> None:
    hits = [
        counterpoint.distance(cut, made.beats_s()) <= NEAR_S
        for spotting, made in every()
        for cut in spotting.cuts_s
        if cut <= made.ends_s
    ]
    assert len(hits) > 250
    assert np.mean(hits) > 0.8


def test_the_length_is_exact_and_the_end_rings() -> None:
    for spotting, made in every():
        assert made.length_s == spotting.length_s
        last = max(note.start_s + note.length_s for note in made.notes())
        assert 0.8 < made.length_s - last < 3
        assert all(note.start_s >= 0 for note in made.notes())


def test_it_ends_on_the_tonic_of_the_beginning() -> None:
    for _, made in every():
        home = made.keys[0].tonic
        assert made.harmonies[-1].tones[0] == made.harmonies[-1].voices[0] % 12 == home
        assert made.harmonies[-1].start_s == pytest.approx(made.ends_s, abs=1e-6)
        dominant = made.harmonies[-2].tones
        assert dominant == tuple((home + tone) % 12 for tone in (7, 11, 2, 5))


def test_who_doubles_the_tune_ends_with_it() -> None:
    made = compose(Spotting((Scene(0.0, 30.0, Mood(0.85, 0.7)),), ()), 7, Means("piano"))
    tune, octaves = (
        [note.pitch for note in part.notes]
        for part in made.parts
        if part.name in ("Piano, right hand", "Piano, octaves")
    )
    assert len(octaves) > 5
    assert octaves[-1] == tune[-1] + 12


def test_no_parallels_between_the_four_voices() -> None:
    assert sum(counterpoint.parallels([h.voices for h in made.harmonies]) for _, made in every()) == 0


def test_bars_begin_with_notes_of_their_chord() -> None:
    begun = 0
    for _, made in every():
        for bar in made.bars:
            tones = [h.tones for h in made.harmonies if h.start_s < bar.start_s + 0.002][-1]
            for part in made.parts:
                for note in part.notes if not part.drums else ():
                    sounds = note.start_s + note.length_s > bar.start_s + 0.03
                    if sounds and -EARLY_S <= note.start_s - bar.start_s <= 0.001:
                        begun += 1
                        assert note.pitch % 12 in tones, (part.name, note, bar)
    assert begun > 2000


def test_players_have_their_notes() -> None:
    for number in range(FILMS):
        name = sorted(ensembles())[number % len(ensembles())]
        ranges = {player.name: (player.low, player.high) for player in ensembles()[name].players}
        for part in music(number).parts:
            if not part.drums:
                low, high = ranges[part.name]
                assert all(low <= note.pitch <= high for note in part.notes)


def test_no_part_strikes_a_pitch_that_still_sounds() -> None:
    for _, made in every():
        for part in made.parts:
            ends: dict[int, float] = {}
            for note in part.notes:
                if not part.drums:
                    assert note.start_s >= ends.get(note.pitch, 0.0) - 2e-6
                ends[note.pitch] = note.start_s + note.length_s


def test_tunes_move_by_step_and_come_back() -> None:
    rows = [[n.pitch for part in made.parts if part.name in made.leads for n in part.notes] for _, made in every()]
    moves = np.array([abs(b - a) for row in rows for a, b in pairwise(row)])
    assert 0.4 < np.mean((moves > 0) & (moves <= 2)) < 0.75
    assert np.mean(moves > 12) < 0.02
    assert np.mean([counterpoint.repeated_grams(row) for row in rows]) > 0.08


def test_seeds_share_little() -> None:
    spotting = film(3)
    tunes = []
    for seed in range(8):
        made = compose(spotting, seed)
        tunes.append([n.pitch for part in made.parts if part.name in made.leads for n in part.notes])
    assert np.mean([counterpoint.shared_grams(a, b) for a, b in combinations(tunes, 2)]) < 0.1


def test_the_same_seed_is_the_same_music() -> None:
    assert compose(film(1), 5, Means("strings")) == compose(film(1), 5, Means("strings"))
    assert compose(film(1), 5) != compose(film(1), 6)


CHANGES = {
    "mood": {"mood": Mood(0.93, 0.97)},
    "calm": {"mood": Mood(0.06, 0.05)},
    "seed": {"seed": 4},
    "theme": {"theme": "the stranger"},
    "ensemble": {"ensemble": "electronic"},
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("number", [2, 11])
def test_an_edit_leaves_every_other_scene_as_it_was(change: str, number: int) -> None:
    spotting = film(number)
    before = compose(spotting, number)
    for i, scene in enumerate(spotting.scenes[:-1]):  # the last one's mood says when the final chord comes
        scenes = list(spotting.scenes)
        scenes[i] = replace(scene, **CHANGES[change])
        after = compose(replace(spotting, scenes=tuple(scenes)), number)
        for j, other in enumerate(spotting.scenes):
            begin_s = other.start_s if j == i + 1 else max(0.0, other.start_s - EARLY_S)
            span = Span(begin_s, other.end_s - EARLY_S)  # after which players of the next may begin
            same = sorted(notes_in(before, span), key=str) == sorted(notes_in(after, span), key=str)
            assert same == (i != j)


def test_an_edit_of_the_last_scene_leaves_the_others_as_they_were() -> None:
    spotting = film(4)
    scenes = (*spotting.scenes[:-1], replace(spotting.scenes[-1], mood=Mood(0.9, 0.95)))
    before, after = compose(spotting, 1), compose(replace(spotting, scenes=scenes), 1)
    span = Span(0.0, spotting.scenes[-1].start_s - EARLY_S)
    assert sorted(notes_in(before, span), key=str) == sorted(notes_in(after, span), key=str)


def test_scenes_of_a_theme_share_its_rhythm() -> None:
    moods = (Mood(0.7, 0.5), Mood(0.3, 0.4), Mood(0.7, 0.5))
    scenes = [Scene(20.0 * i, 20.0 * i + 20, mood) for i, mood in enumerate(moods)]
    named = [replace(scene, theme=name) for scene, name in zip(scenes, ("a", "b", "a"), strict=True)]
    same = 0
    for seed in range(12):
        made = compose(Spotting(tuple(named)), seed)
        starts = []
        for scene in (named[0], named[2]):
            bars = [bar for bar in made.bars if bar.start_s == pytest.approx(scene.start_s, abs=1e-6)]
            tune = [n for part in made.parts if part.name in made.leads for n in part.notes]
            first = min(n.start_s for n in tune if n.start_s >= scene.start_s - 0.1)
            beats = [
                round(2 * (made.beat_at(n.start_s) - made.beat_at(scene.start_s))) / 2
                for n in tune
                if -0.1 < n.start_s - scene.start_s < 2.2 and first < scene.end_s
            ]
            assert bars
            starts.append(beats)
        same += starts[0] == starts[1]
    assert same >= 6  # the others come back changed


def test_music_makes_room_for_speech() -> None:
    scene = Scene(0.0, 40.0, Mood(0.6, 0.7))
    plain = compose(Spotting((scene,)), 3)
    spoken = compose(Spotting((scene,), speech=(Span(10.0, 25.0),)), 3)
    inner, outer = Span(12.5, 22.5), Span(28.0, 34.0)
    assert len(notes_in(spoken, inner)) < 0.5 * len(notes_in(plain, inner))
    assert notes_in(spoken, inner)

    def loud(made: Composition) -> float:
        return float(np.mean([n.velocity for _, n in notes_in(made, inner)]))

    assert loud(spoken) < loud(plain) - 10
    assert not [name for name, _ in notes_in(spoken, inner) if name in spoken.leads or name == "Percussion"]
    assert len(notes_in(spoken, outer)) == pytest.approx(len(notes_in(plain, outer)), rel=0.2)


def test_hits_are_struck_and_silences_silent() -> None:
    scene = Scene(0.0, 40.0, Mood(0.5, 0.6))
    hits = (Hit(12.3, "accent"), Hit(20.7, "breath"), Hit(29.1, "rest"))
    made = compose(Spotting((scene,), hits=hits), 2)
    for hit in hits[:2]:
        struck = [n for _, n in notes_in(made, Span(hit.at_s - EARLY_S, hit.at_s + 0.02))]
        assert len(struck) >= 4
        assert max(n.velocity for n in struck) > 80
        assert counterpoint.distance(hit.at_s, made.beats_s()) <= NEAR_S
    second = 60 / 142
    before = Span(20.7 - 0.9 * second, 20.7 - 0.1)
    assert not notes_in(made, before)
    sounding = [n for n in made.notes() if n.start_s < before.end_s and n.start_s + n.length_s > before.start_s + 0.15]
    assert not sounding
    assert not notes_in(made, Span(29.1, 29.1 + 0.5 * second))


CORNERS = [Mood(float(v), float(a)) for v in (0, 0.5, 1) for a in (0, 0.5, 1)]


@pytest.mark.parametrize("name", sorted(ensembles()))
def test_every_ensemble_plays_every_mood(name: str) -> None:
    scenes = tuple(Scene(8.0 * i, 8.0 * i + 8, mood) for i, mood in enumerate(CORNERS))
    made = compose(Spotting(scenes), 1, Means(name))
    for scene in scenes:
        sound = notes_in(made, Span(scene.start_s, scene.end_s))
        assert len(sound) >= 4
        assert all(10 <= n.velocity <= 124 and n.length_s > 0 for _, n in sound)
    calm, wild = (notes_in(made, Span(8.0 * i, 8.0 * i + 8)) for i in (3, 5))
    assert np.mean([n.velocity for _, n in wild]) > np.mean([n.velocity for _, n in calm]) + 25
    assert len(wild) > 2 * len(calm)


def mood_at(valence: float, arousal: float) -> Composition:
    return compose(Spotting((Scene(0.0, 40.0, Mood(valence, arousal)),)), 1)


def test_moods_move_the_cues_that_people_go_by() -> None:
    dark, bright = mood_at(0.1, 0.4), mood_at(0.9, 0.4)
    mean = [np.mean([n.pitch for n in m.notes()]) for m in (dark, bright)]
    assert mean[1] > mean[0] + 3
    assert dark.keys[0].mode in ("aeolian", "minor")
    assert bright.keys[0].mode == "ionian"
    calm, wild = mood_at(0.5, 0.1), mood_at(0.5, 0.9)
    assert wild.tempi[0].bpm > 1.5 * calm.tempi[0].bpm


@pytest.mark.parametrize("length_s", [1.0, 1.7, 2.5, 4.0, 7.3])
def test_very_short_films(length_s: float) -> None:
    made = compose(Spotting((Scene(0.0, length_s, Mood(0.5, 0.5)),)), 1)
    assert made.length_s == length_s
    assert max(n.start_s + n.length_s for n in made.notes()) < length_s


def test_scenes_of_a_third_of_a_second() -> None:
    rng = np.random.default_rng(0)
    moods = rng.random((100, 2))
    bounds = [round(0.3 * i, 3) for i in range(101)]
    scenes = tuple(Scene(a, b, Mood(*map(float, m))) for (a, b), m in zip(pairwise(bounds), moods, strict=True))
    made = compose(Spotting(scenes, tuple(bounds[1:-1])), 1)
    assert len(made.bars) >= 8
    assert made.length_s == 30.0


def test_five_hundred_cuts() -> None:
    cuts = tuple(round(0.24 * i, 2) for i in range(1, 501))
    made = compose(Spotting((Scene(0.0, 124.0, Mood(0.5, 0.5)),), cuts), 1)
    tempi = [tempo.bpm for tempo in made.tempi[:-4]]
    assert all(max(a / b, b / a) < 1.081 for a, b in pairwise(tempi))


def test_two_hours() -> None:
    scenes = tuple(Scene(120.0 * i, 120.0 * i + 120, CORNERS[i % 9]) for i in range(60))
    cuts = tuple(24.0 * i + 1.3 for i in range(299))
    made = compose(Spotting(scenes, cuts), 1, Means("piano"))
    assert made.length_s == 7200.0
    assert len(list(made.notes())) > 20_000
    assert made.bars[-1].start_s < made.ends_s


@pytest.mark.parametrize(
    ("scenes", "more", "fault"),
    [
        ((), {}, "names no scene"),
        ((Scene(1.0, 9.0, CORNERS[0]),), {}, "begin at 0"),
        ((Scene(0.0, 4.0, CORNERS[0]), Scene(5.0, 9.0, CORNERS[0])), {}, "follow each other"),
        ((Scene(0.0, 0.5, CORNERS[0]),), {}, "1 s or more"),
        ((Scene(0.0, 9.0, CORNERS[0]),), {"cuts_s": (3.0, 12.0)}, "from 0 to 9 s, got 12"),
        ((Scene(0.0, 9.0, CORNERS[0]),), {"cuts_s": (float("nan"),)}, "got nan"),
        ((Scene(0.0, 9.0, CORNERS[0]),), {"hits": (Hit(-1.0),)}, "got -1"),
    ],
)
def test_spottings_that_contradict_themselves(scenes: tuple[Scene, ...], more: dict, fault: str) -> None:
    with pytest.raises(UsageError, match=fault):
        Spotting(scenes, **more)


def test_unknown_names() -> None:
    spotting = Spotting((Scene(0.0, 9.0, CORNERS[0]),))
    with pytest.raises(UsageError, match=r"ensemble: must be one of brass, .*'kazoo'"):
        compose(spotting, 0, Means("kazoo"))
    with pytest.raises(UsageError, match="style: must be one of"):
        compose(spotting, 0, Means("piano", style="polka"))
    with pytest.raises(UsageError, match="needs 0 <= start_s < end_s"):
        Scene(3.0, 3.0, CORNERS[0])
    with pytest.raises(UsageError, match="accent, breath, rest"):
        Hit(1.0, "boom")  # type: ignore[arg-type]
