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
