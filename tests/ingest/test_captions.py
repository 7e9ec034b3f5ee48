"""Captions in all their forms, and to which video they belong."""

from pathlib import Path

import pytest

from storysound.errors import InputError
from storysound.ingest.captions import Caption, bare, read_captions


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
    return path


def texts(path: Path, video: str) -> list[str]:
    return [caption.text for caption in read_captions(path).of(video)]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("c.csv", 'videoid,description\nrain,"It rains, hard."\n'),
        ("c.csv", "videoid;description\nrain;It rains, hard.\n"),
        ("c.tsv", "name\tsentence\nrain.mp4\tIt rains, hard.\n"),
        ("c.jsonl", '\n{"path": "clips/rain.mp4", "caption": "It  rains,\\nhard."}\n'),
        ("c.jsonl", '{"id": "rain", "captions": ["It rains,", "hard."]}'),
        ("rain.srt", "1\n00:00:01,000 --> 00:00:02,000\n<i>It rains,</i>\n\n2\n00:00:03,000 --> 00:00:04,000\nhard.\n"),
        (
            "rain.vtt",
            "WEBVTT\n\nNOTE x\n\n00:01.000 --> 00:02.000 align:left\nIt rains,\n\n00:03.000 --> 00:04.000\nhard.",
        ),
        ("folder/rain.txt", "It rains,\nhard.\n"),
    ],
)
def test_every_form_tells_the_same(tmp_path: Path, name: str, content: str) -> None:
    file = write(tmp_path / name, content)
    captions = read_captions(file.parent if name.startswith("folder") else file)
    assert " ".join(each.text for each in captions.of("/films/clips/rain.mp4")) == "It rains, hard."
    assert captions.of("/films/clips/snow.mp4") == ()
    assert captions.unused() == []


def test_rights_film_and_times_of_a_table(tmp_path: Path) -> None:
    row = '{"video": "a.mp4", "text": "x", "start": 1.5, "end": "00:00:04", "movie": "F", "license": "CC0", "url": "u"}'
    found = read_captions(write(tmp_path / "c.jsonl", row)).of("a.mp4")
    assert found == (Caption("x", 1.5, 4.0, "F", "CC0", "", "u"),)


def test_folders_tell_videos_of_one_name_apart(tmp_path: Path) -> None:
    file = write(tmp_path / "c.csv", "path,text\none/1.mp4,first\ntwo/1.mp4,second\n")
    assert texts(file, "/x/one/1.mp4") == ["first"]
    assert texts(file, "/x/two/1.mp4") == ["second"]
    assert read_captions(file).of("/x/three/1.mp4", unique=True) == ()


def test_a_video_that_was_moved_keeps_its_captions_while_no_other_has_its_name(tmp_path: Path) -> None:
    captions = read_captions(write(tmp_path / "c.csv", "path,text\none/1.mp4,first\none/1.mp4,again\n"))
    assert captions.of("/x/three/1.mp4") == ()
    assert [each.text for each in captions.of("/x/three/1.mp4", unique=True)] == ["first", "again"]


def test_lsmdc_tables_have_no_heading_and_quotes_are_text(tmp_path: Path) -> None:
    clip = "1001_Film_00.00.51.926-00.00.54.129"
    line = f'{clip}\t00.00.51.926\t00.00.54.129\t00.00.51.926\t00.00.54.129\tHe says "run.\n'
    assert texts(write(tmp_path / "annos.csv", line), f"/data/1001_Film/{clip}.avi") == ['He says "run.']
    assert bare(f"{clip}.avi") == bare(clip) == clip


def test_subtitles_are_of_the_only_video_whatever_they_are_called(tmp_path: Path) -> None:
    file = write(tmp_path / "english.srt", "1\n00:00:01,000 --> 00:00:02,000\nHello.\n")
    captions = read_captions(file)
    assert captions.of("film.mp4") == ()
    assert captions.unused() == ["english"]
    assert [each.text for each in captions.of("film.mp4", alone=True)] == ["Hello."]
    assert captions.unused() == []


def test_no_captions() -> None:
    assert read_captions(None).of("film.mp4", alone=True) == ()


@pytest.mark.parametrize(
    ("name", "content", "fault"),
    [
        ("c.csv", "name\nrain\n", "line 2 has no text"),
        ("c.csv", "text\nrain\n", "line 2 has no video"),
        ("c.jsonl", "{", "line 1: Expecting"),
        ("c.jsonl", "[1]", "line 1: is no JSON object"),
        ("c.jsonl", '{"id": "a", "text": "b", "start": "soon"}', "'soon' is no time"),
        ("c.jsonl", '{"id": "a", "text": "b", "start": 3, "end": 2}', "ends at 2 s"),
        ("c.srt", "hello", "has no subtitles in it"),
        ("c.docx", "x", r"is no captions file \(.docx\)"),
    ],
)
def test_what_can_not_be_understood_is_named(tmp_path: Path, name: str, content: str, fault: str) -> None:
    with pytest.raises(InputError, match=fault):
        read_captions(write(tmp_path / name, content))


def test_missing_empty_and_foreign_files(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"gone.csv: can't be read"):
        read_captions(tmp_path / "gone.csv")
    with pytest.raises(InputError, match="has no captions in it"):
        read_captions(tmp_path)
    (tmp_path / "latin.csv").write_bytes(b"path,text\na,caf\xe9\n")
    with pytest.raises(InputError, match="not UTF-8"):
        read_captions(tmp_path / "latin.csv")
