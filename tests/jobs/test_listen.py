"""Files to events with ears of cardboard, then with the real ones; and the picture of it."""

import json
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from html import unescape
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from typer.testing import CliRunner

from storysound.annotate import families
from storysound.annotate.events import FileEvents
from storysound.annotate.hearing import Ear
from storysound.app.cli.commands import app
from storysound.config import load_profile
from storysound.draw.timeline import FAMILY_RGB, FORMATS, short, write_timeline
from storysound.encode.encoder import Encoding, Traits
from storysound.encode.pool import Models
from storysound.errors import MediaError, UsageError
from storysound.jobs.listen import listen as job
from storysound.jobs.listen.request import PLOTS, ListenRequest
from storysound.media.audio import Waveform, read_audio, write_wav
from storysound.media.canvas import text_width
from storysound.media.recording import Recording
from storysound.media.sketch import joined, sketch
from storysound.progress import Progress, Watch
from storysound.story import Event
from storysound.weights.resolver import Resolver

RATE_HZ = 44100


class LoudnessEar:
    """Hears a dog wherever it is loud, and rain everywhere, silence included."""

    def __init__(self) -> None:
        self.labels = {"audioset": ("Dog", "Rain", "Speech")}
        self.traits = Traits()

    def encode(self, items: Sequence[Waveform]) -> list[Encoding]:
        results = []
        for wave in items:
            edges = np.arange(0, wave.samples.shape[1], round(0.1 * wave.rate_hz))
            loud = np.maximum.reduceat(np.abs(wave.samples[0]), edges) > 0.1
            scores = np.stack([0.9 * loud, np.full(len(loud), 0.9), 0.9 * loud], axis=1).astype(np.float32)
            results.append(Encoding(np.zeros((len(loud), 1), np.float32), {"audioset": scores}, 0.1))
        return results


class NoVoice:
    def probabilities(self, sound: Recording) -> np.ndarray:
        return np.zeros(int(sound.duration_s / 0.032) + 1, np.float32)


class OneVoice:
    """A voice where it is loud, in frames of 32 ms."""

    def probabilities(self, sound: Recording) -> np.ndarray:
        wave = sound.cut()
        edges = (np.arange(0, wave.duration_s, 0.032) * wave.rate_hz).astype(int)
        return (np.maximum.reduceat(np.abs(wave.samples[0]), edges) > 0.1).astype(np.float32)


def ears(voice: object) -> job.SoundDetectors:
    return job.SoundDetectors(Ear("loud", LoudnessEar(), "audioset"), voice)  # type: ignore[arg-type]


def file_of(folder: Path, spans: Sequence[tuple[float, float]], duration_s: float, rate_hz: int = RATE_HZ) -> Path:
    samples = np.zeros((1, round(duration_s * rate_hz)), np.float32)
    for start_s, end_s in spans:
        part = samples[:, round(start_s * rate_hz) : round(end_s * rate_hz)]
        part[:] = np.random.default_rng(1).uniform(-0.5, 0.5, part.shape)
    write_wav(folder / "sound.wav", Waveform(samples, rate_hz))
    return folder / "sound.wav"


def test_events_stand_where_the_sound_does_and_silence_has_none(tmp_path: Path) -> None:
    file = file_of(tmp_path, [(1.0, 2.0), (6.0, 7.5)], 10.0)
    heard = job.listen(file, ears(NoVoice()))
    assert heard.duration_s == 10.0
    dogs = [(event.start_s, event.end_s) for event in heard.events if event.label == "Dog"]
    assert dogs == [pytest.approx((1.0, 2.0), abs=0.11), pytest.approx((6.0, 7.5), abs=0.11)]
    # The ear hears rain in silence too, but silence isn't asked.
    assert [event.start_s for event in heard.events if event.label == "Rain"] == [dogs[0][0], dogs[1][0]]
    assert job.listen(file_of(tmp_path, [], 3.0), ears(OneVoice())).events == ()


def test_long_files_are_heard_in_pieces_without_a_seam(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = file_of(tmp_path, [(1.0, 2.0), (3.5, 9.2), (11.6, 12.3), (14.0, 15.0)], 16.0, 8000)
    whole = job.listen(file, ears(OneVoice()), with_sketch=True)
    monkeypatch.setattr(job, "PIECE_S", 4.0)
    monkeypatch.setattr(job, "CONTEXT_S", 1.0)
    pieces = job.listen(file, ears(OneVoice()), with_sketch=True)
    assert [e.label for e in pieces.events] == [e.label for e in whole.events]
    for one, other in zip(pieces.events, whole.events, strict=True):
        assert (one.start_s, one.end_s) == pytest.approx((other.start_s, other.end_s), abs=0.11)
    assert whole.sketch is not None
    assert pieces.sketch is not None
    assert pieces.sketch.duration_s == pytest.approx(whole.sketch.duration_s)


def test_speech_is_placed_by_the_voice_detector(tmp_path: Path) -> None:
    heard = job.listen(file_of(tmp_path, [(2.05, 4.43)], 8.0), ears(OneVoice()))
    speech = [event for event in heard.events if event.label == "Speech"]
    assert [(e.start_s, e.end_s) for e in speech] == [pytest.approx((2.05, 4.43), abs=0.07)]
    assert not [e for e in job.listen(tmp_path / "sound.wav", ears(NoVoice())).events if e.label == "Speech"]


def test_one_bad_file_does_not_stop_the_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    good, bad = file_of(tmp_path, [(0.5, 1.5)], 2.0), tmp_path / "bad.wav"
    bad.write_text("no sound at all")
    monkeypatch.setattr(job, "detectors_of", lambda models: ears(NoVoice()))
    told = CliRunner().invoke(app, ["listen", str(bad), str(good), "--json"])
    assert {json.loads(row)["path"] for row in told.stdout.splitlines()} == {str(good)}
    assert isinstance(told.exception, MediaError)
    assert "bad.wav" in str(told.exception)
    two = CliRunner().invoke(app, ["listen", str(good), str(good), "--plot", str(tmp_path / "a.svg")])
    assert isinstance(two.exception, UsageError)
    assert "one file" in str(two.exception)


def test_requests_that_make_no_sense_name_their_field() -> None:
    assert set(PLOTS) == FORMATS.keys()
    for field, value in (("plot", Path("a.pdf")), ("min_score", 0.0), ("min_score", 1.5), ("top", -1)):
        with pytest.raises(UsageError) as raised:
            ListenRequest(Path("a.wav"), **{field: value})  # type: ignore[arg-type]
        assert raised.value.field == field


def test_progress_is_told_in_seconds_of_sound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job, "PIECE_S", 4.0)
    monkeypatch.setattr(job, "detectors_of", lambda models: ears(NoVoice()))
    seen: list[Progress] = []
    with Watch(seen.append) as watch:
        job.run(ListenRequest(file_of(tmp_path, [(1, 2)], 10.0)), Models(load_profile(), Resolver()), watch)
    assert [at.done for at in seen] == [4.0, 8.0, 10.0]
    assert [at.share for at in seen] == [0.4, 0.8, 1.0]


@pytest.mark.parametrize("events", [(), (Event(0.2, 0.9, "Dog", 0.9), Event(0.5, 2, "<Odd> & \n class", 0.7))])
def test_the_timeline_is_a_picture_either_way(tmp_path: Path, events: tuple[Event, ...]) -> None:
    noise = np.random.default_rng(0).normal(0, 0.1, (2, 2 * RATE_HZ)).astype(np.float32)
    looks = sketch(Waveform(noise, RATE_HZ))
    heard = FileEvents("a <b> & c.wav", 2.0, events, joined([looks]))
    write_timeline(heard, tmp_path / "a.svg")
    root = ET.parse(tmp_path / "a.svg").getroot()
    texts = ["".join(node.itertext()) for node in root.iter() if node.tag.endswith("text")]
    assert "a <b> & c.wav" in texts
    assert ("Dog" in texts) == bool(events)
    write_timeline(heard, tmp_path / "a.png")
    with Image.open(tmp_path / "a.png") as picture:
        assert picture.size == (2 * int(root.get("width", 0)), 2 * int(root.get("height", 0)))
        colours = {colour for _, colour in picture.getcolors(10**6)}
    assert len(colours) > 100
    if events:
        assert FAMILY_RGB["animals"] in colours
        assert FAMILY_RGB["music"] not in colours


def test_an_hour_full_of_events_is_drawn_small(tmp_path: Path) -> None:
    looks = sketch(Waveform(np.random.default_rng(0).normal(0, 0.1, (1, 8000)).astype(np.float32), 8000))
    labels = list(families.audioset().family)[:50]
    events = tuple(Event(t, t + 0.4, labels[t % 50], 0.7 + 0.2 * (t % 50 < 25)) for t in range(3600))
    write_timeline(FileEvents("hour.wav", 3600.0, events, looks), tmp_path / "a.svg")
    drawn = (tmp_path / "a.svg").read_text()
    assert "3600 events of 50 kinds" in drawn
    assert "and 20 more kinds of sound" in drawn
    assert all(short(label, 150, 12.5).rstrip("…")[:8] in unescape(drawn) for label in labels[:25])
    # 72 events a row lie 12 units apart: all are seen. In a row of its own each second they touch and become one bar.
    assert drawn.count("<rect") > 30 * 72
    same = tuple(Event(t, t + 0.4, "Dog", 0.7) for t in range(3600))
    write_timeline(FileEvents("hour.wav", 3600.0, same, looks), tmp_path / "b.svg")
    assert (tmp_path / "b.svg").read_text().count("<rect") < 200


@given(st.sampled_from(sorted(families.audioset().family)), st.floats(30, 200))
def test_class_names_fit_and_keep_their_beginning(label: str, width: float) -> None:
    got = short(label, width, 12.5)
    assert text_width(got, 12.5) <= width
    assert label.startswith(got.rstrip("…"))


def test_a_silent_moment_can_be_drawn(tmp_path: Path) -> None:
    looks = sketch(Waveform(np.zeros((1, 10), np.float32), 8000))
    write_timeline(FileEvents("x", 0.001, (), looks), tmp_path / "x.svg")
    assert "nothing was heard" in (tmp_path / "x.svg").read_text()


@pytest.mark.models
@pytest.mark.usefixtures("shared_models")
def test_the_command_hears_a_click_track_and_draws_it(tmp_path: Path) -> None:
    file = file_of(tmp_path, [(1.0, 1.6), (4.0, 4.6)], 6.0)
    result = CliRunner().invoke(app, ["listen", str(file), "--json", "--plot", str(tmp_path / "p.svg")])
    assert result.exit_code == 0, result.output
    rows = [json.loads(row) for row in result.stdout.splitlines()]
    assert rows
    for row in rows:
        assert list(row) == ["path", "start_s", "end_s", "label", "score"]
        assert (row["start_s"] < 1.8 and row["end_s"] > 0.8) or (row["start_s"] < 4.8 and row["end_s"] > 3.8)
    assert (tmp_path / "p.svg").read_text().startswith("<svg")
    table = CliRunner().invoke(app, ["listen", str(file), "--top", "1"])
    assert table.exit_code == 0
    assert "score" in table.output


@pytest.mark.models
@pytest.mark.shared
def test_moments_place_a_dog_among_silence(models: Models, shared_data: Path) -> None:
    bark = (
        read_audio(shared_data / "esc50" / "audio" / "4-207124-A-0.opus", rate_hz=RATE_HZ, channels=1)
        .cut(0, 1.5)
        .samples
    )
    noise = np.random.default_rng(0).normal(0, 1e-4, (1, 10 * RATE_HZ)).astype(np.float32)
    noise[:, 5 * RATE_HZ : 5 * RATE_HZ + bark.shape[1]] += bark
    own = job.detectors_of(models)
    encoding = own.classes.encoder.encode([Waveform(noise, RATE_HZ)])[0]
    dog = encoding.scores["audioset"][:, own.classes.labels.index("Dog")]
    assert 4.5 < float(dog.argmax()) * encoding.step_s < 7.0
