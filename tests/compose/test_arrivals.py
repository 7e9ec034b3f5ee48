import pytest

from storysound.compose.compose import Means, compose
from storysound.compose.ensembles import ensembles
from storysound.compose.notes import Composition
from storysound.compose.spotting import Scene, Spotting
from storysound.story import Mood, Span

TURN_S = 12.0


def film(ensemble: str, *, spoken: bool = False) -> Composition:
    scenes = (Scene(0.0, TURN_S, Mood(0.8, 0.9)), Scene(TURN_S, 30.0, Mood(0.55, 0.02)))
    speech = (Span(TURN_S - 1, TURN_S + 8),) if spoken else ()
    return compose(Spotting(scenes, speech=speech), 3, Means(ensemble))


def struck(music: Composition, ensemble: str) -> set[str]:
    """Who begins with the second scene, of those who strike clearest."""
    early = {player.name: player.early_s for player in ensembles()[ensemble].players}
    return {
        part.name
        for part in music.parts
        for note in part.notes
        if not part.drums and early[part.name] <= 0.02 and abs(note.start_s + early[part.name] - TURN_S) < 1e-6
    }


@pytest.mark.parametrize(
    ("ensemble", "striker"),
    [("strings", "Pizzicato"), ("orchestra", "Harp"), ("percussion", "Timpani"), ("choir", "Tubular bells")],
)
def test_a_calm_scene_of_slow_players_begins_with_a_stroke(ensemble: str, striker: str) -> None:
    assert striker in struck(film(ensemble), ensemble)
    assert striker not in struck(film(ensemble, spoken=True), ensemble)


def test_the_stroke_is_of_the_scenes_chord() -> None:
    music = film("strings")
    chord = next(harmony for harmony in music.harmonies if abs(harmony.start_s - TURN_S) < 1e-6)
    part = next(part for part in music.parts if part.name == "Pizzicato")
    pitches = {note.pitch % 12 for note in part.notes if note.start_s == TURN_S}
    assert pitches == {voice % 12 for voice in chord.voices[1:]}


@pytest.mark.parametrize("ensemble", ["orchestra", "electronic"])
def test_nothing_is_struck_right_before_a_scene_changes(ensemble: str) -> None:
    music = film(ensemble)
    beat_s = 60 / next(tempo.bpm for tempo in reversed(music.tempi) if tempo.start_s < TURN_S - 0.1)
    early = {player.name: player.early_s for player in ensembles()[ensemble].players}
    starts = [n.start_s + early.get(part.name, 0.0) for part in music.parts for n in part.notes]
    assert [start for start in starts if TURN_S - beat_s < start < TURN_S - 0.35 * beat_s]
    assert not [start for start in starts if TURN_S - 0.25 * beat_s < start < TURN_S - 0.02]


def test_drums_that_play_on_mark_a_new_scene() -> None:
    scenes = (Scene(0.0, TURN_S, Mood(0.8, 0.9)), Scene(TURN_S, 30.0, Mood(0.3, 0.8)))
    music = compose(Spotting(scenes), 3, Means("orchestra"))
    drums, kit = next(part for part in music.parts if part.drums), ensembles()["orchestra"].kit
    assert kit is not None
    crashes = [note.start_s for note in drums.notes if note.pitch == kit.keys["crash"]]
    assert any(abs(start - TURN_S) < 1e-6 for start in crashes)
