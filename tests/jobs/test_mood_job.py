"""Files to moods: pictures, sounds, texts, videos; what is unusable, and the picture over time."""

import csv
import json
import xml.etree.ElementTree as ET
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile
from PIL import Image
from typer.testing import CliRunner

from storysound.annotate.feeling import MoodReader
from storysound.app.cli.commands import app
from storysound.encode import mood as moods
from storysound.encode.pool import Models
from storysound.errors import MediaError, UsageError
from storysound.jobs.mood import mood as job
from storysound.jobs.mood.request import MoodRequest, MoodResult
from storysound.progress import Watch

RATE_HZ = 22_050
pytestmark = [pytest.mark.models, pytest.mark.usefixtures("shared_models")]


Feel = Callable[..., MoodResult]


@pytest.fixture(scope="module")
def feel(models: Models) -> Feel:
    return lambda *given: job.run(MoodRequest(*given), models, Watch())


def song(bpm: float, third: int, level: float, duration_s: float = 14.0) -> np.ndarray:
    """Chords with this third on C, struck at a beat."""
    samples = np.zeros(round(duration_s * RATE_HZ), np.float32)
    time_s = np.arange(round(60 / bpm * RATE_HZ)) / RATE_HZ
    degrees = [(0, third), (5, third), (7, 4), (0, third)]
    for beat in range(int(duration_s * bpm / 60)):
        degree, t = degrees[beat // 4 % 4]
        notes = [440 * 2 ** ((48 + degree + step - 69) / 12) for step in (0, t, 7, 12)]
        chord = sum(np.sin(2 * np.pi * hz * k * time_s) / k for hz in notes for k in (1, 2, 3)) * np.exp(-4 * time_s)
        at = round(beat * 60 / bpm * RATE_HZ)
        part = samples[at : at + len(chord)]
        part += (0.1 * level * chord[: len(part)]).astype(np.float32)
    return samples


def film(path: Path, pictures: list[np.ndarray], samples: np.ndarray | None) -> Path:
    """A picture a second, and sound."""
    with av.open(str(path), "w") as out:
        video = out.add_stream("libx264", rate=5)
        video.width, video.height, video.pix_fmt = 64, 64, "yuv420p"
        audio = out.add_stream("aac", rate=RATE_HZ, layout="mono") if samples is not None else None
        for index in range(5 * len(pictures)):
            frame = av.VideoFrame.from_ndarray(pictures[index // 5])
            frame.pts, frame.time_base = index, Fraction(1, 5)
            out.mux(video.encode(frame))
        out.mux(video.encode(None))
        if audio is not None and samples is not None:
            sound = av.AudioFrame.from_ndarray(samples[None], format="fltp", layout="mono")
            sound.sample_rate, sound.pts, sound.time_base = RATE_HZ, 0, Fraction(1, RATE_HZ)
            out.mux(audio.encode(sound))
            out.mux(audio.encode(None))
    return path


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rng = np.random.default_rng(0)
    pictures = [rng.integers(0, 255, (64, 64, 3), np.uint8) for _ in range(12)]
    return film(tmp_path_factory.mktemp("film") / "clip.mp4", pictures, song(120, 4, 1.0, 12.0))


def test_louder_and_faster_is_more_excited_and_major_more_pleasant(tmp_path: Path, feel: Feel) -> None:
    def felt(name: str, *music: float) -> moods.Mood:
        soundfile.write(tmp_path / f"{name}.wav", song(*music), RATE_HZ)  # type: ignore[arg-type]
        return feel(tmp_path / f"{name}.wav").mood

    slow, fast, minor = felt("slow", 60, 4, 0.1), felt("fast", 150, 4, 1.0), felt("minor", 60, 3, 0.1)
    assert fast.arousal > slow.arousal + 0.1
    assert slow.valence > minor.valence + 0.05


def test_texts_of_any_ending_and_subtitles(tmp_path: Path, feel: Feel) -> None:
    glad, sad = tmp_path / "glad.text", tmp_path / "sad.srt"
    glad.write_text("A wonderful, happy day. We laughed and loved.")
    sad.write_text("1\n00:00:01,000 --> 00:00:02,000\nHe died alone in misery.\n")
    one, other = feel(glad), feel(sad)
    assert (one.modality, other.modality) == ("text", "text")
    assert one.mood.valence > other.mood.valence + 0.2


def test_a_video_has_a_curve_of_each_modality(clip: Path, tmp_path: Path, feel: Feel) -> None:
    told = tmp_path / "told.srt"
    told.write_text("1\n00:00:03,000 --> 00:00:04,000\nI hate you!\n")
    felt = feel(clip, told)
    assert [m.modality for m in felt.curve].count("image") == 12
    assert [m.modality for m in felt.curve].count("audio") == 1
    words = [m for m in felt.curve if m.modality == "text"]
    assert [m.time_s for m in words] == [3.0]
    assert [m.time_s for m in felt.curve] == sorted(m.time_s for m in felt.curve)
    parts = [[m.mood.valence for m in felt.curve if m.modality == kind] for kind in ("image", "audio", "text")]
    assert felt.mood.valence == pytest.approx(np.mean([np.mean(part) for part in parts]), abs=1e-6)


def test_a_film_without_sound_is_felt_by_its_pictures(tmp_path: Path, feel: Feel) -> None:
    silent = film(tmp_path / "silent.mp4", [np.zeros((64, 64, 3), np.uint8)] * 2, None)
    mute = film(tmp_path / "mute.mp4", [np.zeros((64, 64, 3), np.uint8)] * 2, np.zeros(2 * RATE_HZ, np.float32))
    for file in (silent, mute):
        assert {m.modality for m in feel(file).curve} == {"image"}


def test_what_is_unusable_is_told_and_the_others_go_on(tmp_path: Path) -> None:
    text, junk, nothing = tmp_path / "a.txt", tmp_path / "junk.mp3", tmp_path / "none.png"
    text.write_text("A quiet evening.")
    junk.write_bytes(bytes(range(256)) * 8)
    result = CliRunner().invoke(app, ["mood", str(junk), str(text), str(nothing), "--json"])
    assert [json.loads(line)["path"] for line in result.stdout.splitlines()] == [str(text)]
    assert isinstance(result.exception, MediaError)
    assert "junk.mp3" in str(result.exception)


def test_the_command_prints_the_contract(clip: Path, tmp_path: Path) -> None:
    picture, text = tmp_path / "p.png", tmp_path / "t.txt"
    Image.fromarray(np.full((50, 40, 3), 200, np.uint8)).save(picture)
    text.write_text("Danger!")
    result = CliRunner().invoke(app, ["mood", str(picture), str(text), str(clip), "--json"])
    rows = [json.loads(line) for line in result.stdout.splitlines()]
    assert [row["modality"] for row in rows] == ["image", "text", "video"]
    assert all(set(row) == {"path", "modality", "valence", "arousal"} for row in rows[:2])
    assert set(rows[2]["curve"][0]) == {"time_s", "modality", "valence", "arousal"}
    assert all(0 <= row[axis] <= 1 for row in rows for axis in ("valence", "arousal"))
    shown = CliRunner().invoke(app, ["mood", str(text)]).stdout
    assert "valence 0." in shown


def test_the_curve_is_drawn(clip: Path, tmp_path: Path, feel: Feel) -> None:
    svg, png = tmp_path / "m.svg", tmp_path / "m.png"
    feel(clip, None, (), svg)
    texts = [element.text for element in ET.parse(svg).iter() if element.text and element.text.strip()]
    assert {"valence", "arousal", "pictures", "sound", "clip.mp4"} <= set(texts)
    assert "words" not in texts
    feel(clip, None, (), png)
    assert Image.open(png).width == 2400


def test_a_drawing_needs_a_file_that_lasts(tmp_path: Path, feel: Feel) -> None:
    text = tmp_path / "t.txt"
    text.write_text("Hello there.")
    with pytest.raises(UsageError, match="has no time"):
        feel(text, None, (), tmp_path / "m.svg")


def test_oasis_is_told_as_people_rated_it(shared_data: Path, models: Models) -> None:
    """The shipped head learned from these; a golden check that pictures, eyes, features and weights go together."""
    rows = list(csv.DictReader((shared_data / "oasis" / "norms.csv").open(newline="")))[::20]
    seen = MoodReader(models).pictures(
        [np.array(Image.open(shared_data / "oasis" / r["file"]).convert("RGB")) for r in rows]
    )
    for axis, name in ((0, "valence_mean"), (1, "arousal_mean")):
        assert np.corrcoef(seen[:, axis], [float(r[name]) for r in rows])[0, 1] > 0.8


def test_warriner_words_are_told_as_people_rated_them(shared_data: Path, models: Models) -> None:
    file = shared_data / "warriner" / "Ratings_Warriner_et_al.csv"
    rows = list(csv.DictReader(file.open(newline="")))[::100]
    told = moods.of_texts(models.encoder(moods.READER).encode([r["Word"] for r in rows]))
    for axis, name in ((0, "V.Mean.Sum"), (1, "A.Mean.Sum")):
        assert np.corrcoef(told[:, axis], [float(r[name]) for r in rows])[0, 1] > 0.7


def test_what_of_the_captions_is_left_out(models: Models, tmp_path: Path) -> None:
    """As `ingest` says it; captions of several files are told once."""
    clip, other = (film(tmp_path / name, [np.zeros((64, 64, 3), np.uint8)], None) for name in ("clip.mp4", "other.mp4"))
    table = tmp_path / "t.csv"
    table.write_text(
        "video,text,language\nclip,A happy day.,en\nclip,Ein Tag.,de\nother,A sad day.,en\ngone,Nothing.,en\n"
    )

    def felt(file: Path, *beside: Path, language: str = "") -> tuple[list[str], tuple[str, ...]]:
        done = job.run(MoodRequest(file, table, beside, language=language), models, Watch())
        return [m.modality for m in done.curve if m.modality == "text"], done.notes

    texts, notes = felt(clip, other)
    assert texts == ["text"]
    assert notes == felt(other, clip)[1]
    assert notes == (
        "captions of 'clip.mp4': en is used, not de; a language can be chosen",
        "captions of 1 videos that were not given, as 'gone'",
    )
    assert felt(clip, other, language="de")[1][0] == (
        "captions of 'clip.mp4': de is used, not en; a language can be chosen"
    )
    result = CliRunner().invoke(app, ["mood", str(clip), str(other), "--captions", str(table)])
    assert result.exit_code == 0, result.output
    assert result.stderr.count("note: captions of 1 videos that were not given, as 'gone'") == 1
