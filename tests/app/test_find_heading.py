"""What heads the hits of a query on the screen."""

from pathlib import Path

import pytest

from storysound.app.cli.find import asked_for, show
from storysound.match.query import Hit, Query
from storysound.story import Mood, Sound

HIT = Hit(Sound("rain.ogg", "/l", 5.0, "sfx"), 0.0, 5.0, 0.9, ("named rain",))


@pytest.mark.parametrize(
    ("query", "words"),
    [
        (Query("1", " rain "), "rain"),
        (Query("1", "a dog", (Path("holiday/dog.jpg"),), Path("film.mp4")), "a dog, dog.jpg, film.mp4"),
        (Query("1", mood=Mood(0.8, 0.25)), "mood 0.8,0.25"),
    ],
)
def test_hits_are_headed_by_what_is_asked(query: Query, words: str) -> None:
    assert asked_for(query) == words


def test_queries_of_a_file_have_their_ids_as_well(capsys: pytest.CaptureFixture[str]) -> None:
    query = Query("q7", "rain")
    show(query, (HIT,), as_json=False, numbered=False)
    show(query, (HIT,), as_json=False, numbered=True)
    heads = [line.strip() for line in capsys.readouterr().out.splitlines() if line.strip().endswith("rain")]
    assert heads[0] == "rain"
    assert "q7: rain" in heads
