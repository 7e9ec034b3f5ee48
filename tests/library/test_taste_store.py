from pathlib import Path

import numpy as np
import pytest

from storysound.errors import LibraryError
from storysound.library import tastes
from storysound.library.tastes import Choice, How, KeptTaste
from storysound.match.taste import Judgement


def choice(track: str, how: How, start_s: float = 0.0) -> Choice:
    return Choice("/film.mp4", start_s, start_s + 9.0, "they march", 0.4, 0.6, f"{track}.ogg", track * 8, how)


def kept(*choices: Choice, judgement: Judgement | None = None) -> KeptTaste:
    return KeptTaste(choices, np.ones((len(choices), 4), np.float32), "minilm 1", judgement)


def test_a_taste_is_read_as_it_was_written(tmp_path: Path) -> None:
    made = kept(choice("a", "heard"), choice("b", "banned"), judgement=Judgement(9, 0.25, 0.5, True))
    tastes.write(tmp_path, made)
    again = tastes.read(tmp_path)
    assert again is not None
    assert (again.choices, again.reader, again.judgement) == (made.choices, made.reader, made.judgement)
    assert (again.asked == made.asked).all()


def test_a_library_without_one_has_none(tmp_path: Path) -> None:
    assert tastes.read(tmp_path) is None
    assert tastes.stamp(tmp_path) == 0


def test_a_damaged_one_says_what_to_do(tmp_path: Path) -> None:
    file = tastes.write(tmp_path, kept(choice("a", "heard")))
    assert file is not None
    data = file.read_bytes()
    for broken in (b"", data[: len(data) // 2], data.replace(b"heard", b"hoard"), b"no taste at all"):
        file.write_bytes(broken)
        with pytest.raises(LibraryError, match=r"is damaged .*learn anew"):
            tastes.read(tmp_path)


def test_one_of_a_newer_version_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tastes, "VERSION", 2)
    tastes.write(tmp_path, kept(choice("a", "heard")))
    monkeypatch.setattr(tastes, "VERSION", 1)
    with pytest.raises(LibraryError, match="newer Storysound"):
        tastes.read(tmp_path)


def test_choices_are_gathered_by_scene() -> None:
    found = kept(choice("a", "chosen"), choice("b", "replaced"), choice("a", "kept", 9.0)).gathered()
    assert found.tracks == ("a" * 8, "b" * 8)
    assert found.chosen.tolist() == [[1.0, -0.5], [0.3, 0.0]]
    assert found.films == ("/film.mp4", "/film.mp4")


def test_what_was_chosen_and_refused_for_one_scene_counts_for_nothing() -> None:
    choices = (choice("a", "heard"), choice("a", "banned"), choice("a", "banned", 9.0))
    assert tastes.contradictions(choices) == [choices[1]]
    assert kept(*choices).gathered().chosen.tolist() == [[0.0], [-1.0]]


def test_a_film_and_its_sheet_have_the_same_scenes() -> None:
    again = Choice("/film.cues.json", 0.0, 9.001, "they march", 0.4, 0.6, "a.ogg", "a" * 8, "locked")
    found = kept(choice("a", "kept"), again).gathered()
    assert found.chosen.tolist() == [[1.0]]
    assert found.films == ("/film.mp4",)
