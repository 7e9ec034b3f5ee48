"""Folders of pictures with a text: order, words, time."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from storysound.errors import MediaError
from storysound.ingest.footage import read_footage
from storysound.ingest.pictures import LONGEST_S, SHORTEST_S, Show, spread


@given(st.lists(st.text("ab ", min_size=1, max_size=80).filter(str.strip), max_size=9), st.integers(1, 9))
def test_every_picture_has_time_and_every_paragraph_a_picture(parts: list[str], count: int) -> None:
    texts, lengths = spread(parts, count)
    assert len(texts) == len(lengths) == count
    assert all(SHORTEST_S <= length <= LONGEST_S for length in lengths)
    told = " ".join(texts)
    assert all(part in told for part in parts)


def test_pictures_come_in_the_order_people_count(tmp_path: Path) -> None:
    for name in ("p10.png", "p2.png", "p1.jpg", ".hidden.png", "notes.md"):
        if name.endswith("md"):
            (tmp_path / name).write_text("no picture")
        else:
            Image.new("RGB", (40, 30), (int("10" in name) * 200, 0, 0)).save(tmp_path / name)
    (tmp_path / "story.txt").write_bytes("\ufeffOne.\r\n\r\nTwo.\r\n\r\nThree — end.".encode())
    footage = read_footage(tmp_path)
    assert [Path(frame.uri).name for frame in footage.story.frames] == ["p1.jpg", "p2.png", "p10.png"]
    assert footage.story.texts == ("One.", "Two.", "Three — end.")
    assert footage.story.duration_s == 12.0
    assert footage.pictures[2][0][0, 0, 0] > 150


def test_a_folder_without_text_shows_its_pictures(tmp_path: Path) -> None:
    Image.new("RGB", (40, 30)).save(tmp_path / "a.png")
    assert read_footage(tmp_path).story.texts == ("",)
    (tmp_path / "a.png").write_bytes(b"\x89PNG broken")
    with pytest.raises(MediaError, match=r"a\.png"):
        read_footage(tmp_path)


def test_pictures_that_cannot_be_read_are_left_out_and_named(tmp_path: Path) -> None:
    for number in range(1, 5):
        Image.new("RGB", (40, 30), (50 * number, 0, 0)).save(tmp_path / f"p{number}.jpg")
    whole = (tmp_path / "p2.jpg").read_bytes()
    (tmp_path / "p2.jpg").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "p5.png").write_bytes(b"")
    (tmp_path / "p6.mp4").write_bytes(b"no film at all")
    (tmp_path / "story.txt").write_text("One.\n\nTwo.\n\nThree.")
    story = read_footage(tmp_path).story
    assert [Path(frame.uri).name for frame in story.frames] == ["p1.jpg", "p3.jpg", "p4.jpg"]
    assert story.texts == ("One.", "Two.", "Three.")
    starts = ["left out: p2.jpg can't be decoded", "left out: p5.png is empty", "left out: p6.mp4 can't be decoded"]
    assert [fault.startswith(start) for fault, start in zip(story.faults, starts, strict=True)] == [True] * 3
    again = Show(spans=story.units)  # as a sheet has them
    assert read_footage(tmp_path, show=again).story.units == story.units
