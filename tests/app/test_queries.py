import json
from pathlib import Path

import pytest

from storysound.app.queries import gather, parse_mood, read_queries
from storysound.errors import InputError, UsageError
from storysound.story import Mood

NOTHING = {"text": "", "images": [], "video": None, "audio": None, "mood": ""}


def written(folder: Path, *rows: object) -> Path:
    file = folder / "queries.jsonl"
    file.write_text("\n".join(row if isinstance(row, str) else json.dumps(row) for row in rows), "utf-8")
    return file


def test_every_key_arrives(tmp_path: Path) -> None:
    (tmp_path / "p.png").touch()
    row = {"id": 7, "text": "rain", "images": ["p.png"], "video": "v.mp4", "audio": "a.wav", "mood": [0.2, 0.9]}
    (query,) = read_queries(written(tmp_path, row))
    assert (query.id, query.text, query.mood) == ("7", "rain", Mood(0.2, 0.9))
    assert query.images == (tmp_path / "p.png",)  # found beside the query file
    assert (query.video, query.audio) == (Path("v.mp4"), Path("a.wav"))


def test_line_numbers_stand_in_for_missing_ids_and_blank_lines_are_skipped(tmp_path: Path) -> None:
    assert [q.id for q in read_queries(written(tmp_path, {"text": "a"}, "", {"text": "b"}))] == ["1", "3"]


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("{broken", "line 1"),
        ("[1]", "no JSON object"),
        ({"text": "a", "colour": 1}, "unknown keys: colour"),
        ({"id": "x"}, "asks for nothing"),
        ({"text": 5}, "text: must be a string"),
        ({"images": [5]}, "images.0: must be a"),
        ({"mood": [0.1, 7]}, "mood.arousal: must lie in"),
        ({"mood": "loud"}, "mood: must be .valence, arousal"),
        ({"mood": [0.1]}, "line 1"),
        ({"mood": {"valence": 1}}, "mood.arousal: must lie in"),
    ],
)
def test_mistakes_are_named_with_their_line(tmp_path: Path, line: object, fault: str) -> None:
    with pytest.raises(InputError, match=fault):
        list(read_queries(written(tmp_path, line)))


def test_missing_and_binary_files(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="can't be read"):
        list(read_queries(tmp_path / "none.jsonl"))
    (tmp_path / "b").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="is not UTF-8"):
        list(read_queries(tmp_path / "b"))


@pytest.mark.parametrize("text", ["1", "a,b", "0.1,0.2,0.3", "2,0", "nan,0.5"])
def test_moods_out_of_range(text: str) -> None:
    with pytest.raises(UsageError, match="valence,arousal"):
        parse_mood(text)


def test_either_a_file_or_a_query(tmp_path: Path) -> None:
    file = written(tmp_path, {"text": "a"})
    with pytest.raises(UsageError, match="without `text`"):
        gather(file, **{**NOTHING, "text": "b"})
    with pytest.raises(UsageError, match="nothing to look for"):
        gather(None, **NOTHING)
    assert gather(None, **{**NOTHING, "mood": "0,1"})[0].mood == Mood(0, 1)
    assert gather(file, **NOTHING)[0].text == "a"
