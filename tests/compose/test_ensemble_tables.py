"""Ensembles and styles as data: ours are whole, a user's are added, and what is wrong in one is told."""

from pathlib import Path

import pytest

from storysound.compose.compose import Means, compose
from storysound.compose.ensembles import ensembles, read_ensembles, read_styles, styles
from storysound.compose.spotting import Scene, Spotting
from storysound.errors import InputError
from storysound.story import Mood

DUO = """
[duo]
about = "flute and harp"
style = "slow"
players = [
  { name = "My flute", roles = ["tune"], program = 73, low = 60, high = 93 },
  { name = "My harp", roles = ["figure", "bass", "pad"], program = 46, low = 30, high = 88 },
]
"""
SLOW = """
[patterns.drops]
role = "figure"
step = 1.0
steps = "2 . 0 ."
arousal = [0.0, 1.0]

[styles.slow]
about = "drops"
tempi = [50, 70]
figures = ["drops"]
basses = ["long_bass"]
"""
SPOTTING = Spotting((Scene(0.0, 20.0, Mood(0.6, 0.5)),))


def test_there_are_many_and_all_have_a_style() -> None:
    assert len(ensembles()) >= 10
    assert all(each.style in styles().styles for each in ensembles().values())
    for each in ensembles().values():
        names = [player.name for player in each.players]
        assert len(set(names)) == len(names)
        assert {"tune", "bass", "pad", "figure"} <= {role for player in each.players for role in player.roles}


@pytest.mark.parametrize("valence", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("arousal", [0.0, 0.2, 0.5, 0.8, 1.0])
def test_every_style_has_something_for_every_mood(arousal: float, valence: float) -> None:
    for style in styles().styles.values():
        figures = styles().fitting(style.figures, Mood(valence, arousal))
        assert all(pattern.arousal[0] <= arousal <= pattern.arousal[1] for pattern in figures)
        assert all(pattern.valence[0] <= valence <= pattern.valence[1] for pattern in figures)
        if 0.3 <= arousal <= 0.5:
            assert len(figures) > 1


def test_drums_go_with_a_mood() -> None:
    dark, bright = (styles().beats(styles().styles["film"].drums, Mood(valence, 0.8)) for valence in (0.1, 0.9))
    assert [beat for beat in dark if beat not in bright]
    assert [beat for beat in bright if beat not in dark]


def test_a_users_ensemble_plays_in_a_users_style(tmp_path: Path) -> None:
    (tmp_path / "duo.toml").write_text(DUO)
    (tmp_path / "slow.toml").write_text(SLOW)
    means = Means("duo", "", read_ensembles(tmp_path / "duo.toml"), read_styles(tmp_path / "slow.toml"))
    made = compose(SPOTTING, 1, means)
    assert {part.name for part in made.parts} == {"My flute", "My harp"}
    assert 45 < made.tempi[0].bpm < 80


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("program = 73", "program = 173", "program of My flute must lie in .0, 127., got 173"),
        ("low = 60", "low = 90", "more than an octave"),
        ('roles = ["tune"]', 'roles = ["solo"]', "solo"),
        ('roles = ["tune"]', 'roles = ["counter"]', "nobody plays the tune"),
        ("low = 60", "lowest = 60", "low"),
        ('about = "flute and harp"', 'abuot = "x"', "about"),
        ("program = 73", "program = 73, tone = 3", "unknown key 'tone'"),
        ("program = 73", "program = 73, pan = 2.0", "pan of My flute"),
        ("players = [", "players = {", "no table of ensembles"),
    ],
)
def test_what_is_wrong_in_an_ensemble_is_told(old: str, new: str, fault: str, tmp_path: Path) -> None:
    assert old in DUO
    (tmp_path / "duo.toml").write_text(DUO.replace(old, new, 1))
    with pytest.raises(InputError, match=fault):
        read_ensembles(tmp_path / "duo.toml")


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ('steps = "2 . 0 ."', 'steps = "2 . 9 ."', "got '9'"),
        ('steps = "2 . 0 ."', 'steps = ""', "steps longer than 0"),
        ("step = 1.0", "step = 0", "steps longer than 0"),
        ('figures = ["drops"]', 'figures = ["rain"]', "names 'rain', which is no pattern"),
        ("tempi = [50, 70]", "tempi = [70, 50]", "tempi must rise"),
        ("tempi = [50, 70]", "tempi = [50, 70]\nswing = 1", "unknown key 'swing'"),
    ],
)
def test_what_is_wrong_in_a_style_is_told(old: str, new: str, fault: str, tmp_path: Path) -> None:
    assert old in SLOW
    (tmp_path / "slow.toml").write_text(SLOW.replace(old, new, 1))
    with pytest.raises(InputError, match=fault):
        read_styles(tmp_path / "slow.toml")


def test_a_table_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError):
        read_ensembles(tmp_path / "none.toml")
