"""Ratings of pictures and music, whatever the scale and the names of the columns."""

from pathlib import Path

import pytest

from storysound.errors import InputError
from storysound.ingest.ratings import RatingScale, read_ratings


def write(tmp_path: Path, *lines: str, name: str = "table.csv") -> Path:
    file = tmp_path / name
    file.write_text("\n".join(lines))
    return file


def moods(file: Path, scale: RatingScale | None = None) -> list[tuple[float, float]]:
    return [(r.mood.valence, r.mood.arousal) for r in read_ratings(file, scale)]


def test_the_ends_of_a_stated_scale_become_0_and_1(tmp_path: Path) -> None:
    file = write(tmp_path, "file,valence_mean,arousal_mean", "a.jpg,1,9", "b.jpg,3,5")
    assert moods(file, RatingScale(1, 9)) == [(0.0, 1.0), (0.25, 0.5)]
    signed = write(tmp_path, "file,valence,arousal", "a.mp3,-1,0", "b.mp3,0.5,1")
    assert moods(signed, RatingScale(-1, 1)) == [(0.0, 0.5), (0.75, 1.0)]


def test_without_a_scale_each_source_is_stretched_and_each_axis_apart(tmp_path: Path) -> None:
    rows = ["a,iaps,2,3", "b,iaps,4,7", "c,iaps,8,5", "d,emotic,0,100", "e,emotic,1,300"]
    file = write(tmp_path, "file,dataset,valence,arousal", *rows)
    assert moods(file) == [(0, 0), (pytest.approx(1 / 3), 1), (1, 0.5), (0, 0), (1, 1)]


def test_moments_captions_tags_and_groups_are_kept(tmp_path: Path) -> None:
    file = write(tmp_path, "song_id;start_s;valence;arousal;caption;tags;group", "7;0:15;1;2;slow  piano;calm, sad;x")
    (rating,) = read_ratings(file, RatingScale(0, 4))
    assert (rating.start_s, rating.caption, rating.tags, rating.group) == (15, "slow piano", ("calm", "sad"), "x")
    lines = write(tmp_path, '{"file": "a", "v": 1, "a": 2, "tags": ["calm", "sad"]}', name="t.jsonl")
    assert read_ratings(lines, RatingScale(0, 4))[0].tags == ("calm", "sad")


def test_names_may_lack_their_ending(tmp_path: Path) -> None:
    (tmp_path / "music").mkdir()
    (tmp_path / "music" / "7.mp3").touch()
    file = write(tmp_path, "file,valence,arousal", "music/7,1,2", "music/8,1,2")
    assert [r.file.name for r in read_ratings(file, RatingScale(0, 4))] == ["7.mp3", "8"]


@pytest.mark.parametrize(
    ("heading", "line", "scale", "fault"),
    [
        ("file,valence,arousal", "a.jpg,5,", None, "line 2 has no arousal"),
        ("file,valence,arousal", "a.jpg,5,much", None, "arousal is 'much'"),
        ("file,valence,arousal", "a.jpg,5,nan", None, "a number is wanted"),
        ("picture_no,valence,arousal", "a.jpg,5,5", RatingScale(1, 9), "names no file"),
        ("file,valence,arousal", "a.jpg,5,12", RatingScale(1, 9), "line 2: arousal is 12, outside 1 to 9"),
        ("file,valence,arousal", "b.jpg,1,9\na.jpg,0.5,5", RatingScale(1, 9), "line 3: valence is 0.5, outside 1 to 9"),
        ("file,valence,arousal", "a.jpg,5,5", None, "rates everything alike"),
        ("file,valence,arousal,start_s", "a.mp3,5,5,soon", RatingScale(1, 9), "'soon' is no time"),
        ("file,valence,arousal", "", None, "holds no ratings"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, heading: str, line: str, scale: RatingScale | None, fault: str) -> None:
    with pytest.raises(InputError, match=fault):
        read_ratings(write(tmp_path, heading, line), scale)
