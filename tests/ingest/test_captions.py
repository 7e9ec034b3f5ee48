"""Captions in all their forms, and to which video they belong."""

import json
import unicodedata
from pathlib import Path

import pytest

from storysound.errors import InputError, UsageError
from storysound.ingest.captions import Caption, Captions, read_captions


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
    captions = read_captions(file)
    captions.meet(["/x/three/1.mp4"])
    assert captions.of("/x/three/1.mp4") == ()
    assert captions.unused() == ["1"]


def test_a_video_that_was_moved_keeps_its_captions_while_no_other_has_its_name(tmp_path: Path) -> None:
    captions = read_captions(write(tmp_path / "c.csv", "path,text\none/1.mp4,first\none/1.mp4,again\n"))
    assert captions.of("/x/four/1.mp4") == ()
    captions.meet(["/x/three/1.mp4", "/x/three/2.mp4"])
    assert [each.text for each in captions.of("/x/three/1.mp4")] == ["first", "again"]


def test_lsmdc_tables_have_no_heading_and_quotes_are_text(tmp_path: Path) -> None:
    clip = "1001_Film_00.00.51.926-00.00.54.129"
    line = f'{clip}\t00.00.51.926\t00.00.54.129\t00.00.51.926\t00.00.54.129\tHe says "run.\n'
    assert texts(write(tmp_path / "annos.csv", line), f"/data/1001_Film/{clip}.avi") == ['He says "run.']


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


VIDEOS = ("scene.mp4", "scene.v2.mp4", "St.Louis.mp4", "talk.mp4", "café.mp4", " odd .mp4", "a/1.mp4", "b/1.mp4")
CUE = "WEBVTT\n\n00:01.000 --> 00:02.000\n"


def met(captions: Captions, *videos: str) -> dict[str, str]:
    """What is said of each of the videos in one folder, for those of which something is."""
    there = {name: f"/v/{unicodedata.normalize('NFD', name)}" for name in videos or VIDEOS}
    captions.meet(there.values())
    told = {name: " ".join(each.text for each in captions.of(file)) for name, file in there.items()}
    return {name: text for name, text in told.items() if text}


@pytest.mark.parametrize(
    ("named", "video"),
    [
        ("scene", "scene.mp4"),
        ("scene.v2", "scene.v2.mp4"),
        ("scene.avi", "scene.mp4"),
        ("scene.mp4", "scene.mp4"),
        ("SCENE", None),
        ("scene.v3", None),
        ("St.Louis", "St.Louis.mp4"),
        ("St", None),
        ("talk.MOV", "talk.mp4"),
        ("ｔａｌｋ\u00a0", "talk.mp4"),
        ("café", "café.mp4"),  # the file's name is written another way, as macOS does
        ("cafe\u0301.mp4", "café.mp4"),
        (" talk.mp4 ", "talk.mp4"),
        ("\ttalk", "talk.mp4"),
        (" odd .mp4", " odd .mp4"),
        ("odd", " odd .mp4"),
        ("a/1.mp4", "a/1.mp4"),
        ("./b\\\\1", "b/1.mp4"),
        ("/v/b/1.mp4", "b/1.mp4"),
        ("c/1.mp4", None),
        ("c/talk.mp4", "talk.mp4"),
    ],
)
def test_a_name_means_a_whole_name_first_then_a_stem(tmp_path: Path, named: str, video: str | None) -> None:
    row = json.dumps({"path": named.replace("\\\\", "\\"), "caption": "x"})
    captions = read_captions(write(tmp_path / "c.jsonl", row))
    assert met(captions) == ({video: "x"} if video else {})
    assert len(captions.unused()) == (video is None)


def test_a_name_with_the_ending_of_another_video_is_not_mine(tmp_path: Path) -> None:
    captions = read_captions(write(tmp_path / "c.csv", "path,caption\nfilm.avi,x\n"))
    assert met(captions, "film.avi", "film.mp4") == {"film.avi": "x"}


@pytest.mark.parametrize(
    ("files", "language", "want"),
    [
        (["talk.en-US"], "", {"talk.mp4": "talk.en-US"}),
        (["talk_eng", "scene (German)", "St.Louis.en"], "",
         {"talk.mp4": "talk_eng", "scene.mp4": "scene (German)", "St.Louis.mp4": "St.Louis.en"}),
        (["scene.de", "scene.en"], "", {"scene.mp4": "scene.en"}),
        (["scene.de", "scene.en"], "de", {"scene.mp4": "scene.de"}),
        (["scene.ger", "scene.en"], "German", {"scene.mp4": "scene.ger"}),
        (["scene.de", "scene.en"], "fr", {}),
        (["scene.de", "scene.en", "scene"], "", {"scene.mp4": "scene"}),
        (["scene.fr", "scene.de"], "", {"scene.mp4": "scene.de"}),
        (["scene.pt-BR", "scene.pt"], "pt-BR", {"scene.mp4": "scene.pt-BR"}),
        (["scene.en.forced", "scene.en.sdh", "scene.en"], "", {"scene.mp4": "scene.en"}),
        (["scene.v2.de", "scene.de"], "", {"scene.v2.mp4": "scene.v2.de", "scene.mp4": "scene.de"}),
        (["talk.mp4.en"], "", {"talk.mp4": "talk.mp4.en"}),
        (["talk.de", "talk.en"], "", {"talk.de.mp4": "talk.de", "talk.mp4": "talk.en"}),
        (["de/talk", "en/talk"], "", {"talk.mp4": "en/talk"}),
        (["a/1.en", "b/1.de"], "", {"a/1.mp4": "a/1.en", "b/1.mp4": "b/1.de"}),
        (["talk.xx", "talk.cut"], "", {}),
        (["talk.hi.en"], "", {"talk.mp4": "talk.hi.en"}),
        (["talk.en.hi"], "en", {"talk.mp4": "talk.en.hi"}),
        (["talk.de.hi.en"], "", {"talk.de.mp4": "talk.de.hi.en"}),
        (["talk.de.hi.forced"], "hi", {"talk.de.mp4": "talk.de.hi.forced"}),
        (["talk.de.en"], "", {"talk.de.mp4": "talk.de.en"}),
    ],
)  # fmt: skip
def test_languages_at_the_end_of_names(tmp_path: Path, files: list[str], language: str, want: dict[str, str]) -> None:
    for name in files:
        write(tmp_path / "subs" / f"{name}.vtt", f"{CUE}{name}")
    captions = read_captions(tmp_path / "subs", language)
    videos = list(dict.fromkeys([*VIDEOS, *want]))
    assert met(captions, *videos) == want
    assert (len(captions.left_out()) > 0) == (len(want) < len(files))


def test_what_was_chosen_of_several_is_said(tmp_path: Path) -> None:
    for name in ("scene.de", "scene.en", "talk.de", "talk.en", "gone.en"):
        write(tmp_path / f"{name}.vtt", f"{CUE}x")
    captions = read_captions(tmp_path)
    met(captions)
    assert captions.left_out() == [
        "captions of 'scene.mp4' and 1 more: en is used, not de; a language can be chosen",
        "captions of 1 videos that were not given, as 'gone.en'",
    ]
    captions = read_captions(tmp_path, "fr")
    assert met(captions) == {}
    assert captions.left_out()[0] == "captions of 'scene.mp4' and 1 more: only in de and en"


def test_captions_of_a_video_that_nobody_asks_for_are_said(tmp_path: Path) -> None:
    captions = read_captions(write(tmp_path / "c.csv", "path,caption\na.mp4,x\nb.mp4,y\nc.mp4,z\n"))
    captions.meet(["/v/a.mp4", "/v/b.mp4"])
    assert [each.text for each in captions.of("/v/a.mp4")] == ["x"]
    assert captions.left_out() == [
        "captions of 1 videos that can't be used, as 'b'",
        "captions of 1 videos that were not given, as 'c'",
    ]


def test_a_table_may_be_in_several_languages(tmp_path: Path) -> None:
    file = write(tmp_path / "c.csv", "path,lang,caption\ntalk,de,Hallo\ntalk,en,Hello\ntalk,en,you\nscene,de,Nur\n")
    assert met(read_captions(file)) == {"talk.mp4": "Hello you", "scene.mp4": "Nur"}
    assert met(read_captions(file, "de-AT")) == {"talk.mp4": "Hallo", "scene.mp4": "Nur"}
    with pytest.raises(UsageError, match="language 'germn' is not known"):
        read_captions(file, "germn")


def test_one_file_of_subtitles_and_one_text_tell_of_a_video(tmp_path: Path) -> None:
    for name in ("talk.srt", "talk.vtt", "talk.txt", "._talk.vtt", "t.csv", "talk.jpg"):
        write(tmp_path / name, f"{CUE}{name}" if "txt" not in name else "a talk")
    captions = read_captions(tmp_path)
    assert met(captions) == {"talk.mp4": "a talk talk.vtt"}
    assert captions.left_out() == [
        f"{tmp_path}: 1 files are not read, as 't.csv'; give tables by themselves",
        "captions of 'talk.mp4': .vtt is used, not .srt; a language can be chosen",
    ]


@pytest.mark.parametrize("nothing", ["NaN", "null", '""', '"nan"', '"N/A"', "[]", "[null, NaN]", "Infinity", '" "'])
def test_what_programs_write_for_nothing_is_no_text(tmp_path: Path, nothing: str) -> None:
    row = f'{{"path": "talk.mp4", "caption": {nothing}, "start": NaN, "end": "nan", "license": null}}'
    file = write(tmp_path / "c.jsonl", row)
    captions = read_captions(file)
    assert captions.of("talk.mp4") == (Caption(""),)
    assert captions.left_out() == [f"{file}: 1 rows have no text"]


def test_words_that_look_like_nothing_in_a_sentence_or_a_name(tmp_path: Path) -> None:
    file = write(tmp_path / "c.csv", "id,caption\nNA,Nan bakes naan\nnull,none\n")
    assert met(read_captions(file), "NA.mp4", "null.mp4") == {"NA.mp4": "Nan bakes naan", "null.mp4": "none"}


@pytest.mark.parametrize(
    ("content", "want"),
    [
        ("caption, path\nA dog, talk.mp4\n", "A dog"),
        ('path, caption\ntalk.mp4, "A dog, old"\n', "A dog, old"),
        (f'path,caption\ntalk.mp4,"{"rain falls " * 20_000}"\n', ("rain falls " * 20_000).strip()),
        ('path,caption\n\ntalk.mp4,"A dog\nruns ""fast"""\n', 'A dog runs "fast"'),
        ("path,caption,,\ntalk.mp4,A dog,,\n", "A dog"),
        ("path,caption,start\ntalk.mp4,A dog,-1.5\n", "A dog"),
        ("path\tcaption\ntalk.mp4\tA dog, old\n", "A dog, old"),
        ("path;caption\r\ntalk.mp4;A dog, old\r\n", "A dog, old"),
        ("path,caption\ntalk.mp4,A\x00\x1b dog\n".replace("\x00", "\x07"), "A dog"),
        ('path\tcaption\n"talk.mp4"\t"A dog\nruns ""fast"""\n', 'A dog runs "fast"'),
        ('path\tcaption\ntalk.mp4\t"A dog," he says.\n', '"A dog," he says.'),
        ('path\tcaption\ntalk.mp4\t5" of rain\n', '5" of rain'),
        ("path|caption\ntalk.mp4|A dog; old, too\n", "A dog; old, too"),
        ("sep=;\npath;caption\ntalk.mp4;A dog, old\n", "A dog, old"),
        ('"sep=|"\n\npath|caption\ntalk.mp4| "A dog|old"\n', "A dog|old"),
        ("sep=\t\npath\tcaption\ntalk.mp4\tA dog, old\n", "A dog, old"),
        ("\ufeff\ufeffpath,caption\ntalk.mp4,A dog\n", "A dog"),
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_cells_of_any_length_and_encoding(tmp_path: Path, content: str, want: str, encoding: str) -> None:
    file = tmp_path / "c.csv"
    file.write_bytes(content.encode(encoding))
    assert met(read_captions(file)) == {"talk.mp4": want}


@pytest.mark.parametrize(
    ("name", "content", "fault"),
    [
        (
            "c.jsonl",
            '{"path": "a", "caption": "b"}\n{"path": "a", "caption": "A dog \\ud83d barks"}',
            "line 2: .*ud83d",
        ),
        ("c.jsonl", '{"path": "a\\udc80", "caption": "b"}', "line 1: .*half a character"),
        ("c.jsonl", '{"path": "a", "caption": "b", "license": ["\\ude00"]}', "line 1: .*half a character"),
        ("c.jsonl", '{"path": "a", "caption": {"en": "b"}}', "line 1: its text is"),
        ("c.csv", "path,caption\na,b\nc,It rains, hard.\n", "line 3 has 3 cells, its heading 2"),
        ("c.csv", 'path,caption\na,b\nc,"It rains\nd,e\n', "line 3: a quote is opened and never closed"),
        ("c.csv", "path,caption,caption\na,b,c\n", "has the column 'caption' twice"),
        ("c.csv", "sep=;\npath;caption\na;b;c\n", "line 3 has 3 cells, its heading 2"),
        ("c.jsonl", '{"path": "a", "caption": "b", "caption": "c"}', "line 1: has the key 'caption' twice"),
        ("c.jsonl", '{"path": "a", "caption": "b", "Caption": "c"}', "line 1 has a column twice"),
        ("c.csv", "path,caption\n", "has no captions in it"),
        ("c.csv", "", "has no captions in it"),
        ("c.csv", "path,caption\na,b\x00\n", r"holds a zero byte, as no text does \(line 2\)"),
    ],
)
def test_nothing_is_lost_or_found_out_late(tmp_path: Path, name: str, content: str, fault: str) -> None:
    with pytest.raises(InputError, match=fault):
        read_captions(write(tmp_path / name, content))


def test_subtitles_without_words_and_lines_without_cues_are_said(tmp_path: Path) -> None:
    empty, stray = (
        write(tmp_path / "a.vtt", "WEBVTT\n"),
        write(tmp_path / "b.srt", "Hi\n1\n00:00:01,0 --> 00:00:02,0\nx"),
    )
    captions = read_captions(tmp_path)
    assert met(captions, "a.mp4", "b.mp4") == {"b.mp4": "x"}
    assert captions.left_out() == [
        f"{empty}: no subtitle says anything", f"{stray}: 1 lines belong to no subtitle, as 'Hi'",
    ]  # fmt: skip


def test_the_second_column_of_texts_is_said(tmp_path: Path) -> None:
    file = write(tmp_path / "c.csv", "path,text,caption\ntalk,long,short\n")
    captions = read_captions(file)
    assert met(captions) == {"talk.mp4": "short"}
    assert captions.left_out() == [f"{file}: column 'caption' is used, not 'text'"]
