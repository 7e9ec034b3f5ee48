"""The examples of the Python face, on tiny media."""

import subprocess
import sys
from pathlib import Path

import pytest

import storysound as ss
from media.media_making import noise, tone, write_video
from storysound.compose.sounding import FONT
from storysound.media.audio import write_wav
from storysound.weights.resolver import Resolver

EXAMPLE = Path(__file__).parents[1] / "examples" / "python_face.py"


@pytest.mark.models
def test_the_example_scores_a_clip_or_gives_up(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    write_wav(tmp_path / "in" / "rain.wav", noise(4.0, 44100))
    write_wav(tmp_path / "in" / "tone.wav", tone(440, 4.0, 44100))
    write_video(tmp_path / "v.mp4", frames=24)
    ss.index(tmp_path / "in", tmp_path / "lib")
    words = [sys.executable, EXAMPLE, tmp_path / "v.mp4", tmp_path / "lib", tmp_path / "o.mp4"]
    done = subprocess.run(words, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "o.mp4").exists()
    assert "look" in done.stdout
    assert "100%" in done.stdout
    (tmp_path / "o.mp4").unlink()
    given_up = subprocess.run([*words[:-1], tmp_path / "b.mp4", "0.01"], capture_output=True, text=True)
    assert (given_up.returncode, given_up.stdout.splitlines()[-1]) == (130, "gave up; nothing was written")
    assert not list(tmp_path.glob("b.*"))


@pytest.mark.models
def test_the_example_of_annotations_describes_what_is_new(tmp_path: Path) -> None:
    write_video(tmp_path / "v.mp4", frames=24)
    words = [sys.executable, EXAMPLE.with_name("annotations.py"), tmp_path / "v.mp4", tmp_path / "out"]
    for told in ("1 new, 0 known", "0 new, 1 known"):
        done = subprocess.run(words, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        assert done.stdout.splitlines()[-1] == told
        assert "v.mp4 0-" in done.stdout


@pytest.mark.models
def test_the_example_of_composed_music_has_one_scene_played_by_others(tmp_path: Path) -> None:
    if not Resolver(offline=True).is_cached(FONT):
        pytest.skip("no SoundFont: storysound models pull soundfonts")
    write_video(tmp_path / "v.mp4", frames=24)
    words = [sys.executable, EXAMPLE.with_name("composed.py"), tmp_path / "v.mp4", tmp_path / "o.mp4"]
    done = subprocess.run(words, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "composed for the whole" in done.stdout
    assert done.stdout.splitlines()[-1] == "composed anew: music-1"
    names = {file.name.split("-")[0] for file in (tmp_path / "o.cues.made").iterdir()}
    assert names == {"orchestra", "piano"}
