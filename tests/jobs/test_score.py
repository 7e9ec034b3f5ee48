"""The whole job with tiny stand-ins for the models: real media in, real files out."""

import csv
import io
import json
import math
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import av
import numpy as np
import opentimelineio as otio
import pytest
from numpy.typing import NDArray

from storysound.cue.mix import RATE_HZ, Levels
from storysound.encode.encoder import Encoding
from storysound.errors import InputError, LibraryError, MediaError, OutputError, UsageError
from storysound.jobs import score as job
from storysound.jobs.find import Hit, Query
from storysound.jobs.matching import CROSS_S, Wish
from storysound.media.audio import Waveform, read_audio, write_wav
from storysound.media.loudness import integrated_lufs, true_peak_dbtp
from storysound.story import Event, Mood, Sound, Source, Span

FPS = 20
WORDS = ("red", "green", "blue", "grey")


class Eyes:
    """Sees the mean colour: enough to tell scenes apart."""

    name, revision, modality, dim = "eyes", "1", "image", 1280
    labels = {"imagenet": WORDS}  # noqa: RUF012

    def encode(self, items: list[NDArray[np.uint8]]) -> list[Encoding]:
        out = []
        for rgb in items:
            colour = rgb.reshape(-1, 3).mean(axis=0).astype(np.float32) / 255
            embedding = np.zeros((1, 1280), np.float32)
            embedding[0, :3] = colour + 0.01
            scores = np.append(colour / max(colour.sum(), 1e-3), 0.01).astype(np.float32)
            out.append(Encoding(embedding, {"imagenet": (scores / scores.sum())[None]}))
        return out


class Reader:
    """Reads only how long a text is."""

    name, revision, modality, dim = "reader", "1", "text", 384
    labels: dict[str, tuple[str, ...]] = {}  # noqa: RUF012

    def encode(self, items: list[str]) -> list[Encoding]:
        rows = [np.eye(1, 384, len(text) % 384, dtype=np.float32) for text in items]
        return [Encoding(row, layers=np.zeros((7, 384), np.float32)) for row in rows]


class Shelf:
    """Each sound is made for a colour: effects are found by what is seen, the n-th scene's music is the n-th wish."""

    def __init__(self, sounds: list[Sound], music: tuple[str, ...] = ("red", "blue")) -> None:
        self.sounds = sounds
        self.music = list(music)
        self.asked: list[tuple[Query, str]] = []

    def search(self, query: Query, k: int = 10, *, kind: Any, ignore_names: bool = False) -> tuple[Hit, ...]:
        self.asked.append((query, kind))
        if kind == "music":
            assert query.mood is not None
            wanted = np.array([word == self.music[0] for word in WORDS], float)
            self.music = self.music[1:] + self.music[:1]
        else:
            wanted = np.mean([Eyes().encode([image])[0].scores["imagenet"][0] for image in query.images], axis=0)
        of_kind = [s for s in self.sounds if s.kind == kind]
        rated = [(float(wanted[WORDS.index(s.tags[0])]) if s.tags else 0.2, s) for s in of_kind]
        rated.sort(key=lambda pair: -pair[0])
        return tuple(Hit(s, 0.0, s.duration_s, 1 / (1 + math.exp(-9 * (r - 0.3))), (f"{r:.2f}",)) for r, s in rated[:k])


def tone(seconds: float, hz: float, level: float = 0.3) -> NDArray[np.float32]:
    t = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    beat = np.exp(-(t % 0.5) / 0.15) * np.minimum((t % 0.5) / 0.01, 1)
    return np.tile((level * beat * np.sin(2 * np.pi * hz * t)).astype(np.float32), (2, 1))


@pytest.fixture(scope="module")
def sounds(tmp_path_factory: pytest.TempPathFactory) -> list[Sound]:
    """A library of beats for each colour, and two effects."""
    root = tmp_path_factory.mktemp("library")
    made = []
    for name, kind, colour, seconds, hz in (
        ("red.wav", "music", "red", 12.0, 220.0), ("green.wav", "music", "green", 5.0, 330.0),
        ("blue.wav", "music", "blue", 12.0, 440.0), ("wind.wav", "sfx", "green", 7.0, 600.0),
        ("knock.wav", "sfx", "red", 0.4, 900.0),
    ):  # fmt: skip
        write_wav(root / name, Waveform(tone(seconds, hz), RATE_HZ))
        source = Source(name, "", "CC BY 4.0" if name != "blue.wav" else "", "Ada")
        made.append(Sound(name, str(root), seconds, kind, tags=(colour,), mood=Mood(0.5, 0.5), source=source))  # type: ignore[arg-type]
    return made


class Listener:
    """Agrees with everything."""

    def agreement(self, footage: Any, understood: Any, unit: int, wave: Waveform) -> float:
        return 5.0

    def attention(self, footage: Any, understood: Any, laid: Any) -> dict[str, Any]:
        return {one.cue.id: (np.ones((2, 3), np.float32), [0.0, 1.0], [0.0, 1.0, 2.0]) for one in laid}


class Doubter(Listener):
    """Agrees with nothing."""

    def agreement(self, footage: Any, understood: Any, unit: int, wave: Waveform) -> float:
        return 0.0


def make_tools(
    shelf: Shelf, *, listener: type[Listener] = Listener, speech: tuple[Span, ...] = (), music: tuple[Span, ...] = ()
) -> job.Tools:
    return job.Tools(shelf, Eyes, Reader, lambda _: speech, lambda *_: music, lambda wave: wave, None, listener)  # type: ignore[arg-type, return-value]


def video(path: Path, colours: list[int], each_s: float, sound: Waveform | None, *, jitter: bool = False,
          size: tuple[int, int] = (160, 96)) -> Path:  # fmt: skip
    """A video of plain coloured scenes with a moving square; `jitter` gives uneven frame times."""
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", rate=FPS, options={"preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        stream.time_base = stream.codec_context.time_base = Fraction(1, 1000)
        audio = out.add_stream("aac", rate=RATE_HZ, layout="stereo") if sound is not None else None
        for i in range(round(len(colours) * each_s * FPS)):
            rgb = np.full((size[1], size[0], 3), 20, np.uint8)
            rgb[:, :, colours[int(i / FPS / each_s)]] = 200
            rgb[40:60, i % 100 : i % 100 + 20] = 255
            frame = av.VideoFrame.from_ndarray(rgb, format="rgb24")
            frame.time_base = Fraction(1, 1000)
            frame.pts = round(i * 1000 / FPS) + (15 * (i % 3) if jitter else 0)
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
        if sound is not None and audio is not None:
            for at in range(0, sound.samples.shape[1], 1024):
                block = np.ascontiguousarray(sound.samples[:, at : at + 1024])
                frame = av.AudioFrame.from_ndarray(block, format="fltp", layout="stereo")
                frame.rate, frame.pts, frame.time_base = RATE_HZ, at, Fraction(1, RATE_HZ)
                out.mux(audio.encode(frame))
            out.mux(audio.encode(None))
    return path


def voice(seconds: float, spans: tuple[Span, ...]) -> Waveform:
    """A buzz with the rhythm of syllables where someone speaks, faint hiss elsewhere."""
    t = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    rng = np.random.default_rng(0)
    on = np.zeros(len(t))
    for span in spans:
        on[(t >= span.start_s) & (t < span.end_s)] = 1
    buzz = 0.08 * on * np.sign(np.sin(2 * np.pi * 150 * t)) * np.abs(np.sin(2 * np.pi * 3 * t))
    return Waveform(np.tile((buzz + 1e-5 * rng.standard_normal(len(t))).astype(np.float32), (2, 1)), RATE_HZ)


def packets(path: Path) -> list[bytes]:
    with av.open(str(path)) as container:
        return [bytes(p) for p in container.demux(container.streams.video[0]) if p.size]


def ends(path: Path) -> tuple[float, float]:
    with av.open(str(path)) as container:
        return tuple(float((s.start_time or 0) * s.time_base + s.duration * s.time_base) for s in container.streams)  # type: ignore[return-value]


SPEECH = (Span(2.5, 5.0), Span(5.5, 7.0), Span(12.0, 14.0))


@pytest.fixture(scope="module")
def talking(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return video(tmp_path_factory.mktemp("v") / "talk.mp4", [0, 2], 8.5, voice(17.0, SPEECH))


@pytest.fixture(scope="module")
def short(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return video(tmp_path_factory.mktemp("v") / "short.mp4", [0], 6.0, voice(6.0, SPEECH[:1]))


@pytest.fixture(scope="module")
def scored(talking: Path, sounds: list[Sound], tmp_path_factory: pytest.TempPathFactory) -> job.Scored:
    out = tmp_path_factory.mktemp("out") / "scored.mp4"
    said: list[str] = []
    result = job.score(talking, out, make_tools(Shelf(sounds), speech=SPEECH), progress=said.append)
    assert tuple(said) == ("look", "understand", "match", "cue", "mix", "deliver")
    return result


def test_pictures_are_copied_and_sound_ends_with_them(scored: job.Scored, talking: Path) -> None:
    assert packets(scored.files["video"]) == packets(talking)
    picture, sound = ends(scored.files["video"])
    assert abs(picture - sound) <= 1 / FPS


def test_each_scene_has_its_music_and_it_changes_with_the_picture(scored: job.Scored) -> None:
    beds = [cue for cue in scored.sheet.cues if cue.layer == "music"]
    assert [cue.sound.path for cue in beds] == ["red.wav", "blue.wav"]
    assert beds[0].start_s == 0
    assert beds[1].end_s == pytest.approx(17.0, abs=0.06)
    assert beds[1].start_s < 8.5 < beds[0].end_s
    assert [scene.gloss.split(",")[0] for scene in scored.sheet.scenes] == ["red", "blue"]
    assert beds[0].runners_up[0].path in {"green.wav", "blue.wav"}


def test_loudness_peak_and_ducking_hold_in_the_delivered_file(scored: job.Scored, talking: Path) -> None:
    wave = read_audio(scored.files["video"])
    assert integrated_lufs(wave) == pytest.approx(-16, abs=1)
    assert true_peak_dbtp(wave) <= -1
    assert scored.sheet.loudness["ducking_db"] >= 9
    original = read_audio(talking, rate_hz=RATE_HZ, channels=2).samples[0]
    part = slice(round(2.7 * RATE_HZ), round(4.8 * RATE_HZ))
    a, b = original[part], wave.samples[0][part]
    assert float(a @ b / np.sqrt((a @ a) * (b @ b))) > 0.98
    rest = b - a * float(a @ b / (a @ a))
    assert 10 * math.log10(float((b @ b) / (rest @ rest))) > 12


def test_the_papers_hold_every_cue(scored: job.Scored) -> None:
    data = json.loads(scored.files["json"].read_text("utf-8"))
    rows = list(csv.DictReader(io.StringIO(scored.files["csv"].read_text("utf-8"))))
    timeline = otio.adapters.read_from_file(str(scored.files["otio"]))
    ids = [cue.id for cue in scored.sheet.cues]
    assert [c["id"] for c in data["cues"]] == ids == [row["id"] for row in rows]
    assert data["loudness"]["lufs"] == pytest.approx(-16, abs=1)
    assert {"Video", "Original sound", "Music 1", "Music 2"} <= {track.name for track in timeline.tracks}
    page = scored.files["report"].read_text("utf-8")
    assert "red.wav" in page
    assert any("states no licence" in note and "blue.wav" in note for note in scored.notes)


def test_the_same_story_gives_the_same_sound(
    talking: Path, sounds: list[Sound], scored: job.Scored, tmp_path: Path
) -> None:
    again = job.score(talking, tmp_path / "again.mp4", make_tools(Shelf(sounds), speech=SPEECH))
    one, two = (read_audio(s.files["video"]).samples for s in (scored, again))
    np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize("kind", ["no stream", "digital silence", "portrait", "uneven"])
def test_videos_without_sound_of_their_own(kind: str, sounds: list[Sound], tmp_path: Path) -> None:
    silent = Waveform(np.zeros((2, 8 * RATE_HZ), np.float32), RATE_HZ) if kind == "digital silence" else None
    size = (96, 160) if kind == "portrait" else (160, 96)
    story = video(tmp_path / "in.mp4", [1], 8.0, silent, jitter=kind == "uneven", size=size)
    scored = job.score(story, tmp_path / "out.mp4", make_tools(Shelf(sounds, ("green",))))
    wave = read_audio(scored.files["video"])
    assert integrated_lufs(wave) == pytest.approx(-16, abs=1)
    assert true_peak_dbtp(wave) <= -1
    assert packets(scored.files["video"]) == packets(story)
    picture, sound = ends(scored.files["video"])
    assert abs(picture - sound) <= 1 / FPS + 0.03
    assert {cue.layer for cue in scored.sheet.cues} == {"music", "ambience"}
    music = next(cue for cue in scored.sheet.cues if cue.layer == "music")
    assert music.sound.path == "green.wav"
    assert len(music.pieces) > 1  # five seconds of music under eight of picture


def test_effects_that_do_not_sound_like_what_is_seen_are_left_out(sounds: list[Sound], tmp_path: Path) -> None:
    story = video(tmp_path / "in.mp4", [1], 3.0, None)
    scored = job.score(story, tmp_path / "out.mp4", make_tools(Shelf(sounds), listener=Doubter))
    assert [cue.layer for cue in scored.sheet.cues] == ["music"]


def test_the_knock_is_not_heard_twice(short: Path, sounds: list[Sound], tmp_path: Path) -> None:
    """Red scenes ask for a knock; where the clip's own sound agrees already, none is added."""

    class Discerning(Listener):
        def agreement(self, footage: Any, understood: Any, unit: int, wave: Waveform) -> float:
            return 5.0 * (wave.duration_s < 1)  # only the short knock of the library, not the clip's own six seconds

    once = job.score(short, tmp_path / "a.mp4", make_tools(Shelf(sounds), listener=Discerning))
    twice = job.score(short, tmp_path / "b.mp4", make_tools(Shelf(sounds)))
    assert [cue.sound.path for cue in once.sheet.cues if cue.layer == "spot"] == ["knock.wav"]
    assert not [cue for cue in twice.sheet.cues if cue.layer == "spot"]


def test_no_music_is_laid_where_the_clip_has_its_own(talking: Path, sounds: list[Sound], tmp_path: Path) -> None:
    tools = make_tools(Shelf(sounds), speech=SPEECH, music=(Span(2.6, 4.0),))
    scored = job.score(talking, tmp_path / "a.mp4", tools, job.Options(effects=False))
    assert not scored.sheet.stepped_aside
    assert min(cue.start_s for cue in scored.sheet.cues) == pytest.approx(4.0 - CROSS_S / 2)
    assert any("music of its own at 0:02.6–0:04" in note for note in scored.notes)
    anew = job.score(talking, tmp_path / "b.mp4", tools, job.Options(effects=False, replace=True))
    assert min(cue.start_s for cue in anew.sheet.cues) == 0
    assert not any("music of its own" in note for note in anew.notes)


@pytest.mark.parametrize(
    ("heard", "is_added"),
    [
        (Event(0.0, 2.0, "Knock", 0.8), False),
        (Event(0.0, 2.0, "Door", 0.8), False),  # a knock is a special case of it
        (Event(0.0, 2.0, "Rain", 0.8), True),
        (Event(4.0, 5.0, "Knock", 0.8), True),  # that is another one
    ],
)
def test_what_is_heard_in_the_clip_is_not_added(
    heard: Event, is_added: bool, short: Path, sounds: list[Sound], tmp_path: Path
) -> None:
    class Knocks(Shelf):
        def search(self, *args: Any, **more: Any) -> tuple[Hit, ...]:
            knock = (Event(0, 0.4, "Knock", 0.8),)
            return tuple(replace(hit, events=knock) for hit in super().search(*args, **more))

    class Discerning(Listener):
        def agreement(self, footage: Any, understood: Any, unit: int, wave: Waveform) -> float:
            return 5.0 * (wave.duration_s < 1)

    tools = replace(make_tools(Knocks(sounds), listener=Discerning), events=lambda wave: (heard,))
    scored = job.score(short, tmp_path / "a.mp4", tools)
    assert bool([cue for cue in scored.sheet.cues if cue.layer == "spot"]) == is_added


def test_an_effect_begins_where_it_is_heard(sounds: list[Sound], tmp_path: Path) -> None:
    """Two seconds of near silence and a thump of another kind go before the knock that was found."""
    rng = np.random.default_rng(0)
    samples = 1e-4 * rng.standard_normal((2, 5 * RATE_HZ))
    for at_s, level in ((1.0, 0.2), (3.0, 0.3)):
        samples[:, round(at_s * RATE_HZ) : round((at_s + 0.3) * RATE_HZ)] += level * rng.standard_normal(
            (2, round(0.3 * RATE_HZ))
        )
    write_wav(tmp_path / "knock.wav", Waveform(samples.astype(np.float32), RATE_HZ))
    knock = replace(sounds[4], root=str(tmp_path), duration_s=5.0)

    class Pointed(Shelf):
        def search(self, *args: Any, **more: Any) -> tuple[Hit, ...]:
            found = super().search(*args, **more)
            return tuple(replace(h, start_s=2.88, end_s=3.36) if h.sound is knock else h for h in found)

    story = video(tmp_path / "in.mp4", [0], 6.0, None)
    scored = job.score(story, tmp_path / "o.mp4", make_tools(Pointed([*sounds[:3], knock])), job.Options(music=False))
    (cue,) = scored.sheet.cues
    (piece,) = cue.pieces
    assert (piece.in_s, piece.out_s) == (pytest.approx(3.0, abs=0.05), pytest.approx(3.3, abs=0.08))


def test_a_clip_with_music_is_left_alone_unless_told(short: Path, sounds: list[Sound], tmp_path: Path) -> None:
    tools = make_tools(Shelf(sounds), speech=SPEECH[:1], music=SPEECH[:1])
    aside = job.score(short, tmp_path / "a.mp4", tools)
    assert not aside.sheet.cues
    assert "already has music" in aside.sheet.stepped_aside
    assert aside.sheet.stepped_aside in aside.notes
    wave = read_audio(aside.files["video"])
    assert integrated_lufs(wave) == pytest.approx(-16, abs=1)
    assert packets(aside.files["video"]) == packets(short)
    anew = job.score(short, tmp_path / "b.mp4", tools, job.Options(replace=True))
    assert not anew.sheet.stepped_aside
    assert [c.layer for c in anew.sheet.cues].count("music") == 1


def test_options_are_obeyed(short: Path, sounds: list[Sound], tmp_path: Path) -> None:
    shelf = Shelf(sounds)
    options = job.Options(music=False, keep_original=False, report=tmp_path / "papers")
    scored = job.score(short, tmp_path / "o.mp4", make_tools(shelf, speech=SPEECH[:1]), options)
    assert {kind for _, kind in shelf.asked} == {"sfx"}
    assert {cue.layer for cue in scored.sheet.cues} <= {"spot", "ambience"}
    assert not scored.sheet.speech
    assert scored.files["json"] == tmp_path / "papers" / "cues.json"
    assert sorted(p.name for p in (tmp_path / "papers").iterdir()) == sorted(
        ["cues.json", "cues.csv", "timeline.otio", "report.html"]
    )
    louder = job.Options(Wish(licence_policy="commercial"), effects=False, levels=Levels(music_db=6))
    second = job.score(short, tmp_path / "p.mp4", make_tools(Shelf(sounds), speech=SPEECH[:1]), louder)
    assert [cue.layer for cue in second.sheet.cues] == ["music"]
    cue = second.sheet.cues[0]
    assert "blue.wav" not in {cue.sound.path, *(other.path for other in cue.runners_up)}
    with pytest.raises(UsageError, match="--replace"):
        job.Options(replace=True, keep_original=False)


def test_a_folder_of_pictures_becomes_a_video(sounds: list[Sound], tmp_path: Path) -> None:
    folder = tmp_path / "my story"
    folder.mkdir()
    for i, channel in enumerate((0, 0, 2)):
        rgb = np.full((90, 160, 3), 10, np.uint8)
        rgb[:, :, channel] = 220
        frame = av.VideoFrame.from_ndarray(rgb, format="rgb24")
        frame.to_image().save(folder / f"p{i + 9}.png")
    (folder / "story.txt").write_text("One " * 12 + "\n\n" + "Two " * 5 + "\n\n" + "Three " * 10, "utf-8")
    shelf = Shelf(sounds)
    scored = job.score(folder, tmp_path / "story.mp4", make_tools(shelf))
    assert scored.sheet.duration_s == pytest.approx(4.8 + 4 + 4)
    picture, sound = ends(scored.files["video"])
    assert picture == pytest.approx(12.8, abs=0.05)
    assert abs(picture - sound) <= 1 / 25
    assert integrated_lufs(read_audio(scored.files["video"])) == pytest.approx(-16, abs=1)
    assert any("Three" in query.text for query, kind in shelf.asked if kind == "music")
    assert scored.sheet.title == "my story"


def test_a_sound_that_has_gone_gives_way_to_its_runner_up(
    short: Path, sounds: list[Sound], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    gone = [Sound("gone.wav", "/nowhere", 12.0, "music", tags=("red",)), *sounds[1:]]
    scored = job.score(short, tmp_path / "o.mp4", make_tools(Shelf(gone)), job.Options(effects=False))
    assert all(cue.sound.path != "gone.wav" for cue in scored.sheet.cues)
    assert any(cue.start_s == 0 for cue in scored.sheet.cues)
    assert "gone.wav" in caplog.text


def test_a_library_without_music_is_said(short: Path, sounds: list[Sound], tmp_path: Path) -> None:
    scored = job.score(short, tmp_path / "o.mp4", make_tools(Shelf(sounds[3:]), speech=SPEECH[:1]))
    assert any("no music was added" in note for note in scored.notes)


@pytest.mark.parametrize(
    ("story", "out", "error", "words"),
    [
        ("missing.mp4", "o.mp4", MediaError, "does not exist"),
        ("text.mp4", "o.mp4", MediaError, "text.mp4"),
        ("sound.wav", "o.mp4", MediaError, "no video stream"),
        ("empty folder", "o.mp4", MediaError, "no pictures"),
        ("good.mp4", ".", OutputError, "folder"),
        ("good.mp4", "good.mp4", OutputError, "input itself"),
        ("good.mp4", "o.xyz", OutputError, "xyz"),
        ("good.mp4", "good.mp4/o.mp4", OutputError, "good.mp4"),
    ],
)
def test_bad_stories_and_places_are_told_and_leave_nothing(
    story: str, out: str, error: type[InputError], words: str, sounds: list[Sound], tmp_path: Path
) -> None:
    (tmp_path / "text.mp4").write_text("no video at all")
    write_wav(tmp_path / "sound.wav", Waveform(tone(1, 200), RATE_HZ))
    (tmp_path / "empty folder").mkdir()
    video(tmp_path / "good.mp4", [0], 1.0, None)
    before = {p.name: p.stat().st_size for p in tmp_path.iterdir()}
    with pytest.raises(error, match=words):
        job.score(tmp_path / story, tmp_path / out, make_tools(Shelf(sounds)))
    assert {p.name: p.stat().st_size for p in tmp_path.iterdir()} == before


def test_an_interrupt_leaves_nothing_half_written(short: Path, sounds: list[Sound], tmp_path: Path) -> None:
    def stop(step: str) -> None:
        if step == "deliver":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        job.score(short, tmp_path / "o.mp4", make_tools(Shelf(sounds)), progress=stop)
    assert not list(tmp_path.iterdir())


def test_a_wrong_library_is_told_at_once(tmp_path: Path) -> None:
    profile = SimpleNamespace(picture="", text="", audio=())
    with pytest.raises(LibraryError):
        job.tools_of(tmp_path / "nothing", profile, None)  # type: ignore[arg-type]
