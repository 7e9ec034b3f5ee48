"""Which clips make a story."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storysound.errors import UsageError
from storysound.ingest.captions import Caption
from storysound.ingest.clips import Join, VideoClip, clips_of, film_of, join
from storysound.story import Source


def clip(name: str, duration_s: float, film: str = "") -> VideoClip:
    return VideoClip(f"/{name}.mp4", name, duration_s, film=film)


def names(stories: list[tuple[VideoClip, ...]]) -> list[list[str]]:
    return [[each.name for each in story] for story in stories]


def test_without_joining_each_clip_is_a_story() -> None:
    assert names(join([clip("b", 9), clip("a", 9)], None)) == [["b"], ["a"]]


def test_joined_by_count_in_natural_order_within_a_film() -> None:
    clips = [clip("p10", 4, "P"), clip("p9", 4, "P"), clip("q1", 4, "Q"), clip("p1", 4, "P")]
    assert names(join(clips, Join(2))) == [["p1", "p9"], ["p10"], ["q1"]]


def test_joined_until_near_the_length_of_a_key_clip() -> None:
    """Closed where one more clip would bring it farther from the length than it is."""
    clips = [clip(str(i), 4) for i in range(6)]
    assert names(join(clips, Join(seconds=10))) == [["0", "1", "2"], ["3", "4", "5"]]  # 12 is as near as 8
    assert names(join(clips, Join(seconds=9))) == [["0", "1"], ["2", "3"], ["4", "5"]]
    assert names(join([clip("a", 200), clip("b", 4)], Join(seconds=150))) == [["a"], ["b"]]


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from("XYZ"), st.floats(0.5, 40)), max_size=30),
    st.one_of(st.integers(1, 9).map(Join), st.floats(1, 200).map(lambda seconds: Join(seconds=seconds))),
)
def test_joining_loses_nothing_and_mixes_no_films(drawn: list[tuple[str, float]], how: Join) -> None:
    clips = [clip(f"{film}/{i}", length, film) for i, (film, length) in enumerate(drawn)]
    stories = join(clips, how)
    for film in "XYZ":
        assert [c for story in stories for c in story if c.film == film] == [c for c in clips if c.film == film]
    assert all(len({c.film for c in story}) == 1 for story in stories)
    assert how.count is None or all(len(story) <= how.count for story in stories)


def test_lsmdc_names_tell_film_and_order() -> None:
    clips = [clip(f"1001_Film_00.0{m}.00.000-00.0{m}.03.000", 3) for m in (2, 0, 1)]
    made = [c for each in clips for c in clips_of(Path(each.file), each.name, 3, (), Source(""), split=True)]
    assert [c.film for c in made] == ["1001_Film"] * 3
    assert [c.name for c in join(made, Join(9))[0]] == sorted(c.name for c in clips)
    assert film_of("a/b/c") == "a/b"


def test_captions_of_a_whole_video() -> None:
    told = [Caption("second", 5.0), Caption("first", 1.0)]
    (whole,) = clips_of(Path("/v.mp4"), "v", 9, told, Source(""), split=False)
    assert (whole.captions, whole.start_s, whole.end_s, whole.id) == (("first", "second"), 0.0, None, "v")


def test_subtitles_divide_a_video_that_is_joined_anew() -> None:
    told = [
        Caption("one", 2.0),
        Caption("two", 4.0),
        Caption("three", 4.0),
        Caption("late", 7.0),
        Caption("after", 99.0),
    ]
    clips = clips_of(Path("/v.mp4"), "v", 9, told, Source(""), split=True)
    assert [(c.start_s, c.end_s, c.captions) for c in clips] == [
        (0.0, 4.0, ("one",)),
        (4.0, 7.0, ("two", "three")),
        (7.0, None, ("late", "after")),
    ]
    assert [c.duration_s for c in clips] == [4.0, 3.0, 2.0]
    assert [c.id for c in clips] == ["v@0.000", "v@4.000", "v@7.000"]


def test_captions_with_an_end_are_clips_of_their_own() -> None:
    told = [Caption("b", 5.0, 8.0, licence="CC0"), Caption("a", 0.0, 3.0)]
    clips = clips_of(Path("/v.mp4"), "v", 9, told, Source("uri", licence="MIT"), split=False)
    assert [(c.start_s, c.end_s, c.captions, c.source.licence) for c in clips] == [
        (0.0, 3.0, ("a",), "MIT"),
        (5.0, 8.0, ("b",), "CC0"),
    ]


@pytest.mark.parametrize("text", ["", "0", "x", "-3", "0s", "3 clips"])
def test_how_far_is_checked(text: str) -> None:
    with pytest.raises(UsageError):
        Join.parse(text)


def made(captions: list[Caption], name: str = "v") -> list[VideoClip]:
    return clips_of(Path(f"/{name}.mp4"), name, 9, captions, Source(""), split=False)


@pytest.mark.parametrize(
    ("captions", "ids"),
    [
        ([Caption("a", 0, 4), Caption("b", 0, 4)], ["v@0.000", "v@0.000#2"]),
        ([Caption("a", 0, 4), Caption("b", 0, 5), Caption("c", 0, 4)], ["v@0.000", "v@0.000#2", "v@0.000#3"]),
        ([Caption("a", 1.0001, 4), Caption("b", 1.0004, 4)], ["v@1.000", "v@1.000#2"]),  # of one millisecond
        ([Caption("a", None, 4), Caption("b", 0, 4), Caption("c")], ["v@0.000", "v@0.000#2", "v"]),
    ],
)
def test_clips_of_equal_start_have_ids_of_their_own(captions: list[Caption], ids: list[str]) -> None:
    clips = made(captions)
    assert [clip.id for clip in clips] == ids
    assert [clip.captions for clip in clips] == [(caption.text,) for caption in captions]
    assert [clip.id for clip in made(captions[:-1])] == ids[:-1]  # more captions leave ids to those that had them


def test_a_video_called_like_a_clip_has_another_id() -> None:
    clips = [*made([Caption("a", 4, 5), Caption("b", 4, 5)]), *made([], "v@4.000"), *made([], "v@4.000#2")]
    assert [clip.id for clip in clips] == ["v@4.000", "v@4.000#2", "v@4.000@0.000", "v@4.000#2@0.000"]
    assert made([], "v#x")[0].id == "v#x"
