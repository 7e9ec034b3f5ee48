"""Clips of public tables over local media: what they are called, ten seconds, and no video on two sides."""

import json
from pathlib import Path

import pytest

from storysound.errors import InputError
from storysound.ingest.clip_tables import CLIP_S, TableClip, read_clip_table, split_clips

ONE, TWO = "---g-f_I2yQ", "-0jeONf82dE"


@pytest.fixture
def media(tmp_path: Path) -> Path:
    folder = tmp_path / "media"
    (folder / "deep").mkdir(parents=True)
    for name in (f"{ONE}.mp4", f"{TWO}_30000_40000.mp4", f"deep/{TWO}_000090.mkv", "Yvideo_3abcde.webm", "notes.txt"):
        (folder / name).write_text("")
    return folder


def read(tmp_path: Path, media: Path, text: str, name: str = "t.csv") -> list[TableClip]:
    (tmp_path / name).write_text(text)
    return list(read_clip_table(tmp_path / name, media).clips)


@pytest.mark.parametrize(
    "text",
    [
        f"id,start,caption\n{ONE},1,A dog.\n{TWO},30,Rain.\n",
        f"audiocap_id,youtube_id,start_time,caption\n7,{ONE},1,A dog.\n8,{TWO},30,Rain.\n",
        f"# Segments csv\n# num_ytids=2\n# YTID, start_seconds, end_seconds, positive_labels\n"
        f'{ONE}, 1.000, 11.000, "A dog."\n{TWO}, 30.000, 40.000, "Rain."\n',
        f"{ONE},1,A dog.,train\n{TWO},30,Rain.,test\n",
    ],
    ids=["tavgbench", "audiocaps", "audioset", "vggsound"],
)
def test_tables_as_they_are_given(tmp_path: Path, media: Path, text: str) -> None:
    whole, cut = read(tmp_path, media, text)
    assert (whole.source, whole.start_s, whole.end_s, whole.captions) == (ONE, 1, 11, ("A dog.",))
    assert whole.file == str(media / f"{ONE}.mp4")
    assert (cut.start_s, cut.end_s, cut.table_start_s, cut.id) == (0, 10, 30, f"{TWO}_30")
    assert cut.file.endswith("_30000_40000.mp4")


def test_clips_last_ten_seconds_unless_the_table_says_otherwise(tmp_path: Path, media: Path) -> None:
    text = f"id,start,end\n{ONE},5,\n{ONE},20,27.5\n{TWO},90,\n"
    assert [clip.end_s - clip.start_s for clip in read(tmp_path, media, text)] == [CLIP_S, 7.5, CLIP_S]


def test_what_is_not_here_is_told_and_captions_of_one_clip_come_together(tmp_path: Path, media: Path) -> None:
    table = tmp_path / "t.jsonl"
    rows = [(ONE, 1, "A dog."), (ONE, 1, "Rain."), (TWO, 50, "Wind."), ("video_3abcde", 0, None)]
    lines = [json.dumps({"video_id": name, "start": start, "caption": told}) for name, start, told in rows]
    table.write_text("\n".join(lines))
    found = read_clip_table(table, media)
    assert [clip.captions for clip in found.clips] == [("A dog.", "Rain."), ()]
    assert found.clips[1].file.endswith("Yvideo_3abcde.webm")
    assert found.missing == (f"{TWO}_50",)


def test_no_video_is_on_two_sides(tmp_path: Path, media: Path) -> None:
    with pytest.raises(InputError, match=f"has '{ONE}' in train and in test"):
        read(tmp_path, media, f"id,start,split\n{ONE},1,train\n{ONE},40,eval\n")
    clips = [TableClip(f"v{n % 7}", n, f"v{n % 7}.mp4", n, n + 10) for n in range(70)]
    parted = split_clips(clips, {"train": 0.8, "validation": 0.1, "test": 0.1})
    sides: dict[str, set[str | None]] = {}
    for clip in parted:
        sides.setdefault(clip.source, set()).add(clip.split)
    assert all(len(own) == 1 for own in sides.values())
    assert {clip.split for clip in parted} == {"train", "validation", "test"}
    assert split_clips(clips[::-1], {"train": 0.8, "validation": 0.1, "test": 0.1})[::-1] == parted


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("start,caption\n1,x\n", "line 2 has no video"),
        (f"id,start\n{ONE},soon\n", "line 2: 'soon' is no time"),
        (f"id,start,end\n{ONE},5,5\n", "ends at 5 s, not after its start"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(tmp_path: Path, media: Path, text: str, fault: str) -> None:
    with pytest.raises(InputError, match=fault):
        read(tmp_path, media, text)
    with pytest.raises(InputError, match="is no folder"):
        read(tmp_path, tmp_path / "nowhere", text)
