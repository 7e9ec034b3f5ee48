from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storysound.errors import InputError
from storysound.match import story_words
from storysound.match.story_words import ASKS, LEVELS, Concept, read_story_words, shipped


def lemma(word: str) -> str:
    return word.removesuffix("s")


def written(folder: Path, text: str) -> Path:
    file = folder / story_words.FILE
    file.write_text(text, "utf-8")
    return file


def test_sixty_things_with_words_of_which_each_asks_something() -> None:
    concepts = shipped().concepts.values()
    assert len(concepts) >= 50
    assert all(each.words and each.asks for each in concepts)
    assert {name for each in concepts for name in each.heard} <= shipped().heard.keys()


def test_a_text_is_about_what_its_words_name() -> None:
    found = shipped().mentions("Two battles, and a storm. The siege!", lemma)
    assert [each.concept.name for each in found] == ["battle", "storm"]
    assert found[0].words == ("battles", "siege")
    assert found[0].share > found[1].share


def test_nothing_named_says_nothing() -> None:
    assert shipped().mentions("", lemma) == shipped().mentions("xyzzy 42 …", lemma) == ()


@given(st.text())
def test_shares_of_any_text_add_up(text: str) -> None:
    shares = [each.share for each in shipped().mentions(text + " battle", lemma)]
    assert sum(shares) == pytest.approx(1)
    assert shares == sorted(shares, reverse=True)


def test_own_lines_go_over_ours_and_new_things_beside_them(tmp_path: Path) -> None:
    file = written(
        tmp_path,
        """
        [use]
        weight = 1
        [levels.energy]
        tempo = 2
        [heard]
        kazoo = { classes = ["Whistle"] }
        [concepts.battle]
        darkness = -1
        [concepts.circus]
        words = "circus acrobat"
        energy = 0.5
        instruments = ["kazoo", "brass"]
        """,
    )
    words, ours = read_story_words(file), shipped()
    assert words.weight == 1
    assert words.levels["energy"] == {**ours.levels["energy"], "tempo": 2}
    battle, before = words.concepts["battle"], ours.concepts["battle"]
    assert battle == Concept("battle", before.words, {**before.levels, "darkness": -1.0}, before.heard)
    assert words.concepts["circus"].asks == ("wild", "kazoo", "brass")
    assert words.mentions("the acrobats", lemma)[0].concept.name == "circus"


@pytest.mark.parametrize(
    ("text", "line", "near"),
    [
        ("[concepts.battle]\nenrgy = 1", 2, "energy"),
        ("[concept.battle]\nenergy = 1", 1, "concepts"),
        ("[concepts.battle]\n\n# drms\ninstruments = ['brass',\n 'drms']", 5, "drums"),
        ("[levels.drakness]\nvalence = 1", 1, "darkness"),
        ("[levels.energy]\ntempo = 1\narousel = 1", 3, "arousal"),
        ("[heard]\nbrass = { classes = ['Trumpt'] }", 2, "Trumpet"),
        ("[heard]\nbrass = { tags = ['gitar'] }", 2, "guitar"),
        ("[use]\nwieght = 1", 2, "weight"),
    ],
)
def test_a_typo_is_told_with_its_line_and_the_nearest_word(tmp_path: Path, text: str, line: int, near: str) -> None:
    file = written(tmp_path, text)
    with pytest.raises(InputError, match=rf"line {line}: .*nearest is '{near}'") as caught:
        read_story_words(file)
    assert caught.value.path == str(file)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("[concepts.battle]\nenergy = 3", "line 2: energy must lie in"),
        ("[concepts.battle]\nenergy = true", "line 2: energy must lie in"),
        ("[concepts.battle]\nwords = 3", "line 1: battle needs"),
        ("[concepts.circus]\nenergy = 1", "line 1: circus needs"),
        ("[concepts.circus]\nwords = 'circus big-top'", "line 2: 'big-top' is no word"),
        ("[concepts]\nbattle = 3", "line 2: battle must be a table"),
        ("[heard.kazoo]\ntags = []", "line 1: kazoo needs classes or tags"),
        ("[heard.kazoo]\ntags = 'folk'", "line 2: tags must be a list"),
        ("[use]\nweight = -1", "line 2: weight must lie in"),
        ("[use\nweight = 1", "is no TOML: .*line 1"),
    ],
)
def test_what_makes_no_sense_is_told_with_its_line(tmp_path: Path, text: str, fault: str) -> None:
    with pytest.raises(InputError, match=fault):
        read_story_words(written(tmp_path, text))


def test_a_library_without_a_table_has_ours_and_its_own_counts_at_once(tmp_path: Path) -> None:
    assert story_words.of_library(tmp_path) == shipped()
    assert story_words.stamp(tmp_path) == 0
    written(tmp_path, "[use]\nweight = 0")
    assert story_words.stamp(tmp_path) != 0
    assert story_words.of_library(tmp_path).weight == 0


def test_all_keys_of_concepts_are_in_use() -> None:
    text = story_words._own()
    assert all(f"\n{key} = " in text for key in (*LEVELS, *ASKS))
