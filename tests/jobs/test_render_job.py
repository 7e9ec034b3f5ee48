"""Rendering a sheet: what it loads, and that nothing else than the sheet decides what is heard."""

import json
import subprocess
import sys
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import opentimelineio as otio
import pytest

from cue.handoff_making import film
from jobs.score_fakes import SPEECH, make_models, tone, video, voice
from media.media_making import add_sounds, noise
from storysound.cue.references import reference_to
from storysound.cue.score import Cue, OtherTrack, Piece, Score
from storysound.cue.sheet import read_json, write_json
from storysound.jobs.render.render import run
from storysound.jobs.render.request import RenderRequest
from storysound.media.arrays import RATE_HZ
from storysound.media.audio import Waveform, read_audio, write_wav
from storysound.media.probe import probe
from storysound.progress import Watch
from storysound.story import Sound

LENGTH_S = 8.0
HEAVY = ("torch", "transformers", "onnxruntime", "lance", "pyarrow", "scipy", "pandas")
SCRIPT = """
import json, sys
from storysound.app.cli import commands, process
from storysound.encode.pool import Models
made, init = [], Models.__init__
def noted(self, *given):
    init(self, *given)
    made.append(self)
Models.__init__ = noted
sys.argv = ["storysound", *sys.argv[1:]]
code = commands._outcome()
loads = [dict(models.loads) for models in made]
print("LOADED", json.dumps([code, loads, sorted(sys.modules)]))
"""


@pytest.fixture
def sheet(tmp_path: Path) -> Path:
    film = video(tmp_path / "film.mp4", [0, 1], LENGTH_S / 2, voice(LENGTH_S, SPEECH[:1]))
    write_wav(tmp_path / "bed.wav", Waveform(tone(10.0, 330.0, 0.1), RATE_HZ))
    bed = Sound("bed.wav", str(tmp_path), 10.0, "music")
    cue = Cue("music-1", "music", 0.5, 7.5, bed, (Piece(0.0, 7.0, 0.5),), -6.0, 0.5, 0.5, 0.9, level_lufs=-18.0)
    story = reference_to(film)
    score = Score("film", LENGTH_S, 25.0, (), (cue,), story=story, original=story)
    write_json(score, tmp_path / "cues.json")
    return tmp_path / "cues.json"


def ran(*words: str | Path) -> tuple[int, list[dict[str, int]], set[str]]:
    """A command in a process of its own: how it ended, what each pool of models loaded, and all modules."""
    done = subprocess.run([sys.executable, "-c", SCRIPT, *map(str, words)], capture_output=True, text=True, timeout=120)
    line = next((line for line in done.stdout.splitlines() if line.startswith("LOADED ")), "")
    assert line, done.stderr
    code, loads, modules = json.loads(line.removeprefix("LOADED "))
    return code, loads, {name.partition(".")[0] for name in modules}


def test_an_edit_and_its_film_load_no_model_and_nothing_heavy(sheet: Path, tmp_path: Path) -> None:
    for words in (("cue", sheet, "gain", "music-1", "-3"), ("render", sheet, "-o", tmp_path / "scored.mp4")):
        code, loads, modules = ran(*words)
        assert (code, loads) == (0, [{}])
        assert modules.intersection(HEAVY) == set()
    assert read_audio(tmp_path / "scored.mp4").duration_s == pytest.approx(LENGTH_S, abs=0.05)


def test_each_track_that_was_scored_is_judged_as_it_is_delivered(tmp_path: Path) -> None:
    """A soft cue is heard in the pauses of one language, and drowns in the noise of another."""
    pictures = video(tmp_path / "pictures.mp4", [0], 4.0, None)
    loud = noise(4.0, channels=2, amplitude=0.4)
    talk = add_sounds(pictures, tmp_path / "film.mkv", {"eng": voice(4.0, SPEECH[:1]), "deu": loud}, default=(0,))
    write_wav(tmp_path / "bed.wav", Waveform(tone(6.0, 330.0, 0.01), RATE_HZ))
    bed = Sound("bed.wav", str(tmp_path), 6.0, "music")
    cue = Cue("music-1", "music", 0.0, 4.0, bed, (Piece(0.0, 4.0, 0.0),), 0.0, 0.2, 0.2, 0.9, level_lufs=-30.0)
    story, tracks = reference_to(talk), (OtherTrack(1, "deu"),)
    write_json(Score("film", 4.0, 25.0, (), (cue,), story=story, original=story, tracks=tracks), tmp_path / "c.json")
    result = run(RenderRequest(tmp_path / "c.json", tmp_path / "out.mkv"), make_models(), Watch())
    (main,), (other,) = result.score.verdicts, result.score.tracks[0].verdicts
    assert other.audible_db < -10 < main.audible_db
    assert other.faults[0].startswith("not ")
    (note,) = [note for note in result.notes if "track" in note]
    assert note == f"music-1 (bed.wav): {'; '.join(main.faults)}; on track 2: {other.faults[0]}"
    assert read_json(result.files["json"]).tracks == result.score.tracks


def test_all_of_a_film_begins_at_its_time_code(sheet: Path, tmp_path: Path) -> None:
    story = reference_to(film(tmp_path / "film.mov", Fraction(25), "01:00:00:00"))
    write_json(replace(read_json(sheet), story=story, original=None), sheet)
    files = run(RenderRequest(sheet, tmp_path / "out.wav", stems=tmp_path / "stems"), make_models(), Watch()).files
    for kind in ("otio", "stems"):
        timeline = otio.adapters.read_from_file(str(files[kind]))
        assert timeline.global_start_time.to_seconds() == 3600.0
        assert timeline.tracks[0][0].name == "film.mov"  # seen, though sound alone was asked for
    assert all(clip.media_reference.available_range.start_time.to_seconds() == 3600.0 for clip in timeline.find_clips())
    assert probe(files["music"]).tags["time_reference"] == str(3600 * RATE_HZ)
    assert ",01:00:00:12," in files["csv"].read_text("utf-8-sig")
