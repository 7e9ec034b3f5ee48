"""One reader for all subtitles: a table of what people's files look like, and the words that are in them."""

import pytest

from storysound.ingest.subtitles import plain, read_cues


def told(text: str) -> list[tuple[float, str]]:
    found = read_cues(text)
    assert found is not None
    return [(cue.start_s, cue.text) for cue in found.cues]


ROLLING = """WEBVTT
Kind: captions
Language: en

00:00:00.160 --> 00:00:02.000 align:start position:0%
 
a<00:00:00.500><c> dog</c><00:00:01.000><c> runs</c>

00:00:02.000 --> 00:00:02.010 align:start position:0%
a dog runs
 

00:00:02.010 --> 00:00:04.000 align:start position:0%
a dog runs
the<00:00:02.500><c> rain</c><00:00:03.000><c> falls</c>

00:00:04.000 --> 00:00:04.010 align:start position:0%
the rain falls
 

00:00:04.010 --> 00:00:06.000 align:start position:0%
the rain falls
a<00:00:04.500><c> door</c><00:00:05.000><c> shuts</c>
"""  # as YouTube writes what a machine heard
DOG, RAIN = (1.0, "A dog."), (5.0, "Rain.")
SPOKEN = [(1.0, "No."), (2.0, "No."), (3.0, "No. I won't.")]
ASS = """[Script Info]
Title: x

[V4+ Styles]
Format: Name, Fontname
Style: Default,Arial

[Events]
Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text
Comment: 0,0:00:00.00,0:00:01.00,Default,,0,0,0,,not said
Dialogue: 0,0:00:05.00,0:00:07.00,Default,,0,0,0,,Rain.
Dialogue: 1,0:00:01.00,0:00:03.00,Default,Ann,0,0,0,,{\\an8\\k20}A dog,{\\i1} old{\\i0}\\Nand <3\\hgrey.
Dialogue: 0,0:00:01.00,0:00:03.00,Default,Ann,0,0,0,,A dog, old\\Nand <3 grey.
Dialogue: 0,0:00:01.00,0:00:03.00,Default,,0,0,0,,{\\p1}m 0 0 l 100 0 100 100{\\p0}
"""


@pytest.mark.parametrize(
    ("text", "want"),
    [
        # cues parted by number and time alone
        ("1\n00:00:01,000 --> 00:00:03,000\nA dog.\n2\n00:00:05,000 --> 00:00:07,000\nRain.", [DOG, RAIN]),
        ("00:00:01,000 --> 00:00:03,000\nA dog.\n00:00:05,000 --> 00:00:07,000\nRain.", [DOG, RAIN]),
        ("WEBVTT\n00:01.000 --> 00:03.000\nA dog.\n00:05.000 --> 00:07.000\nRain.", [DOG, RAIN]),
        ("1\r\n00:00:01,000 --> 00:00:03,000\r\nA dog.\r2\r00:00:05,000 --> 00:00:07,000\rRain.\r\n", [DOG, RAIN]),
        # numbers that are said, before numbers that count
        (
            "7\n00:00:01,000 --> 00:00:02,000\n10\n8\n00:00:02,000 --> 00:00:03,000\n9\n\n"
            "9\n00:00:03,000 --> 00:00:04,000\n8",
            [(1.0, "10"), (2.0, "9"), (3.0, "8")],
        ),
        (
            "00:01.0 --> 00:03.0\nA dog.\n2\n00:05.0 --> 00:07.0\nRain.\n3\n00:08.0 --> 00:09.0\n4",
            [DOG, RAIN, (8.0, "4")],
        ),
        (f"1\n00:00:01,000 --> 00:00:03,000\n{'9' * 5000}\n2\n00:00:05,000 --> 00:00:07,000\nRain.",
         [(1.0, "9" * 5000), RAIN]),
        ("00:01.0 --> 00:02.0\n10\n00:02.0 --> 00:03.0\n9", [(1.0, "10"), (2.0, "9")]),
        # blank lines inside a cue
        (
            "1\n00:00:01,000 --> 00:00:03,000\n\nA dog\n\n \nruns.\n\n2\n00:00:05,000 --> 00:00:07,000\nRain.",
            [(1.0, "A dog runs."), RAIN],
        ),
        ("WEBVTT\n\nintro\n00:01.000 --> 00:03.000\nA dog.\n\nTwice.\n\nnext\n00:05.000 --> 00:07.000\nRain.",
         [(1.0, "A dog. Twice."), RAIN]),
        # comments, styles and regions of WebVTT are not said
        (
            "\ufeffWEBVTT - x\n\nSTYLE\n::cue { color: red }\n\nNOTE a\nb\n\n00:01.000 --> 00:03.000\nA dog.\n\n"
            "NOTE c\nd\n\nREGION\nid:x\n\n00:05.000 --> 00:07.000\nRain.",
            [DOG, RAIN],
        ),
        ("WEBVTT\n\n00:01.000 --> 00:03.000\nNOTE A dog.", [(1.0, "NOTE A dog.")]),
        # times before the start are the start
        (
            "1\n-00:00:01,000 --> 00:00:02,000\nA dog.\n\n2\n00:00:05,000 --> 00:00:07,000\nRain.",
            [(0.0, "A dog."), RAIN],
        ),
        ("1\n00:00:-1,-500 --> 00:00:02,000\nA dog.", [(0.0, "A dog.")]),
        ("1\n-00:00:02,000 --> -00:00:01,000\nA dog.", [(0.0, "A dog.")]),
        # ways to write a time
        ("1\n0:0:1,0 --> 0:0:3,0\nA dog.", [DOG]),
        ("1\n00:00:01 --> 00:00:03\nA dog.", [DOG]),
        ("1\n00:00:01:000 --> 00:00:03:000\nA dog.", [DOG]),
        ("1\n00: 00: 01, 000 -> 00: 00: 03, 000\nA dog.", [DOG]),
        ("1\n00:00:01,000 –> 00:00:03,000\nA dog.", [DOG]),
        ("\u200f00:00:01.000000 --> 00:00:03.000000 X1:1 Y1:2\nA dog.", [DOG]),
        ("1\n100:00:00,000 --> 100:00:01,000\nLate.", [(360_000.0, "Late.")]),
        ("1\n00：00：01，000 --> 00：00：03．000\nA dog.\n\n2\n00:00:05,000 --> 00:00:07,000\nRain.", [DOG, RAIN]),
        ("1\n\u202a00:00:01,000 --> 00:00:03,000\u202c\nA dog.", [DOG]),
        ("1\n00:00:01,000 --> 00:00:03,000\nAt 12:30 --> go to 13:00", [(1.0, "At 12:30 --> go to 13:00")]),
        ("\ufeff\ufeff1\n٠٠:٠٠:٠١,٠٠٠ --> ٠٠:٠٠:٠٣,٠٠٠\nA dog.", [DOG]),
        # rolling captions say each word once
        (ROLLING, [(0.16, "a dog runs"), (2.01, "the rain falls"), (4.01, "a door shuts")]),
        (
            "1\n00:00:00,000 --> 00:00:01,000\nA\n\n2\n00:00:01,000 --> 00:00:02,000\nA\nB\n\n"
            "3\n00:00:02,000 --> 00:00:03,000\nA\nB\nC\n\n4\n00:00:03,000 --> 00:00:04,000\nB\nC\nD",
            [(0.0, "A"), (1.0, "B"), (2.0, "C"), (3.0, "D")],
        ),
        (
            "1\n00:00:00,000 --> 00:00:01,000\nThe\n\n2\n00:00:01,000 --> 00:00:02,000\nThe old\n\n"
            "3\n00:00:02,000 --> 00:00:03,000\nThe old dog\n\n4\n00:00:03,000 --> 00:00:04,000\nThe old dog",
            [(0.0, "The"), (1.0, "old"), (2.0, "dog")],
        ),
        # what is said again is said again
        (
            "1\n00:00:01,000 --> 00:00:02,000\nNo.\n\n2\n00:00:02,000 --> 00:00:03,000\nNo.\n\n"
            "3\n00:00:03,000 --> 00:00:04,000\nNo. I won't.",
            SPOKEN,
        ),
        (
            "1\n00:00:01,000 --> 00:00:02,000\nRow\n\n2\n00:00:09,000 --> 00:00:10,000\nRow\nyour boat",
            [(1.0, "Row"), (9.0, "Row your boat")],
        ),
        (ASS, [(1.0, "A dog, old and <3 grey."), (5.0, "Rain.")]),
        # braces hold what SubStation Alpha doesn't show; elsewhere only overrides do
        ("[Events]\nFormat: Start, End, Text\nDialogue: 0:00:01.00,0:00:03.00,A {or the?}dog{\\b1}.", [DOG]),
        ("[Events]\nFormat: Start, End, Text\nDialogue: 0:00:01.00,0:00:03.00,A \\{dog\\}.", [(1.0, "A {dog}.")]),
        ("1\n00:00:01,000 --> 00:00:03,000\n{\\an8}A {dog}.", [(1.0, "A {dog}.")]),
        ("WEBVTT\n", []),
    ],
)  # fmt: skip
def test_cues(text: str, want: list[tuple[float, str]]) -> None:
    assert told(text) == want


@pytest.mark.parametrize(
    ("line", "want"),
    [
        (
            "Tom &amp; Jerry: &lt;bang&gt; &gt;&gt; caf&eacute;&nbsp;&#39;now&#39; &#x2019;",
            "Tom & Jerry: <bang> >> café 'now' ’",
        ),
        ("AT&T, R&D; &amp;lt;", "AT&T, R&D; &lt;"),
        ("If 3 < 5 the dog barks, and 7 > 2 the rain stops.", "If 3 < 5 the dog barks, and 7 > 2 the rain stops."),
        ("I <3 you and more > less", "I <3 you and more > less"),
        ("a<b and b>c, x <= y >= z, <- ->", "a<b and b>c, x <= y >= z, <- ->"),
        ("<sigh> <door slams> <Ann>", "<sigh> <door slams> <Ann>"),
        (
            "<i>on</i> <B>and</B> <u>on</u><br/>and <c.loud.red>on</c> <v.x Ann Lee>by</v> <lang en-GB>me</lang>",
            "on and on and on by me",
        ),
        ("un<b>believ</b>able <00:00:01.500>now <01:02.000>then", "unbelievable now then"),
        ('<font color="#ff0000" face=Arial>red</font> <FONT size=3>big</FONT></font>', "red big"),
        ("{\\an8}{\\pos(1,2)}up {stays} \\Nhere", "up {stays} here"),
        ('<a href="x">H<sub>2</sub>O</a> <p align=left>and <a b> <h>', "H2O and <a b> <h>"),
        ("<ruby>雨<rt>ame</rt></ruby>", "雨 ame"),
    ],
)  # fmt: skip
def test_markup_goes_and_words_stay(line: str, want: str) -> None:
    assert plain(line) == want


def test_a_tag_may_end_in_the_next_line() -> None:
    assert told("1\n00:00:01,000 --> 00:00:03,000\n<font\ncolor=red>A dog.</font>") == [DOG]


def test_lines_that_belong_to_no_cue_are_kept_apart() -> None:
    found = read_cues("What I wrote\n1\n00:00:01,000 --> 00:00:03,000\nA dog.")
    assert found is not None
    assert found.stray == ("What I wrote",)
    found = read_cues("WEBVTT\n\n00:01.000 --> 00:03.000\nA dog.\n\nNOTE x\n\nmore of x")
    assert found is not None
    assert found.stray == ("more of x",)


@pytest.mark.parametrize("text", ["hello", "", "{10}{20}MicroDVD", "1\n2\n3"])
def test_what_is_no_subtitles(text: str) -> None:
    assert read_cues(text) is None


EVENTS = "[Events]\nFormat: Start, End, Text\n"


@pytest.mark.parametrize(
    ("text", "stray"),
    [
        (f"{EVENTS}Dialogue: 0:00:01.00,0:00:02.00,A dog.\nDialogue: 0:00:0x.00,0:00:03.00,Rain.", "Rain."),
        (f"{EVENTS}Dialogue: 0:00:01.00,0:00:02.00,A dog.\nDialo gue: 0:00:02.00,0:00:03.00,Rain.", "Rain."),
        ("WEBVTT\n\n1\n00:0]:00.000 --> 00:01.000\nRain.\n\n00:01.000 --> 00:02.000\nA dog.", "Rain."),
        ("1\n00:00:01,000 --> 00:00:02,000\nA dog.\n\n2\n00:00:0x,000 --> 00:00:03,000\nRain.", "00:00:0x,000 -->"),
        ("WEBVTT\n\n00:01.000 --> 00:02.000\nA dog.\n\n00:0].000 --> 00:03.000 line:0\nRain.", "00:0].000 -->"),
    ],
)
def test_cues_whose_times_are_broken_are_told(text: str, stray: str) -> None:
    found = read_cues(text)
    assert found is not None
    assert found.cues[-1].text in ("A dog.", "A dog. Rain.")
    assert any(stray in line for line in found.stray)


def test_headings_and_comments_of_webvtt_are_no_strays() -> None:
    found = read_cues("WEBVTT - x\nKind: captions\n\nNOTE by\nme\n\nSTYLE\n::cue {}\n\n00:01.000 --> 00:02.000\nA dog.")
    assert found is not None
    assert found.stray == ()


@pytest.mark.parametrize(
    ("after", "want"), [(" A dog.", "A dog. Rain."), (" align:start position:0%", "Rain."), (" X1:40 Y1:20", "Rain.")]
)
def test_words_beside_the_times_are_said_and_settings_are_not(after: str, want: str) -> None:
    assert told(f"1\n00:00:01,000 --> 00:00:02,000{after}\nRain.\n") == [(1.0, want)]
