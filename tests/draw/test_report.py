"""The report page: whole, escaped, self-contained, and true to the sheet."""

import errno
import re
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from storysound.cue.rendered import Attention
from storysound.cue.score import Cue, Layer, Piece, RunnerUp, Scene, Score
from storysound.draw import shapes as draw
from storysound.draw.report import write_report
from storysound.errors import OutputError
from storysound.media.audio import Waveform
from storysound.media.recording import of_wave
from storysound.story import Mood, Sound, Source, Span

NASTY = "rain \"heavy\" 'x' & <script>alert(1)<\x02 {{ 7*7 }} ☔\nnew.ogg"


def cue(name: str, layer: Layer, start_s: float, end_s: float, path: str = "calm/one.opus") -> Cue:
    sound = Sound(path, "/lib", 60.0, "music", loudness_lufs=-18.0, tempo_bpm=90.0, key="A minor")
    sound = replace(sound, source=Source("https://sounds.example/1", licence="CC0-1.0", credit="A. Person"))
    piece = Piece(2.0, 2.0 + end_s - start_s, start_s)
    runners = (RunnerUp("happy/two.opus", 0.4), RunnerUp("happy/three.opus", -0.1))
    return Cue(name, layer, start_s, end_s, sound, (piece,), -6.0, 1.0, 2.0, 0.5, ("mood 0.05 away",), runners)


def sheet(*cues: Cue, title: str = "A film", stepped_aside: str = "") -> Score:
    shots = (Span(0.0, 4.0), Span(4.0, 10.0))
    scenes = (
        Scene(0.0, 10.0, Mood(0.3, 0.7), "street, bicycle", shots, text="They ride."),
        Scene(10.0, 20.0, Mood(0.8, 0.2), "meadow", (Span(10.0, 20.0),)),
    )
    loudness = {"lufs": -16.0, "dbtp": -1.2, "ducking_db": 11.0}
    return Score(title, 20.0, 25.0, scenes, cues, (Span(3.0, 6.0),), loudness, stepped_aside)  # type: ignore[arg-type]


def wave(level: float) -> Waveform:
    return Waveform(np.full((2, 20 * 1000), level, np.float32), 1000)


class Page(HTMLParser):
    """Counts tags, checks that they nest, gathers addresses and text."""

    VOID = frozenset({"meta", "link", "img", "br"})

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.source = path.read_text(encoding="utf-8")
        self.tags: list[str] = []
        self.addresses: list[str] = []
        self.ids: list[str] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(self.source)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href", "srcset", "poster", "data")]
        self.ids += [value or "" for name, value in attrs if name == "id"]
        if tag not in self.VOID and not self.get_starttag_text().endswith("/>"):  # type: ignore[union-attr]
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)

    def handle_data(self, data: str) -> None:
        if not self.open or self.open[-1] not in ("script", "style"):
            self.text += data


@pytest.fixture
def full(tmp_path: Path) -> Page:
    """A page with everything on it."""
    cues = cue("m1", "music", 0, 12), cue("m2", "music", 11, 20, NASTY), cue("s1", "spot", 5, 6)
    rng = np.random.default_rng(0)
    write_report(
        sheet(*cues, title=f"Film {NASTY}"),
        tmp_path / "report.html",
        thumbnails=[(t, rng.integers(0, 255, (360, 640, 3), np.uint8)) for t in (1.0, 5.0, 8.0, 12.0)],
        waveforms={"original": None, "added": of_wave(wave(0.1)), "mix": of_wave(wave(0.5))},
        attention={"m1": Attention(rng.random((20, 7)), tuple(np.linspace(0, 12, 20)), tuple(np.arange(7.0)))},
        moods={"pictures": ((0.0, 0.3, 0.7), (15.0, 0.8, 0.2), (16.0, float("nan"), 0.2)), "music": ((0.0, 0.9, 0.9),)},
        video=tmp_path / 'my "film" #1.mp4',
    )
    return Page(tmp_path / "report.html")


def test_nothing_is_asked_from_outside(full: Page) -> None:
    outside = [a for a in full.addresses if not a.startswith(("data:", "#"))]
    assert outside == ["my%20%22film%22%20%231.mp4"]
    loads = re.findall(r"url\(([^)]{0,20})|@import|fetch\(|XMLHttpRequest|WebSocket|sendBeacon", full.source)
    assert loads
    assert all(address.startswith("data:image/jpeg") for address in loads)
    assert "default-src 'none'" in full.source


def test_names_are_text_and_never_markup(full: Page) -> None:
    assert full.tags.count("script") == 1
    assert not full.open
    assert draw.shown(NASTY) in full.text
    assert "{{ 7*7 }}" in full.text
    assert "\x02" not in full.source


def test_every_link_has_its_target(full: Page) -> None:
    targets = [a[1:] for a in full.addresses if a.startswith("#")]
    assert set(targets) <= set(full.ids)
    assert len(full.ids) == len(set(full.ids))
    assert {"cue-m1", "cue-m2", "cue-s1", "scene-1", "scene-2"} <= set(full.ids)


def test_the_page_says_what_the_sheet_says(full: Page) -> None:
    wanted = "−16.0 LUFS", "−1.2 dBTP", "−11.0 dB", "street, bicycle", "They ride.", "mood 0.05 away", "two.opus"
    for words in (*wanted, "90 BPM · A minor", "00:00:11:00 – 00:00:20:00", "CC0-1.0", "“one.opus” by A. Person"):
        assert words in full.text, words
    assert "Waveform: Added" in full.source
    assert "Waveform: Original" not in full.source
    assert "data:image/png" in full.source
    assert len(full.source) < 250_000


def test_a_licence_that_is_not_stated_is_said(tmp_path: Path) -> None:
    one = cue("m1", "music", 0, 12)
    one = replace(one, sound=replace(one.sound, source=Source("")))
    write_report(sheet(one), tmp_path / "r.html")
    page = Page(tmp_path / "r.html")
    assert "not stated: ask before you publish" in page.text
    assert "licence not stated" in page.text


def test_paths_of_this_machine_stay_off_the_page(tmp_path: Path) -> None:
    one = cue("m1", "music", 0, 12)
    for number, uri in enumerate(("/home/someone/sounds/one.opus", "file:///home/someone/one.opus")):
        private = replace(one, sound=replace(one.sound, root="/home/someone/sounds", source=Source(uri)))
        write_report(sheet(private), tmp_path / f"{number}.html")
        assert "/home/someone" not in (tmp_path / f"{number}.html").read_text(encoding="utf-8")


def test_stepping_aside_and_finding_nothing_are_said(tmp_path: Path) -> None:
    write_report(sheet(stepped_aside="it already has music"), tmp_path / "aside.html")
    write_report(sheet(), tmp_path / "none.html")
    aside, none = Page(tmp_path / "aside.html"), Page(tmp_path / "none.html")
    assert "No sound was added" in aside.text
    assert "it already has music" in aside.text
    assert "No cue was placed" in none.text
    assert "Sounds used" not in none.text


def test_an_empty_sheet_makes_a_page(tmp_path: Path) -> None:
    write_report(Score("", 0.0, 0.0, (), ()), tmp_path / "r.html")
    page = Page(tmp_path / "r.html")
    assert not page.open
    assert "Untitled" in page.text


def test_speech_and_music_of_the_clip_have_lanes(tmp_path: Path) -> None:
    write_report(replace(sheet(), own_music=(Span(10.0, 15.0),)), tmp_path / "with.html")
    write_report(sheet(), tmp_path / "without.html")
    with_it, without = ((tmp_path / name).read_text("utf-8") for name in ("with.html", "without.html"))
    assert "Own music" in with_it
    assert 'class="track kept own"' in with_it
    assert "left:50%;width:25%" in with_it
    assert "Own music" not in without
    assert 'class="track kept speech"' in without


def test_a_page_is_whole_or_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full_disk(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full_disk)
    with pytest.raises(OutputError, match=r"r\.html"):
        write_report(sheet(), tmp_path / "r.html")
    assert list(tmp_path.iterdir()) == []


def test_many_pictures_are_thinned_out(tmp_path: Path) -> None:
    dot = np.zeros((2, 2, 3), np.uint8)
    write_report(sheet(), tmp_path / "r.html", thumbnails=[(i * 0.01, dot) for i in range(1000)])
    assert Page(tmp_path / "r.html").source.count("data:image/jpeg") == 240


def test_peaks_against_the_obvious_loop() -> None:
    rng = np.random.default_rng(1)
    samples = rng.normal(size=(2, 5000)).astype(np.float32)
    found = draw.peaks(of_wave(Waveform(samples, 1000)), 6.0)  # a second longer than the sound: silence at the end
    padded = np.zeros(6000)
    padded[:5000] = np.abs(samples).max(axis=0)
    edges = [i * 6000 // 1400 for i in range(1400)] + [6000]
    assert found == pytest.approx([padded[a:b].max() for a, b in pairwise(edges)])


@given(st.lists(st.tuples(st.floats(0, 50), st.floats(0.1, 10)), max_size=30))
def test_lanes_never_overlap(starts: list[tuple[float, float]]) -> None:
    spans = sorted((start, start + length) for start, length in starts)
    chosen = draw.lanes(spans)
    for i, first in enumerate(spans):
        for j in range(i):
            assert chosen[i] != chosen[j] or spans[j][1] <= first[0] + 1e-6


@given(st.floats(0.0, 30.0), st.floats(0.0, 20.0), st.floats(0.0, 20.0))
def test_fade_edges_stay_in_order(duration_s: float, fade_in_s: float, fade_out_s: float) -> None:
    rise, fall = draw.fade_edges(duration_s, fade_in_s, fade_out_s)
    assert 0 <= rise <= fall <= 100
