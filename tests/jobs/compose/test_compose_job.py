"""`compose` from a file of scenes to a MIDI file, and what it says when the file is wrong."""

import json
from pathlib import Path
from typing import Any

import mido
import numpy as np
import pytest
from typer.testing import CliRunner

from media.soundfont.font_making import Recording, simple_font, sine
from storysound.app.cli.commands import app
from storysound.errors import InputError, MediaError, OutputError, UsageError
from storysound.jobs.compose.request import ComposeRequest
from storysound.media.audio import read_audio
from storysound.media.probe import probe
from storysound.session import Session

FORM: dict[str, Any] = {
    "duration_s": 40.0,
    "scenes": [
        {"start_s": 0, "end_s": 17.2, "valence": 0.8, "arousal": 0.3, "theme": "Anna"},
        {"start_s": 17.2, "end_s": 40, "valence": 0.2, "arousal": 0.8, "ensemble": "strings", "seed": 3},
    ],
    "cuts_s": [5.1, 9.0, 17.2, 22.4, 30.0, 39.0],
    "speech": [[2.0, 6.0]],
    "hits": [{"at_s": 30.0, "mark": "breath"}],
}


@pytest.fixture
def scenes(tmp_path: Path) -> Path:
    path = tmp_path / "scenes.json"
    path.write_text(json.dumps(FORM))
    return path


def test_scenes_become_a_midi_file(scenes: Path, tmp_path: Path) -> None:
    with Session() as session:
        result = session.compose(ComposeRequest(scenes, tmp_path / "out.mid", seed=2, ensemble="piano"))
    assert (result.length_s, result.seed, result.cuts) == (40.0, 2, 5)
    assert result.cuts_on_beats >= 3
    assert [scene.off_bar_s for scene in result.scenes] == [0.0, 0.0]
    assert result.scenes[1].bpm > result.scenes[0].bpm
    file = mido.MidiFile(str(tmp_path / "out.mid"))
    assert file.length == pytest.approx(40.0, abs=0.01)
    assert [track.name for track in file.tracks[1:]] == list(result.parts)
    assert {"Piano, right hand", "Violins"} & set(result.parts)


def test_the_command_shows_scenes_or_json(scenes: Path, tmp_path: Path) -> None:
    words = ["compose", "music", "--scenes", str(scenes), "--midi", str(tmp_path / "a.mid"), "--ensemble", "strings"]
    shown = CliRunner().invoke(app, words)
    assert shown.exit_code == 0, shown.output
    assert "17.20 s" in shown.stdout
    assert "of 5 cuts on beats" in shown.output
    told = CliRunner().invoke(app, [*words, "--json"])
    row = json.loads(told.stdout)
    assert row["ensemble"] == "strings"
    assert len(row["scenes"]) == 2


def changed(path: Path, **changes: Any) -> Path:
    path.write_text(json.dumps({**FORM, **changes}))
    return path


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"scenes": []}, "names no scene"),
        ({"scenes": [{"start_s": 0, "end_s": 9, "valence": 2, "arousal": 0.3}]}, "valence must lie in"),
        ({"scenes": [{"start_s": 0, "end_s": 9, "valence": "high", "arousal": 0.3}]}, r"scenes\[0\].valence|scenes"),
        ({"duration_s": 50}, "ends at 40 s, `duration_s` is 50"),
        ({"cuts_s": [41.0]}, "from 0 to 40 s, got 41"),
        ({"hits": [{"at_s": 1, "mark": "bang"}]}, "bang"),
        ({"speech": [[5.0, 2.0]]}, "start_s <= end_s"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_what_is_wrong_with_scenes_is_told(changes: dict[str, Any], fault: str, scenes: Path, tmp_path: Path) -> None:
    with Session() as session, pytest.raises(InputError, match=fault):
        session.compose(ComposeRequest(changed(scenes, **changes), tmp_path / "out.mid"))
    assert not (tmp_path / "out.mid").exists()


def test_files_that_cannot_be_read_or_written(scenes: Path, tmp_path: Path) -> None:
    (tmp_path / "broken.json").write_text("{")
    with Session() as session:
        for name in ("broken.json", "none.json"):
            with pytest.raises(InputError):
                session.compose(ComposeRequest(tmp_path / name, tmp_path / "out.mid"))
        with pytest.raises(OutputError):
            session.compose(ComposeRequest(scenes, scenes / "out.mid"))
        with pytest.raises(UsageError, match="ensemble: must be one of"):
            session.compose(ComposeRequest(scenes, tmp_path / "out.mid", ensemble="kazoo"))


@pytest.mark.parametrize("more", [{"midi": Path("a.wav")}, {"seed": -1}])
def test_requests_that_make_no_sense(more: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match=next(iter(more))):
        ComposeRequest(**{"scenes": Path("s.json"), "midi": Path("a.mid"), **more})


def test_scenes_become_sound_and_stems_that_add_up_to_it(scenes: Path, tmp_path: Path) -> None:
    font = simple_font(tmp_path / "sine.sf2", Recording(sine(220.0, height=0.1)))
    out, stems = tmp_path / "out.wav", tmp_path / "stems"
    with Session() as session:
        result = session.compose(ComposeRequest(scenes, out=out, stems=stems, ensemble="piano", font=font))
    assert (result.midi, result.out, result.credit) == ("", str(out), "sine.sf2")
    whole = read_audio(out)
    assert whole.samples.shape == (2, 40 * 48_000)
    assert len(result.stems) == len(result.parts) == len(list(stems.iterdir()))
    total = sum(read_audio(file).samples for file in result.stems)
    np.testing.assert_allclose(total, whole.samples, atol=len(result.stems) * 2e-7)
    assert np.abs(whole.samples).max() > 0.01
    tags = probe(out).tags
    assert "composed by Storysound, piano, seed 0; played with sine.sf2" in str(tags)


def test_an_edited_scene_leaves_the_sound_of_the_one_before_it(scenes: Path, tmp_path: Path) -> None:
    """Bit for bit, until the bar in which the other begins; what comes after hears its tails."""
    font = simple_font(tmp_path / "sine.sf2", Recording(sine(220.0, height=0.1)))
    other = changed(tmp_path / "other.json", scenes=[FORM["scenes"][0], {**FORM["scenes"][1], "seed": 9}])
    sounds = []
    with Session() as session:
        for number, file in enumerate((scenes, other)):
            out = tmp_path / f"{number}.wav"
            session.compose(ComposeRequest(file, out=out, font=font))
            sounds.append(read_audio(out).samples)
    before, after = (slice(0, int(17.1 * 48_000)), slice(int(17.2 * 48_000), None))
    assert (sounds[0][:, before] == sounds[1][:, before]).all()
    assert (sounds[0][:, after] != sounds[1][:, after]).any()


def test_sound_needs_a_font_and_something_to_write(scenes: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="name what to write"):
        ComposeRequest(scenes)
    bad = tmp_path / "bad.sf2"
    bad.write_bytes(b"RIFF")
    with Session() as session, pytest.raises(MediaError, match=r"bad\.sf2"):
        session.compose(ComposeRequest(scenes, out=tmp_path / "a.wav", font=bad))
    assert not (tmp_path / "a.wav").exists()
